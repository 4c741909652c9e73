"""Rare failures: bias and coverage where the truth is known, and plain counting on circuits.

Every limit state is estimated from many seeds: the mean must lie as near to the truth as an
estimate says that it is itself, and the 95 % interval must hold the truth in 93 % of the runs or
more. Of circuits the same margin is drawn so often that failures can be counted; the ratio of
estimate and count has an interval of its own. Half an hour on two processors; quick: half a minute.
"""

import functools
import math
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from scipy import stats
from unit.limit_states import HARD, STATES, LimitState

from mtjspice.collect import Simulator
from mtjspice.layout.access import fit_conditions
from mtjspice.layout.circuit import nominal_condition
from mtjspice.layout.rare import RareEvent, estimate
from mtjspice.layout.sense import margins, worst_reads
from mtjspice.layout.subset import Margin
from mtjspice.layout.tail import read_margin, sources
from mtjspice.spec import Crossbar, Die, GatedCell, Layout, Line, SenseAmplifier
from mtjspice.spec import TransimpedanceAmplifier as Amplifier
from mtjspice.spec.layout import Reading, Sensing
from mtjspice.verdicts.figures import Figure, Interval, at_least, at_most
from mtjspice.verdicts.intervals import of_share

SEEDS, QUICK_SEEDS = 400, 25
SAMPLES = 2000
CONFIDENCE, OF_RATIO = 0.95, 0.99
LEAST_COVERAGE = 0.93
COUNTED = {1e-3: 300_000, 1e-4: 1_000_000}
"""Samples that are counted, by about how often they fail."""
QUICK_COUNTED = {1e-3: 30_000}
CLIPPED = 0.008
"""V above the threshold at which an amplifier clips."""
PILOT = 100_000
AT_A_TIME = 5000


def figures(quick: bool) -> Iterator[Figure]:
    """All of this part, one after the other."""
    seeds = QUICK_SEEDS if quick else SEEDS
    with ProcessPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        for k, state in enumerate(STATES + HARD):
            runs = list(pool.map(functools.partial(_estimated, k), range(seeds)))
            yield from _of_state(state, runs) if k < len(STATES) else [_upper_end_of(state, runs)]
    counted = QUICK_COUNTED if quick else COUNTED
    for circuit in _circuits():
        for share, count in counted.items():
            yield _of_circuit(circuit, share, count)


def _estimated(k: int, seed: int) -> RareEvent:
    """The estimate of a limit state, by its number: no margin can be sent to another process."""
    state = (STATES + HARD)[k]
    return estimate(state.margin, state.size, SAMPLES, seed, CONFIDENCE)


def _of_state(state: LimitState, runs: list[RareEvent]) -> list[Figure]:
    seeds = len(runs)
    values = np.array([one.probability for one in runs])
    stated = math.sqrt(np.mean([one.error**2 for one in runs])) / state.exact
    held = sum(one.low <= state.exact <= one.high for one in runs)
    # Of few seeds the share is no more than its interval.
    few = None if seeds >= SEEDS else of_share(held, seeds, CONFIDENCE)
    apart = float(np.abs(values / state.exact - 1).mean())
    how = f"true {state.exact:.3g}; {seeds} seeds, {SAMPLES} samples each"
    bias = abs(float(values.mean()) / state.exact - 1)
    return [
        at_most(f"rare, {state.name}: relative bias", bias, stated, "",
                f"{how}; limit: the error that an estimate states; mean distance {apart:.2g}"),
        at_least(f"rare, {state.name}: 95 % intervals that hold the truth", held / seeds,
                 LEAST_COVERAGE, "share", how, few, f"{SEEDS} seeds, without --quick"),
    ]  # fmt: skip


def _upper_end_of(state: LimitState, runs: list[RareEvent]) -> Figure:
    """Where samples are worth next to nothing the upper end is what can be asked for."""
    seeds = len(runs)
    held = sum(state.exact <= one.high for one in runs)
    few = None if seeds >= SEEDS else of_share(held, seeds, CONFIDENCE)
    worth = float(np.median([one.effective for one in runs]))
    how = (
        f"true {state.exact:.3g}; {seeds} seeds, {SAMPLES} samples each, worth {worth:.0f}; median "
        f"upper end {np.median([one.high for one in runs]):.2g}"
    )
    return at_least(f"rare, {state.name}: upper ends that hold", held / seeds, LEAST_COVERAGE,
                    "share", how, few, f"{SEEDS} seeds, without --quick")  # fmt: skip


@dataclass(frozen=True)
class Circuit:
    """A read of a real array.

    Attributes:
        name: in words.
        margin: of standard normal numbers, by the nodal solver.
        size: how many numbers.
    """

    name: str
    margin: Margin
    size: int


def _circuits() -> list[Circuit]:
    wire = Line(resistance=5, end=20)
    passive = Layout(
        name="passive",
        crossbar=Crossbar(rows=6, columns=4, row=wire, column=wire),
        die=Die(sigma_ln_rp=0.05, sigma_ln_tmr=0.04, sigma_ln_rp_die=0.02),
        periphery=Amplifier(gain=2e3, input_resistance=5),
        sense=Sensing(step=2, offset=1e-3),
    )
    gated = Layout(
        name="gated",
        crossbar=Crossbar(rows=16, columns=8, cell=GatedCell(gates="row"), row=wire, column=wire),
        die=Die(sigma_ln_rp=0.06, sigma_ln_tmr=0.06, mismatch=1.0),
        periphery=SenseAmplifier(load=3e3),
        read=Reading(voltage=0.2, rows=1),
        sense=Sensing(offset=1.5e-3),
    )
    with Simulator() as simulator:
        return [
            _circuit(passive, simulator),
            _circuit(passive, simulator, clipped=CLIPPED),
            _circuit(gated, simulator),
        ]


def _circuit(layout: Layout, simulator: Simulator, clipped: float | None = None) -> Circuit:
    """The high read with the smallest margin, its threshold in the middle.

    An amplifier that clips so many volts above the threshold gives nearly all reads the same
    margin: a plateau without slopes.
    """
    condition = nominal_condition(layout)
    fitted = fit_conditions(layout, [condition], simulator)[condition]
    sides = worst_reads(layout, fitted)
    found = margins(layout, fitted, sides, None)
    if clipped is not None:
        amplifier = layout.periphery.replace(clip_low=-found.threshold - clipped)
        layout = layout.replace(name=f"{layout.name}, clipped", periphery=amplifier)
    margin = read_margin(layout, fitted, sides, found.worst_of_sides[1], found.threshold)
    rows, columns = layout.crossbar.shape
    name = f"{layout.name} {rows} x {columns}"
    return Circuit(name, margin, sum(sources(layout, fitted.access).values()))


def _drawn(circuit: Circuit, count: int, seed: int) -> np.ndarray:
    """Margins of samples as they come."""
    chance = np.random.default_rng(seed)
    parts = []
    with torch.no_grad():
        for first in range(0, count, AT_A_TIME):
            few = min(AT_A_TIME, count - first)
            z = torch.from_numpy(chance.standard_normal((few, circuit.size)))
            parts.append(circuit.margin(z).numpy())
    return np.concatenate(parts)


def _of_circuit(circuit: Circuit, share: float, count: int) -> Figure:
    """The estimate by plain Monte Carlo; the threshold is moved so that about so many fail."""
    moved = float(np.quantile(_drawn(circuit, PILOT, 1), share))

    def margin(z: torch.Tensor) -> torch.Tensor:
        return circuit.margin(z) - moved

    found = estimate(margin, circuit.size, SAMPLES, 3, CONFIDENCE)
    failed = int((_drawn(circuit, count, 2) < moved).sum())
    counted = failed / count
    ratio = found.probability / counted
    relative = math.hypot(found.error / found.probability, 1 / math.sqrt(failed))
    spread = math.exp(float(stats.norm.ppf((1 + OF_RATIO) / 2)) * relative)
    around = Interval(ratio / spread, ratio * spread, OF_RATIO)
    how = (
        f"estimate {found.probability:.3g} [{found.low:.3g}, {found.high:.3g}] from "
        f"{found.solved} reads, counted {failed} of {count}; interval of the ratio at "
        f"{100 * OF_RATIO:g} %: {around.low:.3g} to {around.high:.3g}"
        f"{'; ' + '; '.join(found.doubts) if found.doubts else ''}"
    )
    name = f"rare, {circuit.name} near {share:g}: estimate by plain Monte Carlo"
    holds = around.low <= 1 <= around.high
    return Figure(name, ratio, "ratio", "1 within its interval", holds, how, around)
