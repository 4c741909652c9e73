"""What is known of all images like those given, and of all dies, where asked."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from mtjspice.signoff.findings import Known
from mtjspice.signoff.population import Doubt, Seen, doubt_of
from mtjspice.spec.signoff import SignOff, SignOffLimits
from mtjspice.verdicts.figures import Interval, kept
from mtjspice.verdicts.intervals import (
    MOST,
    is_above,
    is_below,
    of_mean,
    of_share,
    samples_needed,
)

ON_DIES = ("drop_die", "accuracy_die")
"""Names of the limits of a die."""
TOO_NEAR = f"more than {MOST:,} images: what was seen lies at the limit"


def verdicts_of_dies(
    seen: Seen, limits: SignOffLimits, doubt: Doubt, left: float | None = None, times: float = 1.0
) -> list[bool | None]:
    """Whether each die keeps its limits; None where that is not decided.

    Args:
        seen: what became of the images.
        limits: of a die.
        doubt: of the statement about all dies.
        left: so many flips may be among what was not simulated, in the place of those of `seen`.
        times: so many times as many images, with the same rates.
    """
    open_flips = seen.left if left is None else left
    confidence = confidence_of_a_die(seen, doubt)
    found = []
    for die in range(seen.dies):
        held: list[bool | None] = []
        if limits.accuracy_die is not None:
            interval = accuracy_of_die(seen, die, confidence, open_flips, times)
            held.append(kept(interval.low, interval.high, limits.accuracy_die, ">="))
        if limits.drop_die is not None:
            values = seen.lost_on_dies[die].times(times)
            if is_below(values, limits.drop_die, confidence, open_flips):
                held.append(True)
            else:
                beyond = is_above(values, limits.drop_die, confidence, open_flips)
                held.append(False if beyond else None)
        found.append(_both(held))
    return found


def confidence_of_a_die(seen: Seen, doubt: Doubt) -> float:
    """Of a statement about one die: its part of the doubt, and half of that for each limit.

    What is known of a single given die are the statements about accuracy and accuracy lost: they
    are about the same numbers, and hold or not as those do.
    """
    alone = seen.dies == 1 and not doubt.sample
    return doubt.confidence if alone else 1 - doubt.each / (2 * seen.dies)


def accuracy_of_die(
    seen: Seen, die: int, confidence: float, left: float, times: float = 1.0
) -> Interval:
    """Where the accuracy of a die lies, for all images like those given."""
    right, unseen = seen.right[die], ~seen.simulated[die]
    fewer, more = int((right & unseen).sum()), int((~right & unseen).sum())
    return of_share(
        times * int(right.sum()), times * right.size, confidence,
        min(left, times * fewer), min(left, times * more),
    )  # fmt: skip


def count_failing(found: Sequence[bool | None]) -> Interval:
    """How many dies fail: those that do for certain, and with those that may."""
    return Interval(found.count(False), len(found) - found.count(True), 1.0)


def known_of(seen: Seen, spec: SignOff, conditions: int) -> Known:
    """What is known under one of so many conditions."""
    doubt = doubt_of(spec, conditions)
    one = confidence_of_a_die(seen, doubt)
    held = {
        name: verdicts_of_dies(seen, limits, doubt)
        for name, limits in _alone(spec.limits)
        if limits.on_dies
    }
    judged = [_both(verdicts) for verdicts in zip(*held.values(), strict=True)]
    failing = count_failing(judged or [True] * seen.dies)
    accuracy = seen.accuracy.within(doubt, seen.left)
    sampled = half_width(seen.accuracy.within(doubt)) if seen.left else half_width(accuracy)

    def joint(interval: Interval) -> Interval:
        return replace(interval, confidence=spec.confidence)

    return Known(
        accuracy=joint(accuracy),
        lost=joint(seen.lost.within(doubt, seen.left)),
        flips=joint(seen.flips.within(doubt, seen.left)),
        of_dies=tuple(
            joint(accuracy_of_die(seen, die, one, seen.left)) for die in range(seen.dies)
        ),
        lost_on_dies=tuple(joint(of_mean(v, one, seen.left)) for v in seen.lost_on_dies),
        compared=tuple(
            float(one.mean()) if seen.given is None else seen.given for one in seen.compared
        ),
        held={name: tuple(verdicts) for name, verdicts in held.items()},
        failing=joint(failing),
        failing_share=joint(share_of_dies(failing, seen.dies, doubt)) if doubt.sample else None,
        sampled=sampled,
        unseen=seen.left / seen.right.size,
        spread=float(seen.right.mean(axis=1).std()),
        changed=float(seen.changed.mean()),
    )


def _alone(limits: SignOffLimits) -> Iterator[tuple[str, SignOffLimits]]:
    """Each limit of a die, and the limits without the others of them."""
    for name in ON_DIES:
        yield name, limits.replace(**{other: None for other in ON_DIES if other != name})


def _both(held: Iterable[bool | None]) -> bool | None:
    """Whether a die keeps all of its limits."""
    found = tuple(held)
    return False if False in found else None if None in found else True


def share_of_dies(failing: Interval, dies: float, doubt: Doubt) -> Interval:
    """Share of all dies that fail, from how many of a sample do."""
    low = of_share(failing.low, dies, doubt.confidence)
    return Interval(low.low, of_share(failing.high, dies, doubt.confidence).high, doubt.confidence)


def half_width(interval: Interval) -> float:
    """Half of what an interval leaves open."""
    return (interval.high - interval.low) / 2


def wanted(
    seen: Seen, doubt: Doubt, decided: Callable[[float, float], bool], word: str = "image"
) -> str:
    """What would decide a limit, in words: images, or dies where those are a sample, or both.

    Args:
        seen: what there is.
        doubt: of the statement.
        decided: whether so many times as many images and dies would, all of them simulated.
        word: for an image.
    """
    if decided(1.0, 1.0):
        return "a larger audit: a smaller accuracy_bound, or --full"
    images, dies = float(seen.images), float(seen.dies)
    more = samples_needed(images, lambda n: decided(n / images, 1.0))
    if more is not None:
        return f"about {more:,} {word}s (now {seen.images:,})"
    if not doubt.sample:
        return TOO_NEAR.replace("image", word)
    more = samples_needed(dies, lambda n: decided(1.0, n / dies))
    if more is not None:
        return f"about {more:,} dies (now {seen.dies:,})"
    more = samples_needed(dies, lambda n: decided(n / dies, n / dies))
    if more is None:
        return TOO_NEAR.replace("image", word)
    factor = more / dies
    return f"about {more:,} dies (now {seen.dies:,}) with {factor:.3g} times as many {word}s"
