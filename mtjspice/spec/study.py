"""A whole study: data, network, array, read-out, limits. What `mtjspice run` takes."""

from typing import Annotated, Literal, Self

from pydantic import Field, Tag, model_validator

from mtjspice.spec.base import (
    Confidence,
    Epochs,
    LearningRate,
    Name,
    Networks,
    Neurons,
    ReadVoltage,
    Samples,
    Seed,
    Share,
    Spec,
    one_of,
)
from mtjspice.spec.crossbar import Crossbar
from mtjspice.spec.die import Die
from mtjspice.spec.periphery import Periphery, VirtualGround
from mtjspice.spec.ranges import Whole, Within
from mtjspice.spec.resources import Resources, SimulatorLimits
from mtjspice.spec.technology import Technology
from mtjspice.spec.writing import Writing

Solution = Annotated[int, Whole(0, 999_999_999, "numbers of solutions have up to nine digits")]
"""The number of a solution."""
Norm = Annotated[float, Within("1", 1e-3, 1e3, "G_norm in units of G_P − G_AP", usual=(0.05, 20))]
"""In units of the nominal G_P − G_AP, 0.001 to 1000."""


class WineData(Spec):
    """The 178 Wine samples that scikit-learn ships, 13 features each scaled to 0–1.

    Attributes:
        test_samples: how many are held out, drawn from the study's seed, in proportion to the
            classes; 30 as in Goodwill et al. (2022).
    """

    kind: Literal["wine"] = "wine"
    test_samples: Samples = 30


class WineNistData(Spec):
    """The same samples in the split of Goodwill et al. (2022), from the folder of the solutions."""

    kind: Literal["wine_nist"] = "wine_nist"


class FullBatch(Spec):
    """Networks with tanh and ternary weights that are trained as if the array were ideal.

    Attributes:
        hidden: neurons of each hidden layer.
        epochs: full-batch steps.
        learning_rate: of Adam at the start; it falls to zero along a cosine.
    """

    hidden: Annotated[tuple[Neurons, ...], Field(max_length=32)] = (6,)
    epochs: Epochs = 600
    learning_rate: LearningRate = 0.03


class TrainedNetwork(FullBatch):
    """The best of some networks, as `FullBatch` says.

    Attributes:
        restarts: networks that are trained side by side from different starts; the one with the
            lowest training loss is kept.
    """

    kind: Literal["trained"] = "trained"
    restarts: Networks = 16


class PopulationNetwork(FullBatch):
    """Many networks for the same data from different starts, as `FullBatch` says.

    Attributes:
        count: networks that are trained side by side.
        first: only so many of them are simulated, from the first on; all if left out.
    """

    kind: Literal["population"] = "population"
    count: Networks = 300
    first: Networks | None = None

    @model_validator(mode="after")
    def _check_first(self) -> Self:
        if self.first is not None and self.first > self.count:
            raise ValueError(f"first ({self.first}) must be at most count ({self.count})")
        return self


class SolutionsNetwork(Spec):
    """Networks that somebody else trained, read from a folder in NIST's format.

    Attributes:
        only: the numbers of the solutions to run; all of the folder if left out.
        first: at most so many of them, from the first on.
    """

    kind: Literal["solutions"] = "solutions"
    only: Annotated[tuple[Solution, ...], Field(min_length=1)] | None = None
    first: Networks | None = None


class Readout(Spec):
    """How currents become numbers: ``x ← (I₊ − I₋)/(G_norm·V_read) + b``.

    Attributes:
        read_voltage: the voltage that an input of 1 stands for, V.
        g_norm: the values of G_norm that are tried, in units of the nominal G_P − G_AP.
    """

    read_voltage: ReadVoltage = 0.1
    g_norm: Annotated[tuple[Norm, ...], Field(min_length=1, max_length=1000)] = (
        *(0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0, 1.05, 1.1, 1.2, 1.3, 1.5),
    )

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if list(self.g_norm) != sorted(set(self.g_norm)):
            raise ValueError("g_norm must rise from entry to entry")
        return self


class Limits(Spec):
    """What makes the verdict a pass. A limit that is left out is not checked.

    All are at each network's best G_norm, and for all samples like those that are counted, which
    are taken as a random draw of them. Of several networks they are medians over all networks that
    would be trained like these. Each is held against the interval in which it lies; a limit that an
    interval has on both sides is not decided. Without any limit that something can break nothing
    can pass.

    Attributes:
        confidence: that the intervals of accuracy, drop and flips hold together.
        samples: which ones are counted: ``test``, those that nothing was trained or tuned on, or
            ``all``, of which a network has most of them by heart.
        above_chance: least part of the way from chance to 100 % that SPICE's accuracy goes.
            Chance is what always saying the most frequent class of all samples gives. 0 asks for
            nothing.
        min_accuracy: least share of samples that SPICE classifies rightly.
        max_accuracy_drop: most by which SPICE's accuracy may lie below the ideal one.
        max_flips: largest share of samples whose class differs between SPICE and ideal.
    """

    confidence: Confidence = 0.99
    samples: Literal["test", "all"] = "test"
    above_chance: Share | None = 0.5
    min_accuracy: Share | None = None
    max_accuracy_drop: Share | None = None
    max_flips: Share | None = None

    @property
    def can_break(self) -> bool:
        """Whether anything is asked for: a least of 0 and a most of 1 hold whatever comes out."""
        most = (self.max_accuracy_drop, self.max_flips)
        return bool(self.above_chance or self.min_accuracy) or any(
            limit is not None and limit < 1 for limit in most
        )


class Study(Spec):
    """Everything that determines what `mtjspice run` reports.

    Attributes:
        name: stands in the title of the report.
        seed: of the data split and the training.
        data: the samples.
        network: trained here or read.
        crossbar: every layer lives on a tile of this kind.
        die: spread and defects; layer k is tile k of the die.
        dies: ``shared`` puts every network on that die; ``own`` gives network n the draw of the
            seed ``die.seed + n``.
        writing: the pulses that write the tiles, some of which fail; without errors if left out.
        periphery: the read-out of each tile.
        technology: card, corner and temperature of the transistors.
        readout: how currents become numbers.
        limits: of the verdict.
        simulator: limits on its processes; no part of the spec's key.

    Example:
        >>> from mtjspice import Crossbar, Study
        >>> Study(name="mine", crossbar=Crossbar(rows=15, columns=15)).network.restarts
        16
    """

    name: Name
    seed: Seed = 0
    data: Annotated[
        Annotated[WineData, Tag("wine")] | Annotated[WineNistData, Tag("wine_nist")], one_of("wine")
    ] = WineData()
    network: Annotated[
        Annotated[TrainedNetwork, Tag("trained")]
        | Annotated[PopulationNetwork, Tag("population")]
        | Annotated[SolutionsNetwork, Tag("solutions")],
        one_of("trained"),
    ] = TrainedNetwork()
    crossbar: Crossbar
    die: Die = Die()
    dies: Literal["shared", "own"] = "shared"
    writing: Writing | None = None
    periphery: Periphery = VirtualGround()
    technology: Technology = Technology()
    readout: Readout = Readout()
    limits: Limits = Limits()
    simulator: SimulatorLimits = Resources()

    @model_validator(mode="after")
    def _check_array(self) -> Self:
        self.die.check_fit(self.crossbar.shape)
        self.die.check_short(self.crossbar.cell.mtj)
        if self.writing is not None and self.crossbar.cell.series != "nothing":
            raise ValueError(
                "writing must be left out for cells of the kind "
                f"{self.crossbar.cell.kind}: what is in series with the junction takes a part of a "
                "pulse that has no closed form here; allowed is passive"
            )
        if self.writing is not None:
            self.writing.free_layer.check_diameters(self.die)
        return self
