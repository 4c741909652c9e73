"""The mean over cells that differ and the worst of so many: against numbers drawn by numpy."""

import math

import numpy as np
import pytest
from scipy import stats

from mtjspice.layout.population import Factors, spread_of
from mtjspice.spec import Die, FreeLayer

SPREADS = {
    "resistance": ((0.05, 0.0, 0.0, 0.0, 0.0), (0.0, 0.0)),
    "resistances": ((0.04, 0.06, 0.0, 0.0, 0.0), (0.0, 0.0)),
    "free layer": ((0.0, 0.0, 0.06, 0.05, 0.0), (0.0, 0.0)),
    "all": ((0.04, 0.04, 0.05, 0.05, 0.0), (0.0, 0.0)),
    "also dies": ((0.03, 0.03, 0.03, 0.03, 0.0), (0.05, 0.0)),
    "dies twice": ((0.03, 0.03, 0.03, 0.03, 0.0), (0.04, 0.05)),
    "dies alone": ((0.0, 0.0, 0.0, 0.0, 0.0), (0.05, 0.0)),
    "diameters alone": ((0.06, 0.0, 0.0, 0.0, 0.03), (0.0, 0.0)),
    "also diameters": ((0.05, 0.04, 0.04, 0.04, 0.02), (0.0, 0.0)),
    "diameters and dies": ((0.05, 0.03, 0.03, 0.03, 0.02), (0.04, 0.05)),
}
"""(Of ln R_P, ln TMR, ln Δ, ln I_c0 and ln diameter; of ln R_P and ln TMR from die to die)."""


def chance(r_p, tmr0, stability, critical):
    """A probability as switching has them: of the current, curved, and held at 1."""
    i = 0.75 / (r_p * (1 + 0.5 * tmr0) / 1.5) / critical
    return np.minimum(np.exp(-60 * stability * (1 - np.minimum(i, 1)) ** 2), 1.0)


def of_factors(factors: Factors):
    return chance(factors.r_p, factors.tmr0, factors.stability, factors.critical)


def specs(spread) -> tuple[Die, FreeLayer]:
    (r, t, delta, ic0, d), (r_die, t_die) = spread
    die = Die(sigma_ln_rp=r, sigma_ln_tmr=t, sigma_ln_rp_die=r_die, sigma_ln_tmr_die=t_die)
    return die, FreeLayer(sigma_ln_delta=delta, sigma_ln_ic0=ic0, sigma_ln_diameter=d)


def drawn(spread, dies: int, cells: int, seed: int) -> np.ndarray:
    """The probability of each cell of each die, [die, cell].

    R_P goes with one over the area, Δ and I_c0 with it; the spread of R_P is the whole one.
    """
    (r, t, delta, ic0, d), common = spread
    own = (math.sqrt(r**2 - (2 * d) ** 2), t, delta, ic0, d)
    z = np.random.default_rng(seed).standard_normal((5, dies, cells)) * np.reshape(own, (5, 1, 1))
    shared = np.random.default_rng(seed + 1).standard_normal((2, dies, 1))
    z[:2] += shared * np.reshape(common, (2, 1, 1))
    area = np.exp(z[4]) ** 2
    r_p, tmr0, stability, critical = np.exp(z[:4])
    return chance(r_p / area, tmr0, stability * area, critical * area)


@pytest.mark.parametrize("name", SPREADS)
def test_the_mean_is_that_of_a_million_cells(name):
    spread = SPREADS[name]
    dies, cells = (1_000_000, 1) if any(spread[1]) else (1, 1_000_000)
    all_drawn = drawn(spread, dies, cells, 1).ravel()
    error = all_drawn.std() / math.sqrt(all_drawn.size)
    found = spread_of(of_factors, *specs(spread), 100).mean
    assert error < 0.01 * found
    assert abs(found - all_drawn.mean()) < 3 * error + 0.005 * found
    # Currents go with the area as I_c0 does, so that diameters leave a spread of Δ alone.
    least = 1.01 if name == "diameters alone" else 1.1
    assert found > least * chance(1.0, 1.0, 1.0, 1.0)


@pytest.mark.parametrize("cells", [1, 40, 400])
@pytest.mark.parametrize("name", SPREADS)
def test_the_worst_is_exceeded_on_half_of_the_dies(name, cells):
    spread, dies = SPREADS[name], 4000
    worst = drawn(spread, dies, cells, 7).max(axis=1)
    found = spread_of(of_factors, *specs(spread), cells).worst
    # The share of dies beyond it is one half, within four standard errors of so many dies.
    beyond = float((worst > found).mean())
    assert abs(beyond - 0.5) < 4 * 0.5 / math.sqrt(dies) + 0.01


def test_without_spread_all_cells_are_nominal():
    found = spread_of(of_factors, Die(), FreeLayer(), 1000)
    nominal = float(chance(1.0, 1.0, 1.0, 1.0))
    assert found.mean == found.worst == pytest.approx(nominal, rel=1e-12)


def test_more_cells_have_a_worse_one_and_the_same_mean():
    die, layer = specs(SPREADS["all"])
    few, many = (spread_of(of_factors, die, layer, n) for n in (100, 100_000))
    assert many.worst > few.worst
    assert many.mean == few.mean


def test_far_out_the_worst_of_a_million_has_the_quantile_of_the_normal_distribution():
    # 1e-7 exp(30 z sigma): its median of the largest is known.
    die = Die(sigma_ln_rp=0.04)
    found = spread_of(lambda f: 1e-7 * f.r_p**30, die, FreeLayer(), 1_000_000)
    quantile = stats.norm.ppf(0.5**1e-6)
    assert found.worst == pytest.approx(1e-7 * math.exp(30 * 0.04 * quantile), rel=0.02)
    assert found.mean == pytest.approx(1e-7 * math.exp((30 * 0.04) ** 2 / 2), rel=1e-3)


def test_the_least_is_the_worst_of_the_negative():
    die = Die(sigma_ln_rp=0.05)
    found = spread_of(lambda f: -0.6 * f.r_p, die, FreeLayer(), 500)
    quantile = stats.norm.ppf(0.5 ** (1 / 500))
    assert -found.worst == pytest.approx(0.6 * math.exp(-0.05 * quantile), rel=1e-3)


@pytest.mark.parametrize("name", SPREADS)
def test_the_worst_cell_has_the_worst_value(name):
    found = spread_of(of_factors, *specs(SPREADS[name]), 400)
    assert of_factors(found.cell)[0] == pytest.approx(found.worst, rel=1e-6)


def test_the_worst_cell_is_the_likeliest_that_has_its_value():
    # Of r^20 t^-10 it lies along the gradient: at 20 and -10 times the spread, by its length.
    die, cells = Die(sigma_ln_rp=0.04, sigma_ln_tmr=0.06), 1000
    found = spread_of(lambda f: 1e-9 * f.r_p**20 / f.tmr0**10, die, FreeLayer(), cells)
    slopes = np.array([20 * 0.04, -10 * 0.06])
    away = stats.norm.ppf(0.5 ** (1 / cells)) * slopes / np.hypot(*slopes)
    own = np.log([found.cell.r_p[0], found.cell.tmr0[0]]) / (0.04, 0.06)
    assert own == pytest.approx(away, abs=0.15)
    assert found.cell.stability[0] == found.cell.critical[0] == 1


def test_a_worst_value_below_the_nominal_one_has_a_cell_too():
    # Of a single cell: the median of what is largest where the nominal cell is.
    found = spread_of(lambda f: -np.abs(np.log(f.r_p)), Die(sigma_ln_rp=0.05), FreeLayer(), 1)
    assert found.worst == pytest.approx(-0.05 * stats.norm.ppf(0.75), rel=0.02)
    assert abs(np.log(found.cell.r_p[0])) == pytest.approx(-found.worst, rel=1e-6)
