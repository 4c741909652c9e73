"""What dies have drawn: junctions and transistors, kept for the reads that follow."""

from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor

from mtjspice.device.variation import Junctions, draw_normal, draw_spread, with_defects
from mtjspice.spec.base import Floats
from mtjspice.spec.die import Die
from mtjspice.spec.experiment import Experiment
from mtjspice.surrogate.access import AccessModel


@dataclass(frozen=True)
class Drawn:
    """What a die has drawn for a whole tile.

    Attributes:
        spread: parallel resistance, Ω, and magnetoresistance ratio, float64 [row, column].
        shifts: threshold shifts of the netlist's transistors, V, [row, column, transistor].
    """

    spread: tuple[Floats, Floats]
    shifts: Tensor


Memory = dict[tuple[Die, int], Drawn]
"""By die and number of the tile; of one crossbar, access device and temperature."""


def drawn_junctions(
    e: Experiment, access: AccessModel | None, memory: Memory, kept: range
) -> tuple[Junctions, Tensor]:
    """Junctions and threshold shifts of the rows that are kept."""
    place = e.die, e.tile.index
    if place not in memory:
        sigma = np.array(access.threshold_sigma if access else ())
        z = draw_normal(e.die.seed, e.tile.index, (*e.crossbar.shape, len(sigma)))
        mtj, celsius = e.crossbar.cell.mtj, e.technology.temperature
        memory[place] = Drawn(
            draw_spread(mtj, e.tile.index, e.die, e.crossbar.shape, celsius),
            torch.from_numpy(np.round(e.die.mismatch * sigma * z, 9)),
        )
    drawn, rows = memory[place], slice(kept.start, kept.stop)
    whole = with_defects(drawn.spread, e.tile, e.die)
    return Junctions(*(getattr(whole, f.name)[rows] for f in fields(whole))), drawn.shifts[rows]
