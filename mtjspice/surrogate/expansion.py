"""Outputs of a tile as a short polynomial of its inputs, from the circuit equations.

Around rest an array is linear: ``I = V W`` with the effective matrix W, wires and access devices
included. What is left is a few hundredths of a per cent of full scale (RMS; with shorts up to a few
tenths at most). A cell with the current i and its output line at the potential b drops, beyond its
resistance at rest, the voltage

    ε = ρ_s i² + ρ_b i b + γ i³,

from the kinked and the quadratic term of its access device (s: sign of i), from the dependence on
the line's potential, and from the bias dependence of its junction (γ = ρ_2 − g_3/g⁴). A voltage −ε
in series with a cell changes the output c by −A_c ε, where A_c is the cell's current for one volt
at the column (reciprocity). That is first-order perturbation theory, and leaves some 10⁻⁵ of full
scale for random inputs on sound tiles, ten times that for the worst inputs, and far more where many
shorts lie on a line (`programmed` finds out how much, and leaves such tiles to the nodal solver).

To make it a few matrix products, i and b at a cell in row r and column c are written in what
is known anyway, the row's input and the column's linear current: ``i ≈ p V_r + q I_c``,
``b ≈ p' V_r + q' I_c``, least squares for independent inputs of equal spread. Expanding ε gives
products of powers of V_r and of I_c with matrices that are made once a tile.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from mtjspice.solver.array import Array, at_rest
from mtjspice.solver.cells import ShiftedAccess
from mtjspice.solver.linear import Method
from mtjspice.solver.lines import column_drop
from mtjspice.solver.nodal import all_column_currents, sources

Level = Literal["ideal", "linear", "full"]
"""Of the surrogate: see `mtjspice.surrogate.model`."""


@dataclass(frozen=True)
class Expansion:
    """Matrices of tiles, for inputs V [.., row] and ``I = V linear`` [.., column].

    ``current = I + [V², V|V|, V³] own + I ([V, |V|, V²] mixed + I (V twice + alone + I thrice))``

    Attributes:
        level: what they were made for.
        linear: [tile, row, column], S.
        own: [tile, 3 rows, column], A/V², A/V², A/V³.
        mixed: [tile, 3 rows, column], 1/V, 1/V, 1/V².
        twice: [tile, row, column], 1/(A V).
        alone: [tile, 1, column], 1/A.
        thrice: [tile, 1, column], 1/A².
    """

    level: Level
    linear: Tensor
    own: Tensor
    mixed: Tensor
    twice: Tensor
    alone: Tensor
    thrice: Tensor

    def currents(self, volts: Tensor, linear: Tensor) -> Tensor:
        """Output currents, A, for volts [tile, vector, row] and ``volts @ self.linear``."""
        mixed = torch.cat([volts, volts.abs(), volts * volts], -1) @ self.mixed
        higher = volts @ self.twice + self.alone + linear * self.thrice
        return linear + self.own_part(volts) + linear * (mixed + linear * higher)

    def to(self, dtype: torch.dtype) -> "Expansion":
        """The same in another precision."""
        return Expansion(self.level, *(part.to(dtype) for part in self.parts))

    @property
    def parts(self) -> tuple[Tensor, ...]:
        """The tensors, in their order."""
        return self.linear, self.own, self.mixed, self.twice, self.alone, self.thrice

    def own_part(self, volts: Tensor) -> Tensor:
        """The terms in the inputs' own squares and cubes, A."""
        square = volts * volts
        return torch.cat([square, volts * volts.abs(), square * volts], -1) @ self.own


def expand(array: Array, *, method: Method = "auto", tolerance: float = 1e-9) -> Expansion:
    """The matrices of tiles; differentiable in whatever of the array asks for gradients.

    Args:
        array: tiles whose lines are at the reference without input.
        method: of the nodal solves, two for each tile.
        tolerance: of the solves.
    """
    resting = at_rest(array)
    by_row, by_column = sources(resting, method=method, tolerance=tolerance)
    linear = all_column_currents(resting, by_row)  # [tile, row, column]
    share = _Shares.of(linear)
    currents = by_row.current  # [tile, source row, row, column]
    p, q = share.split(currents)
    p_b, q_b = share.split(_potentials(resting, by_row.current, by_row.extra))
    even, odd, tilt, cubic = _excess(array)
    answer = by_column.current  # [tile, source column, row, column]
    own = answer.diagonal(dim1=1, dim2=3).mT.transpose(1, 2)  # [tile, row, column]

    def outputs(per_cell: Tensor) -> Tensor:
        """What voltages −ε in the cells of each row do to all outputs, [tile, row, column]."""
        return -torch.einsum("trj,tcrj->trc", per_cell, answer)

    def used(*blocks: Tensor) -> Tensor:
        """The driven rows and sensed columns, blocks of rows one under the other."""
        rows, columns = list(array.driven), list(array.sensed)
        return torch.cat([block[:, rows][..., columns] for block in blocks], 1)

    def summed(per_cell: Tensor) -> Tensor:
        return -(own * per_cell).sum(1, keepdim=True)[..., list(array.sensed)]

    crossed = 2 * even * p * q + tilt * (p * q_b + q * p_b)
    return Expansion(
        level="full",
        linear=used(linear),
        own=used(outputs(even * p**2 + tilt * p * p_b), outputs(odd * p**2), outputs(cubic * p**3)),
        mixed=used(-own * crossed, -own * 2 * odd * p * q, -own * 3 * cubic * p**2 * q),
        twice=used(-own * 3 * cubic * p * q**2),
        alone=summed(even * q**2 + tilt * q * q_b),
        thrice=summed(cubic * q**3),
    )


@dataclass(frozen=True)
class _Shares:
    """Least squares on (V_r, I_c) for independent inputs of equal spread.

    Attributes:
        linear: W, [tile, row, column].
        power: [tile, 1, column], variance of I_c by that of an input.
        rest: [tile, row, column], the part of it that is not due to V_r; 0 where nothing is left.
    """

    linear: Tensor
    power: Tensor
    rest: Tensor

    @classmethod
    def of(cls, linear: Tensor) -> "_Shares":
        power = (linear**2).sum(1, keepdim=True)
        return cls(linear, power, power - linear**2)

    def split(self, response: Tensor) -> tuple[Tensor, Tensor]:
        """(per V_r, per I_c) of a response [tile, source row, row, column] to unit inputs."""
        direct = response.diagonal(dim1=1, dim2=2).mT  # to the cell's own row
        along = torch.einsum("tkrc,tkc->trc", response, self.linear)
        # A column that carries no current, or that of one row only, tells nothing besides V_r.
        carried = self.power > 1e-18 * self.power.amax(-1, keepdim=True)
        alone = (self.rest <= 1e-12 * self.power) | ~carried
        rest = torch.where(alone, 1.0, self.rest)
        by_input = (direct * self.power - along * self.linear) / rest
        by_output = (along - direct * self.linear) / rest
        zero = torch.zeros_like(direct)
        return torch.where(alone, direct, by_input), torch.where(alone, zero, by_output)


def _potentials(array: Array, current: Tensor, extra: Tensor) -> Tensor:
    """Potential of the output line at each cell, V, in the shape of `current`."""
    potential = column_drop(array.columns, current)
    if array.extras is None:
        return potential
    return potential + torch.einsum("tfrc,tvf->tvrc", array.extras.raises_columns, extra)


def _excess(array: Array) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """(ρ even in the sign of i, ρ odd, ρ_b, γ) of each cell, [tile, row, column].

    V/A², V/A², 1/A and V/A³: what ε is made of.
    """
    cells = array.cells
    slopes = cells.at_rest()
    conducting = slopes > 0
    safe = torch.where(conducting, slopes, 1.0)
    cubic = torch.where(conducting, -(cells.cubic + cells.drop / cells.at**2) / safe**4, 0.0)
    if cells.access is None:
        zero = torch.zeros_like(slopes)
        return zero, zero, zero, cubic
    assert isinstance(cells.access, ShiftedAccess)  # no card is made for other laws
    forward, back = (side[:, :, :, 0] for side in cells.access.resistance)  # [x, y, tile, r, c]
    i_0, b_0 = cells.access.current_scale, cells.access.potential_scale
    even, odd = (forward[1, 0] + back[1, 0]) / (2 * i_0), (forward[1, 0] - back[1, 0]) / (2 * i_0)
    cubic = cubic + (forward[2, 0] + back[2, 0]) / (2 * i_0**2)
    return even, odd, forward[0, 1] / b_0, cubic
