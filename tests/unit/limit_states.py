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


def _integral(of: Callable[[float], float], low: float, high: float) -> float:
    value, error = integrate.quad(of, low, high, epsabs=0, epsrel=1e-9, limit=1000)
    assert error < 1e-6 * value
    return float(value)


def _product(limit: float, mean: float) -> float:
    """P((m + z0)(m + z1) > c): both above, or both below."""

    def above(x: float) -> float:
        return stats.norm.pdf(x - mean) * stats.norm.sf(limit / x - mean)

    def below(x: float) -> float:
        return stats.norm.pdf(x - mean) * stats.norm.cdf(limit / x - mean)

    return _integral(above, 1e-9, 14 + mean) + _integral(below, -14 + mean, -1e-9)


def _ridge(slope: float) -> float:
    """P(3 − z0 + k |z1 − z0/2| < 0)."""

    def along(x: float) -> float:
        half = (x - 3) / slope
        return stats.norm.pdf(x) * (stats.norm.cdf(x / 2 + half) - stats.norm.cdf(x / 2 - half))

    return _integral(along, 3, 12)


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
    LimitState(
        "three in parallel, of 10", lambda z: (2.4 - z[:, :3]).amax(1), 10, stats.norm.sf(2.4) ** 3
    ),
    LimitState(
        "four in parallel, of 8", lambda z: (2 - z[:, :4]).amax(1), 8, stats.norm.sf(2.0) ** 4
    ),
    LimitState(
        "flat beside a slope, of 50",
        lambda z: torch.minimum(4 - z[:, 0], torch.where(z[:, 1] > 3.3, -1.0, 9.0)), 50,
        stats.norm.sf(3.3) + stats.norm.cdf(3.3) * stats.norm.sf(4),
    ),
    LimitState(
        "flat behind a plateau, of 60",
        lambda z: torch.where(z[:, 1] > 3.2, -1.0, (4 - z[:, 0]).clamp(max=0.5)), 60,
        stats.norm.sf(3.2) + stats.norm.cdf(3.2) * stats.norm.sf(4),
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
    LimitState("two branches", lambda z: 12 - z[:, 0] * z[:, 1], 5, _product(12.0, 0.0)),
    LimitState(
        "two unlike branches", lambda z: 20 - (1 + z[:, 0]) * (1 + z[:, 1]), 5, _product(20.0, 1.0)
    ),
    LimitState(
        "two branches that part",
        lambda z: 4 - (z[:, 0] ** 2 - 2 * z[:, 1] ** 2).clamp(min=0).sqrt(), 5,
        2 * _beyond(lambda z: math.sqrt(16 + 2 * z * z)),
    ),
    LimitState(
        "outside a circle", lambda z: 4.2 - z[:, :2].norm(dim=1), 6, math.exp(-(4.2**2) / 2)
    ),
)  # fmt: skip
"""Linear, curved both ways, several regions, systems, without slope, clipped, discontinuous."""
HARD = (
    LimitState(
        "a narrow ridge askew", lambda z: 3 - z[:, 0] + 20 * (z[:, 1] - z[:, 0] / 2).abs(), 30,
        _ridge(20.0),
    ),
    LimitState(
        "a ridge askew", lambda z: 3 - z[:, 0] + 10 * (z[:, 1] - z[:, 0] / 2).abs(), 6, _ridge(10.0)
    ),
    LimitState(
        "25 in parallel", lambda z: (-0.3 - z[:, :25]).amax(1), 40, stats.norm.sf(-0.3) ** 25
    ),
    LimitState(
        "two flat beside a slope, of 50",
        lambda z: torch.minimum(
            4 - z[:, 0], torch.where((z[:, 1] > 3.6) | (z[:, 2] < -3.6), -1.0, 9.0)
        ),
        50,
        1 - stats.norm.cdf(3.6) ** 2 * stats.norm.cdf(4),
    ),
    LimitState(
        "hidden behind a jump",
        lambda z: torch.minimum(
            4.5 - z[:, 0], torch.where((z[:, 1] > 2.5) & (z[:, 2] > 2), -1.0, 9.0).to(z.dtype)
        ),
        10,
        stats.norm.sf(4.5) + stats.norm.cdf(4.5) * stats.norm.sf(2.5) * stats.norm.sf(2),
    ),
)  # fmt: skip
"""Those of which so few samples tell next to nothing: an estimate has to know that."""
