"""Stated figures in words: value, limit and interval, as tables and sentences show them."""

from dataclasses import replace

from mtjspice.report.numbers import MOST_DIGITS, NO_BREAK, number, points, shown
from mtjspice.verdicts.figures import DIFFERENCE, Figure, Interval

UNJUDGED = (
    "No limit that something can break is set on accuracy or classes, so that nothing is judged."
)
"""Of networks of which nothing was asked."""
SIGNS = {"<=": "≤", ">=": "≥", "<": "<", ">": ">"}


def level_words(level: str) -> str:
    """The name of a level of fidelity as people write it.

    Example:
        >>> level_words("spice, closed form")
        'SPICE, closed form'
    """
    return level.replace("spice", "SPICE")


def value_and_limit(figure: Figure) -> tuple[str, str]:
    """Value and limit of a figure, shares in per cent, with digits that tell them apart."""
    sign, _, bound = figure.limit.partition(" ")
    if isinstance(figure.value, str) and bound and "share" in figure.unit:
        return figure.value, value_and_limit(replace(figure, value=float(bound)))[1]
    if isinstance(figure.value, str) or "share" not in figure.unit:
        text = figure.value if isinstance(figure.value, str) else _plain(figure.value)
        unit = "" if isinstance(figure.value, str) and "share" in figure.unit else figure.unit
        return f"{text} {unit}".strip(), f"{SIGNS.get(sign, sign)} {bound}".strip()
    differs = figure.unit == DIFFERENCE
    of = "" if differs else figure.unit.removeprefix("share")

    def told(value: float, digits: int = 3, beside: float = 0.0) -> str:
        return points(value, digits) if differs else shown(value, "share", digits, (beside,))

    if not bound:
        return told(figure.value) + of, ""
    limit = float(bound)
    for digits in range(3, MOST_DIGITS):
        pair = told(figure.value, digits, limit), told(limit, digits, figure.value)
        if pair[0] != pair[1] or figure.value == limit:
            break
    return pair[0] + of, f"{SIGNS.get(sign, sign)}{NO_BREAK}{pair[1]}"


def _plain(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else number(value, 4)


def ends(interval: Interval, digits: int = 1, unit: str = f"{NO_BREAK}%") -> str:
    """An interval of a share, in per cent or in another unit."""
    low, high = (
        f"{100 * end:.{digits}f}".replace("-", "−") for end in (interval.low, interval.high)
    )
    return f"{low}–{high}{unit}" if interval.low >= 0 else f"{low} to {high}{unit}"


def interval_words(figure: Figure) -> str:
    """Where a figure lies; nothing without an interval."""
    if figure.interval is None:
        return ""
    low, high = figure.interval.low, figure.interval.high
    if "share" in figure.unit:
        unit = " points" if figure.unit == DIFFERENCE else f"{NO_BREAK}%"
        return ends(figure.interval, 2 if high - low < 0.01 else 1, unit)
    return f"{low:g}" if low == high else f"{low:g}–{high:g}"


def figure_value(figure: Figure) -> str:
    """Value and unit of a stated number."""
    value = figure.value if isinstance(figure.value, str) else f"{figure.value:.4g}"
    return f"{value} {figure.unit}".strip()
