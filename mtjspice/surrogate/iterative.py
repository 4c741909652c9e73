"""Cell currents of a large array by preconditioned conjugate gradients.

The potential u = K i that the lines lose at the cells obeys (K⁻¹ + G) u = G s, for cell
conductances G, EMFs s and the impedance K of all lines, rows and columns. Seen at the length over
which currents spread along a wire, an array is nearly its mean: (K⁻¹ + g₀)⁻¹, with the mean
conductance g₀, is a very good preconditioner. It is K (1 + g₀ K)⁻¹, so K⁻¹ is never needed: every
search direction p is had as p = K q, and K⁻¹ p = q. Zero wires and open cells are no special cases.

K is a Kronecker sum of the impedances of a row and of a column. (1 + g₀ K)⁻¹ differs from 1 only
in their few slowest modes; K itself is applied exactly, in blocks along each line.

The iterations run in float32. As long as that is not enough, the equation that is left is set up
anew in the precision of the caller.
"""

import functools
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from mtjspice.errors import MtjspiceError
from mtjspice.surrogate.lines import Lines

_FAST = torch.float32
_BLOCK = 32  # cells of a line that are one dense block of K
_SMALL = 96  # up to this many cells the whole line is one block
_MODES = 16  # of each direction, at most, in the preconditioner
_DEGREE = 48  # number of polynomials that hold these modes to 1e-10
_WEAK = 0.1  # a mode whose impedance is smaller than this by that of a cell is left out
_REDUCTION = 1e-5  # of the error by iterations in float32 before the equation is set up anew
_RESOLUTION = 3e-6  # relative error of outputs that float32 reaches
_CACHE = 2**18  # elements of one array on a CPU, to stay in its caches
_MEMORY = 2**25  # elements of one array on an accelerator


class ConvergenceError(MtjspiceError):
    """The iterations did not reach the tolerance."""

    exit_code = 3


@dataclass(frozen=True)
class _Direction:
    """The lines of one direction; impedances in Ω.

    Attributes:
        local: [block, block] of a line's impedance without what is bilinear in the positions; of
            the only block: all of it.
        hat: [block, 2] linear functions, 1 at the first and at the last cell of a block; None if
            there is one block.
        coarse: [2·blocks, 2·blocks], the bilinear parts at first and last cells.
        modes: [cell, mode], the slowest ones, orthonormal; zero in cells that pad the last block.
        strength: [mode], their impedances.
        extra: [line, 1], `series` less the largest one; None if all are equal.
    """

    local: Tensor
    hat: Tensor | None
    coarse: Tensor
    modes: Tensor
    strength: Tensor
    extra: Tensor | None

    def to(self, dtype: torch.dtype) -> "_Direction":
        """The same in another precision."""
        tensors = {k: v.to(dtype) for k, v in vars(self).items() if v is not None}
        return replace(self, **tensors)


@dataclass(frozen=True)
class _System:
    """A group of equations: conductances [equation or 1, row, column] and their means, S; lines."""

    conductance: Tensor
    mean: Tensor
    rows: _Direction
    columns: _Direction

    def to(self, dtype: torch.dtype) -> "_System":
        """The same in another precision."""
        return _System(*(part.to(dtype) for part in vars(self).values()))

    def drop(self, current: Tensor, out: Tensor) -> Tensor:
        """K·i, V, of contiguous cell currents [equation, row, column], A, written to `out`."""
        count, height, width = current.shape
        local, hat, size = self.rows.local, self.rows.hat, len(self.rows.local)
        part, result = current.view(-1, size), out.view(-1, size)
        torch.mm(part, local, out=result)
        if hat is not None:
            # Products of matrices with few rows are faster than those with few columns.
            ends = (hat.T @ part.T).view(2, count * height, -1)
            coarse = self.rows.coarse.view(-1, 2, len(self.rows.coarse))
            ends = torch.addmm(ends[0] @ coarse[:, 0], ends[1], coarse[:, 1])
            result.addmm_(ends.view(-1, 2), hat.T)
        local, hat, size = self.columns.local, self.columns.hat, len(self.columns.local)
        part, result = current.view(-1, size, width), out.view(-1, size, width)
        result.baddbmm_(local.expand(len(part), -1, -1), part)
        if hat is not None:
            ends = self.columns.coarse @ (hat.T @ part).view(count, -1, width)
            result.baddbmm_(hat.expand(len(part), -1, -1), ends.view(-1, 2, width))
        if self.rows.extra is not None:
            out += self.rows.extra * current.sum(-1, keepdim=True)
        if self.columns.extra is not None:
            out += self.columns.extra.T * current.sum(-2, keepdim=True)
        return out

    def smooth(self, current: Tensor, out: Tensor) -> Tensor:
        """(1 + g₀ K)⁻¹ of [equation, row, column], in the slowest modes, for equal lines."""
        across, down = self.rows.modes, self.columns.modes
        row, column = self.mean * self.rows.strength, self.mean * self.columns.strength[:, None]
        both = 1 / (1 + row + column)
        row, column = 1 / (1 + row) - 1, 1 / (1 + column) - 1
        rows = (across.T @ current.view(-1, len(across)).T).T.view(len(current), len(down), -1)
        columns = down.T @ current
        left = row * rows + down @ ((both - 1 - row - column) * (down.T @ rows))
        left = torch.cat([left, down.expand(len(current), -1, -1)], -1)
        right = torch.cat([across.T.expand(len(current), -1, -1), column * columns], -2)
        out.copy_(current)
        return torch.baddbmm(out, left, right, out=out)

    def precondition(self, residual: Tensor, out: Tensor, spare: Tensor) -> Tensor:
        """Field z such that K z is the preconditioned residual, A; overwrites `spare`."""
        if self.rows.extra is None and self.columns.extra is None:
            return self.smooth(residual, out)
        # K and the filter do not commute, but K − K g₀ (1 + g₀ K₀)⁻¹ K is symmetric, and it is
        # positive as the lines of K₀ have the largest series resistance.
        smooth = self.smooth(self.drop(residual, spare), out)
        return torch.addcmul(residual, self.mean, smooth, value=-1, out=out)


@functools.lru_cache(maxsize=16)
def _polynomials(cells: int) -> Tensor:
    """[cell, degree]: orthonormal polynomials of the position, up to the `_DEGREE` first ones."""
    position = torch.linspace(-1, 1, cells, dtype=torch.float64)
    chebyshev = [torch.ones_like(position), position]
    while len(chebyshev) < min(_DEGREE, cells):
        chebyshev.append(2 * position * chebyshev[-1] - chebyshev[-2])
    return torch.linalg.qr(torch.stack(chebyshev[:cells], -1))[0]


def _impedance(lines: Lines, cells: int, near: Tensor, far: Tensor) -> Tensor:
    """`Lines.impedance`, also where its bilinear pieces go on beyond the line, Ω."""
    result = lines.end + lines.wire * torch.minimum(near[:, None], far)
    if lines.both and lines.resistance(cells) > 0:
        shares = torch.outer(lines.end + lines.wire * near, lines.end + lines.wire * far)
        result = result - shares / lines.resistance(cells)
    return result + lines.series


def _direction(lines: Lines, cells: int, strong: float, whole: bool, flip: bool) -> _Direction:
    """Lines of so many cells, in float64, with modes whose impedance is at least `strong`.

    `whole` makes one block of each line; `flip` puts the terminal at the last position.
    """
    top = lines.series.double().max()
    alone = Lines(lines.wire.double(), lines.end.double(), top, lines.both)
    # The modes are sines sampled at the cells, whatever the ends: polynomials hold them.
    basis = _polynomials(cells).to(top.device)
    strength, modes = torch.linalg.eigh(alone.drop(basis.T.contiguous()) @ basis)
    keep = min(max(int((strength > strong).sum()), 1), _MODES)
    modes = basis @ modes[:, -keep:]
    block = cells if whole or cells <= _SMALL else _BLOCK
    size = -(-cells // block) * block
    position = torch.arange(size, dtype=torch.float64, device=top.device)
    step = position[:block]
    local = -alone.wire / 2 * (step[:, None] - step).abs()
    if flip:
        position, modes = cells - 1 - position, modes.flip(0)
    ends = position.view(-1, block)[:, [0, -1]].flatten()
    coarse = _impedance(alone, cells, ends, ends)
    same = torch.eye(size // block, dtype=torch.float64, device=top.device)
    coarse = coarse - torch.kron(same, local[[0, -1]][:, [0, -1]])
    slope = step / max(block - 1, 1)
    hat = torch.stack([1 - slope, slope], -1)
    single = size == block
    extra = (lines.series.double() - top)[:, None] if lines.series.ndim else None
    return _Direction(
        local=local + hat @ coarse @ hat.T if single else local,
        hat=None if single else hat,
        coarse=coarse,
        modes=torch.nn.functional.pad(modes, (0, 0, 0, size - cells)),
        strength=strength[-keep:],
        extra=extra,
    )


def _product(a: Tensor, b: Tensor, spare: Tensor) -> Tensor:
    """[equation, 1, 1]: inner products of [equation, row, column]; overwrites `spare`."""
    return torch.mul(a, b, out=spare).sum((-2, -1), keepdim=True)


def _largest(current: Tensor) -> Tensor:
    """[equation, 1, 1]: largest absolute value of [equation, row, column]."""
    return current.abs().amax((-2, -1), keepdim=True)


def _iterate(
    system: _System, work: Tensor, output: Tensor, least: Tensor, goals: tuple[float, float, int]
) -> tuple[int, float]:
    """Conjugate gradients on what is left of some equations; number of iterations and error left.

    Args:
        system: the equations.
        work: [8, equation, row, column]: 0 is what is left of G s, in any unit. Then 1 and 2 are
            the changes of the cell currents and of the drops; all are overwritten.
        output: [equation, column], output currents so far in the same unit; overwritten.
        least: [equation], output current that is as good as none, in the same unit.
        goals: error of the outputs by the largest output; reduction of the error that is enough for
            now; number of iterations that may be made.
    """
    tolerance, reduction, most = goals
    work[1:5] = 0
    residual, x, u, q, p, z, w, spare = work.unbind()
    rho, change = torch.zeros_like(least)[:, None, None], torch.zeros_like(output)
    start = last = left = torch.full_like(least, torch.inf)
    for step in range(1, most + 1):
        system.drop(system.precondition(residual, z, w), w)
        rho, before = _product(residual, w, spare), rho
        beta = torch.where(before > 0, rho / before, 0)
        # What one more step without memory would change in the outputs is close to their error.
        latest = torch.mul(system.conductance, w, out=spare).sum(-2)
        change = latest + beta[:, 0] * change
        error = latest.abs().amax(-1)
        torch.addcmul(z, beta, q, out=q)
        torch.addcmul(w, beta, p, out=p)
        image = torch.addcmul(q, system.conductance, p, out=spare)
        curvature = _product(p, image, z)
        alpha = torch.where(curvature > 0, rho / curvature, 1)
        x.addcmul_(alpha, q)
        u.addcmul_(alpha, p)
        output -= alpha[:, 0] * change
        # This step lowers the error about as the last one did, but not every output's alike.
        gain = torch.where(last.isfinite(), 8 * error / last, 1).nan_to_num(1).clamp(0.25, 1)
        start, last = (error if step == 1 else start), error
        # Rounding hides what is far below the start.
        known = torch.maximum(gain * error, 0.1 * reduction * start)
        left = known / torch.maximum(output.abs().amax(-1), least)
        if bool(((left <= tolerance) | (error <= reduction * start) | left.isnan()).all()):
            break
        residual.addcmul_(alpha, image, value=-1)
    return step, float(left.max())


def _solve(
    system: _System, emf: Tensor, work: Tensor, fine: Tensor, tolerance: float, most: int
) -> Tensor:
    """Cell currents [equation, row, column], A, in `fine`, for as many EMFs, V.

    Overwrites `work` [8, ...] and `fine` [4, ...], which has the type of the EMFs.
    """
    fast = system.to(_FAST)
    current, rest, x, drop = fine.zero_().unbind()
    torch.mul(emf, system.conductance, out=current)
    largest = _largest(current).to(_FAST)
    rest.copy_(current)
    reduction = _REDUCTION if emf.dtype == torch.float64 else 0.0
    used, left = 0, math.inf
    while used < most and not math.isnan(left):
        unit = _largest(rest).to(_FAST).clamp_min(torch.finfo(_FAST).tiny)
        work[0].copy_(rest).div_(unit)
        output = current.sum(-2).to(_FAST) / unit[:, 0]
        least = (0.01 * largest / unit).flatten().clamp_min(torch.finfo(_FAST).tiny)
        goals = (tolerance, reduction, most - used)
        steps, left = _iterate(fast, work, output, least, goals)
        used += steps
        if left <= tolerance:
            drop += work[2].mul_(unit)
            return torch.sub(emf, drop, out=current).mul_(system.conductance)
        x += work[1].mul_(unit)
        system.drop(x, drop)
        torch.sub(emf, drop, out=current).mul_(system.conductance)
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
    mean = cells.mean((-2, -1), keepdim=True)
    strong = _WEAK / max(float(mean.max()), torch.finfo(emf.dtype).tiny)
    whole = rows.series.ndim > 0 or columns.series.ndim > 0
    across = _direction(rows, width, strong, whole, flip=False).to(emf.dtype)
    down = _direction(columns, height, strong, whole, flip=True).to(emf.dtype)
    if emf.dtype != torch.float64:
        tolerance = max(tolerance, _RESOLUTION)
    size = len(down.modes), len(across.modes)
    padding = (0, size[1] - width, 0, size[0] - height)
    groups = list(_groups(len(cells), vectors, height * width, emf.device.type))
    # Fresh memory costs more than the arithmetic on it: all groups use the same.
    most = max(forces[group][..., 0, 0].numel() for group in groups)
    work = emf.new_empty(8, most, *size, dtype=_FAST)
    fine = emf.new_empty(4, most, *size)
    for array, vector in groups:
        part = torch.nn.functional.pad(forces[array, vector], padding).flatten(0, 1)
        repeat = len(part) // len(cells[array]) if len(cells[array]) > 1 else 1
        each = torch.nn.functional.pad(cells[array], padding).repeat_interleave(repeat, 0)
        system = _System(each, mean[array].repeat_interleave(repeat, 0), across, down)
        some = slice(len(part))
        solved = _solve(system, part, work[:, some], fine[:, some], tolerance, max_iterations)
        target = result[array, vector]
        target.copy_(solved[:, :height, :width].reshape(target.shape))
    return result.view(*lead, vectors, height, width)
