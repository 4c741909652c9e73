"""What reads the columns."""

from collections.abc import Iterator
from typing import assert_never

from mtjspice.netlist import nodes
from mtjspice.netlist.drivers import held_volts
from mtjspice.netlist.elements import (
    BehaviouralVoltage,
    Capacitor,
    Element,
    Resistor,
    Subcircuit,
    VoltageSource,
)
from mtjspice.netlist.nodes import GROUND
from mtjspice.spec.analysis import TransientRead
from mtjspice.spec.experiment import Experiment
from mtjspice.spec.periphery import SenseAmplifier, TransimpedanceAmplifier, VirtualGround
from mtjspice.units import format_quantity

LATCH = "sense_strongarm"
"""Subcircuit of the comparator, in ``models/periphery.lib``."""
EDGE = 0.2
"""Edge of the latches' clock, in units of the drivers' rise time."""


def readout_elements(experiment: Experiment) -> Iterator[Element]:
    """Meters at the column ends, with the amplifier where there is one; unselected columns held."""
    yield from _clock(experiment)
    sensed, held = set(experiment.sensed_columns), held_volts(experiment)
    for column in range(experiment.crossbar.columns):
        if column in sensed:
            yield from _meter(experiment, column)
        elif held is not None:
            name, node = nodes.meter(column), nodes.column_end(column)
            yield VoltageSource(name, node, GROUND, held)


def _meter(experiment: Experiment, column: int) -> Iterator[Element]:
    name, node = nodes.meter(column), nodes.column_end(column)
    periphery = experiment.periphery
    ground = nodes.virtual_ground(column)
    match periphery:
        case VirtualGround():
            pass
        case TransimpedanceAmplifier():
            if periphery.input_resistance > 0:
                yield Resistor(f"amp{column}", node, ground, periphery.input_resistance)
                node = ground
            zero, gain = format_quantity(periphery.zero), format_quantity(periphery.gain)
            low, high = format_quantity(periphery.clip_low), format_quantity(periphery.clip_high)
            clipped = f"min(max({zero}-{gain}*i(V{name}),{low}),{high})"
            yield BehaviouralVoltage(f"amp{column}", nodes.output(column), GROUND, clipped)
        case SenseAmplifier():
            yield Resistor(f"load{column}", node, ground, periphery.load)
            if experiment.analysis.kind == "transient":
                yield from _latch(experiment, periphery, column)
            node = ground
        case _:
            assert_never(periphery)
    yield VoltageSource(name, node, GROUND, periphery.reference)


def _latch(experiment: Experiment, periphery: SenseAmplifier, column: int) -> Iterator[Element]:
    """The comparator of a column, with a supply of its own, so that its energy can be told.

    The threshold comes through a replica of the column's load and capacitance: from a stiff source
    the kick of the clock would move one input only, by more than ten millivolts.
    """
    supply, threshold = nodes.supply(column), nodes.threshold(column)
    yield Resistor(threshold, threshold, nodes.THRESHOLD, periphery.load)
    wires = experiment.crossbar.column.c * experiment.crossbar.rows
    replica = wires if periphery.replica is None else periphery.replica
    if replica > 0:
        yield Capacitor(threshold, threshold, GROUND, replica)
    pins = (
        nodes.column_end(column),
        threshold,
        nodes.CLOCK,
        nodes.latch(column, "p"),
        nodes.latch(column, "n"),
        supply,
        GROUND,
    )
    yield VoltageSource(supply, supply, GROUND, periphery.supply)
    yield Subcircuit(f"latch{column}", pins, LATCH)
    for side in "pn":
        node = nodes.latch(column, side)
        yield Capacitor(node, node, GROUND, periphery.latch_load)


def _clock(experiment: Experiment) -> Iterator[Element]:
    """What all latches share: the threshold, and the clock, which is low while they decide."""
    latch, analysis = experiment.periphery.latch, experiment.analysis
    if latch is None or not isinstance(analysis, TransientRead):
        return
    high, edge = latch.supply, EDGE * analysis.rise
    points = [(0.0, high)]
    for k in range(experiment.stimulus.volts.shape[0]):
        fall = k * analysis.period + analysis.sense_at
        back = k * analysis.period + analysis.hold
        points += [(fall, high), (fall + edge, 0.0), (back, 0.0), (back + edge, high)]
    yield VoltageSource(nodes.THRESHOLD, nodes.THRESHOLD, GROUND, latch.threshold)
    yield VoltageSource(nodes.CLOCK, nodes.CLOCK, GROUND, high, tuple(points))
