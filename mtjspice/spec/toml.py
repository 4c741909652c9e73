"""Specs to and from TOML; errors name the file, the key, the value and what is allowed."""

import tomllib
from pathlib import Path
from typing import Any, TypeVar

import tomli_w
from pydantic import ValidationError

from mtjspice.errors import InputError
from mtjspice.spec.base import Spec

S = TypeVar("S", bound=Spec)


def read_spec(path: Path, kind: type[S]) -> S:
    """Read a spec from a TOML file.

    Raises:
        InputError: if the file cannot be read, is not TOML, or does not describe a `kind`.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(source=path, allowed=f"cannot be read: {error}") from None
    return parse_spec(text, kind, source=path)


def parse_spec(text: str, kind: type[S], *, source: str | Path = "<text>") -> S:
    """Read a spec from TOML text; ``parse_spec(format_spec(x), type(x)) == x``.

    Raises:
        InputError: as `read_spec`.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(source=source, allowed=f"is not TOML: {error}") from None
    return build_spec(data, kind, source=source)


def build_spec(data: dict[str, Any], kind: type[S], *, source: str | Path) -> S:
    """Make a spec from plain data.

    Raises:
        InputError: if the data do not describe a `kind`.
    """
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        raise _input_error(error, data, source) from None


def format_spec(spec: Spec) -> str:
    """Write a spec as TOML, every default spelled out."""
    return tomli_w.dumps(spec.model_dump(mode="python", exclude_none=True))


def _input_error(error: ValidationError, data: object, source: str | Path) -> InputError:
    """The first problem as an error, the others in its message."""
    first, *others = (_problem(entry, data) for entry in error.errors())
    key, value, allowed = first
    for other_key, other_value, other_allowed in others:
        allowed += f"\n  also {other_key} = {other_value!r}: {other_allowed}"
    return InputError(source=source, key=key, value=value, allowed=allowed)


def _problem(entry: Any, data: object) -> tuple[str, object, str]:
    """(dotted key, value, what is allowed) of one pydantic error."""
    place = _written_place(entry["loc"], data)
    value = entry["input"]
    message = str(entry["msg"]).removeprefix("Value error, ")
    if entry["type"] == "unknown_key":
        key = entry["ctx"]["key"]
        place.append(key)
        value = value[key]
    elif entry["type"] == "missing":
        value, message = None, "is required"
    elif isinstance(value, dict | Spec):
        value = None  # a check over a whole table: its message holds the values that matter
    return ".".join(place), value, message


def _written_place(loc: tuple[int | str, ...], data: object) -> list[str]:
    """The path of a key as people wrote it: pydantic's own has union tags in it."""
    place = []
    for depth, part in enumerate(loc):
        try:
            data = data[part]  # type: ignore[index]
        except (KeyError, IndexError, TypeError):
            if depth < len(loc) - 1:
                continue
        place.append(str(part))
    return place
