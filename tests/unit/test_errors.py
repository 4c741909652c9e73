import pickle
from pathlib import Path

import pytest

from mtjspice.errors import (
    CapacityError,
    InputError,
    MtjspiceError,
    SimulationError,
    SimulatorError,
    SimulatorMissingError,
    WorkerError,
    printable,
)


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (InputError, 2),
        (CapacityError, 2),
        (SimulatorError, 3),
        (SimulatorMissingError, 3),
        (SimulationError, 3),
        (WorkerError, 3),
    ],
)
def test_every_error_has_its_exit_code(kind, code):
    assert issubclass(kind, MtjspiceError)
    assert kind.exit_code == code


def test_an_input_error_names_source_key_value_and_what_is_allowed():
    error = InputError(source=Path("a.toml"), key="crossbar.rows", value=-1, allowed="at least 1")
    assert str(error) == "a.toml: crossbar.rows = -1: at least 1"


def test_an_input_error_about_a_whole_file_has_no_key():
    assert str(InputError(source="a.toml", allowed="is not TOML")) == "a.toml: is not TOML"


def test_a_value_of_zero_is_shown():
    assert "rows = 0:" in str(InputError(source="a", key="rows", value=0, allowed="at least 1"))


def test_a_long_value_is_cut():
    message = str(InputError(source="a", key="volts", value=list(range(1000)), allowed="short"))
    assert "…" in message
    assert len(message) < 200


def test_a_simulation_error_names_its_folder_and_the_log():
    error = SimulationError("singular", run_dir=Path("/runs/1"), log="Warning: singular matrix")
    assert "the simulation failed: singular" in str(error)
    assert "/runs/1" in str(error)
    assert "Warning: singular matrix" in str(error)


@pytest.mark.parametrize(
    "error",
    [
        SimulationError("singular", run_dir=Path("/runs/1"), log="line"),
        SimulationError("singular"),
        WorkerError("died"),
        SimulatorMissingError("no ngspice"),
        InputError(source="a.toml", key="rows", value=-1, allowed="at least 1"),
        CapacityError(source="net", key="crossbar", value=[2, 2], allowed="needs more"),
    ],
)
def test_errors_travel_between_processes(error):
    travelled = pickle.loads(pickle.dumps(error))
    assert type(travelled) is type(error)
    assert str(travelled) == str(error)
    assert vars(travelled) == vars(error)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m"),
        ("a\rb\bc\x07\x7f", r"a\rb\x08c\x07\x7f"),
        ("\x9b31m", r"\x9b31m"),
        ("file\u202etxt.exe", r"file\u202etxt.exe"),
        ("nou\udcff", r"nou\udcff"),
        ("one\n\ttwo", "one\n\ttwo"),
        ("−3 µA at 5\u00a0°C, 电路", "−3 µA at 5\u00a0°C, 电路"),
    ],
)
def test_what_orders_a_terminal_is_spelled(text, shown):
    assert printable(text) == shown
