"""The tables of a layout's report, as texts for its template."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mtjspice.layout.findings import Judged, LayoutStory
from mtjspice.layout.page_words import (
    condition_words,
    name_of,
    nominal_value,
    tightest_first,
    uncertainty,
    value_and_limit,
)
from mtjspice.layout.quantities import QUANTITIES
from mtjspice.layout.sizes import Sensitivity
from mtjspice.report.canvas import IDEAL, SPICE
from mtjspice.report.numbers import percent, shown
from mtjspice.report.words import level_words
from mtjspice.verdicts.figures import WORDS

NOTICED = 0.005
"""Losses of headroom below this are not told."""
TARGETS = 3
"""More broken limits than that are not each given advice."""


@dataclass(frozen=True)
class Row:
    """A judged quantity in words.

    Attributes:
        bar: length of the bar of its headroom, % of the longest.
        over: whether the limit breaks.
        word: of the limit: holds, broken, not decided; empty without one.
        sure: uncertainty; empty for what is computed without chance.
    """

    title: str
    value: str
    limit: str
    nominal: str
    headroom: str
    bar: float
    over: bool
    word: str
    condition: str
    level: str
    where: str
    sure: str
    netlist: str


def row(story: LayoutStory, line: Judged) -> Row:
    """The words of one line."""
    value, limit = value_and_limit(line)
    room = line.headroom
    return Row(
        title=line.quantity.title,
        value=value,
        limit=limit,
        nominal=nominal_value(line),
        headroom=percent(room),
        bar=0.0 if room is None or math.isnan(room) else 100 * min(abs(room), 1.0),
        over=line.holds is False,
        word="" if line.verdict is None else WORDS[line.verdict],
        condition=condition_words(line.worst.condition, story.nominal),
        level=level_words(line.worst.level),
        where=line.worst.where,
        sure=uncertainty(story, line),
        netlist=line.netlist,
    )


def bars(values: Mapping[str, float]) -> list[tuple[str, float, float]]:
    """(name, share of the sum, length of the bar in % of the longest), largest first."""
    total, most = sum(values.values()), max(values.values(), default=0.0)
    ordered = sorted(values.items(), key=lambda pair: -pair[1])
    return [(n, v / total if total else 0.0, 100 * v / most if most else 0.0) for n, v in ordered]


def sizes(story: LayoutStory) -> list[tuple[str, list[tuple[str, bool]]]]:
    """(size, (value, whether its limit breaks) of each quantity)."""
    return [
        (
            f"{size.rows} × {size.columns}",
            [
                (shown(size.values.get(q, math.nan), QUANTITIES[q].unit), q in size.broken)
                for q in story.scaling.quantities
            ],
        )
        for size in story.scaling.sizes
    ]


@dataclass(frozen=True)
class Change:
    """What moving a parameter by 10 % does to a limit.

    Attributes:
        parameter: dotted key.
        value: in words.
        action: raise or lower.
        gain: of headroom, share of the limit.
        bar: its length, % of the longest.
        cost: the other limit that loses most, in words; empty if none loses half a per cent.
    """

    parameter: str
    value: str
    action: str
    gain: float
    bar: float
    cost: str


@dataclass(frozen=True)
class Advice:
    """What helps a limit: its title, and changes of one parameter, the best first."""

    title: str
    changes: list[Change]


def advice(story: LayoutStory) -> list[Advice]:
    """What helps each broken limit, or else the tightest one that something is known to help."""
    helped = [
        (line, changes)
        for line in tightest_first(story.judged)
        if (changes := _changes(story, line))
    ]
    broken = [pair for pair in helped if pair[0].holds is False][:TARGETS]
    return [Advice(line.quantity.title, changes) for line, changes in broken or helped[:1]]


def _changes(story: LayoutStory, line: Judged) -> list[Change]:
    name = line.quantity.name
    helpful = [s for s in story.sensitivities if s.gain.get(name, 0.0) != 0]
    ranked = sorted(helpful, key=lambda s: -abs(s.gain[name]))
    return [
        Change(
            parameter=s.parameter,
            value=s.value,
            action="raise" if s.gain[name] > 0 else "lower",
            gain=abs(s.gain[name]),
            bar=100 * abs(s.gain[name] / ranked[0].gain[name]),
            cost=_cost(story, s, line),
        )
        for s in ranked
    ]


def _cost(story: LayoutStory, s: Sensitivity, helped: Judged) -> str:
    """The other limit that the change takes most headroom from, to first order."""
    way = math.copysign(1.0, s.gain[helped.quantity.name])
    others = [line for line in story.judged if line is not helped]
    losses = [(way * s.gain.get(line.quantity.name, 0.0), line) for line in others]
    change, line = min(losses, key=lambda pair: pair[0], default=(0.0, helped))
    if change > -NOTICED:
        return ""
    room = line.headroom
    then = ", which then breaks" if room is not None and 0 <= room < -change else ""
    return f"{line.quantity.title}: {percent(change)}{then}"


@dataclass(frozen=True)
class Slope:
    """A cell of the table of slopes."""

    text: str
    background: str


def slopes(story: LayoutStory) -> tuple[list[str], list[tuple[str, str, list[Slope]]]]:
    """(short names of quantities, (parameter, its value, cells) a parameter)."""
    known = {name for s in story.sensitivities for name in s.slopes}
    names = [name for name in QUANTITIES if name in known]
    lines = [
        (s.parameter, s.value, [_slope(s.slopes.get(name, math.nan), name) for name in names])
        for s in story.sensitivities
    ]
    return [name_of(name) for name in names], lines


def _slope(value: float, name: str) -> Slope:
    if not math.isfinite(value):
        return Slope("–", "none")
    text = f"{value:+.2f}".replace("-", "−") if abs(value) >= 0.005 else "0"
    colour = IDEAL if (value > 0) == (QUANTITIES[name].better == "high") else SPICE
    return Slope(text, f"{colour}{round(140 * min(abs(value), 1.0)):02x}")


def findings(story: LayoutStory) -> Iterable[tuple[str, str, str, str, str]]:
    """(quantity, value, condition, level, where) of all, in the order of the report."""
    order = list(QUANTITIES)
    for f in sorted(story.findings, key=lambda one: order.index(one.quantity)):
        quantity = QUANTITIES[f.quantity]
        condition = condition_words(f.condition, story.nominal)
        level = level_words(f.level)
        yield quantity.title, shown(f.value, quantity.unit), condition, level, f.where
