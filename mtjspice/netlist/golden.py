"""Golden netlists: what the generator writes, kept under ``netlists/`` and compared in CI.

``python -m mtjspice.netlist.golden --write`` regenerates them, ``--check`` compares. A difference
is either a mistake or a change that its commit has to explain.
"""

import difflib
import sys
from collections.abc import Mapping

from mtjspice.data.assets import folder
from mtjspice.netlist.card import card_text
from mtjspice.netlist.deck import build_deck
from mtjspice.spec import (
    Crossbar,
    Defect,
    Die,
    Experiment,
    Mtj,
    PassiveCell,
    ProgrammedTile,
    Stimulus,
    TransimpedanceAmplifier,
)

STATES = ["PAPA", "APAP", "PPAA"]
VOLTS = [[0.1, 0.0, 0.05], [0.0, 0.1, -0.1]]


def golden_experiments() -> Mapping[str, Experiment]:
    """Small arrays that together use everything the generator can write."""
    ohmic = PassiveCell(mtj=Mtj(v_half=float("inf")))
    tile, stimulus = ProgrammedTile(states=STATES), Stimulus(volts=VOLTS)
    wires = {"wire_row": 5.0, "wire_column": 2.0, "end_row": 100.0, "end_column": 50.0}
    defects = (
        Defect(kind="short", row=0, column=1),
        Defect(kind="open", row=1, column=0),
        Defect(kind="stuck_p", row=1, column=1),
        Defect(kind="stuck_ap", row=2, column=0),
    )
    some = Stimulus(volts=[[0.1, 0.05]], driven_rows=(0, 2), sensed_columns=(1, 3))
    amplifier = TransimpedanceAmplifier(reference=1.65, input_resistance=10.0, zero=1.65)
    return {
        "ideal_wires": Experiment(
            crossbar=Crossbar(rows=3, columns=4, cell=ohmic), tile=tile, stimulus=stimulus
        ),
        "wires": Experiment(
            crossbar=Crossbar(rows=3, columns=4, **wires), tile=tile, stimulus=stimulus
        ),
        "spread_and_defects": Experiment(
            crossbar=Crossbar(rows=3, columns=4, **wires),
            tile=tile,
            stimulus=stimulus,
            die=Die(sigma_ln_rp=0.05, sigma_ln_tmr=0.05, defects=defects, seed=1),
            observe="cells",
        ),
        "half_selected": Experiment(
            crossbar=Crossbar(rows=3, columns=4, unselected="half", **wires),
            tile=tile,
            stimulus=some,
        ),
        "floating": Experiment(
            crossbar=Crossbar(rows=3, columns=4, unselected="floating", **wires),
            tile=tile,
            stimulus=some,
        ),
        "amplifier": Experiment(
            crossbar=Crossbar(rows=3, columns=4, **wires),
            tile=tile,
            stimulus=stimulus,
            periphery=amplifier.replace(clip_low=0.0, clip_high=3.3),
        ),
    }


def golden_texts() -> dict[str, str]:
    """The text of every generated file, by its path from the top of the checkout."""
    netlists = {
        f"netlists/passive_{name}.cir": build_deck(experiment).text
        for name, experiment in golden_experiments().items()
    }
    return {"models/mtj.lib": card_text(), **netlists}


def differences() -> list[str]:
    """What the files differ in from what would be written now, as unified diffs."""
    found: list[str] = []
    for name, text in golden_texts().items():
        top, file = name.split("/")
        path = folder(top) / file
        kept = path.read_text(encoding="utf-8") if path.exists() else ""
        found += difflib.unified_diff(
            kept.splitlines(), text.splitlines(), f"{name} (kept)", f"{name} (now)", lineterm=""
        )
    return found


def main(arguments: list[str]) -> int:
    """Write or check; the exit code."""
    if arguments == ["--write"]:
        for name, text in golden_texts().items():
            top, file = name.split("/")
            (folder(top) / file).write_text(text, encoding="utf-8")
        return 0
    if arguments == ["--check"]:
        found = differences()
        sys.stdout.writelines(f"{line}\n" for line in found)
        if found:
            sys.stdout.write("golden files differ; if that is meant, run: make golden\n")
        return 1 if found else 0
    sys.stderr.write("usage: python -m mtjspice.netlist.golden --write | --check\n")
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
