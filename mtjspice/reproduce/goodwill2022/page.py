"""Write the report of the reproduction of Goodwill et al. (2022)."""

from typing import Any

import numpy as np

from mtjspice.data.outputs import Outputs
from mtjspice.device.variation import diameters, draw_junctions
from mtjspice.device.writing import error_rates
from mtjspice.report.page import inline, render
from mtjspice.report.words import level_words
from mtjspice.report.written import determined, write_report
from mtjspice.reproduce.goodwill2022 import plots
from mtjspice.reproduce.goodwill2022.findings import GoodwillStory
from mtjspice.reproduce.goodwill2022.predictors import (
    junction_conductance,
)
from mtjspice.spec.toml import format_spec
from mtjspice.study.page import array_words
from mtjspice.train.mapping import tiles_of


def write_goodwill(story: GoodwillStory, out: Outputs) -> None:
    """Write the report of the experiment."""
    manifest = determined(
        story.spec.replace(study=story.study),
        seed=story.study.seed,
        versions=story.versions,
        simulations=story.keys,
        card=story.spec.card,
        card_data_key=story.card_key,
    )
    write_report(out, report(story), manifest, _page(story))


def report(story: GoodwillStory) -> dict[str, Any]:
    """All that differs from run to run is under ``times`` and in the figure of the wall time."""
    g = story.study.readout.g_norm
    return {
        "study": story.study.name,
        "verdict": story.verdict,
        "figures": [figure.as_dict() for figure in story.figures],
        "samples": {
            "source": story.samples.source,
            "train": int(story.samples.train.sum()),
            "test": int((~story.samples.train).sum()),
        },
        "g_norm": list(g),
        "levels": {
            name: {
                split: {
                    "median": np.median(curves, axis=0).tolist(),
                    "10 %": np.percentile(curves, 10, axis=0).tolist(),
                    "90 %": np.percentile(curves, 90, axis=0).tolist(),
                }
                for split, curves in level.curves.items()
            }
            for name, level in story.levels.items()
        },
        "metrics": [
            {
                "name": metric.name,
                "knows": metric.knows,
                "how": metric.how,
                "labels": metric.labels,
                "simulates": metric.simulates,
                "rank_correlation": {
                    target: {"rho": float(c.rho[k]), "low": float(c.low[k]),
                             "high": float(c.high[k])}
                    for target, c in story.correlations.items()
                },
            }
            for k, metric in enumerate(story.metrics)
        ],
        "networks": [_network(story, n) for n in range(len(story.chips))],
        "versions": story.versions,
        "times": story.times | {"simulations": story.simulations},
    }  # fmt: skip


def _network(story: GoodwillStory, n: int) -> dict[str, Any]:
    """One line of the table of networks."""
    g = story.study.readout.g_norm
    return {
        "name": story.chips[n].network.name,
        "tuned": {
            name: {
                "g_norm": g[int(level.best[n])],
                "train": float(level.tuned("train")[n]),
                "test": float(level.tuned("test")[n]),
            }
            for name, level in story.levels.items()
        },
        "metrics": {metric.name: float(metric.values[n]) for metric in story.metrics},
    }


def _page(story: GoodwillStory) -> str:
    levels, study = story.levels, story.study
    found = story.correlations["training samples"]
    tuned = {s: float(np.median(levels["spice"].tuned(s))) for s in ("train", "test")}
    counts = {
        "train": int(story.samples.train.sum()),
        "test": int((~story.samples.train).sum()),
    }
    example = _example(story)
    pictures = {
        "curves": plots.curves_plot(study.readout.g_norm, levels, story.spec.published),
        "distribution": plots.distribution_plot(levels, counts),
        "scatter": plots.scatter_plot(
            story.metrics, story.best, levels["spice"].tuned("train"), found
        ),
        "ranking": plots.ranking_plot(story.metrics, story.correlations),
        "maps": example.pop("svg"),
    }
    order = sorted(
        range(len(story.metrics)),
        key=lambda k: (story.metrics[k].simulates, -abs(found.rho[k])),
    )
    return render(
        "goodwill.html.j2",
        story=story,
        study=study,
        counts=counts,
        tuned=tuned,
        paper=story.spec.published,
        rows=[_row(story, name) for name in ("ideal", "surrogate", "spice")],
        pictures={name: inline(svg) for name, svg in pictures.items()},
        limits=[figure for figure in story.figures if figure.limit],
        others=[figure for figure in story.figures if not figure.limit],
        best=story.metrics[story.best],
        rho={"best": float(found.rho[story.best]), "fidelity": float(found.rho[story.fidelity])},
        lead=found.lead(story.best, story.fidelity),
        metrics=[
            (story.metrics[k], {t: c.rho[k] for t, c in story.correlations.items()}) for k in order
        ],
        below=_share_below_full(story),
        example=example,
        array=array_words(study),
        spec=format_spec(story.spec.replace(study=study)),
    )


def _row(story: GoodwillStory, name: str) -> dict[str, str]:
    """One line of the table of levels."""
    level, g = story.levels[name], np.asarray(story.study.readout.g_norm)
    ends = {s: np.percentile(100 * level.tuned(s), [10, 50, 90]) for s in ("train", "test")}
    return {"level": level_words(name), "g_norm": f"{np.median(g[level.best]):g}"} | {
        split: f"{middle:.1f} % ({low:.1f} to {high:.1f})"
        for split, (low, middle, high) in ends.items()
    }


def _share_below_full(story: GoodwillStory) -> dict[str, float]:
    """How often networks with junctions in wrong states still reach the paper's median."""
    fidelity = story.metrics[story.fidelity].values
    tuned = story.levels["spice"].tuned("train")
    flawed = fidelity < 1
    reach = float((tuned[flawed] >= story.spec.published).mean()) if flawed.any() else 1.0
    return {"flawed": int(flawed.sum()), "reach": reach, "fidelity": float(np.median(fidelity))}


def _example(story: GoodwillStory) -> dict[str, Any]:
    """Maps of the first tile of the network with the median write fidelity."""
    study = story.study
    fidelity = story.metrics[story.fidelity].values
    n = int(np.argsort(fidelity, kind="stable")[(len(fidelity) - 1) // 2])
    chip = story.chips[n]
    tile, mtj = chip.tiles[0], study.crossbar.cell.mtj
    drawn = draw_junctions(mtj, tile, chip.die, study.technology.temperature)
    wanted = tiles_of(chip.network)[0]
    shape = study.crossbar.shape
    rates = (
        np.zeros(shape)
        if study.writing is None
        else error_rates(
            study.crossbar, study.writing, chip.die, wanted, study.technology.temperature
        )
    )
    used = chip.network.layers[0].cells.shape
    wrong = np.zeros(shape, dtype=np.bool_)
    wrong[: used[0], : used[1]] = (drawn.state != wanted.states)[: used[0], : used[1]]
    svg = plots.maps_plot(
        diameters(mtj, chip.die, shape), rates, junction_conductance(study, chip, drawn), wrong,
        used,
    )  # fmt: skip
    return {"svg": svg, "name": chip.network.name, "wrong": int(wrong.sum()),
            "used": used[0] * used[1]}  # fmt: skip
