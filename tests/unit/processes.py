"""Whether processes live, for tests that end some."""

import os
import time
from pathlib import Path


def lives(process: int) -> bool:
    """Whether a process is there, and not only waits to be counted as dead."""
    return _fields(process)[:1] not in ([], ["Z"])


def busy_s(process: int) -> float:
    """Processor time that a process has taken, s."""
    fields = _fields(process)
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def gone_within(process: int, seconds: float) -> bool:
    """Whether a process ends in time."""
    until = time.monotonic() + seconds
    while lives(process) and time.monotonic() < until:
        time.sleep(0.05)
    return not lives(process)


def _fields(process: int) -> list[str]:
    try:
        status = Path(f"/proc/{process}/stat").read_text()
    except FileNotFoundError:
        return []
    return status.rsplit(")", 1)[1].split()  # in front of it stands the program's name
