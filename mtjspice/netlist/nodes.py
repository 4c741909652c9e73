"""Names of nodes and sources, made in this one place.

Lines are counted from 0, as the arrays of the package are. In a passive array the rows are word
lines and the columns bit lines: ``wl3_7`` is the node of word line 3 at column 7, ``bl3_7`` the
node of bit line 7 at row 3. In a gated array the rows are bit lines (``bl``), the columns source
lines (``sl``), and the word lines (``wl``, complementary ones ``wlb``) lead to the gates. Drivers
stand at ``in<row>``, read-outs at ``end<column>``. Where there is no resistance between two of them
they are one node, with the name of the driver or read-out if that is one of them.
"""

import re
from dataclasses import dataclass
from functools import cached_property

from mtjspice.netlist.cells import kind_of
from mtjspice.spec.defects import Axis
from mtjspice.spec.experiment import Experiment
from mtjspice.spec.line import Line

GROUND = "0"
THRESHOLD, CLOCK = "threshold", "clock"
"""What all latches share."""
INDEX = "index"
"""Node whose voltage is the number of the input vector."""


@dataclass(frozen=True)
class Nodes:
    """The node names of one experiment."""

    experiment: Experiment

    def row(self, row: int, column: int) -> str:
        """The input line at a cell; the nearest to its driver is column 0."""
        crossbar = self.experiment.crossbar
        end = None if self.cut("row", row) else row_end(row)
        place = _Place(row, f"{row}_{column}", column, crossbar.columns)
        return _on_line(crossbar.row, kind_of(crossbar.cell).input_line, place, end)

    def column(self, row: int, column: int) -> str:
        """The output line at a cell; the nearest to its read-out is the last row."""
        crossbar = self.experiment.crossbar
        end = None if self.cut("column", column) else column_end(column)
        place = _Place(column, f"{row}_{column}", crossbar.rows - 1 - row, crossbar.rows)
        return _on_line(crossbar.column, kind_of(crossbar.cell).output_line, place, end)

    def gate(self, line: str, row: int, column: int) -> str:
        """A gate line at a cell; at rest all lines that are on are one node, and all others one.

        Gates draw no current then, and a node and a source for each line would be unknowns for
        nothing.
        """
        crossbar = self.experiment.crossbar
        if self._gates_along_columns:
            place = _Place(column, f"{row}_{column}", row, crossbar.rows)
        else:
            place = _Place(row, f"{row}_{column}", column, crossbar.columns)
        if self.experiment.analysis.kind == "dc":
            return gate_at_rest(line, on=self.selected(place.line))
        return _on_line(crossbar.gate, line, place, gate_end(line, place.line))

    def selected(self, gate: int) -> bool:
        """Whether a gate line is on: that of a sensed column, or of a driven row."""
        if self._gates_along_columns:
            return gate in self.experiment.sensed_columns
        return gate in self.experiment.driven_rows

    def cut(self, line: Axis, k: int) -> bool:
        """Whether a row or column of this tile is cut off from its driver or read-out."""
        return (line, k) in self._cut

    @cached_property
    def _gates_along_columns(self) -> bool:
        """Whether gate lines, where there are any, are those of columns."""
        gate = self.experiment.crossbar.cell.gate
        return gate is None or gate.along == "column"

    @cached_property
    def _cut(self) -> frozenset[tuple[Axis, int]]:
        """The lines that are cut off; every cell asks for its lines, so it is kept."""
        return frozenset(self.experiment.cut_lines)


@dataclass(frozen=True)
class _Place:
    """A cell as a line sees it: the line's number, the cell's name, its rank, the line's length."""

    line: int
    cell: str
    rank: int
    count: int


def _on_line(line: Line, prefix: str, place: _Place, end: str | None) -> str:
    """The node of a line at a cell; `end` is the node of its driver, None where it is cut off."""
    joined = None if line.end > 0 else end
    if line.r == 0:
        return joined or f"{prefix}{place.line}"
    ends = (0, place.count - 1) if line.ends == "both" else (0,)
    return joined if joined and place.rank in ends else f"{prefix}{place.cell}"


def row_end(row: int) -> str:
    """Where the driver of a row is connected."""
    return f"in{row}"


def column_end(column: int) -> str:
    """Where the read-out of a column is connected."""
    return f"end{column}"


def gate_end(line: str, k: int) -> str:
    """Where the driver of a gate line is connected."""
    return f"{line}in{k}"


def junction_voltage(cell: str) -> str:
    """A copy of the voltage over the junction of a cell, against ground."""
    return f"v{cell}"


def gate_at_rest(line: str, *, on: bool) -> str:
    """All gate lines that are on, or all that are off, while nothing changes."""
    return f"{line}on" if on else f"{line}off"


def virtual_ground(column: int) -> str:
    """Input of the amplifier's ideal part, behind its input resistance."""
    return f"vg{column}"


def output(column: int) -> str:
    """Output of the amplifier of a column."""
    return f"out{column}"


def supply(column: int) -> str:
    """Supply of the latch of a column, and name of its source."""
    return f"vdd{column}"


def threshold(column: int) -> str:
    """What the latch of a column compares with."""
    return f"threshold{column}"


def latch(column: int, side: str) -> str:
    """Output ``p`` or ``n`` of the latch of a column; p is high when the column is above."""
    return f"latch{side}{column}"


def driver(row: int) -> str:
    """Name of the source that drives or holds a row, without its letter."""
    return f"row{row}"


def meter(column: int) -> str:
    """Name of the source whose current is the output current of a column, without its letter."""
    return f"col{column}"


def is_node(name: str) -> bool:
    """Whether a name can be that of a node here or in the latch's subcircuit."""
    return _NODE.fullmatch(name) is not None


_NODE = re.compile(
    r"(in|end|wl|wlb|bl|sl|rv|cv|x|v|vg|out|vdd|vss|threshold|latch[pn]|replica)(\d+(_\d+)?)?"
    r"|(wl|wlb)(on|off|in\d+)|index|clock|bulk|well|t|ck|op|on|inp|inn|\d.*"
)
