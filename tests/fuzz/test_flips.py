"""Bits of stored results that change."""

import pytest
from fuzz.flips import flip_bits
from fuzz.folders import SPECS

from mtjspice.spec import Experiment, parse_spec

pytestmark = pytest.mark.ngspice
CELLS = 'observe = "cells"\n' + SPECS["array.toml"]


def test_nothing_that_was_damaged_is_used(tmp_path):
    found = flip_bits(parse_spec(CELLS, Experiment), tmp_path, 300, 1)
    assert found.tried == 300
    assert not found.wrong


@pytest.mark.slow
def test_nothing_that_was_damaged_is_used_in_many_tries(tmp_path):
    found = flip_bits(parse_spec(CELLS, Experiment), tmp_path, 5000, 2)
    assert not found.wrong
