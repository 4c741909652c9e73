"""The learning rate from step to step: it rises, then falls along a cosine."""

import math

WARM, WARM_SHARE = 200, 0.25
"""Steps over which the rate rises, and the largest share of all steps that these may be. What Adam
divides by is an average that is wrong in its first steps, so that they are too large; some hundred
steps mend that. But a training of few steps would then end before it has had its full rate: half of
a cosine's sum lies in its first third, so a quarter leaves most of it."""
LAST = 0.01
"""Share of the rate that is left at the end."""


def rate_of(step: int, steps: int, whole: float) -> float:
    """The learning rate in a step, counted from 0, of so many in all; `whole` is the largest."""
    done = step / steps
    falling = LAST + (1 - LAST) * 0.5 * (1 + math.cos(math.pi * done))
    return whole * falling * min(1.0, (step + 1) / warm_steps(steps))


def warm_steps(steps: int) -> int:
    """Over how many steps the rate rises, of so many in all."""
    return max(1, min(WARM, int(WARM_SHARE * steps)))
