"""A layout under a condition as circuits: experiments for SPICE, arrays for the nodal solver."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from torch import Tensor

from mtjspice.collect import settling
from mtjspice.device.conductance import conductance
from mtjspice.device.temperature import tmr_at
from mtjspice.device.variation import diameters
from mtjspice.layout.findings import Floats, States
from mtjspice.layout.quantities import Condition
from mtjspice.netlist.cards import LATCH_TRANSISTORS, read_card
from mtjspice.netlist.library import TransistorModel
from mtjspice.solver import nodal
from mtjspice.solver.access import AccessModel
from mtjspice.solver.array import Array, array_of
from mtjspice.solver.cells import Cells
from mtjspice.solver.leakage import Leakage
from mtjspice.solver.rows import needed_rows
from mtjspice.spec.base import Spec
from mtjspice.spec.die import Die
from mtjspice.spec.experiment import Experiment
from mtjspice.spec.layout import Corners, Layout
from mtjspice.spec.stimulus import Stimulus
from mtjspice.spec.tile import ProgrammedTile

TOLERANCE = 1e-7
"""Of output currents, relative to the largest: far below what SPICE and the access model differ
by."""
CHUNK = 2**19
"""Cells that are solved at a time: more would leave the caches."""


def nominal_condition(layout: Layout) -> Condition:
    """That of ``technology``, with the supplies as they are written."""
    return Condition(layout.technology.corner, 1.0, layout.technology.temperature)


def has_transistors(layout: Layout) -> bool:
    """Whether a process corner changes anything."""
    return bool(layout.crossbar.cell.transistors) or layout.periphery.latch is not None


def conditions_of(layout: Layout) -> tuple[Condition, ...]:
    """All conditions, the nominal one first, each once.

    Without transistors there is one process.
    """
    corners = layout.corners
    processes = corners.process if has_transistors(layout) else (layout.technology.corner,)
    every = [
        nominal_condition(layout),
        *(
            Condition(process, supply, celsius)
            for process in processes
            for supply in corners.supply
            for celsius in corners.temperature
        ),
    ]
    return tuple(dict.fromkeys(every))


def same_processes(layout: Layout, processes: Iterable[str]) -> dict[str, str]:
    """Processes that differ from an earlier one in no transistor that is in use, with that one.

    Raises:
        InputError: if a card lacks one of them.
    """
    cell, periphery = layout.crossbar.cell, layout.periphery
    used = {layout.technology.card: cell.transistors}
    if (latch := periphery.latch) is not None:
        used[latch.card] = (*used.get(latch.card, ()), *LATCH_TRANSISTORS)
    seen: dict[tuple[TransistorModel, ...], str] = {}
    same = {}
    for process in dict.fromkeys(processes):
        models = []
        for name, transistors in used.items():
            if transistors:
                card = read_card(layout.technology.replace(card=name, corner=process))
                models += [card.models[card.named(one)] for one in transistors]
        first = seen.setdefault(tuple(models), process)
        if first != process:
            same[process] = first
    return same


def under(layout: Layout, condition: Condition) -> Layout:
    """The layout with that process, supply and temperature as its own, and no other conditions."""
    cell, periphery, factor = layout.crossbar.cell, layout.periphery, condition.supply
    changes: dict[str, Spec] = {
        "technology": layout.technology.replace(
            corner=condition.process, temperature=condition.temperature
        ),
        "crossbar": layout.crossbar.replace(cell=cell.at_supply(factor)),
        "periphery": periphery.at_supply(factor),
        "supply": layout.supply.replace(volts=factor * layout.supply.volts),
        "corners": Corners(
            process=(condition.process,), supply=(1.0,), temperature=(condition.temperature,)
        ),
    }
    return layout.replace(**changes)


def blocks(layout: Layout) -> tuple[tuple[int, ...], ...]:
    """Groups of neighbouring rows that are driven: those far from the read-out, middle, near."""
    rows, count = layout.crossbar.rows, layout.rows_read
    starts = dict.fromkeys((0, (rows - count) // 2, rows - count))
    return tuple(tuple(range(start, start + count)) for start in starts)


def rows_in_words(layout: Layout, block: int) -> str:
    """The rows of a block, where not all are driven; else nothing."""
    driven = blocks(layout)[block]
    if len(driven) == layout.crossbar.rows:
        return ""
    return f", rows {driven[0]} to {driven[-1]}" if len(driven) > 1 else f", row {driven[0]}"


def read_experiment(
    layout: Layout,
    states: States,
    driven: Sequence[int],
    *,
    scales: Sequence[float] = (1.0,),
    die: Die | None = None,
) -> Experiment:
    """A read of all columns with some rows driven, one input vector for each scale."""
    volts = layout.read.voltage * np.outer(scales, np.ones(len(driven)))
    return Experiment(
        crossbar=layout.crossbar,
        tile=ProgrammedTile(states=states.astype(np.uint8)),
        stimulus=Stimulus(
            volts=volts,
            driven_rows=None if len(driven) == layout.crossbar.rows else tuple(driven),
            read_voltage=layout.read.voltage,
        ),
        die=nominal_die(layout) if die is None else die,
        periphery=layout.periphery,
        technology=layout.technology,
    )


def nominal_die(layout: Layout) -> Die:
    """A die with the sizes of the layout's junctions, and no spread."""
    return Die(diameters=layout.die.diameters)


def full_scale(layout: Layout) -> float:
    """Current of a column of nominal P junctions with the driven rows at the read voltage, A."""
    return layout.rows_read * layout.read.voltage / layout.crossbar.cell.mtj.r_p


def r_p_of(layout: Layout) -> Floats:
    """Nominal parallel resistance of each place, Ω, float64 [row, column]."""
    mtj = layout.crossbar.cell.mtj
    sizes = diameters(mtj, nominal_die(layout), layout.crossbar.shape)
    return np.asarray(mtj.r_p * (mtj.diameter / sizes) ** 2)


def ideal_currents(layout: Layout, states: Tensor, driven: Sequence[int]) -> Tensor:
    """I = G V with nominal junctions at 27 °C, A, [tile, column] for states [tile, row, column]."""
    mtj, r_p = layout.crossbar.cell.mtj, r_p_of(layout)
    p, ap = (torch.from_numpy(conductance(s, r_p, mtj.tmr0)) for s in (0, 1))
    whole = p + states * (ap - p)
    return layout.read.voltage * whole[:, list(driven)].sum(1)


@dataclass(frozen=True)
class Answer:
    """What the nodal solver says to reads.

    Attributes:
        current: [tile, scale, column] out of the columns, A.
        cell_current: [tile, scale, row, column], A.
        cell_volts: [tile, scale, row, column], from input line to output line, V; 0 of rows that
            are left out.
    """

    current: Tensor
    cell_current: Tensor
    cell_volts: Tensor


@dataclass(frozen=True)
class Reads:
    """A block of rows that is read, at the nodal level, for any states and any spread.

    Attributes:
        layout: under its condition.
        driven: rows of the block.
        kept: rows that are solved; those that are left out carry no current.
        base: the array of these rows with all junctions nominal and P; its cells are replaced.
        scales: of the input vectors, in units of the read voltage.
    """

    layout: Layout
    driven: tuple[int, ...]
    kept: tuple[int, ...]
    base: Array
    scales: tuple[float, ...] = (1.0,)

    @classmethod
    def of(
        cls,
        layout: Layout,
        access: AccessModel | None,
        driven: tuple[int, ...],
        scales: tuple[float, ...] = (1.0,),
        leakage: Leakage | None = None,
    ) -> "Reads":
        """The block of a layout that is under its condition already.

        Args:
            layout: under its condition.
            access: of gated cells.
            driven: rows of the block.
            scales: of the input vectors, in units of the read voltage.
            leakage: of cells whose gates are off.

        Raises:
            InputError: if a line has no path to anything that holds it.
        """
        read = read_experiment(layout, np.zeros(layout.crossbar.shape, np.uint8), driven)
        kept = needed_rows(read)
        base = array_of([read], access, leakage=leakage, kept=kept)
        return cls(layout, driven, tuple(kept), base, scales)

    def array(
        self,
        states: Tensor,
        ln_rp: Tensor | None = None,
        ln_tmr: Tensor | None = None,
        shifts: Tensor | None = None,
        access: AccessModel | None = None,
    ) -> Array:
        """The arrays of some tiles, of the rows that are kept.

        Args:
            states: [tile, row, column], 0 to 1.
            ln_rp: what is added to the logarithm of each parallel resistance, same shape.
            ln_tmr: the same of the magnetoresistance ratio.
            shifts: threshold shifts, V, [tile, row, column, transistor], with `access`.
            access: of the shifted devices.
        """
        mtj, celsius = self.layout.crossbar.cell.mtj, self.layout.technology.temperature
        rows = list(self.kept)
        r_p = torch.from_numpy(r_p_of(self.layout)[rows])
        tmr0 = torch.tensor(tmr_at(mtj.tmr0, celsius, mtj.decay), dtype=torch.float64)
        r_p = r_p if ln_rp is None else r_p * torch.exp(ln_rp[:, rows])
        tmr0 = tmr0 if ln_tmr is None else tmr0 * torch.exp(ln_tmr[:, rows])
        device = self.base.cells.access
        if shifts is not None and access is not None:
            device = access.device_law().with_shifts(shifts[:, rows])
        cells = Cells.of_junctions(states[:, rows], r_p, tmr0, mtj, device)
        on = self.base.cells.linear > 0  # cells whose gate is off conduct nothing
        cells = replace(cells, **{k: on * getattr(cells, k) for k in ("linear", "cubic", "drop")})
        extras = self.base.extras
        if extras is not None:
            wide = {
                f.name: (t := getattr(extras, f.name)).expand(len(states), *t.shape[1:])
                for f in fields(extras)
            }
            extras = replace(extras, **wide)
        leaks = self.base.leaks
        if leaks is not None and shifts is not None:
            leaks = leaks.with_shifts(shifts)
        return replace(self.base, cells=cells, extras=extras, leaks=leaks)

    def whole(self, of_kept: Tensor) -> Tensor:
        """[..., row, column] with zeros for the rows that are left out."""
        if len(self.kept) == self.layout.crossbar.rows:
            return of_kept
        shape = (*of_kept.shape[:-2], *self.layout.crossbar.shape)
        return of_kept.new_zeros(shape).index_copy(-2, torch.tensor(self.kept), of_kept)

    def answer(self, array: Array) -> Answer:
        """Solve a read of each scale."""
        volts = self.volts
        solution = nodal.solve(array, volts, tolerance=TOLERANCE)
        return Answer(
            nodal.column_currents(array, solution),
            self.whole(solution.current),
            self.whole(nodal.cell_volts(array, volts, solution)),
        )

    def currents(self, states: Tensor) -> Tensor:
        """Output currents, A, [tile, scale, column], a few tiles at a time; no gradients."""
        with torch.no_grad():
            parts = [
                nodal.column_currents(array, nodal.solve(array, self.volts, tolerance=TOLERANCE))
                for array in map(self.array, self._few(states))
            ]
        return torch.cat(parts)

    @property
    def volts(self) -> Tensor:
        """Input vectors [scale, driven row], V."""
        scales = torch.tensor(self.scales, dtype=torch.float64)
        return self.layout.read.voltage * scales[:, None].expand(-1, len(self.driven))

    def _few(self, states: Tensor) -> Sequence[Tensor]:
        each = max(1, CHUNK // (states[0].numel() * len(self.scales)))
        return torch.split(states, each)


def sense_volts(layout: Layout, current: Tensor) -> Tensor:
    """What the read-out makes of currents, V above its output at zero current; rises with them."""
    amplifier = layout.periphery.amplifier
    if amplifier is None:
        return volts_per_ampere(layout) * current
    out = amplifier.zero - amplifier.gain * current
    return amplifier.zero - out.clamp(amplifier.clip_low, amplifier.clip_high)


def volts_per_ampere(layout: Layout) -> float:
    """Slope of `sense_volts`, Ω; 1 for a read-out that gives no voltage."""
    return settling.volts_per_ampere(layout.periphery)
