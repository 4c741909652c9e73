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
   densities, so that the estimate has no bias wherever the mixture was put.
4. The result is held against that of subset simulation, and the weights against each other. Where
   they do not bear it out, the interval is widened to what is known, up to "nothing was found, and
   failures are at most so frequent".
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from scipy import stats
from torch import Tensor

from mtjspice.data.layout import Floats
from mtjspice.layout.mixture import better, mixture_of
from mtjspice.layout.subset import (
    FARTHEST,
    LEAST,
    Explored,
    Margin,
    evaluated,
    explore,
    with_slopes,
)

STEPS = 50
"""Most steps towards the most likely failure."""
NEAR = 1e-4
"""A step that is shorter than this has arrived."""
HALVINGS = 12
"""How often a step that leads nowhere is made shorter."""
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
FEW = 40.0
"""Effective failing samples below which an estimate is not trusted by itself."""
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
    """

    probability: float
    error: float
    low: float
    high: float
    distance: float
    slopes: Floats
    point: Floats
    failed: int
    effective: float
    regions: int
    checked: float
    solved: int
    doubts: tuple[str, ...] = ()


def certain(margin: Margin, size: int) -> RareEvent:
    """What there is to say where nothing is random: it fails always, or never."""
    fails = bool(evaluated(margin, torch.zeros((1, size), dtype=torch.float64))[0] < 0)
    always = float(fails)
    return RareEvent(
        probability=always, error=0.0, low=always, high=always,
        distance=-math.inf if fails else math.inf, slopes=np.zeros(size), point=np.zeros(size),
        failed=int(fails),
        effective=always, regions=int(fails), checked=always, solved=1,
    )  # fmt: skip


def estimate(margin: Margin, size: int, samples: int, seed: int, confidence: float) -> RareEvent:
    """The probability that a margin is negative.

    Args:
        margin: of standard normal numbers; its gradient is used where it has one.
        size: how many numbers.
        samples: to draw in the last step; the search takes a fifth as many a level.
        seed: of the draw.
        confidence: of the interval.
    """
    chance = np.random.default_rng([seed, 9])
    each = max(samples // SEARCH, 50)
    explored = explore(margin, size, each, chance)
    others = []
    for width in WIDE:
        drawn = width * torch.from_numpy(chance.standard_normal((each, size)))
        others.append(drawn[evaluated(margin, drawn) < 0])
    point = most_likely(margin, size)
    if point.arrived and float(point.z.norm()) > 0:
        others.append(_just_beyond(margin, point.z))
    outside = torch.cat(others)
    solved = explored.margins + len(WIDE) * each + point.solved
    if not len(explored.failing) and not len(outside):
        return _nothing_found(explored, point, confidence, solved)
    if explored.probability > FREQUENT:
        return _counted(margin, size, samples, chance, explored, point, confidence)
    mixture = mixture_of(margin, explored.failing, outside)
    mixture = better(margin, mixture, samples // PILOT, chance)
    z, ratio = mixture.draw(samples, chance)
    weight = torch.where(evaluated(margin, z) < 0, ratio, 0.0).numpy()
    starts = mixture.centres.norm(dim=1).argsort()[:REFINED]
    points = [most_likely(margin, size, mixture.centres[k]) for k in starts]
    point = min((point, *points), key=lambda one: abs(one.distance))
    solved += samples + len(explored.failing) + len(outside)
    unseen = _unseen(explored, confidence)
    return _judged(weight, explored, unseen, point, mixture.regions, confidence, solved)


def _counted(
    margin: Margin,
    size: int,
    samples: int,
    chance: np.random.Generator,
    explored: Explored,
    point: "MostLikely",
    confidence: float,
) -> RareEvent:
    """Failures that are frequent, as they come; the interval is Clopper and Pearson's."""
    drawn = torch.from_numpy(chance.standard_normal((samples, size)))
    failed = int((evaluated(margin, drawn) < 0).sum())
    share = failed / samples
    bounds = stats.binomtest(failed, samples).proportion_ci(confidence, method="exact")
    return RareEvent(
        probability=share,
        error=math.sqrt(share * (1 - share) / samples),
        low=float(bounds.low),
        high=float(bounds.high),
        distance=point.distance,
        slopes=point.slopes,
        point=point.z.numpy(),
        failed=failed,
        effective=float(failed),
        regions=1,
        checked=explored.probability,
        solved=explored.margins + point.solved + samples,
    )


def _nothing_found(
    explored: Explored, point: "MostLikely", confidence: float, solved: int
) -> RareEvent:
    """No failure anywhere: an upper end only."""
    return RareEvent(
        probability=0.0, error=0.0, low=0.0, high=_unseen(explored, confidence),
        distance=math.inf, slopes=point.slopes, point=point.z.numpy(),
        failed=0, effective=0.0, regions=0,
        checked=math.nan, solved=solved,
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
    weight: Floats,
    explored: Explored,
    unseen: float,
    point: "MostLikely",
    regions: int,
    confidence: float,
    solved: int,
) -> RareEvent:
    """The estimate of the weights, held against that of subset simulation."""
    samples, total = len(weight), float(weight.sum())
    probability = total / samples
    error = float(weight.std(ddof=1) / math.sqrt(samples))
    effective = total**2 / float((weight**2).sum()) if total > 0 else 0.0
    quantile = float(stats.norm.ppf((1 + confidence) / 2))
    relative = error / probability if probability > 0 else math.inf
    spread = math.exp(min(quantile * relative, 700.0))
    low, high, doubts = probability / spread, min(probability * spread, 1.0), list[str]()
    other = explored.probability
    if other == 0 and explored.reached <= LEAST:
        high = max(high, explored.reached)  # nobody needs to know it better
    elif other == 0:
        doubts.append("the margin has a plateau: regions of failure behind it may have been missed")
    apart = math.hypot(relative, 2 * explored.error) if other > 0 else math.inf
    second = min(other * math.exp(min(2 * quantile * explored.error, 700.0)), 1.0)
    if other > 0 and (probability == 0 or math.log(other / probability) > DOUBT * apart):
        doubts.append("subset simulation finds more failures than were sampled")
        high = max(high, second)
    if effective < FEW:
        doubts.append(f"the samples are worth {effective:.0f} of equal weight only")
        high = max(high, second if other > 0 else unseen)
        low = min(low, probability / math.exp(2 * quantile)) if effective > 1 else 0.0
    return RareEvent(
        probability=probability,
        error=error,
        low=low,
        high=high,
        distance=point.distance,
        slopes=point.slopes,
        point=point.z.numpy(),
        failed=int((weight > 0).sum()),
        effective=effective,
        regions=regions,
        checked=other if other > 0 else math.nan,
        solved=solved,
        doubts=tuple(doubts),
    )


def _just_beyond(margin: Margin, z: Tensor) -> Tensor:
    """The point itself, a little farther out, if it fails there."""
    beyond = (z * (1 + 0.1 / max(float(z.norm()), 0.1)))[None]
    return beyond[evaluated(margin, beyond) < 0]


@dataclass(frozen=True)
class MostLikely:
    """The most likely failure, as far as gradients lead from the origin.

    Attributes:
        z: float64 [number].
        slopes: float64 [number], of the margin there.
        at_mean: margin at the origin.
        arrived: whether it lies on the surface M = 0, along its gradient.
        solved: margins evaluated.
    """

    z: Tensor
    slopes: Floats
    at_mean: float
    arrived: bool
    solved: int

    @property
    def distance(self) -> float:
        """From the origin; negative if the origin fails, infinite where gradients led nowhere."""
        return math.copysign(float(self.z.norm()) if self.arrived else math.inf, self.at_mean)


def most_likely(margin: Margin, size: int, start: Tensor | None = None) -> MostLikely:
    """A point of M = 0 that is nearest to the origin, by steps along the gradient.

    Steps that do not lower |z|²/2 + c |M| are made shorter (Y. Zhang, A. Der Kiureghian, in:
    Reliability and Optimization of Structural Systems, 297 (1995)). It is one such point, not
    necessarily the nearest of all.
    """
    z = torch.zeros(size, dtype=torch.float64)
    at_mean = float(evaluated(margin, z[None])[0])
    z = z if start is None else start
    value, slopes = (x[0] for x in with_slopes(margin, z[None]))
    solved, arrived = 2, False
    scale = max(abs(at_mean), 1e-300)
    for _ in range(STEPS):
        power = float(slopes @ slopes)
        if not math.isfinite(power) or power == 0:
            break
        aim = (slopes @ z - value) / power * slopes
        aim = aim * min(1.0, FARTHEST / max(float(aim.norm()), 1e-300))
        penalty = 2 * max(float(z.norm()), float(aim.norm()), 1.0) / math.sqrt(power)
        lengths = 0.5 ** torch.arange(HALVINGS, dtype=torch.float64)
        tried = z + lengths[:, None] * (aim - z)
        values, solved = evaluated(margin, tried), solved + HALVINGS
        merits = (tried**2).sum(1) / 2 + penalty * values.abs()
        before = float(z @ z) / 2 + penalty * abs(float(value))
        better = (merits < before).nonzero()
        k = int(better[0]) if len(better) else 0
        moved = float((tried[k] - z).norm())
        if not len(better):
            arrived = moved < NEAR and abs(float(value)) < NEAR * scale
            break
        z = tried[k]
        value, slopes = (x[0] for x in with_slopes(margin, z[None]))
        solved += 1
        if moved < NEAR:
            arrived = abs(float(value)) < NEAR * max(scale, math.sqrt(float(slopes @ slopes)))
            break
    return MostLikely(z, slopes.numpy(), at_mean, arrived, solved)
