import os
import subprocess
import sys

import numpy as np
import pydantic
import pytest
from pydantic import TypeAdapter, ValidationError
from unit.builders import experiment

from mtjspice.spec import (
    Crossbar,
    Defect,
    DefectRates,
    Die,
    GatedCell,
    Line,
    Mtj,
    PassiveCell,
    ProgrammedTile,
    Readout,
    Stimulus,
    Study,
    TrainingStudy,
    TransimpedanceAmplifier,
    VirtualGround,
)
from mtjspice.spec.base import Name


def test_a_spec_is_frozen():
    with pytest.raises(pydantic.ValidationError, match="frozen"):
        Mtj().tmr0 = 2.0


def test_an_unknown_key_is_refused():
    with pytest.raises(pydantic.ValidationError, match=r"rp\n.*not permitted"):
        Mtj(rp=5e3)


@pytest.mark.parametrize(
    "changes",
    [
        {"rows": 4},
        {"columns": 4},
        {"cell": PassiveCell(mtj=Mtj(tmr0=1.5))},
        {"row": Line(resistance=1.0)},
        {"column": Line(resistance=1.0)},
        {"row": Line(end=1.0)},
        {"column": Line(end=1.0)},
        {"row": Line(via=1.0)},
        {"row": Line(capacitance=1e-15)},
        {"column": Line(ends="both")},
        {"gate": Line(resistance=1.0)},
        {"cell": GatedCell()},
        {"unselected": "half"},
    ],
)
def test_every_changed_field_changes_key_and_equality(changes):
    base = Crossbar(rows=3, columns=3)
    changed = base.replace(**changes)
    assert changed.key() != base.key()
    assert changed != base


def test_a_change_deep_inside_changes_the_key():
    base = experiment()
    assert base.replace(die=Die(seed=1)).key() != base.key()
    assert base.replace(stimulus=Stimulus(volts=[[0.1, 0.2000000001]])).key() != base.key()
    assert base.replace(tile=ProgrammedTile(states=["AA", "AP"])).key() != base.key()


def test_kinds_with_equal_fields_have_different_keys():
    ground, amplifier = VirtualGround(), TransimpedanceAmplifier()
    assert experiment(periphery=ground).key() != experiment(periphery=amplifier).key()


def test_equal_specs_have_equal_keys_and_hashes():
    one, other = experiment(), experiment()
    assert one == other
    assert one is not other
    assert one.key() == other.key()
    assert len({one, other}) == 1


def test_what_says_nothing_of_weak_junctions_has_the_key_that_it_had_before_there_were_any():
    short = Defect(kind="short", row=1, column=2)
    for described, key in (
        (Die(), "1791251a94e9"),
        (Die(defects=(short,), sigma_ln_rp=0.05), "d08b614418bb"),
        (DefectRates(), "63b95325e2e7"),
        (TrainingStudy(name="mine"), "7039e164d297"),
    ):
        assert described.key().startswith(key)
    assert Die(weak_factor=0.4).key() != Die().key()
    assert DefectRates(weak=0.1).key() != DefectRates().key()


def test_a_spec_is_not_equal_to_something_else():
    assert Mtj() != PassiveCell()
    assert Mtj() != "Mtj"


def test_a_key_is_the_same_in_every_process():
    program = (
        "from unit.builders import experiment; print(experiment().key(), hash('a'), sep='\\n')"
    )
    answers = [
        subprocess.run(
            [sys.executable, "-c", program],
            env=os.environ | {"PYTHONPATH": ":".join(sys.path), "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        for seed in ("1", "2")
    ]
    assert [key for key, _ in answers] == [experiment().key()] * 2
    assert answers[0][1] != answers[1][1]


def test_a_whole_number_and_a_float_of_it_are_one_spec():
    assert Mtj(tmr0=1) == Mtj(tmr0=1.0)


def test_a_string_with_a_suffix_is_the_number():
    assert Mtj(diameter="50nm", ra="10 Ohm.um2", v_half="500m") == Mtj()


@pytest.mark.parametrize(
    ("minus", "plus"),
    [
        (Stimulus(volts=[[-0.0, 0.1]]), Stimulus(volts=[[0.0, 0.1]])),
        (VirtualGround(reference=-0.0), VirtualGround(reference=0.0)),
        (Line(resistance=-0.0), Line()),
        (Die(sigma_ln_rp=-0.0), Die()),
    ],
)
def test_minus_zero_and_zero_are_one_spec(minus, plus):
    assert minus == plus
    assert minus.key() == plus.key()


def test_an_infinite_bias_scale_has_a_key():
    ohmic = Mtj(v_half=float("inf"))
    assert ohmic.key() == Mtj(v_half=np.inf).key()
    assert ohmic.key() != Mtj().key()


@pytest.mark.parametrize("array", [experiment().stimulus.volts, experiment().tile.states])
def test_arrays_are_read_only(array):
    with pytest.raises(ValueError, match="read-only"):
        array[0, 0] = 0


def test_an_array_that_was_given_stays_apart():
    volts, states = np.array([[0.1, 0.2]]), np.array([[0, 1], [1, 0]])
    made = experiment().replace(stimulus=Stimulus(volts=volts), tile=ProgrammedTile(states=states))
    before = made.key()
    volts[0, 0], states[0, 0] = 9.0, 1
    assert made.key() == before
    assert made == experiment()


def test_a_replaced_field_is_validated():
    with pytest.raises(pydantic.ValidationError, match=r"must be from 0\.001 to 10"):
        Mtj().replace(tmr0=-1.0)


@pytest.mark.parametrize("value", [-1.0, "-5", float("nan"), float("inf"), "5V", True, None, [1]])
def test_a_resistance_that_is_none_is_refused(value):
    with pytest.raises(pydantic.ValidationError, match="resistance"):
        Line(resistance=value)


@pytest.mark.parametrize("value", [0, -1, 1.5, "3", True])
def test_a_count_that_is_none_is_refused(value):
    with pytest.raises(pydantic.ValidationError, match="rows"):
        Crossbar(rows=value, columns=1)


@pytest.mark.parametrize(
    ("kind", "field"),
    [(Mtj, "ra"), (Mtj, "diameter"), (Mtj, "tmr0"), (Mtj, "v_half"), (Readout, "read_voltage")],
)
@pytest.mark.parametrize("value", [0.0, -1.0, float("nan")])
def test_what_must_be_above_zero_is_refused_otherwise(kind, field, value):
    with pytest.raises(pydantic.ValidationError, match=field):
        kind(**{field: value})


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan")])
def test_a_spread_lies_between_0_and_1(value):
    with pytest.raises(pydantic.ValidationError, match="sigma_ln_rp"):
        Die(sigma_ln_rp=value)


@pytest.mark.parametrize("seed", [-1, 2**63, 1.0, "1"])
def test_a_seed_is_a_whole_number_of_63_bits(seed):
    with pytest.raises(pydantic.ValidationError, match="seed"):
        Die(seed=seed)


@pytest.mark.parametrize(
    ("volts", "says"),
    [
        ([[0.1, float("nan")]], r"must be finite; \[0\]\[1\] is nan"),
        ([[0.1], [float("inf")]], r"must be finite; \[1\]\[0\] is inf"),
        ([0.1, 0.2], "list of lists"),
        (["12"], "list of lists"),
        ("12", "list of lists"),
        ({"12": 3}, "list of lists"),
        ([{"0.1": 1, "0.2": 2}], "list of lists"),
        ([{0.1, 0.2}], "list of lists"),
        (iter([[0.1]]), "list of lists"),
        (3, "list of lists"),
        (None, "list of lists"),
        ([[0.1], [0.1, 0.2]], "equally long lists"),
        ([["a"]], "'a' is not a number"),
        ([["5 Ohm"]], "the unit V"),
        ([[]], "at least one entry"),
        ([], "two axes"),
        ([[10**400]], "volts"),
    ],
)
def test_volts_that_are_no_finite_matrix_are_refused(volts, says):
    with pytest.raises(pydantic.ValidationError, match=says):
        Stimulus(volts=volts)


@pytest.mark.parametrize(
    "states",
    [
        ["PA", "P"],
        ["PX"],
        ["pa"],
        [],
        [""],
        [[0, 1]],
        "PA",
        {"PA": 1},
        {"PA"},
        [{"PA": 1}],
        3,
        np.array([[0, 2]]),
        np.array([[0.5]]),
        np.array([[np.nan]]),
        np.array([0, 1]),
        np.zeros((0, 3)),
    ],
)
def test_states_that_are_no_matrix_of_p_and_a_are_refused(states):
    with pytest.raises(pydantic.ValidationError, match="states"):
        ProgrammedTile(states=states)


def test_states_may_be_strings_or_an_array():
    written = ProgrammedTile(states=["P A A", "APA"])
    assert written == ProgrammedTile(states=np.array([[0, 1, 1], [1, 0, 1]]))
    assert written == ProgrammedTile(states=np.array([[False, True, True], [True, False, True]]))
    assert written.states.dtype == np.uint8


def test_a_study_has_defaults_for_all_but_name_and_crossbar():
    study = Study(name="s", crossbar=Crossbar(rows=15, columns=15))
    assert study.data.test_samples == 30
    assert study.network.hidden == (6,)
    assert study.limits.min_accuracy is None


@pytest.mark.parametrize(
    "name",
    ["../../x", "/etc/x", "..", ".hidden", "a/b", "a\\b", "a\nb", "a\0b", "<script>", "", " a",
     "a ", "-rf", "a" * 101, "a\u2028b", "{{x}}", "$(x)", "`x`", 'a"b', "a|b", "*"],
)  # fmt: skip
def test_a_name_that_could_lead_elsewhere_is_refused(name):
    with pytest.raises(ValidationError, match="a name is one line of"):
        TypeAdapter(Name).validate_python(name)


@pytest.mark.parametrize(
    "name",
    [
        "gated25",
        "die20k-ff-85C",
        "Goodwill et al. 2022: 300 Wine networks (NIST's)",
        "Größe 3",
        "a",
        "電路",
    ],
)
def test_names_that_people_give_are_taken(name):
    assert TypeAdapter(Name).validate_python(name) == name
