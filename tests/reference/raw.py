"""Binary raw files, as ``ngspice -b -r`` writes them."""

import re
from pathlib import Path

import numpy as np


def read_raw(path: Path) -> dict[str, np.ndarray]:
    """The vectors of a binary raw file, by name."""
    head, data = path.read_bytes().split(b"Binary:\n", 1)
    names = re.findall(r"^\t\d+\t(\S+)\t", head.decode(), re.MULTILINE)
    points = np.frombuffer(data, dtype=np.float64).reshape(-1, len(names))
    return dict(zip(names, points.T, strict=True))
