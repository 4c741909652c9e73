"""Figures of a sign-off and their limits, from dies that are made by hand."""

import math
from dataclasses import replace

import numpy as np
import pytest

from mtjspice.data.signoff import ALL, AUDIT, NOT, UNSAFE, DieRead, Judged, Statement
from mtjspice.signoff.figures import accuracies, failing, figures_of, worst_margin
from mtjspice.spec.signoff import SignOff, SignOffLimits

LABELS = np.arange(20) % 4
OPEN = dict.fromkeys(("drop_mean", "drop_die", "accuracy_die", "flips", "clipped"))
"""No limit but that every die must do, which none can fail then."""
SEEN = 12
"""Images of each die that were simulated: the first ones."""


def die(
    name: str = "die 00",
    software: int = 20,
    surrogate: int = 20,
    ngspice: int | None = None,
    **parts,
) -> DieRead:
    """So many of the first images have the right class; in SPICE as the surrogate, if left out."""

    def classes(right: int) -> np.ndarray:
        return np.where(np.arange(20) < right, LABELS, (LABELS + 1) % 4)

    why = np.where(np.arange(20) < SEEN, UNSAFE, NOT)
    why[:2] = AUDIT
    made = DieRead(
        name=name,
        software=classes(software),
        surrogate=classes(surrogate),
        lead=np.linspace(1, 2, 20),
        safety=np.full(20, 3.0),
        why=why,
        ngspice=classes(surrogate if ngspice is None else ngspice),
        ngspice_lead=np.where(why != NOT, np.linspace(1, 2, 20), np.nan),
        level_flips=np.zeros((2, 4), dtype=np.int64),
        reads=SEEN,
        error=np.full((2, 4), 1e-5),
        largest_error=np.full((2, 4), 3e-5),
        bound=np.full(2, 1e-4),
        clipped=0.0,
        ngspice_clipped=0.0,
        defects=3,
    )
    made = replace(made, **parts)
    return replace(made, ngspice=np.where(made.why != NOT, made.ngspice, -1))


def judged(*dies: DieRead, accuracy: float = 0.0, condition: str = "tt, 27 °C") -> Judged:
    images = 20 * len(dies)
    simulated = sum(int(one.simulated.sum()) for one in dies)
    statement = Statement(
        images=images, simulated=simulated, unsafe=simulated - 2 * len(dies),
        audited=2 * len(dies), audit_flips=0, confidence=0.95,
        flip_rate=accuracy * images / max(images - simulated, 1), accuracy=accuracy,
        widened=1.0, rounds=1, notes=(),
    )  # fmt: skip
    return Judged(condition, "a card", dies, statement, ())


def figures(*dies: DieRead, accuracy: float = 0.0, allowed: float = 0.0, **limits):
    spec = SignOff(accuracy_bound=0.05, limits=SignOffLimits(**(OPEN | limits)))
    found = figures_of(spec, [judged(*dies, accuracy=accuracy)], LABELS, allowed)
    by_name = {figure.name: figure for figure in found}
    assert len(by_name) == len(found)
    return by_name


ALMOST = 1e-9
LIMITS = {
    # Three of twenty right images less on one of two dies, all of them simulated.
    "drop_mean": ("accuracy lost, mean over dies", 0.075, {}),
    "flips": ("flipped classes, share", 3 / 40, {}),
    "margin": ("worst margin", 1.0, {}),
    "clipped": ("amplifier outputs at a limit, worst die", 0.25, {"clipped": 0.25}),
}


@pytest.mark.parametrize("limit", LIMITS)
def test_a_limit_is_kept_at_its_value_and_broken_beyond(limit):
    name, value, parts = LIMITS[limit]
    dies = (die(), die("die 01", surrogate=12, ngspice=9, software=12, **parts))
    beyond = -ALMOST if limit != "margin" else ALMOST
    kept = figures(*dies, **{limit: value + (ALMOST if limit == "drop_mean" else 0)})[name]
    assert kept.value == pytest.approx(value)
    assert kept.holds is True
    broken = figures(*dies, **{limit: value + beyond})[name]
    assert broken.holds is False
    assert f"{value:g}" in broken.limit
    if limit != "clipped":  # that one has the circuit's own limit
        assert figures(*dies)[name].holds is None
        assert figures(*dies)[name].limit == ""


def test_only_the_figures_with_a_limit_can_fail():
    without = figures(die(surrogate=12, ngspice=3, software=20), accuracy=0.05)
    limited = {name for name, figure in without.items() if figure.holds is not None}
    assert limited == {
        "dies that fail", "amplifier outputs at a limit, worst die", "bound on accuracy",
    }  # fmt: skip
    assert all(figure.holds is not False for figure in without.values())


def test_accuracies_are_those_of_each_level_and_spice_where_it_was():
    """Where SPICE was not, the surrogate's class counts."""
    found = accuracies(judged(die(software=18, surrogate=14, ngspice=4), die(surrogate=16)), LABELS)
    assert found.software.tolist() == [0.9, 1.0]
    assert found.surrogate.tolist() == [0.7, 0.8]
    assert found.ngspice.tolist() == pytest.approx([(4 + 2) / 20, 0.8])
    means = figures(die(software=18, surrogate=14, ngspice=4), die(surrogate=16))
    assert means["accuracy, software"].value == pytest.approx(0.95)
    assert means["accuracy, surrogate"].value == pytest.approx(0.75)
    assert means["accuracy, ngspice"].value == pytest.approx((0.3 + 0.8) / 2)


def test_what_the_statement_leaves_open_counts_against_means_and_flips():
    one, other = die(), die("die 01", surrogate=12, ngspice=9, software=12)
    closed, left = figures(one, other), figures(one, other, accuracy=0.05)
    for name, more in (("accuracy lost, mean over dies", 0.05), ("flipped classes, share", 0.05)):
        assert left[name].value == pytest.approx(closed[name].value + more)
    assert left["accuracy lost on the worst die"].value == pytest.approx(3 / 20)
    assert "3 found" in left["flipped classes, share"].how
    assert "at most 2 more at 95 %" in left["flipped classes, share"].how
    assert "off by at most 5 points at 95 %" in left["accuracy, ngspice"].how


def test_the_bound_itself_has_a_limit():
    assert figures(die(), accuracy=0.05)["bound on accuracy"].holds is True
    assert figures(die(), accuracy=0.0501)["bound on accuracy"].holds is False


def test_where_everything_was_simulated_nothing_is_open():
    one = die(why=np.full(20, ALL), ngspice_lead=np.linspace(1, 2, 20), ngspice=LABELS)
    found = figures(one)
    assert found["share simulated in ngspice"].value == 1.0
    assert "every image simulated" in found["accuracy, ngspice"].how
    assert "at most 0 more" in found["flipped classes, share"].how


def test_the_share_that_was_simulated_says_why():
    found = figures(die(), die("die 01"))["share simulated in ngspice"]
    assert found.value == pytest.approx(24 / 40)
    assert found.holds is None
    assert "20 not safe, 4 for the audit, of 40" in found.how


def spec_with(**limits) -> SignOff:
    return SignOff(limits=SignOffLimits(**(OPEN | limits)))


DIES = (
    die("die 00"),
    die("die 01", surrogate=12, ngspice=10, software=13),  # loses 3 of 20
    die("die 02", surrogate=19, ngspice=12, software=19),  # loses none: 7 unseen ones are right
    die("die 03", surrogate=12, ngspice=4, software=20),  # loses 16
)


@pytest.mark.parametrize(
    ("limits", "numbers"),
    [
        ({}, []),
        ({"drop_die": 0.15 + ALMOST}, [3]),
        ({"drop_die": 0.15 - ALMOST}, [1, 3]),
        ({"drop_die": 1.0}, []),
        ({"accuracy_die": 0.5}, [3]),
        ({"accuracy_die": 0.5 + ALMOST}, [1, 3]),
        ({"accuracy_die": 0.2, "drop_die": 0.2}, [3]),
        ({"accuracy_die": 0.96, "drop_die": 1.0}, [1, 2, 3]),
    ],
)
def test_dies_fail_that_lose_too_much_or_are_too_bad(limits, numbers):
    spec = spec_with(**limits)
    assert failing(judged(*DIES), LABELS, spec) == numbers
    named = "dies that fail"
    assert figures(*DIES, **limits)[named].value == len(numbers)
    for may_fail in range(5):
        found = figures(*DIES, **limits, failing_dies=may_fail)[named]
        assert found.holds is (len(numbers) <= may_fail)


def test_the_words_of_failing_dies_name_the_limits():
    words = figures(*DIES, drop_die=0.1, accuracy_die=0.8)["dies that fail"].how
    assert "10 points" in words
    assert "80 %" in words
    assert "no limit" in figures(*DIES)["dies that fail"].how


def test_a_die_may_be_better_in_spice_than_as_numbers():
    better = figures(die(software=10, surrogate=12), drop_mean=0.0, drop_die=0.0)
    assert better["accuracy lost, mean over dies"].value == pytest.approx(-0.1)
    assert better["accuracy lost, mean over dies"].holds is True
    assert better["dies that fail"].value == 0


def test_the_worst_die_is_named():
    found = figures(*DIES)["accuracy lost on the worst die"]
    assert found.value == pytest.approx(16 / 20)
    assert found.how.startswith("die 03")


def test_the_worst_margin_is_of_a_class_that_the_surrogate_finds_rightly():
    lead = np.full(20, 5.0)
    lead[[3, 15, 18]] = 0.5, 0.7, 0.1
    # Image 18 is wrong in the surrogate; 15 was not simulated; 3 was, and leads by more there.
    ngspice_lead = np.where(np.arange(20) < SEEN, 4.0, np.nan)
    one = die(surrogate=18, lead=lead, ngspice_lead=ngspice_lead)
    assert worst_margin(one, LABELS) == (0.7, 15)


def test_the_worst_margin_of_a_flip_is_below_zero():
    ngspice_lead = np.where(np.arange(20) < SEEN, 2.0, np.nan)
    ngspice_lead[5] = -0.3
    ngspice = LABELS.copy()
    ngspice[5] = (ngspice[5] + 1) % 4
    flipped = die("die 01", ngspice_lead=ngspice_lead, ngspice=ngspice)
    assert worst_margin(flipped, LABELS) == (-0.3, 5)
    found = figures(die(), flipped, margin=0.0)["worst margin"]
    assert (found.value, found.holds) == (-0.3, False)
    assert "die 01, image 5" in found.how


def test_without_a_right_class_there_is_no_margin():
    hopeless = die("hopeless", surrogate=0, ngspice=0)
    least, image = worst_margin(hopeless, LABELS)
    assert math.isnan(least)
    assert image == -1
    assert figures(hopeless, die("die 01"))["worst margin"].value == 1.0
    alone = figures(hopeless, margin=0.5)["worst margin"]
    assert math.isnan(alone.value)
    assert alone.holds is False


def test_clipping_is_held_against_the_circuit_if_the_limits_say_nothing():
    clipping, name = (
        die(clipped=0.02, ngspice_clipped=0.03),
        "amplifier outputs at a limit, worst die",
    )
    assert figures(clipping, allowed=0.03)[name].holds is True
    assert figures(clipping, allowed=0.029)[name].holds is False
    assert figures(clipping, allowed=0.0, clipped=0.05)[name].holds is True
    assert figures(clipping, allowed=1.0, clipped=0.0)[name].holds is False
    assert figures(die(), allowed=0.0)[name].holds is True


@pytest.mark.parametrize("shares", [(0.01, 0.04), (0.04, 0.01)])
def test_clipping_is_the_larger_of_both_levels_on_the_worst_die(shares):
    dies = (die(), die("die 01", clipped=shares[0], ngspice_clipped=shares[1]), die("die 02"))
    found = figures(*dies)["amplifier outputs at a limit, worst die"]
    assert found.value == 0.04
    assert found.how.startswith("die 01")


def test_several_conditions_have_their_names_after_the_figures():
    spec = spec_with(drop_die=0.1)
    hot = judged(die(software=20, surrogate=5), condition="ss, 85 °C")
    found = figures_of(spec, [judged(die()), hot], LABELS, 0.0)
    names = [figure.name for figure in found]
    assert len(set(names)) == len(names) == 2 * len(figures(die()))
    assert names[0] == "accuracy, software, tt, 27 °C"
    assert names[-1] == "share simulated in ngspice, ss, 85 °C"
    fails = {figure.name: figure.holds for figure in found}
    assert fails["dies that fail, tt, 27 °C"] is True
    assert fails["dies that fail, ss, 85 °C"] is False
    (alone,) = {
        figure.name for figure in figures_of(spec, [hot], LABELS, 0.0) if "fail" in figure.name
    }
    assert alone == "dies that fail"
