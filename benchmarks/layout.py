"""Layout validation: is the worst case the worst, do the levels agree, how long does it take?

    python benchmarks/layout.py [--json]

The two runs of examples/gated25 are timed from nothing, in a temporary folder; the full one takes
some minutes.
"""

import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from promises import REPOSITORY, main

from mtjspice.collect import Simulator
from mtjspice.collect.pool import WorkerPool
from mtjspice.layout import timing
from mtjspice.layout.access import Fitted, fit_conditions
from mtjspice.layout.circuit import (
    Reads,
    blocks,
    nominal_condition,
    sense_volts,
)
from mtjspice.layout.findings import LayoutStory, Yield
from mtjspice.layout.montecarlo import (
    draw_samples,
    estimate_yield,
    line_margins,
    sample_currents,
)
from mtjspice.layout.patterns import named_patterns
from mtjspice.layout.read import measure, worst_patterns
from mtjspice.layout.run import run_layout
from mtjspice.layout.sense import margins, worst_reads
from mtjspice.layout.spread import over
from mtjspice.spec import (
    Crossbar,
    Layout,
    Line,
    Mtj,
    PassiveCell,
    TransimpedanceAmplifier,
    read_spec,
)
from mtjspice.spec.layout_limits import LayoutLimits
from mtjspice.verdicts.figures import Figure, at_least, at_most
from mtjspice.verdicts.intervals import of_share

GATED = REPOSITORY / "examples" / "gated25" / "layout.toml"
PASSIVE = REPOSITORY / "examples" / "passive15" / "layout.toml"
EVERY = 2**16
"""Patterns of a 4 x 4 array."""
AT_A_TIME = 2**13
LARGE = 101
"""Cells of the line whose two ways of driving are compared: so many that sums are integrals."""


def measure_all() -> list[Figure]:
    """Every figure."""
    torch.set_num_threads(1)
    figures = [*brute_force(), *trends(), *settling_against_rc()]
    with Simulator() as simulator, WorkerPool(simulator.jobs) as pool:
        figures += yield_of_both_levels(simulator, pool)
    for quick, limit in ((True, 2.0), (False, 20.0)):
        story, minutes = timed_run(quick)
        figures += agreement(story, quick)
        what = "--quick" if quick else "full report"
        how = f"examples/gated25, {len(story.conditions)} conditions, from nothing"
        figures.append(at_most(f"gated25, {what}: wall time", minutes, limit, "min", how))
    return figures


# Worst patterns ---------------------------------------------------------------------------------


def small(**parts: object) -> Layout:
    """A 4 x 4 array with so much wire that patterns matter."""
    line = Line(resistance=50.0, end=100.0)
    return Layout(
        name="small",
        crossbar=Crossbar(rows=4, columns=4, row=line, column=line),
        periphery=TransimpedanceAmplifier(input_resistance=100.0, clip_low=-10, clip_high=10),
        **({"read": {"voltage": 0.3}} | parts),
    )


def brute_force() -> list[Figure]:
    """The worst pattern by search over the worst of all 2^16, for each measure."""
    layout, fitted = small(), Fitted(None, 0.0)
    numbers = np.arange(EVERY)[:, None] >> np.arange(16) & 1
    states = numbers.reshape(-1, 4, 4).astype(np.uint8)
    parts = [measure(layout, fitted, some) for some in np.array_split(states, EVERY // AT_A_TIME)]
    searched = measure(layout, fitted, np.stack(list(worst_patterns(layout, fitted).values())))
    how = f"4 x 4, wires of 50 Ω, all {EVERY} patterns solved; nodal"
    figures = []
    for name, found in searched.values.items():
        worst = max(float(part.values[name].max()) for part in parts)
        ratio = float(found.max()) / worst
        figures.append(
            at_least(f"worst {name} by search over that of all patterns", ratio, 1 - 1e-9, "", how)
        )
    sides = margins(layout, fitted, worst_reads(layout, fitted), None)
    low, high = all_sides(layout, fitted, states)
    for side, ours, theirs in (("low", sides.low, low), ("high", -sides.high, -high)):
        off = float((ours[0] - theirs).min()) / abs(float(theirs.max()))
        name = f"worst {side} read by search beyond that of all patterns, least of four columns"
        figures.append(at_least(name, off, -1e-9, "relative", how))
    return figures


def all_sides(layout: Layout, fitted: Fitted, states: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Largest voltage of a low line, smallest of a high one, over all patterns, V, [column]."""
    reads = Reads.of(layout, fitted.access, blocks(layout)[0])
    volts = sense_volts(layout, reads.currents(torch.from_numpy(states.astype(float)))[:, 0])
    count = (states == 0).sum(1)
    shown = volts.numpy()
    low = np.where(count == layout.boundary, shown, -np.inf).max(0)
    high = np.where(count == layout.boundary + layout.sense.step, shown, np.inf).min(0)
    return low, high


# Trends -----------------------------------------------------------------------------------------


def drop_of(crossbar: Crossbar) -> float:
    """IR drop of all P under nominal conditions, share of the read voltage."""
    layout = Layout(name="line", crossbar=crossbar, read={"voltage": 0.1})
    states = named_patterns(crossbar.shape)["all P"][None]
    return float(measure(layout, Fitted(None, 0.0), states).values["ir_drop"].max())


def trends() -> list[Figure]:
    """What is known of wires, as the analyses have it."""
    high = PassiveCell(mtj=Mtj(ra="100 Ohm.um2"))
    one, both = (
        drop_of(Crossbar(rows=1, columns=LARGE, row=Line(resistance=0.02, ends=ends), cell=high))
        for ends in ("one", "both")
    )
    how = f"{LARGE} cells, evenly loaded; the analytical line gives 1/4; nodal"
    by_size = [
        drop_of(Crossbar(rows=n, columns=n, row=Line(resistance=2.0), column=Line(resistance=2.0)))
        for n in (8, 16, 32, 64)
    ]
    by_wire = [
        drop_of(Crossbar(rows=25, columns=25, row=Line(resistance=r), column=Line(resistance=r)))
        for r in (1.0, 2.0, 4.0, 8.0)
    ]
    by_offset = [smallest_margin(offset) for offset in (0.0, 5e-3, 10e-3, 20e-3)]
    shown = ", ".join(f"{100 * x:.1f}" for x in by_size)
    wires = ", ".join(f"{100 * x:.1f}" for x in by_wire)
    return [
        at_most("both-end drive: IR drop over that of one end, off 1/4", abs(4 * both / one - 1),
                0.02, "relative", how),
        at_least("IR drop grows with size: least ratio of neighbours",
                 float(np.min(np.divide(by_size[1:], by_size[:-1]))), 1.0, "",
                 f"8, 16, 32, 64 square, 2 Ω a cell: {shown} %; nodal"),
        at_least("IR drop grows with wire resistance: least ratio of neighbours",
                 float(np.min(np.divide(by_wire[1:], by_wire[:-1]))), 1.0, "",
                 f"25 x 25, 1, 2, 4, 8 Ω a cell: {wires} %; nodal"),
        at_least("margin falls with offset: least difference of neighbours",
                 float(-np.diff(by_offset).max()), 0.0, "V",
                 "4 x 4, median of the smallest margin of 200 arrays with offsets of 0, 5, 10, "
                 f"20 mV: {', '.join(f'{1e3 * x:.1f}' for x in by_offset)} mV; nodal"),
    ]  # fmt: skip


def smallest_margin(offset: float) -> float:
    """Median over arrays with spread and offsets of the smallest margin of their lines, V."""
    layout, fitted = small(die={"sigma_ln_rp": 0.02}, sense={"offset": offset}), Fitted(None, 0.0)
    threshold = margins(layout, fitted, worst_reads(layout, fitted), None).threshold
    samples = draw_samples(layout, 200)
    currents = sample_currents(fitted, samples)[:, :, 0]
    offsets = np.stack([one.offsets for one in samples])
    return float(np.median(line_margins(layout, threshold, currents, offsets).min(1)))


# Levels against each other ----------------------------------------------------------------------


def settling_against_rc() -> list[Figure]:
    """Ngspice's transients of passive15 beside the slow poles of its network, by scipy."""
    layout = read_spec(PASSIVE, Layout)
    fitted, worst = Fitted(None, 0.0), {}
    with Simulator() as simulator:
        for share in (0.1, 0.01, 0.001):
            described = layout.replace(timing=layout.timing.replace(settle_to=share))
            for name, states in named_patterns(layout.crossbar.shape).items():
                analysis = described.timing.analysis
                read = timing.timed(described, states, analysis)
                (result,) = simulator.run([read])
                step = timing.step_of(described, result, analysis)
                ours = timing.course(described, result, analysis, step).settled
                rc = timing.rc_settling(described, timing.rc_response(described, fitted, states))
                worst[f"{name}, to {100 * share:g} %"] = rc / ours - 1
    place = max(worst, key=lambda key: abs(worst[key]))
    how = f"largest of {len(worst)} ({place}); passive15, all rows, 20 fF a cell"
    name = "settling: poles of the RC network (scipy) against SPICE"
    return [at_most(name, abs(worst[place]), 0.05, "relative", how)]


def yield_of_both_levels(simulator: Simulator, pool: WorkerPool) -> list[Figure]:
    """A yield in the middle, estimated by both levels on the same draws."""
    layout = read_spec(GATED, Layout)
    layout = layout.replace(
        sense=layout.sense.replace(offset=4.3e-3),
        limits=LayoutLimits(),
        monte_carlo=layout.monte_carlo.replace(samples=400, audit=0.5),
    )
    condition = nominal_condition(layout)
    fitted = fit_conditions(layout, [condition], simulator)[condition]
    spread = over(pool)
    sides = worst_reads(layout, fitted, 3, spread)
    threshold = margins(layout, fitted, sides, None).threshold
    found, _ = estimate_yield(layout, condition, fitted, threshold, simulator, spread)
    return yield_figures(found)


def yield_figures(found: Yield) -> list[Figure]:
    """Both levels of one estimate."""
    ours, theirs = found.audited_good
    within = of_share(theirs, found.audited, found.confidence)
    share = found.good / found.samples
    how = (
        f"gated25 with offsets of 4.3 mV: nodal {found.good} of {found.samples}, ngspice {theirs} "
        f"of {found.audited} ({100 * within.low:.1f} to "
        f"{100 * within.high:.1f} %), nodal on the same {ours}"
    )
    inside = float(within.low <= share <= within.high)
    return [
        Figure("yield, nodal", share, "share", "", None, how),
        at_least("yield, nodal: inside of SPICE's interval", inside, 1.0, "", how),
        at_most("arrays judged differently by nodal and SPICE", found.audited_apart, 0, "", how),
    ]


def timed_run(quick: bool) -> tuple[LayoutStory, float]:
    """The gated example from nothing, and its minutes."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        story = run_layout(read_spec(GATED, Layout), Path(folder) / "out", quick=quick)
        return story, (time.perf_counter() - start) / 60


def agreement(story: LayoutStory, quick: bool) -> list[Figure]:
    """What the report states of its levels, and its verdict."""
    name = "gated25, --quick" if quick else "gated25, full report"
    stated = [
        Figure(f"{name}: {f.name}", f.value, f.unit, f.limit, f.holds, f.how) for f in story.figures
    ]
    return [
        *stated,
        at_least(f"{name}: limits that hold", sum(j.holds is True for j in story.judged),
                 sum(j.holds is not None for j in story.judged), "", "of those that are set"),
    ]  # fmt: skip


if __name__ == "__main__":
    main("Layout validation", measure_all)
