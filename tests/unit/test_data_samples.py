import numpy as np
import pytest

from mtjspice.data.samples import Samples, scaled, stratified_split
from mtjspice.data.wine import load_wine
from mtjspice.errors import InputError
from mtjspice.spec import WineData

GOOD = {
    "inputs": np.array([[0.0, 1.0], [0.5, 0.25], [1.0, 0.0]]),
    "labels": np.array([0, 1, 0]),
    "train": np.array([True, True, False]),
    "classes": ("a", "b"),
    "source": "some data",
}


def with_entry(value: float) -> np.ndarray:
    inputs = GOOD["inputs"].copy()
    inputs[1, 0] = value
    return inputs


def test_sound_samples_are_accepted():
    assert Samples(**GOOD).inputs.shape == (3, 2)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_an_input_that_is_not_finite_is_named(value):
    with pytest.raises(InputError, match="must be a finite number") as caught:
        Samples(**GOOD | {"inputs": with_entry(value)})
    assert "some data: sample 1, feature 0 = " in str(caught.value)


@pytest.mark.parametrize("value", [-0.001, 1.001])
def test_inputs_must_be_scaled(value):
    with pytest.raises(InputError, match="scaled to 0–1") as caught:
        Samples(**GOOD | {"inputs": with_entry(value)})
    assert value in caught.value.value


@pytest.mark.parametrize("changed", [{"labels": np.array([0, 1])}, {"train": np.array([True] * 4)}])
def test_labels_and_split_have_an_entry_a_sample(changed):
    with pytest.raises(InputError, match="one entry a sample"):
        Samples(**GOOD | changed)


@pytest.mark.parametrize(
    ("changed", "key", "says"),
    [
        ({"labels": np.array([1, 2, 1])}, "labels", "labels count from 0; these begin with 1"),
        ({"labels": np.array([0, 2, 0])}, "labels", "those of 2 classes end at 1"),
        ({"labels": np.array([0, -1, 0])}, "labels", "labels count from 0"),
        ({"labels": np.array([0.0, 1.0, 0.5])}, "labels", "int64"),
        ({"labels": np.array(["a", "b", "a"])}, "labels", "int64"),
        ({"labels": np.array([[1, 0], [0, 1], [1, 0]])}, "labels", "these are one-hot"),
        ({"labels": np.array([[1.0, 0], [0, 1], [1, 0]])}, "labels", "these are one-hot"),
        ({"labels": np.array([[0], [1], [0]])}, "labels", "int64 [sample]"),
        ({"train": np.array([True] * 3)}, "test samples", "at least one"),
        ({"train": np.array([False] * 3)}, "training samples", "at least one"),
        ({"train": np.array([1, 1, 0])}, "train", "bool"),
        ({"inputs": np.zeros((3, 0))}, "inputs", "at least one number"),
        ({"inputs": np.zeros((0, 2)), "labels": np.zeros(0, np.int64),
          "train": np.zeros(0, np.bool_)}, "inputs", "at least one number"),
        ({"inputs": np.array([0.0, 0.5, 1.0])}, "inputs", "[sample, feature]"),
        ({"inputs": GOOD["inputs"][None]}, "inputs", "[sample, feature]"),
        ({"inputs": np.array([[0, 1], [1, 1], [1, 0]])}, "inputs", "float64"),
        ({"inputs": GOOD["inputs"].astype(complex)}, "inputs", "float64"),
        ({"inputs": GOOD["inputs"].astype(object)}, "inputs", "float64"),
        ({"inputs": np.full((3, 2), 0.5)}, "inputs", "nothing can be learned"),
        ({"inputs": np.array([[0.0, 1.0], [0.0, 1.0], [1.0, 0.0]])}, "inputs", "nothing can be"),
        ({"classes": ("a", "a")}, "classes", "different names"),
        ({"classes": ("a",)}, "classes", "at least two"),
        ({"classes": ()}, "classes", "at least two"),
    ],
)  # fmt: skip
def test_what_is_no_data_set_is_refused_by_name(changed, key, says):
    with pytest.raises(InputError) as caught:
        Samples(**GOOD | changed)
    assert caught.value.source == "some data"
    assert caught.value.key == key
    assert says in caught.value.allowed


def test_a_class_without_samples_and_a_constant_feature_are_no_errors():
    inputs = GOOD["inputs"].copy()
    inputs[:, 0] = 0.5
    assert Samples(**GOOD | {"inputs": inputs, "classes": ("a", "b", "c")}).classes[2] == "c"


def test_each_feature_is_scaled_by_itself():
    raw = np.array([[10.0, -1.0], [20.0, 0.0], [15.0, 3.0]])
    assert scaled(raw).tolist() == [[0.0, 0.0], [1.0, 0.25], [0.5, 1.0]]


@pytest.mark.parametrize("counts", [(59, 71, 48), (1, 1, 8), (5, 5, 5), (100, 1, 2)])
@pytest.mark.parametrize("wanted", [1, 3, 7, 9])
def test_a_split_is_exact_in_total_and_in_proportion(counts, wanted):
    labels = np.repeat([0, 1, 2], counts)
    train = stratified_split(labels, wanted, seed=3)
    taken = np.bincount(labels[~train], minlength=3)
    assert (~train).sum() == wanted
    assert (np.abs(taken - np.array(counts) * wanted / len(labels)) < 1).all()


def test_a_split_is_drawn_from_its_seed():
    labels = np.repeat([0, 1, 2], 30)
    one, same, other = (stratified_split(labels, 20, seed) for seed in (1, 1, 2))
    assert (one == same).all()
    assert (one != other).any()


def test_the_wine_data_are_178_samples_scaled_and_split():
    samples = load_wine(WineData(test_samples=30), seed=1)
    assert samples.inputs.shape == (178, 13)
    assert samples.inputs.min(axis=0).tolist() == [0.0] * 13
    assert samples.inputs.max(axis=0).tolist() == [1.0] * 13
    assert (~samples.train).sum() == 30
    assert np.bincount(samples.labels).tolist() == [59, 71, 48]
    assert len(samples.classes) == 3


def test_a_split_that_leaves_too_little_to_train_is_refused():
    with pytest.raises(InputError, match="must leave at least 10 of the 178 samples") as caught:
        load_wine(WineData(test_samples=169), seed=1)
    assert caught.value.key == "data.test_samples"
    assert caught.value.value == 169
