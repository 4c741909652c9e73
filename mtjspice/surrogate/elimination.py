"""Block elimination over the rows of an array: exact at any contrast, best for small tiles.

The rows couple through the columns only. Seen from a column node everything above it is a linear
network of C ports: it feeds the current ``J = p − H b`` down the columns, b being the potentials at
the node. One row after the other is added to it (a row with its cells is a C-port of admittance Y),
each wire segment of resistance ρ turns H into ``(1 + ρH)⁻¹ H``. No step divides by a resistance or
a conductance, so that wires of zero resistance and open cells are no special cases. Work: of the
order of R·C³ for an array, R·C² for each right-hand side after that.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from mtjspice.surrogate.lines import Lines

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
    """

    admittance: Tensor
    above: list[Tensor]
    wire: list[Tensor]
    last: Tensor
    rho: Tensor
    end: Tensor

    def solve(self, emf: Tensor) -> Tensor:
        """Cell currents for voltages in series with the cells.

        Args:
            emf: [array, vector, row, column], V.

        Returns:
            The currents, in the same shape, A.
        """
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
        return (driven - y @ b).permute(0, 3, 1, 2)

    def effective(self) -> Tensor:
        """Output currents for one volt at each row: [array, row, column], S."""
        drawn = self.admittance.sum(-1)  # a row at one volt: the same emf in all its cells
        feed = torch.zeros_like(drawn[:, 0, :, None])
        for r in range(drawn.shape[1]):
            if r:
                feed = self.wire[r - 1] @ feed
            feed = torch.cat([feed, drawn[:, r, :, None]], dim=-1)
        return (self.last @ feed[..., 1:]).transpose(-1, -2)


def eliminate(conductance: Tensor, rows: Lines, columns: Lines) -> Elimination:
    """Factor arrays.

    Args:
        conductance: [array, row, column], S; 0 is open.
        rows: input lines.
        columns: output lines; those with both ends connected have no `series` (see `nodal`).
    """
    count = conductance.shape[-1]
    one = torch.eye(count, dtype=conductance.dtype, device=conductance.device)
    z = rows.impedance(count) + rows.series.reshape(-1, 1, 1)
    g = conductance[..., None]
    admittance = torch.linalg.solve(one + g * z, torch.diag_embed(conductance))
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
    )
