"""The few circuit elements that the generators use, as data; a `dialect` writes them.

Names are without the letter that tells the kind of an element in a netlist. Nodes are strings, the
ground is `mtjspice.netlist.nodes.GROUND`; numbers are in SI units.

Expressions of behavioural sources are text, in what SPICE dialects have in common: numbers,
``+ - * /``, parentheses, ``v(node)`` and ``i(element)`` with the element's letter, ``min max abs``,
a parameter of the netlist in braces, and ``pwl(x, x0,y0, x1,y1, ...)``, which is piecewise linear
in its first argument.
"""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class Resistor:
    """Ohmic resistor, Ω."""

    letter: ClassVar[str] = "R"

    name: str
    a: str
    b: str
    ohms: float


@dataclass(frozen=True)
class Capacitor:
    """Linear capacitor, F."""

    letter: ClassVar[str] = "C"

    name: str
    a: str
    b: str
    farads: float


@dataclass(frozen=True)
class VoltageSource:
    """Voltage source, V; its branch current flows from `a` through it to `b`.

    With `points`, (time, voltage) pairs, it is piecewise linear in time and `volts` is its value
    at rest.
    """

    letter: ClassVar[str] = "V"

    name: str
    a: str
    b: str
    volts: float
    points: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True)
class BehaviouralVoltage:
    """Voltage given by an expression; branch current as in `VoltageSource`."""

    letter: ClassVar[str] = "B"

    name: str
    a: str
    b: str
    expression: str


@dataclass(frozen=True)
class BehaviouralCurrent:
    """Current from `a` through the element to `b`, given by an expression."""

    letter: ClassVar[str] = "B"

    name: str
    a: str
    b: str
    expression: str


@dataclass(frozen=True)
class Transconductance:
    """Current from `a` through the element to `b`: `siemens` times the voltage from `c` to `d`."""

    letter: ClassVar[str] = "G"

    name: str
    a: str
    b: str
    c: str
    d: str
    siemens: float


@dataclass(frozen=True)
class Mosfet:
    """Transistor; `delvto` shifts its threshold, V."""

    letter: ClassVar[str] = "M"

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


@dataclass(frozen=True)
class Subcircuit:
    """An instance of a subcircuit."""

    letter: ClassVar[str] = "X"

    name: str
    pins: tuple[str, ...]
    of: str


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


def designator(element: Element) -> str:
    """What an element is called in a netlist, in lower case: its kind's letter and its name.

    No simulator tells capitals from small letters.

    Example:
        >>> designator(Resistor("row0_end", "in0", "wl0_0", 100.0))
        'rrow0_end'
    """
    return f"{element.letter}{element.name}".lower()
