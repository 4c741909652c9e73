"""Hostile input of every kind is refused, or is without effect; clean input is taken."""

import pytest
from fuzz.attack import Attack, Field, fault_of
from fuzz.attacks import attacks, some_of_each
from fuzz.clean import refusals, shared_data
from fuzz.folders import KINDS, SPECS
from fuzz.server import TIMED_OUT, Ran

DEAR = ("networks", "surroundings")
"""Kinds that run ngspice."""


@pytest.fixture(scope="module")
def field():
    """One server: the other processors have other tests."""
    with Field(KINDS, jobs=1).opened() as opened:
        yield opened


def told(tried) -> str:
    return "\n".join(str(one) for one in tried if not one.withstood)


def test_attacks_are_many_and_of_every_kind():
    assert len(attacks()) == len({attack.content for attack in attacks()}) >= 300
    assert {attack.kind for attack in attacks()} == KINDS.keys()
    assert {"refused", "without effect"} >= {one for attack in attacks() for one in attack.must}


def test_some_attacks_are_withstood(field):
    some = [one for one in some_of_each(80) if one.kind not in DEAR and one.arguments is None]
    tried = field.try_all(some)
    assert not told(tried), told(tried)


@pytest.mark.ngspice
@pytest.mark.slow
def test_all_attacks_are_withstood():
    with Field(KINDS).opened() as field:
        tried = field.try_all(attacks())
    assert not told(tried), told(tried)


def test_clean_files_are_taken():
    tried, refused = refusals(whole=False)
    assert tried > 300
    assert not refused, "\n".join(refused)


@pytest.mark.slow
def test_published_files_are_taken():
    if shared_data() is None:
        pytest.skip("no published data")
    _tried, refused = refusals(whole=True)
    assert not refused, "\n".join(refused)


@pytest.mark.parametrize(
    ("code", "out", "err", "fault"),
    [
        (0, "", "", ""),
        (1, "verdict: FAIL", "", ""),
        (1, "", "", "exit 1 without a verdict"),
        (2, "", "mtjspice: x: is wrong\n", ""),
        (2, "", "mtjspice: warning: x\nmtjspice: x: is wrong\n", ""),
        (2, "", " Usage: mtjspice run\nError: no such option\n", ""),
        (2, "", "", "0 messages"),
        (2, "", "mtjspice: a\nmtjspice: b\n", "2 messages"),
        (1, "", "Traceback (most recent call last):\n", "raw words"),
        (0, "", "/x/y.py:3: RuntimeWarning: divide\n", "raw words"),
        (70, "", "mtjspice: this is a fault\n", "a fault of ours"),
        (-9, "", "", "exit -9"),
        (TIMED_OUT, "", "", "past its limit"),
    ],
)
def test_what_counts_as_a_fault(code, out, err, fault):
    assert fault_of(Ran((), code, out, err, 0.0)) == fault


def test_the_suite_sees_what_has_an_effect_and_what_takes_too_long(field, tmp_path):
    spec = b'observe = "cells"\n' + SPECS["array.toml"].encode()
    other = Attack("another spec", "array", {"array.toml": spec})
    none = Attack("a file that nobody reads", "array", {"elsewhere": b"x"})
    found = field.try_all([other, none])
    late = field.servers[0].run(("doctor",), tmp_path, limit_s=0.01)
    assert [one.outcome for one in found] == ["had an effect", "without effect"]
    assert not any(one.withstood for one in found)
    assert fault_of(late) == "past its limit"
