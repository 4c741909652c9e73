"""What is asked of the simulator."""

from typing import Annotated, Literal, Self

from pydantic import Tag, model_validator

from mtjspice.spec.base import PositiveVoltage, Share, Spec, Time, one_of

MOST_POINTS = 1_000_000
"""Most time steps of one period: each keeps a number for every line."""


class DcRead(Spec):
    """Currents at rest, one input vector after the other in one sweep.

    Example:
        >>> from mtjspice import DcRead
        >>> DcRead().kind
        'dc'
    """

    kind: Literal["dc"] = "dc"


class TransientRead(Spec):
    """Currents in time: each vector is applied at the start of a period and taken away in it.

    Attributes:
        period: time for one vector, s.
        rise: rise and fall time of the drivers, s.
        hold: how long a vector is applied, s; the rest of the period is at the reference.
        step: of the time axis of the result, and largest step of the simulator, s.
        sense_at: when the sense amplifiers are clocked, s after the start of the period.
        settle_to: largest share of its change that an output may be off where it counts as settled;
            if it is given, the result says when each is.
        settle_within: the same in volts at the read-out, such as a converter's step; in the place
            of `settle_to` if given.
        gates: ``on`` keeps selected gate lines on all the time; ``pulsed`` opens them with each
            vector and closes them when it is taken away, as a read of one row after the other does.

    Example:
        >>> from mtjspice import TransientRead
        >>> TransientRead(settle_to=0.01).settles
        True
    """

    kind: Literal["transient"] = "transient"
    period: Time = 10e-9
    rise: Time = 0.1e-9
    hold: Time = 8e-9
    step: Time = 0.05e-9
    sense_at: Time = 6e-9
    settle_to: Share | None = None
    settle_within: PositiveVoltage | None = None
    gates: Literal["on", "pulsed"] = "on"

    @property
    def settles(self) -> bool:
        """Whether it is asked when outputs have settled."""
        return self.settle_to is not None or self.settle_within is not None

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if self.period <= self.step:
            raise ValueError(
                f"period ({self.period:g} s) must be longer than one time step ({self.step:g} s)"
            )
        if self.period > MOST_POINTS * self.step:
            raise ValueError(
                f"period ({self.period:g} s) must be at most {MOST_POINTS} times step "
                f"({self.step:g} s): every step is simulated and kept"
            )
        if self.step > self.rise:
            raise ValueError(f"step ({self.step:g} s) must be at most rise ({self.rise:g} s)")
        if not 2 * self.rise < self.hold < self.period - 2 * self.rise:
            raise ValueError(
                f"hold ({self.hold:g} s) must be above twice rise ({self.rise:g} s) and end at "
                f"least twice rise before the period ({self.period:g} s)"
            )
        if not self.rise < self.sense_at < self.hold - self.rise:
            raise ValueError(
                f"sense_at ({self.sense_at:g} s) must lie between rise ({self.rise:g} s) and the "
                f"same time before the end of hold ({self.hold:g} s)"
            )
        return self


Analysis = Annotated[
    Annotated[DcRead, Tag("dc")] | Annotated[TransientRead, Tag("transient")], one_of("dc")
]
