"""What one process of SPICE may take of a machine."""

import re
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field

from mtjspice.spec.base import Spec
from mtjspice.spec.ranges import Whole, Within

_BYTES: Final = re.compile(
    r"\s*([0-9]{1,18}(?:\.[0-9]{1,18})?)\s*([kmgt]?)(i?)b?\s*", re.IGNORECASE
)
_POWERS: Final = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}
_KIB, _MIB, _GIB, _PIB = 2**10, 2**20, 2**30, 2**50
_DAY_S = 86400.0


def _read_bytes(value: Any) -> Any:
    """Let a size be written as a number of bytes or as ``"4 GiB"``, ``"500 MB"``."""
    if not isinstance(value, str):
        return value
    match = _BYTES.fullmatch(value)
    if match is None:
        raise ValueError("is a number of bytes, or a text such as '4 GiB' or '500 MB'")
    number, prefix, binary = match.groups()
    return round(float(number) * (1024 if binary else 1000) ** _POWERS[prefix.lower()])


def size_in_words(size: int) -> str:
    """A number of bytes for people: ``"4 GiB"``."""
    for unit, name in ((_GIB, "GiB"), (_MIB, "MiB"), (_KIB, "KiB")):
        if size >= unit:
            return f"{size / unit:.4g} {name}"
    return f"{size} B"


Duration = Annotated[float, Within("s", 0.01, 31 * _DAY_S, "no simulation is waited for longer")]
"""s, from 10 ms to 31 days."""
Memory = Annotated[
    int,
    Whole(256 * _MIB, _PIB, "bytes; with less a process cannot load SPICE", text=True),
    BeforeValidator(_read_bytes),
]
"""Bytes, from 256 MiB, which a process needs before it has loaded anything."""
FileSize = Annotated[
    int,
    Whole(_MIB, _PIB, "bytes; with less no result can be written", text=True),
    BeforeValidator(_read_bytes),
]
"""Bytes, from 1 MiB."""
Processes = Annotated[int, Whole(0, 2**22, "operating systems have no more")]
"""Processes of a user."""


class Resources(Spec):
    """Limits on one process of SPICE. What exceeds one is an error that names it.

    They say how long a result may be waited for, not what it is: no key holds them, and specs that
    differ in them only are equal.

    Attributes:
        time: of one simulation, s.
        memory: that the process may hold, bytes; if left out, each worker may hold an equal part of
            three quarters of the memory that the machine or the container has, at least 2 GiB.
        file_size: of the largest file that it may write, bytes.
        processes: that the user may have, all programs together, when SPICE starts another one
            (RLIMIT_NPROC): with 0 it starts none. The operating system does not hold root to it.
    """

    time: Duration = 3600.0
    memory: Memory | None = None
    file_size: FileSize = _GIB
    processes: Processes = 0


USUAL: Final = Resources()
"""What holds where nobody says otherwise."""
SimulatorLimits = Annotated[Resources, Field(exclude=True)]
"""The table ``[simulator]`` of a spec. It is no part of what the spec's text and key say."""
