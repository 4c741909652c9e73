"""A call on a machine of a cluster: from the Dask worker into a process that is ours.

A simulator never runs in the Dask worker itself. Its state is global while the worker's threads are
many, and one crash would take the worker with all its work.
"""

import pickle
import socket
import threading
from collections.abc import Callable
from typing import Any

from mtjspice.collect.machine import MOST_JOBS
from mtjspice.collect.pool import WorkerPool
from mtjspice.errors import SimulatorError
from mtjspice.spec.resources import Resources

_POOL: WorkerPool | None = None
_MAKING = threading.Lock()


class _Asked:
    """Turns into the answer where it is unpickled."""

    def __init__(self, call: bytes, limits: Resources):
        self.call, self.limits = call, limits

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return answer, (self.call, self.limits)


def pack(function: Callable[..., Any], args: tuple[Any, ...], limits: Resources) -> bytes:
    """A call as bytes; to unpickle them is to do it, and gives its answer.

    Dask is asked for no more than that. Sent as it is, the function would be unpickled as part of a
    message, and a worker without this package would break down over it instead of saying so.

    Args:
        function: importable.
        args: picklable.
        limits: what the call may take on the machine that does it.
    """
    call = pickle.dumps((function, args), protocol=5)
    return pickle.dumps(_Asked(call, limits), protocol=5)


def answer(call: bytes, limits: Resources) -> bytes:
    """Have a process of this machine do a call. Runs in a thread of the Dask worker.

    Errors of the call travel inside the answer: for Dask they would be failures of its own, with
    lines in its log.

    Args:
        call: a function and its arguments, pickled.
        limits: what the call may take on the machine that does it.
    """
    try:
        return _pool().submit_within(limits, do, call).result()
    except Exception as error:
        return pickle.dumps((False, error), protocol=5)


def do(call: bytes) -> bytes:
    """Do a call in this process.

    Raises:
        SimulatorError: if the call cannot be read here.
        Exception: what the function raises.
    """
    try:
        function, args = pickle.loads(call)
    except Exception as error:
        raise SimulatorError(
            f"the machine {socket.gethostname()} cannot read the work that it is sent "
            f"({type(error).__name__}: {error}); install the same mtjspice and Python packages on "
            "all machines"
        ) from None
    return pickle.dumps((True, function(*args)), protocol=5)


def unpack(answered: bytes) -> Any:
    """The result in an answer.

    Raises:
        Exception: the error in it.
    """
    ok, value = pickle.loads(answered)
    if not ok:
        raise value
    return value


def _pool() -> WorkerPool:
    """The processes of this Dask worker, one for each of its threads; made once."""
    global _POOL  # noqa: PLW0603, it lives as long as the Dask worker
    with _MAKING:
        if _POOL is None:
            from distributed import get_worker  # noqa: PLC0415, an optional dependency

            _POOL = WorkerPool(min(get_worker().state.nthreads, MOST_JOBS))
        return _POOL
