"""The array: cells and lines."""

from typing import Self

from pydantic import model_validator

from mtjspice.spec.base import Lines, Spec, Termination
from mtjspice.spec.cell import Cell, PassiveCell
from mtjspice.spec.line import Line

MOST_LINE_OHMS = 1e9
"""Largest resistance of a whole line with its end, Ω."""


class Crossbar(Spec):
    """A rectangular array. Rows are driven from the left, columns are sensed at the bottom.

    Attributes:
        rows: number of input lines.
        columns: number of output lines.
        cell: what sits at each crossing.
        row: wires and ends of the input lines: word lines of a passive array, bit lines of a gated.
        column: wires and ends of the output lines: bit lines of a passive array, source lines of a
            gated one.
        gate: wires and ends of the lines to the gates; they carry no current at rest, so that they
            count in transients only.
        unselected: what holds the lines that are neither driven nor sensed: ``grounded`` (at the
            read-out's reference), ``floating`` (nothing) or ``half`` (half the read voltage above
            the reference).

    Example:
        >>> from mtjspice import Crossbar, Line
        >>> Crossbar(rows=4, columns=3, row=Line(resistance=5.0)).shape
        (4, 3)
    """

    rows: Lines
    columns: Lines
    cell: Cell = PassiveCell()
    row: Line = Line()
    column: Line = Line()
    gate: Line = Line()
    unselected: Termination = "grounded"

    @model_validator(mode="after")
    def _check_gate(self) -> Self:
        if self.gate.via > 0:
            raise ValueError(
                "gate.via must be 0: no current flows between a line and a gate at rest"
            )
        return self

    @model_validator(mode="after")
    def _check_lines(self) -> Self:
        for name, line, cells in (
            ("row", self.row, self.columns),
            ("column", self.column, self.rows),
        ):
            whole = line.end + line.r * cells
            if whole > MOST_LINE_OHMS:
                raise ValueError(
                    f"{name}.end and the wires of {cells} cells make {whole:g} Ω; at most "
                    f"{MOST_LINE_OHMS:g} Ω is a line"
                )
        return self

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns)."""
        return self.rows, self.columns
