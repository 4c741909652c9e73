"""What a user gives wrongly to `mtjspice layout`, through the real command line."""

from pathlib import Path

import pytest
from unit.commands import Answer, assert_refused, caller

from mtjspice.layout.quantities import QUANTITIES

LAYOUT = """\
name = "small"

[crossbar]
rows = 3
columns = 2

[periphery]
kind = "transimpedance"
"""
"""A layout that is valid; tests add to it or spoil it."""
GATED = LAYOUT + '[crossbar.cell]\nkind = "gated"\n'


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """The folder that commands run in; their output folder would be ``out`` in it."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def mtjspice(folder, monkeypatch, capsys):
    """The command line, in this process."""
    return caller(monkeypatch, capsys)


def assert_nothing_done(answer: Answer, folder: Path, *words: object) -> None:
    """Refused, and nothing beside the specs is in the folder."""
    assert_refused(answer, folder, *words)
    assert {path.suffix for path in folder.iterdir()} <= {".toml"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param(
            LAYOUT + "[limits]\nsettling = 5e-9",
            ("limits.settling = 5e-09", "needs its unit, s", "'5ms'"),
            id="time without unit",
        ),
        pytest.param(
            LAYOUT + "[limits]\nmargin = '5m'",
            ("limits.margin = '5m'", "needs its unit, V", "'5mV'"),
            id="voltage without unit",
        ),
        pytest.param(
            LAYOUT + "[limits]\nenergy = 2e-12",
            ("limits.energy = 2e-12", "needs its unit, J"),
            id="energy without unit",
        ),
        pytest.param(
            LAYOUT + "[limits]\nsettling = '5 mV'",
            ("limits.settling = '5 mV'", "unit, s"),
            id="wrong unit",
        ),
        pytest.param(
            LAYOUT + "[limits]\nspeed = '5 ns'",
            ("limits.speed = '5 ns'", "unknown key; allowed are", *QUANTITIES),
            id="unknown limit",
        ),
        pytest.param(
            LAYOUT + "[limits]\ndecision_time = '1 ns'",
            ("limits.decision_time must be left out", "has no latch"),
            id="limit on a latch that is not there",
        ),
        pytest.param(
            LAYOUT + "[limits]\nwrite_error = 1e-6",
            ("limits.write_error must be left out", "no table writing"),
            id="limit on writes without writing",
        ),
        pytest.param(
            GATED + "[limits]\nsneak = 0.1",
            ("limits.sneak must be left out", "only passive arrays"),
            id="limit on sneak currents of gated cells",
        ),
        pytest.param(
            LAYOUT + "[crossbar.row]\nresistance = '5 Ohm'\n[crossbar.row.geometry]\n"
            "pitch = '1um'\nwidth = '0.2um'\nsheet_resistance = '0.1 Ohm/sq'",
            ("crossbar.row", "give geometry, or resistance and capacitance, and not both"),
            id="geometry and resistance",
        ),
        pytest.param(
            LAYOUT + "[crossbar.column]\ncapacitance = '1f'\n[crossbar.column.geometry]\n"
            "pitch = '1um'\nwidth = '0.2um'\nsheet_resistance = '0.1 Ohm/sq'",
            ("crossbar.column", "give geometry, or resistance and capacitance, and not both"),
            id="geometry and capacitance",
        ),
        pytest.param(
            LAYOUT + "[crossbar.row.geometry]\npitch = '1um'\nwidth = '0.2um'\n"
            "sheet_resistance = '0.1 Ohm/sq'\nresistivity = '2e-8 Ohm.m'\nthickness = '100nm'",
            ("crossbar.row.geometry", "sheet_resistance, or resistivity and thickness"),
            id="sheet resistance and resistivity",
        ),
        pytest.param(
            LAYOUT + "[timing]\nperiod = '40p'\nstep = '50p'",
            ("timing", "period (4e-11 s)", "longer than one time step (5e-11 s)"),
            id="period shorter than a time step",
        ),
        pytest.param(
            LAYOUT + "[timing]\nperiod = '5n'\nhold = '8n'",
            ("timing", "hold (8e-09 s)", "before the period (5e-09 s)"),
            id="hold outside of the period",
        ),
        pytest.param(
            LAYOUT + "[timing]\nsense_at = '9n'",
            ("timing", "sense_at (9e-09 s)", "hold (8e-09 s)"),
            id="sensed after the hold",
        ),
        pytest.param(
            LAYOUT + "[limits]\narray_yield = 0.999\n[monte_carlo]\nsamples = 1000",
            ("monte_carlo.samples (1000)", "limits.array_yield (0.999)", "3688 are needed"),
            id="too few samples",
        ),
        pytest.param(
            LAYOUT + "[limits]\narray_yield = 1.0",
            ("limits.array_yield must be below 1",),
            id="a yield that no number of samples shows",
        ),
        pytest.param(
            LAYOUT + "[read]\nrows = 4",
            ("read.rows (4)", "at most crossbar.rows (3)"),
            id="more rows read than there are",
        ),
        pytest.param(
            LAYOUT + "[supply]\nvolts = '50 mV'",
            ("supply.volts (0.05 V)", "0.1 V"),
            id="a supply below the rows",
        ),
        pytest.param(
            LAYOUT.replace("rows = 3", "rows = '3'"),
            ("crossbar.rows = '3'",),
            id="rows that are no number",
        ),
        pytest.param(
            LAYOUT + "[experiment]\nrows = 3",
            ("experiment", "unknown key; allowed are", "crossbar", "limits", "monte_carlo"),
            id="unknown table",
        ),
        pytest.param("name = 'x'", ("crossbar", "is required"), id="no crossbar"),
        pytest.param("P A P", ("is not TOML",), id="not TOML"),
        pytest.param(
            GATED + "[technology]\ncorner = 'hot'",
            ("corner = 'hot'", "the card has tt, ff, ss, fs, sf"),
            id="a nominal corner that the card lacks",
        ),
        pytest.param(
            GATED + "[corners]\nprocess = ['tt', 'hot']",
            ("corner = 'hot'", "the card has tt, ff, ss, fs, sf"),
            id="a corner that the card lacks",
        ),
        pytest.param(
            LAYOUT.replace("transimpedance", "sense_amplifier") + "[corners]\nprocess = ['slow']",
            ("corner = 'slow'", "the card has tt, ff, ss, fs, sf"),
            id="a corner that the card of the latch lacks",
        ),
        pytest.param(
            GATED + "[technology]\ncard = 'cmos45'",
            ("card = 'cmos45'", "cmos33_bsim4"),
            id="a card that is not there",
        ),
    ],
)
def test_a_wrong_layout_is_refused_by_file_key_and_value(mtjspice, folder, text, words):
    (folder / "wrong.toml").write_text(text)
    answer = mtjspice("layout", "wrong.toml", "--out", "out")
    assert_nothing_done(answer, folder, "wrong.toml", *words)


def test_a_wrong_layout_among_right_ones_is_refused_by_its_file(mtjspice, folder):
    (folder / "right.toml").write_text(LAYOUT)
    (folder / "wrong.toml").write_text(GATED.replace("small", "gated") + "[corners]\nprocess=['x']")
    answer = mtjspice("layout", "right.toml", "wrong.toml", "--out", "out")
    assert_nothing_done(answer, folder, "wrong.toml", "corner = 'x'", "the card has")


def test_a_supply_that_is_too_low_in_a_corner_is_refused(mtjspice, folder):
    # By default it goes down to 0.9 of it; a driven row is at 1.1 V.
    text = LAYOUT + "reference = 1.0\nzero = 1.0\n[supply]\nvolts = 1.15\n"
    (folder / "wrong.toml").write_text(text)
    answer = mtjspice("layout", "wrong.toml", "--out", "out", "--jobs", 1)
    assert_nothing_done(answer, folder, "wrong.toml", "supply")


def test_two_layouts_of_the_same_name_are_refused(mtjspice, folder):
    for name in ("one.toml", "two.toml"):
        (folder / name).write_text(LAYOUT)
    answer = mtjspice("layout", "one.toml", "two.toml", "--out", "out")
    words = ("one.toml, two.toml", "name = ['small', 'small']", "must have different names")
    assert_nothing_done(answer, folder, *words)


def test_names_that_differ_in_capitals_alone_are_the_same(mtjspice, folder):
    (folder / "one.toml").write_text(LAYOUT)
    (folder / "two.toml").write_text(LAYOUT.replace("small", "Small"))
    answer = mtjspice("layout", "one.toml", "two.toml", "--out", "out")
    assert_nothing_done(answer, folder, "['small', 'Small']", "must have different names")


@pytest.mark.parametrize("again", ["one.toml", "./one.toml", "link.toml"])
def test_a_layout_is_not_compared_with_itself(mtjspice, folder, again):
    (folder / "one.toml").write_text(LAYOUT)
    (folder / "link.toml").symlink_to("one.toml")
    answer = mtjspice("layout", "one.toml", again, "--out", "out")
    assert_nothing_done(answer, folder, "is named twice (also as one.toml)", "different files")


@pytest.mark.parametrize("name", ["missing.toml", "."])
def test_a_layout_that_cannot_be_read_is_refused(mtjspice, folder, name):
    answer = mtjspice("layout", folder / name, "--out", "out")
    assert_nothing_done(answer, folder, folder / name, "cannot be read")


def test_a_missing_layout_among_others_is_refused_before_any_is_run(mtjspice, folder):
    (folder / "one.toml").write_text(LAYOUT)
    answer = mtjspice("layout", "one.toml", "missing.toml", "--out", "out")
    assert_nothing_done(answer, folder, "missing.toml", "cannot be read")


def test_a_layout_must_be_named(mtjspice, folder):
    answer = mtjspice("layout", "--out", "out")
    assert answer.code == 2
    assert "LAYOUT.toml" in answer.err
    assert not (folder / "out").exists()


@pytest.mark.parametrize("option", [["--seed", 2**63], ["--seed", -1], ["--jobs", 0]])
def test_an_option_out_of_its_range_is_refused(mtjspice, folder, option):
    (folder / "one.toml").write_text(LAYOUT)
    answer = mtjspice("layout", "one.toml", "--out", "out", *option)
    assert answer.code == 2
    assert option[0].strip("-") in answer.err
    assert "Traceback" not in answer.err
    assert not (folder / "out").exists()


@pytest.mark.ngspice
@pytest.mark.parametrize("cell", ["gated", "transmission_gate"])
@pytest.mark.parametrize("options", [[], ["--quick"]])
def test_a_design_whose_gates_do_not_open_has_no_path(mtjspice, folder, cell, options):
    text = LAYOUT + f'reference = 0.5\n[crossbar.cell]\nkind = "{cell}"\ngate_volts = 0.3\n'
    (folder / "closed.toml").write_text(text)
    answer = mtjspice("layout", "closed.toml", "--out", "out", "--jobs", 1, *options)
    words = ("closed.toml: crossbar.cell: gate_volts = 0.3", "no path", "corner tt at 27 °C")
    assert_nothing_done(answer, folder, *words)


@pytest.mark.ngspice
def test_a_design_without_a_path_is_refused_by_its_file_in_a_comparison(mtjspice, folder):
    closed = GATED.replace("small", "closed") + "gate_volts = 0.3\n"
    (folder / "closed.toml").write_text(closed)
    (folder / "open.toml").write_text(LAYOUT)
    answer = mtjspice("layout", "closed.toml", "open.toml", "--out", "out", "--jobs", 1)
    assert_nothing_done(answer, folder, "closed.toml", "gate_volts = 0.3", "no path")


@pytest.mark.ngspice
def test_an_output_folder_that_cannot_be_written_is_refused(mtjspice, folder):
    (folder / "one.toml").write_text(LAYOUT)
    (folder / "file.toml").write_text("precious")
    answer = mtjspice("layout", "one.toml", "--out", "file.toml/out", "--jobs", 1)
    assert_nothing_done(answer, folder, "file.toml/out", "folder that can be written")
    assert (folder / "file.toml").read_text() == "precious"


@pytest.mark.parametrize("content", [None, "not a library"])
def test_a_missing_simulator_is_exit_code_3_with_advice(mtjspice, folder, monkeypatch, content):
    library = folder / "libngspice.so.0"
    if content is not None:
        library.write_text(content)
    monkeypatch.setenv("NGSPICE_LIBRARY_PATH", str(library))
    (folder / "one.toml").write_text(LAYOUT)
    answer = mtjspice("layout", "one.toml", "--out", "out")
    assert answer.code == 3
    assert str(library) in answer.err
    assert "Traceback" not in answer.err
    assert not (folder / "out").exists()


def test_mismatch_that_the_library_says_nothing_of_is_refused_before_anything_is_done(
    mtjspice, folder
):
    (folder / "own.lib").write_text(
        ".lib tt\n.model nmos_33 nmos level=14 version=4.8.2\n.endl\n", encoding="utf-8"
    )
    text = GATED + '[technology]\ncard = "./own.lib"\n[corners]\nprocess = ["tt"]\n'
    (folder / "spec.toml").write_text(text + "[die]\nmismatch = 1.0\n", encoding="utf-8")
    answer = mtjspice("layout", "spec.toml", "--out", "out")
    assert_refused(answer, folder, "own.lib", "die.mismatch = 1.0", "must be 0", "pelgrom avt_n=5m")
