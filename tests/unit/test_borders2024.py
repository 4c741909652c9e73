"""The reproduction of Borders et al. (2024) without a simulator: spec, figures, report, errors."""

import gzip
import hashlib
import json
import math
import re
import sys
import urllib.error

import numpy as np
import pytest
from scipy import stats

from mtjspice import cli
from mtjspice.data import mnist
from mtjspice.data.mnist import FILES, find_mnist
from mtjspice.data.outputs import Outputs
from mtjspice.device.dies import draw_die
from mtjspice.errors import CapacityError, InputError
from mtjspice.reproduce.borders2024 import run as borders
from mtjspice.reproduce.borders2024.figures import figures_of
from mtjspice.reproduce.borders2024.findings import (
    AWARE,
    AWARE_PLAIN,
    DEEP,
    OTHERS,
    OWN,
    RETRAINED,
    UNAWARE,
    UNAWARE_SHAPED,
    Audit,
    BordersStory,
    Findings,
    Judged,
)
from mtjspice.reproduce.borders2024.page import rows_of, write_borders
from mtjspice.reproduce.borders2024.plots import JUNCTIONS, map_plot
from mtjspice.reproduce.borders2024.run import _merged, shipped_spec
from mtjspice.reproduce.borders2024.runs import drawn, explore
from mtjspice.reproduce.borders2024.spec import Borders
from mtjspice.spec import Defect, Die, format_spec, parse_spec
from mtjspice.spec.defects import DEFECTS, OF_JUNCTION
from mtjspice.spec.rates import DefectRates
from mtjspice.surrogate.card import load_card
from mtjspice.verdicts.figures import Verdict

KINDS = (UNAWARE, UNAWARE_SHAPED, OWN, OTHERS, AWARE_PLAIN, AWARE)
VARIANTS = [(quick, digits) for quick in (False, True) for digits in (False, True)]


def spec() -> Borders:
    """The one that ships with few entries, as the findings below have."""
    whole = shipped_spec()
    sweeps = whole.sweeps.replace(
        shorts=(0.0, 0.003, 0.01),
        retrained=(0.003, 0.01),
        factors=(0.0, 2.0),
        along=(0.0, 0.5, 1.0),
    )
    return whole.replace(
        sweeps=sweeps.replace(own_dies=1), seeds=2, own=whole.own.replace(dies=3), dies=3
    )


def made_up() -> Findings:
    """Two seeds, three dies."""
    some = np.array([[0.2, 0.3, 0.4], [0.5, 0.6, 0.7]])
    sweep = np.linspace(0.1, 0.6, 6)
    return Findings(
        software={UNAWARE: np.array([0.04, 0.05]), AWARE: np.array([0.06, 0.07]),
                  DEEP: np.array([0.031, 0.042])},
        dies={
            UNAWARE: Judged(some, some / 2),
            UNAWARE_SHAPED: Judged(some[:1], some[:1] / 2),
            OWN: Judged(np.array([[0.05], [0.06], [0.10]]), np.array([[0.04], [0.05], [0.06]])),
            OTHERS: Judged(np.array([[0.5, 0.6], [0.7, 0.8], [0.9, 1.0]])),
            AWARE_PLAIN: Judged(some[1:]),
            AWARE: Judged(np.array([[0.05, 0.07, 0.06], [0.06, 0.08, 0.10]]),
                          np.array([[0.05, 0.05, 0.05], [0.05, 0.05, 0.11]])),
        },
        high=Judged(np.array([[0.08, 0.10], [0.08, 0.09]])),
        by_rate={UNAWARE: sweep.reshape(3, 2), AWARE: sweep.reshape(3, 2) / 2,
                 RETRAINED: sweep[:4].reshape(2, 2) / 3},
        by_factor={kind: sweep[:4].reshape(2, 2) for kind in (UNAWARE, OWN, OTHERS, AWARE)},
        defects=np.array([[0, 0], [120, 130]]),
        along={UNAWARE: np.array([[0.1, 0.2, 0.5], [0.1, 0.3, 0.9]]),
               AWARE: np.array([[0.1, 0.1, 0.2], [0.1, 0.1, 0.3]])},
        deep={UNAWARE: np.array([0.3, 0.5]), AWARE: np.array([0.06, 0.10])},
        audit=Audit(images=4, equal=0.75, largest=0.01, simulations=32),
        first_die=draw_die(shipped_spec().hardware.spread, DefectRates(bridged_lines=0.2),
                           (25, 25), 32, seed=1),
        networks=17,
        test_samples=500,
        times={"training": 1.5},
    )  # fmt: skip


def story(found: Findings, **changes) -> BordersStory:
    given = {
        "spec": spec(), "data": "made up", "tile": (25, 25), "found": found,
        "figures": figures_of(spec(), found), "warnings": ["it is <made> up"],
        "versions": {"torch": "9"},
    }  # fmt: skip
    return BordersStory(**given | changes)


def strict(text: str):
    """JSON as the standard has it: without NaN and Infinity."""
    return json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))


# What ships.


@pytest.mark.parametrize(("quick", "digits"), VARIANTS)
def test_the_spec_that_ships_is_whole_and_fits_its_dies(quick, digits):
    found = shipped_spec(quick=quick, digits=digits)
    assert parse_spec(format_spec(found), Borders) == found
    assert found.hardware.card == "die20k"
    assert load_card("die20k").circuit.crossbar.shape == (25, 25)
    assert found.hardware.tiles * 625 == 20_000
    assert found.own.dies <= found.dies
    assert found.sweeps.own_dies <= min(found.sweeps.dies, found.own.dies)
    assert {0.0, 0.003} <= set(found.sweeps.shorts)
    assert 0.003 in found.sweeps.retrained
    assert {0.0, 1.0} <= set(found.sweeps.along)
    assert found.own.others >= 1


@pytest.mark.parametrize(
    ("change", "key"),
    [
        (lambda s: s.replace(dies=35), "own.dies"),
        (lambda s: s.replace(own=s.own.replace(dies=2)), "sweeps.own_dies"),
        (lambda s: s.replace(sweeps=s.sweeps.replace(dies=2)), "sweeps.own_dies"),
        (lambda s: s.replace(hardware=s.hardware.replace(dies=2)), "hardware.dies"),
        (lambda s: s.replace(sweeps=s.sweeps.replace(retrained=(0.5,))), "retrained"),
    ],
)
def test_dies_that_there_are_not_are_refused(change, key):
    with pytest.raises(ValueError, match=key):
        change(shipped_spec())


@pytest.mark.parametrize(("quick", "digits"), VARIANTS)
def test_the_promised_errors_are_the_same_in_all_variants(quick, digits):
    promised = shipped_spec(quick=quick, digits=digits).limits
    assert (promised.baseline, promised.statistics_aware) == (0.045, 0.02)
    assert (promised.own_die, promised.three_in_thousand) == (0.005, 0.04)


def test_the_whole_run_has_five_seeds_and_36_dies_and_the_quick_one_fewer():
    whole, quick = shipped_spec(), shipped_spec(quick=True)
    assert (whole.seeds, whole.dies, whole.own.dies) == (5, 36, 36)
    assert quick.seeds < whole.seeds
    assert quick.dies < whole.dies
    assert quick.hardware == whole.hardware
    assert quick.robust.network == whole.robust.network
    assert quick.name == whole.name != shipped_spec(digits=True).name


def test_tables_are_merged_and_all_else_replaced():
    data = {"a": 1, "b": {"c": [1, 2], "d": {"e": 1, "f": 2}}, "g": {"h": 1}}
    changes = {"a": 3, "b": {"c": [5], "d": {"e": 7}}, "new": {"x": 1}, "g": 4}
    assert _merged(data, changes) == {
        "a": 3, "b": {"c": [5], "d": {"e": 7, "f": 2}}, "g": 4, "new": {"x": 1}
    }  # fmt: skip
    assert data == {"a": 1, "b": {"c": [1, 2], "d": {"e": 1, "f": 2}}, "g": {"h": 1}}


def test_the_first_dies_are_the_same_however_many_and_rates_are_scaled():
    whole = shipped_spec()
    assert drawn(whole, 3) == drawn(whole, 5)[:3]
    (few,), (more,) = drawn(whole, 1, factor=0.0)[0], drawn(whole, 1, factor=4.0)[0]
    assert few.defects == ()
    assert few.seed == more.seed
    ((shorted,),) = drawn(whole, 1, short=0.01)
    kinds = [d.kind for d in shorted.defects]
    assert 100 < kinds.count("short") < 300  # of 20,000 junctions
    ((usual,),) = drawn(whole, 1)
    assert {d for d in usual.defects if d.kind == "short"} < set(shorted.defects)


# Figures.


def value(name: str, found: Findings | None = None) -> float:
    (figure,) = [f for f in figures_of(spec(), found or made_up()) if f.name == name]
    return figure.value


def how(name: str, found: Findings | None = None) -> str:
    (figure,) = [f for f in figures_of(spec(), found or made_up()) if f.name == name]
    return figure.how


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("software baseline, error", 0.045),
        (f"{AWARE}, mean error", 0.07),
        (f"{AWARE}, worst error", 0.10),
        (f"{AWARE}, standard deviation over dies", 0.015),  # of 0.01 and 0.02
        (f"{AWARE}, mean error after the digital correction of each die", 0.06),
        (f"{AWARE}, mean error above the baseline", 0.025),
        (f"{UNAWARE}, mean error", 0.45),
        (f"{UNAWARE}, standard deviation over dies", 0.1),
        (f"{OWN}, mean error", 0.07),
        (f"{OWN}, worst error", 0.10),
        (f"{OWN}, standard deviation over dies", math.sqrt(0.0014 / 2)),
        (f"{OWN}, mean error above the baseline", 0.025),
        (f"{OTHERS}, mean error", 0.75),
        (f"{AWARE}, 0.3 % shorts, mean error", 0.0875),
        (f"{AWARE}, 0.3 % shorts, worst error", 0.10),
        (f"{AWARE}, 0.3 % shorts, mean error above the baseline", 0.0425),
        (f"4 layers over 3 dies, {AWARE}, mean error", 0.08),
        (f"4 layers over 3 dies, {UNAWARE}, worst error", 0.5),
        (f"4 layers over 3 dies, {UNAWARE}, standard deviation over dies", math.sqrt(0.02)),
        ("4 layers, error in software", 0.031),
        ("equal classes, SPICE and surrogate (full)", 0.75),
    ],
)
def test_figures_are_exact(name, expected):
    assert value(name) == pytest.approx(expected, abs=1e-12)


def test_limits_are_held_against_the_means():
    held = {f.name: f.holds for f in figures_of(spec(), made_up()) if f.limit}
    assert held == {
        "software baseline, error": True,  # 0.045, at the limit
        f"{AWARE}, mean error above the baseline": False,
        f"{OWN}, mean error above the baseline": False,
        f"{AWARE}, 0.3 % shorts, mean error above the baseline": False,
    }
    assert story(made_up()).verdict is Verdict.FAIL
    found = made_up()
    found.dies[AWARE] = Judged(np.full((2, 3), 0.06))
    found.dies[OWN] = Judged(np.full((3, 1), 0.049))
    found.high = Judged(np.array([[0.08], [0.085]]))
    assert story(found).verdict is Verdict.PASS


def test_intervals_are_those_of_student():
    """From the tables' quantile and the formulas of the text books."""
    quantile = stats.t.ppf(0.975, 1)
    assert quantile == pytest.approx(12.7062, abs=1e-4)
    # Means of the seeds are 0.06 and 0.08: standard error 0.01.
    low, high = 0.07 - quantile * 0.01, 0.07 + quantile * 0.01
    words = f"2 seeds, 95 % interval of the mean {low:.4f} to {high:.4f}"
    assert words in how(f"{AWARE}, mean error")
    # Welch: variances of the means 1e-4 and 2.5e-5, one degree of freedom each.
    error, freedom = math.sqrt(1.25e-4), 1.25e-4**2 / (1e-4**2 + 2.5e-5**2)
    width = stats.t.ppf(0.975, freedom) * error
    words = f"95 % interval over the seeds of both {0.025 - width:.4f} to {0.025 + width:.4f}"
    assert words in how(f"{AWARE}, mean error above the baseline")
    assert "interval" not in how(f"{OWN}, mean error above the baseline")


@pytest.mark.parametrize("seeds", [2, 5])
def test_the_interval_above_the_baseline_is_that_of_scipy(seeds):
    chance, found = np.random.default_rng(1), made_up()
    found.software[UNAWARE] = chance.uniform(0.03, 0.05, seeds)
    found.dies[AWARE] = Judged(chance.uniform(0.05, 0.08, (seeds, 6)))
    pair = stats.ttest_ind(found.dies[AWARE].errors.mean(1), found.software[UNAWARE],
                           equal_var=False)  # fmt: skip
    low, high = pair.confidence_interval(0.95)
    words = f"of both {low:.4f} to {high:.4f}"
    assert words in how(f"{AWARE}, mean error above the baseline", found)


def test_seeds_that_do_not_differ_have_an_interval_of_no_width():
    found = made_up()
    found.software[UNAWARE] = np.full(2, 0.03125)
    found.dies[AWARE] = Judged(np.full((2, 3), 0.0625))
    assert "interval of the mean 0.0625 to 0.0625" in how(f"{AWARE}, mean error", found)
    said = how(f"{AWARE}, mean error above the baseline", found)
    assert "of both 0.0312 to 0.0312" in said
    assert "nan" not in said


def test_one_seed_has_no_interval():
    found = made_up()
    found.software[UNAWARE] = np.array([0.04])
    found.dies[AWARE] = Judged(np.array([[0.05, 0.06, 0.10]]))
    assert how(f"{AWARE}, mean error", found).startswith("one seed; 1 x 3 networks and dies")
    assert "interval" not in how(f"{AWARE}, mean error above the baseline", found)
    assert value(f"{AWARE}, standard deviation over dies", found) == pytest.approx(
        math.sqrt(0.0014 / 2)
    )


def test_the_table_has_a_line_for_each_kind_in_per_cent():
    rows = {row.kind: row for row in rows_of(made_up())}
    assert tuple(rows) == KINDS
    assert rows[AWARE].mean == pytest.approx(7.0)
    assert rows[AWARE].spread == pytest.approx(1.5)
    assert rows[AWARE].worst == pytest.approx(10.0)
    assert rows[AWARE].corrected == pytest.approx(6.0)
    assert rows[AWARE].corrected_worst == pytest.approx(11.0)
    assert rows[OWN].spread == pytest.approx(100 * math.sqrt(0.0014 / 2))
    assert rows[OTHERS].corrected is None


# The report.


def test_the_report_has_all_that_was_found(tmp_path):
    found = made_up()
    write_borders(story(found), Outputs(tmp_path))
    page = tmp_path / "report.html"
    assert {p.name for p in tmp_path.iterdir()} == {"report.html", "report.json", "manifest.json"}
    report = strict((tmp_path / "report.json").read_text())
    assert report["errors"]["dies"] == {k: v.errors.tolist() for k, v in found.dies.items()}
    assert report["errors"]["by short rate"][RETRAINED] == found.by_rate[RETRAINED].tolist()
    assert report["audit"] == {"images": 4, "equal": 0.75, "largest": 0.01, "simulations": 32}
    assert report["verdict"] == "fail"
    assert report["loss along draws"]["shares"] == [0.0, 0.5, 1.0]
    manifest = strict((tmp_path / "manifest.json").read_text())
    assert parse_spec(manifest["spec"], Borders) == spec()
    assert manifest["spec_key"] == spec().key()
    assert page == tmp_path / "report.html"


def test_the_page_names_all_kinds_and_has_no_holes(tmp_path):
    write_borders(story(made_up()), Outputs(tmp_path))
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    text = re.sub(r'"data:[^"]+"', '""', page)
    for kind in KINDS:
        assert f"<td>{kind}<br>" in text
    assert not re.search(r"\b(nan|inf|None|undefined)\b", text, re.IGNORECASE)
    assert not re.search(r"https?://|file:|@import|url\(|<script|<link|<iframe", text)
    images = re.findall(r"<img[^>]*>", page)
    assert len(images) == 6
    assert all(re.search(r'alt="[^"]{10,}"', image) for image in images)
    assert "it is &lt;made&gt; up" in text
    assert "FAIL" in text
    # Medians over the draws at a share of 1: 0.6 and 0.15.
    assert "unaware weights rises by 0.60" in text
    assert "statistics-aware weights by 0.15" in text
    assert "75 % of 4 images" in text


def test_a_report_without_audit_correction_and_high_rate_is_whole(tmp_path):
    found = made_up()
    found.audit = found.high = None
    found.dies = {kind: Judged(judged.errors) for kind, judged in found.dies.items()}
    found.by_rate[RETRAINED] = np.zeros(0)
    write_borders(story(found), Outputs(tmp_path))
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    report = strict((tmp_path / "report.json").read_text())
    assert report["audit"] is None
    assert report["errors"]["dies at 0.3 % shorts"] is None
    assert "Checked in SPICE" not in page


def test_dies_without_any_error_can_be_drawn(tmp_path):
    """A logarithmic axis has no zero; the mean over the dies is above it."""
    found = made_up()
    for judged in found.dies.values():
        judged.errors[0, 0] = 0
    for sweep in (found.by_factor, found.by_rate):
        for errors in sweep.values():
            errors[:, 0] = 0
    for errors in found.deep.values():
        errors[0] = 0
    write_borders(story(found), Outputs(tmp_path))
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    text = re.sub(r'"data:[^"]+"', '""', page)
    strict((tmp_path / "report.json").read_text())
    assert not re.search(r"\b(nan|inf)\b", text, re.IGNORECASE)


# What is refused.


@pytest.fixture
def offline(monkeypatch) -> list[str]:
    """No network; the addresses that were asked for."""
    asked = []

    def refuse(address, **_):
        asked.append(address)
        raise urllib.error.URLError("no network in tests")

    monkeypatch.setattr(mnist.urllib.request, "urlopen", refuse)
    return asked


def idx(array: np.ndarray) -> bytes:
    head = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">i4").tobytes()
    return head + array.astype(np.uint8).tobytes()


@pytest.fixture
def images(tmp_path, monkeypatch):
    """A folder of a few images whose checksums are taken for the published ones."""
    folder = tmp_path / "images"
    folder.mkdir()
    sums = {}
    for name in FILES:
        count = 5 if name.startswith("train") else 3
        content = idx(np.zeros((count, 28, 28) if "images" in name else count))
        (folder / name).write_bytes(gzip.compress(content))
        sums[name] = hashlib.sha256(content).hexdigest()
    monkeypatch.setattr(mnist, "FILES", sums)
    return folder


@pytest.fixture
def mtjspice(tmp_path, monkeypatch, capsys):
    """The command line, in this process and an empty folder, as if SPICE were there."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setattr(borders, "probe", lambda: "ngspice of a test")

    def call(*arguments: object) -> tuple[int, str]:
        words = ["mtjspice", "reproduce", "borders2024", *map(str, arguments)]
        monkeypatch.setattr(sys, "argv", words)
        with pytest.raises(SystemExit) as left:
            cli.main()
        return left.value.code, capsys.readouterr().err

    return call


def test_a_folder_that_has_all_files_is_used_without_the_network(images, offline):
    assert find_mnist(images, images.parent / "mnist") == images
    assert find_mnist(None, images) == images
    assert not offline


def test_a_given_folder_that_lacks_files_is_an_error_without_the_network(images, offline):
    (images / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(InputError, match="give a folder that holds MNIST's four files"):
        find_mnist(images, images.parent / "mnist")
    assert len(offline) == 1


@pytest.mark.parametrize("sign", [(), ("--signoff",)])
def test_mnist_that_cannot_be_had_is_no_reason_for_other_images(mtjspice, tmp_path, offline, sign):
    code, said = mtjspice("--out", "a/b/out", *sign)
    assert code == 2
    for word in ("mnist/train-images", "no network in tests", "--mnist DIR", "--digits"):
        assert word in said
    assert len(offline) == 1
    assert not list((tmp_path / "work").iterdir())


@pytest.mark.parametrize("sign", [(), ("--signoff",)])
def test_mnist_and_the_small_digits_are_not_asked_for_at_once(mtjspice, images, offline, sign):
    code, said = mtjspice("--mnist", images, "--digits", *sign)
    assert code == 2
    assert f"--mnist = '{images}': names other images than --digits" in said
    assert not offline


def test_a_tampered_file_is_refused(mtjspice, images, tmp_path, offline):
    path = images / "t10k-images-idx3-ubyte.gz"
    path.write_bytes(gzip.compress(idx(np.ones((3, 28, 28)))))
    code, said = mtjspice("--mnist", images, "--out", "out", "--quick")
    assert code == 2
    assert f"{path}: SHA-256 of the content" in said
    assert "the file was changed" in said
    assert not list((tmp_path / "work").iterdir())
    assert not offline


def test_a_tampered_file_in_the_usual_place_is_no_reason_for_other_data(
    mtjspice, images, tmp_path, offline
):
    images.rename(tmp_path / "work" / "mnist")
    path = tmp_path / "work" / "mnist" / "train-labels-idx1-ubyte.gz"
    path.write_bytes(gzip.compress(idx(np.ones(5))))
    code, said = mtjspice("--out", "out")
    assert code == 2
    assert "train-labels-idx1-ubyte.gz: SHA-256 of the content" in said
    assert not (tmp_path / "work" / "out").exists()
    assert not offline


def test_a_given_folder_without_files_is_refused(mtjspice, tmp_path, offline):
    code, said = mtjspice("--mnist", tmp_path / "none", "--out", "out")
    assert code == 2
    assert "give a folder that holds MNIST's four files" in said
    assert not (tmp_path / "work" / "out").exists()
    assert len(offline) == 1


@pytest.mark.parametrize("arguments", [("--jobs", "0"), ("--seed", "-1"), ("--card", "x")])
def test_a_wrong_option_is_exit_code_2(mtjspice, tmp_path, arguments):
    code, _ = mtjspice(*arguments, "--digits", "--out", "out")
    assert code == 2
    assert not list((tmp_path / "work").iterdir())


@pytest.mark.parametrize(
    ("change", "needed"),
    [
        (lambda s: s.replace(hardware=s.hardware.replace(tiles=9)), "the dies have 9"),
        (lambda s: s.replace(deep_dies=1), "the dies have 32"),
        (lambda s: s.replace(robust=s.robust.replace(
            network=s.robust.network.replace(copies=(2, 4)))), "the dies have 32"),
    ],
    ids=["few tiles", "deep over one die", "many copies"],
)  # fmt: skip
def test_networks_that_do_not_fit_are_refused_before_anything_is_done(
    mtjspice, tmp_path, monkeypatch, change, needed
):
    wrong = change(shipped_spec(digits=True))
    with pytest.raises(CapacityError, match=needed):
        explore(wrong, tmp_path / "out", None, 1, lambda *_: pytest.fail("it has begun"))
    assert not (tmp_path / "out").exists()
    monkeypatch.setattr(borders, "shipped_spec", lambda **_: wrong)
    code, said = mtjspice("--digits", "--out", "out")
    assert code == 2
    assert needed in said
    assert not list((tmp_path / "work").iterdir())


def test_more_inputs_than_pixels_are_refused_before_anything_is_done(tmp_path):
    wrong = shipped_spec()
    wrong = wrong.replace(
        robust=wrong.robust.replace(network=wrong.robust.network.replace(inputs=65))
    )
    with pytest.raises(InputError, match="the samples have 64 features"):
        explore(wrong, tmp_path / "out", None, 1, lambda *_: pytest.fail("it has begun"))
    assert not (tmp_path / "out").exists()


def test_a_map_marks_every_kind_of_defect_and_tells_junctions_apart():
    places = {"row": 1, "column": 2}
    for k, (kind, about) in enumerate(DEFECTS.items()):
        place = {axis: places[axis] for axis in about.place}
        defect = Defect.model_validate({"kind": kind, "tile": k} | place)
        label = {"Cut": "dead line", "Bridged": "bridge"}.get(type(about.effect).__name__)
        picture = map_plot(Die(defects=(defect,)), len(DEFECTS), (4, 5))
        assert f"<!-- {label or about.words} -->" in picture
    assert len(set(JUNCTIONS)) == len(JUNCTIONS) >= len(OF_JUNCTION)
