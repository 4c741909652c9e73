"""What is known of arrays: how drops, margins, sneak currents and yields go with their causes."""

import math

import numpy as np
import pytest
import torch
import xarray as xr
from reference import network
from scipy import stats

from mtjspice.layout.access import Fitted
from mtjspice.layout.circuit import nominal_condition
from mtjspice.layout.fast import first_order_failures, settling
from mtjspice.layout.montecarlo import estimate_yield
from mtjspice.layout.patterns import named_patterns
from mtjspice.layout.read import TERMINATIONS, measure, sneak_findings
from mtjspice.layout.sense import margin_findings, margins, worst_reads
from mtjspice.layout.tail import estimate_tail
from mtjspice.solver import nodal
from mtjspice.solver.array import array_of
from mtjspice.spec import (
    Crossbar,
    DefectRates,
    Die,
    Line,
    Mtj,
    PassiveCell,
    SenseAmplifier,
    Technology,
    TransimpedanceAmplifier,
)
from mtjspice.spec.layout import DefectLimits, Layout, MonteCarlo, Reading, Sensing, Timing

FITTED = Fitted(None, 1e-5)
OHMIC = Mtj(v_half=math.inf)
IDEAL = Line()
WIRE = Line(resistance=8, end=40, capacitance=2e-15)


def near(expected, rel: float = 1e-6, least: float = 0.0):
    """`pytest.approx` takes all that is below 1e-12 for equal: here are amperes and joules."""
    return pytest.approx(expected, rel=rel, abs=least)


def layout(
    rows: int = 6,
    columns: int | None = None,
    *,
    mtj: Mtj = OHMIC,
    row: Line = WIRE,
    column: Line = WIRE,
    unselected: str = "grounded",
    **parts,
) -> Layout:
    return Layout(
        name="trend",
        crossbar=Crossbar(
            rows=rows,
            columns=columns or rows,
            cell=PassiveCell(mtj=mtj),
            row=row,
            column=column,
            unselected=unselected,
        ),
        **({"periphery": TransimpedanceAmplifier(gain=1e3), "read": Reading(voltage=0.1)} | parts),
    )


def rises(values) -> bool:
    return all(np.diff(values) > 0)


# IR drop


def drop(one: Layout, pattern: str = "all P") -> float:
    states = named_patterns(one.crossbar.shape)[pattern]
    return float(measure(one, FITTED, states[None]).values["ir_drop"][0])


def test_the_drop_grows_with_size_and_with_the_resistance_of_wires():
    assert rises([drop(layout(size)) for size in (2, 4, 8, 16)])
    wires = [Line(resistance=r) for r in (0.0, 1.0, 5.0, 25.0)]
    assert rises([drop(layout(row=wire, column=wire)) for wire in wires])
    assert rises([drop(layout(row=IDEAL, column=wire)) for wire in wires])
    assert drop(layout(row=IDEAL, column=IDEAL)) == near(0, least=1e-9)


def test_the_drop_is_larger_where_cells_draw_more():
    assert drop(layout(), "all AP") < drop(layout(), "checkerboard") < drop(layout(), "all P")


SEGMENTS = 100
"""Of wire; there is one cell more."""


def uniform(ends: str) -> tuple[float, float]:
    """The drop over a row that all cells load alike, and r·I over one segment, both in V."""
    r, volts, mtj = 0.01, 0.1, OHMIC.replace(ra=1e-9)
    one = layout(1, SEGMENTS + 1, mtj=mtj, row=Line(resistance=r, ends=ends), column=IDEAL)
    return volts * drop(one), r * volts / mtj.r_p


def test_a_line_that_is_driven_at_one_end_drops_half_its_length_squared():
    found, of_segment = uniform("one")
    assert found == near(of_segment * SEGMENTS**2 / 2, rel=0.02)
    assert found == near(of_segment * SEGMENTS * (SEGMENTS + 1) / 2, rel=1e-4)


def test_a_line_that_is_driven_at_both_ends_drops_an_eighth_of_its_length_squared():
    found, of_segment = uniform("both")
    assert found == near(of_segment * SEGMENTS**2 / 8, rel=1e-4)


def test_driving_both_ends_leaves_a_quarter_of_the_drop():
    assert uniform("both")[0] / uniform("one")[0] == near(1 / 4, rel=0.02)


# Margins


def sigmas_and_margin(one: Layout) -> dict[str, float]:
    worst = worst_reads(one, FITTED)
    found = margins(one, FITTED, worst, None)
    values = margin_findings(one, nominal_condition(one), found, worst)
    return {finding.quantity: finding.value for finding in values}


def margin(one: Layout) -> float:
    return sigmas_and_margin(one)["margin"]


@pytest.mark.parametrize("step", [1, 2])
def test_without_wires_the_margin_is_half_of_what_the_cells_to_be_told_differ_by(step):
    mtj = OHMIC.replace(tmr0=1.7)
    one = layout(4, mtj=mtj, row=IDEAL, column=IDEAL, sense=Sensing(step=step))
    assert margin(one) == near(step * 0.1 * mtj.delta_g * 1e3 / 2, rel=1e-6)


def test_the_margin_in_sigmas_falls_as_one_over_the_offset():
    offsets = [1e-4, 2e-4, 5e-4]
    found = [sigmas_and_margin(layout(4, sense=Sensing(offset=o))) for o in offsets]
    assert len({one["margin"] for one in found}) == 1
    for offset, one in zip(offsets, found, strict=True):
        assert one["margin_sigmas"] == near(one["margin"] / offset)
    assert "margin_sigmas" not in sigmas_and_margin(layout(4))


def test_the_margin_falls_with_the_resistance_of_wires():
    wires = [Line(resistance=r, end=2 * r) for r in (0.0, 4.0, 32.0)]
    assert rises([-margin(layout(3, row=wire, column=wire)) for wire in wires])
    assert rises([-margin(layout(3, row=IDEAL, column=wire)) for wire in wires])
    assert rises([-margin(layout(3, row=wire, column=IDEAL)) for wire in wires])


def test_the_margin_falls_with_size_where_there_are_wires():
    assert rises([-margin(layout(size)) for size in (2, 4, 6, 8)])


def test_the_margin_falls_with_the_magnetoresistance():
    assert rises([margin(layout(4, mtj=OHMIC.replace(tmr0=t))) for t in (0.4, 0.8, 1.2, 2.0)])


def test_the_margin_falls_where_bias_or_heat_takes_magnetoresistance():
    bias = [margin(layout(4, mtj=Mtj(v_half=v))) for v in (0.1, 0.3, 1.0, math.inf)]
    assert rises(bias)
    heat = [margin(layout(4, technology=Technology(temperature=t))) for t in (125, 27, -40)]
    assert rises(heat)


def test_a_threshold_that_is_off_takes_from_one_side_what_it_gives_to_the_other():
    one = layout(4)
    worst = worst_reads(one, FITTED)
    middle = margins(one, FITTED, worst, None)
    off = margins(one, FITTED, worst, middle.threshold + 1e-3)
    assert off.of_lines.min() == near(middle.of_lines.min() - 1e-3, least=1e-9)
    assert off.worst[0] == "high"


# Sneak currents


def node_volts(net: network.Network, held: dict) -> dict:
    """Voltages of all nodes of a network, by name."""
    number = net.numbers()
    g = np.zeros((len(number), len(number)))
    for a, b, ohms in net.resistors:
        i, j = number[net.root(a)], number[net.root(b)]
        g[[i, j], [i, j]] += 1 / ohms
        g[i, j] -= 1 / ohms
        g[j, i] -= 1 / ohms
    fixed = {number[net.root(n)]: v for n, v in held.items() if net.root(n) in number}
    free = [k for k in range(len(number)) if k not in fixed]
    volts = np.zeros(len(number))
    volts[list(fixed)] = list(fixed.values())
    volts[free] = np.linalg.solve(g[np.ix_(free, free)], -(g @ volts)[free])
    return {name: volts[number[net.root(name)]] for name in net.same if net.root(name) in number}


def independent_share(experiment, load: float) -> float:
    """The share of a line's current that its selected cell did not carry, from its resistors."""
    e = experiment
    (row,), (column,), volts = e.driven_rows, e.sensed_columns, float(e.stimulus.volts[0, 0])
    net = network.of_array(e)
    net.connect(("out", column), ("read", column), load)
    held = {("in", row): volts, ("read", column): 0.0}
    if e.crossbar.unselected != "floating":
        rest = volts / 2 if e.crossbar.unselected == "half" else 0.0
        held |= {("in", r): rest for r in range(e.crossbar.rows) if r != row}
        held |= {("out", c): rest for c in range(e.crossbar.columns) if c != column}
    whole = -net.currents(held)["read", column]
    at = node_volts(net, held)
    own = (at["above", row, column] - at["below", row, column]) / e.crossbar.cell.mtj.r_ap
    return abs(whole - own) / abs(whole)


@pytest.mark.parametrize("unselected", TERMINATIONS)
@pytest.mark.parametrize("load", [0.0, 400.0])
def test_the_sneak_share_is_that_of_an_independent_solve(unselected, load):
    amplifier = TransimpedanceAmplifier(input_resistance=load)
    one = layout(5, 4, unselected=unselected, periphery=amplifier)
    found, shares = sneak_findings(one, nominal_condition(one))
    assert found.value == shares[unselected]
    expected = independent_share(found.experiment, load)
    assert found.value == near(expected, rel=1e-6)
    # The other corner is not worse.
    for row, column in ((0, 3), (4, 0)):
        states = np.zeros((5, 4), dtype=np.uint8)
        states[row, column] = 1
        e = found.experiment
        other = e.replace(
            tile=e.tile.replace(states=states),
            stimulus=e.stimulus.replace(driven_rows=(row,), sensed_columns=(column,)),
        )
        assert independent_share(other, load) <= expected * (1 + 1e-9)


@pytest.mark.parametrize("shape", [(3, 3), (5, 4), (2, 6)])
def test_without_wires_the_sneak_shares_are_those_of_their_three_resistors(shape):
    rows, columns = shape
    one = layout(rows, columns, row=IDEAL, column=IDEAL)
    g, own = 1 / OHMIC.r_p, 1 / OHMIC.r_ap
    others = rows - 1, columns - 1, (rows - 1) * (columns - 1)
    through = g / sum(1 / count for count in others)  # the driven row, the rest, the read column
    half = others[0] * g / 2
    _, shares = sneak_findings(one, nominal_condition(one))
    assert shares["grounded"] == near(0, least=1e-8)
    assert shares["floating"] == near(through / (through + own), rel=1e-6)
    assert shares["half"] == near(half / (half + own), rel=1e-6)


def test_grounded_lines_let_the_least_sneak_by_and_half_selected_the_most():
    for wire in (Line(), Line(resistance=2, end=5)):
        for size in (3, 6, 10):
            one = layout(size, row=wire, column=wire)
            _, shares = sneak_findings(one, nominal_condition(one))
            assert shares["grounded"] < shares["floating"] < shares["half"]


def test_sneak_currents_grow_with_the_array():
    for unselected in TERMINATIONS:
        found = []
        for size in (2, 4, 8, 12):
            one = layout(size, unselected=unselected)
            found.append(sneak_findings(one, nominal_condition(one))[0].value)
        assert rises(found), unselected


def test_sneak_currents_are_those_of_the_junctions_of_the_layout():
    # A column of small junctions among large ones: its own cell carries little.
    sizes = {"low": 30e-9, "high": 60e-9}
    equal = layout(4, row=IDEAL, column=IDEAL, unselected="half")
    one = equal.replace(die=Die(diameters=sizes | {"along": "rows"}))
    found, _ = sneak_findings(one, nominal_condition(one))
    # Worst is the smallest junction, in row 0, below three larger ones.
    g = np.pi / 4 * np.linspace(30e-9, 60e-9, 4) ** 2 / OHMIC.ra
    own, half = g[0] / (1 + OHMIC.tmr0), g[1:].sum() / 2
    assert found.value == near(half / (half + own), rel=1e-6)


# Yield


class Nodal:
    """In the place of SPICE: the same reads in the nodal solver."""

    def run(self, experiments, progress=None):
        found = []
        for e in experiments:
            volts = torch.from_numpy(e.stimulus.volts.copy())
            current = nodal.read(array_of([e]), volts)[0].numpy()
            found.append(xr.Dataset({"current": (("vector", "line"), current)}))
        return found


SAMPLES = 250


def share_good(one: Layout) -> float:
    threshold = margins(one, FITTED, worst_reads(one, FITTED), None).threshold
    plain = one.replace(monte_carlo=MonteCarlo(samples=SAMPLES, audit=0.01))
    found, _ = estimate_yield(plain, nominal_condition(plain), FITTED, threshold, Nodal())
    assert found.audited_good[0] == found.audited_good[1]
    assert found.low <= found.good / found.samples <= found.high
    return found.good / found.samples


def within_chance(found: float, exact: float) -> bool:
    """Within four standard deviations of a binomial distribution."""
    return abs(found - exact) <= 4 * math.sqrt(exact * (1 - exact) / SAMPLES)


def test_the_yield_falls_with_the_offset_as_the_normal_distribution_says():
    ideal = layout(4, row=IDEAL, column=IDEAL)
    reach = 0.1 * OHMIC.delta_g * 1e3 / 2
    found = []
    for sigmas in (4.0, 2.5, 1.5, 0.8):
        one = ideal.replace(sense=Sensing(offset=reach / sigmas))
        found.append(share_good(one))
        exact = (2 * stats.norm.cdf(sigmas) - 1) ** 4
        assert within_chance(found[-1], exact), sigmas
    assert rises(-np.array(found))


def test_the_yield_falls_with_the_rate_of_shorts_as_chance_says():
    ideal = layout(4, row=IDEAL, column=IDEAL)
    found = []
    for rate in (0.0, 0.01, 0.04, 0.15):
        rates = DefectRates(short=rate, stuck_p=0, stuck_ap=0, dead_lines=0)
        found.append(share_good(ideal.replace(defects=DefectLimits(rates=rates))))
        # One short takes a hundred times the current of a junction: its line is always high.
        assert within_chance(found[-1], (1 - rate) ** 16), rate
    assert rises(-np.array(found))


def test_lines_that_can_be_replaced_are_forgiven():
    rates = DefectRates(short=0.05, stuck_p=0, stuck_ap=0, dead_lines=0)
    one = layout(4, row=IDEAL, column=IDEAL)
    found = [
        share_good(one.replace(defects=DefectLimits(rates=rates, bad_lines=lines)))
        for lines in (0, 1, 4)
    ]
    fails = 1 - 0.95**4
    assert within_chance(found[0], stats.binom.cdf(0, 4, fails))
    assert within_chance(found[1], stats.binom.cdf(1, 4, fails))
    assert found[2] == 1


# The tail


def tail_of(one: Layout):
    worst = worst_reads(one, FITTED)
    found = margins(one, FITTED, worst, None)
    tail, finding = estimate_tail(one, nominal_condition(one), FITTED, worst, found)
    assert finding.value == tail.high  # judged is the upper end
    first = max(read.failure for read in first_order_failures(one, FITTED, worst, found))
    return tail, first, found


def test_with_offsets_alone_a_line_fails_as_often_as_its_margin_in_sigmas_says():
    one = layout(4, sense=Sensing(offset=2e-4))
    tail, first_order, found = tail_of(one)
    sigmas = found.of_lines.min() / 2e-4
    assert sigmas > 4
    exact = stats.norm.sf(sigmas)
    assert tail.low <= exact <= tail.high
    assert abs(tail.probability - exact) < 5 * tail.error
    assert tail.distance == near(sigmas, rel=1e-4)
    assert first_order == near(exact, rel=1e-3)
    assert tail.shares["offset"] == near(1)


def test_a_single_junction_fails_as_often_as_its_log_normal_resistance_says():
    sigma = 0.06
    one = layout(1, row=IDEAL, column=IDEAL, die=Die(sigma_ln_rp=sigma))
    tail, first_order, found = tail_of(one)
    # The high side is nearer in the logarithm: P reads low where R_P is too large.
    distance = math.log(0.1 * 1e3 / OHMIC.r_p / found.threshold) / sigma
    exact = stats.norm.sf(distance)
    assert tail.side == "high"
    assert tail.distance == near(distance, rel=1e-3)
    assert abs(tail.probability - exact) < 5 * tail.error
    assert first_order == near(exact, rel=1e-2)
    assert tail.shares["R_P from cell to cell"] == near(1)


def test_spread_of_the_die_counts_for_all_cells_at_once():
    # A column of four: independent cells spread by half as much as cells that go together.
    plain = layout(4, 1, row=IDEAL, column=IDEAL, mtj=OHMIC.replace(tmr0=1.0))
    cells, _, _ = tail_of(plain.replace(die=Die(sigma_ln_rp=0.03)))
    whole, _, _ = tail_of(plain.replace(die=Die(sigma_ln_rp_die=0.03)))
    assert whole.probability > 10 * cells.probability
    assert whole.shares["R_P of the die"] == near(1)


def test_failures_grow_with_spread():
    found = [
        tail_of(layout(3, die=Die(sigma_ln_rp=s), sense=Sensing(offset=1e-4)))[0].probability
        for s in (0.04, 0.06, 0.08)
    ]
    assert rises(found)


# Time


def slow(one: Layout) -> float:
    return settling(one.replace(timing=Timing(rise=1e-12, step=1e-12)), FITTED, 0.0)


def test_settling_goes_with_capacitance_and_grows_with_resistance_and_size():
    wire = Line(resistance=50, end=500, capacitance=4e-15)
    base = slow(layout(row=wire, column=wire))
    double = wire.replace(capacitance=8e-15)
    assert slow(layout(row=double, column=double)) == near(2 * base, rel=0.02)
    thin = wire.replace(resistance=100)
    assert slow(layout(row=thin, column=thin)) > base
    assert slow(layout(12, row=wire, column=wire)) > 1.5 * base
    loaded = layout(row=wire, column=wire, periphery=SenseAmplifier(load=5e3))
    assert slow(loaded) > base
