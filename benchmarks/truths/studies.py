"""Verdicts of studies (`mtjspice run`) whose truth is known: one network, and many.

Samples are hard or easy for all networks alike, so that many networks on few samples know little of
other samples; networks differ besides. All have their training samples by heart. The limit lies on
either side of the true median, near and far. Only what the networks say is made up, the rest is the
code of a study. Five minutes; quick: half of one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mtjspice.spec import Crossbar, Limits, Readout, Study
from mtjspice.study.verdict import Comparison, LevelScore, judge
from mtjspice.verdicts.figures import Figure, Interval, at_least, at_most
from mtjspice.verdicts.intervals import of_share

STUDIES, QUICK_STUDIES = 2000, 100
EASY, HARD, SHARE_HARD = 0.97, 0.35, 0.25
"""How often samples are right, and how many of them are hard."""
SPREAD = 0.02
"""Of networks' accuracies, beside that."""
TRAINED = 100
"""Samples that are trained with, and always right."""
DISTANCES = (-0.2, -0.05, 0.05, 0.12)
"""Of the limit from the truth."""
SHAPES = ((1, 40), (1, 300), (20, 10), (20, 30), (20, 300), (300, 30))
"""Networks, and samples that nothing was trained with."""
CONFIDENCE, OF_COUNT = 0.99, 0.99


@dataclass(frozen=True)
class Made:
    """A study that is made up.

    Attributes:
        truth: median over all networks of the accuracy over all samples.
        comparison: what its networks say.
    """

    truth: float
    comparison: Comparison


def figures(quick: bool) -> Sequence[Figure]:
    """All of this part."""
    count = QUICK_STUDIES if quick else STUDIES
    chance = np.random.default_rng(15)
    wrong = {"PASS": 0, "FAIL": 0}
    should = {"PASS": 0, "FAIL": 0}
    held, decided = 0, 0
    for k in range(count):
        networks, samples = SHAPES[k % len(SHAPES)]
        made = _made(networks, samples, chance)
        limit = made.truth + DISTANCES[k // len(SHAPES) % len(DISTANCES)]
        study = Study(
            name="made up",
            crossbar=Crossbar(rows=2, columns=2),
            readout=Readout(g_norm=(1.0,)),
            limits=Limits(confidence=CONFIDENCE, above_chance=None, min_accuracy=limit),
        )
        found = {figure.name: figure for figure in judge(study, made.comparison)}
        accuracy = found["accuracy, test samples, SPICE"]
        assert accuracy.interval is not None
        right = "PASS" if made.truth >= limit else "FAIL"
        should[right] += 1
        if accuracy.holds is not None:
            decided += 1
            wrong["PASS"] += accuracy.holds and right == "FAIL"
            wrong["FAIL"] += not accuracy.holds and right == "PASS"
        held += accuracy.interval.low <= made.truth <= accuracy.interval.high
    how = f"{count} studies of 1, 20 and 300 networks, 10 to 300 samples each; {decided} decided"
    return [
        _share("studies: wrong PASS", wrong["PASS"], should["FAIL"], count, how),
        _share("studies: wrong FAIL", wrong["FAIL"], should["PASS"], count, how),
        at_least("studies: intervals of the accuracy that hold the truth", held / count, CONFIDENCE,
                 "share", how, Interval(*_ends(held, count), OF_COUNT) if quick else None),
        Figure("studies: decided", decided / count, "share", "", None, how),
    ]  # fmt: skip


def _share(name: str, wrong: int, should: int, count: int, how: str) -> Figure:
    """Verdicts that are wrong, of those that should be otherwise."""
    few = Interval(*_ends(wrong, should), OF_COUNT) if count < STUDIES else None
    return at_most(
        name, wrong / should, 1 - CONFIDENCE, "share", f"{wrong} of {should}; {how}", few
    )


def _ends(count: int, total: int) -> tuple[float, float]:
    found = of_share(count, total, OF_COUNT)
    return found.low, found.high


def _made(networks: int, samples: int, chance: np.random.Generator) -> Made:
    """Networks of a population on samples of another, after training."""
    own = chance.uniform(-SPREAD, SPREAD, networks)
    ease = np.where(chance.random(samples) < SHARE_HARD, HARD, EASY)
    right = chance.random((networks, samples)) < ease + own[:, None]
    every = np.concatenate([np.ones((networks, TRAINED), dtype=np.bool_), right], axis=1)
    labels = np.zeros(TRAINED + samples, dtype=np.int64)
    spice = _level("spice", np.where(every, 0, 1), labels)
    return Made(
        truth=SHARE_HARD * HARD + (1 - SHARE_HARD) * EASY,
        comparison=Comparison(
            ideal=_level("ideal", np.zeros_like(every, dtype=np.int64), labels),
            spice=spice,
            labels=labels,
            train=np.arange(labels.size) < TRAINED,
            flips=(),
            current_errors=(),
            clipped=(),
            delivered=(),
        ),
    )


def _level(
    name: str, predicted: npt.NDArray[np.int64], labels: npt.NDArray[np.int64]
) -> LevelScore:
    right = predicted == labels
    trained = np.arange(labels.size) < TRAINED
    splits = {"all": np.full(labels.size, True), "train": trained, "test": ~trained}
    return LevelScore(
        level=name,
        curves={split: right[:, mask].mean(1, keepdims=True) for split, mask in splits.items()},
        best=np.zeros(len(predicted), dtype=np.int64),
        predicted=predicted,
        confusion=np.zeros((2, 2), dtype=np.int64),
    )
