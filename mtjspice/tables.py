"""What the commands print on the terminal."""

import contextlib
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal, cast

from rich.console import Console
from rich.table import Table
from rich.text import Text

from mtjspice.data.plain import as_json
from mtjspice.errors import printable
from mtjspice.spec.base import is_path
from mtjspice.spec.unusual import unusual
from mtjspice.units import si
from mtjspice.verdicts.figures import WORDS, Figure

if TYPE_CHECKING:
    from mtjspice.layout.findings import LayoutStory
    from mtjspice.signoff.findings import SignOffStory

# The words of a feature are imported where they are printed: they take torch, scipy and matplotlib.
FLIPS_SHOWN = 10
"""Most flips of classes that are listed."""
FIGURES = ("figure", "value", "limit", "")
"""Headings of a table of figures."""
LEAST_WIDTH, ANY_WIDTH = 40, 10_000
"""Columns of a terminal: in fewer, rich prints nothing of some tables."""


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Leave it to the one place that knows the exit codes; rich's own is that of a fail."""
        raise BrokenPipeError

    def render_str(self, text: str, **how: Any) -> Text:
        """Text that orders nothing: names and contents of files are printed, too."""
        return super().render_str(printable(text), **how)


class _Stderr:
    """Stderr whose failures end nothing: progress and warnings are no results."""

    def __getattr__(self, name: str) -> Any:
        return getattr(sys.stderr, name)

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError):
            sys.stderr.write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            sys.stderr.flush()


def made_console(*, stderr: bool = False) -> Console:
    """Prints text as it stands on stdout, or on stderr; no brackets or colons mean anything in it.

    What is no terminal has lines of any length.
    """
    file = cast("IO[str]", _Stderr()) if stderr else None
    console = _Console(file=file, markup=False, emoji=False)
    if not console.is_terminal and not stderr:
        console.width = ANY_WIDTH
    console.width = max(console.width, LEAST_WIDTH)
    return console


def _table(title: str, *headings: str, left: Sequence[str] = ()) -> Table:
    """A table without lines yet; numbers stand on the right, and none is cut off."""
    table = Table(title=title)
    for heading in headings:
        justify: Literal["left", "right"] = "left" if heading in left else "right"
        table.add_column(heading, justify=justify, overflow="fold")
    return table


def print_outcome(story: Any, page: Path) -> None:
    """The short table that a run ends with."""
    from mtjspice.report.words import UNJUDGED  # noqa: PLC0415
    from mtjspice.study.verdict import least_of  # noqa: PLC0415

    console = made_console()
    table = _table(
        story.study.name,
        *("level", "best G_norm / (G_P − G_AP)", "all samples", "training", "test"),
        left=("level",),
    )
    value = {figure.name: figure.value for figure in story.figures}
    for level in ("ideal", "SPICE"):
        shares = (value[f"accuracy, {s} samples, {level}"] for s in ("all", "train", "test"))
        table.add_row(
            level, f"{value[f'best G_norm, {level}']:g}", *(f"{100 * s:.2f} %" for s in shares)
        )
    console.print(table)
    c = story.comparison
    console.print(f"flips, ideal to SPICE: {len(c.flips)} of {c.ideal.predicted.size} classes")
    _print_limits(console, story.figures)
    if why := least_of(story.study, c)[1]:
        console.print(f"limit of accuracy, SPICE: {why}", soft_wrap=True, highlight=False)
    if not story.study.limits.can_break:
        console.print(UNJUDGED, soft_wrap=True)
    _print_needed(console, story.figures)
    for warning in story.warnings:
        console.print(f"warning: {warning}", soft_wrap=True)
    seconds = ", ".join(f"{name} {s:.1f} s" for name, s in story.times.items())
    console.print(f"times: {seconds}")
    console.print(f"report: {page}", soft_wrap=True)
    console.print(f"verdict: {story.verdict.upper()}")


def _print_limits(console: Console, figures: Sequence[Figure]) -> None:
    """What is held against limits: value, unit, interval and word."""
    from mtjspice.report.words import interval_words, value_and_limit  # noqa: PLC0415

    for figure in figures:
        if not figure.limit:
            continue
        value, limit = value_and_limit(figure)
        within = ""
        if figure.interval is not None:
            sure = f"{100 * figure.interval.confidence:.4g} % confidence"
            within = f" ({interval_words(figure)} at {sure})"
        console.print(f"limit: {figure.name}: {value}{within} {limit}: {figure.word}",
                      soft_wrap=True)  # fmt: skip


def print_calibration(story: Any, card: Path, page: Path) -> None:
    """The held-out errors of a card."""
    console = made_console()
    table = _table(
        f"{story.card.name}: surrogate − SPICE, % of full scale",
        *(
            "what is new",
            "level",
            "tiles",
            "RMS",
            "99.9 %",
            "largest",
            "by its bound",
            "nodal tiles",
            "equal signs",
        ),
        left=("what is new", "level"),
    )
    for line in story.card.errors:
        errors = (f"{100 * x:.4f}" for x in (line.rms, line.p999, line.maximum))
        signs = "" if line.equal_signs is None else f"{100 * line.equal_signs:.3f} %"
        over = "" if line.over_bound is None else f"{line.over_bound:.2f}"
        nodal = str(line.by_nodal) if line.level == "full" else ""
        table.add_row(line.group, line.level, str(line.tiles), *errors, over, nodal, signs)
    console.print(table)
    _print_limits(console, story.figures)
    for warning in unusual(story.card.circuit):
        console.print(f"warning: {warning}", soft_wrap=True)
    for failure in story.failures:
        console.print(f"warning: simulation failed: {failure}", soft_wrap=True)
    console.print(f"card: {card}", soft_wrap=True)
    console.print(f"report: {page}", soft_wrap=True)
    _print_needed(console, story.figures)
    console.print(f"reach: {story.reach}", soft_wrap=True)
    console.print(f"verdict: {story.statement}", soft_wrap=True)


def print_figures(title: str, story: Any, report: Path, notes: Sequence[str] = ()) -> None:
    """Every figure of a training or an experiment, limits if there are any, and the verdict."""
    from mtjspice.report.words import value_and_limit  # noqa: PLC0415

    console = made_console()
    limited = any(figure.limit for figure in story.figures)
    headings = FIGURES if limited else FIGURES[:2]
    table = _table(title, *headings, left=("figure", "limit", ""))
    for figure in story.figures:
        row = (figure.name, *value_and_limit(figure), figure.word)
        table.add_row(*row[: len(headings)])
    console.print(table)
    for note in notes:
        console.print(f"note: {note}", soft_wrap=True)
    console.print(f"report: {report}", soft_wrap=True)
    if limited:
        console.print(f"verdict: {story.verdict.upper()}")


def print_training(
    outcome: Any, folder: Path, card: str, dies: Path | None, mnist: Path | None
) -> None:
    """How trained weights do, and what judges them in SPICE.

    Args:
        outcome: of the training.
        folder: of the weights.
        card: name or path of their calibration card.
        dies: that they were trained for; None for all like those that are drawn.
        mnist: folder of MNIST, if one was named.
    """
    print_figures(outcome.title, outcome, folder / "report.json", outcome.warnings)
    options = {"dies": dies or "DIES", "mnist": mnist, "card": card if is_path(card) else None}
    named = [part for name, value in options.items() if value for part in (f"--{name}", str(value))]
    command = shlex.join(("mtjspice", "signoff", str(folder), *named))
    made_console().print(f"next: {command}", soft_wrap=True, highlight=False)


def print_signoff(story: "SignOffStory", page: Path) -> None:
    """Every figure of a sign-off, what was simulated, the first flips of classes, the verdict."""
    from mtjspice.report.numbers import points  # noqa: PLC0415
    from mtjspice.report.words import (  # noqa: PLC0415
        UNJUDGED,
        interval_words,
        value_and_limit,
    )
    from mtjspice.signoff.page_numbers import condition_lines  # noqa: PLC0415
    from mtjspice.signoff.page_words import conclusion  # noqa: PLC0415
    from mtjspice.verdicts.chance import way_from_chance  # noqa: PLC0415

    console, lines = made_console(), condition_lines(story)
    interval = f"{100 * story.spec.confidence:g} % interval"
    headings = ("figure", "value", interval, "limit", "")
    table = _table(story.title, *headings, left=("figure", "limit", ""))
    for figure in story.figures:
        value, limit = value_and_limit(figure)
        table.add_row(figure.name, value, interval_words(figure), limit, figure.word)
    console.print(table)
    limits = story.spec.limits
    if why := way_from_chance(limits.accuracy, limits.above_chance, story.chance):
        console.print(f"limit of accuracy, SPICE: {why}", soft_wrap=True, highlight=False)
    if not story.asks:
        console.print(UNJUDGED, soft_wrap=True)
    console.print(conclusion(story, lines), soft_wrap=True, highlight=False)
    for line in lines:
        judged = line.judged
        s = judged.statement
        rest = (
            f"; what was not can change the mean accuracy of the images given by "
            f"±{points(line.known.unseen)}"
            if s.simulated < s.images
            else ""
        )
        why = "" if story.full else f" ({s.unsafe:,} not safe, {s.audited:,} for the audit)"
        console.print(f"{judged.condition}: {s.simulated:,} of {s.images:,} simulated{why}{rest}",
                      soft_wrap=True, highlight=False)  # fmt: skip
        for note in s.notes:
            console.print(f"note: {judged.condition}, {note}", soft_wrap=True)
    _print_flips(console, story)
    for warning in story.warnings:
        console.print(f"warning: {warning}", soft_wrap=True)
    _print_needed(console, story.figures)
    console.print(f"report: {page}", soft_wrap=True)
    console.print(f"verdict: {story.verdict.upper()}")


def _print_needed(console: Console, figures: Sequence[Figure]) -> None:
    """What would decide the limits that are not decided."""
    for figure in figures:
        if figure.needed:
            console.print(f"not decided: {figure.name}: needs {figure.needed}", soft_wrap=True,
                          highlight=False)  # fmt: skip


def _print_flips(console: Console, story: "SignOffStory") -> None:
    """The first flips of classes, what needs looking at first."""
    from mtjspice.signoff.page_numbers import noticed  # noqa: PLC0415

    flips = noticed(story)
    for flip in flips[:FLIPS_SHOWN]:
        label = story.classes[int(story.labels[story.place(flip.image)])]
        one, other = story.classes[flip.surrogate], story.classes[flip.spice]
        allowed = "" if flip.possible else ", not allowed by the bound"
        console.print(
            f"flip: {flip.condition}, {flip.die}, image {flip.image}, label {label}: "
            f"{one} in the surrogate, {other} in SPICE{allowed}",
            soft_wrap=True, highlight=False,
        )  # fmt: skip
    if len(flips) > FLIPS_SHOWN:
        console.print(f"and {len(flips) - FLIPS_SHOWN:,} more flips, in flips.csv")


def print_layouts(stories: "Sequence[LayoutStory]", page: Path) -> None:
    """The limits of each layout, its largest size, and the verdict."""
    from mtjspice.layout import page_words as layout_words  # noqa: PLC0415
    from mtjspice.report.words import value_and_limit  # noqa: PLC0415

    console = made_console()
    for story in stories:
        console.print(_quantities(story))
        for figure in story.figures:
            if figure.holds is False:
                value, limit = value_and_limit(figure)
                console.print(f"levels disagree: {figure.name}: {value}, not {limit}")
        if size := layout_words.scaling_words(story):
            console.print(f"size: {size}", soft_wrap=True, highlight=False)
        for note in story.notes:
            console.print(f"note: {note}", soft_wrap=True)
        if not any(line.limit is not None for line in story.judged):
            console.print("no limits are set: nothing was asked")
        for line in story.judged:
            if line.needed:
                console.print(f"not decided: {line.quantity.title}: {line.needed}", soft_wrap=True)
        if unjudged := layout_words.not_judged(story):
            console.print(unjudged, highlight=False)
        console.print(f"verdict of {story.layout.name}: {story.verdict.upper()}")
    console.print(f"report: {page}", soft_wrap=True)


def _quantities(story: "LayoutStory") -> Table:
    """Every quantity at its worst; with intervals and limits, if any has one."""
    from mtjspice.layout import page_words as layout_words  # noqa: PLC0415
    from mtjspice.report.words import level_words  # noqa: PLC0415

    sampled = [line.worst.sampled for line in story.judged if line.worst.sampled]
    sure = [f"estimate, {100 * one.interval.confidence:.4g} % interval" for one in sampled[:1]]
    limited = any(line.limit is not None for line in story.judged)
    words = (*sure, *(("limit", "") if limited else ()), "condition", "level")
    table = _table(story.layout.name, "quantity", "worst value", *words, left=("quantity", *words))
    for line in story.judged:
        value, limit = layout_words.value_and_limit(line)
        holds = "" if line.verdict is None else WORDS[line.verdict]
        interval = (layout_words.interval_words(line),) if sampled else ()
        held = (limit, holds) if limited else ()
        table.add_row(line.quantity.title, value, *interval, *held,
                      str(line.worst.condition), level_words(line.worst.level))  # fmt: skip
    return table


def print_currents(result: Any) -> None:
    """Every current of one array; of a die or a transient, how many there are and their range."""
    console, currents = made_console(), result["current"]
    if currents.dims != ("vector", "output_line"):
        low, high = float(currents.min()), float(currents.max())
        sizes = " x ".join(f"{size} {name}s" for name, size in currents.sizes.items())
        console.print(f"{sizes}: {si(low, 'A')} to {si(high, 'A')}, {result.attrs['simulator']}")
        return
    # `to_numpy` would import dask, where it is installed, to see whether these are arrays of it.
    lines = (f"column {line}" for line in currents["output_line"].values)
    table = _table(f"Output current in µA, {result.attrs['simulator']}", "vector", *lines)
    for k, row in enumerate(currents.values):
        table.add_row(str(k), *(f"{1e6 * i:.4f}" for i in row))
    console.print(table)


def print_json(content: Any) -> None:
    """Plain data, as JSON."""
    sys.stdout.write(as_json(content))


def print_findings(findings: Sequence[Any]) -> None:
    """What `doctor` found."""
    parts = ("part", "found", "what to do")
    table = _table("mtjspice doctor", *parts, left=parts)
    for finding in findings:
        table.add_row(finding.part, finding.found, finding.advice or "nothing")
    made_console().print(table)
