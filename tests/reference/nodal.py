"""An independent solve of the same circuit: sparse nodal equations and Newton, with scipy.

Written from the circuit, not from the netlist: nothing here imports `mtjspice.netlist`, nor
`mtjspice.device.conductance`. The array is described by plain arrays, unknowns are numbered row by
row, and a wire of zero resistance is eliminated by giving the nodes that it joins one number.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_matrix
from scipy.sparse.linalg import splu

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Array:
    """A passive array, all rows driven, all columns sensed at 0 V.

    ohmic: conductance of each cell where it is a resistor, S; 0 where it is not, or open.
    r_p, tmr0: of the cells that depend on bias (their I = V/(r_p (1 + tmr0/(1+(V/v_half)²)))).
    biased: which cells these are.
    """

    ohmic: Floats
    r_p: Floats
    tmr0: Floats
    biased: npt.NDArray[np.bool_]
    v_half: float
    wire_row: float
    wire_column: float
    end_row: float
    end_column: float


def currents(array: Array, volts: Floats) -> Floats:
    """Column currents [vector, column] for row volts [vector, row]."""
    return np.stack([_solve(array, v) for v in volts])


def _solve(array: Array, drive: Floats) -> Floats:
    word, bit, count = _number(array)
    fixed = np.full(count, np.nan)
    # With zero line ends the first node of a row is the driver, the last of a column is ground.
    if array.end_row == 0:
        fixed[word[:, 0]] = drive
    if array.end_column == 0:
        fixed[bit[-1, :]] = 0.0
    free = np.isnan(fixed)
    place = np.cumsum(free) - 1
    volts = np.where(free, 0.0, fixed)
    for _ in range(50):
        residual, triplets = _residual(array, volts, drive, word, bit)
        i, j, g = (np.concatenate(part) for part in zip(*triplets, strict=True))
        keep = free[i] & free[j]
        n = int(free.sum())
        if n == 0:
            break
        jacobian = coo_matrix((g[keep], (place[i[keep]], place[j[keep]])), (n, n)).tocsc()
        step = splu(jacobian).solve(-residual[free])
        volts[free] += step
        if np.abs(step).max() < 1e-16:
            break
    cell, _ = _cell(array, volts[word] - volts[bit])
    return cell.sum(axis=0)


def _number(array: Array) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], int]:
    rows, columns = array.ohmic.shape
    if array.wire_row > 0:
        word = np.arange(rows * columns).reshape(rows, columns)
    else:
        word = np.repeat(np.arange(rows)[:, None], columns, axis=1)
    start = int(word.max()) + 1
    if array.wire_column > 0:
        bit = start + np.arange(rows * columns).reshape(rows, columns)
    else:
        bit = start + np.repeat(np.arange(columns)[None], rows, axis=0)
    return word, bit, int(bit.max()) + 1


def _cell(array: Array, v: Floats) -> tuple[Floats, Floats]:
    """Current and slope of every cell."""
    tmr = array.tmr0 / (1 + (v / array.v_half) ** 2)
    biased = v / (array.r_p * (1 + tmr))
    dtmr = -array.tmr0 * 2 * v / array.v_half**2 / (1 + (v / array.v_half) ** 2) ** 2
    slope = 1 / (array.r_p * (1 + tmr)) - v * dtmr / (array.r_p * (1 + tmr) ** 2)
    return (
        np.where(array.biased, biased, array.ohmic * v),
        np.where(array.biased, slope, array.ohmic),
    )


def _residual(array, volts, drive, word, bit):
    """Current that leaves each node, and the Jacobian as triplets (row, column, S)."""
    residual = np.zeros_like(volts)
    triplets = []

    def branch(a, b, current, slope):
        np.add.at(residual, a, current)
        np.add.at(residual, b, -current)
        triplets.extend([(a, a, slope), (b, b, slope), (a, b, -slope), (b, a, -slope)])

    cell, slope = _cell(array, volts[word] - volts[bit])
    branch(word.ravel(), bit.ravel(), cell.ravel(), slope.ravel())
    for line, wire, axis in ((word, array.wire_row, 1), (bit, array.wire_column, 0)):
        if wire > 0:
            a = line.take(range(line.shape[axis] - 1), axis).ravel()
            b = line.take(range(1, line.shape[axis]), axis).ravel()
            branch(a, b, (volts[a] - volts[b]) / wire, np.full(a.size, 1 / wire))
    for nodes, end, outside in (
        (word[:, 0], array.end_row, drive),
        (bit[-1, :], array.end_column, np.zeros(bit.shape[1])),
    ):
        if end > 0:
            np.add.at(residual, nodes, (volts[nodes] - outside) / end)
            triplets.append((nodes, nodes, np.full(nodes.size, 1 / end)))
    return residual, triplets
