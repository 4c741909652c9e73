"""One netlist in, checked vectors out. Runs in a worker process."""

import time
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mtjspice.errors import SimulationError
from mtjspice.netlist.deck import Deck

KCL_TOLERANCE = 1e-6
"""Largest sum of all currents into the array, relative to the sum of their magnitudes."""


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
    """Load a netlist, run its sweep once, read and check what it saves.

    Raises:
        SimulationError: unless ngspice finished, gave every vector with every point, all of them
            finite, and Kirchhoff's current law closes over the whole array.
    """
    # Imported here: the import loads the simulator, and the parent process never needs it.
    from mtjspice.spice.library import open_library  # noqa: PLC0415

    library = open_library()
    start = time.perf_counter()
    try:
        library.load(with_solver(deck.text, klu=library.info.klu))
        plot = library.run_analysis()
        values = {}
        for name in deck.vectors:
            vector = library.vector(plot, name)
            if vector is not None:
                values[name] = vector
        check_vectors(deck, values)
    except SimulationError as error:
        raise SimulationError(error.reason, log=library.tail()) from None
    log = "\n".join(library.log)
    library.clear()
    return Vectors(values=values, seconds=time.perf_counter() - start, log=log)


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
        if values[name].size != deck.points:
            raise SimulationError(f"{name} has {values[name].size} of {deck.points} points")
        if not np.isfinite(values[name]).all():
            point = int(np.argmin(np.isfinite(values[name])))
            raise SimulationError(f"{name} is {values[name][point]} at point {point}")
    branches = [*deck.row_currents.values(), *deck.column_currents.values()]
    if branches:
        # Every branch current is counted as leaving the array, so their sum is zero.
        leaving = np.stack([values[name] for name in branches])
        residual = np.abs(leaving.sum(axis=0))
        scale = np.abs(leaving).sum(axis=0)
        worst = int(np.argmax(residual - KCL_TOLERANCE * scale))
        if residual[worst] > KCL_TOLERANCE * scale[worst]:
            raise SimulationError(
                f"Kirchhoff's current law does not close at point {worst}: "
                f"{residual[worst]:.3g} A of {scale[worst]:.3g} A"
            )
