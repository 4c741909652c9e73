"""The versions that a result depends on."""

import platform
from importlib.metadata import version

PACKAGES = ("mtjspice", "numpy", "scipy", "torch", "PySpice", "xarray", "scikit-learn")


def of_everything(simulator: str) -> dict[str, str]:
    """Python, the packages that compute, and the simulator as it names itself."""
    packages = {name: version(name) for name in PACKAGES}
    return {"python": platform.python_version(), **packages, "simulator": simulator}


def of_training() -> str:
    """What a trained network depends on beside its spec and data."""
    return " ".join(f"{name} {version(name)}" for name in ("mtjspice", "torch", "scikit-learn"))
