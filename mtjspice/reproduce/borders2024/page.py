"""Write the report of borders2024: what was found, as ``report.json`` and a page."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from mtjspice.data.outputs import Outputs
from mtjspice.report.page import inline, render
from mtjspice.report.written import determined, write_report
from mtjspice.reproduce.borders2024 import plots
from mtjspice.reproduce.borders2024.findings import (
    AWARE,
    AWARE_PLAIN,
    DEEP,
    OTHERS,
    OWN,
    UNAWARE,
    UNAWARE_SHAPED,
    BordersStory,
    Findings,
    Floats,
)
from mtjspice.spec.toml import format_spec


@dataclass(frozen=True)
class Row:
    """A line of the table over the dies, in per cent of error."""

    kind: str
    weights: str
    mean: float
    spread: float
    worst: float
    corrected: float | None
    corrected_worst: float | None


def rows_of(found: Findings) -> list[Row]:
    """The table over the dies: mean, standard deviation over dies, worst, with correction."""
    words = {
        UNAWARE: "plain shape, trained as if the array were ideal",
        UNAWARE_SHAPED: "shape and weighing of the statistics-aware weights, trained ideal",
        AWARE_PLAIN: "shape of the baseline, trained for the statistics",
        OWN: "trained on for each die, judged there",
        OTHERS: "the same weights on other dies",
        AWARE: "redundant shape, one set of weights for all dies",
    }
    rows = []
    for kind, judged in found.dies.items():
        errors, after = 100 * judged.errors, judged.corrected
        many = errors.shape[1] > 1
        spread = (
            errors.std(axis=1, ddof=1).mean() if many else errors.std(ddof=min(1, errors.size - 1))
        )
        rows.append(
            Row(
                kind=kind,
                weights=words[kind],
                mean=float(errors.mean()),
                spread=float(spread),
                worst=float(errors.max()),
                corrected=None if after is None else float(100 * after.mean()),
                corrected_worst=None if after is None else float(100 * after.max()),
            )
        )
    return rows


def write_borders(story: BordersStory, out: Outputs) -> None:
    """Write the report of the experiment."""
    manifest = determined(
        story.spec,
        seed=story.spec.seed,
        versions=story.versions,
        simulations=(),
        data=story.data,
    )
    write_report(out, report(story), manifest, _page(story))


def report(story: BordersStory) -> dict[str, Any]:
    """The machine-readable report. All that differs from run to run is under ``times``."""
    f, sweeps = story.found, story.spec.sweeps
    return {
        "study": story.title,
        "verdict": story.verdict,
        "warnings": story.warnings,
        "figures": [figure.as_dict() for figure in story.figures],
        "test_samples": f.test_samples,
        "networks": f.networks,
        "errors": {
            "software": f.software,
            "dies": {k: v.errors for k, v in f.dies.items()},
            "dies, corrected": {k: v.corrected for k, v in f.dies.items()},
            "dies at 0.3 % shorts": None if f.high is None else f.high.errors,
            "short rates": list(sweeps.shorts),
            "short rates trained for": list(sweeps.retrained),
            "by short rate": f.by_rate,
            "factors on all rates": list(sweeps.factors),
            "by factor": f.by_factor,
            "deep": f.deep,
        },
        "defects by factor": f.defects,
        "loss along draws": {"shares": list(sweeps.along)} | f.along,
        "audit": None if f.audit is None else asdict(f.audit),
        "versions": story.versions,
        "times": f.times,
    }


def _page(story: BordersStory) -> str:
    f, spec = story.found, story.spec
    base = float(100 * f.software[UNAWARE].mean())
    pictures = {
        "dies": plots.dies_plot(f, base),
        "defects": plots.defects_plot(f, base),
        "along": plots.along_plot(f.along, spec.sweeps.along),
        "rates": plots.rates_plot(f, spec.sweeps, base),
        "deep": plots.deep_plot(f),
        "map": plots.map_plot(f.first_die, spec.hardware.tiles, story.tile),
    }
    along = {kind: _rise(loss, spec.sweeps.along) for kind, loss in f.along.items()}
    return render(
        "borders.html.j2",
        story=story,
        spec=spec,
        f=f,
        base=base,
        rows=rows_of(f),
        robust=float(100 * f.software[AWARE].mean()),
        along=along,
        counts=_counts(f),
        deep={kind: 100 * errors for kind, errors in f.deep.items()},
        deep_software=100 * f.software[DEEP],
        limits=[figure for figure in story.figures if figure.limit],
        others=[figure for figure in story.figures if not figure.limit],
        pictures={name: inline(svg) for name, svg in pictures.items()},
        text=format_spec(spec),
    )


def _rise(loss: Floats, shares: tuple[float, ...]) -> float:
    """By how much a whole draw raises the loss, median over the draws."""
    whole = int(np.argmin(np.abs(np.asarray(shares) - 1)))
    return float(np.median(loss[:, whole] - loss[:, 0]))


def _counts(found: Findings) -> dict[str, int]:
    """Defects of the first die, by kind."""
    kinds = [defect.about.words for defect in found.first_die.defects]
    return {kind: kinds.count(kind) for kind in dict.fromkeys(kinds)}
