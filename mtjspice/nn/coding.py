"""How numbers become pairs of junctions: levels, digits, and the step between two levels."""

from dataclasses import dataclass
from typing import Literal, assert_never, get_args

import torch
from torch import Tensor

from mtjspice.errors import InputError

Kind = Literal["binary", "unary", "sliced"]
MOST_PAIRS = {"binary": 64, "unary": 64, "sliced": 8}
"""More of them say nothing more: converters have 12 bits."""
STARTS, ROUNDS = 32, 30
"""Steps that a search begins at; how often it may refine each."""


@dataclass(frozen=True)
class Coding:
    """How a weight is written into pairs of junctions.

    A pair of junctions holds a digit, −1, 0 or 1 (two of them where it is binary). Several pairs
    hold more: their digits are added up, each with a factor that the digital part applies. What a
    weight is worth in units of its output's step is its level:

    - ``binary``: pairs of −1 and 1 that add, so that levels are two steps apart.
    - ``unary``: pairs of −1, 0 and 1 that add. One pair is a ternary weight.
    - ``sliced``: pairs of −1, 0 and 1 that count 1, 2, 4, ...: fewer of them for as many levels,
      and a defect in the highest does more harm than one in any other.

    Args:
        kind: one of these.
        pairs: of a weight.

    Raises:
        InputError: if there is no such kind, or not so many pairs.

    Example:
        >>> from mtjspice.nn import Coding
        >>> Coding("unary", 2).levels, Coding("sliced", 2).levels
        ((-2, -1, 0, 1, 2), (-3, -2, -1, 0, 1, 2, 3))
    """

    kind: Kind
    pairs: int = 1

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            allowed = f"there are {', '.join(get_args(Kind))}"
            raise InputError(source="coding", key="kind", value=self.kind, allowed=allowed)
        if type(self.pairs) is not int or not 1 <= self.pairs <= MOST_PAIRS[self.kind]:
            allowed = f"{self.kind} weights have 1 to {MOST_PAIRS[self.kind]} pairs"
            raise InputError(source="coding", key="pairs", value=self.pairs, allowed=allowed)

    @property
    def factors(self) -> tuple[int, ...]:
        """Of each pair's digit."""
        return tuple(2**j if self.kind == "sliced" else 1 for j in range(self.pairs))

    @property
    def top(self) -> int:
        """The highest level."""
        return sum(self.factors)

    @property
    def apart(self) -> int:
        """Distance of neighbouring levels."""
        return 2 if self.kind == "binary" else 1

    @property
    def levels(self) -> tuple[int, ...]:
        """All of them, rising."""
        return tuple(range(-self.top, self.top + 1, self.apart))

    def nearest(self, weights: Tensor) -> Tensor:
        """The nearest level to each weight, in units of a step, as a float."""
        shifted = (weights.clamp(-self.top, self.top) + self.top) / self.apart
        return torch.floor(shifted + 0.5) * self.apart - self.top

    def digits(self, levels: Tensor) -> Tensor:
        """What each pair holds, [pair, ...], of levels [...]; with their factors they add up."""
        numbers = torch.arange(self.pairs, device=levels.device)
        numbers = numbers.view(-1, *[1] * levels.dim())
        match self.kind:
            case "binary":
                return torch.where(numbers < (levels + self.top) / 2, 1.0, -1.0).to(levels.dtype)
            case "unary":
                return levels.sign() * (levels.abs() > numbers)
            case "sliced":
                bits = levels.abs().to(torch.int64).bitwise_right_shift(numbers).bitwise_and(1)
                return levels.sign() * bits
            case _:
                assert_never(self.kind)


def coding_of(weights: Coding | str) -> Coding:
    """A coding, or that of a name: ``binary`` or ``ternary``, each of one pair.

    Raises:
        InputError: if there is no such name.
    """
    if isinstance(weights, Coding):
        return weights
    known = {"binary": Coding("binary"), "ternary": Coding("unary")}
    if weights not in known:
        allowed = f"there are {', '.join(known)}, or a Coding of several pairs"
        raise InputError(source="convert", key="weights", value=weights, allowed=allowed)
    return known[weights]


def best_steps(weights: Tensor, coding: Coding) -> Tensor:
    """Steps that leave the least mean squared error between weights and their nearest levels.

    For a given step the best levels are the nearest; for given levels the best step is a least
    squares fit; both in turn end in a local minimum (S. P. Lloyd, IEEE Trans. Inf. Theory 28, 129,
    1982, with levels equally far apart). The best of many starts is taken.

    Args:
        weights: [output, weight].
        coding: of the levels.

    Returns:
        [output], above zero; 1 where all weights are zero and there is a level zero.
    """
    found = weights.detach().double()
    peak = found.abs().amax(1)
    alive = peak > 0
    smallest = torch.where(alive, peak * 1e-9, torch.ones_like(peak))
    best, least = torch.ones_like(peak), torch.full_like(peak, torch.inf)
    for share in torch.linspace(0.05, 1.2, STARTS, dtype=torch.float64):
        step = torch.where(alive, peak * share / coding.top * min(coding.top, 2), best)
        for _ in range(ROUNDS):
            levels = coding.nearest(found / step[:, None])
            square = levels.square().sum(1)
            fitted = (found * levels).sum(1) / square.clamp(min=1)
            fitted = torch.where(square > 0, fitted.clamp(min=smallest), step)
            if torch.equal(fitted, step):
                break
            step = fitted
        levels = coding.nearest(found / step[:, None])
        error = (found - step[:, None] * levels).square().sum(1)
        better = error < least
        best, least = torch.where(better, step, best), torch.where(better, error, least)
    return torch.where(alive, best, torch.ones_like(best)).to(weights.dtype)
