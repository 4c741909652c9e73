"""Files that specs name: from the folder of the spec, whatever folder the command runs in."""

import json
import shutil
from pathlib import Path

import pytest
from unit.builders import EXPERIMENT, STUDY, experiment
from unit.commands import assert_refused, caller

from mtjspice.data.weights import ABOUT
from mtjspice.netlist.identity import simulation_key
from mtjspice.reproduce.goodwill2022.spec import Goodwill
from mtjspice.spec import Experiment, GatedCell, Hardware, Study, Technology, read_spec
from mtjspice.spec.training import TrainingStudy
from mtjspice.surrogate.card import load_card, save_card

GATED = EXPERIMENT + '[crossbar.cell]\nkind = "gated"\n[technology]\ncard = "{}"\n'
NGSPICE = "ngspice 46 (KLU)"


@pytest.fixture
def call(monkeypatch, capsys):
    return caller(monkeypatch, capsys)


@pytest.fixture
def folder(tmp_path, monkeypatch, repository) -> Path:
    """Holds a library; the working folder is another."""
    made = tmp_path / "specs"
    (made / "down").mkdir(parents=True)
    shutil.copy(repository / "models" / "cmos33_bsim4.lib", made / "own.lib")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    return made


def gated(folder: Path, name: str, file: str = "spec.toml") -> Experiment:
    (folder / file).write_text(GATED.format(name))
    return read_spec(folder / file, Experiment)


@pytest.mark.parametrize("name", ["own.lib", "./own.lib", "down/../own.lib", "../specs/own.lib"])
def test_a_library_is_looked_for_beside_the_spec(folder, name):
    made = gated(folder, name)
    assert made.technology.card == str(folder / "own.lib")
    assert made.technology.replace(corner="ff").card == str(folder / "own.lib")
    assert simulation_key(made, NGSPICE)


def test_a_spec_in_another_folder_looks_from_there(folder):
    assert gated(folder, "../own.lib", "down/spec.toml").technology.card == str(folder / "own.lib")


def test_an_absolute_path_and_a_name_stay(folder):
    for name in ("/somewhere/own.lib", "cmos12_bsim4"):
        assert gated(folder, name).technology.card == name


def test_a_spec_given_by_a_relative_path_names_absolute_ones(folder, monkeypatch):
    gated(folder, "own.lib")
    monkeypatch.chdir(folder)
    made = read_spec(Path("spec.toml"), Experiment)
    monkeypatch.chdir("/")
    assert made.technology.card == str(folder / "own.lib")
    assert simulation_key(made, NGSPICE)


def test_python_users_name_files_from_the_working_folder(folder, monkeypatch):
    assert Technology(card="own.lib").card == "own.lib"
    monkeypatch.chdir(folder)
    made = experiment(crossbar={"cell": GatedCell()}, technology=Technology(card="own.lib"))
    assert simulation_key(made, NGSPICE)


TRAINING = 'name = "s"\n[hardware]\ncard = "own.card.json"\n'
SENSE = '[periphery]\nkind = "sense_amplifier"\ncard = "own.lib"\n'


@pytest.mark.parametrize(
    ("text", "kind", "found"),
    [
        (TRAINING, TrainingStudy, lambda spec: spec.hardware.card),
        (EXPERIMENT + SENSE, Experiment, lambda spec: spec.periphery.card),
        (STUDY + '[technology]\ncard = "down/own.lib"\n', Study, lambda spec: spec.technology.card),
        ('card = "own.card.json"\n[study]\n' + STUDY.replace("\n[", "\n[study."), Goodwill,
         lambda spec: spec.card),
    ],
)  # fmt: skip
def test_every_file_that_a_spec_names_is_looked_for_beside_it(folder, text, kind, found):
    (folder / "spec.toml").write_text(text)
    name = "down/own.lib" if "down" in text else "own.lib" if "own.lib" in text else "own.card.json"
    assert found(read_spec(folder / "spec.toml", kind)) == str(folder / name)


def test_a_missing_library_is_refused_with_the_place_it_was_looked_for(folder, call):
    gated(folder, "gone.lib")
    answer = call("simulate", folder / "spec.toml")
    assert_refused(answer, folder, str(folder / "spec.toml"), str(folder / "gone.lib"), "cmos33")


# Keys do not depend on the place.


def test_a_simulations_key_depends_on_what_a_library_says_alone(folder, tmp_path):
    first = simulation_key(gated(folder, "own.lib"), NGSPICE)
    shutil.copytree(folder, tmp_path / "moved")
    (tmp_path / "moved" / "own.lib").rename(tmp_path / "moved" / "other.lib")
    moved = gated(tmp_path / "moved", "other.lib")
    assert simulation_key(moved, NGSPICE) == first
    assert simulation_key(gated(folder, "cmos33_bsim4"), NGSPICE) == first
    text = (folder / "own.lib").read_text()
    (folder / "own.lib").write_text(text.replace("vth0=0.6", "vth0=0.61"))
    assert simulation_key(gated(folder, "own.lib"), NGSPICE) != first


def test_a_specs_key_holds_the_name_of_a_file_and_not_its_folder(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "moved")
    here, there = gated(folder, "own.lib"), gated(tmp_path / "moved", "own.lib")
    assert here.key() == there.key()
    assert here != there  # different files may say different things
    assert here.key() != gated(folder, "cmos33_bsim4").key()
    assert Hardware(card="/a/own.card.json").key() != Hardware(card="/a/other.card.json").key()


def test_a_calibration_card_names_its_library_from_its_own_folder_on(folder, tmp_path):
    known = load_card("die20k")
    technology = known.circuit.technology.replace(card=str(folder / "own.lib"))
    made = known.replace(circuit=known.circuit.replace(technology=technology))
    out = folder / "out"
    out.mkdir()
    save_card(made, out / "own.card.json")
    content = json.loads((out / "own.card.json").read_text())["card"]
    assert content["circuit"]["technology"]["card"] == "../own.lib"
    assert load_card(out / "own.card.json") == made
    shutil.move(folder, tmp_path / "moved")
    moved = load_card(tmp_path / "moved" / "out" / "own.card.json")
    assert moved.circuit.technology.card == str(tmp_path / "moved" / "own.lib")
    assert moved.key() == made.key()


@pytest.mark.parametrize("name", ["../models/die20k", "./die20k", "die20k.card", "a/b"])
def test_a_path_is_never_taken_for_a_card_that_ships(name, repository, monkeypatch):
    monkeypatch.chdir(repository / "docs")
    with pytest.raises(Exception, match=r"cannot be read|is not a calibration card"):
        load_card(name)


# What was reproduced: commands with a hostile library.

HOSTILE = ".lib tt\n{}\n.model nmos_33 nmos level=1\n.endl\n"
LAYOUT = """\
name = "array"
[crossbar]
rows = 4
columns = 4
[crossbar.cell]
kind = "gated"
[technology]
card = "hostile.lib"
"""
CALIBRATION = LAYOUT.replace('"array"', '"card"') + "[dac]\nlow = -1.0\n"


@pytest.mark.parametrize(
    "line",
    [
        ".control\nshell touch {mark}\n.endc", ".CONTROL\nshell touch {mark}\n.ENDC",
        ".include {mark}", ".option gmin=1e-3", ".option reltol=0.9", ".option scale=2",
        ".temp 120", ".param temper=120", "*#shell touch {mark}\n.options x",
    ],
)  # fmt: skip
@pytest.mark.parametrize("command", ["simulate", "netlist", "layout", "calibrate"])
def test_a_hostile_library_is_refused_before_anything_is_done(
    folder, tmp_path, call, command, line
):
    mark = tmp_path / "mark"
    text = {"layout": LAYOUT, "calibrate": CALIBRATION}.get(command, GATED.format("hostile.lib"))
    (folder / "spec.toml").write_text(text)
    (folder / "hostile.lib").write_text(HOSTILE.format(line.format(mark=mark)))
    out = folder / ("kept" if command == "simulate" else "out")
    answer = call(command, folder / "spec.toml", "--out", out)
    at = 3 if line.startswith("*#") else 2
    assert_refused(answer, folder, folder / "spec.toml", folder / "hostile.lib", f"line {at} = ")
    assert not mark.exists()
    assert not [file for file in (folder / "kept").rglob("*") if file.is_file()]


def test_weights_do_not_lead_to_a_library(folder, tmp_path, call):
    from unit.test_cli_signoff import network  # noqa: PLC0415

    from mtjspice.data.defects import save_dies  # noqa: PLC0415
    from mtjspice.data.weights import save_weights  # noqa: PLC0415
    from mtjspice.device.dies import draw_dies  # noqa: PLC0415

    mark = tmp_path / "mark"
    (folder / "hostile.lib").write_text(HOSTILE.format(f".control\nshell touch {mark}\n.endc"))
    known = load_card("die20k")
    technology = known.circuit.technology.replace(card=str(folder / "hostile.lib"))
    save_card(
        known.replace(circuit=known.circuit.replace(technology=technology)),
        folder / "theirs.card.json",
    )
    weights = network(str(folder / "theirs.card.json"))
    save_weights(folder / "weights", weights, {})
    hardware = weights.study.hardware
    save_dies(
        folder / "dies", draw_dies(hardware.spread, hardware.rates, (25, 25), hardware.tiles, 1, 4)
    )
    given = ("signoff", folder / "weights", "--dies", folder / "dies", "--images", 3)
    assert_refused(call(*given), folder, "study.hardware.card", "--card FILE")
    answer = call(*given, "--card", folder / "theirs.card.json", "--out", folder / "out")
    assert answer.code == 2
    assert f"{folder / 'hostile.lib'}: line 2 = '.control'" in answer.err
    assert not mark.exists()
    assert (folder / "weights" / ABOUT).exists()
