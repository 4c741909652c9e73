"""How a rare failure is approached in steps, each of which is no rare event: subset simulation.

A read fails where its margin M(z) is negative; z are standard normal numbers. Failures are the last
of a falling series of levels, M ≤ b₁, M ≤ b₂, …, M < 0, of which each holds a fifth of the samples
of the one before (S.-K. Au, J. L. Beck, Probabilistic Engineering Mechanics 16, 263 (2001)).
Samples beyond a level come from Markov chains that start at those found beyond it, by
z → ρ z + √(1−ρ²) ξ, which keeps the normal distribution and works for any number of dimensions
(I. Papaioannou et al., Probabilistic Engineering Mechanics 41, 89 (2015)).

It needs no gradients, finds several regions of failure, and knows nothing of the most likely
failure: `mtjspice.layout.rare` takes its failing samples as the places to look at, and its
probability as a second opinion.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mtjspice.errors import SimulationError

Margin = Callable[[Tensor], Tensor]
"""Margins [sample] of standard normal numbers [sample, number]; differentiable."""
FARTHEST = 37.0
"""Beyond so many standard deviations probabilities are below the smallest float."""
AT_A_TIME = 250
SHARE = 0.2
"""Of the samples that lies beyond the next level."""
FLAT = 0.5
"""If more than that lies beyond it, the margin has a plateau there: what is below it counts."""
ACCEPTED = 0.44
"""Share of steps of a chain that shall be accepted."""
FEWEST = 5
"""Samples beyond a level below which there is no way on."""
RELAXED, STEPS = 100, 12
"""Samples that are moved towards where failures are, and how many steps they take."""
LEAST = 1e-12
"""Probability below which the way to failure is not followed any more."""


@dataclass(frozen=True)
class Explored:
    """What a run found.

    Attributes:
        probability: of failure; 0 if no failure was found.
        error: relative standard error of it, or of `reached`; of the logarithm.
        reached: where no failure was found, the probability of the last level that was reached.
            Of its samples none failed, and at `LEAST` there was no need to go on.
        failing: float64 [sample, number], samples that fail; correlated.
        margins: evaluated.
        seen: independent samples of the last level, at least: those from which its chains start.
    """

    probability: float
    error: float
    reached: float
    failing: Tensor
    margins: int
    seen: int


def explore(margin: Margin, size: int, count: int, chance: np.random.Generator) -> Explored:
    """Approach failure from the normal distribution, with `count` samples a level."""
    z = torch.from_numpy(chance.standard_normal((count, size)))
    value = evaluated(margin, z)
    chains = torch.arange(count)
    reached, variance, evaluated_so_far, seen, spread = 1.0, 0.0, count, count, 1.0
    while reached > LEAST:
        level = _next_level(value)
        inside = value < 0 if level <= 0 else _beyond(value, level, z)
        share = float(inside.double().mean())
        if inside.sum() < (1 if level <= 0 else FEWEST) or (level > 0 and share == 1):
            return Explored(0.0, math.sqrt(variance), reached, z[:0], evaluated_so_far, seen)
        reached *= share
        variance += _variance(inside, chains)
        if level <= 0:
            error = math.sqrt(variance)
            return Explored(reached, error, reached, z[inside], evaluated_so_far, seen)
        seeds, values = z[inside], value[inside]
        limit = float(values.max())
        z, value, chains, spread = _chains(margin, seeds, values, limit, count, spread, chance)
        evaluated_so_far, seen = evaluated_so_far + len(z) - len(seeds), len(seeds)
    if bool((value < 0).any()):  # the last level is also the last that is looked at
        share = float((value < 0).double().mean())
        variance += _variance(value < 0, chains)
        failing = z[value < 0]
        error = math.sqrt(variance)
        return Explored(reached * share, error, reached, failing, evaluated_so_far, seen)
    return Explored(0.0, math.sqrt(variance), reached, z[:0], evaluated_so_far, seen)


def relaxed(margin: Margin, failing: Tensor, chance: np.random.Generator) -> Tensor:
    """Failing samples from elsewhere, moved towards how failures of their region are distributed.

    Draws from a wide distribution are far out in all directions, also in those in which nothing
    fails. Some steps of a chain that stays among failures bring them back. Of many samples some are
    taken, evenly.
    """
    count = min(len(failing), RELAXED)
    if not count:
        return failing
    seeds = failing[np.linspace(0, len(failing) - 1, count).astype(int)]
    values = evaluated(margin, seeds)
    z = _chains(margin, seeds, values, 0.0, count * STEPS, 1.0, chance)[0]
    return z[-count:]


def evaluated(margin: Margin, z: Tensor) -> Tensor:
    """Margins of many samples, some at a time.

    Raises:
        SimulationError: if one is no number, which is neither a failure nor none.
    """
    with torch.no_grad():
        found = torch.cat([margin(some) for some in torch.split(z, AT_A_TIME)])
    if bool(found.isnan().any()):
        raise SimulationError(f"{int(found.isnan().sum())} of {len(z)} margins are no numbers")
    return found


def with_slopes(margin: Margin, z: Tensor) -> tuple[Tensor, Tensor]:
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


def _next_level(value: Tensor) -> float:
    """The margin that a fifth of the samples has or is below."""
    return float(value.kthvalue(max(1, int(SHARE * len(value))))[0])


def _beyond(value: Tensor, level: float, z: Tensor) -> Tensor:
    """Which samples are beyond a level; of a plateau only those that are below it.

    A chain that stays where it is repeats its sample and its margin, which is no plateau.
    """
    inside, at_level = value <= level, z[value == level]
    flat = len(at_level) > 1 and bool((at_level != at_level[0]).any())
    return value < level if flat and float(inside.double().mean()) > FLAT else inside


def _chains(
    margin: Margin,
    seeds: Tensor,
    values: Tensor,
    limit: float,
    count: int,
    spread: float,
    chance: np.random.Generator,
) -> tuple[Tensor, Tensor, Tensor, float]:
    """Samples beyond a level, their margins, the chain that each is of, and how far it steps now.

    The first step is as long as the last of the level before: chains are short, and one that has to
    find its length anew repeats its seed instead.
    """
    z, value = seeds, values
    found, found_values = [z], [value]
    size = seeds.shape[1]
    for step in range(math.ceil(count / len(seeds)) - 1):
        across = min(spread, 1.0)
        drawn = torch.from_numpy(chance.standard_normal((len(seeds), size)))
        tried = math.sqrt(1 - across**2) * z + across * drawn
        theirs = evaluated(margin, tried)
        taken = theirs <= limit
        z = torch.where(taken[:, None], tried, z)
        value = torch.where(taken, theirs, value)
        found.append(z)
        found_values.append(value)
        # The step is fitted to the acceptance, less and less from step to step (ibid., section 4).
        share = float(taken.double().mean())
        spread = math.exp(math.log(spread) + (share - ACCEPTED) / math.sqrt(step + 1))
    chains = torch.arange(len(seeds)).repeat(len(found))
    return torch.cat(found), torch.cat(found_values), chains, spread


def _variance(inside: Tensor, chains: Tensor) -> float:
    """Relative variance of the share of samples beyond a level, from how much chains differ."""
    of_chains = torch.zeros(int(chains.max()) + 1, dtype=torch.float64)
    sizes = torch.bincount(chains).double()
    of_chains.index_add_(0, chains, inside.double())
    shares = of_chains / sizes
    share = float(inside.double().mean())
    if len(shares) < 2:
        return 1.0
    return float(shares.var()) / len(shares) / share**2
