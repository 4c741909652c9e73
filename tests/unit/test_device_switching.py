"""Closed forms of switching: against hand-computed numbers, limits, and the whole equation."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csc_matrix, identity
from scipy.sparse.linalg import splu

from mtjspice.device.switching import (
    activated_probability,
    critical_current,
    switching_probability,
    thermal_stability,
    time_constant,
    write_error_rate,
)
from mtjspice.spec import FreeLayer

LAYER = FreeLayer()


def whole_equation(i: float, delta: float, s: float, cells: int = 400, steps: int = 400) -> float:
    """Share that switches: the Fokker–Planck equation of the polar angle, by finite volumes.

    ∂p/∂s = −∂J/∂x with x = cos θ, J = (1 − x²)((x − i) p − (1/2Δ) ∂p/∂x), from the thermal
    distribution of the upper half. Nothing is linearised here.
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
    k, flow = np.arange(cells - 1), np.zeros((cells, cells))
    flow[k, k] -= right / width[:-1]
    flow[k, k + 1] += left / width[:-1]
    flow[k + 1, k] += right / width[1:]
    flow[k + 1, k + 1] -= left / width[1:]
    p = np.where(centres > 0, np.exp(delta * (centres**2 - 1)), 0.0)
    p /= (p * width).sum()
    solve = splu((identity(cells, format="csc") - s / steps * csc_matrix(flow)).tocsc()).solve
    for _ in range(steps):
        p = solve(p)
    assert (p * width).sum() == pytest.approx(1, abs=1e-6)
    return float((p * width)[centres < 0].sum())


def test_stability_critical_current_and_time_constant_are_those_worked_out_by_hand():
    layer = FreeLayer(
        saturation=1e6, anisotropy_field=2e5, thickness=1e-9, damping=0.02, efficiency=0.4
    )
    # Volume pi/4 (40 nm)² 1 nm = 1.25664e-24 m³; energy mu_0 * 1e6 * 2e5 * V/2 = 1.57914e-19 J.
    delta = thermal_stability(layer, 40e-9, 26.85)
    assert delta == pytest.approx(38.126, rel=1e-4)  # over k_B 300 K = 4.14195e-21 J
    # 4e/hbar = 6.07706e15 A/J, alpha/eta = 0.05, energy as above.
    assert critical_current(layer, delta, 26.85) == pytest.approx(47.982e-6, rel=1e-4)
    # (1 + 4e-4)/(0.02 * 1.760860e11 * 0.251327) s.
    assert time_constant(layer, 26.85) == pytest.approx(1.13029e-9, rel=1e-4)


def test_stability_goes_with_the_area_and_one_over_the_temperature():
    assert thermal_stability(LAYER, 60e-9, 27) == pytest.approx(
        4 * thermal_stability(LAYER, 30e-9, 27)
    )
    cold, hot = thermal_stability(LAYER, 50e-9, 27.0), thermal_stability(LAYER, 50e-9, 127.0)
    assert cold / hot == pytest.approx(400.15 / 300.15)
    # The critical current is an energy: the temperature falls out.
    currents = [critical_current(LAYER, thermal_stability(LAYER, 50e-9, t), t) for t in (27, 127)]
    assert currents[0] == pytest.approx(currents[1])


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


@pytest.mark.parametrize("delta", [40.0, 77.0])
@pytest.mark.parametrize(("i", "s"), [(2.0, 2.2), (2.5, 2.2), (3.0, 2.2), (4.0, 1.0)])
def test_above_the_critical_current_the_error_rate_is_that_of_the_whole_equation(i, s, delta):
    true = 1 - whole_equation(i, delta, s)
    assert 1e-3 < true < 0.9  # where writing is of use and the reference is exact
    assert 0.6 * true < write_error_rate(i, delta, s) < 1.6 * true


@pytest.mark.parametrize(("i", "delta"), [(0.2, 15.0), (0.4, 25.0), (0.5, 40.0), (0.7, 77.0)])
def test_below_the_critical_current_long_pulses_switch_at_the_rate_of_the_whole_equation(i, delta):
    early, late = (whole_equation(i, delta, s, steps=1200) for s in (60.0, 120.0))
    rate = -(math.log1p(-late) - math.log1p(-early)) / 60
    ours = -math.log1p(-activated_probability(i, delta, 1.0))
    assert ours == pytest.approx(rate, rel=0.35)


def test_a_short_pulse_below_the_critical_current_switches_less_than_said():
    # As the module's head says: the flow over the barrier takes its time to set in.
    assert whole_equation(0.7, 77.0, 2.0) < activated_probability(0.7, 77.0, 2.0)


def test_little_above_the_critical_current_long_pulses_fail_less_than_said():
    true = 1 - whole_equation(1.3, 77.0, 10.0)
    assert true < write_error_rate(1.3, 77.0, 10.0) < 30 * true
