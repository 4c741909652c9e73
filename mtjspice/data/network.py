"""Networks as they are written into arrays: junction states, and what the digital part does."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Self

import numpy as np
import numpy.typing as npt

from mtjspice.errors import InputError
from mtjspice.spec.training import TrainingStudy


@dataclass(frozen=True)
class Layer:
    """One fully connected layer in its tiles, and what the digital part does with their currents.

    A pair's current difference over ``unit · read voltage`` is a partial sum s of its group of
    tiles; it counts with ``1/(1 + (s/outlier)⁴)``. ``x ← Σ s · unit/g_norm + bias``, over all
    groups and copies.

    A layer that lies on no array yet is on one tile of just its size, and its weights count as
    numbers: `unit` and `g_norm` are 1.

    Attributes:
        inputs: of the layer.
        outputs: of the layer.
        states: uint8 [tile, row, column], 0 P, 1 AP; tiles of a group follow each other.
        bias: float64 [output].
        groups: that the inputs are split into, one after the other, from each tile's first row on.
        copies: of each output. Pair k of a group is copy k // outputs of output k % outputs, and
            has the columns 2j (+) and 2j + 1 (−) of its tile.
        first: number of its first tile.
        unit: conductance of a weight on the nominal die, S.
        g_norm: S, above zero.
        outlier: in units of a weight times an input; 0 to count all sums alike.
    """

    inputs: int
    outputs: int
    states: npt.NDArray[np.uint8]
    bias: npt.NDArray[np.float64]
    groups: int = 1
    copies: int = 1
    first: int = 0
    unit: float = 1.0
    g_norm: float = 1.0
    outlier: float = 0.0

    @classmethod
    def on_paper(
        cls, cells: npt.NDArray[np.uint8], bias: npt.NDArray[np.float64], number: int
    ) -> Self:
        """A layer on no array yet.

        Args:
            cells: uint8 [input, 2·output], states of the junctions.
            bias: float64 [output].
            number: of the layer, from 0, which is that of its tile.
        """
        return cls(len(cells), bias.size, states=cells[None], bias=bias, first=number)

    @property
    def cells(self) -> npt.NDArray[np.uint8]:
        """uint8 [input, 2·line]: states of the junctions in use, put together from all tiles.

        Line k is the pair of copy k // outputs of output k % outputs.
        """
        _, rows, columns = self.states.shape
        used, paired = -(-self.inputs // self.groups), columns - columns % 2
        tiles = self.states.reshape(self.groups, -1, rows, columns)[:, :, :used, :paired]
        whole = tiles.transpose(0, 2, 1, 3).reshape(self.groups * used, -1)
        return whole[: self.inputs, : 2 * self.outputs * self.copies]

    @property
    def weights(self) -> npt.NDArray[np.int8]:
        """int8 [input, line] in {−1, 0, 1}: + minus −, in units of G_P − G_AP."""
        states = self.cells.astype(np.int8)
        return states[:, 1::2] - states[:, 0::2]


@dataclass(frozen=True)
class Network:
    """Fully connected layers; the class is the largest last output.

    Attributes:
        name: tells networks of one study apart.
        layers: from input to output.
        features: which of the data's features are inputs.
        classes: names of the outputs.
        data: source of the samples.
        key: SHA-256 of all that determined the weights.
        study: what was trained for dies of many tiles, and how, with its seed; None for a network
            of ternary weights that was trained elsewhere or as if arrays were ideal, with tanh
            between its layers.
        card: key of the card of the surrogate that it was trained with; None if there was none.
        loss: mean over each epoch of training.
    """

    name: str
    layers: tuple[Layer, ...]
    features: tuple[int, ...]
    classes: tuple[str, ...]
    data: str
    key: str
    study: TrainingStudy | None = None
    card: str | None = None
    loss: tuple[float, ...] = ()

    @property
    def activation(self) -> Literal["tanh", "sign"]:
        """Of hidden neurons."""
        return "tanh" if self.study is None else self.study.network.activation

    @property
    def tiles(self) -> int:
        """Of a die."""
        used = sum(len(layer.states) for layer in self.layers)
        return used if self.study is None else self.study.hardware.tiles

    @property
    def dies(self) -> int:
        """That the network spans."""
        return 1 if self.study is None else self.study.hardware.dies

    @property
    def method(self) -> str:
        """How it was trained."""
        return "ideal" if self.study is None else self.study.training.method

    @property
    def training(self) -> TrainingStudy:
        """What was trained for dies of many tiles, and how.

        Raises:
            InputError: if the network was not.
        """
        if self.study is None:
            raise InputError(
                source=f"weights of {self.name}",
                key="study",
                allowed="is missing: this network was not trained for the dies of a card. "
                "`mtjspice train` does so; `mtjspice run` simulates one that was not",
            )
        return self.study

    def tuned(self, g_norm: float) -> "Network":
        """The same network with one G_norm for all layers, in units of a weight."""
        layers = (replace(layer, g_norm=g_norm * layer.unit) for layer in self.layers)
        return replace(self, layers=tuple(layers))


def key_of(layers: Sequence[Layer]) -> str:
    """SHA-256 of what layers are, for networks of which nothing else is known."""
    digest = hashlib.sha256()
    for layer in layers:
        digest.update(repr(layer.states.shape).encode())
        digest.update(np.ascontiguousarray(layer.states).tobytes())
        digest.update(layer.bias.tobytes())
    return digest.hexdigest()


def pair_states(weights: npt.NDArray[np.int8]) -> npt.NDArray[np.uint8]:
    """Junction states of ternary weights [input, output]; a weight of 0 is AP on both sides.

    AP, not P: both give the same difference, and AP draws less current through the wires.
    """
    inputs, outputs = weights.shape
    states = np.ones((inputs, 2 * outputs), dtype=np.uint8)
    states[:, 0::2][weights > 0] = 0
    states[:, 1::2][weights < 0] = 0
    return states


def check_layers(layers: Sequence[Layer], inputs: int, outputs: int, source: str | Path) -> None:
    """See that layers on paper fit each other and the data.

    Raises:
        InputError: naming the layer.
    """
    width = inputs
    for i, layer in enumerate(layers):
        _, rows, columns = layer.states.shape
        if rows != width or columns != 2 * layer.bias.size:
            raise InputError(
                source=source,
                key=f"layer {i + 1}",
                value=[rows, columns, layer.bias.size],
                allowed=f"must have {width} rows and two columns for each bias",
            )
        width = layer.bias.size
    if width != outputs:
        raise InputError(
            source=source, key="last layer", value=width, allowed=f"must have {outputs} outputs"
        )
