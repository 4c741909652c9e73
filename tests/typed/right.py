"""A script as a user may write it, with nothing wrong in it."""

from pathlib import Path

import mtjspice
from mtjspice import Experiment, read_spec, run_signoff, simulate

described = read_spec("examples/array/array.toml", Experiment)
rows: int = described.crossbar.rows
by_spec = simulate(described)["current"]
by_file = simulate(Path("examples/array/array.toml"))["current"]
difference = float(abs(by_spec - by_file).max())
netlist: str = mtjspice.netlist_text(described)
story = run_signoff("weights", Path("dies"), spec="signoff.toml")
print(rows, difference, netlist, story.verdict)
