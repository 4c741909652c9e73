"""Does a pulse switch a cell: temperature, spread and closed forms, each against lines of its own.

Nothing of `mtjspice.device` makes a reference here: the law of the temperature, the closed forms
and the Fokker–Planck equation (in Legendre polynomials, where the tests have finite volumes) are
written out once more, and cells are drawn with numpy. A minute or two on one core; with `quick` a
quarter of one.

    PYTHONPATH=.:benchmarks python benchmarks/truths/switching.py [--quick]
"""

import math
import sys
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from numpy.polynomial import legendre
from scipy.linalg import expm

from mtjspice.collect import Simulator
from mtjspice.device.switching import (
    critical_current,
    staying_probability,
    thermal_stability,
)
from mtjspice.layout.access import Fitted
from mtjspice.layout.circuit import nominal_condition
from mtjspice.layout.disturb import disturb_findings, write_findings, write_plan
from mtjspice.spec import Crossbar, Die, FreeLayer, Line, Mtj, PassiveCell, Writing
from mtjspice.spec.layout import Layout, Life, Reading
from mtjspice.verdicts.figures import Figure, at_least, at_most

Floats = npt.NDArray[np.float64]

# The default free layer, in SI.
SATURATION, FIELD, THICKNESS, DAMPING, EFFICIENCY, DIAMETER = 1e6, 2e5, 1.3e-9, 0.01, 0.5, 50e-9
BOLTZMANN, CHARGE, PLANCK, MU_0, GAMMA = (
    1.380649e-23,
    1.602176634e-19,
    1.054571817e-34,
    1.25663706e-6,
    1.76085963e11,
)
ROOM = 300.15
"""K; where M_s and H_k are given."""


def figures(quick: bool) -> Sequence[Figure]:
    """All figures of this topic; `quick` draws fewer cells and solves fewer pulses."""
    return (*temperature(), *spread(quick), *closed_forms(quick))


# Temperature


def by_hand(kelvin: float, power: float) -> tuple[float, float]:
    """Δ and I_c0 of J. Kim et al. 2015: M_s ∝ (1 − T/1420 K)^0.4, and H_k ∝ M_s^power."""
    magnetised = ((1 - kelvin / 1420) / (1 - ROOM / 1420)) ** 0.4
    barrier = MU_0 * SATURATION * FIELD * math.pi * DIAMETER**2 / 4 * THICKNESS / 2
    barrier *= magnetised ** (1 + power)
    current = 4 * CHARGE / PLANCK * DAMPING / EFFICIENCY * barrier
    return barrier / (BOLTZMANN * kelvin), current


def temperature() -> list[Figure]:
    """Δ and I_c0 at three temperatures against the cited law."""
    layer, alone = FreeLayer(), FreeLayer(anisotropy_exponent=0.0)
    apart, told = [0.0, 0.0], []
    for celsius in (-40.0, 27.0, 125.0):
        delta = float(thermal_stability(layer, DIAMETER, celsius))
        ic0 = float(critical_current(layer, delta, celsius))
        expected = by_hand(celsius + 273.15, 1.0)
        for k, (found, right) in enumerate(zip((delta, ic0), expected, strict=True)):
            apart[k] = max(apart[k], abs(found / right - 1))
        told.append(f"{celsius:g} °C: Δ {delta:.2f}, I_c0 {1e6 * ic0:.2f} µA")
    how = f"M_s ∝ (1 − T/1420 K)^0.4, H_k ∝ M_s (Kim et al. 2015), by hand; {'; '.join(told)}"
    hot = float(thermal_stability(alone, DIAMETER, 125.0))
    return [
        at_most("Δ(T): largest difference from the cited law", apart[0], 1e-9, "relative", how),
        at_most("I_c0(T): largest difference from it", apart[1], 1e-9, "relative", how),
        at_most("Δ at 125 °C with M_s(T) alone: distance from 56.25", abs(hot - 56.25), 0.005, "",
                f"{hot:.4f}; with H_k(T), too, {by_hand(398.15, 1.0)[0]:.2f}"),
    ]  # fmt: skip


# Cells that differ

DIE = Die(sigma_ln_rp=0.04, sigma_ln_tmr=0.04)
LAYER = FreeLayer(sigma_ln_delta=0.04, sigma_ln_ic0=0.03, sigma_ln_diameter=0.015)
SIGMAS = (math.sqrt(0.04**2 - 0.03**2), 0.04, 0.04, 0.03, 0.015)
"""Of ln R_P but for the area, ln TMR, ln Δ and ln I_c0 but for the area, ln diameter."""
ROWS, COLUMNS = 48, 40
"""1,920 cells."""
VIAS = 250.0
"""Ω in front of every cell and of none besides: no cell changes what another gets."""
WRITES = ((1, 0.9), (0, 0.75))
"""(state before, pulse in V)."""
LENGTH, HOLD, READ, READS = 8e-9, 8e-9, 0.15, 1e5
TMR, V_HALF, RA = 1.0, 0.5, 10e-12


def layout() -> Layout:
    """An array without wires whose cells differ."""
    return Layout(
        name="cells that differ",
        crossbar=Crossbar(
            rows=ROWS, columns=COLUMNS, row=Line(via=VIAS),
            cell=PassiveCell(mtj=Mtj(ra=RA, diameter=DIAMETER, tmr0=TMR, v_half=V_HALF)),
        ),
        die=DIE,
        read=Reading(voltage=READ),
        writing=Writing(to_p=WRITES[0][1], to_ap=WRITES[1][1], length=LENGTH, free_layer=LAYER),
        life=Life(reads=READS),
    )  # fmt: skip


def draw(count: int, seed: int) -> Floats:
    """Logarithms of the factors on R_P, TMR, Δ and I_c0 of cells, [kind, cell]."""
    z = np.random.default_rng(seed).standard_normal((5, count)) * np.array(SIGMAS)[:, None]
    area = 2 * z[4]
    return np.stack([z[0] - area, z[1], z[2] + area, z[3] + area])


def amperes(pulse: float, state: int, r_p: Floats, tmr: Floats) -> Floats:
    """Currents of junctions behind a resistor, by bisection."""
    low, high = np.zeros_like(r_p), np.full_like(r_p, pulse)
    for _ in range(45):
        half = (low + high) / 2
        own = r_p * (1 + tmr / (1 + (half / V_HALF) ** 2)) if state else r_p
        over = half + VIAS * half / own > pulse
        low, high = np.where(over, low, half), np.where(over, half, high)
    return (pulse - low) / VIAS


def activation(i: Floats, delta: Floats, seconds: float) -> Floats:
    """Brown's rate times the time, held at its largest as `mtjspice.device.switching` says."""
    held = np.minimum(i, 1 - 1 / np.sqrt(delta))
    rate = np.sqrt(delta / math.pi) * (1 - held) ** 2 * (1 + held)
    return rate * np.exp(-delta * (1 - held) ** 2) * seconds / time_constant()


def time_constant() -> float:
    """τ_D at 27 °C, s."""
    return (1 + DAMPING**2) / (DAMPING * GAMMA * MU_0 * FIELD)


def probabilities(logarithms: Floats) -> dict[str, list[Floats]]:
    """Of cells at 27 °C: that a write fails, by direction; that a read, and a life, switches."""
    r, t, d, i0 = np.exp(logarithms)
    nominal_delta, nominal_current = by_hand(ROOM, 1.0)
    r_p, tmr = RA / (math.pi * DIAMETER**2 / 4) * r, TMR * t
    delta, ic0 = nominal_delta * d, nominal_current * i0
    fails = []
    for state, pulse in WRITES:
        i = amperes(pulse, state, r_p, tmr) / ic0
        grown = i * np.exp(2 * (i - 1) * LENGTH / time_constant()) - 1
        butler = -np.expm1(-(math.pi**2) / 4 * delta * (i - 1) / grown)
        fails.append(np.minimum(butler, np.exp(-activation(i, delta, LENGTH))))
    once = -np.expm1(-activation(amperes(READ, 1, r_p, tmr) / ic0, delta, HOLD))
    return {
        "write_error": fails,
        "read_disturb": [once],
        "life_disturb": [-np.expm1(READS * np.log1p(-once))],
    }


def spread(quick: bool) -> list[Figure]:
    """Mean over cells and worst cell against cells that numpy draws."""
    one = layout()
    condition = nominal_condition(one)
    with Simulator(jobs=1) as simulator:
        plan = write_plan(one)
        results = simulator.run([write.experiment for write in plan])
    found = {
        f.quantity: f.value
        for f in (
            *write_findings(one, condition, plan, results),
            *disturb_findings(one, condition, Fitted(None, 0.0)),
        )
    }
    cells, count, dies = ROWS * COLUMNS, 100_000 if quick else 1_000_000, 100 if quick else 1000
    told: list[Figure] = []
    singles = probabilities(draw(count, 1))
    tops: dict[str, list[Floats]] = {}
    for k in range(dies // 100):
        for name, every in probabilities(draw(100 * cells, 10 + k)).items():
            tops.setdefault(name, []).append(
                np.stack([one.reshape(100, cells).max(1) for one in every])
            )
    nominal = {k: max(float(x[0]) for x in v) for k, v in probabilities(np.zeros((4, 1))).items()}
    for name, every in singles.items():
        drawn = max(every, key=lambda one: float(one.mean()))
        mean, error = float(drawn.mean()), float(drawn.std() / math.sqrt(count))
        told.append(
            at_most(
                f"{name}, mean over cells: distance from {count:,} drawn cells",
                abs(found[f"{name}_mean"] - mean) / error, 3.3, "standard errors",
                f"stated {found[f'{name}_mean']:.4e}, drawn {mean:.4e} ± {error:.1e}; "
                f"a nominal cell {nominal[name]:.2e}; R_P spreads by {100 * DIE.sigma_ln_rp:g} %, "
                f"TMR, Δ, I_c0 and diameter by {', '.join(f'{100 * s:g} %' for s in SIGMAS[1:])}",
            )
        )  # fmt: skip
        worst = max(np.concatenate(tops[name], axis=1), key=lambda one: float(np.median(one)))
        beyond = int((worst > found[name]).sum())
        told.append(
            at_most(
                f"{name}, worst of {cells:,} cells: dies beyond it, distance from one half",
                abs(beyond - dies / 2) / math.sqrt(dies / 4), 3.3, "standard errors",
                f"{beyond} of {dies} dies beyond {found[name]:.3e}; "
                f"median drawn {float(np.median(worst)):.3e}",
            )
        )  # fmt: skip
    return told


# Closed forms

MODES = 180
"""Legendre polynomials; the shares that stay are right to 1e-12."""


def true_staying(i: float, delta: float, times: Sequence[float]) -> Floats:
    """Shares that stay: the Fokker–Planck equation in Legendre polynomials, by Galerkin's method.

    ∂p/∂s = −∂/∂x (1 − x²)((x − i) p − p'/(2Δ)), x = cos θ, from the thermal upper half.
    """
    x, w = legendre.leggauss(2 * MODES)
    v = legendre.legvander(x, MODES - 1)
    slopes = np.stack(
        [legendre.legval(x, legendre.legder(row)) for row in np.eye(MODES)[1:]], axis=1
    )
    slopes = np.concatenate([np.zeros((len(x), 1)), slopes], axis=1)
    norm = (2 * np.arange(MODES) + 1) / 2
    weight = (w * (1 - x**2))[:, None]
    flow = norm[:, None] * (slopes.T @ (weight * ((x - i)[:, None] * v - slopes / (2 * delta))))
    # Half an axis at a time, since the start and the share that stays end at x = 0.
    half, half_w = (x + 1) / 2, w / 2
    upper = legendre.legvander(half, MODES - 1)
    start = np.exp(delta * (half**2 - 1))
    start /= half_w @ start
    p = norm * (upper.T @ (half_w * start))
    share = half_w @ upper
    return np.array([float(share @ (expm(flow * s) @ p)) for s in times])


RANGES = (
    ("i = 0.9 to 1.2, 1 to 3 τ_D", (0.9, 1.0, 1.1, 1.2), (1.0, 2.0, 3.0), 0.83, 0.97),
    ("i = 1.1, 20 τ_D", (1.1,), (20.0,), 16, 58),
    ("i = 1.5, 1 to 20 τ_D", (1.5,), (1.0, 2.0, 5.0, 10.0, 20.0), 0.9, 7.5),
    ("i = 2, 1 to 10 τ_D", (2.0,), (1.0, 2.0, 3.0, 5.0, 8.0, 10.0), 0.94, 1.9),
    ("i = 2.5 and 3, 1 to 3 τ_D", (2.5, 3.0), (1.0, 2.0, 3.0), 0.96, 1.44),
)
"""Of currents and pulses: the least and the largest quotient that is documented."""


def closed_forms(quick: bool) -> list[Figure]:
    """Write error rates of the closed forms over those of the Fokker–Planck equation."""
    told = []
    for name, currents, times, low, high in RANGES:
        quotients = [
            staying_probability(i, delta, np.array(times)) / true_staying(i, delta, times)
            for delta in ((40.0,) if quick else (40.0, 60.0, 77.0, 120.0))
            for i in currents
        ]
        least, most = float(np.min(quotients)), float(np.max(quotients))
        how = "closed form over Fokker–Planck, "
        how += "Δ = 40" if quick else "Δ = 40 to 120"
        told.append(at_least(f"write error, {name}: least quotient", least, low, "", how))
        told.append(at_most(f"write error, {name}: largest quotient", most, high, "", how))
    return told


if __name__ == "__main__":
    for figure in figures("--quick" in sys.argv):
        print(f"{figure.name}: {figure.value:.4g} {figure.unit} {figure.limit} "
              f"{'holds' if figure.holds else 'BROKEN'} ({figure.how})")  # fmt: skip
