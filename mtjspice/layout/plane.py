"""Reads that fail beyond a plane: their margin is linear in what is random, at its likeliest zero.

To first order a read fails with Φ(−β), β standard deviations away from its most likely failure (A.
M. Hasofer, N. C. Lind, J. Eng. Mech. Div. 100, 111 (1974)). That holds only where the surface of
failure is nearly a plane, and where there is no other. Both are looked at, with few margins: draws
from wider normal distributions have to fail in the same direction, and the surface has to be where
the plane is. Where they are not, failures are sampled.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from scipy import stats
from torch import Tensor

from mtjspice.layout.access import Fitted
from mtjspice.layout.mixture import APART
from mtjspice.layout.nearest import MostLikely, most_likely, one_step
from mtjspice.layout.rare import WIDE, certain, estimate
from mtjspice.layout.subset import LEAST, Margin, evaluated
from mtjspice.layout.tail import is_random, sources
from mtjspice.spec.layout import Layout

SAMPLED = 500
"""Samples of a margin whose failures do not lie beyond one plane."""
LOOKED = 48
"""Draws of each of the two widest distributions that look for failures elsewhere."""
FOLLOWED, FROM = 16, 2
"""Failing ones whose gradients are followed by one step, and the doubtful ones, all the way."""
HALVINGS = 6
"""By which the way from the origin to a failure on a plateau is narrowed down to its edge."""
COUNTS = 0.05
"""Another region counts if it has more than this share of the failures of the first."""
LINES = 16
"""Pairs of opposite lines along which the surface is looked for."""
CURVED, UNSURE = 2.0, 0.3
"""Factor from the plane's probability, and relative error, beyond which failures are sampled."""


@dataclass(frozen=True)
class Read:
    """A read that fails where shared · s + √(1 − |shared|²) · z > distance; s, z standard normal.

    Attributes:
        distance: in standard deviations; negative if it fails more often than not.
        shared: how much of its failure hangs on R_P of the die, TMR of the die, and the offset of
            the line, each −1 to 1. All zero where failures were sampled.
    """

    distance: float
    shared: tuple[float, float, float] = (0.0, 0.0, 0.0)

    @property
    def failure(self) -> float:
        """The probability that it is wrong."""
        return float(stats.norm.sf(self.distance))


def read_of(layout: Layout, fitted: Fitted, margin: Margin) -> Read:
    """What a margin comes to; the layout is under its condition.

    Where it has no single plane, as on the plateau of an amplifier that clips, failures are sampled
    and the upper end of what is found counts: that none was reached is no proof.
    """
    counts = list(sources(layout, fitted.access).values())
    size = sum(counts)
    if not is_random(layout, fitted.access):
        return Read(certain(margin, size).distance)
    point = most_likely(margin, size)
    if point.distance < 0 and not point.arrived:
        return Read(-math.inf)
    if point.arrived:
        probability = _checked(margin, point, layout.seed)
        if probability is not None:
            first = stats.norm.sf(point.distance)
            distance = float(stats.norm.isf(probability)) if probability > first else point.distance
            return Read(distance, _shared(point, counts))
    high = estimate(margin, size, SAMPLED, layout.seed, layout.monte_carlo.confidence).high
    return Read(float(stats.norm.isf(max(high, stats.norm.sf(point.distance)))))


def _shared(point: MostLikely, counts: list[int]) -> tuple[float, float, float]:
    """The parts of the way to failure that a die and a line have in common; see `sources`."""
    way = -point.slopes / np.linalg.norm(point.slopes)
    _, _, r_p, tmr, _, offset, *_ = np.split(way, np.cumsum(counts)[:-1])
    return float(r_p[0]), float(tmr[0]), float(offset[0])


def _checked(margin: Margin, point: MostLikely, seed: int) -> float | None:
    """The probability of failure, not below the plane's; None where the plane does not hold."""
    plane = float(stats.norm.sf(point.distance))
    if point.distance < 0:
        return plane
    chance = np.random.default_rng([seed, 12])
    if _elsewhere(margin, point, chance):
        return None
    probability, error = _along_lines(margin, point, chance)
    upper = max(plane, probability + 2 * error)
    curved = probability > CURVED * plane or error > UNSURE * probability
    return None if curved and upper > LEAST else upper


def _elsewhere(margin: Margin, point: MostLikely, chance: np.random.Generator) -> bool:
    """Whether wide draws find failures of another region, or nearer ones, that count."""
    size = len(point.z)
    drawn = torch.cat(
        [w * torch.from_numpy(chance.standard_normal((LOOKED, size))) for w in WIDE[-2:]]
    )
    failing = drawn[evaluated(margin, drawn) < 0]
    failing = failing[:: max(1, math.ceil(len(failing) / FOLLOWED))]
    if not len(failing):
        return False
    aims, _, usable = one_step(margin, failing)
    if not bool(usable.all()):
        failing = torch.where(usable[:, None], failing, _edges(margin, failing))
        aims, _, usable = one_step(margin, failing)
        if not bool(usable.all()):
            return True  # no gradient tells where these come from
    way = -torch.from_numpy(point.slopes / np.linalg.norm(point.slopes))
    lengths = aims.norm(dim=1)
    apart = aims @ way < APART * lengths
    far = stats.norm.isf(max(COUNTS * stats.norm.sf(point.distance), LEAST))
    doubtful = (apart | (lengths < 0.8 * point.distance)) & (lengths < 2 * far)
    for k in lengths.argsort()[doubtful[lengths.argsort()]][:FROM]:
        found = most_likely(margin, size, failing[k])
        distance = float(found.z.norm())
        same = float(found.z @ way) >= APART * distance and distance > 0.98 * point.distance
        if not found.arrived or (not same and distance < far):
            return True
    return False


def _edges(margin: Margin, failing: Tensor) -> Tensor:
    """Of failures the nearest to the origin on the way from there, just beyond the edge."""
    low = torch.zeros(len(failing), 1, dtype=torch.float64)
    high = torch.ones_like(low)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        fails = (evaluated(margin, middle * failing) < 0)[:, None]
        low, high = torch.where(fails, low, middle), torch.where(fails, middle, high)
    return high * failing


def _along_lines(
    margin: Margin, point: MostLikely, chance: np.random.Generator
) -> tuple[float, float]:
    """The probability by line sampling, and its standard error.

    On lines that are parallel to the way to the most likely failure the surface is found by two
    secant steps; each line fails with Φ(−where it is) (P. S. Koutsourelakis, H. J. Pradlwarter, G.
    I. Schuëller, Probabilistic Engineering Mechanics 19, 409 (2004)).
    """
    steep = float(np.linalg.norm(point.slopes))
    way = -torch.from_numpy(point.slopes / steep)
    across = torch.from_numpy(chance.standard_normal((LINES, len(way))))
    across = across - (across @ way)[:, None] * way
    across = torch.cat([across, -across])

    def at(where: Tensor) -> Tensor:
        return evaluated(margin, across + where[:, None] * way)

    first = torch.full((2 * LINES,), point.distance, dtype=torch.float64)
    there = at(first)
    second = first + (there / steep).clamp(-3.0, 3.0)
    then = at(second)
    slope = (then - there) / torch.where(second == first, 1.0, second - first)
    usable = (slope < -0.1 * steep) & (second != first)
    third = torch.where(usable, second - then / torch.where(usable, slope, 1.0), second)
    fails = stats.norm.sf(third.numpy()).reshape(2, LINES).mean(0)
    return float(fails.mean()), float(fails.std(ddof=1) / math.sqrt(LINES))
