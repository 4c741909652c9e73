"""What a calibration finds, as data."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from mtjspice.spec.base import Floats
from mtjspice.spec.unusual import unusual
from mtjspice.surrogate.card import Card
from mtjspice.verdicts.figures import Figure, Verdict

Pooled = Mapping[str, Floats]
"""``error`` and ``current`` (shares of full scale), ``column``, ``cells``: flat, a read each."""


@dataclass(frozen=True)
class WorstCase:
    """A read with a large error, and the netlist that gives it again.

    Attributes:
        name: of the run.
        vector: which of its input vectors.
        column: which output.
        spice: A.
        surrogate: A.
        error: share of full scale.
        netlist: path beside the report; plain SPICE runs it.
    """

    name: str
    vector: int
    column: int
    spice: float
    surrogate: float
    error: float
    netlist: str


@dataclass(frozen=True)
class CalibrationStory:
    """What a calibration came to: everything that its report tells.

    Attributes:
        verdict: what the limits come to.
        statement: the verdict in words, with how many limits say nothing of other tiles.
        reach: for which tiles, in a sentence.
        card: the card.
        figures: the stated numbers, with limits.
        failures: a line for each simulation that failed.
        reads: of each group.
        worst: reads with the largest errors.
        times: wall seconds of each step.
        simulations: how many were ``run`` and how many ``found`` from before.
        keys: of all simulations.
        netlists: text of each worst read, by the file that `worst` names.
    """

    verdict: Verdict
    statement: str
    reach: str
    card: Card
    figures: list[Figure]
    failures: list[str]
    reads: dict[str, Pooled]
    worst: list[WorstCase]
    times: dict[str, float]
    simulations: dict[str, int]
    keys: list[str]
    netlists: Mapping[str, str] = field(default_factory=dict)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is unusual in the circuit that the card is for."""
        return unusual(self.card.circuit)
