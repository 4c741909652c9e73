"""What this machine, or the container on it, has for worker processes."""

import math
import os
from collections.abc import Iterator
from pathlib import Path

from mtjspice.errors import InputError

MOST_JOBS = 256
"""Most worker processes of one pool: more wait for one another's memory and files."""
WORKER_MEMORY = 2**29
"""What a worker process needs for arrays as they are in the examples, bytes."""
LEAST_SHARE = 2**31
"""What a worker may hold at least, if the user does not say otherwise, bytes."""
WORKERS_SHARE = 0.75
"""Of the memory: what all workers together may hold."""
ROOT = Path("/")


def default_jobs(root: Path = ROOT) -> int:
    """As many worker processes as there are processors for them and memory, at most `MOST_JOBS`."""
    room = memory(root) // WORKER_MEMORY
    return max(1, min(processors(root), room, MOST_JOBS))


def checked_jobs(jobs: int | None) -> int:
    """The number of worker processes that is asked for; `default_jobs` where none is.

    Raises:
        InputError: if it is not from 1 to `MOST_JOBS`.
    """
    if jobs is None:
        return default_jobs()
    if not 1 <= jobs <= MOST_JOBS:
        allowed = f"from 1 to {MOST_JOBS} worker processes; a cluster (--scheduler) may have more"
        raise InputError(source="--jobs", value=jobs, allowed=allowed)
    return jobs


def processors(root: Path = ROOT) -> int:
    """Processors that this process may use; part of one counts as one.

    Args:
        root: where ``proc`` and ``sys`` are.
    """
    try:
        count = len(os.sched_getaffinity(0))
    except AttributeError:  # macOS
        count = os.cpu_count() or 1
    for folder in _cgroups(root):
        quota, _, period = _read(folder / "cpu.max").partition(" ")
        if quota.isdigit() and period.isdigit() and int(period) > 0:
            count = min(count, math.ceil(int(quota) / int(period)))
    return max(1, count)


def memory(root: Path = ROOT) -> int:
    """Bytes of memory of this machine, or of the container if that has less.

    Args:
        root: where ``proc`` and ``sys`` are.
    """
    found = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    limits = (_read(folder / "memory.max") for folder in _cgroups(root))
    return min([found, *(int(limit) for limit in limits if limit.isdigit())])


def memory_share(jobs: int, root: Path = ROOT) -> int:
    """Bytes that each of some workers may hold if the user does not say otherwise."""
    return max(LEAST_SHARE, int(WORKERS_SHARE * memory(root) / jobs))


def _cgroups(root: Path) -> Iterator[Path]:
    """Folders of this process's control groups (version 2), the innermost first.

    A limit on any of them binds, those that stand further out too.
    """
    lines = _read(root / "proc" / "self" / "cgroup").splitlines()
    inner = next((line[3:] for line in lines if line.startswith("0::/")), None)
    if inner is None:
        return
    # In a container the path may be the host's, of which only some folders are there.
    names = [name for name in inner.split("/") if name not in ("", "..")]
    for mount in (root / "sys" / "fs" / "cgroup", root / "sys" / "fs" / "cgroup" / "unified"):
        if (mount / "cgroup.controllers").is_file():
            yield from (mount.joinpath(*names[:depth]) for depth in range(len(names), -1, -1))


def _read(path: Path) -> str:
    """The text of a file of the kernel; nothing if it is not there."""
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return ""
