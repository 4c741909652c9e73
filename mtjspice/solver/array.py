"""Experiments as tensors: a batch of tiles of one crossbar, ready to be solved."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mtjspice.device.conductance import Coefficients, coefficients
from mtjspice.device.variation import Junctions
from mtjspice.errors import InputError
from mtjspice.solver.access import AccessModel
from mtjspice.solver.cells import Cells
from mtjspice.solver.draws import Memory, drawn_junctions
from mtjspice.solver.extras import Ends, Extras, Irregular, Place, make_extras
from mtjspice.solver.leakage import TOGETHER, Leakage, Leaked, Leaks, places
from mtjspice.solver.lines import Lines
from mtjspice.solver.paths import unreached
from mtjspice.solver.rows import has_broken_lines, remaining
from mtjspice.solver.series import own_law
from mtjspice.spec.experiment import Experiment
from mtjspice.spec.line import Line


@dataclass(frozen=True)
class Array:
    """Tiles of one crossbar. Every tensor may ask for gradients.

    Attributes:
        cells: laws of all cells, [tile, row, column].
        rows: input lines.
        columns: output lines; their `series` is what the read-out puts in the way.
        via: 0-d, resistance in series with each cell, Ω.
        extras: lines that nothing holds, and bridges; None if there are none.
        rest_rows: [row], potential of each row that is not driven, V above the reference.
        rest_columns: [column], potential behind each column's terminal, V above the reference.
        driven: rows that input vectors drive, in the order of their entries.
        sensed: columns that are read.
        leaks: cells that are off and leak; None where they are taken to carry nothing.
        leaked: what they leak, where that is known already.
    """

    cells: Cells
    rows: Lines
    columns: Lines
    via: Tensor
    extras: Extras | None
    rest_rows: Tensor
    rest_columns: Tensor
    driven: tuple[int, ...]
    sensed: tuple[int, ...]
    leaks: Leaks | None = None
    leaked: Leaked | None = None

    @property
    def shape(self) -> tuple[int, int, int]:
        """(tiles, rows, columns)."""
        tiles, rows, columns = self.cells.linear.shape
        return tiles, rows, columns

    def to(self, dtype: torch.dtype, device: torch.device | str) -> Self:
        """The same array with its tensors in another precision or on another device."""
        moved: Self = _moved(self, dtype, device)
        return moved


def _moved(value: Any, dtype: torch.dtype, device: torch.device | str) -> Any:
    """Every floating-point tensor in a tree of dataclasses, moved."""
    if isinstance(value, Tensor):
        return value.to(device=device, dtype=dtype if value.is_floating_point() else value.dtype)
    if is_dataclass(value) and not isinstance(value, type):
        parts = {f.name: _moved(getattr(value, f.name), dtype, device) for f in fields(value)}
        return replace(value, **parts)
    return value


def resistor_array(
    conductance: Tensor,
    *,
    wire: tuple[Tensor | float, Tensor | float] = (0.0, 0.0),
    end: tuple[Tensor | float, Tensor | float] = (0.0, 0.0),
    both: tuple[bool, bool] = (False, False),
) -> Array:
    """Regular arrays of resistors.

    Args:
        conductance: [tile, row, column], S; 0 is an open cell.
        wire: of rows and of columns, between neighbouring cells, Ω.
        end: of rows and of columns, between terminal and nearest cell, Ω.
        both: whether rows and columns are connected at both ends.
    """
    _, rows, columns = conductance.shape
    zero = conductance.new_zeros(())
    as_tensor = [torch.as_tensor(x, dtype=zero.dtype, device=zero.device) for x in (*wire, *end)]
    return Array(
        cells=Cells.resistors(conductance),
        rows=Lines(as_tensor[0], as_tensor[2], zero, both[0]),
        columns=Lines(as_tensor[1], as_tensor[3], zero, both[1]),
        via=zero,
        extras=None,
        rest_rows=conductance.new_zeros(rows),
        rest_columns=conductance.new_zeros(columns),
        driven=tuple(range(rows)),
        sensed=tuple(range(columns)),
    )


def array_of(
    experiments: Sequence[Experiment],
    access: AccessModel | None = None,
    *,
    leakage: Leakage | None = None,
    kept: range | None = None,
    memory: Memory | None = None,
    dtype: torch.dtype = torch.float64,
    device: torch.device | str = "cpu",
) -> Array:
    """The circuits of experiments, which differ in tile and die only.

    Args:
        experiments: one a tile; their input vectors do not matter here.
        access: the access device of gated cells, from a calibration card.
        leakage: of cells whose gates are off, in arrays whose gate lines run along rows; they
            carry nothing if it is left out.
        kept: rows of the arrays, `needed_rows` of every experiment among them; all if left out.
        memory: what dies have drawn, where many reads of the same dies follow each other: what is
            missing is added.
        dtype: float64 or float32.
        device: where the tensors live.

    Raises:
        InputError: if the experiments differ in more than tile and die, if gated cells come without
            an access device, or if cells are observed on a line that is cut off from everything.
    """
    _check_alike(experiments)
    first = experiments[0]
    crossbar = first.crossbar
    gated = crossbar.cell.series == "measured"
    if gated and access is None:
        raise InputError(
            source="access",
            value=None,
            allowed=f"{crossbar.cell.kind} cells need the access device of a calibration card",
        )
    if not gated:
        access = None
    elif access is not None:
        _check_transistors(first, access)
    kept = range(crossbar.rows) if kept is None else kept
    memory = {} if memory is None else memory
    drawn = [drawn_junctions(e, (access, leakage), memory, kept) for e in experiments]
    rows = _lines(crossbar.row, first, read=False)
    rows = replace(rows, series=rows.series[kept.start : kept.stop])
    columns = remaining(_lines(crossbar.column, first, read=True), crossbar.rows, kept)
    found = [_irregular(e, one.open, kept) for e, (one, _) in zip(experiments, drawn, strict=True)]
    irregular, off = zip(*found, strict=True)
    bridge = torch.tensor(first.die.bridge_resistance, dtype=torch.float64)
    rest_rows, rest_columns = _at_rest(first)
    extras = make_extras(irregular, rows, columns, bridge, (len(kept), crossbar.columns))
    array = Array(
        cells=Cells.stacked(
            [_law(e, one, dark) for e, (one, _), dark in zip(experiments, drawn, off, strict=True)],
            own_law(crossbar.cell)
            if access is None
            else access.device_law().with_shifts(torch.stack([shifts for _, shifts in drawn])),
        ),
        rows=rows,
        columns=columns,
        via=torch.tensor(crossbar.row.via + crossbar.column.via, dtype=torch.float64),
        extras=extras,
        rest_rows=rest_rows[kept.start : kept.stop],
        rest_columns=rest_columns,
        driven=tuple(kept.index(row) for row in first.driven_rows),
        sensed=first.sensed_columns,
        leaks=None if leakage is None else _leaks(experiments, leakage, memory, kept),
    )
    return array.to(dtype, device)


def _leaks(
    experiments: Sequence[Experiment], law: Leakage, memory: Memory, kept: range
) -> Leaks | None:
    """Cells that are off, of arrays whose rows are kept; None if there are none.

    Where a line is broken each row is a place of its own.
    """
    first = experiments[0]
    off, rows = torch.from_numpy(_switched_off(first)).all(1), first.crossbar.rows
    if not bool(off.any()):
        return None
    of_places = places(off, 1 if any(map(has_broken_lines, experiments)) else TOGETHER)
    strength = torch.stack([memory[e.die, e.tile.index].strength for e in experiments])
    loose = torch.zeros(len(experiments), rows, dtype=torch.float64)
    for k, e in enumerate(experiments):
        loose[k, [row for line, row in _loose(e, range(rows)) if line == "row"]] = 1.0
    columns = _lines(first.crossbar.column, first, read=True)
    row = torch.arange(rows - 1, -1, -1, dtype=torch.float64)  # positions are counted from below
    at = of_places @ row / of_places.sum(1)
    return Leaks(
        law=law,
        strength=of_places @ strength,
        rows=of_places,
        among=columns.between(rows, at, at),
        across=columns.between(rows, at, row[kept.start : kept.stop]),
        series=columns.series,
        loose=loose @ of_places.mT > 0,
    )


def _law(e: Experiment, drawn: Junctions, off: npt.NDArray[np.bool_]) -> Coefficients:
    """The junctions of a tile; shorts are resistors, cells that are off conduct nothing."""
    mtj = e.crossbar.cell.mtj
    law = coefficients(drawn.state, drawn.r_p, drawn.tmr0, mtj)
    linear = np.where(drawn.short, 1 / e.die.short_resistance, law.linear)
    plain = drawn.short | off
    return law._replace(
        linear=np.where(off, 0.0, linear),
        cubic=np.where(plain, 0.0, law.cubic),
        drop=np.where(plain, 0.0, law.drop),
    )


def _check_alike(experiments: Sequence[Experiment]) -> None:
    """One crossbar, one read-out, the same lines in use, one resistance of bridges."""
    if not experiments:
        raise InputError(source="experiments", value=[], allowed="must name at least one tile")
    first = experiments[0]
    for e in experiments[1:]:
        for name in ("crossbar", "periphery", "technology"):
            if getattr(e, name) != getattr(first, name):
                raise InputError(source="experiments", key=name, allowed="must be the same for all")
        used = [(x.driven_rows, x.sensed_columns, x.stimulus.held) for x in (e, first)]
        if used[0] != used[1]:
            raise InputError(
                source="experiments", key="stimulus", allowed="must use the same lines for all"
            )
        half = first.crossbar.unselected == "half"
        if half and e.stimulus.read_voltage != first.stimulus.read_voltage:
            raise InputError(
                source="experiments",
                key="stimulus.read_voltage",
                allowed="must be the same for all: it holds the lines that are not in use",
            )
        if e.die.bridge_resistance != first.die.bridge_resistance:
            raise InputError(
                source="experiments",
                key="die.bridge_resistance",
                allowed="must be the same for all",
            )


def _switched_off(e: Experiment) -> np.ndarray:
    """Which cells [row, column] have their gate off; they leak picoamperes, left out here."""
    off = np.zeros(e.crossbar.shape, dtype=bool)
    gate = e.crossbar.cell.gate
    if gate is None:
        return off
    if gate.along == "column":
        off[:, sorted(set(range(e.crossbar.columns)) - set(e.sensed_columns))] = True
    else:
        off[sorted(set(range(e.crossbar.rows)) - set(e.driven_rows))] = True
    return off


def _lines(line: Line, e: Experiment, *, read: bool) -> Lines:
    series = np.zeros(e.crossbar.columns if read else e.crossbar.rows)
    if read:
        series[list(e.sensed_columns)] = e.periphery.ohms
    return Lines(
        wire=torch.tensor(line.r, dtype=torch.float64),
        end=torch.tensor(line.end, dtype=torch.float64),
        series=torch.from_numpy(series),
        both=line.ends == "both",
    )


def _at_rest(e: Experiment) -> tuple[torch.Tensor, torch.Tensor]:
    """Potentials of rows that are not driven and of columns, V above the reference."""
    held = e.stimulus.read_voltage / 2 if e.crossbar.unselected == "half" else 0.0
    held = held if e.stimulus.held is None else e.stimulus.held
    rows, columns = torch.zeros(e.crossbar.rows).double(), torch.zeros(e.crossbar.columns).double()
    rows[sorted(set(range(len(rows))) - set(e.driven_rows))] = held
    columns[sorted(set(range(len(columns))) - set(e.sensed_columns))] = held
    return rows, columns


def _check_transistors(e: Experiment, access: AccessModel) -> None:
    cell = e.crossbar.cell
    count = len(cell.transistors)
    if len(access.threshold_sigma) != count:
        raise InputError(
            source="access",
            key="transistors",
            value=len(access.threshold_sigma),
            allowed=f"{cell.kind} cells have {count}",
        )


def _irregular(
    e: Experiment, is_open: npt.NDArray[np.bool_], kept: range
) -> tuple[Irregular, npt.NDArray[np.bool_]]:
    """Lines that nothing holds, and bridges, of one tile; and which cells carry no current.

    Lines without a path to anything that holds them, to which netlists give no nodes, carry no
    current and change none: their cells are taken for open, and they may then be held. Rows are
    counted from the first that is kept; `is_open` is of these.

    Raises:
        InputError: if cells are observed on such a line.
    """
    loose, bridges = _loose(e, kept), _bridges(e, kept)
    off = is_open | _switched_off(e)[kept.start : kept.stop]
    if not loose:
        return Irregular(loose, tuple(bridges)), off
    joined = [(one, other) for one, other, _ in bridges]
    if e.observe == "cells":
        for direction, number in unreached(~is_open, loose, joined):
            raise InputError(
                source=f"tile {e.tile.index}",
                key=f"{direction} {number + (kept.start if direction == 'row' else 0)}",
                allowed="is cut off from everything, and the voltage of its cells is asked for: it "
                "has no path to ground",
            )
    # Cells that are switched off leak enough to hold a line, and too little to carry a current.
    for direction, number in unreached(~off, loose, joined):
        off[number if direction == "row" else (slice(None), number)] = True
        del loose[direction, number]
        bridges = [b for b in bridges if (direction, number) not in b[:2]]
    return Irregular(loose, tuple(bridges)), off


def _loose(e: Experiment, kept: range) -> dict[Place, Ends]:
    """Lines that nothing holds."""
    loose: dict[Place, Ends] = {}
    if e.crossbar.unselected == "floating" and e.stimulus.held is None:
        loose |= {("row", r - kept.start): "floating" for r in kept if r not in e.driven_rows}
        sensed = e.sensed_columns
        loose |= {("column", c): "floating" for c in range(e.crossbar.columns) if c not in sensed}
    for line, k in e.cut_lines:
        if line == "column":
            loose[line, k] = "cut"
        elif k in kept:
            loose[line, k - kept.start] = "cut"
    return loose


def _bridges(e: Experiment, kept: range) -> list[tuple[Place, Place, int]]:
    """Pairs of lines that are joined, with the position on each."""
    bridges: list[tuple[Place, Place, int]] = []
    for line, row, column in e.bridges:
        if line == "column":
            position = kept.stop - 1 - row
            bridges.append((("column", column), ("column", column + 1), position))
        elif row in kept and row + 1 in kept:
            at = row - kept.start
            bridges.append((("row", at), ("row", at + 1), column))
    return bridges


def at_rest(array: Array) -> Array:
    """The same lines with resistors for cells: their conductance without voltage."""
    slopes = array.cells.at_rest()
    series = array.via
    if array.cells.access is not None:
        series = series + array.cells.access.at_rest()[:, 0]
    return replace(
        array,
        cells=Cells.resistors(slopes / (1 + slopes * series)),
        via=torch.zeros_like(array.via),
        rest_rows=torch.zeros_like(array.rest_rows),
        rest_columns=torch.zeros_like(array.rest_columns),
        leaks=None,
        leaked=None,
    )
