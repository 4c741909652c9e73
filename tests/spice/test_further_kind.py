"""A kind of cell that the package does not know, added as its sources say that kinds are added.

The package is copied, and the copy gets a spec, a drawing and a law in series. Everything
else of it, worker processes included, is as it ships.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from test_layout_run import TINY

import mtjspice
from mtjspice.spec import Mtj

pytestmark = pytest.mark.ngspice

SPEC = '''
class DampedCell(CellKind):
    """A junction and a resistor in series."""

    kind: Literal["damped"] = "damped"
    mtj: Mtj = Mtj()
    ohms: Annotated[float, Within("Ohm", 1, 1e6, "what is drawn beside a junction")] = 5e3

    @property
    def series(self) -> Literal["own"]:
        """The resistor."""
        return "own"


Cell = Annotated[
    Annotated[DampedCell, Tag("damped")]
    | Annotated'''
DRAWN = '''
class Damped:
    """Junction and resistor."""

    input_line, output_line = "wl", "bl"
    bulks: Mapping[str, bool] = {}

    def junction(self, site):
        return site.a, site.inner

    def others(self, cell, site):
        yield Resistor(f"d{site.name}", site.inner, site.b, cell.ohms)


KINDS: Mapping[str, Kind[Any]] = {
    "damped": Damped(),
'''
LAW = """
@dataclass(frozen=True)
class Damped:
    ohms: Tensor
    current_scale = float("inf")

    def volts(self, current, potential):
        return self.ohms * current

    def slopes(self, current, potential):
        return self.ohms + torch.zeros_like(current), torch.zeros_like(current)

    def at_rest(self):
        return self.ohms.reshape(1, 1, 1, 1)


LAWS: Mapping[str, Callable[[Any], Series]] = {
    "damped": lambda cell: Damped(torch.tensor(cell.ohms, dtype=torch.float64)),
"""
PIECES = {
    "spec/cell.py": [("\nCell = Annotated[\n    Annotated", SPEC)],
    "netlist/cells.py": [
        ("\nKINDS: Mapping[str, Kind[Any]] = {\n", DRAWN),
        ("import BehaviouralVoltage, ", "import BehaviouralVoltage, Resistor, "),
    ],
    "solver/series.py": [("\nLAWS: Mapping[str, Callable[[Any], Series]] = {", LAW)],
}
"""Files of the package that a kind of cell touches, and what takes the place of what."""
EXPERIMENT = """\
observe = "cells"
[crossbar]
rows = 2
columns = 2
row = {resistance = 20.0, end = 100.0}
column = {resistance = 30.0, end = 50.0}
[crossbar.cell]
kind = "damped"
ohms = "3 kOhm"
mtj = {v_half = inf}
[tile]
states = ["PA", "AP"]
[stimulus]
volts = [[0.1, 0.2], [0.3, -0.1]]
"""
COMPARED = """\
import sys
from pathlib import Path
import numpy as np
import torch
import xarray as xr
from mtjspice.solver import nodal
from mtjspice.solver.array import array_of
from mtjspice.spec import Experiment, read_spec

e = read_spec(Path(sys.argv[1]), Experiment)
r_p = e.crossbar.cell.mtj.r_p
ours = nodal.read(array_of([e]), torch.tensor(e.stimulus.volts.copy()))[0].numpy()
theirs = xr.load_dataset(sys.argv[2])["current"].to_numpy()
print(np.abs(ours - theirs).max() / np.abs(theirs).max())
print(*theirs.ravel(), r_p, e.crossbar.cell.mtj.tmr0)
"""


@pytest.fixture(scope="module")
def other(tmp_path_factory) -> Path:
    """A folder with a copy of the package that has one more kind of cell."""
    folder = tmp_path_factory.mktemp("other")
    shipped = Path(mtjspice.__file__).parent
    shutil.copytree(shipped, folder / "mtjspice", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("models", "netlists"):
        if (shipped.parent / name).is_dir():
            shutil.copytree(shipped.parent / name, folder / name)
    for name, changes in PIECES.items():
        path = folder / "mtjspice" / name
        text = path.read_text()
        for old, new in changes:
            assert text.count(old) == 1, f"{name} has no place for a further kind"
            text = text.replace(old, new)
        path.write_text(text)
    return folder


def run(other: Path, *command: str) -> str:
    done = subprocess.run(
        [sys.executable, *command],
        cwd=other,
        env=os.environ | {"PYTHONPATH": str(other)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 1, 4), done.stderr  # any verdict
    return done.stdout


def test_a_further_kind_is_drawn_simulated_and_solved(other):
    (other / "array.toml").write_text(EXPERIMENT)
    drawn = run(other, "-m", "mtjspice", "netlist", "array.toml")
    assert "Rd1_0 x1_0 bl1_0 3000.0" in drawn
    run(other, "-m", "mtjspice", "simulate", "array.toml", "--out", "found")
    (other / "compared.py").write_text(COMPARED)
    result = other / "found" / "result.nc"
    error, values = run(other, "compared.py", "array.toml", str(result)).splitlines()
    assert float(error) < 1e-7
    # Without wires a column would carry this; they take some percent of it.
    *currents, r_p, tmr0 = map(float, values.split())
    bound = 0.1 / (r_p + 3e3) + 0.2 / (r_p * (1 + tmr0) + 3e3)
    assert 0.9 * bound < currents[0] < bound


@pytest.mark.slow
def test_a_further_kind_is_laid_out(other):
    """Passive in all that concerns its lines; the resistor takes about half of a pulse."""
    text = TINY.replace("[crossbar.row]", '[crossbar.cell]\nkind = "damped"\n\n[crossbar.row]')
    text += '[writing]\nto_p = "0.8V"\nto_ap = "0.8V"\nlength = "20ns"\n'
    (other / "layout.toml").write_text(text)
    run(other, "-m", "mtjspice", "layout", "layout.toml", "--quick", "--out", "laid")
    report = json.loads((other / "laid" / "report.json").read_text())
    found = {figure["name"].split(",")[0]: figure["value"] for figure in report["figures"]}
    for quantity in ("sneak share of a line's current", "settling time"):
        assert 0 < found[quantity] < 1
    r_p, ohms = Mtj().r_p, 5e3
    assert 0.8 < found["voltage over the worst written junction"] * (r_p + ohms) / (0.8 * r_p) < 1
    assert any(name.startswith("half-selected cell switched") for name in found)
