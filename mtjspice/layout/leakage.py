"""What cells leak whose gates are off, measured in SPICE: what to run, and what to fit to it.

Two cells on one column: the gate of the first is on, and both its lines are at one potential, so
that it carries nothing; the gate of the second is off, and its row lies where the layout holds rows
that are not read. What the column carries, at several potentials, has leaked through the second.
Dies with drawn mismatch say how it follows the thresholds.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
import xarray as xr
from scipy import optimize

from mtjspice.device.temperature import KELVIN
from mtjspice.device.variation import draw_normal
from mtjspice.netlist.cards import read_card
from mtjspice.solver.leakage import Leakage
from mtjspice.spec.base import Floats
from mtjspice.spec.crossbar import Crossbar
from mtjspice.spec.die import Die
from mtjspice.spec.experiment import Experiment
from mtjspice.spec.layout import Layout
from mtjspice.spec.periphery import VirtualGround
from mtjspice.spec.stimulus import Stimulus
from mtjspice.spec.tile import ProgrammedTile

VOLTS_A_KELVIN = 1.380649e-23 / 1.602176634e-19
"""k/q, V/K."""
POTENTIALS = 10
"""Of the column, between the reference and the read voltage, at which leakage is measured."""
POWERS = 5
"""Coefficients of the polynomial that weak inversion is multiplied by."""
PLAIN = 2
"""Coefficients of what does not follow it, such as currents into the bulk."""
MISMATCH, DRAWS = 2.0, 3
"""Strength of the draws that show what threshold shifts do, and how many a transistor."""
STEEP = 30.0
"""Where the search for exponents starts, 1/V."""
NEGLIGIBLE = 1e-6
"""Of full scale: a column on which all cells leak less than that does not leak."""


def may_leak(layout: Layout) -> bool:
    """Whether rows are off while others are read."""
    gate = layout.crossbar.cell.gate
    some = layout.rows_read < layout.crossbar.rows
    return some and gate is not None and gate.along == "row"


def leakage_experiments(layout: Layout) -> list[Experiment]:
    """First with nominal cells at several potentials, then with shifted thresholds at one."""
    nominal = [_experiment(layout, float(b), Die()) for b in _potentials(layout)]
    return nominal + [_experiment(layout, layout.read.voltage, die) for die in _dies(layout)]


def fit_leakage(layout: Layout, results: Sequence[xr.Dataset]) -> tuple[Leakage, float]:
    """The law, and the largest deviation of nominal cells from what was measured, A."""
    measured = np.array([-float(r["current"].to_numpy()[0, 0]) for r in results])
    nominal, shifted = measured[:POTENTIALS], measured[POTENTIALS:]
    potential, rest = _potentials(layout), _rest(layout)
    thermal = VOLTS_A_KELVIN * (layout.technology.temperature + KELVIN)
    y = potential / layout.read.voltage
    away = np.exp(-rest / thermal) - np.exp(-potential / thermal)
    columns = [away * y**k for k in range(POWERS)] + [y**k for k in range(PLAIN)]
    basis = np.stack(columns, axis=1)
    size = np.abs(basis).max(0)
    solved = np.linalg.lstsq(basis / size, nominal, rcond=None)[0] / size
    count = len(_sigmas(layout))
    law = Leakage(
        thermal=thermal,
        rest=rest,
        scale=layout.read.voltage,
        product=tuple(solved[:POWERS].tolist()),
        plain=tuple(solved[POWERS:].tolist()),
        shares=(1 / count,) * count,
        slopes=(math.inf,) * count,
    )
    if len(shifted):
        shares, slopes = _following(layout, shifted / nominal_at(law, layout.read.voltage))
        law = replace(law, shares=shares, slopes=slopes)
    return law, float(np.abs(basis @ solved - nominal).max())


def nominal_at(law: Leakage, potential: float) -> float:
    """Leakage of a nominal cell at a potential of its column, A."""
    return float(law.current(torch.tensor(potential, dtype=torch.float64)))


def _following(layout: Layout, ratio: Floats) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Shares and slopes of the transistors, from leakage by that of nominal ones."""
    sigma = np.array(_sigmas(layout))
    drawn = [draw_normal(die.seed, 0, (2, 1, len(sigma)))[1, 0] for die in _dies(layout)]
    shifts = np.round(MISMATCH * sigma * np.array(drawn), 9)
    start = np.concatenate([np.zeros(len(sigma) - 1), np.full(len(sigma), STEEP)])

    def parts(given: Floats) -> tuple[Floats, Floats]:
        odds = np.exp(np.append(0.0, given[: len(sigma) - 1]))
        return odds / odds.sum(), given[len(sigma) - 1 :]

    def off(given: Floats) -> Floats:
        shares, steep = parts(given)
        told: Floats = np.log((shares * np.exp(-shifts * steep)).sum(1))
        return told - np.log(np.maximum(ratio, np.finfo(float).tiny))

    shares, steep = parts(optimize.least_squares(off, start, x_scale=np.maximum(start, 1.0)).x)
    return tuple(shares.tolist()), tuple((1 / steep).tolist())


def _rest(layout: Layout) -> float:
    """Potential of a row that is not read, V above the reference; a floating one adjusts itself."""
    return layout.read.voltage / 2 if layout.crossbar.unselected == "half" else 0.0


def _potentials(layout: Layout) -> Floats:
    """Of the column, V above the reference: Chebyshev's points."""
    points = np.cos(np.pi * (np.arange(POTENTIALS) + 0.5) / POTENTIALS)
    return np.asarray(layout.read.voltage * (1 - points) / 2)


def _sigmas(layout: Layout) -> list[float]:
    """Standard deviation of each transistor's threshold, V."""
    cell, card = layout.crossbar.cell, read_card(layout.technology)
    return [card.threshold_sigma(one) for one in cell.transistors]


def _dies(layout: Layout) -> list[Die]:
    """That show what threshold shifts do; none where nothing shifts."""
    sigma = _sigmas(layout)
    if layout.die.mismatch == 0 or not any(sigma):
        return []
    return [Die(mismatch=MISMATCH, seed=seed) for seed in range(DRAWS * len(sigma))]


def _experiment(layout: Layout, potential: float, die: Die) -> Experiment:
    return Experiment(
        crossbar=Crossbar(rows=2, columns=1, cell=layout.crossbar.cell),
        tile=ProgrammedTile(states=np.zeros((2, 1), dtype=np.uint8)),
        stimulus=Stimulus(volts=np.zeros((1, 1)), driven_rows=(0,), held=_rest(layout) - potential),
        die=die,
        periphery=VirtualGround(reference=layout.periphery.reference + potential),
        technology=layout.technology,
    )
