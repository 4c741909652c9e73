"""Many simulations: planned, run in parallel, checked, stored, resumed by key."""

from mtjspice.collect.pool import WorkerPool
from mtjspice.collect.simulator import Simulator, simulate

__all__ = ["Simulator", "WorkerPool", "simulate"]
