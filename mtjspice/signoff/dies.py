"""Networks on their dies: what SPICE reads, image by image, beside what the surrogate says."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from mtjspice.collect.simulator import Progress, Simulator
from mtjspice.data.network import Network
from mtjspice.errors import InputError
from mtjspice.networks.tiles import LayerReads, in_spice
from mtjspice.signoff.compare import Compared, Differing, compare_layer
from mtjspice.signoff.findings import Floats, Ints
from mtjspice.signoff.margins import Foreseen, foresee
from mtjspice.spec.die import Die
from mtjspice.surrogate.card import Card
from mtjspice.surrogate.model import Surrogate, check_range
from mtjspice.surrogate.programmed import Programmed, ReadErrors
from mtjspice.train.hardware import OnDies, check_design, programmed, reader
from mtjspice.train.tiles import experiments_of, placement_of, states_of


@dataclass(frozen=True)
class Specimen:
    """A network on the dies that it spans.

    Attributes:
        name: of the die, or of the network.
        weights: what is written.
        dies: that it spans.
        intended: what was to be written, and is without a circuit; `weights` if left out.
    """

    name: str
    weights: Network
    dies: tuple[Die, ...]
    intended: Network | None = None

    @property
    def tiles(self) -> int:
        """Tiles in use."""
        return sum(len(layer.states) for layer in self.weights.layers)


def check_specimen(one: Specimen, card: Card) -> None:
    """See that a card knows such weights, dies and tiles, before any work is done.

    Raises:
        InputError: naming what it does not know.
    """
    check_design(one.weights, card, one.dies)
    if all(line.level != "nodal" for line in card.errors):
        raise InputError(
            source=f"card {card.name}",
            key="errors",
            allowed="says nothing of the nodal solver, which bounds the errors of every tile's "
            "reads: calibrate it anew",
        )
    tiles = one.weights.tiles
    for layer in one.weights.layers:
        states = states_of(layer)
        for tile in experiments_of(placement_of(layer), card.circuit, one.dies, tiles, states):
            check_range(card, tile)


@dataclass(frozen=True, slots=True)
class FoundFlip:
    """A decision that differs, with what drives the tile that shows it.

    Attributes:
        differing: what differs.
        image: number.
        key: of the simulation.
        vector: in it.
        volts: float64 [row] of that tile.
    """

    differing: Differing
    image: int
    key: str
    vector: int
    volts: Floats


@dataclass
class Log:
    """What SPICE has read of one specimen so far. Arrays are over all tiles of the network.

    Attributes:
        outputs: float64 [class] of each image, before the last activation.
        square: float64 [tile, line], sum of squared errors of reads, shares of full scale.
        largest: float64 [tile, line], largest magnitude of an error.
        flips: int64 [tile, line], levels that differ.
        found: decisions that differ.
        clipped: sum over the images of the share of amplifier outputs at a limit.
        seconds: that SPICE took.
    """

    outputs: dict[int, Floats] = field(default_factory=dict)
    square: Floats | float = 0.0
    largest: Floats | float = 0.0
    flips: Ints | int = 0
    found: list[FoundFlip] = field(default_factory=list)
    clipped: float = 0.0
    seconds: float = 0.0

    def add(
        self, images: Sequence[int], outputs: Floats, reads: Sequence[LayerReads],
        compared: Sequence[Compared],
    ) -> None:  # fmt: skip
        """Add images that were read in one go."""
        self.outputs |= dict(zip(images, outputs, strict=True))
        self.square = self.square + np.concatenate([c.square for c in compared])
        self.flips = self.flips + np.concatenate([c.flips for c in compared])
        self.largest = np.maximum(self.largest, np.concatenate([c.largest for c in compared]))
        self.clipped += float(np.mean([read.clipped for read in reads])) * len(images)
        self.seconds += sum(read.seconds for read in reads)
        self.found += [
            _found(differing, images, reads[differing.layer])
            for one in compared
            for differing in one.differing
        ]


class OnOneDie:
    """A specimen at both levels.

    Args:
        specimen: network and dies.
        surrogate: of the condition's card, at level ``full``.

    Attributes:
        specimen: the same.
        network: read by the surrogate.
        log: what SPICE has read so far.

    Raises:
        InputError: if the dies are outside of the card's range.
    """

    def __init__(self, specimen: Specimen, surrogate: Surrogate):
        self.specimen, self.log = specimen, Log()
        self._tiles: list[Programmed] = programmed(
            specimen.weights, surrogate, specimen.dies, torch.float64
        )
        circuit = surrogate.card.circuit
        self.network = OnDies(specimen.weights, circuit, reader(surrogate, self._tiles))

    @property
    def by_nodal(self) -> int:
        """Tiles that the nodal solver reads in the place of the expansion."""
        return sum(len(tiles.nodal) for tiles in self._tiles)

    def errors(self, scale: float) -> list[ReadErrors]:
        """What the reads of each layer's tiles may be off, times a factor."""
        return [tiles.errors.scaled(scale) for tiles in self._tiles if tiles.errors is not None]

    def foresee(self, inputs: Tensor, scale: float) -> Foreseen:
        """What the surrogate says of inputs [image, feature]."""
        with torch.no_grad():
            return foresee(self.network, self._tiles, self.errors(scale), inputs)

    def read(
        self,
        inputs: Tensor,
        images: Sequence[int],
        classes: Ints,
        simulator: Simulator,
        told: Progress | None = None,
    ) -> None:
        """Read images in SPICE, all in one sweep of each tile, and log them.

        Args:
            inputs: float64 [image, feature], of all images.
            images: numbers of those that are read.
            classes: of all images, by the surrogate.
            simulator: SPICE.
            told: of the tiles of each layer.
        """
        weights, reads = self.specimen.weights, list[LayerReads]()
        circuit = self.network.circuit
        theirs = in_spice(
            weights, circuit, self.specimen.dies, simulator, told, reads.append
        )  # fmt: skip
        with torch.no_grad():
            outputs = theirs.outputs(inputs[list(images)], len(images)).numpy()
            compared = [
                compare_layer(self.network, k, read, errors)
                for k, (read, errors) in enumerate(zip(reads, self.errors(1.0), strict=True))
            ]
        self.log.add(images, outputs, reads, compared)
        differ = outputs.argmax(-1) != classes[list(images)]
        for j in map(int, np.flatnonzero(differ)):
            differing = self._class(j, int(classes[images[j]]), int(outputs[j].argmax()))
            self.log.found.append(_found(differing, images, reads[-1]))

    def _class(self, image: int, ours: int, theirs: int) -> Differing:
        """A class that differs; its line is the first copy of the class that SPICE found."""
        last = len(self.specimen.weights.layers) - 1
        pairs = self.specimen.weights.layers[last].states.shape[2] // 2
        return Differing("class", last, theirs // pairs, theirs, image, ours, theirs, 0.0)


def _found(differing: Differing, images: Sequence[int], read: LayerReads) -> FoundFlip:
    tile = max(differing.tile, 0)
    return FoundFlip(
        differing=differing,
        image=images[differing.image],
        key=read.keys[tile],
        vector=differing.image,
        volts=read.volts[tile, differing.image].numpy().copy(),
    )
