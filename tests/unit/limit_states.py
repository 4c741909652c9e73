"""Margins whose probability to be negative is known, of the kinds that break estimators of it.

Each is a function of standard normal numbers [sample, number]. The true values come from closed
forms or quadrature.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from scipy import integrate, stats


@dataclass(frozen=True)
class LimitState:
    """One margin.

    Attributes:
        name: in words.
        margin: fails where it is negative.
        size: how many numbers it takes.
        exact: probability of failure.
    """

    name: str
    margin: Callable[[torch.Tensor], torch.Tensor]
    size: int
    exact: float


def _beyond(edge: Callable[[float], float]) -> float:
    """P(z0 > edge(z1))."""
    value, error = integrate.quad(
        lambda z: stats.norm.pdf(z) * stats.norm.sf(edge(z)), -14, 14, epsabs=0, epsrel=1e-9,
        limit=1000,
    )  # fmt: skip
    assert error < 1e-6 * value
    return float(value)


def _cubic() -> float:
    value, error = integrate.quad(
        lambda z: stats.norm.pdf(z) * stats.norm.sf(30 - z**3), 0, 12, points=[30 ** (1 / 3)],
        epsabs=0, epsrel=1e-9, limit=1000,
    )  # fmt: skip
    assert error < 1e-6 * value
    return float(value)


def _sum_of(z: torch.Tensor) -> torch.Tensor:
    return z.sum(1) / math.sqrt(z.shape[1])


STATES = (
    LimitState("linear", lambda z: 4 - z[:, 0], 5, stats.norm.sf(4)),
    LimitState("linear, many numbers", lambda z: 6 - _sum_of(z), 200, stats.norm.sf(6)),
    LimitState(
        "curved towards the mean", lambda z: 4 - z[:, 0] - 0.1 * z[:, 1] ** 2, 2,
        _beyond(lambda z: 4 - 0.1 * z * z),
    ),
    LimitState(
        "curved away from it", lambda z: 4 - z[:, 0] + 0.3 * z[:, 1] ** 2, 2,
        _beyond(lambda z: 4 + 0.3 * z * z),
    ),
    LimitState("two opposite regions", lambda z: 4 - z[:, 0].abs(), 3, 2 * stats.norm.sf(4)),
    LimitState(
        "three regions",
        lambda z: torch.stack([4 - z[:, 0], 4.2 + z[:, 0], 4.1 - z[:, 1]]).amin(0), 3,
        1 - (1 - stats.norm.sf(4) - stats.norm.sf(4.2)) * stats.norm.cdf(4.1),
    ),
    LimitState(
        "series of 25", lambda z: (4 - z).amin(1), 25, -math.expm1(25 * stats.norm.logcdf(4))
    ),
    LimitState(
        "five in parallel, of 25", lambda z: (1.5 - z[:, :5]).amax(1), 25, stats.norm.sf(1.5) ** 5
    ),
    LimitState("flat start", lambda z: 16 - z[:, 0] ** 2, 2, 2 * stats.norm.sf(4)),
    LimitState(
        "flat ring", lambda z: 50 - (z[:, :2] ** 2).sum(1) ** 2 / 20, 2,
        math.exp(-math.sqrt(1000) / 2),
    ),
    LimitState("cubic", lambda z: 30 - z[:, 0] ** 3 - z[:, 1], 2, _cubic()),
    LimitState("clipped", lambda z: (4 - z[:, 0]).clamp(max=1), 3, stats.norm.sf(4)),
    LimitState(
        "a jump", lambda z: torch.where(z[:, 0] < 3.5, 4.5 - z[:, 0], -1.0), 3, stats.norm.sf(3.5)
    ),
)  # fmt: skip
"""Linear, curved both ways, several regions, systems, without slope, clipped, discontinuous."""
