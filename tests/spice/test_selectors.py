"""Selector cells in SPICE: against a netlist by hand, and the nodal solver against both."""

import numpy as np
import pytest
import torch
from reference.plain_ngspice import branch_currents
from scipy.optimize import brentq
from unit.builders import experiment

from mtjspice.collect import Simulator
from mtjspice.layout.circuit import nominal_condition, under
from mtjspice.layout.decks import netlist
from mtjspice.layout.disturb import write_findings, write_plan
from mtjspice.layout.findings import Condition
from mtjspice.layout.probes import Case, half_selected
from mtjspice.layout.switching import several, sizes_of, switched
from mtjspice.solver import nodal
from mtjspice.solver.array import array_of
from mtjspice.solver.newton import NoSolutionError
from mtjspice.spec import (
    Defect,
    Die,
    Experiment,
    Layout,
    Line,
    Mtj,
    SelectorCell,
    parse_spec,
    read_spec,
)
from mtjspice.spice.ngspice.simulate import run_measures

pytestmark = pytest.mark.ngspice

FULL_SCALE = 1e-6
"""Largest error of a current, as a share of the largest that flows."""
WIRES = {"row": Line(resistance=5.0, end=20.0), "column": Line(resistance=5.0, end=20.0)}


def selected(size: int, volts: float, cell: SelectorCell, **parts) -> Experiment:
    """One cell of an array of random states is selected, the other lines lie at half of that."""
    rng = np.random.default_rng(size)
    states = ["".join(rng.choice(["P", "A"], size)) for _ in range(size)]
    return experiment(
        states,
        [[volts]],
        crossbar={"cell": cell, "unselected": "half"} | WIRES,
        stimulus={"driven_rows": (0,), "sensed_columns": (1,), "read_voltage": volts},
        **parts,
    )


def ours(e: Experiment) -> float:
    return float(nodal.read(array_of([e]), torch.tensor(e.stimulus.volts.copy())))


HAND = """\
* two by two selectors by hand: row 1 at 1.2 V, the other row and column at 0.6 V
.options reltol=1e-9 abstol=1e-18 vntol=1e-12 gmin=1e-18
V1 in1 0 1.2
V2 in2 0 0.6
V3 out1 0 0
V4 out2 0 0.6
R1 in1 a 20
R2 a b 5
R3 in2 c 20
R4 c d 5
R5 e g 5
R6 g out1 20
R7 f h 5
R8 h out2 20
Rj1 a p1 4000
Rj2 b p2 8000
Rj3 c p3 8000
Rj4 d p4 4000
Bs1 p1 e I=1e-9*sinh(v(p1,e)/0.05)
Bs2 p2 f I=1e-9*sinh(v(p2,f)/0.05)
Bs3 p3 g I=1e-9*sinh(v(p3,g)/0.05)
Bs4 p4 h I=1e-9*sinh(v(p4,h)/0.05)
.op
.control
set numdgt=12
op
print v3#branch v1#branch
quit
.endc
.end
"""


def test_two_by_two_selectors_are_those_of_a_netlist_by_hand(simulator, tmp_path):
    lines = branch_currents(HAND, tmp_path)
    out, into = lines["v3#branch"], -lines["v1#branch"]
    # 4 kΩ and a diameter of one nanometre squared by pi/4: what r_p is follows from both.
    mtj = Mtj(ra=4000 * np.pi / 4 * (50e-9) ** 2, diameter=50e-9, tmr0=1.0, v_half=float("inf"))
    e = experiment(
        ["PA", "AP"],
        [[1.2]],
        crossbar={"cell": SelectorCell(mtj=mtj, i_0=1e-9, v_0=0.05), "unselected": "half"} | WIRES,
        stimulus={"driven_rows": (0,), "sensed_columns": (0,), "read_voltage": 1.2},
    )
    (result,) = simulator.run([e])
    assert out > 1e-5
    assert float(result["current"].to_numpy()[0, 0]) == pytest.approx(out, rel=1e-8)
    assert float(result["input_current"].to_numpy()[0, 0]) == pytest.approx(into, rel=1e-8)
    assert ours(e) == pytest.approx(out, rel=1e-8)


LAWS = [(0.65, 0.04, 1e-10), (1.4, 0.04, 1e-10), (0.3, 0.04, 1e-10), (1.0, 0.2, 1e-7)]
"""Volts over a selected cell, v_0, i_0."""
DEFECTS = (
    Defect(kind="short", row=0, column=1),
    Defect(kind="open", row=2, column=1),
    Defect(kind="open", row=0, column=4),
    Defect(kind="dead_row", row=5),
    Defect(kind="bridged_columns", row=3, column=1),
)


def agrees(simulator: Simulator, e: Experiment) -> None:
    (result,) = simulator.run([e])
    theirs = float(result["current"].to_numpy()[0, 0])
    scale = max(abs(theirs), float(np.abs(result["input_current"].to_numpy()).max()))
    assert abs(ours(e) - theirs) <= FULL_SCALE * scale


@pytest.mark.parametrize(("volts", "v_0", "i_0"), [*LAWS, (2.0, 0.02, 1e-15)])
def test_the_nodal_solver_reads_selectors_as_ngspice_does(simulator, volts, v_0, i_0):
    cell = SelectorCell(mtj=Mtj(v_half=0.4, c_parallel=0.5), v_0=v_0, i_0=i_0)
    agrees(simulator, selected(8, volts, cell))


@pytest.mark.parametrize(("volts", "v_0", "i_0"), LAWS)
def test_so_it_does_with_defects(simulator, volts, v_0, i_0):
    cell = SelectorCell(mtj=Mtj(v_half=0.4, c_parallel=0.5), v_0=v_0, i_0=i_0)
    agrees(simulator, selected(8, volts, cell, die=Die(sigma_ln_rp=0.1, seed=2, defects=DEFECTS)))


def test_where_the_solver_does_not_arrive_it_says_so():
    """Steep selectors, a line that floats, a bridge, and many times the selector's scale."""
    die = Die(sigma_ln_rp=0.1, seed=2, defects=DEFECTS)
    e = selected(8, 2.0, SelectorCell(v_0=0.02, i_0=1e-15), die=die)
    with pytest.raises(NoSolutionError, match="Newton's method stands"):
        ours(e)


@pytest.mark.slow
@pytest.mark.parametrize("volts", [0.65, 1.4])
def test_large_arrays_of_selectors_converge(simulator, volts):
    e = selected(32, volts, SelectorCell())
    (result,) = simulator.run([e])
    theirs = float(result["current"].to_numpy()[0, 0])
    assert ours(e) == pytest.approx(theirs, rel=1e-5)


HALF = """\
name = "half"
seed = 1
[crossbar]
rows = 3
columns = 4
unselected = "half"
row = {resistance = "20 Ohm", end = "100 Ohm"}
column = {resistance = "20 Ohm", end = "100 Ohm"}
[crossbar.cell]
kind = "selector"
mtj = {v_half = inf, tmr0 = 0.8}
[writing]
to_p = "1.5V"
to_ap = "1.5V"
"""


def test_a_netlist_prints_the_current_of_a_half_selected_junction(simulator):
    """Against the root of R i + v_0 asinh(i/i_0) = V, V being the voltage of the cell."""
    layout = parse_spec(HALF, Layout)
    condition = nominal_condition(layout)
    plan = write_plan(layout)
    results = simulator.run([write.experiment for write in plan])
    findings = write_findings(layout, condition, plan, results)
    (found,) = (f for f in findings if f.quantity == "half_select")
    case = Case.of(layout, found)
    printed = run_measures(netlist(case, half_selected(case)))
    cell, volts = layout.crossbar.cell, 1.5 * printed["pulse_share"]
    assert 0.45 < volts / 1.5 < 0.5
    row, column = found.shown.row, found.shown.column
    ohms = cell.mtj.r_p * (1.8 if found.experiment.tile.states[row, column] else 1.0)

    def beyond(amperes: float) -> float:
        return amperes * ohms + cell.v_0 * np.arcsinh(amperes / cell.i_0) - volts

    amperes = brentq(beyond, 0.0, volts / ohms, xtol=1e-16, rtol=1e-12)
    assert printed["junction_current"] == pytest.approx(amperes, rel=1e-5)  # six digits are printed
    # The closed form has the same current: the chance of a nominal junction is that of it.
    many = layout.life.writes
    size = np.asarray(sizes_of(layout)[row, column])
    once = switched(layout, np.asarray(amperes), layout.writing.length, size)
    assert found.value == pytest.approx(float(several(once, many)), rel=0.01)


@pytest.mark.parametrize(
    ("name", "half_select", "write_error", "volts"),
    [("passive15", 1.0, 1.8e-4, 0.57), ("selector15", 3.9e-5, 8.4e-5, 0.58)],
)
def test_what_selectors_do_to_writes(simulator, repository, name, half_select, write_error, volts):
    """The table of docs/layout.md."""
    condition = Condition("tt", 1.0, 85.0)
    layout = under(read_spec(repository / "examples" / name / "layout.toml", Layout), condition)
    plan = write_plan(layout)
    results = simulator.run([write.experiment for write in plan])
    found = {f.quantity: f.value for f in write_findings(layout, condition, plan, results)}
    assert found["half_select"] == pytest.approx(half_select, rel=0.05)
    assert found["write_error"] == pytest.approx(write_error, rel=0.05)
    assert found["write_voltage"] == pytest.approx(volts, rel=0.01)
