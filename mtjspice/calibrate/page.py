"""Write a calibration's report: ``report.json``, ``report.html``, ``manifest.json``."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from mtjspice.calibrate.findings import CalibrationStory, Pooled
from mtjspice.data.outputs import Outputs
from mtjspice.report.canvas import IDEAL, SPICE, as_svg, picture
from mtjspice.report.page import inline, render
from mtjspice.report.written import determined, write_report
from mtjspice.spec.base import Floats
from mtjspice.spec.toml import format_spec
from mtjspice.surrogate.card import Card
from mtjspice.units import si


def write_calibration(story: CalibrationStory, out: Outputs) -> CalibrationStory:
    """Write the report and the netlists of the worst reads; the story with their files."""
    names = {name: out.write(name, text) for name, text in story.netlists.items()}
    worst = [replace(case, netlist=names[case.netlist]) for case in story.worst]
    netlists = {names[name]: text for name, text in story.netlists.items()}
    story, card = replace(story, worst=worst, netlists=netlists), story.card
    manifest = determined(
        card.circuit,
        seed=card.circuit.seed,
        versions=card.versions,
        simulations=story.keys,
        data_key=card.data_key,
    )
    write_report(out, report(story), manifest, _page(story))
    return story


def report(story: CalibrationStory) -> dict[str, Any]:
    """The machine-readable report."""
    return {
        "card": story.card.name,
        "verdict": story.verdict,
        "statement": story.statement,
        "reach": story.reach,
        "figures": [figure.as_dict() for figure in story.figures],
        "failures": story.failures,
        "warnings": story.warnings,
        "worst": [asdict(case) for case in story.worst],
        "versions": story.card.versions,
        "times": story.times | {"simulations": story.simulations},
    }


def _page(story: CalibrationStory) -> str:
    card = story.card
    tiles = {
        group: reads
        for group, reads in story.reads.items()
        if not group.startswith(("size", "searched"))  # tables show those, and so many lines none
    }
    return render(
        "calibration.html.j2",
        story=story,
        card=card,
        pictures={
            "groups": inline(distribution_plot(tiles)),
            "current": inline(current_plot(tiles)),
            "distance": inline(distance_plot(tiles)),
            "size": inline(size_plot(story.reads)) if _regular(story.reads) else None,
        },
        headline=next((line for line in card.errors if line.group == "new tiles"), card.errors[0]),
        limits=[figure for figure in story.figures if figure.limit],
        spec=format_spec(card.circuit),
        array=_array_words(card),
        percent=lambda share: "" if share is None else f"{100 * share:.4f} %",
        ampere=lambda value: f"{1e6 * value:.4f} µA",
    )


def _array_words(card: Card) -> str:
    x, mtj = card.circuit.crossbar, card.circuit.crossbar.cell.mtj
    return (
        f"{x.rows} × {x.columns} {x.cell.kind.replace('_', ' ')} cells, "
        f"R_P {si(mtj.r_p, 'Ω')}, R_AP {si(mtj.r_ap, 'Ω')}, "
        f"wires {si(x.row.r, 'Ω')} and {si(x.column.r, 'Ω')} per cell, "
        f"line ends {si(x.row.end, 'Ω')} and {si(x.column.end, 'Ω')}, "
        f"inputs up to ±{si(card.circuit.read_voltage, 'V')}"
    )


def distribution_plot(groups: Mapping[str, Pooled]) -> str:
    """Share of reads beyond an error, on two logarithmic axes, a line a group."""
    with picture(9.5, 4.2) as (canvas, (axis,)):
        for group, reads, colour, style in _styled(groups):
            error = np.sort(100 * np.abs(reads["error"]))[::-1]
            share = np.arange(1, error.size + 1) / error.size
            axis.loglog(error, share, ls=style, color=colour, label=group, lw=1.8)
        axis.set_xlabel("|surrogate − SPICE|, % of full scale")
        axis.set_ylabel("share of reads beyond")
        axis.set_xlim(left=1e-5)
        return _finished(canvas, axis)


def current_plot(groups: Mapping[str, Pooled]) -> str:
    """RMS error against the output current."""
    edges = np.linspace(-1, 1, 41)
    with picture(9.5, 3.8) as (canvas, (axis,)):
        for group, reads, colour, style in _styled(groups):
            centres, rms = _binned(reads["current"], reads["error"], edges)
            axis.semilogy(100 * centres, 100 * rms, ls=style, color=colour, label=group, lw=1.8)
        axis.set_xlabel("output current in SPICE, % of full scale")
        axis.set_ylabel("RMS error, % of full scale")
        return _finished(canvas, axis)


def distance_plot(groups: Mapping[str, Pooled]) -> str:
    """RMS error against the distance of an output line from the drivers."""
    with picture(9.5, 3.8) as (canvas, (axis,)):
        for group, reads, colour, style in _styled(groups):
            edges = np.arange(-0.5, reads["column"].max() + 1)
            centres, rms = _binned(reads["column"], reads["error"], edges)
            axis.semilogy(centres, 100 * rms, ls=style, color=colour, label=group, lw=1.8)
        axis.set_xlabel("output line, counted from the drivers of the input lines")
        axis.set_ylabel("RMS error, % of full scale")
        return _finished(canvas, axis)


def size_plot(groups: Mapping[str, Pooled]) -> str:
    """RMS and largest error against the number of cells, regular tiles only."""
    regular = _regular(groups)
    cells = np.concatenate([reads["cells"] for reads in regular])
    errors = np.concatenate([reads["error"] for reads in regular])
    sizes = np.unique(cells)
    of_size = [100 * np.abs(errors[cells == size]) for size in sizes]
    with picture(9.5, 3.8) as (canvas, (axis,)):
        rms = [float(np.sqrt((e**2).mean())) for e in of_size]
        axis.loglog(sizes, rms, "-o", color=IDEAL, label="RMS")
        axis.loglog(sizes, [e.max() for e in of_size], "--s", color=SPICE, label="largest")
        axis.set_xticks(sizes, [f"{size:g}" for size in sizes])
        axis.minorticks_off()
        axis.set_xlabel("cells of the array")
        axis.set_ylabel("error, % of full scale")
        return _finished(canvas, axis)


def _regular(groups: Mapping[str, Pooled]) -> list[Pooled]:
    """Random tiles without defects, of all sizes."""
    return [r for g, r in groups.items() if g.startswith("size") or g == "new tiles"]


def _binned(x: Floats, error: Floats, edges: Floats) -> tuple[Floats, Floats]:
    """(centre, RMS) of the bins that hold at least ten reads."""
    place = np.digitize(x, edges) - 1
    count = np.bincount(place.clip(0), minlength=len(edges))[: len(edges) - 1]
    total = np.bincount(place.clip(0), weights=error**2, minlength=len(edges))[: len(edges) - 1]
    filled = count >= 10
    centres = (edges[:-1] + edges[1:]) / 2
    return centres[filled], np.sqrt(total[filled] / count[filled])


def _styled(groups: Mapping[str, Pooled]) -> Iterator[tuple[str, Pooled, Any, Any]]:
    """Groups with colour and dashes, told apart by lightness and without colour."""
    dashes = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))
    colours = mpl.colormaps["viridis"](np.linspace(0, 0.88, len(groups)))
    for k, (group, reads) in enumerate(groups.items()):
        yield group, reads, colours[k], dashes[k % len(dashes)]


def _finished(canvas: Canvas, axis: Axes) -> str:
    """The picture with a grid, and a legend beside it."""
    axis.grid(alpha=0.3)
    axis.legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return as_svg(canvas)
