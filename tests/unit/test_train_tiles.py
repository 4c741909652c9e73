import pytest
import torch
from unit.tiled import card, on_real_rows, surrogate, ternary

from mtjspice.errors import CapacityError
from mtjspice.spec import Defect
from mtjspice.train.tiles import (
    Placement,
    TiledLayer,
    dealt_out,
    experiments_of,
    place_layers,
)

CARD = card()
UNIT = CARD.circuit.crossbar.cell.mtj.delta_g
DIE = CARD.circuit.die.replace(seed=5)
FULL_SCALE = 25 * 0.1 / CARD.circuit.crossbar.cell.mtj.r_p


def placement(inputs: int = 30, outputs: int = 14, groups: int = 2, copies: int = 1, **changes):
    """On tiles of 25 x 25, or as the changes say."""
    dealt = dealt_out(inputs, groups, copies)
    return Placement(dealt, inputs, outputs, **{"rows": 25, "columns": 25, "first": 3} | changes)


def layer(*dies, **changes) -> TiledLayer:
    made = TiledLayer(
        placement(**changes),
        surrogate(),
        dies or (DIE,),
        tiles=32 if len(dies) < 2 else 5,
        dtype=torch.float64,
    )
    made.unit = UNIT
    return made


def random_weights(of: TiledLayer) -> torch.Tensor:
    return on_real_rows(of.placement, ternary(*of.placement.shape))


def test_the_network_of_the_paper_fits_one_die_exactly():
    placed = place_layers((100, 84, 10), CARD.circuit, 32)
    assert [one.tiles for one in placed] == [28, 4]
    assert [one.first for one in placed] == [0, 28]


def test_a_network_that_does_not_fit_says_what_it_needs():
    with pytest.raises(CapacityError, match=r"needs 36 tiles of 25 x 25; the dies have 32"):
        place_layers((100, 96, 10), CARD.circuit, 32)
    with pytest.raises(CapacityError) as caught:
        place_layers((100, 84, 10), CARD.circuit, 32, groups=(4, 5))
    assert "needs 33 tiles" in str(caught.value)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("groups", "copies", "least"),
    [((3, 4), None, 4), ((7, 4), (2, 1), 8), ((9, 4), (2, 1), 8)],
    ids=["too few", "too few for copies", "no multiple of copies"],
)
def test_groups_that_cannot_hold_the_inputs_say_how_many_are_needed(groups, copies, least):
    with pytest.raises(CapacityError, match=rf"at least {least} groups of 25 rows") as caught:
        place_layers((100, 84, 10), CARD.circuit, 999, groups, copies)
    assert caught.value.key == "groups of layer 1"
    assert caught.value.value == groups[0]


def test_tiles_without_room_for_a_pair_are_refused():
    narrow = CARD.circuit.replace(crossbar=CARD.circuit.crossbar.replace(columns=1))
    with pytest.raises(CapacityError, match="needs two columns"):
        place_layers((3, 2), narrow, 32)


@pytest.mark.parametrize(("groups", "copies"), [(None, None), ((6, 8), None), ((8, 8), (2, 2))])
def test_placed_layers_follow_each_other_and_hold_every_input(groups, copies):
    placed = place_layers((100, 84, 30, 10), CARD.circuit, 999, groups and (*groups, 4),
                          copies and (*copies, 1))  # fmt: skip
    first = 0
    for k, one in enumerate(placed):
        assert one.first == first
        first += one.tiles
        assert max(map(len, one.groups)) <= 25
        many = copies[k] if copies and k < 2 else 1
        held = sorted(i for group in one.groups for i in group)
        assert held == sorted(list(range(one.inputs)) * many)


@pytest.mark.parametrize("inputs", [1, 3, 30, 84, 100])
@pytest.mark.parametrize("each", [1, 2, 4, 5])
@pytest.mark.parametrize("copies", [1, 2, 3])
def test_every_input_is_dealt_as_often_as_asked_and_evenly(inputs, each, copies):
    dealt = dealt_out(inputs, each * copies, copies)
    assert len(dealt) == each * copies
    for copy in range(copies):
        hand = dealt[copy * each : (copy + 1) * each]
        assert sorted(i for group in hand for i in group) == list(range(inputs))
        sizes = [len(group) for group in hand]
        assert max(sizes) - min(sizes) <= 1
        assert max(sizes) == -(-inputs // each)


@pytest.mark.parametrize("each", [4, 5, 7])
def test_the_second_copy_of_an_input_is_in_other_company(each):
    inputs = each * each  # as many groups as an input has neighbours in one
    dealt = dealt_out(inputs, 2 * each, 2)
    for i in range(inputs):
        first, second = (set(group) - {i} for group in dealt if i in group)
        assert not first & second


def test_neighbours_come_to_different_groups():
    dealt = dealt_out(100, 4)
    where = {i: g for g, group in enumerate(dealt) for i in group}
    assert all(where[i] != where[i + 1] for i in range(99))


def test_states_are_those_of_the_weights():
    small = Placement(groups=((0, 1), (2,)), inputs=3, outputs=2, rows=2, columns=3)
    weights = torch.tensor([[[1.0, 0.0], [-1.0, 1.0]], [[0.0, -1.0], [1.0, 1.0]]])
    assert small.blocks == (2, 2)
    assert small.shape == (2, 2, 2)
    assert small.index.tolist() == [[0, 1], [2, 3]]
    # Tile by tile: inputs 0 and 1, outputs 0, then 1; then input 2. The last column is not used,
    # nor is the second row of the second group, whatever its weights say.
    assert small.states(weights).tolist() == [
        [[0, 1, 1], [1, 0, 1]],
        [[1, 1, 1], [0, 1, 1]],
        [[1, 1, 1], [1, 1, 1]],
        [[1, 0, 1], [1, 1, 1]],
    ]


@pytest.mark.parametrize(
    "changes",
    [{}, {"inputs": 31}, {"outputs": 12}, {"groups": 6, "copies": 2}, {"columns": 24, "rows": 16}],
)
def test_weights_are_found_again_in_their_states(changes):
    made = placement(**changes)
    weights = on_real_rows(made, ternary(*made.shape)).float()
    states = made.states(weights)
    assert states.shape == (made.tiles, made.rows, made.columns)
    assert torch.equal(made.weights(states), weights)
    assert torch.equal(made.states(made.weights(states)), states)


def test_idle_cells_are_antiparallel():
    made = placement(inputs=31)
    states = made.states(torch.ones(made.shape))
    assert states[:, 16:].all()  # 31 inputs in two groups
    assert states[2:, 15].all()  # the second has 15
    assert not states[0, 15, :24:2].any()
    assert states[:, :, 24].all()  # no pair
    assert states[1::2, :, 4:].all()  # outputs 12 and 13 are on the second tile of each group


@pytest.mark.parametrize("changes", [{}, {"inputs": 31}, {"groups": 6, "copies": 3}])
def test_an_ideal_product_goes_through_tiles_unchanged(changes):
    made = placement(**changes)
    weights = on_real_rows(made, ternary(*made.shape))
    inputs = torch.rand(7, made.inputs, dtype=torch.float64)
    conductance = 1.0 - made.states(weights).double()  # P is 1, AP is 0
    partial = made.partial_sums(made.volts(inputs) @ conductance)
    assert partial.shape == (len(made.groups), 7, 14)
    for group, found, mine in zip(made.groups, partial, weights, strict=True):
        assert torch.allclose(found, inputs[:, list(group)] @ mine[: len(group)])
    plus, minus = made.signed(conductance)
    assert torch.equal(plus - minus, weights)


def test_idle_rows_are_given_no_voltage():
    made = placement(inputs=31)
    volts = made.volts(torch.ones(2, 31))
    assert volts.shape == (4, 2, 25)
    assert [int(tile[0].sum()) for tile in volts] == [16, 16, 15, 15]
    assert not volts[:, :, 16:].any()


@pytest.mark.parametrize("changes", [{}, {"groups": 4, "copies": 2}])
def test_after_a_refresh_currents_are_those_of_the_surrogate(changes):
    made = layer(**changes)
    weights = random_weights(made)
    made.refresh(weights)
    volts = 0.2 * torch.rand(9, 30, dtype=torch.float64) - 0.1
    states = made.placement.states(weights)
    written = experiments_of(made.placement, CARD.circuit, [DIE], 32, states)
    programmed = made.surrogate.program(written)
    currents = made.surrogate(made.placement.volts(volts), programmed)
    expected = made.placement.partial_sums(currents)
    got = made.placement.dealt(volts) @ made.matrix(weights) * UNIT
    assert torch.allclose(got, expected, rtol=1e-9, atol=1e-15)
    plus, minus = made.lines(weights)
    assert torch.allclose(plus - minus, made.matrix(weights), rtol=1e-12, atol=1e-12)


def test_tiles_lie_on_the_dies_that_the_network_spans():
    dies = [DIE, DIE.replace(seed=6, defects=(Defect(kind="open", row=0, column=0, tile=1),))]
    made = layer(*dies)  # 4 tiles from the fourth on, 5 tiles on a die
    states = torch.zeros(4, 25, 25, dtype=torch.uint8)
    circuits = experiments_of(made.placement, CARD.circuit, dies, 5, states)
    assert [c.tile.index for c in circuits] == [3, 4, 0, 1]
    assert [c.die for c in circuits] == [dies[0], dies[0], dies[1], dies[1]]
    made.refresh(random_weights(made))
    assert made.cells_at_rest[0][2, 0, 0] > 0
    assert made.cells_at_rest[0][3, 0, 0] == 0
    assert made.up[1, 0, 12] == 0  # group 1, row 0, output 12: the (+) line of the last tile


def test_every_die_has_a_spread_of_its_own():
    one, other = layer(DIE), layer(DIE.replace(seed=6))
    for made in (one, other):
        made.refresh(random_weights(made))
    assert not torch.allclose(one.up, other.up, rtol=1e-3)
    same = layer(DIE)
    same.refresh(random_weights(same))
    assert torch.equal(one.up, same.up)


def test_between_refreshes_a_few_rewritten_cells_change_little():
    made = layer()
    weights = random_weights(made)
    made.refresh(weights)
    few = weights.clone()
    few[:, ::7, ::5] = -few[:, ::7, ::5]  # a few per cent of the cells
    lagging = made.matrix(few)
    made.refresh(few)
    exact = made.matrix(few)
    volts = 0.2 * torch.rand(200, 30, dtype=torch.float64) - 0.1
    off = (made.placement.dealt(volts) @ (lagging - exact)) * UNIT / FULL_SCALE
    assert 0 < float(off.square().mean().sqrt()) < 2e-3


def test_the_gradient_is_the_slope_of_the_matrix():
    made = layer()
    weights = random_weights(made)
    made.refresh(weights)
    asked = weights.clone().requires_grad_()
    made.matrix(asked).sum().backward()
    for sign, slope in ((1, made.up), (-1, made.down)):
        assert torch.equal(asked.grad[weights == sign], slope[weights == sign])
    # A weight is worth less than one unit: wires and access devices take their share.
    assert 0.2 < float(asked.grad.mean()) < 1.0


def test_dead_and_stuck_cells_have_no_gradient():
    defects = (
        Defect(kind="dead_row", row=2, tile=3),
        Defect(kind="stuck_p", row=4, column=0, tile=3),
    )
    made = layer(DIE.replace(defects=defects))
    made.refresh(random_weights(made))
    assert not made.up[0, 2, :12].any()  # tile 3 holds the first group and the first outputs
    assert made.up[0, 2, 12:].abs().min() > 0
    assert made.up[0, 3, :12].abs().min() > 0
    assert made.up[0, 4, 0] == 0
    assert made.down[0, 4, 0] != 0
