"""Closed forms of switching: against hand-computed numbers, limits, and the whole equation."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import solve_banded

from mtjspice.device.switching import (
    activated_probability,
    anisotropy_field_at,
    critical_current,
    saturation_at,
    staying_probability,
    switching_probability,
    thermal_stability,
    time_constant,
    write_error_rate,
)
from mtjspice.spec import FreeLayer

LAYER = FreeLayer()
TIME_STEP = 0.01
"""Of the Fokker–Planck equation, in τ_D."""


def whole_equation(i: float, delta: float, times: list[float], cells: int = 500) -> np.ndarray:
    """Shares that stay: the Fokker–Planck equation of the polar angle, by finite volumes.

    ∂p/∂s = −∂J/∂x with x = cos θ, J = (1 − x²)((x − i) p − (1/2Δ) ∂p/∂x), from the thermal
    distribution of the upper half. Nothing is linearised here. Flows are Scharfetter and Gummel's
    (IEEE Trans. Electron Devices 16, 64 (1969)), steps in time those of a diagonally implicit
    Runge–Kutta method of second order (R. Alexander, SIAM J. Numer. Anal. 14, 1006 (1977)).
    """
    edges = np.cos(np.linspace(math.pi, 0, cells + 1))
    centres, width = (edges[1:] + edges[:-1]) / 2, np.diff(edges)
    inner, step = edges[1:-1], np.diff(centres)
    spread = (1 - inner**2) / (2 * delta)
    peclet = np.clip((1 - inner**2) * (inner - i) * step / spread, -500, 500)
    peclet = np.where(np.abs(peclet) < 1e-9, 1e-9, peclet)
    right, left = (
        spread / step * -peclet / np.expm1(-peclet),
        spread / step * peclet / np.expm1(peclet),
    )
    up, own, down = np.zeros(cells), np.zeros(cells), np.zeros(cells)
    up[1:], down[:-1] = left / width[:-1], right / width[1:]
    own[:-1] -= right / width[:-1]
    own[1:] -= left / width[1:]
    p = np.where(centres > 0, np.exp(delta * (centres**2 - 1)), 0.0)
    p /= (p * width).sum()

    def flow(p):
        out = own * p
        out[:-1] += up[1:] * p[1:]
        out[1:] += down[:-1] * p[:-1]
        return out

    stay, now, part, h = [], 0.0, 1 - math.sqrt(0.5), TIME_STEP
    bands = np.array([-h * part * up, 1 - h * part * own, -h * part * down])
    for until in times:
        for _ in range(round((until - now) / h)):
            first = solve_banded((1, 1), bands, flow(p))
            second = solve_banded((1, 1), bands, flow(p + h * (1 - part) * first))
            p = p + h * ((1 - part) * first + part * second)
        now = until
        assert (p * width).sum() == pytest.approx(1, abs=1e-9)
        stay.append((p * width)[centres > 0].sum())
    return np.array(stay)


def test_stability_critical_current_and_time_constant_are_those_worked_out_by_hand():
    layer = FreeLayer(
        saturation=1e6, anisotropy_field=2e5, thickness=1e-9, damping=0.02, efficiency=0.4,
        magnetisation_exponent=0,
    )  # fmt: skip
    # Volume pi/4 (40 nm)² 1 nm = 1.25664e-24 m³; energy mu_0 * 1e6 * 2e5 * V/2 = 1.57914e-19 J.
    delta = thermal_stability(layer, 40e-9, 26.85)
    assert delta == pytest.approx(38.126, rel=1e-4)  # over k_B 300 K = 4.14195e-21 J
    # 4e/hbar = 6.07706e15 A/J, alpha/eta = 0.05, energy as above.
    assert critical_current(layer, delta, 26.85) == pytest.approx(47.982e-6, rel=1e-4)
    # (1 + 4e-4)/(0.02 * 1.760860e11 * 0.251327) s.
    assert time_constant(layer, 26.85) == pytest.approx(1.13026e-9, rel=1e-5, abs=0)


def test_stability_goes_with_the_area_and_without_a_law_with_one_over_the_temperature():
    assert thermal_stability(LAYER, 60e-9, 27) == pytest.approx(
        4 * thermal_stability(LAYER, 30e-9, 27)
    )
    same = LAYER.replace(magnetisation_exponent=0)
    cold, hot = thermal_stability(same, 50e-9, 27.0), thermal_stability(same, 50e-9, 127.0)
    assert cold / hot == pytest.approx(400.15 / 300.15)
    # The critical current is an energy: the temperature falls out.
    currents = [critical_current(same, thermal_stability(same, 50e-9, t), t) for t in (27, 127)]
    assert currents[0] == pytest.approx(currents[1])


@pytest.mark.parametrize(
    ("beta", "power", "expected"),
    [
        # 77.4037 at 27 °C; 300.15 K/398.15 K = 0.753862 of it is 58.3516.
        (0.0, 1.0, 58.3516),
        # M_s alone: ((1 − 398.15/1420)/(1 − 300.15/1420))^0.4 = 0.964031.
        (0.4, 0.0, 56.2528),
        # M_s and H_k, as where the anisotropy of the interface goes with M_s²: 0.964031².
        (0.4, 1.0, 54.2294),
    ],
)
def test_the_stability_at_125_degrees_is_that_worked_out_by_hand(beta, power, expected):
    layer = FreeLayer(magnetisation_exponent=beta, anisotropy_exponent=power)
    assert thermal_stability(layer, 50e-9, 27.0) == pytest.approx(77.4037, rel=1e-6)
    assert thermal_stability(layer, 50e-9, 125.0) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("celsius", "magnetised"),
    # (1 − T/1420 K)^0.4 over that of 300.15 K: 0.8358099, 0.7886268, 0.7196127 to the 0.4.
    [(-40.0, 1.0235158), (27.0, 1.0), (125.0, 0.9640308)],
)
def test_the_free_layer_follows_the_law_of_kim_and_others(celsius, magnetised):
    assert saturation_at(LAYER, celsius) == pytest.approx(1e6 * magnetised, rel=1e-6)
    assert anisotropy_field_at(LAYER, celsius) == pytest.approx(2e5 * magnetised, rel=1e-6)
    # I_c0 goes with M_s H_k, τ_D with 1/H_k; at 27 °C they are 38.98588 µA and 2.259846 ns.
    stability = thermal_stability(LAYER, 50e-9, celsius)
    assert critical_current(LAYER, stability, celsius) == pytest.approx(
        38.98588e-6 * magnetised**2, rel=1e-6, abs=0
    )
    assert time_constant(LAYER, celsius) == pytest.approx(2.259846e-9 / magnetised, rel=1e-6, abs=0)


def test_values_at_27_degrees_are_those_of_the_spec_whatever_the_law():
    for layer in (LAYER, LAYER.replace(curie=400.0, anisotropy_exponent=3.0)):
        assert saturation_at(layer, 27.0) == layer.saturation
        assert anisotropy_field_at(layer, 27.0) == layer.anisotropy_field


def test_the_write_error_rate_is_butlers():
    # i = 2, s = 3: (i − 1)/(i e^6 − 1) = 1/805.8576; times pi²/4 * 60.
    expected = 1 - math.exp(-(math.pi**2) / 4 * 60 / (2 * math.exp(6) - 1))
    assert write_error_rate(2, 60, 3) == pytest.approx(expected, rel=1e-12)
    assert write_error_rate(2, 60, 3) == pytest.approx(0.167825, rel=1e-3)


@pytest.mark.parametrize("s", [0.1, 2.0, 30.0])
def test_at_the_critical_current_the_rate_has_its_limit(s):
    limit = 1 - math.exp(-(math.pi**2) / 4 * 60 / (1 + 2 * s))
    assert write_error_rate(1, 60, s) == pytest.approx(limit, rel=1e-6)
    for i in (1 - 1e-7, 1 + 1e-7):
        assert write_error_rate(i, 60, s) == pytest.approx(limit, rel=1e-4)


def test_long_pulses_never_fail_and_short_ones_always_do():
    assert write_error_rate(3, 60, 1e9) < 1e-300
    assert write_error_rate(3, 60, 0) == pytest.approx(1)
    assert switching_probability(0, 60, 1e3) < 1e-20


def test_far_below_the_critical_current_the_rate_is_browns():
    # i = 0.4, Delta 25: sqrt(25/pi) * 0.36 * 1.4 * exp(−9) a time constant.
    rate = math.sqrt(25 / math.pi) * 0.36 * 1.4 * math.exp(-9)
    assert activated_probability(0.4, 25, 7.0) == pytest.approx(-math.expm1(-7 * rate), rel=1e-12)
    assert switching_probability(0.4, 25, 7.0) == pytest.approx(-math.expm1(-7 * rate), rel=1e-12)


RATIO = st.floats(0, 20)
DELTA = st.floats(5, 200)
DURATION = st.floats(0, 200)


@given(RATIO, RATIO, DELTA, DURATION)
def test_more_current_never_switches_less(one, other, delta, s):
    low, high = sorted((one, other))
    p, q = (float(switching_probability(i, delta, s)) for i in (low, high))
    assert 0 <= p <= q + 1e-9 <= 1 + 1e-9


@given(RATIO, DELTA, DURATION, DURATION)
def test_a_longer_pulse_never_switches_less(i, delta, one, other):
    low, high = sorted((one, other))
    p, q = (float(switching_probability(i, delta, s)) for s in (low, high))
    assert 0 <= p <= q + 1e-9 <= 1 + 1e-9


def quotients(i: float, delta: float, times: list[float]) -> np.ndarray:
    """Write error rates as said over those of the whole equation."""
    return staying_probability(i, delta, np.array(times)) / whole_equation(i, delta, times)


@pytest.mark.parametrize("delta", [40.0, 77.0])
@pytest.mark.parametrize(
    ("i", "times", "low", "high"),
    # The ranges that the head of the module states.
    [
        (0.9, [1.0, 2.0, 3.0], 0.83, 0.97),
        (0.9, [5.0, 8.0, 10.0], 0.73, 0.97),
        (1.0, [1.0, 2.0, 3.0], 0.83, 0.97),
        (1.1, [1.0, 2.0, 3.0], 0.83, 0.97),
        (1.1, [20.0], 16.5, 58),
        (1.2, [1.0, 2.0, 3.0], 0.83, 0.97),
        (1.5, [1.0, 5.0, 10.0, 20.0], 0.9, 7.5),
        (2.0, [1.0, 2.0, 3.0, 5.0, 8.0, 10.0], 0.94, 1.9),
        (2.0, [15.0, 20.0], 1.7, 2.4),
        (2.5, [1.0, 2.0, 5.0, 10.0, 20.0], 0.96, 1.44),
        (3.0, [1.0, 2.0, 5.0, 10.0], 0.96, 1.44),
        (4.0, [1.0, 2.0, 5.0, 10.0], 0.85, 0.95),
    ],
)  # fmt: skip
def test_write_errors_are_off_by_what_is_stated(i, times, low, high, delta):
    found = quotients(i, delta, times)
    assert low < found.min()
    assert found.max() < high


def test_the_reference_is_converged():
    coarse = whole_equation(1.1, 77.0, [3.0, 20.0], cells=250)
    fine = whole_equation(1.1, 77.0, [3.0, 20.0], cells=1000)
    assert whole_equation(1.1, 77.0, [3.0, 20.0]) == pytest.approx(fine, rel=2e-3)
    assert coarse == pytest.approx(fine, rel=1e-2)


@pytest.mark.parametrize(("i", "delta"), [(0.2, 15.0), (0.4, 25.0), (0.5, 40.0), (0.7, 77.0)])
def test_below_the_critical_current_long_pulses_switch_at_the_rate_of_the_whole_equation(i, delta):
    early, late = whole_equation(i, delta, [30.0, 60.0])
    rate = -(math.log(late) - math.log(early)) / 30
    ours = -math.log1p(-activated_probability(i, delta, 1.0))
    assert ours == pytest.approx(rate, rel=0.35)


def test_a_short_pulse_below_the_critical_current_switches_less_than_said():
    # As the module's head says: the flow over the barrier takes its time to set in.
    (stays,) = whole_equation(0.7, 77.0, [2.0])
    assert 1 - stays < activated_probability(0.7, 77.0, 2.0)


def test_what_is_sure_to_switch_stays_with_a_probability_that_is_not_zero():
    assert switching_probability(3, 60, 30) == 1
    assert 0 < staying_probability(3, 60, 30) < 1e-40
    for i, s in ((0.4, 1e3), (0.9, 5.0), (1.5, 3.0)):
        both = staying_probability(i, 60, s) + switching_probability(i, 60, s)
        assert both == pytest.approx(1, rel=1e-12)
