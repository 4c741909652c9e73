"""What cells leak whose gates are off: currents of the rows that are not read into the columns.

A transistor that is off carries ``I = F(source) − F(drain)`` with ``F(x) ∝ exp(−x/V_T)``,
V_T = kT/q (weak inversion: C. C. Enz, F. Krummenacher, E. A. Vittoz, Analog Integrated Circuits and
Signal Processing 8, 83 (1995)), up to slow factors (drain-induced barrier lowering) that a
polynomial of the column's potential takes, and exponentially less for a higher threshold. A hot one
of a 1.2 V library carries a few ten-thousandths of what a cell carries that is on, and there are
many on a column.

The junction in series with it and the wires of the resting rows count for nothing. Rows at rest are
held at one potential; where nothing holds them, each goes to where its cells' currents add up to
zero.
"""

from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

TOGETHER = 8
"""Rows whose cells leak at one place of a column."""
GRID = 64
"""Potentials at which the largest leakage is looked for."""


@dataclass(frozen=True)
class Leakage:
    """Current out of a column through one cell that is off, as a function of its potential.

    ``I(b) = (exp(−h/V_T) − exp(−b/V_T)) Σ_k product_k y^k + Σ_k plain_k y^k``, y = b/b_0, times
    ``Σ_t share_t exp(−shift_t/slope_t)`` for threshold shifts of its transistors.

    Attributes:
        thermal: V_T, V.
        rest: h, potential of the row, V above the read-out's reference.
        scale: b_0, V.
        product: A.
        plain: A.
        shares: of the current, by transistor; they add up to 1.
        slopes: V, by transistor.
    """

    thermal: float
    rest: float
    scale: float
    product: tuple[float, ...]
    plain: tuple[float, ...]
    shares: tuple[float, ...]
    slopes: tuple[float, ...]

    def current(self, potential: Tensor) -> Tensor:
        """Out of the column, A, of a nominal cell; potentials in V above the reference."""
        y = (potential / self.scale).clamp(0.0, 1.0)
        away = torch.exp(-self.rest / self.thermal * torch.ones_like(y))
        away = away - torch.exp(-self.scale * y / self.thermal)
        return away * _powers(self.product, y) + _powers(self.plain, y)

    def strength(self, shifts: Tensor) -> Tensor:
        """By how much cells leak more than nominal ones, for shifts [..., transistor], V."""
        shares, slopes = (torch.tensor(x, dtype=shifts.dtype) for x in (self.shares, self.slopes))
        strength: Tensor = (shares * torch.exp(-shifts / slopes)).sum(-1)
        return strength

    @property
    def largest(self) -> float:
        """Largest current of a nominal cell between the reference and `scale`, A."""
        grid = torch.linspace(0, self.scale, GRID, dtype=torch.float64)
        return float(self.current(grid).abs().max())


def _powers(coefficients: tuple[float, ...], y: Tensor) -> Tensor:
    total = torch.zeros_like(y)
    for c in reversed(coefficients):
        total = total * y + c
    return total


@dataclass(frozen=True)
class Leaks:
    """All cells of some arrays that leak; those of neighbouring rows at one place of the column.

    Attributes:
        law: of nominal ones.
        strength: [tile, place, column], in units of it.
        rows: [place, row of the whole array], 1 for the rows of a place, 0 else.
        among: [place, place], impedance of a column from place to place without `series`, Ω.
        across: [place, row of the array], the same from the rows whose cells are solved.
        series: [column], between the column's terminal and what holds it, Ω.
        loose: bool [tile, place], whether nothing holds the rows.
    """

    law: Leakage
    strength: Tensor
    rows: Tensor
    among: Tensor
    across: Tensor
    series: Tensor
    loose: Tensor

    def with_shifts(self, shifts: Tensor) -> Self:
        """For threshold shifts [tile, row of the whole array, column, transistor], V."""
        return replace(self, strength=self.rows @ self.law.strength(shifts))


def places(off: Tensor, together: int) -> Tensor:
    """[place, row]: 1 for the rows of each place, for rows that are off, bool [row].

    So many neighbours are one place: potentials differ little among them.
    """
    found: list[list[int]] = []
    for row in map(int, off.nonzero()):
        if not found or row != found[-1][-1] + 1 or len(found[-1]) == together:
            found.append([])
        found[-1].append(row)
    rows = torch.zeros(len(found), len(off), dtype=torch.float64)
    for place, members in enumerate(found):
        rows[place, members] = 1.0
    return rows


@dataclass(frozen=True)
class Leaked:
    """What leakage does to the cells and columns of an array.

    Attributes:
        current: [tile, vector, place, column], from rows to column, A.
        raises: [tile, vector, row, column], the output line at each cell, V.
        closed: [tile, vector, unknown], what it adds to the equations of the extras.
    """

    current: Tensor
    raises: Tensor
    closed: Tensor

    @property
    def out(self) -> Tensor:
        """What it adds to the current out of each column, A, [tile, vector, column]."""
        return self.current.sum(-2)
