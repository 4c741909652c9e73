"""What defects take off the yield of other sizes: against counts and the package's Monte Carlo."""

import dataclasses
import math

import numpy as np
import pytest

from mtjspice.layout.access import Fitted
from mtjspice.layout.defective import spared_by_defects
from mtjspice.layout.fast import first_order_yield
from mtjspice.layout.montecarlo import draw_samples, group_margins, row_groups, sample_currents
from mtjspice.layout.scale import of_size
from mtjspice.layout.sense import margins, worst_reads
from mtjspice.spec import Crossbar, DefectRates, Die, Line, Mtj, PassiveCell
from mtjspice.spec import TransimpedanceAmplifier as Amplifier
from mtjspice.spec.layout import DefectLimits, Layout, Reading, Sensing

FITTED = Fitted(None, 1e-5)
NONE = DefectRates(short=0, stuck_p=0, stuck_ap=0, dead_lines=0)
MTJ = Mtj(tmr0=2.0, v_half=math.inf)
P, AP = 1e2 / MTJ.r_p, 1e2 / MTJ.r_ap
ARRAYS = 40_000


def layout(rates: DefectRates, bad_lines: int = 0, *, wires: Line | None = None, rows: int = 1):
    line = wires or Line()
    return Layout(
        name="defects",
        crossbar=Crossbar(rows=4, columns=4, cell=PassiveCell(mtj=MTJ), row=line, column=line),
        periphery=Amplifier(gain=1e3),
        read=Reading(voltage=0.1, rows=rows),
        die=Die(sigma_ln_rp=0.1, weak_factor=0.3),
        sense=Sensing(offset=1e-4),
        defects=DefectLimits(rates=rates, bad_lines=bad_lines),
    )


def counted(one: Layout) -> float:
    """The share of good arrays: without wires a read sees one cell, and a line has one offset."""
    chance, rates, shape = np.random.default_rng(5), one.defects.rates, one.crossbar.shape
    r_p = MTJ.r_p * np.exp(one.die.sigma_ln_rp * chance.standard_normal((ARRAYS, *shape)))
    volts = {"P": 1e2 / r_p, "AP": 1e2 / (3 * r_p)}
    free = np.ones(r_p.shape, bool)
    for kind, rate in (("short", rates.short), ("open", rates.open), ("P", rates.stuck_p),
                       ("AP", rates.stuck_ap), ("weak", rates.weak)):  # fmt: skip
        hit = free & (chance.random(r_p.shape) < rate)
        free &= ~hit
        always = {"short": np.inf, "open": 0.0} | volts
        own = {s: v / one.die.weak_factor if kind == "weak" else always[kind]
               for s, v in volts.items()}  # fmt: skip
        volts = {state: np.where(hit, own[state], v) for state, v in volts.items()}
    dead_columns = chance.poisson(rates.dead_lines / 2 / shape[1], (ARRAYS, 1, shape[1])) > 0
    dead_rows = chance.poisson(rates.dead_lines / 2 / shape[0], (ARRAYS, shape[0], 1)) > 0
    volts = {state: np.where(dead_columns | dead_rows, 0.0, v) for state, v in volts.items()}
    own = (P + AP) / 2 + one.sense.offset * chance.standard_normal((ARRAYS, 1, shape[1]))
    right = (volts["P"] > own) & (volts["AP"] < own)
    return float(((~right.all(1)).sum(1) <= one.defects.bad_lines).mean())


@pytest.mark.parametrize(
    ("rates", "bad_lines"),
    [
        (NONE.replace(short=0.01, stuck_p=0.01), 0),
        (NONE.replace(stuck_ap=0.02, open=0.01, stuck_p=0.03), 1),
        (NONE.replace(weak=0.03), 0),
        (NONE.replace(dead_lines=0.3), 0),
        (NONE.replace(dead_lines=0.3, short=0.02), 1),
    ],
)
def test_without_wires_defects_cost_what_a_count_says(rates, bad_lines):
    one = layout(rates, bad_lines)
    share = counted(one)
    found = first_order_yield(one, FITTED, (P + AP) / 2)
    error = math.sqrt(share * (1 - share) / ARRAYS)
    assert abs(found - share) < 4 * error + 0.01 * (1 - share)


def drawn(one: Layout, threshold: float, arrays: int) -> tuple[float, float]:
    """The share of good arrays of the Monte Carlo, which draws and reads them all; its error."""
    samples = draw_samples(one, arrays)
    offsets = np.stack([sample.offsets for sample in samples])
    thresholds = np.full((arrays, len(row_groups(one))), threshold)
    found = group_margins(one, thresholds, sample_currents(FITTED, samples), offsets).min((0, 2))
    share = float(((found <= 0).sum(1) <= one.defects.bad_lines).mean())
    return share, math.sqrt(share * (1 - share) / arrays)


@pytest.mark.parametrize(
    ("rates", "bad_lines", "size", "rows"),
    [
        (DefectRates(short=0.01, stuck_p=0.01, bridged_lines=0.2), 0, 4, 1),
        (NONE.replace(stuck_p=0.01, stuck_ap=0.01), 0, 4, 4),  # half of the data need the other
        (DefectRates(short=0.01, open=0.01, bridged_lines=0.3), 1, 6, 3),
    ],
)
def test_with_wires_it_is_what_drawn_arrays_come_to(rates, bad_lines, size, rows):
    wires = Line(resistance=1, end=20)
    one = of_size(layout(rates, bad_lines, wires=wires, rows=rows), size)
    threshold = margins(one, FITTED, worst_reads(one, FITTED, 2), None).threshold
    share, error = drawn(one, threshold, 400)
    assert abs(first_order_yield(one, FITTED, threshold) - share) < 3.5 * error


def test_without_defects_nothing_is_read():
    spared = spared_by_defects(layout(NONE), FITTED, math.nan)
    assert dataclasses.astuple(spared) == (0.0, 0.0)


def test_bridges_need_two_lines():
    one = layout(NONE.replace(bridged_lines=1.0))
    one = one.replace(crossbar=one.crossbar.replace(columns=1, rows=1))
    assert dataclasses.astuple(spared_by_defects(one, FITTED, (P + AP) / 2)) == (0.0, 0.0)
