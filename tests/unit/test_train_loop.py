import numpy as np
import pytest
import torch

from mtjspice.data.samples import Samples
from mtjspice.data.wine import load_wine
from mtjspice.networks.levels import ideal_outputs
from mtjspice.spec import PopulationNetwork, TrainedNetwork, WineData
from mtjspice.study.metrics import accuracy
from mtjspice.train.loop import THRESHOLD, _descend, forward, ternary, train_networks

QUICK = TrainedNetwork(epochs=150, restarts=4)


@pytest.fixture(scope="module")
def wine() -> Samples:
    return load_wine(WineData(), seed=1)


def train_network(*arguments, **more):
    (network,) = train_networks(*arguments, key="k", **more)
    return network


def same(one, other) -> bool:
    pairs = zip(one.layers, other.layers, strict=True)
    return all((a.states == b.states).all() and (a.bias == b.bias).all() for a, b in pairs)


def test_a_latent_weight_becomes_the_nearest_of_three():
    latent = torch.tensor([-1.0, -0.51, -0.49, -0.0, 0.0, 0.3, THRESHOLD, 1.0])
    assert ternary(latent).tolist() == [-1, -1, 0, 0, 0, 0, 1, 1]


def test_latent_weights_stay_between_minus_one_and_one(wine):
    inputs, labels = (torch.from_numpy(x[wine.train]) for x in (wine.inputs, wine.labels))
    fast = QUICK.replace(epochs=20, learning_rate=0.5)
    latent, _, _ = _descend(fast, 2, (inputs.shape[1], 3), inputs, labels, 1, None)
    # At this rate most of them would be far outside; at the border they are at ±1 itself.
    assert all(float(w.abs().max()) == 1.0 for w in latent)


def test_the_forward_pass_of_training_is_that_of_the_ideal_level(wine):
    network = train_network(QUICK.replace(epochs=3), wine, seed=1)
    weights = [torch.from_numpy(layer.weights.astype(float))[None] for layer in network.layers]
    biases = [torch.from_numpy(layer.bias)[None, None] for layer in network.layers]
    trained = forward(weights, biases, torch.from_numpy(wine.inputs)).numpy()
    assert trained == pytest.approx(ideal_outputs(network, wine.inputs, [1.0]), rel=1e-12)


def test_the_default_training_learns_wine(wine):
    network = train_network(TrainedNetwork(), wine, seed=1)
    right = accuracy(
        ideal_outputs(network, wine.inputs[wine.train], [1.0]), wine.labels[wine.train]
    )
    assert right[0] >= 0.95


def test_the_same_seed_gives_the_same_network(wine):
    assert same(*(train_network(QUICK, wine, seed=7) for _ in range(2)))


def test_another_seed_gives_another_network(wine):
    one, other = (train_network(QUICK, wine, seed=s) for s in (7, 8))
    assert not same(one, other)


def test_the_network_has_the_layers_that_were_asked_for(wine):
    network = train_network(QUICK.replace(epochs=1, hidden=(5, 4)), wine, seed=1)
    assert [layer.weights.shape for layer in network.layers] == [(13, 5), (5, 4), (4, 3)]
    assert [layer.bias.shape for layer in network.layers] == [(5,), (4,), (3,)]


def test_the_test_samples_are_not_seen(wine):
    rng = np.random.default_rng(1)
    inputs = np.where(wine.train[:, None], wine.inputs, rng.uniform(size=wine.inputs.shape))
    other = Samples(inputs, wine.labels, wine.train, wine.classes, wine.source)
    spec = QUICK.replace(epochs=20)
    assert same(train_network(spec, wine, seed=1), train_network(spec, other, seed=1))


def test_of_several_starts_the_best_is_kept(wine):
    def loss(restarts):
        network = train_network(QUICK.replace(epochs=20, restarts=restarts), wine, seed=1)
        outputs = ideal_outputs(network, wine.inputs[wine.train], [1.0])[0]
        labels = torch.from_numpy(wine.labels[wine.train])
        return torch.nn.functional.cross_entropy(torch.from_numpy(outputs), labels).item()

    assert loss(16) <= min(loss(1), loss(4))


def stop(done, total):
    raise InterruptedError


@pytest.mark.parametrize("progress", [None, stop])
def test_the_thread_count_of_torch_is_restored(wine, progress):
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        train_network(QUICK.replace(epochs=2), wine, seed=1, progress=progress)
    except InterruptedError:
        assert progress is stop
    after = torch.get_num_threads()
    torch.set_num_threads(before)
    assert after == 2


def test_the_global_random_state_of_torch_is_left_alone(wine):
    before = torch.get_rng_state()
    train_network(QUICK.replace(epochs=2), wine, seed=1)
    assert torch.equal(torch.get_rng_state(), before)


def test_progress_is_told_after_every_epoch(wine):
    told = []
    train_network(QUICK.replace(epochs=4), wine, seed=1, progress=lambda *step: told.append(step))
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


POPULATION = PopulationNetwork(epochs=20, count=5)


def test_a_population_is_the_restarts_of_one_network_all_kept(wine):
    many = train_networks(POPULATION, wine, 7, "k")
    assert [network.name for network in many] == [f"network {n}" for n in range(1, 6)]
    (best,) = train_networks(TrainedNetwork(epochs=20, restarts=5), wine, 7, "k")
    assert sum(same(best, network) for network in many) == 1


def test_the_networks_of_a_population_differ(wine):
    many = train_networks(POPULATION, wine, 7, "k")
    assert len({b"".join(x.weights.tobytes() for x in n.layers) for n in many}) == 5
