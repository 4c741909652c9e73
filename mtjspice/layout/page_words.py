"""Sentences of the pages about layouts."""

import math
from collections.abc import Sequence
from typing import assert_never

from mtjspice.layout.findings import Judged, LayoutStory
from mtjspice.layout.quantities import SWITCHING, Condition, Quantity
from mtjspice.layout.sizes import Scaling
from mtjspice.report.numbers import MOST_DIGITS, NO_BREAK, percent, shown, shown_together
from mtjspice.report.words import figure_value
from mtjspice.spec.defects import RATES
from mtjspice.spec.layout import Layout
from mtjspice.spec.periphery import SenseAmplifier, TransimpedanceAmplifier, VirtualGround
from mtjspice.spec.writing import FreeLayer
from mtjspice.units import si
from mtjspice.verdicts.figures import Figure, Verdict


def sign_of(quantity: Quantity) -> str:
    """How a value has to compare with its limit."""
    return "≤" if quantity.better == "low" else "≥"


def name_of(quantity: str) -> str:
    """The key of a limit as a short label for pictures."""
    return quantity.replace("_", " ").replace("ir ", "IR ")


def beside(judged: Judged) -> tuple[float, ...]:
    """All numbers of a line, which are written alike.

    Its worst and its nominal value, that of a nominal cell, the limit, the interval and the
    estimate.
    """
    told = judged.worst.sampled
    sampled = () if told is None else (told.estimate, told.interval.low, told.interval.high)
    nominal = None if judged.nominal is None else judged.nominal.value
    others = (nominal, judged.limit, judged.worst.nominal_cell)
    return (judged.worst.value, *sampled, *(one for one in others if one is not None))


def value_and_limit(judged: Judged) -> tuple[str, str]:
    """Worst value and limit, with as many digits as it takes to tell them apart."""
    value, unit, limit = judged.worst.value, judged.quantity.unit, judged.limit
    others = beside(judged)
    if limit is None:
        return shown(value, unit, beside=others), ""
    for digits in range(3, MOST_DIGITS):
        low, high = shown_together((value, limit), unit, digits, others)
        if low != high or value == limit:
            break
    return low, f"{sign_of(judged.quantity)}{NO_BREAK}{high}"


def nominal_value(judged: Judged) -> str:
    """The value under nominal conditions; a dash where it was not computed."""
    if judged.nominal is None:
        return "–"
    return shown(judged.nominal.value, judged.quantity.unit, beside=beside(judged))


def uncertainty(story: LayoutStory, line: Judged) -> str:
    """How sure a worst value is, or which spreads are in it; empty for what has neither."""
    told = line.worst.sampled
    if line.quantity.name in SPREAD_OVER_CELLS:
        return "; ".join([*nominal_cell(line), spreads_words(story.layout)])
    if told is None:
        return ""
    values = (told.estimate, told.interval.low, told.interval.high)
    estimate, low, high = shown_together(values, "share", beside=beside(line))
    sure = f"{100 * told.interval.confidence:g} % interval"
    if line.quantity.name == "array_yield":
        return f"{sure} {low} to {high}"
    return f"upper end of the {sure}; estimate {estimate}"


def nominal_cell(line: Judged) -> list[str]:
    """What a switching probability would be if cells did not differ; nothing of others."""
    value = line.worst.nominal_cell
    return [] if value is None else [f"nominal cell {shown(value, 'share', 2, beside(line))}"]


SPREAD_OVER_CELLS = frozenset(
    {"write_voltage", *SWITCHING, *(f"{name}_mean" for name in SWITCHING)}
)
"""Quantities of cells that differ."""


def spreads_words(layout: Layout) -> str:
    """Which spreads are in what is said of writes and disturb, and which are not given."""
    die = layout.die
    free = FreeLayer() if layout.writing is None else layout.writing.free_layer
    given = {
        "R_P": (die.sigma_ln_rp, die.sigma_ln_rp_die),
        "TMR": (die.sigma_ln_tmr, die.sigma_ln_tmr_die),
        "Δ": (free.sigma_ln_delta, 0.0),
        "I_c0": (free.sigma_ln_ic0, 0.0),
        "diameter": (free.sigma_ln_diameter, 0.0),
    }
    inside = [
        f"{name} {100 * own:g} %{f' (die {100 * of_die:g} %)' if of_die else ''}"
        for name, (own, of_die) in given.items()
        if own or of_die
    ]
    lacking = [name for name, sigmas in given.items() if not any(sigmas)]
    parts = [f"cells spread in {', '.join(inside)}"] if inside else []
    parts += [f"none given for {', '.join(lacking)}"] if lacking else []
    return "; ".join(parts)


def interval_words(line: Judged) -> str:
    """The interval that a quantity is judged on, and from how many samples; empty without one.

    Where the value is an end of the interval, the estimate stands before it, or can be counted.
    """
    told = line.worst.sampled
    if told is None:
        return ""
    estimate, low, high = shown_together(
        (told.estimate, told.interval.low, told.interval.high), "share", beside=beside(line)
    )
    percents = low.endswith("%") and high.endswith("%")
    ends = f"{low.removesuffix('%').strip()}–{high}" if percents else f"{low} to {high}"
    if line.quantity.name == "array_yield":
        return f"{ends}, {round(told.estimate * told.samples):,} of {told.samples:,}"
    return f"{estimate} ({ends}), {told.samples:,} samples"


def not_judged(story: LayoutStory) -> str:
    """How many quantities have no limit beside those that have one; empty if there are none."""
    count = sum(line.limit is None for line in story.judged)
    if count in (0, len(story.judged)):
        return ""
    many = "quantities have no limit and are" if count > 1 else "quantity has no limit and is"
    return f"{count} {many} not judged"


def tightest_first(judged: Sequence[Judged]) -> list[Judged]:
    """What has a limit: broken ones first, then those not decided; each by headroom."""
    limited = [line for line in judged if line.limit is not None]
    return sorted(limited, key=lambda line: (_ORDER[line.holds], _room(line)))


_ORDER = {False: 0, None: 1, True: 2}


def _room(line: Judged) -> float:
    room = line.headroom
    return math.inf if room is None or math.isnan(room) else room


def broken(story: LayoutStory) -> tuple[list[Judged], list[Figure]]:
    """Limits and other promises that do not hold."""
    return (
        [line for line in tightest_first(story.judged) if line.holds is False],
        [figure for figure in story.figures if figure.holds is False],
    )


def undecided(story: LayoutStory) -> list[Judged]:
    """Limits that what was seen does not decide."""
    return [line for line in tightest_first(story.judged) if line.verdict == Verdict.INCONCLUSIVE]


def why(story: LayoutStory) -> str:
    """The sentence behind the verdict."""
    limits, figures = broken(story)
    ordered = tightest_first(story.judged)
    parts = []
    if limits:
        verb = "breaks" if len(limits) == 1 else "break"
        told = "; ".join(_broken_words(line, where=len(limits) < 3) for line in limits)
        parts.append(f"{len(limits)} of {_count(ordered)} {verb}: {told}.")
    if figures:
        told = "; ".join(f"{f.name}: {figure_value(f)} ({f.limit})" for f in figures)
        parts.append(f"Promises that do not hold: {told}.")
    if lines := undecided(story):
        verb = "is" if len(lines) == 1 else "are"
        told = "; ".join(f"{_broken_words(line, where=False)}: {line.needed}" for line in lines)
        parts.append(
            f"{len(lines)} of {_count(ordered)} {verb} not decided by the samples: {told}."
        )
    if parts:
        return " ".join(parts)
    if not ordered:
        return "No limits are set: nothing was asked, so that nothing is judged."
    first = ordered[0]
    value, limit = value_and_limit(first)
    room = "" if first.headroom is None else f", {percent(first.headroom)} headroom"
    number = len(story.conditions)
    under = (
        f"all {number} conditions" if number > 1 else f"the one condition ({first.worst.condition})"
    )
    return (
        f"{'All ' if len(ordered) > 1 else ''}{_count(ordered)} {_holds(ordered)} under {under}; "
        f"the tightest is {first.quantity.title}: {value} against {limit}{room} "
        f"({first.worst.condition}; {first.worst.where})."
    )


def scaling_words(story: LayoutStory) -> str:
    """The largest size that fits, what stops it, and what the layout itself breaks.

    Empty where no limit is set on anything that was computed of other sizes.
    """
    if not story.layout.limits.given.keys() & set(story.scaling.quantities):
        return ""
    return f"Under nominal conditions {_largest_words(story)}{_own_words(story)}"


def _basis_words(story: LayoutStory) -> str:
    """How limits of other sizes are judged that others are sampled for, and which are left out."""
    given = story.layout.limits.given
    looked_at = [name for name in given if name in story.scaling.quantities]
    parts = []
    if first := [name_of(name) for name in ("array_yield", "line_failure") if name in looked_at]:
        parts.append(f"{' and '.join(first)} to first order")
    rates = story.layout.defects.rates
    if "array_yield" in looked_at and any(getattr(rates, rate) > 0 for rate in RATES):
        parts.append("one defect at a time")
    if missing := [name_of(name) for name in given if name not in looked_at]:
        parts.append(f"without {', '.join(missing)}")
    return f" ({', '.join(parts)})" if parts else ""


def _largest_words(story: LayoutStory) -> str:
    scaling, basis = story.scaling, _basis_words(story)
    names = ", ".join(name_of(name) for name in scaling.binding)
    if scaling.largest is None:
        return f"no size that was tried fits{basis}: {names} {_break(scaling)}"
    size = f"{scaling.largest.rows} × {scaling.largest.columns}{basis}"
    if scaling.bounded or not names:
        return f"it fits up to {size}, the largest that was tried"
    return f"it fits up to {size}; beyond, {names} {_break(scaling)}"


def _own_words(story: LayoutStory) -> str:
    """What of the layout breaks, or is not decided, and where; empty if all limits hold."""
    limits, figures = broken(story)
    lines, verb = (limits, "breaks") if limits else (undecided(story), "is not decided")
    own = f". This {story.layout.crossbar.rows} × {story.layout.crossbar.columns} layout"
    if figures and not limits:
        return f"{own} fails: levels disagree"
    if not lines:
        return ""
    where = lines[0].worst.condition
    here = [name_of(line.quantity.name) for line in lines if line.worst.condition == where]
    at = "under nominal conditions" if where == story.nominal else f"at {where}"
    elsewhere = len(lines) - len(here)
    more = f"; {elsewhere} more elsewhere" if elsewhere else ""
    return f"{own} {verb} {at}: {', '.join(here)}{more}"


def _break(scaling: Scaling) -> str:
    return "break" if len(scaling.binding) > 1 else "breaks"


def _count(lines: Sequence[Judged]) -> str:
    return f"{len(lines)} limit{'s' if len(lines) > 1 else ''}"


def _holds(lines: Sequence[Judged]) -> str:
    return "hold" if len(lines) > 1 else "holds"


def _broken_words(line: Judged, *, where: bool) -> str:
    value, limit = value_and_limit(line)
    place = f" ({line.worst.condition}; {line.worst.where})" if where else ""
    return f"{line.quantity.title} {value} against {limit}{place}"


def design(layout: Layout) -> str:
    """The design in a line."""
    x, mtj, rows = layout.crossbar, layout.crossbar.cell.mtj, layout.rows_read
    driven = "all rows" if rows == x.rows else f"{rows} row{'s' if rows > 1 else ''}"
    return (
        f"{x.rows} × {x.columns} {x.cell.kind.replace('_', ' ')} cells, "
        f"R_P {si(mtj.r_p, 'Ω')}, R_AP {si(mtj.r_ap, 'Ω')} · "
        f"wires {si(x.row.r, 'Ω')} (row) and {si(x.column.r, 'Ω')} (column) per cell, "
        f"line ends {si(x.row.end, 'Ω')} and {si(x.column.end, 'Ω')} · "
        f"{_read_out(layout)} · {si(layout.read.voltage, 'V')} on {driven} at a time"
        f"{'' if rows == x.rows else f', the others {x.unselected}'}"
    )


def _read_out(layout: Layout) -> str:
    periphery, offset = layout.periphery, layout.sense.offset
    spread = f", offset σ {si(offset, 'V')}" if offset > 0 else ""
    match periphery:
        case VirtualGround():
            return "virtual ground"
        case TransimpedanceAmplifier():
            return f"transimpedance amplifier of {si(periphery.gain, 'Ω')}{spread}"
        case SenseAmplifier():
            return f"sense amplifier on {si(periphery.load, 'Ω')}{spread}"
        case _:
            assert_never(periphery)


def condition_words(condition: Condition, nominal: Condition) -> str:
    """A condition, the nominal one by this name."""
    return "nominal" if condition == nominal else str(condition)
