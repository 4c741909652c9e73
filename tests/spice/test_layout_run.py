"""`mtjspice layout` whole, on small arrays, with ngspice."""

import json
import re
import subprocess
import sys

import numpy as np
import pytest
import torch

from mtjspice import cli
from mtjspice.layout import timing
from mtjspice.layout.access import fit_conditions
from mtjspice.layout.circuit import (
    conditions_of,
    full_scale,
    nominal_condition,
    read_experiment,
    under,
)
from mtjspice.layout.disturb import write_plan
from mtjspice.layout.judged import verdict_of_layout
from mtjspice.layout.montecarlo import estimate_yield
from mtjspice.layout.patterns import named_patterns
from mtjspice.layout.quantities import QUANTITIES
from mtjspice.layout.read import measure, pattern_experiments, worst_patterns
from mtjspice.layout.run import run_layout
from mtjspice.layout.sense import margins, worst_reads
from mtjspice.report.numbers import shown
from mtjspice.solver import nodal
from mtjspice.solver.array import array_of
from mtjspice.spec import Layout, parse_spec
from mtjspice.spice.ngspice.simulate import measured
from mtjspice.verdicts.figures import Verdict, at_most

pytestmark = pytest.mark.ngspice

PASSIVE = """\
name = "small passive"
seed = 3
largest = 6

[crossbar]
rows = 5
columns = 4
unselected = "half"

[crossbar.row]
resistance = "20 Ohm"
capacitance = "20fF"
end = "100 Ohm"

[crossbar.column]
resistance = "20 Ohm"
capacitance = "20fF"
end = "100 Ohm"

[die]
sigma_ln_rp = 0.03

[periphery]
kind = "transimpedance"
input_resistance = "100 Ohm"

[sense]
step = 2
offset = "2mV"

[timing]
period = "4ns"
rise = "0.02ns"
hold = "2ns"
step = "0.01ns"
sense_at = "1ns"

[writing]
length = "20ns"

[corners]
supply = [0.9, 1.1]
temperature = [85]

[monte_carlo]
samples = 100
audit = 0.1
tail = 200

[limits]
ir_drop = 0.9
margin = "1mV"
settling = "1ns"
"""
TINY = (
    PASSIVE.replace("rows = 5", "rows = 3")
    .replace("columns = 4", "columns = 2")
    .replace("largest = 6", "largest = 3")
    .replace("samples = 100", "samples = 20")
    .replace("tail = 200", "tail = 20")
    .replace('[writing]\nlength = "20ns"\n', "")
)
"""As small as can be, where a whole run is only there to be done again."""
GATED = """\
name = "small gated"
seed = 4
largest = 6

[crossbar]
rows = 4
columns = 3

[crossbar.cell]
kind = "gated"
gates = "row"

[crossbar.cell.mtj]
tmr0 = 1.5

[crossbar.row]
resistance = "5 Ohm"
capacitance = "1fF"

[crossbar.column]
resistance = "5 Ohm"
capacitance = "1fF"
end = "50 Ohm"

[die]
sigma_ln_rp = 0.04
mismatch = 1.0

[periphery]
kind = "sense_amplifier"
load = "3 kOhm"

[read]
voltage = "0.2V"
rows = 1

[sense]
offset = "2mV"
threshold = "tracking"

[timing]
period = "3ns"
rise = "0.05ns"
hold = "1.5ns"
step = "0.05ns"
sense_at = "1ns"

[writing]
to_p = "1.0V"
to_ap = "1.3V"
length = "20ns"

[corners]
process = ["ss"]
supply = [0.9]
temperature = [125]

[monte_carlo]
samples = 60
audit = 0.2
tail = 200

[limits]
margin = "5mV"
decision_time = "0.3ns"
"""


BEHIND = {
    "array_yield": {"margin"},
    "line_failure": {"line_voltage", "line_threshold", "margin"},
    "read_disturb": {"junction_current"},
    "life_disturb": {"junction_current"},
    "write_error": {"junction_current"},
    "half_select": {"junction_current"},
}
"""What is printed where the quantity itself is no property of one circuit."""
PRINTED = {"write_voltage": "junction_voltage"}
"""The name of what is printed, where it is not that of the quantity."""


@pytest.fixture(scope="module")
def passive(tmp_path_factory):
    folder = tmp_path_factory.mktemp("passive")
    return run_layout(parse_spec(PASSIVE, Layout), folder, jobs=2), folder


@pytest.fixture(scope="module")
def gated(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gated")
    return run_layout(parse_spec(GATED, Layout), folder, quick=True, jobs=1), folder


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """The folder above the output, the output's story, and what its report said."""
    folder = tmp_path_factory.mktemp("tiny")
    story = run_layout(parse_spec(named("a"), Layout), folder / "out" / "a", quick=True, jobs=2)
    return folder, story, without_times(folder / "out" / "a")


@pytest.fixture(params=["passive", "gated"])
def small(request, passive, gated):
    """The story and the folder of either."""
    return {"passive": passive, "gated": gated}[request.param]


def named(name: str) -> str:
    """The least layout under another name."""
    return TINY.replace("small passive", name)


def plain(netlist, folder) -> tuple[str, dict[str, float]]:
    """What plain SPICE prints of a netlist, and its measurements."""
    done = subprocess.run(
        ["ngspice", "-b", str(netlist)], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout, measured(done.stdout)


def without_times(folder) -> dict:
    content = json.loads((folder / "report.json").read_text())
    content.pop("times")
    return content


def test_a_passive_layout_comes_to_a_verdict(passive):
    story, folder = passive
    assert story.verdict is Verdict.PASS
    names = {line.quantity.name for line in story.judged}
    assert names >= {"ir_drop", "sneak", "margin", "array_yield", "line_failure", "settling"}
    assert names >= {"energy", "read_disturb", "write_voltage", "half_select"}
    assert "decision_time" not in names
    assert len(story.conditions) == 3
    (rare,) = (line.worst for line in story.judged if line.quantity.name == "line_failure")
    assert (story.tail.high, story.tail.condition) == (rare.value, rare.condition)
    assert (folder / "report.html").is_file()


@pytest.mark.parametrize(
    "small", [pytest.param("passive", marks=pytest.mark.slow), "gated"], indirect=True
)
def test_plain_ngspice_prints_what_is_stated_to_the_digits_shown(small, tmp_path):
    story, folder = small
    for line in story.judged:
        name = line.quantity.name
        text = (folder / line.netlist).read_text()
        _, printed = plain(folder / line.netlist, tmp_path)
        assert re.search(rf"^\* {name} of {story.layout.name}: ", text, re.MULTILINE)
        assert f"* condition: {line.worst.condition.process}, " in text
        assert ".control" not in text
        behind = BEHIND.get(name.removesuffix("_mean"))
        if behind is not None:
            assert set(printed) >= behind, name
            continue
        # Three digits are shown: the printed value is within half a unit of the last of them.
        assert printed[PRINTED.get(name, name)] == pytest.approx(line.worst.value, rel=5e-4), name


def test_what_stands_behind_a_switching_probability_is_what_its_netlist_prints(small, tmp_path):
    """The worst cell is in the netlist, with its own resistances; a mean has a nominal one."""
    story, folder = small
    for line in story.judged:
        name, worst = line.quantity.name, line.worst
        if BEHIND.get(name.removesuffix("_mean")) != {"junction_current"}:
            continue
        _, printed = plain(folder / line.netlist, tmp_path)
        which = "nominal" if name.endswith("_mean") else "worst"
        amperes = shown(printed["junction_current"], "A")
        assert f"{amperes} through the {which} cell" in worst.where, name
        assert (worst.shown.devices is None) == name.endswith("_mean")
        if name.startswith("half_select"):
            assert f"{shown(printed['pulse_share'], 'share')} of the pulse over it" in worst.where
            assert printed["pulse_share"] == pytest.approx(0.5, abs=0.1)


def test_what_a_head_says_is_printed_is_printed(small, tmp_path):
    story, folder = small
    for line in story.judged:
        text = (folder / line.netlist).read_text()
        _, printed = plain(folder / line.netlist, tmp_path)
        said = re.findall(r"^\* prints (\w+) = (\S+): ", text, re.MULTILINE)
        assert said, line.quantity.name
        for name, value in said:
            assert printed[name] == pytest.approx(float(value), rel=5e-4, abs=1e-9), name
        assert text.isascii()


def test_the_netlist_of_the_worst_read_gives_its_margin_from_currents(passive, simulator):
    story, _ = passive
    (line,) = [one for one in story.judged if one.quantity.name == "margin"]
    (result,) = simulator.run([line.worst.experiment])
    column = int(line.worst.where.split()[1].rstrip(","))
    out = story.layout.periphery.zero - float(result["amplifier_voltage"][0, column])
    distance = abs(out - story.margins.threshold)
    assert distance == pytest.approx(line.worst.value, abs=1e-7)


def test_times_and_energies_are_near_those_on_the_time_axis(small, simulator):
    """The axis has some five steps until the output has settled."""
    story, _ = small
    worst = {line.quantity.name: line.worst for line in story.judged}
    layout = under(story.layout, worst["settling"].condition)
    analysis = worst["settling"].experiment.analysis
    (result,) = simulator.run([worst["settling"].experiment])
    step = timing.step_of(layout, result, analysis)
    settled = timing.course(layout, result, analysis, step).settled
    assert worst["settling"].value == pytest.approx(settled, rel=0.03)
    layout = under(story.layout, worst["energy"].condition)
    read = worst["energy"].experiment
    (result,) = simulator.run([read])
    blocks = timing.energy_of(layout, result, read.analysis)
    latched = worst["energy"].shown.latched
    if latched is not None:
        (alone,) = simulator.run([latched])
        columns = layout.crossbar.columns
        blocks["latches"] = columns * float(alone["decision_energy"][0, 0])
    assert worst["energy"].value == pytest.approx(sum(blocks.values()), rel=0.01)


def test_the_worst_array_has_its_spread_and_the_likely_failure_no_margin(small, tmp_path):
    story, folder = small
    _, printed = plain(folder / "worst/array_yield.cir", tmp_path)
    lowest = min(
        float(y.margins.min()) for y in story.yields
        if y.condition == next(
            j.worst.condition for j in story.judged if j.quantity.name == "array_yield"
        )
    )  # fmt: skip
    assert printed["margin"] == pytest.approx(lowest, abs=1e-6)
    text = (folder / "worst/line_failure.cir").read_text()
    _, printed = plain(folder / "worst/line_failure.cir", tmp_path)
    assert "most likely failure" in text
    nominal = story.margins.worst.min()
    assert abs(printed["margin"]) < 2e-3 * nominal
    ohms = set(re.findall(r"^R[ct]\d+_\d+ \S+ \S+ (\S+)$", text, re.MULTILINE))
    assert len(ohms) > 2  # each has a deviation of its own


def test_every_quantity_has_a_netlist_of_its_own(small):
    story, _ = small
    assert {line.quantity.name for line in story.judged} <= set(QUANTITIES)
    for line in story.judged:
        assert line.netlist == f"worst/{line.quantity.name}.cir"


@pytest.mark.slow
def test_a_second_run_finds_every_simulation_and_says_the_same(tiny):
    folder, first, before = tiny
    again = run_layout(parse_spec(named("a"), Layout), folder / "out" / "a", quick=True, jobs=1)
    assert first.simulations["run"] > 0
    assert again.simulations["run"] == 0
    assert again.simulations["found"] > 0
    assert without_times(folder / "out" / "a") == before
    assert again.findings == first.findings


def test_a_gated_layout_decides_in_every_condition(gated):
    story, _ = gated
    by_name = {figure.name: figure for figure in story.figures}
    assert by_name["latch at the smallest margin: conditions with right decisions"].holds
    assert by_name["whole array in time: decisions as the nodal solver has them"].value == 6
    worst = {line.quantity.name: line.worst for line in story.judged}
    assert worst["margin"].condition.temperature == 125.0
    assert 20e-12 < worst["decision_time"].value < 300e-12
    assert set(story.energy) == {"array", "drivers", "amplifiers", "gates", "latches"}


def test_the_levels_agree(passive, gated):
    for story, _ in (passive, gated):
        stated = [figure for figure in story.figures if figure.holds is not None]
        assert len(stated) >= 3
        assert all(figure.holds for figure in stated)


def test_levels_that_disagree_are_no_pass(passive):
    story, _ = passive
    apart = at_most("nodal − SPICE", 2e-3, 1e-3, "of full scale", "made up")
    assert verdict_of_layout(story.judged, story.figures) is Verdict.PASS
    assert verdict_of_layout(story.judged, (*story.figures, apart)) is Verdict.FAIL


@pytest.mark.parametrize("text", [PASSIVE, GATED], ids=["passive", "gated"])
def test_errors_and_margins_are_those_of_ngspice(text, simulator):
    layout = parse_spec(text.replace("temperature = [85]", "temperature = [0, 85]"), Layout)
    for condition in conditions_of(layout)[::2]:
        changed = under(layout, condition)
        fitted = fit_conditions(layout, [condition], simulator)[condition]
        patterns = worst_patterns(changed, fitted, thorough=False)
        ours = measure(changed, fitted, np.stack(list(patterns.values()))).currents
        results = simulator.run(pattern_experiments(changed, patterns))
        theirs = np.stack([r["current"].to_numpy() for r in results]).reshape(ours.shape)
        assert np.abs(ours - theirs).max() / full_scale(changed) <= fitted.bound


def test_the_yield_of_both_levels_agrees(simulator):
    layout = parse_spec(GATED.replace('offset = "2mV"', 'offset = "6mV"'), Layout)
    layout = layout.replace(monte_carlo=layout.monte_carlo.replace(audit=1.0))
    condition = nominal_condition(layout)
    fitted = fit_conditions(layout, [condition], simulator)[condition]
    threshold = margins(layout, fitted, worst_reads(layout, fitted), None).threshold
    found, _ = estimate_yield(layout, condition, fitted, threshold, simulator)
    assert found.audited == found.samples == 60
    assert found.audited_good[0] == found.audited_good[1] == found.good < 60
    assert found.audited_apart == 0
    assert found.audit_current <= found.bound


@pytest.mark.parametrize("pattern", ["all P", "all AP", "checkerboard"])
def test_settling_is_that_of_the_linear_network(pattern, simulator):
    layout = parse_spec(PASSIVE, Layout)
    fitted = fit_conditions(layout, [nominal_condition(layout)], simulator)
    states, own = named_patterns(layout.crossbar.shape)[pattern], next(iter(fitted.values()))
    analysis = layout.timing.analysis
    (result,) = simulator.run([timing.timed(layout, states, analysis)])
    step = timing.step_of(layout, result, analysis)
    settled = timing.course(layout, result, analysis, step).settled
    linear = timing.rc_settling(layout, timing.rc_response(layout, own, states))
    assert linear == pytest.approx(settled, rel=0.05)


@pytest.mark.slow
def test_two_layouts_are_compared_and_a_broken_limit_is_exit_code_1(tiny, monkeypatch, capsys):
    folder, _, _ = tiny
    (folder / "a.toml").write_text(named("a"))
    (folder / "b.toml").write_text(named("b").replace("ir_drop = 0.9", "ir_drop = 0.01"))
    out = folder / "out"
    files = [str(folder / f"{name}.toml") for name in "ab"]
    arguments = ["mtjspice", "layout", *files, "--quick", "--out", str(out)]
    monkeypatch.setattr(sys, "argv", arguments)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 1
    printed = capsys.readouterr().out
    assert "BROKEN" in printed
    assert "verdict of a: PASS" in printed
    assert "verdict of b: FAIL" in printed
    assert json.loads((out / "comparison.json").read_text())
    assert (out / "comparison.html").is_file()
    assert without_times(out / "b")["verdict"] == "fail"


def test_a_write_goes_through_its_own_cell_only(simulator):
    layout = parse_spec(GATED, Layout)
    plan = write_plan(layout)
    assert {write.to for write in plan} == {0, 1}
    for write, result in zip(plan, simulator.run([w.experiment for w in plan]), strict=True):
        of_row = abs(float(result["input_current"][0, write.place[0]]))
        of_cell = abs(float(result["current"][0, 0]))
        assert of_cell > 50e-6
        # The other columns follow the row: what flows into them is what wires leave between both.
        assert of_row == pytest.approx(of_cell, rel=0.02)


def test_held_lines_are_the_same_at_both_levels(simulator):
    layout = parse_spec(PASSIVE, Layout)
    states = named_patterns(layout.crossbar.shape)["checkerboard"]
    read = read_experiment(layout, states, (1, 2))
    held = read.replace(stimulus=read.stimulus.replace(held=0.03))
    assert held.key() != read.key()
    (result,) = simulator.run([held])
    volts = torch.from_numpy(held.stimulus.volts.copy())
    ours = nodal.read(array_of([held]), volts)[0].numpy()
    assert ours == pytest.approx(result["current"].to_numpy(), rel=1e-6)
    before = nodal.read(array_of([read]), volts)[0].numpy()
    assert np.abs(ours - before).min() > 1e-7
