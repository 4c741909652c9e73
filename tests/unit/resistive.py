"""A simulator of resistors and sources, for tests: it is not ngspice, and knows no SPICE.

Its netlists are lines of JSON. It solves the nodal equations, with a current for every source as a
further unknown, by numpy: all points of a sweep at once, as the circuit is linear.
"""

import json
import re
from dataclasses import dataclass

import numpy as np

from mtjspice.errors import InputError, SimulationError
from mtjspice.netlist.circuit import Circuit, Sweep
from mtjspice.netlist.deck import Deck
from mtjspice.netlist.elements import (
    BehaviouralVoltage,
    Element,
    Resistor,
    VoltageSource,
    designator,
)
from mtjspice.spice.backend import Description, Vectors

STEPS = re.compile(r"pwl\(v\(index\),(.*)\)")


@dataclass(frozen=True)
class Resistive:
    """The back end; `spoils` makes it give a wrong result."""

    name: str = "resistive"
    version: str = "7"
    spoils: str = ""

    def describe(self) -> Description:
        return Description(self.name, self.version, ("dense",))

    def loaded(self) -> Description:
        return self.describe()

    def write(self, circuit: Circuit, described: Description) -> str:
        if not isinstance(circuit.analysis, Sweep):
            raise InputError(source="resistive", key="analysis", allowed="must be at rest")
        points = circuit.analysis.points
        lines = [_line(element, points) for element in circuit.elements]
        return "\n".join(json.dumps(line) for line in [[described.name, points], *lines])

    def run(self, netlist: str, deck: Deck, shifts: np.ndarray) -> list[Vectors]:
        (name, points), *elements = map(json.loads, netlist.splitlines())
        assert name == self.name
        if shifts.size:
            raise SimulationError("there are no transistors to shift")
        values = solved(elements, points)
        if self.spoils == "missing":
            del values[deck.branches[0]]
        if self.spoils == "current from nowhere":
            values[deck.branches[0]] = values[deck.branches[0]] + 1e-6
        read = {name: values[name] for name in deck.vectors if name in values}
        return [Vectors(read, 0.001, "solved")]

    def measure(self, netlist: str) -> dict[str, float]:
        raise SimulationError("netlists of this simulator do not measure")


def _line(element: Element, points: int) -> list:
    """Kind, name, nodes, and resistance or the voltage at every point."""
    match element:
        case Resistor():
            return ["R", designator(element), element.a, element.b, element.ohms]
        case VoltageSource(name="index"):
            volts = [float(k) for k in range(points)]
        case VoltageSource():
            volts = [element.volts] * points
        case BehaviouralVoltage() if found := STEPS.fullmatch(element.expression):
            volts = [float(x) for x in found[1].split(",")][1::2]
        case _:
            raise InputError(
                source="resistive", key=designator(element), allowed="must be a resistor or source"
            )
    return ["V", designator(element), element.a, element.b, volts]


def solved(elements: list[list], points: int) -> dict[str, np.ndarray]:
    """Voltage of every node and current of every source, float64 [point]."""
    nodes = dict.fromkeys(n for _, _, *ends, _ in elements for n in ends if n != "0")
    at = {node: k for k, node in enumerate(nodes)}
    sources = [one for one in elements if one[0] == "V"]
    size = len(at) + len(sources)
    matrix, right = np.zeros((size, size)), np.zeros((size, points))
    for kind, _, a, b, ohms in elements:
        if kind == "R":
            for one, other in ((a, b), (b, a)):
                if one != "0":
                    matrix[at[one], at[one]] += 1 / ohms
                    if other != "0":
                        matrix[at[one], at[other]] -= 1 / ohms
    for k, (_, _, a, b, volts) in enumerate(sources, len(at)):
        right[k] = volts
        for node, sign in ((a, 1.0), (b, -1.0)):
            if node != "0":
                matrix[at[node], k] = matrix[k, at[node]] = sign
    found = np.linalg.solve(matrix, right)
    branches = {f"{one[1]}#branch": found[k] for k, one in enumerate(sources, len(at))}
    return {node: found[k] for node, k in at.items()} | branches
