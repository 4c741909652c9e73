"""The circuit equations of arrays, solved exactly: Newton's method over batches of tiles.

Unknown are the currents i of all cells (and the few unknowns y of `extras`). The lines lower the
voltages over the cells by K i, in impedance form (`lines`), so that

    i = law(emf − K i − B y − V_access(i)),    Bᵀ i + E y = h.

Newton's matrix is (slopes⁻¹ + K) up to the small dependence of the access devices on the potential
of their line. It is prepared once a tile with the slopes at rest and used for all vectors: at read
voltages junctions are so nearly linear that each step gains one to two digits. Where it gains less
the slopes of every vector are used.

Gradients come from one adjoint solve of the linearised equations at the solution, with the same
preparation; nothing is unrolled.
"""

from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import torch
from torch import Tensor

from mtjspice.errors import InputError, MtjspiceError
from mtjspice.surrogate.array import Array, at_rest
from mtjspice.surrogate.elimination import eliminate
from mtjspice.surrogate.linear import LinearArray, Method, chosen
from mtjspice.surrogate.lines import column_drop, row_drop

STEPS = 60
"""Most steps of Newton's method."""
BEYOND = 1.1
"""How far currents may exceed those at which access devices were measured."""
LEAST = 1e-6
"""Currents that are this much smaller than those without any wires are taken for none."""
SINGLE = 1e-6
"""Least tolerance in single precision."""
SLOW = 0.25
"""A step that shrinks by less than this is slow: from then on every vector has its own slopes."""


class NoSolutionError(MtjspiceError):
    """Newton's iteration did not arrive; the message says how far it came."""

    exit_code = 3


@dataclass(frozen=True)
class Solution:
    """The state of arrays.

    Attributes:
        current: [tile, vector, row, column], through each cell from row to column, A.
        extra: [tile, vector, unknown], potentials in V and bridge currents in A; of length 0 in
            regular arrays.
    """

    current: Tensor
    extra: Tensor


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
        InputError: if the volts have the wrong shape or are not finite.
        NoSolutionError: if the iteration does not arrive.
    """
    volts = _checked(array, volts)
    resting = not bool(array.rest_rows.any() | array.rest_columns.any())
    if array.cells.ohmic and resting and method == "auto":
        vectors = volts.shape[1]
        eliminated = chosen(array.cells.linear, vectors) == "elimination" and _plain(array)
        if eliminated or vectors > min(array.shape[1:]):
            return volts @ effective_matrix(array, tolerance=tolerance)
    solution = solve(array, volts, method=method, tolerance=tolerance)
    return column_currents(array, solution)


def effective_matrix(array: Array, *, method: Method = "auto", tolerance: float = 1e-9) -> Tensor:
    """Output current for one volt at each driven row, wires included, at small voltages.

    Of an array of resistors it gives all currents as ``volts @ matrix``. It takes as many solves as
    the array has rows or columns, whichever is fewer.

    Returns:
        [tile, driven row, sensed column], S.
    """
    resting = at_rest(array)
    tiles, rows, columns = array.shape
    if method == "auto":
        method = chosen(resting.cells.linear, min(rows, columns))
    if method == "elimination" and _plain(resting):
        whole = eliminate(resting.cells.linear, array.rows, array.columns).effective()
        return whole[:, list(array.driven)][..., list(array.sensed)]
    driven, sensed = list(array.driven), list(array.sensed)
    if array.extras is None and columns < rows:
        # By reciprocity: a volt at a column's end, taken from its cells, draws from each row what
        # a volt at that row sends to the column.
        emf = torch.eye(columns).to(resting.via)[:, None, :].expand(tiles, columns, rows, columns)
        current = _solved(resting, emf, None, method, tolerance).current
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
    """
    _, rows, columns = array.shape
    eye = torch.eye(rows + columns).to(array.via)
    at_rows, at_columns = eye[:, :rows].clone(), eye[:, rows:].clone()
    at_rows[:, sorted(set(range(rows)) - set(array.driven))] = 0.0
    at_columns[:, sorted(set(range(columns)) - set(array.sensed))] = 0.0
    emf, h = _between(array, at_rows[None], -at_columns[None])
    both = _solved(array, emf, h, method, tolerance)
    current, extra = both.current, both.extra
    return (
        Solution(current[:, :rows], extra[:, :rows]),
        Solution(current[:, rows:], extra[:, rows:]),
    )


def solve(
    array: Array, volts: Tensor, *, method: Method = "auto", tolerance: float = 1e-9
) -> Solution:
    """The currents of all cells; arguments and errors as for `read`."""
    volts = _checked(array, volts)
    emf, h = _driven(array, volts)
    return _solved(array, emf, h, method, tolerance)


def column_currents(array: Array, solution: Solution) -> Tensor:
    """What flows out of the sensed columns, [tile, vector, sensed column], A."""
    return all_column_currents(array, solution)[..., list(array.sensed)]


def all_column_currents(array: Array, solution: Solution) -> Tensor:
    """What flows out of every column, sensed or not, [tile, vector, column], A."""
    out = solution.current.sum(-2)
    return out if array.extras is None else out - solution.extra @ array.extras.of_columns


def cell_volts(array: Array, volts: Tensor, solution: Solution) -> Tensor:
    """Voltage between input and output line at every cell, V, [tile, vector, row, column]."""
    emf, _ = _driven(array, _checked(array, volts))
    lost = row_drop(array.rows, solution.current) + column_drop(array.columns, solution.current)
    if array.extras is not None:
        lost = lost + torch.einsum("tfrc,tvf->tvrc", array.extras.incidence, solution.extra)
    return emf - lost


def _plain(array: Array) -> bool:
    """Whether the factors alone give the effective matrix: no extras, and nobody to answer to."""
    asked = torch.is_grad_enabled() and _asks_for_gradients(array)
    return array.extras is None and not asked


def _asks_for_gradients(*parts: Any) -> bool:
    """Whether any tensor in trees of dataclasses does."""
    for part in parts:
        if isinstance(part, Tensor):
            if part.requires_grad:
                return True
        elif is_dataclass(part) and _asks_for_gradients(
            *(getattr(part, field.name) for field in fields(part))
        ):
            return True
    return False


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


def _solved(
    array: Array, emf: Tensor, h: Tensor | None, method: Method, tolerance: float
) -> Solution:
    """Newton's method, then the way of the gradients."""
    if h is None:
        h = emf.new_zeros(*emf.shape[:2], 0)
    with torch.no_grad():
        problem = _Problem(array, method, tolerance, emf.shape[1])
        current, extra = problem.newton(emf, h)
    _check_access(array, current)
    if torch.is_grad_enabled() and _asks_for_gradients(array, emf, h):
        residuals = _residuals(array, emf, h, current, extra)
        current, extra = _Implicit.apply(problem, current, extra, emf, *residuals)  # type: ignore[no-untyped-call]
    return Solution(current, extra)


def _check_access(array: Array, current: Tensor) -> None:
    """Refuse currents far beyond those that the access devices were measured at.

    Raises:
        InputError: with the current and the range.
    """
    access = array.cells.access
    if access is None or current.numel() == 0:
        return
    largest = float(current.abs().max())
    if largest > BEYOND * access.current_scale:
        raise InputError(
            source="access",
            key="current",
            value=largest,
            allowed=f"the access devices were measured up to {access.current_scale:g} A",
        )


def _residuals(
    array: Array, emf: Tensor, h: Tensor, current: Tensor, extra: Tensor
) -> tuple[Tensor, Tensor]:
    """By how much the equations fail: of the cells, A, and of the extras."""
    volts, potential = _junction_volts(array, emf, current, extra)
    if array.cells.access is not None:
        volts = volts - array.cells.access.volts(current, potential)
    return current - array.cells.current(volts), _extra_residual(array, h, current, extra)


def _extra_residual(array: Array, h: Tensor, current: Tensor, extra: Tensor) -> Tensor:
    if array.extras is None:
        return h
    closed = torch.einsum("tfrc,tvrc->tvf", array.extras.incidence, current)
    return closed + extra @ array.extras.coupling.mT - h


def _junction_volts(
    array: Array, emf: Tensor, current: Tensor, extra: Tensor
) -> tuple[Tensor, Tensor]:
    """Voltage over junction and access device, V; potential of the output line at the cell, V."""
    rise = column_drop(array.columns, current)
    volts = emf - row_drop(array.rows, current) - rise - array.via * current
    potential = rise + array.rest_columns
    if array.extras is not None:
        volts = volts - torch.einsum("tfrc,tvf->tvrc", array.extras.incidence, extra)
        raised = torch.einsum("tfrc,tvf->tvrc", array.extras.raises_columns, extra)
        behind = torch.where(array.extras.loose_columns, 0.0, array.rest_columns)
        potential = rise + behind[:, None, None] + raised
    return volts, potential


class _Problem:
    """One array with its preparation, which forward and adjoint solves share."""

    def __init__(self, array: Array, method: Method, tolerance: float, vectors: int):
        self.array = array
        if array.via.dtype == torch.float32:
            tolerance = max(tolerance, SINGLE)
        self.method, self.tolerance, self.vectors = method, tolerance, vectors
        self.slopes = array.cells.at_rest()[:, None]
        self.rest = array.via + torch.zeros_like(self.slopes)
        if array.cells.access is not None:
            self.rest = self.rest + array.cells.access.at_rest()
        self.linear = self._prepared(self.slopes, self.rest)

    def _prepared(self, slopes: Tensor, series: Tensor) -> LinearArray:
        """The linear array of cells with these slopes, S, and resistances in series, Ω."""
        conductance = slopes / (1 + slopes * series)
        return LinearArray(self.array, conductance, self.method, self.tolerance, self.vectors)

    def newton(self, emf: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        """(current, extra) that solve the equations."""
        current, extra = self.linear.solve(emf, h)
        if self.array.cells.ohmic:
            return current, extra
        before, least = float("inf"), self._least(emf)
        for _ in range(STEPS):
            errors = _residuals(self.array, emf, h, current, extra)
            step, extra_step = self.linear.solve(self._as_emf(errors[0]), errors[1])
            current, extra = current - step, extra - extra_step
            size = _size(step, current, least)
            if size <= self.tolerance:
                return current, extra
            if size > SLOW * before:
                self._refresh(emf, current, extra)
            before = size
        raise NoSolutionError(
            f"Newton's method stands at a relative change of {size:.1e} after {STEPS} steps; "
            f"asked for is {self.tolerance:g}"
        )

    def adjoint(
        self, emf: Tensor, current: Tensor, extra: Tensor, wanted: tuple[Tensor, Tensor]
    ) -> tuple[Tensor, Tensor]:
        """Multipliers of the residuals for gradients `wanted` with respect to (current, extra).

        With μ = slope·λ the transposed equations have the form of the equations themselves:
        ``μ = slope (wanted − Kμ − …)``.
        """
        array, access = self.array, self.array.cells.access
        volts, potential = _junction_volts(array, emf, current, extra)
        by_current = by_potential = torch.zeros_like(current)
        if access is not None:
            volts = volts - access.volts(current, potential)
            by_current, by_potential = access.slopes(current, potential)
        slopes = array.cells.slope(volts)

        def left(mu: Tensor, nu: Tensor) -> tuple[Tensor, Tensor]:
            tilted = by_potential * mu
            lost = row_drop(array.rows, mu) + column_drop(array.columns, mu + tilted)
            lam = wanted[0] - lost - (array.via + by_current) * mu
            if array.extras is None:
                return lam, wanted[1]
            lam = lam - torch.einsum("tfrc,tvf->tvrc", array.extras.incidence, nu)
            closed = torch.einsum("tfrc,tvrc->tvf", array.extras.incidence, mu)
            closed = closed + torch.einsum("tfrc,tvrc->tvf", array.extras.raises_columns, tilted)
            return lam, wanted[1] - closed - nu @ array.extras.coupling

        mu, nu = self.linear.solve(*wanted)
        for _ in range(STEPS):
            lam, left_over = left(mu, nu)
            if array.cells.ohmic:  # then the first solve is exact
                return lam, nu
            step, extra_step = self.linear.solve(self._as_emf(slopes * lam - mu), left_over)
            mu, nu = mu + step, nu + extra_step
            if _size(step, mu, 0.0) <= self.tolerance:
                return left(mu, nu)[0], nu
        raise NoSolutionError(f"the adjoint solve did not arrive in {STEPS} steps")

    def _least(self, emf: Tensor) -> float:
        """A current below which nothing counts, A: where all lines are cut only rounding flows."""
        return LEAST * float(emf.abs().max() * self.slopes.sum(-2).max())

    def _as_emf(self, current: Tensor) -> Tensor:
        """Voltages in series with cells of the prepared slopes that drive these currents, V."""
        return torch.where(self.slopes > 0, current / self.slopes.clamp(min=1e-30), 0.0)

    def _refresh(self, emf: Tensor, current: Tensor, extra: Tensor) -> None:
        """Prepare anew, with the slopes that every vector has now."""
        array = self.array
        volts, potential = _junction_volts(array, emf, current, extra)
        series = array.via + torch.zeros_like(current)
        if array.cells.access is not None:
            volts = volts - array.cells.access.volts(current, potential)
            series = series + array.cells.access.slopes(current, potential)[0]
        self.slopes = array.cells.slope(volts)
        self.linear = self._prepared(self.slopes, series)


def _size(step: Tensor, current: Tensor, least: float) -> float:
    """The largest change of an output or input current, by the largest of them, or `least`."""
    change = torch.stack([step.sum(-2).abs().max(), step.sum(-1).abs().max()]).max()
    whole = torch.stack([current.sum(-2).abs().max(), current.sum(-1).abs().max()]).max()
    scale = max(float(whole), least)
    return float(change) / scale if scale > 0 else 0.0


class _Implicit(torch.autograd.Function):
    """Gives a solution; hands its gradient to the residuals of the equations that it solves."""

    @staticmethod
    def forward(
        ctx: Any,
        problem: _Problem,
        current: Tensor,
        extra: Tensor,
        emf: Tensor,
        of_cells: Tensor,
        of_extras: Tensor,
    ) -> tuple[Tensor, Tensor]:
        ctx.problem = problem
        ctx.save_for_backward(current, extra, emf)
        return current.clone(), extra.clone()

    @staticmethod
    def backward(ctx: Any, *wanted: Tensor) -> tuple[Tensor | None, ...]:
        current, extra, emf = ctx.saved_tensors
        of_cells, of_extras = ctx.problem.adjoint(
            emf.detach(), current, extra, (wanted[0], wanted[1])
        )
        return None, None, None, None, -of_cells, -of_extras
