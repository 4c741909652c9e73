"""Laws of converters."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mtjspice.device.converter import outside, quantised, to_codes, to_volts
from mtjspice.spec import Converter

converters = st.builds(
    Converter,
    bits=st.integers(1, 16),
    low=st.integers(-50, 0).map(lambda n: n / 10),
    high=st.integers(1, 50).map(lambda n: n / 10),
)


@given(converters, st.data())
def test_a_code_that_becomes_a_voltage_becomes_the_same_code(converter, data):
    code = data.draw(st.integers(0, 2**converter.bits - 1))
    assert to_codes(to_volts(code, converter), converter) == code


@given(converters, st.floats(-10, 10))
def test_a_voltage_within_full_scale_moves_by_half_a_step_at_most(converter, volt):
    moved = abs(float(quantised(volt, converter)) - volt)
    if not outside(volt, converter).any():
        assert moved <= converter.lsb * (0.5 + 1e-9)
    else:
        assert moved >= converter.lsb * (0.5 - 1e-9)


@given(converters, st.lists(st.floats(-10, 10), min_size=2, max_size=20))
def test_a_higher_voltage_never_has_a_lower_code(converter, volts):
    codes = to_codes(np.sort(volts), converter)
    assert (np.diff(codes) >= 0).all()
    assert codes.min() >= 0
    assert codes.max() < 2**converter.bits
