"""Test benches: netlists that measure by themselves, run by the ngspice program.

A bench prints a line ``figure <name> = <value>`` for each number and may write waveforms with
``wrdata``. Those that ship are in ``netlists/benches/``.
"""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mtjspice.errors import SimulationError, SimulatorMissingError
from mtjspice.spice.probe import ADVICE

TIMEOUT_S = 300.0


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
    """Run a bench in a folder, which keeps what it writes and its log.

    Raises:
        SimulatorMissingError: if there is no ngspice program.
        SimulationError: if it fails or prints no figure, or one that is not a number.
    """
    program = shutil.which("ngspice")
    if program is None:
        raise SimulatorMissingError(f"the program ngspice was not found. {ADVICE}")
    scripts = Path(__file__).parent / "scripts"
    try:
        done = subprocess.run(
            [program, "-b", str(netlist.resolve())],
            cwd=folder,
            env=os.environ | {"SPICE_SCRIPTS": str(scripts)},
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise SimulationError(f"{netlist.name} took over {TIMEOUT_S:g} s", run_dir=folder) from None
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
    waves = {path.stem: _read_wave(path) for path in sorted(folder.glob("*.dat"))}
    return BenchResult(numbers, waves)


def _read_wave(path: Path) -> dict[str, npt.NDArray[np.float64]]:
    with path.open(encoding="utf-8") as file:
        names = file.readline().split()
        columns = np.loadtxt(file, ndmin=2).T
    return dict(zip(names, columns, strict=True))
