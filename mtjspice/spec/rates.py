"""How often things go wrong: the distribution that the defects of dies are drawn from."""

from typing import Annotated

from mtjspice.spec.base import LATER, MOST_LINES, Extended, Share, Tiles
from mtjspice.spec.ranges import Within

MeanLines = Annotated[
    float, Within("1", 0, 2 * MOST_LINES, "a mean number of lines of a tile", usual=(0, 10))
]
"""A mean number of lines of a tile, 0 to 8192."""


class DefectRates(Extended):
    """Defects of dies: junctions each by themselves, and whole lines.

    A junction has one defect at most; of several, the first of short, open, stuck P, stuck AP and
    weak. The defaults are the reference statistics of borders2024.

    Attributes:
        short: share of shorted junctions.
        open: share of open junctions.
        stuck_p: share of junctions that stay P.
        stuck_ap: share of junctions that stay AP.
        weak: share of junctions that have `Die.weak_factor` times the resistance they would have.
        dead_lines: mean number of dead lines of a tile; rows and columns alike.
        bridged_lines: mean number of pairs of neighbouring lines of a tile that are shorted.
        tiles_per_row: so many consecutive tiles share their rows: a dead row is dead in all.
        tiles_per_column: the same of columns.

    Example:
        >>> from mtjspice import DefectRates
        >>> DefectRates(short=0.002).stuck_p
        0.0025
    """

    short: Share = 0.001
    open: Share = 0.0
    stuck_p: Share = 0.0025
    stuck_ap: Share = 0.0025
    weak: Annotated[Share, LATER] = 0.0
    dead_lines: MeanLines = 0.125
    bridged_lines: MeanLines = 0.0
    tiles_per_row: Tiles = 1
    tiles_per_column: Tiles = 1
