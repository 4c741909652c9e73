"""Reads of single lines with their latches: how fast these decide."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import xarray as xr

from mtjspice.layout.access import Fitted
from mtjspice.layout.circuit import (
    Reads,
    blocks,
    read_experiment,
    sense_volts,
)
from mtjspice.layout.findings import States
from mtjspice.spec.experiment import Experiment
from mtjspice.spec.layout import Layout

LEAST_MARGIN = 1e-4
"""What a latch sees where the margin is smaller or negative, V: the sign is `sense`'s business."""


def strips(
    layout: Layout, fitted: Fitted, columns: Mapping[str, States], margin: float
) -> dict[str, Experiment]:
    """Reads in time of one line with its latch, which sees the smallest margin, by side.

    Args:
        layout: under its condition; its read-out is a sense amplifier.
        fitted: under the same condition.
        columns: uint8 [row] states of the worst line of each side.
        margin: the smallest of the array, V.
    """
    latch = layout.periphery.latch
    assert latch is not None
    narrow = layout.replace(
        crossbar=layout.crossbar.replace(columns=1), sense=layout.sense.replace(reference=None)
    )
    seen = max(abs(margin), LEAST_MARGIN)
    made = {}
    for side, states in columns.items():
        reads = Reads.of(narrow, fitted.access, blocks(narrow)[0], leakage=fitted.leakage)
        current = reads.currents(torch.from_numpy(states[None, :, None].astype(np.float64)))
        volts = float(sense_volts(narrow, current)[0, 0, 0])
        threshold = volts + seen if side == "low" else volts - seen
        shifted = narrow.replace(periphery=latch.replace(threshold=threshold))
        read = read_experiment(shifted, states[:, None], blocks(narrow)[0])
        made[side] = read.replace(analysis=layout.timing.analysis)
    return made


@dataclass(frozen=True)
class Decision:
    """What the latch does.

    Attributes:
        time: of the slower side, s; infinite if it does not decide in time.
        energy: of one decision and reset, J.
        right: whether it decides as it should on both sides.
        slower: side.
        costlier: the side whose energy it is.
    """

    time: float
    energy: float
    right: bool
    slower: str
    costlier: str


def decided(results: Mapping[str, xr.Dataset]) -> Decision:
    """The decisions of `strips`."""
    times = {side: float(r["decision_time"].to_numpy()[0, 0]) for side, r in results.items()}
    times = {side: math.inf if math.isnan(t) else t for side, t in times.items()}
    signs = {side: float(r["decision"].to_numpy()[0, 0]) for side, r in results.items()}
    slower = max(times, key=lambda side: times[side])
    energy = {side: float(r["decision_energy"].to_numpy()[0, 0]) for side, r in results.items()}
    costlier = max(energy, key=lambda side: energy[side])
    right = signs == {"low": -1.0, "high": 1.0}
    return Decision(times[slower], energy[costlier], right, slower, costlier)


def columns_of(states: Sequence[States], line: int) -> dict[str, States]:
    """States of one line in the worst patterns of the low and the high side, uint8 [row]."""
    low, high = states
    return {"low": low[:, line], "high": high[:, line]}
