"""What sits at a crossing of two lines."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal, Self

from pydantic import Tag

from mtjspice.spec.base import GateVoltage, Length, Spec, one_of
from mtjspice.spec.defects import Axis
from mtjspice.spec.mtj import Mtj
from mtjspice.spec.ranges import Within


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

    Example:
        >>> from mtjspice import Mtj, PassiveCell
        >>> PassiveCell(mtj=Mtj(tmr0=1.5)).mtj.tmr0
        1.5
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

    Example:
        >>> from mtjspice import GatedCell
        >>> GatedCell(gates="row").access.model
        'nmos_33'
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

    Example:
        >>> from mtjspice import TransmissionGateCell
        >>> TransmissionGateCell().pmos.width
        4e-06
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


SelectorCurrent = Annotated[
    float,
    Within("A", 1e-18, 1e-3, "less is never seen, and more is no selector", usual=(1e-13, 1e-7)),
]
"""A, the scale of a selector's law: 1 aA to 1 mA."""
SelectorVoltage = Annotated[
    float,
    Within(
        "V", 0.02, 1, "steeper ones, below 46 mV a decade, are threshold switches, which snap and "
        "have no such law; a volt is no selector", usual=(0.025, 0.2),
    ),
]  # fmt: skip
"""V, the scale of a selector's law: 20 mV to 1 V."""


class SelectorCell(CellKind):
    """1S-1MTJ: the junction from the word line (row) to a selector, which leads to the bit line.

    The selector is a two-terminal device with ``I = i_0 sinh(V/v_0)``: exponential where it
    conducts, nearly open where only half the voltage is over the cell, the same in both directions.
    It has no memory, takes no time and depends on nothing but its voltage. Devices with
    exponential laws and what they reach: G. W. Burr et al., J. Vac. Sci. Technol. B 32, 040802
    (2014). Threshold switches (under a junction: H. Yang et al., IEDM 2017, 38.1, 0.3 V, 2.8 mV a
    decade, seven decades) snap instead, and are no such cells. The values here are assumptions.

    Attributes:
        mtj: the junction.
        i_0: current scale, A; the selector carries about half a decade more at 2 v_0.
        v_0: voltage scale, V: a decade of current takes 2.3 v_0.

    Example:
        >>> from mtjspice import SelectorCell
        >>> SelectorCell(v_0=0.05).kind
        'selector'
    """

    kind: Literal["selector"] = "selector"
    mtj: Mtj = Mtj()
    i_0: SelectorCurrent = 1e-10
    v_0: SelectorVoltage = 0.04

    @property
    def series(self) -> Literal["own"]:
        """The selector."""
        return "own"


Cell = Annotated[
    Annotated[PassiveCell, Tag("passive")]
    | Annotated[GatedCell, Tag("gated")]
    | Annotated[TransmissionGateCell, Tag("transmission_gate")]
    | Annotated[SelectorCell, Tag("selector")],
    one_of("passive"),
]
"""The cell kinds, told apart by ``kind``; `mtjspice.netlist.cells` draws each of them."""
