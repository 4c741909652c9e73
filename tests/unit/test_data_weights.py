"""Trained weights on disk."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
from safetensors.numpy import load, save
from unit.tiled import study, written

from mtjspice.data import weights as module
from mtjspice.data.weights import ABOUT, FORMAT, TENSORS, load_weights, save_weights
from mtjspice.errors import InputError, StorageError

STUDY = study(network={"hidden": (14, 5), "copies": (2, 1, 1), "outlier": (3.0, 0.0, 1.5)},
              hardware={"tiles": 8})  # fmt: skip
SAVED = written(STUDY)
VERSIONS = {"torch": "9"}


@pytest.fixture
def folder(tmp_path):
    save_weights(tmp_path, SAVED, VERSIONS)
    return tmp_path


def same(one, other) -> bool:
    """Whether networks are equal to the last bit."""
    plain = [dataclasses.replace(network, layers=()) for network in (one, other)]
    if plain[0] != plain[1] or len(one.layers) != len(other.layers):
        return False
    for a, b in zip(one.layers, other.layers, strict=True):
        for field in dataclasses.fields(a):
            x, y = getattr(a, field.name), getattr(b, field.name)
            if isinstance(x, np.ndarray):
                if x.dtype != y.dtype or x.shape != y.shape or x.tobytes() != y.tobytes():
                    return False
            elif x != y or type(x) is not type(y):
                return False
    return True


def refused(folder, match: str) -> None:
    with pytest.raises(InputError, match=match) as caught:
        load_weights(folder)
    assert caught.value.exit_code == 2
    assert str(folder) in str(caught.value)


def rewritten(folder, change) -> None:
    """`weights.json` with something changed."""
    content = json.loads((folder / ABOUT).read_text())
    content = change(content) or content
    (folder / ABOUT).write_text(json.dumps(content))


def test_weights_read_back_exactly(folder):
    found = load_weights(folder)
    assert same(found, SAVED)
    assert found.study == STUDY


def test_the_same_weights_give_the_same_bytes(folder, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    save_weights(other, load_weights(folder), VERSIONS)
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == {
        p.name: p.read_bytes() for p in other.iterdir()
    }
    assert {p.name for p in folder.iterdir()} == {ABOUT, TENSORS}


def test_a_folder_is_made_and_weights_replace_others(tmp_path):
    folder = tmp_path / "a" / "b"
    save_weights(folder, SAVED, VERSIONS)
    other = dataclasses.replace(written(STUDY, seed=9), key="other")
    save_weights(folder, other, VERSIONS)
    assert same(load_weights(folder), other)


def test_what_they_depend_on_is_written_beside_them(folder):
    about = json.loads((folder / ABOUT).read_text())
    assert about["format"] == FORMAT
    assert about["versions"] == VERSIONS
    assert about["card"] == SAVED.card
    assert about["study"]["seed"] == STUDY.seed


@pytest.mark.parametrize("name", [ABOUT, TENSORS])
def test_a_missing_file_is_refused(folder, name):
    (folder / name).unlink()
    refused(folder, rf"does not hold weights.*{name}")


@pytest.mark.parametrize("name", [ABOUT, TENSORS])
@pytest.mark.parametrize("left", [0, 10, -10])
def test_a_truncated_file_is_refused(folder, name, left):
    path = folder / name
    path.write_bytes(path.read_bytes()[:left])
    refused(folder, "does not hold weights|belongs to")


@pytest.mark.parametrize("at", [0, 20, -1])
def test_a_tampered_file_of_numbers_is_refused(folder, at):
    path = folder / TENSORS
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(bytes(content))
    refused(folder, rf"{TENSORS}: SHA-256.*{ABOUT} beside it belongs to")


def test_halves_of_two_savings_are_refused(folder, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    save_weights(other, written(STUDY, seed=9), VERSIONS)
    shutil.copy(other / TENSORS, folder / TENSORS)
    refused(folder, "belongs to")


@pytest.mark.parametrize(
    "change",
    [
        lambda c: [1],
        lambda c: c.update(format="mtjspice weights 0"),
        lambda c: c.pop("format") and None,
        lambda c: c.pop("key") and None,
        lambda c: c.pop("study") and None,
        lambda c: c.update(study=3),
        lambda c: c.update(layers=3),
        lambda c: c.update(features=["x"]),
        lambda c: c.update(loss=["x"]),
        lambda c: c["layers"].append(c["layers"][0]),
        lambda c: c["layers"][0].pop("unit") and None,
        lambda c: c["layers"][0].update(unit="much"),
        lambda c: c["layers"][0].update(groups=0),
        lambda c: c["layers"][0].update(groups=2),
        lambda c: c["layers"][0].update(groups=[[0]]),
        lambda c: c["layers"][0].update(copies=0),
        lambda c: c["layers"][0].update(copies=3),
        lambda c: c["layers"][0].update(groups=-1, copies=-2),
        lambda c: c["layers"][0].pop("copies") and None,
        lambda c: c["layers"][0].update(inputs=0),
        lambda c: c["layers"][0].update(inputs=26),
        lambda c: c["layers"][0].update(outputs=15),
        lambda c: c["layers"][0].update(outputs=30),
    ],
)  # fmt: skip
def test_a_spoilt_description_is_refused(folder, change):
    rewritten(folder, change)
    refused(folder, r"weights\.json")


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda c: c["layers"][0].update(inputs=7), "do not fit each other"),
        (lambda c: c["layers"][1].update(inputs=15), "do not fit each other"),
        (lambda c: c["features"].append(8), "do not fit each other"),
        (lambda c: c["classes"].append("d"), "do not fit each other"),
        (lambda c: c["layers"].pop(), "do not fit each other"),
        (lambda c: c["study"]["network"].update(hidden=[14, 6]), "not those of its study"),
        (lambda c: c["features"].__setitem__(3, -1), "features count from 0"),
        (lambda c: c["layers"][1].update(first=2), "begins at tile 2; tile 3 is the next"),
        (lambda c: c["layers"][0].update(first=1), "begins at tile 1; tile 0 is the next"),
        (lambda c: c["study"]["hardware"].update(tiles=4), "has 5 tiles; the dies have 4"),
    ],
)  # fmt: skip
def test_layers_that_do_not_follow_from_each_other_are_refused(folder, change, match):
    rewritten(folder, lambda c: change(c) and None)
    refused(folder, match)


@pytest.mark.parametrize(
    ("key", "value"),
    [("unit", 0.0), ("unit", -1e-5), ("unit", float("nan")), ("g_norm", 0.0),
     ("g_norm", float("inf")), ("outlier", -1.0), ("outlier", float("nan"))],
)  # fmt: skip
def test_numbers_that_cannot_be_used_are_refused(folder, key, value):
    rewritten(folder, lambda c: c["layers"][1].update({key: value}))
    refused(folder, "layer1: unit, g_norm, outlier or a bias is not a number that can be used")


def test_an_unknown_key_of_the_study_is_named(folder):
    rewritten(folder, lambda c: c["study"]["network"].update(colour=1))
    refused(folder, r"weights\.json.*study.*colour|network\.colour")


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("layer0.states", lambda x: x[:-1]),
        ("layer0.states", lambda x: x[0]),
        ("layer0.states", lambda x: x[:, :, :1]),
        ("layer0.states", lambda x: x[:, :3]),
        ("layer0.states", lambda x: x + 1),
        ("layer1.bias", lambda x: x[:-1]),
        ("layer2.bias", lambda x: None),
        ("layer2.bias", lambda x: x * np.nan),
    ],
)
def test_numbers_that_do_not_fit_are_refused(folder, name, change):
    tensors = load((folder / TENSORS).read_bytes())
    changed = change(tensors.pop(name))
    if changed is not None:
        tensors[name] = np.ascontiguousarray(changed)
    content = save(tensors)
    (folder / TENSORS).write_bytes(content)
    digest = module.hashlib.sha256(content).hexdigest()
    rewritten(folder, lambda c: c.update(tiles=digest))
    refused(folder, "does not hold weights")


@pytest.mark.parametrize("written_whole", ["first", "second"])
def test_a_kill_while_writing_leaves_nothing_half_written(folder, monkeypatch, written_whole):
    other = written(STUDY, seed=9)
    broken = {"first": "written_whole", "second": "write_text"}[written_whole]

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(module, broken, killed)
    with pytest.raises(KeyboardInterrupt):
        save_weights(folder, other, VERSIONS)
    assert {p.name for p in folder.iterdir()} == {ABOUT, TENSORS}
    if written_whole == "first":
        assert same(load_weights(folder), SAVED)  # the old ones are still there
    else:
        refused(folder, "belongs to")  # never halves of both


def test_a_disk_that_fills_up_while_writing_leaves_the_old_weights(folder, monkeypatch):
    before = (folder / TENSORS).read_bytes()

    def full(path, content):
        with path.open("wb") as file:
            file.write(content[: len(content) // 2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module.Path, "write_bytes", full)
    with pytest.raises(StorageError, match="No space"):
        save_weights(folder, written(STUDY, seed=9), VERSIONS)
    assert (folder / TENSORS).read_bytes() == before
    assert {p.name for p in folder.iterdir()} == {ABOUT, TENSORS}
    assert same(load_weights(folder), SAVED)
