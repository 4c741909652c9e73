"""Many simulations: planned, run in parallel, checked, stored, resumed by key.

Each name is imported when it is first used: every worker process loads this package, and has no use
for most libraries behind it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from mtjspice.collect.cluster import Cluster as Cluster
    from mtjspice.collect.cluster import open_pool as open_pool
    from mtjspice.collect.die import simulate as simulate
    from mtjspice.collect.pool import WorkerPool as WorkerPool
    from mtjspice.collect.simulator import Simulator as Simulator
    from mtjspice.collect.sweeps import over_corners as over_corners
    from mtjspice.collect.sweeps import over_mismatch as over_mismatch

_HOME: Final = {
    "Cluster": "mtjspice.collect.cluster",
    "Simulator": "mtjspice.collect.simulator",
    "WorkerPool": "mtjspice.collect.pool",
    "open_pool": "mtjspice.collect.cluster",
    "over_corners": "mtjspice.collect.sweeps",
    "over_mismatch": "mtjspice.collect.sweeps",
    "simulate": "mtjspice.collect.die",
}
"""Where each name is made."""

__all__ = [*_HOME]  # noqa: PLE0604, made from the table

if not TYPE_CHECKING:  # a type checker would take any name for one that there is

    def __getattr__(name: str) -> Any:
        """A name of the package, imported when it is first asked for."""
        if name not in _HOME:
            raise AttributeError(f"module 'mtjspice.collect' has no attribute {name!r}")
        globals()[name] = found = getattr(import_module(_HOME[name]), name)
        return found
