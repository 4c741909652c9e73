"""All quantities that need no transient, at once and quickly: for other sizes and other parameters.

Settling comes from the linear network; its only unknown, what an access device adds to its lines'
capacitance, is taken from SPICE's transient of the layout itself. Writes are in SPICE.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr

from mtjspice.layout.access import Fitted
from mtjspice.layout.circuit import blocks, nominal_condition
from mtjspice.layout.defective import spared_by_defects
from mtjspice.layout.disturb import Write, disturb_findings, write_findings
from mtjspice.layout.findings import States
from mtjspice.layout.patterns import named_patterns
from mtjspice.layout.plane import Read, read_of
from mtjspice.layout.quantities import Condition
from mtjspice.layout.read import read_findings, sneak_findings
from mtjspice.layout.sense import (
    SIDES,
    Margins,
    Worst,
    drawn_data,
    margin_findings,
    margins,
)
from mtjspice.layout.tail import margin_of, read_margin
from mtjspice.layout.timing import rc_response, rc_settling, slower_pattern
from mtjspice.layout.yields import Spared, yield_of
from mtjspice.spec.layout import Layout

MOST_FARADS = 1e-12
"""What an access device can add to its line at most, F."""
HALVINGS = 30
EASY = 0.1
"""Where even the worst read would lose less of the allowed loss of yield, it may stand for all."""


@dataclass(frozen=True)
class Hardest:
    """The patterns that quantities are computed for.

    Attributes:
        reads: by name.
        sides: hardest low and high reads of every line; None without a read-out voltage.
    """

    reads: Mapping[str, States]
    sides: tuple[Worst, Worst] | None


def fast_values(
    layout: Layout,
    fitted: Fitted,
    hardest: Hardest,
    capacitance: float,
    writes: tuple[list[Write], list[xr.Dataset]] | None,
    closely: bool = False,
) -> dict[str, float]:
    """Quantities by name under nominal conditions.

    Args:
        layout: any.
        fitted: under nominal conditions.
        hardest: patterns of its size.
        capacitance: that each cell adds to its output line, F.
        writes: of `write_plan`, with SPICE's results; None without writing.
        closely: whether the yield, where it is asked for and where it matters, follows from reads
            all over the array; else all of them are taken to be as bad as the worst.
    """
    condition = nominal_condition(layout)
    found = read_findings(layout, condition, fitted, hardest.reads)
    values = {finding.quantity: finding.value for finding in found}
    if layout.crossbar.cell.sneaks:
        values["sneak"] = sneak_findings(layout, condition)[0].value
    if hardest.sides is not None:
        values |= _sensed(layout, condition, fitted, hardest.sides, closely=closely)
    values["settling"] = settling(layout, fitted, capacitance)
    if layout.writing is not None:
        values |= {f.quantity: f.value for f in disturb_findings(layout, condition, fitted)}
    if writes is not None:
        plan, results = writes
        values |= {f.quantity: f.value for f in write_findings(layout, condition, plan, results)}
    return values


def _sensed(
    layout: Layout,
    condition: Condition,
    fitted: Fitted,
    sides: tuple[Worst, Worst],
    *,
    closely: bool,
) -> dict[str, float]:
    latch = layout.periphery.latch
    own = None if latch is None else latch.threshold
    tracking = layout.sense.threshold == "tracking"
    found = margins(layout, fitted, sides, None if tracking else own)
    values = {f.quantity: f.value for f in margin_findings(layout, condition, found, sides)}
    reads = first_order_failures(layout, fitted, sides, found)
    values["line_failure"] = max(read.failure for read in reads)
    asked = layout.limits.array_yield
    if asked is not None:
        spared = spared_by_defects(layout, fitted, found.threshold)
        least = yield_of(layout, [[[read]] for read in reads], spared)
        closer = closely and 1 - least > EASY * (1 - asked)
        values["array_yield"] = (
            first_order_yield(layout, fitted, found.threshold, spared) if closer else least
        )
    return values


def first_order_failures(
    layout: Layout, fitted: Fitted, sides: tuple[Worst, Worst], found: Margins
) -> list[Read]:
    """The worst read of either side, to first order in what is random; see `plane`."""
    return [
        read_of(layout, fitted, read_margin(layout, fitted, sides, at, found.threshold))
        for at in found.worst_of_sides
    ]


def first_order_yield(
    layout: Layout, fitted: Fitted, threshold: float, spared: Spared | None = None
) -> float:
    """The yield if margins were linear in what is random.

    A line is bad if one of its reads is: of each group of rows, low and high, with random data.
    What they fail with is that of the first, the middle and the last line and block of rows, and
    even in between.

    Args:
        layout: under its condition.
        fitted: under the same.
        threshold: V.
        spared: by defects; None to find out.
    """
    chance = np.random.default_rng([layout.seed, 11])
    columns = layout.crossbar.columns
    lines = dict.fromkeys((0, columns // 2, columns - 1))
    reads: list[list[list[Read]]] = []
    for side, more in zip(SIDES, (0, layout.sense.step), strict=True):
        reads.append([])
        for block, driven in enumerate(blocks(layout)):
            states = drawn_data(layout, driven, layout.boundary + more, chance)
            margins_of = [
                margin_of(layout, fitted, states, (side, block, line), threshold) for line in lines
            ]
            reads[-1].append([read_of(layout, fitted, one) for one in margins_of])
    return yield_of(layout, reads, spared or spared_by_defects(layout, fitted, threshold))


def settling(layout: Layout, fitted: Fitted, capacitance: float) -> float:
    """Settling time of the linear network with the slower of all P and all AP, s."""
    added = (0.0, capacitance)
    named = named_patterns(layout.crossbar.shape)
    pattern = named[slower_pattern(layout, fitted, added)]
    return rc_settling(layout, rc_response(layout, fitted, pattern, added))


def cell_capacitance(layout: Layout, fitted: Fitted, pattern: States, settled: float) -> float:
    """What each access device adds to its output line, F: with it the linear network settles then.

    Args:
        layout: under nominal conditions.
        fitted: under the same.
        pattern: that was read.
        settled: settling time in SPICE, s.
    """
    if not layout.crossbar.cell.transistors:
        return 0.0

    def late(farads: float) -> bool:
        response = rc_response(layout, fitted, pattern, (0.0, farads))
        return rc_settling(layout, response) > settled

    low, high = 0.0, MOST_FARADS
    if late(low) or not late(high):
        return low if late(low) else high
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if late(middle) else (middle, high)
    return float(np.round((low + high) / 2, 20))
