"""Rank correlation of numbers with a target, with intervals."""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from mtjspice.spec.base import Floats

LEVEL = 0.95
"""Of the intervals."""


@dataclass(frozen=True)
class Correlations:
    """Spearman's rank correlation of each of several numbers with one target.

    Attributes:
        rho: float64 [number].
        low: float64 [number], lower end of the bootstrap interval.
        high: float64 [number], its upper end.
        resampled: float64 [resample, number]: in samples of as many networks, drawn with return.
    """

    rho: Floats
    low: Floats
    high: Floats
    resampled: Floats

    def lead(self, one: int, other: int) -> tuple[float, float]:
        """Interval of |ρ| of one number minus that of another, over the same resamples."""
        difference = np.abs(self.resampled[:, one]) - np.abs(self.resampled[:, other])
        low, high = np.quantile(difference, _ends())
        return float(low), float(high)


def rank_correlations(values: Floats, target: Floats, *, resamples: int, seed: int) -> Correlations:
    """Spearman's ρ and its percentile bootstrap interval.

    A number or a target that is the same for all networks correlates with nothing: ρ is 0.

    Args:
        values: [number, network].
        target: [network].
        resamples: of the networks.
        seed: of the resampling.
    """
    chance = np.random.default_rng([seed, 5])
    drawn = chance.integers(0, target.size, (resamples, target.size))
    goal = _ranks(target[drawn])
    resampled = np.stack([_pearson(_ranks(value[drawn]), goal) for value in values], axis=1)
    whole = _ranks(target)
    rho = np.array([float(_pearson(_ranks(value), whole)) for value in values])
    low, high = np.quantile(resampled, _ends(), axis=0)
    return Correlations(rho, low, high, resampled)


def _ends() -> tuple[float, float]:
    return (1 - LEVEL) / 2, (1 + LEVEL) / 2


def _ranks(values: Floats) -> Floats:
    """Ranks along the last axis minus their mean; equal values share one."""
    ranks = stats.rankdata(np.round(values, 12), axis=-1)
    return np.asarray(ranks - ranks.mean(axis=-1, keepdims=True))


def _pearson(one: Floats, other: Floats) -> Floats:
    power = np.sqrt((one**2).sum(axis=-1) * (other**2).sum(axis=-1))
    product = (one * other).sum(axis=-1)
    return np.where(power > 0, product / np.where(power > 0, power, 1), 0.0)
