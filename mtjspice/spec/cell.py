"""What sits at a crossing of two lines."""

from typing import Literal

from mtjspice.spec.base import Spec
from mtjspice.spec.mtj import Mtj


class PassiveCell(Spec):
    """One junction between the word line (row) and the bit line (column)."""

    kind: Literal["passive"] = "passive"
    mtj: Mtj = Mtj()


Cell = PassiveCell
"""The cell kinds; further kinds join here as a union told apart by ``kind``."""
