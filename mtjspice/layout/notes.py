"""What a reader of a layout's page should know of how its numbers came about."""

from collections.abc import Mapping

from mtjspice.layout.circuit import conditions_of, has_transistors
from mtjspice.layout.findings import LineMargins
from mtjspice.layout.page_words import spreads_words
from mtjspice.layout.quick import quick_largest
from mtjspice.layout.reference import reference_words
from mtjspice.layout.stages import Bench
from mtjspice.spec.layout import Layout
from mtjspice.spec.unusual import unusual
from mtjspice.units import si


def threshold_notes(layout: Layout, lines: LineMargins | None) -> tuple[str, ...]:
    """What margins take for granted of the threshold and of the latch that compares with it."""
    if lines is None:
        return ()
    said = []
    if layout.sense.threshold == "tracking":
        said.append(
            "The threshold tracks: under every condition it is the middle between the worst low "
            "and the worst high read, which is the best there can be, and it has no spread of its "
            'own. Reference cells (sense.threshold = "reference") come to less.'
        )
    if words := reference_words(layout):
        said.append(
            f"{words[0].upper()}{words[1:]}. Margins, also in sigmas of the offset, take nominal "
            "reference cells; yield and rare failures draw them, without defects."
        )
    if lines.latch is not None and lines.latch_errs is not None:
        given = (
            f"The given offset of {si(layout.sense.offset, 'V')} (standard deviation)"
            if layout.sense.offset > 0
            else "No offset"
        )
        said.append(
            f"{given} is in the place of the latch's own: by the mismatch of its transistors the "
            f"one in the netlists has {si(lines.latch, 'V')}, and at the smallest margin "
            f"({lines.condition}) would decide wrongly {30 * lines.latch_errs:.0f} times of 30. "
            "It has to be trimmed, or larger, to be as good as was given."
        )
    return tuple(said)


def spread_notes(layout: Layout) -> tuple[str, ...]:
    """Which spreads are in what is said of writes and disturb."""
    if layout.writing is None:
        return ()
    return (
        f"Writes and disturb: {spreads_words(layout)}. Mismatch of transistors is left out there.",
    )


def notes(layout: Layout, bench: Bench, same: Mapping[str, str]) -> tuple[str, ...]:
    """What a reader should know of how the report was made.

    Args:
        layout: as it was given.
        bench: on which it was analysed.
        same: processes that were left out, with those that they are the same as.
    """
    said = [f"{found}." for found in unusual(layout)]
    said += [
        f"{left_out} is the same as {one}: the transistors that are in use have the same models in "
        "both. It is simulated once."
        for left_out, one in same.items()
    ]
    if bench.quick:
        said.append(
            f"Quick, not for sign-off: {len(bench.conditions)} of "
            f"{len(conditions_of(layout))} conditions, "
            f"{bench.layout.monte_carlo.samples} of {layout.monte_carlo.samples} samples of the "
            f"yield, {bench.layout.monte_carlo.tail} of {layout.monte_carlo.tail} of rare failures "
            "(monte_carlo.tail; fewer widen the interval of line_failure), sizes up to "
            f"{quick_largest(layout)}."
        )
    said += [f"{found[0].upper()}{found[1:]}." for found in bench.simulator.notes]
    if not has_transistors(layout):
        said.append("Without transistors there is one process.")
    return tuple(said)
