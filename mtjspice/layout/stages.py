"""The analyses of a layout, one after the other, each under every condition that it asks for."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
import torch

from mtjspice.collect.simulator import Simulator
from mtjspice.data.figures import Figure, at_least, at_most
from mtjspice.data.layout import (
    QUANTITIES,
    Condition,
    Finding,
    LineMargins,
    PatternLine,
    States,
    Tail,
    VoltageMap,
    Waveform,
    Yield,
)
from mtjspice.layout import timing
from mtjspice.layout.access import Fitted
from mtjspice.layout.circuit import sense_volts, under
from mtjspice.layout.disturb import disturb_findings, write_findings, write_plan
from mtjspice.layout.fast import cell_capacitance
from mtjspice.layout.latch import latch_offset
from mtjspice.layout.montecarlo import draw_samples, estimate_yield, nodal_currents
from mtjspice.layout.patterns import named_patterns
from mtjspice.layout.read import (
    pattern_experiments,
    pattern_table,
    read_findings,
    searched_anew,
    sneak_findings,
    worst_patterns,
)
from mtjspice.layout.sense import (
    MOST_LINES,
    Margins,
    Worst,
    fixed_threshold,
    margin_findings,
    margins,
    worst_reads,
)
from mtjspice.layout.spread import Spread
from mtjspice.layout.tail import estimate_tail
from mtjspice.spec.analysis import TransientRead
from mtjspice.spec.cell import PassiveCell
from mtjspice.spec.experiment import Experiment
from mtjspice.spec.layout import Layout
from mtjspice.spec.periphery import SenseAmplifier, VirtualGround

Progress = Callable[[str, int, int], None]
"""Called with (what is being done, steps done, steps in all)."""
QUICK_LINES = 9
"""Lines whose hardest reads are searched for in a quick run."""


@dataclass(frozen=True)
class Bench:
    """What every analysis works with.

    Attributes:
        layout: under nominal conditions.
        quick: fewer searches.
        conditions: all of them, the nominal one first.
        fits: access devices under each.
        simulator: ngspice.
        spread: work of the nodal solver over processes.
        tell: of progress.
    """

    layout: Layout
    quick: bool
    conditions: tuple[Condition, ...]
    fits: Mapping[Condition, Fitted]
    simulator: Simulator
    spread: Spread
    tell: Progress

    @property
    def nominal(self) -> Condition:
        """The nominal condition."""
        return self.conditions[0]

    def at(self, condition: Condition) -> tuple[Layout, Fitted]:
        """The layout under a condition, with its access devices."""
        return under(self.layout, condition), self.fits[condition]


@dataclass(frozen=True)
class ReadPart:
    """What `read_stage` finds."""

    patterns: Mapping[str, States]
    findings: tuple[Finding, ...]
    lines: tuple[PatternLine, ...]
    maps: tuple[VoltageMap, ...]
    sneak: Mapping[str, float]
    figures: tuple[Figure, ...]


def read_stage(bench: Bench) -> ReadPart:
    """Voltages over the cells, errors, sneak currents; worst patterns by search, and an audit."""
    layout, fitted = bench.at(bench.nominal)
    bench.tell("patterns", 0, 1)
    patterns = worst_patterns(layout, fitted, spread=bench.spread)
    bench.tell("patterns", 1, 1)
    calls = [(*_under(bench, condition), patterns) for condition in bench.conditions]
    found = bench.spread(read_findings, calls, partial(bench.tell, "read"))
    findings = [one for of_condition in found for one in of_condition]
    others = [c for c in _worst_conditions(findings) if c != bench.nominal]
    again = [(*_under(bench, c), [f for f in findings if f.condition == c]) for c in others]
    findings += [one for of_one in bench.spread(searched_anew, again) for one in of_one]
    sneak: dict[str, float] = {}
    if isinstance(layout.crossbar.cell, PassiveCell):
        for condition in bench.conditions:
            one, shares = sneak_findings(under(layout, condition), condition)
            findings.append(one)
            sneak = shares if condition == bench.nominal else sneak
    results = bench.simulator.run(pattern_experiments(layout, patterns))
    lines, maps = pattern_table(
        layout, fitted, patterns, [result["current"].to_numpy() for result in results]
    )
    off = max(line.audit for line in lines)
    how = f"{len(results)} patterns and blocks of rows, two scales; bound: fit of the access device"
    figure = at_most(
        "patterns: largest current error, nodal − ngspice", off, fitted.bound, "of full scale", how
    )
    return ReadPart(patterns, tuple(findings), lines, maps, sneak, (figure,))


def _under(bench: Bench, condition: Condition) -> tuple[Layout, Condition, Fitted]:
    layout, fitted = bench.at(condition)
    return layout, condition, fitted


def _worst_conditions(findings: list[Finding]) -> list[Condition]:
    """The conditions under which some quantity is at its worst, each once."""
    worst: dict[str, Finding] = {}
    for found in findings:
        known = worst.get(found.quantity)
        if known is None or QUANTITIES[found.quantity].worse(found.value, known.value):
            worst[found.quantity] = found
    return list(dict.fromkeys(found.condition for found in worst.values()))


@dataclass(frozen=True)
class SensePart:
    """What `sense_stage` finds; without a read-out voltage there is nothing."""

    findings: tuple[Finding, ...] = ()
    sides: tuple[Worst, Worst] | None = None
    margins: Mapping[Condition, Margins] = field(default_factory=dict)
    lines: LineMargins | None = None
    yields: tuple[Yield, ...] = ()
    tail: Tail | None = None
    figures: tuple[Figure, ...] = ()


def sense_stage(bench: Bench) -> SensePart:
    """Margins, yield and rare failures under all conditions.

    A quick run draws arrays under nominal conditions and under those with the smallest margin only.
    """
    layout, fitted = bench.at(bench.nominal)
    if isinstance(layout.periphery, VirtualGround):
        return SensePart()
    bench.tell("margins", 0, len(bench.conditions))
    lines = QUICK_LINES if bench.quick else MOST_LINES
    sides = worst_reads(layout, fitted, lines, bench.spread)
    threshold = fixed_threshold(layout, margins(layout, fitted, sides, None))
    calls = [(*bench.at(condition), sides, threshold) for condition in bench.conditions]
    every = bench.spread(margins, calls, partial(bench.tell, "margins"))
    of_condition = dict(zip(bench.conditions, every, strict=True))
    findings: list[Finding] = []
    for condition, one in of_condition.items():
        findings += margin_findings(under(layout, condition), condition, one, sides)
    worst = min(of_condition, key=lambda c: float(of_condition[c].of_lines.min()))
    of_lines = LineMargins(
        nominal=of_condition[bench.nominal].of_lines,
        worst=of_condition[worst].of_lines,
        condition=worst,
        threshold=of_condition[bench.nominal].threshold,
        offset=layout.sense.offset,
        latch=latch_offset(under(layout, worst), of_condition[worst].threshold, bench.simulator),
    )
    drawn = tuple(dict.fromkeys((bench.nominal, worst))) if bench.quick else bench.conditions
    yields = []
    for k, condition in enumerate(drawn):
        changed, own = bench.at(condition)
        threshold = of_condition[condition].threshold
        found, finding = estimate_yield(
            changed, condition, own, threshold, bench.simulator, spread=bench.spread
        )
        yields.append(found)
        findings.append(finding)
        bench.tell("samples", k + 1, len(drawn))
    reads = [(under(layout, c), c, bench.fits[c], sides, of_condition[c]) for c in drawn]
    tails = bench.spread(estimate_tail, reads, partial(bench.tell, "tails"))
    return SensePart(
        (*findings, *(rare for _, rare in tails)),
        sides,
        of_condition,
        of_lines,
        tuple(yields),
        max((tail for tail, _ in tails), key=lambda one: one.probability),
        yield_figures(yields),
    )


def yield_figures(yields: Sequence[Yield]) -> tuple[Figure, ...]:
    """How well both levels agree on the samples that ngspice saw, too; worst over conditions."""
    far = max(yields, key=lambda one: one.audit_current / one.bound)
    apart = sum(one.audited_apart for one in yields)
    arrays, drawn = (sum(getattr(one, x) for one in yields) for x in ("audited", "samples"))
    how = f"{arrays} of {drawn} arrays, two reads each, {len(yields)} conditions"
    good = [sum(one.audited_good[level] for one in yields) for level in (0, 1)]
    return (
        at_most("samples: largest current error, nodal − ngspice", far.audit_current, far.bound,
                "of full scale", f"{how}; {far.condition}; bound: fit of the access device"),
        at_most("samples: arrays that nodal and ngspice judge differently", apart, 0, "",
                f"{how}; good in nodal {good[0]}, in ngspice {good[1]}"),
    )  # fmt: skip


@dataclass(frozen=True)
class TimePart:
    """What `time_stage` finds."""

    findings: tuple[Finding, ...]
    waveform: Waveform
    energy: Mapping[str, float]
    capacitance: float
    figures: tuple[Figure, ...]


@dataclass(frozen=True)
class Timed:
    """One transient that was looked at: which read, what it goes between, what it showed."""

    pattern: str
    experiment: Experiment
    step: timing.Step
    course: timing.Course


def time_stage(bench: Bench, sense: SensePart) -> TimePart:
    """Settling, decision, recovery and energy under every condition, in ngspice."""
    slow = {c: timing.slower_pattern(*bench.at(c)) for c in bench.conditions}
    slowest = _transients(bench, slow)
    data = _energies(bench)
    layout, fitted = bench.at(bench.nominal)
    one = slowest[bench.nominal]
    states = named_patterns(layout.crossbar.shape)[one.pattern]
    capacitance = cell_capacitance(layout, fitted, states, one.course.settled)
    latches = _latches(bench, sense, capacitance)
    findings: list[Finding] = []
    energies: dict[Condition, dict[str, float]] = {}
    for condition in bench.conditions:
        one = slowest[condition]
        found, energies[condition] = timing.time_findings(
            under(bench.layout, condition),
            condition,
            (one.experiment, one.course, one.pattern, one.step),
            data[condition],
            latches.get(condition),
        )
        findings += found
    one = slowest[bench.nominal]
    response = timing.rc_response(layout, fitted, states, (0.0, capacitance))
    (result,) = bench.simulator.run([one.experiment])
    decision = latches[bench.nominal][1].time if latches else None
    assert isinstance(one.experiment.analysis, TransientRead)
    shown = timing.waveform(
        layout, result, one.course, one.experiment.analysis, one.step, response, decision
    )
    figures = _rc_figures(bench, slowest, capacitance)
    if latches:
        figures += _latch_figures(bench, sense, capacitance, latches)
    return TimePart(tuple(findings), shown, energies[bench.nominal], capacitance, tuple(figures))


def _transients(bench: Bench, patterns: Mapping[Condition, str]) -> dict[Condition, Timed]:
    """A read in time under each condition, held longer where it did not settle."""
    found: dict[Condition, Timed] = {}
    analysis = bench.layout.timing.analysis
    waiting = list(patterns)
    for _ in range(timing.TRIES):
        planned = {}
        for condition in waiting:
            layout, fitted = bench.at(condition)
            states = named_patterns(layout.crossbar.shape)[patterns[condition]]
            planned[condition] = (
                timing.timed(layout, states, analysis),
                timing.step_of(layout, fitted, states),
            )
        results = bench.simulator.run(
            [experiment for experiment, _ in planned.values()],
            partial(bench.tell, "transients"),
        )
        for (condition, (experiment, step)), result in zip(planned.items(), results, strict=True):
            layout = under(bench.layout, condition)
            seen = timing.course(layout, result, analysis, step)
            if condition in found:  # the energy is that of the read as it is designed
                seen = replace(seen, energy=found[condition].course.energy)
            found[condition] = Timed(patterns[condition], experiment, step, seen)
        waiting = [
            c for c in waiting
            if math.isinf(found[c].course.settled) or math.isinf(found[c].course.recovered)
        ]  # fmt: skip
        if not waiting:
            break
        analysis = timing.held_longer(analysis)
    return found


def _energies(bench: Bench) -> dict[Condition, tuple[Experiment, Mapping[str, float]]]:
    """The read that energy is stated for under each condition, and its energy by block.

    Its gate lines open and close, as they do where rows are read one after the other.
    """
    states = named_patterns(bench.layout.crossbar.shape)[timing.DATA]
    analysis = bench.layout.timing.analysis.replace(gates="pulsed")
    planned = {c: timing.timed(bench.at(c)[0], states, analysis) for c in bench.conditions}
    results = bench.simulator.run(list(planned.values()), partial(bench.tell, "energies"))
    return {
        condition: (experiment, timing.energy_of(bench.at(condition)[0], result, analysis))
        for (condition, experiment), result in zip(planned.items(), results, strict=True)
    }


Latches = dict[Condition, tuple[Mapping[str, Experiment], timing.Decision]]


def _latches(bench: Bench, sense: SensePart, capacitance: float) -> Latches:
    """The latch of one line under each condition; nothing without latches.

    Args:
        bench: of the layout.
        sense: with the margins.
        capacitance: that an access device adds to its output line, F.
    """
    if not isinstance(bench.layout.periphery, SenseAmplifier) or sense.sides is None:
        return {}
    planned = {}
    for condition in bench.conditions:
        layout, fitted = bench.at(condition)
        found = sense.margins[condition]
        line = found.worst[2]
        columns = timing.columns_of([worst.states[0, line] for worst in sense.sides], line)
        read_out = timing.with_replica(layout, capacitance)
        margin = float(found.of_lines.min())
        planned[condition] = timing.strips(read_out, fitted, columns, margin)
    experiments = [e for of_one in planned.values() for e in of_one.values()]
    results = iter(bench.simulator.run(experiments, partial(bench.tell, "latches")))
    return {
        condition: (of_one, timing.decided({side: next(results) for side in of_one}))
        for condition, of_one in planned.items()
    }


def _rc_figures(bench: Bench, slowest: Mapping[Condition, Timed], farads: float) -> list[Figure]:
    """The linear network beside ngspice: worst over the conditions."""
    off, slow = {}, {}
    for condition, one in slowest.items():
        layout, fitted = bench.at(condition)
        states = named_patterns(layout.crossbar.shape)[one.pattern]
        response = timing.rc_response(layout, fitted, states, (0.0, farads))
        off[condition] = timing.rc_settling(layout, response) / one.course.settled - 1
        slow[condition] = response.dominant
    worst = max(off, key=lambda c: abs(off[c]))
    how = f"largest of {len(off)} conditions ({worst}), pattern “{slowest[worst].pattern}”"
    if not isinstance(bench.layout.crossbar.cell, PassiveCell):
        how += f"; {1e15 * farads:.2f} fF an access device, fitted under nominal conditions"
    name = "settling: linear RC network against ngspice, largest relative difference"
    return [
        Figure(name, abs(off[worst]), "", "", None, how),
        Figure("time constant of the dominant pole, RC", slow[bench.nominal], "s", "", None,
               f"nominal condition, pattern “{slowest[bench.nominal].pattern}”"),
    ]  # fmt: skip


def _latch_figures(
    bench: Bench, sense: SensePart, capacitance: float, latches: Latches
) -> list[Figure]:
    """Whether latches decide as they should: one line at the margin, the whole array with data."""
    layout = timing.with_replica(under(bench.layout, bench.nominal), capacitance)
    periphery = layout.periphery
    assert isinstance(periphery, SenseAmplifier)
    sample = draw_samples(layout, 1)[0]
    tuned = periphery.replace(threshold=sense.margins[bench.nominal].threshold)
    reads = [
        one.replace(periphery=tuned, analysis=layout.timing.analysis)
        for one in (sample.lows[0], sample.highs[0])
    ]
    currents = nodal_currents(bench.fits[bench.nominal], [sample.lows[0], sample.highs[0]])
    expected = np.sign(sense_volts(layout, torch.from_numpy(currents)).numpy() - tuned.threshold)
    results = bench.simulator.run(reads)
    equal = [
        int((e * r["decision"].to_numpy()[0] > 0).sum())
        for e, r in zip(expected, results, strict=True)
    ]
    slowest = max(float(np.nanmax(r["decision_time"].to_numpy())) for r in results)
    how = "one array with its spread, all lines low, then all high; latches without offset; ngspice"
    as_wanted = sum(decision.right for _, decision in latches.values())
    words = "one line, low and high at the smallest margin; latch without offset; ngspice"
    return [
        at_least("latch at the smallest margin: conditions with right decisions", as_wanted,
                 len(latches), "", words),
        at_least("whole array in time: decisions as the nodal solver has them", sum(equal),
                 expected.size, "", how),
        Figure("whole array in time: slowest decision", slowest, "s", "", None, how),
    ]  # fmt: skip


def disturb_stage(bench: Bench) -> tuple[Finding, ...]:
    """Reads that disturb, and writes, under every condition."""
    if bench.layout.writing is None:
        return ()
    findings: list[Finding] = []
    plans = {c: write_plan(under(bench.layout, c)) for c in bench.conditions}
    results = iter(
        bench.simulator.run(
            [write.experiment for plan in plans.values() for write in plan],
            partial(bench.tell, "writes"),
        )
    )
    for condition, plan in plans.items():
        layout, fitted = bench.at(condition)
        findings += disturb_findings(layout, condition, fitted)
        findings += write_findings(layout, condition, plan, [next(results) for _ in plan])
    return tuple(findings)
