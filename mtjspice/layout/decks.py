"""Netlists that print the numbers of a report.

Every quantity at its worst has one, with which plain SPICE prints it; its head says what
is stated, under which condition, and what the circuit does not have. They are run here, and what
they print is what the report states.

Where a number is no property of one circuit (a yield, a probability), the netlist is the worst
array drawn, the most likely failure or the worst cell, and its head says so.
"""

import math
import re
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from mtjspice.collect.simulator import Progress, Simulator
from mtjspice.errors import SimulationError
from mtjspice.layout import probes, probes_in_time
from mtjspice.layout.findings import Finding, Judged
from mtjspice.layout.page_words import nominal_cell, value_and_limit
from mtjspice.layout.probes import Case, Probe
from mtjspice.netlist.deck import Added, build_deck
from mtjspice.netlist.dialect import MAX_LINE
from mtjspice.report.numbers import shown
from mtjspice.report.words import level_words
from mtjspice.spec.layout import Layout

PROBES: Mapping[str, Callable[[Case], Probe]] = {
    "ir_drop": probes.ir_drop,
    "current_error": probes.error,
    "tuned_error": probes.error,
    "nonlinearity": probes.nonlinearity,
    "sneak": probes.sneak,
    "margin": probes.margin,
    "margin_sigmas": probes.margin,
    "array_yield": probes.drawn_array,
    "line_failure": probes.likely_failure,
    "settling": probes_in_time.settling,
    "decision_time": probes_in_time.decision,
    "read_period": probes_in_time.period,
    "energy": probes_in_time.energy,
    "operations_per_joule": probes_in_time.energy,
    "read_disturb": probes.cell,
    "read_disturb_mean": probes.cell,
    "life_disturb": probes.cell,
    "life_disturb_mean": probes.cell,
    "write_voltage": probes.cell,
    "write_error": probes.cell,
    "write_error_mean": probes.cell,
    "half_select": probes.half_selected,
    "half_select_mean": probes.half_selected,
}
"""How the netlist of each quantity prints it."""


def probe_of(case: Case) -> Probe:
    """How a netlist prints a worst case.

    A read that never settles has nothing to print but its course.
    """
    if math.isinf(case.finding.value):
        return Probe({}, "", Added(), ("the read does not settle: there is nothing to measure",))
    return PROBES[case.finding.quantity](case)


def netlist(case: Case, probe: Probe, header: Sequence[str] = ()) -> str:
    """The text of a worst case's netlist."""
    finding, added = case.finding, replace(probe.added, header=tuple(header))
    return build_deck(finding.experiment, finding.shown.devices, added).text


@dataclass(frozen=True)
class Proof:
    """A worst case with its netlist.

    Attributes:
        worst: with the value that the netlist prints, where it prints it.
        netlist: its text.
    """

    worst: Finding
    netlist: str


def proofs(
    layout: Layout, lines: Sequence[Judged], simulator: Simulator, told: Progress | None = None
) -> list[Proof]:
    """The netlist of every worst case, and the value that it prints in the place of the other.

    Raises:
        SimulationError: if one does not run.
    """
    cases = [Case.of(layout, line.worst) for line in lines]
    found = [probe_of(case) for case in cases]
    bodies = [netlist(case, probe) for case, probe in zip(cases, found, strict=True)]
    running = {
        body: simulator.measure(body)
        for body, probe in dict(zip(bodies, found, strict=True)).items()
        if probe.prints
    }
    done = []
    for k, (line, case, probe, body) in enumerate(zip(lines, cases, found, bodies, strict=True)):
        printed = running[body].result() if body in running else {}
        missing = [name for name in probe.prints if name not in printed]
        if missing:
            raise SimulationError(f"{line.quantity.name}: nothing is measured for {missing[0]}")
        stated = replace(line, worst=_stated(line.worst, probe, printed))
        text = netlist(case, probe, header(layout, stated, probe, printed))
        done.append(Proof(stated.worst, text))
        if told:
            told(k + 1, len(lines))
    return done


def _stated(worst: Finding, probe: Probe, printed: Mapping[str, float]) -> Finding:
    """A worst case with the value that its netlist prints, or with what it prints behind that."""
    behind = [
        f"{shown(printed[name], probe.prints[name])} {words}"
        for name, words in probe.behind.items()
    ]
    worst = replace(worst, where="; ".join([worst.where, *behind]))
    value = printed.get(probe.value)
    if value is None:
        return worst
    # The nodal solver and closed forms have found the case; what is stated of it is SPICE's.
    return replace(worst, value=value, level="spice")


def header(
    layout: Layout, line: Judged, probe: Probe, printed: Mapping[str, float]
) -> tuple[str, ...]:
    """The head of a netlist: what is stated, under which condition, what is printed."""
    quantity, worst = line.quantity, line.worst
    value, limit = value_and_limit(line)
    rule = f" (limit {limit})" if limit else ""
    said = [
        f"{quantity.name} of {layout.name}: {quantity.title}",
        f"stated: {value}{rule}, {level_words(worst.level)}",
        f"condition: {worst.condition}",
        "; ".join([f"worst case: {worst.where}", *nominal_cell(line)]),
        *probe.says,
    ]
    said += [
        f"prints {name} = {printed[name]:.6g}: {shown(printed[name], unit)}"
        f"{', the stated value' if name == probe.value else ''}"
        f"{', told beside it' if name in probe.behind else ''}"
        for name, unit in probe.prints.items()
    ]
    noise = ".noise has the thermal noise of junctions, wires, loads and transistors, no shot noise"
    every = [*said, noise] if worst.experiment.analysis.kind == "dc" else said
    return tuple(part for one in every for part in textwrap.wrap(plain(one), MAX_LINE - 2))


PLAIN = str.maketrans(
    {
        **{"\N{NO-BREAK SPACE}": " ", "×": "x", "−": "-", "–": "-", "µ": "u", "°": "deg "},
        **{
            "Ω": "Ohm",
            "σ": "sigma",
            "Δ": "Delta",
            "≤": "<=",
            "≥": ">=",
            "“": '"',
            "”": '"',
            "∞": "inf",
        },
        **dict(zip("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789", strict=True)),
    }
)
"""Letters of netlists, which every tool reads alike."""


def plain(text: str) -> str:
    """A text in ASCII; what has no letter there becomes a question mark."""
    powers = re.sub("10([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)", r"10^\1", text)
    return powers.translate(PLAIN).encode("ascii", "replace").decode()
