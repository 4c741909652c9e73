"""What sits at a crossing of two lines."""

from typing import Annotated, Literal

from pydantic import Tag

from mtjspice.spec.base import GateVoltage, Length, Spec, one_of
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


class PassiveCell(Spec):
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


class GatedCell(Spec):
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


class TransmissionGateCell(Spec):
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


Cell = Annotated[
    Annotated[PassiveCell, Tag("passive")]
    | Annotated[GatedCell, Tag("gated")]
    | Annotated[TransmissionGateCell, Tag("transmission_gate")],
    one_of("passive"),
]
"""The cell kinds, told apart by ``kind``; `mtjspice.netlist.cells` draws each of them."""
