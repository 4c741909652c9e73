"""How netlists of worst cases at rest print their numbers.

Beside its circuit a netlist has sources that follow an expression of voltages and currents of the
circuit, and ``.meas`` lines. What the circuit does not have, such as a threshold, is a parameter.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch

from mtjspice.layout.circuit import full_scale, ideal_currents, under
from mtjspice.layout.findings import Finding
from mtjspice.layout.read import SCALES
from mtjspice.layout.reference import reference_words
from mtjspice.netlist.circuit import as_expression
from mtjspice.netlist.deck import Added, Deck, build_deck
from mtjspice.netlist.elements import BehaviouralCurrent, BehaviouralVoltage, Resistor
from mtjspice.netlist.nodes import GROUND
from mtjspice.spec.analysis import TransientRead
from mtjspice.spec.layout import Layout


@dataclass(frozen=True)
class Probe:
    """What a netlist prints, and how.

    Attributes:
        prints: unit of every number that is printed, by its name.
        value: name of the one that the report states; empty where no circuit shows that number.
        added: what the netlist has besides its circuit.
        says: for its head: what the number takes that is not in the circuit.
        behind: of numbers that the report tells beside the one that it states, which no circuit
            shows: what they are, in words.
    """

    prints: Mapping[str, str]
    value: str
    added: Added
    says: tuple[str, ...] = ()
    behind: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Case:
    """A worst case that a netlist is made for.

    Attributes:
        layout: under its condition.
        finding: the case.
        deck: its circuit, and the names of what that has.
    """

    layout: Layout
    finding: Finding
    deck: Deck = field(repr=False)

    @classmethod
    def of(cls, layout: Layout, finding: Finding) -> "Case":
        """That of a finding; the layout is under nominal conditions."""
        deck = build_deck(finding.experiment, finding.shown.devices)
        return cls(under(layout, finding.condition), finding, deck)

    @property
    def column(self) -> int:
        """The output line, or that of the cell."""
        assert self.finding.shown.column is not None
        return self.finding.shown.column

    @property
    def row(self) -> int:
        """The row of the cell."""
        assert self.finding.shown.row is not None
        return self.finding.shown.row

    @property
    def given(self) -> Mapping[str, float]:
        """Numbers that the circuit does not have."""
        return self.finding.shown.given

    @property
    def analysis(self) -> TransientRead:
        """Of a read in time."""
        assert isinstance(self.finding.experiment.analysis, TransientRead)
        return self.finding.experiment.analysis

    def output(self, column: int) -> str:
        """Current out of a column, A."""
        return as_expression(self.deck.column_currents[column])

    @property
    def cell_volts(self) -> str:
        """Voltage from the input to the output line of the cell, V."""
        word, bit = (
            side[self.row][self.column] for side in (self.deck.word_volts, self.deck.bit_volts)
        )
        return f"v({word})-v({bit})"

    @property
    def junction(self) -> tuple[str, str]:
        """Voltage over the junction of the cell, V, and current through it, A."""
        name = f"{self.row}_{self.column}"
        parts = [
            e
            for e in self.deck.circuit.elements
            if isinstance(e, Resistor | BehaviouralCurrent) and e.name in {f"c{name}", f"t{name}"}
        ]
        volts = f"(v({parts[0].a})-v({parts[0].b}))"
        amperes = [
            f"{volts}/{e.ohms!r}" if isinstance(e, Resistor) else e.expression for e in parts
        ]
        return volts, "+".join(amperes)


def at_rest(
    case: Case,
    values: Mapping[str, str],
    units: Mapping[str, str],
    parameters: Mapping[str, float],
    value: str,
    says: Sequence[str] = (),
) -> Probe:
    """A probe that follows expressions at the first point of a sweep.

    Args:
        case: the worst case.
        values: expression of every number by its name.
        units: of those that the report has.
        parameters: of the expressions.
        value: name of the number that the report states; empty where no circuit shows it.
        says: for its netlist: what the number takes that is not in the circuit.
    """
    # Of a single point SPICE measures the largest, but finds no value "at" it.
    how = "max v({0})" if case.deck.points == 1 else "find v({0}) at=0"
    return Probe(
        units,
        value,
        Added(
            parameters=parameters,
            elements=tuple(BehaviouralVoltage(n, n, GROUND, e) for n, e in values.items()),
            printed=tuple(values),
            measures=tuple(f".meas dc {name} {how.format(name)}" for name in values),
        ),
        tuple(says),
    )


def ir_drop(case: Case) -> Probe:
    """Voltage missing over a cell, as a share of the read voltage."""
    law = f"1-({case.cell_volts})/{{read_voltage}}"
    volts = {"read_voltage": case.layout.read.voltage}
    return at_rest(case, {"ir_drop": law}, {"ir_drop": "share"}, volts, "ir_drop")


def _currents(case: Case) -> dict[str, float]:
    """The ideal current of the line and the full scale, A."""
    experiment = case.finding.experiment
    states = torch.from_numpy(experiment.tile.states[None].astype(np.float64))
    ideal = ideal_currents(case.layout, states, experiment.driven_rows)
    return {"ideal_current": float(ideal[0, case.column]), "full_scale": full_scale(case.layout)}


def error(case: Case) -> Probe:
    """Error of an output current against I = G V, with the best common gain where one is given."""
    name, gain = case.finding.quantity, case.given.get("gain")
    factor, numbers = "" if gain is None else "{gain}*", _currents(case)
    law = f"abs({factor}{case.output(case.column)}-{{ideal_current}})/{{full_scale}}"
    says = ["ideal_current is I = G V with nominal junctions"]
    if gain is not None:
        numbers["gain"] = gain
        says.append("gain is the one factor that brings random patterns closest to it")
    return at_rest(case, {name: law}, {name: "share of full scale"}, numbers, name, says)


def nonlinearity(case: Case) -> Probe:
    """How far a line's current at half the inputs is from half of that at the whole ones."""
    current = case.output(case.column)
    law = f"abs(scaled_current-{SCALES[1]!r}*whole_current)/{full_scale(case.layout)!r}"
    measures = (
        f".meas dc whole_current find {current} at=0",
        f".meas dc scaled_current find {current} at=1",
        f".meas dc nonlinearity param='{law}'",
    )
    says = f"the second vector of the sweep is {SCALES[1]:g} of the first"
    prints = {"whole_current": "A", "scaled_current": "A", "nonlinearity": "share of full scale"}
    return Probe(prints, "nonlinearity", Added(measures=measures), (says,))


def sneak(case: Case) -> Probe:
    """Share of a line's current that its selected cell did not carry."""
    whole, own = case.output(case.column), case.junction[1]
    laws = {"own_current": own, "sneak": f"abs({whole}-v(own_current))/abs({whole})"}
    return at_rest(case, laws, {"own_current": "A", "sneak": "share"}, {}, "sneak")


def sensed(case: Case) -> str:
    """What the read-out makes of the line, V above its output at zero current."""
    amplifier = case.layout.periphery.amplifier
    if amplifier is None:
        return f"v({case.deck.sense_volts[case.column]})"
    return f"{amplifier.zero!r}-v({case.deck.output_volts[case.column]})"


def margin_law(case: Case) -> str:
    """How far the line is on its own side of the threshold, V."""
    own, volts = "{threshold}", f"({sensed(case)})"
    if "offset" in case.given:
        own = "({threshold}+{offset})"
    return f"{own}-{volts}" if case.finding.shown.side == "low" else f"{volts}-{own}"


def threshold_words(layout: Layout) -> tuple[str, ...]:
    """Where the threshold comes from."""
    match layout.sense.threshold:
        case "tracking":
            return (
                "threshold is the middle between the worst low and the worst high read under this "
                "condition",
                "(tracking: the best there is, without a spread of its own)",
            )
        case "reference":
            return (
                reference_words(layout),
                "(where nothing is drawn the threshold is nominal)",
            )
        case "fixed":
            return ("threshold is the same under all conditions",)


def margin(case: Case) -> Probe:
    """How far the worst read is from the threshold, and the same in sigmas of the offset."""
    laws, units = {"margin": margin_law(case)}, {"margin": "V"}
    numbers, offset = dict(case.given), case.layout.sense.offset
    says = list(threshold_words(case.layout))
    if offset > 0:
        laws["margin_sigmas"], units["margin_sigmas"] = "v(margin)/{offset_sigma}", "σ"
        numbers["offset_sigma"] = offset
        says.append("offset_sigma is sense.offset: what is given for the latch or the amplifier")
    return at_rest(case, laws, units, numbers, case.finding.quantity, says)


def drawn_array(case: Case) -> Probe:
    """The margin of the worst line of the worst array that was drawn."""
    says = (
        "this is the worst array of those drawn: its resistances, threshold shifts and defects",
        "offset is the one drawn for the line; the yield itself is no property of one circuit",
        *threshold_words(case.layout),
    )
    law, numbers = margin_law(case), dict(case.given)
    return at_rest(case, {"margin": law}, {"margin": "V"}, numbers, "", says)


def likely_failure(case: Case) -> Probe:
    """Line and threshold at the most likely failure: equal, but for what levels differ by.

    The margin between them is measured, and not stated: it is what rounding leaves.
    """
    found = case.given["found"] == 1
    first = (
        "this is the most likely failure: resistances, threshold shifts and the offset are those "
        "of the point of zero margin nearest to the nominal ones"
        if found
        else "no failure was found: resistances and transistors of this netlist are nominal"
    )
    says = (first, "the probability is no property of one circuit", *threshold_words(case.layout))
    numbers = {name: x for name, x in case.given.items() if name != "found"}
    laws = {
        "line_voltage": sensed(case),
        "line_threshold": "{threshold}+{offset}",
        "margin": margin_law(case),
    }
    units = {"line_voltage": "V", "line_threshold": "V"}
    return at_rest(case, laws, units, numbers, "", says)


def cell(case: Case) -> Probe:
    """Voltage over a junction and current through it."""
    volts, amperes = case.junction
    laws = {"junction_voltage": f"abs({volts})", "junction_current": f"abs({amperes})"}
    units = {"junction_voltage": "V", "junction_current": "A"}
    name = case.finding.quantity
    value = "junction_voltage" if name == "write_voltage" else ""
    nominal = case.finding.shown.devices is None
    which = (
        "is nominal: a mean over cells is that of none"
        if nominal
        else "has the resistances of the worst cell, all others are nominal"
    )
    says = [f"the junction at row {case.row}, column {case.column} {which}"]
    if not value:
        says.append("whether a current switches a cell is a closed form, with its Delta and I_c0")
    probe = at_rest(case, laws, units, {}, value, says)
    if value:
        return probe
    through = f"through the {'nominal' if nominal else 'worst'} cell"
    return replace(probe, behind={"junction_current": through})


def half_selected(case: Case) -> Probe:
    """The same of a cell that the pulse for another one reaches, and its share of that pulse."""
    probe = cell(case)
    pulse = float(np.abs(case.finding.experiment.stimulus.volts).max())
    law = BehaviouralVoltage(
        "pulse_share", "pulse_share", GROUND, f"abs({case.cell_volts})/{pulse!r}"
    )
    added = replace(
        probe.added,
        elements=(*probe.added.elements, law),
        printed=(*probe.added.printed, "pulse_share"),
        measures=(*probe.added.measures, ".meas dc pulse_share max v(pulse_share)"),
    )
    behind = {"pulse_share": "of the pulse over it", **probe.behind}
    return replace(
        probe, prints={"pulse_share": "share", **probe.prints}, added=added, behind=behind
    )
