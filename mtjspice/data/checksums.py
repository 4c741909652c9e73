"""Checksums of files that are found again, or handed over: over everything that they say.

A checksum does not say who wrote a file, only that it is as it was written. What it says is checked
all the same.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mtjspice.errors import InputError


def checksum_of(content: Any) -> str:
    """SHA-256 of plain data, however it is laid out in a file."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def stamped(content: Mapping[str, Any]) -> dict[str, Any]:
    """Content with its checksum in front."""
    return {"checksum": checksum_of(content), **content}


def unstamped(content: Any, source: str | Path, kind: str, advice: str) -> dict[str, Any]:
    """What `stamped` was given.

    Args:
        content: of a file.
        source: the file.
        kind: what it should be, in words.
        advice: what to do about a file that was changed.

    Raises:
        InputError: if it has no checksum, or one that does not fit.
    """
    if not isinstance(content, dict) or "checksum" not in content:
        raise InputError(source=source, allowed=f"is not {kind}: it has no checksum")
    said = {key: value for key, value in content.items() if key != "checksum"}
    if content["checksum"] != (found := checksum_of(said)):
        raise InputError(
            source=source,
            key="checksum",
            value=content["checksum"],
            allowed=f"does not match the content ({found}): the file was changed or damaged; "
            + advice,
        )
    return said
