import numpy as np
import pytest
from unit.builders import network

from mtjspice.errors import CapacityError
from mtjspice.spec import Crossbar
from mtjspice.train.mapping import place_layer, place_network, tiles_of

TWO_LAYERS = network(([[1, 0], [-1, 1], [0, 0]], [0, 0]), ([[1], [-1]], [0]), name="net")


def test_inputs_lie_on_the_first_rows_and_pairs_on_columns_from_the_left():
    layer = place_layer(TWO_LAYERS.layers[0], Crossbar(rows=4, columns=6), 0, "net")
    assert layer.states.shape == (1, 4, 6)
    assert layer.states[0, :3, :4].tolist() == [[0, 1, 1, 1], [1, 0, 0, 1], [1, 1, 1, 1]]


def test_junctions_that_are_not_needed_are_ap():
    layer = place_layer(TWO_LAYERS.layers[0], Crossbar(rows=4, columns=6), 0, "net")
    assert (layer.states[0, 3:] == 1).all()
    assert (layer.states[0, :, 4:] == 1).all()


def test_every_layer_has_a_tile_of_its_own():
    tiles = tiles_of(place_network(TWO_LAYERS, Crossbar(rows=3, columns=4)))
    assert [tile.index for tile in tiles] == [0, 1]
    assert tiles[1].states[:2, :2].tolist() == [[0, 1], [1, 0]]


def test_a_layer_may_fill_its_tile():
    layer = place_layer(TWO_LAYERS.layers[0], Crossbar(rows=3, columns=4), 0, "net")
    assert (layer.states == TWO_LAYERS.layers[0].states).all()


@pytest.mark.parametrize(("rows", "columns"), [(2, 4), (3, 3), (1, 1)])
def test_a_tile_that_is_too_small_is_refused_with_the_lines_needed_and_there(rows, columns):
    with pytest.raises(CapacityError) as caught:
        place_network(TWO_LAYERS, Crossbar(rows=rows, columns=columns))
    message = str(caught.value)
    assert "net: crossbar" in message
    assert "layer 1 needs 3 rows and 4 columns" in message
    assert f"the tile has {rows} rows and {columns} columns" in message


def test_the_layer_that_does_not_fit_is_named():
    wide = network(([[1]], [0]), ([[1, 1, 1]], [0, 0, 0]))
    with pytest.raises(CapacityError, match="layer 2 needs 1 rows and 6 columns"):
        place_network(wide, Crossbar(rows=1, columns=2))


def test_placing_does_not_change_the_network():
    before = TWO_LAYERS.layers[0].states.copy()
    place_network(TWO_LAYERS, Crossbar(rows=9, columns=9))
    assert np.array_equal(TWO_LAYERS.layers[0].states, before)


def test_a_network_on_an_array_says_the_same_of_itself_and_counts_in_siemens():
    crossbar = Crossbar(rows=9, columns=9)
    placed = place_network(TWO_LAYERS, crossbar)
    for layer, before in zip(placed.layers, TWO_LAYERS.layers, strict=True):
        assert np.array_equal(layer.cells, before.cells)
        assert layer.unit == layer.g_norm == crossbar.cell.mtj.delta_g
        assert (before.unit, before.g_norm) == (1.0, 1.0)
    again = place_network(placed.tuned(0.5), crossbar)  # placing twice changes nothing
    assert [layer.g_norm / layer.unit for layer in again.layers] == [0.5, 0.5]
