"""What `mtjspice signoff` is asked for: confidence, conditions, limits of the verdict."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from mtjspice.spec.base import Celsius, Confidence, Name, Samples, Seed, Share, Some, Spec
from mtjspice.spec.ranges import Within
from mtjspice.spec.resources import Ngspice, Resources

Part = Annotated[float, Within("1", 1e-6, 0.999, "a share of the images; 0.1 % is 0.001 or '0.1%'")]
"""A share, 1e-6 to 0.999."""
Deviations = Annotated[float, Within("1", 0, 100, "a number of standard deviations")]
"""0 to 100."""
Guard = Annotated[float, Within("1", 0.1, 100, "a number of standard deviations", usual=(3, 20))]
"""0.1 to 100."""


class SignOffLimits(Spec):
    """Limits of the verdict, under every condition. A limit that is left out is not checked.

    Accuracies are those in SPICE, drops from the weights as numbers, without any circuit. Means and
    flips are taken at the worse end of what the statement leaves open; for a single die there is no
    such bound, and images that SPICE has not seen count there as the surrogate says.

    Attributes:
        drop_mean: largest mean over the dies of the accuracy that is lost.
        drop_die: largest accuracy that a die may lose; a die that loses more fails.
        accuracy_die: least accuracy of a die; a die with less fails.
        failing_dies: so many dies may fail.
        flips: largest share of images whose class differs between surrogate and SPICE, found and
            not excluded.
        margin: least lead of an image's class over the next, in standard deviations of the lead
            over all images: of the worst image that the surrogate classifies rightly.
        clipped: largest share of an amplifier's reads at a limit.
    """

    drop_mean: Share | None = 0.02
    drop_die: Share | None = 0.05
    accuracy_die: Share | None = None
    failing_dies: Some = 0
    flips: Share | None = 0.005
    margin: Deviations | None = None
    clipped: Share | None = None


class SignOff(Spec):
    """Everything that determines a sign-off, besides weights, dies and images.

    Attributes:
        name: of the sign-off.
        seed: of the random audit.
        confidence: of every bound.
        accuracy_bound: what flips among the images that are not simulated may at most do to the
            mean accuracy over all dies, at that confidence. It sets the size of the audit.
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
        ngspice: limits on its processes; no part of the spec's key.
    """

    name: Name = "sign-off"
    seed: Seed = 0
    confidence: Confidence = 0.99
    accuracy_bound: Part = 0.001
    guard: Guard = 6.0
    corners: Annotated[tuple[str, ...], Field(max_length=100)] = ()
    temperatures: Annotated[tuple[Celsius, ...], Field(max_length=100)] = ()
    vectors: Samples = 2000
    netlists: Some = 1000
    level_netlists: Some = 50
    limits: SignOffLimits = SignOffLimits()
    ngspice: Ngspice = Resources()

    @model_validator(mode="after")
    def _check_conditions(self) -> Self:
        for name in ("corners", "temperatures"):
            given = getattr(self, name)
            if len(set(given)) < len(given):
                raise ValueError(f"{name} must differ from each other: {list(given)}")
        return self
