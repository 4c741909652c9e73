"""The published experiments as subjects of a sign-off: networks on dies, with their images."""

import functools
from importlib.resources import files
from pathlib import Path

import numpy as np

from mtjspice.data.files import make_folder
from mtjspice.data.mnist import find_mnist
from mtjspice.errors import InputError
from mtjspice.networks.levels import write_chips
from mtjspice.networks.surrogate import surrogate_outputs
from mtjspice.reproduce.borders2024.run import shipped_spec as borders_spec
from mtjspice.reproduce.borders2024.runs import drawn, study_of
from mtjspice.reproduce.goodwill2022.run import chosen_study
from mtjspice.reproduce.goodwill2022.run import shipped_spec as goodwill_spec
from mtjspice.signoff.dies import Specimen
from mtjspice.signoff.from_files import images_of, on_dies_of
from mtjspice.signoff.subject import Images, Subject
from mtjspice.spec.signoff import SignOff
from mtjspice.spec.toml import changed, parse_spec
from mtjspice.study.run import Progress, read_study, seed_matters, trained
from mtjspice.study.verdict import score
from mtjspice.surrogate.card import load_card
from mtjspice.train.orders import Order, fill, read_digits


def shipped_signoff(name: str) -> SignOff:
    """What is asked of an experiment's weights: the spec that ships beside this module."""
    file = f"{name}_signoff.toml"
    text = files(__package__).joinpath(file).read_text(encoding="utf-8")
    return parse_spec(text, SignOff, source=file)


def borders_subject(
    out: Path,
    *,
    quick: bool = False,
    mnist: Path | None = None,
    digits: bool = False,
    seed: int | None = None,
    progress: Progress | None = None,
) -> Subject:
    """The statistics-aware weights of borders2024 on its dies; trained unless `out` holds them.

    Args:
        out: folder of the weights.
        quick: with few dies and epochs, as a first look.
        mnist: folder of MNIST; what it lacks is downloaded.
        digits: use the small digits that scikit-learn ships.
        seed: in the place of the spec's.
        progress: told of each step.

    Raises:
        InputError: if the images cannot be had.
    """
    tell = progress or (lambda what, done, total: None)
    data = find_mnist(mnist, out.parent / "mnist", digits=digits)
    spec = borders_spec(quick=quick, digits=digits)
    if seed is not None:
        spec = changed(spec, "--seed", seed=seed)
    folder = make_folder(out / "weights") / "robust-0"
    order = Order(study_of(spec, spec.robust), folder)
    notes: list[str] = []
    weights = fill(order, data, functools.partial(tell, "training"), notes)
    dies = drawn(spec, spec.dies)
    return Subject(
        title=f"{spec.name}, statistics-aware weights on {len(dies)} dies",
        weights=f"{folder}, {weights.method}, key {weights.key}",
        specimens=on_dies_of(weights, dies),
        images=images_of(read_digits(data)),
        card=load_card(spec.hardware.card),
        notes=tuple(notes),
    )


def goodwill_subject(
    out: Path,
    *,
    quick: bool = False,
    solutions: Path | None = None,
    seed: int | None = None,
    progress: Progress | None = None,
) -> Subject:
    """The networks of goodwill2022, each written into its own die, with all samples.

    Each network has the G_norm at which its surrogate classifies the training samples best. In
    software it has the weights that were to be written, and G_norm = G_P − G_AP.

    Args:
        out: folder of the networks.
        quick: with few networks, as a first look.
        solutions: folder of NIST's solutions, which are taken in the place of trained networks.
        seed: in the place of the spec's.
        progress: told of each step.

    Raises:
        InputError: if the solutions cannot be read, or a seed is given where nothing is drawn.
    """
    tell = progress or (lambda what, done, total: None)
    spec = goodwill_spec()
    study = chosen_study(spec, quick=quick, solutions=solutions, seed=seed)
    if seed is not None and not seed_matters(study):
        allowed = "with --solutions, networks and split are read: a sign-off of them draws nothing"
        raise InputError(source="--seed", value=seed, allowed=allowed)
    samples, ready = read_study(study, solutions)
    card = load_card(spec.card)
    networks = ready or trained(
        study, samples, make_folder(out), functools.partial(tell, "training")
    )
    chips = write_chips(study, networks)
    fast = surrogate_outputs(study, card, chips, samples.inputs).outputs
    best = score("surrogate", list(fast), samples).best
    g_norm = np.asarray(study.readout.g_norm)[best]
    return Subject(
        title=f"{study.name}: {len(chips)} networks",
        weights=f"{len(chips)} networks, trained here or read, each written into its own die",
        specimens=tuple(
            Specimen(chip.network.name, chip.written.tuned(float(g)), (chip.die,), chip.network)
            for chip, g in zip(chips, g_norm, strict=True)
        ),
        images=Images(samples.inputs, samples.labels, samples.classes, samples.source),
        card=card,
        one_network=False,
    )
