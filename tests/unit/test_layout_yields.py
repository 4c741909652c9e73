"""The yield of reads that share offset and die, against counts that know nothing of it."""

import math

import numpy as np
import pytest
from scipy import stats

from mtjspice.layout.access import Fitted
from mtjspice.layout.fast import first_order_yield
from mtjspice.layout.plane import Read
from mtjspice.layout.yields import Spared, yield_of
from mtjspice.spec import Crossbar, Die, Mtj, PassiveCell, TransimpedanceAmplifier
from mtjspice.spec.layout import DefectLimits, Layout, Reading, Sensing

MTJ = Mtj(tmr0=2.0, v_half=math.inf)
P, AP = 1e2 / MTJ.r_p, 1e2 / MTJ.r_ap
"""What cells that are read alone with 0.1 V come to on 1 kΩ, V."""
ARRAYS = 60_000


def layout(rows: int, columns: int, die: Die, offset: float, bad_lines: int = 0) -> Layout:
    return Layout(
        name="yields",
        crossbar=Crossbar(rows=rows, columns=columns, cell=PassiveCell(mtj=MTJ)),
        periphery=TransimpedanceAmplifier(gain=1e3),
        read=Reading(voltage=0.1, rows=1),
        die=die,
        sense=Sensing(offset=offset),
        defects=DefectLimits(bad_lines=bad_lines),
    )


def counted(one: Layout) -> float:
    """The share of good arrays: every cell is read in both states; a line has one offset."""
    chance, die, shape = np.random.default_rng(3), one.die, one.crossbar.shape
    good = 0
    for _ in range(10):
        few = ARRAYS // 10
        ln_rp = die.sigma_ln_rp * chance.standard_normal((few, *shape))
        ln_rp += die.sigma_ln_rp_die * chance.standard_normal((few, 1, 1))
        ln_tmr = die.sigma_ln_tmr * chance.standard_normal((few, *shape))
        ln_tmr += die.sigma_ln_tmr_die * chance.standard_normal((few, 1, 1))
        r_p = MTJ.r_p * np.exp(ln_rp)
        own = (P + AP) / 2 + one.sense.offset * chance.standard_normal((few, 1, shape[1]))
        right = (1e2 / r_p > own) & (1e2 / (r_p * (1 + MTJ.tmr0 * np.exp(ln_tmr))) < own)
        good += int(((~right.all(1)).sum(1) <= one.defects.bad_lines).sum())
    return good / ARRAYS


HALF = (P - AP) / 2


@pytest.mark.parametrize(
    ("name", "one"),
    [
        ("offset", layout(32, 4, Die(sigma_ln_rp=0.002), HALF / 3.2)),
        ("die", layout(32, 4, Die(sigma_ln_rp=0.002, sigma_ln_rp_die=0.14), 0.0)),
        ("die, one may fail", layout(32, 4, Die(sigma_ln_rp=0.05, sigma_ln_rp_die=0.14), 0.0, 1)),
        ("TMR of the die", layout(32, 4, Die(sigma_ln_rp_die=0.1, sigma_ln_tmr_die=0.2), HALF / 3)),
        ("all", layout(16, 4, Die(sigma_ln_rp=0.06, sigma_ln_tmr=0.05, sigma_ln_rp_die=0.08,
                                  sigma_ln_tmr_die=0.05), HALF / 4)),
        ("cells", layout(16, 4, Die(sigma_ln_rp=0.12), 0.0)),
    ],
)  # fmt: skip
def test_what_reads_have_in_common_is_not_drawn_anew_for_each(name, one):
    share = counted(one)
    lost = 1 - first_order_yield(one, Fitted(None, 1e-5), (P + AP) / 2)
    error = math.sqrt(share * (1 - share) / ARRAYS)
    # To first order: within a tenth of what is lost, beside the error of the count.
    assert abs(lost - (1 - share)) < 4 * error + 0.1 * (1 - share), name


def alike(distance: float, shared: tuple[float, float, float], lines: int = 1):
    return [[[Read(distance, shared)] * lines]]


@pytest.mark.parametrize("bad_lines", [0, 1, 3])
def test_reads_of_their_own_are_independent_and_those_of_one_die_are_one(bad_lines):
    one = layout(5, 4, Die(), 0.0, bad_lines)
    p = stats.norm.sf(2)
    right = (1 - p) ** 5
    own = yield_of(one, alike(2, (0, 0, 0)), Spared())
    assert own == pytest.approx(stats.binom.cdf(bad_lines, 4, 1 - right), rel=1e-9)
    of_line = yield_of(one, alike(2, (0, 0, 1)), Spared())
    assert 1 - of_line == pytest.approx(stats.binom.sf(bad_lines, 4, p), rel=0.03)
    for shared in [(1, 0, 0), (0, -1, 0)]:
        assert 1 - yield_of(one, alike(2, shared), Spared()) == pytest.approx(p, rel=0.02)


def test_a_single_read_fails_as_often_as_it_does_whatever_it_shares():
    one = layout(1, 1, Die(), 0.0)
    for shared in [(0.6, 0, 0.8), (0.5, -0.5, 0.5), (0.3, 0.2, -0.93), (0.7, 0.7, 0)]:
        lost = 1 - yield_of(one, alike(3.5, shared), Spared())
        assert lost == pytest.approx(stats.norm.sf(3.5), rel=2e-3)


def test_lines_in_between_are_even_in_the_logarithm():
    one = layout(1, 1, Die(), 0.0)
    reads = [[[Read(d) for d in (1.0, 2.0, 3.0)]]]
    right = np.prod(stats.norm.cdf([1.0, 2.0, 2.0, 3.0])) ** 0.25
    assert yield_of(one, reads, Spared()) == pytest.approx(right)


def test_defects_of_lines_and_of_the_array_are_counted_where_they_belong():
    one = layout(1, 3, Die(), 0.0, 1)
    found = yield_of(one, alike(math.inf, (0, 0, 0)), Spared(math.log(0.9), math.log(0.8)))
    assert found == pytest.approx(0.8 * stats.binom.cdf(1, 3, 0.1))
