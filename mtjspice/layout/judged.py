"""Quantities at their worst against limits, with the values that their netlists print."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from mtjspice.collect.simulator import Simulator
from mtjspice.layout.decks import proofs
from mtjspice.layout.findings import Finding, Judged, LineMargins, Waveform
from mtjspice.layout.needed import needed
from mtjspice.layout.quantities import QUANTITIES, Condition
from mtjspice.layout.sense import Margins
from mtjspice.spec.layout import Layout
from mtjspice.verdicts.figures import Figure, Verdict, together


def judge(layout: Layout, nominal: Condition, findings: Sequence[Finding]) -> tuple[Judged, ...]:
    """Every quantity that was found, at its worst, against its limit.

    A limit holds if it holds under every condition, and is broken if it is under one. The worst of
    a quantity with an interval is where it is broken, or not decided, if there is such a condition.
    """
    lines = []
    for name, quantity in QUANTITIES.items():
        of_one = [found for found in findings if found.quantity == name]
        if not of_one:
            continue
        limit = layout.limits.given.get(name)
        holding = None if limit is None else {found.keeps(limit) for found in of_one}
        holds = None if holding is None else next(h for h in (False, None, True) if h in holding)
        if limit is not None:
            of_one = [found for found in of_one if found.keeps(limit) is holds]
        worst = of_one[0]
        for found in of_one[1:]:
            worst = found if quantity.worse(found.value, worst.value) else worst
        at_nominal = next(
            (f for f in findings if f.quantity == name and f.condition == nominal), None
        )
        would = "" if limit is None or holds is not None else needed(worst, limit)
        lines.append(Judged(quantity, worst, at_nominal, limit, holds, "", would))
    return tuple(lines)


def broken_at(layout: Layout, condition: Condition, findings: Sequence[Finding]) -> tuple[str, ...]:
    """The limits that findings break under a condition; those not decided are not among them."""
    given = layout.limits.given
    return tuple(
        found.quantity
        for found in findings
        if found.condition == condition
        and found.quantity in given
        and found.keeps(given[found.quantity]) is False
    )


def verdict_of_layout(judged: Sequence[Judged], figures: Sequence[Figure]) -> Verdict:
    """What the limits come to; they rest on levels that agree, so that these must do so, too."""
    asked = [line.verdict for line in judged if line.verdict is not None]
    levels = [figure.verdict for figure in figures if figure.verdict is not None]
    return together([*asked, *levels] if asked else asked)


def as_printed(
    layout: Layout,
    nominal: Condition,
    findings: Sequence[Finding],
    simulator: Simulator,
    told: Callable[[int, int], None],
) -> tuple[tuple[Judged, ...], tuple[str, ...], tuple[Finding, ...]]:
    """The worst cases with the values that their netlists print; the netlists; all findings.

    Worst cases are found by the nodal solver and in transients of the whole array. Where a netlist
    prints a better value than another condition has, that one is the worst, and its netlist is run,
    too.

    Raises:
        SimulationError: if a netlist does not run.
    """
    known = tuple(findings)
    texts: dict[int, str] = {}
    while True:
        judged = judge(layout, nominal, known)
        waiting = [line for line in judged if id(line.worst) not in texts]
        if not waiting:
            return judged, tuple(texts[id(line.worst)] for line in judged), known
        for line, proof in zip(waiting, proofs(layout, waiting, simulator, told), strict=True):
            texts[id(proof.worst)] = proof.netlist
            known = tuple(proof.worst if one is line.worst else one for one in known)


def with_smallest(
    lines: LineMargins | None,
    of_condition: Mapping[Condition, Margins],
    judged: Sequence[Judged],
    latch: Callable[[Condition], float | None],
) -> LineMargins | None:
    """The margins of the lines in the condition of the smallest, as its netlist prints that one.

    Two lines may have the same margin, and two conditions, but for what levels differ by: line and
    condition are those of the netlist, so that all who name the smallest margin name the same one.

    Args:
        lines: as the nodal solver has them.
        of_condition: their margins under every condition.
        judged: all quantities, with what netlists print.
        latch: standard deviation of the latch's offset under a condition, V.
    """
    if lines is None:
        return None
    smallest = next(line.worst for line in judged if line.quantity.name == "margin")
    condition, line = smallest.condition, smallest.shown.column
    assert line is not None
    worst = of_condition[condition].of_lines.copy()
    worst[line] = smallest.value
    own = lines.latch if condition == lines.condition else latch(condition)
    return replace(lines, worst=worst, condition=condition, line=line, latch=own)


def with_settling(waveform: Waveform, nominal: Condition, judged: Sequence[Judged]) -> Waveform:
    """The nominal read with its settling time as the netlist prints it, where that is stated."""
    stated = next(line.worst for line in judged if line.quantity.name == "settling")
    return replace(waveform, settled=stated.value) if stated.condition == nominal else waveform
