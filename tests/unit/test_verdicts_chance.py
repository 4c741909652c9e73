"""The accuracy that beats chance, against numbers by hand."""

import numpy as np
import pytest

from mtjspice.verdicts.chance import chance_of, least_accuracy, way_from_chance


def test_chance_is_the_share_of_the_most_frequent_class():
    assert chance_of(np.array([0, 0, 0, 1]), 2) == 0.75
    assert chance_of(np.array([0, 1, 2, 3]), 10) == 0.25
    assert chance_of(np.array([0, 1, 2, 3, 4, 5, 6, 7]), 4) == 0.25  # not below one of the classes


@pytest.mark.parametrize(
    ("accuracy", "above", "limit"),
    [(None, 0.5, 0.7), (0.6, 0.5, 0.7), (0.8, 0.5, 0.8), (0.8, 0, 0.8), (None, 0, None),
     (None, None, None), (None, 1.0, 1.0)],
)  # fmt: skip
def test_the_stricter_of_both_limits_counts(accuracy, above, limit):
    found = least_accuracy(accuracy, above, 0.4)
    assert found == (None if limit is None else pytest.approx(limit))


def test_the_words_say_where_a_limit_comes_from_unless_it_was_given():
    assert way_from_chance(None, 0.5, 0.4) == "half of the way from chance, 40 %, to 100 %"
    assert way_from_chance(0.6, 0.25, 0.4) == ""
    assert way_from_chance(0.5, 0.25, 0.4) == "25 % of the way from chance, 40 %, to 100 %"
    assert way_from_chance(None, None, 0.4) == ""
