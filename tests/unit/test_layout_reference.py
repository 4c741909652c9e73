"""Thresholds of reference cells, against plain numpy: counts, a dense solve, closed forms."""

import math

import numpy as np
import pytest
import torch
import xarray as xr

from mtjspice.errors import InputError
from mtjspice.layout.access import Fitted
from mtjspice.layout.circuit import blocks, nominal_condition, sense_volts
from mtjspice.layout.fast import first_order_failures
from mtjspice.layout.montecarlo import estimate_yield, row_groups
from mtjspice.layout.notes import threshold_notes
from mtjspice.layout.reference import (
    ReferenceReads,
    drawn_thresholds,
    nominal_thresholds,
    numbers,
    reference_states,
)
from mtjspice.layout.scale import of_size
from mtjspice.layout.sense import fixed_threshold, margin_findings, margins, worst_reads
from mtjspice.layout.tail import estimate_tail, read_margin, sources
from mtjspice.solver import nodal
from mtjspice.solver.access import AccessModel
from mtjspice.solver.array import array_of
from mtjspice.spec import (
    Crossbar,
    Die,
    GatedCell,
    Line,
    Mtj,
    PassiveCell,
    SenseAmplifier,
    TransimpedanceAmplifier,
    format_spec,
    parse_spec,
)
from mtjspice.spec.layout import Layout, MonteCarlo, Reading, Sensing
from mtjspice.spec.sensing import ReferenceCells

FITTED = Fitted(None, 1e-5)
OHMIC = Mtj(v_half=math.inf)
GAIN, VOLTS = 1e3, 0.1
P, AP = GAIN * VOLTS / OHMIC.r_p, GAIN * VOLTS / OHMIC.r_ap
"""What cells that are read alone without wires come to, V."""
ACCESS = AccessModel(
    resistance=(((900.0, 60.0), (80.0, 5.0)), ((900.0, 60.0), (-50.0, 3.0))),
    sensitivity=((((400.0, 30.0), (20.0, 0.0)), ((400.0, 30.0), (-15.0, 0.0))),),
    current_scale=2e-4,
    potential_scale=0.05,
    threshold_sigma=(5e-3,),
)
EVERY = Die(sigma_ln_rp=0.1, sigma_ln_tmr=0.08, sigma_ln_rp_die=0.15, sigma_ln_tmr_die=0.1)


def layout(
    rows: int = 4,
    columns: int = 3,
    *,
    read: int | None = 1,
    wire: Line | None = None,
    cell=None,
    position: int | None = None,
    pairs: int = 1,
    threshold: str = "reference",
    **parts,
) -> Layout:
    cells = ReferenceCells(position=position, pairs=pairs) if threshold == "reference" else None
    line = wire or Line()
    return Layout(
        name="reference",
        crossbar=Crossbar(
            rows=rows, columns=columns, cell=cell or PassiveCell(mtj=OHMIC), row=line, column=line
        ),
        read=Reading(voltage=VOLTS, rows=read),
        sense=Sensing(threshold=threshold, reference=cells, offset=parts.pop("offset", 0.0)),
        **({"periphery": TransimpedanceAmplifier(gain=GAIN, input_resistance=0)} | parts),
    )


class Nodal:
    """In the place of SPICE: the same reads in the nodal solver."""

    def run(self, experiments, progress=None):
        found = []
        for e in experiments:
            volts = torch.from_numpy(e.stimulus.volts.copy())
            current = nodal.read(array_of([e]), volts)[0].numpy()
            found.append(xr.Dataset({"current": (("vector", "line"), current)}))
        return found


def drawn(one: Layout, count: int, common=None, fitted: Fitted = FITTED) -> np.ndarray:
    shared = np.zeros((count, 2)) if common is None else common
    found = drawn_thresholds(one, fitted, row_groups(one), shared, range(count))
    assert found is not None
    return found


# Nominal


def test_without_wires_the_threshold_is_the_middle_between_both_cells():
    one = layout()
    found = margins(one, FITTED, worst_reads(one, FITTED), None)
    assert found.thresholds == pytest.approx([(P + AP) / 2] * len(blocks(one)), rel=1e-6)
    assert found.of_lines == pytest.approx([(P - AP) / 2] * 3, rel=1e-5)


def test_a_reference_line_has_so_many_p_cells_in_any_rows_that_are_driven_together():
    for count, boundary, step in ((1, 0, 1), (3, 1, 1), (4, 1, 2), (5, 0, 4), (7, 3, 2)):
        one = layout(11, 5, read=count, position=2)
        one = one.replace(sense=one.sense.replace(boundary=boundary, step=step))
        for states, p_cells in zip(reference_states(one), (boundary, boundary + step), strict=True):
            of_line = 1 - states[:, 2]
            for first in range(12 - count):
                assert of_line[first : first + count].sum() == p_cells
            others = [0, 1, 3, 4]
            assert (states[:, others] == (np.indices((11, 5)).sum(0) % 2)[:, others]).all()


def by_hand(states: np.ndarray, wire: float, end: float, column: int) -> float:
    """Output voltage of a column of an ohmic array with all rows driven, by a dense solve."""
    rows, columns = states.shape
    count = rows * columns
    matrix, right = np.zeros((2 * count, 2 * count)), np.zeros(2 * count)
    word = np.arange(count).reshape(rows, columns)
    bit = count + word

    def join(a: int, b: int, ohms: float) -> None:
        for i, j in ((a, b), (b, a)):
            matrix[i, i] += 1 / ohms
            matrix[i, j] -= 1 / ohms

    for r in range(rows):
        matrix[word[r, 0], word[r, 0]] += 1 / end
        right[word[r, 0]] += VOLTS / end
        for c in range(columns):
            join(word[r, c], bit[r, c], OHMIC.r_ap if states[r, c] else OHMIC.r_p)
            if c + 1 < columns:
                join(word[r, c], word[r, c + 1], wire)
            if r + 1 < rows:
                join(bit[r, c], bit[r + 1, c], wire)
    for c in range(columns):
        matrix[bit[-1, c], bit[-1, c]] += 1 / end
    volts = np.linalg.solve(matrix, right)
    return float(GAIN * volts[bit[-1, column]] / end)


def test_with_wires_the_position_matters_as_a_dense_solve_says():
    found = []
    for column in (0, 2, 4):
        low, high = ((np.indices((4, 5)).sum(0) % 2) for _ in range(2))
        low[:, column], high[:, column] = [1, 0, 1, 1], [0, 1, 0, 1]
        expected = (by_hand(low, 30.0, 80.0, column) + by_hand(high, 30.0, 80.0, column)) / 2
        one = layout(4, 5, read=None, wire=Line(resistance=30, end=80), position=column)
        (threshold,) = nominal_thresholds(one, FITTED)
        assert threshold == pytest.approx(expected, rel=1e-6)
        found.append(threshold)
    assert found[0] > found[1] > found[2]
    assert found[0] > 1.01 * found[2]
    assert one.reference_column == layout(4, 5, read=None).reference_column == 4


def test_rows_far_from_the_read_out_have_a_threshold_of_their_own():
    one = layout(9, 3, wire=Line(resistance=50, end=100))
    worst = worst_reads(one, FITTED)
    found = margins(one, FITTED, worst, fixed_threshold(one, margins(one, FITTED, worst, None)))
    far, _, close = found.thresholds
    assert far < close
    side, block, line = found.worst
    assert found.threshold == found.thresholds[block]
    (finding,) = margin_findings(one, nominal_condition(one), found, worst)
    volts = (found.low if side == "low" else found.high)[block, line]
    assert finding.value == pytest.approx(abs(found.thresholds[block] - volts), rel=1e-12)
    assert finding.shown.given["threshold"] == found.thresholds[block]


# Spread


def counted_yield(one: Layout, pairs: int, count: int) -> float:
    """Good arrays among those drawn here: cells read alone, reference pairs, what a die shares."""
    chance, die = np.random.default_rng(77), one.die
    rows, columns = one.crossbar.shape
    good = 0
    for _ in range(count):
        rp_die = die.sigma_ln_rp_die * chance.standard_normal()
        tmr_die = die.sigma_ln_tmr_die * chance.standard_normal()

        def volts(state: int, shape, rp_die=rp_die, tmr_die=tmr_die):
            ohms = OHMIC.r_p * np.exp(rp_die + die.sigma_ln_rp * chance.standard_normal(shape))
            ratio = np.exp(tmr_die + die.sigma_ln_tmr * chance.standard_normal(shape))
            return GAIN * VOLTS / (ohms * (1 + state * OHMIC.tmr0 * ratio))

        # A cell has one resistance, whether it is P or AP.
        shape = (rows, columns)
        ohms = OHMIC.r_p * np.exp(rp_die + die.sigma_ln_rp * chance.standard_normal(shape))
        ratio = np.exp(tmr_die + die.sigma_ln_tmr * chance.standard_normal(shape))
        high = GAIN * VOLTS / ohms
        low = high / (1 + OHMIC.tmr0 * ratio)
        own = (volts(0, (pairs, rows)).mean(0) + volts(1, (pairs, rows)).mean(0)) / 2
        good += bool((low < own[:, None]).all() and (high > own[:, None]).all())
    return good / count


@pytest.mark.parametrize("pairs", [pytest.param(1, marks=pytest.mark.slow), 4])
def test_the_yield_is_that_of_a_plain_count_with_pairs_that_differ(pairs):
    samples, many = 1200, 20_000
    one = layout(8, 4, pairs=pairs, die=EVERY, monte_carlo=MonteCarlo(samples=samples, audit=0.002))
    threshold = margins(one, FITTED, worst_reads(one, FITTED), None).threshold
    found, finding = estimate_yield(one, nominal_condition(one), FITTED, threshold, Nodal())
    exact = counted_yield(one, pairs, many)
    assert 0.1 < exact < 0.95
    error = math.sqrt(exact * (1 - exact) * (1 / samples + 1 / many))
    assert abs(found.good / samples - exact) < 3.5 * error
    assert f"reference cells in column 3, {pairs} pair" in finding.where
    # The worst array's own threshold stands in its netlist, and its margin is as stated.
    own = finding.shown.given["threshold"]
    assert own != pytest.approx(threshold, rel=1e-6)
    (result,) = Nodal().run([finding.experiment])
    volts = GAIN * result["current"].to_numpy()[0, finding.shown.column]
    sign = 1 if finding.shown.side == "low" else -1
    assert sign * (own - volts) == pytest.approx(found.margins.min(), rel=1e-4)
    # A threshold without spread, or without the die's, would be far from the count.
    still = one.replace(sense=Sensing())
    other, _ = estimate_yield(still, nominal_condition(still), FITTED, threshold, Nodal())
    assert abs(other.good / samples - exact) > 6 * error


def test_pairs_reduce_the_spread_by_their_square_root():
    sigma_rp, sigma_tmr, count = 0.02, 0.03, 3000
    die = Die(sigma_ln_rp=sigma_rp, sigma_ln_tmr=sigma_tmr)
    # To first order, of the mean of one P and one AP cell.
    share = OHMIC.tmr0 / (1 + OHMIC.tmr0)
    one_pair = math.hypot(P * sigma_rp, AP * sigma_rp, AP * share * sigma_tmr) / 2
    for pairs in (1, 4, 9):
        found = drawn(layout(1, 2, pairs=pairs, die=die), count)[:, 0]
        assert found.mean() == pytest.approx((P + AP) / 2, rel=2e-3)
        assert found.std() == pytest.approx(one_pair / math.sqrt(pairs), rel=0.06)


def test_reference_cells_share_what_is_common_to_the_die():
    one = layout(2, 2, die=Die(sigma_ln_rp_die=0.2, sigma_ln_tmr_die=0.2))
    common = np.random.default_rng(3).normal(0, 0.2, (20, 2))
    found = drawn(one, 20, common)
    high = P * np.exp(-common[:, 0])
    low = high / (1 + OHMIC.tmr0 * np.exp(common[:, 1]))
    assert found == pytest.approx(np.stack([(low + high) / 2] * 2, axis=1), rel=1e-6)


def test_rows_have_cells_of_their_own():
    found = drawn(layout(3, 2, die=Die(sigma_ln_rp=0.05)), 2000)
    assert np.abs(np.corrcoef(found.T) - np.eye(3)).max() < 0.1
    together = drawn(layout(3, 2, read=3, die=Die(sigma_ln_rp=0.05)), 5)
    assert together.shape == (5, 1)


def test_the_same_arrays_have_the_same_thresholds_however_many_are_drawn():
    one = layout(2, 2, die=EVERY)
    assert (drawn(one, 9)[:4] == drawn(one, 4)).all()
    assert (drawn(one.replace(seed=1), 4) != drawn(one, 4)).all()


def test_transistors_of_reference_cells_differ_too():
    fitted = Fitted(ACCESS, 1e-5)
    one = layout(2, 2, cell=GatedCell(mtj=OHMIC), die=Die(mismatch=1.0))
    assert numbers(one, ACCESS) == 2 * 2 * 3
    reads = ReferenceReads.of(one, fitted, (0,))
    none = torch.zeros(1, dtype=torch.float64)
    z = torch.zeros((1, 12), dtype=torch.float64, requires_grad=True)
    (slopes,) = torch.autograd.grad(reads.threshold(none, none, z).sum(), z)
    # Numbers of R_P and TMR do nothing without their spread, those of the row that rests neither.
    of_transistors = slopes.reshape(1, 2, 3, 2)[0, :, 2, 0]
    assert (of_transistors != 0).all()
    assert slopes.abs().sum() == pytest.approx(float(of_transistors.abs().sum()), rel=1e-3)
    found = drawn(one, 2000, fitted=fitted)[:, 0]
    assert found.std() == pytest.approx(float(of_transistors.norm()), rel=0.06)


# Rare failures


def counted_failure(one: Layout, pairs: int, count: int) -> float:
    """Failures of the worse side of one line, counted over what is drawn here."""
    chance, die, bad = np.random.default_rng(5), one.die, np.zeros(2)
    for _ in range(10):
        some = count // 10
        rp_die = die.sigma_ln_rp_die * chance.standard_normal(some)
        tmr_die = die.sigma_ln_tmr_die * chance.standard_normal(some)

        def volts(state: int, many: int, some=some, rp_die=rp_die, tmr_die=tmr_die):
            normal = chance.standard_normal((2, many, some))
            ohms = OHMIC.r_p * np.exp(rp_die + die.sigma_ln_rp * normal[0])
            ratio = np.exp(tmr_die + die.sigma_ln_tmr * normal[1])
            return GAIN * VOLTS / (ohms * (1 + state * OHMIC.tmr0 * ratio))

        own = (volts(0, pairs).mean(0) + volts(1, pairs).mean(0)) / 2
        own = own + one.sense.offset * chance.standard_normal(some)
        bad += (volts(1, 1)[0] > own).sum(), (volts(0, 1)[0] < own).sum()
    return float(bad.max() / count)


@pytest.mark.parametrize("pairs", [1, 3])
def test_rare_failures_are_those_of_a_plain_count(pairs):
    die = Die(sigma_ln_rp=0.06, sigma_ln_tmr=0.04, sigma_ln_rp_die=0.1, sigma_ln_tmr_die=0.1)
    one = layout(2, 2, pairs=pairs, die=die, offset=1e-3, monte_carlo=MonteCarlo(tail=4000))
    worst = worst_reads(one, FITTED)
    found = margins(one, FITTED, worst, None)
    tail, finding = estimate_tail(one, nominal_condition(one), FITTED, worst, found)
    count = 10_000_000
    exact = counted_failure(one, pairs, count)
    assert 1e-6 < exact < 1e-2
    counting = math.sqrt(exact / count)
    assert tail.low - 3 * counting < exact < tail.high + 3 * counting
    assert tail.high < 1.5 * exact
    assert abs(tail.probability - exact) < 4 * math.hypot(tail.error, counting)
    assert 0.05 < tail.shares["reference cells"] < 0.8
    # To first order it is the same within tens of per cent, for other sizes and parameters.
    first = max(read.failure for read in first_order_failures(one, FITTED, worst, found))
    assert first == pytest.approx(exact, rel=0.3)
    # The netlist's line and threshold are equal at the most likely failure.
    given, devices = finding.shown.given, finding.shown.devices
    cell = (blocks(one)[found.worst[1]][0], finding.shown.column)
    junctions = devices.junctions
    state = junctions.state[cell]
    ohms = junctions.r_p[cell] * (1 + state * junctions.tmr0[cell])
    assert GAIN * VOLTS / ohms == pytest.approx(given["threshold"] + given["offset"], rel=1e-3)
    assert given["threshold"] != pytest.approx(found.threshold, rel=1e-4)


def test_the_margin_of_a_read_without_deviations_is_the_nominal_one():
    one = layout(5, 4, wire=Line(resistance=20, end=50), die=EVERY, read=2, position=1)
    worst = worst_reads(one, FITTED)
    found = margins(one, FITTED, worst, None)
    for at in found.worst_of_sides:
        size = sum(sources(one, None).values())
        assert sources(one, None)["reference cells"] == 2 * 2 * 5
        margin = read_margin(one, FITTED, worst, at, found.threshold)
        expected = found.of_sides[("low", "high").index(at[0]), at[1], at[2]]
        assert float(margin(torch.zeros((1, size), dtype=torch.float64))) == pytest.approx(
            expected, rel=1e-9
        )
    plain = one.replace(sense=Sensing())
    assert "reference cells" not in sources(plain, None)


# Read-outs, sizes, words


def test_a_latch_is_compared_with_what_its_load_makes_of_reference_cells():
    one = layout(2, 2, periphery=SenseAmplifier(load=2000, threshold=0.3))
    (first, *_) = nominal_thresholds(one, FITTED)
    expected = np.mean([2000 * VOLTS / (2000 + ohms) for ohms in (OHMIC.r_p, OHMIC.r_ap)])
    # Cells of the row that rests take some of the current to ground.
    assert 0.5 * expected < first < expected
    assert first == pytest.approx(
        np.mean([_loaded(ohms, states) for ohms, states in _resting(one)]), rel=1e-6
    )


def _resting(one: Layout):
    """The driven cell of either reference line, and the cell of the row that rests."""
    for states in reference_states(one):
        own = [OHMIC.r_ap if s else OHMIC.r_p for s in states[:, one.reference_column]]
        yield own[0], own[1]


def _loaded(driven: float, resting: float) -> float:
    return VOLTS / driven / (1 / driven + 1 / resting + 1 / 2000)


def test_other_sizes_have_their_reference_lines_in_proportion():
    one = layout(8, 9, position=4)
    assert of_size(one, 16).reference_column == round(4 / 8 * 17)
    assert of_size(one, 2).reference_column in (0, 1)
    assert of_size(layout(8, 9), 16).reference_column == 17


def test_page_and_terminal_say_what_the_threshold_is():
    one = layout(4, 3, pairs=2, position=1)
    worst = worst_reads(one, FITTED)
    found = margins(one, FITTED, worst, None)
    words = "threshold from reference cells in column 1, 2 pairs, with their own spread"
    (finding,) = margin_findings(one, nominal_condition(one), found, worst)
    assert finding.where.endswith(words)
    assert words[1:] in threshold_notes(one, _lines(found))[0]


def _lines(found):
    from mtjspice.layout.findings import LineMargins  # noqa: PLC0415, for one test
    from mtjspice.layout.quantities import Condition  # noqa: PLC0415, for one test

    condition = Condition("tt", 1.0, 27.0)
    lines = found.of_lines
    return LineMargins(lines, lines, condition, found.worst[2], found.threshold, 0.0)


# What is refused


TEXT = (
    'name = "small"\n[crossbar]\nrows = 4\ncolumns = 3\n'
    '[periphery]\nkind = "transimpedance"\n[sense]\n'
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            'threshold = "reference"\n[sense.reference]\nposition = 3',
            ("sense.reference.position (3)", "at most 2", "crossbar.columns (3)"),
        ),
        (
            'threshold = "reference"\n[sense.reference]\npairs = 0',
            ("sense.reference.pairs", "0", "from 1 to 64"),
        ),
        (
            'threshold = "reference"\n[sense.reference]\nposition = -1',
            ("sense.reference.position", "-1", "from 0"),
        ),
        (
            "[sense.reference]\npairs = 2",
            ("sense", "reference must be left out", '"fixed"', 'threshold = "reference"'),
        ),
        (
            'threshold = "tracking"\n[sense.reference]\npairs = 2',
            ("sense", "reference must be left out", '"tracking"', 'threshold = "reference"'),
        ),
        ('threshold = "replica"', ("sense.threshold", "replica", "fixed", "tracking", "reference")),
    ],
)
def test_reference_cells_that_cannot_be_are_refused(text, words):
    with pytest.raises(InputError) as caught:
        parse_spec(f"{TEXT}{text}\n", Layout)
    for word in words:
        assert word in str(caught.value)


def test_reference_cells_read_back_as_they_were_written():
    one = layout(4, 3, position=1, pairs=2)
    assert parse_spec(format_spec(one), Layout) == one
    bare = parse_spec(f'{TEXT}threshold = "reference"\n', Layout)
    assert bare.reference_column == 2
    assert bare.sense.cells == ReferenceCells()
    assert bare.replace(sense=Sensing()).reference_column is None


def test_layouts_without_reference_cells_keep_their_key():
    assert "reference" not in Sensing(threshold="tracking").model_dump()


def test_the_read_out_of_a_reference_line_may_clip():
    clipping = TransimpedanceAmplifier(gain=GAIN, clip_low=-(P + AP) / 2, input_resistance=0)
    one = layout(2, 2, periphery=clipping)
    most = float(sense_volts(one, torch.tensor(1.0, dtype=torch.float64)))
    (first, *_) = nominal_thresholds(one, FITTED)
    assert first == pytest.approx((most + AP) / 2, rel=1e-6)
