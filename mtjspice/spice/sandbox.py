"""Where ngspice runs: in a private folder, without the user's settings, with limits.

ngspice executes the start-up files that it finds in the working folder and in the home folder, and
variables of the environment lead it to others. A result must depend on none of them, and nothing
that happens to lie somewhere may run. Every process that loads ngspice is therefore started here.
"""

import contextlib
import os
import resource
import shutil
import signal
import site
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from mtjspice.data.files import storing

if TYPE_CHECKING:  # specs take longer to load than a simulator takes to say its version
    from mtjspice.spec.resources import Resources

LIBRARY_VARIABLE = "NGSPICE_LIBRARY_PATH"
"""Names the shared library; see `mtjspice.spice.ngspice.probe`."""
SCRIPTS = Path(__file__).absolute().parent / "ngspice" / "scripts"
"""Folder of the start-up script that every ngspice here reads."""
HEADROOM = 2**30
"""How far the operating system's limit on memory lies above the one that is asked for, bytes."""
START_UP = ".spiceinit"
OVER_MEMORY = 86
"""Exit code of a process that ended itself because it holds more memory than it may."""
_FOREIGN = ("SPICE", "NGSPICE", "XDG_")
"""How the names of variables begin that are kept from ngspice."""
_most_processes: int | None = None
_PATHS = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
"""Variables with lists of folders, which must be the same ones from another working folder."""


def make_private() -> Path:
    """Make a folder of mode 0700 for one process of ngspice; `remove_private` removes it.

    It holds one file, a start-up script that says nothing: where there is none, ngspice's library
    reads the one in the home folder that the password file names, whatever HOME says.

    Raises:
        StorageError: if the disk is full.
    """
    with storing(Path(tempfile.gettempdir())):
        folder = Path(tempfile.mkdtemp(prefix="mtjspice-")).absolute()
        (folder / START_UP).write_text("* Here no user has settings.\n", encoding="ascii")
    return folder


def remove_private(folder: Path) -> None:
    """Remove a folder of `make_private` with all that ngspice left in it."""
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def private_folder() -> Iterator[Path]:
    """A folder of `make_private` that is removed when the block ends."""
    folder = make_private()
    try:
        yield folder
    finally:
        remove_private(folder)


def environment(folder: Path) -> dict[str, str]:
    """The environment of a process in a private folder: this one's, without what sets ngspice.

    Paths in it that are relative to this process's working folder are made absolute.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
    kept.pop("USERPROFILE", None)
    if library := os.environ.get(LIBRARY_VARIABLE):
        kept[LIBRARY_VARIABLE] = str(Path(library).absolute())
    for name in _PATHS:
        if name in kept:
            kept[name] = os.pathsep.join(_absolute(kept[name].split(os.pathsep)))
    if sys.flags.no_user_site:
        kept["PYTHONNOUSERSITE"] = "1"
    return kept | {
        "HOME": str(folder),
        "SPICE_SCRIPTS": str(SCRIPTS),
        "PYTHONPATH": os.pathsep.join(_import_path()),
        # Packages that were installed for the user only are in the real home folder.
        "PYTHONUSERBASE": site.getuserbase(),
        # One thread: parallelism is processes.
        "OMP_NUM_THREADS": "1",
    }


def python(module: str, *arguments: str) -> list[str]:
    """The command that runs a module of this package; ``-P`` keeps the working folder out."""
    return [sys.executable, "-P", "-m", module, *arguments]


def confine(limits: "Resources") -> None:
    """Set limits on this process and those that it starts, but for the number of processes.

    Where memory is refused to it, ngspice crashes. Workers therefore look at `resident` and end by
    themselves, and what the operating system enforces lies above: it is for what grows faster than
    they look. It is RLIMIT_DATA and not RLIMIT_AS, because libraries such as torch map gigabytes of
    address space that they never touch.

    Args:
        limits: with `memory`.
    """
    global _most_processes  # noqa: PLW0603, a limit is the process's, too
    assert limits.memory is not None
    _most_processes = limits.processes
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_DATA, limits.memory + HEADROOM)
    _lower(resource.RLIMIT_FSIZE, limits.file_size)
    # Python ignores this signal; ngspice then goes on and leaves half a file.
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)


def confine_processes() -> None:
    """Bound the number of processes, where `confine` was called.

    Threads count: this is for when all of them have started.
    """
    if _most_processes is not None:
        _lower(resource.RLIMIT_NPROC, _most_processes)


def resident() -> int:
    """Bytes of memory that this process holds."""
    try:
        pages = int(Path("/proc/self/statm").read_bytes().split()[1])
    except FileNotFoundError:  # macOS; it tells the most that was ever held, in bytes
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return pages * os.sysconf("SC_PAGE_SIZE")


def _lower(kind: int, most: int) -> None:
    """Set a limit, below the one that stands already if that is lower."""
    _, hard = resource.getrlimit(kind)
    if hard != resource.RLIM_INFINITY:
        most = min(most, hard)
    with contextlib.suppress(ValueError, OSError):  # a kernel without it
        resource.setrlimit(kind, (most, most))


def _import_path() -> list[str]:
    """Where this process finds modules, for another one.

    The working folder is on it where Python put it there by itself (``python -m``, ``python -c``);
    it is passed on only where the user named it, or where the program or this package lies in it.
    """
    try:
        here = str(Path.cwd())
    except FileNotFoundError:  # the working folder was removed: nothing is relative to it
        return [path for path in sys.path if Path(path).is_absolute()]
    named = _absolute(os.environ.get("PYTHONPATH", "").split(os.pathsep))
    program = getattr(sys.modules.get("__main__"), "__file__", None)
    named += [str(Path(file).absolute().parent) for file in (program,) if file]
    named.append(str(Path(__file__).absolute().parents[2]))
    return [path for path in _absolute(sys.path) if path != here or path in named]


def _absolute(paths: list[str]) -> list[str]:
    return [str(Path(path).absolute()) for path in paths if path]


if __name__ == "__main__":
    # ``sandbox LIMITS PROGRAM ARGUMENT...``: the program under limits, for one that is not Python.
    from mtjspice.spec.resources import Resources

    confine(Resources.model_validate_json(sys.argv[1]))
    confine_processes()
    os.execv(sys.argv[2], sys.argv[2:])
