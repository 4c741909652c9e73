"""The lines of an array: wires and their ends."""

from typing import Annotated, Literal, Self

from pydantic import model_validator

from mtjspice.spec.base import (
    LEAST_OHMS,
    Capacitance,
    Length,
    Resistance,
    Spec,
    WireResistance,
)
from mtjspice.spec.ranges import Within

MOST_OHMS = 1e5
"""Largest resistance of the wire of a cell, Ω."""
SheetResistance = Annotated[
    float, Within("Ohm/sq", 1e-4, 1e5, "metals of chips have milliohms to ohms, silicon kiloohms")
]
"""Ω per square, 1e-4 to 1e5."""
Resistivity = Annotated[
    float, Within("Ohm.m", 1e-9, 1e-2, "copper has 1.7e-8 Ω·m, thin metals 1e-6, silicon 1e-4")
]
"""Ω·m, 1e-9 to 0.01."""
CapacitancePerLength = Annotated[
    float, Within("F/m", 1e-15, 1e-6, "wires have about 0.2 nF/m, 0.2 fF/µm", zero=True)
]
"""F/m: zero, or 1e-15 to 1e-6."""


class WireGeometry(Spec):
    """A wire on one metal layer, from cell to cell.

    Either the sheet resistance is given, or resistivity and thickness, whose ratio it is.

    Attributes:
        pitch: length of wire per cell, m.
        width: of the wire, m.
        sheet_resistance: Ω per square.
        resistivity: of the metal, Ω·m.
        thickness: of the metal, m.
        capacitance_per_length: to everything around it, F/m.
    """

    pitch: Length
    width: Length
    sheet_resistance: SheetResistance | None = None
    resistivity: Resistivity | None = None
    thickness: Length | None = None
    capacitance_per_length: CapacitancePerLength = 0.0

    @model_validator(mode="after")
    def _check_sheet(self) -> Self:
        metal = self.resistivity is not None and self.thickness is not None
        half = (self.resistivity is None) != (self.thickness is None)
        if half or metal == (self.sheet_resistance is not None):
            raise ValueError("give sheet_resistance, or resistivity and thickness, and not both")
        if not LEAST_OHMS <= self.resistance <= MOST_OHMS:
            raise ValueError(
                f"makes {self.resistance:g} Ω a cell; a wire has {LEAST_OHMS:g} to "
                f"{MOST_OHMS:g} Ω, or 0: then give resistance and capacitance, and no geometry"
            )
        return self

    @property
    def resistance(self) -> float:
        """Ω per cell: sheet resistance times the number of squares."""
        if self.sheet_resistance is not None:
            sheet = self.sheet_resistance
        else:
            assert self.resistivity is not None
            assert self.thickness is not None
            sheet = self.resistivity / self.thickness
        return sheet * self.pitch / self.width

    @property
    def capacitance(self) -> float:
        """F per cell."""
        return self.capacitance_per_length * self.pitch


class Line(Spec):
    """The lines of one direction.

    Attributes:
        resistance: between two neighbouring cells, Ω.
        capacitance: to ground, F per cell.
        via: between the line and each of its cells, Ω.
        end: between the driver or read-out and the nearest cell, Ω.
        ends: whether the driver or read-out is connected at one end or at both.
        geometry: in the place of `resistance` and `capacitance`.

    A resistance of zero joins the nodes; it is not replaced by a small number.

    Example:
        >>> from mtjspice import Line
        >>> Line(resistance=5.0, capacitance=0.3e-15, end=100.0).r
        5.0
    """

    resistance: WireResistance = 0.0
    capacitance: Capacitance = 0.0
    via: Resistance = 0.0
    end: Resistance = 0.0
    ends: Literal["one", "both"] = "one"
    geometry: WireGeometry | None = None

    @model_validator(mode="after")
    def _check_one_source(self) -> Self:
        if self.geometry is not None and (self.resistance > 0 or self.capacitance > 0):
            raise ValueError("give geometry, or resistance and capacitance, and not both")
        return self

    @property
    def r(self) -> float:
        """Wire resistance per cell, Ω."""
        return self.resistance if self.geometry is None else self.geometry.resistance

    @property
    def c(self) -> float:
        """Wire capacitance per cell, F."""
        return self.capacitance if self.geometry is None else self.geometry.capacitance
