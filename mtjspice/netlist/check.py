"""What SPICE would accept and answer wrongly is dropped or refused before it is loaded.

SPICE itself solves a floating node "successfully" with a warning, and turns R = 0 into 1 mΩ.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import assert_never

from mtjspice.errors import InputError
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
    designator,
)
from mtjspice.netlist.nodes import GROUND


def well_defined(
    elements: Sequence[Element], read: Iterable[str] = ()
) -> tuple[tuple[Element, ...], tuple[str, ...]]:
    """A circuit without the nodes that nothing holds and nobody reads.

    Such a node is on a piece of line that open junctions and dead ends cut off, and its voltage
    can be anything. No current flows between it and the rest, so that the rest is right without it
    and without the elements on it.

    Args:
        elements: the whole circuit.
        read: nodes whose voltage will be read; the currents of sources are read, too.

    Returns:
        The elements that are left, and the nodes that are dropped.

    Raises:
        InputError: naming the element whose name is used twice, whose resistance is not positive or
            that is short-circuited; or the floating nodes that are read, or that something which is
            read depends on.
    """
    _check_each(elements)
    floating = _floating(elements, read)
    if not floating:
        return tuple(elements), ()
    needed = [node for node in read if node in floating]
    kept = []
    for element in elements:
        loose = [node for node in _nodes(element) if node in floating]
        if not loose:
            kept.append(element)
        elif isinstance(element, VoltageSource | BehaviouralVoltage) or not all(
            node in floating or node == GROUND for node in _ends(element)
        ):
            needed += loose
    if needed:
        names = list(dict.fromkeys(needed))
        shown = ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
        raise InputError(
            source="netlist",
            key=shown,
            allowed=f"{len(names)} nodes that are read have no path to ground; hold the line "
            "(crossbar.unselected), remove the open junctions that cut it off, or read no cells "
            "(observe)",
        )
    return tuple(kept), tuple(floating)


def _check_each(elements: Iterable[Element]) -> None:
    """Refuse what is wrong with one element."""
    names: set[str] = set()
    for element in elements:
        name = designator(element)
        if name in names:
            raise InputError(source="netlist", key=name, allowed="is used twice")
        names.add(name)
        if isinstance(element, Resistor) and not element.ohms > 0:
            raise InputError(
                source="netlist", key=name, value=element.ohms, allowed="must be above 0 Ω"
            )
        if isinstance(element, BehaviouralVoltage) and element.a == element.b:
            raise InputError(source="netlist", key=name, allowed="has both ends at one node")


def _floating(elements: Sequence[Element], read: Iterable[str]) -> Mapping[str, None]:
    """The nodes without a path to ground, in the order in which they appear."""
    parent: dict[str, str] = {GROUND: GROUND}

    def root(node: str) -> str:
        parent.setdefault(node, node)
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for element in elements:
        for node in _nodes(element):
            root(node)
        for a, b in _paths(element):
            parent[root(a)] = root(b)
    for node in read:
        root(node)
    held = root(GROUND)
    floating = {node: None for node in parent if root(node) != held}
    for element in elements:
        # The copy of a voltage that can be anything can be anything, too.
        if isinstance(element, Transconductance) and {element.c, element.d} & floating.keys():
            floating |= {node: None for node in (element.a, element.b) if node != GROUND}
    return floating


def _paths(element: Element) -> tuple[tuple[str, str], ...]:
    """Pairs of nodes between which an element fixes the voltage, or a current that depends on it.

    At rest: a capacitor is no path then, and a transient starts from rest.
    """
    match element:
        case Resistor() | VoltageSource() | BehaviouralVoltage() | BehaviouralCurrent() | Mosfet():
            return ((element.a, element.b),)
        case Subcircuit(pins=pins):
            return tuple((pin, GROUND) for pin in pins)  # what it connects is its own business
        case Capacitor() | Transconductance():
            return ()
        case _:
            assert_never(element)


def _ends(element: Element) -> tuple[str, ...]:
    """The nodes that an element carries current to."""
    return element.pins if isinstance(element, Subcircuit) else (element.a, element.b)


def _nodes(element: Element) -> tuple[str, ...]:
    """All nodes of an element, those that only control it included."""
    match element:
        case (
            Resistor()
            | Capacitor()
            | VoltageSource()
            | BehaviouralVoltage()
            | BehaviouralCurrent()
            | Subcircuit()
        ):
            return _ends(element)
        case Transconductance(a=a, b=b, c=c, d=d):
            return a, b, c, d
        case Mosfet(drain=drain, gate=gate, source=source, bulk=bulk):
            return drain, gate, source, bulk
        case _:
            assert_never(element)
