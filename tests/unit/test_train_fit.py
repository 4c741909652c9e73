"""Training of small networks on the small digits."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from unit.tiled import HEAVY, NO_DEFECTS, digits, study, surrogate

from mtjspice.data.weights import save_weights
from mtjspice.device.dies import draw_die, draw_dies
from mtjspice.errors import InputError
from mtjspice.spec.training import TrainingStudy
from mtjspice.train import fit
from mtjspice.train.checkpoint import load_checkpoint
from mtjspice.train.fit import Session, train, training_key
from mtjspice.train.hardware import error_of, in_software, on_dies, tensors
from mtjspice.train.plan import used_features

DATA = digits()
METHODS = ["ideal", "hardware-aware", "statistics-aware"]
EACH_METHOD = pytest.mark.parametrize("method", METHODS)
SURROGATE = surrogate()
SHAPE = (25, 25)


@pytest.fixture(autouse=True)
def few_steps(monkeypatch):
    """Small data have few steps: solve circuits anew the sooner."""
    monkeypatch.setattr(fit, "ROUND", 30)


class KilledError(Exception):
    """Stands for a kill."""


def dies_of(of: TrainingStudy, seed: int = 3, rates=None, count: int = 1):
    """Dies with the defects of a study, as many as its network spans, `count` times."""
    hardware = of.hardware
    drawn = draw_dies(
        hardware.spread, rates or hardware.rates, SHAPE, hardware.tiles, count * hardware.dies, seed
    )
    return [drawn[k : k + hardware.dies] for k in range(0, len(drawn), hardware.dies)]


def trained(of: TrainingStudy, **given):
    if of.training.method == "hardware-aware" and "dies" not in given:
        given["dies"] = dies_of(of)[0]
    return train(of, DATA, SURROGATE, **given)


def error(weights, dies) -> float:
    inputs, labels = tensors(DATA, ~DATA.train)
    return error_of(on_dies(weights, SURROGATE, dies), inputs, labels)


def content(weights, folder) -> dict[str, bytes]:
    """The bytes that weights are saved in."""
    save_weights(folder, weights, {})
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def short_study(method: str = "ideal", seed: int = 1, **training) -> TrainingStudy:
    return study(method, seed, training=training | {"epochs": 2})


@EACH_METHOD
@pytest.mark.parametrize("weights", ["binary", "ternary"])
def test_training_learns(method, weights):
    of = study(method, network={"weights": weights}, hardware={"rates": NO_DEFECTS})
    seen = []
    got = trained(of, progress=lambda done, asked: seen.append((done, asked)))
    assert seen == [(k, 6) for k in range(1, 7)]
    assert len(got.loss) == 6
    assert got.loss[-1] < 0.5 * got.loss[0]
    assert error(got, dies_of(of)[0]) < 0.4  # guessing has 0.9
    for layer in got.layers:
        assert layer.unit > 0
        assert layer.g_norm > 0


@EACH_METHOD
def test_latent_weights_stay_between_minus_one_and_one(method):
    of = short_study(method, learning_rate=0.5)
    dies = dies_of(of)[0] if method == "hardware-aware" else ()
    session = Session(of, DATA, SURROGATE, dies)
    session.run(None)
    # At this rate most of them would be far outside; at the border they are at ±1 itself.
    assert all(float(w.detach().abs().max()) == 1.0 for w in session.model.latent)


def test_networks_with_sign_learn():
    of = study(network={"activation": "sign"}, training={"epochs": 6})
    got = trained(of)
    assert got.loss[-1] < 0.7 * got.loss[0]
    inputs, labels = tensors(DATA, ~DATA.train)
    assert float((in_software(got, inputs).argmax(-1) != labels).float().mean()) < 0.5


@pytest.mark.parametrize("weights", ["binary", "ternary"])
def test_the_weights_that_are_written_are_those_that_were_trained(weights):
    """Through nominal tiles a network does what it does in software, up to wires and rounding."""
    of = study("ideal", network={"weights": weights})
    got = trained(of)
    inputs, labels = tensors(DATA, DATA.train)
    wrong = float((in_software(got, inputs).argmax(-1) != labels).float().mean())
    assert wrong < 0.3
    there = on_dies(got, SURROGATE, [of.hardware.nominal])
    same = there.outputs(inputs).argmax(-1) == in_software(got, inputs).argmax(-1)
    assert float(same.float().mean()) > 0.9
    if weights == "binary":  # a 0 would be two AP junctions: none where an input is
        first = got.layers[0]
        assert (first.states[0][:20, 0:20:2] + first.states[0][:20, 1:20:2] == 1).all()


@EACH_METHOD
def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(method, tmp_path):
    of = short_study(method)
    one = content(trained(of), tmp_path / "one")
    assert content(trained(of), tmp_path / "same") == one
    other = content(trained(of.replace(seed=2)), tmp_path / "other")
    assert other["tiles.safetensors"] != one["tiles.safetensors"]


def test_training_leaves_the_global_state_of_torch_alone(tmp_path):
    of, threads = short_study("statistics-aware"), torch.get_num_threads()
    torch.manual_seed(1)
    before = torch.get_rng_state()
    one = content(trained(of), tmp_path / "one")
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    np.random.seed(3)  # noqa: NPY002, what others may do to it
    assert content(trained(of), tmp_path / "same") == one
    assert torch.get_num_threads() == threads


@EACH_METHOD
@pytest.mark.parametrize("epochs", [1, 5])
def test_a_killed_training_goes_on_to_the_same_bytes(method, epochs, tmp_path):
    of = study(method, training={"epochs": 6}, hardware={"rates": HEAVY})
    whole = content(trained(of), tmp_path / "whole")
    path = tmp_path / "checkpoint"

    def killed(done, _):
        if done == epochs:
            raise KilledError

    with pytest.raises(KilledError):
        trained(of, checkpoint=path, progress=killed)
    seen = []
    again = trained(of, checkpoint=path, progress=lambda done, _: seen.append(done))
    assert content(again, tmp_path / "again") == whole
    if epochs > 3:
        assert seen[0] > 1, "it began anew"
    assert seen == list(range(seen[0], 7))
    assert [p.name for p in tmp_path.iterdir() if p.name.endswith(".part")] == []


def stopped(of: TrainingStudy, path, epochs: int = 4) -> None:
    """Leave the checkpoint of a training that was killed."""

    def killed(done, _):
        if done == epochs:
            raise KilledError

    with pytest.raises(KilledError):
        trained(of, checkpoint=path, progress=killed)
    assert load_checkpoint(path) is not None


def test_a_checkpoint_that_cannot_be_written_is_an_error_before_any_work(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="is not a folder"):
        trained(study(), checkpoint=tmp_path / "file" / "checkpoint",
                progress=lambda *_: pytest.fail("it has trained"))  # fmt: skip


def test_a_diverging_loss_stops_with_an_error():
    with pytest.raises(InputError, match=r"the loss diverged in epoch \d") as caught:
        trained(study(training={"learning_rate": 1e3}))
    assert caught.value.exit_code == 2
    assert caught.value.key == "training.learning_rate"
    assert "no state was kept" in str(caught.value)


@pytest.mark.parametrize("what", ["loss", "weights"])
def test_the_last_good_state_is_kept_when_the_loss_diverges(what, tmp_path, monkeypatch):
    of, path = study(training={"epochs": 6}), tmp_path / "checkpoint"
    stopped(of, path)
    good, state = path.read_bytes(), load_checkpoint(path)
    epoch = fit.Session.epoch

    def spoilt(session, number, *given):
        loss = epoch(session, number, *given)
        if number < 5:
            return loss
        if what == "loss":
            return float("nan")
        with torch.no_grad():  # by the last step, after its loss was seen
            session.model.gain[0].fill_(float("nan"))
        return loss

    monkeypatch.setattr(fit.Session, "epoch", spoilt)
    with pytest.raises(InputError, match="diverged") as caught:
        trained(of, checkpoint=path)
    assert f"the state after epoch {len(state.loss)} is kept in {path}" in str(caught.value)
    assert path.read_bytes() == good


def test_a_checkpoint_of_another_study_is_not_called_the_last_good_one(tmp_path):
    path = tmp_path / "checkpoint"
    stopped(study(training={"epochs": 6}), path)
    with pytest.raises(InputError, match="diverged") as caught:
        trained(study(training={"learning_rate": 1e3}), checkpoint=path)
    assert "is kept" not in str(caught.value)


def test_the_key_names_all_that_determines_the_weights():
    of = study("hardware-aware", hardware={"rates": HEAVY})
    one, two = dies_of(of)[0], dies_of(of, seed=4)[0]
    start = trained(short_study())
    fewer = replace(DATA, inputs=DATA.inputs[:-1], labels=DATA.labels[:-1], train=DATA.train[:-1])
    other = replace(DATA, inputs=DATA.inputs[:, ::-1].copy())
    resplit = replace(DATA, train=~DATA.train)
    keys = [
        training_key(of, DATA, SURROGATE, one),
        training_key(of, DATA, SURROGATE, two),
        training_key(of, DATA, SURROGATE),
        training_key(of.replace(seed=9), DATA, SURROGATE, one),
        training_key(of, fewer, SURROGATE, one),
        training_key(of, other, SURROGATE, one),
        training_key(of, resplit, SURROGATE, one),
        training_key(of, DATA, SURROGATE, one, start),
    ]
    assert len(set(keys)) == len(keys)
    assert keys[0] == training_key(of, DATA, surrogate("full"), one)


def test_training_for_a_die_beats_ideal_weights_on_it():
    unaware, aware = [], []
    ideal = trained(study("ideal", training={"epochs": 6}))
    of = study("hardware-aware", hardware={"rates": HEAVY}, training={"epochs": 6})
    for dies in dies_of(of, count=2):
        unaware.append(error(replace(ideal), dies))
        aware.append(error(trained(of, dies=dies), dies))
    assert np.mean(aware) < np.mean(unaware) - 0.05
    assert np.max(aware) < 0.5


def test_training_for_the_statistics_beats_ideal_weights_on_new_dies():
    rates = HEAVY
    ideal = trained(study("ideal", training={"epochs": 6}))
    of = study("statistics-aware", hardware={"rates": rates}, training={"epochs": 12})
    aware = trained(of)
    dies = dies_of(of, seed=77, count=10)
    unaware, better = (np.mean([error(w, some) for some in dies]) for w in (ideal, aware))
    assert better < unaware - 0.02


def test_a_network_of_four_layers_over_two_dies_learns():
    of = study(
        "statistics-aware",
        network={"hidden": (24, 24, 24), "inputs": 40},
        hardware={"tiles": 5, "dies": 2},
        training={"epochs": 8},
    )
    got = trained(of)
    assert [layer.first for layer in got.layers] == [0, 4, 6, 8]
    assert got.loss[-1] < 0.8 * got.loss[0]
    nominal = [of.hardware.nominal] * 2
    assert error(got, nominal) < 0.6
    with pytest.raises(InputError, match="spans 2 dies"):
        error(got, nominal[:1])


@EACH_METHOD
@pytest.mark.parametrize(
    "network",
    [
        {"groups": (4, 1), "copies": (1, 3)},
        {"outlier": (6.0, 6.0)},
        {"groups": (3, 2), "copies": (2, 2), "outlier": (6.0, 0.0), "weights": "binary"},
    ],
    ids=["copies", "outliers", "all"],
)
def test_copies_and_outliers_train_and_are_written(method, network):
    of = study(method, network=network, hardware={"tiles": 16, "rates": HEAVY})
    got = trained(of)
    assert got.loss[-1] < got.loss[0]
    for layer, copies, outlier in zip(
        got.layers, network.get("copies", (1, 1)), network.get("outlier", (0.0, 0.0)), strict=True
    ):
        assert layer.copies == copies
        assert len(layer.states) == layer.groups * -(-layer.outputs * copies // 12)
        assert layer.outlier == outlier
    assert error(got, [of.hardware.nominal]) < 0.75


def test_training_goes_on_from_trained_weights():
    first = trained(study(training={"epochs": 6}))
    of = short_study("statistics-aware")
    again = trained(of, start=first)
    assert again.loss[0] < trained(of).loss[0] - 0.1
    assert again.key != first.key


def test_the_features_that_vary_most_are_used():
    of = study(network={"inputs": 7})
    used = used_features(of, DATA, 1)
    variance = DATA.inputs[DATA.train].var(axis=0)
    assert list(used) == sorted(used)
    assert set(used) == set(np.argsort(-variance)[:7].tolist())
    assert trained(of).features == used
    assert used_features(study(network={"inputs": None}), DATA, 1) == tuple(range(64))


@pytest.mark.parametrize("groups", [2, 3, 5, 7])
def test_features_are_dealt_to_groups_as_cards_are(groups):
    of = study(network={"inputs": 33})
    plain, used = used_features(of, DATA, 1), used_features(of, DATA, groups)
    hands = [plain[k::groups] for k in range(groups)]
    assert used == tuple(feature for hand in hands for feature in hand)
    assert set(used) == set(plain)


def test_a_network_in_several_groups_reads_the_features_dealt_to_them():
    got = trained(study(network={"hidden": (12,), "inputs": 50, "groups": (5, 1)},
                        training={"epochs": 1}))  # fmt: skip
    of = got.study
    assert got.features == used_features(of, DATA, 5)
    # Neighbours of the features in use never share a group of ten rows.
    order = {feature: k for k, feature in enumerate(sorted(got.features))}
    for hand in (got.features[k : k + 10] for k in range(0, 50, 10)):
        ranks = [order[feature] for feature in hand]
        assert (np.diff(ranks) == 5).all()


def test_a_training_of_few_samples_has_so_many_epochs_as_its_steps_need():
    of = study(training={"batch": 64, "epochs": 2, "steps": 22})  # 449 samples are 7 steps
    assert len(trained(of).loss) == 4
    assert len(trained(of.replace(training=of.training.replace(epochs=5))).loss) == 5


def test_pools_are_drawn_for_training_for_the_statistics_alone():
    for method in METHODS:
        of = study(method, hardware={"rates": HEAVY})
        session = Session(of, DATA, SURROGATE, dies_of(of)[0])
        pools = session.prepared()
        assert len(pools) == (2 if method == "statistics-aware" else 0)
        for pool, placement in zip(pools, session.placements, strict=False):
            assert pool.added.shape == pool.kept.shape == (fit.DRAWS, *placement.shape)
        first = session.epoch(0, pools)
        assert session.epoch(1, pools) < first


def test_more_dies_in_a_batch_than_in_a_pool_are_drawn():
    some = ~DATA.train | (np.cumsum(DATA.train) <= 300)
    few = replace(DATA, inputs=DATA.inputs[some], labels=DATA.labels[some], train=DATA.train[some])
    of = study("statistics-aware", training={"batch": 300, "dies": 300, "epochs": 2})
    assert len(train(of, few, SURROGATE).loss) == 2


def test_a_batch_that_the_dies_do_not_divide_is_refused():
    with pytest.raises(ValueError, match=r"batch \(10\) must be a multiple of dies \(4\)"):
        study("statistics-aware", training={"batch": 10, "dies": 4})
    study("ideal", training={"batch": 10, "dies": 4})


def test_one_draw_of_a_die_is_the_same_for_training_and_judging():
    of = study("hardware-aware", hardware={"rates": HEAVY})
    again = draw_die(of.hardware.spread, HEAVY, SHAPE, of.hardware.tiles, 3)
    assert dies_of(of)[0][0] == again
