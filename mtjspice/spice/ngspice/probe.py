"""Which ngspice there is: the shared library's place, its version, whether it has KLU."""

import ctypes.util
import functools
import json
import os
import platform
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from mtjspice.errors import SimulatorMissingError
from mtjspice.spice.sandbox import LIBRARY_VARIABLE, environment, private_folder, python

MIN_VERSION = 39
TIME_S, MEMORY = 60.0, 2**31
"""What the process may take that asks the library for its version, s and bytes."""
ADVICE = (
    "Install ngspice 39 or newer with its shared library (Debian and Ubuntu: the packages "
    "ngspice and libngspice0; Fedora: libngspice; Arch: ngspice; macOS: brew install libngspice), "
    f"or set {LIBRARY_VARIABLE} to the full path of libngspice.so.0. `mtjspice doctor` shows what "
    "is found."
)
_FOLDERS = ("/usr/lib", "/usr/lib64", "/usr/local/lib", "/opt/homebrew/lib")
_NAMES = ("libngspice.so.0", "libngspice.so", "libngspice.dylib")


@dataclass(frozen=True)
class NgspiceInfo:
    """One ngspice library.

    Attributes:
        library: full path of the shared library.
        version: major version number.
        klu: whether the KLU sparse solver is built in.
    """

    library: str
    version: int
    klu: bool

    def __str__(self) -> str:
        return f"ngspice {self.version} ({'KLU' if self.klu else 'without KLU'})"


def find_library() -> Path:
    """The shared library that will be used.

    Raises:
        SimulatorMissingError: if there is none, or the variable names a file that is not there.
    """
    named = os.environ.get(LIBRARY_VARIABLE)
    if named:
        if not Path(named).is_file():
            raise SimulatorMissingError(f"{LIBRARY_VARIABLE} = {named!r} names no file. {ADVICE}")
        return Path(named).absolute()
    machine = f"{platform.machine()}-linux-gnu"
    for folder in _FOLDERS:
        for name in _NAMES:
            for path in (Path(folder, machine, name), Path(folder, name)):
                if path.is_file():
                    return path
    # The loader may know a folder that is not in the list, but only by a bare name.
    loadable = ctypes.util.find_library("ngspice")
    if loadable:
        return Path(loadable)
    raise SimulatorMissingError(f"ngspice's shared library was not found. {ADVICE}")


def probe() -> NgspiceInfo:
    """Ask the library for its version, in a process of its own: a broken one may crash.

    Raises:
        SimulatorMissingError: if there is no library, it cannot be loaded, or it is too old.
    """
    return _probe(str(find_library()))


@functools.cache
def _probe(library: str) -> NgspiceInfo:
    # The other process imports this module, too, and has no use for specs: they take long to load.
    from mtjspice.spec.resources import Resources  # noqa: PLC0415

    limits = Resources(time=TIME_S, memory=MEMORY)
    with private_folder() as here:
        try:
            done = subprocess.run(
                python("mtjspice.spice.ngspice.library", limits.model_dump_json()),
                cwd=here,
                env=environment(here) | {LIBRARY_VARIABLE: library},
                capture_output=True,
                text=True,
                errors="replace",
                timeout=TIME_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise SimulatorMissingError(
                f"{library} did not say its version within {TIME_S:g} s. {ADVICE}"
            ) from None
    answer = re.search(r"^\{.*\}$", done.stdout, re.MULTILINE)
    if done.returncode != 0 or answer is None:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise SimulatorMissingError(
            f"{library} could not be loaded (exit {done.returncode}): {' '.join(last)}. {ADVICE}"
        )
    info = NgspiceInfo(**json.loads(answer[0]))
    if info.version < MIN_VERSION:
        raise SimulatorMissingError(f"{library} is ngspice {info.version}, too old. {ADVICE}")
    return info
