"""Newton's method for arrays, and gradients through its solution.

Unknown are the currents i of all cells (and the few unknowns y of `extras`). The lines lower the
voltages over the cells by K i, in impedance form (`lines`), so that

    i = law(emf − K i − B y − V_access(i)),    Bᵀ i + E y = h.

Newton's matrix is (slopes⁻¹ + K) up to the small dependence of the access devices on the potential
of their line. It is prepared once a tile with the slopes at rest and used for all vectors: at read
voltages junctions are so nearly linear that each step gains one to two digits. Where it gains less
the slopes of every vector are used.

Gradients come from one adjoint solve of the linearised equations at the solution, with the same
preparation; no iteration is unrolled. (`nodal.effective_matrix` by elimination, which is direct, is
differentiated step by step.)
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

import torch
from torch import Tensor

from mtjspice.errors import InputError, MtjspiceError
from mtjspice.solver.array import Array
from mtjspice.solver.leakage import Leaked
from mtjspice.solver.linear import LinearArray, Method
from mtjspice.solver.lines import column_drop, row_drop

STEPS = 60
"""Most steps of Newton's method."""
BEYOND = 1.1
"""How far currents may exceed those at which access devices were measured."""
LEAST = 1e-6
"""Currents that are this much smaller than those without any wires are taken for none."""
SINGLE = 1e-6
"""Least tolerance in single precision."""
CACHED = 2**17
"""Cells times vectors whose gradients are taken at a time."""
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
        leaked: what cells leak that are off; None where nothing does.
    """

    current: Tensor
    extra: Tensor
    leaked: Leaked | None = None


def solved(
    array: Array, emf: Tensor, h: Tensor | None, method: Method, tolerance: float
) -> Solution:
    """Newton's method, then the way of the gradients."""
    if h is None:
        h = emf.new_zeros(*emf.shape[:2], 0)
    with torch.no_grad():
        problem = _Problem(array, method, tolerance, emf.shape[1])
        current, extra = problem.newton(emf, h)
    _check_access(array, current)
    parts = _parts(array)
    if torch.is_grad_enabled() and any(part.requires_grad for part in (emf, h, *parts)):
        current, extra = _Implicit.apply(problem, current, extra, emf, h, *parts)  # type: ignore[no-untyped-call]
    return Solution(current, extra, array.leaked)


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
    if array.leaked is not None:
        closed = closed + array.leaked.closed
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
    if array.leaked is not None:
        volts, potential = volts - array.leaked.raises, potential + array.leaked.raises
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
        least = self._least(wanted[0])
        if array.cells.ohmic:  # then the first solve is exact
            return mu / slopes if bool(slopes.min() > 0) else left(mu, nu)[0], nu
        for _ in range(STEPS):
            lam, left_over = left(mu, nu)
            step, extra_step = self.linear.solve(self._as_emf(slopes * lam - mu), left_over)
            mu, nu = mu + step, nu + extra_step
            if _size(step, mu, least) <= self.tolerance:
                return left(mu, nu)[0], nu
        raise NoSolutionError(f"the adjoint solve did not arrive in {STEPS} steps")

    def _least(self, emf: Tensor) -> float:
        """A current below which nothing counts, A: where all lines are cut only rounding flows.

        Of multipliers the same, with what is wanted of the currents in the place of voltages.
        """
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
    """A solution as a function of all that determines it.

    Its gradient is that of the residuals, at the solution, times the multipliers of the adjoint
    solve. It is taken a few vectors at a time: what autograd keeps then stays in the caches.
    """

    @staticmethod
    def forward(
        ctx: Any,
        problem: _Problem,
        current: Tensor,
        extra: Tensor,
        emf: Tensor,
        h: Tensor,
        *parts: Tensor,
    ) -> tuple[Tensor, Tensor]:
        ctx.problem = problem
        ctx.save_for_backward(current, extra, emf, h, *parts)
        return current.clone(), extra.clone()

    @staticmethod
    def backward(ctx: Any, *wanted: Tensor) -> tuple[Tensor | None, ...]:
        current, extra, emf, h, *parts = ctx.saved_tensors
        needed = ctx.needs_input_grad[3:]
        multipliers = ctx.problem.adjoint(emf, current, extra, (wanted[0], wanted[1]))
        parts = [
            part.detach().requires_grad_(asked)
            for part, asked in zip(parts, needed[2:], strict=True)
        ]
        array = _with_parts(ctx.problem.array, iter(parts))
        by_parts = [torch.zeros_like(part) if part.requires_grad else None for part in parts]
        of_emf, of_h = [], []
        step = max(1, CACHED // (current[:, :1].numel() or 1))
        if array.leaked is not None:  # which is of all vectors
            step = max(1, current.shape[1])
        for at in range(0, current.shape[1], step):
            few = slice(at, at + step)
            given = [
                x[:, few].detach().requires_grad_(asked)
                for x, asked in zip((emf, h), needed[:2], strict=True)
            ]
            with torch.enable_grad():
                residuals = _residuals(array, given[0], given[1], current[:, few], extra[:, few])
            by_given, by_few = _pulled_back(
                residuals, [-m[:, few] for m in multipliers], given, parts
            )
            of_emf.append(by_given[0])
            of_h.append(by_given[1])
            for whole, found in zip(by_parts, by_few, strict=True):
                if whole is not None and found is not None:
                    whole.add_(found)
        return (
            *(None, None, None),
            torch.cat(of_emf, 1) if needed[0] else None,  # type: ignore[arg-type]
            torch.cat(of_h, 1) if needed[1] else None,  # type: ignore[arg-type]
            *by_parts,
        )


def _pulled_back(
    outputs: Sequence[Tensor],
    weights: Sequence[Tensor],
    given: Sequence[Tensor],
    parts: Sequence[Tensor],
) -> tuple[list[Tensor | None], list[Tensor | None]]:
    """Gradients of Σ weights · outputs with respect to whatever asks for them; else None."""
    pairs = [(o, w) for o, w in zip(outputs, weights, strict=True) if o.requires_grad]
    inputs = [*given, *parts]
    asked = [x for x in inputs if x.requires_grad]
    ends, by = zip(*pairs, strict=True)
    found = iter(torch.autograd.grad(ends, asked, by, allow_unused=True, materialize_grads=True))
    whole = [next(found) if x.requires_grad else None for x in inputs]
    return whole[: len(given)], whole[len(given) :]


def _parts(tree: Any) -> list[Tensor]:
    """Every floating-point tensor in a tree of dataclasses, in a fixed order."""
    if isinstance(tree, Tensor):
        return [tree] if tree.is_floating_point() else []
    if not is_dataclass(tree):
        return []
    return [part for field in fields(tree) for part in _parts(getattr(tree, field.name))]


def _with_parts(tree: Any, parts: Iterator[Tensor]) -> Any:
    """The tree with other tensors in the places of `_parts`."""
    if isinstance(tree, Tensor):
        return next(parts) if tree.is_floating_point() else tree
    if not is_dataclass(tree) or isinstance(tree, type):
        return tree
    return replace(
        tree, **{f.name: _with_parts(getattr(tree, f.name), parts) for f in fields(tree)}
    )
