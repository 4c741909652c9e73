"""The same networks at two levels of fidelity: ideal products, and whole arrays in SPICE.

The level between them, the surrogate, has a module of its own: it needs torch.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import xarray as xr

from mtjspice.collect.simulator import Progress, Simulator
from mtjspice.data.network import Layer, Network
from mtjspice.device.writing import write_tile
from mtjspice.spec.base import Floats
from mtjspice.spec.die import Die
from mtjspice.spec.experiment import Experiment
from mtjspice.spec.periphery import Periphery
from mtjspice.spec.stimulus import Stimulus
from mtjspice.spec.study import Study
from mtjspice.spec.tile import ProgrammedTile
from mtjspice.train.mapping import place_network, tiles_of
from mtjspice.train.through import through

MOST_VECTORS = 1000
"""So many input vectors at most share a simulation; every simulation loads its netlist anew."""


@dataclass(frozen=True)
class Chip:
    """A network in the tiles of its die.

    Attributes:
        network: on its tiles, with the states that were to be written.
        die: the draw that its tiles are on.
        tiles: of each layer, in the states that writing left them in.
    """

    network: Network
    die: Die
    tiles: tuple[ProgrammedTile, ...]

    @property
    def written(self) -> Network:
        """The network in the states that writing left its tiles in."""
        pairs = zip(self.network.layers, self.tiles, strict=True)
        layers = (replace(layer, states=tile.states[None]) for layer, tile in pairs)
        return replace(self.network, layers=tuple(layers))


def write_chips(study: Study, networks: Sequence[Network]) -> list[Chip]:
    """Write networks into their dies.

    Raises:
        CapacityError: if a layer does not fit the crossbar.
    """
    chips = []
    for n, network in enumerate(networks):
        own = study.dies == "own"
        die = study.die.replace(seed=study.die.seed + n) if own else study.die
        placed = place_network(network, study.crossbar)
        tiles = tuple(
            write_tile(study.crossbar, study.writing, die, tile, study.technology.temperature)
            for tile in tiles_of(placed)
        )
        chips.append(Chip(placed, die, tiles))
    return chips


def ideal_outputs(
    network: Network,
    inputs: Floats,
    g_norm: Sequence[float],
    matrices: Sequence[Floats] | None = None,
) -> Floats:
    """Outputs of a network on arrays without wires, spread, defects or bias dependence.

    Args:
        network: its weights count in units of G_P − G_AP.
        inputs: [sample, feature].
        g_norm: G_norm values, in units of G_P − G_AP.
        matrices: [input, output] of each layer, in the place of its weights: what an array without
            bias dependence makes of them.

    Returns:
        float64 [g_norm, sample, class], before the last activation: it does not change the class.
    """
    g = np.asarray(g_norm)[:, None, None]
    weights = [layer.weights for layer in network.layers] if matrices is None else matrices

    def read(k: int, x: Floats) -> Floats:
        return np.asarray(x @ weights[k] / g + network.layers[k].bias)

    return through(len(network.layers), inputs[None], read, np.tanh)


@dataclass(frozen=True)
class LayerRead:
    """What one layer's array was given and gave, in SPICE.

    Attributes:
        volts: float64 [g_norm, sample, row] above the reference; the first layer's inputs do not
            depend on G_norm, and its first axis has length 1.
        current: float64 [g_norm, sample, column], A, as the read-out reports it.
        clipped: share of the amplifiers' outputs that stand at a limit.
        delivered: float64 [row, column] of the tile: the root-mean-square voltage over a cell, by
            that of its row's driver; None where cells were not observed.
    """

    volts: Floats
    current: Floats
    clipped: float
    delivered: Floats | None


@dataclass(frozen=True)
class SpiceRun:
    """One network in SPICE.

    Attributes:
        outputs: float64 [g_norm, sample, class], before the last activation.
        reads: of each layer.
    """

    outputs: Floats
    reads: tuple[LayerRead, ...]


def spice_outputs(
    study: Study,
    chips: Sequence[Chip],
    inputs: Floats,
    simulator: Simulator,
    progress: Progress | None = None,
) -> list[SpiceRun]:
    """Every sample through every layer of every network in SPICE.

    A hidden activation is what the read-out makes of the array's currents, and it drives the next
    tile as a voltage, as on the die. All networks must have equally many layers.

    Raises:
        SimulationError: if a simulation fails.
    """
    g = np.asarray(study.readout.g_norm)[:, None, None]
    unit = study.crossbar.cell.mtj.delta_g * study.readout.read_voltage
    depth, chunks = len(chips[0].tiles), _chunks(len(g), len(inputs))
    total = len(chips) * (1 + (depth - 1) * len(chunks))
    finished = 0
    reads: list[list[LayerRead]] = [[] for _ in chips]

    def read(k: int, x: list[Floats]) -> list[Floats]:
        nonlocal finished
        parts = chunks if k else [slice(0, 1)]
        experiments = [
            layer_experiment(
                study, chip, k, np.concatenate(x[n][part]), observe=n == 0 and part.start == 0
            )
            for n, chip in enumerate(chips)
            for part in parts
        ]
        results = simulator.run(experiments, progress and _counted(progress, finished, total))
        finished += len(experiments)
        outputs = []
        for n, chip in enumerate(chips):
            found = _read(study, x[n], results[n * len(parts) : (n + 1) * len(parts)])
            reads[n].append(found)
            pairs = found.current[..., 0::2] - found.current[..., 1::2]
            outputs.append(pairs / (g * unit) + chip.network.layers[k].bias)
        return outputs

    outputs = through(depth, [inputs[None]] * len(chips), read, lambda x: list(map(np.tanh, x)))
    return [SpiceRun(x, tuple(own)) for x, own in zip(outputs, reads, strict=True)]


def _chunks(settings: int, samples: int) -> list[slice]:
    """Settings of G_norm that share a simulation."""
    each = max(MOST_VECTORS // samples, 1)
    return [slice(k, min(k + each, settings)) for k in range(0, settings, each)]


def layer_experiment(
    study: Study, chip: Chip, index: int, activations: Floats, *, observe: bool = False
) -> Experiment:
    """The simulation of one layer.

    Args:
        study: array and read-out.
        chip: network, tiles and die.
        index: which layer, and so which tile of the die.
        activations: [vector, input].
        observe: whether to keep the voltage over every cell.
    """
    rows, columns = chip.network.layers[index].cells.shape
    return Experiment(
        crossbar=study.crossbar,
        tile=chip.tiles[index],
        stimulus=Stimulus(
            volts=activations * study.readout.read_voltage,
            driven_rows=tuple(range(rows)),
            sensed_columns=tuple(range(columns)),
            read_voltage=study.readout.read_voltage,
        ),
        die=chip.die,
        periphery=study.periphery,
        technology=study.technology,
        observe="cells" if observe else "outputs",
    )


def ideal_current(study: Study, layer: Layer, volts: Floats) -> Floats:
    """Column currents of nominal ohmic junctions without wires, A, for volts [..., row]."""
    mtj = study.crossbar.cell.mtj
    return volts @ np.where(layer.cells == 0, 1 / mtj.r_p, 1 / mtj.r_ap)


def full_scale_current(study: Study, layer: Layer) -> float:
    """Current of a column of P junctions with every input at 1, A."""
    return layer.inputs * study.readout.read_voltage / study.crossbar.cell.mtj.r_p


def reported_current(periphery: Periphery, result: xr.Dataset) -> Floats:
    """Column currents [sample, column] as the read-out reports them: clipped by an amplifier."""
    if (amplifier := periphery.amplifier) is not None:
        volts = result["amplifier_voltage"].to_numpy()
        return np.asarray((amplifier.zero - volts) / amplifier.gain)
    return np.asarray(result["current"].to_numpy())


def _counted(progress: Progress, before: int, total: int) -> Progress:
    """Progress of one layer as progress of all of them."""
    return lambda done, _: progress(before + done, total)


def _read(study: Study, activations: Floats, results: list[xr.Dataset]) -> LayerRead:
    volts = activations * study.readout.read_voltage
    current = np.concatenate([reported_current(study.periphery, result) for result in results])
    sizes = [result.sizes["vector"] for result in results]
    clipped = [result.attrs.get("clipped_share", 0.0) for result in results]
    delivered = None
    if "cell_voltage" in results[0]:
        cells = results[0]["cell_voltage"].to_numpy()
        delivered = np.full(cells.shape[1:], np.nan)
        driven = np.sqrt((np.concatenate(volts)[: len(cells)] ** 2).mean(axis=0))
        with np.errstate(invalid="ignore", divide="ignore"):
            delivered[: driven.size] = (
                np.sqrt((cells[:, : driven.size] ** 2).mean(axis=0)) / driven[:, None]
            )
    return LayerRead(
        volts=volts,
        current=current.reshape(*volts.shape[:2], -1),
        clipped=float(np.average(clipped, weights=sizes)),
        delivered=delivered,
    )
