"""Trained weights as programmed tiles, on disk: safetensors for the numbers, JSON for the rest.

A folder holds ``tiles.safetensors`` and ``weights.json``. The second has the first's SHA-256, so
that halves of two savings are never taken for one.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load, save

from mtjspice.data.files import make_folder, write_text, written_whole
from mtjspice.errors import InputError
from mtjspice.spec.toml import build_spec
from mtjspice.spec.training import TrainingStudy

FORMAT = "mtjspice weights 1"
TENSORS, ABOUT = "tiles.safetensors", "weights.json"


@dataclass(frozen=True)
class ProgrammedLayer:
    """One layer as it is written into tiles, and what the digital part does with its currents.

    A pair's current difference over ``unit · read voltage`` is a partial sum s of its group of
    tiles; it counts with ``1/(1 + (s/outlier)⁴)``. ``x ← Σ s · unit/g_norm + bias``, over all
    groups and copies.

    Attributes:
        inputs: of the layer.
        outputs: of the layer.
        groups: that the inputs are split into, one after the other, from each tile's first row on.
        copies: of each output. Pair k of a group is copy k // outputs of output k % outputs, and
            has the columns 2j (+) and 2j + 1 (−) of its tile.
        first: number of its first tile.
        states: uint8 [tile, row, column], 0 P, 1 AP; tiles of a group follow each other.
        unit: conductance of a weight on the nominal die, S.
        g_norm: S.
        outlier: in units of a weight times an input; 0 to count all sums alike.
        bias: float64 [output].
    """

    inputs: int
    outputs: int
    groups: int
    copies: int
    first: int
    states: npt.NDArray[np.uint8]
    unit: float
    g_norm: float
    outlier: float
    bias: npt.NDArray[np.float64]


@dataclass(frozen=True)
class ProgrammedNetwork:
    """A trained network in its tiles.

    Attributes:
        study: what was trained, and how, with its seed.
        features: which of the data's features are inputs.
        classes: names of the outputs.
        data: source of the samples.
        card: key of the surrogate's card.
        key: SHA-256 of all that determined the weights.
        loss: mean over each epoch of training.
        layers: from input to output.
    """

    study: TrainingStudy
    features: tuple[int, ...]
    classes: tuple[str, ...]
    data: str
    card: str
    key: str
    loss: tuple[float, ...]
    layers: tuple[ProgrammedLayer, ...]


def save_weights(folder: Path, weights: ProgrammedNetwork, versions: dict[str, str]) -> None:
    """Write weights, with the versions of what they depend on."""
    make_folder(folder)
    tensors = {}
    for k, layer in enumerate(weights.layers):
        tensors[f"layer{k}.states"] = np.ascontiguousarray(layer.states)
        tensors[f"layer{k}.bias"] = np.ascontiguousarray(layer.bias)
    content = save(tensors)
    about = {
        "format": FORMAT,
        "key": weights.key,
        "tiles": hashlib.sha256(content).hexdigest(),
        "card": weights.card,
        "data": weights.data,
        "versions": versions,
        "loss": list(weights.loss),
        "study": weights.study.model_dump(mode="json"),
        "classes": list(weights.classes),
        "features": list(weights.features),
        "layers": [
            {
                "inputs": layer.inputs,
                "outputs": layer.outputs,
                "groups": layer.groups,
                "copies": layer.copies,
                "first": layer.first,
                "unit": layer.unit,
                "g_norm": layer.g_norm,
                "outlier": layer.outlier,
            }
            for layer in weights.layers
        ],
    }
    with written_whole(folder / TENSORS) as temporary:
        temporary.write_bytes(content)
    write_text(folder / ABOUT, json.dumps(about, indent=1) + "\n")


def load_weights(folder: Path) -> ProgrammedNetwork:
    """Read weights.

    Raises:
        InputError: if a file is missing, damaged, or belongs to other weights.
    """
    path = folder / ABOUT
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
        content = (folder / TENSORS).read_bytes()
    except (OSError, ValueError) as error:
        raise InputError(source=folder, allowed=f"does not hold weights: {error}") from None
    try:
        if about["format"] != FORMAT:
            raise ValueError(f"its format is {about['format']!r}, expected {FORMAT!r}")
        found = hashlib.sha256(content).hexdigest()
        if found != about["tiles"]:
            raise InputError(
                source=folder / TENSORS,
                key="SHA-256",
                value=found,
                allowed=f"{ABOUT} beside it belongs to {about['tiles']}",
            )
        tensors = load(content)
        layers = tuple(
            _layer(entry, tensors, f"layer{k}") for k, entry in enumerate(about["layers"])
        )
        network = ProgrammedNetwork(
            study=build_spec(about["study"], TrainingStudy, source=path),
            features=tuple(int(i) for i in about["features"]),
            classes=tuple(map(str, about["classes"])),
            data=str(about["data"]),
            card=str(about["card"]),
            key=str(about["key"]),
            loss=tuple(float(x) for x in about["loss"]),
            layers=layers,
        )
        _check_chain(network)
    except (AttributeError, KeyError, TypeError, ValueError, SafetensorError) as error:
        raise InputError(source=path, allowed=f"does not hold weights: {error!r}") from None
    return network


def _layer(entry: dict[str, Any], tensors: dict[str, Any], name: str) -> ProgrammedLayer:
    layer = ProgrammedLayer(
        inputs=int(entry["inputs"]),
        outputs=int(entry["outputs"]),
        groups=int(entry["groups"]),
        copies=int(entry["copies"]),
        first=int(entry["first"]),
        states=tensors[f"{name}.states"],
        unit=float(entry["unit"]),
        g_norm=float(entry["g_norm"]),
        outlier=float(entry["outlier"]),
        bias=tensors[f"{name}.bias"],
    )
    tiles, rows, columns = layer.states.shape
    sizes = (layer.inputs, layer.outputs, layer.groups, layer.copies, columns - 1)
    numbers = np.array([layer.unit, layer.g_norm, layer.outlier, *layer.bias])
    fits = (
        min(sizes) >= 1
        and layer.bias.shape == (layer.outputs,)
        and tiles == layer.groups * -(-layer.outputs * layer.copies // (columns // 2))
        and layer.inputs <= layer.groups * rows
        and bool((layer.states <= 1).all())
    )
    if not fits:
        raise ValueError(f"{name}: states {layer.states.shape} do not fit its groups and outputs")
    if not np.isfinite(numbers).all() or layer.unit <= 0 or layer.g_norm == 0 or layer.outlier < 0:
        raise ValueError(
            f"{name}: unit, g_norm, outlier or a bias is not a number that can be used"
        )
    return layer


def _check_chain(weights: ProgrammedNetwork) -> None:
    """See that layers fit each other, the data and the dies."""
    layers, hardware = weights.layers, weights.study.hardware
    widths = [len(weights.features), *(layer.outputs for layer in layers)]
    if [layer.inputs for layer in layers] != widths[:-1] or widths[-1] != len(weights.classes):
        raise ValueError(f"its layers do not fit each other: {widths}")
    if weights.study.network.hidden != tuple(widths[1:-1]):
        raise ValueError(f"its hidden layers {widths[1:-1]} are not those of its study")
    if min(weights.features) < 0:
        raise ValueError("features count from 0")
    used = 0
    for layer in layers:
        if layer.first != used:
            raise ValueError(f"a layer begins at tile {layer.first}; tile {used} is the next one")
        used += len(layer.states)
    if used > hardware.tiles * hardware.dies:
        raise ValueError(f"it has {used} tiles; the dies have {hardware.tiles * hardware.dies}")
