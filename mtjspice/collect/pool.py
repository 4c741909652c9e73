"""Worker processes behind the `concurrent.futures` interface.

`ProcessPoolExecutor` is not used: one crash of the simulator breaks the whole of it, and it cannot
end a call that hangs. Here each worker is a fresh Python of its own, held by one thread; a worker
that crashes or is stopped is replaced, its call repeated once, and only then reported. A call that
exceeds a limit (`mtjspice.spec.resources`) would do so again, and is reported at once.
"""

import contextlib
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, Executor, Future
from typing import Any, ParamSpec, TypeVar

from mtjspice.collect.machine import checked_jobs, memory_share
from mtjspice.collect.process import Call, Worker, WorkerDeathError
from mtjspice.errors import SimulatorError, WorkerError
from mtjspice.spec.resources import USUAL, Resources

P = ParamSpec("P")
T = TypeVar("T")

TRIES = 2
"""How often a call is started before its worker's death is reported."""
LOOK_EVERY_S = 0.25
"""How often a pool looks at what its workers do, s."""
PATIENCE_S = 20.0
"""How long a worker may be stopped while the pool itself runs, s."""


class WorkerPool(Executor):
    """Runs importable functions with picklable arguments in worker processes.

    Each has a private working folder: paths among the arguments must be absolute.

    Args:
        jobs: number of processes, each started when there is work for it; as many as processors and
            memory allow if left out.
        limits: what a process may take, and a call of time.
        patience_s: how long a process may be stopped (SIGSTOP) before it is replaced, s. Time in
            which the pool is stopped, too, as by Ctrl-Z, counts neither for this nor for the limit.

    Attributes:
        jobs: number of calls that can run at once.
        limits: as given.

    Raises:
        InputError: if there are more processes than a machine can sensibly have.
    """

    def __init__(
        self,
        jobs: int | None = None,
        *,
        limits: Resources = USUAL,
        patience_s: float = PATIENCE_S,
    ):
        self.jobs = checked_jobs(jobs)
        self.limits = limits
        self._patience_s = patience_s
        self._share = memory_share(self.jobs)
        self._calls: queue.SimpleQueue[Call | None] = queue.SimpleQueue()
        self._open = True
        self._idle = threading.Semaphore(0)
        self._growing = threading.Lock()
        self._workers: list[Worker] = []
        self._threads: list[threading.Thread] = []
        self._left = threading.Event()

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Queue a call; its future gives the result, the function's own error, or `WorkerError`."""
        if kwargs:
            raise TypeError("a call in a worker takes positional arguments only")
        return self.submit_within(self.limits, fn, *args)

    def submit_within(self, limits: Resources, fn: Callable[..., T], /, *args: Any) -> Future[T]:
        """As `submit`, with limits of its own."""
        future: Future[T] = Future()
        if limits.memory is None:
            limits = limits.replace(memory=self._share)
        with self._growing:
            if not self._open:
                raise RuntimeError("the pool is shut down")
            self._calls.put(Call(future, fn, args, limits))
            self._grow()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the workers: after the queued calls, or at once where these are cancelled."""
        with self._growing:
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
        for _ in self._workers:
            self._calls.put(None)
        if wait:
            for thread in self._threads[1:]:
                thread.join()
            self._left.set()
            for thread in self._threads[:1]:
                thread.join()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Leave at once when an error passes through; otherwise finish what is queued."""
        self.shutdown(cancel_futures=kind is not None)

    def _grow(self) -> None:
        """Start another worker's thread if none is idle; the first thread looks at them."""
        if self._idle.acquire(blocking=False) or len(self._workers) == self.jobs:
            return
        if not self._threads:
            self._start(self._look)
        self._workers.append(Worker(self._patience_s))
        self._start(self._work, self._workers[-1])

    def _start(self, function: Callable[..., None], *args: Any) -> None:
        self._threads.append(threading.Thread(target=function, args=args, daemon=True))
        self._threads[-1].start()

    def _work(self, worker: Worker) -> None:
        while True:
            try:
                call = self._calls.get_nowait()
            except queue.Empty:
                self._idle.release()
                call = self._calls.get()
            if call is None:
                break
            if call.future.set_running_or_notify_cancel():
                _run(worker, call, keep_trying=lambda: self._open)
        worker.stop()

    def _look(self) -> None:
        """See that no worker takes too long or is stopped."""
        while self._open or any(thread.is_alive() for thread in self._threads[1:]):
            before = time.monotonic()
            if self._left.wait(LOOK_EVERY_S):
                return
            # All of the time that this process was stopped or asleep for shows as one long step.
            passed = min(time.monotonic() - before, 4 * LOOK_EVERY_S)
            for worker in list(self._workers):
                worker.look(passed)


def _run(worker: Worker, call: Call, keep_trying: Callable[[], bool]) -> None:
    deaths: list[str] = []
    while len(deaths) < TRIES and (not deaths or keep_trying()):
        try:
            ok, answer = worker.ask(call)
        except WorkerDeathError as death:
            deaths.append(str(death))
            continue
        except Exception as error:
            ok, answer = False, error
        if ok:
            call.future.set_result(answer)
            return
        if isinstance(answer, SimulatorError):
            worker.stop()  # a simulator keeps global state; nothing is known of it any more
        call.future.set_exception(answer)
        return
    if worker.ended:  # by the pool, and nothing is wrong with the call
        call.future.set_exception(CancelledError())
        return
    call.future.set_exception(
        WorkerError(f"a worker process died {len(deaths)} times at the same work: {deaths[-1]}")
    )
