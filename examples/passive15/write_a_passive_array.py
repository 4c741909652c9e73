"""A passive array that reads well and cannot be written: why, and what mends it.

`mtjspice layout` does all of this and more in one go; here are three of its analyses, by hand.
"""

from pathlib import Path

import numpy as np

from mtjspice.collect import Simulator
from mtjspice.layout.access import fit_conditions
from mtjspice.layout.circuit import nominal_condition
from mtjspice.layout.disturb import write_findings, write_plan
from mtjspice.layout.read import measure, worst_patterns
from mtjspice.layout.sense import margins, worst_reads
from mtjspice.spec import Layout, read_spec

HERE = Path(__file__).parent
layout = read_spec(HERE / "layout.toml", Layout)
condition = nominal_condition(layout)

with Simulator() as simulator:
    # 1. Does it read? The worst pattern of states is searched for, among 2^225.
    fitted = fit_conditions(layout, [condition], simulator)[condition]
    patterns = worst_patterns(layout, fitted)
    read = measure(layout, fitted, np.stack(list(patterns.values())))
    for name, drop in zip(patterns, read.values["ir_drop"], strict=True):
        print(f"{name}: the worst cell misses {100 * drop:.1f} % of the read voltage")

    # 2. Does every line tell sums that differ by six P cells, in its hardest reads?
    lines = margins(layout, fitted, worst_reads(layout, fitted), threshold=None)
    smallest = float(lines.of_lines.min())
    print(f"smallest margin {1e3 * smallest:.0f} mV, {smallest / layout.sense.offset:.0f} sigmas")

    # 3. Can a cell be written without its neighbours? Lines that are not selected lie at half the
    # pulse. With pulses of nanoseconds the current that switches a cell in time is so far above the
    # critical one that half of it still switches others. Slow pulses work by thermal activation,
    # which falls exponentially with the current; a thicker free layer keeps the rest.
    flipped = {}
    for file in ("layout.toml", "slow_writes.toml"):
        one = read_spec(HERE / file, Layout)
        plan = write_plan(one)
        results = simulator.run([write.experiment for write in plan])
        found = {f.quantity: f for f in write_findings(one, condition, plan, results)}
        flipped[file] = found["half_select"].value
        print(f"{file}, pulses of {1e9 * one.writing.length:g} ns: ", end="")
        print(f"a write fails with {found['write_error'].value:.1e}; ", end="")
        print(f"of {one.life.writes:g} writes one flips a neighbour with {flipped[file]:.1e}")

assert smallest > layout.limits.margin
assert flipped["layout.toml"] > layout.limits.half_select > flipped["slow_writes.toml"]
