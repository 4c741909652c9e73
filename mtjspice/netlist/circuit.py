"""A whole circuit with what is asked of it, as data; a `dialect` writes it as a netlist."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from mtjspice.netlist.elements import Element
from mtjspice.netlist.library import TransistorModel

BRANCH = "#branch"
"""How the name of a branch current ends; without it a vector is the voltage of a node."""


@dataclass(frozen=True)
class Sweep:
    """The circuit at rest, once for each whole number of volts from 0 that a source takes.

    Attributes:
        source: name of a `VoltageSource`, without its letter.
        points: how many.
    """

    source: str
    points: int


@dataclass(frozen=True)
class Course:
    """The circuit in time, from rest on.

    Attributes:
        step: longest step, s.
        end: s.
    """

    step: float
    end: float


@dataclass(frozen=True)
class Macro:
    """A subcircuit of ``models/periphery.lib``.

    Attributes:
        name: that instances give.
        text: as it stands in the file, from ``.subckt`` to ``.ends``.
    """

    name: str
    text: str


Definition = TransistorModel | Macro
"""What instances name."""


@dataclass(frozen=True)
class Part:
    """Another circuit beside the whole one: a subcircuit with one instance of the same name.

    Attributes:
        name: of both.
        pins: nodes that are seen from outside, by the same names.
        elements: what it is made of.
    """

    name: str
    pins: tuple[str, ...]
    elements: tuple[Element, ...]


@dataclass(frozen=True)
class Circuit:
    """All that a netlist says.

    Vectors are named as everywhere here: a node by its name, the branch current of a source as
    ``vrow3#branch``; see `designator` and `BRANCH`.

    Attributes:
        comments: lines of its head.
        reltol: Newton's relative tolerance of every unknown.
        abstol: its absolute tolerance of a current, A.
        celsius: temperature, °C.
        definitions: models and subcircuits, in the order in which they are written.
        elements: the circuit itself.
        analysis: what is computed.
        saved: vectors that are kept.
        printed: vectors that are shown to whoever runs the netlist by hand.
        parameters: numbers by name, for expressions.
        parts: other circuits beside it.
        measures: lines that make SPICE measure something; no other dialect has them.
    """

    comments: tuple[str, ...]
    reltol: float
    abstol: float
    celsius: float
    definitions: tuple[Definition, ...]
    elements: tuple[Element, ...]
    analysis: Sweep | Course
    saved: tuple[str, ...]
    printed: tuple[str, ...]
    parameters: Mapping[str, float] = field(default_factory=dict)
    parts: tuple[Part, ...] = ()
    measures: tuple[str, ...] = ()


def as_expression(vector: str) -> str:
    """How expressions, and lists of what is saved or printed, name a vector.

    Example:
        >>> as_expression("vrow3#branch"), as_expression("in3")
        ('i(vrow3)', 'v(in3)')
    """
    name, branch, _ = vector.partition(BRANCH)
    return f"i({name})" if branch else f"v({name})"
