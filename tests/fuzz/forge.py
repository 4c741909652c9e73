"""Files changed by those who know how: with the checksums that belong to what they say."""

import copy
import hashlib
import json
import pickle
import struct
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

from fuzz.folders import shipped_card, write_networks, write_solutions, write_weights
from safetensors.numpy import load, save

DELETED = object()
"""Takes a key away."""


OWN = "out/networks/trained"
"""Where a study keeps its network."""


@cache
def originals() -> Mapping[str, bytes]:
    """What our own writers wrote: weights, dies, networks; by path in the clean folder."""
    with TemporaryDirectory() as made:
        folder, second = Path(made) / "weights", Path(made) / "networks"
        write_weights(folder)
        write_networks(second)
        write_solutions(folder)
        solutions = sorted((folder / "nist" / "solutions").iterdir())
        names = ["weights/weights.json", "weights/tiles.safetensors", "dies/dies.json",
                 "dies/die00.csv", "dies/die01.csv", "map.csv",
                 *(f"nist/solutions/{path.name}" for path in solutions)]  # fmt: skip
        found = {name: (folder / name).read_bytes() for name in names}
        return found | {f"{OWN}/{name}": (second / OWN / name).read_bytes()
                        for name in ("weights.json", "tiles.safetensors")} | {
                        "own.card.json": shipped_card()}  # fmt: skip


def document(name: str) -> Any:
    """What one of them says."""
    return json.loads(originals()[name])


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def checksum_of(content: Any) -> str:
    """SHA-256 of plain data, as cards and weights have it."""
    return sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode())


def sealed(content: Any) -> Any:
    """The same document with the checksum that belongs to what it says, where it has one."""
    if not isinstance(content, dict) or "checksum" not in content:
        return content
    rest = {key: value for key, value in content.items() if key != "checksum"}
    said = rest["card"] if rest.keys() == {"card"} else rest
    return content | {"checksum": checksum_of(said)}


def changed(content: Any, place: str, value: Any) -> Any:
    """A copy with another value at a dotted place; `DELETED` takes it away."""
    made = copy.deepcopy(content)
    *path, last = (int(part) if part.isdecimal() else part for part in place.split("."))
    inner = made
    for part in path:
        inner = inner[part]
    if value is DELETED:
        del inner[last]
    else:
        inner[last] = value
    return made


def changed_places(content: Any, value: Any, chance: Random) -> Any:
    """A copy with a value at a random place, or with a part exchanged for another part of it."""
    made = copy.deepcopy(content)
    some = [(one, key) for one in _tables(made)
            for key in (one if isinstance(one, dict) else range(len(one)))]  # fmt: skip
    for _ in range(chance.randrange(1, 3)):
        table, key = chance.choice(some)
        other, its = chance.choice(some)
        table[key] = copy.deepcopy(other[its]) if chance.random() < 0.3 else value
    return made


def _tables(content: Any) -> list[Any]:
    inner = content.values() if isinstance(content, dict) else content
    return [content, *(t for one in inner if isinstance(one, dict | list) for t in _tables(one))]


def text_of(content: Any) -> bytes:
    """JSON, sealed; numbers that JSON does not have are written as Python writes them."""
    return json.dumps(sealed(content), indent=1).encode()


def with_tensors(tensors: bytes) -> dict[str, bytes]:
    """A folder of weights with other tensors, whose checksum fits them."""
    about = document("weights/weights.json")
    return {"weights/tiles.safetensors": tensors,
            "weights/weights.json": text_of(about | {"tiles": sha256(tensors)})}  # fmt: skip


def changed_tensors(**changes: Any) -> dict[str, bytes]:
    """As `with_tensors`, with some arrays replaced, or left out if None."""
    arrays = load(originals()["weights/tiles.safetensors"])
    arrays |= {name.replace("__", "."): value for name, value in changes.items()}
    return with_tensors(save({name: a for name, a in arrays.items() if a is not None}))


def with_header(header: bytes, body: bytes = b"", length: int | None = None) -> dict[str, bytes]:
    """As `with_tensors`, with a header written by hand."""
    size = len(header) if length is None else length
    return with_tensors(struct.pack("<Q", size) + header + body)


class _Command:
    """Makes the file of the marker when it is unpickled."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        import os  # noqa: PLC0415

        return os.system, ("touch @MARKER@",)


def pickled() -> bytes:
    """A pickle that runs a command."""
    # The oldest form has its strings in lines, so that the marker's name can be put in.
    return pickle.dumps(_Command(), protocol=0)
