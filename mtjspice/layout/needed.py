"""How many samples would decide a limit that the interval of what was drawn leaves open."""

import math

from mtjspice.layout.findings import Finding, Sampled
from mtjspice.verdicts.figures import kept
from mtjspice.verdicts.intervals import of_share, rounded_up, samples_needed

DIGITS = 3
"""Of a number of samples that is told."""
MORE = 1.2
"""The interval of a rare failure does not shrink quite as fast as the root says."""
MOST_FACTOR = 1e6
"""So many times more samples are no advice."""


def needed(found: Finding, limit: float) -> str:
    """What would decide the limit at the rate that was seen, in words; empty without samples."""
    told = found.sampled
    if told is None:
        return ""
    counts = []  # of samples; where there are two, the interval is the wider of both
    if told.by_factors:
        counts.append(_of_weights(told, limit))
    if not told.by_factors or told.counted is not None:
        counts.append(_of_counts(told, limit))
    known = [count for count in counts if count is not None]
    count = max(known) if len(known) == len(counts) else None
    if count is None:
        return f"no number of {told.key} would: the estimate lies on the limit, for all one knows"
    return f"{told.key} of about {count:,} would decide"


def _of_counts(told: Sampled, limit: float) -> int | None:
    """Of what is counted: the interval of Clopper and Pearson is worked out for more samples."""
    rate = told.estimate if told.counted is None else told.counted / told.samples

    def decides(samples: float) -> bool:
        within = of_share(rate * samples, samples, told.interval.confidence)
        return kept(within.low, within.high, limit, "<=") is not None

    return samples_needed(told.samples, decides, DIGITS)


def _of_weights(told: Sampled, limit: float) -> int | None:
    """Of a rare failure, whose samples have weights.

    The end of the interval on the other side of the limit comes nearer as one over the root of
    their number, in factors; where no failure was seen, as one over it.
    """
    end = told.interval.high if told.estimate <= limit else told.interval.low
    if told.estimate in (0.0, 1.0):
        reach, distance, power = abs(end - told.estimate), abs(limit - told.estimate), 1
    elif min(end, limit) > 0:
        reach, distance = (abs(math.log(x / told.estimate)) for x in (end, limit))
        power = 2
    else:
        reach, distance, power = abs(end - told.estimate), abs(limit - told.estimate), 2
    factor = (reach / distance) ** power if distance > 0 else math.inf
    return rounded_up(MORE * factor * told.samples) if factor < MOST_FACTOR else None
