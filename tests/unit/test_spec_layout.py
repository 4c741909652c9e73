"""What a layout and its limits may be, and what is said of what they may not be."""

import math

import pytest
from scipy import stats

from mtjspice.errors import InputError
from mtjspice.layout.quantities import QUANTITIES, SWITCHING
from mtjspice.spec import (
    Crossbar,
    Defect,
    Die,
    FreeLayer,
    GatedCell,
    Line,
    SenseAmplifier,
    TransientRead,
    TransimpedanceAmplifier,
    VirtualGround,
    WireGeometry,
    Writing,
    format_spec,
    parse_spec,
)
from mtjspice.spec.layout import (
    Corners,
    DefectLimits,
    Layout,
    Life,
    MonteCarlo,
    Reading,
    Sensing,
    Supply,
    Timing,
    samples_for,
)
from mtjspice.spec.layout_limits import CHANCES, LayoutLimits

LIMITS = {
    "ir_drop": 0.05,
    "current_error": 0.04,
    "tuned_error": 0.01,
    "nonlinearity": 0.003,
    "sneak": 0.4,
    "margin": "5 mV",
    "margin_sigmas": 5.5,
    "array_yield": 0.99,
    "line_failure": 1e-7,
    "settling": "3.3 ns",
    "decision_time": "0.4ns",
    "read_period": "9e-9 s",
    "energy": "2 pJ",
    "operations_per_joule": "2e13 op/J",
    "read_disturb": 1e-12,
    "read_disturb_mean": 1e-12,
    "life_disturb": 0.1,
    "life_disturb_mean": 0.1,
    "write_voltage": "0.5 V",
    "write_error": 1e-4,
    "write_error_mean": 1e-4,
    "half_select": 1e-6,
    "half_select_mean": 1e-6,
}
IN_SI = LIMITS | {
    "margin": 5e-3,
    "settling": 3.3e-9,
    "decision_time": 0.4e-9,
    "read_period": 9e-9,
    "energy": 2e-12,
    "operations_per_joule": 2e13,
    "write_voltage": 0.5,
}
BARE = 'name = "small"\n[crossbar]\nrows = 4\ncolumns = 3\n'
"""The shortest layout."""


def layout(rows: int = 4, columns: int = 3, *, cell=None, **parts) -> Layout:
    crossbar = Crossbar(rows=rows, columns=columns, **({"cell": cell} if cell else {}))
    return Layout(name="small", crossbar=crossbar, **parts)


WITH_ALL = {
    "periphery": SenseAmplifier(),
    "sense": Sensing(offset="0.5 mV"),
    "writing": Writing(),
}
"""What makes every quantity exist, in a passive array."""


def refused(text: str) -> InputError:
    with pytest.raises(InputError) as caught:
        parse_spec(text, Layout, source="layout.toml")
    assert str(caught.value).startswith("layout.toml: ")
    return caught.value


# There and back


def test_a_layout_with_every_limit_reads_back_as_it_was_written():
    one = layout(limits=LayoutLimits(**LIMITS), **WITH_ALL)
    assert one.limits.given == IN_SI
    text = format_spec(one)
    again = parse_spec(text, Layout)
    assert again == one
    assert again.limits.given == IN_SI
    assert again.key() == one.key()
    assert format_spec(again) == text
    assert 'settling = "3.3e-09 s"' in text


def test_a_layout_with_everything_else_reads_back_as_it_was_written():
    one = Layout(
        name="all",
        seed=5,
        crossbar=Crossbar(
            rows=8, columns=6, unselected="half",
            row=Line(geometry=WireGeometry(pitch=1e-6, width=2e-7, sheet_resistance=0.1)),
            column=Line(resistance=3, ends="both"),
        ),
        die=Die(sigma_ln_rp=0.05),
        periphery=TransimpedanceAmplifier(reference=0.5),
        read=Reading(voltage="150mV", rows=2),
        sense=Sensing(offset="1mV", threshold="tracking", step=1, boundary=0),
        timing=Timing(settle_within="0.5 mV", hold="7n"),
        supply=Supply(volts=1.8, amplifier="5uA"),
        writing=Writing(),
        life=Life(reads=1e9, writes=1e3),
        corners=Corners(process=["ff"], supply=[0.95], temperature=[85]),
        defects=DefectLimits(rates={"short": 1e-3}, bad_lines=2),
        monte_carlo=MonteCarlo(samples=100, audit=0.1, confidence=0.9, tail=50),
        largest=64,
    )  # fmt: skip
    assert parse_spec(format_spec(one), Layout) == one
    assert (one.read.voltage, one.sense.offset, one.supply.amplifier) == (0.15, 1e-3, 5e-6)


def test_a_layout_without_limits_has_none():
    one = parse_spec(BARE, Layout)
    assert one.limits.given == {}
    assert one == layout()
    assert parse_spec(format_spec(one), Layout) == one


@pytest.mark.parametrize("name", LIMITS)
def test_each_limit_alone_reads_back_as_it_was_written(name):
    one = layout(limits=LayoutLimits(**{name: LIMITS[name]}), **WITH_ALL)
    assert one.limits.given == {name: IN_SI[name]}
    assert parse_spec(format_spec(one), Layout) == one


def test_there_is_a_limit_for_every_quantity():
    assert list(LayoutLimits.model_fields) == list(QUANTITIES)


def test_a_limit_can_be_changed_beside_one_with_a_unit():
    limits = LayoutLimits(margin="5 mV", ir_drop=0.1).replace(ir_drop=0.2)
    assert limits.given == {"margin": 5e-3, "ir_drop": 0.2}


def test_the_timing_of_a_read_is_that_of_its_transient():
    read = Timing(hold="7ns", settle_to=0.02).analysis
    assert type(read) is TransientRead
    assert read == TransientRead(hold="7ns", settle_to=0.02)


# Units of limits


UNITS = {
    "margin": "V",
    "settling": "s",
    "decision_time": "s",
    "read_period": "s",
    "energy": "J",
    "operations_per_joule": "op/J",
    "write_voltage": "V",
}


@pytest.mark.parametrize("name", UNITS)
@pytest.mark.parametrize("value", ["5e-3", "1", '"5m"', '"5e-3"', "true"])
def test_a_limit_without_its_unit_is_refused_with_how_to_write_it(name, value):
    error = refused(f"{BARE}[limits]\n{name} = {value}\n")
    assert error.key == f"limits.{name}"
    assert f"needs its unit, {UNITS[name]}" in error.allowed
    example = error.allowed.split("'")[1]
    # What the message shows is right for the key.
    assert LayoutLimits(**{name: example}).given[name] > 0


@pytest.mark.parametrize(
    ("name", "value"),
    [("settling", "5 mV"), ("margin", "5 ns"), ("energy", "3 V"), ("settling", "5 ohms")],
)
def test_a_limit_in_another_unit_is_refused(name, value):
    error = refused(f'{BARE}[limits]\n{name} = "{value}"\n')
    assert error.key == f"limits.{name}"
    assert value in str(error)
    assert f"unit {UNITS[name]}" in error.allowed or f"unit, {UNITS[name]}" in error.allowed


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("settling", '"-5 ns"'),
        ("margin", '"0 V"'),
        ("ir_drop", "1.5"),
        ("ir_drop", "-0.1"),
        ("margin_sigmas", "0"),
        ("array_yield", "99"),
        ("energy", '"five J"'),
    ],
)
def test_a_limit_out_of_its_range_is_refused_by_key_and_value(name, value):
    error = refused(f"{BARE}[limits]\n{name} = {value}\n")
    assert error.key == f"limits.{name}"
    assert str(error.value) in value


def test_an_unknown_limit_is_refused_with_those_that_there_are():
    error = refused(f"{BARE}[limits]\nspeed = 1\n")
    assert error.key == "limits.speed"
    for name in LIMITS:
        assert name in error.allowed


def test_diameters_differ_by_no_more_than_the_resistances():
    layer = FreeLayer(sigma_ln_diameter=0.03)
    parts = without("writing", "die") | {"writing": Writing(free_layer=layer)}
    with pytest.raises(ValueError, match="must be at most half of") as caught:
        layout(die=Die(sigma_ln_rp=0.059), **parts)
    assert "writing.free_layer.sigma_ln_diameter (0.03)" in str(caught.value)
    assert "die.sigma_ln_rp (0.059)" in str(caught.value)
    assert layout(die=Die(sigma_ln_rp=0.06), **parts).die.sigma_ln_rp == 0.06


# Limits on what a design does not have


def lacks(name: str, **parts) -> str:
    """What is said of a limit on a layout."""
    with pytest.raises(ValueError, match="must be left out") as caught:
        layout(limits=LayoutLimits(**{name: LIMITS[name]}), **parts)
    assert f"limits.{name} must be left out" in str(caught.value)
    return str(caught.value)


def without(*names: str) -> dict:
    return {key: value for key, value in WITH_ALL.items() if key not in names}


@pytest.mark.parametrize("name", ["margin", "margin_sigmas", "array_yield", "line_failure"])
def test_a_virtual_ground_has_no_margins(name):
    said = lacks(name, **without("periphery"), periphery=VirtualGround())
    assert "virtual ground, which has no output voltage" in said


def test_without_offset_there_is_no_margin_in_sigmas():
    assert "sense.offset is 0" in lacks("margin_sigmas", **without("sense"))
    assert layout(limits=LayoutLimits(margin="5 mV"), **without("sense")).limits.margin == 5e-3


@pytest.mark.parametrize("periphery", [TransimpedanceAmplifier(), VirtualGround()])
def test_without_a_latch_there_is_no_decision_time(periphery):
    said = lacks("decision_time", **without("periphery"), periphery=periphery)
    assert "the periphery has no latch" in said


@pytest.mark.parametrize(
    "name", ["write_voltage", *SWITCHING, *(f"{name}_mean" for name in SWITCHING)]
)
def test_without_writing_nothing_is_said_of_writes_and_disturbs(name):
    assert "there is no table writing" in lacks(name, **without("writing"))


@pytest.mark.parametrize("name", ["sneak", "half_select", "half_select_mean"])
@pytest.mark.parametrize("kind", ["gated", "transmission_gate"])
def test_gated_arrays_have_no_sneak_currents_and_no_half_selected_cells(name, kind):
    assert "only passive arrays have it" in lacks(name, cell={"kind": kind}, **WITH_ALL)


def test_all_other_limits_are_taken_by_every_design():
    lacking = {
        "margin", "margin_sigmas", "array_yield", "line_failure", "decision_time", "write_voltage",
        "sneak", *SWITCHING, *(f"{name}_mean" for name in SWITCHING),
    }  # fmt: skip
    others = {name: value for name, value in LIMITS.items() if name not in lacking}
    one = layout(cell=GatedCell(), limits=LayoutLimits(**others))
    assert one.limits.given.keys() == others.keys()


# Reading and sensing


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[read]\nrows = 5", ("read.rows (5)", "at most crossbar.rows (4)")),
        ("[sense]\nstep = 5", ("sense.step (5)", "driven at a time (4)")),
        ("[read]\nrows = 2\n[sense]\nstep = 3", ("sense.step (3)", "driven at a time (2)")),
        ("[sense]\nboundary = 4", ("sense.boundary (4)", "sense.step (1)", "at a time (4)")),
        ("[read]\nrows = 1\n[sense]\nboundary = 1", ("sense.boundary (1)", "at a time (1)")),
        ("[supply]\nvolts = 0.05", ("supply.volts (0.05 V)", "0.1 V", "read.voltage")),
        (
            '[periphery]\nkind = "sense_amplifier"\nreference = 0.1',
            ("periphery.reference (0.1 V)", "must be 0"),
        ),
        (
            '[[die.defects]]\nkind = "short"\nrow = 0\ncolumn = 0',
            ("die.defects must be left out", "defects.rates"),
        ),
    ],
)
def test_what_cannot_be_read_is_refused_with_what_is_allowed(text, words):
    error = refused(BARE + text + "\n")
    for word in words:
        assert word in str(error)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("read.rows", 0),
        ("read.voltage", 0),
        ("sense.step", 0),
        ("sense.boundary", -1),
        ("sense.offset", -1e-3),
        ("largest", 1),
        ("largest", 1000),
        ("monte_carlo.samples", 0),
        ("life.reads", 0),
        ("timing.settle_within", 0),
    ],
)
def test_a_number_that_makes_no_sense_is_refused_by_key_and_value(key, value):
    *table, name = key.split(".")
    text = f"[{table[0]}]\n{name} = {value}\n" if table else ""
    error = refused((BARE if table else f"{name} = {value}\n{BARE}") + text)
    assert (error.key, error.value) == (key, value)


@pytest.mark.parametrize(
    ("rows", "read", "sense", "boundary"),
    [
        (4, None, {}, 1),
        (5, None, {}, 2),
        (4, 1, {}, 0),
        (8, None, {"step": 4}, 2),
        (8, None, {"step": 8}, 0),
        (8, 3, {"step": 2}, 0),
        (8, None, {"boundary": 0}, 0),
        (8, None, {"boundary": 7}, 7),
    ],
)
def test_the_boundary_is_in_the_middle_unless_it_is_given(rows, read, sense, boundary):
    one = layout(rows, read=Reading(rows=read), sense=Sensing(**sense))
    assert one.boundary == boundary
    assert one.boundary + one.sense.step <= one.rows_read == (read or rows)


@pytest.mark.parametrize(("factor", "holds"), [(1.0, True), (0.9, True), (0.8, False)])
def test_the_supply_must_reach_the_driven_rows_under_every_condition(factor, holds):
    def made():
        return layout(
            periphery=TransimpedanceAmplifier(reference=1.0),
            supply=Supply(volts=1.25),
            corners=Corners(supply=(factor,)),
        )

    if holds:
        assert made().supply.volts * factor >= 1.1
        return
    with pytest.raises(ValueError, match=r"supply\.volts"):
        made()


def test_a_defect_can_not_be_placed_in_a_layout():
    with pytest.raises(ValueError, match=r"die\.defects must be left out"):
        layout(die=Die(defects=(Defect(kind="short", row=0, column=0),)))


# Samples


@pytest.mark.parametrize("share", [0.01, 0.3, 0.5, 0.9, 0.99, 0.999, 0.99999])
@pytest.mark.parametrize("confidence", [0.6, 0.9, 0.95, 0.999])
def test_so_many_samples_show_a_share_and_one_fewer_does_not(share, confidence):
    count = samples_for(share, confidence)

    def lower(samples: int) -> float:
        return stats.binomtest(samples, samples).proportion_ci(confidence, method="exact").low

    assert count >= 1
    assert lower(count) >= share * (1 - 1e-12)
    if count > 1:
        assert lower(count - 1) < share


@pytest.mark.parametrize(
    ("asked", "confidence", "needed"), [(0.99, 0.95, 368), (0.9, 0.95, 36), (0.99, 0.9, 299)]
)
def test_too_few_samples_for_a_yield_are_refused_with_how_many_are_needed(
    asked, confidence, needed
):
    assert math.ceil(math.log((1 - confidence) / 2) / math.log(asked)) == needed
    text = (
        f'{BARE}[periphery]\nkind = "transimpedance"\n[limits]\narray_yield = {asked}\n'
        f"[monte_carlo]\nconfidence = {confidence}\nsamples = "
    )
    said = str(refused(f"{text}{needed - 1}\n"))
    for word in (f"monte_carlo.samples ({needed - 1})", f"({asked})", f"{needed} are needed"):
        assert word in said
    assert parse_spec(f"{text}{needed}\n", Layout).monte_carlo.samples == needed


def test_a_yield_of_one_can_not_be_shown():
    text = f'{BARE}[periphery]\nkind = "transimpedance"\n[limits]\narray_yield = 1.0\n'
    assert "must be below 1" in str(refused(text))


@pytest.mark.parametrize("confidence", [0.5, 1.0, 95])
def test_a_confidence_is_above_one_half_and_below_one(confidence):
    error = refused(f"{BARE}[monte_carlo]\nconfidence = {confidence}\n")
    assert error.key == "monte_carlo.confidence"


def test_a_tail_of_one_sample_is_refused():
    # It has no standard error.
    assert refused(f"{BARE}[monte_carlo]\ntail = 1\n").key == "monte_carlo.tail"
    assert MonteCarlo(tail=2).tail == 2


@pytest.mark.parametrize("key", ["process", "supply", "temperature"])
def test_corners_must_name_something(key):
    assert refused(f"{BARE}[corners]\n{key} = []\n").key == f"corners.{key}"


@pytest.mark.parametrize(("name", "value"), [("array_yield", 0), *((n, 1) for n in CHANCES)])
def test_a_limit_that_nothing_can_break_is_refused(name, value):
    error = refused(f"{BARE}[limits]\n{name} = {value}\n")
    assert f"{name} = {value} holds" in str(error)
    assert "leave it out" in str(error)


@pytest.mark.parametrize("threshold", ["tracking", "reference"])
def test_a_threshold_needs_an_output_voltage(threshold):
    error = refused(f'{BARE}[sense]\nthreshold = "{threshold}"\n')
    assert f'sense.threshold ("{threshold}") must be left out' in str(error)
    with_voltage = f'{BARE}[periphery]\nkind = "transimpedance"\n[sense]\n'
    assert parse_spec(f'{with_voltage}threshold = "{threshold}"\n', Layout)
