"""What sits between two lines, in torch: the junction, and what is in series with it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from mtjspice.device.conductance import Coefficients
from mtjspice.solver.series import Series
from mtjspice.spec.mtj import Mtj


@dataclass(frozen=True)
class Access:
    """The access device of gated cells: the voltage over it for the current through it.

    ``V = i ρ(x, y, sign i)``, x = i/i_0, y = b/b_0, where b is the potential of the output line at
    the cell above the read-out's reference, and ``ρ = Σ_jk c_jk x^j y^k`` for either sign of the
    current, plus the same with other coefficients for each volt of a transistor's threshold shift.
    BSIM4 exchanges source and drain with the sign of the current and is not symmetric, so that ρ
    has a kink at zero; c_0k is common to both signs. V is continuous with its slope, and monotone
    where that slope is positive, which calibration checks over the card's range.

    Attributes:
        resistance: [sign, power of x, power of y], c_jk for i ≥ 0 and i < 0, Ω.
        sensitivity: [transistor, sign, power of x, power of y], Ω/V.
        current_scale: i_0, A.
        potential_scale: b_0, V.
    """

    resistance: Tensor
    sensitivity: Tensor
    current_scale: float
    potential_scale: float

    def with_shifts(self, shifts: Tensor) -> "ShiftedAccess":
        """The devices of arrays, for threshold shifts [tile, row, column, transistor], V."""
        own = torch.einsum("ircm,msjk->sjkirc", shifts, self.sensitivity)[:, :, :, :, None]
        whole = self.resistance[..., None, None, None, None] + own
        return ShiftedAccess(whole, self.current_scale, self.potential_scale)


@dataclass(frozen=True)
class ShiftedAccess:
    """Access devices that differ from cell to cell.

    Attributes:
        resistance: [sign, power of x, power of y, tile, 1, row, column], Ω; the axis of length 1 is
            that of the vectors.
        current_scale: i_0, A.
        potential_scale: b_0, V.
    """

    resistance: Tensor
    current_scale: float
    potential_scale: float

    def volts(self, current: Tensor, potential: Tensor) -> Tensor:
        """Voltage over the devices, V, for currents, A, and potentials, V, [tile, vector, ...]."""
        x, y = current / self.current_scale, potential / self.potential_scale
        forward, back = ([_horner(of_x, y) for of_x in side] for side in self.resistance)
        return current * torch.where(x >= 0, _horner(forward, x), _horner(back, x))

    def slopes(self, current: Tensor, potential: Tensor) -> tuple[Tensor, Tensor]:
        """Derivatives of `volts` with respect to current, Ω, and potential, 1."""
        x, y = current / self.current_scale, potential / self.potential_scale
        by_current, by_potential = [], []
        for side in self.resistance:
            inner = [_horner(of_x, y) for of_x in side]
            by_current.append(_horner([(j + 1) * c for j, c in enumerate(inner)], x))
            powers = range(1, side.shape[1])
            slant = [_horner([k * of_x[k] for k in powers], y) for of_x in side]
            by_potential.append(_horner(slant, x))
        return (
            torch.where(x >= 0, by_current[0], by_current[1]),
            current / self.potential_scale * torch.where(x >= 0, by_potential[0], by_potential[1]),
        )

    def at_rest(self) -> Tensor:
        """Resistance without current at the reference, Ω, [tile, 1, row, column]."""
        return self.resistance[0, 0, 0]


@dataclass(frozen=True)
class Cells:
    """The laws of all cells; cells that are shorted, open or off are special values of them.

    The junction is ``I = V (linear + cubic V² − drop/(at + V²))``
    (`mtjspice.device.conductance.Coefficients`); a resistor has `linear` only, an open cell none.

    Attributes:
        linear: [tile, row, column], S.
        cubic: the same shape, S/V².
        drop: the same shape, S·V².
        at: the same shape, V².
        access: in series with the junctions, transistors or a law of its own; None without either.
    """

    linear: Tensor
    cubic: Tensor
    drop: Tensor
    at: Tensor
    access: Series | None = None

    @classmethod
    def resistors(cls, conductance: Tensor) -> Self:
        """Cells that are resistors, from their conductance [tile, row, column], S."""
        zero = torch.zeros_like(conductance)
        return cls(conductance, zero, zero, zero + 1)

    @classmethod
    def stacked(cls, laws: Sequence[Coefficients], access: Series | None = None) -> Self:
        """Tiles one over the other, in float64."""
        linear, cubic, drop, at = (
            torch.stack([torch.from_numpy(law[k].copy()) for law in laws]) for k in range(4)
        )
        return cls(linear, cubic, drop, at, access)

    @classmethod
    def of_junctions(
        cls,
        state: Tensor,
        r_p: Tensor,
        tmr0: Tensor,
        mtj: Mtj,
        access: Series | None = None,
    ) -> Self:
        """Junctions by what makes them; all of it may ask for gradients.

        Args:
            state: [tile, row, column], 0 for P, 1 for AP; between them the law is a mixture, so
                that there is a slope from the one to the other.
            r_p: parallel resistance, Ω, in the shape of `state` or fewer axes.
            tmr0: magnetoresistance ratio at zero bias, as `r_p`.
            mtj: the nominal junction, for the bias dependence that all share.
            access: in series with the junctions.
        """
        r_p, tmr0 = r_p + torch.zeros_like(state), tmr0 + torch.zeros_like(state)
        if math.isinf(mtj.v_half):
            linear = (1 - state) / r_p + state / (r_p * (1 + tmr0))
            drop, at = torch.zeros_like(linear), torch.ones_like(linear)
        else:
            h = mtj.v_half**2
            linear, drop, at = 1 / r_p, state * (h * tmr0 / r_p), h * (1 + tmr0)
        return cls(linear, (1 - state) * (mtj.c_parallel / r_p), drop, at, access)

    @property
    def ohmic(self) -> bool:
        """Whether all cells are plain resistors."""
        return self.access is None and not bool(self.cubic.any() | self.drop.any())

    def current(self, volts: Tensor) -> Tensor:
        """Current through the junctions, A, for volts [tile, vector, row, column]."""
        u = volts * volts
        linear, cubic, drop, at = self._wide()
        return volts * (linear + cubic * u - drop / (at + u))

    def slope(self, volts: Tensor) -> Tensor:
        """Derivative of `current`, S."""
        u = volts * volts
        linear, cubic, drop, at = self._wide()
        lowered = drop / (at + u)
        return linear + 3 * cubic * u - lowered * (1 - 2 * u / (at + u))

    def at_rest(self) -> Tensor:
        """Conductance of the junctions without voltage, S, [tile, row, column]."""
        return self.linear - self.drop / self.at

    def _wide(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The coefficients with an axis for the vectors."""
        return self.linear[:, None], self.cubic[:, None], self.drop[:, None], self.at[:, None]


def _horner(coefficients: Sequence[Tensor] | Tensor, x: Tensor) -> Tensor:
    """Σ_k c_k x^k; the coefficients are those along the first axis, and may be none."""
    if not len(coefficients):
        return torch.zeros_like(x)
    *lower, total = coefficients
    for c in reversed(lower):
        total = total * x + c
    return total
