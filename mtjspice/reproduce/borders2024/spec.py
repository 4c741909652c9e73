"""What `mtjspice reproduce borders2024` does: networks, dies, sweeps and limits."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from mtjspice.spec.base import (
    Dies,
    Minutes,
    Name,
    Networks,
    Samples,
    Seed,
    Share,
    Some,
    Spec,
)
from mtjspice.spec.ranges import Within
from mtjspice.spec.resources import Resources, SimulatorLimits
from mtjspice.spec.training import Hardware, TiledNetwork, Training

Factor = Annotated[float, Within("1", 0, 1000, "a multiple of a rate or a draw", usual=(0, 20))]
"""A factor, 0 to 1000."""


class Recipe(Spec):
    """A network and how it is trained.

    Attributes:
        network: what is trained.
        training: how.
    """

    network: TiledNetwork = TiledNetwork()
    training: Training = Training()


class OwnDie(Spec):
    """Hardware-aware training: the weights of the baseline, trained on for one die.

    Attributes:
        training: on the die.
        dies: how many dies get weights of their own.
        others: on how many other dies each of them is judged.
    """

    training: Training = Training(method="hardware-aware", epochs=10)
    dies: Dies = 36
    others: Some = 5


class Sweeps(Spec):
    """What is varied.

    Attributes:
        shorts: short rates that weights are judged at.
        retrained: those of them for which weights are trained anew.
        factors: on all rates of defects, for the error against the number of defects.
        dies: at each rate and factor.
        own_dies: dies that get weights of their own at each factor.
        directions: random defect draws along which the loss is followed.
        along: how much of a draw is applied, from 0 (nominal die) on.
        samples: test samples for those losses.
    """

    shorts: Annotated[tuple[Share, ...], Field(min_length=2)] = (
        0.0,
        0.001,
        0.002,
        0.003,
        0.005,
        0.01,
    )
    retrained: tuple[Share, ...] = (0.003, 0.01)
    factors: Annotated[tuple[Factor, ...], Field(min_length=2)] = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0)
    dies: Dies = 12
    own_dies: Dies = 3
    directions: Samples = 12
    along: Annotated[tuple[Factor, ...], Field(min_length=2)] = (0.0, 0.5, 1.0, 1.5, 2.0)
    samples: Samples = 2000

    @model_validator(mode="after")
    def _check_retrained(self) -> Self:
        if not set(self.retrained) <= set(self.shorts):
            raise ValueError(f"retrained {list(self.retrained)} must be among shorts")
        if self.along[0] != 0 or 1.0 not in self.along:
            raise ValueError(f"along {list(self.along)} must begin with 0 and have 1")
        return self


class Promises(Spec):
    """Limits of the figures, in points of error on the whole test set.

    The verdict is on the reproduction, not on weights to be used: whether errors lie as far from
    each other as published. That they beat chance follows from the limit on the baseline and those
    on what lies above it; `mtjspice reproduce borders2024 --signoff` judges weights, and has a
    limit of its own against chance.

    Attributes:
        baseline: largest error of the baseline in software.
        statistics_aware: most by which the mean over the dies may lie above the baseline.
        own_die: the same for weights that are trained for their die.
        three_in_thousand: the same at 0.3 % shorts.
        most_minutes: wall time on two processors; not in the verdict.
    """

    baseline: Share | None = None
    statistics_aware: Share | None = None
    own_die: Share | None = None
    three_in_thousand: Share | None = None
    most_minutes: Minutes | None = None


class Borders(Spec):
    """Everything that determines the report, besides the data.

    Attributes:
        name: stands in its title.
        seed: of the first network; the others count on from it.
        die_seed: of the dies.
        seeds: networks of each kind for the headline.
        high_seeds: networks that are trained for 0.3 % shorts.
        dies: that they are judged on.
        hardware: that all networks live on.
        baseline: trained as if the array were ideal; the network of the paper.
        robust: trained for the distribution of dies.
        own: trained for one die.
        sweeps: what is varied.
        deep: a network of several layers over several dies, trained both ways.
        deep_dies: how many dies it spans.
        correction: training samples that a die reads for its digital correction.
        audit: test images that go through SPICE on one die.
        limits: of the verdict.
        simulator: limits on its processes; no part of the spec's key.
    """

    name: Name
    seed: Seed = 0
    die_seed: Seed = 0
    seeds: Networks = 5
    high_seeds: Networks = 3
    dies: Dies = 36
    hardware: Hardware = Hardware()
    baseline: Recipe = Recipe(training=Training(method="ideal"))
    robust: Recipe = Recipe()
    own: OwnDie = OwnDie()
    sweeps: Sweeps = Sweeps()
    deep: Recipe = Recipe(network=TiledNetwork(hidden=(84, 84, 84)))
    deep_dies: Dies = 3
    correction: Samples = 1000
    audit: Some = 25
    limits: Promises = Promises()
    simulator: SimulatorLimits = Resources()

    @model_validator(mode="after")
    def _check_dies(self) -> Self:
        if self.hardware.dies != 1:
            raise ValueError("hardware.dies must be 1: deep_dies says what the deep network spans")
        if self.own.dies > self.dies:
            raise ValueError(f"own.dies ({self.own.dies}) must be at most dies ({self.dies})")
        most = min(self.sweeps.dies, self.own.dies)
        if self.sweeps.own_dies > most:
            raise ValueError(
                f"sweeps.own_dies ({self.sweeps.own_dies}) must be at most {most}, the least of "
                "sweeps.dies and own.dies"
            )
        return self
