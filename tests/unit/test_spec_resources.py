"""The table [simulator] of every spec that leads to simulations."""

import pytest
from pydantic import ValidationError
from unit.builders import experiment

from mtjspice.errors import InputError
from mtjspice.reproduce.borders2024.spec import Borders
from mtjspice.spec import (
    Calibration,
    Converter,
    Crossbar,
    DieDesign,
    Experiment,
    Layout,
    Resources,
    SignOff,
    Study,
    format_spec,
    parse_spec,
)
from mtjspice.spec.resources import size_in_words

RAISED = Resources(time=7200.0, memory=2**33, file_size=2**31, processes=100)
SMALL = Crossbar(rows=2, columns=2)
SPECS = (
    experiment(),
    DieDesign(name="a", tiles=1, crossbar=SMALL, dac=Converter(low=-0.5, high=0.5)),
    Study(name="a", crossbar=SMALL),
    Layout(name="a", crossbar=Crossbar(rows=4, columns=4)),
    Calibration(name="a", crossbar=SMALL, dac=Converter(bits=8, low=-0.5, high=0.5)),
    SignOff(),
    Borders(name="a"),
)


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: type(spec).__name__)
def test_limits_can_be_raised_and_are_no_part_of_what_a_spec_is(spec):
    raised = spec.replace(simulator=RAISED)
    assert raised.simulator == RAISED != spec.simulator
    assert raised == spec
    assert (raised.key(), hash(raised)) == (spec.key(), hash(spec))
    assert raised.replace().simulator == RAISED
    text = format_spec(spec) + "\n[simulator]\ntime = '2k'\nmemory = '8 GiB'\n"
    read = parse_spec(text, type(spec)).simulator
    assert (read.time, read.memory, read.file_size) == (2000.0, 2**33, 2**30)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        (2**29, 2**29),
        ("536870912", 2**29),
        ("512MiB", 2**29),
        ("512 mib", 2**29),
        ("0.5 GiB", 2**29),
        ("1 GB", 10**9),
        ("1g", 10**9),
        ("1T", 10**12),
        ("600000 kB", 6 * 10**8),
    ],
)
def test_a_size_is_written_in_bytes_or_with_a_prefix(text, size):
    assert Resources(memory=text).memory == size


@pytest.mark.parametrize(
    "wrong",
    [
        *({"memory": m} for m in (0, 1, "1 MiB", "4 bits", "-4 GiB", 1e300, "1e9", True, 2**60)),
        *({"file_size": s} for s in (0, "1 kB", "a lot", 2.5)),
        *({"time": t} for t in (0, -1, float("inf"), float("nan"), 1e300, "1 V", True)),
        *({"processes": p} for p in (-1, 1.5, 10**9, "2")),
        {"cores": 2},
    ],
)
def test_a_limit_that_cannot_be_is_refused(wrong):
    with pytest.raises(ValidationError):
        Resources(**wrong)


def test_an_unknown_limit_is_refused_by_name():
    text = format_spec(experiment()) + "\n[simulator]\ncores = 2\n"
    with pytest.raises(InputError, match=r"simulator\.cores.*time, memory, file_size, processes"):
        parse_spec(text, Experiment)


def test_every_size_is_said_in_its_unit():
    said = [size_in_words(size) for size in (500, 2**20, 3 * 2**29, 2**33)]
    assert said == ["500 B", "1 MiB", "1.5 GiB", "8 GiB"]
