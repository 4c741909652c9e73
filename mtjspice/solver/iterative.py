"""Cell currents of a large array by preconditioned conjugate gradients.

The potential u = K i that the lines lose at the cells obeys (K⁻¹ + G) u = G s, for cell
conductances G, EMFs s and the impedance K of all lines. Over the length that currents spread along
a wire an array is nearly its mean: (K⁻¹ + g₀)⁻¹, with the mean conductance g₀, is a very good
preconditioner. It is K (1 + g₀ K)⁻¹, so K⁻¹ is never needed: every search direction p is had as
p = K q, and K⁻¹ p = q. Zero wires and open cells are no special cases. (1 + g₀ K)⁻¹ differs from 1
in the few slowest modes of rows and columns only; K itself is applied exactly.

The iterations run in float32. As long as that is not enough, the rest is set up anew in float64.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from mtjspice.errors import MtjspiceError
from mtjspice.solver.lines import Lines
from mtjspice.solver.spectrum import Filter, Impedance, impedance_of

_FAST = torch.float32
_TINY = torch.finfo(_FAST).tiny
_REDUCTION = 3e-6  # of the error by iterations in float32 before the equation is set up anew
_RESOLUTION = 3e-6  # relative error of outputs that float32 reaches
_CACHE = 2**17  # elements of one array on a CPU, to stay in its caches
_MEMORY = 2**25  # elements of one array on an accelerator


class ConvergenceError(MtjspiceError):
    """The iterations did not reach the tolerance."""

    exit_code = 3


class _System:
    """The equations of a group of arrays; fields are [row, array, vector, column], contiguous.

    Args:
        conductance: [row, array, 1, column], S.
        mean: [array, 1, 1], its means, S.
        impedance: all lines.
    """

    def __init__(self, conductance: Tensor, mean: Tensor, impedance: Impedance):
        self.conductance, self.mean, self.impedance = conductance, mean, impedance
        self.smooth = Filter(impedance, mean)

    def search(self, residual: Tensor, z: Tensor, w: Tensor) -> None:
        """Overwrite w with the preconditioned residual, V, and z with K⁻¹ w, A."""
        if self.impedance.even:
            self.smooth(residual, z)
        else:
            # K and the filter do not commute, but K − K g₀ (1 + g₀ K₀)⁻¹ K is symmetric, and it is
            # positive as the lines of K₀ have the largest series resistance.
            self.smooth(self.impedance.drop(residual, w), z).mul_(self.mean)
            torch.sub(residual, z, out=z)
        self.impedance.drop(z, w)


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
    system: _System, work: Tensor, output: Tensor, least: Tensor, goals: _Goals
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
    rho, last = torch.zeros_like(least)[..., None], torch.full_like(least, _TINY)
    change, enough = torch.zeros_like(output), torch.zeros_like(least)
    for step in range(1, goals.steps + 1):
        system.search(residual, z, w)
        before, rho = rho, torch.mul(residual, w, out=spare).sum(0).sum(-1, keepdim=True)
        # Where K is zero both may be nothing but rounding errors, of either sign.
        beta = torch.where(before > 0, rho / before, 0)
        torch.addcmul(z, beta, q, out=q)
        torch.addcmul(w, beta, p, out=p)
        image = torch.mul(system.conductance, p, out=w)
        earlier, change = change, image.sum(0)
        image += q
        curvature = torch.mul(p, image, out=spare).sum(0).sum(-1, keepdim=True)
        alpha = torch.where(curvature > 0, rho / curvature, 1)
        x.addcmul_(alpha, q)
        output.addcmul_(alpha, change, value=-1)
        # What this step without memory would change in the outputs is close to their error.
        error = torch.addcmul(change, beta, earlier, value=-1).abs_().amax(-1)
        if step == 1:
            enough = goals.reduction * error
        # It lowers the error about as the last one did, but not every output's alike.
        gain = (error / last).mul_(8).clamp_(0.25, 1)
        last = error.clamp_min(_TINY)
        # Rounding hides what is far below the start.
        known = torch.maximum(gain.mul_(error), 0.1 * enough)
        left = known / torch.maximum(output.abs().amax(-1), least)
        if not bool(((left > goals.tolerance) & (error > enough)).any()):
            break
        residual.addcmul_(alpha, image, value=-1)
    return step, float(left.max())


def _solve(
    exact: _System,
    fast: _System,
    emf: Tensor,
    buffers: tuple[Tensor, Tensor],
    tolerance: float,
    most: int,
) -> Tensor:
    """Cell currents [row, array, vector, column], A, for as many EMFs, V, in one of the buffers.

    Overwrites the `buffers`: [7, ...] in `_FAST` and [4, ...] in the type of the EMFs.
    """
    conductance = exact.conductance
    work, (current, spare, x, drop) = buffers
    x.zero_()
    drop.zero_()
    rest = torch.mul(emf, conductance, out=current)
    reduction = _REDUCTION if emf.dtype == torch.float64 else 0.0
    used, left = 0, math.inf
    largest = _amplitude(rest)
    while used < most and not math.isnan(left):
        unit = _amplitude(rest)
        work[0].copy_(rest).div_(unit)
        output = current.sum(0).to(_FAST) / unit
        least = (0.01 * largest / unit)[..., 0].clamp_min_(_TINY)
        goals = _Goals(tolerance, reduction, most - used)
        steps, left = _iterate(fast, work, output, least, goals)
        used += steps
        if left <= tolerance:
            drop += fast.impedance.drop(work[1], work[0]).mul_(unit)
            return torch.sub(emf, drop, out=current).mul_(conductance)
        x += work[1].mul_(unit)
        exact.impedance.drop(x, drop)
        torch.sub(emf, drop, out=current).mul_(conductance)
        rest = torch.sub(current, x, out=spare)
    raise ConvergenceError(
        f"the array was not solved: after {used} iterations the outputs are known to {left:.1e} of "
        f"the largest, not to {tolerance:.1e}; raise the tolerance or the number of iterations, "
        f"and see that conductances are finite and not negative"
    )


def _amplitude(field: Tensor) -> Tensor:
    """[array, vector, 1], in `_FAST`, not 0. One direction at a time is much faster."""
    return field.abs().amax(0).amax(-1, keepdim=True).to(_FAST).clamp_min_(_TINY)


def _groups(arrays: int, vectors: int, cells: int, device: str) -> Iterator[tuple[slice, slice]]:
    """Slices of arrays and of their vectors that are solved together on this type of device."""
    count = max(1, (_CACHE if device == "cpu" else _MEMORY) // cells)
    together = max(1, count // max(vectors, 1))
    for array in range(0, arrays, together):
        for vector in range(0, vectors, count):
            yield slice(array, array + together), slice(vector, vector + count)


def _field(cells: Tensor, size: tuple[int, int]) -> Tensor:
    """[array, vector, row, column] as a field, padded with zeros."""
    height, width = cells.shape[-2:]
    field = cells.new_zeros(size[0], *cells.shape[:2], size[1])
    field[:height, ..., :width] = cells.movedim(-2, 0)
    return field


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
    mean = cells.mean((-2, -1))[:, None, None]
    impedance = impedance_of(rows, columns, (height, width), mean)
    size = len(impedance.columns.modes), len(impedance.rows.modes)
    groups = list(_groups(len(cells), vectors, height * width, emf.device.type))
    # Fresh memory costs more than the arithmetic on it: all groups use the same.
    most = max(forces[group][..., 0, 0].numel() for group in groups) * size[0] * size[1]
    work, fine = emf.new_empty(7 * most, dtype=_FAST), emf.new_empty(4 * most)
    quick = impedance.to(work)
    for array, vector in groups:
        part, each = _field(forces[array, vector], size), _field(cells[array, None], size)
        count = part.numel()
        buffers = work[: 7 * count].view(7, *part.shape), fine[: 4 * count].view(4, *part.shape)
        exact = _System(each, mean[array], impedance)
        fast = _System(each.to(_FAST), mean[array].to(_FAST), quick)
        solved = _solve(exact, fast, part, buffers, tolerance, max_iterations)
        result[array, vector] = solved.movedim(0, -2)[..., :height, :width]
    return result.view(*lead, vectors, height, width)
