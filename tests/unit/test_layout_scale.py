"""Sizes that meet limits, and what quantities follow: against next sizes and finite differences."""

import dataclasses
import math

import numpy as np
import pytest
import torch
import xarray as xr
from scipy import stats

from mtjspice.errors import InputError
from mtjspice.layout import scale
from mtjspice.layout.access import Fitted
from mtjspice.layout.circuit import nominal_condition
from mtjspice.layout.fast import Hardest, fast_values, first_order_yield
from mtjspice.layout.quantities import QUANTITIES
from mtjspice.layout.read import read_findings, worst_patterns
from mtjspice.layout.scale import (
    Known,
    _ladder,
    _narrowed,
    broken,
    moved,
    of_size,
    scaling,
    sensitivities,
    value_at,
    written,
)
from mtjspice.layout.sense import margin_findings, margins, worst_reads
from mtjspice.solver import nodal
from mtjspice.solver.array import array_of
from mtjspice.spec import (
    Crossbar,
    DefectRates,
    Die,
    FreeLayer,
    GatedCell,
    Line,
    Mtj,
    PassiveCell,
    SenseAmplifier,
    TransimpedanceAmplifier,
    WireGeometry,
    Writing,
)
from mtjspice.spec.layout import DefectLimits, Layout, Reading, Sensing, Timing
from mtjspice.spec.layout_limits import LayoutLimits

FITTED = Fitted(None, 1e-5)
WIRE = Line(resistance=25, capacitance=2e-13, end=20)


def near(expected, rel: float = 1e-6, least: float = 0.0):
    """`pytest.approx` takes all that is below 1e-12 for equal: here are amperes and joules."""
    return pytest.approx(expected, rel=rel, abs=least)


class Writes:
    """In the place of SPICE: writes of passive arrays in the nodal solver."""

    def run(self, experiments, progress=None):
        found = []
        for e in experiments:
            array, volts = array_of([e]), torch.from_numpy(e.stimulus.volts.copy())
            over = nodal.cell_volts(array, volts, nodal.solve(array, volts))[0].numpy()
            found.append(xr.Dataset({"cell_voltage": (("vector", "row", "column"), over)}))
        return found


def layout(
    rows: int = 5,
    columns: int | None = None,
    *,
    cell=None,
    row: Line = WIRE,
    column: Line = WIRE,
    **parts,
) -> Layout:
    return Layout(
        name="scale",
        crossbar=Crossbar(
            rows=rows, columns=columns or rows, cell=cell or PassiveCell(), row=row, column=column
        ),
        **({"periphery": TransimpedanceAmplifier(gain=1e3)} | parts),
    )


class Unused:
    """In the place of SPICE where nothing is to be simulated."""

    def run(self, experiments, progress=None):
        assert not experiments
        return []


def known_of(one: Layout) -> Known:
    patterns = worst_patterns(one, FITTED, thorough=False)
    return Known(FITTED, Hardest(patterns, worst_reads(one, FITTED)), 0.0)


# Numbers at dotted keys


def test_the_number_at_a_key_is_found_however_deep_it_is():
    line = Line(geometry=WireGeometry(pitch=1e-6, width=2e-7, sheet_resistance=0.1))
    one = layout(row=line, cell=GatedCell(gate_volts=2.5), writing=Writing())
    assert value_at(one, "crossbar.row.geometry.width") == 2e-7
    assert value_at(one, "crossbar.cell.mtj.tmr0") == 1.0
    assert value_at(one, "crossbar.cell.access.width") == 2e-6
    assert value_at(one, "crossbar.cell.gate_volts") == 2.5
    assert value_at(one, "writing.free_layer.thickness") == 1.3e-9
    assert value_at(one, "read.voltage") == 0.1


@pytest.mark.parametrize(
    "key",
    [
        "crossbar.row.geometry.width",  # there is none
        "crossbar.cell.access.width",  # of passive cells
        "crossbar.cell.gate_volts",
        "periphery.load",  # of another read-out
        "writing.to_p",  # nothing is written
        "sense.offset",  # zero
        "crossbar.row.via",
        "crossbar.cell.mtj.v_half",  # infinite
        "crossbar.rows",  # a whole number
        "crossbar.cell.kind",  # a word
        "crossbar.cell",
        "nothing.at.all",
        "timing.hold.more",
    ],
)
def test_there_is_no_number_where_a_layout_has_none_or_zero_or_infinity(key):
    assert value_at(layout(cell=PassiveCell(mtj=Mtj(v_half=math.inf))), key) is None


@pytest.mark.parametrize(
    "key", ["read.voltage", "crossbar.column.resistance", "crossbar.cell.mtj.ra", "timing.hold"]
)
def test_a_number_is_moved_and_nothing_else(key):
    one = layout()
    before = value_at(one, key)
    changed = moved(one, key, 1.05)
    assert value_at(changed, key) == near(1.05 * before)
    assert changed != one
    assert moved(changed, key, before / value_at(changed, key)) == one


def test_every_parameter_that_may_be_moved_exists_in_some_layout():
    line = Line(geometry=WireGeometry(
        pitch=1e-6, width=2e-7, sheet_resistance=0.1, capacitance_per_length=1e-10,
    ), end=3, via=2)  # fmt: skip
    die = Die(sigma_ln_rp=0.1, sigma_ln_tmr=0.1, sigma_ln_rp_die=0.1, sigma_ln_tmr_die=0.1,
              mismatch=1.0)  # fmt: skip
    free = FreeLayer(sigma_ln_delta=0.1, sigma_ln_ic0=0.1, sigma_ln_diameter=0.01)
    own = {"writing": Writing(free_layer=free), "sense": Sensing(offset=1e-3), "die": die}
    gate = line.replace(via=0)
    layouts = [
        layout(row=line, column=line, **own),
        layout(periphery=SenseAmplifier(), row=WIRE.replace(via=1), cell=GatedCell()),
        layout(periphery=TransimpedanceAmplifier(input_resistance=10)),
    ]
    crossbar = Crossbar(rows=4, columns=4, gate=gate, cell={"kind": "transmission_gate"})
    layouts.append(layout().replace(crossbar=crossbar))
    layouts.append(layout().replace(crossbar=crossbar.replace(gate=WIRE)))
    missing = [
        key for key in scale.PARAMETERS if all(value_at(one, key) is None for one in layouts)
    ]
    assert missing == ["crossbar.gate.via"]  # no current flows there: it must be zero


# Other sizes


def test_another_size_has_columns_in_proportion():
    one = layout(8, 12)
    assert [of_size(one, rows).crossbar.shape for rows in (2, 4, 8, 10)] == [
        (2, 3), (4, 6), (8, 12), (10, 15),
    ]  # fmt: skip
    assert of_size(layout(40, 2), 5).crossbar.shape == (5, 1)
    assert of_size(one, 8) == one


@pytest.mark.parametrize(
    ("read", "rows", "expected"), [(None, 4, 4), (None, 16, 16), (8, 16, 16), (2, 16, 2), (2, 2, 2)]
)
def test_as_many_rows_are_driven_as_before_or_all_of_them(read, rows, expected):
    assert of_size(layout(8, read=Reading(rows=read)), rows).rows_read == expected


def test_a_boundary_in_the_middle_goes_along_with_the_size():
    one = layout(8, sense=Sensing(step=2))
    assert [of_size(one, rows).boundary for rows in (4, 8, 16)] == [1, 3, 7]


def test_sizes_to_try_rise_from_the_least_to_the_most_with_the_layouts_own():
    sizes = _ladder(20, 2, 64)
    assert sizes == sorted(set(sizes))
    assert sizes[0] == 2
    assert sizes[-1] == 64
    assert 20 in sizes
    steps = np.array(sizes[1:]) / np.array(sizes[:-1])
    assert steps.max() < 1.65  # 1.4, rounded to whole numbers
    assert _ladder(5, 5, 5) == [5]
    assert _ladder(5, 2, 5)[-1] == 5
    assert _ladder(5, 5, 9)[0] == 5


@pytest.mark.parametrize("last", range(3, 19))
def test_the_last_size_that_holds_is_narrowed_down(last):
    tried = []

    def holds(size: int) -> bool:
        tried.append(size)
        return size <= last

    assert _narrowed(3, 19, holds) == (last, last + 1)
    assert len(tried) <= 4
    assert all(3 < size < 19 for size in tried)


def test_limits_break_on_their_own_side_and_only_where_there_is_a_value():
    one = layout(limits=LayoutLimits(ir_drop=0.1, margin="5 mV", settling="1 ns"))
    assert broken(one, {"ir_drop": 0.1, "margin": 5e-3, "settling": 1e-9}) == ()
    assert broken(one, {"ir_drop": 0.11, "margin": 4.9e-3, "settling": 2e-9}) == (
        "ir_drop", "margin", "settling",
    )  # fmt: skip
    assert broken(one, {"ir_drop": 0.05, "current_error": 1.0}) == ()


# How far it scales


def value_of(one: Layout, name: str, *, thorough: bool = True) -> float:
    """A quantity of a layout by itself, with patterns of its own."""
    if name in ("margin", "margin_sigmas"):
        worst = worst_reads(one, FITTED)
        found = margins(one, FITTED, worst, None)
        values = margin_findings(one, nominal_condition(one), found, worst)
    else:
        patterns = worst_patterns(one, FITTED, thorough=thorough)
        values = read_findings(one, nominal_condition(one), FITTED, patterns)
    return {finding.quantity: finding.value for finding in values}[name]


@pytest.mark.parametrize(
    ("rows", "limits", "name", "last"),
    [
        (3, LayoutLimits(ir_drop=0.1), "ir_drop", 4),
        pytest.param(3, LayoutLimits(margin="2 mV"), "margin", 5, marks=pytest.mark.slow),
        (4, LayoutLimits(margin="4 mV"), "margin", 3),
        (2, LayoutLimits(current_error=0.2, ir_drop=0.06), "ir_drop", 3),
    ],
)
def test_the_largest_size_holds_and_the_next_one_breaks(rows, limits, name, last):
    one = layout(rows, limits=limits)
    found = scaling(one, known_of(one), Unused(), 7)
    assert found.largest is not None
    assert not found.bounded
    assert found.binding == (name,)
    assert found.largest.rows == last
    limit, quantity = limits.given[name], QUANTITIES[name]
    assert quantity.holds(value_of(of_size(one, last), name), limit)
    assert not quantity.holds(value_of(of_size(one, last + 1), name), limit)
    tried = [s.rows for s in found.sizes]
    assert tried == sorted(set(tried))
    assert {2, rows, last, last + 1} <= set(tried)
    for s in found.sizes:
        assert (not s.broken) == (s.rows <= last)


def test_what_the_layout_itself_breaks_is_said_of_no_size_that_includes_it():
    one = layout(4, limits=LayoutLimits(ir_drop=0.9, array_yield=0.9))
    known = dataclasses.replace(known_of(one), broken=("ir_drop", "energy"))
    found = scaling(one, known, Unused(), 6)
    assert found.largest is not None
    assert found.largest.rows == 3
    assert found.binding == ("ir_drop",)
    for s in found.sizes:
        assert s.broken == (("ir_drop",) if s.rows >= 4 else ())


def test_sizes_count_the_defects_that_are_drawn():
    rates = DefectRates(short=0.01, stuck_p=0.01, stuck_ap=0, dead_lines=0)
    one = layout(
        4, limits=LayoutLimits(array_yield=0.7), defects=DefectLimits(rates=rates),
        periphery=TransimpedanceAmplifier(gain=1e3), read=Reading(rows=1),
    )  # fmt: skip
    found = scaling(one, known_of(one), Unused(), 8)
    # Each of so many junctions is sound with 0.99 squared, and nothing else is wrong.
    of_sizes = {s.rows: s.values["array_yield"] for s in found.sizes}
    assert of_sizes[4] == near(0.99 ** (2 * 16), rel=1e-3)
    assert found.largest is not None
    assert found.largest.rows == 4
    assert found.binding == ("array_yield",)


def test_limits_that_no_size_holds_have_no_largest_size():
    one = layout(3, limits=LayoutLimits(margin="1 V"))
    found = scaling(one, known_of(one), Unused(), 4)
    assert found.largest is None
    assert found.binding == ("margin",)
    assert not found.bounded


def test_limits_that_all_sizes_hold_end_where_the_search_may_go():
    one = layout(2, limits=LayoutLimits(ir_drop=0.9))
    found = scaling(one, known_of(one), Unused(), 4)
    assert found.bounded
    assert found.binding == ()
    assert found.largest.rows == found.sizes[-1].rows == 4
    assert "ir_drop" in found.quantities


def test_a_search_over_sizes_goes_as_far_as_its_longer_side_may():
    one = layout(2, 3, limits=LayoutLimits(ir_drop=0.9))
    found = scaling(one, known_of(one), Unused(), 6)
    assert (found.largest.rows, found.largest.columns) == (4, 6)


def test_a_boundary_that_is_given_does_not_end_the_search_over_sizes():
    # Sizes that are too small for the boundary have nothing to tell apart.
    one = layout(4, sense=Sensing(boundary=2), limits=LayoutLimits(ir_drop=0.06))
    found = scaling(one, known_of(one), Unused(), 5)
    assert min(s.rows for s in found.sizes) >= 3
    assert found.largest is not None


def test_sizes_below_are_tried_also_where_all_rows_are_named_as_driven():
    limits = LayoutLimits(ir_drop=0.06)
    by_number, all_of_them = (
        layout(4, read=Reading(rows=rows), limits=limits) for rows in (4, None)
    )
    one, other = (scaling(x, known_of(x), Unused(), 4) for x in (by_number, all_of_them))
    assert one.largest == other.largest
    assert one.largest is not None


def test_progress_is_told_of_every_size():
    one, told = layout(2, limits=LayoutLimits(ir_drop=0.9)), []
    found = scaling(one, known_of(one), Unused(), 3, progress=lambda *how: told.append(how))
    assert len(told) == len(found.sizes)


# What should be changed first


@pytest.fixture(scope="module")
def slopes():
    limits = LayoutLimits(ir_drop=0.1, margin="2 mV", settling="1 ns", line_failure=1e-9)
    one = layout(
        4,
        limits=limits,
        sense=Sensing(offset=5e-4),
        die=Die(sigma_ln_rp=0.01),
        timing=Timing(rise=1e-12, step=1e-12),
        periphery=TransimpedanceAmplifier(gain=1e3, input_resistance=50),
        cell=PassiveCell(mtj=Mtj(v_half=0.5)),
    )
    found = sensitivities(one, known_of(one), Unused())
    return one, {s.parameter: s for s in found}


def test_a_margin_is_proportional_to_the_gain(slopes):
    _, found = slopes
    gain = found["periphery.gain"]
    assert gain.slopes["margin"] == near(1, rel=1e-5)
    assert gain.slopes["margin_sigmas"] == near(1, rel=1e-5)
    assert gain.slopes["ir_drop"] == near(0, least=1e-6)
    assert gain.value == "1 kΩ"


def test_a_margin_in_sigmas_goes_as_one_over_the_offset(slopes):
    _, found = slopes
    # From ±10 %: ln(1.1/0.9) over itself.
    assert found["sense.offset"].slopes["margin_sigmas"] == near(-1, rel=1e-6)
    assert found["sense.offset"].slopes["margin"] == near(0, least=1e-9)
    assert found["sense.offset"].slopes["line_failure"] > 1


def test_settling_is_proportional_to_capacitance(slopes):
    _, found = slopes
    both = (
        found["crossbar.row.capacitance"].slopes["settling"]
        + found["crossbar.column.capacitance"].slopes["settling"]
    )
    assert both == near(1, rel=0.01)
    assert found["crossbar.row.capacitance"].slopes["margin"] == near(0, least=1e-9)


@pytest.mark.parametrize("key", [
    "crossbar.row.resistance", "crossbar.cell.mtj.tmr0", "crossbar.cell.mtj.ra",
    "read.voltage", "periphery.input_resistance",
])  # fmt: skip
def test_slopes_are_those_of_finite_differences(slopes, key):
    one, found = slopes
    for name in ("ir_drop", "margin"):
        low, high = (value_of(moved(one, key, f), name, thorough=False) for f in (0.99, 1.01))
        own = math.log(high / low) / math.log(1.01 / 0.99)
        # They are taken over ±10 % with the patterns of the layout itself.
        assert found[key].slopes[name] == pytest.approx(own, rel=0.05, abs=0.01), name


def test_slopes_have_the_signs_that_designers_expect(slopes):
    _, found = slopes
    signs = {
        "crossbar.row.resistance": {"ir_drop": 1, "margin": -1, "settling": 1},
        "crossbar.column.end": {"ir_drop": 1, "margin": -1},
        "crossbar.cell.mtj.tmr0": {"margin": 1},
        "crossbar.cell.mtj.ra": {"ir_drop": -1},
        "crossbar.cell.mtj.diameter": {"ir_drop": 1},
        "read.voltage": {"margin": 1, "nonlinearity": 1},
        "die.sigma_ln_rp": {"line_failure": 1},
        "crossbar.cell.mtj.v_half": {"nonlinearity": -1},
    }
    for key, of_quantities in signs.items():
        for name, sign in of_quantities.items():
            assert np.sign(found[key].slopes[name]) == sign, (key, name)
            assert abs(found[key].slopes[name]) > 1e-3, (key, name)


def test_headroom_that_a_tenth_gains_is_a_share_of_the_limit(slopes):
    one, found = slopes
    gain = found["periphery.gain"].gain
    assert gain.keys() == set(one.limits.given)
    assert gain["margin"] == near(0.1 * value_of(one, "margin") / 2e-3, rel=1e-4)
    assert gain["ir_drop"] == near(0, least=1e-6)
    # More resistance costs headroom.
    ohms = found["crossbar.row.resistance"]
    ends = [value_of(moved(one, ohms.parameter, f), "ir_drop") for f in (0.9, 1.1)]
    assert ohms.gain["ir_drop"] == near(-(ends[1] - ends[0]) / 2 / 0.1, rel=0.02)


def test_headroom_of_a_probability_is_gained_in_decades(slopes):
    _, found = slopes
    offset = found["sense.offset"]
    # ln(p) changes by its slope times what a tenth more and a tenth less differ by in logarithm.
    decades = offset.slopes["line_failure"] * math.log(1.1 / 0.9) / math.log(1e-9)
    assert decades < 0
    assert offset.gain["line_failure"] == near(decades / 2, rel=1e-6)


def test_parameters_that_a_layout_lacks_or_that_change_nothing_are_left_out(slopes):
    _, found = slopes
    assert found.keys() <= set(scale.PARAMETERS)
    assert "crossbar.row.via" not in found  # zero
    assert "crossbar.cell.gate_volts" not in found
    assert "timing.hold" not in found  # nothing is written: no disturb to depend on it
    assert [key for key in scale.PARAMETERS if key in found] == list(found)


def test_a_parameter_that_must_not_go_one_way_goes_the_other(monkeypatch):
    monkeypatch.setattr(scale, "PARAMETERS", ("timing.hold", "read.voltage"))
    # A pulse that ends where it must: `hold` may not grow by a tenth.
    timing = Timing(period=9e-9, hold=8.5e-9, sense_at=6e-9)
    one = layout(2, timing=timing, writing=Writing())
    with pytest.raises(ValueError, match="hold"):
        moved(one, "timing.hold", 1.1)

    found = {s.parameter: s for s in sensitivities(one, known_of(one), Writes())}
    # Far below the critical current the probability is proportional to the time.
    assert found["timing.hold"].slopes["read_disturb"] == near(1, rel=0.01)


def test_a_parameter_without_any_way_to_go_is_left_out(monkeypatch):
    def refuse(spec, key, factor):
        if key == "read.voltage":
            raise InputError(source="x", allowed="nowhere")
        return moved(spec, key, factor)

    monkeypatch.setattr(scale, "moved", refuse)
    monkeypatch.setattr(scale, "PARAMETERS", ("periphery.gain", "read.voltage"))
    one = layout(2)
    found = {s.parameter for s in sensitivities(one, known_of(one), Unused())}
    assert "read.voltage" not in found
    assert "periphery.gain" in found


# Writes


def test_each_different_write_is_simulated_once():
    one = layout(3, writing=Writing())
    same = one.replace(sense=Sensing(offset=1e-3))
    other = one.replace(writing=Writing(to_p=0.8))
    none = layout(3)
    asked = []

    class Counted:
        def run(self, experiments, progress=None):
            asked.extend(experiments)
            return [f"result {e.key()}" for e in experiments]

    found = written(Counted(), [one, same, other, none])
    assert found[3] is None
    assert len(asked) == len({e.key() for e in asked})
    # Four writes of the first, the same of the second, two new ones of the third.
    assert len(asked) == 6
    for plan, results in found[:3]:
        assert results == [f"result {write.experiment.key()}" for write in plan]


def test_fast_values_are_those_of_the_analyses():
    one = layout(4, sense=Sensing(offset=1e-3))
    known = known_of(one)
    values = fast_values(one, FITTED, known.hardest, 0.0, None)
    findings = read_findings(one, nominal_condition(one), FITTED, known.hardest.reads)
    for finding in findings:
        assert values[finding.quantity] == near(finding.value)
    assert values["margin"] == near(value_of(one, "margin"), rel=1e-5)
    assert values.keys() <= QUANTITIES.keys()
    assert not {"read_disturb", "write_error", "array_yield", "energy"} & values.keys()


@pytest.mark.parametrize("bad_lines", [0, 1])
def test_the_yield_to_first_order_is_that_of_cells_that_are_read_alone(bad_lines):
    # Without wires: a cell is one resistor, log-normal, read in either state. With 3 x 2 cells.
    sigma, mtj = 0.2, Mtj(tmr0=1.5, v_half=math.inf)
    one = layout(
        3, 2, row=Line(), column=Line(), cell=PassiveCell(mtj=mtj),
        read=Reading(voltage=0.1, rows=1), die=Die(sigma_ln_rp=sigma),
        periphery=TransimpedanceAmplifier(gain=1e3),
        defects=DefectLimits(bad_lines=bad_lines), limits=LayoutLimits(array_yield=0.9),
    )  # fmt: skip
    threshold = 1e3 * 0.1 * (1 / mtj.r_p + 1 / mtj.r_ap) / 2
    ends = (math.log(1e2 / mtj.r_p / threshold), math.log(threshold * mtj.r_ap / 1e2))
    right = np.prod([1 - stats.norm.sf(end / sigma) for end in ends])
    expected = stats.binom.cdf(bad_lines, 2, 1 - right**3)
    found = first_order_yield(one, FITTED, threshold)
    assert found == near(expected, rel=1e-5)
    values = fast_values(one, FITTED, known_of(one).hardest, 0.0, None, closely=True)
    assert values["array_yield"] == near(expected, rel=1e-4)


def test_a_failure_behind_a_plateau_is_not_taken_for_none():
    """An amplifier that clips just above the nominal high read: its margin has no slope there."""
    sigma, mtj = 0.08, Mtj(tmr0=1.0, v_half=math.inf)
    high, low = 1e2 / mtj.r_p, 1e2 / mtj.r_ap
    one = layout(
        3, 2, row=Line(), column=Line(), cell=PassiveCell(mtj=mtj),
        read=Reading(voltage=0.1, rows=1), die=Die(sigma_ln_rp=sigma),
        periphery=TransimpedanceAmplifier(gain=1e3, clip_low=-0.999 * high),
        limits=LayoutLimits(array_yield=0.99),
    )  # fmt: skip
    threshold = (0.999 * high + low) / 2
    side = stats.norm.sf(math.log(high / threshold) / sigma)
    other = stats.norm.sf(math.log(threshold / low) / sigma)
    values = fast_values(one, FITTED, known_of(one).hardest, 0.0, None, closely=True)
    worst = max(side, other)
    assert worst * 0.9 < values["line_failure"] < worst * 2
    lost = 1 - (1 - side) ** 6 * (1 - other) ** 6
    assert lost * 0.9 < 1 - values["array_yield"] < lost * 2
