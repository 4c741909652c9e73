"""Names of nodes and sources, made in this one place.

Lines are counted from 0, as the arrays of the package are. ``wl3_7`` is the node of word line 3 at
column 7, ``bl3_7`` the node of bit line 7 at row 3. Where a wire has no resistance its nodes are
one node: ``wl3`` is the whole of word line 3.
"""

from dataclasses import dataclass

from mtjspice.spec.crossbar import Crossbar

GROUND = "0"
INDEX = "index"
"""Node whose voltage is the number of the input vector."""


@dataclass(frozen=True)
class Nodes:
    """The node names of one crossbar."""

    crossbar: Crossbar

    def word(self, row: int, column: int) -> str:
        """The word line at a cell."""
        return f"wl{row}_{column}" if self.crossbar.wire_row > 0 else f"wl{row}"

    def bit(self, row: int, column: int) -> str:
        """The bit line at a cell."""
        return f"bl{row}_{column}" if self.crossbar.wire_column > 0 else f"bl{column}"

    def row_end(self, row: int) -> str:
        """Where the driver of a row is connected."""
        return f"in{row}" if self.crossbar.end_row > 0 else self.word(row, 0)

    def column_end(self, column: int) -> str:
        """Where the read-out of a column is connected."""
        if self.crossbar.end_column > 0:
            return f"end{column}"
        return self.bit(self.crossbar.rows - 1, column)


def virtual_ground(column: int) -> str:
    """Input of the amplifier's ideal part, behind its input resistance."""
    return f"vg{column}"


def output(column: int) -> str:
    """Output of the amplifier of a column."""
    return f"out{column}"


def driver(row: int) -> str:
    """Name of the source that drives or holds a row, without its letter."""
    return f"row{row}"


def meter(column: int) -> str:
    """Name of the source whose current is the output current of a column, without its letter."""
    return f"col{column}"
