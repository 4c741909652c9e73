"""Cell currents of a large array by preconditioned conjugate gradients.

The potential u = K i that the lines lose at the cells obeys (K⁻¹ + G) u = G s, for cell
conductances G, EMFs s and the impedance K of all lines. Over the length that currents spread along
a wire an array is nearly its mean: (K⁻¹ + g₀)⁻¹, with the mean conductance g₀, is a very good
preconditioner. It is K (1 + g₀ K)⁻¹, so K⁻¹ is never needed: every search direction p is had as
p = K q, and K⁻¹ p = q. Zero wires and open cells are no special cases.

Short lines are solved in the modes of their impedance, where K and the preconditioner are numbers
and only G is not. In long lines (1 + g₀ K)⁻¹ differs from 1 in the few slowest modes only; there
the cells are kept, and K is applied exactly, in blocks.

The iterations run in float32. As long as that is not enough, the rest is set up anew in float64.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from mtjspice.errors import MtjspiceError
from mtjspice.surrogate.lines import Lines
from mtjspice.surrogate.spectrum import Impedance, impedance_of

_FAST = torch.float32
_TINY = torch.finfo(_FAST).tiny
_REDUCTION = 3e-6  # of the error by iterations in float32 before the equation is set up anew
_RESOLUTION = 3e-6  # relative error of outputs that float32 reaches
_CACHE = 2**17  # elements of one array on a CPU, to stay in its caches
_MEMORY = 2**25  # elements of one array on an accelerator


class ConvergenceError(MtjspiceError):
    """The iterations did not reach the tolerance."""

    exit_code = 3


class _InCells:
    """The equations of a group of arrays, with unknowns at the cells.

    Fields are [row, array, vector, column]. The first operand is always contiguous; `out` and
    `spare` are overwritten.

    Args:
        conductance: [row, array, 1, column], S.
        mean: [array, 1, 1], S.
        impedance: all lines, with the slowest modes.
    """

    def __init__(self, conductance: Tensor, mean: Tensor, impedance: Impedance):
        self.conductance, self.mean, self.impedance = conductance, mean, impedance
        self.even = impedance.rows.extra is None and impedance.columns.extra is None

    def enter(self, cells: Tensor, out: Tensor, spare: Tensor) -> Tensor:
        """A field at the cells in the coordinates of the iteration."""
        return out.copy_(cells)

    def leave(self, field: Tensor, out: Tensor, spare: Tensor) -> Tensor:
        """The reverse."""
        return out.copy_(field)

    def drop(self, current: Tensor, out: Tensor) -> Tensor:
        """K·i."""
        return self.impedance.drop(current, out)

    def smooth(self, current: Tensor, out: Tensor) -> Tensor:
        """About (1 + g₀ K)⁻¹·i for equal lines."""
        return self.impedance.smooth(current, self.mean, out)

    def search(self, residual: Tensor, z: Tensor, w: Tensor) -> None:
        """The preconditioned residual w, V, and the current z, A, with w = K z."""
        if self.even:
            self.smooth(residual, z)
        else:
            # K and the filter do not commute, but K − K g₀ (1 + g₀ K₀)⁻¹ K is symmetric, and it is
            # positive as the lines of K₀ have the largest series resistance.
            self.smooth(self.drop(residual, w), z).mul_(self.mean)
            torch.sub(residual, z, out=z)
        self.drop(z, w)

    def image(self, p: Tensor, q: Tensor, out: Tensor, spare: Tensor) -> Tensor:
        """G p + q in `out`; returns the column currents of G p, [array, vector, column]."""
        torch.mul(self.conductance, p, out=out)
        change = out.sum(0)
        out += q
        return change


class _InModes(_InCells):
    """The same with amplitudes of all modes as unknowns, [mode, array, vector, mode]."""

    def __init__(self, conductance: Tensor, mean: Tensor, impedance: Impedance):
        super().__init__(conductance, mean, impedance)
        rows, columns = impedance.rows, impedance.columns
        self.across, self.down = rows.modes, columns.modes
        self.strength = (columns.strength[:, None] + rows.strength).clamp_min(0)[:, None, None]
        self.filter = 1 / (1 + mean * self.strength)
        self.sums = self.across.sum(0), self.down.sum(0)[:, None, None, None]
        if rows.extra is not None:
            self.of_rows = self.down.T * rows.extra @ self.down
        if columns.extra is not None:
            self.of_columns = self.across.T * columns.extra @ self.across

    def enter(self, cells: Tensor, out: Tensor, spare: Tensor) -> Tensor:
        _left(self.down.T, cells, spare)
        return _right(spare, self.across, out)

    def leave(self, field: Tensor, out: Tensor, spare: Tensor) -> Tensor:
        _left(self.down, field, spare)
        return _right(spare, self.across.T, out)

    def drop(self, current: Tensor, out: Tensor) -> Tensor:
        torch.mul(self.strength, current, out=out)
        rows, columns = self.impedance.rows, self.impedance.columns
        if rows.extra is not None:
            total = torch.mul(current, self.sums[0]).sum(-1)
            out += (self.of_rows @ total.flatten(1)).view(total.shape)[..., None] * self.sums[0]
        if columns.extra is not None:
            out += (current * self.sums[1]).sum(0) @ self.of_columns * self.sums[1]
        return out

    def smooth(self, current: Tensor, out: Tensor) -> Tensor:
        return torch.mul(self.filter, current, out=out)

    def image(self, p: Tensor, q: Tensor, out: Tensor, spare: Tensor) -> Tensor:
        self.leave(p, out, spare).mul_(self.conductance)
        change = out.sum(0)
        _left(self.down.T, out, spare)
        width = len(self.across)
        pairs = q.view(-1, width), spare.view(-1, width)
        torch.addmm(*pairs, self.across, out=out.view(-1, width))
        return change


def _left(matrix: Tensor, field: Tensor, out: Tensor) -> Tensor:
    """Matrix times the rows of a field."""
    torch.mm(matrix, field.view(len(field), -1), out=out.view(len(out), -1))
    return out


def _right(field: Tensor, matrix: Tensor, out: Tensor) -> Tensor:
    """The columns of a field times a matrix."""
    torch.mm(field.view(-1, len(matrix)), matrix, out=out.view(-1, len(matrix)))
    return out


@dataclass(frozen=True)
class _Goals:
    """When to stop.

    Attributes:
        tolerance: error by the largest output.
        reduction: of the error, that is enough for now.
        steps: most iterations.
    """

    tolerance: float
    reduction: float
    steps: int


def _iterate(
    system: _InCells, work: Tensor, output: Tensor, least: Tensor, goals: _Goals
) -> tuple[int, float]:
    """Conjugate gradients on what is left of some equations; number of iterations and error left.

    Args:
        system: the equations.
        work: [7, *field]: 0 is what is left of G s, in any unit. Then 1 is the change of the cell
            currents; all are overwritten.
        output: [array, vector, column], output currents so far in the same unit; overwritten.
        least: [array, vector], output current that is as good as none, in the same unit.
        goals: when to stop.
    """
    work[1:4] = 0
    residual, x, q, p, z, w, spare = work.unbind()
    rho, change = torch.zeros_like(least)[..., None], torch.zeros_like(output)
    start = last = torch.full_like(least, _TINY)
    for step in range(1, goals.steps + 1):
        system.search(residual, z, w)
        rho, before = torch.mul(residual, w, out=spare).sum((0, -1))[..., None], rho
        beta = torch.where(before > 0, rho / before, 0)
        torch.addcmul(z, beta, q, out=q)
        torch.addcmul(w, beta, p, out=p)
        earlier, change = change, system.image(p, q, w, spare)
        curvature = torch.mul(p, w, out=spare).sum((0, -1))[..., None]
        alpha = torch.where(curvature > 0, rho / curvature, 1)
        x.addcmul_(alpha, q)
        output.addcmul_(alpha, change, value=-1)
        # What this step without memory would change in the outputs is close to their error.
        error = torch.addcmul(change, beta, earlier, value=-1).abs_().amax(-1)
        # It lowers the error about as the last one did, but not every output's alike.
        gain = (error / last).mul_(8).clamp_(0.25, 1)
        start, last = (error if step == 1 else start), error.clamp_min(_TINY)
        # Rounding hides what is far below the start.
        known = torch.maximum(gain.mul_(error), 0.1 * goals.reduction * start)
        left = known / torch.maximum(output.abs().amax(-1), least)
        if not bool(((left > goals.tolerance) & (error > goals.reduction * start)).any()):
            break
        residual.addcmul_(alpha, w, value=-1)
    return step, float(left.max())


def _solve(
    system: _InCells, emf: Tensor, buffers: tuple[Tensor, Tensor], tolerance: float, most: int
) -> Tensor:
    """Cell currents [row, array, vector, column], A, for as many EMFs, V, in one of the buffers.

    Overwrites the `buffers`: [7, ...] in `_FAST` and [4, ...] in the type of the EMFs.
    """
    work, (current, rest, x, drop) = buffers
    form = _InModes if system.impedance.diagonal else _InCells
    conductance = system.conductance
    fast = form(conductance.to(_FAST), system.mean.to(_FAST), system.impedance.to(work))
    x.zero_()
    torch.mul(emf, conductance, out=current)
    largest = current.abs().amax((0, -1)).to(_FAST)
    drop.zero_()
    rest.copy_(current)
    reduction = _REDUCTION if emf.dtype == torch.float64 else 0.0
    used, left = 0, math.inf
    while used < most and not math.isnan(left):
        unit = rest.abs().amax((0, -1), keepdim=True).to(_FAST).clamp_min(_TINY)
        work[1].copy_(rest).div_(unit)
        fast.enter(work[1], work[0], work[2])
        output = current.sum(0).to(_FAST) / unit[0]
        least = (0.01 * largest / unit[0, ..., 0]).clamp_min(_TINY)
        goals = _Goals(tolerance, reduction, most - used)
        steps, left = _iterate(fast, work, output, least, goals)
        used += steps
        if left <= tolerance:
            fast.drop(work[1], work[2])
            drop += fast.leave(work[2], work[0], work[3]).mul_(unit)
            return torch.sub(emf, drop, out=current).mul_(conductance)
        x += fast.leave(work[1], work[0], work[3]).mul_(unit)
        system.drop(x, drop)
        torch.sub(emf, drop, out=current).mul_(conductance)
        torch.sub(current, x, out=rest)
    raise ConvergenceError(
        f"the array was not solved: after {used} iterations the outputs are known to {left:.1e} of "
        f"the largest, not to {tolerance:.1e}; raise the tolerance or the number of iterations, "
        f"and see that conductances are finite and not negative"
    )


def _groups(arrays: int, vectors: int, cells: int, device: str) -> Iterator[tuple[slice, slice]]:
    """Slices of arrays and of their vectors that are solved together on this type of device."""
    count = max(1, (_CACHE if device == "cpu" else _MEMORY) // cells)
    together = max(1, count // max(vectors, 1))
    for array in range(0, arrays, together):
        for vector in range(0, vectors, count):
            yield slice(array, array + together), slice(vector, vector + count)


@torch.no_grad()
def conjugate_gradients(
    conductance: Tensor,
    emf: Tensor,
    rows: Lines,
    columns: Lines,
    *,
    tolerance: float = 1e-8,
    max_iterations: int = 500,
) -> Tensor:
    """Currents of the cells of arrays with wire resistance: i = g (s − K i).

    Not differentiable. Lines whose `series` differ take more iterations and more time in each.

    Args:
        conductance: [..., row, column], of the cells, S; not negative, 0 for an open cell.
        emf: [..., vector, row, column], s, V; leading dimensions broadcast with `conductance`.
        rows: driven at column 0.
        columns: read at the last row.
        tolerance: largest error of an output current, by the largest output current of the vector;
            in float32 no better than 3e-6.
        max_iterations: for each vector.

    Returns:
        [..., vector, row, column], A, in the type of `emf`.

    Raises:
        ConvergenceError: if a vector has not converged.
    """
    height, width = conductance.shape[-2:]
    *lead, vectors = (conductance[..., None, 0, 0] * emf[..., 0, 0]).shape
    cells = conductance.expand(*lead, height, width).reshape(-1, height, width).to(emf.dtype)
    forces = emf.expand(*lead, -1, -1, -1).reshape(-1, vectors, height, width)
    result = emf.new_empty(forces.shape)
    if result.numel() == 0:
        return result.view(*lead, vectors, height, width)
    if emf.dtype != torch.float64:
        tolerance = max(tolerance, _RESOLUTION)
    impedance = impedance_of(rows, columns, (height, width), emf)
    mean = cells.mean((-2, -1))[:, None, None]
    if not impedance.diagonal:
        impedance = impedance.slowest(float(mean.max()))
    size = len(impedance.columns.modes), len(impedance.rows.modes)
    padding = (0, size[1] - width, 0, size[0] - height)
    groups = list(_groups(len(cells), vectors, height * width, emf.device.type))
    # Fresh memory costs more than the arithmetic on it: all groups use the same.
    most = max(forces[group][..., 0, 0].numel() for group in groups) * size[0] * size[1]
    work, fine = emf.new_empty(7 * most, dtype=_FAST), emf.new_empty(4 * most)
    for array, vector in groups:
        # The rows come first.
        part = torch.nn.functional.pad(forces[array, vector], padding).movedim(-2, 0).contiguous()
        each = torch.nn.functional.pad(cells[array], padding).movedim(-2, 0)[:, :, None]
        count = part.numel()
        buffers = work[: 7 * count].view(7, *part.shape), fine[: 4 * count].view(4, *part.shape)
        system = _InCells(each, mean[array], impedance)
        solved = _solve(system, part, buffers, tolerance, max_iterations)
        result[array, vector] = solved.movedim(0, -2)[..., :height, :width]
    return result.view(*lead, vectors, height, width)
