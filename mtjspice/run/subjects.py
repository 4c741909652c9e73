"""What is signed off, from folders: trained weights, dies, images."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from mtjspice.data.defects import dies_from
from mtjspice.data.mnist import find_mnist, read_small_digits
from mtjspice.data.samples import Samples
from mtjspice.data.weights import ProgrammedNetwork, load_weights
from mtjspice.errors import InputError
from mtjspice.run.signoff import Images, Subject, check_subject
from mtjspice.signoff.dies import Specimen
from mtjspice.spec.die import Die
from mtjspice.train.hardware import card_of, check_design
from mtjspice.train.orders import read_digits

T = TypeVar("T")


def subject_of(
    weights: Path,
    dies: Path,
    *,
    named: Path | None = None,
    mnist: Path | None = None,
    digits: bool = False,
    first: int | None = None,
) -> tuple[Subject, list[str]]:
    """Weights on every die of a folder, with the test images of what they were trained on.

    Args:
        weights: folder of weights.
        dies: folder of dies, or one die's defect map (CSV).
        named: calibration card of the weights, which need not be named if it ships.
        mnist: folder of MNIST; what it lacks is downloaded.
        digits: use the small digits that scikit-learn ships.
        first: only so many images, from the first on.

    Returns:
        The subject, and warnings.

    Raises:
        InputError: if weights, card, dies and images do not fit each other.
    """
    network = load_weights(weights)
    hardware = network.study.hardware
    card = _within(weights, lambda: card_of(network, named))
    found, said = dies_from(dies, hardware.spread, card.circuit.crossbar.shape, hardware.tiles)
    span = hardware.dies
    if len(found) < span or len(found) % span:
        allowed = f"the network spans {span} dies: a multiple of that is needed"
        raise InputError(source=dies, key="dies", value=len(found), allowed=allowed)
    groups = [found[k : k + span] for k in range(0, len(found), span)]
    specimens = on_dies_of(network, groups)
    _within(weights, lambda: check_design(network, card, groups[0]))
    _within(dies, lambda: check_subject(specimens, card))
    samples, warnings = _samples(network, weights, mnist, digits=digits)
    images = images_of(samples, first)
    return (
        Subject(
            title=f"{network.study.name} on {len(groups)} dies",
            weights=f"{weights}, {network.study.training.method}, key {network.key}",
            specimens=specimens,
            images=images,
            card=card,
        ),
        [*said, *warnings],
    )


def _within(folder: Path, check: Callable[[], T]) -> T:
    """Have what a check says name the folder that it is about."""
    try:
        return check()
    except InputError as error:
        raise error.within(folder) from None


def on_dies_of(network: ProgrammedNetwork, groups: list[tuple[Die, ...]]) -> tuple[Specimen, ...]:
    """The same network on each group of dies."""
    digits = len(str(len(groups) - 1))
    return tuple(
        Specimen(f"die {k:0{max(digits, 2)}d}", network, group) for k, group in enumerate(groups)
    )


def images_of(samples: Samples, first: int | None = None) -> Images:
    """The test samples; of square images of digits, with their shape.

    Raises:
        InputError: if there are fewer than `first`.
    """
    inputs, labels = samples.inputs[~samples.train], samples.labels[~samples.train]
    if first is not None and first > len(labels):
        allowed = f"{samples.source} has {len(labels)} test images"
        raise InputError(source="--images", value=first, allowed=allowed)
    side = round(inputs.shape[1] ** 0.5)
    whole = Images(
        inputs=inputs,
        labels=labels,
        classes=samples.classes,
        source=samples.source,
        shape=(side, side) if side * side == inputs.shape[1] else None,
    )
    return replace(whole, inputs=inputs[:first], labels=labels[:first])


def _samples(
    network: ProgrammedNetwork, weights: Path, mnist: Path | None, *, digits: bool
) -> tuple[Samples, list[str]]:
    """The images that the network was trained on, with their test samples.

    Raises:
        InputError: if what was asked for is something else.
    """
    samples, warnings = read_small_digits(), list[str]()
    # For weights that are for something else nothing is downloaded.
    if not digits and (mnist is not None or network.data.startswith("MNIST")):
        folder, warnings = find_mnist(mnist, weights.parent / "mnist")
        samples = read_digits(folder)
    found = {
        "data": (network.data, samples.source),
        "classes": (network.classes, samples.classes),
        "features": (max(network.features) < samples.inputs.shape[1], True),
    }
    for key, (theirs, ours) in found.items():
        if theirs != ours:
            raise InputError(
                source=weights / "weights.json",
                key=key,
                value=getattr(network, key),
                allowed=f"these weights are not for {samples.source}; give their images "
                "(--mnist DIR or --digits)",
            )
    return samples, warnings
