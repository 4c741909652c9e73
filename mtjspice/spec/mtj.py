"""The magnetic tunnel junction, as it is read."""

import math

from mtjspice.spec.base import (
    BiasScale,
    InverseSquareVolt,
    Length,
    PolarisationDecay,
    Ratio,
    ResistanceArea,
    Spec,
)


class Mtj(Spec):
    """A nominal junction. `mtjspice.device.conductance` holds the law that these enter.

    Attributes:
        ra: resistance-area product of the parallel state, Ω·m².
        diameter: of the round pillar, m.
        tmr0: (R_AP − R_P)/R_P at zero bias.
        v_half: bias at which the magnetoresistance has fallen to half, V; ``inf`` for an ohmic AP
            state.
        c_parallel: quadratic rise of the parallel state's conductance with bias, V⁻².
        decay: coefficient of T^1.5 in the fall of the spin polarisation with temperature, K^−1.5.

    The defaults are assumptions of this project for a 50 nm perpendicular junction.
    """

    ra: ResistanceArea = 10e-12
    diameter: Length = 50e-9
    tmr0: Ratio = 1.0
    v_half: BiasScale = 0.5
    c_parallel: InverseSquareVolt = 0.0
    decay: PolarisationDecay = 2e-5

    @property
    def r_p(self) -> float:
        """Resistance of the parallel state at zero bias, Ω."""
        return self.ra / (math.pi * self.diameter**2 / 4)

    @property
    def r_ap(self) -> float:
        """Resistance of the antiparallel state at zero bias, Ω."""
        return self.r_p * (1 + self.tmr0)

    @property
    def delta_g(self) -> float:
        """G_P − G_AP at zero bias, S: the conductance that one unit of weight is worth."""
        return 1 / self.r_p - 1 / self.r_ap

    @property
    def ohmic(self) -> bool:
        """Whether both states are plain resistors."""
        return math.isinf(self.v_half) and self.c_parallel == 0
