"""Limits of what is estimated: held, broken or not decided, and what would decide."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats

from mtjspice.layout.circuit import read_experiment
from mtjspice.layout.findings import Finding, LineMargins, Sampled, Shown
from mtjspice.layout.judged import broken_at, judge, verdict_of_layout, with_smallest
from mtjspice.layout.page_front import margin_words
from mtjspice.layout.quantities import Condition
from mtjspice.layout.sense import Margins, margin_findings
from mtjspice.spec import Crossbar, TransimpedanceAmplifier
from mtjspice.spec.layout import Layout, MonteCarlo
from mtjspice.spec.layout_limits import LayoutLimits
from mtjspice.verdicts.figures import Interval, Verdict
from mtjspice.verdicts.intervals import of_share

NOMINAL, HOT = Condition("tt", 1.0, 27.0), Condition("tt", 1.0, 125.0)
LAYOUT = Layout(
    name="judged",
    crossbar=Crossbar(rows=2, columns=2),
    periphery=TransimpedanceAmplifier(),
    monte_carlo=MonteCarlo(samples=5000),
)
SHOWN = read_experiment(LAYOUT, np.zeros((2, 2)), (0, 1))


def of_yield(good: int, samples: int = 2000, condition: Condition = NOMINAL) -> Finding:
    within = of_share(good, samples, 0.95)
    told = Sampled(good / samples, within, samples, "monte_carlo.samples")
    return Finding("array_yield", within.low, condition, "nodal", "somewhere", SHOWN, told)


def of_failure(estimate: float, low: float, high: float, counted: int | None = None) -> Finding:
    told = Sampled(
        estimate,
        Interval(low, high, 0.95),
        2000,
        "monte_carlo.tail",
        by_factors=True,
        counted=counted,
    )
    return Finding("line_failure", high, NOMINAL, "nodal", "somewhere", SHOWN, told)


def judged(findings, **limits):
    layout = LAYOUT.replace(limits=LayoutLimits(**limits))
    return judge(layout, NOMINAL, findings)[0]


@pytest.mark.parametrize(
    ("good", "holds", "verdict"),
    [
        (2000, True, Verdict.PASS),
        (1995, True, Verdict.PASS),
        (1985, None, Verdict.INCONCLUSIVE),  # 99.25 %, 98.77 to 99.58 %
        (1975, None, Verdict.INCONCLUSIVE),
        (1960, False, Verdict.FAIL),  # 98 %, up to 98.57 %
    ],
)
def test_a_yield_is_judged_on_both_ends_of_its_interval(good, holds, verdict):
    line = judged([of_yield(good)], array_yield=0.99)
    assert line.holds is holds
    assert verdict_of_layout([line], []) == verdict
    assert ("monte_carlo.samples" in line.needed) == (holds is None)


@pytest.mark.parametrize(
    ("found", "holds"),
    [
        ((1e-6, 8e-7, 2e-6), True),
        ((8e-5, 5e-5, 1.3e-4), None),
        ((3e-4, 1.5e-4, 6e-4), False),
        ((0.0, 0.0, 7e-3), None),  # nothing was seen, and so little shows nothing
        ((0.0, 0.0, 1e-13), True),
    ],
)
def test_rare_failures_are_judged_on_both_ends_of_their_interval(found, holds):
    line = judged([of_failure(*found)], line_failure=1e-4)
    assert line.holds is holds
    assert ("monte_carlo.tail" in line.needed) == (holds is None)


def test_where_failures_are_counted_it_is_counting_that_would_decide():
    # Without a failure 1 − (α/2)^(1/n) is the upper end; 1e-4 takes some 36,900 samples.
    line = judged([of_failure(2e-9, 0.0, 1 - 0.025 ** (1 / 2000), counted=0)], line_failure=1e-4)
    assert line.holds is None
    assert "about 37,000 would decide" in line.needed
    weighted = judged([of_failure(2e-9, 0.0, 1 - 0.025 ** (1 / 2000))], line_failure=1e-4)
    assert weighted.needed != line.needed


def test_one_condition_that_breaks_a_limit_breaks_it_and_is_shown():
    # The interval under nominal conditions reaches further down, but leaves the limit open.
    few = of_yield(99, 100)
    broken = of_yield(4900, 5000, HOT)
    assert few.value < broken.value
    line = judged([few, broken], array_yield=0.99)
    assert line.holds is False
    assert line.worst is broken
    assert line.nominal is few
    assert judged([of_yield(2000), few], array_yield=0.99).worst is few


def test_what_is_computed_without_chance_holds_or_does_not():
    found = Finding("margin", 0.01, NOMINAL, "nodal", "somewhere", SHOWN)
    assert judged([found], margin="9 mV").holds is True
    assert judged([found], margin="11 mV").holds is False


def test_without_limits_nothing_passes():
    line = judged([of_yield(2000)])
    assert (line.holds, line.verdict, line.needed) == (None, None, "")
    assert verdict_of_layout([line], []) == Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    ("good", "samples", "limit"),
    [(1985, 2000, 0.99), (1975, 2000, 0.99), (1994, 2000, 0.995), (98, 100, 0.96), (99, 100, 0.97)],
)
def test_so_many_samples_would_decide(good, samples, limit):
    """To some 1 %, by Clopper and Pearson's interval of more samples at the same rate."""
    line = judged([of_yield(good, samples)], array_yield=limit)
    assert line.holds is None
    count = int(line.needed.split("about ")[1].split(" ")[0].replace(",", ""))

    def decides(drawn: float) -> bool:
        seen = drawn * good / samples
        low = stats.beta.ppf(0.025, seen, drawn - seen + 1)
        return limit <= low or limit >= stats.beta.ppf(0.975, seen + 1, drawn - seen)

    assert decides(count)
    assert not decides(0.985 * count)


def test_an_estimate_on_the_limit_is_decided_by_no_number_of_samples():
    assert "no number" in judged([of_yield(1980)], array_yield=0.99).needed


def test_what_is_broken_under_a_condition_is_not_what_is_undecided_or_broken_elsewhere():
    layout = LAYOUT.replace(limits=LayoutLimits(array_yield=0.99))
    told = [of_yield(1985), of_yield(1960, condition=HOT)]
    assert broken_at(layout, NOMINAL, told) == ()
    assert broken_at(layout, HOT, told) == ("array_yield",)
    assert broken_at(LAYOUT, HOT, told) == ()


def tied(shift: float = 0.0) -> Margins:
    """A threshold that tracks: line 3 is the worst low read, line 0 the worst high one."""
    low, high = np.array([[0.07, 0.08, 0.09, 0.1]]), np.array([[0.13, 0.15, 0.16, 0.17]])
    return Margins(low, high + shift, np.array([(0.1 + 0.13 + shift) / 2]))


def smallest_of(finding: Finding, latch=None) -> LineMargins:
    """What pages show of all lines, once a netlist has printed the margin of a finding."""
    every = {NOMINAL: tied(), HOT: tied(-1e-4)}
    start = every[NOMINAL]
    lines = LineMargins(
        start.of_lines, start.of_lines, NOMINAL, start.worst[2], start.threshold, 1e-3, latch
    )
    return with_smallest(lines, every, judged_of(finding), lambda condition: 3e-3)


def judged_of(finding: Finding):
    return judge(LAYOUT, NOMINAL, [finding])


@pytest.mark.parametrize(("column", "side"), [(3, "low"), (0, "high")])
@pytest.mark.parametrize("printed", [0.0149, 0.0151])
def test_all_name_the_line_whose_netlist_has_the_smallest_margin(column, side, printed):
    margins = tied()
    assert margins.of_sides.min((1, 2)) == pytest.approx([0.015, 0.015], rel=1e-12)
    where = f"column {column}, {side} side"
    finding = Finding(
        "margin", printed, NOMINAL, "spice", where, SHOWN, shown=Shown(column=column, side=side)
    )
    lines = smallest_of(finding)
    assert lines.line == column
    assert lines.worst[column] == lines.smallest == printed
    assert margin_words(lines).endswith(f"on line {column}")


def test_the_finding_of_a_tie_and_the_picture_start_with_one_line():
    margins = tied()
    layout = LAYOUT.replace(crossbar=Crossbar(rows=2, columns=4))
    states = np.zeros((1, 4, 2, 4), dtype=np.uint8)
    sides = tuple(SimpleNamespace(side=side, states=states) for side in ("low", "high"))
    found = margin_findings(layout, NOMINAL, margins, sides)[0]
    assert found.shown.column == margins.worst[2]
    assert f"column {margins.worst[2]}, " in found.where


def test_another_condition_brings_its_lines_and_the_offset_of_its_latch():
    finding = Finding(
        "margin", 0.01494, HOT, "spice", "", SHOWN, shown=Shown(column=0, side="high")
    )
    lines = smallest_of(finding, latch=2e-3)
    assert lines.condition == HOT
    assert lines.latch == 3e-3
    assert lines.worst[1:] == pytest.approx(tied(-1e-4).of_lines[1:])
    same = Finding("margin", 0.0149, NOMINAL, "spice", "", SHOWN, shown=Shown(column=0))
    assert smallest_of(same, latch=2e-3).latch == 2e-3
