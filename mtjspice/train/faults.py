"""Defects and spread as they change the matrices of a layer, drawn for training.

For one die the effective conductance of a pair is ``A + M w``, with w what it is on the nominal
die. Spread adds to A; a defective junction adds the mean of what it conducts written P and written
AP, less that of a sound one, and of what the weight does it leaves half, since one junction of the
pair still answers to it, and half of what it answers itself: a short, an open or a stuck one
nothing. A dead row leaves nothing; a dead column leaves the other line of the pair, unbalanced.
That is exact for the weights −1 and 1; for 0 it is half a unit off where a junction answers to
nothing, and the spread is taken as that of a P and an AP junction. A pool of such pairs (A, M) is
drawn from time to time, so that a step costs one multiplication and addition for each draw.

This is the training's model of a die: bridged lines, lines that tiles share and the spread from die
to die are not in it. Trained weights are judged by the circuit with its defects, which has all of
them, and wires besides.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from mtjspice.spec.defects import DEFECTS, DefectKind
from mtjspice.spec.rates import DefectRates
from mtjspice.train.tiles import Placement


@dataclass(frozen=True)
class CellUnits:
    """Effective conductances of cells on the nominal die, in units of P − AP.

    Attributes:
        p: of a cell in P.
        ap: of a cell in AP.
        spread: standard deviation of a pair's difference from junction to junction.
        broken: by kind of defect, of a cell that has it, written P and written AP; of the kinds
            that are drawn, in the order of their table.
    """

    p: float
    ap: float
    spread: float
    broken: Mapping[DefectKind, tuple[float, float]]

    @property
    def middle(self) -> float:
        """Mean of the two states."""
        return (self.p + self.ap) / 2


class Pool(NamedTuple):
    """Draws for one layer; each tensor is [draw, group, row, line]."""

    added: Tensor
    kept: Tensor

    def of(self, first: int, count: int, matrix: Tensor) -> Tensor:
        """The matrices [die, group, row, line] of consecutive draws."""
        last = first + count
        return torch.addcmul(self.added[first:last], self.kept[first:last], matrix)


def draw_pool(
    placement: Placement,
    cells: CellUnits,
    rates: DefectRates,
    draws: int,
    generator: torch.Generator,
) -> Pool:
    """Defects and spread of so many dies for one layer.

    Args:
        placement: of the layer.
        cells: what cells are worth.
        rates: of defects.
        draws: how many dies.
        generator: of the draw.
    """
    shape = (draws, *placement.shape)
    added = torch.randn(shape, generator=generator).mul_(cells.spread)
    kept = torch.ones(shape)
    changes = {kind: (p + ap) / 2 - cells.middle for kind, (p, ap) in cells.broken.items()}
    # What changes a pair least is drawn first; P and AP, which change it alike, as in the table.
    for kind, change in sorted(changes.items(), key=lambda one: round(abs(one[1]), 9)):
        p, ap = cells.broken[kind]
        # Two junctions of a pair: which of them it is, the sign says.
        where = _points(added.numel(), 2 * getattr(rates, DEFECTS[kind].rate), generator)
        sign = 2.0 * torch.randint(0, 2, where.shape, generator=generator) - 1
        added.view(-1)[where] += sign * change
        kept.view(-1)[where] *= (1 + p - ap) / 2
    _dead_lines(placement, cells, rates.dead_lines, added, kept, generator)
    return Pool(added, kept)


def _points(places: int, rate: float, generator: torch.Generator) -> Tensor:
    """Places that something happens at, int64; a Poisson number of them."""
    mean = torch.tensor(places * rate, dtype=torch.float64)
    count = int(torch.poisson(mean, generator=generator))
    return torch.randint(0, places, (count,), generator=generator)


def _dead_lines(
    placement: Placement,
    cells: CellUnits,
    rate: float,
    added: Tensor,
    kept: Tensor,
    generator: torch.Generator,
) -> None:
    """Dead lines, `rate` of them on a tile, half of them rows; in place."""
    draws, groups, rows, outputs = added.shape
    blocks = placement.blocks
    place = torch.arange(outputs)
    for rows_die in (False, True):  # a dead row leaves nothing on a dead column either
        lines = placement.rows if rows_die else placement.columns
        tile = _points(draws * groups * blocks, rate / 2, generator)
        line = torch.randint(0, lines, tile.shape, generator=generator)
        draw, group, block = tile // (groups * blocks), tile // blocks % groups, tile % blocks
        if rows_die:
            used = line < rows
            mine = place[None] // placement.pairs == block[used, None]  # [event, output]
            event, output = mine.nonzero(as_tuple=True)
            at = (draw[used][event], group[used][event], line[used][event], output)
            added[at], kept[at] = 0.0, 0.0
        else:
            output = block * placement.pairs + line // 2
            used = (line < 2 * placement.pairs) & (output < outputs)
            draw, group, output, line = draw[used], group[used], output[used], line[used]
            sign = 2.0 * (line % 2) - 1  # without the (+) line the (−) line is left
            added[draw, group, :, output] = (sign * cells.middle)[:, None]
            kept[draw, group, :, output] = 0.5
