"""Does the array read: voltage over the cells, errors of the output currents, sneak currents."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from mtjspice.calibrate.plan import cross
from mtjspice.layout.access import Fitted
from mtjspice.layout.circuit import (
    TOLERANCE,
    Reads,
    blocks,
    full_scale,
    ideal_currents,
    nominal_die,
    read_experiment,
    rows_in_words,
)
from mtjspice.layout.findings import Finding, Floats, PatternLine, Shown, States, VoltageMap
from mtjspice.layout.patterns import Objective, best_start, named_patterns, search
from mtjspice.layout.quantities import Condition
from mtjspice.layout.spread import Spread, in_turn
from mtjspice.solver import nodal
from mtjspice.solver.array import array_of
from mtjspice.spec.crossbar import Crossbar
from mtjspice.spec.experiment import Experiment
from mtjspice.spec.layout import Layout
from mtjspice.spec.stimulus import Stimulus
from mtjspice.spec.tile import ProgrammedTile

SCALES = (1.0, 0.5)
"""Inputs, in units of the read voltage, whose outputs should be proportional."""
RANDOM = 16
"""Random patterns, from which the common gain of the outputs is taken."""
TARGETS = 3
"""Cells and columns, the worst of the named patterns, that worst patterns are searched for."""
STARTS = 2
"""Random starts of a search, besides the named patterns."""
WORDS = {
    "ir_drop": "IR drop",
    "current_error": "error",
    "tuned_error": "error after gain",
    "nonlinearity": "nonlinearity",
}
MEASURES = tuple(WORDS)


@dataclass(frozen=True)
class Measured:
    """What reads of some patterns come to, [pattern], the worst over blocks, cells and columns.

    Attributes:
        values: by the quantity's name, float64 [pattern].
        places: by the quantity's name, (block, row, column) of each pattern; there is a row where
            the quantity is one of cells.
        delivered: float64 [pattern, row, column], smallest share of the read voltage over the
            blocks that drive a row.
        currents: float64 [block, pattern, scale, column], A.
        solved: number of reads solved.
    """

    values: Mapping[str, Floats]
    places: Mapping[str, Sequence[tuple[int, int | None, int]]]
    delivered: Floats
    currents: Floats


def measure(layout: Layout, fitted: Fitted, patterns: States) -> Measured:
    """Read patterns, uint8 [pattern, row, column], of a layout that is under its condition."""
    states = torch.from_numpy(patterns.astype(np.float64))
    values: dict[str, list[Floats]] = {name: [] for name in MEASURES}
    where: dict[str, list[list[tuple[int | None, int]]]] = {name: [] for name in MEASURES}
    delivered = np.full(patterns.shape, np.inf)
    currents = []
    for driven in blocks(layout):
        reads = Reads.of(layout, fitted.access, driven, SCALES, fitted.leakage)
        with torch.no_grad():
            answer = reads.answer(reads.array(states))
            share = answer.cell_volts[:, 0, list(driven)] / layout.read.voltage
            off = errors(layout, reads, answer.current, states)
        rows = list(driven)
        delivered[:, rows] = np.minimum(delivered[:, rows], share.numpy())
        currents.append(answer.current.numpy())
        lost = 1 - share.flatten(1).numpy()
        values["ir_drop"].append(lost.max(1))
        cells = (divmod(int(k), share.shape[2]) for k in lost.argmax(1))
        where["ir_drop"].append([(driven[row], column) for row, column in cells])
        for name, error in off.items():
            values[name].append(error.numpy().max(1))
            where[name].append([(None, int(k)) for k in error.numpy().argmax(1)])
    delivered[np.isinf(delivered)] = np.nan
    worst = {name: np.stack(of_blocks) for name, of_blocks in values.items()}
    places = {
        name: [(int(b), *where[name][b][k]) for k, b in enumerate(worst[name].argmax(0))]
        for name in MEASURES
    }
    return Measured(
        {name: w.max(0) for name, w in worst.items()}, places, delivered, np.stack(currents)
    )


def errors(layout: Layout, reads: Reads, current: Tensor, states: Tensor) -> dict[str, Tensor]:
    """Errors of output currents [tile, scale, column], of full scale, by quantity [tile, column].

    The scales are those of `SCALES`.
    """
    ideal, whole = ideal_currents(layout, states, reads.driven), full_scale(layout)
    gain, scaled = common_gain(reads), SCALES[1] * current[:, 0]
    return {
        "current_error": (current[:, 0] - ideal).abs() / whole,
        "tuned_error": (gain * current[:, 0] - ideal).abs() / whole,
        "nonlinearity": (current[:, 1] - scaled).abs() / whole,
    }


def common_gain(reads: Reads) -> float:
    """The factor on all outputs that brings random patterns closest to the ideal product."""
    chance = np.random.default_rng([reads.layout.seed, 6])
    drawn = chance.integers(0, 2, (RANDOM, *reads.layout.crossbar.shape))
    states = torch.from_numpy(drawn.astype(np.float64))
    one = replace(reads, scales=(1.0,))
    current, ideal = (
        one.currents(states)[:, 0],
        ideal_currents(reads.layout, states, reads.driven),
    )
    return float((current * ideal).sum() / (current * current).sum())


def worst_patterns(
    layout: Layout, fitted: Fitted, *, thorough: bool = True, spread: Spread = in_turn
) -> dict[str, States]:
    """For each measure the pattern that a search finds worst, by a name, with the named ones.

    Args:
        layout: under its condition.
        fitted: under the same.
        thorough: climb from every start; else from the best one only.
        spread: how the searches are run.
    """
    calls = [(layout, fitted, d, name, thorough) for d in blocks(layout) for name in MEASURES]
    best: dict[str, tuple[float, States]] = {}
    for (*_, name, _), (value, states) in zip(calls, spread(_worst_of, calls), strict=True):
        if name not in best or value > best[name][0]:
            best[name] = value, states
    return _together(
        named_patterns(layout.crossbar.shape), {name: states for name, (_, states) in best.items()}
    )


def _worst_of(
    layout: Layout, fitted: Fitted, driven: tuple[int, ...], name: str, thorough: bool
) -> tuple[float, States]:
    """Value and pattern of the worst case of one measure in one block of rows."""
    guessed = np.stack(list(named_patterns(layout.crossbar.shape).values()))
    objective, targets = _objective(layout, fitted, driven, name, guessed)
    starts, wanted = _starts(layout, targets, name)
    if not thorough:
        starts, wanted = best_start(objective, starts, wanted)
    found = search(objective, starts, wanted)
    return float(found.values[found.best]), found.states[found.best]


def _together(named: Mapping[str, States], found: Mapping[str, States]) -> dict[str, States]:
    """All patterns, each once; one that was named already is said to be the worst, too."""
    words: dict[bytes, list[str]] = {}
    every = {states.tobytes(): states for states in (*named.values(), *found.values())}
    for name, states in named.items():
        words.setdefault(states.tobytes(), []).append(name)
    for name, states in found.items():
        words.setdefault(states.tobytes(), []).append(f"worst {WORDS[name]}")
    return {"; ".join(words[key]): states for key, states in every.items()}


def _objective(
    layout: Layout, fitted: Fitted, driven: tuple[int, ...], name: str, guessed: States
) -> tuple[Objective, list[int]]:
    """What is searched for, and the targets (flat cells or columns) that look worst."""
    scales = SCALES if name == "nonlinearity" else SCALES[:1]
    reads = Reads.of(layout, fitted.access, driven, scales, fitted.leakage)
    ideal_gain = common_gain(reads) if name == "tuned_error" else 1.0
    whole = full_scale(layout)

    def every(states: Tensor) -> Tensor:
        """[tile, target]."""
        array = reads.array(states)
        solution = nodal.solve(array, reads.volts, tolerance=TOLERANCE)
        if name == "ir_drop":
            volts = reads.whole(nodal.cell_volts(array, reads.volts, solution))[:, 0]
            volts = volts / layout.read.voltage
            resting = torch.ones(layout.crossbar.rows, 1, dtype=torch.bool)
            resting[list(driven)] = False
            return (1 - volts).masked_fill(resting, 0.0).flatten(1)
        current = nodal.column_currents(array, solution)
        if name == "nonlinearity":
            return (current[:, 1] - SCALES[1] * current[:, 0]).abs() / whole
        return (ideal_gain * current[:, 0] - ideal_currents(layout, states, driven)).abs() / whole

    def objective(states: Tensor, which: Tensor) -> Tensor:
        return every(states)[torch.arange(len(states)), which]

    with torch.no_grad():
        guesses = every(torch.from_numpy(guessed.astype(np.float64))).numpy()
    if guesses.shape[1] <= 2 * TARGETS:
        return objective, list(range(guesses.shape[1]))
    order = np.argsort(-guesses.max(0), kind="stable")
    ends = [0, guesses.shape[1] - 1] if name != "ir_drop" else []
    return objective, list(dict.fromkeys([*(int(k) for k in order[:TARGETS]), *ends]))


def _starts(layout: Layout, targets: Sequence[int], name: str) -> tuple[States, list[int]]:
    """Where searches start, uint8 [start, row, column], and the target of each."""
    shape = layout.crossbar.shape
    chance = np.random.default_rng([layout.seed, 7])
    starts, wanted = [], []
    for target in targets:
        row, column = divmod(target, shape[1]) if name == "ir_drop" else (None, target)
        lines = cross(shape, row, column)
        drawn = chance.integers(0, 2, (STARTS, *shape)).astype(np.uint8)
        of_one = [*named_patterns(shape).values(), lines, 1 - lines, *drawn]
        starts += of_one
        wanted += [target] * len(of_one)
    return np.array(starts, dtype=np.uint8), wanted


def read_findings(
    layout: Layout, condition: Condition, fitted: Fitted, patterns: Mapping[str, States]
) -> list[Finding]:
    """The worst of each measure over the patterns; the layout is under the condition."""
    names = list(patterns)
    measured = measure(layout, fitted, np.stack(list(patterns.values())))
    findings = []
    for name in MEASURES:
        k = int(measured.values[name].argmax())
        block, row, column = measured.places[name][k]
        driven = blocks(layout)[block]
        place = f"column {column}" if row is None else f"row {row}, column {column}"
        reads = Reads.of(layout, fitted.access, driven, SCALES)
        given = {"gain": common_gain(reads)} if name == "tuned_error" else {}
        # A cell's place has its row in it already, where one row is read.
        single = name == "ir_drop" and len(driven) == 1
        read_rows = "" if single else rows_in_words(layout, block)
        findings.append(
            Finding(
                quantity=name,
                value=float(measured.values[name][k]),
                condition=condition,
                level="nodal",
                where=f"{place}, pattern “{names[k]}”{read_rows}",
                experiment=read_experiment(
                    layout, patterns[names[k]], driven, scales=SCALES
                ).replace(observe="cells"),
                shown=Shown(row, column, given=given),
            )
        )
    return findings


def pattern_experiments(layout: Layout, patterns: Mapping[str, States]) -> list[Experiment]:
    """Every pattern read in every block, for the audit in SPICE; blocks lead."""
    return [
        read_experiment(layout, states, driven, scales=SCALES)
        for driven in blocks(layout)
        for states in patterns.values()
    ]


def pattern_table(
    layout: Layout, fitted: Fitted, patterns: Mapping[str, States], audited: Sequence[Floats]
) -> tuple[tuple[PatternLine, ...], tuple[VoltageMap, ...]]:
    """The patterns under nominal conditions, beside SPICE's currents [vector, column]."""
    measured = measure(layout, fitted, np.stack(list(patterns.values())))
    theirs = np.stack(list(audited)).reshape(len(blocks(layout)), len(patterns), len(SCALES), -1)
    off = np.abs(measured.currents - theirs).max((0, 2, 3)) / full_scale(layout)
    lines = tuple(
        PatternLine(
            name, audit=float(off[k]), **{m: float(measured.values[m][k]) for m in MEASURES}
        )
        for k, name in enumerate(patterns)
    )
    maps = tuple(
        VoltageMap(name, states, measured.delivered[k])
        for k, (name, states) in enumerate(patterns.items())
    )
    return lines, maps


TERMINATIONS = ("grounded", "floating", "half")


def sneak_findings(layout: Layout, condition: Condition) -> tuple[Finding, dict[str, float]]:
    """Sneak share of one line's current when one row is driven and one column read.

    The selected cell is AP and all others are P, at the two corners of the array that are farthest
    from and nearest to drivers and read-out. What the line reads beyond the current of the selected
    cell came round other ways; where it reads less, cells of the line took it away.

    Returns:
        The finding for the layout's own termination, and the share for each.
    """
    rows, columns = layout.crossbar.shape
    worst: dict[str, tuple[float, Experiment, tuple[int, int]]] = {}
    for termination in TERMINATIONS:
        crossbar = layout.crossbar.replace(unselected=termination)
        for row, column in dict.fromkeys(((0, columns - 1), (rows - 1, 0))):
            experiment = _selected(layout, crossbar, row, column)
            array = array_of([experiment])
            volts = torch.full((1, 1), layout.read.voltage, dtype=torch.float64)
            with torch.no_grad():
                solution = nodal.solve(array, volts)
                whole = float(nodal.column_currents(array, solution)[0, 0, 0])
                own = float(solution.current[0, 0, row, column])
            share = abs(whole - own) / abs(whole) if whole else 1.0
            if termination not in worst or share > worst[termination][0]:
                worst[termination] = share, experiment, (row, column)
    share, experiment, (row, column) = worst[layout.crossbar.unselected]
    place = f"row {row}, column {column}"
    where = f"{place}, AP among P, unselected lines {layout.crossbar.unselected}"
    shown = Shown(row, column)
    found = Finding("sneak", share, condition, "nodal", where, experiment, shown=shown)
    return found, {name: value for name, (value, _, _) in worst.items()}


def _selected(layout: Layout, crossbar: Crossbar, row: int, column: int) -> Experiment:
    """One row driven and one column read, the cell between them AP, all others P."""
    states = np.zeros(crossbar.shape, dtype=np.uint8)
    states[row, column] = 1
    return Experiment(
        crossbar=crossbar,
        tile=ProgrammedTile(states=states),
        stimulus=Stimulus(
            volts=np.array([[layout.read.voltage]]),
            driven_rows=(row,),
            sensed_columns=(column,),
            read_voltage=layout.read.voltage,
        ),
        die=nominal_die(layout),
        periphery=layout.periphery,
        technology=layout.technology,
    )


def searched_anew(
    layout: Layout, condition: Condition, fitted: Fitted, before: Sequence[Finding]
) -> list[Finding]:
    """The measures with patterns searched under a condition, where these are worse than before.

    The layout is under the condition.
    """
    found = read_findings(layout, condition, fitted, worst_patterns(layout, fitted, thorough=False))
    known = {f.quantity: f.value for f in before}
    return [f for f in found if f.value > known.get(f.quantity, -np.inf)]
