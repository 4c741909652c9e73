"""A whole die in milliseconds: the surrogate with the card that ships, beside ngspice for one tile.

The card was fitted to ngspice; it knows the access transistors and the amplifiers, and says how far
it was from ngspice on tiles that it had never seen.
"""

import time
from pathlib import Path

import torch

from mtjspice import Defect, DieDesign, load_card, read_spec, simulate, tile_experiment
from mtjspice.nn import Surrogate

# 1. The die: 32 tiles, each with its own spread; tile 0 gets a shorted junction and a dead row.
design = read_spec(Path(__file__).parent / "die.toml", DieDesign)
defects = (Defect(kind="short", row=3, column=7), Defect(kind="dead_row", row=20))
design = design.replace(die=design.die.replace(defects=defects))
tiles = [tile_experiment(design, tile) for tile in range(design.tiles)]

# 2. The surrogate solves the circuit of every tile once; after that a read is a few products.
surrogate = Surrogate(load_card("die20k"), level="full")
start = time.perf_counter()
programmed = surrogate.program(tiles)
made = time.perf_counter() - start
chance = torch.Generator().manual_seed(1)
volts = 0.1 * (2 * torch.rand(32, 1000, 25, generator=chance, dtype=torch.float64) - 1)
start = time.perf_counter()
currents = surrogate(volts, programmed)  # [tile, vector, column], A
outputs = surrogate.amplified(currents)  # V
took = time.perf_counter() - start
print(f"{design.tiles} tiles: {made:.2f} s for the circuits, then {took:.2f} s for 32,000 reads")

# 3. One tile in SPICE, with the same inputs as the surrogate.
trial = tiles[0]
spice = torch.from_numpy(simulate(trial)["current"].to_numpy())
fast = surrogate(torch.from_numpy(trial.stimulus.volts.copy()), programmed)[0]
full_scale = 25 * 0.1 / design.crossbar.cell.mtj.r_p
worst = float((fast - spice).abs().max()) / full_scale
bound = float(programmed.errors.bound[0])
print(f"the defective tile: largest difference from ngspice {100 * worst:.4f} % of full scale")
print(f"its bound, for any inputs: {100 * bound:.4f} %; {len(programmed.nodal)} tiles read nodally")
assert worst < bound
