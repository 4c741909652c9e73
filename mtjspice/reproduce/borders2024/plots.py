"""The pictures of borders2024, as SVG text. Kinds of weights differ in colour, dash and mark."""

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any, assert_never

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from mtjspice.report.canvas import as_svg, picture
from mtjspice.reproduce.borders2024.findings import Findings, Floats
from mtjspice.reproduce.borders2024.spec import Sweeps
from mtjspice.spec.defects import OF_JUNCTION, Bridged, Cut, OfJunction
from mtjspice.spec.die import Defect, Die

LOOKS: Mapping[str, tuple[str, str, str]] = {
    "unaware": ("#e0a100", "--", "o"),
    "unaware, redundant shape": ("#b5a642", "--", "D"),
    "statistics-aware, plain shape": ("#6a9bc3", "-", "P"),
    "hardware-aware, own die": ("#2a9187", "-.", "^"),
    "hardware-aware, other dies": ("#8c8c8c", ":", "v"),
    "statistics-aware": ("#35608d", "-", "s"),
    "statistics-aware, trained for the rate": ("#440154", "-", "D"),
}
"""Colour, dash and mark of each kind of weights; apart in lightness as well as in hue."""
JUNCTIONS = (
    ("#440154", "s"), ("#8c8c8c", "o"), ("#2a9187", "^"), ("#e0a100", "v"),
    ("#35608d", "D"), ("#b5a642", "P"), ("#6a9bc3", "X"), ("black", "*"),
)  # fmt: skip
"""Colour and mark of the kinds of defects of junctions, in their order."""
CUT: Mapping[str, Any] = {"color": "#c4426f", "lw": 1.6}
"""Look of lines that are cut off."""
JOINED: Mapping[str, Any] = {"color": "black", "lw": 2.4}
"""Look of a bridge between neighbouring lines, as long as it is from one to the next."""
OVER_DIES = "mean over dies;\nband: best to worst"
"""What lines of errors show."""
LEAST = 0.01
"""Per cent; no error at all is drawn there, on a logarithmic axis."""


def dies_plot(found: Findings, base: float) -> str:
    """Error of every network on every die, a strip for each kind of weights."""
    with picture(9.5, 4.2) as (canvas, (axis,)):
        chance = np.random.default_rng(0)  # spreads points that would lie on each other
        for k, (kind, judged) in enumerate(found.dies.items()):
            errors = np.maximum(100 * judged.errors.ravel(), LEAST)
            colour, _, mark = LOOKS[kind]
            across = k + 0.3 * (chance.random(errors.size) - 0.5)
            axis.plot(across, errors, mark, ms=4, color=colour, alpha=0.55, lw=0, mew=0)
            axis.hlines(errors.mean(), k - 0.32, k + 0.32, color="k", lw=2)
            axis.annotate(
                f"{errors.mean():.1f} %", (k + 0.34, errors.mean()), va="center", fontsize=10
            )
        axis.axhline(base, color="k", lw=1, ls="--")
        axis.set_xticks(range(len(found.dies)), [_broken(kind) for kind in found.dies])
        axis.set_xlim(-0.5, len(found.dies) - 0.2)
        axis.set_yscale("log")
        _percent(axis)
        axis.annotate(f"baseline in software, {base:.1f} %", (0.99, base), xytext=(0, -11),
                      xycoords=("axes fraction", "data"), textcoords="offset points",
                      ha="right", fontsize=9)  # fmt: skip
        axis.set_ylabel("test error, %")
        return as_svg(canvas)


def defects_plot(found: Findings, base: float) -> str:
    """Error against the mean number of defects of a die."""
    with picture(9.5, 4.2) as (canvas, (axis,)):
        number = found.defects.mean(axis=1)
        for kind, errors in found.by_factor.items():
            _line(axis, number, 100 * errors, kind)
        _finish(axis, "defects on a die of 20,000 junctions, mean over the dies", base)
        return as_svg(canvas)


def rates_plot(found: Findings, sweeps: Sweeps, base: float) -> str:
    """Error against the share of shorted junctions."""
    with picture(9.5, 4.2) as (canvas, (axis,)):
        for kind, errors in found.by_rate.items():
            rates = sweeps.retrained if len(errors) != len(sweeps.shorts) else sweeps.shorts
            if len(errors):
                _line(axis, 100 * np.asarray(rates), 100 * errors, kind)
        _finish(axis, "shorted junctions, % (all other rates at the reference)", base)
        return as_svg(canvas)


def along_plot(along: Mapping[str, Floats], shares: tuple[float, ...]) -> str:
    """Loss against how much of a random draw of defects is applied."""
    with picture(9.5, 4.0) as (canvas, (axis,)):
        for kind, loss in along.items():
            colour, dash, _ = LOOKS[kind]
            for row in loss:
                axis.plot(shares, row, color=colour, lw=0.7, alpha=0.45)
            axis.plot(shares, np.median(loss, axis=0), dash, color=colour, lw=2.6, label=kind)
        axis.axvline(1, color="k", lw=0.8, ls=":")
        axis.set_xlabel("share of a random draw of defects that is applied (1: the die)")
        axis.set_ylabel("cross-entropy on test images")
        axis.set_yscale("log")
        _plain(axis, [0.1, 0.15, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5])
        axis.grid(alpha=0.3, which="both")
        _beside(axis, "median bold, each draw thin")
        return as_svg(canvas)


def deep_plot(found: Findings) -> str:
    """Error of the deep network on each set of dies."""
    with picture(9.5, 3.6) as (canvas, (axis,)):
        order = np.argsort(found.deep["unaware"])
        for kind, errors in found.deep.items():
            colour, dash, mark = LOOKS[kind]
            axis.plot(100 * errors[order], dash, marker=mark, color=colour, ms=5, label=kind)
        base = 100 * found.software["deep"][0]
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        _finish(axis, "sets of dies, in the order of the unaware error", base, "ideal", "")
        return as_svg(canvas)


def map_plot(die: Die, tiles: int, shape: tuple[int, int]) -> str:
    """Where a die's defects are, tile by tile."""
    across = min(8, tiles)
    down = -(-tiles // across)
    rows, columns = shape
    gap = 3
    with picture(9.5, 1.15 * down + 0.9) as (canvas, (axis,)):
        for tile in range(tiles):
            x, y = _corner(tile, across, shape, gap)
            axis.add_patch(Rectangle((x, y), columns, rows, fc="#f4f5f8", ec="#9aa2b1", lw=0.6))
            axis.text(x, y - 0.4, str(tile), fontsize=7, color="#5a6375", va="bottom")
            _mark_defects(axis, die.of_tile(tile), (x, y), shape)
        axis.set_xlim(-1, across * (columns + gap))
        axis.set_ylim(down * (rows + gap), -4)
        axis.set_aspect("equal")
        axis.axis("off")
        marks, labels = axis.get_legend_handles_labels()
        if labels:
            once = dict(zip(labels, marks, strict=True))
            axis.legend(once.values(), once, frameon=False, ncols=6, loc="upper center",
                        bbox_to_anchor=(0.5, 0.0))  # fmt: skip
        return as_svg(canvas)


def _mark_defects(
    axis: Axes, defects: Sequence[Defect], corner: tuple[int, int], shape: tuple[int, int]
) -> None:
    """A mark for each junction, a stroke for each line and each bridge of a tile."""
    (left, top), (rows, columns) = corner, shape
    looks = dict(zip(OF_JUNCTION, cycle(JUNCTIONS)))
    for defect in defects:
        x, y = left + (defect.column or 0) + 0.5, top + (defect.row or 0) + 0.5
        effect = defect.about.effect
        if isinstance(effect, OfJunction):
            colour, mark = looks[defect.kind]
            axis.plot(x, y, mark, ms=4.5, color=colour, mew=0, lw=0, label=defect.about.words)
            continue
        match effect:
            case Cut("row"):
                axis.plot([left, left + columns], [y, y], label="dead line", **CUT)
            case Cut():
                axis.plot([x, x], [top, top + rows], label="dead line", **CUT)
            case Bridged("row"):
                axis.plot([x, x], [y, y + 1], label="bridge", **JOINED)
            case Bridged():
                axis.plot([x, x + 1], [y, y], label="bridge", **JOINED)
            case _:
                assert_never(effect)


def _corner(tile: int, across: int, shape: tuple[int, int], gap: int) -> tuple[int, int]:
    return (tile % across) * (shape[1] + gap), (tile // across) * (shape[0] + gap)


def _line(axis: Axes, x: Any, errors: Floats, kind: str) -> None:
    """Mean over the dies, and a band from the best die to the worst."""
    colour, dash, mark = LOOKS[kind]
    axis.plot(x, errors.mean(axis=1), dash, marker=mark, ms=6, color=colour, lw=2, label=kind)
    if errors.shape[1] > 1:
        axis.fill_between(x, errors.min(axis=1), errors.max(axis=1), color=colour, alpha=0.13, lw=0)


def _finish(
    axis: Axes, label: str, base: float, what: str = "baseline", title: str = OVER_DIES
) -> None:
    axis.axhline(base, color="k", lw=1, ls="--", label=f"{what} in software, {base:.1f} %")
    axis.set_xlabel(label)
    axis.set_ylabel("test error, %")
    axis.set_yscale("log")
    _percent(axis)
    axis.grid(alpha=0.3, which="both")
    _beside(axis, title)


def _beside(axis: Axes, title: str) -> None:
    """A legend that hides no line."""
    axis.legend(
        *_broken_labels(axis), frameon=False, fontsize=9, title=title, title_fontsize=9,
        loc="upper left", bbox_to_anchor=(1.0, 1.0), labelspacing=0.8,
    )  # fmt: skip


def _broken_labels(axis: Axes) -> tuple[list[Any], list[str]]:
    handles, labels = axis.get_legend_handles_labels()
    return handles, [_broken(label) for label in labels]


def _percent(axis: Axes) -> None:
    """Ticks of a logarithmic axis that people read as percentages."""
    _plain(axis, [1, 2, 3, 4, 5, 7, 10, 15, 20, 30, 50, 80])


def _plain(axis: Axes, ticks: Sequence[float]) -> None:
    """Of these ticks those within the axis, written as plain numbers."""
    low, high = axis.get_ylim()
    axis.set_yticks([t for t in ticks if 0.8 * low <= t <= 1.2 * high])
    axis.set_yticks([], minor=True)
    axis.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axis.set_ylim(low, high)


def _broken(kind: str) -> str:
    return kind.replace(", ", ",\n")
