"""What `mtjspice layout` finds: quantities under conditions, as data."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from mtjspice.device.variation import Devices
from mtjspice.layout.quantities import QUANTITIES, Condition, Quantity
from mtjspice.layout.sizes import Scaling, Sensitivity
from mtjspice.spec.experiment import Experiment
from mtjspice.spec.layout import Layout
from mtjspice.verdicts.figures import Figure, Interval, Verdict, kept, of_holding

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]
States = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Shown:
    """Where the circuit of a finding shows it, and what it takes that the circuit does not have.

    Attributes:
        row: of the cell.
        column: of the cell, or the output line.
        side: ``low`` or ``high``, of a margin.
        given: numbers by name, in SI units; `mtjspice.layout.decks` says which a quantity takes.
        devices: of the cells, in the place of those that the die's seed gives.
        latched: the read of one line with its latch, whose time or energy is a part of the value.
    """

    row: int | None = None
    column: int | None = None
    side: str = ""
    given: Mapping[str, float] = field(default_factory=dict)
    devices: Devices | None = None
    latched: Experiment | None = None


@dataclass(frozen=True)
class Sampled:
    """What samples say of a quantity that is a probability.

    Attributes:
        estimate: of it.
        interval: that it lies in.
        samples: from which both come.
        key: of the spec, that says how many there are.
        by_factors: whether the interval is that of the logarithm.
        counted: of as many samples as they come, how many failed, where the interval of weighted
            ones reaches no less far than counting these allows; else None.
    """

    estimate: float
    interval: Interval
    samples: int
    key: str
    by_factors: bool = False
    counted: int | None = None


@dataclass(frozen=True)
class Finding:
    """A quantity under a condition.

    Attributes:
        quantity: name of it.
        value: in its unit.
        condition: under which.
        level: nodal, spice, RC (a linear network of resistors and capacitors), or closed form.
        where: the worst case in words: cell, line, pattern.
        experiment: that shows the worst case again.
        sampled: of a quantity that is estimated from samples: then `value` is the worse end of its
            interval.
        shown: where in the circuit it shows.
        nominal_cell: of a probability of cells that differ, that of a nominal one; else None.
    """

    quantity: str
    value: float
    condition: Condition
    level: str
    where: str
    experiment: Experiment
    sampled: Sampled | None = None
    shown: Shown = field(default_factory=Shown)
    nominal_cell: float | None = None

    def keeps(self, limit: float) -> bool | None:
        """Whether it keeps a limit; None where its interval lies on both sides."""
        quantity = QUANTITIES[self.quantity]
        if self.sampled is None:
            return quantity.holds(self.value, limit)
        interval = self.sampled.interval
        sign: Literal["<=", ">="] = "<=" if quantity.better == "low" else ">="
        return kept(interval.low, interval.high, limit, sign)


@dataclass(frozen=True)
class Judged:
    """A line of the table of limits.

    Attributes:
        quantity: what it is about.
        worst: its worst value over the conditions.
        nominal: its value under nominal conditions; None where it was not computed.
        limit: None where none was set.
        holds: whether it is kept under every condition; None without a limit, and where samples do
            not decide.
        netlist: file of the worst case, beside the report.
        needed: of a limit that is not decided: what would decide it.
    """

    quantity: Quantity
    worst: Finding
    nominal: Finding | None
    limit: float | None
    holds: bool | None
    netlist: str
    needed: str = ""

    @property
    def verdict(self) -> Verdict | None:
        """Of its limit; None without one."""
        return None if self.limit is None else of_holding(self.holds)

    @property
    def headroom(self) -> float | None:
        """That of the worst value; None without a limit."""
        if self.limit is None:
            return None
        return self.quantity.headroom(self.worst.value, self.limit)


@dataclass(frozen=True)
class VoltageMap:
    """The voltage over every cell in units of the read voltage, for one pattern.

    Attributes:
        pattern: its name.
        states: uint8 [row, column].
        delivered: float64 [row, column], not a number for rows that are not driven.
    """

    pattern: str
    states: States
    delivered: Floats


@dataclass(frozen=True)
class PatternLine:
    """What one pattern comes to under nominal conditions, nodal and in SPICE.

    Attributes:
        pattern: its name.
        ir_drop, current_error, tuned_error, nonlinearity: as the quantities of these names.
        audit: largest difference of an output current from SPICE, of full scale.
    """

    pattern: str
    ir_drop: float
    current_error: float
    tuned_error: float
    nonlinearity: float
    audit: float


@dataclass(frozen=True)
class LineMargins:
    """Margins of the output lines under nominal conditions and in the worst condition.

    Attributes:
        nominal: float64 [line], V.
        worst: the same in the condition with the smallest margin.
        condition: that one.
        line: with the smallest margin in that condition, the one whose netlist is written.
        threshold: V above the reference, under nominal conditions.
        offset: standard deviation of the decision threshold, V, as the layout gives it.
        latch: the same of the latch in the netlists by the mismatch of its own transistors, in the
            condition with the smallest margin; None without a latch or without mismatch.
    """

    nominal: Floats
    worst: Floats
    condition: Condition
    line: int
    threshold: float
    offset: float
    latch: float | None = None

    @property
    def smallest(self) -> float:
        """The smallest margin, V."""
        return float(self.worst[self.line])

    @property
    def latch_errs(self) -> float | None:
        """Probability that this latch decides wrongly at the smallest margin."""
        if self.latch is None:
            return None
        return 0.5 * math.erfc(self.smallest / (self.latch * math.sqrt(2)))


@dataclass(frozen=True)
class Yield:
    """A Monte Carlo estimate.

    Attributes:
        condition: under which.
        samples: arrays drawn.
        good: good ones among them.
        low: lower end of the interval.
        high: upper end.
        confidence: of the interval.
        lines: output lines read over all samples.
        bad_lines: lines that read wrongly.
        margins: float64 [sample], smallest margin of each array, its offsets included, V.
        audited: samples that SPICE simulated, too.
        audited_good: of these, good in the nodal solver and in SPICE.
        audited_apart: of these, good in one of both only.
        audit_margin: largest difference of a line's margin between both, V.
        audit_current: the same of an output current, of full scale.
        bound: largest difference that the fit of the access device allows, of full scale.
    """

    condition: Condition
    samples: int
    good: int
    low: float
    high: float
    confidence: float
    lines: int
    bad_lines: int
    margins: Floats
    audited: int
    audited_good: tuple[int, int]
    audited_apart: int
    audit_margin: float
    audit_current: float
    bound: float


@dataclass(frozen=True)
class Tail:
    """A rare-event estimate; `mtjspice.layout.rare` says how it is made.

    Attributes:
        condition: under which.
        probability: of a wrong read of the worst line with its worst pattern.
        error: standard error of it.
        low: lower end of the interval.
        high: upper end.
        confidence: of the interval.
        distance: from the mean to the most likely failure, in standard deviations; None if no
            such point was found.
        samples: solved, on both sides.
        effective: as many failing samples of equal weight would say as much.
        regions: of failure that were told apart.
        checked: the probability by subset simulation; None where it found no failure.
        doubts: why the interval is wider than the samples alone would make it.
        side: whether low or high reads are the worse.
        shares: variance of the linearised margin by source, by name; they add up to 1.
    """

    condition: Condition
    probability: float
    error: float
    low: float
    high: float
    confidence: float
    distance: float | None
    samples: int
    effective: float
    regions: int
    checked: float | None
    doubts: tuple[str, ...]
    side: str
    shares: Mapping[str, float]


@dataclass(frozen=True)
class Waveform:
    """One read of the slowest output line under nominal conditions.

    Attributes:
        time: float64 [point], s.
        output: float64 [point], as a share of its final value.
        linear: the same of the linear RC network.
        line: which output line.
        hold: how long the inputs are applied, s.
        settled: when it has settled, s.
        tolerance: largest share of its final value that it may then be off.
        decision: when the latch has decided, s; None without one.
        recovered: when it is at rest again, s.
    """

    time: Floats
    output: Floats
    linear: Floats
    line: int
    hold: float
    settled: float
    tolerance: float
    decision: float | None
    recovered: float


@dataclass(frozen=True)
class LayoutStory:
    """Everything that the report of one layout tells.

    Attributes:
        energy: J by block under nominal conditions: array, drivers, amplifiers, latches.
        sneak: share by termination of unselected lines; empty for gated arrays.
        findings: of every quantity under every condition.
        figures: what is stated besides the quantities: agreement of levels, sizes of samples.
        netlists: text of each worst case, by the file that `judged` names.
    """

    layout: Layout
    quick: bool
    verdict: Verdict
    nominal: Condition
    conditions: tuple[Condition, ...]
    judged: tuple[Judged, ...]
    findings: tuple[Finding, ...]
    figures: tuple[Figure, ...]
    maps: tuple[VoltageMap, ...]
    patterns: tuple[PatternLine, ...]
    margins: LineMargins | None
    yields: tuple[Yield, ...]
    tail: Tail | None
    waveform: Waveform
    energy: Mapping[str, float]
    sneak: Mapping[str, float]
    scaling: Scaling
    sensitivities: tuple[Sensitivity, ...]
    versions: Mapping[str, str]
    times: Mapping[str, float] = field(default_factory=dict)
    simulations: Mapping[str, int] = field(default_factory=dict)
    keys: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    netlists: Mapping[str, str] = field(default_factory=dict)

    def to_pandas(self) -> "pd.DataFrame":
        """The table of limits: one row a quantity, at its worst over all conditions.

        Its columns are ``quantity``, ``value``, ``unit``, ``limit`` and ``verdict`` (None where
        nothing was asked), ``headroom``, ``condition``, ``level`` and ``netlist``.
        """
        import pandas as pd  # noqa: PLC0415, takes a third of a second

        rows = [
            {
                "quantity": line.quantity.name,
                "value": line.worst.value,
                "unit": line.quantity.unit,
                "limit": line.limit,
                "verdict": None if line.verdict is None else line.verdict.value,
                "headroom": line.headroom,
                "condition": str(line.worst.condition),
                "level": line.worst.level,
                "netlist": line.netlist,
            }
            for line in self.judged
        ]
        return pd.DataFrame(rows)
