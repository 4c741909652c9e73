"""Laws that every simulated array obeys, whatever its size, states, wires, spread and defects."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from property.circuits import (
    RESISTANCES,
    VOLTS,
    crossbars,
    experiments,
    ohmic_junctions,
    ohms_of,
    states,
    volts,
    with_ohms,
)
from reference.network import column_currents, held, of_array

from mtjspice.device import conductance
from mtjspice.device.variation import draw_junctions
from mtjspice.errors import InputError
from mtjspice.netlist import build_deck
from mtjspice.spec import Defect, Die, Experiment, ProgrammedTile, Stimulus, VirtualGround

pytestmark = pytest.mark.ngspice

FEW = settings(max_examples=15)
LINEAR = 1e-9
"""Ohmic arrays are solved in one linear step; this is far above its rounding."""


def currents(simulator, *made: Experiment) -> list[np.ndarray]:
    return [result["current"].to_numpy() for result in simulator.run(made)]


def full_scale(made: Experiment) -> float:
    """What all rows at 0.2 V drive through a column of nominal P junctions, A."""
    return made.crossbar.rows * 0.2 / made.crossbar.cell.mtj.r_p


def same(
    read: np.ndarray,
    expected: np.ndarray,
    made: Experiment,
    share: float = 1e-8,
    newton: float = 0.0,
) -> bool:
    """Equal to a share of full scale, or of the largest current where shorts take more.

    Two iterations from different starts end `newton`, A, apart at most besides.
    """
    scale = max(full_scale(made), np.abs(expected).max())
    allowed = share * scale + newton
    return read.shape == expected.shape and np.abs(read - expected).max() <= allowed


def ohmic(**kinds):
    return experiments(crossbars(ohmic_junctions, **kinds))


@settings(max_examples=40)
@given(made=experiments(crossbars(ohmic_junctions), lines=True))
def test_any_ohmic_array_solves_the_nodal_equations_of_all_that_does_not_float(simulator, made):
    (result,) = simulator.run([made])
    assert same(result["current"].to_numpy(), column_currents(made), made, LINEAR)
    floats = of_array(made).floats(list(held(made)))
    assert ("dropped_nodes" in result.attrs) == floats
    if floats:
        with pytest.raises(InputError, match="no path to ground"):
            build_deck(made.replace(observe="cells"))


@FEW
@given(made=experiments(), unselected=st.sampled_from(["grounded", "floating", "half"]))
def test_what_flows_into_an_array_flows_out_of_it(simulator, made, unselected):
    # The last row stays undriven where there are several, so that it is held or floats.
    rows = tuple(range(max(1, made.crossbar.rows - 1)))
    made = made.replace(
        crossbar=made.crossbar.replace(unselected=unselected),
        stimulus=Stimulus(volts=made.stimulus.volts[:, rows], driven_rows=rows),
        die=made.die.replace(
            defects=tuple(d for d in made.die.defects if d.kind != "open" or d.row in rows)
        ),
    )
    (result,) = simulator.run([made])
    flows_in, flows_out = (result[n].to_numpy() for n in ("input_current", "current"))
    moved = np.abs(flows_in).sum(axis=1) + np.abs(flows_out).sum(axis=1)
    assert (np.abs(flows_in.sum(axis=1) - flows_out.sum(axis=1)) <= 1e-9 * moved).all()


@FEW
@given(made=ohmic(), data=st.data())
def test_currents_of_ohmic_arrays_superpose(simulator, made, data):
    one, other = (data.draw(volts(made.crossbar.rows, vectors=1)) for _ in range(2))
    stimulus = Stimulus(volts=np.concatenate([one, other, one + other, -2 * one]))
    (read,) = currents(simulator, made.replace(stimulus=stimulus))
    assert same(read[0] + read[1], read[2], made, LINEAR)
    assert same(-2 * read[0], read[3], made, LINEAR)


@FEW
@given(made=experiments(crossbars(zero=tuple(RESISTANCES))))
def test_without_wires_the_currents_are_the_product(simulator, made):
    drawn = draw_junctions(made.crossbar.cell.mtj, made.tile, made.die)
    v = made.stimulus.volts[:, :, None]
    cells = conductance.current(v, drawn.state, drawn.r_p, drawn.tmr0, made.crossbar.cell.mtj)
    cells = np.where(drawn.short, v / made.die.short_resistance, np.where(drawn.open, 0.0, cells))
    (read,) = currents(simulator, made)
    assert same(read, cells.sum(axis=1), made, LINEAR)


@FEW
@given(made=ohmic(always=tuple(RESISTANCES)))
def test_as_wires_become_ideal_the_currents_become_the_product(simulator, made):
    # Wires below 10 mOhm are refused, so junctions grow beside wires a tenth of those drawn.
    def grown(junctions, wires):
        crossbar, mtj = made.crossbar, made.crossbar.cell.mtj
        for name in RESISTANCES:
            crossbar = with_ohms(crossbar, name, wires * ohms_of(crossbar, name))
        cell = crossbar.cell.replace(mtj=mtj.replace(ra=junctions * mtj.ra))
        return made.replace(crossbar=crossbar.replace(cell=cell), die=made.die.replace(defects=()))

    pairs = [(grown(by, 0.0), grown(by, 0.1)) for by in (10.0, 100.0)]
    reads = currents(simulator, *(one for pair in pairs for one in pair))
    errors = [
        np.abs(reads[2 * k + 1] - reads[2 * k]).max() / full_scale(pairs[k][0]) for k in range(2)
    ]
    # To first order the error is proportional to the wires; both are small enough for that.
    assert errors[1] <= errors[0] / 9 + LINEAR


@FEW
@given(
    made=ohmic(),
    raised=st.sampled_from([*RESISTANCES, "junction", "open"]),
    place=st.tuples(st.integers(0, 4), st.integers(0, 4)),
    rise=st.integers(1, 200),
    volt=st.integers(1, 200).map(lambda n: n / 1000),
)
def test_no_resistance_that_rises_raises_total_current_or_power(
    simulator, made, raised, place, rise, volt
):
    # Rayleigh's law: the power of a resistive network at fixed source voltages never rises with a
    # resistance, and neither does the total current where all sources have one voltage. (It may, at
    # different voltages: rows feed one another.)
    row, column = place[0] % made.crossbar.rows, place[1] % made.crossbar.columns
    cells = np.array(made.tile.states)
    cells[row, column] = 0
    kept = tuple(d for d in made.die.defects if (d.row, d.column) != (row, column))
    level = np.full((1, made.crossbar.rows), volt)
    before = made.replace(
        tile=ProgrammedTile(states=cells),
        die=made.die.replace(defects=kept),
        stimulus=Stimulus(volts=np.concatenate([level, made.stimulus.volts])),
    )
    if raised == "junction":
        cells[row, column] = 1
        after = before.replace(tile=ProgrammedTile(states=cells))
    elif raised == "open":
        bad = Defect(kind="open", row=row, column=column)
        after = before.replace(die=before.die.replace(defects=(*kept, bad)))
    else:
        ohms = ohms_of(before.crossbar, raised) + rise
        after = before.replace(crossbar=with_ohms(before.crossbar, raised, ohms))
    low, high = simulator.run([after, before])
    slack = LINEAR * full_scale(made)
    assert low["current"][0].sum() <= high["current"][0].sum() + slack
    power_low, power_high = (
        (made_of["input_current"].to_numpy() * before.stimulus.volts).sum(axis=1)
        for made_of in (low, high)
    )
    assert (power_low <= power_high + 0.2 * slack).all()


@FEW
@given(
    made=experiments(crossbars(zero=("row.resistance", "column.resistance")), spread=False),
    data=st.data(),
)
def test_without_wires_rows_and_columns_may_change_places(simulator, made, data):
    # With line ends alone every row and every column is like any other.
    rows, columns = (data.draw(st.permutations(range(n))) for n in made.crossbar.shape)
    swapped = rearranged(made, rows, columns)
    read, moved = currents(simulator, made, swapped)
    assert same(moved, read[:, columns], made)


@FEW
@given(made=experiments(crossbars(zero=("row.resistance",)), spread=False), data=st.data())
def test_columns_on_ideal_word_lines_may_change_places(simulator, made, data):
    columns = data.draw(st.permutations(range(made.crossbar.columns)))
    swapped = rearranged(made, range(made.crossbar.rows), columns)
    read, moved = currents(simulator, made, swapped)
    assert same(moved, read[:, columns], made)


@FEW
@given(made=experiments(crossbars(zero=("column.resistance",)), spread=False), data=st.data())
def test_rows_on_ideal_bit_lines_may_change_places(simulator, made, data):
    rows = data.draw(st.permutations(range(made.crossbar.rows)))
    swapped = rearranged(made, rows, range(made.crossbar.columns))
    read, moved = currents(simulator, made, swapped)
    assert same(moved, read, made)


@FEW
@given(made=ohmic(always=("row.resistance", "column.resistance")))
def test_an_ohmic_array_mirrored_at_its_antidiagonal_has_the_mirrored_response(simulator, made):
    # Rows are driven from the left, columns sensed at the bottom. Mirrored at the antidiagonal, the
    # bottom side becomes the left one: the mirrored array is driven where the first is sensed, and
    # sensed where the first is driven. By reciprocity the current at column j for 1 V at row i is
    # then that at the mirror image of row i for 1 V at the mirror image of column j.
    plain = made.replace(die=Die())
    x, cells = made.crossbar, made.tile.states
    mirrored = plain.replace(
        crossbar=x.replace(
            rows=x.columns,
            columns=x.rows,
            row=x.column,
            column=x.row,
        ),
        tile=ProgrammedTile(states=cells[::-1, ::-1].T),
        stimulus=Stimulus(volts=np.eye(x.columns)),
    )
    read, there = currents(
        simulator, plain.replace(stimulus=Stimulus(volts=np.eye(x.rows))), mirrored
    )
    assert same(there[::-1, ::-1].T, read, made, LINEAR)


@FEW
@given(made=experiments())
def test_opposite_voltages_drive_opposite_currents(simulator, made):
    # The law of a junction is odd in V.
    turned = made.replace(stimulus=Stimulus(volts=-made.stimulus.volts))
    read, there = currents(simulator, made, turned)
    assert same(there, -read, made)


@FEW
@given(made=experiments(), reference=VOLTS)
def test_only_voltages_above_the_reference_matter(simulator, made, reference):
    shifted = made.replace(periphery=VirtualGround(reference=reference))
    read, there = currents(simulator, made, shifted)
    assert same(there, read, made)


@FEW
@given(made=experiments(vectors=4))
def test_a_sweep_is_its_vectors_one_by_one(simulator, made):
    alone = [made.replace(stimulus=Stimulus(volts=[v])) for v in made.stimulus.volts]
    sweep, *single = currents(simulator, made, *alone)
    # In two cells of 14 kOhm the netlist's abstol of 1e-12 A is more than 1e-8 of full scale.
    assert same(sweep, np.concatenate(single), made, newton=1e-12)


@FEW
@given(made=ohmic(), data=st.data())
def test_other_states_and_back_give_the_first_currents_again(simulator, made, data):
    other = made.replace(tile=ProgrammedTile(states=data.draw(states(made.crossbar.shape))))
    first, _, again = (currents(simulator, one)[0] for one in (made, other, made))
    assert (first == again).all()


def rearranged(made: Experiment, rows, columns) -> Experiment:
    """The same junctions without spread, defects and voltages on lines in another order."""
    row_of, column_of = list(rows), list(columns)
    defects = tuple(
        d.replace(row=row_of.index(d.row), column=column_of.index(d.column))
        for d in made.die.defects
    )
    return made.replace(
        tile=ProgrammedTile(states=made.tile.states[np.ix_(row_of, column_of)]),
        stimulus=Stimulus(volts=made.stimulus.volts[:, row_of]),
        die=made.die.replace(defects=defects),
    )
