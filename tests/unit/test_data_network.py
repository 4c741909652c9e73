import hashlib
import json
import os

import numpy as np
import pytest
from unit.builders import network

from mtjspice.data.network import FORMAT, check_layers, load_networks, pair_states, save_networks
from mtjspice.errors import InputError

SOUND = {
    "format": FORMAT,
    "key": "k",
    "networks": [{"name": "n", "layers": [{"states": ["PA", "AP"], "bias": [0.5]}]}],
}


def written(content: dict) -> str:
    """A file of somebody who knows how they are made."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return json.dumps(content | {"checksum": hashlib.sha256(text.encode()).hexdigest()})


LAYER = SOUND["networks"][0]["layers"][0]


def test_a_weight_is_a_pair_of_junctions():
    states = pair_states(np.array([[1, 0], [-1, 1]], dtype=np.int8))
    assert states.tolist() == [[0, 1, 1, 1], [1, 0, 0, 1]]


def test_weights_are_read_back_from_the_pairs():
    weights = [[1, 0], [-1, 1]]
    assert network((weights, [0, 0])).layers[0].weights.tolist() == weights


def test_two_junctions_in_the_same_state_are_a_weight_of_zero():
    layer = network(([[0]], [0])).layers[0]
    both_p = type(layer)(states=np.zeros((1, 2), dtype=np.uint8), bias=layer.bias)
    assert both_p.weights.tolist() == layer.weights.tolist() == [[0]]


def test_a_network_that_is_saved_loads_equal(tmp_path):
    saved = network(([[1, 0], [-1, 1]], [0.1, 1 / 3]), ([[1], [-1]], [-2.5e-7]), name="trained µ")
    save_networks([saved], tmp_path / "n.json", key="abc")
    (loaded,), key = load_networks(tmp_path / "n.json")
    assert key == "abc"
    assert loaded.name == saved.name
    for one, other in zip(loaded.layers, saved.layers, strict=True):
        assert one.states.dtype == np.uint8
        assert (one.states == other.states).all()
        assert (one.bias == other.bias).all()


def test_the_sound_file_of_these_tests_loads(tmp_path):
    (tmp_path / "n.json").write_text(written(SOUND))
    assert load_networks(tmp_path / "n.json")[0][0].layers[0].weights.tolist() == [[1], [-1]]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"{",
        b"[]",
        b"{}",
        b"3",
        json.dumps(SOUND).encode()[:-5],
        *(
            written(SOUND | change).encode()
            for change in (
                {"format": "mtjspice networks 1"},
                {"format": ["mtjspice networks 2"]},
                {"networks": []},
                {"networks": 3},
                {"key": 3},
                {"key": "k" * 65},
                {"more": 1},
            )
        ),
        *(
            written(SOUND | {"networks": [SOUND["networks"][0] | change]}).encode()
            for change in (
                {"layers": []},
                {"layers": None},
                {"layers": [3]},
                {"layers": [{"states": ["PA"]}]},
                {"layers": [{"states": ["PA", "A"], "bias": [0]}]},
                {"layers": [{"states": ["PX"], "bias": [0]}]},
                {"layers": [{"states": [], "bias": []}]},
                {"layers": [{"states": ["PA"], "bias": [0, 1]}]},
                {"layers": [{"states": ["PA"], "bias": 0.5}]},
                {"layers": [{"states": ["PA"], "bias": ["a"]}]},
                {"layers": [{"states": ["PA"], "bias": [float("nan")]}]},
                {"layers": [LAYER, {"states": ["PA"] * 3, "bias": [0]}]},
                {"layers": [LAYER | {"states": [["PA", "AP"]]}]},
                {"layers": [LAYER | {"states": "PA"}]},
                {"layers": [LAYER | {"bias": ["0.5"]}]},
                {"layers": [LAYER | {"bias": [True]}]},
                {"layers": [LAYER | {"bias": [1e300]}]},
                {"layers": [LAYER | {"bias": [10**400]}]},
                {"layers": [LAYER | {"more": 1}]},
                {"more": 1},
                {"name": "../../x"},
                {"name": "<script>"},
                {"name": 3},
            )
        ),
    ],
)
def test_a_file_that_holds_no_network_is_refused(tmp_path, content):
    path = tmp_path / "n.json"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        load_networks(path)
    assert caught.value.source == str(path)


@pytest.mark.parametrize(
    "change",
    [
        lambda c: c.update(key="other"),
        lambda c: c["networks"][0].update(name="other"),
        lambda c: c["networks"][0]["layers"][0]["states"].reverse(),
        lambda c: c["networks"][0]["layers"][0].update(bias=[0.25, 0.5]),
        lambda c: c.pop("checksum"),
    ],
)
def test_a_file_that_was_changed_is_refused(tmp_path, change):
    path = tmp_path / "n.json"
    save_networks([network(([[1, 0], [-1, 1]], [0.1, 1 / 3]))], path, key="abc")
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match="checksum"):
        load_networks(path)


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_file_is_refused_at_once(tmp_path, make):
    make(tmp_path / "n.json")
    with pytest.raises(InputError, match="not a file"):
        load_networks(tmp_path / "n.json")


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        load_networks(tmp_path / "n.json")


def test_layers_that_fit_are_accepted():
    made = network(([[1, 0], [0, 1], [1, 1]], [0, 0]), ([[1], [0]], [0]))
    check_layers(made.layers, 3, 1, "here")


@pytest.mark.parametrize(("inputs", "outputs", "key"), [(4, 1, "layer 1"), (3, 2, "last layer")])
def test_layers_that_do_not_fit_the_data_are_named(inputs, outputs, key):
    made = network(([[1, 0], [0, 1], [1, 1]], [0, 0]), ([[1], [0]], [0]))
    with pytest.raises(InputError) as caught:
        check_layers(made.layers, inputs, outputs, "here")
    assert caught.value.key == key


def test_layers_that_do_not_fit_each_other_are_named():
    made = network(([[1, 0], [0, 1], [1, 1]], [0, 0]), ([[1], [0], [1]], [0]))
    with pytest.raises(InputError, match=r"layer 2 = .*must have 2 rows"):
        check_layers(made.layers, 3, 1, "here")
