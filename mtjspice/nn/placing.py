"""Where the weights of a layer go, and what its tiles' sums come to; groups of channels included.

A convolution's groups see different inputs. As many of them as fit share a part: its matrix has
their weights in blocks along the diagonal, and pairs of AP elsewhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad

from mtjspice.errors import CapacityError
from mtjspice.nn.coding import Coding
from mtjspice.spec.calibration import Calibration
from mtjspice.train.tiles import Placement, place_layers


@dataclass(frozen=True)
class Part:
    """Some of a layer's groups on tiles of their own.

    Attributes:
        first: number of its first group.
        count: of its groups.
        placement: of its matrix; a copy of an output is one of the pairs that a weight has.
        coding: of the weights.
    """

    first: int
    count: int
    placement: Placement
    coding: Coding

    @property
    def outputs(self) -> slice:
        """Which of the layer's outputs are its own."""
        each = self.placement.outputs // self.count
        return slice(self.first * each, (self.first + self.count) * each)

    def inputs(self, vectors: Tensor) -> Tensor:
        """Its inputs [sample, vector, input] of a layer's [sample, vector, group, input]."""
        return vectors[:, :, self.first : self.first + self.count].flatten(2)

    def laid_out(self, digits: Tensor) -> Tensor:
        """Digits as on its tiles, [group, row, line], of the layer's [pair, output, input]."""
        own = digits[:, self.outputs]
        pairs, outputs, inputs = len(own), own.shape[1] // self.count, own.shape[2]
        own = own.reshape(pairs, self.count, outputs, inputs)
        if self.count == 1:
            wide = own[:, 0].permute(2, 0, 1)
        else:
            blocks = own.new_zeros(self.count, inputs, pairs, self.count, outputs)
            on = torch.arange(self.count, device=own.device)
            blocks[on, :, :, on] = own.permute(1, 3, 0, 2)
            wide = blocks.flatten(0, 1)
        placed = self.placement
        idle = placed.groups * placed.used - placed.inputs
        return pad(wide.flatten(1), (0, 0, 0, idle)).view(placed.shape)

    def summed(self, inputs: Tensor, matrices: Tensor) -> Tensor:
        """What the digital part adds up, [sample, vector, output].

        Args:
            inputs: [sample, vector, input].
            matrices: [die, group, row, line]; equally many consecutive samples meet each die.
        """
        placed, dies = self.placement, len(matrices)
        samples, vectors, _ = inputs.shape
        each = -(-samples // dies)
        idle = placed.groups * placed.used - placed.inputs
        wide = pad(inputs, (0, idle, 0, 0, 0, dies * each - samples))
        dealt = wide.reshape(dies, each * vectors, placed.groups, placed.used).transpose(1, 2)
        made = self.added(torch.matmul(dealt, matrices))
        return made.reshape(dies * each, vectors, placed.outputs)[:samples]

    def added(self, partial: Tensor) -> Tensor:
        """Partial sums [..., group, vector, line], times factors, as [..., vector, output]."""
        each = partial.reshape(*partial.shape[:-1], self.coding.pairs, self.placement.outputs)
        if self.coding.pairs == 1:
            return each[..., 0, :].sum(-3)
        factors = partial.new_tensor(self.coding.factors)[:, None]
        return (each * factors).sum((-4, -2))


def place_parts(
    shape: Sequence[int], groups: int, coding: Coding, circuit: Calibration, first: int, name: str
) -> tuple[Part, ...]:
    """Tiles for the weights of a layer.

    Args:
        shape: of the weights, (outputs, inputs of a group).
        groups: of the layer.
        coding: of its weights.
        circuit: of a tile.
        first: number of the layer's first tile.
        name: of the layer, for messages.

    Raises:
        CapacityError: if the tiles are too narrow for any weight.
    """
    outputs, inputs = shape[0] // groups, shape[1]
    rows, columns = circuit.crossbar.shape
    if columns < 2:
        raise CapacityError(
            source=name, key="card", value=columns,
            allowed="the card's tiles have one column; a weight is a pair of columns",
        )  # fmt: skip
    together = min(groups, rows // inputs, columns // 2 // (outputs * coding.pairs)) or 1
    parts: list[Part] = []
    for start in range(0, groups, together):
        count = min(together, groups - start)
        widths = (count * inputs, count * outputs)
        (placed,) = place_layers(widths, circuit, 2**62, copies=(coding.pairs,))
        moved = Placement(
            placed.inputs, placed.outputs, placed.groups, placed.copies, rows, columns, first
        )
        parts.append(Part(start, count, moved, coding))
        first += moved.tiles
    return tuple(parts)
