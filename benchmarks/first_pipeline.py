"""The promises of the first pipeline: from the Wine data to a verdict in ngspice.

python benchmarks/first_pipeline.py [--json]
"""

import json
import os
import tempfile
import time
from itertools import product
from pathlib import Path

import numpy as np
from promises import REPOSITORY, main, shared_data
from reference import cases, nodal, peer

from mtjspice.collect import Simulator, WorkerPool
from mtjspice.data import nist
from mtjspice.netlist import build_deck
from mtjspice.networks.levels import ideal_outputs
from mtjspice.spec import Experiment, Study, read_spec
from mtjspice.spice.backends import run_deck
from mtjspice.study.metrics import accuracy
from mtjspice.study.run import run_study
from mtjspice.verdicts.figures import Figure, Verdict, at_least, at_most

ARRAYS = 500
PUBLISHED = {"train": 0.9797, "test": 0.9333}
"""Ideal medians over NIST's solutions at G_norm = G_P − G_AP: 97.97 % and 93.33 %."""


def measure() -> list[Figure]:
    """Every figure, in the order of the table."""
    return [*whole_run(), *nist_solutions(), *other_solvers(), memory()]


def whole_run() -> list[Figure]:
    """``make run``'s study, twice from nothing with the same seed."""
    study = read_spec(REPOSITORY / "examples" / "wine" / "experiment.toml", Study)
    reports, outcomes = [], []
    for _ in range(2):
        with tempfile.TemporaryDirectory() as folder:
            outcomes.append(run_study(study, Path(folder), jobs=2))
            report = json.loads((Path(folder) / "report.json").read_text())
            report.pop("times")
            reports.append(json.dumps(report))
    outcome = outcomes[0]
    samples = outcome.comparison.spice.predicted.shape[1]
    how = (
        f"{samples} samples, two layers, {len(study.readout.g_norm)} values of G_norm, two workers"
    )
    tuned = float(np.median(outcome.comparison.spice.tuned("all")))
    simulations = [o.times["simulation"] for o in outcomes]
    return [
        Figure("verdict of `make run`", outcome.verdict, "", "pass",
               outcome.verdict is Verdict.PASS, how),
        at_least("accuracy of all samples, ngspice, Wine", tuned, 0.95, "", how),
        at_most("simulation step of `make run`, slower of two", max(simulations), 20.0, "s", how),
        at_most("bytes of report.json that differ between two runs, times left out",
                sum(a != b for a, b in zip(*reports, strict=False))
                + abs(len(reports[0]) - len(reports[1])),
                0, "", "same seed, two new folders"),
    ]  # fmt: skip


def nist_solutions() -> list[Figure]:
    """The published networks on the ideal array."""
    data = shared_data()
    if data is None:
        return [Figure("ideal accuracy of NIST's solutions", "not measured", "", "", None,
                       "the published solutions are not on this machine")]  # fmt: skip
    samples = nist.read_samples(data / "wine-nist")
    networks = nist.read_solutions(data / "wine-nist")
    g_norm = (0.5, 1.0, 1.5)
    outputs = np.stack([ideal_outputs(n, samples.inputs, g_norm) for n in networks])
    figures = []
    for split, mask in (("train", samples.train), ("test", ~samples.train)):
        low, best, high = np.median(accuracy(outputs[:, :, mask], samples.labels[mask]), axis=0)
        how = f"median over {len(networks)} solutions, {mask.sum()} {split} samples"
        off = abs(float(best) - PUBLISHED[split])
        figures += [
            Figure(f"ideal accuracy at G_norm = 1, {split}", 100 * float(best), "%",
                   f"= {100 * PUBLISHED[split]:.2f}", off < 1e-4, how),
            at_most(f"ideal accuracy at G_norm = 0.5, {split}", 100 * float(low),
                    100 * float(best), "%", how),
            at_most(f"ideal accuracy at G_norm = 1.5, {split}", 100 * float(high),
                    100 * float(best), "%", how),
        ]  # fmt: skip
    return figures


def other_solvers() -> list[Figure]:
    """Currents of ngspice against solvers that share no code with the netlist."""
    grid = list(product((0.0, 5.0, 50.0), (0.0, 100.0), (False, True)))
    figures = []
    with Simulator(jobs=2) as simulator:
        for ohmic in (True, False):
            described = [cases.experiment(w, e, ohmic=ohmic, shorts=s) for w, e, s in grid]
            worst = max(map(_off_scipy, described, simulator.run(described)))
            kind = "ohmic" if ohmic else "bias-dependent"
            figures.append(
                at_most(f"ngspice against scipy, {kind} cells", worst, 1e-6, "of full scale",
                        f"worst of {len(grid)} 15 x 15 tiles: wires 0, 5, 50 Ω, line ends 0, "
                        f"100 Ω, with and without two shorts; {simulator.info}")
            )  # fmt: skip
        figures.append(_badcrossbar(simulator))
        figures.append(_sweep(simulator))
    return figures


def _off_scipy(experiment: Experiment, result) -> float:
    expected = nodal.currents(cases.array(experiment), experiment.stimulus.volts)
    off = np.abs(result["current"].to_numpy() - expected).max()
    return float(off) / cases.full_scale(experiment)


def _badcrossbar(simulator: Simulator) -> Figure:
    name = "ngspice against badcrossbar, ohmic cells"
    if not peer.installed():
        return Figure(name, "not measured", "", "", None, "badcrossbar is not installed")
    worst = 0.0
    for wire, shorts in product((0.0, 5.0, 50.0), (False, True)):
        experiment = cases.experiment(wire, wire, ohmic=True, shorts=shorts)
        ours = simulator.run([experiment])[0]["current"].to_numpy()
        off = np.abs(ours - peer.currents(experiment)).max()
        worst = max(worst, float(off) / cases.full_scale(experiment))
    how = "worst of 6 tiles: wires and line ends 0, 5, 50 Ω, with and without two shorts"
    return at_most(name, worst, 1e-6, "of full scale", how)


def _sweep(simulator: Simulator) -> Figure:
    worst = 0.0
    for wire, shorts in product((0.0, 5.0, 50.0), (False, True)):
        sweep = cases.experiment(wire, 100.0, ohmic=False, shorts=shorts, vectors=20)
        together, *single = simulator.run([sweep, *cases.one_by_one(sweep)])
        points = np.concatenate([result["current"].to_numpy() for result in single])
        off = np.abs(together["current"].to_numpy() - points).max()
        worst = max(worst, float(off) / cases.full_scale(sweep))
    how = "bias-dependent 15 x 15 tiles, 20 vectors: one sweep against 20 separate simulations"
    return at_most("`.dc` sweep against separate `.op`", worst, 1e-8, "of full scale", how)


def memory() -> Figure:
    """Growth of a worker's resident memory over many different arrays."""
    chance = np.random.default_rng(0)
    start = time.perf_counter()
    with WorkerPool(1) as pool:
        pid = pool.submit(os.getpid).result()
        for k in range(ARRAYS):
            described = cases.experiment(5.0, 100.0, ohmic=False, shorts=True, vectors=20)
            states = chance.integers(0, 2, described.crossbar.shape)
            described = described.replace(tile=described.tile.replace(states=states))
            pool.submit(run_deck, build_deck(described)).result()
            if k == 20:
                first = resident(pid)
        growth = (resident(pid) - first) / 1e6
    seconds = time.perf_counter() - start
    how = f"resident memory after {ARRAYS} different 15 x 15 arrays minus after 20, {seconds:.0f} s"
    return at_most("memory growth of a worker", growth, 5.0, "MB", how)


def resident(pid: int) -> int:
    """Resident bytes of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    main("The first pipeline", measure)
