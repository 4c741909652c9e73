"""Worker processes behind the `concurrent.futures` interface.

`ProcessPoolExecutor` is not used: one crash of the simulator breaks the whole of it, and it cannot
end a call that hangs. Here each worker is a fresh Python of its own, held by one thread; a worker
that crashes or hangs is ended and replaced, its call repeated once, and only then reported.
"""

import contextlib
import os
import queue
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, Executor, Future
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import IO, Any, ParamSpec, TypeVar

from mtjspice.errors import SimulatorError, WorkerError

P = ParamSpec("P")
T = TypeVar("T")

WORKER = "mtjspice.collect.worker"
TRIES = 2
"""How often a call is started before its worker's death is reported."""


class WorkerPool(Executor):
    """Runs importable functions with picklable arguments in worker processes.

    Args:
        jobs: number of processes, each started when it first has work; as many as this process may
            use processors if left out.
        timeout_s: a call that takes longer is taken for hung.

    Attributes:
        jobs: number of calls that can run at once.
    """

    def __init__(self, jobs: int | None = None, *, timeout_s: float = 3600.0):
        self.jobs = jobs or len(os.sched_getaffinity(0))
        self.timeout_s = timeout_s
        self._calls: queue.SimpleQueue[_Call | None] = queue.SimpleQueue()
        self._open = True
        self._workers = [_Worker() for _ in range(self.jobs)]
        self._threads = [
            threading.Thread(target=self._work, args=(worker,), daemon=True)
            for worker in self._workers
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Queue a call; its future gives the result, the function's own error, or `WorkerError`."""
        if kwargs:
            raise TypeError("a call in a worker takes positional arguments only")
        return self.submit_within(self.timeout_s, fn, *args)

    def submit_within(self, timeout_s: float, fn: Callable[..., T], /, *args: Any) -> Future[T]:
        """As `submit`, with a time of its own after which the call is taken for hung, s."""
        if not self._open:
            raise RuntimeError("the pool is shut down")
        future: Future[T] = Future()
        self._calls.put(_Call(future, fn, args, timeout_s))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the workers: after the queued calls, or at once where these are cancelled."""
        self._open = False
        if cancel_futures:
            with contextlib.suppress(queue.Empty):
                while True:
                    call = self._calls.get_nowait()
                    if call is not None and call.future.cancel():
                        # Whoever waits for it in `as_completed` is told only so.
                        call.future.set_running_or_notify_cancel()
            for worker in self._workers:
                worker.kill()
        for _ in self._threads:
            self._calls.put(None)
        if wait:
            for thread in self._threads:
                thread.join()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Leave at once when an error passes through; otherwise finish what is queued."""
        self.shutdown(cancel_futures=kind is not None)

    def _work(self, worker: "_Worker") -> None:
        while (call := self._calls.get()) is not None:
            if call.future.set_running_or_notify_cancel():
                _run(worker, call, keep_trying=lambda: self._open)
        worker.stop()


@dataclass(frozen=True)
class _Call:
    future: Future[Any]
    function: Callable[..., Any]
    args: tuple[Any, ...]
    timeout_s: float


def _run(worker: "_Worker", call: _Call, keep_trying: Callable[[], bool]) -> None:
    deaths: list[str] = []
    while len(deaths) < TRIES and (not deaths or keep_trying()):
        try:
            ok, answer = worker.ask(call)
        except _WorkerDeathError as death:
            deaths.append(str(death))
            continue
        except Exception as error:
            ok, answer = False, error
        if ok:
            call.future.set_result(answer)
            return
        if isinstance(answer, SimulatorError):
            worker.stop()  # ngspice keeps global state; nothing is known of it any more
        call.future.set_exception(answer)
        return
    if worker.ended:  # by the pool, and nothing is wrong with the call
        call.future.set_exception(CancelledError())
        return
    call.future.set_exception(
        WorkerError(f"a worker process died {len(deaths)} times at the same work: {deaths[-1]}")
    )


class _WorkerDeathError(Exception):
    """The process ended, or was ended, before it answered."""


class _Worker:
    """One process and the connection to it."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection | None = None
        self._said: IO[bytes] | None = None
        self._starting = threading.Lock()
        self._ended = False

    def ask(self, call: _Call) -> tuple[bool, Any]:
        """Have the process run a call; (whether it succeeded, result or error)."""
        try:
            connection = self._ready()
            connection.send((call.function, call.args))
            if not connection.poll(call.timeout_s):
                raise _WorkerDeathError(f"no answer within {call.timeout_s:g} s")
            answer: tuple[bool, Any] = connection.recv()
        except (EOFError, BrokenPipeError, ConnectionResetError):
            raise _WorkerDeathError(self._obituary()) from None
        finally:
            if sys.exc_info()[0] is not None:
                self.stop()
        return answer

    @property
    def ended(self) -> bool:
        """Whether the pool has ended it for good."""
        return self._ended

    def kill(self) -> None:
        """End the process from another thread, for good; a call that waits for it sees it die."""
        with self._starting:
            self._ended = True
            if self._process is not None:
                self._process.kill()

    def stop(self) -> None:
        """End the process and close the connection; nothing to do if that has been done."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
        if self._connection is not None:
            with contextlib.suppress(OSError):
                self._connection.close()
            self._connection = None
        if self._said is not None:
            self._said.close()
            self._said = None

    def _ready(self) -> Connection:
        """The connection to a living process, started if there is none."""
        if self._process is not None and self._connection is not None:
            if self._process.poll() is None:
                return self._connection
            self.stop()
        with self._starting:
            if self._ended:
                raise _WorkerDeathError("it was stopped")
            return self._start()

    def _start(self) -> Connection:
        ours, theirs = socket.socketpair()
        self._said = tempfile.TemporaryFile()  # noqa: SIM115, lives as long as the process
        self._process = subprocess.Popen(
            [sys.executable, "-m", WORKER, str(theirs.fileno()), str(os.getpid())],
            pass_fds=(theirs.fileno(),),
            stdin=subprocess.DEVNULL,
            stdout=self._said,
            stderr=self._said,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        theirs.close()
        self._connection = Connection(ours.detach())
        return self._connection

    def _obituary(self) -> str:
        """How the process ended, with what it last printed."""
        if self._process is None or self._said is None:
            return "it was stopped"
        try:
            code = self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            return "it closed its connection"
        self._said.seek(0)
        said = self._said.read().decode(errors="replace").strip()[-2000:]
        how = signal.Signals(-code).name if code < 0 else f"exit {code}"
        return f"{how}; it said: {said}" if said else how
