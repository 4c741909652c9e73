"""Dies drawn from a distribution."""

import math
from collections import Counter

import pytest

from mtjspice.device.dies import draw_die, draw_dies
from mtjspice.spec import Die
from mtjspice.spec.rates import DefectRates

SHAPE, TILES = (25, 25), 32
CELLS = SHAPE[0] * SHAPE[1] * TILES
SPREAD = Die(sigma_ln_rp=0.05, mismatch=1.0, short_resistance=150.0)
RATES = DefectRates(
    short=0.002, open=0.001, stuck_p=0.003, stuck_ap=0.004, weak=0.002,
    dead_lines=0.5, bridged_lines=0.4,
)  # fmt: skip
NONE = DefectRates(short=0, stuck_p=0, stuck_ap=0, dead_lines=0)
POINTS = ("short", "open", "stuck_p", "stuck_ap", "weak")
JUNCTION_SIGMAS = 5.0
"""Chance of a false alarm below 1e-6 at a fixed seed: it holds or it does not."""


def many(rates: DefectRates, count: int = 20, seed: int = 1, **parts) -> tuple[Die, ...]:
    given = {"shape": SHAPE, "tiles": TILES} | parts
    return draw_dies(SPREAD, rates, count=count, seed=seed, **given)


def counted(dies) -> Counter:
    return Counter(d.kind for die in dies for d in die.defects)


def only(die: Die, *kinds: str) -> set:
    return {(d.kind, d.tile, d.row, d.column) for d in die.defects if d.kind in kinds}


@pytest.mark.parametrize("kind", POINTS)
def test_junctions_fail_as_often_as_their_rates_say(kind):
    rate, trials = getattr(RATES, kind), 20 * CELLS
    found = counted(many(RATES))[kind]
    sigma = math.sqrt(trials * rate * (1 - rate))
    assert abs(found - trials * rate) < JUNCTION_SIGMAS * sigma


def test_defects_fall_on_all_rows_columns_and_tiles_alike():
    dies = many(NONE.replace(short=0.01), count=10)
    for axis, lines in (("row", 25), ("column", 25), ("tile", TILES)):
        found = Counter(getattr(d, axis) for die in dies for d in die.defects)
        mean = sum(found.values()) / lines
        assert set(found) == set(range(lines))
        # 5 standard deviations of each count
        assert max(abs(n - mean) for n in found.values()) < 5 * math.sqrt(mean)


@pytest.mark.parametrize(
    ("kind", "rate", "lines"),
    [
        ("dead_row", RATES.dead_lines, 25),
        ("dead_column", RATES.dead_lines, 25),
        ("bridged_rows", RATES.bridged_lines, 24),
        ("bridged_columns", RATES.bridged_lines, 24),
    ],
)
def test_lines_fail_as_often_as_their_rates_say(kind, rate, lines):
    # A Poisson number of draws, each of any line: a line is hit, once or more often, with
    dies = 60
    chance = 1 - math.exp(-rate / 2 / lines)
    trials = dies * TILES * lines
    found = counted(many(NONE.replace(dead_lines=0.5, bridged_lines=0.4), count=dies))[kind]
    assert abs(found - trials * chance) < 5 * math.sqrt(trials * chance * (1 - chance))
    assert found == pytest.approx(dies * TILES * rate / 2, rel=0.2)


def test_the_reference_statistics_are_a_dead_line_in_one_tile_of_eight():
    dies = many(DefectRates(), count=60)
    dead = sum(counted(dies)[kind] for kind in ("dead_row", "dead_column"))
    assert abs(dead - 60 * TILES / 8) < 5 * math.sqrt(60 * TILES / 8)


def test_the_same_seed_gives_the_same_dies_and_another_seed_others():
    assert many(RATES, 3) == many(RATES, 3)
    ours, theirs = many(RATES, 3), many(RATES, 3, seed=2)
    assert all(
        a.defects != b.defects and a.seed != b.seed for a, b in zip(ours, theirs, strict=True)
    )
    assert len({die.seed for die in ours + theirs}) == 6
    assert len({die.defects for die in ours + theirs}) == 6


def test_the_first_dies_do_not_depend_on_how_many_there_are():
    assert many(RATES, 5)[:2] == many(RATES, 2)
    assert many(RATES, 5)[4] == draw_die(SPREAD, RATES, SHAPE, TILES, 1, 4)


def test_the_width_of_the_spread_and_the_resistances_are_those_that_were_given():
    die = draw_die(SPREAD, RATES, SHAPE, TILES, seed=3)
    assert die.replace(seed=SPREAD.seed, defects=()) == SPREAD
    assert die.seed == draw_die(SPREAD, NONE, SHAPE, TILES, seed=3).seed  # whatever the rates


LINES = ("dead_row", "dead_column", "bridged_rows", "bridged_columns")


def places(die: Die, *kinds: str) -> set:
    return {(tile, row, column) for _, tile, row, column in only(die, *kinds)}


@pytest.mark.parametrize("kind", POINTS)
@pytest.mark.parametrize("others", [NONE, RATES], ids=["alone", "among others"])
def test_a_die_keeps_its_defects_when_a_rate_grows(kind, others):
    few = draw_die(SPREAD, others.replace(**{kind: 0.002}), SHAPE, TILES, seed=4)
    more = draw_die(SPREAD, others.replace(**{kind: 0.01}), SHAPE, TILES, seed=4)
    assert only(few, kind)
    assert only(few, kind) < only(more, kind)
    before = POINTS[: POINTS.index(kind)]  # what goes first does not see it
    assert only(few, *before, *LINES) == only(more, *before, *LINES)


@pytest.mark.parametrize("kind", POINTS[:3])
def test_a_rate_that_grows_takes_only_the_junctions_that_it_hits_from_the_others(kind):
    few = draw_die(SPREAD, RATES, SHAPE, TILES, seed=4)
    more = draw_die(SPREAD, RATES.replace(**{kind: 0.2}), SHAPE, TILES, seed=4)
    after = POINTS[POINTS.index(kind) + 1 :]
    assert only(more, *after) < only(few, *after)
    assert places(few, *after) - places(more, *after) <= places(more, kind)


@pytest.mark.parametrize("key", ["dead_lines", "bridged_lines"])
def test_the_rates_of_lines_move_no_junction_and_no_other_line(key):
    few = draw_die(SPREAD, RATES, SHAPE, TILES, seed=4)
    more = draw_die(SPREAD, RATES.replace(**{key: 5.0}), SHAPE, TILES, seed=4)
    mine = tuple(kind for kind in LINES if kind.startswith(key.split("_")[0]))
    others = tuple(kind for kind in (*POINTS, *LINES) if kind not in mine)
    assert only(few, *others) == only(more, *others) != set()
    assert only(few, *mine) != only(more, *mine)


def test_of_several_defects_of_a_junction_the_first_is_taken():
    """Short goes before open, open before stuck P, then stuck AP, then weak."""
    for k, kind in enumerate(POINTS):
        rates = NONE.replace(**dict.fromkeys(POINTS[k:], 1.0))
        die = draw_die(SPREAD, rates, (5, 4), 3, seed=1)
        assert counted([die]) == {kind: 60}
    half = draw_die(SPREAD, NONE.replace(**dict.fromkeys(POINTS, 0.5)), SHAPE, 8, seed=1)
    found, junctions = counted([half]), 8 * 625
    assert len(places(half, *POINTS)) == len(half.defects)
    for k, kind in enumerate(POINTS, 1):
        assert abs(found[kind] - junctions / 2**k) < 5 * math.sqrt(junctions / 2**k)


def test_a_line_that_tiles_share_is_dead_in_all_of_them():
    rates = NONE.replace(dead_lines=6.0, tiles_per_row=4, tiles_per_column=8)
    for die in many(rates, count=5):
        for kind, share in (("dead_row", 4), ("dead_column", 8)):
            tiles: dict[int, set[int]] = {}
            for d in die.defects:
                if d.kind == kind:
                    tiles.setdefault(d.row if kind == "dead_row" else d.column, set()).add(d.tile)
            assert tiles
            for found in tiles.values():
                groups = {tile // share for tile in found}
                assert found == {g * share + k for g in groups for k in range(share)}


def test_shared_lines_keep_the_mean_number_of_dead_lines():
    rates = NONE.replace(dead_lines=0.5, tiles_per_row=4, tiles_per_column=4)
    dies = 150
    found = sum(counted(many(rates, count=dies)).values())
    events = dies * TILES / 4 * 0.5  # each of four tiles
    assert abs(found / 4 - events) < 5 * math.sqrt(events) + 0.02 * events


def test_the_last_tiles_share_lines_also_if_they_are_fewer():
    rates = NONE.replace(dead_lines=40.0, tiles_per_row=4, tiles_per_column=4)
    die = draw_die(SPREAD, rates, SHAPE, 6, seed=1)
    rows = {tile: {d.row for d in die.defects if d.tile == tile and d.kind == "dead_row"}
            for tile in range(6)}  # fmt: skip
    assert rows[0] == rows[3]
    assert rows[4] == rows[5] != rows[0]


@pytest.mark.parametrize("shape", [(25, 25), (2, 3), (1, 4), (4, 1), (1, 1)])
def test_bridges_lie_on_the_tile(shape):
    rates = NONE.replace(bridged_lines=20.0, dead_lines=3.0)
    for die in many(rates, 5, shape=shape, tiles=3):
        die.check_fit(shape)
        assert Die.model_validate(die.model_dump()) == die
    kinds = counted(many(rates, 5, shape=shape, tiles=3))
    assert bool(kinds["bridged_rows"]) == (shape[0] > 1)
    assert bool(kinds["bridged_columns"]) == (shape[1] > 1)


@pytest.mark.parametrize("kind", POINTS)
def test_at_a_rate_of_one_every_junction_fails(kind):
    die = draw_die(SPREAD, NONE.replace(**{kind: 1.0}), (5, 4), 3, seed=1)
    assert only(die, kind) == {
        (kind, t, r, c) for t in range(3) for r in range(5) for c in range(4)
    }
    assert len(die.defects) == 60


def test_a_rate_of_weak_junctions_changes_nothing_else():
    few, more = (draw_die(SPREAD, RATES.replace(weak=w), SHAPE, TILES, seed=4) for w in (0, 0.5))
    others = (*POINTS[:-1], *LINES)
    assert (
        only(few, *others)
        == only(more, *others)
        == {(d.kind, d.tile, d.row, d.column) for d in few.defects}
    )
    assert few.seed == more.seed


def test_without_rates_nothing_fails():
    assert not any(die.defects for die in many(NONE))


@pytest.mark.parametrize("dead", [1000.0])
def test_at_a_high_rate_every_line_is_dead_once(dead):
    die = draw_die(SPREAD, NONE.replace(dead_lines=dead), (5, 4), 2, seed=1)
    assert counted([die]) == {"dead_row": 10, "dead_column": 8}


@pytest.mark.parametrize("key", [*POINTS, "dead_lines"])
def test_negative_rates_are_refused(key):
    with pytest.raises(ValueError, match=key):
        NONE.replace(**{key: -0.1})
