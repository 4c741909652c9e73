"""The impedance K of all lines of an array: exactly, in blocks of lines, and its slowest modes.

Fields such as cell currents are [row, array, vector, column] here: then all lines of all arrays and
vectors are one product of two matrices, along rows as along columns.
"""

import functools
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from mtjspice.solver.lines import Lines

_BLOCK = 32  # cells of a line that are one dense block of K
_SMALL = 96  # up to this many cells the whole line is one block
_MODES = 16  # of each direction, at most, that are used
_DEGREE = 48  # number of polynomials that hold these modes to 1e-10
_WEAK = 0.1  # a mode whose impedance is smaller than this by that of a cell is left out


@dataclass(frozen=True)
class Direction:
    """The lines of one direction; impedances in Ω.

    Attributes:
        local: [block, block] of a line's impedance without what is bilinear in the positions; of
            the only block: all of it.
        hat: [block, 2] linear functions, 1 at the first and at the last cell of a block; None if
            there is one block.
        coarse: [2·blocks, 2·blocks], the bilinear parts at first and last cells.
        modes: [cell, mode], the slowest ones, orthonormal; zero in cells that pad the last block.
        strength: [mode], their impedances.
        extra: [line], `series` less the largest one; None if all are equal.
    """

    local: Tensor
    hat: Tensor | None
    coarse: Tensor
    modes: Tensor
    strength: Tensor
    extra: Tensor | None = None

    def to(self, like: Tensor) -> "Direction":
        """The same in another precision or place."""
        return replace(self, **{k: v.to(like) for k, v in vars(self).items() if v is not None})


@dataclass(frozen=True)
class Impedance:
    """K."""

    rows: Direction
    columns: Direction

    @property
    def even(self) -> bool:
        """Whether the lines of each direction are equal."""
        return self.rows.extra is None and self.columns.extra is None

    def to(self, like: Tensor) -> "Impedance":
        """The same in another precision or place."""
        return Impedance(self.rows.to(like), self.columns.to(like))

    def drop(self, current: Tensor, out: Tensor) -> Tensor:
        """K·i, V, of contiguous cell currents, A, written to `out`."""
        height, width = len(current), current.shape[-1]
        local, hat, size = self.rows.local, self.rows.hat, len(self.rows.local)
        part, result = current.view(-1, size), out.view(-1, size)
        torch.mm(part, local, out=result)
        if hat is not None:
            # Products of matrices with few rows are faster than those with few columns.
            ends = (hat.T @ part.T).view(2, current.numel() // width, -1)
            coarse = self.rows.coarse.view(-1, 2, len(self.rows.coarse))
            ends = torch.addmm(ends[0] @ coarse[:, 0], ends[1], coarse[:, 1])
            result.addmm_(ends.view(-1, 2), hat.T)
        local, hat, size = self.columns.local, self.columns.hat, len(self.columns.local)
        blocks = height // size
        part, result = current.view(blocks, size, -1), out.view(blocks, size, -1)
        result.baddbmm_(local.expand(blocks, -1, -1), part)
        if hat is not None:
            ends = torch.bmm(hat.T.expand(blocks, -1, -1), part).view(2 * blocks, -1)
            ends = (self.columns.coarse @ ends).view(blocks, 2, -1)
            result.baddbmm_(hat.expand(blocks, -1, -1), ends)
        if self.rows.extra is not None:
            out += self.rows.extra[:, None, None, None] * current.sum(-1, keepdim=True)
        if self.columns.extra is not None:
            out += self.columns.extra * current.sum(0, keepdim=True)
        return out


class Filter:
    """(1 + g₀ K)⁻¹ of arrays in the slowest modes of equal lines, and 1 in all other modes.

    Args:
        impedance: K.
        mean: [array, 1, 1], g₀, S.
    """

    def __init__(self, impedance: Impedance, mean: Tensor):
        self.across, self.down = impedance.rows.modes, impedance.columns.modes
        row = mean * impedance.rows.strength
        column = mean * impedance.columns.strength[:, None, None, None]
        self.row, self.column = 1 / (1 + row) - 1, 1 / (1 + column) - 1
        # What both do beyond what each does.
        self.both = 1 / (1 + row + column) - 1 - self.row - self.column

    def __call__(self, current: Tensor, out: Tensor) -> Tensor:
        """Filter a contiguous field into `out`."""
        across, down = self.across, self.down
        (height, kept), (width, wide) = down.shape, across.shape
        middle = current.shape[1:-1]
        part, result = current.view(-1, width), out.view(-1, width)
        # Products of matrices with few rows are faster than those with few columns.
        rows = (across.T @ part.T).T.view(height, *middle, wide)
        columns = (down.T @ current.view(height, -1)).view(kept, *middle, width)
        both = (columns.view(-1, width) @ across).view(kept, *middle, wide).mul_(self.both)
        left = (self.row * rows).reshape(height, -1).addmm_(down, both.view(kept, -1))
        torch.addmm(part, left.view(-1, wide), across.T, out=result)
        out.view(height, -1).addmm_(down, columns.mul_(self.column).view(kept, -1))
        return out


def impedance_of(rows: Lines, columns: Lines, shape: tuple[int, int], mean: Tensor) -> Impedance:
    """K of arrays of this shape, with the modes that matter to cells of these mean conductances.

    Returns:
        In the precision and at the place of `mean`.
    """
    numbers = [mean.max().double()]
    for lines in (rows, columns):
        ends = lines.series.max(), lines.series.min()
        numbers += [x.double() for x in (lines.wire, lines.end, *ends)]
    # One transfer from an accelerator.
    strongest, *values = torch.stack(numbers).tolist()
    uneven = values[2] > values[3] or values[6] > values[7]
    directions = []
    for i, (lines, cells) in enumerate(((rows, shape[1]), (columns, shape[0]))):
        wire, end, most, least = values[4 * i : 4 * i + 4]
        # In unequal lines the cells that pad a block would carry current.
        block = cells if uneven or cells <= _SMALL else _BLOCK
        found = _direction(wire, end, most, lines.both, cells, block, flip=i == 1)
        keep = int((strongest * found.strength > _WEAK).sum())
        keep = min(max(keep, 1), _MODES)
        modes, strength = found.modes[:, -keep:], found.strength[-keep:]
        extra = lines.series.double() - most if most > least else None
        found = replace(found, modes=modes, strength=strength, extra=extra)
        directions.append(found.to(mean))
    return Impedance(*directions)


@functools.lru_cache(maxsize=32)
def _direction(
    wire: float, end: float, series: float, both: bool, cells: int, block: int, *, flip: bool
) -> Direction:
    """Equal lines in float64, in order or flipped.

    Kept, because every step of a Newton iteration asks for the same lines.
    """
    ohms = torch.tensor([wire, end, series], dtype=torch.float64)
    lines = Lines(ohms[0], ohms[1], ohms[2], both)
    # The slow modes are sines sampled at the cells, whatever the ends: polynomials hold them.
    basis = _polynomials(cells)
    strength, modes = torch.linalg.eigh(lines.drop(basis.T.contiguous()) @ basis)
    modes = (basis @ modes)[:, -_MODES:]
    size = -(-cells // block) * block
    position = torch.arange(size, dtype=torch.float64)
    step = position[:block]
    local = -lines.wire / 2 * (step[:, None] - step).abs()
    if flip:
        position, modes = cells - 1 - position, modes.flip(0)
    ends = position.view(-1, block)[:, [0, -1]].flatten()
    coarse = lines.between(cells, ends, ends) + lines.series
    same = torch.eye(size // block, dtype=torch.float64)
    coarse = coarse - torch.kron(same, local[[0, -1]][:, [0, -1]])
    slope = step / max(block - 1, 1)
    hat = torch.stack([1 - slope, slope], -1)
    modes = torch.nn.functional.pad(modes, (0, 0, 0, size - cells))
    if size == block:
        local = local + hat @ coarse @ hat.T
    return Direction(local, hat if size > block else None, coarse, modes, strength[-_MODES:])


@functools.lru_cache(maxsize=16)
def _polynomials(cells: int) -> Tensor:
    """[cell, degree]: orthonormal polynomials of the position, up to the `_DEGREE` first ones."""
    position = torch.linspace(-1, 1, cells, dtype=torch.float64)
    chebyshev = [torch.ones_like(position), position]
    while len(chebyshev) < min(_DEGREE, cells):
        chebyshev.append(2 * position * chebyshev[-1] - chebyshev[-2])
    basis: Tensor = torch.linalg.qr(torch.stack(chebyshev[:cells], -1))[0]
    return basis
