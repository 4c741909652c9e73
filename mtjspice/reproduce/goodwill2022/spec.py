"""The reproduction of Goodwill et al. (2022): a study, and what is asked of its networks."""

from typing import Annotated, Self

from pydantic import model_validator

from mtjspice.spec.base import FileName, Minutes, Networks, Share, Spec
from mtjspice.spec.ranges import Whole
from mtjspice.spec.study import Limits, Study

Resamples = Annotated[int, Whole(100, 100_000, "fewer make no interval, more change none")]
"""Resamples of a bootstrap: 100 to 100,000."""


class GoodwillLimits(Spec):
    """What makes the verdict a pass. A limit that is left out is not checked.

    The verdict is on the reproduction, not on networks to be used: whether these 300 give the
    published accuracy. There is no limit against chance, of which the published 95.3 % leaves
    nothing open; `mtjspice reproduce goodwill2022 --signoff` judges the networks, and has one.

    Attributes:
        min_tuned_accuracy: least median over the networks of the share of training samples that
            SPICE classifies rightly at each network's best G_norm.
        min_equal_classes: least share of equal classes in the surrogate and in SPICE.
        most_minutes: wall time on two processor cores. It is stated and does not decide the
            verdict, because it depends on the machine.
        most_minutes_quick: the same for the quick run.
    """

    min_tuned_accuracy: Share | None = None
    min_equal_classes: Share | None = None
    most_minutes: Minutes | None = None
    most_minutes_quick: Minutes | None = None


class Goodwill(Spec):
    """Everything that determines `mtjspice reproduce goodwill2022`.

    Attributes:
        quick: networks of the quick run, the first of the same ones.
        card: calibration card of the surrogate: the name of one that ships, or a path.
        published: the tuned median accuracy that the paper reports; a line in the pictures.
        resamples: of the networks, for the intervals of the rank correlations.
        study: data, networks, array, dies, writing, read-out.
        limits: of the verdict.
    """

    quick: Networks = 30
    card: FileName = "passive15"
    published: Share = 0.953
    resamples: Resamples = 2000
    study: Study
    limits: GoodwillLimits = GoodwillLimits()

    @model_validator(mode="after")
    def _check_limits(self) -> Self:
        if self.study.limits != Limits():
            raise ValueError(
                "study.limits are those of `mtjspice run`, and nothing is judged by them here: the "
                "reproduction has limits of its own, under limits"
            )
        return self
