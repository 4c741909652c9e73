import numpy as np
import pydantic
import pytest
from unit.builders import DESIGN

from mtjspice.device.trial import pattern_states, tile_experiment
from mtjspice.errors import InputError
from mtjspice.spec import Converter, Defect, Die, DieDesign, format_spec, parse_spec

SMALL = parse_spec(DESIGN, DieDesign)
LARGE = SMALL.replace(crossbar=SMALL.crossbar.replace(rows=20, columns=30), vectors=50)


def test_a_design_that_is_written_reads_back_equal():
    assert parse_spec(format_spec(LARGE), DieDesign) == LARGE


@pytest.mark.parametrize("tile", [2, -1, 10**9])
def test_a_tile_that_the_die_does_not_have_is_refused(tile):
    with pytest.raises(InputError, match="the die has tiles 0 to 1") as caught:
        tile_experiment(SMALL, tile)
    assert (caught.value.key, caught.value.value) == ("tile", tile)


def test_a_defect_in_a_tile_that_is_not_there_is_refused():
    bad = Defect(kind="short", row=0, column=0, tile=2)
    with pytest.raises(pydantic.ValidationError, match="names tile 2; there are tiles 0 to 1"):
        SMALL.replace(die=Die(defects=(bad,)))


def test_a_defect_outside_of_any_tile_is_refused():
    bad = Defect(kind="dead_row", row=3, tile=1)
    with pytest.raises(pydantic.ValidationError, match=r"die\.defects has dead_row at row 3"):
        SMALL.replace(die=Die(defects=(bad,)))


def test_a_tile_keeps_the_parts_of_its_die():
    made = tile_experiment(SMALL.replace(die=Die(sigma_ln_rp=0.1)), 1)
    assert made.tile.index == 1
    assert made.die == Die(sigma_ln_rp=0.1)
    assert (made.crossbar, made.periphery) == (SMALL.crossbar, SMALL.periphery)


def test_a_trial_is_the_same_every_time():
    assert tile_experiment(SMALL, 1) == tile_experiment(SMALL, 1)


def test_every_tile_and_every_seed_has_states_and_inputs_of_its_own():
    trials = [tile_experiment(LARGE.replace(seed=s), t) for s in (0, 1) for t in (0, 1)]
    assert len({t.tile.states.tobytes() for t in trials}) == 4
    assert len({t.stimulus.volts.tobytes() for t in trials}) == 4


def test_a_tile_does_not_depend_on_how_many_there_are():
    assert tile_experiment(SMALL.replace(tiles=9), 1) == tile_experiment(SMALL, 1)


@pytest.mark.parametrize(
    ("pattern", "first"),
    [("checkerboard", [0, 1, 0]), ("all_p", [0, 0, 0]), ("all_ap", [1, 1, 1])],
)
def test_a_pattern_is_what_it_is_called(pattern, first):
    states = pattern_states(pattern, (2, 3), np.random.default_rng(0))
    assert states[0].tolist() == first
    other = [1 - s for s in first] if pattern == "checkerboard" else first
    assert states[1].tolist() == other


def test_random_states_are_even():
    states = tile_experiment(LARGE, 0).tile.states
    assert abs(states.mean() - 0.5) < 4 * 0.5 / np.sqrt(states.size)


def test_inputs_are_bipolar_steps_of_the_dac_around_the_reference():
    volts = tile_experiment(LARGE, 0).stimulus.volts
    lsb = LARGE.dac.lsb
    steps = (volts + 1.65) / lsb
    assert np.abs(steps - np.rint(steps)).max() < 1e-9
    assert np.abs(volts).max() <= LARGE.read_voltage + lsb / 2
    assert abs(volts.mean()) < 4 * LARGE.read_voltage / np.sqrt(3 * volts.size)


def test_the_offset_of_the_dac_shifts_every_input():
    plain = tile_experiment(LARGE, 0).stimulus
    shifted = tile_experiment(LARGE.replace(dac=Converter(offset=0.01)), 0).stimulus
    assert shifted.volts == pytest.approx(plain.volts + 0.01, abs=1e-12)
