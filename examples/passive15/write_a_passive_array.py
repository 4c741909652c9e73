"""A passive array that reads well and cannot be written: why, and what mends it.

`mtjspice layout` does all of this and more in one go; here are three of its analyses, by hand.
"""

from pathlib import Path

from mtjspice import Layout, NominalLayout, Simulator, read_spec

HERE = Path(__file__).parent
layout = read_spec(HERE / "layout.toml", Layout)

with Simulator() as simulator:
    # 1. Does it read? The worst pattern of states is searched for, among 2^225.
    array = NominalLayout(layout, simulator)
    for name, drop in array.ir_drops().items():
        print(f"{name}: the worst cell misses {100 * drop:.1f} % of the read voltage")

    # 2. Does every line tell sums that differ by six P cells, in its hardest reads?
    smallest = float(array.margins().of_lines.min())
    print(f"smallest margin {1e3 * smallest:.0f} mV, {smallest / layout.sense.offset:.0f} sigmas")

    # 3. Can a cell be written without its neighbours? Lines that are not selected lie at half the
    # pulse. With pulses of nanoseconds the current that switches a cell in time is so far above the
    # critical one that half of it still switches others. Slow pulses work by thermal activation,
    # which falls exponentially with the current; a thicker free layer keeps the rest.
    flipped = {}
    for file in ("layout.toml", "slow_writes.toml"):
        one = read_spec(HERE / file, Layout)
        found = NominalLayout(one, simulator).writes()
        flipped[file] = found["half_select"].value
        print(f"{file}, pulses of {1e9 * one.writing.length:g} ns: ", end="")
        print(f"a write fails with {found['write_error'].value:.1e}; ", end="")
        print(f"of {one.life.writes:g} writes one flips a neighbour with {flipped[file]:.1e}")

assert smallest > layout.limits.margin
assert flipped["layout.toml"] > layout.limits.half_select > flipped["slow_writes.toml"]
