"""Converters as quantisers, between voltages and codes; and the limits of amplifiers."""

import numpy as np
import numpy.typing as npt

from mtjspice.spec.periphery import Converter, TransimpedanceAmplifier

Floats = npt.NDArray[np.float64]
NEAR = 1e-9
"""Of an amplifier's range: an output so near to a limit stands at it. SPICE keeps eleven digits
of the numbers in an expression, so that an output held at a limit may be beside it."""


def to_codes(volts: npt.ArrayLike, adc: Converter) -> npt.NDArray[np.int64]:
    """Code of each voltage: the nearest step, held between 0 and the last code.

    Args:
        volts: V, any shape.
        adc: bits, full scale and offset.
    """
    steps = np.rint((np.asarray(volts, dtype=np.float64) + adc.offset - adc.low) / adc.lsb)
    return np.clip(steps, 0, 2**adc.bits - 1).astype(np.int64)


def to_volts(codes: npt.ArrayLike, dac: Converter) -> Floats:
    """Voltage of each code, V."""
    return dac.low + dac.lsb * np.asarray(codes, dtype=np.float64) + dac.offset


def outside(volts: npt.ArrayLike, converter: Converter) -> npt.NDArray[np.bool_]:
    """Which voltages lie outside the full scale, by more than half a step."""
    v = np.asarray(volts, dtype=np.float64) + converter.offset
    half = converter.lsb / 2
    return np.asarray((v < converter.low - half) | (v > converter.high - half))


def limits(amplifier: TransimpedanceAmplifier) -> tuple[float, float]:
    """The voltages that a free output is above and below."""
    slack = NEAR * (amplifier.clip_high - amplifier.clip_low)
    return amplifier.clip_low + slack, amplifier.clip_high - slack


def at_limit(volts: npt.ArrayLike, amplifier: TransimpedanceAmplifier) -> npt.NDArray[np.bool_]:
    """Which outputs of an amplifier stand at one of its limits."""
    v, (low, high) = np.asarray(volts, dtype=np.float64), limits(amplifier)
    return np.asarray((v <= low) | (v >= high))


def quantised(volts: npt.ArrayLike, dac: Converter) -> Floats:
    """The voltages that a DAC gives when it is asked for these."""
    ideal = dac.replace(offset=0.0)
    return to_volts(to_codes(volts, ideal), dac)
