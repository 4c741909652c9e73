"""How seldom the worst line reads its worst pattern wrongly."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mtjspice.device.temperature import tmr_at
from mtjspice.device.variation import Devices, Junctions
from mtjspice.layout.access import Fitted
from mtjspice.layout.circuit import Reads, blocks, r_p_of, rows_in_words, sense_volts
from mtjspice.layout.findings import Finding, Floats, Sampled, Shown, States, Tail
from mtjspice.layout.quantities import Condition
from mtjspice.layout.rare import RareEvent, certain, estimate
from mtjspice.layout.reference import ReferenceReads, numbers
from mtjspice.layout.sense import SIDES, Margins, Worst, threshold_words, worst_experiment
from mtjspice.layout.subset import Margin
from mtjspice.solver.access import AccessModel
from mtjspice.spec.layout import Layout
from mtjspice.verdicts.figures import Interval


def sources(layout: Layout, access: AccessModel | None) -> Mapping[str, int]:
    """What is random in a read, and how many standard normal numbers it takes, in their order."""
    cells = layout.crossbar.rows * layout.crossbar.columns
    found = {
        "R_P from cell to cell": cells,
        "TMR from cell to cell": cells,
        "R_P of the die": 1,
        "TMR of the die": 1,
        "transistors": cells * len(access.threshold_sigma) if access else 0,
        "offset": 1,
    }
    own = numbers(layout, access)
    return found | ({"reference cells": own} if own else {})


def read_margin(
    layout: Layout, fitted: Fitted, worst: tuple[Worst, Worst], at: tuple[str, int, int],
    threshold: float,
) -> Margin:  # fmt: skip
    """The margin of one read as a function of what is random; the layout is under its condition.

    Args:
        layout: under its condition.
        fitted: under the same.
        worst: hardest patterns.
        at: side, block and line of the read.
        threshold: V; reference cells give their own.
    """
    side, block, line = at
    return margin_of(layout, fitted, worst[SIDES.index(side)].states[block, line], at, threshold)


def margin_of(
    layout: Layout, fitted: Fitted, pattern: States, at: tuple[str, int, int], threshold: float
) -> Margin:
    """The same for any pattern, uint8 [row, column], that is read."""
    side, block, line = at
    reads = Reads.of(layout, fitted.access, blocks(layout)[block], leakage=fitted.leakage)
    states = torch.from_numpy(pattern.astype(np.float64))
    level = level_of(layout, fitted, block, threshold)
    access = fitted.access
    sign = 1.0 if side == "low" else -1.0

    def margin(z: Tensor) -> Tensor:
        drawn = deviations(layout, access, z)
        shape = (len(z), *layout.crossbar.shape)
        array = reads.array(states.expand(shape), drawn.ln_rp, drawn.ln_tmr, drawn.shifts, access)
        volts = sense_volts(layout, reads.answer(array).current[:, 0, line])
        own: Tensor = level(drawn) + drawn.offset - volts
        return sign * own

    return margin


def level_of(
    layout: Layout, fitted: Fitted, block: int, threshold: float
) -> "Callable[[Deviations], float | Tensor]":
    """The threshold of samples, V, [sample]: the given one, or that of reference cells."""
    cells = ReferenceReads.of(layout, fitted, blocks(layout)[block])
    if cells is None:
        return lambda drawn: threshold
    return lambda drawn: cells.threshold(drawn.rp_die, drawn.tmr_die, drawn.reference)


@dataclass(frozen=True)
class Deviations:
    """What is random in reads, from the standard normal numbers that make it.

    Attributes:
        ln_rp: what is added to the logarithm of each parallel resistance, [sample, row, column].
        ln_tmr: the same of the magnetoresistance ratio.
        shifts: of thresholds, V, [sample, row, column, transistor]; None without mismatch.
        offset: of the line, V, [sample].
        rp_die: the part of `ln_rp` that all cells share, [sample].
        tmr_die: the same of `ln_tmr`.
        reference: numbers of the cells of reference lines, [sample, number].
    """

    ln_rp: Tensor
    ln_tmr: Tensor
    shifts: Tensor | None
    offset: Tensor
    rp_die: Tensor
    tmr_die: Tensor
    reference: Tensor


def deviations(layout: Layout, access: AccessModel | None, z: Tensor) -> Deviations:
    """Those of samples [sample, number], numbered as `sources` says."""
    die, shape = layout.die, (len(z), *layout.crossbar.shape)
    of_rp, of_tmr, rp_die, tmr_die, of_thresholds, offset, *reference = torch.split(
        z, list(sources(layout, access).values()), dim=1
    )
    rp_die, tmr_die = die.sigma_ln_rp_die * rp_die, die.sigma_ln_tmr_die * tmr_die
    shifts = None
    if access is not None and die.mismatch > 0:
        sigma = torch.tensor(access.threshold_sigma, dtype=torch.float64)
        shifts = die.mismatch * sigma * of_thresholds.reshape(*shape, -1)
    return Deviations(
        die.sigma_ln_rp * of_rp.reshape(shape) + rp_die[:, :, None],
        die.sigma_ln_tmr * of_tmr.reshape(shape) + tmr_die[:, :, None],
        shifts,
        layout.sense.offset * offset[:, 0],
        rp_die[:, 0],
        tmr_die[:, 0],
        reference[0] if reference else z[:, :0],
    )


def devices_at(layout: Layout, access: AccessModel | None, z: Floats, states: States) -> Devices:
    """The cells of an array that is one sample, as its netlist takes them."""
    drawn = deviations(layout, access, torch.from_numpy(z[None]))
    mtj, celsius = layout.crossbar.cell.mtj, layout.technology.temperature
    tmr0 = tmr_at(mtj.tmr0, celsius, mtj.decay)
    none = np.zeros(states.shape, dtype=np.bool_)
    junctions = Junctions(
        r_p_of(layout) * np.exp(drawn.ln_rp[0].numpy()),
        tmr0 * np.exp(drawn.ln_tmr[0].numpy()),
        states, none, none,
    )  # fmt: skip
    shifts = np.zeros((*states.shape, len(access.threshold_sigma) if access else 0))
    if drawn.shifts is not None:
        shifts = drawn.shifts[0].numpy()
    return Devices(
        junctions, {at: tuple(map(float, shifts[at])) for at in np.ndindex(*states.shape)}
    )


def is_random(layout: Layout, access: AccessModel | None) -> bool:
    """Whether anything in a read is random."""
    die, mismatch = layout.die, layout.die.mismatch if access else 0.0
    spread = die.sigma_ln_rp, die.sigma_ln_tmr, die.sigma_ln_rp_die, die.sigma_ln_tmr_die
    return any((*spread, mismatch, layout.sense.offset))


def estimate_tail(
    layout: Layout,
    condition: Condition,
    fitted: Fitted,
    worst: tuple[Worst, Worst],
    found: Margins,
) -> tuple[Tail, Finding]:
    """The failure of the worst line under a condition, which the layout is under.

    The worst read of either side is looked at; the one that may fail more often counts. What is
    found, and judged, is the upper end of its interval.
    """
    plan, counts = layout.monte_carlo, sources(layout, fitted.access)
    events: dict[tuple[str, int, int], RareEvent] = {}
    for at in found.worst_of_sides:
        margin = read_margin(layout, fitted, worst, at, found.threshold)
        size = sum(counts.values())
        events[at] = (
            estimate(margin, size, plan.tail, layout.seed, plan.confidence)
            if is_random(layout, fitted.access)
            else certain(margin, size)
        )
    at = max(events, key=lambda key: (events[key].high, events[key].probability))
    event = events[at]
    solved = sum(one.solved for one in events.values())
    tail = _tail(condition, event, at[0], solved, counts)
    away = f", {event.distance:.2f} σ away" if math.isfinite(event.distance) else ""
    where = (
        f"column {at[2]}, {at[0]} side, worst pattern"
        f"{rows_in_words(layout, at[1])}{away}{threshold_words(layout)}"
    )
    experiment = worst_experiment(layout, worst, *at)
    found_one = math.isfinite(event.distance)
    point = event.point if found_one else np.zeros_like(event.point)
    drawn = deviations(layout, fitted.access, torch.from_numpy(point[None]))
    with torch.no_grad():
        threshold = float(level_of(layout, fitted, at[1], found.threshold)(drawn))
    shown = Shown(
        column=at[2],
        side=at[0],
        given={
            "threshold": threshold,
            "offset": float(drawn.offset[0]),
            "found": float(found_one),
        },
        devices=devices_at(layout, fitted.access, point, experiment.tile.states),
    )
    told = Sampled(
        event.probability,
        Interval(event.low, event.high, plan.confidence),
        plan.tail,
        "monte_carlo.tail",
        by_factors=event.weighted,
        counted=event.counted,
    )
    return tail, Finding("line_failure", event.high, condition, "nodal", where, experiment, told,
                         shown=shown)  # fmt: skip


def _tail(
    condition: Condition, event: RareEvent, side: str, solved: int, counts: Mapping[str, int]
) -> Tail:
    """What is stated of a rare failure, with the share of each source in how it fails."""
    power = np.split(event.slopes**2, np.cumsum(list(counts.values()))[:-1])
    whole = max(float(sum(part.sum() for part in power)), np.finfo(float).tiny)
    return Tail(
        condition=condition,
        probability=event.probability,
        error=event.error,
        low=event.low,
        high=event.high,
        confidence=event.confidence,
        distance=event.distance if math.isfinite(event.distance) else None,
        samples=solved,
        effective=event.effective,
        regions=event.regions,
        checked=None if math.isnan(event.checked) else event.checked,
        doubts=event.doubts,
        side=side,
        shares={name: float(p.sum()) / whole for name, p in zip(counts, power, strict=True)},
    )
