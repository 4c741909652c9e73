"""What every spec has in common: frozen, validated at birth, comparable, hashable, with a key."""

import hashlib
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    PlainSerializer,
    SerializationInfo,
    SerializerFunctionWrapHandler,
    ValidationInfo,
    model_serializer,
)

from mtjspice.spec.ranges import Whole, Within

Floats = npt.NDArray[np.float64]
States = npt.NDArray[np.uint8]

MOST_LINES = 4096
"""Most rows, and most columns, of an array."""
MOST_TILES = 65_536
"""Most tiles of a die."""
MOST_VECTORS = 1_000_000
"""Most input vectors of one array."""
VOLTS = Within("V", -20, 20, "junctions and transistors of integrated circuits break above",
               usual=(-0.5, 0.5))  # fmt: skip
"""Of an entry of a `VoltageMatrix`."""


class Spec(BaseModel):
    """A frozen description. Equal specs have equal keys and equal hashes."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", arbitrary_types_allowed=True, validate_default=True
    )

    def canonical(self, file: Callable[[str], str] | None = None) -> str:
        """The one text that stands for this description: JSON with sorted keys.

        Args:
            file: what is to stand in the place of each `FileName`; itself if left out.
        """
        content = self.model_dump(context={"file": file})
        return json.dumps(content, sort_keys=True, ensure_ascii=False)

    def key(self) -> str:
        """SHA-256 of the description, in hexadecimal. Folders of files are no part of it."""
        return hashlib.sha256(self.canonical(lambda name: Path(name).name).encode()).hexdigest()

    def replace(self, **changes: Any) -> Self:
        """A validated copy with some fields changed."""
        fields = {name: getattr(self, name) for name in type(self).model_fields}
        return type(self)(**(fields | changes))

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.canonical() == other.canonical()

    def __hash__(self) -> int:
        return hash(self.canonical())


LATER: Final = object()
"""In the annotation of a field of an `Extended` that came later than the others."""


class Extended(Spec):
    """A description some of whose fields came later: left at their defaults, they are not said.

    So what does without them has the key that it had before they were there. Such a default is part
    of what earlier files mean, and never changes.
    """

    @model_serializer(mode="wrap")
    def _without_later(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields: dict[str, Any] = dump(self)
        for name, field in type(self).model_fields.items():
            if LATER in field.metadata and getattr(self, name) == field.default:
                fields.pop(name, None)
        return fields


def one_of(default: str) -> Discriminator:
    """Tells the members of a union apart by ``kind``; what has none is the default kind."""

    def kind(data: Any) -> str:
        if isinstance(data, dict):
            return str(data.get("kind", default))
        return str(getattr(data, "kind", data))

    return Discriminator(kind)


LEAST_OHMS = 0.01
"""Least resistance above zero of a wire, line end, via, short or bridge, Ω.

With 0.01 Ω beside junctions of 30 Ω to 5 kΩ SPICE agrees with the nodal solver to 5e-8 of the
largest current, up to 5 V above ground, and beside ones of 1 MΩ to 5e-6 at 1.65 V. Ten to a
thousand times less, and rounding breaks Kirchhoff's law (docs/spice.md).
"""
JOINS = "less is lost in SPICE's rounding; 0 joins the nodes"

Resistance = Annotated[float, Within("Ohm", LEAST_OHMS, 1e9, JOINS, zero=True, usual=(0, 1e5))]
"""Ω, of a line's end or a via: zero, or 10 mΩ to 1 GΩ."""
WireResistance = Annotated[float, Within("Ohm", LEAST_OHMS, 1e5, JOINS, zero=True, usual=(0, 1e3))]
"""Ω, of the wire between two cells: zero, or 10 mΩ to 100 kΩ, beyond which it is no conductor."""
DefectResistance = Annotated[
    float,
    Within("Ohm", LEAST_OHMS, 1e6, "less is lost in SPICE's rounding, more is no short"),
]
"""Ω, of a shorted junction or a bridge: 10 mΩ to 1 MΩ."""
Load = Annotated[
    float, Within("Ohm", 1, 1e10, "what turns currents of 0.1 nA to 1 A into voltages")
]
"""Ω, of a load or a transimpedance: 1 Ω to 10 GΩ."""
Capacitance = Annotated[
    float,
    Within("F", 1e-21, 1e-10, "a cell's wire or an input has attofarads to picofarads", zero=True),
]
"""F: zero, or 1e-21 to 100 pF."""
LineCapacitance = Annotated[
    float, Within("F", 1e-21, 1e-6, "a whole line has femtofarads to nanofarads", zero=True)
]
"""F, of a whole line: zero, or 1e-21 to 1 µF."""
Time = Annotated[
    float, Within("s", 1e-15, 1, "circuits and magnetisation move in picoseconds to milliseconds")
]
"""s: 1 fs to 1 s."""
Diameter = Annotated[
    float,
    Within("m", 5e-9, 1e-5, "tunnel junctions are made from 5 nm to 10 µm", usual=(10e-9, 200e-9)),
]
"""m, of a junction: 5 nm to 10 µm."""
Length = Annotated[
    float, Within("m", 1e-9, 1e-2, "what is drawn on a chip has nanometres to millimetres")
]
"""m, of something drawn on a chip: 1 nm to 1 cm."""
Voltage = Annotated[float, Within("V", -20, 20, "integrated circuits work within 20 V")]
"""V: −20 to 20."""
PositiveVoltage = Annotated[
    float, Within("V", 1e-6, 20, "integrated circuits work from microvolts to 20 V")
]
"""V: 1 µV to 20 V."""
ReadVoltage = Annotated[
    float,
    Within("V", 1e-6, 5, "barriers of about a nanometre break at 1 to 3 V", usual=(1e-3, 0.5)),
]
"""V, of a read: 1 µV to 5 V."""
GATE_VOLTS = Within(
    "V", 0.01, 20, "gate oxides of integrated circuits break above", usual=(0.3, 5.5)
)
GateVoltage = Annotated[float, GATE_VOLTS]
"""V, of a gate or a supply: 10 mV to 20 V."""
Celsius = Annotated[float, Within("degC", -55, 150, "transistor models are fitted from there")]
"""°C, from −55 to 150; ``"300 K"`` is 26.85."""
Spread = Annotated[
    float,
    Within("1", 0, 1, "a standard deviation, as a share; 5 % is 0.05 or '5%'", usual=(0, 0.3)),
]
"""A relative standard deviation, 0 to 1."""
Share = Annotated[float, Within("1", 0, 1, "a share; 5 % is 0.05 or '5%'")]
"""A share, 0 to 1."""
Confidence = Annotated[
    float, Within("1", 0.5, 1 - 1e-9, "of a bound; 99 % is 0.99 or '99%'", usual=(0.8, 0.99999))
]
"""Of a bound, from one half on."""
LearningRate = Annotated[
    float, Within("1", 1e-8, 1e3, "the size of Adam's steps; weights lie in ±1", usual=(1e-5, 0.3))
]
"""Of Adam, 1e-8 to 1000."""
Minutes = Annotated[float, Within("1", 0.01, 1e6, "minutes of wall time, up to two years")]
"""Minutes."""
Lines = Annotated[int, Whole(1, MOST_LINES, "lines of an array that a circuit simulator can solve")]
"""Rows or columns, or some of them: 1 to 4096."""
LineIndex = Annotated[int, Whole(0, MOST_LINES - 1, "arrays have at most 4096 lines each way")]
"""Which row or column, from 0."""
Tiles = Annotated[int, Whole(1, MOST_TILES, "tiles of a chip")]
"""Tiles: 1 to 65,536."""
TileIndex = Annotated[int, Whole(0, MOST_TILES - 1, "chips have at most 65,536 tiles")]
"""Which tile, from 0."""
Dies = Annotated[int, Whole(1, 10_000, "dies that can be drawn and judged one by one")]
"""Dies: 1 to 10,000."""
Samples = Annotated[int, Whole(1, 10_000_000, "samples that a memory holds")]
"""Samples, draws or input vectors: 1 to ten millions."""
Networks = Annotated[int, Whole(1, 10_000, "networks that are trained side by side")]
"""Networks: 1 to 10,000."""
Epochs = Annotated[int, Whole(1, 1_000_000, "passes over the data that end within days")]
"""Epochs: 1 to a million."""
Neurons = Annotated[int, Whole(1, 65_536, "neurons of a layer that tiles can hold")]
"""Neurons of a layer, or features: 1 to 65,536."""
Some = Annotated[int, Whole(0, 100_000, "what can be looked at one by one")]
"""A number of cases, from 0 to 100,000."""
Seed = Annotated[int, Whole(0, 2**63 - 1, "seeds have 63 bits")]
"""A whole number from 0."""


def _check_name(text: str) -> str:
    if not re.fullmatch(NAME, text):
        raise ValueError(
            "a name is one line of at most 100 letters, digits, spaces and any of "
            "_ . , : ; ' ( ) [ ] & = % + -, begins with a letter or digit and ends without a space"
        )
    return text


NAME = r"[^\W_](?:[\w .,:;'()[\]&=%+-]{0,98}[\w.,:;'()[\]&=%+-])?"
"""Names of everything that specs name: titles of reports, and names of files and folders, which can
therefore not lead out of the folder that they are in."""
Name = Annotated[str, Field(strict=True), AfterValidator(_check_name)]
"""A name; see `NAME`."""


def is_path(name: str) -> bool:
    """Whether a `FileName` is a path: it has a slash or an ending. Others are of what ships."""
    return "/" in name or bool(Path(name).suffix)


def _placed(name: str, info: ValidationInfo) -> str:
    if not name:
        raise ValueError("must be the name of a file that ships, or the path of another")
    if any(len(part.encode(errors="replace")) > 255 for part in name.split("/")):
        raise ValueError("must be the name or the path of a file; no part of it can be so long")
    folder = (info.context or {}).get("folder")
    if folder is None or not is_path(name):
        return name
    return os.path.normpath(Path(folder) / name)


def _written(name: str, info: SerializationInfo) -> str:
    file = (info.context or {}).get("file")
    return name if file is None else str(file(name))


FileName = Annotated[str, AfterValidator(_placed), PlainSerializer(_written, return_type=str)]
"""The name of a file that ships, without ending, or the path of another.

In a file, a path is relative to the folder of the file that it stands in: who reads one validates
with the context ``{"folder": ...}``.
"""


def _read_volts(value: Any) -> Floats:
    if not isinstance(value, np.ndarray):
        if not (
            isinstance(value, list | tuple)
            and all(isinstance(v, list | tuple | np.ndarray) for v in value)
        ):
            raise ValueError("must be a list of lists of voltages, one a vector")
        try:
            value = [[VOLTS.read(volts) for volts in vector] for vector in value]
        except TypeError:
            raise ValueError("must be a list of lists of voltages, one a vector") from None
    try:
        matrix = np.array(value, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        raise ValueError("must be a list of equally long lists of voltages") from None
    if matrix.ndim != 2 or matrix.size == 0:
        raise ValueError(f"must have two axes and at least one entry; its shape is {matrix.shape}")
    if not np.isfinite(matrix).all():
        row, column = (int(i) for i in np.argwhere(~np.isfinite(matrix))[0])
        raise ValueError(f"must be finite; [{row}][{column}] is {matrix[row, column]}")
    if matrix.shape[0] > MOST_VECTORS or matrix.shape[1] > MOST_LINES:
        raise ValueError(
            f"must be at most {MOST_VECTORS} vectors of {MOST_LINES} voltages; its shape is "
            f"{matrix.shape}"
        )
    beyond = np.argwhere(np.abs(matrix) > VOLTS.high)
    if len(beyond):
        row, column = (int(i) for i in beyond[0])
        raise ValueError(f"{VOLTS.says()}; [{row}][{column}] is {matrix[row, column]:g} V")
    matrix += 0.0  # one zero: −0.0 and 0.0 are the same voltage and must give the same key
    matrix.setflags(write=False)
    return matrix


def _read_states(value: Any) -> States:
    if isinstance(value, np.ndarray):
        if value.ndim != 2 or not np.isin(value, (0, 1)).all():
            raise ValueError("must be a matrix of 0 (P) and 1 (AP)")
        matrix = value.astype(np.uint8)
    else:
        if not isinstance(value, list | tuple):
            raise ValueError("must be a list of strings, one a row")  # noqa: TRY004, pydantic's way
        try:
            rows = [row.replace(" ", "") for row in value]
        except (AttributeError, TypeError):
            raise ValueError("must be a list of strings of P and A (AP), one a row") from None
        if len({len(row) for row in rows}) != 1 or set("".join(rows)) - {"P", "A"}:
            raise ValueError(
                "must be one string a row, all equally long, of P (parallel) and A (antiparallel)"
            )
        matrix = np.array([[int(state == "A") for state in row] for row in rows], dtype=np.uint8)
    if matrix.size == 0 or max(matrix.shape) > MOST_LINES:
        raise ValueError(f"must have one to {MOST_LINES} rows and columns")
    matrix.setflags(write=False)
    return matrix


def _write_states(matrix: States) -> list[str]:
    return ["".join("PA"[state] for state in row) for row in matrix]


VoltageMatrix = Annotated[
    Floats,
    BeforeValidator(_read_volts, json_schema_input_type=list[list[Annotated[float, VOLTS]]]),
    PlainSerializer(lambda m: m.tolist(), return_type=list),
]
"""A read-only float64 matrix, V; entries may be written with suffix and unit."""
StateMatrix = Annotated[
    States,
    BeforeValidator(_read_states, json_schema_input_type=list[str]),
    PlainSerializer(_write_states, return_type=list),
]
"""A read-only uint8 matrix of junction states: 0 is P (low resistance), 1 is AP.

Written as one string a row, ``["PAAP", "APPA"]``.
"""

Termination = Literal["grounded", "floating", "half"]
