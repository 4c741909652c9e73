"""The stated figures of a sign-off, held against its limits."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import assert_never

import numpy as np

from mtjspice.signoff.findings import (
    DieRead,
    Floats,
    GivenAccuracy,
    Ints,
    Judged,
    Known,
    OtherWeights,
    Reference,
    Statement,
)
from mtjspice.signoff.known import count_failing, known_of, share_of_dies, verdicts_of_dies, wanted
from mtjspice.signoff.population import Doubt, Quantity, Seen, Sign, doubt_of, seen_of
from mtjspice.spec.signoff import SignOff, SignOffLimits
from mtjspice.verdicts.chance import least_accuracy, way_from_chance
from mtjspice.verdicts.figures import (
    DIFFERENCE,
    Figure,
    Interval,
    Verdict,
    at_least,
    at_most,
    kept,
)

NOT_SIMULATED = "not simulated"
"""In the place of a number of SPICE, where it saw no image."""
JOINED = "the two are joined in the one interval, in which they overlap"
"""Of what is open as images are a sample, and as not all were simulated."""


@dataclass(frozen=True)
class Accuracies:
    """Shares of rightly classified images, float64 [die]; those of SPICE as far as simulated."""

    software: Floats
    surrogate: Floats
    spice: Floats


def accuracies(judged: Judged, labels: Ints) -> Accuracies:
    """Of all dies under one condition; what SPICE has not seen counts as the surrogate says."""

    def right(classes: Callable[[DieRead], Ints]) -> Floats:
        return np.array([float((classes(die) == labels).mean()) for die in judged.dies])

    return Accuracies(
        software=right(lambda die: die.software),
        surrogate=right(lambda die: die.surrogate),
        spice=right(lambda die: die.final),
    )


def failing(seen: Seen, limits: SignOffLimits) -> list[int]:
    """Numbers of the dies that lose too much, or are too bad, on the images given."""
    fails = np.zeros(seen.dies, dtype=np.bool_)
    if limits.drop_die is not None:
        fails |= (seen.compared - seen.right).mean(axis=1) > limits.drop_die
    if limits.accuracy_die is not None:
        fails |= seen.right.mean(axis=1) < limits.accuracy_die
    return [int(n) for n in np.flatnonzero(fails)]


@dataclass(frozen=True)
class Asked:
    """What figures are made of, besides what was read.

    Attributes:
        spec: with the limits.
        labels: int64 [image].
        chance: accuracy of who always says the most frequent class.
        clipping: share of an amplifier's reads that may be at a limit, where the spec has no limit.
        reference: what drops are counted from; None for the same weights in software.
        numbers: int64 [image], of the images among all test images; None for their order.
    """

    spec: SignOff
    labels: Ints
    chance: float
    clipping: float
    reference: Reference | None = None
    numbers: Ints | None = None


def judge(asked: Asked, judged: Sequence[Judged]) -> tuple[tuple[Known, ...], list[Figure]]:
    """What is known under each condition, and the figures of each, in their order."""
    all_known, figures = list[Known](), list[Figure]()
    for one in judged:
        seen = seen_of(one, asked.labels, asked.reference)
        known = known_of(seen, asked.spec, len(judged))
        suffix = f", {one.condition}" if len(judged) > 1 else ""
        of_one = (*_of_classes(asked, one, seen, known, len(judged)), *_of_reads(asked, one))
        figures += [figure.named(figure.name + suffix) for figure in of_one]
        all_known.append(known)
    return tuple(all_known), figures


def _of_classes(
    asked: Asked, judged: Judged, seen: Seen, known: Known, conditions: int
) -> list[Figure]:
    """What becomes of the images, and where that lies for all images like them."""
    spec, limits, statement = asked.spec, asked.spec.limits, judged.statement
    doubt = doubt_of(spec, conditions)
    found = accuracies(judged, asked.labels)
    over = f"{_over(seen.dies)}, {_counted(seen.images, 'image')}{' each' * (seen.dies > 1)}"
    lost = (seen.compared - seen.right).mean(axis=1)
    worst = int(np.argmax(lost))
    least = least_accuracy(limits.accuracy, limits.above_chance, asked.chance)
    flips = int(seen.flipped.sum())
    from_what = compared_with(asked.reference)
    why = way_from_chance(limits.accuracy, limits.above_chance, asked.chance)

    def held(
        sign: Sign, name: str, quantity: Quantity, limit: float | None, interval: Interval,
        how: str, unit: str = "share",
    ) -> Figure:  # fmt: skip
        make = at_least if sign == ">=" else at_most
        figure = make(name, quantity.mean, limit, unit, how, interval)
        if limit is None or figure.verdict is not Verdict.INCONCLUSIVE:
            return figure

        def decided(images: float, dies: float) -> bool:
            return quantity.keeps(limit, sign, doubt, 0.0, images, dies) is not None

        return replace(figure, needed=wanted(seen, doubt, decided))

    figures = [
        at_least("accuracy, software", float(found.software.mean()), None, "share", over),
        *_of_reference(asked, seen),
        at_least("accuracy, surrogate", float(found.surrogate.mean()), None, "share", over),
        held(">=", "accuracy, SPICE", seen.accuracy, least, known.accuracy,
             f"{over}; {seen_words(statement)}{_population(spec)}"
             + (f"; the limit is {why}" if why else "")),
        held("<=", "accuracy lost, mean over dies", seen.lost, limits.drop_mean, known.lost,
             f"{from_what} less SPICE, image by image", DIFFERENCE),
        at_most("accuracy lost on the worst die", float(lost[worst]), None, DIFFERENCE,
                f"{judged.dies[worst].name}; {from_what} less SPICE; the interval is for the worst "
                "of all dies", _worst(known)),
        *_of_failing(spec, seen, known, doubt),
        held("<=", "flipped classes, share", seen.flips, limits.flips, known.flips,
             f"{flips} found, surrogate to SPICE, of {statement.images}; at most "
             f"{statement.left} more among those not simulated"),
        at_most("classes changed by the circuit, share", known.changed, None, "share",
                "software to SPICE"),
        at_most("accuracy, standard deviation over dies", known.spread, None, DIFFERENCE,
                "how dies differ, on the same images"),
        at_most("accuracy, open as images are a sample", known.sampled, None, DIFFERENCE,
                "by itself: half the width of the interval if every image were simulated"),
        at_most("accuracy, open as not all were simulated", known.unseen, None, DIFFERENCE,
                "by itself: the audit’s bound on what flips do to the mean of the images given"),
        at_most("accuracy, open altogether", known.half, None, DIFFERENCE,
                f"half the width of the interval; {JOINED}"),
    ]  # fmt: skip
    return figures if statement.simulated else [_not_simulated(figure) for figure in figures]


NUMBERS = ("accuracy, software", "accuracy, surrogate", "accuracy, reference", "accuracy, open")
"""How figures begin that are numbers though SPICE saw no image."""


def _not_simulated(figure: Figure) -> Figure:
    """The same without a number, where SPICE saw no image; where it may lie remains.

    Accuracies of other levels, and what leaves that in SPICE open, are numbers all the same.
    """
    if figure.name.startswith(NUMBERS):
        return figure
    return replace(figure, value=NOT_SIMULATED)


def seen_words(statement: Statement) -> str:
    """How much SPICE saw, before what is said of it; nothing if that was everything."""
    if statement.simulated == statement.images:
        return ""
    return (
        f"{statement.simulated:,} of {statement.images:,} simulated in SPICE, "
        "the classes of the others are the surrogate’s; "
    )


def _of_reads(asked: Asked, judged: Judged) -> list[Figure]:
    """Margins, amplifiers, and how much was simulated: of the images given."""
    spec, statement, dies = asked.spec, judged.statement, judged.dies
    margins = [die.worst_margin(asked.labels) for die in dies]
    narrow = int(np.nanargmin([m for m, _ in margins])) if _any(margins) else 0
    safety = np.stack([die.safety for die in dies])
    least = np.argmin(np.where(np.isnan(safety), np.inf, safety))
    unsafe, image = (int(n) for n in np.unravel_index(least, safety.shape))
    clipped = [max(die.clipped, die.spice_clipped) for die in dies]
    allowed = asked.clipping if spec.limits.clipped is None else spec.limits.clipped
    return [
        at_least("worst margin", margins[narrow][0], spec.limits.margin, "times the leads' spread",
                 f"{dies[narrow].name}, {_image(asked, margins[narrow][1])}: least lead of a class "
                 "that the surrogate finds rightly, over the standard deviation of the leads over "
                 "all images; SPICE where simulated; says nothing of errors"),
        at_least("least safety", float(safety[unsafe, image]), None, "times the bound of its error",
                 f"{dies[unsafe].name}, {_image(asked, image)}: least lead over {spec.guard:g} "
                 "standard deviations of what the card's errors do to it; a class is safe above 1"),
        at_most("amplifier outputs at a limit, worst die", float(np.max(clipped)), allowed,
                "share", f"{dies[int(np.argmax(clipped))].name}; surrogate for all images, "
                "SPICE for those simulated, whichever is larger"),
        at_most("bound on accuracy", statement.accuracy, spec.accuracy_bound, DIFFERENCE,
                f"what flips among images not simulated can do to the mean, "
                f"{100 * statement.confidence:.4g} % confidence by itself"),
        at_most("share simulated in SPICE", statement.simulated / statement.images, None, "share",
                f"{statement.unsafe} not safe, {statement.audited} for the audit, "
                f"of {statement.images}"),
    ]  # fmt: skip


def _of_reference(asked: Asked, seen: Seen) -> list[Figure]:
    """The accuracy that drops are counted from, where it is not that of the same weights."""
    match asked.reference:
        case None:
            return []
        case GivenAccuracy(share):
            return [at_least("accuracy, reference", share, None, "share", "as it was given")]
        case OtherWeights(source, _):
            value = float(seen.compared.mean())
            return [at_least("accuracy, reference", value, None, "share",
                             f"{source}, in software, on the same images")]  # fmt: skip
        case _:
            assert_never(asked.reference)


def compared_with(reference: Reference | None) -> str:
    """What drops are counted from, in a word."""
    return "software" if reference is None else "reference"


def _of_failing(spec: SignOff, seen: Seen, known: Known, doubt: Doubt) -> list[Figure]:
    limits = spec.limits
    value = len(failing(seen, limits))
    judging = limits.failing_dies if limits.on_dies else None
    how = _failing_words(spec)
    open_dies = int(known.failing.high - known.failing.low)
    how += f"; {_counted(open_dies, 'die')} not decided" if open_dies else ""
    interval = known.failing if limits.on_dies else None
    figure = at_most("dies that fail", value, judging, "", how, interval)

    def undecided(images: float) -> Interval:
        return count_failing(verdicts_of_dies(seen, limits, doubt, 0.0, images))

    if figure.verdict is Verdict.INCONCLUSIVE and judging is not None:
        count = judging

        def decided(images: float, _: float) -> bool:
            found = undecided(images)
            return kept(found.low, found.high, count, "<=") is not None

        figure = replace(figure, needed=wanted(seen, replace(doubt, sample=False), decided))
    share = known.failing_share
    if share is None or not limits.on_dies:
        return [figure]
    of_all = at_most("dies that fail, share of all such dies", value / seen.dies,
                     limits.failing_share, "share", "the dies given are a sample of them",
                     share)  # fmt: skip
    if of_all.verdict is Verdict.INCONCLUSIVE and limits.failing_share is not None:
        limit = limits.failing_share

        def enough(images: float, dies: float) -> bool:
            count = undecided(images) if images != 1.0 else known.failing
            scaled = Interval(dies * count.low, dies * count.high, 1.0)
            found = share_of_dies(scaled, dies * seen.dies, doubt)
            return kept(found.low, found.high, limit, "<=") is not None

        of_all = replace(of_all, needed=wanted(seen, doubt, enough))
    return [figure, of_all]


def _worst(known: Known) -> Interval:
    """The largest of what the dies lose."""
    dies = known.lost_on_dies
    low, high = max(die.low for die in dies), max(die.high for die in dies)
    return Interval(low, high, dies[0].confidence)


def _population(spec: SignOff) -> str:
    dies = "all dies like these" if spec.dies == "sample" else "these dies"
    return (
        f"the interval is for all images like these on {dies}, "
        f"{100 * spec.confidence:g} % for everything in this report together"
    )


def _over(dies: int) -> str:
    return f"mean over {dies} dies" if dies > 1 else "one die"


def _counted(count: int, one: str) -> str:
    return f"{count} {one}{'' if count == 1 else 's'}"


def _any(margins: Sequence[tuple[float, int]]) -> bool:
    return any(image >= 0 for _, image in margins)


def _image(asked: Asked, place: int) -> str:
    if place < 0:
        return "no image"
    return f"image {place if asked.numbers is None else asked.numbers[place]}"


def _failing_words(spec: SignOff) -> str:
    limits = spec.limits
    words = []
    if limits.drop_die is not None:
        words.append(f"lose more than {100 * limits.drop_die:g} points")
    if limits.accuracy_die is not None:
        words.append(f"have an accuracy below {100 * limits.accuracy_die:g} %")
    return "dies that " + " or ".join(words) if words else "no limit was set"
