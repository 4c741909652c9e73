"""The access device of gated cells, as numbers that a calibration has fitted."""

import torch
from pydantic import Field

from mtjspice.spec.base import Spec
from mtjspice.surrogate.cells import Access


class AccessModel(Spec):
    """Coefficients of `mtjspice.surrogate.cells.Access`, for one technology at one reference.

    Attributes:
        resistance: [sign][power of x][power of y], Ω.
        sensitivity: [transistor][sign][power of x][power of y], Ω/V.
        current_scale: i_0, A; the largest current of the calibration.
        potential_scale: b_0, V; the largest potential of it.
        threshold_sigma: standard deviation of each transistor's threshold at ``mismatch = 1``, V.
    """

    resistance: tuple[tuple[tuple[float, ...], ...], ...]
    sensitivity: tuple[tuple[tuple[tuple[float, ...], ...], ...], ...]
    current_scale: float = Field(gt=0)
    potential_scale: float = Field(gt=0)
    threshold_sigma: tuple[float, ...]

    def device_law(self) -> Access:
        """As tensors, float64."""
        return Access(
            resistance=torch.tensor(self.resistance, dtype=torch.float64),
            sensitivity=torch.tensor(self.sensitivity, dtype=torch.float64),
            current_scale=self.current_scale,
            potential_scale=self.potential_scale,
        )
