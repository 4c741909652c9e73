"""The whole way of one layout: analyses, verdict, netlists of the worst cases, report."""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from mtjspice.collect.pool import WorkerPool
from mtjspice.collect.simulator import Simulator
from mtjspice.data import versions
from mtjspice.data.outputs import Outputs
from mtjspice.errors import InputError, naming
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
from mtjspice.layout.fast import Hardest
from mtjspice.layout.findings import Finding, Judged, LayoutStory, LineMargins
from mtjspice.layout.judged import (
    as_printed,
    broken_at,
    verdict_of_layout,
    with_settling,
    with_smallest,
)
from mtjspice.layout.latch import latch_offset
from mtjspice.layout.notes import notes, spread_notes, threshold_notes
from mtjspice.layout.page import write_comparison, write_layout
from mtjspice.layout.patterns import named_patterns
from mtjspice.layout.quantities import Condition
from mtjspice.layout.quick import quick_conditions, quick_largest, quickened
from mtjspice.layout.sizes import Scaling, Sensitivity
from mtjspice.layout.spread import over
from mtjspice.layout.stages import (
    Bench,
    Progress,
    ReadPart,
    SensePart,
    disturb_stage,
    read_stage,
    sense_stage,
)
from mtjspice.layout.time_stage import TimePart, time_stage
from mtjspice.netlist.cards import read_card
from mtjspice.netlist.deck import build_deck
from mtjspice.spec.layout import Layout
from mtjspice.train.threads import one_thread
from mtjspice.verdicts.figures import Figure

T = TypeVar("T")


def run_layout(
    layout: Layout,
    out: Path | None = None,
    *,
    quick: bool = False,
    jobs: int | None = None,
    progress: Progress | None = None,
) -> LayoutStory:
    """Analyse a layout, and write its report where a folder is named.

    Simulations that are in `out` already are not run again, so that a run that was cut off goes on
    where it was.

    Args:
        layout: what to judge.
        out: folder of the report, the netlists of the worst cases, and the simulations; nothing is
            written if it is left out.
        quick: fewer conditions, samples and searches; the report says so.
        jobs: worker processes.
        progress: told of what is done.

    Raises:
        InputError: if the circuit cannot be built or has no path; nothing is written then.
        SimulatorError: if the simulator is missing or fails.
    """
    tell = progress or (lambda what, done, total: None)
    conditions = conditions_of(layout)
    check(layout, conditions)
    same = same_processes(layout, (c.process for c in conditions))
    conditions = tuple(c for c in conditions if c.process not in same)
    judged_layout = quickened(layout) if quick else layout
    conditions = quick_conditions(conditions) if quick else conditions
    times: dict[str, float] = {}
    with (
        one_thread(),
        WorkerPool(jobs, limits=layout.simulator) as spice,
        WorkerPool(spice.jobs, limits=layout.simulator) as pool,
    ):
        check_path(layout, spice)
        outputs = None if out is None else Outputs(out)
        store = None if out is None else out / "simulations"
        simulator = Simulator(pool=spice, store=store)
        fits = _clocked(times, "access", lambda: fit_conditions(
            judged_layout, conditions, simulator, partial(tell, "access")
        ))  # fmt: skip
        bench = Bench(judged_layout, quick, conditions, fits, simulator, over(pool), tell)
        found = _analysed(bench, quick_largest(layout) if quick else layout.largest, times)
    said = (
        *threshold_notes(layout, found.lines),
        *spread_notes(layout),
        *notes(layout, bench, same),
    )
    story = _story(bench, found, said, times)
    return story if outputs is None else write_layout(story, outputs)


@dataclass(frozen=True)
class _Found:
    """What the stages found; of the judged quantities with the text of their netlists."""

    read: ReadPart
    sense: SensePart
    timed: TimePart
    sizes: Scaling
    slopes: tuple[Sensitivity, ...]
    judged: tuple[Judged, ...]
    netlists: tuple[str, ...]
    findings: tuple[Finding, ...]
    lines: LineMargins | None


def _analysed(bench: Bench, most: int, times: dict[str, float]) -> _Found:
    """All stages, one after the other; sizes up to so many rows and columns are tried."""
    layout, simulator, tell = bench.layout, bench.simulator, bench.tell
    read = _clocked(times, "read", lambda: read_stage(bench))
    sense = _clocked(times, "sense", lambda: sense_stage(bench))
    timed = _clocked(times, "time", lambda: time_stage(bench, sense))
    disturbed = _clocked(times, "disturb", lambda: disturb_stage(bench))
    hardest = Hardest(read.patterns, sense.sides)
    findings = (*read.findings, *sense.findings, *timed.findings, *disturbed)
    known = scale.Known(
        bench.fits[bench.nominal], hardest, timed.capacitance,
        broken_at(layout, bench.nominal, findings),
    )  # fmt: skip
    sizes = _clocked(times, "sizes", lambda: scale.scaling(
        layout, known, simulator, most, bench.spread, partial(tell, "sizes")
    ))  # fmt: skip
    slopes = _clocked(times, "parameters", lambda: scale.sensitivities(
        layout, known, simulator, quick=bench.quick, spread=bench.spread,
        progress=partial(tell, "parameters"),
    ))  # fmt: skip
    judged, netlists, findings = _clocked(times, "netlists", lambda: as_printed(
        layout, bench.nominal, findings, simulator, partial(tell, "netlists")
    ))  # fmt: skip

    def latch(condition: Condition) -> float | None:
        threshold = sense.margins[condition].threshold
        return latch_offset(bench.at(condition)[0], threshold, simulator)

    lines = with_smallest(sense.lines, sense.margins, judged, latch)
    return _Found(read, sense, timed, sizes, slopes, judged, netlists, findings, lines)


def _story(
    bench: Bench, found: _Found, said: Sequence[str], times: Mapping[str, float]
) -> LayoutStory:
    """Everything that the report tells."""
    read, sense, timed, simulator = found.read, found.sense, found.timed, bench.simulator
    judged = tuple(
        replace(line, netlist=f"worst/{line.quantity.name}.cir") for line in found.judged
    )
    figures = (*read.figures, *sense.figures, *timed.figures)
    return LayoutStory(
        layout=bench.layout,
        quick=bench.quick,
        verdict=verdict_of_layout(judged, figures),
        nominal=bench.nominal,
        conditions=bench.conditions,
        judged=judged,
        findings=found.findings,
        figures=(*figures, *_counted(simulator)),
        maps=read.maps,
        patterns=read.lines,
        margins=found.lines,
        yields=sense.yields,
        tail=sense.tail,
        waveform=with_settling(timed.waveform, bench.nominal, judged),
        energy=timed.energy,
        sneak=read.sneak,
        scaling=found.sizes,
        sensitivities=found.slopes,
        versions=versions.of_everything(str(simulator.info)),
        times=times,
        simulations={"run": simulator.ran, "found": simulator.found},
        keys=tuple(simulator.keys),
        notes=(*said, *timed.notes),
        netlists=dict(zip((line.netlist for line in judged), found.netlists, strict=True)),
    )


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
        quick: with fewer samples and patterns, as a first look.
        jobs: worker processes; all processors if left out.
        progress: told of what is done for which layout.

    Raises:
        InputError: if two have the same name, or the circuit of one cannot be built or has no
            path, with its file in front.
        SimulatorError: if the simulator is missing or fails.
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
        with naming(path), WorkerPool(jobs, limits=one.simulator) as spice:
            check(one, conditions_of(one))
            check_path(one, spice)
    stories = []
    for path, one in layouts.items():
        tell = None if progress is None else partial(_named, progress, one.name)
        with naming(path):
            stories.append(run_layout(one, out / one.name, quick=quick, jobs=jobs, progress=tell))
    write_comparison(stories, names, out)
    return stories


def _named(progress: Progress, name: str, what: str, done: int, total: int) -> None:
    progress(f"{name}: {what}", done, total)


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


def check_path(layout: Layout, spice: WorkerPool) -> None:
    """Refuse a design whose access devices do not conduct, before anything is written.

    Args:
        layout: under nominal conditions.
        spice: where its simulations run.

    Raises:
        InputError: saying so.
        SimulatorError: if the simulator is missing or fails.
    """
    fit_conditions(layout, [nominal_condition(layout)], Simulator(pool=spice))


def _counted(simulator: Simulator) -> tuple[Figure, ...]:
    how = "each found again by its key if the run is repeated"
    return (Figure("simulations in SPICE", len(simulator.keys), "", "", None, how),)
