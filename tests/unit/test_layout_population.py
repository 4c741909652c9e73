"""The mean over cells that differ and the worst of so many: against numbers drawn by numpy."""

import math

import numpy as np
import pytest
from scipy import stats

from mtjspice.layout.population import Factors, spread_of
from mtjspice.spec import Die, FreeLayer

SPREADS = {
    "resistance": ((0.05, 0.0, 0.0, 0.0), (0.0, 0.0)),
    "resistances": ((0.04, 0.06, 0.0, 0.0), (0.0, 0.0)),
    "free layer": ((0.0, 0.0, 0.06, 0.05), (0.0, 0.0)),
    "all": ((0.04, 0.04, 0.05, 0.05), (0.0, 0.0)),
    "also dies": ((0.03, 0.03, 0.03, 0.03), (0.05, 0.0)),
    "dies twice": ((0.03, 0.03, 0.03, 0.03), (0.04, 0.05)),
    "dies alone": ((0.0, 0.0, 0.0, 0.0), (0.05, 0.0)),
}


def chance(r_p, tmr0, stability, critical):
    """A probability as switching has them: of the current, curved, and held at 1."""
    i = 0.75 / (r_p * (1 + 0.5 * tmr0) / 1.5) / critical
    return np.minimum(np.exp(-60 * stability * (1 - np.minimum(i, 1)) ** 2), 1.0)


def of_factors(factors: Factors):
    return chance(factors.r_p, factors.tmr0, factors.stability, factors.critical)


def specs(spread) -> tuple[Die, FreeLayer]:
    (r, t, delta, ic0), (r_die, t_die) = spread
    die = Die(sigma_ln_rp=r, sigma_ln_tmr=t, sigma_ln_rp_die=r_die, sigma_ln_tmr_die=t_die)
    return die, FreeLayer(sigma_ln_delta=delta, sigma_ln_ic0=ic0)


def drawn(spread, dies: int, cells: int, seed: int) -> np.ndarray:
    """The probability of each cell of each die, [die, cell]."""
    own, common = spread
    z = np.random.default_rng(seed).standard_normal((4, dies, cells)) * np.reshape(own, (4, 1, 1))
    shared = np.random.default_rng(seed + 1).standard_normal((2, dies, 1))
    z[:2] += shared * np.reshape(common, (2, 1, 1))
    return chance(*np.exp(z))


@pytest.mark.parametrize("name", SPREADS)
def test_the_mean_is_that_of_a_million_cells(name):
    spread = SPREADS[name]
    dies, cells = (1_000_000, 1) if any(spread[1]) else (1, 1_000_000)
    all_drawn = drawn(spread, dies, cells, 1).ravel()
    error = all_drawn.std() / math.sqrt(all_drawn.size)
    found = spread_of(of_factors, *specs(spread), 100).mean
    assert error < 0.01 * found
    assert abs(found - all_drawn.mean()) < 3 * error + 0.005 * found
    assert found > 1.1 * chance(1.0, 1.0, 1.0, 1.0)


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
