"""Which rows of an array a read needs, and columns of these rows only."""

from dataclasses import replace

from mtjspice.solver.lines import Lines
from mtjspice.spec.experiment import Experiment


def needed_rows(e: Experiment, *, leaking: bool = False) -> range:
    """The rows that a read cannot do without: neighbours, those that are driven among them.

    Rows whose gates are off conduct nothing. Beyond those that are driven they are only wire on the
    way to the read-out, unless a bridge leads there. Columns that are held at both ends are not
    equal to columns with fewer rows, unless only one row is left.

    Args:
        e: the read.
        leaking: whether rows that are off leak: where lines are broken all rows are needed then.
    """
    gate, rows = e.crossbar.cell.gate, e.crossbar.rows
    every = range(rows)
    if gate is None or gate.along == "column":
        return every
    if leaking and has_broken_lines(e):
        return every
    needed = set(e.driven_rows)
    needed |= {bridge.row for bridge in e.bridges if bridge.line == "column"}
    pairs = [{bridge.row, bridge.row + 1} for bridge in e.bridges if bridge.line == "row"]
    while touched := [pair for pair in pairs if needed & pair and not needed >= pair]:
        needed |= set().union(*touched)
    kept = range(min(needed), max(needed) + 1)
    return every if e.crossbar.column.ends == "both" and len(kept) > 1 else kept


def has_broken_lines(e: Experiment) -> bool:
    """Whether lines of the tile are dead or bridged."""
    return bool(e.cut_lines or e.bridges)


def remaining(columns: Lines, rows: int, kept: range) -> Lines:
    """Columns of the rows that are kept: the wires beyond them are part of the ends."""
    if len(kept) == rows:
        return columns
    near = columns.end + columns.wire * (rows - kept.stop)
    if not columns.both:
        return replace(columns, end=near)
    far, ohms = columns.end + columns.wire * kept.start, columns.resistance(rows)
    return replace(columns, end=near * far / ohms if ohms > 0 else 0 * near, both=False)
