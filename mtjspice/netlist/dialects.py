"""The languages that netlists are written in, by the names of their simulators."""

from collections.abc import Mapping
from typing import Final

from mtjspice.errors import InputError
from mtjspice.netlist.dialect import Dialect
from mtjspice.netlist.spice_dialect import NGSPICE
from mtjspice.netlist.xyce_dialect import XYCE

DEFAULT: Final[Dialect] = NGSPICE
DIALECTS: Final[Mapping[str, Dialect]] = {one.name: one for one in (NGSPICE, XYCE)}


def dialect_named(name: str, source: str = "dialect") -> Dialect:
    """A dialect by its name.

    Args:
        name: in small letters or capitals.
        source: who gave it, for the error.

    Raises:
        InputError: naming those that there are.
    """
    if name.lower() not in DIALECTS:
        raise InputError(source=source, value=name, allowed=f"must be one of {', '.join(DIALECTS)}")
    return DIALECTS[name.lower()]
