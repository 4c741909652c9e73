"""Where rare failures are sampled: a mixture of normal distributions around those that were found.

It has a component or more for each region of failure, a wide one, which notices a region that was
missed, and the standard one, which bounds every weight (T. Hesterberg, Technometrics 37, 185
(1995)). All of them are in the few directions in which the margin changes at all; in the others the
samples stay standard normal.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from mtjspice.layout.findings import Floats
from mtjspice.layout.nearest import most_likely, one_step
from mtjspice.layout.subset import FARTHEST, Margin, evaluated

MOST_REGIONS, APART = 64, 0.9
"""Regions that are told apart, and the cosine between their directions below which they are two."""
MOST_DIRECTIONS, ENERGY = 30, 0.999
"""Directions in which samples are shifted, and the share of the gradients that they hold."""
STANDARD = 0.1
"""Share of the samples that is drawn from the standard normal distribution."""
KEPT = 0.3
"""Share of the samples that goes to all components alike, whatever the pilot says of them."""
ROUNDS = 5
"""Of telling what each component is worth."""
FEWEST_MEMBERS = 10
"""Samples of a region from which its place is taken."""
MOST_STRONG = 10
"""Directions in which failures without gradients are far out, at most."""
CONVERGED = 3
"""Regions whose place is their most likely failure, the nearest first; it takes many margins."""


@dataclass(frozen=True)
class Mixture:
    """Where failures are sampled: normal distributions in a few directions, standard in all others.

    Attributes:
        directions: float64 [direction, number], orthonormal.
        shares: float64 [component].
        means: float64 [component, direction].
        roots: float64 [component, direction, direction], Cholesky factors of the covariances.
        centres: float64 [region, number], where each region of failure is.
        sloping: whether the margin has a gradient at all failures that were found.
    """

    directions: Tensor
    shares: Tensor
    means: Tensor
    roots: Tensor
    centres: Tensor
    sloping: bool

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


def mixture_of(margin: Margin, failing: Tensor, outside: Tensor) -> Mixture:
    """A mixture around samples that fail.

    Args:
        margin: of standard normal numbers.
        failing: float64 [sample, number], distributed as failures are; may be none.
        outside: the same, from elsewhere: a region that only these have found counts, too.
    """
    every = torch.cat([failing, outside])
    aims, slopes, sloping = _aims(margin, every)
    strong = _strong(every[~sloping])
    # Without a gradient only what failures have in common tells where their region is.
    aims[~sloping] = every[~sloping] @ strong.T @ strong
    directions = _directions(slopes, strong)
    towards = aims @ directions.T
    first = len(failing)
    centres = _told_apart(towards[:first])
    centres += [
        first + k
        for k in _told_apart(towards[first:])
        if not centres or float(_cosines(towards[first + k, None], towards[centres]).max()) < APART
    ][: MOST_REGIONS - len(centres)]
    member = _cosines(every @ directions.T, towards[centres]).argmax(1)
    means, roots = [], []
    wide = [k >= first for k in centres]
    places = _places(margin, every[centres], aims[centres], wide)
    groups = [
        (every[first:][member[first:] == k] if wide[k] else failing[member[:first] == k], place)
        for k, place in enumerate(places)
    ]
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
    return Mixture(
        directions=directions,
        shares=shares,
        means=torch.stack([*means, means[-1]]),
        roots=torch.stack([*roots, eye]),
        centres=places,
        sloping=bool(sloping.all()),
    )


def weighted(
    margin: Margin, mixture: Mixture, samples: int, chance: np.random.Generator
) -> tuple[Tensor, Floats]:
    """Samples [sample, number] of a mixture, and what each counts: nothing if it holds."""
    z, ratio = mixture.draw(samples, chance)
    return z, torch.where(evaluated(margin, z) < 0, ratio, 0.0).numpy()


def better(margin: Margin, mixture: Mixture, samples: int, chance: np.random.Generator) -> Mixture:
    """The same components with shares by what they are worth.

    Shares are those that bring the mixture nearest to failures as they are distributed, by
    expectation maximisation over weighted samples (cross-entropy method; R. Rubinstein, D. Kroese,
    The Cross-Entropy Method, Springer 2004). The standard distribution keeps its share.
    """
    z, counts = weighted(margin, mixture, samples, chance)
    fails = torch.from_numpy(counts > 0)
    if int(fails.sum()) < FEWEST_MEMBERS or len(mixture.shares) < 3:
        return mixture
    parts = mixture.log_densities(z[fails] @ mixture.directions.T)[:-1]
    weight, own = torch.from_numpy(counts)[fails], mixture.shares[:-1]
    rest = float(own.sum())
    given = own / rest
    for _ in range(ROUNDS):
        of = (given.log()[:, None] + parts).softmax(0)
        given = (of * weight).sum(1) / weight.sum()
        given = (1 - KEPT) * given + KEPT / len(given)
    return replace(mixture, shares=torch.cat([rest * given, mixture.shares[-1:]]))


def closer(
    margin: Margin,
    drawn: tuple[Tensor, Floats],
    failing: Tensor,
    outside: Tensor,
    chance: np.random.Generator,
) -> Mixture | None:
    """A mixture around failures as the samples of another one say that they are distributed.

    Of a region that only wide draws have found, the first mixture knows neither place nor width,
    and its few samples there weigh much: they are taken as often as they weigh. None if hardly any
    sample failed.

    Args:
        margin: of standard normal numbers.
        drawn: samples [sample, number] of the other one, and what each counts, 0 if it holds.
        failing: as those of `mixture_of`.
        outside: the same.
        chance: of the draw.
    """
    z, weight = drawn
    if int((weight > 0).sum()) < FEWEST_MEMBERS:
        return None
    count = max(len(failing), len(z) // 4)
    steps = (np.arange(count) + chance.random()) / count * weight.sum()
    taken = np.searchsorted(weight.cumsum(), steps).clip(max=len(weight) - 1)
    return mixture_of(margin, torch.cat([failing, z[taken]]), outside)


def _aims(margin: Margin, z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Where one step along the gradient leads from each sample, the gradients, and who has one.

    The gradients are of length one. Where there is none the sample itself is all that is known.
    """
    aims, slopes, sloping = one_step(margin, z)
    usable = sloping & (aims.norm(dim=1) <= FARTHEST)
    return torch.where(usable[:, None], aims, z), slopes[usable], usable


def _strong(z: Tensor) -> Tensor:
    """Directions [direction, number] in which failing samples without gradients are far out.

    In all others they are standard normal, of which so few samples show a strength of up to
    (1 + √(numbers/samples))² (V. A. Marčenko, L. A. Pastur, Math. USSR-Sbornik 1, 457 (1967)).
    """
    if not len(z):
        return z
    _, strength, rows = torch.linalg.svd(z, full_matrices=False)
    noise = len(z) * (1 + math.sqrt(z.shape[1] / _distinct(z))) ** 2
    strong: Tensor = rows[: min(max(int((strength**2 > noise).sum()), 1), MOST_STRONG)]
    return strong


def _distinct(z: Tensor) -> int:
    """How many samples differ: chains repeat theirs."""
    return len(torch.unique(z, dim=0))


def _places(margin: Margin, z: Tensor, aims: Tensor, wide: Sequence[bool]) -> Tensor:
    """Where each region of failure is, from a sample [region, number] of it that fails.

    It is the most likely failure of the nearest regions, and of those that only wide draws have
    found, whose samples are far out in the directions, too, in which the margin does not change.
    Of the others, and where the way leads to a place that is taken, it is what one step along the
    gradient says: regions that are really one, such as a ridge, keep their width.
    """
    places: list[Tensor] = []
    for k, (one, aim) in enumerate(zip(z, aims, strict=True)):
        place = None
        if k < CONVERGED or wide[k]:
            found = most_likely(margin, len(one), one)
            taken = (
                bool(places) and float(_cosines(found.z[None], torch.stack(places)).max()) >= APART
            )
            place = found.z if found.arrived and not taken else None
        places.append(_pulled(margin, one, aim) if place is None else place)
    return torch.stack(places)


def _pulled(margin: Margin, z: Tensor, aim: Tensor) -> Tensor:
    """A failing point near the surface: where the gradient led, or back towards the origin."""
    shares = torch.linspace(0, 1, 2**4 + 1, dtype=torch.float64)[1:, None]
    fails = evaluated(margin, torch.cat([1.02 * aim[None], shares * z])) < 0
    if bool(fails[0]):
        return aim
    first = int(fails[1:].nonzero()[0])  # the last one is the sample itself, which fails
    return shares[first] * z


def _directions(slopes: Tensor, strong: Tensor) -> Tensor:
    """Orthonormal directions [direction, number] that hold nearly all of the gradients.

    Those in which failures without gradients are far out are among them.
    """
    size = slopes.shape[1]
    if size <= MOST_DIRECTIONS:
        return torch.eye(size, dtype=torch.float64)
    _, strength, rows = torch.linalg.svd(slopes, full_matrices=False)
    held = (strength**2).cumsum(0) / (strength**2).sum()
    count = min(int((held < ENERGY).sum()) + 1, MOST_DIRECTIONS - len(strong))
    both, _ = torch.linalg.qr(torch.cat([strong, rows[:count]]).T)
    directions: Tensor = both.T
    return directions


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
    seeming = math.sqrt(size / _distinct(members))
    wider = torch.where(width > (1 + seeming) ** 2, 1.2 * width, 1.0).clamp(1.0, 16.0)
    narrower = torch.where(width < (1 - min(seeming, 1)) ** 2, 2 * width, wider).clamp(0.25, 16.0)
    return found + [
        (mean, torch.linalg.cholesky((ways * width) @ ways.T)) for width in (wider, narrower)
    ]
