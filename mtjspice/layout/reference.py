"""The threshold that reference cells give.

A pair of reference lines lies at a column of the array, with the same cells, wires and read-out as
lines with data: one has `boundary` P cells among any rows that are driven together, the other
`step` more, spread evenly. Each is read as that column would be while all others hold a
checkerboard. The threshold is the mean of the voltages of all lines, of every group of rows anew,
as a line far from the drivers, or rows far from the read-out, give less.

Cells of reference lines differ as those of data do, each with numbers of its own, and share what
all junctions of a die have in common. They have no defects: a line with one is not used.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mtjspice.layout.access import Fitted
from mtjspice.layout.circuit import CHUNK, Reads, blocks, sense_volts
from mtjspice.layout.findings import Floats, States
from mtjspice.layout.patterns import named_patterns
from mtjspice.solver.access import AccessModel
from mtjspice.spec.layout import Layout


def reference_states(layout: Layout) -> tuple[States, States]:
    """The array with the low reference line in its column, and with the high one."""
    found = []
    rows, count = np.arange(layout.crossbar.rows), layout.rows_read
    for p_cells in (layout.boundary, layout.boundary + layout.sense.step):
        # As many in any `count` neighbouring rows; a single one is in the middle of the first.
        before, after = (((rows + k) * p_cells + count // 2) // count for k in (0, 1))
        states = named_patterns(layout.crossbar.shape)["checkerboard"].copy()
        states[:, layout.reference_column] = before == after
        found.append(states)
    return found[0], found[1]


def numbers(layout: Layout, access: AccessModel | None) -> int:
    """Standard normal numbers that the cells of all reference lines take; 0 without any."""
    cells = layout.sense.cells
    return 0 if cells is None else int(np.prod(_shape(layout, cells.pairs, access)))


def _shape(layout: Layout, pairs: int, access: AccessModel | None) -> tuple[int, int, int, int]:
    """Of the numbers: pair, low or high, what differs (R_P, TMR, each transistor), row."""
    transistors = len(access.threshold_sigma) if access else 0
    return pairs, 2, 2 + transistors, layout.crossbar.rows


@dataclass(frozen=True)
class ReferenceReads:
    """The reference lines while a group of rows is read.

    Attributes:
        layout: under its condition.
        reads: of the group.
        access: of gated cells.
        states: float64 [line, row, column], 0 to 1; the low line and the high one.
        column: that they lie at.
        pairs: of lines.
    """

    layout: Layout
    reads: Reads
    access: AccessModel | None
    states: Tensor
    column: int
    pairs: int

    @classmethod
    def of(cls, layout: Layout, fitted: Fitted, driven: tuple[int, ...]) -> "ReferenceReads | None":
        """Those of a layout that is under its condition; None without reference cells.

        Args:
            layout: under its condition.
            fitted: under the same.
            driven: rows of the group.
        """
        cells, column = layout.sense.cells, layout.reference_column
        if cells is None or column is None:
            return None
        reads = Reads.of(layout, fitted.access, driven, leakage=fitted.leakage)
        states = torch.from_numpy(np.stack(reference_states(layout)).astype(np.float64))
        return cls(layout, reads, fitted.access, states, column, cells.pairs)

    def threshold(self, ln_rp: Tensor, ln_tmr: Tensor, own: Tensor) -> Tensor:
        """Mean of what the lines read, V, [sample].

        Args:
            ln_rp: what is added to the logarithm of all parallel resistances of a die, [sample].
            ln_tmr: the same of the magnetoresistance ratio.
            own: standard normal numbers of the cells of reference lines, [sample, number].
        """
        of_lines = own.reshape(len(own), *_shape(self.layout, self.pairs, self.access))
        volts = [
            self._volts(states, ln_rp, ln_tmr, of_lines[:, pair, line])
            for pair in range(self.pairs)
            for line, states in enumerate(self.states)
        ]
        return torch.stack(volts).mean(0)

    def nominal(self) -> float:
        """The threshold without spread, V."""
        none, size = torch.zeros(1, dtype=torch.float64), numbers(self.layout, self.access)
        with torch.no_grad():
            return float(self.threshold(none, none, none.expand(1, size))[0])

    def _volts(self, states: Tensor, ln_rp: Tensor, ln_tmr: Tensor, own: Tensor) -> Tensor:
        """What a line reads, V, [sample], with numbers [sample, what differs, row] of its own."""
        die, access, shape = self.layout.die, self.access, (len(own), *states.shape)
        line = torch.zeros(shape[2], dtype=torch.float64)
        line[self.column] = 1.0
        shifts = None
        if access is not None and die.mismatch > 0:
            sigma = torch.tensor(access.threshold_sigma, dtype=torch.float64)
            cells = own[:, 2:].transpose(1, 2)[:, :, None]  # [sample, row, 1, transistor]
            shifts = die.mismatch * sigma * cells * line[:, None]
        array = self.reads.array(
            states.expand(shape),
            ln_rp[:, None, None] + die.sigma_ln_rp * own[:, 0, :, None] * line,
            ln_tmr[:, None, None] + die.sigma_ln_tmr * own[:, 1, :, None] * line,
            shifts,
            access,
        )
        return sense_volts(self.layout, self.reads.answer(array).current[:, 0, self.column])


def nominal_thresholds(layout: Layout, fitted: Fitted) -> Floats | None:
    """The threshold of every block without spread, V, [block]; None without reference cells."""
    of_blocks = [ReferenceReads.of(layout, fitted, driven) for driven in blocks(layout)]
    found = [one.nominal() for one in of_blocks if one is not None]
    return np.array(found) if found else None


def drawn_thresholds(
    layout: Layout,
    fitted: Fitted,
    groups: tuple[tuple[int, ...], ...],
    common: Floats,
    samples: range,
) -> Floats | None:
    """Thresholds of arrays that are drawn, V, [sample, group]; None without reference cells.

    Args:
        layout: under its condition.
        fitted: under the same.
        groups: rows that are driven together.
        common: of each array what its junctions share, in ln R_P and ln TMR0, [sample, 2].
        samples: numbers of the arrays, of the layout's seed.
    """
    if layout.sense.cells is None:
        return None
    size = numbers(layout, fitted.access)
    drawn = np.stack(
        [np.random.default_rng([layout.seed, 12, k]).standard_normal(size) for k in samples]
    )
    each = max(1, CHUNK // (layout.crossbar.rows * layout.crossbar.columns))
    parts = list(
        zip(*(torch.split(torch.from_numpy(x), each) for x in (common, drawn)), strict=True)
    )
    found = []
    for driven in groups:
        reads = ReferenceReads.of(layout, fitted, driven)
        assert reads is not None
        with torch.no_grad():
            of_group = [reads.threshold(die[:, 0], die[:, 1], own) for die, own in parts]
        found.append(torch.cat(of_group).numpy())
    return np.stack(found, axis=1)


def reference_words(layout: Layout) -> str:
    """What is said of reference cells; nothing without any."""
    cells = layout.sense.cells
    if cells is None:
        return ""
    pairs = "1 pair" if cells.pairs == 1 else f"{cells.pairs} pairs"
    column = layout.reference_column
    return f"threshold from reference cells in column {column}, {pairs}, with their own spread"
