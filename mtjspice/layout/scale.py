"""How far does the layout scale, and what should be changed first?"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import xarray as xr

from mtjspice.collect.simulator import Progress, Simulator
from mtjspice.errors import InputError
from mtjspice.layout.access import Fitted, fit_layouts
from mtjspice.layout.circuit import blocks, read_experiment
from mtjspice.layout.disturb import Write, write_plan
from mtjspice.layout.fast import Hardest, fast_values
from mtjspice.layout.patterns import named_patterns
from mtjspice.layout.quantities import QUANTITIES
from mtjspice.layout.read import worst_patterns
from mtjspice.layout.sense import worst_reads
from mtjspice.layout.sizes import Scaling, Sensitivity, Size
from mtjspice.layout.spread import Spread, in_turn
from mtjspice.netlist.deck import build_deck
from mtjspice.spec.base import Spec
from mtjspice.spec.layout import Layout
from mtjspice.units import si

FEW_LINES = 3
"""Lines of another size whose hardest reads are searched for: the first, the middle, the last."""
GROWTH = 1.4
"""Between sizes that are tried one after the other."""
STEP = 0.1
"""By how much a parameter is moved, relative to it."""


@dataclass(frozen=True)
class Known:
    """What has been found of the layout itself, under nominal conditions.

    Attributes:
        fitted: its access devices.
        hardest: patterns.
        capacitance: that an access device adds to its output line, F.
        broken: limits that it breaks itself: what was found of it knows more than what is found of
            other sizes.
    """

    fitted: Fitted
    hardest: Hardest
    capacitance: float
    broken: tuple[str, ...] = ()


# Sizes ------------------------------------------------------------------------------------------


def of_size(layout: Layout, rows: int) -> Layout:
    """The layout with so many rows and as many columns in proportion.

    Rows that are driven at a time stay as they are, or stay all of them. Reference lines stay where
    they are in proportion.
    """
    crossbar, read, sense = layout.crossbar, layout.read, layout.sense
    columns = max(1, round(crossbar.columns * rows / crossbar.rows))
    count = None if read.rows in (None, crossbar.rows) else min(layout.rows_read, rows)
    if (cells := sense.reference) is not None and cells.position is not None:
        share = cells.position / max(1, crossbar.columns - 1)
        sense = sense.replace(reference=cells.replace(position=round(share * (columns - 1))))
    return layout.replace(
        crossbar=crossbar.replace(rows=rows, columns=columns),
        read=read.replace(rows=count),
        sense=sense,
    )


def scaling(
    layout: Layout,
    known: Known,
    simulator: Simulator,
    most: int,
    spread: Spread = in_turn,
    progress: Progress | None = None,
) -> Scaling:
    """The largest array that meets the limits, and which limit ends it.

    Sizes grow until a limit breaks that held before, or until the largest that may be tried; then
    the place is narrowed down. Quantities are taken to become worse with size: what the layout
    breaks itself is broken at larger sizes, too.

    Args:
        layout: whose limits count.
        known: of it.
        simulator: for writes.
        most: rows and columns of the largest array that may be tried.
        spread: how searches are run.
        progress: told of each size.
    """
    tried: dict[int, Size] = {}

    def judge(rows: int) -> Size:
        if rows not in tried:
            tried[rows] = _sized(layout, known, simulator, rows, spread)
            if progress:
                progress(len(tried), len(tried))
        return tried[rows]

    rows, columns = layout.crossbar.shape
    some = layout.rows_read < rows
    told = layout.sense.step + (layout.sense.boundary or 0)
    least = max(2, layout.rows_read if some else told)
    ladder = _ladder(rows, least, max(rows, math.floor(most * min(1.0, rows / columns))))
    at = ladder.index(rows)
    holds = not judge(rows).broken
    while holds and at + 1 < len(ladder) and not judge(ladder[at + 1]).broken:
        at += 1
    while not holds and at > 0:
        at -= 1
        holds = not judge(ladder[at]).broken
    low = ladder[at] if holds else 0
    high = ladder[at + 1] if at + 1 < len(ladder) else 0
    if low and high:
        low, high = _narrowed(low, high, lambda size: not judge(size).broken)
    elif not low:
        high = ladder[0]
    for size in (ladder[0], max(least, rows // 2), min(ladder[-1], 2 * rows)):
        judge(size)  # so that the picture shows both sides
    sizes = tuple(tried[k] for k in sorted(tried))
    return Scaling(
        sizes=sizes,
        largest=tried[low] if low else None,
        binding=tried[high].broken if high else (),
        quantities=tuple(sizes[0].values),
        bounded=high == 0,
    )


def _ladder(rows: int, least: int, most: int) -> list[int]:
    """Sizes to try, the layout's own among them."""
    sizes = {rows, least, most}
    size = float(rows)
    while size > least:
        sizes.add(max(least, round(size)))
        size /= GROWTH
    size = float(rows)
    while size < most:
        sizes.add(min(most, round(size)))
        size *= GROWTH
    return sorted(sizes)


def _narrowed(low: int, high: int, holds: Callable[[int], bool]) -> tuple[int, int]:
    """The last size that holds and the next one, between one that does and one that does not."""
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low, high


def _sized(layout: Layout, known: Known, simulator: Simulator, rows: int, spread: Spread) -> Size:
    changed = of_size(layout, rows)
    hardest = known.hardest
    if changed.crossbar.shape != layout.crossbar.shape:
        sides = None
        if known.hardest.sides is not None:
            sides = worst_reads(changed, known.fitted, FEW_LINES, spread)
        reads = worst_patterns(changed, known.fitted, thorough=False, spread=spread)
        hardest = Hardest(reads, sides)
    values = _values(changed, known.fitted, hardest, known.capacitance, simulator)
    own = known.broken if rows >= layout.crossbar.rows else ()
    names = {*broken(layout, values), *own}
    return Size(*changed.crossbar.shape, values, tuple(name for name in values if name in names))


def broken(layout: Layout, values: Mapping[str, float]) -> tuple[str, ...]:
    """The limits that values do not keep."""
    given = layout.limits.given
    return tuple(
        name
        for name, value in values.items()
        if name in given and not QUANTITIES[name].holds(value, given[name])
    )


def _values(
    layout: Layout, fitted: Fitted, hardest: Hardest, capacitance: float, simulator: Simulator
) -> dict[str, float]:
    """The fast values of one layout."""
    (writes,) = written(simulator, [layout])
    return fast_values(layout, fitted, hardest, capacitance, writes, closely=True)


def written(
    simulator: Simulator, layouts: Sequence[Layout]
) -> list[tuple[list[Write], list[xr.Dataset]] | None]:
    """The writes of each layout in SPICE, each different one once; None without writing."""
    plans = [write_plan(one) if one.writing is not None else [] for one in layouts]
    different = {write.experiment.key(): write.experiment for plan in plans for write in plan}
    results = dict(zip(different, simulator.run(list(different.values())), strict=True))
    return [
        (plan, [results[write.experiment.key()] for write in plan]) if plan else None
        for plan in plans
    ]


# Parameters -------------------------------------------------------------------------------------

PARAMETERS = (
    *(f"crossbar.{line}.{key}" for line in ("row", "column", "gate") for key in (
        "resistance", "capacitance", "end", "via",
        "geometry.width", "geometry.capacitance_per_length",
    )),
    *(f"crossbar.cell.mtj.{key}" for key in ("ra", "diameter", "tmr0", "v_half")),
    *(f"crossbar.cell.{device}.{key}" for device in ("access", "nmos", "pmos")
      for key in ("width", "length")),
    "crossbar.cell.gate_volts",
    *(f"periphery.{key}" for key in ("load", "threshold", "input_resistance", "gain")),
    "read.voltage",
    "sense.offset",
    "timing.hold",
    *(f"die.{key}" for key in (
        "sigma_ln_rp", "sigma_ln_tmr", "sigma_ln_rp_die", "sigma_ln_tmr_die", "mismatch",
    )),
    *(f"writing.{key}" for key in ("to_p", "to_ap", "length")),
    *(f"writing.free_layer.{key}" for key in (
        "thickness", "sigma_ln_delta", "sigma_ln_ic0", "sigma_ln_diameter",
    )),
)  # fmt: skip
"""What a designer can move, as dotted keys; those that a layout lacks or has at zero are left out.
"""
UNITS = {
    "resistance": "Ω", "end": "Ω", "via": "Ω", "load": "Ω", "input_resistance": "Ω", "gain": "Ω",
    "capacitance": "F", "capacitance_per_length": "F/m", "width": "m", "length": "m",
    "thickness": "m", "diameter": "m", "v_half": "V", "gate_volts": "V", "threshold": "V",
    "voltage": "V", "offset": "V", "hold": "s", "to_p": "V", "to_ap": "V", "writing.length": "s",
}  # fmt: skip
"""Of parameters by their last key, or by the whole where that is not enough."""


def _in_words(key: str, value: float) -> str:
    last = key.rsplit(".", 1)[1]
    if last == "ra":
        return f"{1e12 * value:g} Ω·µm²"
    unit = UNITS.get(key, UNITS.get(last, ""))
    return si(value, unit) if unit else f"{value:g}"


def value_at(spec: Spec, key: str) -> float | None:
    """The number at a dotted key; None if there is none, or if it is zero or infinite."""
    value: object = spec
    for part in key.split("."):
        if not isinstance(value, Spec) or part not in type(value).model_fields:
            return None
        value = getattr(value, part)
    usable = isinstance(value, float) and value != 0 and math.isfinite(value)
    return float(value) if usable else None  # type: ignore[arg-type]


def moved(spec: Layout, key: str, factor: float) -> Layout:
    """The layout with the number at a dotted key multiplied."""
    first, *rest = key.split(".")
    return spec.replace(**{first: _moved(getattr(spec, first), rest, factor)})


def _moved(value: object, rest: Sequence[str], factor: float) -> object:
    if not rest:
        assert isinstance(value, float)
        return value * factor
    assert isinstance(value, Spec)
    return value.replace(**{rest[0]: _moved(getattr(value, rest[0]), rest[1:], factor)})


def sensitivities(
    layout: Layout,
    known: Known,
    simulator: Simulator,
    *,
    quick: bool = False,
    spread: Spread = in_turn,
    progress: Progress | None = None,
) -> tuple[Sensitivity, ...]:
    """How every quantity follows every parameter, and what a tenth of it gains; patterns stay.

    A parameter that must not go one way, as a transistor of the least length, goes the other; in a
    quick run each goes one way only.
    """
    keys = [key for key in PARAMETERS if value_at(layout, key) is not None]
    ways = (1 + STEP, 1 - STEP)
    tried = {(key, f): _allowed(layout, key, f) for key in keys for f in ways}
    if quick:
        for key in keys:
            tried[key, 1 - STEP] = None if tried[key, 1 + STEP] else tried[key, 1 - STEP]
    changed = {place: one for place, one in tried.items() if one is not None}
    fits = _fitted(layout, known, changed, simulator)
    every = [layout, *changed.values()]
    fitted = [known.fitted, *(fits[place] for place in changed)]
    calls = [
        (one, own, known.hardest, known.capacitance, writes)
        for one, own, writes in zip(every, fitted, written(simulator, every), strict=True)
    ]
    unmoved, *others = spread(fast_values, calls, progress)
    values = dict(zip(changed, others, strict=True))
    found = []
    for key in keys:
        ends = {f: values[key, f] for f in ways if (key, f) in values}
        if ends:
            found.append(_sensitivity(layout, key, {1.0: unmoved, **ends}))
    return tuple(one for one in found if any(one.slopes.values()))


def _allowed(layout: Layout, key: str, factor: float) -> Layout | None:
    """The layout with a parameter moved; None where it must not go there."""
    try:
        one = moved(layout, key, factor)
        build_deck(
            read_experiment(one, named_patterns(one.crossbar.shape)["all P"], blocks(one)[0])
        )
    except (ValueError, InputError):
        return None
    return one


def _fitted(
    layout: Layout,
    known: Known,
    changed: Mapping[tuple[str, float], Layout],
    simulator: Simulator,
) -> dict[tuple[str, float], Fitted]:
    """The access devices of changed layouts; those that are as before are not swept again."""
    if layout.crossbar.cell.series != "measured":
        return dict.fromkeys(changed, known.fitted)
    others = {k: one for k, one in changed.items() if _device(one) != _device(layout)}
    fits = dict.fromkeys(changed, known.fitted)
    return fits | (fit_layouts(others, simulator) if others else {})


def _device(layout: Layout) -> tuple[object, ...]:
    """All that determines the sweeps of an access device."""
    cell = layout.crossbar.cell
    bare = cell.model_dump(exclude={"mtj"})
    return (
        tuple(sorted((k, str(v)) for k, v in bare.items())),
        layout.technology,
        layout.periphery.reference,
        layout.read.voltage,
        layout.die.mismatch,
    )


def _sensitivity(
    layout: Layout, key: str, by_factor: Mapping[float, Mapping[str, float]]
) -> Sensitivity:
    """From the values with the parameter at its least and its most."""
    value = value_at(layout, key)
    assert value is not None
    least, most = min(by_factor), max(by_factor)
    slopes, gain = {}, {}
    given, tenths = layout.limits.given, (most - least) / STEP
    for name, high in by_factor[most].items():
        low = by_factor[least][name]
        if high > 0 and low > 0:
            slopes[name] = math.log(high / low) / math.log(most / least)
        if name in given:
            room = [QUANTITIES[name].headroom(value, given[name]) for value in (low, high)]
            if room[0] is not None and room[1] is not None:
                gain[name] = (room[1] - room[0]) / tenths
    return Sensitivity(key, _in_words(key, value), slopes, gain)
