"""Experiment -> netlist text that ngspice runs, and what to read from it."""

import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from mtjspice.device.variation import Devices
from mtjspice.netlist import nodes
from mtjspice.netlist.array import array_elements
from mtjspice.netlist.cards import Card, check_latch, check_together, read_card, read_subcircuit
from mtjspice.netlist.cells import kind_of
from mtjspice.netlist.check import well_defined
from mtjspice.netlist.drivers import held_volts, pulsed_gates
from mtjspice.netlist.elements import (
    MAX_LINE,
    BehaviouralVoltage,
    Element,
    Mosfet,
    Resistor,
    VoltageSource,
    fold,
)
from mtjspice.netlist.nodes import GROUND, INDEX, Nodes
from mtjspice.netlist.readout import LATCH
from mtjspice.spec.analysis import TransientRead
from mtjspice.spec.experiment import Experiment
from mtjspice.units import format_quantity

ABSTOL = 1e-12
"""Newton's absolute tolerance of a current, A: no smaller one is resolved."""
TOLERANCES = f"abstol={format_quantity(ABSTOL)} vntol=1e-9 pivrel=0.1"
"""Newton's absolute tolerances, A and V, and the smallest pivot relative to its column.

ngspice's own pivot limit of 1e-3 costs KLU five digits: Kirchhoff's law then closes to 1e-8 only,
and with ``vntol=1e-10`` a 64 x 64 tile falls into gmin stepping. With 0.1 it closes to 1e-13, for
no time that could be measured.
"""


@dataclass(frozen=True)
class Deck:
    """A netlist with the names of what it saves.

    Attributes:
        text: the netlist, ``.end`` included.
        points: number of points of a sweep, one an input vector; None for a transient, whose
            points the simulator chooses.
        row_currents: branch vectors of the row sources, by row; rows that float have none.
        column_currents: branch vectors of all column meters, by column; floating ones have none.
        output_volts: node vectors of the amplifier outputs, by column; empty without amplifiers.
        sense_volts: node vectors that latches compare, by column; empty without latches.
        latch_volts: node vectors (p, n) of the latch outputs, by column; in transients only.
        latch_currents: branch vectors of the latches' supplies, by column; in transients only.
        gate_currents: those of `other_currents` that belong to gate lines which open and close.
        other_currents: branch vectors of all other sources that carry current to ground.
        word_volts: node vectors [row][column] of the input lines; empty unless cells are observed.
        bit_volts: node vectors [row][column] of the output lines; empty unless cells are observed.
        transistors: instance names of the cells' transistors, in the order of rows and columns; an
            empty one for a transistor that was dropped.
        dropped: nodes that nothing holds and nobody reads: they are not in the netlist.
        rounding: what rounding may leave of the sum of all branch currents at rest, A.
    """

    text: str
    points: int | None
    row_currents: dict[int, str]
    column_currents: dict[int, str]
    output_volts: dict[int, str]
    sense_volts: dict[int, str]
    latch_volts: dict[int, tuple[str, str]]
    latch_currents: dict[int, str]
    gate_currents: tuple[str, ...]
    other_currents: tuple[str, ...]
    word_volts: tuple[tuple[str, ...], ...]
    bit_volts: tuple[tuple[str, ...], ...]
    transistors: tuple[str, ...]
    dropped: tuple[str, ...] = ()
    rounding: float = 0.0

    @property
    def branches(self) -> tuple[str, ...]:
        """Branch vectors of all sources; at rest their currents add up to zero."""
        return (*self.row_currents.values(), *self.column_currents.values(), *self.other_currents)

    @property
    def volts(self) -> tuple[str, ...]:
        """Every node whose voltage is read, some of them twice."""
        cells = (name for side in (self.word_volts, self.bit_volts) for row in side for name in row)
        latches = (name for pair in self.latch_volts.values() for name in pair)
        return (*self.output_volts.values(), *self.sense_volts.values(), *latches, *cells)

    @property
    def vectors(self) -> tuple[str, ...]:
        """Every vector that the netlist saves, each once, in the order of the ``.save`` line."""
        time = ("time",) if self.points is None else ()
        names = (*time, *self.branches, *self.volts, *self.latch_currents.values())
        return tuple(dict.fromkeys(names))


@dataclass(frozen=True)
class Added:
    """What a netlist has besides the circuit of an experiment, so that it prints a number of it.

    Attributes:
        header: comments, without the asterisk.
        parameters: numbers by name, for expressions of `elements` and `measures`.
        elements: sources that follow an expression; they take no current from the circuit.
        beside: another circuit, as lines of a subcircuit and its instance.
        models: lines of models that only the other circuit has.
        printed: nodes in the place of the output currents on the ``.print`` line.
        measures: ``.meas`` lines.
    """

    header: tuple[str, ...] = ()
    parameters: Mapping[str, float] = field(default_factory=dict)
    elements: tuple[Element, ...] = ()
    beside: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    printed: tuple[str, ...] = ()
    measures: tuple[str, ...] = ()


NOTHING = Added()


def build_deck(
    experiment: Experiment, devices: Devices | None = None, added: Added = NOTHING
) -> Deck:
    """Write the netlist of an experiment: one load, one analysis over all its vectors.

    The same arguments and card give the same bytes.

    Args:
        experiment: what to write.
        devices: of its cells, in the place of those that the die's seed gives.
        added: what it has besides.

    Raises:
        InputError: if a node without a path to ground is read, or the transistors' card does not
            have what is asked of it.
    """
    deck, elements, settings = drawn(experiment, devices)
    return replace(deck, text=_text(experiment, elements, deck, settings, added))


def as_subcircuit(
    experiment: Experiment, name: str, pins: Sequence[str], elements: Sequence[Element]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The circuit of an experiment as a part of another netlist.

    Args:
        experiment: what to write.
        name: of the subcircuit and its instance, whose nodes outside are those of the pins.
        pins: nodes that are seen from outside.
        elements: that it has besides its own.

    Returns:
        Lines of models and subcircuits that it needs, and its own.
    """
    _, own, settings = drawn(experiment)
    return settings[2:], (
        f".subckt {name} {' '.join(pins)}",
        *(fold(element.line()) for element in (*own, *elements)),
        f".ends {name}",
        f"X{name} {' '.join(pins)} {name}",
    )


def drawn(
    experiment: Experiment, devices: Devices | None = None
) -> tuple[Deck, tuple[Element, ...], tuple[str, ...]]:
    """The circuit of an experiment, as text netlists and PySpice's circuits both have it.

    Args:
        experiment: what to draw.
        devices: as `build_deck`.

    Returns:
        The deck without its text; the elements; and the lines that set tolerances and temperature
        and hold models and subcircuits.

    Raises:
        InputError: as `build_deck`.
    """
    cell = experiment.crossbar.cell
    card = read_card(experiment.technology) if cell.transistors else None
    whole = tuple(array_elements(experiment, card, devices))
    deck = _what_to_read(experiment, whole)
    elements, dropped = well_defined(whole, deck.volts)
    kept = {f"m{element.name}" for element in elements if isinstance(element, Mosfet)}
    deck = replace(
        deck,
        transistors=tuple(name if name in kept else "" for name in deck.transistors),
        dropped=dropped,
        rounding=_rounding(experiment, elements, len(deck.branches)),
    )
    settings = (
        f".options reltol={format_quantity(experiment.reltol)} {TOLERANCES}",
        f".temp {format_quantity(experiment.technology.temperature)}",
        *_models(experiment, card),
    )
    return deck, elements, settings


def _rounding(experiment: Experiment, elements: Iterable[Element], branches: int) -> float:
    """What rounding may leave of the sum of all branch currents, A.

    A node's equation is a sum of products g·v, one for each end of a resistor, each rounded to half
    a unit in its last place. With wires of 2 Ω at 1.65 V that is 1e-16 of 0.8 A at each end, while
    an array whose junctions are all open carries nanoamperes, through the transistors' gmin.
    docs/ngspice.md has what was measured. It never counts for more than what Newton's iteration
    leaves open at each branch: with wires of micro-ohms, currents are really wrong.
    """
    reference = experiment.periphery.reference
    highest = np.abs(experiment.stimulus.volts + reference).max()
    highest = max(float(highest), abs(reference), abs(held_volts(experiment) or 0.0))
    siemens = sum(
        1 / e.ohms for e in elements if isinstance(e, Resistor) and GROUND not in (e.a, e.b)
    )
    return min(siemens * highest * sys.float_info.epsilon, branches * ABSTOL)


def _what_to_read(experiment: Experiment, elements: tuple[Element, ...]) -> Deck:
    sources = {
        element.name: element.line().split(" ", 1)[0].lower() + "#branch"
        for element in elements
        if isinstance(element, VoltageSource | BehaviouralVoltage) and element.b == GROUND
    }
    rows, columns = experiment.crossbar.shape
    place = Nodes(experiment)
    of_rows = {r: sources.pop(n) for r in range(rows) if (n := nodes.driver(r)) in sources}
    of_columns = {c: sources.pop(n) for c in range(columns) if (n := nodes.meter(c)) in sources}
    amplified = experiment.periphery.amplifier is not None
    cells = range(rows if experiment.observe == "cells" else 0)
    timed = isinstance(experiment.analysis, TransientRead)
    sources.pop(INDEX, None)
    latched = experiment.sensed_columns if experiment.periphery.latch is not None else ()
    compared = latched if timed else ()
    supplies = {c: sources.pop(nodes.supply(c)) for c in compared}
    return Deck(
        text="",
        points=None if timed else experiment.stimulus.volts.shape[0],
        row_currents=of_rows,
        column_currents=of_columns,
        output_volts={c: nodes.output(c) for c in experiment.sensed_columns if amplified},
        sense_volts={c: nodes.column_end(c) for c in latched},
        latch_volts={c: (nodes.latch(c, "p"), nodes.latch(c, "n")) for c in compared},
        latch_currents=supplies,
        gate_currents=tuple(sources[name] for name in pulsed_gates(experiment)),
        other_currents=tuple(sources.values()),
        word_volts=tuple(tuple(place.row(r, c) for c in range(columns)) for r in cells),
        bit_volts=tuple(tuple(place.column(r, c) for c in range(columns)) for r in cells),
        transistors=tuple(f"m{e.name}" for e in elements if isinstance(e, Mosfet)),
    )


def _text(
    experiment: Experiment,
    elements: Iterable[Element],
    deck: Deck,
    settings: Iterable[str],
    added: Added,
) -> str:
    kind = kind_of(experiment.crossbar.cell)
    row, column = kind.input_line, kind.output_line
    timed = isinstance(experiment.analysis, TransientRead)
    saved = [as_saved(name) for name in deck.vectors if name != "time"]
    sensed = [as_saved(deck.column_currents[c]) for c in experiment.sensed_columns]
    shown = [f"v({node})" for node in added.printed]
    rows, columns = experiment.crossbar.shape
    sweep = [] if timed else ["* the sweep over v(index) steps through the input vectors"]
    return "\n".join(
        [
            f"* {rows} x {columns} {experiment.crossbar.cell.kind} MTJ array",
            f"* written by mtjspice from experiment {experiment.key()}",
            f"* {row}<row>_<column>: input line at a cell; {column}<row>_<column>: output line",
            *(f"* {line}" for line in added.header),
            *_what_is_dropped(deck),
            *sweep,
            *dict.fromkeys((*settings, *added.models)),
            *(f".param {name}={format_quantity(x)}" for name, x in added.parameters.items()),
            *(fold(element.line()) for element in (*elements, *added.elements)),
            *added.beside,
            _analysis(experiment),
            fold(".save " + " ".join((*saved, *shown))),
            # Without a .print line, plain "ngspice -b" runs nothing.
            fold(f".print {'tran' if timed else 'dc'} " + " ".join(shown or sensed)),
            *added.measures,
            ".end",
            "",
        ]
    )


def _what_is_dropped(deck: Deck) -> list[str]:
    """Comment lines; a comment has no continuation lines."""
    if not deck.dropped:
        return []
    said = (
        f"left out, as nothing holds these nodes and nothing reads them: {' '.join(deck.dropped)}"
    )
    return [f"* {line}" for line in textwrap.wrap(said, MAX_LINE - 2, break_on_hyphens=False)]


def _models(experiment: Experiment, card: Card | None) -> list[str]:
    """Model cards and subcircuits, inside the netlist: it is then the same on every machine."""
    texts = [card.text] if card else []
    latch = experiment.periphery.latch
    if latch is not None and isinstance(experiment.analysis, TransientRead):
        latch_card = read_card(experiment.technology.replace(card=latch.card))
        check_latch(latch_card)
        check_together([*([card] if card else []), latch_card])
        texts.append(latch_card.text)
        texts.append(read_subcircuit(LATCH))
    return list(dict.fromkeys(texts))


def _analysis(experiment: Experiment) -> str:
    vectors = experiment.stimulus.volts.shape[0]
    if isinstance(experiment.analysis, TransientRead):
        step = format_quantity(experiment.analysis.step)
        return f".tran {step} {format_quantity(vectors * experiment.analysis.period)} 0 {step}"
    return f".dc V{INDEX} 0 {vectors - 1} 1"


def as_saved(vector: str) -> str:
    """How ``.save`` and expressions name a vector."""
    name, branch, _ = vector.partition("#branch")
    return f"i({name})" if branch else f"v({name})"
