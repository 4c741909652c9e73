"""How each kind of cell is drawn. A further kind is a class here and its spec in `spec.cell`.

A kind says what its lines are called, between which nodes its junction lies, and what else it is
made of; which gate lines and transistors it has is in its spec.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from mtjspice.netlist.elements import BehaviouralVoltage, Element, Mosfet
from mtjspice.spec.cell import (
    Cell,
    GatedCell,
    PassiveCell,
    SelectorCell,
    Transistor,
    TransmissionGateCell,
)
from mtjspice.units import format_quantity

Spec_contra = TypeVar("Spec_contra", contravariant=True)
BULK, WELL = "bulk", "well"
"""Bulk of the NMOS, at ground, and of the PMOS, at the gate voltage; each behind its own source."""


@dataclass(frozen=True)
class Site:
    """Where a cell is.

    Attributes:
        name: of the place, ``3_7``.
        a: node of the input line.
        b: node of the output line.
        gates: node of each gate line, by the line's name.
        delvto: threshold shift of each transistor, V, in the order of `CellKind.transistors`.
        models: of each transistor, in the same order, as its card names it for its size.
    """

    name: str
    a: str
    b: str
    gates: Mapping[str, str]
    delvto: tuple[float, ...]
    models: tuple[str, ...]

    @property
    def inner(self) -> str:
        """The node between junction and transistor."""
        return f"x{self.name}"


class Kind(Protocol[Spec_contra]):
    """What the generator asks of a kind of cell, whose spec is the parameter."""

    input_line: str
    output_line: str
    bulks: Mapping[str, bool]
    """Node of each bulk of its transistors, and whether it is at the gate voltage, or at ground."""

    def junction(self, site: Site) -> tuple[str, str]:
        """The nodes of the junction, the free end first."""
        ...

    def others(self, cell: Spec_contra, site: Site) -> Iterator[Element]:
        """Everything but the junction."""
        ...


class Passive:
    """The junction alone."""

    input_line, output_line = "wl", "bl"
    bulks: Mapping[str, bool] = {}

    def junction(self, site: Site) -> tuple[str, str]:
        """From line to line."""
        return site.a, site.b

    def others(self, cell: PassiveCell, site: Site) -> Iterator[Element]:
        """Nothing."""
        yield from ()


class Gated:
    """Junction and NMOS in series."""

    input_line, output_line = "bl", "sl"
    bulks: Mapping[str, bool] = {BULK: False}

    def junction(self, site: Site) -> tuple[str, str]:
        """From the bit line to the inner node."""
        return site.a, site.inner

    def others(self, cell: GatedCell, site: Site) -> Iterator[Element]:
        """The NMOS, from the inner node to the source line."""
        yield _mosfet(f"n{site.name}", cell.access, site, 0, "wl", BULK)


class TransmissionGate:
    """Junction in series with an NMOS and a PMOS side by side."""

    input_line, output_line = "bl", "sl"
    bulks: Mapping[str, bool] = {BULK: False, WELL: True}

    def junction(self, site: Site) -> tuple[str, str]:
        """From the bit line to the inner node."""
        return site.a, site.inner

    def others(self, cell: TransmissionGateCell, site: Site) -> Iterator[Element]:
        """Both transistors, from the inner node to the source line."""
        yield _mosfet(f"n{site.name}", cell.nmos, site, 0, "wl", BULK)
        yield _mosfet(f"p{site.name}", cell.pmos, site, 1, "wlb", WELL)


class Selector:
    """Junction and selector in series.

    The selector's law is written as the voltage for its own current: a solver that guesses a
    voltage that is too large by half a volt would have to take its exponential, one that guesses a
    current only its logarithm (docs/spice.md).
    """

    input_line, output_line = "wl", "bl"
    bulks: Mapping[str, bool] = {}

    def junction(self, site: Site) -> tuple[str, str]:
        """From the word line to the inner node."""
        return site.a, site.inner

    def others(self, cell: SelectorCell, site: Site) -> Iterator[Element]:
        """The selector, from the inner node to the bit line."""
        name = f"s{site.name}"
        i_0, v_0 = format_quantity(cell.i_0), format_quantity(cell.v_0)
        yield BehaviouralVoltage(name, site.inner, site.b, f"{v_0}*asinh(i(B{name})/{i_0})")


KINDS: Mapping[str, Kind[Any]] = {
    "passive": Passive(),
    "gated": Gated(),
    "transmission_gate": TransmissionGate(),
    "selector": Selector(),
}


def kind_of(cell: Cell) -> Kind[Any]:
    """How a cell is drawn."""
    return KINDS[cell.kind]


def _mosfet(
    name: str, transistor: Transistor, site: Site, number: int, gate: str, bulk: str
) -> Mosfet:
    """A cell's transistor, by its number in `CellKind.transistors`."""
    return Mosfet(
        name=name,
        drain=site.inner,
        gate=site.gates[gate],
        source=site.b,
        bulk=bulk,
        model=site.models[number],
        width=transistor.width,
        length=transistor.length,
        delvto=site.delvto[number],
    )
