import base64
import csv
import dataclasses
import html
import io
import json
import re
import urllib.parse
from pathlib import Path

import numpy as np
import pytest
from unit.signoff_story import CONDITIONS, TITLE, make_story

from mtjspice.data.outputs import Outputs
from mtjspice.signoff import page_maps as maps
from mtjspice.signoff import page_numbers as numbers
from mtjspice.signoff import page_plots as plots
from mtjspice.signoff import page_simulated
from mtjspice.signoff import page_words as words
from mtjspice.signoff.findings import GivenAccuracy
from mtjspice.signoff.judged import Asked, judge
from mtjspice.signoff.page import GALLERY, WORST_DIES, _gallery, write_signoff
from mtjspice.spec.signoff import SignOffLimits
from mtjspice.tables import print_signoff
from mtjspice.verdicts.figures import Verdict

STRICT = SignOffLimits(drop_mean=0.001, drop_die=0.04, accuracy_die=0.9)
NONE = SignOffLimits(
    above_chance=None, drop_mean=None, drop_die=None, failing_dies=None, flips=None
)
FILES = ["dies.csv", "flips.csv", "manifest.json", "report.html", "report.json"]
EDGES = {
    "no flips": {"noise": 0.0, "bound": 0.0},
    "no images": {"shape": None},
    "everything by audit": {"audit": 1.0},
    "no safe image": {"bound": 100.0, "noise": 0.01},
    "every image safe": {"bound": 0.0},
    "one die": {"dies": 1},
    "one die, one tile, two conditions": {"dies": 1, "layers": (0, 1), "conditions": 2},
    "full": {"full": True, "dies": 1},
    "networks": {"full": True, "one_network": False, "dies": 70, "images": 60, "shape": None},
    "nothing simulated": {"audit": 0.0, "bound": 0.0},
    "no limits": {"limits": NONE},
    "sample of dies": {"sample": True},
    "accuracy as reference": {"reference": GivenAccuracy(0.97)},
    "wide tiles": {"lines": 40},
}


@pytest.fixture(scope="module")
def story():
    limits = SignOffLimits(drop_mean=0.2, drop_die=0.5, flips=0.2)
    return make_story(conditions=2, guarded=True, bound=0.3, limits=limits)


@pytest.fixture(scope="module")
def folder(story, tmp_path_factory):
    out = tmp_path_factory.mktemp("signoff")
    write_signoff(story, Outputs(out))
    assert (out / "report.html").is_file()
    return out


@pytest.fixture(scope="module")
def page(folder) -> str:
    return (folder / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def data(folder):
    return json.loads((folder / "report.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def failing():
    return make_story(dies=12, limits=STRICT, netlists=False, accuracy=0.9)


@pytest.fixture(scope="module")
def failing_page(failing, tmp_path_factory) -> str:
    return written(failing, tmp_path_factory.mktemp("failing"))


def written(story, out) -> str:
    write_signoff(story, Outputs(out))
    return (out / "report.html").read_text(encoding="utf-8")


def without_pictures(page: str) -> str:
    return re.sub(r'"data:[^"]+"', '""', page)


def headline(page: str) -> str:
    return html.unescape(re.search(r'<p class="why">(.*?)</p>', page, re.DOTALL)[1]).replace(
        "\N{NO-BREAK SPACE}", " "
    )


def test_a_report_has_five_files_and_the_netlists_of_flips(folder, story):
    assert sorted(p.name for p in folder.iterdir()) == sorted([*FILES, "flips"])
    for name in {f.netlist for j in story.judged for f in j.flips if f.netlist}:
        assert (folder / name).read_text() == story.netlists[name]


def test_the_page_needs_only_what_is_beside_it(page, story):
    text = without_pictures(page)
    assert not re.search(r"https?://|file:|//[a-z]|@import|url\(|<script|<link|<iframe", text)
    links = set(re.findall(r'(?:src|href)="([^"]*)"', text)) - {""}
    netlists = {f.netlist for j in story.judged for f in j.flips if f.netlist}
    beside = {urllib.parse.unquote(link) for link in links} - netlists
    assert beside == {"manifest.json", "report.json", "dies.csv", "flips.csv"}


def test_the_pictures_need_no_other_file_and_have_descriptions(page):
    images = re.findall(r"<img[^>]*>", page)
    assert all(re.search(r'alt="[^"]{8,}"', image) for image in images)
    drawn = re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', page)
    assert len(drawn) == 2 * 5 + 1
    for encoded in drawn:
        svg = base64.b64decode(encoded).decode()
        assert svg.count("<svg") == 1
        references = re.findall(r'href="([^"]*)"', svg) + re.findall(r"url\(([^)]*)\)", svg)
        assert all(r.startswith(("#", "data:")) for r in references)


def test_names_are_shown_as_they_are_written(page):
    assert "<script" not in page
    for text in (TITLE, "knows <no> bridges", "out/weights <1>", "class <flipped> that"):
        assert text in html.unescape(page)
        assert text.split("<")[1].split(">")[0] + "&gt;" in page


def test_the_same_story_is_the_same_bytes_but_for_the_times(tmp_path):
    texts = {}
    for number, times in enumerate(({"SPICE": 1.5, "simulations run": 3.0}, {"SPICE": 77.7})):
        out = tmp_path / str(number)
        out.mkdir()
        write_signoff(make_story(dies=3, images=100, times=times), Outputs(out))
        texts[number] = {name: (out / name).read_text() for name in FILES}
    first, second = texts[0], texts[1]
    for name in ("dies.csv", "flips.csv", "manifest.json"):
        assert first[name] == second[name]
    a, b = json.loads(first["report.json"]), json.loads(second["report.json"])
    assert a.pop("times") != b.pop("times")
    assert a == b
    element = re.compile(r'<p [^>]*id="times">.*?</p>', re.DOTALL)
    assert first["report.html"] != second["report.html"]
    assert "SPICE 1.5 s, simulations run 3." in element.search(first["report.html"])[0]
    stripped = [element.sub("", text["report.html"], count=1) for text in (first, second)]
    assert stripped[0] == stripped[1]


def test_the_json_is_strict_and_complete(folder, data, story):
    text = (folder / "report.json").read_text()
    assert "NaN" not in text
    assert "Infinity" not in text
    assert data["study"] == TITLE
    assert data["verdict"] == "pass"
    assert data["warnings"] == list(story.warnings)
    assert [f["name"] for f in data["figures"]] == [f.name for f in story.figures]
    assert data["versions"] == story.versions
    assert data["times"] == story.times
    assert [c["condition"] for c in data["conditions"]] == list(CONDITIONS[:2])


def test_the_json_counts_what_the_story_holds(data, story):
    for found, judged in zip(data["conditions"], story.judged, strict=True):
        assert found["card"] == judged.card
        plain = dataclasses.asdict(judged.statement)
        assert found["statement"] == plain | {"notes": list(plain["notes"])}
        counted = {
            (kind, possible): sum(
                f.kind == kind and f.possible == (possible == "possible") for f in judged.flips
            )
            for kind in ("class", "sign", "level")
            for possible in ("possible", "impossible")
        }
        assert {(k, p): n for k, by in found["flips"].items() for p, n in by.items()} == counted
        assert [f["image"] for f in found["class flips"]] == [
            f.image for f in judged.flips if f.kind == "class"
        ]
        for line, die in zip(found["dies"], judged.dies, strict=True):
            spice = float(np.mean(die.final == story.labels))
            assert line["accuracy"]["spice"] == spice
            assert line["accuracy"]["interval of spice"]["low"] < spice
            assert line["accuracy"]["interval of spice"]["high"] > spice
            assert line["accuracy"]["interval of spice"]["confidence"] == story.spec.confidence
            assert line["simulated"] == die.simulated.sum() == line["unsafe"] + line["audited"]
            assert line["flips"] == die.flipped.sum()
            assert line["least safety"] == die.safety.min()
            assert line["defects"] == die.defects


def test_the_manifest_says_what_determined_the_report(folder, story):
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["spec_key"] == story.spec.key()
    assert manifest["simulations"] == list(story.keys)
    assert manifest["weights"] == story.weights
    assert "accuracy_bound" in manifest["spec"]


def test_the_tables_have_a_line_for_each_flip_and_each_die(folder, story):
    flips = list(csv.DictReader(io.StringIO((folder / "flips.csv").read_text())))
    assert len(flips) == sum(len(judged.flips) for judged in story.judged)
    assert {row["kind"] for row in flips} == {"class", "level"}
    dies = list(csv.DictReader(io.StringIO((folder / "dies.csv").read_text())))
    assert [(row["condition"], row["die"]) for row in dies] == [
        (judged.condition, die.name) for judged in story.judged for die in judged.dies
    ]
    assert float(dies[0]["spice"]) == np.mean(story.judged[0].dies[0].final == story.labels)


def test_a_story_that_passes_says_so_with_numbers(page, story):
    assert '<span class="verdict pass">PASS</span>' in page
    k = min(range(2), key=lambda k: story.known[k].accuracy.low)
    worst, known = story.judged[k], story.known[k]
    mean = np.mean([np.mean(die.final == story.labels) for die in worst.dies])
    said = headline(page)
    assert f"under the worst of 2 conditions ({worst.condition})" in said
    assert f"classifies {100 * mean:.2f} % of the images given, mean over 6 dies" in said
    low, high = 100 * known.accuracy.low, 100 * known.accuracy.high
    assert f"and in SPICE {low:.1f}–{high:.1f} % of all images like them at 99 %" in said
    sampled, bound = f"{100 * known.sampled:.2g}", f"{100 * known.unseen:.3g}"
    assert known.unseen == worst.statement.left / worst.statement.images
    half = f"±{(high - low) / 2:.2g} point"
    assert re.search(
        rf"\({half}s?: ±{sampled} points? as the images are a sample and ±{bound} points? as not "
        r"all were simulated, each by itself; the two are joined in the one interval", said,
    )  # fmt: skip
    seen = sum(int(die.simulated.sum()) for die in worst.dies)
    assert f"{seen:,} of 2,400 images (counted on each die) were simulated in SPICE" in said
    assert "the classes of the others are the surrogate’s: the network classifies" in said
    flips = sum(int(die.flipped.sum()) for judged in story.judged for die in judged.dies)
    seen = sum(int(die.simulated.sum()) for judged in story.judged for die in judged.dies)
    assert f"no die fails; {flips} of {seen:,} simulated classes differ" in said
    assert "All 12 limits hold." in page
    # Bounds of several conditions do not add up at the same confidence.
    assert "of the classes not simulated" not in said


def test_one_condition_says_how_many_flips_may_be_left(failing, failing_page):
    (line,) = numbers.condition_lines(failing)
    assert f"at most {line.most_flips} more of the {line.skipped:,} not simulated" in headline(
        failing_page
    )


def test_a_story_that_fails_names_what_breaks(failing, failing_page):
    assert '<span class="verdict fail">FAIL</span>' in failing_page
    (line,) = numbers.condition_lines(failing)
    names = [die.die for die in line.failing]
    assert names
    verb = "fails" if len(names) == 1 else "fail"
    assert f"{len(names)} of 12 dies {verb} ({', '.join(names)})" in headline(failing_page)
    assert f"), {len(line.undecided)} may fail or not; " in headline(failing_page)
    assert failing_page.count("BROKEN") == sum(f.holds is False for f in failing.figures)
    assert "FAILS: drop" in failing_page
    assert "not decided: " in failing_page
    first = re.search(r'<tr class="over"><td>([^<]*)</td>', failing_page)[1]
    assert first in {figure.name for figure in failing.figures if figure.holds is False}


@pytest.fixture(scope="module")
def undecided():
    return make_story(dies=3, images=60, limits=SignOffLimits(flips=0.02), audit=1.0)


def test_a_story_that_is_not_decided_says_what_would_decide(undecided, tmp_path):
    page = html.unescape(written(undecided, tmp_path)).replace("\N{NO-BREAK SPACE}", " ")
    assert undecided.verdict is Verdict.INCONCLUSIVE
    assert '<span class="verdict inconclusive">INCONCLUSIVE</span>' in page
    unsure = [f for f in undecided.figures if f.verdict is Verdict.INCONCLUSIVE]
    assert {f.name for f in unsure} >= {"flipped classes, share", "dies that fail"}
    assert f"{len(unsure)} of 6 limits are not decided: " in page
    for figure in unsure:
        assert re.match(r"(about|more than) [\d,]+ images", figure.needed)
        assert f"needs {figure.needed}" in page
        assert f"<strong>decided by {figure.needed}</strong>" in page
    assert f"no die fails for certain, {len(undecided.judged[0].dies)} may" in headline(page)
    said = json.loads((tmp_path / "report.json").read_text())
    assert said["verdict"] == "inconclusive"
    assert [f["needed"] for f in said["figures"]] == [f.needed for f in undecided.figures]


def test_circuit_dies_and_images_stand_apart(page, story):
    worst = min(story.known, key=lambda known: known.accuracy.low)
    text = html.unescape(page).replace("\N{NO-BREAK SPACE}", " ")
    found = re.search(
        r"the circuit changes ([\d.]+) % of the classes, from software to SPICE where simulated "
        r"and to the surrogate elsewhere; the accuracies of the dies have a standard deviation of "
        r"([\d.]+) points; 400 images tell the accuracy to "
        r"±([\d.]+) point",
        text,
    )
    shown = [float(one) for one in found.groups()]
    assert shown == pytest.approx(
        [100 * worst.changed, 100 * worst.spread, 100 * worst.sampled], rel=0.05
    )


def test_both_software_and_reference_are_shown(tmp_path):
    reference = GivenAccuracy(0.97)
    page = written(make_story(dies=2, images=60, reference=reference), tmp_path)
    said = json.loads((tmp_path / "report.json").read_text())
    assert said["reference"] == {"accuracy": 0.97, "source": "given"}
    assert "accuracy, reference" in page
    assert "reference less SPICE" in page
    for die in said["conditions"][0]["dies"]:
        assert die["accuracy"]["compared with"] == 0.97 != die["accuracy"]["software"]
        assert die["lost"]["value"] == pytest.approx(0.97 - die["accuracy"]["spice"])


def test_every_figure_is_on_the_page(page, story):
    for figure in story.figures:
        assert html.escape(figure.name) in page


def test_the_worst_dies_are_listed_and_the_rest_is_in_the_table(tmp_path):
    story = make_story(dies=15, images=100)
    page = written(story, tmp_path)
    assert f"The {WORST_DIES} with the least accuracy in SPICE; all 15 are in" in page
    lines = numbers.die_lines(story.labels, story.judged[0], story.known[0])
    worst = min(lines, key=lambda line: line.spice)
    table = page.split("defects</th></tr>")[1].split("</table>")[0]
    assert table.count("<tr") == WORST_DIES
    assert table.split("</td>")[0].endswith(worst.die)


def headings(page: str) -> list[str]:
    """Of the table of dies."""
    (row,) = re.findall(r"<tr><th>(?:die|network)</th>(?:(?!</tr>).)*defects</th></tr>", page)
    return re.findall(r"<th[^>]*>([^<]*)</th>", row)


def test_why_a_die_fails_stands_beside_its_name(failing_page, tmp_path):
    """On the right a window would hide it."""
    assert headings(failing_page)[:3] == ["die", "limits of a die", "surrogate, %"]
    other = written(make_story(**({"dies": 3, "images": 60} | EDGES["no limits"])), tmp_path)
    assert "limits of a die" not in headings(other)


def test_what_all_dies_have_alike_is_no_column(failing, failing_page, tmp_path):
    assert "software, %" not in headings(failing_page)
    software = np.mean(failing.judged[0].dies[0].software == failing.labels)
    assert f"Software: {words.share(software)}." in failing_page
    networks = make_story(dies=3, images=60, full=True, one_network=False, shape=None)
    assert "software, %" in headings(written(networks, tmp_path))


def test_differences_of_shares_are_in_points_everywhere(failing, failing_page, capsys):
    print_signoff(failing, Path("report.html"))
    shown = {}
    for line in capsys.readouterr().out.replace("\N{NO-BREAK SPACE}", " ").splitlines():
        name, *cells = (cell.strip() for cell in line.strip("│").split("│"))
        shown[name] = cells
    differing = [f for f in failing.figures if re.search("lost|open|deviation|bound on", f.name)]
    assert len(differing) == 7
    text = re.sub(r"<[^>]*>", "|", html.unescape(failing_page))
    for figure in differing:
        value, limit = words.value_and_limit(figure)
        assert value.endswith((" point", " points"))
        assert limit.endswith(" points") is bool(figure.limit)
        on_terminal = shown[figure.name]
        assert "%" not in "".join(on_terminal)
        assert on_terminal[0] == value
        assert words.interval_words(figure) == on_terminal[1]
        assert re.search(rf"{re.escape(figure.name)}\|+{re.escape(value)}\|", text)


def test_the_terminal_says_whose_standard_deviations_and_where_a_limit_is_from(failing, capsys):
    print_signoff(failing, Path("report.html"))
    said = capsys.readouterr().out
    assert re.search(r"worst margin +│ +\S+ times the leads' spread", said)
    assert re.search(r"least safety +│ +\S+ times the bound of its error", said)
    assert "standard deviations" not in said
    assert "limit of accuracy, SPICE: half of the way from chance, 10 %, to 100 %" in said


MAY_FLIP = [
    (1, 1, "So the one that was not simulated may flip, which", "and the one not simulated may"),
    (1, 0, "one that was not simulated does not flip (99 % con", "one not simulated does not"),
    (3, 3, "So all of the 3 that were not simulated may flip, which", "at most 3 of the 3 not"),
    (
        3,
        0,
        "So at most 0 % of the 3 that were not simulated flip (99 % con",
        "at most 0 of the 3 not",
    ),
]


def test_where_nothing_was_simulated_nothing_is_said_of_spice(tmp_path, capsys):
    """Two images, which the audit leaves out: all that is known of SPICE is 0 to 100 %."""
    story = make_story(
        dies=1, images=2, audit=0.0, bound=0.0,
        limits=SignOffLimits(above_chance=0, drop_mean=1.0, drop_die=1.0, flips=1.0),
    )  # fmt: skip
    assert not story.asks
    page = html.unescape(written(story, tmp_path)).replace("\N{NO-BREAK SPACE}", " ")
    print_signoff(story, Path("report.html"))
    said = capsys.readouterr().out.replace("\N{NO-BREAK SPACE}", " ")
    report = json.loads((tmp_path / "report.json").read_text())
    right = 100 * float(np.mean(story.judged[0].dies[0].surrogate == story.labels))
    for text in (page, said):
        assert (
            "Of 2 images none was simulated in SPICE, and the classes are the surrogate’s: the "
            in (text)
        )
        assert f"classifies {right:.2f} % of the images given" in text
        assert "±100 points as not all were simulated, each by itself" in text
        assert "No limit that something can break is set" in text
        assert not re.search(r"In SPICE the network|\d % in SPICE|the die does not fail", text)
    value = {figure["name"]: figure for figure in report["figures"]}
    for name in ("accuracy, SPICE", "accuracy lost, mean over dies", "flipped classes, share"):
        assert value[name]["value"] == "not simulated"
    interval = value["accuracy, SPICE"]["interval"]
    assert (interval["low"], interval["high"]) == (0.0, 1.0)
    assert report["conditions"][0]["accuracy"]["spice"] is None
    assert "0 of 2 simulated" in report["conditions"][0]["accuracy"]["spice, simulated"]
    assert report["conditions"][0]["dies"][0]["accuracy"]["spice"] is None
    parts = report["conditions"][0]["known"]["accuracy, half width"]
    assert parts["not all were simulated"] == 1.0
    assert parts["together"] == 0.5
    assert "joined" in parts["how"]
    assert not re.search(r"<td[^>]*>not simulated share", page)


@pytest.mark.parametrize(("skipped", "left", "flip", "differ"), MAY_FLIP)
def test_what_was_not_simulated_may_flip_in_words_that_fit_its_number(skipped, left, flip, differ):
    story = make_story(dies=1, images=20)
    (line,) = numbers.condition_lines(story)
    statement = dataclasses.replace(
        line.judged.statement, images=20, simulated=20 - skipped, unsafe=0, audited=20 - skipped,
        audit_flips=0, flip_rate=left / skipped, accuracy=left / 20,
    )  # fmt: skip
    judged = dataclasses.replace(line.judged, statement=statement)
    line = dataclasses.replace(line, judged=judged, most_flips=left)
    assert flip in page_simulated.bought(story, line).replace("\N{NO-BREAK SPACE}", " ")
    assert differ in words.conclusion(story, [line])


def test_the_gallery_shows_the_most_important_flips_first(page, story):
    flips = numbers.noticed(story)
    assert len(flips) > GALLERY
    assert f"{GALLERY} of {len(flips)}, all in" in page
    gallery = page.split('<div class="gallery">')[1].split("<h2>")[0]
    figures = re.findall(r"<figure>.*?</figure>", gallery, re.DOTALL)
    assert len(figures) == GALLERY
    assert all('src="data:image/png;base64,' in figure for figure in figures)
    first = flips[0]
    assert f"<b>{first.surrogate} → {first.spice}</b>" in figures[0]
    assert f"{first.die}, image {first.image}" in figures[0]
    assert f'href="{urllib.parse.quote(first.netlist)}"' in figures[0]
    effects = [words.effect(story, flip) for flip in flips if flip.possible]
    assert effects == sorted(effects, key=lambda effect: effect != "worse")


def test_a_flip_that_the_bound_does_not_allow_comes_first(tmp_path):
    story = make_story(dies=3)
    (judged,) = story.judged
    classes = [k for k, flip in enumerate(judged.flips) if flip.kind == "class"]
    flips = list(judged.flips)
    flips[classes[-1]] = dataclasses.replace(flips[classes[-1]], possible=False)
    changed = dataclasses.replace(
        story, judged=(dataclasses.replace(judged, flips=tuple(flips)),)
    )  # fmt: skip
    assert numbers.noticed(changed)[0] == flips[classes[-1]]
    page = written(changed, tmp_path)
    assert "1 of the flipped classes is not allowed" in page
    assert "<strong>not allowed</strong>" in page


def test_an_image_is_shown_with_its_pixels(story):
    import matplotlib.image as mpimg  # noqa: PLC0415

    shown = maps.thumbnail(story, 3)
    encoded = base64.b64decode(shown.removeprefix("data:image/png;base64,"))
    pixels = mpimg.imread(io.BytesIO(encoded))[..., 0]
    np.testing.assert_allclose(pixels, story.inputs[3].reshape(story.shape), atol=0.01)
    assert maps.thumbnail(make_story(dies=1, images=20, shape=None), 3) is None


def test_images_that_are_some_of_all_keep_their_numbers(story):
    """The report is the same, but for the numbers by which it calls images."""
    named = 5 + 3 * np.arange(len(story.labels))
    judged = [
        dataclasses.replace(
            one, flips=tuple(dataclasses.replace(f, image=int(named[f.image])) for f in one.flips)
        )
        for one in story.judged
    ]
    some = dataclasses.replace(story, drawn=named, judged=tuple(judged))
    for theirs, ours in zip(numbers.noticed(some), numbers.noticed(story), strict=True):
        assert theirs.image == named[ours.image] != ours.image
        assert dataclasses.replace(theirs, image=ours.image) == ours
        assert words.effect(some, theirs) == words.effect(story, ours)
    for theirs, ours in zip(
        _gallery(some, numbers.noticed(some)), _gallery(story, numbers.noticed(story)), strict=True
    ):
        assert dataclasses.replace(theirs, flip=ours.flip) == ours
    asked = Asked(story.spec, story.labels, story.chance, 1e-3, numbers=named)
    _, figures = judge(asked, story.judged)
    (how,) = [f.how for f in figures if f.name.startswith("worst margin") and "image" in f.how][:1]
    (plain,) = [f.how for f in story.figures if f.name.startswith("worst margin")][:1]
    place = int(re.search(r"image (\d+)", plain)[1])
    assert f"image {named[place]}:" in how


def test_lines_above_the_bound_of_the_card_are_counted(page, story):
    lines = numbers.condition_lines(story)
    worst = words.worst_of(lines)
    above = sum(die.above_bound for die in worst.dies)
    assert above > 1
    assert f"{above} lines exceed the bounds of their tiles" in page
    assert "(above)" in page


def test_the_places_of_the_largest_errors_are_the_largest(story):
    dies = story.judged[0].dies
    tiles = numbers.tiles_of(dies)
    expected = np.sqrt(np.mean([die.error**2 for die in dies], axis=0))
    np.testing.assert_allclose(tiles.error, expected)
    np.testing.assert_allclose(
        tiles.flips, np.mean([die.level_flips / die.reads for die in dies], axis=0)
    )
    assert [numbers.layer_of(story.layers, tile) for tile in range(5)] == [1, 1, 1, 2, 2]


@pytest.mark.parametrize("changes", EDGES.values(), ids=EDGES)
def test_unusual_stories_have_whole_pages(changes, tmp_path):
    story = make_story(**({"dies": 3, "images": 150} | changes))
    page = written(story, tmp_path)
    text = re.sub(r"<[^>]*>", "", without_pictures(page))
    assert not re.search(r"\bnan\b|\binf\b|\bNone\b|\b0 of 0\b| ,| \.(?:\s|$)", text)
    assert not re.search(r"<h2>[^<]*:\s*</h2>|<p[^>]*>\s*</p>|<table[^>]*>\s*</table>", page)
    json.loads((tmp_path / "report.json").read_text())


def test_nothing_rests_on_a_bound_where_everything_was_simulated(tmp_path):
    page = written(make_story(full=True, dies=1), tmp_path)
    assert "as the images are a sample; all were simulated)" in headline(page)
    assert "on die 0" in headline(page)
    assert "were simulated, as was asked for" in page
    assert "that were not simulated" not in page


def test_networks_are_not_called_dies(tmp_path):
    story = make_story(**({"dies": 70, "images": 60} | EDGES["networks"]))
    page = written(story, tmp_path)
    assert "the networks classify" in headline(page)
    assert "samples given, mean over 70 networks" in headline(page)
    assert "each level the networks are sorted" in page


def test_large_runs_make_small_pages(tmp_path):
    layers = (0, 20, 32)
    story = make_story(
        dies=36, images=10_000, shape=(28, 28), layers=layers, lines=25, audit=0.013, bound=0.02,
        conditions=2,
    )  # fmt: skip
    write_signoff(story, Outputs(tmp_path))
    assert (tmp_path / "report.html").stat().st_size < 3e6
    for svg in re.findall(r"svg\+xml;base64,([^\"]+)", (tmp_path / "report.html").read_text()):
        assert base64.b64decode(svg).count(b"<use") < 2000


def test_many_dies_are_drawn_as_curves():
    story = make_story(dies=plots.MARKED + 1, images=60)
    lines = numbers.die_lines(story.labels, story.judged[0], story.known[0])
    few = plots.accuracy_plot(lines[:-1], STRICT, "die")
    many = plots.accuracy_plot(lines, STRICT, "die")
    assert many.count("<use") < few.count("<use")
    assert many.count('id="axes_') == 2


def test_values_have_digits_that_tell_them_from_their_limits():
    from mtjspice.verdicts.figures import at_most  # noqa: PLC0415

    figure = at_most("x", 0.0200004, 0.02, "share of images", "")
    value, limit = words.value_and_limit(figure)
    assert (value, limit) == (
        "2.00004\N{NO-BREAK SPACE}% of images",
        "≤\N{NO-BREAK SPACE}2\N{NO-BREAK SPACE}%",
    )
    assert words.value_and_limit(at_most("x", float("nan"), None, "", "")) == ("–", "")
    assert words.value_and_limit(at_most("x", 3, 0, "", "")) == ("3", "≤ 0")
