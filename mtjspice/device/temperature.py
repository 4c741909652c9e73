"""The magnetoresistance against temperature.

The spin polarisation of the electrodes falls as P(T) = P0 (1 − a T^1.5), a = 2e-5 K^−1.5 (J. Kim et
al., "A technology-agnostic MTJ SPICE model with user-defined dimensions for STT-MRAM scalability
studies", IEEE CICC 2015), and Julliere's formula makes of it TMR = 2P²/(1 − P²).
"""

from mtjspice.errors import InputError

KELVIN = 273.15
ROOM = 27.0
"""The temperature at which a junction is described, °C."""


def tmr_at(tmr0: float, temperature: float, decay: float) -> float:
    """TMR at zero bias at a temperature in °C, from its value at 27 °C.

    Raises:
        InputError: if the polarisation would exceed 1: the law does not hold for such a junction.
    """
    if temperature == ROOM:
        return tmr0
    room, here = (1 - decay * (t + KELVIN) ** 1.5 for t in (ROOM, temperature))
    polarisation = tmr0 / (2 + tmr0) * (here / room) ** 2  # squared: P² = TMR/(2 + TMR)
    if not 0 < polarisation < 1:
        raise InputError(
            source="technology",
            key="temperature",
            value=temperature,
            allowed=f"with tmr0 = {tmr0:g} and decay = {decay:g} K^-1.5 the spin polarisation "
            "would leave 0 to 1",
        )
    return float(2 * polarisation / (1 - polarisation))
