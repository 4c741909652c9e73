"""The amplifier of a column, measured in SPICE: what to run, and what to fit to it."""

import numpy as np
import xarray as xr

from mtjspice.errors import InputError
from mtjspice.spec.base import VOLTS
from mtjspice.spec.calibration import Calibration
from mtjspice.spec.cell import PassiveCell
from mtjspice.spec.crossbar import Crossbar
from mtjspice.spec.defects import Shorted, kind_that
from mtjspice.spec.die import Defect, Die
from mtjspice.spec.experiment import Experiment
from mtjspice.spec.stimulus import Stimulus
from mtjspice.spec.tile import ProgrammedTile
from mtjspice.surrogate.card import AmplifierModel

RESISTANCE = 100.0
"""Of the one cell that feeds the amplifier, Ω."""
POINTS = 80
"""Of the sweep; even, because without current Kirchhoff's law has nothing to check."""
BEYOND = 1.5
"""The sweep reaches this times the current at which the amplifier clips."""
INSIDE = 0.95
"""Points within this share of the clipped range count as linear."""


def amplifier_experiment(spec: Calibration) -> Experiment:
    """One resistor into one amplifier, swept beyond both ends of its range."""
    amplifier = spec.periphery.amplifier
    assert amplifier is not None
    span = max(amplifier.clip_high - amplifier.zero, amplifier.zero - amplifier.clip_low)
    most = BEYOND * span / amplifier.gain * (RESISTANCE + amplifier.input_resistance)
    if most > VOLTS.high:
        raise InputError(
            source=spec.name, key="periphery", allowed=f"its limits are reached with {most:.3g} V "
            f"at {RESISTANCE:g} Ω before the amplifier; at most {VOLTS.high:g} V is applied: give "
            "it more gain, less input_resistance, or closer clip_low and clip_high",
        )  # fmt: skip
    ohms = min(RESISTANCE, spec.die.short_resistance)
    short = Defect(kind=kind_that(Shorted()), row=0, column=0)
    return Experiment(
        crossbar=Crossbar(rows=1, columns=1, cell=PassiveCell(mtj=spec.crossbar.cell.mtj)),
        tile=ProgrammedTile(states=np.zeros((1, 1), dtype=np.uint8)),
        stimulus=Stimulus(volts=np.linspace(-most, most, POINTS)[:, None]),
        die=Die(defects=(short,), short_resistance=ohms),
        periphery=amplifier,
        technology=spec.technology,
    )


def fit_amplifier(spec: Calibration, result: xr.Dataset) -> AmplifierModel:
    """Input resistance, gain, zero and limits from the sweep."""
    volts = amplifier_experiment(spec).stimulus.volts[:, 0]
    current = result["current"].to_numpy()[:, 0]
    out = result["amplifier_voltage"].to_numpy()[:, 0]
    low, high = float(out.min()), float(out.max())
    middle = (low + high) / 2
    linear = np.abs(out - middle) < INSIDE * (high - low) / 2
    slope, zero = np.polyfit(current[linear], out[linear], 1)
    through = float((volts @ current) / (current @ current))
    followed = np.clip(zero + slope * current, low, high)
    return AmplifierModel(
        input_resistance=max(through - RESISTANCE, 0.0),
        gain=-float(slope),
        zero=float(zero),
        clip_low=low,
        clip_high=high,
        deviation=float(np.abs(followed - out).max()),
    )
