"""Numbers that the report of a sign-off states, worked out from what was read on the dies."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mtjspice.signoff.findings import (
    AUDIT,
    UNSAFE,
    DieRead,
    Flags,
    Flip,
    Floats,
    Ints,
    Judged,
    Known,
    SignOffStory,
)

KINDS = ("class", "sign", "level")


@dataclass(frozen=True)
class DieLine:
    """What is stated of one die under one condition. Accuracies are shares of the images.

    Attributes:
        condition: corner and temperature.
        die: name.
        images: how many.
        simulated: of them.
        unsafe: of those, because they were not safe.
        audited: of those, drawn at random.
        software: accuracy of the weights as numbers.
        surrogate: accuracy at the surrogate's level.
        spice: accuracy in SPICE; what was not simulated counts as the surrogate has it.
        compared: accuracy that drops are counted from: software's, or the reference's.
        low: lower end of where the accuracy in SPICE lies for all images like these, every
            statement of the report together.
        high: upper end of it.
        lost_low: lower end of where the accuracy lies that is lost.
        lost_high: upper end of it.
        flips: classes that differ.
        level_flips: levels that differ.
        safety: least lead of a class over the bound of its error.
        margin: least lead of a class that the surrogate has right, in SPICE where simulated; not a
            number without one.
        error: root mean square of SPICE minus surrogate, share of full scale.
        largest_error: of a line.
        above_bound: lines whose largest error is above the bound of its tile.
        clipped: share of the amplifiers' outputs at a limit, surrogate.
        spice_clipped: the same in SPICE.
        defects: number of defects.
        tiles: in use.
        by_nodal: of those, read by the nodal solver in the place of the expansion.
        broken: names of the limits of a die that it breaks, for all images like these.
        undecided: names of those that are not decided.
    """

    condition: str
    die: str
    images: int
    simulated: int
    unsafe: int
    audited: int
    software: float
    surrogate: float
    spice: float
    compared: float
    low: float
    high: float
    lost_low: float
    lost_high: float
    flips: int
    level_flips: int
    safety: float
    margin: float
    error: float
    largest_error: float
    above_bound: int
    clipped: float
    spice_clipped: float
    defects: int
    tiles: int
    by_nodal: int
    broken: tuple[str, ...]
    undecided: tuple[str, ...]

    @property
    def drop(self) -> float:
        """Accuracy that is lost in SPICE."""
        return self.compared - self.spice

    @property
    def fails(self) -> bool:
        """Whether it breaks a limit of a die."""
        return bool(self.broken)


def die_lines(labels: Ints, judged: Judged, known: Known) -> list[DieLine]:
    """A line for each die, in their order."""
    return [_line(labels, judged.condition, die, k, known) for k, die in enumerate(judged.dies)]


def _line(labels: Ints, condition: str, die: DieRead, k: int, known: Known) -> DieLine:
    return DieLine(
        condition=condition,
        die=die.name,
        images=labels.size,
        simulated=int(die.simulated.sum()),
        unsafe=int((die.why == UNSAFE).sum()),
        audited=int((die.why == AUDIT).sum()),
        software=_mean(die.software == labels),
        surrogate=_mean(die.surrogate == labels),
        spice=_mean(die.final == labels),
        compared=known.compared[k],
        low=known.of_dies[k].low,
        high=known.of_dies[k].high,
        lost_low=known.lost_on_dies[k].low,
        lost_high=known.lost_on_dies[k].high,
        flips=int(die.flipped.sum()),
        level_flips=int(die.level_flips.sum()),
        safety=_smallest(die.safety),
        margin=die.worst_margin(labels)[0],
        error=root_mean_square(die.error),
        largest_error=_largest(die.largest_error),
        above_bound=int((die.largest_error > die.bound[:, None]).sum()),
        clipped=die.clipped,
        spice_clipped=die.spice_clipped,
        defects=die.defects,
        tiles=die.bound.size,
        by_nodal=die.by_nodal,
        broken=tuple(name for name, dies in known.held.items() if dies[k] is False),
        undecided=tuple(name for name, dies in known.held.items() if dies[k] is None),
    )


@dataclass(frozen=True)
class ConditionLine:
    """What is stated of all dies under one condition.

    Attributes:
        judged: what was read.
        known: where everything lies for all images like these.
        dies: a line for each.
        software: mean accuracy of the weights as numbers.
        surrogate: mean accuracy at the surrogate's level.
        spice: mean accuracy in SPICE.
        least: the same for all images like these, at the lower end.
        apart: largest difference of a die's accuracy between surrogate and SPICE.
        most_flips: flips that the statement leaves to what was not simulated.
    """

    judged: Judged
    known: Known
    dies: tuple[DieLine, ...]
    software: float
    surrogate: float
    spice: float
    least: float
    apart: float
    most_flips: int

    @property
    def condition(self) -> str:
        """Corner and temperature."""
        return self.judged.condition

    @property
    def worst(self) -> DieLine:
        """The die with the least accuracy in SPICE."""
        return min(self.dies, key=lambda line: line.spice)

    @property
    def failing(self) -> list[DieLine]:
        """Dies that break a limit of a die."""
        return [line for line in self.dies if line.fails]

    @property
    def undecided(self) -> list[DieLine]:
        """Dies that may keep their limits or not."""
        return [line for line in self.dies if line.undecided and not line.fails]

    @property
    def flips(self) -> int:
        """Classes that differ."""
        return sum(line.flips for line in self.dies)

    @property
    def skipped(self) -> int:
        """Images that were not simulated, on all dies."""
        return self.judged.statement.images - self.judged.statement.simulated

    @property
    def share(self) -> float:
        """Share of the images that was simulated."""
        return self.judged.statement.simulated / max(self.judged.statement.images, 1)

    @property
    def times_less(self) -> float:
        """How many times less was simulated than everything."""
        simulated = self.judged.statement.simulated
        return self.judged.statement.images / simulated if simulated else math.inf


def condition_line(story: SignOffStory, judged: Judged, known: Known) -> ConditionLine:
    """Means over the dies, and where they end."""
    lines = die_lines(story.labels, judged, known)
    spice = _mean([line.spice for line in lines])
    statement = judged.statement
    return ConditionLine(
        judged=judged,
        known=known,
        dies=tuple(lines),
        software=_mean([line.software for line in lines]),
        surrogate=_mean([line.surrogate for line in lines]),
        spice=spice,
        least=known.accuracy.low,
        apart=max(abs(line.spice - line.surrogate) for line in lines),
        most_flips=statement.left,
    )


def condition_lines(story: SignOffStory) -> list[ConditionLine]:
    """A line for each condition, in their order."""
    return [
        condition_line(story, judged, known)
        for judged, known in zip(story.judged, story.known, strict=True)
    ]


def kinds_of(flips: Sequence[Flip]) -> dict[str, dict[str, int]]:
    """Number of flips of each kind, those that the error bound allows and those it does not."""
    counts = Counter((str(flip.kind), flip.possible) for flip in flips)
    return {
        kind: {"possible": counts[kind, True], "impossible": counts[kind, False]} for kind in KINDS
    }


def noticed(story: SignOffStory) -> list[Flip]:
    """Flips of classes, what needs looking at first.

    Those that the bound does not allow, then those that make a right class wrong, then the others;
    each by the surrogate's lead, the largest first.
    """
    order = []
    dies = {(j.condition, die.name): die for j in story.judged for die in j.dies}
    for judged in story.judged:
        for flip in judged.flips:
            if flip.kind == "class":
                place = story.place(flip.image)
                lead = float(dies[flip.condition, flip.die].lead[place])
                was_right = flip.surrogate == int(story.labels[place])
                order.append(((flip.possible, not was_right, -lead), flip))
    return [flip for _, flip in sorted(order, key=lambda pair: pair[0])]


@dataclass(frozen=True)
class Tiles:
    """Errors by place, over all dies under one condition, or on one die.

    Attributes:
        error: float64 [tile, line], root mean square, share of full scale; nan where none was read.
        flips: float64 [tile, line], levels that differ for a read; nan where none was read.
        largest: float64 [tile, line], largest magnitude.
    """

    error: Floats
    flips: Floats
    largest: Floats


def tiles_of(dies: Sequence[DieRead]) -> Tiles:
    """Errors of every line over the dies, each die counted alike."""
    read = [die for die in dies if die.reads > 0]
    if not read:
        nothing = np.full(dies[0].error.shape, np.nan)
        return Tiles(nothing, nothing, nothing)
    per_read = [die.level_flips / die.reads for die in read]
    known = np.stack([die.error for die in read])
    count = np.isfinite(known).sum(axis=0)
    squares = np.nansum(known**2, axis=0) / np.maximum(count, 1)
    error = np.where(count > 0, np.sqrt(squares), np.nan)
    largest = np.fmax.reduce([die.largest_error for die in read])
    return Tiles(error, np.where(count > 0, np.mean(per_read, axis=0), np.nan), largest)


def layer_of(layers: Sequence[int], tile: int) -> int:
    """Number of the layer that a tile belongs to, counted from 1."""
    return int(np.searchsorted(layers, tile, side="right"))


def root_mean_square(values: Floats) -> float:
    """Of what is known; not a number if nothing is."""
    known = values[np.isfinite(values)]
    return float(np.sqrt(np.mean(known**2))) if known.size else math.nan


def _smallest(values: Floats) -> float:
    known = values[~np.isnan(values)]
    return float(known.min()) if known.size else math.nan


def _largest(values: Floats) -> float:
    known = values[~np.isnan(values)]
    return float(known.max()) if known.size else math.nan


def _mean(values: Sequence[float] | Flags) -> float:
    return float(np.mean(values))
