"""The whole way of one study: data, network, both levels, verdict, report. `mtjspice run`."""

import functools
import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from mtjspice.collect.simulator import Simulator
from mtjspice.data import nist, versions
from mtjspice.data.figures import Figure
from mtjspice.data.network import Layer, Network, load_network, save_network
from mtjspice.data.samples import Samples
from mtjspice.data.wine import load_wine
from mtjspice.errors import InputError
from mtjspice.report.write import Story, write_report
from mtjspice.signoff.levels import ngspice_outputs
from mtjspice.signoff.verdict import Comparison, compare, judge, passes, warnings
from mtjspice.spec.study import SolutionsNetwork, Study, TrainedNetwork, WineNistData
from mtjspice.train.mapping import place_network

Progress = Callable[[str, int, int], None]
"""Called with (what is being done, steps done, steps in all)."""


@dataclass(frozen=True)
class Outcome:
    """What a study came to.

    Attributes:
        passed: the verdict.
        figures: the stated numbers, with limits.
        warnings: what to know before trusting them.
        comparison: what they rest on.
        report: the page, beside which lie ``report.json``, ``manifest.json`` and the results.
        times: wall seconds of each step.
    """

    passed: bool
    figures: list[Figure]
    warnings: list[str]
    comparison: Comparison
    report: Path
    times: dict[str, float]


def run_study(
    study: Study,
    out: Path,
    *,
    solutions: Path | None = None,
    jobs: int | None = None,
    progress: Progress | None = None,
) -> Outcome:
    """Train or read the networks, simulate every sample on both levels, judge, write the report.

    What has been computed in `out` before is found again by its key and not computed anew.

    Args:
        study: what to do.
        out: folder of the report, the network and the results; made if it is missing.
        solutions: folder in NIST's format, where the study asks for it.
        jobs: worker processes; all processors if left out.
        progress: told of each step.

    Raises:
        InputError: if anything given is wrong; nothing is written then.
        SimulatorError: if ngspice is missing or fails.
    """
    tell = progress or (lambda what, done, total: None)
    samples = _read_samples(study, solutions)
    ready = _read_networks(study, solutions)
    check_fit(study, samples, ready)
    with Simulator(jobs=jobs, store=out / "simulations") as simulator:
        times, start = {}, time.perf_counter()
        networks = ready or [_trained(study, samples, out, functools.partial(tell, "training"))]
        times["training"] = time.perf_counter() - start
        start = time.perf_counter()
        runs = ngspice_outputs(
            study, networks, samples.inputs, simulator, functools.partial(tell, "ngspice")
        )
        times["simulation"] = time.perf_counter() - start
        times["ngspice, summed over workers"] = simulator.seconds
    comparison = compare(study, networks, samples, runs)
    figures = judge(study, comparison)
    story = Story(
        study=study,
        samples=samples,
        networks=networks,
        comparison=comparison,
        figures=figures,
        passed=passes(figures),
        warnings=warnings(study, comparison),
        versions=versions.of_everything(str(simulator.info)),
        times=times,
        simulations={"run": simulator.ran, "found": simulator.found},
        keys=list(simulator.keys),
    )
    report = write_report(story, out)
    return Outcome(story.passed, figures, story.warnings, comparison, report, times)


def check_fit(study: Study, samples: Samples, networks: list[Network]) -> None:
    """See that every network fits the tiles, before anything is trained or simulated.

    Raises:
        CapacityError: with the lines that are needed and there.
    """
    if isinstance(study.network, TrainedNetwork):
        widths = (samples.inputs.shape[1], *study.network.hidden, len(samples.classes))
        blank = tuple(
            Layer(states=np.ones((a, 2 * b), dtype=np.uint8), bias=np.zeros(b))
            for a, b in pairwise(widths)
        )
        networks = [Network(name=f"{study.name}: network.hidden", layers=blank)]
    for network in networks:
        place_network(network, study.crossbar)


def _read_samples(study: Study, solutions: Path | None) -> Samples:
    if isinstance(study.data, WineNistData):
        return nist.read_samples(_solutions_folder(study, solutions))
    return load_wine(study.data, study.seed)


def _read_networks(study: Study, solutions: Path | None) -> list[Network]:
    """The networks that are read; none where one is to be trained."""
    if isinstance(study.network, SolutionsNetwork):
        return nist.read_solutions(_solutions_folder(study, solutions), study.network.only)
    return []


def _solutions_folder(study: Study, solutions: Path | None) -> Path:
    if solutions is None:
        raise InputError(
            source=study.name,
            key="--solutions",
            allowed="this study reads networks or data in NIST's format: give their folder",
        )
    return solutions


def _trained(
    study: Study, samples: Samples, out: Path, progress: Callable[[int, int], None]
) -> Network:
    """The network of a study, trained unless the folder holds it already."""
    assert isinstance(study.network, TrainedNetwork)
    path = out / "network.json"
    determines = study.network.canonical() + study.data.canonical() + versions.of_training()
    key = hashlib.sha256(f"{determines} {study.seed}".encode()).hexdigest()
    if path.exists():
        network, its_key = load_network(path)
        if its_key == key:
            return network
    from mtjspice.train.loop import train_network  # noqa: PLC0415, torch takes seconds to import

    network = train_network(study.network, samples, study.seed, progress)
    save_network(network, path, key=key)
    return network
