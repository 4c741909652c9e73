"""How each kind of cell is drawn. A further kind is a class here and its spec in `spec.cell`.

A kind says what its lines are called, which gate lines it has, between which nodes its junction
lies, and what else it is made of.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from mtjspice.netlist.elements import Element, Mosfet
from mtjspice.spec.cell import Cell, GatedCell, PassiveCell, Transistor, TransmissionGateCell

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
        delvto: threshold shift of each transistor, V, in the order of `Kind.transistors`.
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


class Kind(Protocol):
    """What the generator asks of a kind of cell."""

    input_line: str
    output_line: str
    gate_lines: Mapping[str, bool]
    """Name of each gate line, and whether it is high when it is on."""

    def transistors(self, cell: Cell) -> tuple[Transistor, ...]:
        """The transistors of a cell."""
        ...

    def junction(self, site: Site) -> tuple[str, str]:
        """The nodes of the junction, the free end first."""
        ...

    def others(self, cell: Cell, site: Site) -> Iterator[Element]:
        """Everything but the junction."""
        ...


class Passive:
    """The junction alone."""

    input_line, output_line = "wl", "bl"
    gate_lines: Mapping[str, bool] = {}

    def transistors(self, cell: Cell) -> tuple[Transistor, ...]:
        """None."""
        assert isinstance(cell, PassiveCell)
        return ()

    def junction(self, site: Site) -> tuple[str, str]:
        """From line to line."""
        return site.a, site.b

    def others(self, cell: Cell, site: Site) -> Iterator[Element]:
        """Nothing."""
        assert isinstance(cell, PassiveCell)
        yield from ()


class Gated:
    """Junction and NMOS in series."""

    input_line, output_line = "bl", "sl"
    gate_lines: Mapping[str, bool] = {"wl": True}

    def transistors(self, cell: Cell) -> tuple[Transistor, ...]:
        """The NMOS."""
        assert isinstance(cell, GatedCell)
        return (cell.access,)

    def junction(self, site: Site) -> tuple[str, str]:
        """From the bit line to the inner node."""
        return site.a, site.inner

    def others(self, cell: Cell, site: Site) -> Iterator[Element]:
        """The NMOS, from the inner node to the source line."""
        assert isinstance(cell, GatedCell)
        yield _mosfet(f"n{site.name}", cell.access, site, 0, "wl", BULK)


class TransmissionGate:
    """Junction in series with an NMOS and a PMOS side by side."""

    input_line, output_line = "bl", "sl"
    gate_lines: Mapping[str, bool] = {"wl": True, "wlb": False}

    def transistors(self, cell: Cell) -> tuple[Transistor, ...]:
        """The NMOS and the PMOS."""
        assert isinstance(cell, TransmissionGateCell)
        return cell.nmos, cell.pmos

    def junction(self, site: Site) -> tuple[str, str]:
        """From the bit line to the inner node."""
        return site.a, site.inner

    def others(self, cell: Cell, site: Site) -> Iterator[Element]:
        """Both transistors, from the inner node to the source line."""
        assert isinstance(cell, TransmissionGateCell)
        yield _mosfet(f"n{site.name}", cell.nmos, site, 0, "wl", BULK)
        yield _mosfet(f"p{site.name}", cell.pmos, site, 1, "wlb", WELL)


KINDS: Mapping[str, Kind] = {
    "passive": Passive(),
    "gated": Gated(),
    "transmission_gate": TransmissionGate(),
}


def kind_of(cell: Cell) -> Kind:
    """How a cell is drawn."""
    return KINDS[cell.kind]


def gates_along(cell: Cell) -> str:
    """Whether the gate lines of a kind that has them run along a ``row`` or a ``column``."""
    return "column" if isinstance(cell, PassiveCell) else cell.gates


def _mosfet(
    name: str, transistor: Transistor, site: Site, number: int, gate: str, bulk: str
) -> Mosfet:
    """A cell's transistor, by its number in `Kind.transistors`."""
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
