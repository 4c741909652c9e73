"""Does every output line tell what it has to: worst reads on either side of the threshold.

A line is low with at most `boundary` P cells among the driven rows, and high with `boundary + step`
or more. The worst low read is the largest voltage of a line that is low, over all patterns of the
whole array; the worst high read the smallest of one that is high. The margin of a line is the
smaller distance of the two from the threshold.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

import numpy as np
import torch
from torch import Tensor

from mtjspice.layout.access import Fitted
from mtjspice.layout.circuit import (
    Reads,
    blocks,
    read_experiment,
    rows_in_words,
    sense_volts,
)
from mtjspice.layout.findings import Finding, Floats, Shown, States
from mtjspice.layout.patterns import ALL_EXACT, search
from mtjspice.layout.quantities import Condition
from mtjspice.layout.reference import nominal_thresholds, reference_words
from mtjspice.layout.spread import Spread, in_turn
from mtjspice.spec.experiment import Experiment
from mtjspice.spec.layout import Layout

SIDES = ("low", "high")
DRAWN, DRAWN_SMALL = 2, 32
"""Random starts of a search for each line and side; more in a small array, where they are cheap."""
MOST_LINES = 32


@dataclass(frozen=True)
class Worst:
    """The patterns that are hardest to read on one side, for every block and line.

    Attributes:
        side: low or high.
        states: uint8 [block, line, row, column].
    """

    side: str
    states: States


@dataclass(frozen=True)
class Margins:
    """What lines come to under a condition.

    Attributes:
        low: float64 [block, line], largest voltage of a low line, V.
        high: float64 [block, line], smallest voltage of a high line, V.
        thresholds: float64 [block], V; they differ where reference cells give them.
    """

    low: Floats
    high: Floats
    thresholds: Floats

    @property
    def threshold(self) -> float:
        """That of the smallest margin, V."""
        return float(self.thresholds[self.worst[1]])

    @property
    def of_lines(self) -> Floats:
        """Margin of each line, V, [line]."""
        return np.asarray(self.of_sides.min((0, 1)))

    @property
    def of_sides(self) -> Floats:
        """Margin of each read, V, [side, block, line]."""
        own = self.thresholds[:, None]
        return np.stack([own - self.low, self.high - own])

    @property
    def worst_of_sides(self) -> tuple[tuple[str, int, int], ...]:
        """(side, block, line) of the smallest margin of either side."""
        found = []
        for side, margins in zip(SIDES, self.of_sides, strict=True):
            block, line = np.unravel_index(int(margins.argmin()), margins.shape)
            found.append((side, int(block), int(line)))
        return tuple(found)

    @property
    def worst(self) -> tuple[str, int, int]:
        """(side, block, line) of the smallest margin."""
        return self.worst_of_sides[int(self.of_sides.min((1, 2)).argmin())]


def worst_reads(
    layout: Layout, fitted: Fitted, most: int = MOST_LINES, spread: Spread = in_turn
) -> tuple[Worst, Worst]:
    """The hardest patterns of either side, by search; the layout is under its condition.

    Args:
        layout: under the condition.
        fitted: under the same.
        most: lines up to which each has a search of its own; of more, so many spread over the
            array have one, and the others take the pattern of the nearest of them.
        spread: how the searches are run.
    """
    lines = searched_lines(layout, most)
    nearest = np.abs(np.arange(layout.crossbar.columns)[:, None] - np.array(lines)).argmin(1)
    calls = [(layout, fitted, d, side, lines) for side in SIDES for d in blocks(layout)]
    # A line that had no search takes the pattern of the nearest that had, columns exchanged.
    every = [
        [_exchanged(best[n], lines[n], line) for line, n in enumerate(nearest)]
        for best in spread(_searched, calls)
    ]
    of_sides = np.array(every, dtype=np.uint8).reshape(2, -1, nearest.size, *layout.crossbar.shape)
    return Worst(SIDES[0], of_sides[0]), Worst(SIDES[1], of_sides[1])


def searched_lines(layout: Layout, most: int) -> list[int]:
    """The lines that have a search of their own, the first and the last among them."""
    columns = layout.crossbar.columns
    spread = np.linspace(0, columns - 1, min(columns, most))
    return [int(line) for line in dict.fromkeys(np.round(spread).astype(int))]


def _exchanged(states: States, one: int, other: int) -> States:
    order = np.arange(states.shape[1])
    order[[one, other]] = order[[other, one]]
    return np.asarray(states[:, order])


def _searched(
    layout: Layout, fitted: Fitted, driven: tuple[int, ...], side: str, lines: Sequence[int]
) -> States:
    """The hardest pattern of each line, uint8 [line, row, column]."""
    reads = Reads.of(layout, fitted.access, driven, leakage=fitted.leakage)
    sign = 1.0 if side == "low" else -1.0

    def objective(states: Tensor, which: Tensor) -> Tensor:
        array = reads.array(states)
        current = reads.answer(array).current[:, 0]
        return sign * sense_volts(layout, current)[torch.arange(len(states)), which]

    starts, targets = [], []
    for line in lines:
        of_line = side_starts(layout, driven, line, side)
        starts += of_line
        targets += [line] * len(of_line)
    swapped = np.zeros((len(starts), *layout.crossbar.shape), dtype=np.bool_)
    for k, line in enumerate(targets):
        swapped[k, list(driven), line] = True
    found = search(objective, np.array(starts, dtype=np.uint8), targets, swapped)
    each = len(starts) // len(lines)
    best = found.values.reshape(-1, each).argmax(1)
    of_lines = found.states.reshape(-1, each, *layout.crossbar.shape)
    return np.asarray(of_lines[np.arange(len(lines)), best])


def drawn_data(
    layout: Layout, driven: tuple[int, ...], count: int, chance: np.random.Generator
) -> States:
    """Random states with so many P cells among the driven rows of every column."""
    states = chance.integers(0, 2, layout.crossbar.shape).astype(np.uint8)
    order = chance.random((len(driven), layout.crossbar.columns)).argsort(0)
    states[list(driven)] = order >= count
    return states


def side_starts(layout: Layout, driven: tuple[int, ...], line: int, side: str) -> list[States]:
    """Patterns with the number of P cells that is hardest on a side, in one line.

    The P cells lie near the read-out or far from it, everything else is P or AP; and random ones.
    """
    count = layout.boundary + (0 if side == "low" else layout.sense.step)
    chance = np.random.default_rng([layout.seed, 10, line])
    small = layout.crossbar.rows * layout.crossbar.columns <= ALL_EXACT
    drawn = DRAWN_SMALL if small else DRAWN
    starts = [drawn_data(layout, driven, count, chance) for _ in range(drawn)]
    for others, near in ((0, side == "low"), (1, side == "low"), (1, side == "high")):
        states = np.full(layout.crossbar.shape, others, dtype=np.uint8)
        rows = list(driven)
        states[rows, line] = 1
        chosen = rows[len(rows) - count :] if near else rows[:count]
        states[chosen, line] = 0
        starts.append(states)
    return starts


def margins(
    layout: Layout, fitted: Fitted, worst: tuple[Worst, Worst], threshold: float | None
) -> Margins:
    """Read the hardest patterns of every line; the layout is under its condition.

    Args:
        layout: under the condition.
        fitted: under the same.
        worst: hardest patterns of both sides.
        threshold: V; the middle between the worst reads if None. Reference cells give their own.
    """
    sides = []
    for side in worst:
        of_blocks = []
        for driven, states in zip(blocks(layout), side.states, strict=True):
            reads = Reads.of(layout, fitted.access, driven, leakage=fitted.leakage)
            current = reads.currents(torch.from_numpy(states.astype(np.float64)))[:, 0]
            of_blocks.append(sense_volts(layout, current).diagonal().numpy())
        sides.append(np.stack(of_blocks))
    middle = float(sides[0].max() + sides[1].min()) / 2
    thresholds = nominal_thresholds(layout, fitted)
    if thresholds is None:
        thresholds = np.full(len(sides[0]), middle if threshold is None else threshold)
    return Margins(sides[0], sides[1], thresholds)


def fixed_threshold(layout: Layout, nominal: Margins) -> float | None:
    """The threshold that is kept under all conditions, V; None if it follows them.

    Args:
        layout: whose amplifier may have a threshold of its own.
        nominal: margins under nominal conditions, with the threshold in the middle.
    """
    if layout.sense.threshold != "fixed":
        return None
    if (latch := layout.periphery.latch) is not None:
        return latch.threshold
    return nominal.threshold


def margin_findings(
    layout: Layout, condition: Condition, found: Margins, worst: tuple[Worst, Worst]
) -> list[Finding]:
    """The smallest margin of all lines; the layout is under the condition."""
    side, block, line = found.worst
    smallest = float(found.of_lines.min())
    experiment = worst_experiment(layout, worst, side, block, line)
    where = f"column {line}, {side} side, worst pattern{rows_in_words(layout, block)}"
    where += threshold_words(layout)
    shown = Shown(column=line, side=side, given={"threshold": found.threshold})
    values = {"margin": smallest}
    if layout.sense.offset > 0:
        values["margin_sigmas"] = smallest / layout.sense.offset
    return [
        Finding(name, value, condition, "nodal", where, experiment, shown=shown)
        for name, value in values.items()
    ]


def threshold_words(layout: Layout) -> str:
    """What has to be said of the threshold beside every margin."""
    match layout.sense.threshold:
        case "tracking":
            return "; threshold tracks, at its best and without spread"
        case "reference":
            return f"; {reference_words(layout)}"
        case "fixed":
            return ""
        case _:
            assert_never(layout.sense.threshold)


def worst_experiment(
    layout: Layout, worst: tuple[Worst, Worst], side: str, block: int, line: int
) -> Experiment:
    """The read that has the smallest margin."""
    states = worst[SIDES.index(side)].states[block, line]
    return read_experiment(layout, states, blocks(layout)[block])
