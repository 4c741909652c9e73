"""Weights that are wanted, and questions about them. What was made before is found by its key."""

import functools
import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean

import torch

from mtjspice.data import versions
from mtjspice.data.figures import Figure, at_most
from mtjspice.data.files import make_folder, write_text
from mtjspice.data.mnist import read_mnist, read_small_digits
from mtjspice.data.samples import Samples
from mtjspice.data.weights import ProgrammedNetwork, load_weights, save_weights
from mtjspice.device.dies import draw_dies
from mtjspice.errors import InputError
from mtjspice.spec.die import Die
from mtjspice.spec.training import TrainingStudy
from mtjspice.surrogate.card import load_card
from mtjspice.surrogate.expansion import Level
from mtjspice.surrogate.model import Surrogate
from mtjspice.train.fit import Progress, placed, train, training_key
from mtjspice.train.hardware import (
    OnDies,
    card_of,
    corrected,
    error_of,
    in_software,
    on_dies,
    programmed,
    reader,
    tensors,
)
from mtjspice.train.threads import one_thread

Dies = tuple[Die, ...]
"""Those that one network spans."""


@dataclass(frozen=True)
class Order:
    """Weights that are wanted.

    Attributes:
        study: what is to be trained.
        folder: where the weights go.
        dies: for ``hardware-aware``.
        start: folder of the weights to start from; None for random ones.
    """

    study: TrainingStudy
    folder: Path
    dies: Dies = ()
    start: Path | None = None


@dataclass(frozen=True)
class Question:
    """How wrong are these weights on those dies?

    Attributes:
        folder: of the weights.
        dies: on each entry they are judged; an entry has the dies that the network spans.
        level: of the surrogate.
        correction: training samples for the per-die correction; 0 for none.
        reference: dies that the correction holds the others against; nominal ones if left out.
        card: of the surrogate; the one that ships of which the weights speak if left out.
    """

    folder: Path
    dies: tuple[Dies, ...]
    level: Level
    correction: int = 0
    reference: Dies = ()
    card: str | None = None


@dataclass(frozen=True)
class Answer:
    """Shares of wrong test samples, one for each entry of the question's dies.

    Attributes:
        errors: with the weights as they are.
        corrected: after the per-die correction; empty without.
    """

    errors: tuple[float, ...]
    corrected: tuple[float, ...]


@functools.lru_cache(maxsize=1)
def read_digits(folder: Path | None) -> Samples:
    """MNIST from a folder; the small bundled digits if there is none."""
    return read_small_digits() if folder is None else read_mnist(folder)


def fill(order: Order, data: Path | None, progress: Progress | None = None) -> ProgrammedNetwork:
    """Train, unless the folder holds these very weights already.

    A training that was killed goes on from its last checkpoint.
    """
    samples = read_digits(data)
    surrogate = Surrogate(load_card(order.study.hardware.card), "linear")
    start = load_weights(order.start) if order.start is not None else None
    found = finished(order.folder)
    key = training_key(order.study, samples, surrogate, order.dies, start)
    if found is not None and found.key == key:
        return replace(found, study=order.study)  # the order's, not what the folder says of it
    placed(order.study, samples, surrogate)  # before anything is written
    make_folder(order.folder)
    checkpoint = order.folder / "checkpoint.safetensors"
    weights = train(
        order.study, samples, surrogate,
        dies=order.dies, start=start, checkpoint=checkpoint, progress=progress,
    )  # fmt: skip
    save_weights(order.folder, weights, versions.of_everything("none"))
    checkpoint.unlink(missing_ok=True)
    return weights


def judge_training(
    weights: ProgrammedNetwork, folder: Path, data: Path | None, dies: Dies = (), count: int = 12
) -> list[Figure]:
    """How weights do without any circuit, on the nominal die, on their own and on drawn dies.

    Args:
        weights: of `fill`, that lie in `folder`.
        folder: of the weights; answers are kept there.
        data: folder of MNIST; None for the small bundled digits.
        dies: that they were trained for, if there are some.
        count: dies that are drawn from the study's rates, none of which was met in training.
    """
    study, samples = weights.study, read_digits(data)
    hardware = study.hardware
    shape = load_card(hardware.card).circuit.crossbar.shape
    drawn = draw_dies(
        hardware.spread, hardware.rates, shape, hardware.tiles, count * hardware.dies, study.seed
    )
    sets = [drawn[k : k + hardware.dies] for k in range(0, len(drawn), hardware.dies)]
    asked = ((nominal_dies(study),), *(((dies,),) if dies else ()), tuple(sets))
    inputs, labels = tensors(samples, ~samples.train)
    wrong = in_software(weights, inputs).argmax(-1) != labels
    how = f"{len(labels)} test samples of {samples.source}"
    store = make_folder(folder / "judged")
    questions = [Question(folder, some, "full", card=hardware.card) for some in asked]
    answers = [answer(question, data, store).errors for question in questions]
    level = f"{how}; surrogate (full)"
    software = float(wrong.float().mean())
    figures = [
        at_most("error, software", software, None, "", how),
        at_most("error, nominal die", answers[0][0], None, "", level),
        at_most(f"mean error, {count} drawn dies", fmean(answers[-1]), None, "", level),
        at_most(f"worst error, {count} drawn dies", max(answers[-1]), None, "", level),
    ]
    if dies:
        figures.append(at_most("error, own die", answers[1][0], None, "", level))
    return figures


def finished(folder: Path) -> ProgrammedNetwork | None:
    """The weights that a folder holds; None if it holds none that can be read."""
    try:
        return load_weights(folder)
    except InputError:
        return None


def answer(question: Question, data: Path | None, store: Path) -> Answer:
    """Judge weights on dies, unless the store has the answer already."""
    weights = load_weights(question.folder)
    path = store / f"{_key(question, weights)}.json"
    if path.exists():
        return Answer(**{k: tuple(v) for k, v in json.loads(path.read_text()).items()})
    with one_thread():
        found = _judged(question, weights, read_digits(data))
    write_text(path, json.dumps({"errors": found.errors, "corrected": found.corrected}) + "\n")
    return found


def _judged(question: Question, weights: ProgrammedNetwork, samples: Samples) -> Answer:
    surrogate = Surrogate(card_of(weights, question.card), question.level)
    inputs, labels = tensors(samples, ~samples.train)
    shown = tensors(samples, samples.train)[0][: question.correction]
    errors, after = [], []
    with torch.no_grad():
        reference = on_dies(weights, surrogate, question.reference or nominal_dies(weights.study))
        for dies in question.dies:
            network = on_dies(weights, surrogate, dies)
            errors.append(error_of(network, inputs, labels))
            if question.correction:
                after.append(error_of(corrected(network, reference, shown), inputs, labels))
    return Answer(tuple(errors), tuple(after))


def nominal_dies(study: TrainingStudy) -> Dies:
    """Dies without spread and defects."""
    return (study.hardware.nominal,) * study.hardware.dies


def _key(question: Question, weights: ProgrammedNetwork) -> str:
    parts = [weights.key, question.level, str(question.correction), str(len(question.reference))]
    parts += [die.key() for dies in (question.reference, *question.dies) for die in dies]
    return hashlib.sha256(" ".join(parts).encode()).hexdigest()


def fill_folder(order: Order, data: Path | None) -> None:
    """`fill` for a worker: the weights stay on disk."""
    fill(order, data)


def losses_along(
    folder: Path,
    draws: tuple[Dies, ...],
    shares: tuple[float, ...],
    samples: int,
    data: Path | None,
) -> list[list[float]]:
    """Mean loss on test samples while draws of defects are applied little by little.

    Between the nominal die and the die of a draw the effective matrices go along a straight line;
    shares beyond 1 go on along it.

    Returns:
        [draw][share].
    """
    weights = load_weights(folder)
    known = read_digits(data)
    inputs, labels = (x[:samples] for x in tensors(known, ~known.train))
    surrogate = Surrogate(card_of(weights), "linear")
    rows = []
    with one_thread(), torch.no_grad():
        nominal = programmed(weights, surrogate, nominal_dies(weights.study), torch.float32)
        for dies in draws:
            drawn = programmed(weights, surrogate, dies, torch.float32)
            row = []
            for share in shares:
                matrices = [
                    replace(one, linear=torch.lerp(one.linear, other.linear, share))
                    for one, other in zip(nominal, drawn, strict=True)
                ]
                network = OnDies(weights, surrogate.card.circuit, reader(surrogate, matrices))
                loss = torch.nn.functional.cross_entropy(network.outputs(inputs), labels)
                row.append(float(loss))
            rows.append(row)
    return rows
