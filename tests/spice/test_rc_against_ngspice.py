"""The array as resistors and capacitors against transients of ngspice on the same circuits."""

import numpy as np
import pytest

from mtjspice.layout.rc import Response, respond
from mtjspice.spec import (
    Crossbar,
    Experiment,
    Line,
    Mtj,
    PassiveCell,
    ProgrammedTile,
    Stimulus,
    TransientRead,
    TransimpedanceAmplifier,
)

pytestmark = pytest.mark.ngspice

SIZE, LOAD, VOLTS = 15, 500.0, 0.1
CELL = PassiveCell(mtj=Mtj(v_half=float("inf")))
TIMING = TransientRead(period=10e-9, rise=0.1e-9, hold=8e-9, step=2e-12, sense_at=6e-9)


def read(
    ends: str, driven: tuple[int, ...], unselected: str = "grounded", load: float = LOAD
) -> Experiment:
    """All driven rows at once; wires that take much longer than the rise of the inputs."""
    line = Line(resistance=5, end=100, capacitance=20e-15, ends=ends)
    rng = np.random.default_rng(0)
    return Experiment(
        crossbar=Crossbar(
            rows=SIZE, columns=SIZE, cell=CELL, row=line, column=line, unselected=unselected
        ),
        tile=ProgrammedTile(states=rng.integers(0, 2, (SIZE, SIZE))),
        stimulus=Stimulus(volts=np.full((1, len(driven)), VOLTS), driven_rows=driven),
        periphery=TransimpedanceAmplifier(input_resistance=load),
        analysis=TIMING,
    )


def expected(e: Experiment) -> Response:
    mtj, states = e.crossbar.cell.mtj, e.tile.states
    return respond(
        e.crossbar,
        np.where(states == 0, 1 / mtj.r_p, 1 / mtj.r_ap),
        np.full(SIZE, VOLTS),
        load=e.periphery.input_resistance,
        rise=e.analysis.rise,
        driven=e.driven_rows,
    )


def settling(time: np.ndarray, currents: np.ndarray, share: float) -> float:
    """The last time at which a current [time, column] is off its last value by so much, s."""
    over = (np.abs(currents - currents[-1]) - share * np.abs(currents[-1])).max(axis=1)
    last = np.flatnonzero(over > 0)[-1]
    return float(np.interp(0.0, -over[last : last + 2], time[last : last + 2]))


@pytest.mark.parametrize("ends", ["one", "both"])
@pytest.mark.parametrize(
    ("driven", "unselected", "load"),
    [
        (tuple(range(SIZE)), "grounded", LOAD),
        ((0,), "grounded", LOAD),
        ((SIZE // 2,), "floating", LOAD),
        (tuple(range(SIZE)), "grounded", 0.0),
    ],
    ids=["all rows", "one row", "others floating", "no load"],
)
def test_the_course_of_a_read_is_that_of_ngspice(simulator, ends, driven, unselected, load):
    e = read(ends, driven, unselected, load)
    (result,) = simulator.run([e])
    until = result["time"].to_numpy() < TIMING.hold
    time = result["time"].to_numpy()[until]
    currents = result["current"].to_numpy()[0, until]
    ours = expected(e)
    assert currents[-1] == pytest.approx(ours.final, rel=1e-6)
    assert settling(time, currents, 0.01) == pytest.approx(ours.settling(0.01), rel=1e-3)
    assert np.abs(ours.at(time) - currents).max() < 1e-3 * ours.final.max()
