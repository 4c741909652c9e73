"""One experiment under many conditions: corners and temperatures, samples of mismatch."""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from mtjspice.collect.simulator import Simulator
from mtjspice.device.variation import draw_normal
from mtjspice.errors import InputError
from mtjspice.netlist.cards import read_card
from mtjspice.spec.experiment import Experiment


def over_corners(
    simulator: Simulator,
    experiment: Experiment,
    corners: Sequence[str],
    temperatures: Sequence[float] = (27.0,),
) -> xr.Dataset:
    """Simulate every corner at every temperature.

    Returns:
        The result of `mtjspice.data.results` with ``corner`` and ``temperature`` (°C) as first
        dimensions.

    Raises:
        InputError: if the card lacks a corner.
        SimulationError: if a simulation fails.
    """
    technology = experiment.technology
    described = [
        experiment.replace(technology=technology.replace(corner=corner, temperature=celsius))
        for corner in corners
        for celsius in temperatures
    ]
    results = simulator.run(described)
    rows = [
        _joined(results[i * len(temperatures) : (i + 1) * len(temperatures)], "temperature")
        for i in range(len(corners))
    ]
    whole = _joined(rows, "corner")
    return whole.assign_coords(corner=list(corners), temperature=list(temperatures))


def over_mismatch(
    simulator: Simulator, experiment: Experiment, samples: int, seed: int = 0
) -> xr.Dataset:
    """Simulate samples of transistor mismatch without loading the netlist anew.

    Each transistor's threshold is drawn from Pelgrom's law with the card's coefficient.

    Returns:
        The result of `mtjspice.data.results` with ``sample`` as the first dimension.

    Raises:
        InputError: if the cells have transistors outside the card's range.
        SimulationError: if a simulation fails.
    """
    if samples < 1:
        raise InputError(source="samples", value=samples, allowed="must be at least 1")
    cell = experiment.crossbar.cell
    card = read_card(experiment.technology)
    transistors = cell.transistors
    card.check_mismatch(1.0, transistors)
    sigma = np.array([card.threshold_sigma(t) for t in transistors])
    rows, columns = experiment.crossbar.shape
    z = draw_normal(seed, experiment.tile.index, (samples, rows * columns, sigma.size))
    shifts = (sigma * z).reshape(samples, -1)
    return _joined(simulator.run_samples(experiment, shifts), "sample")


def _joined(results: Sequence[xr.Dataset], dimension: str) -> xr.Dataset:
    """Results side by side; what they name alike is kept."""
    return xr.concat(results, dim=dimension, join="exact", combine_attrs="drop_conflicts")
