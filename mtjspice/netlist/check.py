"""What ngspice would accept and answer wrongly is refused before it is loaded."""

from collections.abc import Iterable

from mtjspice.errors import InputError
from mtjspice.netlist.elements import (
    BehaviouralVoltage,
    Capacitor,
    Element,
    Resistor,
    Subcircuit,
    Transconductance,
)
from mtjspice.netlist.nodes import GROUND


def check_elements(elements: Iterable[Element], read: Iterable[str] = ()) -> None:
    """Refuse floating nodes, resistances that are not positive, and names that are used twice.

    ngspice itself solves a floating node "successfully" with a warning, and turns R = 0 into 1 mΩ.

    Args:
        elements: the whole circuit.
        read: nodes whose voltage will be read; a node without any element floats, too.

    Raises:
        InputError: naming the element or the nodes.
    """
    parent: dict[str, str] = {GROUND: GROUND}

    def root(node: str) -> str:
        parent.setdefault(node, node)
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    names: set[str] = set()
    for element in elements:
        name = element.line().split(" ", 1)[0].lower()
        if name in names:
            raise InputError(source="netlist", key=name, allowed="is used twice")
        names.add(name)
        if isinstance(element, Resistor) and not element.ohms > 0:
            raise InputError(
                source="netlist", key=name, value=element.ohms, allowed="must be above 0 Ω"
            )
        if isinstance(element, Capacitor | Subcircuit | Transconductance):
            continue  # no path at rest; what a subcircuit connects is its own business
        parent[root(element.a)] = root(element.b)
        if isinstance(element, BehaviouralVoltage) and element.a == element.b:
            raise InputError(source="netlist", key=name, allowed="has both ends at one node")
    for node in read:
        root(node)
    floating = [node for node in parent if root(node) != root(GROUND)]
    if floating:
        shown = ", ".join(floating[:5]) + (", …" if len(floating) > 5 else "")
        raise InputError(
            source="netlist",
            key=shown,
            allowed=f"{len(floating)} nodes have no path to ground; hold the line "
            "(crossbar.unselected) or remove the open junctions that cut it off",
        )
