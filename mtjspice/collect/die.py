"""A whole die in SPICE: every tile's vectors, spread over the workers."""

import numpy as np
import xarray as xr

from mtjspice.collect.simulator import Progress, Simulator
from mtjspice.device.converter import at_limit, outside, to_codes
from mtjspice.device.trial import tile_experiment
from mtjspice.spec.design import DieDesign
from mtjspice.spec.periphery import TransimpedanceAmplifier


def simulate_die(
    design: DieDesign, simulator: Simulator, progress: Progress | None = None
) -> xr.Dataset:
    """Simulate the trial of every tile.

    Returns:
        The results of `mtjspice.data.results` with ``tile`` as the first dimension; with amplifiers
        also ``code`` (tile, vector, output_line), what the ADC reads, and in the attributes
        ``clipped_share``, the share of reads outside the amplifier's or the ADC's range. Names in
        ``dropped_nodes`` have the tile before them, as in ``3:wl1_0``.

    Raises:
        SimulationError: if a tile fails.
    """
    experiments = [tile_experiment(design, tile) for tile in range(design.tiles)]
    results = simulator.run(experiments, progress)
    # Keys differ from tile to tile; what they have in common stays.
    die: xr.Dataset = xr.concat(
        [result.drop_attrs() for result in results], dim="tile", join="exact"
    )
    die = die.assign_coords(tile=np.arange(design.tiles))
    die.attrs = {"level": "ngspice", "simulator": str(simulator.info), "design": design.name}
    dropped = [
        f"{tile}:{node}"
        for tile, result in enumerate(results)
        for node in result.attrs.get("dropped_nodes", "").split()
    ]
    if dropped:
        die.attrs["dropped_nodes"] = " ".join(dropped)
    if isinstance(design.periphery, TransimpedanceAmplifier):
        volts = die["amplifier_voltage"].to_numpy()
        die["code"] = (("tile", "vector", "output_line"), to_codes(volts, design.adc))
        held = at_limit(volts, design.periphery) | outside(volts, design.adc)
        die.attrs["clipped_share"] = float(held.mean())
    return die
