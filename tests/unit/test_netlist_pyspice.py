"""PySpice's circuit and the text netlist have the same elements, models and settings."""

import itertools
import re
from typing import get_args

import pytest
from unit.builders import OHMIC, experiment

from mtjspice.netlist import build_deck
from mtjspice.netlist.golden import golden_experiments
from mtjspice.netlist.pyspice import to_circuit
from mtjspice.spec import (
    DcRead,
    Defect,
    Die,
    GatedCell,
    Line,
    PassiveCell,
    SelectorCell,
    SenseAmplifier,
    Technology,
    TransientRead,
    TransimpedanceAmplifier,
    TransmissionGateCell,
    VirtualGround,
)
from mtjspice.spec.analysis import Analysis
from mtjspice.spec.cell import Cell
from mtjspice.spec.defects import DefectKind
from mtjspice.spec.periphery import Periphery

CELLS = {
    "ohmic": OHMIC,
    "passive": PassiveCell(),
    "selector": SelectorCell(),
    "gated": GatedCell(),
    "gates along rows": GatedCell(gates="row"),
    "transmission gate": TransmissionGateCell(),
}
READOUTS = {
    "virtual ground": VirtualGround(reference=0.5),
    "amplifier": TransimpedanceAmplifier(reference=0.5, input_resistance=10.0, zero=0.5),
    "perfect amplifier": TransimpedanceAmplifier(reference=0.5, zero=0.5),
    "latch": SenseAmplifier(reference=0.5, load="5k", threshold=0.55),
}
ANALYSES = {"at rest": DcRead(), "in time": TransientRead()}
UNSELECTED = ["grounded", "half", "floating"]
KINDS = list(itertools.product(CELLS, READOUTS, ANALYSES, UNSELECTED))
LINE = Line(resistance=5.0, capacitance=1e-15, end=50.0, via=3.0)
DEFECTS = (
    Defect(kind="short", row=0, column=1),
    Defect(kind="open", row=1, column=2),
    Defect(kind="stuck_p", row=1, column=0),
    Defect(kind="stuck_ap", row=2, column=0),
    Defect(kind="dead_row", row=0),
    Defect(kind="dead_column", column=2),
    Defect(kind="bridged_rows", row=1, column=1),
    Defect(kind="bridged_columns", row=2, column=0),
    Defect(kind="weak", row=2, column=1),
)


def made(cell: str, readout: str, analysis: str, unselected: str):
    """An array with everything that its kinds can have."""
    crossbar = {"cell": CELLS[cell], "row": LINE, "column": LINE, "unselected": unselected}
    return experiment(
        ["PAP", "APA", "PPA"],
        [[0.1, 0.2], [0.2, -0.1]],
        crossbar=crossbar if "gate" not in cell else crossbar | {"gate": LINE.replace(via=0.0)},
        stimulus={"driven_rows": (0, 1), "sensed_columns": (0, 2)},
        periphery=READOUTS[readout],
        die=Die(mismatch=1.0 if "gate" in cell else 0.0, defects=DEFECTS, seed=3),
        technology=Technology(temperature=85.0),
        analysis=ANALYSES[analysis],
    )


def parsed(text: str) -> list[tuple[str | float, ...]]:
    """Every line of a netlist that is neither title, comment nor command of an analysis.

    Numbers are compared as numbers: 1e-06 and 1e-6 are one.
    """
    unfolded = re.sub(r"\n\+ *", " ", text).splitlines()[1:]
    left_out = ("*", ".title", ".dc", ".tran", ".save", ".print", ".end ")
    kept = [line for line in unfolded if line and not f"{line} ".startswith(left_out)]
    return [_words(line) for line in kept]


def _words(line: str) -> tuple[str | float, ...]:
    found = []
    for word in re.split(r"[ =,()]+", line.lower().strip()):
        try:
            found.append(float(word))
        except ValueError:
            found.append(word)
    return tuple(word for word in found if word != "")


def of_kind(union: object) -> set[str]:
    """The kinds of a union of specs."""
    return {
        get_args(one.model_fields["kind"].annotation)[0] for one in get_args(get_args(union)[0])
    }


def test_the_kinds_here_are_all_that_there_are():
    assert {cell.kind for cell in CELLS.values()} == of_kind(Cell)
    assert {readout.kind for readout in READOUTS.values()} == of_kind(Periphery)
    assert {analysis.kind for analysis in ANALYSES.values()} == of_kind(Analysis)
    assert {defect.kind for defect in DEFECTS} == set(get_args(DefectKind))


@pytest.mark.parametrize("kinds", KINDS, ids=", ".join)
def test_pyspice_has_what_the_text_netlist_has(kinds):
    described = made(*kinds)
    theirs, ours = parsed(str(to_circuit(described))), parsed(build_deck(described).text)
    assert theirs == ours
    letters = {line[0][0] for line in ours}
    assert {"r", "v"} <= letters
    assert ("c" in letters) == (described.analysis.kind == "transient")
    assert ("x" in letters) == ("c" in letters and described.periphery.kind == "sense_amplifier")


@pytest.mark.parametrize("name", golden_experiments())
def test_pyspice_has_what_the_golden_netlists_have(name):
    described = golden_experiments()[name]
    assert parsed(str(to_circuit(described))) == parsed(build_deck(described).text)
