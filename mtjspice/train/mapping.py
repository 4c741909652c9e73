"""Networks of one tile a layer onto an array."""

from dataclasses import replace

import numpy as np

from mtjspice.data.network import Layer, Network
from mtjspice.errors import CapacityError
from mtjspice.spec.crossbar import Crossbar
from mtjspice.spec.tile import ProgrammedTile


def place_network(network: Network, crossbar: Crossbar) -> Network:
    """One tile a layer: inputs on the first rows, pairs of columns from the left.

    Junctions that the layer does not need are AP, where they draw the least current. A weight
    counts as the conductance of its junctions: G_norm is in units of G_P − G_AP.

    Raises:
        CapacityError: if a layer does not fit, with the lines that it needs.
    """
    return replace(
        network,
        layers=tuple(
            place_layer(layer, crossbar, index, network.name)
            for index, layer in enumerate(network.layers)
        ),
    )


def tiles_of(network: Network) -> tuple[ProgrammedTile, ...]:
    """The tiles of a network that has been placed, as they are to be written."""
    return tuple(ProgrammedTile(states=x.states[0], index=x.first) for x in network.layers)


def place_layer(layer: Layer, crossbar: Crossbar, index: int, name: str) -> Layer:
    """One layer on one tile.

    Args:
        layer: of the network.
        crossbar: the tile's array.
        index: of the layer, which is that of its tile.
        name: of the network, for messages.

    Raises:
        CapacityError: if it does not fit, with the lines that it needs.
    """
    inputs, columns = layer.cells.shape
    if inputs > crossbar.rows or columns > crossbar.columns:
        raise CapacityError(
            source=name,
            key="crossbar",
            value=list(crossbar.shape),
            allowed=f"layer {index + 1} needs {inputs} rows and {columns} columns "
            f"(two for each of {columns // 2} outputs); "
            f"the tile has {crossbar.rows} rows and {crossbar.columns} columns",
        )
    states = np.ones((1, *crossbar.shape), dtype=np.uint8)
    states[0, :inputs, :columns] = layer.cells
    unit = crossbar.cell.mtj.delta_g
    return replace(
        layer,
        states=states,
        groups=1,
        first=index,
        unit=unit,
        g_norm=unit * layer.g_norm / layer.unit,
    )
