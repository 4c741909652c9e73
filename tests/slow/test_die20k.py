"""The whole of the reference die."""

import numpy as np
import pytest

from mtjspice.collect.die import simulate_die
from mtjspice.spec import DieDesign, read_spec

pytestmark = [pytest.mark.ngspice, pytest.mark.slow]


def test_every_tile_of_die20k_reads_within_its_amplifiers(simulator, repository):
    design = read_spec(repository / "examples" / "die20k" / "die.toml", DieDesign)
    die = simulate_die(design, simulator)
    assert dict(die["current"].sizes) == {"tile": 32, "vector": 10, "output_line": 25}
    assert die.attrs["clipped_share"] == 0
    volts = design.periphery.zero - design.periphery.gain * die["current"].to_numpy()
    assert np.abs(die["amplifier_voltage"].to_numpy() - volts).max() < 1e-9
    steps = die["code"].to_numpy() * design.adc.lsb
    assert np.abs(steps - volts).max() <= design.adc.lsb / 2 + 1e-12
