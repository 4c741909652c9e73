"""Stated numbers as a table for pandas."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mtjspice.verdicts.figures import Figure

if TYPE_CHECKING:
    import pandas as pd


def to_pandas(figures: Sequence[Figure]) -> "pd.DataFrame":
    """One row a figure: what it is, its value, its limit and what became of that.

    Args:
        figures: of any report or outcome.

    Returns:
        The columns ``name``, ``value``, ``unit``, ``low`` and ``high`` (ends of the interval, None
        without one), ``limit``, ``verdict`` (None without a limit) and ``how``.

    Example:
        >>> from mtjspice import Figure, to_pandas
        >>> to_pandas([Figure("accuracy", 0.97, "share", ">= 0.95", True, "counted")])["verdict"][0]
        'pass'
    """
    import pandas as pd  # noqa: PLC0415, comes with xarray, and takes a third of a second

    rows = [
        {
            "name": figure.name,
            "value": figure.value,
            "unit": figure.unit,
            "low": None if figure.interval is None else figure.interval.low,
            "high": None if figure.interval is None else figure.interval.high,
            "limit": figure.limit,
            "verdict": None if figure.verdict is None else figure.verdict.value,
            "how": figure.how,
        }
        for figure in figures
    ]
    columns = ["name", "value", "unit", "low", "high", "limit", "verdict", "how"]
    return pd.DataFrame(rows, columns=columns)
