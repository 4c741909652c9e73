"""One worker process of a pool: started, asked, looked at, ended, and its death explained."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import IO, Any

from mtjspice.errors import LimitError, SimulationError, WorkerError
from mtjspice.spec.resources import Resources, size_in_words
from mtjspice.spice.sandbox import (
    OVER_MEMORY,
    environment,
    make_private,
    python,
    remove_private,
)

WORKER = "mtjspice.collect.worker"
START_S = 300.0
"""A process that is not ready by then will not be, s; importing from a slow disk takes long."""
LOOKS = 10
"""How often within the time of patience one looks whether a process is stopped."""
NO_MEMORY = re.compile(
    r"MemoryError|bad_alloc|can't allocate|cannot allocate|not enough memory|out of memory|"
    r"failed to map segment",
    re.IGNORECASE,
)
"""What SPICE, Python, torch and the dynamic linker say where they get no more memory."""


@dataclass(frozen=True)
class Call:
    """Work for a process.

    Attributes:
        future: of its result.
        function: importable.
        args: picklable.
        limits: what the process may take; with `memory`.
    """

    future: Future[Any]
    function: Callable[..., Any]
    args: tuple[Any, ...]
    limits: Resources


class WorkerDeathError(Exception):
    """The process ended, or was ended, before it answered."""


class Worker:
    """One process and the connection to it.

    Args:
        patience_s: how long the process may be stopped during a call, s.
    """

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self._process: subprocess.Popen[bytes] | None = None
        self._limits: Resources | None = None
        self._connection: Connection | None = None
        self._said: IO[bytes] | None = None
        self._folder: Path | None = None
        self._starting = threading.Lock()
        self._ended = False
        self._looking = threading.Lock()
        self._call: Call | None = None
        self._is_ready = False
        self._busy_s = self._stopped_s = self._unseen_s = 0.0
        self._killed_for = ""

    def ask(self, call: Call) -> tuple[bool, Any]:
        """Have the process run a call; (whether it succeeded, result or error).

        Raises:
            LimitError: if it exceeds a limit.
            WorkerDeathError: if the process ends otherwise.
        """
        try:
            connection = self._ready(call)
            self._watched(call, ready=True)
            connection.send((call.function, call.args))
            answer: tuple[bool, Any] = connection.recv()
            if not answer[0] and _lacked_memory(answer[1]):
                raise _over_memory(call.limits, str(answer[1]))
        except (EOFError, BrokenPipeError, ConnectionResetError):
            raise self._death(call.limits) from None
        except BaseException:
            self.stop()
            raise
        finally:
            self._watched(None)
        return answer

    @property
    def ended(self) -> bool:
        """Whether the pool has ended it for good."""
        return self._ended

    def look(self, passed_s: float) -> None:
        """End the process if its call takes too long, or if it is stopped for too long.

        Args:
            passed_s: time for which the pool has run since the last look, s.
        """
        with self._looking:
            call, process = self._call, self._process
            if call is None or process is None:
                return
            self._busy_s += passed_s
            self._unseen_s += passed_s
            if self._unseen_s >= self._patience_s / LOOKS:
                stopped = _is_stopped(process.pid)
                self._stopped_s = self._stopped_s + self._unseen_s if stopped else 0.0
                self._unseen_s = 0.0
            if self._busy_s > (call.limits.time if self._is_ready else START_S):
                self._killed_for = "time" if self._is_ready else "start"
            elif self._stopped_s > self._patience_s:
                self._killed_for = "stop"
            else:
                return
            process.kill()

    def kill(self) -> None:
        """End the process from another thread, for good; a call that waits for it sees it die."""
        with self._starting:
            self._ended = True
            if self._process is not None:
                self._process.kill()

    def stop(self) -> None:
        """End the process and remove what it had; nothing to do if that has been done."""
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
        if self._folder is not None:
            remove_private(self._folder)
            self._folder = None

    def _watched(self, call: Call | None, *, ready: bool = False) -> None:
        """Have `look` count from now on."""
        with self._looking:
            self._call, self._is_ready = call, ready
            self._busy_s = self._stopped_s = self._unseen_s = 0.0
            self._killed_for = ""

    def _ready(self, call: Call) -> Connection:
        """The connection to a living process that has the limits of a call."""
        if self._process is not None and self._connection is not None:
            if self._process.poll() is not None or self._limits != call.limits:
                self.stop()
            else:
                return self._connection
        with self._starting:
            if self._ended:
                raise WorkerDeathError("it was stopped")
            try:
                connection = self._start(call)
            except OSError as error:
                raise WorkerError(f"no worker process could be started: {error}") from None
        self._watched(call)
        connection.recv()
        return connection

    def _start(self, call: Call) -> Connection:
        self._folder = make_private()
        self._said = tempfile.TemporaryFile()  # noqa: SIM115, lives as long as the process
        ours, theirs = socket.socketpair()
        self._connection = Connection(ours.detach())
        with theirs:
            self._process = subprocess.Popen(
                python(
                    WORKER,
                    str(theirs.fileno()),
                    str(os.getpid()),
                    str(self._folder),
                    call.limits.model_dump_json(),
                    getattr(call.function, "__module__", None) or "",
                ),
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=self._said,
                stderr=self._said,
                cwd=self._folder,
                env=environment(self._folder),
            )
        self._limits = call.limits
        return self._connection

    def _death(self, limits: Resources) -> Exception:
        """Why the process ended, as an error; it is gone afterwards."""
        try:
            return self._explained(limits)
        finally:
            self.stop()

    def _explained(self, limits: Resources) -> Exception:
        if self._process is None or self._said is None or self._ended:
            return WorkerDeathError("it was stopped")
        try:
            code = self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            return WorkerDeathError("it closed its connection")
        said = _last_words(self._said)
        if self._killed_for == "start":
            return WorkerDeathError(f"it was not ready within {START_S:g} s")
        if self._killed_for == "stop":
            how = f"it was stopped (SIGSTOP) and did not go on within {self._patience_s:g} s"
            return WorkerDeathError(how)
        return self._over_limit(code, said, limits) or WorkerDeathError(_how(code, said))

    def _over_limit(self, code: int, said: str, limits: Resources) -> LimitError | None:
        if self._killed_for == "time":
            return _over("time", f"{limits.time:g} s", "no answer within that time")
        if code == -signal.SIGXFSZ:
            return _over("file_size", size_in_words(limits.file_size), "a file would be larger")
        if code == OVER_MEMORY or NO_MEMORY.search(said):
            return _over_memory(limits, said)
        return None


def _how(code: int, said: str) -> str:
    """How a process ended, with what it last printed."""
    how = signal.Signals(-code).name if code < 0 else f"exit {code}"
    if code == -signal.SIGKILL:
        how += (
            "; nobody here ended it, so that the machine may have had no memory left: with fewer "
            "--jobs each has more"
        )
    return f"{how}; it said: {said}" if said else how


def _over(key: str, value: str, what: str) -> LimitError:
    return LimitError(
        f"a worker process exceeded the limit simulator.{key} = {value}: {what}; "
        f"{key} in the table [simulator] of the spec raises it"
    )


def _over_memory(limits: Resources, said: str) -> LimitError:
    assert limits.memory is not None
    last = said.strip().splitlines()[-1:]
    why = f"it got no more memory ({last[0]})" if last else "it needed more memory"
    return _over("memory", size_in_words(limits.memory), why)


def _lacked_memory(error: Any) -> bool:
    """Whether an answer says that the process got no more memory."""
    if isinstance(error, MemoryError):
        return True
    told = isinstance(error, RuntimeError | SimulationError)  # torch, SPICE
    return told and NO_MEMORY.search(str(error)) is not None


def _last_words(said: IO[bytes], most: int = 2000) -> str:
    """The end of what a process printed."""
    said.seek(max(0, said.seek(0, os.SEEK_END) - most))
    return said.read().decode(errors="replace").strip()


def _is_stopped(process: int) -> bool:
    """Whether a child process is stopped (SIGSTOP, Ctrl-Z)."""
    try:
        if hasattr(os, "waitid"):
            ask = os.WSTOPPED | os.WNOHANG | os.WNOWAIT
            return os.waitid(os.P_PID, process, ask) is not None
        # macOS
        command = ["ps", "-o", "state=", "-p", str(process)]
        said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    except OSError:  # it has ended, or there is no such program
        return False
    return said.startswith("T")
