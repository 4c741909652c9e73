"""How large an audit has to be, and what a sample of dies leaves open."""

from dataclasses import replace

import numpy as np
import pytest

from mtjspice.signoff.audit import MOST_OPEN, SLACK, allowed_flips, foreseen
from mtjspice.signoff.findings import GivenAccuracy, OtherWeights
from mtjspice.signoff.known import known_of
from mtjspice.signoff.population import Seen, doubt_of, of_surrogate
from mtjspice.signoff.statement import audit_size, of_round
from mtjspice.spec.signoff import SignOff, SignOffLimits
from mtjspice.verdicts.figures import Verdict

CHANCE = 0.1


def seen(images: int, dies: int = 1, lost: float = 0.0, wrong: float = 0.05) -> Seen:
    """A share of the images is wrong in software, and another on every die."""
    labels = np.zeros(images, dtype=np.int64)
    software = (np.arange(images) < round(wrong * images)).astype(np.int64)
    surrogate = software.copy()
    surrogate[images - round(lost * images) :] = 2
    none = np.zeros((dies, images), dtype=bool)
    return of_surrogate(
        np.tile(surrogate, (dies, 1)), np.tile(software, (dies, 1)), labels, None, none
    )  # fmt: skip


@pytest.mark.parametrize(("images", "dies"), [(100, 1), (500, 1), (10_000, 1), (5000, 9)])
def test_an_audit_adds_no_more_than_half_to_what_is_open(images, dies):
    one, spec = seen(images, dies), SignOff()
    allowed = allowed_flips(one, spec, CHANCE, 1)
    assert 0 < allowed < images * dies
    known = known_of(replace(one, left=allowed), spec, 1)
    assert known.unseen == allowed / (images * dies)
    assert 0 < known.half - known.sampled <= MOST_OPEN * known.sampled + 1e-9


def test_an_audit_is_as_large_as_the_verdict_needs():
    spec = SignOff()
    doubt = doubt_of(spec, 1)
    for lost in (0.0, 0.008, 0.012):
        one = seen(10_000, 4, lost)
        assert foreseen(one, spec, CHANCE, doubt, 0.0) is Verdict.PASS
        allowed = allowed_flips(one, spec, CHANCE, 1)
        assert foreseen(one, spec, CHANCE, doubt, SLACK * allowed) is Verdict.PASS
    # The nearer to the limit, the fewer may be left.
    drops = SignOff(limits=SignOffLimits(flips=None))
    few, more = (allowed_flips(seen(10_000, 4, x), drops, CHANCE, 1) for x in (0.012, 0.0))
    assert few < more


def test_where_nothing_is_decided_an_audit_stays_small():
    """Some 500 images of 36 dies: a quarter of them, where all were simulated before."""
    one, spec = seen(500, 36, 0.006), SignOff()
    doubt = doubt_of(spec, 1)
    assert foreseen(one, spec, CHANCE, doubt, 0.0) is Verdict.INCONCLUSIVE
    allowed = allowed_flips(one, spec, CHANCE, 1)
    size = audit_size(500 * 36, allowed, of_round(doubt.confidence, 1, 5))
    assert size < 0.25 * 500 * 36
    known = known_of(replace(one, left=allowed), spec, 1)
    assert all(die.low > 0.7 for die in known.of_dies)


def test_flips_of_what_is_not_safe_are_foreseen():
    """So that the limit on flips is still kept once they are there."""
    images = 10_000
    labels = np.zeros(images, dtype=np.int64)
    unsafe = np.tile(np.arange(images) % 25 == 0, (2, 1))
    classes = np.tile((np.arange(images) % 10 == 1).astype(np.int64), (2, 1))
    foreseen_ones = of_surrogate(classes, classes, labels, None, unsafe)
    assert foreseen_ones.flips.mean == pytest.approx(0.002)
    assert np.array_equal(foreseen_ones.simulated, unsafe)
    assert not foreseen_ones.flipped[~unsafe].any()
    spec = SignOff(limits=SignOffLimits(flips=0.006))
    doubt = doubt_of(spec, 1)
    allowed = allowed_flips(foreseen_ones, spec, CHANCE, 1)
    for left, verdict in ((allowed, Verdict.PASS), (allowed + 1, Verdict.INCONCLUSIVE)):
        assert foreseen(foreseen_ones, spec, CHANCE, doubt, SLACK * left) is verdict


def test_the_bound_of_the_spec_is_an_upper_limit():
    one = seen(10_000, 4)
    free = allowed_flips(one, SignOff(), CHANCE, 1)
    for bound in (1e-4, 1e-3, 0.5):
        allowed = allowed_flips(one, SignOff(accuracy_bound=bound), CHANCE, 1)
        assert allowed == min(free, int(bound * 40_000))


@pytest.mark.parametrize("left", [0.0, 40.0])
def test_each_way_to_count_a_drop_gives_intervals_that_hold_the_mean(left):
    one = replace(seen(400, 3, 0.05), left=left)
    labels, software = np.zeros(400, dtype=np.int64), np.zeros((3, 400), dtype=np.int64)
    classes = (np.arange(400) % 50 == 0).astype(np.int64)
    surrogate = np.where(one.right, 0, 1)
    for reference, value in (
        (None, 1 - one.right.mean()),
        (GivenAccuracy(0.9), 0.9 - one.right.mean()),
        (OtherWeights("those", classes), 0.98 - one.right.mean()),
    ):
        of_one = replace(
            of_surrogate(surrogate, software, labels, reference, ~one.right & False), left=left
        )
        known = known_of(of_one, SignOff(), 1)
        assert of_one.lost.mean == pytest.approx(value)
        assert known.lost.low < value < known.lost.high
        assert all(die.low < value < die.high for die in known.lost_on_dies)
        if left:
            closed = known_of(replace(of_one, left=0.0), SignOff(), 1)
            assert known.lost.low < closed.lost.low
            assert known.lost.high > closed.lost.high


def test_a_share_of_all_dies_needs_many_dies():
    limits = SignOffLimits(drop_die=0.05, failing_share=0.2)
    spec = SignOff(dies="sample", limits=limits)
    few, many = (known_of(replace(seen(5000, n), left=0.0), spec, 1) for n in (3, 40))
    assert few.failing.high == many.failing.high == 0
    assert few.failing_share.low == many.failing_share.low == 0
    assert few.failing_share.high > 0.8
    assert many.failing_share.high == pytest.approx(1 - (0.01 / 6 / 2) ** (1 / 40), rel=1e-6)


@pytest.mark.parametrize("reference", [None, GivenAccuracy(0.97)])
def test_one_given_die_has_the_intervals_of_the_network(reference):
    """The same numbers for all images like these: two intervals of one would contradict."""
    labels = np.zeros(60, dtype=np.int64)
    classes = (np.arange(60) < 6).astype(np.int64)[None]
    unsafe = np.arange(60)[None] < 10
    one = replace(of_surrogate(classes, classes, labels, reference, unsafe), left=3)
    known = known_of(one, SignOff(), 1)
    assert known.of_dies == (known.accuracy,)
    assert known.lost_on_dies == (known.lost,)
    # A die of a sample is not all dies, and several dies are several statements.
    assert known_of(one, SignOff(dies="sample"), 1).of_dies != (known.accuracy,)
    two = replace(one, **{
        name: np.tile(getattr(one, name), (2, 1))
        for name in ("right", "compared", "flipped", "changed", "simulated")
    })  # fmt: skip
    for die in known_of(two, SignOff(), 1).of_dies:
        assert die.low < known.accuracy.low
