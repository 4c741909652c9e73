"""The pictures of the reproduction of Goodwill et al. (2022), as SVG text."""

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from mtjspice.report.canvas import IDEAL, SPICE, as_svg, picture
from mtjspice.report.words import level_words
from mtjspice.reproduce.goodwill2022.correlation import Correlations
from mtjspice.reproduce.goodwill2022.predictors import FIDELITY, Predictor
from mtjspice.spec.base import Floats
from mtjspice.study.verdict import LevelScore

SURROGATE = "#1f1f1f"
STYLES = {
    "ideal": (IDEAL, "--", "o"),
    "spice": (SPICE, "-", "s"),
    "surrogate": (SURROGATE, ":", ""),
}
"""Colour, dashes and mark of each level; the surrogate is drawn last and thin, on top."""
SPLITS = (("train", "training samples"), ("test", "test samples"))


def curves_plot(g_norm: Sequence[float], levels: dict[str, LevelScore], published: float) -> str:
    """Median accuracy against G_norm at each level, the middle 80 % of ideal and SPICE."""
    with picture(9.5, 3.9, columns=2) as (canvas, axes):
        for axis, (split, words) in zip(axes, SPLITS, strict=True):
            for name, (colour, dashes, mark) in STYLES.items():
                percent = 100 * levels[name].curves[split]
                axis.plot(
                    g_norm, np.median(percent, axis=0), dashes, marker=mark, ms=4, color=colour,
                    lw=1.6, label=level_words(name),
                )  # fmt: skip
                if name != "surrogate":
                    low, high = np.percentile(percent, [10, 90], axis=0)
                    axis.fill_between(g_norm, low, high, color=colour, alpha=0.18, lw=0)
            axis.axhline(100 * published, color="0.45", lw=0.9)
            axis.set_xlabel("G_norm / (G_P − G_AP)")
            axis.set_title(words)
            axis.grid(alpha=0.3)
            axis.set_ylim(top=101)
        axes[0].set_ylabel("accuracy, %")
        axes[1].sharey(axes[0])
        axes[0].legend(frameon=False, loc="lower left")
        return as_svg(canvas)


def distribution_plot(levels: dict[str, LevelScore], counts: dict[str, int]) -> str:
    """Number of networks by tuned accuracy, one bin a sample; counts: samples of each split."""
    with picture(9.5, 3.6, columns=2) as (canvas, axes):
        for axis, (split, words) in zip(axes, SPLITS, strict=True):
            total = counts[split]
            wrong = {n: np.rint(total * (1 - levels[n].tuned(split))) for n in ("ideal", "spice")}
            most = int(max(w.max() for w in wrong.values()))
            edges = np.arange(-0.5, most + 1)
            for name, counted in wrong.items():
                colour, dashes, _ = STYLES[name]
                heights, _ = np.histogram(counted, edges)
                share = 100 * (1 - edges[::-1] / total)
                axis.stairs(
                    heights[::-1], share, color=colour, ls=dashes, lw=1.8, label=level_words(name),
                    fill=name == "spice", alpha=0.55 if name == "spice" else 1,
                )  # fmt: skip
                axis.axvline(100 * np.median(1 - counted / total), color=colour, ls=dashes, lw=1.2)
            axis.set_xlabel("tuned accuracy, %")
            axis.yaxis.set_major_locator(MaxNLocator(integer=True))
            axis.set_title(f"{words} ({total})")
        axes[0].set_ylabel("networks")
        axes[0].legend(frameon=False, loc="upper left")
        return as_svg(canvas)


def scatter_plot(
    metrics: Sequence[Predictor], best: int, tuned: Floats, found: Correlations
) -> str:
    """Tuned accuracy in SPICE against write fidelity, and against the best metric."""
    fidelity = [metric.name for metric in metrics].index(FIDELITY)
    chance = np.random.default_rng(0)
    step = 100 * np.diff(np.unique(tuned)).min() if np.unique(tuned).size > 1 else 0.0
    shown = 100 * tuned + chance.uniform(-0.3, 0.3, tuned.size) * step
    with picture(9.5, 4.0, columns=2) as (canvas, axes):
        for axis, k, colour in ((axes[0], fidelity, SPICE), (axes[1], best, IDEAL)):
            metric = metrics[k]
            axis.plot(metric.values, shown, "o", ms=4, mec="w", mew=0.3, color=colour, alpha=0.8)
            axis.set_xlabel(metric.name)
            axis.set_title(f"ρ = {found.rho[k]:.2f} ({found.low[k]:.2f} to {found.high[k]:.2f})")
            axis.grid(alpha=0.3)
        axes[0].set_ylabel("tuned accuracy in SPICE, training, %")
        axes[1].sharey(axes[0])
        return as_svg(canvas)


def ranking_plot(metrics: Sequence[Predictor], found: dict[str, Correlations]) -> str:
    """|ρ| of every metric, simulations below, with intervals; one mark a target."""
    order = sorted(
        range(len(metrics)),
        key=lambda k: (metrics[k].simulates, -abs(found["training samples"].rho[k])),
    )
    targets = ("training samples", "test samples")
    with picture(9.5, 0.38 * len(order) + 1.2) as (canvas, (axis,)):
        for shift, target, colour, mark in zip(
            (-0.13, 0.13), targets, (IDEAL, SPICE), ("o", "s"), strict=True
        ):
            c = found[target]
            for place, k in enumerate(order):
                ends = _magnitudes(float(c.rho[k]), float(c.low[k]), float(c.high[k]))
                axis.plot(ends, [place + shift] * 2, color=colour, lw=1.6)
                axis.plot(
                    abs(c.rho[k]), place + shift, mark, color=colour, ms=6,
                    mfc="w" if metrics[k].simulates else colour,
                    label=target if place == 0 else None,
                )  # fmt: skip
        names = [metrics[k].name for k in order]
        axis.set_yticks(range(len(order)), names)
        for text in axis.get_yticklabels():
            if text.get_text() == FIDELITY:
                text.set_fontweight("bold")
        axis.invert_yaxis()
        first = sum(not metric.simulates for metric in metrics)
        axis.axhline(first - 0.5, color="0.4", lw=0.8)
        axis.set_xlim(0, 1.02)
        axis.set_xlabel("|rank correlation| with tuned accuracy in SPICE")
        axis.grid(alpha=0.3, axis="x")
        axis.legend(frameon=False, loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2)
        return as_svg(canvas)


def _magnitudes(rho: float, low: float, high: float) -> tuple[float, float]:
    """The interval of |ρ|, cut at 0 where that of ρ crosses it."""
    ends = (low, high) if rho >= 0 else (-high, -low)
    return max(ends[0], 0.0), max(ends[1], 0.0)


def maps_plot(
    diameter: Floats, rates: Floats, siemens: Floats, wrong: npt.NDArray[np.bool_], used: Any
) -> str:
    """Diameters, write error rates and conductances of one tile, [row, column]; errors are ringed.

    Args:
        diameter: nominal, m.
        rates: probability that a junction that has to switch stays.
        siemens: conductance as written.
        wrong: where the state is not the one that was wanted.
        used: (rows, columns) that the layer uses.
    """
    panels = (
        (1e9 * diameter, "nominal diameter, nm"),
        (100 * rates, "write error rate, %"),
        (1e6 * siemens, "conductance as written, µS"),
    )
    with picture(11.5, 3.9, columns=3) as (canvas, axes):
        for axis, (values, words) in zip(axes, panels, strict=True):
            image = axis.imshow(values, cmap="viridis")
            _frame(axis, used)
            axis.set_xlabel("column (bit line)")
            axis.set_title(words)
            canvas.colorbar(image, ax=axis, shrink=0.75)
        rows, columns = np.nonzero(wrong)
        ring = mpl.colormaps["autumn"](0.55)
        axes[2].plot(columns, rows, "o", ms=9, mfc="none", mec="k", mew=3.2)
        axes[2].plot(columns, rows, "o", ms=9, mfc="none", mec=ring, mew=1.6)
        axes[0].set_ylabel("driven row (word line)")
        return as_svg(canvas)


def _frame(axis: Axes, used: tuple[int, int]) -> None:
    """A white frame around the junctions that the layer uses."""
    rows, columns = used
    axis.plot(
        [-0.45, columns - 0.5, columns - 0.5, -0.45, -0.45],
        [-0.45, -0.45, rows - 0.5, rows - 0.5, -0.45],
        color="w", lw=1.6,
    )  # fmt: skip
