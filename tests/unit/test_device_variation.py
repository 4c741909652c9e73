import numpy as np
import pytest
from unit.builders import drawn_at

from mtjspice.device.conductance import current
from mtjspice.device.variation import diameters, draw_junctions, draw_spread, with_defects
from mtjspice.spec import Defect, Diameters, Die, Mtj, ProgrammedTile

MANY = (250, 400)
SPREAD = {"sigma_ln_rp": 0.1, "sigma_ln_tmr": 0.2}
DIE_SPREAD = {"sigma_ln_rp_die": 0.1, "sigma_ln_tmr_die": 0.2}


def test_without_spread_every_junction_is_nominal():
    drawn = draw_junctions(*drawn_at(seed=3))
    assert (drawn.r_p == Mtj().r_p).all()
    assert (drawn.tmr0 == Mtj().tmr0).all()


def test_the_same_seed_gives_the_same_junctions():
    one, other = (draw_junctions(*drawn_at(seed=3, **SPREAD)) for _ in range(2))
    assert (one.r_p == other.r_p).all()
    assert (one.tmr0 == other.tmr0).all()


@pytest.mark.parametrize("changed", [{"seed": 4}, {"seed": 3, "index": 1}])
def test_another_seed_or_tile_gives_other_junctions(changed):
    one = draw_junctions(*drawn_at(seed=3, **SPREAD))
    other = draw_junctions(*drawn_at(**changed, **SPREAD))
    assert (one.r_p != other.r_p).all()
    assert (one.tmr0 != other.tmr0).all()


def test_tiles_of_a_die_are_drawn_independently():
    one, other = (
        np.log(draw_junctions(*drawn_at(seed=3, index=i, shape=MANY, **SPREAD)).r_p).ravel()
        for i in (0, 1)
    )
    assert abs(np.corrcoef(one, other)[0, 1]) < 4 / np.sqrt(one.size)


def test_a_tile_keeps_its_junctions_when_it_is_rewritten():
    mtj, tile, die = drawn_at(seed=3, **SPREAD)
    rewritten = ProgrammedTile(states=np.ones_like(tile.states), index=tile.index)
    assert (draw_junctions(mtj, tile, die).r_p == draw_junctions(mtj, rewritten, die).r_p).all()


@pytest.mark.parametrize(("quantity", "sigma"), [("r_p", 0.1), ("tmr0", 0.2)])
def test_the_spread_is_log_normal_around_the_nominal_junction(quantity, sigma):
    mtj, tile, die = drawn_at(seed=5, shape=MANY, **SPREAD)
    z = np.log(getattr(draw_junctions(mtj, tile, die), quantity) / getattr(mtj, quantity)) / sigma
    n = z.size
    # Four standard errors of the mean, variance, skewness and excess kurtosis of n normal numbers.
    assert abs(z.mean()) < 4 / np.sqrt(n)
    assert abs(z.var() - 1) < 4 * np.sqrt(2 / n)
    assert abs((z**3).mean()) < 4 * np.sqrt(15 / n)
    assert abs((z**4).mean() - 3) < 4 * np.sqrt(96 / n)


def test_resistance_and_magnetoresistance_vary_independently():
    drawn = draw_junctions(*drawn_at(seed=5, shape=MANY, **SPREAD))
    correlation = np.corrcoef(np.log(drawn.r_p).ravel(), np.log(drawn.tmr0).ravel())[0, 1]
    assert abs(correlation) < 4 / np.sqrt(drawn.r_p.size)


def test_a_die_shifts_all_its_junctions_and_tiles_together():
    shifts = []
    for index in (0, 1):
        mtj, tile, die = drawn_at(seed=3, index=index, **DIE_SPREAD)
        drawn = draw_junctions(mtj, tile, die)
        shifts += [np.unique(drawn.r_p / mtj.r_p), np.unique(drawn.tmr0 / mtj.tmr0)]
    assert [shift.size for shift in shifts] == [1] * 4
    assert shifts[0] == shifts[2] != 1
    assert shifts[1] == shifts[3] != 1


def test_dies_are_spread_as_asked_for_in_resistance_and_magnetoresistance_independently():
    n = 2000
    draws = [draw_junctions(*drawn_at(s, shape=(1, 1), **DIE_SPREAD)) for s in range(n)]
    of_r_p = np.log([d.r_p.item() / Mtj().r_p for d in draws]) / 0.1
    of_tmr = np.log([d.tmr0.item() / Mtj().tmr0 for d in draws]) / 0.2
    for z in (of_r_p, of_tmr):
        assert abs(z.mean()) < 4 / np.sqrt(n)
        assert abs(z.var() - 1) < 4 * np.sqrt(2 / n)
    assert abs(np.corrcoef(of_r_p, of_tmr)[0, 1]) < 4 / np.sqrt(n)


def test_defects_lie_where_the_map_says():
    defects = (
        Defect(kind="short", row=0, column=1),
        Defect(kind="open", row=1, column=0),
        Defect(kind="stuck_p", row=1, column=1),
        Defect(kind="stuck_ap", row=0, column=0),
        Defect(kind="short", row=1, column=2, tile=1),
    )
    tile = ProgrammedTile(states=["PAP", "AAA"])
    drawn = draw_junctions(Mtj(), tile, Die(defects=defects))
    assert np.argwhere(drawn.short).tolist() == [[0, 1]]
    assert np.argwhere(drawn.open).tolist() == [[1, 0]]
    assert drawn.state.tolist() == [[1, 1, 0], [1, 0, 1]]


def test_defects_do_not_change_the_draw_nor_the_tile():
    mtj, tile, die = drawn_at(seed=3, **SPREAD)
    bad = die.replace(defects=(Defect(kind="stuck_ap", row=0, column=0),))
    assert (draw_junctions(mtj, tile, die).r_p == draw_junctions(mtj, tile, bad).r_p).all()
    assert tile.states[0, 0] == 0


def test_a_weak_junction_has_its_resistances_times_a_factor_and_stores_its_state():
    mtj, tile, die = drawn_at(seed=3, **SPREAD)
    places = ((0, 0), (1, 1))
    weak = die.replace(
        defects=tuple(Defect(kind="weak", row=r, column=c) for r, c in places), weak_factor=0.3
    )
    spread = draw_spread(mtj, tile.index, die, tile.states.shape)
    before = spread[0].copy()
    good, bad = (with_defects(spread, tile, one) for one in (die, weak))
    assert (spread[0] == before).all()  # what is kept of a draw stays
    for place in np.ndindex(tile.states.shape):
        factor = 0.3 if place in places else 1.0
        assert bad.r_p[place] == factor * good.r_p[place]
    assert (bad.tmr0 == good.tmr0).all()
    assert (bad.state == tile.states).all()
    assert not bad.short.any()
    for volts in (0.01, 0.3, -0.3):  # the whole law is scaled
        flowing = [current(volts, d.state, d.r_p, d.tmr0, mtj) for d in (good, bad)]
        assert flowing[1][0, 0] == pytest.approx(flowing[0][0, 0] / 0.3, rel=1e-12)


@pytest.mark.parametrize("along", ["rows", "columns"])
def test_sizes_along_a_tile_scale_the_resistance_with_one_over_the_area(along):
    sizes = Diameters(low=40e-9, high=60e-9, along=along)
    mtj, tile, die = drawn_at(seed=3, shape=(3, 5), **SPREAD)
    ratio = draw_junctions(mtj, tile, die.replace(diameters=sizes)).r_p
    ratio = ratio / draw_junctions(mtj, tile, die).r_p
    expected = (mtj.diameter / np.linspace(40e-9, 60e-9, 3 if along == "rows" else 5)) ** 2
    lines = ratio if along == "columns" else ratio.T
    assert lines == pytest.approx(np.broadcast_to(expected, lines.shape), rel=1e-9)
    assert draw_junctions(mtj, tile, die.replace(diameters=sizes)).tmr0 == pytest.approx(
        draw_junctions(mtj, tile, die).tmr0
    )


def test_junctions_without_sizes_of_their_own_have_that_of_the_cell():
    assert (diameters(Mtj(diameter=30e-9), Die(), (2, 3)) == 30e-9).all()
