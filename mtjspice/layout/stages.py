"""The analyses of a layout, one after the other, each under every condition that it asks for."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from mtjspice.collect.simulator import Simulator
from mtjspice.layout.access import Fitted
from mtjspice.layout.circuit import under
from mtjspice.layout.disturb import disturb_findings, write_findings, write_plan
from mtjspice.layout.findings import (
    Finding,
    LineMargins,
    PatternLine,
    States,
    Tail,
    VoltageMap,
    Yield,
)
from mtjspice.layout.latch import latch_offset
from mtjspice.layout.montecarlo import estimate_yield
from mtjspice.layout.quantities import QUANTITIES, Condition
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
from mtjspice.spec.layout import Layout
from mtjspice.verdicts.figures import Figure, at_most

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
        simulator: SPICE.
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
    if layout.crossbar.cell.sneaks:
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
        "patterns: largest current error, nodal − SPICE", off, fitted.bound, "of full scale", how
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
    if layout.periphery.volts_per_ampere is None:
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
        line=of_condition[worst].worst[2],
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
        max((tail for tail, _ in tails), key=lambda one: (one.high, one.probability)),
        yield_figures(yields),
    )


def yield_figures(yields: Sequence[Yield]) -> tuple[Figure, ...]:
    """How well both levels agree on the samples that SPICE saw, too; worst over conditions."""
    far = max(yields, key=lambda one: one.audit_current / one.bound)
    apart = sum(one.audited_apart for one in yields)
    arrays, drawn = (sum(getattr(one, x) for one in yields) for x in ("audited", "samples"))
    how = f"{arrays} of {drawn} arrays, two reads each, {len(yields)} conditions"
    good = [sum(one.audited_good[level] for one in yields) for level in (0, 1)]
    return (
        at_most("samples: largest current error, nodal − SPICE", far.audit_current, far.bound,
                "of full scale", f"{how}; {far.condition}; bound: fit of the access device"),
        at_most("samples: arrays that nodal and SPICE judge differently", apart, 0, "",
                f"{how}; good in nodal {good[0]}, in SPICE {good[1]}"),
    )  # fmt: skip


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
