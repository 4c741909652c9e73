import json
import subprocess
import sys

import pytest
from unit.builders import DESIGN, EXPERIMENT, STUDY

from mtjspice import cli
from mtjspice.data.results import load_result
from mtjspice.device.trial import tile_experiment
from mtjspice.netlist import build_deck
from mtjspice.spec import DieDesign, parse_spec

pytestmark = pytest.mark.ngspice


@pytest.fixture
def mtjspice(tmp_path, monkeypatch, capsys):
    """The command line, in this process and an empty folder; (exit code, stdout)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def call(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["mtjspice", *arguments])
        with pytest.raises(SystemExit) as left:
            cli.main()
        return left.value.code or 0, capsys.readouterr().out

    return call


def test_names_and_folders_are_printed_as_they_are_written(mtjspice, tmp_path):
    vacuous = "[limits]\nabove_chance = 0\nmax_flips = 1.0\n"
    study = f"{STUDY.replace('small', 'small [wine] [b]')}\n{vacuous}"
    (tmp_path / "spec.toml").write_text(study)
    code, said = mtjspice("run", "spec.toml", "--out", "out [wine]", "--jobs", "2")
    assert code == 4  # no limits that anything can break, no verdict
    assert "No limit that something can break is set on accuracy or classes" in said
    assert "No limit that something can break" in (tmp_path / "out [wine]/report.html").read_text()
    assert "verdict: INCONCLUSIVE" in said
    assert "small [wine] [b]" in said
    assert "out [wine]/report.html" in said


@pytest.mark.parametrize(
    ("limit", "code"), [("above_chance = 0\nmin_accuracy = 0.01", 0), ("min_accuracy = 1.0", 1)]
)
def test_json_alone_is_printed_and_the_exit_code_is_the_verdict(mtjspice, tmp_path, limit, code):
    (tmp_path / "spec.toml").write_text(f"{STUDY}\n[limits]\n{limit}\n")
    left, said = mtjspice("run", "spec.toml", "--out", "out", "--jobs", "2", "--json")
    assert left == code
    assert json.loads(said) == json.loads((tmp_path / "out" / "report.json").read_text())
    assert json.loads(said)["verdict"] == ("fail" if code else "pass")


def test_an_untrained_network_fails_and_the_limit_says_where_it_comes_from(mtjspice, tmp_path):
    (tmp_path / "spec.toml").write_text(f"{STUDY}\n[limits]\nmax_flips = 0.9\n")
    left, said = mtjspice("run", "spec.toml", "--out", "out", "--jobs", "2")
    assert left == 1
    # 71 of the 178 wines are of the most frequent class.
    chance = f"{100 * 71 / 178:.3g} %"
    assert f"limit of accuracy, SPICE: half of the way from chance, {chance}, to 100 %" in said
    assert f"≥\N{NO-BREAK SPACE}{100 * (1 + 71 / 178) / 2:.3g}" in said
    assert "verdict: FAIL" in said


def test_the_currents_of_one_array_are_printed_as_json(mtjspice, tmp_path):
    (tmp_path / "spec.toml").write_text(EXPERIMENT)
    code, said = mtjspice("simulate", "spec.toml", "--json")
    assert code == 0
    (currents,) = json.loads(said)["current"]
    assert len(currents) == 2
    assert all(1e-6 < current < 1e-3 for current in currents)


def test_a_netlist_is_printed_or_written(mtjspice, tmp_path):
    (tmp_path / "spec.toml").write_text(EXPERIMENT)
    code, said = mtjspice("netlist", "spec.toml")
    assert code == 0
    assert mtjspice("netlist", "spec.toml", "--out", "out") == (0, "")
    assert (tmp_path / "out" / "deck.cir").read_text() == said


def test_the_netlist_of_a_tile_is_that_of_its_trial(mtjspice, tmp_path):
    (tmp_path / "die.toml").write_text(DESIGN)
    code, said = mtjspice("netlist", "die.toml", "--tile", "1")
    assert code == 0
    assert said == build_deck(tile_experiment(parse_spec(DESIGN, DieDesign), 1)).text
    assert said != mtjspice("netlist", "die.toml", "--tile", "0")[1]
    assert mtjspice("netlist", "die.toml", "--tile", "1", "--out", "out") == (0, "")
    assert (tmp_path / "out" / "deck.cir").read_text() == said


def test_a_die_is_simulated_and_kept(mtjspice, tmp_path):
    (tmp_path / "die.toml").write_text(DESIGN)
    code, said = mtjspice("simulate", "die.toml", "--jobs", "2", "--out", "out")
    assert code == 0
    assert "2 tiles x 3 vectors x 3 output_lines" in said
    kept = load_result(tmp_path / "out" / "result.nc")
    assert kept["code"].dims == ("tile", "vector", "output_line")
    code, said = mtjspice("simulate", "die.toml", "--jobs", "2", "--out", "out", "--json")
    assert code == 0
    assert json.loads(said)["current"] == kept["current"].to_numpy().tolist()
    assert json.loads(said)["attrs"]["design"] == "small die"


@pytest.mark.parametrize("command", ["simulate", "netlist"])
def test_what_is_unusual_is_warned_of_on_stderr(tmp_path, monkeypatch, capsys, command):
    (tmp_path / "spec.toml").write_text(EXPERIMENT.replace("5 Ohm", "5 kOhm"))
    monkeypatch.setattr(sys, "argv", ["mtjspice", command, str(tmp_path / "spec.toml")])
    with pytest.raises(SystemExit) as left:
        cli.main()
    assert not left.value.code
    answer = capsys.readouterr()
    said = "warning: crossbar.row.resistance = 5 kΩ is unusual: most have 0 Ω to 1 kΩ\n"
    assert said in answer.err
    assert "unusual" not in answer.out


@pytest.mark.parametrize(
    ("allowed", "warned"),
    [("0", True), pytest.param("1", False, marks=pytest.mark.slow)],
)
def test_reads_that_are_clipped_are_warned_of(tmp_path, monkeypatch, allowed, warned):
    monkeypatch.chdir(tmp_path)
    text = DESIGN.replace('clip_high = "3.3V"', f'clip_high = "1.65V"\nclipped = {allowed}')
    (tmp_path / "die.toml").write_text(text)
    monitored = subprocess.run(
        [sys.executable, "-m", "mtjspice.cli", "simulate", "die.toml", "--json"],
        capture_output=True,
        text=True,
        check=True,
    )
    share = json.loads(monitored.stdout)["attrs"]["clipped_share"]
    assert 0 < share < 1
    said = f"{100 * share:.2f} % of the reads are clipped"
    assert (said in " ".join(monitored.stderr.split())) is warned


@pytest.mark.parametrize("row", [0, 1])
def test_nodes_that_are_left_out_are_warned_of(tmp_path, monkeypatch, capsys, row):
    monkeypatch.setenv("COLUMNS", "200")
    gone = ", ".join(f'{{kind = "open", row = {row}, column = {c}}}' for c in (0, 1))
    defects = f'[{{kind = "dead_row", row = 1}}, {gone}]'
    (tmp_path / "spec.toml").write_text(f"{EXPERIMENT}\n[die]\ndefects = {defects}\n")
    monkeypatch.setattr(sys, "argv", ["mtjspice", "simulate", str(tmp_path / "spec.toml")])
    with pytest.raises(SystemExit) as left:
        cli.main()
    assert not left.value.code
    said = "warning: 2 nodes are cut off from everything and were left out, from wl1_0 on"
    assert (said in capsys.readouterr().err) is (row == 1)


def test_the_doctor_answers_in_json(mtjspice):
    code, said = mtjspice("doctor", "--json")
    assert code == 0
    assert {"Python", "ngspice"} <= {finding["part"] for finding in json.loads(said)}
