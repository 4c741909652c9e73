"""Circuits in the language of Xyce, Sandia National Laboratories' simulator.

Written after the Xyce Reference Guide and Users' Guide (releases 7.6 to 7.10; ``doc/`` of
github.com/Xyce/Xyce), of which these facts are used:

- The first line is the title, an asterisk begins a comment line, a plus a continuation; capitals
  are small letters, the ground is ``0`` (Users' Guide, "Netlist Basics").
- Braces around every expression are required; a parameter needs none inside. ``TABLE(x, x0,y0,
  ...)`` is what Berkeley’s SPICE calls ``pwl`` (B device; "Arithmetic Functions").
- Tolerances are those of the residual, for operating points (``.OPTIONS NONLIN``) and for steps in
  time (``NONLIN-TRAN``); the temperature is one of ``.OPTIONS DEVICE``.
- Only what ``.PRINT`` names comes out: it takes the place of ``.save`` (``.PRINT``; ``.DC``).
- BSIM4 is level 14 or 54 and takes ``DELVTO``; levels 1, 2, 3 and 6 are SPICE's (M device). Others
  have other numbers or versions there, and are refused.
- Defaults of a subcircuit's parameters stand behind ``PARAMS:`` (``.SUBCKT``).

No Xyce was at hand to run what this writes: the tests hold it against the guide's syntax and read
it back.
"""

import re
from collections.abc import Iterator
from typing import Final, assert_never

from mtjspice.errors import InputError
from mtjspice.netlist.circuit import Circuit, Course, Definition, Macro, Sweep, as_expression
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
    designator,
)
from mtjspice.netlist.library import TransistorModel
from mtjspice.units import format_quantity

LEVELS: Final = (1, 2, 3, 6, 14, 54)
"""Of transistors, that mean the same in both."""
SHIFTED: Final = (14, 54)
"""Those of them whose transistors take a threshold shift."""
RESERVED: Final = frozenset({"time", "freq", "vt", "temp", "gmin"})
"""Names that no parameter may have."""
FUNCTIONS: Final = {
    name: name for name in ("v", "i", "abs", "min", "max", "exp", "sqrt", "sinh", "cosh", "tanh")
} | {"pwl": "TABLE"}
"""Those of expressions, by their names in `mtjspice.netlist.elements`."""
DIGITS: Final = 16
"""Behind the point, of what is printed: the result reads back as the same float."""

_TOKEN: Final = re.compile(
    r"(?P<function>[a-z]\w*)(?=\()|(?P<name>[a-z]\w*)|\{(?P<parameter>[a-z]\w*)\}"
    r"|(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?|[-+*/(), ]",
    re.ASCII | re.IGNORECASE,
)


class Xyce:
    """The dialect."""

    name: Final = "xyce"

    def write(self, circuit: Circuit) -> str:
        """The netlist; ``Xyce deck.cir`` runs it and writes ``deck.cir.csv``.

        Raises:
            InputError: naming what Xyce does not have, or has with another meaning.
        """
        if circuit.measures or circuit.parts:
            raise InputError(
                source="netlist",
                key="dialect",
                value=self.name,
                allowed="netlists that measure by themselves are written in another language only",
            )
        lines = _options(circuit)
        lines += [_parameter(name, value) for name, value in circuit.parameters.items()]
        levels = _levels(circuit.definitions)
        for definition in dict.fromkeys(circuit.definitions):
            lines += _definition(definition)
        lines += [_line(element, levels) for element in circuit.elements]
        lines += _analysis(circuit)
        comments = (f"* {line}" for line in circuit.comments)  # they have no continuation lines
        return "\n".join([*comments, *(fold(line) for line in lines), ".END", ""])


XYCE: Final[Dialect] = Xyce()


def _options(circuit: Circuit) -> list[str]:
    """Tolerances and temperature.

    RHSTOL, of the residual's norm, is a microampere by default: more than a cell carries.
    """
    abstol = format_quantity(circuit.abstol)
    tolerances = f"RELTOL={format_quantity(circuit.reltol)} ABSTOL={abstol} RHSTOL={abstol}"
    return [
        f".OPTIONS NONLIN {tolerances}",
        f".OPTIONS NONLIN-TRAN {tolerances}",
        f".OPTIONS DEVICE TEMP={format_quantity(circuit.celsius)}",
    ]


def _parameter(name: str, value: float) -> str:
    if name.lower() in RESERVED:
        raise InputError(
            source="netlist",
            key=name,
            allowed="is a name that Xyce keeps for a quantity of its own",
        )
    return f".PARAM {name}={format_quantity(value)}"


def _levels(definitions: tuple[Definition, ...]) -> dict[str, int]:
    """The level of each transistor model.

    Raises:
        InputError: naming a model whose level means something else in Xyce.
    """
    found = {}
    for model in definitions:
        if not isinstance(model, TransistorModel):
            continue
        level = int(model.numbers.get("level", 1))
        if level not in LEVELS:
            shown = ", ".join(str(one) for one in LEVELS)
            allowed = f"levels that Xyce has under the same number are {shown}"
            raise InputError(source=model.name, key="level", value=level, allowed=allowed)
        found[model.name] = level
    return found


def _definition(definition: Definition) -> Iterator[str]:
    match definition:
        case TransistorModel(name, channel, values):
            pairs = " ".join(f"{name}={value}" for name, value in values.items())
            yield f".MODEL {name} {channel.upper()} {pairs}".rstrip()
        case Macro(text=text):
            first, *inside, _ = text.splitlines()
            yield re.sub(r"^\.subckt (.*?) (?=\w+=)", r".SUBCKT \1 PARAMS: ", first)
            yield from (re.sub(r" +", " ", line) for line in inside)
            yield ".ENDS"
        case _:
            assert_never(definition)


def _line(element: Element, levels: dict[str, int]) -> str:
    match element:
        case Resistor():
            rest = f"{element.a} {element.b} {format_quantity(element.ohms)}"
        case Capacitor():
            rest = f"{element.a} {element.b} {format_quantity(element.farads)}"
        case VoltageSource():
            rest = f"{element.a} {element.b} DC {format_quantity(element.volts)}"
            if element.points:
                corners = (format_quantity(x) for point in element.points for x in point)
                rest += f" PWL {' '.join(corners)}"
        case BehaviouralVoltage():
            rest = f"{element.a} {element.b} V={_expression(element)}"
        case BehaviouralCurrent():
            rest = f"{element.a} {element.b} I={_expression(element)}"
        case Transconductance():
            nodes = f"{element.a} {element.b} {element.c} {element.d}"
            rest = f"{nodes} {format_quantity(element.siemens)}"
        case Mosfet():
            pins = f"{element.drain} {element.gate} {element.source} {element.bulk}"
            rest = f"{pins} {element.model} {_size(element, levels)}"
        case Subcircuit():
            rest = f"{' '.join(element.pins)} {element.of}"
        case _:
            assert_never(element)
    return f"{element.letter}{element.name} {rest}"


def _size(transistor: Mosfet, levels: dict[str, int]) -> str:
    """Length, width and threshold shift.

    Raises:
        InputError: if its model takes no shift in Xyce.
    """
    length, width = format_quantity(transistor.length), format_quantity(transistor.width)
    size = f"L={length} W={width}"
    if not transistor.delvto:
        return size
    if levels[transistor.model] not in SHIFTED:
        raise InputError(
            source=transistor.model,
            key="die.mismatch",
            allowed="must be 0 for Xyce: of its models only BSIM4 takes a threshold shift",
        )
    return f"{size} DELVTO={format_quantity(transistor.delvto)}"


def _expression(source: BehaviouralVoltage | BehaviouralCurrent) -> str:
    """An expression in braces.

    Raises:
        InputError: naming the source, if Xyce has no such expression.
    """
    text, said, at = source.expression, [], 0
    while at < len(text):
        token = _TOKEN.match(text, at)
        function = token["function"] if token else None
        if token is None or (function is not None and function.lower() not in FUNCTIONS):
            raise InputError(
                source="netlist",
                key=designator(source),
                value=text[at : at + 20],
                allowed=f"is not written for Xyce; functions are {', '.join(FUNCTIONS)}",
            )
        said.append(FUNCTIONS[function.lower()] if function else token["parameter"] or token[0])
        at = token.end()
    return f"{{{''.join(said)}}}"


def _analysis(circuit: Circuit) -> Iterator[str]:
    """What is computed and what comes out."""
    analysis = circuit.analysis
    match analysis:
        case Sweep(source, 1):
            yield f".DC V{source} LIST 0"
            kind = "DC"
        case Sweep(source, points):
            yield f".DC LIN V{source} 0 {points - 1} 1"
            kind = "DC"
        case Course(step, end):
            longest = format_quantity(step)
            yield f".TRAN {longest} {format_quantity(end)} 0 {longest}"
            kind = "TRAN"
        case _:
            assert_never(analysis)
    saved = " ".join(as_expression(name) for name in circuit.saved)
    yield f".PRINT {kind} FORMAT=CSV PRECISION={DIGITS} {saved}"
