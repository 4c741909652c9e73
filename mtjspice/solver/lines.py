"""What the lines of an array do to its cells: voltage lost between terminal and cell.

Everything here is in impedance form. A line takes currents at its cells and lowers the potential
there by Z·i, where Z is the line's impedance matrix; a wire or an end of zero resistance is then a
zero in Z and no special case, and a perfectly conducting array has Z = 0.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

SHORT = 96
"""Cells up to which a product with Z is faster than running sums."""


@dataclass(frozen=True)
class Lines:
    """All lines of one direction. Position 0 of a line is its cell nearest to the terminal.

    Attributes:
        wire: 0-d, resistance between neighbouring cells, Ω.
        end: 0-d, between the terminal and the nearest cell, Ω.
        series: 0-d or [line], between the terminal and what holds it, Ω.
        both: whether the terminal is connected, through `end`, at both ends.
    """

    wire: Tensor
    end: Tensor
    series: Tensor
    both: bool = False

    def drop(self, current: Tensor) -> Tensor:
        """Voltage between what holds the terminal and each cell, V; differentiable in everything.

        Args:
            current: [..., line, position], that each cell draws from its line, A.

        Returns:
            Z·i in the same shape; with one end that is
            ``(series + end) Σ_k i_k + wire Σ_k min(k, position) i_k``.
        """
        cells = current.shape[-1]
        short = cells <= SHORT
        lost = current @ self.impedance(cells) if short else self._by_sums(current)
        return lost + self.series[..., None] * current.sum(-1, keepdim=True)

    def _by_sums(self, current: Tensor) -> Tensor:
        """Without `series`, in a number of operations proportional to the cells."""
        # Current in the wire towards each position: all that is drawn there and beyond.
        beyond = current.flip(-1).cumsum(-1).flip(-1)
        total = beyond[..., :1]
        along = torch.cat([torch.zeros_like(total), self.wire * beyond[..., 1:]], -1).cumsum(-1)
        near = along + self.end * total
        if self.both and self.resistance(current.shape[-1]) > 0:
            # With the far end open the far terminal would lie `far` below: that drives a current
            # through the whole line, from the far end.
            far = near[..., -1:]
            near = near - self.share(current.shape[-1], near) * far
        return near

    def resistance(self, cells: int) -> Tensor:
        """Of the whole line from terminal to terminal when both ends are connected, Ω."""
        return 2 * self.end + (cells - 1) * self.wire

    def share(self, cells: int, like: Tensor) -> Tensor:
        """[position]: resistance from the near terminal to a cell by that of the whole line."""
        position = torch.arange(cells, dtype=like.dtype, device=like.device)
        return (self.end + self.wire * position) / self.resistance(cells)

    def between(self, cells: int, one: Tensor, other: Tensor) -> Tensor:
        """Impedance of one line without `series`, Ω, [one, other], at any positions.

        Where these are cells it is that of `impedance`; between them it is linear.
        """
        result = self.end + self.wire * torch.minimum(one[:, None], other)
        if self.both and self.resistance(cells) > 0:
            shares = torch.outer(self.end + self.wire * one, self.end + self.wire * other)
            result = result - shares / self.resistance(cells)
        return result

    def impedance(self, cells: int) -> Tensor:
        """Z, [position, position] of one line without `series`, Ω; symmetric, not negative."""
        unit = torch.eye(cells, dtype=self.wire.dtype, device=self.wire.device)
        return self._by_sums(unit)


def row_drop(rows: Lines, current: Tensor) -> Tensor:
    """`Lines.drop` of the rows for cell currents [..., row, column], driven at column 0."""
    return rows.drop(current)


def column_drop(columns: Lines, current: Tensor) -> Tensor:
    """`Lines.drop` of the columns for cell currents [..., row, column].

    Columns are read at the last row.
    """
    cells = current.shape[-2]
    if cells > SHORT:
        return columns.drop(current.transpose(-1, -2).flip(-1)).flip(-1).transpose(-1, -2)
    lost = columns.impedance(cells).flip(0, 1) @ current
    return lost + columns.series * current.sum(-2, keepdim=True)
