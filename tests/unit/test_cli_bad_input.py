"""What a user gives wrongly, through the real command line.

Every message names the file, the key, the value and what is allowed; the exit code is 2 for bad
input and 3 for a missing simulator; nothing is written.
"""

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from unit.builders import DESIGN, EXPERIMENT, STUDY
from unit.commands import assert_refused, caller

from mtjspice import cli
from mtjspice.data.network import Layer, Network
from mtjspice.data.weights import save_weights
from mtjspice.data.wine import load_wine
from mtjspice.spec import Study, parse_spec
from mtjspice.study.run import trained

SOLUTIONS_STUDY = """\
name = "theirs"

[data]
kind = "wine_nist"

[network]
kind = "solutions"

[crossbar]
rows = 15
columns = 15

[readout]
g_norm = [1.0]
"""


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """The folder that commands run in; their output folder would be ``out`` in it."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def mtjspice(folder, monkeypatch, capsys):
    """The command line, in this process."""
    return caller(monkeypatch, capsys)


@pytest.fixture
def published(shared_data, folder) -> Path:
    """A copy of the published folder with one solution, to be spoilt."""
    copy = folder / "published"
    shutil.copytree(shared_data / "wine-nist" / "dataset", copy / "dataset")
    (copy / "solutions").mkdir()
    for path in (shared_data / "wine-nist" / "solutions").glob("7_*"):
        shutil.copy(path, copy / "solutions")
    for path in [copy, *copy.rglob("*")]:
        path.chmod(0o755)
    return copy


@pytest.mark.parametrize(
    ("command", "text", "words"),
    [
        pytest.param(
            "run",
            STUDY + "[die]\nsigma = 0.1",
            ("die.sigma = 0.1", "unknown key; allowed are", "sigma_ln_rp, sigma_ln_tmr"),
            id="unknown key",
        ),
        pytest.param(
            "run",
            STUDY.replace("epochs", "epoch"),
            ("network.epoch = 2", "unknown key; allowed are", "hidden, epochs"),
            id="unknown key of a kind",
        ),
        pytest.param(
            "simulate",
            EXPERIMENT.replace("resistance", "resistence"),
            ("crossbar.row.resistence = '5 Ohm'", "allowed are resistance, capacitance, via"),
            id="unknown key of an experiment",
        ),
        pytest.param(
            "netlist",
            EXPERIMENT.replace("5 Ohm", "5 V"),
            ("crossbar.row.resistance = '5 V'", "the unit Ohm"),
            id="wrong unit",
        ),
        pytest.param(
            "run",
            STUDY + "[crossbar.cell.mtj]\nra = '10 Ohm'",
            ("crossbar.cell.mtj.ra = '10 Ohm'", "the unit Ohm.m2"),
            id="wrong unit deep inside",
        ),
        pytest.param(
            "simulate",
            EXPERIMENT.replace('"5 Ohm"', "-5"),
            ("crossbar.row.resistance = -5", "must be 0 or from 10 mΩ (0.01) to 100 kΩ"),
            id="negative resistance",
        ),
        pytest.param(
            "run",
            STUDY + "[periphery]\nkind = 'transimpedance'\ngain = '-2k'",
            ("periphery.gain = '-2k'", "must be from 1 Ω to 10 GΩ"),
            id="negative gain",
        ),
        pytest.param(
            "simulate",
            EXPERIMENT.replace('["PA", "AP"]', '["PAA", "APP"]'),
            ("tile.states", "(2, 3)", "the crossbar asks for (2, 2)"),
            id="states of the wrong shape",
        ),
        pytest.param(
            "simulate",
            EXPERIMENT.replace('["PA", "AP"]', '["PA", "AX"]'),
            ("tile.states = ['PA', 'AX']", "of P (parallel) and A (antiparallel)"),
            id="states of another letter",
        ),
        pytest.param(
            "simulate",
            EXPERIMENT.replace("[[0.1, 0.2]]", "[[0.1, nan]]"),
            ("stimulus.volts = [[0.1, nan]]", "must be finite; [0][1] is nan"),
            id="volts with NaN",
        ),
        pytest.param(
            "simulate",
            EXPERIMENT.replace("[[0.1, 0.2]]", "[[0.1, 0.2, 0.3]]"),
            ("stimulus.volts", "3 entries a vector", "the crossbar has 2 rows"),
            id="volts of the wrong length",
        ),
        pytest.param(
            "simulate",
            EXPERIMENT.replace("[[0.1, 0.2]]", f"[[0.1, {10**400}]]"),
            ("stimulus.volts",),
            id="volts beyond a float",
        ),
        pytest.param(
            "simulate",
            EXPERIMENT + "[[die.defects]]\nkind = 'short'\nrow = 2\ncolumn = 0",
            ("die.defects", "short at row 2, column 0", "are 1 and 1"),
            id="defect outside of the array",
        ),
        pytest.param(
            "run",
            STUDY + "[[die.defects]]\nkind = 'short'\nrow = 20\ncolumn = 0",
            ("die.defects", "short at row 20, column 0", "are 14 and 14"),
            id="defect outside of the tile",
        ),
        pytest.param(
            "run",
            STUDY.replace("rows = 15", "rows = 12"),
            (
                "crossbar = [12, 15]",
                "layer 1 needs 13 rows and 12 columns",
                "12 rows and 15 columns",
            ),
            id="tile too small for the network",
        ),
        pytest.param(
            "run",
            STUDY.replace("epochs", "hidden = [8]\nepochs"),
            (
                "crossbar = [15, 15]",
                "layer 1 needs 13 rows and 16 columns",
                "15 rows and 15 columns",
            ),
            id="network too wide for the tile",
        ),
        pytest.param(
            "run",
            STUDY + "[data]\nkind = 'wine'\ntest_samples = 175",
            ("data.test_samples = 175", "at least 10 of the 178 samples"),
            id="too many test samples",
        ),
        pytest.param(
            "run",
            STUDY.replace("[1.0]", "[1.0, 0.5]"),
            ("readout", "g_norm must rise"),
            id="g_norm that falls",
        ),
        pytest.param(
            "run",
            STUDY.replace("rows = 15", "rows = = 15"),
            ("is not TOML", "line 10"),
            id="not TOML",
        ),
        pytest.param("simulate", "P A P", ("is not TOML", "line 1"), id="not TOML at all"),
        pytest.param("simulate", "", ("crossbar", "is required", "tile", "stimulus"), id="empty"),
        pytest.param(
            "netlist",
            'observe = "cells"\n'
            + EXPERIMENT.replace("columns = 2", 'columns = 2\nunselected = "floating"').replace(
                "volts = [[0.1, 0.2]]", "volts = [[0.1]]\ndriven_rows = [0]"
            )
            + "[die]\ndefects = [{kind = 'open', row = 1, column = 0},"
            "{kind = 'open', row = 1, column = 1}]",
            ("in1, wl1_1", "no path to ground", "crossbar.unselected"),
            id="line that is cut off",
        ),
    ],
)
def test_a_wrong_spec_is_refused_by_file_key_and_value(mtjspice, folder, command, text, words):
    (folder / "wrong.toml").write_text(text)
    assert_refused(mtjspice(command, "wrong.toml", "--out", "out"), folder, "wrong.toml", *words)


@pytest.mark.parametrize("command", ["run", "simulate", "netlist"])
@pytest.mark.parametrize("name", ["missing.toml", "."])
def test_a_spec_that_cannot_be_read_is_refused(mtjspice, folder, command, name):
    answer = mtjspice(command, folder / name, "--out", "out")
    assert_refused(answer, folder, folder / name, "cannot be read")


@pytest.mark.parametrize("command", ["run", "simulate", "netlist"])
def test_bytes_that_are_no_text_are_refused(mtjspice, folder, command):
    (folder / "wrong.toml").write_bytes(b"\xff\xfe\x00")
    assert_refused(mtjspice(command, "wrong.toml", "--out", "out"), folder, "wrong.toml")


@pytest.mark.ngspice
@pytest.mark.parametrize(
    ("command", "text"), [("run", STUDY), ("simulate", EXPERIMENT), ("netlist", EXPERIMENT)]
)
@pytest.mark.parametrize("below", ["file", "file/out"])
def test_an_output_folder_that_cannot_be_written_is_refused(mtjspice, folder, command, text, below):
    (folder / "spec.toml").write_text(text)
    (folder / "file").write_text("precious")
    answer = mtjspice(command, "spec.toml", "--out", below)
    assert_refused(answer, folder, below, "folder that can be written")
    assert (folder / "file").read_text() == "precious"


@pytest.mark.parametrize("option", [["--seed", 2**63], ["--seed", -1], ["--jobs", 0]])
def test_an_option_out_of_its_range_is_refused(mtjspice, folder, option):
    (folder / "spec.toml").write_text(STUDY)
    answer = mtjspice("run", "spec.toml", "--out", "out", *option)
    assert answer.code == 2
    assert option[0].strip("-") in answer.err
    assert "Traceback" not in answer.err
    assert not (folder / "out").exists()


@pytest.mark.parametrize("tile", [2, 10**9])
def test_a_tile_that_the_die_does_not_have_is_refused(mtjspice, folder, tile):
    (folder / "die.toml").write_text(DESIGN)
    answer = mtjspice("netlist", "die.toml", "--tile", tile, "--out", "out")
    assert_refused(answer, folder, "die.toml", f"tile = {tile}", "the die has tiles 0 to 1")


def test_a_negative_tile_is_refused(mtjspice, folder):
    (folder / "die.toml").write_text(DESIGN)
    answer = mtjspice("netlist", "die.toml", "--tile", -1, "--out", "out")
    assert answer.code == 2
    assert "--tile" in answer.err
    assert not (folder / "out").exists()


@pytest.mark.parametrize("tile", [[], ["--tile", 0]])
def test_a_tile_is_named_for_a_die_and_not_for_an_experiment(mtjspice, folder, tile):
    (folder / "spec.toml").write_text(EXPERIMENT if tile else DESIGN)
    answer = mtjspice("netlist", "spec.toml", "--out", "out", *tile)
    assert_refused(answer, folder, "spec.toml", "is required")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("corner = 'hot'", ("technology", "corner = 'hot'", "the card has tt, ff, ss, fs, sf")),
        ("card = 'cmos45'", ("card = 'cmos45'", "cmos12_bsim4")),
        ("temperature = 200", ("technology.temperature = 200", "from -55 °C to 150 °C")),
    ],
)
def test_wrong_transistors_are_refused_by_file_key_and_value(mtjspice, folder, text, words):
    spec = EXPERIMENT + f"[crossbar.cell]\nkind = 'gated'\n[technology]\n{text}\n"
    (folder / "wrong.toml").write_text(spec)
    answer = mtjspice("netlist", "wrong.toml", "--out", "out")
    assert_refused(answer, folder, "wrong.toml", *words[text.startswith("corner") :])


def test_a_defect_in_a_tile_that_is_not_there_is_refused(mtjspice, folder):
    defect = "[[die.defects]]\nkind = 'dead_row'\nrow = 0\ntile = 2\n"
    (folder / "wrong.toml").write_text(DESIGN + defect)
    answer = mtjspice("simulate", "wrong.toml", "--out", "out")
    assert_refused(answer, folder, "wrong.toml", "names tile 2", "tiles 0 to 1")


def test_an_unknown_option_is_refused(mtjspice, folder):
    answer = mtjspice("run", "spec.toml", "--outt", "out")
    assert answer.code == 2
    assert "--outt" in answer.err


def test_only_is_refused_where_the_network_is_trained(mtjspice, folder):
    (folder / "spec.toml").write_text(STUDY)
    answer = mtjspice("run", "spec.toml", "--out", "out", "--only", 3)
    assert_refused(answer, folder, "--only = [3]", "trains its network")


def test_solutions_must_be_named_where_a_study_needs_them(mtjspice, folder):
    (folder / "theirs.toml").write_text(SOLUTIONS_STUDY)
    answer = mtjspice("run", "theirs.toml", "--out", "out")
    assert_refused(answer, folder, "theirs.toml", "--solutions", "give their folder")


@pytest.mark.parametrize("name", ["missing", "empty"])
def test_a_folder_without_solutions_is_refused(mtjspice, folder, name):
    (folder / "theirs.toml").write_text(SOLUTIONS_STUDY)
    (folder / "empty").mkdir()
    answer = mtjspice("run", "theirs.toml", "--out", "out", "--solutions", folder / name)
    assert_refused(answer, folder, folder / name, "must be a folder that holds")


def test_a_missing_folder_is_refused_even_beside_the_right_one(mtjspice, folder, published):
    (folder / "theirs.toml").write_text(SOLUTIONS_STUDY)
    missing = published / "missing"
    answer = mtjspice("run", "theirs.toml", "--out", "out", "--solutions", missing)
    assert_refused(answer, folder, missing, "must be a folder that holds")


def test_an_unknown_solution_is_refused(mtjspice, folder, published):
    (folder / "theirs.toml").write_text(SOLUTIONS_STUDY)
    options = ("--solutions", published, "--only", 8)
    assert_refused(mtjspice("run", "theirs.toml", "--out", "out", *options), folder, 8)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("solutions/7_fc1_weight.txt", b"\x00\xff\xfe", ("cannot be read",)),
        ("solutions/7_fc2_bias.txt", b"", ("cannot be read",)),
        ("solutions/7_fc1_weight.txt", b"1 0\n0 1\n", ("layer 1 = [2, 2, 6]", "13 rows")),
        ("dataset/X_train.txt", b"one two\n", ("cannot be read",)),
    ],
)
def test_an_unreadable_file_is_refused_by_its_name(
    mtjspice, folder, published, name, content, words
):
    (folder / "theirs.toml").write_text(SOLUTIONS_STUDY)
    (published / name).write_bytes(content)
    answer = mtjspice("run", "theirs.toml", "--out", "out", "--solutions", published)
    assert_refused(answer, folder, published / name, *words)


def test_a_number_that_is_not_finite_in_the_data_is_refused_by_its_place(
    mtjspice, folder, published
):
    (folder / "theirs.toml").write_text(SOLUTIONS_STUDY)
    path = published / "dataset" / "X_test.txt"
    matrix = np.loadtxt(path)
    matrix[4, 1] = np.nan
    np.savetxt(path, matrix)
    answer = mtjspice("run", "theirs.toml", "--out", "out", "--solutions", published)
    assert_refused(answer, folder, path, "line 5, entry 2 = nan", "must be a finite number")


def test_solutions_that_do_not_fit_the_tile_are_refused(mtjspice, folder, published):
    (folder / "theirs.toml").write_text(SOLUTIONS_STUDY.replace("columns = 15", "columns = 11"))
    answer = mtjspice("run", "theirs.toml", "--out", "out", "--solutions", published)
    words = ("solution 7", "crossbar = [15, 11]", "13 rows and 12 columns")
    assert_refused(answer, folder, "theirs.toml", *words)


@pytest.mark.ngspice
def test_a_damaged_network_in_the_output_folder_is_refused(mtjspice, folder):
    (folder / "spec.toml").write_text(STUDY)
    path = folder / "kept" / "networks" / "trained" / "weights.json"
    path.parent.mkdir(parents=True)
    path.write_text("{")
    answer = mtjspice("run", "spec.toml", "--out", "kept")
    assert_refused(answer, folder, "kept/networks/trained", "weights.json: is not JSON")
    assert path.read_text() == "{"


def cut(network: Network, *slices: tuple[slice, slice]) -> Network:
    """A network of parts of its layers: inputs and outputs."""
    layers = tuple(
        Layer.on_paper(
            one.cells[inputs].reshape(-1, one.outputs, 2)[:, outputs].reshape(
                len(one.cells[inputs]), -1),
            one.bias[outputs], k)
        for k, (one, (inputs, outputs)) in enumerate(zip(network.layers, slices, strict=False))
    )  # fmt: skip
    return replace(
        network, layers=layers, features=network.features[: layers[0].inputs],
        classes=tuple(map(str, range(layers[-1].outputs))),
    )  # fmt: skip


ALL = slice(None)
OTHERS = {
    "one layer": lambda n: cut(n, (ALL, ALL)),
    "narrower": lambda n: cut(n, (ALL, slice(4)), (slice(4), ALL)),
    "fewer inputs": lambda n: cut(n, (slice(10), ALL), (ALL, ALL)),
    "fewer classes": lambda n: cut(n, (ALL, ALL), (ALL, slice(2))),
    "other classes": lambda n: replace(n, classes=("a", "b", "c")),
    "other features": lambda n: replace(n, features=n.features[::-1]),
    "another scale": lambda n: n.tuned(2.0),
    "outliers fade": lambda n: replace(
        n, layers=(replace(n.layers[0], outlier=3.0), *n.layers[1:])
    ),
}


@pytest.mark.ngspice
@pytest.mark.parametrize("change", OTHERS.values(), ids=OTHERS)
def test_networks_that_the_study_cannot_have_trained_are_refused(mtjspice, folder, change):
    (folder / "spec.toml").write_text(STUDY)
    study, path = parse_spec(STUDY, Study), folder / "kept" / "networks" / "trained"
    wine = load_wine(study.data, study.seed)
    (network,) = trained(study, wine, folder / "kept", lambda *_: None)
    save_weights(path, change(network))
    content = (path / "weights.json").read_bytes()
    answer = mtjspice("run", "spec.toml", "--out", "kept")
    assert_refused(answer, folder, "kept/networks/trained", "another network than the study trains")
    assert (path / "weights.json").read_bytes() == content


@pytest.mark.parametrize("content", [None, "not a library"])
@pytest.mark.parametrize(
    ("command", "text"), [("run", STUDY), ("simulate", EXPERIMENT), ("doctor", None)]
)
def test_a_missing_simulator_is_exit_code_3_with_advice(
    mtjspice, folder, monkeypatch, command, text, content
):
    library = folder / "libngspice.so.0"
    if content is not None:
        library.write_text(content)
    monkeypatch.setenv("NGSPICE_LIBRARY_PATH", str(library))
    monkeypatch.setenv("COLUMNS", "1000")
    arguments = [command]
    if text is not None:
        (folder / "spec.toml").write_text(text)
        arguments += ["spec.toml", "--out", "out"]
    answer = mtjspice(*arguments)
    assert answer.code == 3
    said = answer.out if command == "doctor" else answer.err
    assert str(library) in said
    assert "Install ngspice 39 or newer" in said
    assert "Traceback" not in answer.err
    assert not (folder / "out").exists()


def test_a_netlist_needs_no_simulator(mtjspice, folder, monkeypatch):
    monkeypatch.setenv("NGSPICE_LIBRARY_PATH", str(folder / "missing"))
    (folder / "spec.toml").write_text(EXPERIMENT)
    monkeypatch.setattr(sys, "argv", ["mtjspice", "netlist", "spec.toml", "--out", "out"])
    with pytest.raises(SystemExit) as left:
        cli.main()
    assert not left.value.code
    assert (folder / "out" / "deck.cir").read_text().endswith(".end\n")


def test_the_process_itself_says_it_once_on_stderr(folder):
    (folder / "wrong.toml").write_text(STUDY.replace("rows = 15", "rows = -1"))
    done = subprocess.run(
        [sys.executable, "-m", "mtjspice.cli", "run", "wrong.toml", "--out", "out"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.splitlines() == [
        "mtjspice: wrong.toml: crossbar.rows = -1: must be a whole number from 1 to 4096: "
        "lines of an array that a circuit simulator can solve"
    ]
    assert not (folder / "out").exists()
