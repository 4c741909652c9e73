"""The array: cells, wires and line ends."""

from mtjspice.spec.base import Count, Resistance, Spec, Termination
from mtjspice.spec.cell import Cell, PassiveCell


class Crossbar(Spec):
    """A rectangular array. Rows are driven from the left, columns are sensed at the bottom.

    Attributes:
        rows: number of word lines (input lines).
        columns: number of bit lines (output lines).
        cell: what sits at each crossing.
        wire_row: resistance of a word line between two neighbouring cells, Ω.
        wire_column: resistance of a bit line between two neighbouring cells, Ω.
        end_row: resistance between a row's driver and its first cell, Ω.
        end_column: resistance between a column's last cell and its read-out, Ω.
        unselected: what holds the lines that are neither driven nor sensed: ``grounded`` (at the
            read-out's reference), ``floating`` (nothing) or ``half`` (half the read voltage above
            the reference).

    A resistance of zero joins the nodes; it is not replaced by a small number.
    """

    rows: Count
    columns: Count
    cell: Cell = PassiveCell()
    wire_row: Resistance = 0.0
    wire_column: Resistance = 0.0
    end_row: Resistance = 0.0
    end_column: Resistance = 0.0
    unselected: Termination = "grounded"

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns)."""
        return self.rows, self.columns
