"""What a random audit says about images that were not simulated.

Images are drawn without return, so that the number of flips in the sample is hypergeometric. The
bounds invert its distribution as Clopper and Pearson (Biometrika 26, 404, 1934) invert the binomial
one, which they approach in large populations and never exceed.
"""

import numpy as np
from scipy import stats

from mtjspice.signoff.findings import Ints

FIRST = 0.9
"""Share of the doubt that is allowed which the first of several rounds may use."""


def most_flips(population: int, sample: int, found: int, confidence: float) -> int:
    """Upper bound of the number of flips in a population, those found included.

    The largest number that a sample with so few flips does not contradict at that confidence.

    Args:
        population: images that the sample was drawn from.
        sample: images drawn.
        found: flips among them.
        confidence: one-sided.
    """
    low, high = found, population - sample + found
    while low < high:
        middle = (low + high + 1) // 2
        if stats.hypergeom.cdf(found, population, middle, sample) > 1 - confidence:
            low = middle
        else:
            high = middle - 1
    return low


def audit_size(population: int, allowed: int, confidence: float) -> int:
    """Smallest sample that, without a flip in it, bounds the flips in the population.

    Args:
        population: images that it is drawn from.
        allowed: so many flips may be left.
        confidence: one-sided.
    """
    low, high = 0, population
    while low < high:
        middle = (low + high) // 2
        if most_flips(population, middle, 0, confidence) <= allowed:
            high = middle
        else:
            low = middle + 1
    return low


def of_round(confidence: float, number: int, most: int) -> float:
    """Confidence of the bound of one round, where there may be `most`, and the last of them counts.

    A new round is begun where an audit finds a flip, so that the last is always one that found
    none. Each has its own part of the doubt, and whichever is the last, its bound holds at
    `confidence` (Bonferroni).

    Args:
        confidence: of all together.
        number: of the round, from 1.
        most: rounds, two at least.
    """
    share = FIRST if number == 1 else (1 - FIRST) / (most - 1)
    return 1 - (1 - confidence) * share


def draw(population: Ints, sample: int, *seed: int) -> Ints:
    """Some of a population, drawn without return, in ascending order."""
    chance = np.random.default_rng([*seed, 7])
    return np.sort(chance.choice(population, sample, replace=False))
