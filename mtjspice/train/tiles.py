"""Fully connected layers on tiles: where weights go, and what they do through the circuit.

A weight is a pair of junctions on two neighbouring output lines, w = (+) − (−) ∈ {−1, 0, 1}: the
junction that counts is P, the other AP. Inputs are split into groups of at most as many as a tile
has rows, outputs over the tiles of a group, half as many as a tile has columns; partial sums of the
groups are added digitally. An output may have several copies, which are added as well. A layer's
weights are laid out as on its tiles, [group, row, line], where line k is the pair of copy
k // outputs of output k % outputs.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mtjspice.data.network import Layer
from mtjspice.errors import CapacityError, InputError
from mtjspice.solver.array import Array, at_rest
from mtjspice.solver.cells import Cells
from mtjspice.solver.nodal import effective_matrix
from mtjspice.spec.calibration import Calibration
from mtjspice.spec.die import Die
from mtjspice.spec.experiment import Experiment
from mtjspice.spec.stimulus import Stimulus
from mtjspice.spec.tile import ProgrammedTile
from mtjspice.surrogate.model import Surrogate


@dataclass(frozen=True)
class Placement:
    """The tiles of one layer.

    Attributes:
        inputs: of the layer; each group of tiles has equally many of them, the last one the rest.
        outputs: of the layer.
        groups: that the inputs are split into.
        copies: of each output, each with weights of its own.
        rows: of a tile.
        columns: of a tile.
        first: number of its first tile. Tiles of the same group follow each other.
    """

    inputs: int
    outputs: int
    groups: int
    copies: int
    rows: int
    columns: int
    first: int = 0

    @property
    def pairs(self) -> int:
        """Weights on a row of a tile."""
        return self.columns // 2

    @property
    def lines(self) -> int:
        """Pairs of output lines of a group: outputs times copies."""
        return self.outputs * self.copies

    @property
    def used(self) -> int:
        """Rows of a tile that have an input, but for the last group, which may have fewer."""
        return -(-self.inputs // self.groups)

    @property
    def blocks(self) -> int:
        """Tiles of a group."""
        return -(-self.lines // self.pairs)

    @property
    def tiles(self) -> int:
        """Number of tiles."""
        return self.groups * self.blocks

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of the layer's weights, (groups, rows in use, lines)."""
        return self.groups, self.used, self.lines

    @property
    def real(self) -> Tensor:
        """Bool [group, row in use, 1]: whether the row has an input."""
        number = torch.arange(self.groups * self.used).view(self.groups, self.used, 1)
        return number < self.inputs

    def dealt(self, inputs: Tensor) -> Tensor:
        """Inputs [sample, input] as those of each group, [group, sample, row]; idle rows at 0."""
        idle = self.groups * self.used - self.inputs
        wide = torch.nn.functional.pad(inputs, (0, idle)) if idle else inputs
        return wide.reshape(-1, self.groups, self.used).transpose(0, 1)

    def states(self, weights: Tensor) -> Tensor:
        """Junction states, uint8 [tile, row, column], of weights; 0 P, 1 AP. Idle cells are AP."""
        n, m = self.groups, self.blocks
        wide = weights.new_zeros(n, self.rows, m * self.pairs)
        wide[:, : self.used, : self.lines] = weights * self.real
        blocks = wide.view(n, self.rows, m, self.pairs).transpose(1, 2).flatten(0, 1)
        states = torch.ones(self.tiles, self.rows, self.columns, dtype=torch.uint8)
        states[..., 0 : 2 * self.pairs : 2] = (blocks <= 0).to(torch.uint8)
        states[..., 1 : 2 * self.pairs : 2] = (blocks >= 0).to(torch.uint8)
        return states

    def weights(self, states: Tensor) -> Tensor:
        """Weights of junction states, the inverse of `states`; 0 on idle rows."""
        plus, minus = self.signed(1.0 - states.float())  # P is 1, AP is 0
        return plus - minus

    def signed(self, matrices: Tensor) -> tuple[Tensor, Tensor]:
        """The (+) and the (−) lines, [group, row, line], of [tile, row, column]."""
        n, m = self.groups, self.blocks
        both = []
        for sign in (0, 1):
            lines = matrices[:, : self.used, sign : 2 * self.pairs : 2]
            wide = lines.reshape(n, m, self.used, self.pairs).transpose(1, 2)
            both.append(wide.reshape(n, self.used, m * self.pairs)[..., : self.lines])
        return both[0], both[1]

    def volts(self, volts: Tensor) -> Tensor:
        """Voltages of every tile's rows, [tile, sample, row], from those of [sample, input]."""
        dealt = torch.nn.functional.pad(self.dealt(volts), (0, self.rows - self.used))
        return dealt.repeat_interleave(self.blocks, 0)

    def partial_sums(self, currents: Tensor) -> Tensor:
        """Pair differences, [group, sample, line], of currents [tile, sample, column]."""
        pairs = currents[..., 0 : 2 * self.pairs : 2] - currents[..., 1 : 2 * self.pairs : 2]
        return self._by_group(pairs)

    def summed_pairs(self, reads: Tensor) -> Tensor:
        """As `partial_sums`, with the two of a pair added: of what adds up, such as variances."""
        pairs = reads[..., 0 : 2 * self.pairs : 2] + reads[..., 1 : 2 * self.pairs : 2]
        return self._by_group(pairs)

    def _by_group(self, pairs: Tensor) -> Tensor:
        """[group, sample, line] of [tile, sample, pair]."""
        whole = pairs.reshape(self.groups, self.blocks, *pairs.shape[1:]).transpose(1, 2)
        return whole.flatten(2)[..., : self.lines]

    def summed(self, partial: Tensor) -> Tensor:
        """Partial sums [.., group, sample, line] added up over groups and copies, to outputs."""
        *batch, groups, samples, _ = partial.shape
        each = partial.view(*batch, groups, samples, self.copies, self.outputs)
        return each.sum((-4, -2))


def placement_of(layer: Layer) -> Placement:
    """Where a layer lies."""
    _, rows, columns = layer.states.shape
    return Placement(
        layer.inputs, layer.outputs, layer.groups, layer.copies, rows, columns, layer.first
    )


def states_of(layer: Layer) -> Tensor:
    """Junction states of a layer, uint8 [tile, row, column], copied.

    Those of a tile that was written cannot be written to, and torch warns of such arrays.
    """
    return torch.tensor(layer.states)


def place_layers(
    widths: Sequence[int],
    circuit: Calibration,
    tiles: int,
    groups: Sequence[int] | None = None,
    copies: Sequence[int] | None = None,
) -> list[Placement]:
    """Tiles for the layers of a network, one layer after the other.

    Args:
        widths: inputs, hidden neurons, outputs.
        circuit: of a tile.
        tiles: that there are.
        groups: of each layer; as few as possible if left out.
        copies: of each layer's outputs; one if left out.

    Raises:
        CapacityError: with the number of tiles, or of groups, that are needed and there.
    """
    rows, columns = circuit.crossbar.shape
    if columns < 2:
        raise CapacityError(
            source="card", key="crossbar.columns", value=columns,
            allowed="a weight is a pair of columns",
        )  # fmt: skip
    placed: list[Placement] = []
    first = 0
    for k, (inputs, outputs) in enumerate(pairwise(widths)):
        least = -(-inputs // rows)
        count = groups[k] if groups else least
        even = -(-inputs // count)
        if count < least or (count - 1) * even >= inputs:
            raise CapacityError(
                source="network",
                key=f"groups of layer {k + 1}",
                value=count,
                allowed=f"{inputs} inputs need at least {least} groups on tiles of {rows} rows, "
                "and every group must have an input",
            )
        many = copies[k] if copies else 1
        placed.append(Placement(inputs, outputs, count, many, rows, columns, first))
        first += placed[-1].tiles
    if first > tiles:
        raise CapacityError(
            source="network",
            key="hidden",
            value=list(widths),
            allowed=f"needs {first} tiles of {rows} x {columns}; the dies have {tiles}",
        )
    return placed


def experiments_of(
    placement: Placement, circuit: Calibration, dies: Sequence[Die], tiles: int, states: Tensor
) -> list[Experiment]:
    """The circuits of a layer's tiles, each on the die that it lies on, without input vectors.

    Args:
        placement: of the layer.
        circuit: of a tile.
        dies: that the network spans.
        tiles: of a die.
        states: uint8 [tile, row, column].

    Raises:
        InputError: if a die's shorts conduct no better than the card's junctions.
    """
    for die in dies:
        try:
            die.check_short(circuit.crossbar.cell.mtj)
        except ValueError as error:
            raise InputError(source="die", allowed=str(error)) from None
    return [
        Experiment(
            crossbar=circuit.crossbar,
            tile=ProgrammedTile(states=states[k].numpy(), index=(placement.first + k) % tiles),
            stimulus=Stimulus(
                volts=np.zeros((1, placement.rows)), read_voltage=circuit.read_voltage
            ),
            die=dies[(placement.first + k) // tiles],
            periphery=circuit.periphery,
            technology=circuit.technology,
        )
        for k in range(placement.tiles)
    ]


class TiledLayer:
    """Effective conductances of a layer on its tiles, while its weights are being trained.

    They change with every step, and a nodal solve costs some fifty steps. So `refresh` solves the
    circuit for the present weights and keeps by how much each matrix element is smaller than its
    cell's conductance; between two refreshes a cell that is rewritten keeps that factor. `matrix`
    then costs what rounding the weights costs, and its gradient goes through wires and access
    devices. After rewriting one cell in a hundred outputs are off by some 0.03 % of full scale,
    until the next refresh. Bias dependence, 0.01 % of full scale, is left to the surrogate's level
    ``full``, at which trained weights are judged.

    Args:
        placement: the tiles.
        surrogate: knows the circuit.
        dies: that the network spans.
        tiles: of a die.
        dtype: of the matrices, and of the solves.
    """

    def __init__(
        self,
        placement: Placement,
        surrogate: Surrogate,
        dies: Sequence[Die],
        *,
        tiles: int = 32,
        dtype: torch.dtype = torch.float32,
    ):
        self.placement, self.surrogate = placement, surrogate
        shape = (placement.tiles, placement.rows, placement.columns)
        circuit = surrogate.card.circuit
        self.arrays = [
            surrogate.array(
                experiments_of(
                    placement, circuit, dies, tiles, torch.full(shape, state, dtype=torch.uint8)
                )
            ).to(dtype, "cpu")
            for state in (0, 1)
        ]
        self.cells_at_rest = [at_rest(array).cells.linear for array in self.arrays]
        self.unit = 1.0

    def refresh(self, weights: Tensor) -> None:
        """Solve the circuit for weights [group, row, line] of −1, 0 and 1."""
        with torch.no_grad():
            array = self._written(self.placement.states(weights))
            linear = effective_matrix(array) * self.surrogate.card.correction.linear
            present = at_rest(array).cells.linear
            share = torch.where(present > 0, linear / present.clamp(min=1e-30), 0.0) / self.unit
            parallel, antiparallel = (share * g for g in self.cells_at_rest)
            up, down = self.placement.signed(parallel - antiparallel)
            self.up, self.down = up.contiguous(), down.contiguous()
            plus, minus = self.placement.signed(antiparallel)
            self.low = plus - minus

    def matrix(self, weights: Tensor) -> Tensor:
        """Effective conductance of pairs, units of `unit`, [group, row, line], of weights."""
        found: Tensor = _Conductance.apply(weights, self.low, self.up, self.down)  # type: ignore[no-untyped-call]
        return found

    def _written(self, states: Tensor) -> Array:
        """The tiles in these states."""
        parallel, antiparallel = (array.cells for array in self.arrays)
        linear, cubic, drop, at = (
            torch.where(states == 0, getattr(parallel, name), getattr(antiparallel, name))
            for name in ("linear", "cubic", "drop", "at")
        )
        cells = Cells(linear, cubic, drop, at, parallel.access)
        return replace(self.arrays[0], cells=cells)


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
