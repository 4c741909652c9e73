"""Reads that are not at rest at the end of the hold: simulated longer, said, and bounded."""

import pytest

from mtjspice.collect import Simulator
from mtjspice.layout.access import fit_conditions
from mtjspice.layout.circuit import conditions_of, nominal_condition
from mtjspice.layout.patterns import named_patterns
from mtjspice.layout.spread import in_turn
from mtjspice.layout.stages import Bench, SensePart
from mtjspice.layout.time_stage import time_stage
from mtjspice.layout.timing import rc_response, rc_settling
from mtjspice.spec import Crossbar, Layout, Line, TransimpedanceAmplifier
from mtjspice.spec.layout import Corners, Timing

pytestmark = pytest.mark.ngspice


def layout(hold: float, period: float, step: float = 5e-11) -> Layout:
    """Time constants of some nanoseconds: 100 fF a cell behind 5 kΩ of load."""
    line = Line(resistance=20, capacitance=1e-13, end=100)
    return Layout(
        name="slow",
        crossbar=Crossbar(rows=4, columns=2, row=line, column=line),
        periphery=TransimpedanceAmplifier(input_resistance=5e3),
        timing=Timing(period=period, rise=1e-10, hold=hold, step=step, sense_at=hold / 2),
        corners=Corners(temperature=(27.0,), supply=(1.0,)),
    )


def timed(one: Layout):
    told = []
    with Simulator(jobs=1) as simulator:
        conditions = conditions_of(one)
        fits = fit_conditions(one, conditions, simulator)
        bench = Bench(
            one, False, conditions, fits, simulator, in_turn, lambda what, *_: told.append(what)
        )
        return time_stage(bench, SensePart()), told, fits[nominal_condition(one)]


def settling(part) -> float:
    return next(f.value for f in part.findings if f.quantity == "settling")


def test_a_read_that_still_moves_is_held_longer_and_that_is_said():
    enough = layout(40e-9, 80e-9)
    short, told, fitted = timed(layout(1.5e-9, 3e-9))
    long, quiet, _ = timed(enough)
    assert settling(short) == pytest.approx(settling(long), rel=0.01)
    assert not long.notes
    assert not any("again" in what for what in quiet)
    assert any(note.startswith("Reads under 1 of 1 conditions") for note in short.notes)
    assert "simulated again, held" in short.notes[0]
    assert any(what.startswith("transients again, held") for what in told)
    states = named_patterns((4, 2))["all AP"]
    linear = rc_settling(enough, rc_response(enough, fitted, states))
    assert settling(long) == pytest.approx(linear, rel=0.03)
    (ends,) = [f for f in long.figures if f.name.startswith("transients: largest current error")]
    assert ends.value < 1e-4


def test_a_read_that_may_not_be_held_longer_is_infinite_and_that_is_said(monkeypatch):
    monkeypatch.setattr("mtjspice.layout.timing.MOST_STEPS", 100)
    part, told, _ = timed(layout(1.5e-9, 3e-9))
    assert settling(part) == float("inf")
    assert not any("again" in what for what in told)
    assert any("given as infinite" in note for note in part.notes)
