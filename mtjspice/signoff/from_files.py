"""What is signed off, from folders: trained weights, dies, images."""

from pathlib import Path

import numpy as np
import torch

from mtjspice.data.defects import dies_from
from mtjspice.data.mnist import find_mnist
from mtjspice.data.network import Network
from mtjspice.data.samples import Samples
from mtjspice.data.weights import load_weights
from mtjspice.errors import InputError, naming
from mtjspice.signoff.dies import Specimen
from mtjspice.signoff.findings import GivenAccuracy, OtherWeights, Reference
from mtjspice.signoff.run import check_subject
from mtjspice.signoff.subject import Images, Subject
from mtjspice.spec.die import Die
from mtjspice.spec.signoff import SignOff
from mtjspice.spec.size import Size, signoff_size
from mtjspice.train.hardware import card_of, check_design, in_software
from mtjspice.train.orders import read_digits
from mtjspice.units import parse_quantity
from mtjspice.verdicts.chance import chance_of


def subject_of(
    weights: Path,
    dies: Path,
    *,
    named: Path | None = None,
    mnist: Path | None = None,
    digits: bool = False,
    images: int | None = None,
    seed: int = 0,
    reference: str | None = None,
) -> Subject:
    """Weights on every die of a folder, with the test images of what they were trained on.

    Args:
        weights: folder of weights.
        dies: folder of dies, or one die's defect map (CSV).
        named: calibration card of the weights, which need not be named if it ships.
        mnist: folder of MNIST; what it lacks is downloaded.
        digits: use the small digits that scikit-learn ships.
        images: only so many test images, drawn at random.
        seed: of that draw.
        reference: what drops are counted from: an accuracy, as "0.97" or "97%", or a folder of
            weights; the same weights in software if left out.

    Raises:
        InputError: if weights, card, dies, images and reference do not fit each other.
    """
    network = load_weights(weights)
    with naming(weights):
        hardware, card = network.training.hardware, card_of(network, named)
    found, said = dies_from(dies, hardware.spread, card.circuit.crossbar.shape, hardware.tiles)
    span = hardware.dies
    if len(found) < span or len(found) % span:
        allowed = f"the network spans {span} dies: a multiple of that is needed"
        raise InputError(source=dies, key="dies", value=len(found), allowed=allowed)
    groups = [found[k : k + span] for k in range(0, len(found), span)]
    specimens = on_dies_of(network, groups)
    with naming(weights):
        check_design(network, card, groups[0])
    with naming(dies):
        check_subject(specimens, card)
    shown = images_of(_samples(network, weights, mnist, digits=digits), images, seed)
    return Subject(
        title=f"{network.name} on {len(groups)} {'die' if len(groups) == 1 else 'dies'}",
        weights=f"{weights}, {network.method}, key {network.key}",
        specimens=specimens,
        images=shown,
        card=card,
        notes=said,
        reference=None if reference is None else _reference(reference, network, shown),
    )


def _reference(text: str, network: Network, images: Images) -> Reference:
    """An accuracy, or what other weights make of the same images in software.

    Raises:
        InputError: if it is neither, or the weights are for other images.
    """
    source = "--reference"
    try:
        share = parse_quantity(text, "1")
    except ValueError:
        share = None
    if share is not None:
        if not 0 <= share <= 1:
            allowed = "an accuracy is a share from 0 to 1, as 0.97 or '97%'"
            raise InputError(source=source, value=text, allowed=allowed)
        return GivenAccuracy(share)
    folder = Path(text)
    try:
        there = bool(text) and folder.is_dir()  # an empty path would be the folder one is in
    except (OSError, ValueError):  # a name that no file can have
        there = False
    if not there:
        allowed = "must be an accuracy, as 0.97 or '97%', or a folder of weights"
        raise InputError(source=source, value=text, allowed=allowed)
    other = load_weights(folder)
    if (other.data, other.classes) != (network.data, network.classes):
        raise InputError(
            source=source, value=text,
            allowed=f"these weights are for {other.data}, not for {network.data}, which is what "
            "is signed off",
        )  # fmt: skip
    inputs = torch.from_numpy(images.inputs)
    with naming(folder):
        classes = in_software(other, inputs).argmax(-1).numpy()
    return OtherWeights(f"{folder}, {other.method}, key {other.key}", classes)


def size_of_signoff(subject: Subject, spec: SignOff, *, full: bool) -> Size:
    """What a sign-off asks for."""
    weights = subject.specimens[0].weights
    return signoff_size(
        subject.card.circuit.crossbar,
        tiles=sum(len(layer.states) for layer in weights.layers),
        dies=len(subject.specimens),
        images=len(subject.images.labels),
        vectors=spec.vectors,
        conditions=max(len(spec.corners), 1) * max(len(spec.temperatures), 1),
        full=full,
    )


def on_dies_of(network: Network, groups: list[tuple[Die, ...]]) -> tuple[Specimen, ...]:
    """The same network on each group of dies."""
    digits = len(str(len(groups) - 1))
    return tuple(
        Specimen(f"die {k:0{max(digits, 2)}d}", network, group) for k, group in enumerate(groups)
    )


def images_of(samples: Samples, count: int | None = None, seed: int = 0) -> Images:
    """The test samples, or some of them; of square images of digits, with their shape.

    Data sets are not in random order: the first of MNIST's test images are the easier ones. A
    smaller draw of a seed is part of a larger one.

    Raises:
        InputError: if there are fewer than `count`.
    """
    inputs, labels = samples.inputs[~samples.train], samples.labels[~samples.train]
    total, source, drawn = len(labels), samples.source, None
    if count is not None and count > total:
        raise InputError(
            source="--images", value=count, allowed=f"{source} has {total} test images"
        )
    if count is not None and count < total:
        drawn = np.sort(np.random.default_rng(seed).permutation(total)[:count])
        inputs, labels = inputs[drawn], labels[drawn]
        source += f"; {count:,} of {total:,} test images, drawn with seed {seed}"
    side = round(inputs.shape[1] ** 0.5)
    return Images(
        inputs=inputs,
        labels=labels,
        classes=samples.classes,
        source=source,
        shape=(side, side) if side * side == inputs.shape[1] else None,
        drawn=drawn,
        chance=chance_of(samples.labels[~samples.train], len(samples.classes)),
    )


def _samples(network: Network, weights: Path, mnist: Path | None, *, digits: bool) -> Samples:
    """The images that the network was trained on, with their test samples.

    Raises:
        InputError: if what was asked for is something else.
    """
    # For weights that are for something else nothing is downloaded.
    small = digits or (mnist is None and not network.data.startswith("MNIST"))
    samples = read_digits(find_mnist(mnist, weights.parent / "mnist", digits=small))
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
    return samples
