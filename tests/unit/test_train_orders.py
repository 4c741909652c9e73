"""Weights and judgements that are made once, and found again by their keys."""

import dataclasses
import json
import os

import numpy as np
import pytest
import torch
from unit.tiled import HEAVY, study, surrogate

from mtjspice.data.mnist import read_small_digits
from mtjspice.data.weights import load_weights
from mtjspice.device.dies import draw_dies
from mtjspice.errors import InputError
from mtjspice.train import fit, orders
from mtjspice.train.hardware import corrected, error_of, on_dies, tensors
from mtjspice.train.orders import (
    Order,
    Question,
    answer,
    fill,
    fill_folder,
    finished,
    losses_along,
    nominal_dies,
    read_digits,
)

STUDY = study(
    network={"hidden": (12,)}, hardware={"tiles": 4, "rates": HEAVY},
    training={"epochs": 2, "batch": 64},
)  # fmt: skip
DIES = tuple(
    (die,) for die in draw_dies(STUDY.hardware.spread, HEAVY, (25, 25), 4, count=3, seed=3)
)


class KilledError(Exception):
    """Stands for a kill."""


@pytest.fixture(autouse=True)
def often(monkeypatch):
    """A checkpoint after each epoch: the data have 20 steps."""
    monkeypatch.setattr(fit, "ROUND", 20)


@pytest.fixture
def trainings(monkeypatch) -> list:
    """The studies that were trained."""
    seen = []

    def counted(of, *given, **named):
        seen.append(of)
        return fit.train(of, *given, **named)

    monkeypatch.setattr(orders, "train", counted)
    return seen


@pytest.fixture
def judgements(monkeypatch) -> list:
    """The questions that were not answered from the store."""
    seen = []
    judged = orders._judged

    def counted(question, *given):
        seen.append(question)
        return judged(question, *given)

    monkeypatch.setattr(orders, "_judged", counted)
    return seen


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Trained weights."""
    path = tmp_path_factory.mktemp("weights")
    fill(Order(STUDY, path), None)
    return path


def contents(folder) -> dict[str, tuple[bytes, int]]:
    """Bytes and times of the files of a folder."""
    return {p.name: (p.read_bytes(), p.stat().st_mtime_ns) for p in folder.iterdir()}


def test_weights_are_trained_once_and_found_again(tmp_path, trainings):
    order = Order(STUDY, tmp_path / "w")
    made = fill(order, None)
    before = contents(order.folder)
    assert set(before) == {"tiles.safetensors", "weights.json"}  # no checkpoint is left
    again = fill(order, None)
    assert trainings == [STUDY]
    assert contents(order.folder) == before
    assert again.key == made.key
    assert finished(order.folder, made.key, []).key == made.key
    assert all((a.states == b.states).all() for a, b in zip(again.layers, made.layers, strict=True))
    fill_folder(order, None)
    assert trainings == [STUDY]


@pytest.mark.parametrize("part", ["seed", "training", "rates"])
def test_a_changed_study_is_trained_anew(tmp_path, trainings, part):
    changed = {
        "seed": STUDY.replace(seed=2),
        "training": STUDY.replace(training=STUDY.training.replace(learning_rate=0.02)),
        "rates": STUDY.replace(
            hardware=STUDY.hardware.replace(rates=STUDY.hardware.rates.replace(short=0.1))
        ),
    }[part]
    first = fill(Order(STUDY, tmp_path), None)
    second = fill(Order(changed, tmp_path), None)
    assert trainings == [STUDY, changed]
    assert first.key != second.key == load_weights(tmp_path).key
    fill(Order(changed, tmp_path), None)
    assert len(trainings) == 2


def test_other_dies_or_another_start_are_trained_anew(tmp_path, trainings, folder):
    of = STUDY.replace(
        training=STUDY.training.replace(method="hardware-aware", epochs=1),
    )
    given = [
        Order(of, tmp_path, DIES[0]),
        Order(of, tmp_path, DIES[1]),
        Order(of, tmp_path, DIES[1], start=folder),
    ]
    keys = [fill(order, None).key for order in given]
    assert len(set(keys)) == len(trainings) == 3
    assert fill(given[-1], None).key == keys[-1]
    assert len(trainings) == 3


@pytest.mark.parametrize("name", ["tiles.safetensors", "weights.json"])
def test_spoilt_weights_are_trained_anew_and_are_the_same(tmp_path, trainings, name):
    order, notes = Order(STUDY, tmp_path), []
    fill(order, None, notes=notes)
    assert not notes
    before = contents(tmp_path)
    (tmp_path / name).write_bytes(before[name][0][:-3])
    fill(order, None, notes=notes)
    assert len(trainings) == 2
    (said,) = notes
    assert said.startswith("the weights are trained anew: ")
    assert str(tmp_path) in said
    assert {n: c for n, (c, _) in contents(tmp_path).items()} == {
        n: c for n, (c, _) in before.items()
    }
    assert fill_folder(order, None) == []


def test_weights_of_another_training_are_replaced_and_it_is_said(tmp_path):
    fill(Order(STUDY, tmp_path), None)
    assert fill_folder(Order(STUDY.replace(seed=2), tmp_path), None) == [
        f"{tmp_path} held the weights of another training, which these replace"
    ]


def test_a_killed_training_goes_on(tmp_path, folder):
    def killed(done, _):
        if done == 2:
            raise KilledError

    of = STUDY.replace(training=STUDY.training.replace(epochs=4))
    whole = fill(Order(of, tmp_path / "whole"), None)
    order, seen = Order(of, tmp_path / "w"), []
    with pytest.raises(KilledError):
        fill(order, None, killed)
    assert [p.name for p in order.folder.iterdir()] == ["checkpoint.safetensors"]
    again = fill(order, None, lambda done, _: seen.append(done))
    assert seen == [3, 4]
    assert again.loss == whole.loss
    assert {p.name: p.read_bytes() for p in order.folder.iterdir()} == {
        p.name: p.read_bytes() for p in (tmp_path / "whole").iterdir()
    }


def test_a_start_that_is_missing_is_an_error_and_nothing_is_written(tmp_path, trainings):
    with pytest.raises(InputError, match="does not hold weights"):
        fill(Order(STUDY, tmp_path / "w", start=tmp_path / "none"), None)
    assert not trainings
    assert not (tmp_path / "w").exists()


@pytest.mark.parametrize("level", ["linear", "full"])
def test_an_answer_is_that_of_a_direct_evaluation(tmp_path, folder, level):
    found = answer(Question(folder, DIES, level, correction=50), None, tmp_path)
    weights, samples = load_weights(folder), read_small_digits()
    inputs, labels = tensors(samples, ~samples.train)
    shown = tensors(samples, samples.train)[0][:50]
    reference = on_dies(weights, surrogate(level), nominal_dies(STUDY))
    for k, dies in enumerate(DIES):
        network = on_dies(weights, surrogate(level), dies)
        assert found.errors[k] == error_of(network, inputs, labels)
        assert found.corrected[k] == error_of(corrected(network, reference, shown), inputs, labels)
    assert len(set(found.errors)) > 1
    assert not answer(Question(folder, DIES, level), None, tmp_path).corrected


def test_the_correction_may_be_held_against_a_die(tmp_path, folder):
    question = Question(folder, DIES[1:], "linear", correction=50, reference=DIES[0])
    found = answer(question, None, tmp_path)
    weights, samples = load_weights(folder), read_small_digits()
    inputs, labels = tensors(samples, ~samples.train)
    shown = tensors(samples, samples.train)[0][:50]
    own, *others = (on_dies(weights, surrogate(), dies) for dies in DIES)
    assert found.corrected == tuple(
        error_of(corrected(network, own, shown), inputs, labels) for network in others
    )


def test_an_answer_is_kept_and_found_by_its_key(tmp_path, folder, judgements):
    question = Question(folder, DIES[:2], "linear", correction=20)
    first = answer(question, None, tmp_path)
    again = answer(question, None, tmp_path)
    assert first == again
    assert judgements == [question]
    (path,) = tmp_path.iterdir()
    content = json.loads(path.read_text())
    assert (content["errors"], content["corrected"]) == (list(first.errors), list(first.corrected))
    assert path.stem == content["key"]


def rewritten(path, **changes) -> None:
    """An answer with something else in it, and the checksum of that."""
    content = json.loads(path.read_text()) | changes
    content["checksum"] = orders._checksum({k: content[k] for k in orders.ANSWERED})
    path.write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda path: path.write_text("{"), "is not JSON"),
        (lambda path: path.write_text("[" * 10**5), "nests too deep"),
        (lambda path: path.write_text("[]"), "is no judgement"),
        (lambda path: path.write_text('{"errors": [1], "corrected": [0]}'), "is no judgement"),
        (lambda path: path.write_bytes(path.read_bytes().replace(b"0.", b"0.1", 1)), "is damaged"),
        (lambda path: rewritten(path, key="0" * 64), "of something else"),
        (lambda path: rewritten(path, errors=[0.5]), "on 2 dies"),
        (lambda path: rewritten(path, errors=[0.5, 1.5]), "shares of errors"),
        (lambda path: rewritten(path, errors=[0.5, float("nan")]), "shares of errors"),
        (lambda path: rewritten(path, corrected=[]), "on 2 dies"),
        (lambda path: rewritten(path, errors=["a", "b"]), "is no judgement"),
        (lambda path: rewritten(path, errors=[10**400, 0]), "is no judgement"),
        (lambda path: (path.unlink(), os.mkfifo(path)), "a pipe"),
    ],
)
def test_an_answer_that_cannot_be_is_judged_anew(tmp_path, folder, judgements, spoil, says):
    question = Question(folder, DIES[:2], "linear", correction=20)
    first = answer(question, None, tmp_path)
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    spoil(path)
    again = answer(question, None, tmp_path)
    assert judgements == [question, question]
    assert says in again.note
    assert dataclasses.replace(again, note="") == first
    assert path.read_bytes() == whole
    assert answer(question, None, tmp_path) == first  # and is said once


def test_every_other_question_has_another_key(tmp_path, folder, judgements):
    other = tmp_path / "other"
    fill(Order(STUDY.replace(seed=5), other), None)
    asked = Question(folder, DIES[:2], "linear")
    questions = [
        asked,
        dataclasses.replace(asked, folder=other),
        dataclasses.replace(asked, dies=DIES[1:]),
        dataclasses.replace(asked, dies=DIES[1::-1]),
        dataclasses.replace(asked, dies=DIES[:1]),
        dataclasses.replace(asked, level="full"),
        dataclasses.replace(asked, correction=20),
        dataclasses.replace(asked, correction=20, reference=DIES[2]),
    ]
    store = tmp_path / "judged"
    store.mkdir()
    found = [answer(question, None, store) for question in questions]
    assert judgements == questions
    assert len(list(store.iterdir())) == len(questions)
    assert found[3].errors == found[0].errors[::-1]
    assert found[4].errors == found[0].errors[:1]
    assert found[6].errors == found[0].errors


def test_judging_leaves_the_threads_as_they_were(tmp_path, folder):
    threads = torch.get_num_threads()
    answer(Question(folder, DIES[:1], "linear"), None, tmp_path)
    assert torch.get_num_threads() == threads


def loss_on(folder, dies) -> float:
    samples = read_small_digits()
    inputs, labels = (x[:80] for x in tensors(samples, ~samples.train))
    with torch.no_grad():
        outputs = on_dies(load_weights(folder), surrogate(), dies).outputs(inputs)
    return float(torch.nn.functional.cross_entropy(outputs, labels))


def test_losses_go_from_the_nominal_die_to_the_drawn_one(folder):
    bare = STUDY.hardware.nominal
    draws = tuple((die,) for die in draw_dies(bare, HEAVY, (25, 25), 4, count=2, seed=9))
    found = losses_along(folder, draws, (0.0, 0.5, 1.0, 2.0), 80, None)
    assert np.shape(found) == (2, 4)
    assert np.isfinite(found).all()
    nominal = loss_on(folder, nominal_dies(STUDY))
    for row, dies in zip(found, draws, strict=True):
        assert row[0] == pytest.approx(nominal, rel=1e-6)
        assert row[2] == pytest.approx(loss_on(folder, dies), rel=1e-6)
        assert row[3] > row[2] > row[0]
    assert found[0][2] != found[1][2]


def test_without_a_folder_the_data_are_the_small_digits():
    assert read_digits(None).source == read_small_digits().source
    assert read_digits(None) is read_digits(None)  # read once
