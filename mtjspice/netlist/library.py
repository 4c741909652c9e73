"""Transistor libraries: the transistor models of one section, as numbers.

A section's includes are followed where they stay in the library's own folder; those of sections
that are not asked for are not. Parameters are evaluated here: a netlist gets models only, and no
name of a library can change what a netlist of ours means. Subcircuits and models of other devices
are checked and left out, because no netlist of ours names any.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from mtjspice.errors import InputError
from mtjspice.netlist.expressions import evaluate, number
from mtjspice.netlist.statements import (
    CHANNELS,
    File,
    Include,
    Item,
    Model,
    Parameters,
    Statement,
    read_file,
)
from mtjspice.reading import MIB

MOST_FILES, DEEPEST, MOST_TOGETHER = 200, 20, 64 * MIB
"""Includes that a section may take, how deep inside each other, and bytes of all files."""
LEVELS: Final = (1, 2, 3, 4, 5, 6, 8, 9, 10, 14, 49, 54, 55, 56, 57, 58, 68, 73)
"""Those that SPICE has for transistors (version 46)."""
SHIFTED: Final = (8, 49, 14, 54, 10, 58)
"""Those of them that take delvto: BSIM3 (from version 3.2), BSIM4 and BSIMSOI 4."""


@dataclass(frozen=True)
class TransistorModel:
    """A model of transistors.

    Attributes:
        name: in lower case.
        channel: ``nmos`` or ``pmos``.
        values: what stands behind each name, as SPICE reads it: numbers as they were written,
            expressions evaluated, in the order of the library.
        numbers: the same as numbers; without ``version``, which is none.
    """

    name: str
    channel: str
    values: dict[str, str]
    numbers: dict[str, float]

    @property
    def shifts(self) -> bool:
        """Whether its transistors take a threshold shift."""
        level, version = self.numbers.get("level", 1), self.values.get("version", "")
        return level in SHIFTED and not (level in {8, 49} and re.match(r"[0-2]|3\.[01]", version))

    def __hash__(self) -> int:
        """Of what tells most models apart: a foundry's have hundreds of numbers."""
        return hash((self.name, self.channel, self.values.get("vth0")))


class Library:
    """A library with what it includes; a file is read when it is needed, and once.

    Attributes:
        path: of the library.
        files: what was read, by its place.
    """

    def __init__(self, path: Path):
        """Read the library's own file.

        Raises:
            InputError: if it cannot be read, or holds what is not allowed.
        """
        self.path = path
        self.files: dict[Path, File] = {}
        self.main = self._read(path)
        self._included = 0

    @cached_property
    def folder(self) -> Path:
        """What includes may not leave."""
        return self.path.resolve().parent

    def models(self, section: str | None) -> list[TransistorModel]:
        """The transistor models of a section, or of what stands outside of any.

        Raises:
            InputError: if a file cannot be included, or a value is no number.
        """
        self._included = 0
        items = self.main.outside if section is None else self.main.sections[section]
        parameters, models = _Values(), dict[str, Model]()
        for item in self._expanded(items, ((self.path.resolve(), section),)):
            if isinstance(item, Parameters):
                parameters.add(item)
            elif item.name in models:
                first = models[item.name].at
                item.at.refuse(f"{item.name} is in {first.file}, line {first.line}, already")
            else:
                models[item.name] = item
        return [_numbered(m, parameters) for m in models.values() if m.type in CHANNELS]

    def _expanded(
        self, items: list[Item], inside: tuple[tuple[Path, str | None], ...]
    ) -> Iterator[Parameters | Model]:
        """What items hold, with includes in their places; `inside` are those that lead here."""
        for item in items:
            if not isinstance(item, Include):
                yield item
                continue
            path = self._place(item)
            self._included += 1
            if (path, item.section) in inside:
                item.at.refuse("includes itself")
            if len(inside) > DEEPEST or self._included > MOST_FILES:
                item.at.refuse(f"at most {MOST_FILES} files are included, {DEEPEST} deep")
            yield from self._expanded(self._chosen(item, path), (*inside, (path, item.section)))

    def _place(self, item: Include) -> Path:
        """Where an included file is: beside the one that includes it, in the library's folder."""
        try:
            path = (item.at.file.resolve().parent / item.file).resolve()
        except (OSError, RuntimeError, ValueError) as error:
            item.at.refuse(f"cannot be found: {error}")
        if not path.is_relative_to(self.folder):
            item.at.refuse(f"only files in the library's folder, {self.folder}, are included")
        return path

    def _chosen(self, item: Include, path: Path) -> list[Item]:
        """What an include takes of a file."""
        try:
            found = self.files.get(path) or self._read(path)
        except InputError as error:
            if error.key:
                raise
            item.at.refuse(f"{path} {error.allowed}")
        named = ", ".join(found.sections)
        if item.section is not None:
            if item.section not in found.sections:
                item.at.refuse(f"the file has {named or 'no sections'}")
            return found.sections[item.section]
        if found.sections:
            item.at.refuse(f"the file has sections ({named}): name one, .lib FILE SECTION")
        return found.outside

    def _read(self, path: Path) -> File:
        self.files[path] = found = read_file(path)
        if sum(file.size for file in self.files.values()) > MOST_TOGETHER:
            allowed = f"with what it includes, a library has at most {MOST_TOGETHER} bytes"
            raise InputError(source=self.path, key="size", allowed=allowed)
        return found


class _Values:
    """The parameters of a section. They may be used before the line that gives them."""

    def __init__(self) -> None:
        self.given: dict[str, tuple[Statement, str]] = {}
        self.known: dict[str, float] = {}
        self.asked: list[str] = []

    def add(self, item: Parameters) -> None:
        """Take in a ``.param`` line.

        Raises:
            InputError: if one of its names was given before.
        """
        for name, text in item.values.items():
            if name in self.given:
                first = self.given[name][0]
                item.at.refuse(f"{name} is in {first.file}, line {first.line}, already")
            self.given[name] = item.at, text

    def value(self, name: str) -> float:
        """The value of a parameter.

        Raises:
            ValueError: if there is none, or it depends on itself.
            InputError: if its expression comes to no number.
        """
        if name not in self.known:
            if name not in self.given:
                raise ValueError(f"{name!r} is no parameter of this section")
            if name in self.asked or len(self.asked) >= DEEPEST:
                raise ValueError(f"{name} depends on itself, or on more than {DEEPEST} in a row")
            statement, text = self.given[name]
            self.asked.append(name)
            self.known[name] = self.evaluated(statement, name, text)
            self.asked.pop()
        return self.known[name]

    def evaluated(self, statement: Statement, name: str, text: str) -> float:
        """The number that stands behind a name in a statement.

        Raises:
            InputError: naming it, if it comes to none.
        """
        try:
            return evaluate(text, self.value)
        except ValueError as error:
            statement.refuse(f"{name} = {text[:60]}: {error}")


def _numbered(model: Model, parameters: _Values) -> TransistorModel:
    values, numbers = dict[str, str](), dict[str, float]()
    for name, text in model.values.items():
        if name == "version":
            if not re.fullmatch(r"\d{1,3}(\.\d{1,3}){0,3}", text):
                model.at.refuse(f"version = {text[:60]} must be digits and points, as in 4.8.2")
            values[name] = text
            continue
        numbers[name] = parameters.evaluated(model.at, name, text)
        values[name] = text if number(text) is not None else repr(numbers[name])
        if name == "level":
            if numbers[name] not in LEVELS:  # SPICE goes on with level 1, or without the model
                levels = ", ".join(str(level) for level in LEVELS)
                model.at.refuse(f"level = {text[:60]} must be one that SPICE has: {levels}")
            values[name] = str(int(numbers[name]))
    return TransistorModel(model.name, model.type, values, numbers)
