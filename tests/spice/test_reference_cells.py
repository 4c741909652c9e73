"""Thresholds of reference cells: the nodal solver and the netlists beside ngspice."""

import numpy as np
import pytest
import torch
from test_layout_run import GATED, plain

from mtjspice.device.temperature import tmr_at
from mtjspice.device.variation import Devices, Junctions
from mtjspice.layout.access import fit_conditions
from mtjspice.layout.circuit import nominal_condition, r_p_of, read_experiment
from mtjspice.layout.decks import netlist, probe_of
from mtjspice.layout.findings import Finding, Shown
from mtjspice.layout.probes import Case
from mtjspice.layout.reference import ReferenceReads, numbers, reference_states
from mtjspice.layout.run import run_layout
from mtjspice.spec import Layout, parse_spec

pytestmark = pytest.mark.ngspice

TEXT = GATED.replace(
    'threshold = "tracking"', 'threshold = "reference"\n[sense.reference]\nposition = 1'
)
SMALL = TEXT.replace("largest = 6", "largest = 4")
"""For a whole run: arrays that are larger know nothing of thresholds."""
WORDS = "threshold from reference cells in column 1, 1 pair, with their own spread"


def as_devices(layout, states, common, own, sigma) -> Devices:
    """The array with a reference line, whose cells have [what differs, row] of their own."""
    column, die, mtj = layout.reference_column, layout.die, layout.crossbar.cell.mtj
    ln_rp, ln_tmr = (np.full(states.shape, one) for one in common)
    ln_rp[:, column] += die.sigma_ln_rp * own[0]
    ln_tmr[:, column] += die.sigma_ln_tmr * own[1]
    shifts = np.zeros(states.shape)
    shifts[:, column] = die.mismatch * sigma * own[2]
    none = np.zeros(states.shape, dtype=np.bool_)
    tmr0 = tmr_at(mtj.tmr0, layout.technology.temperature, mtj.decay)
    junctions = Junctions(r_p_of(layout) * np.exp(ln_rp), tmr0 * np.exp(ln_tmr), states, none, none)
    return Devices(junctions, {at: (float(shifts[at]),) for at in np.ndindex(*states.shape)})


def test_reference_lines_with_deviations_read_what_ngspice_says(simulator):
    layout = parse_spec(TEXT, Layout)
    layout = layout.replace(die=layout.die.replace(sigma_ln_tmr=0.05, mismatch=2.0))
    condition = nominal_condition(layout)
    fitted = fit_conditions(layout, [condition], simulator)[condition]
    (sigma,) = fitted.access.threshold_sigma
    allowed = 2 * fitted.bound * layout.read.voltage  # of full scale, of a voltage below that
    for spread in (0.0, 1.0):
        chance = np.random.default_rng(8)
        own = spread * np.abs(chance.standard_normal(numbers(layout, fitted.access)))
        common = spread * np.array([0.06, 0.04])
        volts = []
        for states, of_line in zip(
            reference_states(layout), own.reshape(2, 3, layout.crossbar.rows), strict=True
        ):
            devices = as_devices(layout, states, common, of_line, sigma)
            shown = Shown(column=1, side="high", given={"threshold": 0.0}, devices=devices)
            read = read_experiment(layout, states, (2,))
            finding = Finding("margin", 0.0, condition, "nodal", "", read, shown=shown)
            case = Case.of(layout, finding)
            volts.append(simulator.measure(netlist(case, probe_of(case))).result()["margin"])
        reads = ReferenceReads.of(layout, fitted, (2,))
        found = reads.threshold(*torch.from_numpy(common)[:, None], torch.from_numpy(own)[None])
        assert float(found[0]) == pytest.approx(np.mean(volts), abs=allowed)
        if spread:
            assert abs(float(found[0]) - reads.nominal()) > 10 * allowed


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reference")
    assert SMALL != TEXT
    return run_layout(parse_spec(SMALL, Layout), folder, quick=True, jobs=1), folder


@pytest.mark.slow
def test_netlists_print_margins_to_reference_cells(run, tmp_path):
    story, folder = run
    worst = {line.quantity.name: line.worst for line in story.judged}
    for name in ("margin", "margin_sigmas"):
        text = (folder / f"worst/{name}.cir").read_text()
        _, printed = plain(folder / f"worst/{name}.cir", tmp_path)
        assert printed[name] == pytest.approx(worst[name].value, rel=5e-4)
        assert WORDS in " ".join(text.replace("\n* ", " ").split())
        assert ".param threshold=" in text
    text = (folder / "worst/line_failure.cir").read_text()
    _, printed = plain(folder / "worst/line_failure.cir", tmp_path)
    assert "most likely failure" in text
    assert abs(printed["margin"]) < 2e-3 * story.margins.worst.min()
    # Its threshold is not the nominal one: reference cells deviate, too.
    given = worst["line_failure"].shown.given["threshold"]
    assert abs(given - worst["margin"].shown.given["threshold"]) > 1e-4
    lowest = min(
        float(one.margins.min())
        for one in story.yields
        if one.condition == worst["array_yield"].condition
    )
    _, printed = plain(folder / "worst/array_yield.cir", tmp_path)
    assert printed["margin"] == pytest.approx(lowest, abs=1e-6)


@pytest.mark.slow
def test_page_and_notes_say_what_margins_are_to(run):
    story, folder = run
    page = (folder / "report.html").read_text()
    assert page.count(WORDS) >= 3
    assert any(WORDS[1:] in note for note in story.notes)
    for name in ("margin", "array_yield", "line_failure"):
        (line,) = [one for one in story.judged if one.quantity.name == name]
        assert line.worst.where.endswith(WORDS)


@pytest.mark.slow
def test_the_threshold_of_a_condition_is_that_of_reference_cells_under_it(run):
    story, _ = run
    assert len({f.shown.given["threshold"] for f in story.findings if f.quantity == "margin"}) == 2
    assert story.tail.shares["reference cells"] > 0.01
    by_name = {figure.name: figure for figure in story.figures}
    assert by_name["whole array in time: decisions as the nodal solver has them"].value == 6
