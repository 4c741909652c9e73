"""Where the true value of what images (or dies, or networks) show lies: intervals that cover.

What is seen is a sample; what is asked for is the population that it was drawn from, of as many
more like these as one wants. Each interval here holds the true value at least as often as its
confidence says, for every population and every number of samples; nothing is approximated by a
normal distribution, which fails where what is looked for is rare.

- A share that is counted: `of_share`, C. J. Clopper and E. S. Pearson, Biometrika 26, 404 (1934).
- A mean of bounded numbers, such as an image's share of dies that have it right, or right in
  software less right in the circuit: `of_mean`, by betting. W. Hoeffding, J. Am. Stat. Assoc. 58,
  13 (1963) multiplies bounds for one bet; I. Waudby-Smith and A. Ramdas, J. R. Stat. Soc. B 86, 1
  (2023) let the capital of several bets stand in for the distribution. The images are what is
  drawn, so that what several dies make of one image counts once.
- A median: `of_median`, by the ranks, W. R. Thompson, Ann. Math. Stat. 7, 122 (1936); of what is
  known by samples only, `of_median_of`.

Some of what was seen may still change: classes that SPICE was not asked for and that the audit
bounds. `of_mean` and `of_share` take the worst that so many changes can do.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import optimize, special

from mtjspice.spec.base import Floats
from mtjspice.verdicts.figures import Interval

Decides = Callable[[float], bool]
"""Whether so many samples would, at the rates that were seen."""
MOST = 1_000_000
"""More samples than that are not searched for: the rate lies at the limit, for all one knows."""
FINE = 1e-9
"""To which an end of a mean's interval is searched, on the side that is safe."""


def of_share(
    count: float, total: float, confidence: float, fewer: float = 0.0, more: float = 0.0
) -> Interval:
    """Interval of Clopper and Pearson of a probability, two-sided.

    Args:
        count: how often it was seen; need not be whole, so that more samples can be foreseen.
        total: in so many.
        confidence: 0 to 1.
        fewer: it may have been so many times less often, which was not seen.
        more: or so many times more often.
    """
    doubt = (1 - confidence) / 2
    low, high = max(count - fewer, 0.0), min(count + more, total)
    return Interval(
        float(special.betaincinv(low, total - low + 1, doubt)) if low > 0 else 0.0,
        float(special.betainccinv(high + 1, total - high, doubt)) if high < total else 1.0,
        confidence,
    )


@dataclass(frozen=True)
class Values:
    """What samples show, equal ones together.

    Attributes:
        value: float64 [group], from `span[0]` to `span[1]`.
        up: float64 [group]: by how much one of them may be larger than was seen, at most.
        down: float64 [group]: by how much smaller.
        count: float64 [group]: how many samples.
        span: least and largest possible value.
    """

    value: Floats
    up: Floats
    down: Floats
    count: Floats
    span: tuple[float, float]

    @property
    def total(self) -> float:
        """How many samples there are."""
        return float(self.count.sum())

    @property
    def mean(self) -> float:
        """Of all samples, as they were seen."""
        return float(self.value @ self.count / self.total)

    def times(self, factor: float) -> "Values":
        """So many times as many samples with the same rates."""
        return Values(self.value, self.up, self.down, factor * self.count, self.span)


def values_of(value: Floats, span: tuple[float, float], up: Floats | None = None,
              down: Floats | None = None) -> Values:  # fmt: skip
    """Values [sample] with what they may still change by; nothing if left out."""
    nothing = np.zeros_like(value)
    columns = (value, nothing if up is None else up, nothing if down is None else down)
    # Sums of equal terms in another order must not count as different values.
    groups, count = np.unique(np.round(np.stack(columns), 12), axis=1, return_counts=True)
    return Values(groups[0], groups[1], groups[2], count.astype(np.float64), span)


def of_mean(values: Values, confidence: float, left: float = 0.0) -> Interval:
    """Interval of the mean of a population, two-sided, for independent samples.

    With values u in 0–1 and a mean of at least m, the expectation of 1 − λ·(u − m) is at most 1
    for each bet λ from 0 to 1/(1 − m), and so is that of the product over independent samples, and
    of a mean of such products over bets. So that mean exceeds 1/α with a probability of at most α
    (Markov), and where it does, m is refused; it rises with m, and the upper end is where it gets
    there. `_bets` says which bets are placed; that they are does not depend on what was seen.

    Args:
        values: what was seen.
        confidence: 0 to 1.
        left: the sum of all values may differ by so much from what was seen, as far as `up` and
            `down` of each sample allow; the worst that this can do.
    """
    low, high = values.span
    width = high - low
    upper = _upper(
        (values.value - low) / width, values.up / width, values.count, left / width, confidence
    )
    lower = _upper(
        (high - values.value) / width, values.down / width, values.count, left / width, confidence
    )
    return Interval(high - width * lower, low + width * upper, confidence)


def is_below(values: Values, limit: float, confidence: float, left: float = 0.0) -> bool:
    """Whether all of the interval of `of_mean` is at most a limit, without working it out."""
    low, high = values.span
    width = high - low
    if limit >= high:
        return True
    mean = (limit - low) / width
    value, up = (values.value - low) / width, values.up / width
    need = math.log(2 / (1 - confidence))
    if mean <= float(value @ values.count / values.total):
        return False
    bets = _bets(values.total, need, mean)
    return _capital(value, up, values.count, left / width, mean, bets) >= need


def is_above(values: Values, limit: float, confidence: float, left: float = 0.0) -> bool:
    """Whether all of the interval of `of_mean` is at least a limit, without working it out."""
    low, high = values.span
    mirrored = Values(-values.value, values.down, values.up, values.count, (-high, -low))
    return is_below(mirrored, -limit, confidence, left)


def _upper(value: Floats, up: Floats, count: Floats, left: float, confidence: float) -> float:
    """Upper end of the mean of values in 0–1."""
    total, need = float(count.sum()), math.log(2 / (1 - confidence))
    low, high = float(value @ count / total), 1 - FINE

    def missing(mean: float) -> float:
        capital = _capital(value, up, count, left, mean, _bets(total, need, mean))
        return float(np.clip(capital - need, -need, need))

    if low >= high or missing(high) < 0:
        return 1.0
    if missing(low) >= 0:
        return low
    return min(1.0, float(optimize.brentq(missing, low, high, xtol=FINE)) + FINE)


def _bets(total: float, need: float, mean: float) -> Floats:
    """What is bet against a mean.

    All that may be, which is best where no sample has the largest value; seven tenths of it, which
    survives those; and less, halving to √(2·ln(2/α)/n)/σ, which is best for the largest standard
    deviation there is, σ = 1/2. Each rises with the mean no slower than what it bets on, so that
    the capital rises with the mean, too.
    """
    least = 2 * math.sqrt(2 * need / total)
    halved = 1.4 * 0.5 ** np.arange(max(0, math.ceil(math.log2(1.4 / least))) + 1)
    most = 1 / (1 - mean)
    return np.array([most, 0.7 * most, *np.minimum(halved, 0.7 * most)])


def _capital(
    value: Floats, up: Floats, count: Floats, left: float, mean: float, bets: Floats
) -> float:
    """Logarithm of the mean capital that bets against a mean end with, at the least.

    What may still change takes the most capital where a unit of change takes most (each logarithm
    is concave in the value): the fractional knapsack, which no choice of whole images exceeds.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        now = np.log(np.maximum(1 - bets[:, None] * (value - mean), 0.0))
        capital = now @ count if np.isfinite(now).all() else _times(now, count)
        if left > 0 and up.any():
            movable = up > 0
            size, room = up[movable], (up * count)[movable]
            then = np.log(np.maximum(1 - bets[:, None] * (value + up - mean)[movable], 0.0))
            loss = np.where(np.isneginf(now[:, movable]), 0.0, (now[:, movable] - then) / size)
            order = np.argsort(-loss, axis=1, kind="stable")
            before = np.cumsum(room[order], axis=1) - room[order]
            used = np.clip(left - before, 0.0, room[order])
            taken = np.take_along_axis(loss, order, axis=1)
            capital = capital - np.where(used > 0, taken * used, 0.0).sum(axis=1)
    most = float(capital.max())
    return -math.inf if math.isinf(most) else most + math.log(np.exp(capital - most).mean())


def _times(logarithms: Floats, count: Floats) -> Floats:
    """Sums over groups; what has lost all has lost all."""
    return np.asarray(np.where(count > 0, logarithms * count, 0.0).sum(axis=1))


def of_median(values: Floats, confidence: float, span: tuple[float, float]) -> Interval:
    """Interval of the median of a population of which some values are known, two-sided.

    Between the k-th smallest and the k-th largest, k as large as the binomial distribution of how
    many lie below the median allows; the whole span where there are too few.
    """
    ordered = np.sort(values)
    ranks = special.bdtr(np.arange(ordered.size), ordered.size, 0.5)
    k = int((ranks <= (1 - confidence) / 2).sum())
    if k == 0:
        return Interval(*span, confidence)
    return Interval(float(ordered[k - 1]), float(ordered[-k]), confidence)


def of_median_of(
    members: Callable[[float], list[Interval]],
    count: int,
    confidence: float,
    span: tuple[float, float],
) -> Interval:
    """Interval of the median of a population whose members are known by intervals only, two-sided.

    Half of the doubt is that the median lies beyond the k-th value from either end, as in
    `of_median`. The other half is the members': where each end is wrong with a probability of ε, v
    of n are with one of at most n·ε/v, however they depend on each other (Markov's inequality); and
    where fewer are, the end of rank k − v + 1 lies beyond the value of rank k.

    Args:
        members: intervals of all members, each of such a confidence.
        count: how many members there are.
        confidence: 0 to 1.
        span: least and largest possible value.
    """
    doubt = (1 - confidence) / 4
    k = int((special.bdtr(np.arange(count), count, 0.5) <= doubt).sum())
    if k == 0:
        return Interval(*span, confidence)
    wrong = (k + 1) // 2
    found = members(1 - 2 * doubt * wrong / count)
    low = sorted(one.low for one in found)[k - wrong]
    high = sorted((one.high for one in found), reverse=True)[k - wrong]
    return Interval(low, high, confidence)


def samples_needed(now: float, decides: Decides, digits: int = 2) -> int | None:
    """Least number of samples that would decide, with some 1 %; None for more than `MOST`.

    Args:
        now: samples that there are, which do not.
        decides: for a number of samples.
        digits: that it is rounded up to.
    """
    low, high = now, 2 * now
    while not decides(high):
        low, high = high, 2 * high
        if low > MOST:
            return None
    while high - low > max(1.0, 0.005 * high):
        middle = (low + high) / 2
        low, high = (low, middle) if decides(middle) else (middle, high)
    if high > MOST:
        return None
    return rounded_up(high, digits)


def rounded_up(count: float, digits: int = 2) -> int:
    """To a few digits: it is an estimate."""
    step = int(10 ** max(0, len(str(math.ceil(count))) - digits))
    return math.ceil(count / step) * step
