"""What a sign-off is about to simulate, and about how long that takes: said before it starts."""

import contextlib
from pathlib import Path

from mtjspice.collect.simulator import Simulator
from mtjspice.errors import InputError
from mtjspice.reading import read_json
from mtjspice.signoff.chosen import Chosen, Read
from mtjspice.signoff.page_words import duration
from mtjspice.spec.crossbar import Crossbar
from mtjspice.spec.signoff import SignOff
from mtjspice.spec.size import sweeps_seconds

SUMMED, VECTORS = "SPICE, summed over workers and runs", "tile vectors"
"""Names of times of a condition."""
RAN, FOUND = "simulations run", "simulations found"
"""Names of counts of a run."""
MOST_OF_THEM = 0.8
"""Share of the images from which on margins save little."""


class Expected:
    """What a sign-off is about to simulate, in words, and what is learned of how long that takes.

    Args:
        out: folder of the report, which may hold one from before; None where there is none.
        crossbar: of a tile.
        simulator: SPICE, with its store.
        spec: what is asked.
        full: whether every image is simulated.

    Attributes:
        pace: how many times as long simulations here take as they are estimated to take.
    """

    def __init__(
        self,
        out: Path | None,
        crossbar: Crossbar,
        simulator: Simulator,
        spec: SignOff,
        *,
        full: bool,
    ):
        self.crossbar, self.simulator, self.spec, self.full = crossbar, simulator, spec, full
        self._ran, self._found = simulator.ran, simulator.found
        self.pace = 1.0
        if out is None:
            return
        with contextlib.suppress(InputError, KeyError, TypeError, ValueError, AttributeError):
            times = read_json(out / "report.json")["times"]
            seconds = sum(v for name, v in times.items() if name.endswith(SUMMED))
            vectors = sum(v for name, v in times.items() if name.endswith(VECTORS))
            self._learn(seconds, times[RAN], times[FOUND], vectors)

    def learn(self, read: Read) -> None:
        """How long one condition took."""
        ran, found = self.simulator.ran - self._ran, self.simulator.found - self._found
        self._ran, self._found = self.simulator.ran, self.simulator.found
        self._learn(read.seconds, ran, found, read.vectors)

    def _learn(self, seconds: float, ran: float, found: float, vectors: float) -> None:
        """Nothing where all was found: it was run elsewhere or long ago."""
        if ran > 0 and seconds > 0:
            self.pace = float(seconds / sweeps_seconds(self.crossbar, ran + found, vectors))

    def said(self, chosen: Chosen) -> str:
        """What is about to be simulated.

        What is in the store is not taken off: the inputs of a second layer, and with them the names
        of its results, are known only once the first is read.
        """
        count = chosen.images if self.full else chosen.unsafe + chosen.audited
        share = count / chosen.images
        why = (
            "" if self.full else f" ({chosen.unsafe:,} not safe, {chosen.audited:,} for the audit)"
        )
        workers, store = self.simulator.jobs, self.simulator.store
        stored = store is not None and any(store.glob("*.nc"))
        work = sweeps_seconds(self.crossbar, chosen.simulations, chosen.vectors)
        return (
            f"{count:,} of {chosen.images:,} images on dies are simulated, {100 * share:.3g} %"
            f"{why}: {chosen.vectors:,} vectors of tiles in {chosen.simulations:,} simulations, "
            f"{'at most ' if stored else ''}about {duration(self.pace * work / workers)} with "
            f"{workers} workers"
            + ("; what is stored already is not simulated again" if stored else "")
            + (_why_most(self.spec) if share > MOST_OF_THEM and not self.full else "")
        )


def _why_most(spec: SignOff) -> str:
    """Why margins save little."""
    if spec.accuracy_bound is not None:
        return f". An audit to accuracy_bound = {spec.accuracy_bound:g} takes most of so few images"
    return ". Of so few images an audit takes most; margins save more the more images there are"
