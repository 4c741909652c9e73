"""ngspice in worker processes: results, failures, the store."""

import operator
import os
import re
import socket
import subprocess
import sys
import time
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from unit.processes import busy_s, gone_within

from mtjspice.collect import Simulator, WorkerPool, simulate
from mtjspice.collect.simulation import simulate_as
from mtjspice.errors import (
    ClusterError,
    InputError,
    SimulationError,
    SimulatorError,
    StorageError,
    WorkerError,
)
from mtjspice.netlist import build_deck
from mtjspice.netlist.golden import golden_experiments
from mtjspice.netlist.identity import inputs_digest
from mtjspice.netlist.pyspice import to_circuit
from mtjspice.spec import (
    Crossbar,
    Defect,
    Die,
    Experiment,
    Line,
    ProgrammedTile,
    Resources,
    Stimulus,
)
from mtjspice.spice.simulate import check_vectors, run_deck

pytestmark = pytest.mark.ngspice
GOLDEN = golden_experiments()


@pytest.fixture(scope="module")
def pool():
    with WorkerPool(1, limits=Resources(time=60)) as one:
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
        Simulator(jobs=1, store=tmp_path, limits=Resources(time=1.5)) as simulator,
        pytest.raises(SimulationError, match=r"ngspice\.time = 1\.5 s: no answer within") as caught,
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


def several(count: int) -> list[Experiment]:
    """Small arrays that differ in their junctions."""
    return [GOLDEN["passive_wires"].replace(die=Die(sigma_ln_rp=0.1, seed=k)) for k in range(count)]


def floating() -> Experiment:
    """An array with a line that nothing holds."""
    cut = [Defect(kind="open", row=1, column=column) for column in range(4)]
    die = Die(defects=(Defect(kind="dead_row", row=1), *cut))
    return GOLDEN["passive_wires"].replace(die=die)


class Recorded(Executor):
    """A pool that keeps the futures that it gave."""

    def __init__(self, pool: Executor):
        self.pool, self.given = pool, []

    def submit(self, fn, /, *args, **kwargs):
        self.given.append(self.pool.submit(fn, *args, **kwargs))
        return self.given[-1]


def test_a_result_says_where_it_is_from_and_how_long_it_took(tmp_path):
    with Simulator(jobs=1, store=tmp_path) as simulator:
        (result,) = simulator.run(several(1))
        key = simulator.key(several(1)[0])
        assert result.attrs["key"] == key
        assert list(simulator.keys) == [key]
        assert result.attrs["simulator"] == str(simulator.info)
        assert simulator.seconds == result.attrs["seconds"] > 0
        assert [path.name for path in tmp_path.iterdir()] == [f"{key}.nc"]
        (again,) = simulator.run(several(1))
        assert again.attrs["seconds"] == result.attrs["seconds"] == simulator.seconds


def test_a_pool_that_is_given_is_used_and_left_alone(pool):
    with Simulator(pool=pool) as simulator:
        simulator.run(several(1))
        assert (simulator.pool, simulator.jobs) == (pool, 1)
    with pytest.raises(KeyError), Simulator(pool=pool):
        raise KeyError
    assert pool.submit(operator.add, 2, 3).result() == 5


def test_several_threads_share_a_simulator(tmp_path):
    experiments = several(8)
    with Simulator(jobs=2, store=tmp_path) as simulator, ThreadPoolExecutor(4) as threads:
        parts = list(threads.map(simulator.run, (experiments[k : k + 2] for k in range(0, 8, 2))))
        assert (simulator.ran, simulator.found) == (8, 0)
        assert set(simulator.keys) == {simulator.key(e) for e in experiments}
        again = list(threads.map(simulator.run, [experiments] * 4))
        assert (simulator.ran, simulator.found) == (8, 32)
        assert len(simulator.keys) == 8
        total = sum(result.attrs["seconds"] for part in parts for result in part)
        assert simulator.seconds == pytest.approx(total)
    alone = [simulate(experiments[k]) for k in (0, 7)]
    for k, result in zip((0, 7), alone, strict=True):
        assert (result["current"] == parts[k // 2][k % 2]["current"]).all()
        assert (result["current"] == again[3][k]["current"]).all()


def test_a_circuit_that_cannot_be_built_ends_the_run_and_what_waits_is_cancelled(pool, tmp_path):
    recorded = Recorded(pool)
    with (
        Simulator(pool=recorded, store=tmp_path) as simulator,
        pytest.raises(InputError, match="no path to ground"),
    ):
        simulator.run([floating(), *several(40)])
    assert sum(future.cancelled() for future in recorded.given) > 30
    assert not list(tmp_path.glob("*.failed"))


def test_a_disk_that_is_full_ends_the_run_and_what_waits_is_cancelled(pool, tmp_path, monkeypatch):
    def full(_, path: Path) -> None:
        raise StorageError(path, "No space left on device")

    monkeypatch.setattr("mtjspice.collect.simulator.save_result", full)
    recorded = Recorded(pool)
    with (
        Simulator(pool=recorded, store=tmp_path) as simulator,
        pytest.raises(StorageError, match="goes on from there"),
    ):
        simulator.run(several(40))
    assert sum(future.cancelled() for future in recorded.given) > 30


def test_another_ngspice_than_the_keys_is_refused_by_the_worker(tmp_path):
    with Simulator(jobs=1, store=tmp_path) as simulator:
        found = str(simulator.info)
        simulator.info = replace(simulator.info, version=12)
        with pytest.raises(SimulatorError) as caught:
            simulator.run(several(2))
    assert not isinstance(caught.value, SimulationError | WorkerError)
    for told in (socket.gethostname(), found, found.replace(str(found.split()[1]), "12")):
        assert told in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_another_program_or_card_than_the_keys_is_refused_by_the_worker(
    pool, simulator, repository, tmp_path
):
    card = tmp_path / "own.lib"
    gated = GOLDEN["gated_bsim4"]
    gated = gated.replace(technology=gated.technology.replace(card=str(card)))
    card.write_text((repository / "models" / "cmos33_bsim4.lib").read_text())
    inputs = inputs_digest(gated)
    card.unlink()
    for experiment, expected in ((several(1)[0], "0" * 64), (gated, inputs)):
        answer = pool.submit(simulate_as, experiment, str(simulator.info), expected, "key")
        with pytest.raises(SimulatorError, match=r"another netlist|cannot be read") as caught:
            answer.result()
        assert socket.gethostname() in str(caught.value)


@pytest.mark.parametrize("error", [WorkerError("died"), ClusterError("gone")])
def test_a_cluster_that_is_gone_is_no_failure_of_the_simulation(tmp_path, error):
    class Failing(Executor):
        def submit(self, *_, **__):
            future = Future()
            future.set_exception(error)
            return future

    simulator = Simulator(pool=Failing(), store=tmp_path)
    expected = ClusterError if isinstance(error, ClusterError) else SimulationError
    with pytest.raises(expected, match=str(error)):
        simulator.run(several(2))
    kept = [path.suffix for path in tmp_path.iterdir()]
    assert kept == ([] if isinstance(error, ClusterError) else [".failed"] * 2)


def test_what_killed_runs_left_in_a_store_is_removed_when_it_is_opened(tmp_path):
    for name, age in ((".old.nc.x.part", 2 * 86400), (".new.nc.x.part", 0)):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (time.time() - age,) * 2)
    Simulator(pool=ThreadPoolExecutor(1), store=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [".new.nc.x.part"]


PARENT = """\
import os
from mtjspice.collect import WorkerPool
from mtjspice.netlist import build_deck
from mtjspice.spice.simulate import run_deck
from spice.test_simulation import large

pool = WorkerPool(1)
print(pool.submit(os.getpid).result(), flush=True)
while True:
    pool.submit(run_deck, build_deck(large())).result()
"""


def test_ngspice_ends_with_the_process_that_asked_it(repository):
    paths = os.pathsep.join([str(repository), str(repository / "tests")])
    command, environment = [sys.executable, "-c", PARENT], os.environ | {"PYTHONPATH": paths}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as parent:
        worker = int(parent.stdout.readline())
        before = busy_s(worker)
        while busy_s(worker) < before + 0.5:  # it computes
            time.sleep(0.05)
        parent.kill()
    assert gone_within(worker, 2.0)
