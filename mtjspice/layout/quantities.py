"""What a layout is judged on and under what: quantities and conditions."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

MOST_HEADROOM = 10.0
"""That of something that does not happen at all."""
SWITCHING = ("read_disturb", "life_disturb", "write_error", "half_select")
"""Probabilities that cells switch, each of the worst of the array's cells; `_mean` of all."""
PROBABILITIES = frozenset(
    {"array_yield", "line_failure", *SWITCHING, *(f"{name}_mean" for name in SWITCHING)}
)
"""Quantities whose headroom is told in decades."""


@dataclass(frozen=True)
class Quantity:
    """Something that a limit can be set on.

    Attributes:
        name: key of the limit.
        title: in words.
        unit: of its values; empty for a number, ``share`` for a share.
        better: whether lower or higher values are better.
        section: of the report: read, sense, time, disturb.
    """

    name: str
    title: str
    unit: str
    better: Literal["low", "high"]
    section: Literal["read", "sense", "time", "disturb"]

    def holds(self, value: float, limit: float) -> bool:
        """Whether a value keeps a limit."""
        return value <= limit if self.better == "low" else value >= limit

    def headroom(self, value: float, limit: float) -> float | None:
        """How far a value is from its limit, as a share of the limit; negative beyond it.

        Of probabilities the logarithms count, for a yield that of the loss: with a limit of 1e-4
        there is 50 % of headroom at 1e-6. None where the limit is zero.
        """
        if self.name in PROBABILITIES:
            lost, allowed = (1 - x if self.better == "high" else x for x in (value, limit))
            if not 0 < allowed < 1:
                return None
            if not 0 < lost < 1:
                return MOST_HEADROOM if lost <= 0 else -1.0
            return min(math.log(lost) / math.log(allowed) - 1, MOST_HEADROOM)
        if limit == 0:
            return None
        distance = (limit - value) / abs(limit)
        return distance if self.better == "low" else -distance

    def worse(self, one: float, other: float) -> bool:
        """Whether the one value is worse than the other."""
        return one > other if self.better == "low" else one < other


QUANTITIES: Mapping[str, Quantity] = {
    q.name: q
    for q in (
        Quantity("ir_drop", "read voltage missing over a cell", "share", "low", "read"),
        Quantity("current_error", "output current error", "share of full scale", "low", "read"),
        Quantity("tuned_error", "error after the best gain", "share of full scale", "low", "read"),
        Quantity("nonlinearity", "nonlinearity", "share of full scale", "low", "read"),
        Quantity("sneak", "sneak share of a line's current", "share", "low", "read"),
        Quantity("margin", "sense margin", "V", "high", "sense"),
        Quantity("margin_sigmas", "sense margin in offset sigmas", "σ", "high", "sense"),
        Quantity("array_yield", "yield of arrays, lower bound", "share", "high", "sense"),
        Quantity("line_failure", "failure of the worst line, upper bound", "share", "low",
                 "sense"),
        Quantity("settling", "settling time", "s", "low", "time"),
        Quantity("decision_time", "decision time of the latch", "s", "low", "time"),
        Quantity("read_period", "shortest read period", "s", "low", "time"),
        Quantity("energy", "energy of a read of all lines", "J", "low", "time"),
        Quantity("operations_per_joule", "operations per joule", "op/J", "high", "time"),
        Quantity("read_disturb", "disturb by a read, worst cell", "share", "low", "disturb"),
        Quantity("read_disturb_mean", "disturb by a read, mean over cells", "share", "low",
                 "disturb"),
        Quantity("life_disturb", "disturb over all reads of a life, worst cell", "share", "low",
                 "disturb"),
        Quantity("life_disturb_mean", "disturb over all reads of a life, mean over cells", "share",
                 "low", "disturb"),
        Quantity("write_voltage", "voltage over the worst written junction", "V", "high",
                 "disturb"),
        Quantity("write_error", "write error of the worst cell", "share", "low", "disturb"),
        Quantity("write_error_mean", "write error, mean over cells", "share", "low", "disturb"),
        Quantity("half_select", "half-selected cell switched in its life, worst cell", "share",
                 "low", "disturb"),
        Quantity("half_select_mean", "half-selected cell switched in its life, mean over cells",
                 "share", "low", "disturb"),
    )
}  # fmt: skip
"""Everything that a limit can be set on, by name, in the order of the report."""


@dataclass(frozen=True)
class Condition:
    """A process corner with a supply and a temperature.

    Attributes:
        process: section of the transistors' card.
        supply: factor on the supplies.
        temperature: °C.
    """

    process: str
    supply: float
    temperature: float

    def __str__(self) -> str:
        return f"{self.process}, {self.supply:g} × supply, {self.temperature:g} °C"
