"""What defects take off the yield: arrays with one defect each are read, without spread.

Where a defect makes one line bad, it counts for lines; where it makes more of them bad at once than
may be, as a dead row does, it counts for the array. Two defects that are bad only together, and a
defect that only makes a margin smaller, are left out.
"""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from mtjspice.layout.access import Fitted
from mtjspice.layout.circuit import blocks, read_experiment
from mtjspice.layout.montecarlo import nodal_currents, side_margins
from mtjspice.layout.reference import nominal_thresholds
from mtjspice.layout.sense import drawn_data
from mtjspice.layout.yields import ALMOST, Spared
from mtjspice.spec.defects import DEFECTS, OF_JUNCTION, Bridged, DefectKind
from mtjspice.spec.die import Defect, Die
from mtjspice.spec.layout import Layout

PLACES = 24
"""At which a defect of a kind is looked at, each with data of its own."""
TURNS = (0, 1, 1, 2)
"""Blocks of rows in turn: rows in the middle stand for twice as many as those at either end."""


def spared_by_defects(layout: Layout, fitted: Fitted, threshold: float) -> Spared:
    """How likely it is that defects leave a line, and the whole array, as they are.

    Args:
        layout: under its condition.
        fitted: under the same.
        threshold: V; reference cells give their own.
    """
    rows, columns = shape = layout.crossbar.shape
    rates, most = layout.defects.rates, layout.defects.bad_lines
    line, array = 0.0, 0.0
    whole, ends_line, ends_array = 1.0, 0.0, 0.0  # shares of junctions; whole: those left so far
    for kind, about in DEFECTS.items():
        rate = getattr(rates, about.rate)
        if rate == 0 or not _possible(kind, shape):
            continue
        bad = _bad_lines(layout, fitted, threshold, kind)
        several = (bad > 1) & (bad > most)
        lost, lines = float(several.mean()), float(np.where(several, 0, bad).mean())
        if kind in OF_JUNCTION:
            ends_line += whole * rate * lines
            ends_array += whole * rate * lost
            whole *= 1 - rate
        else:
            array -= rate / 2 * lost
            line -= rate / 2 * lines / columns
    ends_array = min(ends_array, ALMOST)
    array += rows * columns * math.log1p(-ends_array)
    line += rows * math.log1p(-min(ends_line / (1 - ends_array), ALMOST))
    return Spared(line, array)


def _possible(kind: DefectKind, shape: tuple[int, int]) -> bool:
    """Whether there is a place for a defect: a bridge needs two lines."""
    effect = DEFECTS[kind].effect
    return not isinstance(effect, Bridged) or shape[effect.line == "column"] > 1


def _bad_lines(
    layout: Layout, fitted: Fitted, threshold: float, kind: DefectKind
) -> npt.NDArray[np.int64]:
    """How many lines a single defect of a kind makes bad, at several places."""
    chance = np.random.default_rng([layout.seed, 13, list(DEFECTS).index(kind)])
    groups = blocks(layout)
    reads = []
    for k in range(PLACES):
        turn = groups[TURNS[k % len(TURNS)]] if len(groups) == 3 else groups[k % len(groups)]
        die = _die_with(layout, kind, turn, chance)
        for more in (0, layout.sense.step):
            for driven in groups:
                states = drawn_data(layout, driven, layout.boundary + more, chance)
                reads.append(read_experiment(layout, states, driven, die=die))
    currents = nodal_currents(fitted, reads).reshape(PLACES, 2, len(groups), -1)
    sides = np.moveaxis(currents, 0, 1)  # [side, place, block, line]
    of_blocks = nominal_thresholds(layout, fitted)  # of reference cells, which have no defects
    own = threshold if of_blocks is None else of_blocks[:, None]
    margins = side_margins(layout, own, sides, np.zeros(sides.shape[1:]))
    return np.asarray((margins.min((0, 2)) <= 0).sum(1))


def _die_with(
    layout: Layout, kind: DefectKind, rows: Sequence[int], chance: np.random.Generator
) -> Die:
    """A die without spread and with one defect, in one of some rows."""
    about = DEFECTS[kind]
    last_row, last_column = about.last(layout.crossbar.shape)
    place = {
        "row": min(int(chance.choice(rows)), last_row),
        "column": int(chance.integers(last_column + 1)),
    }
    defect = Defect.model_validate({"kind": kind, **{axis: place[axis] for axis in about.place}})
    return layout.die.replace(
        sigma_ln_rp=0.0, sigma_ln_tmr=0.0, sigma_ln_rp_die=0.0, sigma_ln_tmr_die=0.0,
        mismatch=0.0, defects=(defect,),
    )  # fmt: skip
