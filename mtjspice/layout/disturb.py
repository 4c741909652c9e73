"""Do reads leave the cells alone, and do writes reach them?

A current from row to column writes P, one from column to row AP (a convention of this project). A
read drives currents of the first kind, so that it can disturb cells that are AP. Whether a current
switches a junction is `mtjspice.device.switching`, with its critical current at the temperature.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import xarray as xr
from scipy import stats

from mtjspice.data.layout import Condition, Finding, Floats, Shown, States
from mtjspice.device import conductance
from mtjspice.device.switching import (
    critical_current,
    switching_probability,
    thermal_stability,
    time_constant,
)
from mtjspice.device.temperature import tmr_at
from mtjspice.device.variation import diameters
from mtjspice.layout.access import Fitted
from mtjspice.layout.circuit import (
    Reads,
    blocks,
    nominal_die,
    r_p_of,
    read_experiment,
)
from mtjspice.layout.patterns import named_patterns
from mtjspice.spec.cell import PassiveCell
from mtjspice.spec.experiment import Experiment
from mtjspice.spec.layout import Layout
from mtjspice.spec.periphery import VirtualGround
from mtjspice.spec.stimulus import Stimulus
from mtjspice.spec.tile import ProgrammedTile
from mtjspice.spec.writing import Writing

GRID = 4001
"""Points of a junction's law, between which its voltage is interpolated."""


def switched(layout: Layout, amperes: Floats, seconds: float, at: Floats) -> Floats:
    """Probability that pulses of a current switch junctions of the diameters `at`, m."""
    writing = _writing(layout)
    celsius = layout.technology.temperature
    stability = thermal_stability(writing.free_layer, at, celsius)
    ratio = np.maximum(amperes, 0.0) / critical_current(writing.free_layer, stability, celsius)
    return switching_probability(ratio, stability, seconds / time_constant(writing.free_layer))


def several(probability: float, times: float) -> float:
    """Probability that it happens at least once in so many independent times."""
    if probability >= 1:
        return 1.0
    return float(-np.expm1(times * np.log1p(-probability)))


def _writing(layout: Layout) -> Writing:
    assert layout.writing is not None
    return layout.writing


def _sizes(layout: Layout) -> Floats:
    """Diameter of each junction, m, [row, column]."""
    return diameters(layout.crossbar.cell.mtj, nominal_die(layout), layout.crossbar.shape)


def disturb_findings(layout: Layout, condition: Condition, fitted: Fitted) -> list[Finding]:
    """What a read does to AP cells; the layout is under the condition.

    The pulse is the whole time that a vector is held. All-AP arrays and single AP cells at the
    near corner among P cells are read: the cell with the most current counts, and it is taken to
    have the smallest R_P that is to be expected among so many cells.
    """
    shape = layout.crossbar.shape
    named = named_patterns(shape)
    patterns = np.stack([named["all AP"], named["all P"], named["all P"]])
    patterns[1, 0, 0] = patterns[2, -1, 0] = 1
    worst: tuple[float, str, Experiment] | None = None
    shown = Shown()
    for driven in blocks(layout):
        reads = Reads.of(layout, fitted.access, driven)
        with torch.no_grad():
            states = torch.from_numpy(patterns.astype(np.float64))
            current = reads.answer(reads.array(states)).cell_current[:, 0].numpy()
        spread = np.hypot(layout.die.sigma_ln_rp, layout.die.sigma_ln_rp_die)
        lowest = np.exp(-spread * _largest_deviation(layout))
        current = np.where(patterns == 1, current / lowest, 0.0)
        chance = switched(layout, current, layout.timing.hold, _sizes(layout))
        k, row, column = (int(i) for i in np.unravel_index(int(chance.argmax()), chance.shape))
        if worst is None or chance[k, row, column] > worst[0]:
            where = f"AP cell at row {row}, column {column}, R_P {100 * (1 - lowest):.0f} % low"
            experiment = read_experiment(layout, patterns[k], driven).replace(observe="cells")
            worst = float(chance[k, row, column]), where, experiment
            shown = Shown(row, column)
    assert worst is not None
    chance_once, where, experiment = worst
    life = several(chance_once, layout.life.reads)
    level = "nodal, closed form"
    return [
        Finding("read_disturb", chance_once, condition, level, where, experiment, shown=shown),
        Finding("life_disturb", life, condition, level,
                f"{where}, {layout.life.reads:.0e} reads", experiment, shown=shown),
    ]  # fmt: skip


def _largest_deviation(layout: Layout) -> float:
    """What the largest of so many standard normal numbers is like: its median."""
    cells = layout.crossbar.rows * layout.crossbar.columns
    return float(stats.norm.ppf(0.5 ** (1 / cells)))


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
    writing, passive = _writing(layout), isinstance(layout.crossbar.cell, PassiveCell)
    pulse = writing.to_p if to == 0 else writing.to_ap
    # A passive array is the same in both directions: the pulse to AP is applied from row to column
    # as well, and half of it holds the other lines. Elsewhere the column is lifted instead.
    lifted = to == 1 and not passive
    volts = -pulse if lifted else pulse
    # A word line along a row opens all of its cells: the other columns follow the row, or the pulse
    # would write them, too.
    held = None
    if not isinstance(layout.crossbar.cell, PassiveCell):
        held = volts if layout.crossbar.cell.gates == "row" else 0.0
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
    return Write(to, place, experiment, mirrored=to == 1 and passive)


def write_findings(
    layout: Layout, condition: Condition, plan: Sequence[Write], results: Sequence[xr.Dataset]
) -> list[Finding]:
    """What reaches the cells that are written, and what the pulse does to others."""
    passive = isinstance(layout.crossbar.cell, PassiveCell)
    reached = [_junction(layout, w, r) for w, r in zip(plan, results, strict=True)]
    length, sizes = _writing(layout).length, _sizes(layout)
    at = [np.asarray(sizes[w.place]) for w in plan]
    fails = [
        float(1 - switched(layout, np.asarray(amperes), length, size))
        for (_, amperes), size in zip(reached, at, strict=True)
    ]
    least = int(np.argmin([volts for volts, _ in reached]))
    worst = int(np.argmax(fails))
    findings = [
        Finding("write_voltage", reached[least][0], condition, "ngspice", _words(plan[least]),
                plan[least].experiment, shown=Shown(*plan[least].place)),
        Finding("write_error", fails[worst], condition, "ngspice, closed form",
                f"{_words(plan[worst])}, {1e6 * reached[worst][1]:.0f} µA", plan[worst].experiment,
                shown=Shown(*plan[worst].place)),
    ]  # fmt: skip
    if passive:
        findings.append(_half_selected(layout, condition, plan, results))
    return findings


def _words(write: Write) -> str:
    return f"to {'P' if write.to == 0 else 'AP'} at row {write.place[0]}, column {write.place[1]}"


def _junction(layout: Layout, write: Write, result: xr.Dataset) -> tuple[float, float]:
    """Voltage over the junction that is written, V, and current through it, A; both positive."""
    row, column = write.place
    if isinstance(layout.crossbar.cell, PassiveCell):
        volts = abs(float(result["cell_voltage"].to_numpy()[0, row, column]))
        via = layout.crossbar.row.via + layout.crossbar.column.via
        grid = np.linspace(0, volts, GRID)
        volts = float(np.interp(volts, grid + via * _law(layout, write, grid), grid))
        return volts, float(_law(layout, write, np.asarray(volts)))
    # With one gate line on, the current of the line that crosses it is the cell's own.
    along_column = layout.crossbar.cell.gates == "column"
    name, line = ("input_current", row) if along_column else ("current", 0)
    amperes = abs(float(result[name].to_numpy()[0, line]))
    pulse = float(np.abs(write.experiment.stimulus.volts).max())
    grid = np.linspace(0, pulse, GRID)
    return float(np.interp(amperes, _law(layout, write, grid), grid)), amperes


def _law(layout: Layout, write: Write, volts: Floats) -> Floats:
    """Current of the written junction in its old state, A."""
    mtj, celsius = layout.crossbar.cell.mtj, layout.technology.temperature
    tmr0 = tmr_at(mtj.tmr0, celsius, mtj.decay)
    r_p = r_p_of(layout)[write.place]
    return conductance.current(volts, 1 - write.to, float(r_p), tmr0, mtj)


def _half_selected(
    layout: Layout, condition: Condition, plan: Sequence[Write], results: Sequence[xr.Dataset]
) -> Finding:
    """The cell of a passive array that a write of another one is most likely to switch."""
    mtj, celsius = layout.crossbar.cell.mtj, layout.technology.temperature
    tmr0, r_p, sizes = tmr_at(mtj.tmr0, celsius, mtj.decay), r_p_of(layout), _sizes(layout)
    worst: tuple[float, str, Experiment] | None = None
    for write, result in zip(plan, results, strict=True):
        # The circuit has them P; an AP cell there gets nearly the same voltage and, writing P, is
        # the one that can switch. Writing AP, those that are P can.
        volts = result["cell_voltage"].to_numpy()[0].copy()
        volts[write.place] = 0.0
        state = 1 - write.to
        amperes = np.abs(conductance.current(np.abs(volts), state, r_p, tmr0, mtj))
        same = volts > 0  # the other direction writes the other state, into which they are already
        chance = np.where(same, switched(layout, amperes, _writing(layout).length, sizes), 0.0)
        row, column = (int(i) for i in np.unravel_index(int(chance.argmax()), chance.shape))
        value = several(float(chance[row, column]), layout.life.writes)
        if worst is None or value > worst[0]:
            share = volts[row, column] / float(np.abs(write.experiment.stimulus.volts).max())
            where = (
                f"cell at row {row}, column {column} gets {100 * share:.0f} % of the pulse of a "
                f"write {_words(write)}, {layout.life.writes:.0e} writes"
            )
            worst = value, where, write.experiment
            shown = Shown(row, column, "AP" if state == 1 else "P")
    assert worst is not None
    return Finding(
        "half_select", worst[0], condition, "ngspice, closed form", worst[1], worst[2], shown=shown
    )
