"""A stated number: what it is, what was promised, whether it holds, how it was measured."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Figure:
    """One line of a report or a benchmark.

    Attributes:
        name: what it is, with the level that computed it.
        value: the number.
        unit: of the value; empty for a count or a word.
        limit: what was promised, as ``">= 0.95"``; empty where nothing was.
        holds: whether the promise is kept; None where there is none.
        how: how the number was got.
    """

    name: str
    value: float | int | str
    unit: str
    limit: str
    holds: bool | None
    how: str

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return asdict(self)


def at_least(name: str, value: float, limit: float | None, unit: str, how: str) -> Figure:
    """A figure that should not be below its limit."""
    return Figure(
        name=name,
        value=value,
        unit=unit,
        limit="" if limit is None else f">= {limit:g}",
        holds=None if limit is None else value >= limit,
        how=how,
    )


def at_most(name: str, value: float, limit: float | None, unit: str, how: str) -> Figure:
    """A figure that should not be above its limit."""
    return Figure(
        name=name,
        value=value,
        unit=unit,
        limit="" if limit is None else f"<= {limit:g}",
        holds=None if limit is None else value <= limit,
        how=how,
    )
