"""Weights onto tiles."""

import numpy as np

from mtjspice.data.network import Layer, Network
from mtjspice.errors import CapacityError
from mtjspice.spec.crossbar import Crossbar
from mtjspice.spec.tile import ProgrammedTile


def place_network(network: Network, crossbar: Crossbar) -> tuple[ProgrammedTile, ...]:
    """One tile a layer: inputs on the first rows, pairs of columns from the left.

    Junctions that the layer does not need are AP, where they draw the least current.

    Raises:
        CapacityError: if a layer does not fit, with the lines that it needs.
    """
    return tuple(
        place_layer(layer, crossbar, index, network.name)
        for index, layer in enumerate(network.layers)
    )


def place_layer(layer: Layer, crossbar: Crossbar, index: int, name: str) -> ProgrammedTile:
    """One layer on one tile; as `place_network`."""
    inputs, columns = layer.states.shape
    if inputs > crossbar.rows or columns > crossbar.columns:
        raise CapacityError(
            source=name,
            key="crossbar",
            value=list(crossbar.shape),
            allowed=f"layer {index + 1} needs {inputs} rows and {columns} columns "
            f"(two for each of {columns // 2} outputs); "
            f"the tile has {crossbar.rows} rows and {crossbar.columns} columns",
        )
    states = np.ones(crossbar.shape, dtype=np.uint8)
    states[:inputs, :columns] = layer.states
    return ProgrammedTile(states=states, index=index)
