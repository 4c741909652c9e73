"""What a sign-off's report holds for machines; what differs from run to run is under ``times``."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields
from typing import Any, assert_never

from mtjspice.signoff.findings import Flip, GivenAccuracy, Known, OtherWeights, SignOffStory
from mtjspice.signoff.judged import JOINED, seen_words
from mtjspice.signoff.page_numbers import (
    ConditionLine,
    DieLine,
    condition_lines,
    kinds_of,
    tiles_of,
)


def report(story: SignOffStory, lines: Sequence[ConditionLine] | None = None) -> dict[str, Any]:
    """The machine-readable report.

    Args:
        story: what was found.
        lines: its numbers over the dies, if they are made already.
    """
    lines = condition_lines(story) if lines is None else lines
    return {
        "study": story.title,
        "verdict": story.verdict,
        "reference": _reference(story),
        "chance": story.chance,
        "data": story.data,
        "warnings": list(story.warnings),
        "figures": [figure.as_dict() for figure in story.figures],
        "conditions": [_condition(line) for line in lines],
        "versions": dict(story.versions),
        "times": dict(story.times),
    }


def _reference(story: SignOffStory) -> dict[str, Any] | None:
    """What drops are counted from; None for the same weights in software."""
    match story.reference:
        case None:
            return None
        case GivenAccuracy(share):
            return {"accuracy": share, "source": "given"}
        case OtherWeights(source, classes):
            return {"accuracy": float((classes == story.labels).mean()), "source": source}
        case _:
            assert_never(story.reference)


def _condition(line: ConditionLine) -> dict[str, Any]:
    judged = line.judged
    return {
        "condition": judged.condition,
        "card": judged.card,
        "statement": asdict(judged.statement),
        "known": _known(line.known),
        "accuracy": {
            "software": line.software,
            "surrogate": line.surrogate,
            "spice": line.spice if judged.statement.simulated else None,
            "spice, simulated": seen_words(judged.statement) or "all images",
            "spice, for all images like these": asdict(line.known.accuracy),
        },
        "failing dies": [die.die for die in line.failing],
        "dies not decided": [die.die for die in line.undecided],
        "flips": kinds_of(judged.flips),
        "class flips": [asdict(flip) for flip in judged.flips if flip.kind == "class"],
        "rms error by tile and line": tiles_of(judged.dies).error,
        "dies": [_die(die, line.known.accuracy.confidence) for die in line.dies],
    }


def _known(known: Known) -> dict[str, Any]:
    """Where each number lies for all images like these, and what leaves it open."""
    return {
        "accuracy": asdict(known.accuracy),
        "accuracy lost": asdict(known.lost),
        "flips": asdict(known.flips),
        "accuracy, half width": {
            "images are a sample": known.sampled,
            "not all were simulated": known.unseen,
            "together": known.half,
            "how": JOINED,
        },
        "classes changed by the circuit": known.changed,
        "standard deviation over dies": known.spread,
        "dies that fail": asdict(known.failing),
        "share of all dies that fail": known.failing_share and asdict(known.failing_share),
    }


def _die(die: DieLine, confidence: float) -> dict[str, Any]:
    return {
        "die": die.die,
        "accuracy": {
            "software": die.software,
            "surrogate": die.surrogate,
            "spice": die.spice if die.simulated else None,
            "compared with": die.compared,
            "interval of spice": {"low": die.low, "high": die.high, "confidence": confidence},
        },
        "lost": {
            "value": die.drop if die.simulated else None,
            "interval": {"low": die.lost_low, "high": die.lost_high, "confidence": confidence},
        },
        "flips": die.flips,
        "level flips": die.level_flips,
        "images": die.images,
        "simulated": die.simulated,
        "unsafe": die.unsafe,
        "audited": die.audited,
        "least safety": die.safety,
        "worst margin": die.margin,
        "rms error": die.error,
        "largest error": die.largest_error,
        "lines above the bound of their tile": die.above_bound,
        "tiles": die.tiles,
        "tiles read by the nodal solver": die.by_nodal,
        "clipped": die.clipped,
        "clipped in spice": die.spice_clipped,
        "defects": die.defects,
        "broken": die.broken,
        "not decided": die.undecided,
    }


def flips_table(story: SignOffStory) -> str:
    """Every flip as lines of commas."""
    names = [one.name for one in fields(Flip)]
    flips = (flip for judged in story.judged for flip in judged.flips)
    return _table(names, ([getattr(flip, name) for name in names] for flip in flips))


def dies_table(lines: Sequence[ConditionLine]) -> str:
    """A line a die and condition; no accuracy in SPICE of a die that it saw nothing of."""
    names = [one.name for one in fields(DieLine)]
    return _table(
        names,
        ([_cell(die, name) for name in names] for line in lines for die in line.dies),
    )


def _cell(die: DieLine, name: str) -> Any:
    if name == "spice" and not die.simulated:
        return ""
    value = getattr(die, name)
    return " ".join(value) if isinstance(value, tuple) else value


def _table(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(rows)
    return text.getvalue()
