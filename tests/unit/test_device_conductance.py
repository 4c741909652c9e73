import numpy as np
import pytest

from mtjspice.device import conductance
from mtjspice.spec import Mtj

R, TMR = 4200.0, 1.3
VOLTS = np.linspace(-0.8, 0.8, 17)
JUNCTIONS = [
    Mtj(v_half=0.4),
    Mtj(v_half=0.4, c_parallel=0.7),
    Mtj(v_half=float("inf")),
    Mtj(v_half=float("inf"), c_parallel=0.7),
]


def by_hand(v: float, state: int, mtj: Mtj) -> float:
    """The law as the literature writes it: R(V) = R_P (1 + TMR(V)), TMR halved at V_h."""
    if state == 0:
        return v / R * (1 + mtj.c_parallel * v**2)
    return v / (R * (1 + TMR / (1 + (v / mtj.v_half) ** 2)))


@pytest.mark.parametrize("mtj", JUNCTIONS)
@pytest.mark.parametrize("state", [0, 1])
def test_the_current_is_the_law(mtj, state):
    expected = [by_hand(v, state, mtj) for v in VOLTS]
    assert conductance.current(VOLTS, state, R, TMR, mtj) == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("mtj", JUNCTIONS)
@pytest.mark.parametrize("state", [0, 1])
def test_the_slope_is_the_derivative(mtj, state):
    h = 1e-5
    up, down = (conductance.current(VOLTS + s * h, state, R, TMR, mtj) for s in (1, -1))
    slope = conductance.slope(VOLTS, state, R, TMR, mtj)
    assert slope == pytest.approx((up - down) / (2 * h), rel=1e-8)


@pytest.mark.parametrize("mtj", JUNCTIONS)
@pytest.mark.parametrize("state", [0, 1])
def test_the_written_expression_is_the_law(mtj, state):
    text = conductance.expression("v", state, R, TMR, mtj)
    written = [eval(text, {"v": v}) for v in VOLTS]
    assert written == pytest.approx(conductance.current(VOLTS, state, R, TMR, mtj), rel=1e-13)


@pytest.mark.parametrize("state", [0, 1])
def test_the_slope_at_zero_bias_is_the_conductance(state):
    slope = conductance.slope(0.0, state, R, TMR, Mtj(c_parallel=0.5))
    assert slope == pytest.approx(conductance.conductance(state, R, TMR), rel=1e-14)


def test_half_of_the_magnetoresistance_is_left_at_v_half():
    mtj = Mtj(v_half=0.3)
    antiparallel, parallel = (0.3 / conductance.current(0.3, s, R, TMR, mtj) for s in (1, 0))
    assert antiparallel / parallel - 1 == pytest.approx(TMR / 2, rel=1e-13)


@pytest.mark.parametrize("mtj", JUNCTIONS)
@pytest.mark.parametrize("state", [0, 1])
def test_a_junction_has_no_preferred_direction(mtj, state):
    forth = conductance.current(VOLTS, state, R, TMR, mtj)
    assert (conductance.current(-VOLTS, state, R, TMR, mtj) == -forth).all()


@pytest.mark.parametrize("mtj", JUNCTIONS)
@pytest.mark.parametrize("law", [conductance.current, conductance.slope])
def test_each_junction_has_its_own_values(mtj, law):
    states, r_p = np.array([[0, 1], [1, 0]]), np.array([[4e3, 5e3], [6e3, 7e3]])
    tmr0 = np.array([[1.0, 1.1], [1.2, 1.3]])
    together = law(0.2, states, r_p, tmr0, mtj)
    assert together.shape == (2, 2)
    for at in np.ndindex(2, 2):
        assert together[at] == law(0.2, states[at], r_p[at], tmr0[at], mtj)


@pytest.mark.parametrize("mtj", JUNCTIONS)
@pytest.mark.parametrize("law", [conductance.current, conductance.slope])
@pytest.mark.parametrize("which", range(4))
@pytest.mark.parametrize("state", [0, 1])
def test_every_argument_alone_may_be_an_array(mtj, law, which, state):
    arguments = [0.2, state, R, TMR]
    several = [np.array([a] * 3) if i == which else a for i, a in enumerate(arguments)]
    expected = law(*arguments, mtj)
    assert np.broadcast_to(law(*several, mtj), 3).tolist() == [float(expected)] * 3


@pytest.mark.parametrize(
    ("state", "mtj", "ohms"),
    [
        (0, Mtj(), R),
        (0, Mtj(c_parallel=0.1), None),
        (1, Mtj(), None),
        (1, Mtj(v_half=float("inf")), R * (1 + TMR)),
    ],
)
def test_only_an_ohmic_state_is_a_resistor(state, mtj, ohms):
    assert conductance.resistance(state, R, TMR, mtj) == ohms
