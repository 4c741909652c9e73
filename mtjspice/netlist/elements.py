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
class Capacitor:
    """Linear capacitor, F."""

    name: str
    a: str
    b: str
    farads: float

    def line(self) -> str:
        """The netlist line."""
        return f"C{self.name} {self.a} {self.b} {format_quantity(self.farads)}"


@dataclass(frozen=True)
class VoltageSource:
    """Voltage source, V; its branch current flows from `a` through it to `b`.

    With `points`, (time, voltage) pairs, it is piecewise linear in time and `volts` is its value
    at rest.
    """

    name: str
    a: str
    b: str
    volts: float
    points: tuple[tuple[float, float], ...] = ()

    def line(self) -> str:
        """The netlist line."""
        return (
            f"V{self.name} {self.a} {self.b} {format_quantity(self.volts)} {self.pulses()}".strip()
        )

    def pulses(self) -> str:
        """What the line says of the course in time; empty without `points`."""
        pairs = (f"{format_quantity(t)} {format_quantity(v)}" for t, v in self.points)
        return f"pwl( {' '.join(pairs)} )" if self.points else ""


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


@dataclass(frozen=True)
class Transconductance:
    """Current from `a` through the element to `b`: `siemens` times the voltage from `c` to `d`."""

    name: str
    a: str
    b: str
    c: str
    d: str
    siemens: float

    def line(self) -> str:
        """The netlist line."""
        nodes = f"{self.a} {self.b} {self.c} {self.d}"
        return f"G{self.name} {nodes} {format_quantity(self.siemens)}"


@dataclass(frozen=True)
class Mosfet:
    """Transistor; `delvto` shifts its threshold, V."""

    name: str
    drain: str
    gate: str
    source: str
    bulk: str
    model: str
    width: float
    length: float
    delvto: float = 0.0

    @property
    def a(self) -> str:
        """One end of the channel."""
        return self.drain

    @property
    def b(self) -> str:
        """The other end of the channel."""
        return self.source

    def line(self) -> str:
        """The netlist line."""
        pins = f"{self.drain} {self.gate} {self.source} {self.bulk}"
        return f"M{self.name} {pins} {self.model} {self.parameters()}"

    def parameters(self) -> str:
        """What the line says behind the model."""
        size = f"w={format_quantity(self.width)} l={format_quantity(self.length)}"
        return f"{size} delvto={format_quantity(self.delvto)}" if self.delvto else size


@dataclass(frozen=True)
class Subcircuit:
    """An instance of a subcircuit."""

    name: str
    pins: tuple[str, ...]
    of: str

    def line(self) -> str:
        """The netlist line."""
        return f"X{self.name} {' '.join(self.pins)} {self.of}"


Element = (
    Resistor
    | Capacitor
    | VoltageSource
    | BehaviouralVoltage
    | BehaviouralCurrent
    | Transconductance
    | Mosfet
    | Subcircuit
)


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
