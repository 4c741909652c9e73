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
from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy import stats
from torch import Tensor

from mtjspice.data.layout import Floats
from mtjspice.layout.subset import LEAST, Explored, Margin, evaluated, explore

STEPS = 50
"""Most steps towards the most likely failure."""
NEAR = 1e-4
"""A step that is shorter than this has arrived."""
HALVINGS = 12
"""How often a step that leads nowhere is made shorter."""
FARTHEST = 37.0
"""Beyond so many standard deviations probabilities are below the smallest float."""
WIDE = (1.5, 2.5, 4.0)
"""Standard deviations of the draws that look for failures beyond a plateau."""
FREQUENT = 0.1
"""Failures that are more frequent than this are counted: nothing is rare about them."""
MOST_REGIONS, APART = 64, 0.9
"""Regions that are told apart, and the cosine between their directions below which they are two."""
MOST_DIRECTIONS, ENERGY = 30, 0.999
"""Directions in which samples are shifted, and the share of the gradients that they hold."""
STANDARD = 0.1
"""Share of the samples that is drawn from the standard normal distribution."""
KEPT = 0.3
"""Share of the samples that goes to all components alike, whatever the pilot says of them."""
SEARCH = 5
"""The search takes a fifth as many samples a level as the estimate itself."""
PILOT, ROUNDS = 4, 5
"""A quarter of the samples are drawn to tell what each component is worth; rounds of telling it."""
FEWEST_MEMBERS = 10
"""Samples of a region from which its place is taken."""
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
        return _nothing_found(explored, point, each, confidence, solved)
    if explored.probability > FREQUENT:
        return _counted(margin, size, samples, chance, explored, point, confidence)
    mixture = _mixture(margin, explored.failing, outside)
    mixture = _better(margin, mixture, samples // PILOT, chance)
    z, ratio = mixture.draw(samples, chance)
    weight = torch.where(evaluated(margin, z) < 0, ratio, 0.0).numpy()
    starts = mixture.centres.norm(dim=1).argsort()[:REFINED]
    points = [most_likely(margin, size, mixture.centres[k]) for k in starts]
    point = min((point, *points), key=lambda one: abs(one.distance))
    solved += samples + len(explored.failing) + len(outside)
    unseen = _unseen(explored, each, confidence)
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
    explored: Explored, point: "MostLikely", each: int, confidence: float, solved: int
) -> RareEvent:
    """No failure anywhere: an upper end only."""
    return RareEvent(
        probability=0.0, error=0.0, low=0.0, high=_unseen(explored, each, confidence),
        distance=math.inf, slopes=point.slopes, point=point.z.numpy(),
        failed=0, effective=0.0, regions=0,
        checked=math.nan, solved=solved,
        doubts=("no failure was found: the upper end is that of seeing none",),
    )  # fmt: skip


def _unseen(explored: Explored, each: int, confidence: float) -> float:
    """What failures come to at most that were not seen among the samples of the last level."""
    return explored.reached * -math.expm1(math.log1p(-confidence) / each)


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


@dataclass(frozen=True)
class _Mixture:
    """Where failures are sampled: normal distributions in a few directions, standard in all others.

    Attributes:
        directions: float64 [direction, number], orthonormal.
        shares: float64 [component].
        means: float64 [component, direction].
        roots: float64 [component, direction, direction], Cholesky factors of the covariances.
        centres: float64 [region, number], where each region of failure is.
    """

    directions: Tensor
    shares: Tensor
    means: Tensor
    roots: Tensor
    centres: Tensor

    @property
    def regions(self) -> int:
        """How many regions of failure were told apart."""
        return len(self.centres)

    def draw(self, count: int, chance: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Samples [sample, number], each with the ratio of the standard density to its own.

        Every component has its part of the samples, rounded at random: that all of them are drawn
        from takes some of the variance away.
        """
        edges = np.floor(np.cumsum(self.shares.numpy()) * count + chance.random()).astype(int)
        of = torch.from_numpy(np.searchsorted(edges, np.arange(count), side="right"))
        of = of.clamp(max=len(self.shares) - 1)
        size = self.directions.shape[1]
        z = torch.from_numpy(chance.standard_normal((count, size)))
        own = z @ self.directions.T
        u = self.means[of] + (self.roots[of] @ own[:, :, None])[:, :, 0]
        z = z + (u - own) @ self.directions
        density = (self.shares.log()[:, None] + self.log_densities(u)).logsumexp(0)
        return z, torch.exp(-(u**2).sum(1) / 2 - density)

    def log_densities(self, u: Tensor) -> Tensor:
        """Of each component [component, sample], but for a constant; u is [sample, direction]."""
        parts = []
        for mean, root in zip(self.means, self.roots, strict=True):
            white = torch.linalg.solve_triangular(root, (u - mean).T, upper=False)
            parts.append(-(white**2).sum(0) / 2 - root.diagonal().log().sum())
        return torch.stack(parts)


def _mixture(margin: Margin, failing: Tensor, outside: Tensor) -> _Mixture:
    """A mixture around samples that fail.

    Args:
        margin: of standard normal numbers.
        failing: float64 [sample, number], distributed as failures are; may be none.
        outside: the same, from elsewhere: a region that only these have found counts, too.
    """
    every = torch.cat([failing, outside])
    aims, slopes = _aims(margin, every)
    directions = _directions(slopes, aims)
    towards = aims @ directions.T
    first = len(failing)
    centres = _told_apart(towards[:first])
    centres += [
        first + k
        for k in _told_apart(towards[first:])
        if not centres or float(_cosines(towards[first + k, None], towards[centres]).max()) < APART
    ][: MOST_REGIONS - len(centres)]
    member = _cosines(failing @ directions.T, towards[centres]).argmax(1)
    means, roots = [], []
    places = torch.stack([_pulled(margin, every[k], aims[k]) for k in centres])
    groups = [(failing[member == k], place) for k, place in enumerate(places)]
    # All together are one more group: where conditions meet, their gradients differ in one region.
    for own, place in [*groups, (failing, places[0])][: None if len(groups) > 1 else 1]:
        found = _shapes(own @ directions.T, place @ directions.T)
        means += [mean for mean, _ in found]
        roots += [root for _, root in found]
    eye = torch.eye(len(directions), dtype=torch.float64)
    means.append(torch.zeros_like(means[0]))
    roots.append((1 + 2 / math.sqrt(len(directions))) * eye)
    each = (1 - STANDARD) / len(means)
    shares = torch.tensor([*(len(means) * [each]), STANDARD], dtype=torch.float64)
    return _Mixture(
        directions=directions,
        shares=shares,
        means=torch.stack([*means, means[-1]]),
        roots=torch.stack([*roots, eye]),
        centres=places,
    )


def _better(
    margin: Margin, mixture: _Mixture, samples: int, chance: np.random.Generator
) -> _Mixture:
    """The same components with shares by what they are worth.

    Shares are those that bring the mixture nearest to failures as they are distributed, by
    expectation maximisation over weighted samples (cross-entropy method; R. Rubinstein, D. Kroese,
    The Cross-Entropy Method, Springer 2004). The standard distribution keeps its share.
    """
    z, ratio = mixture.draw(samples, chance)
    fails = evaluated(margin, z) < 0
    if int(fails.sum()) < FEWEST_MEMBERS or len(mixture.shares) < 3:
        return mixture
    parts = mixture.log_densities(z[fails] @ mixture.directions.T)[:-1]
    weight, own = ratio[fails], mixture.shares[:-1]
    rest = float(own.sum())
    given = own / rest
    for _ in range(ROUNDS):
        of = (given.log()[:, None] + parts).softmax(0)
        given = (of * weight).sum(1) / weight.sum()
        given = (1 - KEPT) * given + KEPT / len(given)
    return replace(mixture, shares=torch.cat([rest * given, mixture.shares[-1:]]))


def _aims(margin: Margin, z: Tensor) -> tuple[Tensor, Tensor]:
    """Where one step along the gradient leads from each sample, and the gradients of length one.

    Where there is no gradient the sample itself is all that is known.
    """
    value, slopes = _with_slopes(margin, z)
    power = (slopes**2).sum(1)
    ahead = ((slopes * z).sum(1) - value) / power
    aims = ahead[:, None] * slopes
    usable = (power > 0) & (aims.norm(dim=1) <= FARTHEST)
    return torch.where(usable[:, None], aims, z), (slopes / power.sqrt()[:, None])[usable]


def _pulled(margin: Margin, z: Tensor, aim: Tensor) -> Tensor:
    """A failing point near the surface: where the gradient led, or back towards the origin."""
    shares = torch.linspace(0, 1, 2**4 + 1, dtype=torch.float64)[1:, None]
    fails = evaluated(margin, torch.cat([1.02 * aim[None], shares * z])) < 0
    if bool(fails[0]):
        return aim
    first = int(fails[1:].nonzero()[0])  # the last one is the sample itself, which fails
    return shares[first] * z


def _with_slopes(margin: Margin, z: Tensor) -> tuple[Tensor, Tensor]:
    """Margins and their gradients; zero where there is none that is finite."""
    values, slopes = [], []
    for some in torch.split(z, 100):
        given = some.clone().requires_grad_()
        value = margin(given)
        own = torch.zeros_like(some)
        if value.requires_grad:
            (slope,) = torch.autograd.grad(value.sum(), given, allow_unused=True)
            own = own if slope is None else slope.nan_to_num(0.0, 0.0, 0.0)
        values.append(value.detach())
        slopes.append(own)
    return torch.cat(values), torch.cat(slopes)


def _directions(slopes: Tensor, aims: Tensor) -> Tensor:
    """Orthonormal directions [direction, number] that hold nearly all of the gradients."""
    size = aims.shape[1]
    if size <= MOST_DIRECTIONS:
        return torch.eye(size, dtype=torch.float64)
    given = slopes if len(slopes) else aims / aims.norm(dim=1, keepdim=True)
    _, strength, rows = torch.linalg.svd(given, full_matrices=False)
    held = (strength**2).cumsum(0) / (strength**2).sum()
    count = min(int((held < ENERGY).sum()) + 1, MOST_DIRECTIONS)
    first: Tensor = rows[:count]
    return first


def _cosines(a: Tensor, b: Tensor) -> Tensor:
    tiny = torch.finfo(torch.float64).tiny
    ways = [x / x.norm(dim=1, keepdim=True).clamp(min=tiny) for x in (a, b)]
    cosines: Tensor = ways[0] @ ways[1].T
    return cosines


def _told_apart(aims: Tensor) -> list[int]:
    """Points that lie in different directions, the nearest of each, nearest first."""
    order = aims.norm(dim=1).argsort(stable=True)
    cosines = _cosines(aims, aims)
    chosen: list[int] = []
    for k in map(int, order):
        if len(chosen) < MOST_REGIONS and (not chosen or float(cosines[k, chosen].max()) < APART):
            chosen.append(k)
    return chosen


def _shapes(members: Tensor, centre: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Means and Cholesky factors of the normal distributions around one region of failure.

    The first knows the centre only. The others take mean and width from the failing samples, and
    are as wide as the standard distribution at least, or half as wide at least. They are better
    where several conditions meet or where the surface is curved, and worse where samples of few
    chains, which are alike, lie to one side by chance. How much each is worth is told by samples.
    """
    count, size = members.shape
    found = [(centre, torch.eye(size, dtype=torch.float64))]
    if count < FEWEST_MEMBERS:
        return found
    mean = members.mean(0)
    away = members - mean
    width, ways = torch.linalg.eigh(away.T @ away / (count - 1))
    # Of so few samples even the standard distribution looks narrower and wider than it is.
    seeming = math.sqrt(size / count)
    wider = torch.where(width > (1 + seeming) ** 2, 1.2 * width, 1.0).clamp(1.0, 16.0)
    narrower = torch.where(width < (1 - min(seeming, 1)) ** 2, 2 * width, wider).clamp(0.25, 16.0)
    return found + [
        (mean, torch.linalg.cholesky((ways * width) @ ways.T)) for width in (wider, narrower)
    ]


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
    value, slopes = (x[0] for x in _with_slopes(margin, z[None]))
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
        value, slopes = (x[0] for x in _with_slopes(margin, z[None]))
        solved += 1
        if moved < NEAR:
            arrived = abs(float(value)) < NEAR * max(scale, math.sqrt(float(slopes @ slopes)))
            break
    return MostLikely(z, slopes.numpy(), at_mean, arrived, solved)
