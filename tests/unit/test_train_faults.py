"""Pools of defective layers against dies that are drawn cell by cell.

The exact conductance of a pair on a die comes from `draw_die` and the junctions' own conductances,
without wires and access devices: what the pool says of (A, M) is held against that.
"""

import numpy as np
import pytest
import torch

from mtjspice.device.conductance import conductance
from mtjspice.device.dies import draw_die
from mtjspice.device.variation import draw_junctions
from mtjspice.spec import Die, Mtj, ProgrammedTile
from mtjspice.spec.rates import DefectRates
from mtjspice.train.faults import CellUnits, draw_pool
from mtjspice.train.tiles import Placement, dealt_out

MTJ = Mtj()
NONE = DefectRates(short=0, stuck_p=0, stuck_ap=0, dead_lines=0)
PLACE = Placement(dealt_out(15, 2), inputs=15, outputs=5, rows=9, columns=7)
"""Two groups of two tiles: 8 and 7 of 9 rows in use, 6 of 7 columns."""
SIGMA = 0.05
SHORT = 1500.0


def cells(spread: float = 0.0) -> CellUnits:
    """Of a junction without anything in series."""
    g_p, g_ap = (float(conductance(s, MTJ.r_p, MTJ.tmr0)) for s in (0, 1))
    unit = g_p - g_ap
    return CellUnits(p=g_p / unit, ap=g_ap / unit, short=1 / SHORT / unit, spread=spread)


def exact(rates: DefectRates, weights: torch.Tensor, count: int, sigma: float = 0.0):
    """Pairs' conductances in units of a weight, [die, group, row, output], cell by cell."""
    states = PLACE.states(weights).numpy()
    unit = float(conductance(0, MTJ.r_p, MTJ.tmr0) - conductance(1, MTJ.r_p, MTJ.tmr0))
    found = []
    for index in range(count):
        spread = Die(sigma_ln_rp=sigma, short_resistance=SHORT)
        die = draw_die(spread, rates, (9, 7), PLACE.tiles, seed=3, index=index)
        tiles = []
        for tile in range(PLACE.tiles):
            drawn = draw_junctions(MTJ, ProgrammedTile(states=states[tile], index=tile), die)
            g = conductance(drawn.state, drawn.r_p, drawn.tmr0)
            g[drawn.short], g[drawn.open] = 1 / SHORT, 0.0
            for d in die.defects:
                if d.tile == tile and d.kind == "dead_row":
                    g[d.row] = 0
                if d.tile == tile and d.kind == "dead_column":
                    g[:, d.column] = 0
            tiles.append(g / unit)
        plus, minus = PLACE.signed(torch.from_numpy(np.stack(tiles)))
        found.append(plus - minus)
    return torch.stack(found).float()


def pooled(rates: DefectRates, weights: torch.Tensor, count: int, spread: float = 0.0, **parts):
    """The same from a pool."""
    chance = torch.Generator().manual_seed(1)
    given = {"factor": 1.0, "draws": count, "generator": chance} | parts
    pool = draw_pool(PLACE, cells(spread), rates, **given)
    return pool.of(0, count, weights)


def random_weights(seed: int = 2) -> torch.Tensor:
    chance = torch.Generator().manual_seed(seed)
    weights = torch.randint(-1, 2, PLACE.shape, generator=chance).float()
    return weights * (PLACE.index < PLACE.inputs)[..., None]


WEIGHTS = random_weights()
BINARY = torch.where(WEIGHTS == 0, 1.0, WEIGHTS)
ZERO = pytest.param(
    0, marks=pytest.mark.xfail(reason="the pool takes both junctions of a 0 for half P, half AP")
)
REAL = (PLACE.index < PLACE.inputs)[..., None].expand(PLACE.shape)


def near(found: float, expected: float, deviation: float, trials: float) -> bool:
    """Within five standard errors."""
    return abs(found - expected) < 5 * deviation / trials**0.5


@pytest.mark.parametrize("kind", ["short", "open", "stuck_p", "stuck_ap"])
@pytest.mark.parametrize("weight", [-1, ZERO, 1])
def test_a_defective_junction_gives_the_values_that_it_gives_on_a_die(kind, weight):
    rates = NONE.replace(**{kind: 0.004})
    here = (weight == WEIGHTS) & REAL
    ours, theirs = pooled(rates, WEIGHTS, 900), exact(rates, WEIGHTS, 150)
    many = []
    for values in (ours, theirs):
        off = values[:, here] - weight
        hit = off.abs() > 1e-4
        # Values that two defects of a pair give are rare, and the pool's pairs have one.
        found, counts = torch.unique((off[hit] * 1e3).round().int(), return_counts=True)
        usual = found[10 * counts > counts.sum() / max(1, len(counts))]
        many.append((set(usual.tolist()), float(hit.float().mean()), hit.numel()))
    (mine, share, trials), (right, wanted, exact_trials) = many
    assert mine == right
    deviation = wanted**0.5
    assert near(share, wanted, deviation, 1 / (1 / trials + 1 / exact_trials))


@pytest.mark.parametrize(
    "rates",
    [
        NONE.replace(short=0.01),
        NONE.replace(stuck_p=0.01, stuck_ap=0.02, open=0.01),
        NONE.replace(dead_lines=0.6),
        DefectRates(short=0.003, stuck_p=0.004, stuck_ap=0.004, dead_lines=0.3),
    ],
    ids=["shorts", "stuck and open", "dead lines", "all"],
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


def test_at_a_factor_of_nothing_there_are_no_defects():
    rates = DefectRates(short=0.1, dead_lines=5.0)
    assert torch.equal(pooled(rates, WEIGHTS, 5, factor=0.0), WEIGHTS.expand(5, *WEIGHTS.shape))


def test_a_factor_multiplies_the_rates():
    rates = NONE.replace(stuck_p=0.002)
    few, more = (
        float((pooled(rates, WEIGHTS, 2000, factor=f) != WEIGHTS)[:, REAL].float().mean())
        for f in (1.0, 3.0)
    )
    assert more == pytest.approx(3 * few, rel=0.15)


def test_a_dead_row_leaves_nothing_and_a_dead_column_the_other_line():
    pool = draw_pool(
        PLACE, cells(), NONE.replace(dead_lines=0.5), 1.0, 400, torch.Generator().manual_seed(1)
    )
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
    pool = draw_pool(PLACE, cells(), rates, 1.0, 3, torch.Generator().manual_seed(1))
    assert not pool.kept.any()
    assert not pool.added.any()


def test_every_draw_is_another_and_the_seed_decides():
    rates = DefectRates(short=0.01)
    one, same = (pooled(rates, WEIGHTS, 4, spread=0.1) for _ in range(2))
    assert torch.equal(one, same)
    other = pooled(rates, WEIGHTS, 4, spread=0.1, generator=torch.Generator().manual_seed(2))
    assert not torch.equal(one, other)
    assert not torch.equal(one[0], one[1])


def test_consecutive_draws_are_taken_from_the_pool():
    pool = draw_pool(PLACE, cells(0.1), DefectRates(), 1.0, 6, torch.Generator().manual_seed(1))
    assert torch.equal(pool.of(2, 3, WEIGHTS), pool.added[2:5] + pool.kept[2:5] * WEIGHTS)
