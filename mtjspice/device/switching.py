"""Whether a current pulse switches a junction, in closed form.

One macrospin with its easy axis along the current and a collinear polariser; i = I/I_c0,
s = t/τ_D. Above the critical current the write error rate is that of W. H. Butler et al.,
IEEE Trans. Magn. 48, 4684 (2012):

    WER = 1 − exp(−(π²/4) Δ (i − 1)/(i e^{2(i−1)s} − 1))

It is the exact solution of the linearised Fokker–Planck equation: a magnetisation near its axis,
drawn from the thermal distribution, grows by e^{(i−1)s} while noise adds to it. Nothing diverges at
i = 1, where the fraction becomes 1/(1 + 2s); below, it stays finite and tends to 1 − i: the
linear equation knows no barrier.

Far below the critical current thermal activation switches, at the rate of W. F. Brown, Phys. Rev.
130, 1677 (1963), for a field h along the axis, in whose place i stands: in the Fokker–Planck
equation of the polar angle the torque enters as such a field does.

    rate τ_D = √(Δ/π) (1 − i)² (1 + i) exp(−Δ (1 − i)²)

The barrier of this geometry is Δ(1 − i)²; Δ(1 − i), which is often quoted, belongs to others, and
the usual attempt time of 1 ns stands in for what is worked out here. Brown's rate needs a barrier
of some k_B T; it is highest at 1 − i = 1/√Δ and is kept at that value from there on.

`switching_probability` is the larger of both: each falls off where the other holds, and both rise
with current and time, so the larger does so too. Tests solve the whole equation beside it. Write
error rate as said here over the true one, for Δ from 40 to 120:

    i            pulse, τ_D    quotient
    0.9 to 1.2   1 to 3        0.83 to 0.97: 3 to 17 % too low
    0.9          5 to 10       0.73 to 0.97
    1.1          20            17 to 58
    1.5          1 to 20       0.9 to 7.5
    2            1 to 10       0.94 to 1.9; 1.7 to 2.4 at 15 to 20
    2.5 and 3    1 to 20       0.96 to 1.44
    4            1 to 10       0.85 to 0.95

The smaller Δ, the larger the error: at Δ = 25 they are 128 (1.1, 20 τ_D) and 3 (2, 20 τ_D). Little
above 1 the linear equation leaves out that a large angle grows faster; around 1 Brown's rate is
held where it is highest. Far below 1, pulses shorter than about τ_D ln Δ/(1 − i) switch less often
than said here: the flow over the barrier takes that long to set in.

**Temperature.** M_s and H_k of a free layer are given at 27 °C, where junctions are described, and

    M_s(T) ∝ (1 − T/T_C)^β,  H_k(T) ∝ M_s(T)^p

with T_C = 1420 K and β = 0.4 of J. Kim et al., "A technology-agnostic MTJ SPICE model with
user-defined dimensions for STT-MRAM scalability studies", IEEE CICC 2015 (`Tcurie` and `beta` in
the files of the model). The barrier Δ k_B T is μ0 M_s H_k Vol/2, so that it goes with M_s^(1+p),
as I_c0 does, and τ_D with 1/H_k. In that model's junctions with anisotropy of the interface, which
ours are, K_i = μ0 M_s² t_c/2 (t_c a thickness), and demagnetisation goes with M_s², too: H_k ∝
M_s, p = 1, and Δ falls from 77.4 at 27 °C to 54.2 at 125 °C. With M_s alone (p = 0) it would be
56.3, with neither 58.4. H. B. Callen and E. Callen, J. Phys. Chem. Solids 27, 1271 (1966), have p
= 2 for a uniaxial crystal. Where K_i goes with M_s^n, p = 1 + (n − 2)(1 + N M_s/H_k) near 27 °C, N
being the demagnetisation factor: H_k is then a small difference, and n = 2.2 makes p = 2. η is
taken to be the same at all temperatures; that model lets it fall with the polarisation, which
would raise I_c0 by 6.5 % at 125 °C and lower it by 3.5 % at −40 °C.
"""

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from mtjspice.device.temperature import KELVIN, ROOM
from mtjspice.spec.base import Floats
from mtjspice.spec.writing import FreeLayer

MU_0: Final = 1.25663706e-6
"""Vacuum permeability, T·m/A."""
BOLTZMANN: Final = 1.380649e-23
"""J/K."""
CHARGE: Final = 1.602176634e-19
"""Of the electron, C."""
PLANCK: Final = 1.054571817e-34
"""Reduced, J·s."""
GYROMAGNETIC: Final = 1.76085963e11
"""Of the electron, rad/(s·T)."""
ALIKE = 1e-9
"""Closer to 1 than this, i counts as 1."""
MOST_EXPONENT = 700.0
"""Of a number that a float holds."""


def saturation_at(layer: FreeLayer, celsius: float) -> float:
    """M_s(T) = M_s(27 °C) ((1 − T/T_C)/(1 − 300.15 K/T_C))^β, A/m (J. Kim et al. 2015)."""
    curie = layer.curie + KELVIN
    left, room = (1 - (degrees + KELVIN) / curie for degrees in (celsius, ROOM))
    return layer.saturation * float((left / room) ** layer.magnetisation_exponent)


def anisotropy_field_at(layer: FreeLayer, celsius: float) -> float:
    """H_k(T) = H_k(27 °C) (M_s(T)/M_s(27 °C))^p, A/m; the head of this module says what p is."""
    magnetised = saturation_at(layer, celsius) / layer.saturation
    return layer.anisotropy_field * float(magnetised**layer.anisotropy_exponent)


def thermal_stability(layer: FreeLayer, diameter: npt.ArrayLike, celsius: float) -> Floats:
    """Δ = μ0 M_s H_k Vol/(2 k_B T) of round free layers with diameters in m, at a temperature.

    It is the energy from the easy axis to the hard plane, in units of k_B T; M_s and H_k are those
    of the temperature.
    """
    volume = math.pi / 4 * np.asarray(diameter, dtype=np.float64) ** 2 * layer.thickness
    magnetic = saturation_at(layer, celsius) * anisotropy_field_at(layer, celsius)
    energy = MU_0 * magnetic * volume / 2
    return np.asarray(energy / (BOLTZMANN * (celsius + KELVIN)))


def critical_current(layer: FreeLayer, stability: npt.ArrayLike, celsius: float) -> Floats:
    """I_c0 = (4e/ħ)(α/η) Δ k_B T, A: the torque of this current cancels the damping.

    J. Z. Sun, Phys. Rev. B 62, 570 (2000), for a perpendicular easy axis. Δ k_B T is the barrier:
    I_c0 goes with the temperature as M_s H_k does.
    """
    thermal = np.asarray(stability, dtype=np.float64) * BOLTZMANN * (celsius + KELVIN)
    return np.asarray(4 * CHARGE / PLANCK * layer.damping / layer.efficiency * thermal)


def time_constant(layer: FreeLayer, celsius: float) -> float:
    """τ_D = (1 + α²)/(α γ μ0 H_k), s, with H_k at the temperature (Butler et al. 2012)."""
    field = MU_0 * anisotropy_field_at(layer, celsius)
    return (1 + layer.damping**2) / (layer.damping * GYROMAGNETIC * field)


def write_error_rate(
    ratio: npt.ArrayLike, stability: npt.ArrayLike, duration: npt.ArrayLike
) -> Floats:
    """Butler's share of pulses that do not switch, as the head of this module says.

    Args:
        ratio: I/I_c0, from 0; all arguments broadcast.
        stability: Δ.
        duration: of the pulse, in units of τ_D.
    """
    i, delta, s = (np.asarray(x, dtype=np.float64) for x in (ratio, stability, duration))
    above = np.where(np.abs(i - 1) < ALIKE, ALIKE, i - 1)
    # (i − 1)/(i e^x − 1) with i = 1 + above, written so that nothing cancels near 1.
    x = np.minimum(2 * above * s, MOST_EXPONENT)
    share = above / (np.expm1(x) + above * np.exp(x))
    return np.asarray(-np.expm1(-(math.pi**2) / 4 * delta * share))


def activated_probability(
    ratio: npt.ArrayLike, stability: npt.ArrayLike, duration: npt.ArrayLike
) -> Floats:
    """Brown's share of pulses that switch by activation; arguments as `write_error_rate`."""
    return np.asarray(-np.expm1(-_activation(ratio, stability, duration)))


def _activation(ratio: npt.ArrayLike, stability: npt.ArrayLike, duration: npt.ArrayLike) -> Floats:
    """Brown's rate times the length of the pulse; arguments as `write_error_rate`."""
    i, delta, s = (np.asarray(x, dtype=np.float64) for x in (ratio, stability, duration))
    i = np.minimum(i, np.maximum(1 - 1 / np.sqrt(delta), 0.0))
    barrier = (1 - i) ** 2
    return np.asarray(np.sqrt(delta / math.pi) * barrier * (1 + i) * np.exp(-delta * barrier) * s)


def switching_probability(
    ratio: npt.ArrayLike, stability: npt.ArrayLike, duration: npt.ArrayLike
) -> Floats:
    """Share of pulses that switch, 0 to 1; arguments as `write_error_rate`."""
    ballistic = 1 - write_error_rate(ratio, stability, duration)
    return np.maximum(ballistic, activated_probability(ratio, stability, duration))


def staying_probability(
    ratio: npt.ArrayLike, stability: npt.ArrayLike, duration: npt.ArrayLike
) -> Floats:
    """1 − `switching_probability`, also where that is too near to 1 for a float."""
    activated = np.exp(-_activation(ratio, stability, duration))
    return np.minimum(write_error_rate(ratio, stability, duration), activated)
