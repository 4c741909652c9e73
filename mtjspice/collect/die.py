"""One array in SPICE, or a whole die: every tile's vectors, spread over the workers."""

from pathlib import Path

import numpy as np
import xarray as xr

from mtjspice.collect.simulator import Progress, Simulator
from mtjspice.device.converter import at_limit, outside, to_codes
from mtjspice.device.trial import tile_experiment
from mtjspice.spec.design import DieDesign
from mtjspice.spec.experiment import Experiment
from mtjspice.spec.toml import read_spec


def simulate(
    described: Experiment | DieDesign | str | Path,
    *,
    jobs: int | None = None,
    store: str | Path | None = None,
    progress: Progress | None = None,
) -> xr.Dataset:
    """Simulate one array, or every tile of a die, in SPICE.

    Args:
        described: the array or the die, or the TOML file of either.
        jobs: worker processes; one for an array, for a die as many as processors and memory allow,
            if left out.
        store: folder in which results are kept and found again; nothing is kept if left out.
        progress: told of simulations done, and of how many there are.

    Returns:
        An `xarray.Dataset` in SI units, whose own ``to_pandas`` and ``to_dataframe`` make tables:
        ``current`` (vector, output_line), A, and all else that `mtjspice.data.results` lists. Of a
        die ``tile`` is the first dimension.

    Raises:
        InputError: if the circuit cannot be built.
        SimulatorMissingError: if there is no usable SPICE.
        SimulationError: if SPICE gives no result that counts.

    Example:
        >>> from mtjspice import simulate
        >>> simulate("examples/array/array.toml")["current"].shape  # with SPICE
        (2, 4)
    """
    if isinstance(described, str | Path):
        found = read_spec(described, Experiment, DieDesign)
        assert isinstance(found, Experiment | DieDesign)
        described = found
    if isinstance(described, Experiment) and jobs is None:
        jobs = 1
    with Simulator(jobs=jobs, store=store, limits=described.simulator) as simulator:
        if isinstance(described, DieDesign):
            return simulate_die(described, simulator, progress)
        return simulator.run([described], progress)[0]


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
    die.attrs = {"level": "spice", "simulator": str(simulator.info), "design": design.name}
    dropped = [
        f"{tile}:{node}"
        for tile, result in enumerate(results)
        for node in result.attrs.get("dropped_nodes", "").split()
    ]
    if dropped:
        die.attrs["dropped_nodes"] = " ".join(dropped)
    if (amplifier := design.periphery.amplifier) is not None:
        volts = die["amplifier_voltage"].to_numpy()
        die["code"] = (("tile", "vector", "output_line"), to_codes(volts, design.adc))
        held = at_limit(volts, amplifier) | outside(volts, design.adc)
        die.attrs["clipped_share"] = float(held.mean())
    return die
