"""Numbers and units for people, the same on every page and in the terminal."""

import math
from collections.abc import Iterable

from mtjspice.units import si

SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
MOST_DIGITS = 9
TINY = 1e-4
"""Shares below it are written as powers of ten."""
NO_BREAK = "\N{NO-BREAK SPACE}"


def shown(value: float, unit: str, digits: int = 3, beside: Iterable[float] = ()) -> str:
    """A value for people: shares in per cent, tiny ones as powers of ten, others by `si`.

    Shares of full scale have the unit FS. It does not break at the end of a line.

    Args:
        value: in its unit.
        unit: of it; ``share`` for a share.
        digits: that count.
        beside: values that it is read together with, as the ends of an interval or a worst and a
            nominal value: if one of them is tiny, all are written as it is.
    """
    if math.isnan(value):
        return "not known"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if unit.startswith("share"):
        tiny = any(0 < abs(one) < TINY for one in (value, *beside))
        text = _power(value, digits) if tiny else _share(value, digits)
        text += " FS" if unit.endswith("full scale") else ""
    else:
        text = si(value, unit, digits).strip()
    return text.replace("-", "−").replace(" ", NO_BREAK)


def shown_together(
    values: Iterable[float], unit: str, digits: int = 3, beside: Iterable[float] = ()
) -> tuple[str, ...]:
    """Values that are read together, in one notation; arguments as `shown`."""
    every = tuple(values)
    others = (*every, *beside)
    return tuple(shown(value, unit, digits, others) for value in every)


def scientific(value: float, digits: int = 3) -> str:
    """A number as a power of ten, the factor left out where it is 1."""
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    power = f"10{str(int(exponent)).translate(SUPERSCRIPTS)}"
    return power if float(mantissa) == 1 else f"{float(mantissa):g} × {power}"


def _power(value: float, digits: int) -> str:
    """A share beside tiny ones: a power of ten, or a plain number from 0.1 on."""
    plain = value == 0 or abs(value) >= 0.1
    return f"{value:.{digits}g}" if plain else scientific(value, digits)


def _share(value: float, digits: int) -> str:
    """In per cent, as exact near 1 as near 0."""
    if 0.99 < value < 1 - 10.0 ** -(MOST_DIGITS + 2) / 2:
        places = digits - 2 - math.floor(math.log10(100 * (1 - value)))
        return f"{100 * value:.{min(places, MOST_DIGITS)}f} %"
    percent = 100 * value
    return f"{percent:.0f} %" if abs(percent) >= 100 else f"{percent:.{digits}g} %"


def percent(share: float | None) -> str:
    """A signed share of a limit."""
    if share is None or math.isnan(share):
        return "–"
    if abs(share) >= 10:
        sign = "+" if share > 0 else "−"
        return f"{sign}∞" if math.isinf(share) else f"{sign}{scientific(100 * abs(share), 2)} %"
    digits = 0 if abs(share) >= 0.0995 or share == 0 else 1 if abs(share) >= 0.00995 else 2
    return f"{100 * share:+.{digits}f} %".replace("-", "−")


def points(value: float, digits: int = 3) -> str:
    """A difference of shares in points of per cent."""
    text = f"{100 * value:.{digits}g}"
    return f"{text} point{'' if text == '1' else 's'}".replace("-", "−")


def number(value: float, digits: int = 3) -> str:
    """A plain number; a dash where it is not known."""
    if math.isnan(value):
        return "–"
    return "∞" if math.isinf(value) else f"{value:.{digits}g}".replace("-", "−")
