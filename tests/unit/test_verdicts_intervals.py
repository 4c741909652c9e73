"""Intervals that cover: against exact sums over samples, other people's, and completions."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from mtjspice.verdicts.figures import Interval
from mtjspice.verdicts.intervals import (
    is_above,
    is_below,
    of_mean,
    of_median,
    of_median_of,
    of_share,
    samples_needed,
    values_of,
)

SHARE, DROP = (0.0, 1.0), (-1.0, 1.0)


@pytest.mark.parametrize(("count", "total"), [(0, 10), (3, 10), (10, 10), (1, 178), (77, 1000)])
def test_a_share_is_that_of_another_implementation(count, total):
    known = stats.binomtest(count, total).proportion_ci(0.99, method="exact")
    found = of_share(count, total, 0.99)
    assert (found.low, found.high) == pytest.approx((known.low, known.high), abs=1e-12)
    assert found.confidence == 0.99


def test_what_was_counted_wrongly_moves_the_ends_of_a_share():
    found = of_share(5, 100, 0.95, fewer=2, more=3)
    assert found.low == of_share(3, 100, 0.95).low
    assert found.high == of_share(8, 100, 0.95).high
    assert of_share(5, 100, 0.95, fewer=9, more=99).low == 0.0
    assert of_share(5, 100, 0.95, fewer=9, more=99).high == 1.0


@pytest.mark.parametrize("confidence", [0.9, 0.99])
@pytest.mark.parametrize("total", [1, 5, 40])
def test_a_mean_of_zeros_and_ones_covers_exactly_as_often_as_said(total, confidence):
    """All samples there can be, each with its probability."""
    ends = []
    for count in range(total + 1):
        values = values_of(np.repeat([0.0, 1.0], (total - count, count)), SHARE)
        found = of_mean(values, confidence)
        assert found.low <= count / total <= found.high
        ends.append((found.low, found.high))
    for p in np.concatenate([[0.0, 1e-4, 1e-3, 0.01, 0.5, 0.999, 1.0], np.linspace(0, 1, 41)]):
        chances = stats.binom.pmf(np.arange(total + 1), total, p)
        held = [low <= p <= high for low, high in ends]
        assert chances[held].sum() >= confidence - 1e-12


RATES = [(0.0, 0.0), (0.01, 0.01), (0.0, 0.05), (0.2, 0.05), (0.3, 0.7), (0.05, 0.9)]


@pytest.mark.parametrize("lost", RATES)
def test_a_paired_difference_covers_exactly_as_often_as_said(lost):
    """Pairs that lose, gain or neither: the exact sum over all counts of them."""
    total, confidence = 25, 0.95
    up, down = lost
    missed = 0.0
    for losing in range(total + 1):
        for gaining in range(total - losing + 1):
            neither = total - losing - gaining
            shown = np.repeat([1.0, -1.0, 0.0], (losing, gaining, neither))
            values = values_of(shown, DROP)
            outside = not (
                is_wide(values, up - down, confidence, above=True)
                and is_wide(values, up - down, confidence, above=False)
            )
            if outside:
                missed += stats.multinomial.pmf(
                    [losing, gaining, neither], total, [up, down, 1 - up - down]
                )
    assert missed <= 1 - confidence


def is_wide(values, mean: float, confidence: float, *, above: bool) -> bool:
    """Whether the interval reaches to a mean on that side."""
    if above:
        return not is_below(values, mean - 1e-12, confidence) or mean <= values.span[0]
    return not is_above(values, mean + 1e-12, confidence) or mean >= values.span[1]


@pytest.mark.parametrize("kind", ["clustered", "rare and clustered", "several dies"])
def test_means_over_dies_cover_where_dies_agree_in_an_image(kind):
    chance, confidence, trials = np.random.default_rng(15), 0.9, 200
    share = 0.01 if kind.startswith("rare") else 0.2
    dies = 6
    held = 0
    for _ in range(trials):
        shape = (40, dies) if kind == "several dies" else (40, 1)
        shown = np.broadcast_to(chance.random(shape) < share, (40, dies)).mean(axis=1)
        found = of_mean(values_of(shown, SHARE), confidence)
        held += found.low <= share <= found.high
    assert held >= trials * confidence - 3 * math.sqrt(trials * confidence * (1 - confidence))


def test_where_nothing_is_seen_the_upper_end_goes_as_one_over_the_samples():
    """Within a third of the best there can be, −ln(α)/n."""
    for total in (100, 1000, 10_000):
        for span, width in ((SHARE, 1.0), (DROP, 1.0)):
            high = of_mean(values_of(np.zeros(total), span), 0.99).high
            best = -math.log(0.005) / total
            assert best * width <= high <= 1.35 * best * width


def test_a_mean_is_not_much_wider_than_the_exact_interval_of_a_share():
    for count, total in ((0, 100), (10, 200), (50, 1000), (4600, 10_000)):
        exact = of_share(count, total, 0.99)
        found = of_mean(values_of(np.repeat([0.0, 1.0], (total - count, count)), SHARE), 0.99)
        assert found.high - found.low <= 1.5 * (exact.high - exact.low)


def test_what_may_still_change_is_taken_at_its_worst():
    """No completion of what was not seen has an interval that reaches further."""
    value = np.array([0.0, 0.0, 0.5, 0.5, 1.0, 0.0, 0.5, 0.0])
    up = np.array([0.5, 1.0, 0.5, 0.0, 0.0, 0.0, 0.5, 0.5])
    down = np.array([0.0, 0.0, 0.5, 0.5, 1.0, 0.0, 0.0, 0.0])
    left = 1.0
    found = of_mean(values_of(value, SHARE, up, down), 0.9, left)
    steps = [np.arange(-d, u + 0.1, 0.5) for u, d in zip(up, down, strict=True)]
    low, high, tried = 1.0, 0.0, 0
    for change in itertools.product(*steps):
        if np.abs(change).sum() <= left:
            of_one = of_mean(values_of(value + np.array(change), SHARE), 0.9)
            low, high, tried = min(low, of_one.low), max(high, of_one.high), tried + 1
    assert tried > 30
    assert found.low <= low + 1e-9
    assert found.high >= high - 1e-9
    none = of_mean(values_of(value, SHARE), 0.9)
    assert found.low < none.low < none.high < found.high


@pytest.mark.parametrize("left", [0.0, 2.0])
def test_a_limit_is_beyond_the_interval_where_its_ends_say_so(left):
    chance = np.random.default_rng(3)
    shown = chance.choice([-1.0, 0.0, 1.0], 60, p=[0.05, 0.8, 0.15])
    room = np.full(60, 1.0)
    values = values_of(shown, DROP, np.minimum(room, 1 - shown), np.minimum(room, 1 + shown))
    found = of_mean(values, 0.95, left)
    for limit in np.linspace(-1, 1, 81):
        if abs(limit - found.high) > 1e-6:
            assert is_below(values, limit, 0.95, left) is bool(limit > found.high)
        if abs(limit - found.low) > 1e-6:
            assert is_above(values, limit, 0.95, left) is bool(limit < found.low)


def test_the_order_of_samples_changes_nothing():
    shown = np.random.default_rng(1).random(50)
    assert of_mean(values_of(shown, SHARE), 0.9) == of_mean(values_of(shown[::-1], SHARE), 0.9)


def test_a_median_lies_between_the_ranks_of_the_tables():
    """Conover, Practical Nonparametric Statistics (1999): at 95 %, ranks 2 and 9 of 10, 6 and 15
    of 20; of fewer than six none."""
    for total, k in ((10, 2), (20, 6), (6, 1), (30, 10)):
        found = of_median(np.arange(1.0, total + 1), 0.95, (0.0, 100.0))
        assert (found.low, found.high) == (k, total + 1 - k)
    few = of_median(np.arange(1.0, 6), 0.95, (0.0, 100.0))
    assert (few.low, few.high) == (0.0, 100.0)


def test_a_median_of_what_is_known_by_samples_covers():
    """Networks' accuracies differ, and the same samples are hard for all: at 90 %, 400 times."""
    chance, missed = np.random.default_rng(3), 0
    for _ in range(400):
        own = chance.uniform(-0.15, 0.15, 30)  # of the networks; the median of all is 0
        ease = chance.choice([0.3, 0.95], size=40, p=[0.3, 0.7])  # of the samples; mean 0.755
        right = chance.random((30, 40)) < np.clip(ease + own[:, None], 0, 1)

        def members(confidence, right=right):
            return [of_share(row.sum(), row.size, confidence) for row in right]

        found = of_median_of(members, 30, 0.9, (0.0, 1.0))
        missed += not found.low <= 0.755 <= found.high
    assert missed <= 40 + 3 * 6


def test_a_median_of_exact_members_is_wider_than_that_of_all_doubt():
    values = np.arange(1.0, 102)
    exact = [Interval(x, x, 1.0) for x in values]
    found = of_median_of(lambda _: exact, 101, 0.95, (0.0, 200.0))
    plain = of_median(values, 0.95, (0.0, 200.0))
    assert found.low <= plain.low < 51 < plain.high <= found.high
    assert of_median_of(lambda _: exact[:4], 4, 0.95, (0.0, 200.0)) == Interval(0.0, 200.0, 0.95)


def test_so_many_samples_decide_and_fewer_do_not():
    for least in (31, 100, 5_000, 123_456):
        found = samples_needed(30, lambda n, least=least: n >= least)
        assert least <= found <= 1.12 * least + 1
    assert samples_needed(30, lambda _: False) is None
    assert samples_needed(30, lambda n: n >= 3e6) is None


@pytest.mark.parametrize("confidence", [0.6, 0.95, 0.999])
@pytest.mark.parametrize("count", [1, 10, 2000])
def test_the_interval_of_a_share_is_that_of_clopper_and_pearson(count, confidence):
    alpha = 1 - confidence
    within = of_share(count, count, confidence)
    assert within.low == pytest.approx((alpha / 2) ** (1 / count), rel=1e-9)
    assert within.high == 1
    within = of_share(0, count, confidence)
    assert within.low == 0
    assert within.high == pytest.approx(1 - (alpha / 2) ** (1 / count), rel=1e-9)
    if count > 1:
        good = int(0.7 * count)
        within = of_share(good, count, confidence)
        # Its ends are where as many, or as few, good ones have half of the rest's probability.
        assert stats.binom.sf(good - 1, count, within.low) == pytest.approx(alpha / 2, rel=1e-6)
        assert stats.binom.cdf(good, count, within.high) == pytest.approx(alpha / 2, rel=1e-6)
