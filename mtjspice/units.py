"""Numbers with SPICE suffixes and units, as people write them in specs.

Inside the package every quantity is a plain float in SI units (temperatures in °C). At the border
(TOML files, command line) a quantity may be a number, which is then in SI, or a string such as
``"5k"``, ``"50nm"``, ``"150 %"`` or ``"10 Ω·µm²"``. The suffixes are SPICE's:
``T G meg k m u n p f``, case-insensitive, with two exceptions: a capital ``M`` is refused, because
SPICE reads milli where most people mean mega, and so is a capital ``F`` alone, which is femto in
SPICE and a farad elsewhere.
"""

import math
import re
from decimal import Decimal
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
"""Multiplier of each suffix (SPICE manual, section 2.3.2).

Without the inch-based ``mil``, and without ``a``: nobody means 0.1 attovolt by "0.1A".
"""

UNITS: Final[dict[str, dict[str, int]]] = {
    "Ohm": {"ohm": 0, "ohms": 0},
    "V": {"v": 0, "volt": 0, "volts": 0},
    "A": {"a": 0, "amp": 0, "amps": 0},
    "A/m": {"a/m": 0},
    "m": {"m": 0},
    "s": {"s": 0, "sec": 0},
    "F": {"f": 0, "farad": 0, "farads": 0},
    "F/m": {"f/m": 0, "f/mm": 3, "f/um": 6, "f/µm": 6},
    "J": {"j": 0},
    "op/J": {"op/j": 0},
    "Ohm/sq": {"ohm/sq": 0, "ohm": 0},
    "Ohm.m": {"ohm.m": 0, "ohm.cm": -2, "ohm.um": -6, "ohm.µm": -6},
    "Ohm.m2": {
        **{"ohm.m2": 0, "ohm.cm2": -4, "ohm.mm2": -6},
        **{"ohm.um2": -12, "ohm.µm2": -12, "ohm.nm2": -18},
    },
    "V^-2": {"v^-2": 0, "v-2": 0, "1/v2": 0},
    "degC": {},
    "1": {},
}
"""The units that a quantity can have, each with the ways to write it (compared in lower case) and
the power of ten that each is in SI."""
BARE: Final[dict[str, dict[str, int]]] = {
    "1": {"%": -2},
    "m": {"cm": -2, "å": -10, "angstrom": -10},
}
"""Ways to write a unit that take no suffix."""
DEGREES: Final = {
    **dict.fromkeys(("", "c", "°c", "degc", "celsius"), "0"),
    **dict.fromkeys(("k", "kelvin"), "273.15"),
}
"""Ways to write a temperature, each with where 0 °C lies; none of them takes a suffix."""
LONGEST: Final = 200
"""Characters of a quantity; no number that means anything has more."""

_SPACES: Final = str.maketrans(
    dict.fromkeys("\u00a0\u2007\u2009\u202f", " ") | dict.fromkeys("\u2212", "-")
)
"""Spaces that do not break, and the minus sign."""
_ALIKE: Final = str.maketrans(
    {
        **dict.fromkeys("Ω\u2126", "ohm"),
        **dict.fromkeys("\u03bc", "µ"),
        **dict.fromkeys("\u212b", "å"),
        **dict.fromkeys("²", "2"),
        **dict.fromkeys("⁻", "-"),
        **dict.fromkeys("·⋅∙*×", "."),
    }
)
"""What looks like, or stands for, a letter of a unit: omega and the ohm sign, the Greek mu, dots
between units."""
_NUMBER: Final = re.compile(
    r"([+-]?(?:[0-9]+(?:_[0-9]+)*\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?) *(.*)"
)
_BARE_M: Final = re.compile(r"(?<![A-Za-z])M(?![eE][gG])")


def parse_quantity(text: str, unit: str) -> float:
    """Read a number with an optional SPICE suffix and an optional unit.

    Args:
        text: for example ``"5k"``, ``"5 kOhm"``, ``"50nm"``, ``"10 Ω·µm²"``, ``"150 %"``.
        unit: the unit that the quantity must have, a key of `UNITS`.

    Returns:
        The value in SI units; temperatures in °C.

    Raises:
        ValueError: if it is not a number, has another unit, or is beyond what a float can hold.
    """
    shown = repr(text)
    if len(text) > LONGEST:
        raise ValueError(f"{shown[:40]}… is too long for a number ({len(text)} characters)")
    match = _NUMBER.fullmatch(text.translate(_SPACES).strip())
    if match is None:
        raise ValueError(f"{shown} is not a number with an optional suffix and unit, as in '5k'")
    number, tail = match[1].replace("_", ""), match[2].translate(_ALIKE)
    if unit == "degC" and tail.lower() in DEGREES:
        zero = Decimal(DEGREES[tail.lower()])
        value = _finite(number, shown)
        return float(Decimal(number) - zero) if zero else value
    shift = _shift(tail, unit)
    if shift is None:
        raise ValueError(f"{shown}: {_expected(tail, unit)}")
    # One decimal literal, not a product: "50n" is then the same float as 50e-9.
    mantissa, _, exponent = number.lower().partition("e")
    return _finite(f"{mantissa}e{int(exponent or 0) + shift}", shown)


def _finite(literal: str, shown: str) -> float:
    value = float(literal)
    mantissa = literal.lower().partition("e")[0]
    if math.isinf(value) or (value == 0 and any(digit in mantissa for digit in "123456789")):
        raise ValueError(f"{shown} is beyond the numbers that can be computed with")
    return value


def format_quantity(value: float) -> str:
    """Write a float with the fewest digits that read back as the same float, as SPICE takes it.

    Raises:
        ValueError: if the value is not finite; SPICE has no such number.
    """
    if not math.isfinite(value):
        raise ValueError(f"{value} cannot be written into a netlist")
    return repr(float(value))


def si(value: float, unit: str, digits: int = 3) -> str:
    """Write a value for people: ``si(5.1e3, "Ω")`` is ``"5.1 kΩ"``; σ is no unit with prefixes."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g} {unit}"
    if unit == "σ":
        return f"{value:.{digits}g} {unit}"
    prefixes = {12: "T", 9: "G", 6: "M", 3: "k", 0: "", -3: "m", -6: "µ", -9: "n", -12: "p"}
    prefixes |= {-15: "f", -18: "a"}
    rounded = float(f"{value:.{digits}g}")
    power = min(max(3 * math.floor(math.log10(abs(rounded)) / 3), -18), 12)
    return f"{rounded / 10.0**power:.{digits}g} {prefixes[power]}{unit}"


def _shift(tail: str, unit: str) -> int | None:
    """The power of ten of the suffix and unit behind a number; None if they do not fit."""
    lowered = _joined(tail, unit)
    if lowered in BARE.get(unit, {}):
        return BARE[unit][lowered]
    if unit == "degC" or _ambiguous(tail, unit):
        return None
    for name, power in {"": 0, **UNITS[unit]}.items():
        suffix = lowered.removesuffix(name)
        if lowered.endswith(name) and suffix in SUFFIXES:
            if suffix == "" and unit == "F" and lowered == "f":
                continue  # "2f" is two femtofarad, as in SPICE
            return round(math.log10(SUFFIXES[suffix])) + power
    return None


def _joined(tail: str, unit: str) -> str:
    """Suffix and unit in lower case, as they stand in `UNITS`: "k Ohm um^2" is "kohm.um2"."""
    lowered = tail.lower().replace("^2", "2")
    if "." in unit:
        lowered = re.sub(r"(?<=ohm)[. ]+(?=\S)", ".", lowered)
    return lowered.replace(" ", "")


def _ambiguous(tail: str, unit: str) -> str:
    """Why a suffix may mean two things; empty if it does not."""
    if _BARE_M.search(tail):
        return "'M' is ambiguous (milli in SPICE); write 'meg' for 1e6 or 'm' for 1e-3"
    if tail == "F":
        return "'F' is ambiguous (femto in SPICE, else farad); write 'f' for 1e-15"
    if unit == "m" and tail == "m":
        return "'m' is ambiguous for a length (milli or metre); write 'mm' or a plain number"
    return ""


def _expected(tail: str, unit: str) -> str:
    if unit == "degC":
        return f"{tail!r} does not fit; allowed are °C, K or no unit"
    if why := _ambiguous(tail, unit):
        return why
    if tail.startswith(","):
        return f"{tail!r} does not fit; the decimal point is '.', as in '1.5k'"
    allowed = "no unit but %" if unit == "1" else f"the unit {unit} or none"
    return f"{tail!r} does not fit; allowed are a SPICE suffix (T G meg k m u n p f) and {allowed}"
