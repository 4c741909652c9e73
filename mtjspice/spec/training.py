"""What `mtjspice train` takes: a network, the tiles that it lives on, how it is trained."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from mtjspice.spec.base import (
    Dies,
    Epochs,
    FileName,
    LearningRate,
    Name,
    Neurons,
    Samples,
    Seed,
    Spec,
    Tiles,
)
from mtjspice.spec.die import Die
from mtjspice.spec.ranges import Within
from mtjspice.spec.rates import DefectRates

Method = Literal["ideal", "hardware-aware", "statistics-aware"]


MOST_LAYERS = 32
"""Most hidden layers."""
Outlier = Annotated[
    float, Within("1", 0.01, 1e4, "in units of a weight times an input", zero=True, usual=(0.5, 50))
]
"""In units of a weight times an input: zero, or 0.01 to 10,000."""


class TiledNetwork(Spec):
    """Fully connected layers, spread over tiles.

    Attributes:
        hidden: neurons of each hidden layer.
        inputs: how many of the data's features are used, those that vary most over the training
            samples; all if left out.
        weights: ``binary`` (−1, 1) or ``ternary`` (−1, 0, 1).
        activation: of hidden neurons: ``tanh``, or ``sign``.
        groups: of each layer: so many groups of tiles share its inputs; as few as possible if left
            out. More, smaller groups show a defect the more clearly.
        copies: of each layer's outputs: each copy has weights of its own.
        outlier: of each layer, in units of a weight times an input: a partial sum s counts with
            the weight 1/(1 + (s/outlier)⁴), so that what a defect adds fades out; 0 to count all
            alike. The digital part does it, after the converter.
    """

    hidden: Annotated[tuple[Neurons, ...], Field(max_length=MOST_LAYERS)] = (84,)
    inputs: Neurons | None = None
    weights: Literal["binary", "ternary"] = "ternary"
    activation: Literal["tanh", "sign"] = "tanh"
    groups: tuple[Tiles, ...] | None = None
    copies: tuple[Tiles, ...] | None = None
    outlier: tuple[Outlier, ...] | None = None

    @model_validator(mode="after")
    def _check_layers(self) -> Self:
        layers = len(self.hidden) + 1
        for name in ("groups", "copies", "outlier"):
            value = getattr(self, name)
            if value is not None and len(value) != layers:
                raise ValueError(
                    f"{name} has {len(value)} entries; the network has {layers} layers"
                )
        return self


class Training(Spec):
    """How a network is trained: Adam, with a rate that falls to zero along a cosine.

    Attributes:
        method: ``ideal`` knows nothing of the circuit; ``hardware-aware`` trains through the
            circuit of one die, with its spread and its defects; ``statistics-aware`` through
            nominal tiles with spread and defects drawn anew for every group of samples.
        epochs: passes over the training samples.
        steps: at least so many; where the samples are few, there are more epochs for it.
        batch: samples of a step.
        learning_rate: at the start.
        dies: draws in a batch, for ``statistics-aware``.
    """

    method: Method = "statistics-aware"
    epochs: Epochs = 40
    steps: Samples = 1
    batch: Samples = 256
    learning_rate: LearningRate = 0.012
    dies: Dies = 4

    @model_validator(mode="after")
    def _check_groups(self) -> Self:
        if self.method == "statistics-aware" and self.batch % self.dies:
            raise ValueError(f"batch ({self.batch}) must be a multiple of dies ({self.dies})")
        return self


class Hardware(Spec):
    """The dies that a network lives on.

    Attributes:
        card: of the tiles' calibration: a name of those that ship, or a path; in a
            spec's file, relative to its folder.
        tiles: of a die.
        dies: that one network spans.
        spread: of the dies; its seed and defects are drawn.
        rates: of their defects.
    """

    card: FileName = "die20k"
    tiles: Tiles = 32
    dies: Dies = 1
    spread: Die = Die(sigma_ln_rp=0.05, sigma_ln_tmr=0.05, mismatch=1.0)
    rates: DefectRates = DefectRates()

    @model_validator(mode="after")
    def _check_spread(self) -> Self:
        if self.spread.defects:
            raise ValueError("spread.defects must be left out: the rates say what is drawn")
        return self

    @property
    def nominal(self) -> Die:
        """A die without spread and defects."""
        return self.spread.replace(
            sigma_ln_rp=0.0,
            sigma_ln_tmr=0.0,
            sigma_ln_rp_die=0.0,
            sigma_ln_tmr_die=0.0,
            mismatch=0.0,
        )


class TrainingStudy(Spec):
    """Everything that determines trained weights, besides the data.

    Attributes:
        name: of the study.
        seed: of the start, the order of the samples and the draws.
        network: what is trained.
        hardware: what it lives on.
        training: how.

    Example:
        >>> from mtjspice import TrainingStudy
        >>> TrainingStudy(name="mine").training.method
        'statistics-aware'
    """

    name: Name
    seed: Seed = 0
    network: TiledNetwork = TiledNetwork()
    hardware: Hardware = Hardware()
    training: Training = Training()
