"""Pools of defective layers against dies that are drawn cell by cell.

The exact conductance of a pair on a die comes from `draw_die` and the junctions' own conductances,
without wires and access devices: what the pool says of (A, M) is held against that.
"""

from dataclasses import replace

import numpy as np
import pytest
import torch

from mtjspice.device.conductance import conductance
from mtjspice.device.dies import draw_die
from mtjspice.device.variation import draw_junctions
from mtjspice.spec import Die, Mtj, ProgrammedTile
from mtjspice.spec.rates import DefectRates
from mtjspice.train.faults import CellUnits, draw_pool
from mtjspice.train.tiles import Placement

MTJ = Mtj()
NONE = DefectRates(short=0, stuck_p=0, stuck_ap=0, dead_lines=0)
PLACE = Placement(inputs=15, outputs=5, groups=2, copies=1, rows=9, columns=7)
"""Two groups of two tiles: 8 and 7 of 9 rows in use, 6 of 7 columns."""
TWICE = Placement(inputs=15, outputs=5, groups=2, copies=2, rows=9, columns=7)
"""The same with two copies of each output, on two groups of four tiles."""
SIGMA = 0.05
SHORT, WEAK = 1500.0, 0.4


def cells(spread: float = 0.0) -> CellUnits:
    """Of a junction without anything in series."""
    g_p, g_ap = (float(conductance(s, MTJ.r_p, MTJ.tmr0)) for s in (0, 1))
    unit = g_p - g_ap
    p, ap, short = g_p / unit, g_ap / unit, 1 / SHORT / unit
    broken = {
        "short": (short, short), "open": (0.0, 0.0), "stuck_p": (p, p), "stuck_ap": (ap, ap),
        "weak": (p / WEAK, ap / WEAK),
    }  # fmt: skip
    return CellUnits(p, ap, spread, broken)


def exact(rates: DefectRates, weights: torch.Tensor, count: int, sigma: float = 0.0, place=PLACE):
    """Pairs' conductances in units of a weight, [die, group, row, line], cell by cell."""
    states = place.states(weights).numpy()
    unit = float(conductance(0, MTJ.r_p, MTJ.tmr0) - conductance(1, MTJ.r_p, MTJ.tmr0))
    found = []
    for index in range(count):
        spread = Die(sigma_ln_rp=sigma, short_resistance=SHORT, weak_factor=WEAK)
        die = draw_die(spread, rates, (9, 7), place.tiles, seed=3, index=index)
        tiles = []
        for tile in range(place.tiles):
            drawn = draw_junctions(MTJ, ProgrammedTile(states=states[tile], index=tile), die)
            g = conductance(drawn.state, drawn.r_p, drawn.tmr0)
            g[drawn.short], g[drawn.open] = 1 / SHORT, 0.0
            for d in die.defects:
                if d.tile == tile and d.kind == "dead_row":
                    g[d.row] = 0
                if d.tile == tile and d.kind == "dead_column":
                    g[:, d.column] = 0
            tiles.append(g / unit)
        plus, minus = place.signed(torch.from_numpy(np.stack(tiles)))
        found.append(plus - minus)
    return torch.stack(found).float()


def chance(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def pooled(
    rates: DefectRates,
    weights: torch.Tensor,
    count: int,
    spread: float = 0.0,
    seed: int = 1,
    place: Placement = PLACE,
):
    """The same from a pool."""
    pool = draw_pool(place, cells(spread), rates, count, chance(seed))
    return pool.of(0, count, weights)


def random_weights(place: Placement = PLACE) -> torch.Tensor:
    return torch.randint(-1, 2, place.shape, generator=chance(2)).float() * place.real


WEIGHTS = random_weights()
BINARY = torch.where(WEIGHTS == 0, 1.0, WEIGHTS)
REAL = PLACE.real.expand(PLACE.shape)


def near(found: float, expected: float, deviation: float, trials: float) -> bool:
    """Within five standard errors."""
    return abs(found - expected) < 5 * deviation / trials**0.5


def usual(off: torch.Tensor) -> set[int]:
    """Values in thousandths that are seen often: what two defects of a pair give is rare."""
    hit = off[off.abs() > 1e-4]
    found, counts = torch.unique((hit * 1e3).round().int(), return_counts=True)
    return set(found[10 * counts > counts.sum() / max(1, len(counts))].tolist())


EACH_KIND = pytest.mark.parametrize("kind", ["short", "open", "stuck_p", "stuck_ap", "weak"])


@EACH_KIND
@pytest.mark.parametrize("weight", [-1, 1])
def test_a_defective_junction_gives_the_values_that_it_gives_on_a_die(kind, weight):
    rates = NONE.replace(**{kind: 0.004})
    here = (weight == WEIGHTS) & REAL
    ours, theirs = (x[:, here] - weight for x in (pooled(rates, WEIGHTS, 900),
                                                  exact(rates, WEIGHTS, 150)))  # fmt: skip
    assert usual(ours) == usual(theirs)
    share, wanted = (float((x.abs() > 1e-4).float().mean()) for x in (ours, theirs))
    trials = 1 / (1 / ours.numel() + 1 / theirs.numel())
    assert near(share, wanted, wanted**0.5, trials)


@EACH_KIND
def test_at_a_weight_of_0_a_defective_junction_is_off_by_half_of_what_it_does_not_answer(kind):
    """Both junctions are AP; the pool takes each of them for half P, half AP."""
    rates = NONE.replace(**{kind: 0.004})
    here = (WEIGHTS == 0) & REAL
    own_p, own_ap = cells().broken[kind]
    right, mine = own_ap - cells().ap, (own_p + own_ap) / 2 - cells().middle
    ours, theirs = (x[:, here] for x in (pooled(rates, WEIGHTS, 900), exact(rates, WEIGHTS, 150)))
    assert right - mine == pytest.approx((1 - (own_p - own_ap)) / 2)
    assert usual(ours) == {round(1e3 * mine), round(-1e3 * mine)}
    assert usual(theirs) == ({round(1e3 * right), round(-1e3 * right)} if right else set())
    share = float((ours.abs() > 1e-4).float().mean())
    assert near(share, 2 * rates.model_dump()[kind], (2 * 0.004) ** 0.5, ours.numel())


def test_at_a_weight_of_0_a_dead_column_is_half_a_unit_off_and_a_dead_row_is_exact():
    rates = NONE.replace(dead_lines=0.5)
    here = (WEIGHTS == 0) & REAL
    for values, left in ((pooled(rates, WEIGHTS, 900), cells().middle),
                         (exact(rates, WEIGHTS, 150), cells().ap)):  # fmt: skip
        assert usual(values[:, here]) == {round(1e3 * left), round(-1e3 * left)}
    assert cells().middle - cells().ap == pytest.approx(0.5)


def test_at_a_weight_of_0_the_spread_is_that_of_a_p_and_an_ap_junction():
    here = (WEIGHTS == 0) & REAL
    right = float(exact(NONE, WEIGHTS, 150, sigma=SIGMA)[:, here].std())
    spread = float((exact(NONE, BINARY, 150, sigma=SIGMA)[:, REAL] - BINARY[REAL]).std())
    assert float(pooled(NONE, WEIGHTS, 300, spread)[:, here].std()) == pytest.approx(
        spread, rel=0.03
    )
    assert right == pytest.approx(SIGMA * cells().ap * 2**0.5, rel=0.05)
    assert right < 0.8 * spread  # two junctions of small conductance


@pytest.mark.parametrize(
    "rates",
    [
        NONE.replace(short=0.01),
        NONE.replace(stuck_p=0.01, stuck_ap=0.02, open=0.01),
        NONE.replace(weak=0.02),
        NONE.replace(dead_lines=0.6),
        DefectRates(short=0.003, stuck_p=0.004, stuck_ap=0.004, weak=0.01, dead_lines=0.3),
    ],
    ids=["shorts", "stuck and open", "weak", "dead lines", "all"],
)
def test_means_and_variances_are_those_of_drawn_dies(rates):
    ours, theirs = (f(rates, BINARY, n)[:, REAL] for f, n in ((pooled, 3000), (exact, 200)))
    for weight in (-1, 1):
        here = BINARY[REAL] == weight
        mine, right = ours[:, here], theirs[:, here]
        # Dead lines hit many pairs at once: the standard error comes from the dies.
        for power in (1, 2):
            per_die = [((x - weight) ** power).mean(1) for x in (mine, right)]
            error = sum(float(x.var()) / len(x) for x in per_die) ** 0.5
            assert abs(float(per_die[0].mean() - per_die[1].mean())) < 5 * error
        assert float((mine - weight).square().mean()) > 0


def test_sums_over_a_die_vary_as_those_of_drawn_dies():
    """Defects of a line come together: sums of partial products tell, where single pairs do not."""
    rates = NONE.replace(dead_lines=0.6)
    x = torch.from_numpy(np.random.default_rng(1).uniform(0, 1, PLACE.shape[:2])).float()
    off = [
        ((values - BINARY) * x[..., None] * REAL).sum((1, 2))
        for values in (pooled(rates, BINARY, 3000), exact(rates, BINARY, 300))
    ]
    assert torch.allclose(off[0].std(0), off[1].std(0), rtol=0.25)
    together = [float(torch.corrcoef(o.T)[0, 1]) for o in off]  # outputs of one tile
    assert together[0] == pytest.approx(together[1], abs=0.15)


def test_spread_is_that_of_drawn_junctions():
    theirs = exact(NONE, BINARY, 150, sigma=SIGMA)[:, REAL]
    spread = float((theirs - BINARY[REAL]).std())
    ours = pooled(NONE, BINARY, 300, spread=spread)[:, REAL]
    deviation = SIGMA * (cells().p ** 2 + cells().ap ** 2) ** 0.5
    assert spread == pytest.approx(deviation, rel=0.05)
    assert float((ours - BINARY[REAL]).std()) == pytest.approx(spread, rel=0.02)
    assert abs(float((ours - BINARY[REAL]).mean())) < 5 * spread / ours.numel() ** 0.5


def test_without_defects_and_spread_layers_are_nominal():
    assert torch.equal(pooled(NONE, WEIGHTS, 5), WEIGHTS.expand(5, *WEIGHTS.shape))


def test_copies_have_defects_of_their_own_as_often_as_drawn_dies():
    """Two copies of five outputs on four tiles of a group: lines 6 to 9 are on other tiles."""
    rates = DefectRates(short=0.003, stuck_p=0.004, stuck_ap=0.004, dead_lines=0.3)
    weights = random_weights(TWICE)
    weights = torch.where(weights == 0, 1.0, weights)
    real = TWICE.real.expand(TWICE.shape)
    ours, theirs = (f(rates, weights, n, place=TWICE) for f, n in ((pooled, 2000), (exact, 150)))
    assert ours.shape[1:] == theirs.shape[1:] == (2, 8, 10)
    for lines in (slice(0, 5), slice(5, 10)):
        per_die = [
            ((x - weights) * real)[..., lines].square().mean((1, 2, 3)) for x in (ours, theirs)
        ]
        error = sum(float(x.var()) / len(x) for x in per_die) ** 0.5
        assert abs(float(per_die[0].mean() - per_die[1].mean())) < 5 * error
    first, second = ((ours - weights) * real).abs().sum((1, 2)).split(5, dim=1)
    assert not torch.equal(first, second)


def test_a_dead_row_takes_only_the_lines_of_its_tile():
    pool = draw_pool(TWICE, cells(), NONE.replace(dead_lines=0.2), 600, chance())
    rows = pool.kept == 0
    assert rows.any()
    for block in range(TWICE.blocks):
        together = rows[..., 3 * block : 3 * block + 3]
        assert torch.equal(together.all(-1), together.any(-1))
    assert (rows.any(-1) & ~rows.all(-1)).any()


def test_a_weak_junction_answers_to_its_weight_and_more():
    pool = draw_pool(PLACE, cells(), NONE.replace(weak=0.02), 200, chance())
    hit = pool.kept != 1
    assert torch.allclose(pool.kept[hit], torch.tensor((1 + 1 / WEAK) / 2))
    middle = cells().middle * (1 / WEAK - 1)
    assert torch.allclose(pool.added[hit].abs(), torch.tensor(middle))


def test_rates_of_zero_take_nothing_from_the_draws():
    """So that weights that were trained before there was a kind are found by the same draws."""
    few = replace(cells(0.1), broken={k: v for k, v in cells().broken.items() if k != "weak"})
    rates = DefectRates(short=0.01, open=0.0, stuck_p=0.02)
    one, other = (draw_pool(PLACE, c, rates, 4, chance()) for c in (few, cells(0.1)))
    assert torch.equal(one.added, other.added)
    assert torch.equal(one.kept, other.kept)


def test_rates_add_up():
    few, more = (
        float((pooled(NONE.replace(stuck_p=r), WEIGHTS, 2000) != WEIGHTS)[:, REAL].float().mean())
        for r in (0.002, 0.006)
    )
    assert more == pytest.approx(3 * few, rel=0.15)


def test_a_dead_row_leaves_nothing_and_a_dead_column_the_other_line():
    pool = draw_pool(PLACE, cells(), NONE.replace(dead_lines=0.5), 400, chance())
    middle = cells().middle
    rows = pool.kept == 0
    columns = pool.kept == 0.5
    assert rows.any()
    assert columns.any()
    assert torch.equal(pool.added[rows], torch.zeros(int(rows.sum())))
    assert torch.allclose(pool.added[columns].abs(), torch.tensor(middle))
    assert pool.added[columns].min() < 0 < pool.added[columns].max()
    assert torch.equal(rows | columns, pool.kept != 1)
    # A dead row takes all outputs of its tile (3 pairs of columns, the second tile has two).
    for block in (slice(0, 3), slice(3, 5)):
        together = rows[..., block]
        assert torch.equal(together.all(-1), together.any(-1))
    # A dead column takes all of the rows that no dead row has taken.
    dead = columns | rows
    assert torch.equal(columns.any(2), (columns.any(2)) & dead.all(2))


def test_a_dead_row_leaves_nothing_where_it_crosses_a_dead_column():
    rates = NONE.replace(dead_lines=500.0)  # every line
    pool = draw_pool(PLACE, cells(), rates, 3, chance())
    assert not pool.kept.any()
    assert not pool.added.any()


def test_every_draw_is_another_and_the_seed_decides():
    rates = DefectRates(short=0.01)
    one, same = (pooled(rates, WEIGHTS, 4, spread=0.1) for _ in range(2))
    assert torch.equal(one, same)
    other = pooled(rates, WEIGHTS, 4, spread=0.1, seed=2)
    assert not torch.equal(one, other)
    assert not torch.equal(one[0], one[1])


def test_consecutive_draws_are_taken_from_the_pool():
    pool = draw_pool(PLACE, cells(0.1), DefectRates(), 6, chance())
    assert torch.equal(pool.of(2, 3, WEIGHTS), pool.added[2:5] + pool.kept[2:5] * WEIGHTS)
