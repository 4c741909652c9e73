import collections

import numpy as np
import pytest

from mtjspice.calibrate.amplifier import BEYOND, RESISTANCE
from mtjspice.calibrate.plan import (
    CLUSTERED,
    DEFECTIVE,
    HARD,
    HELD_INPUTS,
    KINDS,
    LINES,
    NEW_DIES,
    NEW_STATES,
    NEW_TILES,
    SEARCHED,
    SHORTED,
    Run,
    make_plan,
    of_die,
    searched_tiles,
    with_inputs,
)
from mtjspice.errors import InputError
from mtjspice.netlist import build_deck
from mtjspice.spec import (
    Converter,
    Crossbar,
    Die,
    GatedCell,
    Mtj,
    PassiveCell,
    SenseAmplifier,
    TransimpedanceAmplifier,
    TransmissionGateCell,
    VirtualGround,
    parse_spec,
)
from mtjspice.spec.calibration import Calibration
from mtjspice.spec.defects import DEFECTS, OF_JUNCTION
from mtjspice.surrogate.card import nominal_full_scale
from mtjspice.surrogate.model import MARGIN

SMALL = {
    "tiles": 2,
    "vectors": 24,
    "held_vectors": 7,
    "held_tiles": 3,
    "defective_tiles": 2,
    "short_tiles": 2,
    "hard_tiles": 2,
    "clustered_tiles": 3,
    "line_tiles": 1,
    "searched_tiles": 2,
    "short_share": 0.1,
    "sizes": (3, 6),
}
NAMED = ["all P", "all AP", "checkerboard", "one P row", "one P column"]
CELLS = {"passive": PassiveCell(), "gated": GatedCell(), "transmission": TransmissionGateCell()}
USUAL = tuple(kind for kind, about in DEFECTS.items() if not about.asked)
"""Kinds of defects that every card is judged on."""
SHAPES = ((5, 6), (12, 9), (3, 4), (4, 4), (3, 3), (2, 2), (2, 5), (1, 4), (4, 1), (1, 1))


def spec(shape: tuple[int, int] = (5, 6), cell: str = "passive", **parts) -> Calibration:
    plan = SMALL | parts.pop("plan", {})
    return Calibration(
        **{
            "name": "small",
            "crossbar": Crossbar(rows=shape[0], columns=shape[1], cell=CELLS[cell]),
            "die": Die(sigma_ln_rp=0.05, mismatch=1.0),
            "dac": Converter(low=-2.5, high=2.5),
            "plan": plan,
        }
        | parts
    )


def groups(plan: list[Run]) -> dict[str, list[Run]]:
    found: dict[str, list[Run]] = {}
    for run in plan:
        found.setdefault(run.group, []).append(run)
    return found


def volts(run: Run) -> np.ndarray:
    return run.experiment.stimulus.volts


def places(run: Run, kind: str) -> list[tuple[int | None, int | None]]:
    return [(d.row, d.column) for d in run.experiment.die.defects if d.kind == kind]


@pytest.fixture(scope="module")
def plan() -> list[Run]:
    return make_plan(spec())


@pytest.mark.parametrize("cell", CELLS)
def test_the_same_spec_gives_the_same_plan(cell):
    assert make_plan(spec(cell=cell)) == make_plan(spec(cell=cell))


def test_another_seed_gives_other_tiles_under_the_same_names(plan):
    other = make_plan(spec(seed=1))
    assert [run.name for run in other] == [run.name for run in plan]
    assert all(a.experiment != b.experiment for a, b in zip(plan, other, strict=True))


def test_a_limit_does_not_change_the_plan(plan):
    assert make_plan(spec(limits={"new_tiles_rms": 0.1}, adc={"bits": 8})) == plan


@pytest.mark.parametrize("cell", CELLS)
def test_groups_are_as_large_as_the_spec_asks(cell):
    found = {name: len(runs) for name, runs in groups(make_plan(spec(cell=cell))).items()}
    access = {"passive": {}, "gated": {"access": 14}, "transmission": {"access": 20}}[cell]
    assert found == access | {
        HELD_INPUTS: 7, NEW_STATES: 2, NEW_DIES: 2, NEW_TILES: 3, DEFECTIVE: 2, SHORTED: 2, HARD: 2,
        CLUSTERED: 3, LINES: 1, "size 3": 2, "size 6": 2,
    }  # fmt: skip


@pytest.mark.parametrize("cell", ["gated", "transmission"])
def test_without_mismatch_no_thresholds_are_shifted(cell):
    for die, shifted in ((Die(sigma_ln_rp=0.05), False), (Die(mismatch=0.01), True)):
        sweeps = groups(make_plan(spec(cell=cell, die=die)))["access"]
        assert len(sweeps) == (8 if not shifted else 14 if cell == "gated" else 20)
        assert any(run.experiment.die.mismatch > 0 for run in sweeps) == shifted


def test_only_amplifiers_are_swept():
    for periphery, count in ((VirtualGround(), 0), (SenseAmplifier(), 0)):
        assert len(groups(make_plan(spec(periphery=periphery))).get("amplifier", [])) == count
    amplifier = TransimpedanceAmplifier(gain=1e3, zero=0.5)
    (run,) = groups(make_plan(spec(periphery=amplifier)))["amplifier"]
    most = BEYOND * 2.15 / 1e3 * RESISTANCE
    assert volts(run).max() == pytest.approx(most)
    assert volts(run).min() == pytest.approx(-most)
    assert np.count_nonzero(volts(run)) == volts(run).size


@pytest.mark.parametrize("sizes", [(), (5,), (6, 3)])
def test_names_are_unique(sizes):
    names = collections.Counter(run.name for run in make_plan(spec(plan={"sizes": sizes})))
    assert {name: n for name, n in names.items() if n > 1} == {}


def test_dies_are_those_of_one_run_only(plan):
    others = [run for run in plan if run.group != NEW_STATES]
    drawn = [(run.experiment.die.seed, run.experiment.tile.index) for run in others]
    assert len(set(drawn)) == len(drawn)


@pytest.mark.parametrize(
    "many", [("tiles", "held_tiles"), ("defective_tiles", "short_tiles", "hard_tiles")], ids=str
)
def test_dies_are_those_of_one_run_only_in_the_largest_plan_too(many):
    large = dict.fromkeys(many, 1000) | {"vectors": 12, "held_vectors": 1}
    made = make_plan(spec((2, 3), plan=large | {"sizes": (1, 64)}))
    drawn = [run.experiment.die.seed for run in made if run.group != NEW_STATES]
    assert len(set(drawn)) == len(drawn)


def test_one_thing_is_new_where_the_group_says_so(plan):
    found = groups(plan)
    known = {run.name.split()[-1]: run.experiment for run in found[HELD_INPUTS][-2:]}
    assert set(known) == {"0", "1"}
    for group in (NEW_STATES, NEW_DIES):
        for run in found[group]:
            was, now = known[run.name.split()[-1]], run.experiment
            same_states = np.array_equal(was.tile.states, now.tile.states)
            same_die = (was.die, was.tile.index) == (now.die, now.tile.index)
            assert (same_states, same_die) == (group == NEW_DIES, group == NEW_STATES)
            assert run.fitted == 0


def test_hard_tiles_have_states_and_dies_of_their_own_and_hard_inputs(plan):
    made = make_plan(spec((5, 6), plan={"hard_tiles": 3, "held_vectors": 40}))
    found = groups(made)
    assert [run.name for run in found[HARD]] == [f"{HARD} {k}" for k in range(3)]
    step = 5 / 2**12
    for run in found[HARD]:
        assert run.fitted == 0
        assert run.experiment.die.defects == ()
        assert volts(run).shape == (40, 5)
        near = [np.abs(np.abs(volts(run)) - level) <= step / 2 for level in (0.0, 0.1)]
        assert np.logical_or(*near).all()
        signs = {tuple(v) for v in np.rint(volts(run) / 0.1).astype(int)}
        assert {(1,) * 5, (-1,) * 5, (1, -1, 1, -1, 1), (1, 1, 0, 0, 0), (0, 0, 0, 1, 1)} <= signs
        assert len([v for v in signs if np.abs(v).sum() == 1]) == 10
    for group in (HELD_INPUTS, NEW_TILES):
        for run in found[HARD]:
            for other in found[group]:
                assert run.experiment.die.seed != other.experiment.die.seed
                assert not np.array_equal(run.experiment.tile.states, other.experiment.tile.states)


@pytest.mark.parametrize("shape", [(1, 3), (2, 2), (4, 5), (15, 15)], ids=str)
def test_no_hard_vector_is_without_any_input(shape):
    # Without inputs only rounding flows: Kirchhoff's law, by which ngspice is checked, has nothing
    # to check then, simulations count as failed, and errors of nothing make the others look small.
    found = groups(make_plan(spec(shape, plan={"vectors": 60, "held_vectors": 60, "sizes": ()})))
    hard = {run.name: volts(run)[:20] for run in found[HELD_INPUTS]}
    hard |= {run.name: volts(run) for run in found[HARD]}
    for name, vectors in hard.items():
        assert vectors.any(axis=1).all(), (name, np.flatnonzero(~vectors.any(axis=1)).tolist())


@pytest.mark.parametrize("plan", [{}, {"held_tiles": 1000, "sizes": (1000,)}], ids=["", "large"])
def test_the_largest_seed_has_a_plan(plan):
    made = make_plan(spec((2, 9), seed=2**62, plan=plan | {"sizes": ()}))
    seeds = [run.experiment.die.seed for run in made if run.group != NEW_STATES]
    assert len(set(seeds)) == len(seeds)
    assert max(seeds) < 2**63


@pytest.mark.parametrize("seed", [2**62 + 1, 2**63 - 1])
def test_seeds_from_which_dies_cannot_count_on_are_refused(seed):
    with pytest.raises(ValueError, match=f"seed must be at most {2**62}"):
        spec(seed=seed)


def test_sizes_that_are_named_twice_are_refused():
    with pytest.raises(ValueError, match="sizes must differ"):
        spec(plan={"sizes": (6, 3, 6)})


def test_named_patterns_are_what_their_names_say(plan):
    tiles = {run.name.removeprefix("calibration: "): run for run in groups(plan)[HELD_INPUTS]}
    assert list(tiles) == [*NAMED, "random 0", "random 1"]
    states = {name: run.experiment.tile.states for name, run in tiles.items()}
    assert not states["all P"].any()
    assert states["all AP"].all()
    board = states["checkerboard"].astype(int)
    assert (np.diff(board, axis=0) != 0).all()
    assert (np.diff(board, axis=1) != 0).all()
    assert states["one P row"].sum(axis=1).tolist() == [6, 6, 0, 6, 6]
    assert states["one P column"].sum(axis=0).tolist() == [5, 5, 5, 0, 5, 5]
    assert 0.2 < np.mean([states["random 0"], states["random 1"]]) < 0.8


def test_states_dies_and_inputs_of_judged_tiles_are_their_own(plan):
    seen = groups(plan)
    known = seen[HELD_INPUTS]
    for group in (NEW_TILES, DEFECTIVE, SHORTED, HARD):
        for run in seen[group]:
            for other in known:
                assert run.experiment.die.seed != other.experiment.die.seed
                assert not np.array_equal(run.experiment.tile.states, other.experiment.tile.states)
                ours, theirs = {tuple(v) for v in volts(run)}, {tuple(v) for v in volts(other)}
                assert group == HARD or not ours & theirs
            assert run.fitted == 0
            assert volts(run).shape == (7, 5)


def test_fitted_and_held_inputs_of_a_tile_differ(plan):
    for run in groups(plan)[HELD_INPUTS]:
        assert run.fitted == 24
        assert volts(run).shape == (31, 5)
        fitted = {tuple(v) for v in volts(run)[:24]}
        assert not fitted & {tuple(v) for v in volts(run)[24:]}


@pytest.mark.parametrize(("rows", "vectors"), [(1, 12), (2, 13), (5, 24), (5, 300)])
def test_a_third_of_the_fitted_inputs_is_adversarial_and_within_the_range(rows, vectors):
    made = make_plan(spec((rows, 9), plan={"vectors": vectors, "defective_tiles": 1}))
    for run in groups(made)[HELD_INPUTS]:
        assert run.fitted == vectors
        extreme = volts(run)[: vectors // 3]
        step = 5 / 2**12
        near = [np.abs(np.abs(extreme) - level) <= step / 2 for level in (0.0, 0.1)]
        assert np.logical_or(*near).all()
        assert np.abs(extreme[0] - 0.1).max() <= step / 2
        assert np.abs(extreme[1] + 0.1).max() <= step / 2


def test_rows_are_driven_alone_and_together(plan):
    step = 5 / 2**12
    made = make_plan(spec(plan={"vectors": 60}))
    alone, patterns = set(), set()
    for run in groups(made)[HELD_INPUTS]:
        signs = np.sign(np.where(np.abs(volts(run)[:20]) <= step / 2, 0, volts(run)[:20]))
        patterns |= {tuple(v) for v in signs.astype(int)}
        alone |= {tuple(v) for v in signs.astype(int) if np.abs(v).sum() == 1}
    assert len(alone) == 10
    assert {(1,) * 5, (-1,) * 5, (1, -1, 1, -1, 1), (1, 1, 0, 0, 0)} <= patterns


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_every_kind_of_defect_occurs_within_the_array(shape):
    possible = set(USUAL)
    if shape[0] == 1:
        possible -= {"bridged_rows"}
    if shape[1] == 1:
        possible -= {"bridged_columns"}
    if shape[0] * shape[1] < 4:
        possible = set()
    made = groups(make_plan(spec(shape)))[DEFECTIVE]
    assert len(made) == 2
    for run in made:
        defects = run.experiment.die.defects
        assert all(d.tile == run.experiment.tile.index for d in defects)
        run.experiment.die.check_fit(shape)
    kinds = {d.kind for run in made for d in run.experiment.die.defects}
    assert possible <= kinds
    for run in made:
        assert build_deck(run.experiment).text


def test_weak_junctions_are_judged_only_if_the_plan_asks():
    asked, usual = (
        groups(make_plan(spec((5, 4), plan={"defective_tiles": 2} | also)))
        for also in ({"also": ("weak",)}, {})
    )
    for run in asked[DEFECTIVE]:
        assert {d.kind for d in run.experiment.die.defects} == set(DEFECTS)
    for group, runs in usual.items():
        if group != DEFECTIVE:
            assert runs == asked[group]
        assert not any(d.kind == "weak" for run in runs for d in run.experiment.die.defects)
    bare = spec((5, 4))
    assert "also" not in bare.model_dump()["plan"]
    assert bare.key() != bare.replace(plan=bare.plan.replace(also=("weak",))).key()


def test_cells_with_defects_are_cells_of_their_own():
    for shape in SHAPES:
        for run in groups(make_plan(spec(shape, plan={"defective_tiles": 20})))[DEFECTIVE]:
            cells = [p for kind in OF_JUNCTION for p in places(run, kind)]
            assert len(cells) == (4 if shape[0] * shape[1] >= 4 else 0)
            assert len(set(cells)) == len(cells)


def test_defects_are_elsewhere_on_every_tile():
    made = groups(make_plan(spec((12, 9), plan={"defective_tiles": 8})))[DEFECTIVE]
    for kind in USUAL:
        assert len({tuple(places(run, kind)) for run in made}) > 1, kind
    ends = {d.row for run in made for d in run.experiment.die.defects if d.row is not None}
    assert 0 in ends


def test_the_last_row_and_column_may_have_defects_too():
    made = groups(make_plan(spec((5, 6), plan={"defective_tiles": 300})))[DEFECTIVE]
    for kind in USUAL:
        rows, columns = (
            set(x) for x in zip(*(p for r in made for p in places(r, kind)), strict=True)
        )
        last = 4 - (kind == "bridged_rows"), 5 - (kind == "bridged_columns")
        assert rows == ({None} if kind == "dead_column" else set(range(last[0] + 1))), kind
        assert columns == ({None} if kind == "dead_row" else set(range(last[1] + 1))), kind


@pytest.mark.parametrize(("share", "count"), [(0.1, 3), (0.5, 15), (1.0, 30), (0.001, 1)])
def test_shorts_are_as_many_as_the_share_asks(share, count):
    for run in groups(make_plan(spec(plan={"short_share": share})))[SHORTED]:
        assert len(set(places(run, "short"))) == count
        assert {d.kind for d in run.experiment.die.defects} == {"short"}


def test_tiles_of_other_sizes_are_square_and_on_dies_without_defects(plan):
    for size in (3, 6):
        for run in groups(plan)[f"size {size}"]:
            assert run.experiment.crossbar.shape == (size, size)
            assert run.experiment.crossbar.replace(rows=5, columns=6) == spec().crossbar
            assert run.experiment.die.defects == ()
            assert volts(run).shape == (7, size)


def test_everything_but_tile_and_input_is_that_of_the_spec(plan):
    made = spec()
    for run in plan:
        die = run.experiment.die
        assert run.experiment.periphery == made.periphery
        assert run.experiment.technology == made.technology
        assert die.replace(seed=0, defects=()) == made.die


@pytest.mark.parametrize("reference", [0.0, 1.65])
def test_inputs_are_what_the_converter_gives(reference):
    dac = Converter(low=reference - 1, high=reference + 1, bits=8, offset=1e-4)
    made = make_plan(spec(dac=dac, periphery=VirtualGround(reference=reference)))
    for run in made:
        codes = (volts(run) + reference - dac.low - dac.offset) / dac.lsb
        assert np.abs(codes - np.rint(codes)).max() < 1e-9
        assert np.abs(volts(run)).max() <= 0.1 + dac.lsb / 2 + 2e-4


REFUSED_DACS = {
    "unipolar": (Converter(low=0.0, high=5.0), "from -0.1 to 0.1 V.*the DAC gives 0 to 4.99"),
    "low": (Converter(low=-0.09, high=2.5), "the DAC gives -0.09"),
    "the last code": (Converter(low=-0.1, high=0.1), "the DAC gives -0.1 to 0.0999"),
    "coarse": (Converter(low=-2.5, high=2.5, bits=5), "steps of 0.15625 V"),
    "no input": (Converter(low=-2.5, high=2.5, bits=3), "steps of 0.625 V"),
    "slightly coarse": (Converter(low=-0.33, high=0.33, bits=6), "steps of 0.0103125 V"),
    "offset": (Converter(low=-2.5, high=2.5, offset=0.01), r"dac.offset \(0.01 V\)"),
    "offset below": (Converter(low=-2.5, high=2.5, offset=-0.00062), "half a step"),
}


@pytest.mark.parametrize(("dac", "words"), REFUSED_DACS.values(), ids=REFUSED_DACS)
def test_converters_that_cannot_give_the_inputs_are_refused(dac, words):
    with pytest.raises(ValueError, match=words):
        spec(dac=dac)


def test_the_converter_must_reach_around_the_reference():
    above = VirtualGround(reference=1.65)
    make_plan(spec(dac=Converter(), periphery=above))
    with pytest.raises(ValueError, match=r"from 1\.55 to 1\.75 V"):
        spec(dac=Converter(low=-2.5, high=1.7), periphery=above)


@pytest.mark.parametrize(
    "dac",
    [
        pytest.param(Converter(low=-2.5, high=2.5), id="fine"),
        pytest.param(Converter(low=-2.5, high=2.5, offset=5 / 2**13), id="offset of half a step"),
        pytest.param(Converter(low=-0.32, high=0.32, bits=6), id="steps of a tenth"),
        pytest.param(Converter(low=-0.325, high=0.315, bits=6), id="steps of a tenth, in between"),
        pytest.param(
            Converter(low=-0.32, high=0.32, bits=6, offset=0.005), id="steps of a tenth, offset"
        ),
    ],
)
def test_inputs_stay_within_what_the_card_will_allow(dac):
    for run in make_plan(spec(dac=dac)):
        assert np.abs(volts(run)).max() <= 0.1 * MARGIN, run.name


def test_output_lines_may_follow_their_inputs():
    spec(potential=0.1, read_voltage=0.1)
    with pytest.raises(ValueError, match=r"potential \(0\.05 V\).*read_voltage \(0\.1 V\)"):
        spec(potential=0.05)


def test_access_devices_are_measured_beyond_the_read_voltage():
    spec(access_volts=0.15)
    with pytest.raises(ValueError, match=r"access_volts \(0\.149 V\).*1\.5 read voltages"):
        spec(access_volts=0.149)


def test_full_scale_is_that_of_a_column_of_nominal_p_junctions():
    mtj = Mtj()
    assert nominal_full_scale(mtj, 7, 0.1) == pytest.approx(7 * 0.1 / mtj.r_p)


def test_the_spread_of_a_range_is_that_of_device_and_die_together():
    die = Die(sigma_ln_rp=0.03, sigma_ln_rp_die=0.04, sigma_ln_tmr=0.1, mismatch=2.0)
    found = of_die(die)
    assert found["sigma_ln_rp"] == pytest.approx(0.05)
    assert found["sigma_ln_tmr"] == pytest.approx(0.1)
    assert found["mismatch"] == 2.0


@pytest.mark.parametrize("name", ["die20k", "passive15"])
def test_the_examples_have_a_plan(repository, name):
    path = repository / "examples" / name / "calibration.toml"
    made = make_plan(parse_spec(path.read_text(), Calibration, source=path))
    assert len({run.name for run in made}) == len(made)
    assert len({run.experiment.key() for run in made}) == len(made)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("[[die.defects]]\nkind = 'open'\nrow = 0\ncolumn = 0", "die.defects"),
        ("[plan]\nvectors = 11", "plan.vectors"),
        ("[plan]\nvectors = 60.0", "plan.vectors"),
        ("[plan]\ntiles = 0", "plan.tiles"),
        ("[plan]\nheld_tiles = 1001", "plan.held_tiles"),
        ("[plan]\nsizes = [0]", "plan.sizes"),
        ("[plan]\nshort_share = 1.1", "plan.short_share"),
        ("[limits]\nnew_tiles_rms = 1.5", "limits.new_tiles_rms"),
        ("[limits]\nequal_signs = -0.1", "limits.equal_signs"),
        ("[limits]\ncompleted = nan", "limits.completed"),
        ("[limits]\nnew_tile_rms = 0.1", "limits.new_tile_rms"),
        ("surprise = 1", "surprise"),
    ],
)
def test_a_wrong_spec_is_refused_by_its_key(text, key):
    whole = f"name = 'small'\n{'' if text[0] == '[' else text}\n[crossbar]\nrows = 5\ncolumns = 5\n"
    with pytest.raises(InputError) as caught:
        parse_spec(whole + (text if text[0] == "[" else ""), Calibration, source="spec.toml")
    assert "spec.toml" in str(caught.value)
    assert key in str(caught.value)


@pytest.mark.parametrize("name", ["", "a/b", "../up", ".", ".a", "-a", "_a", "a\n"])
def test_a_name_that_is_no_file_name_is_refused(name):
    with pytest.raises(ValueError, match="name is one line of"):
        spec(name=name)


@pytest.mark.parametrize("name", ["a", "0", "Die-20k_v1.2"])
def test_plain_names_are_names_of_cards(name):
    assert spec(name=name).name == name


def test_an_amplifier_whose_limits_no_voltage_reaches_is_refused():
    far = TransimpedanceAmplifier(gain=2e3, input_resistance=1e5)
    with pytest.raises(InputError, match=r"small: periphery: its limits are reached with 124 V"):
        make_plan(spec(periphery=far))


@pytest.mark.parametrize("cell", ["gated", "transmission"])
def test_sweeps_use_the_shorts_of_the_die_where_those_are_smaller(cell):
    low = CELLS[cell].replace(mtj=Mtj(ra="0.1 Ohm.um2", diameter="1um"))
    crossbar = Crossbar(rows=2, columns=2, cell=low)
    plan = make_plan(spec(crossbar=crossbar, die=Die(short_resistance=0.1, mismatch=1.0)))
    shorts = {run.experiment.die.short_resistance for run in plan}
    assert shorts == {0.1}
    assert low.mtj.r_p < 0.2


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        ({"periphery": VirtualGround(reference=19.95)}, r"periphery\.reference \(19\.95 V\)"),
        ({"potential": 20.0, "periphery": VirtualGround(reference=-0.1)}, "within 20 V of ground"),
        ({"die": Die(short_resistance=6e3)}, r"die\.short_resistance \(6000 Ω\) must be below"),
    ],
)
def test_what_would_leave_the_range_of_voltages_or_shorts_is_refused(parts, says):
    wide = Converter(bits=24, low=-50, high=50)
    with pytest.raises(ValueError, match=says):
        spec(**({"dac": wide} | parts))


# Clusters of defects, and searched inputs.


def test_shorts_are_clustered_on_a_column_on_a_row_and_in_a_block():
    runs = groups(make_plan(spec((12, 9), plan={"clustered_tiles": 6})))[CLUSTERED]
    for k, run in enumerate(runs):
        cells = np.array(places(run, "short"))
        rows, columns = (len(set(cells[:, axis])) for axis in (0, 1))
        assert len({tuple(cell) for cell in cells}) == len(cells)
        assert (rows, columns, len(cells)) == [(9, 1, 9), (1, 7, 7), (3, 3, 9)][k % 3]
        assert np.ptp(cells[:, 0]) < 3 or k % 3 == 0
        assert {d.kind for d in run.experiment.die.defects} == {"short"}


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_lines_are_dead_and_bridged_twice_where_there_are_so_many(shape):
    (run,) = groups(make_plan(spec(shape)))[LINES]
    rows, columns = shape
    counts = collections.Counter(d.kind for d in run.experiment.die.defects)
    wanted = {
        "dead_row": min(2, rows // 2),
        "dead_column": min(2, columns // 2),
        "bridged_rows": min(2, rows - 1),
        "bridged_columns": min(2, columns - 1),
    }
    assert counts == {kind: count for kind, count in wanted.items() if count}
    build_deck(run.experiment)  # all of it can be built


def test_searched_tiles_are_of_every_kind_and_on_dies_of_their_own(plan):
    of = spec()
    runs = searched_tiles(of)
    assert searched_tiles(of) == runs
    found = {name: len(some) for name, some in groups(runs).items()}
    assert found == {f"{SEARCHED}{kind}": 2 for kind in KINDS}
    kinds = {run.group.removeprefix(SEARCHED): run.experiment.die.defects for run in runs}
    assert kinds["sound"] == ()
    assert {d.kind for d in kinds["defects of every kind"]} == set(USUAL)
    seeds = [run.experiment.die.seed for run in (*plan, *runs) if run.group != "access"]
    mine = [run.experiment.die.seed for run in runs]
    assert len(set(mine)) == len(mine)
    assert not set(mine) & set(seeds[: len(seeds) - len(mine)])


def test_inputs_that_were_found_are_given_as_the_converter_gives_them():
    of = spec(dac={"bits": 9, "low": -2.5, "high": 2.5})
    run = searched_tiles(of)[0]
    wanted = np.array([[0.1, -0.1, 0.0, 0.03, 0.1]])
    given = volts(with_inputs(of, run, wanted))
    step = of.dac.lsb
    assert np.abs(given - wanted).max() <= step
    assert np.abs(given).max() <= MARGIN * of.read_voltage
    codes = (given - of.dac.low) / step
    assert np.allclose(codes, np.round(codes), atol=1e-9)
    assert with_inputs(of, run, wanted).name == run.name
