"""Figures, their limits, and what these come to."""

import pytest

from mtjspice.verdicts.figures import Interval, Verdict, at_least, at_most, together, verdict_of

PASS, FAIL, OPEN = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(0.9, 0.99, PASS), (0.91, 0.99, PASS), (0.8, 0.9, OPEN), (0.8, 0.95, OPEN), (0.8, 0.89, FAIL)],
)
def test_all_of_an_interval_has_to_be_on_the_right_side(low, high, verdict):
    lowest = at_least("a", 0.5, 0.9, "", "", Interval(low, high, 0.99), "100 more")
    highest = at_most("a", 0.5, -0.9, "", "", Interval(-high, -low, 0.99), "100 more")
    assert lowest.verdict is highest.verdict is verdict
    assert lowest.needed == highest.needed == ("100 more" if verdict is OPEN else "")


@pytest.mark.parametrize(("value", "verdict"), [(0.9, PASS), (0.9 - 1e-12, FAIL)])
def test_a_number_without_an_interval_is_itself_on_one_side(value, verdict):
    assert at_least("a", value, 0.9, "", "").verdict is verdict
    assert at_most("a", -value, -0.9, "", "").verdict is verdict


@pytest.mark.parametrize("value", [float("nan")])
def test_what_is_no_number_keeps_no_limit(value):
    assert at_least("a", value, 0.9, "", "").verdict is FAIL
    assert at_most("a", value, 0.9, "", "").verdict is FAIL


def test_without_a_limit_there_is_no_verdict():
    figure = at_least("a", 0.5, None, "", "", Interval(0, 1, 0.9), "100 more")
    assert (figure.verdict, figure.word, figure.needed) == (None, "", "")
    assert verdict_of([figure]) is OPEN


@pytest.mark.parametrize(
    ("verdicts", "all_of_them"),
    [
        ([], OPEN), ([PASS, PASS], PASS), ([PASS, OPEN], OPEN), ([PASS, FAIL, OPEN], FAIL),
        ([OPEN], OPEN), ([FAIL], FAIL),
    ],
)  # fmt: skip
def test_several_limits_come_to_one_verdict(verdicts, all_of_them):
    assert together(verdicts) is together(reversed(verdicts)) is all_of_them
