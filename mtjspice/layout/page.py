"""Write the report of a layout, and the comparison of several, as pages and JSON."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

from mtjspice.data.files import write_text
from mtjspice.data.outputs import Outputs
from mtjspice.data.plain import as_json
from mtjspice.layout import page_comparison as comparison
from mtjspice.layout import page_front as fronts
from mtjspice.layout import page_plots as plots
from mtjspice.layout import page_strips as strips
from mtjspice.layout import page_tables as tables
from mtjspice.layout import page_words as words
from mtjspice.layout.findings import LayoutStory, Yield
from mtjspice.layout.page_json import report
from mtjspice.report import numbers
from mtjspice.report.page import inline, render
from mtjspice.report.words import figure_value
from mtjspice.report.written import determined, write_report
from mtjspice.spec.toml import format_spec
from mtjspice.units import si

COMPARISON_PAGE = "comparison.html"
SECTIONS = ("read", "sense", "time", "disturb")
BY_ITSELF = (
    "Each condition has its interval with this confidence by itself, not all of them jointly."
)


def write_layout(story: LayoutStory, out: Outputs) -> LayoutStory:
    """Write the report and the netlist of each worst case; the story with their files.

    Args:
        story: what was found.
        out: where to.
    """
    names = {name: out.write(name, text) for name, text in story.netlists.items()}
    judged = tuple(replace(one, netlist=names[one.netlist]) for one in story.judged)
    netlists = {names[name]: text for name, text in story.netlists.items()}
    story = replace(story, judged=judged, netlists=netlists)
    layout = story.layout
    manifest = determined(
        layout,
        seed=layout.seed,
        versions=story.versions,
        simulations=story.keys,
        quick=story.quick,
    )
    write_report(out, report(story), manifest, _page(story))
    return story


def extremes(yields: Sequence[Yield]) -> list[Yield]:
    """The first, which is nominal, and the one with the smallest margins, if that is another."""
    lowest = min(yields, key=lambda one: float(np.median(one.margins)))
    return [one for k, one in enumerate(yields) if k == 0 or one is lowest]


def write_comparison(stories: Sequence[LayoutStory], folders: Sequence[str], out: Path) -> Path:
    """Write ``comparison.json`` and ``comparison.html``, each whole; the page's path.

    Args:
        stories: two or more.
        folders: of their own reports, relative to `out`, each another one.
        out: folder of the comparison.
    """
    found = comparison.compare(stories, folders)
    write_text(out / "comparison.json", as_json(comparison.as_dict(found)))
    write_text(out / COMPARISON_PAGE, comparison.page(found))
    return out / COMPARISON_PAGE


def compared(stories: Sequence[LayoutStory]) -> dict[str, Any]:
    """The machine-readable comparison of layouts whose reports lie in folders of their names."""
    names = [story.layout.name for story in stories]
    return comparison.as_dict(comparison.compare(stories, names))


def _page(story: LayoutStory) -> str:
    rows = {line.quantity.name: tables.row(story, line) for line in story.judged}
    return render(
        "layout.html.j2",
        story=story,
        layout=story.layout,
        verdict=story.verdict,
        why=words.why(story),
        design=words.design(story.layout),
        rows=rows,
        limits=[rows[line.quantity.name] for line in words.tightest_first(story.judged)],
        unjudged=[rows[line.quantity.name] for line in story.judged if line.limit is None],
        of_section={
            section: [rows[j.quantity.name] for j in story.judged if j.quantity.section == section]
            for section in SECTIONS
        },
        front=fronts.front(story),
        inline=inline,
        pictures=_pictures(story),
        **_conclusions(story),
        **_tables(story),
        spec=format_spec(story.layout),
        spec_key=story.layout.key(),
        figure_value=figure_value,
        shown=numbers.shown,
        shown_together=numbers.shown_together,
        by_itself=BY_ITSELF,
        spreads=words.spreads_words(story.layout),
        percent=numbers.percent,
        scientific=numbers.scientific,
        si=si,
    )


def _conclusions(story: LayoutStory) -> dict[str, Any]:
    """What the headings of the sections say."""
    conditions = Counter(str(line.worst.condition) for line in story.judged)
    return {
        "lowest": fronts.worst_map(story),
        "smallest": fronts.margin_words(story.margins) if story.margins else "",
        "settled": fronts.settling_words(story.waveform),
        "fits": words.scaling_words(story),
        "hardest": conditions.most_common(1),
    }


def _tables(story: LayoutStory) -> dict[str, Any]:
    """What the sections list."""
    names, slopes = tables.slopes(story)
    return {
        "energy": tables.bars(story.energy),
        "sneak": tables.bars(story.sneak),
        "shares": tables.bars(story.tail.shares if story.tail else {}),
        "findings": list(tables.findings(story)),
        "sizes": tables.sizes(story),
        "size_names": [words.name_of(name) for name in story.scaling.quantities],
        "advice": tables.advice(story),
        "slope_names": names,
        "slopes": slopes,
    }


def _pictures(story: LayoutStory) -> dict[str, Markup]:
    """The pictures below the first screen, those that there is something for."""
    hold, limited = story.waveform.hold, words.tightest_first(story.judged)
    asked = next((line.limit for line in limited if line.quantity.name == "margin"), None)
    drawn = {
        "read": plots.read_plot(story.waveform),
        "settling": plots.settling_plot(story.waveform, hold),
    }
    if story.maps:
        drawn["gallery"] = plots.gallery_plot(story.maps)
    if story.margins is not None:
        drawn["margins"] = plots.margins_plot(story.margins, asked, size=(9.5, 3.6))
    if any(estimate.margins.size for estimate in story.yields):
        drawn["samples"] = plots.samples_plot(extremes(story.yields))
    if judged := [line for line in limited if line.limit]:
        drawn["headroom"] = strips.headroom_plot(judged, story.findings, story.nominal)
    if others := [j for j in story.judged if j.limit is None and strips.comparable(j)]:
        drawn["relative"] = strips.relative_plot(others, story.findings, story.nominal)
    return {name: inline(svg) for name, svg in drawn.items()}
