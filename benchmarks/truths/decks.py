"""Numbers on the pages of layouts against what plain SPICE prints of their netlists.

Every quantity of a page counts, judged or not: its netlist in ``worst/`` has to print it, unless it
is one of those that no circuit has, which are listed here by name with the reason. Of these the
numbers that the page tells beside them count, as the current behind a switching probability. Each
netlist is run by ``ngspice -b`` in an empty folder, and a number counts as reproduced if what is
printed lies within half a unit of the last digit that is shown.

The layouts are those of the examples, `--quick`: gated25 and passive15 take some minutes each,
gated64 half an hour. ``MTJSPICE_LAYOUT_RUNS`` may name a folder that has runs of them already, each
in a folder of its name. Quick: one small layout, half a minute.
"""

import json
import math
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from mtjspice.layout.decks import plain
from mtjspice.layout.run import run_layout
from mtjspice.spec import Layout, parse_spec, read_spec
from mtjspice.spice.ngspice.simulate import measured
from mtjspice.verdicts.figures import Figure, at_least

EXAMPLES = Path(__file__).parents[2] / "examples"
NAMES = ("gated25", "passive15", "gated64")
SAID = re.compile(
    r"^\* prints (\w+) = (\S+): (.*?)(, the stated value|, told beside it)?$", re.MULTILINE
)
CLOSED_FORM = "a closed form of the current that its netlist prints"
NO_CIRCUIT = {
    "array_yield": "a share of many arrays: its netlist is the worst of those drawn",
    "line_failure": "a share of many reads: its netlist is the most likely failure",
    **{
        name + end: CLOSED_FORM
        for name in ("read_disturb", "life_disturb", "write_error", "half_select")
        for end in ("", "_mean")
    },
}
"""Quantities that no one circuit has, each with the reason."""
NEVER = "a read that never settles has no time that could be measured"
SMALL = """\
name = "small"
largest = 4

[crossbar]
rows = 4
columns = 3

[crossbar.cell]
kind = "gated"
gates = "row"

[crossbar.row]
resistance = "5 Ohm"
capacitance = "1fF"

[crossbar.column]
resistance = "5 Ohm"
capacitance = "1fF"
end = "50 Ohm"

[die]
sigma_ln_rp = 0.04
mismatch = 1.0

[periphery]
kind = "sense_amplifier"
load = "3 kOhm"

[read]
voltage = "0.2V"
rows = 1

[sense]
offset = "2mV"
threshold = "tracking"

[timing]
period = "3ns"
rise = "0.05ns"
hold = "1.5ns"
step = "0.05ns"
sense_at = "1ns"

[writing]
to_p = "1.0V"
to_ap = "1.3V"
length = "20ns"

[corners]
process = ["ss"]
supply = [0.9]
temperature = [125]

[monte_carlo]
samples = 40
audit = 0.1
tail = 200
"""


@dataclass(frozen=True)
class Line:
    """A number of a page or of the head of a netlist.

    Attributes:
        netlist: its file's name, which is that of the quantity.
        name: of the number; empty where the netlist prints none that the page states.
        stated: as the page or the head of the netlist shows it.
        value: the same unrounded.
        printed: by SPICE; not a number where it prints none.
        kind: whether it is the quantity itself (stated), stands beside it on the page (told), or in
            the head of the netlist alone (said).
    """

    netlist: str
    name: str
    stated: str
    value: float
    printed: float
    kind: Literal["stated", "told", "said"]

    @property
    def holds(self) -> bool:
        """Whether what is printed is what is stated, to the digits shown."""
        digits = len(re.sub(r"[^\d]", "", re.split(r"[ \u00a0×]", self.stated)[0]).lstrip("0")) or 1
        unit = 10.0 ** (math.floor(math.log10(abs(self.value) or 1e-300)) - max(digits, 3) + 1)
        return abs(self.printed - self.value) <= unit / 2


def lines_of(run: Path) -> Iterator[Line]:
    """Every number that the page of a run states or its netlists print.

    Netlists are run side by side, those that take long among them.
    """
    report = json.loads((run / "report.json").read_text(encoding="utf-8"))
    paths = [run / quantity["netlist"] for quantity in report["quantities"]]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        outputs = list(map(pool.submit, [_plain] * len(paths), paths))
        for quantity, path, output in zip(report["quantities"], paths, outputs, strict=True):
            yield from _lines(quantity, path, measured(output.result()))


def _lines(quantity: Mapping[str, Any], path: Path, printed: Mapping[str, float]) -> Iterator[Line]:
    """Numbers of one quantity: as the page of a run states them, and as its netlist prints them."""
    where = plain(quantity["where"])
    said = SAID.findall(path.read_text(encoding="utf-8"))
    if not any(mark == ", the stated value" for *_, mark in said):
        whole = math.inf if quantity["worst"] is None else quantity["worst"]
        yield Line(path.stem, "", quantity["stated"], whole, math.nan, "stated")
    for name, value, text, mark in said:
        found = printed.get(name, math.nan)
        if mark == ", the stated value":
            yield Line(path.stem, name, quantity["stated"], quantity["worst"], found, "stated")
        elif mark:  # what the page does not tell as the head does is not reproduced
            on_page = found if text in where else math.nan
            yield Line(path.stem, name, text, float(value), on_page, "told")
        else:
            yield Line(path.stem, name, text, float(value), found, "said")


def _plain(netlist: Path) -> str:
    """What ``ngspice -b`` prints of a netlist, in a folder that has nothing else."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["ngspice", "-b", str(netlist.resolve())]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
        return done.stdout


def figures(quick: bool) -> Iterator[Figure]:
    """The share of numbers that are reproduced, for each layout."""
    given = os.environ.get("MTJSPICE_LAYOUT_RUNS")
    with tempfile.TemporaryDirectory() as folder:
        for name in ("small",) if quick else NAMES:
            run = Path(given or folder) / name
            if not (run / "report.json").is_file():
                spec = parse_spec(SMALL, Layout) if quick else _example(name)
                run_layout(spec, run, quick=True)
            yield from _figures(name, [_told(name, one) for one in lines_of(run)])


def _example(name: str) -> Layout:
    return read_spec(EXAMPLES / name / "layout.toml", Layout)


def _without_circuit(line: Line) -> str:
    """Why no netlist prints a quantity of the page; empty if one has to."""
    if line.kind != "stated":
        return ""
    return NEVER if math.isinf(line.value) else NO_CIRCUIT.get(line.netlist, "")


def _told(name: str, one: Line) -> Line:
    """The same, told at once: what comes later may take long."""
    why = _without_circuit(one)
    mark = f"   {why}" if why else "" if one.holds else "   DIFFERS"
    print(
        f"{name:10} {one.netlist:22} {one.name or '-':22} {one.stated:>14} "
        f"{one.printed:.6g}{mark}",
        file=sys.stderr, flush=True,
    )  # fmt: skip
    return one


def _figures(name: str, lines: Sequence[Line]) -> list[Figure]:
    stated = [one for one in lines if one.kind == "stated"]
    own = [one for one in stated if not _without_circuit(one)]
    left_out: dict[str, list[str]] = {}
    for one in stated:
        if why := _without_circuit(one):
            left_out.setdefault(why, []).append(one.netlist)
    closed = left_out.get(CLOSED_FORM, [])
    told = [one for one in lines if one.kind == "told"]
    printing = {one.netlist for one in told} - {one.netlist for one in told if not one.holds}
    shown = [one for one in closed if one in printing]
    heads = [one for one in lines if one.name]
    how = f"of {name} --quick; the table stands above; half a unit of the last digit"
    reasons = "; ".join(f"{', '.join(names)}: {why}" for why, names in left_out.items())
    return [
        at_least(f"{name}: quantities of the page that plain SPICE prints",
                 sum(x.holds for x in own), len(own), "",
                 f"all {len(stated)} but those that no circuit has ({reasons}); {how}"),
        at_least(f"{name}: switching probabilities whose current plain SPICE prints",
                 len(shown), len(closed), "", f"as the page tells it; {how}"),
        at_least(f"{name}: all numbers that netlists say they print",
                 sum(x.holds for x in heads), len(heads), "", how),
    ]  # fmt: skip
