"""Lines, defects, times and converters: values, and what contradicts itself."""

import pydantic
import pytest
from unit.builders import experiment

from mtjspice.spec import (
    Converter,
    Crossbar,
    Defect,
    Die,
    Line,
    Technology,
    TransientRead,
    TransimpedanceAmplifier,
    WireGeometry,
)

SHEET = {"pitch": "400nm", "width": "100nm", "sheet_resistance": "250 mOhm/sq"}
METAL = {"pitch": "400nm", "width": "100nm", "resistivity": "2.5e-8 Ohm.m", "thickness": "100nm"}
JUNCTION_KINDS = ["short", "open", "stuck_p", "stuck_ap", "weak"]


def test_a_line_without_anything_is_ideal():
    line = Line()
    assert (line.r, line.c, line.via, line.end, line.ends) == (0.0, 0.0, 0.0, 0.0, "one")


def test_quantities_of_a_line_may_have_suffixes_and_units():
    line = Line(resistance="5 Ohm", capacitance="1.5fF", via="3Ω", end="0.1k")
    assert (line.r, line.c, line.via, line.end) == (5.0, 1.5e-15, 3.0, 100.0)


@pytest.mark.parametrize("fields", [SHEET, METAL])
def test_the_wire_of_a_cell_has_pitch_by_width_squares(fields):
    geometry = WireGeometry(**fields, capacitance_per_length="200 pF/m")
    assert geometry.resistance == pytest.approx(4 * 0.25, rel=1e-14)
    assert geometry.capacitance == pytest.approx(8e-17, rel=1e-14)
    line = Line(geometry=geometry)
    assert (line.r, line.c) == (geometry.resistance, geometry.capacitance)


@pytest.mark.parametrize(
    "fields",
    [
        METAL | SHEET,
        {"pitch": 1e-6, "width": 1e-7},
        {"pitch": 1e-6, "width": 1e-7, "resistivity": 2e-8},
        {"pitch": 1e-6, "width": 1e-7, "thickness": 1e-7},
        SHEET | {"thickness": 1e-7},
    ],
)
def test_a_wire_has_a_sheet_resistance_or_a_metal(fields):
    with pytest.raises(pydantic.ValidationError, match="give sheet_resistance, or resistivity"):
        WireGeometry(**fields)


@pytest.mark.parametrize(("field", "value"), [("resistance", 0.1), ("capacitance", 1e-15)])
def test_a_line_has_a_geometry_or_values(field, value):
    with pytest.raises(pydantic.ValidationError, match="give geometry, or resistance"):
        Line(geometry=WireGeometry(**SHEET), **{field: value})


def test_a_line_of_a_geometry_may_have_vias_and_ends():
    assert Line(geometry=WireGeometry(**SHEET), via=3.0, end=50.0, ends="both").via == 3.0


@pytest.mark.parametrize("field", ["resistance", "capacitance", "via", "end"])
@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf"), "1V"])
def test_a_value_of_a_line_that_is_none_is_refused(field, value):
    with pytest.raises(pydantic.ValidationError, match=field):
        Line(**{field: value})


@pytest.mark.parametrize(
    ("kind", "place"),
    [
        *((kind, {"row": 0, "column": 1}) for kind in JUNCTION_KINDS),
        ("dead_row", {"row": 0}),
        ("dead_column", {"column": 1}),
        ("bridged_rows", {"row": 0, "column": 1}),
        ("bridged_columns", {"row": 0, "column": 1}),
    ],
)
def test_each_kind_of_defect_has_its_own_place_and_no_other(kind, place):
    assert Defect(kind=kind, **place).kind == kind
    for other in ({}, {"row": 0}, {"column": 1}, {"row": 0, "column": 1}):
        if other.keys() != place.keys():
            words = f"kind {kind} has a {' and '.join(place)}"
            with pytest.raises(pydantic.ValidationError, match=words):
                Defect(kind=kind, **other)


@pytest.mark.parametrize(
    "pair",
    [
        ({"kind": "dead_row", "row": 1}, {"kind": "dead_row", "row": 1}),
        ({"kind": "short", "row": 1, "column": 1}, {"kind": "stuck_p", "row": 1, "column": 1}),
        (
            {"kind": "bridged_rows", "row": 1, "column": 1},
            {"kind": "bridged_rows", "row": 1, "column": 1},
        ),
    ],
)
def test_two_defects_at_one_place_are_refused(pair):
    with pytest.raises(pydantic.ValidationError, match=r"two defects .* a place has at most one"):
        Die(defects=tuple(Defect(**one) for one in pair))


def test_a_line_and_a_junction_on_it_may_both_be_wrong():
    defects = (
        Defect(kind="dead_row", row=1),
        Defect(kind="dead_column", column=1),
        Defect(kind="short", row=1, column=1),
        Defect(kind="bridged_rows", row=1, column=1),
        Defect(kind="bridged_columns", row=1, column=1),
    )
    assert Die(defects=defects).defects == defects


@pytest.mark.parametrize(
    ("fields", "fits"),
    [
        ({"kind": "dead_row", "row": 1}, True),
        ({"kind": "dead_row", "row": 2}, False),
        ({"kind": "dead_column", "column": 2}, True),
        ({"kind": "dead_column", "column": 3}, False),
        ({"kind": "bridged_rows", "row": 0, "column": 2}, True),
        ({"kind": "bridged_rows", "row": 1, "column": 2}, False),
        ({"kind": "bridged_columns", "row": 1, "column": 1}, True),
        ({"kind": "bridged_columns", "row": 1, "column": 2}, False),
    ],
)
def test_a_bridge_needs_a_next_line(fields, fits):
    die = Die(defects=(Defect(**fields),))
    if fits:
        die.check_fit((2, 3))
    else:
        with pytest.raises(ValueError, match=f"die.defects has {fields['kind']} at row"):
            die.check_fit((2, 3))


@pytest.mark.parametrize(
    "fields",
    [
        {"step": "0.2ns"},
        {"rise": "4ns", "step": "1ns"},
        {"hold": "10ns"},
        {"hold": "11ns"},
        {"period": "7ns"},
        {"sense_at": "8ns"},
        {"sense_at": "0.1ns"},
        {"period": 0.0},
    ],
)
def test_times_out_of_order_are_refused(fields):
    with pytest.raises(pydantic.ValidationError, match=r"step|sense_at|period"):
        TransientRead(**fields)


def test_a_pulse_ends_within_its_period():
    # Otherwise the fall of one pulse lies behind the start of the next.
    with pytest.raises(pydantic.ValidationError, match="hold"):
        TransientRead(period="10ns", hold="9.95ns", rise="0.1ns")


def test_the_clock_has_fallen_before_it_rises():
    with pytest.raises(pydantic.ValidationError, match="sense_at"):
        TransientRead(hold="8ns", sense_at="7.99ns", rise="0.1ns")


def test_a_step_of_a_converter_is_full_scale_by_two_to_the_bits():
    assert Converter().lsb == 5.0 / 4096
    assert Converter(bits=3, low=-1.0, high=1.0).lsb == 0.25


@pytest.mark.parametrize(
    "fields", [{"bits": 0}, {"bits": 25}, {"bits": 8.0}, {"low": 5.0}, {"low": 6.0}]
)
def test_a_converter_that_cannot_be_is_refused(fields):
    with pytest.raises(pydantic.ValidationError, match=r"bits|must lie below"):
        Converter(**fields)


@pytest.mark.parametrize("celsius", [-55.1, 150.1, float("nan"), True, "hot"])
def test_a_temperature_that_cards_are_not_for_is_refused(celsius):
    with pytest.raises(pydantic.ValidationError, match="temperature"):
        Technology(temperature=celsius)


def test_zero_degrees_are_one_temperature():
    assert Technology(temperature=-0.0) == Technology(temperature=0.0)


def test_the_lines_of_an_array_are_told_apart():
    one, other = (Crossbar(rows=1, columns=1, **{name: Line(end=1.0)}) for name in ("row", "gate"))
    assert one != other
    assert one.key() != other.key()


def test_a_via_to_a_gate_is_refused():
    with pytest.raises(pydantic.ValidationError, match=r"gate\.via must be 0"):
        Crossbar(rows=1, columns=1, gate=Line(via=1.0))


def test_volts_that_count_as_settled_need_a_read_out_that_gives_some():
    timed = TransientRead(settle_within="1mV")
    with pytest.raises(pydantic.ValidationError, match="settle_within must be left out"):
        experiment(analysis=timed)
    amplified = experiment(analysis=timed, periphery=TransimpedanceAmplifier())
    assert amplified.analysis.settles
    assert experiment(analysis=TransientRead(settle_to="1%")).analysis.settle_to == 0.01
