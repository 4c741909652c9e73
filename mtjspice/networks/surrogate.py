"""The same networks at the level of the surrogate: many chips side by side. Needs torch."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mtjspice.networks.levels import Chip, layer_experiment
from mtjspice.spec.base import Floats
from mtjspice.spec.study import Study
from mtjspice.surrogate.card import Card
from mtjspice.surrogate.model import Surrogate
from mtjspice.surrogate.programmed import Programmed
from mtjspice.train.through import through

SIDE_BY_SIDE = 25
"""Chips that are read at once; more need memory and save no time."""


@dataclass(frozen=True)
class Fast:
    """What the surrogate says of networks.

    Attributes:
        outputs: of every network on its die, as `ideal_outputs`: [network, g_norm, sample, class].
        tiles: that were read.
        by_nodal: of those, by the nodal solver: the expansion would be too far off.
    """

    outputs: Floats
    tiles: int
    by_nodal: int


def surrogate_outputs(study: Study, card: Card, chips: Sequence[Chip], inputs: Floats) -> Fast:
    """Outputs of every network on its die.

    Raises:
        InputError: if the circuit or a die is outside the card's range.
    """
    surrogate = Surrogate(card, "full")
    outputs, tiles, by_nodal = [], 0, 0
    for start in range(0, len(chips), SIDE_BY_SIDE):
        some = chips[start : start + SIDE_BY_SIDE]
        layers = [_programmed(study, surrogate, some, k) for k in range(len(some[0].tiles))]
        tiles += len(some) * len(layers)
        by_nodal += sum(len(programmed.nodal) for programmed in layers)

        x = torch.from_numpy(inputs).expand(len(some), 1, *inputs.shape)
        with torch.no_grad():
            outputs.append(
                through(
                    len(layers), x, _read_by(study, surrogate, some, layers), torch.tanh
                ).numpy()
            )
    return Fast(np.concatenate(outputs), tiles, by_nodal)


def _read_by(
    study: Study, surrogate: Surrogate, chips: Sequence[Chip], layers: Sequence[Programmed]
) -> Callable[[int, Tensor], Tensor]:
    """What a layer of the chips makes of its inputs [chip, g_norm, sample, input]."""
    g = torch.tensor(study.readout.g_norm, dtype=torch.float64)[:, None, None]
    unit = study.crossbar.cell.mtj.delta_g * study.readout.read_voltage

    def read(k: int, x: Tensor) -> Tensor:
        volts = x * study.readout.read_voltage
        flat = surrogate(volts.flatten(1, 2), layers[k])
        pairs = (flat[..., 0::2] - flat[..., 1::2]).unflatten(1, volts.shape[1:3])
        bias = torch.from_numpy(np.stack([chip.network.layers[k].bias for chip in chips]))
        sums: Tensor = pairs / (g * unit) + bias[:, None, None]
        return sums

    return read


def effective_conductances(study: Study, card: Card, chips: Sequence[Chip]) -> list[Floats]:
    """Output current by input voltage at rest, S, [network, input, column], of each layer.

    Args:
        study: the array, which counts with its wires.
        card: of the surrogate.
        chips: the networks in their tiles.

    Raises:
        InputError: if the circuit or a die is outside the card's range.
    """
    surrogate = Surrogate(card, "linear")
    return [
        _programmed(study, surrogate, chips, k).linear.numpy() for k in range(len(chips[0].tiles))
    ]


def _programmed(study: Study, surrogate: Surrogate, chips: Sequence[Chip], k: int) -> Programmed:
    """Layer k of chips."""
    blank = np.zeros((1, chips[0].network.layers[k].inputs))
    return surrogate.program([layer_experiment(study, chip, k, blank) for chip in chips])
