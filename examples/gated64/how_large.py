"""How large may a gated array be? Margin and settling against size, without a transient.

`mtjspice layout examples/gated64/layout.toml` finds the largest size that meets all limits; here
are two of its quantities, by hand.
"""

from pathlib import Path

from mtjspice import Layout, NominalLayout, Simulator, read_spec

# 1. The layout, and the same with narrow rows that are driven from one end only.
layout = read_spec(Path(__file__).parent / "layout.toml", Layout)
row = layout.crossbar.row
thin = row.geometry.replace(width=140e-9)
narrow = layout.replace(
    crossbar=layout.crossbar.replace(row=row.replace(geometry=thin, ends="one"))
)

# 2. The access transistor, from sweeps of one cell in SPICE: all that the nodal solver needs. The
# rows do not change it.
with Simulator() as simulator:
    wide = NominalLayout(layout, simulator)
narrowed = NominalLayout(narrow, simulator, wide.fitted)

# 3. Other sizes: the hardest reads of the first, the middle and the last line are searched for. An
# access device adds 2.8 fF to its source line, as ngspice's transients of gated25 say.
sigmas = {}
for name, described in (("wide, both ends", wide), ("narrow, one end", narrowed)):
    for size in (16, 32, 64):
        one = described.of_size(size)
        smallest = float(one.margins(searched=3).of_lines.min())
        sigmas[name, size] = smallest / layout.sense.offset
        settled = 1e9 * one.settling(2.8e-15)
        print(f"rows {name}, {size} x {size}: ", end="")
        print(f"{sigmas[name, size]:.1f} offset sigmas, settled after {settled:.2f} ns")

# 4. The row that is read carries the current of all cells of its line, the more the larger the
# array. Wide metal and two drivers keep the margin; settling grows with the source lines.
assert sigmas["wide, both ends", 64] > 0.85 * sigmas["wide, both ends", 16]
assert sigmas["narrow, one end", 64] < 0.5 * sigmas["narrow, one end", 16]
