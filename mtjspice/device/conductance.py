"""The read law of a junction.

    P:   I(V) = V (1 + c V²) / R_P
    AP:  I(V) = V / (R_P (1 + TMR0 / (1 + (V/V_h)²)))

The AP form is the usual compact-model description of the fall of the magnetoresistance with bias:
TMR(V) = TMR0/(1 + (V/V_h)²), half of it left at V = V_h (for one, Y. Zhang et al., IEEE Trans.
Electron Devices 59, 819 (2012)). The quadratic rise of the P conductance is the leading
term of W. F. Brinkman, R. C. Dynes, J. M. Rowell, J. Appl. Phys. 41, 1915 (1970), for a symmetric
barrier.

This module is the one source of the law: the netlist generator writes `expression`, the card
``models/mtj.lib`` is generated from it, and everything in Python calls `current` and `slope`. The
AP branch is evaluated as V (1/R_P − V_h² TMR0/R_P / (V_h² (1+TMR0) + V²)), which is the same, has
no division by zero, and has the fewest operations: ngspice spends a third of its time in it.
"""

import math

import numpy as np
import numpy.typing as npt

from mtjspice.spec.mtj import Mtj
from mtjspice.units import format_quantity

Floats = npt.NDArray[np.float64]


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
    v, r, tmr = (np.asarray(a, dtype=np.float64) for a in (volts, r_p, tmr0))
    parallel = v * (1 + mtj.c_parallel * v * v) / r
    if math.isinf(mtj.v_half):
        antiparallel = v / (r * (1 + tmr))
    else:
        h = mtj.v_half**2
        antiparallel = v * (h + v * v) / (r * (h * (1 + tmr) + v * v))
    return np.where(np.asarray(state) == 0, parallel, antiparallel)


def slope(
    volts: npt.ArrayLike, state: npt.ArrayLike, r_p: npt.ArrayLike, tmr0: npt.ArrayLike, mtj: Mtj
) -> Floats:
    """dI/dV of `current`, S; arguments and shape as there."""
    v, r, tmr = (np.asarray(a, dtype=np.float64) for a in (volts, r_p, tmr0))
    parallel = (1 + 3 * mtj.c_parallel * v * v) / r
    if math.isinf(mtj.v_half):
        antiparallel = 1 / (r * (1 + tmr)) + 0 * v
    else:
        h, u = mtj.v_half**2, v * v
        a = h * (1 + tmr)
        antiparallel = ((h + 3 * u) * (a + u) - 2 * u * (h + u)) / (r * (a + u) ** 2)
    return np.where(np.asarray(state) == 0, parallel, antiparallel)


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


def expression(v: str, state: int, r_p: float, tmr0: float, mtj: Mtj) -> str:
    """The same law as an ngspice expression with every number written out.

    Args:
        v: the voltage over the junction as ngspice writes it, such as ``v(a,b)``.
        state: 0 for P, 1 for AP.
        r_p: parallel resistance, Ω.
        tmr0: magnetoresistance ratio at zero bias.
        mtj: the nominal junction.
    """
    if state == 0:
        linear, cubic = format_quantity(1 / r_p), format_quantity(mtj.c_parallel / r_p)
        return f"{v}*({linear}+{cubic}*{v}*{v})"
    if math.isinf(mtj.v_half):
        return f"{v}*{format_quantity(1 / (r_p * (1 + tmr0)))}"
    h = mtj.v_half**2
    full, drop, at = (format_quantity(x) for x in (1 / r_p, h * tmr0 / r_p, h * (1 + tmr0)))
    return f"{v}*({full}-{drop}/({at}+{v}*{v}))"
