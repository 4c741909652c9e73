"""What of mtjspice works on tensors: the fast models of arrays, and networks on dies.

    >>> from mtjspice.nn import Surrogate  # a torch.nn.Module
    >>> from mtjspice import load_card
    >>> Surrogate(load_card("die20k")).level
    'full'

Names are imported when they are first used. Tensors are float64 unless something else is asked for;
axes are [tile, vector, line], voltages in V above the read-out's reference, currents in A.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from mtjspice.nn.coding import Coding as Coding
    from mtjspice.nn.convert import convert as convert
    from mtjspice.nn.converted import Converted as Converted
    from mtjspice.nn.layers import Tiled as Tiled
    from mtjspice.nn.statistics import DieStatistics as DieStatistics
    from mtjspice.solver.array import Array as Array
    from mtjspice.solver.array import array_of as array_of
    from mtjspice.solver.nodal import effective_matrix as effective_matrix
    from mtjspice.solver.nodal import read as read
    from mtjspice.surrogate.model import Surrogate as Surrogate
    from mtjspice.surrogate.programmed import Programmed as Programmed
    from mtjspice.train.fit import train as train
    from mtjspice.train.hardware import OnDies as OnDies
    from mtjspice.train.hardware import error_of as error_of
    from mtjspice.train.hardware import on_dies as on_dies
    from mtjspice.train.hardware import tensors as tensors

_NAMES: Final = {
    "mtjspice.nn.coding": ("Coding",),
    "mtjspice.nn.convert": ("convert",),
    "mtjspice.nn.converted": ("Converted",),
    "mtjspice.nn.layers": ("Tiled",),
    "mtjspice.nn.statistics": ("DieStatistics",),
    "mtjspice.solver.array": ("Array", "array_of"),
    "mtjspice.solver.nodal": ("effective_matrix", "read"),
    "mtjspice.surrogate.model": ("Surrogate",),
    "mtjspice.surrogate.programmed": ("Programmed",),
    "mtjspice.train.fit": ("train",),
    "mtjspice.train.hardware": ("OnDies", "error_of", "on_dies", "tensors"),
}
"""Where each name comes from; the imports above say the same to type checkers."""
_HOME: Final = {name: home for home, names in _NAMES.items() for name in names}

__all__ = sorted(_HOME)  # noqa: PLE0605, made from the table

# Type checkers must not see the function: they would take every name for one of ours.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """A name of this module, imported when it is first asked for."""
        if name not in _HOME:
            raise AttributeError(f"module 'mtjspice.nn' has no attribute {name!r}")
        found = getattr(import_module(_HOME[name]), name)
        globals()[name] = found
        return found

    def __dir__() -> list[str]:
        """What ``dir(mtjspice.nn)`` lists."""
        return sorted(__all__)
