"""Bounds of tiles and the nodal solver in the expansion's place, held against every corner."""

import itertools

import numpy as np
import pytest
import torch
from unit.test_surrogate_model import BOUND, EACH_CELL, card, full_scale, inputs, tile

from mtjspice.errors import InputError
from mtjspice.solver import nodal
from mtjspice.spec import Defect
from mtjspice.surrogate.model import Surrogate
from mtjspice.surrogate.programmed import (
    conducts_more,
    errors_of,
    expanded,
    held_against_nodal,
)

DOUBLE = torch.float64
MANY = tuple(Defect(kind="short", row=r, column=2) for r in range(6) if r != 3)
KINDS: dict[str, tuple[Defect, ...]] = {
    "sound": (),
    "short": (Defect(kind="short", row=1, column=3),),
    "a column of shorts": MANY,
    "dead lines": (Defect(kind="dead_row", row=2), Defect(kind="dead_column", column=1)),
    "bridges": (
        Defect(kind="bridged_rows", row=3, column=2),
        Defect(kind="bridged_columns", row=4, column=3),
    ),
}


def known(cell: str = "gated", **bound):
    """A card that has seen tiles full of shorts."""
    made = card(cell)
    return made.replace(
        validity=made.validity.replace(shorts=1.0, short_resistance=100.0),
        bound=BOUND.replace(**bound),
    )


def corners_and_others(rows: int, seed: int) -> torch.Tensor:
    """Every corner of the range of inputs, and two hundred points in it."""
    corners = torch.tensor(list(itertools.product((-0.1, 0.1), repeat=rows)), dtype=DOUBLE)
    chance = torch.Generator().manual_seed(seed)
    return torch.cat([corners, 0.2 * torch.rand(200, rows, generator=chance, dtype=DOUBLE) - 0.1])


def off(of, programmed, e) -> torch.Tensor:
    """Largest error against the nodal equations over all those inputs, share of full scale."""
    surrogate = Surrogate(of)
    volts = corners_and_others(6, 7)
    with torch.no_grad():
        exact = nodal.read(surrogate.array([e]), volts, tolerance=1e-10)
        made = surrogate(volts, programmed)
    return (made - exact).abs().max() / full_scale(e)


@EACH_CELL
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("expansion", [1.0, 1e-3], ids=["expansion", "either"])
def test_no_corner_of_the_range_is_beyond_the_bound_of_a_tile(cell, kind, expansion):
    of = known(cell, expansion=expansion)
    e = tile(of, seed=3, defects=KINDS[kind])
    programmed = Surrogate(of).program([e])
    if expansion == 1.0:
        assert programmed.nodal == ()
    assert float(off(of, programmed, e)) <= float(programmed.errors.bound[0])


@EACH_CELL
def test_a_bound_is_not_far_above_what_is_there(cell):
    """Twice what the short search finds, and that is more than half of the largest there is."""
    of = known(cell, expansion=1.0)
    for kind, defects in KINDS.items():
        e = tile(of, seed=4, defects=defects)
        programmed = Surrogate(of).program([e])
        rest = of.bound.shorted.bound if conducts_more(e) else of.bound.nodal.bound
        found = (float(programmed.errors.bound[0]) - rest) / of.bound.margin
        largest = float(off(of, programmed, e))
        assert found <= largest * (1 + 1e-6) + 1e-9, kind
        assert found >= 0.5 * largest, kind


def test_tiles_that_the_expansion_cannot_follow_are_read_by_the_nodal_solver():
    of = known(expansion=1e-3)
    surrogate = Surrogate(of)
    tiles = [tile(of, seed=1), tile(of, seed=2, defects=MANY), tile(of, seed=3)]
    programmed = surrogate.program(tiles)
    assert programmed.nodal == (1,)
    volts = inputs(6)
    array = surrogate.array(tiles)
    made, exact = surrogate(volts, programmed), nodal.read(array, volts)
    by_expansion = expanded(surrogate.expand(array), volts)
    assert torch.allclose(made[1], exact[1], rtol=1e-6, atol=1e-12)
    assert not torch.allclose(by_expansion[1], exact[1], rtol=1e-4, atol=1e-12)
    assert torch.equal(made[[0, 2]], by_expansion[[0, 2]])
    assert float(programmed.errors.bound[1]) == BOUND.shorted.bound
    assert float(programmed.errors.rms[1]) == BOUND.shorted.rms
    assert float(programmed.errors.bound[0]) > BOUND.nodal.bound


def test_each_tile_may_have_inputs_of_its_own():
    of = known(expansion=0.0)
    surrogate = Surrogate(of)
    tiles = [tile(of, seed=1), tile(of, seed=2)]
    programmed = surrogate.program(tiles)
    assert programmed.nodal == (0, 1)
    volts = torch.stack([inputs(6), -0.5 * inputs(6)])
    made = surrogate(volts, programmed)
    exact = nodal.read(surrogate.array(tiles), volts)
    assert torch.allclose(made, exact, rtol=1e-6, atol=1e-12)
    assert torch.equal(surrogate(volts[:1], programmed), surrogate(volts[0], programmed))


def test_tiles_side_by_side_are_judged_as_they_are_alone():
    of = known()
    surrogate = Surrogate(of)
    tiles = [tile(of, seed=k, defects=some) for k, some in enumerate(KINDS.values())]
    together = surrogate.program(tiles)
    alone = [surrogate.program([e]) for e in tiles]
    assert together.nodal == tuple(k for k, one in enumerate(alone) if one.nodal)
    for name in ("rms", "bound"):
        found = getattr(together.errors, name)
        assert found.tolist() == pytest.approx(
            [float(getattr(one.errors, name)) for one in alone], rel=1e-3
        )


def test_single_precision_is_of_the_matrices_and_the_circuits_stay():
    of = known(expansion=1e-3)
    surrogate = Surrogate(of)
    tiles = [tile(of, seed=1), tile(of, seed=2, defects=MANY)]
    programmed = surrogate.program(tiles)
    volts = inputs(6)
    made = surrogate(volts.float(), programmed.to(torch.float32))
    assert made.dtype == torch.float32
    assert float((made - surrogate(volts, programmed)).abs().max()) < 1e-6 * full_scale(tiles[0])


def test_gradients_of_inputs_go_through_the_nodal_solver():
    of = known(expansion=0.0)
    surrogate = Surrogate(of)
    e = tile(of, seed=2, defects=MANY)
    programmed = surrogate.program([e])
    volts = inputs(6)[:3].clone().requires_grad_()
    along = torch.rand(volts.shape, dtype=DOUBLE)
    surrogate(volts, programmed).sum().backward()
    step = 1e-4
    with torch.no_grad():
        ahead, behind = (surrogate(volts + s * step * along, programmed).sum() for s in (1, -1))
    assert float((volts.grad * along).sum()) == pytest.approx(
        float((ahead - behind) / (2 * step)), rel=1e-5
    )


@pytest.mark.parametrize("level", ["ideal", "linear"])
def test_levels_that_say_by_their_name_what_they_leave_out_have_no_bound(level):
    of = known(expansion=0.0)
    programmed = Surrogate(of, level).program([tile(of)])
    assert programmed.errors is None
    assert programmed.nodal == ()


def test_the_margin_and_the_solvers_own_error_are_in_the_bound():
    e = tile(known(), seed=5)
    bounds = [
        float(Surrogate(known(expansion=1.0, margin=margin)).program([e]).errors.bound)
        for margin in (1.0, 3.0)
    ]
    rest = BOUND.nodal.bound
    assert bounds[1] - rest == pytest.approx(3 * (bounds[0] - rest), rel=1e-12)


def test_the_root_mean_square_is_that_of_random_inputs():
    of = known()
    surrogate = Surrogate(of)
    e = tile(of, seed=6)
    programmed = surrogate.program([e])
    volts = corners_and_others(6, 11)[-200:]
    array = surrogate.array([e])
    errors = (surrogate(volts, programmed) - nodal.read(array, volts)) / full_scale(e)
    rms = float(np.sqrt(np.mean(errors.detach().numpy() ** 2)))
    assert 0.4 < float(programmed.errors.rms) / rms < 2.5  # eight inputs stand for two hundred


def test_errors_are_scaled_together():
    of = known()
    errors, _ = errors_of(
        of, [tile(of)], Surrogate(of).array([tile(of)]), Surrogate(of).program([tile(of)]).matrices
    )
    wider = errors.scaled(3.0)
    assert torch.equal(wider.rms, 3 * errors.rms)
    assert torch.equal(wider.bound, 3 * errors.bound)


def test_a_dead_tile_has_no_error_of_its_own():
    """Every row cut off, every column too: nothing flows, and nothing is searched for ever."""
    cut = tuple(Defect(kind="dead_row", row=r) for r in range(6))
    cut += tuple(Defect(kind="dead_column", column=c) for c in range(5))
    of = known()
    surrogate = Surrogate(of)
    array = surrogate.array([tile(of, defects=cut)])
    with torch.no_grad():
        matrices = surrogate.expand(array)
    found = held_against_nodal(array, matrices, 1e-4, 0.1)
    assert float(found.largest) < 1e-9


@pytest.mark.parametrize("call", ["read", "solve", "effective_matrix", "sources"])
@pytest.mark.parametrize("method", ["anything", "", "Elimination", None])
def test_methods_that_there_are_not_are_refused(call, method):
    array = Surrogate(known()).array([tile(known())])
    given = (array, inputs(6)) if call in ("read", "solve") else (array,)
    with pytest.raises(InputError) as caught:
        getattr(nodal, call)(*given, method=method)
    assert caught.value.key == "method"
    assert caught.value.value == method
    assert "'auto' or 'elimination' or 'conjugate_gradients'" in str(caught.value)


def test_which_vectors_are_solved_together_does_not_show(monkeypatch):
    of = known(expansion=0.0)
    surrogate = Surrogate(of)
    tiles = [tile(of, seed=k, defects=some) for k, some in enumerate(KINDS.values())]
    volts = inputs(6)
    together = surrogate(volts, surrogate.program(tiles))
    monkeypatch.setattr("mtjspice.surrogate.programmed.AT_ONCE", 300)  # two vectors at a time
    programmed = surrogate.program(tiles)
    assert programmed.nodal == tuple(range(len(tiles)))
    apart = surrogate(volts, programmed)
    assert apart.shape == together.shape
    assert float((apart - together).abs().max()) < 1e-9 * full_scale(tiles[0])
