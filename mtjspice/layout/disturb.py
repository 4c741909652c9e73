"""Do reads leave the cells alone, and do writes reach them?

A current from row to column writes P, one from column to row AP (a convention of this project). A
read drives currents of the first kind, so that it can disturb cells that are AP. Whether a current
switches a junction is `mtjspice.device.switching`, with its critical current at the temperature.
Cells that differ from the nominal one are `mtjspice.layout.switching`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
import xarray as xr

from mtjspice.device import conductance
from mtjspice.device.temperature import tmr_at
from mtjspice.device.writing import path_resistance
from mtjspice.layout.access import Fitted
from mtjspice.layout.circuit import (
    Reads,
    blocks,
    nominal_die,
    r_p_of,
    read_experiment,
)
from mtjspice.layout.findings import Finding, Floats, Shown, States
from mtjspice.layout.patterns import named_patterns
from mtjspice.layout.population import Spread
from mtjspice.layout.quantities import Condition
from mtjspice.layout.switching import (
    Cell,
    devices_with,
    of_spread,
    over_cells,
    over_spread,
    pulse_of,
    reached,
    several,
    sizes_of,
    switched,
    worst_words,
    writing_of,
)
from mtjspice.report.numbers import scientific
from mtjspice.solver.series import Series, junction_volts, own_law, series_slope
from mtjspice.spec.experiment import Experiment
from mtjspice.spec.layout import Layout
from mtjspice.spec.periphery import VirtualGround
from mtjspice.spec.stimulus import Stimulus
from mtjspice.spec.tile import ProgrammedTile

GRID = 4001
"""Points of a junction's law, between which its voltage is interpolated."""


def disturb_findings(layout: Layout, condition: Condition, fitted: Fitted) -> list[Finding]:
    """What a read does to AP cells; the layout is under the condition.

    The pulse is the whole time that a vector is held. All-AP arrays and single AP cells at the
    near corner among P cells are read: the cell with the most current counts.
    """
    shape = layout.crossbar.shape
    named = named_patterns(shape)
    patterns = np.stack([named["all AP"], named["all P"], named["all P"]])
    patterns[1, 0, 0] = patterns[2, -1, 0] = 1
    hold, worst = layout.timing.hold, None
    for driven in blocks(layout):
        reads = Reads.of(layout, fitted.access, driven)
        with torch.no_grad():
            states = torch.from_numpy(patterns.astype(np.float64))
            current = reads.answer(reads.array(states)).cell_current[:, 0].numpy()
        current = np.where(patterns == 1, current, 0.0)
        chance = switched(layout, current, hold, sizes_of(layout))
        k, row, column = (int(i) for i in np.unravel_index(int(chance.argmax()), chance.shape))
        if worst is None or chance[k, row, column] > worst[0]:
            amperes = float(current[k, row, column])
            worst = float(chance[k, row, column]), _read_cell(layout, (row, column), amperes)
            experiment = read_experiment(layout, patterns[k], driven).replace(observe="cells")
    assert worst is not None
    once, cell = worst
    row, column = cell.place
    where = f"AP cell at row {row}, column {column}"
    many = layout.life.reads
    level = "nodal, closed form"
    finding = Finding("", 0.0, condition, level, where, experiment, shown=Shown(row, column))
    life = replace(finding, where=f"{where}, {scientific(many)} reads")
    found = over_cells(layout, cell, hold, lambda p: p.switches)
    in_life = over_cells(layout, cell, hold, lambda p: several(p.switches, many))
    nominal = float(several(once, many))
    return [
        of_spread(layout, replace(finding, quantity="read_disturb"), found, once),
        of_spread(layout, replace(finding, quantity="read_disturb_mean"), found, once),
        of_spread(layout, replace(life, quantity="life_disturb"), in_life, nominal),
        of_spread(layout, replace(life, quantity="life_disturb_mean"), in_life, nominal),
    ]


def _read_cell(layout: Layout, place: tuple[int, int], amperes: float) -> Cell:
    """A nominal AP cell that is read with a current."""
    grid = np.linspace(0, layout.read.voltage, GRID)
    volts = float(np.interp(amperes, _law(layout, place, 1, grid), grid))
    series = _series(layout, place, layout.read.voltage, volts, amperes)
    amplifier = layout.periphery.amplifier
    if amplifier is not None and layout.crossbar.cell.half_selected:
        series += amplifier.input_resistance
    return Cell(place, 1, volts, amperes, series)


def _series(
    layout: Layout, place: tuple[int, int], pulse: float, volts: float, amperes: float
) -> float:
    """What is in series with a junction, Ω, as the head of `mtjspice.layout.switching` says."""
    cell = layout.crossbar.cell
    if cell.half_selected:
        path, law = float(path_resistance(layout.crossbar)[place]), own_law(cell)
        return path if law is None else path + series_slope(law, amperes)
    return max(pulse - volts, 0.0) / amperes if amperes > 0 else 0.0


@dataclass(frozen=True)
class Write:
    """A write of one cell as the circuit sees it.

    Attributes:
        to: the state that is written, 0 P, 1 AP.
        place: (row, column) of the cell.
        experiment: that applies the pulse at rest.
        mirrored: whether the experiment has the polarity of the other direction, which is the same
            for a passive array.
    """

    to: int
    place: tuple[int, int]
    experiment: Experiment
    mirrored: bool


def write_plan(layout: Layout) -> list[Write]:
    """The writes of the cells that wires hit hardest, both ways; the layout is under a condition.

    All other cells are P, so that they draw the most.
    """
    writes = []
    for place in far_cells(layout):
        for to in (0, 1):
            states = np.zeros(layout.crossbar.shape, dtype=np.uint8)
            states[place] = 1 - to
            writes.append(_write(layout, states, place, to))
    return writes


def far_cells(layout: Layout) -> list[tuple[int, int]]:
    """The cell with the most wire, and those at the corners nearest to it."""
    rows, columns = layout.crossbar.shape
    row = rows // 2 if layout.crossbar.column.ends == "both" else 0
    column = columns // 2 if layout.crossbar.row.ends == "both" else columns - 1
    return list(dict.fromkeys(((row, column), (rows - 1, column))))


def _write(layout: Layout, states: States, place: tuple[int, int], to: int) -> Write:
    writing, cell = writing_of(layout), layout.crossbar.cell
    pulse = writing.to_p if to == 0 else writing.to_ap
    # A passive array is the same in both directions: the pulse to AP is applied from row to column
    # as well, and half of it holds the other lines. Elsewhere the column is lifted instead.
    lifted = to == 1 and not cell.half_selected
    volts = -pulse if lifted else pulse
    # A word line along a row opens all of its cells: the other columns follow the row, or the pulse
    # would write them, too.
    held = None
    if cell.gate is not None:
        held = volts if cell.gate.along == "row" else 0.0
    experiment = Experiment(
        crossbar=layout.crossbar,
        tile=ProgrammedTile(states=states),
        stimulus=Stimulus(
            volts=np.array([[volts]]),
            driven_rows=(place[0],),
            sensed_columns=(place[1],),
            read_voltage=pulse,
            held=held,
        ),
        die=nominal_die(layout),
        periphery=VirtualGround(reference=pulse if lifted else 0.0),
        technology=layout.technology,
        observe="cells",
    )
    return Write(to, place, experiment, mirrored=to == 1 and cell.half_selected)


def write_findings(
    layout: Layout, condition: Condition, plan: Sequence[Write], results: Sequence[xr.Dataset]
) -> list[Finding]:
    """What reaches the cells that are written, and what the pulse does to others."""
    length, level = writing_of(layout).length, "spice, closed form"
    cells = [written_cell(layout, w, r) for w, r in zip(plan, results, strict=True)]
    least = [_lowest_voltage(layout, cell) for cell in cells]
    fails = [over_cells(layout, cell, length, lambda p: p.fails) for cell in cells]
    k = int(np.argmax([spread.worst for spread in least]))
    words = f"{_words(plan[k])}; {worst_words(layout, least[k].cell)}"
    lowest = Finding("write_voltage", -least[k].worst, condition, "spice, closed form", words,
                     plan[k].experiment, shown=Shown(*plan[k].place))  # fmt: skip
    devices = devices_with(layout, lowest, least[k].cell)
    findings = [replace(lowest, shown=replace(lowest.shown, devices=devices))]
    sizes = sizes_of(layout)
    for name, of_cells in (
        ("write_error", [one.worst for one in fails]),
        ("write_error_mean", [one.mean for one in fails]),
    ):
        k = int(np.argmax(of_cells))
        cell = cells[k]
        pulse = pulse_of(layout, np.asarray(cell.amperes), length, np.asarray(sizes[cell.place]))
        shown = Shown(*plan[k].place)
        finding = Finding(
            name, 0.0, condition, level, _words(plan[k]), plan[k].experiment, shown=shown
        )
        findings.append(of_spread(layout, finding, fails[k], float(pulse.fails)))
    if layout.crossbar.cell.half_selected:
        findings += _half_selected(layout, condition, plan, results)
    return findings


def _lowest_voltage(layout: Layout, cell: Cell) -> Spread:
    """The voltage over junctions, V, negative, so that the worst of so many gets the least."""
    return over_spread(layout, lambda factors: -reached(layout, cell, factors)[0])


def _words(write: Write) -> str:
    return f"to {'P' if write.to == 0 else 'AP'} at row {write.place[0]}, column {write.place[1]}"


def written_cell(layout: Layout, write: Write, result: xr.Dataset) -> Cell:
    """The junction that is written, in its old state; voltage and current are positive."""
    place, (row, column), state = write.place, write.place, 1 - write.to
    pulse = float(np.abs(write.experiment.stimulus.volts).max())
    gate = layout.crossbar.cell.gate
    if gate is None:
        volts = abs(float(result["cell_voltage"].to_numpy()[0, row, column]))
        via = layout.crossbar.row.via + layout.crossbar.column.via
        grid = np.linspace(0, volts, GRID)
        law = own_law(layout.crossbar.cell)
        if law is None:
            volts = float(np.interp(volts, grid + via * _law(layout, place, state, grid), grid))
        else:
            volts = float(_over_junctions(layout, law, np.asarray(volts), state, via)[place])
        amperes = float(_law(layout, place, state, np.asarray(volts)))
        return Cell(place, state, volts, amperes, _series(layout, place, pulse, volts, amperes))
    # With one gate line on, the current of the line that crosses it is the cell's own.
    along_column = gate.along == "column"
    name, line = ("input_current", row) if along_column else ("current", 0)
    amperes = abs(float(result[name].to_numpy()[0, line]))
    grid = np.linspace(0, pulse, GRID)
    volts = float(np.interp(amperes, _law(layout, place, state, grid), grid))
    return Cell(place, state, volts, amperes, _series(layout, place, pulse, volts, amperes))


def _law(layout: Layout, place: tuple[int, int], state: int, volts: Floats) -> Floats:
    """Current of the nominal junction of a place, A."""
    mtj, celsius = layout.crossbar.cell.mtj, layout.technology.temperature
    tmr0 = tmr_at(mtj.tmr0, celsius, mtj.decay)
    return conductance.current(volts, state, float(r_p_of(layout)[place]), tmr0, mtj)


def _over_junctions(
    layout: Layout, law: Series, volts: Floats, state: int, ohms: float = 0.0
) -> Floats:
    """What nominal junctions get of voltages over their cells, V, [row, column]."""
    mtj, celsius = layout.crossbar.cell.mtj, layout.technology.temperature
    tmr0 = tmr_at(mtj.tmr0, celsius, mtj.decay)
    return junction_volts(law, volts, ohms, state, r_p_of(layout), tmr0, mtj)


def _half_selected(
    layout: Layout, condition: Condition, plan: Sequence[Write], results: Sequence[xr.Dataset]
) -> list[Finding]:
    """The cell of a passive array that a write of another one is most likely to switch."""
    mtj, celsius = layout.crossbar.cell.mtj, layout.technology.temperature
    tmr0, r_p, sizes = tmr_at(mtj.tmr0, celsius, mtj.decay), r_p_of(layout), sizes_of(layout)
    length, many, law = writing_of(layout).length, layout.life.writes, own_law(layout.crossbar.cell)
    found: list[tuple[Finding, Spread, float]] = []
    for write, result in zip(plan, results, strict=True):
        # The circuit has them P; an AP cell there gets nearly the same voltage and, writing P, is
        # the one that can switch. Writing AP, those that are P can. Its netlist has the cell so.
        volts = result["cell_voltage"].to_numpy()[0].copy()
        volts[write.place] = 0.0
        state = 1 - write.to
        over_junctions = np.abs(volts)
        if law is not None:
            over_junctions = _over_junctions(layout, law, over_junctions, state)
        amperes = np.abs(conductance.current(over_junctions, state, r_p, tmr0, mtj))
        same = volts > 0  # the other direction writes the other state, into which they are already
        chance = np.where(same, switched(layout, amperes, length, sizes), 0.0)
        at = np.unravel_index(int(chance.argmax()), chance.shape)
        row, column = place = int(at[0]), int(at[1])
        over, own = float(over_junctions[place]), float(amperes[place])
        cell = Cell(place, state, over, own, _series(layout, place, over, over, own))
        states = write.experiment.tile.states.copy()
        states[place] = state
        experiment = write.experiment.replace(tile=ProgrammedTile(states=states))
        where = (
            f"{'AP' if state == 1 else 'P'} cell at row {row}, column {column} in a write "
            f"{_words(write)}, {scientific(many)} writes"
        )
        finding = Finding("half_select", 0.0, condition, "spice, closed form", where,
                          experiment, shown=Shown(row, column))  # fmt: skip
        spread = over_cells(layout, cell, length, lambda p: several(p.switches, many))
        found.append((finding, spread, float(several(chance[place], many))))
    # The write that is worst for the worst cell need not have the largest mean. Where many writes
    # switch a cell for certain, the one that does so most surely of a nominal cell is named.
    worst = max(found, key=lambda one: (one[1].worst, one[1].mean, one[2]))
    mean = max(found, key=lambda one: (one[1].mean, one[2]))
    return [
        of_spread(layout, replace(finding, quantity=name), spread, nominal)
        for name, (finding, spread, nominal) in (
            ("half_select", worst),
            ("half_select_mean", mean),
        )
    ]
