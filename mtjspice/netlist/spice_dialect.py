"""Circuits in the language of ngspice."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Final, assert_never

from mtjspice.netlist.circuit import Circuit, Course, Definition, Macro, Part, Sweep, as_expression
from mtjspice.netlist.dialect import Dialect, fold
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
)
from mtjspice.netlist.library import TransistorModel
from mtjspice.units import format_quantity

TOLERANCES: Final = "vntol=1e-9 pivrel=0.1"
"""Newton's absolute tolerance of a voltage, V, and the smallest pivot relative to its column.

ngspice's own pivot limit of 1e-3 costs KLU five digits: Kirchhoff's law then closes to 1e-8 only,
and with ``vntol=1e-10`` a 64 x 64 tile falls into gmin stepping. With 0.1 it closes to 1e-13, for
no time that could be measured.
"""


class Ngspice:
    """The dialect."""

    name: Final = "ngspice"

    def write(self, circuit: Circuit) -> str:
        """The netlist; plain ``ngspice -b`` runs it."""
        saved = " ".join(as_expression(name) for name in circuit.saved)
        shown = " ".join(as_expression(name) for name in circuit.printed)
        kind = "tran" if isinstance(circuit.analysis, Course) else "dc"
        return "\n".join(
            [
                *(f"* {line}" for line in circuit.comments),
                *settings(circuit),
                *(f".param {n}={format_quantity(x)}" for n, x in circuit.parameters.items()),
                *(fold(element_line(element)) for element in circuit.elements),
                *(line for part in circuit.parts for line in _part(part)),
                _analysis(circuit.analysis),
                fold(f".save {saved}"),
                # Without a .print line, plain "ngspice -b" runs nothing.
                fold(f".print {kind} {shown}"),
                *circuit.measures,
                ".end",
                "",
            ]
        )


NGSPICE: Final[Dialect] = Ngspice()


def settings(circuit: Circuit) -> list[str]:
    """Lines that set tolerances and temperature and hold models and subcircuits."""
    reltol, abstol = format_quantity(circuit.reltol), format_quantity(circuit.abstol)
    return [
        f".options reltol={reltol} abstol={abstol} {TOLERANCES}",
        f".temp {format_quantity(circuit.celsius)}",
        *definition_lines(circuit.definitions),
    ]


def definition_lines(definitions: Iterable[Definition]) -> list[str]:
    """Models and subcircuits."""
    return [
        one.text if isinstance(one, Macro) else model_line(one)
        for one in dict.fromkeys(definitions)
    ]


@lru_cache(maxsize=4096)
def model_line(model: TransistorModel) -> str:
    """A ``.model`` line, folded; kept, because a foundry's models are long and many."""
    pairs = " ".join(f"{name}={value}" for name, value in model.values.items())
    return fold(f".model {model.name} {model.channel} {pairs}".rstrip())


def element_line(element: Element) -> str:
    """The line of an element, not folded."""
    match element:
        case Resistor():
            rest = f"{element.a} {element.b} {format_quantity(element.ohms)}"
        case BehaviouralCurrent():
            rest = f"{element.a} {element.b} I={element.expression}"
        case Transconductance():
            nodes = f"{element.a} {element.b} {element.c} {element.d}"
            rest = f"{nodes} {format_quantity(element.siemens)}"
        case Mosfet():
            pins = f"{element.drain} {element.gate} {element.source} {element.bulk}"
            rest = f"{pins} {element.model} {transistor_parameters(element)}"
        case VoltageSource():
            rest = f"{element.a} {element.b} {format_quantity(element.volts)} {pulses(element)}"
        case BehaviouralVoltage():
            rest = f"{element.a} {element.b} V={element.expression}"
        case Capacitor():
            rest = f"{element.a} {element.b} {format_quantity(element.farads)}"
        case Subcircuit():
            rest = f"{' '.join(element.pins)} {element.of}"
        case _:
            assert_never(element)
    return f"{element.letter}{element.name} {rest}".rstrip()


def pulses(source: VoltageSource) -> str:
    """What the line of a source says of its course in time; empty where there is none."""
    pairs = (f"{format_quantity(t)} {format_quantity(v)}" for t, v in source.points)
    return f"pwl( {' '.join(pairs)} )" if source.points else ""


def transistor_parameters(transistor: Mosfet) -> str:
    """What the line of a transistor says behind its model."""
    size = f"w={format_quantity(transistor.width)} l={format_quantity(transistor.length)}"
    shift = transistor.delvto
    return f"{size} delvto={format_quantity(shift)}" if shift else size


def _part(part: Part) -> list[str]:
    pins = " ".join(part.pins)
    return [
        f".subckt {part.name} {pins}",
        *(fold(element_line(element)) for element in part.elements),
        f".ends {part.name}",
        f"X{part.name} {pins} {part.name}",
    ]


def _analysis(analysis: Sweep | Course) -> str:
    match analysis:
        case Sweep(source, points):
            return f".dc V{source} 0 {points - 1} 1"
        case Course(step, end):
            longest = format_quantity(step)
            return f".tran {longest} {format_quantity(end)} 0 {longest}"
        case _:
            assert_never(analysis)
