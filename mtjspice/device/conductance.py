"""The read law of a junction.

    P:   I(V) = V (1 + c V²) / R_P
    AP:  I(V) = V / (R_P (1 + TMR0 / (1 + (V/V_h)²)))

The AP form is the usual compact-model description of the fall of the magnetoresistance with bias:
TMR(V) = TMR0/(1 + (V/V_h)²), half of it left at V = V_h (for one, Y. Zhang et al., IEEE Trans.
Electron Devices 59, 819 (2012)). The quadratic rise of the P conductance is the leading
term of W. F. Brinkman, R. C. Dynes, J. M. Rowell, J. Appl. Phys. 41, 1915 (1970), for a symmetric
barrier.

This module is the one source of the law: the netlist generator writes `expression`, the card
``models/mtj.lib`` is generated from it, and everything in Python starts from `coefficients`. The
AP branch is evaluated as V (1/R_P − V_h² TMR0/R_P / (V_h² (1+TMR0) + V²)), which is the same, has
no division by zero, and has the fewest operations: a simulator spends a third of its time in it.
"""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mtjspice.spec.mtj import Mtj
from mtjspice.units import format_quantity

Floats = npt.NDArray[np.float64]


class Coefficients(NamedTuple):
    """Of ``I(V) = V (linear + cubic V² − drop / (at + V²))``, which is the law of either state.

    Attributes:
        linear: S.
        cubic: S/V².
        drop: S·V²; 0 in the P state.
        at: V².
    """

    linear: Floats
    cubic: Floats
    drop: Floats
    at: Floats

    def current(self, volts: npt.ArrayLike) -> Floats:
        """Through junctions with these voltages over them, A."""
        v = np.asarray(volts, dtype=np.float64)
        u = v * v
        return v * (self.linear + self.cubic * u - self.drop / (self.at + u))

    def slope(self, volts: npt.ArrayLike) -> Floats:
        """dI/dV at these voltages, S."""
        v = np.asarray(volts, dtype=np.float64)
        u = v * v
        lowered = self.drop / (self.at + u)
        return self.linear + 3 * self.cubic * u - lowered * (1 - 2 * u / (self.at + u))


def coefficients(
    state: npt.ArrayLike, r_p: npt.ArrayLike, tmr0: npt.ArrayLike, mtj: Mtj
) -> Coefficients:
    """The law of junctions as numbers, for whoever evaluates it: numpy, torch or a simulator.

    Args:
        state: 0 for P, 1 for AP; all array arguments broadcast.
        r_p: each junction's own parallel resistance, Ω.
        tmr0: each junction's own magnetoresistance ratio at zero bias.
        mtj: the nominal junction, for the bias dependence that all share.
    """
    p, r, tmr = np.broadcast_arrays(
        np.asarray(state) == 0,
        np.asarray(r_p, dtype=np.float64),
        np.asarray(tmr0, dtype=np.float64),
    )
    if math.isinf(mtj.v_half):
        linear = np.where(p, 1 / r, 1 / (r * (1 + tmr)))
        drop, at = np.zeros(r.shape), np.ones(r.shape)
    else:
        h = mtj.v_half**2
        linear = 1 / r
        drop, at = np.where(p, 0.0, h * tmr / r), np.where(p, 1.0, h * (1 + tmr))
    return Coefficients(linear, np.where(p, mtj.c_parallel / r, 0.0), drop, at)


def current(
    volts: npt.ArrayLike, state: npt.ArrayLike, r_p: npt.ArrayLike, tmr0: npt.ArrayLike, mtj: Mtj
) -> Floats:
    """Current through junctions.

    Args:
        volts: over the junctions, V; all array arguments broadcast.
        state: 0 for P, 1 for AP.
        r_p: each junction's own parallel resistance, Ω.
        tmr0: each junction's own magnetoresistance ratio at zero bias.
        mtj: the nominal junction, for the bias dependence that all share.

    Returns:
        float64, A, in the broadcast shape.
    """
    return coefficients(state, r_p, tmr0, mtj).current(volts)


def slope(
    volts: npt.ArrayLike, state: npt.ArrayLike, r_p: npt.ArrayLike, tmr0: npt.ArrayLike, mtj: Mtj
) -> Floats:
    """dI/dV of `current`, S; arguments and shape as there."""
    return coefficients(state, r_p, tmr0, mtj).slope(volts)


def conductance(
    state: npt.ArrayLike, r_p: npt.ArrayLike, tmr0: npt.ArrayLike
) -> npt.NDArray[np.float64]:
    """Conductance at zero bias, S; arguments broadcast as in `current`."""
    r, tmr = np.asarray(r_p, dtype=np.float64), np.asarray(tmr0, dtype=np.float64)
    return np.where(np.asarray(state) == 0, 1 / r, 1 / (r * (1 + tmr)))


def resistance(state: int, r_p: float, tmr0: float, mtj: Mtj) -> float | None:
    """Resistance of a junction that is a plain resistor in this state, Ω; None if it is not one."""
    if state == 0:
        return r_p if mtj.c_parallel == 0 else None
    return r_p * (1 + tmr0) if math.isinf(mtj.v_half) else None


def expression(v: str, state: int, r_p: float, tmr0: float, mtj: Mtj, beside: float = 0.0) -> str:
    """The same law as an expression of a netlist with every number written out.

    Args:
        v: the voltage over the junction as netlists write it, such as ``v(a,b)``.
        state: 0 for P, 1 for AP.
        r_p: parallel resistance, Ω.
        tmr0: magnetoresistance ratio at zero bias.
        mtj: the nominal junction.
        beside: conductance that a resistor in parallel carries, S; the law is without it.
    """
    k = coefficients(state, r_p, tmr0, mtj)
    k = k._replace(linear=k.linear - beside)
    linear, cubic, drop, at = (format_quantity(float(x)) for x in k)
    if state == 0:
        return f"{v}*({linear}+{cubic}*{v}*{v})"
    if math.isinf(mtj.v_half):
        return f"{v}*{linear}"
    return f"{v}*({linear}-{drop}/({at}+{v}*{v}))"
