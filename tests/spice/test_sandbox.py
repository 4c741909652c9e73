"""What lies around ngspice, and what the user has set, neither runs nor changes a result."""

import operator
import os
import resource
import subprocess
from pathlib import Path

import pytest
from spice.test_simulation import GOLDEN, large
from unit.commands import caller

from mtjspice.collect import Simulator, WorkerPool, simulate
from mtjspice.errors import LimitError, SimulationError
from mtjspice.netlist import build_deck
from mtjspice.spec import Resources, SenseAmplifier, format_spec
from mtjspice.spice.backends import run_deck, run_netlist
from mtjspice.spice.ngspice import probe as probing
from mtjspice.spice.ngspice.bench import run_bench
from mtjspice.spice.sandbox import private_folder

pytestmark = pytest.mark.ngspice
HOSTILE = "shell touch {ran}\noption gmin=1e-3\nset num_threads=7\n"


@pytest.fixture
def hostile(tmp_path, monkeypatch) -> Path:
    """A working folder with a start-up file; the environment points to more of them."""
    work, home = tmp_path / "work", tmp_path / "home"
    for folder in (work, work / "scripts", home, home / ".config" / "ngspice", work / "models"):
        folder.mkdir(parents=True, exist_ok=True)
        for name in (".spiceinit", "spice.rc", "spinit"):
            (folder / name).write_text(HOSTILE.format(ran=tmp_path / "ran"))
    for name in ("numpy", "xarray", "mtjspice", "PySpice"):
        (work / f"{name}.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    monkeypatch.chdir(work)
    for name, value in {
        "HOME": home,
        "USERPROFILE": home,
        "XDG_CONFIG_HOME": home / ".config",
        "SPICE_LIB_DIR": work,
        "SPICE_SCRIPTS": work / "scripts",
        "SPICE_ASCIIRAWFILE": "1",
        "NGSPICE_INPUT_DIR": work,
        "NGSPICE_OSDI_DIR": work,
    }.items():
        monkeypatch.setenv(name, str(value))
    return work


def test_a_result_is_the_same_to_the_last_bit_and_nothing_runs(hostile, simulator):
    probing._probe.cache_clear()
    experiment = GOLDEN["passive_spread_and_defects"]
    before = {path.name for path in hostile.iterdir()}
    found, expected = simulate(experiment), simulator.run([experiment])[0]
    assert found["current"].to_numpy().tobytes() == expected["current"].to_numpy().tobytes()
    assert found["input_current"].equals(expected["input_current"])
    assert found.attrs["key"] == expected.attrs["key"]
    assert not (hostile.parent / "ran").exists()
    assert {path.name for path in hostile.iterdir()} == before


def test_such_a_start_up_file_would_run(hostile):
    """Otherwise the test above shows nothing."""
    deck = build_deck(GOLDEN["passive_spread_and_defects"])
    (hostile / "deck.cir").write_text(deck.text)
    command = ["ngspice", "-b", "deck.cir"]
    subprocess.run(command, cwd=hostile, capture_output=True, check=False)
    assert (hostile.parent / "ran").exists()


def test_a_bench_runs_by_itself_and_leaves_what_it_wrote(hostile, tmp_path):
    bench, kept = hostile / "small.cir", tmp_path / "kept"
    kept.mkdir()
    (kept / "old.dat").write_text("from before\n")
    bench.write_text(
        "small\nV1 a 0 1\nR1 a 0 1k\n.control\nset wr_vecnames\nset wr_singlescale\n"
        "dc V1 0 1 0.5\nlet last = -v1#branch[2]\n"
        "echo figure current = $&last\nwrdata wave.dat v1#branch\nquit 0\n.endc\n.end\n"
    )
    result = run_bench(bench, kept)
    assert result.figures["current"] == pytest.approx(1e-3, rel=1e-6)
    assert list(result.waves) == ["wave"]
    assert sorted(path.name for path in kept.iterdir()) == ["old.dat", "small.log", "wave.dat"]
    assert not (hostile.parent / "ran").exists()
    assert not (hostile / "wave.dat").exists()


def test_a_library_by_a_relative_path_is_found_from_everywhere(tmp_path, monkeypatch):
    library = probing.find_library()
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "libngspice.so.0").symlink_to(library)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(probing.LIBRARY_VARIABLE, "lib/libngspice.so.0")
    assert probing.find_library() == tmp_path / "lib" / "libngspice.so.0"
    assert simulate(GOLDEN["passive_wires"])["current"].notnull().all()


@pytest.mark.parametrize("latches", [False, True])
def test_a_card_by_a_relative_path_is_found_by_workers(repository, tmp_path, monkeypatch, latches):
    experiment = GOLDEN["gated_bsim4"]
    if latches:
        experiment = GOLDEN["gated_transient"].replace(periphery=SenseAmplifier())
    for card in ("cmos33_bsim4", "cmos12_bsim4"):
        (tmp_path / f"{card}_own.lib").write_text(
            (repository / "models" / f"{card}.lib").read_text()
        )
    technology = experiment.technology.replace(card="cmos33_bsim4_own.lib")
    own = experiment.replace(technology=technology)
    if latches:
        own = own.replace(periphery=SenseAmplifier(card="cmos12_bsim4_own.lib"))
    monkeypatch.chdir(tmp_path)
    with Simulator(jobs=1) as simulator:
        found, expected = simulator.run([own, experiment])
        assert found.attrs["key"] == simulator.key(own)
    assert found["current"].equals(expected["current"])


def test_ngspice_may_start_no_process(simulator):
    """The operating system does not hold root to it; the limit is set all the same."""
    with WorkerPool(1) as pool:
        pool.submit(run_deck, build_deck(GOLDEN["passive_wires"])).result()
        assert pool.submit(resource.getrlimit, resource.RLIMIT_NPROC).result() == (0, 0)
        assert pool.submit(resource.getrlimit, resource.RLIMIT_CORE).result() == (0, 0)
        if os.geteuid() != 0:
            with pytest.raises(BlockingIOError):
                pool.submit(subprocess.check_call, ["true"]).result()


def test_an_ngspice_that_grows_too_large_names_the_limit():
    deck = build_deck(GOLDEN["passive_wires"])
    many = "\n".join(f"Rmuch{k} wl0_0 0 {1e9 + k!r}" for k in range(200_000))
    grown = deck.text.replace("\n.dc", f"\n{many}\n.dc")
    with WorkerPool(1, limits=Resources(memory="256 MiB")) as pool:
        with pytest.raises(LimitError, match=r"simulator\.memory = 256 MiB"):
            pool.submit(run_netlist, grown, deck).result()
        assert pool.submit(operator.add, 2, 3).result() == 5


def test_the_command_line_takes_limits_from_the_spec(tmp_path, monkeypatch, capsys):
    spec = tmp_path / "slow.toml"
    spec.write_text(format_spec(large()) + "\n[simulator]\ntime = 0.3\n")
    answer = caller(monkeypatch, capsys)("simulate", spec, "--out", tmp_path / "out")
    assert answer.code == 3
    assert "simulator.time = 0.3 s" in answer.err
    assert "died" not in answer.err


def test_an_experiment_by_itself_has_its_own_limits():
    with pytest.raises(SimulationError, match=r"simulator\.time = 0\.3 s"):
        simulate(large().replace(simulator=Resources(time=0.3)))


def test_a_private_folder_goes_also_after_an_error():
    with pytest.raises(KeyError), private_folder() as folder:
        (folder / "left").write_text("by ngspice")
        raise KeyError
    assert not folder.exists()
