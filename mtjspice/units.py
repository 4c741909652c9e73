"""Numbers with SPICE suffixes and units, as people write them in specs.

Inside the package every quantity is a plain float in SI units. At the border (TOML files, command
line) a quantity may be a number, which is then in SI, or a string such as ``"5k"``, ``"50nm"`` or
``"10 Ohm.um2"``. The suffixes are SPICE's: ``T G meg k m u n p f``, case-insensitive, with one
exception: a capital ``M`` is refused, because SPICE reads milli where most people mean mega.
"""

import math
import re
from typing import Final

SUFFIXES: Final[dict[str, float]] = {
    "t": 1e12,
    "g": 1e9,
    "meg": 1e6,
    "k": 1e3,
    "": 1.0,
    "m": 1e-3,
    "u": 1e-6,
    "µ": 1e-6,
    "n": 1e-9,
    "p": 1e-12,
    "f": 1e-15,
}
"""Multiplier of each suffix (ngspice manual, section 2.3.2).

Without the inch-based ``mil``, and without ``a``: nobody means 0.1 attovolt by "0.1A".
"""

UNITS: Final[dict[str, frozenset[str]]] = {
    "Ohm": frozenset({"ohm", "ohms"}),
    "V": frozenset({"v", "volt", "volts"}),
    "A": frozenset({"a", "amp", "amps"}),
    "A/m": frozenset({"a/m"}),
    "m": frozenset({"m"}),
    "s": frozenset({"s", "sec"}),
    "F": frozenset({"f", "farad", "farads"}),
    "F/m": frozenset({"f/m"}),
    "J": frozenset({"j"}),
    "op/J": frozenset({"op/j"}),
    "Ohm/sq": frozenset({"ohm/sq", "ohm"}),
    "Ohm.m": frozenset({"ohm.m"}),
    "Ohm.m2": frozenset({"ohm.m2"}),
    "V^-2": frozenset({"v^-2", "1/v2"}),
    "1": frozenset(),
}
"""The units that a quantity can have, each with the ways to write it (compared in lower case)."""

_SQUARED_LENGTH: Final = re.compile(r"[Oo][Hh][Mm]\.([nuµm])m2")
_ALIKE: Final = str.maketrans({"Ω": "ohm", "\u2126": "ohm", "\u03bc": "µ"})
"""Omega, the ohm sign, and the Greek mu, which look like what is meant."""
_NUMBER: Final = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(\S*)\s*")


def parse_quantity(text: str, unit: str) -> float:
    """Read a number with an optional SPICE suffix and an optional unit.

    Args:
        text: for example ``"5k"``, ``"5kOhm"``, ``"50nm"``, ``"10 Ohm.um2"``.
        unit: the unit that the quantity must have, a key of `UNITS`.

    Returns:
        The value in SI units.

    Raises:
        ValueError: if it is not a number, or has another unit.
    """
    match = _NUMBER.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a number with an optional suffix and unit, as in '5k'")
    number, tail = match.groups()
    tail = tail.translate(_ALIKE)
    factor = _factor(tail, unit)
    if factor is None:
        raise ValueError(f"{text!r}: {_expected(tail, unit)}")
    # One decimal literal, not a product: "50n" is then the same float as 50e-9.
    exponent = round(math.log10(factor))
    mantissa, _, written_exponent = number.lower().partition("e")
    return float(f"{mantissa}e{int(written_exponent or 0) + exponent}")


def format_quantity(value: float) -> str:
    """Write a float with the fewest digits that read back as the same float, as SPICE takes it.

    Raises:
        ValueError: if the value is not finite; SPICE has no such number.
    """
    if not math.isfinite(value):
        raise ValueError(f"{value} cannot be written into a netlist")
    return repr(float(value))


def si(value: float, unit: str, digits: int = 3) -> str:
    """Write a value for people: ``si(5.1e3, "Ω")`` is ``"5.1 kΩ"``."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g} {unit}"
    prefixes = {12: "T", 9: "G", 6: "M", 3: "k", 0: "", -3: "m", -6: "µ", -9: "n", -12: "p"}
    prefixes |= {-15: "f", -18: "a"}
    rounded = float(f"{value:.{digits}g}")
    power = min(max(3 * math.floor(math.log10(abs(rounded)) / 3), -18), 12)
    return f"{rounded / 10.0**power:.{digits}g} {prefixes[power]}{unit}"


def _factor(tail: str, unit: str) -> float | None:
    """What the suffix and unit behind a number multiply it by; None if they do not fit."""
    if unit == "Ohm.m2" and (area := _SQUARED_LENGTH.fullmatch(tail)):
        return float(f"1e{2 * round(math.log10(SUFFIXES[area[1]]))}")
    names = UNITS[unit] | {""}
    if tail.startswith("M") and not tail.lower().startswith("meg"):
        return None
    for suffix, factor in SUFFIXES.items():
        lowered = tail.lower()
        if not lowered.startswith(suffix) or lowered[len(suffix) :] not in names:
            continue
        if suffix == "" and unit == "F" and lowered == "f":
            continue  # "2f" is two femtofarad, as in SPICE
        if suffix == "" and unit == "m" and tail == "m":
            # "5m" as a length: milli by SPICE, metre by habit.
            return None
        return factor
    return None


def _expected(tail: str, unit: str) -> str:
    if tail.startswith("M") and not tail.lower().startswith("meg"):
        return "'M' is ambiguous (milli in SPICE); write 'meg' for 1e6 or 'm' for 1e-3"
    if unit == "m" and tail == "m":
        return "'m' is ambiguous for a length (milli or metre); write 'mm' or a plain number"
    allowed = "no unit" if unit == "1" else f"the unit {unit} or none"
    return f"{tail!r} does not fit; allowed are a SPICE suffix (T G meg k m u n p f) and {allowed}"
