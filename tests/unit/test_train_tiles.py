import numpy as np
import pytest
import torch
from unit.tiled import card, surrogate, ternary

from mtjspice.data.network import Layer
from mtjspice.errors import CapacityError, InputError
from mtjspice.spec import Defect
from mtjspice.train.tiles import (
    Placement,
    TiledLayer,
    experiments_of,
    place_layers,
    states_of,
)

CARD = card()
UNIT = CARD.circuit.crossbar.cell.mtj.delta_g
DIE = CARD.circuit.die.replace(seed=5)
FULL_SCALE = 25 * 0.1 / CARD.circuit.crossbar.cell.mtj.r_p


def placement(inputs: int = 30, outputs: int = 14, groups: int = 2, copies: int = 1, **changes):
    """On tiles of 25 x 25, or as the changes say."""
    tile = {"rows": 25, "columns": 25, "first": 3} | changes
    return Placement(inputs, outputs, groups, copies, **tile)


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
    return ternary(*of.placement.shape) * of.placement.real


def split(of: Placement) -> list[range]:
    """The inputs of each group."""
    first = range(0, of.inputs, of.used)
    return [range(k, min(k + of.used, of.inputs)) for k in first]


def test_states_of_what_was_written_are_copied():
    states = np.ones((1, 4, 4), dtype=np.uint8)
    states.setflags(write=False)  # torch warns of such arrays, and writes to them all the same
    found = states_of(Layer(4, 2, states, np.zeros(2)))
    found[0, 0, 0] = 0
    assert states.all()


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
    ("inputs", "groups"),
    [(100, 3), (100, 1), (100, 40), (6, 4), (3, 4), (1, 2)],
    ids=[
        "too few",
        "one",
        "the last twenty empty",
        "the last empty",
        "more than inputs",
        "one input",
    ],
)
def test_groups_too_few_or_empty_are_refused(inputs, groups):
    least = -(-inputs // 25)
    words = (
        f"{inputs} inputs need at least {least} groups on tiles of 25 rows, and every group must"
    )
    with pytest.raises(CapacityError, match=words) as caught:
        place_layers((inputs, 84, 10), CARD.circuit, 999, (groups, 4))
    assert caught.value.key == "groups of layer 1"
    assert caught.value.value == groups
    assert caught.value.exit_code == 2


def test_as_many_groups_as_inputs_are_the_most():
    (made, _) = place_layers((7, 12, 3), CARD.circuit, 999, (7, 1))
    assert (made.groups, made.used, made.tiles) == (7, 1, 7)
    assert made.real.all()


def test_copies_take_lines_and_not_rows():
    """The redundant shape of borders2024: 50 inputs, 96 hidden, the outputs four times."""
    first, last = place_layers((50, 96, 10), CARD.circuit, 32, copies=(1, 4))
    assert (first.groups, first.lines, first.blocks, first.tiles) == (2, 96, 8, 16)
    assert (last.groups, last.lines, last.blocks, last.tiles) == (4, 40, 4, 16)
    assert last.shape == (4, 24, 40)
    assert last.first == 16


def test_tiles_without_room_for_a_pair_are_refused():
    narrow = CARD.circuit.replace(crossbar=CARD.circuit.crossbar.replace(columns=1))
    with pytest.raises(CapacityError, match="a weight is a pair of columns"):
        place_layers((3, 2), narrow, 32)


@pytest.mark.parametrize("groups", [None, (6, 7, 5), (4, 6, 2)])
@pytest.mark.parametrize("copies", [None, (2, 1, 3)])
def test_placed_layers_follow_each_other_and_hold_every_input(groups, copies):
    placed = place_layers((100, 84, 30, 10), CARD.circuit, 999, groups, copies)
    first = 0
    for k, one in enumerate(placed):
        assert one.first == first
        first += one.tiles
        assert one.copies == (copies[k] if copies else 1)
        assert one.groups == (groups[k] if groups else -(-one.inputs // 25))
        assert one.tiles == one.groups * -(-one.outputs * one.copies // 12)
        assert [i for group in split(one) for i in group] == list(range(one.inputs))
        assert len(split(one)) == one.groups
        assert max(map(len, split(one))) == one.used <= 25
        held = [int(rows.sum()) for rows in one.real]
        assert held == [len(group) for group in split(one)]


def test_states_are_those_of_the_weights():
    small = Placement(inputs=3, outputs=2, groups=2, copies=1, rows=2, columns=3)
    weights = torch.tensor([[[1.0, 0.0], [-1.0, 1.0]], [[0.0, -1.0], [1.0, 1.0]]])
    assert (small.pairs, small.lines, small.used, small.blocks, small.tiles) == (1, 2, 2, 2, 4)
    assert small.shape == (2, 2, 2)
    assert small.real.squeeze(-1).tolist() == [[True, True], [True, False]]
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
    [
        {},
        {"inputs": 31},
        {"outputs": 12},
        {"groups": 6, "copies": 2},
        {"columns": 24, "rows": 16},
        {"inputs": 31, "copies": 3, "groups": 4},
    ],
)
def test_weights_are_found_again_in_their_states(changes):
    made = placement(**changes)
    weights = (ternary(*made.shape) * made.real).float()
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


def test_copies_of_outputs_are_packed_onto_the_tiles_of_a_group():
    small = Placement(inputs=2, outputs=3, groups=1, copies=2, rows=2, columns=8)
    weights = torch.tensor([[[1.0, -1.0, 1.0, -1.0, 1.0, 1.0], [0.0] * 6]])
    # 6 lines of 4 on a tile: outputs 0, 1, 2 and the second copy of 0; then those of 1 and 2.
    assert small.shape == (1, 2, 6)
    assert small.tiles == small.blocks == 2
    assert small.states(weights)[:, 0].tolist() == [
        [0, 1, 1, 0, 0, 1, 1, 0],
        [0, 1, 0, 1, 1, 1, 1, 1],
    ]
    currents = torch.zeros(2, 1, 8)
    currents[0, 0, 6], currents[1, 0, 1] = 5.0, 7.0  # (+) of output 0 again, (−) of output 1 again
    assert small.partial_sums(currents).tolist() == [[[0, 0, 0, 5, -7, 0]]]


def test_partial_sums_are_added_over_groups_and_copies():
    made = placement(copies=3)
    partial = torch.rand(2, 7, 42, dtype=torch.float64)
    found = made.summed(partial)
    assert found.shape == (7, 14)
    for j in range(14):
        expected = sum(partial[g, :, j + 14 * c] for g in range(2) for c in range(3))
        assert torch.allclose(found[:, j], expected)
    several = torch.stack([partial, 2 * partial])  # dies
    assert torch.allclose(made.summed(several), torch.stack([found, 2 * found]))


@pytest.mark.parametrize(
    "changes", [{}, {"inputs": 31}, {"groups": 6, "copies": 3}, {"inputs": 31, "copies": 2}]
)
def test_an_ideal_product_goes_through_tiles_unchanged(changes):
    made = placement(**changes)
    weights = ternary(*made.shape) * made.real
    inputs = torch.rand(7, made.inputs, dtype=torch.float64)
    conductance = 1.0 - made.states(weights).double()  # P is 1, AP is 0
    partial = made.partial_sums(made.volts(inputs) @ conductance)
    assert partial.shape == (made.groups, 7, made.lines)
    for group, found, mine in zip(split(made), partial, weights, strict=True):
        assert torch.allclose(found, inputs[:, list(group)] @ mine[: len(group)])
    plus, minus = made.signed(conductance)
    assert torch.equal(plus - minus, weights)
    copies = [weights.flatten(0, 1)[: made.inputs, c * 14 : c * 14 + 14]
              for c in range(made.copies)]  # fmt: skip
    assert torch.allclose(made.summed(partial), inputs @ sum(copies))


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


def test_a_die_whose_shorts_are_none_on_the_cards_junctions_is_refused():
    short = (Defect(kind="short", row=0, column=0, tile=1),)
    die = DIE.replace(defects=short, short_resistance=1e5)
    states = torch.zeros(4, 25, 25, dtype=torch.uint8)
    with pytest.raises(InputError, match=r"short_resistance \(100000 Ω\) must be below") as caught:
        experiments_of(layer().placement, CARD.circuit, [DIE, die], 5, states)
    assert caught.value.source == "die"


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
