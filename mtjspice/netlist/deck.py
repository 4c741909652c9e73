"""Experiment -> circuit as data, and what to read from it."""

import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from mtjspice.device.variation import Devices
from mtjspice.netlist import nodes
from mtjspice.netlist.array import array_elements
from mtjspice.netlist.cards import Card, check_latch, check_together, read_card, read_subcircuit
from mtjspice.netlist.cells import kind_of
from mtjspice.netlist.check import well_defined
from mtjspice.netlist.circuit import (
    BRANCH,
    Circuit,
    Course,
    Definition,
    Macro,
    Part,
    Sweep,
)
from mtjspice.netlist.dialect import MAX_LINE
from mtjspice.netlist.dialects import DEFAULT
from mtjspice.netlist.drivers import held_volts, pulsed_gates
from mtjspice.netlist.elements import (
    BehaviouralVoltage,
    Element,
    Mosfet,
    Resistor,
    VoltageSource,
    designator,
)
from mtjspice.netlist.nodes import GROUND, INDEX, Nodes
from mtjspice.netlist.readout import LATCH
from mtjspice.spec.analysis import TransientRead
from mtjspice.spec.experiment import Experiment

ABSTOL = 1e-12
"""Newton's absolute tolerance of a current, A: no smaller one is resolved."""


@dataclass(frozen=True)
class Deck:
    """A circuit with the names of what it saves.

    Attributes:
        circuit: the circuit, as data.
        points: number of points of a sweep, one an input vector; None for a transient, whose
            points the simulator chooses.
        row_currents: branch vectors of the row sources, by row; rows that float have none.
        column_currents: branch vectors of all column meters, by column; floating ones have none.
        output_volts: node vectors of the amplifier outputs, by column; empty without amplifiers.
        sense_volts: node vectors that latches compare, by column; empty without latches.
        latch_volts: node vectors (p, n) of the latch outputs, by column; in transients only.
        latch_currents: branch vectors of the latches' supplies, by column; in transients only.
        clock_current: that of `other_currents` that belongs to the clock of all latches; empty
            without one.
        gate_currents: those of `other_currents` that belong to gate lines which open and close.
        other_currents: branch vectors of all other sources that carry current to ground.
        word_volts: node vectors [row][column] of the input lines; empty unless cells are observed.
        bit_volts: node vectors [row][column] of the output lines; empty unless cells are observed.
        transistors: instance names of the cells' transistors, in the order of rows and columns; an
            empty one for a transistor that was dropped.
        dropped: nodes that nothing holds and nobody reads: they are not in the netlist.
        rounding: what rounding may leave of the sum of all branch currents at rest, A.
    """

    circuit: Circuit
    points: int | None
    row_currents: dict[int, str]
    column_currents: dict[int, str]
    output_volts: dict[int, str]
    sense_volts: dict[int, str]
    latch_volts: dict[int, tuple[str, str]]
    latch_currents: dict[int, str]
    clock_current: str
    gate_currents: tuple[str, ...]
    other_currents: tuple[str, ...]
    word_volts: tuple[tuple[str, ...], ...]
    bit_volts: tuple[tuple[str, ...], ...]
    transistors: tuple[str, ...]
    dropped: tuple[str, ...] = ()
    rounding: float = 0.0

    @cached_property
    def text(self) -> str:
        """The netlist that SPICE runs."""
        return DEFAULT.write(self.circuit)

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
        """Every vector that the netlist saves, each once, in the order in which they are saved."""
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
        parts: other circuits beside it.
        definitions: models and subcircuits that only those have.
        printed: nodes that are printed in the place of the output currents.
        measures: numbers that SPICE works out of the analysis and prints, by name.
    """

    header: tuple[str, ...] = ()
    parameters: Mapping[str, float] = field(default_factory=dict)
    elements: tuple[Element, ...] = ()
    parts: tuple[Part, ...] = ()
    definitions: tuple[Definition, ...] = ()
    printed: tuple[str, ...] = ()
    measures: tuple[str, ...] = ()


NOTHING = Added()


def build_deck(
    experiment: Experiment, devices: Devices | None = None, added: Added = NOTHING
) -> Deck:
    """The circuit of an experiment: one load, one analysis over all its vectors.

    The same arguments and card give the same circuit, and every dialect the same bytes of it.

    Args:
        experiment: what to draw.
        devices: of its cells, in the place of those that the die's seed gives.
        added: what the netlist has besides.

    Raises:
        InputError: if a node without a path to ground is read, or the transistors' card does not
            have what is asked of it.

    Example:
        >>> from mtjspice.spec import Crossbar, Experiment, ProgrammedTile, Stimulus
        >>> array = Crossbar(rows=1, columns=2)
        >>> tile, volts = ProgrammedTile(states=["PA"]), Stimulus(volts=[[0.1]])
        >>> deck = build_deck(Experiment(crossbar=array, tile=tile, stimulus=volts))
        >>> deck.column_currents
        {0: 'vcol0#branch', 1: 'vcol1#branch'}
    """
    cell = experiment.crossbar.cell
    card = read_card(experiment.technology) if cell.transistors else None
    whole = tuple(array_elements(experiment, card, devices))
    deck = _what_to_read(experiment, whole)
    elements, dropped = well_defined(whole, deck.volts)
    kept = {designator(element) for element in elements if isinstance(element, Mosfet)}
    deck = replace(
        deck,
        transistors=tuple(name if name in kept else "" for name in deck.transistors),
        dropped=dropped,
        rounding=_rounding(experiment, elements, len(deck.branches)),
    )
    sensed = [deck.column_currents[c] for c in experiment.sensed_columns]
    circuit = replace(
        deck.circuit,
        comments=_comments(experiment, deck, added),
        definitions=(*_definitions(experiment, card), *added.definitions),
        elements=(*elements, *added.elements),
        saved=(*(name for name in deck.vectors if name != "time"), *added.printed),
        printed=added.printed or tuple(sensed),
        parameters=added.parameters,
        parts=added.parts,
        measures=added.measures,
    )
    return replace(deck, circuit=circuit)


def as_part(
    experiment: Experiment, name: str, pins: Sequence[str], elements: Sequence[Element]
) -> tuple[tuple[Definition, ...], Part]:
    """The circuit of an experiment as a part of another netlist.

    Args:
        experiment: what to draw.
        name: of the part.
        pins: nodes that are seen from outside.
        elements: that it has besides its own.

    Returns:
        Models and subcircuits that it needs, and the part.

    Raises:
        InputError: if a node without a path to ground is read, or a transistor card cannot be read
            or lacks what is asked of it.
    """
    own = build_deck(experiment).circuit
    return own.definitions, Part(name, tuple(pins), (*own.elements, *elements))


def _rounding(experiment: Experiment, elements: Iterable[Element], branches: int) -> float:
    """What rounding may leave of the sum of all branch currents, A.

    A node's equation is a sum of products g·v, one for each end of a resistor, each rounded to half
    a unit in its last place. With wires of 2 Ω at 1.65 V that is 1e-16 of 0.8 A at each end, while
    an array whose junctions are all open carries nanoamperes, through the transistors' gmin.
    docs/spice.md has what was measured. It never counts for more than what Newton's iteration
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
        element.name: designator(element) + BRANCH
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
        circuit=_asked(experiment),
        points=None if timed else experiment.stimulus.volts.shape[0],
        row_currents=of_rows,
        column_currents=of_columns,
        output_volts={c: nodes.output(c) for c in experiment.sensed_columns if amplified},
        sense_volts={c: nodes.column_end(c) for c in latched},
        latch_volts={c: (nodes.latch(c, "p"), nodes.latch(c, "n")) for c in compared},
        latch_currents=supplies,
        clock_current=sources.get(nodes.CLOCK, ""),
        gate_currents=tuple(sources[name] for name in pulsed_gates(experiment)),
        other_currents=tuple(sources.values()),
        word_volts=tuple(tuple(place.row(r, c) for c in range(columns)) for r in cells),
        bit_volts=tuple(tuple(place.column(r, c) for c in range(columns)) for r in cells),
        transistors=tuple(designator(e) for e in elements if isinstance(e, Mosfet)),
    )


def _asked(experiment: Experiment) -> Circuit:
    """What is asked of the circuit of an experiment, without the circuit."""
    analysis, vectors = experiment.analysis, experiment.stimulus.volts.shape[0]
    return Circuit(
        comments=(),
        reltol=experiment.reltol,
        abstol=ABSTOL,
        celsius=experiment.technology.temperature,
        definitions=(),
        elements=(),
        analysis=(
            Course(analysis.step, vectors * analysis.period)
            if isinstance(analysis, TransientRead)
            else Sweep(INDEX, vectors)
        ),
        saved=(),
        printed=(),
    )


def _comments(experiment: Experiment, deck: Deck, added: Added) -> tuple[str, ...]:
    """The head of a netlist."""
    kind = kind_of(experiment.crossbar.cell)
    row, column = kind.input_line, kind.output_line
    rows, columns = experiment.crossbar.shape
    sweep = "the sweep over v(index) steps through the input vectors"
    return (
        f"{rows} x {columns} {experiment.crossbar.cell.kind} MTJ array",
        f"written by mtjspice from experiment {experiment.key()}",
        f"{row}<row>_<column>: input line at a cell; {column}<row>_<column>: output line",
        *added.header,
        *_what_is_dropped(deck),
        *(() if deck.points is None else (sweep,)),
    )


def _what_is_dropped(deck: Deck) -> list[str]:
    """Comment lines; a comment has no continuation lines."""
    if not deck.dropped:
        return []
    said = (
        f"left out, as nothing holds these nodes and nothing reads them: {' '.join(deck.dropped)}"
    )
    return textwrap.wrap(said, MAX_LINE - 2, break_on_hyphens=False)


def _definitions(experiment: Experiment, card: Card | None) -> list[Definition]:
    """Models and subcircuits, inside the netlist: it is then the same on every machine."""
    found: list[Definition] = [*card.models.values()] if card else []
    latch = experiment.periphery.latch
    if latch is not None and isinstance(experiment.analysis, TransientRead):
        latch_card = read_card(experiment.technology.replace(card=latch.card))
        check_latch(latch_card)
        check_together([*([card] if card else []), latch_card])
        found += [*latch_card.models.values(), Macro(LATCH, read_subcircuit(LATCH))]
    return found
