import pytest
import torch

from mtjspice.errors import CapacityError
from mtjspice.spec import Defect
from mtjspice.surrogate.card import load_card
from mtjspice.surrogate.model import Surrogate
from mtjspice.train.tiles import Placement, TiledLayer, place_layers

CARD = load_card("die20k")
UNIT = CARD.circuit.crossbar.cell.mtj.delta_g


def ternary(inputs: int, outputs: int, seed: int = 1) -> torch.Tensor:
    chance = torch.Generator().manual_seed(seed)
    return torch.randint(-1, 2, (inputs, outputs), generator=chance).double()


def layer(level: str, inputs: int = 30, outputs: int = 14, **changes) -> TiledLayer:
    placement = Placement(inputs, outputs, rows=25, pairs=12, columns=25, first=3)
    die = CARD.circuit.die.replace(seed=5, **changes)
    return TiledLayer(placement, Surrogate(CARD, level), die, unit=UNIT, dtype=torch.float64)


def test_the_network_of_the_paper_fits_one_die_exactly():
    placed = place_layers((100, 84, 10), CARD.circuit, 32)
    assert [one.tiles for one in placed] == [28, 4]
    assert [one.first for one in placed] == [0, 28]


def test_a_network_that_does_not_fit_says_what_it_needs():
    with pytest.raises(CapacityError, match=r"needs 36 tiles of 25 x 25; the die has 32"):
        place_layers((100, 96, 10), CARD.circuit, 32)


def test_states_are_those_of_the_weights():
    placement = Placement(inputs=3, outputs=2, rows=2, pairs=1, columns=3)
    weights = torch.tensor([[1.0, 0.0], [-1.0, 1.0], [0.0, -1.0]])
    states = placement.states(weights)
    assert placement.blocks == (2, 2)
    # Tile by tile: inputs 0 and 1, then 2; outputs 0, then 1. The last column is not used.
    assert states.tolist() == [
        [[0, 1, 1], [1, 0, 1]],
        [[1, 1, 1], [0, 1, 1]],
        [[1, 1, 1], [1, 1, 1]],
        [[1, 0, 1], [1, 1, 1]],
    ]


def test_an_ideal_product_goes_through_tiles_unchanged():
    placement = Placement(inputs=30, outputs=14, rows=25, pairs=12, columns=25)
    weights, inputs = ternary(30, 14), torch.rand(7, 30, dtype=torch.float64)
    conductance = 1.0 - placement.states(weights).double()  # P is 1, AP is 0
    currents = placement.split(inputs) @ conductance
    assert torch.allclose(placement.summed(currents), inputs @ weights)
    plus, minus = placement.signed(conductance)
    assert torch.equal(plus - minus, weights)


@pytest.mark.parametrize("level", ["linear", "full"])
def test_after_a_refresh_currents_are_those_of_the_surrogate(level):
    made, weights = layer(level), ternary(30, 14)
    made.refresh(weights)
    volts = 0.2 * torch.rand(9, 30, dtype=torch.float64) - 0.1
    programmed = made.surrogate.expand(made._written(made.placement.states(weights)))
    expected = made.placement.summed(made.surrogate(made.placement.split(volts), programmed))
    got = made.currents(volts, weights) * UNIT
    assert torch.allclose(got, expected, rtol=1e-9, atol=1e-15)


def test_between_refreshes_a_few_rewritten_cells_change_little():
    made, weights = layer("linear"), ternary(30, 14)
    made.refresh(weights)
    few = weights.clone()
    few[::7, ::5] = -few[::7, ::5]  # a few per cent of the cells
    lagging = made.matrix(few)
    made.refresh(few)
    exact = made.matrix(few)
    full_scale = 25 * 0.1 / CARD.circuit.crossbar.cell.mtj.r_p
    volts = 0.2 * torch.rand(200, 30, dtype=torch.float64) - 0.1
    off = (volts @ (lagging - exact)) * UNIT / full_scale
    assert 0 < float(off.square().mean().sqrt()) < 2e-3


def test_the_gradient_is_the_slope_of_the_matrix():
    made, weights = layer("linear"), ternary(30, 14)
    made.refresh(weights)
    asked = weights.clone().requires_grad_()
    made.matrix(asked).sum().backward()
    for sign, slope in ((1, made.up), (-1, made.down)):
        assert torch.equal(asked.grad[weights == sign], slope[weights == sign])
    # A weight is worth less than one unit: wires and access devices take their share.
    assert 0.5 < float(asked.grad.mean()) < 1.0


def test_dead_and_stuck_cells_have_no_gradient():
    defects = (
        Defect(kind="dead_row", row=2, tile=3),
        Defect(kind="stuck_p", row=4, column=0, tile=3),
    )
    made, weights = layer("linear", defects=defects), ternary(30, 14)
    made.refresh(weights)
    assert not made.up[2, :12].any()  # tile 3 holds the first inputs and outputs
    assert made.up[3, :12].abs().min() > 0
    assert made.up[4, 0] == 0
    assert made.down[4, 0] != 0
