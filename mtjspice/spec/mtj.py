"""The magnetic tunnel junction, as it is read."""

import math
from typing import Annotated

from mtjspice.spec.base import Diameter, Spec
from mtjspice.spec.ranges import Within

ResistanceArea = Annotated[
    float,
    Within(
        "Ohm.m2",
        1e-13,
        1e-6,
        "thinner barriers are metallic, thicker ones carry no current that can be read",
        usual=(1e-12, 1e-10),
    ),
]
"""Ω·m², from 0.1 to 1e6 Ω·µm²; ``"10 Ohm.um2"`` is 1e-11."""
Magnetoresistance = Annotated[
    float,
    Within(
        "1",
        1e-3,
        10,
        "the largest measured at room temperature is 6.31; 150 % is 1.5 or '150%'",
        usual=(0.1, 3),
    ),
]
"""(R_AP − R_P)/R_P, 0.001 to 10. T. Scheike et al., Appl. Phys. Lett. 122, 112404 (2023): 631 %."""
BiasScale = Annotated[
    float,
    Within(
        "V",
        1e-2,
        1e6,
        "magnetoresistance falls to half at 0.1 to 2 V",
        endless=True,
        usual=(0.1, 2),
    ),
]
"""V, from 10 mV to 1 MV; ``inf`` for a junction without bias dependence."""
InverseSquareVolt = Annotated[
    float, Within("V^-2", 0, 100, "parabolas of Brinkman's form have a few per square volt")
]
"""V⁻², 0 to 100."""
PolarisationDecay = Annotated[
    float, Within("1", 0, 1e-4, "the polarisation must stay positive up to 150 °C")
]
"""K^−1.5, 0 to 1e-4."""


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

    Example:
        >>> from mtjspice import Mtj
        >>> round(Mtj(ra=10e-12, diameter=50e-9).r_p)
        5093
    """

    ra: ResistanceArea = 10e-12
    diameter: Diameter = 50e-9
    tmr0: Magnetoresistance = 1.0
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
