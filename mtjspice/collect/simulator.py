"""Experiments in, results out: in parallel, each simulated once and found again by its key."""

import contextlib
import logging
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, as_completed
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt
import xarray as xr

from mtjspice.collect.form import form_of
from mtjspice.collect.label import label
from mtjspice.collect.pool import WorkerPool
from mtjspice.collect.simulation import simulate_as
from mtjspice.data.files import check_link, make_folder, remove_stale_parts, storing, write_text
from mtjspice.data.results import DamagedResultError, load_result, save_result
from mtjspice.errors import (
    ClusterError,
    InputError,
    SimulationError,
    SimulatorError,
    WorkerError,
)
from mtjspice.netlist.deck import build_deck
from mtjspice.netlist.identity import inputs_digest, simulation_key
from mtjspice.spec.base import is_path
from mtjspice.spec.experiment import Experiment
from mtjspice.spec.periphery import SenseAmplifier
from mtjspice.spec.resources import USUAL, Resources
from mtjspice.spec.technology import Technology
from mtjspice.spice.backend import Backend, Description
from mtjspice.spice.backends import backend_named, run_samples

LOG = logging.getLogger(__name__)
"""What it says reaches stderr where nobody has arranged for something else."""
Progress = Callable[[int, int], None]
"""Called with (simulations done, simulations asked for)."""


class Simulator:
    """A simulator in worker processes, with a store of what it has computed.

    For many experiments; `mtjspice.simulate` is for one array or one die. `run` gives a result for
    each experiment, in the form of `mtjspice.data.results`. Its methods may be called from several
    threads at once.

    Args:
        jobs: worker processes; as many as processors and memory allow if left out.
        store: folder of results, one NetCDF file a simulation, named by its key; a simulation that
            is there is not run again. Nothing is kept if left out.
        limits: what a simulation may take; those of experiments are not looked at.
        pool: where simulations run, in the place of worker processes of its own; how many there are
            and what they may take is then the pool's business, and whoever made it ends it.
        backend: what simulates, or its name; the usual simulator if left out.

    Attributes:
        backend: what simulates.
        info: which one that is; its name and version are in every result, and in its key.
        pool: where simulations run.
        store: folder of results.
        ran: number of simulations run so far.
        found: number of simulations found in the store so far.
        damaged: number of stored results so far that were not what their names say: damaged, of
            another simulation, or of an earlier version; their simulations were run again.
        dropped: of simulations so far whose circuits had nodes that nothing holds and nobody reads,
            by key, the nodes that were left out.
        keys: of all simulations asked for so far, each once, in their order.
        seconds: wall time that the simulator took, summed over the simulations that were run.

    Raises:
        SimulatorMissingError: if there is no usable simulator.
        InputError: if the store cannot be written, or there are too many jobs.

    Example:
        >>> from mtjspice import Experiment, Simulator, read_spec
        >>> with Simulator(jobs=1) as simulator:  # with SPICE
        ...     results = simulator.run([read_spec("examples/array/array.toml", Experiment)])
        >>> results[0]["current"].attrs["units"]
        'A'
    """

    def __init__(
        self,
        *,
        jobs: int | None = None,
        store: str | Path | None = None,
        limits: Resources = USUAL,
        pool: Executor | None = None,
        backend: Backend | str | None = None,
    ):
        self.backend = backend_named(backend)
        self.info: Description = self.backend.describe()
        self.store = make_folder(Path(store)) if store is not None else None
        if self.store is not None:
            remove_stale_parts(self.store)
        self.ran = self.found = self.damaged = 0
        self.dropped: dict[str, str] = {}
        self.keys: dict[str, None] = {}
        self.seconds = 0.0
        self._counting = threading.Lock()
        self._owns_pool = pool is None
        self.pool = WorkerPool(jobs, limits=limits) if pool is None else pool

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if self._owns_pool:
            self.pool.shutdown(cancel_futures=kind is not None)

    @property
    def jobs(self) -> int:
        """Number of simulations that can run at once; a cluster's may change."""
        return max(1, int(getattr(self.pool, "jobs", 1)))

    @property
    def notes(self) -> tuple[str, ...]:
        """What a report should say of the simulations so far."""
        said = []
        if self.damaged:
            said.append(
                f"{self.damaged} stored results were damaged, of another simulation or of an "
                "earlier version, and were simulated again"
            )
        if self.dropped:
            first = next(iter(self.dropped.values())).split()
            said.append(
                f"{len(self.dropped)} simulated circuits had nodes that defects cut off from "
                f"everything and nobody reads; they were left out (the first: {first[0]}, of "
                f"{len(first)})"
            )
        return tuple(said)

    def key(self, experiment: Experiment) -> str:
        """SHA-256 of all that determines a result, told without building the netlist.

        Raises:
            InputError: if a transistor card cannot be read, or lacks what is asked of it.
        """
        return simulation_key(experiment, str(self.info))

    def run(
        self, experiments: Sequence[Experiment], progress: Progress | None = None
    ) -> list[xr.Dataset]:
        """Simulate experiments; results in their order, in the form of `mtjspice.data.results`.

        Raises:
            InputError: if a transistor card cannot be read, or lacks what is asked of it; if a
                circuit has a node without a path to ground.
            SimulatorError: if the simulator is missing, or workers have another one or are gone.
            StorageError: if the disk is full.
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

        An error that is raised ends the whole: what has not been started is cancelled.

        Raises:
            InputError: if a transistor card cannot be read or lacks what is asked of it, or a
                folder has the name of a result, before anything is run; if a circuit has a node
                without a path to ground.
            SimulatorError: if a worker has another simulator or program than this process.
            ClusterError: if the workers are gone.
            StorageError: if the disk is full.
        """
        tell = progress or (lambda done, total: None)
        keys = [self.key(experiment) for experiment in experiments]
        results: list[xr.Dataset | SimulationError | None] = self._load_all(experiments, keys)
        missing = [i for i, result in enumerate(results) if result is None]
        done = len(keys) - len(missing)
        with self._counting:
            self.keys |= dict.fromkeys(keys)
            self.found += done
        tell(done, len(keys))
        waiting: dict[Future[xr.Dataset], int] = {}
        with _cancelled_if_left(waiting):
            for i in missing:
                waiting[self._submit(experiments[i], keys[i])] = i
            for future in as_completed(list(waiting)):
                i = waiting.pop(future)
                results[i] = self._finish(experiments[i], keys[i], future)
                done += 1
                tell(done, len(keys))
        done_with = [result for result in results if result is not None]
        left_out = {
            key: str(result.attrs["dropped_nodes"])
            for key, result in zip(keys, done_with, strict=True)
            if isinstance(result, xr.Dataset) and "dropped_nodes" in result.attrs
        }
        with self._counting:
            self.dropped |= left_out
        return done_with

    def run_samples(
        self, experiment: Experiment, shifts: npt.NDArray[np.float64]
    ) -> list[xr.Dataset]:
        """Simulate one experiment with sets of threshold shifts; the netlist is loaded once.

        Args:
            experiment: with transistors; its own mismatch does not count.
            shifts: float64 [sample, transistor], V, in the order of `Deck.transistors`.

        Raises:
            InputError: if a transistor cannot be of its size.
            SimulationError: if a simulation fails, with the folder that keeps its netlist and log.
                Nothing is kept in the store.
        """
        deck, key = build_deck(experiment), self.key(experiment)
        chunks = np.array_split(shifts, min(self.jobs, len(shifts)))
        futures = [self.pool.submit(run_samples, deck, chunk, self.backend) for chunk in chunks]
        try:
            samples = [vectors for future in futures for vectors in future.result()]
        except ClusterError:
            raise
        except (SimulationError, WorkerError) as error:
            raise self._keep(experiment, key, error) from None
        results = [label(experiment, deck, vectors) for vectors in samples]
        for result, vectors in zip(results, samples, strict=True):
            result.attrs |= {"simulator": str(self.info), "key": key, "seconds": vectors.seconds}
        self._count(results)
        return results

    def measure(self, netlist: str) -> Future[dict[str, float]]:
        """Run a netlist that measures by itself; its future gives what it prints, by name.

        The future gives `SimulationError` if the simulator fails, or has no such netlists.
        """
        return self.pool.submit(self.backend.measure, netlist)

    def _submit(self, experiment: Experiment, key: str) -> Future[xr.Dataset]:
        inputs = inputs_digest(experiment)
        sent = _with_absolute_cards(experiment)
        return self.pool.submit(simulate_as, sent, self.backend, str(self.info), inputs, key)

    def _load_all(
        self, experiments: Sequence[Experiment], keys: Sequence[str]
    ) -> list[xr.Dataset | SimulationError | None]:
        """What the store has; what is there and cannot be used is said once.

        Raises:
            InputError: if a folder has the name of a result: it is not ours to remove.
        """
        if self.store is None:
            return [None] * len(keys)
        found: list[xr.Dataset | SimulationError | None] = []
        damaged: dict[str, str] = {}
        for experiment, key in zip(experiments, keys, strict=True):
            path = self.store / f"{key}.nc"
            if path.is_dir() and not path.is_symlink():
                allowed = "is a folder, and has the name of a stored result: move it away"
                raise InputError(source=path, allowed=allowed)
            try:
                found.append(load_result(path, key, form_of(experiment), str(self.info)))
            except DamagedResultError as error:
                found.append(None)
                damaged[key] = str(error)
        if damaged:
            with self._counting:
                self.damaged += len(damaged)
            first, reason = next(iter(damaged.items()))
            LOG.warning(
                "%d stored results in %s cannot be used and are simulated again; the first is "
                "%s.nc: %s", len(damaged), self.store, first, reason,
            )  # fmt: skip
        return found

    def _finish(
        self, experiment: Experiment, key: str, future: Future[xr.Dataset]
    ) -> xr.Dataset | SimulationError:
        try:
            result = future.result()
        except ClusterError:
            raise
        except (SimulationError, WorkerError) as error:
            return self._keep(experiment, key, error)
        if self.store is not None:
            save_result(result, self.store / f"{key}.nc")
        self._count([result])
        return result

    def _count(self, results: Sequence[xr.Dataset]) -> None:
        with self._counting:
            self.ran += len(results)
            self.seconds += sum(result.attrs["seconds"] for result in results)

    def _keep(self, experiment: Experiment, key: str, error: SimulatorError) -> SimulationError:
        """Keep netlist and log of a failed simulation; the error that names the folder."""
        if self.store is not None:
            folder = self.store / f"{key}.failed"
        else:
            folder = Path(tempfile.mkdtemp(prefix="mtjspice-failed-"))
        with storing(folder):
            folder.mkdir(exist_ok=True)
        check_link(folder)
        reason = error.reason if isinstance(error, SimulationError) else str(error)
        log = error.log if isinstance(error, SimulationError) else ""
        netlist = self.backend.write(build_deck(experiment).circuit, self.info)
        write_text(folder / "deck.cir", netlist)
        write_text(folder / f"{self.backend.name}.log", f"{self.info}\n{reason}\n\n{log}\n")
        return SimulationError(reason, run_dir=folder, log=log)


@contextlib.contextmanager
def _cancelled_if_left(waiting: Mapping[Future[xr.Dataset], int]) -> Iterator[None]:
    """Cancel what waits if an error passes through."""
    try:
        yield
    except BaseException:
        for future in waiting:
            future.cancel()
        raise


def _with_absolute_cards(experiment: Experiment) -> Experiment:
    """The same experiment, for workers: they have folders of their own to start paths from."""
    technology, latch = experiment.technology, experiment.periphery.latch
    changes: dict[str, Technology | SenseAmplifier] = {}
    if (card := _absolute(technology.card)) != technology.card:
        changes["technology"] = technology.replace(card=card)
    if latch is not None and (card := _absolute(latch.card)) != latch.card:
        changes["periphery"] = latch.replace(card=card)
    return experiment.replace(**changes) if changes else experiment


def _absolute(card: str) -> str:
    """The absolute path of a card's file; the name of one that ships as it is."""
    return str(Path(card).absolute()) if is_path(card) else card
