"""What all tests share: where things are, and whether ngspice may, must or must not be used."""

import functools
import os
from pathlib import Path

import pytest

from mtjspice.collect import Simulator
from mtjspice.errors import SimulatorMissingError
from mtjspice.spec import Resources
from mtjspice.spice.ngspice.probe import probe

REPOSITORY = Path(__file__).parents[1]
SHARED_DATA_VARIABLE = "MTJSPICE_SHARED_DATA"


def pytest_addoption(parser):
    parser.addoption(
        "--ngspice",
        choices=("required", "available", "off"),
        default="available",
        help="tests that run ngspice: fail without it, run where it is there (default), or skip",
    )


@functools.cache
def what_ngspice_lacks() -> str:
    """Why ngspice cannot be used; empty if it can. Asked once, before tests change anything."""
    try:
        probe()
    except SimulatorMissingError as error:
        return str(error)
    return ""


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    if item.get_closest_marker("ngspice") is None:
        return
    wanted = item.config.getoption("--ngspice")
    if wanted == "off":
        pytest.skip("--ngspice=off")
    if lack := what_ngspice_lacks():
        if wanted == "required":
            pytest.fail(lack, pytrace=False)
        pytest.skip(lack)


@pytest.fixture(scope="session")
def repository() -> Path:
    """The top folder of the checkout."""
    return REPOSITORY


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of the published data sets, which the repository does not hold."""
    named = os.environ.get(SHARED_DATA_VARIABLE)
    folder = Path(named) if named else REPOSITORY.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no published data: {folder} is no folder; name one in {SHARED_DATA_VARIABLE}")
    return folder


@pytest.fixture(scope="session")
def simulator():
    """ngspice in two workers that all tests share; use it in tests marked ``ngspice``."""
    with Simulator(jobs=2, limits=Resources(time=300.0)) as shared:
        yield shared
