"""Limits on errors, held against all tiles like those simulated where that can be known.

A plan simulates some ten tiles of a kind. What they say of others without taking anything for
granted about how errors are spread is little, and each limit is held against the most that can be
said:

- Every tile has a bound on its error, which a search over its inputs backs
  (`surrogate.programmed`), and tiles whose bound would be larger than what the card allows are read
  by the nodal solver. So there is a bound that no tile exceeds (`largest_bound`): limits above it
  hold for every tile and every input, as far as the bounds do, and no error that was simulated may
  be above the bound of its tile.
- The mean squares of what was drawn lie between zero and the square of that bound, whatever their
  distribution: `rms_interval` covers the root mean square of all tiles like these.
- The error by the current that the circuit gives is at most the upper end of that interval over
  the lower end of the same one of the currents (`signal_interval`).
- Else a limit holds, or not, for the tiles simulated, and the figure says so. How many of all tiles
  like these keep it is bounded by how many of those simulated do (`share_that_keeps`). Unless the
  spec asks for those simulated alone (``limits.tiles``), such a limit is not decided.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mtjspice.calibrate.errors import NOTHING, Reads, summary
from mtjspice.calibrate.plan import HELD_INPUTS, NEW_TILES, SHORTED
from mtjspice.spec.base import Floats
from mtjspice.spec.calibration import CardLimits
from mtjspice.surrogate.card import Card, HeldOut
from mtjspice.verdicts.figures import Figure, Interval, Verdict, at_least, at_most, kept
from mtjspice.verdicts.intervals import (
    Values,
    is_below,
    of_mean,
    of_share,
    samples_needed,
    values_of,
)

SIGNAL = "of_signal"
MEASURES = {
    "rms": ("RMS error", "of full scale"),
    "p999": ("99.9th percentile of the error", "of full scale"),
    "maximum": ("largest error", "of full scale"),
    "equal_signs": ("equal signs of differences", "share"),
    "equal_codes": ("equal ADC codes", "share"),
    SIGNAL: ("RMS error by the current that the circuit gives", "of the RMS current"),
}
"""Of a group of runs, in words, and their units."""
BOUNDED = ("rms", "p999", "maximum")
"""Measures that a bound of all errors bounds."""
LEAST = 1e-300
"""In the place of a current of zero, for a quotient."""
SIMULATED = "simulated"
"""How the names of figures end that say nothing of other tiles."""
MORE_TILES = "more random tiles (plan.held_tiles)"
"""What decides how errors stand to currents."""
NOTHING_DECIDES = 'to be asked of the tiles simulated alone (limits.tiles = "simulated")'
"""Of a limit that is never decided for others."""
BOUND_DECIDES = "a limit that the bound of every tile keeps"
"""Of a limit that these tiles keep and others may not."""


@dataclass(frozen=True)
class Asked:
    """A limit of the spec.

    Attributes:
        group: of runs.
        measure: of their errors.
        limit: the largest that it may be; of shares of what is equal the least.
    """

    group: str
    measure: str
    limit: float

    @property
    def name(self) -> str:
        """Of its figure, without what it was held against."""
        return f"{self.group}, full: {MEASURES[self.measure][0]}"

    @property
    def is_least(self) -> bool:
        """Whether more is better."""
        return self.measure.startswith("equal")

    def figure(
        self, against: str, value: float, how: str, interval: Interval | None = None
    ) -> Figure:
        """What it comes to, held against what its name then says."""
        kind: Callable[..., Figure] = at_least if self.is_least else at_most
        name = f"{self.name}, on {against}"
        return kind(name, value, self.limit, MEASURES[self.measure][1], how, interval)

    def holds(self, line: HeldOut) -> bool:
        """Whether some runs keep it; where there is no such value, nothing is broken."""
        value = measured(line, self.measure)
        return value is None or (value >= self.limit if self.is_least else value <= self.limit)


def asked_of(limits: CardLimits) -> list[Asked]:
    """Every limit on errors; the one on what the circuit gives is always there."""
    given = [
        (NEW_TILES, "rms", limits.new_tiles_rms),
        (NEW_TILES, "p999", limits.new_tiles_p999),
        (NEW_TILES, "maximum", limits.new_tiles_max),
        (HELD_INPUTS, "rms", limits.new_inputs_rms),
        (HELD_INPUTS, "maximum", limits.new_inputs_max),
        (SHORTED, "rms", limits.shorts_rms),
        (NEW_TILES, "equal_signs", limits.equal_signs),
        (HELD_INPUTS, "equal_signs", limits.equal_signs),
        (NEW_TILES, SIGNAL, limits.of_signal),
    ]
    return [Asked(group, what, limit) for group, what, limit in given if limit is not None]


def measured(line: HeldOut, measure: str) -> float | None:
    """A number of a group; full scale says nothing of a circuit that does not conduct."""
    if measure == SIGNAL:
        return max(line.rms, NOTHING) / max(line.signal, LEAST)
    value: float | None = getattr(line, measure)
    return value


def held(asked: Asked, card: Card, reads: Sequence[Reads], confidence: float) -> Figure:
    """A limit against all tiles like those simulated, or else against these.

    Args:
        asked: the limit.
        card: with its errors, its bounds and what its limits are meant for.
        reads: of the group at the level ``full``; a limit of which there are none does not hold.
        confidence: of this limit alone.
    """
    line = summary(asked.group, "full", reads) if reads else None
    value = None if line is None else measured(line, asked.measure)
    if line is None or value is None:
        why = "no run of this group succeeded, or none has such a value"
        return Figure(asked.name, "not known", "", f"{asked.limit:g}", False, why)
    tiles = "1 tile" if line.tiles == 1 else f"{line.tiles} tiles"
    seen = f"{tiles}, {line.reads} output currents; full − SPICE"
    most, needed = largest_bound(card), ""
    if asked.measure in BOUNDED and most is not None:
        if most <= asked.limit:
            how = f"{_bound_words(card)}; seen: {value:.2g} ({seen})"
            return asked.figure("every tile, by its bound", most, how)
        if asked.measure == "rms":
            squares, square = drawn(asked.group, reads, most)
            interval = rms_interval(squares, square, confidence)
            if kept(interval.low, interval.high, asked.limit, "<=") is not None:
                whose = f"the {tiles} for all inputs" if _chosen(asked) else "all tiles"
                how = f"{seen}; {_mean_words(square**0.5)}"
                return asked.figure(f"{whose} like these", value, how, interval)
            needed = _would_decide(asked, squares, square, confidence)
            deciding = f", which {needed} would decide" if needed else ""
            seen += f"; {_at_most(asked, interval)}{deciding}"
    if asked.measure == SIGNAL and most is not None:
        interval = signal_interval(asked.group, reads, most, confidence)
        if interval.high <= asked.limit:
            how = f"{seen}; error at most by current at least, for any distribution within bounds"
            return asked.figure("all tiles like these", value, how, interval)
        needed = MORE_TILES
        seen += f"; for all tiles like these it is at most {interval.high:.2g}"
    if _chosen(asked):
        seen += "; these tiles are chosen, and stand for no others"
    elif asked.measure != "rms":
        seen += f"; {_share_words(asked, reads, confidence)}"
    found = asked.figure(f"the {tiles} {SIMULATED}", value, seen)
    if card.circuit.limits.tiles == "all" and found.holds:
        decides = BOUND_DECIDES if asked.measure in BOUNDED else NOTHING_DECIDES
        return replace(found, holds=None, needed=needed or decides)
    return found


def largest_bound(card: Card) -> float | None:
    """What bounds the error of every tile in the card's range, share of full scale.

    None where an error that was simulated is above the bound of its tile: then none is to be
    relied on.
    """
    if any(line.over_bound is not None and line.over_bound > 1 for line in card.errors):
        return None
    return card.bound.expansion + max(card.bound.nodal.bound, card.bound.shorted.bound)


def drawn(group: str, reads: Sequence[Reads], most: float) -> tuple[Floats, float]:
    """Mean squares of what was drawn at random, and the largest that one of them can be.

    Reads of a tile have its states and its spread in common, so that the tiles are the sample.
    Those of the calibration are chosen; what is drawn are their inputs, as many for each: one
    vector of each tile together is a sample.
    """
    squares = [np.square(one.errors).mean(axis=1) for one in reads]
    if group != HELD_INPUTS:
        return np.array([one.mean() for one in squares]), most**2
    own = [most if one.bound is None else one.bound for one in reads]
    return np.mean(squares, axis=0), float(np.square(own).mean())


def rms_interval(squares: Floats, largest: float, confidence: float) -> Interval:
    """Where the root mean square of all like these lies, from independent mean squares.

    It covers whatever their distribution is, by `of_mean`, and is wide: n mean squares near zero
    have to leave room for a share 1 − (α/2)^(1/n) of others at the largest.

    Args:
        squares: [sample], from 0 to `largest`.
        largest: that one can be.
        confidence: 0 to 1, two-sided.
    """
    found = of_mean(_values(squares, largest), confidence)
    low, high = ((largest * max(end, 0.0)) ** 0.5 for end in (found.low, found.high))
    return Interval(low, high, confidence)


def signal_interval(group: str, reads: Sequence[Reads], most: float, confidence: float) -> Interval:
    """Where the RMS error over the RMS current of all tiles like these lies, at most.

    Half of the doubt is that of the errors, half that of the currents. Mean squares of currents
    beyond full scale count as full scale, so that the lower end is one all the same.

    Args:
        group: of runs on tiles that were drawn at random.
        reads: of each tile.
        most: largest error of any tile, share of full scale.
        confidence: 0 to 1.
    """
    each = 1 - (1 - confidence) / 2
    errors = rms_interval(*drawn(group, reads, most), each)
    currents = np.array([np.square(one.spice / one.full_scale).mean() for one in reads])
    signal = rms_interval(currents, 1.0, each)
    return Interval(0.0, max(errors.high, NOTHING) / max(signal.low, LEAST), confidence)


def share_that_keeps(count: int, tiles: int, confidence: float) -> float:
    """Least share of all tiles that keep what so many of some random ones do, one-sided.

    Of C. J. Clopper and E. S. Pearson; where all n keep it, the n-th root of the doubt.
    """
    return of_share(count, tiles, 2 * confidence - 1).low


def reach(card: Card, figures: Sequence[Figure]) -> str:
    """What the limits on errors were held against, in a sentence."""
    limits = card.circuit.limits
    few = sum(figure.name.endswith(SIMULATED) for figure in figures)
    others = len(asked_of(limits)) - few
    known = "held on" if limits.tiles == "simulated" else "decided for"
    return (
        f"of the limits on errors {few} are {known} the tiles simulated only (the report says what "
        f"is known of others), and {others} on all tiles or inputs like these, "
        f"{100 * limits.confidence:g} % sure for all together"
    )


def statement(card: Card, verdict: Verdict, figures: Sequence[Figure]) -> str:
    """The verdict, with how many limits of a pass say nothing of other tiles."""
    few = sum(figure.name.endswith(SIMULATED) for figure in figures)
    if verdict is not Verdict.PASS or not few:
        return verdict.upper()
    asked = len(asked_of(card.circuit.limits))
    hold = "limit on errors holds" if asked == 1 else "limits on errors hold"
    return f"{verdict.upper()}, but {few} of {asked} {hold} on the tiles simulated only"


def _chosen(asked: Asked) -> bool:
    """Whether the tiles of a group are chosen, so that they stand for no others."""
    return asked.group == HELD_INPUTS


def _values(squares: Floats, largest: float) -> Values:
    return values_of(np.minimum(squares / largest, 1.0), (0.0, 1.0))


def _at_most(asked: Asked, interval: Interval) -> str:
    """What is known of others where their root mean square is not decided."""
    whose = "all inputs" if _chosen(asked) else "all tiles"
    return (
        f"for {whose} like these it is at most {interval.high:.2g} "
        f"({100 * interval.confidence:.4g} % confidence, for any distribution within the bounds)"
    )


def _would_decide(asked: Asked, squares: Floats, largest: float, confidence: float) -> str:
    """How many samples would decide that a limit holds for all; empty where none would."""
    values, part = _values(squares, largest), asked.limit**2 / largest
    if not values.mean < part:
        return ""
    needed = samples_needed(
        values.total, lambda n: is_below(values.times(n / values.total), part, confidence)
    )
    what = "vectors a tile" if _chosen(asked) else "tiles"
    return "" if needed is None else f"some {needed} {what}"


def _share_words(asked: Asked, reads: Sequence[Reads], confidence: float) -> str:
    """How many tiles keep a limit, of those simulated and of all like them."""
    count = sum(asked.holds(summary(asked.group, "full", [one])) for one in reads)
    share = share_that_keeps(count, len(reads), confidence)
    return (
        f"{count} of {len(reads)} keep it each, so that at least {100 * share:.0f} % of all tiles "
        f"like these do, for random inputs ({100 * confidence:.4g} % confidence)"
    )


def _bound_words(card: Card) -> str:
    """Where the bound of all tiles comes from."""
    solver = max(card.bound.nodal.bound, card.bound.shorted.bound)
    return (
        f"no tile has a larger bound, for any inputs: {card.bound.margin:g} times what a search "
        f"finds, at most {card.bound.expansion:g}, beyond which the nodal solver reads the tile, "
        f"and {solver:.1e} for that solver; no error simulated is above the bound of its tile"
    )


def _mean_words(most: float) -> str:
    return f"by betting, for any distribution within the bounds of tiles (RMS {most:.2g} at most)"
