"""Files that people hand over, read as data.

Only regular files are read, up to a size that their kind can have: a pipe that nobody writes to
would be waited for without end, and ``/dev/zero`` never ends. Text may begin with a byte order mark
(spreadsheets, Windows editors), also of UTF-16; JSON and TOML that nest deeper than any of ours,
name a key twice, or hold numbers of thousands of digits are refused by name.
"""

import codecs
import json
import os
import stat
import tomllib
from pathlib import Path
from typing import Any, Final

from mtjspice.errors import InputError

MIB: Final = 2**20
MOST_TEXT: Final = 64 * MIB
"""Largest text file that is read, bytes."""
DEEPEST: Final = 50
"""Tables and lists inside each other that are read."""
MARKS: Final = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"),
                (codecs.BOM_UTF16_BE, "utf-16-be"))  # fmt: skip
"""Byte order marks, each with the encoding that it says."""


def read_bytes(path: Path, most: int = MOST_TEXT) -> bytes:
    """Read a regular file whole.

    Args:
        path: the file; a link is followed.
        most: the largest size that a file of this kind can have, bytes.

    Raises:
        InputError: if it is missing, is a folder, a pipe or a device, cannot be read, or is larger.
    """
    try:
        # Without O_NONBLOCK the opening of a pipe waits for somebody who writes to it.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except (OSError, ValueError) as error:  # a name with NUL in it is a ValueError
        raise InputError(source=path, allowed=f"cannot be read: {_reason(error)}") from None
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode):
        os.close(handle)
        allowed = f"cannot be read: it is {_kind(status.st_mode)}, not a file"
        raise InputError(source=path, allowed=allowed)
    with os.fdopen(handle, "rb") as file:
        try:
            content = file.read(most + 1)
        except OSError as error:
            raise InputError(source=path, allowed=f"cannot be read: {_reason(error)}") from None
    if len(content) > most:
        size = max(status.st_size, len(content))
        allowed = f"is larger ({size} bytes) than a file of this kind can be ({most} bytes)"
        raise InputError(source=path, allowed=allowed)
    return content


def read_text(path: Path, most: int = MOST_TEXT) -> str:
    """Read a text file: UTF-8, or what its byte order mark says; line ends become newlines.

    Raises:
        InputError: if it is missing, no file or too large, or in another encoding, naming the line.
    """
    return decoded(read_bytes(path, most), path)


def decoded(content: bytes, source: str | Path) -> str:
    """The text that bytes stand for, as `read_text` says.

    Raises:
        InputError: if they are in another encoding, naming the line.
    """
    mark, encoding = next((pair for pair in MARKS if content.startswith(pair[0])), (b"", "utf-8"))
    try:
        text = content[len(mark) :].decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(
            source=source,
            key=f"line {line}",
            value=content[max(error.start - 10, 0) : error.end + 10],
            allowed=f"cannot be read: it is not {encoding.upper()} text; save the file as UTF-8",
        ) from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def parse_json(text: str, source: str | Path) -> Any:
    """What JSON text says.

    Raises:
        InputError: if it is not JSON, nests too deep, or names a key twice.
    """
    try:
        return json.loads(text, object_pairs_hook=_each_once)
    except RecursionError:
        raise InputError(source=source, allowed="is not JSON of ours: it nests too deep") from None
    except ValueError as error:
        raise InputError(source=source, allowed=f"is not JSON: {error}") from None


def read_json(path: Path, most: int = MOST_TEXT) -> Any:
    """What a JSON file says.

    Raises:
        InputError: if it is missing, no file, too large, or no JSON; nests too deep, or names a key
            twice.
    """
    return parse_json(read_text(path, most), path)


def parse_toml(text: str, source: str | Path) -> dict[str, Any]:
    """What TOML text says.

    Raises:
        InputError: if it is not TOML, or nests too deep.
    """
    try:
        found = tomllib.loads(text.removeprefix("\ufeff"))
    except RecursionError:
        raise InputError(source=source, allowed="is not TOML of ours: it nests too deep") from None
    except ValueError as error:  # TOMLDecodeError, or a number of thousands of digits
        raise InputError(source=source, allowed=f"is not TOML: {error}") from None
    _check_content(found, source)
    return found


def _check_content(found: Any, source: str | Path) -> None:
    """Refuse what TOML can say and no spec does: dotted keys without end, integers beyond 64 bits.

    Raises:
        InputError: if there is any.
    """
    level: list[tuple[str, Any]] = [("", found)]
    for _ in range(DEEPEST):
        level = [pair for key, part in level for pair in _inside(key, part)]
        for key, value in level:
            if isinstance(value, int) and not -(2**63) <= value < 2**63:
                allowed = "is not TOML of ours: a whole number has at most 64 bits"
                raise InputError(source=source, key=key, allowed=allowed)
        level = [(key, part) for key, part in level if not isinstance(part, int)]
        if not level:
            return
    raise InputError(source=source, allowed="is not TOML of ours: it nests too deep")


def _inside(key: str, part: Any) -> list[tuple[str, Any]]:
    """What a table or list holds that may hold more, or be too large, each with its key."""
    pairs = (
        ((f"{key}.{name}".lstrip("."), one) for name, one in part.items())
        if isinstance(part, dict)
        else ((key, one) for one in part)
    )
    return [(name, one) for name, one in pairs if isinstance(one, dict | list | int)]


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice!r} stands there twice")
    return found


def _kind(mode: int) -> str:
    """What something in a folder is, where it is not a file."""
    kinds = {
        stat.S_IFDIR: "a folder",
        stat.S_IFIFO: "a pipe",
        stat.S_IFCHR: "a device",
        stat.S_IFBLK: "a device",
        stat.S_IFSOCK: "a socket",
    }
    return kinds.get(stat.S_IFMT(mode), "something else")


def _reason(error: OSError | ValueError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
