"""The reproduction of Goodwill et al. (2022): a study, and what is asked of its networks."""

from typing import Annotated

from pydantic import Field

from mtjspice.spec.base import Count, FileName, Share, Spec
from mtjspice.spec.study import Study


class GoodwillLimits(Spec):
    """What makes the verdict a pass. A limit that is left out is not checked.

    Attributes:
        min_tuned_accuracy: least median over the networks of the share of training samples that
            ngspice classifies rightly at each network's best G_norm.
        min_equal_classes: least share of equal classes in the surrogate and in ngspice.
        most_minutes: wall time on two processor cores. It is stated and does not decide the
            verdict, because it depends on the machine.
        most_minutes_quick: the same for the quick run.
    """

    min_tuned_accuracy: Share | None = None
    min_equal_classes: Share | None = None
    most_minutes: Annotated[float, Field(gt=0)] | None = None
    most_minutes_quick: Annotated[float, Field(gt=0)] | None = None


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

    quick: Count = 30
    card: FileName = "passive15"
    published: Share = 0.953
    resamples: Annotated[int, Field(ge=100, le=100_000, strict=True)] = 2000
    study: Study
    limits: GoodwillLimits = GoodwillLimits()
