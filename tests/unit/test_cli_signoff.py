"""`mtjspice signoff` through the real command line: refusals, files, exit codes."""

import contextlib
import csv
import json
import re
import shutil
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from unit.commands import assert_refused, caller
from unit.tiled import NO_DEFECTS, card, study, written

from mtjspice.collect.cluster import Cluster
from mtjspice.data import versions
from mtjspice.data.defects import save_dies, write_defects
from mtjspice.data.mnist import read_small_digits
from mtjspice.data.network import Network
from mtjspice.data.weights import ABOUT, TENSORS, save_weights
from mtjspice.device.dies import draw_dies
from mtjspice.errors import SimulationError
from mtjspice.spec import Defect
from mtjspice.spec.rates import DefectRates
from mtjspice.surrogate.card import load_card, save_card
from mtjspice.train.hardware import in_software

DIGITS = read_small_digits()
RATES = DefectRates(short=0.003, stuck_p=0.01, stuck_ap=0.01, dead_lines=0.2)
SPREAD = {"sigma_ln_rp": 0.05, "sigma_ln_tmr": 0.05}


def network(known: str = "die20k", data: str = DIGITS.source, **hardware) -> Network:
    """Sixteen pixels, six neurons and ten digits; its weights are random."""
    tiles = {"card": known, "tiles": 6, "rates": NO_DEFECTS, "spread": SPREAD} | hardware
    of = study(network={"hidden": (6,), "inputs": 16}, hardware=tiles)
    made = written(of, features=16, classes=10, on=load_card(known))
    features = tuple(range(20, 36))
    return replace(made, data=data, classes=DIGITS.classes, features=features, key="0" * 64)


def dies_for(weights: Network, count: int):
    hardware = weights.study.hardware
    shape = load_card(hardware.card).circuit.crossbar.shape
    return draw_dies(hardware.spread, RATES, shape, hardware.tiles, count, 4)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory) -> Path:
    made = tmp_path_factory.mktemp("prepared")
    save_weights(made / "weights", network(), versions.of_everything("none"))
    save_dies(made / "dies", dies_for(network(), 2))
    return made


@pytest.fixture
def folder(tmp_path, monkeypatch, prepared) -> Path:
    """Where commands run, with ``weights`` and two ``dies``."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(prepared, tmp_path, dirs_exist_ok=True)
    return tmp_path


@pytest.fixture
def mtjspice(folder, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "250")
    return caller(monkeypatch, capsys)


def changed_json(path: Path, **changes) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


# What is refused.


def test_weights_that_are_not_there(mtjspice, folder):
    answer = mtjspice("signoff", "nowhere", "--dies", "dies")
    assert_refused(answer, folder, "nowhere", "does not hold weights", ABOUT)


def test_weights_that_were_changed(mtjspice, folder):
    tensors = folder / "weights" / TENSORS
    tensors.write_bytes(tensors.read_bytes()[:-1] + b"?")
    answer = mtjspice("signoff", "weights", "--dies", "dies")
    assert_refused(answer, folder, f"weights/{TENSORS}", "SHA-256", f"{ABOUT} beside it belongs to")


def test_weights_that_are_cut_off(mtjspice, folder):
    about = folder / "weights" / ABOUT
    about.write_text(about.read_text()[:200])
    answer = mtjspice("signoff", "weights", "--dies", "dies")
    assert_refused(answer, folder, "weights: does not hold weights")


def test_weights_whose_description_was_changed(mtjspice, folder):
    changed_json(folder / "weights" / ABOUT, data="digits of somebody")
    answer = mtjspice("signoff", "weights", "--dies", "dies")
    assert_refused(answer, folder, f"weights/{ABOUT}: checksum", "was changed or damaged")


def test_weights_of_other_tiles(mtjspice, folder):
    weights = network()
    layers = tuple(
        replace(x, states=np.pad(x.states, ((0, 0), (0, 3), (0, 0)))) for x in weights.layers
    )
    save_weights(folder / "weights", replace(weights, layers=layers), {})
    answer = mtjspice("signoff", "weights", "--dies", "dies")
    assert_refused(answer, folder, "layer0.states", "28, 25", "tiles of 25 rows and 25 columns")


def test_weights_of_another_card(mtjspice, folder):
    save_weights(folder / "trained", replace(network(), card="1" * 64), {})
    answer = mtjspice("signoff", "trained", "--dies", "dies")
    assert_refused(
        answer, folder, "trained: weights of small: card = ", "1" * 64, "another design",
        card().key(), "die20k",
    )  # fmt: skip


def test_a_card_that_is_not_there(mtjspice, folder):
    weights = network()
    gone = weights.study.hardware.replace(card="gone")
    moved = replace(weights, study=weights.study.replace(hardware=gone))
    save_weights(folder / "weights", moved, {})
    answer = mtjspice("signoff", "weights", "--dies", "dies")
    assert_refused(answer, folder, "card = 'gone'", "is no card that ships (die20k, passive15)")
    answer = mtjspice("signoff", "weights", "--dies", "dies", "--card", "gone.card.json")
    assert_refused(answer, folder, "gone.card.json: ")


@pytest.mark.parametrize("name", ["own.card.json", "./own", "../models/die20k", "/etc/passwd"])
def test_a_file_that_weights_name_is_not_followed(mtjspice, folder, name):
    weights = network()
    hardware = weights.study.hardware.replace(card=name)
    theirs = replace(weights, study=weights.study.replace(hardware=hardware))
    save_weights(folder / "weights", theirs, {})
    save_card(card(), folder / "own.card.json")
    answer = mtjspice("signoff", "weights", "--dies", "dies")
    assert_refused(answer, folder, "weights of small: study.hardware.card = ", name,
                   "name it: --card FILE")  # fmt: skip


def test_a_card_that_is_named_must_be_that_of_the_weights(mtjspice, folder):
    save_card(card().replace(name="another"), folder / "another.card.json")
    answer = mtjspice("signoff", "weights", "--dies", "dies", "--card", "another.card.json")
    assert_refused(
        answer, folder, "weights of small: card = ", card().key(), "another design",
    )  # fmt: skip


@pytest.mark.parametrize("data", ["MNIST, 10 x 10 pixels", "wine"])
def test_weights_for_other_images_than_asked(mtjspice, folder, data):
    save_weights(folder / "weights", network(data=data), {})
    answer = mtjspice("signoff", "weights", "--dies", "dies", "--digits")
    assert_refused(
        answer, folder, f"weights/{ABOUT}: data = '{data}'", "not for digits of scikit-learn",
        "--mnist DIR or --digits",
    )  # fmt: skip


def test_weights_for_digits_with_mnist(mtjspice, folder, shared_data):
    answer = mtjspice("signoff", "weights", "--dies", "dies", "--mnist", shared_data / "mnist")
    assert_refused(
        answer, folder, f"weights/{ABOUT}: data = 'digits of scikit-learn", "not for MNIST",
    )  # fmt: skip


def test_nothing_is_downloaded_for_weights_that_are_for_something_else(
    mtjspice, folder, monkeypatch
):
    monkeypatch.setattr(
        "mtjspice.data.mnist.download_mnist", lambda _: pytest.fail("nothing is to be fetched")
    )
    save_weights(folder / "weights", network(data="wine"), {})
    answer = mtjspice("signoff", "weights", "--dies", "dies")
    assert_refused(answer, folder, "data = 'wine'", "--mnist DIR or --digits")
    assert not (folder / "mnist").exists()


@pytest.mark.parametrize(
    ("key", "value", "shown"),
    [
        ("features", tuple(range(50, 66)), "features = (50, 51"),
        ("classes", tuple("abcdefghij"), "classes = ('a', 'b'"),
    ],
)
def test_weights_that_do_not_fit_their_images(mtjspice, folder, key, value, shown):
    save_weights(folder / "weights", replace(network(), **{key: value}), {})
    answer = mtjspice("signoff", "weights", "--dies", "dies")
    assert_refused(answer, folder, f"weights/{ABOUT}: {shown}", "not for digits of scikit-learn")


def test_dies_that_are_not_there(mtjspice, folder):
    answer = mtjspice("signoff", "weights", "--dies", "nowhere")
    assert_refused(answer, folder, "nowhere", "cannot be read")
    (folder / "empty").mkdir()
    answer = mtjspice("signoff", "weights", "--dies", "empty")
    assert_refused(answer, folder, "empty/dies.json", "cannot be read")
    (folder / "dies" / "die01.csv").unlink()
    answer = mtjspice("signoff", "weights", "--dies", "dies")
    assert_refused(answer, folder, "dies/die01.csv", "cannot be read")


def test_a_map_that_does_not_fit(mtjspice, folder):
    path = folder / "dies" / "die01.csv"
    path.write_text("kind,tile,row,column\nshort,0,1,2\nshort,1,99,2\n")
    for dies in ("dies", "dies/die01.csv"):
        answer = mtjspice("signoff", "weights", "--dies", dies)
        assert_refused(
            answer, folder, "dies/die01.csv: line 3, row = '99'", "0 to 24", "6 tiles of 25 x 25",
        )  # fmt: skip


@pytest.mark.parametrize("count", [1, 3, 0])
def test_dies_that_are_no_multiple_of_what_the_network_spans(mtjspice, folder, count):
    weights = network(dies=2, tiles=2)
    save_weights(folder / "weights", weights, {})
    save_dies(folder / "dies", dies_for(weights, 3)[:count])
    answer = mtjspice("signoff", "weights", "--dies", "dies")
    assert_refused(answer, folder, f"dies: dies = {count}", "spans 2 dies", "multiple")


def test_more_shorts_than_the_card_knows(mtjspice, folder):
    shorts = tuple(
        Defect(kind="short", tile=1, row=r, column=c) for r in range(25) for c in (0, 1, 2)
    )
    good, bad = dies_for(network(), 2)
    save_dies(folder / "dies", (good, bad.replace(defects=shorts)))
    write_defects(folder / "map.csv", shorts)
    for dies, name in (("dies", "die 01"), ("map.csv", "die 00")):
        answer = mtjspice("signoff", "weights", "--dies", dies)
        assert_refused(
            answer, folder, f"{dies}: {name}: card die20k: share of shorts = 0.12",
            "outside of what the card was calibrated for", "at most",
        )  # fmt: skip


def test_a_larger_spread_than_the_card_knows(mtjspice, folder):
    good, bad = dies_for(network(), 2)
    save_dies(folder / "dies", (good, bad.replace(sigma_ln_rp=0.3)))
    answer = mtjspice("signoff", "weights", "--dies", "dies")
    assert_refused(
        answer, folder, "dies: die 01: card die20k: die.sigma_ln_rp = 0.3", "at most 0.05"
    )


def test_a_card_that_does_not_bound_errors(mtjspice, folder):
    known = card().replace(errors=tuple(e for e in card().errors if e.level != "nodal"))
    save_card(known, folder / "other.card.json")
    save_weights(folder / "weights", network(str(folder / "other.card.json")), {})
    write_defects(folder / "map.csv", (Defect(kind="short", tile=1, row=2, column=3),))
    answer = mtjspice("signoff", "weights", "--dies", "map.csv", "--card", "other.card.json")
    assert_refused(
        answer, folder, "map.csv: die 00: card die20k: errors", "nothing of the nodal solver"
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("seeds = 3", ("seeds = 3", "unknown key; allowed are name, seed, confidence")),
        (
            "[limits]\ndrop = 0.1",
            ("limits.drop = 0.1", "allowed are above_chance, accuracy, drop_mean"),
        ),
        ("confidence = 1.0", ("confidence = 1.0", "must be from 0.5 to 1")),
        ("confidence = 0.3", ("confidence = 0.3", "must be from 0.5 to 1")),
        ("accuracy_bound = 0", ("accuracy_bound = 0", "must be from 1e-06 to 0.999")),
        ("accuracy_bound = 1.0", ("accuracy_bound = 1.0", "must be from 1e-06 to 0.999")),
        ("guard = 0", ("guard = 0", "must be from 0.1 to 100")),
        ("guard = inf", ("guard = inf", "must be from 0.1 to 100")),
        ("vectors = 0", ("vectors = 0", "must be a whole number from 1")),
        ("netlists = -1", ("netlists = -1", "must be a whole number from 0")),
        ("temperatures = [200]", ("temperatures.0 = 200", "must be from -55 °C to 150 °C")),
        ('corners = ["tt", "ss", "tt"]', ("corners must differ", "'ss', 'tt'")),
        ("temperatures = [27, 27.0]", ("temperatures must differ", "27.0")),
        ("[limits]\nflips = 2", ("limits.flips = 2", "must be from 0 to 1")),
        ("[limits]\nfailing_dies = 0.5", ("limits.failing_dies = 0.5", "whole number")),
        ("[limits]\nabove_chance = 2", ("limits.above_chance = 2", "must be from 0 to 1")),
        ("[limits]\nfailing_share = 0.1", ("failing_share", "needs dies = 'sample'")),
        ('dies = "some"', ("dies = 'some'", "given", "sample")),
        ("seed = ", ("is not TOML",)),
    ],
)
def test_a_spec_that_is_wrong(mtjspice, folder, text, words):
    (folder / "asked.toml").write_text(text + "\n")
    answer = mtjspice("signoff", "weights", "--dies", "dies", "--spec", "asked.toml")
    assert_refused(answer, folder, "asked.toml", *words)


def test_a_spec_that_is_not_there(mtjspice, folder):
    answer = mtjspice("signoff", "weights", "--dies", "dies", "--spec", "nowhere.toml")
    assert_refused(answer, folder, "nowhere.toml", "cannot be read")


@pytest.mark.parametrize("known", ["die20k", "passive15"])
@pytest.mark.parametrize("corner", ["zz", "../../etc", "a b"])
def test_a_corner_that_the_transistors_do_not_have(mtjspice, folder, known, corner):
    """Also where there are no transistors: it could be no more than a slip."""
    weights = network(known)
    save_weights(folder / "weights", weights, {})
    save_dies(folder / "dies", dies_for(weights, 1))
    (folder / "asked.toml").write_text(f"corners = ['tt', '{corner}']\n")
    answer = mtjspice("signoff", "weights", "--dies", "dies", "--spec", "asked.toml")
    assert_refused(answer, folder, "asked.toml", f"corner = '{corner}'", "ff", "ss", "tt")


def test_more_images_than_there_are(mtjspice, folder):
    answer = mtjspice("signoff", "weights", "--dies", "dies", "--images", 501)
    assert_refused(answer, folder, "--images = 501", "digits of scikit-learn", "500 test images")


@pytest.mark.parametrize(
    "option", [("--images", 0), ("--jobs", 0), ("--seed", -1), ("--seed", 2**63), ("--jobs", "two")]
)
def test_options_that_are_out_of_range(mtjspice, folder, option):
    answer = mtjspice("signoff", "weights", "--dies", "dies", *option)
    assert answer.code == 2
    assert answer.out == ""
    assert option[0].strip("-") in answer.err
    assert "Traceback" not in answer.err
    assert not (folder / "out").exists()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("97", ("'97'", "a share from 0 to 1, as 0.97 or '97%'")),
        ("-0.1", ("'-0.1'", "a share from 0 to 1")),
        ("120%", ("'120%'", "a share from 0 to 1")),
        ("nan", ("'nan'", "must be an accuracy, as 0.97 or '97%', or a folder of weights")),
        ("", ("--reference = ''", "must be an accuracy, as 0.97 or '97%', or a folder of weights")),
        ("nowhere", ("'nowhere'", "or a folder of weights")),
        ("x" * 5000, ("must be an accuracy",)),
        ("0.9 V", ("'0.9 V'", "must be an accuracy")),
        ("dies", ("dies: ", "does not hold weights")),
        ("wine", ("'wine'", "are for wine, not for digits of scikit-learn")),
    ],
)
def test_a_reference_that_is_none(mtjspice, folder, given, words):
    save_weights(folder / "wine", network(data="wine"), {})
    answer = mtjspice("signoff", "weights", "--dies", "dies", "--reference", given)
    assert_refused(answer, folder, *words)


def test_dies_must_be_given(mtjspice, folder):
    answer = mtjspice("signoff", "weights")
    assert answer.code == 2
    assert "--dies" in answer.err


@pytest.mark.ngspice
@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "nonsense", "tcp://127.0.0.1:many"])
def test_a_scheduler_that_cannot_be_reached(mtjspice, folder, monkeypatch, address):
    pytest.importorskip("distributed")
    monkeypatch.setitem(Cluster.__init__.__kwdefaults__, "reach_within_s", 0.5)
    answer = mtjspice("signoff", "weights", "--dies", "dies", "--scheduler", address)
    assert_refused(answer, folder, f"--scheduler = '{address}'", "no Dask scheduler answers there")


@pytest.mark.parametrize("experiment", ["goodwill2022", "borders2024"])
def test_a_scheduler_without_a_sign_off(mtjspice, folder, experiment):
    answer = mtjspice("reproduce", experiment, "--scheduler", "tcp://127.0.0.1:9")
    assert_refused(answer, folder, "--scheduler = 'tcp://127.0.0.1:9'", "add --signoff")


# What is done. The array is a passive one: its simulations take no time.

OPEN = (
    "accuracy_bound = 0.2\n"
    "[limits]\nabove_chance = 0\ndrop_mean = 0.9\ndrop_die = 1.0\nflips = 1.0\n"
)
IMAGES = 30


@pytest.fixture
def passive(mtjspice, folder, simulator, monkeypatch):
    """The command with weights for passive arrays; workers are those of the tests."""
    weights = network("passive15")
    save_weights(folder / "weights", weights, {})
    save_dies(folder / "dies", dies_for(weights, 2))
    (folder / "asked.toml").write_text(OPEN)
    monkeypatch.setattr(
        "mtjspice.signoff.run.open_pool", lambda *_, **__: contextlib.nullcontext(simulator.pool)
    )
    for name in ("margins_plot", "accuracy_plot", "leads_plot", "conditions_plot"):
        monkeypatch.setattr(f"mtjspice.signoff.page_plots.{name}", lambda *_: "<svg/>")
    monkeypatch.setattr("mtjspice.signoff.page_maps.map_plot", lambda *_: "<svg/>")

    def call(*options):
        given = ("--dies", "dies", "--spec", "asked.toml", "--images", IMAGES)
        return mtjspice("signoff", "weights", *given, *options)

    return call


def drawn(seed: int) -> np.ndarray:
    """Numbers of the test images that are shown."""
    return np.sort(np.random.default_rng(seed).permutation(500)[:IMAGES])


def report(folder: Path) -> dict:
    return json.loads((folder / "report.json").read_text())


@pytest.mark.ngspice
def test_a_pass_prints_and_writes_what_was_found(passive, folder):
    answer = passive()
    assert answer.code == 0, answer.err
    out = folder / "out" / "signoff"
    said = report(out)
    assert said["verdict"] == "pass"
    assert "verdict: PASS" in answer.out
    assert "out/signoff/report.html" in answer.out
    assert {path.name for path in out.iterdir()} >= {
        "report.html", "report.json", "manifest.json", "flips.csv", "dies.csv", "simulations",
    }  # fmt: skip
    (condition,) = said["conditions"]
    statement = condition["statement"]
    assert statement["images"] == 2 * IMAGES > statement["simulated"] > 0
    assert [die["die"] for die in condition["dies"]] == ["die 00", "die 01"]
    chosen = drawn(0)
    labels = DIGITS.labels[~DIGITS.train][chosen]
    assert f"{IMAGES} of 500 test images, drawn with seed 0" in said["data"]
    value = {figure["name"]: figure["value"] for figure in said["figures"]}
    images = torch.from_numpy(DIGITS.inputs[~DIGITS.train][chosen])
    right = in_software(network("passive15"), images).argmax(-1).numpy() == labels
    assert value["accuracy, software"] == pytest.approx(right.mean())
    with (out / "dies.csv").open() as lines:
        assert len(list(csv.reader(lines))) == 3


@pytest.mark.ngspice
def test_limits_that_nothing_can_break_are_no_verdict(passive, folder):
    (folder / "asked.toml").write_text(OPEN.replace("0.9", "1.0") + "failing_dies = 2\n")
    answer = passive("--out", "elsewhere")
    assert answer.code == 4
    assert "verdict: INCONCLUSIVE" in answer.out
    assert "No limit that something can break is set on accuracy or classes" in answer.out
    assert report(folder / "elsewhere")["verdict"] == "inconclusive"


@pytest.mark.ngspice
def test_a_fail_is_exit_code_one(passive, folder):
    (folder / "asked.toml").write_text(OPEN + "accuracy_die = 0.99\n")
    answer = passive("--out", "elsewhere")
    assert answer.code == 1
    assert "verdict: FAIL" in answer.out
    assert "BROKEN" in answer.out
    said = report(folder / "elsewhere")
    assert said["verdict"] == "fail"
    assert said["conditions"][0]["failing dies"] == ["die 00", "die 01"]
    assert not (folder / "out").exists()


@pytest.mark.ngspice
def test_what_is_about_to_be_simulated_is_said_first(passive, folder):
    answer = passive()
    statement = report(folder / "out" / "signoff")["conditions"][0]["statement"]
    count = statement["simulated"]
    assert f"{count} of {2 * IMAGES} images on dies are simulated" in answer.err
    said = f"({statement['unsafe']} not safe, {statement['audited']} for the audit)"
    assert said in answer.err
    tiles = len(network("passive15").layers[0].states) + len(network("passive15").layers[1].states)
    work = f"{count * tiles} vectors of tiles in {2 * tiles} simulations"
    assert re.search(rf"{work}, about [\d.]+ s with \d+ workers", answer.err)
    # The second time all is found.
    assert re.search(rf"{work}, at most about [\d.]+ s with .*stored already", passive().err)
    assert report(folder / "out" / "signoff")["times"]["simulations run"] == 0


@pytest.mark.ngspice
def test_random_weights_fail_by_default_and_few_images_decide_little(passive, folder):
    (folder / "asked.toml").write_text("accuracy_bound = 0.2\n")
    assert passive().code == 1
    said = report(folder / "out" / "signoff")
    verdicts = {figure["name"]: figure["holds"] for figure in said["figures"] if figure["limit"]}
    assert verdicts["accuracy, SPICE"] is False
    assert verdicts["flipped classes, share"] is None
    (folder / "asked.toml").write_text(OPEN.replace("flips = 1.0", "flips = 0.01"))
    answer = passive()
    assert answer.code == 4
    assert "verdict: INCONCLUSIVE" in answer.out
    assert re.search(r"not decided: flipped classes, share: needs about [\d,]+ images", answer.out)


@pytest.mark.ngspice
@pytest.mark.parametrize("given", ["0.97", "97%"])
def test_a_reference_is_what_drops_are_counted_from(passive, folder, given):
    answer = passive("--reference", given)
    said = report(folder / "out" / "signoff")
    value = {figure["name"]: figure["value"] for figure in said["figures"]}
    lost = value["accuracy lost, mean over dies"]
    assert lost == pytest.approx(0.97 - value["accuracy, SPICE"])
    assert value["accuracy, reference"] == 0.97 != value["accuracy, software"]
    assert "accuracy, reference" in answer.out


@pytest.mark.ngspice
def test_other_weights_as_reference_are_read_in_software(passive, folder):
    other = replace(network("passive15"), key="1" * 64)
    states = tuple(replace(x, states=1 - x.states) for x in other.layers)
    other = replace(other, layers=states)
    save_weights(folder / "other", other, {})
    passive("--reference", "other")
    said = report(folder / "out" / "signoff")
    images = torch.from_numpy(DIGITS.inputs[~DIGITS.train][drawn(0)])
    labels = DIGITS.labels[~DIGITS.train][drawn(0)]
    right = (in_software(other, images).argmax(-1).numpy() == labels).mean()
    assert said["reference"]["accuracy"] == pytest.approx(right)
    assert said["reference"]["source"].startswith("other, ")
    value = {figure["name"]: figure["value"] for figure in said["figures"]}
    assert value["accuracy lost, mean over dies"] == pytest.approx(right - value["accuracy, SPICE"])


@pytest.mark.ngspice
def test_a_full_run_simulates_every_image_and_json_is_the_report(passive, folder):
    answer = passive("--full", "--json")
    assert answer.code == 0
    assert json.loads(answer.out) == report(folder / "out" / "signoff")
    statement = json.loads(answer.out)["conditions"][0]["statement"]
    assert statement["simulated"] == statement["images"] == 2 * IMAGES
    assert (statement["unsafe"], statement["audited"], statement["accuracy"]) == (0, 0, 0)


@pytest.mark.ngspice
def test_a_defect_map_is_one_die_and_all_test_images_are_meant(passive, folder, mtjspice):
    write_defects(folder / "map.csv", (Defect(kind="dead_row", tile=0, row=3),))
    options = ("--dies", "map.csv", "--spec", "asked.toml")
    answer = mtjspice("signoff", "weights", *options)
    assert answer.code == 0, answer.err
    (condition,) = report(folder / "out" / "signoff")["conditions"]
    assert condition["statement"]["images"] == 500
    assert [die["defects"] for die in condition["dies"]] == [1]


@pytest.mark.ngspice
def test_a_seed_replaces_that_of_the_spec(passive, folder):
    passive("--seed", 5, "--out", "five")
    (folder / "asked.toml").write_text("seed = 5\n" + OPEN)
    passive("--out", "same")
    passive("--seed", 6, "--out", "six")
    five, same, six = (
        json.loads((folder / name / "manifest.json").read_text())
        for name in ("five", "same", "six")
    )
    assert five == same
    assert (five["seed"], six["seed"]) == (5, 6)
    assert five["simulations"] != six["simulations"]


def other_card(folder: Path, **changes) -> str:
    """Weights for a copy of the passive card that says something else."""
    path = folder / "other.card.json"
    save_card(load_card("passive15").replace(**changes), path)
    save_weights(folder / "weights", network(str(path)), {})
    return path.name


DOUBTS = {
    "another ngspice": (
        {"versions": {"simulator": "ngspice 12 (Sparse)"}},
        ("versions.simulator = 'ngspice 12 (Sparse)'", "was calibrated on ngspice 12 (Sparse)"),
    ),
    "broken limits": (
        {"broken": ("new tiles, full: RMS error", "shorts, full: RMS error")},
        ("broken = ['new tiles, full: RMS error'", "breaks limits of its own"),
    ),
}


@pytest.mark.ngspice
@pytest.mark.parametrize(("changes", "words"), DOUBTS.values(), ids=DOUBTS)
def test_a_doubtful_card_is_warned_of_and_refused_if_strict(
    passive, folder, simulator, changes, words
):
    known = load_card("passive15")
    trusted = known.versions | {"simulator": str(simulator.info)}
    name = other_card(folder, **({"versions": trusted} | changes))
    answer = passive("--strict", "--card", name)
    assert_refused(answer, folder, "card passive15: ", *words)
    answer = passive("--card", name)
    assert answer.code == 0
    assert words[1] in answer.out
    (warning,) = report(folder / "out" / "signoff")["warnings"]
    assert warning.startswith("card passive15 ")
    assert words[1] in warning


@pytest.mark.ngspice
def test_a_card_without_doubt_is_taken_if_strict(passive, folder, simulator):
    known = load_card("passive15")
    name = other_card(folder, versions=known.versions | {"simulator": str(simulator.info)})
    assert passive("--strict", "--card", name).code == 0
    assert report(folder / "out" / "signoff")["warnings"] == []


@pytest.mark.ngspice
def test_a_simulation_that_fails_is_exit_code_three(passive, folder, simulator, monkeypatch):
    class Failing:
        jobs = 1

        def submit(self, *_):
            future = Future()
            future.set_exception(SimulationError("made to fail", log="timestep too small"))
            return future

        def shutdown(self, **_):
            pass

    monkeypatch.setattr(
        "mtjspice.signoff.run.open_pool", lambda *_, **__: contextlib.nullcontext(Failing())
    )
    answer = passive()
    assert answer.code == 3
    assert "made to fail" in answer.err
    (kept, *_) = (folder / "out" / "signoff" / "simulations").glob("*.failed")
    assert ".failed" in answer.err
    assert "timestep too small" in (kept / "ngspice.log").read_text()
    assert not (folder / "out" / "signoff" / "report.json").exists()
