"""The vectors of a run, with dimensions, signs and units."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from mtjspice.collect.settling import settled_and_recovered, volts_per_ampere
from mtjspice.device.converter import at_limit
from mtjspice.netlist.deck import Deck
from mtjspice.spec.analysis import TransientRead
from mtjspice.spec.experiment import Experiment
from mtjspice.spice.backend import Vectors

Floats = npt.NDArray[np.float64]


def label(experiment: Experiment, deck: Deck, vectors: Vectors) -> xr.Dataset:
    """A result in the form of `mtjspice.data.results`."""
    axes, read = _axes(experiment, vectors)
    attributes: dict[str, Any] = {"level": "spice"}
    if deck.dropped:
        attributes["dropped_nodes"] = " ".join(deck.dropped)
    sensed, rows = experiment.sensed_columns, range(experiment.crossbar.rows)
    still = np.zeros_like(read(deck.column_currents[sensed[0]]))
    into = [-read(deck.row_currents[r]) if r in deck.row_currents else still for r in rows]
    out = [read(deck.column_currents[c]) for c in sensed]
    variables: dict[str, Any] = {
        "current": ((*axes, "output_line"), np.stack(out, axis=-1), {"units": "A"}),
        "input_current": ((*axes, "input_line"), np.stack(into, axis=-1), {"units": "A"}),
    }
    if deck.output_volts:
        volts = np.stack([read(deck.output_volts[c]) for c in sensed], axis=-1)
        variables["amplifier_voltage"] = ((*axes, "output_line"), volts, {"units": "V"})
        attributes["clipped_share"] = clipped_share(experiment, volts)
    if deck.sense_volts:
        volts = np.stack([read(deck.sense_volts[c]) for c in sensed], axis=-1)
        variables["sense_voltage"] = ((*axes, "output_line"), volts, {"units": "V"})
    if deck.latch_volts:
        variables |= _decisions(experiment, deck, vectors)
    if isinstance(experiment.analysis, TransientRead) and experiment.analysis.settles:
        lines = np.stack([vectors.values[deck.column_currents[c]] for c in sensed], axis=-1)
        times = settled_and_recovered(
            vectors.values["time"],
            lines,
            experiment.analysis,
            len(experiment.stimulus.volts),
            volts_per_ampere(experiment.periphery),
        )
        for name, value in zip(("settling_time", "recovery_time"), times, strict=True):
            variables[name] = (("vector", "output_line"), value, {"units": "s"})
    if deck.gate_currents:
        variables["gate_energy"] = (("vector",), _gate_energy(experiment, deck, vectors),
                                    {"units": "J"})  # fmt: skip
    if deck.word_volts:
        word, bit = (
            np.stack([np.stack([read(name) for name in row], axis=-1) for row in side], axis=-2)
            for side in (deck.word_volts, deck.bit_volts)
        )
        variables["cell_voltage"] = ((*axes, "row", "column"), word - bit, {"units": "V"})
    coords: dict[str, Any] = {"input_line": list(rows), "output_line": list(sensed)}
    if isinstance(experiment.analysis, TransientRead):
        coords["time"] = ("time", instants(experiment.analysis), {"units": "s"})
    return xr.Dataset(variables, coords=coords, attrs=attributes)


def clipped_share(experiment: Experiment, volts: Floats) -> float:
    """Share of amplifier outputs that stand at one of their limits."""
    amplifier = experiment.periphery.amplifier
    assert amplifier is not None
    return float(at_limit(volts, amplifier).mean())


def _decisions(experiment: Experiment, deck: Deck, vectors: Vectors) -> dict[str, Any]:
    """What each latch decided, how long after the clock's edge, and at what cost.

    On the simulator's own points, which are finer than the time axis where a latch switches. What
    charging the clock takes from the supply is shared by the latches; it goes to ground when the
    clock falls.
    """
    analysis, latch = experiment.analysis, experiment.periphery.latch
    assert isinstance(analysis, TransientRead)
    assert latch is not None
    time, shape = vectors.values["time"], (len(experiment.stimulus.volts), len(deck.latch_volts))
    decision, delay, energy = np.zeros(shape), np.full(shape, np.nan), np.zeros(shape)
    clock = np.maximum(-vectors.values[deck.clock_current], 0.0) / len(deck.latch_volts)
    for j, (column, (p, n)) in enumerate(deck.latch_volts.items()):
        difference = vectors.values[p] - vectors.values[n]
        power = latch.supply * (clock - vectors.values[deck.latch_currents[column]])
        for k in range(shape[0]):
            clocked = k * analysis.period + analysis.sense_at
            last = np.searchsorted(time, k * analysis.period + analysis.hold)
            span = slice(int(np.searchsorted(time, clocked)), int(last))
            whole = slice(span.start, int(np.searchsorted(time, (k + 1) * analysis.period)))
            decision[k, j] = np.sign(difference[last - 1])
            decided = np.abs(difference[span]) > latch.supply / 2
            if decided.any():
                delay[k, j] = time[span][decided.argmax()] - clocked
            else:
                decision[k, j] = 0
            energy[k, j] = np.trapezoid(power[whole], time[whole])
    dims = ("vector", "output_line")
    return {
        "decision": (dims, decision, {"units": "1"}),
        "decision_time": (dims, delay, {"units": "s"}),
        "decision_energy": (dims, energy, {"units": "J"}),
    }


def _gate_energy(experiment: Experiment, deck: Deck, vectors: Vectors) -> Floats:
    """What opening and closing gate lines takes from their supply in each period, J.

    Their drivers take charge from the supply when a line rises, and let it go to ground when it
    falls. On the simulator's own points.
    """
    analysis, gate = experiment.analysis, experiment.crossbar.cell.gate
    assert isinstance(analysis, TransientRead)
    assert gate is not None
    time = vectors.values["time"]
    each = [np.maximum(-vectors.values[name], 0.0) for name in deck.gate_currents]
    supplied = np.sum(each, axis=0)
    edges = analysis.period * np.arange(len(experiment.stimulus.volts) + 1)
    starts = np.searchsorted(time, edges[:-1])
    ends = np.searchsorted(time, edges[1:], side="right")
    return np.array(
        [
            gate.volts * np.trapezoid(supplied[start:end], time[start:end])
            for start, end in zip(starts, ends, strict=True)
        ]
    )


def instants(analysis: TransientRead) -> Floats:
    """The time axis of a period, s."""
    return np.arange(0.0, analysis.period - analysis.step / 2, analysis.step)


def _axes(
    experiment: Experiment, vectors: Vectors
) -> tuple[tuple[str, ...], Callable[[str], Floats]]:
    """The leading dimensions, and how to read a vector into them.

    A transient gives points where the simulator chose them; they are interpolated onto the time
    axis of each period.
    """
    analysis = experiment.analysis
    if not isinstance(analysis, TransientRead):
        return ("vector",), lambda name: vectors.values[name]
    periods = analysis.period * np.arange(experiment.stimulus.volts.shape[0])
    grid = periods[:, None] + instants(analysis)
    time = vectors.values["time"]
    return ("vector", "time"), lambda name: np.interp(grid, time, vectors.values[name])
