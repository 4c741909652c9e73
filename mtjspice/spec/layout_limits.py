"""What makes the verdict of a layout a pass."""

from typing import Annotated, Any, Self

from pydantic import PlainSerializer, model_validator

from mtjspice.spec.base import (
    Share,
    Spec,
)
from mtjspice.spec.ranges import Within


def _written(unit: str) -> PlainSerializer:
    """Write a quantity so that it is read again."""
    return PlainSerializer(lambda value: f"{value!r} {unit}", return_type=str)


Sigmas = Annotated[float, Within("1", 1e-3, 1000, "a number of standard deviations")]
"""0.001 to 1000."""
VoltageLimit = Annotated[
    float,
    Within("V", 1e-9, 20, "integrated circuits work within 20 V", named=True),
    _written("V"),
]
"""V, written with the unit."""
TimeLimit = Annotated[
    float,
    Within("s", 1e-15, 1, "reads take picoseconds to milliseconds", named=True),
    _written("s"),
]
"""s, written with the unit."""
EnergyLimit = Annotated[
    float,
    Within("J", 1e-21, 1, "a read takes femtojoules to microjoules", named=True),
    _written("J"),
]
"""J, written with the unit."""
EfficiencyLimit = Annotated[
    float,
    Within("op/J", 1e-3, 1e24, "arrays make 1e9 to 1e18 operations of a joule", named=True),
    _written("op/J"),
]
"""Operations per joule, written with the unit."""


CHANCES = (
    "line_failure",
    "read_disturb",
    "read_disturb_mean",
    "life_disturb",
    "life_disturb_mean",
    "write_error",
    "write_error_mean",
    "half_select",
    "half_select_mean",
)
"""Limits on probabilities, which are 1 at most."""


class LayoutLimits(Spec):
    """What makes the verdict a pass, each under every condition. What is left out is not judged.

    Attributes:
        ir_drop: largest share of the read voltage that is missing over a cell, ≤.
        current_error: largest error of an output current, of full scale, ≤.
        tuned_error: the same after the best common gain, ≤.
        nonlinearity: largest deviation of an output from proportionality, of full scale, ≤.
        sneak: largest share of the current into a line that its selected cell did not carry, ≤.
        margin: smallest distance between a line's voltage and the threshold, V, ≥.
        margin_sigmas: the same in standard deviations of the offset, ≥.
        array_yield: share of good arrays, lower end of the interval, ≥.
        line_failure: probability that the worst line reads its worst pattern wrongly, ≤.
        settling: time until all outputs have settled, s, ≤.
        decision_time: of the latch, s, ≤.
        read_period: settling, decision and return to rest, s, ≤.
        energy: of one read of all lines, J, ≤.
        operations_per_joule: two for each cell that is read, op/J, ≥.
        read_disturb: probability that a read switches the worst cell, ≤: the median of the largest
            of as many cells as the array has; so for all that follow.
        read_disturb_mean: the same, mean over cells that differ: an expected error rate, ≤; so for
            all that end like this.
        life_disturb: that all reads of its life switch it, ≤.
        life_disturb_mean: of all cells, ≤.
        write_voltage: smallest voltage over a junction that is written, V, ≥.
        write_error: largest probability that it stays as it was, ≤.
        write_error_mean: of all cells at the place that wires hit hardest, ≤.
        half_select: probability that a write switches another cell of a passive array, over all
            writes of its life, ≤.
        half_select_mean: of all cells, ≤.
    """

    ir_drop: Share | None = None
    current_error: Share | None = None
    tuned_error: Share | None = None
    nonlinearity: Share | None = None
    sneak: Share | None = None
    margin: VoltageLimit | None = None
    margin_sigmas: Sigmas | None = None
    array_yield: Share | None = None
    line_failure: Share | None = None
    settling: TimeLimit | None = None
    decision_time: TimeLimit | None = None
    read_period: TimeLimit | None = None
    energy: EnergyLimit | None = None
    operations_per_joule: EfficiencyLimit | None = None
    read_disturb: Share | None = None
    read_disturb_mean: Share | None = None
    life_disturb: Share | None = None
    life_disturb_mean: Share | None = None
    write_voltage: VoltageLimit | None = None
    write_error: Share | None = None
    write_error_mean: Share | None = None
    half_select: Share | None = None
    half_select_mean: Share | None = None

    @model_validator(mode="after")
    def _check_limits(self) -> Self:
        if self.array_yield == 0:
            raise ValueError("array_yield = 0 holds for every array: leave it out")
        for name in CHANCES:
            if getattr(self, name) == 1:
                raise ValueError(f"{name} = 1 holds whatever the chance is: leave it out")
        return self

    def replace(self, **changes: Any) -> Self:
        """A validated copy with some limits changed; they are written with their units."""
        return type(self)(**(self.model_dump() | changes))

    @property
    def given(self) -> dict[str, float]:
        """The limits that are set, by name."""
        pairs = ((name, getattr(self, name)) for name in type(self).model_fields)
        return {name: value for name, value in pairs if value is not None}
