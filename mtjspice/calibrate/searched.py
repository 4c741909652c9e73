"""Inputs at which the expansion is furthest off: found with the nodal solver, judged in SPICE.

The search is longer than the one that a tile's bound is made from (`mtjspice.surrogate.programmed`)
and starts elsewhere, so that it says whether the card's margin is wide enough.
"""

from collections.abc import Sequence

import torch

from mtjspice.calibrate.plan import Run, searched_tiles, with_inputs
from mtjspice.errors import InputError
from mtjspice.spec.calibration import CONFIRMED, Calibration
from mtjspice.surrogate.card import Card, nominal_full_scale
from mtjspice.surrogate.model import Surrogate, check_range
from mtjspice.surrogate.programmed import difference
from mtjspice.surrogate.search import search

JUMPS = 3
"""Of each start: it is there after one or two."""


def searched_runs(card: Card, spec: Calibration) -> list[Run]:
    """The tiles of the searches with the worst inputs that were found, for SPICE.

    Kinds of tiles that are outside of the card's range, because no run with them succeeded, are
    left out: nothing will be read there.
    """
    runs = [run for run in searched_tiles(spec) if _within(card, run)]
    starts = max(1, spec.plan.searches // ((JUMPS + 1) * spec.plan.searched_tiles))
    chance = torch.Generator().manual_seed(spec.seed % 2**63)
    surrogate = Surrogate(card, "full")
    crossbar = spec.crossbar
    unit = nominal_full_scale(crossbar.cell.mtj, crossbar.rows, spec.read_voltage)
    made = []
    for some in _by_group(runs):
        array = surrogate.array([run.experiment for run in some])
        with torch.no_grad():
            matrices = surrogate.expand(array)
        shape = len(some), starts, crossbar.rows
        given = 2 * torch.rand(shape, generator=chance, dtype=torch.float64) - 1
        given[:, ::2] = given[:, ::2].sign()  # every second start is a corner of the range
        found = search(
            difference(array, matrices, unit), given * spec.read_voltage, spec.read_voltage, JUMPS
        )
        worst = found.worst(CONFIRMED).numpy()
        made += [with_inputs(spec, run, volts) for run, volts in zip(some, worst, strict=True)]
    return made


def _within(card: Card, run: Run) -> bool:
    try:
        check_range(card, run.experiment)
    except InputError:
        return False
    return True


def _by_group(runs: Sequence[Run]) -> list[list[Run]]:
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(run.group, []).append(run)
    return list(groups.values())
