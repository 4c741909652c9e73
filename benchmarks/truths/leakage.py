"""Leakage of cells that are off: nodal beside ngspice, and settling beside the deck's own waveform.

An array of 48 rows with transistors of the 1.2 V library, fast and at 105 °C, is read row by row.
Its currents come from plain ``ngspice -b`` on the written decks, as does the waveform that settles:
it is read from the raw file here and held against its own end. A minute.
"""

import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from reference.raw import read_raw

from mtjspice.collect import Simulator
from mtjspice.layout import timing
from mtjspice.layout.access import Fitted, fit_layouts
from mtjspice.layout.circuit import Reads, blocks, full_scale, read_experiment, sense_volts
from mtjspice.layout.montecarlo import draw_samples, nodal_currents
from mtjspice.layout.patterns import named_patterns
from mtjspice.netlist import build_deck
from mtjspice.spec import (
    Crossbar,
    Die,
    Experiment,
    GatedCell,
    Layout,
    Line,
    SenseAmplifier,
    Technology,
    Transistor,
)
from mtjspice.spec.layout import Reading, Sensing, Timing
from mtjspice.verdicts.figures import Figure, at_most

MOST = 1e-4
"""Largest difference of an output current, of full scale."""
SETTLING = 0.005
"""Largest relative difference of a settling time: what the steps of the time axis leave."""
DRAWN, QUICK_DRAWN = 12, 2


def array() -> Layout:
    """48 rows of hot, fast cells."""
    line = Line(resistance=2, capacitance=3e-16, end=50)
    access = Transistor(model="nmos_12", width=2e-6, length=0.12e-6)
    cell = GatedCell(gates="row", gate_volts=1.2, access=access)
    return Layout(
        name="hot",
        crossbar=Crossbar(rows=48, columns=4, cell=cell, row=line, column=line),
        technology=Technology(card="cmos12_bsim4", corner="ff", temperature=105.0),
        die=Die(sigma_ln_rp=0.04, sigma_ln_tmr=0.04, mismatch=1.0),
        periphery=SenseAmplifier(load=3000),
        read=Reading(voltage=0.1, rows=1),
        sense=Sensing(offset=1e-3),
        timing=Timing(period=8e-9, rise=5e-11, hold=4e-9, step=2e-11, sense_at=2e-9),
    )


def figures(quick: bool) -> Sequence[Figure]:
    """All of this part."""
    layout = array()
    with Simulator() as simulator:
        fitted = fit_layouts({0: layout}, simulator)[0]
        settled = [_settling(layout, fitted, simulator, name) for name in ("all P", "all AP")]
    return [*_at_rest(layout, fitted, QUICK_DRAWN if quick else DRAWN), *settled]


def _at_rest(layout: Layout, fitted: Fitted, drawn: int) -> list[Figure]:
    """Currents of nominal arrays and of drawn ones, and what they come to at the latch."""
    states = list(named_patterns(layout.crossbar.shape).values())
    nominal = [(one, (row,)) for one in states for row in (0, 23, 47)]
    theirs = np.array([_plain(read_experiment(layout, *one))[-1] for one in nominal])
    ours = np.array([_nodal(layout, fitted, *one) for one in nominal])
    without = Fitted(fitted.access, fitted.bound)
    closed = np.array([_nodal(layout, without, *one) for one in nominal])
    whole = full_scale(layout)
    off, missing = (float(np.abs(x - theirs).max()) / whole for x in (ours, closed))
    samples = draw_samples(layout, drawn)
    reads = [s.lows[(7 * k) % 48] for k, s in enumerate(samples)]
    reads += [s.highs[(11 * k + 5) % 48] for k, s in enumerate(samples)]
    of_drawn = np.abs(nodal_currents(fitted, reads) - np.array([_plain(e)[-1] for e in reads]))
    volts = [sense_volts(layout, torch.from_numpy(x)).numpy() for x in (ours, theirs, closed)]
    margins = [1e3 * float(np.abs(volts[k] - volts[1]).max()) for k in (0, 2)]
    how = "48 x 4 cells, cmos12_bsim4, ff, 105 °C; ngspice -b on the deck"
    return [
        at_most("leakage: nodal − SPICE, nominal arrays", off, MOST, "of full scale",
                f"{how}; {len(nominal)} reads; without leakage {missing:.2g}"),
        at_most("leakage: nodal − SPICE, drawn arrays", float(of_drawn.max()) / whole, MOST,
                "of full scale", f"{how}; {len(reads)} reads with spread and mismatch"),
        at_most("leakage: error of a line's voltage at the latch", margins[0], 0.01, "mV",
                f"{how}; {len(nominal)} reads; without leakage {margins[1]:.2g} mV"),
    ]  # fmt: skip


def _nodal(
    layout: Layout, fitted: Fitted, states: np.ndarray, driven: tuple[int, ...]
) -> np.ndarray:
    reads = Reads.of(layout, fitted.access, driven, leakage=fitted.leakage)
    return reads.currents(torch.from_numpy(states[None].astype(np.float64)))[0, 0].numpy()


def _settling(layout: Layout, fitted: Fitted, simulator: Simulator, pattern: str) -> Figure:
    """What we say of a transient beside the waveform that the deck gives to anybody."""
    states, analysis = named_patterns(layout.crossbar.shape)[pattern], layout.timing.analysis
    experiment = timing.timed(layout, states, analysis)
    (result,) = simulator.run([experiment])
    step = timing.step_of(layout, result, analysis)
    ours = timing.course(layout, result, analysis, step).settled
    theirs, end = _by_waveform(experiment, analysis.hold, layout.timing.settle_to)
    nodal = _nodal(layout, fitted, states, blocks(layout)[0])
    off = float(np.abs(nodal - end).max()) / full_scale(layout)
    how = (
        f"{1e9 * ours:.4f} ns, by the raw waveform {1e9 * theirs:.4f} ns; its end is {off:.2g} of "
        "full scale from the nodal value"
    )
    name = f"leakage: settling of {pattern}, ours by that of the waveform, − 1"
    return at_most(name, abs(ours / theirs - 1), SETTLING, "", how)


def _by_waveform(experiment: Experiment, hold: float, share: float) -> tuple[float, np.ndarray]:
    """The last time at which an output is further from its end than a share of it, s; the ends."""
    time, current = _raw(experiment)
    held = time <= hold * (1 + 1e-9)
    time, current = time[held], current[held]
    end = current[-1]
    last = 0.0
    for line, final in zip(current.T, end, strict=True):
        missing = np.abs(line - final) - share * abs(final)
        k = int(np.flatnonzero(missing > 0)[-1])
        part = missing[k] / (missing[k] - missing[k + 1])
        last = max(last, float(time[k] + part * (time[k + 1] - time[k])))
    return last, end


def _plain(experiment: Experiment) -> np.ndarray:
    """Output currents [vector, column] of ``ngspice -b`` on the deck, A."""
    return _raw(experiment)[1]


def _raw(experiment: Experiment) -> tuple[np.ndarray, np.ndarray]:
    """(time or sweep [point], output currents [point, column], A) of ``ngspice -b`` on the deck."""
    deck = build_deck(experiment)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "deck.cir"
        path.write_text(deck.text, encoding="utf-8")
        command = ["ngspice", "-n", "-b", "-r", "out.raw", path.name]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
        vectors = read_raw(path.with_name("out.raw"))
    first = next(iter(vectors.values()))
    names = [f"i({name.removesuffix('#branch')})" for name in deck.column_currents.values()]
    return first, np.stack([vectors[name] for name in names], axis=1)
