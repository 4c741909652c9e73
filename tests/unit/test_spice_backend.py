"""Another simulator goes the whole way: a study, arrays, a store; and what it may not do."""

import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from unit.builders import OHMIC, STUDY, experiment
from unit.commands import caller
from unit.resistive import Resistive

from mtjspice.collect import Simulator
from mtjspice.data.results import load_result
from mtjspice.errors import InputError, SimulationError, SimulatorError
from mtjspice.netlist import build_deck
from mtjspice.spec import GatedCell, Line
from mtjspice.spice import backends
from mtjspice.spice.backends import backend_named, run_deck, run_samples

WIRES = {"cell": OHMIC, "row": Line(resistance=5.0, end=100.0), "column": Line(resistance=2.0)}
ARRAYS = [
    experiment(["PA", "AP"], [[0.1, 0.2], [0.0, -0.1], [0.05, 0.05]], crossbar=WIRES),
    experiment(["PPA", "APA", "AAA"], [[0.1, 0.2, 0.3]], crossbar=WIRES | {"unselected": "half"}),
]


@pytest.fixture
def usual(monkeypatch, tmp_path):
    """Nobody names a simulator, and ngspice cannot be found."""
    monkeypatch.setitem(backends.BACKENDS, "resistive", Resistive())
    monkeypatch.setattr(backends, "DEFAULT", "resistive")
    monkeypatch.setenv("NGSPICE_LIBRARY_PATH", str(tmp_path / "none"))


def test_a_whole_study_runs_in_another_simulator(usual, monkeypatch, capsys, tmp_path):
    spec, out = tmp_path / "study.toml", tmp_path / "out"
    spec.write_text(STUDY + "\n[crossbar.cell]\nkind = 'passive'\nmtj = { v_half = inf }\n"
                    "[limits]\nabove_chance = 0\n")  # fmt: skip
    said = caller(monkeypatch, capsys)("run", spec, "--out", out, "--jobs", 1, "--json")
    assert said.code == 4, said.err  # no limit, no verdict
    content = json.loads(said.out)
    assert content["versions"]["simulator"] == "resistive 7 (dense)"
    assert content == json.loads((out / "report.json").read_text())
    # Without wires, and with an ohmic law, the circuit is the ideal array.
    assert content["levels"]["spice"]["accuracy"] == content["levels"]["ideal"]["accuracy"]
    stored = list((out / "simulations").glob("*.nc"))
    assert len(stored) == 2  # of two layers
    for path in stored:
        assert load_result(path).attrs["simulator"] == "resistive 7 (dense)"


def test_the_command_line_simulates_in_it(usual, monkeypatch, capsys, tmp_path):
    text = (
        "[crossbar]\nrows = 1\ncolumns = 1\n[crossbar.cell]\nkind = 'passive'\n"
        "mtj = { v_half = inf }\n[tile]\nstates = ['P']\n[stimulus]\nvolts = [[0.1]]\n"
    )
    (tmp_path / "array.toml").write_text(text)
    said = caller(monkeypatch, capsys)("simulate", tmp_path / "array.toml", "--json")
    assert said.code == 0, said.err
    found = json.loads(said.out)
    assert found["attrs"]["simulator"] == "resistive 7 (dense)"
    assert found["current"][0][0] == pytest.approx(0.1 / OHMIC.mtj.r_p, rel=1e-12)


@pytest.mark.ngspice
def test_it_gives_what_ngspice_gives(simulator):
    with Simulator(jobs=1, backend=Resistive()) as other:
        for one, two in zip(other.run(ARRAYS), simulator.run(ARRAYS), strict=True):
            for name in ("current", "input_current"):
                np.testing.assert_allclose(one[name], two[name], rtol=1e-6, atol=1e-12)


def test_results_are_kept_apart_by_name_and_version(tmp_path):
    for version in ("7", "8", "7"):
        one = Resistive(version=version)
        with Simulator(pool=ThreadPoolExecutor(1), store=tmp_path, backend=one) as simulator:
            (result,) = simulator.run(ARRAYS[:1])
            assert result.attrs["simulator"] == f"resistive {version} (dense)"
    assert simulator.found == 1
    assert len(list(tmp_path.glob("*.nc"))) == 2


@pytest.mark.parametrize(
    ("spoils", "says"),
    [("missing", "vector brow0#branch is missing"), ("current from nowhere", "Kirchhoff")],
)
def test_what_it_gives_is_checked_as_everything_else(spoils, says, tmp_path):
    spoilt = Resistive(spoils=spoils)
    with (
        Simulator(pool=ThreadPoolExecutor(1), store=tmp_path, backend=spoilt) as simulator,
        pytest.raises(SimulationError, match=says) as caught,
    ):
        simulator.run(ARRAYS[:1])
    assert caught.value.log == "solved"
    kept = {path.name: path.read_text() for path in caught.value.run_dir.iterdir()}
    assert kept["deck.cir"].startswith('["resistive", 3]')
    assert kept["resistive.log"].startswith("resistive 7 (dense)\n")


def test_a_worker_with_another_version_is_refused():
    class Changed(Resistive):
        def loaded(self):
            return Resistive(version="8").describe()

    with (
        Simulator(pool=ThreadPoolExecutor(1), backend=Changed()) as simulator,
        pytest.raises(SimulatorError, match=r"has resistive 8 .*asked of resistive 7"),
    ):
        simulator.run(ARRAYS[:1])


def test_what_it_cannot_say_is_refused_by_name():
    with pytest.raises(InputError) as caught:
        run_deck(build_deck(experiment(crossbar={"cell": GatedCell()})), Resistive())
    assert caught.value.source == "resistive"


def test_samples_of_shifts_go_to_it():
    deck = build_deck(ARRAYS[0])
    assert len(run_samples(deck, np.zeros((1, 0)), Resistive())) == 1
    with pytest.raises(SimulationError, match="no transistors"):
        run_samples(deck, np.zeros((2, 4)), Resistive())


def test_measurements_are_asked_of_the_back_end():
    with Simulator(pool=ThreadPoolExecutor(1), backend=Resistive()) as simulator:
        assert isinstance(simulator.measure("anything").exception(), SimulationError)


def test_a_simulator_is_chosen_by_its_name():
    assert backend_named("ngspice") is backend_named()
    assert backend_named(Resistive()) == Resistive()
    with pytest.raises(InputError, match="must be one of ngspice") as caught:
        Simulator(backend="spectre")
    assert caught.value.value == "spectre"
