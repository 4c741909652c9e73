"""The netlist of an experiment as a PySpice `Circuit`, for users who want to add to it.

Elements, models, tolerances and temperature are those of the text netlist, with its names. The
analysis is started with PySpice's own means: the sweep over the index source with
``simulator.dc(Vindex=slice(0, points - 1, 1))``, a read in time with ``simulator.transient``. The
temperature is the experiment's, whatever PySpice's simulator is given: SPICE takes ``.temp``
before an option.
"""

import warnings
from typing import Any, assert_never

from mtjspice.netlist.deck import build_deck
from mtjspice.netlist.elements import (
    BehaviouralCurrent,
    BehaviouralVoltage,
    Capacitor,
    Element,
    Mosfet,
    Resistor,
    Subcircuit,
    Transconductance,
    VoltageSource,
)
from mtjspice.netlist.spice_dialect import pulses, settings, transistor_parameters
from mtjspice.spec.experiment import Experiment


def to_circuit(experiment: Experiment) -> Any:
    """Build the `PySpice.Spice.Netlist.Circuit` of an experiment.

    Raises:
        InputError: if a node without a path to ground is read, or a transistor card cannot be read
            or lacks what is asked of it.

    Example:
        >>> from mtjspice import Experiment, read_spec, to_circuit
        >>> circuit = to_circuit(read_spec("examples/array/array.toml", Experiment))
        >>> circuit.C("mine", "bl3_0", circuit.gnd, 2e-15).name
        'Cmine'
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PySpice 1.5 predates today's Python
        from PySpice.Spice.Netlist import Circuit  # noqa: PLC0415, takes half a second

    described = build_deck(experiment).circuit
    circuit = Circuit(f"MTJ array of experiment {experiment.key()}")
    circuit.raw_spice += "\n".join(settings(described)) + "\n"
    for element in described.elements:
        _add(circuit, element)
    return circuit


def _add(circuit: Any, element: Element) -> None:
    # Plain floats, not PySpice units: those slow everything and print fewer digits.
    match element:
        case Resistor(name, a, b, ohms):
            circuit.R(name, a, b, ohms)
        case Capacitor(name, a, b, farads):
            circuit.C(name, a, b, farads)
        case VoltageSource(name, a, b, volts):
            # PySpice knows pulses with units only; they go through as they are written.
            circuit.V(name, a, b, volts, raw_spice=pulses(element))
        case Transconductance(name, a, b, c, d, siemens):
            circuit.VCCS(name, a, b, c, d, transconductance=siemens)
        case Mosfet(name, drain, gate, source, bulk, model):
            # PySpice knows no delvto.
            shown = transistor_parameters(element)
            circuit.M(name, drain, gate, source, bulk, model=model, raw_spice=shown)
        case BehaviouralVoltage(name, a, b, expression):
            circuit.BehavioralSource(name, a, b, voltage_expression=expression)
        case BehaviouralCurrent(name, a, b, expression):
            circuit.BehavioralSource(name, a, b, current_expression=expression)
        case Subcircuit(name, pins, of):
            circuit.X(name, of, *pins)
        case _:
            assert_never(element)
