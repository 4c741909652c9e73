"""What is fitted, from results made by hand: no simulator."""

import json

import numpy as np
import pytest
import torch
import xarray as xr

from mtjspice.calibrate.access import (
    POWERS,
    SHIFT_POWERS,
    SHORT,
    access_experiments,
    basis,
    fit_access,
)
from mtjspice.calibrate.amplifier import RESISTANCE, amplifier_experiment, fit_amplifier
from mtjspice.calibrate.errors import NOTHING, Reads, read_run, summary
from mtjspice.calibrate.fit import fit_card, judged_card, judged_reads
from mtjspice.calibrate.judge import judge, verdict_of_card
from mtjspice.calibrate.plan import (
    CLUSTERED,
    DEFECTIVE,
    HARD,
    HELD_INPUTS,
    LINES,
    NEW_TILES,
    Run,
    make_plan,
)
from mtjspice.device.converter import to_codes
from mtjspice.errors import SimulatorError
from mtjspice.solver import nodal
from mtjspice.solver.array import array_of
from mtjspice.spec import (
    Converter,
    Crossbar,
    Die,
    Experiment,
    GatedCell,
    Line,
    PassiveCell,
    SenseAmplifier,
    Technology,
    TransimpedanceAmplifier,
    TransmissionGateCell,
    VirtualGround,
)
from mtjspice.spec.calibration import Calibration, CardLimits
from mtjspice.surrogate.card import Card
from mtjspice.verdicts.figures import Figure, Verdict

LINE = Line(resistance=3.0, end=40.0)
OF_SIGNAL = "new tiles, full: RMS error by the current that the circuit gives"
LEVELS = ("full", "linear", "nodal")
CELLS = {"passive": PassiveCell(), "gated": GatedCell(), "transmission": TransmissionGateCell()}


def spec(
    cell: str = "passive", *, shape: tuple[int, int] = (5, 6), completed: float = 0.9, **parts
) -> Calibration:
    crossbar = Crossbar(rows=shape[0], columns=shape[1], cell=CELLS[cell], row=LINE, column=LINE)
    plan = {
        "tiles": 1, "vectors": 12, "held_vectors": 10, "held_tiles": 2, "defective_tiles": 1,
        "short_tiles": 1, "hard_tiles": 1, "clustered_tiles": 1, "line_tiles": 1, "sizes": (3,),
    }  # fmt: skip
    return Calibration(
        **{
            "name": "small",
            "crossbar": crossbar,
            "die": Die(sigma_ln_rp=0.05, mismatch=1.0),
            "dac": Converter(low=-2.5, high=2.5),
            "adc": Converter(low=-2.5, high=2.5),
            "plan": plan,
            "limits": CardLimits(completed=completed),
        }
        | parts
    )


def dataset(current: np.ndarray, **more: np.ndarray) -> xr.Dataset:
    """What a simulation gives, as far as a fit looks at it."""
    axes = ("vector", "output_line")
    variables = {"current": (axes, current)} | {name: (axes, x) for name, x in more.items()}
    return xr.Dataset(variables, attrs={"key": f"{np.abs(current).sum():.17g}"})


def solved(e: Experiment) -> xr.Dataset:
    """What the nodal equations say in the place of SPICE; passive cells only."""
    with torch.no_grad():
        current = nodal.read(array_of([e]), torch.tensor(e.stimulus.volts.copy()))[0].numpy()
    if not isinstance(e.periphery, TransimpedanceAmplifier):
        return dataset(current)
    p = e.periphery
    return dataset(
        current, amplifier_voltage=np.clip(p.zero - p.gain * current, p.clip_low, p.clip_high)
    )


def planned(made: Calibration) -> tuple[list[Run], dict[str, xr.Dataset]]:
    plan = make_plan(made)
    return plan, {run.name: solved(run.experiment) for run in plan}


@pytest.fixture(scope="module")
def passive():
    made = spec()
    return made, *planned(made)


def judged(card: Card, plan: list[Run], results: dict[str, xr.Dataset]) -> Card:
    """The card with its errors and bounds."""
    return judged_card(card, plan, results)[0]


def figures_of(card: Card, plan: list[Run], results: dict[str, xr.Dataset]) -> list[Figure]:
    """All that is said of a fitted card."""
    return judge(*judged_card(card, plan, results), {})


def without(results: dict[str, xr.Dataset], *names: str) -> dict[str, xr.Dataset]:
    assert set(names) <= results.keys()
    return {name: one for name, one in results.items() if name not in names}


# The access device.

I_0 = 1.5e-4


def law(current: np.ndarray, potential: float, shifts: np.ndarray) -> np.ndarray:
    """Resistance of a made-up device: two sides with a common value at zero, and shifts."""
    x, y = current / I_0, potential / 0.1
    common = 1000 + 60 * y - 8 * y**2 + 0.5 * y**3
    forward = 35 * x * (1 + 0.2 * y) + 7 * x**2 - 2 * x**4 * y**3
    back = -22 * x * (1 - 0.1 * y**2) + 4 * x**2 - x**3
    whole = common + np.where(x > 0, forward, back)
    for k, shift in enumerate(shifts):
        whole = whole + shift * (
            (500 + 100 * k) * (1 + 0.3 * y) + np.where(x > 0, 40 * x + 3 * x**2 * y, -30 * x)
        )
    return whole


def made_sweeps(made: Calibration, sigma: float) -> list[xr.Dataset]:
    """Sweeps of the made-up device; the largest current of all is I_0."""
    from mtjspice.device.variation import draw_normal  # noqa: PLC0415

    transistors = {"gated": 1, "transmission_gate": 2}[made.crossbar.cell.kind]
    results = []
    for e in access_experiments(made):
        z = draw_normal(e.die.seed, 0, (1, 1, transistors))[0, 0]
        shifts = np.round(e.die.mismatch * sigma * z, 9)
        potential = e.periphery.reference - made.periphery.reference
        volts = e.stimulus.volts[:, 0]
        current = volts / 1000
        for _ in range(60):
            current = volts / (SHORT + law(current, potential, shifts))
        results.append(dataset(current[:, None]))
    return results


@pytest.fixture
def known_sigma(monkeypatch):
    """Every transistor has the same standard deviation of its threshold."""
    from mtjspice.netlist.cards import Card  # noqa: PLC0415

    monkeypatch.setattr(Card, "threshold_sigma", lambda self, transistor: 4e-3)


@pytest.mark.parametrize("cell", ["gated", "transmission"])
def test_a_two_sided_polynomial_with_shifts_is_found_again(cell, known_sigma):
    made = spec(cell)
    results = made_sweeps(made, 4e-3)
    model, followed = fit_access(made, results)
    assert max(followed.values()) < 1e-12
    assert set(followed) == {"nominal", "shifted"}
    assert model.threshold_sigma == (4e-3,) * (1 if cell == "gated" else 2)
    assert model.potential_scale == 0.1
    assert model.current_scale == max(float(abs(r["current"]).max()) for r in results)
    current = np.linspace(-0.99, 0.99, 41) * model.current_scale
    for shift in (0.0, 5e-3):
        shifts = np.array([shift, -shift / 2][: len(model.threshold_sigma)])
        device = model.device_law().with_shifts(torch.from_numpy(shifts)[None, None, None])
        for potential in (-0.1, 0.0, 0.033, 0.1):
            volts = device.volts(
                torch.from_numpy(current)[None, :, None, None],
                torch.full((1, 1, 1, 1), potential, dtype=torch.float64),
            )
            wanted = current * law(current, potential, shifts)
            assert volts.numpy().ravel() == pytest.approx(wanted, rel=1e-8, abs=1e-13)


def test_both_signs_of_the_current_share_their_value_at_rest(known_sigma):
    model, _ = fit_access(spec("gated"), made_sweeps(spec("gated"), 4e-3))
    forward, back = model.resistance
    assert forward[0] == back[0]
    assert forward[1] != back[1]
    (own,) = model.sensitivity
    assert own[0][0] == own[1][0]


def test_a_reference_does_not_shift_the_potentials(known_sigma):
    results = made_sweeps(spec("gated"), 4e-3)
    above = spec("gated", periphery=VirtualGround(reference=1.65))
    one, other = (fit_access(made, results)[0] for made in (spec("gated"), above))
    assert np.array(one.resistance) == pytest.approx(np.array(other.resistance), rel=1e-6, abs=1e-6)


def test_sweeps_that_failed_are_done_without(known_sigma):
    made = spec("transmission")
    results = made_sweeps(made, 4e-3)
    model, _ = fit_access(made, results)
    holes = [None if k in (3, 12) else one for k, one in enumerate(results)]
    other, followed = fit_access(made, holes)
    assert max(followed.values()) < 1e-12
    assert np.array(other.resistance) == pytest.approx(np.array(model.resistance), abs=1e-4)


def test_sweeps_that_failed_too_often_are_an_error_that_says_so(known_sigma):
    made = spec("gated", completed=0.1)
    plan = make_plan(made)
    access = [run for run in plan if run.group == "access"]
    sweeps = made_sweeps(made, 4e-3)
    results = {run.name: sweeps[k] for k, run in enumerate(access) if k < 8}
    with pytest.raises(SimulatorError, match=r"access device.*8 of 14"):
        fit_card(made, plan, results, "ngspice")


@pytest.mark.parametrize(
    ("cell", "lost", "enough"),
    [
        ("gated", range(2), True),
        ("gated", range(3), False),
        ("gated", range(8, 13), False),
        ("transmission", range(8, 16), True),
        ("transmission", range(8, 17), False),
    ],
)
def test_a_few_sweeps_are_enough(cell, lost, enough, known_sigma):
    made = spec(cell)
    results = [None if k in lost else one for k, one in enumerate(made_sweeps(made, 4e-3))]
    if enough:
        assert fit_access(made, results)[0].current_scale > 0
        return
    with pytest.raises(SimulatorError, match="too many sweeps of the access device failed"):
        fit_access(made, results)


@pytest.mark.parametrize("cell", ["gated", "transmission"])
def test_a_die_without_mismatch_asks_for_nominal_sweeps_only(cell, known_sigma):
    made = spec(cell, die=Die(sigma_ln_rp=0.05))
    results = made_sweeps(made, 4e-3)
    assert len(results) == 8
    model, followed = fit_access(made, results)
    assert set(followed) == {"nominal"}
    assert followed["nominal"] < 1e-12
    shifting, _ = fit_access(spec(cell), made_sweeps(spec(cell), 4e-3))
    assert model.resistance[0][0] == pytest.approx(shifting.resistance[0][0], rel=1e-9, abs=1e-9)
    device = model.device_law()
    assert not device.sensitivity.any()
    assert device.sensitivity.shape == shifting.device_law().sensitivity.shape
    assert model.threshold_sigma == shifting.threshold_sigma
    with pytest.raises(SimulatorError, match="5 of 8"):
        fit_access(made, [None, None, None, *results[3:]])


def test_transistors_without_mismatch_in_their_card_are_fitted(known_sigma, monkeypatch):
    from mtjspice.netlist.cards import Card  # noqa: PLC0415

    monkeypatch.setattr(Card, "threshold_sigma", lambda self, transistor: 0.0)
    model, followed = fit_access(spec("gated"), made_sweeps(spec("gated"), 0.0))
    assert followed["nominal"] < 1e-12
    assert model.threshold_sigma == (0.0,)


def test_sweeps_reach_the_voltage_and_the_potential_that_the_spec_names():
    made = spec("gated", access_volts=0.3, potential=0.05, read_voltage=0.05)
    sweeps = access_experiments(made)
    volts = np.concatenate([e.stimulus.volts for e in sweeps])
    potential = np.array([e.periphery.reference for e in sweeps])
    for values, most in ((volts, 0.3), (potential, 0.05)):
        assert np.abs(values).max() <= most
        assert values.min() < -0.97 * most
        assert values.max() > 0.97 * most
        assert (values != 0).all()
    assert len({e.key() for e in sweeps}) == len(sweeps)


def test_the_basis_has_a_column_for_every_coefficient():
    x = np.array([-1.0, -0.5, 0.5, 1.0])
    made = basis(x, np.ones(4), POWERS)
    assert made.shape == (4, POWERS[1] * (2 * POWERS[0] - 1))
    assert np.linalg.matrix_rank(basis(x, np.ones(4), (2, 1))) == 3
    assert SHIFT_POWERS[0] <= POWERS[0]
    assert SHIFT_POWERS[1] <= POWERS[1]


# The amplifier.


@pytest.mark.parametrize(
    "amplifier",
    [
        TransimpedanceAmplifier(),
        TransimpedanceAmplifier(gain=5e4, input_resistance=12.5, zero=0.5),
        TransimpedanceAmplifier(reference=1.65, zero=1.65, clip_low=0.0, clip_high=3.3),
        TransimpedanceAmplifier(zero=0.0, clip_low=0.0, clip_high=3.3),
        TransimpedanceAmplifier(zero=3.0, clip_low=-0.1, clip_high=3.1, input_resistance=1000.0),
    ],
    ids=["default", "input", "supply", "one-sided", "lopsided"],
)
def test_an_amplifier_is_found_again(amplifier):
    made = spec(periphery=amplifier)
    volts = amplifier_experiment(made).stimulus.volts
    current = volts / (RESISTANCE + amplifier.input_resistance)
    out = np.clip(
        amplifier.zero - amplifier.gain * current, amplifier.clip_low, amplifier.clip_high
    )
    model = fit_amplifier(made, dataset(current, amplifier_voltage=out))
    assert model.gain == pytest.approx(amplifier.gain, rel=1e-9)
    assert model.zero == pytest.approx(amplifier.zero, abs=1e-9)
    assert model.clip_low == amplifier.clip_low
    assert model.clip_high == amplifier.clip_high
    assert model.input_resistance == pytest.approx(amplifier.input_resistance, abs=1e-9)
    assert model.deviation < 1e-9


def test_an_amplifier_that_bends_has_a_deviation():
    made = spec(periphery=TransimpedanceAmplifier())
    current = amplifier_experiment(made).stimulus.volts / RESISTANCE
    out = -1.65 * np.tanh(current * 2e3 / 1.65)
    model = fit_amplifier(made, dataset(current, amplifier_voltage=out))
    assert 0.01 < model.deviation < 1.0


# The card.


def test_currents_of_the_nodal_equations_ask_for_hardly_any_correction(passive):
    made, plan, results = passive
    card, followed = fit_card(made, plan, results, "nodal")
    assert followed == {}
    assert card.access is None
    assert card.amplifier is None
    assert card.failed == ()
    assert card.planned == len(plan)
    assert card.correction.linear == pytest.approx(1, abs=1e-4)
    assert card.correction.own == pytest.approx(1, abs=0.1)
    assert card.correction.mixed == pytest.approx(1, abs=0.1)


def test_factors_in_the_currents_are_found_again(passive):
    made, plan, results = passive
    twice = {
        name: one.assign(current=2 * one["current"]) if name.startswith("calibration") else one
        for name, one in results.items()
    }
    one, other = (fit_card(made, plan, r, "nodal")[0].correction for r in (results, twice))
    for name in ("linear", "own", "mixed"):
        assert getattr(other, name) == pytest.approx(2 * getattr(one, name), rel=1e-6)


def test_the_fit_sees_neither_held_inputs_nor_held_tiles(passive):
    made, plan, results = passive
    spoilt = {}
    for run in plan:
        current = results[run.name]["current"].to_numpy().copy()
        current[run.fitted :] = 1.0
        spoilt[run.name] = dataset(current)
    cards = [fit_card(made, plan, r, "nodal")[0] for r in (results, spoilt)]
    assert cards[0].correction == cards[1].correction


def test_the_same_results_give_the_same_card(passive):
    made, plan, results = passive
    texts = []
    for _ in range(2):
        card, _ = fit_card(made, plan, dict(reversed(results.items())), "nodal")
        texts.append(judged(card, plan, results).canonical())
    assert texts[0] == texts[1]


def test_a_range_names_what_was_held_against_the_simulator(passive):
    made, plan, results = passive
    valid = fit_card(made, plan, results, "nodal")[0].validity
    assert valid.volts == 0.1
    assert valid.sizes == ((3, 3), (5, 6))
    assert len(valid.defects) == 8
    assert valid.sigma_ln_rp == 0.05
    assert valid.mismatch == 1.0
    assert valid.access_current is None
    assert valid.short_resistance == valid.bridge_resistance == 100.0
    assert valid.cells == 30
    assert valid.shorts == pytest.approx(4 / 30)  # three quarters of a column of five


@pytest.mark.parametrize(
    ("lost", "shorts"),
    [
        ((), 0.2),
        (("shorts 0",), 4 / 30),
        (("shorts 0", "clustered shorts 0"), 1 / 30),
        (("shorts 0", "clustered shorts 0", "defects 0"), 0.0),
    ],
)
def test_the_share_of_shorts_is_the_largest_that_was_judged(lost, shorts):
    made = spec(die=Die(bridge_resistance=77.0, short_resistance=55.0), limits={"completed": 0.5})
    made = made.replace(plan=made.plan.replace(short_share=0.2))
    plan, results = planned(made)
    valid = fit_card(made, plan, without(results, *lost), "nodal")[0].validity
    assert valid.shorts == pytest.approx(shorts)
    assert valid.short_resistance == 55.0
    assert valid.bridge_resistance == 77.0


def test_what_failed_is_not_within_the_range(passive):
    made, plan, results = passive
    made = made.replace(limits={"completed": 0.5})
    lost = ("defects 0", f"{LINES} 0", "3 x 3, 0", "3 x 3, 1")
    some = without(results, *lost)
    card, _ = fit_card(made, plan, some, "nodal")
    assert card.validity.sizes == ((5, 6),)
    assert card.validity.defects == ("short",)
    assert card.failed == lost
    assert {line.group for line in judged(card, plan, some).errors} == {
        HELD_INPUTS, "new states", "new dies", NEW_TILES, "shorts", HARD, CLUSTERED,
    }  # fmt: skip


def test_a_card_names_the_simulations_that_it_did_without(passive):
    made, plan, results = passive
    card, _ = fit_card(made, plan, without(results, "new tiles 1"), "nodal")
    assert card.failed == ("new tiles 1",)
    assert json.loads(card.canonical())["failed"] == ["new tiles 1"]
    whole, _ = fit_card(made, plan, results, "nodal")
    assert card.data_key != whole.data_key


def test_too_few_results_are_an_error_that_names_what_failed(passive):
    made, plan, results = passive
    names = ("calibration: all P", "new tiles 0", "shorts 0")
    with pytest.raises(SimulatorError) as caught:
        fit_card(made, plan, without(results, *names), "nodal")
    message = str(caught.value)
    assert caught.value.exit_code == 3
    assert f"3 of {len(plan)} simulations failed" in message
    assert "90 %" in message
    assert "limits.completed" in message
    for name in names:
        assert name in message


@pytest.mark.parametrize("failures", [1, 6, 12])
def test_exactly_the_share_that_is_asked_for_is_enough(passive, failures):
    made, plan, results = passive
    names = [run.name for run in plan[::-1]]
    some = without(results, *names[:failures])
    share = len(some) / len(plan)
    card, _ = fit_card(made.replace(limits={"completed": share}), plan, some, "nodal")
    assert len(card.failed) == failures


def test_without_a_tile_of_the_calibration_there_is_no_card(passive):
    made, plan, results = passive
    made = made.replace(limits={"completed": 0.1})
    names = [run.name for run in plan if run.group == HELD_INPUTS]
    with pytest.raises(SimulatorError, match="nothing to fit"):
        fit_card(made, plan, without(results, *names), "nodal")


def test_a_limit_on_tiles_that_all_failed_does_not_hold(passive):
    made, plan, results = passive
    made = made.replace(limits={"completed": 0.5, "new_tiles_rms": 0.5, "new_tiles_max": 0.5})
    some = without(results, "new tiles 0", "new tiles 1")
    card, _ = fit_card(made, plan, some, "nodal")
    figures = figures_of(card, plan, some)
    broken = {figure.name: figure for figure in figures if figure.holds is False}
    assert set(broken) == {"new tiles, full: RMS error", "new tiles, full: largest error"}
    for figure in broken.values():
        assert figure.value == "not known"
        assert figure.limit == "0.5"
        assert "no run" in figure.how


def test_a_limit_on_signs_of_a_single_column_does_not_hold_unseen():
    made = spec(shape=(5, 1), limits={"equal_signs": 0.5})
    plan, results = planned(made)
    card, reads = judged_card(fit_card(made, plan, results, "nodal")[0], plan, results)
    assert {line.equal_signs for line in card.errors if line.group != "size 3"} == {None}
    figures = [f for f in judge(card, reads, {}) if f.name.endswith("equal signs of differences")]
    limited = {figure.name: figure.holds for figure in figures if figure.limit}
    assert limited == {
        "new tiles, full: equal signs of differences": False,
        "new inputs, full: equal signs of differences": False,
    }


def test_an_amplifier_whose_sweep_failed_is_an_error():
    made = spec(periphery=TransimpedanceAmplifier(input_resistance=10.0))
    plan, results = planned(made)
    with pytest.raises(SimulatorError, match="amplifier"):
        fit_card(made, plan, without(results, "amplifier"), "nodal")


def test_amplifiers_are_judged_by_their_codes():
    made = spec(periphery=TransimpedanceAmplifier(gain=2e4, input_resistance=10.0))
    plan, results = planned(made)
    card, _ = fit_card(made, plan, results, "nodal")
    assert card.amplifier.input_resistance == pytest.approx(10.0, rel=1e-6)
    assert card.amplifier.gain == pytest.approx(2e4, rel=1e-6)
    full = [line for line in judged(card, plan, results).errors if line.level == "full"]
    assert all(0.8 < line.equal_codes <= 1 for line in full)
    run = next(run for run in plan if run.group == NEW_TILES)
    reads = read_run(card, "full", run, results[run.name])
    theirs, ours, within = reads.codes
    assert (theirs == to_codes(results[run.name]["amplifier_voltage"], made.adc)).all()
    assert np.abs(theirs - ours).max() <= 1
    assert within.all()


def test_clipped_outputs_say_nothing_about_codes():
    amplifier = TransimpedanceAmplifier(gain=2e5, input_resistance=10.0, clip_low=-1.0, clip_high=2)
    made = spec(periphery=amplifier)
    plan, results = planned(made)
    card, _ = fit_card(made, plan, results, "nodal")
    run = next(run for run in plan if run.group == NEW_TILES)
    reads = read_run(card, "full", run, results[run.name])
    _, _, within = reads.codes
    volts = results[run.name]["amplifier_voltage"].to_numpy()
    assert (within == ((volts > -1) & (volts < 2))).all()
    assert 0 < within.sum() < within.size


def test_codes_are_compared_where_the_amplifier_is_within_its_range():
    run = next(run for run in make_plan(spec()) if run.group == HELD_INPUTS)
    n = run.fitted
    theirs, ours = np.zeros((n + 4, 2), dtype=int), np.zeros((n + 4, 2), dtype=int)
    within = np.zeros((n + 4, 2), dtype=bool)
    within[:, 0] = True
    ours[:n] = 9  # fitted
    ours[n:, 1] = 9  # clipped
    ours[n, 0] = 1
    empty = np.zeros((n + 4, 2))
    codes = (theirs, ours, within)
    reads = Reads(run, np.zeros((n + 4, 5)), empty, empty, 1.0, codes).judged()
    assert [part.shape for part in reads.codes] == [(4, 2)] * 3
    assert summary(HELD_INPUTS, "full", [reads]).equal_codes == 0.75
    clipped = Reads(run, reads.volts, empty[:4], empty[:4], 1.0, (*reads.codes[:2], within[:4] < 0))
    assert summary(HELD_INPUTS, "full", [clipped]).equal_codes is None


@pytest.mark.parametrize("load", [1e3, 1e5])
def test_a_load_is_part_of_the_surrogate(load):
    made = spec(periphery=SenseAmplifier(load=load))
    plan, results = planned(made)
    card, _ = fit_card(made, plan, results, "nodal")
    lines = judged(card, plan, results).errors
    assert all(line.equal_codes is None for line in lines)
    assert max(line.rms for line in lines if line.level == "full") < 5e-4


@pytest.mark.parametrize("shape", [(5, 2), (5, 3), (9, 5)], ids=str)
def test_narrow_arrays_are_fitted_and_judged(shape):
    made = spec(shape=shape)
    made = made.replace(plan=made.plan.replace(defective_tiles=6))
    plan, results = planned(made)
    lines = judged(fit_card(made, plan, results, "nodal")[0], plan, results).errors
    rms = {line.group: line.rms for line in lines if line.level == "full"}
    assert rms.pop(DEFECTIVE) < 5e-4  # bridges and dead lines on so few are hard to follow
    assert max(rms.values()) < 1e-4


def test_errors_of_a_single_column_are_numbers():
    run = next(run for run in make_plan(spec()) if run.group == NEW_TILES)
    reads = Reads(run, np.ones((3, 2)), np.ones((3, 1)), np.full((3, 1), 1.1), 2.0, None)
    line = summary(NEW_TILES, "full", [reads])
    assert line.rms == pytest.approx(0.05)
    assert line.equal_signs is None
    assert line.equal_codes is None


def test_differences_that_are_nothing_to_the_simulator_have_no_sign():
    run = next(run for run in make_plan(spec()) if run.group == NEW_TILES)

    def share(spice: list[list[float]], surrogate: list[list[float]]) -> float | None:
        scale = 2e-4
        both = (scale * np.array(x) for x in (spice, surrogate))
        return summary(
            NEW_TILES, "full", [Reads(run, np.ones((len(spice), 5)), *both, scale, None)]
        ).equal_signs

    below, above = 0.9 * NOTHING, 1.1 * NOTHING
    assert share([[1.0, 1.0]], [[1.0, 0.5]]) is None
    assert share([[below, 0.0]], [[0.0, 1.0]]) is None
    assert share([[above, 0.0]], [[0.0, 1.0]]) == 0.0
    assert share([[above, 0.0]], [[1.0, 0.0]]) == 1.0
    assert share([[above, 0.0], [0.0, below]], [[1.0, 0.0], [1.0, 0.0]]) == 1.0
    assert share([[0.0, 1.0, 9.0]], [[0.0, 1.0, -9.0]]) == 1.0  # the third has no neighbour
    assert share([[0.0, 1.0, 1.0, 0.0]], [[0.0, 1.0, 0.0, 1.0]]) == 0.5
    assert share([[0.0, above]], [[0.5, 0.5]]) == 0.0


def test_errors_are_of_every_level_and_group(passive):
    made, plan, results = passive
    card, _ = fit_card(made, plan, results, "nodal")
    found, reads = judged_card(card, plan, results)
    levels = {level: [x.group for x in found.errors if x.level == level] for level in LEVELS}
    assert levels == {level: list(reads) for level in LEVELS}
    linear = judged_reads(card, "linear", plan, results)
    for line in found.errors:
        if line.level == "linear":
            assert line == summary(line.group, "linear", linear[line.group])
            assert line.over_bound is None
    assert card.broken == ()


def test_the_nodal_level_is_what_stands_for_ngspice_here(passive):
    """Both are the same equations, so that nothing is left but the solver's tolerance."""
    made, plan, results = passive
    card = judged(fit_card(made, plan, results, "nodal")[0], plan, results)
    lines = [line for line in card.errors if line.level == "nodal"]
    assert 0 < max(line.maximum for line in lines) < NOTHING
    assert card.bound.shorted.bound == card.bound.nodal.bound == 2 * NOTHING
    assert card.bound.shorted.rms == max(line.rms for line in lines)
    sound = [line for line in lines if line.group not in {DEFECTIVE, "shorts", CLUSTERED}]
    assert card.bound.nodal.rms == max(line.rms for line in sound)


def test_errors_are_shares_of_full_scale_and_what_their_names_say():
    run = next(run for run in make_plan(spec()) if run.group == NEW_TILES)
    spice = np.zeros((1000, 4))
    surrogate = np.zeros((1000, 4))
    surrogate[0] = [4.0, -8.0, 0.0, 0.0]
    spice[1], surrogate[1] = [1, 0, 0, 1], [1, 0, 1, 0]
    line = summary(
        NEW_TILES, "full", [Reads(run, np.zeros((1000, 2)), spice, surrogate, 2.0, None)]
    )
    assert line.tiles == 1
    assert line.reads == 4000
    assert line.maximum == 4.0
    assert line.rms == pytest.approx(np.sqrt((4 + 16 + 0.25 + 0.25) / 4000))
    assert line.equal_signs == 0.5
    assert line.p999 < line.maximum


def test_one_error_in_a_thousand_is_above_the_percentile():
    run = next(run for run in make_plan(spec()) if run.group == NEW_TILES)
    spice = np.zeros((1000, 4))
    # Errors 1/4000 to 1 of full scale, with either sign; 0.1 % of them, 4, are above 0.999.
    surrogate = (np.arange(1, 4001) / 4000 * np.tile([2.0, -2.0], 2000)).reshape(1000, 4)
    reads = Reads(run, np.zeros((1000, 2)), spice, surrogate, 2.0, None)
    line = summary(NEW_TILES, "full", [reads])
    assert line.p999 == pytest.approx(0.999, abs=1 / 4000)
    assert (np.abs(reads.errors) > line.p999).sum() == 4


def test_judged_reads_leave_out_what_was_fitted(passive):
    made, plan, results = passive
    card, _ = fit_card(made, plan, results, "nodal")
    groups = judged_reads(card, "full", plan, results)
    one_new = {HELD_INPUTS, "new states", "new dies"}
    others = {NEW_TILES, DEFECTIVE, "shorts", HARD, CLUSTERED, LINES, "size 3"}
    assert set(groups) == one_new | others
    for reads in groups.values():
        for one in reads:
            assert one.volts.shape[0] == one.spice.shape[0] == one.surrogate.shape[0] == 10
            assert (one.volts == one.run.experiment.stimulus.volts[one.run.fitted :]).all()


def test_limits_are_held_against_the_full_level_and_the_right_group(passive):
    made, plan, results = passive
    limits = CardLimits(
        new_tiles_rms=1e-12, new_tiles_p999=1e-12, new_tiles_max=1e-12, new_inputs_rms=1e-12,
        new_inputs_max=1e-12, shorts_rms=1e-12, equal_signs=1.0,
    )  # fmt: skip
    more = made.plan.replace(held_tiles=6, short_tiles=6)
    made = made.replace(limits=limits, plan=more)
    plan, results = planned(made)
    figures = figures_of(fit_card(made, plan, results, "nodal")[0], plan, results)
    broken = {figure.name for figure in figures if figure.holds is False}
    assert broken >= {
        "new tiles, full: RMS error, on all tiles like these",
        "new tiles, full: 99.9th percentile of the error, on the 6 tiles simulated",
        "new tiles, full: largest error, on the 6 tiles simulated",
        "new inputs, full: RMS error, on the 6 tiles for all inputs like these",
        "new inputs, full: largest error, on the 6 tiles simulated",
        "shorts, full: RMS error, on all tiles like these",
    }
    assert not any("linear" in name or HARD in name for name in broken)


def test_limits_that_are_left_out_are_not_checked(passive):
    made, plan, results = passive
    card, reads = judged_card(fit_card(made, plan, results, "nodal")[0], plan, results)
    limited = [figure.name for figure in judge(card, reads, {}) if figure.limit]
    always = [name for name in limited if "over the bound of its tile" in name]
    assert len(always) == len({line.group for line in card.errors})
    assert [name for name in limited if name not in always] == [
        f"{OF_SIGNAL}, on the 2 tiles simulated",
        "simulations completed",
    ]


def test_another_temperature_is_another_card(passive):
    made, _, _ = passive
    hot = made.replace(technology=Technology(temperature=85.0))
    assert hot.key() != made.key()


def test_a_device_that_does_not_conduct_everywhere_is_refused(known_sigma):
    made = spec("gated")
    backwards = [dataset(-sweep["current"].to_numpy()) for sweep in made_sweeps(made, 4e-3)]
    with pytest.raises(SimulatorError, match="does not rise with its current"):
        fit_access(made, backwards)


def test_the_bound_of_the_nodal_solver_is_a_margin_on_its_largest_error(passive):
    """What stands for SPICE is off by a known share of full scale, more on a tile with shorts."""
    made, plan, results = passive
    off = {}
    for run in plan:
        current = results[run.name]["current"].to_numpy().copy()
        scale = run.experiment.crossbar.rows * 0.1 / PassiveCell().mtj.r_p
        current[-1, 0] += scale * (4e-5 if run.group == "shorts" else 1e-5)
        off[run.name] = dataset(current)
    card = judged(fit_card(made, plan, off, "nodal")[0], plan, off)
    assert card.bound.nodal.bound == pytest.approx(2e-5, rel=1e-3)
    assert card.bound.shorted.bound == pytest.approx(8e-5, rel=1e-3)


# Verdicts.


def test_a_card_of_which_nothing_was_asked_is_neither_good_nor_bad(passive):
    made, plan, results = passive
    card, reads = judged_card(fit_card(made, plan, results, "nodal")[0], plan, results)
    figures = judge(card, reads, {})
    assert not any(figure.holds is False for figure in figures)
    assert verdict_of_card(card, figures) is Verdict.INCONCLUSIVE
    bare = card.replace(circuit=made.replace(limits={"tiles": "simulated"}))
    assert all(figure.holds for figure in judge(bare, reads, {}) if figure.limit)
    assert verdict_of_card(bare, judge(bare, reads, {})) is Verdict.INCONCLUSIVE
    asked = card.replace(circuit=made.replace(limits={"new_tiles_rms": 0.1}))
    assert verdict_of_card(asked, judge(asked, reads, {})) is Verdict.INCONCLUSIVE  # two tiles
    asked = card.replace(circuit=made.replace(limits={"new_tiles_rms": 0.1, "tiles": "simulated"}))
    assert verdict_of_card(asked, judge(asked, reads, {})) is Verdict.PASS
    asked = card.replace(circuit=made.replace(limits={"new_tiles_max": 1e-12}))
    assert verdict_of_card(asked, judge(asked, reads, {})) is Verdict.FAIL


def test_the_doubt_is_shared_among_all_limits(passive):
    made, plan, results = passive
    card, reads = judged_card(fit_card(made, plan, results, "nodal")[0], plan, results)
    limits = {"new_tiles_max": 5e-4, "new_inputs_rms": 0.1, "confidence": 0.9}
    figures = judge(card.replace(circuit=made.replace(limits=limits)), reads, {})
    (figure,) = [f for f in figures if f.name.startswith("new tiles, full: largest error, on")]
    # Two tiles both keep what only a share q of all keep with the probability q²; three limits.
    least = (0.1 / 3) ** 0.5
    assert f"at least {100 * least:.0f} % of all tiles like these do" in figure.how
    assert "96.67 % confidence" in figure.how


def test_an_array_that_does_not_conduct_fails_however_close_the_surrogate_is():
    """Line ends of 0.9 GOhm: errors are next to nothing of full scale, and so are the currents."""
    line = Line(resistance=1e5, end=9e8)
    cut = Crossbar(rows=5, columns=6, cell=PassiveCell(), row=line, column=line)
    made = spec(crossbar=cut, limits={"new_tiles_rms": 0.01, "new_tiles_max": 0.01})
    plan, results = planned(made)
    noise = np.random.default_rng(0)
    # What ngspice leaves open: a hundred-millionth of the full scale of the array.
    scale = NOTHING * 5 * 0.1 / PassiveCell().mtj.r_p
    for name, one in results.items():
        currents = one["current"].to_numpy()
        results[name] = dataset(currents + noise.uniform(-scale, scale, currents.shape))
    card, reads = judged_card(fit_card(made, plan, results, "nodal")[0], plan, results)
    figures = judge(card, reads, {})
    broken = {figure.name for figure in figures if figure.holds is False}
    assert broken == {f"{OF_SIGNAL}, on the 2 tiles simulated"}
    assert verdict_of_card(card, figures) is Verdict.FAIL
