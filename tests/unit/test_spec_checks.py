"""What fits together and what does not: checks over several fields."""

import pydantic
import pytest
from unit.builders import experiment

from mtjspice.spec import (
    Crossbar,
    Defect,
    Die,
    Experiment,
    Limits,
    Mtj,
    ProgrammedTile,
    Readout,
    SolutionsNetwork,
    Stimulus,
    TrainedNetwork,
    TransimpedanceAmplifier,
)

TILE = ProgrammedTile(states=["PA", "AP"])
SHORT = Defect(kind="short", row=1, column=1)


@pytest.mark.parametrize(
    ("crossbar", "stimulus", "says"),
    [
        (
            Crossbar(rows=3, columns=2),
            Stimulus(volts=[[0.1, 0.2]]),
            r"tile.states has the shape \(2, 2\); the crossbar asks for \(3, 2\)",
        ),
        (
            Crossbar(rows=2, columns=2),
            Stimulus(volts=[[0.1]]),
            "stimulus.volts has 1 entries a vector; the crossbar has 2 rows",
        ),
        (
            Crossbar(rows=2, columns=2),
            Stimulus(volts=[[0.1]], driven_rows=(2,)),
            "stimulus.driven_rows names line 2; there are 2",
        ),
        (
            Crossbar(rows=2, columns=2),
            Stimulus(volts=[[0.1, 0.2]], sensed_columns=(0, 5)),
            "stimulus.sensed_columns names line 5; there are 2",
        ),
    ],
)
def test_an_experiment_that_does_not_fit_is_refused(crossbar, stimulus, says):
    with pytest.raises(pydantic.ValidationError, match=says):
        Experiment(crossbar=crossbar, tile=TILE, stimulus=stimulus)


def test_a_defect_outside_of_the_tile_is_refused():
    defects = (Defect(kind="open", row=0, column=2),)
    with pytest.raises(
        pydantic.ValidationError, match=r"open at row 0, column 2; .* for it are 1 and 1"
    ):
        experiment(die=Die(defects=defects))


def test_a_defect_of_another_tile_may_lie_anywhere():
    defects = (Defect(kind="open", row=9, column=9, tile=1),)
    assert experiment(die=Die(defects=defects)).die.defects == defects


def test_two_defects_at_one_place_are_refused():
    with pytest.raises(
        pydantic.ValidationError, match=r"two defects \(short, open\) at tile 0, row 1"
    ):
        Die(defects=(SHORT, SHORT.replace(kind="open")))


def test_the_same_place_on_two_tiles_is_two_places():
    assert len(Die(defects=(SHORT, SHORT.replace(tile=1))).defects) == 2


@pytest.mark.parametrize("field", ["driven_rows", "sensed_columns"])
@pytest.mark.parametrize("lines", [(), (1, 1)])
def test_lines_are_named_at_least_once_and_each_only_once(field, lines):
    with pytest.raises(pydantic.ValidationError, match=f"{field} must name at least one line"):
        Stimulus(volts=[[0.1, 0.2]], **{field: lines})


def test_a_vector_has_an_entry_for_each_driven_row():
    with pytest.raises(
        pydantic.ValidationError, match="2 entries a vector but driven_rows names 1"
    ):
        Stimulus(volts=[[0.1, 0.2]], driven_rows=(0,))


def test_lines_that_are_left_out_are_all_lines():
    assert experiment().driven_rows == (0, 1)
    assert experiment().sensed_columns == (0, 1)


def test_lines_keep_the_order_of_the_stimulus():
    some = experiment(stimulus={"driven_rows": (1, 0), "sensed_columns": (1,)})
    assert some.driven_rows == (1, 0)
    assert some.sensed_columns == (1,)


@pytest.mark.parametrize(
    "fields",
    [
        {"zero": 2.0},
        {"clip_low": 1.0, "clip_high": -1.0},
        {"zero": 1.0, "clip_low": 1.0, "clip_high": 1.0},
    ],
)
def test_an_amplifier_that_always_clips_is_refused(fields):
    with pytest.raises(pydantic.ValidationError, match="must lie between clip_low"):
        TransimpedanceAmplifier(**fields)


@pytest.mark.parametrize("g_norm", [(1.0, 0.5), (1.0, 1.0)])
def test_g_norm_rises(g_norm):
    with pytest.raises(pydantic.ValidationError, match="must rise"):
        Readout(g_norm=g_norm)


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (Readout, {"g_norm": ()}),
        (Readout, {"g_norm": (0.0, 1.0)}),
        (SolutionsNetwork, {"only": ()}),
        (SolutionsNetwork, {"only": (-1,)}),
        (TrainedNetwork, {"hidden": (0,)}),
        (TrainedNetwork, {"epochs": 0}),
        (Limits, {"min_accuracy": 1.5}),
        (Defect, {"kind": "broken", "row": 0, "column": 0}),
        (Defect, {"kind": "short", "row": -1, "column": 0}),
        (Crossbar, {"rows": 1, "columns": 1, "unselected": "high"}),
    ],
)
def test_a_value_out_of_its_range_is_refused(kind, fields):
    with pytest.raises(pydantic.ValidationError):
        kind(**fields)


@pytest.mark.parametrize("reltol", [0.0, 0.01, float("nan")])
def test_a_tolerance_that_ngspice_should_not_have_is_refused(reltol):
    with pytest.raises(pydantic.ValidationError, match="reltol"):
        experiment(reltol=reltol)


def test_the_nominal_resistances_follow_from_ra_and_diameter():
    mtj = Mtj(ra="10 Ohm.um2", diameter="50nm", tmr0=1.5)
    assert mtj.r_p == pytest.approx(5092.958178940651, rel=1e-12)
    assert mtj.r_ap == pytest.approx(2.5 * mtj.r_p, rel=1e-12)
    assert mtj.delta_g == pytest.approx(0.6 / mtj.r_p, rel=1e-12)


@pytest.mark.parametrize(
    ("mtj", "ohmic"),
    [
        (Mtj(), False),
        (Mtj(v_half=float("inf")), True),
        (Mtj(v_half=float("inf"), c_parallel=0.1), False),
    ],
)
def test_a_junction_is_ohmic_without_bias_dependence(mtj, ohmic):
    assert mtj.ohmic is ohmic
