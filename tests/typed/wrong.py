"""The same with three faults, each on a line that says so."""

from mtjspice import Experiment, netlist_text, read_spec, simulate

described = read_spec("examples/array/array.toml", Experiment)
columns = described.crossbar.colums  # fault: no such name
currents = simulate(12)["current"]  # fault: neither a spec nor a file
netlist: int = netlist_text(described)  # fault: text is no number
print(columns, currents, netlist)
