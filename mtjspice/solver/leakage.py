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

Leakage is found from the columns' potentials, these with the leakage, and so on: each time the
error becomes smaller by the load of a column times what its cells conduct, some hundredths.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

import torch
from torch import Tensor

from mtjspice.errors import MtjspiceError

if TYPE_CHECKING:
    from mtjspice.solver.array import Array
    from mtjspice.solver.newton import Solution

TOGETHER = 8
"""Rows whose cells leak at one place of a column."""
COARSE = 1e-3
"""Tolerance of the first solution, and of later ones by what leakage still changes."""
TINY = 1e-30
"""In the place of nothing, to divide by."""
GRID = 64
"""Potentials at which the largest leakage is looked for."""


class LeakageError(MtjspiceError):
    """Leakage and the columns' potentials did not come to agree."""

    exit_code = 3


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


def settled(
    array: "Array", leaks: Leaks, tolerance: float, solve: Callable[["Array", float], "Solution"]
) -> "Solution":
    """The array with its leakage.

    Args:
        array: whose cells are solved; with extras it is the whole array, each row a place.
        leaks: of it.
        tolerance: of the currents, relative to the largest.
        solve: answers of an array whose leakage is known, with a tolerance.

    Raises:
        LeakageError: if so much leaks that it is no correction.
    """
    with torch.no_grad():
        solution = solve(array, max(tolerance, COARSE))
        leaked = _leaked(array, leaks, solution)
        change, reached, wanted = math.inf, COARSE, COARSE
        while max(change, reached) > tolerance:
            before, earlier, reached = change, leaked, max(tolerance, wanted)
            solution = solve(replace(array, leaked=leaked), reached)
            leaked = _leaked(array, leaks, solution)
            whole = float(solution.current.sum(-2).abs().max())
            change = float((leaked.out - earlier.out).abs().max()) / max(whole, TINY)
            wanted = COARSE * change
            if not change < max(before, tolerance):
                raise LeakageError(
                    "the leakage of cells that are off changes by "
                    f"{before:.1e}, then by {change:.1e} of what the others carry: it is no "
                    "correction of that"
                )
    if not torch.is_grad_enabled():
        return replace(solution, leaked=leaked)
    # What follows carries the gradients, but for the square of that ratio.
    leaked = _leaked(array, leaks, solve(replace(array, leaked=leaked), tolerance))
    return replace(solve(replace(array, leaked=leaked), tolerance), leaked=leaked)


def _leaked(array: "Array", leaks: Leaks, solution: "Solution") -> Leaked:
    """What leaks at the potentials that a solution has, its own leakage included."""
    potential = _potentials(leaks.across, leaks.series, solution.current)
    if solution.leaked is not None:
        potential = potential + _potentials(leaks.among, leaks.series, solution.leaked.current)
    extras = array.extras
    if extras is not None:
        raised = torch.einsum("tfrc,tvf->tvrc", extras.raises_columns, solution.extra)
        potential = potential + leaks.rows @ raised
    strength = leaks.strength[:, None]
    out = strength * leaks.law.current(potential)
    # A row that nothing holds goes to where its cells' currents add up to zero.
    share = strength / strength.sum(-1, keepdim=True).clamp(min=TINY)
    balance = share * out.sum(-1, keepdim=True)
    current = torch.where(leaks.loose[:, None, :, None], balance - out, -out)
    raises = _potentials(leaks.across.mT, leaks.series, current)
    closed = solution.extra
    if extras is not None:
        of_rows = leaks.rows.mT @ current
        closed = torch.einsum("tfrc,tvrc->tvf", extras.raises_columns, of_rows)
    return Leaked(current, raises, closed)


def _potentials(impedance: Tensor, series: Tensor, current: Tensor) -> Tensor:
    return impedance @ current + series * current.sum(-2, keepdim=True)
