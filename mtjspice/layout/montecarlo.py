"""How many arrays come out good: Monte Carlo over spread, mismatch, offsets and defects.

Each sample is an array as it leaves the factory. It is read twice, with random data in which every
line is as close to the threshold as it can be: once all lines are low, once all are high. The nodal
solver reads all samples; ngspice reads some of the same ones, draw by draw.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy import stats

from mtjspice.collect.simulator import Progress, Simulator
from mtjspice.data.layout import Condition, Finding, Floats, States, Yield
from mtjspice.device.dies import draw_die
from mtjspice.layout.access import Fitted
from mtjspice.layout.circuit import (
    TOLERANCE,
    blocks,
    full_scale,
    read_experiment,
    sense_volts,
)
from mtjspice.layout.sense import drawn_data
from mtjspice.layout.spread import Spread, in_turn
from mtjspice.spec.die import Die
from mtjspice.spec.experiment import Experiment
from mtjspice.spec.layout import Layout
from mtjspice.surrogate import nodal
from mtjspice.surrogate.array import array_of

AT_A_TIME = 200
"""Samples that are solved together."""
LINE_DEFECTS = frozenset({"dead_row", "dead_column", "bridged_rows", "bridged_columns"})


@dataclass(frozen=True)
class Sample:
    """One array: its two reads, and the offsets of its lines, V, [line]."""

    low: Experiment
    high: Experiment
    offsets: Floats


def draw_samples(layout: Layout, count: int) -> list[Sample]:
    """The first `count` arrays of the layout's seed; it is under its condition."""
    return [_drawn(layout, k) for k in range(count)]


def _drawn(layout: Layout, k: int) -> Sample:
    shape = layout.crossbar.shape
    chance = np.random.default_rng([layout.seed, 8, k])
    die = draw_die(layout.die, layout.defects.rates, shape, 1, int(chance.integers(2**62)), index=0)
    groups = blocks(layout)
    driven = groups[int(chance.integers(len(groups)))]
    low, high = (
        drawn_data(layout, driven, layout.boundary + more, chance)
        for more in (0, layout.sense.step)
    )
    return Sample(
        low=_read(layout, low, driven, die),
        high=_read(layout, high, driven, die),
        offsets=layout.sense.offset * chance.standard_normal(shape[1]),
    )


def _read(layout: Layout, states: States, driven: tuple[int, ...], die: Die) -> Experiment:
    return read_experiment(layout, states, driven, die=die)


def nodal_currents(
    fitted: Fitted, experiments: Sequence[Experiment], spread: Spread = in_turn
) -> Floats:
    """Output currents of reads that differ in tile, die and driven rows, A, [read, column]."""
    groups: dict[object, list[int]] = {}
    for k, experiment in enumerate(experiments):
        broken = any(d.kind in LINE_DEFECTS for d in experiment.die.defects)
        groups.setdefault((experiment.driven_rows, broken), []).append(k)
    chunks = [
        of_group[first : first + AT_A_TIME]
        for of_group in groups.values()
        for first in range(0, len(of_group), AT_A_TIME)
    ]
    calls = [(fitted, [experiments[k] for k in chunk]) for chunk in chunks]
    found: dict[int, Floats] = {}
    for chunk, current in zip(chunks, spread(_solved, calls), strict=True):
        found |= dict(zip(chunk, current, strict=True))
    return np.stack([found[k] for k in range(len(experiments))])


def _solved(fitted: Fitted, experiments: Sequence[Experiment]) -> Floats:
    """The same for reads that drive the same rows, of one input vector."""
    array = array_of(experiments, fitted.access)
    volts = torch.from_numpy(experiments[0].stimulus.volts.copy())
    with torch.no_grad():
        solution = nodal.solve(array, volts, tolerance=TOLERANCE)
        return nodal.column_currents(array, solution)[:, 0].numpy()


def line_margins(layout: Layout, threshold: float, currents: Floats, offsets: Floats) -> Floats:
    """The smaller margin of every line, V, [sample, line]; arguments as `side_margins`."""
    return np.asarray(side_margins(layout, threshold, currents, offsets).min(0))


def side_margins(layout: Layout, threshold: float, currents: Floats, offsets: Floats) -> Floats:
    """Margin of every line on either side, V, [side, sample, line]; its offset included.

    Args:
        layout: under its condition.
        threshold: V.
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
    progress: Progress | None = None,
    spread: Spread = in_turn,
) -> tuple[Yield, Finding]:
    """The yield under a condition, which the layout is under; and the array that is worst.

    Raises:
        SimulationError: if ngspice fails at a sample of the audit.
    """
    plan = layout.monte_carlo
    samples = draw_samples(layout, plan.samples)
    sides = [[s.low for s in samples], [s.high for s in samples]]
    currents = np.stack([nodal_currents(fitted, of_side, spread) for of_side in sides])
    offsets = np.stack([s.offsets for s in samples])
    of_sides = side_margins(layout, threshold, currents, offsets)
    margins = of_sides.min(0)
    good = (margins <= 0).sum(1) <= layout.defects.bad_lines
    audited = np.linspace(0, len(samples) - 1, max(1, round(plan.audit * len(samples)))).astype(int)
    results = simulator.run([of_side[k] for of_side in sides for k in audited], progress)
    theirs = np.stack([r["current"].to_numpy()[0] for r in results]).reshape(2, len(audited), -1)
    spice = line_margins(layout, threshold, theirs, offsets[audited])
    spice_good = (spice <= 0).sum(1) <= layout.defects.bad_lines
    low, high = interval(int(good.sum()), good.size, plan.confidence)
    ours = currents[:, audited]
    found = Yield(
        condition=condition,
        samples=good.size,
        good=int(good.sum()),
        low=low,
        high=high,
        confidence=plan.confidence,
        lines=margins.size,
        bad_lines=int((margins <= 0).sum()),
        margins=margins.min(1),
        audited=len(audited),
        audited_good=(int(good[audited].sum()), int(spice_good.sum())),
        audited_apart=int((good[audited] != spice_good).sum()),
        audit_margin=float(np.abs(margins[audited] - spice).max()),
        audit_current=float(np.abs(ours - theirs).max()) / full_scale(layout),
        bound=fitted.bound,
    )
    k = int(margins.min(1).argmin())
    side = int(of_sides[:, k].min(1).argmin())
    where = f"{good.sum()} of {good.size} arrays good; the worst in column {margins[k].argmin()}"
    return found, Finding("array_yield", low, condition, "nodal", where, sides[side][k])


def interval(good: int, count: int, confidence: float) -> tuple[float, float]:
    """Clopper–Pearson interval of a share."""
    bounds = stats.binomtest(good, count).proportion_ci(confidence, method="exact")
    return float(bounds.low), float(bounds.high)
