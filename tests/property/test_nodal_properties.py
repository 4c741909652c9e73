"""Laws that the circuit equations of the surrogate obey, whatever the array. No ngspice here."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from property.circuits import (
    RESISTANCES,
    crossbars,
    experiments,
    ohmic_junctions,
    ohms_of,
    volts,
    with_ohms,
)
from reference.network import column_currents, held, of_array

from mtjspice.device import conductance
from mtjspice.device.variation import draw_junctions
from mtjspice.errors import InputError
from mtjspice.solver import nodal
from mtjspice.solver.array import array_of
from mtjspice.spec import Die, Experiment, Line, ProgrammedTile, Stimulus

MANY = settings(max_examples=40)
EXACT = 1e-9
PERFECT_ENDS = 1e-7
"""Of columns that are held at both ends without any resistance."""


def read(made: Experiment, given_volts: np.ndarray | None = None, **options) -> np.ndarray:
    inputs = made.stimulus.volts if given_volts is None else given_volts
    return nodal.read(array_of([made]), torch.tensor(np.array(inputs)), **options)[0].numpy()


def same(one: np.ndarray, other: np.ndarray, made: Experiment) -> bool:
    """Equal to a share of full scale, or of the largest current where shorts take more."""
    nominal = made.crossbar.rows * 0.2 / made.crossbar.cell.mtj.r_p
    scale = max(nominal, np.abs(other).max())
    lines = made.crossbar.row, made.crossbar.column
    perfect = any(line.ends == "both" and line.end == 0 for line in lines)
    return np.abs(one - other).max() <= (PERFECT_ENDS if perfect else EXACT) * scale


def ohmic(**kinds):
    return experiments(crossbars(ohmic_junctions, **kinds))


def is_cut_off(made: Experiment) -> bool:
    """Whether some line has no path to anything that is held."""
    net, ends = of_array(made), list(held(made))
    known = set(net.numbers()) | {net.root(end) for end in ends}
    rows, columns = made.crossbar.shape
    cells = [(k, r, c) for k in ("row", "column") for r in range(rows) for c in range(columns)]
    return net.floats(ends) or not {net.root(cell) for cell in cells} <= known


@settings(max_examples=150)
@given(made=experiments(crossbars(ohmic_junctions), lines=True))
def test_any_ohmic_array_solves_the_nodal_equations_of_all_that_is_not_cut_off(made):
    assert same(read(made), column_currents(made), made)
    if is_cut_off(made):
        with pytest.raises(InputError, match="no path to ground"):
            array_of([made.replace(observe="cells")])


@MANY
@given(made=ohmic(), data=st.data(), method=st.sampled_from(["elimination", "auto"]))
def test_currents_of_ohmic_arrays_superpose(made, data, method):
    one, other = (data.draw(volts(made.crossbar.rows, vectors=1)) for _ in range(2))
    together = np.concatenate([one, other, one + other, -2 * one])
    currents = read(made, together, method=method)
    assert same(currents[0] + currents[1], currents[2], made)
    assert same(-2 * currents[0], currents[3], made)


@MANY
@given(made=experiments())
def test_opposite_voltages_drive_opposite_currents(made):
    assert same(read(made, -made.stimulus.volts), -read(made), made)


@MANY
@given(made=ohmic())
def test_an_array_with_rows_and_columns_exchanged_has_the_transposed_effective_matrix(made):
    # Mirrored at the antidiagonal, the side where columns are read becomes the one that is driven.
    plain, x = made.replace(die=Die()), made.crossbar
    mirrored = plain.replace(
        crossbar=x.replace(rows=x.columns, columns=x.rows, row=x.column, column=x.row),
        tile=ProgrammedTile(states=made.tile.states[::-1, ::-1].T),
        stimulus=Stimulus(volts=np.eye(x.columns)),
    )
    matrix, there = (nodal.effective_matrix(array_of([e]))[0].numpy() for e in (plain, mirrored))
    assert same(there[::-1, ::-1].T, matrix, made)


@MANY
@given(made=experiments(spread=False))
def test_lines_that_are_held_at_both_ends_have_no_direction(made):
    x, plain = made.crossbar, made.replace(die=Die())
    both = [line.replace(ends="both") for line in (x.row, x.column)]
    plain = plain.replace(crossbar=x.replace(row=both[0], column=both[1]))
    states = plain.tile.states
    left = plain.replace(tile=ProgrammedTile(states=states[:, ::-1]))
    down = plain.replace(
        tile=ProgrammedTile(states=states[::-1]),
        stimulus=Stimulus(volts=made.stimulus.volts[:, ::-1]),
    )
    currents = read(plain)
    assert same(read(left)[:, ::-1], currents, plain)
    assert same(read(down), currents, plain)


@MANY
@given(made=experiments(crossbars(zero=tuple(RESISTANCES))))
def test_without_wires_the_currents_are_the_product(made):
    drawn = draw_junctions(made.crossbar.cell.mtj, made.tile, made.die)
    v = made.stimulus.volts[:, :, None]
    cells = conductance.current(v, drawn.state, drawn.r_p, drawn.tmr0, made.crossbar.cell.mtj)
    cells = np.where(drawn.short, v / made.die.short_resistance, np.where(drawn.open, 0.0, cells))
    assert same(read(made), cells.sum(axis=1), made)


@MANY
@given(made=ohmic(always=tuple(RESISTANCES)))
def test_as_wires_become_ideal_the_currents_become_the_product(made):
    high = made.crossbar.cell.replace(mtj=made.crossbar.cell.mtj.replace(ra="10k Ohm.um2"))

    def with_wires(factor):
        crossbar = made.crossbar.replace(cell=high)
        for name in RESISTANCES:
            crossbar = with_ohms(crossbar, name, factor * ohms_of(crossbar, name))
        return read(made.replace(crossbar=crossbar, die=made.die.replace(short_resistance=1e5)))

    ideal, *near = (with_wires(f) for f in (0.0, 1.0, 0.1))
    errors = [np.abs(currents - ideal).max() for currents in near]
    # To first order the error is proportional to the wires; both are small enough for that.
    assert errors[1] <= errors[0] / 9 + PERFECT_ENDS * max(np.abs(ideal).max(), 1e-9)


@MANY
@given(
    made=ohmic(),
    place=st.tuples(st.integers(0, 4), st.integers(0, 4)),
    volt=st.integers(1, 200).map(lambda n: n / 1000),
)
def test_no_cell_whose_resistance_rises_raises_the_total_current(made, place, volt):
    array = array_of([made])
    level = torch.full((1, made.crossbar.rows), volt, dtype=torch.float64)
    row, column = place[0] % made.crossbar.rows, place[1] % made.crossbar.columns
    g = array.cells.linear.clone()
    totals = []
    for factor in (1.0, 0.7, 0.1, 0.0):
        array.cells.linear[0, row, column] = factor * g[0, row, column]
        totals.append(float(nodal.read(array, level).sum()))
    slack = EXACT * abs(totals[0])
    assert all(later <= earlier + slack for earlier, later in pairwise(totals))


def potentials(line: Line, held_at: float, drawn: np.ndarray) -> np.ndarray:
    """Of the nodes of a line, V, from its node equations; `drawn` leaves each node, A."""
    count = len(drawn)
    if line.r == 0:
        ends = 2 if line.ends == "both" else 1
        return np.full(count, held_at - drawn.sum() * line.end / ends)
    y, into = np.zeros((count, count)), -drawn
    for k in range(count - 1):
        y[[k, k + 1], [k, k + 1]] += 1 / line.r
        y[[k, k + 1], [k + 1, k]] -= 1 / line.r
    fixed = []
    for k in [0, count - 1] if line.ends == "both" else [0]:
        if line.end > 0:
            y[k, k] += 1 / line.end
            into[k] += held_at / line.end
        else:
            fixed.append(k)
    for k in fixed:
        y[k], into[k] = np.eye(count)[k], held_at
    return np.linalg.solve(y, into)


@MANY
@given(made=experiments())
def test_kirchhoffs_laws_hold_at_every_node(made):
    # The potentials follow from the currents by the node equations of each line; they must then
    # drive, through each junction, the current that they were made of.
    x, mtj = made.crossbar, made.crossbar.cell.mtj
    array, inputs = array_of([made]), made.stimulus.volts
    solution = nodal.solve(array, torch.tensor(inputs.copy()), tolerance=1e-12)
    outputs = nodal.column_currents(array, solution)[0].numpy()
    drawn = draw_junctions(mtj, made.tile, made.die)
    for vector, i, out in zip(inputs, solution.current[0].numpy(), outputs, strict=True):
        assert out == pytest.approx(i.sum(axis=0), rel=1e-12, abs=1e-18)
        rows = np.stack([potentials(x.row, v, line) for v, line in zip(vector, i, strict=True)])
        columns = np.stack([potentials(x.column, 0.0, -line) for line in i.T[:, ::-1]])[:, ::-1].T
        v = rows - columns - (x.row.via + x.column.via) * i
        through = conductance.current(v, drawn.state, drawn.r_p, drawn.tmr0, mtj)
        through = np.where(drawn.short, v / made.die.short_resistance, through)
        assert same(i, np.where(drawn.open, 0.0, through), made)
