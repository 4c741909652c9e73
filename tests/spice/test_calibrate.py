"""Calibration the whole way: ngspice, fit, card, report; cut off, failing, and by command line."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from reference.raw import read_raw

from mtjspice import cli
from mtjspice.calibrate.findings import CalibrationStory
from mtjspice.calibrate.plan import CLUSTERED, HARD, KINDS, LINES, SEARCHED, Run, make_plan
from mtjspice.calibrate.run import card_path, run_calibration
from mtjspice.calibrate.searched import searched_runs
from mtjspice.collect import Simulator
from mtjspice.errors import InputError, SimulationError, SimulatorError
from mtjspice.spec import (
    Converter,
    Crossbar,
    Die,
    GatedCell,
    Line,
    PassiveCell,
    TransimpedanceAmplifier,
)
from mtjspice.spec.calibration import Calibration
from mtjspice.spec.toml import format_spec
from mtjspice.surrogate.card import load_card
from mtjspice.surrogate.model import Surrogate
from mtjspice.verdicts.figures import Verdict

pytestmark = pytest.mark.ngspice
CLOSE = 5e-4
"""Of full scale, RMS."""
LINE = Line(resistance=5.0, end=50.0)
SPECS = {
    "passive": Calibration(
        name="tiny-passive",
        crossbar=Crossbar(rows=4, columns=5, cell=PassiveCell(), row=LINE, column=LINE),
        die=Die(sigma_ln_rp=0.05, sigma_ln_tmr=0.05),
        dac=Converter(low=-2.5, high=2.5),
        plan={
            "tiles": 1, "vectors": 12, "held_vectors": 8, "held_tiles": 5, "defective_tiles": 1,
            "short_tiles": 1, "hard_tiles": 1, "clustered_tiles": 1, "line_tiles": 1,
            "searched_tiles": 1, "searches": 40, "sizes": (3,),
        },
        limits={
            "new_tiles_rms": CLOSE, "new_inputs_rms": CLOSE, "equal_signs": 0.9,
            "tiles": "simulated",
        },
    ),
    "gated": Calibration(
        name="tiny-gated",
        crossbar=Crossbar(rows=4, columns=5, cell=GatedCell(), row=LINE, column=LINE),
        die=Die(sigma_ln_rp=0.05, mismatch=1.0),
        periphery=TransimpedanceAmplifier(
            gain=1e4, input_resistance=5.0, clip_low=-2.5, clip_high=2.5
        ),
        dac=Converter(low=-2.5, high=2.5),
        adc=Converter(low=-2.5, high=2.5),
        plan={
            "tiles": 1, "vectors": 12, "held_vectors": 8, "held_tiles": 3, "defective_tiles": 1,
            "short_tiles": 3, "hard_tiles": 1, "clustered_tiles": 1, "line_tiles": 1,
            "searched_tiles": 1, "searches": 40, "sizes": (),
        },
        limits={"new_tiles_rms": CLOSE, "shorts_rms": 2 * CLOSE, "tiles": "simulated"},
    ),
}  # fmt: skip
EACH = pytest.mark.parametrize("kind", SPECS)


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Callable[[str], tuple[Path, CalibrationStory]]:
    """Folder and outcome of a calibration that was run once for all tests."""
    made: dict[str, tuple[Path, CalibrationStory]] = {}

    def of(kind: str) -> tuple[Path, CalibrationStory]:
        if kind not in made:
            out = tmp_path_factory.mktemp(kind)
            made[kind] = out, run_calibration(SPECS[kind], out, jobs=2)
        return made[kind]

    return of


@pytest.fixture
def no_pictures(monkeypatch) -> None:
    """They take most of the time."""
    for name in ("distribution_plot", "current_plot", "distance_plot", "size_plot"):
        monkeypatch.setattr(f"mtjspice.calibrate.page.{name}", lambda groups: "<svg/>")


@pytest.fixture
def copied(finished, tmp_path, no_pictures) -> Callable[[str], Path]:
    """A copy of the folder of a finished calibration, to be spoilt; no more pictures are drawn."""

    def of(kind: str) -> Path:
        out = tmp_path / "out" / SPECS[kind].name
        shutil.copytree(finished(kind)[0], out)
        return out

    return of


@pytest.fixture
def failing(monkeypatch) -> Callable[..., list[str]]:
    """Make simulations of a plan fail; their results are in the store all the same."""
    real = Simulator.attempt

    def fail(spec: Calibration, wanted: Callable[[str], bool]) -> list[str]:
        names = [run.name for run in make_plan(spec)]

        def attempt(self, experiments, progress=None):
            found = real(self, experiments, progress)
            if len(found) != len(names):  # those with searched inputs, which follow
                return found
            return [
                SimulationError("made to fail", run_dir=Path("kept"), log="") if wanted(n) else one
                for n, one in zip(names, found, strict=True)
            ]

        monkeypatch.setattr(Simulator, "attempt", attempt)
        return [name for name in names if wanted(name)]

    return fail


@pytest.fixture
def mtjspice(tmp_path, monkeypatch, capsys):
    """The command line, in this process and an empty folder; (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["mtjspice", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            cli.main()
        said = capsys.readouterr()
        return left.value.code or 0, said.out, said.err

    return call


def report(out: Path) -> dict:
    return json.loads((out / "report.json").read_text(encoding="utf-8"))


def without_times(out: Path) -> dict:
    return {key: part for key, part in report(out).items() if key != "times"}


def card_bytes(out: Path) -> bytes:
    (path,) = out.glob("*.card.json")
    return path.read_bytes()


def every_run(kind: str, outcome: CalibrationStory) -> list[Run]:
    """The plan, and the runs whose inputs were searched: they follow from the written card."""
    spec = SPECS[kind]
    return [*make_plan(spec), *searched_runs(outcome.card, spec)]


def written(spec: Calibration, folder: Path, **changes) -> Path:
    path = folder / "spec.toml"
    path.write_text(format_spec(spec.replace(**changes)), encoding="utf-8")
    return path


@EACH
def test_a_small_calibration_gives_a_card_that_follows_ngspice(finished, kind):
    out, outcome = finished(kind)
    assert outcome.verdict is Verdict.PASS
    assert outcome.failures == []
    assert card_path(SPECS[kind], out) == out / f"{SPECS[kind].name}.card.json"
    assert load_card(card_path(SPECS[kind], out)) == outcome.card
    full = {line.group: line for line in outcome.card.errors if line.level == "full"}
    assert {"new inputs", "new tiles", "defects", "shorts", HARD, CLUSTERED, LINES} <= set(full)
    assert {f"{SEARCHED}{of}" for of in KINDS} <= set(full)
    assert outcome.card.broken == ()
    for group, line in full.items():
        bound = 4 * CLOSE if group == "defects" else CLOSE
        assert line.rms < bound, group
        assert line.rms <= line.maximum < 10 * bound, group
        assert line.p999 <= line.maximum
    rms = {(line.group, line.level): line.rms for line in outcome.card.errors}
    assert rms["new tiles", "full"] < 0.2 * rms["new tiles", "linear"]


@EACH
def test_every_file_is_written_and_nothing_else(finished, kind):
    out, outcome = finished(kind)
    names = {path.name for path in out.iterdir()}
    assert names == {
        "simulations", "worst", "report.html", "report.json", "manifest.json",
        card_path(SPECS[kind], out).name,
    }  # fmt: skip
    runs = every_run(kind, outcome)
    assert len(list((out / "simulations").glob("*.nc"))) == len(runs) == outcome.card.planned
    manifest = json.loads((out / "manifest.json").read_text())
    assert len(manifest["simulations"]) == len(runs)
    assert manifest["spec_key"] == SPECS[kind].key()
    stored = {path.stem for path in (out / "simulations").iterdir()}
    assert stored == set(manifest["simulations"])


@EACH
def test_the_report_states_verdict_figures_and_versions(finished, kind):
    out, outcome = finished(kind)
    said = report(out)
    assert said["card"] == SPECS[kind].name
    assert said["verdict"] == "pass"
    assert said["failures"] == []
    assert said["versions"] == outcome.card.versions
    value = {figure["name"]: figure["value"] for figure in said["figures"]}
    for line in outcome.card.errors:
        assert value[f"{line.group}, {line.level}: RMS error"] == line.rms
    assert value["simulations completed"] == 1
    limited = {f["name"] for f in said["figures"] if f["limit"]}
    wanted = {
        "passive": {"new tiles, full: RMS error", "new inputs, full: RMS error"},
        "gated": {"new tiles, full: RMS error", "shorts, full: RMS error"},
    }
    assert wanted[kind] < {name.split(", on ")[0] for name in limited}
    assert "held on the tiles simulated only" in said["reach"]
    figures = (f["name"] for f in said["figures"] if f["limit"])
    few = sum(name.endswith(("tile simulated", "tiles simulated")) for name in figures)
    words = f"PASS, but {few} of "
    assert said["statement"].startswith(words)
    assert said["statement"].endswith("on the tiles simulated only")
    assert words in (out / "report.html").read_text()


@EACH
def test_the_page_needs_no_other_file_and_shows_every_group(finished, kind):
    out, outcome = finished(kind)
    page = (out / "report.html").read_text(encoding="utf-8")
    text = re.sub(r'"data:[^"]+"', '""', page)
    assert not re.search(r"https?://|file:|@import|url\(|<script|<link|<iframe", text)
    for link in set(re.findall(r'(?:src|href)="([^"]+)"', text)):
        assert (out / link).is_file(), link
    assert "PASS" in text
    for group in {line.group for line in outcome.card.errors}:
        assert re.search(rf"<td>{group}</td>", text), group
    words = re.sub(r"<[^>]+>", " ", text)
    assert not re.search(r"\b(nan|inf|None|Traceback)\b", words, re.IGNORECASE)
    for name in ("report.json", "manifest.json", card_path(SPECS[kind], out).name):
        assert not re.search(r"\bNaN\b", (out / name).read_text(encoding="utf-8"))


@EACH
def test_worst_cases_give_the_stated_currents_in_plain_ngspice(finished, kind, tmp_path):
    out, _ = finished(kind)
    spec, cases = SPECS[kind], report(out)["worst"]
    assert 1 <= len(cases) <= 6
    assert len({case["netlist"] for case in cases}) == len(cases)
    errors = [abs(case["error"]) for case in cases]
    assert errors == sorted(errors, reverse=True)
    for case in (cases[0], cases[-1]):
        raw = tmp_path / "out.raw"
        command = ["ngspice", "-b", "-r", str(raw), str(out / case["netlist"])]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        (current,) = read_raw(raw)[f"i(vcol{case['column']})"]
        scale = 3 * spec.read_voltage / spec.crossbar.cell.mtj.r_p
        assert current == pytest.approx(case["spice"], rel=0, abs=1e-6 * scale)


def test_a_worst_case_prints_its_currents(finished, tmp_path):
    out, _ = finished("passive")
    case = report(out)["worst"][0]
    command = ["ngspice", "-b", str(out / case["netlist"])]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert f"vcol{case['column']}#branch" in done.stdout
    printed = [float(x) for x in re.findall(r"-?\d\.\d+e[+-]\d+", done.stdout)]
    assert min(abs(x - case["spice"]) for x in printed) < 1e-5 * abs(case["spice"])


@EACH
def test_the_surrogate_of_the_written_card_gives_the_stated_worst_currents(finished, kind):
    out, outcome = finished(kind)
    surrogate = Surrogate(load_card(card_path(SPECS[kind], out)))
    runs = {run.name: run.experiment for run in every_run(kind, outcome)}
    for case in report(out)["worst"]:
        e = runs[case["name"]]
        volts = torch.tensor(e.stimulus.volts[case["vector"]])[None]
        made = surrogate(volts, surrogate.program([e]))[0, 0, case["column"]]
        assert float(made) == pytest.approx(case["surrogate"], rel=1e-9, abs=1e-15)


@EACH
def test_a_second_run_finds_every_simulation_and_writes_the_same(copied, finished, kind):
    out = copied(kind)
    outcome = run_calibration(SPECS[kind], out, jobs=1)
    assert report(out)["times"]["simulations"] == {"run": 0, "found": outcome.card.planned}
    assert outcome.verdict is Verdict.PASS
    first, _ = finished(kind)
    assert card_bytes(out) == card_bytes(first)
    assert without_times(out) == without_times(first)
    assert (out / "manifest.json").read_bytes() == (first / "manifest.json").read_bytes()
    for path in (first / "worst").iterdir():
        assert (out / "worst" / path.name).read_bytes() == path.read_bytes()


@pytest.mark.slow
def test_another_folder_and_another_number_of_workers_give_the_same_card(
    finished, tmp_path, no_pictures
):
    first, _ = finished("passive")
    run_calibration(SPECS["passive"], tmp_path / "fresh", jobs=1)
    assert card_bytes(tmp_path / "fresh") == card_bytes(first)
    assert without_times(tmp_path / "fresh") == without_times(first)


@pytest.mark.parametrize("damage", ["deleted", pytest.param("cut", marks=pytest.mark.slow)])
def test_only_what_is_missing_is_simulated_again(copied, finished, damage):
    out = copied("passive")
    lost = sorted((out / "simulations").iterdir())[3]
    if damage == "deleted":
        lost.unlink()
    else:
        lost.write_bytes(lost.read_bytes()[:1000])
    for name in ("report.json", "tiny-passive.card.json", "worst/1.cir"):
        (out / name).unlink()
    run_calibration(SPECS["passive"], out, jobs=1)
    found = finished("passive")[1].card.planned - 1
    assert report(out)["times"]["simulations"] == {"run": 1, "found": found}
    first, _ = finished("passive")
    assert card_bytes(out) == card_bytes(first)
    assert (out / "worst" / "1.cir").is_file()


def test_a_card_without_the_simulations_that_failed_names_them(copied, failing):
    out, spec = copied("passive"), SPECS["passive"]
    (name,) = failing(spec, lambda name: name == "new tiles 1")
    outcome = run_calibration(spec, out, jobs=1)
    assert outcome.verdict is Verdict.PASS
    card = load_card(card_path(spec, out))
    assert card.failed == (name,)
    assert outcome.failures == [f"{name}: made to fail (kept)"]
    assert (out / "failures.txt").read_text() == f"{name}: made to fail (kept)\n"
    said = report(out)
    assert said["failures"] == outcome.failures
    page = (out / "report.html").read_text(encoding="utf-8")
    assert f"{name}: made to fail" in page
    assert all(case["name"] != name for case in said["worst"])
    lines = {(line.group, line.level): line for line in card.errors}
    assert lines["new tiles", "full"].tiles == spec.plan.held_tiles - 1


def test_failures_that_are_mended_leave_no_list(copied, finished, failing, monkeypatch):
    out, spec = copied("passive"), SPECS["passive"]
    real = Simulator.attempt
    failing(spec, lambda name: name == "shorts 0")
    run_calibration(spec, out, jobs=1)
    assert (out / "failures.txt").is_file()
    monkeypatch.setattr(Simulator, "attempt", real)
    run_calibration(spec, out, jobs=1)
    assert not (out / "failures.txt").exists()
    assert card_bytes(out) == card_bytes(finished("passive")[0])


def test_files_of_the_user_in_the_output_folder_stay(copied, failing, monkeypatch):
    out, spec = copied("passive"), SPECS["passive"]
    mine = {"worst/mine.cir": "mine", "worst/1.cir": "changed by me", "failures.txt": "of my own"}
    for name, text in mine.items():
        (out / name).write_text(text)
    real = Simulator.attempt
    failing(spec, lambda name: name == "shorts 0")
    run_calibration(spec, out, jobs=1)
    assert (out / "failures-2.txt").read_text().startswith("shorts 0: made to fail")
    assert report(out)["worst"][0]["netlist"] == "worst/1-2.cir"
    assert (out / "worst" / "1-2.cir").is_file()
    monkeypatch.setattr(Simulator, "attempt", real)
    run_calibration(spec, out, jobs=1)
    assert not (out / "failures-2.txt").exists()
    assert {name: (out / name).read_text() for name in mine} == mine
    listed = json.loads((out / "manifest.json").read_text())["files"]
    named = {case["netlist"] for case in report(out)["worst"]}
    assert (
        named == set(listed) == {f"worst/{p.name}" for p in (out / "worst").iterdir()} - set(mine)
    )


def test_limits_on_a_group_that_failed_whole_do_not_pass(copied, failing):
    out = copied("passive")
    spec = SPECS["passive"].replace(limits={"new_tiles_rms": CLOSE, "completed": 0.5})
    failing(spec, lambda name: name.startswith("new tiles"))
    outcome = run_calibration(spec, out, jobs=1)
    assert outcome.verdict is Verdict.FAIL
    broken = ("new tiles, full: RMS error",)
    assert load_card(card_path(spec, out)).broken == broken
    said = report(out)
    assert said["verdict"] == "fail"
    (figure,) = (f for f in said["figures"] if f["name"] in broken)
    assert figure["value"] == "not known"
    assert figure["holds"] is False
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "not known" in page
    assert "FAIL" in page


def test_a_card_is_written_when_every_tile_but_those_of_the_fit_failed(copied, failing):
    out = copied("passive")
    spec = SPECS["passive"].replace(limits={"completed": 0.1})
    failed = failing(spec, lambda name: not name.startswith("calibration"))
    outcome = run_calibration(spec, out, jobs=1)
    assert outcome.card.failed == tuple(failed)
    # Searched inputs are judged on sound tiles only: of others the card knows nothing.
    groups = {line.group for line in outcome.card.errors}
    assert groups == {"new inputs", f"{SEARCHED}sound"}


def test_too_many_failures_are_an_error_and_no_card(copied, failing):
    out, spec = copied("passive"), SPECS["passive"]
    (out / "tiny-passive.card.json").unlink()
    failed = failing(spec, lambda name: name.startswith(("new", "shorts", "defects")))
    with pytest.raises(SimulatorError) as caught:
        run_calibration(spec, out, jobs=1)
    assert caught.value.exit_code == 3
    for name in failed:
        assert name in str(caught.value)
    listed = (out / "failures.txt").read_text().splitlines()
    assert [line.split(":")[0] for line in listed] == failed
    assert list(out.glob("*.card.json")) == []


@pytest.mark.parametrize("lost", [("access 3",), ("amplifier",)], ids=str)
def test_sweeps_that_failed(copied, failing, lost):
    out = copied("gated")
    spec = SPECS["gated"]
    failing(spec, lambda name: name in lost)
    if lost == ("amplifier",):
        with pytest.raises(SimulatorError, match="amplifier"):
            run_calibration(spec, out, jobs=1)
        return
    outcome = run_calibration(spec, out, jobs=1)
    assert outcome.card.failed == lost
    assert outcome.verdict is Verdict.PASS


@EACH
def test_the_amplifier_and_the_access_device_are_in_the_card(finished, kind):
    card = finished(kind)[1].card
    if kind == "passive":
        assert card.access is None
        assert card.amplifier is None
        return
    assert card.amplifier.gain == pytest.approx(1e4, rel=1e-6)
    assert card.amplifier.input_resistance == pytest.approx(5.0, rel=1e-6)
    assert card.amplifier.deviation < 1e-6
    assert len(card.access.threshold_sigma) == 1
    forward, back = card.access.resistance
    assert forward[0] == back[0]
    assert 100 < forward[0][0] < 1e4
    assert all(
        line.equal_codes is not None and line.equal_codes > 0.5
        for line in card.errors
        if line.level == "full"
    )


def test_tiles_of_another_kind_or_size_are_refused_by_the_written_card(finished):
    cards = {kind: load_card(card_path(SPECS[kind], finished(kind)[0])) for kind in SPECS}
    runs = {kind: make_plan(SPECS[kind])[-1].experiment for kind in SPECS}
    with pytest.raises(InputError, match="cell"):
        Surrogate(cards["passive"]).program([runs["gated"]])
    with pytest.raises(InputError, match="cell"):
        Surrogate(cards["gated"]).program([runs["passive"]])


@pytest.mark.parametrize(
    ("limits", "code", "verdict"),
    [
        ({"new_tiles_rms": CLOSE, "tiles": "simulated"}, 0, "pass"),
        ({"new_tiles_rms": CLOSE}, 4, "inconclusive"),
        ({"new_tiles_rms": 0.0}, 1, "fail"),
    ],
    ids=["holds", "not decided", "broken"],
)
def test_the_exit_code_is_the_verdict(mtjspice, copied, tmp_path, limits, code, verdict):
    out = copied("passive")
    path = written(SPECS["passive"], tmp_path, limits=limits)
    left, said, _ = mtjspice("calibrate", path, "--jobs", "1")
    assert left == code
    assert f"verdict: {verdict.upper()}" in said
    assert ("BROKEN" in said) == (code == 1)
    assert "new tiles" in said
    assert f"out/{out.name}/report.html" in said
    assert report(out)["verdict"] == verdict
    (path,) = out.glob("*.card.json")
    assert ("PASS, but " in said) == (code == 0)
    assert ("not decided: new tiles, full: RMS error, on" in said) == (code == 4)
    against = "all tiles like these" if code == 1 else "the 5 tiles simulated"
    name = f"new tiles, full: RMS error, on {against}"
    assert f"limit: {name}: " in said
    assert "the tiles simulated only" in said
    broken = (name,) if code == 1 else ()
    assert load_card(path).broken == broken


def test_json_alone_is_printed(mtjspice, copied, tmp_path):
    out = copied("passive")
    path = written(SPECS["passive"], tmp_path)
    left, said, _ = mtjspice("calibrate", path, "--out", out, "--jobs", "1", "--json")
    assert left == 0
    assert json.loads(said) == report(out)


def test_too_many_failures_end_the_command_with_their_names(mtjspice, copied, failing, tmp_path):
    out, spec = copied("passive"), SPECS["passive"]
    (out / "tiny-passive.card.json").unlink()
    failed = failing(spec, lambda name: name.startswith("calibration"))
    left, said, complaint = mtjspice("calibrate", written(spec, tmp_path), "--jobs", "1")
    assert left == 3
    assert said == ""
    assert "Traceback" not in complaint
    for name in failed:
        assert name in complaint
    assert (out / "failures.txt").is_file()
    assert list(out.glob("*.card.json")) == []


def test_failures_are_warned_of(mtjspice, copied, failing, tmp_path):
    copied("passive")
    spec = SPECS["passive"]
    failing(spec, lambda name: name == "defects 0")
    left, said, _ = mtjspice("calibrate", written(spec, tmp_path), "--jobs", "1")
    assert left == 0
    assert "simulation failed: defects 0: made to fail" in said


def test_limits_that_could_not_be_judged_are_printed_as_broken(mtjspice, copied, failing, tmp_path):
    copied("passive")
    spec = SPECS["passive"].replace(limits={"new_tiles_rms": CLOSE, "completed": 0.5})
    failing(spec, lambda name: name.startswith("new tiles"))
    left, said, _ = mtjspice("calibrate", written(spec, tmp_path), "--jobs", "1")
    assert left == 1
    assert f"new tiles, full: RMS error: not known {CLOSE:g}: BROKEN" in said


def test_another_seed_is_another_card(mtjspice, copied, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(
        "mtjspice.calibrate.run.run_calibration",
        lambda spec, out, **_: asked.append((spec.seed, out)) or sys.exit(0),
    )
    path = written(SPECS["passive"], tmp_path)
    assert mtjspice("calibrate", path, "--seed", "7")[0] == 0
    assert asked == [(7, Path("out/tiny-passive"))]


CROSSBAR = "[crossbar]\nrows = 5\ncolumns = 5\n"
UNIPOLAR = "name = 'small'\n" + CROSSBAR
SMALL = UNIPOLAR + "[dac]\nlow = -2.5\nhigh = 2.5\n"
REFUSED = {
    "defects": (
        SMALL + "[[die.defects]]\nkind = 'open'\nrow = 0\ncolumn = 0\n",
        ("die.defects", "must be left out"),
    ),
    "unknown key": (
        SMALL + "[plan]\nvector = 60\n",
        ("plan.vector = 60", "unknown key", "vectors"),
    ),
    "unknown table": (SMALL + "[plans]\nvectors = 60\n", ("plans", "unknown key", "plan")),
    "few vectors": (SMALL + "[plan]\nvectors = 11\n", ("plan.vectors = 11", "12")),
    "no tiles": (SMALL + "[plan]\ntiles = 0\n", ("plan.tiles = 0", "1")),
    "share": (SMALL + "[limits]\ncompleted = 1.1\n", ("limits.completed = 1.1", "1")),
    "per cent": (SMALL + "[limits]\nnew_tiles_rms = 5\n", ("limits.new_tiles_rms = 5", "1")),
    "unit": (SMALL + "[limits]\nnew_tiles_rms = '1 V'\n", ("limits.new_tiles_rms", "1 V")),
    "voltage": ("read_voltage = 0.0\n" + SMALL, ("read_voltage = 0.0", "from 1 µV (1e-06)")),
    "unit of voltage": ("access_volts = '1 A'\n" + SMALL, ("access_volts = '1 A'", "unit V")),
    "no name": (SMALL.removeprefix("name = 'small'\n"), ("name", "is required")),
    "no crossbar": (SMALL.replace(CROSSBAR, ""), ("crossbar", "is required")),
    "transistor": (
        SMALL + "[crossbar.cell]\nkind = 'gated'\n[crossbar.cell.access]\nmodel = 'none'\n"
        "width = '1um'\nlength = '1um'\n",
        ("none",),
    ),
    "card": (
        SMALL + "[crossbar.cell]\nkind = 'gated'\n[technology]\ncard = 'no such card'\n",
        ("no such card",),
    ),
    "name with a folder": (SMALL.replace("small", "a/b"), ("name is one line of",)),
    "seed": ("seed = 9223372036854775807\n" + SMALL, ("seed must be at most",)),
    "low potential": ("potential = 0.05\n" + SMALL, ("potential (0.05 V)", "read_voltage (0.1 V)")),
    "low access voltage": ("access_volts = 0.1\n" + SMALL, ("access_volts (0.1 V)", "1.5 read")),
    "sizes named twice": (SMALL + "[plan]\nsizes = [3, 3]\n", ("plan", "sizes must differ")),
    "unipolar converter": (
        UNIPOLAR + "[dac]\nlow = 0.0\nhigh = 5.0\n",
        ("from -0.1 to 0.1 V", "the DAC gives 0 to"),
    ),
    "coarse converter": (SMALL + "bits = 3\n", ("dac has steps of 0.625 V", "a tenth")),
    "converter with an offset": (SMALL + "offset = 0.01\n", ("dac.offset (0.01 V)", "half a step")),
}


@pytest.mark.parametrize(("text", "words"), REFUSED.values(), ids=REFUSED)
def test_a_wrong_spec_is_refused_by_file_and_key(mtjspice, tmp_path, monkeypatch, text, words):
    def submit(self, *arguments):
        raise AssertionError("nothing may be simulated for a spec that is refused")

    monkeypatch.setattr("mtjspice.collect.simulator.WorkerPool.submit", submit)
    (tmp_path / "spec.toml").write_text(text)
    left, said, complaint = mtjspice("calibrate", "spec.toml", "--jobs", "1")
    assert left == 2, complaint
    assert said == ""
    assert "spec.toml" in complaint
    for word in words:
        assert word in complaint
    assert "pydantic" not in complaint


@pytest.mark.parametrize(
    "shape", [(2, 2), *(pytest.param(s, marks=pytest.mark.slow) for s in ((3, 1), (1, 3)))], ids=str
)
def test_the_smallest_arrays_can_be_calibrated_or_are_refused_before_anything_runs(
    tmp_path, shape, request
):
    if shape != (1, 3):
        request.getfixturevalue("no_pictures")
    spec = SPECS["passive"]
    crossbar = spec.crossbar.replace(rows=shape[0], columns=shape[1])
    made = spec.replace(crossbar=crossbar, plan=spec.plan.replace(sizes=()))
    try:
        outcome = run_calibration(made, tmp_path / "out", jobs=1)
    except InputError:
        assert not list((tmp_path / "out").glob("simulations/*.nc"))
        return
    errors = [line.rms for line in outcome.card.errors if line.level == "full"]
    assert np.isfinite(errors).all()
    assert max(errors) < CLOSE
