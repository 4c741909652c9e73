"""What is in series with a junction: the voltage over it for the current through it.

Two kinds of laws: `mtjspice.solver.cells.ShiftedAccess`, which sweeps in the simulator were fitted
with, and those that a kind of cell has of its own, which are here. A further kind adds its law, a
class as `Selector`, to `LAWS`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mtjspice.device import conductance
from mtjspice.spec.base import Floats
from mtjspice.spec.cell import Cell, SelectorCell
from mtjspice.spec.mtj import Mtj

HALVINGS = 100
"""Of the interval of a junction's voltage: next to nothing may be left over it."""


class Series(Protocol):
    """A law in series with junctions; the currents are [tile, vector, row, column]."""

    @property
    def current_scale(self) -> float:
        """The largest current that it is known for, A."""
        ...

    def volts(self, current: Tensor, potential: Tensor) -> Tensor:
        """Voltage over it, V, for currents, A, and potentials of the output lines, V."""
        ...

    def slopes(self, current: Tensor, potential: Tensor) -> tuple[Tensor, Tensor]:
        """Derivatives of `volts` with respect to current, Ω, and potential, 1."""
        ...

    def at_rest(self) -> Tensor:
        """Resistance without current, Ω; it broadcasts to [tile, 1, row, column]."""
        ...


@dataclass(frozen=True)
class Selector:
    """``V = v_0 asinh(i/i_0)``, which is ``i = i_0 sinh(V/v_0)``; known for any current.

    Attributes:
        i_0: 0-d, A.
        v_0: 0-d, V.
    """

    i_0: Tensor
    v_0: Tensor

    @classmethod
    def of(cls, cell: SelectorCell) -> "Selector":
        """That of a kind of cell, in float64."""
        return cls(*(torch.tensor(x, dtype=torch.float64) for x in (cell.i_0, cell.v_0)))

    @property
    def current_scale(self) -> float:
        """Without end."""
        return float("inf")

    def volts(self, current: Tensor, potential: Tensor) -> Tensor:
        """Voltage over the selectors, V; the potential changes nothing."""
        return self.v_0 * torch.asinh(current / self.i_0)

    def slopes(self, current: Tensor, potential: Tensor) -> tuple[Tensor, Tensor]:
        """Derivatives of `volts`."""
        return self.v_0 / torch.hypot(current, self.i_0), torch.zeros_like(current)

    def at_rest(self) -> Tensor:
        """v_0/i_0, Ω."""
        return (self.v_0 / self.i_0).reshape(1, 1, 1, 1)


LAWS: Mapping[str, Callable[[Any], Series]] = {"selector": Selector.of}
"""The law of each kind of cell whose `series` is ``own``."""


def own_law(cell: Cell) -> Series | None:
    """The law that a kind of cell has of its own in series with the junction, if it has one."""
    return LAWS[cell.kind](cell) if cell.series == "own" else None


def series_volts(law: Series, amperes: npt.ArrayLike) -> Floats:
    """Voltage over a law in series that does not depend on the potential, V, for currents, A."""
    current = torch.from_numpy(np.asarray(amperes, dtype=np.float64))
    return np.asarray(law.volts(current, torch.zeros_like(current)).numpy())


def series_slope(law: Series, amperes: float) -> float:
    """Differential resistance of such a law at a current, Ω."""
    current = torch.tensor(amperes, dtype=torch.float64)
    return float(law.slopes(current, torch.zeros_like(current))[0])


def junction_volts(
    law: Series,
    volts: npt.ArrayLike,
    ohms: float,
    state: npt.ArrayLike,
    r_p: npt.ArrayLike,
    tmr0: npt.ArrayLike,
    mtj: Mtj,
) -> Floats:
    """What a junction gets of the voltage over its cell, V, all from 0; arrays broadcast.

    Args:
        law: in series with it.
        volts: over junction, series law and resistance, V.
        ohms: in series as well.
        state: 0 P, 1 AP.
        r_p: parallel resistance, Ω.
        tmr0: magnetoresistance ratio at zero bias.
        mtj: the nominal junction, for the bias dependence.
    """
    whole = np.asarray(volts, dtype=np.float64)
    high = np.broadcast_to(whole, np.broadcast(whole, state, r_p, tmr0).shape).copy()
    low = np.zeros_like(high)
    for _ in range(HALVINGS):  # what is over all of it rises with the current
        middle = (low + high) / 2
        amperes = conductance.current(middle, state, r_p, tmr0, mtj)
        beyond = middle + ohms * amperes + series_volts(law, amperes) > whole
        low, high = np.where(beyond, low, middle), np.where(beyond, middle, high)
    return (low + high) / 2
