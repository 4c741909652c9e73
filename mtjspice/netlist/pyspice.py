"""The netlist of an experiment as a PySpice `Circuit`, for users who want to add to it.

Nodes and sources have the names of the text netlist; the sweep over the index source is started
with PySpice's own ``simulator.dc(Vindex=slice(0, points - 1, 1))``.
"""

import warnings
from typing import Any

from mtjspice.netlist.array import array_elements
from mtjspice.netlist.cards import read_card
from mtjspice.netlist.cells import kind_of
from mtjspice.netlist.check import check_elements
from mtjspice.netlist.elements import (
    BehaviouralCurrent,
    BehaviouralVoltage,
    Element,
    Mosfet,
    Resistor,
    Transconductance,
    VoltageSource,
)
from mtjspice.spec.experiment import Experiment


def to_circuit(experiment: Experiment) -> Any:
    """Build the `PySpice.Spice.Netlist.Circuit` of an experiment.

    Raises:
        InputError: if the circuit has a node without a path to ground.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PySpice 1.5 predates today's Python
        from PySpice.Spice.Netlist import Circuit  # noqa: PLC0415, takes half a second

    cell = experiment.crossbar.cell
    card = read_card(experiment.technology) if kind_of(cell).transistors(cell) else None
    elements = tuple(array_elements(experiment, card))
    check_elements(elements)
    circuit = Circuit(f"MTJ array of experiment {experiment.key()}")
    circuit.raw_spice += card.text if card else ""
    for element in elements:
        _add(circuit, element)
    return circuit


def _add(circuit: Any, element: Element) -> None:
    # Plain floats, not PySpice units: those slow everything and print fewer digits.
    match element:
        case Resistor(name, a, b, ohms):
            circuit.R(name, a, b, ohms)
        case VoltageSource(name, a, b, volts, ()):
            circuit.V(name, a, b, volts)
        case Transconductance(name, a, b, c, d, siemens):
            circuit.VCCS(name, a, b, c, d, transconductance=siemens)
        case Mosfet(name, drain, gate, source, bulk, model):
            # PySpice knows no delvto; the parameters go through as they are written.
            written = element.line().split(f" {model} ", 1)[1]
            circuit.M(name, drain, gate, source, bulk, model=model, raw_spice=written)
        case BehaviouralVoltage(name, a, b, expression):
            circuit.BehavioralSource(name, a, b, voltage_expression=expression)
        case BehaviouralCurrent(name, a, b, expression):
            circuit.BehavioralSource(name, a, b, current_expression=expression)
