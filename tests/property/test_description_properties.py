"""Laws of descriptions: what is written reads back; equal descriptions are equal netlists."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from property.circuits import SEEDS, crossbars, dies, experiments

from mtjspice.netlist import build_deck
from mtjspice.spec import (
    DcRead,
    Experiment,
    Limits,
    Readout,
    SenseAmplifier,
    SolutionsNetwork,
    Study,
    TrainedNetwork,
    TransientRead,
    TransimpedanceAmplifier,
    VirtualGround,
    WineData,
    WineNistData,
    format_spec,
    parse_spec,
)
from mtjspice.spec.base import NAME, Spec
from mtjspice.units import SUFFIXES, UNITS, format_quantity, parse_quantity

FINITE = st.floats(allow_nan=False, allow_infinity=False)
SHARES = st.none() | st.floats(0, 1)
WORKING = st.floats(-20, 20)
"""Voltages of integrated circuits."""
SPELLINGS = {"Ohm": ["", "Ohm", "ohms"], "V": ["", "V"], "s": ["", "s"], "1": [""]}

readouts = st.builds(
    Readout,
    read_voltage=st.floats(1e-3, 1.0),
    g_norm=st.lists(st.floats(0.1, 10), min_size=1, max_size=5, unique=True).map(
        lambda values: tuple(sorted(values))
    ),
)
networks = st.one_of(
    st.builds(
        TrainedNetwork,
        hidden=st.lists(st.integers(1, 99), max_size=3).map(tuple),
        epochs=st.integers(1, 10**6),
        learning_rate=st.floats(1e-8, 10),
    ),
    st.builds(
        SolutionsNetwork,
        only=st.none() | st.lists(st.integers(0, 99), min_size=1, max_size=3).map(tuple),
    ),
)
peripheries = st.one_of(
    st.builds(VirtualGround, reference=WORKING),
    st.builds(
        TransimpedanceAmplifier,
        reference=WORKING,
        gain=st.floats(1.0, 1e6),
        input_resistance=st.just(0.0) | st.floats(0.01, 1e3),
        zero=st.floats(-1.0, 1.0),
        clipped=st.floats(0, 1),
    ),
    st.builds(SenseAmplifier, load=st.floats(1.0, 1e6), threshold=WORKING),
)
analyses = st.one_of(
    st.just(DcRead()),
    st.builds(TransientRead, period=st.floats(10e-9, 1e-5), sense_at=st.floats(1e-9, 7e-9)),
)
studies = crossbars().flatmap(
    lambda crossbar: st.builds(
        Study,
        name=st.from_regex(f"(?a:{NAME})", fullmatch=True),
        seed=SEEDS,
        data=st.one_of(
            st.builds(WineData, test_samples=st.integers(1, 178)), st.just(WineNistData())
        ),
        network=networks,
        crossbar=st.just(crossbar),
        die=dies(crossbar.shape, spread=True),
        periphery=peripheries,
        readout=readouts,
        limits=st.builds(Limits, min_accuracy=SHARES, max_accuracy_drop=SHARES, max_flips=SHARES),
    )
)


def assert_reads_back(spec: Spec) -> None:
    again = parse_spec(format_spec(spec), type(spec))
    assert again == spec
    assert hash(again) == hash(spec)
    assert again.key() == spec.key()


@given(studies)
def test_a_study_that_is_written_reads_back_equal(study):
    assert_reads_back(study)


@given(experiments(lines=True), peripheries, analyses)
def test_an_experiment_that_is_written_reads_back_equal(experiment, periphery, analysis):
    assert_reads_back(experiment.replace(periphery=periphery, analysis=analysis))


@given(experiments())
def test_the_same_description_is_the_same_netlist(made):
    again = Experiment(**made.model_dump())
    assert again is not made
    assert build_deck(again).text.encode() == build_deck(made).text.encode()


@given(experiments(), experiments())
def test_specs_are_equal_exactly_when_their_keys_are(one, other):
    assert (one == other) is (one.key() == other.key())
    assert (one == other) is (one.canonical() == other.canonical())


@given(FINITE)
def test_a_number_that_is_written_reads_back_the_same(value):
    assert parse_quantity(format_quantity(value), "1") == value


@pytest.mark.parametrize("unit", SPELLINGS)
@given(
    digits=st.integers(-(10**15), 10**15),
    point=st.integers(-20, 20),
    suffix=st.sampled_from(sorted(SUFFIXES)),
    data=st.data(),
)
def test_a_suffix_is_a_shift_of_the_decimal_point(unit, digits, point, suffix, data):
    written = f"{digits}e{point}{suffix}{data.draw(st.sampled_from(SPELLINGS[unit]))}"
    shift = round(math.log10(SUFFIXES[suffix]))
    assert parse_quantity(written, unit) == float(f"{digits}e{point + shift}")


PARTS = st.sampled_from(
    [*"0123456789", *" .,-+eE_%°²⁻·*/^()", *SUFFIXES, "Ω", "ohm", "V", "F", "m2", "µ", "K", "inf",
     "nan", "0x", "５", "٣", "½", "\u00a0", "\u2212", "9" * 400, "e999", "e-999", "\0", "\ud800"]
)  # fmt: skip
"""What quantities are made of, and what they are not."""


@pytest.mark.parametrize("unit", UNITS)
@given(text=st.one_of(st.text(), st.lists(PARTS, max_size=8).map("".join)))
def test_any_text_is_a_finite_number_or_refused_with_what_it_is(unit, text):
    try:
        value = parse_quantity(text, unit)
    except ValueError as error:
        assert repr(text)[:40] in str(error)
    else:
        assert math.isfinite(value)
