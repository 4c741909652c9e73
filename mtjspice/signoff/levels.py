"""The same networks at two levels of fidelity: ideal products, and whole arrays in ngspice."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import xarray as xr

from mtjspice.collect.simulator import Progress, Simulator
from mtjspice.data.network import Layer, Network
from mtjspice.spec.experiment import Experiment
from mtjspice.spec.periphery import TransimpedanceAmplifier
from mtjspice.spec.stimulus import Stimulus
from mtjspice.spec.study import Study
from mtjspice.train.mapping import place_layer

Floats = npt.NDArray[np.float64]


def ideal_outputs(network: Network, inputs: Floats, g_norm: Sequence[float]) -> Floats:
    """Outputs of a network on arrays without wires, spread, defects or bias dependence.

    Args:
        network: its weights count in units of G_P − G_AP.
        inputs: [sample, feature].
        g_norm: G_norm values, in units of G_P − G_AP.

    Returns:
        float64 [g_norm, sample, class], before the last activation: it does not change the class.
    """
    g = np.asarray(g_norm)[:, None, None]
    x = inputs[None]
    for i, layer in enumerate(network.layers):
        x = (np.tanh(x) if i else x) @ layer.weights / g + layer.bias
    return x


@dataclass(frozen=True)
class LayerRead:
    """What one layer's array was given and gave, in ngspice.

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
    """One network in ngspice.

    Attributes:
        outputs: float64 [g_norm, sample, class], before the last activation.
        reads: of each layer.
    """

    outputs: Floats
    reads: tuple[LayerRead, ...]


def ngspice_outputs(
    study: Study,
    networks: Sequence[Network],
    inputs: Floats,
    simulator: Simulator,
    progress: Progress | None = None,
) -> list[SpiceRun]:
    """Every sample through every layer of every network in ngspice.

    A hidden activation is what the read-out makes of the array's currents, and it drives the next
    tile as a voltage, as on the die. All networks must have equally many layers.

    Raises:
        CapacityError: if a layer does not fit the crossbar.
        SimulationError: if a simulation fails.
    """
    g = np.asarray(study.readout.g_norm)[:, None, None]
    unit = study.crossbar.cell.mtj.delta_g * study.readout.read_voltage
    depth = len(networks[0].layers)
    total = len(networks) * (1 + (depth - 1) * len(study.readout.g_norm))
    finished = 0
    x = [inputs[None]] * len(networks)
    reads: list[list[LayerRead]] = [[] for _ in networks]
    for k in range(depth):
        layers = [network.layers[k] for network in networks]
        if k:
            x = [np.tanh(a) for a in x]
        experiments = [
            layer_experiment(study, network.name, layers[n], k, x[n][i], observe=n == 0 and i == 0)
            for n, network in enumerate(networks)
            for i in range(len(x[n]))
        ]
        results = simulator.run(experiments, progress and _counted(progress, finished, total))
        finished += len(experiments)
        for n, layer in enumerate(layers):
            of_network = [results.pop(0) for _ in x[n]]
            read = _read(study, x[n], of_network)
            reads[n].append(read)
            pairs = read.current[..., 0::2] - read.current[..., 1::2]
            x[n] = pairs / (g * unit) + layer.bias
    return [SpiceRun(outputs=x[n], reads=tuple(reads[n])) for n in range(len(networks))]


def layer_experiment(
    study: Study, name: str, layer: Layer, index: int, activations: Floats, *, observe: bool
) -> Experiment:
    """The simulation of one layer for all samples at one G_norm.

    Args:
        study: array, die and read-out.
        name: of the network, for errors.
        layer: to be written into the tile.
        index: which layer, and so which tile of the die.
        activations: [sample, input].
        observe: whether to keep the voltage over every cell.
    """
    return Experiment(
        crossbar=study.crossbar,
        tile=place_layer(layer, study.crossbar, index, name),
        stimulus=Stimulus(
            volts=activations * study.readout.read_voltage,
            driven_rows=tuple(range(layer.states.shape[0])),
            sensed_columns=tuple(range(layer.states.shape[1])),
            read_voltage=study.readout.read_voltage,
        ),
        die=study.die,
        periphery=study.periphery,
        technology=study.technology,
        observe="cells" if observe else "outputs",
    )


def ideal_current(study: Study, layer: Layer, volts: Floats) -> Floats:
    """Column currents of nominal ohmic junctions without wires, A, for volts [..., row]."""
    mtj = study.crossbar.cell.mtj
    return volts @ np.where(layer.states == 0, 1 / mtj.r_p, 1 / mtj.r_ap)


def full_scale_current(study: Study, layer: Layer) -> float:
    """Current of a column of P junctions with every input at 1, A."""
    inputs: int = layer.states.shape[0]
    return inputs * study.readout.read_voltage / study.crossbar.cell.mtj.r_p


def reported_current(study: Study, result: xr.Dataset) -> Floats:
    """Column currents [sample, column] as the read-out reports them: clipped by an amplifier."""
    periphery = study.periphery
    if isinstance(periphery, TransimpedanceAmplifier):
        volts = result["amplifier_voltage"].to_numpy()
        return np.asarray((periphery.zero - volts) / periphery.gain)
    return np.asarray(result["current"].to_numpy())


def _counted(progress: Progress, before: int, total: int) -> Progress:
    """Progress of one layer as progress of all of them."""
    return lambda done, _: progress(before + done, total)


def _read(study: Study, activations: Floats, results: list[xr.Dataset]) -> LayerRead:
    volts = activations * study.readout.read_voltage
    current = np.stack([reported_current(study, result) for result in results])
    clipped = float(np.mean([result.attrs.get("clipped_share", 0.0) for result in results]))
    delivered = None
    if "cell_voltage" in results[0]:
        cells = results[0]["cell_voltage"].to_numpy()
        delivered = np.full(cells.shape[1:], np.nan)
        driven = np.sqrt((volts[0] ** 2).mean(axis=0))
        with np.errstate(invalid="ignore", divide="ignore"):
            delivered[: driven.size] = (
                np.sqrt((cells[:, : driven.size] ** 2).mean(axis=0)) / driven[:, None]
            )
    return LayerRead(volts=volts, current=current, clipped=clipped, delivered=delivered)
