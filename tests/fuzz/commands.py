"""Random command lines: every command, every option, right and wrong values, specs half right."""

import copy
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import tomli_w
from fuzz.attack import fault_of
from fuzz.folders import CARD, SPECS, shipped_card, write_solutions, write_weights
from fuzz.server import Ran

HOSTILE = (
    "nowhere", "nowhere/at/all", "/nowhere", "", ".", "..", "/", "/dev/null", "/dev/zero",
    "/dev/full",
    "/dev/stdin", "/proc/self/mem", "pipe", "lib", "weights/weights.json", "link", "loop",
    "dangling",
    "spec.toml", "map.csv", "closed", "x" * 300, "x/" * 3000, "a b", "-", "--", "-x", "~", "$HOME",
    "*",
    "\u00b5\u03a9", "\U0001f4a9", "\udcff", "new\nline", "tab\tbed", "own.card.json", "array.toml",
    "nist",
)  # fmt: skip
"""Paths that are not what is asked for."""
NUMBERS = ("1", "2", "0", "-1", "007", "1.0", "1e3", "two", "", "9" * 30, "9" * 5000, str(2**63),
           str(2**31),
           "40000", "1000000000", "nan", "inf", "\u0661", " 1", "0x1", "true", "--",
           "1,2")  # fmt: skip
TEXTS = ("ideal", "hardware-aware", "statistics-aware", "", "nonsense", "IDEAL", "x" * 5000,
         "\u00b5", "-", "--",
         "a\nb", "[red]", "../x", "1")  # fmt: skip
ADDRESSES = ("", "nonsense", "tcp://", "tcp://127.0.0.1:9", "tcp://127.0.0.1:many", "tls://127.0.0.1:9",
             "inproc://x", "ucx://x", "http://127.0.0.1:9", "x" * 5000, "tcp://[::1", "-1",
             "\u00b5")  # fmt: skip
PATH, NUMBER, TEXT, ADDRESS, FLAG = "path", "number", "text", "address", "flag"
POOLS: Mapping[str, tuple[str, ...]] = {
    PATH: HOSTILE,
    NUMBER: NUMBERS,
    TEXT: TEXTS,
    ADDRESS: ADDRESSES,
}
COMMON = {"--out": PATH, "--seed": NUMBER, "--jobs": NUMBER, "--json": FLAG}
DATA = {"--mnist": PATH, "--digits": FLAG}


@dataclass(frozen=True)
class Shape:
    """What a command takes, and how it is asked rightly.

    Attributes:
        right: a right command line, up to its options.
        spec: the file among them that may be changed.
        options: kinds of values.
        limit_s: for work that is really done, on a busy machine.
        costly: the right command line takes seconds: it is asked rarely.
    """

    right: tuple[str, ...]
    spec: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    limit_s: float = 60.0
    costly: bool = False


SHAPES: tuple[Shape, ...] = (
    Shape(("netlist", "array.toml"), "array.toml", {"--tile": NUMBER, "--out": PATH}),
    Shape(("netlist", "spec.toml"), "spec.toml", {"--tile": NUMBER, "--out": PATH}),
    Shape(("netlist", "die.toml", "--tile", "0"), "die.toml", {"--out": PATH}),
    Shape(("spec", "experiment"), options={"--schema": FLAG}),
    Shape(("simulate", "array.toml"), "array.toml", COMMON, costly=True),
    Shape(("simulate", "die.toml"), "die.toml", COMMON, costly=True),
    Shape(("run", "study.toml"), "study.toml", COMMON | {"--solutions": PATH, "--only": NUMBER},
          240.0, True),
    Shape(("run", "nist.toml", "--solutions", "nist"), "nist.toml", COMMON | {"--only": NUMBER},
          240.0, True),
    Shape(("layout", "layout.toml", "--quick"), "layout.toml", COMMON, 300.0, True),
    Shape(("layout", "layout.toml", "array.toml"), "layout.toml", COMMON | {"--quick": FLAG},
          300.0, True),
    Shape(("calibrate", "calibration.toml"), "calibration.toml", COMMON, 300.0, True),
    Shape(("train", "training.toml", "--digits"), "training.toml",
          COMMON | DATA | {"--method": TEXT, "--dies": PATH, "--start": PATH}, 120.0, True),
    Shape(("train", "own_card.toml", "--digits"), "own_card.toml",
          COMMON | DATA | {"--method": TEXT, "--dies": PATH, "--start": PATH}, 120.0, True),
    Shape(("signoff", "weights", "--dies", "dies", "--digits", "--images", "8", "--spec",
           "signoff.toml"),
          "signoff.toml", COMMON | DATA | {"--full": FLAG, "--strict": FLAG, "--scheduler": ADDRESS,
                                           "--images": NUMBER, "--dies": PATH,
                                           "--reference": PATH}, 240.0, True),
    Shape(("doctor",), "", {"--json": FLAG}),
)  # fmt: skip
REFUSED: tuple[Shape, ...] = (
    Shape(("reproduce", "goodwill2022", "--solutions", "nowhere"), "",
          COMMON | {"--quick": FLAG, "--signoff": FLAG, "--scheduler": ADDRESS}),
    Shape(("reproduce", "borders2024", "--quick", "--scheduler", "tcp://127.0.0.1:9"), "",
          COMMON | DATA),
    Shape(("reproduce", "nonsense"), "", COMMON),
    Shape(("reproduce",), "", COMMON),
    Shape(("nonsense",), "", COMMON),
    Shape((), "", {"--help": FLAG, "--version": FLAG, "--debug": FLAG}),
)  # fmt: skip
"""Command lines that are refused however they go on, since what they ask for takes minutes."""


@dataclass(frozen=True)
class Line:
    """A command line, with the files that belong to it.

    Attributes:
        arguments: of ``mtjspice``.
        files: content by path, in the place of what is in the clean folder.
        limit_s: for the command.
        costly: whether it may be long work.
    """

    arguments: tuple[str, ...]
    files: Mapping[str, bytes]
    limit_s: float
    costly: bool


def command_line(seed: int) -> Line:
    """The command line of a seed."""
    chance = Random(seed)
    shape = chance.choice(SHAPES if chance.random() < 0.85 else REFUSED)
    arguments, files = list(shape.right), dict[str, bytes]()
    wrong = _with_options(shape, arguments, chance)
    spec_is_wrong = False
    if shape.spec and chance.random() < 0.75:
        files[shape.spec] = changed_spec(SPECS[shape.spec], chance)
        spec_is_wrong = files[shape.spec] != SPECS[shape.spec].encode()
    if shape.costly and not (wrong or spec_is_wrong) and chance.random() < 0.8:
        files[shape.spec] = _changed_text(SPECS[shape.spec].encode(), chance)
    if chance.random() < 0.05 and arguments:
        arguments.pop(chance.randrange(len(arguments)))
    if chance.random() < 0.05:
        arguments.insert(chance.randrange(len(arguments) + 1), chance.choice(HOSTILE))
    arguments = [one for one in arguments if "\0" not in one]  # no process can be given one
    return Line(tuple(arguments), files, shape.limit_s, shape.costly)


def _with_options(shape: Shape, arguments: list[str], chance: Random) -> bool:
    """Add options, and exchange an argument; whether one may be wrong."""
    wrong = False
    for option, kind in shape.options.items():
        if chance.random() > 0.25:
            continue
        if kind == FLAG:
            arguments.append(option)
            continue
        likely = kind == NUMBER and chance.random() < 0.7
        value = chance.choice(("1", "2", "3") if likely else POOLS[kind])
        wrong = wrong or not likely
        arguments += [option, value] if chance.random() < 0.8 else [f"{option}={value}"]
    places = [k for k, one in enumerate(arguments) if one in (*SPECS, "weights", "dies", "nist")]
    if places and chance.random() < 0.25:
        arguments[chance.choice(places)] = chance.choice(HOSTILE)
        wrong = True
    return wrong


LEAVES: tuple[Any, ...] = (
    0, 1, 2, 3, -1, 10**9, 2**63 - 1, 2**63, -(2**63), 0.5, -0.5, 0.0, -0.0, 1e-300, 1e300, 1e9,
    150, 0.1,
    float("nan"), float("inf"), float("-inf"), True, False, "", "x", "1", "5k", "5k Ohm", "150%",
    "10 Ohm·µm²",
    "50um", "50nm", "100V", "1e9V", "1e6", "5F", "M", "1M", "0.1V", "-0.1V", "tt", "ff", "nowhere",
    "../x",
    "<b>", "a\nb", "passive", "gated", "transmission_gate", "floating", "half", "grounded",
    "virtual_ground",
    "transimpedance", "sense_amplifier", "transient", "dc", "cells", CARD, "cmos33_bsim4",
    "cmos12_level1",
    "shared", "own", "ternary", "binary", "x" * 500, "\U0001f4a9",
)  # fmt: skip
EXTREMES = (10**9, 2**31, 2**62, 10**18, 1e9, 1e300, 1e-300, 1e-18, 1e30, 0, -1)
"""None of them is a count that is only long work, such as a million epochs."""
NUMBERED = tuple(
    (tuple(path.split(".")[:-1]), path.split(".")[-1])
    for path in (
        "crossbar.row.resistance",
        "crossbar.row.end",
        "crossbar.column.resistance",
        "crossbar.column.capacitance",
        "crossbar.cell.mtj.tmr0",
        "crossbar.cell.mtj.diameter",
        "crossbar.cell.mtj.ra",
        "crossbar.cell.mtj.v_half",
        "crossbar.cell.gate_volts",
        "crossbar.cell.mtj.c_parallel",
        "die.short_resistance",
        "die.mismatch",
        "die.bridge_resistance",
        "die.sigma_ln_rp",
        "die.seed",
        "periphery.reference",
        "periphery.gain",
        "periphery.load",
        "technology.temperature",
        "analysis.step",
        "analysis.period",
        "analysis.hold",
        "reltol",
        "stimulus.held",
        "stimulus.read_voltage",
        "tile.index",
        "read_voltage",
        "vectors",
        "tiles",
        "dac.bits",
        "network.epochs",
        "network.restarts",
        "network.count",
        "network.learning_rate",
        "training.epochs",
        "training.batch",
        "training.dies",
        "training.learning_rate",
        "hardware.tiles",
        "hardware.dies",
        "hardware.spread.mismatch",
        "hardware.rates.short",
        "monte_carlo.samples",
        "monte_carlo.tail",
        "largest",
        "read.voltage",
        "read.rows",
        "sense.step",
        "sense.offset",
        "timing.period",
        "timing.step",
        "supply.volts",
        "life.reads",
        "plan.tiles",
        "plan.vectors",
        "plan.held_tiles",
        "access_volts",
        "potential",
        "limits.ir_drop",
        "readout.read_voltage",
        "data.test_samples",
        "guard",
        "vectors",
        "netlists",
        "confidence",
    )
)
KEYS = ("rows", "columns", "cell", "kind", "mtj", "ra", "diameter", "tmr0", "v_half", "row",
        "column", "gate",
        "resistance", "end", "ends", "capacitance", "geometry", "via", "tile", "states", "index",
        "stimulus", "volts",
        "driven_rows", "sensed_columns", "held", "die", "defects", "sigma_ln_rp", "mismatch",
        "short_resistance",
        "diameters", "seed", "periphery", "reference", "load", "gain", "analysis", "step",
        "period", "hold", "rise",
        "sense_at", "observe", "reltol", "technology", "card", "corner", "temperature", "name",
        "plan", "limits",
        "network", "hidden", "inputs", "hardware", "training", "epochs", "batch", "writing",
        "readout", "g_norm",
        "more", "ngspice", "corners", "supply", "timing", "monte_carlo", "largest", "unselected",
        "gates")  # fmt: skip


def changed_spec(text: str, chance: Random) -> bytes:
    """A spec with a few things changed, as data or as text; now and then none."""
    kind = chance.random()
    if kind < 0.1:
        return text.encode()
    if kind < 0.25:
        return _changed_text(text.encode(), chance)
    content = tomllib.loads(text)
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        change(content, chance)
    try:
        return tomli_w.dumps(content).encode()
    except (TypeError, ValueError, UnicodeEncodeError):
        return text.encode()


def _tables(content: Any) -> list[Any]:
    """All tables and lists in a table, itself first."""
    inner = content.values() if isinstance(content, dict) else content
    return [content, *(t for one in inner if isinstance(one, dict | list) for t in _tables(one))]


def change(content: dict[str, Any], chance: Random) -> None:
    """One change at a random place."""
    if not content:
        content[chance.choice(KEYS)] = chance.choice(LEAVES)
        return
    table = chance.choice([one for one in _tables(content) if one])
    key = chance.choice(list(table) if isinstance(table, dict) else range(len(table)))
    match chance.randrange(11):
        case 8 | 9 | 10:
            _make_extreme(content, chance)
        case 0:
            del table[key]
        case 1 if isinstance(table, dict):
            table[chance.choice(KEYS)] = chance.choice(LEAVES)
        case 2 if isinstance(table, dict):
            table[chance.choice(KEYS)] = {chance.choice(KEYS): chance.choice(LEAVES)}
        case 3:
            table[key] = [chance.choice(LEAVES) for _ in range(chance.randrange(4))]
        case 4:
            table[key] = copy.deepcopy([table[key]] * chance.randrange(3))
        case 5:
            other = tomllib.loads(SPECS[chance.choice(list(SPECS))])
            name = chance.choice(list(other))
            content[name] = other[name]
        case _ if isinstance(table[key], dict | list) and chance.random() < 0.7:
            _make_extreme(content, chance)
        case _:
            table[key] = chance.choice(LEAVES)


def _make_extreme(content: dict[str, Any], chance: Random) -> None:
    """A number that is there becomes one that no array has; or one that is left out is given."""
    if chance.random() < 0.4:
        path, key = chance.choice(NUMBERED)
        for name in path:
            content = content.setdefault(name, {})
            if not isinstance(content, dict):
                return
        content[key] = chance.choice(EXTREMES)
        return
    places = [
        (table, key)
        for table in _tables(content)
        for key, value in (table.items() if isinstance(table, dict) else enumerate(table))
        if isinstance(value, int | float)
    ]
    if places:
        table, key = chance.choice(places)
        table[key] = chance.choice(EXTREMES)


def _changed_text(content: bytes, chance: Random) -> bytes:
    """Bytes lost, doubled, exchanged; another encoding; other line ends."""
    at = chance.randrange(len(content))
    size = chance.randrange(1, 20)
    some = bytes(chance.randrange(256) for _ in range(size))
    text = content.decode()
    return chance.choice((
        content[:at] + content[at + size :],
        content[:at] + some + content[at:],
        content[:at] + some + content[at + size :],
        content[:at] + content[at : at + 100] + content[at:],
        content[:at],
        content.replace(b"\n", b"\r\n"),
        content.replace(b"\n", b"\r"),
        content.replace(b"=", b"= ", 1).replace(b" ", b"\t"),
        b"\xef\xbb\xbf" + content,
        text.encode("utf-16"),
        text.encode("utf-16-le"),
        content + b"\0",
        content.upper(),
        content.replace(b'"', b"'"),
    ))  # fmt: skip


def write_everything(folder: Path) -> None:
    """The clean folder of command lines: all that any of them names, and some that is odd."""
    write_weights(folder)
    (folder / "own.card.json").write_bytes(shipped_card())
    write_solutions(folder / "with")
    (folder / "with" / "nist").rename(folder / "nist")
    (folder / "link").symlink_to("array.toml")
    (folder / "loop").symlink_to("loop")
    (folder / "dangling").symlink_to("nowhere at all")
    (folder / "closed").write_text(SPECS["array.toml"])
    (folder / "closed").chmod(0)


def add_odd(folder: Path) -> None:
    """What cannot be copied with a folder."""
    import os  # noqa: PLC0415

    os.mkfifo(folder / "pipe")


@dataclass(frozen=True)
class Asked:
    """A command line that was run.

    Attributes:
        seed: of the line.
        ran: how it ended.
    """

    seed: int
    ran: Ran

    @property
    def fault(self) -> str:
        """What is wrong with how it ended; empty if nothing is."""
        return fault_of(self.ran)

    def __str__(self) -> str:
        said = self.ran.err.strip()[-400:]
        shown = [one if len(one) < 80 else f"{one[:77]}..." for one in self.ran.arguments]
        return f"seed {self.seed}: {shown}: {self.fault} (exit {self.ran.code}): {said}"
