"""ngspice as a back end."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mtjspice.netlist.circuit import Circuit
from mtjspice.netlist.deck import Deck
from mtjspice.netlist.spice_dialect import NGSPICE
from mtjspice.spice.backend import Description, Vectors
from mtjspice.spice.ngspice import simulate
from mtjspice.spice.ngspice.probe import NgspiceInfo, probe


@dataclass(frozen=True)
class Ngspice:
    """ngspice through its shared library; see `mtjspice.spice.backend.Backend`."""

    name: str = "ngspice"

    def describe(self) -> Description:
        """Ask the library for its version, in a process of its own.

        Raises:
            SimulatorMissingError: if there is none that can be used; the message says what to do.
        """
        return described(probe())

    def loaded(self) -> Description:
        """That of the library in this process."""
        # Imported here: the import loads the simulator.
        from mtjspice.spice.ngspice.library import open_library  # noqa: PLC0415

        return described(open_library().info)

    def write(self, circuit: Circuit, described: Description) -> str:
        """The netlist; the KLU solver is asked for where the library has it."""
        klu = "KLU" in described.features
        return simulate.with_solver(NGSPICE.write(circuit), klu=klu)

    def run(self, netlist: str, deck: Deck, shifts: npt.NDArray[np.float64]) -> list[Vectors]:
        """Load it, run it once a sample, read it; see `Backend.run`."""
        return simulate.run_netlist(netlist, deck, shifts)

    def measure(self, netlist: str) -> dict[str, float]:
        """What its ``.meas`` lines print."""
        return simulate.run_measures(netlist)


def described(info: NgspiceInfo) -> Description:
    """What a library says of itself, in the words of all back ends."""
    features = ("KLU",) if info.klu else ("without KLU",)
    return Description("ngspice", str(info.version), features, info.library)
