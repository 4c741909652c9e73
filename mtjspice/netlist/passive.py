"""Experiment -> circuit elements, for arrays of passive cells. Pure and deterministic."""

from collections.abc import Iterator

from mtjspice.device import conductance
from mtjspice.device.variation import Junctions, draw_junctions
from mtjspice.netlist import nodes
from mtjspice.netlist.elements import (
    BehaviouralCurrent,
    BehaviouralVoltage,
    Element,
    Resistor,
    VoltageSource,
)
from mtjspice.netlist.nodes import GROUND, INDEX, Nodes
from mtjspice.spec.experiment import Experiment
from mtjspice.spec.periphery import TransimpedanceAmplifier
from mtjspice.units import format_quantity


def array_elements(experiment: Experiment) -> Iterator[Element]:
    """The whole circuit: stimulus, drivers, wires, junctions, read-out."""
    yield VoltageSource(INDEX, INDEX, GROUND, 0.0)
    yield from _drivers(experiment)
    yield from _wires(experiment)
    yield from _junctions(experiment)
    yield from _readout(experiment)


def _drivers(experiment: Experiment) -> Iterator[Element]:
    """Sources at the row ends; an input vector is a point of a sweep over the index source."""
    place = Nodes(experiment.crossbar)
    reference = experiment.periphery.reference
    volts = experiment.stimulus.volts + reference
    entry = {row: i for i, row in enumerate(experiment.driven_rows)}
    held = _held_volts(experiment)
    for row in range(experiment.crossbar.rows):
        name, node = nodes.driver(row), place.row_end(row)
        if row in entry:
            column = volts[:, entry[row]]
            if (column == column[0]).all():
                yield VoltageSource(name, node, GROUND, float(column[0]))
            else:
                points = ", ".join(f"{k},{format_quantity(v)}" for k, v in enumerate(column))
                yield BehaviouralVoltage(name, node, GROUND, f"pwl(v({INDEX}), {points})")
        elif held is not None:
            yield VoltageSource(name, node, GROUND, held)


def _held_volts(experiment: Experiment) -> float | None:
    """The voltage that holds unselected lines, V; None where nothing does."""
    reference = experiment.periphery.reference
    match experiment.crossbar.unselected:
        case "grounded":
            return reference
        case "half":
            return reference + experiment.stimulus.read_voltage / 2
        case "floating":
            return None


def _wires(experiment: Experiment) -> Iterator[Element]:
    """Line ends and segments; a resistance of zero has no element, its nodes are the same node."""
    crossbar, place = experiment.crossbar, Nodes(experiment.crossbar)
    rows, columns = crossbar.shape
    for row in range(rows):
        if crossbar.end_row > 0:
            yield Resistor(f"in{row}", place.row_end(row), place.word(row, 0), crossbar.end_row)
        if crossbar.wire_row > 0:
            for column in range(columns - 1):
                here, there = place.word(row, column), place.word(row, column + 1)
                yield Resistor(here, here, there, crossbar.wire_row)
    for column in range(columns):
        if crossbar.wire_column > 0:
            for row in range(rows - 1):
                here, there = place.bit(row, column), place.bit(row + 1, column)
                yield Resistor(here, here, there, crossbar.wire_column)
        if crossbar.end_column > 0:
            last, end = place.bit(rows - 1, column), place.column_end(column)
            yield Resistor(f"end{column}", last, end, crossbar.end_column)


def _junctions(experiment: Experiment) -> Iterator[Element]:
    mtj, place = experiment.crossbar.cell.mtj, Nodes(experiment.crossbar)
    drawn = draw_junctions(mtj, experiment.tile, experiment.die)
    for row in range(experiment.crossbar.rows):
        for column in range(experiment.crossbar.columns):
            a, b = place.word(row, column), place.bit(row, column)
            element = _junction(experiment, drawn, row, column, a, b)
            if element is not None:
                yield element


def _junction(
    experiment: Experiment, drawn: Junctions, row: int, column: int, a: str, b: str
) -> Element | None:
    """One cell: nothing where it is open, a resistor where the law is ohmic."""
    name, at = f"c{row}_{column}", (row, column)
    if drawn.open[at]:
        return None
    if drawn.short[at]:
        return Resistor(name, a, b, experiment.die.short_resistance)
    mtj = experiment.crossbar.cell.mtj
    state, r_p, tmr0 = int(drawn.state[at]), float(drawn.r_p[at]), float(drawn.tmr0[at])
    ohms = conductance.resistance(state, r_p, tmr0, mtj)
    if ohms is not None:
        return Resistor(name, a, b, ohms)
    law = conductance.expression(f"v({a},{b})", state, r_p, tmr0, mtj)
    return BehaviouralCurrent(name, a, b, law)


def _readout(experiment: Experiment) -> Iterator[Element]:
    """Meters at the column ends, with the amplifier where there is one."""
    place, periphery = Nodes(experiment.crossbar), experiment.periphery
    sensed, held = set(experiment.sensed_columns), _held_volts(experiment)
    for column in range(experiment.crossbar.columns):
        name, node = nodes.meter(column), place.column_end(column)
        if column not in sensed:
            if held is not None:
                yield VoltageSource(name, node, GROUND, held)
            continue
        if isinstance(periphery, TransimpedanceAmplifier):
            if periphery.input_resistance > 0:
                ground = nodes.virtual_ground(column)
                yield Resistor(f"amp{column}", node, ground, periphery.input_resistance)
                node = ground
            zero, gain = format_quantity(periphery.zero), format_quantity(periphery.gain)
            low, high = format_quantity(periphery.clip_low), format_quantity(periphery.clip_high)
            linear = f"{zero}-{gain}*i(V{name})"
            clipped = f"min(max({linear},{low}),{high})"
            yield BehaviouralVoltage(f"amp{column}", nodes.output(column), GROUND, clipped)
        yield VoltageSource(name, node, GROUND, periphery.reference)
