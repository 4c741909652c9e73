"""Experiment -> circuit elements. Pure and deterministic."""

from collections.abc import Iterator

import numpy as np

from mtjspice.device import conductance
from mtjspice.device.variation import Devices, Junctions, draw_junctions, draw_normal
from mtjspice.netlist.cards import Card
from mtjspice.netlist.cells import Site, kind_of
from mtjspice.netlist.drivers import driver_elements
from mtjspice.netlist.elements import BehaviouralCurrent, Element, Resistor, Transconductance
from mtjspice.netlist.lines import line_elements
from mtjspice.netlist.nodes import GROUND, Nodes, junction_voltage
from mtjspice.netlist.readout import readout_elements
from mtjspice.spec.experiment import Experiment


def drawn_devices(experiment: Experiment, card: Card | None) -> Devices:
    """Those that the die's seed gives.

    Raises:
        InputError: if a transistor is outside the card's range, or of a model that it lacks.
    """
    mtj, celsius = experiment.crossbar.cell.mtj, experiment.technology.temperature
    return Devices(
        draw_junctions(mtj, experiment.tile, experiment.die, celsius),
        threshold_shifts(experiment, card),
    )


def array_elements(
    experiment: Experiment, card: Card | None, devices: Devices | None = None
) -> Iterator[Element]:
    """The whole circuit: stimulus, drivers, wires, cells, read-out.

    Args:
        experiment: what to draw.
        card: of its transistors; None for cells without any.
        devices: in the place of those that the die's seed gives.
    """
    yield from driver_elements(experiment)
    yield from line_elements(experiment)
    yield from _cells(experiment, card, devices or drawn_devices(experiment, card))
    yield from readout_elements(experiment)


def _cells(experiment: Experiment, card: Card | None, devices: Devices) -> Iterator[Element]:
    crossbar, place = experiment.crossbar, Nodes(experiment)
    kind, gate_lines = kind_of(crossbar.cell), crossbar.cell.gate
    lines = () if gate_lines is None else gate_lines.lines
    drawn, shifts = devices.junctions, devices.shifts
    transistors = crossbar.cell.transistors if card is not None else ()
    models = tuple(card.named(one) for one in transistors) if card is not None else ()
    for row, column in np.ndindex(*crossbar.shape):
        name = f"{row}_{column}"
        a, b = place.row(row, column), place.column(row, column)
        if crossbar.row.via > 0:
            yield Resistor(f"rowvia{name}", a, f"rv{name}", crossbar.row.via)
            a = f"rv{name}"
        if crossbar.column.via > 0:
            yield Resistor(f"colvia{name}", f"cv{name}", b, crossbar.column.via)
            b = f"cv{name}"
        gates = {gate: place.gate(gate, row, column) for gate in lines}
        site = Site(name, a, b, gates, shifts.get((row, column), ()), models)
        junction = _junction(experiment, drawn, (row, column), kind.junction(site))
        yield from junction
        yield from kind.others(crossbar.cell, site)


def threshold_shifts(
    experiment: Experiment, card: Card | None
) -> dict[tuple[int, int], tuple[float, ...]]:
    """Threshold shift of every transistor, V, by (row, column): Pelgrom's law, from the die's seed.

    Raises:
        InputError: if a transistor is outside the card's range, or of a model that it lacks.
    """
    crossbar = experiment.crossbar
    transistors = crossbar.cell.transistors
    if not transistors:
        return {}
    assert card is not None
    card.check_mismatch(experiment.die.mismatch, transistors)
    sigma = np.array([card.threshold_sigma(t) for t in transistors])
    shape = (*crossbar.shape, len(transistors))
    z = draw_normal(experiment.die.seed, experiment.tile.index, shape)
    shifts = np.round(experiment.die.mismatch * sigma * z, 9)  # to the nanovolt
    return {at: tuple(float(v) for v in shifts[at]) for at in np.ndindex(*crossbar.shape)}


def _junction(
    experiment: Experiment, drawn: Junctions, at: tuple[int, int], ends: tuple[str, str]
) -> Iterator[Element]:
    """One junction: nothing where it is open, a resistor where the law is ohmic.

    Elsewhere a resistor carries the conductance at zero bias and a source beside it what bias
    changes: a source has no noise, and the resistor has that of the junction at rest, 4kT/R. The
    source's voltage is first copied to a node of its own: an expression of one node instead of a
    difference of two has half the derivatives, which makes sweeps of tiles up to about 32 x 32
    faster; docs/spice.md has the times.
    """
    name = f"{at[0]}_{at[1]}"
    if drawn.open[at]:
        return
    if drawn.short[at]:
        yield Resistor(f"c{name}", *ends, experiment.die.short_resistance)
        return
    mtj = experiment.crossbar.cell.mtj
    state, r_p, tmr0 = int(drawn.state[at]), float(drawn.r_p[at]), float(drawn.tmr0[at])
    ohms = conductance.resistance(state, r_p, tmr0, mtj)
    if ohms is not None:
        yield Resistor(f"c{name}", *ends, ohms)
        return
    over, at_rest = junction_voltage(name), float(conductance.conductance(state, r_p, tmr0))
    yield Resistor(f"t{name}", *ends, 1 / at_rest)
    yield Transconductance(f"v{name}", GROUND, over, *ends, 1.0)
    yield Resistor(f"v{name}", over, GROUND, 1.0)
    law = conductance.expression(f"v({over})", state, r_p, tmr0, mtj, beside=at_rest)
    yield BehaviouralCurrent(f"c{name}", *ends, law)
