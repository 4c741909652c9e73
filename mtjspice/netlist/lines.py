"""Wires, line ends, and what is wrong with lines."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from mtjspice.netlist.elements import Capacitor, Element, Resistor
from mtjspice.netlist.nodes import GROUND, Nodes, column_end, gate_end, row_end
from mtjspice.spec.experiment import Experiment
from mtjspice.spec.line import Line


def line_elements(experiment: Experiment) -> Iterator[Element]:
    """Every wire of the array, and bridges between neighbouring lines."""
    place, crossbar = Nodes(experiment), experiment.crossbar
    rows, columns = range(crossbar.rows), range(crossbar.columns)
    timed = experiment.analysis.kind == "transient"
    for row in rows:
        nodes = [place.row(row, column) for column in columns]
        end = None if place.cut("row", row) else row_end(row)
        yield from _wire(crossbar.row, f"row{row}", nodes, end, timed)
    for column in columns:
        nodes = [place.column(row, column) for row in reversed(rows)]
        end = None if place.cut("column", column) else column_end(column)
        yield from _wire(crossbar.column, f"col{column}", nodes, end, timed)
    if timed:  # at rest a gate line is one node
        yield from _gate_wires(experiment, place)
    yield from _bridges(experiment, place)


def _gate_wires(experiment: Experiment, place: Nodes) -> Iterator[Element]:
    crossbar = experiment.crossbar
    gates = crossbar.cell.gate
    if gates is None:
        return
    along_column = gates.along == "column"
    lines, cells = crossbar.columns, crossbar.rows
    if not along_column:
        lines, cells = cells, lines
    for gate in gates.lines:
        for k in range(lines):
            nodes = [
                place.gate(gate, i, k) if along_column else place.gate(gate, k, i)
                for i in range(cells)
            ]
            yield from _wire(crossbar.gate, f"{gate}{k}", nodes, gate_end(gate, k), True)


def _wire(
    line: Line, name: str, nodes: Sequence[str], end: str | None, timed: bool
) -> Iterator[Element]:
    """One line from its near end: end resistances, segments, capacitances."""
    if end is not None and line.end > 0:
        yield Resistor(f"{name}_end", end, nodes[0], line.end)
        if line.ends == "both":
            yield Resistor(f"{name}_far", end, nodes[-1], line.end)
    for i, (a, b) in enumerate(pairwise(nodes)):
        if a != b:
            yield Resistor(f"{name}_{i}", a, b, line.r)
    if timed and line.c > 0:
        for i, node in enumerate(nodes):
            yield Capacitor(f"{name}_{i}", node, GROUND, line.c)


def _bridges(experiment: Experiment, place: Nodes) -> Iterator[Element]:
    ohms = experiment.die.bridge_resistance
    for line, row, column in experiment.bridges:
        if line == "row":
            a, b = place.row(row, column), place.row(row + 1, column)
            yield Resistor(f"rowbridge{row}_{column}", a, b, ohms)
        else:
            a, b = place.column(row, column), place.column(row, column + 1)
            yield Resistor(f"colbridge{row}_{column}", a, b, ohms)
