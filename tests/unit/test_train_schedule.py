"""The learning rate from step to step."""

import numpy as np
import pytest

from mtjspice.reproduce.borders2024.run import shipped_spec
from mtjspice.train.schedule import LAST, rate_of, warm_steps

MNIST = 60_000


def rates(steps: int) -> np.ndarray:
    return np.array([rate_of(k, steps, 1.0) for k in range(steps)])


@pytest.mark.parametrize("quick", [False, True])
def test_the_published_trainings_rise_over_200_steps(quick):
    spec = shipped_spec(quick=quick)
    for recipe in (spec.baseline, spec.robust, spec.own, spec.deep):
        training = recipe.training
        steps = max(training.epochs * (MNIST // training.batch), training.steps)
        assert steps == training.epochs * 234  # the least number changes none of them
        assert warm_steps(steps) == 200


@pytest.mark.parametrize(
    ("steps", "warm"), [(1, 1), (3, 1), (4, 1), (8, 2), (200, 50), (799, 199), (800, 200)]
)
def test_a_short_training_rises_over_a_quarter_of_its_steps(steps, warm):
    assert warm_steps(steps) == warm
    assert int(np.argmax(rates(steps))) <= warm


@pytest.mark.parametrize("steps", [8, 200, 2000])
def test_the_rate_rises_to_near_the_whole_and_falls_to_a_hundredth(steps):
    found, warm = rates(steps), warm_steps(steps)
    assert (np.diff(found[:warm]) > 0).all()
    assert (np.diff(found[warm:]) < 0).all()
    assert 0.8 < found.max() <= 1
    assert found[-1] == pytest.approx(LAST, abs=0.05)
    assert rate_of(steps, steps, 1.0) == pytest.approx(LAST)
