"""The closed forms of others: by hand where they allow it, and against the exact solve."""

import numpy as np
import pytest
from reference import closed_form, nodal

MODELS = [
    closed_form.jeong,
    closed_form.jeong_cells,
    closed_form.dmr,
    closed_form.alpha_beta,
]
EACH_MODEL = pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
LOW, HIGH = 4286.0, 7519.0
G = np.array([[4.0, 2.0], [1.0, 3.0]])  # small numbers, for sums by hand


def random_array(rows: int, columns: int) -> np.ndarray:
    rng = np.random.default_rng([rows, columns])
    return 1 / np.where(rng.integers(0, 2, (rows, columns)) == 1, HIGH, LOW)


def exact(g: np.ndarray, volts: np.ndarray, wires: tuple[float, ...]) -> np.ndarray:
    ones = np.ones_like(g)
    array = nodal.Array(g, ones, 0 * ones, ones == 0, 1.0, *wires)
    return nodal.currents(array, volts)


def rms(model, g: np.ndarray, volts: np.ndarray, wires: tuple[float, ...]) -> float:
    """Error of the currents over that of a column of low resistances with all inputs on."""
    error = volts @ model(g, *wires) - exact(g, volts, wires)
    return np.sqrt(np.mean(error**2)) * LOW / (len(g) * np.abs(volts).max())


@EACH_MODEL
def test_without_wires_it_is_the_ideal_product(model):
    g = random_array(5, 7)
    assert model(g, 0.0, 0.0, 0.0, 0.0) == pytest.approx(closed_form.ideal(g), rel=1e-14)


@pytest.mark.parametrize("model", [closed_form.jeong, closed_form.jeong_cells])
def test_one_cell_is_a_series_circuit(model):
    one = model(np.array([[1 / LOW]]), 9.0, 9.0, 100.0, 50.0)
    assert one == pytest.approx(np.array([[1 / (LOW + 150)]]), rel=1e-14)


@pytest.mark.parametrize("model", [closed_form.dmr, closed_form.alpha_beta])
@pytest.mark.parametrize("ends", [(100.0, 0.0), (0.0, 50.0)])
def test_one_cell_on_one_line_is_a_series_circuit(model, ends):
    one = model(np.array([[1 / LOW]]), 9.0, 9.0, *ends)
    assert one == pytest.approx(np.array([[1 / (LOW + sum(ends))]]), rel=1e-14)


def test_jeong_by_hand():
    # A = (1·2, 1·2 + 1·1), B = 1·1 + 1·2; k = 1 has the harmonic mean: 2/(1 + 4).
    scale = np.array([0.4 / (0.4 + 2 + 3), 0.4 / (0.4 + 3 + 3)])
    assert closed_form.jeong(G, 1, 1, 1, 1, exponent=1) == pytest.approx(G * scale, rel=1e-14)


def test_jeong_of_each_cell_by_hand():
    # B = (10·1 + 1000·2, 1000·2), A = (100·2, 100·2 + 1·1).
    series = np.array([[2210, 2211], [2200, 2201]])
    expected = 1 / (1 / G + series)
    assert closed_form.jeong_cells(G, 1, 10, 100, 1000) == pytest.approx(expected, rel=1e-14)


def test_diagonal_matrices_by_hand():
    # Mean column (3, 2): (1, 1 + 1·3)/(1 + 2·3 + 1·2). Mean row (2.5, 2.5).
    a = np.array([[1], [4]]) / 9
    b = np.array([3.5, 1]) / (1 + 2.5 + 2 * 2.5)
    assert closed_form.dmr(G, 1, 1, 1, 1) == pytest.approx(a * G * b, rel=1e-14)


def test_alpha_and_beta_by_hand():
    # Columns (4, 1) and (2, 3), rows (4, 2) and (1, 3).
    alpha = np.array([[1, 1], [1 + 4, 1 + 2]]) / np.array([1 + 2 * 4 + 1, 1 + 2 * 2 + 3])
    beta = np.array([[1 + 2, 1], [1 + 3, 1]]) / np.array([[1 + 4 + 2 * 2], [1 + 1 + 2 * 3]])
    expected = alpha * G * beta
    assert closed_form.alpha_beta(G, 1, 1, 1, 1) == pytest.approx(expected, rel=1e-14)


def test_alpha_and_beta_by_hand_with_ends():
    alpha = np.array([[1, 1], [1 + 10 * 4, 1 + 10 * 2]])
    alpha = alpha / np.array([1 + 10 * 4 + 1000 * 5, 1 + 10 * 2 + 1000 * 5])
    beta = np.array([[1 + 2, 1], [1 + 3, 1]])
    beta = beta / np.array([[1 + 2 + 100 * 6], [1 + 3 + 100 * 4]])
    expected = alpha * G * beta
    assert closed_form.alpha_beta(G, 1, 10, 100, 1000) == pytest.approx(expected, rel=1e-14)


def test_diagonal_matrices_are_alpha_and_beta_of_a_uniform_array():
    g = np.full((6, 4), 1 / LOW)
    wires = (1.0, 2.0, 30.0, 40.0)
    assert closed_form.dmr(g, *wires) == pytest.approx(closed_form.alpha_beta(g, *wires), rel=1e-13)


@pytest.mark.parametrize(
    ("model", "g"),
    [
        (closed_form.jeong_cells, np.full((9, 6), 1 / LOW)),
        (closed_form.dmr, np.full((9, 6), 1 / LOW)),
        (closed_form.alpha_beta, random_array(9, 6)),
    ],
    ids=["jeong_cells", "dmr", "alpha_beta"],
)
def test_with_all_inputs_on_the_error_is_of_second_order(model, g):
    on = np.full((1, 9), 0.1)
    wires = np.array([1.0, 2.0, 3.0, 4.0]) / 50
    ratio = rms(model, g, on, tuple(wires)) / rms(model, g, on, tuple(wires / 2))
    assert ratio == pytest.approx(4, rel=0.02)


@EACH_MODEL
@pytest.mark.parametrize(
    "wires", [(2.0, 2.0, 2.0, 2.0), (1.0, 3.0, 10.0, 5.0)], ids=["equal", "unequal"]
)
def test_it_is_several_times_better_than_the_ideal_product(model, wires):
    g = random_array(25, 30)
    volts = np.random.default_rng(1).uniform(0, 0.1, (5, 25))
    assert rms(model, g, volts, wires) < rms(closed_form.ideal, g, volts, wires) / 4
