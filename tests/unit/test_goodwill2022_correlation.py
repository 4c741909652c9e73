import numpy as np
import pytest
from scipy import stats

from mtjspice.reproduce.goodwill2022.correlation import rank_correlations

CHANCE = np.random.default_rng(1)
TARGET = np.round(CHANCE.normal(size=80), 1)  # with ties
VALUES = np.stack([TARGET + CHANCE.normal(size=80), -TARGET, np.ones(80)])


def test_it_is_spearmans_with_ties():
    found = rank_correlations(VALUES, TARGET, resamples=100, seed=1)
    assert found.rho[0] == pytest.approx(stats.spearmanr(VALUES[0], TARGET)[0], rel=1e-9)
    assert found.rho[1] == pytest.approx(-1)


def test_a_number_that_never_changes_correlates_with_nothing():
    found = rank_correlations(VALUES, TARGET, resamples=100, seed=1)
    assert found.rho[2] == found.low[2] == found.high[2] == 0
    flat = rank_correlations(VALUES, np.ones(80), resamples=100, seed=1)
    assert (flat.rho == 0).all()


def test_intervals_hold_the_value_and_shrink_with_the_number_of_networks():
    small = rank_correlations(VALUES[:, :20], TARGET[:20], resamples=500, seed=1)
    large = rank_correlations(VALUES, TARGET, resamples=500, seed=1)
    for found in (small, large):
        assert found.low[0] < found.rho[0] < found.high[0]
    assert large.high[0] - large.low[0] < small.high[0] - small.low[0]


def test_the_lead_is_paired_and_of_magnitudes():
    found = rank_correlations(VALUES, TARGET, resamples=500, seed=1)
    low, high = found.lead(1, 0)
    assert 0 < low < 1 - abs(found.rho[0]) < high
    assert found.lead(0, 0) == (0, 0)


def test_the_same_seed_gives_the_same_interval():
    one, other, third = (
        rank_correlations(VALUES, TARGET, resamples=100, seed=s) for s in (1, 1, 2)
    )
    assert (one.resampled == other.resampled).all()
    assert (one.resampled != third.resampled).any()
