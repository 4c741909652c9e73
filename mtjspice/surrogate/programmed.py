"""Tiles that are ready to be read: by the expansion, or by the nodal solver where that is no match.

The expansion is of first order in what a cell's current leaves of its linear law, and takes that
current for a combination of the row's input and the column's current. Many shorts on a line, or a
bridge, make it wrong by some thousandths of full scale, where the nodal solver with the same card
stays within 8e-5 of SPICE. How wrong it is follows from the tile itself: its matrices are
held against the nodal solver at inputs that a short search finds (`search`), and

    bound = margin · largest difference found + bound of the nodal solver against SPICE,

with the margin and the solver's bound from the card. A tile whose bound is above what the card
allows is read by the nodal solver, which takes two hundred to a thousand times as long.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from mtjspice.solver import nodal
from mtjspice.solver.array import Array
from mtjspice.spec.experiment import Experiment
from mtjspice.surrogate.card import Card, nominal_full_scale
from mtjspice.surrogate.expansion import Expansion
from mtjspice.surrogate.search import UNIFORM, Searched, search, short_starts

SEARCHING = 1e-8
"""Relative tolerance of the nodal solver in searches: far below what is compared."""
READING = 1e-11
"""The same for reads: which vectors are read together should not show in what comes out."""
AT_ONCE = 2**21
"""Cells times vectors that are solved at a time."""


@dataclass(frozen=True)
class ReadErrors:
    """Errors of the reads of tiles against SPICE, shares of full scale.

    Attributes:
        rms: float64 [tile], root mean square for random inputs.
        bound: float64 [tile], that none exceeds, whatever the inputs are.
    """

    rms: Tensor
    bound: Tensor

    def scaled(self, factor: float) -> "ReadErrors":
        """So many times as large."""
        return ReadErrors(self.rms * factor, self.bound * factor)


@dataclass(frozen=True)
class Programmed:
    """Tiles as the surrogate reads them.

    Attributes:
        matrices: of all tiles.
        errors: of all tiles; None at levels that only say what they leave out by their name.
        nodal: numbers of the tiles that the nodal solver reads, rising.
        array: their circuits; None if there are none.
    """

    matrices: Expansion
    errors: ReadErrors | None = None
    nodal: tuple[int, ...] = ()
    array: Array | None = None

    @property
    def linear(self) -> Tensor:
        """The effective matrices, [tile, row, column], S."""
        return self.matrices.linear

    def with_linear(self, linear: Tensor) -> "Programmed":
        """Tiles with other effective matrices, at a level that is nothing else."""
        return Programmed(replace(self.matrices, linear=linear))

    def to(self, dtype: torch.dtype) -> "Programmed":
        """The matrices in another precision; circuits are always solved in double precision."""
        return replace(self, matrices=self.matrices.to(dtype))

    def currents(self, volts: Tensor) -> Tensor:
        """Currents of the sensed columns, A, [tile, vector, column].

        Args:
            volts: [vector, row] or [tile, vector, row], V.
        """
        made = expanded(self.matrices, volts)
        if self.array is None:
            return made
        some = list(self.nodal)
        own = volts if volts.dim() == 2 or len(volts) == 1 else volts[some]
        return made.index_copy(
            0, torch.tensor(some, device=made.device), solved(self.array, own).to(made.dtype)
        )


def expanded(matrices: Expansion, volts: Tensor) -> Tensor:
    """Currents by the expansion alone, of its level, [tile, vector, column]."""
    linear = volts @ matrices.linear
    if matrices.level != "full":
        return linear
    return matrices.currents(volts.expand(*linear.shape[:-1], -1), linear)


def solved(array: Array, volts: Tensor, tolerance: float = READING) -> Tensor:
    """Currents by the nodal solver, some vectors at a time: large arrays take memory."""
    step = max(1, AT_ONCE // array.cells.linear.numel())
    parts = torch.split(volts.double(), step, -2)
    return torch.cat([nodal.read(array, part, tolerance=tolerance) for part in parts], 1)


def held_against_nodal(array: Array, matrices: Expansion, unit: float, limit: float) -> Searched:
    """Expansion minus nodal solver at the inputs of a short search, shares of `unit` (A).

    Args:
        array: the circuits.
        matrices: of the same tiles, with the card's factors.
        unit: full scale, A.
        limit: of the inputs, V.
    """
    starts = short_starts(len(array.driven), limit).expand(array.shape[0], -1, -1)
    return search(difference(array, matrices, unit), starts, limit, 1)


def difference(array: Array, matrices: Expansion, unit: float) -> Callable[[Tensor], Tensor]:
    """Expansion minus nodal solver of inputs [tile, vector, row], shares of `unit` (A)."""

    def error(volts: Tensor) -> Tensor:
        theirs = solved(array, volts, SEARCHING)
        return (expanded(matrices, volts) - theirs) / unit

    return error


def errors_of(
    card: Card, experiments: Sequence[Experiment], array: Array, matrices: Expansion
) -> tuple[ReadErrors, tuple[int, ...]]:
    """What reads of tiles may be off, and the numbers of those that the nodal solver should read.

    Args:
        card: with its bounds.
        experiments: the tiles.
        array: their circuits.
        matrices: of the same tiles, with the card's factors.
    """
    crossbar, bound = experiments[0].crossbar, card.bound
    unit = nominal_full_scale(crossbar.cell.mtj, crossbar.rows, card.circuit.read_voltage)
    found = held_against_nodal(array, matrices, unit, card.validity.volts)
    rms = found.errors[:, :UNIFORM].square().mean((1, 2)).sqrt()
    own = bound.margin * found.largest
    beyond = own > bound.expansion
    solver = [bound.shorted if conducts_more(one) else bound.nodal for one in experiments]
    errors = ReadErrors(
        rms=torch.where(beyond, 0.0, rms).hypot(rms.new_tensor([one.rms for one in solver])),
        bound=torch.where(beyond, 0.0, own) + own.new_tensor([one.bound for one in solver]),
    )
    return errors, tuple(torch.nonzero(beyond)[:, 0].tolist())


def conducts_more(experiment: Experiment) -> bool:
    """Whether a tile has junctions that may carry more than sound ones, such as shorts."""
    return bool(experiment.die.conducting_more(experiment.tile.index))
