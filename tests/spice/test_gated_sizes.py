"""Transistors that their model cannot be."""

import pytest

from mtjspice.collect import Simulator
from mtjspice.errors import InputError
from mtjspice.spec import (
    Crossbar,
    Experiment,
    GatedCell,
    ProgrammedTile,
    Stimulus,
    Technology,
    Transistor,
)

pytestmark = pytest.mark.ngspice


def test_a_transistor_that_is_too_short_for_its_model_is_bad_input(shared_data):
    card = shared_data / "freepdk45" / "NMOS_VTG.nom.inc"
    access = Transistor(model="NMOS_VTG", width="200n", length="5n")
    one = Experiment(
        crossbar=Crossbar(rows=1, columns=1, cell=GatedCell(access=access, gate_volts=1.0)),
        tile=ProgrammedTile(states=["P"]),
        stimulus=Stimulus(volts=[[0.1]]),
        technology=Technology(card=str(card)),
    )
    with Simulator(jobs=1) as simulator, pytest.raises(InputError, match="makes no channel"):
        simulator.run([one])
