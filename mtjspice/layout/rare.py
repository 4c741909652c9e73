"""Probabilities of rare failures, by importance sampling around the most likely failure.

A read fails where its margin M(z) is negative; z are standard normal numbers, from which spread,
mismatch and offset are made. The most likely failure z* is the point of the surface M = 0 that is
nearest to the origin. It is found by the iteration of R. Rackwitz, B. Fiessler, Computers &
Structures 9, 489 (1978), with gradients from the adjoint of the circuit. Samples are then drawn
around z* and weighted with the ratio of the densities (G. I. Schuëller, R. Stix, Structural Safety
4, 293 (1987)); about half of them fail, however rare failures are. The estimate has no bias; its
standard error comes from the samples.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from scipy import stats
from torch import Tensor

from mtjspice.data.layout import Floats

Margin = Callable[[Tensor], Tensor]
"""Margins [sample] of standard normal numbers [sample, number]; differentiable."""
STEPS = 30
"""Most steps towards the most likely failure."""
NEAR = 1e-3
"""A step that is shorter than this has arrived."""
AT_A_TIME = 250
FARTHEST = 37.0
"""Beyond so many standard deviations probabilities are below the smallest float."""


@dataclass(frozen=True)
class RareEvent:
    """An estimate.

    Attributes:
        probability: of a negative margin.
        error: its standard error.
        low: lower end of the interval, which is taken for the logarithm.
        high: upper end.
        distance: of the most likely failure from the origin; negative if the origin fails.
        slopes: float64 [number], of the margin at the most likely failure.
        failed: samples that failed.
    """

    probability: float
    error: float
    low: float
    high: float
    distance: float
    slopes: Floats
    failed: int


def estimate(margin: Margin, size: int, samples: int, seed: int, confidence: float) -> RareEvent:
    """The probability that a margin is negative.

    Args:
        margin: of standard normal numbers.
        size: how many numbers.
        samples: to draw.
        seed: of the draw.
        confidence: of the interval.
    """
    point = most_likely(margin, size)
    # Where the mean fails already, failures are no rare event and samples are drawn around it.
    centre = point.z if point.at_mean > 0 else torch.zeros_like(point.z)
    chance = np.random.default_rng([seed, 9])
    weights = []
    for first in range(0, samples, AT_A_TIME):
        drawn = chance.standard_normal((min(AT_A_TIME, samples - first), size))
        step = torch.from_numpy(drawn)
        with torch.no_grad():
            fails = margin(centre + step) < 0
        ratio = torch.exp(-(step @ centre) - (centre @ centre) / 2)
        weights.append(torch.where(fails, ratio, 0.0).numpy())
    weight = np.concatenate(weights)
    probability = float(weight.mean())
    error = float(weight.std(ddof=1) / math.sqrt(samples))
    quantile = float(stats.norm.ppf((1 + confidence) / 2))
    spread = math.exp(min(quantile * error / probability, 700.0)) if probability > 0 else math.inf
    return RareEvent(
        probability=probability,
        error=error,
        low=probability / spread,
        high=min(probability * spread, 1.0) if probability > 0 else 1.0,
        distance=point.distance,
        slopes=point.slopes,
        failed=int((weight > 0).sum()),
    )


@dataclass(frozen=True)
class MostLikely:
    """The most likely failure.

    Attributes:
        z: float64 [number].
        slopes: float64 [number], of the margin there.
        at_mean: margin at the origin.
    """

    z: Tensor
    slopes: Floats
    at_mean: float

    @property
    def distance(self) -> float:
        """From the origin; negative if the origin fails."""
        return math.copysign(float(self.z.norm()), self.at_mean)


def most_likely(margin: Margin, size: int) -> MostLikely:
    """The point of M = 0 that is nearest to the origin, for so many numbers.

    If nothing is random it is as far away as can be.
    """
    z, at_mean = torch.zeros(size, dtype=torch.float64), math.nan
    slopes = torch.zeros_like(z)
    for step in range(STEPS):
        given = z.clone().requires_grad_()
        value = margin(given[None])[0]
        (slopes,) = torch.autograd.grad(value, given)
        at_mean = float(value.detach()) if step == 0 else at_mean
        power = float(slopes @ slopes)
        if power == 0:
            far = torch.zeros_like(z)
            far[-1] = FARTHEST
            return MostLikely(far, slopes.numpy(), at_mean)
        aim = (slopes @ z - value.detach()) / power * slopes
        aim = aim * min(1.0, FARTHEST / max(float(aim.norm()), 1e-300))
        moved = float((aim - z).norm())
        z = aim
        if moved < NEAR:
            break
    return MostLikely(z, slopes.numpy(), at_mean)
