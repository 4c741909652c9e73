import re
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binomtest
from unit.builders import network

from mtjspice.data.samples import Samples
from mtjspice.networks.levels import LayerRead, SpiceRun, full_scale_current, ideal_current
from mtjspice.spec import Crossbar, Limits, Readout, Study, TransimpedanceAmplifier
from mtjspice.study.verdict import Comparison, compare, judge, score, verdict_on, warnings
from mtjspice.verdicts.figures import DIFFERENCE, Verdict, verdict_of

# One layer that passes its inputs on: the class is the larger input.
NET = network(([[1, 0], [0, 1]], [0, 0]))
SAMPLES = Samples(
    inputs=np.array([[1.0, 0.0], [0.9, 0.2], [0.0, 1.0], [0.3, 0.8]]),
    labels=np.array([0, 0, 1, 1]),
    train=np.array([True, False, True, False]),
    classes=("left", "right"),
    source="made up",
)
STUDY = Study(
    name="s",
    crossbar=Crossbar(rows=2, columns=4),
    readout=Readout(g_norm=(0.5, 1.0, 2.0)),
    limits=Limits(samples="all", min_accuracy=0.75, max_accuracy_drop=0.25, max_flips=0.25),
)


def run_with(outputs: np.ndarray, error: float = 0.0, clipped: float = 0.0) -> SpiceRun:
    """A run of NET with these outputs, currents off by a share of full scale."""
    layer, volts = NET.layers[0], SAMPLES.inputs[None] * STUDY.readout.read_voltage
    current = ideal_current(STUDY, layer, volts) + error * full_scale_current(STUDY, layer)
    read = LayerRead(volts, np.repeat(current, 3, axis=0), clipped, delivered=np.ones((2, 4)))
    return SpiceRun(outputs=outputs, reads=(read,))


def with_flips(*samples: int) -> SpiceRun:
    outputs = np.repeat(SAMPLES.inputs[None], 3, axis=0)
    outputs[:, list(samples)] = outputs[:, list(samples), ::-1]
    return run_with(outputs)


def value(figures, name):
    return next(figure for figure in figures if figure.name == name)


def times(count: int, samples: Samples = SAMPLES) -> Samples:
    """So many times the same samples."""
    return replace(
        samples, inputs=np.tile(samples.inputs, (count, 1)), labels=np.tile(samples.labels, count),
        train=np.tile(samples.train, count),
    )  # fmt: skip


def many(count: int, *flipped: int) -> Comparison:
    """So many times the samples; of the first four times `count`, those that are named flip."""
    samples = times(count)
    outputs = np.repeat(samples.inputs[None], 3, axis=0)
    outputs[:, list(flipped)] = outputs[:, list(flipped), ::-1]
    volts = samples.inputs[None] * STUDY.readout.read_voltage
    current = np.repeat(ideal_current(STUDY, NET.layers[0], volts), 3, axis=0)
    run = SpiceRun(outputs, (LayerRead(volts, current, 0.0, delivered=np.ones((2, 4))),))
    return compare(STUDY, [NET], samples, [run])


def test_a_run_like_the_ideal_one_has_no_flips_and_passes_with_enough_samples():
    comparison = compare(STUDY, [NET], SAMPLES, [with_flips()])
    assert comparison.flips == ()
    assert comparison.spice.confusion.tolist() == [[2, 0], [0, 2]]
    few = judge(STUDY, comparison)
    assert verdict_of(few) is Verdict.INCONCLUSIVE
    needed = [f.needed for f in few if f.limit]
    assert all(re.fullmatch(r"about \d+ samples \(now 4\)", one) for one in needed)
    most = max(int(re.search(r"\d+", one)[0]) for one in needed)
    assert verdict_of(judge(STUDY, many(-(-most // 4)))) is Verdict.PASS


def test_a_flip_names_network_sample_and_the_classes():
    (flip,) = compare(STUDY, [NET], SAMPLES, [with_flips(1)]).flips
    assert (flip.network, flip.sample, flip.label, flip.ideal, flip.spice) == ("n", 1, 0, 0, 1)


def test_what_lies_at_a_limit_is_not_decided_and_beyond_it_breaks():
    """However many samples there are."""
    figures = judge(STUDY, many(100, *range(100)))  # a quarter of them
    assert value(figures, "accuracy, all samples, SPICE").value == 0.75
    assert [f.holds for f in figures if f.limit] == [None] * 3
    assert value(figures, "accuracy drop, ideal to SPICE").needed == ("more than 1,000,000 samples")
    beyond = judge(STUDY, many(100, *range(200)))
    assert [f.holds for f in beyond if f.limit] == [False] * 3
    assert verdict_of(beyond) is Verdict.FAIL


def test_intervals_of_one_network_are_those_of_its_samples():
    figures = judge(STUDY, many(50, 1, 2, 3))
    confidence = 1 - 0.01 / 3
    accuracy = value(figures, "accuracy, all samples, SPICE").interval
    known = binomtest(197, 200).proportion_ci(confidence, method="exact")
    assert (accuracy.low, accuracy.high) == pytest.approx((known.low, known.high))
    assert value(figures, "accuracy drop, ideal to SPICE").unit == DIFFERENCE
    drop = value(figures, "accuracy drop, ideal to SPICE").interval
    assert -0.05 < drop.low < 0.015 < drop.high < 0.09
    how = value(figures, "accuracy, all samples, SPICE").how
    assert "for all samples like these, 100 of 200 trained with, 99 %" in how


def several(networks: int, samples: int) -> Comparison:
    """Networks of which all are right in all of four times so many samples."""
    given = times(samples)
    outputs = np.repeat(given.inputs[None], 3, axis=0)
    volts = given.inputs[None] * STUDY.readout.read_voltage
    current = np.repeat(ideal_current(STUDY, NET.layers[0], volts), 3, axis=0)
    run = SpiceRun(outputs, (LayerRead(volts, current, 0.0, delivered=np.ones((2, 4))),))
    return compare(STUDY, [NET] * networks, given, [run] * networks)


def test_intervals_of_many_networks_know_networks_and_samples():
    accuracy = value(judge(STUDY, several(20, 50)), "accuracy, all samples, SPICE")
    assert accuracy.holds is True
    # Of 20 the third is the median's; two are let err, each with 2/20 of a quarter of the doubt.
    doubt = 0.01 / 3 / 4 * 2 / 20
    known = binomtest(200, 200).proportion_ci(1 - 2 * doubt, method="exact")
    assert (accuracy.interval.low, accuracy.interval.high) == pytest.approx((known.low, 1.0))
    assert "median over all networks trained like these, for all samples" in accuracy.how
    few = value(judge(STUDY, several(20, 2)), "accuracy, all samples, SPICE")
    assert few.verdict is Verdict.INCONCLUSIVE
    assert re.fullmatch(r"about \d+ samples \(now 8\)", few.needed)
    alone = value(judge(STUDY, several(5, 50)), "accuracy, all samples, SPICE")
    assert alone.verdict is Verdict.INCONCLUSIVE
    assert re.fullmatch(r"about \d+ networks \(now 5\)", alone.needed)


def test_limits_are_held_against_samples_that_were_not_trained_with():
    """A network that has 148 samples by heart, and seven tenths of all others."""
    study = STUDY.replace(limits=Limits(min_accuracy=0.85))
    samples = times(45)
    samples = replace(samples, train=np.arange(180) >= 30)
    verdicts = []
    for seed in range(100):
        wrong = np.random.default_rng(seed).random(30) > 0.7
        outputs = np.repeat(samples.inputs[None], 3, axis=0)
        outputs[:, np.flatnonzero(wrong)] = outputs[:, np.flatnonzero(wrong), ::-1]
        volts = samples.inputs[None] * study.readout.read_voltage
        current = np.repeat(ideal_current(study, NET.layers[0], volts), 3, axis=0)
        run = SpiceRun(outputs, (LayerRead(volts, current, 0.0, delivered=np.ones((2, 4))),))
        figures = judge(study, compare(study, [NET], samples, [run]))
        accuracy = value(figures, "accuracy, test samples, SPICE")
        assert accuracy.value == pytest.approx(1 - wrong.mean())
        verdicts.append(accuracy.holds)
    assert verdicts.count(True) == 0
    assert not value(figures, "accuracy, all samples, SPICE").limit


def test_samples_that_are_hard_for_all_networks_are_no_proof():
    """Twenty networks, all wrong on the fifth of all samples that is hard: 0.9 is not kept."""
    study = STUDY.replace(limits=Limits(samples="all", min_accuracy=0.9))
    wrong_passes = 0
    for seed in range(200):
        hard = np.flatnonzero(np.random.default_rng(seed).random(12) < 0.2)
        samples = times(3)
        outputs = np.repeat(samples.inputs[None], 3, axis=0)
        outputs[:, hard] = outputs[:, hard, ::-1]
        volts = samples.inputs[None] * study.readout.read_voltage
        current = np.repeat(ideal_current(study, NET.layers[0], volts), 3, axis=0)
        run = SpiceRun(outputs, (LayerRead(volts, current, 0.0, delivered=np.ones((2, 4))),))
        figures = judge(study, compare(study, [NET] * 20, samples, [run] * 20))
        wrong_passes += value(figures, "accuracy, all samples, SPICE").holds is True
    assert wrong_passes <= 2


def test_a_limit_that_is_left_out_is_not_checked():
    study = STUDY.replace(limits=Limits(above_chance=None))
    figures = judge(study, compare(study, [NET], SAMPLES, [with_flips(0, 1, 2, 3)]))
    assert {figure.holds for figure in figures} == {None}
    assert verdict_on(study, figures) is Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    "nothing",
    [{}, {"min_accuracy": 0.0}, {"max_flips": 1.0}, {"max_accuracy_drop": 1.0, "max_flips": 1.0}],
)
def test_limits_that_nothing_can_break_count_as_none(nothing):
    study = STUDY.replace(limits=Limits(samples="all", above_chance=0, **nothing))
    figures = judge(study, many(100, *range(300)))
    assert False not in {figure.holds for figure in figures}
    assert verdict_on(study, figures) is Verdict.INCONCLUSIVE
    asked = study.replace(limits=study.limits.replace(max_flips=0.999))
    assert verdict_on(asked, judge(asked, many(100, *range(300)))) is Verdict.PASS


# By hand: the larger class has 60 of 100 samples, half of the way from there to 100 % is 80 %.
UNEQUAL = Samples(
    inputs=np.repeat(SAMPLES.inputs[[0, 2]], [60, 40], axis=0) * np.linspace(0.5, 1, 100)[:, None],
    labels=np.repeat([0, 1], [60, 40]),
    train=np.arange(100) % 2 == 0,
    classes=("left", "right"),
    source="made by hand",
)


def with_right(count: int, limits: Limits) -> tuple[Study, Comparison]:
    """A network that has so many of the unequal samples right, ideally and in SPICE alike."""
    study = STUDY.replace(limits=limits)
    turned = np.arange(100) >= count
    swapped = np.where(turned[:, None], UNEQUAL.inputs[:, ::-1], UNEQUAL.inputs)
    samples = replace(UNEQUAL, inputs=swapped)
    outputs = np.repeat(swapped[None], 3, axis=0)
    volts = swapped[None] * study.readout.read_voltage
    current = np.repeat(ideal_current(study, NET.layers[0], volts), 3, axis=0)
    run = SpiceRun(outputs, (LayerRead(volts, current, 0.0, delivered=np.ones((2, 4))),))
    return study, compare(study, [NET], samples, [run])


def test_a_network_no_better_than_chance_fails_although_the_circuit_changes_nothing():
    """It loses nothing and flips nothing: all other limits hold."""
    for limits in (
        Limits(samples="all"), Limits(samples="all", max_accuracy_drop=0.15, max_flips=0.15),
    ):  # fmt: skip
        study, comparison = with_right(60, limits)
        figures = judge(study, comparison)
        accuracy = value(figures, "accuracy, all samples, SPICE")
        assert (accuracy.value, accuracy.limit, accuracy.holds) == (0.6, ">= 0.8", False)
        assert "the limit is half of the way from chance, 60 %, to 100 %" in accuracy.how
        assert verdict_on(study, figures) is Verdict.FAIL


@pytest.mark.parametrize(("right", "expected"), [(100, True), (85, None), (60, False)])
def test_the_way_from_chance_is_held_against_the_interval_of_the_accuracy(right, expected):
    study, comparison = with_right(right, Limits(samples="all"))
    accuracy = value(judge(study, comparison), "accuracy, all samples, SPICE")
    known = binomtest(right, 100).proportion_ci(1 - 0.01 / 3, method="exact")
    ends = accuracy.interval.low, accuracy.interval.high
    assert ends == pytest.approx((known.low, known.high))
    assert accuracy.holds is (True if known.low >= 0.8 else None if known.high >= 0.8 else False)
    assert accuracy.holds is expected


def test_the_stricter_limit_on_accuracy_counts_and_chance_is_that_of_all_samples():
    study, comparison = with_right(100, Limits(min_accuracy=0.9))
    assert value(judge(study, comparison), "accuracy, test samples, SPICE").limit == ">= 0.9"
    study, comparison = with_right(100, Limits(min_accuracy=0.7, above_chance=0.2))
    one = replace(comparison, train=np.arange(100) > 0)  # the one test sample has the larger class
    found = value(judge(study, one), "accuracy, test samples, SPICE")
    assert (found.limit, found.holds) == (">= 0.7", None)
    assert "from chance" not in found.how


def test_train_and_test_samples_are_scored_apart():
    comparison = compare(STUDY, [NET], SAMPLES, [with_flips(1)])
    shares = [comparison.spice.tuned(split).item() for split in ("all", "train", "test")]
    assert shares == [0.75, 1.0, 0.5]


def test_the_setting_is_chosen_on_the_training_samples_alone():
    outputs = np.repeat(SAMPLES.inputs[None], 3, axis=0)
    outputs[:2] = SAMPLES.inputs[:, ::-1]  # all wrong at the first two settings
    outputs[2, [1, 3]] = SAMPLES.inputs[[1, 3], ::-1]  # test samples wrong at the third
    scored = score("spice", [outputs], SAMPLES)
    assert scored.best.tolist() == [2]
    assert scored.tuned("train").item() == 1.0


def test_several_networks_are_judged_by_their_median():
    runs = [with_flips(), with_flips(1), with_flips(1, 3)]
    figures = judge(STUDY, compare(STUDY, [NET] * 3, SAMPLES, runs))
    accuracy = value(figures, "accuracy, all samples, SPICE")
    assert accuracy.value == 0.75
    assert "median over the networks" in accuracy.how


@pytest.mark.parametrize("error", [0.01, -0.02])
def test_the_current_error_is_a_share_of_full_scale(error):
    run = run_with(np.repeat(SAMPLES.inputs[None], 3, axis=0), error)
    comparison = compare(STUDY, [NET], SAMPLES, [run])
    assert comparison.current_errors[0] == pytest.approx(np.full(16, error))
    rms = value(judge(STUDY, comparison), "current error of layer 1, RMS, SPICE")
    assert rms.value == pytest.approx(abs(error))


@pytest.mark.parametrize(
    ("g_norm", "right_at", "warned"),
    [((0.5, 1.0, 2.0), 1, []), ((0.5, 1.0, 2.0), 2, ["SPICE"]), ((0.5,), 0, [])],
)
def test_a_best_setting_at_the_edge_of_those_tried_is_warned_of(g_norm, right_at, warned):
    study = STUDY.replace(readout=Readout(g_norm=g_norm))
    wrong = np.repeat(SAMPLES.inputs[None, :, ::-1], len(g_norm), axis=0)
    wrong[right_at] = SAMPLES.inputs
    comparison = compare(study, [NET], SAMPLES, [run_with(wrong)])
    said = warnings(study, comparison)
    assert [line.split(":")[0] for line in said] == warned
    assert all("readout.g_norm" in line for line in said)


def test_what_is_unusual_in_a_study_is_warned_of():
    odd = STUDY.replace(die=STUDY.die.replace(mismatch=5.0), readout=Readout(g_norm=(1.0,)))
    comparison = compare(odd, [NET], SAMPLES, [run_with(SAMPLES.inputs[None])])
    assert warnings(odd, comparison) == ["die.mismatch = 5 is unusual: most have 0 to 3"]


@pytest.mark.parametrize(("allowed", "warned"), [(0.0, True), (0.1, True), (0.25, False)])
def test_reads_that_are_clipped_more_than_allowed_are_warned_of(allowed, warned):
    amplifier = TransimpedanceAmplifier(clipped=allowed)
    study = STUDY.replace(periphery=amplifier, readout=Readout(g_norm=(0.5, 1.0, 2.0)))
    outputs = np.repeat(SAMPLES.inputs[None], 3, axis=0)
    runs = [run_with(outputs, clipped=share) for share in (0.2, 0.3)]
    comparison = compare(study, [NET, NET], SAMPLES, runs)
    assert comparison.clipped == (pytest.approx(0.25),)
    said = [line for line in warnings(study, comparison) if "clipped" in line]
    assert bool(said) is warned
    assert all("25.00 % of the reads of layer 1" in line for line in said)
