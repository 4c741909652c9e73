"""The held-out errors of a card against the limits of its spec: figures, and what they come to."""

from collections.abc import Callable

from scipy import stats

from mtjspice.calibrate.errors import NOTHING
from mtjspice.calibrate.plan import HELD_INPUTS, NEW_TILES, SHORTED
from mtjspice.data.figures import Figure, Interval, Verdict, at_least, at_most, verdict_of
from mtjspice.surrogate.card import Card, HeldOut

MEASURES = {
    "rms": ("RMS error", "of full scale"),
    "p999": ("99.9th percentile of the error", "of full scale"),
    "maximum": ("largest error", "of full scale"),
    "equal_signs": ("equal signs of differences", "share"),
    "equal_codes": ("equal ADC codes", "share"),
}
"""Of a group of runs, in words, and their units."""
LEAST = 1e-300
"""In the place of a current of zero, for a quotient."""
MORE_TILES = "more tiles of this kind in the plan"


def verdict_of_card(card: Card, figures: list[Figure]) -> Verdict:
    """What the limits come to; nothing passes of which nothing was asked."""
    found = verdict_of(figures)
    if found is Verdict.PASS and not card.circuit.limits.of_errors:
        return Verdict.INCONCLUSIVE
    return found


def judge(card: Card, followed: dict[str, float]) -> list[Figure]:
    """Every figure of a card.

    A limit on runs that all failed does not hold.

    Args:
        card: with its errors.
        followed: how well access devices follow their sweeps, V.
    """
    limits = card.circuit.limits
    asked: dict[tuple[str, str], float | None] = {
        (NEW_TILES, "rms"): limits.new_tiles_rms,
        (NEW_TILES, "p999"): limits.new_tiles_p999,
        (NEW_TILES, "maximum"): limits.new_tiles_max,
        (HELD_INPUTS, "rms"): limits.new_inputs_rms,
        (HELD_INPUTS, "maximum"): limits.new_inputs_max,
        (SHORTED, "rms"): limits.shorts_rms,
        (NEW_TILES, "equal_signs"): limits.equal_signs,
        (HELD_INPUTS, "equal_signs"): limits.equal_signs,
    }
    figures = [
        _measured(line, measure, asked, limits.confidence)
        for line in card.errors
        for measure in MEASURES
        if getattr(line, measure) is not None
    ]
    for (group, measure), bound in asked.items():
        if bound is not None:
            name, why = (
                f"{group}, full: {MEASURES[measure][0]}",
                "no run of this group succeeded, or none has such a value",
            )
            figures.append(Figure(name, "not known", "", f"{bound:g}", False, why))
    figures += _of_bounds(card)
    figures += _of_signals(card)
    for device, volts in followed.items():
        how = "fit of the access device against its sweeps in ngspice"
        figures.append(at_most(f"access device, {device} thresholds", volts, None, "V", how))
    share = 1 - len(card.failed) / card.planned
    how = f"{card.planned} planned, {len(card.failed)} failed"
    least = limits.completed - 1e-9
    figures.append(at_least("simulations completed", share, least, "share", how))
    return figures


def _measured(
    line: HeldOut, measure: str, asked: dict[tuple[str, str], float | None], confidence: float
) -> Figure:
    """One number of a group, against its limit if there is one, which it takes from `asked`."""
    word, unit = MEASURES[measure]
    value: float = getattr(line, measure)
    limit = asked.pop((line.group, measure), None) if line.level == "full" else None
    how = f"{line.tiles} tiles, {line.reads} output currents; {line.level} − ngspice"
    interval = None
    if measure == "rms":
        if line.rms_low is not None and line.rms_high is not None:
            interval = Interval(line.rms_low, line.rms_high, confidence)
        elif limit is not None:
            interval = Interval(0.0, float("inf"), confidence)
            how += "; one tile says nothing of others"
    elif measure == "equal_signs":
        equal = round(value * line.differences)
        ends = stats.binomtest(equal, line.differences).proportion_ci(confidence, method="exact")
        interval = Interval(float(ends.low), float(ends.high), confidence)
        how += f"; {line.differences} differences, taken as independent"
    elif limit is not None:
        how += f"; {_population(line.tiles, confidence)}"
    kind: Callable[..., Figure] = at_least if measure.startswith("equal") else at_most
    name = f"{line.group}, {line.level}: {word}"
    return kind(name, value, limit, unit, how, interval, MORE_TILES)


def _population(tiles: int, confidence: float) -> str:
    """What a limit that all of so many random tiles keep says of others.

    If a share q of all tiles kept it, all of n would with the probability qⁿ: that is below one
    minus the confidence for any q below its n-th root.
    """
    share = (1 - confidence) ** (1 / tiles)
    return (
        "it stands for random inputs on these tiles; where all of them keep the limit, at least "
        f"{100 * share:.0f} % of tiles like these do ({100 * confidence:g} % confidence); what "
        "holds for every input is the bound of each tile"
    )


def _of_bounds(card: Card) -> list[Figure]:
    """The largest error of each group over the bound of its tile, always to be at most 1."""
    return [
        at_most(
            f"{line.group}: largest error over the bound of its tile",
            line.over_bound,
            1.0,
            "",
            f"{line.tiles} tiles, {line.by_nodal} of them read by the nodal solver; bounds from a "
            f"search on each tile, times {card.bound.margin:g}, and "
            f"{card.bound.nodal.bound:.1e} of full scale for the nodal solver "
            f"({card.bound.shorted.bound:.1e} on tiles with shorts)",
        )
        for line in card.errors
        if line.over_bound is not None
    ]


def _of_signals(card: Card) -> list[Figure]:
    """Errors by what the circuit gives: full scale says nothing of one that does not conduct."""
    return [
        at_most(
            f"{NEW_TILES}, full: RMS error by the current that the circuit gives",
            max(line.rms_high or line.rms, NOTHING) / max(line.signal, LEAST),
            card.circuit.limits.of_signal,
            "of the RMS current",
            f"{line.tiles} tiles, {line.reads} output currents in ngspice, whose RMS is "
            f"{line.signal:.2e} of full scale; the upper end of the RMS error, and at least "
            f"{NOTHING:g} of full scale, which is the simulator's own",
        )
        for line in card.errors
        if (line.group, line.level) == (NEW_TILES, "full")
    ]
