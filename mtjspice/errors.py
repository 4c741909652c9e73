"""The errors that users see, each with the exit code of the command line.

Every message says what is wrong, where, and what to do.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from pathlib import Path

KEPT = frozenset("\n\t\u00a0\u2007\u2009\u202f")
"""Line feeds, tabs and spaces of every width: what is printed although it is nothing to see."""


def printable(text: str) -> str:
    """Text without orders to a terminal: characters that only it would see are spelled out."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in KEPT else repr(c)[1:-1] for c in text)


class ExitCode(IntEnum):
    """How every command ends; the last two are the shell's own, 128 and the signal's number."""

    DONE = 0
    """Done, or the verdict is a pass."""
    FAIL = 1
    """The verdict is a fail; never an error."""
    BAD_INPUT = 2
    """What the user gave is wrong."""
    MACHINE = 3
    """Simulator, disk, cluster or memory: missing, failing or full."""
    INCONCLUSIVE = 4
    """For verdicts that are neither pass nor fail."""
    FAULT = 70
    """A fault of ours."""
    INTERRUPTED = 130
    """By Ctrl-C."""
    READER_GONE = 141
    """Whoever read the output left, as ``head`` does."""


class MtjspiceError(Exception):
    """Base of all errors that this package raises on purpose.

    Example:
        >>> from mtjspice import InputError, MtjspiceError
        >>> issubclass(InputError, MtjspiceError), int(MtjspiceError.exit_code)
        (True, 2)
    """

    exit_code: int = ExitCode.BAD_INPUT


class MachineError(MtjspiceError):
    """The machine, or what it allows this process, is not enough."""

    exit_code = ExitCode.MACHINE


class InputError(MtjspiceError):
    """Something that the user gave is wrong.

    Attributes:
        source: the file, folder or option that holds it.
        key: the place in it, as a dotted path; empty for the whole of it.
        value: what stands there.
        allowed: what may stand there.

    Example:
        >>> from mtjspice import Experiment, InputError, read_spec
        >>> try:
        ...     read_spec("nowhere.toml", Experiment)
        ... except InputError as error:
        ...     print(error.source)
        nowhere.toml
    """

    def __init__(self, *, source: str | Path, key: str = "", value: object = None, allowed: str):
        self.source = str(source)
        self.key = key
        self.value = value
        self.allowed = allowed
        where = f"{self.source}: {key}" if key else self.source
        shown = "" if value is None else f" = {_short(value)}"
        super().__init__(f"{where}{shown}: {allowed}")

    def within(self, file: str | Path) -> "InputError":
        """The same error with the spec file that it comes from in front."""
        if str(file) in self.source:
            return self
        source = f"{file}: {self.source}"
        named = type(self)(source=source, key=self.key, value=self.value, allowed=self.allowed)
        for note in getattr(self, "__notes__", ()):
            named.add_note(note)
        return named

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle with the keyword arguments: errors travel from worker processes."""
        return _rebuild_input_error, (type(self), self.source, self.key, self.value, self.allowed)


@contextmanager
def naming(source: str | Path) -> Iterator[None]:
    """Put the file, the folder or the part that a block is about in front of errors about it."""
    try:
        yield
    except InputError as error:
        raise error.within(source) from None


class CapacityError(InputError):
    """A network does not fit the array that it should live on."""


class SimulatorError(MtjspiceError):
    """The simulator is missing, too old, or failed."""

    exit_code = ExitCode.MACHINE


class SimulatorMissingError(SimulatorError):
    """No usable simulator was found; the message says what to install."""


class SimulationError(SimulatorError):
    """A simulation did not give a result that counts.

    Attributes:
        reason: which check failed.
        run_dir: the folder that keeps the netlist and the log, if there is one.
        log: the last lines that the simulator printed.

    Example:
        >>> from mtjspice import SimulationError
        >>> str(SimulationError("no convergence"))
        'the simulation failed: no convergence'
    """

    def __init__(self, reason: str, *, run_dir: Path | None = None, log: str = ""):
        self.reason = reason
        self.run_dir = run_dir
        self.log = log
        kept = f"; netlist and log are kept in {run_dir}" if run_dir is not None else ""
        tail = f"\nthe simulator said:\n{log}" if log else ""
        super().__init__(f"the simulation failed: {reason}{kept}{tail}")

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle with the keyword arguments: errors travel from worker processes."""
        return _rebuild_simulation_error, (self.reason, self.run_dir, self.log)


class WorkerError(SimulatorError):
    """A worker process crashed or hung, also on the second try."""


class LimitError(WorkerError):
    """A call took more time, memory or disk than it may; the message names limit and key."""


class ClusterError(WorkerError):
    """A cluster is gone or cannot be used: no call of its own fault, and further ones fail, too."""


class StorageError(MtjspiceError):
    """A file could not be written because the disk is full or does not work.

    Attributes:
        path: the file.
        reason: what the operating system says.
    """

    exit_code = ExitCode.MACHINE

    def __init__(self, path: Path, reason: str):
        self.path = path
        self.reason = reason
        super().__init__(
            f"{path} could not be written: {reason}. What was finished is kept; "
            "make room, and the same command goes on from there"
        )

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle with the arguments: errors travel from worker processes."""
        return type(self), (self.path, self.reason)


def _rebuild_input_error(
    kind: type[InputError], source: str, key: str, value: object, allowed: str
) -> InputError:
    return kind(source=source, key=key, value=value, allowed=allowed)


def _rebuild_simulation_error(reason: str, run_dir: Path | None, log: str) -> SimulationError:
    return SimulationError(reason, run_dir=run_dir, log=log)


def _short(value: object, limit: int = 160) -> str:
    text = repr(value)
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
