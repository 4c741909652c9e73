"""The documented command on the small digits: what a newcomer sees."""

from statistics import fmean

import pytest

from mtjspice.spec import TrainingStudy, read_spec
from mtjspice.train.command import run_training

pytestmark = pytest.mark.slow
SEEDS = (1, 2, 3)


def mean_error(study: TrainingStudy, folder) -> float:
    """Over the dies that the command draws, none of which was met in training."""
    figures = {f.name: f.value for f in run_training(study, folder, digits=True).figures}
    return figures["mean error, 12 drawn dies"]


def test_training_for_the_statistics_beats_ideal_weights_on_the_digits(repository, tmp_path):
    shipped = read_spec(repository / "examples" / "die20k" / "training.toml", TrainingStudy)
    found = {"ideal": [], "statistics-aware": []}
    for method, errors in found.items():
        for seed in SEEDS:
            study = shipped.replace(seed=seed, training=shipped.training.replace(method=method))
            errors.append(mean_error(study, tmp_path / f"{method}-{seed}"))
    ideal, aware = found.values()
    assert all(a < i for a, i in zip(aware, ideal, strict=True))  # for every seed
    assert fmean(aware) < fmean(ideal) - 0.005
    assert fmean(aware) < 0.025
