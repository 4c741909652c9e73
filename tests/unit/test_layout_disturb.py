"""Cells that reads should leave alone and that writes should reach."""

import math

import numpy as np
import pytest
import torch
import xarray as xr

from mtjspice.device.switching import (
    critical_current,
    switching_probability,
    thermal_stability,
    time_constant,
)
from mtjspice.layout.access import Fitted
from mtjspice.layout.circuit import blocks, nominal_condition
from mtjspice.layout.disturb import (
    Write,
    disturb_findings,
    far_cells,
    write_findings,
    write_plan,
)
from mtjspice.layout.switching import several, switched
from mtjspice.solver import nodal
from mtjspice.solver.access import AccessModel
from mtjspice.solver.array import array_of
from mtjspice.spec import (
    Crossbar,
    Diameters,
    Die,
    FreeLayer,
    GatedCell,
    Line,
    Mtj,
    PassiveCell,
    Technology,
    TransimpedanceAmplifier,
    VirtualGround,
    Writing,
)
from mtjspice.spec.layout import Layout, Life, Reading, Supply, Timing

FITTED = Fitted(None, 1e-5)
OHMIC = Mtj(v_half=math.inf)
ACCESS = AccessModel(
    resistance=(((900.0, 60.0), (80.0, 5.0)), ((900.0, 60.0), (-50.0, 3.0))),
    sensitivity=((((400.0, 30.0), (20.0, 0.0)), ((400.0, 30.0), (-15.0, 0.0))),),
    current_scale=1e-3,
    potential_scale=1.0,
    threshold_sigma=(5e-3,),
)
IDEAL = Line()
WIRE = Line(resistance=10, end=50)


def near(expected, rel: float = 1e-6, least: float = 0.0):
    """`pytest.approx` takes all that is below 1e-12 for equal: here are amperes and joules."""
    return pytest.approx(expected, rel=rel, abs=least)


def layout(
    rows: int = 4,
    columns: int = 3,
    *,
    cell=None,
    row: Line = IDEAL,
    column: Line = IDEAL,
    unselected: str = "half",
    volts: float = 0.15,
    rows_read: int | None = None,
    **parts,
) -> Layout:
    return Layout(
        name="disturb",
        crossbar=Crossbar(
            rows=rows,
            columns=columns,
            cell=cell or PassiveCell(mtj=OHMIC),
            row=row,
            column=column,
            unselected=unselected,
        ),
        read=Reading(voltage=volts, rows=rows_read),
        **({"writing": Writing()} | parts),
    )


def read_disturb(one: Layout, access=None) -> dict[str, float]:
    found = disturb_findings(one, nominal_condition(one), Fitted(access, 1e-5))
    return {finding.quantity: finding.value for finding in found}


def pulse_switches(amperes: float, seconds: float, diameter: float = 50e-9, celsius: float = 27.0):
    """The closed form, for one junction with the free layer that is the default."""
    layer = FreeLayer()
    stability = thermal_stability(layer, diameter, celsius)
    ratio = amperes / critical_current(layer, stability, celsius)
    return float(switching_probability(ratio, stability, seconds / time_constant(layer, celsius)))


# How often it happens in a life


@pytest.mark.parametrize(
    ("probability", "times", "expected"),
    [
        (0.0, 1e12, 0.0),
        (1.0, 1e12, 1.0),
        (1.0, 1e-3, 1.0),
        (0.5, 2, 0.75),
        (0.1, 3, 0.271),
        (1e-15, 1e12, -math.expm1(-1e-3)),
        (1e-20, 1e12, -math.expm1(-1e-8)),
        (1e-300, 1e12, 1e-288),
        (1e-6, 1e9, 1.0),
    ],
)
def test_what_seldom_happens_happens_in_many_times(probability, times, expected):
    assert several(probability, times) == near(expected, rel=1e-9)


def test_many_times_are_the_product_of_not_happening():
    for probability in (1e-3, 0.03, 0.4):
        left = 1.0
        for times in range(1, 20):
            left *= 1 - probability
            assert several(probability, times) == near(1 - left, rel=1e-12)


# Switching


def test_a_pulse_switches_junctions_by_their_own_size():
    one = layout(technology=Technology(temperature=60))
    amperes, sizes = np.array([30e-6, 30e-6]), np.array([40e-9, 60e-9])
    found = switched(one, amperes, 5e-9, sizes)
    expected = [pulse_switches(30e-6, 5e-9, d, 60.0) for d in (40e-9, 60e-9)]
    assert found == near(expected)
    assert found[0] > found[1]


def test_a_current_the_other_way_counts_as_none():
    one, size = layout(), np.array([50e-9])
    none, other = (switched(one, np.array([i]), 1.0, size) for i in (0.0, -1e-3))
    assert (none == other).all()


# Reads


def test_a_single_cell_is_disturbed_by_its_own_current():
    mtj = Mtj(v_half=0.4)
    one = layout(1, 1, cell=PassiveCell(mtj=mtj), volts=0.2, timing=Timing(hold=7e-9))
    amperes = 0.2 / (mtj.r_p * (1 + mtj.tmr0 / (1 + (0.2 / 0.4) ** 2)))
    expected = pulse_switches(amperes, 7e-9)
    found = read_disturb(one)
    assert 1e-12 < expected < 0.1
    assert found["read_disturb"] == near(expected, rel=1e-5)


def test_over_its_life_a_cell_is_read_many_times():
    one = layout(life=Life(reads=1e6))
    found = read_disturb(one)
    assert found["life_disturb"] == near(several(found["read_disturb"], 1e6))
    assert found["life_disturb"] > found["read_disturb"]


def test_reads_disturb_more_with_voltage_time_and_heat():
    def rises(layouts) -> bool:
        return all(np.diff([read_disturb(one)["read_disturb"] for one in layouts]) > 0)

    assert rises([layout(volts=v) for v in (0.05, 0.1, 0.2, 0.4)])
    holds = [layout(timing=Timing(period=10 * t, hold=t, sense_at=t / 2, rise=t / 10, step=t / 20))
             for t in (1e-9, 1e-8, 1e-7)]  # fmt: skip
    assert rises(holds)
    assert rises([layout(technology=Technology(temperature=t)) for t in (-40, 27, 85, 125)])


def test_the_pulse_of_a_read_is_the_whole_time_that_a_vector_is_held():
    # Far below the critical current the probability is proportional to the time.
    short = read_disturb(layout(timing=Timing(hold=4e-9, sense_at=2e-9)))["read_disturb"]
    long = read_disturb(layout(timing=Timing(hold=8e-9)))["read_disturb"]
    assert long / short == near(2, rel=1e-3)


def test_spread_disturbs_the_cell_with_the_smallest_resistance_that_is_to_be_expected():
    sigma, cells = 0.1, 12
    # The median of the largest of so many normal numbers, drawn.
    drawn = np.random.default_rng(1).normal(size=(40_000, cells)).max(axis=1)
    lowest = math.exp(-sigma * float(np.median(drawn)))
    one = layout(volts=0.2, die=Die(sigma_ln_rp=sigma))
    expected = pulse_switches(0.2 / (OHMIC.r_ap * lowest), one.timing.hold)
    found = disturb_findings(one, nominal_condition(one), FITTED)[0]
    assert found.value == near(expected, rel=0.1)
    assert found.value > 1.5 * read_disturb(layout(volts=0.2))["read_disturb"]
    assert f"worst of {cells} cells" in found.where


def test_the_cell_that_a_read_disturbs_most_is_the_nearest_to_driver_and_read_out():
    one = layout(row=WIRE, column=WIRE, unselected="grounded")
    found = disturb_findings(one, nominal_condition(one), FITTED)[0]
    e = found.experiment
    assert "AP cell at row 3, column 0" in found.where
    assert e.tile.states[3, 0] == 1
    # The experiment shows it: no cell that is AP gets more, in any block.
    array, volts = array_of([e]), torch.from_numpy(e.stimulus.volts.copy())
    current = nodal.solve(array, volts).current[0, 0].numpy()
    assert (current * e.tile.states).max() == current[3, 0]
    expected = pulse_switches(float(current[3, 0]), one.timing.hold)
    assert found.value == near(expected, rel=1e-4)


def test_the_smallest_of_unequal_junctions_is_disturbed_most_at_equal_voltage():
    # Its critical current and its current both go with its area, its barrier too.
    sizes = Diameters(low=35e-9, high=60e-9)
    one = layout(die=Die(diameters=sizes), volts=0.2)
    found = disturb_findings(one, nominal_condition(one), FITTED)[0]
    assert "column 0" in found.where
    area = math.pi / 4 * 35e-9**2
    amperes = 0.2 * area / OHMIC.ra / (1 + OHMIC.tmr0)
    assert found.value == near(pulse_switches(amperes, 8e-9, 35e-9), rel=1e-5)


def test_an_access_device_shields_its_cell():
    passive = layout()
    gated = passive.replace(crossbar=passive.crossbar.replace(cell=GatedCell(mtj=OHMIC)))
    assert read_disturb(gated, ACCESS)["read_disturb"] < read_disturb(passive)["read_disturb"]


# What is written


@pytest.mark.parametrize(
    ("row_ends", "column_ends", "expected"),
    [
        ("one", "one", [(0, 4), (5, 4)]),
        ("both", "one", [(0, 2), (5, 2)]),
        ("one", "both", [(3, 4), (5, 4)]),
        ("both", "both", [(3, 2), (5, 2)]),
    ],
)
def test_the_cells_with_the_most_wire_are_written(row_ends, column_ends, expected):
    one = layout(6, 5, row=Line(ends=row_ends), column=Line(ends=column_ends))
    assert far_cells(one) == expected


def test_a_single_cell_is_written_both_ways_once():
    assert far_cells(layout(1, 1)) == [(0, 0)]
    assert [(w.to, w.place) for w in write_plan(layout(1, 1))] == [(0, (0, 0)), (1, (0, 0))]


def solved(write: Write, access=None) -> xr.Dataset:
    """What ngspice would say to a write, from the nodal solver."""
    e = write.experiment
    array, volts = array_of([e], access), torch.from_numpy(e.stimulus.volts.copy())
    solution = nodal.solve(array, volts)
    cells = solution.current[0]
    over = nodal.cell_volts(array, volts, solution)[0]
    return xr.Dataset(
        {
            "current": (("vector", "line"), nodal.column_currents(array, solution)[0].numpy()),
            "input_current": (("vector", "row"), cells.sum(-1).numpy()),
            "cell_voltage": (("vector", "row", "column"), over.numpy()),
        }
    )


def test_a_passive_array_is_written_by_pulses_from_row_to_column_that_half_select_the_rest():
    one = layout(writing=Writing(to_p=0.8, to_ap=0.6))
    plan = write_plan(one)
    assert [(w.place, w.to) for w in plan] == [
        ((0, 2), 0), ((0, 2), 1), ((3, 2), 0), ((3, 2), 1),
    ]  # fmt: skip
    for write in plan:
        pulse = 0.8 if write.to == 0 else 0.6
        e = write.experiment
        assert e.driven_rows == (write.place[0],)
        assert e.sensed_columns == (write.place[1],)
        assert e.tile.states[write.place] == 1 - write.to
        assert e.tile.states.sum() == 1 - write.to
        assert write.mirrored == (write.to == 1)
        over = solved(write)["cell_voltage"].to_numpy()[0]
        expected = np.zeros((4, 3))
        expected[write.place[0]] = expected[:, write.place[1]] = pulse / 2
        expected[write.place] = pulse
        assert over == near(expected, rel=1e-9, least=1e-9)


@pytest.mark.parametrize("gates", ["column", "row"])
def test_a_gated_cell_is_written_p_from_its_row_and_ap_from_its_column(gates):
    one = layout(cell=GatedCell(mtj=OHMIC, gates=gates), writing=Writing(to_p=0.8, to_ap=0.6))
    for write in write_plan(one):
        e = write.experiment
        assert not write.mirrored
        (level,) = e.stimulus.volts[0] + e.periphery.reference  # what the row's driver is at
        assert isinstance(e.periphery, VirtualGround)
        at = (level, e.periphery.reference)
        assert at == near((0.8, 0.0) if write.to == 0 else (0.0, 0.6))
        result = solved(write, ACCESS)
        out = float(result["current"].to_numpy()[0, 0])
        # It flows from row to column to write P, and the other way to write AP.
        assert out > 0 if write.to == 0 else out < 0
        pulse = 0.8 if write.to == 0 else 0.6
        own = pulse / (OHMIC.r_ap + 1000 if write.to == 0 else OHMIC.r_p + 1000)
        assert abs(out) == near(own, rel=0.05)


@pytest.mark.parametrize("gates", ["column", "row"])
def test_writing_a_gated_cell_leaves_the_others_without_a_pulse(gates):
    one = layout(cell=GatedCell(mtj=OHMIC, gates=gates))
    for write in write_plan(one):
        e = write.experiment
        array, volts = array_of([e], ACCESS), torch.from_numpy(e.stimulus.volts.copy())
        current = nodal.solve(array, volts).current[0, 0].numpy().copy()
        own = abs(current[write.place])
        current[write.place] = 0
        assert np.abs(current).max() < 0.6 * own


def values(one: Layout, access=None) -> dict[str, float]:
    plan = write_plan(one)
    results = [solved(write, access) for write in plan]
    found = write_findings(one, nominal_condition(one), plan, results)
    return {finding.quantity: finding.value for finding in found}


def test_without_wires_the_whole_pulse_reaches_the_junction():
    one = layout(writing=Writing(to_p=0.9, to_ap=0.7, length=6e-9))
    found = values(one)
    assert found["write_voltage"] == near(0.7, rel=1e-9)
    # From P to AP 0.7 V over R_P, from AP to P 0.9 V over R_AP: the smaller current fails more.
    currents = {1: 0.7 / OHMIC.r_p, 0: 0.9 / OHMIC.r_ap}
    fails = [1 - pulse_switches(amperes, 6e-9) for amperes in currents.values()]
    assert found["write_error"] == near(max(fails), rel=1e-6)


@pytest.mark.parametrize("state", ["ohmic", "biased"])
def test_what_vias_take_does_not_reach_the_junction(state):
    mtj = OHMIC if state == "ohmic" else Mtj(v_half=0.4, c_parallel=0.3)
    one = layout(1, 1, cell=PassiveCell(mtj=mtj), row=Line(via=300), column=Line(via=200),
                 writing=Writing(to_p=0.8, to_ap=0.8))  # fmt: skip

    def amperes(volts: float, was: int) -> float:
        if was == 0:
            return volts * (1 + mtj.c_parallel * volts**2) / mtj.r_p
        return volts / (mtj.r_p * (1 + mtj.tmr0 / (1 + (volts / mtj.v_half) ** 2)))

    reached = []
    for was in (0, 1):
        low, high = 0.0, 0.8
        for _ in range(60):
            half = (low + high) / 2
            low, high = (half, high) if half + 500 * amperes(half, was) < 0.8 else (low, half)
        reached.append((low, amperes(low, was)))
    found = values(one)
    # Of a result with the voltage over the whole cell, as the nodal solver and ngspice give it.
    assert found["write_voltage"] == near(min(v for v, _ in reached), rel=1e-5)
    fails = [1 - pulse_switches(i, 5e-9) for _, i in reached]
    assert found["write_error"] == near(max(fails), rel=1e-3)


@pytest.mark.parametrize("gates", ["column", "row"])
def test_the_junction_of_a_gated_cell_gets_what_its_access_device_leaves(gates):
    one = layout(cell=GatedCell(mtj=OHMIC, gates=gates), writing=Writing(to_p=0.8, to_ap=0.6))
    found = values(one, ACCESS)
    shares = {}
    for to, pulse, own in ((0, 0.8, OHMIC.r_ap), (1, 0.6, OHMIC.r_p)):
        write = next(w for w in write_plan(one) if w.to == to)
        out = abs(float(solved(write, ACCESS)["current"].to_numpy()[0, 0]))
        shares[to] = own * out
        assert shares[to] < 0.95 * pulse
    assert found["write_voltage"] == near(min(shares.values()), rel=1e-6)
    assert "half_select" not in found


def test_wires_take_from_what_is_written_and_more_so_in_larger_arrays():
    plain = values(layout())["write_voltage"]
    small, large = (
        values(layout(rows=n, columns=n, row=WIRE, column=WIRE))["write_voltage"] for n in (3, 8)
    )
    assert large < small < plain


@pytest.mark.parametrize(("to_p", "to_ap", "side"), [(0.5, 0.2, "P"), (0.3, 0.25, "AP")])
def test_a_half_selected_cell_is_switched_as_often_as_half_the_pulse_says(to_p, to_ap, side):
    one = layout(
        writing=Writing(to_p=to_p, to_ap=to_ap), life=Life(writes=1e4), supply=Supply(volts=2.0)
    )
    # Writing P half of the pulse can switch an AP cell, writing AP one that is P.
    by_p, by_ap = (
        pulse_switches(to_p / 2 / OHMIC.r_ap, 5e-9),
        pulse_switches(to_ap / 2 / OHMIC.r_p, 5e-9),
    )
    assert (by_p > by_ap) == (side == "P")
    expected = -math.expm1(1e4 * math.log1p(-max(by_p, by_ap)))
    found = values(one)["half_select"]
    assert 1e-9 < expected < 1
    assert found == near(expected, rel=1e-4)
    longer = values(one.replace(life=Life(writes=1e6)))["half_select"]
    assert longer > found


def test_the_findings_of_writes_name_the_experiment_that_shows_them():
    one = layout(row=WIRE, column=WIRE)
    plan = write_plan(one)
    found = write_findings(one, nominal_condition(one), plan, [solved(w) for w in plan])
    by_name = {finding.quantity: finding for finding in found}
    assert by_name.keys() == {
        "write_voltage", "write_error", "write_error_mean", "half_select", "half_select_mean",
    }  # fmt: skip
    for name in ("write_voltage", "write_error", "write_error_mean"):
        assert any(by_name[name].experiment == w.experiment for w in plan)
    # A half-selected cell stands there in the state that can switch.
    half = by_name["half_select"]
    states = half.experiment.tile.states
    assert any(half.experiment.stimulus == w.experiment.stimulus for w in plan)
    assert f"{'AP' if states[half.shown.row, half.shown.column] else 'P'} cell" in half.where
    # The farthest cell gets the least.
    assert "at row 0, column 2" in by_name["write_voltage"].where


def test_every_block_of_rows_is_read():
    one = layout(5, 2, rows_read=1, column=Line(resistance=200), unselected="grounded")
    found = disturb_findings(one, nominal_condition(one), FITTED)[0]
    # The block nearest to the read-out loses the least in its column.
    assert found.experiment.driven_rows == blocks(one)[-1] == (4,)


def test_read_outs_do_not_matter_to_writes():
    plain = write_plan(layout())
    amplified = write_plan(layout(periphery=TransimpedanceAmplifier(input_resistance=500)))
    assert [w.experiment for w in plain] == [w.experiment for w in amplified]
