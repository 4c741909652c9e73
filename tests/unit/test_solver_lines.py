import pytest
import torch

from mtjspice.solver.lines import Lines, column_drop, row_drop

EACH_END = pytest.mark.parametrize("both", [False, True], ids=["one end", "both ends"])
CELLS = [1, 2, 7]


def ohms(value) -> torch.Tensor:
    return torch.tensor(value, dtype=torch.float64)


def lines(wire: float, end: float, series=0.0, *, both: bool = False) -> Lines:
    return Lines(ohms(wire), ohms(end), ohms(series), both)


def admittance(cells: int, wire: float, end: float, *, both: bool) -> torch.Tensor:
    """Of the nodes of one line whose terminal is at ground, from its resistors one by one."""
    y = torch.zeros(cells, cells, dtype=torch.float64)
    y[0, 0] += 1 / end
    if both:
        y[-1, -1] += 1 / end
    for k in range(cells - 1):
        y[k, k] += 1 / wire
        y[k + 1, k + 1] += 1 / wire
        y[k, k + 1] -= 1 / wire
        y[k + 1, k] -= 1 / wire
    return y


def random_currents(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


@EACH_END
@pytest.mark.parametrize(("wire", "end"), [(2.0, 50.0), (500.0, 1.0), (1e-3, 1e3)])
def test_the_impedance_is_the_inverse_of_the_admittance(wire, end, both):
    for cells in CELLS:
        z = lines(wire, end, both=both).impedance(cells)
        one = z @ admittance(cells, wire, end, both=both)
        assert torch.allclose(one, torch.eye(cells).double(), rtol=0, atol=1e-9), cells


@EACH_END
def test_the_impedance_is_symmetric_and_not_negative(both):
    for cells in CELLS:
        z = lines(3.0, 7.0, both=both).impedance(cells)
        assert torch.allclose(z, z.T, rtol=1e-13, atol=0), cells
        assert (z >= 0).all(), cells


@EACH_END
def test_a_perfect_line_has_no_impedance(both):
    for cells in CELLS:
        assert not lines(0.0, 0.0, both=both).impedance(cells).any(), cells


def test_a_line_without_wire_resistance_has_its_end_alone():
    for cells in CELLS:
        one, both = (lines(0.0, 50.0, both=b).impedance(cells) for b in (False, True))
        assert one.tolist() == [[50.0] * cells] * cells
        assert both.tolist() == [[25.0] * cells] * cells


def test_a_line_without_ends_is_held_at_its_cells_by_the_terminal():
    one, both = (lines(10.0, 0.0, both=b).impedance(3) for b in (False, True))
    assert one.tolist() == [[0, 0, 0], [0, 10, 10], [0, 10, 20]]
    assert both.tolist() == [[0, 0, 0], [0, 5, 0], [0, 0, 0]]


@EACH_END
def test_what_is_behind_the_terminal_carries_the_current_of_the_whole_line(both):
    current = random_currents(4, 5)
    plain, series = lines(2.0, 50.0, both=both), [0.0, 1.0, 20.0, 300.0]
    extra = lines(2.0, 50.0, series, both=both).drop(current) - plain.drop(current)
    expected = ohms(series)[:, None] * current.sum(-1, keepdim=True)
    assert torch.allclose(extra, expected.expand(4, 5), rtol=1e-12, atol=1e-10)


def test_one_series_resistance_is_that_of_every_line():
    current = random_currents(2, 4, 5)
    one, each = (lines(2.0, 50.0, s).drop(current) for s in (7.0, [7.0] * 4))
    assert torch.equal(one, each)


@EACH_END
def test_the_drop_is_the_impedance_times_the_current(both):
    current = random_currents(2, 3, 4, 6)
    line = lines(2.0, 50.0, both=both)
    assert torch.allclose(line.drop(current), current @ line.impedance(6), rtol=1e-12, atol=1e-12)


def test_rows_begin_at_the_first_column_and_columns_at_the_last_row():
    current = torch.zeros(3, 4, dtype=torch.float64)
    current[0, 3] = 1.0
    wires = lines(10.0, 1.0)
    along_row, along_column = row_drop(wires, current), column_drop(wires, current)
    assert along_row.tolist() == [[1, 11, 21, 31], [0] * 4, [0] * 4]
    assert along_column[:, 3].tolist() == [21, 11, 1]
    assert not along_column[:, :3].any()


@EACH_END
@pytest.mark.parametrize(("wire", "end"), [(2.0, 50.0), (0.0, 50.0), (2.0, 0.0)])
def test_the_drop_has_the_gradients_of_finite_differences(wire, end, both):
    def drop(wire, end, series, current):
        return Lines(wire, end, series, both).drop(current)

    at = (ohms(wire), ohms(end), ohms([1.0, 2.0, 3.0]), random_currents(3, 4))
    inputs = [x.requires_grad_() for x in at]
    assert torch.autograd.gradcheck(drop, inputs, eps=1e-5, atol=1e-6, rtol=1e-6)


@EACH_END
def test_a_perfect_line_has_finite_gradients(both):
    wire, end = (ohms(0.0).requires_grad_() for _ in range(2))
    Lines(wire, end, ohms(0.0), both).drop(random_currents(3, 4)).square().sum().backward()
    for grad in (wire.grad, end.grad):
        assert grad is None or torch.isfinite(grad)
