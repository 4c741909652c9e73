"""The periphery's blocks on their benches, and one read of a whole gated array in time.

python benchmarks/periphery.py [--json]
"""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import numpy as np
from promises import main
from reference import network

from mtjspice.collect import Simulator
from mtjspice.data.assets import folder
from mtjspice.spec import (
    Crossbar,
    DcRead,
    Defect,
    Die,
    Experiment,
    GatedCell,
    Line,
    Mtj,
    PassiveCell,
    ProgrammedTile,
    SenseAmplifier,
    Stimulus,
    TransientRead,
)
from mtjspice.spec.defects import DefectKind
from mtjspice.spice.ngspice.bench import run_bench
from mtjspice.verdicts.figures import Figure, at_least, at_most

SIZE = 25
SHOWN = {
    "tia_macro": {
        "gain": ("transimpedance", "Ω"),
        "bw_300": ("bandwidth with 0.3 pF at the input", "Hz"),
        "r_in": ("input resistance at rest", "Ω"),
        "clip_low": ("lowest output", "V"),
        "clip_high": ("highest output", "V"),
    },
    "tia_cmos": {
        "gain": ("transimpedance", "Ω"),
        "bw_300": ("bandwidth with 0.3 pF at the input", "Hz"),
        "pm_300": ("phase margin with 0.3 pF at the input", "degrees"),
        "r_in": ("input resistance at rest", "Ω"),
        "clip_low": ("lowest output", "V"),
        "clip_high": ("highest output", "V"),
        "i_low": ("largest current out of the line within 1 % of linear", "A"),
        "i_high": ("largest current into the line within 1 % of linear", "A"),
    },
    "sense_strongarm": {
        "delay_175_10000": ("delay at 10 mV, common mode 0.175 V", "s"),
        "delay_175_1000": ("delay at 1 mV, common mode 0.175 V", "s"),
        "energy": ("energy per decision", "J"),
        "kickback": ("kick into 1 kΩ at the inputs", "V"),
    },
    "sense_strongarm_offset": {
        "offset_sigma": ("offset sigma, Monte Carlo over delvto", "V"),
        "offset_sigma_error": ("standard error of that sigma, relative", ""),
        "offset_sigma_linear": ("offset sigma from the slopes", "V"),
    },
    "driver": {
        "settle_c_far_0.1pc": ("driver_cmos: 0.1 V settled to 0.1 % at the far end", "s"),
        "settle_c_far_lsb": ("driver_cmos: 0.1 V settled to 1.22 mV at the far end", "s"),
        "rout_c": ("driver_cmos: output resistance", "Ω"),
        "settle_t_far_0.1pc": ("driver_thevenin: settled to 0.1 % at the far end", "s"),
    },
    "mux_pass": {
        "ron_1.65": ("on-resistance in mid-supply", "Ω"),
        "leak_off": ("leakage when off", "A"),
        "t_on": ("time to switch on", "s"),
    },
    "write_driver": {
        "v_cell_p_5k": ("voltage over a 5 kΩ cell, rail 0.9 V", "V"),
        "rise_p_5k": ("rise time", "s"),
    },
}


def measure() -> list[Figure]:
    """Every figure, in the order of the table."""
    offset = 0.0
    figures = []
    for bench, result in benches():
        figures += [
            Figure(
                f"{bench}: {what}", result[name], unit, "", None, f"netlists/benches/{bench}.cir"
            )
            for name, (what, unit) in SHOWN.get(bench, {}).items()
        ]
        offset = result.get("offset_sigma", offset)
    return [*figures, *array_read(offset), *corners(), defects()]


def benches() -> Iterator[tuple[str, dict[str, float]]]:
    """Name and figures of each bench."""
    for path in sorted((folder("netlists") / "benches").glob("*.cir")):
        with tempfile.TemporaryDirectory() as here:
            yield path.stem, run_bench(path, Path(here)).figures


def gated(volts, **parts) -> Experiment:
    """A 25 x 25 gated array, half of its columns mostly P, with wires that have capacitance."""
    chance = np.random.default_rng(0)
    some = chance.random(SIZE) < 0.5
    states = np.where(some, chance.random((SIZE, SIZE)) < 0.2, chance.random((SIZE, SIZE)) < 0.8)
    line = Line(resistance=2.0, capacitance=1e-15, end=50.0)
    return Experiment(
        crossbar=Crossbar(
            rows=SIZE,
            columns=SIZE,
            cell=GatedCell(),
            row=line,
            column=line,
            gate=Line(resistance=5.0, capacitance=1e-15),
        ),
        tile=ProgrammedTile(states=states.astype(np.uint8)),
        stimulus=Stimulus(volts=volts),
        **parts,
    )


def array_read(offset: float) -> list[Figure]:
    """One read with wire RC and 25 sense amplifiers, beside the same array at rest."""
    chance = np.random.default_rng(1)
    volts = chance.uniform(0.2, 0.4, (1, SIZE)) * np.array([[1.0], [0.02]])
    amplifier = SenseAmplifier(load=2e3, threshold=0.12)
    timed = gated(volts, periphery=amplifier, analysis=TransientRead(
        period=6e-9, rise=0.1e-9, hold=5e-9, step=0.1e-9, sense_at=4e-9))  # fmt: skip
    with Simulator(jobs=1) as simulator:
        rest = simulator.run([timed.replace(analysis=DcRead())])[0]
        start = time.perf_counter()
        read = simulator.run([timed])[0]
        seconds = time.perf_counter() - start
    margin = rest["sense_voltage"].to_numpy() - amplifier.threshold
    clear = np.abs(margin) > 3 * offset
    equal = read["decision"].to_numpy()[clear] == np.sign(margin)[clear]
    settled = read["sense_voltage"].sel(time=timed.analysis.sense_at, method="nearest")
    off = float(np.abs(settled - rest["sense_voltage"]).max())
    how = f"{SIZE} x {SIZE} gated, BSIM4, wire RC, {SIZE} latches, {len(volts)} vectors, ngspice"
    return [
        Figure("array read: wall time per vector", seconds / len(volts), "s", "", None, how),
        Figure("array read: median decision time", float(np.nanmedian(read["decision_time"])),
               "s", "", None, "from the clock's edge to half the supply; " + how),
        Figure("array read: slowest decision", float(np.nanmax(read["decision_time"])),
               "s", "", None, how),
        Figure("array read: energy per column", float(read["decision_energy"].mean()),
               "J", "", None, "from the latch's supply, one decision and reset; " + how),
        Figure("array read: sense voltage minus that at rest when the clock falls", off,
               "V", "", None, how),
        at_least("array read: decisions equal to the sign at rest", float(equal.mean()), 1.0, "",
                 f"the {clear.sum()} of {clear.size} columns whose margin is above three offset "
                 f"sigmas ({3e3 * offset:.0f} mV); " + how),
        at_least("array read: columns with such a margin", int(clear.sum()), 1, "", how),
    ]  # fmt: skip


def corners() -> list[Figure]:
    """Currents of one tile, by corner and temperature."""
    chance = np.random.default_rng(2)
    base = gated(chance.uniform(0.05, 0.1, (4, SIZE)))
    names = [(c, t) for t in (-40.0, 27.0, 125.0) for c in ("ff", "tt", "ss")]
    described = [
        base.replace(technology=base.technology.replace(corner=c, temperature=t)) for c, t in names
    ]
    with Simulator() as simulator:
        total = [float(r["current"].sum(axis=1).mean()) for r in simulator.run(described)]
    found = dict(zip(names, total, strict=True))
    figures = []
    for celsius in (-40.0, 27.0, 125.0):
        ff, tt, ss = (found[corner, celsius] for corner in ("ff", "tt", "ss"))
        shown = ", ".join(f"{1e6 * current:.1f}" for current in (ff, tt, ss))
        how = f"summed output current {shown} µA, {SIZE} x {SIZE} gated"
        figures.append(
            at_most(f"ff > tt > ss at {celsius:g} °C: largest of tt/ff and ss/tt",
                    max(tt / ff, ss / tt), 0.9999999, "", how)
        )  # fmt: skip
    return figures


def defects() -> Figure:
    """What each kind of defect does to the currents, against an independent nodal solve."""
    lines = {"row": Line(resistance=5.0, end=100.0), "column": Line(resistance=5.0, end=100.0)}
    chance = np.random.default_rng(3)
    cell = PassiveCell(mtj=Mtj(v_half=np.inf))
    whole = Experiment(
        crossbar=Crossbar(rows=15, columns=15, cell=cell, **lines),
        tile=ProgrammedTile(states=chance.integers(0, 2, (15, 15))),
        stimulus=Stimulus(volts=chance.uniform(-0.1, 0.1, (4, 15))),
    )
    places = {"dead_row": {"row": 4}, "dead_column": {"column": 6}}
    kinds = get_args(DefectKind)
    bad = [Defect(kind=kind, **places.get(kind, {"row": 4, "column": 6})) for kind in kinds]
    described = [whole, *(whole.replace(die=Die(defects=(defect,))) for defect in bad)]
    with Simulator() as simulator:
        ours = [result["current"].to_numpy() for result in simulator.run(described)]
    theirs = [network.column_currents(experiment) for experiment in described]
    full_scale = 15 * 0.1 / cell.mtj.r_p
    off = max(
        float(np.abs((a - ours[0]) - (b - theirs[0])).max()) / full_scale
        for a, b in zip(ours, theirs, strict=True)
    )
    how = f"15 x 15, ohmic, with wires; worst of {', '.join(kinds)}"
    name = "change of the currents by a defect, ngspice against a nodal solve"
    return at_most(name, off, 1e-6, "of full scale", how)


if __name__ == "__main__":
    main("The periphery and the array in time", measure)
