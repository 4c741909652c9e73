"""The access device of gated cells, as numbers that a calibration has fitted."""

from typing import Annotated, Self

import numpy as np
import torch
from pydantic import Field, model_validator

from mtjspice.solver.cells import Access
from mtjspice.spec.base import Spec

MOST_POWERS = 16
GRID = np.linspace(0, 1, 11)
"""Where a resistance is looked at, in units of the scales."""
Number = Annotated[float, Field(ge=-1e30, le=1e30, allow_inf_nan=False, strict=True)]
"""A coefficient; a device that does not conduct has enormous ones, and is refused for that."""
Powers = Annotated[tuple[Number, ...], Field(min_length=1, max_length=MOST_POWERS)]
Polynomial = Annotated[tuple[Powers, ...], Field(min_length=1, max_length=MOST_POWERS)]
Sides = Annotated[tuple[Polynomial, ...], Field(min_length=2, max_length=2)]
"""For either sign of the current."""


class AccessModel(Spec):
    """Coefficients of `mtjspice.solver.cells.Access`, for one technology at one reference.

    Attributes:
        resistance: [sign][power of x][power of y], Ω.
        sensitivity: [transistor][sign][power of x][power of y], Ω/V.
        current_scale: i_0, A; the largest current of the calibration.
        potential_scale: b_0, V; the largest potential of it.
        threshold_sigma: standard deviation of each transistor's threshold at ``mismatch = 1``, V.
    """

    resistance: Sides
    sensitivity: Annotated[tuple[Sides, ...], Field(min_length=1, max_length=2)]
    current_scale: float = Field(gt=0, le=1e3, strict=True)
    potential_scale: float = Field(gt=0, le=1e3, strict=True)
    threshold_sigma: tuple[Annotated[float, Field(ge=0, le=10, strict=True)], ...]

    @model_validator(mode="after")
    def _check_shapes(self) -> Self:
        """See that polynomials are of one shape, and transistors of one number."""
        shapes = {
            (len(side), len(powers))
            for sides in (self.resistance, *self.sensitivity)
            for side in sides
            for powers in side
        }
        if len(shapes) > 1:
            raise ValueError(f"all polynomials must have the same powers; there are {shapes}")
        if len(self.threshold_sigma) != len(self.sensitivity):
            raise ValueError(
                f"threshold_sigma has {len(self.threshold_sigma)} entries; sensitivity is of "
                f"{len(self.sensitivity)} transistors"
            )
        return self

    @property
    def least_resistance(self) -> float:
        """Of the nominal device over the range of currents and potentials, Ω."""
        potentials = np.concatenate([-GRID[::-1], GRID])
        return min(
            float(np.polynomial.polynomial.polygrid2d(sign * GRID, potentials, side).min())
            for sign, side in zip((1, -1), self.resistance, strict=True)
        )

    def device_law(self) -> Access:
        """As tensors, float64."""
        return Access(
            resistance=torch.tensor(self.resistance, dtype=torch.float64),
            sensitivity=torch.tensor(self.sensitivity, dtype=torch.float64),
            current_scale=self.current_scale,
            potential_scale=self.potential_scale,
        )
