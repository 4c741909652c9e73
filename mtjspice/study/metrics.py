"""Numbers that say how well a network does at a level."""

import numpy as np
import numpy.typing as npt

from mtjspice.spec.base import Floats


def accuracy(outputs: Floats, labels: npt.NDArray[np.int64]) -> Floats:
    """Share of samples with the right class; outputs [..., sample, class] -> [...]."""
    return np.asarray((outputs.argmax(axis=-1) == labels).mean(axis=-1), dtype=np.float64)


def best_index(accuracies: Floats) -> int:
    """Where a curve over G_norm is highest: the middle of the longest run of equal best values.

    The middle of a plateau is the read-out setting that drifts of the array hurt least.
    """
    best = np.flatnonzero(accuracies == accuracies.max())
    runs = np.split(best, np.flatnonzero(np.diff(best) > 1) + 1)
    longest = max(runs, key=len)
    return int(longest[(len(longest) - 1) // 2])


def confusion(
    predicted: npt.NDArray[np.int64], labels: npt.NDArray[np.int64], classes: int
) -> npt.NDArray[np.int64]:
    """int64 [true class, predicted class], counts."""
    matrix = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(matrix, (labels, predicted), 1)
    return matrix
