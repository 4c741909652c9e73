"""The state of a training on disk, whole or not at all."""

import json
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from mtjspice.data.files import written_whole


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
    tensors = {"chance": state.chance}
    for name in ("parameters", "moments", "steps"):
        tensors |= {f"{name}.{k}": t.contiguous() for k, t in enumerate(getattr(state, name))}
    about = {"key": state.key, "loss": json.dumps(state.loss)}
    with written_whole(path) as temporary:
        save_file(tensors, temporary, metadata=about)


def load_checkpoint(path: Path) -> State | None:
    """Read a state; None if there is none, or none that can be read."""
    try:
        with safe_open(path, framework="pt") as file:
            about = file.metadata()
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        many = {name: [tensors[f"{name}.{k}"] for k in range(_count(tensors, name))]
                for name in ("parameters", "moments", "steps")}  # fmt: skip
        loss = tuple(float(x) for x in json.loads(about["loss"]))
        return State(key=about["key"], loss=loss, chance=tensors["chance"], **many)
    except (OSError, SafetensorError, KeyError, TypeError, ValueError):
        return None


def _count(tensors: dict[str, Tensor], name: str) -> int:
    return sum(key.startswith(f"{name}.") for key in tensors)
