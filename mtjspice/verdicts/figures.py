"""A stated number: what it is, what was promised, whether it holds, how it was measured.

A limit is held against the interval that the number lies in, where it has one: the number itself is
a matter of chance. A verdict is therefore one of three.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any, Literal


class Verdict(StrEnum):
    """What limits come to.

    Example:
        >>> from mtjspice import Verdict
        >>> Verdict("inconclusive") is Verdict.INCONCLUSIVE
        True
    """

    PASS = "pass"
    """All that was asked for holds."""
    FAIL = "fail"
    """Something that was asked for does not hold."""
    INCONCLUSIVE = "inconclusive"
    """What was seen does not decide, or nothing was asked for."""


DIFFERENCE = "difference of shares"
"""Unit of what people read in points of per cent."""
WORDS = {Verdict.PASS: "holds", Verdict.FAIL: "BROKEN", Verdict.INCONCLUSIVE: "NOT DECIDED"}
"""What tables say of one limit."""


def of_holding(holds: bool | None) -> Verdict:
    """That of one limit; None stands for one that is not decided."""
    return Verdict.INCONCLUSIVE if holds is None else Verdict.PASS if holds else Verdict.FAIL


def together(verdicts: Iterable[Verdict]) -> Verdict:
    """That of several limits: one that is broken decides, and so does one that is not decided.

    Without any limit nothing was asked for, and nothing can pass.
    """
    found = set(verdicts)
    if Verdict.FAIL in found:
        return Verdict.FAIL
    return Verdict.PASS if found == {Verdict.PASS} else Verdict.INCONCLUSIVE


@dataclass(frozen=True)
class Interval:
    """Where a number lies.

    Attributes:
        low: lower end.
        high: upper end.
        confidence: that the true one lies in it, 0 to 1.
    """

    low: float
    high: float
    confidence: float


@dataclass(frozen=True)
class Figure:
    """One line of a report or a benchmark.

    Attributes:
        name: what it is, with the level that computed it.
        value: the number.
        unit: of the value; empty for a count or a word.
        limit: what was promised, as ``">= 0.95"``; empty where nothing was.
        holds: whether the promise is kept; None where there is none, or where the interval has it
            on both sides.
        how: how the number was got.
        interval: of the number, where it stands for more than what was counted.
        needed: of a limit that is not decided: what would decide it.

    Example:
        >>> from mtjspice import Figure
        >>> Figure("accuracy", 0.97, "share", ">= 0.95", True, "counted").verdict.value
        'pass'
    """

    name: str
    value: float | int | str
    unit: str
    limit: str
    holds: bool | None
    how: str
    interval: Interval | None = None
    needed: str = ""

    @property
    def verdict(self) -> Verdict | None:
        """Of its limit; None without one."""
        return of_holding(self.holds) if self.limit else None

    @property
    def word(self) -> str:
        """What tables say of the limit; nothing without one."""
        return "" if self.verdict is None else WORDS[self.verdict]

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return asdict(self)

    def named(self, name: str) -> "Figure":
        """The same under another name."""
        return replace(self, name=name)


def verdict_of(figures: Sequence[Figure]) -> Verdict:
    """That of all limits of some figures."""
    return together(f.verdict for f in figures if f.verdict is not None)


def at_least(
    name: str,
    value: float,
    limit: float | None,
    unit: str,
    how: str,
    interval: Interval | None = None,
    needed: str = "",
) -> Figure:
    """A figure that should not be below its limit; with an interval, all of that.

    Args:
        name: of what is stated.
        value: in `unit`.
        limit: None where there is none.
        unit: as it is printed behind the number; empty for a plain number.
        how: it came about, in words.
        interval: that holds the true value at the confidence that is asked for; all of it has to
            be within the limit.
        needed: what would decide a limit that the interval does not; else it is left out.
    """
    return _held(name, value, limit, unit, how, interval, needed, ">=")


def at_most(
    name: str,
    value: float,
    limit: float | None,
    unit: str,
    how: str,
    interval: Interval | None = None,
    needed: str = "",
) -> Figure:
    """A figure that should not be above its limit; arguments as `at_least`."""
    return _held(name, value, limit, unit, how, interval, needed, "<=")


def kept(low: float, high: float, limit: float, sign: Literal["<=", ">="]) -> bool | None:
    """Whether all of an interval keeps a limit; None if a part of it does."""
    if sign == ">=":
        return low >= limit or (None if high >= limit else False)
    return high <= limit or (None if low <= limit else False)


def _held(
    name: str,
    value: float,
    limit: float | None,
    unit: str,
    how: str,
    interval: Interval | None,
    needed: str,
    sign: Literal["<=", ">="],
) -> Figure:
    if limit is None:
        return Figure(name, value, unit, "", None, how, interval)
    low, high = (value, value) if interval is None else (interval.low, interval.high)
    holds = kept(low, high, limit, sign)
    undecided = needed if holds is None else ""
    return Figure(name, value, unit, f"{sign} {limit:g}", holds, how, interval, undecided)
