"""What an audit says of the rest, against counting every case."""

import functools
from math import comb, log

import numpy as np
import pytest
from scipy import stats

from mtjspice.signoff.statement import audit_size, draw, most_flips, of_round

CONFIDENCES = (0.5, 0.9, 0.99)
LARGE = 360_000
"""Ten thousand images on 36 dies."""


def chance_of_so_few(population: int, sample: int, found: int, flips: int) -> float:
    """That a sample has at most `found` of the flips in a population: all samples counted."""
    most = min(found, flips, sample)
    cases = sum(comb(flips, k) * comb(population - flips, sample - k) for k in range(most + 1))
    return cases / comb(population, sample)


def counted(population: int, sample: int, found: int, doubt: float) -> int:
    """The most flips that the sample does not contradict: each number tried."""
    possible = range(found, population - sample + found + 1)
    chances = {n: chance_of_so_few(population, sample, found, n) for n in possible}
    return max((n for n, chance in chances.items() if chance > doubt), default=found)


def clopper_pearson(sample: int, found: int, confidence: float) -> float:
    """Upper end, one-sided, of the share of flips."""
    result = stats.binomtest(found, sample, alternative="less")
    return float(result.proportion_ci(confidence, method="exact").high)


@pytest.mark.parametrize("confidence", CONFIDENCES)
def test_the_bound_is_that_of_counting_every_case(confidence):
    for population in (1, 2, 5, 11):
        for sample in range(population + 1):
            for found in range(sample + 1):
                # Where a chance is the doubt itself, rounding may decide either way.
                low, high = (
                    counted(population, sample, found, (1 - confidence) * slack)
                    for slack in (1 + 1e-9, 1 - 1e-9)
                )
                assert low <= most_flips(population, sample, found, confidence) <= high


@pytest.mark.parametrize("confidence", CONFIDENCES)
@pytest.mark.parametrize("population", [20, 300, LARGE])
def test_it_never_exceeds_the_bound_for_infinite_populations(population, confidence):
    for sample in {1, 5, 19, population // 3, population - 1}:
        for found in {0, 1, min(3, sample), sample // 2}:
            share = clopper_pearson(sample, found, confidence)
            assert most_flips(population, sample, found, confidence) <= share * population + 1e-6


def test_in_a_large_population_it_is_that_bound():
    share = clopper_pearson(400, 2, 0.99)
    assert most_flips(10**7, 400, 2, 0.99) == pytest.approx(share * 10**7, rel=1e-4)


@pytest.mark.parametrize("flips", [0, 1, 4, 20, 55, 60])
def test_it_holds_as_often_as_it_says(flips):
    population, sample, confidence, tries = 60, 25, 0.9, 4000
    chance = np.random.default_rng(flips)
    found = chance.hypergeometric(flips, population - flips, sample, tries)
    bound = {n: most_flips(population, sample, int(n), confidence) for n in set(found.tolist())}
    kept = np.mean([bound[n] >= flips for n in found.tolist()])
    assert kept >= confidence - 3 * (confidence * (1 - confidence) / tries) ** 0.5


@pytest.mark.parametrize("confidence", CONFIDENCES)
def test_the_audit_is_the_smallest_that_is_large_enough(confidence):
    for population in range(1, 31):
        for allowed in range(population + 1):
            size = audit_size(population, allowed, confidence)
            assert most_flips(population, size, 0, confidence) <= allowed
            assert size == 0 or most_flips(population, size - 1, 0, confidence) > allowed


def test_a_large_audit_is_about_as_large_as_the_rule_of_three_says():
    # exp(−sample · share) = 1 − confidence
    size = audit_size(LARGE, LARGE // 1000, 0.99)
    assert size == pytest.approx(-log(0.01) * 1000, rel=0.02)
    assert most_flips(LARGE, size, 0, 0.99) <= LARGE // 1000
    assert most_flips(LARGE, size - 1, 0, 0.99) > LARGE // 1000


def test_edges():
    assert most_flips(0, 0, 0, 0.99) == 0
    assert most_flips(50, 0, 0, 0.99) == 50  # nothing was looked at
    assert most_flips(50, 50, 7, 0.99) == 7  # everything was
    assert most_flips(50, 20, 20, 0.99) == 50  # all that were looked at flip
    assert most_flips(50, 49, 0, 0.99) == 1  # the last one
    assert audit_size(0, 0, 0.99) == 0
    assert audit_size(50, 50, 0.99) == 0
    assert audit_size(50, 80, 0.99) == 0
    assert audit_size(50, 0, 0.99) == 50
    assert audit_size(1, 0, 0.5) == 1


def test_the_bound_grows_with_flips_and_confidence_and_shrinks_with_the_sample():
    bounds = [most_flips(500, 100, found, 0.9) for found in range(20)]
    assert bounds == sorted(bounds)
    assert len(set(bounds)) == len(bounds)
    bounds = [most_flips(500, sample, 1, 0.9) for sample in range(1, 500)]
    assert bounds == sorted(bounds, reverse=True)
    bounds = [most_flips(500, 100, 1, confidence) for confidence in (0.5, 0.7, 0.9, 0.99, 0.999)]
    assert bounds == sorted(bounds)


@pytest.mark.parametrize("confidence", [0.5, 0.99, 0.9999])
@pytest.mark.parametrize("most", [2, 5])
def test_all_rounds_together_are_wrong_no_more_often_than_allowed(confidence, most):
    each = [of_round(confidence, number, most) for number in range(1, most + 1)]
    assert sum(1 - one for one in each) == pytest.approx(1 - confidence, rel=1e-9)
    assert all(confidence < one < 1 for one in each)
    # A single round is the rule: it pays next to nothing for the others.
    assert 1 - each[0] >= 0.9 * (1 - confidence) * (1 - 1e-9)


def test_audits_that_are_repeated_until_they_find_nothing_are_wrong_no_more_often():
    """Every round has its own chance to find nothing while too much is left."""
    population, allowed, confidence, most = 200, 9, 0.8, 5
    size = functools.cache(audit_size)

    def wrong(share: bool, tries: int = 3000) -> float:
        chance, count = np.random.default_rng(1), 0
        for _ in range(tries):
            flips, left = allowed + 4, population
            for number in range(1, most + 1):
                own = of_round(confidence, number, most) if share else confidence
                sample = size(left, allowed, own)
                found = chance.hypergeometric(flips, left - flips, sample)
                left, flips = left - sample, flips - found
                if not found or flips <= allowed:
                    count += flips > allowed
                    break
        return count / tries

    assert wrong(share=True) <= 1 - confidence
    assert wrong(share=False) > 1 - confidence + 0.05  # so that it matters


def test_a_draw_is_a_sorted_part_of_the_population_without_repeats():
    population = np.arange(1000) * 3 + 1
    drawn = draw(population, 200, 5, 1)
    assert drawn.size == np.unique(drawn).size == 200
    assert np.array_equal(drawn, np.sort(drawn))
    assert np.isin(drawn, population).all()
    assert np.array_equal(draw(population, 1000, 5), population)
    assert draw(population, 0, 5).size == 0
    assert draw(population[:0], 0, 5).size == 0


def test_the_same_seeds_draw_the_same_and_others_something_else():
    population = np.arange(1000)
    first = draw(population, 50, 3, 0, 1)
    assert np.array_equal(first, draw(population, 50, 3, 0, 1))
    for seeds in ((4, 0, 1), (3, 1, 1), (3, 0, 2), (0, 3, 1)):  # seed, condition, round
        assert not np.array_equal(first, draw(population, 50, *seeds))


def test_every_member_is_drawn_equally_often():
    counts = np.zeros(20)
    for seed in range(2000):
        counts[draw(np.arange(20), 5, seed)] += 1
    assert stats.chisquare(counts).pvalue > 1e-3
