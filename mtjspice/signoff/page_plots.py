"""The pictures of a sign-off's report, as SVG text: accuracy, margins, conditions.

Nothing is drawn once for an image: there may be millions.
"""

from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colorbar import Colorbar
from matplotlib.colors import LogNorm
from matplotlib.ticker import MaxNLocator, NullFormatter

from mtjspice.report.canvas import IDEAL, SPICE, as_svg, picture
from mtjspice.signoff.findings import SAFEST, DieRead, Floats
from mtjspice.signoff.page_numbers import ConditionLine, DieLine
from mtjspice.spec.signoff import SignOffLimits

MARKED = 60
"""Most dies that are drawn one by one."""
NAMED = 40
"""Most dies whose names fit below a picture."""
FAIL = "#8a1c4a"
"""Dark, and drawn as a cross."""
SOFTWARE = "#5a6375"
LOOKS: tuple[tuple[str, str, str, str, Callable[[DieLine], float]], ...] = (
    ("software", SOFTWARE, "--", "_", lambda die: die.software),
    ("surrogate", IDEAL, "-.", "o", lambda die: die.surrogate),
    ("SPICE", SPICE, "-", "s", lambda die: die.spice),
)
"""Name, colour, dash, mark and value of each level."""


def accuracy_plot(lines: Sequence[DieLine], limits: SignOffLimits, noun: str) -> str:
    """Accuracy at each level, die by die; as curves and a histogram where there are many."""
    ordered = sorted(lines, key=lambda die: die.spice)
    if len(ordered) > MARKED:
        return _curves(ordered, limits, noun)
    with picture(11, 4.2) as (canvas, (axis,)):
        place = np.arange(len(ordered))
        _draw_levels(axis, ordered)
        failing = [k for k, die in enumerate(ordered) if die.fails]
        if failing:
            spice = [100 * ordered[k].spice for k in failing]
            axis.plot(failing, spice, "x", ms=13, mew=2.2, color=FAIL, label="fails")
            for k in failing:
                axis.axvspan(k - 0.5, k + 0.5, color=FAIL, alpha=0.09, lw=0)
        _limits(axis, ordered, limits)
        axis.set_xlim(-0.7, len(ordered) - 0.3)
        if len(ordered) <= NAMED:
            names = [die.die for die in ordered]
            upright = sum(map(len, names)) + 2 * len(names) > 100
            axis.set_xticks(place, names, rotation=90 if upright else 0, fontsize=9)
        else:
            axis.set_xticks([])
        axis.set_xlabel(f"{noun}, in the order of the accuracy in SPICE")
        axis.set_ylabel("accuracy, %")
        axis.grid(alpha=0.3, axis="y")
        _above(axis)
        return as_svg(canvas)


def _draw_levels(axis: Axes, ordered: Sequence[DieLine]) -> None:
    place = np.arange(len(ordered))
    software = 100 * np.array([die.software for die in ordered])
    if np.ptp(software) == 0:
        label = f"software, {software[0]:.2f} %"
        axis.axhline(software[0], color=SOFTWARE, ls="--", lw=1.6, label=label)
    else:
        axis.plot(place, software, "_", ms=13, mew=2, color=SOFTWARE, label="software")
    surrogate = [100 * die.surrogate for die in ordered]
    spice = [100 * die.spice for die in ordered]
    low, high = (100 * np.array([getattr(die, end) for die in ordered]) for end in ("low", "high"))
    axis.vlines(place, low, high, color=SPICE, lw=1.4, label="all images like these", zorder=2)
    axis.plot(place, spice, "s", ms=5, color=SPICE, mec="k", mew=0.5, label="SPICE", zorder=3)
    axis.plot(
        place, surrogate, "o", ms=9, mfc="none", mec=IDEAL, mew=1.6, label="surrogate", zorder=4
    )  # fmt: skip


def _limits(axis: Axes, ordered: Sequence[DieLine], limits: SignOffLimits) -> None:
    """Limits of a die, where they do not squeeze the points together."""
    place = np.arange(len(ordered))
    low, high = axis.get_ylim()
    wanted = []
    if limits.accuracy_die is not None:
        wanted.append(("least accuracy of a die", np.full(place.size, 100 * limits.accuracy_die)))
    if limits.drop_die is not None:
        software = np.array([die.compared for die in ordered])
        wanted.append(("largest drop of a die", 100 * (software - limits.drop_die)))
    for (label, values), dash in zip(wanted, (":", (0, (5, 1, 1, 1))), strict=False):
        if values.max() > low - 0.6 * (high - low):
            axis.plot(place, values, ls=dash, color=FAIL, lw=1.5, label=label)


def _curves(ordered: Sequence[DieLine], limits: SignOffLimits, noun: str) -> str:
    with picture(11, 4.2, columns=2) as (canvas, axes):
        left, right = axes
        share = 100 * (np.arange(len(ordered)) + 0.5) / len(ordered)
        for name, colour, dash, _, value in LOOKS:
            curve = np.sort([100 * value(die) for die in ordered])
            left.plot(share, curve, dash, color=colour, lw=2, label=name)
        low, high = (100 * np.array([getattr(die, end) for die in ordered])
                     for end in ("low", "high"))  # fmt: skip
        left.fill_between(share, low, high, color=SPICE, alpha=0.15, lw=0,
                          label="all like these")  # fmt: skip
        failing = [k for k, die in enumerate(ordered) if die.fails]
        if failing:
            left.plot(
                share[failing], [100 * ordered[k].spice for k in failing], "x", ms=7, mew=1.6,
                color=FAIL, label=f"fail: {len(failing)}",
            )  # fmt: skip
        left.set_xlabel(f"share of the {noun}s, each level in its own order, %")
        left.set_ylabel("accuracy, %")
        left.set_xlim(0, 100)
        left.grid(alpha=0.3)
        _above(left)
        _drops(right, ordered, limits, noun)
        return as_svg(canvas)


def _drops(axis: Axes, ordered: Sequence[DieLine], limits: SignOffLimits, noun: str) -> None:
    """Histograms of what is lost from software, at both levels."""
    spice = 100 * np.array([die.drop for die in ordered])
    surrogate = 100 * np.array([die.compared - die.surrogate for die in ordered])
    edges = _steps(np.concatenate([spice, surrogate]), 100 / ordered[0].images)
    for values, colour, dash, name in (
        (spice, SPICE, "-", "SPICE"),
        (surrogate, IDEAL, "--", "surrogate"),
    ):
        heights, _ = np.histogram(values, edges)
        fill = name == "SPICE"
        axis.stairs(heights, edges, color=colour, alpha=0.45 if fill else 1, fill=fill,
                    ls=dash, lw=1.7, label=name)  # fmt: skip
    axis.axvline(0, color="k", lw=0.9)
    if limits.drop_die is not None:
        limit, (low, high) = 100 * limits.drop_die, (edges[0], edges[-1])
        if limit < high + 0.6 * (high - low):
            axis.axvline(limit, color=FAIL, ls=":", lw=1.8, label="largest drop of a die")
    axis.set_xlabel("accuracy lost, points of per cent")
    axis.set_ylabel(f"{noun}s")
    axis.yaxis.set_major_locator(MaxNLocator(6, integer=True))
    axis.grid(alpha=0.3)
    _above(axis)


def _steps(values: Floats, one: float) -> Floats:
    """Edges of bins that hold the same number of possible values each, `one` apart."""
    width = one * max(1, round((float(np.ptp(values)) or one) / 40 / one))
    first = (np.floor(values.min() / width) - 0.5) * width
    return np.asarray(first + width * np.arange((values.max() - first) / width + 2))


def margins_plot(dies: Sequence[DieRead], noun: str) -> str:
    """Safety of all classes, of the simulated and of the flipped ones; logarithmic counts."""
    groups = [
        np.concatenate([die.safety[which] for die, which in zip(dies, flags, strict=True)])
        for flags in (
            [np.ones_like(die.simulated) for die in dies],
            [die.simulated for die in dies],
            [die.flipped for die in dies],
        )
    ]
    known = groups[0][(groups[0] > 0) & (groups[0] < SAFEST)]
    edges = _edges(known)
    low, high = edges[0], edges[-1]
    with picture(11, 3.9) as (canvas, (axis,)):
        looks = (
            (f"all {noun}s", IDEAL, "", 0.28), ("simulated", SPICE, "", 0.75),
            ("another class in SPICE", FAIL, "xxxx", 0.0),
        )  # fmt: skip
        for values, (label, colour, hatch, alpha) in zip(groups, looks, strict=True):
            heights, _ = np.histogram(np.clip(values[~np.isnan(values)], low, high), edges)
            words = f"{label}: {values.size:,}"
            if hatch:
                axis.stairs(heights, edges, baseline=0.5, fill=True, facecolor="none",
                            edgecolor=colour, hatch=hatch, lw=1.6, label=words)  # fmt: skip
            else:
                face = (*_rgb(colour), alpha)
                axis.stairs(heights, edges, baseline=0.5, fill=True, facecolor=face,
                            edgecolor=colour, lw=1.6, label=words)  # fmt: skip
        axis.axvline(1, color="k", lw=1.6, ls="--")
        axis.set_xscale("log")
        axis.set_yscale("log")
        axis.set_ylim(0.5, max(axis.get_ylim()[1], 12))
        axis.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        axis.yaxis.set_minor_formatter(NullFormatter())
        top = axis.get_xaxis_transform()
        for words, shift, side in (("safe →", 7, "left"), ("← not safe", -7, "right")):
            axis.annotate(words, (1, 0.97), (shift, 0), xycoords=top, textcoords="offset points",
                          va="top", ha=side)  # fmt: skip
        axis.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axis.set_xlabel("least lead of the class over the bound of its error (safety)")
        axis.set_ylabel(f"{noun}s, all together")
        axis.grid(alpha=0.3)
        _above(axis)
        return as_svg(canvas)


def _edges(safety: Floats) -> Floats:
    """Edges of logarithmic bins, one of them at 1, where safe begins."""
    low = min(float(np.quantile(safety, 1e-4)) if safety.size else 0.1, 0.3)
    high = max(float(safety.max()) if safety.size else 10.0, 3.0)
    low = max(low, 1e-4 * high if high < 1e3 else 0.01)
    width = np.log(high / low) / 60
    first, last = np.floor(np.log(low) / width), np.ceil(np.log(high) / width)
    return np.asarray(np.exp(width * np.arange(first, last + 1)))


def leads_plot(dies: Sequence[DieRead], noun: str) -> str | None:
    """How the lead in SPICE differs from the surrogate's; None where too little was simulated."""
    lead = np.concatenate([die.lead[die.simulated] for die in dies])
    change = np.concatenate([die.spice_lead[die.simulated] for die in dies]) - lead
    known = np.isfinite(lead) & np.isfinite(change)
    lead, change = lead[known], change[known]
    if lead.size < 20 or not change.any():
        return None
    reach = float(np.max(np.abs(change)))
    high = max(float(lead.max()), 2 * reach)
    low = min(0.02 * reach, 0.1 * high)
    bins = int(np.clip(2 * np.sqrt(lead.size), 30, 120))
    x, y = np.geomspace(low, high * 1.0001, bins + 1), np.linspace(-reach, reach, bins // 2 + 1)
    counts, _, _ = np.histogram2d(np.maximum(lead, low), change, bins=(x, y))
    with picture(11, 3.9) as (canvas, (axis,)):
        image = axis.pcolormesh(
            x, y, np.where(counts > 0, counts, np.nan).T, cmap="viridis", rasterized=True,
            norm=LogNorm(1, max(float(counts.max()), 2)),
        )  # fmt: skip
        gone = np.geomspace(low, reach, 200)
        axis.plot(gone, -gone, "--", color=FAIL, lw=2)
        axis.fill_between(gone, -gone, -reach, color=FAIL, alpha=0.12, lw=0)
        axis.annotate(
            "another class in SPICE", (low, -reach), (8, 8), textcoords="offset points",
            color=FAIL, bbox={"fc": "w", "ec": "none", "alpha": 0.8, "pad": 1.5},
        )  # fmt: skip
        axis.set_xscale("log")
        axis.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axis.set_xlim(low, high)
        axis.axhline(0, color="k", lw=0.9)
        axis.set_ylim(-reach, reach)
        axis.set_xlabel("lead of the class, surrogate, standard deviations of the lead over all")
        axis.set_ylabel("lead in SPICE − surrogate")
        bar = canvas.colorbar(image, ax=axis, label=f"{noun}s", aspect=16)
        plain_ticks(bar, 1, max(float(counts.max()), 2))
        return as_svg(canvas)


def conditions_plot(lines: Sequence[ConditionLine]) -> str:
    """Mean accuracy under each condition at each level, and the range over the dies."""
    with picture(11, 3.9) as (canvas, (axis,)):
        place = np.arange(len(lines), dtype=float)
        for k, (name, colour, _, mark, value) in enumerate(LOOKS):
            each = [100 * np.array([value(die) for die in line.dies]) for line in lines]
            at = place + 0.16 * (k - 1)
            if name != "software":
                axis.vlines(
                    at, [a.min() for a in each], [a.max() for a in each], color=colour, lw=1.6
                )
            shape = {"ms": 20, "mew": 2.2} if mark == "_" else {"ms": 8, "mec": "k", "mew": 0.6}
            axis.plot(at, [a.mean() for a in each], mark, color=colour, label=name, **shape)
        known = [line.known.accuracy for line in lines]
        axis.bar(place + 0.16, [100 * (one.high - one.low) for one in known], 0.12,
                 [100 * one.low for one in known], color=SPICE, alpha=0.2,
                 label="all images like these")  # fmt: skip
        names = [line.condition.replace(", ", ",\n") for line in lines]
        axis.set_xticks(place, names)
        axis.set_xlim(-0.6, len(lines) - 0.4)
        axis.set_ylabel("accuracy, %")
        axis.grid(alpha=0.3, axis="y")
        _above(axis)
        return as_svg(canvas)


def plain_ticks(bar: Colorbar, low: float, high: float) -> None:
    """Numbers without powers of ten on a logarithmic scale, 1-2-5 if that is not too many."""
    decades = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    steps = (1, 2, 5) if high < 500 * low else (1,)
    ticks = [m * 10.0**k for k in decades for m in steps]
    ticks = [tick for tick in ticks if low <= tick <= high]
    bar.set_ticks(ticks, labels=[f"{tick:g}" for tick in ticks])
    bar.ax.minorticks_off()


def _rgb(colour: str) -> tuple[float, ...]:
    return tuple(int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5))


def _above(axis: Axes) -> None:
    """A legend that hides nothing."""
    axis.legend(
        frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=6, fontsize=10,
        columnspacing=1.4, borderaxespad=0.1,
    )  # fmt: skip
