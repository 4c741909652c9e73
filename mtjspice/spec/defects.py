"""What can be wrong with a tile: one table, which everything else takes its kinds of defects from.

A further kind is a line in `DefectKind`, one at the end of `DEFECTS` and a rate in `spec.rates`. If
it does something that no other kind does, it needs an effect, and the type checker names every
`match` that has to know it: of what befalls junctions there is one, in `device.variation`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

Axis = Literal["row", "column"]


@dataclass(frozen=True)
class Shorted:
    """The junction is a resistor, of `Die.short_resistance`."""


@dataclass(frozen=True)
class Opened:
    """Nothing conducts in the place of the junction."""


@dataclass(frozen=True)
class Stuck:
    """The junction cannot be written.

    Attributes:
        state: that it stays in, 0 P and 1 AP.
    """

    state: Literal[0, 1]


@dataclass(frozen=True)
class Weakened:
    """The junction has `Die.weak_factor` times the resistance that it would have, in both states.

    So does one whose barrier is degraded in part: it stores its state, and its current is too large
    at every voltage by the same factor.
    """


@dataclass(frozen=True)
class Cut:
    """A line is cut off from its driver or read-out, at both ends where there are two.

    Attributes:
        line: whether it is a row or a column.
    """

    line: Axis


@dataclass(frozen=True)
class Bridged:
    """A line is joined with the next one, at one cell, by `Die.bridge_resistance`.

    Attributes:
        line: whether they are rows or columns.
    """

    line: Axis


OfJunction = Shorted | Opened | Stuck | Weakened
OfLine = Cut | Bridged
Effect = OfJunction | OfLine


@dataclass(frozen=True)
class KindOfDefect:
    """What there is to know of a kind of defect.

    Attributes:
        effect: what it does.
        rate: how often it occurs, by its name in `DefectRates`: the share of junctions, or the mean
            number of a tile's lines, half of them rows and half columns.
        words: what several of them are called.
        strength: the field of `Die` that says how strong the effect is; the less the stronger. None
            where there are no degrees.
        asked: whether cards are held against it only if the calibration asks (`Plan.also`).
    """

    effect: Effect
    rate: str
    words: str
    strength: str | None = None
    asked: bool = False

    @property
    def conducts_more(self) -> bool:
        """Whether such a junction may carry more than a sound one."""
        return isinstance(self.effect, Shorted | Weakened)

    @property
    def place(self) -> tuple[Axis, ...]:
        """What says where one is: row and column, or the line that is cut."""
        return (self.effect.line,) if isinstance(self.effect, Cut) else ("row", "column")

    def last(self, shape: tuple[int, int]) -> tuple[int, int]:
        """The last row and column of a tile that one can be at; −1 where there is none."""
        rows, columns = shape
        bridged = self.effect.line if isinstance(self.effect, Bridged) else None
        return rows - 1 - (bridged == "row"), columns - 1 - (bridged == "column")


DefectKind = Literal[
    "short",
    "open",
    "stuck_p",
    "stuck_ap",
    "dead_row",
    "dead_column",
    "bridged_rows",
    "bridged_columns",
    "weak",
]
DEFECTS: Final[Mapping[DefectKind, KindOfDefect]] = {
    "short": KindOfDefect(Shorted(), "short", "shorted", "short_resistance"),
    "open": KindOfDefect(Opened(), "open", "open"),
    "stuck_p": KindOfDefect(Stuck(0), "stuck_p", "stuck P"),
    "stuck_ap": KindOfDefect(Stuck(1), "stuck_ap", "stuck AP"),
    "dead_row": KindOfDefect(Cut("row"), "dead_lines", "dead rows"),
    "dead_column": KindOfDefect(Cut("column"), "dead_lines", "dead columns"),
    "bridged_rows": KindOfDefect(
        Bridged("row"), "bridged_lines", "bridged rows", "bridge_resistance"
    ),
    "bridged_columns": KindOfDefect(
        Bridged("column"), "bridged_lines", "bridged columns", "bridge_resistance"
    ),
    "weak": KindOfDefect(Weakened(), "weak", "weak", "weak_factor", asked=True),
}
"""Every kind of defect. A junction that has several has the first of them.

What is drawn of a kind depends on its place here: a further one belongs to the end.
"""
RATES: Final = tuple(dict.fromkeys(about.rate for about in DEFECTS.values()))
"""The names of all rates."""


def kinds_that(effect: type[Effect]) -> tuple[DefectKind, ...]:
    """The kinds that have an effect, as `Cut`; those of junctions are `OF_JUNCTION`."""
    return tuple(kind for kind, about in DEFECTS.items() if isinstance(about.effect, effect))


def kind_that(effect: Effect) -> DefectKind:
    """The kind that does just that, as `Stuck(0)`."""
    return next(kind for kind, about in DEFECTS.items() if about.effect == effect)


OF_JUNCTION: Final[Mapping[DefectKind, OfJunction]] = {
    kind: about.effect for kind, about in DEFECTS.items() if isinstance(about.effect, OfJunction)
}
"""The kinds that befall single junctions, and what they do."""
