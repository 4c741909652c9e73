"""An array whose cells that are off leak into its columns.

Leakage is found from the columns' potentials, these with the leakage, and so on: each time the
error becomes smaller by the load of a column times what its cells conduct, some hundredths.
"""

import math
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from mtjspice.errors import MtjspiceError
from mtjspice.solver.array import Array
from mtjspice.solver.leakage import Leaked, Leaks
from mtjspice.solver.newton import Solution

COARSE = 1e-3
"""Tolerance of the first solution, and of later ones by what leakage still changes."""
TINY = 1e-30
"""In the place of nothing, to divide by."""


class LeakageError(MtjspiceError):
    """Leakage and the columns' potentials did not come to agree."""

    exit_code = 3


def settled(
    array: Array, leaks: Leaks, tolerance: float, solve: Callable[[Array, float], Solution]
) -> Solution:
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


def _leaked(array: Array, leaks: Leaks, solution: Solution) -> Leaked:
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
