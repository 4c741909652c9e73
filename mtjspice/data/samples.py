"""Labelled samples that networks learn from and are judged by."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mtjspice.errors import InputError


@dataclass(frozen=True)
class Samples:
    """A data set with its split.

    Attributes:
        inputs: float64 [sample, feature], each feature in 0–1.
        labels: int64 [sample].
        train: bool [sample]; the others are the test samples.
        classes: the names of the labels.
        source: where the data come from, for reports and errors.

    Raises:
        InputError: if an input is not finite or not in 0–1, or the shapes do not fit.
    """

    inputs: npt.NDArray[np.float64]
    labels: npt.NDArray[np.int64]
    train: npt.NDArray[np.bool_]
    classes: tuple[str, ...]
    source: str

    def __post_init__(self) -> None:
        bad = np.argwhere(~np.isfinite(self.inputs))
        if bad.size:
            sample, feature = (int(i) for i in bad[0])
            raise InputError(
                source=self.source,
                key=f"sample {sample}, feature {feature}",
                value=float(self.inputs[sample, feature]),
                allowed="must be a finite number",
            )
        if self.inputs.min() < 0 or self.inputs.max() > 1:
            raise InputError(
                source=self.source,
                value=[float(self.inputs.min()), float(self.inputs.max())],
                allowed="every feature must be scaled to 0–1",
            )
        if not len(self.inputs) == len(self.labels) == len(self.train):
            raise InputError(
                source=self.source,
                value=[len(self.inputs), len(self.labels), len(self.train)],
                allowed="inputs, labels and split must have one entry a sample",
            )


def scaled(raw: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Scale each feature to 0–1 over all samples, as Goodwill et al. (2022) do."""
    low, span = raw.min(axis=0), np.ptp(raw, axis=0)
    return np.asarray((raw - low) / np.where(span > 0, span, 1), dtype=np.float64)


def stratified_split(
    labels: npt.NDArray[np.int64], test_samples: int, seed: int
) -> npt.NDArray[np.bool_]:
    """Draw the test samples in proportion to the classes; True for the training samples.

    The share of each class is rounded by largest remainder, so that the total is exact.
    """
    classes, counts = np.unique(labels, return_counts=True)
    exact = counts * test_samples / len(labels)
    take = np.floor(exact).astype(int)
    by_remainder = np.argsort(-(exact - take), kind="stable")
    take[by_remainder[: test_samples - take.sum()]] += 1
    rng = np.random.default_rng(seed)
    train = np.ones(len(labels), dtype=np.bool_)
    for label, count in zip(classes, take, strict=True):
        train[rng.permutation(np.flatnonzero(labels == label))[:count]] = False
    return train
