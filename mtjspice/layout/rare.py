"""Probabilities of rare failures: where they lie is searched for, then sampled there.

A read fails where its margin M(z) is negative; z are standard normal numbers, from which spread,
mismatch and offset are made. The way to the probability has four steps, and none is taken on trust:

1. Subset simulation and draws from wider normal distributions find samples that fail, in whatever
   regions there are (`mtjspice.layout.subset`).
2. From each of them one step along its gradient leads near the most likely failure of its region
   (R. Rackwitz, B. Fiessler, Computers & Structures 9, 489 (1978)); points in one direction are
   one. The gradients also span the few directions in which the margin changes at all.
3. New samples come from a mixture in these directions: a normal distribution around the failing
   samples of each region, as wide as they are and never narrower than the standard one; a wide one,
   which notices a region that was missed; and the standard one, which bounds every weight
   (T. Hesterberg, Technometrics 37, 185 (1995)). Each failing one counts with the ratio of the
   densities, so that the estimate has no bias wherever the mixture was put. Samples that are worth
   few of equal weight are drawn again, from a mixture that has learnt from them.
4. The result is held against that of subset simulation, and the weights against each other. Where
   they do not bear it out, or reads fail where the margin has no slope, the interval is widened to
   what is known, up to "nothing was found, and failures are at most so frequent".
"""

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy import stats
from torch import Tensor

from mtjspice.layout.findings import Floats
from mtjspice.layout.mixture import better, closer, mixture_of, weighted
from mtjspice.layout.nearest import MostLikely, most_likely
from mtjspice.layout.subset import LEAST, Explored, Margin, evaluated, explore, relaxed
from mtjspice.verdicts.intervals import of_share

WIDE = (1.5, 2.5, 4.0)
"""Standard deviations of the draws that look for failures beyond a plateau."""
FREQUENT = 0.1
"""Failures that are more frequent than this are counted: nothing is rare about them."""
SEARCH = 5
"""The search takes a fifth as many samples a level as the estimate itself."""
PILOT = 4
"""A quarter of the samples are drawn to tell what each component is worth."""
REFINED = 3
"""Regions whose most likely failure is looked for, the nearest first."""
ENOUGH, DRAWS = 100.0, 3
"""Effective failing samples that are enough, and how often samples are drawn until they are."""
FEW = 40.0
"""Effective failing samples below which an estimate is not trusted by itself."""
EVIDENCE = 15.0
"""And below which it is no evidence of how rare failures are."""
BEHIND = "subset simulation does not get as far as failures: regions of failure may be missing"
FLAT = "the margin has no slope where some reads fail, so that the region is known by samples only"
DOUBT = 3.0
"""Standard errors between the two estimates beyond which they contradict each other."""


@dataclass(frozen=True)
class RareEvent:
    """An estimate.

    Attributes:
        probability: of a negative margin; 0 if no failure was found.
        error: its standard error.
        low: lower end of the interval, which is taken for the logarithm.
        high: upper end; what a limit is judged on.
        confidence: of the interval.
        distance: of the most likely failure from the origin; negative if the origin fails, infinite
            if there is none.
        slopes: float64 [number], of the margin at the most likely failure.
        point: float64 [number], the most likely failure itself; where none was found, how far the
            search for it came.
        failed: samples that failed.
        effective: as many failing samples of equal weight would say as much.
        regions: of failure that were told apart.
        checked: the probability by subset simulation; nan where it found no way.
        solved: margins evaluated in all.
        doubts: why the interval is wider than the samples alone would make it; empty if it is not.
        counted: samples that fail as they come, where they were counted too; the upper end is not
            below what they allow.
        weighted: whether the probability is a mean of weights; else it is the share of `counted`.
    """

    probability: float
    error: float
    low: float
    high: float
    confidence: float
    distance: float
    slopes: Floats
    point: Floats
    failed: int
    effective: float
    regions: int
    checked: float
    solved: int
    doubts: tuple[str, ...] = ()
    counted: int | None = None
    weighted: bool = True


def certain(margin: Margin, size: int) -> RareEvent:
    """What there is to say where nothing is random: it fails always, or never."""
    fails = bool(evaluated(margin, torch.zeros((1, size), dtype=torch.float64))[0] < 0)
    always = float(fails)
    return RareEvent(
        probability=always, error=0.0, low=always, high=always, confidence=1.0,
        distance=-math.inf if fails else math.inf, slopes=np.zeros(size), point=np.zeros(size),
        failed=int(fails),
        effective=always, regions=int(fails), checked=always, solved=1,
    )  # fmt: skip


class _Counted:
    """A margin that counts how often it was evaluated."""

    def __init__(self, margin: Margin):
        self.margin, self.solved = margin, 0

    def __call__(self, z: Tensor) -> Tensor:
        self.solved += len(z)
        return self.margin(z)


def estimate(margin: Margin, size: int, samples: int, seed: int, confidence: float) -> RareEvent:
    """The probability that a margin is negative.

    Args:
        margin: of standard normal numbers; its gradient is used where it has one.
        size: how many numbers.
        samples: to draw in the last step; the search takes a fifth as many a level.
        seed: of the draw.
        confidence: of the interval.
    """
    counted = _Counted(margin)
    found = _estimate(counted, size, samples, np.random.default_rng([seed, 9]), confidence)
    return replace(found, solved=counted.solved)


def _estimate(
    margin: Margin, size: int, samples: int, chance: np.random.Generator, confidence: float
) -> RareEvent:
    each = max(samples // SEARCH, 50)
    explored = explore(margin, size, each, chance)
    others = []
    for width in WIDE:
        far = width * torch.from_numpy(chance.standard_normal((each, size)))
        others.append(far[evaluated(margin, far) < 0])
    point = most_likely(margin, size)
    if point.arrived and float(point.z.norm()) > 0:
        others.append(_just_beyond(margin, point.z))
    outside = torch.cat(others)
    if not len(explored.failing) and not len(outside):
        found = _nothing_found(explored, point, confidence)
        # Chains that do not get on along a ridge take their levels to be rarer than they are: that
        # nothing fails is believed if gradients lead as far without a failure, too.
        if explored.reached <= LEAST and float(point.z.norm()) >= stats.norm.isf(LEAST):
            return found
        return _no_better_than_counting(found, margin, size, samples, chance)
    if explored.probability > FREQUENT:
        return _frequent(margin, size, samples, chance, explored, point, confidence)
    outside, pilot = relaxed(margin, outside, chance), samples // PILOT
    mixture = better(margin, mixture_of(margin, explored.failing, outside), pilot, chance)
    drawn = weighted(margin, mixture, pilot, chance)
    for _ in range(DRAWS):
        closest = closer(margin, drawn, explored.failing, outside, chance)
        mixture = better(margin, closest or mixture, pilot, chance)
        drawn = weighted(margin, mixture, samples, chance)
        if _effective(drawn[1]) >= ENOUGH:
            break
    weight = drawn[1]
    starts = mixture.centres.norm(dim=1).argsort()[:REFINED]
    points = [most_likely(margin, size, mixture.centres[k]) for k in starts]
    point = min((point, *points), key=lambda one: abs(one.distance))
    found = _judged(weight, explored, point, mixture.regions, confidence)
    unseen = explored.probability == 0 and explored.reached > LEAST
    if found.effective >= EVIDENCE and mixture.sloping and not unseen:
        return found
    if not mixture.sloping:
        found = replace(found, doubts=(*found.doubts, FLAT))
    return _no_better_than_counting(found, margin, size, samples, chance)


def _failures(margin: Margin, size: int, samples: int, chance: np.random.Generator) -> int:
    """How many fail of so many samples as they come."""
    drawn = torch.from_numpy(chance.standard_normal((samples, size)))
    return int((evaluated(margin, drawn) < 0).sum())


def _no_better_than_counting(
    found: RareEvent, margin: Margin, size: int, samples: int, chance: np.random.Generator
) -> RareEvent:
    """An estimate that rests on next to no samples: its upper end is that of counting failures.

    How likely the last level is, of which none failed, is no evidence either: chains that do not
    get on are alike, and their level is less likely than they say, or more.
    """
    failed = _failures(margin, size, samples, chance)
    bounds = of_share(failed, samples, found.confidence)
    doubt = f"so that no more is known than that {failed} of {samples} samples fail as they come"
    return replace(
        found,
        high=max(found.high, bounds.high),
        doubts=(*found.doubts, doubt),
        counted=failed,
    )


def _frequent(
    margin: Margin,
    size: int,
    samples: int,
    chance: np.random.Generator,
    explored: Explored,
    point: MostLikely,
    confidence: float,
) -> RareEvent:
    """Failures that are frequent, as they come; the interval is Clopper and Pearson's."""
    failed = _failures(margin, size, samples, chance)
    share = failed / samples
    bounds = of_share(failed, samples, confidence)
    return RareEvent(
        probability=share,
        error=math.sqrt(share * (1 - share) / samples),
        low=bounds.low,
        high=bounds.high,
        confidence=confidence,
        distance=point.distance,
        slopes=point.slopes,
        point=point.z.numpy(),
        failed=failed,
        effective=float(failed),
        regions=1,
        checked=explored.probability,
        solved=0,
        counted=failed,
        weighted=False,
    )


def _nothing_found(explored: Explored, point: MostLikely, confidence: float) -> RareEvent:
    """No failure anywhere: an upper end only."""
    return RareEvent(
        probability=0.0, error=0.0, low=0.0, high=_unseen(explored, confidence),
        confidence=confidence,
        distance=math.inf, slopes=point.slopes, point=point.z.numpy(),
        failed=0, effective=0.0, regions=0,
        checked=math.nan, solved=0,
        doubts=("no failure was found: the upper end is that of seeing none",),
    )  # fmt: skip


def _unseen(explored: Explored, confidence: float) -> float:
    """What failures come to at most that were not seen among the samples of the last level.

    Only samples that are independent count, and the level may be more likely than it was found.
    """
    quantile = float(stats.norm.ppf((1 + confidence) / 2))
    level = explored.reached * math.exp(min(quantile * explored.error, 700.0))
    return min(level, 1.0) * -math.expm1(math.log1p(-confidence) / explored.seen)


def _judged(
    weight: Floats, explored: Explored, point: MostLikely, regions: int, confidence: float
) -> RareEvent:
    """The estimate of the weights, held against that of subset simulation."""
    samples = len(weight)
    unit = float(weight.max()) or 1.0  # of failures that are rare enough a square is no float
    whole = weight / unit
    probability = unit * float(whole.sum()) / samples
    error = unit * float(whole.std(ddof=1) / math.sqrt(samples))
    effective = _effective(weight)
    quantile = _quantile(whole, confidence)
    relative = error / probability if probability > 0 else math.inf
    spread = math.exp(min(quantile * relative, 700.0))
    low, doubts = probability / spread, list[str]()
    high = min(probability * spread + unit * _skewed(whole, quantile), 1.0)
    other = explored.probability
    if other == 0 and explored.reached <= LEAST:
        high = max(high, explored.reached)  # nobody needs to know it better
    elif other == 0:
        doubts.append(BEHIND)
    apart = math.hypot(relative, 2 * explored.error) if other > 0 else math.inf
    second = min(other * math.exp(min(2 * quantile * explored.error, 700.0)), 1.0)
    if other > 0 and (probability == 0 or math.log(other / probability) > DOUBT * apart):
        doubts.append("subset simulation finds more failures than were sampled")
        high = max(high, second)
    if effective < FEW:
        doubts.append(f"the samples are worth {effective:.0f} of equal weight only")
        high = max(high, second if other > 0 else 0.0, _unseen(explored, confidence))
        low = min(low, probability / math.exp(2 * quantile)) if effective > 1 else 0.0
    return RareEvent(
        probability=probability,
        error=error,
        low=low,
        high=high,
        confidence=confidence,
        distance=point.distance,
        slopes=point.slopes,
        point=point.z.numpy(),
        failed=int((weight > 0).sum()),
        effective=effective,
        regions=regions,
        checked=other if other > 0 else math.nan,
        solved=0,
        doubts=tuple(doubts),
    )


def _effective(weight: Floats) -> float:
    """As many samples of equal weight would say as much."""
    whole = weight / (float(weight.max()) or 1.0)
    squares = float((whole**2).sum())
    return float(whole.sum()) ** 2 / squares if squares > 0 else 0.0


def _quantile(weight: Floats, confidence: float) -> float:
    """Standard errors to either end of an interval of the mean of weights, the largest 1.

    Student's, as the standard error is an estimate, too, and a poor one where few samples weigh
    much: its degrees of freedom are those of a χ² that varies as much as the variance of such
    weights (F. E. Satterthwaite, Biometrics Bulletin 2, 110 (1946)).
    """
    away = weight - weight.mean()
    variance = float((away**2).mean())
    if variance == 0:
        return float(stats.norm.ppf((1 + confidence) / 2))
    peaked = float((away**4).mean()) / variance**2
    freedom = max(2 * len(weight) / max(peaked - 1, 1e-9), 1.0)
    return float(stats.t.ppf((1 + confidence) / 2, freedom))


def _skewed(weight: Floats, quantile: float) -> float:
    """By how much the upper end of a mean of weights lies higher because they are skewed.

    Where few samples weigh much, most runs have too few of these: the mean is too low more often
    than too high (N. J. Johnson, J. Am. Stat. Assoc. 73, 536 (1978), equation 2.5).
    """
    away = weight - weight.mean()
    variance = float((away**2).mean())
    if variance == 0:
        return 0.0
    return float((away**3).mean()) / (6 * variance * len(weight)) * (1 + 2 * quantile**2)


def _just_beyond(margin: Margin, z: Tensor) -> Tensor:
    """The point itself, a little farther out, if it fails there."""
    beyond = (z * (1 + 0.1 / max(float(z.norm()), 0.1)))[None]
    return beyond[evaluated(margin, beyond) < 0]
