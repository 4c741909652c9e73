"""Whether cells switch that differ from the nominal one: each probability on average and at worst.

The solver and SPICE say what a nominal cell gets at the place where it is worst. Cells differ, in
resistance, Δ, I_c0 and diameter (`mtjspice.layout.population`), while their transistors are all
nominal: for every probability there is the mean over
cells and the worst of so many as the array has, all of them at that place. A cell of another
resistance takes another share of the voltage. In series with it are, in a passive array, the wires
and ends of its own lines, and what the other cells' currents leave on them stays as it is; in a
gated one all that is missing over the nominal junction, transistor included, taken as a resistor
(for writes of `gated25` with resistances 20 % off, SPICE's current is met within 0.2 %). A law of
the cell's own, as a selector's, counts with its slope at the nominal current.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from mtjspice.device import conductance
from mtjspice.device.switching import (
    critical_current,
    staying_probability,
    switching_probability,
    thermal_stability,
    time_constant,
)
from mtjspice.device.temperature import tmr_at
from mtjspice.device.variation import Devices, Junctions, diameters
from mtjspice.layout.circuit import nominal_die, r_p_of
from mtjspice.layout.findings import Finding, Floats
from mtjspice.layout.population import Factors, Spread, spread_of
from mtjspice.spec.layout import Layout
from mtjspice.spec.writing import Writing

NEWTON = 6
"""Most steps; each doubles the digits, from within a third of the solution on."""
EXACT = 1e-13
"""A step of no more than this share of the applied voltage is the last."""


@dataclass(frozen=True)
class Pulse:
    """Pulses of currents as `mtjspice.device.switching` takes them; arrays broadcast.

    Attributes:
        ratio: I/I_c0.
        stability: Δ.
        duration: in τ_D.
    """

    ratio: Floats
    stability: Floats
    duration: float

    @property
    def switches(self) -> Floats:
        """Probability that it switches a junction."""
        return switching_probability(self.ratio, self.stability, self.duration)

    @property
    def fails(self) -> Floats:
        """Probability that it does not."""
        return staying_probability(self.ratio, self.stability, self.duration)


def pulse_of(
    layout: Layout, amperes: Floats, seconds: float, at: Floats, factors: Factors | None = None
) -> Pulse:
    """A pulse through junctions.

    Args:
        layout: under a condition.
        amperes: through them; a current the other way counts as none.
        seconds: its length.
        at: their diameters, m.
        factors: on their Δ and I_c0; none of nominal ones.
    """
    layer, celsius = writing_of(layout).free_layer, layout.technology.temperature
    stability = thermal_stability(layer, at, celsius)
    critical = critical_current(layer, stability, celsius)
    if factors is not None:
        stability, critical = stability * factors.stability, critical * factors.critical
    ratio = np.maximum(amperes, 0.0) / critical
    return Pulse(ratio, stability, seconds / time_constant(layer, celsius))


def switched(layout: Layout, amperes: Floats, seconds: float, at: Floats) -> Floats:
    """Probability that pulses of a current switch nominal junctions of the diameters `at`, m."""
    return pulse_of(layout, amperes, seconds, at).switches


def several(probability: npt.ArrayLike, times: float) -> Floats:
    """Probability that it happens at least once in so many independent times."""
    once = np.asarray(probability, dtype=np.float64)
    with np.errstate(divide="ignore"):  # what is sure once is sure in any number of times
        return np.asarray(np.where(once >= 1, 1.0, -np.expm1(times * np.log1p(-once))))


def writing_of(layout: Layout) -> Writing:
    """The pulses of a layout that has some."""
    assert layout.writing is not None
    return layout.writing


def sizes_of(layout: Layout) -> Floats:
    """Diameter of each junction, m, [row, column]."""
    return diameters(layout.crossbar.cell.mtj, nominal_die(layout), layout.crossbar.shape)


@dataclass(frozen=True)
class Cell:
    """A nominal junction in its circuit, from which those follow that differ from it.

    Attributes:
        place: (row, column).
        state: 0 P, 1 AP.
        volts: over the junction, V.
        amperes: through it, A.
        series: what shares the voltage with it, Ω.
    """

    place: tuple[int, int]
    state: int
    volts: float
    amperes: float
    series: float


def reached(layout: Layout, cell: Cell, factors: Factors) -> tuple[Floats, Floats]:
    """Voltage over junctions in the place of a nominal one, V, and their currents, A.

    Newton's method on V + R I(V) = V₀ + R I₀, R being what is in series; I(V) rises.
    """
    mtj = layout.crossbar.cell.mtj
    tmr0 = tmr_at(mtj.tmr0, layout.technology.temperature, mtj.decay) * factors.tmr0
    r_p = float(r_p_of(layout)[cell.place]) * factors.r_p
    driven = cell.volts + cell.series * cell.amperes
    volts = np.full(r_p.shape, cell.volts)
    law = conductance.coefficients(cell.state, r_p, tmr0, mtj)
    for _ in range(NEWTON):
        missing = driven - volts - cell.series * law.current(volts)
        step = missing / (1 + cell.series * law.slope(volts))
        volts = volts + step
        if np.abs(step).max() <= EXACT * abs(driven):
            break
    return volts, law.current(volts)


def over_cells(
    layout: Layout, cell: Cell, seconds: float, chance: Callable[[Pulse], Floats]
) -> Spread:
    """A probability over cells that differ, each in the place of a nominal one."""
    size = np.asarray(sizes_of(layout)[cell.place])

    def value(factors: Factors) -> Floats:
        _, amperes = reached(layout, cell, factors)
        return chance(pulse_of(layout, amperes, seconds, size, factors))

    return over_spread(layout, value)


def over_spread(layout: Layout, value: Callable[[Factors], Floats]) -> Spread:
    """A value over as many cells as the array has, each with its factors."""
    cells = layout.crossbar.rows * layout.crossbar.columns
    return spread_of(value, layout.die, writing_of(layout).free_layer, cells)


def of_spread(layout: Layout, finding: Finding, found: Spread, nominal: float) -> Finding:
    """A finding with its value, of the worst cell or, if its quantity ends so, the mean.

    Its netlist has the worst cell; for the mean, which is that of no cell, a nominal one.
    """
    if finding.quantity.endswith("_mean"):
        value, which = found.mean, "mean over cells"
    else:
        value, which = found.worst, worst_words(layout, found.cell)
        finding = replace(
            finding, shown=replace(finding.shown, devices=devices_with(layout, finding, found.cell))
        )
    return replace(finding, value=value, where=f"{finding.where}; {which}", nominal_cell=nominal)


def worst_words(layout: Layout, cell: Factors) -> str:
    """By what the worst cell of the array differs from the nominal one."""
    names = {"R_P": cell.r_p, "TMR": cell.tmr0, "Δ": cell.stability, "I_c0": cell.critical}
    parts = [
        f"{name} {text}".replace("-", "−")
        for name, factor in names.items()
        if float(text := f"{100 * (float(factor[0]) - 1):+.1f}") != 0
    ]
    count = layout.crossbar.rows * layout.crossbar.columns
    return f"worst of {count} cells{': ' if parts else ''}{', '.join(f'{x} %' for x in parts)}"


def devices_with(layout: Layout, finding: Finding, cell: Factors) -> Devices:
    """The cells of a finding's circuit, nominal but for the resistances of the one it is about.

    Args:
        layout: under the finding's condition.
        finding: whose experiment has the states.
        cell: by what this one differs.
    """
    mtj, states = layout.crossbar.cell.mtj, finding.experiment.tile.states
    place = finding.shown.row, finding.shown.column
    r_p, none = r_p_of(layout), np.zeros(states.shape, dtype=np.bool_)
    tmr0 = np.full(states.shape, tmr_at(mtj.tmr0, layout.technology.temperature, mtj.decay))
    r_p[place] *= float(cell.r_p[0])
    tmr0[place] *= float(cell.tmr0[0])
    shifts = (0.0,) * len(layout.crossbar.cell.transistors)
    return Devices(
        Junctions(r_p, tmr0, states, none, none), dict.fromkeys(np.ndindex(*states.shape), shifts)
    )
