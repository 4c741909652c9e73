"""The pictures of a report, as SVG text. Maps are viridis, which colour-blind readers can tell."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from mtjspice.report.canvas import IDEAL, SPICE, as_svg, picture
from mtjspice.report.words import level_words
from mtjspice.spec.base import Floats
from mtjspice.study.verdict import Comparison, LevelScore


def accuracy_plot(g_norm: Sequence[float], comparison: Comparison) -> str:
    """Accuracy against G_norm, training and test samples, at both levels."""
    many = comparison.ideal.best.size > 1
    with picture(9.5, 3.8, columns=2) as (canvas, axes):
        for axis, split in zip(axes, ("train", "test"), strict=True):
            for level, colour, style, mark in (
                (comparison.ideal, IDEAL, "--", "o"),
                (comparison.spice, SPICE, "-", "s"),
            ):
                _curve(axis, g_norm, level, split, colour, style, mark)
            axis.set_xlabel("G_norm / (G_P − G_AP)")
            axis.set_title(f"{'training' if split == 'train' else split} samples")
            axis.grid(alpha=0.3)
        axes[0].set_ylabel("median accuracy, %" if many else "accuracy, %")
        low = min(axis.get_ylim()[0] for axis in axes)
        for axis in axes:
            axis.set_ylim(low, 101)
        axes[0].legend(frameon=False, loc="lower center")
        return as_svg(canvas)


def _curve(
    axis: Axes,
    g_norm: Sequence[float],
    level: LevelScore,
    split: str,
    colour: str,
    style: str,
    mark: str,
) -> None:
    percent = 100 * level.curves[split]
    middle = np.median(percent, axis=0)
    axis.plot(
        g_norm, middle, style, marker=mark, ms=4, color=colour, label=level_words(level.level)
    )
    if len(percent) > 1:
        low, high = np.percentile(percent, [10, 90], axis=0)
        axis.fill_between(g_norm, low, high, color=colour, alpha=0.18, lw=0)
    best = float(np.median(np.asarray(g_norm)[level.best]))
    axis.axvline(best, color=colour, ls=":", lw=1.2)


def confusion_plot(comparison: Comparison, classes: Sequence[str]) -> str:
    """Confusion matrices of both levels, counts with the numbers written in."""
    with picture(9.5, 3.9, columns=2) as (canvas, axes):
        for axis, level in zip(axes, (comparison.ideal, comparison.spice), strict=True):
            counts = level.confusion
            shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
            axis.imshow(shares, cmap="viridis", vmin=0, vmax=1)
            for (i, j), count in np.ndenumerate(counts):
                dark = shares[i, j] < 0.6
                axis.text(j, i, str(count), ha="center", va="center", color="w" if dark else "k")
            axis.set_xticks(range(len(classes)), classes)
            axis.set_yticks(range(len(classes)), classes)
            axis.set_xlabel("predicted class")
            axis.set_title(level_words(level.level))
        axes[0].set_ylabel("true class")
        return as_svg(canvas)


def delivered_plot(delivered: Sequence[Floats]) -> str:
    """Map of the share of the driver's voltage that each cell gets, a layer beside the other."""
    percent = [100 * layer[~np.isnan(layer).all(axis=1)] for layer in delivered]
    low, high = min(p.min() for p in percent), max(p.max() for p in percent)
    with picture(10.5, 4.6, columns=len(percent)) as (canvas, axes):
        for k, (axis, layer) in enumerate(zip(axes, percent, strict=True)):
            image = axis.imshow(layer, cmap="viridis", vmin=low, vmax=high)
            axis.set_xlabel("column (bit line)")
            axis.set_title(f"layer {k + 1}, lowest {layer.min():.1f} %")
        axes[0].set_ylabel("driven row (word line)")
        canvas.colorbar(image, ax=axes, label="cell voltage / driver voltage, %")
        return as_svg(canvas)


def error_plot(errors: Sequence[Floats]) -> str:
    """Histogram of the output current error of each layer."""
    with picture(9.5, 3.6, columns=len(errors)) as (canvas, axes):
        for k, (axis, layer) in enumerate(zip(axes, errors, strict=True)):
            percent = 100 * layer
            axis.hist(percent, bins=60, color=IDEAL)
            axis.axvline(0, color="k", lw=0.8)
            axis.axvline(percent.mean(), color=SPICE, ls="-", lw=2)
            mean = f"{percent.mean():.2f} %".replace("-", "−")
            axis.set_title(f"layer {k + 1}: mean {mean}, RMS {_rms(percent):.2f} %")
            axis.set_xlabel("SPICE − ideal current, % of full scale")
        axes[0].set_ylabel("output currents read")
        return as_svg(canvas)


def _rms(values: Floats) -> float:
    return float(np.sqrt((values**2).mean()))
