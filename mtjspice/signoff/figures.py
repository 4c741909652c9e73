"""The stated figures of a sign-off, held against its limits."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mtjspice.data.figures import Figure, at_least, at_most
from mtjspice.data.signoff import DieRead, Judged
from mtjspice.spec.signoff import SignOff

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Accuracies:
    """Shares of rightly classified images, float64 [die]; those of SPICE as far as simulated."""

    software: Floats
    surrogate: Floats
    ngspice: Floats


def accuracies(judged: Judged, labels: Ints) -> Accuracies:
    """Of all dies under one condition; what SPICE has not seen counts as the surrogate says."""

    def right(classes: Callable[[DieRead], Ints]) -> Floats:
        return np.array([float((classes(die) == labels).mean()) for die in judged.dies])

    return Accuracies(
        software=right(lambda die: die.software),
        surrogate=right(lambda die: die.surrogate),
        ngspice=right(lambda die: die.final),
    )


def worst_margin(die: DieRead, labels: Ints) -> tuple[float, int]:
    """(least lead, image) of the images that the surrogate classifies rightly; (nan, −1) without.

    In SPICE where simulated; below zero for a class that flips.
    """
    right = np.flatnonzero(die.surrogate == labels)
    if not right.size:
        return float("nan"), -1
    leads = np.where(die.simulated, die.ngspice_lead, die.lead)[right]
    least = int(np.argmin(leads))
    return float(leads[least]), int(right[least])


def failing(judged: Judged, labels: Ints, spec: SignOff) -> list[int]:
    """Numbers of the dies that lose too much, or are too bad, in SPICE."""
    found, limits = accuracies(judged, labels), spec.limits
    fails = np.zeros(len(judged.dies), dtype=np.bool_)
    if limits.drop_die is not None:
        fails |= found.software - found.ngspice > limits.drop_die
    if limits.accuracy_die is not None:
        fails |= found.ngspice < limits.accuracy_die
    return [int(n) for n in np.flatnonzero(fails)]


def figures_of(
    spec: SignOff,
    judged: Sequence[Judged],
    labels: Ints,
    allowed_clipping: float,
    numbers: Ints | None = None,
) -> list[Figure]:
    """Figures of each condition, in the order of the conditions.

    Args:
        spec: with the limits.
        judged: under each condition.
        labels: of the images.
        allowed_clipping: share of an amplifier's reads, where the limits say nothing of it.
        numbers: of the images among all test images; in their order from 0 on if left out.
    """
    many = len(judged) > 1
    named = np.arange(len(labels)) if numbers is None else numbers
    return [
        figure
        for one in judged
        for figure in _of_condition(
            spec, one, labels, allowed_clipping, named, f", {one.condition}" if many else ""
        )
    ]


def _of_condition(
    spec: SignOff,
    judged: Judged,
    labels: Ints,
    allowed_clipping: float,
    numbers: Ints,
    suffix: str,
) -> list[Figure]:
    limits, statement = spec.limits, judged.statement
    found = accuracies(judged, labels)
    over = f"mean over {len(judged.dies)} dies, {len(labels)} images each"
    unseen = (
        f"what SPICE has not seen as the surrogate says, off by at most "
        f"{100 * statement.accuracy:.3g} points at {100 * statement.confidence:g} % confidence"
        if statement.simulated < statement.images
        else "every image simulated"
    )
    lost = found.software - found.ngspice
    worst = int(np.argmax(lost))
    margins = [worst_margin(die, labels) for die in judged.dies]
    narrow = int(np.nanargmin([m for m, _ in margins])) if _any(margins) else 0
    clipped = [max(die.clipped, die.ngspice_clipped) for die in judged.dies]
    flips = sum(int(die.flipped.sum()) for die in judged.dies)
    most_flips = flips + statement.accuracy * statement.images
    limit_clipped = allowed_clipping if limits.clipped is None else limits.clipped
    figures = [
        at_least("accuracy, software", float(found.software.mean()), None, "share", over),
        at_least("accuracy, surrogate", float(found.surrogate.mean()), None, "share", over),
        at_least("accuracy, ngspice", float(found.ngspice.mean()), None, "share",
                 f"{over}; {unseen}"),
        at_most("accuracy lost, mean over dies", float(lost.mean()) + statement.accuracy,
                limits.drop_mean, "share",
                "software less SPICE, with all that the bound leaves open"),
        at_most("accuracy lost on the worst die", float(lost[worst]), None, "share",
                f"{judged.dies[worst].name}; software less SPICE"),
        at_most("dies that fail", len(failing(judged, labels, spec)), limits.failing_dies, "",
                _failing_words(spec)),
        at_most("flipped classes, share", most_flips / statement.images, limits.flips, "share",
                f"{flips} found, surrogate to SPICE, of {statement.images}; at most "
                f"{round(most_flips) - flips} more at {100 * statement.confidence:g} % confidence"),
        at_least("worst margin", margins[narrow][0], limits.margin, "standard deviations",
                 f"{judged.dies[narrow].name}, {_image(numbers, margins[narrow][1])}: least lead "
                 "of a class that the surrogate finds rightly; SPICE where simulated"),
        at_most("amplifier outputs at a limit, worst die", float(np.max(clipped)), limit_clipped,
                "share", f"{judged.dies[int(np.argmax(clipped))].name}; surrogate for all images, "
                "SPICE for those simulated, whichever is larger"),
        at_most("bound on accuracy", statement.accuracy, spec.accuracy_bound, "share",
                f"what flips among images not simulated can do to the mean, "
                f"{100 * statement.confidence:g} % confidence"),
        at_most("share simulated in ngspice", statement.simulated / statement.images, None, "share",
                f"{statement.unsafe} not safe, {statement.audited} for the audit, "
                f"of {statement.images}"),
    ]  # fmt: skip
    return [_renamed(figure, suffix) for figure in figures]


def _any(margins: Sequence[tuple[float, int]]) -> bool:
    return any(image >= 0 for _, image in margins)


def _image(numbers: Ints, place: int) -> str:
    return f"image {numbers[place]}" if place >= 0 else "no image"


def _failing_words(spec: SignOff) -> str:
    limits = spec.limits
    words = []
    if limits.drop_die is not None:
        words.append(f"lose more than {100 * limits.drop_die:g} points")
    if limits.accuracy_die is not None:
        words.append(f"have an accuracy below {100 * limits.accuracy_die:g} %")
    return "dies that " + " or ".join(words) if words else "no limit was set"


def _renamed(figure: Figure, suffix: str) -> Figure:
    return figure.named(figure.name + suffix)
