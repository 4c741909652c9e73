"""Trained weights in the tiles of dies, read by SPICE."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mtjspice.collect.simulator import Progress, Simulator
from mtjspice.data.network import Network
from mtjspice.networks.levels import reported_current
from mtjspice.spec.calibration import Calibration
from mtjspice.spec.die import Die
from mtjspice.spec.experiment import Experiment
from mtjspice.spec.stimulus import Stimulus
from mtjspice.train.hardware import OnDies
from mtjspice.train.tiles import experiments_of, placement_of, states_of


@dataclass(frozen=True)
class LayerReads:
    """The tiles of a layer in SPICE.

    Attributes:
        volts: float64 [tile, image, row], above the reference.
        currents: float64 [tile, image, column], as the read-out reports them, A.
        keys: of each tile's simulation.
        clipped: share of the amplifiers' outputs at a limit.
        seconds: that SPICE took, over all tiles.
    """

    volts: Tensor
    currents: Tensor
    keys: tuple[str, ...]
    clipped: float
    seconds: float


def in_spice(
    weights: Network,
    circuit: Calibration,
    dies: Sequence[Die],
    simulator: Simulator,
    progress: Progress | None = None,
    kept: Callable[[LayerReads], None] | None = None,
) -> OnDies:
    """A network on dies, every tile of which is simulated for every sample.

    A hidden activation is what the digital part makes of the simulated currents, and it drives the
    next layer's tiles, as on the die.

    Args:
        weights: what is written.
        circuit: of a tile.
        dies: that the network spans.
        simulator: runs the tiles of a layer side by side, each with all samples that are read at
            once in one sweep.
        progress: told of the tiles of each layer.
        kept: told of each layer's reads.
    """

    def read(k: int, volts: Tensor) -> Tensor:
        found = read_layer(weights, circuit, dies, k, volts, simulator, progress)
        if kept:
            kept(found)
        return found.currents.to(volts.dtype)

    return OnDies(weights, circuit, read)


def read_layer(
    weights: Network,
    circuit: Calibration,
    dies: Sequence[Die],
    k: int,
    volts: Tensor,
    simulator: Simulator,
    progress: Progress | None = None,
) -> LayerReads:
    """Simulate a layer's tiles for given voltages of their rows.

    Args:
        weights: what is written.
        circuit: of a tile.
        dies: that the network spans.
        k: number of the layer.
        volts: [tile, image, row], above the reference.
        simulator: runs the tiles side by side, each with all images in one sweep.
        progress: told of the tiles.
    """
    tiles = driven_tiles(weights, circuit, dies, k, volts)
    results = simulator.run(tiles, progress)
    currents = np.stack([reported_current(circuit.periphery, result) for result in results])
    return LayerReads(
        volts=volts.double(),
        currents=torch.from_numpy(currents),
        keys=tuple(str(result.attrs["key"]) for result in results),
        clipped=float(np.mean([result.attrs.get("clipped_share", 0.0) for result in results])),
        seconds=float(sum(result.attrs.get("seconds", 0.0) for result in results)),
    )


def driven_tiles(
    weights: Network,
    circuit: Calibration,
    dies: Sequence[Die],
    k: int,
    volts: Tensor,
    some: Sequence[int] | None = None,
) -> list[Experiment]:
    """The simulations of layer k's tiles, or of `some` of them, with volts [tile, image, row]."""
    layer = weights.layers[k]
    tiles = experiments_of(
        placement_of(layer),
        circuit,
        dies,
        weights.tiles,
        states_of(layer),
    )
    return [
        tile.replace(
            stimulus=Stimulus(volts=driven.double().numpy(), read_voltage=circuit.read_voltage)
        )
        for tile, driven in zip(tiles if some is None else [tiles[t] for t in some], volts,
                                strict=True)
    ]  # fmt: skip
