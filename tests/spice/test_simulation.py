"""ngspice in worker processes: results, failures, the store."""

import operator
import os
import re
import socket
import subprocess
import sys
import time
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from unit.builders import DESIGN
from unit.processes import busy_s, gone_within

from mtjspice.collect import Simulator, WorkerPool, over_mismatch, simulate
from mtjspice.collect.die import simulate_die
from mtjspice.collect.simulation import simulate_as
from mtjspice.data.results import load_result, save_result
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
    Cell,
    Crossbar,
    DcRead,
    Defect,
    Die,
    DieDesign,
    Experiment,
    GatedCell,
    Line,
    PassiveCell,
    ProgrammedTile,
    Resources,
    SenseAmplifier,
    Stimulus,
    TransientRead,
    TransmissionGateCell,
    VirtualGround,
    parse_spec,
)
from mtjspice.spec.base import LEAST_OHMS
from mtjspice.spice.backends import probe, run_deck, run_netlist
from mtjspice.spice.check import check_vectors
from mtjspice.spice.ngspice.simulate import with_solver

pytestmark = pytest.mark.ngspice
GOLDEN = golden_experiments()


@pytest.fixture(scope="module")
def pool():
    with WorkerPool(1, limits=Resources(time=60)) as one:
        yield one


def loaded(netlist: str) -> str:
    """A netlist of ours, or of PySpice, as ngspice gets it."""
    return with_solver(netlist, klu="KLU" in probe().features)


def broken(pool: WorkerPool, old: str, new: str) -> SimulationError:
    """The error of a netlist in which a piece of text was replaced."""
    deck = build_deck(GOLDEN["passive_wires"])
    assert old in deck.text
    future: Future = pool.submit(run_netlist, loaded(deck.text.replace(old, new)), deck)
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
    assert result.attrs["level"] == "spice"
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


SAME = {
    **{n: GOLDEN[n] for n in ("passive_wires", "passive_amplifier", "gated_mismatch_and_defects")},
    "latches": Experiment(
        crossbar=Crossbar(rows=1, columns=2, row=Line(resistance=5.0, capacitance=1e-15)),
        tile=ProgrammedTile(states=["PA"]),
        stimulus=Stimulus(volts=[[0.6]]),
        periphery=SenseAmplifier(load="5k", threshold=0.2),
        analysis=TransientRead(),
    ),
}


@pytest.mark.parametrize("name", SAME)
def test_the_pyspice_circuit_gives_the_same_currents(pool, name):
    deck = build_deck(SAME[name])
    analysis = deck.text[re.search(r"^\.(dc|tran) ", deck.text, re.MULTILINE).start() :]
    theirs = pool.submit(run_netlist, loaded(str(to_circuit(SAME[name])) + analysis), deck)
    ours = pool.submit(run_deck, deck)
    (found,) = theirs.result()
    for vector in deck.vectors:
        assert found.values[vector] == pytest.approx(ours.result().values[vector], rel=1e-12)


def all_open(cell: Cell, reference: float, resistance: float, *defects: Defect) -> Experiment:
    """25 x 25 transistors without a junction: nothing flows but through gmin."""
    n, wire = 25, Line(resistance=resistance, end=50.0)
    gone = tuple(Defect(kind="open", row=r, column=c) for r, c in np.ndindex(n, n))
    return Experiment(
        crossbar=Crossbar(rows=n, columns=n, cell=cell, row=wire, column=wire),
        tile=ProgrammedTile(states=np.zeros((n, n), dtype=int)),
        stimulus=Stimulus(volts=np.random.default_rng(0).uniform(-0.1, 0.1, (3, n))),
        periphery=VirtualGround(reference=reference),
        die=Die(mismatch=1.0, defects=(*gone, *defects)),
    )


@pytest.mark.parametrize("resistance", [2.0, 0.02])
@pytest.mark.parametrize(
    ("cell", "reference"), [(GatedCell(), 0.5), (TransmissionGateCell(), 1.65)], ids=["n", "np"]
)
def test_a_tile_without_a_junction_reads_nothing(simulator, cell, reference, resistance):
    (result,) = simulator.run([all_open(cell, reference, resistance)])
    # 625 transistors leak through gmin, 1e-12 S for each of their junctions.
    assert np.abs(result["current"]).max() < 25 * 4 * 3.3e-12
    assert "dropped_nodes" not in result.attrs


@pytest.mark.parametrize("name", ["passive_wires", "gated_bsim4"])
def test_a_ten_millionth_of_the_current_is_not_lost_in_rounding(pool, name):
    deck = build_deck(GOLDEN[name])
    values = pool.submit(run_deck, deck).result().values
    moved = sum(np.abs(values[branch]) for branch in deck.branches)
    check_vectors(deck, values)
    for share, refused in ((5e-9, False), (1e-7, True), (-1e-7, True)):
        changed = values | {deck.branches[2]: values[deck.branches[2]] + share * moved}
        with pytest.raises(SimulationError, match="Kirchhoff") if refused else nullcontext():
            check_vectors(deck, changed)


def test_what_rounding_may_leave_is_far_below_a_current_of_a_whole_tile():
    for resistance in (2.0, LEAST_OHMS):
        deck = build_deck(all_open(GatedCell(), 0.5, resistance))
        assert 0 < deck.rounding <= 1e-12 * len(deck.branches)
    # 625 junctions at 50 mV carry some 3 mA; of it 1e-7 is 3e-10 A.
    assert deck.rounding < 1e-10
    # Far above ground it would be more than what Newton's iteration leaves open at each branch.
    deck = build_deck(all_open(GatedCell(), 3.0, LEAST_OHMS))
    assert deck.rounding == pytest.approx(1e-12 * len(deck.branches), rel=1e-9)


def cut_off(cell: Cell, reference: float = 0.5) -> tuple[Experiment, Experiment]:
    """An array with a row and a column that are cut off, and one cell between them; and without.

    Of the second nothing is cut off, because the row and the column have nothing on them.
    """
    wire = Line(resistance=2.0, end=50.0)
    places = [(1, c) for c in range(4)] + [(r, 2) for r in range(5) if r != 1]
    dead = (Defect(kind="dead_row", row=1), Defect(kind="dead_column", column=2))
    gone = tuple(Defect(kind="open", row=r, column=c) for r, c in places)
    whole = Experiment(
        crossbar=Crossbar(rows=5, columns=4, cell=cell, row=wire, column=wire),
        tile=ProgrammedTile(states=np.eye(5, 4, dtype=int)),
        stimulus=Stimulus(volts=[[0.1, 0.05, -0.1, 0.1, 0.02], [0.0, 0.1, 0.1, 0.0, -0.1]]),
        periphery=VirtualGround(reference=reference),
        die=Die(defects=gone),
    )
    joined = tuple(d for d in gone if (d.row, d.column) != (1, 2))
    return whole.replace(die=Die(defects=(*dead, *joined))), whole


@pytest.mark.parametrize("analysis", [DcRead(), TransientRead()], ids=["at rest", "in time"])
@pytest.mark.parametrize("cell", [PassiveCell(), GatedCell(), TransmissionGateCell()])
def test_what_is_cut_off_and_not_read_is_left_out_and_said(simulator, cell, analysis):
    loaded = Line(resistance=2.0, end=50.0, capacitance=1e-15)
    cut, held = (e.replace(analysis=analysis) for e in cut_off(cell))
    if analysis.kind == "transient":
        cut, held = (
            e.replace(crossbar=e.crossbar.replace(row=loaded, column=loaded)) for e in (cut, held)
        )
    without, same = simulator.run([cut, held])
    assert without.attrs["dropped_nodes"].split() == list(build_deck(cut).dropped)
    assert len(build_deck(cut).dropped) >= 4 + 5
    assert "dropped_nodes" not in same.attrs
    scale = float(np.abs(same["current"]).max())
    # In the second the transistors of the column leak a few 1e-11 A through gmin.
    assert np.abs(without["current"] - same["current"]).max() < 1e-5 * scale
    assert np.abs(without["current"].sel(output_line=2)).max() < 1e-9 * scale


def test_samples_of_mismatch_leave_out_the_transistors_of_what_is_cut_off(simulator):
    cut, held = cut_off(GatedCell())
    one, other = (over_mismatch(simulator, e, 3, seed=1)["current"] for e in (cut, held))
    assert np.abs(one - other).max() < 1e-6 * np.abs(other).max()
    assert (one.sel(output_line=0).std("sample") > 0).all()


def test_nodes_that_are_left_out_of_a_die_are_said_with_their_tile(simulator):
    design = parse_spec(DESIGN, DieDesign)
    row = tuple(Defect(kind="open", row=1, column=c, tile=1) for c in range(3))
    dead = Defect(kind="dead_row", row=1, tile=1)
    wire = design.crossbar.replace(row=Line(resistance=1.0))
    die = design.replace(crossbar=wire, die=Die(defects=(dead, *row)))
    dropped = simulate_die(die, simulator).attrs["dropped_nodes"].split()
    assert dropped == ["1:wl1_0", "1:wl1_1", "1:wl1_2"]


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


LATCHED = GOLDEN["passive_wires"].replace(periphery=SenseAmplifier(), observe="cells")


def test_results_of_every_kind_are_found_again(tmp_path):
    kinds = [*GOLDEN.values(), LATCHED, LATCHED.replace(analysis=TransientRead())]
    with Simulator(jobs=1, store=tmp_path) as first:
        one = first.run(kinds)
    with Simulator(jobs=1, store=tmp_path) as second:
        again = second.run(kinds)
        assert (second.ran, second.found, second.damaged) == (0, len(kinds), 0)
    assert all(a.identical(b) for a, b in zip(one, again, strict=True))
    assert "decision_time" in again[-1]


def cut(file, other):
    file.write_bytes(file.read_bytes()[:100])


def emptied(file, other):
    file.write_bytes(b"")


def exchanged(file, other):
    file.write_bytes(other.read_bytes())


def linked(file, other):
    file.rename(file.with_name("elsewhere"))
    file.symlink_to("elsewhere")


def piped(file, other):
    file.unlink()
    os.mkfifo(file)


def of_another_simulator(file, other):
    save_result(load_result(file).assign_attrs(simulator="[bold]ngspice 99"), file)


def scaled(file, other):
    changed = load_result(file)
    changed["current"].attrs["scale_factor"] = 2.0
    save_result(changed, file)


@pytest.mark.parametrize(
    "spoil", [cut, emptied, exchanged, linked, piped, of_another_simulator, scaled]
)
def test_a_damaged_result_is_simulated_again_and_said_once(tmp_path, caplog, spoil):
    both = [GOLDEN["passive_wires"], GOLDEN["passive_floating"]]
    with Simulator(jobs=1, store=tmp_path) as simulator:
        right, _ = simulator.run(both)
        file, other = (tmp_path / f"{simulator.key(one)}.nc" for one in both)
        spoil(file, other)
        found = simulator.run(both)
        assert (simulator.ran, simulator.found, simulator.damaged) == (3, 1, 1)
        assert found[0].equals(right)
        assert file.is_file()
        assert not file.is_symlink()
        simulator.run(both)
        assert simulator.ran == 3
    (said,) = caplog.messages
    assert "1 stored results" in said
    assert file.name in said


def test_what_is_said_of_damage_reaches_stderr(tmp_path):
    program = (
        "import sys; from mtjspice.collect import Simulator\n"
        "from mtjspice.netlist.golden import golden_experiments\n"
        "from concurrent.futures import ThreadPoolExecutor\n"
        "from pathlib import Path\n"
        "one = golden_experiments()['passive_wires']\n"
        "simulator = Simulator(store=Path(sys.argv[1]), pool=ThreadPoolExecutor(1))\n"
        "Path(sys.argv[1], simulator.key(one) + '.nc').touch()\n"
        "simulator._load_all([one], [simulator.key(one)])\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr.startswith("1 stored results in ")
    assert "simulated again" in done.stderr
    assert done.stdout == ""


def test_a_folder_with_the_name_of_a_result_is_refused_before_anything_is_run(tmp_path):
    with Simulator(jobs=1, store=tmp_path) as simulator:
        (tmp_path / f"{simulator.key(GOLDEN['passive_wires'])}.nc").mkdir()
        with pytest.raises(InputError, match="move it away"):
            simulator.run([GOLDEN["passive_floating"], GOLDEN["passive_wires"]])
        assert simulator.ran == 0


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
        Simulator(jobs=1, store=tmp_path, limits=Resources(time=5)) as simulator,
        pytest.raises(SimulationError, match=r"simulator\.time = 5 s: no answer within") as caught,
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
    """An array with a line that nothing holds, and whose cells are observed."""
    cut = [Defect(kind="open", row=1, column=column) for column in range(4)]
    die = Die(defects=(Defect(kind="dead_row", row=1), *cut))
    return GOLDEN["passive_wires"].replace(die=die, observe="cells")


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
        answer = pool.submit(
            simulate_as, experiment, simulator.backend, str(simulator.info), expected, "key"
        )
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
from mtjspice.spice.backends import run_deck
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
