import numpy as np
import pytest
import torch
from unit.builders import network
from unit.tiled import study, written

from mtjspice.data.network import Layer, check_layers, key_of, pair_states
from mtjspice.errors import InputError
from mtjspice.train.tiles import placement_of


def test_a_weight_is_a_pair_of_junctions():
    states = pair_states(np.array([[1, 0], [-1, 1]], dtype=np.int8))
    assert states.tolist() == [[0, 1, 1, 1], [1, 0, 0, 1]]


def test_weights_are_read_back_from_the_pairs():
    weights = [[1, 0], [-1, 1]]
    assert network((weights, [0, 0])).layers[0].weights.tolist() == weights


def test_two_junctions_in_the_same_state_are_a_weight_of_zero():
    layer = network(([[0]], [0])).layers[0]
    both_p = Layer.on_paper(np.zeros((1, 2), dtype=np.uint8), layer.bias, 0)
    assert both_p.weights.tolist() == layer.weights.tolist() == [[0]]


@pytest.mark.parametrize("groups", [(1, 2), (3, 4)])
@pytest.mark.parametrize("copies", [(1, 1), (2, 3)])
def test_weights_on_many_tiles_are_those_that_training_sees_there(groups, copies):
    """The layout of `Placement`, which is written for torch, is the reference."""
    of = study(network={"hidden": (41,), "groups": groups, "copies": copies},
               hardware={"tiles": 40})  # fmt: skip
    for layer in written(of, features=25, classes=7).layers:
        placement = placement_of(layer)
        theirs = placement.weights(torch.from_numpy(layer.states)).flatten(0, 1)
        assert layer.cells.shape == (layer.inputs, 2 * placement.lines)
        assert layer.weights.tolist() == theirs[: layer.inputs].tolist()


def test_a_network_of_no_training_for_dies_says_so():
    made = network(([[1]], [0]), ([[1]], [0]))
    assert (made.activation, made.tiles, made.dies, made.method) == ("tanh", 2, 1, "ideal")
    with pytest.raises(InputError, match=r"weights of n: study: is missing.*`mtjspice train`"):
        _ = made.training


def test_a_key_of_layers_changes_with_what_they_are():
    made = network(([[1], [-1]], [0.5])).layers
    others = [network(([[1], [0]], [0.5])), network(([[1], [-1]], [0.25])), network(([[1]], [0.5]))]
    assert len({key_of(made), *(key_of(other.layers) for other in others)}) == 4


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
