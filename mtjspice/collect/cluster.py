"""The workers of a Dask cluster behind the `concurrent.futures` interface."""

import asyncio
import concurrent.futures
import contextlib
import logging
import pickle
import threading
import uuid
import warnings
from collections.abc import Callable
from concurrent.futures import CancelledError, Executor, Future
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from mtjspice.collect.pool import WorkerPool
from mtjspice.collect.remote import pack, unpack
from mtjspice.errors import ClusterError, InputError, WorkerError
from mtjspice.spec.resources import USUAL, Resources

if TYPE_CHECKING:
    import distributed

P = ParamSpec("P")
T = TypeVar("T")

REACH_WITHIN_S = 10.0
"""A scheduler that has not answered by then cannot be reached, s."""
INSTALL = "needs the package distributed: pip install 'mtjspice[cluster]'"


def open_pool(
    jobs: int | None = None, scheduler: str | None = None, *, limits: Resources = USUAL
) -> "WorkerPool | Cluster":
    """Workers on this machine, or those of a cluster if its scheduler is given.

    Args:
        jobs: processes on this machine; as many as processors and memory allow if left out. A
            cluster has as many as it has.
        scheduler: address of a Dask scheduler.
        limits: what a call may take.

    Raises:
        InputError: if both are given, or nothing answers at the scheduler's address.
    """
    if scheduler is None:
        return WorkerPool(jobs, limits=limits)
    if jobs is not None:
        allowed = "are workers on this machine; a cluster (--scheduler) has its own"
        raise InputError(source="--jobs", value=jobs, allowed=allowed)
    return Cluster(scheduler, limits=limits)


class Cluster(Executor):
    """Runs importable functions with picklable arguments on the workers of a Dask cluster.

    There calls run in processes as those of `WorkerPool`; see `mtjspice.collect.remote`.
    A call whose Dask worker is lost is started again on another one. The cluster may grow and
    shrink, and it stays when this object ends.

    Calls and results are pickles, which can run anything: whoever reaches the scheduler can run
    code on the workers, and the workers can run code here. Use ``tls://`` in networks that others
    share.

    Args:
        address: of the scheduler, ``tcp://host:port``, or ``tls://host:port`` with the
            certificates of Dask's configuration.
        limits: what a call may take.
        reach_within_s: how long to try to reach the scheduler, s.

    Raises:
        InputError: if the scheduler cannot be reached, or Dask is not installed; nothing is started
            then.
    """

    def __init__(
        self,
        address: str,
        *,
        limits: Resources = USUAL,
        reach_within_s: float = REACH_WITHIN_S,
    ):
        self.address = address
        self.limits = limits
        self._open = True
        self._lock = threading.Lock()
        self._calls: dict[Future[Any], distributed.Future[Any]] = {}
        self._client = _connect(address, reach_within_s)

    @property
    def jobs(self) -> int:
        """Number of calls that can run at once now: the threads of all workers; 0 without any.

        Raises:
            ClusterError: if the scheduler does not answer any more.
        """
        try:
            return sum(self._client.nthreads().values())
        except Exception as error:
            raise self._lost(error) from None

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Send a call to the cluster.

        Its future gives the result, the function's own error, `WorkerError` if the call has cost
        several workers their life, or `ClusterError` if the cluster is gone or cannot be used.
        """
        if kwargs:
            raise TypeError("a call in a worker takes positional arguments only")
        if not self._open:
            raise RuntimeError("the cluster is shut down")
        future: Future[T] = Future()
        try:
            call = pack(fn, args, self.limits)
        except Exception as error:  # the caller's, and told as `WorkerPool` tells it
            future.set_exception(error)
            return future
        try:
            sent = self._client.submit(pickle.loads, call, key=f"mtjspice-{uuid.uuid4().hex}")
        except Exception as error:
            future.set_exception(self._lost(error))
            return future
        with self._lock:
            self._calls[future] = sent
        future.add_done_callback(self._forget)
        sent.add_done_callback(lambda done: self._finish(future, done))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Leave the cluster: after the calls that were sent, or at once where these are cancelled.

        Without either, calls that were sent are cancelled, too: there is nobody to hear of them.
        """
        self._open = False
        with self._lock:
            sent = list(self._calls)
        if wait and not cancel_futures:
            concurrent.futures.wait(sent)
        for future in sent:
            if future.cancel():
                # Whoever waits for it in `as_completed` is told only so.
                future.set_running_or_notify_cancel()
        with contextlib.suppress(Exception):  # the connection may be gone already
            self._client.close(timeout=REACH_WITHIN_S)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Leave at once when an error passes through; otherwise finish what was sent."""
        self.shutdown(cancel_futures=kind is not None)

    def _forget(self, future: Future[Any]) -> None:
        """Let go of a call that is done or cancelled: Dask drops a call that nobody holds."""
        with self._lock:
            sent = self._calls.pop(future)
        with contextlib.suppress(Exception):  # the connection may be gone already
            sent.release()

    def _finish(self, future: "Future[Any]", sent: "distributed.Future[Any]") -> None:
        """Hand over what became of a call. Runs in the one thread that Dask has for this."""
        if future.cancelled() or not future.set_running_or_notify_cancel():
            return
        try:
            result = self._outcome(sent)
        except BaseException as error:
            future.set_exception(error)
        else:
            future.set_result(result)

    def _outcome(self, sent: "distributed.Future[Any]") -> Any:
        from distributed import KilledWorker  # noqa: PLC0415, an optional dependency

        try:
            answered = sent.result()
        except KilledWorker as error:
            raise WorkerError(
                f"Dask workers died {error.allowed_failures + 1} times at the same work, the last "
                f"at {error.last_worker.address}; its log says why"
            ) from None
        except (Exception, asyncio.CancelledError) as error:
            raise self._lost(error) from None
        return unpack(answered)

    def _lost(self, error: BaseException) -> ClusterError:
        """What Dask itself could not do, told as far as it tells it."""
        told = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
        if isinstance(error, CancelledError | asyncio.CancelledError):
            told = "the connection to its scheduler was lost"
        if isinstance(error, ImportError):
            told = f"a machine of it lacks what is installed here ({told})"
        return ClusterError(
            f"the cluster at {self.address} cannot be used any more: {told}. What was finished is "
            "kept; the same command goes on from there"
        )


def _connect(address: str, within_s: float) -> "distributed.Client":
    """A client of the scheduler.

    Raises:
        InputError: if the scheduler cannot be reached, or Dask is not installed.
    """
    try:
        import dask  # noqa: PLC0415, an optional dependency
        from distributed import Client  # noqa: PLC0415
    except ImportError:
        raise InputError(source="--scheduler", value=address, allowed=INSTALL) from None
    _quieten()
    # A call holds its array's vectors, some megabytes at most; Dask's advice to load data with Dask
    # from there on is not for us.
    dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 GB"})
    _reach(address, within_s)
    try:
        with warnings.catch_warnings():
            # Dask warns where versions of packages differ between machines. Harmless: workers
            # compare what makes a result (`inputs_digest`), and bytes are all that Dask carries.
            warnings.simplefilter("ignore")
            return Client(address, timeout=within_s, set_as_default=False)
    except Exception as error:
        raise _unreachable(address, error) from None


def _reach(address: str, within_s: float) -> None:
    """Ask the scheduler for its name, in a thread that ends.

    `Client` alone would wait without end for a server that takes the connection and says nothing,
    and its threads stay when it fails.
    """

    async def ask() -> None:
        from distributed.core import rpc  # noqa: PLC0415
        from distributed.security import Security  # noqa: PLC0415

        # Certificates come from Dask's own configuration, as everywhere in it.
        secured = Security().get_connection_args("client")
        async with rpc(address, timeout=within_s, connection_args=secured) as remote:
            kind = (await remote.identity())["type"]
        if kind != "Scheduler":
            raise ValueError(f"this is the address of a {kind}")

    failed: list[BaseException] = [TimeoutError()]

    def run() -> None:
        try:
            asyncio.run(asyncio.wait_for(ask(), within_s))
            failed.clear()
        except BaseException as error:
            failed[:] = [error]

    # In a thread, as the caller may be in an event loop of its own, as in a notebook.
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(within_s + 1.0)
    if failed:
        raise _unreachable(address, failed[0])


def _unreachable(address: str, error: BaseException) -> InputError:
    late = isinstance(error, OSError)  # a time that ran out is one, too
    why = "" if late else f" ({str(error).strip().splitlines()[0] if str(error) else error!r})"
    return InputError(
        source="--scheduler",
        value=address,
        allowed=f"no Dask scheduler answers there{why}; give its address as tcp://host:port (or "
        "tls://host:port), and see that it runs and that this machine may connect to it",
    )


def _quieten() -> None:
    """Keep Dask's log off the terminal.

    What it tells of lost connections and workers is either mended by Dask or becomes an error of
    ours, which says so once.
    """
    for name in ("distributed", "distributed.client", "distributed.gc"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
