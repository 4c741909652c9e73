"""Test benches: netlists that measure by themselves, run by the ngspice program.

A bench prints a line ``figure <name> = <value>`` for each number and may write waveforms with
``wrdata``. Those that ship are in ``netlists/benches/``.
"""

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mtjspice.errors import SimulationError, SimulatorMissingError
from mtjspice.spec.resources import Resources
from mtjspice.spice.ngspice.probe import ADVICE
from mtjspice.spice.sandbox import START_UP, environment, private_folder, python

LIMITS = Resources(time=300.0, memory=2**31)
"""Of a bench."""


@dataclass(frozen=True)
class BenchResult:
    """What a bench gave.

    Attributes:
        figures: numbers by name, SI.
        waves: of each file that it wrote, by the file's name without ending, its columns by their
            names in the first line.
    """

    figures: dict[str, float]
    waves: dict[str, dict[str, npt.NDArray[np.float64]]]


def run_bench(netlist: Path, folder: Path) -> BenchResult:
    """Run a bench in a private folder; what it writes and its log are kept in another.

    Raises:
        SimulatorMissingError: if there is no ngspice program.
        SimulationError: if it fails or prints no figure, or one that is not a number.
    """
    found = shutil.which("ngspice")
    if found is None:
        raise SimulatorMissingError(f"the program ngspice was not found. {ADVICE}")
    # -n: without start-up files of the user's.
    program = [str(Path(found).absolute()), "-b", "-n", str(netlist.resolve())]
    with private_folder() as here:
        try:
            done = subprocess.run(
                python("mtjspice.spice.sandbox", LIMITS.model_dump_json(), *program),
                cwd=here,
                env=environment(here),
                capture_output=True,
                text=True,
                errors="replace",
                timeout=LIMITS.time,
                check=False,
            )
        except subprocess.TimeoutExpired:
            reason = f"{netlist.name} took over {LIMITS.time:g} s"
            raise SimulationError(reason, run_dir=folder) from None
        written = [path for path in sorted(here.iterdir()) if path.name != START_UP]
        for path in written:
            shutil.copyfile(path, folder / path.name)
    log = done.stdout + done.stderr
    (folder / f"{netlist.stem}.log").write_text(log, encoding="utf-8")
    figures = dict(re.findall(r"^figure (\S+) = (\S+)", done.stdout, re.MULTILINE))
    tail = "\n".join(log.splitlines()[-20:])
    if done.returncode != 0 or not figures:
        reason = f"{netlist.name} ended with {done.returncode} and {len(figures)} figures"
        raise SimulationError(reason, run_dir=folder, log=tail)
    try:
        numbers = {name: float(value) for name, value in figures.items()}
    except ValueError as error:
        raise SimulationError(f"{netlist.name}: {error}", run_dir=folder, log=tail) from None
    waves = {path.stem: _read_wave(folder / path.name) for path in written if path.suffix == ".dat"}
    return BenchResult(numbers, waves)


def _read_wave(path: Path) -> dict[str, npt.NDArray[np.float64]]:
    with path.open(encoding="utf-8") as file:
        names = file.readline().split()
        columns = np.loadtxt(file, ndmin=2).T
    return dict(zip(names, columns, strict=True))
