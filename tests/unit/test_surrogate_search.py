"""The search for the worst inputs, against functions whose largest values are counted out."""

import itertools

import numpy as np
import pytest
import torch

from mtjspice.surrogate.search import UNIFORM, search, short_starts

DOUBLE = torch.float64


def convex(rows: int, columns: int, seed: int):
    """Squares of sums of inputs, weighted: largest at a corner of the range."""
    chance = torch.Generator().manual_seed(seed)
    sums = torch.randn(columns, rows, rows, generator=chance, dtype=DOUBLE)
    return lambda volts: torch.einsum("crs,tvs->tvcr", sums, volts).square().sum(-1)


def corners(rows: int) -> torch.Tensor:
    return torch.tensor(list(itertools.product((-1.0, 1.0), repeat=rows)), dtype=DOUBLE)


@pytest.mark.parametrize("seed", range(4))
def test_the_largest_value_of_convex_functions_is_found_among_all_corners(seed):
    error = convex(7, 3, seed)
    counted = float(error(0.1 * corners(7)[None]).max())
    starts = short_starts(7, 0.1)
    found = search(error, starts, 0.1, 4)
    assert found.volts.shape == (1, 5 * starts.shape[1], 7)
    assert found.errors.shape == (1, 5 * starts.shape[1], 3)
    assert float(found.largest) == pytest.approx(counted, rel=1e-12)


def test_each_start_goes_up():
    error = convex(6, 1, 5)
    starts = short_starts(6, 0.1)
    found = search(error, starts, 0.1, 3)
    by_jump = found.errors.view(4, starts.shape[1])
    assert bool((by_jump[1:] >= by_jump[:-1] * (1 - 1e-12)).all())


def test_tiles_are_searched_each_by_itself():
    one, other = convex(5, 2, 1), convex(5, 2, 2)

    def both(volts):
        return torch.cat([one(volts[:1]), other(volts[1:])])

    starts = short_starts(5, 0.1)
    found = search(both, starts.expand(2, -1, -1), 0.1, 2)
    for tile, error in enumerate((one, other)):
        alone = search(error, starts, 0.1, 2)
        assert torch.allclose(found.errors[tile], alone.errors[0], rtol=1e-12, atol=0)


def test_the_worst_inputs_come_first_and_give_their_errors():
    error = convex(6, 3, 4)
    found = search(error, short_starts(6, 0.1), 0.1, 2)
    sizes = error(found.worst(5)).abs().amax(-1)[0]
    largest = sorted(found.errors.abs().amax(-1)[0].tolist(), reverse=True)[:5]
    assert sizes.tolist() == pytest.approx(largest, rel=1e-14)  # of other numbers side by side


def test_inputs_that_nothing_depends_on_stay_where_they_are():
    """As those of a dead row; the sign of nothing would set them to zero."""
    starts = short_starts(4, 0.1)
    found = search(lambda v: v[..., :2].square(), starts, 0.1, 1)
    count = starts.shape[1]
    assert torch.equal(found.volts[:, count:, 2:], starts[..., 2:])
    assert set(found.volts[0, count:, :2].abs().flatten().tolist()) <= {0.0, 0.1} | set(
        starts[..., :2].abs().flatten().tolist()
    )


def test_a_search_leaves_no_graph_and_takes_none():
    with torch.no_grad():
        found = search(convex(4, 2, 0), short_starts(4, 0.1), 0.1, 1)
    assert not found.volts.requires_grad
    assert not found.errors.requires_grad


@pytest.mark.parametrize("rows", [1, 2, 3, 25])
def test_short_starts_reach_both_ends_and_are_the_same_every_time(rows):
    starts = short_starts(rows, 0.1)
    assert starts.shape == (1, UNIFORM + 4, rows)
    assert torch.equal(starts, short_starts(rows, 0.1))
    assert float(starts.abs().max()) == pytest.approx(0.1)
    assert np.allclose(starts[0, UNIFORM:].abs(), 0.1)
    assert float(starts[0, UNIFORM].sum()) == pytest.approx(0.1 * rows)
    assert float(starts[0, UNIFORM + 1].sum()) == pytest.approx(-0.1 * rows)
