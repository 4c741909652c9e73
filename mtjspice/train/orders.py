"""Weights that are wanted, and questions about them. What was made before is found by its key."""

import functools
import hashlib
import json
import os
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean

import torch

from mtjspice.data import versions
from mtjspice.data.files import make_folder, write_text
from mtjspice.data.mnist import read_mnist, read_small_digits
from mtjspice.data.network import Network
from mtjspice.data.samples import Samples
from mtjspice.data.weights import ABOUT, load_weights, save_weights
from mtjspice.device.dies import draw_dies
from mtjspice.errors import InputError, naming
from mtjspice.reading import read_json
from mtjspice.spec.die import Die
from mtjspice.spec.training import TrainingStudy
from mtjspice.surrogate.card import load_card
from mtjspice.surrogate.expansion import Level
from mtjspice.surrogate.model import Surrogate
from mtjspice.train.fit import train, training_key
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
from mtjspice.train.loop import Progress
from mtjspice.train.plan import check_dies, placed
from mtjspice.train.threads import one_thread
from mtjspice.verdicts.figures import Figure, at_most

Dies = tuple[Die, ...]
"""Those that one network spans."""
CHECKPOINT, JUDGEMENTS = "checkpoint.safetensors", "judged"
JUDGED = 12
"""Dies, or sets of them, that weights are judged on after a training."""
ANSWERED = ("key", "errors", "corrected", "by_nodal")
"""What the checksum of an answer covers."""


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
        by_nodal: tiles, of all entries, that the surrogate left to the nodal solver.
        note: what should be said of how it was found; empty where nothing should.
    """

    errors: tuple[float, ...]
    corrected: tuple[float, ...]
    by_nodal: int
    note: str = ""


@functools.lru_cache(maxsize=1)
def read_digits(folder: Path | None) -> Samples:
    """MNIST from a folder; the small bundled digits if there is none."""
    return read_small_digits() if folder is None else read_mnist(folder)


def fill(
    order: Order,
    data: Path | None,
    progress: Progress | None = None,
    notes: list[str] | None = None,
) -> Network:
    """Train, unless the folder holds these very weights already.

    A training that was killed goes on from its last checkpoint. What lies there and cannot be used
    is replaced, and a line about it is added to the notes.

    Raises:
        InputError: if network, card, dies and start do not fit each other, or the loss diverges.
    """
    said = [] if notes is None else notes
    samples = read_digits(data)
    surrogate = Surrogate(load_card(order.study.hardware.card), "linear")
    start = load_weights(order.start) if order.start is not None else None
    key = training_key(order.study, samples, surrogate, order.dies, start)
    found = finished(order.folder, key, said)
    if found is not None:
        return replace(found, study=order.study)  # the order's, not what the folder says of it
    checkpoint = order.folder / CHECKPOINT
    weights = train(
        order.study, samples, surrogate,
        dies=order.dies, start=start, checkpoint=checkpoint, progress=progress, notes=said,
    )  # fmt: skip
    save_weights(order.folder, weights, versions.of_everything("none"))
    checkpoint.unlink(missing_ok=True)
    return weights


def judging_dies(study: TrainingStudy, count: int = JUDGED) -> tuple[Dies, ...]:
    """Dies that weights are judged on, drawn from the study's rates; none was met in training."""
    hardware = study.hardware
    shape = load_card(hardware.card).circuit.crossbar.shape
    drawn = draw_dies(
        hardware.spread, hardware.rates, shape, hardware.tiles, count * hardware.dies, study.seed
    )
    return tuple(drawn[k : k + hardware.dies] for k in range(0, len(drawn), hardware.dies))


def check_judging(study: TrainingStudy, data: Path | None) -> None:
    """See, before anything is trained, that weights can be judged afterwards.

    Raises:
        InputError: if the network does not fit its hardware, or a die is beyond the card's range.
    """
    surrogate = Surrogate(load_card(study.hardware.card), "full")
    placements = placed(study, read_digits(data), surrogate)
    for k, dies in enumerate(judging_dies(study)):
        with naming(f"drawn die {k}"):
            check_dies(surrogate.card, placements, study.hardware, dies)


def judge_training(
    weights: Network,
    folder: Path,
    data: Path | None,
    dies: Dies = (),
    notes: list[str] | None = None,
) -> list[Figure]:
    """How weights do without any circuit, on the nominal die, on their own and on drawn dies.

    Args:
        weights: of `fill`, that lie in `folder`.
        folder: of the weights; answers are kept there.
        data: folder of MNIST; None for the small bundled digits.
        dies: that they were trained for, if there are some.
        notes: what should be said of the judgements is added to them.
    """
    study, samples = weights.training, read_digits(data)
    sets = judging_dies(study)
    asked = ((nominal_dies(study),), *(((dies,),) if dies else ()), sets)
    inputs, labels = tensors(samples, ~samples.train)
    wrong = in_software(weights, inputs).argmax(-1) != labels
    how = f"{len(labels)} test samples of {samples.source}"
    store = make_folder(folder / JUDGEMENTS)
    questions = [Question(folder, some, "full", card=study.hardware.card) for some in asked]
    found = [answer(question, data, store) for question in questions]
    answers = [one.errors for one in found]
    if notes is not None:
        notes += [one.note for one in found if one.note]
    tiles = sum(len(layer.states) for layer in weights.layers) * sum(map(len, asked))
    nodal = sum(one.by_nodal for one in found)
    level = f"{how}; surrogate (full), {nodal} of {tiles} tiles read by the nodal solver"
    software = float(wrong.float().mean())
    figures = [
        at_most("error, software", software, None, "share", how),
        at_most("error, nominal die", answers[0][0], None, "share", level),
        at_most(f"mean error, {len(sets)} drawn dies", fmean(answers[-1]), None, "share", level),
        at_most(f"worst error, {len(sets)} drawn dies", max(answers[-1]), None, "share", level),
    ]
    if dies:
        figures.append(at_most("error, own die", answers[1][0], None, "share", level))
    return figures


def finished(folder: Path, key: str, notes: list[str]) -> Network | None:
    """The weights of a key that a folder holds; None if it holds none, or others.

    Args:
        folder: of the weights.
        key: of the training.
        notes: a line is added if what lies there cannot be used.
    """
    if not os.path.lexists(folder / ABOUT):
        return None
    try:
        found = load_weights(folder)
    except InputError as error:
        notes.append(f"the weights are trained anew: {error}")
        return None
    if found.key != key:
        notes.append(f"{folder} held the weights of another training, which these replace")
        return None
    return found


def answer(question: Question, data: Path | None, store: Path) -> Answer:
    """Judge weights on dies, unless the store has the answer already."""
    weights = load_weights(question.folder)
    key = _key(question, weights)
    path, note = store / f"{key}.json", ""
    if os.path.lexists(path):
        try:
            return _kept(path, question, key)
        except InputError as error:
            note = f"the weights are judged anew: {error}"
    with one_thread():
        found = _judged(question, weights, read_digits(data))
    content: dict[str, object] = {
        "key": key,
        "errors": found.errors,
        "corrected": found.corrected,
        "by_nodal": found.by_nodal,
    }
    write_text(path, json.dumps(content | {"checksum": _checksum(content)}) + "\n")
    return replace(found, note=note)


def _kept(path: Path, question: Question, key: str) -> Answer:
    """The answer that a file of the store holds.

    Raises:
        InputError: if it is damaged, or answers something else.
    """
    content = read_json(path)
    try:
        errors, corrected = (
            tuple(float(share) for share in content[name]) for name in ("errors", "corrected")
        )
        by_nodal = content["by_nodal"]
        whole = content["checksum"] == _checksum({k: content[k] for k in ANSWERED})
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise InputError(source=path, allowed=f"is no judgement: {error!r}") from None
    if not whole or content["key"] != key:
        raise InputError(source=path, allowed="is damaged, or the judgement of something else")
    dies = len(question.dies)
    fits = (len(errors), len(corrected)) == (dies, dies if question.correction else 0)
    if not fits or not all(0 <= share <= 1 for share in (*errors, *corrected)):
        raise InputError(source=path, allowed=f"must hold shares of errors on {dies} dies")
    if type(by_nodal) is not int or by_nodal < 0:
        raise InputError(source=path, key="by_nodal", allowed="must be a number of tiles")
    return Answer(errors, corrected, by_nodal)


def _checksum(content: dict[str, object]) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def _judged(question: Question, weights: Network, samples: Samples) -> Answer:
    surrogate = Surrogate(card_of(weights, question.card), question.level)
    inputs, labels = tensors(samples, ~samples.train)
    shown = tensors(samples, samples.train)[0][: question.correction]
    errors, after, by_nodal = [], [], 0
    with torch.no_grad():
        nominal = question.reference or nominal_dies(weights.training)
        reference = on_dies(weights, surrogate, nominal)
        for dies in question.dies:
            network = on_dies(weights, surrogate, dies)
            errors.append(error_of(network, inputs, labels))
            by_nodal += network.by_nodal
            if question.correction:
                after.append(error_of(corrected(network, reference, shown), inputs, labels))
    return Answer(tuple(errors), tuple(after), by_nodal)


def nominal_dies(study: TrainingStudy) -> Dies:
    """Dies without spread and defects."""
    return (study.hardware.nominal,) * study.hardware.dies


def _key(question: Question, weights: Network) -> str:
    parts = [weights.key, question.level, str(question.correction), str(len(question.reference))]
    parts += [die.key() for dies in (question.reference, *question.dies) for die in dies]
    return hashlib.sha256(" ".join(parts).encode()).hexdigest()


def fill_folder(order: Order, data: Path | None) -> list[str]:
    """`fill` for a worker: the weights stay on disk; the notes come back."""
    notes: list[str] = []
    fill(order, data, notes=notes)
    return notes


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
        nominal = programmed(weights, surrogate, nominal_dies(weights.training), torch.float32)
        for dies in draws:
            drawn = programmed(weights, surrogate, dies, torch.float32)
            row = []
            for share in shares:
                tiles = [
                    one.with_linear(torch.lerp(one.linear, other.linear, share))
                    for one, other in zip(nominal, drawn, strict=True)
                ]
                network = OnDies(weights, surrogate.card.circuit, reader(surrogate, tiles))
                loss = torch.nn.functional.cross_entropy(network.outputs(inputs), labels)
                row.append(float(loss))
            rows.append(row)
    return rows
