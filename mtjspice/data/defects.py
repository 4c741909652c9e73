"""Defect maps as CSV files, one line a defect: ``kind,tile,row,column``.

A dead row has no column, a dead column no row. Lines that start with ``#`` are comments.
"""

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from pydantic import ValidationError

from mtjspice.data.files import inside, make_folder, write_text
from mtjspice.errors import InputError
from mtjspice.reading import read_json, read_text
from mtjspice.spec.die import Defect, DefectKind, Die
from mtjspice.spec.toml import build_spec

HEADER = ("kind", "tile", "row", "column")
FORMAT = "mtjspice dies 1"
INDEX = "dies.json"
DIGITS = 18
"""Of a number in a map; more are no place on any die."""


def write_defects(path: Path, defects: Sequence[Defect]) -> None:
    """Write a defect map."""
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(HEADER)
    for d in defects:
        lines.writerow([d.kind, d.tile, *("" if n is None else n for n in (d.row, d.column))])
    write_text(path, text.getvalue())


def read_defects(path: Path, shape: tuple[int, int], tiles: int) -> tuple[Defect, ...]:
    """Read a defect map of a die with so many tiles of `shape` rows and columns.

    Raises:
        InputError: naming file, line and value, if the file is not a defect map or does not fit.
    """
    text = read_text(path)
    lines = [
        (number, line)
        for number, line in enumerate(text.splitlines(), 1)
        if line.strip() and not line.startswith("#")
    ]
    header = tuple(name.strip() for name in lines[0][1].split(",")) if lines else ()
    if header != HEADER:
        raise InputError(
            source=path,
            key="header",
            value=lines[0][1] if lines else "",
            allowed=f"the first line must be {','.join(HEADER)}",
        )
    found = tuple(_defect(path, number, line, shape, tiles) for number, line in lines[1:])
    try:
        Die(defects=found)
    except ValidationError as error:  # two at a place
        raise InputError(source=path, allowed=_reason(error)) from None
    return found


def save_dies(folder: Path, dies: Sequence[Die]) -> None:
    """Write dies: a defect map each, and ``dies.json`` with what else makes a die."""
    make_folder(folder)
    entries = []
    for k, die in enumerate(dies):
        name = f"die{k:02d}.csv"
        write_defects(folder / name, die.defects)
        entries.append({"defects": name} | die.model_dump(exclude={"defects"}))
    content = {"format": FORMAT, "dies": entries}
    write_text(folder / INDEX, json.dumps(content, indent=1) + "\n")


def load_dies(folder: Path, shape: tuple[int, int], tiles: int) -> tuple[Die, ...]:
    """Read the dies of a folder; ``load_dies(f, ...)`` after ``save_dies(f, dies)`` gives `dies`.

    Raises:
        InputError: if a file is missing, is not what it should be, or does not fit the tiles.
    """
    path = folder / INDEX
    content = read_json(path)
    try:
        if content["format"] != FORMAT:
            raise ValueError(f"its format is {content['format']!r}, expected {FORMAT!r}")
        if more := content.keys() - {"format", "dies"}:
            raise ValueError(f"it has {min(more)!r}, and should have format and dies")
        if not isinstance(content["dies"], list):
            raise TypeError("dies must be a list")
        entries = [(inside(folder, entry.pop("defects")), entry) for entry in content["dies"]]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(source=path, allowed=f"cannot be read as dies: {error}") from None
    return tuple(
        build_spec(entry | {"defects": read_defects(csv_path, shape, tiles)}, Die, source=path)
        for csv_path, entry in entries
    )


def dies_from(path: Path, template: Die, shape: tuple[int, int], tiles: int) -> tuple[Die, ...]:
    """Dies of a folder, or one die with the defects of a CSV file and no spread but `template`'s.

    Raises:
        InputError: as `load_dies` and `read_defects`.
    """
    if path.is_dir():
        return load_dies(path, shape, tiles)
    defects = read_defects(path, shape, tiles)
    return (build_spec(template.model_dump() | {"defects": defects}, Die, source=path),)


def _defect(path: Path, number: int, line: str, shape: tuple[int, int], tiles: int) -> Defect:
    where = f"line {number}"
    fields = [field.strip() for field in line.split(",")]
    if len(fields) != len(HEADER):
        raise InputError(
            source=path, key=where, value=line, allowed=f"must have the fields {','.join(HEADER)}"
        )
    kind, *numbers = fields
    if kind not in get_args(DefectKind):
        allowed = f"is no kind of defect; there are {', '.join(get_args(DefectKind))}"
        raise InputError(source=path, key=f"{where}, kind", value=kind, allowed=allowed)
    last = {"tile": tiles - 1, "row": shape[0] - 1, "column": shape[1] - 1}
    place: dict[str, int] = {}
    for (name, limit), field in zip(last.items(), numbers, strict=True):
        if not field and name != "tile":
            continue
        if not field.isdecimal() or len(field) > DIGITS or int(field) > limit:
            raise InputError(
                source=path,
                key=f"{where}, {name}",
                value=field,
                allowed=f"must be a whole number from 0 to {limit}: the die has {tiles} tiles of "
                f"{shape[0]} x {shape[1]}",
            )
        place[name] = int(field)
    try:
        defect = Defect.model_validate({"kind": kind} | place)
        Die(defects=(defect,)).check_fit(shape)
    except ValidationError as error:
        raise InputError(source=path, key=where, value=line, allowed=_reason(error)) from None
    except ValueError as error:
        raise InputError(source=path, key=where, value=line, allowed=str(error)) from None
    return defect


def _reason(error: ValidationError) -> str:
    return str(error.errors()[0]["msg"]).removeprefix("Value error, ")
