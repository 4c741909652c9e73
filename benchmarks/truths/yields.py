"""Yield against a count in numpy that knows nothing of the solver: all rows of all arrays.

Without wires a cell that is read alone is one resistor at an ideal voltage: an array is good if all
of its cells are read rightly in both states. Two minutes; quick: half of one.
"""

import math
from collections.abc import Sequence

import numpy as np

from mtjspice.collect import Simulator
from mtjspice.layout.access import Fitted, fit_conditions
from mtjspice.layout.circuit import nominal_condition
from mtjspice.layout.fast import Hardest
from mtjspice.layout.montecarlo import estimate_yield
from mtjspice.layout.patterns import named_patterns
from mtjspice.layout.scale import Known, scaling
from mtjspice.layout.sense import margins, worst_reads
from mtjspice.spec import Crossbar, Die, Layout, Mtj, PassiveCell
from mtjspice.spec import TransimpedanceAmplifier as Amplifier
from mtjspice.spec.layout import MonteCarlo, Reading
from mtjspice.spec.layout_limits import LayoutLimits
from mtjspice.verdicts.figures import Figure, Interval

SIGMA, GAIN, VOLTS = 0.12, 1e3, 0.1
SAMPLES, QUICK_SAMPLES = 4000, 600
COUNTED, QUICK_COUNTED = 400_000, 100_000
LEAST_YIELD = 0.9
"""Of the largest array that is asked for."""
R_P, TMR = 10e-12 / (math.pi / 4 * 50e-9**2), 2.0
"""Of the junctions, for the count, Ω: RA of 10 Ω·µm² by the area of 50 nm."""


def figures(quick: bool) -> Sequence[Figure]:
    """All of this part."""
    samples, counted = (QUICK_SAMPLES, QUICK_COUNTED) if quick else (SAMPLES, COUNTED)
    with Simulator() as simulator:
        return [_sixteen(samples, counted, simulator), _largest(counted, simulator)]


def _layout(rows: int, columns: int, samples: int, **parts) -> Layout:
    return Layout(
        name="yields",
        crossbar=Crossbar(
            rows=rows, columns=columns, cell=PassiveCell(mtj=Mtj(tmr0=TMR, v_half=math.inf))
        ),
        die=Die(sigma_ln_rp=SIGMA),
        periphery=Amplifier(gain=GAIN),
        read=Reading(voltage=VOLTS, rows=1),
        monte_carlo=MonteCarlo(samples=samples, audit=0.001),
        **parts,
    )


def _threshold() -> float:
    """In the middle between a P and an AP cell, V."""
    return GAIN * VOLTS * (1 / R_P + 1 / (R_P * (1 + TMR))) / 2


def _counted(rows: int, columns: int, arrays: int, seed: int) -> int:
    """Good ones among so many arrays: each cell is read in the P and in the AP state."""
    chance, good = np.random.default_rng(seed), 0
    for first in range(0, arrays, 10_000):
        few = min(10_000, arrays - first)
        ohms = R_P * np.exp(SIGMA * chance.standard_normal((few, rows * columns)))
        p, ap = GAIN * VOLTS / ohms, GAIN * VOLTS / (ohms * (1 + TMR))
        good += int(((p > _threshold()) & (ap < _threshold())).all(axis=1).sum())
    return good


def _sixteen(samples: int, counted: int, simulator: Simulator) -> Figure:
    """16 x 4 cells, read row by row."""
    layout = _layout(16, 4, samples)
    fitted = Fitted(None, 1e-5)
    found, _ = estimate_yield(layout, nominal_condition(layout), fitted, _threshold(), simulator)
    share = _counted(16, 4, counted, 1) / counted
    few = samples - _counted(16, 4, samples, 2)
    how = (
        f"{found.good} of {samples} good: {samples - found.good} bad where numpy counts {few} of "
        f"as many; interval {found.low:.5f} to {found.high:.5f}; numpy {share:.5f} of {counted}"
    )
    return Figure(
        "yield of 16 x 4 without wires: estimate by numpy's count of all rows",
        found.good / samples / share, "ratio", "count within its interval",
        found.low <= share <= found.high, how, Interval(found.low, found.high, found.confidence),
    )  # fmt: skip


def _largest(counted: int, simulator: Simulator) -> Figure:
    """The yield that ends the search over sizes, at the largest size that it finds."""
    layout = _layout(8, 4, 40, limits=LayoutLimits(array_yield=LEAST_YIELD))
    layout = layout.replace(largest=48)
    condition = nominal_condition(layout)
    fitted = fit_conditions(layout, [condition], simulator)[condition]
    sides = worst_reads(layout, fitted)
    threshold = margins(layout, fitted, sides, None).threshold
    assert math.isclose(threshold, _threshold(), rel_tol=1e-5)
    known = Known(fitted, Hardest(named_patterns(layout.crossbar.shape), sides), 0.0)
    found = scaling(layout, known, simulator, layout.largest)
    assert found.largest is not None
    rows, columns = found.largest.rows, found.largest.columns
    ours = found.largest.values["array_yield"]
    share = _counted(rows, columns, counted, 3) / counted
    beyond = next(s for s in found.sizes if s.rows > rows)
    over = _counted(beyond.rows, beyond.columns, counted, 4) / counted
    error = math.sqrt(share * (1 - share) / counted)
    how = (
        f"{rows} x {columns} is the largest with a yield of {LEAST_YIELD:g}: numpy counts "
        f"{share:.5f} ± {error:.5f}; at {beyond.rows} x {beyond.columns}, which is beyond it, "
        f"{over:.5f} where the search says {beyond.values['array_yield']:.5f}"
    )
    near = 3 * error
    holds = abs(ours - share) <= near and share + near >= LEAST_YIELD > over - near
    return Figure(
        "yield of the largest array without wires, by the search, less numpy's count",
        ours - share, "", "within 3 standard errors of the count", holds, how,
    )  # fmt: skip
