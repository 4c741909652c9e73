"""What sits at a crossing of two lines."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal, Self

from pydantic import Tag

from mtjspice.spec.base import GateVoltage, Length, Spec, one_of
from mtjspice.spec.defects import Axis
from mtjspice.spec.mtj import Mtj


class Transistor(Spec):
    """One transistor of a cell.

    Attributes:
        model: its name in the technology's card.
        width: drawn, m.
        length: drawn, m.
    """

    model: str
    width: Length
    length: Length


@dataclass(frozen=True)
class Gates:
    """The lines that switch cells on.

    Attributes:
        along: whether they run along columns or along rows.
        volts: of one that is high, V; a low one is at ground.
        lines: the name of each that leads to a cell, and whether it is high when the cell is on.
    """

    along: Axis
    volts: float
    lines: Mapping[str, bool]

    def count(self, shape: tuple[int, int]) -> int:
        """How many of each name an array of (rows, columns) has."""
        return shape[1] if self.along == "column" else shape[0]


class CellKind(Spec):
    """What every kind of cell says of itself, so that nothing else has to ask which it is.

    A further kind is a class here, in `Cell`, and one in `mtjspice.netlist.cells`, which draws it;
    one that has a law of its own in series with the junction gives it in `mtjspice.solver.series`.
    """

    @property
    def gate(self) -> Gates | None:
        """The lines that switch it on; None if it is always on."""
        return None

    @property
    def transistors(self) -> tuple[Transistor, ...]:
        """Its transistors."""
        return ()

    @property
    def series(self) -> Literal["nothing", "measured", "own"]:
        """What is in series with the junction.

        ``measured`` is an access device of transistors, whose law is fitted to sweeps in the
        simulator; ``own`` is a law that the kind gives itself.
        """
        return "measured" if self.transistors else "nothing"

    @property
    def sneaks(self) -> bool:
        """Whether it conducts while it is not selected, so that currents go round about."""
        return self.gate is None

    @property
    def half_selected(self) -> bool:
        """Whether it is written by the voltage between its lines alone.

        Others on the same lines get half of that; it is the same in both directions.
        """
        return self.gate is None

    def at_supply(self, factor: float) -> Self:
        """The same where gates have so many times the voltage that is written."""
        return self


class PassiveCell(CellKind):
    """One junction between the word line (row) and the bit line (column).

    Attributes:
        mtj: the junction.
    """

    kind: Literal["passive"] = "passive"
    mtj: Mtj = Mtj()


class GatedCell(CellKind):
    """1T-1MTJ: the junction from the bit line (row) to an NMOS, which leads to the source line.

    Attributes:
        mtj: the junction.
        access: the NMOS; its gate is on the word line, its bulk at ground.
        gate_volts: of a word line that is on, V; others are at ground.
        gates: whether a word line runs along a column or along a row.
    """

    kind: Literal["gated"] = "gated"
    mtj: Mtj = Mtj()
    access: Transistor = Transistor(model="nmos_33", width=2e-6, length=0.35e-6)
    gate_volts: GateVoltage = 3.3
    gates: Literal["column", "row"] = "column"

    @property
    def gate(self) -> Gates:
        """A word line, high when it is on."""
        return Gates(self.gates, self.gate_volts, {"wl": True})

    @property
    def transistors(self) -> tuple[Transistor, ...]:
        """The NMOS."""
        return (self.access,)

    def at_supply(self, factor: float) -> Self:
        """The same with so many times the voltage on its word line."""
        return self.replace(gate_volts=factor * self.gate_volts)


class TransmissionGateCell(CellKind):
    """2T-1MTJ: as `GatedCell`, with a PMOS beside the NMOS, for a reference in mid-supply.

    Attributes:
        mtj: the junction.
        nmos: its gate is on the word line, its bulk at ground.
        pmos: its gate is on the complementary word line, its bulk at `gate_volts`.
        gate_volts: of a word line that is on, V, and of a complementary one that is off.
        gates: whether the word lines run along a column or along a row.
    """

    kind: Literal["transmission_gate"] = "transmission_gate"
    mtj: Mtj = Mtj()
    nmos: Transistor = Transistor(model="nmos_33", width=2e-6, length=0.35e-6)
    pmos: Transistor = Transistor(model="pmos_33", width=4e-6, length=0.35e-6)
    gate_volts: GateVoltage = 3.3
    gates: Literal["column", "row"] = "column"

    @property
    def gate(self) -> Gates:
        """A word line, high when it is on, and its complement."""
        return Gates(self.gates, self.gate_volts, {"wl": True, "wlb": False})

    @property
    def transistors(self) -> tuple[Transistor, ...]:
        """The NMOS and the PMOS."""
        return self.nmos, self.pmos

    def at_supply(self, factor: float) -> Self:
        """The same with so many times the voltage on its word lines."""
        return self.replace(gate_volts=factor * self.gate_volts)


Cell = Annotated[
    Annotated[PassiveCell, Tag("passive")]
    | Annotated[GatedCell, Tag("gated")]
    | Annotated[TransmissionGateCell, Tag("transmission_gate")],
    one_of("passive"),
]
"""The cell kinds, told apart by ``kind``; `mtjspice.netlist.cells` draws each of them."""
