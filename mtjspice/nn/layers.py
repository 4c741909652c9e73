"""A layer with its weights on tiles: an ordinary torch module, with the old one's parameters."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from mtjspice.nn.coding import Coding, best_steps
from mtjspice.nn.placing import Part
from mtjspice.nn.windows import outputs_of, vectors_of, windows_of
from mtjspice.spec.calibration import Calibration
from mtjspice.train.faults import Pool
from mtjspice.train.hardware import CHUNK, Reader, converted, given_by
from mtjspice.train.tiles import TiledLayer

FORGETS = 0.999
"""In training, what is left of the largest input seen, from one step to the next."""


@dataclass
class Arrays:
    """The tiles of a layer's parts on certain dies.

    Attributes:
        circuit: of a tile.
        tiles: of each part, as training goes through them.
        reader: of programmed tiles, for each part's number; None before anything is read.
        written: the levels that those hold.
        pools: defects and spread of many dies for each part; none on dies that are given.
        dies: that a batch meets, where there are pools.
        first: of the pools' dies, that the next batch meets.
    """

    circuit: Calibration
    tiles: Sequence[TiledLayer]
    reader: Reader | None = None
    written: Tensor | None = None
    pools: Sequence[Pool] = field(default_factory=tuple)
    dies: int = 1
    first: int = 0


class Tiled(nn.Module):
    """A `torch.nn.Linear`, `Conv1d` or `Conv2d` on tiles.

    Weights stay numbers while they are trained. What is written are their nearest levels, in units
    of a step that each output has and that is trained as well (S. K. Esser et al., Learned step
    size quantization, ICLR 2020); gradients pass the rounding as if it were not there.

    Args:
        layer: whose weights and bias are taken, the parameters themselves.
        coding: of the weights.
        parts: its tiles.

    Attributes:
        weight: as of `layer`.
        bias: as of `layer`; None if it has none.
        step: [output], between two levels of its weights.
        largest: 0-d, magnitude of an input that the converters give the read voltage for; larger
            ones are clipped on tiles. While the layer trains, it follows its inputs.
        unit: [part], conductance of a digit on the nominal die, S.
        window: of a convolution.
    """

    def __init__(self, layer: nn.Module, coding: Coding, parts: Sequence[Part]) -> None:
        super().__init__()
        self.window = windows_of(layer)
        self.coding, self.parts = coding, tuple(parts)
        weight = layer.weight
        assert isinstance(weight, nn.Parameter)
        self.weight = weight
        self.bias: nn.Parameter | None
        self.register_parameter("bias", layer.bias)  # type: ignore[arg-type]
        self.step = nn.Parameter(best_steps(weight.flatten(1), coding))
        self.largest: Tensor
        self.unit: Tensor
        self.register_buffer("largest", weight.new_tensor(1.0))
        self.register_buffer("unit", torch.ones(len(parts), dtype=torch.float64))
        self.arrays: Arrays | None = None
        self.train(layer.training)

    def levels(self) -> Tensor:
        """What is to be written, [output, input], without gradients."""
        with torch.no_grad():
            return self.coding.nearest(self._in_steps())

    def matrices(self) -> list[Tensor]:
        """The digits of each part as on its tiles, [group, row, line], without gradients."""
        digits = self.coding.digits(self.levels())
        return [part.laid_out(digits) for part in self.parts]

    def forward(self, inputs: Tensor) -> Tensor:
        """Outputs for a batch [sample, ...], in the shape that torch's layer gives them."""
        vectors = vectors_of(self.window, inputs)
        if self.training and len(inputs):
            self._follow(inputs)
        if self.arrays is None:
            sums, scale = self._through(vectors, self._digits()), self._size()
        else:
            shares = (vectors / self.largest).clamp(-1, 1)
            scale = self._size() * self.largest
            sums = self._trained(shares) if self.training else self._read(shares)
        made = sums * scale
        if self.bias is not None:
            made = made + self.bias
        return outputs_of(self.window, made, inputs)

    def extra_repr(self) -> str:
        """What ``print`` says of it."""
        tiles = sum(part.placement.tiles for part in self.parts)
        return f"{tuple(self.weight.shape)}, {self.coding}, tiles={tiles}"

    def _size(self) -> Tensor:
        return self.step.abs().clamp(min=torch.finfo(self.step.dtype).tiny)

    def _in_steps(self) -> Tensor:
        return self.weight.flatten(1) / self._size()[:, None]

    def _digits(self) -> list[Tensor]:
        """As `matrices`, with gradients: each pair takes its share of that of the level."""
        shares = self._in_steps().clamp(-self.coding.top, self.coding.top)
        digits = self.coding.digits(self.coding.nearest(shares.detach()))
        passed = (shares - shares.detach()) / self.coding.top
        return [part.laid_out(digits + passed) for part in self.parts]

    def _through(self, vectors: Tensor, matrices: Sequence[Tensor]) -> Tensor:
        """Sums of all parts, [sample, vector, output]."""
        made = [
            part.summed(part.inputs(vectors), matrix if matrix.dim() == 4 else matrix[None])
            for part, matrix in zip(self.parts, matrices, strict=True)
        ]
        return torch.cat(made, -1) if len(made) > 1 else made[0]

    def _trained(self, shares: Tensor) -> Tensor:
        """Sums through the circuits as training knows them: linear, with gradients."""
        arrays = self.arrays
        assert arrays is not None
        found = [
            _beside(tiles, digits).matrix(digits)
            for tiles, digits in zip(arrays.tiles, self._digits(), strict=True)
        ]
        if arrays.pools:
            arrays.pools = [
                Pool(pool.added.to(matrix), pool.kept.to(matrix))
                for pool, matrix in zip(arrays.pools, found, strict=True)
            ]
            found = [
                pool.of(arrays.first, arrays.dies, matrix)
                for pool, matrix in zip(arrays.pools, found, strict=True)
            ]
        return self._through(shares, found)

    def _read(self, shares: Tensor) -> Tensor:
        """Sums as the surrogate reads them, through both converters; without gradients."""
        if not len(shares):
            return shares.new_zeros(*shares.shape[:2], len(self.step))
        with torch.no_grad():
            flat = shares.flatten(0, 1).cpu()
            made = torch.cat([self._read_some(some) for some in torch.split(flat, CHUNK)])
            return made.view(*shares.shape[:2], -1).to(shares.device)

    def _read_some(self, vectors: Tensor) -> Tensor:
        arrays = self.arrays
        assert arrays is not None and arrays.reader is not None
        circuit, made = arrays.circuit, []
        for k, part in enumerate(self.parts):
            given = given_by(circuit, part.inputs(vectors[:, None])[:, 0])
            currents = converted(circuit, arrays.reader(k, part.placement.volts(given)))
            partial = part.placement.partial_sums(currents)
            made.append(part.added(partial / (float(self.unit[k]) * circuit.read_voltage)))
        return torch.cat(made, -1)

    @torch.no_grad()
    def _follow(self, inputs: Tensor) -> None:
        self.largest.copy_(torch.maximum(self.largest * FORGETS, inputs.abs().amax()))


def _beside(tiles: TiledLayer, like: Tensor) -> TiledLayer:
    """Tiles whose matrices are of the type, and on the device, that the weights have moved to."""
    if (tiles.low.dtype, tiles.low.device) != (like.dtype, like.device):
        tiles.low, tiles.up, tiles.down = (x.to(like) for x in (tiles.low, tiles.up, tiles.down))
    return tiles
