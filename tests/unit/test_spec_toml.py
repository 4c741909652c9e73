import pytest
from unit.builders import DESIGN, EXPERIMENT, OHMIC, STUDY, experiment

from mtjspice.errors import InputError
from mtjspice.netlist.golden import golden_experiments
from mtjspice.spec import (
    Defect,
    Die,
    DieDesign,
    Experiment,
    Limits,
    Line,
    Mtj,
    PassiveCell,
    SenseAmplifier,
    SolutionsNetwork,
    Study,
    TransientRead,
    TransimpedanceAmplifier,
    WineNistData,
    format_spec,
    parse_spec,
    read_spec,
)

SMALL = parse_spec(STUDY, Study)


def refused(text: str, kind: type = Study) -> InputError:
    with pytest.raises(InputError) as caught:
        parse_spec(text, kind, source="spec.toml")
    assert str(caught.value).startswith("spec.toml")
    return caught.value


@pytest.mark.parametrize(
    "spec",
    [
        experiment(),
        experiment(volts=[[0.1, -1e-30], [1 / 3, 5e-324]]),
        experiment(crossbar={"cell": OHMIC, "row": Line(resistance=0.1), "unselected": "half"}),
        experiment(stimulus={"driven_rows": (1, 0), "sensed_columns": (1,)}),
        experiment(die=Die(defects=(Defect(kind="open", row=0, column=1),), seed=2**63 - 1)),
        experiment(periphery=TransimpedanceAmplifier(gain="2k"), observe="cells"),
        SMALL,
        SMALL.replace(name="NIST's, 5 µm & 3 %", data=WineNistData()),
        SMALL.replace(network=SolutionsNetwork(only=(3, 0)), limits=Limits(max_flips=0.0)),
        SMALL.replace(crossbar=SMALL.crossbar.replace(cell=PassiveCell(mtj=Mtj(tmr0="150m")))),
        *golden_experiments().values(),
        experiment(analysis=TransientRead(), periphery=SenseAmplifier()),
        parse_spec(DESIGN, DieDesign),
    ],
)
def test_a_spec_that_is_written_reads_back_equal(spec):
    text = format_spec(spec)
    again = parse_spec(text, type(spec))
    assert again == spec
    assert again.key() == spec.key()
    assert format_spec(again) == text


@pytest.mark.parametrize("name", ["wine", "wine_nist"])
def test_the_examples_are_valid(repository, name):
    study = read_spec(repository / "examples" / name / "experiment.toml", Study)
    assert study.data.kind == name


def test_the_die_of_the_examples_is_valid(repository):
    path = repository / "examples" / "die20k" / "die.toml"
    assert read_spec(path, DieDesign).tiles == 32
    assert read_spec(path, Experiment, DieDesign) == read_spec(path, DieDesign, Experiment)


def test_quantities_are_read_with_suffix_and_unit():
    spec = parse_spec(EXPERIMENT, Experiment)
    assert spec.crossbar.row.resistance == 5.0
    assert spec.stimulus.volts.tolist() == [[0.1, 0.2]]


@pytest.mark.parametrize(
    ("extra", "key", "value", "allowed"),
    [
        ("[die]\nsigma = 0.1", "die.sigma", 0.1, "allowed are sigma_ln_rp"),
        ("[extra]\na = 1", "extra", {"a": 1}, "allowed are name, seed"),
        ("[die]\nsigma_ln_rp = 2", "die.sigma_ln_rp", 2, "must be from 0 to 1: a standard"),
        ("[limits]\nmin_accuracy = '5V'", "limits.min_accuracy", "5V", "no unit"),
        ("[crossbar.cell]\nkind = 'gate'", "crossbar.cell.kind", "gate", "'passive', 'gated'"),
        ("[crossbar.cell.mtj]\nra = '10V'", "crossbar.cell.mtj.ra", "10V", "the unit Ohm.m2"),
        (
            "[[die.defects]]\nkind = 'short'\nrow = 1\ncolumn = -1",
            "die.defects.0.column",
            -1,
            "must be a whole number from 0 to 4095",
        ),
        (
            "[periphery]\nkind = 'transimpedance'\ngain = 0",
            "periphery.gain",
            0,
            "must be from 1 Ω to 10 GΩ (1e+10)",
        ),
        (
            "[periphery]\nkind = 'transimpedance'\ngian = 1",
            "periphery.gian",
            1,
            "allowed are kind, reference, gain",
        ),
        ("[data]\nkind = 'wine'\ntests = 3", "data.tests", 3, "allowed are kind, test_samples"),
        (
            "[data]\nkind = 'wine'\ntest_samples = 0",
            "data.test_samples",
            0,
            "must be a whole number from 1 to 10000000",
        ),
    ],
)
def test_a_wrong_entry_is_named_with_its_value_and_what_is_allowed(extra, key, value, allowed):
    error = refused(STUDY + extra)
    assert error.key == key
    assert error.value == value
    assert allowed in error.allowed
    assert f"{key} = {value!r}" in str(error)


@pytest.mark.parametrize(
    ("extra", "key", "says"),
    [
        ("[periphery]\nkind = 'transimpedance'\nzero = 9.0", "periphery", "zero (9.0 V) must lie"),
        (
            "[[die.defects]]\nkind = 'short'\nrow = 1\ncolumn = 1\n" * 2,
            "die",
            "two defects (short, short) at tile 0",
        ),
    ],
)
def test_a_table_that_does_not_fit_is_named_as_it_is_written(extra, key, says):
    error = refused(STUDY + extra)
    assert error.key == key
    assert says in str(error)


def test_an_unknown_kind_is_named_with_the_kinds_that_there_are():
    error = refused(STUDY.replace('"trained"', '"learned"'))
    assert "network" in error.key
    for word in ("kind", "learned", "trained", "solutions"):
        assert word in str(error)


def test_a_missing_kind_is_the_default_kind():
    assert parse_spec(STUDY.replace('kind = "trained"\n', ""), Study) == SMALL


@pytest.mark.parametrize("table", ["periphery = 3", "analysis = 'dc'", "periphery = []"])
def test_what_is_no_table_is_refused_where_a_kind_is_expected(table):
    error = refused(f"{table}\n{EXPERIMENT}", Experiment)
    assert error.key.startswith(table.split(" ")[0])


def test_the_unknown_keys_of_a_kind_are_refused_with_its_own():
    error = refused(STUDY + "[crossbar.cell]\nkind = 'gated'\nnmos = 1")
    assert error.key == "crossbar.cell.nmos"
    assert "allowed are kind, mtj, access, gate_volts, gates" in error.allowed


def test_a_missing_key_is_named():
    error = refused(STUDY.replace("rows = 15\n", ""))
    assert error.key == "crossbar.rows"
    assert "is required" in str(error)


def test_a_check_over_the_whole_spec_names_its_keys():
    error = refused(EXPERIMENT.replace("rows = 2", "rows = 3"), Experiment)
    assert "tile.states has the shape (2, 2); the crossbar asks for (3, 2)" in str(error)


def test_several_problems_are_told_at_once():
    spoilt = STUDY.replace("seed = 1", "seed = -1").replace("rows = 15", "rows = 0")
    message = str(refused(spoilt + "[die]\nsigma_ln_rp = 2"))
    for part in ("seed = -1", "also crossbar.rows = 0", "also die.sigma_ln_rp = 2"):
        assert part in message


def test_unknown_keys_are_told_together_with_other_problems():
    message = str(refused(STUDY + "[die]\nsigma = 1\nsgima = 2\nseed = -1\n"))
    for part in ("die.sigma = 1", "die.sgima = 2", "die.seed = -1"):
        assert part in message


def test_text_that_is_not_toml_is_refused_with_the_line():
    error = refused("name = \nseed = 1")
    assert "is not TOML" in str(error)
    assert "line 1" in str(error)


@pytest.mark.parametrize("content", [None, b"\xff\xfe name"])
def test_a_file_that_cannot_be_read_is_named(tmp_path, content):
    path = tmp_path / "spec.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match="cannot be read") as caught:
        read_spec(path, Study)
    assert caught.value.source == str(path)


def test_a_folder_is_no_spec(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        read_spec(tmp_path, Study)


def test_what_toml_cannot_hold_as_a_float_is_refused():
    huge = EXPERIMENT.replace("[[0.1, 0.2]]", f"[[{10**400}, 0.2]]")
    assert refused(huge, Experiment).key == "stimulus.volts"
