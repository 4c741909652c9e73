"""The simulators that there are, and how a circuit runs in one of them."""

from typing import Final

import numpy as np
import numpy.typing as npt

from mtjspice.errors import InputError, SimulationError
from mtjspice.netlist.deck import Deck
from mtjspice.spice.backend import Backend, Description, Vectors
from mtjspice.spice.check import check_vectors
from mtjspice.spice.ngspice.backend import Ngspice

BACKENDS: Final[dict[str, Backend]] = {"ngspice": Ngspice()}
"""By their names."""
DEFAULT = "ngspice"
"""The one that is used where nobody names another."""
LINES: Final = 20
"""Of a simulator's log, that an error quotes."""


def backend_named(which: Backend | str | None = None) -> Backend:
    """A simulator by its name; the usual one if left out, and one that is given as it is.

    Raises:
        InputError: naming those that there are.
    """
    named = DEFAULT if which is None else which
    if not isinstance(named, str):
        return named
    if named not in BACKENDS:
        allowed = f"must be one of {', '.join(BACKENDS)}"
        raise InputError(source="simulator", value=named, allowed=allowed)
    return BACKENDS[named]


def probe() -> Description:
    """Which simulator is used where nobody names one.

    Raises:
        SimulatorMissingError: if there is none that can be used.
    """
    return backend_named().describe()


def run_deck(deck: Deck, backend: Backend | None = None) -> Vectors:
    """Load a circuit, run its analysis once, read and check what it saves.

    Args:
        deck: what to run.
        backend: where; the usual simulator if left out.

    Raises:
        InputError: if a model cannot be of the size that is asked.
        SimulationError: if the simulator fails, or what it gives is not finite and whole.
    """
    return run_samples(deck, np.zeros((1, 0)), backend)[0]


def run_samples(
    deck: Deck, shifts: npt.NDArray[np.float64], backend: Backend | None = None
) -> list[Vectors]:
    """Load a circuit once and run its analysis for each sample of threshold shifts.

    Args:
        deck: what to run.
        shifts: float64 [sample, transistor], V, in the order of `Deck.transistors`; without
            transistors [sample, 0].
        backend: where; the usual simulator if left out.

    Raises:
        InputError: if a transistor is too short or narrow for its model.
        SimulationError: unless the simulator finished, gave every vector with every point, all of
            them finite, and Kirchhoff's current law closes over the whole array.
    """
    used = backend or backend_named()
    return run_netlist(used.write(deck.circuit, used.loaded()), deck, shifts, used)


def run_netlist(
    netlist: str,
    deck: Deck,
    shifts: npt.NDArray[np.float64] | None = None,
    backend: Backend | None = None,
) -> list[Vectors]:
    """The same with a netlist that saves what a deck says.

    Raises:
        InputError: if a model cannot be of the size that is asked.
        SimulationError: if the simulator fails, or what it gives is not finite and whole.
    """
    used = backend or backend_named()
    found = used.run(netlist, deck, np.zeros((1, 0)) if shifts is None else shifts)
    for vectors in found:
        try:
            check_vectors(deck, vectors.values)
        except SimulationError as error:
            last = "\n".join(vectors.log.splitlines()[-LINES:])
            raise SimulationError(error.reason, log=last) from None
    return found
