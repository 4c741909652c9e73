"""Specs to and from TOML; errors name the file, the key, the value and what is allowed."""

from pathlib import Path
from typing import Any, TypeVar, get_args

import tomli_w
from pydantic import ValidationError

from mtjspice.errors import InputError
from mtjspice.reading import parse_toml, read_text
from mtjspice.spec.base import Spec

S = TypeVar("S", bound=Spec)


def read_spec(path: str | Path, *kinds: type[S]) -> S:
    """Read a spec from a TOML file.

    Args:
        path: the file.
        kinds: what it may describe; of several, the one that has the most of its keys.

    Raises:
        InputError: if the file cannot be read, is not TOML, or does not describe a `kind`.

    Example:
        >>> from mtjspice import Experiment, read_spec
        >>> read_spec("examples/array/array.toml", Experiment).crossbar.shape
        (4, 4)
    """
    path = Path(path)
    data = parse_toml(read_text(path), path)
    kind = max(kinds, key=lambda kind: len(data.keys() & kind.model_fields.keys()))
    return build_spec(data, kind, source=path, folder=path.parent.resolve())


def parse_spec(text: str, kind: type[S], *, source: str | Path = "<text>") -> S:
    """Read a spec from TOML text; ``parse_spec(format_spec(x), type(x)) == x``.

    Raises:
        InputError: naming source, key, value and what is allowed.
    """
    return build_spec(parse_toml(text, source), kind, source=source)


def build_spec(
    data: dict[str, Any], kind: type[S], *, source: str | Path, folder: Path | None = None
) -> S:
    """Make a spec from plain data.

    Args:
        data: by the names of the spec's fields.
        kind: of spec.
        source: where they come from, for errors.
        folder: that the paths in it are relative to; the working folder if left out.

    Raises:
        InputError: if the data do not describe a `kind`.
    """
    try:
        return kind.model_validate(data, context={"folder": folder})
    except ValidationError as error:
        raise _input_error(error, data, kind, source) from None


def changed(spec: S, source: str | Path, **changes: Any) -> S:
    """A copy of a spec with some fields changed, as `Spec.replace`.

    Raises:
        InputError: if a value is not allowed; `source` says where it comes from.
    """
    try:
        return spec.replace(**changes)
    except ValidationError as error:
        raise _input_error(error, changes, type(spec), source) from None


def format_spec(spec: Spec) -> str:
    """Write a spec as TOML, every default spelled out."""
    return tomli_w.dumps(spec.model_dump(mode="python", exclude_none=True))


def _input_error(
    error: ValidationError, data: object, kind: type[Spec], source: str | Path
) -> InputError:
    """The first problem as an error, the others in its message."""
    first, *others = (_problem(entry, data, kind) for entry in error.errors())
    key, value, allowed = first
    for other_key, other_value, other_allowed in others:
        shown = "" if other_value is None else f" = {other_value!r}"
        allowed += f"\n  also {other_key}{shown}: {other_allowed}"
    return InputError(source=source, key=key, value=value, allowed=allowed)


def _problem(entry: Any, data: object, kind: type[Spec]) -> tuple[str, object, str]:
    """(dotted key, value, what is allowed) of one pydantic error."""
    place = _written_place(entry, data)
    value = entry["input"]
    message = str(entry["msg"]).removeprefix("Value error, ")
    match entry["type"]:
        case "extra_forbidden":
            message = f"unknown key; allowed are {', '.join(_fields_at(kind, entry['loc']))}"
        case "missing":
            value, message = None, "is required"
        case "union_tag_invalid":
            place.append("kind")
            value = value.get("kind") if isinstance(value, dict) else value
            message = f"allowed are {entry['ctx']['expected_tags']}"
        case _ if isinstance(value, dict | Spec):
            value = None  # a check over a whole table: its message holds the values that matter
    return ".".join(place), value, message


def _written_place(entry: Any, data: object) -> list[str]:
    """The path of a key as people wrote it: pydantic's own has union tags in it."""
    place = []
    for depth, part in enumerate(entry["loc"]):
        try:
            data = data[part]  # type: ignore[index]
        except (KeyError, IndexError, TypeError):
            if entry["type"] != "missing" or depth < len(entry["loc"]) - 1:
                continue
        place.append(str(part))
    return place


def _fields_at(kind: type[Spec], loc: tuple[int | str, ...]) -> list[str]:
    """The keys that a table may have, by its place in pydantic's words."""
    kinds = [kind]
    for part in loc[:-1]:
        inner = [k.model_fields[part].annotation for k in kinds if part in k.model_fields]
        tagged = [
            k for k in kinds if "kind" in k.model_fields and k.model_fields["kind"].default == part
        ]
        kinds = tagged or [spec for annotation in inner for spec in _specs_in(annotation)] or kinds
    return list(dict.fromkeys(name for k in kinds for name in k.model_fields))


def _specs_in(annotation: Any) -> list[type[Spec]]:
    """The spec types inside an annotation such as ``tuple[Defect, ...]`` or a union."""
    if isinstance(annotation, type) and issubclass(annotation, Spec):
        return [annotation]
    return [spec for part in get_args(annotation) for spec in _specs_in(part)]
