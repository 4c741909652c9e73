"""What a guided read is asked for, what it is about to simulate, and what it gives."""

from collections.abc import Callable
from dataclasses import dataclass

from mtjspice.signoff.dies import FoundFlip
from mtjspice.signoff.findings import DieRead, Flags, Ints, Statement

Allowed = Callable[[Ints, Ints, Flags], int]
"""How many flips the audit may leave open, from the classes by the surrogate and by the weights as
numbers, int64 [die, image], and which are not safe."""


@dataclass(frozen=True)
class Audit:
    """What the audit is to find out.

    Attributes:
        allowed: how many flips it may leave open.
        confidence: of that.
    """

    allowed: Allowed
    confidence: float


@dataclass(frozen=True)
class Chosen:
    """What is about to be simulated, in the first round.

    Attributes:
        images: on all dies.
        unsafe: of those, because they are not safe.
        audited: of those, drawn at random from the safe ones.
        vectors: input vectors of tiles that this makes.
        simulations: in which tiles read these, each loaded once.
    """

    images: int
    unsafe: int
    audited: int
    vectors: int
    simulations: int


@dataclass(frozen=True)
class Read:
    """All specimens under one condition.

    Attributes:
        dies: what was found on each.
        statement: about what was not simulated.
        found: flips of each specimen, and whether the bound allows each.
        vectors: input vectors of tiles that were simulated.
        seconds: that SPICE took, summed over workers; also in runs before.
    """

    dies: tuple[DieRead, ...]
    statement: Statement
    found: tuple[tuple[tuple[FoundFlip, bool], ...], ...]
    vectors: int
    seconds: float
