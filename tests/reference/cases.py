"""The circuits that ngspice, the scipy solve and badcrossbar are compared on."""

import numpy as np
from reference.nodal import Array

from mtjspice.spec import (
    Crossbar,
    Defect,
    Die,
    Experiment,
    Line,
    Mtj,
    PassiveCell,
    ProgrammedTile,
    Stimulus,
)

SIZE = 15
SHORTS = ((2, 3), (11, 7))
TMR0, V_HALF, R_P, SHORT = 1.2, 0.4, 4200.0, 100.0


def experiment(
    wire: float, end: float, *, ohmic: bool, shorts: bool, size: int = SIZE, vectors: int = 6
) -> Experiment:
    """A random tile with bipolar inputs; the seed is the geometry's own."""
    rng = np.random.default_rng([int(wire), int(end), ohmic, shorts])
    ra = R_P * np.pi * (50e-9) ** 2 / 4
    mtj = Mtj(ra=ra, diameter=50e-9, tmr0=TMR0, v_half=np.inf if ohmic else V_HALF)
    defects = tuple(Defect(kind="short", row=r, column=c) for r, c in SHORTS) if shorts else ()
    return Experiment(
        crossbar=Crossbar(
            rows=size,
            columns=size,
            cell=PassiveCell(mtj=mtj),
            row=Line(resistance=wire, end=end),
            column=Line(resistance=wire, end=end),
        ),
        tile=ProgrammedTile(states=rng.integers(0, 2, (size, size))),
        stimulus=Stimulus(volts=rng.uniform(-0.1, 0.1, (vectors, size))),
        die=Die(defects=defects, short_resistance=SHORT),
    )


def array(e: Experiment) -> Array:
    """The same circuit for the independent solve, from the description alone."""
    mtj, states = e.crossbar.cell.mtj, np.asarray(e.tile.states)
    ohmic_cells = np.isinf(mtj.v_half)
    g = np.where(states == 0, 1 / R_P, 1 / (R_P * (1 + TMR0)) if ohmic_cells else 0.0)
    biased = np.zeros(states.shape, bool) if ohmic_cells else states == 1
    for defect in e.die.defects:
        g[defect.row, defect.column] = 1 / SHORT
        biased[defect.row, defect.column] = False
    return Array(
        ohmic=g,
        r_p=np.full(states.shape, R_P),
        tmr0=np.full(states.shape, TMR0),
        biased=biased,
        v_half=V_HALF,
        wire_row=e.crossbar.row.r,
        wire_column=e.crossbar.column.r,
        end_row=e.crossbar.row.end,
        end_column=e.crossbar.column.end,
    )


def full_scale(e: Experiment) -> float:
    """Current of a column of P junctions with every input at 0.1 V, A."""
    return e.crossbar.rows * 0.1 / R_P


def one_by_one(sweep: Experiment) -> list[Experiment]:
    """The vectors of a sweep, each as a simulation of its own: one operating point."""
    stimulus = sweep.stimulus
    return [
        sweep.replace(stimulus=stimulus.replace(volts=stimulus.volts[k : k + 1]))
        for k in range(len(stimulus.volts))
    ]
