"""The array as resistors and capacitors, against closed forms and against other solves."""

import math

import numpy as np
import pytest
from builders import OHMIC, experiment
from reference import network

from mtjspice.layout import rc
from mtjspice.layout.rc import Response, respond
from mtjspice.spec import Crossbar, Line

STATES = ("PAPA", "AAPP", "PPAP")
VOLTS = (0.1, 0.05, -0.02)
WIRE = Line(resistance=5, capacitance=20e-15, end=100)


def array(size: int, line: Line = WIRE, **lines) -> Crossbar:
    return Crossbar(rows=size, columns=size, **({"row": line, "column": line} | lines))


def random(crossbar: Crossbar, rise: float = 1e-10, **how) -> Response:
    """All rows at 0.1 V, cells of 5 kΩ and 10 kΩ, a load of 500 Ω, unless told otherwise."""
    rng = np.random.default_rng(1)
    conductance = np.where(rng.integers(0, 2, crossbar.shape) == 1, 1e-4, 2e-4)
    how = {"load": 500.0, "driven": range(crossbar.rows)} | how
    return respond(crossbar, conductance, np.full(crossbar.rows, 0.1), rise=rise, **how)


def single(rise: float, capacitance: float = 1e-12) -> Response:
    """1 kΩ to the load, 500 Ω, and 1 pF between them."""
    crossbar = Crossbar(rows=1, columns=1, column=Line(capacitance=capacitance))
    return respond(crossbar, np.array([[1e-3]]), np.array([0.3]), load=500.0, rise=rise, driven=[0])


def siemens() -> np.ndarray:
    """Of the cells of `STATES`."""
    mtj = OHMIC.mtj
    return np.array([[1 / mtj.r_p if s == "P" else 1 / mtj.r_ap for s in row] for row in STATES])


@pytest.mark.parametrize("rise", [1e-22, 1e-12, 1e-10, 1e-9, 1e-7, 1.0])
def test_a_single_cell_is_one_pole_with_a_ramp(rise):
    tau, final, r = 1e-12 / (1 / 1000 + 1 / 500), 0.3 / 1500, single(rise)
    assert r.rates == pytest.approx([1 / tau])
    assert (r.dominant, r.final[0]) == pytest.approx((tau, final))
    during = np.linspace(0, rise, 7)
    ramp = (during - tau * -np.expm1(-during / tau)) / rise
    assert r.at(during)[:, 0] == pytest.approx(final * ramp, rel=1e-9, abs=1e-12 * final)
    after = np.linspace(0, 5 * tau, 7)
    left = -np.expm1(-rise / tau) * tau / rise
    assert r.at(rise + after)[:, 0] == pytest.approx(final * (1 - left * np.exp(-after / tau)))
    # It is so far behind when the ramp ends, or lags the ramp by tau.
    expected = rise + tau * math.log(left / 0.01) if left > 0.01 else rise * 0.99 + tau
    assert r.settling(0.01) == pytest.approx(expected, rel=1e-8)


def test_nothing_flows_before_the_ramp():
    assert (single(1e-10).at(np.array([-1.0, 0.0])) == 0).all()


def test_a_limit_in_amperes_takes_the_place_of_the_share():
    r = single(1e-10)
    assert r.settling(0.5, within=0.01 * r.final) == pytest.approx(r.settling(0.01), rel=1e-9)


def test_an_output_that_is_always_near_enough_has_settled_at_once():
    assert single(1e-10).settling(0.0, within=np.array([1.0])) == 0


def test_an_exact_value_is_never_reached():
    assert single(1e-10).settling(0.0) == math.inf


def test_what_an_output_passes_twice_counts_when_it_passes_last():
    # exp(−t) − exp(−2t) after a step: from 0 to 1/4 and back.
    step = Response(np.array([0.0]), np.array([1.0, 2.0]), np.array([[1.0], [-1.0]]), 1e-9)
    late = -math.log((1 - math.sqrt(1 - 0.4)) / 2)
    assert step.settling(0.0, within=np.array([0.1])) == pytest.approx(late, rel=1e-6)


@pytest.mark.parametrize("cells", [1, 2, 7, 40])
def test_a_line_has_the_poles_of_a_ladder(cells):
    # One row of cells that are open but for the last, which holds the end of the line: the matrix
    # of the nodes is tridiagonal, 2 and −1, and has the eigenvalues 4 sin²(kπ/2(N+1)).
    r, c = 7.0, 3e-15
    crossbar = Crossbar(rows=1, columns=cells, row=Line(resistance=r, capacitance=c, end=r))
    conductance = np.zeros((1, cells))
    conductance[0, -1] = 1 / r
    ladder = respond(crossbar, conductance, np.ones(1), load=0.0, rise=1e-12, driven=[0])
    k = np.arange(1, cells + 1)
    expected = 4 / (r * c) * np.sin(k * np.pi / 2 / (cells + 1)) ** 2
    assert ladder.rates == pytest.approx(expected, rel=1e-9)
    assert ladder.final[-1] == pytest.approx(1 / r / (cells + 1))
    # Residues of the step at the far end, from the eigenvectors sin(jkπ/(N+1)).
    angle = k * np.pi / (cells + 1)
    residues = np.sin(angle) * np.sin(cells * angle) / (cells + 1) / (1 - np.cos(angle)) / r
    assert ladder.parts[:, -1] == pytest.approx(residues, rel=1e-6, abs=1e-9 * residues[0])


@pytest.mark.parametrize("ends", ["one", "both"])
@pytest.mark.parametrize("wire", [0.0, 5.0])
@pytest.mark.parametrize("end", [0.0, 100.0])
@pytest.mark.parametrize("via", [0.0, 30.0])
def test_the_final_currents_are_those_of_an_independent_solve(wire, end, via, ends):
    lines = {
        "row": Line(resistance=wire, end=end, via=via, ends=ends, capacitance=1e-15),
        "column": Line(resistance=2 * wire, end=2 * end, via=3 * via, ends=ends),
    }
    e = experiment(STATES, [VOLTS], crossbar={"cell": OHMIC, **lines})
    r = respond(e.crossbar, siemens(), np.array(VOLTS), load=0.0, rise=1e-10, driven=[0, 1, 2])
    assert r.final == pytest.approx(network.column_currents(e)[0], rel=1e-10)


def test_rows_that_float_carry_the_currents_of_an_independent_solve():
    lines = {"row": WIRE, "column": WIRE, "unselected": "floating"}
    e = experiment(STATES, [VOLTS], crossbar={"cell": OHMIC, **lines})
    r = respond(e.crossbar, siemens(), np.array(VOLTS), load=0.0, rise=1e-10, driven=[1])
    held = {("in", 1): VOLTS[1]} | {("out", c): 0.0 for c in range(4)}
    into = network.of_array(e).currents(held)
    assert r.final == pytest.approx([-into["out", c] for c in range(4)], rel=1e-10)


def test_a_load_is_like_a_longer_end():
    loaded = random(array(4), load=50.0)
    longer = random(array(4, column=WIRE.replace(end=150)), load=0.0)
    assert loaded.final == pytest.approx(longer.final, rel=1e-12)
    assert loaded.rates == pytest.approx(longer.rates, rel=1e-9)


def test_all_parts_add_up_to_the_final_current_where_all_of_it_passes_a_capacitance():
    r = random(array(6))
    assert r.parts.sum(axis=0) == pytest.approx(r.final, rel=1e-9)


def test_without_capacitance_the_outputs_follow_the_ramp():
    r = random(array(4, Line(resistance=5, end=100)), rise=2e-9)
    assert r.rates.size == 0
    assert r.dominant == 0
    assert r.at(np.array([1e-9]))[0] == pytest.approx(r.final / 2)
    assert r.settling(0.01) == pytest.approx(0.99 * 2e-9)


def test_an_array_without_any_node_that_is_free_follows_the_ramp():
    r = random(array(3, Line(capacitance=1e-15)), load=0.0)
    assert r.rates.size == 0
    assert r.final.min() > 0


def test_an_input_that_is_zero_makes_nothing_move():
    r = respond(array(2), np.full((2, 2), 1e-4), np.zeros(2), load=0.0, rise=1e-9, driven=[0, 1])
    assert (r.final == 0).all()
    assert r.settling(0.01) == 0


def test_a_column_without_a_path_is_at_rest():
    conductance = np.array([[1e-4, 0.0], [1e-4, 0.0]])
    r = respond(array(2), conductance, np.ones(2), load=50.0, rise=1e-9, driven=[0, 1])
    assert r.final[1] == 0
    assert r.at(np.array([r.settling(0.01)]))[0] == pytest.approx(0.99 * r.final, rel=1e-8)


@pytest.mark.parametrize("unselected", ["grounded", "floating"])
def test_a_row_of_open_cells_counts_for_nothing(unselected):
    conductance = np.array([[1e-4, 2e-4], [0.0, 0.0]])
    how = {"load": 50.0, "rise": 1e-9}
    two = respond(array(2, unselected=unselected), conductance, np.ones(2), driven=[0], **how)
    lone = array(2).replace(rows=1, column=WIRE.replace(end=105))
    one = respond(lone, conductance[:1], np.ones(1), driven=[0], **how)
    assert two.final == pytest.approx(one.final, rel=1e-12)


def test_rows_that_float_take_longer_than_rows_that_are_held():
    held, floating, half = (
        random(array(8, unselected=how), driven=[3]) for how in ("grounded", "floating", "half")
    )
    assert floating.final.sum() > held.final.sum()
    assert floating.settling(0.01) > held.settling(0.01)
    assert (half.final == held.final).all()


def test_voltages_of_rows_that_are_not_driven_are_ignored():
    conductance = np.full((2, 2), 1e-4)
    how = {"load": 50.0, "rise": 1e-9, "driven": [1]}
    one, two = (respond(array(2), conductance, np.array([v, 0.1]), **how) for v in (0.0, math.nan))
    assert (one.final == two.final).all()


def test_what_the_cells_add_is_like_capacitance_of_the_lines():
    on_cells = random(array(5), cell_capacitance=(3e-15, 7e-15))
    lines = {"row": WIRE.replace(capacitance=23e-15), "column": WIRE.replace(capacitance=27e-15)}
    assert on_cells.rates == pytest.approx(random(array(5, **lines)).rates, rel=1e-9)


def test_lines_that_are_connected_at_both_ends_are_faster():
    one, both = (random(array(12, WIRE.replace(ends=ends))) for ends in ("one", "both"))
    assert both.settling(0.01) < 0.95 * one.settling(0.01)
    assert both.dominant < one.dominant


@pytest.mark.parametrize("ends", ["one", "both"])
@pytest.mark.parametrize(
    "how",
    [{}, {"driven": [0]}, {"load": 0.0}],
    ids=["all rows", "one row", "no load"],
)
@pytest.mark.parametrize("unselected", ["grounded", "floating"])
def test_few_modes_are_as_all_modes_at_late_times(monkeypatch, unselected, how, ends):
    crossbar = array(12, WIRE.replace(ends=ends), unselected=unselected)
    exact = random(crossbar, **how)
    monkeypatch.setattr(rc, "DENSE", 0)
    few = random(crossbar, modes=12, **how)
    assert few.rates.size == 12 < exact.rates.size
    assert few.settling(0.01) == pytest.approx(exact.settling(0.01), rel=1e-6)
    assert few.dominant == pytest.approx(exact.dominant, rel=1e-6)
    late = exact.settling(0.1) * np.array([1, 1.5, 2, 4])
    assert few.at(late) == pytest.approx(exact.at(late), rel=1e-5)


def test_the_modes_end_where_the_input_excites_no_more_of_them(monkeypatch):
    monkeypatch.setattr(rc, "DENSE", 0)
    # All rows are equal, and so are all columns.
    r = respond(
        array(3, Line(capacitance=1e-15, end=10)),
        np.full((3, 3), 1e-4),
        np.ones(3),
        load=50.0,
        rise=1e-10,
        driven=range(3),
    )
    assert r.rates.size == 2
    assert r.parts.sum(axis=0) == pytest.approx(r.final)


def test_the_same_array_gives_the_same_bits():
    one, two = (random(array(20)) for _ in range(2))
    assert one.rates.size < 100
    assert (one.parts == two.parts).all()
