"""All that determines one simulation of one array."""

from typing import Annotated, Literal, Self

from pydantic import model_validator

from mtjspice.spec.analysis import Analysis, DcRead, TransientRead
from mtjspice.spec.base import Spec
from mtjspice.spec.crossbar import Crossbar
from mtjspice.spec.defects import Axis
from mtjspice.spec.die import Bridge, Die
from mtjspice.spec.periphery import Periphery, VirtualGround
from mtjspice.spec.ranges import Within
from mtjspice.spec.resources import Resources, SimulatorLimits
from mtjspice.spec.stimulus import Stimulus
from mtjspice.spec.technology import Technology
from mtjspice.spec.tile import ProgrammedTile

MOST_POINTS = 20_000_000
"""Most time steps of a simulation, over all of its vectors."""
Tolerance = Annotated[
    float, Within("1", 1e-12, 1e-3, "finer is below a double's rounding, coarser is no solution")
]
"""Relative, 1e-12 to 1e-3."""


class Experiment(Spec):
    """A programmed tile of a die, its read-out, and the vectors that are applied.

    Attributes:
        crossbar: the array.
        tile: its states.
        stimulus: input vectors and the lines they concern.
        die: spread and defects.
        periphery: the read-out.
        technology: card, corner and temperature of the transistors.
        analysis: currents at rest, or in time.
        observe: ``outputs`` keeps the line currents; ``cells`` also keeps the voltage over every
            cell, which costs memory.
        reltol: relative tolerance of SPICE's Newton iteration. In a sweep that starts each point
            from the last, 1e-6 leaves up to 5e-8 of full scale with bias-dependent junctions, 1e-8
            at most 3e-9, for about the same time.
        simulator: limits on its process where this experiment is simulated by itself; no part of
            the experiment's key.

    Example:
        >>> from mtjspice import Experiment, read_spec
        >>> read_spec("examples/array/array.toml", Experiment).sensed_columns
        (0, 1, 2, 3)
    """

    crossbar: Crossbar
    tile: ProgrammedTile
    stimulus: Stimulus
    die: Die = Die()
    periphery: Periphery = VirtualGround()
    technology: Technology = Technology()
    analysis: Analysis = DcRead()
    observe: Literal["outputs", "cells"] = "outputs"
    reltol: Tolerance = 1e-8
    simulator: SimulatorLimits = Resources()

    @property
    def driven_rows(self) -> tuple[int, ...]:
        """The rows that are driven, in the order of the stimulus."""
        rows = self.stimulus.driven_rows
        return tuple(range(self.crossbar.rows)) if rows is None else rows

    @property
    def sensed_columns(self) -> tuple[int, ...]:
        """The columns that are read, in the order of the result."""
        columns = self.stimulus.sensed_columns
        return tuple(range(self.crossbar.columns)) if columns is None else columns

    @property
    def bridges(self) -> tuple[Bridge, ...]:
        """The neighbouring lines of its tile that are joined."""
        return self.die.bridges(self.tile.index)

    @property
    def cut_lines(self) -> tuple[tuple[Axis, int], ...]:
        """The rows and columns of its tile that are cut off, by number."""
        return self.die.cut_lines(self.tile.index)

    @model_validator(mode="after")
    def _check_fit(self) -> Self:
        rows, columns = self.crossbar.shape
        if self.tile.states.shape != (rows, columns):
            raise ValueError(
                f"tile.states has the shape {self.tile.states.shape}; "
                f"the crossbar asks for ({rows}, {columns})"
            )
        if len(self.driven_rows) != self.stimulus.volts.shape[1]:
            raise ValueError(
                f"stimulus.volts has {self.stimulus.volts.shape[1]} entries a vector; "
                f"the crossbar has {rows} rows (name fewer in stimulus.driven_rows)"
            )
        for name, lines, count in (
            ("driven_rows", self.driven_rows, rows),
            ("sensed_columns", self.sensed_columns, columns),
        ):
            if max(lines) >= count:
                raise ValueError(f"stimulus.{name} names line {max(lines)}; there are {count}")
        self.die.check_fit(self.crossbar.shape, self.tile.index)
        self.die.check_short(self.crossbar.cell.mtj)
        if isinstance(self.analysis, TransientRead):
            volts = self.periphery.volts_per_ampere
            if self.analysis.settle_within is not None and volts is None:
                raise ValueError(
                    "analysis.settle_within must be left out: a virtual ground has no output "
                    "voltage; give analysis.settle_to"
                )
            vectors = self.stimulus.volts.shape[0]
            points = vectors * self.analysis.period / self.analysis.step
            if points > MOST_POINTS:
                raise ValueError(
                    f"{vectors} vectors of analysis.period ({self.analysis.period:g} s) in steps "
                    f"of analysis.step ({self.analysis.step:g} s) are {points:.3g} points in time; "
                    f"at most {MOST_POINTS} are simulated"
                )
        return self
