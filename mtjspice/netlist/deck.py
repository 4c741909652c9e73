"""Experiment -> netlist text that ngspice runs, and what to read from it."""

from dataclasses import dataclass

from mtjspice.netlist import nodes
from mtjspice.netlist.check import check_elements
from mtjspice.netlist.elements import BehaviouralVoltage, Element, VoltageSource, fold
from mtjspice.netlist.nodes import INDEX, Nodes
from mtjspice.netlist.passive import array_elements
from mtjspice.spec.experiment import Experiment
from mtjspice.spec.periphery import TransimpedanceAmplifier
from mtjspice.units import format_quantity

ABSOLUTE_TOLERANCES = "abstol=1e-12 vntol=1e-9"
"""Newton's absolute tolerances, A and V. Tighter ones are below the round-off of KLU in larger
arrays: with ``vntol=1e-10`` a 64 x 64 tile falls into gmin stepping and takes 50 times longer."""


@dataclass(frozen=True)
class Deck:
    """A netlist with the names of what it saves.

    Attributes:
        text: the netlist, ``.end`` included.
        points: number of points of the sweep, one an input vector.
        row_currents: branch vectors of the row sources, by row; rows that float have none.
        column_currents: branch vectors of all column meters, by column; floating ones have none.
        output_volts: node vectors of the amplifier outputs, by column; empty without amplifiers.
        word_volts: node vectors [row][column] of the word lines; empty unless cells are observed.
        bit_volts: node vectors [row][column] of the bit lines; empty unless cells are observed.
    """

    text: str
    points: int
    row_currents: dict[int, str]
    column_currents: dict[int, str]
    output_volts: dict[int, str]
    word_volts: tuple[tuple[str, ...], ...]
    bit_volts: tuple[tuple[str, ...], ...]

    @property
    def vectors(self) -> tuple[str, ...]:
        """Every vector that the netlist saves, each once, in the order of the ``.save`` line."""
        of_cells = (
            name for side in (self.word_volts, self.bit_volts) for row in side for name in row
        )
        names = (
            *self.row_currents.values(),
            *self.column_currents.values(),
            *self.output_volts.values(),
            *of_cells,
        )
        return tuple(dict.fromkeys(names))


def build_deck(experiment: Experiment) -> Deck:
    """Write the netlist of an experiment: one load, one ``.dc`` sweep over all its vectors.

    The same experiment gives the same bytes.

    Raises:
        InputError: if the circuit has a node without a path to ground.
    """
    elements = tuple(array_elements(experiment))
    check_elements(elements)
    deck = _what_to_read(experiment, elements)
    return Deck(**{**deck.__dict__, "text": _text(experiment, elements, deck)})


def _what_to_read(experiment: Experiment, elements: tuple[Element, ...]) -> Deck:
    branches = {
        element.name: element.line().split(" ", 1)[0].lower() + "#branch"
        for element in elements
        if isinstance(element, VoltageSource | BehaviouralVoltage)
    }
    rows, columns = experiment.crossbar.shape
    place = Nodes(experiment.crossbar)
    amplified = isinstance(experiment.periphery, TransimpedanceAmplifier)
    cells = range(rows if experiment.observe == "cells" else 0)
    return Deck(
        text="",
        points=experiment.stimulus.volts.shape[0],
        row_currents={r: branches[n] for r in range(rows) if (n := nodes.driver(r)) in branches},
        column_currents={
            c: branches[n] for c in range(columns) if (n := nodes.meter(c)) in branches
        },
        output_volts={c: nodes.output(c) for c in experiment.sensed_columns if amplified},
        word_volts=tuple(tuple(place.word(r, c) for c in range(columns)) for r in cells),
        bit_volts=tuple(tuple(place.bit(r, c) for c in range(columns)) for r in cells),
    )


def _text(experiment: Experiment, elements: tuple[Element, ...], deck: Deck) -> str:
    saved = [_saved(name) for name in deck.vectors]
    sensed = [_saved(deck.column_currents[c]) for c in experiment.sensed_columns]
    return "\n".join(
        [
            f"* {experiment.crossbar.rows} x {experiment.crossbar.columns} passive MTJ array",
            f"* written by mtjspice from experiment {experiment.key()}",
            "* node wl<row>_<column>: word line at a cell; bl<row>_<column>: bit line at a cell",
            "* the sweep over v(index) steps through the input vectors",
            *(fold(element.line()) for element in elements),
            f".options reltol={format_quantity(experiment.reltol)} {ABSOLUTE_TOLERANCES}",
            f".dc V{INDEX} 0 {deck.points - 1} 1",
            fold(".save " + " ".join(saved)),
            # Without a .print line, plain "ngspice -b" runs nothing.
            fold(".print dc " + " ".join(sensed)),
            ".end",
            "",
        ]
    )


def _saved(vector: str) -> str:
    """How ``.save`` names a vector."""
    name, branch, _ = vector.partition("#branch")
    return f"i({name})" if branch else f"v({name})"
