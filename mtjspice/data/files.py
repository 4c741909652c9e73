"""Writing files so that a reader sees the old one or the new one, never half of one."""

import contextlib
import errno
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mtjspice.errors import InputError, StorageError

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS})
"""What the operating system says when the disk, and not the program, is the reason."""
PART = ".part"
"""How the name of a file ends that is not whole yet."""


@contextmanager
def storing(path: Path) -> Iterator[None]:
    """Say of a full or broken disk in this block that `path` could not be written.

    Raises:
        StorageError: in the place of the operating system's error.
    """
    try:
        yield
    except OSError as error:
        if error.errno in NO_ROOM:
            raise StorageError(path, os.strerror(error.errno)) from None
        raise


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Give a temporary name beside `path`; it takes that name when the block ends without error.

    Raises:
        StorageError: if the disk is full; what stood at `path` still does.
    """
    with storing(path):
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=PART)
        os.close(handle)
        temporary = Path(name)
        try:
            yield temporary
            temporary.chmod(0o644)  # mkstemp's own mode shuts out the colleagues
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file whole.

    Raises:
        StorageError: if the disk is full.
    """
    with written_whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def remove_stale_parts(folder: Path, older_than_s: float = 86400.0) -> int:
    """Remove what runs that were killed left of files that they had not finished.

    Args:
        folder: where to look, not in folders below it.
        older_than_s: younger ones stay, s: another run may be writing them.

    Returns:
        How many were removed.
    """
    latest, removed = time.time() - older_than_s, 0
    for part in folder.glob(f".*{PART}"):
        # Another run may be faster, and in a common folder some may belong to somebody else.
        with contextlib.suppress(FileNotFoundError, PermissionError):
            if part.stat().st_mtime < latest:
                part.unlink()
                removed += 1
    return removed


def make_folder(path: Path) -> Path:
    """Make an output folder and see that it can be written, before any work is done.

    Raises:
        InputError: if it cannot.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except (OSError, ValueError) as error:  # a name with NUL in it is a ValueError
        reason = getattr(error, "strerror", None) or error
        allowed = f"is not a folder that can be written: {reason}"
        raise InputError(source=path, allowed=allowed) from None
    return path
