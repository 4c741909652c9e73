"""Writing a tile in closed form: what reaches each junction, and which ones stay as they were."""

import numpy as np
import numpy.typing as npt

from mtjspice.device.conductance import current
from mtjspice.device.switching import (
    critical_current,
    staying_probability,
    thermal_stability,
    time_constant,
)
from mtjspice.device.variation import Junctions, diameters, draw_junctions
from mtjspice.spec.base import Floats
from mtjspice.spec.crossbar import Crossbar
from mtjspice.spec.die import Die
from mtjspice.spec.line import Line
from mtjspice.spec.mtj import Mtj
from mtjspice.spec.tile import ProgrammedTile
from mtjspice.spec.writing import FreeLayer, Writing

HALVINGS = 60
"""Of the interval that holds a junction's voltage; more would not change a float."""


def path_resistance(crossbar: Crossbar) -> Floats:
    """Ω between each junction and the terminals of its own lines, float64 [row, column].

    Rows end at the left and columns at the bottom; lines with two ends are two ways side by side.
    """
    along_row = _to_terminal(crossbar.row, crossbar.columns)
    along_column = _to_terminal(crossbar.column, crossbar.rows)[::-1]
    return along_row + along_column[:, None] + crossbar.row.via + crossbar.column.via


def _to_terminal(line: Line, cells: int) -> Floats:
    near = line.end + line.r * np.arange(cells)
    if line.ends == "one":
        return np.asarray(near)
    far = near[::-1]
    return np.where(near + far > 0, near * far / np.where(near + far > 0, near + far, 1), 0.0)


def delivered_voltage(
    pulse: npt.ArrayLike,
    series: npt.ArrayLike,
    state: npt.ArrayLike,
    r_p: npt.ArrayLike,
    tmr0: npt.ArrayLike,
    mtj: Mtj,
) -> Floats:
    """What a junction gets of a pulse, V: ``pulse · R/(R + series)``, R being that at its voltage.

    Args:
        pulse: between the terminals, V, from 0; all array arguments broadcast.
        series: of wires, vias and line ends, Ω.
        state: in which the junction starts, 0 P, 1 AP.
        r_p: each junction's own parallel resistance, Ω.
        tmr0: each junction's own magnetoresistance ratio at zero bias.
        mtj: the nominal junction, for the bias dependence that all share.
    """
    whole, ohms = np.asarray(pulse, dtype=np.float64), np.asarray(series, dtype=np.float64)
    high = np.broadcast_to(whole, np.broadcast(whole, ohms, state, r_p, tmr0).shape).copy()
    low = np.zeros_like(high)
    for _ in range(HALVINGS):  # the current rises with the voltage, so that there is one solution
        middle = (low + high) / 2
        beyond = middle + ohms * current(middle, state, r_p, tmr0, mtj) > whole
        low, high = np.where(beyond, low, middle), np.where(beyond, middle, high)
    return (low + high) / 2


def draw_free_layers(layer: FreeLayer, die: Die, tile: ProgrammedTile) -> tuple[Floats, Floats]:
    """Factors on Δ and on I_c0 of each junction of a tile, float64 [row, column] both.

    Both are log-normal. What their areas do to them is common to both and to R_P, which
    `draw_junctions` draws: the diameter is drawn as it is given the R_P of the junction. What is
    left is independent of each other and of the resistances. The draw depends on the die's seed and
    the tile only. Without spread they are 1.
    """
    shape = tile.states.shape
    z = np.random.default_rng([die.seed, 4, tile.index]).standard_normal((3, *shape))
    area: Floats | float = 0.0
    if layer.sigma_ln_diameter > 0:
        sigma = 2 * layer.sigma_ln_diameter
        of_rp = np.random.default_rng([die.seed, 1, tile.index]).standard_normal((2, *shape))[0]
        share = sigma / die.sigma_ln_rp  # of the deviation of R_P, which the area takes
        area = sigma * (np.sqrt(1 - share**2) * z[2] - share * of_rp)
    stability = np.round(np.exp(layer.sigma_ln_delta * z[0] + area), 12)
    return stability, np.round(np.exp(layer.sigma_ln_ic0 * z[1] + area), 12)


def error_rates(
    crossbar: Crossbar, writing: Writing, die: Die, tile: ProgrammedTile, celsius: float
) -> Floats:
    """Probability that a junction in the other state stays there, float64 [row, column].

    Args:
        crossbar: the array.
        writing: the pulses; the current at the start of the pulse counts, in the old state.
        die: sizes and spread of the junctions.
        tile: the states that are wanted.
        celsius: temperature of the circuit, where `writing` has none of its own.
    """
    mtj, drawn = crossbar.cell.mtj, draw_junctions(crossbar.cell.mtj, tile, die, celsius)
    before = 1 - tile.states
    pulse = np.where(tile.states == 0, writing.to_p, writing.to_ap)
    volts = delivered_voltage(pulse, path_resistance(crossbar), before, drawn.r_p, drawn.tmr0, mtj)
    amperes = current(volts, before, drawn.r_p, drawn.tmr0, mtj)
    layer = writing.free_layer
    degrees = celsius if writing.temperature is None else writing.temperature
    nominal = thermal_stability(layer, diameters(mtj, die, crossbar.shape), degrees)
    stability, critical = draw_free_layers(layer, die, tile)
    ratio = amperes / (critical_current(layer, nominal, degrees) * critical)
    duration = writing.length / time_constant(layer, degrees)
    return staying_probability(ratio, nominal * stability, duration)


def write_tile(
    crossbar: Crossbar, writing: Writing | None, die: Die, tile: ProgrammedTile, celsius: float
) -> ProgrammedTile:
    """The states that a tile is left in: where a pulse fails, the one from before.

    The draw depends on the die's seed and the tile's index only. A junction that is stuck, short
    or open is `draw_junctions`' business: it is so in whatever state it was left.

    Args:
        crossbar: the array.
        writing: None writes without errors.
        die: sizes and spread of the junctions, and the seed.
        tile: the states that are wanted.
        celsius: temperature of the circuit.
    """
    if writing is None:
        return tile
    chance = np.random.default_rng([die.seed, 3, tile.index])
    shape = tile.states.shape
    before = {
        "random": chance.integers(0, 2, shape, dtype=np.uint8),
        "p": np.zeros(shape, dtype=np.uint8),
        "ap": np.ones(shape, dtype=np.uint8),
        "opposite": 1 - tile.states,
    }[writing.previous]
    fails = chance.random(shape) < error_rates(crossbar, writing, die, tile, celsius)
    states = np.where((before != tile.states) & fails, before, tile.states)
    return tile.replace(states=states.astype(np.uint8))


def read_back(mtj: Mtj, die: Die, drawn: Junctions) -> npt.NDArray[np.uint8]:
    """States as a reading of each junction alone gives them, uint8 [row, column]; 0 P, 1 AP.

    The threshold is the geometric mean of the nominal resistances of the junction's size, which is
    in the middle for log-normal spread. A short reads as P, an open junction as AP.
    """
    nominal = mtj.r_p * (mtj.diameter / diameters(mtj, die, drawn.state.shape)) ** 2
    own = drawn.r_p * np.where(drawn.state == 1, 1 + drawn.tmr0, 1.0)
    read = own > nominal * np.sqrt(1 + mtj.tmr0)
    return np.where(drawn.short, 0, np.where(drawn.open, 1, read)).astype(np.uint8)
