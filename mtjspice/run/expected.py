"""What a sign-off is about to simulate, and about how long that takes: said before it starts."""

import contextlib
from collections.abc import Callable
from pathlib import Path

from mtjspice.errors import InputError
from mtjspice.reading import read_json
from mtjspice.report.signoff_words import duration
from mtjspice.signoff.guided import Chosen
from mtjspice.spec.crossbar import Crossbar
from mtjspice.spec.signoff import SignOff
from mtjspice.spec.size import vector_seconds

SUMMED, VECTORS = "ngspice, summed over workers and runs", "tile vectors"
"""Names of times of a condition."""
MOST_OF_THEM = 0.8
"""Share of the images from which on margins save little."""


def seconds_of_a_vector(out: Path, crossbar: Crossbar) -> float:
    """Of ngspice for an input vector of a tile: as it was measured here before, or estimated."""
    with contextlib.suppress(InputError, KeyError, TypeError, ValueError, AttributeError):
        times = read_json(out / "report.json")["times"]
        vectors = sum(v for name, v in times.items() if name.endswith(VECTORS))
        seconds = sum(v for name, v in times.items() if name.endswith(SUMMED))
        if vectors > 0 and seconds > 0:
            return float(seconds / vectors)
    return vector_seconds(crossbar)


def expected(
    say: Callable[[str], None], rate: float, jobs: int, spec: SignOff, *, full: bool
) -> Callable[[Chosen], None]:
    """Says what is about to be simulated."""

    def told(chosen: Chosen) -> None:
        count = chosen.unsafe + chosen.audited if not full else chosen.images
        share = count / chosen.images
        why = "" if full else f" ({chosen.unsafe:,} not safe, {chosen.audited:,} for the audit)"
        takes = duration(rate * chosen.vectors / jobs)
        say(
            f"{count:,} of {chosen.images:,} images on dies are simulated, {100 * share:.3g} %"
            f"{why}: {chosen.vectors:,} vectors of tiles, about {takes} with {jobs} workers"
            + (_why_most(spec) if share > MOST_OF_THEM and not full else "")
        )

    return told


def _why_most(spec: SignOff) -> str:
    """Why margins save little."""
    if spec.accuracy_bound is not None:
        return f". An audit to accuracy_bound = {spec.accuracy_bound:g} takes most of so few images"
    return ". Of so few images an audit takes most; margins save more the more images there are"
