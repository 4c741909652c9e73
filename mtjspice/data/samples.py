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
        InputError: naming the array, and what it must be: shapes that do not fit, nothing to train
            on or to test with, inputs that are not finite, not in 0–1 or all alike, labels that are
            no classes' numbers.
    """

    inputs: npt.NDArray[np.float64]
    labels: npt.NDArray[np.int64]
    train: npt.NDArray[np.bool_]
    classes: tuple[str, ...]
    source: str

    def __post_init__(self) -> None:
        self._check_shapes()
        self._check_inputs()
        self._check_labels()
        for key, count in (("training", self.train.sum()), ("test", (~self.train).sum())):
            if not count:
                raise self._error(f"{key} samples", 0, "there must be at least one")
        if not np.ptp(self.inputs[self.train], axis=0).any():
            allowed = "no feature differs between training samples: nothing can be learned"
            raise self._error("inputs", None, allowed)

    def _check_shapes(self) -> None:
        for key, axes, kind, words in (
            ("inputs", 2, np.float64, "float64 [sample, feature]"),
            ("labels", 1, np.int64, "int64 [sample], the classes' numbers from 0"),
            ("train", 1, np.bool_, "bool [sample]"),
        ):
            array = np.asarray(getattr(self, key))
            if array.ndim != axes or array.dtype != kind:
                hint = "; these are one-hot" if key == "labels" and _one_hot(array) else ""
                found = f"{array.dtype} {list(array.shape)}"
                raise self._error(key, found, f"must be {words}{hint}")
        if not self.inputs.size:
            raise self._error("inputs", list(self.inputs.shape), "must hold at least one number")
        lengths = [len(self.inputs), len(self.labels), len(self.train)]
        if len(set(lengths)) > 1:
            raise self._error("", lengths, "inputs, labels and split must have one entry a sample")

    def _check_inputs(self) -> None:
        bad = np.argwhere(~np.isfinite(self.inputs))
        if bad.size:
            sample, feature = (int(i) for i in bad[0])
            raise self._error(
                f"sample {sample}, feature {feature}",
                float(self.inputs[sample, feature]),
                "must be a finite number",
            )
        if self.inputs.min() < 0 or self.inputs.max() > 1:
            found = [float(self.inputs.min()), float(self.inputs.max())]
            raise self._error("inputs", found, "every feature must be scaled to 0–1")

    def _check_labels(self) -> None:
        count = len(self.classes)
        if count < 2 or len(set(self.classes)) < count:
            raise self._error("classes", self.classes, "must be at least two different names")
        low, high = int(self.labels.min()), int(self.labels.max())
        if low < 0 or high >= count:
            allowed = f"labels count from 0; those of {count} classes end at {count - 1}"
            if low > 0:
                allowed = f"labels count from 0; these begin with {low}"
            raise self._error("labels", [low, high], allowed)

    def _error(self, key: str, value: object, allowed: str) -> InputError:
        return InputError(source=self.source, key=key, value=value, allowed=allowed)


def _one_hot(array: npt.NDArray[np.generic]) -> bool:
    """Whether each sample has a line with a single 1."""
    if array.ndim != 2 or not np.issubdtype(array.dtype, np.number):
        return False
    return bool(np.isin(array, (0, 1)).all() and (np.asarray(array, int).sum(axis=1) == 1).all())


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
