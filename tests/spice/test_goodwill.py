"""The reproduction of Goodwill et al. (2022) with three networks, and a study of such networks."""

import json
import re

import pytest
from unit.builders import STUDY

from mtjspice.data.weights import load_weights
from mtjspice.reproduce.goodwill2022.run import TIME, reproduce_goodwill, shipped_spec
from mtjspice.spec import Study, parse_spec
from mtjspice.study.run import run_study
from mtjspice.verdicts.figures import Verdict

pytestmark = pytest.mark.ngspice
FILES = {"manifest.json", "networks", "report.html", "report.json", "simulations"}


def small():
    """The spec that ships with fewer networks, epochs, settings and resamples."""
    spec = shipped_spec()
    network = spec.study.network.replace(count=4, epochs=100)
    readout = spec.study.readout.replace(g_norm=(0.5, 0.6, 1.0))
    return spec.replace(
        quick=3,
        resamples=100,
        study=spec.study.replace(network=network, readout=readout),
        limits=spec.limits.replace(min_tuned_accuracy=0.5),
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("goodwill")


@pytest.fixture(scope="module")
def story(folder):
    return reproduce_goodwill(small(), folder, quick=True, jobs=2)


def steady(folder) -> dict:
    """The machine-readable report without what differs from run to run."""
    content = json.loads((folder / "report.json").read_text())
    content.pop("times")
    content["figures"] = [f for f in content["figures"] if f["name"] != TIME]
    return content


def test_surrogate_and_ngspice_agree(story):
    value = {figure.name: figure.value for figure in story.figures}
    assert value["equal classes, surrogate and SPICE"] >= 0.99
    assert value["equal classes at all G_norm, surrogate and SPICE"] >= 0.99
    assert 0.8 < value["write fidelity"] < 1
    assert value["networks with weights of their own"] == 3


def test_all_files_are_there_and_whole(story, folder):
    assert {path.name for path in folder.iterdir()} == FILES
    manifest = json.loads((folder / "manifest.json").read_text())
    assert len(manifest["simulations"]) == 6  # a layer, and all settings of the next, each
    report = json.loads((folder / "report.json").read_text())
    assert [n["name"] for n in report["networks"]] == ["network 1", "network 2", "network 3"]
    assert report["verdict"] == story.verdict
    stored = sorted((folder / "networks").iterdir())  # the whole population
    assert [load_weights(one).name for one in stored] == [f"network {n}" for n in (1, 2, 3, 4)]


def test_the_page_needs_no_other_file_and_describes_its_pictures(story, folder):
    page = (folder / "report.html").read_text(encoding="utf-8")
    text = re.sub(r'"data:[^"]+"', '""', page)
    assert not re.search(r"https?://|file:|@import|url\(|<script|<link|<iframe", text)
    images = re.findall(r"<img[^>]*>", page)
    assert len(images) == 5
    assert all(re.search(r'alt="[^"]{10,}"', image) for image in images)
    assert (
        "tells more" if abs(_rho(story, story.best)) > abs(_rho(story, 0)) else "not tell"
    ) in page


def _rho(story, k: int) -> float:
    return float(story.correlations["training samples"].rho[k])


def test_a_second_run_finds_everything_and_says_the_same(story, folder):
    first = steady(folder)
    again = reproduce_goodwill(small(), folder, quick=True, jobs=1)
    assert again.simulations == {"run": 0, "found": 6}
    assert steady(folder) == first


def test_the_whole_run_starts_from_the_quick_one_and_a_broken_limit_fails_it(story, folder):
    spec = small()
    spec = spec.replace(limits=spec.limits.replace(min_tuned_accuracy=1.0))
    whole = reproduce_goodwill(spec, folder, jobs=1)
    assert whole.simulations == {"run": 2, "found": 6}
    assert len(whole.chips) == 4
    for one, other in zip(story.chips, whole.chips, strict=False):
        assert one.tiles == other.tiles
    assert whole.verdict is Verdict.FAIL
    assert "FAIL" in (folder / "report.html").read_text()


def test_published_networks_take_the_same_way(shared_data, tmp_path):
    spec = small().replace(quick=1)
    story = reproduce_goodwill(
        spec, tmp_path, quick=True, solutions=shared_data / "wine-nist", jobs=2
    )
    assert [chip.network.name for chip in story.chips] == ["solution 0"]
    assert story.samples.source == "Wine data in NIST's split"
    assert (story.samples.train.sum(), (~story.samples.train).sum()) == (148, 30)
    assert {path.name for path in tmp_path.iterdir()} == FILES - {"networks"}


def test_a_study_writes_a_population_into_dies_of_its_own(tmp_path):
    text = STUDY.replace('kind = "trained"\nepochs = 2\nrestarts = 1', 'kind = "population"\n'
                         "epochs = 5\ncount = 3\nfirst = 2")  # fmt: skip
    study = parse_spec(
        text.replace('name = "small"', 'name = "small"\ndies = "own"') + "[writing]\n", Study
    )
    outcome = run_study(study, tmp_path, jobs=2)
    assert outcome.comparison.spice.best.size == 2
    assert [one.name for one in sorted((tmp_path / "networks").iterdir())] == ["1", "2", "3"]
    assert 'dies = "own"' in json.loads((tmp_path / "manifest.json").read_text())["spec"]
