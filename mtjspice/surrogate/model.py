"""The surrogate: a calibrated tile for the price of a few matrix products."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor

from mtjspice.errors import InputError
from mtjspice.spec.die import Die
from mtjspice.spec.experiment import Experiment
from mtjspice.spec.periphery import TransimpedanceAmplifier
from mtjspice.surrogate.array import Array, array_of
from mtjspice.surrogate.card import Card
from mtjspice.surrogate.expansion import Expansion, expand

Level = Literal["ideal", "linear", "full"]
MARGIN = 1.01
"""Inputs may exceed the card's range by what a converter's last step adds."""


class Surrogate(torch.nn.Module):
    """A crossbar with its read-out as its card describes it.

    `program` makes the matrices of tiles, once; calling the module reads them. Levels:

    - ``ideal``: the junctions' conductances at rest, no wires, no access devices.
    - ``linear``: the effective matrix of the whole circuit at rest.
    - ``full``: with bias dependence (`expansion`), by the card's fitted factors.

    Args:
        card: from `load_card`, or of a calibration.
        level: what is computed.

    Attributes:
        card: the same.
        level: the same; may be changed at any time.
    """

    def __init__(self, card: Card, level: Level = "full"):
        super().__init__()
        self.card, self.level = card, level

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

    def program(self, experiments: Sequence[Experiment]) -> Expansion:
        """The matrices of programmed tiles; the experiments' own input vectors do not matter.

        Raises:
            InputError: as `array`.
        """
        with torch.no_grad():
            return self.expand(self.array(experiments))

    def expand(self, array: Array) -> Expansion:
        """The matrices of tiles that are tensors already, with gradients if these ask for them."""
        if self.level == "ideal":
            made = _only(array.cells.at_rest()[:, list(array.driven)][..., list(array.sensed)])
        else:
            made = expand(array)
            factors = self.card.correction
            made = Expansion(
                linear=made.linear * factors.linear,
                own=made.own * factors.own,
                mixed=made.mixed * factors.mixed,
                twice=made.twice * factors.mixed,
                alone=made.alone * factors.mixed,
                thrice=made.thrice * factors.mixed,
            )
        return made

    def forward(self, volts: Tensor, programmed: Expansion) -> Tensor:
        """Currents of the sensed columns, A, [tile, vector, column].

        Args:
            volts: [vector, driven row] or [tile, vector, driven row], V above the reference.
            programmed: from `program` or `expand`.

        Raises:
            InputError: if inputs are not finite or beyond the card's range.
        """
        self._check(volts)
        linear = volts @ programmed.linear
        if self.level != "full":
            return linear
        return programmed.currents(volts.expand(*linear.shape[:-1], -1), linear)

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

    def _check(self, volts: Tensor) -> None:
        largest = float(volts.detach().abs().max()) if volts.numel() else 0.0
        limit = self.card.validity.volts
        if not largest <= MARGIN * limit:  # also where it is nan
            raise InputError(
                source=f"card {self.card.name}",
                key="validity.volts",
                value=largest,
                allowed=f"inputs must be finite and at most {limit:g} V in magnitude",
            )


def _only(linear: Tensor) -> Expansion:
    """A matrix product and nothing else."""
    tiles, rows, columns = linear.shape
    none = linear.new_zeros(tiles, 1, columns)
    wide = linear.new_zeros(tiles, 3 * rows, columns)
    return Expansion(linear, wide, wide, torch.zeros_like(linear), none, none)


def check_range(card: Card, experiment: Experiment) -> None:
    """Refuse what the card was not held against.

    Raises:
        InputError: naming the quantity, its value and the range.
    """
    circuit, valid = card.circuit, card.validity
    crossbar, die = experiment.crossbar, experiment.die
    size = crossbar.rows, crossbar.columns
    kinds = sorted({d.kind for d in die.defects if d.tile == experiment.tile.index})
    whole = circuit.crossbar.replace(rows=crossbar.rows, columns=crossbar.columns)
    unused = len(experiment.driven_rows) < size[0] or len(experiment.sensed_columns) < size[1]
    idle = crossbar.unselected if unused else "grounded"
    refusals = (
        ("cell", crossbar.cell.kind, crossbar.cell == circuit.crossbar.cell, circuit.crossbar.cell),
        ("size", size, size in valid.sizes, ", ".join(f"{r} x {c}" for r, c in valid.sizes)),
        ("lines", f"{crossbar.row!r} {crossbar.column!r}", crossbar == whole, "those of the card"),
        ("unselected", idle, idle != "half", "grounded or floating"),
        ("periphery", experiment.periphery, *_same(experiment.periphery, circuit.periphery)),
        ("technology", experiment.technology, *_same(experiment.technology, circuit.technology)),
        ("defects", kinds, set(kinds) <= set(valid.defects), ", ".join(valid.defects) or "none"),
        *_spreads(card, die),
        (
            "die.short_resistance",
            die.short_resistance,
            "short" not in kinds or die.short_resistance >= valid.short_resistance,
            f"at least {valid.short_resistance:g} Ohm",
        ),
    )
    for quantity, value, holds, allowed in refusals:
        if not holds:
            raise InputError(
                source=f"card {card.name}",
                key=quantity,
                value=value,
                allowed=f"is outside of what the card was calibrated for: {allowed}",
            )


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


def has_amplifier(card: Card) -> bool:
    """Whether the columns of a card's circuit end in amplifiers."""
    return isinstance(card.circuit.periphery, TransimpedanceAmplifier)
