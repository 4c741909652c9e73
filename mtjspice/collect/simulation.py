"""One experiment in, one labelled result out. Runs in a worker process, on any machine."""

import socket

import xarray as xr

from mtjspice.collect.label import label
from mtjspice.errors import InputError, SimulatorError, SimulatorMissingError
from mtjspice.netlist.deck import build_deck
from mtjspice.netlist.identity import inputs_digest
from mtjspice.spec.experiment import Experiment
from mtjspice.spice.backend import Backend
from mtjspice.spice.backends import run_deck


def simulate_as(
    experiment: Experiment, backend: Backend, simulator: str, inputs: str, key: str
) -> xr.Dataset:
    """Build the netlist of an experiment, run it, label what comes out.

    Args:
        experiment: what to simulate.
        backend: what runs it.
        simulator: the one that the key was made for, as it describes itself.
        inputs: the program and the cards that it was made for, see `inputs_digest`.
        key: what the result will be found by.

    Returns:
        The result in the form of `mtjspice.data.results`.

    Raises:
        InputError: if the circuit has a node without a path to ground.
        SimulationError: if the simulator gives no result that counts.
        SimulatorError: if this machine has another simulator, program or card.
    """
    _check_simulator(backend, simulator)
    _check_inputs(experiment, inputs)
    deck = build_deck(experiment)
    vectors = run_deck(deck, backend)
    result = label(experiment, deck, vectors)
    result.attrs |= {"simulator": simulator, "key": key, "seconds": vectors.seconds}
    return result


def _check_simulator(backend: Backend, expected: str) -> None:
    try:
        found = str(backend.loaded())
    except SimulatorMissingError as error:
        raise SimulatorMissingError(f"on the machine {socket.gethostname()}: {error}") from None
    if found != expected:
        raise SimulatorError(
            f"the machine {socket.gethostname()} has {found}, and the results are asked of "
            f"{expected}; install the same on both"
        )


def _check_inputs(experiment: Experiment, expected: str) -> None:
    machine = socket.gethostname()
    try:
        found = inputs_digest(experiment)
    except InputError as error:
        # The one that made the key could read the card.
        raise SimulatorError(f"on the machine {machine}: {error}") from None
    if found != expected:
        raise SimulatorError(
            f"the machine {machine} would write another netlist: its mtjspice, its numpy or its "
            "transistor card differs, or was changed during the run; install the same on both, "
            "give cards by a path that both see, and start again"
        )
