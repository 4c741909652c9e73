"""What specs may say, in words and as JSON Schema: every key with unit, range, default and meaning.

All of it comes from where it is declared: ranges and units from the types of the fields, meanings
from the ``Attributes:`` of the classes.
"""

import inspect
import re
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Literal, get_args, get_origin

import numpy as np
from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import PydanticUndefined, core_schema

from mtjspice.errors import InputError
from mtjspice.spec.base import VOLTS, Spec
from mtjspice.spec.calibration import Calibration
from mtjspice.spec.design import DieDesign
from mtjspice.spec.experiment import Experiment
from mtjspice.spec.layout import Layout
from mtjspice.spec.ranges import Whole, Within, shown
from mtjspice.spec.signoff import SignOff
from mtjspice.spec.study import Study
from mtjspice.spec.training import TrainingStudy

KINDS: Final[Mapping[str, type[Spec]]] = {
    "experiment": Experiment,
    "die": DieDesign,
    "study": Study,
    "layout": Layout,
    "calibration": Calibration,
    "training": TrainingStudy,
    "signoff": SignOff,
}
"""The kinds of spec that commands take, by the names of `mtjspice spec`."""
NO_UNIT = "no unit"
WIDTH, INDENT = 100, "    "
"""Of the lines that say what a key means."""


@dataclass(frozen=True)
class Key:
    """One key of a spec.

    Attributes:
        name: of the key.
        unit: of a quantity; ``no unit`` for a number without one, and empty for what is no number.
        allowed: range of a number, or what else may stand there, in words.
        default: as it would be written; ``required`` if there is none, ``left out`` if leaving the
            key out is a choice of its own.
        meaning: what it says.
        tables: specs that may stand there, as tables.
        listed: whether it is a list of what is allowed.
    """

    name: str
    unit: str
    allowed: str
    default: str
    meaning: str
    tables: tuple[type[Spec], ...]
    listed: bool


def kind_named(name: str) -> type[Spec]:
    """The kind of spec of a name.

    Raises:
        InputError: if there is none; it says which there are.
    """
    if name not in KINDS:
        raise InputError(source="KIND", value=name, allowed=f"there are {', '.join(KINDS)}")
    return KINDS[name]


@cache
def meanings(kind: type[Spec]) -> Mapping[str, str]:
    """What each key of a spec means, from the docstrings of its class and of those it extends."""
    found: dict[str, str] = {}
    for one in reversed(kind.__mro__):
        if not issubclass(one, Spec) or one is Spec:
            continue
        _, _, listed = inspect.cleandoc(one.__doc__ or "").partition("\nAttributes:\n")
        section = re.split(r"^\S", listed, maxsplit=1, flags=re.MULTILINE)[0]
        for entry in re.split(r"^    (?=\w)", section, flags=re.MULTILINE)[1:]:
            name, _, meaning = entry.partition(":")
            found[name] = " ".join(meaning.split())
        kinds = one.model_fields.get("kind")
        if kinds is not None and kinds.default is not PydanticUndefined and "kind" not in found:
            found["kind"] = "which kind of table this is; the others have keys of their own"
    return found


def summary(kind: type[Spec]) -> str:
    """What a spec is, in a sentence."""
    return inspect.cleandoc(kind.__doc__ or "").split("\n")[0]


def keys_of(kind: type[Spec]) -> tuple[Key, ...]:
    """Every key of a spec, in the order in which they are declared."""
    return tuple(_key(kind, name, field) for name, field in kind.model_fields.items())


def _key(kind: type[Spec], name: str, field: FieldInfo) -> Key:
    parts = [*field.metadata, *_parts(field.annotation)]
    bounds = next((part for part in parts if isinstance(part, Within | Whole)), None)
    tables = tuple(p for p in parts if isinstance(p, type) and issubclass(p, Spec))
    matrix = any(get_origin(part) is np.ndarray for part in parts)
    if bounds is None and matrix and name == "volts":
        bounds = VOLTS
    unit = ""
    if isinstance(bounds, Within):
        unit = _unit(bounds.unit)
    elif isinstance(bounds, Whole):
        unit = NO_UNIT
    several = any(get_origin(part) in {tuple, np.ndarray} for part in parts)
    allowed = _allowed(parts, bounds, tables)
    return Key(
        name=name,
        unit=unit,
        allowed=f"a list: {allowed}" if several else allowed,
        default=_default(field.default),
        meaning=meanings(kind).get(name, ""),
        tables=tables,
        listed=several,
    )


def _unit(unit: str) -> str:
    """The unit of a plain number, in SI."""
    if unit == "1":
        return NO_UNIT
    return "Ω·m²" if unit == "Ohm.m2" else shown(0, unit).partition(" ")[2]


def _allowed(
    parts: list[Any], bounds: Within | Whole | None, tables: tuple[type[Spec], ...]
) -> str:
    if bounds is not None:
        return bounds.says().removeprefix("must be ")
    if tables:
        return "a table"
    choices = [c for part in parts if get_origin(part) is Literal for c in get_args(part)]
    if choices:
        return " or ".join(f'"{choice}"' for choice in choices)
    if np.uint8 in parts:
        return 'one text a row, of P and A, as "PAAP"'
    return "text"


def _default(value: Any) -> str:
    if value is PydanticUndefined:
        return "required"
    if value is None:
        return "left out"
    return _written(value)


def _written(value: Any) -> str:
    """A value as TOML has it; of a table, what differs from its own defaults."""
    match value:
        case Spec():
            given = {name: getattr(value, name) for name in sorted(value.model_fields_set)}
            kind = getattr(value, "kind", None)
            said = ({} if kind is None else {"kind": kind}) | given
            inside = ", ".join(f"{name} = {_written(one)}" for name, one in said.items())
            return f"{{ {inside} }}" if inside else "{}"
        case tuple():
            return f"[{', '.join(map(_written, value))}]"
        case str():
            return f'"{value}"'
        case int():
            return str(value)
        case _:
            return f"{value:.12g}"


def _parts(annotation: Any) -> list[Any]:
    """An annotation with all that stands inside it."""
    inner = [*get_args(annotation), *getattr(annotation, "__metadata__", ())]
    return [annotation, *(part for one in inner for part in _parts(one))]


# Words


def listed() -> str:
    """The kinds of spec, a line each."""
    return "\n".join(f"{name:12} {summary(kind)}" for name, kind in KINDS.items())


def described(kind: type[Spec]) -> str:
    """Every key of a spec, as text: its tables one after the other, as they stand in TOML."""
    return "\n".join(_table(kind, "", {}))


def _table(kind: type[Spec], place: str, seen: dict[type[Spec], str]) -> Iterator[str]:
    """The lines about one table, and those about the tables in it; of each kind only once."""
    if seen.get(kind) == place:
        return
    if place:
        yield place
    yield f"# {summary(kind)}"
    if kind in seen:
        yield from (f"# Its keys are those of {seen[kind]}.", "")
        return
    seen[kind] = place
    keys = keys_of(kind)
    for key in keys:
        yield f"{key.name} = {key.default}"
        unit = f"{key.unit}; " if key.unit else ""
        for line in (f"{unit}{key.allowed}", key.meaning):
            yield from textwrap.wrap(line, WIDTH, initial_indent=INDENT, subsequent_indent=INDENT)
    yield ""
    for key in keys:
        path = f"{place.strip('[]')}.{key.name}".lstrip(".")
        for table in key.tables:
            yield from _table(table, f"[[{path}]]" if key.listed else f"[{path}]", seen)


# JSON Schema


class _Generator(GenerateJsonSchema):
    """Pydantic's schema, with meanings, and with unions that say which kind is meant."""

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        made = super().model_schema(schema)
        cls = schema["cls"]
        made["description"] = summary(cls)
        for key in keys_of(cls):
            about = made["properties"][key.name]
            about.pop("title", None)
            range_words = "" if key.tables else f" ({key.allowed})"
            about["description"] = f"{key.meaning}{range_words}"
            if key.tables or about.get("default", "") is None:
                about.pop("default", None)
        return made

    def tagged_union_schema(self, schema: core_schema.TaggedUnionSchema) -> JsonSchemaValue:
        made = super().tagged_union_schema(schema)
        # What has no kind is of the default kind: the others have to say theirs.
        discriminator: Any = schema["discriminator"]
        default = discriminator({})
        members = [
            member if tag == default else {"allOf": [member, {"required": ["kind"]}]}
            for tag, member in zip(schema["choices"], made["oneOf"], strict=True)
        ]
        return {"oneOf": members}


def schema_of(kind: type[Spec]) -> dict[str, Any]:
    """JSON Schema (draft 7) of a spec, as editors of TOML complete and check it."""
    made = kind.model_json_schema(
        schema_generator=_Generator, ref_template="#/definitions/{model}", mode="validation"
    )
    made["definitions"] = made.pop("$defs", {})
    return {"$schema": "http://json-schema.org/draft-07/schema#", **_plain(made)}


def _plain(part: Any) -> Any:
    """Without null, which TOML has not, and with each reference by itself, as draft 7 has it."""
    if isinstance(part, list):
        return [_plain(one) for one in part]
    if not isinstance(part, dict):
        return part
    made = {name: _plain(one) for name, one in part.items()}
    if {"type": "null"} in made.get("anyOf", ()):
        options = [one for one in made.pop("anyOf") if one != {"type": "null"}]
        made = (options[0] if len(options) == 1 else {"anyOf": options}) | made
    if "$ref" in made and len(made) > 1:
        made = {"allOf": [{"$ref": made.pop("$ref")}]} | made
    return made
