"""The whole way of one layout: analyses, verdict, netlists of the worst cases, report."""

import os
import platform
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar

import numpy as np

from mtjspice.collect.pool import WorkerPool
from mtjspice.collect.simulator import Simulator
from mtjspice.data.outputs import Outputs
from mtjspice.errors import InputError
from mtjspice.layout import scale
from mtjspice.layout.access import fit_conditions
from mtjspice.layout.circuit import (
    blocks,
    conditions_of,
    has_transistors,
    nominal_condition,
    read_experiment,
    same_processes,
)
from mtjspice.layout.decks import proofs
from mtjspice.layout.fast import Hardest
from mtjspice.layout.findings import (
    QUANTITIES,
    Condition,
    Finding,
    Judged,
    LayoutStory,
    LineMargins,
    Waveform,
)
from mtjspice.layout.needed import needed
from mtjspice.layout.page import write_comparison, write_layout
from mtjspice.layout.patterns import named_patterns
from mtjspice.layout.spread import over
from mtjspice.layout.stages import (
    Bench,
    Progress,
    disturb_stage,
    read_stage,
    sense_stage,
)
from mtjspice.layout.time_stage import time_stage
from mtjspice.netlist.cards import read_card
from mtjspice.netlist.deck import build_deck
from mtjspice.spec.layout import Layout, samples_for
from mtjspice.spec.unusual import unusual
from mtjspice.train.threads import one_thread
from mtjspice.units import si
from mtjspice.verdicts.figures import Figure, Verdict, together

T = TypeVar("T")

QUICK_SAMPLES = 500
"""Arrays that a quick run draws, unless the yield that is asked for needs more."""
SPARE = 1.5
"""Samples of a quick run, in units of those that the yield needs if all of them are good."""
QUICK_LARGEST, QUICK_GROWTH = 64, 1.5
"""Most rows and columns that a quick run tries, or so many times those of the layout."""


def run_layout(
    layout: Layout,
    out: Path,
    *,
    quick: bool = False,
    jobs: int | None = None,
    progress: Progress | None = None,
) -> LayoutStory:
    """Analyse a layout and write its report.

    Simulations that are in `out` already are not run again, so that a run that was cut off goes on
    where it was.

    Args:
        layout: what to judge.
        out: folder of the report, the netlists of the worst cases, and the simulations.
        quick: fewer conditions, samples and searches; the report says so.
        jobs: worker processes.
        progress: told of what is done.

    Raises:
        InputError: if the circuit cannot be built or has no path; nothing is written then.
        SimulatorError: if ngspice is missing or fails.
    """
    tell = progress or (lambda what, done, total: None)
    conditions = conditions_of(layout)
    check(layout, conditions)
    same = same_processes(layout, (c.process for c in conditions))
    conditions = tuple(c for c in conditions if c.process not in same)
    judged_layout = quickened(layout) if quick else layout
    conditions = quick_conditions(conditions) if quick else conditions
    check_path(layout, jobs)
    outputs = Outputs(out)
    times: dict[str, float] = {}
    with (
        one_thread(),
        Simulator(jobs=jobs, store=out / "simulations", limits=layout.ngspice) as simulator,
        WorkerPool(simulator.jobs, limits=layout.ngspice) as pool,
    ):
        fits = _clocked(times, "access", lambda: fit_conditions(
            judged_layout, conditions, simulator, partial(tell, "access")
        ))  # fmt: skip
        bench = Bench(judged_layout, quick, conditions, fits, simulator, over(pool), tell)
        read = _clocked(times, "read", lambda: read_stage(bench))
        sense = _clocked(times, "sense", lambda: sense_stage(bench))
        timed = _clocked(times, "time", lambda: time_stage(bench, sense))
        disturbed = _clocked(times, "disturb", lambda: disturb_stage(bench))
        known = scale.Known(
            fits[bench.nominal], Hardest(read.patterns, sense.sides), timed.capacitance
        )
        most = quick_largest(layout) if quick else layout.largest
        sizes = _clocked(times, "sizes", lambda: scale.scaling(
            judged_layout, known, simulator, most, bench.spread, partial(tell, "sizes")
        ))  # fmt: skip
        slopes = _clocked(times, "parameters", lambda: scale.sensitivities(
            judged_layout, known, simulator, quick=quick, spread=bench.spread,
            progress=partial(tell, "parameters"),
        ))  # fmt: skip
        findings = (*read.findings, *sense.findings, *timed.findings, *disturbed)
        judged, netlists, findings = _clocked(times, "netlists", lambda: as_printed(
            judged_layout, bench.nominal, findings, simulator, partial(tell, "netlists")
        ))  # fmt: skip
    judged = write_netlists(judged, netlists, outputs)
    figures = (*read.figures, *sense.figures, *timed.figures)
    story = LayoutStory(
        layout=judged_layout,
        quick=quick,
        verdict=verdict_of_layout(judged, figures),
        nominal=bench.nominal,
        conditions=conditions,
        judged=judged,
        findings=findings,
        figures=(*figures, *_counted(simulator)),
        maps=read.maps,
        patterns=read.lines,
        margins=with_smallest(sense.lines, judged),
        yields=sense.yields,
        tail=sense.tail,
        waveform=with_settling(timed.waveform, bench.nominal, judged),
        energy=timed.energy,
        sneak=read.sneak,
        scaling=sizes,
        sensitivities=slopes,
        versions=versions(simulator),
        times=times,
        simulations={"run": simulator.ran, "found": simulator.found},
        keys=tuple(simulator.keys),
        notes=(*threshold_notes(layout, sense.lines), *notes(layout, bench, same), *timed.notes),
    )
    write_layout(story, out, outputs.close())
    return story


def check_apart(paths: Sequence[Path]) -> None:
    """Refuse to compare a layout with itself.

    Raises:
        InputError: if a file is given twice.
    """
    seen = dict[str, Path]()
    for path in paths:
        place = os.path.realpath(path)  # a link that leads to itself is refused when it is read
        if place in seen:
            raise InputError(
                source=path, allowed=f"is named twice (also as {seen[place]}): layouts "
                "that are compared must be different files",
            )  # fmt: skip
        seen[place] = path


def run_comparison(
    layouts: Mapping[Path, Layout],
    out: Path,
    *,
    quick: bool = False,
    jobs: int | None = None,
    progress: Progress | None = None,
) -> list[LayoutStory]:
    """Analyse layouts, each into a folder of its name, and write a page that compares them.

    Args:
        layouts: by the file that describes each.
        out: folder of the comparison and of the layouts' own folders.
        quick: as `run_layout`.
        jobs: as `run_layout`.
        progress: told of what is done for which layout.

    Raises:
        InputError: if two have the same name; and as `run_layout`, with the file in front.
        SimulatorError: as `run_layout`.
    """
    names = [one.name for one in layouts.values()]
    # Each gets a folder of its name, and not every disk tells capitals from small letters.
    if len({name.casefold() for name in names}) < len(names):
        raise InputError(
            source=", ".join(map(str, layouts)),
            key="name",
            value=names,
            allowed="layouts that are compared must have different names",
        )
    for path, one in layouts.items():
        with naming(path):
            check(one, conditions_of(one))
            check_path(one, jobs)
    stories = []
    for path, one in layouts.items():
        tell = None if progress is None else partial(_named, progress, one.name)
        with naming(path):
            stories.append(run_layout(one, out / one.name, quick=quick, jobs=jobs, progress=tell))
    write_comparison(stories, names, out)
    return stories


def _named(progress: Progress, name: str, what: str, done: int, total: int) -> None:
    progress(f"{name}: {what}", done, total)


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Put the file that describes a layout in front of errors about it."""
    try:
        yield
    except InputError as error:
        raise error.within(path) from None


def _clocked(times: dict[str, float], name: str, work: Callable[[], T]) -> T:
    start = time.perf_counter()
    done = work()
    times[name] = time.perf_counter() - start
    return done


def check(layout: Layout, conditions: Sequence[Condition]) -> None:
    """Refuse what cannot be simulated, before anything is written.

    Raises:
        InputError: if a card lacks a corner, a transistor or a size, or a line has no path.
    """
    if has_transistors(layout):
        cards = [layout.technology.card]
        if (latch := layout.periphery.latch) is not None:
            cards.append(latch.card)
        for card in cards:
            for process in dict.fromkeys(c.process for c in conditions):
                try:
                    read_card(layout.technology.replace(card=card, corner=process))
                except InputError as error:
                    if error.key != "corner":
                        raise
                    raise InputError(
                        source="corners, technology",
                        key="process, corner",
                        value=process,
                        allowed=error.allowed,
                    ) from None
    cell = layout.crossbar.cell
    if transistors := cell.transistors:
        for process in dict.fromkeys(c.process for c in conditions):
            library = read_card(layout.technology.replace(corner=process))
            library.check_mismatch(layout.die.mismatch, transistors)
    states = named_patterns(layout.crossbar.shape)["all P"]
    for driven in blocks(layout):
        read = read_experiment(layout, states, driven)
        build_deck(read)
        build_deck(read.replace(analysis=layout.timing.analysis))


def check_path(layout: Layout, jobs: int | None) -> None:
    """Refuse a design whose access devices do not conduct, before anything is written.

    Raises:
        InputError: saying so.
        SimulatorError: if ngspice is missing or fails.
    """
    with Simulator(jobs=jobs, limits=layout.ngspice) as simulator:
        fit_conditions(layout, [nominal_condition(layout)], simulator)


def quickened(layout: Layout) -> Layout:
    """The layout with fewer samples."""
    plan = layout.monte_carlo
    asked = layout.limits.array_yield
    needed = samples_for(asked, plan.confidence) if asked else 1
    samples = min(plan.samples, max(QUICK_SAMPLES, round(SPARE * needed)))
    return layout.replace(
        monte_carlo=plan.replace(samples=samples, tail=min(plan.tail, QUICK_SAMPLES))
    )


def quick_largest(layout: Layout) -> int:
    """Most rows and columns of the search over sizes."""
    own = max(layout.crossbar.shape)
    return max(own, min(layout.largest, max(QUICK_LARGEST, round(QUICK_GROWTH * own))))


def quick_conditions(conditions: Sequence[Condition]) -> tuple[Condition, ...]:
    """The nominal condition, and the ends of supply and temperature of every other process.

    Where there is no other process, those of the nominal one.
    """
    nominal, *others = conditions
    others = [c for c in others if c.process != nominal.process] or others
    supplies, degrees = {c.supply for c in others}, {c.temperature for c in others}
    ends = [
        c
        for c in others
        if c.supply in (min(supplies), max(supplies))
        and c.temperature in (min(degrees), max(degrees))
    ]
    return (nominal, *ends)


def judge(layout: Layout, nominal: Condition, findings: Sequence[Finding]) -> tuple[Judged, ...]:
    """Every quantity that was found, at its worst, against its limit.

    A limit holds if it holds under every condition, and is broken if it is under one. The worst of
    a quantity with an interval is where it is broken, or not decided, if there is such a condition.
    """
    lines = []
    for name, quantity in QUANTITIES.items():
        of_one = [found for found in findings if found.quantity == name]
        if not of_one:
            continue
        limit = layout.limits.given.get(name)
        holding = None if limit is None else {found.keeps(limit) for found in of_one}
        holds = None if holding is None else next(h for h in (False, None, True) if h in holding)
        if limit is not None:
            of_one = [found for found in of_one if found.keeps(limit) is holds]
        worst = of_one[0]
        for found in of_one[1:]:
            worst = found if quantity.worse(found.value, worst.value) else worst
        at_nominal = next(
            (f for f in findings if f.quantity == name and f.condition == nominal), None
        )
        would = "" if limit is None or holds is not None else needed(worst, limit)
        lines.append(Judged(quantity, worst, at_nominal, limit, holds, "", would))
    return tuple(lines)


def verdict_of_layout(judged: Sequence[Judged], figures: Sequence[Figure]) -> Verdict:
    """What the limits come to; they rest on levels that agree, so that these must do so, too."""
    asked = [line.verdict for line in judged if line.verdict is not None]
    levels = [figure.verdict for figure in figures if figure.verdict is not None]
    return together([*asked, *levels] if asked else asked)


def as_printed(
    layout: Layout,
    nominal: Condition,
    findings: Sequence[Finding],
    simulator: Simulator,
    told: Callable[[int, int], None],
) -> tuple[tuple[Judged, ...], tuple[str, ...], tuple[Finding, ...]]:
    """The worst cases with the values that their netlists print; the netlists; all findings.

    Worst cases are found by the nodal solver and in transients of the whole array. Where a netlist
    prints a better value than another condition has, that one is the worst, and its netlist is run,
    too.

    Raises:
        SimulationError: if a netlist does not run.
    """
    known = tuple(findings)
    texts: dict[int, str] = {}
    while True:
        judged = judge(layout, nominal, known)
        waiting = [line for line in judged if id(line.worst) not in texts]
        if not waiting:
            return judged, tuple(texts[id(line.worst)] for line in judged), known
        for line, proof in zip(waiting, proofs(layout, waiting, simulator, told), strict=True):
            texts[id(proof.worst)] = proof.netlist
            known = tuple(proof.worst if one is line.worst else one for one in known)


def with_smallest(lines: LineMargins | None, judged: Sequence[Judged]) -> LineMargins | None:
    """The margins of the lines with the smallest of them as its netlist prints it."""
    if lines is None:
        return None
    smallest = next(line.worst for line in judged if line.quantity.name == "margin")
    worst = lines.worst.copy()
    worst[int(np.argmin(worst))] = smallest.value
    return replace(lines, worst=worst)


def with_settling(waveform: Waveform, nominal: Condition, judged: Sequence[Judged]) -> Waveform:
    """The nominal read with its settling time as the netlist prints it, where that is stated."""
    stated = next(line.worst for line in judged if line.quantity.name == "settling")
    return replace(waveform, settled=stated.value) if stated.condition == nominal else waveform


def write_netlists(
    judged: Sequence[Judged], netlists: Sequence[str], outputs: Outputs
) -> tuple[Judged, ...]:
    """Write the netlist of each worst case; the lines with their files."""
    named = []
    for line, text in zip(judged, netlists, strict=True):
        name = outputs.write(f"worst/{line.quantity.name}.cir", text)
        named.append(replace(line, netlist=name))
    return tuple(named)


def versions(simulator: Simulator) -> dict[str, str]:
    """All that matters for the numbers."""
    packages = ("mtjspice", "numpy", "scipy", "torch", "PySpice")
    return {
        "python": platform.python_version(),
        "simulator": str(simulator.info),
        **{name: version(name) for name in packages},
    }


def _counted(simulator: Simulator) -> tuple[Figure, ...]:
    how = "each found again by its key if the run is repeated"
    return (Figure("simulations in ngspice", len(simulator.keys), "", "", None, how),)


def threshold_notes(layout: Layout, lines: LineMargins | None) -> tuple[str, ...]:
    """What margins take for granted of the threshold and of the latch that compares with it."""
    if lines is None:
        return ()
    said = []
    if layout.sense.threshold == "tracking":
        said.append(
            "The threshold tracks: under every condition it is the middle between the worst low "
            "and the worst high read, which is the best there can be, and it has no spread of its "
            "own. Reference columns come to less."
        )
    if lines.latch is not None and lines.latch_errs is not None:
        given = (
            f"The given offset of {si(layout.sense.offset, 'V')} (standard deviation)"
            if layout.sense.offset > 0
            else "No offset"
        )
        said.append(
            f"{given} is in the place of the latch's own: by the mismatch of its transistors the "
            f"one in the netlists has {si(lines.latch, 'V')}, and at the smallest margin "
            f"({lines.condition}) would decide wrongly {30 * lines.latch_errs:.0f} times of 30. "
            "It has to be trimmed, or larger, to be as good as was given."
        )
    return tuple(said)


def notes(layout: Layout, bench: Bench, same: Mapping[str, str]) -> tuple[str, ...]:
    """What a reader should know of how the report was made.

    Args:
        layout: as it was given.
        bench: on which it was analysed.
        same: processes that were left out, with those that they are the same as.
    """
    said = [f"{found}." for found in unusual(layout)]
    said += [
        f"{left_out} is the same as {one}: the transistors that are in use have the same models in "
        "both. It is simulated once."
        for left_out, one in same.items()
    ]
    if bench.quick:
        said.append(
            f"Quick, not for sign-off: {len(bench.conditions)} of "
            f"{len(conditions_of(layout))} conditions, "
            f"{bench.layout.monte_carlo.samples} of {layout.monte_carlo.samples} samples of the "
            f"yield, {bench.layout.monte_carlo.tail} of {layout.monte_carlo.tail} of rare failures "
            "(monte_carlo.tail; fewer widen the interval of line_failure), sizes up to "
            f"{quick_largest(layout)}."
        )
    said += [f"{found[0].upper()}{found[1:]}." for found in bench.simulator.notes]
    if not has_transistors(layout):
        said.append("Without transistors there is one process.")
    return tuple(said)
