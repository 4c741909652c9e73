"""What `mtjspice layout` takes: an array with its periphery, how it is used, and its limits."""

import math
from typing import Annotated, Self

from pydantic import Field, model_validator

from mtjspice.spec.analysis import TransientRead
from mtjspice.spec.base import (
    GATE_VOLTS,
    VOLTS,
    Celsius,
    GateVoltage,
    Lines,
    Name,
    ReadVoltage,
    Samples,
    Seed,
    Share,
    Spec,
)
from mtjspice.spec.crossbar import Crossbar
from mtjspice.spec.die import Die
from mtjspice.spec.layout_limits import LayoutLimits
from mtjspice.spec.periphery import Periphery, VirtualGround
from mtjspice.spec.ranges import Whole, Within
from mtjspice.spec.rates import DefectRates
from mtjspice.spec.resources import Resources, SimulatorLimits
from mtjspice.spec.sensing import LineCount, Sensing
from mtjspice.spec.technology import Technology
from mtjspice.spec.writing import Writing

Current = Annotated[float, Within("A", 0, 1, "amplifiers take microamperes to milliamperes")]
"""A, 0 to 1."""
Confidence = Annotated[float, Within("1", 0.501, 1 - 1e-9, "of an interval; 95 % is 0.95 or '95%'")]
"""Of an interval, above 0.5."""
SupplyFactor = Annotated[
    float,
    Within("1", 0.2, 3, "supplies differ by some per cent; 10 % less is 0.9", usual=(0.8, 1.2)),
]
"""On a supply, 0.2 to 3."""
Accesses = Annotated[
    float, Within("1", 1, 1e20, "ten years of reads at 1 GHz are 3e17", usual=(1, 1e18))
]
"""Of a cell in its life, 1 to 1e20."""
Tail = Annotated[int, Whole(2, 10_000_000, "one sample has no standard error, more hold no memory")]
"""Samples, from 2."""
Largest = Annotated[int, Whole(2, 512, "sizes that can be solved within minutes")]
"""Rows and columns, 2 to 512."""
MOST_STEPS, MOST_PERIOD = 100_000, 0.1
"""Most steps of a read, and its longest period, s."""
MOST_CONDITIONS = 1000
"""Most conditions of a layout."""


class Reading(Spec):
    """How the array is read.

    Attributes:
        voltage: of a row that is driven, V above the read-out's reference.
        rows: so many neighbouring rows are driven at a time, the others rest as
            ``crossbar.unselected`` says; all rows if left out. 1 reads cell by cell.
    """

    voltage: ReadVoltage = 0.1
    rows: Lines | None = None


class Timing(TransientRead):
    """The course of a read, as in a transient, and what counts as settled.

    Attributes:
        settle_to: as in any transient; every layout has one.
    """

    settle_to: Share = 0.01

    @model_validator(mode="after")
    def _check_room(self) -> Self:
        """Where outputs settle too late the read is made longer, which must be possible."""
        if self.period > MOST_PERIOD or self.period > MOST_STEPS * self.step:
            raise ValueError(
                f"period ({self.period:g} s) must be at most {MOST_PERIOD:g} s and {MOST_STEPS} "
                f"times step ({self.step:g} s): every step is simulated, and slow reads are "
                "simulated again with more time"
            )
        return self

    @property
    def analysis(self) -> TransientRead:
        """The transient alone."""
        return TransientRead(**{name: getattr(self, name) for name in TransientRead.model_fields})


class Supply(Spec):
    """What the read takes besides what flows into the array.

    Attributes:
        volts: rail of the row drivers and the amplifiers, V.
        amplifier: current of each output line's amplifier while it works, A.
    """

    volts: GateVoltage = 1.2
    amplifier: Current = 0.0


class Corners(Spec):
    """The conditions: every process with every supply and temperature, and the nominal one.

    Attributes:
        process: sections of the transistors' card.
        supply: factors on the gates' voltage, the latch's supply and ``supply.volts``; the read
            voltage comes from a reference and stays.
        temperature: °C.
    """

    process: Annotated[tuple[str, ...], Field(min_length=1, max_length=100)] = ("tt", "ff", "ss")
    supply: Annotated[tuple[SupplyFactor, ...], Field(min_length=1, max_length=100)] = (
        0.9,
        1.0,
        1.1,
    )
    temperature: Annotated[tuple[Celsius, ...], Field(min_length=1, max_length=100)] = (
        *(-40.0, 27.0, 125.0),
    )

    @model_validator(mode="after")
    def _check_count(self) -> Self:
        count = len(self.process) * len(self.supply) * len(self.temperature)
        if count > MOST_CONDITIONS:
            raise ValueError(
                f"process, supply and temperature make {count} conditions; at most "
                f"{MOST_CONDITIONS} are simulated"
            )
        return self


class MonteCarlo(Spec):
    """How the yield is estimated.

    Attributes:
        samples: arrays that are drawn, each with its spread, mismatch, offsets and defects.
        audit: share of them that SPICE simulates, too.
        confidence: of the intervals.
        tail: samples of the estimate for rare failures of the worst line, from 2.
    """

    samples: Samples = 2000
    audit: Share = 0.02
    confidence: Confidence = 0.95
    tail: Tail = 2000


class DefectLimits(Spec):
    """What may be wrong with an array that counts as good.

    Attributes:
        rates: defects of the arrays that are drawn.
        bad_lines: so many output lines may fail, because they can be replaced.
    """

    rates: DefectRates = DefectRates(short=0.0, stuck_p=0.0, stuck_ap=0.0, dead_lines=0.0)
    bad_lines: LineCount = 0


class Life(Spec):
    """What a cell goes through.

    Attributes:
        reads: of each cell.
        writes: of other cells on its lines.
    """

    reads: Accesses = 1e12
    writes: Accesses = 1e6


class Layout(Spec):
    """A layout, how it is used, and its limits.

    Attributes:
        name: stands in the title of the report.
        seed: of all draws.
        crossbar: cells and lines.
        die: spread of junctions and transistors; what is drawn.
        periphery: the read-out of each column.
        technology: card, nominal corner and temperature.
        read: which rows are driven, and how high.
        sense: what has to be told apart.
        timing: of a read.
        supply: of drivers and amplifiers.
        writing: the pulses; nothing is said of writing if left out.
        life: reads and writes of a cell.
        corners: the conditions.
        defects: what may be wrong.
        monte_carlo: how the yield is estimated.
        largest: most rows and columns that the search over sizes tries.
        limits: of the verdict.
        simulator: limits on its processes; no part of the spec's key.

    Example:
        >>> from mtjspice import Crossbar, Layout
        >>> Layout(name="mine", crossbar=Crossbar(rows=8, columns=8)).rows_read
        8
    """

    name: Name
    seed: Seed = 0
    crossbar: Crossbar
    die: Die = Die()
    periphery: Periphery = VirtualGround()
    technology: Technology = Technology()
    read: Reading = Reading()
    sense: Sensing = Sensing()
    timing: Timing = Timing()
    supply: Supply = Supply()
    writing: Writing | None = None
    life: Life = Life()
    corners: Corners = Corners()
    defects: DefectLimits = DefectLimits()
    monte_carlo: MonteCarlo = MonteCarlo()
    largest: Largest = 128
    limits: LayoutLimits = LayoutLimits()
    simulator: SimulatorLimits = Resources()

    @property
    def rows_read(self) -> int:
        """Rows that are driven at a time."""
        return self.read.rows or self.crossbar.rows

    @property
    def boundary(self) -> int:
        """Most P cells of a low line."""
        given = self.sense.boundary
        return (self.rows_read - self.sense.step) // 2 if given is None else given

    @property
    def reference_column(self) -> int | None:
        """Column that reference lines lie at; None without any."""
        if self.sense.cells is None:
            return None
        given, last = self.sense.cells.position, self.crossbar.columns - 1
        return last if given is None else given

    @model_validator(mode="after")
    def _check_reading(self) -> Self:
        if self.rows_read > self.crossbar.rows:
            raise ValueError(
                f"read.rows ({self.rows_read}) must be at most crossbar.rows ({self.crossbar.rows})"
            )
        if self.sense.step > self.rows_read:
            raise ValueError(
                f"sense.step ({self.sense.step}) must be at most the rows that are driven at a "
                f"time ({self.rows_read})"
            )
        if self.boundary + self.sense.step > self.rows_read:
            raise ValueError(
                f"sense.boundary ({self.boundary}) and sense.step ({self.sense.step}) must add up "
                f"to at most the rows that are driven at a time ({self.rows_read})"
            )
        if (column := self.reference_column) is not None and column >= self.crossbar.columns:
            raise ValueError(
                f"sense.reference.position ({column}) must be at most {self.crossbar.columns - 1}: "
                f"crossbar.columns ({self.crossbar.columns}) are counted from 0"
            )
        highest = self.periphery.reference + self.read.voltage
        lowest = self.supply.volts * min(1.0, *self.corners.supply)
        if lowest < highest:
            raise ValueError(
                f"supply.volts ({self.supply.volts:g} V) times the least factor of corners.supply "
                f"({lowest:g} V) must not be below what a driven row is at ({highest:g} V: "
                "periphery.reference and read.voltage)"
            )
        if self.periphery.reference - self.read.voltage < -VOLTS.high:
            raise ValueError(
                f"periphery.reference ({self.periphery.reference:g} V) and read.voltage "
                f"({self.read.voltage:g} V) must stay within {VOLTS.high:g} V of ground"
            )
        if self.writing is not None:
            self.writing.free_layer.check_diameters(self.die)
        if self.die.defects:
            raise ValueError("die.defects must be left out: defects.rates says what is drawn")
        if self.periphery.latch is not None and self.periphery.reference != 0:
            raise ValueError(
                f"periphery.reference ({self.periphery.reference:g} V) must be 0: the latch works "
                "near ground"
            )
        return self

    @model_validator(mode="after")
    def _check_conditions(self) -> Self:
        """See that gates and supplies stay in their range under every condition."""
        # A cell with a transistor is swept with a short in the place of its junction.
        gated = bool(self.crossbar.cell.transistors)
        self.die.check_short(self.crossbar.cell.mtj, drawn=self.defects.rates.short > 0 or gated)
        cell, periphery = self.crossbar.cell, self.periphery
        volts = {"supply.volts": self.supply.volts}
        if (gate := cell.gate) is not None:
            volts["crossbar.cell.gate_volts"] = gate.volts
        if (latch := periphery.latch) is not None:
            volts["periphery.supply"] = latch.supply
        for name, value in volts.items():
            for factor in self.corners.supply:
                if not GATE_VOLTS.holds(factor * value):
                    raise ValueError(
                        f"{name} ({value:g} V) times {factor:g} of corners.supply "
                        f"({factor * value:g} V) {GATE_VOLTS.says()}"
                    )
        return self

    @model_validator(mode="after")
    def _check_limits(self) -> Self:
        """Refuse limits on what this design does not have."""
        lacking = {
            "the periphery is a virtual ground, which has no output voltage": (
                self.periphery.volts_per_ampere is None,
                ("margin", "margin_sigmas", "array_yield", "line_failure"),
            ),
            "sense.offset is 0": (self.sense.offset == 0, ("margin_sigmas",)),
            "the periphery has no latch": (
                self.periphery.latch is None, ("decision_time",)
            ),
            "there is no table writing": (
                self.writing is None,
                (
                    "write_voltage",
                    *(name + end for name in ("read_disturb", "life_disturb", "write_error",
                                              "half_select") for end in ("", "_mean")),
                ),
            ),
            "only passive arrays have it": (
                not self.crossbar.cell.sneaks, ("sneak", "half_select", "half_select_mean")
            ),
        }  # fmt: skip
        if self.timing.settle_within is not None and self.periphery.volts_per_ampere is None:
            raise ValueError(
                "timing.settle_within must be left out: a virtual ground has no output voltage; "
                "give timing.settle_to"
            )
        if self.sense.threshold != "fixed" and self.periphery.volts_per_ampere is None:
            raise ValueError(
                f'sense.threshold ("{self.sense.threshold}") must be left out: a virtual ground '
                "has no output voltage to compare with one"
            )
        for why, (holds, names) in lacking.items():
            for name in names:
                if holds and name in self.limits.given:
                    raise ValueError(f"limits.{name} must be left out: {why}")
        return self

    @model_validator(mode="after")
    def _check_samples(self) -> Self:
        """See that the samples can show the yield that is asked for, if all of them are good."""
        asked, plan = self.limits.array_yield, self.monte_carlo
        if asked is None:
            return self
        if asked == 1:
            raise ValueError("limits.array_yield must be below 1: no number of samples shows that")
        needed = samples_for(asked, plan.confidence)
        if plan.samples < needed:
            raise ValueError(
                f"monte_carlo.samples ({plan.samples}) are too few to show limits.array_yield "
                f"({asked:g}) with a confidence of {plan.confidence:g}: {needed} are needed, and "
                "all of them good"
            )
        return self


def samples_for(share: float, confidence: float) -> int:
    """Samples, all good, whose Clopper–Pearson interval lies above a share: c^(1/n) ≥ share.

    c is half of what the confidence leaves (C. J. Clopper, E. S. Pearson, Biometrika 26, 404
    (1934)).
    """
    return math.ceil(math.log((1 - confidence) / 2) / math.log(share))
