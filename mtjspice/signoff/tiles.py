"""Trained weights in the tiles of dies, read by ngspice."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from mtjspice.collect.simulator import Progress, Simulator
from mtjspice.data.weights import ProgrammedNetwork
from mtjspice.signoff.levels import reported_current
from mtjspice.spec.calibration import Calibration
from mtjspice.spec.die import Die
from mtjspice.spec.stimulus import Stimulus
from mtjspice.train.hardware import OnDies
from mtjspice.train.tiles import experiments_of, placement_of


def in_ngspice(
    weights: ProgrammedNetwork,
    circuit: Calibration,
    dies: Sequence[Die],
    simulator: Simulator,
    progress: Progress | None = None,
) -> OnDies:
    """A network on dies, every tile of which is simulated for every sample.

    Args:
        weights: what is written.
        circuit: of a tile.
        dies: that the network spans.
        simulator: runs the tiles of a layer side by side.
        progress: told of the tiles of each layer.
    """

    def read(k: int, volts: Tensor) -> Tensor:
        layer = weights.layers[k]
        tiles = experiments_of(
            placement_of(layer),
            circuit,
            dies,
            weights.study.hardware.tiles,
            torch.from_numpy(layer.states),
        )
        experiments = [
            tile.replace(
                stimulus=Stimulus(volts=driven.double().numpy(), read_voltage=circuit.read_voltage)
            )
            for tile, driven in zip(tiles, volts, strict=True)
        ]
        results = simulator.run(experiments, progress)
        currents = np.stack([reported_current(circuit.periphery, result) for result in results])
        return torch.from_numpy(currents).to(volts.dtype)

    return OnDies(weights, circuit, read)
