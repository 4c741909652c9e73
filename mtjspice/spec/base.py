"""What every spec has in common: frozen, validated at birth, comparable, hashable, with a key."""

import hashlib
import json
import math
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, Self

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
    ValidationInfo,
)

from mtjspice.units import parse_quantity

Floats = npt.NDArray[np.float64]
States = npt.NDArray[np.uint8]


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


def quantity(unit: str) -> Callable[[Any], Any]:
    """Let a field be written as a number in SI or as a string with suffix and unit."""

    def read(value: Any) -> Any:
        if isinstance(value, bool):
            raise ValueError("true and false are not quantities")  # noqa: TRY004, pydantic's way
        if isinstance(value, str):
            value = parse_quantity(value, unit)
        # One zero: −0.0 and 0.0 are the same quantity and must give the same key.
        return value + 0.0 if isinstance(value, float) else value

    return read


def _check_scale(volts: float) -> float:
    if 1e6 < volts < math.inf:
        raise ValueError("must be at most 1e6 V, or inf for a junction without bias dependence")
    return volts


def one_of(default: str) -> Discriminator:
    """Tells the members of a union apart by ``kind``; what has none is the default kind."""

    def kind(data: Any) -> str:
        if isinstance(data, dict):
            return str(data.get("kind", default))
        return str(getattr(data, "kind", data))

    return Discriminator(kind)


_POSITIVE = Field(gt=0, allow_inf_nan=False)
_NON_NEGATIVE = Field(ge=0, allow_inf_nan=False)
_FINITE = Field(allow_inf_nan=False)

Resistance = Annotated[float, BeforeValidator(quantity("Ohm")), _NON_NEGATIVE]
"""Ω, zero allowed."""
PositiveResistance = Annotated[float, BeforeValidator(quantity("Ohm")), _POSITIVE]
"""Ω, above zero."""
ResistanceArea = Annotated[float, BeforeValidator(quantity("Ohm.m2")), Field(ge=1e-18, le=1)]
"""Ω·m², from 1e-18 to 1; ``"10 Ohm.um2"`` is 1e-11."""
SheetResistance = Annotated[float, BeforeValidator(quantity("Ohm/sq")), _POSITIVE]
"""Ω per square."""
Resistivity = Annotated[float, BeforeValidator(quantity("Ohm.m")), _POSITIVE]
"""Ω·m."""
Capacitance = Annotated[float, BeforeValidator(quantity("F")), _NON_NEGATIVE]
"""F, zero allowed."""
CapacitancePerLength = Annotated[float, BeforeValidator(quantity("F/m")), _NON_NEGATIVE]
"""F/m."""
Time = Annotated[float, BeforeValidator(quantity("s")), _POSITIVE]
"""s, above zero."""
Length = Annotated[float, BeforeValidator(quantity("m")), Field(ge=1e-12, le=1)]
"""m, from a picometre to a metre."""
Voltage = Annotated[float, BeforeValidator(quantity("V")), _FINITE]
"""V."""
PositiveVoltage = Annotated[float, BeforeValidator(quantity("V")), _POSITIVE]
"""V, above zero."""
BiasScale = Annotated[
    float, BeforeValidator(quantity("V")), AfterValidator(_check_scale), Field(ge=1e-3)
]
"""V, from 1 mV to 1 MV; ``inf`` for a junction without bias dependence."""
InverseSquareVolt = Annotated[float, BeforeValidator(quantity("V^-2")), _NON_NEGATIVE]
"""V⁻²."""
PolarisationDecay = Annotated[float, BeforeValidator(quantity("1")), Field(ge=0, lt=1e-4)]
"""K^−1.5; below 1e-4, so that the polarisation stays positive up to 150 °C."""
Celsius = Annotated[float, BeforeValidator(quantity("1")), Field(ge=-55, le=150)]
"""°C, from −55 to 150."""
Ratio = Annotated[float, BeforeValidator(quantity("1")), _POSITIVE]
"""A number above zero."""
Spread = Annotated[float, BeforeValidator(quantity("1")), Field(ge=0, le=1)]
"""A relative standard deviation, 0 to 1."""
Scale = Annotated[float, BeforeValidator(quantity("1")), _NON_NEGATIVE]
"""A factor, zero allowed."""
Share = Annotated[float, BeforeValidator(quantity("1")), Field(ge=0, le=1)]
"""A share, 0 to 1."""
Count = Annotated[int, Field(ge=1, strict=True)]
"""A whole number from 1."""
Index = Annotated[int, Field(ge=0, strict=True)]
"""A whole number from 0."""
Seed = Annotated[int, Field(ge=0, lt=2**63, strict=True)]
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
        read = quantity("V")
        try:
            value = [[read(volts) for volts in vector] for vector in value]
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
    matrix += 0.0  # one zero: −0.0 and 0.0 are the same voltage and must give the same key
    matrix.setflags(write=False)
    return matrix


def _read_states(value: Any) -> States:
    if isinstance(value, np.ndarray):
        if value.ndim != 2 or not np.isin(value, (0, 1)).all():
            raise ValueError("must be a matrix of 0 (P) and 1 (AP)")
        matrix = value.astype(np.uint8)
    else:
        if isinstance(value, str):
            raise ValueError("must be a list of strings, one a row")  # noqa: TRY004, pydantic's way
        try:
            rows = [row.replace(" ", "") for row in value]
        except (AttributeError, TypeError):
            raise ValueError("must be a list of strings of P and A (AP), one a row") from None
        if len({len(row) for row in rows}) != 1 or set("".join(rows)) - {"P", "A"}:
            raise ValueError("must be equally long strings of P and A (AP), one a row")
        matrix = np.array([[int(state == "A") for state in row] for row in rows], dtype=np.uint8)
    if matrix.size == 0:
        raise ValueError("must have at least one row and one column")
    matrix.setflags(write=False)
    return matrix


def _write_states(matrix: States) -> list[str]:
    return ["".join("PA"[state] for state in row) for row in matrix]


VoltageMatrix = Annotated[
    Floats, BeforeValidator(_read_volts), PlainSerializer(lambda m: m.tolist(), return_type=list)
]
"""A read-only float64 matrix, V; entries may be written with suffix and unit."""
StateMatrix = Annotated[
    States, BeforeValidator(_read_states), PlainSerializer(_write_states, return_type=list)
]
"""A read-only uint8 matrix of junction states: 0 is P (low resistance), 1 is AP.

Written as one string a row, ``["PAAP", "APPA"]``.
"""

Termination = Literal["grounded", "floating", "half"]
