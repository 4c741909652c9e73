"""ngspice on a Dask cluster of two processes on this machine."""

import json
import operator
import os
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import CancelledError, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from distributed import Client, LocalCluster
from spice.test_simulation import GOLDEN, floating, large, several
from unit.processes import gone_within

from mtjspice.collect import Cluster, Simulator
from mtjspice.errors import ClusterError, InputError, SimulationError, SimulatorError, WorkerError
from mtjspice.netlist import build_deck
from mtjspice.spec import Crossbar, Experiment, Line, ProgrammedTile, Resources, Stimulus

pytestmark = pytest.mark.ngspice


@pytest.fixture(scope="module")
def dask():
    """A client of its own, to look at the workers from outside."""
    made = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": "127.0.0.1:0"}
    with LocalCluster(**made, silence_logs=50) as running, Client(running) as client:
        yield client


@pytest.fixture(scope="module")
def cluster(dask):
    with Cluster(dask.scheduler.address, limits=Resources(time=60.0)) as connected:
        yield connected


def workers(dask) -> set[int]:
    """Process ids of the Dask workers."""
    return set(dask.run(os.getpid).values())


def without_times(results) -> list:
    """Results without what differs from run to run."""
    for result in results:
        assert result.attrs.pop("seconds") > 0
    return results


def children(process: int) -> list[int]:
    """Process ids of what a process has started."""
    told = Path(f"/proc/{process}/task/{process}/children").read_text()
    return [int(one) for one in told.split()]


@pytest.fixture
def bad_card(repository, tmp_path) -> Path:
    """A card that ngspice refuses."""
    text = (repository / "models" / "cmos33_bsim4.lib").read_text()
    path = tmp_path / "bad.lib"
    path.write_text(re.sub(r"version *= *[\d.]+", "version=9.9", text))
    return path


def long(seed: int) -> Experiment:
    """An array that takes ngspice some tenths of a second."""
    chance = np.random.default_rng(seed)
    return Experiment(
        crossbar=Crossbar(rows=25, columns=25, row=Line(resistance=5.0)),
        tile=ProgrammedTile(states=chance.integers(0, 2, (25, 25))),
        stimulus=Stimulus(volts=chance.random((200, 25)) * 0.1),
    )


def test_calls_run_in_processes_below_the_workers_and_never_in_them(cluster, dask):
    assert cluster.jobs == 2
    assert cluster.submit(operator.add, 2, 3).result() == 5
    asked = [cluster.submit(function) for function in (os.getppid, os.getpid) * 4]
    found = [future.result() for future in asked]
    assert set(found[::2]) <= workers(dask)
    assert set(found[1::2]).isdisjoint({*workers(dask), os.getpid()})
    assert len(set(found[1::2])) <= 2  # they are made once


def test_an_error_of_the_function_comes_back_as_itself(cluster):
    with pytest.raises(ZeroDivisionError):
        cluster.submit(operator.truediv, 1, 0).result()
    with pytest.raises(InputError, match="no path to ground") as caught:
        cluster.submit(build_deck, floating()).result()
    with pytest.raises(InputError) as here:
        build_deck(floating())
    assert vars(caught.value) == vars(here.value)


def test_what_cannot_be_sent_is_the_callers_error(cluster):
    with pytest.raises(Exception, match=r"pickle|local object") as caught:
        cluster.submit(operator.not_, lambda: None).result()
    assert not isinstance(caught.value, WorkerError)
    with pytest.raises(TypeError, match="positional"):
        cluster.submit(int, "5", base=8)


def test_a_call_that_kills_its_process_costs_no_dask_worker(cluster, dask):
    before = workers(dask)
    with pytest.raises(WorkerError, match=r"died 2 times.*exit 7"):
        cluster.submit(os._exit, 7).result()
    assert workers(dask) == before


def test_a_call_that_is_cancelled_is_dropped(cluster):
    running = [cluster.submit(time.sleep, 1.0) for _ in range(20)]
    assert all(future.cancel() for future in running)
    with pytest.raises(CancelledError):
        running[-1].result()
    assert cluster.submit(operator.add, 2, 3).result(timeout=15) == 5


def test_results_are_those_of_this_machine(cluster, simulator, tmp_path):
    experiments = list(GOLDEN.values())
    with Simulator(pool=cluster, store=tmp_path) as remote:
        ours = without_times(remote.run(experiments))
        assert (remote.jobs, remote.ran, remote.found) == (2, len(experiments), 0)
    theirs = without_times(simulator.run(experiments))
    assert all(one.identical(other) for one, other in zip(ours, theirs, strict=True))
    assert len(list(tmp_path.glob("*.nc"))) == len(experiments)


def test_a_lost_worker_loses_no_simulation(cluster, dask, simulator):
    experiments = [long(seed) for seed in range(12)]
    victim, began = min(workers(dask)), []
    with Simulator(pool=cluster) as remote, ThreadPoolExecutor(1) as thread:
        running = thread.submit(remote.run, experiments, lambda *done: began.append(done))
        while len(began) < 3 and not running.done():  # the first says what was found
            time.sleep(0.01)
        below = children(victim)
        os.kill(victim, signal.SIGKILL)
        results = without_times(running.result())
        assert remote.ran == len(results) == 12
    assert victim not in workers(dask)
    assert all(gone_within(process, 2.0) for process in below)
    picked = [0, 11]
    here = without_times(simulator.run([experiments[k] for k in picked]))
    assert all(results[k].identical(one) for k, one in zip(picked, here, strict=True))


def test_a_simulation_that_fails_keeps_its_folder_and_others_finish(cluster, bad_card, tmp_path):
    good, bad = several(1)[0], GOLDEN["gated_bsim4"]
    bad = bad.replace(technology=bad.technology.replace(card=str(bad_card)))
    with Simulator(pool=cluster, store=tmp_path / "store") as simulator:
        failed, done = simulator.attempt([bad, good])
    assert isinstance(failed, SimulationError)
    assert failed.run_dir == tmp_path / "store" / f"{simulator.key(bad)}.failed"
    assert "version=9.9" in (failed.run_dir / "deck.cir").read_text()
    assert "level" in (failed.run_dir / "ngspice.log").read_text()
    assert done.attrs["key"] == simulator.key(good)


def test_a_simulation_that_hangs_on_the_cluster_is_reported(dask, tmp_path):
    with (
        Cluster(dask.scheduler.address, limits=Resources(time=0.2)) as impatient,
        Simulator(pool=impatient, store=tmp_path) as simulator,
        pytest.raises(SimulationError, match=r"simulator\.time = 0\.2 s") as caught,
    ):
        simulator.run([large()])
    assert (caught.value.run_dir / "deck.cir").is_file()


def test_another_ngspice_on_the_cluster_is_refused(cluster):
    simulator = Simulator(pool=cluster)
    simulator.info = replace(simulator.info, version=12)
    with pytest.raises(SimulatorError, match="and the results are asked of ngspice 12"):
        simulator.run(several(3))


def test_a_circuit_that_cannot_be_built_reaches_the_caller(cluster):
    with pytest.raises(InputError, match="no path to ground"):
        Simulator(pool=cluster).run([*several(2), floating()])


def test_leaving_with_an_error_cancels_what_was_sent_and_leaves_the_cluster(dask, cluster):
    asleep = []
    with pytest.raises(KeyError), Cluster(dask.scheduler.address) as other:
        asleep += [other.submit(time.sleep, 1.0) for _ in range(10)]
        raise KeyError
    assert all(future.cancelled() for future in asleep)
    assert cluster.submit(operator.add, 2, 3).result(timeout=15) == 5


def test_leaving_finishes_what_was_sent(dask):
    with Cluster(dask.scheduler.address) as other:
        futures = [other.submit(operator.neg, k) for k in range(5)]
    assert [future.result(timeout=0) for future in futures] == [0, -1, -2, -3, -4]


def test_a_scheduler_that_is_lost_ends_every_call_with_an_error(tmp_path):
    said, file = tmp_path / "said", tmp_path / "scheduler.json"
    command = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--no-dashboard"]
    command += ["--host", "127.0.0.1", "--port", "0", "--dashboard-address", "127.0.0.1:0"]
    command += ["--scheduler-file", str(file)]
    with said.open("w") as log, subprocess.Popen(command, stderr=log, cwd=tmp_path) as scheduler:
        while not file.is_file() or not file.read_text():
            assert scheduler.poll() is None, said.read_text()
            time.sleep(0.05)
        alone = Cluster(json.loads(file.read_text())["address"], reach_within_s=2.0)
        assert alone.jobs == 0
        waiting = [alone.submit(time.sleep, 60.0) for _ in range(3)]
        scheduler.kill()
    for future in waiting:
        with pytest.raises(ClusterError, match="connection to its scheduler was lost"):
            future.result(timeout=30)
    alone.shutdown()
