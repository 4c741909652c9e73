"""Selectors in series with junctions, in the nodal solver: closed forms, slopes, refusals."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from unit.builders import experiment

from mtjspice.errors import InputError
from mtjspice.solver import nodal
from mtjspice.solver.array import array_of
from mtjspice.solver.series import Selector, junction_volts, own_law, series_slope
from mtjspice.spec import Calibration, Crossbar, Line, Mtj, PassiveCell, SelectorCell, parse_spec

OHMIC = Mtj(v_half=math.inf)
V_0, I_0 = 0.04, 1e-10
CELL = SelectorCell(mtj=OHMIC, v_0=V_0, i_0=I_0)
WIRES = {"row": Line(resistance=20.0, end=100.0), "column": Line(resistance=30.0, end=50.0)}


def read(cell: SelectorCell, volts: float, **lines) -> float:
    """Current of a single P cell, A."""
    one = experiment(["P"], [[volts]], crossbar={"cell": cell} | lines)
    return float(nodal.read(array_of([one]), torch.tensor([[volts]], dtype=torch.float64)))


@pytest.mark.parametrize("amperes", [1e-12, 1e-9, 1e-6, 1e-4, -3e-5])
@pytest.mark.parametrize(("v_0", "i_0"), [(0.04, 1e-10), (0.02, 1e-18), (1.0, 1e-3)])
def test_a_single_cell_has_the_voltage_of_junction_selector_and_wires(amperes, v_0, i_0):
    cell = CELL.replace(v_0=v_0, i_0=i_0)
    volts = amperes * (OHMIC.r_p + 150) + v_0 * math.asinh(amperes / i_0)
    assert read(cell, volts, **WIRES) == pytest.approx(amperes, rel=1e-8)


def array_with(i_0: torch.Tensor, v_0: torch.Tensor):
    """Two by two cells with one driven row and the other lines at half of its voltage."""
    crossbar = {"cell": CELL.replace(mtj=Mtj()), "unselected": "half"} | WIRES
    lines = {"driven_rows": (0,), "sensed_columns": (1,), "read_voltage": 0.9}
    array = array_of([experiment(["PA", "AP"], [[0.9]], crossbar=crossbar, stimulus=lines)])
    return replace(array, cells=replace(array.cells, access=Selector(i_0, v_0)))


def test_gradients_through_selectors_are_those_of_differences():
    def current(i_0, v_0, volts):
        return 1e5 * nodal.read(array_with(1e-10 * i_0, v_0), volts, tolerance=1e-13)

    given = [torch.tensor(x, dtype=torch.float64) for x in (1.0, 0.04, [[0.9]])]
    given = [x.requires_grad_() for x in given]
    assert torch.autograd.gradcheck(current, given, eps=1e-5, atol=1e-6, rtol=1e-4)


def test_the_slope_of_the_law_is_that_of_its_voltage():
    law = own_law(CELL)
    assert law is not None
    assert series_slope(law, 0.0) == pytest.approx(V_0 / I_0)
    assert series_slope(law, 1e-5) == pytest.approx(V_0 / 1e-5, rel=1e-6)
    assert own_law(PassiveCell()) is None


def test_a_junction_gets_what_the_selector_leaves():
    law = own_law(CELL)
    assert law is not None
    currents = np.array([[1e-11, 1e-8], [1e-6, 5e-5]])
    own = currents * OHMIC.r_p
    whole = own + 3.0 * currents + V_0 * np.arcsinh(currents / I_0)
    found = junction_volts(law, whole, 3.0, 0, OHMIC.r_p, 1.0, OHMIC)
    assert found == pytest.approx(own, rel=1e-9)


def test_selectors_have_no_card():
    with pytest.raises(InputError, match=r"crossbar.cell.kind \(selector\) has no calibration"):
        parse_spec(
            'name = "c"\n[crossbar]\nrows = 2\ncolumns = 2\ncell = {kind = "selector"}\n',
            Calibration,
        )


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [("v_0", "0.5mV", "threshold switches"), ("i_0", "2mA", "no selector")],
)
def test_what_no_selector_is_is_refused_with_the_reason(key, value, words):
    text = f'rows = 2\ncolumns = 2\n[cell]\nkind = "selector"\n{key} = "{value}"\n'
    with pytest.raises(InputError, match=words):
        parse_spec(text, Crossbar)
