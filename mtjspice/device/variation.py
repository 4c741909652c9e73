"""Junctions of one tile as they came out of the factory: spread and defects applied."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import assert_never

import numpy as np
import numpy.typing as npt

from mtjspice.device.temperature import ROOM, tmr_at
from mtjspice.spec.defects import Bridged, Cut, Opened, Shorted, Stuck, Weakened
from mtjspice.spec.die import Die
from mtjspice.spec.mtj import Mtj
from mtjspice.spec.tile import ProgrammedTile

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Junctions:
    """The junctions of a tile, as simulated at every level.

    Attributes:
        r_p: float64 [row, column], parallel resistance, Ω, that of weak junctions as it is.
        tmr0: float64 [row, column].
        state: uint8 [row, column], 0 P, 1 AP, stuck junctions in the state they are stuck in.
        short: bool [row, column].
        open: bool [row, column].
    """

    r_p: Floats
    tmr0: Floats
    state: npt.NDArray[np.uint8]
    short: npt.NDArray[np.bool_]
    open: npt.NDArray[np.bool_]

    def __eq__(self, other: object) -> bool:
        """Whether the other tile has the same junctions."""
        if not isinstance(other, Junctions):
            return NotImplemented
        names = (one.name for one in fields(self))
        return all(np.array_equal(getattr(self, n), getattr(other, n)) for n in names)

    __hash__ = None  # type: ignore[assignment]  # arrays can change


@dataclass(frozen=True)
class Devices:
    """What the cells of a tile are made of, each with its own spread.

    Attributes:
        junctions: of every cell.
        shifts: threshold shift of every transistor, V, by (row, column); empty without any.
    """

    junctions: Junctions
    shifts: Mapping[tuple[int, int], tuple[float, ...]]


def draw_normal(seed: int, tile: int, shape: tuple[int, ...]) -> Floats:
    """Standard normal numbers for what differs from transistor to transistor of a tile."""
    return np.random.default_rng([seed, 2, tile]).standard_normal(shape)


def diameters(mtj: Mtj, die: Die, shape: tuple[int, int]) -> Floats:
    """Nominal diameter of each junction of a tile, m, float64 [row, column]."""
    if die.diameters is None:
        return np.full(shape, mtj.diameter)
    rows = die.diameters.along == "rows"
    steps = np.linspace(die.diameters.low, die.diameters.high, shape[0 if rows else 1])
    return np.array(np.broadcast_to(steps[:, None] if rows else steps, shape))


def draw_junctions(
    mtj: Mtj, tile: ProgrammedTile, die: Die, temperature: float = ROOM
) -> Junctions:
    """Apply a die's spread and defects to a tile.

    R_P and TMR0 are log-normal around the nominal junction of the place, whose R_P goes with one
    over the area where diameters differ: both are positive, and the resistance
    of a tunnel barrier is exponential in its thickness, which is what varies. The draw depends on
    the die's seed and the tile's index only, so a tile keeps its junctions when it is rewritten.

    Args:
        mtj: the nominal junction at 27 °C.
        tile: target states.
        die: spread and defects.
        temperature: °C; it changes the magnetoresistance.
    """
    spread = draw_spread(mtj, tile.index, die, tile.states.shape, temperature)
    return with_defects(spread, tile, die)


def draw_spread(
    mtj: Mtj, index: int, die: Die, shape: tuple[int, int], temperature: float = ROOM
) -> tuple[Floats, Floats]:
    """Parallel resistance, Ω, and magnetoresistance ratio of each junction of a tile.

    Args:
        mtj: nominal junction.
        index: of the tile.
        die: with the spread and the seed.
        shape: rows and columns of the tile.
        temperature: °C; it changes the magnetoresistance.
    """
    of_tile = np.random.default_rng([die.seed, 1, index])
    ln_rp, ln_tmr = common_spread(die)
    z = of_tile.standard_normal((2, *shape))
    # Rounded, because the last bit of exp differs between processors, and netlists should not.
    size = np.round((mtj.diameter / diameters(mtj, die, shape)) ** 2, 12)
    spread = np.round(np.exp(ln_rp + die.sigma_ln_rp * z[0]), 12)
    r_p = mtj.r_p * (size * spread)
    tmr0 = tmr_at(mtj.tmr0, temperature, mtj.decay) * np.round(
        np.exp(ln_tmr + die.sigma_ln_tmr * z[1]), 12
    )
    return r_p, tmr0


def common_spread(die: Die) -> tuple[float, float]:
    """What all junctions of a die have in common: added to ln R_P, and to ln TMR0."""
    z = np.random.default_rng([die.seed, 0]).standard_normal(2)
    return die.sigma_ln_rp_die * float(z[0]), die.sigma_ln_tmr_die * float(z[1])


def with_defects(spread: tuple[Floats, Floats], tile: ProgrammedTile, die: Die) -> Junctions:
    """The junctions of a tile, of the resistances and ratios that were drawn."""
    shape, r_p, tmr0 = tile.states.shape, spread[0].copy(), spread[1]
    state = np.array(tile.states, dtype=np.uint8)
    short = np.zeros(shape, dtype=np.bool_)
    is_open = np.zeros(shape, dtype=np.bool_)
    for defect in die.of_tile(tile.index):
        place, effect = (defect.row, defect.column), defect.about.effect
        match effect:
            case Shorted():
                short[place] = True
            case Opened():
                is_open[place] = True
            case Stuck(to):
                state[place] = to
            case Weakened():
                r_p[place] *= die.weak_factor
            case Cut() | Bridged():
                pass  # lines are the netlist's business
            case _:
                assert_never(effect)
    return Junctions(r_p=r_p, tmr0=tmr0, state=state, short=short, open=is_open)
