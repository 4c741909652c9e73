"""Trained weights on dies, as the surrogate sees them: converters, amplifiers, tiles, defects."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mtjspice.data.network import Layer, Network
from mtjspice.data.samples import Samples
from mtjspice.errors import InputError
from mtjspice.spec.base import is_path
from mtjspice.spec.calibration import Calibration
from mtjspice.spec.die import Die
from mtjspice.spec.periphery import Converter
from mtjspice.surrogate.card import Card, load_card
from mtjspice.surrogate.model import Surrogate
from mtjspice.surrogate.programmed import Programmed
from mtjspice.train.model import activated, weighed
from mtjspice.train.through import through
from mtjspice.train.tiles import experiments_of, placement_of, states_of

CHUNK = 2000
"""Samples that are read at once: their voltages and currents should stay in the cache's reach."""


Reader = Callable[[int, Tensor], Tensor]
"""Currents that amplifiers report, [tile, sample, column], A, for a layer's number and the voltages
of its tiles' rows above the reference, [tile, sample, row]."""


@dataclass(frozen=True)
class OnDies:
    """A network in the tiles of the dies that it spans, and what reads them.

    Attributes:
        weights: what was written.
        circuit: of a tile, with its converters.
        read: the tiles, at some level of fidelity.
        by_nodal: of the surrogate: tiles that it leaves to the nodal solver.
    """

    weights: Network
    circuit: Calibration
    read: Reader
    by_nodal: int = 0

    def outputs(self, inputs: Tensor, at_once: int = CHUNK) -> Tensor:
        """Outputs [sample, class] before the last activation, for inputs [sample, feature].

        Args:
            inputs: of the network.
            at_once: so many samples are read side by side.

        Raises:
            InputError: if the inputs lack a feature.
        """
        check_inputs(self.weights, inputs)
        return torch.cat([self._through(some) for some in torch.split(inputs, at_once)])

    def sums(self, k: int, x: Tensor) -> Tensor:
        """What the digital part adds up in layer k for x [sample, input], [sample, output]."""
        placement = placement_of(self.weights.layers[k])
        return self.added(k, self.read(k, placement.volts(given_by(self.circuit, x))))

    def added(self, k: int, currents: Tensor) -> Tensor:
        """`sums` of layer k from what its tiles' amplifiers report, [tile, sample, column], A."""
        layer, circuit = self.weights.layers[k], self.circuit
        placement = placement_of(layer)
        partial = placement.partial_sums(converted(circuit, currents))
        counted = weighed(partial * (1 / (layer.unit * circuit.read_voltage)), layer.outlier)
        return placement.summed(counted)

    def _through(self, inputs: Tensor) -> Tensor:
        return _through(self.weights, inputs, self.sums)


def _through(weights: Network, inputs: Tensor, sums: Callable[[int, Tensor], Tensor]) -> Tensor:
    """Outputs of a network for inputs [sample, feature]; sums are those of `OnDies.sums`."""

    def read(k: int, x: Tensor) -> Tensor:
        layer = weights.layers[k]
        return sums(k, x) * (layer.unit / layer.g_norm) + torch.from_numpy(layer.bias).to(x.dtype)

    def activate(x: Tensor) -> Tensor:
        return activated(x, weights.activation)

    return through(len(weights.layers), inputs[:, list(weights.features)], read, activate)


def on_dies(
    weights: Network,
    surrogate: Surrogate,
    dies: Sequence[Die],
    dtype: torch.dtype = torch.float32,
) -> OnDies:
    """Write weights into dies that the surrogate reads.

    Args:
        weights: trained for tiles like those of the surrogate's card.
        surrogate: at the level that is asked for.
        dies: that the network spans.
        dtype: of the reads; the circuit is solved in double precision.

    Raises:
        InputError: if the weights were trained for another card, there are not enough dies, or a
            die is outside of the card's range.
    """
    made = programmed(weights, surrogate, dies, dtype)
    by_nodal = sum(len(tiles.nodal) for tiles in made)
    return OnDies(weights, surrogate.card.circuit, reader(surrogate, made), by_nodal)


def programmed(
    weights: Network, surrogate: Surrogate, dies: Sequence[Die], dtype: torch.dtype
) -> list[Programmed]:
    """Each layer's tiles as the surrogate reads them, for weights on the dies that they span."""
    card = surrogate.card
    check_design(weights, card, dies)
    made = []
    for layer in weights.layers:
        circuits = experiments_of(
            placement_of(layer),
            card.circuit,
            dies,
            weights.tiles,
            states_of(layer),
        )
        made.append(surrogate.program(circuits).to(dtype))
    return made


def reader(surrogate: Surrogate, tiles: Sequence[Programmed]) -> Reader:
    """Read each layer's tiles by the surrogate."""
    amplifier = surrogate.card.amplifier

    def read(k: int, volts: Tensor) -> Tensor:
        currents: Tensor = surrogate(volts, tiles[k])
        if amplifier is None:
            return currents
        return (amplifier.zero - surrogate.amplified(currents)) * (1 / amplifier.gain)

    return read


def card_of(weights: Network, named: str | Path | None = None) -> Card:
    """The calibration card that weights were trained with.

    A file that the weights name is not followed: they may come from others, who would say what is
    read here. Whoever uses them names it.

    Args:
        weights: perhaps from a folder.
        named: the card, as `load_card` takes it; the one that the weights name if left out, which
            must be one that ships.

    Raises:
        InputError: if the weights name a file, or the card is not theirs by its key.
    """
    theirs = named if named is not None else weights.training.hardware.card
    if named is None and is_path(str(theirs)):
        raise InputError(
            source=f"weights of {weights.name}",
            key="study.hardware.card",
            value=theirs,
            allowed="is a file, and weights do not say which files are read here; if it is the "
            "card that you want, name it: --card FILE",
        )
    card = load_card(theirs)
    _check_key(weights, card)
    return card


def check_design(weights: Network, card: Card, dies: Sequence[Die]) -> None:
    """See that weights, card and dies belong together.

    Raises:
        InputError: naming what does not.
    """
    _check_key(weights, card)
    shape = card.circuit.crossbar.shape
    for k, layer in enumerate(weights.layers):
        if layer.states.shape[1:] != shape:
            raise InputError(
                source=f"weights of {weights.name}",
                key=f"layer{k}.states",
                value=list(layer.states.shape),
                allowed=f"the card {card.name} has tiles of {shape[0]} rows and {shape[1]} columns",
            )
    if len(dies) != weights.dies:
        raise InputError(
            source="dies",
            value=len(dies),
            allowed=f"the network spans {weights.dies} dies",
        )


def _check_key(weights: Network, card: Card) -> None:
    if weights.card not in (None, card.key()):
        raise InputError(
            source=f"weights of {weights.name}",
            key="card",
            value=weights.card,
            allowed=f"the card {card.name} in use has the key {card.key()}: the weights are of "
            "another design",
        )


def check_inputs(weights: Network, inputs: Tensor) -> None:
    """See that inputs [sample, feature] have the features that weights use.

    Raises:
        InputError: if they do not.
    """
    least = max(weights.features) + 1
    if inputs.dim() != 2 or inputs.shape[1] < least:
        raise InputError(
            source=f"weights of {weights.name}",
            key="inputs",
            value=list(inputs.shape),
            allowed=f"must have the shape [sample, feature], with at least {least} features, as "
            f"those of {weights.data}",
        )


def error_of(network: OnDies, inputs: Tensor, labels: Tensor) -> float:
    """Share of samples that get a wrong class."""
    return float((network.outputs(inputs).argmax(-1) != labels).float().mean())


def in_software(weights: Network, inputs: Tensor) -> Tensor:
    """Outputs [sample, class] of the weights as numbers, without any circuit.

    Raises:
        InputError: if the inputs lack a feature.
    """
    check_inputs(weights, inputs)

    def sums(k: int, x: Tensor) -> Tensor:
        layer = weights.layers[k]
        placement = placement_of(layer)
        matrix = placement.weights(states_of(layer)).to(x.dtype)
        return placement.summed(weighed(placement.dealt(x) @ matrix, layer.outlier))

    return _through(weights, inputs, sums)


def corrected(network: OnDies, reference: OnDies, inputs: Tensor) -> OnDies:
    """The per-die digital correction: a G_norm for each layer and biases anew, for one die.

    The die reads a few training samples, layer by layer; the sums that it finds are held against
    those that the reference finds for the same samples. A layer's G_norm takes the slope between
    the two (least squares over all its outputs), each bias the median of what is left, which
    single outliers do not move. Labels are not used, and no defect needs to be known.

    Args:
        network: on the die.
        reference: the same weights on the nominal die.
        inputs: [sample, feature] of the training samples that are read.
    """
    x = y = inputs[:, list(network.weights.features)]
    layers: list[Layer] = []
    for k, layer in enumerate(network.weights.layers):
        gain = layer.unit / layer.g_norm
        found, wanted = network.sums(k, x), reference.sums(k, y)
        deviations = found - found.mean(0)
        slope = float((deviations * (wanted - wanted.mean(0))).sum() / deviations.square().sum())
        if not slope > 0:  # a dead layer tells nothing; also where it is nan
            slope = 1.0
        left = (wanted - slope * found).median(0).values
        bias = layer.bias + gain * left.double().numpy()
        layers.append(replace(layer, g_norm=layer.unit / (gain * slope), bias=bias))
        own, old = (torch.from_numpy(b).to(x.dtype) for b in (bias, layer.bias))
        activation = network.weights.activation
        x = activated(gain * slope * found + own, activation)
        y = activated(gain * wanted + old, activation)
    key = hashlib.sha256(network.weights.key.encode())
    for layer in layers:
        key.update(np.array([layer.g_norm, *layer.bias]).tobytes())
    weights = replace(network.weights, layers=tuple(layers), key=key.hexdigest())
    return replace(network, weights=weights)


def given_by(circuit: Calibration, x: Tensor) -> Tensor:
    """Voltages above the reference that the DAC gives for inputs in −1 to 1."""
    reference = circuit.periphery.reference
    volts = quantised(x * circuit.read_voltage + reference, circuit.dac)
    return volts + (circuit.dac.offset - reference)


def converted(circuit: Calibration, currents: Tensor) -> Tensor:
    """Currents that amplifiers report, as the ADC gives them, A; no change without amplifiers."""
    amplifier = circuit.periphery.amplifier
    if amplifier is None:
        return currents
    volts = amplifier.zero - amplifier.gain * currents + circuit.adc.offset
    volts = quantised(volts, circuit.adc)
    return (amplifier.zero - volts) * (1 / amplifier.gain)


def quantised(volts: Tensor, converter: Converter) -> Tensor:
    """Voltages rounded to the converter's steps and held in its range, without its offset."""
    top = 2**converter.bits - 1
    codes = ((volts - converter.low) * (1 / converter.lsb)).round_().clamp_(0, top)
    return codes.mul_(converter.lsb).add_(converter.low)


def tensors(samples: Samples, mask: npt.NDArray[np.bool_]) -> tuple[Tensor, Tensor]:
    """Inputs float32 [sample, feature] and labels of some samples."""
    inputs = torch.from_numpy(samples.inputs[mask].astype(np.float32))
    return inputs, torch.from_numpy(samples.labels[mask])
