"""The iterative solver of cell currents against dense solves of the same equations."""

import pytest
import torch
from torch import Tensor

from mtjspice.solver import iterative, spectrum
from mtjspice.solver.iterative import ConvergenceError, conjugate_gradients
from mtjspice.solver.lines import Lines, column_drop, row_drop

OHMS = (10e3, 25e3)


def lines(wire: float, end: float, series: float | Tensor = 0.0, both: bool = False) -> Lines:
    values = (torch.as_tensor(v, dtype=torch.float64) for v in (wire, end, series))
    return Lines(*values, both)


def cells(*shape: int, seed: int = 0) -> Tensor:
    pick = torch.randint(2, shape, generator=torch.Generator().manual_seed(seed))
    return 1 / torch.tensor(OHMS, dtype=torch.float64)[pick]


def volts(*shape: int, seed: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(shape, generator=generator, dtype=torch.float64) - 0.3


def dense(conductance: Tensor, emf: Tensor, rows: Lines, columns: Lines) -> Tensor:
    """Solve (1 + G K) i = G s of one array for emf [vector, row, column]."""
    height, width = conductance.shape
    unit = torch.eye(height * width, dtype=torch.float64).view(-1, height, width)
    impedance = (row_drop(rows, unit) + column_drop(columns, unit)).flatten(1).T
    g = conductance.flatten()[:, None]
    system = torch.eye(len(g), dtype=torch.float64) + g * impedance
    return torch.linalg.solve(system, g * emf.flatten(1).T).T.view(emf.shape)


def error(found: Tensor, wanted: Tensor) -> float:
    """Largest error of an output by the largest output, of the worst vector."""
    off = (found - wanted).sum(-2).abs().amax(-1)
    return float((off / wanted.sum(-2).abs().amax(-1)).max())


WIRES = {
    "one end": (lines(1, 1), lines(1, 1)),
    "thin wires": (lines(50, 50), lines(80, 10)),
    "both ends": (lines(5, 2, both=True), lines(3, 7, both=True)),
    "both ends behind a driver": (lines(5, 0, 300, both=True), lines(3, 7, 20, both=True)),
    "no ends": (lines(2, 0), lines(1, 0)),
    "no ends, both": (lines(2, 0, both=True), lines(1, 0, both=True)),
    "drivers": (lines(1, 0, 200), lines(1, 3, 50)),
    "only drivers": (lines(0, 0, 200), lines(0, 3)),
    "no rows": (lines(0, 0), lines(4, 1)),
    "no columns": (lines(4, 1), lines(0, 0, both=True)),
    "no wires": (lines(0, 0), lines(0, 0)),
}


@pytest.mark.parametrize("wires", WIRES.values(), ids=WIRES.keys())
@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (7, 1), (9, 13)])
def test_currents_are_those_of_a_dense_solve(wires: tuple[Lines, Lines], shape: tuple[int, int]):
    g, s = cells(*shape), volts(3, *shape)
    found = conjugate_gradients(g, s, *wires, tolerance=1e-10)
    wanted = dense(g, s, *wires)
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-9 * float(wanted.abs().max()))


@pytest.mark.parametrize("wires", WIRES.values(), ids=WIRES.keys())
def test_lines_in_blocks_are_the_same_lines(wires: tuple[Lines, Lines], monkeypatch):
    monkeypatch.setattr(spectrum, "_SMALL", 4)
    monkeypatch.setattr(spectrum, "_BLOCK", 5)
    g, s = cells(11, 18), volts(2, 11, 18)
    found = conjugate_gradients(g, s, *wires, tolerance=1e-10)
    wanted = dense(g, s, *wires)
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-9 * float(wanted.abs().max()))


@pytest.mark.parametrize("tolerance", [1e-3, 1e-6, 1e-9, 1e-12])
def test_outputs_are_as_good_as_asked(tolerance: float):
    g, s = cells(28, 20), volts(8, 28, 1).abs().expand(-1, -1, 20)
    found = conjugate_gradients(g, s, *WIRES["thin wires"], tolerance=tolerance)
    assert error(found, dense(g, s, *WIRES["thin wires"])) < max(tolerance, 1e-13)


def test_open_cells_carry_nothing():
    g, s = cells(20, 24), volts(2, 20, 24)
    g[volts(20, 24, seed=5) < 0.0] = 0
    g[3] = 0
    g[:, 7:12] = 0
    found = conjugate_gradients(g, s, *WIRES["thin wires"], tolerance=1e-10)
    assert bool((found[:, g == 0] == 0).all())
    assert error(found, dense(g, s, *WIRES["thin wires"])) < 1e-9


def test_an_array_without_cells_or_emf_is_dead():
    g, s = cells(6, 5), volts(2, 6, 5)
    assert not conjugate_gradients(0 * g, s, *WIRES["one end"]).any()
    s[1] = 0
    found = conjugate_gradients(g, s, *WIRES["one end"])
    assert not found[1].any()
    assert error(found[:1], dense(g, s[:1], *WIRES["one end"])) < 1e-8


def test_shorted_cells():
    g, s = cells(20, 20), volts(2, 20, 1).expand(-1, -1, 20)
    g[volts(20, 20, seed=4) < -0.25] = 1e-2
    found = conjugate_gradients(g, s, *WIRES["thin wires"], tolerance=1e-9)
    assert error(found, dense(g, s, *WIRES["thin wires"])) < 1e-9


@pytest.mark.parametrize("both", [False, True])
def test_every_line_can_have_its_own_series_resistance(both: bool):
    g, s = cells(14, 10), volts(3, 14, 10)
    rows = lines(5, 1, 1000 * volts(14).abs(), both)
    columns = lines(3, 2, torch.linspace(0, 3000, 10), both)
    for pair in ((rows, columns), (rows, lines(3, 2)), (lines(5, 1), columns)):
        found = conjugate_gradients(g, s, *pair, tolerance=1e-9)
        assert error(found, dense(g, s, *pair)) < 1e-9


def test_equal_series_resistances_of_all_lines_are_one_number():
    g, s = cells(14, 10), volts(2, 14, 10)
    columns = lines(3, 2, torch.full((10,), 70.0))
    found = conjugate_gradients(g, s, lines(5, 1), columns)
    assert torch.equal(found, conjugate_gradients(g, s, lines(5, 1), lines(3, 2, 70)))


def test_a_cell_without_impedance_beside_others():
    g, s = cells(14, 10), volts(2, 14, 10)
    s[0] = 0
    s[0, -1, 0] = 1
    found = conjugate_gradients(g, s, *WIRES["no ends"], tolerance=1e-11)
    assert error(found, dense(g, s, *WIRES["no ends"])) < 1e-10


@pytest.mark.parametrize("elements", [100, 1000, 10**6])
def test_arrays_and_vectors_broadcast_and_are_solved_in_groups(elements: int, monkeypatch):
    monkeypatch.setattr(iterative, "_CACHE", elements)
    g, s = cells(2, 3, 9, 8), volts(3, 5, 9, 8)
    found = conjugate_gradients(g, s, *WIRES["thin wires"])
    assert found.shape == (2, 3, 5, 9, 8)
    for a in range(2):
        for b in range(3):
            assert error(found[a, b], dense(g[a, b], s[b], *WIRES["thin wires"])) < 1e-8
    same = conjugate_gradients(g[0, 0], s, *WIRES["thin wires"])
    assert error(same[1], dense(g[0, 0], s[1], *WIRES["thin wires"])) < 1e-8


def test_emf_whose_outputs_cancel():
    g, s = cells(16, 16).fill_(1e-4), torch.zeros(1, 16, 16, dtype=torch.float64)
    s[0, :, 3], s[0, :, 4] = 1, -1
    wires = (WIRES["thin wires"][0], lines(0, 0))
    wanted = dense(g, s, *wires)
    off = conjugate_gradients(g, s, *wires, tolerance=1e-9) - wanted
    assert float(off.abs().max() / wanted.abs().max()) < 1e-9


def test_single_precision():
    g, s = cells(24, 24), volts(4, 24, 1).abs().expand(-1, -1, 24)
    found = conjugate_gradients(g.float(), s.float(), *WIRES["thin wires"], tolerance=1e-12)
    assert found.dtype == torch.float32
    assert error(found.double(), dense(g, s, *WIRES["thin wires"])) < 5e-6


def test_the_same_twice_and_no_gradient():
    g, s = cells(12, 12).requires_grad_(), volts(2, 12, 12)
    first = conjugate_gradients(g, s, *WIRES["thin wires"])
    assert not first.requires_grad
    assert torch.equal(first, conjugate_gradients(g, s, *WIRES["thin wires"]))


def test_too_few_iterations_are_an_error():
    with pytest.raises(ConvergenceError, match="after 2 iterations") as raised:
        conjugate_gradients(cells(9, 9), volts(1, 9, 9), *WIRES["thin wires"], max_iterations=2)
    assert raised.value.exit_code == 3


def test_numbers_that_are_not_finite_are_an_error():
    with pytest.raises(ConvergenceError, match="finite"):
        conjugate_gradients(cells(4, 4) * torch.nan, volts(1, 4, 4), *WIRES["one end"])
