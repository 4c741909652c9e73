"""When outputs have settled, and are at rest again, on the simulator's own points in time.

The time axis of a result is too coarse for that: between two of its points an output may go most of
the way.
"""

import math

import numpy as np
import numpy.typing as npt

from mtjspice.spec.analysis import TransientRead
from mtjspice.spec.periphery import Periphery

Floats = npt.NDArray[np.float64]


def settled_and_recovered(
    time: Floats,
    lines: Floats,
    analysis: TransientRead,
    vectors: int = 1,
    volts_per_ampere: float = 1.0,
) -> tuple[Floats, Floats]:
    """When each output stays within what is allowed of where it ends, s, float64 [vector, line].

    Args:
        time: float64 [point], s.
        lines: float64 [point, line], output currents, A.
        analysis: of the transient; `settle_to` or `settle_within` says what is allowed.
        vectors: how many are read, each in a period.
        volts_per_ampere: of the read-out, for `settle_within`.

    Returns:
        Settled: after the start of the period, within what is allowed of the value at the end of
        `hold`. Recovered: after the end of `hold`, within as much of where the period began; not a
        number where that is not before the period ends.
    """
    found = np.zeros((2, vectors, lines.shape[1]))
    for k in range(vectors):
        edges = k * analysis.period + np.array([0.0, analysis.hold, analysis.period])
        for j, line in enumerate(lines.T):
            rest, final, _ = np.interp(edges, time, line)
            within = analysis.settle_within
            allowed = (
                (analysis.settle_to or 0.0) * abs(final - rest)
                if within is None
                else within / volts_per_ampere
            )
            for side, (start, end, target) in enumerate(
                ((edges[0], edges[1], final), (edges[1], edges[2], rest))
            ):
                inside = (time > start) & (time < end)
                points = np.concatenate([[start], time[inside], [end]])
                points = points[points <= time[-1]]
                off = np.interp(points, time, line) - target
                found[side, k, j] = last_outside(points, off, allowed) - start
    return found[0], found[1]


def last_outside(time: Floats, off: Floats, allowed: float) -> float:
    """When a deviation stays within what is allowed, s, between points by interpolation.

    Not a number if it is outside at the end.
    """
    outside = np.abs(off) > allowed
    if not outside.any():
        return float(time[0])
    last = int(np.flatnonzero(outside)[-1])
    if last == time.size - 1:
        return math.nan
    edge = math.copysign(allowed, off[last])
    share = (off[last] - edge) / (off[last] - off[last + 1])
    return float(time[last] + share * (time[last + 1] - time[last]))


def volts_per_ampere(periphery: Periphery) -> float:
    """Slope of a read-out's voltage, Ω; 1 for a read-out that gives no voltage."""
    slope = periphery.volts_per_ampere
    return 1.0 if slope is None else slope
