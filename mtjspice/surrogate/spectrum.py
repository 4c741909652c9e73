"""The impedance K of all lines of an array, and the modes in which it is diagonal.

Cell currents are [row, array, vector, column] here: then all lines of all arrays and vectors are
one product of two matrices, along rows as along columns.
"""

import functools
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from mtjspice.surrogate.lines import Lines

SMALL = 96  # lines of up to this many cells have all their modes, and are one block
_BLOCK = 32  # cells of a longer line that are one dense block of K
_MODES = 16  # of each direction, at most, where not all are used
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
        modes: [cell, mode], the slowest ones last, orthonormal; zero in cells that pad the last
            block.
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

    def slowest(self, mean: float) -> "Direction":
        """The same with only those modes that matter to cells of this conductance, S."""
        keep = int((mean * self.strength > _WEAK).sum())
        keep = min(max(keep, 1), _MODES)
        return replace(self, modes=self.modes[:, -keep:], strength=self.strength[-keep:])


@dataclass(frozen=True)
class Impedance:
    """K."""

    rows: Direction
    columns: Direction

    @property
    def diagonal(self) -> bool:
        """Whether the modes of both directions are all modes."""
        return all(len(d.modes) == len(d.strength) for d in (self.rows, self.columns))

    def slowest(self, mean: float) -> "Impedance":
        """The same with only those modes that matter to cells of this conductance, S."""
        return Impedance(self.rows.slowest(mean), self.columns.slowest(mean))

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

    def smooth(self, current: Tensor, mean: Tensor, out: Tensor) -> Tensor:
        """(1 + mean K)⁻¹ in the modes there are, and 1 in all others, for equal lines."""
        across, down = self.rows.modes, self.columns.modes
        (height, kept), (width, wide) = down.shape, across.shape
        middle = current.shape[1:-1]
        row = mean * self.rows.strength
        column = mean * self.columns.strength[:, None, None, None]
        both = 1 / (1 + row + column)
        row, column = 1 / (1 + row) - 1, 1 / (1 + column) - 1
        rows = (across.T @ current.view(-1, width).T).T.view(height, *middle, wide)
        columns = (down.T @ current.view(height, -1)).view(kept, *middle, width)
        shared = (columns.view(-1, width) @ across).view(kept, *middle, wide)
        shared *= both - 1 - row - column
        left = torch.addmm((row * rows).view(height, -1), down, shared.view(kept, -1))
        torch.addmm(current.view(-1, width), left.view(-1, wide), across.T, out=out.view(-1, width))
        out.view(height, -1).addmm_(down, (column * columns).view(kept, -1))
        return out


def impedance_of(rows: Lines, columns: Lines, shape: tuple[int, int], like: Tensor) -> Impedance:
    """K of arrays of this shape, in the precision and at the place of `like`."""
    numbers = []
    for lines in (rows, columns):
        numbers += [lines.wire, lines.end, lines.series.max(), lines.series.min()]
    # One transfer from an accelerator.
    values = torch.stack([x.double() for x in numbers]).tolist()
    uneven = [values[i + 2] > values[i + 3] for i in (0, 4)]
    small = max(shape) <= SMALL
    directions = []
    for i, (lines, cells) in enumerate(((rows, shape[1]), (columns, shape[0]))):
        # With unequal lines a padded cell would carry current.
        block = cells if cells <= SMALL or any(uneven) else _BLOCK
        basis = cells if small else min(cells, _DEGREE)
        wire, end, series, _ = values[4 * i : 4 * i + 4]
        direction = _direction(wire, end, series, lines.both, cells, block, basis, i == 1)
        directions.append(direction.to(like))
        if uneven[i]:
            extra = (lines.series.double() - lines.series.double().max()).to(like)
            directions[i] = replace(directions[i], extra=extra)
    return Impedance(*directions)


@functools.lru_cache(maxsize=32)
def _direction(
    wire: float,
    end: float,
    series: float,
    both: bool,
    cells: int,
    block: int,
    basis: int,
    flip: bool,
) -> Direction:
    """Equal lines in float64, in order or flipped; modes in the space of `basis` polynomials.

    Kept, because the same lines are asked for in every step of a Newton iteration.
    """
    double = functools.partial(torch.tensor, dtype=torch.float64)
    lines = Lines(double(wire), double(end), double(series), both)
    strength, modes = _modes(lines, cells, basis)
    size = -(-cells // block) * block
    position = torch.arange(size, dtype=torch.float64)
    step = position[:block]
    local = -lines.wire / 2 * (step[:, None] - step).abs()
    if flip:
        position, modes = cells - 1 - position, modes.flip(0)
    ends = position.view(-1, block)[:, [0, -1]].flatten()
    coarse = _impedance(lines, cells, ends, ends)
    same = torch.eye(size // block, dtype=torch.float64)
    coarse = coarse - torch.kron(same, local[[0, -1]][:, [0, -1]])
    slope = step / max(block - 1, 1)
    hat = torch.stack([1 - slope, slope], -1)
    modes = torch.nn.functional.pad(modes, (0, 0, 0, size - cells))
    if size == block:
        local = local + hat @ coarse @ hat.T
    return Direction(local, hat if size > block else None, coarse, modes, strength)


def _modes(lines: Lines, cells: int, count: int) -> tuple[Tensor, Tensor]:
    """Impedances [mode], Ω, and modes [cell, mode]; fewer than there are cells: the slowest."""
    if count == cells:
        return torch.linalg.eigh(lines.drop(torch.eye(cells, dtype=torch.float64)))
    # These modes are sines sampled at the cells, whatever the ends: polynomials hold them.
    basis = _polynomials(cells, count)
    strength, modes = torch.linalg.eigh(lines.drop(basis.T.contiguous()) @ basis)
    return strength, basis @ modes


@functools.lru_cache(maxsize=16)
def _polynomials(cells: int, count: int) -> Tensor:
    """[cell, polynomial]: the first orthonormal polynomials of the position."""
    position = torch.linspace(-1, 1, cells, dtype=torch.float64)
    chebyshev = [torch.ones_like(position), position]
    while len(chebyshev) < count:
        chebyshev.append(2 * position * chebyshev[-1] - chebyshev[-2])
    basis: Tensor = torch.linalg.qr(torch.stack(chebyshev, -1))[0]
    return basis


def _impedance(lines: Lines, cells: int, near: Tensor, far: Tensor) -> Tensor:
    """`Lines.impedance`, also where its bilinear pieces go on beyond the line, Ω."""
    result = lines.end + lines.wire * torch.minimum(near[:, None], far)
    if lines.both and lines.resistance(cells) > 0:
        shares = torch.outer(lines.end + lines.wire * near, lines.end + lines.wire * far)
        result = result - shares / lines.resistance(cells)
    return result + lines.series
