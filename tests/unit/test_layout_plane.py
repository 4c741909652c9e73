"""Reads to first order, on limit states whose probability is known: a plane, and what is none."""

import math

import numpy as np
import pytest
import torch
from scipy import stats

from mtjspice.layout.access import Fitted
from mtjspice.layout.plane import Read, read_of
from mtjspice.spec import Crossbar, Die, PassiveCell, TransimpedanceAmplifier
from mtjspice.spec.layout import Layout, Sensing

FITTED = Fitted(None, 1e-5)
LAYOUT = Layout(
    name="plane",
    crossbar=Crossbar(rows=4, columns=3, cell=PassiveCell()),
    periphery=TransimpedanceAmplifier(gain=1e3),
    die=Die(sigma_ln_rp=0.1),
    sense=Sensing(offset=1e-3),
)
"""Has 27 numbers: R_P and TMR of 12 cells, of the die, and the offset."""
SF = stats.norm.sf


class Counted:
    """A margin that counts how often it is evaluated."""

    def __init__(self, margin):
        self.margin, self.evaluated = margin, 0

    def __call__(self, z):
        self.evaluated += len(z)
        return self.margin(z)


def test_a_plane_is_itself_whatever_it_hangs_on_and_takes_few_margins():
    margin = Counted(lambda z: 4 - 0.48 * z[:, 0] - 0.36 * z[:, 24] + 0.8 * z[:, 26])
    read = read_of(LAYOUT, FITTED, margin)
    assert read.failure == pytest.approx(SF(4), rel=1e-6)
    assert read.shared == pytest.approx((0.36, 0.0, -0.8))
    assert margin.evaluated < 250


def curved(bend: float) -> float:
    """Of 4 − z₀ − bend z₁²/2, by an even grid."""
    z = np.linspace(-9, 9, 20_001)
    return float(SF(4 - bend / 2 * z**2) @ stats.norm.pdf(z) * (z[1] - z[0]))


@pytest.mark.parametrize(
    ("margin", "true"),
    [
        pytest.param(lambda z: 30 - z[:, 0] ** 3 - z[:, 1], 9.8e-4, id="nearest one elsewhere"),
        pytest.param(lambda z: (4 - z[:, :25]).amin(1), -math.expm1(25 * math.log1p(-SF(4))),
                     id="series of 25"),
        pytest.param(lambda z: torch.minimum(4 - z[:, 0], 4.3 - z[:, 1]), SF(4) + SF(4.3),
                     id="two that differ"),
        pytest.param(lambda z: torch.minimum(4 - z[:, 0], 4 + z[:, 0]), 2 * SF(4), id="opposite"),
        pytest.param(lambda z: 16 - z[:, 0] ** 2, 2 * SF(4), id="flat start"),
        pytest.param(lambda z: 4 - z[:, 0] - 0.05 * z[:, 1] ** 2, curved(0.1), id="curved"),
        pytest.param(lambda z: (4 - z[:, 0]).clamp(max=3), SF(4), id="plateau at the start"),
    ],
)  # fmt: skip
def test_where_failures_have_no_single_plane_they_are_not_taken_for_rarer(margin, true):
    found = [read_of(LAYOUT.replace(seed=seed), FITTED, margin).failure for seed in range(3)]
    assert min(found) > 0.9 * true
    assert np.median(found) < 6 * true


def test_what_was_sampled_is_all_of_the_reads_own():
    read = read_of(LAYOUT, FITTED, lambda z: 16 - z[:, 26] ** 2)
    assert read.shared == (0.0, 0.0, 0.0)


def test_a_read_that_is_wrong_from_the_start_fails_more_often_than_not():
    assert read_of(LAYOUT, FITTED, lambda z: z[:, 0] - 1).failure == pytest.approx(SF(-1))
    assert read_of(LAYOUT, FITTED, lambda z: -1 - 0 * z[:, 0]) == Read(-math.inf)


@pytest.mark.parametrize("value", [1.0, -1.0])
def test_where_nothing_is_random_a_read_fails_always_or_never(value):
    fixed = LAYOUT.replace(die=Die(), sense=Sensing())
    read = read_of(fixed, FITTED, lambda z: torch.full((len(z),), value))
    assert read.failure == (value < 0)
