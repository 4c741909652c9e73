"""Random command lines end in time, with an exit code that says why, and in words."""

import pytest
from fuzz.commands import SHAPES, command_line
from fuzz.lines import run_lines

from mtjspice.cli import app


def test_every_command_is_asked():
    named = {command.name or command.callback.__name__ for command in app.registered_commands}
    assert named == {shape.right[0] for shape in SHAPES}


def test_a_seed_has_one_command_line():
    lines = [command_line(seed) for seed in range(200)]
    assert lines == [command_line(seed) for seed in range(200)]
    # Of `spec` and `doctor` there are only a few lines; the others hardly ever repeat.
    varied = [line for line in lines if not {"spec", "doctor"} & set(line.arguments)]
    found = {(line.arguments, tuple(line.files.items())) for line in varied}
    assert len(varied) > 150
    assert len(found) > 0.9 * len(varied)


def test_some_command_lines_end_in_order():
    quick = [seed for seed in range(300) if not command_line(seed).costly][:30]
    asked = run_lines(quick, jobs=1)
    assert not [str(one) for one in asked if one.fault]


@pytest.mark.ngspice
@pytest.mark.slow
def test_many_command_lines_end_in_order():
    asked = run_lines(range(1000))
    assert not [str(one) for one in asked if one.fault]
