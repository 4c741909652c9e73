"""Numbers for people: one notation for what is read together."""

import math

import pytest

from mtjspice.report.numbers import NO_BREAK, shown, shown_together
from mtjspice.report.words import value_and_limit
from mtjspice.verdicts.figures import at_most


def plain(*texts: str) -> tuple[str, ...]:
    return tuple(text.replace(NO_BREAK, " ") for text in texts)


@pytest.mark.parametrize(
    ("values", "digits", "expected"),
    [
        # An interval and a pair that lie on both sides of 10⁻⁴.
        ((6.59e-5, 1.04e-4), 3, ("6.59 × 10⁻⁵", "1.04 × 10⁻⁴")),
        ((1.43e-4, 4.7e-5), 3, ("1.43 × 10⁻⁴", "4.7 × 10⁻⁵")),
        ((1.04e-4, 0.02), 3, ("0.0104 %", "2 %")),
        ((3e-9, 0.0, 0.25, 1.0), 2, ("3 × 10⁻⁹", "0", "0.25", "1")),
        ((0.0, 1e-3), 3, ("0 %", "0.1 %")),
        ((0.9908, 1.0), 3, ("99.08 %", "100 %")),
    ],
)
def test_shares_that_are_read_together_have_one_notation(values, digits, expected):
    assert plain(*shown_together(values, "share", digits)) == expected
    signs = ["%" in text for text in shown_together(values, "share", digits)]
    assert len(set(signs)) == 1


def test_what_stands_beside_decides_the_notation_and_is_not_told():
    assert plain(shown(2e-4, "share")) == ("0.02 %",)
    assert plain(shown(2e-4, "share", beside=(3e-6,))) == ("2 × 10⁻⁴",)
    assert plain(*shown_together((2e-4, 0.5), "share", beside=(3e-6,))) == ("2 × 10⁻⁴", "0.5")
    assert plain(shown(2e-4, "share of full scale", beside=(3e-6,))) == ("2 × 10⁻⁴ FS",)


def test_other_units_and_what_is_no_number_are_as_they_are_alone():
    assert plain(shown(0.842, "V", beside=(1e-9,))) == ("842 mV",)
    assert plain(*shown_together((math.nan, math.inf), "share")) == ("not known", "∞")


def test_a_figure_and_its_limit_have_one_notation():
    figure = at_most("error", 4.7e-5, 2e-3, "share", "")
    assert plain(*value_and_limit(figure)) == ("4.7 × 10⁻⁵", "≤ 2 × 10⁻³")
