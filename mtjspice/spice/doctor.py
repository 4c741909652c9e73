"""What `mtjspice doctor` looks at."""

import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from mtjspice.errors import SimulatorError
from mtjspice.spice.ngspice.probe import probe


@dataclass(frozen=True)
class Finding:
    """One part of the installation.

    Attributes:
        part: its name.
        found: version and place, or that it is missing.
        usable: whether mtjspice works with it.
        advice: what to do; empty if nothing.
    """

    part: str
    found: str
    usable: bool
    advice: str


def examine() -> list[Finding]:
    """Look at everything that mtjspice needs."""
    python = f"{sys.version_info.major}.{sys.version_info.minor}.{sys.version_info.micro}"
    findings = [Finding("Python", f"{python} in {sys.prefix}", True, "")]
    findings += [_package(name) for name in ("mtjspice", "PySpice", "torch", "numpy", "scipy")]
    return findings + _simulator()


def _package(name: str) -> Finding:
    try:
        return Finding(name, version(name), True, "")
    except PackageNotFoundError:
        return Finding(name, "missing", False, f"pip install {name}")


def _simulator() -> list[Finding]:
    try:
        info = probe()
    except SimulatorError as error:
        return [Finding("ngspice", "not usable", False, str(error))]
    advice = "" if info.klu else "arrays above 64 x 64 are slow without it: install ngspice 43+"
    return [
        Finding("ngspice", f"{info.version}, {info.library}", True, ""),
        Finding("KLU solver", "yes" if info.klu else "no", True, advice),
    ]
