"""Command lines at the price of a fork: a process has everything imported and forks for each.

A child does what the console script does: it runs ``main`` with its arguments in a folder of its
own, and its exit code is that of the process; what Python itself would do about an exception that
nobody caught is done here. What it starts and leaves behind is ended with it.
"""

import contextlib
import gc
import importlib
import os
import pkgutil
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Self

REPOSITORY = Path(__file__).parents[2]
MEMORY = 8 * 2**30
"""Address space that a command may take, bytes: enough for all that these commands really need."""
MOST_SAID = 200_000
"""Of what a command prints, bytes that are kept."""
TIMED_OUT = -99
"""In the place of an exit code: the command ran past its limit and was ended."""
SCRIPT = (
    "import sys; sys.argv[0] = 'mtjspice'; from fuzz.server import entry_point; entry_point()()"
)
"""What a new Python runs, in the place of the console script."""
NO_NETWORK = "http://127.0.0.1:9"


@dataclass(frozen=True)
class Ran:
    """How a command line ended.

    Attributes:
        arguments: of ``mtjspice``.
        code: exit code; negative for a signal; `TIMED_OUT`.
        out: what it printed.
        err: what it said on stderr.
        seconds: that it took.
    """

    arguments: tuple[str, ...]
    code: int
    out: str
    err: str
    seconds: float


class Server:
    """One forking process; not for several threads at once."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        self._connection = Connection(ours.detach())
        paths = [str(REPOSITORY), str(REPOSITORY / "tests"), *filter(None, sys.path)]
        self._settings = {
            "PYTHONPATH": os.pathsep.join(paths),
            "OMP_NUM_THREADS": "1",
            "COLUMNS": "200",
            "http_proxy": NO_NETWORK,
            "https_proxy": NO_NETWORK,
        }
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "fuzz.server", str(theirs.fileno())],
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                env=os.environ | self._settings,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()
        self._process.wait(timeout=30)

    def run(self, arguments: tuple[str, ...], folder: Path, limit_s: float = 20.0) -> Ran:
        """Run a command line in a folder; it and what it started are ended at the limit."""
        said = folder.parent / f"{folder.name}.said"
        said.mkdir(exist_ok=True)
        for name in ("out", "err"):  # a child may be ended before it opens them
            (said / name).write_bytes(b"")
        self._connection.send((arguments, str(folder), str(said), limit_s))
        code, seconds = self._connection.recv()
        return _ran(arguments, code, said, seconds)

    def run_fresh(
        self,
        arguments: tuple[str, ...],
        folder: Path,
        limit_s: float = 20.0,
        environment: Mapping[str, str] | None = None,
    ) -> Ran:
        """As `run`, in a new Python, with variables of its own."""
        said = folder.parent / f"{folder.name}.said"
        (said / "tmp").mkdir(parents=True, exist_ok=True)
        own = {"HOME": str(folder), "TMPDIR": str(said / "tmp"), "PWD": str(folder)}
        began = time.monotonic()
        with (said / "out").open("wb") as out, (said / "err").open("wb") as err:
            process = subprocess.Popen(
                [sys.executable, "-P", "-c", SCRIPT, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                cwd=folder,
                env=os.environ | self._settings | own | dict(environment or {}),
                start_new_session=True,
            )
            try:
                code = process.wait(timeout=limit_s)
            except subprocess.TimeoutExpired:
                code = TIMED_OUT
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        return _ran(arguments, code, said, time.monotonic() - began)


def _ran(arguments: tuple[str, ...], code: int, said: Path, seconds: float) -> Ran:
    return Ran(arguments, code, _read(said / "out"), _read(said / "err"), seconds)


def _read(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(MOST_SAID).decode(errors="replace")


def serve(connection: Connection) -> None:
    """Fork for each request until the other side is gone."""
    load_everything()
    while True:
        try:
            arguments, folder, said, limit_s = connection.recv()
        except (EOFError, ConnectionResetError):
            return
        began = time.monotonic()
        child = os.fork()
        if child == 0:
            connection.close()
            _run_child(arguments, Path(folder), Path(said))
        with contextlib.suppress(OSError):  # whoever is first: what it starts belongs to its group
            os.setpgid(child, child)
        code = _wait(child, began + limit_s)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child, signal.SIGKILL)  # what it started and left behind
        connection.send((code, time.monotonic() - began))


def load_everything() -> None:
    """Import the whole package, and what its commands import when they need it."""
    import mtjspice  # noqa: PLC0415, only the server needs it

    for found in pkgutil.walk_packages(mtjspice.__path__, "mtjspice."):
        if not found.name.endswith(("__main__", ".worker", ".golden")):
            importlib.import_module(found.name)
    for name in ("sklearn.datasets", "matplotlib.figure", "distributed", "xarray", "netCDF4"):
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    gc.collect()
    gc.freeze()


def _wait(child: int, until: float) -> int:
    pause = 0.002
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > until:
            os.killpg(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return TIMED_OUT
        time.sleep(pause)
        pause = min(1.5 * pause, 0.05)


def _run_child(arguments: tuple[str, ...], folder: Path, said: Path) -> None:
    """Become the command; never returns."""
    code = 1
    try:
        os.setpgid(0, 0)
        for name, number in (("out", 1), ("err", 2)):
            opened = os.open(said / name, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
            os.dup2(opened, number)
            os.close(opened)
        os.chdir(folder)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        temporary = said / "tmp"
        temporary.mkdir(exist_ok=True)
        os.environ |= {"HOME": str(folder), "TMPDIR": str(temporary), "PWD": str(folder)}
        code = _as_script(list(arguments))
    finally:
        os._exit(code)


def _as_script(arguments: list[str]) -> int:
    """Run the entry point as Python runs a script, up to its exit code."""
    import atexit  # noqa: PLC0415
    import tempfile  # noqa: PLC0415
    import threading  # noqa: PLC0415
    import traceback  # noqa: PLC0415

    tempfile.tempdir = None
    sys.argv = ["mtjspice", *arguments]
    try:
        entry_point()()
        code = 0
    except SystemExit as left:
        code = _code_of(left)
    except BaseException:
        traceback.print_exc()
        code = 1
    threading._shutdown()
    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError):
        return 120  # as Python does
    return code


def entry_point() -> Callable[[], None]:
    """What the console script calls."""
    for name in ("mtjspice.__main__", "mtjspice.cli"):
        with contextlib.suppress(ModuleNotFoundError):
            return importlib.import_module(name).main
    raise AssertionError("mtjspice has no entry point")


def _code_of(left: SystemExit) -> int:
    if left.code is None:
        return 0
    if isinstance(left.code, int):
        return left.code & 0xFF
    print(left.code, file=sys.stderr)
    return 1


if __name__ == "__main__":
    serve(Connection(int(sys.argv[1])))
