"""Damage to one stored result: is anything that was damaged used as if it were right?"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import xarray as xr

from mtjspice.data.results import DamagedResultError, Form, load_result


@dataclass(frozen=True)
class Tried:
    """What came of damaged copies of one file.

    Attributes:
        tried: damaged copies.
        refused: those that were not used.
        harmless: those that were used, and say what the file said.
        used_wrongly: those that were used, and say something else.
    """

    tried: int
    refused: int
    harmless: int
    used_wrongly: int


def flip_bits(path: Path, key: str, form: Form, count: int, seed: int, folder: Path) -> Tried:
    """Damage copies of a stored result, each in one way, and load them.

    Args:
        path: of the result; it is not changed.
        key: of its simulation.
        form: of its result, from `mtjspice.collect.form.form_of`.
        count: single bits that are flipped, each in a copy of its own; other damage is added.
        seed: of their places.
        folder: where a copy may lie.
    """
    content, right = path.read_bytes(), load_result(path, key, form)
    assert right is not None
    copy, counts = folder / path.name, {"refused": 0, "harmless": 0, "used_wrongly": 0}
    for damaged in _damaged(content, count, random.Random(seed)):
        copy.write_bytes(damaged)
        counts[_outcome(copy, key, form, right)] += 1
    return Tried(sum(counts.values()), **counts)


def _outcome(copy: Path, key: str, form: Form, right: xr.Dataset) -> str:
    try:
        found = load_result(copy, key, form)
    except DamagedResultError:
        return "refused"
    return "harmless" if found is not None and found.identical(right) else "used_wrongly"


def _damaged(content: bytes, count: int, chance: random.Random) -> Iterator[bytes]:
    """Single bits flipped; for every ten of them, one other damage of each kind."""
    size = len(content)
    for k in range(count):
        bit = chance.randrange(8 * size)
        yield _with(content, bit // 8, bytes([content[bit // 8] ^ 1 << bit % 8]))
        if k % 10 == 0:
            start, length = chance.randrange(size), chance.randint(2, 64)
            for other in (chance.randbytes(length), bytes(length), b"\xff" * length):
                damaged = _with(content, start, other)
                if damaged != content:
                    yield damaged
            yield content[:start]  # cut off
            yield content[:start] + content[start + length :]  # a piece is missing
            yield content + chance.randbytes(length)  # longer
            a, b = sorted(chance.sample(range(0, size - 8, 8), 2))
            swapped = _with(_with(content, a, content[b : b + 8]), b, content[a : a + 8])
            if swapped != content:
                yield swapped


def _with(content: bytes, start: int, other: bytes) -> bytes:
    return (content[:start] + other + content[start + len(other) :])[: len(content)]
