"""Samples of arrays as they leave the factory, and what is counted over them."""

import math

import numpy as np
import pytest
import torch
import xarray as xr
from scipy import stats

from mtjspice.layout.access import Fitted
from mtjspice.layout.circuit import full_scale, nominal_condition, read_experiment
from mtjspice.layout.montecarlo import (
    Sample,
    draw_samples,
    estimate_yield,
    line_margins,
    nodal_currents,
)
from mtjspice.solver import nodal
from mtjspice.solver.access import AccessModel
from mtjspice.solver.array import array_of
from mtjspice.solver.leakage import Leakage
from mtjspice.solver.rows import needed_rows
from mtjspice.spec import (
    Crossbar,
    Defect,
    DefectRates,
    Die,
    GatedCell,
    Line,
    Mtj,
    PassiveCell,
    SenseAmplifier,
    TransimpedanceAmplifier,
)
from mtjspice.spec.layout import DefectLimits, Layout, MonteCarlo, Reading, Sensing
from mtjspice.verdicts.intervals import of_share

FITTED = Fitted(None, 1e-5)
ACCESS = AccessModel(
    resistance=(((900.0, 60.0), (80.0, 5.0)), ((900.0, 60.0), (-50.0, 3.0))),
    sensitivity=((((400.0, 30.0), (20.0, 0.0)), ((400.0, 30.0), (-15.0, 0.0))),),
    current_scale=2e-4,
    potential_scale=0.05,
    threshold_sigma=(5e-3,),
)
NONE = {"short": 0.0, "open": 0.0, "stuck_p": 0.0, "stuck_ap": 0.0, "dead_lines": 0.0}
SPREAD = Die(sigma_ln_rp=0.05, sigma_ln_tmr=0.03, sigma_ln_rp_die=0.02)
WIRE = Line(resistance=5, end=20)


def near(expected, rel: float = 1e-6, least: float = 0.0):
    """`pytest.approx` takes all that is below 1e-12 for equal: here are amperes and joules."""
    return pytest.approx(expected, rel=rel, abs=least)


def layout(
    rows: int = 5,
    columns: int = 4,
    *,
    read: int | None = None,
    rates: dict | None = None,
    bad_lines: int = 0,
    samples: int = 20,
    audit: float = 0.1,
    cell=None,
    wire: Line = WIRE,
    unselected: str = "grounded",
    **parts,
) -> Layout:
    return Layout(
        name="samples",
        crossbar=Crossbar(
            rows=rows,
            columns=columns,
            cell=cell or PassiveCell(),
            row=wire,
            column=wire,
            unselected=unselected,
        ),
        read=Reading(voltage=0.1, rows=read),
        defects=DefectLimits(rates=DefectRates(**(NONE | (rates or {}))), bad_lines=bad_lines),
        monte_carlo=MonteCarlo(samples=samples, audit=audit),
        **({"periphery": TransimpedanceAmplifier(gain=1e3), "die": SPREAD} | parts),
    )


class Nodal:
    """In the place of SPICE: the same reads in the nodal solver; `seen` is what was asked for."""

    def __init__(self, off: float = 0.0):
        self.off, self.seen = off, []

    def run(self, experiments, progress=None):
        self.seen += experiments
        found = []
        for e in experiments:
            volts = torch.from_numpy(e.stimulus.volts.copy())
            current = nodal.read(array_of([e]), volts)[0].numpy() + self.off
            found.append(xr.Dataset({"current": (("vector", "line"), current)}))
        return found


# Samples


@pytest.mark.parametrize(
    ("read", "sense"),
    [
        (None, Sensing()),
        (3, Sensing()),
        (1, Sensing()),
        (4, Sensing(step=2)),
        (4, Sensing(step=3, boundary=1)),
        (5, Sensing(boundary=0)),
        (5, Sensing(boundary=4)),
    ],
)
def test_the_data_of_a_sample_are_as_close_to_the_threshold_as_they_can_be(read, sense):
    one = layout(read=read, sense=sense)
    for sample in draw_samples(one, 12):
        for e, count in (
            (sample.lows[0], one.boundary),
            (sample.highs[0], one.boundary + sense.step),
        ):
            driven = e.tile.states[list(e.driven_rows)]
            assert ((driven == 0).sum(axis=0) == count).all()
        assert sample.lows[0].driven_rows == sample.highs[0].driven_rows
        assert sample.lows[0].die == sample.highs[0].die


def test_all_rows_of_a_sample_are_read_and_samples_differ():
    one = layout(read=2, sense=Sensing(offset=1e-3))
    samples = draw_samples(one, 60)
    for s in samples:
        assert [read.driven_rows for read in s.lows] == [(0, 1), (2, 3), (3, 4)]
        assert [read.driven_rows for read in s.highs] == [(0, 1), (2, 3), (3, 4)]
        assert len({read.die for read in (*s.lows, *s.highs)}) == 1
    assert len({s.lows[0].die.seed for s in samples}) == 60
    assert len({s.lows[0].tile.states.tobytes() for s in samples}) > 50
    resting = np.array([s.lows[0].tile.states[2:] for s in samples])
    assert resting.mean() == near(0.5, least=0.1)


@pytest.mark.parametrize(("rows", "read"), [(16, 1), (6, 2), (5, 5), (5, 2), (7, 3), (4, 3)])
def test_every_group_of_rows_is_as_close_to_the_threshold_as_it_can_be(rows, read):
    one = layout(rows, 3, read=read)
    for s in draw_samples(one, 6):
        assert {r for e in s.lows for r in e.driven_rows} == set(range(rows))
        for reads, count in ((s.lows, one.boundary), (s.highs, one.boundary + 1)):
            for e in reads:
                driven = e.tile.states[list(e.driven_rows)]
                assert ((driven == 0).sum(axis=0) == count).all()


@pytest.mark.parametrize("rows", [1, pytest.param(16, marks=pytest.mark.slow)])
def test_the_yield_of_arrays_read_row_by_row_counts_all_of_their_rows(rows):
    # Without wires a cell read alone is one resistor; numpy draws and counts it, and so does the
    # normal distribution: of a cell that is read low and high, both with the same R_P.
    sigma, samples, columns = 0.12, 600, 4
    mtj = Mtj(v_half=math.inf)
    one = layout(
        rows, columns, read=1, samples=samples, wire=Line(), audit=0.001,
        die=Die(sigma_ln_rp=sigma), cell=PassiveCell(mtj=mtj),
    )  # fmt: skip
    threshold = middle(one)
    p_reads = math.log(1e3 * 0.1 / mtj.r_p / threshold)
    ap_reads = math.log(threshold / (1e3 * 0.1 / mtj.r_ap))
    of_cell = stats.norm.sf(p_reads / sigma) + stats.norm.sf(ap_reads / sigma)
    good = (1 - of_cell) ** (rows * columns)
    z = np.random.default_rng(1).standard_normal((samples, rows, columns))
    ok = (z * sigma < p_reads) & (-z * sigma < ap_reads)
    counted = int(ok.all(axis=(1, 2)).sum())
    found, _ = judged(one, threshold)
    deviation = math.sqrt(good * (1 - good) / samples)
    assert abs(found.good / samples - good) < 4 * deviation
    assert abs(found.good - counted) < 4 * math.sqrt(2) * deviation * samples
    assert found.low <= good <= found.high


def test_the_places_of_p_cells_are_drawn_evenly():
    samples = draw_samples(layout(4, 2, sense=Sensing(boundary=1)), 300)
    where = np.array([s.lows[0].tile.states == 0 for s in samples]).mean(axis=0)
    assert where == near(np.full((4, 2), 0.25), least=4 * math.sqrt(0.1875 / 300))


def test_the_first_samples_do_not_depend_on_how_many_are_drawn():
    one = layout(rates={"short": 0.05, "dead_lines": 0.5}, sense=Sensing(offset=1e-3))
    few, many = draw_samples(one, 3), draw_samples(one, 9)
    for a, b in zip(few, many, strict=False):
        assert (a.lows[0], a.highs[0]) == (b.lows[0], b.highs[0])
        assert (a.offsets == b.offsets).all()
    again = draw_samples(one.replace(monte_carlo=MonteCarlo(samples=77)), 3)
    assert all(a.lows[0] == b.lows[0] for a, b in zip(few, again, strict=True))
    other = draw_samples(one.replace(seed=1), 3)
    assert all(a.lows[0] != b.lows[0] for a, b in zip(few, other, strict=True))


def test_offsets_have_the_standard_deviation_that_is_asked_for():
    samples = draw_samples(layout(1, 50, read=1, sense=Sensing(offset=2e-3)), 80)
    offsets = np.concatenate([s.offsets for s in samples])
    assert offsets.std() == near(2e-3, rel=4 / math.sqrt(2 * offsets.size))
    assert abs(offsets.mean()) < 4 * 2e-3 / math.sqrt(offsets.size)
    assert (draw_samples(layout(), 1)[0].offsets == 0).all()


def test_defects_come_at_their_rates_and_spread_is_that_of_the_die():
    one = layout(rates={"short": 0.1, "open": 0.05, "bridged_lines": 1.0})
    samples = draw_samples(one, 100)
    kinds = [d.kind for s in samples for d in s.lows[0].die.defects]
    cells = 100 * 20
    for kind, rate in (("short", 0.1), ("open", 0.9 * 0.05)):
        assert kinds.count(kind) == near(cells * rate, least=4 * math.sqrt(cells * rate))
    assert kinds.count("bridged_rows") > 0 < kinds.count("bridged_columns")
    for s in samples:
        assert s.lows[0].die.replace(seed=0, defects=()) == SPREAD


# Currents


def alone(sample: Sample, access=None) -> np.ndarray:
    """Currents [side, line] of one sample, each read solved by itself."""
    found = []
    for e in (sample.lows[0], sample.highs[0]):
        volts = torch.from_numpy(e.stimulus.volts.copy())
        found.append(nodal.read(array_of([e], access), volts, tolerance=1e-10)[0, 0].numpy())
    return np.array(found)


CIRCUITS = {
    "cells": (layout(rates={"short": 0.05, "open": 0.05, "stuck_p": 0.1}), FITTED),
    "lines": (layout(rates={"dead_lines": 1.0, "bridged_lines": 1.0}), FITTED),
    "lines of some rows": (layout(read=2, rates={"dead_lines": 1.5}), FITTED),
    "floating rows": (
        layout(read=2, unselected="floating", rates={"dead_lines": 0.7, "bridged_lines": 0.7}),
        FITTED,
    ),
    "gated": (
        layout(
            cell=GatedCell(), die=SPREAD.replace(mismatch=1.0),
            rates={"short": 0.03, "dead_lines": 0.7, "bridged_lines": 0.7},
        ),
        Fitted(ACCESS, 1e-5),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CIRCUITS)
def test_arrays_are_solved_alike_alone_and_in_a_batch(name, monkeypatch):
    one, fitted = CIRCUITS[name]
    monkeypatch.setattr("mtjspice.layout.montecarlo.AT_A_TIME", 7)
    samples = draw_samples(one, 24)
    expected = np.stack([alone(s, fitted.access) for s in samples], axis=1)
    if "lines" in name or "rows" in name:
        assert len({bool(s.lows[0].die.defects) for s in samples}) == 2
    found = np.stack(
        [
            nodal_currents(fitted, [getattr(s, side)[0] for s in samples])
            for side in ("lows", "highs")
        ]
    )
    assert np.abs(found - expected).max() < 3e-7 * np.abs(expected).max()


OF_ROWS = GatedCell(gates="row")
LEAKAGE = Leakage(
    thermal=0.03, rest=0.0, scale=0.1, product=(3e-8, 4e-9), plain=(0.0, 1e-9), shares=(1.0,),
    slopes=(0.04,),
)  # fmt: skip
"""Of a hot transistor, ten times as much as most leak."""
PLACED = {
    "none": (),
    "shorts": (("short", 2, 1), ("short", 0, 1), ("open", 2, 0), ("stuck_p", 3, 2)),
    "stuck_ap": (("stuck_ap", 2, 1), ("stuck_ap", 4, 3)),
    "dead row": (("dead_row", 2, None),),
    "dead column": (("dead_column", None, 1),),
    "dead column whose cell is open": (("dead_column", None, 1), ("open", 2, 1)),
    "bridge to the next row": (("bridged_rows", 2, 1),),
    "bridges from row to row": (("bridged_rows", 2, 1), ("bridged_rows", 3, 2)),
    "bridge of other rows": (("bridged_rows", 0, 3),),
    "bridge to a dead row": (("bridged_rows", 1, 1), ("dead_row", 1, None)),
    "bridged columns at the row": (("bridged_columns", 2, 0),),
    "bridged columns above": (("bridged_columns", 0, 2),),
    "bridged columns below": (("bridged_columns", 5, 1),),
    "all": (
        ("dead_column", None, 3), ("bridged_columns", 4, 0), ("bridged_rows", 1, 2),
        ("dead_row", 4, None), ("short", 1, 1),
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("leakage", "unselected", "ends", "driven"),
    [
        (None, "grounded", "one", (2,)),
        (None, "floating", "both", (2,)),
        (None, "half", "one", (2, 3)),
        (None, "floating", "one", (0,)),
        (None, "grounded", "both", (4, 5)),
        (None, "grounded", "one", (0, 1, 2, 3, 4, 5)),
        (LEAKAGE, "grounded", "one", (2,)),
        (LEAKAGE, "grounded", "both", (2,)),
        (LEAKAGE, "floating", "one", (2, 3)),
        (LEAKAGE, "half", "one", (5,)),
    ],
)
def test_rows_whose_gates_are_off_are_left_out_without_changing_a_current(
    leakage, unselected, ends, driven
):
    wire = Line(resistance=7, end=30, ends=ends, via=2)
    one = layout(6, 4, cell=OF_ROWS, read=len(driven), wire=wire, unselected=unselected)
    states = np.random.default_rng(3).integers(0, 2, (6, 4))
    experiments = []
    for seed, places in enumerate(PLACED.values()):
        kinds = [Defect(kind=kind, row=row, column=column) for kind, row, column in places]
        die = SPREAD.replace(mismatch=1.0, seed=seed, defects=tuple(kinds))
        experiments.append(read_experiment(one, states, driven, die=die))
    found = nodal_currents(Fitted(ACCESS, 1e-5, leakage), experiments)
    for e, current, name in zip(experiments, found, PLACED, strict=True):
        volts = torch.from_numpy(e.stimulus.volts.copy())
        array = array_of([e], ACCESS, leakage=leakage)
        whole = nodal.read(array, volts, tolerance=1e-9)[0, 0].numpy()
        assert np.abs(current - whole).max() < 3e-7 * full_scale(one), name


@pytest.mark.parametrize(
    ("defects", "ends", "rows"),
    [
        ((), "one", [2]),
        ((), "both", [2]),
        ((("short", 4, 1), ("dead_row", 5, None), ("dead_column", None, 1)), "one", [2]),
        ((("bridged_rows", 2, 1),), "one", [2, 3]),
        ((("bridged_rows", 1, 1), ("bridged_rows", 2, 0)), "one", [1, 2, 3]),
        ((("bridged_rows", 4, 1),), "one", [2]),
        ((("bridged_columns", 4, 1),), "one", [2, 3, 4]),
        ((("bridged_columns", 3, 1),), "both", [0, 1, 2, 3, 4, 5]),
    ],
)
def test_a_read_of_one_row_needs_that_row_and_what_bridges_lead_to(defects, ends, rows):
    one = layout(6, 4, cell=OF_ROWS, read=1, wire=Line(resistance=7, ends=ends))
    placed = tuple(Defect(kind=kind, row=row, column=column) for kind, row, column in defects)
    read = read_experiment(one, np.zeros((6, 4)), (2,), die=Die(defects=placed))
    assert list(needed_rows(read)) == rows
    passive = layout(6, 4, read=1, wire=Line(resistance=7, ends=ends))
    assert len(needed_rows(read_experiment(passive, np.zeros((6, 4)), (2,)))) == 6


def test_reads_come_back_in_the_order_in_which_they_were_given():
    one = layout(read=1, rates={"dead_lines": 1.0})
    reads = [s.highs[0] for s in draw_samples(one, 15)]
    order = np.random.default_rng(1).permutation(15)
    forward = nodal_currents(FITTED, reads)
    mixed = nodal_currents(FITTED, [reads[k] for k in order])
    assert mixed == near(forward[order], rel=1e-6, least=1e-12)


# Margins and yield


def test_the_margin_of_a_line_is_the_smaller_distance_from_its_own_threshold():
    one = layout(periphery=SenseAmplifier(load=1000))
    currents = np.array([[[1e-5, 2e-5, 3e-5]], [[4e-5, 5e-5, 3.5e-5]]])
    offsets = np.array([[0.0, 10e-3, -2e-3]])
    # Thresholds: 30, 40 and 28 mV; reads: 10 and 40, 20 and 50, 30 and 35 mV.
    found = line_margins(one, 30e-3, currents, offsets)
    assert found == near(np.array([[10e-3, 10e-3, -2e-3]]))


def test_the_margin_rises_with_current_for_an_amplifier_that_inverts_too():
    one = layout(periphery=TransimpedanceAmplifier(gain=1e3, zero=0.5))
    currents = np.array([[[1e-5]], [[4e-5]]])
    assert line_margins(one, 20e-3, currents, np.zeros((1, 1))) == near(10e-3)


def judged(one: Layout, threshold: float, **how):
    simulator = how.pop("simulator", Nodal())
    return estimate_yield(one, nominal_condition(one), FITTED, threshold, simulator, **how)


def middle(one: Layout) -> float:
    """Between the nominal reads of an array without wires, V."""
    mtj = one.crossbar.cell.mtj
    p = one.boundary + one.sense.step / 2
    return 1e3 * 0.1 * (p / mtj.r_p + (one.rows_read - p) / mtj.r_ap)


def test_an_array_with_a_dead_column_is_bad():
    plain = layout(wire=Line(), die=Die(), cell=PassiveCell(mtj=Mtj(v_half=math.inf)), samples=60)
    found, _ = judged(plain, middle(plain))
    assert found.good == found.samples == 60
    assert found.bad_lines == 0
    dead = plain.replace(defects=DefectLimits(rates=DefectRates(**(NONE | {"dead_lines": 1.5}))))
    with_dead = [
        {d.column for d in s.lows[0].die.defects if d.kind == "dead_column"}
        for s in draw_samples(dead, 60)
    ]
    assert 10 < sum(map(bool, with_dead)) < 50
    found, _ = judged(dead, middle(dead))
    # A column that is cut off carries nothing, and reads low always: by all of its high read.
    for k, columns in enumerate(with_dead):
        if columns:
            assert found.margins[k] == near(-middle(dead), rel=1e-6)
    assert found.good <= 60 - sum(map(bool, with_dead))
    assert found.bad_lines >= sum(map(len, with_dead))


def test_a_share_of_the_samples_is_looked_at_twice_and_must_agree():
    one = layout(samples=30, audit=0.2, sense=Sensing(offset=2e-3))
    simulator = Nodal()
    found, _ = judged(one, middle(one), simulator=simulator)
    assert found.audited == 6
    assert len(simulator.seen) == 12
    assert found.audited_good[0] == found.audited_good[1]
    assert found.audited_apart == 0
    assert found.audit_margin < 1e-8
    assert found.audit_current < 1e-6
    assert found.lines == 30 * 4
    assert found.margins.shape == (30,)
    whole = 5 * 0.1 / one.crossbar.cell.mtj.r_p
    off, _ = judged(one, middle(one), simulator=Nodal(off=1e-3 * whole))
    assert off.audit_current == near(1e-3, rel=1e-3)
    assert off.audit_margin == near(1e3 * 1e-3 * whole, rel=1e-3)


def test_the_finding_is_the_lower_end_of_the_interval_of_good_arrays():
    one = layout(samples=50, sense=Sensing(offset=4e-3))
    found, finding = judged(one, middle(one))
    assert 0 < found.good < 50
    within = of_share(found.good, 50, 0.95)
    assert (found.low, found.high) == (within.low, within.high)
    assert finding.value == found.low
    assert finding.quantity == "array_yield"
    assert f"{found.good} of 50" in finding.where
    assert found.good == (found.margins > 0).sum()


@pytest.mark.parametrize("side", ["low", "high"])
def test_the_worst_array_is_shown_by_the_read_that_fails(side):
    # A threshold that is off leaves one side with less than the other in every array.
    one = layout(samples=40, audit=0.03)
    threshold = middle(one) + (-4e-3 if side == "low" else 4e-3)
    found, finding = judged(one, threshold)
    samples = draw_samples(one, 40)
    worst = samples[int(found.margins.argmin())]
    low, high = 1e3 * alone(worst)
    margins = {"low": (threshold - low).min(), "high": (high - threshold).min()}
    assert min(margins, key=lambda name: margins[name]) == side
    assert found.margins.min() == near(margins[side], rel=1e-4)
    assert finding.experiment == getattr(worst, side + "s")[0]


def test_lines_that_may_be_bad_are_forgiven():
    rates = {"short": 0.04}
    ideal = {"wire": Line(), "die": Die(), "cell": PassiveCell(mtj=Mtj(v_half=math.inf))}
    plain = layout(samples=80, rates=rates, **ideal)
    bad = [len({d.column for d in s.lows[0].die.defects}) for s in draw_samples(plain, 80)]
    assert {0, 1, 2} <= set(bad)
    for allowed in range(4):
        one = layout(samples=80, rates=rates, bad_lines=allowed, **ideal)
        found, _ = judged(one, middle(one))
        assert found.good == sum(count <= allowed for count in bad), allowed
        assert found.bad_lines == sum(bad)


def test_a_sample_with_a_defect_that_is_placed_by_hand_is_solved_as_it_stands():
    one = layout(wire=Line(), die=Die(), cell=PassiveCell(mtj=Mtj(v_half=math.inf)))
    sample = draw_samples(one, 1)[0]
    short = Die(defects=(Defect(kind="short", row=2, column=1),))
    shorted = sample.lows[0].replace(die=short)
    plain, with_short = nodal_currents(FITTED, [sample.lows[0], shorted])
    mtj = one.crossbar.cell.mtj
    own = 1 / (mtj.r_ap if sample.lows[0].tile.states[2, 1] else mtj.r_p)
    assert with_short[1] - plain[1] == near(0.1 * (1 / 100 - own), rel=1e-5)
    assert with_short[[0, 2, 3]] == near(plain[[0, 2, 3]], rel=1e-6)
