"""What arrays do, solved exactly: output currents, effective matrices, voltages over cells.

The circuit is that of the netlist: wires, line ends, both drive ends, lines that nothing holds,
bridges, bias-dependent junctions, access devices. `newton` has the equations and the gradients,
`linear` the choice of algorithm.
"""

import torch
from torch import Tensor

from mtjspice.errors import InputError
from mtjspice.solver.array import Array, at_rest
from mtjspice.solver.elimination import eliminate
from mtjspice.solver.leaking import settled
from mtjspice.solver.linear import Method, check_method, chosen
from mtjspice.solver.lines import column_drop, row_drop
from mtjspice.solver.newton import NoSolutionError, Solution, solved

__all__ = [
    "NoSolutionError",
    "Solution",
    "all_column_currents",
    "cell_volts",
    "column_currents",
    "effective_matrix",
    "read",
    "solve",
    "sources",
]


def read(
    array: Array, volts: Tensor, *, method: Method = "auto", tolerance: float = 1e-9
) -> Tensor:
    """Currents out of the sensed columns.

    Args:
        array: tiles of one crossbar.
        volts: [vector, driven row] or [tile, vector, driven row], V above the reference.
        method: how the linear equations are solved; ``auto`` chooses by size, number of vectors and
            contrast.
        tolerance: error of the currents, relative to the largest.

    Returns:
        [tile, vector, sensed column], A; with gradients where any tensor asks for them.

    Raises:
        InputError: if the volts have the wrong shape or are not finite, or there is no such method.
        NoSolutionError: if the iteration does not arrive.
    """
    check_method(method)
    volts = _checked(array, volts)
    resting = not bool(array.rest_rows.any() | array.rest_columns.any())
    if array.cells.ohmic and resting and method == "auto":
        vectors = volts.shape[1]
        eliminated = chosen(array.cells.linear, vectors) == "elimination"
        if (eliminated and array.extras is None) or vectors > min(array.shape[1:]):
            return volts @ effective_matrix(array, tolerance=tolerance)
    solution = solve(array, volts, method=method, tolerance=tolerance)
    return column_currents(array, solution)


def effective_matrix(array: Array, *, method: Method = "auto", tolerance: float = 1e-9) -> Tensor:
    """Output current for one volt at each driven row, wires included, at small voltages.

    Of an array of resistors it gives all currents as ``volts @ matrix``. It takes as many solves as
    the array has rows or columns, whichever is fewer.

    Returns:
        [tile, driven row, sensed column], S.

    Raises:
        InputError: if there is no such method.
    """
    check_method(method)
    resting = at_rest(array)
    tiles, rows, columns = array.shape
    if method == "auto":
        method = chosen(resting.cells.linear, min(rows, columns))
    if method == "elimination" and array.extras is None:
        # The matrix comes with the factors; gradients go back through them, step by step.
        whole = eliminate(resting.cells.linear, array.rows, array.columns).effective()
        return whole[:, list(array.driven)][..., list(array.sensed)]
    driven, sensed = list(array.driven), list(array.sensed)
    if array.extras is None and columns < rows:
        # By reciprocity: a volt at a column's end, taken from its cells, draws from each row what
        # a volt at that row sends to the column.
        emf = torch.eye(columns).to(resting.via)[:, None, :].expand(tiles, columns, rows, columns)
        current = solved(resting, emf, None, method, tolerance).current
        return current.sum(-1).transpose(1, 2)[:, driven][..., sensed]
    unit = torch.eye(len(driven)).to(resting.via)
    return column_currents(resting, solve(resting, unit, method=method, tolerance=tolerance))


def sources(
    array: Array, *, method: Method = "auto", tolerance: float = 1e-9
) -> tuple[Solution, Solution]:
    """Answers of an array of resistors to one volt at each line in turn.

    Returns:
        For each row, [tile, row, ...], zero for those that are not driven; and for each column,
        [tile, column, ...], with the volt behind its terminal and the sign of an input: by
        reciprocity the current of a cell is what one volt in series with it sends to that output.
        Columns that are not sensed answer nothing.

    Raises:
        InputError: if there is no such method.
    """
    check_method(method)
    _, rows, columns = array.shape
    eye = torch.eye(rows + columns).to(array.via)
    at_rows, at_columns = eye[:, :rows].clone(), eye[:, rows:].clone()
    at_rows[:, sorted(set(range(rows)) - set(array.driven))] = 0.0
    at_columns[:, sorted(set(range(columns)) - set(array.sensed))] = 0.0
    emf, h = _between(array, at_rows[None], -at_columns[None])
    both = solved(array, emf, h, method, tolerance)
    current, extra = both.current, both.extra
    return (
        Solution(current[:, :rows], extra[:, :rows]),
        Solution(current[:, rows:], extra[:, rows:]),
    )


def solve(
    array: Array, volts: Tensor, *, method: Method = "auto", tolerance: float = 1e-9
) -> Solution:
    """The currents of all cells; arguments and errors as for `read`."""
    check_method(method)
    volts = _checked(array, volts)
    emf, h = _driven(array, volts)
    if array.leaks is None:
        return solved(array, emf, h, method, tolerance)
    return settled(array, array.leaks, tolerance, lambda a, t: solved(a, emf, h, method, t))


def column_currents(array: Array, solution: Solution) -> Tensor:
    """What flows out of the sensed columns, [tile, vector, sensed column], A."""
    return all_column_currents(array, solution)[..., list(array.sensed)]


def all_column_currents(array: Array, solution: Solution) -> Tensor:
    """What flows out of every column, sensed or not, [tile, vector, column], A."""
    out = solution.current.sum(-2)
    if solution.leaked is not None:
        out = out + solution.leaked.out
    return out if array.extras is None else out - solution.extra @ array.extras.of_columns


def cell_volts(array: Array, volts: Tensor, solution: Solution) -> Tensor:
    """Voltage between input and output line at every cell, V, [tile, vector, row, column].

    It says nothing of a line that is cut off from everything.
    """
    emf, _ = _driven(array, _checked(array, volts))
    lost = row_drop(array.rows, solution.current) + column_drop(array.columns, solution.current)
    if array.extras is not None:
        lost = lost + torch.einsum("tfrc,tvf->tvrc", array.extras.incidence, solution.extra)
    if solution.leaked is not None:
        lost = lost + solution.leaked.raises
    return emf - lost


def _checked(array: Array, volts: Tensor) -> Tensor:
    """The volts with a tile axis.

    Raises:
        InputError: if they do not fit or are not finite.
    """
    wanted = f"must have the shape [vector, {len(array.driven)}], or that with a tile axis before"
    if volts.dim() not in (2, 3) or volts.shape[-1] != len(array.driven):
        raise InputError(source="volts", key="shape", value=tuple(volts.shape), allowed=wanted)
    if volts.dim() == 3 and volts.shape[0] not in (1, array.shape[0]):
        raise InputError(source="volts", key="shape", value=tuple(volts.shape), allowed=wanted)
    if volts.shape[-2] == 0:
        raise InputError(source="volts", key="shape", value=tuple(volts.shape), allowed=wanted)
    if not torch.isfinite(volts).all():
        where = torch.nonzero(~torch.isfinite(volts))[0].tolist()
        raise InputError(source="volts", key=str(where), allowed="must be finite")
    return volts if volts.dim() == 3 else volts[None]


def _driven(array: Array, volts: Tensor) -> tuple[Tensor, Tensor | None]:
    """Voltages in series with the cells [tile, vector, row, column], and h of the extras."""
    _, rows, columns = array.shape
    ends = array.rest_rows.expand(volts.shape[0], volts.shape[1], rows)
    ends = ends.index_copy(-1, torch.tensor(array.driven, device=volts.device), volts)
    return _between(array, ends, array.rest_columns.expand(1, 1, columns))


def _between(array: Array, ends: Tensor, behind: Tensor) -> tuple[Tensor, Tensor | None]:
    """The same for potentials of all terminals: [tile, vector, row] and [tile, vector, column]."""
    tiles, rows, columns = array.shape
    extras = array.extras
    if extras is None:
        emf = ends[..., None] - behind[:, :, None]
        return emf.expand(tiles, -1, rows, columns), None
    ends = torch.where(extras.loose_rows[:, None], 0.0, ends)
    behind = torch.where(extras.loose_columns[:, None], 0.0, behind)
    h = ends @ extras.of_rows.mT + behind @ extras.of_columns.mT
    return ends[..., None] - behind[:, :, None], h
