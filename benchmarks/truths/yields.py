"""Yield against a count in numpy that knows nothing of the solver: all rows of all arrays.

Without wires a cell that is read alone is one resistor at an ideal voltage: an array is good if all
of its cells are read rightly in both states. Three minutes; quick: one.
"""

import math
from collections.abc import Sequence

import numpy as np

from mtjspice.collect import Simulator
from mtjspice.layout.access import Fitted, fit_conditions
from mtjspice.layout.circuit import nominal_condition
from mtjspice.layout.fast import Hardest, first_order_yield
from mtjspice.layout.montecarlo import estimate_yield
from mtjspice.layout.patterns import named_patterns
from mtjspice.layout.scale import Known, scaling
from mtjspice.layout.sense import margins, worst_reads
from mtjspice.spec import Crossbar, DefectRates, Die, Layout, Mtj, PassiveCell
from mtjspice.spec import TransimpedanceAmplifier as Amplifier
from mtjspice.spec.layout import DefectLimits, MonteCarlo, Reading, Sensing
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
        found = [_sixteen(samples, counted, simulator), _largest(counted, simulator)]
    return [*found, *(_of_size(what, layout, counted // 2) for what, layout in _sizes().items())]


def _layout(rows: int, columns: int, samples: int, **parts) -> Layout:
    return Layout(
        name="yields",
        crossbar=Crossbar(
            rows=rows, columns=columns, cell=PassiveCell(mtj=Mtj(tmr0=TMR, v_half=math.inf))
        ),
        periphery=Amplifier(gain=GAIN),
        read=Reading(voltage=VOLTS, rows=1),
        monte_carlo=MonteCarlo(samples=samples, audit=0.001),
        **{"die": Die(sigma_ln_rp=SIGMA), **parts},
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


# What the search over sizes says of a size: offsets, dies and defects are shared ----------------


def _sizes() -> dict[str, Layout]:
    """Layouts whose reads fail together, by what they have in common."""
    half = GAIN * VOLTS * (1 / R_P - 1 / (R_P * (1 + TMR))) / 2
    rates = DefectRates(short=0.002, stuck_p=0.002, stuck_ap=0.002, dead_lines=0.02)
    return {
        "offset dominates": _layout(
            32, 4, 40, die=Die(sigma_ln_rp=0.002), sense=Sensing(offset=half / 3.2)
        ),
        "die spread dominates": _layout(
            32, 4, 40, die=Die(sigma_ln_rp=0.002, sigma_ln_rp_die=0.14)
        ),
        "defects": _layout(
            16, 4, 40, die=Die(sigma_ln_rp=0.1), defects=DefectLimits(rates=rates, bad_lines=1)
        ),
    }


def _of_size(what: str, layout: Layout, counted: int) -> Figure:
    """The yield that the search over sizes gives, by what a count of all reads gives."""
    rows, columns = layout.crossbar.shape
    ours = 1 - first_order_yield(layout, Fitted(None, 1e-5), _threshold())
    bad = _counted_bad(layout, counted, 5)
    lost = bad / counted
    error = 3 * math.sqrt(lost * (1 - lost) / counted) / lost
    how = f"{ours:.5f} of arrays bad; numpy counts {bad} of {counted}, {lost:.5f}"
    return Figure(
        f"bad arrays of {rows} x {columns}, {what}: search over sizes by numpy's count",
        ours / lost, "ratio", "within a tenth, and 3 standard errors of the count",
        abs(ours / lost - 1) <= 0.1 + error, how,
    )  # fmt: skip


def _counted_bad(layout: Layout, arrays: int, seed: int) -> int:
    """Bad ones of so many: a line has one offset, a die one R_P, a junction one defect at most."""
    chance, die, rates = np.random.default_rng(seed), layout.die, layout.defects.rates
    rows, columns = layout.crossbar.shape
    bad = 0
    for first in range(0, arrays, 10_000):
        few = min(10_000, arrays - first)
        ln_rp = die.sigma_ln_rp * chance.standard_normal((few, rows, columns))
        ln_rp += die.sigma_ln_rp_die * chance.standard_normal((few, 1, 1))
        p = GAIN * VOLTS / (R_P * np.exp(ln_rp))
        ap = p / (1 + TMR)
        # Shorted or stuck, a cell reads wrongly in one of its states; on a dead line, when it is P.
        defective = chance.random(p.shape) < rates.short + rates.stuck_p + rates.stuck_ap
        own = _threshold() + layout.sense.offset * chance.standard_normal((few, 1, columns))
        dead = chance.poisson(rates.dead_lines / 2 / rows, (few, rows, 1)) > 0
        dead = dead | (chance.poisson(rates.dead_lines / 2 / columns, (few, 1, columns)) > 0)
        wrong = (p <= own) | (ap >= own) | defective | dead
        bad += int((wrong.any(axis=1).sum(axis=1) > layout.defects.bad_lines).sum())
    return bad
