"""Cells that are off and leak: against Kirchhoff's equations, node by node, solved by scipy."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import optimize

from mtjspice.solver import nodal
from mtjspice.solver.access import AccessModel
from mtjspice.solver.array import array_of
from mtjspice.solver.leakage import Leakage
from mtjspice.solver.leaking import LeakageError
from mtjspice.spec import Crossbar, Die, Experiment, GatedCell, Line, Mtj, ProgrammedTile, Stimulus
from mtjspice.spec.die import Defect
from mtjspice.spec.periphery import TransimpedanceAmplifier

R_ON, LOAD, WIRE, END = 900.0, 3000.0, 4.0, 25.0
ACCESS = AccessModel(
    resistance=(((R_ON,), (0.0,)), ((R_ON,), (0.0,))),
    sensitivity=((((0.0,), (0.0,)), ((0.0,), (0.0,))),),
    current_scale=1e-3,
    potential_scale=0.2,
    threshold_sigma=(0.02,),
)
LAW = Leakage(
    thermal=0.03, rest=0.0, scale=0.2, product=(2e-7, 3e-8), plain=(0.0, 2e-8), shares=(1.0,),
    slopes=(0.04,),
)  # fmt: skip
MTJ = Mtj(v_half=float("inf"))
ROWS, COLUMNS, DRIVEN, VOLTS = 5, 3, 2, 0.2


def experiment(unselected: str = "grounded", **parts) -> Experiment:
    cell = GatedCell(gates="row", mtj=MTJ)
    line = Line(resistance=WIRE, end=END)
    states = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 1], [1, 1, 0], [0, 0, 0]])
    return Experiment(
        crossbar=Crossbar(
            rows=ROWS, columns=COLUMNS, cell=cell, row=Line(end=0), column=line,
            unselected=unselected,
        ),
        tile=ProgrammedTile(states=states),
        stimulus=Stimulus(volts=[[VOLTS]], driven_rows=(DRIVEN,), read_voltage=VOLTS),
        periphery=TransimpedanceAmplifier(input_resistance=LOAD),
        **parts,
    )  # fmt: skip


def leaked(b: np.ndarray, law: Leakage) -> np.ndarray:
    """The law again, in numpy."""
    away = np.exp(-law.rest / law.thermal) - np.exp(-b / law.thermal)
    y = b / law.scale
    product = sum(c * y**k for k, c in enumerate(law.product))
    return away * product + sum(c * y**k for k, c in enumerate(law.plain))


def by_nodes(e: Experiment, law: Leakage, strength: np.ndarray) -> np.ndarray:
    """Output currents from the potentials of all column nodes; wires of rows have no resistance."""
    ohms = np.where(e.tile.states[DRIVEN] == 0, MTJ.r_p, MTJ.r_ap) + R_ON
    off = np.array([row != DRIVEN for row in range(ROWS)])[:, None] * strength

    loose = np.full((ROWS, 1), e.crossbar.unselected == "floating")
    loose[[d.row for d in e.die.defects if d.kind == "dead_row"]] = True

    def currents(b: np.ndarray) -> np.ndarray:
        """Into each node of the columns, but for the wires, [row, column]."""
        out = off * leaked(b, law)
        into = -out
        weights = off / np.maximum(off.sum(1, keepdims=True), 1e-300)
        into += loose * weights * out.sum(1, keepdims=True)
        into[DRIVEN] += (VOLTS - b[DRIVEN]) / ohms
        return into

    def unbalanced(x: np.ndarray) -> np.ndarray:
        b = x.reshape(ROWS, COLUMNS)
        into = currents(b)
        down = (b[:-1] - b[1:]) / WIRE
        into[:-1] -= down
        into[1:] += down
        into[-1] -= b[-1] / (END + LOAD)
        return into.ravel() * 1e6

    start = np.full(ROWS * COLUMNS, 0.03)
    b = optimize.fsolve(unbalanced, start, xtol=1e-10).reshape(ROWS, COLUMNS)
    assert np.abs(unbalanced(b)).max() < 1e-6
    return b[-1] / (END + LOAD)


@pytest.mark.parametrize("unselected", ["grounded", "floating", "half"])
@pytest.mark.parametrize("kept", [None, range(2, 3), range(1, 4)])
def test_currents_with_leakage_are_those_of_kirchhoffs_equations(unselected, kept):
    law = replace(LAW, rest=VOLTS / 2) if unselected == "half" else LAW
    e = experiment(unselected)
    array = array_of([e], ACCESS, leakage=law, kept=kept)
    found = nodal.read(array, torch.tensor([[VOLTS]]).double(), tolerance=1e-11)[0, 0].numpy()
    expected = by_nodes(e, law, np.ones((ROWS, COLUMNS)))
    without = nodal.read(array_of([e], ACCESS), torch.tensor([[VOLTS]]).double())[0, 0].numpy()
    assert np.abs(found / expected - 1).max() < 2e-7
    assert np.abs(without / expected - 1).max() > 1e-3


@pytest.mark.parametrize(
    ("broken", "near"),
    [
        ((Defect(kind="dead_row", row=4),), 2e-7),
        # Neighbouring rows leak at their middle, whatever each of them leaks.
        ((), 2e-6),
    ],
)
def test_a_higher_threshold_leaks_exponentially_less_and_open_cells_do_not(broken, near):
    open_cell = Defect(kind="open", row=0, column=1)
    die = Die(mismatch=1.0, seed=3, defects=(open_cell, *broken))
    e = experiment(die=die)
    z = np.random.default_rng([3, 2, 0]).standard_normal((ROWS, COLUMNS, 1))[..., 0]
    strength = np.exp(-np.round(0.02 * z, 9) / 0.04)
    strength[0, 1] = 0.0
    array = array_of([e], ACCESS, leakage=LAW)
    found = nodal.read(array, torch.tensor([[VOLTS]]).double(), tolerance=1e-11)[0, 0].numpy()
    assert np.abs(found / by_nodes(e, LAW, strength) - 1).max() < near


def test_voltages_over_cells_have_the_leakage_in_them():
    e = experiment()
    volts = torch.tensor([[VOLTS]]).double()
    array = array_of([e], ACCESS, leakage=LAW)
    solution = nodal.solve(array, volts, tolerance=1e-11)
    over = nodal.cell_volts(array, volts, solution)[0, 0, DRIVEN]
    ohms = np.where(e.tile.states[DRIVEN] == 0, MTJ.r_p, MTJ.r_ap) + R_ON
    assert (over / solution.current[0, 0, DRIVEN]).numpy() == pytest.approx(ohms, rel=1e-6)


def test_gradients_with_leakage_are_those_of_differences():
    law = replace(LAW, product=(2e-8, 3e-9), plain=(0.0, 2e-9))
    array = array_of([experiment()], ACCESS, leakage=law)
    volts = torch.tensor([[VOLTS]]).double()

    def read(linear: torch.Tensor) -> torch.Tensor:
        changed = replace(array, cells=replace(array.cells, linear=linear))
        return nodal.read(changed, volts, tolerance=1e-12)[0, 0].sum()

    linear = array.cells.linear.clone().requires_grad_()
    (slope,) = torch.autograd.grad(read(linear), linear)
    step = 1e-4 * array.cells.linear[0, DRIVEN, 0]
    change = torch.zeros_like(array.cells.linear)
    change[0, DRIVEN, 0] = step
    with torch.no_grad():
        ends = [read(array.cells.linear + sign * change) for sign in (1, -1)]
    assert float(slope[0, DRIVEN, 0]) == pytest.approx(
        float((ends[0] - ends[1]) / (2 * step)), 1e-4
    )


def test_so_much_leakage_that_it_is_no_correction_is_an_error():
    law = replace(LAW, product=(2e-5, 0.0))
    array = array_of([experiment()], ACCESS, leakage=law)
    with pytest.raises(LeakageError, match="is no correction"):
        nodal.read(array, torch.tensor([[VOLTS]]).double())


def test_where_all_gates_are_on_nothing_leaks():
    e = experiment().replace(stimulus=Stimulus(volts=np.full((1, ROWS), VOLTS)))
    assert array_of([e], ACCESS, leakage=LAW).leaks is None
