"""What dies have drawn: junctions and transistors, kept for the reads that follow."""

from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor

from mtjspice.device.variation import Junctions, draw_normal, draw_spread, with_defects
from mtjspice.solver.access import AccessModel
from mtjspice.solver.leakage import Leakage
from mtjspice.spec.base import Floats
from mtjspice.spec.die import Die
from mtjspice.spec.experiment import Experiment


@dataclass(frozen=True)
class Drawn:
    """What a die has drawn for a whole tile.

    Attributes:
        spread: parallel resistance, Ω, and magnetoresistance ratio, float64 [row, column].
        shifts: threshold shifts of the netlist's transistors, V, [row, column, transistor].
        strength: by how much more than a nominal one each cell leaks that is off, [row, column].
    """

    spread: tuple[Floats, Floats]
    shifts: Tensor
    strength: Tensor


Memory = dict[tuple[Die, int], Drawn]
"""By die and number of the tile; of one crossbar, access device and temperature."""


def drawn_junctions(
    e: Experiment, devices: tuple[AccessModel | None, Leakage | None], memory: Memory, kept: range
) -> tuple[Junctions, Tensor]:
    """Junctions and threshold shifts of the rows that are kept."""
    place = e.die, e.tile.index
    if place not in memory:
        memory[place] = _draw(e, *devices)
    drawn, rows = memory[place], slice(kept.start, kept.stop)
    whole = with_defects(drawn.spread, e.tile, e.die)
    return Junctions(*(getattr(whole, f.name)[rows] for f in fields(whole))), drawn.shifts[rows]


def _draw(e: Experiment, access: AccessModel | None, leakage: Leakage | None) -> Drawn:
    sigma = np.array(access.threshold_sigma if access else ())
    z = draw_normal(e.die.seed, e.tile.index, (*e.crossbar.shape, len(sigma)))
    mtj, celsius = e.crossbar.cell.mtj, e.technology.temperature
    spread = draw_spread(mtj, e.tile.index, e.die, e.crossbar.shape, celsius)
    shifts = torch.from_numpy(np.round(e.die.mismatch * sigma * z, 9))
    strength = torch.ones(e.crossbar.shape, dtype=torch.float64)
    if leakage is not None:
        closed = torch.from_numpy(~with_defects(spread, e.tile, e.die).open)
        strength = closed * leakage.strength(shifts)
    return Drawn(spread, shifts, strength)
