"""Fully connected layers on tiles: where weights go, and what they do through the circuit.

A weight is a pair of junctions on two neighbouring output lines, w = (+) − (−) ∈ {−1, 0, 1}: the
junction that counts is P, the other AP. Inputs are dealt to groups of as many as a tile has rows,
outputs to tiles of half as many columns; partial sums of the groups are added digitally. A layer's
weights are laid out as on its tiles, [group, row, output].
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mtjspice.data.weights import ProgrammedLayer
from mtjspice.errors import CapacityError
from mtjspice.spec.calibration import Calibration
from mtjspice.spec.die import Die
from mtjspice.spec.experiment import Experiment
from mtjspice.spec.stimulus import Stimulus
from mtjspice.spec.tile import ProgrammedTile
from mtjspice.surrogate.array import Array, at_rest
from mtjspice.surrogate.cells import Cells
from mtjspice.surrogate.model import Surrogate
from mtjspice.surrogate.nodal import effective_matrix


@dataclass(frozen=True)
class Placement:
    """The tiles of one layer.

    Attributes:
        groups: the inputs on the rows of each group of tiles, from the first row on; an input may
            be in several groups, and each has weights of its own for it.
        inputs: of the layer.
        outputs: of the layer.
        rows: of a tile.
        columns: of a tile.
        first: number of its first tile. Tiles of the same group follow each other.
    """

    groups: tuple[tuple[int, ...], ...]
    inputs: int
    outputs: int
    rows: int
    columns: int
    first: int = 0

    @property
    def pairs(self) -> int:
        """Outputs of a tile."""
        return self.columns // 2

    @property
    def blocks(self) -> tuple[int, int]:
        """(groups, tiles of a group)."""
        return len(self.groups), -(-self.outputs // self.pairs)

    @property
    def tiles(self) -> int:
        """Number of tiles."""
        return self.blocks[0] * self.blocks[1]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of the layer's weights, (groups, rows in use, outputs)."""
        return len(self.groups), max(map(len, self.groups)), self.outputs

    @property
    def index(self) -> Tensor:
        """int64 [group, row in use]: the input on each row; `inputs` where there is none."""
        _, used, _ = self.shape
        idle = self.inputs
        return torch.tensor([(*group, *[idle] * (used - len(group))) for group in self.groups])

    def dealt(self, inputs: Tensor) -> Tensor:
        """Inputs [sample, input] as those of each group, [group, sample, row]; idle rows at 0."""
        wide = torch.nn.functional.pad(inputs, (0, 1))
        return wide[:, self.index].transpose(0, 1)

    def states(self, weights: Tensor) -> Tensor:
        """Junction states, uint8 [tile, row, column], of weights; 0 P, 1 AP. Idle cells are AP."""
        (n, m), (_, used, outputs) = self.blocks, self.shape
        real = (self.index < self.inputs).to(weights.dtype)[..., None]
        wide = weights.new_zeros(n, self.rows, m * self.pairs)
        wide[:, :used, :outputs] = weights * real
        blocks = wide.reshape(n, self.rows, m, self.pairs).transpose(1, 2).flatten(0, 1)
        states = torch.ones(self.tiles, self.rows, self.columns, dtype=torch.uint8)
        states[..., 0 : 2 * self.pairs : 2] = (blocks <= 0).to(torch.uint8)
        states[..., 1 : 2 * self.pairs : 2] = (blocks >= 0).to(torch.uint8)
        return states

    def signed(self, matrices: Tensor) -> tuple[Tensor, Tensor]:
        """The (+) and the (−) lines, [group, row, output], of [tile, row, column]."""
        (n, m), (_, used, outputs) = self.blocks, self.shape
        both = []
        for sign in (0, 1):
            lines = matrices[:, :used, sign : 2 * self.pairs : 2]
            wide = lines.reshape(n, m, used, self.pairs).transpose(1, 2)
            both.append(wide.reshape(n, used, m * self.pairs)[..., :outputs])
        return both[0], both[1]

    def weights(self, states: Tensor) -> Tensor:
        """Weights of junction states, the inverse of `states`; 0 on idle rows."""
        plus, minus = self.signed(1.0 - states.float())  # P is 1, AP is 0
        return plus - minus

    def volts(self, volts: Tensor) -> Tensor:
        """Voltages of every tile's rows, [tile, sample, row], from those of [sample, input]."""
        dealt = torch.nn.functional.pad(self.dealt(volts), (0, self.rows - self.shape[1]))
        return dealt.repeat_interleave(self.blocks[1], 0)

    def partial_sums(self, currents: Tensor) -> Tensor:
        """Pair differences, [group, sample, output], of currents [tile, sample, column]."""
        n, m = self.blocks
        pairs = currents[..., 0 : 2 * self.pairs : 2] - currents[..., 1 : 2 * self.pairs : 2]
        whole = pairs.reshape(n, m, *pairs.shape[1:]).transpose(1, 2)
        return whole.flatten(2)[..., : self.outputs]


def placement_of(layer: ProgrammedLayer) -> Placement:
    """Where a layer lies."""
    _, rows, columns = layer.states.shape
    return Placement(layer.groups, layer.inputs, layer.outputs, rows, columns, layer.first)


def dealt_out(inputs: int, groups: int, copies: int = 1) -> tuple[tuple[int, ...], ...]:
    """Inputs dealt to groups one after the other, as cards are.

    Neighbours, which often are alike, so come to different groups, and no group to more than its
    share. With `copies`, each input is in so many groups, and shares them with others every time.

    Args:
        inputs: of the layer.
        groups: in all; a multiple of `copies`.
        copies: of each input.
    """
    each = groups // copies
    return tuple(
        tuple(i for i in range(inputs) if (i + copy * (i // each)) % each == group)
        for copy in range(copies)
        for group in range(each)
    )


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
        copies: of each layer's inputs; one if left out.

    Raises:
        CapacityError: with the number of tiles, or of groups, that are needed and there.
    """
    rows, columns = circuit.crossbar.shape
    if columns < 2:
        raise CapacityError(
            source="network", value=columns, allowed="a tile needs two columns for an output"
        )
    placed: list[Placement] = []
    first = 0
    for k, (inputs, outputs) in enumerate(pairwise(widths)):
        many = copies[k] if copies else 1
        least = many * -(-inputs // rows)
        count = groups[k] if groups else least
        dealt = dealt_out(inputs, count, many) if count % many == 0 and count >= least else ()
        if not dealt or max(map(len, dealt)) > rows:
            raise CapacityError(
                source="network",
                key=f"groups of layer {k + 1}",
                value=count,
                allowed=f"{inputs} inputs, {many} times, need at least {least} groups of {rows} "
                f"rows, and a multiple of {many}",
            )
        placed.append(Placement(dealt, inputs, outputs, rows, columns, first))
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
    """
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
        """Solve the circuit for weights [group, row, output] of −1, 0 and 1."""
        with torch.no_grad():
            array = self._written(self.placement.states(weights))
            linear = effective_matrix(array) * self.surrogate.card.correction.linear
            present = at_rest(array).cells.linear
            share = torch.where(present > 0, linear / present.clamp(min=1e-30), 0.0) / self.unit
            parallel, antiparallel = (share * g for g in self.cells_at_rest)
            up, down = self.placement.signed(parallel - antiparallel)
            self.up, self.down = up.contiguous(), down.contiguous()
            self.low = [lines.contiguous() for lines in self.placement.signed(antiparallel)]
            self.middle = self.low[0] - self.low[1]

    def matrix(self, weights: Tensor) -> Tensor:
        """Effective conductance of pairs, units of `unit`, [group, row, output], of weights."""
        found: Tensor = _Conductance.apply(weights, self.middle, self.up, self.down)  # type: ignore[no-untyped-call]
        return found

    def lines(self, weights: Tensor) -> tuple[Tensor, Tensor]:
        """Effective conductance of the (+) and of the (−) lines, [group, row, output]."""
        plus = torch.addcmul(self.low[0], weights.clamp(min=0), self.up)
        minus = torch.addcmul(self.low[1], weights.clamp(max=0), self.down, value=-1)
        return plus, minus

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
