"""What `mtjspice signoff` is asked for: confidence, conditions, limits of the verdict."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from mtjspice.spec.base import Celsius, Confidence, Name, Samples, Seed, Share, Some, Spec
from mtjspice.spec.ranges import Within
from mtjspice.spec.resources import Resources, SimulatorLimits

Part = Annotated[float, Within("1", 1e-6, 0.999, "a share of the images; 0.1 % is 0.001 or '0.1%'")]
"""A share, 1e-6 to 0.999."""
Deviations = Annotated[float, Within("1", 0, 100, "a number of standard deviations")]
"""0 to 100."""
Guard = Annotated[float, Within("1", 0.1, 100, "a number of standard deviations", usual=(3, 20))]
"""0.1 to 100."""


class SignOffLimits(Spec):
    """Limits of the verdict, under every condition. A limit that is left out is not checked.

    Accuracies are those in SPICE. Accuracies, drops, flips and dies that fail are held against a
    limit with the interval in which they lie for all images like those given, not for these alone;
    what images that were not simulated may do is in it. A limit that an interval has on both sides
    is not decided. Without any limit on these that something can break, nothing can pass: a least
    of 0, a most of 100 % and as many dies that may fail as there are ask for nothing.

    Attributes:
        above_chance: least part of the way from chance to 100 % that the mean accuracy goes. Chance
            is what always saying the most frequent class gives. 0 asks for nothing.
        accuracy: least mean accuracy over the dies.
        drop_mean: largest mean over the dies of the accuracy that is lost, from the weights as
            numbers or from the reference that was given.
        drop_die: largest accuracy that a die may lose; a die that loses more fails.
        accuracy_die: least accuracy of a die; a die with less fails.
        failing_dies: so many of the dies may fail.
        failing_share: largest share of dies that may fail, of all that those given are a sample of;
            needs ``dies = "sample"``.
        flips: largest share of images whose class differs between surrogate and SPICE.
        margin: least lead of an image's class over the next, in standard deviations of the lead
            over all images: of the worst image, among those given, that the surrogate classifies
            rightly. These say how leads differ, those of `SignOff.guard` what errors do to one.
        clipped: largest share of an amplifier's reads at a limit, for the images given.
    """

    above_chance: Share | None = 0.5
    accuracy: Share | None = None
    drop_mean: Share | None = 0.02
    drop_die: Share | None = 0.05
    accuracy_die: Share | None = None
    failing_dies: Some | None = 0
    failing_share: Share | None = None
    flips: Share | None = 0.005
    margin: Deviations | None = None
    clipped: Share | None = None

    @property
    def on_dies(self) -> bool:
        """Whether a die can fail."""
        return bool(self.accuracy_die) or _under(self.drop_die, 1.0)

    def on_classes(self, dies: int, most_lost: float = 1.0) -> bool:
        """Whether any limit that something can break is about what becomes of the images.

        Args:
            dies: that are judged.
            most_lost: largest accuracy that can be lost: below 1 from a given accuracy.
        """
        counted = _under(self.failing_dies, dies) or _under(self.failing_share, 1.0)
        a_die_can_fail = bool(self.accuracy_die) or _under(self.drop_die, most_lost)
        return (
            bool(self.above_chance or self.accuracy)
            or _under(self.drop_mean, most_lost)
            or _under(self.flips, 1.0)
            or (a_die_can_fail and counted)
        )


def _under(limit: float | None, most: float) -> bool:
    """Whether there is a limit, and one that what is at most so much can break."""
    return limit is not None and limit < most


class SignOff(Spec):
    """Everything that determines a sign-off, besides weights, dies and images.

    Attributes:
        name: of the sign-off.
        seed: of the random audit.
        confidence: that all intervals of the report hold together, under all conditions.
        dies: ``given``: verdicts are about the dies that were given; ``sample``: about all dies
            that these are a random sample of.
        accuracy_bound: what flips among the images that are not simulated may at most do to the
            mean accuracy over all dies; if left out, no more than half of what is open anyhow
            because the images are a sample, and no more than the limits leave. It sets the size of
            the audit.
        guard: a class is safe if its lead over every other exceeds so many standard deviations of
            what the card's errors make of it.
        corners: process corners; that of the card if left out.
        temperatures: °C; that of the card if left out. For every condition but the card's own a
            card is calibrated first.
        vectors: largest number of input vectors of one simulation.
        netlists: so many flips at most get a netlist each: of classes and signs, and of levels
            beyond their bound.
        level_netlists: the same, of other levels.
        limits: of the verdict.
        simulator: limits on its processes; no part of the spec's key.

    Example:
        >>> from mtjspice import SignOff
        >>> SignOff(confidence=0.95).limits.drop_die
        0.05
    """

    name: Name = "sign-off"
    seed: Seed = 0
    confidence: Confidence = 0.99
    dies: Literal["given", "sample"] = "given"
    accuracy_bound: Part | None = None
    guard: Guard = 6.0
    corners: Annotated[tuple[str, ...], Field(max_length=100)] = ()
    temperatures: Annotated[tuple[Celsius, ...], Field(max_length=100)] = ()
    vectors: Samples = 2000
    netlists: Some = 1000
    level_netlists: Some = 50
    limits: SignOffLimits = SignOffLimits()
    simulator: SimulatorLimits = Resources()

    @model_validator(mode="after")
    def _check_conditions(self) -> Self:
        for name in ("corners", "temperatures"):
            given = getattr(self, name)
            if len(set(given)) < len(given):
                raise ValueError(f"{name} must differ from each other: {list(given)}")
        if self.limits.failing_share is not None and self.dies != "sample":
            raise ValueError(
                "limits.failing_share is about all dies that those given are a sample of: it needs "
                "dies = 'sample'"
            )
        return self
