import itertools
from collections.abc import Hashable

import numpy as np
import pytest
import torch
from reference import cases, network
from reference import nodal as reference
from unit.builders import OHMIC, experiment

from mtjspice.device.variation import draw_junctions
from mtjspice.errors import InputError
from mtjspice.solver import newton, nodal
from mtjspice.solver.access import AccessModel
from mtjspice.solver.array import Array, array_of, resistor_array
from mtjspice.solver.cells import Cells
from mtjspice.solver.extras import Irregular, make_extras
from mtjspice.solver.lines import Lines
from mtjspice.spec import (
    Crossbar,
    Defect,
    Die,
    Experiment,
    GatedCell,
    Line,
    Mtj,
    PassiveCell,
    ProgrammedTile,
    SenseAmplifier,
    Stimulus,
    Technology,
    TransimpedanceAmplifier,
    TransmissionGateCell,
    VirtualGround,
)

EXACT = 1e-10
ITERATIVE = 1e-8
"""What conjugate gradients leave at the tolerance that they are given by default."""
METHODS = ["elimination", "conjugate_gradients"]
EACH_METHOD = pytest.mark.parametrize("method", METHODS)
ENDS = list(itertools.product(("one", "both"), repeat=2))

ACCESS = AccessModel(
    resistance=(
        ((900.0, 40.0, 8.0, 0.5), (50.0, 6.0, 1.0, 0.1), (7.0, 1.0, 0.2, 0.0)),
        ((900.0, 40.0, 8.0, 0.5), (-30.0, 3.0, 1.0, 0.1), (4.0, -1.0, 0.1, 0.0)),
    ),
    sensitivity=(
        (
            ((400.0, 30.0, 0.0, 0.0), (20.0, 0.0, 0.0, 0.0), (3.0, 0.0, 0.0, 0.0)),
            ((400.0, 30.0, 0.0, 0.0), (-15.0, 0.0, 0.0, 0.0), (2.0, 0.0, 0.0, 0.0)),
        ),
    ),
    current_scale=5e-5,
    potential_scale=0.05,
    threshold_sigma=(5e-3,),
)
"""A smooth device of about 1 kΩ that varies by a few per cent."""

CELL_DEFECTS = (
    Defect(kind="short", row=0, column=0),
    Defect(kind="open", row=5, column=5),
    Defect(kind="stuck_p", row=6, column=2),
    Defect(kind="stuck_ap", row=3, column=3),
    Defect(kind="weak", row=2, column=5),
)
DEFECTS = {
    "none": (),
    "cells": CELL_DEFECTS,
    "dead row": (Defect(kind="dead_row", row=2),),
    "dead column": (Defect(kind="dead_column", column=4),),
    "bridged rows": (Defect(kind="bridged_rows", row=1, column=3),),
    "bridged columns": (Defect(kind="bridged_columns", row=3, column=1),),
    "bridges at corners": (
        Defect(kind="bridged_rows", row=0, column=0),
        Defect(kind="bridged_rows", row=6, column=6),
        Defect(kind="bridged_columns", row=0, column=5),
        Defect(kind="bridged_columns", row=7, column=0),
    ),
    "several bridges between the same lines": (
        Defect(kind="bridged_rows", row=2, column=1),
        Defect(kind="bridged_rows", row=2, column=4),
        Defect(kind="bridged_rows", row=3, column=4),
        Defect(kind="bridged_columns", row=1, column=2),
        Defect(kind="bridged_columns", row=6, column=2),
        Defect(kind="bridged_columns", row=6, column=3),
    ),
    "bridges onto dead lines": (
        Defect(kind="dead_row", row=2),
        Defect(kind="bridged_rows", row=2, column=5),
        Defect(kind="bridged_rows", row=1, column=0),
        Defect(kind="dead_column", column=6),
        Defect(kind="bridged_columns", row=4, column=5),
    ),
    "a bridge between dead lines": (
        Defect(kind="dead_row", row=4),
        Defect(kind="dead_row", row=5),
        Defect(kind="bridged_rows", row=4, column=2),
        Defect(kind="dead_column", column=0),
        Defect(kind="dead_column", column=1),
        Defect(kind="bridged_columns", row=2, column=0),
    ),
    "a dead row of open cells but one": (
        Defect(kind="dead_row", row=1),
        *(Defect(kind="open", row=1, column=c) for c in range(6)),
    ),
    "all kinds": (
        *CELL_DEFECTS,
        Defect(kind="dead_row", row=2),
        Defect(kind="dead_column", column=4),
        Defect(kind="bridged_rows", row=1, column=3),
        Defect(kind="bridged_rows", row=4, column=0),
        Defect(kind="bridged_columns", row=3, column=1),
        Defect(kind="bridged_columns", row=6, column=4),
    ),
}
EACH_DEFECTS = pytest.mark.parametrize("defects", DEFECTS.values(), ids=DEFECTS.keys())


def tile(
    shape: tuple[int, int] = (8, 7),
    *,
    ends: tuple[str, str] = ("one", "one"),
    end: float = 30.0,
    wire: float = 3.0,
    via: float = 4.0,
    cell: PassiveCell = OHMIC,
    unselected: str = "grounded",
    seed: int = 0,
    vectors: int = 2,
    stimulus: dict | None = None,
    **parts,
) -> Experiment:
    """A random tile with bipolar inputs."""
    rng = np.random.default_rng([seed, *shape])
    used = stimulus or {}
    driven = len(used.get("driven_rows", range(shape[0])))
    return Experiment(
        crossbar=Crossbar(
            rows=shape[0],
            columns=shape[1],
            cell=cell,
            row=Line(resistance=wire, end=end, ends=ends[0], via=via),
            column=Line(resistance=wire / 2, end=end, ends=ends[1]),
            unselected=unselected,
        ),
        tile=ProgrammedTile(states=rng.integers(0, 2, shape)),
        stimulus=Stimulus(volts=rng.uniform(-0.1, 0.1, (vectors, driven)), **used),
        **{"die": Die(sigma_ln_rp=0.05, seed=seed), **parts},
    )


def spoilt(defects, seed: int = 0) -> Die:
    return Die(sigma_ln_rp=0.05, seed=seed, defects=tuple(defects))


def read(e: Experiment, **options) -> np.ndarray:
    return nodal.read(array_of([e]), volts_of(e), **options)[0].numpy()


def volts_of(e: Experiment) -> torch.Tensor:
    return torch.tensor(e.stimulus.volts.copy())


def full_scale(e: Experiment) -> float:
    return e.crossbar.rows * 0.1 / e.crossbar.cell.mtj.r_p


def held(e: Experiment, vector: np.ndarray) -> dict[Hashable, float]:
    """What holds the lines: drivers, read-outs, and what holds the lines that are not in use."""
    rest = e.stimulus.read_voltage / 2 if e.crossbar.unselected == "half" else 0.0
    values: dict[Hashable, float] = {("read", c): 0.0 for c in e.sensed_columns}
    if e.crossbar.unselected != "floating":
        values |= {("in", r): rest for r in range(e.crossbar.rows)}
        values |= {("out", c): rest for c in range(e.crossbar.columns) if c not in e.sensed_columns}
    return values | {("in", r): v for r, v in zip(e.driven_rows, vector, strict=True)}


def solved(e: Experiment, series: float = 0.0) -> np.ndarray:
    """Currents out of the sensed columns of an ohmic array, from its resistors."""
    net = network.of_array(e)
    for c in e.sensed_columns:
        net.connect(("out", c), ("read", c), series)
    into = [net.currents(held(e, vector)) for vector in e.stimulus.volts]
    return np.array([[-one["read", c] for c in e.sensed_columns] for one in into])


def difference(e: Experiment, expected: np.ndarray, **options) -> float:
    """Largest difference by full scale, or by the largest current where shorts take more."""
    scale = max(full_scale(e), np.abs(expected).max())
    return np.abs(read(e, **options) - expected).max() / scale


def biased_array(e: Experiment) -> reference.Array:
    """The circuit for the independent solve of arrays that depend on bias."""
    mtj, line = e.crossbar.cell.mtj, e.crossbar
    drawn = draw_junctions(mtj, e.tile, e.die)
    short, off = np.asarray(drawn.short), np.asarray(drawn.open)
    plain = np.where(short, 1 / e.die.short_resistance, np.where(off, 0.0, 1 / drawn.r_p))
    return reference.Array(
        ohmic=plain,
        r_p=drawn.r_p,
        tmr0=drawn.tmr0,
        biased=(drawn.state == 1) & ~short & ~off,
        v_half=mtj.v_half,
        wire_row=line.row.r,
        wire_column=line.column.r,
        end_row=line.row.end,
        end_column=line.column.end,
    )


# Ohmic arrays


@EACH_DEFECTS
def test_ohmic_arrays_with_any_defects_solve_the_equations_of_their_resistors(defects):
    for ends in ENDS:
        e = tile(ends=ends, die=spoilt(defects))
        assert difference(e, network.column_currents(e)) < EXACT, ends


@EACH_DEFECTS
def test_lines_may_have_no_end_or_no_wire_resistance(defects):
    for ends in ENDS:
        e = tile(ends=ends, end=0.0, die=spoilt(defects))
        limit = 1e-7 if "both" in ends else EXACT
        assert difference(e, network.column_currents(e)) < limit, ends
        e = tile(ends=ends, wire=0.0, die=spoilt(defects))
        assert difference(e, network.column_currents(e)) < EXACT, ends


@EACH_METHOD
@pytest.mark.parametrize("shape", [(1, 1), (1, 6), (6, 1), (2, 9), (9, 2), (12, 5)])
def test_arrays_may_have_any_shape(shape, method):
    limit = EXACT if method == "elimination" else ITERATIVE
    for ends in ENDS:
        e = tile(shape, ends=ends)
        assert difference(e, network.column_currents(e), method=method) < limit, ends


def test_lines_may_be_perfect():
    e = tile(wire=0.0, end=0.0, via=0.0)
    drawn = draw_junctions(e.crossbar.cell.mtj, e.tile, e.die)
    g = 1 / (drawn.r_p * np.where(drawn.state == 1, 1 + drawn.tmr0, 1))
    assert difference(e, e.stimulus.volts @ g) < 1e-14


@EACH_METHOD
@pytest.mark.parametrize("ends", ["one", "both"])
def test_tiles_of_a_batch_may_have_different_numbers_of_defects(ends, method):
    made = [
        tile(ends=(ends, ends), seed=seed, die=spoilt(defects, seed))
        for seed, defects in enumerate(DEFECTS.values())
    ]
    volts = torch.stack([volts_of(e) for e in made])
    together = nodal.read(array_of(made), volts, method=method).numpy()
    limit = EXACT if method == "elimination" else ITERATIVE
    for e, currents in zip(made, together, strict=True):
        expected = network.column_currents(e)
        assert np.abs(currents - expected).max() < limit * np.abs(expected).max()


def test_tiles_may_share_their_inputs():
    made = [tile(seed=seed, die=spoilt(DEFECTS["all kinds"], seed)) for seed in range(3)]
    array, volts = array_of(made), volts_of(made[0])
    shared = nodal.read(array, volts)
    each = nodal.read(array, volts.expand(3, -1, -1))
    assert torch.allclose(shared, each, rtol=1e-12, atol=0)


@EACH_DEFECTS
def test_currents_do_not_depend_on_how_many_vectors_are_solved_together(defects):
    # Few vectors are solved as they are; many of them through the effective matrix.
    e = tile(die=spoilt(defects), vectors=20)
    array, volts = array_of([e]), volts_of(e)
    many = nodal.read(array, volts)
    single = torch.cat([nodal.read(array, volts[k : k + 1]) for k in range(20)], 1)
    assert torch.allclose(many, single, rtol=0, atol=1e-12 * full_scale(e))


def test_defects_of_other_tiles_are_not_this_ones():
    plain, other = tile(), tile(die=spoilt([Defect(kind="dead_row", row=2, tile=1)]))
    assert (read(plain) == read(other)).all()


# Lines that are not in use


UNSELECTED = ["grounded", "floating", "half"]
USES = {
    "all, in order": {},
    "all rows in odd order": {"driven_rows": (3, 7, 0, 5, 1, 2, 6, 4)},
    "all columns in odd order": {"sensed_columns": (6, 2, 0, 1, 5, 3, 4)},
    "some": {"driven_rows": (6, 1, 3, 0), "sensed_columns": (5, 0, 2)},
    "some rows": {"driven_rows": (4, 2)},
    "one column": {"sensed_columns": (3,)},
    "one each": {"driven_rows": (7,), "sensed_columns": (0,)},
}
EACH_USE = pytest.mark.parametrize("use", USES.values(), ids=USES.keys())


@EACH_USE
def test_lines_that_are_not_in_use_are_held_as_the_crossbar_says(use):
    for unselected in UNSELECTED:
        e = tile(unselected=unselected, stimulus=use)
        expected = solved(e)
        assert difference(e, expected, method="elimination") < EXACT, unselected
        assert difference(e, expected, method="conjugate_gradients") < ITERATIVE, unselected


@pytest.mark.parametrize("unselected", UNSELECTED)
def test_lines_that_are_not_in_use_may_be_broken_too(unselected):
    use = {"driven_rows": (6, 1, 2, 0), "sensed_columns": (5, 0, 4)}
    for ends in ENDS:
        e = tile(ends=ends, unselected=unselected, stimulus=use, die=spoilt(DEFECTS["all kinds"]))
        assert difference(e, solved(e)) < EXACT, ends


@EACH_USE
def test_many_vectors_on_some_lines(use):
    for unselected in UNSELECTED:
        many = tile(unselected=unselected, stimulus=use, vectors=30)
        few = many.replace(stimulus=many.stimulus.replace(volts=many.stimulus.volts[:2]))
        error = np.abs(read(many)[:2] - solved(few)).max()
        assert error < EXACT * full_scale(few), unselected


AMPLIFIERS = {
    "transimpedance": (TransimpedanceAmplifier(input_resistance=25.0, reference=0.4), 25.0),
    "sense amplifier": (SenseAmplifier(load=1e3), 1e3),
    "reference": (VirtualGround(reference=0.7), 0.0),
}


@pytest.mark.parametrize(("periphery", "ohms"), AMPLIFIERS.values(), ids=AMPLIFIERS.keys())
@pytest.mark.parametrize("defects", ["none", "all kinds"])
def test_the_input_resistance_of_the_read_out_is_in_the_way_of_each_column(
    periphery, ohms, defects
):
    for ends in ENDS:
        e = tile(ends=ends, periphery=periphery, die=spoilt(DEFECTS[defects]))
        assert difference(e, solved(e, ohms)) < EXACT, ends


@EACH_METHOD
def test_columns_that_are_not_read_have_no_input_resistance(method):
    periphery = TransimpedanceAmplifier(input_resistance=200.0)
    limit = EXACT if method == "elimination" else ITERATIVE
    for ends in ENDS:
        e = tile(ends=ends, periphery=periphery, stimulus={"sensed_columns": (5, 0, 2)})
        assert difference(e, solved(e, 200.0), method=method) < limit, ends


# Junctions that depend on bias


@pytest.mark.parametrize("wire", [0.0, 5.0, 50.0])
@pytest.mark.parametrize("end", [0.0, 100.0])
@pytest.mark.parametrize("shorts", [False, True])
def test_bias_dependent_arrays_equal_a_sparse_nodal_solve(wire, end, shorts):
    e = cases.experiment(wire, end, ohmic=False, shorts=shorts)
    expected = reference.currents(cases.array(e), e.stimulus.volts)
    assert difference(e, expected) < EXACT


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1), (4, 9), (9, 4)])
def test_bias_dependent_arrays_may_have_any_shape_and_spread(shape):
    cell = PassiveCell(mtj=Mtj(v_half=0.3, tmr0=2.0))
    e = tile(shape, cell=cell, via=0.0, die=Die(sigma_ln_rp=0.1, sigma_ln_tmr=0.1, seed=4))
    expected = reference.currents(biased_array(e), e.stimulus.volts)
    assert difference(e, expected) < EXACT


def test_junctions_far_from_rest_are_solved_vector_by_vector(monkeypatch):
    prepared_anew = []
    refresh = newton._Problem._refresh
    monkeypatch.setattr(
        newton._Problem, "_refresh", lambda *a: (prepared_anew.append(1), refresh(*a))
    )
    cell = PassiveCell(mtj=Mtj(v_half=0.05, tmr0=3.0))
    e = tile((9, 8), cell=cell, wire=100.0, end=500.0, via=0.0)
    e = e.replace(stimulus=Stimulus(volts=5 * np.asarray(e.stimulus.volts)))
    expected = reference.currents(biased_array(e), e.stimulus.volts)
    assert difference(e, expected) < EXACT
    assert prepared_anew


def test_a_batch_may_mix_inputs_near_and_far_from_rest():
    cell = PassiveCell(mtj=Mtj(v_half=0.05, tmr0=3.0))
    e = tile((6, 7), cell=cell, wire=100.0, end=500.0, via=0.0, vectors=4)
    scale = np.array([[1.0], [1e-4], [0.0], [5.0]])
    e = e.replace(stimulus=Stimulus(volts=scale * e.stimulus.volts))
    expected = reference.currents(biased_array(e), e.stimulus.volts)
    assert difference(e, expected) < EXACT
    assert not read(e)[2].any()


@pytest.mark.parametrize("cell", [OHMIC, PassiveCell()], ids=["ohmic", "bias-dependent"])
@EACH_METHOD
def test_without_inputs_no_current_flows(cell, method):
    e = tile(cell=cell, die=spoilt(DEFECTS["all kinds"]))
    e = e.replace(stimulus=Stimulus(volts=np.zeros((2, 8))))
    assert not read(e, method=method).any()


@pytest.mark.parametrize("cell", [OHMIC, PassiveCell()], ids=["ohmic", "bias-dependent"])
def test_the_only_column_may_be_dead(cell):
    e = tile((2, 1), cell=cell, die=spoilt([Defect(kind="dead_column", column=0)]))
    assert np.abs(read(e)).max() < 1e-15 * full_scale(e)


@pytest.mark.parametrize("cell", [OHMIC, PassiveCell()], ids=["ohmic", "bias-dependent"])
def test_all_cells_of_a_line_may_be_open(cell):
    gone = [Defect(kind="open", row=3, column=c) for c in range(7)]
    gone += [Defect(kind="open", row=r, column=2) for r in range(8) if r != 3]
    e = tile(cell=cell, die=spoilt(gone))
    currents = read(e)
    assert not currents[:, 2].any()
    without = np.delete(np.asarray(e.stimulus.volts), 3, axis=1)
    rows = tuple(r for r in range(8) if r != 3)
    fewer = e.replace(stimulus=Stimulus(volts=without, driven_rows=rows))
    assert np.abs(currents - read(fewer)).max() < EXACT * full_scale(e)


# What is refused


@pytest.mark.parametrize("shape", [(8,), (3, 7), (3, 9), (2, 3, 8), (1, 1, 3, 8)])
def test_volts_of_the_wrong_shape_are_refused(shape):
    with pytest.raises(InputError, match="shape"):
        nodal.read(array_of([tile()] * 3), torch.zeros(shape, dtype=torch.float64))


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("function", [nodal.read, nodal.solve])
def test_volts_that_are_not_finite_are_refused(function, bad):
    volts = torch.zeros(3, 8, dtype=torch.float64)
    volts[1, 4] = bad
    with pytest.raises(InputError, match=r"volts.*\[0, 1, 4\]|\[1, 4\]"):
        function(array_of([tile()]), volts)


def test_gated_cells_need_an_access_device():
    with pytest.raises(InputError, match="access device of a calibration card"):
        array_of([experiment(crossbar={"cell": GatedCell()})])


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"crossbar": tile(wire=4.0).crossbar}, "crossbar"),
        ({"periphery": VirtualGround(reference=0.1)}, "periphery"),
        ({"technology": Technology(temperature=85.0)}, "technology"),
        ({"stimulus": tile(stimulus={"sensed_columns": (1,)}).stimulus}, "stimulus"),
        ({"die": Die(bridge_resistance=7.0)}, "bridge_resistance"),
    ],
    ids=lambda x: x if isinstance(x, str) else "",
)
def test_experiments_that_differ_in_more_than_tile_and_die_are_refused(change, named):
    with pytest.raises(InputError, match=named):
        array_of([tile(), tile().replace(**change)])


def test_experiments_with_other_potentials_of_unselected_lines_are_refused():
    one, other = (
        tile(unselected="half", stimulus={"driven_rows": (0, 1), "read_voltage": v})
        for v in (0.1, 0.2)
    )
    with pytest.raises(InputError, match=r"stimulus\.read_voltage"):
        array_of([one, other])


@pytest.mark.parametrize("unselected", ["grounded", "floating"])
def test_the_read_voltage_does_not_matter_where_it_holds_nothing(unselected):
    used = {"driven_rows": (0, 1)}
    one, other = (
        tile(unselected=unselected, stimulus=used | {"read_voltage": v}) for v in (0.1, 0.2)
    )
    both = nodal.read(array_of([one, other]), volts_of(one))
    assert torch.equal(both[0], both[1])


OPEN_ROW = [Defect(kind="open", row=3, column=c) for c in range(7)]
OPEN_COLUMN = [Defect(kind="open", row=r, column=2) for r in range(8)]
ISOLATED = {
    "row": ([Defect(kind="dead_row", row=3), *OPEN_ROW], {"row 3"}),
    "column": ([Defect(kind="dead_column", column=2), *OPEN_COLUMN], {"column 2"}),
    "a row and a column": (
        [
            Defect(kind="dead_row", row=3),
            Defect(kind="dead_column", column=2),
            *(d for d in (*OPEN_ROW, *OPEN_COLUMN) if (d.row, d.column) != (3, 2)),
        ],
        {"row 3", "column 2"},
    ),
    "bridged rows": (
        [
            Defect(kind="dead_row", row=3),
            Defect(kind="dead_row", row=4),
            Defect(kind="bridged_rows", row=3, column=1),
            *OPEN_ROW,
            *(Defect(kind="open", row=4, column=c) for c in range(7)),
        ],
        {"row 3", "row 4"},
    ),
}


@pytest.mark.parametrize(("defects", "named"), ISOLATED.values(), ids=ISOLATED.keys())
def test_a_line_without_a_path_to_anything_carries_nothing_and_changes_nothing(defects, named):
    rows = {int(name.split()[1]) for name in named if name.startswith("row")}
    columns = {int(name.split()[1]) for name in named if name.startswith("column")}
    empty = [
        Defect(kind="open", row=r, column=c)
        for r, c in np.ndindex(8, 7)
        if r in rows or c in columns
    ]
    for ends in ENDS:
        e = tile(ends=ends, die=spoilt(defects))
        assert difference(e, solved(e)) < EXACT
        # Lines without any cell carry nothing either, held or not.
        same = tile(ends=ends, die=spoilt(empty))
        assert np.abs(read(e) - read(same)).max() < EXACT * full_scale(e)
        assert not read(e)[:, sorted(columns)].any()


@pytest.mark.parametrize(("defects", "named"), ISOLATED.values(), ids=ISOLATED.keys())
def test_cells_on_a_line_without_a_path_to_anything_are_refused_by_tile_and_name(defects, named):
    cut = tuple(d.replace(tile=6) for d in defects)
    bad = tile(die=spoilt(cut)).replace(observe="cells")
    bad = bad.replace(tile=ProgrammedTile(states=bad.tile.states, index=6))
    with pytest.raises(InputError) as caught:
        array_of([tile(die=spoilt(cut)), bad])
    assert caught.value.source == "tile 6"
    assert caught.value.key in named
    assert "no path to ground" in str(caught.value)


@pytest.mark.parametrize("kind", ["row", "column"])
def test_a_floating_line_of_open_cells_carries_nothing(kind):
    defects = tuple(OPEN_ROW if kind == "row" else OPEN_COLUMN)
    rows, columns = tuple(r for r in range(8) if r != 3), tuple(c for c in range(7) if c != 2)
    use = {"driven_rows": rows} if kind == "row" else {"sensed_columns": columns}
    floating = tile(unselected="floating", stimulus=use, die=spoilt(defects))
    grounded = tile(unselected="grounded", stimulus=use, die=spoilt(defects))
    assert np.abs(read(floating) - read(grounded)).max() < EXACT * full_scale(floating)


def test_no_experiments_are_refused():
    with pytest.raises(InputError, match="at least one tile"):
        array_of([])


@EACH_METHOD
@pytest.mark.parametrize("shape", [(0, 8), (1, 0, 8), (3, 0, 8)], ids=str)
def test_no_vectors_are_refused(shape, method):
    array, volts = array_of([tile()] * 3), torch.zeros(shape, dtype=torch.float64)
    for function in (nodal.read, nodal.solve):
        with pytest.raises(InputError, match=r"volts.*shape"):
            function(array, volts, method=method)


def gated(**parts) -> Experiment:
    return tile(cell=GatedCell(), **parts)


@pytest.mark.parametrize("cell", [GatedCell(), TransmissionGateCell()], ids=["one", "two"])
def test_an_access_model_of_another_number_of_transistors_is_refused(cell):
    own = 1 if cell.kind == "gated" else 2
    for count in (1, 2):
        access = ACCESS.replace(
            threshold_sigma=(5e-3,) * count, sensitivity=ACCESS.sensitivity * count
        )
        if count == own:
            assert array_of([tile(cell=cell)], access).cells.access is not None
            continue
        with pytest.raises(InputError, match=rf"{cell.kind} cells have {own}") as caught:
            array_of([tile(cell=cell)], access)
        assert caught.value.key == "transistors"
        assert caught.value.value == count


def test_passive_cells_have_no_access_device_even_if_one_is_given():
    e = tile(cell=PassiveCell(), die=Die(mismatch=1.0, seed=3))
    array = array_of([e], ACCESS)
    assert array.cells.access is None
    assert torch.equal(nodal.read(array, volts_of(e)), nodal.read(array_of([e]), volts_of(e)))


def test_currents_beyond_those_of_the_access_device_are_refused():
    e = gated()
    wide = ACCESS.replace(current_scale=1.0)  # it is its scale that the range is told by
    array, volts = array_of([e], wide), volts_of(e)
    most = float(nodal.solve(array, volts).current.abs().max())

    def scaled(to: float) -> AccessModel:
        """The same law within another range of currents, for powers of the current scale with it"""
        factor = torch.tensor([to**j for j in range(3)], dtype=torch.float64)
        return wide.replace(
            current_scale=to,
            resistance=(wide.device_law().resistance * factor[:, None]).tolist(),
            sensitivity=(wide.device_law().sensitivity * factor[:, None]).tolist(),
        )

    exact = nodal.read(array, volts)
    within = nodal.read(array_of([e], scaled(most / 1.09)), volts)
    assert torch.allclose(within, exact, rtol=1e-8, atol=0)
    beyond = array_of([e], scaled(most / 1.11))
    for function in (nodal.read, nodal.solve):
        with pytest.raises(InputError, match=r"access.*current.*measured up to") as caught:
            function(beyond, volts)
        assert caught.value.value == pytest.approx(most, rel=1e-8)


# Precision and methods


@pytest.mark.parametrize("cell", [OHMIC, PassiveCell()], ids=["ohmic", "bias-dependent"])
@pytest.mark.parametrize("defects", ["none", "all kinds"])
@EACH_METHOD
def test_single_precision_is_good_to_five_digits(cell, defects, method):
    e = tile(cell=cell, die=spoilt(DEFECTS[defects]))
    array, volts = array_of([e], dtype=torch.float32), volts_of(e).float()
    single = nodal.read(array, volts, method=method, tolerance=1e-6)
    assert single.dtype == torch.float32
    assert np.abs(single[0].numpy() - read(e)).max() < 1e-5 * full_scale(e)


@EACH_METHOD
@pytest.mark.parametrize("kind", ["ohmic", "bias-dependent", "gated"])
def test_single_precision_arrives_at_tolerances_that_it_cannot_reach(kind, method):
    cell = {"ohmic": OHMIC, "bias-dependent": PassiveCell(), "gated": GatedCell()}[kind]
    e = tile(cell=cell, die=spoilt(DEFECTS["bridges onto dead lines"]))
    exact = nodal.read(array_of([e], ACCESS), volts_of(e))
    array, volts = array_of([e], ACCESS, dtype=torch.float32), volts_of(e).float()
    for tolerance in (1e-9, 0.0):
        single = nodal.read(array, volts, method=method, tolerance=tolerance)
        assert single.dtype == torch.float32
        assert float((single - exact).abs().max()) < 1e-5 * full_scale(e)


@EACH_DEFECTS
def test_both_methods_agree(defects):
    for ends in (ENDS[0], ENDS[-1]):
        e = tile(ends=ends, die=spoilt(defects))
        exact, iterated = (read(e, method=method) for method in METHODS)
        assert np.abs(exact - iterated).max() < ITERATIVE * np.abs(exact).max(), ends


@pytest.mark.parametrize("defects", ["none", "all kinds"])
def test_both_methods_agree_on_junctions_that_depend_on_bias(defects):
    e = tile(cell=PassiveCell(), die=spoilt(DEFECTS[defects]), vectors=2)
    exact, iterated = (read(e, method=method) for method in METHODS)
    assert np.abs(exact - iterated).max() < ITERATIVE * np.abs(exact).max()


# The effective matrix


@EACH_METHOD
@pytest.mark.parametrize("shape", [(8, 7), (8, 11), (9, 8), (20, 7)])
@pytest.mark.parametrize("defects", ["none", "all kinds"])
def test_the_effective_matrix_is_the_currents_for_one_volt_at_each_row(shape, defects, method):
    limit = EXACT if method == "elimination" else ITERATIVE
    for ends in ENDS:
        e = tile(shape, ends=ends, die=spoilt(DEFECTS[defects]))
        array, unit = array_of([e]), torch.eye(shape[0], dtype=torch.float64)
        matrix = nodal.effective_matrix(array, method=method)
        solution = nodal.solve(array, unit, method="elimination")
        expected = nodal.column_currents(array, solution)
        assert (matrix - expected).abs().max() < limit * expected.abs().max(), ends


@EACH_USE
def test_the_effective_matrix_is_that_of_the_lines_in_use(use):
    for unselected in UNSELECTED:
        e = tile(unselected=unselected, stimulus=use)
        matrix = nodal.effective_matrix(array_of([e]))[0].numpy()
        held_at = "floating" if unselected == "floating" else "grounded"
        one = e.replace(
            crossbar=e.crossbar.replace(unselected=held_at),
            stimulus=e.stimulus.replace(volts=np.eye(len(e.driven_rows))),
        )
        error = np.abs(matrix - solved(one)).max()
        assert error < EXACT * np.abs(matrix).max(), unselected


def test_the_effective_matrix_holds_at_small_voltages():
    e = tile(cell=PassiveCell(mtj=Mtj(v_half=0.2, tmr0=2.0)), die=spoilt(DEFECTS["all kinds"]))
    array, volts = array_of([e]), 1e-4 * volts_of(e)
    linear = volts @ nodal.effective_matrix(array)
    assert torch.allclose(
        nodal.read(array, volts), linear, rtol=0, atol=1e-7 * 1e-4 * full_scale(e)
    )


def test_an_array_of_resistors_is_made_of_tensors():
    g = torch.tensor([[[1e-4, 2e-4, 3e-4], [2e-4, 0.0, 1e-4]]], dtype=torch.float64)
    array = resistor_array(g, wire=(2.0, 3.0), end=(10.0, 20.0), both=(False, True))
    ohms = reference.Array(
        *(np.asarray(x) for x in (g[0], np.ones((2, 3)), np.zeros((2, 3)), np.zeros((2, 3)) > 0)),
        *(1.0, 2.0, 3.0, 10.0, 20.0),
    )
    one_end = resistor_array(g, wire=(2.0, 3.0), end=(10.0, 20.0))
    volts = torch.tensor([[0.1, -0.2]], dtype=torch.float64)
    expected = reference.currents(ohms, volts.numpy())
    assert nodal.read(one_end, volts)[0].numpy() == pytest.approx(expected, rel=1e-12)
    assert (nodal.read(array, volts).abs() > nodal.read(one_end, volts).abs()).all()


# Gradients


G = 2e-4
IRREGULAR = (
    Irregular(
        {("row", 1): "cut", ("column", 2): "floating", ("column", 0): "cut"},
        ((("row", 0), ("row", 1), 2), (("column", 2), ("column", 3), 0)),
    ),
    Irregular(),
)
EACH_PROBLEM = pytest.mark.parametrize(
    ("kind", "irregular", "both"),
    [
        ("ohmic", False, False),
        ("ohmic", True, True),
        ("bias-dependent", False, True),
        ("bias-dependent", True, False),
        ("gated", False, False),
        ("gated", True, True),
    ],
)
"""Every two of their values occur together."""
TILES, ROWS, COLUMNS, VECTORS = 2, 5, 4, 2


def tensors(kind: str) -> dict[str, torch.Tensor]:
    """Everything that gradients are asked for, in units in which all of it is of order one."""
    like = torch.Generator().manual_seed(3)

    def some(low, high, *shape):
        return low + (high - low) * torch.rand(shape, dtype=torch.float64, generator=like)

    grid = (TILES, ROWS, COLUMNS)
    of = {
        "volts": some(-1, 1, VECTORS, ROWS),
        "linear": some(0.5, 1.5, *grid),
        "row wire": some(0.5, 1.5),
        "column wire": some(0.5, 1.5),
        "row end": some(0.5, 1.5),
        "column end": some(0.5, 1.5),
        "row series": some(0.5, 1.5, ROWS),
        "column series": some(0.5, 1.5, COLUMNS),
        "via": some(0.5, 1.5),
        "bridge": some(0.5, 1.5),
        "rest rows": some(-0.5, 0.5, ROWS),
        "rest columns": some(-0.5, 0.5, COLUMNS),
    }
    if kind != "ohmic":
        of |= {"cubic": some(0, 1, *grid), "drop": some(0.1, 0.3, *grid), "at": some(1, 2, *grid)}
    if kind == "gated":
        of["shifts"] = some(-1, 1, *grid, 1)
    return of


def made_of(t: dict[str, torch.Tensor], *, both: bool, irregular: bool) -> Array:
    """An array of `tensors`; 0.1 V, 0.2 mS and 100 Ω are one."""
    zero = torch.zeros_like(t["linear"])
    access = None
    if "shifts" in t:
        access = ACCESS.device_law().with_shifts(0.02 * t["shifts"])
    cells = Cells(
        G * t["linear"],
        G * t.get("cubic", zero),
        G * 0.05 * t.get("drop", zero),
        0.05 * t.get("at", zero + 1),
        access,
    )
    # Drivers have no resistance of their own where rows are held at both ends.
    driver = (0 if both else 50) * t["row series"]
    rows = Lines(10 * t["row wire"], 100 * t["row end"], driver, both)
    columns = Lines(8 * t["column wire"], 80 * t["column end"], 40 * t["column series"], both)
    bridge = 100 * t["bridge"]
    shape = (ROWS, COLUMNS)
    extras = make_extras(IRREGULAR, rows, columns, bridge, shape) if irregular else None
    return Array(
        cells=cells,
        rows=rows,
        columns=columns,
        via=20 * t["via"],
        extras=extras,
        rest_rows=0.1 * t["rest rows"],
        rest_columns=0.1 * t["rest columns"],
        driven=(3, 0, 2, 1),
        sensed=(2, 0, 3),
    )


def loss(t: dict[str, torch.Tensor], *, both: bool, irregular: bool, **options) -> torch.Tensor:
    """A weighted sum of the currents, of order one."""
    volts = 0.2 * t["volts"][:, :4]
    array = made_of(t, both=both, irregular=irregular)
    currents = nodal.read(array, volts, **options) / (0.1 * G)
    weight = torch.arange(1.0, currents.numel() + 1).to(currents).reshape(currents.shape).cos()
    return (weight * currents).sum() + (weight * currents * currents).sum()


def gradients(t: dict[str, torch.Tensor], **options) -> dict[str, torch.Tensor]:
    asked = {name: value.clone().requires_grad_() for name, value in t.items()}
    loss(asked, **options).backward()
    return {k: torch.zeros_like(v) if v.grad is None else v.grad for k, v in asked.items()}


def along(t: dict[str, torch.Tensor], directions: dict[str, torch.Tensor], **options) -> float:
    """Derivative of the loss along directions, by central differences of fourth order."""
    # The law of access devices has a kink at zero current: a large step would cross it.
    step = 5e-4

    def at(steps):
        with torch.no_grad():
            moved = {name: t[name] + steps * step * d for name, d in directions.items()}
            return float(loss(t | moved, **options))

    return (8 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12 * step)


GROUPS = (
    ("volts",),
    ("linear",),
    ("cubic", "drop", "at"),
    ("shifts",),
    ("row wire", "column end"),
    ("column wire", "row end"),
    ("row series", "via"),
    ("column series", "bridge"),
    ("rest rows", "rest columns"),
)
"""What is moved together, to save time."""


@EACH_PROBLEM
def test_gradients_are_those_of_finite_differences(kind, irregular, both):
    t = tensors(kind)
    options = {"both": both, "irregular": irregular, "tolerance": 1e-11, "method": "elimination"}
    got = gradients(t, **options)
    random = torch.Generator().manual_seed(5)
    for group in GROUPS:
        moved = {
            k: torch.rand(t[k].shape, dtype=t[k].dtype, generator=random) for k in group if k in t
        }
        if moved:
            ours = sum(float((got[name] * d).sum()) for name, d in moved.items())
            assert ours == pytest.approx(along(t, moved, **options), rel=1e-6), group


@EACH_PROBLEM
def test_both_methods_have_the_same_gradients(kind, irregular, both):
    t = tensors(kind)
    options = {"both": both, "irregular": irregular, "tolerance": 1e-10}
    exact, iterated = (gradients(t, method=method, **options) for method in METHODS)
    for name, value in exact.items():
        assert torch.allclose(value, iterated[name], rtol=0, atol=1e-6 * value.abs().max()), name


@pytest.mark.parametrize("irregular", [False, True], ids=["regular", "irregular"])
def test_gradients_far_from_rest_are_those_of_finite_differences(irregular):
    t = tensors("bias-dependent")
    t |= {"volts": 10 * t["volts"], "drop": t["drop"] * 0.5, "at": t["at"] * 0.2}
    options = {"both": False, "irregular": irregular, "tolerance": 1e-11}
    got = gradients(t, **options)
    for name in ("volts", "linear", "drop", "row wire"):
        direction = 0.1 * torch.ones_like(t[name])
        expected = along(t, {name: direction}, **options)
        assert float((got[name] * direction).sum()) == pytest.approx(expected, rel=1e-6), name


@pytest.mark.parametrize("shape", [(3, 6), (6, 3)])
def test_gradients_of_many_vectors_are_those_of_finite_differences(shape):
    # More vectors than lines: through the effective matrix.
    def currents(volts, scaled):
        array = resistor_array(G * scaled, wire=(20.0, 10.0), end=(100.0, 50.0))
        return nodal.read(array, volts, tolerance=1e-13) / (0.1 * G)

    like = torch.Generator().manual_seed(1)
    volts = torch.randn(7, shape[0], dtype=torch.float64, generator=like)
    scaled = 0.5 + torch.rand(2, *shape, dtype=torch.float64, generator=like)
    inputs = (volts.requires_grad_(), scaled.requires_grad_())
    assert torch.autograd.gradcheck(currents, inputs, eps=1e-4, atol=1e-6, rtol=1e-6)


def test_open_cells_have_a_gradient_too():
    g = torch.full((1, 3, 3), G, dtype=torch.float64)
    g[0, 1, 1] = 0.0
    volts = torch.tensor([[0.1, 0.2, -0.1]], dtype=torch.float64)

    def total(x):
        array = resistor_array(x, wire=(20.0, 10.0), end=(100.0, 50.0))
        return nodal.read(array, volts, tolerance=1e-13).sum()

    asked = g.clone().requires_grad_()
    total(asked).backward()
    step = torch.zeros_like(g)
    step[0, 1, 1] = 1e-3 * G
    expected = (-3 * total(g) + 4 * total(g + step) - total(g + 2 * step)) / (2 * 1e-3 * G)
    assert asked.grad[0, 1, 1].item() == pytest.approx(expected.item(), rel=1e-5)


def test_without_wishes_for_gradients_none_are_kept():
    e = tile()
    assert not nodal.read(array_of([e]), volts_of(e)).requires_grad
