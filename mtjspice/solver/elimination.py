"""Block elimination over the rows of an array: exact at any contrast, best for small tiles.

The rows couple through the columns only. Seen from a column node everything above it is a linear
network of C ports: it feeds the current ``J = p − H b`` down the columns, b being the potentials at
the node. One row after the other is added to it (a row with its cells is a C-port of admittance Y),
each wire segment of resistance ρ turns H into ``(1 + ρH)⁻¹ H``. No step divides by a resistance or
a conductance, so that wires of zero resistance and open cells are no special cases. Work: of the
order of R·C³ for an array, R·C² for each right-hand side after that.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from mtjspice.solver.lines import Lines

LEAST_END = 1e-6
"""Least end resistance of columns that are connected at both ends, Ω: below it the far end would
divide by it. Ten orders below a cell, it changes currents by parts in 10⁹."""


@dataclass(frozen=True)
class Elimination:
    """Factors of arrays, for any number of right-hand sides.

    Attributes:
        admittance: [array, row, column, column], Y of each row with its cells, S.
        above: [array, row, column, column], H above and at each row, S.
        wire: [row][array, column, column], (1 + ρH)⁻¹ below each row but the last.
        last: [array, column, column], the same for the ends of the columns.
        rho: wire resistance of the columns, Ω.
        end: [column], between the last row and what holds it, Ω.
        both: whether the far ends of the columns are held, too.
        turned: whether rows and columns are exchanged, by a mirror at the antidiagonal: it keeps
            the first position of every line the first.
    """

    admittance: Tensor
    above: list[Tensor]
    wire: list[Tensor]
    last: Tensor
    rho: Tensor
    end: Tensor
    both: bool
    turned: bool

    def solve(self, emf: Tensor) -> Tensor:
        """Cell currents for voltages in series with the cells.

        Args:
            emf: [array, vector, row, column], V.

        Returns:
            The currents, in the same shape, A.
        """
        if self.turned:
            emf = _turned(emf)
        y, source = self.admittance, emf.permute(0, 2, 3, 1)  # [array, row, column, vector]
        rows = y.shape[1]
        driven = y @ source
        feeds = [driven[:, 0]]
        for r in range(1, rows):
            feeds.append(self.wire[r - 1] @ feeds[-1] + driven[:, r])
        below = self.last @ feeds[-1]
        potential = [self.end[:, None] * below]
        for r in reversed(range(rows - 1)):
            below = self.wire[r] @ (feeds[r] - self.above[r] @ potential[-1])
            potential.append(potential[-1] + self.rho * below)
        b = torch.stack(potential[::-1], dim=1)
        current = (driven - y @ b).permute(0, 3, 1, 2)
        return _turned(current) if self.turned else current

    def effective(self) -> Tensor:
        """Output currents for one volt at each row: [array, row, column], S."""
        if self.both:  # what leaves at the far ends counts as well
            return self._effective_by_solving()
        drawn = self.admittance.sum(-1)  # a row at one volt: the same emf in all its cells
        feed = torch.zeros_like(drawn[:, 0, :, None])
        for r in range(drawn.shape[1]):
            if r:
                feed = self.wire[r - 1] @ feed
            feed = torch.cat([feed, drawn[:, r, :, None]], dim=-1)
        # Reciprocity: exchanging rows and columns transposes the matrix.
        whole = self.last @ feed[..., 1:]
        return whole.flip(-1, -2) if self.turned else whole.mT

    def _effective_by_solving(self) -> Tensor:
        arrays, rows, columns = self.admittance.shape[:3]
        if self.turned:
            rows, columns = columns, rows
        unit = torch.eye(rows).to(self.rho)[:, :, None].expand(arrays, rows, rows, columns)
        return self.solve(unit).sum(-2)


def eliminate(conductance: Tensor, rows: Lines, columns: Lines) -> Elimination:
    """Factor arrays, along their longer side.

    Args:
        conductance: [array, row, column], S; 0 is open.
        rows: input lines.
        columns: output lines. Of lines that are held at both ends only one direction may have
            `series`: nothing but a read-out has any.
    """
    blocked = columns.both and bool((columns.series > 0).any())
    turned = blocked or (conductance.shape[-1] > conductance.shape[-2] and not _has_series(rows))
    if turned:
        conductance = _turned(conductance)
        rows, columns = _reversed(columns), _reversed(rows)
    count = conductance.shape[-1]
    one = torch.eye(count, dtype=conductance.dtype, device=conductance.device)
    z = rows.impedance(count) + rows.series.reshape(-1, 1, 1)
    admittance = torch.linalg.solve(one + conductance[..., None] * z, torch.diag_embed(conductance))
    h = admittance[:, 0]
    if columns.both:
        h = h + one / columns.end.clamp(min=LEAST_END)
    above, wire = [h], []
    for r in range(1, conductance.shape[-2]):
        wire.append(torch.linalg.inv(one + columns.wire * h))
        h = wire[-1] @ h + admittance[:, r]
        above.append(h)
    end = (columns.end + columns.series).expand(count)
    if columns.both:
        end = end.clamp(min=LEAST_END)
    return Elimination(
        admittance=admittance,
        above=above,
        wire=wire,
        last=torch.linalg.inv(one + h * end),
        rho=columns.wire,
        end=end,
        both=columns.both,
        turned=turned,
    )


def _has_series(lines: Lines) -> bool:
    return lines.both and bool((lines.series > 0).any())


def _turned(grid: Tensor) -> Tensor:
    """Mirrored at the antidiagonal: the first cell of every line remains the first."""
    return grid.flip(-1, -2).mT


def _reversed(lines: Lines) -> Lines:
    """The lines in the order that they have in a mirrored array."""
    series = lines.series.flip(-1) if lines.series.dim() else lines.series
    return replace(lines, series=series)
