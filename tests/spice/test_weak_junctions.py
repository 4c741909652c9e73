"""Weak junctions from the netlist to a trained network: arithmetic, a netlist by hand, SPICE.

A weak junction has its resistance times a factor: whatever the voltage over it, its current is that
of the sound one divided by the factor.
"""

import numpy as np
import pytest
import torch
from reference.plain_ngspice import branch_currents
from unit.builders import experiment
from unit.tiled import digits, study

from mtjspice.calibrate.run import card_path, run_calibration
from mtjspice.device.dies import draw_die
from mtjspice.solver import nodal
from mtjspice.solver.array import array_of
from mtjspice.spec import (
    Calibration,
    Converter,
    Crossbar,
    Defect,
    DefectRates,
    Die,
    Experiment,
    Line,
    Mtj,
    PassiveCell,
    Stimulus,
)
from mtjspice.surrogate.card import load_card
from mtjspice.surrogate.model import Surrogate
from mtjspice.train.fit import train
from mtjspice.train.hardware import on_dies
from mtjspice.train.tiles import experiments_of, placement_of

pytestmark = pytest.mark.ngspice
CLOSE = 1e-6
"""Of full scale."""
P, AP = 4000.0, 8000.0
MTJ = Mtj(ra=P * np.pi / 4 * (50e-9) ** 2, diameter=50e-9, tmr0=1.0, v_half=float("inf"))


def weak(factor: float, *places: tuple[int, int]) -> Die:
    defects = (Defect(kind="weak", row=row, column=column) for row, column in places)
    return Die(defects=tuple(defects), weak_factor=factor)


def both(e: Experiment, simulator) -> tuple[np.ndarray, np.ndarray]:
    """Currents of the columns by SPICE and by the nodal solver, A [vector, column]."""
    (result,) = simulator.run([e])
    ours = nodal.read(array_of([e]), torch.tensor(e.stimulus.volts.copy()))[0]
    return result["current"].to_numpy(), ours.numpy()


@pytest.mark.parametrize("factor", [0.25, 3.0])
def test_without_wires_currents_are_those_of_arithmetic(simulator, factor):
    volts = np.array([[0.1, 0.05, -0.1], [0.0, 0.02, 0.1]])
    e = experiment(
        ["PA", "AP", "PP"], volts.tolist(),
        crossbar={"cell": PassiveCell(mtj=MTJ)}, die=weak(factor, (0, 0), (1, 0), (2, 1)),
    )  # fmt: skip
    ohms = np.array([[P * factor, AP], [AP * factor, P], [P, P * factor]])
    expected = volts @ (1 / ohms)
    full_scale = 3 * 0.1 / P
    for found in both(e, simulator):
        assert np.abs(found - expected).max() < CLOSE * full_scale


HAND = """two by two ohmic cells between wires; the first junction conducts twice as much
.options reltol=1e-9 abstol=1e-18 vntol=1e-12 gmin=1e-18
V1 in1 0 0.1
V2 in2 0 -0.05
V3 out1 0 0
V4 out2 0 0
R1 in1 a 20
R2 a b 5
R3 in2 c 20
R4 c d 5
R5 e g 5
R6 g out1 20
R7 f h 5
R8 h out2 20
Rj1 a e 2000
Rj2 b f 8000
Rj3 c g 8000
Rj4 d h 4000
.control
set numdgt=12
op
print v3#branch v4#branch
quit
.endc
.end
"""


def test_between_wires_currents_are_those_of_a_netlist_by_hand(simulator, tmp_path):
    lines = branch_currents(HAND, tmp_path)
    theirs = np.array([lines["v3#branch"], lines["v4#branch"]])
    wires = {"row": Line(resistance=5.0, end=20.0), "column": Line(resistance=5.0, end=20.0)}
    e = experiment(
        ["PA", "AP"], [[0.1, -0.05]],
        crossbar={"cell": PassiveCell(mtj=MTJ)} | wires, die=weak(0.5, (0, 0)),
    )  # fmt: skip
    for found in both(e, simulator):
        assert np.abs(found[0] - theirs).max() < CLOSE * 2 * 0.1 / P


@pytest.mark.parametrize("state", ["P", "A"])
def test_with_bias_dependence_the_current_at_each_voltage_is_divided_by_the_factor(
    simulator, state
):
    volts = [[-0.4], [-0.1], [0.02], [0.3]]
    sound, other = (
        both(experiment([state], volts, crossbar={"cell": PassiveCell()}, die=die), simulator)
        for die in (Die(), weak(0.3, (0, 0)))
    )
    for mine, full in zip(other, sound, strict=True):
        assert np.abs(mine - full / 0.3).max() < CLOSE * np.abs(mine).max()


def spec(**plan) -> Calibration:
    lines = Line(resistance=5.0, end=50.0)
    return Calibration(
        name="weak", crossbar=Crossbar(rows=4, columns=5, row=lines, column=lines),
        die=Die(sigma_ln_rp=0.05, sigma_ln_tmr=0.05, weak_factor=0.4),
        dac=Converter(low=-2.5, high=2.5),
        plan={
            "tiles": 1, "vectors": 12, "held_vectors": 8, "held_tiles": 3, "defective_tiles": 3,
            "short_tiles": 1, "hard_tiles": 1, "clustered_tiles": 1, "line_tiles": 1,
            "searched_tiles": 1, "searches": 40, "sizes": (),
        } | plan,
        limits={"tiles": "simulated"},
    )  # fmt: skip


def test_a_card_that_was_judged_on_weak_junctions_trains_for_them_and_reads_them_as_spice_does(
    simulator, tmp_path
):
    of = spec(also=("weak",))
    run_calibration(of, tmp_path, jobs=2)
    card = load_card(card_path(of, tmp_path))
    assert "weak" in card.validity.defects
    rates = DefectRates(short=0, stuck_p=0.01, stuck_ap=0, dead_lines=0, weak=0.05)
    small = study(
        "statistics-aware", network={"hidden": (4,), "inputs": 8},
        hardware={"tiles": 9, "rates": rates, "spread": of.die}, training={"epochs": 2},
    )  # fmt: skip
    surrogate = Surrogate(card, "full")
    weights = train(small, digits(), surrogate)
    die = draw_die(of.die, rates, (4, 5), 9, seed=1)
    judged = on_dies(weights, surrogate, [die], torch.float64)
    layer, volts = weights.layers[0], np.linspace(-0.1, 0.1, 12).reshape(3, 4)
    tiles = experiments_of(
        placement_of(layer), card.circuit, [die], 9, torch.from_numpy(layer.states)
    )
    assert any(d.kind == "weak" for e in tiles for d in die.of_tile(e.tile.index))
    given = np.broadcast_to(volts, (len(tiles), 3, 4))
    results = simulator.run([e.replace(stimulus=Stimulus(volts=volts)) for e in tiles])
    theirs = np.stack([result["current"].to_numpy() for result in results])
    programmed = surrogate.program(tiles)
    ours = programmed.currents(torch.from_numpy(given.copy())).numpy()
    full_scale = 4 * 0.1 / card.circuit.crossbar.cell.mtj.r_p
    off = np.abs(ours - theirs).max((1, 2)) / full_scale
    assert programmed.errors is not None
    assert (off <= programmed.errors.bound.numpy()).all()
    assert judged.outputs(torch.zeros(1, 64).double()).isfinite().all()
