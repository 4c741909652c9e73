"""Experiments in, results out: in parallel, each simulated once and found again by its key."""

import hashlib
import os
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import Future, as_completed
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt
import xarray as xr

from mtjspice.collect.label import label
from mtjspice.collect.pool import WorkerPool
from mtjspice.data.files import make_folder, write_text
from mtjspice.data.results import load_result, save_result
from mtjspice.errors import SimulationError, SimulatorError, WorkerError
from mtjspice.netlist.deck import Deck, build_deck
from mtjspice.spec.experiment import Experiment
from mtjspice.spice.probe import NgspiceInfo, probe
from mtjspice.spice.simulate import Vectors, run_deck, run_samples, with_solver

Progress = Callable[[int, int], None]
"""Called with (simulations done, simulations asked for)."""


class Simulator:
    """ngspice in worker processes, with a store of what it has computed.

    Args:
        jobs: worker processes; as many as this process may use processors if left out.
        store: folder of results, one NetCDF file a simulation, named by its key; a simulation that
            is there is not run again. Nothing is kept if left out.
        timeout_s: a simulation that takes longer is taken for hung.

    Attributes:
        info: the ngspice that is used.
        ran: number of simulations run so far.
        found: number of simulations found in the store so far.
        keys: of all simulations asked for so far, each once, in their order.
        seconds: wall time that ngspice took, summed over workers.

    Raises:
        SimulatorMissingError: if there is no usable ngspice.
        InputError: if the store cannot be written.
    """

    def __init__(
        self, *, jobs: int | None = None, store: Path | None = None, timeout_s: float = 3600.0
    ):
        self.info: NgspiceInfo = probe()
        self.jobs = jobs or len(os.sched_getaffinity(0))
        self.store = make_folder(store) if store is not None else None
        self.ran = self.found = 0
        self.keys: dict[str, None] = {}
        self.seconds = 0.0
        self._pool = WorkerPool(self.jobs, timeout_s=timeout_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._pool.shutdown(cancel_futures=kind is not None)

    def key(self, deck: Deck) -> str:
        """SHA-256 of all that determines a result: the netlist and the ngspice that runs it."""
        text = f"{self.info}\n{with_solver(deck.text, klu=self.info.klu)}"
        return hashlib.sha256(text.encode()).hexdigest()

    def run(
        self, experiments: Sequence[Experiment], progress: Progress | None = None
    ) -> list[xr.Dataset]:
        """Simulate experiments; results in their order, in the form of `mtjspice.data.results`.

        Raises:
            InputError: if a circuit has a node without a path to ground.
            SimulationError: if one fails, or its worker dies twice, with the folder that keeps its
                netlist and log. The others are finished first and stay in the store.
        """
        found = self.attempt(experiments, progress)
        failures = [one for one in found if isinstance(one, SimulationError)]
        if failures:
            if len(failures) > 1:
                failures[0].add_note(f"{len(failures)} of {len(found)} simulations failed")
            raise failures[0]
        return [one for one in found if not isinstance(one, SimulationError)]

    def attempt(
        self, experiments: Sequence[Experiment], progress: Progress | None = None
    ) -> list[xr.Dataset | SimulationError]:
        """As `run`, with the error of each simulation that failed in the place of its result.

        Raises:
            InputError: if a circuit has a node without a path to ground.
        """
        decks = [build_deck(experiment) for experiment in experiments]
        self.keys |= {self.key(deck): None for deck in decks}
        results: list[xr.Dataset | SimulationError | None] = [self._load(deck) for deck in decks]
        waiting: dict[Future[Vectors], int] = {}
        for i, deck in enumerate(decks):
            if results[i] is None:
                waiting[self._pool.submit(run_deck, deck)] = i
        done = len(decks) - len(waiting)
        self.found += done
        if progress:
            progress(done, len(decks))
        for future in as_completed(waiting):
            i = waiting[future]
            try:
                results[i] = self._finish(experiments[i], decks[i], future)
            except SimulationError as error:
                results[i] = error
            done += 1
            if progress:
                progress(done, len(decks))
        return [result for result in results if result is not None]

    def run_samples(
        self, experiment: Experiment, shifts: npt.NDArray[np.float64]
    ) -> list[xr.Dataset]:
        """Simulate one experiment with sets of threshold shifts; the netlist is loaded once.

        Args:
            experiment: with transistors; its own mismatch does not count.
            shifts: float64 [sample, transistor], V, in the order of `Deck.transistors`.

        Raises:
            InputError, SimulationError: as `run`. Nothing is kept in the store.
        """
        deck = build_deck(experiment)
        chunks = np.array_split(shifts, min(self.jobs, len(shifts)))
        futures = [self._pool.submit(run_samples, deck, chunk) for chunk in chunks]
        try:
            results = [vectors for future in futures for vectors in future.result()]
        except (SimulationError, WorkerError) as error:
            raise self._keep(deck, error) from None
        self.ran += len(results)
        self.seconds += sum(vectors.seconds for vectors in results)
        return [self._named(experiment, deck, vectors) for vectors in results]

    def _named(self, experiment: Experiment, deck: Deck, vectors: Vectors) -> xr.Dataset:
        result = label(experiment, deck, vectors)
        result.attrs |= {"simulator": str(self.info), "key": self.key(deck)}
        return result

    def _load(self, deck: Deck) -> xr.Dataset | None:
        return None if self.store is None else load_result(self._path(deck, ".nc"))

    def _path(self, deck: Deck, suffix: str) -> Path:
        assert self.store is not None
        return self.store / f"{self.key(deck)}{suffix}"

    def _finish(self, experiment: Experiment, deck: Deck, future: Future[Vectors]) -> xr.Dataset:
        try:
            vectors = future.result()
        except (SimulationError, WorkerError) as error:
            raise self._keep(deck, error) from None
        result = self._named(experiment, deck, vectors)
        if self.store is not None:
            save_result(result, self._path(deck, ".nc"))
        self.ran += 1
        self.seconds += vectors.seconds
        return result

    def _keep(self, deck: Deck, error: SimulatorError) -> SimulationError:
        """Keep netlist and log of a failed simulation; the error that names the folder."""
        if self.store is not None:
            folder = self._path(deck, ".failed")
        else:
            folder = Path(tempfile.mkdtemp(prefix="mtjspice-failed-"))
        folder.mkdir(exist_ok=True)
        reason = error.reason if isinstance(error, SimulationError) else str(error)
        log = error.log if isinstance(error, SimulationError) else ""
        write_text(folder / "deck.cir", with_solver(deck.text, klu=self.info.klu))
        write_text(folder / "ngspice.log", f"{self.info}\n{reason}\n\n{log}\n")
        return SimulationError(reason, run_dir=folder, log=log)


def simulate(experiment: Experiment) -> xr.Dataset:
    """Simulate one experiment in ngspice; the form is that of `mtjspice.data.results`."""
    with Simulator(jobs=1) as simulator:
        return simulator.run([experiment])[0]
