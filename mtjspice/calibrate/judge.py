"""The held-out errors of a card against the limits of its spec: figures, and what they come to."""

from collections.abc import Mapping, Sequence

from mtjspice.calibrate.errors import Reads
from mtjspice.calibrate.held import MEASURES, SIGNAL, asked_of, held
from mtjspice.surrogate.card import Card, HeldOut
from mtjspice.verdicts.figures import Figure, Verdict, at_least, at_most, verdict_of


def verdict_of_card(card: Card, figures: list[Figure]) -> Verdict:
    """What the limits come to; nothing passes of which nothing was asked."""
    found = verdict_of(figures)
    if found is Verdict.PASS and not card.circuit.limits.of_errors:
        return Verdict.INCONCLUSIVE
    return found


def judge(
    card: Card, reads: Mapping[str, Sequence[Reads]], followed: dict[str, float]
) -> list[Figure]:
    """Every figure of a card.

    Args:
        card: with its errors.
        reads: of the level ``full``, by group.
        followed: how well access devices follow their sweeps, V.
    """
    limits = card.circuit.limits
    figures = [
        _measured(line, measure)
        for line in card.errors
        for measure in MEASURES
        if measure != SIGNAL and getattr(line, measure) is not None
    ]
    asked = asked_of(limits)
    sure = 1 - (1 - limits.confidence) / len(asked)  # Bonferroni: all of them hold together
    figures += [
        held(one, card, reads.get(one.group, ()), sure)
        for one in asked
        if one.measure != SIGNAL or one.group in reads
    ]
    figures += _of_bounds(card)
    for device, volts in followed.items():
        how = "fit of the access device against its sweeps in SPICE"
        figures.append(at_most(f"access device, {device} thresholds", volts, None, "V", how))
    share = 1 - len(card.failed) / card.planned
    how = f"{card.planned} planned, {len(card.failed)} failed"
    least = limits.completed - 1e-9
    figures.append(at_least("simulations completed", share, least, "share", how))
    return figures


def _measured(line: HeldOut, measure: str) -> Figure:
    """One number of a group, as it was seen."""
    word, unit = MEASURES[measure]
    how = f"{line.tiles} tiles, {line.reads} output currents; {line.level} − SPICE"
    return at_most(f"{line.group}, {line.level}: {word}", getattr(line, measure), None, unit, how)


def _of_bounds(card: Card) -> list[Figure]:
    """The largest error of each group over the bound of its tile, always to be at most 1."""
    return [
        at_most(
            f"{line.group}: largest error over the bound of its tile",
            line.over_bound,
            1.0,
            "",
            f"{line.tiles} tiles, {line.by_nodal} of them read by the nodal solver; bounds from a "
            f"search on each tile, times {card.bound.margin:g}, and "
            f"{card.bound.nodal.bound:.1e} of full scale for the nodal solver "
            f"({card.bound.shorted.bound:.1e} on tiles with shorts)",
        )
        for line in card.errors
        if line.over_bound is not None
    ]
