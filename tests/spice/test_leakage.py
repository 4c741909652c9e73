"""What cells leak that are off: the nodal solver beside ngspice, with a hot 1.2 V library."""

import numpy as np
import pytest
import torch

from mtjspice.collect import Simulator
from mtjspice.layout.access import fit_layouts
from mtjspice.layout.circuit import Reads, full_scale, nominal_die, read_experiment
from mtjspice.layout.montecarlo import draw_samples, nodal_currents
from mtjspice.spec import Crossbar, Die, GatedCell, Layout, Line, SenseAmplifier, Technology
from mtjspice.spec.cell import Transistor, TransmissionGateCell
from mtjspice.spec.layout import Reading

pytestmark = pytest.mark.ngspice

NMOS = Transistor(model="nmos_12", width=2e-6, length=0.12e-6)
PMOS = Transistor(model="pmos_12", width=2e-6, length=0.12e-6)
CELLS = {
    "gated": GatedCell(gates="row", gate_volts=1.2, access=NMOS),
    "transmission": TransmissionGateCell(gates="row", gate_volts=1.2, nmos=NMOS, pmos=PMOS),
}


def layout(cell: str, unselected: str, rows: int = 16) -> Layout:
    line = Line(resistance=2, end=50)
    return Layout(
        name="hot",
        crossbar=Crossbar(
            rows=rows, columns=3, cell=CELLS[cell], row=line, column=line, unselected=unselected
        ),
        technology=Technology(card="cmos12_bsim4", corner="ff", temperature=105.0),
        die=Die(sigma_ln_rp=0.04, mismatch=1.0),
        periphery=SenseAmplifier(load=3000),
        read=Reading(voltage=0.1, rows=1),
    )


@pytest.mark.parametrize(
    ("cell", "unselected"),
    [("gated", "grounded"), ("gated", "half"), ("gated", "floating"), ("transmission", "grounded")],
)
def test_currents_beside_cells_that_leak_are_those_of_ngspice(cell, unselected):
    one = layout(cell, unselected)
    states = np.random.default_rng(1).integers(0, 2, one.crossbar.shape)
    samples = draw_samples(one, 2)
    drawn = [samples[0].lows[3], samples[1].highs[12]]
    nominal = read_experiment(one, states, (5,), die=nominal_die(one))
    with Simulator(jobs=1) as simulator:
        fitted = fit_layouts({"one": one}, simulator)["one"]
        results = [r["current"].to_numpy()[0] for r in simulator.run([nominal, *drawn])]
    assert fitted.leakage is not None
    whole = full_scale(one)
    reads = Reads.of(one, fitted.access, (5,), leakage=fitted.leakage)
    found = reads.currents(torch.from_numpy(states[None].astype(float)))[0, 0].numpy()
    assert np.abs(found - results[0]).max() < 1e-4 * whole
    own = nodal_currents(fitted, drawn)
    without = Reads.of(one, fitted.access, (5,)).currents(
        torch.from_numpy(states[None].astype(float))
    )[0, 0]
    assert np.abs(own - np.array(results[1:])).max() < 1e-4 * whole
    # A floating row takes from one column what it gives to the others.
    least = 1e-6 if unselected == "floating" else 5e-4
    assert np.abs(without.numpy() - results[0]).max() > least * whole


def test_transistors_that_hardly_leak_are_not_asked_to():
    one = layout("gated", "grounded")
    cold = one.replace(technology=one.technology.replace(temperature=-40.0, corner="ss"))
    with Simulator(jobs=1) as simulator:
        assert fit_layouts({"one": cold}, simulator)["one"].leakage is None
