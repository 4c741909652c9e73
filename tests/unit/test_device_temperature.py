from itertools import product

import numpy as np
import pydantic
import pytest
from unit.builders import drawn_at

from mtjspice.device.temperature import tmr_at
from mtjspice.device.variation import draw_junctions
from mtjspice.errors import InputError
from mtjspice.spec import Mtj

DECAY = 2e-5


@pytest.mark.parametrize("tmr0", [0.3, 1.0, 2.5])
def test_at_27_degrees_the_junction_is_as_described(tmr0):
    assert tmr_at(tmr0, 27.0, DECAY) == tmr0


@pytest.mark.parametrize("celsius", [-40.0, 125.0])
def test_without_decay_the_temperature_does_not_matter(celsius):
    assert tmr_at(1.5, celsius, 0.0) == pytest.approx(1.5, rel=1e-14)


def test_the_magnetoresistance_falls_with_temperature():
    values = [tmr_at(1.0, celsius, DECAY) for celsius in range(-55, 151, 5)]
    assert (np.diff(values) < 0).all()


@pytest.mark.parametrize("celsius", [-40.0, 85.0, 125.0])
def test_a_tmr_of_1_at_27_degrees_by_hand(celsius):
    # TMR 1 at 300.15 K is P² = 1/3, so P0 = 0.57735/(1 - 2e-5 * 300.15^1.5); then the same back.
    p0 = (1 / 3) ** 0.5 / (1 - 2e-5 * 300.15**1.5)
    p = p0 * (1 - 2e-5 * (celsius + 273.15) ** 1.5)
    assert tmr_at(1.0, celsius, DECAY) == pytest.approx(2 * p * p / (1 - p * p), rel=1e-12)


def test_no_junction_that_may_be_described_has_a_negative_magnetoresistance():
    _, tile, die = drawn_at(seed=3)
    for tmr0, decay, celsius in product((0.5, 1.5, 3.0), (1e-5, 5e-5, 9e-5), (-55.0, 150.0)):
        try:
            drawn = draw_junctions(Mtj(tmr0=tmr0, decay=decay), tile, die, celsius)
        except (InputError, pydantic.ValidationError):
            continue
        assert (drawn.tmr0 > 0).all(), (tmr0, decay, celsius)


def test_temperature_changes_the_magnetoresistance_of_all_junctions_alike():
    mtj, tile, die = drawn_at(seed=3, sigma_ln_rp=0.1, sigma_ln_tmr=0.1)
    room, hot = (draw_junctions(mtj, tile, die, celsius) for celsius in (27.0, 125.0))
    assert (room.r_p == hot.r_p).all()
    expected = room.tmr0 * tmr_at(mtj.tmr0, 125.0, mtj.decay) / mtj.tmr0
    assert hot.tmr0 == pytest.approx(expected, rel=1e-12)
