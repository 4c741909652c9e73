"""The surrogate: a calibrated tile for the price of a few matrix products."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import get_args

import torch
from torch import Tensor

from mtjspice.errors import InputError
from mtjspice.solver.array import Array, array_of
from mtjspice.solver.nodal import effective_matrix
from mtjspice.spec.crossbar import Crossbar
from mtjspice.spec.die import Die
from mtjspice.spec.experiment import Experiment
from mtjspice.surrogate.card import UNITS, Card
from mtjspice.surrogate.expansion import Expansion, Level, expand
from mtjspice.surrogate.programmed import Programmed, errors_of

SHORTS = 3.0
"""So many times the share of shorts of the judged tiles is allowed: dies differ by chance."""
MARGIN = 1.01
"""Inputs may exceed the card's range by what a converter's last step adds."""


class Surrogate(torch.nn.Module):
    """A crossbar with its read-out as its card describes it.

    `program` makes the matrices of tiles, once; calling the module reads them. Levels:

    - ``ideal``: the junctions' conductances at rest, no wires, no access devices.
    - ``linear``: the effective matrix of the whole circuit at rest.
    - ``full``: with bias dependence (`expansion`), by the card's fitted factors; tiles whose own
      error that would make too large are read by the nodal solver (`programmed`).

    Args:
        card: from `load_card`, or of a calibration.
        level: what is computed.

    Attributes:
        card: the same.

    Raises:
        InputError: if there is no such level.

    Example:
        >>> from mtjspice import Surrogate, load_card
        >>> Surrogate(load_card("die20k"), level="linear").level
        'linear'
    """

    def __init__(self, card: Card, level: Level = "full"):
        super().__init__()
        if level not in get_args(Level):
            raise InputError(
                source=f"card {card.name}",
                key="level",
                value=level,
                allowed=f"there are {', '.join(get_args(Level))}",
            )
        self.card, self._level = card, level

    @property
    def level(self) -> Level:
        """What is computed."""
        return self._level

    def array(self, experiments: Sequence[Experiment]) -> Array:
        """The circuits of experiments, with what the card knows of access devices and amplifiers.

        Raises:
            InputError: if a tile, a die or a circuit is outside the card's range, naming it.
        """
        for experiment in experiments:
            check_range(self.card, experiment)
        array = array_of(experiments, self.card.access)
        if self.card.amplifier is None:
            return array
        series = torch.zeros_like(array.columns.series)
        series[list(array.sensed)] = self.card.amplifier.input_resistance
        return replace(array, columns=replace(array.columns, series=series))

    def program(self, experiments: Sequence[Experiment]) -> Programmed:
        """Programmed tiles, ready to be read; the experiments' own input vectors do not matter.

        At level ``full`` with a bound for the errors of each tile, and with the nodal solver in the
        place of the expansion where that bound is too large.

        Raises:
            InputError: if a tile, a die or a circuit is outside the card's range, naming it.
        """
        array = self.array(experiments)
        with torch.no_grad():
            matrices = self.expand(array)
        if self.level != "full":
            return Programmed(matrices)
        errors, numbers = errors_of(self.card, experiments, array, matrices)
        others = self.array([experiments[k] for k in numbers]) if numbers else None
        return Programmed(matrices, errors, numbers, others)

    def expand(self, array: Array) -> Expansion:
        """The matrices of tiles that are tensors already, with gradients if these ask for them.

        No tile is held against the nodal solver here: whoever differentiates through them, or
        changes them, sees to that with `mtjspice.solver.nodal.read`.
        """
        factors = self.card.correction
        if self.level == "ideal":
            resting = array.cells.at_rest()[:, list(array.driven)][..., list(array.sensed)]
            made = _only("ideal", resting)
        elif self.level == "linear":
            made = _only("linear", effective_matrix(array) * factors.linear)
        else:
            made = expand(array)
            made = Expansion(
                level=self.level,
                linear=made.linear * factors.linear,
                own=made.own * factors.own,
                mixed=made.mixed * factors.mixed,
                twice=made.twice * factors.mixed,
                alone=made.alone * factors.mixed,
                thrice=made.thrice * factors.mixed,
            )
        return made

    def forward(self, volts: Tensor, programmed: Programmed | Expansion) -> Tensor:
        """Currents of the sensed columns, A, [tile, vector, column].

        Args:
            volts: [vector, driven row] or [tile, vector, driven row], V above the reference.
            programmed: from `program` or `expand`.

        Raises:
            InputError: if inputs have the wrong shape, are not finite or beyond the card's range,
                or if the matrices are of another level.
        """
        made = programmed if isinstance(programmed, Programmed) else Programmed(programmed)
        self._check(volts, made.matrices)
        return made.currents(volts)

    def amplified(self, currents: Tensor) -> Tensor:
        """Outputs of the columns' amplifiers, V, as fitted: linear, then clipped.

        Raises:
            InputError: if the card has no amplifier.
        """
        amplifier = self.card.amplifier
        if amplifier is None:
            raise InputError(source=f"card {self.card.name}", key="amplifier", allowed="has none")
        volts = amplifier.zero - amplifier.gain * currents
        return volts.clamp(amplifier.clip_low, amplifier.clip_high)

    def _check(self, volts: Tensor, matrices: Expansion) -> None:
        tiles, rows, _ = matrices.linear.shape
        shape, name = tuple(volts.shape), f"card {self.card.name}"
        fits = (
            len(shape) in (2, 3)
            and shape[-1] == rows
            and (shape[0] in (1, tiles) or len(shape) == 2)
        )
        if not fits or volts.numel() == 0:
            allowed = f"must have the shape [vector, {rows}] or [{tiles}, vector, {rows}]"
            raise InputError(source=name, key="volts", value=shape, allowed=allowed)
        if matrices.level != self.level:
            allowed = f"the matrices were made at this level; the surrogate is at {self.level}"
            raise InputError(source=name, key="level", value=matrices.level, allowed=allowed)
        largest = float(volts.detach().abs().max())
        limit = self.card.validity.volts
        if not largest <= MARGIN * limit:  # also where it is nan
            raise InputError(
                source=name,
                key="validity.volts",
                value=largest,
                allowed=f"inputs must be finite and at most {limit:g} V in magnitude",
            )


def _only(level: Level, linear: Tensor) -> Expansion:
    """A matrix product and nothing else."""
    tiles, rows, columns = linear.shape
    none = linear.new_zeros(tiles, 1, columns)
    wide = linear.new_zeros(tiles, 3 * rows, columns)
    return Expansion(level, linear, wide, wide, torch.zeros_like(linear), none, none)


def check_range(card: Card, experiment: Experiment) -> None:
    """Refuse what the card was not held against.

    Raises:
        InputError: naming the quantity, its value and the range.
    """
    circuit, valid = card.circuit, card.validity
    crossbar, die = experiment.crossbar, experiment.die
    size = crossbar.rows, crossbar.columns
    kinds = sorted({one.kind for one in die.of_tile(experiment.tile.index)})
    whole = circuit.crossbar.replace(rows=crossbar.rows, columns=crossbar.columns)
    unused = len(experiment.driven_rows) < size[0] or len(experiment.sensed_columns) < size[1]
    sizes, (lowest, highest) = _diameters(crossbar, die), _diameters(circuit.crossbar, circuit.die)
    idle = crossbar.unselected if unused else "grounded"
    refusals = (
        ("cell", crossbar.cell.kind, crossbar.cell == circuit.crossbar.cell, circuit.crossbar.cell),
        ("size", size, size in valid.sizes, ", ".join(f"{r} x {c}" for r, c in valid.sizes)),
        ("lines", f"{crossbar.row!r} {crossbar.column!r}", crossbar == whole, "those of the card"),
        ("unselected", idle, idle == "grounded", "only grounded, where lines are not in use"),
        ("analysis", experiment.analysis.kind, experiment.analysis.kind == "dc", "only dc"),
        ("periphery", experiment.periphery, *_same(experiment.periphery, circuit.periphery)),
        ("technology", experiment.technology, *_same(experiment.technology, circuit.technology)),
        ("defects", kinds, set(kinds) <= set(valid.defects), ", ".join(valid.defects) or "none"),
        (
            "die.diameters",
            sizes,
            lowest <= sizes[0] and sizes[1] <= highest,
            f"{lowest:g} to {highest:g} m",
        ),
        *_spreads(card, die),
        *_strengths(card, experiment),
    )
    for quantity, value, holds, allowed in refusals:
        if not holds:
            raise InputError(
                source=f"card {card.name}",
                key=quantity,
                value=value,
                allowed=f"is outside of what the card was calibrated for: {allowed}",
            )


def _diameters(crossbar: Crossbar, die: Die) -> tuple[float, float]:
    """Smallest and largest nominal diameter of a die's junctions, m."""
    if die.diameters is None:
        return crossbar.cell.mtj.diameter, crossbar.cell.mtj.diameter
    return die.diameters.low, die.diameters.high


def _same(one: object, other: object) -> tuple[bool, str]:
    return one == other, f"only {other!r}"


def _spreads(card: Card, die: Die) -> list[tuple[str, float, bool, str]]:
    """Spread of the die against that of the card."""
    valid = card.validity
    found = {
        "sigma_ln_rp": math.hypot(die.sigma_ln_rp, die.sigma_ln_rp_die),
        "sigma_ln_tmr": math.hypot(die.sigma_ln_tmr, die.sigma_ln_tmr_die),
        "mismatch": die.mismatch,
    }
    return [
        (f"die.{name}", value, value <= getattr(valid, name) * (1 + 1e-9),
         f"at most {getattr(valid, name):g}")
        for name, value in found.items()
    ]  # fmt: skip


def share_conducting_more(experiment: Experiment) -> float:
    """Share of a tile's junctions that may carry more than sound ones, such as shorts."""
    count = len(experiment.die.conducting_more(experiment.tile.index))
    return count / (experiment.crossbar.rows * experiment.crossbar.columns)


def _strengths(card: Card, experiment: Experiment) -> list[tuple[str, float, bool, str]]:
    """How strong the tile's defects are, and how many conduct more, against those of the card."""
    valid, die = card.validity, experiment.die
    share = share_conducting_more(experiment)
    of_tile = [defect.about.strength for defect in die.of_tile(experiment.tile.index)]
    found = []
    for name in dict.fromkeys(name for name in of_tile if name is not None):
        own = getattr(die, name)
        least = getattr(valid, name, getattr(card.circuit.die, name))
        unit = UNITS.get(f"validity.{name}", "")
        found.append((f"die.{name}", own, own >= least, f"at least {least:g} {unit}".rstrip()))
    return [
        *found,
        (
            "share of shorts",
            share,
            share <= max(SHORTS * valid.shorts, 1.5 / valid.cells),
            f"at most {SHORTS:g} times the share on the tiles that were judged, {valid.shorts:g}",
        ),
    ]
