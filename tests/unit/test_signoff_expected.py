"""What is said of a sign-off's simulations before they start."""

import json
import re
from types import SimpleNamespace

import pytest

from mtjspice.signoff.chosen import Chosen
from mtjspice.signoff.expected import FOUND, RAN, SUMMED, VECTORS, Expected
from mtjspice.spec.signoff import SignOff
from mtjspice.spec.size import LOAD, sweeps_seconds
from mtjspice.surrogate.card import load_card

TILES, SHOWN = 32, 19
VECTORS_SEEN = TILES * SHOWN
ARRAY = load_card("die20k").circuit.crossbar
FEW = Chosen(images=20, unsafe=0, audited=19, vectors=VECTORS_SEEN, simulations=TILES)


@pytest.fixture
def simulator(tmp_path):
    store = tmp_path / "simulations"
    store.mkdir()
    return SimpleNamespace(ran=0, found=0, jobs=2, store=store)


def expected(simulator) -> Expected:
    return Expected(simulator.store.parent, ARRAY, simulator, SignOff(), full=False)


def write_times(folder, seconds: float, ran: int, found: int) -> None:
    times = {
        f"tt: {SUMMED}": seconds,
        f"tt: {VECTORS}": float(VECTORS_SEEN),
        RAN: ran,
        FOUND: found,
    }
    (folder / "report.json").write_text(json.dumps({"times": times}))


def seconds_of(said: str) -> float:
    return float(re.search(r"about ([\d.]+) s with 2 workers", said)[1])


def test_loading_each_tile_counts_beside_its_vectors(simulator):
    """Of few images it is most: 0.4 s a tile were measured with 19 vectors, not 0.2."""
    said = expected(simulator).said(FEW)
    assert "608 vectors of tiles in 32 simulations, about " in said
    alone = sweeps_seconds(ARRAY, 0, VECTORS_SEEN)
    assert sweeps_seconds(ARRAY, TILES, VECTORS_SEEN) == pytest.approx(alone + TILES * 625 * LOAD)
    assert seconds_of(said) == pytest.approx((alone + TILES * 625 * LOAD) / 2, abs=0.1)


def test_the_pace_of_the_run_before_holds_for_other_numbers_of_images(simulator):
    work = sweeps_seconds(ARRAY, TILES, VECTORS_SEEN)
    write_times(simulator.store.parent, 3 * work, ran=TILES, found=0)
    again = expected(simulator)
    assert again.pace == pytest.approx(3)
    assert seconds_of(again.said(FEW)) == pytest.approx(3 * work / 2, rel=0.05)


@pytest.mark.parametrize("content", [None, "{", '{"times": 3}', '{"times": {}}'])
def test_without_a_usable_report_from_before_it_is_an_estimate(simulator, content):
    if content:
        (simulator.store.parent / "report.json").write_text(content)
    assert expected(simulator).pace == 1


def test_nothing_is_learned_where_all_was_found(simulator):
    write_times(simulator.store.parent, 186.0, ran=0, found=TILES)
    one = expected(simulator)
    assert one.pace == 1
    read = SimpleNamespace(seconds=186.0, vectors=VECTORS_SEEN)
    simulator.found += TILES
    one.learn(read)
    assert one.pace == 1
    simulator.ran += TILES
    one.learn(read)
    assert one.pace == pytest.approx(186 / sweeps_seconds(ARRAY, TILES, VECTORS_SEEN))


def test_what_is_stored_already_is_not_simulated_again(simulator):
    one = expected(simulator)
    assert "stored" not in one.said(FEW)
    (simulator.store / f"{'0' * 64}.nc").touch()
    said = one.said(FEW)
    assert "at most about " in said
    assert "; what is stored already is not simulated again" in said
