"""The pictures of a layout's report, as SVG text."""

import math
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import MaxNLocator, NullLocator

from mtjspice.layout.findings import Floats, Judged, LineMargins, VoltageMap, Waveform, Yield
from mtjspice.layout.page_words import name_of
from mtjspice.layout.quantities import Quantity
from mtjspice.layout.sizes import Scaling, Size
from mtjspice.report.canvas import IDEAL, SPICE, as_svg, picture, style

FRONT = (4.3, 3.1)
"""Inches: three in a row on the first screen."""
HALF = (6.1, 3.7)
"""Inches: two in a row."""
PREFIXES = ((1.0, ""), (1e3, "m"), (1e6, "µ"), (1e9, "n"), (1e12, "p"), (1e15, "f"))
CURVES = 6
"""More of them are not told apart in a small picture."""
ACROSS = 5
"""Most patterns in a row of the gallery."""
LETTERS = 10.5
"""Of its titles on an inch, with room to the next."""
LEAST, MOST = 0.05, 10.0
"""Of a value over its limit; what lies beyond is drawn there."""

TICKS = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)


def map_plot(one: VoltageMap) -> str:
    """Cell voltages of one pattern, the lowest ringed."""
    with picture(*FRONT) as (canvas, (axis,)):
        volts = 100 * one.delivered[_driven_rows(one)]
        image = _draw_map(axis, one, float(np.nanmin(volts)), float(np.nanmax(volts)))
        row, column = np.unravel_index(np.nanargmin(volts), volts.shape)
        for colour, width in (("k", 3.4), (SPICE, 1.7)):
            axis.plot(column, row, "o", ms=11, mfc="none", mec=colour, mew=width, clip_on=False)
        axis.set_xlabel("column (output line)")
        axis.set_ylabel("driven row")
        canvas.colorbar(image, ax=axis, label="cell / read voltage, %", shrink=0.9)
        return as_svg(canvas)


def gallery_plot(maps: Sequence[VoltageMap]) -> str:
    """Cell voltages of every pattern on one scale, their states below them."""
    bands = math.ceil(len(maps) / ACROSS)
    across = math.ceil(len(maps) / bands)
    low = min(100 * float(np.nanmin(one.delivered)) for one in maps)
    high = max(100 * float(np.nanmax(one.delivered)) for one in maps)
    with style():
        canvas = Canvas(figsize=(12.2, (12.2 / across + 1.2) * bands))
        grid = canvas.add_gridspec(2 * bands, across, height_ratios=(3, 1.2) * bands)
        upper = []
        for k, one in enumerate(maps):
            band, column = divmod(k, across)
            axis = canvas.add_subplot(grid[2 * band, column])
            image = _draw_map(axis, one, low, high)
            lowest = 100 * np.nanmin(one.delivered)
            title = textwrap.fill(one.pattern, round(LETTERS * 12.2 / across))
            axis.set_title(f"{title}\nlowest {lowest:.1f} %", fontsize=9.5)
            upper.append(axis)
            _draw_states(canvas.add_subplot(grid[2 * band + 1, column]), one)
            if column == 0:
                axis.set_ylabel("driven row")
        canvas.colorbar(image, ax=upper, label="cell voltage / read voltage, %", aspect=30)
        return as_svg(canvas)


def _draw_map(axis: Axes, one: VoltageMap, low: float, high: float) -> Any:
    """Delivered voltage of the driven rows in per cent, a white line where rows are left out."""
    driven = _driven_rows(one)
    volts = 100 * one.delivered[driven]
    rows, columns = volts.shape
    image = axis.imshow(
        volts, vmin=low, vmax=high, cmap="viridis", interpolation="none",
        aspect="equal" if rows / 3 < columns < 3 * rows else "auto",
    )  # fmt: skip
    for gap in np.flatnonzero(np.diff(driven) > 1):
        axis.axhline(gap + 0.5, color="w", lw=2.5)
    axis.xaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))
    told = np.arange(0, rows, math.ceil(rows / 7))
    axis.set_yticks(told, [str(driven[k]) for k in told])
    return image


def _driven_rows(one: VoltageMap) -> Any:
    """Numbers of the rows that are driven."""
    return np.flatnonzero(~np.isnan(one.delivered).all(axis=1))


def _draw_states(axis: Axes, one: VoltageMap) -> None:
    """P light, AP dark."""
    axis.imshow(one.states, cmap="cividis_r", vmin=0, vmax=1, interpolation="none")
    axis.set_xticks([])
    axis.set_yticks([])
    axis.spines[["top", "right"]].set_visible(True)


def margins_plot(
    margins: LineMargins, limit: float | None, size: tuple[float, float] = FRONT
) -> str:
    """Margin of every output line, in V and in offset sigmas."""
    with picture(*size) as (canvas, (axis,)):
        factor, unit = engineering(np.concatenate([margins.nominal, margins.worst]), "V")
        lines = np.arange(margins.nominal.size)
        for values, colour, style, mark, words in (
            (margins.nominal, IDEAL, "--", "o", "nominal condition"),
            (margins.worst, SPICE, "-", "s", str(margins.condition)),
        ):
            axis.plot(
                lines, factor * values, style, marker=mark if lines.size <= 40 else "", ms=4,
                color=colour, lw=1.6, label=words,
            )  # fmt: skip
        axis.axhline(0, color="k", lw=1.2)
        if limit is not None:
            axis.axhline(factor * limit, color="0.35", ls=":", lw=1.4, label="limit")
        low, high = axis.get_ylim()
        axis.set_ylim(min(low, -0.05 * high), high)
        axis.xaxis.set_major_locator(MaxNLocator(8, integer=True))
        axis.set_xlabel("output line")
        axis.set_ylabel(f"sense margin, {unit}")
        if margins.offset > 0:
            one = factor * margins.offset
            right = axis.secondary_yaxis(
                "right", functions=(lambda v: np.divide(v, one), lambda s: np.multiply(s, one))
            )
            right.set_ylabel("in offset sigmas")
        axis.grid(alpha=0.3)
        _legend_above(axis)
        return as_svg(canvas)


def samples_plot(yields: Sequence[Yield]) -> str:
    """Histogram of the smallest margin of each drawn array, a step line a condition."""
    finite = [estimate.margins[np.isfinite(estimate.margins)] for estimate in yields]
    with picture(9.5, 3.6) as (canvas, (axis,)):
        everything = np.append(np.concatenate(finite), 0.0)
        factor, unit = engineering(everything, "V")
        edges = np.histogram_bin_edges(factor * everything, bins=60)
        for estimate, margins, (colour, style, _) in zip(
            yields, finite, looks(len(yields)), strict=True
        ):
            heights, _ = np.histogram(factor * margins, edges)
            words = f"{estimate.condition}: {estimate.samples} arrays"
            axis.stairs(heights, edges, color=colour, ls=style, lw=1.7, label=words)
        axis.axvspan(edges[0], 0, color=SPICE, alpha=0.14, lw=0)
        axis.axvline(0, color="k", lw=1.4)
        axis.set_xlabel(f"smallest margin of an array, offsets included, {unit}")
        axis.set_ylabel("arrays")
        axis.grid(alpha=0.3)
        _legend_above(axis)
        return as_svg(canvas)


def read_plot(waveform: Waveform) -> str:
    """The whole read in time."""
    with picture(*HALF) as (canvas, (axis,)):
        factor, unit = engineering(waveform.time, "s")
        for values, colour, style, words in _levels(waveform):
            axis.plot(factor * waveform.time, 100 * values, style, color=colour, lw=1.8,
                      label=words)  # fmt: skip
        band = 100 * waveform.tolerance
        axis.axhspan(100 - band, 100 + band, color="0.5", alpha=0.25, lw=0)
        for words, instant, style in (
            ("settled", waveform.settled, "-"),
            ("decided", waveform.decision, "-."),
            ("at rest again", waveform.recovered, ":"),
        ):
            if instant is not None and math.isfinite(instant):
                label = f"{words}, {factor * instant:.3g} {unit}"
                axis.axvline(factor * instant, color="k", ls=style, lw=1.2, label=label)
        axis.set_xlabel(f"time, {unit}")
        axis.set_ylabel("output, % of its final value")
        axis.grid(alpha=0.3)
        _legend_above(axis)
        return as_svg(canvas)


def settling_plot(waveform: Waveform, hold: float, size: tuple[float, float] = HALF) -> str:
    """Distance from the final value on a logarithmic axis, while it settles and a while after."""
    until = 4 * waveform.settled if 4 * waveform.settled < hold else max(hold, waveform.settled)
    with picture(*size) as (canvas, (axis,)):
        held = waveform.time <= (until if math.isfinite(until) else hold)
        factor, unit = engineering(waveform.time[held], "s")
        for values, colour, style, words in _levels(waveform):
            off = np.maximum(np.abs(100 * (values[held] - 1)), 1e-3)
            axis.semilogy(factor * waveform.time[held], off, style, color=colour, lw=1.8,
                          label=words)  # fmt: skip
        band = 100 * waveform.tolerance
        axis.axhspan(1e-3, band, color="0.5", alpha=0.25, lw=0, label=f"within {band:.3g} %")
        if math.isfinite(waveform.settled):
            label = f"settled, {factor * waveform.settled:.3g} {unit}"
            axis.axvline(factor * waveform.settled, color="k", lw=1.2, label=label)
        axis.set_ylim(1e-3, 200)
        axis.set_xlabel(f"time, {unit}")
        axis.set_ylabel("distance from final value, %")
        axis.grid(alpha=0.3)
        _legend_above(axis)
        return as_svg(canvas)


def _levels(waveform: Waveform) -> tuple[tuple[Floats, str, str, str], ...]:
    return (
        (waveform.output, SPICE, "-", "SPICE"),
        (waveform.linear, IDEAL, "--", "linear RC"),
    )


def scaling_plot(
    scaling: Scaling, curves: Mapping[str, Floats], own: tuple[int, int], *, judged: bool
) -> str:
    """Curves against the size of the array, on two logarithmic axes.

    Args:
        scaling: sizes, and the largest that fits.
        curves: by quantity, a value for each size; the highest `CURVES` are drawn.
        own: rows and columns of the layout.
        judged: whether the curves are values over their limits.
    """
    highest = sorted(curves, key=lambda name: -_highest(curves[name]))[:CURVES]
    drawn = {name: curve for name, curve in curves.items() if name in highest}
    with picture(*FRONT) as (canvas, (axis,)):
        sides = np.array([_side(size.rows, size.columns) for size in scaling.sizes])
        for (name, curve), (colour, style, mark) in zip(
            drawn.items(), looks(len(drawn)), strict=True
        ):
            axis.plot(
                sides, curve, ls=style, marker=mark, ms=4.5, color=colour,
                lw=1.6, label=name_of(name),
            )  # fmt: skip
        axis.set_xscale("log", base=2)
        axis.set_yscale("log")
        axis.axhline(1, color="k", lw=1.2)
        if judged:
            low, high = axis.get_ylim()
            axis.set_ylim(low, max(high, 2.0))
            axis.axhspan(1, max(high, 2.0), color=SPICE, alpha=0.14, lw=0)
            ticks = [tick for tick in TICKS if low <= tick <= max(high, 2.0)]
            axis.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
            axis.yaxis.set_minor_locator(NullLocator())
        if judged and scaling.largest is not None:
            side = _side(scaling.largest.rows, scaling.largest.columns)
            axis.axvline(side, color="k", ls="-.", lw=1.2, label="largest that fits")
        axis.axvline(_side(*own), color="0.45", ls=":", lw=1.8, label="this layout")
        _size_ticks(axis, scaling.sizes, sides)
        axis.set_xlabel("rows × columns")
        axis.set_ylabel("value / limit" if judged else "value / that of the smallest")
        axis.grid(alpha=0.3)
        _legend_above(axis, columns=3)
        return as_svg(canvas)


def used_share(line: Judged, sizes: Iterable[Size]) -> Floats:
    """What each size uses of a limit, cut at `LEAST` and `MOST`: above 1 it breaks."""
    assert line.limit is not None
    name, limit = line.quantity.name, line.limit
    used = [_used(line.quantity, size.values.get(name, math.nan), limit) for size in sizes]
    return np.clip(used, LEAST, MOST)


def _used(quantity: Quantity, value: float, limit: float) -> float:
    if math.isnan(value) or quantity.better == "low":
        return value / limit
    return limit / value if value > 0 else math.inf


def relative_to_smallest(scaling: Scaling) -> dict[str, Floats]:
    """By quantity, its values over that of the smallest size, where they are above zero."""
    first = scaling.sizes[0]
    return {
        name: np.array([size.values.get(name, math.nan) / base for size in scaling.sizes])
        for name in scaling.quantities
        if (base := first.values.get(name, math.nan)) > 0
    }


def _highest(curve: Floats) -> float:
    known = curve[~np.isnan(curve)]
    return float(known.max()) if known.size else -math.inf


def _side(rows: int, columns: int) -> float:
    return math.sqrt(rows * columns)


def _size_ticks(axis: Axes, sizes: Sequence[Size], sides: Floats) -> None:
    """Sizes written out where they are a fifth of the axis apart."""
    place = np.log(sides)
    chosen = [0]
    for k in range(1, len(sides)):
        if place[k] - place[chosen[-1]] >= 0.19 * (place[-1] - place[0]):
            chosen.append(k)
    axis.set_xticks(sides[chosen], [f"{sizes[k].rows}×{sizes[k].columns}" for k in chosen])
    axis.tick_params(axis="x", labelsize=9)
    axis.xaxis.set_minor_locator(NullLocator())
    axis.set_xlim(0.9 * sides.min(), 1.1 * sides.max())


def _legend_above(axis: Axes, columns: int = 2) -> None:
    axis.legend(
        frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=columns, fontsize=8.5,
        handlelength=2.2, columnspacing=1.0, borderaxespad=0.1, labelspacing=0.2,
    )  # fmt: skip


def engineering(values: Floats, unit: str) -> tuple[float, str]:
    """Factor and unit that make the largest magnitude a number from 1 to 1000."""
    known = np.abs(values[np.isfinite(values)])
    most = float(known.max()) if known.size else 0.0
    for factor, prefix in PREFIXES:
        if most * factor >= 1:
            return factor, prefix + unit
    return 1.0, unit


def looks(count: int) -> list[tuple[Any, Any, str]]:
    """Colour, dash and mark of so many lines, told apart by lightness and without colour."""
    dashes = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)))
    few = count <= 2
    colours = (IDEAL, SPICE) if few else mpl.colormaps["viridis"](np.linspace(0, 0.85, count))
    return [(colours[k], dashes[k % 6], "osD^vP"[k % 6]) for k in range(count)]
