"""Times and energies of a layout under every condition, in SPICE, and the levels beside them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from mtjspice.layout import timing
from mtjspice.layout.circuit import Reads, blocks, full_scale, sense_volts, under
from mtjspice.layout.decision import Decision, columns_of, decided, strips
from mtjspice.layout.fast import cell_capacitance
from mtjspice.layout.findings import Finding, Waveform
from mtjspice.layout.montecarlo import draw_samples, nodal_currents
from mtjspice.layout.patterns import named_patterns
from mtjspice.layout.quantities import Condition
from mtjspice.layout.stages import Bench, SensePart
from mtjspice.spec.analysis import TransientRead
from mtjspice.spec.experiment import Experiment
from mtjspice.units import si
from mtjspice.verdicts.figures import Figure, at_least


@dataclass(frozen=True)
class TimePart:
    """What `time_stage` finds."""

    findings: tuple[Finding, ...]
    waveform: Waveform
    energy: Mapping[str, float]
    capacitance: float
    figures: tuple[Figure, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Timed:
    """One transient that was looked at: which read, what it goes between, what it showed."""

    pattern: str
    experiment: Experiment
    step: timing.Step
    course: timing.Course


def time_stage(bench: Bench, sense: SensePart) -> TimePart:
    """Settling, decision, recovery and energy under every condition, in SPICE."""
    slow = {c: timing.slower_pattern(*bench.at(c)) for c in bench.conditions}
    said: list[str] = []
    slowest = _transients(bench, slow, said)
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
    figures.append(_ends(bench, slowest))
    energy = energies[bench.nominal]
    return TimePart(tuple(findings), shown, energy, capacitance, tuple(figures), tuple(said))


def _ends(bench: Bench, every: Mapping[Condition, Timed]) -> Figure:
    """Where transients end, beside the nodal solver."""
    worst = 0.0
    for condition, one in every.items():
        if not one.step.at_rest:
            continue
        layout, fitted = bench.at(condition)
        states = named_patterns(layout.crossbar.shape)[one.pattern]
        reads = Reads.of(layout, fitted.access, blocks(layout)[0], leakage=fitted.leakage)
        nodal = reads.currents(torch.from_numpy(states[None].astype(np.float64)))[0, 0].numpy()
        worst = max(worst, float(np.abs(nodal - one.step.final).max()) / full_scale(layout))
    how = f"{len(every)} transients at the end of hold, of those at rest"
    name = "transients: largest current error at their end, nodal − SPICE"
    return Figure(name, worst, "of full scale", "", None, how)


def _transients(
    bench: Bench, patterns: Mapping[Condition, str], said: list[str]
) -> dict[Condition, Timed]:
    """A read in time under each condition, held longer where it is not at rest at the end.

    Args:
        bench: of the layout.
        patterns: that are read, by condition.
        said: what was simulated again, and what is not at rest even so; added to.
    """
    found: dict[Condition, Timed] = {}
    analysis: TransientRead | None = bench.layout.timing.analysis
    waiting, name = list(patterns), "transients"
    for _ in range(timing.TRIES):
        if analysis is None or not waiting:
            break
        if found:
            name = f"transients again, held {si(analysis.hold, 's')}"
            said.append(_again(waiting, patterns, analysis))
        experiments = [
            timing.timed(
                under(bench.layout, c), named_patterns(bench.layout.crossbar.shape)[p], analysis
            )
            for c, p in ((c, patterns[c]) for c in waiting)
        ]
        results = bench.simulator.run(experiments, partial(bench.tell, name))
        for condition, experiment, result in zip(waiting, experiments, results, strict=True):
            layout = under(bench.layout, condition)
            step = timing.step_of(layout, result, analysis)
            seen = timing.course(layout, result, analysis, step)
            found[condition] = Timed(patterns[condition], experiment, step, seen)
        waiting = [
            c for c in waiting
            if math.isinf(found[c].course.settled) or math.isinf(found[c].course.recovered)
        ]  # fmt: skip
        analysis = timing.held_longer(analysis)
    if waiting:
        said.append(
            f"Reads under {len(waiting)} of {len(patterns)} conditions ({waiting[0]}"
            f"{' and others' if len(waiting) > 1 else ''}) are not at rest, or not at rest again, "
            "however long they were simulated: their settling or period is given as infinite."
        )
    return found


def _again(
    waiting: Sequence[Condition], patterns: Mapping[Condition, str], analysis: TransientRead
) -> str:
    first = waiting[0]
    return (
        f"Reads under {len(waiting)} of {len(patterns)} conditions ({first}, pattern "
        f"“{patterns[first]}”{' and others' if len(waiting) > 1 else ''}) were still moving at the "
        f"end of timing.hold, or of timing.period: simulated again, held {si(analysis.hold, 's')} "
        f"of {si(analysis.period, 's')}."
    )


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


Latches = dict[Condition, tuple[Mapping[str, Experiment], Decision]]


def _latches(bench: Bench, sense: SensePart, capacitance: float) -> Latches:
    """The latch of one line under each condition; nothing without latches.

    Args:
        bench: of the layout.
        sense: with the margins.
        capacitance: that an access device adds to its output line, F.
    """
    if bench.layout.periphery.latch is None or sense.sides is None:
        return {}
    planned = {}
    for condition in bench.conditions:
        layout, fitted = bench.at(condition)
        found = sense.margins[condition]
        line = found.worst[2]
        columns = columns_of([worst.states[0, line] for worst in sense.sides], line)
        read_out = timing.with_replica(layout, capacitance)
        margin = float(found.of_lines.min())
        planned[condition] = strips(read_out, fitted, columns, margin)
    experiments = [e for of_one in planned.values() for e in of_one.values()]
    results = iter(bench.simulator.run(experiments, partial(bench.tell, "latches")))
    return {
        condition: (of_one, decided({side: next(results) for side in of_one}))
        for condition, of_one in planned.items()
    }


def _rc_figures(bench: Bench, slowest: Mapping[Condition, Timed], farads: float) -> list[Figure]:
    """The linear network beside SPICE: worst over the conditions."""
    off, slow = {}, {}
    for condition, one in slowest.items():
        layout, fitted = bench.at(condition)
        states = named_patterns(layout.crossbar.shape)[one.pattern]
        response = timing.rc_response(layout, fitted, states, (0.0, farads))
        off[condition] = timing.rc_settling(layout, response) / one.course.settled - 1
        slow[condition] = response.dominant
    worst = max(off, key=lambda c: abs(off[c]))
    how = f"largest of {len(off)} conditions ({worst}), pattern “{slowest[worst].pattern}”"
    if bench.layout.crossbar.cell.transistors:
        how += f"; {1e15 * farads:.2f} fF an access device, fitted under nominal conditions"
    name = "settling: linear RC network against SPICE, largest relative difference"
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
    latch = layout.periphery.latch
    assert latch is not None
    sample = draw_samples(layout, 1)[0]
    tuned = latch.replace(threshold=float(sense.margins[bench.nominal].thresholds[0]))
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
    how = "one array with its spread, all lines low, then all high; latches without offset; SPICE"
    as_wanted = sum(decision.right for _, decision in latches.values())
    words = "one line, low and high at the smallest margin; latch without offset; SPICE"
    return [
        at_least("latch at the smallest margin: conditions with right decisions", as_wanted,
                 len(latches), "", words),
        at_least("whole array in time: decisions as the nodal solver has them", sum(equal),
                 expected.size, "", how),
        Figure("whole array in time: slowest decision", slowest, "s", "", None, how),
    ]  # fmt: skip
