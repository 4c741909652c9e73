"""`mtjspice train` from its spec to programmed tiles."""

import dataclasses
import json
import re
import shutil

import pytest

from mtjspice import cli
from mtjspice.data.weights import load_weights, save_weights
from mtjspice.surrogate.card import load_card, save_card

SPEC = """
name = "small"
seed = 3
[network]
hidden = [12]
inputs = 25
[hardware]
tiles = 4
[hardware.rates]
short = 0.002
[training]
epochs = 6
batch = 64
learning_rate = 0.05
"""


@pytest.fixture
def spec(tmp_path):
    path = tmp_path / "training.toml"
    path.write_text(SPEC)
    return path


def train(monkeypatch, *arguments) -> int:
    monkeypatch.setattr("sys.argv", ["mtjspice", "train", *map(str, arguments), "--digits"])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    return caught.value.code or 0


def figures(folder) -> dict[str, float]:
    content = json.loads((folder / "report.json").read_text())
    return {figure["name"]: figure["value"] for figure in content["figures"]}


def test_weights_are_trained_judged_and_found_again(monkeypatch, capsys, spec, tmp_path):
    out = tmp_path / "out"
    assert train(monkeypatch, spec, "--out", out) == 0
    said = capsys.readouterr().out
    assert re.search(r"mean error, 12 drawn dies +│ +[0-9.]+\s% │\n", said)
    assert "limit" not in said
    assert said.endswith(f"next: mtjspice signoff {out} --dies DIES\n")
    first, about = load_weights(out), (out / "weights.json").stat().st_mtime_ns
    assert first.study.seed == 3
    assert len(first.loss) == 6
    assert first.loss[-1] < first.loss[0]
    assert 0 < figures(out)["error, software"] < 0.8
    assert not (out / "checkpoint.safetensors").exists()
    # Once more: the same weights are found, and nothing is written over them.
    assert train(monkeypatch, spec, "--out", out, "--json") == 0
    assert json.loads(capsys.readouterr().out)["key"] == first.key
    assert (out / "weights.json").stat().st_mtime_ns == about
    # Another seed is another training.
    assert train(monkeypatch, spec, "--out", out, "--seed", 4) == 0
    assert load_weights(out).key != first.key


@pytest.mark.slow
def test_a_card_of_ones_own_is_that_of_the_spec_and_not_of_the_folder(
    monkeypatch, capsys, spec, tmp_path
):
    own, out = tmp_path / "own.card.json", tmp_path / "out"
    save_card(load_card("die20k").replace(name="own"), own)
    named = SPEC.replace("tiles = 4", 'tiles = 4\ncard = "own.card.json"')
    spec.write_text(named.replace("epochs = 6", "epochs = 1"))
    assert train(monkeypatch, spec, "--out", out) == 0
    found = load_weights(out)
    assert found.card == load_card(own).key()
    said = capsys.readouterr().out
    assert said.endswith(f"next: mtjspice signoff {out} --dies DIES --card {own}\n")
    # What the folder names is not followed; the weights are still those that the spec asks for.
    other = found.study.hardware.replace(card=str(tmp_path / "no such.card.json"))
    theirs = dataclasses.replace(found, study=found.study.replace(hardware=other))
    save_weights(out, theirs, {})
    shutil.rmtree(out / "judged")
    assert train(monkeypatch, spec, "--out", out) == 0
    # Nor is it when training starts from it.
    assert train(monkeypatch, spec, "--start", out, "--out", tmp_path / "next") == 0
    capsys.readouterr()
    save_card(load_card("die20k").replace(name="another"), own)
    assert train(monkeypatch, spec, "--start", out, "--out", tmp_path / "last") == 2
    assert "another design" in capsys.readouterr().err


def test_training_for_a_die_starts_from_weights_and_its_map(monkeypatch, spec, tmp_path):
    start, out, path = tmp_path / "start", tmp_path / "own", tmp_path / "map.csv"
    path.write_text("kind,tile,row,column\nshort,0,3,4\ndead_row,0,7,\nshort,2,2,2\n")
    assert train(monkeypatch, spec, "--method", "ideal", "--out", start) == 0
    for_die = ("--method", "hardware-aware", "--dies", path, "--start", start)
    assert train(monkeypatch, spec, *for_die, "--out", out) == 0
    assert load_weights(out).study.training.method == "hardware-aware"
    assert figures(out)["error, own die"] < figures(start)["error, software"] + 0.1


def test_weights_of_another_design_are_refused(monkeypatch, capsys, spec, tmp_path):
    start = tmp_path / "start"
    assert train(monkeypatch, spec, "--method", "ideal", "--out", start) == 0
    save_weights(start, dataclasses.replace(load_weights(start), card="0" * 64), {})
    assert train(monkeypatch, spec, "--start", start, "--out", tmp_path / "out") == 2
    assert "the weights are of another design" in capsys.readouterr().err
    assert not (tmp_path / "out" / "weights.json").exists()


def test_what_is_unusual_and_where_a_dies_spread_is_from_are_in_the_report(
    monkeypatch, capsys, spec, tmp_path
):
    (tmp_path / "map.csv").write_text("Kind;Tile;Row;Column\nShort;1;3;4\n")
    spec.write_text(SPEC.replace("learning_rate = 0.05", "learning_rate = 0.5"))
    options = ("--method", "hardware-aware", "--dies", tmp_path / "map.csv")
    assert train(monkeypatch, spec, *options, "--out", tmp_path / "out") == 0
    odd, source = json.loads((tmp_path / "out" / "report.json").read_text())["warnings"]
    assert odd == "training.learning_rate = 0.5 is unusual: most have 1e-05 to 0.3"
    assert source.endswith(
        "those of the weights' study (hardware.spread; hardware.spread.seed = 0)"
    )
    assert "is unusual" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--method", "hardware-aware"), ("--dies", "needs a die")),
        (("--dies", "map.csv"), ("--dies", "only hardware-aware")),
        (("--method", "clairvoyant"), ("--method", "clairvoyant", "statistics-aware")),
        (("--start", "nowhere"), ("nowhere", "does not hold weights")),
        (
            ("--method", "hardware-aware", "--dies", "missing.csv"),
            ("missing.csv", "cannot be read"),
        ),
        (("--method", "hardware-aware", "--dies", "map.csv"), ("map.csv", "tile", "9", "0 to 3")),
    ],
)
def test_bad_input_names_what_is_wrong_and_writes_nothing(
    monkeypatch, capsys, spec, tmp_path, arguments, named
):
    (tmp_path / "map.csv").write_text("kind,tile,row,column\nshort,9,3,4\n")
    monkeypatch.chdir(tmp_path)
    assert train(monkeypatch, spec, *arguments, "--out", tmp_path / "out") == 2
    message = capsys.readouterr().err
    for word in named:
        assert word in message
    assert not (tmp_path / "out" / "weights.json").exists()


@pytest.mark.parametrize("method", ["ideal", "statistics-aware"])
@pytest.mark.parametrize(
    ("table", "line", "named"),
    [
        ("hardware.spread", "sigma_ln_rp = 0.2", "die.sigma_ln_rp = 0.2"),
        ("hardware.spread", "mismatch = 3", "die.mismatch = 3.0"),
        ("hardware.spread", 'short_resistance = "10 Ohm"', "die.short_resistance = 10.0"),
        ("hardware.rates", "short = 0.1", "share of shorts"),
    ],
)
def test_dies_beyond_the_cards_range_are_refused_before_anything_is_written(
    monkeypatch, capsys, spec, tmp_path, method, table, line, named
):
    rest = SPEC.replace("[hardware.rates]\nshort = 0.002\n", "")
    spec.write_text(f"{rest}[{table}]\n{line}\n")
    assert train(monkeypatch, spec, "--method", method, "--out", tmp_path / "out") == 2
    message = capsys.readouterr().err
    assert named in message
    assert "training.toml" in message
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "name", ["tiles.safetensors", "weights.json", "checkpoint.safetensors", "report.json", "judged"]
)
def test_what_stands_in_the_way_of_a_file_is_named_before_any_work(
    monkeypatch, capsys, spec, tmp_path, name
):
    there = tmp_path / "out" / name
    there.parent.mkdir()
    there.write_text("") if name == "judged" else there.mkdir()
    assert train(monkeypatch, spec, "--out", there.parent) == 2
    assert str(there) in capsys.readouterr().err
    assert list(there.parent.iterdir()) == [there]


def test_what_could_not_be_used_is_said_in_the_report_and_made_anew(
    monkeypatch, capsys, spec, tmp_path
):
    out = tmp_path / "out"
    assert train(monkeypatch, spec, "--out", out) == 0
    before = (out / "weights.json").read_bytes()
    capsys.readouterr()
    (out / "weights.json").write_bytes(before[:-9])
    (out / "checkpoint.safetensors").write_bytes(b"")
    judged = sorted((out / "judged").iterdir())
    judged[0].write_text("{}")
    assert train(monkeypatch, spec, "--out", out) == 0
    said = json.loads((out / "report.json").read_text())["warnings"]
    assert [line.split(":")[0] for line in said] == [
        "the weights are trained anew",
        "the training begins anew",
        "the weights are judged anew",
    ]
    assert "trained anew" in " ".join(capsys.readouterr().out.split())
    assert (out / "weights.json").read_bytes() == before
    assert train(monkeypatch, spec, "--out", out) == 0
    assert json.loads((out / "report.json").read_text())["warnings"] == []


def test_a_network_that_does_not_fit_says_how_many_tiles_it_needs(
    monkeypatch, capsys, spec, tmp_path
):
    spec.write_text(SPEC.replace("hidden = [12]", "hidden = [84]"))
    assert train(monkeypatch, spec, "--out", tmp_path / "out") == 2
    assert "needs 11 tiles of 25 x 25; the dies have 4" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_diverging_training_stops_and_says_so(monkeypatch, capsys, spec, tmp_path):
    spec.write_text(SPEC.replace("learning_rate = 0.05", "learning_rate = 1e3"))
    assert train(monkeypatch, spec, "--out", tmp_path / "out") == 2
    message = capsys.readouterr().err
    assert "training.learning_rate" in message
    assert "diverged in epoch" in message
    assert not (tmp_path / "out" / "weights.json").exists()


def test_the_spec_file_is_named_in_errors(monkeypatch, capsys, spec, tmp_path):
    spec.write_text(SPEC + "speed = 3\n")
    assert train(monkeypatch, spec, "--out", tmp_path / "out") == 2
    assert "training.toml: training.speed = 3" in capsys.readouterr().err
