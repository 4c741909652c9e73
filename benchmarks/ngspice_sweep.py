"""How fast ngspice reads arrays: our route beside the two that people take, for each ngspice found.

    python benchmarks/ngspice_sweep.py [--json]

Our route loads an array once and sweeps all its vectors. The others: a process per vector, and one
process with `alter` and `op` for each vector. All are run in turn, in one run; medians are shown.
A second version is looked for in ``.ngspice/*`` (`make test-ngspice39` puts one there).
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from promises import REPOSITORY, main
from reference.raw import read_raw

from mtjspice.collect import Simulator
from mtjspice.collect.label import label
from mtjspice.netlist import build_deck
from mtjspice.netlist.golden import golden_experiments
from mtjspice.spec import (
    Crossbar,
    Die,
    Experiment,
    GatedCell,
    Line,
    PassiveCell,
    ProgrammedTile,
    Stimulus,
    VirtualGround,
)
from mtjspice.spice.backends import run_deck
from mtjspice.spice.ngspice.probe import probe
from mtjspice.spice.ngspice.simulate import with_solver
from mtjspice.verdicts.figures import Figure, at_least, at_most

SIZES = (8, 16, 25, 32, 64, 128)
KINDS = {"passive": (PassiveCell(), 0.0), "gated": (GatedCell(), 0.5)}
ROUNDS = 5


def array(kind: str, size: int, vectors: int) -> Experiment:
    """A random tile with wires, spread and bipolar inputs."""
    chance = np.random.default_rng([size, vectors])
    cell, reference = KINDS[kind]
    line = Line(resistance=2.0, end=50.0)
    return Experiment(
        crossbar=Crossbar(rows=size, columns=size, cell=cell, row=line, column=line),
        tile=ProgrammedTile(states=chance.integers(0, 2, (size, size))),
        stimulus=Stimulus(volts=chance.uniform(-0.1, 0.1, (vectors, size))),
        die=Die(sigma_ln_rp=0.05, sigma_ln_tmr=0.05),
        periphery=VirtualGround(reference=reference),
    )


def counts(size: int) -> tuple[int, int, int]:
    """Vectors for our route, for `alter`, for processes; none where it would take minutes."""
    if size <= 32:
        return 150, 8, 3
    return (40, 2, 2) if size <= 64 else (5, 0, 0)


# What runs in the process of one ngspice -------------------------------------------------------


def measure_one() -> dict:
    """Everything of the ngspice that the environment names."""
    from mtjspice.spice.ngspice.library import open_library  # noqa: PLC0415, loads the simulator

    info = open_library().info
    rows = []
    for kind in KINDS:
        for size in SIZES if info.klu else SIZES[:-2]:
            rows.append(case(kind, size))
            print(f"{info}: {rows[-1]}", file=sys.stderr, flush=True)
    return {
        "info": str(info),
        "klu": info.klu,
        "rows": rows,
        "golden": golden(),
        "memory": memory(),
    }


def case(kind: str, size: int) -> dict:
    """Milliseconds per vector of the three routes, and the largest difference of their currents."""
    ours, altered, processes = counts(size)
    sweep = array(kind, size, ours)
    times: dict[str, list[float]] = {"sweep": [], "alter": [], "process": []}
    currents: dict[str, np.ndarray] = {}
    for _ in range(ROUNDS if size <= 32 else 1):
        for name, route, vectors in (
            ("sweep", by_sweep, ours),
            ("alter", by_alter, altered),
            ("process", by_process, processes),
        ):
            if vectors:
                currents[name], seconds = route(sweep, vectors)
                times[name].append(1e3 * seconds / vectors)
    full_scale = size * 0.1 / sweep.crossbar.cell.mtj.r_p
    off = [
        float(np.abs(found - currents["sweep"][: len(found)]).max()) / full_scale
        for name, found in currents.items()
        if name != "sweep"
    ]
    medians = {name: statistics.median(t) for name, t in times.items() if t}
    return {"kind": kind, "size": size, **medians, "off": max(off, default=None)}


# Each route gives currents [vector, column] and seconds, loading and reading included; the text of
# the netlists, which all of them need, is written before the clock starts.


def by_sweep(sweep: Experiment, _: int) -> tuple[np.ndarray, float]:
    """Our route: load once, sweep."""
    deck = build_deck(sweep)
    start = time.perf_counter()
    values = run_deck(deck).values
    seconds = time.perf_counter() - start
    return np.stack([values[name] for name in deck.column_currents.values()], axis=1), seconds


def by_alter(sweep: Experiment, vectors: int) -> tuple[np.ndarray, float]:
    """Load once, then `alter` every row source and `op`, vector by vector."""
    from mtjspice.spice.ngspice.library import open_library  # noqa: PLC0415, loads the simulator

    library = open_library()
    volts = sweep.stimulus.volts + sweep.periphery.reference
    single = sweep.replace(stimulus=sweep.stimulus.replace(volts=sweep.stimulus.volts[:1]))
    deck = build_deck(single)
    text = deck.text.replace("\n.dc Vindex 0 0 1\n", "\n.op\n").replace("\n.print dc", "\n*")
    found = []
    start = time.perf_counter()
    library.load(with_solver(text, klu=library.info.klu))
    for vector in volts[:vectors]:
        for row, level in enumerate(vector):
            library.command(f"alter vrow{row} = {float(level)!r}")
        library.command("op")
        plot = str(library.last_plot)
        found.append([library.vector(plot, n)[0] for n in deck.column_currents.values()])
        library.command("destroy all")
    library.clear()
    return np.array(found), time.perf_counter() - start


def by_process(sweep: Experiment, vectors: int) -> tuple[np.ndarray, float]:
    """A fresh ngspice for each vector."""
    found, seconds = [], 0.0
    with tempfile.TemporaryDirectory() as folder:
        deck_file, raw_file = Path(folder, "deck.cir"), Path(folder, "out.raw")
        for k in range(vectors):
            stimulus = sweep.stimulus.replace(volts=sweep.stimulus.volts[k : k + 1])
            deck = build_deck(sweep.replace(stimulus=stimulus))
            deck_file.write_text(with_solver(deck.text, klu=probe().klu))
            command = ["ngspice", "-b", "-r", str(raw_file), str(deck_file)]
            start = time.perf_counter()
            subprocess.run(command, capture_output=True, check=True)
            raw = read_raw(raw_file)
            seconds += time.perf_counter() - start
            names = (name.removesuffix("#branch") for name in deck.column_currents.values())
            found.append([raw[f"i({name})"][0] for name in names])
    return np.array(found), seconds


def golden() -> dict[str, list[float]]:
    """Currents of every golden netlist; of a transient, at the end of each vector."""
    found = {}
    for name, experiment in golden_experiments().items():
        deck = build_deck(experiment)
        current = label(experiment, deck, run_deck(deck))["current"]
        if "time" in current.dims:
            current = current.sel(time=experiment.analysis.hold * 0.99, method="nearest")
        found[name] = current.to_numpy().ravel().tolist()
    return found


def memory() -> float:
    """Peak resident memory of this process, MB."""
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


# What puts them together -----------------------------------------------------------------------


def libraries() -> list[dict[str, str]]:
    """The environment of each ngspice that is there: the one in use, and those under .ngspice."""
    found: list[dict[str, str]] = [{}]
    for library in sorted(REPOSITORY.glob(".ngspice/*/usr/lib/*/libngspice.so.0")):
        usr = library.parents[2]
        found.append(
            {
                "NGSPICE_LIBRARY_PATH": str(library),
                "LD_LIBRARY_PATH": str(library.parent),
                "PATH": f"{usr / 'bin'}:{os.environ['PATH']}",
                "SPICE_LIB_DIR": str(usr / "share" / "ngspice"),
            }
        )
    return found


def measure() -> list[Figure]:
    """Every figure, for each ngspice found."""
    results = []
    for environment in libraries():
        command = [sys.executable, __file__, "--one"]
        done = subprocess.run(
            command, env=os.environ | environment, stdout=subprocess.PIPE, check=True, text=True
        )
        results.append(json.loads(done.stdout.splitlines()[-1]))
    figures = [figure for result in results for figure in of_one(result)]
    if len(results) > 1:
        figures.append(agreement(results[0], results[1]))
    return [*figures, workers()]


def of_one(result: dict) -> list[Figure]:
    """The figures of one ngspice."""
    info, figures = result["info"], []
    for row in result["rows"]:
        name = f"{row['size']} x {row['size']} {row['kind']}, {info}"
        promised = row["size"] == 25 and row["kind"] == "gated"
        times = {n: row[n] for n in ("process", "alter", "sweep") if n in row}
        how = "; ".join(f"{n} {t:.3g} ms" for n, t in times.items()) + " per vector, medians"
        limit = 250.0 if (row["size"], row["kind"], result["klu"]) == (64, "gated", True) else None
        figures.append(at_most(f"{name}: our route", row["sweep"], limit, "ms per vector", how))
        for other, least in (("process", 8.0), ("alter", 3.0)):
            if other in row:
                ratio = row[other] / row["sweep"]
                bound = least if promised else None
                figures.append(at_least(f"{name}: {other} / ours", ratio, bound, "times", how))
        if row["off"] is not None:
            figures.append(
                at_most(f"{name}: largest difference of the routes' currents", row["off"], 1e-6,
                        "of full scale", "the same vectors by all routes")
            )  # fmt: skip
    figures.append(
        Figure(f"peak memory, {info}", result["memory"], "MB", "", None, "all cases in one process")
    )
    return figures


def agreement(one: dict, other: dict) -> Figure:
    """Largest difference of two ngspice versions over the golden netlists."""
    off = {}
    for name, found in one["golden"].items():
        a, b = np.array(found), np.array(other["golden"][name])
        off[name] = float(np.abs(a - b).max() / np.abs(a).max())
    worst = max(off, key=lambda name: off[name])
    how = f"every golden netlist ({len(off)}), worst: {worst}; transients at the end of each vector"
    return at_most(f"{one['info']} against {other['info']}", off[worst], 1e-5, "of full scale", how)


def workers() -> Figure:
    """Two worker processes against one, on the same arrays."""
    arrays = [
        array("gated", 25, 80).replace(die=Die(sigma_ln_rp=0.05, seed=seed)) for seed in range(8)
    ]
    times: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(5):
        for jobs, took in times.items():
            with Simulator(jobs=jobs) as simulator:
                simulator.run([array("gated", 8, 2 + k) for k in range(jobs)])  # starts them
                start = time.perf_counter()
                simulator.run(arrays)
                took.append(time.perf_counter() - start)
    seconds = {jobs: statistics.median(each) for jobs, each in times.items()}
    how = (
        f"8 tiles of 25 x 25 gated, 80 vectors: {seconds[1]:.2f} s against {seconds[2]:.2f} s, "
        f"medians of 5 in turn; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors"
    )
    return at_least("two workers / one", seconds[1] / seconds[2], 1.7, "times", how)


if __name__ == "__main__":
    if "--one" in sys.argv:
        print(json.dumps(measure_one()))
    else:
        main("ngspice sweeps", measure)
