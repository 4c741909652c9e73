import math

import pytest

from mtjspice.units import SUFFIXES, format_quantity, parse_quantity, si


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("5", "Ohm", 5.0),
        ("-0.1", "V", -0.1),
        ("+.5", "V", 0.5),
        ("2e3", "Ohm", 2000.0),
        ("5t", "Ohm", 5e12),
        ("5G", "Ohm", 5e9),
        ("5meg", "Ohm", 5e6),
        ("5MEG", "Ohm", 5e6),
        ("5k", "Ohm", 5e3),
        ("5K", "Ohm", 5e3),
        ("5m", "Ohm", 5e-3),
        ("5u", "m", 5e-6),
        ("5µ", "m", 5e-6),
        ("50n", "m", 50e-9),
        ("5p", "s", 5e-12),
        ("5f", "A", 5e-15),
        ("100m", "1", 0.1),
    ],
)
def test_a_number_may_have_a_spice_suffix(text, unit, value):
    assert parse_quantity(text, unit) == value


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("5 Ohm", "Ohm", 5.0),
        ("5kOhm", "Ohm", 5e3),
        ("5 kohms", "Ohm", 5e3),
        ("5MegOhm", "Ohm", 5e6),
        ("5Ω", "Ohm", 5.0),
        ("5 kΩ", "Ohm", 5e3),
        ("100mV", "V", 0.1),
        ("0.5 volts", "V", 0.5),
        ("3 µA", "A", 3e-6),
        ("50nm", "m", 50e-9),
        ("5mm", "m", 5e-3),
        ("20 ns", "s", 20e-9),
        ("10 Ohm.um2", "Ohm.m2", 1e-11),
        ("10 Ω.µm2", "Ohm.m2", 1e-11),
        ("10 Ω.m2", "Ohm.m2", 10.0),
        ("7 Ohm.nm2", "Ohm.m2", 7e-18),
        ("0.2 V^-2", "V^-2", 0.2),
        ("2f", "F", 2e-15),
        ("2fF", "F", 2e-15),
        ("0.1 Ohm/sq", "Ohm/sq", 0.1),
        ("80 mΩ/sq", "Ohm/sq", 0.08),
        ("2.5e-8 Ohm.m", "Ohm.m", 2.5e-8),
        ("200 pF/m", "F/m", 2e-10),
        ("0.2 1/V2", "V^-2", 0.2),
        ("  5 k  ", "Ohm", 5e3),
        ("5k Ohm", "Ohm", 5e3),
        ("5 k Ω", "Ohm", 5e3),
        ("1_000 Ohm", "Ohm", 1e3),
        ("150%", "1", 1.5),
        ("0.1 %", "1", 0.001),
        ("10 Ω·µm²", "Ohm.m2", 1e-11),
        ("10 Ω·um^2", "Ohm.m2", 1e-11),
        ("10 ohm*um2", "Ohm.m2", 1e-11),
        ("10 Ohm um2", "Ohm.m2", 1e-11),
        ("1.2 kΩ µm²", "Ohm.m2", 1.2e-9),
        ("1e-7 Ohm.cm2", "Ohm.m2", 1e-11),
        ("2.5 µΩ·cm", "Ohm.m", 2.5e-8),
        ("0.2 fF/µm", "F/m", 2e-10),
        ("3 V⁻²", "V^-2", 3.0),
        ("13 Å", "m", 13e-10),
        ("0.5 cm", "m", 5e-3),
        ("50\N{NO-BREAK SPACE}nm", "m", 50e-9),
        ("50\N{NARROW NO-BREAK SPACE}nm", "m", 50e-9),
        ("\N{MINUS SIGN}0.1 V", "V", -0.1),
        ("25 °C", "degC", 25.0),
        ("25C", "degC", 25.0),
        ("-40", "degC", -40.0),
        ("300 K", "degC", 26.85),
    ],
)
def test_a_number_may_have_its_unit(text, unit, value):
    assert parse_quantity(text, unit) == value


@pytest.mark.parametrize("letter", ["\N{OHM SIGN}", "\N{GREEK CAPITAL LETTER OMEGA}"])
def test_both_letters_for_ohm_are_read(letter):
    assert parse_quantity(f"5k{letter}", "Ohm") == 5e3


@pytest.mark.parametrize("letter", ["\N{MICRO SIGN}", "\N{GREEK SMALL LETTER MU}"])
def test_both_letters_for_micro_are_read(letter):
    assert parse_quantity(f"5{letter}m", "m") == 5e-6


@pytest.mark.parametrize("suffix", [s for s in SUFFIXES if s])
@pytest.mark.parametrize("number", ["50", "0.1", "1.7", "333", "1e-3"])
def test_a_suffix_gives_the_float_of_the_decimal_literal(number, suffix):
    exponent = round(math.log10(SUFFIXES[suffix]))
    mantissa, _, own = number.partition("e")
    assert parse_quantity(number + suffix, "Ohm") == float(f"{mantissa}e{int(own or 0) + exponent}")


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("5M", "Ohm"),
        ("5MOhm", "Ohm"),
        ("5M", "1"),
        ("5M", "m"),
        ("5Mm", "m"),
        ("1 Ohm.Mm2", "Ohm.m2"),
        ("5 MΩ", "Ohm"),
    ],
)
def test_a_bare_capital_m_is_refused_as_ambiguous(text, unit):
    with pytest.raises(ValueError, match=r"ambiguous.*meg"):
        parse_quantity(text, unit)


def test_a_length_of_5m_is_refused_as_ambiguous():
    with pytest.raises(ValueError, match=r"milli or metre.*mm"):
        parse_quantity("5m", "m")


@pytest.mark.parametrize(
    ("text", "unit", "allowed"),
    [
        ("5V", "Ohm", "the unit Ohm"),
        ("5 Ohm", "V", "the unit V"),
        ("5nm", "1", "no unit"),
        ("10 Ohm.um2", "Ohm", "the unit Ohm"),
        ("5 Ohm", "Ohm.m2", "the unit Ohm.m2"),
        ("5a", "Ohm", "the unit Ohm"),
        ("5aF", "F", "the unit F"),
        ("5 Ohm", "Ohm.m", "the unit Ohm.m"),
        ("5 pF", "F/m", "the unit F/m"),
        ("5%", "Ohm", "the unit Ohm"),
        ("5k%", "1", "no unit but %"),
        ("5kcm", "m", "the unit m"),
        ("25 F", "degC", "°C, K or no unit"),
        ("27m", "degC", "°C, K or no unit"),
        ("1 000", "Ohm", "the unit Ohm"),
        ("5kk", "Ohm", "SPICE suffix"),
        ("5mil", "m", "SPICE suffix"),
    ],
)
def test_another_unit_is_refused_with_what_is_allowed(text, unit, allowed):
    with pytest.raises(ValueError, match="does not fit") as caught:
        parse_quantity(text, unit)
    assert repr(text) in str(caught.value)
    assert allowed in str(caught.value)


@pytest.mark.parametrize(
    "text",
    ["", "k", "Ohm", "five", "nan", "inf", "0x10 Ohm 3", "1,5k", "--5", "true", "５", "٥", "1__0",
     "_1", "1²", "1e", "½"],
)  # fmt: skip
def test_what_is_no_number_is_refused(text):
    with pytest.raises(ValueError, match=r"is not a number|does not fit"):
        parse_quantity(text, "Ohm")


@pytest.mark.parametrize("unit", ["F", "Ohm", "V"])
def test_a_bare_capital_f_is_refused_as_ambiguous(unit):
    with pytest.raises(ValueError, match="femto in SPICE, else farad"):
        parse_quantity("5F", unit)


def test_a_decimal_comma_is_refused_with_the_point():
    with pytest.raises(ValueError, match=r"decimal point is '\.'"):
        parse_quantity("1,5k", "Ohm")


@pytest.mark.parametrize(
    "text", ["1e999", "-1e400", "1e-400", "1e" + "9" * 100, "1e-" + "9" * 100, "1e999 K"]
)
@pytest.mark.parametrize("unit", ["Ohm", "degC"])
def test_a_number_beyond_floats_is_refused(text, unit):
    with pytest.raises(ValueError, match=r"beyond the numbers|does not fit"):
        parse_quantity(text, unit)


def test_a_number_of_thousands_of_digits_is_refused_in_one_line():
    with pytest.raises(ValueError, match=r"too long for a number \(4301 characters\)") as caught:
        parse_quantity("1" * 4301, "V")
    assert len(str(caught.value)) < 120


@pytest.mark.parametrize(
    ("value", "text"), [(5e3, "5000.0"), (1e-11, "1e-11"), (-0.1, "-0.1"), (1 / 3, repr(1 / 3))]
)
def test_a_quantity_is_written_with_the_fewest_digits(value, text):
    assert format_quantity(value) == text


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_what_is_not_finite_cannot_be_written(value):
    with pytest.raises(ValueError, match="cannot be written into a netlist"):
        format_quantity(value)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (5.1e3, "Ω", "5.1 kΩ"),
        (0, "V", "0 V"),
        (-0.05, "V", "-50 mV"),
        (999.96, "Ω", "1 kΩ"),
        (1e-6, "m", "1 µm"),
        (123456, "Ω", "123 kΩ"),
        (2.5e-16, "A", "250 aA"),
        (3e13, "Ω", "30 TΩ"),
        (math.inf, "V", "inf V"),
    ],
)
def test_people_read_values_with_a_prefix(value, unit, text):
    assert si(value, unit) == text


def test_people_may_ask_for_more_digits():
    assert si(5092.958, "Ω", digits=5) == "5.093 kΩ"
