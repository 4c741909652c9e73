"""The yield that follows from reads that fail beyond a plane, and from single defects.

What reads have in common is not drawn anew for each of them: a line has one offset, for all of its
rows and both sides, and a die one R_P and one TMR. Given these, reads are independent, and what
they come to is summed over an even grid of the shared numbers (the trapezoidal rule).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special, stats

from mtjspice.layout.findings import Floats
from mtjspice.layout.montecarlo import row_groups
from mtjspice.layout.plane import Read
from mtjspice.spec.layout import Layout

ALMOST = 1 - 1e-15
"""A probability whose complement has a logarithm."""
FARTHEST = 6.0
"""Shared numbers that are summed over, in standard deviations."""
NODES, FEWEST = 200_000, 17
"""Of the grid at most, and along each shared number at least."""
DIE_FINER = 2.0
"""Steps along a number of the die in the width within which one line changes: with many lines the
array changes faster."""
FINE = 0.002
"""The least own part of a read, as a standard deviation; larger where the grid would be too large.
"""


@dataclass(frozen=True)
class Spared:
    """Chances that defects leave alone, as logarithms.

    Attributes:
        line: that no defect makes a line bad.
        array: that no defect makes more lines bad at once than may be.
    """

    line: float = 0.0
    array: float = 0.0


def yield_of(layout: Layout, reads: Sequence[Sequence[Sequence[Read]]], spared: Spared) -> float:
    """The share of good arrays.

    Args:
        layout: whose groups of rows, columns and replaceable lines count.
        reads: [side][block][line], of one to three blocks of rows and lines that stand for all.
        spared: by defects.
    """
    grid = _Grid.of(np.array([[[r.shared for r in b] for b in side] for side in reads]))
    distance = np.array([[[r.distance for r in b] for b in side] for side in reads])
    groups = len(row_groups(layout))
    of_lines = []
    for line in range(distance.shape[2]):
        right = groups * sum(
            even * _right(distance[side, block, line], grid.shared[side, block, line], grid)
            for side in range(distance.shape[0])
            for block, even in enumerate(EVEN[distance.shape[1]])
        )
        wrong = -np.expm1(right) @ grid.weights[2]  # over the offset of the line
        of_lines.append(np.log1p(-np.minimum(wrong, ALMOST)))
    whole = sum(even * one for even, one in zip(EVEN[len(of_lines)], of_lines, strict=True))
    bad = -np.expm1(whole + spared.line)
    good = stats.binom.cdf(layout.defects.bad_lines, layout.crossbar.columns, bad)
    return math.exp(spared.array) * float(grid.weights[0] @ good @ grid.weights[1])


EVEN = {1: (1.0,), 2: (0.5, 0.5), 3: (0.25, 0.5, 0.25)}
"""Weights of one to three places that are evenly spaced, for what changes evenly in between."""


@dataclass(frozen=True)
class _Grid:
    """Shared numbers that are summed over: R_P of the die, TMR of the die, offset of a line.

    Attributes:
        axes: standard normal numbers of each; the zero alone of one that nothing hangs on.
        weights: of these.
        shared: as of reads, [side, block, line, number]; no longer than the grid can follow.
    """

    axes: tuple[Floats, ...]
    weights: tuple[Floats, ...]
    shared: Floats

    @classmethod
    def of(cls, shared: Floats) -> "_Grid":
        """A grid as fine as may be, whose steps are the least own part of a read."""
        own = FINE
        while math.prod(counts := _counts(shared.reshape(-1, 3), own)) > NODES:
            own *= 1.1
        length = np.sqrt((shared**2).sum(-1, keepdims=True))
        longest = math.sqrt(1 - own**2)
        short = shared * longest / np.maximum(length, longest)
        axes = tuple(
            np.linspace(-FARTHEST, FARTHEST, count) if count > 1 else np.zeros(1)
            for count in counts
        )
        weights = tuple(w / w.sum() for w in (np.exp(-(axis**2) / 2) for axis in axes))
        return cls(axes, weights, short)


def _counts(shared: Floats, own: float) -> list[int]:
    """Nodes along each shared number, an odd number of them.

    The offset has to be followed as finely as reads fail of their own. What is left when it has
    been summed over changes along the numbers of the die as the offset smoothes it.
    """
    part = np.abs(shared)
    smooth = np.hypot(np.sqrt(np.maximum(1 - (part**2).sum(1), own**2)), part[:, 2])
    half = FARTHEST * np.stack([part[:, 0] / smooth, part[:, 1] / smooth, part[:, 2] / own])
    half[:2] *= DIE_FINER
    return [
        max(FEWEST, 2 * math.ceil(n) + 1) if there else 1
        for n, there in zip(half.max(1), part.max(0) > 0, strict=True)
    ]


def _right(distance: float, shared: Floats, grid: _Grid) -> npt.NDArray[np.float64]:
    """Ln of the probability that a read is right, on the grid [R_P, TMR, offset]."""
    r_p, tmr, offset = (part * axis for part, axis in zip(shared, grid.axes, strict=True))
    moved = r_p[:, None, None] + tmr[:, None] + offset
    own = math.sqrt(1 - float(shared @ shared))
    return np.asarray(special.log_ndtr((distance - moved) / own))
