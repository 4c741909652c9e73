"""A netlist by hand, run by the program ngspice without any code of ours."""

import subprocess
from pathlib import Path


def branch_currents(netlist: str, folder: Path) -> dict[str, float]:
    """What a netlist prints of its sources' currents, A, by name, as ``v3#branch``."""
    (folder / "hand.cir").write_text(netlist)
    done = subprocess.run(
        ["ngspice", "-b", "hand.cir"], cwd=folder, capture_output=True, text=True, check=True
    )
    lines = (line.split(" = ") for line in done.stdout.splitlines() if "#branch =" in line)
    return {name.strip(): float(value) for name, value in lines}
