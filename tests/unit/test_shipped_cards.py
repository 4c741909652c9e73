"""The cards that ship are those of the examples, and hold what they promise."""

import pytest

from mtjspice.spec import Calibration, DieDesign, read_spec
from mtjspice.surrogate.card import load_card

NAMES = ["die20k", "passive15"]


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_card_is_the_one_of_its_example(name, repository):
    spec = read_spec(repository / "examples" / name / "calibration.toml", Calibration)
    assert load_card(name).circuit == spec  # else: make cards


@pytest.mark.parametrize("name", NAMES)
def test_nothing_failed_and_every_limit_holds(name):
    card = load_card(name)
    limits = card.circuit.limits
    errors = {line.group: line for line in card.errors if line.level == "full"}
    assert card.failed == ()
    assert errors["new tiles"].rms <= limits.new_tiles_rms
    assert errors["new tiles"].p999 <= limits.new_tiles_p999
    assert errors["new tiles"].maximum <= limits.new_tiles_max
    assert errors["new inputs"].rms <= limits.new_inputs_rms
    assert errors["new inputs"].maximum <= limits.new_inputs_max
    assert errors["shorts"].rms <= limits.shorts_rms
    assert errors["new tiles"].equal_signs >= limits.equal_signs


def test_the_card_of_die20k_is_that_of_the_die(repository):
    die = read_spec(repository / "examples" / "die20k" / "die.toml", DieDesign)
    circuit = load_card("die20k").circuit
    assert (circuit.crossbar, circuit.periphery) == (die.crossbar, die.periphery)
    assert (circuit.technology, circuit.dac, circuit.adc) == (die.technology, die.dac, die.adc)
