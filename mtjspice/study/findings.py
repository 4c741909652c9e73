"""What a study finds, as data."""

from dataclasses import dataclass

from mtjspice.data.network import Network
from mtjspice.data.samples import Samples
from mtjspice.spec.study import Study
from mtjspice.study.verdict import Comparison
from mtjspice.verdicts.figures import Figure, Verdict


@dataclass(frozen=True)
class Story:
    """What a study came to: everything that its report tells.

    Attributes:
        study: what was asked.
        samples: data and split.
        networks: as they were to be written.
        comparison: both levels, and what differs.
        figures: the stated numbers, with limits.
        verdict: what the limits come to.
        warnings: what to know before trusting the figures.
        versions: of everything that the results depend on.
        times: wall seconds of each step.
        simulations: how many were ``run`` and how many ``found`` from before.
        keys: of all simulations.
    """

    study: Study
    samples: Samples
    networks: list[Network]
    comparison: Comparison
    figures: list[Figure]
    verdict: Verdict
    warnings: list[str]
    versions: dict[str, str]
    times: dict[str, float]
    simulations: dict[str, int]
    keys: list[str]
