"""What is asked of a simulator: it describes itself, writes a circuit, runs it, measures.

A back end is an object that can be pickled: the processes that run simulations get it with their
work. What it gives counts only after `mtjspice.spice.check`, which is the same for all of them.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from mtjspice.netlist.circuit import Circuit
from mtjspice.netlist.deck import Deck


@dataclass(frozen=True)
class Description:
    """One simulator on one machine. What it is called is in every result, and in its key.

    Attributes:
        name: of the simulator.
        version: of it.
        features: what changes how it computes, such as the linear solvers that are built in.
        place: where it was found.

    Example:
        >>> str(Description("Xyce", "7.8", ("KLU",), "/usr/bin/Xyce"))
        'Xyce 7.8 (KLU)'
    """

    name: str
    version: str
    features: tuple[str, ...] = ()
    place: str = ""

    def __str__(self) -> str:
        said = f" ({', '.join(self.features)})" if self.features else ""
        return f"{self.name} {self.version}{said}"


@dataclass(frozen=True)
class Vectors:
    """What a run gave.

    Attributes:
        values: float64 [point] by the vector's name in the deck.
        seconds: wall time of load, run and reading.
        log: what the simulator printed.
    """

    values: dict[str, npt.NDArray[np.float64]]
    seconds: float
    log: str


class Backend(Protocol):
    """A simulator."""

    @property
    def name(self) -> str:
        """What users call it."""
        ...

    def describe(self) -> Description:
        """Which one there is, told without loading it into this process.

        Raises:
            SimulatorMissingError: if there is none that can be used; the message says what to do.
        """
        ...

    def loaded(self) -> Description:
        """Which one this process has, loaded if need be; worker processes ask.

        Raises:
            SimulatorMissingError: if there is none that can be used; the message says what to do.
        """
        ...

    def write(self, circuit: Circuit, described: Description) -> str:
        """The netlist that this simulator loads.

        Raises:
            InputError: naming what it cannot say.
        """
        ...

    def run(self, netlist: str, deck: Deck, shifts: npt.NDArray[np.float64]) -> list[Vectors]:
        """Load a netlist once and run its analysis for each sample of threshold shifts.

        Args:
            netlist: what `write` made of the deck's circuit.
            deck: which vectors to read; one that the simulator does not give is left out.
            shifts: float64 [sample, transistor], V, in the order of `Deck.transistors`, in the
                place of those of the circuit; [sample, 0] leaves the circuit as it is.

        Raises:
            InputError: if a model cannot be of the size that is asked.
            SimulationError: if it fails, or says in any way that it did not finish.
        """
        ...

    def measure(self, netlist: str) -> dict[str, float]:
        """Run a netlist that measures by itself (`Circuit.measures`), and what it prints, by name.

        Raises:
            SimulationError: if it fails, or this simulator has no such netlists.
        """
        ...
