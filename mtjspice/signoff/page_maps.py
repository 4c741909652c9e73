"""Where on a die errors come from, and the images whose class flipped: pictures of pixels."""

import base64
import io
import itertools
import math
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure as Canvas
from matplotlib.image import imsave
from matplotlib.ticker import MaxNLocator

from mtjspice.report.canvas import as_svg, style
from mtjspice.signoff.findings import Floats, SignOffStory
from mtjspice.signoff.page_numbers import Tiles
from mtjspice.signoff.page_plots import plain_ticks

UNREAD = "#e3e6ec"
"""Light grey: never read, or no flip on a logarithmic scale. No colour of viridis is so light."""
WIDE = 20.0
"""Largest over smallest value from which on the scale is logarithmic."""
ALL_NAMED = 24
"""Most tiles that all have their numbers."""


def map_plot(tiles: Tiles, layers: Sequence[int]) -> str:
    """Root mean square of the error, and level flips for a read, of each line of each tile."""
    count, across = tiles.error.shape
    stacked = across > 3 * count
    height = min(max(0.16 * count, 1.2), 9.0)
    down, beside, thin = (2, 1, 60) if stacked else (1, 2, 28)
    with style():
        canvas = Canvas(figsize=(11, down * (height + 1.7)))
        first = canvas.add_subplot(down, beside, 1)
        second = canvas.add_subplot(down, beside, 2)
        _map(canvas, first, 100 * tiles.error, "RMS of SPICE − surrogate, % of full scale", thin)
        _map(canvas, second, 100 * tiles.flips, "level flips, % of the reads", thin)
        for axis in (first, second):
            _ticks(axis, layers, count)
        return as_svg(canvas)


def _map(canvas: Canvas, axis: Axes, values: Floats, label: str, thin: int) -> None:
    scale = _scale(values)
    shown = np.where(values > 0, values, np.nan) if isinstance(scale, LogNorm) else values
    colours = mpl.colormaps["viridis"].with_extremes(bad=UNREAD)
    image = axis.imshow(shown, cmap=colours, norm=scale, aspect="auto", interpolation="none")
    bar = canvas.colorbar(image, ax=axis, location="top", label=label, aspect=thin, pad=0.03)
    if isinstance(scale, LogNorm):
        plain_ticks(bar, float(scale.vmin or 0), float(scale.vmax or 0))
    else:
        bar.locator = MaxNLocator(5)
        bar.update_ticks()


def _scale(values: Floats) -> Any:
    """Logarithmic where the range is large; the lowest values, which are chance, share a colour."""
    known = values[np.isfinite(values) & (values > 0)]
    if not known.size:
        return Normalize(0, 1)
    low, high = float(np.quantile(known, 0.01)), float(known.max())
    if high > WIDE * low:
        return LogNorm(max(low, 1e-4 * high), high)
    return Normalize(0, high)


def _ticks(axis: Axes, layers: Sequence[int], count: int) -> None:
    """Numbers of the tiles, and on the right those of the layers with lines between them."""
    for border in layers[1:-1]:
        for colour, width in (("k", 3.2), ("w", 1.4)):
            axis.axhline(border - 0.5, color=colour, lw=width)
    if count <= ALL_NAMED:
        axis.set_yticks(range(count))
    else:
        axis.yaxis.set_major_locator(MaxNLocator(12, integer=True))
    axis.tick_params(axis="y", labelsize=9)
    axis.xaxis.set_major_locator(MaxNLocator(9, integer=True))
    axis.set_xlabel("output line")
    axis.set_ylabel("tile")
    right = axis.secondary_yaxis("right")
    middles = [(a + b - 1) / 2 for a, b in itertools.pairwise(layers)]
    right.set_yticks(
        middles, [f"layer {k + 1}" for k in range(len(middles))], rotation=90, va="center"
    )
    right.tick_params(length=0)


def thumbnail(story: SignOffStory, place: int) -> Markup | None:
    """An input as a small grey-scale PNG inside the page; None where the inputs are no image."""
    if story.shape is None or math.prod(story.shape) != story.inputs.shape[1]:
        return None
    low, high = _range(story)
    pixels = np.clip((story.inputs[place].reshape(story.shape) - low) / (high - low), 0, 1)
    buffer = io.BytesIO()
    nobody: Any = {"Software": None}  # the same image is the same bytes
    with style():
        imsave(buffer, pixels, cmap="gray", vmin=0, vmax=1, format="png", metadata=nobody)
    return Markup("data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode())


def _range(story: SignOffStory) -> tuple[float, float]:
    """Black and white, the same for all images of a story."""
    low, high = float(story.inputs.min()), float(story.inputs.max())
    return (low, high) if high > low else (low, low + 1.0)
