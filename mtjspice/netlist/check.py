"""What ngspice would accept and answer wrongly is refused before it is loaded."""

from collections.abc import Iterable

from mtjspice.errors import InputError
from mtjspice.netlist.elements import BehaviouralVoltage, Element, Resistor
from mtjspice.netlist.nodes import GROUND


def check_elements(elements: Iterable[Element]) -> None:
    """Refuse floating nodes, resistances that are not positive, and names that are used twice.

    ngspice itself solves a floating node "successfully" with a warning, and turns R = 0 into 1 mΩ.

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
        parent[root(element.a)] = root(element.b)
        if isinstance(element, BehaviouralVoltage) and element.a == element.b:
            raise InputError(source="netlist", key=name, allowed="has both ends at one node")
    floating = [node for node in parent if root(node) != root(GROUND)]
    if floating:
        shown = ", ".join(floating[:5]) + (", …" if len(floating) > 5 else "")
        raise InputError(
            source="netlist",
            key=shown,
            allowed=f"{len(floating)} nodes have no path to ground; hold the line "
            "(crossbar.unselected) or remove the open junctions that cut it off",
        )
