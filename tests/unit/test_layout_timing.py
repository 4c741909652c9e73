"""Times and energies of reads, from courses whose times and energies are known."""

import math

import numpy as np
import pytest
import torch
import xarray as xr

from mtjspice.collect.settling import settled_and_recovered
from mtjspice.layout import decision, timing
from mtjspice.layout.access import Fitted
from mtjspice.layout.circuit import Reads, blocks, read_experiment
from mtjspice.layout.patterns import named_patterns
from mtjspice.layout.quantities import Condition
from mtjspice.layout.rc import Response
from mtjspice.layout.timing import Course, course, held_longer, step_of
from mtjspice.solver import nodal
from mtjspice.solver.access import AccessModel
from mtjspice.solver.array import array_of
from mtjspice.spec import (
    Crossbar,
    GatedCell,
    Line,
    Mtj,
    PassiveCell,
    SenseAmplifier,
    TransientRead,
    TransimpedanceAmplifier,
    VirtualGround,
)
from mtjspice.spec.layout import Layout, Reading, Supply, Timing

FITTED = Fitted(None, 1e-5)
OHMIC = PassiveCell(mtj=Mtj(v_half=math.inf))
IDEAL = Line()
WIRE = Line(resistance=10, capacitance=3e-15, end=100)
VOLTS = 0.2
ACCESS = AccessModel(
    resistance=(((900.0, 60.0), (80.0, 5.0)), ((900.0, 60.0), (-50.0, 3.0))),
    sensitivity=((((400.0, 30.0), (20.0, 0.0)), ((400.0, 30.0), (-15.0, 0.0))),),
    current_scale=1e-4,
    potential_scale=0.1,
    threshold_sigma=(5e-3,),
)


def near(expected, rel: float = 1e-6, least: float = 0.0):
    """`pytest.approx` takes all that is below 1e-12 for equal: here are amperes and joules."""
    return pytest.approx(expected, rel=rel, abs=least)


def layout(
    rows: int = 3,
    columns: int = 2,
    *,
    cell=OHMIC,
    row: Line = IDEAL,
    column: Line = IDEAL,
    unselected: str = "grounded",
    read: int | None = None,
    **parts,
) -> Layout:
    return Layout(
        name="timing",
        crossbar=Crossbar(
            rows=rows, columns=columns, cell=cell, row=row, column=column, unselected=unselected
        ),
        read=Reading(voltage=VOLTS, rows=read),
        **parts,
    )


# The course of a read


READ = TransientRead(
    period=20e-9, rise=0.1e-9, hold=10e-9, step=0.01e-9, sense_at=6e-9, settle_to=0.01
)


def as_result(time, current, into, analysis=READ) -> xr.Dataset:
    """A result of ngspice with one vector: currents [time, line]."""
    settled, recovered = settled_and_recovered(time, current, analysis)
    return xr.Dataset(
        {
            "current": (("vector", "time", "output_line"), current[None]),
            "input_current": (("vector", "time", "input_line"), into[None]),
            "settling_time": (("vector", "output_line"), settled),
            "recovery_time": (("vector", "output_line"), recovered),
        },
        coords={"time": time},
    )


def exponential(time, taus, final, rest=0.0):
    """From rest to final and, after the hold, back; a time constant for each line."""
    taus, final = np.array(taus), np.array(final)
    rest = np.broadcast_to(rest, final.shape)
    up = final + (rest - final) * np.exp(-time[:, None] / taus)
    at_end = final + (rest - final) * np.exp(-READ.hold / taus)
    down = rest + (at_end - rest) * np.exp(-(time[:, None] - READ.hold) / taus)
    return np.where(time[:, None] <= READ.hold, up, down)


GRID = np.arange(0, 20e-9, READ.step)


def of_course(taus, final, rest=0.0, share=0.01, **parts) -> Course:
    one = layout(timing=Timing(settle_to=share), **parts)
    current = exponential(GRID, taus, final, rest)
    read = READ.replace(settle_to=share)
    result = as_result(GRID, current, np.zeros((GRID.size, 3)), read)
    return course(one, result, read, step_of(one, result, read))


def test_an_exponential_settles_and_recovers_after_the_logarithm_of_its_tolerance():
    found = of_course([0.4e-9, 1.1e-9], [1e-5, 3e-5])
    assert found.slowest == 1
    at_end = math.exp(-READ.hold / 1.1e-9)  # what is missing where the read ends, which counts as 0
    assert found.settled == near(-1.1e-9 * math.log(0.01 * (1 - at_end) + at_end), rel=1e-4)
    assert found.recovered == near(1.1e-9 * math.log(100), rel=1e-3)


def test_a_line_that_rests_at_a_current_goes_back_to_it():
    found = of_course([0.5e-9, 0.5e-9], [4e-5, 3e-5], rest=[2e-5, 2.9e-5], share=0.05)
    assert found.settled == near(0.5e-9 * math.log(20), rel=1e-4)
    assert found.recovered == near(0.5e-9 * math.log(20), rel=1e-3)


def test_a_read_that_is_too_short_never_settles():
    found = of_course([0.4e-9, 5e-9], [1e-5, 3e-5])
    assert found.settled == math.inf
    assert found.slowest == 1
    assert found.recovered == math.inf


def test_a_read_that_ends_where_it_should_rest_has_recovered_at_once():
    final = np.array([1e-5, 1e-5])
    result = as_result(GRID, np.tile(final, (GRID.size, 1)), np.zeros((GRID.size, 3)))
    found = course(layout(), result, READ, step_of(layout(), result, READ))
    assert found.settled == 0
    assert found.recovered == near(0, least=READ.step)


def test_a_read_that_never_settles_is_held_longer_until_it_would():
    analysis = READ
    for k in range(1, 3):
        analysis = held_longer(analysis)
        assert analysis is not None
        assert analysis.hold == near(4**k * READ.hold)
        assert analysis.period - analysis.hold >= analysis.hold - READ.hold
        assert (analysis.step, analysis.rise, analysis.sense_at) == (
            READ.step, READ.rise, READ.sense_at,
        )  # fmt: skip
    assert held_longer(TransientRead()) == TransientRead(hold=32e-9, period=58e-9)


def test_a_read_is_not_held_longer_than_so_many_steps():
    most = READ.replace(period=900e-9, hold=450e-9)
    assert held_longer(most) is None
    assert held_longer(most.replace(step=0.05e-9)) is not None


# Energy


def constant(one: Layout, into, out) -> dict[str, float]:
    """Energies of currents that flow all the time, [row] and [column]."""
    time = np.arange(0, READ.period + READ.step / 2, READ.step)
    result = as_result(
        time, np.tile(np.array(out, float), (time.size, 1)),
        np.tile(np.array(into, float), (time.size, 1)),
    )  # fmt: skip
    return timing.energy_of(one, result, READ)


SUPPLY = Supply(volts=1.5, amplifier=10e-6)
BURNT = 10e-6 * 1.5 * 10e-9 * 2
"""By two amplifiers while they work, J."""


def test_energy_is_told_by_where_it_is_burnt():
    one = layout(periphery=SenseAmplifier(load=1000), supply=SUPPLY)
    found = constant(one, into=[3e-5, 2e-5, 1e-5], out=[4e-5, 2e-5])
    # Rows are at 0.2 V for the time of the pulse, half of its edges counted: 10 ns; else at 0.
    load = 1000 * (4e-5**2 + 2e-5**2) * 20e-9
    assert found["amplifiers"] == near(load + BURNT, rel=1e-6)
    assert found["array"] == near(0.2 * 6e-5 * 10e-9 - load, rel=1e-3)
    assert found["drivers"] == near((1.5 * 20e-9 - 0.2 * 10e-9) * 6e-5, rel=1e-3)


def test_a_reference_takes_its_part_of_the_energy():
    amplifier = TransimpedanceAmplifier(reference=0.5, input_resistance=200, gain=1e3)
    one = layout(periphery=amplifier, supply=SUPPLY)
    found = constant(one, into=[3e-5, 2e-5, 1e-5], out=[4e-5, 2e-5])
    load, sunk = 200 * (4e-5**2 + 2e-5**2) * 20e-9, 0.5 * 6e-5 * 20e-9
    rows = 0.5 * 20e-9 + 0.2 * 10e-9
    assert found["amplifiers"] == near(load + sunk + BURNT, rel=1e-6)
    assert found["array"] == near(rows * 6e-5 - load - sunk, rel=1e-3)
    assert found["drivers"] == near((1.5 * 20e-9 - rows) * 6e-5, rel=1e-3)


@pytest.mark.parametrize("unselected", ["grounded", "half", "floating"])
@pytest.mark.parametrize("periphery", [SenseAmplifier(load=700), VirtualGround(reference=0.3)])
def test_all_energy_comes_from_the_supply(unselected, periphery):
    one = layout(unselected=unselected, read=1, periphery=periphery, supply=SUPPLY)
    into = [3e-5, 0.0, 0.0] if unselected == "floating" else [3e-5, 2e-5, 1e-5]
    out = [0.6 * sum(into), 0.4 * sum(into)]
    found = constant(one, into=into, out=out)
    assert sum(found.values()) == near(1.5 * sum(into) * 20e-9 + BURNT, rel=1e-6)


def test_a_driver_gives_nothing_back():
    one = layout(supply=SUPPLY)
    found = constant(one, into=[3e-5, -1e-5, 0.0], out=[1e-5, 1e-5])
    assert found["drivers"] == near((1.5 * 20e-9 - 0.2 * 10e-9) * 3e-5, rel=1e-3)


def test_rows_that_are_held_at_half_the_voltage_give_their_energy_to_the_array():
    # Rest: rows 1 and 2 are at 0.1 V all the time, row 0 goes from 0 to 0.2 V for 10 ns.
    one = layout(unselected="half", read=1, supply=SUPPLY)
    assert blocks(one)[0] == (0,)
    found = constant(one, into=[4e-5, 2e-5, 1e-5], out=[5e-5, 2e-5])
    assert found["array"] == near(0.2 * 4e-5 * 10e-9 + 0.1 * 3e-5 * 20e-9, rel=1e-3)
    assert found["drivers"] == near(
        (1.5 * 20e-9 - 0.2 * 10e-9) * 4e-5 + (1.5 - 0.1) * 3e-5 * 20e-9, rel=1e-3
    )


# What a read goes between


def test_a_read_goes_from_where_it_starts_to_where_it_ends():
    one = layout(timing=Timing(settle_to=0.02))
    current = exponential(GRID, [0.5e-9, 0.4e-9], [4e-5, 1e-5], rest=[2e-5, 3e-5])
    found = step_of(one, as_result(GRID, current, np.zeros((GRID.size, 3))), READ)
    assert found.rest == near(np.array([2e-5, 3e-5]))
    assert found.final == near(np.array([4e-5, 1e-5]), rel=1e-8)
    assert found.allowed == near(0.02 * np.array([2e-5, 2e-5]), rel=1e-8)
    assert found.at_rest


def test_where_it_ends_is_its_own_business_whatever_another_level_says():
    # The nodal solver may say something else: that is no matter of settling.
    one = layout(timing=Timing())
    current = exponential(GRID, [3e-9 / math.log(100)] * 2, [9.428e-6, 9.5535e-6])
    result = as_result(GRID, current, np.zeros((GRID.size, 3)))
    found = course(one, result, READ, step_of(one, result, READ))
    assert found.settled == near(3e-9, rel=1e-3)
    assert math.isfinite(found.recovered)


@pytest.mark.parametrize("tau", [0.2e-9, 1e-9, 1.2e-9, 2e-9, 5e-9, 30e-9, 200e-9])
def test_what_is_left_after_the_end_is_told_from_how_it_slows_down(tau):
    one = layout(timing=Timing())
    current = exponential(GRID, [tau] * 2, [4e-5, 1e-5])
    found = step_of(one, as_result(GRID, current, np.zeros((GRID.size, 3))), READ)
    missing = np.array([4e-5, 1e-5]) * math.exp(-READ.hold / tau)
    assert found.at_rest == (tau <= 1.2e-9)
    if tau >= 1e-9:
        assert found.left == near(missing, rel=0.01)


def test_an_output_that_moves_faster_and_faster_is_not_at_rest():
    one = layout(timing=Timing())
    current = np.stack([1e-5 * (GRID / READ.hold) ** 3, np.full(GRID.size, 1e-5)], axis=1)
    found = step_of(one, as_result(GRID, current, np.zeros((GRID.size, 3))), READ)
    assert found.left[0] == math.inf
    assert found.left[1] == 0
    assert not found.at_rest


@pytest.mark.parametrize(
    ("periphery", "ohms"),
    [(SenseAmplifier(load=800), 800), (TransimpedanceAmplifier(gain=3e3), 3e3)],
)
def test_a_tolerance_in_volts_is_the_same_current_for_all_lines(periphery, ohms):
    one = layout(periphery=periphery, timing=Timing(settle_within=0.6e-3))
    current = exponential(GRID, [0.5e-9, 0.4e-9], [4e-5, 1e-5])
    found = step_of(one, as_result(GRID, current, np.zeros((GRID.size, 3))), READ)
    assert found.allowed == near(np.full(2, 0.6e-3 / ohms))


# Read-outs


def test_a_replica_is_a_whole_column_with_its_access_devices():
    wires = Line(resistance=3, capacitance=2e-15)
    one = layout(5, column=wires, periphery=SenseAmplifier())
    assert timing.with_replica(one, 0.5e-15).periphery.replica == near(5 * 2.5e-15)
    assert timing.with_replica(one, 0.0).periphery.replica == near(5 * 2e-15)
    own = one.replace(periphery=SenseAmplifier(replica=7e-15))
    assert timing.with_replica(own, 0.5e-15) == own
    other = one.replace(periphery=TransimpedanceAmplifier())
    assert timing.with_replica(other, 0.5e-15) == other


def test_a_load_alone_takes_the_current_of_the_amplifier_and_never_clips():
    one = layout(periphery=SenseAmplifier(load=900), row=WIRE, column=WIRE)
    alone = timing.load_alone(one.periphery)
    assert isinstance(alone, TransimpedanceAmplifier)
    states = named_patterns((3, 2))["all P"]
    e = read_experiment(one, states, (0, 1, 2))
    volts = torch.from_numpy(e.stimulus.volts.copy())
    own, other = (nodal.read(array_of([x]), volts).numpy() for x in (e, e.replace(periphery=alone)))
    assert other == near(own, rel=1e-9)
    assert alone.gain * own.max() < min(alone.clip_high, -alone.clip_low)
    assert one.periphery.ohms == 900
    for periphery in (TransimpedanceAmplifier(input_resistance=50), VirtualGround()):
        assert timing.load_alone(periphery) == periphery
        ohms = 50 if isinstance(periphery, TransimpedanceAmplifier) else 0
        assert periphery.ohms == ohms


def test_a_read_in_time_is_of_the_rows_that_are_farthest_from_the_read_out():
    one = layout(4, read=2, periphery=SenseAmplifier(), timing=Timing(hold=7e-9))
    e = timing.timed(one, named_patterns((4, 2))["all P"], one.timing.analysis)
    assert e.driven_rows == (0, 1)
    assert e.analysis == TransientRead(hold=7e-9, settle_to=0.01)
    assert not isinstance(e.periphery, SenseAmplifier)


# The linear network


def test_the_linear_network_settles_within_volts_where_these_are_given():
    # One cell, a load, and the capacitance of the column between them: one pole.
    load, farads, r_p = 1e3, 2e-13, OHMIC.mtj.r_p
    one = layout(
        1, 1, column=Line(capacitance=farads), periphery=SenseAmplifier(load=load),
        timing=Timing(rise=1e-13, step=1e-13),
    )  # fmt: skip
    response = timing.rc_response(one, FITTED, np.zeros((1, 1), dtype=np.uint8))
    tau, final = farads / (1 / load + 1 / r_p), VOLTS / (load + r_p)
    assert response.final[0] == near(final, rel=1e-6)
    by_share = timing.rc_settling(one, response)
    assert by_share == near(tau * math.log(100), rel=1e-3)
    for volts in (1e-4, 3e-3):
        within = one.replace(timing=one.timing.replace(settle_within=volts))
        expected = tau * math.log(final * load / volts)
        assert timing.rc_settling(within, response) == near(expected, rel=1e-3)


@pytest.mark.parametrize("unselected", ["grounded", "floating"])
@pytest.mark.parametrize("via", [0.0, 400.0])
@pytest.mark.parametrize("mtj", [Mtj(v_half=math.inf), Mtj(v_half=0.3)])
def test_the_linear_network_ends_at_the_current_of_the_nodal_solver(unselected, via, mtj):
    one = layout(
        4, 3, cell=PassiveCell(mtj=mtj), row=WIRE.replace(via=via / 2),
        column=WIRE.replace(via=via / 2), unselected=unselected, read=3,
        periphery=SenseAmplifier(load=500),
    )  # fmt: skip
    states = np.random.default_rng(1).integers(0, 2, (4, 3)).astype(np.uint8)
    response = timing.rc_response(one, FITTED, states)
    expected = Reads.of(one, None, blocks(one)[0]).currents(torch.from_numpy(states[None] * 1.0))
    # Cells that float are taken at rest, where sneak currents are small.
    assert response.final == near(expected[0, 0].numpy(), rel=2e-3)


@pytest.mark.parametrize("gates", ["column", "row"])
@pytest.mark.parametrize("via", [0.0, 300.0])
def test_the_linear_network_of_gated_cells_ends_at_the_current_of_the_nodal_solver(gates, via):
    one = layout(
        4, 3, cell=GatedCell(gates=gates), row=WIRE, column=WIRE.replace(via=via), read=2,
        periphery=SenseAmplifier(load=500),
    )  # fmt: skip
    states = np.random.default_rng(2).integers(0, 2, (4, 3)).astype(np.uint8)
    response = timing.rc_response(one, Fitted(ACCESS, 1e-5), states)
    expected = Reads.of(one, ACCESS, blocks(one)[0]).currents(torch.from_numpy(states[None] * 1.0))
    assert response.final == near(expected[0, 0].numpy(), rel=2e-3)


@pytest.mark.parametrize("load", [0.0, 20e3])
def test_the_slower_of_all_p_and_all_ap_is_named(load):
    one = layout(
        6, 6, row=WIRE, column=WIRE, periphery=TransimpedanceAmplifier(input_resistance=load)
    )
    times = {
        name: timing.rc_settling(one, timing.rc_response(one, FITTED, named_patterns((6, 6))[name]))
        for name in ("all P", "all AP")
    }
    assert timing.slower_pattern(one, FITTED) == max(times, key=lambda name: times[name])
    # Cells that conduct less discharge the lines less.
    assert timing.slower_pattern(one, FITTED) == ("all AP" if load else "all P") or not load


# Latches


@pytest.mark.parametrize("margin", [7e-3, -7e-3, 0.0])
def test_a_strip_sees_the_margin_of_the_array(margin):
    one = layout(5, 4, row=WIRE, column=WIRE, periphery=SenseAmplifier(load=600, threshold=0.1))
    low = np.array([1, 1, 1, 0, 0], dtype=np.uint8)
    high = np.array([1, 1, 0, 0, 0], dtype=np.uint8)
    made = decision.strips(one, FITTED, {"low": low, "high": high}, margin)
    assert made.keys() == {"low", "high"}
    for side, e in made.items():
        assert e.crossbar.shape == (5, 1)
        assert e.analysis.kind == "transient"
        assert (e.tile.states[:, 0] == (low if side == "low" else high)).all()
        volts = torch.from_numpy(e.stimulus.volts.copy())
        seen = 600 * float(nodal.read(array_of([e]), volts)[0, 0, 0])
        distance = e.periphery.threshold - seen if side == "low" else seen - e.periphery.threshold
        assert distance == near(max(abs(margin), decision.LEAST_MARGIN), rel=1e-4)


def latched(decision: float, time: float, energy: float) -> xr.Dataset:
    dims = ("vector", "output_line")
    return xr.Dataset(
        {
            "decision": (dims, [[decision]]),
            "decision_time": (dims, [[time]]),
            "decision_energy": (dims, [[energy]]),
        }
    )


def test_the_slower_side_of_a_latch_counts():
    found = decision.decided({"low": latched(-1, 0.3e-9, 4e-15), "high": latched(1, 0.2e-9, 5e-15)})
    assert (found.time, found.slower, found.energy) == (0.3e-9, "low", 5e-15)
    assert found.right


@pytest.mark.parametrize(("low", "high"), [(1, 1), (-1, -1), (0, 1), (-1, 0)])
def test_a_latch_that_decides_wrongly_or_not_at_all_is_not_right(low, high):
    times = [math.nan if side == 0 else 1e-10 for side in (low, high)]
    found = decision.decided({"low": latched(low, times[0], 0), "high": latched(high, times[1], 0)})
    assert not found.right
    assert math.isinf(found.time) == (0 in (low, high))


# Findings


ENERGY = {"array": 3e-13, "drivers": 5e-13, "amplifiers": 2e-13}


@pytest.mark.parametrize("with_latch", [True, False])
def test_a_period_is_settling_decision_and_recovery_and_operations_are_two_a_cell(with_latch):
    one = layout(4, 3, read=2, periphery=SenseAmplifier() if with_latch else VirtualGround())
    states = named_patterns((4, 3))["all P"]
    e = timing.timed(one, states, one.timing.analysis)
    final, allowed = np.array([1e-6, 2e-6, 3e-6]), np.array([1e-8, 2e-8, 3e-8])
    step = timing.Step(np.zeros(3), final, allowed, np.zeros(3))
    slow = e, Course(3e-9, 1e-9, 2, {}, latest=1), "all AP", step
    data = e, ENERGY
    latch = ({"low": e, "high": e}, decision.Decision(0.4e-9, 5e-15, True, "high", "low"))
    found, energy = timing.time_findings(
        one, Condition("tt", 1.0, 27.0), slow, data, latch if with_latch else None
    )
    values = {finding.quantity: finding.value for finding in found}
    latches = 3 * 5e-15 if with_latch else 0.0
    of_latch = 0.4e-9 if with_latch else 0.0
    assert values["settling"] == 3e-9
    shown = {finding.quantity: finding.shown for finding in found}
    assert shown["settling"].column == 2
    assert (shown["settling"].given["final"], shown["settling"].given["allowed"]) == (3e-6, 3e-8)
    assert (shown["read_period"].given["latest"], shown["read_period"].given["rest"]) == (1, 0.0)
    assert (shown["energy"].latched is None) == (not with_latch)
    assert values.get("decision_time", 0.0) == of_latch
    assert values["read_period"] == near(3e-9 + of_latch + 1e-9)
    assert values["energy"] == near(1e-12 + latches)
    assert values["operations_per_joule"] == near(2 * 2 * 3 / (1e-12 + latches))
    assert energy == ENERGY | ({"latches": latches} if with_latch else {})
    assert ENERGY.keys() == {"array", "drivers", "amplifiers"}  # it is not changed on the way


def test_a_waveform_goes_from_rest_to_one():
    rest, final = np.array([1e-5, 0.0]), np.array([3e-5, 5e-5])
    current = exponential(GRID, [0.5e-9, 1e-9], final, rest)
    result = as_result(GRID, current, np.zeros((GRID.size, 3)))
    one = layout()
    step = step_of(one, result, READ)
    read = course(one, result, READ, step)
    response = Response(final, np.array([1e9]), np.array([final]), 1e-12)
    shown = timing.waveform(one, result, read, READ, step, response, 0.2e-9)
    assert shown.line == 1
    held = READ.hold >= GRID
    expected = 1 - np.exp(-GRID[held] / 1e-9)
    by_end = expected / (1 - math.exp(-READ.hold / 1e-9))
    assert shown.output[held] == near(by_end, rel=1e-9, least=1e-12)
    assert shown.linear[held] == near(expected, least=2e-3)
    assert np.isnan(shown.linear[~held]).all()
    assert shown.tolerance == near(0.01)
    assert shown.settled == read.settled
    assert shown.decision == near(read.settled + 0.2e-9)
    assert shown.recovered == near(READ.hold + read.recovered)
    assert timing.waveform(one, result, read, READ, step, response, None).decision is None


def test_the_column_of_a_line_is_taken_from_the_patterns_of_both_sides():
    low, high = np.arange(6).reshape(3, 2) % 2, np.ones((3, 2))
    found = decision.columns_of([low, high], 1)
    assert found["low"].tolist() == [1, 1, 1]
    assert found["high"].tolist() == [1, 1, 1]
    assert decision.columns_of([low, high], 0)["low"].tolist() == [0, 0, 0]
