"""Inputs at which two levels differ most: a search by gradients over a box.

What the expansion leaves out of a tile is nearly a polynomial of degree two or three in the inputs,
and its largest value lies at a corner of the range, or near one. So each start looks at the output
that is worst there, and all inputs jump to the end of their range that the gradient points to: the
method of Frank and Wolfe (Naval Research Logistics Quarterly 3, 95, 1956) with a whole step, which
goes up wherever the function is convex. One jump finds nine tenths of what many find.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

UNIFORM = 8
"""Random starts of a short search, which also give the root mean square."""
SEED = 20
"""Of their inputs, which are the same for all tiles."""


@dataclass(frozen=True)
class Searched:
    """What a search has evaluated.

    Attributes:
        volts: [tile, evaluation, row], V; those of the starts first.
        errors: [tile, evaluation, column], in the same order.
    """

    volts: Tensor
    errors: Tensor

    @property
    def largest(self) -> Tensor:
        """[tile], of the magnitude of an error."""
        return self.errors.abs().amax((1, 2))

    def worst(self, count: int) -> Tensor:
        """[tile, count, row]: the inputs with the largest errors, the worst first."""
        order = self.errors.abs().amax(-1).topk(count, dim=1).indices
        return self.volts.gather(1, order[..., None].expand(-1, -1, self.volts.shape[-1]))


def search(error: Callable[[Tensor], Tensor], starts: Tensor, limit: float, jumps: int) -> Searched:
    """Go up from every start.

    Args:
        error: of inputs [tile, vector, row], [tile, vector, column]; differentiable.
        starts: [tile, vector, row], V.
        limit: the inputs reach from minus to plus this, V.
        jumps: of each start; it costs one evaluation more than these.
    """
    volts, column = starts.detach(), None
    seen, found = [volts], []
    for _ in range(jumps):
        with torch.enable_grad():
            given = volts.clone().requires_grad_()
            errors = error(given)
            if column is None:
                column = errors.detach().abs().argmax(-1, keepdim=True)
            followed = errors.gather(-1, column).abs().sum()
            (slope,) = torch.autograd.grad(followed, given)
        found.append(errors.detach())
        # An input that nothing depends on, such as that of a dead row, stays where it is.
        volts = torch.where(slope == 0, volts, slope.sign() * limit)
        seen.append(volts)
    with torch.no_grad():
        found.append(error(volts))
    return Searched(torch.cat(seen, 1), torch.cat(found, 1))


def short_starts(rows: int, limit: float) -> Tensor:
    """[1, vector, row]: `UNIFORM` random inputs, then all high, all low, alternating, halves."""
    chance = torch.Generator().manual_seed(SEED)
    uniform = 2 * torch.rand(UNIFORM, rows, generator=chance, dtype=torch.float64) - 1
    one, number = torch.ones(rows, dtype=torch.float64), torch.arange(rows)
    half = torch.where(number < max(rows // 2, 1), one, -one)
    alternating = torch.where(number % 2 == 0, one, -one)
    return torch.cat([uniform, torch.stack([one, -one, alternating, half])])[None] * limit
