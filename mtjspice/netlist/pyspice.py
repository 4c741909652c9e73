"""The netlist of an experiment as a PySpice `Circuit`, for users who want to add to it.

Nodes and sources have the names of the text netlist; the sweep over the index source is started
with PySpice's own ``simulator.dc(Vindex=slice(0, points - 1, 1))``.
"""

import warnings
from typing import Any

from mtjspice.netlist.check import check_elements
from mtjspice.netlist.elements import (
    BehaviouralCurrent,
    BehaviouralVoltage,
    Element,
    Resistor,
    VoltageSource,
)
from mtjspice.netlist.passive import array_elements
from mtjspice.spec.experiment import Experiment


def to_circuit(experiment: Experiment) -> Any:
    """Build the `PySpice.Spice.Netlist.Circuit` of an experiment.

    Raises:
        InputError: if the circuit has a node without a path to ground.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PySpice 1.5 predates today's Python
        from PySpice.Spice.Netlist import Circuit  # noqa: PLC0415, takes half a second

    elements = tuple(array_elements(experiment))
    check_elements(elements)
    circuit = Circuit(f"MTJ array of experiment {experiment.key()}")
    for element in elements:
        _add(circuit, element)
    return circuit


def _add(circuit: Any, element: Element) -> None:
    # Plain floats, not PySpice units: those slow everything and print fewer digits.
    match element:
        case Resistor(name, a, b, ohms):
            circuit.R(name, a, b, ohms)
        case VoltageSource(name, a, b, volts):
            circuit.V(name, a, b, volts)
        case BehaviouralVoltage(name, a, b, expression):
            circuit.BehavioralSource(name, a, b, voltage_expression=expression)
        case BehaviouralCurrent(name, a, b, expression):
            circuit.BehavioralSource(name, a, b, current_expression=expression)
