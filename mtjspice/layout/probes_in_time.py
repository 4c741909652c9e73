"""How netlists of worst cases in time print their numbers: times and energies.

Latches decide on a line of their own, as in `mtjspice.layout.timing`: where a number has a part of
it, that line stands beside the array as a subcircuit.
"""

from collections.abc import Sequence
from dataclasses import replace

from mtjspice.layout.circuit import full_scale
from mtjspice.layout.probes import Case, Probe
from mtjspice.netlist import nodes
from mtjspice.netlist.circuit import as_expression
from mtjspice.netlist.deck import Added, as_part, build_deck
from mtjspice.netlist.elements import BehaviouralCurrent, BehaviouralVoltage, Element, Resistor
from mtjspice.netlist.nodes import GROUND
from mtjspice.spec.analysis import TransientRead
from mtjspice.spec.experiment import Experiment

LATCHED = "latched_line"
"""Subcircuit of the line that decides beside the whole array."""


def _settled(case: Case) -> Added:
    """Prints when the slowest output stays within what is allowed of its final value."""
    current = case.output(case.column)
    return Added(
        parameters={
            "final_current": case.given["final"],
            "allowed": case.given["allowed"],
            "full_scale": full_scale(case.layout),
        },
        elements=(
            _beyond("unsettled", current, "final_current", "allowed"),
        ),
        printed=("unsettled",),
        measures=(
            f".meas tran settling when v(unsettled)=0 cross=last from=0 to={case.analysis.hold!r}",
        ),
    )  # fmt: skip


def _beyond(name: str, current: str, goal: str, allowed: str) -> BehaviouralVoltage:
    """Above zero while a current is farther from its goal than is allowed."""
    law = f"(abs({current}-{{{goal}}})-{{{allowed}}})/{{full_scale}}"
    return BehaviouralVoltage(name, name, GROUND, law)


SETTLED = "final_current is what the output settles to, allowed how far off it counts as settled, A"


def settling(case: Case) -> Probe:
    """When the slowest output stays within what is allowed of its final value."""
    return Probe({"settling": "s"}, "settling", _settled(case), (SETTLED,))


def _apart(experiment: Experiment) -> BehaviouralVoltage:
    """How far the outputs of the one latch of a line are apart, V."""
    deck = build_deck(experiment)
    ((p, n),) = deck.latch_volts.values()
    return BehaviouralVoltage("apart", "apart", GROUND, f"abs(v({p})-v({n}))")


def _decided(experiment: Experiment) -> tuple[str, ...]:
    """Measures of when that is half the supply, after the edge of the clock."""
    latch, analysis = experiment.periphery.latch, experiment.analysis
    assert latch is not None
    assert isinstance(analysis, TransientRead)
    half, clocked = latch.supply / 2, analysis.sense_at
    return (
        f".meas tran decided_at when v(apart)={half!r} rise=1 td={clocked!r}",
        f".meas tran decision_time param='decided_at-{clocked!r}'",
    )


def decision(case: Case) -> Probe:
    """When the latch of one line has decided, after the edge of its clock."""
    experiment = case.finding.experiment
    added = Added(elements=(_apart(experiment),), printed=("apart",), measures=_decided(experiment))
    says = (
        "one line with its latch, which sees the smallest margin of the array",
        "decided: the outputs of the latch are half the supply apart; its own offset is left out",
    )
    return Probe({"decision_time": "s"}, "decision_time", added, says)


def period(case: Case) -> Probe:
    """Settling, decision and return to rest."""
    added, hold, latched = _settled(case), case.analysis.hold, case.finding.shown.latched
    prints, says, parts = {"settling": "s"}, [SETTLED], ["settling"]
    if case.given["recovered"] > 0:
        latest = int(case.given["latest"])
        back = _beyond("moving", case.output(latest), "rest_current", "allowed_back")
        numbers = {n: case.given[g] for n, g in
                   (("rest_current", "rest"), ("allowed_back", "allowed_back"))}  # fmt: skip
        added = replace(
            added,
            parameters={**added.parameters, **numbers},
            elements=(*added.elements, back),
            printed=(*added.printed, "moving"),
            measures=(
                *added.measures,
                f".meas tran at_rest_again when v(moving)=0 cross=last from={hold!r}",
                f".meas tran recovery param='at_rest_again-{hold!r}'",
            ),
        )
        prints["recovery"], parts = "s", [*parts, "recovery"]
        says.append("rest_current and allowed_back are the same after the read")
    if latched is not None:
        definitions, part = as_part(latched, LATCHED, ["apart"], [_apart(latched)])
        measures = (*added.measures, *_decided(latched))
        printed = (*added.printed, "apart")
        added = replace(
            added, definitions=definitions, parts=(part,), measures=measures, printed=printed
        )
        prints["decision_time"], parts = "s", [*parts, "decision_time"]
        says.append(f"{LATCHED} is one line with its latch at the smallest margin of the array")
    last = f".meas tran read_period param='{'+'.join(parts)}'"
    added = replace(added, measures=(*added.measures, last))
    return Probe(prints | {"read_period": "s"}, "read_period", added, tuple(says))


def energy(case: Case) -> Probe:
    """What a read takes from the supplies, and operations per joule."""
    layout, period, analysis = case.layout, case.analysis.period, case.analysis
    columns, latched = layout.crossbar.columns, case.finding.shown.latched
    own = layout.supply.amplifier * layout.supply.volts * analysis.hold * columns
    numbers = {"supply_volts": layout.supply.volts, "amplifiers": own}
    elements = [*_row_powers(case)]
    measures = [f".meas tran rows_energy integ v(row_power) from=0 to={period!r}"]
    prints, parts = {"rows_energy": "J"}, ["rows_energy", "amplifiers"]
    printed, says = ["row_power"], [
        "rows: what the row drivers take from supply_volts, for array, loads and themselves",
        "amplifiers: their own current while the vector is held, J",
    ]  # fmt: skip
    if (gate := layout.crossbar.cell.gate) is not None and case.deck.gate_currents:
        elements += _summed("gate_power", [
            f"max(-{as_expression(name)},0)*{gate.volts!r}" for name in case.deck.gate_currents
        ])  # fmt: skip
        measures.append(f".meas tran gates_energy integ v(gate_power) from=0 to={period!r}")
        prints["gates_energy"] = "J"
        parts, printed = [*parts, "gates_energy"], [*printed, "gate_power"]
        says.append("gates: the selected gate lines open and close once in a read")
    added = Added()
    if latched is not None:
        assert isinstance(latched.analysis, TransientRead)
        definitions, part = as_part(latched, LATCHED, ["latch_power"], [_latch_power(latched)])
        added = Added(definitions=definitions, parts=(part,))
        clocked, end = latched.analysis.sense_at, latched.analysis.period
        measures += [
            f".meas tran one_latch integ v(latch_power) from={clocked!r} to={end!r}",
            f".meas tran latches_energy param='{columns}*one_latch'",
        ]
        prints["latches_energy"] = "J"
        parts, printed = [*parts, "latches_energy"], [*printed, "latch_power"]
        says.append(
            f"latches: {columns} times what the latch of {LATCHED} and its clock take to decide"
        )
    operations = 2 * layout.rows_read * columns
    measures += [
        f".meas tran energy param='{'+'.join(parts)}'",
        f".meas tran operations_per_joule param='{operations}/energy'",
    ]
    added = replace(
        added, parameters=numbers, elements=tuple(elements), printed=tuple(printed),
        measures=tuple(measures),
    )  # fmt: skip
    prints |= {"energy": "J", "operations_per_joule": "op/J"}
    return Probe(prints, case.finding.quantity, added, tuple(says))


def _row_powers(case: Case) -> list[Element]:
    """What the drivers take from their supply, W: they let it down to the voltage of the row.

    Current that a row gives back is taken at the row's voltage.
    """
    laws = []
    for row, vector in case.deck.row_currents.items():
        into, volts = f"(-{as_expression(vector)})", f"v({nodes.row_end(row)})"
        laws.append(f"max({into},0)*{{supply_volts}}+min({into},0)*{volts}")
    return _summed("row_power", laws)


def _summed(node: str, laws: Sequence[str]) -> list[Element]:
    """The voltage of a node is the sum of many expressions."""
    sources = [BehaviouralCurrent(f"{node}{k}", GROUND, node, law) for k, law in enumerate(laws)]
    return [*sources, Resistor(node, node, GROUND, 1.0)]


def _latch_power(experiment: Experiment) -> BehaviouralVoltage:
    """What the one latch of a line and its clock take from the supply, W."""
    deck = build_deck(experiment)
    latch = experiment.periphery.latch
    assert latch is not None
    (current,) = deck.latch_currents.values()
    clock = f"max(-{as_expression(deck.clock_current)},0)"
    law = f"{latch.supply!r}*({clock}-{as_expression(current)})"
    return BehaviouralVoltage("latch_power", "latch_power", GROUND, law)
