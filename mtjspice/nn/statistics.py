"""What dies are like: the distribution that networks are trained for, and dies drawn from it."""

from dataclasses import dataclass, field

from mtjspice.device.dies import draw_dies
from mtjspice.spec.defects import DEFECTS
from mtjspice.spec.die import Defect, Die
from mtjspice.spec.rates import DefectRates
from mtjspice.spec.training import Hardware


@dataclass(frozen=True)
class DieStatistics:
    """Spread of junctions and transistors, and how often what is defective.

    Args:
        spread: of a die; its seed and defects are drawn.
        rates: of defects.
        shape: rows and columns of a tile.
        tiles: of a die.

    Example:
        >>> from mtjspice import DefectRates
        >>> from mtjspice.nn import DieStatistics
        >>> dies = DieStatistics(rates=DefectRates(short=0.003)).sample(2, seed=7)
        >>> [len(die.shorts()) for die in dies]
        [61, 66]
    """

    spread: Die = field(default_factory=lambda: Hardware().spread)
    rates: DefectRates = field(default_factory=DefectRates)
    shape: tuple[int, int] = (25, 25)
    tiles: int = 32

    def sample(self, count: int, seed: int = 0) -> tuple[Die, ...]:
        """So many dies; the first of them do not depend on how many are drawn.

        Args:
            count: of dies.
            seed: of the draw.
        """
        return draw_dies(self.spread, self.rates, self.shape, self.tiles, count, seed)

    def hardware(self, dies: int) -> Hardware:
        """The same for a network that spans so many dies."""
        return Hardware(spread=self.spread, rates=self.rates, tiles=self.tiles, dies=dies)

    def examples(self) -> tuple[Die, ...]:
        """A die with the spread alone, and one with one defect for every kind that is drawn."""
        drawn = [
            {"kind": kind} | dict.fromkeys(about.place, 0)
            for kind, about in DEFECTS.items()
            if getattr(self.rates, about.rate) > 0 and min(about.last(self.shape)) >= 0
        ]
        defects = [(Defect.model_validate(one),) for one in drawn]
        return self.spread, *(self.spread.replace(defects=one) for one in defects)
