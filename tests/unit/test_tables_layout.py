"""What `mtjspice layout` prints on the terminal: what was asked, what not, on what ground."""

import dataclasses
from pathlib import Path
from types import SimpleNamespace

import pytest
from unit.test_layout_page import LIMITS, NOMINAL, make_story

from mtjspice import tables
from mtjspice.layout.findings import LayoutStory, Sampled
from mtjspice.layout.notes import notes, spread_notes
from mtjspice.layout.page_words import scaling_words
from mtjspice.layout.quick import quickened
from mtjspice.report.numbers import NO_BREAK
from mtjspice.spec import DefectRates, Die, FreeLayer, Writing
from mtjspice.spec.layout import DefectLimits, Layout
from mtjspice.spec.layout_limits import LayoutLimits
from mtjspice.verdicts.figures import Figure, Interval, Verdict


@pytest.fixture
def printed(capsys):
    """What is printed of a story, with plain spaces."""

    def of(story: LayoutStory) -> str:
        tables.print_layouts([story], Path("report.html"))
        return capsys.readouterr().out.replace(NO_BREAK, " ")

    return of


def with_sampled(story: LayoutStory, **told: Sampled) -> LayoutStory:
    """The story with samples behind its worst values; their limits are not decided."""
    judged = [
        dataclasses.replace(
            line,
            worst=dataclasses.replace(
                line.worst, value=told[name].interval.low, sampled=told[name]
            ),
            holds=None,
        )
        if (name := line.quantity.name) in told
        else line
        for line in story.judged
    ]
    return dataclasses.replace(story, judged=tuple(judged), verdict=Verdict.INCONCLUSIVE)


def test_a_layout_that_fails_is_not_said_to_fit(printed):
    said = printed(make_story(settling=5.6e-9))
    assert "FAIL" in said
    (size,) = (line for line in said.splitlines() if line.startswith("size: "))
    assert size.startswith("size: Under nominal conditions ")
    assert size.endswith("This 6 × 5 layout breaks at ss, 0.9 × supply, 125 °C: settling")


def test_what_breaks_elsewhere_and_what_is_not_decided_is_said_beside_the_size():
    story = make_story(settling=5.6e-9, margin=-1.2e-3)
    judged = tuple(
        dataclasses.replace(line, worst=line.nominal) if line.quantity.name == "margin" else line
        for line in story.judged
    )
    words = scaling_words(dataclasses.replace(story, judged=judged))
    assert words.endswith("layout breaks under nominal conditions: margin; 1 more elsewhere")
    told = Sampled(0.255, Interval(0.213, 0.301, 0.95), 400, "monte_carlo.samples")
    words = scaling_words(with_sampled(make_story(), array_yield=told))
    assert words.endswith("layout is not decided at ss, 0.9 × supply, 125 °C: array yield")
    apart = Figure("currents", 0.1, "", "<= 0.01", False, "")
    words = scaling_words(dataclasses.replace(make_story(), figures=(apart,)))
    assert words.endswith("This 6 × 5 layout fails: levels disagree")


def test_a_search_that_ended_at_the_largest_size_says_so(printed):
    story = make_story(limits=LayoutLimits(sneak=0.9999))
    scaling = dataclasses.replace(story.scaling, largest=story.scaling.sizes[-1], bounded=True)
    said = printed(dataclasses.replace(story, scaling=scaling))
    assert "it fits up to 256 × 256, the largest that was tried\n" in said


def test_what_is_left_out_of_other_sizes_is_said_beside_the_size():
    story = make_story()
    limits = LayoutLimits(array_yield=0.9, ir_drop=0.1, decision_time="1 ns")
    drawn = DefectLimits(rates=DefectRates(short=0.0, stuck_p=0.01))
    layout = story.layout.model_copy(update={"defects": drawn, "limits": limits})
    scaling = dataclasses.replace(story.scaling, quantities=("ir_drop", "array_yield"))
    words = scaling_words(dataclasses.replace(story, layout=layout, scaling=scaling))
    size = f"{scaling.largest.rows} × {scaling.largest.columns}"
    basis = "array yield to first order, one defect at a time, without decision time"
    assert f"it fits up to {size} ({basis})" in words
    scaling = dataclasses.replace(story.scaling, quantities=("ir_drop",))
    layout = layout.model_copy(update={"limits": LayoutLimits(ir_drop=0.1)})
    words = scaling_words(dataclasses.replace(story, layout=layout, scaling=scaling))
    assert f"it fits up to {size}; beyond, " in words


def test_without_limits_no_size_is_said_to_be_within_them(printed):
    said = printed(make_story(sense=False))
    assert "limit " not in said
    assert "256" not in said
    assert "no limits are set: nothing was asked" in said
    assert "not judged" not in said


def test_what_a_limit_is_judged_on_is_printed(printed):
    story = with_sampled(
        make_story(limits=LIMITS.replace(array_yield=0.24)),
        array_yield=Sampled(0.255, Interval(0.213, 0.301, 0.95), 400, "monte_carlo.samples"),
        line_failure=Sampled(3e-6, Interval(1e-8, 7e-6, 0.95), 500, "monte_carlo.tail"),
    )
    said = printed(story)
    assert "95 % interval" in said
    lines = {line.split("│")[1].strip(): line for line in said.splitlines() if "│" in line}
    assert "21.3–30.1 %, 102 of 400" in lines["yield of arrays, lower bound"]
    rare = lines["failure of the worst line, upper bound"]
    assert "3 × 10⁻⁶ (10⁻⁸ to 7 × 10⁻⁶), 500 samples" in rare
    assert "estimate, 95 % interval" in said
    assert "interval" not in printed(make_story())


def test_what_has_no_limit_is_said_before_the_verdict(printed):
    lines = printed(make_story()).splitlines()
    at = lines.index("13 quantities have no limit and are not judged")
    assert lines[at + 1].startswith("verdict of")


def test_standard_deviations_have_no_prefix(printed):
    said = printed(make_story(margin_sigmas=0.15))
    assert " 0.15 σ" in said
    assert "mσ" not in said


def test_a_quick_run_says_what_it_cuts():
    layout = Layout(**{"name": "small", "crossbar": {"rows": 3, "columns": 2}})
    bench = SimpleNamespace(
        quick=True,
        conditions=(NOMINAL,),
        layout=quickened(layout),
        simulator=SimpleNamespace(notes=()),
    )
    (said,) = (note for note in notes(layout, bench, {}) if "Quick" in note)
    assert "500 of 2000 samples of the yield, 500 of 2000 of rare failures" in said
    assert "line_failure" in said


def test_a_line_has_one_notation(printed):
    """Value, limit, estimate and interval that lie on both sides of 10⁻⁴."""
    told = Sampled(8.1e-5, Interval(6.59e-5, 1.04e-4, 0.95), 500, "monte_carlo.tail")
    story = with_sampled(make_story(limits=LIMITS.replace(line_failure=2e-3)), line_failure=told)
    (line,) = (one for one in printed(story).splitlines() if "failure of the worst" in one)
    assert "8.1 × 10⁻⁵ (6.59 × 10⁻⁵ to 1.04 × 10⁻⁴), 500 samples" in line
    assert "≤ 2 × 10⁻³" in line
    assert "%" not in line


def test_the_spreads_that_entered_writes_are_printed():
    story = make_story()
    (said,) = spread_notes(story.layout)
    assert said == (
        "Writes and disturb: none given for R_P, TMR, Δ, I_c0, diameter. "
        "Mismatch of transistors is left out there."
    )
    layer = FreeLayer(sigma_ln_delta=0.05, sigma_ln_diameter=0.01)
    layout = Layout(
        name="small",
        crossbar=story.layout.crossbar,
        die=Die(sigma_ln_rp=0.04, sigma_ln_rp_die=0.02),
        writing=Writing(free_layer=layer),
    )
    assert (
        "cells spread in R_P 4 % (die 2 %), Δ 5 %, diameter 1 %; none given for TMR, I_c0."
        in (spread_notes(layout)[0])
    )
    assert spread_notes(layout.replace(writing=None)) == ()
