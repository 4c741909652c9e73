import os

import numpy as np
import pytest
from sklearn import datasets

from mtjspice.data import nist
from mtjspice.data.samples import scaled
from mtjspice.errors import InputError

TRAIN, TEST = 4, 2


@pytest.fixture
def folder(tmp_path):
    """A small folder in NIST's format: six samples, solutions 2 and 10."""
    rng = np.random.default_rng(1)
    top = tmp_path / "published"
    for name in ("dataset", "solutions"):
        (top / name).mkdir(parents=True)
    for split, samples in (("train", TRAIN), ("test", TEST)):
        np.savetxt(top / "dataset" / f"X_{split}.txt", rng.uniform(size=(13, samples)))
        np.savetxt(top / "dataset" / f"Y_{split}.txt", np.eye(3)[rng.integers(0, 3, samples)].T)
    for number in (10, 2):
        for part, inputs, outputs in (("fc1", 13, 6), ("fc2", 6, 3)):
            start = top / "solutions" / f"{number}_{part}"
            np.savetxt(f"{start}_weight.txt", rng.integers(0, 2, (inputs, 2 * outputs)), fmt="%d")
            np.savetxt(f"{start}_bias.txt", np.full(outputs, number / 4))
    return top


def spoil(path, row, column, value):
    matrix = np.loadtxt(path, ndmin=2)
    matrix[row, column] = value
    np.savetxt(path, matrix)


def test_samples_are_read_in_the_published_split(folder):
    samples = nist.read_samples(folder)
    assert samples.inputs.shape == (TRAIN + TEST, 13)
    assert samples.train.tolist() == [True] * TRAIN + [False] * TEST
    x, y = (np.loadtxt(folder / "dataset" / f"{letter}_test.txt") for letter in "XY")
    assert (samples.inputs[TRAIN:] == x.T).all()
    assert (samples.labels[TRAIN:] == y.argmax(axis=0)).all()


def test_solutions_are_read_in_the_order_of_their_numbers(folder):
    two, ten = nist.read_solutions(folder)
    assert (two.name, ten.name) == ("solution 2", "solution 10")
    assert two.layers[0].bias.tolist() == [0.5] * 6
    on = np.loadtxt(folder / "solutions" / "10_fc1_weight.txt")
    assert (ten.layers[0].weights == on[:, 0::2] - on[:, 1::2]).all()


def test_only_the_solutions_that_are_asked_for_are_read(folder):
    assert [n.name for n in nist.read_solutions(folder, (10,))] == ["solution 10"]


@pytest.mark.parametrize("subfolder", ["", "solutions", "dataset"])
def test_the_folder_or_one_of_its_two_may_be_named(folder, subfolder):
    assert len(nist.read_samples(folder / subfolder).labels) == TRAIN + TEST
    assert len(nist.read_solutions(folder / subfolder)) == 2


@pytest.mark.parametrize("read", [nist.read_samples, nist.read_solutions])
@pytest.mark.parametrize("name", ["missing", "published/missing"])
def test_a_missing_folder_is_refused_even_beside_the_right_one(folder, read, name):
    missing = folder.parent / name
    with pytest.raises(InputError) as caught:
        read(missing)
    assert caught.value.source == str(missing)


@pytest.mark.parametrize(
    ("read", "name"), [(nist.read_samples, "dataset/"), (nist.read_solutions, "solutions/")]
)
def test_a_folder_of_something_else_is_refused_with_what_it_must_hold(tmp_path, read, name):
    with pytest.raises(InputError, match=name) as caught:
        read(tmp_path)
    assert caught.value.source == str(tmp_path)


def test_a_folder_without_solutions_is_refused(folder):
    for path in (folder / "solutions").iterdir():
        path.unlink()
    with pytest.raises(InputError, match=r"<number>_fc1_weight\.txt"):
        nist.read_solutions(folder)


def test_an_unknown_solution_is_refused_with_the_known_ones(folder):
    with pytest.raises(InputError, match="solutions 2 to 10") as caught:
        nist.read_solutions(folder, (2, 7))
    assert caught.value.value == 7


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "No such file"),
        (b"\x00\xff\xfegarbage", "not UTF-8"),
        (b"", "it holds none"),
        (b"\n# nothing\n", "it holds none"),
        (b"1 0\n1\n", "line 2 = 1.*the lines before have 2 numbers"),
        (b"1 0 x\n", "line 1, entry 3 = 'x'"),
        (b"1 1_0\n", "line 1, entry 2 = '1_0'"),
        (b"1 0x10\n", "line 1, entry 2 = '0x10'"),
        ("1 \u0661\n".encode(), "line 1, entry 2"),
        (b"0.5, 1.0\n", "parted by spaces or tabs"),
        (b"0,5 1,0\n", "a point before their decimals"),
        (b"1;0\n", "parted by spaces or tabs"),
        (b"1 " * 3 * 2**20, "is larger"),
    ],
)
@pytest.mark.parametrize("name", ["solutions/10_fc2_weight.txt", "dataset/X_test.txt"])
def test_an_unreadable_file_is_named(folder, name, content, says):
    path = folder / name
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    read = nist.read_solutions if name.startswith("s") else nist.read_samples
    with pytest.raises(InputError, match=says) as caught:
        read(folder)
    assert caught.value.source == str(path)


@pytest.mark.parametrize("put", [os.mkfifo, os.mkdir, lambda path: path.symlink_to("/dev/zero")])
@pytest.mark.parametrize("name", ["solutions/10_fc2_bias.txt", "dataset/Y_train.txt"])
def test_what_is_no_file_is_refused_at_once(folder, name, put):
    path = folder / name
    path.unlink()
    put(path)
    read = nist.read_solutions if name.startswith("s") else nist.read_samples
    with pytest.raises(InputError, match=r"it is a (pipe|folder|device), not a file") as caught:
        read(folder)
    assert caught.value.source == str(path)


def test_marks_line_ends_tabs_and_comments_do_not_matter(folder):
    plain = nist.read_samples(folder), nist.read_solutions(folder)
    for path in folder.glob("*/*.txt"):
        lines = path.read_text().replace(" ", "\t").splitlines()
        text = "# by hand\r\n" + "\r\n\r\n".join(line + " # a row" for line in lines)
        path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    samples, solutions = nist.read_samples(folder), nist.read_solutions(folder)
    assert (samples.inputs == plain[0].inputs).all()
    assert (samples.labels == plain[0].labels).all()
    for one, other in zip(solutions, plain[1], strict=True):
        for a, b in zip(one.layers, other.layers, strict=True):
            assert (a.states == b.states).all()
            assert (a.bias == b.bias).all()


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("dataset/X_train.txt", nist.read_samples),
        ("dataset/Y_train.txt", nist.read_samples),
        ("solutions/2_fc1_weight.txt", nist.read_solutions),
    ],
)
def test_a_transposed_file_is_called_so(folder, name, read):
    path = folder / name
    np.savetxt(path, np.loadtxt(path, ndmin=2).T)
    with pytest.raises(InputError, match="it is transposed") as caught:
        read(folder)
    assert caught.value.source == str(path)


def test_numbers_of_classes_in_the_place_of_one_hot_are_called_so(folder):
    np.savetxt(folder / "dataset" / "Y_train.txt", [[1, 2, 3, 1]])
    with pytest.raises(InputError, match=r"one-hot.*these are the classes' numbers"):
        nist.read_samples(folder)


def test_names_that_are_no_numbers_are_no_solutions(folder):
    for name in ("x_fc1_weight.txt", "\u00b2_fc1_weight.txt", "_fc1_weight.txt"):
        (folder / "solutions" / name).write_text("1")
    assert len(nist.read_solutions(folder)) == 2


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("dataset/X_train.txt", nist.read_samples),
        ("dataset/Y_train.txt", nist.read_samples),
        ("solutions/2_fc1_weight.txt", nist.read_solutions),
        ("solutions/2_fc1_bias.txt", nist.read_solutions),
    ],
)
def test_a_number_that_is_not_finite_is_named_with_its_place(folder, name, read, value):
    spoil(folder / name, 2, 0, value)
    with pytest.raises(InputError, match=r"line 3, entry 1 = .*must be a finite number") as caught:
        read(folder)
    assert caught.value.source == str(folder / name)


@pytest.mark.parametrize("value", [-0.1, 1.5])
def test_a_feature_that_is_not_scaled_is_refused_with_its_folder(folder, value):
    spoil(folder / "dataset" / "X_train.txt", 2, 0, value)
    with pytest.raises(InputError, match="scaled to 0–1") as caught:
        nist.read_samples(folder)
    assert str(folder) in str(caught.value)


@pytest.mark.parametrize("column", [[1, 1, 0], [0, 0, 0], [0.5, 0.5, 0], [2, -1, 0]])
def test_a_label_that_is_not_one_hot_is_refused(folder, column):
    path = folder / "dataset" / "Y_train.txt"
    spoil(path, slice(None), 0, column)
    with pytest.raises(InputError, match="one-hot") as caught:
        nist.read_samples(folder)
    assert caught.value.source == str(path)


@pytest.mark.parametrize(
    ("name", "shape", "says"),
    [
        ("X_train.txt", (12, TRAIN), "must hold 13 lines, a feature each"),
        ("Y_train.txt", (2, TRAIN), f"must hold 3 lines, one-hot, for {TRAIN} samples"),
        ("Y_train.txt", (3, TRAIN + 1), f"must hold 3 lines, one-hot, for {TRAIN} samples"),
    ],
)
def test_a_data_file_of_the_wrong_shape_is_named(folder, name, shape, says):
    matrix = np.zeros(shape)
    matrix[0] = 1
    np.savetxt(folder / "dataset" / name, matrix)
    with pytest.raises(InputError, match=says) as caught:
        nist.read_samples(folder)
    assert caught.value.source == str(folder / "dataset" / name)


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("2_fc1_weight.txt", (12, 12)),
        ("2_fc1_weight.txt", (13, 11)),
        ("2_fc2_weight.txt", (5, 6)),
        ("2_fc2_weight.txt", (6, 8)),
        ("2_fc2_bias.txt", (4, 1)),
    ],
)
def test_a_solution_of_the_wrong_shape_is_refused_by_the_name_of_its_layer_files(
    folder, name, shape
):
    np.savetxt(folder / "solutions" / name, np.ones(shape))
    with pytest.raises(InputError, match="must have") as caught:
        nist.read_solutions(folder)
    assert name[: len("2_fc1")] in str(caught.value)


@pytest.mark.parametrize("value", [2, -1, 0.5])
def test_weights_that_are_not_0_or_1_are_refused(folder, value):
    path = folder / "solutions" / "2_fc2_weight.txt"
    spoil(path, 0, 0, value)
    with pytest.raises(InputError, match="only 0 and 1") as caught:
        nist.read_solutions(folder)
    assert caught.value.source == str(path)


def test_the_published_folder_holds_100_solutions(shared_data):
    networks = nist.read_solutions(shared_data / "wine-nist")
    assert [n.name for n in networks] == [f"solution {i}" for i in range(100)]
    assert {tuple(layer.states.shape for layer in n.layers) for n in networks} == {
        ((1, 13, 12), (1, 6, 6))
    }


def test_the_published_split_is_148_and_30_of_scikit_learns_samples(shared_data):
    samples = nist.read_samples(shared_data / "wine-nist")
    assert (samples.train.sum(), (~samples.train).sum()) == (148, 30)
    raw, labels = datasets.load_wine(return_X_y=True)
    theirs = np.column_stack([samples.inputs, samples.labels])
    ours = np.column_stack([scaled(raw), labels])
    theirs, ours = (a[np.lexsort(np.round(a, 9).T)] for a in (theirs, ours))
    assert (theirs[:, -1] == ours[:, -1]).all()
    assert np.abs(theirs - ours).max() < 1e-6
