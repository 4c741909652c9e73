"""What a layout comes to at other sizes and with other parameters, as data."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Size:
    """Quantities of a square or proportional array of another size, under nominal conditions.

    Attributes:
        rows: of it.
        columns: of it.
        values: by the quantity's name.
        broken: names of the limits that do not hold.
    """

    rows: int
    columns: int
    values: Mapping[str, float]
    broken: tuple[str, ...]


@dataclass(frozen=True)
class Scaling:
    """How far the layout scales.

    Attributes:
        sizes: that were tried, from small to large.
        largest: the largest that meets all limits of `quantities`; None if none does.
        binding: limits that break one step beyond it.
        quantities: what was computed for each size.
        bounded: whether the search ended at the largest size that it may try.
    """

    sizes: tuple[Size, ...]
    largest: Size | None
    binding: tuple[str, ...]
    quantities: tuple[str, ...]
    bounded: bool


@dataclass(frozen=True)
class Sensitivity:
    """How a quantity follows a parameter.

    Attributes:
        parameter: dotted key of the layout.
        value: in words.
        slopes: by quantity, d ln(quantity)/d ln(parameter), from ±10 %, in a quick run
            from one of both: the change of the quantity in percent for a percent of the parameter.
        gain: by limited quantity, by how much its headroom grows for 10 % more of the parameter;
            negative where it shrinks.
    """

    parameter: str
    value: str
    slopes: Mapping[str, float]
    gain: Mapping[str, float]
