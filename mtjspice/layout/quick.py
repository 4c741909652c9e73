"""What a quick run leaves out."""

from collections.abc import Sequence

from mtjspice.layout.quantities import Condition
from mtjspice.spec.layout import Layout, samples_for

QUICK_SAMPLES = 500
"""Arrays that a quick run draws, unless the yield that is asked for needs more."""
SPARE = 1.5
"""Samples of a quick run, in units of those that the yield needs if all of them are good."""
QUICK_LARGEST, QUICK_GROWTH = 64, 1.5
"""Most rows and columns that a quick run tries, or so many times those of the layout."""


def quickened(layout: Layout) -> Layout:
    """The layout with fewer samples."""
    plan = layout.monte_carlo
    asked = layout.limits.array_yield
    needed = samples_for(asked, plan.confidence) if asked else 1
    samples = min(plan.samples, max(QUICK_SAMPLES, round(SPARE * needed)))
    return layout.replace(
        monte_carlo=plan.replace(samples=samples, tail=min(plan.tail, QUICK_SAMPLES))
    )


def quick_largest(layout: Layout) -> int:
    """Most rows and columns of the search over sizes."""
    own = max(layout.crossbar.shape)
    return max(own, min(layout.largest, max(QUICK_LARGEST, round(QUICK_GROWTH * own))))


def quick_conditions(conditions: Sequence[Condition]) -> tuple[Condition, ...]:
    """The nominal condition, and the ends of supply and temperature of every other process.

    Where there is no other process, those of the nominal one.
    """
    nominal, *others = conditions
    others = [c for c in others if c.process != nominal.process] or others
    supplies, degrees = {c.supply for c in others}, {c.temperature for c in others}
    ends = [
        c
        for c in others
        if c.supply in (min(supplies), max(supplies))
        and c.temperature in (min(degrees), max(degrees))
    ]
    return (nominal, *ends)
