"""Writing files so that a reader sees the old one or the new one, never half of one."""

import contextlib
import errno
import os
import secrets
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from mtjspice.errors import InputError, StorageError

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS})
"""What the operating system says when the disk, and not the program, is the reason."""
LONGEST_NAME = 255
"""Bytes of the name of a file, in every file system that we know."""
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

    The file may be read and written by those that the user's umask lets in. A link at `path` is
    replaced, and not followed.

    Raises:
        InputError: if it may not be written there, or a folder has its name.
        StorageError: if the disk is full; what stood at `path` still does.
    """
    if path.is_dir() and not path.is_symlink():
        raise InputError(source=path, allowed="is a folder; a file of this name is to be written")
    with storing(path):
        temporary = _begun(path)
        try:
            yield temporary
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def _begun(path: Path) -> Path:
    """An empty file of a new name beside `path`; the operating system applies the umask."""
    # The name is short enough for a file system wherever that of `path` is.
    temporary = path.with_name(f".{path.name[:40]}.{secrets.token_hex(8)}{PART}")
    try:
        os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
    except OSError as error:
        if error.errno in NO_ROOM:
            raise
        allowed = f"cannot be written: {error.strerror}"
        raise InputError(source=path, allowed=allowed) from None
    return temporary


def write_text(path: Path, text: str) -> None:
    """Write a text file whole.

    Raises:
        StorageError: if the disk is full.
    """
    with written_whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace")


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


def inside(folder: Path, name: object) -> Path:
    """The path of a name that a file of somebody else gives, which may not lead out of a folder.

    Raises:
        ValueError: if it is no text, is absolute, has ``..`` in it, or goes through a link.
    """
    if not isinstance(name, str):
        raise ValueError(f"{name!r} is no name")  # noqa: TRY004, one error for all
    parts = PurePosixPath(name).parts
    plain = parts and "/".join(parts) == name and not {"..", "/", "."} & set(parts)
    long = any(len(part.encode(errors="replace")) > LONGEST_NAME for part in parts)
    if not plain or long or "\\" in name or not name.isprintable():
        raise ValueError(f"{name!r} is no path inside a folder")
    path = folder
    for part in parts:
        path /= part
        if path.is_symlink():
            raise ValueError(f"{name!r} goes through a link")
    return path


def check_link(path: Path) -> None:
    """Refuse a folder that is a link, unless it and the folder that it leads to are the user's.

    In a place that many can write to, somebody else's link would say where our files go.

    Raises:
        InputError: if it is refused.
    """
    if path.is_symlink() and {path.lstat().st_uid, path.stat().st_uid} != {os.geteuid()}:
        allowed = (
            "is a link, and it or the folder that it leads to belongs to somebody else: "
            f"give the folder itself ({path.resolve()}) if it is meant"
        )
        raise InputError(source=path, allowed=allowed)


def make_folder(path: Path) -> Path:
    """Make an output folder and see that it can be written, before any work is done.

    Raises:
        InputError: if it cannot be written, or `check_link` refuses it.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        check_link(path)
        with tempfile.TemporaryFile(dir=path):
            pass
    except (OSError, ValueError) as error:  # a name with NUL in it is a ValueError
        reason = getattr(error, "strerror", None) or error
        allowed = f"is not a folder that can be written: {reason}"
        raise InputError(source=path, allowed=allowed) from None
    return path
