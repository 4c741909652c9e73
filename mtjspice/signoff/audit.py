"""How large an audit has to be: as large as the verdict needs it, for so many images and dies."""

from dataclasses import replace

import numpy as np

from mtjspice.signoff.known import (
    accuracy_of_die,
    confidence_of_a_die,
    count_failing,
    half_width,
    share_of_dies,
    verdicts_of_dies,
)
from mtjspice.signoff.population import Doubt, Seen, doubt_of
from mtjspice.spec.signoff import SignOff
from mtjspice.verdicts.chance import least_accuracy
from mtjspice.verdicts.figures import Verdict, kept, of_holding, together

MOST_OPEN = 0.5
"""What is open because of images that were not simulated, over what is open anyhow, at most."""
MOST_ON_A_DIE = 1.0
"""The same of one die, where nothing is decided and there are limits of a die."""
SLACK = 1.5
"""An audit is chosen as if so many times the flips that it leaves were there."""


def allowed_flips(seen: Seen, spec: SignOff, chance: float, conditions: int) -> int:
    """How many flips an audit may leave open, from what the surrogate says of all images.

    As many as leave a verdict as it would be without any, with some slack; no more than make half
    of what is open anyhow because the images are a sample, where nothing is decided on a die as
    much as that; and no more than the spec allows.

    Args:
        seen: as it is foreseen, before anything is simulated.
        spec: with limits and confidence.
        chance: accuracy of who always says the most frequent class.
        conditions: how many there are.
    """
    doubt, limits = doubt_of(spec, conditions), spec.limits
    images = seen.right.size
    bound = 1.0 if spec.accuracy_bound is None else spec.accuracy_bound
    low, high = 0, int(bound * images + 1e-9)
    narrowest = half_width(seen.accuracy.within(doubt))
    before = foreseen(seen, spec, chance, doubt, 0.0)
    if before is Verdict.INCONCLUSIVE:  # there may be fewer flips than are foreseen
        seen = replace(seen, flipped=np.zeros_like(seen.flipped))
        before = foreseen(seen, spec, chance, doubt, 0.0)

    def on_a_die(left: int) -> float:
        return half_width(accuracy_of_die(seen, 0, confidence_of_a_die(seen, doubt), left))

    def too_many(left: int) -> bool:
        if half_width(seen.accuracy.within(doubt, left)) > (1 + MOST_OPEN) * narrowest:
            return True
        if before is Verdict.INCONCLUSIVE:
            return limits.on_dies and on_a_die(left) > (1 + MOST_ON_A_DIE) * on_a_die(0)
        return foreseen(seen, spec, chance, doubt, SLACK * left) is not before

    while low < high:
        middle = (low + high + 1) // 2
        if too_many(middle):
            high = middle - 1
        else:
            low = middle
    return low


def foreseen(seen: Seen, spec: SignOff, chance: float, doubt: Doubt, left: float) -> Verdict:
    """What the limits on classes come to."""
    limits, held = spec.limits, list[bool | None]()
    least = least_accuracy(limits.accuracy, limits.above_chance, chance)
    if least is not None:
        held.append(seen.accuracy.keeps(least, ">=", doubt, left))
    for limit, quantity in ((limits.drop_mean, seen.lost), (limits.flips, seen.flips)):
        if limit is not None:
            held.append(quantity.keeps(limit, "<=", doubt, left))
    if limits.on_dies:
        failing = count_failing(verdicts_of_dies(seen, limits, doubt, left))
        if limits.failing_dies is not None:
            held.append(kept(failing.low, failing.high, limits.failing_dies, "<="))
        if limits.failing_share is not None:
            share = share_of_dies(failing, seen.dies, doubt)
            held.append(kept(share.low, share.high, limits.failing_share, "<="))
    return together(map(of_holding, held))
