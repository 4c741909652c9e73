"""Numbers on the pages of layouts against what plain ngspice prints of their netlists.

Every netlist in ``worst/`` of a run says in its head what it prints; the report says what is
stated. Here each is run by ``ngspice -b`` in an empty folder, and a number counts as reproduced if
what is printed lies within half a unit of the last digit that is shown.

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
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mtjspice.layout.run import run_layout
from mtjspice.spec import Layout, parse_spec, read_spec
from mtjspice.spice.ngspice.simulate import measured
from mtjspice.verdicts.figures import Figure, at_least

EXAMPLES = Path(__file__).parents[2] / "examples"
NAMES = ("gated25", "passive15", "gated64")
SAID = re.compile(r"^\* prints (\w+) = (\S+): (.*?)(, the stated value)?$", re.MULTILINE)
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
    """A number of a netlist.

    Attributes:
        netlist: its file's name.
        name: of the number.
        stated: as the page or the head of the netlist shows it.
        value: the same unrounded.
        printed: by ngspice; not a number where it prints none.
        of_report: whether it is the quantity itself, not a part of it or what is behind it.
    """

    netlist: str
    name: str
    stated: str
    value: float
    printed: float
    of_report: bool

    @property
    def holds(self) -> bool:
        """Whether what is printed is what is stated, to the digits shown."""
        digits = len(re.sub(r"[^\d]", "", re.split(r"[  ×]", self.stated)[0]).lstrip("0")) or 1
        unit = 10.0 ** (math.floor(math.log10(abs(self.value) or 1e-300)) - max(digits, 3) + 1)
        return abs(self.printed - self.value) <= unit / 2


def lines_of(run: Path) -> Iterator[Line]:
    """Every number that the netlists of a run print."""
    report = json.loads((run / "report.json").read_text(encoding="utf-8"))
    for quantity in report["quantities"]:
        path = run / quantity["netlist"]
        printed = measured(_plain(path))
        for name, value, text, is_stated in SAID.findall(path.read_text(encoding="utf-8")):
            stated, of = (quantity["stated"], quantity["worst"]) if is_stated else (text, value)
            yield Line(path.stem, name, stated, float(of), printed.get(name, math.nan),
                       bool(is_stated))  # fmt: skip


def _plain(netlist: Path) -> str:
    """What ``ngspice -b`` prints of a netlist, in a folder that has nothing else."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["ngspice", "-b", str(netlist.resolve())]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
        return done.stdout


def figures(quick: bool) -> Sequence[Figure]:
    """The share of numbers that are reproduced, for each layout."""
    found = []
    given = os.environ.get("MTJSPICE_LAYOUT_RUNS")
    with tempfile.TemporaryDirectory() as folder:
        for name in ("small",) if quick else NAMES:
            run = Path(given or folder) / name
            if not (run / "report.json").is_file():
                spec = parse_spec(SMALL, Layout) if quick else _example(name)
                run_layout(spec, run, quick=True)
            found += _figures(name, list(lines_of(run)))
    return found


def _example(name: str) -> Layout:
    return read_spec(EXAMPLES / name / "layout.toml", Layout)


def _figures(name: str, lines: Sequence[Line]) -> list[Figure]:
    for one in lines:
        mark = "" if one.holds else "   DIFFERS"
        print(
            f"{name:10} {one.netlist:22} {one.name:22} {one.stated:>14} {one.printed:.6g}{mark}",
            file=sys.stderr,
        )
    own = [one for one in lines if one.of_report]
    how = f"of {name} --quick; the table stands above; half a unit of the last digit"
    return [
        at_least(f"{name}: stated quantities that plain ngspice prints", sum(x.holds for x in own),
                 len(own), "", how),
        at_least(f"{name}: all numbers that netlists say they print", sum(x.holds for x in lines),
                 len(lines), "", f"{how}; also currents and margins behind probabilities"),
    ]  # fmt: skip
