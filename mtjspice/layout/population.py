"""Cells that differ: what their spread makes of a value, on average and in the worst of so many.

The random numbers of a cell are those of its barrier, its magnetoresistance, its Δ, its I_c0 and
its diameter, all log-normal and independent. The area is in all but the magnetoresistance: Δ and
I_c0 go with it, R_P with one over it. The spread of R_P that a die has is the whole one, so that
its barrier has what the diameter leaves of it. They make the logarithms of four factors, normal
numbers that go together, which four independent ones make as well: fewer fill space more evenly.

What is asked of cells lies far out: write errors of one in a million decide the mean. The points
are therefore taken from a wider normal distribution and weighted by the quotient of both densities
(importance sampling); they are Sobol's, which fill the space more evenly than drawn ones (I. M.
Sobol', USSR Comput. Math. Math. Phys. 7, 86 (1967)), and the same in every run.

The *worst of so many cells* is the median of the largest: half of all dies have none beyond it. A
value v is that median if the mean over dies of P(one cell of the die is below v)^cells is one half.
What is common to the cells of a die (`sigma_ln_rp_die`, `sigma_ln_tmr_die`) is summed over on an
even grid, which is the trapezoidal rule. One cell has that value: of the points with no less of it
the likeliest, moved towards the nominal cell until it has no more.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy import special, stats

from mtjspice.layout.findings import Floats
from mtjspice.spec.die import Die
from mtjspice.spec.writing import FreeLayer

POINTS = {0: 15, 1: 12, 2: 11}
"""Points of a die, as powers of two, by how many things are common to the cells of a die: where a
value grows by up to e^5 a standard deviation of four spreads, its mean is right within 1 % and the
worst cell's within 7 %; with one or two spreads both within 1 %."""
WIDER = 2.0
"""The points' standard deviation in that of the cells."""
OF_DIES = {1: 25, 2: 13}
"""Dies that are looked at, for each of the things that are common to one, by their number."""
FARTHEST = 4.0
"""Of them, in standard deviations."""
SOME = 1e-12
"""Less of a variance is what rounding leaves."""
HALVINGS = 50
"""Of the way from the nominal cell to one beyond the worst."""


@dataclass(frozen=True)
class Factors:
    """By what cells differ from the nominal one, float64 [cell] each; see `spread_of`.

    Attributes:
        r_p: on the parallel resistance.
        tmr0: on the magnetoresistance ratio.
        stability: on Δ.
        critical: on I_c0.
    """

    r_p: Floats
    tmr0: Floats
    stability: Floats
    critical: Floats


@dataclass(frozen=True)
class Spread:
    """A value over cells that differ.

    Attributes:
        mean: over cells, and over dies.
        worst: of so many cells: the median of the largest.
        cell: by what one cell with this worst value differs, the likeliest of those there are.
    """

    mean: float
    worst: float
    cell: Factors


def spread_of(value: Callable[[Factors], Floats], die: Die, layer: FreeLayer, cells: int) -> Spread:
    """A value's mean over cells and its largest among the cells of a die.

    Args:
        value: of cells that differ by such factors, [cell].
        die: spread of the resistances.
        layer: spread of Δ, I_c0 and the diameter.
        cells: of a die.
    """
    common = np.array([die.sigma_ln_rp_die, die.sigma_ln_tmr_die, 0.0, 0.0])
    of_cells = covariance(die, layer)
    own, both = _root(of_cells), _root(of_cells + np.diag(common**2))
    points, weights = _points(_differ(both), POINTS[0])
    values = value(_factors(points @ both))
    mean = float(weights @ values)
    among, weights = _points(_differ(own), POINTS[int((common > 0).sum())])
    shares, shifts = _dies(common)
    found = [_Sorted.of(value(_factors(among @ own + shift)), weights) for shift in shifts]
    worst = _median_of_largest(found, shares, cells)
    return Spread(mean, worst, _with_value(value, worst, points, values, both))


def covariance(die: Die, layer: FreeLayer) -> Floats:
    """Of the logarithms of `Factors` among the cells of a die, [kind, kind]."""
    area = 2 * layer.sigma_ln_diameter
    barrier = math.sqrt(max(die.sigma_ln_rp**2 - area**2, 0.0))
    alone = np.array([barrier, die.sigma_ln_tmr, layer.sigma_ln_delta, layer.sigma_ln_ic0])
    with_area = np.array([-area, 0.0, area, area])
    return np.asarray(np.diag(alone**2) + np.outer(with_area, with_area))


def _root(covariances: Floats) -> Floats:
    """What independent standard normal numbers add to logarithms, [number, kind] (Cholesky).

    A number of which nothing is left, because others have made its kind, adds nothing.
    """
    left, root = covariances.copy(), np.zeros_like(covariances)
    for k in range(len(left)):
        if left[k, k] > SOME * covariances[k, k]:
            root[k] = left[k] / math.sqrt(left[k, k])
            left -= np.outer(root[k], root[k])
    return root


def _factors(logarithms: Floats) -> Factors:
    return Factors(*np.exp(logarithms).T)


def _with_value(
    value: Callable[[Factors], Floats], wanted: float, points: Floats, values: Floats, both: Floats
) -> Factors:
    """A cell that has a value, between the nominal one and the nearest of points beyond it.

    Args:
        value: of cells.
        wanted: the value.
        points: [cell, number], standard normal.
        values: of these.
        both: what the numbers add to logarithms, [number, kind].
    """
    sign = 1.0 if float(value(_factors(np.zeros((1, both.shape[1]))))[0]) <= wanted else -1.0
    beyond = sign * values >= min(sign * wanted, float((sign * values).max()))
    far = points[beyond][np.argmin((points[beyond] ** 2).sum(1))]
    without = np.where(np.eye(far.size), 0.0, far)  # of each number once
    same = np.isclose(value(_factors(without @ both)), value(_factors(far[None] @ both)), 1e-9, 0.0)
    far = np.where(same, 0.0, far)  # numbers that change nothing, as the TMR of a P cell, are none
    low, high = 0.0, 1.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        enough = sign * float(value(_factors(middle * far[None] @ both))[0]) >= sign * wanted
        low, high = (low, middle) if enough else (middle, high)
    return _factors(high * far[None] @ both)


def _differ(matrix: Floats) -> tuple[bool, ...]:
    """Which of the numbers of a cell change anything."""
    return tuple(bool(row.any()) for row in matrix)


@cache
def _points(differs: tuple[bool, ...], power: int) -> tuple[Floats, Floats]:
    """Standard normal numbers [cell, kind], zero of the kinds that do not differ, and weights."""
    kinds = sum(differs)
    z = np.zeros((2**power if kinds else 1, len(differs)))
    if not kinds:
        return z, np.ones(1)
    # In the middle of their cells: Sobol's first point is a corner, which is at infinity.
    even = stats.qmc.Sobol(kinds, scramble=False).random_base2(power) + 0.5 ** (power + 1)
    wide = WIDER * special.ndtri(even)
    weights = np.exp(((wide / WIDER) ** 2 - wide**2).sum(1) / 2)
    z[:, list(differs)] = wide
    return z, weights / weights.sum()


def _dies(common: Floats) -> tuple[Floats, Floats]:
    """Shares of dies [die] and what is common to their cells' logarithms [die, kind]."""
    shares, shifts = np.ones(1), np.zeros((1, len(common)))
    kinds = np.flatnonzero(common)
    if not len(kinds):
        return shares, shifts
    grid = np.linspace(-FARTHEST, FARTHEST, OF_DIES[len(kinds)])
    weights = np.exp(-(grid**2) / 2)
    for kind in kinds:
        more = np.repeat(shifts, len(grid), axis=0)
        more[:, kind] = np.tile(grid * common[kind], len(shifts))
        shares, shifts = np.outer(shares, weights / weights.sum()).ravel(), more
    return shares, shifts


@dataclass(frozen=True)
class _Sorted:
    """Values of a die's cells from the largest down, and the share of cells beyond each."""

    values: Floats
    beyond: Floats

    @classmethod
    def of(cls, values: Floats, weights: Floats) -> "_Sorted":
        order = np.argsort(-values, kind="stable")
        return cls(values[order], np.cumsum(weights[order]) - weights[order] / 2)

    def above(self, value: float) -> float:
        """Share of cells with more than a value."""
        if value >= self.values[0]:
            return 0.0
        if value < self.values[-1]:
            return 1.0
        # The logarithm of the share is nearly straight far out, where it matters.
        return math.exp(np.interp(-value, -self.values, np.log(self.beyond)))


def _median_of_largest(dies: list[_Sorted], shares: Floats, cells: int) -> float:
    """The value that the largest of so many cells exceeds on half of the dies."""
    tried = np.unique(np.concatenate([one.values for one in dies]))

    def kept(value: float) -> float:
        """Share of dies without a cell beyond it."""
        above = np.array([one.above(value) for one in dies])
        return float(shares @ np.exp(cells * np.log1p(-np.minimum(above, 1 - 1e-16))))

    low, high = -1, len(tried) - 1  # nothing is beyond the last
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if kept(tried[middle]) >= 0.5 else (middle, high)
    return float(tried[high])
