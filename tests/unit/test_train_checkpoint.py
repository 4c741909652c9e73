"""The state of a training on disk: a file that lies in a folder, and may be anything."""

import dataclasses
import os
from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file
from unit.tiled import digits, study, surrogate

from mtjspice.errors import InputError
from mtjspice.train import fit
from mtjspice.train.checkpoint import load_checkpoint, save_checkpoint
from mtjspice.train.fit import train

DATA, SURROGATE = digits(), surrogate()
OF = study(training={"epochs": 4})


class KilledError(Exception):
    """Stands for a kill."""


@pytest.fixture(autouse=True)
def often(monkeypatch):
    """A checkpoint every second epoch."""
    monkeypatch.setattr(fit, "ROUND", 30)


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A training of four epochs that was killed in its third."""
    path = tmp_path_factory.mktemp("kept") / "checkpoint"

    def killed(done, _):
        if done == 3:
            raise KilledError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fit, "ROUND", 30)
        with pytest.raises(KilledError):
            train(OF, DATA, SURROGATE, checkpoint=path, progress=killed)
    return path


@pytest.fixture
def path(kept, tmp_path):
    copy = tmp_path / "checkpoint"
    copy.write_bytes(kept.read_bytes())
    return copy


def gone_on(path, of=OF) -> tuple[int, list[str]]:
    """The first epoch of a training with this checkpoint, and what is said of it."""
    seen, notes = [], []
    train(of, DATA, SURROGATE, checkpoint=path, notes=notes,
          progress=lambda done, _: seen.append(done))  # fmt: skip
    return seen[0], notes


def changed(path, **parts) -> None:
    """A state with other parts, whole and with a right checksum."""
    state = load_checkpoint(path)
    save_checkpoint(path, replace(state, **parts))


def test_a_whole_checkpoint_is_gone_on_from(path):
    assert gone_on(path) == (3, [])


def test_a_checkpoint_reads_back_exactly(path, tmp_path):
    state = load_checkpoint(path)
    save_checkpoint(tmp_path / "copy", state)
    again = load_checkpoint(tmp_path / "copy")
    for field in dataclasses.fields(state):
        a, b = getattr(state, field.name), getattr(again, field.name)
        if isinstance(a, list):
            assert all(torch.equal(x, y) for x, y in zip(a, b, strict=True))
        else:
            assert torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b


def test_a_checkpoint_of_another_study_is_not_used(path):
    first, (said,) = gone_on(path, OF.replace(seed=2))
    assert first == 1
    assert "is the checkpoint of another training" in said


def flipped(path, place: float) -> None:
    content = bytearray(path.read_bytes())
    content[int(place * len(content))] ^= 16
    path.write_bytes(content)


def without(path, name: str) -> None:
    from safetensors.torch import load_file  # noqa: PLC0415

    tensors = load_file(path)
    del tensors[name]
    save_file(tensors, path)


SPOILT = {
    "truncated": (lambda p: p.write_bytes(p.read_bytes()[:-50]), "damaged"),
    "empty": (lambda p: p.write_bytes(b""), "damaged"),
    "reversed": (lambda p: p.write_bytes(p.read_bytes()[::-1]), "damaged"),
    "a bit of its head": (lambda p: flipped(p, 0.02), "damaged"),
    "a bit of its weights": (lambda p: flipped(p, 0.5), "checksum"),
    "no checksum": (lambda p: without(p, "checksum"), "damaged"),
    "no weights": (lambda p: without(p, "parameters.0"), "checksum"),
    "too large": (lambda p: p.write_bytes(bytes(2 * 2**20)), "larger"),
    "a pipe": (lambda p: (p.unlink(), os.mkfifo(p)), "a pipe"),
    "endless": (lambda p: (p.unlink(), p.symlink_to("/dev/zero")), "a device"),
    "a dangling link": (lambda p: (p.unlink(), p.symlink_to("nowhere")), "cannot be read"),
    "not a number": (
        lambda p: changed(p, parameters=[t * float("nan") for t in load_checkpoint(p).parameters]),
        "not finite",
    ),
    "an infinite loss": (lambda p: changed(p, loss=(1.0, float("inf"))), "not finite"),
    "a loss of 400 digits": (lambda p: changed(p, loss=(10**400,)), "damaged"),
    "another shape": (
        lambda p: changed(p, parameters=[t[None] for t in load_checkpoint(p).parameters]),
        "does not fit",
    ),
    "too few weights": (
        lambda p: changed(p, parameters=load_checkpoint(p).parameters[1:]),
        "does not fit",
    ),
    "half an average": (
        lambda p: changed(p, moments=load_checkpoint(p).moments[1:]),
        "does not fit",
    ),
    "another step": (
        lambda p: changed(p, steps=[t + 1 for t in load_checkpoint(p).steps]),
        "does not fit",
    ),
    "too many epochs": (lambda p: changed(p, loss=(1.0,) * 5), "does not fit"),
    "between two solutions": (
        lambda p: changed(p, loss=(1.0,), steps=[t / 2 for t in load_checkpoint(p).steps]),
        "does not fit",
    ),
    "no chance": (lambda p: changed(p, chance=torch.zeros(7, dtype=torch.uint8)), "damaged"),
}


@pytest.mark.parametrize("spoil", SPOILT)
def test_what_is_no_state_of_this_training_is_not_used_and_it_is_said(spoil, path):
    change, says = SPOILT[spoil]
    change(path)
    first, (said,) = gone_on(path)
    assert first == 1
    assert said.startswith("the training begins anew: ")
    assert says in said
    assert str(path) in said
    assert load_checkpoint(path) is not None  # replaced by its own


def test_a_file_that_holds_no_state_is_an_error(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        load_checkpoint(tmp_path / "missing")
