"""How many arrays come out good: Monte Carlo over spread, mismatch, offsets and defects.

Each sample is an array as it leaves the factory. All its rows are read, group by group as the
layout drives them, twice: with random data in which every line is as close to the threshold as it
can be, once all low, once all high. Every read has data of its own, as the cells that are not read
may hold anything. A line is bad if one of its reads is wrong. The nodal solver reads all samples;
SPICE reads the worst group of some of the same ones, draw by draw.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from mtjspice.collect.simulator import Simulator
from mtjspice.device.dies import draw_die
from mtjspice.device.variation import common_spread
from mtjspice.layout.access import Fitted
from mtjspice.layout.circuit import (
    CHUNK,
    TOLERANCE,
    full_scale,
    read_experiment,
    sense_volts,
)
from mtjspice.layout.findings import Finding, Floats, Sampled, Shown, States, Yield
from mtjspice.layout.quantities import Condition
from mtjspice.layout.reference import drawn_thresholds
from mtjspice.layout.sense import SIDES, drawn_data, threshold_words
from mtjspice.layout.spread import Spread, in_turn
from mtjspice.solver import nodal
from mtjspice.solver.array import array_of
from mtjspice.solver.draws import Memory
from mtjspice.solver.rows import has_broken_lines, needed_rows
from mtjspice.spec.die import Die
from mtjspice.spec.experiment import Experiment
from mtjspice.spec.layout import Layout
from mtjspice.verdicts.intervals import of_share

AT_A_TIME = 200
"""Most reads that are solved together."""
EACH = 40
"""Samples of one call: every worker gets some, and keeps what they have drawn."""


@dataclass(frozen=True)
class Sample:
    """One array.

    Attributes:
        lows: its reads with low data, one a group of rows.
        highs: the same with high data.
        offsets: of its lines, V, [line].
    """

    lows: tuple[Experiment, ...]
    highs: tuple[Experiment, ...]
    offsets: Floats


def draw_samples(layout: Layout, count: int) -> list[Sample]:
    """The first `count` arrays of the layout's seed; it is under its condition."""
    return [_drawn(layout, k) for k in range(count)]


def _drawn(layout: Layout, k: int) -> Sample:
    shape = layout.crossbar.shape
    chance = np.random.default_rng([layout.seed, 8, k])
    die = draw_die(layout.die, layout.defects.rates, shape, 1, int(chance.integers(2**62)), index=0)
    groups = row_groups(layout)
    low, high = (
        tuple(
            _read(layout, drawn_data(layout, driven, layout.boundary + more, chance), driven, die)
            for driven in groups
        )
        for more in (0, layout.sense.step)
    )
    return Sample(low, high, layout.sense.offset * chance.standard_normal(shape[1]))


def row_groups(layout: Layout) -> tuple[tuple[int, ...], ...]:
    """All rows, in the groups in which they are driven.

    Where the number of rows is no multiple of that of a group, the last group begins earlier and
    has some rows of the one before.
    """
    rows, count = layout.crossbar.rows, layout.rows_read
    starts = [min(start, rows - count) for start in range(0, rows, count)]
    return tuple(tuple(range(start, start + count)) for start in starts)


def _read(layout: Layout, states: States, driven: tuple[int, ...], die: Die) -> Experiment:
    return read_experiment(layout, states, driven, die=die)


def nodal_currents(fitted: Fitted, experiments: Sequence[Experiment]) -> Floats:
    """Output currents of reads that differ in tile, die and driven rows, A, [read, column].

    Reads of the same rows are solved together; rows that carry no current are left out. What dies
    have drawn is kept from read to read.
    """
    groups: dict[object, list[int]] = {}
    leakage = fitted.leakage
    rows = [needed_rows(e, leaking=leakage is not None) for e in experiments]
    for k, e in enumerate(experiments):
        groups.setdefault((e.driven_rows, rows[k], has_broken_lines(e)), []).append(k)
    memory: Memory = {}
    found = np.zeros((len(experiments), experiments[0].crossbar.columns))
    for of_group in groups.values():
        cells = len(rows[of_group[0]]) * found.shape[1]
        each = max(1, min(AT_A_TIME, CHUNK // cells))
        for first in range(0, len(of_group), each):
            some = of_group[first : first + each]
            reads = [experiments[k] for k in some]
            array = array_of(
                reads, fitted.access, leakage=leakage, kept=rows[some[0]], memory=memory
            )
            volts = torch.from_numpy(reads[0].stimulus.volts.copy())
            with torch.no_grad():
                solution = nodal.solve(array, volts, tolerance=TOLERANCE)
            found[some] = nodal.column_currents(array, solution)[:, 0].numpy()
    return found


def line_margins(
    layout: Layout, threshold: float | Floats, currents: Floats, offsets: Floats
) -> Floats:
    """The smaller margin of every line, V, [sample, line]; arguments as `side_margins`."""
    return np.asarray(side_margins(layout, threshold, currents, offsets).min(0))


def group_margins(layout: Layout, thresholds: Floats, currents: Floats, offsets: Floats) -> Floats:
    """As `side_margins`, of currents [side, sample, group, line]: [side, sample, group, line].

    Thresholds are those of [sample, group].
    """
    return side_margins(layout, thresholds[..., None], currents, offsets[:, None])


def side_margins(
    layout: Layout, threshold: float | Floats, currents: Floats, offsets: Floats
) -> Floats:
    """Margin of every line on either side, V, [side, sample, line]; its offset included.

    Args:
        layout: under its condition.
        threshold: V; of all, or of each sample, [sample, 1].
        currents: [side, sample, line], of the low reads and of the high ones, A.
        offsets: [sample, line], V.
    """
    volts = sense_volts(layout, torch.from_numpy(currents)).numpy()
    own = threshold + offsets
    return np.stack([own - volts[0], volts[1] - own])


def estimate_yield(
    layout: Layout,
    condition: Condition,
    fitted: Fitted,
    threshold: float,
    simulator: Simulator,
    spread: Spread = in_turn,
) -> tuple[Yield, Finding]:
    """The yield under a condition, which the layout is under; and the array that is worst.

    Reference cells are drawn with every array, and give its thresholds in the place of the given
    one.

    Raises:
        SimulationError: if the simulator fails at a sample of the audit.
    """
    plan = layout.monte_carlo
    calls = [
        (layout, fitted, threshold, first, min(first + EACH, plan.samples))
        for first in range(0, plan.samples, EACH)
    ]
    currents, offsets, of_calls = zip(*spread(_drawn_and_read, calls), strict=True)
    thresholds = np.concatenate(of_calls)
    margins = group_margins(
        layout, thresholds, np.concatenate(currents, axis=1), np.concatenate(offsets)
    )
    of_lines = margins.min((0, 2))
    good = (of_lines <= 0).sum(1) <= layout.defects.bad_lines
    audited = np.linspace(0, plan.samples - 1, max(1, round(plan.audit * plan.samples))).astype(int)
    audit = _audit(layout, thresholds, margins, currents, audited, simulator)
    bounds = of_share(good.sum(), good.size, plan.confidence)
    found = Yield(
        condition=condition,
        samples=good.size,
        good=int(good.sum()),
        low=bounds.low,
        high=bounds.high,
        confidence=plan.confidence,
        lines=of_lines.size,
        bad_lines=int((of_lines <= 0).sum()),
        margins=of_lines.min(1),
        audited=len(audited),
        audited_good=audit.good,
        audited_apart=audit.apart,
        audit_margin=audit.margin,
        audit_current=audit.current / full_scale(layout),
        bound=fitted.bound,
    )
    side, k, group, line = np.unravel_index(int(margins.argmin()), margins.shape)
    worst = _drawn(layout, int(k))
    experiment = (worst.lows if side == 0 else worst.highs)[group]
    where = f"{good.sum()} of {good.size} arrays good; the worst in column {line}"
    where += threshold_words(layout)
    given = {"threshold": float(thresholds[k, group]), "offset": float(worst.offsets[line])}
    shown = Shown(column=int(line), side=SIDES[side], given=given)
    told = Sampled(float(good.mean()), bounds, good.size, "monte_carlo.samples")
    return found, Finding(
        "array_yield", bounds.low, condition, "nodal", where, experiment, told, shown=shown
    )


def _drawn_and_read(
    layout: Layout, fitted: Fitted, threshold: float, first: int, end: int
) -> tuple[Floats, Floats, Floats]:
    """Currents of some samples, as `sample_currents`; offsets [sample, line]; thresholds.

    Thresholds are those of [sample, group], V: the given one, or what reference cells make of it.
    """
    some, groups = [_drawn(layout, k) for k in range(first, end)], row_groups(layout)
    common = np.array([common_spread(one.lows[0].die) for one in some])
    thresholds = drawn_thresholds(layout, fitted, groups, common, range(first, end))
    if thresholds is None:
        thresholds = np.full((len(some), len(groups)), threshold)
    return sample_currents(fitted, some), np.stack([one.offsets for one in some]), thresholds


def sample_currents(fitted: Fitted, samples: Sequence[Sample]) -> Floats:
    """Output currents of all reads of samples, A, [side, sample, group, column]."""
    reads = [read for s in samples for read in (*s.lows, *s.highs)]
    currents = nodal_currents(fitted, reads)
    return np.moveaxis(currents.reshape(len(samples), 2, -1, currents.shape[-1]), 0, 1)


@dataclass(frozen=True)
class _Audit:
    """What SPICE says of some samples: of each the group of rows with its smallest margin.

    Attributes:
        good: of these, good in the nodal solver and in SPICE.
        apart: good in one of both only.
        margin: largest difference of a line's margin, V.
        current: largest difference of an output current, A.
    """

    good: tuple[int, int]
    apart: int
    margin: float
    current: float


def _audit(
    layout: Layout,
    thresholds: Floats,
    margins: Floats,
    currents: Sequence[Floats],
    audited: npt.NDArray[np.int64],
    simulator: Simulator,
) -> _Audit:
    samples = [_drawn(layout, int(k)) for k in audited]
    worst = margins[:, audited].min((0, 3)).argmin(1)  # the group, [sample]
    reads = [s.lows[g] for s, g in zip(samples, worst, strict=True)]
    reads += [s.highs[g] for s, g in zip(samples, worst, strict=True)]
    results = simulator.run(reads)
    theirs = np.stack([r["current"].to_numpy()[0] for r in results])
    theirs = theirs.reshape(2, len(audited), -1)
    offsets = np.stack([s.offsets for s in samples])
    spice = line_margins(layout, thresholds[audited, worst][:, None], theirs, offsets)
    ours = np.stack([margins[:, k, g] for k, g in zip(audited, worst, strict=True)]).min(1)
    most = layout.defects.bad_lines
    good, spice_good = ((found <= 0).sum(1) <= most for found in (ours, spice))
    own = np.concatenate(currents, axis=1)
    solved = np.stack([own[:, k, g] for k, g in zip(audited, worst, strict=True)], axis=1)
    return _Audit(
        good=(int(good.sum()), int(spice_good.sum())),
        apart=int((good != spice_good).sum()),
        margin=float(np.abs(ours - spice).max()),
        current=float(np.abs(solved - theirs).max()),
    )
