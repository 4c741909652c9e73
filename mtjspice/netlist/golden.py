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
    GatedCell,
    Line,
    Mtj,
    PassiveCell,
    ProgrammedTile,
    Stimulus,
    Technology,
    TransientRead,
    TransimpedanceAmplifier,
    TransmissionGateCell,
    VirtualGround,
    WireGeometry,
)

TILE = ProgrammedTile(states=["PAPA", "APAP", "PPAA"])
VOLTS = [[0.1, 0.0, 0.05], [0.0, 0.1, -0.1]]
ROW, COLUMN = Line(resistance=5.0, end=100.0), Line(resistance=2.0, end=50.0)
GEOMETRY = WireGeometry(pitch=0.4e-6, width=0.1e-6, resistivity=2.5e-8, thickness=0.1e-6)
POINTS = (
    Defect(kind="short", row=0, column=1),
    Defect(kind="open", row=1, column=0),
    Defect(kind="stuck_p", row=1, column=1),
    Defect(kind="stuck_ap", row=2, column=0),
)


def golden_experiments() -> Mapping[str, Experiment]:
    """Small arrays that together use everything the generator can write."""
    return _passive() | _gated()


def _passive() -> dict[str, Experiment]:
    ohmic = PassiveCell(mtj=Mtj(v_half=float("inf")))
    wires = Crossbar(rows=3, columns=4, row=ROW, column=COLUMN)
    plain = Experiment(crossbar=wires, tile=TILE, stimulus=Stimulus(volts=VOLTS))
    some = Stimulus(volts=[[0.1, 0.05]], driven_rows=(0, 2), sensed_columns=(1, 3))
    amplifier = TransimpedanceAmplifier(
        reference=1.65, input_resistance=10.0, zero=1.65, clip_low=0.0, clip_high=3.3
    )
    lines = (
        Defect(kind="dead_row", row=0),
        Defect(kind="dead_column", column=3),
        Defect(kind="bridged_rows", row=1, column=2),
        Defect(kind="bridged_columns", row=2, column=0),
    )
    far = Crossbar(
        rows=3,
        columns=4,
        row=Line(geometry=GEOMETRY, via=3.0, end=100.0, ends="both"),
        column=Line(resistance=2.0, via=4.0, ends="both"),
    )
    return {
        "passive_no_wires": plain.replace(crossbar=Crossbar(rows=3, columns=4, cell=ohmic)),
        "passive_wires": plain,
        "passive_spread_and_defects": plain.replace(
            die=Die(sigma_ln_rp=0.05, sigma_ln_tmr=0.05, defects=POINTS, seed=1), observe="cells"
        ),
        "passive_broken_lines": plain.replace(die=Die(defects=lines)),
        "passive_both_ends": plain.replace(crossbar=far),
        "passive_half_selected": plain.replace(
            crossbar=wires.replace(unselected="half"), stimulus=some
        ),
        "passive_floating": plain.replace(
            crossbar=wires.replace(unselected="floating"), stimulus=some
        ),
        "passive_amplifier": plain.replace(periphery=amplifier),
    }


def _gated() -> dict[str, Experiment]:
    wires = Crossbar(rows=3, columns=4, cell=GatedCell(), row=ROW, column=COLUMN)
    plain = Experiment(
        crossbar=wires,
        tile=TILE,
        stimulus=Stimulus(volts=VOLTS),
        periphery=VirtualGround(reference=0.5),
    )
    both = wires.replace(cell=TransmissionGateCell(gates="row"))
    loaded = {
        "row": Line(resistance=5.0, capacitance=1e-15, end=100.0),
        "column": Line(resistance=2.0, capacitance=1e-15, end=50.0),
        "gate": Line(resistance=10.0, capacitance=1e-15),
    }
    return {
        "gated_bsim4": plain,
        "gated_level1_slow_and_hot": plain.replace(
            technology=Technology(card="cmos33_level1", corner="ss", temperature=125.0)
        ),
        "gated_mismatch_and_defects": plain.replace(
            die=Die(mismatch=1.0, defects=POINTS, seed=1), observe="cells"
        ),
        "transmission_gate": plain.replace(crossbar=both, periphery=VirtualGround(reference=1.65)),
        "gated_transient": plain.replace(
            crossbar=wires.replace(**loaded), analysis=TransientRead()
        ),
    }


def golden_texts() -> dict[str, str]:
    """The text of every generated file, by its path from the top of the checkout."""
    netlists = {
        f"netlists/{name}.cir": build_deck(experiment).text
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
