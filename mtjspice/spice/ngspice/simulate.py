"""One netlist in, vectors out. Runs in a worker process."""

import re
import time
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from mtjspice.errors import InputError, SimulationError
from mtjspice.netlist.deck import Deck
from mtjspice.spice.backend import Vectors

if TYPE_CHECKING:
    from mtjspice.spice.ngspice.library import Library

IMPOSSIBLE_SIZE = re.compile(r"Effective channel (length|width).*", re.IGNORECASE)
"""What ngspice says of a transistor that is too short or narrow for its model."""
MEASURED = re.compile(r"^(\w+)[ \t]*=[ \t]+([-+]?\d\S*)(?:[ \t].*)?$", re.MULTILINE)
"""A line of a measurement."""


def run_netlist(netlist: str, deck: Deck, shifts: npt.NDArray[np.float64]) -> list[Vectors]:
    """Load a netlist once and run its analysis for each sample of threshold shifts.

    Args:
        netlist: in the words of ngspice.
        deck: which vectors to read.
        shifts: float64 [sample, transistor], V, in the order of `Deck.transistors`; [sample, 0]
            leaves the circuit as it is.

    Raises:
        InputError: if a model cannot be of the size that is asked.
        SimulationError: if it fails, or says in any way that it did not finish.
    """
    # Imported here: the import loads the simulator, and the parent process never needs it.
    from mtjspice.spice.ngspice.library import open_library  # noqa: PLC0415

    library = open_library()
    start = time.perf_counter()
    results = []
    try:
        library.load(netlist)
        for sample in shifts:
            library.alter(deck.transistors, "delvto", sample)
            values = _run_once(library, deck)
            now = time.perf_counter()
            results.append(Vectors(values, now - start, "\n".join(library.log)))
            start = now
    except SimulationError as error:
        _check_sizes(error.reason)
        raise SimulationError(error.reason, log=library.tail()) from None
    library.clear()
    return results


def run_measures(netlist: str) -> dict[str, float]:
    """Load a netlist, run its analysis once, and read what its ``.meas`` lines print, by name.

    Raises:
        SimulationError: unless ngspice finished and found everything that is measured.
    """
    from mtjspice.spice.ngspice.library import open_library  # noqa: PLC0415, as above

    library = open_library()
    try:
        library.load(with_solver(netlist, klu=library.info.klu))
        library.run_analysis()
    except SimulationError as error:
        raise SimulationError(error.reason, log=library.tail()) from None
    found = measured("\n".join(library.log))
    library.clear()
    return found


def measured(printed: str) -> dict[str, float]:
    """The measurements in what ngspice prints, by name; those that failed are left out."""
    return {name: float(value) for name, value in MEASURED.findall(printed)}


def _check_sizes(reason: str) -> None:
    """Tell a transistor that its model cannot be from a simulation that fails.

    Raises:
        InputError: if ngspice says so of a length or width.
    """
    if said := IMPOSSIBLE_SIZE.search(reason):
        raise InputError(
            source="transistors",
            key="crossbar.cell",
            allowed=f"have a length or width for which their model makes no channel: {said[0]}",
        )


def _run_once(library: "Library", deck: Deck) -> dict[str, npt.NDArray[np.float64]]:
    plot = library.run_analysis()
    values = {}
    for name in deck.vectors:
        vector = library.vector(plot, name)
        if vector is not None:
            values[name] = vector
    library.command("destroy all")
    return values


def with_solver(netlist: str, *, klu: bool) -> str:
    """The netlist that is loaded: the KLU solver is asked for where the library has it."""
    return netlist.replace("\n.options ", "\n.options klu ", 1) if klu else netlist
