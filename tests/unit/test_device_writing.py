import numpy as np
import pytest
from unit.builders import drawn_at

from mtjspice.device.conductance import current
from mtjspice.device.switching import (
    critical_current,
    thermal_stability,
    time_constant,
    write_error_rate,
)
from mtjspice.device.variation import Junctions, draw_junctions
from mtjspice.device.writing import (
    delivered_voltage,
    draw_free_layers,
    error_rates,
    path_resistance,
    read_back,
    write_tile,
)
from mtjspice.spec import (
    Crossbar,
    Defect,
    Diameters,
    Die,
    FreeLayer,
    Line,
    Mtj,
    ProgrammedTile,
    Writing,
)

MTJ = Mtj()
WIRED = Crossbar(
    rows=3, columns=4, row=Line(resistance=2, end=50, via=1), column=Line(resistance=3, end=70)
)
LARGE = Crossbar(rows=60, columns=80)
RARE = Writing(to_p=3.0, to_ap=3.0, length=50e-9)
NEVER = Writing(to_p=1e-3, to_ap=1e-3)


def tile(shape=(60, 80), state=None, index=0) -> ProgrammedTile:
    chance = np.random.default_rng(4)
    states = chance.integers(0, 2, shape) if state is None else np.full(shape, state)
    return ProgrammedTile(states=states.astype(np.uint8), index=index)


def test_the_path_is_row_from_the_left_and_column_to_the_bottom():
    ohms = path_resistance(WIRED)
    assert ohms[0, 0] == 50 + 70 + 2 * 3 + 1
    assert ohms[2, 3] == 50 + 3 * 2 + 70 + 1
    assert ohms[1, 2] == 50 + 2 * 2 + 70 + 3 + 1


def test_a_line_with_two_ends_is_two_ways_side_by_side():
    both = Crossbar(rows=1, columns=3, row=Line(resistance=2, end=50, ends="both"))
    ways = [(50 + 2 * k, 50 + 2 * (2 - k)) for k in range(3)]
    assert path_resistance(both)[0] == pytest.approx([a * b / (a + b) for a, b in ways])
    bare = Crossbar(rows=2, columns=2, row=Line(ends="both"), column=Line(ends="both"))
    assert (path_resistance(bare) == 0).all()


def test_an_ohmic_junction_gets_its_share_of_the_pulse():
    mtj = Mtj(v_half=float("inf"))
    assert delivered_voltage(0.8, 200.0, [0, 1], 5e3, 1.0, mtj) == pytest.approx(
        [0.8 * 5e3 / 5.2e3, 0.8 * 10e3 / 10.2e3], rel=1e-12
    )


def test_without_wires_the_whole_pulse_arrives():
    assert delivered_voltage(0.8, 0.0, [0, 1], 5e3, 1.0, MTJ) == pytest.approx([0.8, 0.8])


def test_the_share_is_that_of_the_resistance_at_the_voltage_that_arrives():
    volts = delivered_voltage(0.8, 300.0, 1, 5e3, 1.0, MTJ)
    resistance = volts / current(volts, 1, 5e3, 1.0, MTJ)
    assert volts == pytest.approx(0.8 * resistance / (resistance + 300), rel=1e-12)
    assert 5e3 < resistance < 10e3


def test_the_error_rate_is_that_of_the_current_through_the_old_state():
    crossbar = Crossbar(rows=1, columns=2)
    writing, layer = Writing(to_p=0.7, to_ap=0.6, length=4e-9), Writing().free_layer
    wanted = ProgrammedTile(states=["PA"])
    delta = thermal_stability(layer, MTJ.diameter, 27.0)
    found = error_rates(crossbar, writing, Die(), wanted, 27.0)[0]
    for k, (pulse, before) in enumerate(((0.7, 1), (0.6, 0))):
        ratio = current(pulse, before, MTJ.r_p, MTJ.tmr0, MTJ) / critical_current(layer, delta, 27)
        expected = write_error_rate(ratio, delta, 4e-9 / time_constant(layer, 27.0))
        assert found[k] == pytest.approx(expected, rel=1e-9)
        assert 0.001 < found[k] < 0.5


def test_wires_small_pulses_and_cold_make_writing_worse():
    wanted, die = tile((3, 4)), Die()
    plain = error_rates(WIRED.replace(row=Line(), column=Line()), Writing(), die, wanted, 27.0)
    assert (error_rates(WIRED, Writing(), die, wanted, 27.0) > plain).all()
    weak = Writing(to_p=0.7, to_ap=0.55)
    assert (error_rates(WIRED, weak, die, wanted, 27.0)
            > error_rates(WIRED, Writing(), die, wanted, 27.0)).all()  # fmt: skip
    own = Writing(temperature=100.0)
    assert (error_rates(WIRED, own, die, wanted, 27.0)
            == error_rates(WIRED, own, die, wanted, -20.0)).any()  # fmt: skip


def test_what_is_in_its_state_already_is_not_written():
    wanted = tile()
    assert write_tile(LARGE, None, Die(), wanted, 27.0) is wanted
    for previous, kept in (("p", 0), ("ap", 1)):
        written = write_tile(LARGE, NEVER.replace(previous=previous), Die(), wanted, 27.0)
        assert (written.states == kept).all()
    opposite = write_tile(LARGE, NEVER.replace(previous="opposite"), Die(), wanted, 27.0)
    assert (opposite.states == 1 - wanted.states).all()


def test_strong_long_pulses_write_everything():
    wanted = tile(index=3)
    written = write_tile(LARGE, RARE.replace(previous="opposite"), Die(), wanted, 27.0)
    assert (written.states == wanted.states).all()
    assert written.index == 3


def test_errors_are_as_frequent_as_their_rate():
    wanted = tile()
    writing = Writing(previous="opposite")
    rates = error_rates(LARGE, writing, Die(), wanted, 27.0)
    written = write_tile(LARGE, writing, Die(), wanted, 27.0)
    for state in (0, 1):
        at = wanted.states == state
        wrong, rate = (written.states != wanted.states)[at].mean(), rates[at].mean()
        assert abs(wrong - rate) < 4 * np.sqrt(rate * (1 - rate) / at.sum())


def test_spread_of_the_free_layers_enters_every_error_rate():
    """Against the closed form with each junction's own Δ and I_c0, written out."""
    layer = FreeLayer(sigma_ln_delta=0.05, sigma_ln_ic0=0.04)
    writing, die, wanted = Writing(free_layer=layer), Die(seed=7), tile(state=0)
    z = np.random.default_rng([7, 4, 0]).standard_normal((2, 60, 80))
    # 27 °C: Δ 77.40366, I_c0 38.98588 µA, τ_D 2.259846 ns.
    delta, ic0 = 77.40366 * np.exp(0.05 * z[0]), 38.98588e-6 * np.exp(0.04 * z[1])
    i, s = current(0.72, 1, MTJ.r_p, MTJ.tmr0, MTJ) / ic0, 5e-9 / 2.259846e-9
    expected = -np.expm1(-(np.pi**2) / 4 * delta * (i - 1) / (i * np.exp(2 * (i - 1) * s) - 1))
    found = error_rates(LARGE, writing, die, wanted, 27.0)
    assert found == pytest.approx(expected, rel=1e-4)
    assert found.mean() > 1.05 * error_rates(LARGE, Writing(), die, wanted, 27.0).mean()


def test_half_of_the_junctions_have_to_switch_from_random_states():
    writing = Writing(to_p=1e-3, to_ap=1e-3, previous="random")
    share = (write_tile(LARGE, writing, Die(), tile(), 27.0).states != tile().states).mean()
    assert abs(share - 0.5) < 4 * np.sqrt(0.25 / 4800)


def test_the_draw_follows_the_die_and_the_tile():
    def states(die=1, index=0):
        return write_tile(LARGE, Writing(), Die(seed=die), tile(index=index), 27.0).states

    assert (states() == states()).all()
    assert (states() != states(die=2)).any()
    assert (states() != states(index=1)).any()


def test_states_read_back_as_they_are_and_defects_as_their_resistance():
    die = Die(
        sigma_ln_rp=0.05,
        sigma_ln_tmr=0.05,
        diameters=Diameters(low=45e-9, high=55e-9),
        defects=(
            Defect(kind="short", row=0, column=0),
            Defect(kind="open", row=0, column=1),
            Defect(kind="stuck_p", row=0, column=2),
        ),
    )
    wanted = tile(state=1)
    read = read_back(MTJ, die, draw_junctions(MTJ, wanted, die))
    assert read[0, :3].tolist() == [0, 1, 0]
    assert read[1:].all()
    other = tile(state=0)
    assert not read_back(MTJ, die, draw_junctions(MTJ, other, die))[1:].any()


@pytest.mark.parametrize("tmr0", [0.5, 1.0, 3.0])
def test_a_reading_tells_the_states_apart_at_the_geometric_mean_of_their_resistances(tmr0):
    # At a TMR of 1 that is 1.41 R_P: 1.40 R_P reads as P, 1.45 R_P as AP.
    mtj, middle = Mtj(tmr0=tmr0), np.sqrt(1 + tmr0)
    own = mtj.r_p * middle * np.array([[0.8, 0.99, 1.025, 1.2]])
    nothing = np.zeros((1, 4), dtype=bool)
    for state in (0, 1):
        stated = own / (1 + state * tmr0)  # R_P of a junction whose state has that resistance
        drawn = Junctions(
            stated, np.full((1, 4), tmr0), np.full((1, 4), state, np.uint8), nothing, nothing
        )
        assert read_back(mtj, Die(), drawn)[0].tolist() == [0, 0, 1, 1]


FREE_LAYER = FreeLayer(sigma_ln_delta=0.1, sigma_ln_ic0=0.05)


def free_layers(seed=5, index=0, shape=(250, 400), layer=FREE_LAYER):
    _, tile, die = drawn_at(seed=seed, index=index, shape=shape)
    return draw_free_layers(layer, die, tile)


def test_free_layers_spread_log_normally_and_independently():
    logs = [np.log(one).ravel() for one in free_layers()]
    n = logs[0].size
    for z, sigma in zip(logs, (0.1, 0.05), strict=True):
        assert abs(z.mean()) < 4 * sigma / np.sqrt(n)
        assert abs((z / sigma).var() - 1) < 4 * np.sqrt(2 / n)
    mtj, tile, die = drawn_at(seed=5, shape=(250, 400), sigma_ln_rp=0.1, sigma_ln_tmr=0.2)
    junctions = draw_junctions(mtj, tile, die)
    kinds = [*logs, np.log(junctions.r_p).ravel(), np.log(junctions.tmr0).ravel()]
    apart = np.corrcoef(kinds) - np.eye(4)
    assert np.abs(apart).max() < 4 / np.sqrt(n)


def test_free_layers_follow_the_seed_and_the_tile():
    same, other_die, other_tile = free_layers(), free_layers(seed=6), free_layers(index=1)
    for k in (0, 1):
        assert (same[k] == free_layers()[k]).all()
        assert (same[k] != other_die[k]).mean() > 0.99
        assert (same[k] != other_tile[k]).mean() > 0.99


def test_free_layers_without_spread_are_nominal():
    stability, critical = free_layers(layer=FreeLayer())
    assert (stability == 1).all()
    assert (critical == 1).all()


def test_diameters_are_in_both_factors_and_in_the_resistance_that_is_drawn():
    """Twice the spread of the diameter is common to Δ and I_c0, and R_P has it the other way."""
    layer = FreeLayer(sigma_ln_delta=0.1, sigma_ln_ic0=0.05, sigma_ln_diameter=0.03)
    mtj, tile, die = drawn_at(seed=5, shape=(250, 400), sigma_ln_rp=0.1)
    logs = [np.log(one).ravel() for one in draw_free_layers(layer, die, tile)]
    logs.append(np.log(draw_junctions(mtj, tile, die).r_p / mtj.r_p).ravel())
    area = 0.06**2
    expected = np.array(
        [[0.1**2 + area, area, -area], [area, 0.05**2 + area, -area], [-area, -area, 0.1**2]]
    )
    most = 5 * expected.diagonal().max() / np.sqrt(logs[0].size)
    assert np.abs(np.cov(logs) - expected).max() < most
    assert np.cov(logs) == pytest.approx(expected, abs=most)
    # All of R_P may be the diameter's: then both are one number.
    layer = FreeLayer(sigma_ln_diameter=0.05)
    stability, critical = draw_free_layers(layer, die, tile)
    assert stability * draw_junctions(mtj, tile, die).r_p == pytest.approx(mtj.r_p, rel=1e-9)
    assert (stability == critical).all()
