"""Converters as quantisers: between voltages and codes."""

import numpy as np
import numpy.typing as npt

from mtjspice.spec.periphery import Converter

Floats = npt.NDArray[np.float64]


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


def quantised(volts: npt.ArrayLike, dac: Converter) -> Floats:
    """The voltages that a DAC gives when it is asked for these."""
    ideal = dac.replace(offset=0.0)
    return to_volts(to_codes(volts, ideal), dac)
