"""Sign-off with ngspice: what margins leave out, what is found again, what is written.

The circuit is a small array with amplifiers and converters, whose card is made here. A coarse card
leaves out what the junctions' bias does, and says by how much it is wrong for that: levels, signs
and classes differ often enough with it to be looked at.
"""

import contextlib
import json
import re
import subprocess
from collections import Counter
from concurrent.futures import Executor, Future
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from reference.raw import read_raw
from unit.tiled import study, written

from mtjspice.calibrate.run import run_calibration
from mtjspice.collect import Simulator, WorkerPool
from mtjspice.data.results import load_result
from mtjspice.device.converter import to_codes
from mtjspice.device.dies import draw_dies
from mtjspice.errors import InputError, SimulationError
from mtjspice.networks.tiles import in_spice
from mtjspice.signoff.chosen import Read
from mtjspice.signoff.dies import OnOneDie, Specimen
from mtjspice.signoff.findings import ALL, AUDIT, NOT, UNSAFE
from mtjspice.signoff.guided import read_guided
from mtjspice.signoff.run import run_signoff
from mtjspice.signoff.statement import audit_size, most_flips, of_round
from mtjspice.signoff.subject import Images, Subject
from mtjspice.spec import (
    Converter,
    Crossbar,
    Die,
    Line,
    PassiveCell,
    SignOff,
    SignOffLimits,
    TransimpedanceAmplifier,
)
from mtjspice.spec.calibration import Calibration
from mtjspice.spec.rates import DefectRates
from mtjspice.surrogate.card import load_card, save_card
from mtjspice.surrogate.model import Surrogate
from mtjspice.train.hardware import given_by, in_software
from mtjspice.train.model import activated
from mtjspice.train.tiles import placement_of

pytestmark = pytest.mark.ngspice
LINE = Line(resistance=5.0, end=50.0)
CIRCUIT = Calibration(
    name="small",
    crossbar=Crossbar(rows=8, columns=8, cell=PassiveCell(), row=LINE, column=LINE),
    die=Die(sigma_ln_rp=0.05, sigma_ln_tmr=0.05),
    periphery=TransimpedanceAmplifier(
        reference=1.65, zero=1.65, gain=4e3, input_resistance=5.0, clip_low=1.45, clip_high=1.85
    ),
    dac=Converter(bits=12, low=0.0, high=5.0),
    adc=Converter(bits=10, low=0.0, high=3.3),
    plan={
        "tiles": 1, "vectors": 12, "held_vectors": 8, "held_tiles": 2, "defective_tiles": 2,
        "short_tiles": 1, "short_share": 0.02, "hard_tiles": 1, "clustered_tiles": 1,
        "line_tiles": 1, "searched_tiles": 1, "searches": 40, "sizes": (),
    },
)  # fmt: skip
RATES = DefectRates(short=0.005, stuck_p=0.02, stuck_ap=0.02, dead_lines=0.3)
IMAGES, CLASSES, TILES = 200, 3, 6
ASKED = SignOff(
    accuracy_bound=0.05,
    guard=5.0,
    vectors=150,
    limits=SignOffLimits(drop_mean=0.5, drop_die=1.0, flips=0.5, clipped=0.5),
)


@pytest.fixture(scope="module")
def cards(tmp_path_factory, simulator):
    """Folder of two cards of the circuit: ``small``, and ``coarse``."""
    out = tmp_path_factory.mktemp("cards")
    with pytest.MonkeyPatch.context() as patch:
        without_pictures(patch)
        card = run_calibration(CIRCUIT, out / "small", pool=simulator.pool).card
    save_card(card, out / "small.card.json")
    # Without the bias dependence, and on all tiles: the nodal solver reads none of them.
    fitted, bound = card.correction.replace(own=0.0, mixed=0.0), card.bound.replace(expansion=1.0)
    save_card(card.replace(name="coarse", correction=fitted, bound=bound), out / "coarse.card.json")
    return out


def without_pictures(patch) -> None:
    """They take most of the time."""
    for name in ("distribution_plot", "current_plot", "distance_plot", "size_plot"):
        patch.setattr(f"mtjspice.calibrate.page.{name}", lambda groups: "<svg/>")
    for name in ("margins_plot", "accuracy_plot", "leads_plot", "conditions_plot"):
        patch.setattr(f"mtjspice.signoff.page_plots.{name}", lambda *_: "<svg/>")
    patch.setattr("mtjspice.signoff.page_maps.map_plot", lambda *_: "<svg/>")


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch):
    without_pictures(monkeypatch)


@pytest.fixture
def storing(simulator, tmp_path):
    """Simulators that share workers; each with a store of its own unless it is named."""

    def make(name: str = "store") -> Simulator:
        return Simulator(store=tmp_path / name, pool=simulator.pool)

    return make


@pytest.fixture
def shared_workers(simulator, monkeypatch):
    """Have sign-offs use the workers of the tests."""
    use(monkeypatch, simulator.pool)


def use(monkeypatch, pool: Executor) -> None:
    monkeypatch.setattr(
        "mtjspice.signoff.run.open_pool", lambda *_, **__: contextlib.nullcontext(pool)
    )


def specimens(folder: Path, name: str = "coarse", dies: int = 2, seed: int = 1, **network):
    """A network of random weights on dies with spread and defects."""
    path = folder / f"{name}.card.json"
    hardware = {
        "card": str(path), "tiles": TILES, "spread": {"sigma_ln_rp": 0.05, "sigma_ln_tmr": 0.05},
    }  # fmt: skip
    of = study(network={"hidden": (4,), "inputs": None} | network, hardware=hardware)
    weights = written(of, features=12, classes=CLASSES, seed=seed, on=load_card(path))
    drawn = draw_dies(of.hardware.spread, RATES, (8, 8), TILES, dies, 3)
    return [Specimen(f"die {k:02d}", weights, (die,)) for k, die in enumerate(drawn)]


def inputs(count: int = IMAGES) -> torch.Tensor:
    chance = torch.Generator().manual_seed(1)
    return torch.rand(count, 12, dtype=torch.float64, generator=chance)


def subject(folder: Path, name: str = "coarse", **parts) -> Subject:
    """Images whose labels are what the weights as numbers make of them."""
    made, x = specimens(folder, name, **parts), inputs()
    labels = in_software(made[0].weights, x).argmax(-1).numpy()
    return Subject(
        title="made up & small",
        weights="random ones",
        specimens=tuple(made),
        images=Images(x.numpy(), labels, tuple("abc"), "random numbers"),
        card=load_card(folder / f"{name}.card.json"),
    )


class Optimist(Surrogate):
    """Says of its tiles that they err so many times less than they do."""

    def __init__(self, card, divided: float):
        super().__init__(card, "full")
        self.divided = divided

    def program(self, experiments):
        made = super().program(experiments)
        return replace(made, errors=made.errors.scaled(1 / self.divided))


def surrogate(folder: Path, name: str = "coarse", divided: float = 1.0) -> Surrogate:
    """Of a card, and what it says of its errors divided."""
    return Optimist(load_card(folder / f"{name}.card.json"), divided)


def recarded(made, of: Surrogate):
    """Specimens whose weights belong to another card."""
    key = of.card.key()
    return [replace(one, weights=replace(one.weights, card=key)) for one in made]


def kinds(read: Read) -> Counter:
    return Counter(
        (found.differing.kind, possible) for of_die in read.found for found, possible in of_die
    )


NETWORKS = {
    "tanh": ("coarse", {}),
    "sign": ("coarse", {"activation": "sign"}),
    "copies and outliers": ("coarse", {"copies": (1, 2), "outlier": (3.0, 2.0)}),
    "three layers": ("small", {"hidden": (4, 4)}),
}


@pytest.mark.parametrize(("name", "network"), NETWORKS.values(), ids=NETWORKS)
def test_every_flip_of_a_full_run_is_among_what_margins_chose(cards, storing, name, network):
    made, known = specimens(cards, name, **network), surrogate(cards, name)
    full = read_guided(made, known, inputs(), ASKED, storing(), full=True)
    assert full.statement.simulated == full.statement.images == 2 * IMAGES
    assert (full.statement.flip_rate, full.statement.accuracy) == (0, 0)
    guided = read_guided(made, known, inputs(), ASKED, storing())
    flips = 0
    for whole, part in zip(full.dies, guided.dies, strict=True):
        assert (whole.why == ALL).all()
        seen = part.simulated
        assert 0 < seen.sum() < IMAGES
        assert seen[whole.flipped].all()
        flips += int(whole.flipped.sum())
        # Both levels say the same of what both have seen.
        assert np.array_equal(part.spice[seen], whole.spice[seen])
        assert part.spice_lead[seen] == pytest.approx(whole.spice_lead[seen], abs=1e-6)
        assert (part.spice[~seen] == -1).all()
        assert np.isnan(part.spice_lead[~seen]).all()
        assert np.array_equal(part.surrogate, whole.surrogate)
        assert part.safety == pytest.approx(whole.safety)
        # An image is there because it is not safe, or by chance.
        assert np.array_equal(part.why == UNSAFE, part.safety <= 1)
        assert (part.safety[part.why == AUDIT] > 1).all()
        assert np.array_equal(part.final, whole.final)
    assert flips > 0 or name == "small"
    statement = guided.statement
    assert (statement.rounds, statement.widened, statement.notes) == (1, 1.0, ())
    assert statement.unsafe + statement.audited == statement.simulated < statement.images
    assert statement.audit_flips == 0
    safe, confidence = statement.images - statement.unsafe, of_round(ASKED.confidence, 1, 5)
    assert statement.audited == audit_size(safe, statement.images // 20, confidence)
    left = most_flips(safe, statement.audited, 0, confidence)
    assert 0 < statement.accuracy == left / statement.images <= 0.05
    assert statement.flip_rate * (statement.images - statement.simulated) == pytest.approx(
        statement.accuracy * statement.images
    )
    assert kinds(guided)["class", True] == flips
    if "activation" in network:
        assert kinds(full)["sign", True] > 0


def test_what_is_told_of_a_die_adds_up(cards, storing):
    made, known = specimens(cards), surrogate(cards)
    told = []
    read = read_guided(
        made, known, inputs(), ASKED, storing(), full=True, told=lambda *n: told.append(n)
    )
    levels = Counter()
    for n, of_die in enumerate(read.found):
        for found, _ in of_die:
            if found.differing.kind == "level":
                levels[n, 2 * found.differing.layer + found.differing.tile] += 1
    for n, die in enumerate(read.dies):
        assert die.reads == IMAGES
        assert die.level_flips.shape == die.error.shape == die.largest_error.shape == (3, 8)
        assert [levels[n, tile] for tile in range(3)] == die.level_flips.sum(1).tolist()
        assert (die.error <= die.largest_error).all()
        assert 0 < die.error.max() < die.bound.max()
        assert die.defects == len(made[n].dies[0].defects)
        assert 0 < die.clipped == pytest.approx(die.spice_clipped, abs=0.005)
    assert told[-1] == ("spice", 2 * 3 * IMAGES, 2 * 3 * IMAGES)
    assert ("surrogate", 2, 2) in told
    assert all(done <= total for _, done, total in told)
    assert read.vectors == 2 * 3 * IMAGES
    assert read.seconds > 0


def test_a_good_card_needs_little(cards, storing):
    """With errors far below a step hardly an image is unsafe."""
    made = specimens(cards, "small")
    read = read_guided(made, surrogate(cards, "small"), inputs(), ASKED, storing())
    assert read.statement.unsafe < 0.1 * 2 * IMAGES
    assert read.statement.rounds == 1
    assert not any(die.flipped.any() for die in read.dies)
    levels = sum(int(die.level_flips.sum()) for die in read.dies)
    assert levels < 0.005 * sum(die.reads for die in read.dies) * 24
    full = read_guided(made, surrogate(cards, "small"), inputs(), ASKED, storing(), full=True)
    for die in full.dies:
        assert die.clipped == pytest.approx(die.spice_clipped, abs=2e-4) != 0


@pytest.mark.parametrize("divided", [50.0, 1e6])
def test_a_bound_that_is_far_too_small_is_widened_until_it_holds(cards, storing, divided):
    known = surrogate(cards, divided=divided)
    made = recarded(specimens(cards), known)
    full = read_guided(made, known, inputs(), ASKED, storing(), full=True)
    assert full.statement.rounds == 1  # nothing is left out, and nothing has to be chosen anew
    assert kinds(full)["level", False] > 0
    read = read_guided(made, known, inputs(), ASKED, storing())
    statement = read.statement
    assert 1 < statement.rounds <= 5
    assert len(statement.notes) >= statement.rounds - 1
    assert statement.widened > 0.1 * divided
    assert all("calls impossible" in note for note in statement.notes)
    assert re.match(r"round 1: on die 0\d, image \d+, a (level|class) of layer", statement.notes[0])
    assert f"{statement.widened:.3g} times as large" in statement.notes[statement.rounds - 2]
    assert all(possible for of_die in read.found for _, possible in of_die)
    for whole, part in zip(full.dies, read.dies, strict=True):
        assert part.simulated[whole.flipped].all()
        # What was an image of the audit stays one, also where it is not safe any more.
        assert (part.safety[part.why == NOT] > 1).all()
    assert statement.unsafe + statement.audited == statement.simulated


def test_without_need_nothing_is_widened_by_a_step_that_is_larger_than_the_bound(cards, storing):
    """A read beside an edge moves a class by a whole step, however small its error is."""
    known = surrogate(cards, divided=3.0)  # that it may be so far off is within the bound
    made = recarded(specimens(cards, hidden=(4, 4)), known)
    read = read_guided(made, known, inputs(), ASKED.replace(guard=8.0), storing())
    flipped = sum(int(die.flipped.sum()) for die in read.dies)
    assert flipped > 0
    assert kinds(read)["class", True] == flipped


def test_a_hidden_neuron_that_differs_drives_the_next_layer(cards, storing):
    (one,) = specimens(cards, dies=1, activation="sign")
    both = OnOneDie(one, surrogate(cards))
    reads, circuit = [], both.network.circuit
    with storing() as simulator:
        exact = in_spice(one.weights, circuit, one.dies, simulator, kept=reads.append)
        outputs = exact.outputs(inputs())
    layers = one.weights.layers
    hidden = [
        network.added(0, currents) * (layers[0].unit / layers[0].g_norm)
        + torch.from_numpy(layers[0].bias)
        for network, currents in (
            (both.network, both.network.read(0, reads[0].volts)),
            (exact, reads[0].currents),
        )
    ]
    fast, spice = (
        placement_of(layers[1]).volts(given_by(circuit, activated(z, "sign"))) for z in hidden
    )
    assert torch.equal(reads[1].volts, spice)
    differ = (fast != spice).any(-1)[0]
    assert 0 < differ.sum() < IMAGES
    assert [len(read.keys) for read in reads] == [2, 1]
    # Where no sign differs the two levels are close, and where one does they are not.
    off = (outputs - both.network.outputs(inputs())).abs().amax(-1)
    assert float(off[differ].min()) > float(off[~differ].max())


def run(folder: Path, out: Path, asked: SignOff = ASKED, **options):
    parts = {k: options.pop(k) for k in ("name", "dies", "hidden", "activation") if k in options}
    return run_signoff(subject(folder, **parts), asked, out, **options)


def written_files(out: Path) -> dict[str, bytes | str]:
    """What a run has written besides simulations, without what differs from run to run."""
    found: dict[str, bytes | str] = {}
    for path in sorted(out.rglob("*")):
        name = str(path.relative_to(out))
        if path.is_dir() or name.startswith(("simulations", "cards")):
            continue
        found[name] = path.read_bytes()
        if name == "report.json":
            found[name] = json.dumps(json.loads(found[name]) | {"times": None})
        if name == "report.html":
            page = found[name].decode()
            found[name] = re.sub(r'<(\w+)[^>]* id="times".*?</\1>', "", page, flags=re.DOTALL)
            assert found[name] != page
    return found


def test_a_run_that_is_repeated_finds_everything_and_writes_the_same(
    cards, tmp_path, shared_workers
):
    first = run(cards, tmp_path / "one")
    assert first.times["simulations found"] == 0 < first.times["simulations run"]
    before = written_files(tmp_path / "one")
    assert {"report.html", "report.json", "manifest.json", "flips.csv", "dies.csv"} < set(before)
    assert any(name.startswith("netlists/") for name in before)
    again = run(cards, tmp_path / "one")
    assert again.times["simulations run"] == 0
    assert again.times["simulations found"] == first.times["simulations run"]
    assert written_files(tmp_path / "one") == before
    # In another folder the same is computed anew, byte by byte.
    run(cards, tmp_path / "two")
    assert written_files(tmp_path / "two") == before
    manifest = json.loads(before["manifest.json"])
    stored = {path.stem for path in (tmp_path / "one" / "simulations").glob("*.nc")}
    assert set(manifest["simulations"]) == stored
    # Another seed draws another audit.
    run(cards, tmp_path / "three", ASKED.replace(seed=1))
    assert written_files(tmp_path / "three")["report.json"] != before["report.json"]


def test_the_number_of_workers_changes_nothing(cards, tmp_path):
    for jobs in (1, 3):
        run(cards, tmp_path / str(jobs), jobs=jobs)
    assert written_files(tmp_path / "1") == written_files(tmp_path / "3")


class Breaking(WorkerPool):
    """Workers of its own, which are really ended, and one call that fails."""

    def __init__(self, which: int):
        super().__init__(2)
        self.which, self.calls = which, 0

    def submit(self, fn, /, *args, **kwargs):
        self.calls += 1
        if self.calls != self.which:
            return super().submit(fn, *args, **kwargs)
        future = Future()
        future.set_exception(SimulationError("made to fail", log="singular matrix"))
        return future


@pytest.mark.parametrize("which", [1, 4])
def test_a_failing_simulation_is_named_and_kept_and_the_run_goes_on_from_there(
    cards, tmp_path, simulator, monkeypatch, which
):
    use(monkeypatch, Breaking(which))
    out = tmp_path / "out"
    with pytest.raises(SimulationError, match="made to fail") as caught:
        run(cards, out)
    assert caught.value.exit_code == 3
    kept = caught.value.run_dir
    assert kept.parent == out / "simulations"
    assert kept.name in str(caught.value)
    assert "singular matrix" in (kept / "ngspice.log").read_text()
    assert (kept / "deck.cir").read_text().startswith("*")
    assert not (out / "report.json").exists()
    use(monkeypatch, simulator.pool)
    done = len(list((out / "simulations").glob("*.nc")))
    story = run(cards, out)
    assert story.times["simulations found"] == done
    run(cards, tmp_path / "whole")
    names = ("report.json", "flips.csv", "dies.csv")
    one, other = written_files(out), written_files(tmp_path / "whole")
    assert [one[name] for name in names] == [other[name] for name in names]


def test_a_netlist_of_a_flip_shows_it_in_plain_ngspice(cards, tmp_path, shared_workers):
    """Run by itself each gives the voltages of its tile that were logged, and the level."""
    story = run(cards, tmp_path / "out", ASKED.replace(level_netlists=10**4), activation="sign")
    flips = [flip for judged in story.judged for flip in judged.flips]
    assert {flip.kind for flip in flips} == {"class", "sign", "level"}
    assert all(flip.netlist for flip in flips)
    chosen = {kind: [f for f in flips if f.kind == kind] for kind in ("class", "sign", "level")}
    levels = chosen["level"]
    shown = [*chosen["class"][:3], *chosen["sign"][:2], *levels[:: len(levels) // 8]]
    assert {flip.layer for flip in shown} == {1, 2}
    assert len({flip.die for flip in shown}) == 2
    for flip in shown:
        volts = output_volts(tmp_path / "out" / flip.netlist, tmp_path)
        stored = load_result(tmp_path / "out" / "simulations" / f"{flip.key}.nc")
        logged = stored["amplifier_voltage"].to_numpy()[flip.vector]
        assert volts == pytest.approx(logged, abs=1e-6)
        if flip.kind == "level":
            code = int(to_codes(volts[[flip.line]], CIRCUIT.adc)[0])
            assert code == flip.spice != flip.surrogate


def output_volts(netlist: Path, folder: Path) -> np.ndarray:
    raw = folder / "out.raw"
    raw.unlink(missing_ok=True)
    done = subprocess.run(
        ["ngspice", "-b", "-r", str(raw), str(netlist)],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    vectors = read_raw(raw)
    return np.concatenate([vectors[f"v(out{column})"] for column in range(8)])


def test_only_so_many_flips_have_netlists_classes_first(cards, tmp_path, shared_workers):
    run(cards, tmp_path / "out", ASKED.replace(level_netlists=30), hidden=(4, 4))
    mine = tmp_path / "out" / "netlists" / "mine-image1-tile1.cir"
    mine.write_text("mine")
    story = run(cards, tmp_path / "out", ASKED.replace(netlists=5, level_netlists=0), hidden=(4, 4))
    assert mine.read_text() == "mine"
    mine.unlink()
    flips = [flip for judged in story.judged for flip in judged.flips]
    classes = [flip for flip in flips if flip.kind == "class"]
    assert len(classes) > 5
    named = [flip for flip in flips if flip.netlist]
    assert named == classes[:5]
    files = {f"netlists/{p.name}" for p in (tmp_path / "out" / "netlists").iterdir()}
    assert files == {flip.netlist for flip in named}
    none = run(cards, tmp_path / "none", ASKED.replace(netlists=0, level_netlists=0), hidden=(4, 4))
    assert not any(flip.netlist for judged in none.judged for flip in judged.flips)
    assert not (tmp_path / "none" / "netlists").exists()


def test_another_temperature_has_a_card_of_its_own(cards, tmp_path, shared_workers):
    asked = ASKED.replace(temperatures=(80.0, 27.0), limits=ASKED.limits.replace(flips=0.0))
    story = run(cards, tmp_path / "out", asked, name="small")
    hot, usual = story.judged
    assert (hot.condition, usual.condition) == ("tt, 80 °C", "tt, 27 °C")
    folder = tmp_path / "out" / "cards"
    assert [path.name for path in folder.iterdir()] == ["small-tt-80C"]
    made = load_card(folder / "small-tt-80C" / "small-tt-80C.card.json")
    assert made.circuit.technology.temperature == 80.0
    assert (hot.card, usual.card) == ("small-tt-80C", "small")
    # The weights as numbers know no temperature, the dies do.
    for warm, cool in zip(hot.dies, usual.dies, strict=True):
        assert np.array_equal(warm.software, cool.software)
        assert not np.allclose(warm.lead, cool.lead)
        assert (warm.largest_error <= warm.bound[:, None]).all()
        assert not np.array_equal(warm.why, cool.why)  # each has an audit of its own
    keys = [{flip.key for flip in judged.flips} for judged in story.judged]
    assert not keys[0] & keys[1]
    # The usual condition alone gives what it gave beside the other.
    assert len({figure.name for figure in story.figures}) == len(story.figures)
    again = run(cards, tmp_path / "out", asked, name="small")
    assert again.times["simulations run"] == 0
    assert (folder / "small-tt-80C" / "small-tt-80C.card.json").is_file()
    stated = json.loads((tmp_path / "out" / "report.json").read_text())["conditions"]
    assert [condition["card"] for condition in stated] == ["small-tt-80C", "small"]


def test_dies_that_the_card_does_not_know_are_refused_before_anything_is_written(cards, tmp_path):
    whole = subject(cards)
    bad = replace(whole.specimens[1], dies=(Die(sigma_ln_rp=0.5),))
    with pytest.raises(InputError, match="outside of what the card") as caught:
        run_signoff(
            replace(whole, specimens=(whole.specimens[0], bad)), ASKED, tmp_path / "out", jobs=1
        )
    assert caught.value.source == "die 01: card coarse"
    assert not (tmp_path / "out").exists()
