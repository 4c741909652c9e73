"""Reads of tiles in SPICE against the surrogate's for the same inputs, line by line.

The inputs are those that the tile had in SPICE, so that a line stands for its own error and not for
what came to it from the layers before.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mtjspice.networks.tiles import LayerReads
from mtjspice.signoff.findings import Floats, Ints, Kind
from mtjspice.signoff.margins import full_scale, levels, step_of
from mtjspice.spec.calibration import Calibration
from mtjspice.surrogate.programmed import ReadErrors
from mtjspice.train.hardware import OnDies


@dataclass(frozen=True, slots=True)
class Differing:
    """A decision on one line that differs.

    Attributes:
        kind: ``level``, ``sign``, or ``class`` (of which `mtjspice.signoff.dies` makes one).
        layer: counted from 0.
        tile: in the layer; −1 for a sign; of a class, the tile with its first copy.
        line: output line of the tile, or number of the neuron or class.
        image: number among those that were read.
        surrogate: code, sign or class.
        spice: the same.
        ratio: of a level, the least error of the read over its bound; above 1 the bound called it
            impossible. 0 for the others.
    """

    kind: Kind
    layer: int
    tile: int
    line: int
    image: int
    surrogate: int
    spice: int
    ratio: float


@dataclass(frozen=True)
class Compared:
    """One layer's reads.

    Attributes:
        square: float64 [tile, line], sum of squared errors over the images, shares of full scale.
        largest: float64 [tile, line], largest magnitude of an error.
        flips: int64 [tile, line], levels that differ.
        differing: each of them.
    """

    square: Floats
    largest: Floats
    flips: Ints
    differing: tuple[Differing, ...]


def compare_layer(network: OnDies, k: int, reads: LayerReads, errors: ReadErrors) -> Compared:
    """Compare layer k.

    Args:
        network: on the same dies, read by the surrogate.
        k: counted from 0.
        reads: in SPICE.
        errors: that the card admits for the layer's tiles.
    """
    circuit = network.circuit
    ours = network.read(k, reads.volts)
    scale = full_scale(circuit)
    error = (reads.currents - ours) / scale
    differing: list[Differing] = []
    flips = torch.zeros_like(error, dtype=torch.bool)
    step = step_of(circuit)
    if step is not None:
        theirs = _codes(circuit, levels(circuit, reads.currents))
        exact = levels(circuit, ours)
        flips = theirs != _codes(circuit, exact)
        differing += _levels(k, flips, exact, theirs, errors.bound * (scale / step), circuit)
    if k < len(network.weights.layers) - 1 and network.weights.activation == "sign":
        differing += _signs(network, k, reads, ours)
    return Compared(
        square=error.square().sum(1).numpy(),
        largest=error.abs().amax(1).numpy(),
        flips=flips.sum(1).numpy(),
        differing=tuple(differing),
    )


def _codes(circuit: Calibration, exact: Tensor) -> Tensor:
    return exact.round().clamp(0, 2**circuit.adc.bits - 1)


def _levels(
    k: int, flips: Tensor, exact: Tensor, theirs: Tensor, bound: Tensor, circuit: Calibration
) -> list[Differing]:
    """Codes that differ; `exact` and `bound` [tile] in steps."""
    ours = _codes(circuit, exact)
    found = []
    for tile, image, line in flips.nonzero().tolist():
        place = (tile, image, line)
        code, other = int(ours[place]), int(theirs[place])
        # The read must have moved at least to the nearer edge of the step that it came out in.
        edge = other - 0.5 if other > code else other + 0.5
        moved = abs(edge - float(exact[place]))
        found.append(
            Differing("level", k, tile, line, image, code, other, moved / float(bound[tile]))
        )
    return found


def _signs(network: OnDies, k: int, reads: LayerReads, ours: Tensor) -> Sequence[Differing]:
    """Signs of hidden neurons that differ.

    A level that differs may turn a sign, and what may happen to a level says whether it was
    possible; a sign has no bound of its own.
    """
    layer = network.weights.layers[k]
    gain, bias = layer.unit / layer.g_norm, torch.from_numpy(layer.bias)
    theirs, own = (network.added(k, currents) * gain + bias for currents in (reads.currents, ours))
    differ = (theirs >= 0) != (own >= 0)
    return [
        Differing(
            "sign", k, -1, neuron, image,
            1 if own[image, neuron] >= 0 else -1, 1 if theirs[image, neuron] >= 0 else -1, 0.0,
        )
        for image, neuron in differ.nonzero().tolist()
    ]  # fmt: skip
