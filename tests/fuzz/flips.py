"""Bits of a stored result that change: is any of it used as if it were right?

The way is that of all commands: a simulation is asked for, and what the store has is used or not.
Whoever simulates in its place gives the right result; so a wrong one can only come from the store.
"""

import logging
from collections.abc import Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import xarray as xr

from mtjspice.collect import Simulator
from mtjspice.spec import Experiment


class Known(Executor):
    """In the place of workers: says what a simulation gives, and counts how often it was asked."""

    def __init__(self, result: xr.Dataset):
        self.result = result
        self.asked = 0

    def submit(self, *_: Any, **__: Any) -> Future[Any]:
        """The result, as a worker would give it."""
        self.asked += 1
        future: Future[Any] = Future()
        future.set_result(self.result.copy(deep=True))
        return future


@dataclass(frozen=True)
class Flipped:
    """What came of damaged copies of stored results.

    Attributes:
        tried: damaged copies.
        simulated: those whose simulation was run again.
        harmless: those that were used, and say what the result said.
        wrong: what was done to those that were used and say something else, or ended in an error.
    """

    tried: int
    simulated: int
    harmless: int
    wrong: tuple[str, ...]

    @property
    def used_wrongly(self) -> int:
        """How many were used, and say something else."""
        return len(self.wrong)


@contextmanager
def quiet() -> Iterator[None]:
    """Nothing is said of the damage, which is meant; afterwards the log is as it was."""
    log = logging.getLogger("mtjspice")
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(before)


@quiet()
def flip_bits(experiment: Experiment, store: Path, count: int, seed: int) -> Flipped:
    """Damage one stored result in many ways, each from the whole one, and ask for it again.

    Args:
        experiment: whose result is stored; it is simulated first.
        store: an empty folder.
        count: damaged copies.
        seed: of what is done to them.
    """
    with Simulator(jobs=1, store=store) as simulator:
        (right,) = simulator.run([experiment])
        path = store / f"{simulator.key(experiment)}.nc"
    whole = path.read_bytes()
    others, pool = Simulator(store=store, pool=(known := Known(right))), known
    simulated = harmless = 0
    wrong = []
    for what, content in _damaged(whole, count, Random(seed)):
        path.unlink(missing_ok=True)
        path.write_bytes(content)
        before = pool.asked
        try:
            (found,) = others.run([experiment])
        except Exception as error:  # nothing that is in a store may end a command
            wrong.append(f"{what}: {error!r}")
            continue
        if not found.identical(right):
            wrong.append(f"{what}: other numbers or attributes")
        elif pool.asked > before:
            simulated += 1
        else:
            harmless += 1
    return Flipped(count, simulated, harmless, tuple(wrong))


def _damaged(whole: bytes, count: int, chance: Random) -> Iterator[tuple[str, bytes]]:
    """Single bits flipped; one in ten is damaged otherwise."""
    for k in range(count):
        at, content = chance.randrange(len(whole)), bytearray(whole)
        if k % 10:
            bit = chance.randrange(8)
            content[at] ^= 1 << bit
            yield f"bit {bit} of byte {at}", bytes(content)
            continue
        size = chance.randrange(1, 65)
        kind = k // 10 % 5
        if kind == 0:
            yield f"cut off at {at}", whole[:at]
        elif kind == 1:
            yield f"{size} bytes from {at} missing", whole[:at] + whole[at + size :]
        elif kind == 2:
            yield (
                f"{size} bytes at {at} of chance",
                whole[:at] + chance.randbytes(size) + whole[at + size :],
            )
        elif kind == 3:
            yield f"{size} bytes at {at} zero", whole[:at] + bytes(size) + whole[at + size :]
        else:
            yield f"{size} bytes more", whole + chance.randbytes(size)
