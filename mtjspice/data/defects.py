"""Defect maps as CSV files, one line a defect: ``kind,tile,row,column``.

A dead row has no column, a dead column no row. Lines that start with ``#`` are comments. What
spreadsheets make of such a file is understood: semicolons or tabs in the place of commas, quoted or
capitalised fields, blanks around them, empty columns behind and empty lines between.
"""

import csv
import io
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from mtjspice.data.files import inside, make_folder, write_text
from mtjspice.errors import InputError
from mtjspice.reading import read_json, read_text
from mtjspice.spec.defects import DEFECTS
from mtjspice.spec.die import Defect, Die
from mtjspice.spec.toml import build_spec

HEADER = ("kind", "tile", "row", "column")
FORMAT = "mtjspice dies 1"
INDEX = "dies.json"
DELIMITERS = ",;\t"
"""Between fields; the first line says which."""
NUMBER = re.compile(r"[0-9]{1,18}")
"""A number in a map; one of more digits is no place on any die."""


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
    lines = [line for line in enumerate(read_text(path).split("\n"), 1) if line[1].strip()]
    header, delimiter = _header(path, lines)
    first: dict[tuple[object, ...], tuple[int, str]] = {}
    found = []
    for number, line in lines:
        fields = _fields(path, number, line, delimiter)
        if number <= header or not any(fields) or fields[0].startswith("#"):
            continue
        defect = _defect(path, number, line, fields, shape, tiles)
        if defect.spot in first:
            other, kind = first[defect.spot]
            allowed = (
                f"two defects ({kind}, {defect.kind}) at tile {defect.tile}, row {defect.row}, "
                f"column {defect.column}: the other is in line {other}; a place has at most one"
            )
            raise InputError(source=path, key=f"line {number}", value=line, allowed=allowed)
        first[defect.spot] = number, defect.kind
        found.append(defect)
    return tuple(found)


def save_dies(folder: str | Path, dies: Sequence[Die]) -> None:
    """Write dies: a defect map each, and ``dies.json`` with what else makes a die.

    Example:
        >>> from mtjspice import Defect, Die, load_dies, save_dies
        >>> save_dies("out/dies", [Die(defects=(Defect(kind="short", row=3, column=7),))])
        >>> len(load_dies("out/dies", (25, 25), tiles=32))
        1
    """
    folder = Path(folder)
    make_folder(folder)
    entries = []
    for k, die in enumerate(dies):
        name = f"die{k:02d}.csv"
        write_defects(folder / name, die.defects)
        entries.append({"defects": name} | die.model_dump(exclude={"defects"}))
    content = {"format": FORMAT, "dies": entries}
    write_text(folder / INDEX, json.dumps(content, indent=1) + "\n")


def load_dies(folder: str | Path, shape: tuple[int, int], tiles: int) -> tuple[Die, ...]:
    """Read the dies of a folder; ``load_dies(f, ...)`` after ``save_dies(f, dies)`` gives `dies`.

    Raises:
        InputError: if a file is missing, is not what it should be, or does not fit the tiles.

    Example:
        >>> from mtjspice import Die, load_dies, save_dies
        >>> save_dies("out/sound", [Die(), Die(seed=1)])
        >>> [die.seed for die in load_dies("out/sound", (25, 25), tiles=32)]
        [0, 1]
    """
    folder = Path(folder)
    return tuple(_die(folder, csv_path, rest, shape, tiles) for csv_path, rest in _index(folder))


def dies_from(
    path: Path, template: Die, shape: tuple[int, int], tiles: int
) -> tuple[tuple[Die, ...], tuple[str, ...]]:
    """Dies of a folder, or the one die of a CSV file.

    Args:
        path: a folder, or a defect map. A map that a ``dies.json`` beside it lists is that die,
            with its spread and its seed; any other has those of `template`.
        template: spread and seed of a die of which only the defects are known.
        shape: rows and columns of a tile.
        tiles: of a die.

    Returns:
        The dies, and where spread and seed of one given by its map alone are from.

    Raises:
        InputError: naming file, line or key, if there are no dies or one cannot be.
    """
    if path.is_dir():
        return load_dies(path, shape, tiles), ()
    index = path.parent / INDEX
    entries = _index(path.parent) if index.exists() else []
    for csv_path, rest in entries:
        if csv_path == path:
            note = f"{path} is a die of {index}: its spread and its seed are from there"
            return (_die(path.parent, csv_path, rest, shape, tiles),), (note,)
    defects = read_defects(path, shape, tiles)
    note = (
        f"{path} says nothing of spread and seed, and no {INDEX} beside it lists it: both are "
        f"those of the weights' study (hardware.spread; hardware.spread.seed = {template.seed})"
    )
    die = build_spec(template.model_dump() | {"defects": defects}, Die, source=path)
    return (die,), (note,)


def _index(folder: Path) -> list[tuple[Path, dict[str, Any]]]:
    """The map of each die, and what else ``dies.json`` says of it.

    Raises:
        InputError: if it cannot be read, or is not what `save_dies` writes.
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
    return entries


def _die(
    folder: Path, csv_path: Path, rest: dict[str, Any], shape: tuple[int, int], tiles: int
) -> Die:
    defects = read_defects(csv_path, shape, tiles)
    return build_spec(rest | {"defects": defects}, Die, source=folder / INDEX)


def _header(path: Path, lines: Sequence[tuple[int, str]]) -> tuple[int, str]:
    """The number of the first line that is no comment, and what stands between its fields.

    Raises:
        InputError: if it does not name the fields.
    """
    said = next(((n, line) for n, line in lines if not line.lstrip(' "').startswith("#")), (0, ""))
    for delimiter in DELIMITERS:
        fields = _fields(path, *said, delimiter) if said[1].count(delimiter) else []
        if tuple(field.casefold() for field in fields) == HEADER:
            return said[0], delimiter
    allowed = f"the first line must be {','.join(HEADER)}"
    raise InputError(source=path, key="header", value=said[1], allowed=allowed)


def _fields(path: Path, number: int, line: str, delimiter: str) -> list[str]:
    """The fields of a line, without quotes, blanks around them, and empty columns behind.

    Raises:
        InputError: if a field is longer than any of ours.
    """
    try:
        row = next(csv.reader([line], delimiter=delimiter, skipinitialspace=True))
    except csv.Error as error:
        allowed = f"cannot be read as a line of a table: {error}"
        raise InputError(source=path, key=f"line {number}", value=line, allowed=allowed) from None
    fields = [field.strip() for field in row]
    while len(fields) > len(HEADER) and not fields[-1]:
        fields.pop()
    return fields


def _defect(
    path: Path, number: int, line: str, fields: list[str], shape: tuple[int, int], tiles: int
) -> Defect:
    where = f"line {number}"
    if len(fields) != len(HEADER):
        raise InputError(
            source=path, key=where, value=line, allowed=f"must have the fields {','.join(HEADER)}"
        )
    written, *numbers = fields
    kind = written.casefold()
    if kind not in DEFECTS:
        allowed = f"is no kind of defect; there are {', '.join(DEFECTS)}"
        raise InputError(source=path, key=f"{where}, kind", value=written, allowed=allowed)
    last = {"tile": tiles - 1, "row": shape[0] - 1, "column": shape[1] - 1}
    place: dict[str, int] = {}
    for (name, limit), field in zip(last.items(), numbers, strict=True):
        if not field and name != "tile":
            continue
        if NUMBER.fullmatch(field) is None or int(field) > limit:
            hint = "; the first is 0" if field == str(limit + 1) else ""
            allowed = (
                f"must be a whole number from 0 to {limit}: the die has {tiles} tiles of "
                f"{shape[0]} x {shape[1]}{hint}"
            )
            raise InputError(source=path, key=f"{where}, {name}", value=field, allowed=allowed)
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
