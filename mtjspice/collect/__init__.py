"""Many simulations: planned, run in parallel, checked, stored, resumed by key."""

from mtjspice.collect.cluster import Cluster, open_pool
from mtjspice.collect.die import simulate
from mtjspice.collect.pool import WorkerPool
from mtjspice.collect.simulator import Simulator
from mtjspice.collect.sweeps import over_corners, over_mismatch

__all__ = [
    "Cluster",
    "Simulator",
    "WorkerPool",
    "open_pool",
    "over_corners",
    "over_mismatch",
    "simulate",
]
