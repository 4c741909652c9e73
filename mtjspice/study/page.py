"""Write a study's report: ``report.json``, ``report.html``, ``manifest.json``."""

from dataclasses import asdict
from typing import Any

import numpy as np

from mtjspice.data.outputs import Outputs
from mtjspice.report.page import inline, render
from mtjspice.report.words import UNJUDGED, interval_words, level_words, value_and_limit
from mtjspice.report.written import determined, write_report
from mtjspice.spec.study import Study
from mtjspice.spec.toml import format_spec
from mtjspice.study import plots
from mtjspice.study.findings import Story
from mtjspice.study.verdict import SPLITS
from mtjspice.units import si
from mtjspice.verdicts.intervals import of_share


def write_study(story: Story, out: Outputs) -> None:
    """Write the report of a study."""
    manifest = determined(
        story.study,
        seed=story.study.seed,
        versions=story.versions,
        simulations=story.keys,
    )
    write_report(out, report(story), manifest, _page(story))


def report(story: Story) -> dict[str, Any]:
    """The machine-readable report. All that differs from run to run is under ``times``."""
    c, names = story.comparison, [network.name for network in story.networks]
    return {
        "study": story.study.name,
        "verdict": story.verdict,
        "warnings": story.warnings,
        "figures": [figure.as_dict() for figure in story.figures],
        "samples": {
            "source": story.samples.source,
            "train": int(story.samples.train.sum()),
            "test": int((~story.samples.train).sum()),
        },
        "networks": names,
        "g_norm": list(story.study.readout.g_norm),
        "levels": {
            level.level: {
                "accuracy": {split: level.curves[split].tolist() for split in SPLITS},
                "best_g_norm": [story.study.readout.g_norm[i] for i in level.best],
                "confusion": level.confusion.tolist(),
            }
            for level in (c.ideal, c.spice)
        },
        "flips": [asdict(flip) for flip in c.flips],
        "versions": story.versions,
        "times": story.times | {"simulations": story.simulations},
    }


def _page(story: Story) -> str:
    c, study = story.comparison, story.study
    pictures = {
        "accuracy": plots.accuracy_plot(study.readout.g_norm, c),
        "confusion": plots.confusion_plot(c, story.samples.classes),
        "delivered": plots.delivered_plot(c.delivered),
        "errors": plots.error_plot(c.current_errors),
    }
    return render(
        "study.html.j2",
        story=story,
        c=c,
        study=study,
        pictures={name: inline(svg) for name, svg in pictures.items()},
        rows=[_row(story, level) for level in (c.ideal, c.spice)],
        unjudged=UNJUDGED,
        limits=[figure for figure in story.figures if figure.limit],
        value_and_limit=value_and_limit,
        interval_words=interval_words,
        others=[figure for figure in story.figures if not figure.limit],
        lowest=[100 * np.nanmin(layer) for layer in c.delivered],
        mean_error=[100 * layer.mean() for layer in c.current_errors],
        interval=_interval(story),
        array=array_words(study),
        spec=format_spec(study),
    )


def _row(story: Story, level: Any) -> dict[str, str]:
    """One line of the table of levels."""
    best = np.asarray(story.study.readout.g_norm)[level.best]
    return {"level": level_words(level.level), "g_norm": f"{np.median(best):g}"} | {
        split: f"{100 * np.median(level.tuned(split)):.2f} %" for split in SPLITS
    }


def _interval(story: Story) -> dict[str, str] | None:
    """Clopper–Pearson interval of one network's test accuracy in SPICE; None for several.

    None where a limit is held against it, too: its own interval stands beside that, of another
    confidence.
    """
    limits = story.study.limits
    held = limits.min_accuracy is not None or limits.above_chance
    if len(story.networks) > 1 or (held and limits.samples == "test"):
        return None
    count = int((~story.samples.train).sum())
    right = round(float(story.comparison.spice.tuned("test")[0]) * count)
    bounds = of_share(right, count, 0.95)
    low, high = f"{100 * bounds.low:.1f}", f"{100 * bounds.high:.1f}"
    return {"samples": str(count), "low": low, "high": high}


def array_words(study: Study) -> str:
    """The array of a study in one line."""
    x, mtj = study.crossbar, study.crossbar.cell.mtj
    return (
        f"{x.rows} × {x.columns} {x.cell.kind} array, "
        f"R_P {si(mtj.r_p, 'Ω')}, R_AP {si(mtj.r_ap, 'Ω')}, "
        f"wires {si(x.row.r, 'Ω')} (rows) and {si(x.column.r, 'Ω')} (columns) per cell, "
        f"line ends {si(x.row.end, 'Ω')} and {si(x.column.end, 'Ω')}, "
        f"read voltage {si(study.readout.read_voltage, 'V')}"
    )
