import base64
import dataclasses
import html
import itertools
import json
import math
import re

import numpy as np
import pytest
from scipy import stats

from mtjspice.data.outputs import Outputs
from mtjspice.layout import page_words as words
from mtjspice.layout.findings import (
    Finding,
    Judged,
    LayoutStory,
    LineMargins,
    PatternLine,
    Sampled,
    Tail,
    VoltageMap,
    Waveform,
    Yield,
)
from mtjspice.layout.page import write_comparison, write_layout
from mtjspice.layout.page_tables import advice
from mtjspice.layout.quantities import QUANTITIES, Condition
from mtjspice.layout.sizes import Scaling, Sensitivity, Size
from mtjspice.report.words import level_words
from mtjspice.spec import (
    Crossbar,
    Die,
    Experiment,
    FreeLayer,
    Line,
    ProgrammedTile,
    Stimulus,
    parse_spec,
)
from mtjspice.spec.layout import Layout, Sensing
from mtjspice.spec.layout_limits import LayoutLimits
from mtjspice.spec.periphery import SenseAmplifier
from mtjspice.spec.writing import Writing
from mtjspice.verdicts.figures import Figure, Interval, Verdict, together

NAME = 'array <script>alert("x")</script> & µ'
NOMINAL = Condition("tt", 1.0, 27.0)
LIMITS = LayoutLimits(
    ir_drop=0.05,
    sneak=0.4,
    margin="5 mV",
    margin_sigmas=3.0,
    array_yield=0.99,
    line_failure=1e-6,
    settling="5 ns",
    read_period="9 ns",
    energy="2 pJ",
    read_disturb=1e-9,
)
VALUES = {
    "ir_drop": 0.031,
    "current_error": 0.042,
    "tuned_error": 0.011,
    "nonlinearity": 0.0023,
    "sneak": 0.21,
    "margin": 8.4e-3,
    "margin_sigmas": 4.2,
    "array_yield": 0.99552,
    "line_failure": 3.2e-8,
    "settling": 3.1e-9,
    "decision_time": 0.34e-9,
    "read_period": 8.1e-9,
    "energy": 1.3e-12,
    "operations_per_joule": 4.6e13,
    "read_disturb": 4.1e-13,
    "read_disturb_mean": 9.2e-14,
    "life_disturb": 2.3e-1,
    "life_disturb_mean": 4.4e-2,
    "write_voltage": 0.61,
    "write_error": 2.2e-4,
    "write_error_mean": 3.1e-6,
    "half_select": 5.1e-9,
    "half_select_mean": 6.3e-10,
}
"""Worst values; the nominal ones are a tenth better."""
LEVELS = {"time": "spice", "disturb": "closed form"}
PARAMETERS = {
    "crossbar.column.resistance": ("2 Ω", {"ir_drop": 0.9, "margin": -0.4, "settling": 0.6}),
    "crossbar.cell.mtj.ra": ("10 Ω·µm²", {"ir_drop": -0.9, "margin": -0.3, "settling": 0.2}),
    "read.voltage": ("100 mV", {"ir_drop": 0.0, "margin": 1.0, "energy": 2.0}),
    "periphery.load": ("1 kΩ", {"margin": 0.7, "settling": 1.1, "sneak": math.nan}),
}


def conditions(grid: bool) -> tuple[Condition, ...]:
    if not grid:
        return NOMINAL, Condition("ss", 0.9, 125.0), Condition("ff", 1.1, -40.0)
    every = itertools.product(("tt", "ff", "ss"), (0.9, 1.0, 1.1), (-40.0, 27.0, 125.0))
    return tuple(dict.fromkeys((NOMINAL, *(Condition(*c) for c in every))))


def make_layout(name: str, rows: int, columns: int, limits: LayoutLimits, sense: bool) -> Layout:
    crossbar = Crossbar(
        rows=rows, columns=columns, row=Line(resistance=1.0), column=Line(resistance=2.0)
    )
    if not sense:
        return Layout(name="array", crossbar=crossbar).model_copy(update={"name": name})
    return Layout(
        name="array",
        crossbar=crossbar,
        periphery=SenseAmplifier(),
        sense=Sensing(offset="2 mV"),
        writing=Writing(),
        limits=limits,
    ).model_copy(update={"name": name})  # no spec may have it: the page does not rely on that


def make_findings(layout: Layout, names: list[str], values: dict[str, float], grid: bool):
    """The worst value in the second condition, a tenth better in the first, others between."""
    rows, columns = layout.crossbar.shape
    experiment = Experiment(
        crossbar=layout.crossbar,
        tile=ProgrammedTile(states=np.zeros((rows, columns), dtype=np.uint8)),
        stimulus=Stimulus(volts=np.full((1, rows), 0.1)),
        periphery=layout.periphery,
    )
    every = conditions(grid)
    for name in names:
        quantity = QUANTITIES[name]
        better = 0.9 if quantity.better == "low" else 1.1
        if name == "array_yield":
            better = 1.002
        for k, condition in enumerate(every):
            part = {0: 1.0, 1: 0.0}.get(k, 0.1 + 0.8 * (7 * k % 11) / 11)
            yield Finding(
                quantity=name,
                value=values[name] * (1 + part * (better - 1)),
                condition=condition,
                level=LEVELS.get(quantity.section, "nodal"),
                where=f"output line {columns - 1}, all P",
                experiment=experiment,
            )


def make_judged(layout: Layout, findings: list[Finding]) -> tuple[Judged, ...]:
    judged = []
    for name in dict.fromkeys(f.quantity for f in findings):
        quantity, limit = QUANTITIES[name], layout.limits.given.get(name)
        of_it = [f for f in findings if f.quantity == name]
        holds = None if limit is None else quantity.holds(of_it[1].value, limit)
        judged.append(Judged(quantity, of_it[1], of_it[0], limit, holds, f"worst/{name}.cir"))
    return tuple(judged)


def make_maps(rows: int, columns: int) -> tuple[VoltageMap, ...]:
    row, column = np.mgrid[:rows, :columns]
    fall = ((columns - column) * (rows - row) + 0.3 * row * column) / (rows * columns)
    chance = np.random.default_rng(0)
    states = {
        "all P": np.zeros((rows, columns)),
        "all AP": np.ones((rows, columns)),
        "checkerboard": (row + column) % 2,
        "random": chance.integers(0, 2, (rows, columns)),
        "one P a column": (row != rows - 1).astype(int),
    }
    return tuple(
        VoltageMap(name, s.astype(np.uint8), 1 - 0.031 * fall * (1 - 0.5 * s.mean()))
        for name, s in states.items()
    )


def make_sense(rows: int, columns: int, shift: float, every: tuple[Condition, ...]):
    lines = np.arange(columns)
    nominal = 10e-3 + shift - 1.5e-3 * lines / columns
    worst = nominal - 0.3e-3 - 1e-4 * (lines % 3)
    margins = LineMargins(nominal, worst, every[1], int(worst.argmin()), 0.152, 2e-3)
    chance = np.random.default_rng(1)
    yields = tuple(
        Yield(
            condition=condition,
            samples=2000,
            good=good,
            low=good / 2000 - 0.002,
            high=good / 2000 + 0.001,
            confidence=0.95,
            lines=2000 * columns,
            bad_lines=2000 - good,
            margins=chance.normal(7e-3 + shift, 1.8e-3, 2000),
            audited=40,
            audited_good=(40, 40),
            audited_apart=0,
            audit_margin=3e-6,
            audit_current=4e-7,
            bound=2e-5,
        )
        for condition, good in zip(every[:2], (1998, 1995), strict=True)
    )
    tail = Tail(
        every[1], 3.2e-8, 0.2e-8, 2.8e-8, 3.6e-8, 0.95, 5.41, 18000, 180.0, 2, 3.0e-8,
        ("mind the <tail>",), "low",
        {"offset": 0.62, "spread of resistance": 0.27, "spread of TMR": 0.11},
    )  # fmt: skip
    return margins, yields, tail


def make_scaling(
    names: list[str], values: dict[str, float], limits: dict[str, float], rows: int
) -> Scaling:
    sizes = []
    for side in (2, 4, 8, 16, 32, 64, 128, 256):
        at = {
            name: values[name]
            * (side / rows) ** (0.7 if QUANTITIES[name].better == "low" else -0.4)
            for name in names
        }
        over = tuple(n for n in names if n in limits and not QUANTITIES[n].holds(at[n], limits[n]))
        sizes.append(Size(side, side, at, over))
    fits = [k for k, size in enumerate(sizes) if not size.broken]
    bounded = len(fits) == len(sizes)
    return Scaling(
        tuple(sizes), sizes[fits[-1]] if fits else None,
        () if bounded else sizes[len(fits)].broken, tuple(names), bounded,
    )  # fmt: skip


def make_waveform(columns: int, sense: bool) -> Waveform:
    time = np.linspace(0, 10e-9, 401)
    rise, fall = np.maximum(time - 0.1e-9, 0), np.maximum(time - 8e-9, 0)
    shapes = [
        (1 - np.exp(-rise / tau)) * np.where(time < 8e-9, 1, np.exp(-fall / tau))
        for tau in (0.61e-9, 0.58e-9)
    ]
    return Waveform(
        time,
        shapes[0],
        shapes[1],
        columns - 1,
        8e-9,
        2.9e-9,
        0.01,
        6.3e-9 if sense else None,
        9.1e-9,
    )


def make_sensitivities(judged: tuple[Judged, ...]) -> tuple[Sensitivity, ...]:
    """What 10 % more of a parameter does to the headroom, to first order."""
    lines = {line.quantity.name: line for line in judged if line.limit}

    def gain(name: str, slope: float) -> float:
        line = lines[name]
        way = 1 if line.quantity.better == "high" else -1
        return way * 0.1 * slope * line.nominal.value / line.limit

    return tuple(
        Sensitivity(name, value, slopes, {q: gain(q, s) for q, s in slopes.items() if q in lines})
        for name, (value, slopes) in PARAMETERS.items()
    )


def make_story(
    *,
    name: str = NAME,
    rows: int = 6,
    columns: int = 5,
    limits: LayoutLimits = LIMITS,
    sense: bool = True,
    grid: bool = False,
    **changes: float,
) -> LayoutStory:
    """A passive array; without `sense` it has no read-out voltage, no limits and no writing."""
    layout = make_layout(name, rows, columns, limits, sense)
    values = VALUES | changes
    bare = ("ir_drop", "current_error", "tuned_error", "nonlinearity", "settling", "read_period")
    names = list(VALUES) if sense else list(bare)
    every = conditions(grid)
    findings = list(make_findings(layout, names, values, grid))
    judged = make_judged(layout, findings)
    margins, yields, tail = make_sense(rows, columns, values["margin"] - 8.4e-3, every)
    scaled = ["ir_drop", "current_error", "settling", "read_period"]
    scaled += ["sneak", "margin", "energy"] if sense else []
    maps = make_maps(rows, columns)
    return LayoutStory(
        layout=layout,
        quick=False,
        verdict=together(line.verdict for line in judged if line.verdict is not None),
        nominal=NOMINAL,
        conditions=every,
        netlists={line.netlist: f"* {line.quantity.name}\n" for line in judged},
        judged=judged,
        findings=tuple(findings),
        figures=(
            Figure("currents, nodal against SPICE", 4.1e-7, "of full scale", "<= 1e-05", True,
                   "largest of all patterns"),
            Figure("arrays drawn", 2000, "", "", None, "seed 0"),
        ),
        maps=maps,
        patterns=tuple(
            PatternLine(one.pattern, 0.031, 0.042, 0.011, 0.0023, 4.1e-7) for one in maps
        ),
        margins=margins if sense else None,
        yields=yields if sense else (),
        tail=tail if sense else None,
        waveform=make_waveform(columns, sense),
        energy={"array": 0.9e-12, "drivers": 0.1e-12, "amplifiers": 0.1e-12, "latches": 0.2e-12}
        if sense else {},
        sneak={"grounded": 0.21, "floating": 0.34, "half": 0.12} if sense else {},
        scaling=make_scaling(scaled, values, layout.limits.given, rows),
        sensitivities=make_sensitivities(judged),
        versions={"mtjspice": "0.1", "simulator": "ngspice 46 (KLU)"},
        times={"corners": 12.3},
        simulations={"run": 84, "found": 0},
        keys=("a", "b"),
        notes=("mind the <gap>",) if sense else (),
    )  # fmt: skip


BROKEN = {"settling": 5.6e-9, "margin": -1.2e-3}


@pytest.fixture(scope="module")
def story() -> LayoutStory:
    return make_story()


@pytest.fixture(scope="module")
def folder(story, tmp_path_factory):
    out = tmp_path_factory.mktemp("layout")
    write_layout(story, Outputs(out))
    return out


@pytest.fixture(scope="module")
def page(folder) -> str:
    return (folder / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def failing(tmp_path_factory) -> str:
    return written(make_story(**BROKEN), tmp_path_factory.mktemp("failing"))


@pytest.fixture(scope="module")
def bare(tmp_path_factory) -> str:
    return written(make_story(sense=False), tmp_path_factory.mktemp("bare"))


def written(story: LayoutStory, out) -> str:
    write_layout(story, Outputs(out))
    return (out / "report.html").read_text(encoding="utf-8")


def without_pictures(page: str) -> str:
    return re.sub(r'"data:[^"]+"', '""', page)


def headline(page: str) -> str:
    return re.search(r'<p class="why">(.*?)</p>', page, re.DOTALL)[1]


def front_rows(page: str) -> list[str]:
    table = re.search(r'<table class="compact front.*?</table>', page, re.DOTALL)[0]
    return re.findall(r"<tr.*?</tr>", table, re.DOTALL)[1:]


def test_a_report_has_three_files_and_the_worst_cases(folder):
    assert sorted(p.name for p in folder.iterdir()) == [
        "manifest.json",
        "report.html",
        "report.json",
        "worst",
    ]


def test_the_page_needs_only_its_netlists(page, story):
    text = without_pictures(page)
    assert not re.search(r"https?://|file:|//[a-z]|@import|url\(|<script|<link|<iframe", text)
    links = set(re.findall(r'(?:src|href)="([^"]*)"', text)) - {""}
    assert links == {line.netlist for line in story.judged}


def test_the_pictures_need_no_other_file_and_have_descriptions(page):
    images = re.findall(r"<img[^>]*>", page)
    assert len(images) == 10
    assert all(re.search(r'alt="[^"]{20,}"', image) for image in images)
    for encoded in re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', page):
        svg = base64.b64decode(encoded).decode()
        assert svg.count("<svg") == 1
        references = re.findall(r'href="([^"]*)"', svg) + re.findall(r"url\(([^)]*)\)", svg)
        assert all(r.startswith(("#", "data:")) for r in references)


def test_names_are_shown_as_they_are_written(page):
    assert "<script" not in page
    assert "&lt;script&gt;alert(" in page
    assert "mind the &lt;gap&gt;" in page


def test_nothing_is_shown_as_not_a_number(page, failing, bare):
    for text in map(without_pictures, (page, failing, bare)):
        assert not re.search(r"\bnan\b|\binf\b|\bNone\b", text)


def test_a_passing_story_says_what_is_tightest(page, story):
    assert '<span class="verdict pass">PASS</span>' in page
    assert "All 10 limits hold under all 3 conditions" in headline(page)
    assert "the tightest is shortest read period: 8.1" in headline(page)
    assert "Quick run" not in page


def test_every_limit_has_its_value_level_place_and_netlist(page, story):
    rows = front_rows(page)
    limited = [line for line in story.judged if line.limit is not None]
    assert len(rows) == len(limited) == 10
    for line in limited:
        (row,) = [row for row in rows if f'href="{line.netlist}"' in row]
        value, limit = words.value_and_limit(line)
        level = level_words(line.worst.level)
        for text in (line.quantity.title, value, limit, level, line.worst.where):
            assert text in html.unescape(row)
        assert str(line.worst.condition) in row
        assert words.percent(line.headroom) in row


def test_the_limits_come_tightest_first(failing):
    order = [re.search(r'href="worst/(\w+)\.cir"', row)[1] for row in front_rows(failing)]
    assert order[:4] == ["margin", "settling", "read_period", "array_yield"]
    assert order[-1] == "sneak"


def test_quantities_without_a_limit_are_listed_apart(page, story):
    below = page.split("<h2>Not judged: 13 quantities have no limit</h2>")[1].split("<h2>")[0]
    for line in story.judged:
        assert (f'href="{line.netlist}"' in below) == (line.limit is None)


def test_a_failing_story_names_its_broken_limits(failing):
    assert '<span class="verdict fail">FAIL</span>' in failing
    said = headline(failing)
    assert said.startswith("2 of 10 limits break: sense margin −1.2")
    assert "settling time 5.6" in said
    assert "ss, 0.9 × supply, 125 °C" in said
    assert "sneak" not in said
    rows = front_rows(failing)
    assert [("NO" in row, "over" in row) for row in rows[:3]] == [(True, True)] * 2 + [(False,) * 2]


def test_a_broken_promise_of_another_figure_is_named(story, tmp_path):
    off = Figure("currents, nodal against SPICE", 0.02, "FS", "<= 0.001", False, "patterns")
    page = written(dataclasses.replace(story, verdict=Verdict.FAIL, figures=(off,)), tmp_path)
    assert "FAIL" in page
    assert "nodal against SPICE: 0.02 FS (&lt;= 0.001)" in headline(page)


def test_value_and_limit_are_told_apart(tmp_path):
    page = written(make_story(settling=5.001e-9), tmp_path)
    row = next(row for row in front_rows(page) if "settling" in row)
    assert words.shown(5.001e-9, "s", 4) in row
    assert "5.001" in row


def with_samples(story: LayoutStory, **told: Sampled) -> LayoutStory:
    """The story with samples behind some of its worst values."""
    judged = tuple(
        dataclasses.replace(j, worst=dataclasses.replace(j.worst, sampled=told[j.quantity.name]))
        if j.quantity.name in told
        else j
        for j in story.judged
    )
    return dataclasses.replace(story, judged=judged)


def test_estimates_say_how_sure_they_are(story, tmp_path):
    told = {
        "array_yield": Sampled(0.9975, Interval(0.99552, 0.998, 0.95), 2000, "monte_carlo.samples"),
        "line_failure": Sampled(3.2e-8, Interval(2.8e-8, 3.6e-8, 0.95), 500, "monte_carlo.tail"),
    }
    page = written(with_samples(story, **told), tmp_path)
    rows = {re.search(r"worst/(\w+)", row)[1]: row for row in front_rows(page)}
    assert "95 % interval 99.55" in rows["array_yield"]
    assert "upper end of the 95 % interval; estimate 3.2" in rows["line_failure"]
    assert "interval" not in rows["settling"]
    # Beside the yields and beside the rare failures.
    assert page.count("interval with this confidence by itself, not all of them jointly") == 2


def test_doubts_of_a_rare_failure_widen_nothing_by_themselves(page):
    assert "Less is known of failures than the samples alone would say: mind the &lt;tail" in page


def test_switching_figures_say_which_spreads_are_in_them(page, story, tmp_path):
    rows = {re.search(r"worst/(\w+)", row)[1]: row for row in front_rows(page)}
    assert "none given for R_P, TMR, Δ, I_c0, diameter" in rows["read_disturb"]
    assert "none given" not in rows["settling"]
    free = FreeLayer(sigma_ln_delta=0.05, sigma_ln_diameter=0.01)
    layout = story.layout.replace(
        name="array", die=Die(sigma_ln_rp=0.04), writing=Writing(free_layer=free)
    )
    page = written(dataclasses.replace(story, layout=layout), tmp_path)
    rows = {re.search(r"worst/(\w+)", row)[1]: row for row in front_rows(page)}
    words = "cells spread in R_P 4 %, Δ 5 %, diameter 1 %; none given for TMR, I_c0"
    assert words in rows["read_disturb"]
    assert f"What these figures take for granted: {words}. All transistors are nominal" in page


def test_what_an_audit_found_is_written_as_what_the_fit_allows(story, tmp_path):
    yields = tuple(dataclasses.replace(one, bound=1.64e-4) for one in story.yields)
    page = written(dataclasses.replace(story, yields=yields), tmp_path)
    assert "4 × 10⁻⁷ FS (fit allows 1.64 × 10⁻⁴ FS)" in page.replace("\N{NO-BREAK SPACE}", " ")


def test_worst_nominal_and_limit_have_one_notation(tmp_path):
    """A worst value above 10⁻⁴ beside a nominal one below it, and a limit of some per cent."""
    story = make_story(limits=LIMITS.replace(write_error=0.01), write_error=1.05e-4)
    judged = tuple(
        dataclasses.replace(j, worst=dataclasses.replace(j.worst, nominal_cell=2e-4))
        if j.quantity.name == "write_error"
        else j
        for j in story.judged
    )
    story = dataclasses.replace(story, judged=judged)
    page = written(story, tmp_path).replace("\N{NO-BREAK SPACE}", " ")
    (row,) = (
        row
        for row in re.findall(r"<tr.*?</tr>", page, re.DOTALL)
        if "worst/write_error.cir" in row and "9.45" in row
    )
    assert "1.05 × 10⁻⁴" in row
    assert "9.45 × 10⁻⁵" in row
    assert "≤ 10⁻²" in row
    assert "nominal cell 2 × 10⁻⁴; none given for" in row


def test_without_limits_nothing_is_judged(bare):
    assert "INCONCLUSIVE" in bare
    assert headline(bare) == "No limits are set: nothing was asked, so that nothing is judged."
    assert '<table class="compact front' not in bare
    assert "Not judged: 6 quantities" in bare


def test_what_is_absent_is_skipped(page, bare):
    parts = ("Sneak current by", "<h2>Sense", "Yield of drawn arrays", "Rare failures",
             "Energy of a read", "Disturb and write", "Headroom of the")  # fmt: skip
    for part in parts:
        assert part not in bare
        assert part in page
    assert len(re.findall("<figure>", bare)) == len(re.findall("<figure>", page)) == 3


def test_the_first_screen_says_what_to_conclude(page, failing, bare):
    assert "Smallest margin 8.4" in page
    assert "Reads wrongly: margin −1" in failing
    assert "Settled to 1 % after 2.9 ns (line 4)" in bare
    basis = "(without margin sigmas, array yield, line failure, read disturb)"
    assert f"Under nominal conditions it fits up to 4 × 4 {basis}; beyond, read period breaks<" in (
        page
    )
    assert f"Under nominal conditions no size that was tried fits {basis}: margin breaks. " in (
        failing
    )
    assert "How the quantities grow with the size" in bare
    assert "fits" not in without_pictures(bare)
    assert "The worst cell gets 96.9 % of the read voltage" in page


def test_the_report_for_machines_has_every_quantity(folder, story):
    report = json.loads((folder / "report.json").read_text(), parse_constant=pytest.fail)
    assert report["layout"] == NAME
    assert report["verdict"] == "pass"
    assert report["quick"] is False
    named = {one["quantity"]: one for one in report["quantities"]}
    assert list(named) == [line.quantity.name for line in story.judged]
    settling = named["settling"]
    assert settling["worst"] == VALUES["settling"]
    assert settling["nominal"] == pytest.approx(0.9 * VALUES["settling"])
    assert settling["limit"] == 5e-9
    assert settling["holds"] is True
    assert settling["headroom"] == pytest.approx(0.38)
    assert settling["condition"] == {"process": "ss", "supply": 0.9, "temperature": 125.0}
    assert settling["level"] == "spice"
    assert settling["netlist"] == "worst/settling.cir"
    first, *_, last = report["figures"]
    assert first["name"] == "read voltage missing over a cell, nodal"
    assert (first["value"], first["limit"], first["holds"]) == (0.031, "<= 0.05", True)
    assert "ss, 0.9 × supply, 125 °C" in first["how"]
    assert last == story.figures[-1].as_dict()
    assert len(report["figures"]) == len(story.judged) + len(story.figures)
    for name in ("yields", "tail", "energy", "sneak", "scaling", "sensitivities", "patterns"):
        assert report[name]
    assert report["scaling"]["largest"]["rows"] == 4
    assert len(report["findings"]) == 3 * len(story.judged)
    assert report["times"] == {"corners": 12.3, "simulations": {"run": 84, "found": 0}}


def test_what_is_not_a_number_is_null_in_json(tmp_path):
    write_layout(make_story(settling=math.inf, tuned_error=math.nan), Outputs(tmp_path))
    report = json.loads((tmp_path / "report.json").read_text(), parse_constant=pytest.fail)
    named = {one["quantity"]: one for one in report["quantities"]}
    assert named["settling"]["worst"] == "inf"
    assert named["tuned_error"]["worst"] is None
    assert report["sensitivities"][3]["slopes"]["sneak"] is None
    assert report["verdict"] == "fail"


def test_runs_differ_under_times_only(folder, story, tmp_path):
    other = dataclasses.replace(story, times={"corners": 9.9}, simulations={"run": 0})
    write_layout(other, Outputs(tmp_path))
    one, other = (json.loads((p / "report.json").read_text()) for p in (folder, tmp_path))
    assert one.pop("times") != other.pop("times")
    assert one == other
    manifests = [(p / "manifest.json").read_text() for p in (folder, tmp_path)]
    assert manifests[0] == manifests[1]


def test_the_manifest_determines_the_report(folder, story):
    manifest = json.loads((folder / "manifest.json").read_text())
    spec = manifest["spec"].replace(NAME.replace('"', '\\"'), "array")
    assert parse_spec(spec, Layout) == story.layout.replace(name="array")
    assert manifest["spec_key"] == story.layout.key()
    assert manifest["simulations"] == ["a", "b"]


def test_the_same_story_is_the_same_bytes(folder, tmp_path):
    write_layout(make_story(), Outputs(tmp_path))
    for name in ("report.html", "report.json", "manifest.json"):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()


def test_advice_is_about_what_breaks_and_tells_the_cost():
    first, second = advice(make_story(**BROKEN | {"margin": 1e-3}))
    assert (first.title, second.title) == ("sense margin", "settling time")
    assert [c.parameter for c in first.changes][:2] == ["read.voltage", "periphery.load"]
    assert [c.action for c in second.changes] == ["lower", "lower", "lower"]
    assert second.changes[0].parameter == "periphery.load"
    assert second.changes[0].cost.startswith("sense margin: −1.5 %")
    (tightest,) = advice(make_story())
    assert tightest.title == "energy of a read of all lines"


def test_advice_warns_of_a_limit_that_then_breaks():
    (energy,) = advice(make_story(settling=5.2e-9, ir_drop=0.0495))
    cost = next(c.cost for c in energy.changes if c.parameter == "crossbar.cell.mtj.ra")
    assert cost == "read voltage missing over a cell: −8.0 %, which then breaks"


def test_cell_by_cell_reads_are_drawn(story, tmp_path):
    some_rows = np.full((6, 5), np.nan)
    some_rows[[0, 3, 5]] = np.linspace(0.99, 0.95, 5)
    maps = tuple(dataclasses.replace(one, delivered=some_rows) for one in story.maps)
    page = written(dataclasses.replace(story, maps=maps), tmp_path)
    missing = next(j.worst.value for j in story.judged if j.quantity.name == "ir_drop")
    assert f"The worst cell gets {100 * (1 - missing):.1f} % of the read voltage" in page
    alone = [j for j in story.judged if j.quantity.name != "ir_drop"]
    page = written(dataclasses.replace(story, maps=maps, judged=tuple(alone)), tmp_path)
    assert "The worst cell gets 95.0 % of the read voltage" in page


def test_what_stands_behind_a_margin_is_said_beside_it(story, tmp_path):
    """Of a threshold that tracks, and of the latch in whose place an offset is given."""
    sense = story.layout.sense.replace(threshold="tracking")
    tracking = dataclasses.replace(
        story,
        layout=story.layout.replace(name="array", sense=sense),
        margins=dataclasses.replace(story.margins, latch=24e-3),
    )
    page = written(tracking, tmp_path)
    assert page.count("without spread") + page.count("without a spread of its own") >= 2
    wrong = stats.norm.cdf(-story.margins.worst.min() / 24e-3)
    assert tracking.margins.latch_errs == pytest.approx(wrong)
    assert "24\N{NO-BREAK SPACE}mV, with which it would decide wrongly" in page
    assert f"{100 * wrong:.2g}\N{NO-BREAK SPACE}%" in page
    assert "would decide wrongly" not in written(story, tmp_path)


def test_the_nominal_condition_is_called_so(story, tmp_path):
    judged = tuple(dataclasses.replace(j, worst=j.nominal) for j in story.judged)
    page = written(dataclasses.replace(story, judged=judged), tmp_path)
    assert "the nominal one is tt, 1 × supply, 27 °C" in page
    assert all('<td class="keep">nominal</td>' in row for row in front_rows(page))


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.0312, "share", "3.12 %"),
        (0.0312, "share of full scale", "3.12 % FS"),
        (3.2e-9, "share", "3.2 × 10⁻⁹"),
        (1e-6, "share", "10⁻⁶"),
        (0.99952, "share", "99.952 %"),
        (1 - 1e-11, "share", "99.999999999 %"),
        (1 - 1e-12, "share", "100 %"),
        (1.0, "share", "100 %"),
        (0.0, "share", "0 %"),
        (-1.2e-3, "V", "−1.2 mV"),
        (5.1e-9, "s", "5.1 ns"),
        (4.6e13, "op/J", "46 Top/J"),
        (4.2, "", "4.2"),
        (0.15, "σ", "0.15 σ"),
        (math.inf, "s", "∞"),
        (math.nan, "s", "not known"),
    ],
)
def test_values_for_people(value, unit, text):
    assert words.shown(value, unit).replace(words.NO_BREAK, " ") == text


def test_rounding_writes_no_exponent():
    assert words.shown(1.0, "share", 2) == f"100{words.NO_BREAK}%"
    assert words.shown(2.19, "share", 2) == f"219{words.NO_BREAK}%"


def test_headroom_for_people():
    assert words.percent(0.12) == "+12 %"
    assert words.percent(-0.0803) == "−8.0 %"
    assert words.percent(-0.0002) == "−0.02 %"
    assert words.percent(-math.inf) == "−∞"
    assert words.percent(-6.4e4) == "−6.4 × 10⁶ %"
    assert words.percent(None) == "–"


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    out = tmp_path_factory.mktemp("comparison")
    good = make_story(name="wide wires", margin=9e-3)
    poor = make_story(name="thin wires", columns=4, settling=5.6e-9, margin=9e-3, ir_drop=0.02)
    write_comparison([good, poor], ["one", "two"], out)
    return out


def test_a_comparison_names_the_better_one(compared):
    data = json.loads((compared / "comparison.json").read_text(), parse_constant=pytest.fail)
    better = {one["quantity"]: one["better"] for one in data["quantities"]}
    assert better["settling"] == ["one"]
    assert better["ir_drop"] == ["two"]
    assert better["margin"] == []
    assert [one["verdict"] for one in data["layouts"]] == ["pass", "fail"]
    assert data["layouts"][0]["report"] == "one/report.html"
    settling = next(one for one in data["quantities"] if one["quantity"] == "settling")
    assert [one["worst"] for one in settling["layouts"]] == [3.1e-9, 5.6e-9]
    assert settling["layouts"][1]["netlist"] == "two/worst/settling.cir"


def test_a_comparison_shows_what_differs(compared):
    data = json.loads((compared / "comparison.json").read_text())
    assert data["differences"] == {"crossbar.columns": [5, 4]}
    page = without_pictures((compared / "comparison.html").read_text(encoding="utf-8"))
    assert "What differs: 1 key of the specs" in page
    assert "<code>crossbar.columns</code></td><td>5</td><td>4</td>" in page


def test_a_comparison_marks_the_better_one_in_words(compared):
    page = without_pictures((compared / "comparison.html").read_text(encoding="utf-8"))
    rows = re.findall(r"<tr>.*?</tr>", page, re.DOTALL)
    row = next(row for row in rows if "<td>settling time</td>" in row)
    assert "<td>wide wires</td>" in row
    assert row.count(", better</strong>") == row.count('class="better"') == 1
    assert row.index(", better</strong>") < row.index("5.6")
    assert "<strong>BREAKS</strong>" in row
    row = next(row for row in rows if "<td>sense margin</td>" in row)
    assert "<td>equal</td>" in row
    assert "better</strong>" not in row
    assert 'href="one/report.html"' in page
    assert 'href="two/worst/settling.cir"' in page


def test_layouts_of_the_same_name_are_told_apart_by_their_folders(tmp_path, story):
    other = make_story(sense=False)
    page = write_comparison([story, other, story], ["a", "b", "c/d #1"], tmp_path).read_text()
    assert "(c/d #1)" in page
    assert 'href="c/d%20%231/report.html"' in page
    assert 'href="c/d%20%231/worst/settling.cir"' in page
    data = json.loads((tmp_path / "comparison.json").read_text())
    named = {one["quantity"]: one for one in data["quantities"]}
    assert named["sneak"]["layouts"][1] is None
    assert named["sneak"]["better"] == []
    assert data["differences"]["periphery.load"] == [1000.0, None, 1000.0]


def test_the_same_comparison_is_the_same_bytes(tmp_path, story):
    texts = []
    for _ in range(2):
        write_comparison([story, make_story(**BROKEN)], ["a", "b"], tmp_path)
        texts.append([(tmp_path / f"comparison.{end}").read_bytes() for end in ("html", "json")])
    assert texts[0] == texts[1]
