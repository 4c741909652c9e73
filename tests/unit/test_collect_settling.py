"""When outputs have settled and recovered, on points in time that the simulator chose."""

import math

import numpy as np
import pytest

from mtjspice.collect.settling import last_outside, settled_and_recovered, volts_per_ampere
from mtjspice.spec import SenseAmplifier, TransientRead, TransimpedanceAmplifier, VirtualGround


def near(expected):
    return pytest.approx(expected, rel=1e-12, abs=1e-12, nan_ok=True)


TIME = np.array([0.0, 1.0, 2.0, 3.0, 4.0])


@pytest.mark.parametrize(
    ("off", "allowed", "expected"),
    [
        ([8, 4, 2, 1, 0], 3.0, 1.5),  # half-way from 4 to 2
        ([8, 4, 2, 1, 0], 1.25, 2.75),
        ([-8, -4, -2, -1, 0], 1.25, 2.75),
        ([8, 1, 4, 1, 0], 2.0, 2 + 2 / 3),  # outside again: the last time counts
        ([0, 0, 4, 0, 0], 1.0, 2.75),
        ([1, 0, 0, 0, 0], 1.0, 0.0),  # just inside is inside
        ([0, 0, 0, 0, 0], 1.0, 0.0),
        ([8, 4, 2, 1, 0.5], 0.4, math.nan),
        ([0, 0, 0, 0, 2], 1.0, math.nan),
    ],
)
def test_a_deviation_is_outside_until_it_crosses_for_the_last_time(off, allowed, expected):
    assert last_outside(TIME, np.array(off, float), allowed) == near(expected)


def test_what_never_leaves_has_settled_when_it_is_looked_at_first():
    late = TIME + 7
    assert last_outside(late, np.zeros(5), 1.0) == 7.0


def test_a_deviation_that_changes_its_sign_is_interpolated_along_its_own_line():
    # From 4 to −1 within a second: it is at 2 after 0.4 s.
    off = np.array([6.0, 5.0, 4.0, -1.0, 0.0])
    assert last_outside(TIME, off, 2.0) == near(2.4)


# Settling and recovery of a read


READ = TransientRead(
    period=20e-9, rise=0.1e-9, hold=10e-9, step=0.05e-9, sense_at=6e-9, settle_to=0.01
)
TAU = 30e-12
"""Shorter than a step of the time axis: two points of it are of no use."""


def points(periods=1):
    """Close together after each edge, as a simulator has them, and far apart elsewhere."""
    fine = np.geomspace(1e-13, 9e-9, 4000)
    one = np.concatenate([[0.0], fine, [READ.hold], READ.hold + fine])
    return np.concatenate([one + k * READ.period for k in range(periods)])


def course(time, final):
    """From 0 to a current and back, with one time constant."""
    within = time % READ.period
    up = -np.expm1(-within / TAU)
    down = np.exp(-np.clip(within - READ.hold, 0, None) / TAU)
    return final * np.where(within <= READ.hold, up, down)


def test_a_time_is_found_that_lies_between_two_points_of_the_time_axis():
    time = points()
    settled, recovered = settled_and_recovered(time, course(time, 1e-5)[:, None], READ)
    assert settled.shape == recovered.shape == (1, 1)
    assert settled[0, 0] == pytest.approx(TAU * math.log(100), rel=1e-3)
    assert recovered[0, 0] == pytest.approx(TAU * math.log(100), rel=1e-3)


def test_each_vector_and_each_line_has_its_own_time():
    time = points(3)
    lines = np.stack([course(time, 1e-5), np.zeros_like(time)], axis=-1)
    settled, _ = settled_and_recovered(time, lines, READ, vectors=3)
    assert settled.shape == (3, 2)
    assert settled[:, 0] == pytest.approx([TAU * math.log(100)] * 3, rel=1e-3)
    assert (settled[:, 1] == 0).all()


def test_what_is_allowed_may_be_given_in_volts_at_the_read_out():
    time, read = points(), READ.replace(settle_within=1e-3)
    settled, _ = settled_and_recovered(
        time, course(time, 1e-5)[:, None], read, volts_per_ampere=2e3
    )
    assert settled[0, 0] == pytest.approx(TAU * math.log(1e-5 / 5e-7), rel=1e-3)


def test_an_output_that_is_not_at_rest_before_the_period_ends_has_no_time_of_it():
    time = points()
    line = np.where(time <= READ.hold, course(time, 1e-5), 1e-5)
    settled, recovered = settled_and_recovered(time, line[:, None], READ)
    assert np.isfinite(settled).all()
    assert np.isnan(recovered).all()


@pytest.mark.parametrize(
    ("periphery", "ohms"),
    [
        (VirtualGround(), 1.0),
        (TransimpedanceAmplifier(gain=2e3), 2e3),
        (SenseAmplifier(load=3e3), 3e3),
    ],
)
def test_the_slope_of_each_read_out(periphery, ohms):
    assert volts_per_ampere(periphery) == ohms
