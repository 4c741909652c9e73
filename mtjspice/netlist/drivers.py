"""What is applied: sources of the rows, of unselected lines, of gates and bulks."""

from collections.abc import Iterator
from typing import assert_never

import numpy as np
import numpy.typing as npt

from mtjspice.netlist import nodes
from mtjspice.netlist.cells import kind_of
from mtjspice.netlist.elements import BehaviouralVoltage, Element, VoltageSource
from mtjspice.netlist.nodes import GROUND, INDEX, Nodes
from mtjspice.spec.analysis import TransientRead
from mtjspice.spec.experiment import Experiment
from mtjspice.units import format_quantity


def driver_elements(experiment: Experiment) -> Iterator[Element]:
    """The sources of everything but the read-out."""
    if experiment.analysis.kind == "dc":
        yield VoltageSource(INDEX, INDEX, GROUND, 0.0)
    reference = experiment.periphery.reference
    volts = experiment.stimulus.volts + reference
    entry = {row: i for i, row in enumerate(experiment.driven_rows)}
    held = held_volts(experiment)
    for row in range(experiment.crossbar.rows):
        name, node = nodes.driver(row), nodes.row_end(row)
        if row in entry:
            yield _driver(experiment, name, node, volts[:, entry[row]])
        elif held is not None:
            yield VoltageSource(name, node, GROUND, held)
    yield from _gates(experiment)


def held_volts(experiment: Experiment) -> float | None:
    """The voltage that holds unselected lines, V; None where nothing does."""
    reference, held = experiment.periphery.reference, experiment.stimulus.held
    if held is not None:
        return reference + held
    match experiment.crossbar.unselected:
        case "grounded":
            return reference
        case "half":
            return reference + experiment.stimulus.read_voltage / 2
        case "floating":
            return None
        case other:
            assert_never(other)


def _driver(
    experiment: Experiment, name: str, node: str, volts: npt.NDArray[np.float64]
) -> Element:
    """The source of one driven row: an input vector is a point of a sweep, or a span of time."""
    analysis, reference = experiment.analysis, experiment.periphery.reference
    if isinstance(analysis, TransientRead):
        return VoltageSource(name, node, GROUND, reference, pulses(analysis, volts, reference))
    if (volts == volts[0]).all():
        return VoltageSource(name, node, GROUND, float(volts[0]))
    points = ", ".join(f"{k},{format_quantity(v)}" for k, v in enumerate(volts))
    return BehaviouralVoltage(name, node, GROUND, f"pwl(v({INDEX}), {points})")


def pulsed_gates(experiment: Experiment) -> tuple[str, ...]:
    """Names of the sources of gate lines that open and close with every vector."""
    gate, analysis = experiment.crossbar.cell.gate, experiment.analysis
    if gate is None or not isinstance(analysis, TransientRead) or analysis.gates == "on":
        return ()
    place = Nodes(experiment)
    return tuple(
        nodes.gate_end(line, k)
        for line in gate.lines
        for k in range(gate.count(experiment.crossbar.shape))
        if place.selected(k)
    )


def _gate(experiment: Experiment, end: str, *, on: bool, high: bool, volts: float) -> VoltageSource:
    """The source of a gate line; `high` says whether it is high when it is on."""
    level, rest = (volts, 0.0) if high else (0.0, volts)
    analysis = experiment.analysis
    if on and isinstance(analysis, TransientRead) and analysis.gates == "pulsed":
        levels = np.full(len(experiment.stimulus.volts), level)
        return VoltageSource(end, end, GROUND, rest, pulses(analysis, levels, rest))
    return VoltageSource(end, end, GROUND, level if on else rest)


def pulses(
    analysis: TransientRead, volts: npt.NDArray[np.float64], rest: float
) -> tuple[tuple[float, float], ...]:
    """(time, voltage) of one pulse a period, each to its own level."""
    points = [(0.0, rest)]
    for k, level in enumerate(volts):
        start = k * analysis.period
        points += [
            (start + analysis.rise, float(level)),
            (start + analysis.hold, float(level)),
            (start + analysis.hold + analysis.rise, rest),
            (start + analysis.period, rest),
        ]
    return tuple(points)


def _gates(experiment: Experiment) -> Iterator[Element]:
    """Gate lines of selected cells on, the others off; bulks."""
    crossbar = experiment.crossbar
    gate = crossbar.cell.gate
    if gate is None:
        return
    place = Nodes(experiment)
    states = {k: place.selected(k) for k in range(gate.count(crossbar.shape))}
    for line, high in gate.lines.items():
        if experiment.analysis.kind == "dc":
            ends = {nodes.gate_at_rest(line, on=on): on for on in states.values()}
        else:
            ends = {nodes.gate_end(line, k): on for k, on in states.items()}
        for end, on in ends.items():
            yield _gate(experiment, end, on=on, high=high, volts=gate.volts)
    for bulk, high in kind_of(crossbar.cell).bulks.items():
        yield VoltageSource(bulk, bulk, GROUND, gate.volts if high else 0.0)
