"""What an output line of a layout has to tell apart, and what it is compared with."""

from typing import Annotated, Literal, Self

from pydantic import model_validator

from mtjspice.spec.base import LATER, MOST_LINES, Extended, LineIndex, Lines, Spec
from mtjspice.spec.ranges import Whole, Within

NonNegativeVoltage = Annotated[
    float, Within("V", 0, 1, "offsets of amplifiers are microvolts to tenths of a volt")
]
"""V, 0 to 1."""
LineCount = Annotated[int, Whole(0, MOST_LINES, "arrays have at most 4096 lines each way")]
"""A number of lines, or of cells on one, from 0."""
Pairs = Annotated[int, Whole(1, 64, "each pair is solved with every read that is drawn")]
"""Pairs of reference lines, 1 to 64."""


class ReferenceCells(Spec):
    """Reference lines: output lines with the cells, wires and read-out of those with data.

    A pair is a line with `boundary` P cells among the driven rows and one with `step` more; the
    threshold is the mean of what the lines of all pairs read.

    Attributes:
        position: column that the lines lie at, from 0; the last one if left out.
        pairs: of lines whose mean counts; their cells differ independently, so that the spread of
            the threshold goes with one over the square root.
    """

    position: LineIndex | None = None
    pairs: Pairs = 1


class Sensing(Extended):
    """What an output line has to tell apart.

    A line with fewer P cells among the driven rows than `boundary` + 1 is low, with `boundary` +
    `step` or more it is high. Reading cell by cell, that is AP and P.

    Attributes:
        offset: standard deviation of the decision threshold of a line, V.
        threshold: ``fixed`` is that of the sense amplifier, or the middle between low and high
            under nominal conditions for another read-out; ``tracking`` is the middle under each
            condition, the best there can be; ``reference`` is that of reference cells under each
            condition, with their place in the array and with spread of their own.
        step: difference in P cells that has to be told.
        boundary: most P cells of a low line; in the middle if left out.
        reference: the reference cells; one pair beside the last column if left out.
    """

    offset: NonNegativeVoltage = 0.0
    threshold: Literal["fixed", "tracking", "reference"] = "fixed"
    step: Lines = 1
    boundary: LineCount | None = None
    reference: Annotated[ReferenceCells | None, LATER] = None

    @property
    def cells(self) -> ReferenceCells | None:
        """The reference cells that give the threshold; None where something else does."""
        return (self.reference or ReferenceCells()) if self.threshold == "reference" else None

    @model_validator(mode="after")
    def _check_reference(self) -> Self:
        if self.reference is not None and self.threshold != "reference":
            raise ValueError(
                f'reference must be left out: threshold is "{self.threshold}", and only '
                'threshold = "reference" has reference cells'
            )
        return self
