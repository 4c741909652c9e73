"""Networks as they are written into arrays: junction states and biases. And their file."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from mtjspice.data.checksums import stamped, unstamped
from mtjspice.data.files import write_text
from mtjspice.errors import InputError
from mtjspice.reading import read_json
from mtjspice.spec.base import Name, Spec, StateMatrix
from mtjspice.spec.toml import build_spec

FORMAT: Final = "mtjspice networks 2"
MOST_BIAS: Final = 1e6
"""Largest magnitude of a bias; inputs of a layer are at most 1."""
Bias = Annotated[float, Field(ge=-MOST_BIAS, le=MOST_BIAS, strict=True)]


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


class LayerEntry(Spec):
    """What a file says of a layer; as `Layer`, states as strings of P and A, one a row."""

    states: StateMatrix
    bias: Annotated[tuple[Bias, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _check_pairs(self) -> Self:
        if self.states.shape[1] != 2 * len(self.bias):
            raise ValueError(
                f"{self.states.shape[1]} columns and {len(self.bias)} biases do not fit: "
                "there are two columns for each bias"
            )
        return self


class NetworkEntry(Spec):
    """What a file says of a network; as `Network`."""

    name: Name
    layers: Annotated[tuple[LayerEntry, ...], Field(min_length=1)]


class NetworksFile(Spec):
    """What a file of networks says.

    Attributes:
        format: of the file.
        determined: ``key``, SHA-256 of all that determined the training.
        networks: in their order.
    """

    format: Literal["mtjspice networks 2"]
    determined: Annotated[str, Field(alias="key", strict=True, max_length=64)]
    networks: Annotated[tuple[NetworkEntry, ...], Field(min_length=1)]


def save_networks(networks: Sequence[Network], path: Path, *, key: str) -> None:
    """Write networks as JSON, with a checksum and the key of all that determined their training."""
    entries = [{"name": n.name, "layers": [_write_layer(x) for x in n.layers]} for n in networks]
    content = stamped({"format": FORMAT, "key": key, "networks": entries})
    del content["networks"]
    whole = ",\n".join(map(json.dumps, entries))
    write_text(
        path, f'{json.dumps(content)[:-1]}, "networks": [\n{whole}\n]}}\n'
    )  # a network a line


def load_networks(path: Path) -> tuple[list[Network], str]:
    """Read networks and their key.

    Raises:
        InputError: if the file cannot be read, was changed, or does not hold networks.
    """
    content = read_json(path)
    found = content.get("format") if isinstance(content, dict) else None
    if found != FORMAT:
        allowed = f"must be {FORMAT!r}; move the file away, and networks are trained anew"
        raise InputError(source=path, key="format", value=found, allowed=allowed)
    advice = "move it away, and networks are trained anew"
    file = build_spec(unstamped(content, path, "a file of networks", advice), NetworksFile,
                      source=path)  # fmt: skip
    networks = []
    for entry in file.networks:
        layers = tuple(Layer(states=x.states, bias=np.array(x.bias)) for x in entry.layers)
        check_layers(layers, layers[0].states.shape[0], layers[-1].bias.size, path)
        networks.append(Network(name=entry.name, layers=layers))
    return networks, file.determined


def _write_layer(layer: Layer) -> dict[str, Any]:
    states = ["".join("PA"[s] for s in row) for row in layer.states]
    return {"states": states, "bias": layer.bias.tolist()}
