"""Networks on disk: safetensors for the numbers, JSON for the rest.

Every network has this one form, whether it was trained for the dies of a card, by a study, or read.

A folder holds ``tiles.safetensors`` and ``weights.json``. The second has the first's SHA-256, so
that halves of two savings are never taken for one, and a checksum over everything that it says.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator
from safetensors import SafetensorError
from safetensors.numpy import load, save

from mtjspice.data.checksums import stamped, unstamped
from mtjspice.data.files import make_folder, write_text, written_whole
from mtjspice.data.network import Layer, Network
from mtjspice.errors import InputError
from mtjspice.reading import MIB, read_bytes, read_json
from mtjspice.spec.base import Name, Spec
from mtjspice.spec.toml import build_spec
from mtjspice.spec.training import TrainingStudy

FORMAT: Final = "mtjspice weights 3"
BEFORE: Final = "mtjspice weights 2"
"""Where the name of the network is its study's, and there always is one."""
TENSORS, ABOUT = "tiles.safetensors", "weights.json"
MOST_TILES, MOST_ABOUT = 1024 * MIB, 16 * MIB
"""Largest files, bytes."""
MOST_BIAS: Final = 1e6
"""Largest magnitude of a bias; inputs of a layer are at most 1."""

Digest = Annotated[str, Field(strict=True, pattern=r"^[0-9a-f]{64}$")]
"""A SHA-256, 64 hexadecimal digits."""
Some = Annotated[int, Field(ge=1, le=1_000_000, strict=True)]
Place = Annotated[int, Field(ge=0, le=1_000_000, strict=True)]
Conductance = Annotated[float, Field(ge=1e-15, le=1e3, allow_inf_nan=False, strict=True)]
"""S. A junction of an nm has 1e-9 S and one of a µm 1 S; G_norm is the unit over the gain that was
trained, some thousands at most."""


class LayerEntry(Spec):
    """What ``weights.json`` says of a layer, in the words of `Layer`."""

    inputs: Some
    outputs: Some
    groups: Some
    copies: Some
    first: Place
    unit: Conductance
    g_norm: Conductance
    outlier: Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False, strict=True)]

    @property
    def lines(self) -> int:
        """Pairs of output lines of a group."""
        return self.outputs * self.copies


class About(Spec):
    """What ``weights.json`` says, in the words of `Network`.

    Attributes:
        format: of the folder.
        name: of the network.
        determined: ``key``, SHA-256 of all that determined the weights.
        tiles: SHA-256 of the file of numbers.
        card: key of the surrogate's card, if it was trained with one.
        data: source of the samples.
        versions: of what the weights depend on.
        loss: mean over each epoch of training.
        study: what was trained, if it was for the dies of a card.
        classes: names of the outputs.
        features: which of the data's features are inputs.
        layers: from input to output.
    """

    format: Literal["mtjspice weights 2", "mtjspice weights 3"]
    name: Name
    determined: Annotated[Digest, Field(alias="key")]
    tiles: Digest
    card: Digest | None = None
    data: Name
    versions: dict[str, str]
    loss: tuple[Annotated[float, Field(ge=0, allow_inf_nan=False, strict=True)], ...]
    study: TrainingStudy | None = None
    classes: Annotated[tuple[Name, ...], Field(min_length=1, max_length=10_000)]
    features: Annotated[tuple[Place, ...], Field(min_length=1)]
    layers: Annotated[tuple[LayerEntry, ...], Field(min_length=1, max_length=1000)]

    @model_validator(mode="after")
    def _check_each_once(self) -> Self:
        for name in ("features", "classes"):
            (entry, count), *_ = Counter[object](getattr(self, name)).most_common(1)
            if count > 1:
                raise ValueError(f"{name} has {entry!r} {count} times; each must be there once")
        return self

    @model_validator(mode="after")
    def _check_chain(self) -> Self:
        """See that layers fit each other, the data and the study."""
        widths = [len(self.features), *(layer.outputs for layer in self.layers)]
        inputs = [layer.inputs for layer in self.layers]
        if inputs != widths[:-1] or widths[-1] != len(self.classes):
            raise ValueError(
                f"its layers do not fit each other: they have {inputs} inputs and {widths[1:]} "
                f"outputs, for {len(self.features)} features and {len(self.classes)} classes"
            )
        if (self.study is None) != (self.card is None):
            raise ValueError("study and card stand together: who trains for dies does so by a card")
        if self.study is not None and self.study.network.hidden != tuple(widths[1:-1]):
            raise ValueError(f"its hidden layers {widths[1:-1]} are not those of its study")
        return self


def save_weights(
    folder: str | Path, weights: Network, versions: Mapping[str, str] | None = None
) -> None:
    """Write weights, with the versions of what they depend on.

    Args:
        folder: made if it is missing.
        weights: as `mtjspice.nn.train` makes them, or `load_weights` reads them.
        versions: by name; none are kept if left out.

    Raises:
        InputError: if they could not be read again: if training led to numbers that cannot be.

    Example:
        >>> from mtjspice import load_weights, run_training, save_weights  # slow
        >>> made = run_training("examples/die20k/training.toml", "out/digits", digits=True)
        >>> save_weights("out/copy", made.weights)
        >>> load_weights("out/copy").key == made.weights.key
        True
    """
    folder = Path(folder)
    tensors = {}
    for k, layer in enumerate(weights.layers):
        tensors[f"layer{k}.states"] = np.ascontiguousarray(layer.states)
        tensors[f"layer{k}.bias"] = np.ascontiguousarray(layer.bias)
    content = save(tensors)
    names = LayerEntry.model_fields
    about = {
        "format": FORMAT,
        "name": weights.name,
        "key": weights.key,
        "tiles": hashlib.sha256(content).hexdigest(),
        "card": weights.card,
        "data": weights.data,
        "versions": dict(versions or {}),
        "loss": list(weights.loss),
        "study": weights.study and weights.study.model_dump(mode="json"),
        "classes": list(weights.classes),
        "features": list(weights.features),
        "layers": [{name: getattr(layer, name) for name in names} for layer in weights.layers],
    }
    _joined(build_spec(about, About, source=folder / ABOUT), tensors, folder)
    make_folder(folder)
    with written_whole(folder / TENSORS) as temporary:
        temporary.write_bytes(content)
    write_text(folder / ABOUT, json.dumps(stamped(about), indent=1) + "\n")


def load_weights(folder: str | Path) -> Network:
    """Read weights.

    Raises:
        InputError: if a file is missing, was changed, belongs to other weights, or says what cannot
            be.

    Example:
        >>> from mtjspice import InputError, load_weights
        >>> try:
        ...     load_weights("nowhere")
        ... except InputError as error:
        ...     print(error.source)
        nowhere
    """
    folder = Path(folder)
    path = folder / ABOUT
    try:
        content, numbers = read_json(path, MOST_ABOUT), read_bytes(folder / TENSORS, MOST_TILES)
    except InputError as error:
        raise InputError(source=folder, allowed=f"does not hold weights: {error}") from None
    found = content.get("format") if isinstance(content, dict) else None
    if found not in (FORMAT, BEFORE):
        allowed = f"must be {FORMAT!r}; weights of another version are trained again"
        raise InputError(source=path, key="format", value=found, allowed=allowed)
    said = unstamped(content, path, "a file of weights", "`mtjspice train` makes weights anew")
    if found == BEFORE and isinstance(study := said.get("study"), dict):
        said = {"name": study.get("name")} | said
    about = build_spec(said, About, source=path)
    if (digest := hashlib.sha256(numbers).hexdigest()) != about.tiles:
        raise InputError(
            source=folder / TENSORS,
            key="SHA-256",
            value=digest,
            allowed=f"{ABOUT} beside it belongs to {about.tiles}",
        )
    try:
        tensors = load(numbers)
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError) as error:
        allowed = f"is no safetensors file of ours: {error}"
        raise InputError(source=folder / TENSORS, allowed=allowed) from None
    return _joined(about, tensors, folder)


def _joined(about: About, tensors: Mapping[str, npt.NDArray[Any]], folder: Path) -> Network:
    """Both files together.

    Raises:
        InputError: if they do not fit each other.
    """
    wanted = [f"layer{k}.{part}" for k in range(len(about.layers)) for part in ("states", "bias")]
    if tensors.keys() != set(wanted):
        raise InputError(
            source=folder / TENSORS, value=sorted(tensors), allowed=f"must hold {wanted}, no others"
        )
    layers, used = [], 0
    for k, entry in enumerate(about.layers):
        states, bias = tensors[f"layer{k}.states"], tensors[f"layer{k}.bias"]
        _check_tensors(entry, states, bias, k, folder / TENSORS)
        if entry.first != used:
            raise InputError(
                source=folder / ABOUT, key=f"layers.{k}.first", value=entry.first,
                allowed=f"tile {used} is the next one",
            )  # fmt: skip
        used += len(states)
        fields = {name: getattr(entry, name) for name in LayerEntry.model_fields}
        layers.append(Layer(**fields, states=states, bias=bias))
    hardware = about.study and about.study.hardware
    if hardware and used > hardware.tiles * hardware.dies:
        raise InputError(
            source=folder / ABOUT, key="layers", value=used,
            allowed=f"tiles: the dies have {hardware.tiles * hardware.dies}",
        )  # fmt: skip
    return Network(
        name=about.name,
        study=about.study,
        features=about.features,
        classes=about.classes,
        data=about.data,
        card=about.card,
        key=about.determined,
        loss=about.loss,
        layers=tuple(layers),
    )


def _check_tensors(
    entry: LayerEntry, states: npt.NDArray[Any], bias: npt.NDArray[Any], k: int, path: Path
) -> None:
    """See that the tensors of layer k are what its entry says.

    Raises:
        InputError: naming the tensor.
    """

    def refused(part: str, value: object, allowed: str) -> InputError:
        return InputError(source=path, key=f"layer{k}.{part}", value=value, allowed=allowed)

    if states.dtype != np.uint8 or states.ndim != 3:
        shown = f"{states.dtype} {list(states.shape)}"
        raise refused("states", shown, "must be uint8 [tile, row, column]")
    tiles, rows, columns = states.shape
    fits = columns >= 2 and tiles == entry.groups * -(-entry.lines // (columns // 2))
    if not fits or entry.inputs > entry.groups * rows:
        allowed = (
            f"must have room for {entry.inputs} inputs in {entry.groups} groups, and for "
            f"{entry.lines} pairs of columns, on no more tiles than that takes"
        )
        raise refused("states", list(states.shape), allowed)
    if states.max() > 1:
        raise refused("states", int(states.max()), "must be 0 (P) or 1 (AP)")
    if bias.dtype != np.float64 or bias.shape != (entry.outputs,):
        shown = f"{bias.dtype} {list(bias.shape)}"
        raise refused("bias", shown, f"must be float64 [{entry.outputs}]")
    if not (np.abs(bias) <= MOST_BIAS).all():
        bad = bias[~(np.abs(bias) <= MOST_BIAS)][0]
        raise refused("bias", float(bad), f"must be from {-MOST_BIAS:g} to {MOST_BIAS:g}")
