"""How safe a class is: what the errors of a card's surrogate make of a network's outputs.

A read of a tile is wrong by a small part of full scale; each tile says by how much, in the root
mean square for random inputs, and at most (`mtjspice.surrogate.programmed`). What happens to that
error on its way:

1. *Converter.* A level differs in SPICE only where the read lies near the edge of a step. The
   chance is worked out for every read from its distance to both edges, for normal errors.
2. *Sums.* Pairs, groups and copies add up, each with the slope at which its sum counts.
3. *Activation and DAC.* A changed sum moves what drives the next layer by whole steps.
4. *Next layer.* Moved inputs move its currents, and each read that is moved is rounded anew: a
   twelfth of a step squared before and after, less where it hardly moves at all.
5. *Class.* The lead of the class over each other class has the variance of all of that; what two
   outputs have in common from moved inputs cancels.

Reads err independently of each other here: their errors are, but what makes a level differ is where
the read lies between two edges, and that is as good as random. Terms of second order are left out.
The audit of a sign-off is there to find out whether that is good enough.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mtjspice.data.network import Layer
from mtjspice.device.converter import limits
from mtjspice.signoff.findings import SAFEST
from mtjspice.spec.calibration import Calibration
from mtjspice.surrogate.card import nominal_full_scale
from mtjspice.surrogate.programmed import Programmed, ReadErrors
from mtjspice.train.hardware import OnDies, converted, given_by
from mtjspice.train.model import activated, weighed
from mtjspice.train.tiles import Placement, placement_of

AT_ONCE = 1000
"""Images that are followed side by side: [image, input, output] should stay small."""
FOLLOWED = 0.5
"""Errors above so many steps of a converter move its level by more than one step."""


def full_scale(circuit: Calibration) -> float:
    """What the errors of a circuit's card are shares of, A."""
    crossbar = circuit.crossbar
    return nominal_full_scale(crossbar.cell.mtj, crossbar.rows, circuit.read_voltage)


@dataclass(frozen=True)
class Foreseen:
    """A network on its dies as the surrogate sees it.

    Attributes:
        outputs: float64 [image, class], before the last activation.
        deviation: float64 [image, class]: standard deviation of the lead of the image's class over
            each, due to the errors of reads; 0 for the class itself.
        clipped: share of amplifier outputs at a limit.
    """

    outputs: Tensor
    deviation: Tensor
    clipped: float

    def safety(self, guard: float) -> Tensor:
        """Least lead of an image's class by `guard` standard deviations, [image]; safe above 1."""
        own = self.outputs.argmax(-1, keepdim=True)
        lead = self.outputs.gather(1, own) - self.outputs
        ratio = lead / (guard * self.deviation).clamp(min=1e-300)
        return ratio.scatter(1, own, SAFEST).amin(1).clamp(max=SAFEST)


def foresee(
    network: OnDies, tiles: Sequence[Programmed], errors: Sequence[ReadErrors], inputs: Tensor
) -> Foreseen:
    """Outputs of a network on its dies, and how far they can be trusted.

    Args:
        network: on dies, read by the surrogate.
        tiles: each layer's, as the surrogate reads them.
        errors: of each layer's tiles.
        inputs: float64 [image, feature].
    """
    parts = [_through(network, tiles, errors, some) for some in torch.split(inputs, AT_ONCE)]
    share = sum(part.clipped * len(part.outputs) for part in parts) / len(inputs)
    outputs, deviations = zip(*((part.outputs, part.deviation) for part in parts), strict=True)
    return Foreseen(torch.cat(outputs), torch.cat(deviations), float(share))


@dataclass(frozen=True)
class _Change:
    """By how much numbers may differ in SPICE.

    Attributes:
        square: mean square.
        size: mean magnitude.
        chance: probability that they differ at all.
    """

    square: Tensor
    size: Tensor
    chance: Tensor


@dataclass(frozen=True)
class _Sums:
    """Partial sums of a layer, weights times inputs, [group, image, line].

    Attributes:
        value: as read.
        slope: of what they count for.
        change: by what is misread or rounded anew on the line itself.
        step: of the converter; 0 where currents are not converted.
    """

    value: Tensor
    slope: Tensor
    change: _Change
    step: float


def _through(
    network: OnDies, tiles: Sequence[Programmed], errors: Sequence[ReadErrors], inputs: Tensor
) -> Foreseen:
    weights, circuit = network.weights, network.circuit
    x, moved = inputs[:, list(weights.features)], None
    clipped = []
    for k, layer in enumerate(weights.layers):
        placement = placement_of(layer)
        currents = network.read(k, placement.volts(given_by(circuit, x)))
        clipped.append(_clipped(circuit, currents))
        linear = tiles[k].linear
        sums = _sums(layer, placement, circuit, currents, errors[k], linear, moved)
        unit = 1 / (layer.unit * circuit.read_voltage)
        plus, minus = placement.signed(linear)
        effect = _effect(placement, sums.slope, (plus - minus) * unit)
        gain, bias = layer.unit / layer.g_norm, torch.from_numpy(layer.bias)
        z = placement.summed(weighed(sums.value, layer.outlier)) * gain + bias
        if k == len(weights.layers) - 1:
            deviation = _lead(placement, sums, effect, moved, z.argmax(-1)).sqrt() * abs(gain)
            return Foreseen(z, deviation, sum(clipped) / len(clipped))
        change = _output(placement, sums, effect, moved, abs(gain))
        activation = weights.activation
        if activation == "sign":
            alone = _alone(placement, sums, effect, moved, 2 * circuit.read_voltage, z / gain)
            moved = _crossed(circuit, z, change, alone)
        else:
            moved = _pushed(circuit, z, change)
        x = activated(z, activation)
    raise AssertionError("a network has at least one layer")


def _clipped(circuit: Calibration, currents: Tensor) -> float:
    amplifier = circuit.periphery.amplifier
    if amplifier is None:
        return 0.0
    volts = amplifier.zero - amplifier.gain * currents
    low, high = limits(amplifier)
    return float(((volts <= low) | (volts >= high)).double().mean())


def step_of(circuit: Calibration) -> float | None:
    """A converter's step as a current, A; None where currents are not converted."""
    amplifier = circuit.periphery.amplifier
    if amplifier is None:
        return None
    return circuit.adc.lsb / amplifier.gain


def levels(circuit: Calibration, currents: Tensor) -> Tensor:
    """What the converter makes of reported currents, in steps, before it rounds them.

    Only where `step_of` is not None.
    """
    amplifier = circuit.periphery.amplifier
    assert amplifier is not None
    volts = amplifier.zero - amplifier.gain * currents + circuit.adc.offset
    return (volts - circuit.adc.low) / circuit.adc.lsb


def _sums(
    layer: Layer,
    placement: Placement,
    circuit: Calibration,
    currents: Tensor,
    errors: ReadErrors,
    linear: Tensor,
    moved: _Change | None,
) -> _Sums:
    """Partial sums of a layer with what may change them on the way through the converter."""
    rms = (errors.rms * full_scale(circuit))[:, None, None]
    step = step_of(circuit)
    if step is None:
        change = _Change(
            (rms**2).expand_as(currents), rms.expand_as(currents), torch.ones_like(currents)
        )
    else:
        exact = levels(circuit, currents)
        change = _rounded(exact - exact.round(), rms / step)
        if moved is not None:
            change = _rounded_anew(change, placement, linear / step, moved)
        change = _Change(change.square * step**2, change.size * step, change.chance)
    unit = 1 / (layer.unit * circuit.read_voltage)
    value = placement.partial_sums(converted(circuit, currents)) * unit
    on_lines = _Change(
        placement.summed_pairs(change.square) * unit**2,
        placement.summed_pairs(change.size) * unit,
        placement.summed_pairs(change.chance).clamp(max=1),
    )
    return _Sums(value, _slope(value, layer.outlier), on_lines, (step or 0.0) * unit)


def _rounded(place: Tensor, rms: Tensor) -> _Change:
    """Change of levels, in steps, whose exact values lie at `place`, −0.5 to 0.5, of a step.

    Errors far below a step move a level to the next one, or not at all. Above half a step the level
    follows the error, and rounding adds a twelfth, as to any number that is spread so.
    """
    chance = torch.special.ndtr((place - 0.5) / rms) + torch.special.ndtr((-place - 0.5) / rms)
    square = torch.where(rms > FOLLOWED, rms**2 + place**2 + 1 / 12, chance)
    return _Change(square, torch.where(rms > FOLLOWED, square.sqrt(), chance), chance)


def _rounded_anew(own: _Change, placement: Placement, steps: Tensor, moved: _Change) -> _Change:
    """Levels, in steps, whose reads are moved by other inputs; `steps` [tile, row, column]."""
    deal = placement.volts  # to the rows of tiles, whatever it is that goes there
    spread = (deal(moved.square) @ steps.square()).sqrt()
    size = torch.minimum(spread, deal(moved.size) @ steps.abs())
    # So many tiles' rows as have an input can have moved.
    shifted = deal(moved.chance).sum(-1, keepdim=True).clamp(max=1)
    chance, anew = torch.minimum(shifted, size), torch.minimum(shifted / 6, size)
    return _Change(own.square + anew, own.size + anew, (own.chance + chance).clamp(max=1))


def _slope(sums: Tensor, outlier: float) -> Tensor:
    """Of `weighed`."""
    if not outlier:
        return torch.ones_like(sums)
    fourth = (sums / outlier) ** 4
    return (1 - 3 * fourth) / (1 + fourth) ** 2


def _effect(placement: Placement, slope: Tensor, pairs: Tensor) -> Tensor:
    """What a volt more at an input does to an output's sum, [group, image, row, output]."""
    groups, images, _ = slope.shape
    each = slope.view(groups, images, placement.copies, placement.outputs)
    matrix = pairs.view(groups, -1, placement.copies, placement.outputs)
    return torch.einsum("gsco,grco->gsro", each, matrix)


def _output(
    placement: Placement, sums: _Sums, effect: Tensor, moved: _Change | None, gain: float
) -> _Change:
    """Change of a hidden layer's outputs before the activation, [image, output]."""
    square = placement.summed(sums.slope**2 * sums.change.square)
    size = placement.summed(sums.slope.abs() * sums.change.size)
    chance = placement.summed(sums.change.chance)
    if moved is not None:
        inputs = (placement.dealt(x)[..., None] for x in (moved.square, moved.size, moved.chance))
        squares, sizes, chances = inputs
        square = square + (effect**2 * squares).sum((0, 2))
        size = size + (effect.abs() * sizes).sum((0, 2))
        chance = chance + chances.sum((0, 2))
    square = square * gain**2
    return _Change(square, torch.minimum(size * gain, square.sqrt()), chance.clamp(max=1))


def _alone(
    placement: Placement,
    sums: _Sums,
    effect: Tensor,
    moved: _Change | None,
    jump: float,
    distance: Tensor,
) -> Tensor:
    """Probability of a change that goes so far without another, [image, output].

    Args:
        placement: of the layer.
        sums: a change of a line is a step.
        effect: of its inputs.
        moved: its inputs, if they may change.
        jump: of an input that changes, V.
        distance: how far, units of a sum.
    """
    far = distance.abs()
    alone = placement.summed(sums.change.chance) * (far <= sums.step)
    if moved is not None:
        goes = effect.abs() * jump + sums.step >= far[:, None]
        alone = alone + (placement.dealt(moved.chance)[..., None] * goes).sum((0, 2))
    return alone


def _crossed(circuit: Calibration, z: Tensor, change: _Change, alone: Tensor) -> _Change:
    """Change of what drives the next layer, V, [image, output], where that is a sign.

    Many changes are normal together. Of few, each by a whole step, one alone may do it.
    """
    many = torch.special.ndtr(-z.abs() / change.square.sqrt().clamp(min=1e-300))
    chance, full = torch.minimum(alone + many, change.chance), 2 * circuit.read_voltage
    return _Change(full**2 * chance, full * chance, chance)


def _pushed(circuit: Calibration, z: Tensor, change: _Change) -> _Change:
    """Change of what drives the next layer, V, [image, output], where that is a tanh."""
    steps = (1 - torch.tanh(z) ** 2) * (circuit.read_voltage / circuit.dac.lsb)
    size = steps * change.size
    chance = torch.minimum(change.chance, size)
    square = steps**2 * change.square + torch.minimum(change.chance / 4, size)
    return _Change(square * circuit.dac.lsb**2, size * circuit.dac.lsb, chance)


def _lead(
    placement: Placement, sums: _Sums, effect: Tensor, moved: _Change | None, own: Tensor
) -> Tensor:
    """Variance of the lead of class `own` over each class, gain left out, [image, class]."""
    variance = placement.summed(sums.slope**2 * sums.change.square)
    total = variance + variance.gather(1, own[:, None])
    if moved is not None:
        of_own = effect.gather(3, own[None, :, None, None].expand(*effect.shape[:3], 1))
        squares = placement.dealt(moved.square)[..., None]
        total = total + ((of_own - effect) ** 2 * squares).sum((0, 2))
    return total.scatter(1, own[:, None], 0.0)
