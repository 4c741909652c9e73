"""Levels, digits and steps, held against counting and against what is known to be best."""

import itertools

import pytest
import torch

from mtjspice.nn import Coding
from mtjspice.nn.coding import best_steps

CODINGS = [Coding("binary"), Coding("binary", 3), Coding("unary"), Coding("unary", 8),
           Coding("sliced", 2), Coding("sliced", 5)]  # fmt: skip


@pytest.mark.parametrize("coding", CODINGS, ids=str)
def test_digits_add_up_to_their_level(coding):
    levels = torch.tensor(coding.levels, dtype=torch.float32)
    digits = coding.digits(levels)
    assert digits.shape == (coding.pairs, len(levels))
    assert set(digits.unique().tolist()) <= {-1.0, 0.0, 1.0}
    factors = torch.tensor(coding.factors, dtype=torch.float32)
    assert torch.equal((digits * factors[:, None]).sum(0), levels)
    if coding.kind == "binary":
        assert (digits != 0).all()


@pytest.mark.parametrize("coding", CODINGS, ids=str)
def test_the_nearest_level_is_the_nearest(coding):
    weights = torch.linspace(-1.7 * coding.top, 1.7 * coding.top, 1001, dtype=torch.float64)
    levels = torch.tensor(coding.levels, dtype=torch.float64)
    least = (weights[:, None] - levels).abs().min(1).values
    assert torch.allclose((weights - coding.nearest(weights)).abs(), least)


def test_the_ternary_step_is_the_best_there_is():
    # For levels −1, 0 and 1 the best are the k largest magnitudes, with their mean for a step: the
    # k for which (sum of them)²/k is largest (F. Li et al., Ternary weight networks, 2016).
    chance = torch.Generator().manual_seed(2)
    for size, shape in itertools.product((1, 2, 7, 300), ("normal", "uniform", "spiky")):
        weights = torch.randn(5, size, generator=chance, dtype=torch.float64)
        if shape == "uniform":
            weights = torch.rand(5, size, generator=chance, dtype=torch.float64) - 0.5
        elif shape == "spiky":
            weights = weights**5
        step = best_steps(weights, Coding("unary"))
        levels = Coding("unary").nearest(weights / step[:, None])
        error = (weights - step[:, None] * levels).square().sum(1)
        sums = weights.abs().sort(1, descending=True).values.cumsum(1)
        gained = (sums.square() / torch.arange(1, size + 1)).amax(1)
        best = weights.square().sum(1) - gained
        assert torch.allclose(error, best, rtol=1e-9, atol=1e-12), (size, shape)


def test_the_binary_step_is_the_mean_magnitude():
    weights = torch.randn(4, 50, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    assert torch.allclose(best_steps(weights, Coding("binary")), weights.abs().mean(1))


def test_more_levels_leave_as_little_error_of_normal_weights_as_is_known():
    weights = torch.randn(1, 40_000, generator=torch.Generator().manual_seed(3)).double()
    left = []
    for pairs in (1, 3, 7, 15):
        coding = Coding("binary", pairs)
        step = best_steps(weights, coding)[:, None]
        left.append(float((weights - step * coding.nearest(weights / step)).square().mean()))
    # 2, 4, 8 and 16 levels equally far apart (J. Max, IRE Trans. Inf. Theory 6, 7, 1960, table II).
    assert left == pytest.approx([0.3634, 0.1188, 0.03744, 0.01154], rel=0.03)


def test_nothing_is_no_reason_to_stumble():
    weights = torch.zeros(2, 6)
    weights[1] = 1e-30
    for coding in CODINGS:
        step = best_steps(weights, coding)
        assert (step > 0).all() and step.isfinite().all()
