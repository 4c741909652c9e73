"""What a layout's report holds for machines; what differs from run to run is under ``times``."""

from dataclasses import asdict, fields
from typing import Any

from mtjspice.layout.findings import Judged, LayoutStory, Yield
from mtjspice.layout.page_words import uncertainty, value_and_limit
from mtjspice.report.words import level_words
from mtjspice.verdicts.figures import Figure


def report(story: LayoutStory) -> dict[str, Any]:
    """The machine-readable report."""
    return {
        "layout": story.layout.name,
        "verdict": story.verdict,
        "quick": story.quick,
        "figures": [
            figure.as_dict()
            for figure in (*(_figure(story, line) for line in story.judged), *story.figures)
        ],
        "quantities": [quantity_line(line) for line in story.judged],
        "conditions": [asdict(condition) for condition in story.conditions],
        "findings": [
            {
                "quantity": f.quantity,
                "value": f.value,
                "condition": asdict(f.condition),
                "level": f.level,
                "where": f.where,
            }
            for f in story.findings
        ],
        "patterns": [asdict(line) for line in story.patterns],
        "margins": asdict(story.margins) if story.margins else None,
        "yields": [_yield(estimate) for estimate in story.yields],
        "tail": asdict(story.tail) if story.tail else None,
        "waveform": {
            name: getattr(story.waveform, name)
            for name in ("line", "settled", "tolerance", "decision", "recovered")
        },
        "energy": story.energy,
        "sneak": story.sneak,
        "scaling": asdict(story.scaling),
        "sensitivities": [asdict(one) for one in story.sensitivities],
        "notes": story.notes,
        "versions": story.versions,
        "times": {**story.times, "simulations": story.simulations},
    }


def quantity_line(line: Judged) -> dict[str, Any]:
    """Everything about a judged quantity but the experiment, which its netlist holds."""
    return {
        "quantity": line.quantity.name,
        "title": line.quantity.title,
        "unit": line.quantity.unit,
        "better": line.quantity.better,
        "section": line.quantity.section,
        "worst": line.worst.value,
        "stated": value_and_limit(line)[0],
        "nominal": line.nominal.value if line.nominal else None,
        "limit": line.limit,
        "holds": line.holds,
        "verdict": line.verdict,
        "needed": line.needed,
        "headroom": line.headroom,
        "condition": asdict(line.worst.condition),
        "level": line.worst.level,
        "where": line.worst.where,
        "netlist": line.netlist,
    }


def _figure(story: LayoutStory, line: Judged) -> Figure:
    quantity, worst = line.quantity, line.worst
    sign = "<=" if quantity.better == "low" else ">="
    how = (str(worst.condition), worst.where, uncertainty(story, line))
    return Figure(
        name=f"{quantity.title}, {level_words(worst.level)}",
        value=worst.value,
        unit=quantity.unit,
        limit="" if line.limit is None else f"{sign} {line.limit:g}",
        holds=line.holds,
        how="; ".join(part for part in how if part),
        interval=None if worst.sampled is None else worst.sampled.interval,
        needed=line.needed,
    )


def _yield(estimate: Yield) -> dict[str, Any]:
    """A yield with the smallest margin in the place of that of each array."""
    kept = {one.name: getattr(estimate, one.name) for one in fields(Yield) if one.name != "margins"}
    smallest = float(estimate.margins.min()) if estimate.margins.size else None
    return kept | {"condition": asdict(estimate.condition), "smallest_margin": smallest}
