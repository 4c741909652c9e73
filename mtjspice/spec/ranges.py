"""What numbers of specs may be: each has a range that real work does not leave, with the reason.

A range is data on the type of a field. What is outside it is refused, with the unit and the reason;
what is inside but rare is warned of (`mtjspice.spec.unusual`).
"""

import math
from dataclasses import dataclass
from typing import Any, Final

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from mtjspice.units import parse_quantity, si

SHOWN: Final = {
    "Ohm": "Ω",
    "F": "F",
    "V": "V",
    "A": "A",
    "m": "m",
    "s": "s",
    "J": "J",
    "Ohm.m": "Ω·m",
    "Ohm/sq": "Ω/sq",
    "F/m": "F/m",
    "A/m": "A/m",
    "op/J": "op/J",
}
"""Units that a prefix may stand before, as people read them."""
AS_WRITTEN: Final = {"V^-2": " V⁻²", "degC": " °C", "1": ""}
"""Units that none may stand before, behind a number."""
QUANTITY: Final = "^\\s*[+\u2212-]?(inf|[0-9]|\\.[0-9])"
"""How every quantity begins that is written as text; JSON Schema checks no more of it."""
PER_MICRON: Final = 1e-12
"""Ω·m² in one Ω·µm²."""


@dataclass(frozen=True)
class Within:
    """The range of a quantity, in the annotation of a field; the field is a float in SI.

    Attributes:
        unit: of `mtjspice.units.UNITS`; ``"1"`` for a number without one.
        low: least value.
        high: largest value.
        why: where the range comes from, for the message that names it.
        zero: whether 0 is allowed as well.
        endless: whether ``inf`` is allowed as well.
        usual: least and largest value that nobody is warned of; all if left out.
        named: whether it must be written with its unit.
    """

    unit: str
    low: float
    high: float
    why: str
    zero: bool = False
    endless: bool = False
    usual: tuple[float, float] | None = None
    named: bool = False

    def holds(self, value: float) -> bool:
        """Whether a value is in the range."""
        if (self.zero and value == 0) or (self.endless and value == math.inf):
            return True
        return self.low <= value <= self.high

    def odd(self, value: float) -> bool:
        """Whether a value that may be is unusual."""
        if self.usual is None or value == 0 or math.isinf(value):
            return False
        return not self.usual[0] <= value <= self.usual[1]

    def says(self) -> str:
        """The range, with unit and reason."""
        zero = "0 or " if self.zero and self.low > 0 else ""
        endless = ", or inf" if self.endless else ""
        low, high = (_both(value, self.unit) for value in (self.low, self.high))
        return f"must be {zero}from {low} to {high}{endless}: {self.why}"

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Read text and numbers before, check the range behind pydantic's own schema."""
        read = core_schema.no_info_before_validator_function(self.read, handler(source))
        return core_schema.no_info_after_validator_function(self._checked, read)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """A number in the range, or a text with suffix and unit, whose range is checked later."""
        text = {"type": "string", "pattern": QUANTITY}
        if self.named:
            return text
        number = {"type": "number", "minimum": self.low}
        if not self.endless:
            number["maximum"] = self.high
        zero = [{"const": 0}] if self.zero and self.low > 0 else []
        return {"anyOf": [number, *zero, text]}

    def read(self, value: Any) -> Any:
        """A number as it was written, by itself or as text with suffix and unit.

        Raises:
            ValueError: if it is none.
        """
        unit = self.unit
        if self.named and not (isinstance(value, str) and value.strip().endswith(unit)):
            raise ValueError(f"needs its unit, {unit}: write it as in '5m{unit}'")
        if isinstance(value, bool):
            raise ValueError("true and false are not quantities")  # noqa: TRY004, pydantic's way
        if isinstance(value, str):
            return parse_quantity(value, unit)
        if isinstance(value, int):
            try:
                return float(value)
            except OverflowError:
                raise ValueError(self.says()) from None
        return value

    def _checked(self, value: float) -> float:
        if not self.holds(value):
            raise ValueError(self.says())
        # One zero: −0.0 and 0.0 are the same quantity and must give the same key.
        return value + 0.0


@dataclass(frozen=True)
class Whole:
    """The range of a whole number, in the annotation of a field.

    Attributes:
        low: least value.
        high: largest value.
        why: where the upper bound comes from.
        text: whether it may be written as text, which another validator reads before.
    """

    low: int
    high: int
    why: str
    text: bool = False

    def says(self) -> str:
        """The range, with the reason."""
        return f"must be a whole number from {self.low} to {self.high}: {self.why}"

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Check type and range before pydantic's own schema, which then has nothing to add."""
        return core_schema.no_info_before_validator_function(self._checked, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """A whole number in the range."""
        number = {"type": "integer", "minimum": self.low, "maximum": self.high}
        return {"anyOf": [number, {"type": "string"}]} if self.text else number

    def _checked(self, value: Any) -> int:
        if type(value) is not int or not self.low <= value <= self.high:
            raise ValueError(self.says())
        return value


def shown(value: float, unit: str) -> str:
    """A value in SI as people read it: ``shown(5e-08, "m")`` is ``"50 nm"``."""
    if unit == "Ohm.m2":
        return f"{value / PER_MICRON:.4g} Ω·µm²"
    if unit in SHOWN and value != 0:
        return si(value, SHOWN[unit])
    return f"{value:g}{AS_WRITTEN.get(unit, f' {SHOWN.get(unit, unit)}')}"


def _both(value: float, unit: str) -> str:
    """A value as people read it, and as a plain number in SI where that is another."""
    text = shown(value, unit)
    return text if text.split(" ")[0] == f"{value:g}" else f"{text} ({value:g})"
