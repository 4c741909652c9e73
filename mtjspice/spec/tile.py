"""An array with its states written."""

from mtjspice.spec.base import Spec, StateMatrix, TileIndex


class ProgrammedTile(Spec):
    """The target states of one tile.

    Attributes:
        states: uint8 [row, column], 0 is P (low resistance), 1 is AP.
        index: which tile of the die this is; it selects the draw of variation and the defects.

    Example:
        >>> from mtjspice import ProgrammedTile
        >>> ProgrammedTile(states=["PAP", "APA"]).states.tolist()
        [[0, 1, 0], [1, 0, 1]]
    """

    states: StateMatrix
    index: TileIndex = 0
