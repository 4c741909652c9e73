"""Work of the nodal solver spread over processes: the same call for many arguments."""

from collections.abc import Callable, Sequence
from concurrent.futures import as_completed
from typing import Any, Protocol, TypeVar

from mtjspice.collect.pool import WorkerPool

T = TypeVar("T")
Told = Callable[[int, int], None]
"""Called with (calls done, calls in all)."""


class Spread(Protocol):
    """Answers calls of one function, in their order."""

    def __call__(
        self, function: Callable[..., T], calls: Sequence[tuple[Any, ...]], told: Told | None = None
    ) -> list[T]:
        """Results of `function` for each tuple of arguments."""
        ...


def in_turn(
    function: Callable[..., T], calls: Sequence[tuple[Any, ...]], told: Told | None = None
) -> list[T]:
    """One call after the other in this process."""
    results = []
    for k, arguments in enumerate(calls):
        results.append(function(*arguments))
        if told:
            told(k + 1, len(calls))
    return results


def over(pool: WorkerPool) -> Spread:
    """Calls in worker processes: the function must be importable, its arguments picklable."""

    def spread(
        function: Callable[..., T], calls: Sequence[tuple[Any, ...]], told: Told | None = None
    ) -> list[T]:
        futures = [pool.submit(function, *arguments) for arguments in calls]
        for k, _ in enumerate(as_completed(futures)):
            if told:
                told(k + 1, len(calls))
        return [future.result() for future in futures]

    return spread
