"""Limits against all tiles: what is said of them is true as often as it says, however skewed."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from mtjspice.calibrate.errors import Reads
from mtjspice.calibrate.held import (
    SIGNAL,
    Asked,
    asked_of,
    drawn,
    held,
    largest_bound,
    reach,
    rms_interval,
    share_that_keeps,
    signal_interval,
    statement,
)
from mtjspice.calibrate.judge import verdict_of_card
from mtjspice.calibrate.plan import HELD_INPUTS, NEW_TILES, SHORTED, Run, make_plan
from mtjspice.spec import Crossbar, PassiveCell, VirtualGround
from mtjspice.spec.calibration import Calibration, CardLimits
from mtjspice.surrogate.card import Card, load_card

MOST = 1e-3
"""Largest error of a tile."""
TRIALS, SURE = 2000, 0.99
SLACK = 3 * (SURE * (1 - SURE) / TRIALS) ** 0.5
POPULATIONS = {
    # Root mean squares of tiles, and how often each is drawn.
    "even": (np.linspace(2.8e-6, 3.2e-6, 4), np.full(4, 1 / 4)),
    "defects": (np.array([2e-9, 3e-9, 1.2e-5, 4e-5]), np.array([0.6, 0.3, 0.08, 0.02])),
    "one in fifty": (np.array([1e-9, 8e-4]), np.array([0.98, 0.02])),
    "one in three as large as can be": (np.array([0.0, MOST]), np.array([2 / 3, 1 / 3])),
}
EACH = pytest.mark.parametrize("name", POPULATIONS)


def covered(holds: Counter[bool]) -> float:
    return holds[True] / holds.total()


@EACH
@pytest.mark.parametrize("tiles", [4, 8, 16])
def test_the_interval_of_a_root_mean_square_covers_whatever_the_distribution_is(name, tiles):
    sizes, chances = POPULATIONS[name]
    truth = float(chances @ sizes**2) ** 0.5
    chance = np.random.default_rng(5)
    seen = Counter(tuple(n) for n in chance.multinomial(tiles, chances, TRIALS))
    above, below = Counter(), Counter()
    for counts, times in seen.items():  # samples that differ in their order only are the same
        found = rms_interval(np.repeat(sizes**2, counts), MOST**2, SURE)
        above[found.high >= truth] += times
        below[found.low <= truth] += times
    assert covered(above) >= (1 + SURE) / 2 - SLACK
    assert covered(below) >= (1 + SURE) / 2 - SLACK


@EACH
@pytest.mark.parametrize("tiles", [4, 8, 16])
def test_the_share_of_tiles_that_keep_a_limit_is_at_least_what_is_said(name, tiles):
    sizes, chances = POPULATIONS[name]
    for limit in sizes:
        truth = float(chances[sizes <= limit].sum())
        counts = np.random.default_rng(6).binomial(tiles, min(truth, 1.0), TRIALS)
        said = {int(n): share_that_keeps(int(n), tiles, SURE) for n in set(counts)}
        assert np.mean([said[int(n)] <= truth for n in counts]) >= SURE - SLACK


def test_sixteen_of_sixteen_tiles_stand_for_three_quarters():
    assert share_that_keeps(16, 16, 0.99) == pytest.approx(0.01 ** (1 / 16))
    assert share_that_keeps(0, 16, 0.99) == 0.0


def test_tiles_without_errors_leave_room_for_others_at_the_bound():
    found = rms_interval(np.zeros(8), MOST**2, 0.99)
    assert found.low == 0.0
    least = MOST * (1 - 0.005 ** (1 / 8)) ** 0.5  # so many may be missed by eight tiles
    assert least < found.high < 1.05 * least


# Limits.

SPEC = Calibration(
    name="small",
    crossbar=Crossbar(rows=4, columns=2, cell=PassiveCell()),
    dac={"low": -2.5, "high": 2.5},
    periphery=VirtualGround(),
)
RUNS = {run.group: run for run in make_plan(SPEC)}


def card(limits: dict | None = None, over_bound: float = 0.5) -> Card:
    """Tiles are off by at most 0.0011 of full scale."""
    errors = {
        "group": NEW_TILES, "level": "full", "tiles": 1, "reads": 1, "rms": 0.0, "p999": 0.0,
        "maximum": 0.0, "signal": 0.1, "over_bound": over_bound,
    }  # fmt: skip
    return Card.model_validate(
        {
            "name": "small",
            "circuit": SPEC.replace(limits=limits or {}),
            "validity": {
                "volts": 0.1, "sizes": ((4, 2),), "defects": (), "sigma_ln_rp": 0.05,
                "sigma_ln_tmr": 0.05, "mismatch": 0.0, "short_resistance": 100.0,
                "bridge_resistance": 100.0, "shorts": 0.01, "cells": 8,
            },
            "bound": {
                "margin": 2.0, "expansion": 1e-3, "nodal": {"rms": 1e-6, "bound": 1e-5},
                "shorted": {"rms": 1e-6, "bound": 1e-4},
            },
            "errors": (errors,), "planned": 1, "data_key": "0" * 64, "versions": {},
        }
    )  # fmt: skip


def reads(group: str, *errors: float, vectors: int = 10) -> list[Reads]:
    """A tile an error: every read of it is off by so much; the second output is half the first."""
    found = []
    for error in errors:
        spice = np.tile([1.0, 0.5], (vectors, 1))
        run = Run(group, group, RUNS[group].experiment)
        volts = np.zeros((vectors, 4))
        found.append(Reads(run, volts, spice, spice + error, 1.0, None, bound=2e-4))
    return found


def figure(group: str, measure: str, limit: float, *errors: float, **more):
    tiles = {"tiles": more.pop("tiles", "simulated")}
    made = card(tiles, over_bound=more.pop("over_bound", 0.5))
    return held(Asked(group, measure, limit), made, reads(group, *errors, **more), 0.99)


def test_no_tile_has_a_larger_bound_than_the_card_allows():
    assert largest_bound(card()) == pytest.approx(1.1e-3)


def test_a_bound_that_an_error_exceeds_is_none():
    assert largest_bound(card(over_bound=1.01)) is None
    found = figure(NEW_TILES, "maximum", 0.002, 1e-6, over_bound=1.01)
    assert found.name.endswith("on the 1 tile simulated")


@pytest.mark.parametrize("measure", ["rms", "p999", "maximum"])
def test_a_limit_above_the_bound_of_every_tile_holds_for_every_tile(measure):
    found = figure(NEW_TILES, measure, 0.002, 1e-6, 1e-6)
    assert found.name.endswith("on every tile, by its bound")
    assert found.holds is True
    assert found.value == pytest.approx(1.1e-3)


@pytest.mark.parametrize("measure", ["p999", "maximum"])
@pytest.mark.parametrize(("error", "holds"), [(1e-6, True), (6e-4, False)])
def test_a_limit_below_that_bound_is_one_on_the_tiles_simulated(measure, error, holds):
    found = figure(NEW_TILES, measure, 5e-4, 1e-6, error)
    assert found.name.endswith("on the 2 tiles simulated")
    assert found.holds is holds
    assert f"{1 + holds} of 2 keep it each" in found.how
    if holds:
        assert "at least 10 % of all tiles like these do" in found.how


def test_a_limit_on_the_mean_is_one_on_all_tiles_where_these_decide_it():
    few = figure(SHORTED, "rms", 8e-4, *[1e-6] * 4)
    assert few.name == "shorts, full: RMS error, on the 4 tiles simulated"
    assert few.holds is True
    assert few.interval is None
    assert "of all tiles" not in few.name
    assert "for all tiles like these it is at most 0.00097" in few.how
    more = figure(SHORTED, "rms", 8e-4, *[1e-6] * 8)
    assert more.name == "shorts, full: RMS error, on all tiles like these"
    assert more.holds is True
    assert more.value == pytest.approx(1e-6)
    assert more.interval.high < 8e-4


def test_it_is_said_how_many_tiles_would_decide():
    found = figure(NEW_TILES, "rms", 5e-4, *[1e-6] * 16)
    assert "which some 28 tiles would decide" in found.how
    decided = figure(NEW_TILES, "rms", 5e-4, *[1e-6] * 28)
    assert decided.name.endswith("on all tiles like these")


def test_a_mean_that_is_broken_on_the_tiles_simulated_is_broken():
    found = figure(NEW_TILES, "rms", 5e-4, *[6e-4] * 4)
    assert (found.name.split(", on ")[1], found.holds) == ("the 4 tiles simulated", False)
    assert "would decide" not in found.how


def test_inputs_are_drawn_on_tiles_that_are_chosen():
    found = figure(HELD_INPUTS, "rms", 5e-5, 1e-6, 1e-6, vectors=200)
    assert found.name == "new inputs, full: RMS error, on the 2 tiles for all inputs like these"
    assert found.holds is True
    few = figure(HELD_INPUTS, "rms", 5e-5, 1e-6, 1e-6, vectors=20)
    assert few.name.endswith("on the 2 tiles simulated")
    assert "vectors a tile would decide" in few.how
    assert "stand for no others" in few.how
    assert "of all tiles" not in few.how


def test_samples_of_inputs_are_means_over_tiles_within_their_own_bounds():
    made = reads(HELD_INPUTS, 1e-5, 3e-5, vectors=7)
    squares, largest = drawn(HELD_INPUTS, made, MOST)
    assert squares == pytest.approx(np.full(7, 5e-10))
    assert largest == pytest.approx(4e-8)
    squares, largest = drawn(NEW_TILES, made, MOST)
    assert squares == pytest.approx([1e-10, 9e-10])
    assert largest == MOST**2


def test_equal_signs_take_the_tile_as_the_unit():
    found = figure(NEW_TILES, "equal_signs", 0.9, *[0.0] * 16)
    assert found.name == "new tiles, full: equal signs of differences, on the 16 tiles simulated"
    assert "at least 75 % of all tiles like these do" in found.how
    assert found.interval is None


def test_the_reach_counts_what_is_held_for_the_tiles_simulated_only():
    limits = CardLimits(
        new_tiles_rms=5e-4, new_tiles_max=2e-3, equal_signs=0.9, of_signal=1e-3, tiles="simulated"
    )
    made = card(limits.model_dump())
    asked = asked_of(limits)
    assert len(asked) == 5
    found = [held(one, made, reads(one.group, 1e-6, 1e-6), 0.99) for one in asked]
    assert "limits on errors 4 are held on the tiles simulated only" in reach(made, found)
    assert "and 1 on all" in reach(made, found)
    assert statement(made, verdict_of_card(made, found), found) == (
        "PASS, but 4 of 5 limits on errors hold on the tiles simulated only"
    )
    every = card(limits.replace(tiles="all").model_dump())
    found = [held(one, every, reads(one.group, 1e-6, 1e-6), 0.99) for one in asked]
    assert "limits on errors 4 are decided for the tiles simulated only" in reach(every, found)
    assert statement(every, verdict_of_card(every, found), found) == "INCONCLUSIVE"


def test_limits_are_meant_for_all_tiles_unless_the_spec_asks_for_those_simulated():
    found = figure(NEW_TILES, "rms", 5e-4, *[1e-6] * 16, tiles=CardLimits().tiles)
    assert (found.holds, found.needed) == (None, "some 28 tiles")
    for name in ("die20k", "passive15"):
        assert load_card(name).circuit.limits.tiles == "simulated"


def test_no_equal_signs_at_least_are_no_limit():
    assert not CardLimits(equal_signs=0.0).of_errors
    assert CardLimits(equal_signs=0.1).of_errors


# Errors by the current that the circuit gives.


def test_small_errors_of_tiles_that_conduct_are_small_for_all_tiles():
    found = figure(NEW_TILES, SIGNAL, 0.01, *[1e-6] * 16)
    assert found.name.endswith("on all tiles like these")
    assert found.holds is True
    assert found.value == pytest.approx(1e-6 / 0.625**0.5, rel=1e-3)
    # By hand: no error is above the bound of all tiles, and with 16 mean squares of 0.625 the mean
    # of all is above 0.625 times the 16th root of an eighth of a hundredth of a hundredth.
    assert found.interval.high < MOST / (0.625 * 0.0025 ** (1 / 16)) ** 0.5
    assert found.interval.high > 1e-6
    few = figure(NEW_TILES, SIGNAL, 1e-3, *[1e-6] * 4, tiles="all")
    assert few.name.endswith("on the 4 tiles simulated")
    assert (few.holds, few.needed) == (None, "more random tiles (plan.held_tiles)")


def test_the_bound_of_errors_by_currents_covers():
    """Some tiles are off and some hardly conduct: of 1,000 plans at most one in ten misses."""
    chance = np.random.default_rng(5)
    off = np.where(np.arange(100) < 20, 9e-4, 1e-6)
    gives = np.where(np.arange(100) % 10 < 3, 0.01, 0.5)
    truth = (np.square(off).mean() / np.square(gives).mean()) ** 0.5
    made = reads(NEW_TILES, *[0.0] * 100, vectors=1)
    every = [
        replace(one, spice=np.full((1, 2), current), surrogate=np.full((1, 2), current + error))
        for one, error, current in zip(made, off, gives, strict=True)
    ]
    highs = [
        signal_interval(NEW_TILES, [every[k] for k in chance.integers(0, 100, 12)], MOST, 0.9).high
        for _ in range(1000)
    ]
    assert np.mean(np.array(highs) < truth) <= 0.1


@pytest.mark.parametrize(
    ("errors", "simulated", "all_tiles"),
    [([1e-6] * 16, True, None), ([6e-4] * 4, False, False), ([1e-6] * 28, True, True)],
    ids=["kept by those simulated", "broken by those simulated", "kept by all"],
)
def test_limits_for_all_tiles_are_not_decided_by_those_simulated(errors, simulated, all_tiles):
    for tiles, holds in (("simulated", simulated), ("all", all_tiles)):
        made = card({"new_tiles_rms": 5e-4, "tiles": tiles})
        found = held(Asked(NEW_TILES, "rms", 5e-4), made, reads(NEW_TILES, *errors), 0.99)
        assert found.holds is holds
        assert bool(found.needed) is (holds is None)


def test_a_limit_of_which_nothing_was_seen_does_not_hold():
    found = held(Asked(SHORTED, "rms", 0.5), card(), (), 0.99)
    assert (found.name, found.holds) == ("shorts, full: RMS error", False)
