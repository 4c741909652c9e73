"""Whether a result counts, whatever simulator gave it."""

import numpy as np
import numpy.typing as npt

from mtjspice.errors import SimulationError
from mtjspice.netlist.deck import Deck

KCL_TOLERANCE = 1e-8
"""Largest sum of all currents into the array, relative to the sum of their magnitudes."""
KCL_FLOOR = 1e-15
"""A current that counts for none, A: what rounding leaves of an array without wires. To it comes
what it may leave of the wires, `Deck.rounding`."""


def check_vectors(deck: Deck, values: dict[str, npt.NDArray[np.float64]]) -> None:
    """Refuse a result that does not count.

    Raises:
        SimulationError: naming the first check that fails.
    """
    for name in deck.vectors:
        if name not in values:
            raise SimulationError(f"vector {name} is missing")
        points = values["time"].size if deck.points is None else deck.points
        if values[name].size != points:
            raise SimulationError(f"{name} has {values[name].size} of {points} points")
        if not np.isfinite(values[name]).all():
            point = int(np.argmin(np.isfinite(values[name])))
            raise SimulationError(f"{name} is {values[name][point]} at point {point}")
    if deck.points is None:
        return  # in a transient, capacitors to ground carry current, too
    if deck.branches:
        # Every branch current is counted as leaving the array, so their sum is zero.
        leaving = np.stack([values[name] for name in deck.branches])
        residual = np.abs(leaving.sum(axis=0))
        scale = np.abs(leaving).sum(axis=0)
        allowed = KCL_TOLERANCE * scale + KCL_FLOOR + deck.rounding
        worst = int(np.argmax(residual - allowed))
        if residual[worst] > allowed[worst]:
            raise SimulationError(
                f"Kirchhoff's current law does not close at point {worst}: "
                f"{residual[worst]:.3g} A of {scale[worst]:.3g} A"
            )
