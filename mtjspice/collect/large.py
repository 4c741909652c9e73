"""What is too large is refused before any of it is started, unless the user says so."""

from pathlib import Path

from mtjspice.collect.machine import default_jobs, memory
from mtjspice.errors import InputError
from mtjspice.spec.size import Size

SHARE = 0.75
"""Of the memory of this machine, or of the container: what a command may take."""
DAY = 86_400.0
"""s; SPICE that takes longer has to be asked for."""


def check_size(
    size: Size, source: str | Path, *, jobs: int | None = None, cluster: bool = False
) -> None:
    """Refuse what takes more memory than there is, or more than a day of SPICE.

    Args:
        size: what is asked for.
        source: the file that asks for it.
        jobs: worker processes here; as many as the machine can have if left out.
        cluster: whether the simulations run elsewhere, on nobody knows how many processors.

    Raises:
        InputError: with the estimate, and what dominates it.
    """
    workers = 0 if cluster else jobs or default_jobs()
    needed, allowed = size.memory(workers), SHARE * memory()
    if needed > allowed:
        raise InputError(
            source=source,
            key="memory",
            value=_bytes(needed),
            allowed=f"about so much would be needed with {workers} workers; a command may take "
            f"{_bytes(allowed)}, {SHARE:.0%} of what this machine or its container has. Most of it "
            f"is for {size.most_memory}. --large goes ahead",
        )
    seconds = 0.0 if cluster else size.core_seconds / min(workers, max(size.simulations, 1.0))
    if seconds > DAY:
        raise InputError(
            source=source,
            key="time",
            value=f"{seconds / DAY:.3g} days",
            allowed=f"SPICE would take about so long with {workers} workers. Most of it is for "
            f"{size.most_time}. --large goes ahead",
        )


def _bytes(count: float) -> str:
    return f"{count / 2**30:.3g} GiB"
