"""Files of transistor libraries, read as data: what may stand in them is listed here.

SPICE runs what stands in a library: ``.control`` blocks and ``*#`` comments are commands, an
``.option`` overrides the spec, ``.include`` opens any file. So a library is taken apart here, word
by word, and what goes into a netlist is written anew from the words.

Allowed are ``.model``, ``.param``, ``.subckt``/``.ends`` with plain elements, ``.lib``/``.endl``,
``.include`` and ``.lib FILE SECTION`` of files in the library's own folder, comments and
continuations. All else is refused with its file and line, wherever it stands in a file that is
read, also in a section that is not asked for.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NoReturn

from mtjspice.errors import InputError
from mtjspice.reading import MIB, read_text

MOST: Final = 16 * MIB
"""Of one file of a library, bytes."""
LONGEST: Final = 200_000
"""Characters of a statement."""
MODEL_TYPES: Final = frozenset(
    {"nmos", "pmos", "d", "npn", "pnp", "njf", "pjf", "nmf", "pmf", "r", "c", "l", "sw", "csw"}
)
CHANNELS: Final = ("nmos", "pmos")
"""Those of transistors that netlists of ours have."""
ELEMENTS: Final = frozenset("rcldmjqxegfhvib")
"""First letters of what may stand in a subcircuit: nothing that reads files or loads code."""
_KNOWN = """
temper temp tnom time hertz freq omega vt pi boltz echarge planck kelvin yes no true false
gmin reltol abstol vntol chgtol trtol scale scalm mfactor dtemp index
and or not div mod if else end while macro funct defined include for to downto is var
sqr sqrt sin cos tan sinh cosh tanh asin acos atan arctan asinh acosh atanh exp ln log log10 abs
pow pwr max min int nint floor ceil sgn ternary_fcn agauss gauss aunif unif limit vec uramp
pwl ddt idt table
"""
RESERVED: Final = frozenset(_KNOWN.split())
"""Names that SPICE knows by itself, and words of its expressions: a parameter of that name would
change what others mean."""
REFUSED: Final = {
    "control": "commands are run on this machine",
    "option": "the spec says tolerances; lengths must be in metres, not scaled",
    "temp": "the spec says the temperature",
    "end": "a library has no end of a netlist",
    "func": "functions are not evaluated",
    "global": "it would join nodes of the netlist",
    "if": "conditions are not evaluated",
}
"""Statements that are tried most, each with why it is refused."""
_WHY: Final = {
    "temp dtemp": REFUSED["temp"],
    "delvto delvt0 mulu0": "the spec says the mismatch",
    "w l nf m": "the spec says the size",
    "as ad ps pd nrs nrd geo": "the netlist says the junctions",
    "sa sb sd sc sca scb scc": "stress and wells belong to a layout, which there is none of",
    "min": "fingers belong to a layout, which there is none of",
    "off ic icvds icvgs icvbs": "the operating point is found, not given",
}
INSTANCE: Final = {name: why for names, why in _WHY.items() for name in names.split()}
"""What SPICE takes from a model as a default of its transistors, each with why it is refused."""
ALLOWED: Final = "allowed are .model, .param, .subckt, .ends, .lib, .endl, .include and comments"

_NAME: Final = re.compile(r"[a-z_][\w.]{0,199}", re.ASCII)
_PARAMETER: Final = re.compile(r"[a-z_]\w{0,199}", re.ASCII)
_SECTION: Final = re.compile(r"\w[\w.-]{0,199}", re.ASCII)
_WORD: Final = re.compile(r"'[^']*'|\{[^{}]*\}|\"[^\"]*\"|[=()]|[^\s='\"(){},]+|.")
_PLAIN: Final = re.compile(r"[\w\s.,:=+\-*/^()'{}<>?&|!~%]*", re.ASCII)
"""What lines inside a subcircuit may consist of."""
_COMMENT: Final = re.compile(r";|//|(?:^|(?<=[\s,]))\$")


@dataclass(frozen=True)
class Statement:
    """A line of a library with its continuations, comments gone.

    Attributes:
        file: that it stands in.
        line: number of its first line.
        text: as it is written.
    """

    file: Path
    line: int
    text: str

    @property
    def words(self) -> list[str]:
        """Its words in lower case; quoted and braced text is one word, commas are blanks."""
        text = self.text.lower().replace(",", " ")
        return [word for word in _WORD.findall(text) if not word.isspace()]

    def refuse(self, why: str) -> NoReturn:
        """Refuse the library because of this line.

        Raises:
            InputError: always.
        """
        # What is no library, such as a file of passwords, is not for others to read in a message.
        shown = self.text if self.text[0] in ".+" else None
        raise InputError(source=self.file, key=f"line {self.line}", value=shown, allowed=why)


@dataclass(frozen=True)
class Include:
    """A file that is to be read in this place: its section, or what is outside of sections."""

    at: Statement
    file: str
    section: str | None


@dataclass(frozen=True)
class Parameters:
    """``.param``: expressions by their names."""

    at: Statement
    values: dict[str, str]


@dataclass(frozen=True)
class Model:
    """``.model``: values by their names, in the order in which they are written."""

    at: Statement
    name: str
    type: str
    values: dict[str, str]


Item = Include | Parameters | Model


@dataclass
class File:
    """One file of a library.

    Attributes:
        comments: (line, text behind the star) of comment lines.
        outside: what stands outside of sections.
        sections: what stands in each.
        size: of its text, characters.
    """

    comments: list[tuple[int, str]] = field(default_factory=list)
    outside: list[Item] = field(default_factory=list)
    sections: dict[str, list[Item]] = field(default_factory=dict)
    size: int = 0


def read_file(path: Path) -> File:
    """Read one file of a library; every line of it is checked.

    Raises:
        InputError: if it cannot be read, or holds what is not allowed.
    """
    return _Reader(path, read_text(path, MOST)).whole()


class _Reader:
    """A file that is being read."""

    def __init__(self, path: Path, text: str):
        self.path, self.text = path, text
        self.file = File(size=len(text))
        self.section: list[Item] | None = None
        self.opened: list[tuple[str, str, Statement]] = []
        """What is not closed yet, a section or subcircuits in it: word, name, statement."""

    def whole(self) -> File:
        for statement in self._statements():
            if len(statement.text) > LONGEST:
                statement.refuse(f"a statement has at most {LONGEST} characters")
            if '"' in statement.text.replace('"', "", 2) or "`" in statement.text:
                statement.refuse("quotes do not belong there")
            self._read(statement)
        for word, _, statement in self.opened[:1]:
            statement.refuse(f"is not closed by {'.endl' if word == '.lib' else '.ends'}")
        return self.file

    def _statements(self) -> Iterator[Statement]:
        """Lines with their continuations; comment lines go to the file's comments."""
        start, parts = 0, list[str]()
        for number, line in enumerate(self.text.split("\n"), 1):
            stripped = line.strip(" \t")
            if stripped.startswith("*"):
                self.file.comments.append((number, stripped[1:]))
                continue
            if comment := _COMMENT.search(stripped):
                stripped = stripped[: comment.start()].rstrip(" \t")
            if not stripped:
                continue
            if not (stripped.replace("\t", " ").isprintable() and stripped.isascii()):
                Statement(self.path, number, stripped).refuse("only ASCII text outside of comments")
            if stripped.startswith("+"):
                if not parts:
                    Statement(self.path, number, stripped).refuse("there is nothing to continue")
                parts.append(stripped[1:])
                continue
            if parts:
                yield Statement(self.path, start, " ".join(parts))
            start, parts = number, [stripped]
        if parts:
            yield Statement(self.path, start, " ".join(parts))

    def _read(self, statement: Statement) -> None:
        words = statement.words or [","]
        inside = bool(self.opened) and self.opened[-1][0] == ".subckt"
        match words[0]:
            case ".lib" if not inside:
                self._lib(statement)
            case ".endl" if not inside:
                self._closed(statement, ".lib", words)
                self.section = None
            case ".include" | ".inc" if not inside:
                self._add(Include(statement, _file_of(statement, 1), None))
            case ".subckt":
                _check_subcircuit(statement)
                self.opened.append((".subckt", words[1], statement))
            case ".ends":
                self._closed(statement, ".subckt", words)
            case ".model":
                model = _model(statement)
                if not inside:
                    self._add(model)
            case ".param":
                parameters = Parameters(statement, _values(statement, words[1:]))
                _check_names(statement, parameters.values)
                if not inside:
                    self._add(parameters)
            case ".nodeset" if inside:
                _check_plain(statement)
            case word if inside and word[0] in ELEMENTS:
                _check_plain(statement)
            case word:
                _refuse(statement, word, inside=inside)

    def _add(self, item: Item) -> None:
        (self.file.outside if self.section is None else self.section).append(item)

    def _lib(self, statement: Statement) -> None:
        """A section begins, or one of another file is included."""
        arguments = [_unquoted(word) for word in statement.words[1:]]
        if len(arguments) not in {1, 2} or not _SECTION.fullmatch(arguments[-1]):
            statement.refuse("must be .lib NAME or .lib FILE SECTION")
        if len(arguments) == 2:
            self._add(Include(statement, _file_of(statement, 2), arguments[1]))
            return
        if self.opened:
            statement.refuse("stands inside of a section: close that by .endl")
        if arguments[0] in self.file.sections:
            statement.refuse("there is a section of this name already")
        self.opened.append((".lib", arguments[0], statement))
        self.section = self.file.sections[arguments[0]] = []

    def _closed(self, statement: Statement, what: str, words: list[str]) -> None:
        """The last that was opened is closed, by its name if one is given."""
        if not self.opened or self.opened[-1][0] != what:
            statement.refuse(f"there is no {what} that it closes")
        _, name, opened = self.opened.pop()
        if [_unquoted(word) for word in words[1:]] not in ([], [name]):
            statement.refuse(f"does not close {what} {name} of line {opened.line}")


def _refuse(statement: Statement, word: str, *, inside: bool) -> NoReturn:
    """Refuse a statement that is not allowed, with the reason where there is one."""
    if word.startswith("."):
        reason = next((r for name, r in REFUSED.items() if word in {f".{name}", f".{name}s"}), "")
        if inside and word in {".lib", ".endl", ".include", ".inc"}:
            reason = "stands inside of a subcircuit"
        statement.refuse(f"{reason}; {ALLOWED}" if reason else ALLOWED)
    if inside:
        letters = " ".join(sorted(ELEMENTS)).upper()
        statement.refuse(f"elements of a subcircuit may begin with {letters}")
    statement.refuse(f"not a statement of a transistor library; {ALLOWED}")


def _unquoted(word: str) -> str:
    return word[1:-1] if word[0] in "'\"" and word[-1] == word[0] and len(word) > 1 else word


def _file_of(statement: Statement, arguments: int) -> str:
    """The file name behind the first word, in its own letters; it may be quoted."""
    match = re.fullmatch(r"\S+\s+('[^']+'|\"[^\"]+\"|[^\s'\"]+)((?:\s+\S+)*)", statement.text)
    if match is None or len(match[2].split()) != arguments - 1:
        statement.refuse("must name one file" + (" and one section" if arguments == 2 else ""))
    return _unquoted(match[1])


def _values(statement: Statement, words: list[str], again: bool = False) -> dict[str, str]:
    """``name=value`` pairs, quotes and braces around values taken off.

    Values are numbers or expressions, the latter in quotes or braces where they have blanks or
    parentheses in them. Of a name that is given `again` the last value counts, as in SPICE;
    elsewhere it is refused.
    """
    found: dict[str, str] = {}
    for k in range(0, len(words), 3):
        name, *rest = words[k : k + 3]
        if len(rest) != 2 or rest[0] != "=" or not _PARAMETER.fullmatch(name):
            shown = " ".join(words[k : k + 3])
            statement.refuse(f"{shown[:60]!r} is not NAME=VALUE; an expression is to be in quotes")
        value = rest[1]
        if value[0] == '"' or value in {"=", "(", ")"}:
            statement.refuse(f"{name} must be a number or an expression in ' ' or {{ }}")
        if name in found and not again:
            statement.refuse(f"{name} is given twice")
        if value[0] in "'{":
            value = value[1:-1].strip()
        _check_text(statement, value)
        found[name] = value
    return found


def _model(statement: Statement) -> Model:
    _, *words = statement.words
    if len(words) < 2 or not _NAME.fullmatch(words[0]) or words[1] not in MODEL_TYPES:
        types = ", ".join(sorted(MODEL_TYPES))
        statement.refuse(f"must be .model NAME TYPE NAME=VALUE ..., of the types {types}")
    name, kind, *rest = words
    if rest and rest[0] == "(" and rest[-1] == ")":
        rest = rest[1:-1]
    values = _values(statement, rest, again=True)
    if rest.count("level") > 1:  # the first counts there
        statement.refuse("level is given twice")
    if kind in CHANNELS:
        for instance in sorted(values.keys() & INSTANCE.keys()):
            statement.refuse(f"{instance} is a transistor's own: {INSTANCE[instance]}")
    return Model(statement, name, kind, values)


def _check_names(statement: Statement, names: dict[str, str]) -> None:
    for name in names:
        if name in RESERVED:
            statement.refuse(f"{name} has a meaning of its own, which no parameter may change")


def _check_subcircuit(statement: Statement) -> None:
    """A name, nodes, and defaults of parameters."""
    _, *words = statement.words
    if "=" in words:
        first = max(words.index("=") - 1, 0)
        _values(statement, words[first:])
        words = words[:first]
    if words[-1:] == ["params:"]:
        words = words[:-1]
    if len(words) < 2 or not all(re.fullmatch(r"[\w.!+-]+", word, re.ASCII) for word in words):
        statement.refuse("must be .subckt NAME NODE ... NAME=VALUE ...")


def _check_plain(statement: Statement) -> None:
    """See that a line inside a subcircuit names no file and holds no text."""
    _check_text(statement, statement.text)


def _check_text(statement: Statement, text: str) -> None:
    if not _PLAIN.fullmatch(text):
        bad = next(letter for letter in text if not _PLAIN.fullmatch(letter))
        statement.refuse(f"{bad!r} does not belong there")
    if word := re.search(r"file|\bd_source\b|\btable", text, re.IGNORECASE):
        statement.refuse(f"{word[0]} can read a file")
