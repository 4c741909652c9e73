"""A layout under a condition as a circuit, against the law of junctions and against SPICE's way.

The nodal solver gets its arrays here by another way than from experiments (`Reads`, from junctions
that may ask for gradients): both must be the same circuit.
"""

import math

import numpy as np
import pytest
import torch
import xarray as xr

from mtjspice.device.conductance import coefficients
from mtjspice.device.temperature import tmr_at
from mtjspice.device.variation import draw_junctions, draw_normal
from mtjspice.layout.access import Fitted
from mtjspice.layout.circuit import (
    Reads,
    blocks,
    conditions_of,
    full_scale,
    ideal_currents,
    nominal_condition,
    nominal_die,
    r_p_of,
    read_experiment,
    same_processes,
    sense_volts,
    under,
    volts_per_ampere,
)
from mtjspice.layout.patterns import named_patterns
from mtjspice.layout.quantities import Condition
from mtjspice.layout.read import MEASURES, pattern_experiments
from mtjspice.layout.spread import in_turn
from mtjspice.layout.stages import Bench, read_stage
from mtjspice.solver import nodal
from mtjspice.solver.access import AccessModel
from mtjspice.solver.array import array_of
from mtjspice.solver.cells import Cells
from mtjspice.spec import (
    Crossbar,
    Diameters,
    Die,
    GatedCell,
    Line,
    Mtj,
    PassiveCell,
    SenseAmplifier,
    Technology,
    TransimpedanceAmplifier,
    TransmissionGateCell,
    VirtualGround,
)
from mtjspice.spec.layout import Corners, Layout, Reading, Supply

ACCESS = AccessModel(
    resistance=(((900.0, 60.0), (80.0, 5.0)), ((900.0, 60.0), (-50.0, 3.0))),
    sensitivity=((((400.0, 30.0), (20.0, 0.0)), ((400.0, 30.0), (-15.0, 0.0))),),
    current_scale=5e-5,
    potential_scale=0.05,
    threshold_sigma=(5e-3,),
)
WEAK = ACCESS.model_copy(
    update={"resistance": (((1800.0, 90.0), (160.0, 9.0)), ((1800.0, 90.0), (-90.0, 5.0)))}
)
"""The same device where its gate is lower."""
JUNCTIONS = [
    Mtj(v_half=math.inf),
    Mtj(v_half=math.inf, c_parallel=0.7),
    Mtj(v_half=0.4),
    Mtj(v_half=0.4, c_parallel=0.7, tmr0=1.7),
]
VOLTS = (-0.6, -0.1, 0.0, 0.05, 0.3, 0.9)
CLOSE = 2e-7
"""Twice the tolerance that reads are solved with."""


def near(expected, rel: float = 1e-6, least: float = 0.0):
    """`pytest.approx` takes all that is below 1e-12 for equal: here are amperes and joules."""
    return pytest.approx(expected, rel=rel, abs=least)


def layout(rows: int = 5, columns: int = 4, *, cell=None, lines=None, read=None, **parts) -> Layout:
    wires = {
        "row": Line(resistance=20, end=50, via=7),
        "column": Line(resistance=12, end=30, via=3),
    }
    return Layout(
        name="circuit",
        crossbar=Crossbar(
            rows=rows, columns=columns, cell=cell or PassiveCell(), **(wires | (lines or {}))
        ),
        read=Reading(**({"voltage": 0.15} | (read or {}))),
        **parts,
    )


# The law of a junction


def law(mtj: Mtj, state: int, r_p: float, tmr0: float, volts: float) -> float:
    """As the documentation of `mtjspice.device.conductance` writes it."""
    if state == 0:
        return volts * (1 + mtj.c_parallel * volts**2) / r_p
    return volts / (r_p * (1 + tmr0 / (1 + (volts / mtj.v_half) ** 2)))


@pytest.mark.parametrize("state", [0, 1])
@pytest.mark.parametrize("mtj", JUNCTIONS)
def test_a_junction_has_the_law_of_its_state(mtj, state):
    r_p, tmr0 = 4321.0, 1.3
    ones = torch.ones(1, 1, 1, dtype=torch.float64)
    cells = Cells.of_junctions(state * ones, r_p * ones[0], tmr0 * ones[0, 0], mtj)
    volts = torch.tensor(VOLTS, dtype=torch.float64)[None, :, None, None]
    expected = np.array([law(mtj, state, r_p, tmr0, v) for v in VOLTS])
    assert cells.current(volts).flatten().numpy() == near(expected, rel=1e-12, least=1e-20)
    k = coefficients(state, r_p, tmr0, mtj)
    v = np.array(VOLTS)
    from_coefficients = v * (k.linear + k.cubic * v**2 - k.drop / (k.at + v**2))
    assert cells.current(volts).flatten().numpy() == near(from_coefficients, rel=1e-12)


@pytest.mark.parametrize("mtj", JUNCTIONS)
def test_a_whole_array_of_junctions_is_each_by_itself(mtj):
    chance = np.random.default_rng(1)
    states = chance.integers(0, 2, (3, 2, 4))
    r_p, tmr0 = chance.uniform(3e3, 9e3, (2, 4)), chance.uniform(0.5, 2, (3, 2, 4))
    cells = Cells.of_junctions(*(torch.from_numpy(x * 1.0) for x in (states, r_p, tmr0)), mtj)
    current = cells.current(torch.full((3, 1, 2, 4), 0.31, dtype=torch.float64))[:, 0]
    for place in np.ndindex(3, 2, 4):
        expected = law(mtj, states[place], r_p[place[1:]], tmr0[place], 0.31)
        assert float(current[place]) == near(expected, rel=1e-12)


@pytest.mark.parametrize("mtj", JUNCTIONS)
def test_between_its_states_a_junction_is_their_mixture(mtj):
    r_p, tmr0 = torch.tensor([5e3, 1.1], dtype=torch.float64)
    shares = torch.linspace(0, 1, 5, dtype=torch.float64)[:, None, None]
    volts = torch.full((5, 1, 1, 1), 0.4, dtype=torch.float64)
    current = Cells.of_junctions(shares, r_p, tmr0, mtj).current(volts).flatten().numpy()
    p, ap = (law(mtj, state, 5e3, 1.1, 0.4) for state in (0, 1))
    assert current == near([p + s * (ap - p) for s in (0, 0.25, 0.5, 0.75, 1)], rel=1e-12)
    assert (np.diff(current) < 0).all()


@pytest.mark.parametrize("mtj", JUNCTIONS)
def test_the_slopes_with_state_resistance_and_magnetoresistance_are_right(mtj):
    volts = torch.full((2, 1, 2, 2), 0.35, dtype=torch.float64)
    chance = np.random.default_rng(2)
    given = [chance.uniform(0.1, 0.9, (2, 2, 2)), chance.uniform(3, 9, (2, 2)),
             chance.uniform(0.5, 2, (2, 2))]  # fmt: skip
    asking = [torch.from_numpy(x).requires_grad_() for x in given]

    def current(state, kiloohms, tmr0):
        return 1e3 * Cells.of_junctions(state, 1e3 * kiloohms, tmr0, mtj).current(volts)

    assert torch.autograd.gradcheck(current, asking)
    slopes = torch.autograd.grad(current(*asking).sum(), asking)
    assert all((slope != 0).all() for slope in slopes)


# Conditions


def test_a_condition_scales_what_hangs_on_the_supply_and_nothing_else():
    gated = layout(
        cell=GatedCell(gate_volts=2.0),
        periphery=SenseAmplifier(threshold=0.2, supply=1.2),
        supply=Supply(volts=1.5),
        technology=Technology(corner="tt", temperature=27),
    )
    changed = under(gated, Condition("ss", 0.9, 125.0))
    assert changed.crossbar.cell.gate_volts == near(1.8)
    assert changed.periphery.supply == near(1.08)
    assert changed.supply.volts == near(1.35)
    assert (changed.technology.corner, changed.technology.temperature) == ("ss", 125.0)
    assert changed.technology.card == gated.technology.card
    assert changed.read.voltage == gated.read.voltage
    assert changed.periphery.threshold == 0.2
    back = changed.replace(
        crossbar=gated.crossbar,
        periphery=gated.periphery,
        supply=gated.supply,
        technology=gated.technology,
        corners=gated.corners,
    )
    assert back == gated


def test_the_nominal_condition_leaves_no_other_and_changes_nothing_else():
    for one in (layout(), layout(cell=TransmissionGateCell(), periphery=SenseAmplifier())):
        alone = Corners(process=("tt",), supply=(1.0,), temperature=(27.0,))
        assert under(one, nominal_condition(one)) == one.replace(corners=alone)


def test_a_passive_array_has_no_supply_but_that_of_its_drivers():
    one = layout(periphery=TransimpedanceAmplifier(), supply=Supply(volts=2.0))
    changed = under(one, Condition("tt", 1.1, 27.0))
    assert changed == one.replace(supply=Supply(volts=2.2), corners=changed.corners)


CORNERS = Corners(process=("tt", "ff", "ss"), supply=(0.9, 1.0), temperature=(27.0, 85.0))


@pytest.mark.parametrize(
    "parts", [{"cell": GatedCell()}, {"periphery": SenseAmplifier()}], ids=["gated", "latch"]
)
def test_the_conditions_are_all_combinations_with_the_nominal_one_first(parts):
    every = conditions_of(layout(corners=CORNERS, **parts))
    assert every[0] == Condition("tt", 1.0, 27.0)
    assert len(every) == len(set(every)) == 12
    assert {(c.process, c.supply, c.temperature) for c in every} == {
        (p, s, t) for p in ("tt", "ff", "ss") for s in (0.9, 1.0) for t in (27.0, 85.0)
    }


def test_a_nominal_condition_outside_of_the_corners_is_looked_at_besides():
    one = layout(
        cell=GatedCell(), corners=CORNERS, technology=Technology(corner="fs", temperature=40)
    )
    every = conditions_of(one)
    assert every[0] == Condition("fs", 1.0, 40.0)
    assert len(every) == len(set(every)) == 13


def test_without_transistors_there_is_one_process():
    every = conditions_of(layout(corners=CORNERS, periphery=TransimpedanceAmplifier()))
    assert every[0] == Condition("tt", 1.0, 27.0)
    assert {c.process for c in every} == {"tt"}
    assert len(every) == len(set(every)) == 4


FIVE = ("tt", "ff", "ss", "fs", "sf")


@pytest.mark.parametrize(
    ("parts", "same"),
    [
        ({"cell": GatedCell()}, {"fs": "ff", "sf": "ss"}),
        ({"cell": GatedCell(), "periphery": SenseAmplifier()}, {}),  # the latch has PMOS, too
        ({"cell": TransmissionGateCell()}, {}),
        ({}, {"ff": "tt", "ss": "tt", "fs": "tt", "sf": "tt"}),
    ],
    ids=["NMOS only", "with a latch", "transmission gates", "no transistor"],
)
def test_processes_that_differ_in_no_transistor_in_use_are_the_same(parts, same):
    assert same_processes(layout(**parts), FIVE) == same


# Blocks, sizes, ideal currents


@pytest.mark.parametrize(
    ("rows", "read", "expected"),
    [
        (5, None, [(0, 1, 2, 3, 4)]),
        (5, 5, [(0, 1, 2, 3, 4)]),
        (5, 2, [(0, 1), (1, 2), (3, 4)]),
        (6, 2, [(0, 1), (2, 3), (4, 5)]),
        (3, 2, [(0, 1), (1, 2)]),
        (5, 1, [(0,), (2,), (4,)]),
        (1, 1, [(0,)]),
        (2, 1, [(0,), (1,)]),
    ],
)
def test_rows_are_driven_in_blocks_far_from_in_the_middle_and_near_the_read_out(
    rows, read, expected
):
    assert list(blocks(layout(rows, read={"rows": read}))) == expected


def test_junctions_of_another_size_have_the_resistance_of_their_area():
    sizes = Diameters(low=40e-9, high=60e-9)
    one = layout(columns=3, die=Die(diameters=sizes, sigma_ln_rp=0.2, mismatch=1.0))
    area = np.pi / 4 * np.array([40e-9, 50e-9, 60e-9]) ** 2
    assert r_p_of(one) == near(np.broadcast_to(1e-11 / area, (5, 3)))
    assert nominal_die(one) == Die(diameters=sizes)


def test_ideal_currents_are_conductance_times_voltage():
    mtj = Mtj(tmr0=1.4, v_half=0.3, c_parallel=0.5)
    one = layout(cell=PassiveCell(mtj=mtj), read={"rows": 2, "voltage": 0.2})
    states = np.random.default_rng(3).integers(0, 2, (6, *one.crossbar.shape))
    siemens = np.where(states == 0, 1 / mtj.r_p, 1 / mtj.r_ap)
    for driven in blocks(one):
        volts = np.zeros(one.crossbar.rows)
        volts[list(driven)] = 0.2
        found = ideal_currents(one, torch.from_numpy(states * 1.0), driven).numpy()
        assert found == near(volts @ siemens, rel=1e-12)
    assert full_scale(one) == near(2 * 0.2 / mtj.r_p)


def test_an_array_without_wires_and_bias_dependence_has_its_ideal_currents():
    plain = {"row": Line(), "column": Line()}
    one = layout(cell=PassiveCell(mtj=Mtj(v_half=math.inf)), lines=plain)
    states = torch.from_numpy(np.random.default_rng(4).integers(0, 2, (6, 5, 4)) * 1.0)
    (driven,) = blocks(one)
    found = Reads.of(one, None, driven).currents(states)[:, 0]
    assert found.numpy() == near(ideal_currents(one, states, driven).numpy(), rel=1e-9)


# Reads, against the way through experiments


def by_experiments(one: Layout, access, states, driven, scales=(1.0,), **how) -> np.ndarray:
    """Currents [tile, scale, column] through experiments, one array a tile."""
    found = []
    for tile in states:
        e = read_experiment(one, tile, driven, scales=scales, **how)
        volts = torch.from_numpy(e.stimulus.volts.copy())
        found.append(nodal.read(array_of([e], access), volts, tolerance=1e-10)[0].numpy())
    return np.array(found)


WAYS = {
    "all rows": ({}, None),
    "some rows": ({"read": {"rows": 2}}, None),
    "floating rows": ({"read": {"rows": 2}, "lines": {"unselected": "floating"}}, None),
    "half of the voltage": ({"read": {"rows": 1}, "lines": {"unselected": "half"}}, None),
    "both ends": ({"lines": {"row": Line(resistance=30, end=20, ends="both")}}, None),
    "sense amplifier": ({"periphery": SenseAmplifier(load=700)}, None),
    "hot": ({"technology": Technology(temperature=125)}, None),
    "sizes": ({"die": Die(diameters=Diameters(low=35e-9, high=70e-9))}, None),
    "gates along columns": ({"cell": GatedCell(), "read": {"rows": 3}}, ACCESS),
    "gates along rows": ({"cell": GatedCell(gates="row"), "read": {"rows": 3}}, ACCESS),
    "gated, floating": (
        {"cell": GatedCell(gates="row"), "read": {"rows": 2}, "lines": {"unselected": "floating"}},
        ACCESS,
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_reads_are_the_circuit_of_their_experiments(way):
    parts, access = WAYS[way]
    one = layout(**({"periphery": TransimpedanceAmplifier(input_resistance=300)} | parts))
    states = np.random.default_rng(5).integers(0, 2, (4, *one.crossbar.shape)).astype(np.uint8)
    for driven in blocks(one):
        reads = Reads.of(one, access, driven, (1.0, 0.5))
        found = reads.currents(torch.from_numpy(states * 1.0)).numpy()
        expected = by_experiments(one, access, states, driven, (1.0, 0.5))
        assert np.abs(found - expected).max() < CLOSE * np.abs(expected).max()
        answer = reads.answer(reads.array(torch.from_numpy(states * 1.0)))
        assert answer.current.numpy() == near(found, rel=CLOSE)
        own = answer.cell_current.sum(-2).numpy()
        assert own == near(found, rel=1e-9)


@pytest.mark.parametrize("access", [None, ACCESS])
def test_spread_that_is_added_is_the_spread_of_a_die(access):
    cell = PassiveCell() if access is None else GatedCell()
    die = Die(
        sigma_ln_rp=0.1, sigma_ln_tmr=0.2, sigma_ln_rp_die=0.05, sigma_ln_tmr_die=0.1,
        mismatch=1.5 if access else 0.0, seed=6,
    )  # fmt: skip
    one = layout(cell=cell, technology=Technology(temperature=80))
    states = np.random.default_rng(7).integers(0, 2, one.crossbar.shape).astype(np.uint8)
    (driven,) = blocks(one)
    expected = by_experiments(one, access, states[None], driven, die=die)
    tile = read_experiment(one, states, driven).tile
    mtj = cell.mtj
    drawn = draw_junctions(mtj, tile, die, 80)
    ln_rp = torch.from_numpy(np.log(drawn.r_p / mtj.r_p))[None]
    ln_tmr = torch.from_numpy(np.log(drawn.tmr0 / tmr_at(mtj.tmr0, 80, mtj.decay)))[None]
    shifts = None
    if access:
        z = draw_normal(die.seed, 0, (*one.crossbar.shape, 1))
        shifts = torch.from_numpy(1.5 * 5e-3 * z)[None]
    reads = Reads.of(one, access, driven)
    spread = reads.array(torch.from_numpy(states[None] * 1.0), ln_rp, ln_tmr, shifts, access)
    found = reads.answer(spread).current.detach().numpy()
    assert np.abs(found - expected).max() < CLOSE * np.abs(expected).max()
    plain = reads.currents(torch.from_numpy(states[None] * 1.0)).numpy()
    assert np.abs(plain - expected).max() > 1e-2 * np.abs(expected).max()


def test_many_tiles_are_solved_as_each_by_itself(monkeypatch):
    one = layout(read={"rows": 2})
    states = torch.from_numpy(np.random.default_rng(8).integers(0, 2, (7, 5, 4)) * 1.0)
    reads = Reads.of(one, None, blocks(one)[1])
    whole = reads.currents(states).numpy()
    monkeypatch.setattr("mtjspice.layout.circuit.CHUNK", 45)  # two tiles at a time
    assert reads.currents(states).numpy() == near(whole, rel=CLOSE)


@pytest.mark.parametrize("access", [None, ACCESS])
def test_an_output_current_has_the_right_slope_with_every_state(access):
    one = layout(cell=GatedCell() if access else PassiveCell())
    reads = Reads.of(one, access, blocks(one)[0])
    states = torch.from_numpy(np.random.default_rng(9).uniform(0.2, 0.8, (1, 5, 4)))

    def out(given):
        array = reads.array(given)
        return nodal.column_currents(array, nodal.solve(array, reads.volts, tolerance=1e-12))

    asking = states.clone().requires_grad_()
    (slope,) = torch.autograd.grad(out(asking)[0, 0, 2], asking)
    for row, column in ((0, 2), (4, 2), (1, 0)):
        step = torch.zeros_like(states)
        step[0, row, column] = 1e-4
        with torch.no_grad():
            ends = [float(out(states + sign * step)[0, 0, 2]) for sign in (1, -1)]
        assert float(slope[0, row, column]) == near((ends[0] - ends[1]) / 2e-4, rel=1e-5)


# What read-outs make of currents


CURRENT = np.array([0.0, 1e-5, 1e-4, 1e-3])


def test_a_load_makes_its_voltage():
    one = layout(periphery=SenseAmplifier(load=1500))
    volts = sense_volts(one, torch.from_numpy(CURRENT)).numpy()
    assert volts == near(1500 * CURRENT)
    assert volts_per_ampere(one) == 1500


@pytest.mark.parametrize(
    ("amplifier", "expected"),
    [
        ({"gain": 2e3}, [0.0, 0.02, 0.2, 1.65]),  # the output falls to clip_low = −1.65
        ({"gain": 2e3, "clip_low": -0.15}, [0.0, 0.02, 0.15, 0.15]),
        ({"gain": 2e3, "zero": 1.0, "clip_low": 0.9, "clip_high": 1.0}, [0.0, 0.02, 0.1, 0.1]),
    ],
)
def test_an_amplifier_makes_a_voltage_until_it_clips(amplifier, expected):
    one = layout(periphery=TransimpedanceAmplifier(**amplifier))
    volts = sense_volts(one, torch.from_numpy(CURRENT)).numpy()
    assert volts == near(expected)
    assert volts_per_ampere(one) == 2e3


def test_an_amplifier_clips_currents_out_of_it_on_the_other_side():
    one = layout(periphery=TransimpedanceAmplifier(gain=1e3, zero=0.3, clip_low=0.0, clip_high=0.5))
    volts = sense_volts(one, torch.tensor([-1e-4, -1e-3], dtype=torch.float64)).numpy()
    assert volts == near([-0.1, -0.2])


def test_without_an_output_voltage_a_volt_is_an_ampere():
    assert volts_per_ampere(layout(periphery=VirtualGround())) == 1


# Findings under conditions


class Nodal:
    """In the place of SPICE: the same reads in the nodal solver."""

    def __init__(self, access):
        self.access = access

    def run(self, experiments, progress=None):
        found = []
        for e in experiments:
            volts = torch.from_numpy(e.stimulus.volts.copy())
            current = nodal.read(array_of([e], self.access), volts)[0].numpy()
            found.append(xr.Dataset({"current": (("vector", "line"), current)}))
        return found


def test_the_reads_that_findings_name_have_their_supplies_scaled_once(monkeypatch):
    corners = Corners(process=("tt",), supply=(0.9, 1.0), temperature=(27.0,))
    one = layout(3, 3, cell=GatedCell(gate_volts=3.0), corners=corners)
    conditions = conditions_of(one)
    # Only what is searched anew under the low supply is worse than the patterns with names.
    monkeypatch.setattr(
        "mtjspice.layout.stages.worst_patterns", lambda *_, **__: named_patterns((3, 3))
    )
    fits = {c: Fitted(ACCESS if c.supply == 1 else WEAK, 1e-3) for c in conditions}
    bench = Bench(one, True, conditions, fits, Nodal(ACCESS), in_turn, lambda *_: None)
    low = [f for f in read_stage(bench).findings if f.condition.supply == 0.9]
    assert len(low) > len(MEASURES)  # found with the patterns that are named, and found anew
    assert [f.experiment.crossbar.cell.gate_volts for f in low] == near([2.7] * len(low))


def test_the_audit_reads_every_pattern_in_every_block():
    one = layout(4, 3, read={"rows": 1})
    patterns = named_patterns((4, 3))
    planned = pattern_experiments(one, patterns)
    assert len(planned) == 9
    assert [e.driven_rows for e in planned] == [(0,)] * 3 + [(1,)] * 3 + [(3,)] * 3
    for e, states in zip(planned, 3 * list(patterns.values()), strict=True):
        assert (e.tile.states == states).all()
        assert e.stimulus.volts[:, 0] == near([0.15, 0.075])
