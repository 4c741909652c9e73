"""What goodwill2022 finds, as data."""

from dataclasses import dataclass

from mtjspice.data.samples import Samples
from mtjspice.networks.levels import Chip
from mtjspice.reproduce.goodwill2022.correlation import Correlations
from mtjspice.reproduce.goodwill2022.predictors import FIDELITY, Predictor, Programmed
from mtjspice.reproduce.goodwill2022.spec import Goodwill
from mtjspice.spec.study import Study
from mtjspice.study.verdict import LevelScore
from mtjspice.verdicts.figures import Figure, Verdict


@dataclass(frozen=True)
class GoodwillStory:
    """Everything that the report tells.

    Attributes:
        spec: as it was given.
        study: what was done, with what the command line changed.
        quick: whether only the first networks were taken.
        samples: data and split.
        chips: the networks in their tiles.
        devices: the same as read back and as applied.
        levels: scores at ``ideal``, ``surrogate`` and ``spice``.
        metrics: numbers that may predict tuned accuracy.
        correlations: of the metrics, by target.
        best: which metric goes with tuned accuracy best.
        figures: the stated numbers.
        verdict: what the limits come to; times do not count.
        versions: of everything.
        times: wall seconds.
        simulations: how many were run and found.
        keys: of all simulations.
        card_key: of the data of the surrogate's card.
    """

    spec: Goodwill
    study: Study
    quick: bool
    samples: Samples
    chips: list[Chip]
    devices: list[Programmed]
    levels: dict[str, LevelScore]
    metrics: list[Predictor]
    correlations: dict[str, Correlations]
    best: int
    figures: list[Figure]
    verdict: Verdict
    versions: dict[str, str]
    times: dict[str, float]
    simulations: dict[str, int]
    keys: list[str]
    card_key: str

    @property
    def title(self) -> str:
        """What was done, in one line."""
        return self.study.name

    @property
    def fidelity(self) -> int:
        """Which metric is write fidelity."""
        return [metric.name for metric in self.metrics].index(FIDELITY)
