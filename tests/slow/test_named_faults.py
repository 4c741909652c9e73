"""Every named fault is found by its test; and the runner tells those that are not."""

from dataclasses import replace

import pytest
from mutants import MUTANTS, MutantError, run_all

pytestmark = [pytest.mark.slow, pytest.mark.ngspice]


def test_no_named_fault_survives():
    assert [one for one in run_all() if not one.killed] == []


def test_a_fault_that_its_test_does_not_see_is_alive():
    elsewhere = (
        "unit/test_device_temperature.py::test_without_decay_the_temperature_does_not_matter"
    )
    (alive,) = run_all([replace(MUTANTS[0], test=elsewhere)])
    assert not alive.killed
    assert "passed" in alive.said


def test_a_test_that_is_not_there_is_an_error():
    with pytest.raises(MutantError, match="without any fault"):
        run_all([replace(MUTANTS[0], test="unit/test_device_temperature.py::test_nothing")])
