"""How far is one array from the matrix product that it stands for?

Describe an array, simulate it in SPICE, and compare with I = G V. Then add something of your own
to the same circuit through PySpice.
"""

from pathlib import Path

import numpy as np

from mtjspice import Experiment, Line, read_nodal, read_spec, simulate, to_circuit

# 1. The description: frozen data, here from a file. It can be changed only by making another one.
experiment = read_spec(Path(__file__).parent / "array.toml", Experiment)
word_lines = Line(resistance=20.0, end=100.0)
longer_wires = experiment.replace(crossbar=experiment.crossbar.replace(row=word_lines))

# 2. What the junctions of this die would give without wires: Ohm's law, solved without a simulator.
bare = experiment.crossbar.replace(row=Line(), column=Line())
ideal = read_nodal(experiment.replace(crossbar=bare))["current"].to_numpy()

# 3. What SPICE says.
for name, described in (("5 Ω a cell", experiment), ("20 Ω a cell", longer_wires)):
    result = simulate(described)
    shortfall = 1 - result["current"].to_numpy() / ideal
    lowest = float((result["cell_voltage"][1] / 0.1).min())
    print(f"{name}: currents up to {100 * shortfall.max():.1f} % below the product;")
    print(f"  with every row at 0.1 V the worst junction gets {100 * lowest:.1f} % of it")

# 4. The same circuit in PySpice, with a capacitor of your own on a bit line.
circuit = to_circuit(experiment)
circuit.C("mine", "bl3_0", circuit.gnd, 2e-15)
print(f"PySpice has the circuit: {len(list(circuit.elements))} elements")
assert np.isfinite(ideal).all()
