"""How seldom the worst line reads its worst pattern wrongly."""

import math
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from mtjspice.data.figures import Interval
from mtjspice.data.layout import Condition, Finding, Sampled, States, Tail
from mtjspice.layout.access import Fitted
from mtjspice.layout.circuit import Reads, blocks, rows_in_words, sense_volts
from mtjspice.layout.rare import RareEvent, certain, estimate
from mtjspice.layout.sense import SIDES, Margins, Worst, worst_experiment
from mtjspice.layout.subset import Margin
from mtjspice.spec.layout import Layout
from mtjspice.surrogate.access import AccessModel


def sources(layout: Layout, access: AccessModel | None) -> Mapping[str, int]:
    """What is random in a read, and how many standard normal numbers it takes, in their order."""
    cells = layout.crossbar.rows * layout.crossbar.columns
    return {
        "R_P from cell to cell": cells,
        "TMR from cell to cell": cells,
        "R_P of the die": 1,
        "TMR of the die": 1,
        "transistors": cells * len(access.threshold_sigma) if access else 0,
        "offset": 1,
    }


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
        threshold: V.
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
    counts, die, access = sources(layout, fitted.access), layout.die, fitted.access
    sign = 1.0 if side == "low" else -1.0

    def margin(z: Tensor) -> Tensor:
        of_rp, of_tmr, rp_die, tmr_die, of_thresholds, offset = torch.split(
            z, list(counts.values()), dim=1
        )
        shape = (len(z), *layout.crossbar.shape)
        ln_rp = die.sigma_ln_rp * of_rp.reshape(shape) + die.sigma_ln_rp_die * rp_die[:, :, None]
        ln_tmr = (
            die.sigma_ln_tmr * of_tmr.reshape(shape) + die.sigma_ln_tmr_die * tmr_die[:, :, None]
        )
        shifts = None
        if access is not None and die.mismatch > 0:
            sigma = torch.tensor(access.threshold_sigma, dtype=torch.float64)
            shifts = die.mismatch * sigma * of_thresholds.reshape(*shape, -1)
        array = reads.array(states.expand(shape), ln_rp, ln_tmr, shifts, access)
        volts = sense_volts(layout, reads.answer(array).current[:, 0, line])
        own: Tensor = threshold + layout.sense.offset * offset[:, 0] - volts
        return sign * own

    return margin


def _random(layout: Layout, access: AccessModel | None) -> bool:
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
            if _random(layout, fitted.access)
            else certain(margin, size)
        )
    at = max(events, key=lambda key: (events[key].high, events[key].probability))
    event = events[at]
    power = np.split(event.slopes**2, np.cumsum(list(counts.values()))[:-1])
    whole = max(float(sum(part.sum() for part in power)), np.finfo(float).tiny)
    tail = Tail(
        condition=condition,
        probability=event.probability,
        error=event.error,
        low=event.low,
        high=event.high,
        confidence=plan.confidence,
        distance=event.distance if math.isfinite(event.distance) else None,
        samples=sum(one.solved for one in events.values()),
        effective=event.effective,
        regions=event.regions,
        checked=None if math.isnan(event.checked) else event.checked,
        doubts=event.doubts,
        side=at[0],
        shares={name: float(p.sum()) / whole for name, p in zip(counts, power, strict=True)},
    )
    away = f", {event.distance:.2f} σ away" if math.isfinite(event.distance) else ""
    where = (
        f"upper end of the interval; column {at[2]}, {at[0]} side, worst pattern"
        f"{rows_in_words(layout, at[1])}{away}; junctions of the netlist are nominal"
    )
    experiment = worst_experiment(layout, worst, *at)
    told = Sampled(
        event.probability,
        Interval(event.low, event.high, plan.confidence),
        plan.tail,
        "monte_carlo.tail",
        by_factors=True,
    )
    return tail, Finding("line_failure", event.high, condition, "nodal", where, experiment, told)
