"""Networks as they are written into arrays: junction states and biases. And their file."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mtjspice.data.files import write_text
from mtjspice.errors import InputError
from mtjspice.reading import read_json

FORMAT = "mtjspice networks 1"


@dataclass(frozen=True)
class Layer:
    """One fully connected layer.

    Attributes:
        states: uint8 [input, 2·output], 0 is P, 1 is AP; output j is the pair of columns 2j (+)
            and 2j + 1 (−).
        bias: float64 [output], added in software.
    """

    states: npt.NDArray[np.uint8]
    bias: npt.NDArray[np.float64]

    @property
    def weights(self) -> npt.NDArray[np.int8]:
        """int8 [input, output] in {−1, 0, 1}: + minus −, in units of G_P − G_AP."""
        states = self.states.astype(np.int8)
        return states[:, 1::2] - states[:, 0::2]


@dataclass(frozen=True)
class Network:
    """Fully connected layers with tanh between them; the class is the largest last output.

    Attributes:
        name: tells networks of one study apart.
        layers: from input to output.
    """

    name: str
    layers: tuple[Layer, ...]


def pair_states(weights: npt.NDArray[np.int8]) -> npt.NDArray[np.uint8]:
    """Junction states of ternary weights [input, output]; a weight of 0 is AP on both sides.

    AP, not P: both give the same difference, and AP draws less current through the wires.
    """
    inputs, outputs = weights.shape
    states = np.ones((inputs, 2 * outputs), dtype=np.uint8)
    states[:, 0::2][weights > 0] = 0
    states[:, 1::2][weights < 0] = 0
    return states


def check_layers(layers: tuple[Layer, ...], inputs: int, outputs: int, source: str | Path) -> None:
    """See that layers fit each other and the data.

    Raises:
        InputError: naming the layer.
    """
    width = inputs
    for i, layer in enumerate(layers):
        rows, columns = layer.states.shape
        if rows != width or columns != 2 * layer.bias.size:
            raise InputError(
                source=source,
                key=f"layer {i + 1}",
                value=[rows, columns, layer.bias.size],
                allowed=f"must have {width} rows and two columns for each bias",
            )
        width = layer.bias.size
    if width != outputs:
        raise InputError(
            source=source, key="last layer", value=width, allowed=f"must have {outputs} outputs"
        )


def save_networks(networks: Sequence[Network], path: Path, *, key: str) -> None:
    """Write networks as JSON, with the key of all that determined their training."""
    lines = [json.dumps({"name": n.name, "layers": [_write_layer(x) for x in n.layers]})
             for n in networks]  # fmt: skip
    head = json.dumps({"format": FORMAT, "key": key})
    whole = ",\n".join(lines)
    write_text(path, f'{head[:-1]}, "networks": [\n{whole}\n]}}\n')  # a network a line


def load_networks(path: Path) -> tuple[list[Network], str]:
    """Read networks and their key.

    Raises:
        InputError: if the file cannot be read or does not hold networks.
    """
    content = read_json(path)
    try:
        if content["format"] != FORMAT:
            raise ValueError(f"its format is {content['format']!r}, expected {FORMAT!r}")
        networks = [_read_network(network, path) for network in content["networks"]]
        if not networks:
            raise ValueError("it has no networks")
        return networks, str(content["key"])
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise InputError(source=path, allowed=f"does not hold networks: {error!r}") from None


def _read_network(content: dict[str, Any], path: Path) -> Network:
    layers = tuple(_read_layer(layer) for layer in content["layers"])
    if not layers:
        raise ValueError(f"{content['name']} has no layers")
    check_layers(layers, layers[0].states.shape[0], layers[-1].bias.size, path)
    return Network(name=str(content["name"]), layers=layers)


def _write_layer(layer: Layer) -> dict[str, Any]:
    states = ["".join("PA"[s] for s in row) for row in layer.states]
    return {"states": states, "bias": layer.bias.tolist()}


def _read_layer(layer: dict[str, Any]) -> Layer:
    states = np.array([["PA".index(s) for s in row] for row in layer["states"]], dtype=np.uint8)
    bias = np.array(layer["bias"], dtype=np.float64)
    if (
        states.ndim != 2
        or bias.ndim != 1
        or states.shape[1] != 2 * bias.size
        or not np.isfinite(bias).all()
    ):
        raise ValueError(f"states {states.shape} and bias {bias.shape} do not fit")
    return Layer(states=states, bias=bias)
