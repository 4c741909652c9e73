"""What a simulation's result depends on, told without building its netlist.

Building a netlist takes longer than to describe it by a factor of ten, and who sends work to a
hundred workers has no time for it. A result is therefore found by its experiment's description, by
the program that turns it into a netlist and reads what comes back, and by the transistor cards that
the netlist takes in.
"""

import functools
import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np

from mtjspice.data.assets import folder
from mtjspice.netlist.cards import Card, check_latch, check_together, read_card
from mtjspice.spec.analysis import TransientRead
from mtjspice.spec.experiment import Experiment

PACKAGE = Path(__file__).parent.parent
SOURCES = (
    "netlist/*.py",
    # What the netlist's numbers come from.
    "device/conductance.py",
    "device/converter.py",
    "device/temperature.py",
    "device/variation.py",
    "spec/analysis.py",
    "spec/base.py",
    "spec/cell.py",
    "spec/crossbar.py",
    "spec/defects.py",
    "spec/die.py",
    "spec/experiment.py",
    "spec/line.py",
    "spec/mtj.py",
    "spec/periphery.py",
    "spec/ranges.py",
    "spec/stimulus.py",
    "spec/technology.py",
    "spec/tile.py",
    "reading.py",
    "units.py",
    # How it is run and read.
    "spice/backend.py",
    "spice/backends.py",
    "spice/check.py",
    "spice/*/backend.py",
    "spice/*/library.py",
    "spice/*/scripts/*",
    "spice/*/simulate.py",
    "collect/label.py",
    "collect/settling.py",
)
"""The program that makes a result of an experiment, as paths in the package."""


@functools.cache
def generator_digest() -> str:
    """SHA-256 of the program that makes a result of an experiment; read once a process.

    Beside `SOURCES` it holds the subcircuits that netlists take in, and the release of numpy, whose
    random numbers may change from one to the next.
    """
    files = [path for pattern in SOURCES for path in sorted(PACKAGE.glob(pattern))]
    digest = hashlib.sha256(f"numpy {'.'.join(np.__version__.split('.')[:2])}\n".encode())
    for path in (*files, folder("models") / "periphery.lib"):
        content = path.read_bytes()
        digest.update(f"{path.name} {len(content)}\n".encode() + content)
    return digest.hexdigest()


def inputs_digest(experiment: Experiment) -> str:
    """SHA-256 of all that makes an experiment's netlist, but for the experiment itself.

    Two machines on which it is the same write the same netlist and read it in the same way.

    Raises:
        InputError: if a transistor card cannot be read, or lacks what is asked of it.
    """
    digest = hashlib.sha256(generator_digest().encode())
    for card in _cards(experiment):
        # A card is what it says, wherever its file is.
        digest.update(repr(replace(card, source=Path())).encode())
    return digest.hexdigest()


def simulation_key(experiment: Experiment, simulator: str) -> str:
    """SHA-256 of all that determines a simulation's result.

    Args:
        experiment: what is simulated. Its description holds everything that can be said of it: the
            die with its seed and defects, states, voltages, lines, read-out, tolerance. What a
            transistor library is called is no part of it: what it says is, in `inputs_digest`.
        simulator: what runs it, as it describes itself.

    Raises:
        InputError: if a transistor card cannot be read, or lacks what is asked of it.
    """
    text = f"{simulator}\n{inputs_digest(experiment)}\n{experiment.canonical(lambda _: '')}"
    return hashlib.sha256(text.encode()).hexdigest()


def _cards(experiment: Experiment) -> list[Card]:
    """The transistor cards that `mtjspice.netlist.deck` writes into the netlist.

    A card that cannot give what is asked of it is refused here as it is there: before anything is
    sent to a worker.
    """
    technology, periphery = experiment.technology, experiment.periphery
    cards = []
    if transistors := experiment.crossbar.cell.transistors:
        cards.append(read_card(technology))
        for transistor in transistors:
            cards[0].check(transistor)
        cards[0].check_mismatch(experiment.die.mismatch, transistors)
    if (latch := periphery.latch) is not None and isinstance(experiment.analysis, TransientRead):
        cards.append(read_card(technology.replace(card=latch.card)))
        check_latch(cards[-1])
    check_together(cards)
    return cards
