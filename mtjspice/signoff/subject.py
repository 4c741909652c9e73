"""What is signed off: networks on dies, and the images that they are shown."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mtjspice.signoff.dies import Specimen
from mtjspice.signoff.findings import Reference
from mtjspice.surrogate.card import Card
from mtjspice.verdicts.chance import chance_of


@dataclass(frozen=True)
class Images:
    """What networks are shown.

    Attributes:
        inputs: float64 [image, feature].
        labels: int64 [image].
        classes: names.
        source: in words.
        shape: in pixels; None where inputs are no image.
        drawn: int64 [image], rising: their numbers among all test images, where only some of them
            are shown; None for all.
        chance: accuracy of who always says the most frequent class of all test images; of the most
            frequent of these labels, and one over the classes at least, if left out.
    """

    inputs: npt.NDArray[np.float64]
    labels: npt.NDArray[np.int64]
    classes: tuple[str, ...]
    source: str
    shape: tuple[int, int] | None = None
    drawn: npt.NDArray[np.int64] | None = None
    chance: float | None = None

    @property
    def guessed(self) -> float:
        """Chance, as it was given or from the labels."""
        return chance_of(self.labels, len(self.classes)) if self.chance is None else self.chance

    @property
    def numbers(self) -> npt.NDArray[np.int64]:
        """Of each image among all test images."""
        return np.arange(len(self.labels)) if self.drawn is None else self.drawn


@dataclass(frozen=True)
class Subject:
    """What is signed off.

    Attributes:
        title: of the report.
        weights: where they come from, in words.
        specimens: networks on their dies; all of one design.
        images: that they are shown.
        card: that the networks were trained with.
        one_network: whether it is one network on many dies.
        notes: warnings from before, for the report.
        reference: what drops are counted from; None for the same weights in software.
    """

    title: str
    weights: str
    specimens: tuple[Specimen, ...]
    images: Images
    card: Card
    one_network: bool = True
    notes: tuple[str, ...] = ()
    reference: Reference | None = None
