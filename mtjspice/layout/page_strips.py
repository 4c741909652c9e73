"""Headroom and values over the conditions, and headroom of several layouts, as SVG text."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from mtjspice.layout.findings import Finding, Judged
from mtjspice.layout.page_plots import FRONT, looks
from mtjspice.layout.page_words import condition_words, name_of
from mtjspice.layout.quantities import Condition
from mtjspice.report.canvas import IDEAL, SPICE, as_svg, picture
from mtjspice.report.numbers import percent

HATCHES = ("", "///", "...", "xx", "--", "\\\\")
CUT = "headroom, % (below 0 the limit breaks; cut at ±100 %)"


def headroom_plot(
    limits: Sequence[Judged],
    findings: Sequence[Finding],
    nominal: Condition,
    *,
    front: bool = False,
) -> str:
    """Headroom of every limit under every condition, cut at ±100 %.

    Args:
        limits: one a row.
        findings: under every condition.
        nominal: which of them is drawn as a ring.
        front: small, without the names of the worst conditions.
    """
    size = FRONT if front else (12.2, 0.34 * len(limits) + 1.1)
    lowest = -10.0
    with picture(*size) as (canvas, (axis,)):
        for place, line in enumerate(limits):
            points = [
                (f, _cut(_headroom(line, f.value)))
                for f in findings
                if f.quantity == line.quantity.name
            ]
            _strip(axis, place, points, line.worst.condition, nominal)
            lowest = min([lowest, *(room for _, room in points)])
        axis.axvspan(lowest - 5, 0, color=SPICE, alpha=0.14, lw=0)
        axis.axvline(0, color="k", lw=1.2)
        axis.set_xlim(lowest - 5, 105)
        axis.set_xlabel("headroom, %" if front else CUT)
        _rows_of(axis, limits, nominal, named=not front)
        return as_svg(canvas)


def relative_plot(lines: Sequence[Judged], findings: Sequence[Finding], nominal: Condition) -> str:
    """What has no limit, under every condition over its nominal value."""
    with picture(12.2, 0.34 * len(lines) + 1.1) as (canvas, (axis,)):
        for place, line in enumerate(lines):
            assert line.nominal is not None
            points = [
                (f, f.value / line.nominal.value)
                for f in findings
                if f.quantity == line.quantity.name and 0 < f.value < math.inf
            ]
            _strip(axis, place, points, line.worst.condition, nominal)
        low, high = axis.get_xlim()
        if high > 5 * max(low, 0.2):
            axis.set_xscale("log")
        axis.axvline(1, color="k", lw=1.2)
        axis.set_xlabel("value / nominal value")
        _rows_of(axis, lines, nominal, named=True)
        return as_svg(canvas)


def comparable(line: Judged) -> bool:
    """Whether its values can be told in units of the nominal one, on a logarithmic axis."""
    return line.nominal is not None and 0 < line.nominal.value < math.inf


def _headroom(line: Judged, value: float) -> float:
    """Of another value than the worst one; not a number where the limit has none."""
    assert line.limit is not None
    room = line.quantity.headroom(value, line.limit)
    return math.nan if room is None else room


def _cut(share: float) -> float:
    """In per cent, not beyond ±100."""
    return share if math.isnan(share) else min(max(100 * share, -100.0), 100.0)


def _strip(
    axis: Axes,
    place: int,
    points: Sequence[tuple[Finding, float]],
    worst: Condition,
    nominal: Condition,
) -> None:
    """All conditions as small bars, the nominal one as a ring, the worst as a filled diamond."""
    axis.plot([x for _, x in points], [place] * len(points), "|", ms=9, color=IDEAL, alpha=0.7)
    for finding, x in points:
        if finding.condition == nominal:
            axis.plot(x, place, "o", ms=7, mfc="w", mec=IDEAL, mew=1.6)
    for finding, x in points:
        if finding.condition == worst:
            axis.plot(x, place, "D", ms=6.5, color=SPICE, mec="k", mew=0.8)


def _rows_of(axis: Axes, lines: Sequence[Judged], nominal: Condition, *, named: bool) -> None:
    """Names on the left, worst conditions on the right if they are to be named."""
    axis.set_yticks(range(len(lines)), [name_of(line.quantity.name) for line in lines])
    axis.set_ylim(len(lines) - 0.5, -0.5)
    for place, line in enumerate(lines if named else ()):
        words = condition_words(line.worst.condition, nominal)
        axis.text(1.01, place, words, transform=axis.get_yaxis_transform(), va="center", fontsize=9)
    axis.grid(alpha=0.3)


def comparison_plot(rooms: Mapping[str, Sequence[float | None]], names: Sequence[str]) -> str:
    """Headroom of each limit, a bar a layout, cut at ±100 %.

    Args:
        rooms: by quantity, the headroom of each layout as a share; None without a limit.
        names: of the layouts.
    """
    height = 0.8 / len(names)
    with picture(9.5, (0.2 + 0.22 * len(names)) * len(rooms) + 1.3) as (canvas, (axis,)):
        for k, (name, (colour, _, _)) in enumerate(zip(names, looks(len(names)), strict=True)):
            values = [shares[k] for shares in rooms.values()]
            places = np.arange(len(rooms)) + (k - (len(names) - 1) / 2) * height
            widths = [0.0 if v is None or math.isnan(v) else _cut(v) for v in values]
            axis.barh(
                places, widths, 0.9 * height, color=colour, hatch=HATCHES[k % len(HATCHES)],
                edgecolor="w", label=name,
            )  # fmt: skip
            for place, value, end in zip(places, values, widths, strict=True):
                axis.annotate(
                    "no limit" if value is None else percent(value), (end, place),
                    (4 if end >= 0 else -4, 0), textcoords="offset points", va="center",
                    ha="left" if end >= 0 else "right", fontsize=9,
                )  # fmt: skip
        axis.axvline(0, color="k", lw=1.2)
        axis.set_xlim(-140, 125)
        axis.set_yticks(range(len(rooms)), [name_of(name) for name in rooms])
        axis.set_ylim(len(rooms) - 0.5, -0.5)
        axis.set_xlabel(CUT)
        axis.grid(alpha=0.3, axis="x")
        axis.legend(frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3)
        return as_svg(canvas)
