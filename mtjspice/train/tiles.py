"""Fully connected layers on tiles of a die: where weights go, and what they do through the circuit.

A weight is a pair of junctions on two neighbouring output lines, w = (+) − (−) ∈ {−1, 0, 1}: the
junction that counts is P, the other AP. Inputs are split over tiles of as many rows, outputs over
tiles of half as many columns; partial sums of the tiles are added digitally.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mtjspice.errors import CapacityError
from mtjspice.spec.calibration import Calibration
from mtjspice.spec.die import Die
from mtjspice.spec.experiment import Experiment
from mtjspice.spec.stimulus import Stimulus
from mtjspice.spec.tile import ProgrammedTile
from mtjspice.surrogate.array import Array, at_rest
from mtjspice.surrogate.cells import Cells
from mtjspice.surrogate.expansion import Expansion
from mtjspice.surrogate.model import Surrogate
from mtjspice.surrogate.nodal import effective_matrix


@dataclass(frozen=True)
class Placement:
    """The tiles of one layer.

    Attributes:
        inputs: of the layer.
        outputs: of the layer.
        rows: of a tile.
        pairs: outputs of a tile: half of its columns.
        columns: of a tile.
        first: number of its first tile on the die.
    """

    inputs: int
    outputs: int
    rows: int
    pairs: int
    columns: int
    first: int = 0

    @property
    def blocks(self) -> tuple[int, int]:
        """(tiles that the inputs are split over, tiles that the outputs are split over)."""
        return -(-self.inputs // self.rows), -(-self.outputs // self.pairs)

    @property
    def tiles(self) -> int:
        """Number of tiles."""
        return self.blocks[0] * self.blocks[1]

    def states(self, weights: Tensor) -> Tensor:
        """Junction states, uint8 [tile, row, column], of weights [input, output]; 0 P, 1 AP."""
        n, m = self.blocks
        wide = weights.new_zeros(n * self.rows, m * self.pairs)
        wide[: self.inputs, : self.outputs] = weights
        blocks = wide.reshape(n, self.rows, m, self.pairs).transpose(1, 2).flatten(0, 1)
        states = torch.ones(self.tiles, self.rows, self.columns, dtype=torch.uint8)
        states[..., 0 : 2 * self.pairs : 2] = (blocks <= 0).to(torch.uint8)
        states[..., 1 : 2 * self.pairs : 2] = (blocks >= 0).to(torch.uint8)
        return states

    def signed(self, matrices: Tensor) -> tuple[Tensor, Tensor]:
        """The (+) and the (−) lines, [input, output], of matrices [tile, row, column]."""
        n, m = self.blocks
        both = []
        for sign in (0, 1):
            lines = matrices[..., sign : 2 * self.pairs : 2]
            wide = lines.reshape(n, m, self.rows, self.pairs).transpose(1, 2)
            wide = wide.reshape(n * self.rows, m * self.pairs)
            both.append(wide[: self.inputs, : self.outputs])
        return both[0], both[1]

    def split(self, inputs: Tensor) -> Tensor:
        """Inputs [sample, input] as those of each tile, [tile, sample, row]; idle rows at 0."""
        n, m = self.blocks
        wide = torch.nn.functional.pad(inputs, (0, n * self.rows - self.inputs))
        blocks = wide.reshape(len(inputs), n, self.rows).transpose(0, 1)
        return blocks.repeat_interleave(m, 0)

    def summed(self, currents: Tensor) -> Tensor:
        """Pair differences, added over the tiles of the same outputs: [sample, output], A."""
        n, m = self.blocks
        pairs = currents[..., 0 : 2 * self.pairs : 2] - currents[..., 1 : 2 * self.pairs : 2]
        whole = pairs.reshape(n, m, *pairs.shape[1:]).sum(0)  # [output block, sample, pair]
        return whole.transpose(0, 1).flatten(1)[:, : self.outputs]


def place_layers(widths: Sequence[int], circuit: Calibration, tiles: int) -> list[Placement]:
    """Tiles for the layers of a network, one layer after the other on one die.

    Args:
        widths: inputs, hidden neurons, outputs.
        circuit: of a tile.
        tiles: that the die has.

    Raises:
        CapacityError: with the number of tiles that are needed and there.
    """
    rows, columns = circuit.crossbar.shape
    placed: list[Placement] = []
    first = 0
    for inputs, outputs in pairwise(widths):
        placed.append(Placement(inputs, outputs, rows, columns // 2, columns, first))
        first += placed[-1].tiles
    if first > tiles:
        raise CapacityError(
            source="network",
            key="hidden",
            value=list(widths),
            allowed=f"needs {first} tiles of {rows} x {columns}; the die has {tiles}",
        )
    return placed


class TiledLayer:
    """A layer through the circuit of its tiles, at the level of a surrogate.

    While weights are trained their matrices change with every step, and a nodal solve costs
    some fifty steps. So `refresh` solves the circuit for the present weights and keeps by how much
    each matrix element is smaller than its cell's conductance; between two refreshes a cell that is
    rewritten keeps that factor. `matrix` then costs what rounding the weights costs, and its
    gradient goes through wires and access devices. After rewriting one cell in a hundred outputs
    are off by some 0.03 % of full scale, until the next refresh.

    Args:
        placement: the tiles.
        surrogate: at level ``linear`` or ``full``.
        die: the one that the tiles are on.
        unit: what `matrix` counts in, S.
        dtype: of the matrices, and of the solves.
    """

    def __init__(
        self,
        placement: Placement,
        surrogate: Surrogate,
        die: Die,
        *,
        unit: float = 1.0,
        dtype: torch.dtype = torch.float32,
    ):
        self.placement, self.surrogate, self.unit = placement, surrogate, unit
        self.arrays = [
            surrogate.array(self._experiments(die, state)).to(dtype, "cpu") for state in (0, 1)
        ]
        self.cells_at_rest = [at_rest(array).cells.linear for array in self.arrays]
        self.programmed: Expansion | None = None

    def refresh(self, weights: Tensor) -> None:
        """Solve the circuit for weights [input, output] of −1, 0 and 1."""
        with torch.no_grad():
            array = self._written(self.placement.states(weights))
            if self.surrogate.level == "full":
                self.programmed = self.surrogate.expand(array)
                linear = self.programmed.linear
            else:
                linear = effective_matrix(array) * self.surrogate.card.correction.linear
            present = at_rest(array).cells.linear
            share = torch.where(present > 0, linear / present.clamp(min=1e-30), 0.0) / self.unit
            parallel, antiparallel = (share * g for g in self.cells_at_rest)
            self.up, self.down = self.placement.signed(parallel - antiparallel)
            low_plus, low_minus = self.placement.signed(antiparallel)
            self.low = low_plus - low_minus

    def matrix(self, weights: Tensor) -> Tensor:
        """Effective conductance of pairs, in units, [input, output], of weights −1, 0, 1."""
        found: Tensor = _Conductance.apply(weights, self.low, self.up, self.down)  # type: ignore[no-untyped-call]
        return found

    def currents(self, volts: Tensor, weights: Tensor) -> Tensor:
        """Differences of output currents, units times V, [sample, output].

        The bias dependence of level ``full`` counts in the value and not in the gradient.

        Args:
            volts: [sample, input], V.
            weights: [input, output], −1, 0 and 1.
        """
        linear = volts @ self.matrix(weights)
        if self.programmed is None:
            return linear
        with torch.no_grad():
            each = self.placement.split(volts)
            alone = each @ self.programmed.linear
            excess = self.placement.summed(self.programmed.currents(each, alone) - alone)
        return linear + excess / self.unit

    def _written(self, states: Tensor) -> Array:
        """The tiles in these states."""
        parallel, antiparallel = (array.cells for array in self.arrays)
        linear, cubic, drop, at = (
            torch.where(states == 0, getattr(parallel, name), getattr(antiparallel, name))
            for name in ("linear", "cubic", "drop", "at")
        )
        cells = Cells(linear, cubic, drop, at, parallel.access)
        return replace(self.arrays[0], cells=cells)

    def _experiments(self, die: Die, state: int) -> list[Experiment]:
        """Every tile with all junctions in one state."""
        circuit, shape = self.surrogate.card.circuit, (self.placement.rows, self.placement.columns)
        states = np.full(shape, state, dtype=np.uint8)
        return [
            Experiment(
                crossbar=circuit.crossbar,
                tile=ProgrammedTile(states=states, index=self.placement.first + k),
                stimulus=Stimulus(volts=np.zeros((1, shape[0]))),
                die=die,
                periphery=circuit.periphery,
                technology=circuit.technology,
            )
            for k in range(self.placement.tiles)
        ]


class _Conductance(torch.autograd.Function):
    """Pairs' conductances of weights: one slope for the weights above 0, another for the others."""

    @staticmethod
    def forward(ctx: Any, weights: Tensor, low: Tensor, up: Tensor, down: Tensor) -> Tensor:
        slope = torch.where(weights > 0, up, down)
        ctx.save_for_backward(slope)
        return torch.addcmul(low, weights, slope)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (slope,) = ctx.saved_tensors
        return gradients[0] * slope, None, None, None
