"""The most likely failure: the point of M = 0 that is nearest to the origin, by its gradient."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from mtjspice.layout.findings import Floats
from mtjspice.layout.subset import FARTHEST, Margin, evaluated, with_slopes

STEPS = 50
"""Most steps towards the most likely failure."""
NEAR = 1e-4
"""A step that is shorter than this has arrived."""
HALVINGS = 12
"""How often a step that leads nowhere is made shorter."""


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


def one_step(margin: Margin, z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Where one step along the gradient leads from each sample, to first order to the surface.

    Args:
        margin: of standard normal numbers.
        z: float64 [sample, number].

    Returns:
        The places [sample, number], the gradients of length one, and which samples have one; where
        there is none both are zero.
    """
    value, slopes = with_slopes(margin, z)
    power = (slopes**2).sum(1)
    some = power.clamp(min=torch.finfo(torch.float64).tiny)
    ahead = ((slopes * z).sum(1) - value) / some
    return ahead[:, None] * slopes, slopes / some.sqrt()[:, None], power > 0


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
