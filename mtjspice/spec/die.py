"""One chip: its spread and its defects."""

from typing import Annotated, Literal, NamedTuple, Self

from pydantic import model_validator

from mtjspice.spec.base import (
    LATER,
    DefectResistance,
    Diameter,
    Extended,
    LineIndex,
    Seed,
    Spec,
    Spread,
    TileIndex,
)
from mtjspice.spec.defects import DEFECTS, Axis, Bridged, Cut, DefectKind, KindOfDefect, Shorted
from mtjspice.spec.mtj import Mtj
from mtjspice.spec.ranges import Within

Mismatch = Annotated[
    float,
    Within("1", 0, 20, "a multiple of what the library's Pelgrom coefficient says", usual=(0, 3)),
]
"""In units of the library's Pelgrom coefficient, 0 to 20."""

WeakFactor = Annotated[
    float,
    Within("1", 0.01, 100, "what conducts more is a short, what conducts less is open",
           usual=(0.1, 1)),
]  # fmt: skip
"""By which a resistance is multiplied, 0.01 to 100."""


class Defect(Spec):
    """One thing that is wrong with a tile.

    Attributes:
        kind: of a junction: ``short``, ``open``, stuck in a state (``stuck_p``, ``stuck_ap``), or
            ``weak`` (both its resistances multiplied by `Die.weak_factor`); of a line:
            ``dead_row`` and ``dead_column`` (cut between driver or read-out and the first cell, at
            both ends where there are two), ``bridged_rows`` and ``bridged_columns`` (shorted to the
            next line, at the cell that is named).
        row: of the junction or line.
        column: of the junction or line.
        tile: which tile of the die.

    Example:
        >>> from mtjspice import Defect
        >>> Defect(kind="short", row=3, column=7).about.words
        'shorted'
    """

    kind: DefectKind
    row: LineIndex | None = None
    column: LineIndex | None = None
    tile: TileIndex = 0

    @model_validator(mode="after")
    def _check_place(self) -> Self:
        given = tuple(name for name in ("row", "column") if getattr(self, name) is not None)
        wanted = DEFECTS[self.kind].place
        if wanted != given:
            names = " and ".join(wanted)
            raise ValueError(f"a defect of the kind {self.kind} has a {names}, and nothing else")
        return self

    @property
    def about(self) -> KindOfDefect:
        """What there is to know of its kind."""
        return DEFECTS[self.kind]

    @property
    def spot(self) -> tuple[object, ...]:
        """What is the same for two defects that cannot both be: a place has one at most.

        Bridges lie between lines, so that a junction beside one may be defective besides.
        """
        bridge = self.kind if isinstance(self.about.effect, Bridged) else ""
        return self.tile, self.row, self.column, bridge


class Bridge(NamedTuple):
    """Two neighbouring lines of a tile that are joined.

    Attributes:
        line: whether they are rows or columns.
        row: of the cell where they are; of two rows the first.
        column: the same; of two columns the first.
    """

    line: Axis
    row: int
    column: int


class Diameters(Spec):
    """Junctions that differ in size along a tile, as arrays of test chips do.

    Attributes:
        low: nominal diameter on the first line, m.
        high: on the last line, m; between them it rises evenly.
        along: ``columns`` gives each column its size, ``rows`` each row.
    """

    low: Diameter
    high: Diameter
    along: Literal["rows", "columns"] = "columns"

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if self.high < self.low:
            raise ValueError(f"high ({self.high:g} m) must not be below low ({self.low:g} m)")
        return self


class Die(Extended):
    """One draw of variation and one defect map. Tiles are told apart by their index.

    Attributes:
        sigma_ln_rp: standard deviation of ln R_P from device to device.
        sigma_ln_tmr: standard deviation of ln TMR0 from device to device.
        sigma_ln_rp_die: the same from die to die, common to all devices of a die.
        sigma_ln_tmr_die: the same from die to die, common to all devices of a die.
        short_resistance: resistance of a shorted junction, Ω.
        bridge_resistance: resistance between two lines that are shorted, Ω.
        weak_factor: of the resistance of a weak junction, in both states and at every voltage: its
            barrier is degraded in part, it stores its state, and its magnetoresistance is what it
            was. Below 1 it conducts more than it should.
        diameters: of junctions that differ in size along a tile; those of the cell if left out.
        mismatch: how strongly transistors differ, in units of what the card's Pelgrom coefficient
            says; 0 for identical ones.
        defects: what is wrong, at most one at a place.
        seed: of the draw.

    Example:
        >>> from mtjspice import Defect, Die
        >>> len(Die(sigma_ln_rp=0.05, defects=(Defect(kind="dead_row", row=2),)).shorts())
        0
    """

    sigma_ln_rp: Spread = 0.0
    sigma_ln_tmr: Spread = 0.0
    sigma_ln_rp_die: Spread = 0.0
    sigma_ln_tmr_die: Spread = 0.0
    diameters: Annotated[Diameters | None, LATER] = None
    short_resistance: DefectResistance = 100.0
    bridge_resistance: DefectResistance = 100.0
    weak_factor: Annotated[WeakFactor, LATER] = 0.5
    mismatch: Mismatch = 0.0
    defects: tuple[Defect, ...] = ()
    seed: Seed = 0

    @model_validator(mode="after")
    def _check_places(self) -> Self:
        seen: dict[tuple[object, ...], str] = {}
        for defect in self.defects:
            if defect.spot in seen:
                raise ValueError(
                    f"two defects ({seen[defect.spot]}, {defect.kind}) at tile {defect.tile}, "
                    f"row {defect.row}, column {defect.column}; a place has at most one"
                )
            seen[defect.spot] = defect.kind
        return self

    def check_short(self, mtj: Mtj, *, drawn: bool = False) -> None:
        """Refuse a short that conducts no better than a sound junction.

        Args:
            mtj: the nominal junction.
            drawn: whether shorts are drawn, beside those among the defects.

        Raises:
            ValueError: naming both resistances.
        """
        if (drawn or self.shorts()) and self.short_resistance >= mtj.r_p:
            raise ValueError(
                f"die.short_resistance ({self.short_resistance:g} Ω) must be below the resistance "
                f"of a junction in its parallel state ({mtj.r_p:.4g} Ω: crossbar.cell.mtj), or a "
                "short is none"
            )

    def of_tile(self, tile: int) -> tuple[Defect, ...]:
        """What is wrong with one tile."""
        return tuple(one for one in self.defects if one.tile == tile)

    def shorts(self, tile: int | None = None) -> tuple[Defect, ...]:
        """The shorted junctions of the die, or those of one tile."""
        found = self.defects if tile is None else self.of_tile(tile)
        return tuple(one for one in found if isinstance(one.about.effect, Shorted))

    def conducting_more(self, tile: int) -> tuple[Defect, ...]:
        """The junctions of a tile that may carry more than sound ones, such as shorts."""
        return tuple(one for one in self.of_tile(tile) if one.about.conducts_more)

    def cut_lines(self, tile: int) -> tuple[tuple[Axis, int], ...]:
        """The rows and columns of a tile that are cut off from driver or read-out, by number."""
        return tuple(
            (effect.line, (one.row if effect.line == "row" else one.column) or 0)
            for one in self.of_tile(tile)
            if isinstance(effect := one.about.effect, Cut)
        )

    def bridges(self, tile: int) -> tuple[Bridge, ...]:
        """The neighbouring lines of a tile that are joined."""
        return tuple(
            Bridge(effect.line, one.row or 0, one.column or 0)
            for one in self.of_tile(tile)
            if isinstance(effect := one.about.effect, Bridged)
        )

    def check_fit(self, shape: tuple[int, int], tile: int | None = None) -> None:
        """Refuse defects outside a tile of (rows, columns); of one tile only if it is given.

        Raises:
            ValueError: naming the defect.
        """
        for defect in self.defects:
            last_row, last_column = defect.about.last(shape)
            outside = (defect.row or 0) > last_row or (defect.column or 0) > last_column
            if outside and tile in (None, defect.tile):
                raise ValueError(
                    f"die.defects has {defect.kind} at row {defect.row}, column {defect.column}; "
                    f"the last row and column for it are {last_row} and {last_column}"
                )
