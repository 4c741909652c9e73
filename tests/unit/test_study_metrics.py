import numpy as np
import pytest

from mtjspice.study.metrics import accuracy, best_index, confusion
from mtjspice.verdicts.figures import at_least, at_most


def test_accuracy_is_the_share_of_right_classes():
    outputs = np.array([[[0.1, 0.9], [0.8, 0.2], [0.3, 0.4]], [[1, 0], [1, 0], [1, 0]]])
    assert accuracy(outputs, np.array([1, 0, 0])).tolist() == pytest.approx([2 / 3, 2 / 3])
    assert accuracy(outputs, np.array([1, 0, 1])).tolist() == pytest.approx([1, 1 / 3])


@pytest.mark.parametrize(
    ("curve", "index"),
    [
        ([0.1, 0.9, 0.2], 1),
        ([0.9, 0.1, 0.2], 0),
        ([0.1, 0.2, 0.9], 2),
        ([0.1, 0.9, 0.9, 0.9, 0.2], 2),
        ([0.1, 0.9, 0.9, 0.2], 1),
        ([0.9, 0.1, 0.9, 0.9, 0.9, 0.2], 3),
        ([0.9, 0.9, 0.1, 0.9, 0.9], 0),
        ([0.5, 0.5, 0.5, 0.5, 0.5], 2),
        ([0.5], 0),
    ],
)
def test_the_best_setting_is_the_middle_of_the_longest_plateau(curve, index):
    assert best_index(np.array(curve)) == index


def test_confusion_counts_true_classes_down_and_predicted_ones_across():
    matrix = confusion(np.array([0, 1, 1, 2, 1]), np.array([0, 1, 2, 2, 2]), 4)
    assert matrix.tolist() == [[1, 0, 0, 0], [0, 1, 0, 0], [0, 2, 1, 0], [0, 0, 0, 0]]


@pytest.mark.parametrize(
    ("make", "value", "limit", "says", "holds"),
    [
        (at_least, 0.95, 0.95, ">= 0.95", True),
        (at_least, 0.94, 0.95, ">= 0.95", False),
        (at_least, 0.94, None, "", None),
        (at_most, 0.02, 0.02, "<= 0.02", True),
        (at_most, 0.03, 0.02, "<= 0.02", False),
        (at_most, -1.0, 0.0, "<= 0", True),
        (at_most, 0.03, None, "", None),
        (at_least, float("nan"), 0.95, ">= 0.95", False),
        (at_most, float("nan"), 0.95, "<= 0.95", False),
    ],
)
def test_a_figure_says_its_limit_and_whether_it_holds(make, value, limit, says, holds):
    figure = make("accuracy", value, limit, "", "counted")
    assert figure.limit == says
    assert figure.holds is holds


def test_a_figure_becomes_plain_data():
    assert at_most("flips", 0.1, 0.2, "of classes", "counted").as_dict() == {
        "name": "flips",
        "value": 0.1,
        "unit": "of classes",
        "limit": "<= 0.2",
        "holds": True,
        "how": "counted",
        "interval": None,
        "needed": "",
    }
