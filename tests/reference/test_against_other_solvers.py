"""ngspice, as driven by us, against solvers that other people wrote, on the same circuits."""

import itertools

import numpy as np
import pytest
from reference import cases, nodal, peer

from mtjspice.collect import Simulator
from mtjspice.spec import Experiment

pytestmark = pytest.mark.ngspice

GRID = list(itertools.product((0.0, 5.0, 50.0), (0.0, 100.0), (False, True)))


def worst_difference(simulator: Simulator, experiments: list[Experiment]) -> float:
    """Largest difference of any current to the scipy solve, relative to full scale."""
    shares = []
    for e, result in zip(experiments, simulator.run(experiments), strict=True):
        expected = nodal.currents(cases.array(e), e.stimulus.volts)
        shares.append(np.abs(result["current"].to_numpy() - expected).max() / cases.full_scale(e))
    return max(shares)


@pytest.mark.parametrize("ohmic", [True, False], ids=["ohmic", "bias-dependent"])
@pytest.mark.parametrize(("wire", "end", "shorts"), GRID)
def test_ngspice_equals_a_sparse_nodal_solve(simulator, wire, end, shorts, ohmic):
    experiment = cases.experiment(wire, end, ohmic=ohmic, shorts=shorts)
    assert worst_difference(simulator, [experiment]) < 1e-6


@pytest.mark.skipif(not peer.installed(), reason="badcrossbar is not installed")
@pytest.mark.parametrize("wire", [0.0, 5.0, 50.0])
@pytest.mark.parametrize("shorts", [False, True])
def test_ngspice_equals_badcrossbar(simulator, wire, shorts):
    experiment = cases.experiment(wire, wire, ohmic=True, shorts=shorts)
    ours = simulator.run([experiment])[0]["current"].to_numpy()
    assert np.abs(ours - peer.currents(experiment)).max() < 1e-9 * cases.full_scale(experiment)


def test_the_sweep_equals_separate_operating_points(simulator):
    sweep = cases.experiment(5.0, 100.0, ohmic=False, shorts=True, vectors=20)
    together, *single = simulator.run([sweep, *cases.one_by_one(sweep)])
    points = np.concatenate([result["current"].to_numpy() for result in single])
    error = np.abs(together["current"].to_numpy() - points).max()
    assert error < 1e-8 * cases.full_scale(sweep)


def test_the_reference_solves_a_voltage_divider():
    # One cell: 100 Ω end, 4200 Ω junction, 100 Ω end.
    array = cases.array(cases.experiment(0.0, 100.0, ohmic=True, shorts=False, size=1))
    current = nodal.currents(array, np.array([[0.1]]))[0, 0]
    assert current == pytest.approx(0.1 / (200 + 1 / array.ohmic[0, 0]), rel=1e-12)
