"""Rare failures, against probabilities that are known."""

import math

import numpy as np
import pytest
import torch
from scipy import integrate, stats
from unit.limit_states import HARD, STATES

from mtjspice.errors import SimulationError
from mtjspice.layout.nearest import most_likely
from mtjspice.layout.rare import FEW, _skewed, certain, estimate
from mtjspice.layout.subset import LEAST

CONFIDENCE = 0.95
SAMPLES = 2000


def linear(beta: float, size: int, seed: int = 0, scale: float = 3e-3):
    """A margin whose standard deviation is `scale`, and whose mean is `beta` of these, in V."""
    normal = np.random.default_rng([seed, size]).normal(size=size)
    along = torch.from_numpy(scale * normal / np.linalg.norm(normal))

    def margin(z):
        return scale * beta - z @ along

    return margin


def curved(beta: float, curvature: float):
    """Negative beyond a parabola."""

    def margin(z):
        return beta - z[:, 0] - curvature * z[:, 1] ** 2

    return margin


def of_curved(beta: float, curvature: float) -> float:
    """P(z0 > beta − k z1²), by quadrature."""
    value, error = integrate.quad(
        lambda z: stats.norm.pdf(z) * stats.norm.sf(beta - curvature * z * z),
        -12, 12, epsabs=0, epsrel=1e-9, limit=400,
    )  # fmt: skip
    assert error < 1e-6 * value
    return float(value)


@pytest.mark.parametrize("beta", [1.0, 3.0, 5.0, 8.0])
@pytest.mark.parametrize("size", [1, 40])
def test_a_linear_margin_fails_with_the_tail_of_the_normal_distribution(beta, size):
    exact = stats.norm.sf(beta)
    runs = [
        estimate(linear(beta, size), size, SAMPLES, seed=seed, confidence=CONFIDENCE)
        for seed in range(5)
    ]
    # Of five intervals at 95 % three hold in 999 of 1,000 cases.
    assert sum(found.low <= exact <= found.high for found in runs) >= 3
    for found in runs:
        assert abs(found.probability - exact) < 5 * found.error
        assert found.error < 0.1 * exact
        assert found.distance == pytest.approx(beta, rel=1e-6)


@pytest.mark.parametrize("confidence", [0.6, 0.95, 0.999])
def test_the_interval_is_that_of_the_logarithm(confidence):
    found = estimate(linear(4.0, 3), 3, SAMPLES, seed=2, confidence=confidence)
    assert found.doubts == ()
    wide = stats.norm.ppf((1 + confidence) / 2) * found.error / found.probability
    up, down = math.log(found.high / found.probability), math.log(found.probability / found.low)
    # Student's, for some hundred degrees of freedom; a little more for weights that are skewed.
    assert wide < down < 1.02 * wide
    assert down < up < 1.1 * down


def test_the_interval_holds_the_truth_about_as_often_as_it_says():
    exact, count = stats.norm.sf(4.0), 100
    held = 0
    for seed in range(count):
        found = estimate(linear(4.0, 5), 5, 500, seed=seed, confidence=0.8)
        held += found.low <= exact <= found.high
    # Within four standard deviations of the binomial distribution.
    assert abs(held - 0.8 * count) < 4 * math.sqrt(0.8 * 0.2 * count)


@pytest.mark.parametrize("curvature", [0.05, 0.1, -0.1, -0.5])
@pytest.mark.parametrize("beta", [2.0, 4.0, 6.0])
def test_a_curved_margin_fails_as_often_as_its_integral_says(beta, curvature):
    exact = of_curved(beta, curvature)
    found = estimate(curved(beta, curvature), 2, 20000, seed=3, confidence=CONFIDENCE)
    assert abs(found.probability - exact) < 5 * found.error
    assert found.error < 0.1 * exact
    # To first order it would be the tail beyond the nearest point, which is off by more than that.
    assert abs(stats.norm.sf(beta) - exact) > 5 * found.error
    # Of the parabola's points the one at z1 = 0 is the nearest only while it is not bent too much.
    bent = 2 * curvature * beta > 1
    nearest = math.sqrt(beta / curvature - 0.25 / curvature**2) if bent else beta
    assert found.distance == pytest.approx(nearest, rel=1e-3)


def test_plain_monte_carlo_agrees_where_it_can_see_failures():
    # Log-normal resistors in a divider: neither linear nor with a mean at its median.
    def margin(z):
        up, down = torch.exp(0.2 * z[:, 0] + 0.1 * z[:, 2]), torch.exp(0.2 * z[:, 1])
        return 0.65 - up / (up + down) - 0.01 * z[:, 3]

    drawn = np.random.default_rng(4).normal(size=(400_000, 4))
    failed = float((margin(torch.from_numpy(drawn)) < 0).double().mean())
    assert 3e-3 < failed < 3e-2
    found = estimate(margin, 4, 4000, seed=4, confidence=CONFIDENCE)
    error = math.hypot(found.error, math.sqrt(failed / len(drawn)))
    assert abs(found.probability - failed) < 4 * error
    assert found.error < 0.05 * failed


@pytest.mark.parametrize("beta", [2.0, 5.0])
def test_the_standard_error_is_how_much_estimates_spread(beta):
    exact = of_curved(beta, 0.05)
    found = [
        estimate(curved(beta, 0.05), 2, 1000, seed=seed, confidence=CONFIDENCE)
        for seed in range(30)
    ]
    values = np.array([one.probability for one in found])
    stated = float(np.mean([one.error for one in found]))
    # A standard deviation from 30 samples is within 45 % with a probability of 99.9 %.
    assert values.std(ddof=1) == pytest.approx(stated, rel=0.45)
    # There is no bias beyond what the mean of 30 may show.
    assert abs(values.mean() - exact) < 4 * stated / math.sqrt(30)


def test_samples_are_worth_about_as_much_however_rare_failures_are():
    for beta in (2.0, 6.0, 12.0):
        runs = [
            estimate(linear(beta, 10), 10, SAMPLES, seed=seed, confidence=CONFIDENCE)
            for seed in range(5)
        ]
        assert np.median([found.effective for found in runs]) > SAMPLES / 25
        assert {found.regions for found in runs} == {1}
        assert {found.doubts for found in runs} == {()}


def test_a_seed_gives_the_same_estimate_and_another_gives_another():
    one, same, other = (
        estimate(linear(3.0, 6), 6, 300, seed=seed, confidence=CONFIDENCE) for seed in (7, 7, 8)
    )
    assert one.probability == same.probability
    assert one.error == same.error
    assert one.probability != other.probability


def test_more_samples_make_the_error_smaller_by_the_root_of_their_number():
    few, many = (
        estimate(linear(4.0, 4), 4, count, seed=9, confidence=CONFIDENCE).error
        for count in (500, 8000)
    )
    assert few / many == pytest.approx(4, rel=0.3)


def test_where_nothing_is_random_nothing_fails():
    def margin(z):
        return 1e-3 + 0 * z.sum(1)

    found = certain(margin, 5)
    assert (found.low, found.probability, found.high, found.failed) == (0, 0, 0, 0)
    assert found.distance == math.inf


def test_where_nothing_is_random_and_the_read_is_wrong_it_always_fails():
    def margin(z):
        return -1e-3 + 0 * z.sum(1)

    found = certain(margin, 5)
    assert (found.low, found.probability, found.high) == (1, 1, 1)
    assert stats.norm.sf(found.distance) == 1


def test_a_failure_that_is_farther_than_any_float_says_is_none():
    found = estimate(linear(1e4, 3), 3, 100, seed=0, confidence=CONFIDENCE)
    assert found.probability == 0
    # The last level is as likely as that, give or take what 50 samples a level leave open.
    assert 0 < found.high <= 100 * LEAST
    # The last level is as likely as that, give or take what 50 samples a level leave open.
    assert 0 < found.high <= 100 * LEAST
    assert found.distance == math.inf


@pytest.mark.parametrize("beta", [-0.3, -2.0])
def test_a_read_that_fails_already_at_its_mean_fails_more_often_than_not(beta):
    exact = stats.norm.sf(beta)
    found = estimate(linear(beta, 8), 8, SAMPLES, seed=6, confidence=CONFIDENCE)
    assert found.probability > 0.5
    assert abs(found.probability - exact) < 5 * found.error
    assert 0 < found.low < found.probability < found.high <= 1
    assert found.distance == pytest.approx(beta, rel=1e-6)


def test_the_most_likely_failure_of_a_plane_is_its_foot():
    along = np.array([3.0, -4.0, 12.0]) / 13
    point = most_likely(lambda z: 2.6 - z @ torch.from_numpy(along), 3)
    assert point.z.numpy() == pytest.approx(2.6 * along)
    assert point.slopes == pytest.approx(-along)
    assert point.at_mean == pytest.approx(2.6)


def test_the_most_likely_failure_of_a_bent_surface_is_on_it_and_along_its_slope():
    # Products of log-normal numbers, as resistances are.
    def margin(z):
        return 2.0 - torch.exp(0.3 * z[:, 0]) * torch.exp(0.1 * z[:, 1]) - 0.05 * z[:, 2]

    point = most_likely(margin, 3)
    assert float(margin(point.z[None])[0]) == pytest.approx(0, abs=1e-6)
    z = point.z.numpy()
    assert -point.slopes / np.linalg.norm(point.slopes) == pytest.approx(
        z / np.linalg.norm(z), abs=2e-3
    )


def test_skewed_weights_raise_the_upper_end_as_johnson_says():
    weight = np.random.default_rng(0).lognormal(0.0, 1.5, 300)
    whole = weight / weight.max()
    skewness, error = float(stats.skew(whole)), float(whole.std() / math.sqrt(len(whole)))
    # Johnson's (1978) μ₃/(6 s² n) and μ₃ t²/(3 s² n), with μ₃ = skewness s³.
    expected = skewness * error / math.sqrt(len(whole)) * (1 / 6 + 2.0**2 / 3)
    assert _skewed(whole, 2.0) == pytest.approx(expected)
    assert _skewed(np.ones(5), 2.0) == 0


def test_two_samples_still_give_an_interval():
    found = estimate(linear(2.0, 2), 2, 2, seed=1, confidence=CONFIDENCE)
    assert 0 <= found.low <= found.probability <= found.high <= 1
    assert found.high > stats.norm.sf(2.0)


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.name)
def test_intervals_hold_the_truth_for_every_kind_of_margin(state):
    runs = 8
    found = [
        estimate(state.margin, state.size, 1000, seed=seed, confidence=CONFIDENCE)
        for seed in range(runs)
    ]
    held = sum(one.low <= state.exact <= one.high for one in found)
    # With 95 % each, fewer than 5 of 8 hold with a probability of 0.04 %.
    assert held >= 5
    # An estimate that knows that it is poor says so.
    for one in found:
        assert one.effective >= FEW or one.doubts


def test_samples_lie_around_the_most_likely_failure_of_a_margin_that_bends_a_little():
    """The steps along its gradient end short of the surface, from wherever they start."""

    def margin(z):
        return torch.exp(-0.2 * z[:, :12]).mean(1) - 0.835 + 0 * z[:, 12:].sum(1)

    for seed in range(5):
        found = estimate(margin, 25, SAMPLES, seed=seed, confidence=CONFIDENCE)
        assert found.effective > 150
        assert found.high / found.low < 1.6


def test_a_chain_that_repeats_its_sample_is_no_plateau():
    for seed in range(8):
        found = estimate(linear(6.14, 91, scale=1.0), 91, 300, seed=seed, confidence=CONFIDENCE)
        assert not found.doubts
        assert found.checked > 0


@pytest.mark.parametrize("edge", [-9.0, 2.0])
def test_margins_that_are_no_numbers_are_refused(edge):
    def margin(z):
        return torch.where(z[:, 0] > edge, math.nan, 4 - z[:, 1])

    with pytest.raises(SimulationError, match="margins are no numbers"):
        estimate(margin, 5, SAMPLES, seed=0, confidence=CONFIDENCE)


def test_regions_without_slope_leave_the_upper_end_to_counting():
    def margin(z):
        return torch.minimum(4 - z[:, 0], torch.where(z[:, 1] > 3.3, -1.0, 9.0))

    for seed in range(5):
        found = estimate(margin, 50, SAMPLES, seed=seed, confidence=CONFIDENCE)
        assert "no slope" in found.doubts[-2]
        assert found.high >= 1e-3


def test_two_opposite_regions_are_both_found():
    found = estimate(lambda z: 4 - z[:, 0].abs(), 3, SAMPLES, seed=3, confidence=CONFIDENCE)
    assert found.regions == 2
    assert abs(found.probability - 2 * stats.norm.sf(4)) < 4 * found.error


def test_without_a_failing_sample_there_is_an_upper_end_only():
    # A needle that neither steps nor wide draws can find.
    def margin(z):
        return torch.where((z[:, 0] - 2.0).abs() < 1e-9, -1.0, 1.0)

    found = estimate(margin, 2, 2000, seed=1, confidence=CONFIDENCE)
    assert (found.probability, found.low, found.failed) == (0, 0, 0)
    # Seeing none of 400: 1 − 0.05^(1/400).
    assert found.high == pytest.approx(1 - 0.05 ** (1 / 400))
    assert found.doubts


def test_the_nearest_of_two_failures_gives_the_distance():
    def margin(z):
        return torch.minimum(5 - z[:, 0], 4 + z[:, 0])

    found = estimate(margin, 2, 1000, seed=1, confidence=CONFIDENCE)
    assert found.distance == pytest.approx(4, rel=1e-3)


@pytest.mark.parametrize("state", HARD, ids=lambda state: state.name)
def test_what_samples_say_next_to_nothing_of_has_no_small_upper_end(state):
    runs = [
        estimate(state.margin, state.size, SAMPLES, seed=seed, confidence=CONFIDENCE)
        for seed in range(20)
    ]
    assert sum(found.high < state.exact for found in runs) <= 3
    for found in runs:
        if found.effective < 15:
            assert found.high > 1e-3
            assert "no more is known than that" in found.doubts[-1]
            assert f"that {found.counted} of {SAMPLES} samples fail" in found.doubts[-1]


@pytest.mark.parametrize("beta", [20.0, 34.0])
def test_failures_may_be_as_rare_as_floats_can_say(beta):
    found = estimate(linear(beta, 3), 3, SAMPLES, seed=1, confidence=CONFIDENCE)
    assert 0 < found.low <= found.probability <= found.high < 1e-12
    assert math.log(found.probability) == pytest.approx(stats.norm.logsf(beta), abs=1)
    assert found.effective > 40


def test_the_margins_that_were_solved_are_all_counted():
    solved = 0

    def counted(z):
        nonlocal solved
        solved += len(z)
        return linear(4.0, 3)(z)

    assert estimate(counted, 3, 1000, seed=1, confidence=CONFIDENCE).solved == solved
