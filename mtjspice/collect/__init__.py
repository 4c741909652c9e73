"""Many simulations: planned, run in parallel, checked, stored, resumed by key."""

from mtjspice.collect.pool import WorkerPool
from mtjspice.collect.simulator import Simulator, simulate
from mtjspice.collect.sweeps import over_corners, over_mismatch

__all__ = ["Simulator", "WorkerPool", "over_corners", "over_mismatch", "simulate"]
