"""The accuracy that beats chance clearly: least part of the way from chance to 100 %."""

import numpy as np
import numpy.typing as npt


def chance_of(labels: npt.NDArray[np.int64], classes: int) -> float:
    """Share of the most frequent class; one over the number of classes at least."""
    return max(float(np.bincount(labels).max()) / labels.size, 1 / classes)


def least_accuracy(
    accuracy: float | None, above_chance: float | None, chance: float
) -> float | None:
    """The limit of an accuracy: the larger of the two on it; None without any.

    Args:
        accuracy: the least that it may be.
        above_chance: least part of the way from chance to 100 %; 0 asks for nothing.
        chance: accuracy of who always says the most frequent class.
    """
    wanted = [] if accuracy is None else [accuracy]
    if above_chance:
        wanted.append(chance + above_chance * (1 - chance))
    return max(wanted, default=None)


def way_from_chance(accuracy: float | None, above_chance: float | None, chance: float) -> str:
    """Where the limit of an accuracy comes from; nothing if it was given as a number."""
    if not above_chance or least_accuracy(accuracy, above_chance, chance) == accuracy:
        return ""
    much = "half" if above_chance == 0.5 else f"{100 * above_chance:g} %"
    return f"{much} of the way from chance, {100 * chance:.3g} %, to 100 %"
