"""Trained weights on disk."""

import dataclasses
import hashlib
import json
import os
import shutil

import numpy as np
import pytest
from safetensors.numpy import load, save
from unit.builders import network
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
    """`weights.json` with something changed, and the checksum of somebody who writes such files."""
    content = json.loads((folder / ABOUT).read_text())
    del content["checksum"]
    content = change(content) or content
    if isinstance(content, dict):
        text = json.dumps(content, sort_keys=True, separators=(",", ":"))
        content["checksum"] = hashlib.sha256(text.encode()).hexdigest()
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


def test_a_network_on_paper_reads_back_exactly_too(tmp_path):
    made = network(([[1, 0], [-1, 1]], [0.1, 1 / 3]), ([[1], [-1]], [-2.5e-7]), name="of µ")
    save_weights(tmp_path, made)
    assert same(load_weights(tmp_path), made)


def test_weights_of_the_format_before_have_the_name_of_their_study(folder):
    def older(content):
        del content["name"]
        content["format"] = "mtjspice weights 2"

    rewritten(folder, older)
    assert same(load_weights(folder), SAVED)


def test_a_folder_is_made_and_weights_replace_others(tmp_path):
    folder = tmp_path / "a" / "b"
    save_weights(folder, SAVED, VERSIONS)
    other = dataclasses.replace(written(STUDY, seed=9), key="0" * 64)
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
    refused(folder, rf"{name}: cannot be read: No such file")


@pytest.mark.parametrize("name", [ABOUT, TENSORS])
@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: path.symlink_to("/dev/zero")])
def test_what_is_no_file_is_refused_at_once(folder, name, make):
    (folder / name).unlink()
    make(folder / name)
    refused(folder, rf"{name}: cannot be read: it is a (pipe|folder|device), not a file")


@pytest.mark.parametrize(("name", "most"), [(ABOUT, "MOST_ABOUT"), (TENSORS, "MOST_TILES")])
def test_a_file_that_is_too_large_is_refused(folder, monkeypatch, name, most):
    size = (folder / name).stat().st_size
    monkeypatch.setattr(module, most, size)
    load_weights(folder)
    monkeypatch.setattr(module, most, size - 1)
    refused(folder, rf"{name}: is larger \({size} bytes\)")


@pytest.mark.parametrize("name", [ABOUT, TENSORS])
@pytest.mark.parametrize("left", [0, 10, -10])
def test_a_truncated_file_is_refused(folder, name, left):
    path = folder / name
    path.write_bytes(path.read_bytes()[:left])
    refused(folder, "is not JSON|belongs to")


@pytest.mark.parametrize(
    "change",
    [
        lambda c: c.update(key="0" * 64),
        lambda c: c.update(data="MNIST"),
        lambda c: c["versions"].update(torch="10"),
        lambda c: c["loss"].append(1.0),
        lambda c: c["study"].update(seed=STUDY.seed + 1),
        lambda c: c["study"]["hardware"].update(card="passive15"),
        lambda c: c["classes"].reverse(),
        lambda c: c["features"].reverse(),
        lambda c: c["layers"][0].update(g_norm=2.0001e-4),
        lambda c: c.update(more=1),
        lambda c: c.update(checksum="0" * 64),
        lambda c: c.update(checksum=None),
    ],
)
def test_a_changed_description_is_refused_whatever_was_changed(folder, change):
    content = json.loads((folder / ABOUT).read_text())
    change(content)
    (folder / ABOUT).write_text(json.dumps(content))
    refused(folder, "checksum.*the file was changed or damaged; `mtjspice train`")


def test_a_description_without_a_checksum_is_refused(folder):
    content = json.loads((folder / ABOUT).read_text())
    del content["checksum"]
    (folder / ABOUT).write_text(json.dumps(content))
    refused(folder, "has no checksum")


def test_a_description_that_was_only_laid_out_anew_is_read(folder):
    content = json.loads((folder / ABOUT).read_text())
    (folder / ABOUT).write_text("\ufeff" + json.dumps(content, indent=4, sort_keys=True))
    assert same(load_weights(folder), SAVED)


def test_weights_of_an_old_version_are_refused_with_what_to_do(folder):
    rewritten(folder, lambda c: c.update(format="mtjspice weights 1"))
    refused(folder, "format = 'mtjspice weights 1'.*another version are trained again")


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
        lambda c: c.update(format=["mtjspice weights 3"]),
        lambda c: c.pop("name") and None,
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
    refused(folder, r"weights\.json|layer0\.states")


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda c: c["layers"][0].update(inputs=7), "do not fit each other"),
        (lambda c: c["layers"][1].update(inputs=15), "do not fit each other"),
        (lambda c: c["features"].append(8), "do not fit each other"),
        (lambda c: c["classes"].append("d"), "do not fit each other"),
        (lambda c: c["layers"].pop(), "do not fit each other"),
        (lambda c: c.pop("study"), "study and card stand together"),
        (lambda c: c.update(card=None), "study and card stand together"),
        (lambda c: c["study"]["network"].update(hidden=[14, 6]), "not those of its study"),
        (lambda c: c["features"].__setitem__(3, 2), "features has 2 2 times"),
        (lambda c: c["classes"].__setitem__(2, "a"), "classes has 'a' 2 times"),
        (lambda c: c["layers"][1].update(first=2), r"layers.1.first = 2: tile 3 is the next"),
        (lambda c: c["layers"][0].update(first=1), r"layers.0.first = 1: tile 0 is the next"),
        (lambda c: c["study"]["hardware"].update(tiles=4), "layers = 5: tiles: the dies have 4"),
    ],
)  # fmt: skip
def test_layers_that_do_not_follow_from_each_other_are_refused(folder, change, match):
    rewritten(folder, lambda c: change(c) and None)
    refused(folder, match)


WHOLE = (1.7, "3", True, None, [], -1, 2_000_000, 10**30, 1.0)
"""What no count can be."""
REAL = ("3", True, None, [], float("nan"), float("inf"), float("-inf"), -1e-5, 1e300, 10**400)
"""What no conductance can be."""


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *((name, value) for name in ("inputs", "outputs", "groups", "copies") for value in WHOLE),
        *((name, 0) for name in ("inputs", "outputs", "groups", "copies")),
        *(("first", value) for value in WHOLE),
        *((name, value) for name in ("unit", "g_norm") for value in (*REAL, 0, 0.0, 1e-300)),
        *(("outlier", value) for value in REAL),
    ],
)
def test_numbers_that_cannot_be_are_refused_by_name(folder, key, value):
    rewritten(folder, lambda c: c["layers"][1].update({key: value}))
    refused(folder, rf"weights\.json: layers\.1\.{key}( =.*)?: ")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *((key, value) for key in ("key", "card", "tiles")
          for value in ("", "of a test", "0" * 63, "0" * 65, "G" * 64, "0" * 64 + "\n", 0)),
        ("key", None),
        ("tiles", None),
        *(("loss", [value]) for value in REAL[:-2]),
        ("loss", 1.0),
        *(("features", [0, 1, 2, 3, 4, 5, 6, value]) for value in WHOLE),
        *(("classes", ["a", "b", value]) for value in (3, None, "", "<script>", "a\nb", "$x$")),
        *(("name", value) for value in (3, None, "", "<b>", "../x")),
        *(("data", value) for value in (3, None, "", "<b>", "../x")),
        ("versions", []),
        ("versions", {"torch": 9}),
        ("layers", []),
        ("more", 1),
    ],
)  # fmt: skip
def test_a_description_that_cannot_be_is_refused_by_name(folder, key, value):
    rewritten(folder, lambda c: c.update({key: value}))
    refused(folder, rf"weights\.json: {key}\b")


def test_weights_that_could_not_be_read_are_not_written(folder):
    last = dataclasses.replace(SAVED.layers[-1], g_norm=-1e-4)
    other = dataclasses.replace(SAVED, layers=(*SAVED.layers[:-1], last))
    with pytest.raises(InputError, match=r"layers\.2\.g_norm = -0\.0001"):
        save_weights(folder, other, VERSIONS)
    assert same(load_weights(folder), SAVED)


def test_an_unknown_key_of_the_study_is_named(folder):
    rewritten(folder, lambda c: c["study"]["network"].update(colour=1))
    refused(folder, r"weights\.json.*study.*colour|network\.colour")


def renumbered(folder, content: bytes) -> None:
    """Other numbers, that the description beside them belongs to."""
    (folder / TENSORS).write_bytes(content)
    rewritten(folder, lambda c: c.update(tiles=hashlib.sha256(content).hexdigest()))


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("layer0.states", lambda x: x[:-1]),
        ("layer0.states", lambda x: x[0]),
        ("layer0.states", lambda x: x[:, :, :1]),
        ("layer0.states", lambda x: x[:, :3]),
        ("layer0.states", lambda x: x[:0]),
        ("layer0.states", lambda x: x + 1),
        ("layer0.states", lambda x: x.astype(np.float64)),
        ("layer0.states", lambda x: x.astype(np.int8)),
        ("layer0.states", lambda x: x.astype(bool)),
        ("layer0.states", lambda x: np.array(1, dtype=np.uint8)),
        ("layer1.bias", lambda x: x[:-1]),
        ("layer1.bias", lambda x: x[:, None]),
        ("layer1.bias", lambda x: np.array(1.0)),
        ("layer1.bias", lambda x: x.astype(np.float32)),
        ("layer1.bias", lambda x: x.astype(np.int64)),
        ("layer1.bias", lambda x: x * np.nan),
        ("layer1.bias", lambda x: x * np.inf),
        ("layer1.bias", lambda x: x * 1e300),
    ],
)
def test_numbers_that_do_not_fit_are_refused_by_name(folder, name, change):
    tensors = load((folder / TENSORS).read_bytes())
    tensors[name] = np.ascontiguousarray(change(tensors[name])).reshape(change(tensors[name]).shape)
    renumbered(folder, save(tensors))
    refused(folder, rf"{TENSORS}: {name} = ")


def test_tensors_that_are_missing_or_are_too_many_are_refused(folder):
    tensors = load((folder / TENSORS).read_bytes())
    renumbered(folder, save(tensors | {"layer3.bias": np.zeros(1)}))
    refused(folder, "must hold.*no others")
    del tensors["layer2.bias"]
    renumbered(folder, save(tensors))
    refused(folder, "must hold.*no others")


def tensors_file(header: object, data: bytes = bytes(64), size: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(text) if size is None else size).to_bytes(8, "little") + text + data


def entry(dtype="U8", shape=(64,), offsets=(0, 64)) -> dict:
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 8,
        b"\xff" * 64,
        tensors_file({}, size=2**62),
        tensors_file(b"no JSON"),
        tensors_file(b"[" * 100_000),
        tensors_file([]),
        tensors_file({"a": 3}),
        tensors_file({"a": entry(offsets=(0, 65))}),
        tensors_file({"a": entry(offsets=(64, 0))}),
        tensors_file({"a": entry(shape=(-64,))}),
        tensors_file({"a": entry(shape=(2**62, 8))}),
        tensors_file({"a": entry(shape=(2**63, 2**63))}),
        tensors_file({"a": entry(), "b": entry()}),  # both have the same bytes
        tensors_file({"a": entry(dtype="F65")}),
        tensors_file({"a": entry(dtype="BF16", shape=(32,))}),
        tensors_file({"a": entry(dtype="F8_E4M3")}),
        tensors_file({"a": entry(), "__metadata__": {"x": 1}}),
        tensors_file({"a": entry()}, data=bytes(65)),
    ],
)  # fmt: skip
def test_files_of_numbers_that_lie_are_refused(folder, content):
    renumbered(folder, content)
    refused(folder, rf"{TENSORS}.*(is no safetensors file of ours|must hold)")


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
