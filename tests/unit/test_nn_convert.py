"""Torch modules onto tiles, held against torch itself and against networks that SPICE has seen."""

import copy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional
from torch.nn.utils import prune

from mtjspice import DefectRates, Die, InputError, load_card
from mtjspice.data.network import Layer, Network
from mtjspice.errors import CapacityError
from mtjspice.nn import Coding, DieStatistics, convert, on_dies
from mtjspice.spec.training import TrainingStudy

CODINGS = [Coding("binary"), Coding("unary"), Coding("unary", 4), Coding("sliced", 3)]


class Small(nn.Module):
    """A bit of everything that can be mapped."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(2, 6, 3, stride=2, padding=1)
        self.norm = nn.BatchNorm2d(6)
        self.deep = nn.Conv2d(6, 6, 3, padding="same", groups=6)
        self.line = nn.Conv1d(6, 4, 2, dilation=2)
        self.last = nn.Linear(4 * 7, 3)

    def forward(self, x):
        x = functional.max_pool2d(torch.relu(self.norm(self.first(x))), 2)
        x = x + torch.tanh(self.deep(x))
        x = functional.hardtanh(self.line(x.flatten(2))).sign()
        return self.last(functional.dropout(x.view(x.size(0), -1), 0.2, training=self.training))


def small(seed=0):
    torch.manual_seed(seed)
    return Small(), torch.rand(8, 2, 12, 12) - 0.3


def rounded(module, converted):
    """The module with the weights that were written, in torch's own layers."""
    own = copy.deepcopy(module)
    for name, layer in converted.named_modules():
        if hasattr(layer, "coding"):
            target = own.get_submodule(name)
            written = layer.levels() * layer.step.detach().abs()[:, None]
            target.weight.data.copy_(written.view_as(target.weight))
    return own.eval()


@pytest.mark.parametrize("coding", CODINGS, ids=str)
def test_at_level_ideal_a_network_says_what_torch_says(coding):
    module, inputs = small()
    converted = convert(module, inputs, weights=coding).eval()
    wanted = rounded(module, converted)(inputs)
    assert torch.allclose(converted(inputs), wanted, atol=1e-5, rtol=1e-5)


@st.composite
def layers(draw):
    """A convolution or a linear layer with float64 weights, and inputs for it."""
    torch.manual_seed(draw(st.integers(0, 2**31)))
    axes = draw(st.sampled_from([0, 1, 2]))
    if axes == 0:
        inputs = draw(st.integers(1, 60))
        more = draw(st.lists(st.integers(1, 3), max_size=2))
        layer = nn.Linear(inputs, draw(st.integers(1, 30)), bias=draw(st.booleans()))
        return layer.double(), torch.rand(3, *more, inputs).double() * 2 - 1
    groups = draw(st.integers(1, 4))
    kernel, stride, dilation, padding = (
        tuple(draw(st.integers(low, 3)) for _ in range(axes)) for low in (1, 1, 1, 0)
    )
    options = {"groups": groups, "bias": draw(st.booleans()), "padding_mode": draw(
        st.sampled_from(["zeros", "reflect", "replicate", "circular"]))}  # fmt: skip
    if draw(st.booleans()):
        options["padding"], stride = draw(st.sampled_from(["same", "valid"])), 1
    else:
        options["padding"] = padding
    kind = nn.Conv1d if axes == 1 else nn.Conv2d
    channels = groups * draw(st.integers(1, 4))
    layer = kind(channels, groups * draw(st.integers(1, 5)), kernel, stride=stride,
                 dilation=dilation, **options)  # fmt: skip
    sides = [draw(st.integers(8, 13)) for _ in range(axes)]
    return layer.double(), torch.rand(2, channels, *sides).double() * 2 - 1


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel:UserWarning")
@settings(max_examples=60, deadline=None)
@given(layers(), st.sampled_from(CODINGS))
def test_every_layer_says_what_torch_says(layer_and_inputs, coding):
    layer, inputs = layer_and_inputs
    module = nn.Sequential(layer)
    converted = convert(module, inputs, weights=coding).eval()
    wanted = rounded(module, converted)(inputs)
    found = converted(inputs)
    assert found.shape == wanted.shape
    assert torch.allclose(found, wanted, atol=1e-9)


def test_on_dies_it_reads_what_networks_read_that_spice_has_seen():
    torch.manual_seed(1)
    module = nn.Sequential(nn.Linear(60, 30), nn.Tanh(), nn.Linear(30, 7)).double()
    inputs = torch.rand(40, 60).double()
    converted = convert(module, inputs).eval()
    made = []
    for layer in (converted.get_submodule("0"), converted.get_submodule("2")):
        layer.step.data.fill_(layer.step.data.mean())  # those networks have one for all outputs
        layer.largest.fill_(1.0)
        (part,) = layer.parts
        placed, unit = part.placement, float(layer.unit[0])
        made.append(
            Layer(
                placed.inputs, placed.outputs, placed.states(layer.matrices()[0]).numpy(),
                layer.bias.detach().numpy(), groups=placed.groups, first=placed.first,
                unit=unit, g_norm=unit / float(layer.step.detach()[0]),
            )
        )  # fmt: skip
    network = Network(
        "known", tuple(made), tuple(range(60)), tuple("abcdefg"), "data", "key",
        study=TrainingStudy(name="known"), card=load_card("die20k").key(),
    )  # fmt: skip
    dies = DieStatistics().sample(converted.dies, seed=3)
    known = on_dies(network, converted.surrogate, dies, torch.float64)
    assert torch.allclose(converted.on(dies)(inputs), known.outputs(inputs), atol=1e-12)


def test_in_training_the_circuit_is_linear_and_near_to_what_is_read():
    module, inputs = small()
    converted = convert(module, inputs).on(Die())
    layer = converted.first
    with torch.no_grad():
        linear = layer.train()(inputs)
        read = converted.eval() and (converted(inputs), layer(inputs))[1]
        ideal = converted.ideal().first(inputs)
    spread = float(ideal.std())
    assert 0.005 * spread < float((linear - ideal).std()) < 0.3 * spread  # wires take their share
    assert float((read - linear).std()) < 0.2 * float((linear - ideal).std() + 0.05 * spread) + 0.05


def test_a_batch_meets_several_dies_and_the_next_batch_others():
    torch.manual_seed(0)
    module, inputs = nn.Sequential(nn.Linear(20, 5)), torch.ones(6, 20)
    converted = convert(module, inputs).draw(dies=3, seed=1).train()
    one, two = converted(inputs), converted(inputs)
    assert torch.equal(one[0], one[1])  # on the same die
    assert not torch.equal(one[1], one[2])
    assert not torch.equal(one, two)
    again = convert(module, inputs).draw(dies=3, seed=1).train()
    assert torch.equal(again(inputs), one)
    assert torch.equal(again.draw(dies=3, seed=1)(inputs), one)
    other = convert(module, inputs).draw(dies=3, seed=2).train()
    assert not torch.equal(other(inputs), one)
    assert converted(inputs[:4]).shape == (4, 5)  # not a multiple of the dies


@pytest.mark.parametrize("where", ["ideal", "on", "draw"])
def test_it_is_trained_in_a_loop_of_ones_own(where):
    torch.manual_seed(0)
    inputs = torch.rand(240, 20)
    labels = (inputs[:, :10].sum(1) > inputs[:, 10:].sum(1)).long()
    module = nn.Sequential(nn.Linear(20, 12), nn.BatchNorm1d(12), nn.Tanh(), nn.Linear(12, 2))
    converted = convert(module, inputs)
    {"ideal": converted.ideal, "on": lambda: converted.on(DieStatistics().sample(1, 4)[0]),
     "draw": converted.draw}[where]()  # fmt: skip
    optimizer = torch.optim.Adam(converted.parameters(), 0.02)
    for _ in range(150):
        optimizer.zero_grad()
        functional.cross_entropy(converted(inputs), labels).backward()
        optimizer.step()
    if where == "draw":
        converted.on(DieStatistics().sample(1, 9)[0])
    found = converted.eval()(inputs).argmax(1)
    assert float((found == labels).float().mean()) > 0.85


def test_it_is_an_ordinary_module():
    module, inputs = small()
    before = copy.deepcopy(module.state_dict())
    converted = convert(module, inputs)
    assert set(module.state_dict()) <= set(converted.state_dict())
    other = convert(small(5)[0], inputs)
    other.load_state_dict(converted.state_dict())
    assert torch.equal(other.eval()(inputs), converted.eval()(inputs))
    twin = copy.deepcopy(converted)
    with torch.no_grad():
        twin.first.weight.mul_(-1)
    assert not torch.equal(twin.first.levels(), converted.first.levels())
    assert not torch.equal(twin(inputs), converted(inputs))
    assert all(torch.equal(module.state_dict()[k], v) for k, v in before.items())
    wide = converted.double()
    assert wide(inputs.double()).dtype == torch.float64
    assert wide.on(Die())(inputs.double()).dtype == torch.float64
    assert wide.float()(inputs).dtype == torch.float32
    assert wide.train()(inputs).dtype == torch.float32
    assert converted.ideal().to("meta")(inputs.to("meta")).device.type == "meta"


def test_weights_that_have_changed_are_written_anew():
    torch.manual_seed(0)
    module, inputs = nn.Sequential(nn.Linear(10, 3)), torch.rand(4, 10)
    converted = convert(module, inputs).on(Die()).eval()
    before = converted(inputs)
    with torch.no_grad():
        converted.get_submodule("0").weight.mul_(-1)
    after = converted(inputs)
    bias = module[0].bias
    assert torch.allclose(after - bias, bias - before, atol=0.05)


def test_a_summary_counts_tiles_and_vectors():
    module, inputs = small()
    summary = convert(module, inputs, weights=Coding("unary", 2)).summary()
    table = summary.to_pandas()
    assert list(table.index) == ["first", "deep", "line", "last"]
    assert table.loc["first", "vectors"] == 36
    assert table.loc["last", "vectors"] == 1
    assert table.loc["first", "tiles"] == 1  # 18 rows, 2 x 6 pairs of 12
    assert table.loc["deep", "tiles"] == 3  # two groups of 9 rows on each
    assert table.loc["last", "tiles"] == 2  # 28 inputs
    assert list(table.levels) == [5] * 4
    text = str(summary)
    assert f"in use: {sum(table.tiles)}, on one die of 32" in text
    cost = convert(module, inputs).cost(10, workers=2)
    each = convert(module, inputs).summary().to_pandas()
    assert cost.reads == 10 * int((each.tiles * each.vectors).sum())
    assert cost.seconds > 0
    assert "10 samples" in str(cost)


def _sequence(*layers):
    return nn.Sequential(nn.Linear(4, 4), *layers)


class _Branch(nn.Module):
    def __init__(self):
        super().__init__()
        self.one = nn.Linear(4, 4)

    def forward(self, x):
        return self.one(x) if x.sum() > 0 else x


class _Loose(_Branch):
    def forward(self, x):
        return functional.linear(x, self.one.weight)


class _Two(_Branch):
    def forward(self, x, y):
        return self.one(x) + y


class _Pair(_Branch):
    def forward(self, x):
        return self.one(x), x


class _Product(_Branch):
    def forward(self, x):
        return self.one(x) * torch.exp(x)


class _Named(nn.Module):
    def __init__(self):
        super().__init__()
        self.tiles = nn.Linear(4, 4)

    def forward(self, x):
        return self.tiles(x)


def _with_weight(value):
    layer = nn.Linear(4, 4)
    layer.weight.data[1, 2] = value
    return nn.Sequential(layer)


def _pruned():
    layer = nn.Linear(4, 4)
    prune.random_unstructured(layer, "weight", 0.5)
    return nn.Sequential(layer)


@pytest.mark.parametrize(
    ("module", "said"),
    [
        (_sequence(nn.GELU()), r"convert: 1 = .?GELU"),
        (_sequence(nn.LSTM(4, 4)), r"convert: 1 = .?LSTM"),
        (nn.Sequential(nn.ConvTranspose1d(4, 4, 1)), "ConvTranspose1d"),
        (nn.Sequential(nn.ReLU()), "no layer with weights"),
        (_Branch(), "depends on the values"),
        (_Loose(), "one.weight"),
        (_Two(), "x, y"),
        (_Pair(), "must return one tensor"),
        (_Product(), "exp"),
        (_Named(), "tiles"),
        (_with_weight(float("nan")), r"0\.weight\[1, 2\]"),
        (_with_weight(float("inf")), r"0\.weight\[1, 2\]"),
        (_pruned(), "0"),
        (_sequence().half(), "float16"),
        (_sequence(nn.LazyLinear(2)), "no weights yet"),
        (nn.Linear(4, 4), "one layer alone"),
        ({"weights": 1}, "must be a torch"),
    ],
)  # fmt: skip
def test_what_cannot_be_mapped_is_refused_by_name(module, said):
    with pytest.raises(InputError, match=said):
        convert(module, torch.rand(3, 4))


@pytest.mark.parametrize(
    ("keywords", "said"),
    [
        ({"weights": "quaternary"}, "quaternary"),
        ({"card": "nothing"}, "nothing"),
        ({"tiles": 0}, "tiles"),
        ({"inputs": torch.rand(3, 5)}, "does not take them"),
        ({"inputs": torch.rand(4)}, "inputs"),
        ({"inputs": np.zeros((3, 4))}, "ndarray"),
        ({"inputs": torch.full((3, 4), torch.nan)}, "not finite"),
        ({"inputs": torch.rand(0, 4)}, "inputs"),
    ],
)
def test_what_else_is_wrong_is_refused_by_name(keywords, said):
    module = _sequence()
    with pytest.raises(InputError, match=said):
        convert(**({"module": module, "inputs": torch.rand(3, 4)} | keywords))


def test_dies_that_do_not_fit_are_refused():
    converted = convert(_sequence(), torch.rand(3, 4))
    with pytest.raises(InputError, match="spans 1 dies"):
        converted.on([Die(), Die()])
    with pytest.raises(InputError, match=r"die\.sigma_ln_rp"):
        converted.on(Die(sigma_ln_rp=0.9))
    with pytest.raises(InputError, match="tiles of 25 x 25"):
        converted.draw(DieStatistics(shape=(15, 15)))
    with pytest.raises(InputError, match="dies"):
        converted.draw(dies=0)
    with pytest.raises(InputError, match="weak"):
        converted.draw(DieStatistics(rates=DefectRates(weak=0.01)))
    with pytest.raises(InputError, match=r"statistics = .*str"):
        converted.draw("reference")
    with pytest.raises(InputError, match="must be a Die"):
        converted.on("die")
    with pytest.raises(InputError, match="samples"):
        converted.cost(-1)
    with pytest.raises(InputError, match="workers"):
        converted.cost(1, workers=0)
    for pairs in (0, 1.5, True):
        with pytest.raises(InputError, match="pairs"):
            Coding("unary", pairs)
    with pytest.raises(InputError, match="kind"):
        Coding("trinary")


def test_a_sample_without_its_axis_is_refused():
    module, inputs = small()
    converted = convert(module, inputs)
    with pytest.raises(InputError, match="4 axes"):
        converted(inputs[0])
    with pytest.raises(InputError, match=r"\[sample, \.\.\., input\]"):
        convert(_sequence(), torch.rand(3, 4))(torch.rand(4))


@pytest.mark.parametrize("mode", [True, False])
def test_a_batch_of_no_samples_gives_no_outputs(mode):
    module, inputs = small()
    converted = convert(module, inputs)
    converted.norm.eval()
    for network in (converted.ideal(), converted.on(Die())):
        network.train(mode).norm.eval()
        layer = network.last.train(mode)
        assert layer(torch.zeros(0, 28)).shape == (0, 3)


def test_nothing_that_is_not_finite_is_read():
    converted = convert(_sequence(), torch.rand(3, 4)).on(Die()).eval()
    with pytest.raises(InputError, match="finite"):
        converted(torch.full((2, 4), torch.nan))


def test_weights_that_are_loaded_are_in_the_circuits_at_once():
    torch.manual_seed(0)
    inputs = torch.rand(5, 12)
    one, other = (convert(nn.Sequential(nn.Linear(12, 4)), inputs) for _ in range(2))
    one.on(Die()).train()
    other.on(Die()).train()
    wanted = one(inputs)
    state = {name: values.clone() for name, values in one.state_dict().items()}
    other.load_state_dict(state)
    assert torch.allclose(other(inputs), wanted, rtol=1e-3, atol=1e-4)


def test_a_card_of_one_column_holds_no_weight():
    card = load_card("die20k")
    narrow = card.circuit.replace(crossbar=card.circuit.crossbar.replace(columns=1))
    with pytest.raises(CapacityError, match="pair of columns"):
        convert(_sequence(), torch.rand(3, 4), card.replace(circuit=narrow))
