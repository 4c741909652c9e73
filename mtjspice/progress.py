"""How far a command is: bars on a terminal, lines in a log."""

import contextlib
import time
from collections.abc import Iterator
from typing import Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from mtjspice.tables import made_console

EVERY = 10.0
"""s from one line about a kind of step to the next, in a log."""


class Told(Protocol):
    """Shows how far a command is."""

    def __call__(self, what: str, done: int, total: int) -> None:
        """So many of so many steps are done."""

    def say(self, text: str) -> None:
        """A line that stays."""


class _Rate(ProgressColumn):
    """Steps a second, of late."""

    def render(self, task: Task) -> Text:
        """Nothing where it is not known yet."""
        return Text("" if task.speed is None else f"{task.speed:.3g}/s")


class Bars:
    """Bars, one for each kind of step, and lines above them.

    Args:
        bars: where they are shown.
    """

    def __init__(self, bars: Progress):
        self._bars, self._tasks = bars, dict[str, TaskID]()

    def __call__(self, what: str, done: int, total: int) -> None:
        """So many of so many steps are done."""
        if what not in self._tasks:
            self._tasks[what] = self._bars.add_task(what, total=total)
        self._bars.update(self._tasks[what], completed=done, total=total)

    def say(self, text: str) -> None:
        """A line that stays."""
        self._bars.console.print(text, soft_wrap=True, highlight=False)


class Lines:
    """Lines, as a log keeps them: of each kind of step the first, some in between, and the last.

    Args:
        console: on which they are printed.
    """

    def __init__(self, console: Console):
        self._console, self._start = console, time.monotonic()
        self._said, self._waiting = dict[str, float](), dict[str, tuple[int, int]]()
        self._ended = set[str]()

    def __call__(self, what: str, done: int, total: int) -> None:
        """So many of so many steps are done."""
        if what not in self._said:
            self.finish()
        now, over = time.monotonic(), done == total and what not in self._ended
        self._waiting[what] = done, total
        if over or now - self._said.get(what, -EVERY) >= EVERY:
            self._print(what, now)
        if over:
            self._ended.add(what)

    def finish(self) -> None:
        """Say what was not said yet."""
        for what in tuple(self._waiting):
            self._print(what, time.monotonic())

    def _print(self, what: str, now: float) -> None:
        done, total = self._waiting.pop(what)
        self._said[what] = now
        self.say(f"{what}: {done:,}/{total:,} after {now - self._start:.0f} s")

    def say(self, text: str) -> None:
        """A line that stays."""
        self._console.print(text, soft_wrap=True, highlight=False)


@contextlib.contextmanager
def progress() -> Iterator[Told]:
    """Shows how far a command is, on stderr."""
    console = made_console(stderr=True)
    if not console.is_terminal:
        lines = Lines(console)
        try:
            yield lines
        finally:
            lines.finish()
        return
    columns = (
        TextColumn("{task.description:>10}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as shown:
        yield Bars(shown)
