"""What borders2024 finds, as data."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from mtjspice.reproduce.borders2024.spec import Borders
from mtjspice.spec.die import Die
from mtjspice.verdicts.figures import Figure, Verdict, verdict_of
from mtjspice.verdicts.intervals import of_share

Floats = npt.NDArray[np.float64]

UNAWARE, AWARE = "unaware", "statistics-aware"
UNAWARE_SHAPED, AWARE_PLAIN = "unaware, redundant shape", "statistics-aware, plain shape"
OWN, OTHERS = "hardware-aware, own die", "hardware-aware, other dies"
RETRAINED = "statistics-aware, trained for the rate"
DEEP = "deep"
TIME = "wall time"
HIGH = 0.003
"""The short rate that the second promise is about."""


@dataclass(frozen=True)
class Judged:
    """Errors of one kind of weights.

    Attributes:
        errors: shares of wrong test samples.
        corrected: the same after the per-die digital correction; None where it was not made.
    """

    errors: Floats
    corrected: Floats | None = None


@dataclass(frozen=True)
class Audit:
    """The same images on the same die in SPICE and at the surrogate's level.

    Attributes:
        images: how many.
        equal: share of equal classes.
        largest: largest difference of an output, in standard deviations of the outputs.
        simulations: tiles simulated.
    """

    images: int
    equal: float
    largest: float
    simulations: int

    @property
    def bound(self) -> float:
        """Least share of equal classes at 95 % confidence, one-sided (Clopper–Pearson)."""
        same = round(self.equal * self.images)
        return of_share(same, self.images, 0.9).low


@dataclass
class Findings:
    """All that the report rests on. Axes stand behind each line.

    Attributes:
        software: by kind of weights, error without any circuit, [seed].
        dies: by kind of weights, on dies of the reference statistics, [seed or die, die].
        high: the same at 0.3 % shorts, for weights trained for them, [seed, die].
        by_rate: by kind of weights, [short rate, die].
        by_factor: by kind of weights, [factor on all rates, die].
        defects: number of defects of a die, [factor, die].
        along: by kind of weights, mean loss, [draw, share of the draw].
        deep: by kind of weights, [die]; in `software` the unaware one is first.
        audit: in SPICE; None where none was asked for.
        first_die: the first of the dies.
        networks: number of weights trained or found.
        test_samples: that every error is a share of.
        times: wall seconds of each step.
        notes: what had to be made anew, since what was found could not be used.
    """

    software: dict[str, Floats] = field(default_factory=dict)
    dies: dict[str, Judged] = field(default_factory=dict)
    high: Judged | None = None
    by_rate: dict[str, Floats] = field(default_factory=dict)
    by_factor: dict[str, Floats] = field(default_factory=dict)
    defects: Floats = field(default_factory=lambda: np.zeros((0, 0)))
    along: dict[str, Floats] = field(default_factory=dict)
    deep: dict[str, Floats] = field(default_factory=dict)
    audit: Audit | None = None
    first_die: Die = Die()  # noqa: RUF009, frozen
    networks: int = 0
    test_samples: int = 0
    times: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class BordersStory:
    """Everything that the report tells.

    Attributes:
        spec: what was done.
        data: source of the samples.
        tile: rows and columns.
        found: what it rests on.
        figures: the stated numbers.
        warnings: what to know before trusting them.
        versions: of all that computed.
    """

    spec: Borders
    data: str
    tile: tuple[int, int]
    found: Findings
    figures: list[Figure]
    warnings: list[str]
    versions: dict[str, str]

    @property
    def verdict(self) -> Verdict:
        """What the limits come to, but for that of the time, which depends on the machine."""
        return verdict_of([figure for figure in self.figures if figure.name != TIME])

    @property
    def title(self) -> str:
        """Of page and table; it says what the data are."""
        return f"{self.spec.name}: {self.data}"
