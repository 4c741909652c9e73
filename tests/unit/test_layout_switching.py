"""Cells that differ in a circuit: mean and worst against plain numpy, currents against the solver.

Nothing of `mtjspice.device` is used for the numbers drawn here: the constants of the default free
layer at 27 °C and the closed forms are written out once more.
"""

import math
import re

import numpy as np
import pytest
import torch
from unit.test_layout_disturb import FITTED, OHMIC, layout, near, solved

from mtjspice.layout.circuit import Reads, nominal_condition
from mtjspice.layout.decks import plain
from mtjspice.layout.disturb import disturb_findings, write_findings, write_plan
from mtjspice.layout.population import Factors
from mtjspice.layout.switching import Cell, reached
from mtjspice.spec import Die, FreeLayer, Line, Mtj, PassiveCell, Writing
from mtjspice.spec.layout import Life, Supply, Timing

DELTA, IC0, TAU = 77.40366, 38.98588e-6, 2.259846e-9
"""Of 50 nm at 27 °C, worked out in test_device_switching."""
LAYER = FreeLayer(sigma_ln_delta=0.04, sigma_ln_ic0=0.03)
DIE = Die(sigma_ln_rp=0.05, sigma_ln_tmr=0.06)
BIASED = Mtj(v_half=0.4, c_parallel=0.3)
SERIES = 400.0
CELLS = 12


def amperes(volts, state, r_p, tmr0, mtj=BIASED):
    if state == 0:
        return volts * (1 + mtj.c_parallel * volts**2) / r_p
    return volts / (r_p * (1 + tmr0 / (1 + (volts / mtj.v_half) ** 2)))


def shared(pulse, state, r_p, tmr0, series):
    """Voltage over junctions and their currents, by bisection."""
    low, high = np.zeros_like(r_p), np.full_like(r_p, pulse)
    for _ in range(50):
        half = (low + high) / 2
        over = half + series * amperes(half, state, r_p, tmr0) > pulse
        low, high = np.where(over, low, half), np.where(over, half, high)
    return low, amperes(low, state, r_p, tmr0)


def activation(i, delta, seconds):
    held = np.minimum(i, 1 - 1 / np.sqrt(delta))
    rate = np.sqrt(delta / math.pi) * (1 - held) ** 2 * (1 + held)
    return rate * np.exp(-delta * (1 - held) ** 2) * seconds / TAU


def butler(i, delta, seconds):
    return -np.expm1(
        -(math.pi**2) / 4 * delta * (i - 1) / (i * np.exp(2 * (i - 1) * seconds / TAU) - 1)
    )


def drawn(count: int, seed: int = 3):
    """Factors on R_P, TMR0, Δ and I_c0, one for each cell."""
    z = np.random.default_rng(seed).standard_normal((4, count))
    return np.exp(z * np.array([[0.05], [0.06], [0.04], [0.03]]))


def one_cell(**parts):
    """A cell with resistance in front of it; the array has more, all alike."""
    return layout(
        1, 1, cell=PassiveCell(mtj=BIASED), die=DIE, row=Line(end=250), column=Line(via=150),
        **({"writing": Writing(to_p=0.9, to_ap=0.8, free_layer=LAYER)} | parts),
    )  # fmt: skip


def found_of(one) -> dict[str, float]:
    plan = write_plan(one)
    found = write_findings(one, nominal_condition(one), plan, [solved(w) for w in plan])
    return {f.quantity: f.value for f in found}


def chances_of_writes(count: int, seed: int = 3):
    r, t, delta, ic0 = drawn(count, seed)
    fails, volts = [], []
    for state, pulse in ((1, 0.9), (0, 0.8)):
        over, through = shared(pulse, state, BIASED.r_p * r, BIASED.tmr0 * t, SERIES)
        i = through / (IC0 * ic0)
        stays = np.minimum(butler(i, DELTA * delta, 5e-9), np.exp(-activation(i, DELTA, 5e-9)))
        fails.append(stays)
        volts.append(over)
    return fails, volts


def test_the_mean_write_error_is_that_of_cells_that_are_drawn():
    fails, _ = chances_of_writes(300_000)
    mean, error = max((one.mean(), one.std() / math.sqrt(300_000)) for one in fails)
    found = found_of(one_cell())["write_error_mean"]
    assert error < 0.01 * mean
    assert abs(found - mean) < 3 * error + 2e-3 * mean


def test_the_worst_write_is_exceeded_on_half_of_the_dies_and_so_is_the_least_voltage():
    dies = 4000
    fails, volts = chances_of_writes(dies * CELLS, seed=9)
    one = layout(
        4, 3, cell=PassiveCell(mtj=BIASED), die=DIE, row=Line(via=250), column=Line(via=150),
        writing=Writing(to_p=0.9, to_ap=0.8, free_layer=LAYER),
    )  # fmt: skip
    found = found_of(one)
    worst = max((f.reshape(dies, CELLS).max(1) for f in fails), key=np.median)
    least = min((v.reshape(dies, CELLS).min(1) for v in volts), key=np.median)
    # Half of 4,000 dies, within four standard errors.
    assert abs((worst > found["write_error"]).mean() - 0.5) < 0.032 + 0.01
    assert abs((least < found["write_voltage"]).mean() - 0.5) < 0.032 + 0.01
    nominal = found_of(one.replace(die=Die(), writing=one.writing.replace(free_layer=FreeLayer())))
    assert found["write_error"] > 3 * nominal["write_error"]
    assert found["write_voltage"] < nominal["write_voltage"]


WIDE = FreeLayer(sigma_ln_delta=0.04, sigma_ln_ic0=0.03, sigma_ln_diameter=0.02)
"""Diameters spread, too: twice as much in the area, of which R_P has 4 of its 5 %."""


def of_all_sizes(count: int, seed: int = 3):
    """Factors on R_P, TMR0, Δ and I_c0 of cells whose diameters differ, from numbers of our own."""
    z = np.random.default_rng(seed).standard_normal((5, count))
    sigmas = np.array([math.sqrt(0.05**2 - (2 * 0.02) ** 2), 0.06, 0.04, 0.03, 0.02])
    barrier, tmr, delta, ic0, diameter = np.exp(z * sigmas[:, None])
    area = diameter**2
    return barrier / area, tmr, delta * area, ic0 * area


def test_diameters_that_differ_are_in_every_switching_figure():
    count, cells, dies = 300_000, CELLS, 4000
    writing = Writing(to_p=0.9, to_ap=0.8, free_layer=WIDE)
    one = layout(
        4, 3, cell=PassiveCell(mtj=BIASED), die=DIE, row=Line(via=250), column=Line(via=150),
        writing=writing, volts=0.3, timing=Timing(hold=8e-9), life=Life(reads=1e6),
    )  # fmt: skip
    found = found_of(one)
    found |= {f.quantity: f.value for f in disturb_findings(one, nominal_condition(one), FITTED)}

    def chances(number: int, seed: int):
        r, t, delta, ic0 = of_all_sizes(number, seed)
        fails, volts = [], []
        for state, pulse in ((1, 0.9), (0, 0.8)):
            over, through = shared(pulse, state, BIASED.r_p * r, BIASED.tmr0 * t, SERIES)
            i = through / (IC0 * ic0)
            left = np.exp(-activation(i, DELTA * delta, 5e-9))
            fails.append(np.minimum(butler(i, DELTA * delta, 5e-9), left))
            volts.append(over)
        _, through = shared(0.3, 1, BIASED.r_p * r, BIASED.tmr0 * t, SERIES)
        once = -np.expm1(-activation(through / (IC0 * ic0), DELTA * delta, 8e-9))
        return fails, volts, once

    fails, _, once = chances(count, 3)
    for name, chance in (
        ("write_error_mean", max(fails, key=np.mean)),
        ("read_disturb_mean", once),
        ("life_disturb_mean", -np.expm1(1e6 * np.log1p(-once))),
    ):
        error = chance.std() / math.sqrt(count)
        assert error < 0.03 * chance.mean()
        assert abs(found[name] - chance.mean()) < 3 * error + 5e-3 * chance.mean(), name
    fails, volts, once = chances(dies * cells, 9)
    worst = max((f.reshape(dies, cells).max(1) for f in fails), key=np.median)
    least = min((v.reshape(dies, cells).min(1) for v in volts), key=np.median)
    for name, beyond in (
        ("write_error", worst > found["write_error"]),
        ("write_voltage", least < found["write_voltage"]),
        ("read_disturb", once.reshape(dies, cells).max(1) > found["read_disturb"]),
    ):
        # Half of 4,000 dies, within four standard errors.
        assert abs(beyond.mean() - 0.5) < 0.032 + 0.01, name
    equal = found_of(one.replace(writing=writing.replace(free_layer=LAYER)))
    assert found["write_error"] != near(equal["write_error"], rel=0.1)


def test_the_worst_cell_stands_in_the_circuit_that_shows_it():
    """Its voltage follows from its own resistance and what is in series, by bisection."""
    one = one_cell(writing=Writing(to_p=0.9, to_ap=0.8, free_layer=WIDE)).replace(
        crossbar=layout(4, 3, cell=PassiveCell(mtj=BIASED), row=Line(via=250),
                        column=Line(via=150)).crossbar
    )  # fmt: skip
    plan = write_plan(one)
    found = write_findings(one, nominal_condition(one), plan, [solved(w) for w in plan])
    by_name = {finding.quantity: finding for finding in found}
    lowest = by_name["write_voltage"]
    junctions, place = lowest.shown.devices.junctions, (lowest.shown.row, lowest.shown.column)
    state = int(lowest.experiment.tile.states[place])
    pulse = float(lowest.experiment.stimulus.volts.max())
    volts, _ = shared(pulse, state, junctions.r_p[place], junctions.tmr0[place], SERIES)
    assert lowest.value == near(float(volts), rel=1e-6)
    others = np.delete(junctions.r_p.ravel(), np.ravel_multi_index(place, (4, 3)))
    assert (others == BIASED.r_p).all()
    assert junctions.r_p[place] < BIASED.r_p  # less resistance gets less of the pulse
    assert f"R_P −{100 * (1 - junctions.r_p[place] / BIASED.r_p):.1f} %" in lowest.where
    assert ("TMR" in lowest.where) == (state == 1)  # a P junction's resistance has none
    assert by_name["write_error"].shown.devices is not None
    assert by_name["write_error_mean"].shown.devices is None
    head = plain(by_name["write_error"].where)  # as the head of the netlist has it, in ASCII
    assert re.search(r"R_P \+\d+\.\d %.*, Delta [+-]\d+\.\d %, I_c0 [+-]\d+\.\d %", head)
    assert "?" not in head


def test_the_mean_disturb_and_that_of_a_life_are_those_of_cells_that_are_drawn():
    one = one_cell(volts=0.3, timing=Timing(hold=8e-9), life=Life(reads=1e6))
    found = {f.quantity: f.value for f in disturb_findings(one, nominal_condition(one), FITTED)}
    r, t, delta, ic0 = drawn(300_000)
    _, through = shared(0.3, 1, BIASED.r_p * r, BIASED.tmr0 * t, SERIES)
    once = -np.expm1(-activation(through / (IC0 * ic0), DELTA * delta, 8e-9))
    for name, chance in (
        ("read_disturb_mean", once),
        ("life_disturb_mean", -np.expm1(1e6 * np.log1p(-once))),
    ):
        error = chance.std() / math.sqrt(300_000)
        assert error < 0.03 * chance.mean()
        assert abs(found[name] - chance.mean()) < 3 * error + 2e-3 * chance.mean()


def test_the_mean_of_half_selected_cells_is_that_of_those_that_are_drawn():
    die, layer = Die(sigma_ln_rp=0.05), LAYER
    one = layout(
        die=die, writing=Writing(to_p=0.3, to_ap=0.25, free_layer=layer), life=Life(writes=50),
        supply=Supply(volts=2.0),
    )  # fmt: skip
    r, _, delta, ic0 = drawn(300_000)
    through = 0.125 / (OHMIC.r_p * r)  # writing AP, half of the pulse can switch P cells
    once = -np.expm1(-activation(through / (IC0 * ic0), DELTA * delta, 5e-9))
    chance = -np.expm1(50 * np.log1p(-once))
    error = chance.std() / math.sqrt(300_000)
    found = found_of(one)
    assert abs(found["half_select_mean"] - chance.mean()) < 3 * error + 2e-3 * chance.mean()
    assert found["half_select"] > 3 * found["half_select_mean"]


def test_the_largest_mean_of_half_selected_cells_need_not_be_that_of_the_worst_cell():
    """So many writes that the worst cell switches for certain whichever state is written."""
    one = layout(
        die=Die(sigma_ln_rp=0.05), life=Life(writes=1e8), supply=Supply(volts=2.0),
        writing=Writing(to_p=0.4, to_ap=0.25, free_layer=LAYER),
    )  # fmt: skip
    means = []
    for volts, ohms in ((0.2, OHMIC.r_ap), (0.125, OHMIC.r_p)):
        r, _, delta, ic0 = drawn(300_000)
        through = volts / (ohms * r)
        once = -np.expm1(-activation(through / (IC0 * ic0), DELTA * delta, 5e-9))
        means.append(float((-np.expm1(1e8 * np.log1p(-once))).mean()))
    assert max(means) > means[0] + 0.01
    found = found_of(one)
    assert found["half_select"] == 1
    assert abs(found["half_select_mean"] - max(means)) < 3e-3


@pytest.mark.parametrize("factor", [0.8, 0.9, 1.0, 1.15, 1.3])
def test_a_cell_of_another_resistance_draws_what_the_solver_says(factor):
    # Among P cells in an array with wires, of which it alone differs.
    one = layout(6, 5, row=Line(resistance=8, end=30), column=Line(resistance=8, end=30),
                 cell=PassiveCell(mtj=BIASED), volts=0.3)  # fmt: skip
    place, driven = (2, 3), tuple(range(6))
    reads = Reads.of(one, None, driven)
    states = torch.zeros(1, 6, 5, dtype=torch.float64)
    states[(0, *place)] = 1
    other = torch.zeros_like(states)
    other[(0, *place)] = math.log(factor)
    answers = [reads.answer(reads.array(states, ln_rp)) for ln_rp in (None, other)]
    nominal, exact = (float(a.cell_current[(0, 0, *place)]) for a in answers)
    volts = float(answers[0].cell_volts[(0, 0, *place)])
    series = 30 + 8 * 3 + 30 + 8 * (5 - 2)
    cell = Cell(place, 1, volts, nominal, series)
    ones = np.ones(1)
    over, through = reached(one, cell, Factors(factor * ones, ones, ones, ones))
    assert through[0] == near(exact, rel=2e-4)
    assert over[0] == near(float(answers[1].cell_volts[(0, 0, *place)]), rel=2e-4)
    assert factor == 1 or abs(nominal / exact - 1) > 0.05


@pytest.mark.parametrize("state", [0, 1])
def test_cells_far_from_the_nominal_one_get_their_share_too(state):
    factors = np.array([0.02, 0.1, 0.5, 2.0, 20.0])
    ones = np.ones(5)
    nominal = shared(0.9, state, np.array([BIASED.r_p]), BIASED.tmr0 * np.ones(1), SERIES)
    cell = Cell((0, 0), state, float(nominal[0][0]), float(nominal[1][0]), SERIES)
    expected = shared(0.9, state, BIASED.r_p * factors, BIASED.tmr0 * ones, SERIES)
    found = reached(one_cell(), cell, Factors(factors, ones, ones, ones))
    assert found[0] == near(expected[0], rel=1e-6)
    assert found[1] == near(expected[1], rel=1e-6)
