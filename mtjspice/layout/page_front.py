"""The three pictures of a layout's first screen, each with what to conclude from it."""

from dataclasses import dataclass

import numpy as np

from mtjspice.layout import page_plots as plots
from mtjspice.layout.findings import Judged, LayoutStory, LineMargins, VoltageMap, Waveform
from mtjspice.layout.page_strips import headroom_plot
from mtjspice.layout.page_words import name_of, scaling_words, tightest_first
from mtjspice.layout.sense import threshold_words
from mtjspice.report.numbers import percent, shown
from mtjspice.units import si


@dataclass(frozen=True)
class Front:
    """A picture of the first screen.

    Attributes:
        title: what to conclude from it.
        picture: SVG text.
        alt: what it shows.
        note: level and condition.
        quantity: whose netlist gives the worst case.
    """

    title: str
    picture: str
    alt: str
    note: str
    quantity: str


def front(story: LayoutStory) -> list[Front]:
    """Does every cell get its voltage, does it read, how far does it scale."""
    worst = worst_map(story)
    return [
        *([_delivers(story, worst)] if worst is not None else []),
        _reads(story),
        *([_scales(story)] if story.scaling.sizes else []),
    ]


def worst_map(story: LayoutStory) -> VoltageMap | None:
    """The pattern with the lowest cell voltage; None without patterns."""
    return min(story.maps, key=lambda one: float(np.nanmin(one.delivered)), default=None)


def _delivers(story: LayoutStory, worst: VoltageMap) -> Front:
    """The title is the worst value under all conditions, as the table has it."""
    missing = next((j.worst.value for j in story.judged if j.quantity.name == "ir_drop"), None)
    least = np.nanmin(worst.delivered) if missing is None else 1 - missing
    return Front(
        title=f"The worst cell gets {100 * least:.1f} % of the read voltage",
        picture=plots.map_plot(worst),
        alt="Map of the voltage over every driven cell for the worst pattern",
        note=f"Map: nodal, nominal condition, pattern “{worst.pattern}”; lowest cell ringed.",
        quantity="ir_drop",
    )


def _reads(story: LayoutStory) -> Front:
    """Margins where there are some, else headroom of the limits, else how the output settles."""
    limits = [line for line in tightest_first(story.judged) if line.limit]
    if story.margins is not None:
        threshold = threshold_words(story.layout).replace(";", ",")
        asked = next((line.limit for line in limits if line.quantity.name == "margin"), None)
        return Front(
            title=margin_words(story.margins),
            picture=plots.margins_plot(story.margins, asked),
            alt="Sense margin of every output line, nominal and in the worst condition",
            note=f"Nodal{threshold}; a line with a margin below 0 reads wrongly.",
            quantity="margin",
        )
    if limits:
        first = limits[0]
        return Front(
            title=f"Tightest: {name_of(first.quantity.name)}, {percent(first.headroom)} headroom",
            picture=headroom_plot(limits, story.findings, story.nominal, front=True),
            alt="Headroom of every limit under every condition",
            note="A bar a condition, nominal ringed, worst filled; cut at ±100 %. Levels above.",
            quantity=first.quantity.name,
        )
    return Front(
        title=settling_words(story.waveform),
        picture=plots.settling_plot(story.waveform, story.waveform.hold, size=plots.FRONT),
        alt="Distance of the slowest output from its final value in time",
        note=f"Output line {story.waveform.line}, nominal condition.",
        quantity="settling",
    )


def _scales(story: LayoutStory) -> Front:
    known = [line for line in story.judged if line.quantity.name in story.scaling.quantities]
    limited = [line for line in known if line.limit]
    curves = (
        {line.quantity.name: plots.used_share(line, story.scaling.sizes) for line in limited}
        if limited
        else plots.relative_to_smallest(story.scaling)
    )
    shape = story.layout.crossbar.shape
    picture = plots.scaling_plot(story.scaling, curves, shape, judged=bool(limited))
    rule = "above 1 the limit breaks (limit / value where more is better)"
    shown_lines: list[Judged] = tightest_first(limited) or known
    return Front(
        title=scaling_words(story) or "How the quantities grow with the size",
        picture=picture,
        alt="Every quantity over its limit against the size of the array",
        note=f"Nominal condition; {rule}." if limited else "Nominal condition.",
        quantity=shown_lines[0].quantity.name if shown_lines else "",
    )


def margin_words(margins: LineMargins) -> str:
    """The line with the smallest margin, and whether it reads."""
    smallest = margins.smallest
    sigmas = f" ({smallest / margins.offset:.3g} σ)".replace("-", "−") if margins.offset else ""
    verb = "Smallest margin" if smallest > 0 else "Reads wrongly: margin"
    return f"{verb} {shown(smallest, 'V')}{sigmas} on line {margins.line}"


def settling_words(waveform: Waveform) -> str:
    """When the slowest line has settled."""
    if not np.isfinite(waveform.settled):
        return f"Line {waveform.line} does not settle to {100 * waveform.tolerance:.3g} %"
    return (
        f"Settled to {100 * waveform.tolerance:.3g} % after {si(waveform.settled, 's')} "
        f"(line {waveform.line})"
    )
