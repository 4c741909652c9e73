import base64
import dataclasses
import json
import re

import numpy as np
import pytest
from unit.builders import network

from mtjspice.data.outputs import Outputs
from mtjspice.data.samples import Samples
from mtjspice.networks.levels import LayerRead, SpiceRun, ideal_current, ideal_outputs
from mtjspice.spec import Crossbar, Limits, Line, Readout, Study, parse_spec
from mtjspice.study import plots
from mtjspice.study.findings import Story
from mtjspice.study.page import write_study
from mtjspice.study.verdict import compare, judge
from mtjspice.verdicts.figures import Verdict, verdict_of

NAME = 'study <script>alert("x")</script> & µ'
# No spec may have this name: the page does not rely on it.
STUDY = Study(
    name="study",
    crossbar=Crossbar(rows=3, columns=4, row=Line(resistance=5.0)),
    readout=Readout(g_norm=(0.5, 1.0, 2.0)),
    limits=Limits(min_accuracy=0.5),
).model_copy(update={"name": NAME})
NET = network(([[1, 0], [0, 1]], [0, 0]), ([[1, 0], [0, 1]], [0, 0]))
SAMPLES = Samples(
    inputs=np.random.default_rng(1).uniform(size=(12, 2)),
    labels=np.arange(12) % 2,
    train=np.arange(12) < 8,
    classes=("left", "<right>"),
    source="made up",
)


@pytest.fixture(scope="module")
def story() -> Story:
    outputs = ideal_outputs(NET, SAMPLES.inputs, STUDY.readout.g_norm)
    reads = []
    for layer in NET.layers:
        volts = np.repeat(SAMPLES.inputs[None] * STUDY.readout.read_voltage, 3, axis=0)
        delivered = np.full((3, 4), np.nan)
        delivered[:2] = np.linspace(0.9, 1, 8).reshape(2, 4)
        current = 0.99 * ideal_current(STUDY, layer, volts)
        reads.append(LayerRead(volts, current, 0.0, delivered))
    run = SpiceRun(outputs=outputs[:, :, ::-1], reads=tuple(reads))
    comparison = compare(STUDY, [NET], SAMPLES, [run])
    figures = judge(STUDY, comparison)
    return Story(
        study=STUDY,
        samples=SAMPLES,
        networks=[NET],
        comparison=comparison,
        figures=figures,
        verdict=verdict_of(figures),
        warnings=["mind the <gap>"],
        versions={"python": "3", "simulator": "ngspice 46 (KLU)"},
        times={"training": 1.0},
        simulations={"run": 2, "found": 0},
        keys=["a", "b"],
    )


@pytest.fixture(scope="module")
def folder(story, tmp_path_factory):
    out = tmp_path_factory.mktemp("report")
    write_study(story, Outputs(out))
    return out


@pytest.fixture(scope="module")
def page(folder) -> str:
    return (folder / "report.html").read_text(encoding="utf-8")


def pictures(page: str) -> list[str]:
    encoded = re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', page)
    return [base64.b64decode(one).decode() for one in encoded]


def test_the_page_needs_no_other_file(page):
    text = re.sub(r'"data:[^"]+"', '""', page)
    assert not re.search(r"https?://|file:|//[a-z]|@import|url\(|<script|<link|<iframe", text)
    assert set(re.findall(r'(?:src|href)="([^"]*)"', text)) == {""}


def test_the_pictures_need_no_other_file(page):
    svgs = pictures(page)
    assert len(svgs) == page.count("<img")
    for svg in svgs:
        assert svg.count("<svg") == 1
        references = re.findall(r'href="([^"]*)"', svg) + re.findall(r"url\(([^)]*)\)", svg)
        assert references
        assert all(r.startswith(("#", "data:")) for r in references)
        assert "<script" not in svg


def test_every_picture_has_a_description(page):
    images = re.findall(r"<img[^>]*>", page)
    assert len(images) >= 4
    assert all(re.search(r'alt="[^"]{10,}"', image) for image in images)


def test_names_are_shown_as_they_are_written(page):
    assert "<script" not in page
    assert "&lt;script&gt;alert(" in page
    assert "&lt;right&gt;" in page
    assert "mind the &lt;gap&gt;" in page


def test_the_page_tells_the_verdict_and_the_spec(page, story):
    assert story.verdict.upper() in page
    assert "g_norm = [" in page
    assert "ngspice 46 (KLU)" in page


def test_the_report_for_machines_has_every_figure(folder, story):
    report = json.loads((folder / "report.json").read_text())
    assert report["figures"] == [figure.as_dict() for figure in story.figures]
    assert report["verdict"] == story.verdict
    assert report["study"] == NAME
    assert len(report["flips"]) == len(story.comparison.flips) > 0
    assert report["samples"] == {"source": "made up", "train": 8, "test": 4}
    assert report["levels"]["ideal"]["confusion"] == story.comparison.ideal.confusion.tolist()


def test_the_manifest_determines_the_study(folder):
    manifest = json.loads((folder / "manifest.json").read_text())
    study = manifest["spec"].replace(STUDY.name.replace('"', '\\"'), "study")
    assert parse_spec(study, Study).replace(name="study") == STUDY.replace(name="study")
    assert manifest["spec_key"] == STUDY.key()
    assert manifest["simulations"] == ["a", "b"]


def test_a_report_has_three_files(folder):
    assert sorted(p.name for p in folder.iterdir()) == [
        "manifest.json",
        "report.html",
        "report.json",
    ]


def test_the_same_story_is_the_same_bytes(story, folder, tmp_path):
    write_study(story, Outputs(tmp_path))
    for name in ("report.html", "report.json", "manifest.json"):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()


@pytest.mark.parametrize(
    "draw",
    [
        lambda c: plots.accuracy_plot(STUDY.readout.g_norm, c),
        lambda c: plots.confusion_plot(c, SAMPLES.classes),
        lambda c: plots.delivered_plot(c.delivered),
        lambda c: plots.error_plot(c.current_errors),
    ],
)
def test_the_same_picture_is_the_same_bytes(story, draw):
    first = draw(story.comparison)
    plots.error_plot([np.arange(5.0)])
    assert draw(story.comparison) == first
    assert "<dc:date>" not in first


def test_a_failed_study_says_so(story, tmp_path):
    write_study(dataclasses.replace(story, verdict=Verdict.FAIL), Outputs(tmp_path))
    assert "FAIL" in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert json.loads((tmp_path / "report.json").read_text())["verdict"] == "fail"


def test_limits_stand_beside_their_intervals_and_what_would_decide(page, story):
    (figure,) = [f for f in story.figures if f.limit]
    low, high = (f"{100 * end:.1f}" for end in (figure.interval.low, figure.interval.high))
    assert f"{low}–{high}" in page
    assert (f"decided by {figure.needed}" in page) is bool(figure.needed)
    assert figure.word in page


def test_the_page_tells_how_sure_the_test_accuracy_is_once(page, story, tmp_path):
    words = f"With {int((~story.samples.train).sum())} test samples"
    assert words not in page, "the limit has the interval"
    without = dataclasses.replace(
        story, study=story.study.model_copy(update={"limits": Limits(above_chance=None)})
    )
    write_study(without, Outputs(tmp_path))
    page = (tmp_path / "report.html").read_text()
    assert words in page
    assert "at 95 % confidence (Clopper–Pearson)" in page
