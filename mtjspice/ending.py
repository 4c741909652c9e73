"""How a command ends: an exit code, and one message where something went wrong.

Whatever leaves a command is caught here, once. An error on purpose has its own message and code.
What nobody meant to happen is a fault of ours: one line, and a file with the details. This module
imports nothing that could fail to load, so that it can also say that something does not load.
"""

import codecs
import contextlib
import errno
import io
import logging
import os
import platform
import re
import select
import shlex
import signal
import sys
import tempfile
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator
from importlib.metadata import distributions
from pathlib import Path
from types import FrameType
from typing import IO, NoReturn

from mtjspice.errors import ExitCode, MachineError, MtjspiceError, printable

DEBUG = "--debug"
"""The option that prints tracebacks, wherever it stands."""
SOURCE = "the people who gave you mtjspice"
MACHINE = {
    getattr(errno, name)
    for name in (
        *("ENOSPC", "EDQUOT", "EFBIG", "EIO", "EROFS", "EACCES", "EPERM", "ENOTDIR", "EISDIR"),
        *("ENAMETOOLONG", "ELOOP", "EBUSY", "ETXTBSY", "EMFILE", "ENFILE", "ENOMEM", "EAGAIN"),
        *("ESTALE", "ETIMEDOUT", "EBADF", "ENXIO", "ENODEV", "ENOTEMPTY"),
    )
}
"""What the operating system says when disk, permissions or limits are the reason."""
NO_MEMORY = (
    *("can't allocate memory", "cannot allocate memory", "failed to map segment"),
    *("std::bad_alloc", "can't start new thread", "unable to allocate", "out of memory"),
)
"""What libraries say when memory is the reason and they raise something else than MemoryError."""
LEAST_ADDRESS_SPACE = 2 * 2**30
"""Bytes. With less, a library that solves equations may wait without end for memory: measured on
two processors, OpenBLAS hangs at 0.2 GB, scipy loads from 0.5 GB on, torch from 1 GB on."""
PLAIN = str.maketrans({
    "\u00b5": "u", "\u03bc": "u", "\u2126": "Ohm", "\u03a9": "Ohm", "\u2212": "-", "–": "-",
    "—": "-", "≤": "<=", "≥": ">=", "·": ".", "×": "x", "…": "...", "°": "deg", "±": "+-",
    "√": "sqrt", "σ": "sigma", "Δ": "Delta", "→": "->", "←": "<-", "₊": "+", "₋": "-",
    "\u00a0": " ",
})  # fmt: skip
"""Letters of reports in the letters that every terminal has."""
RAISED = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
"""Exponents; in plain letters "^" stands before them."""
_of_threads: list[BaseException] = []
"""Faults that ended a thread of this command."""
_interrupts: list[int] = []
"""Ctrl-C so far: what calls back from compiled code makes an error of its own of it."""


def run(command: Callable[[], int | None]) -> NoReturn:
    """Do what a command does and end the process: the one place where errors become exit codes."""
    with _streams(), _interrupted():
        sys.exit(_answer(command))


def _answer(command: Callable[[], int | None]) -> int:
    try:
        if _folder() is None:
            _load_torch()
        code = command() or ExitCode.DONE
        sys.stdout.flush()
    except BaseException as error:
        if isinstance(error, SystemExit):
            if isinstance(error.__context__, BrokenPipeError):  # of rich, whose code is 1
                return ExitCode.READER_GONE
            raise
        if DEBUG in sys.argv:
            _say("".join(traceback.format_exception(error)))
        return _told(error)
    return code


def _told(error: BaseException) -> int:
    """Say what went wrong; the exit code."""
    code, said = ExitCode.MACHINE, ""
    match error:
        case _ if _of_threads and _interrupts:
            _interrupts.clear()
            return _told(_of_threads.pop())
        case _ if _interrupts or isinstance(error, KeyboardInterrupt):
            code = ExitCode.INTERRUPTED
            said = (
                "interrupted; what was finished in the output folder is kept, and the same command "
                "goes on from there"
            )
        case MtjspiceError():
            code = ExitCode(error.exit_code)
            said = "\n".join((str(error), *getattr(error, "__notes__", ())))
        case BrokenPipeError() if _reader_gone():
            code = ExitCode.READER_GONE
        case _ if _lacks_memory(error):
            said = (
                "this machine, or what it allows this process, has too little memory: "
                f"{_one_line(error)}. What was finished is kept; fewer --jobs need less"
            )
        case OSError() if error.errno in MACHINE:
            what = "the output" if error.filename is None else error.filename
            said = f"{what}: {error.strerror}. What was finished is kept"
        case _:
            code, said = ExitCode.FAULT, _fault(error)
    if said:
        _say(f"mtjspice: {said}")
    _forget_output()
    return code


def check_address_space() -> None:
    """See that the process may have the memory that its libraries take to load.

    Raises:
        MachineError: if a limit (``ulimit -v``) is below that.
    """
    import resource  # noqa: PLC0415, POSIX only

    allowed, _ = resource.getrlimit(resource.RLIMIT_AS)
    if allowed not in (resource.RLIM_INFINITY, -1) and allowed < LEAST_ADDRESS_SPACE:
        raise MachineError(
            f"this process may have {allowed / 2**20:.0f} MiB of address space (ulimit -v); its "
            f"libraries need {LEAST_ADDRESS_SPACE // 2**20} MiB"
        )


def _lacks_memory(error: BaseException | None) -> bool:
    """Whether memory is what an error, or what it came from, is about."""
    while error is not None:
        said = str(error).lower()
        if isinstance(error, MemoryError) or any(words in said for words in NO_MEMORY):
            return True
        error = error.__cause__ or error.__context__
    return False


def _one_line(error: BaseException, limit: int = 200) -> str:
    """Kind and words of an error, in one line."""
    text = " ".join(f"{type(error).__name__}: {error}".split()).rstrip(": .")
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def _fault(error: BaseException) -> str:
    """One line about a fault of ours, whose details are written into a file."""
    what = f"this is a fault of mtjspice, not of your input: {_one_line(error)}. "
    try:
        # mkstemp: a new file that only its owner can read; the command line may hold secrets.
        handle, path = tempfile.mkstemp(prefix="mtjspice-fault-", suffix=".txt")
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(_details(error))
    except OSError as second:
        where = f"The details could not be written ({second.strerror}); {DEBUG} prints them"
        return f"{what}{where}; report them to {SOURCE}"
    return f"{what}Details are in {path}; report it with that file to {SOURCE}"


def _details(error: BaseException) -> str:
    known = sorted({f"{one.metadata['Name']} {one.version}" for one in distributions()})
    parts = {
        "command": shlex.join(sys.argv),
        "folder": _folder() or "none, it was removed",
        "platform": f"{platform.platform()}, Python {sys.version}",
        "packages": ", ".join(known),
    }
    told = "".join(f"{name}: {text}\n" for name, text in parts.items())
    return f"{told}\n{''.join(traceback.format_exception(error))}"


def _folder() -> str | None:
    """The working folder; None if it was removed or may not be seen."""
    try:
        return str(Path.cwd())
    except OSError:
        return None


def _load_torch() -> None:
    """Import torch where a folder is: without one its MKL says "fatal error", and ends the process.

    The command then goes on in the folder that is gone: relative paths must not mean others.
    """
    gone = os.open(".", os.O_RDONLY)
    try:
        os.chdir("/")
        import torch._dynamo  # noqa: F401, PLC0415, of which optimizers import this late
    finally:
        os.fchdir(gone)
        os.close(gone)


def _say(message: str) -> None:
    """One message on stderr, as far as there is anybody to read it."""
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(printable(message).rstrip("\n") + "\n")
        sys.stderr.flush()


def _reader_gone() -> bool:
    """Whether whoever read stdout or stderr has left."""
    asked = select.poll()
    for number in (1, 2):
        asked.register(number, 0)  # errors and hang-ups are always told
    return bool(asked.poll(0))


def _forget_output() -> None:
    """Drop what is still to be printed if it cannot be: Python would try again at its end."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        with contextlib.suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, sys.stdout.fileno())
            os.close(nowhere)


class _Printable(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        """What a log says, without orders to the terminal."""
        return printable(super().format(record))


@contextlib.contextmanager
def _streams() -> Iterator[None]:
    """Have streams that take every letter, and say in words what Python would say in code."""
    _reserve_streams()
    codecs.register_error("mtjspice", _spelled)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="mtjspice")
    if logging.lastResort is not None:
        logging.lastResort.setFormatter(_Printable())
    if DEBUG in sys.argv:
        yield
        return
    before = warnings.showwarning, threading.excepthook, sys.unraisablehook
    warnings.showwarning = _show_warning
    threading.excepthook = _thread_ended
    sys.unraisablehook = lambda _: None  # at the end of the process, of what is thrown away
    try:
        yield
    finally:
        warnings.showwarning, threading.excepthook, sys.unraisablehook = before


@contextlib.contextmanager
def _interrupted() -> Iterator[None]:
    """Count Ctrl-C; a process that ignores it, as one in the background does, goes on to."""
    _interrupts.clear()
    _of_threads.clear()
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return

    def note(number: int, frame: FrameType | None) -> NoReturn:
        _interrupts.append(number)
        signal.default_int_handler(number, frame)

    signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _reserve_streams() -> None:
    """Put nowhere in the place of streams that are closed.

    The next file that is opened would have the number of a closed one, and a library's words on
    stdout would go into that file.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
        if getattr(sys, name) is None:
            mode = "r" if name == "stdin" else "w"
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8", closefd=False))


def _spelled(error: UnicodeError) -> tuple[str, int]:
    """What is printed of letters that the terminal does not have."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end].translate(PLAIN)
    text = re.sub("[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+", lambda raised: f"^{raised[0].translate(RAISED)}", text)
    return text.encode("ascii", "backslashreplace").decode("ascii"), error.end


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: IO[str] | None = None,
    line: str | None = None,
) -> None:
    """A library's warning in one line, without its code."""
    del category, filename, lineno, file, line
    _say(f"mtjspice: warning: {' '.join(str(message).split())}")


def _thread_ended(args: threading.ExceptHookArgs) -> None:
    """A thread that ends by a fault leaves work undone: the whole command ends, and says why.

    One that only could not draw its progress, because the terminal is gone, ends in silence.
    """
    error: BaseException | None = args.exc_value
    if error is not None and not isinstance(error, OSError):
        _of_threads.append(error)
        if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
            os._exit(_told(error))
        # A real signal: it also wakes a main thread that waits for a lock.
        os.kill(os.getpid(), signal.SIGINT)
