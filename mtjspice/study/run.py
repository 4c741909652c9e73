"""The whole way of one study: data, networks, both levels, verdict, report. `mtjspice run`."""

import functools
import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from mtjspice.collect.simulator import Simulator
from mtjspice.data import nist, versions
from mtjspice.data.network import Layer, Network
from mtjspice.data.outputs import Outputs
from mtjspice.data.samples import Samples
from mtjspice.data.weights import ABOUT, load_weights, save_weights
from mtjspice.data.wine import load_wine
from mtjspice.errors import InputError
from mtjspice.networks.levels import Chip, SpiceRun, spice_outputs, write_chips
from mtjspice.spec.study import (
    FullBatch,
    PopulationNetwork,
    SolutionsNetwork,
    Study,
    TrainedNetwork,
    WineNistData,
)
from mtjspice.study.findings import Story
from mtjspice.study.page import write_study
from mtjspice.study.verdict import compare, judge, verdict_on, warnings
from mtjspice.train.mapping import place_network

Progress = Callable[[str, int, int], None]
"""Called with (what is being done, steps done, steps in all)."""


@dataclass(frozen=True)
class Simulated:
    """A study's networks, trained or read, written into their dies and simulated.

    Attributes:
        samples: data and split.
        chips: the networks in their tiles.
        runs: each of them in SPICE.
        versions: of everything that the results depend on.
        times: wall seconds of each step.
        simulations: how many were ``run`` and how many ``found`` from before.
        keys: of all simulations.
        notes: what a report should say of them.
    """

    samples: Samples
    chips: list[Chip]
    runs: list[SpiceRun]
    versions: dict[str, str]
    times: dict[str, float]
    simulations: dict[str, int]
    keys: list[str]
    notes: tuple[str, ...] = ()

    @property
    def networks(self) -> list[Network]:
        """As they were to be written."""
        return [chip.network for chip in self.chips]


def simulate_study(
    study: Study,
    out: Path | None = None,
    *,
    solutions: Path | None = None,
    jobs: int | None = None,
    progress: Progress | None = None,
) -> Simulated:
    """Train or read a study's networks, write them into their dies, run all samples in SPICE.

    What has been computed in `out` before is found again by its key and not computed anew.

    Args:
        study: what to do.
        out: folder of the networks and the results; nothing is kept if it is left out.
        solutions: folder in NIST's format, where the study asks for it.
        jobs: worker processes; all processors if left out.
        progress: told of each step.

    Raises:
        InputError: if anything given is wrong; nothing is written then.
        SimulatorError: if the simulator is missing or fails.
    """
    tell = progress or (lambda what, done, total: None)
    samples, ready = read_study(study, solutions)
    store = None if out is None else out / "simulations"
    with Simulator(jobs=jobs, store=store, limits=study.simulator) as simulator:
        times, start = {}, time.perf_counter()
        networks = ready or trained(study, samples, out, functools.partial(tell, "training"))
        chips = write_chips(study, networks)
        times["training"] = time.perf_counter() - start
        start = time.perf_counter()
        runs = spice_outputs(
            study, chips, samples.inputs, simulator, functools.partial(tell, "spice")
        )
        times["simulation"] = time.perf_counter() - start
        times["SPICE, summed over workers"] = simulator.seconds
    return Simulated(
        samples=samples,
        chips=chips,
        runs=runs,
        versions=versions.of_everything(str(simulator.info)),
        times=times,
        simulations={"run": simulator.ran, "found": simulator.found},
        keys=list(simulator.keys),
        notes=simulator.notes,
    )


def read_study(study: Study, solutions: Path | None = None) -> tuple[Samples, list[Network]]:
    """Samples, and the networks that are read; none where they are trained.

    Raises:
        InputError: if anything given is wrong, or a network does not fit the tiles.
    """
    if solutions is not None and not _takes_solutions(study):
        raise InputError(
            source="--solutions", value=str(solutions),
            allowed=f"this study has data of the kind {study.data.kind} and trains its network "
            "itself; leave the folder out",
        )  # fmt: skip
    samples = _read_samples(study, solutions)
    ready = _read_networks(study, solutions)
    check_fit(study, samples, ready)
    return samples, ready


def run_study(
    study: Study,
    out: Path | None = None,
    *,
    solutions: Path | None = None,
    jobs: int | None = None,
    progress: Progress | None = None,
) -> Story:
    """Simulate a study on both levels, judge, and write the report where a folder is named.

    Args:
        study: what to do.
        out: folder of the report, the networks and the results; made if it is missing. Nothing is
            written if it is left out.
        solutions: folder in NIST's format, where the study asks for it.
        jobs: worker processes; all processors if left out.
        progress: told of each step.

    Raises:
        InputError: if anything given is wrong; nothing is written then.
        SimulatorError: if the simulator is missing or fails.
    """
    done = simulate_study(study, out, solutions=solutions, jobs=jobs, progress=progress)
    comparison = compare(study, done.networks, done.samples, done.runs)
    figures = judge(study, comparison)
    story = Story(
        study=study,
        samples=done.samples,
        networks=done.networks,
        comparison=comparison,
        figures=figures,
        verdict=verdict_on(study, figures),
        warnings=[*warnings(study, comparison), *done.notes],
        versions=done.versions,
        times=done.times,
        simulations=done.simulations,
        keys=done.keys,
    )
    if out is not None:
        write_study(story, Outputs(out))
    return story


def check_fit(study: Study, samples: Samples, networks: list[Network]) -> None:
    """See that every network fits the tiles, before anything is trained or simulated.

    Raises:
        CapacityError: with the lines that are needed and there.
    """
    if isinstance(study.network, FullBatch):
        widths = (samples.inputs.shape[1], *study.network.hidden, len(samples.classes))
        blank = _blank(widths)
        name = f"{study.name}: network.hidden"
        networks = [Network(name, blank, (), samples.classes, samples.source, key="")]
    for network in networks:
        place_network(network, study.crossbar)


def _blank(widths: Sequence[int]) -> tuple[Layer, ...]:
    """Layers of such widths on paper, before anything is trained."""
    return tuple(
        Layer.on_paper(np.ones((a, 2 * b), dtype=np.uint8), np.zeros(b), k)
        for k, (a, b) in enumerate(pairwise(widths))
    )


def _read_samples(study: Study, solutions: Path | None) -> Samples:
    if isinstance(study.data, WineNistData):
        return nist.read_samples(_solutions_folder(study, solutions))
    return load_wine(study.data, study.seed)


def _read_networks(study: Study, solutions: Path | None) -> list[Network]:
    """The networks that are read; none where one is to be trained."""
    if isinstance(study.network, SolutionsNetwork):
        folder, only = _solutions_folder(study, solutions), study.network.only
        return nist.read_solutions(folder, only)[: study.network.first]
    return []


def _takes_solutions(study: Study) -> bool:
    """Whether data or networks come from a folder in NIST's format."""
    return isinstance(study.data, WineNistData) or isinstance(study.network, SolutionsNetwork)


def seed_matters(study: Study) -> bool:
    """Whether anything is drawn: not where networks and the split of the data are read."""
    return not (
        isinstance(study.data, WineNistData) and isinstance(study.network, SolutionsNetwork)
    )


def _solutions_folder(study: Study, solutions: Path | None) -> Path:
    if solutions is None:
        raise InputError(
            source=study.name,
            key="--solutions",
            allowed="this study reads networks or data in NIST's format: give their folder",
        )
    return solutions


def trained(
    study: Study, samples: Samples, out: Path | None, progress: Callable[[int, int], None]
) -> list[Network]:
    """The networks of a study, trained unless the folder, if one is named, holds them already.

    Each has a folder of its own in ``networks``, as `load_weights` reads it.

    Raises:
        InputError: if such a folder holds what cannot be read, or what the study cannot have
            trained.
    """
    assert isinstance(study.network, TrainedNetwork | PopulationNetwork)
    many = isinstance(study.network, PopulationNetwork)
    first = study.network.first if isinstance(study.network, PopulationNetwork) else None
    whole = study.network if first is None else study.network.replace(first=None)
    count = study.network.count if isinstance(study.network, PopulationNetwork) else 1
    determines = whole.canonical() + study.data.canonical() + versions.of_training()
    key = hashlib.sha256(f"{determines} {study.seed}".encode()).hexdigest()
    digits = len(str(count))
    folders = [] if out is None else [
        out / "networks" / (f"{n + 1:0{digits}d}" if many else "trained") for n in range(count)
    ]  # fmt: skip
    stored = _stored(folders, key, study.network, samples)
    if stored:
        return stored[:first]
    from mtjspice.train.loop import train_networks  # noqa: PLC0415, torch takes seconds to import

    networks = train_networks(whole, samples, study.seed, key, progress)
    for folder, network in zip(folders, networks, strict=bool(folders)):
        save_weights(folder, network)
    return networks[:first]


def _stored(
    folders: Sequence[Path], key: str, wanted: FullBatch, samples: Samples
) -> list[Network]:
    """The networks of earlier training with this key; none if one of them is not there."""
    networks = []
    for folder in folders:
        if not (folder / ABOUT).exists():
            return []
        network = load_weights(folder)
        if network.key != key:
            return []
        _check_stored(network, wanted, samples, folder)
        networks.append(network)
    return networks


def _check_stored(network: Network, wanted: FullBatch, samples: Samples, folder: Path) -> None:
    """Refuse a network that has the key of a training and cannot be its outcome."""
    widths = (samples.inputs.shape[1], *wanted.hidden, len(samples.classes))
    found = {
        "layers": (_described(network.layers), _described(_blank(widths))),
        "features": (network.features, tuple(range(widths[0]))),
        "classes": (network.classes, samples.classes),
        "study": (network.study, None),
    }
    for key, (theirs, ours) in found.items():
        if theirs != ours:
            allowed = "is another network than the study trains; move the folder away"
            raise InputError(source=folder / ABOUT, key=key, allowed=allowed)


def _described(layers: Sequence[Layer]) -> list[tuple[object, ...]]:
    """All of layers but what training finds: shapes, tiles, and what the digital part does."""
    return [
        (x.states.shape, x.groups, x.copies, x.first, x.unit, x.g_norm, x.outlier) for x in layers
    ]
