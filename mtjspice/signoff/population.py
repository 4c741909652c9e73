"""What the images that were shown, and the dies that were given, say of all like them.

Each image is drawn from all images like it; what several dies make of it is one sample, not
several. Under each condition there are five statements (six where the dies are a sample, too): of
images that were not simulated (the audit, `statement`), accuracy, accuracy lost, each die, flips.
The doubt that is allowed is divided among them all, and among the conditions, in equal parts, so
that they hold together at the confidence asked for (Bonferroni).

Images that were not simulated count as the surrogate has them; each interval takes the worst that
the flips which the audit leaves can do. Those are for all dies together, and may all be on one.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, assert_never

import numpy as np

from mtjspice.signoff.findings import (
    Flags,
    Floats,
    GivenAccuracy,
    Ints,
    Judged,
    OtherWeights,
    Reference,
)
from mtjspice.spec.signoff import SignOff
from mtjspice.verdicts.figures import Interval, kept
from mtjspice.verdicts.intervals import (
    Values,
    is_above,
    is_below,
    of_mean,
    of_share,
    values_of,
)

FLIPPING = 20
"""Of so many images that are not safe one is foreseen to flip."""
Sign = Literal["<=", ">="]


@dataclass(frozen=True)
class Doubt:
    """What each statement under one condition may be wrong with.

    Attributes:
        each: the doubt of one of them.
        sample: whether the dies are a sample.
    """

    each: float
    sample: bool

    @property
    def confidence(self) -> float:
        """Of one statement."""
        return 1 - self.each


def doubt_of(spec: SignOff, conditions: int) -> Doubt:
    """The doubt of each statement, where all under so many conditions are to hold together."""
    sample = spec.dies == "sample"
    return Doubt((1 - spec.confidence) / (conditions * (6 if sample else 5)), sample)


@dataclass(frozen=True)
class Seen:
    """What became of each image on each die.

    Attributes:
        right: bool [die, image], in SPICE where simulated, else by the surrogate.
        compared: float64 [die, image], what it is compared with: 1 where that is right, 0 where it
            is wrong; a given accuracy everywhere.
        flipped: bool [die, image], SPICE and surrogate differ.
        changed: bool [die, image], SPICE and the weights as numbers do.
        simulated: bool [die, image].
        left: so many flips at most are among those that were not simulated.
        given: the accuracy that is compared with, if it is a number.
    """

    right: Flags
    compared: Floats
    flipped: Flags
    changed: Flags
    simulated: Flags
    left: float
    given: float | None = None

    @property
    def dies(self) -> int:
        """How many."""
        return len(self.right)

    @property
    def images(self) -> int:
        """How many on each die."""
        return int(self.right.shape[1])

    @property
    def lost_span(self) -> tuple[float, float]:
        """Least and largest accuracy that an image can lose."""
        return (-1.0, 1.0) if self.given is None else (self.given - 1, self.given)

    @cached_property
    def accuracy(self) -> "Quantity":
        """Share of dies that have an image right."""
        return _quantity(self.right.astype(np.float64), *self._open, (0.0, 1.0))

    @cached_property
    def lost(self) -> "Quantity":
        """Right in what is compared with, less right in the circuit, mean over the dies."""
        up, down = self._open
        return _quantity(self.compared - self.right, down, up, self.lost_span)

    @cached_property
    def flips(self) -> "Quantity":
        """Share of dies on which an image's class differs between surrogate and SPICE."""
        nothing = np.zeros_like(self.simulated)
        return _quantity(self.flipped.astype(np.float64), ~self.simulated, nothing, (0.0, 1.0))

    @cached_property
    def _open(self) -> tuple[Flags, Flags]:
        """(what may be right and was taken as wrong, the other way round), bool [die, image]."""
        return ~self.simulated & ~self.right, ~self.simulated & self.right

    @cached_property
    def lost_on_dies(self) -> list[Values]:
        """The accuracy that is lost, of each die."""
        up, down = self._open
        return [
            _grouped(self.compared[d] - self.right[d], down[d], up[d], self.lost_span)
            for d in range(self.dies)
        ]


@dataclass(frozen=True)
class Quantity:
    """A number between the same ends for each image and die.

    Attributes:
        values: of each image, mean over the dies.
        of_dies: of each die, mean over the images.
        counted: whether it is a share of the images on one die.
    """

    values: Values
    of_dies: Values
    counted: bool

    @property
    def mean(self) -> float:
        """Over images and dies, as they were seen."""
        return self.values.mean

    def within(
        self, doubt: Doubt, left: float = 0.0, images: float = 1.0, dies: float = 1.0
    ) -> Interval:
        """Where its mean over all images lies, and over all dies if those are a sample.

        Two steps, with half of the doubt each where the dies are a sample: from the images to all
        images on the given dies, and from the dies to all dies on the given images. Their widths
        add up.

        Args:
            doubt: of the statement.
            left: so many flips may be among what was not simulated.
            images: so many times as many images, with the same rates.
            dies: the same of dies.
        """
        confidence = 1 - doubt.each / (2 if doubt.sample else 1)
        values = self.values.times(images)
        if self.counted:
            fewer, more = (float(side @ values.count) for side in (values.down, values.up))
            found = of_share(
                float(values.value @ values.count), values.total, confidence,
                min(left, fewer), min(left, more),
            )  # fmt: skip
        else:
            found = of_mean(values, confidence, left / self.of_dies.total)
        low, high = found.low, found.high
        if doubt.sample:
            of_dies = of_mean(self.of_dies.times(dies), confidence)
            low += of_dies.low - self.of_dies.mean
            high += of_dies.high - self.of_dies.mean
        least, most = self.values.span
        return Interval(max(low, least), min(high, most), doubt.confidence)

    def keeps(
        self, limit: float, sign: Sign, doubt: Doubt, left: float = 0.0, images: float = 1.0,
        dies: float = 1.0,
    ) -> bool | None:  # fmt: skip
        """Whether the interval of `within` keeps a limit; None if a part of it does."""
        if self.counted or doubt.sample:
            found = self.within(doubt, left, images, dies)
            return kept(found.low, found.high, limit, sign)
        values, open_sum = self.values.times(images), left / self.of_dies.total
        sides = (is_below, is_above) if sign == "<=" else (is_above, is_below)
        right, wrong = (side(values, limit, doubt.confidence, open_sum) for side in sides)
        return right or (False if wrong else None)


def seen_of(judged: Judged, labels: Ints, reference: Reference | None) -> Seen:
    """What became of each image under a condition."""
    right = np.stack([die.final == labels for die in judged.dies])
    software = np.stack([die.software for die in judged.dies])
    compared, given = _compared(software, labels, reference)
    return Seen(
        right=right,
        compared=compared,
        flipped=np.stack([die.flipped for die in judged.dies]),
        changed=np.stack([die.final != die.software for die in judged.dies]),
        simulated=np.stack([die.simulated for die in judged.dies]),
        left=judged.statement.left,
        given=given,
    )


def of_surrogate(
    surrogate: Ints, software: Ints, labels: Ints, reference: Reference | None, unsafe: Flags
) -> Seen:
    """What is foreseen of each image: SPICE says what the surrogate says, but for some flips.

    Of the images that are not safe, which are simulated, one in `FLIPPING` is taken to flip, on all
    dies on which it is not safe: as of 10,920 on 36 dies (docs/signoff.md).

    Args:
        surrogate: int64 [die, image], class.
        software: the same, of the weights as numbers.
        labels: int64 [image].
        reference: what drops are counted from.
        unsafe: bool [die, image].
    """
    compared, given = _compared(software, labels, reference)
    some = np.flatnonzero(unsafe.any(axis=0))[::FLIPPING]
    flipped = np.zeros(surrogate.shape, dtype=np.bool_)
    flipped[:, some] = unsafe[:, some]
    return Seen(
        right=surrogate == labels,
        compared=compared,
        flipped=flipped,
        changed=surrogate != software,
        simulated=unsafe,
        left=0.0,
        given=given,
    )


def _compared(
    software: Ints, labels: Ints, reference: Reference | None
) -> tuple[Floats, float | None]:
    """(what is compared with, the accuracy if it was given as a number)."""
    match reference:
        case None:
            return (software == labels).astype(np.float64), None
        case GivenAccuracy(share):
            return np.full(software.shape, share), share
        case OtherWeights(_, classes):
            right = (classes == labels).astype(np.float64)
            return np.broadcast_to(right, software.shape), None
        case _:
            assert_never(reference)


def _quantity(value: Floats, up: Flags, down: Flags, span: tuple[float, float]) -> Quantity:
    """Of values [die, image] that may be larger or smaller by one."""
    return Quantity(
        values_of(value.mean(axis=0), span, up.mean(axis=0), down.mean(axis=0)),
        values_of(value.mean(axis=1), span),
        counted=len(value) == 1 and span == (0.0, 1.0),
    )


def _grouped(value: Floats, up: Flags, down: Flags, span: tuple[float, float]) -> Values:
    return values_of(value, span, up.astype(np.float64), down.astype(np.float64))
