"""How a simulator wants a circuit written. A dialect is a module beside this one."""

from typing import Protocol

from mtjspice.netlist.circuit import Circuit

MAX_LINE = 100
"""Netlist lines are folded here where they have a blank: people read them."""


class Dialect(Protocol):
    """The language of one simulator."""

    @property
    def name(self) -> str:
        """What users call it, and the simulator."""
        ...

    def write(self, circuit: Circuit) -> str:
        """The netlist of a circuit, its end included; the same circuit gives the same bytes.

        Raises:
            InputError: naming what this language cannot say.
        """
        ...


def fold(line: str) -> str:
    """Break a long netlist line at its blanks into continuation lines, which begin with a plus."""
    if len(line) <= MAX_LINE:
        return line
    lines, current = [], ""
    for piece in line.split(" "):
        if current and len(current) + 1 + len(piece) > MAX_LINE:
            lines.append(current)
            current = f"+ {piece}"
        else:
            current = f"{current} {piece}" if current else piece
    return "\n".join([*lines, current])
