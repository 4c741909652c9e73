"""Which simulations a calibration asks for. Pure: the same spec gives the same plan."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mtjspice.calibrate.access import access_experiments
from mtjspice.calibrate.amplifier import amplifier_experiment
from mtjspice.device.converter import quantised
from mtjspice.spec.base import Floats, States
from mtjspice.spec.calibration import KINDS_SEARCHED, Calibration
from mtjspice.spec.defects import (
    DEFECTS,
    OF_JUNCTION,
    Bridged,
    Cut,
    DefectKind,
    Shorted,
    kind_that,
)
from mtjspice.spec.die import Defect, Die
from mtjspice.spec.experiment import Experiment
from mtjspice.spec.stimulus import Stimulus
from mtjspice.spec.tile import ProgrammedTile
from mtjspice.surrogate.model import MARGIN

HELD_INPUTS, NEW_TILES, DEFECTIVE, SHORTED = "new inputs", "new tiles", "defects", "shorts"
NEW_STATES, NEW_DIES = "new states", "new dies"
HARD = "new tiles, hard inputs"
CLUSTERED, LINES = "clustered shorts", "several dead and bridged lines"
SEARCHED = "searched inputs: "
"""What the groups of searched inputs are called, before the kind of tile."""
PATTERNS = 5
"""Tiles of the calibration whose states are not random; they come first."""
BASE_SEED = 2000
"""Dies of judged tiles are this far from those of the calibration, which are fewer."""
FIRST_SEEDS = {NEW_TILES: 1, DEFECTIVE: 2, SHORTED: 3, HARD: 4, CLUSTERED: 7, LINES: 8}
"""Of the dies of a group, in units of `BASE_SEED`; 5 and 6 are other sizes and new dies."""
FIRST_SEARCHED = 9
KINDS = {
    "sound": NEW_TILES,
    "shorts": SHORTED,
    "clustered shorts": CLUSTERED,
    "dead and bridged lines": LINES,
    "defects of every kind": DEFECTIVE,
}
"""Kinds of tiles whose inputs are searched, and the groups whose defects they have."""
assert len(KINDS) == KINDS_SEARCHED
CROWDED = 0.75
"""Share of a line's cells that are shorts on tiles with clustered shorts."""


@dataclass(frozen=True)
class Run:
    """One simulation of the plan.

    Attributes:
        name: unique, readable; also that of its netlist among the worst cases.
        group: what it is for: ``access``, ``amplifier``, or what is new in it to the surrogate.
        experiment: what is simulated.
        fitted: how many of its input vectors, from the first, are fitted; the others are judged.
    """

    name: str
    group: str
    experiment: Experiment
    fitted: int = 0


def make_plan(spec: Calibration) -> list[Run]:
    """All simulations of a calibration, in a fixed order."""
    runs = []
    if spec.crossbar.cell.series == "measured":
        for k, experiment in enumerate(access_experiments(spec)):
            runs.append(Run(f"access {k}", "access", experiment))
    if spec.periphery.amplifier is not None:
        runs.append(Run("amplifier", "amplifier", amplifier_experiment(spec)))
    return [
        *runs,
        *_calibration_tiles(spec),
        *_one_thing_new(spec),
        *_held_tiles(spec),
        *_other_sizes(spec),
    ]


def _calibration_tiles(spec: Calibration) -> list[Run]:
    """Named and random patterns; fitted inputs first, held-out ones behind them."""
    shape, plan = spec.crossbar.shape, spec.plan
    patterns: dict[str, Callable[[np.random.Generator], States]] = {
        "all P": lambda _: np.zeros(shape, dtype=np.uint8),
        "all AP": lambda _: np.ones(shape, dtype=np.uint8),
        "checkerboard": lambda _: np.asarray(np.indices(shape).sum(axis=0) % 2, dtype=np.uint8),
        "one P row": lambda _: cross(shape, row=shape[0] // 2),
        "one P column": lambda _: cross(shape, column=shape[1] // 2),
    }
    assert len(patterns) == PATTERNS
    patterns |= {f"random {k}": lambda c: _random(shape, c) for k in range(plan.tiles)}
    runs = []
    for k, (name, states) in enumerate(patterns.items()):
        chance = np.random.default_rng([spec.seed, 1, k])
        written = states(chance)
        fitted = np.concatenate(
            [_adversarial(shape[0], plan.vectors // 3, chance),
             _uniform(shape[0], plan.vectors - plan.vectors // 3, chance)]
        )  # fmt: skip
        held = _uniform(shape[0], plan.held_vectors, chance)
        experiment = _tile(spec, written, np.concatenate([fitted, held]), k)
        runs.append(Run(f"calibration: {name}", HELD_INPUTS, experiment, len(fitted)))
    return runs


def _one_thing_new(spec: Calibration) -> list[Run]:
    """The random tiles of the calibration with other states, and on other dies."""
    shape, plan = spec.crossbar.shape, spec.plan
    runs = []
    for k in range(plan.tiles):
        number = PATTERNS + k
        written = _random(shape, np.random.default_rng([spec.seed, 1, number]))
        chance = np.random.default_rng([spec.seed, 4, k])
        others = _random(shape, chance)
        for group, states, seed in (
            (NEW_STATES, others, number),
            (NEW_DIES, written, BASE_SEED * 6 + k),
        ):
            volts = _uniform(shape[0], plan.held_vectors, chance)
            runs.append(Run(f"{group} {k}", group, _tile(spec, states, volts, seed)))
    return runs


def _held_tiles(spec: Calibration) -> list[Run]:
    """Tiles whose states, spread, mismatch and defects the fit never sees."""
    shape, plan = spec.crossbar.shape, spec.plan
    runs = []
    for group, count in (
        (NEW_TILES, plan.held_tiles),
        (DEFECTIVE, plan.defective_tiles),
        (SHORTED, plan.short_tiles),
        (HARD, plan.hard_tiles),
        (CLUSTERED, plan.clustered_tiles),
        (LINES, plan.line_tiles),
    ):
        for k in range(count):
            seed = BASE_SEED * FIRST_SEEDS[group] + k
            chance = np.random.default_rng([spec.seed, 2, seed])
            states = _random(shape, chance)
            inputs = _adversarial if group == HARD else _uniform
            volts = inputs(shape[0], plan.held_vectors, chance)
            defects = _of_kind(spec, group, k, chance, tile=seed)
            experiment = _tile(spec, states, volts, seed, defects)
            runs.append(Run(f"{group} {k}", group, experiment))
    return runs


def searched_tiles(spec: Calibration) -> list[Run]:
    """Tiles whose inputs are to be searched; their own inputs are all at zero."""
    shape, runs = spec.crossbar.shape, []
    for number, (kind, group) in enumerate(KINDS.items()):
        for k in range(spec.plan.searched_tiles):
            seed = BASE_SEED * (FIRST_SEARCHED + number) + k
            chance = np.random.default_rng([spec.seed, 5, seed])
            states = _random(shape, chance)
            defects = _of_kind(spec, group, k, chance, tile=seed)
            experiment = _tile(spec, states, np.zeros((1, shape[0])), seed, defects)
            runs.append(Run(f"{SEARCHED}{kind} {k}", f"{SEARCHED}{kind}", experiment))
    return runs


def with_inputs(spec: Calibration, run: Run, volts: Floats) -> Run:
    """A run with other inputs [vector, row], V, as the DAC gives them."""
    given = _given(spec, volts / spec.read_voltage)
    stimulus = run.experiment.stimulus.replace(volts=given)
    return replace(run, experiment=run.experiment.replace(stimulus=stimulus))


def _other_sizes(spec: Calibration) -> list[Run]:
    """Square tiles of other sizes, two of each."""
    runs = []
    for size in spec.plan.sizes:
        for k in range(2):
            seed = BASE_SEED * 5 + 2 * size + k
            chance = np.random.default_rng([spec.seed, 3, size, k])
            crossbar = spec.crossbar.replace(rows=size, columns=size)
            volts = _uniform(size, min(30, spec.plan.held_vectors), chance)
            experiment = _tile(
                spec.replace(crossbar=crossbar), _random((size, size), chance), volts, seed
            )
            runs.append(Run(f"{size} x {size}, {k}", f"size {size}", experiment))
    return runs


def _tile(
    spec: Calibration, states: States, volts: Floats, seed: int, defects: tuple[Defect, ...] = ()
) -> Experiment:
    """A tile on a die of its own; inputs in units of the read voltage, as the DAC gives them."""
    given = _given(spec, volts)
    return Experiment(
        crossbar=spec.crossbar,
        tile=ProgrammedTile(states=states, index=seed),
        stimulus=Stimulus(volts=given, read_voltage=spec.read_voltage),
        die=spec.die.replace(seed=spec.seed + seed, defects=defects),
        periphery=spec.periphery,
        technology=spec.technology,
    )


def _given(spec: Calibration, volts: Floats) -> Floats:
    """What the DAC gives for inputs in units of the read voltage, V above the reference."""
    reference = spec.periphery.reference
    given = quantised(reference + spec.read_voltage * volts, spec.dac) - reference
    # A coarse converter rounds beyond what the card will allow: then one step less.
    beyond = np.abs(given) > MARGIN * spec.read_voltage
    return np.asarray(np.where(beyond, given - np.sign(given) * spec.dac.lsb, given))


def _random(shape: tuple[int, int], chance: np.random.Generator) -> States:
    return chance.integers(0, 2, shape, dtype=np.uint8)


def cross(shape: tuple[int, int], row: int | None = None, column: int | None = None) -> States:
    """P along a row and a column, AP elsewhere."""
    states = np.ones(shape, dtype=np.uint8)
    if row is not None:
        states[row] = 0
    if column is not None:
        states[:, column] = 0
    return states


def _uniform(rows: int, count: int, chance: np.random.Generator) -> Floats:
    return chance.uniform(-1, 1, (count, rows))


def _adversarial(rows: int, count: int, chance: np.random.Generator) -> Floats:
    """All rows high, all low, alternating, halves, then single rows and images of few inputs."""
    alternating = (-1.0) ** np.arange(rows)
    half = np.where(np.arange(rows) < max(rows // 2, 1), 1.0, 0.0)
    fixed = [np.ones(rows), -np.ones(rows), alternating, half, half[::-1]]
    single = [row for k in range(rows) for row in (np.eye(rows)[k], -np.eye(rows)[k])]
    few = max(count - len(fixed), 0)
    chosen = [single[k] for k in chance.permutation(len(single))[: few // 2]]
    sparse = (chance.random((few - len(chosen), rows)) < 0.2).astype(np.float64)
    dark = ~sparse.any(axis=1)  # no input says nothing
    sparse[dark, chance.integers(rows, size=int(dark.sum()))] = 1.0
    return np.array([*fixed, *chosen, *sparse])[:count]


def _of_kind(
    spec: Calibration, group: str, k: int, chance: np.random.Generator, tile: int
) -> tuple[Defect, ...]:
    """The defects of tile k of a group."""
    shape = spec.crossbar.shape
    if group == DEFECTIVE:
        return _defects(shape, spec.plan.kinds, chance, tile)
    if group == SHORTED:
        return _shorts(shape, spec.plan.short_share, chance, tile)
    if group == CLUSTERED:
        return _clustered(shape, k, chance, tile)
    return _lines(shape, chance, tile) if group == LINES else ()


def _defects(
    shape: tuple[int, int], kinds: Sequence[DefectKind], chance: np.random.Generator, tile: int
) -> tuple[Defect, ...]:
    """One of every kind on a tile, the cells' at different cells; none where there are too few."""
    rows, columns = shape
    of_junction = [kind for kind in kinds if kind in OF_JUNCTION]
    cells, count = rows * columns, len(of_junction)
    if cells < count:
        return ()
    places = [divmod(int(c), columns) for c in chance.choice(cells, count, replace=False)]
    found = [
        Defect(kind=kind, row=row, column=column, tile=tile)
        for kind, (row, column) in zip(of_junction, places, strict=True)
    ]
    for kind in kinds:
        about = DEFECTS[kind]
        last = dict(zip(("row", "column"), about.last(shape), strict=True))
        if kind not in OF_JUNCTION and min(last.values()) >= 0:
            place = {axis: int(chance.integers(last[axis] + 1)) for axis in about.place}
            found.append(Defect.model_validate({"kind": kind, "tile": tile} | place))
    return tuple(found)


def _shorts(
    shape: tuple[int, int], share: float, chance: np.random.Generator, tile: int
) -> tuple[Defect, ...]:
    cells = shape[0] * shape[1]
    count = max(1, round(share * cells)) if share > 0 else 0
    places = np.sort(chance.choice(cells, count, replace=False))
    return _short_at([divmod(int(p), shape[1]) for p in places], tile)


def _short_at(cells: Sequence[tuple[int, int]], tile: int) -> tuple[Defect, ...]:
    short = kind_that(Shorted())
    return tuple(Defect(kind=short, row=r, column=c, tile=tile) for r, c in cells)


def _clustered(
    shape: tuple[int, int], k: int, chance: np.random.Generator, tile: int
) -> tuple[Defect, ...]:
    """Shorts on most of a column, on most of a row, or in a block, by turns."""
    rows, columns = shape
    row, column = int(chance.integers(rows)), int(chance.integers(columns))
    down, along = (max(1, round(CROWDED * n)) for n in shape)
    if k % 3 == 0:
        cells = [(int(r), column) for r in chance.choice(rows, down, replace=False)]
    elif k % 3 == 1:
        cells = [(row, int(c)) for c in chance.choice(columns, along, replace=False)]
    else:
        side = max(1, round(down**0.5))
        top, left = min(row, max(rows - side, 0)), min(column, max(columns - side, 0))
        cells = [
            (r, c)
            for r in range(top, min(top + side, rows))
            for c in range(left, min(left + side, columns))
        ]
    return _short_at(sorted(cells), tile)


def _lines(shape: tuple[int, int], chance: np.random.Generator, tile: int) -> tuple[Defect, ...]:
    """Two dead lines and two bridges of either direction, fewer where there are few lines."""
    rows, columns = shape

    def some(count: int) -> list[int]:
        return sorted(int(n) for n in chance.choice(count, min(2, count), replace=False))

    dead_row, dead_column = kind_that(Cut("row")), kind_that(Cut("column"))
    found = [Defect(kind=dead_row, row=n, tile=tile) for n in some(rows // 2)]
    found += [Defect(kind=dead_column, column=n, tile=tile) for n in some(columns // 2)]
    for n in some(rows - 1):
        place, kind = int(chance.integers(columns)), kind_that(Bridged("row"))
        found.append(Defect(kind=kind, row=n, column=place, tile=tile))
    for n in some(columns - 1):
        place, kind = int(chance.integers(rows)), kind_that(Bridged("column"))
        found.append(Defect(kind=kind, row=place, column=n, tile=tile))
    return tuple(found)


def of_die(die: Die) -> dict[str, float]:
    """The spreads that a card's range names."""
    return {
        "sigma_ln_rp": float(np.hypot(die.sigma_ln_rp, die.sigma_ln_rp_die)),
        "sigma_ln_tmr": float(np.hypot(die.sigma_ln_tmr, die.sigma_ln_tmr_die)),
        "mismatch": die.mismatch,
    }
