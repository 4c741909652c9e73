"""The examples of the README run and say what it says."""

import json
import os
import re
import runpy
import shutil
import subprocess
import sys

import pytest

from mtjspice import cli
from mtjspice.spec import SignOff, read_spec

pytestmark = pytest.mark.ngspice


def command(monkeypatch, *arguments: str) -> int:
    """Run the command line in this process; the exit code."""
    monkeypatch.setattr(sys, "argv", ["mtjspice", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return ended.value.code


def report(folder) -> dict:
    """The machine-readable report without what differs from run to run."""
    content = json.loads((folder / "report.json").read_text())
    content.pop("times")
    return content


def test_the_wine_study_passes_twice_with_the_same_report(
    monkeypatch, capsys, repository, tmp_path
):
    spec = repository / "examples" / "wine" / "experiment.toml"
    for folder in (tmp_path / "one", tmp_path / "two"):
        assert command(monkeypatch, "run", spec, "--out", folder, "--jobs", "2") == 0
        assert "verdict: PASS" in capsys.readouterr().out
    first, second = report(tmp_path / "one"), report(tmp_path / "two")
    assert json.dumps(first) == json.dumps(second)
    value = {figure["name"]: figure["value"] for figure in first["figures"]}
    assert value["accuracy, all samples, SPICE"] >= 0.95
    assert first["warnings"] == []
    # Once more in the same folder: nothing is simulated again, and the report is the same.
    assert command(monkeypatch, "run", spec, "--out", tmp_path / "one", "--json") == 0
    content = json.loads(capsys.readouterr().out)
    assert content["times"]["simulations"] == {"run": 0, "found": 4}
    assert report(tmp_path / "one") == second
    manifest = json.loads((tmp_path / "one" / "manifest.json").read_text())
    stored = {path.stem for path in (tmp_path / "one" / "simulations").glob("*.nc")}
    assert set(manifest["simulations"]) == stored
    assert len(stored) == 4


def test_a_broken_limit_is_exit_code_1(monkeypatch, capsys, repository, tmp_path):
    text = (repository / "examples" / "wine" / "experiment.toml").read_text()
    text = text.replace("g_norm = [0.3", "g_norm = [1.5] # [0.3")
    spec = tmp_path / "broken.toml"
    spec.write_text(text)
    assert command(monkeypatch, "run", spec, "--out", tmp_path / "out") == 1
    assert "BROKEN" in capsys.readouterr().out
    assert report(tmp_path / "out")["verdict"] == "fail"


def test_a_study_on_gated_cells_with_amplifiers_runs_to_its_verdict(
    monkeypatch, capsys, repository, tmp_path
):
    text = (repository / "examples" / "wine" / "experiment.toml").read_text()
    amplifier = 'kind = "transimpedance"\nreference = 0.5\nzero = 1.0\nclip_low = 0.9'
    text = text.replace('kind = "passive"', 'kind = "gated"')
    text = text.replace('kind = "virtual_ground"', amplifier)
    text = re.sub(r"g_norm = .*", "g_norm = [0.4, 0.5]", text)
    spec = tmp_path / "gated.toml"
    spec.write_text(re.sub(r"(\[limits\]).*", r"\1\nabove_chance = 0", text, flags=re.DOTALL))
    assert command(monkeypatch, "run", spec, "--out", tmp_path / "out", "--json") == 4
    content = json.loads(capsys.readouterr().out)
    assert content["verdict"] == "inconclusive"  # without limits nothing is judged
    assert max(content["levels"]["spice"]["accuracy"]["all"][0]) > 0.6
    assert any("clipped by the amplifier" in warning for warning in content["warnings"])


def test_one_published_solution_runs_through_the_same_path(
    monkeypatch, capsys, repository, shared_data, tmp_path
):
    spec = repository / "examples" / "wine_nist" / "experiment.toml"
    solutions = shared_data / "wine-nist"
    arguments = ("--solutions", solutions, "--only", "7", "--out", tmp_path, "--json")
    assert command(monkeypatch, "run", spec, *arguments) == 0
    content = json.loads(capsys.readouterr().out)
    assert content["networks"] == ["solution 7"]
    judged = [figure for figure in content["figures"] if figure["limit"]]
    assert all("for all samples like these, 148 of 178 trained with" in f["how"] for f in judged)
    assert content["samples"] == {"source": "Wine data in NIST's split", "train": 148, "test": 30}


def test_one_array_is_simulated_and_written(monkeypatch, capsys, repository):
    spec = repository / "examples" / "array" / "array.toml"
    cli.app(["simulate", str(spec), "--json"], standalone_mode=False)
    currents = json.loads(capsys.readouterr().out)["current"]
    assert [len(row) for row in currents] == [4, 4]
    cli.app(["netlist", str(spec)], standalone_mode=False)
    assert capsys.readouterr().out.endswith(".end\n")


def test_the_tutorial_of_one_array(capsys, repository):
    runpy.run_path(str(repository / "examples" / "array" / "read_one_array.py"))
    printed = capsys.readouterr().out
    assert "worst junction" in printed
    assert "PySpice has the circuit" in printed


def test_doctor_finds_everything(monkeypatch, capsys):
    assert command(monkeypatch, "doctor", "--json") == 0
    found = {part["part"]: part for part in json.loads(capsys.readouterr().out)}
    assert found["ngspice"]["usable"]


def test_plain_ngspice_runs_the_netlist_of_a_tile_of_die20k(repository, tmp_path):
    die = repository / "examples" / "die20k" / "die.toml"
    cli.app(["netlist", str(die), "--tile", "7", "--out", str(tmp_path)], standalone_mode=False)
    done = subprocess.run(
        ["ngspice", "-b", "deck.cir"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert "No. of Data Rows : 10" in done.stdout
    assert not re.search("error|singular|aborted", done.stdout + done.stderr, re.IGNORECASE)


def test_the_tutorial_of_a_die(capsys, repository):
    runpy.run_path(str(repository / "examples" / "die20k" / "read_a_die.py"))
    printed = capsys.readouterr().out
    assert "32 tiles" in printed
    assert "% of full scale" in printed


@pytest.mark.slow
def test_the_tutorial_of_all_dies(monkeypatch, capsys, repository, tmp_path):
    script = repository / "examples" / "die20k" / "train_for_all_dies.py"
    monkeypatch.setattr(sys, "argv", [str(script), str(tmp_path / "dies")])
    runpy.run_path(str(script), run_name="__main__")
    printed = capsys.readouterr().out
    wrong = {m: float(e) for m, e in re.findall(r"([a-z-]+): ([0-9.]+) % wrong", printed)}
    assert wrong["statistics-aware"] < wrong["ideal"] < 10
    assert len(list((tmp_path / "dies").glob("die*.csv"))) == 6


def test_the_tutorial_of_a_passive_array_that_cannot_be_written(capsys, repository):
    runpy.run_path(str(repository / "examples" / "passive15" / "write_a_passive_array.py"))
    printed = capsys.readouterr().out
    assert "worst IR drop: the worst cell misses" in printed
    assert "slow_writes.toml, pulses of 5000 ns" in printed


@pytest.mark.slow
def test_the_tutorial_of_a_network_of_ones_own(capsys, repository):
    script = repository / "examples" / "own_network" / "own_loop.py"
    runpy.run_path(str(script), run_name="__main__")
    printed = capsys.readouterr().out
    assert "tiles of die20k in use: 5, on one die of 32" in printed
    wrong = {m: float(e) for m, e in re.findall(r"([a-z ]+): ([0-9.]+) % wrong, worst", printed)}
    assert wrong["trained for all dies"] < wrong["trained as if arrays were ideal"] < 10


@pytest.mark.slow
def test_the_tutorial_of_a_large_gated_array(capsys, repository):
    runpy.run_path(str(repository / "examples" / "gated64" / "how_large.py"))
    assert "rows narrow, one end, 64 x 64: " in capsys.readouterr().out


def test_the_tutorial_of_a_sign_off(monkeypatch, capsys, repository, tmp_path):
    script = repository / "examples" / "die20k" / "sign_off_weights.py"
    monkeypatch.setattr(sys, "argv", [str(script), str(tmp_path)])
    runpy.run_path(str(script), run_name="__main__")
    printed = capsys.readouterr().out
    assert "verdict: PASS" in printed
    assert report(tmp_path / "signoff")["verdict"] == "pass"
    simulated, images = map(int, re.findall(r"^(\d+) of (\d+) images", printed, re.MULTILINE)[0])
    assert 0 < simulated < images == 1000


def test_the_spec_of_a_sign_off_is_that_of_the_defaults_but_for_one_limit(repository):
    spec = read_spec(repository / "examples" / "die20k" / "signoff.toml", SignOff)
    limits = spec.limits.replace(accuracy_die=None)
    assert spec.replace(name="sign-off", limits=limits) == SignOff()


@pytest.mark.parametrize("name", ["slurm", "lsf"])
def test_the_workers_of_a_cluster_can_be_tried_on_this_machine(repository, name):
    script = repository / "examples" / "cluster" / f"{name}.py"
    command = [sys.executable, str(script), "--local"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    told = r"mtjspice signoff WEIGHTS --dies DIES --scheduler tcp://[0-9.]+:[0-9]+\n"
    assert re.fullmatch(told, done.stdout)
    assert done.stderr == ""


def test_the_workers_of_a_cluster_can_ask_for_certificates(repository, tmp_path):
    """With the configuration that docs/signoff.md shows."""
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("openssl, which makes certificates, is not installed")
    shown = (repository / "docs" / "signoff.md").read_text()
    (configuration,) = re.findall(r"```yaml\n(.*?)```", shown, re.DOTALL)
    (request,) = re.findall(r"openssl (req .*)", shown)
    subprocess.run([program, *request.split()], cwd=tmp_path, capture_output=True, check=True)
    shutil.copy(tmp_path / "own.pem", tmp_path / "ca.pem")
    (tmp_path / "tls.yaml").write_text(configuration.replace("/path/", f"{tmp_path}/"))
    done = subprocess.run(
        [sys.executable, repository / "examples" / "cluster" / "slurm.py", "--local", "--tls"],
        env=os.environ | {"DASK_CONFIG": str(tmp_path)},
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert re.fullmatch(r"mtjspice signoff .* --scheduler tls://[0-9.]+:[0-9]+\n", done.stdout)
    assert done.stderr == ""
