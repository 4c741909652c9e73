"""The state of a training on disk, whole or not at all."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save_file
from torch import Tensor

from mtjspice.data.files import written_whole
from mtjspice.errors import InputError
from mtjspice.reading import MIB, read_bytes

MOST: Final = 1024 * MIB
"""Largest checkpoint that is read, bytes, unless somebody knows better."""
CHECKSUM: Final = "checksum"
LISTS: Final = ("parameters", "moments", "steps")


@dataclass(frozen=True)
class State:
    """All that a training needs to go on.

    Attributes:
        key: of the training.
        loss: of the epochs that are done.
        parameters: in the model's order.
        moments: of Adam, two for each parameter.
        steps: of Adam, for each parameter.
        chance: state of the generator.
    """

    key: str
    loss: tuple[float, ...]
    parameters: list[Tensor]
    moments: list[Tensor]
    steps: list[Tensor]
    chance: Tensor


def save_checkpoint(path: Path, state: State) -> None:
    """Write a state; a reader sees the old one or the new one."""
    about = json.dumps({"key": state.key, "loss": state.loss}).encode()
    tensors = {"chance": state.chance, "about": torch.tensor(list(about), dtype=torch.uint8)}
    for name in LISTS:
        tensors |= {f"{name}.{k}": t.contiguous() for k, t in enumerate(getattr(state, name))}
    tensors[CHECKSUM] = _checksum(tensors)
    with written_whole(path) as temporary:
        save_file(tensors, temporary)


def load_checkpoint(path: Path, most: int = MOST) -> State:
    """Read a state.

    Args:
        path: the file.
        most: the largest size that it can have, bytes.

    Raises:
        InputError: if it cannot be read, is damaged, or holds a number that is not finite.
    """
    content = read_bytes(path, most)
    try:
        tensors = load(content)
        if not torch.equal(tensors.pop(CHECKSUM), _checksum(tensors)):
            raise ValueError("its checksum is not that of its content")
        about = json.loads(tensors["about"].numpy().tobytes())
        many = {name: [tensors[f"{name}.{k}"] for k in range(_count(tensors, name))]
                for name in LISTS}  # fmt: skip
        loss = tuple(float(x) for x in about["loss"])
        state = State(key=str(about["key"]), loss=loss, chance=tensors["chance"], **many)
        torch.Generator().set_state(state.chance)  # refuses what is no state of a generator
    except (
        SafetensorError, KeyError, TypeError, ValueError, RuntimeError, OverflowError
    ) as error:  # fmt: skip
        # A RuntimeError is torch's word, or that of JSON which nests too deep.
        raise InputError(source=path, allowed=f"is no checkpoint, or damaged: {error}") from None
    numbers = [torch.tensor(loss), *state.parameters, *state.moments, *state.steps]
    if not all(bool(some.isfinite().all()) for some in numbers):
        raise InputError(source=path, allowed="holds numbers that are not finite")
    return state


def _checksum(tensors: dict[str, Tensor]) -> Tensor:
    """SHA-256 over names, kinds, shapes and bytes, as a tensor."""
    found = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        found.update(f"{name} {tensor.dtype} {tuple(tensor.shape)};".encode())
        found.update(tensor.detach().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return torch.tensor(list(found.digest()), dtype=torch.uint8)


def _count(tensors: dict[str, Tensor], name: str) -> int:
    return sum(key.startswith(f"{name}.") for key in tensors)
