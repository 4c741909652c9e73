"""How long a read takes and what it costs: transients of the array, and of the latch of one line.

The array is simulated whole, with its wires' capacitance, its access transistors and the load of
its read-out; the latches, which take six times as long to simulate as all the rest, decide on one
line with as many cells as the array has rows. Their threshold is shifted so that the latch sees the
smallest margin of the array. Under nominal conditions the whole array with all of its latches is
simulated besides, as a check.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
import xarray as xr

from mtjspice.layout.access import Fitted
from mtjspice.layout.circuit import (
    Reads,
    blocks,
    read_experiment,
    volts_per_ampere,
)
from mtjspice.layout.decision import Decision
from mtjspice.layout.findings import Finding, Floats, Shown, States, Waveform
from mtjspice.layout.patterns import named_patterns
from mtjspice.layout.quantities import Condition
from mtjspice.layout.rc import Response, respond
from mtjspice.netlist.drivers import pulses
from mtjspice.spec.analysis import TransientRead
from mtjspice.spec.experiment import Experiment
from mtjspice.spec.layout import MOST_PERIOD, MOST_STEPS, Layout
from mtjspice.spec.periphery import Periphery, TransimpedanceAmplifier

LONGER = 4.0
"""By how much a read that is not at rest is held longer when it is simulated again."""
TRIES = 3
"""Simulations of a read at most, each longer than the one before."""
AT_REST = 0.05
"""Share of what counts as settled that may still be missing at the end of `hold`."""
STILL = 1e-3
"""An output that moves by less than this share of it is at rest."""
RESTING = 1e-3
"""A cell with less of the read voltage than this is taken at rest."""
WIDE = 1e3
"""An output that no read reaches, V."""
DATA = "checkerboard"
"""The pattern that energy is stated for: half of the cells P."""


@dataclass(frozen=True)
class Course:
    """The course of one read.

    Attributes:
        settled: after the start of the period, all outputs are within the tolerance of where they
            end, s; infinite if that end is not one at which they rest.
        recovered: after the end of `hold`, all outputs are at rest again, s.
        slowest: the output line that settles last.
        energy: J by block, without the latches.
        latest: the output line that is at rest again last.
    """

    settled: float
    recovered: float
    slowest: int
    energy: Mapping[str, float]
    latest: int = 0


def load_alone(periphery: Periphery) -> Periphery:
    """The same load, and no latch behind it."""
    latch = periphery.latch
    if latch is None:
        return periphery
    return TransimpedanceAmplifier(
        reference=latch.reference,
        gain=latch.load,
        input_resistance=latch.load,
        clip_low=-WIDE,
        clip_high=WIDE,
    )


def with_replica(layout: Layout, capacitance: float) -> Layout:
    """The layout with latches whose threshold comes through a replica of a whole column.

    Args:
        layout: whose sense amplifier may have a replica of its own, which stays.
        capacitance: that an access device adds to its column, F.
    """
    latch = layout.periphery.latch
    if latch is None or latch.replica is not None:
        return layout
    whole = layout.crossbar.rows * (layout.crossbar.column.c + capacitance)
    return layout.replace(periphery=latch.replace(replica=whole))


def timed(layout: Layout, states: States, analysis: TransientRead) -> Experiment:
    """A read in time of the rows farthest from the read-out, without latches."""
    read = read_experiment(layout, states, blocks(layout)[0])
    return read.replace(periphery=load_alone(layout.periphery), analysis=analysis)


@dataclass(frozen=True)
class Step:
    """Output currents that a transient goes between, A, float64 [line].

    Attributes:
        rest: at its start, where nothing has been applied yet; not zero where unselected lines are
            held at half the read voltage.
        final: at the end of `hold`.
        allowed: how far off either counts as settled.
        left: by how much the outputs would still move after the end of `hold`, were it longer.
    """

    rest: Floats
    final: Floats
    allowed: Floats
    left: Floats

    @property
    def at_rest(self) -> bool:
        """Whether the end of `hold` may stand for the end."""
        return bool((self.left <= AT_REST * self.allowed).all())


def step_of(layout: Layout, result: xr.Dataset, analysis: TransientRead) -> Step:
    """What a transient of SPICE goes between; the layout is under its condition.

    What is left at the end of `hold` follows from what the outputs moved in its third quarter and
    in its last one, d₁ and d₂: with one time constant it is d₂ q/(1 − q), q = d₂/d₁ (A. C. Aitken,
    Proc. R. Soc. Edinburgh 46, 289 (1927)), and several end with the slowest.
    """
    time, current = result["time"].to_numpy(), result["current"].to_numpy()[0]
    at = np.array([0.5, 0.75, 1.0]) * analysis.hold
    middle, late, final = np.array([np.interp(at, time, line) for line in current.T]).T
    allowed = layout.timing.settle_to * np.abs(final - current[0])
    within = layout.timing.settle_within
    if within is not None:
        allowed = np.full_like(allowed, within / volts_per_ampere(layout))
    before, last = np.abs(late - middle), np.abs(final - late)
    still = np.maximum(before, last) <= STILL * allowed
    left = np.where(still, 0.0, np.inf)
    slower = ~still & (last < before)
    left[slower] = last[slower] ** 2 / (before - last)[slower]
    return Step(current[0], final, allowed, left)


def rc_response(
    layout: Layout, fitted: Fitted, states: States, capacitance: tuple[float, float] = (0.0, 0.0)
) -> Response:
    """The array as a linear network of resistors and capacitors, as it conducts in a read."""
    driven = blocks(layout)[0]
    reads = Reads.of(layout, fitted.access, driven, leakage=fitted.leakage)
    with torch.no_grad():
        answer = reads.answer(reads.array(torch.from_numpy(states[None].astype(np.float64))))
    # Secant conductances at the read, without the vias, which are the network's: driven cells at
    # their voltage, the others, with hardly any, at rest.
    volts, current = answer.cell_volts[0, 0].numpy(), answer.cell_current[0, 0].numpy()
    resting = np.abs(volts) < RESTING * layout.read.voltage
    via = layout.crossbar.row.via + layout.crossbar.column.via
    conducting = ~resting & (current != 0)
    ohms = np.where(conducting, volts / np.where(conducting, current, 1.0) - via, np.inf)
    conductance = np.where(resting, _conductance_at_rest(reads, states), 1 / ohms)
    return respond(
        layout.crossbar,
        conductance,
        np.full(layout.crossbar.rows, layout.read.voltage),
        load=layout.periphery.ohms,
        rise=layout.timing.rise,
        driven=driven,
        cell_capacitance=capacitance,
    )


def _conductance_at_rest(reads: Reads, states: States) -> Floats:
    """Of each cell with its access device, S, [row, column]; via left out."""
    cells = reads.array(torch.from_numpy(states[None].astype(np.float64))).cells
    slope = cells.at_rest()
    if cells.access is not None:
        slope = slope / (1 + slope * cells.access.at_rest()[:, 0])
    return reads.whole(slope)[0].numpy()


def slower_pattern(
    layout: Layout, fitted: Fitted, capacitance: tuple[float, float] = (0.0, 0.0)
) -> str:
    """All P or all AP, whichever the linear network says settles later."""
    named = named_patterns(layout.crossbar.shape)
    times = {
        name: rc_settling(layout, rc_response(layout, fitted, named[name], capacitance))
        for name in ("all P", "all AP")
    }
    return max(times, key=lambda name: times[name])


def rc_settling(layout: Layout, response: Response) -> float:
    """When the outputs of the linear network have settled, s."""
    within = layout.timing.settle_within
    if within is None:
        return response.settling(layout.timing.settle_to)
    allowed = np.full_like(response.final, within / volts_per_ampere(layout))
    return response.settling(0.0, allowed)


def course(layout: Layout, result: xr.Dataset, analysis: TransientRead, step: Step) -> Course:
    """What a transient of SPICE shows of one read.

    Args:
        layout: under its condition.
        result: of SPICE.
        analysis: of the transient.
        step: what it goes between.
    """
    settled = result["settling_time"].to_numpy()[0]
    settled = np.where(step.left <= AT_REST * step.allowed, settled, np.inf)
    recovered = np.nan_to_num(result["recovery_time"].to_numpy()[0], nan=np.inf)
    return Course(
        settled=float(settled.max()),
        recovered=float(recovered.max()),
        slowest=int(np.argmax(settled)),
        energy=energy_of(layout, result, analysis),
        latest=int(np.argmax(recovered)),
    )


def energy_of(layout: Layout, result: xr.Dataset, analysis: TransientRead) -> dict[str, float]:
    """J of one read by block, from the supply, without the latches.

    Row drivers let their rail down to the row's voltage: the rest of it is theirs. The read-out
    takes what its load and its reference burn, and its own current while it works. Gate lines that
    open and close take C V² of their own supply each time, which SPICE says of what the lines and
    the gates on them are charged with.
    """
    time = result["time"].to_numpy()
    into, out = result["input_current"].to_numpy()[0], result["current"].to_numpy()[0]
    reference, volts, driven = layout.periphery.reference, layout.read.voltage, blocks(layout)[0]
    half = layout.crossbar.unselected == "half"
    rows = np.full((time.size, layout.crossbar.rows), reference + (volts / 2 if half else 0.0))
    points = np.array(pulses(analysis, np.array([reference + volts]), reference)).T
    rows[:, list(driven)] = np.interp(time, points[0], points[1])[:, None]

    def total(power: Floats) -> float:
        return float(np.trapezoid(power.sum(axis=1), time))

    supplied = np.maximum(into, 0.0)
    load, sunk = total(layout.periphery.ohms * out**2), total(reference * out)
    own = layout.supply.amplifier * layout.supply.volts * analysis.hold * layout.crossbar.columns
    gates = {"gates": float(result["gate_energy"][0])} if "gate_energy" in result else {}
    return {
        "array": total(rows * into) - sunk - load,
        "drivers": total((layout.supply.volts - rows) * supplied),
        "amplifiers": load + sunk + own,
        **gates,
    }


def held_longer(analysis: TransientRead) -> TransientRead | None:
    """The same read with more time to settle; None if it would take too many steps."""
    more = (LONGER - 1) * analysis.hold
    period = analysis.period + 2 * more
    if period > MOST_PERIOD or period > MOST_STEPS * analysis.step:
        return None
    return analysis.replace(hold=analysis.hold + more, period=period, step=analysis.step)


def time_findings(
    layout: Layout,
    condition: Condition,
    slow: tuple[Experiment, Course, str, Step],
    data: tuple[Experiment, Mapping[str, float]],
    latch: tuple[Mapping[str, Experiment], Decision] | None,
) -> tuple[list[Finding], dict[str, float]]:
    """Times and energies under a condition, and the energy by block.

    Args:
        layout: under the condition.
        condition: that one.
        slow: the slower pattern's read, its course, its name, and what it goes between.
        data: the read that energy is stated for, and its energy by block, without the latches.
        latch: the reads with latch and its decision; None without one.
    """
    experiment, read, pattern, step = slow
    where = f"pattern “{pattern}”, column {read.slowest} settles last"
    energy = dict(data[1])
    shown = Shown(column=read.slowest, given=_between(read, step))
    findings = [Finding("settling", read.settled, condition, "spice", where, experiment,
                        shown=shown)]  # fmt: skip
    decision, latched = 0.0, None
    if latch is not None:
        strip, found = latch
        latched = strip[found.slower]
        decision, energy["latches"] = found.time, found.energy * layout.crossbar.columns
        words = f"{found.slower} side at the smallest margin, one line of {layout.crossbar.rows}"
        findings.append(Finding("decision_time", decision, condition, "spice", words, latched))
    period = read.settled + decision + read.recovered
    words = "settling, decision and return to rest" if latch else "settling and return to rest"
    whole = sum(energy.values())
    operations = 2 * layout.rows_read * layout.crossbar.columns
    spent = f"pattern “{DATA}”, {operations} operations"
    charged = Shown(latched=latch[0][latch[1].costlier] if latch else None)
    findings += [
        Finding("read_period", period, condition, "spice", words, experiment,
                shown=replace(shown, latched=latched)),
        Finding("energy", whole, condition, "spice", spent, data[0], shown=charged),
        Finding("operations_per_joule", operations / whole, condition, "spice", spent, data[0],
                shown=charged),
    ]  # fmt: skip
    return findings, energy


def _between(read: Course, step: Step) -> dict[str, float]:
    """What the lines that are the last to settle and to be at rest again go between, A."""
    return {
        "final": float(step.final[read.slowest]),
        "allowed": float(step.allowed[read.slowest]),
        "latest": read.latest,
        "recovered": read.recovered,
        "rest": float(step.rest[read.latest]),
        "allowed_back": float(step.allowed[read.latest]),
    }


def waveform(
    layout: Layout,
    result: xr.Dataset,
    read: Course,
    analysis: TransientRead,
    step: Step,
    response: Response,
    decision: float | None,
) -> Waveform:
    """The read of the slowest line, from rest to final, beside the linear network."""
    time, line = result["time"].to_numpy(), read.slowest
    rest, change = step.rest[line], step.final[line] - step.rest[line]
    linear = response.at(time)[:, line] / response.final[line]
    return Waveform(
        time=time,
        output=(result["current"].to_numpy()[0, :, line] - rest) / change,
        linear=np.where(time <= analysis.hold, linear, np.nan),
        line=line,
        hold=analysis.hold,
        settled=read.settled,
        tolerance=float(step.allowed[line] / abs(change)),
        decision=None if decision is None else read.settled + decision,
        recovered=analysis.hold + read.recovered,
    )
