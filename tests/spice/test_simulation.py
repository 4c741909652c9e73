"""ngspice in worker processes: results, failures, the store."""

import os
import re
from concurrent.futures import Future
from dataclasses import replace

import numpy as np
import pytest

from mtjspice.collect import Simulator, WorkerPool, simulate
from mtjspice.errors import SimulationError
from mtjspice.netlist import build_deck
from mtjspice.netlist.golden import golden_experiments
from mtjspice.netlist.pyspice import to_circuit
from mtjspice.spec import Crossbar, Experiment, Line, ProgrammedTile, Stimulus
from mtjspice.spice.simulate import check_vectors, run_deck

pytestmark = pytest.mark.ngspice
GOLDEN = golden_experiments()


@pytest.fixture(scope="module")
def pool():
    with WorkerPool(1, timeout_s=60) as one:
        yield one


def broken(pool: WorkerPool, old: str, new: str) -> SimulationError:
    """The error of a netlist in which a piece of text was replaced."""
    deck = build_deck(GOLDEN["passive_wires"])
    assert old in deck.text
    future: Future = pool.submit(run_deck, replace(deck, text=deck.text.replace(old, new)))
    with pytest.raises(SimulationError) as caught:
        future.result()
    return caught.value


def test_currents_of_an_array_without_wires_are_the_product():
    experiment = GOLDEN["passive_no_wires"]
    mtj, states = experiment.crossbar.cell.mtj, experiment.tile.states
    expected = experiment.stimulus.volts @ np.where(states == 0, 1 / mtj.r_p, 1 / mtj.r_ap)
    assert simulate(experiment)["current"].to_numpy() == pytest.approx(expected, rel=1e-9)


def test_a_result_is_labelled(simulator):
    result = simulator.run([GOLDEN["passive_spread_and_defects"]])[0]
    assert dict(result.sizes) == {
        "vector": 2, "input_line": 3, "output_line": 4, "row": 3, "column": 4,
    }  # fmt: skip
    assert result["current"].attrs["units"] == "A"
    assert result.attrs["level"] == "ngspice"
    assert result.attrs["simulator"] == str(simulator.info)


def test_only_sensed_columns_are_reported(simulator):
    result = simulator.run([GOLDEN["passive_half_selected"]])[0]
    assert result["output_line"].to_numpy().tolist() == [1, 3]


def test_a_floating_row_takes_no_current(simulator):
    result = simulator.run([GOLDEN["passive_floating"]])[0]
    assert result["input_current"].sel(input_line=1).item() == 0
    assert result["input_current"].sel(input_line=0).item() > 0


def test_the_amplifier_reports_and_clips(simulator):
    experiment = GOLDEN["passive_amplifier"]
    amplifier = experiment.periphery
    result = simulator.run([experiment])[0]
    linear = amplifier.zero - amplifier.gain * result["current"]
    assert np.abs(result["amplifier_voltage"] - linear).max() < 1e-9
    tight = experiment.replace(periphery=amplifier.replace(clip_low=1.6))
    clipped = simulator.run([tight])[0]["amplifier_voltage"]
    assert clipped.min() == 1.6


def test_the_voltage_over_a_cell_explains_the_current_of_its_column(simulator):
    experiment = GOLDEN["passive_no_wires"].replace(observe="cells")
    result = simulator.run([experiment])[0]
    mtj, states = experiment.crossbar.cell.mtj, experiment.tile.states
    g = np.where(states == 0, 1 / mtj.r_p, 1 / mtj.r_ap)
    through_cells = (result["cell_voltage"].to_numpy() * g).sum(axis=1)
    assert through_cells == pytest.approx(result["current"].to_numpy(), rel=1e-9)


@pytest.mark.parametrize(
    "name", ["passive_wires", "passive_amplifier", "gated_mismatch_and_defects"]
)
def test_the_pyspice_circuit_gives_the_same_currents(simulator, pool, name):
    deck = build_deck(GOLDEN[name])
    options = deck.text[deck.text.index(".options") :].splitlines()[:2]
    analysis = "\n".join([*options, deck.text[deck.text.index(".dc") :]])
    theirs = pool.submit(run_deck, replace(deck, text=str(to_circuit(GOLDEN[name])) + analysis))
    ours = pool.submit(run_deck, deck)
    for vector in deck.vectors:
        assert theirs.result().values[vector] == pytest.approx(
            ours.result().values[vector], rel=1e-12
        )


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("Rrow0_0 wl0_0 wl0_1 5.0", "Xwl wl0_0 wl0_1 nothing", "unknown"),
        ("Rrow0_0 wl0_0 wl0_1 5.0", "Rrow0_0 wl0_0 wl0_1", "not a valid|resistance to low"),
        ("Vcol0 end0 0 0.0", "Vcol0 end0 0 0.0\nVagain end0 0 0.1", "singular"),
        (".dc Vindex 0 1 1", ".dc Vindex 0 0 1", "1 of 2 points"),
        ("i(vcol3)", "", "missing"),
        ("Vcol3 end3 0 0.0", "Vcol3 end3 0 0.0\nIleak wl0_0 0 1u", "Kirchhoff"),
    ],
    ids=["subcircuit", "no value", "source loop", "points", "vector", "current law"],
)
def test_a_run_that_did_not_work_is_an_error(pool, old, new, says):
    error = broken(pool, old, new)
    assert re.search(says, f"{error.reason} {error.log}", re.IGNORECASE), error


def test_after_a_failure_the_next_simulation_is_right(pool):
    broken(pool, "Vcol0 end0 0 0.0", "Vcol0 end0 0 0.0\nVagain end0 0 0.1")
    deck = build_deck(GOLDEN["passive_wires"])
    assert set(pool.submit(run_deck, deck).result().values) == set(deck.vectors)


def test_a_vector_that_is_not_finite_is_an_error():
    deck = build_deck(GOLDEN["passive_wires"])
    values = {name: np.zeros(2) for name in deck.vectors}
    check_vectors(deck, values)
    values[deck.vectors[3]] = np.array([0.0, np.nan])
    with pytest.raises(SimulationError, match="nan at point 1"):
        check_vectors(deck, values)


def test_a_simulation_is_found_again_by_its_key(tmp_path):
    experiments = [GOLDEN["passive_wires"], GOLDEN["passive_floating"]]
    with Simulator(jobs=1, store=tmp_path) as first:
        one = first.run(experiments)
        assert (first.ran, first.found) == (2, 0)
    with Simulator(jobs=1, store=tmp_path) as second:
        again = second.run([*experiments, GOLDEN["passive_amplifier"]])
        assert (second.ran, second.found) == (1, 2)
    assert all(a.identical(b) for a, b in zip(one, again, strict=False))


def test_a_damaged_result_is_simulated_again(tmp_path):
    with Simulator(jobs=1, store=tmp_path) as simulator:
        simulator.run([GOLDEN["passive_wires"]])
        (file,) = tmp_path.glob("*.nc")
        file.write_bytes(file.read_bytes()[:100])
        simulator.run([GOLDEN["passive_wires"]])
        assert simulator.ran == 2


def large() -> Experiment:
    """An array that takes ngspice well over a second."""
    n = 64
    rng = np.random.default_rng(0)
    return Experiment(
        crossbar=Crossbar(rows=n, columns=n, row=Line(resistance=5.0), column=Line(resistance=5.0)),
        tile=ProgrammedTile(states=rng.integers(0, 2, (n, n))),
        stimulus=Stimulus(volts=rng.random((200, n)) * 0.1),
    )


def test_a_simulation_that_hangs_keeps_its_run_folder_and_the_others_finish(tmp_path):
    experiments = [large(), GOLDEN["passive_wires"]]
    with (
        Simulator(jobs=1, store=tmp_path, timeout_s=1.5) as simulator,
        pytest.raises(SimulationError, match=r"died 2 times.*no answer within") as caught,
    ):
        simulator.run(experiments)
    folder = caught.value.run_dir
    assert str(folder) in str(caught.value)
    assert (folder / "deck.cir").read_text().startswith("* 64 x 64")
    assert "no answer" in (folder / "ngspice.log").read_text()
    assert len(list(tmp_path.glob("*.nc"))) == 1


def test_memory_of_a_worker_stays_flat(pool):
    decks = [build_deck(GOLDEN["passive_spread_and_defects"])] * 60
    pid = pool.submit(os.getpid).result()
    resident = []
    for deck in decks:
        pool.submit(run_deck, deck).result()
        resident.append(memory(pid))
    assert pool.submit(os.getpid).result() == pid
    assert resident[-1] - resident[10] < 1e6


def memory(pid: int) -> int:
    """Resident bytes of a process."""
    with open(f"/proc/{pid}/statm") as file:  # noqa: PTH123, not a file on a disk
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
