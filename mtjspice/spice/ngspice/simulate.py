"""One netlist in, checked vectors out. Runs in a worker process."""

import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from mtjspice.errors import InputError, SimulationError
from mtjspice.netlist.deck import Deck

if TYPE_CHECKING:
    from mtjspice.spice.ngspice.library import Library

IMPOSSIBLE_SIZE = re.compile(r"Effective channel (length|width).*", re.IGNORECASE)
"""What ngspice says of a transistor that is too short or narrow for its model."""
MEASURED = re.compile(r"^(\w+)[ \t]*=[ \t]+([-+]?\d\S*)(?:[ \t].*)?$", re.MULTILINE)
"""A line of a measurement."""
KCL_TOLERANCE = 1e-8
"""Largest sum of all currents into the array, relative to the sum of their magnitudes."""
KCL_FLOOR = 1e-15
"""A current that counts for none, A: what rounding leaves of an array without wires. To it comes
what it may leave of the wires, `Deck.rounding`."""


@dataclass(frozen=True)
class Vectors:
    """What a run gave.

    Attributes:
        values: float64 [point] by the vector's name in the netlist.
        seconds: wall time of load, run and reading.
        log: what ngspice printed.
    """

    values: dict[str, npt.NDArray[np.float64]]
    seconds: float
    log: str


def run_deck(deck: Deck) -> Vectors:
    """Load a netlist, run its analysis once, read and check what it saves.

    Raises:
        SimulationError: as `run_samples`.
    """
    return run_netlist(deck.text, deck)


def run_netlist(netlist: str, deck: Deck) -> Vectors:
    """The same with a netlist that saves what a deck says.

    Raises:
        SimulationError: as `run_samples`.
    """
    return _run(netlist, deck, np.zeros((1, 0)))[0]


def run_samples(deck: Deck, shifts: npt.NDArray[np.float64]) -> list[Vectors]:
    """Load a netlist once and run its analysis for each sample of threshold shifts.

    Args:
        deck: what to run.
        shifts: float64 [sample, transistor], V, in the order of `Deck.transistors`; without
            transistors [sample, 0].

    Raises:
        InputError: if a transistor is too short or narrow for its model.
        SimulationError: unless ngspice finished, gave every vector with every point, all of them
            finite, and Kirchhoff's current law closes over the whole array.
    """
    return _run(deck.text, deck, shifts)


def _run(netlist: str, deck: Deck, shifts: npt.NDArray[np.float64]) -> list[Vectors]:
    # Imported here: the import loads the simulator, and the parent process never needs it.
    from mtjspice.spice.ngspice.library import open_library  # noqa: PLC0415

    library = open_library()
    start = time.perf_counter()
    results = []
    try:
        library.load(with_solver(netlist, klu=library.info.klu))
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
    check_vectors(deck, values)
    library.command("destroy all")
    return values


def with_solver(netlist: str, *, klu: bool) -> str:
    """The netlist that is loaded: the KLU solver is asked for where the library has it."""
    return netlist.replace("\n.options ", "\n.options klu ", 1) if klu else netlist


def check_vectors(deck: Deck, values: dict[str, npt.NDArray[np.float64]]) -> None:
    """Refuse a result that does not count.

    Raises:
        SimulationError: naming the first check that fails.
    """
    for name in deck.vectors:
        if name not in values:
            raise SimulationError(f"vector {name} is missing")
        points = values["time"].size if deck.points is None else deck.points
        if values[name].size != points:
            raise SimulationError(f"{name} has {values[name].size} of {points} points")
        if not np.isfinite(values[name]).all():
            point = int(np.argmin(np.isfinite(values[name])))
            raise SimulationError(f"{name} is {values[name][point]} at point {point}")
    if deck.points is None:
        return  # in a transient, capacitors to ground carry current, too
    if deck.branches:
        # Every branch current is counted as leaving the array, so their sum is zero.
        leaving = np.stack([values[name] for name in deck.branches])
        residual = np.abs(leaving.sum(axis=0))
        scale = np.abs(leaving).sum(axis=0)
        allowed = KCL_TOLERANCE * scale + KCL_FLOOR + deck.rounding
        worst = int(np.argmax(residual - allowed))
        if residual[worst] > allowed[worst]:
            raise SimulationError(
                f"Kirchhoff's current law does not close at point {worst}: "
                f"{residual[worst]:.3g} A of {scale[worst]:.3g} A"
            )
