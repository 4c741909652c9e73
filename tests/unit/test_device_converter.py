import numpy as np
import pytest

from mtjspice.device.converter import at_limit, limits, outside, quantised, to_codes, to_volts
from mtjspice.spec import Converter, TransimpedanceAmplifier

ADC = Converter(bits=3, low=-1.0, high=1.0)
"""Steps of 0.25 V, codes 0 to 7 from -1 V to 0.75 V."""


@pytest.mark.parametrize(
    ("volts", "code"),
    [(-1.0, 0), (0.0, 4), (0.75, 7), (0.12, 4), (0.13, 5), (-0.12, 4), (-0.13, 3)],
)
def test_a_voltage_is_the_nearest_code(volts, code):
    assert to_codes(volts, ADC) == code


@pytest.mark.parametrize(("volts", "code"), [(-9.0, 0), (0.9, 7), (9.0, 7), (1e300, 7)])
def test_codes_are_held_at_the_ends(volts, code):
    assert to_codes(volts, ADC) == code


def test_codes_are_whole_numbers_in_the_shape_of_the_voltages():
    codes = to_codes(np.zeros((2, 3)), ADC)
    assert codes.shape == (2, 3)
    assert codes.dtype == np.int64


def test_an_offset_is_added_before_an_adc_and_after_a_dac():
    shifted = ADC.replace(offset=0.25)
    assert to_codes(0.0, shifted) == 5
    assert to_volts(4, shifted) == 0.25


def test_a_dac_gives_its_nearest_step_and_its_offset():
    volts = np.array([-2.0, -0.12, 0.13, 0.6, 2.0])
    assert quantised(volts, ADC).tolist() == [-1.0, 0.0, 0.25, 0.5, 0.75]
    assert quantised(volts, ADC.replace(offset=0.01)) == pytest.approx(
        quantised(volts, ADC) + 0.01, abs=1e-15
    )


@pytest.mark.parametrize(
    ("volts", "share"),
    [
        ([0.0, 0.5], 0.0),
        ([-1.12, 0.87], 0.0),
        ([-1.13, 0.0], 0.5),
        ([0.88, 0.0, 0.0, -2.0], 0.5),
    ],
)
def test_what_is_over_half_a_step_outside_is_clipped(volts, share):
    assert outside(volts, ADC).mean() == share


def test_the_offset_counts_where_clipping_begins():
    assert not outside([0.7], ADC).any()
    assert outside([0.7], ADC.replace(offset=0.2)).all()


def test_an_output_at_a_limit_or_beside_it_by_rounding_stands_there():
    amplifier = TransimpedanceAmplifier(clip_low=-1.0, clip_high=2.0)
    volts = [-1.5, -1.0, -1.0 + 1e-10, -1.0 + 1e-6, 0.0, 2.0 - 1e-6, 2.0 - 1e-10, 2.0, 2.5]
    held = [True, True, True, False, False, False, True, True, True]
    assert at_limit(volts, amplifier).tolist() == held
    low, high = limits(amplifier)
    assert [not low < v < high for v in volts] == held
