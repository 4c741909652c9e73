"""PySpice's binding of ngspice's shared library, with what ngspice 39 and newer need.

One library per process: ngspice's state is global.
"""

import functools
import json
import os
import re
import sys
import warnings
from collections.abc import Sequence
from dataclasses import asdict
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt

from mtjspice.errors import SimulationError
from mtjspice.spice.ngspice.probe import NgspiceInfo, find_library
from mtjspice.spice.sandbox import LIBRARY_VARIABLE, SCRIPTS, confine, confine_processes

# Both must stand before PySpice is imported and the library loaded; see scripts/spinit.
os.environ[LIBRARY_VARIABLE] = str(find_library())
os.environ["SPICE_SCRIPTS"] = str(SCRIPTS)

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # PySpice 1.5 predates today's Python
    from PySpice.Spice.NgSpice import Shared, SimulationType

for _version in range(SimulationType.LAST_VERSION + 1, 100):
    # The list of vector types has only grown at its end since 27; PySpice knows up to 34.
    SimulationType.SIMULATION_TYPE.setdefault(_version, SimulationType.SIMULATION_TYPE[27])

ABORTS = re.compile(
    r"singular matrix|aborted|no convergence|can't find|unknown model|"
    r"no such vector|timestep too small|fatal|not enough memory|"
    r"is not a valid|ignored!|resistance to low|^\s*error",
    re.IGNORECASE,
)
"""What ngspice prints when a run did not give a result that counts, whatever its exit status."""


class Library(Shared.NgSpiceShared):  # type: ignore[misc]
    """ngspice, loaded into this process."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.gone = False
        super().__init__(ngspice_id=0, send_data=False)
        banner = self.command("version -f")
        version = re.search(r"ngspice-(\d+)", banner)
        self.info = NgspiceInfo(
            library=os.environ[LIBRARY_VARIABLE],
            version=int(version[1]) if version else 0,
            klu="KLU" in banner,
        )
        confine_processes()

    @staticmethod
    def _send_char(message_c: Any, _ngspice_id: int, user_data: Any) -> int:
        """Keep what ngspice prints.

        PySpice takes any stderr line for an error, also the "Note:" that ngspice prints after a
        successful gmin stepping; `ABORTS` decides instead.
        """
        self = Shared.ffi.from_handle(user_data)
        text = Shared.ffi.string(message_c).decode("utf-8", errors="replace")
        stream, _, content = text.partition(" ")
        self.log.append(content if stream in {"stdout", "stderr"} else text)
        self._stdout.append(self.log[-1])
        return 0

    @staticmethod
    def _exit(status: int, _immediate: bool, _quit: bool, _ngspice_id: int, user_data: Any) -> int:
        """Remember that ngspice gave up: this process's library is not usable any more."""
        Shared.ffi.from_handle(user_data).gone = True
        return status

    def command(self, text: str) -> str:
        """Run one ngspice command and return what it printed.

        Raises:
            SimulationError: if ngspice ended itself.
        """
        try:
            printed = str(self.exec_command(text))
        except (NameError, ValueError) as error:  # how PySpice says that a command failed
            raise SimulationError(str(error), log=self.tail()) from None
        if self.gone:
            raise SimulationError(f"ngspice ended itself in {text!r}", log=self.tail())
        return printed

    def load(self, netlist: str) -> None:
        """Load a netlist, replacing nothing: call `clear` after each run.

        Raises:
            SimulationError: if ngspice refuses it.
        """
        self.log.clear()
        try:
            self.load_circuit(netlist)
        except NameError as error:
            raise SimulationError(f"netlist refused: {error}", log=self.tail()) from None
        self.raise_on_abort("netlist refused")

    def alter(
        self, devices: Sequence[str], parameter: str, values: npt.NDArray[np.float64]
    ) -> None:
        """Set a parameter of devices without loading the netlist anew.

        A device without a name is one that the netlist left out, and its value is of no account.

        Raises:
            SimulationError: if ngspice refuses one of them.
        """
        # One command each: several joined by ";" overflow a buffer of ngspice 39 and end it.
        for device, value in zip(devices, values, strict=len(values) > 0):
            if device:
                self.command(f"alter @{device}[{parameter}] = {float(value)!r}")
        self.raise_on_abort("alter refused")

    def run_analysis(self) -> str:
        """Run the analysis of the loaded netlist; return the name of its plot.

        Raises:
            SimulationError: if ngspice says in any way that it did not finish.
        """
        self.command("run")
        self.raise_on_abort("analysis failed")
        return str(self.last_plot)

    def vector(self, plot: str, name: str) -> npt.NDArray[np.float64] | None:
        """A copy of one vector of a plot; None if it is missing or empty, as after a failure."""
        info = self._ngspice_shared.ngGet_Vec_Info(f"{plot}.{name}".encode())
        if info == Shared.ffi.NULL or info.v_length == 0 or info.v_realdata == Shared.ffi.NULL:
            return None
        buffer = Shared.ffi.buffer(info.v_realdata, info.v_length * 8)
        return np.frombuffer(buffer, dtype=np.float64).copy()

    def clear(self) -> None:
        """Drop results and circuit; without this, memory grows with every array."""
        self.command("destroy all")
        self.command("remcirc")

    def raise_on_abort(self, what: str) -> None:
        """Raise if the log holds a line that means failure."""
        bad = [line for line in self.log if ABORTS.search(line)]
        if bad:
            raise SimulationError(f"{what}: {bad[0].strip()}", log=self.tail())

    def tail(self, lines: int = 20) -> str:
        """The last lines that ngspice printed."""
        return "\n".join(self.log[-lines:])


@functools.cache
def open_library() -> Library:
    """The library of this process, loaded at the first call."""
    return Library()


if __name__ == "__main__":
    # What this library says of itself, for `mtjspice.spice.ngspice.probe` in another process.
    bounds: Any = SimpleNamespace(**json.loads(sys.argv[1]))  # those of a `Resources`
    confine(bounds)
    print(json.dumps(asdict(open_library().info)))
