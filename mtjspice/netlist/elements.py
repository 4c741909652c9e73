"""The few circuit elements that the generators use, and how ngspice writes them."""

from dataclasses import dataclass

from mtjspice.units import format_quantity

MAX_LINE = 100
"""Netlist lines are folded here where they have a blank: people read them."""


@dataclass(frozen=True)
class Resistor:
    """Ohmic resistor, Ω."""

    name: str
    a: str
    b: str
    ohms: float

    def line(self) -> str:
        """The netlist line."""
        return f"R{self.name} {self.a} {self.b} {format_quantity(self.ohms)}"


@dataclass(frozen=True)
class VoltageSource:
    """Constant voltage source, V; its branch current flows from `a` through it to `b`."""

    name: str
    a: str
    b: str
    volts: float

    def line(self) -> str:
        """The netlist line."""
        return f"V{self.name} {self.a} {self.b} {format_quantity(self.volts)}"


@dataclass(frozen=True)
class BehaviouralVoltage:
    """Voltage given by an expression; branch current as in `VoltageSource`."""

    name: str
    a: str
    b: str
    expression: str

    def line(self) -> str:
        """The netlist line."""
        return f"B{self.name} {self.a} {self.b} V={self.expression}"


@dataclass(frozen=True)
class BehaviouralCurrent:
    """Current from `a` through the element to `b`, given by an expression."""

    name: str
    a: str
    b: str
    expression: str

    def line(self) -> str:
        """The netlist line."""
        return f"B{self.name} {self.a} {self.b} I={self.expression}"


Element = Resistor | VoltageSource | BehaviouralVoltage | BehaviouralCurrent


def fold(line: str) -> str:
    """Break a long netlist line at its blanks into continuation lines."""
    if len(line) <= MAX_LINE:
        return line
    lines, current = [], ""
    for piece in line.split(" "):
        if current and len(current) + 1 + len(piece) > MAX_LINE:
            lines.append(current)
            current = f"+ {piece}"
        else:
            current = f"{current} {piece}" if current else piece
    return "\n".join([*lines, current])
