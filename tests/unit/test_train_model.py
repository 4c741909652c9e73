"""The network on tiles while it is being trained."""

import numpy as np
import pytest
import torch

from mtjspice.spec.training import TiledNetwork
from mtjspice.train.model import THRESHOLD, TiledModel, activated, weighed, widths_of
from mtjspice.train.tiles import Placement

WIDTHS = (11, 6, 3)
GROUPS, COPIES = (4, 1), (1, 2)


def model(seed: int = 1, **network) -> TiledModel:
    """11 inputs in four groups of 3, 3, 3 and 2; then 6 in one, and the outputs twice."""
    spec = TiledNetwork(**{"hidden": (6,), "groups": GROUPS, "copies": COPIES} | network)
    placements = [
        Placement(n, m, g, c, rows=8, columns=9)
        for n, m, g, c in zip(WIDTHS, WIDTHS[1:], GROUPS, COPIES, strict=False)
    ]
    made = TiledModel(spec, placements, torch.Generator().manual_seed(seed))
    with torch.no_grad():
        for bias in made.bias:
            bias.copy_(torch.linspace(-0.4, 0.3, len(bias)))
    return made


def samples(count: int, seed: int = 1) -> torch.Tensor:
    return torch.rand(count, WIDTHS[0], generator=torch.Generator().manual_seed(seed))


def by_hand(of: TiledModel, inputs: np.ndarray, matrices, count) -> np.ndarray:
    """The documented formula, one group and one line after the other."""
    x = inputs
    for k, (placement, matrix) in enumerate(zip(of.placements, matrices, strict=True)):
        total = np.zeros((len(x), placement.outputs))
        used = -(-placement.inputs // placement.groups)
        for g in range(placement.groups):
            group = range(g * used, min(g * used + used, placement.inputs))
            for line in range(placement.outputs * placement.copies):
                partial = sum(x[:, i] * float(matrix[g, row, line]) for row, i in enumerate(group))
                total[:, line % placement.outputs] += count(k, partial)
        x = float(of.gain[k].detach()) * total + of.bias[k].detach().numpy()
        if k < len(matrices) - 1:
            x = np.tanh(x) if of.network.activation == "tanh" else np.where(x >= 0, 1.0, -1.0)
    return x


@pytest.mark.parametrize("activation", ["tanh", "sign"])
@pytest.mark.parametrize("weights", ["binary", "ternary"])
def test_outputs_are_those_of_the_formula(activation, weights):
    made, x = model(activation=activation, weights=weights), samples(7)
    expected = by_hand(made, x.double().numpy(), made.weights(), lambda k, s: s)
    found = made.forward(x, made.weights())
    assert found.shape == (7, 3)
    assert found.detach().numpy() == pytest.approx(expected, abs=1e-5)


def test_partial_sums_are_weighed_before_they_are_added():
    made, x = model(outlier=(1.5, 0.0)), samples(7)

    def count(k, partial):
        return weighed(torch.from_numpy(partial), 1.5).numpy() if k == 0 else partial

    expected = by_hand(made, x.double().numpy(), made.weights(), count)
    found = made.forward(x, made.weights()).detach().numpy()
    assert found == pytest.approx(expected, abs=1e-5)
    plain = model().forward(x, made.weights()).detach().numpy()
    assert np.abs(found - plain).max() > 1e-2


def test_with_several_dies_consecutive_samples_meet_each():
    made, x = model(outlier=(1.5, 0.0)), samples(12)
    chance = torch.Generator().manual_seed(2)
    matrices = [torch.randn(3, *p.shape, generator=chance) for p in made.placements]
    together = made.forward(x, matrices)
    for die in range(3):
        some = slice(4 * die, 4 * die + 4)
        alone = made.forward(x[some], [m[die] for m in matrices])
        assert torch.allclose(together[some], alone, atol=1e-6)
    assert not torch.allclose(together[:4], made.forward(x[:4], [m[1] for m in matrices]))


def test_idle_rows_do_not_count():
    made, x = model(), samples(5)
    placement = made.placements[0]
    idle = ~placement.real.expand(placement.shape)
    assert idle.sum() == placement.outputs  # one row
    weights = made.weights()
    assert not weights[0][idle].any()
    spoilt = [torch.where(idle, 1e6, weights[0]), weights[1]]
    assert torch.equal(made.forward(x, spoilt), made.forward(x, weights))
    assert not made.latent[0].detach()[idle].any()


def test_copies_of_outputs_are_added():
    made, x = model(), samples(5)
    hidden = torch.tanh(torch.rand(5, WIDTHS[1]))
    first, second = torch.rand(2, 1, WIDTHS[1], WIDTHS[2])
    both = made.summed(1, hidden, torch.cat([first, second], -1))
    assert torch.allclose(both, hidden @ (first + second)[0], atol=1e-6)
    assert made.bias[1].shape == (3,)
    assert made.forward(x, made.weights()).shape == (5, 3)


def test_copies_are_weighed_each_by_itself():
    made = model(outlier=(0.0, 1.0))
    hidden = torch.ones(1, WIDTHS[1])
    matrix = torch.zeros(1, WIDTHS[1], 6)
    matrix[0, 0, 1], matrix[0, :, 4] = 0.3, 100.0  # output 1: one copy spoilt
    assert float(made.summed(1, hidden, matrix)[0, 1]) == pytest.approx(0.3, rel=0.02)


def test_the_start_keeps_tanh_in_its_middle_whatever_the_copies():
    made = model()
    for gain, placement in zip(made.gain, made.placements, strict=True):
        sums = placement.inputs * placement.copies
        assert float(gain.detach()) == pytest.approx(1.2 / sums**0.5)


@pytest.mark.parametrize(
    ("weights", "values"), [("binary", {-1.0, 1.0}), ("ternary", {-1.0, 0.0, 1.0})]
)
def test_weights_are_rounded_and_gradients_pass(weights, values):
    made = model(weights=weights)
    placement = made.placements[1]  # without idle rows
    assert set(made.weights()[1].unique().tolist()) == values
    rounded = made.rounded()
    assert torch.allclose(rounded[1], made.weights()[1], atol=1e-6)
    slopes = torch.randn(placement.shape)
    (rounded[1] * slopes).sum().backward()
    assert torch.equal(made.latent[1].grad, slopes)


def test_latent_weights_are_rounded_at_the_threshold():
    made, edge = model(), THRESHOLD["ternary"]
    with torch.no_grad():
        made.latent[1].fill_(edge * 0.99)
        made.latent[1][0, 0] = edge * 1.01
        made.latent[1][0, 1] = -edge * 1.01
    found = made.weights()[1][0]
    assert (found[0] == 1).all()
    assert (found[1] == -1).all()
    assert not found[2:].any()


def test_the_gradients_are_those_of_finite_differences():
    made = model(outlier=(2.0, 3.0))
    made.gain = [g.detach().double().requires_grad_() for g in made.gain]
    made.bias = [b.detach().double().requires_grad_() for b in made.bias]
    x = samples(4).double()
    chance = torch.Generator().manual_seed(3)
    matrices = [
        torch.randn(2, *p.shape, dtype=torch.float64, generator=chance).requires_grad_()
        for p in made.placements
    ]
    assert torch.autograd.gradcheck(lambda *m: made.forward(x, m), matrices)
    inputs = x.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda i: made.forward(i, matrices), inputs)


def test_the_same_seed_gives_the_same_start():
    one, same, other = model(1), model(1), model(2)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters, same.parameters, strict=True))
    assert not torch.equal(one.latent[0], other.latent[0])
    assert all(p.requires_grad and p.is_leaf for p in one.parameters)
    assert len(one.parameters) == 6


@pytest.mark.parametrize("outlier", [0.5, 2.0, 30.0])
def test_what_is_far_out_counts_less_the_farther_it_is(outlier):
    s = torch.linspace(-40 * outlier, 40 * outlier, 4001, dtype=torch.float64)
    found = weighed(s, outlier)
    assert torch.allclose(found, -found.flip(0))  # odd
    assert (found.abs() <= s.abs()).all()
    inside = s.abs() <= outlier / 2
    assert torch.allclose(found[inside], s[inside], rtol=0.1)
    far = found[s > 3 * outlier]
    assert (far[1:] < far[:-1]).all()
    assert far[-1] < 0.05 * outlier


@pytest.mark.parametrize("outlier", [0.7, 3.0])
def test_the_slope_of_the_weighing_is_that_of_finite_differences(outlier):
    s = (outlier * torch.linspace(-4, 4, 41, dtype=torch.float64)).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: weighed(x, outlier), s)


def test_without_an_outlier_all_count_alike():
    s = torch.randn(5)
    assert weighed(s, 0.0) is s


def test_weighing_leaves_its_argument_alone():
    s = torch.randn(5)
    kept = s.clone()
    weighed(s, 1.0)
    assert torch.equal(s, kept)


def test_sign_has_two_values_and_the_gradient_of_tanh():
    x = torch.tensor([-3.0, -0.1, 0.0, 0.2, 5.0], requires_grad=True)
    signs = activated(x, "sign")
    assert torch.allclose(signs, torch.tensor([-1.0, -1.0, 1.0, 1.0, 1.0]))
    signs.sum().backward()
    assert torch.allclose(x.grad, 1 - torch.tanh(x.detach()) ** 2)
    assert torch.equal(activated(x, "tanh"), torch.tanh(x))


def test_widths_are_those_of_the_network_and_the_data():
    network = TiledNetwork(hidden=(5, 4))
    assert widths_of(network, 9, 3) == [9, 5, 4, 3]
    assert widths_of(network.replace(inputs=7), 9, 3) == [7, 5, 4, 3]
