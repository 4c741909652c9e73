"""The search for worst patterns, against all patterns of small arrays and against closed forms."""

import functools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from mtjspice.calibrate.plan import cross
from mtjspice.layout import circuit, read, sense
from mtjspice.layout.access import Fitted
from mtjspice.layout.circuit import Reads, blocks, nominal_condition
from mtjspice.layout.patterns import (
    ALL_EXACT,
    Found,
    best_start,
    named_patterns,
    search,
)
from mtjspice.solver.access import AccessModel
from mtjspice.spec import Crossbar, GatedCell, Line, Mtj, PassiveCell, TransimpedanceAmplifier
from mtjspice.spec.layout import Layout, Reading, Sensing

SHAPE = (4, 4)
EVERY = (np.arange(2**16)[:, None] >> np.arange(16) & 1).reshape(-1, *SHAPE).astype(np.uint8)
CHUNK = 2**13
CLOSE = 1e-9
"""Share of the largest value that the search may miss."""
VOLTS = 0.2

ACCESS = AccessModel(
    resistance=(((900.0, 60.0), (80.0, 5.0)), ((900.0, 60.0), (-50.0, 3.0))),
    sensitivity=((((400.0, 30.0), (20.0, 0.0)), ((400.0, 30.0), (-15.0, 0.0))),),
    current_scale=5e-5,
    potential_scale=0.05,
    threshold_sigma=(5e-3,),
)
"""About 900 Ω, a little more with current, and different for its two signs."""


def layout(rows_read: int | None = None, **crossbar) -> Layout:
    return Layout(
        name="small",
        crossbar=Crossbar(
            rows=SHAPE[0],
            columns=SHAPE[1],
            row=Line(resistance=60, end=100),
            column=Line(resistance=40, end=80),
            **crossbar,
        ),
        periphery=TransimpedanceAmplifier(gain=2e3, input_resistance=200),
        read=Reading(voltage=VOLTS, rows=rows_read),
    )


@dataclass(frozen=True)
class Case:
    """A layout with every pattern read in every block.

    Attributes:
        current: [block][pattern, scale, column], A, at the scales 1 and 1/2.
        share: [block][pattern, driven row, column], of the read voltage over the cells.
    """

    layout: Layout
    fitted: Fitted
    current: Sequence[np.ndarray]
    share: Sequence[np.ndarray]


@contextmanager
def solved_exactly() -> Iterator[None]:
    """Judge patterns better than to the 1e-7 that searches work with: many are alike."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(circuit, "TOLERANCE", 1e-9)
        yield


LINEAR = PassiveCell(mtj=Mtj(v_half=2.0))
"""Nearly: Newton's method arrives soon."""
CASES = {
    "wires": (layout(), None),
    "floating": (layout(rows_read=2, unselected="floating", cell=LINEAR), None),
    "gated": (layout(cell=GatedCell()), ACCESS),
}


SLOW = {"floating": pytest.mark.slow}
"""What Newton's method takes a minute for."""


@pytest.fixture(
    scope="module", params=[pytest.param(name, marks=SLOW.get(name, ())) for name in CASES]
)
def case(request) -> Case:
    one, access = CASES[request.param]
    states = torch.from_numpy(EVERY.astype(np.float64))
    currents, shares = [], []
    for driven in blocks(one):
        reads = Reads.of(one, access, driven, (1.0, 0.5))
        with torch.no_grad(), solved_exactly():
            answers = [reads.answer(reads.array(few)) for few in torch.split(states, CHUNK)]
        currents.append(torch.cat([a.current for a in answers]).numpy())
        volts = torch.cat([a.cell_volts[:, 0] for a in answers]).numpy()
        shares.append(volts[:, list(driven)] / VOLTS)
    return Case(one, Fitted(access, 1e-5), currents, shares)


def of_all(case: Case) -> dict[str, float]:
    """The worst of each measure over all patterns, blocks, cells and columns."""
    mtj, worst = case.layout.crossbar.cell.mtj, {}
    whole = case.layout.rows_read * VOLTS / mtj.r_p
    for driven, current, share in zip(blocks(case.layout), case.current, case.share, strict=True):
        siemens = np.where(EVERY == 0, 1 / mtj.r_p, 1 / mtj.r_ap)
        ideal = VOLTS * siemens[:, list(driven)].sum(axis=1)
        of_block = {
            "ir_drop": 1 - share,
            "current_error": np.abs(current[:, 0] - ideal) / whole,
            "nonlinearity": np.abs(current[:, 1] - current[:, 0] / 2) / whole,
        }
        for name, value in of_block.items():
            worst[name] = max(worst.get(name, 0.0), float(value.max()))
    return worst


def tuned_of_all(case: Case) -> float:
    """The worst error after the gain that brings some random patterns closest to the product."""
    mtj, worst = case.layout.crossbar.cell.mtj, 0.0
    siemens = np.where(EVERY == 0, 1 / mtj.r_p, 1 / mtj.r_ap)
    for driven, current in zip(blocks(case.layout), case.current, strict=True):
        ideal = VOLTS * siemens[:, list(driven)].sum(axis=1)
        with solved_exactly():
            gain = read.common_gain(Reads.of(case.layout, case.fitted.access, driven))
        worst = max(worst, float(np.abs(gain * current[:, 0] - ideal).max()))
    return worst / (case.layout.rows_read * VOLTS / mtj.r_p)


def test_the_pattern_found_is_as_bad_as_all_patterns_of_a_small_array(case):
    patterns = read.worst_patterns(case.layout, case.fitted)
    nominal = nominal_condition(case.layout)
    with solved_exactly():
        findings = read.read_findings(case.layout, nominal, case.fitted, patterns)
    found = {finding.quantity: finding.value for finding in findings}
    expected = of_all(case) | {"tuned_error": tuned_of_all(case)}
    assert found.keys() == expected.keys()
    for name, largest in expected.items():
        assert found[name] >= (1 - CLOSE) * largest, name
        assert found[name] <= (1 + CLOSE) * largest, name


def test_the_patterns_that_people_guess_are_not_the_worst(case):
    # Else the tests above could pass without any search.
    nominal = nominal_condition(case.layout)
    findings = read.read_findings(case.layout, nominal, case.fitted, named_patterns(SHAPE))
    guessed = {finding.quantity: finding.value for finding in findings}
    expected = of_all(case)
    assert any(guessed[name] < 0.999 * largest for name, largest in expected.items())


def hardest_of_all(one: Layout, case: Case) -> np.ndarray:
    """Of all patterns: largest voltage of a low line, smallest of a high one, [side, block, line].

    Low is a line with at most `boundary` P cells among the driven rows, high one with more.
    """
    sides = np.empty((2, len(case.current), SHAPE[1]))
    for block, driven in enumerate(blocks(one)):
        volts = one.periphery.gain * case.current[block][:, 0]
        low = (EVERY[:, list(driven)] == 0).sum(axis=1) <= one.boundary
        sides[0, block] = np.where(low, volts, -np.inf).max(axis=0)
        sides[1, block] = np.where(low, np.inf, volts).min(axis=0)
    return sides


@functools.cache
def found_hardest(one: Layout, fitted: Fitted) -> tuple[sense.Margins, tuple[sense.Worst, ...]]:
    worst = sense.worst_reads(one, fitted)
    with solved_exactly():
        return sense.margins(one, fitted, worst, None), worst


def boundaries(case: Case) -> Iterator[tuple[int, Layout]]:
    """Every number of P cells that a low line may have at most, and the layout with it."""
    for boundary in range(case.layout.rows_read):
        yield boundary, case.layout.replace(sense=Sensing(boundary=boundary))


def test_the_smallest_margin_is_that_of_all_patterns_of_a_small_array(case):
    for boundary, one in boundaries(case):
        low, high = hardest_of_all(one, case)
        found, _ = found_hardest(one, case.fitted)
        smallest = (high.min() - low.max()) / 2
        assert found.low.max() == pytest.approx(low.max(), rel=CLOSE), boundary
        assert found.high.min() == pytest.approx(high.min(), rel=CLOSE), boundary
        assert found.of_lines.min() == pytest.approx(smallest, rel=1e-6), boundary


def test_every_line_of_every_block_has_the_hardest_read_of_all_patterns(case):
    for boundary, one in boundaries(case):
        low, high = hardest_of_all(one, case)
        found, _ = found_hardest(one, case.fitted)
        assert found.low == pytest.approx(low, rel=CLOSE), boundary
        assert found.high == pytest.approx(high, rel=CLOSE), boundary


def test_the_hardest_reads_have_the_number_of_p_cells_of_their_side(case):
    for boundary, one in boundaries(case):
        _, worst = found_hardest(one, case.fitted)
        for side, count in zip(worst, (boundary, boundary + 1), strict=True):
            for driven, states in zip(blocks(one), side.states, strict=True):
                own = np.stack([states[line, list(driven), line] for line in range(SHAPE[1])])
                assert ((own == 0).sum(axis=1) == count).all(), (boundary, side.side)


def test_a_quick_search_is_at_most_as_bad_and_no_better_than_the_guesses():
    one, fitted = CASES["wires"][0], Fitted(None, 1e-5)
    nominal = nominal_condition(one)
    values = [
        {f.quantity: f.value for f in read.read_findings(one, nominal, fitted, patterns)}
        for patterns in (
            named_patterns(SHAPE),
            read.worst_patterns(one, fitted, thorough=False),
            read.worst_patterns(one, fitted),
        )
    ]
    for name in read.MEASURES:
        guessed, quick, thorough = (of_one[name] for of_one in values)
        assert guessed <= quick <= thorough * (1 + CLOSE), name


# The search itself, on objectives whose best pattern is known


def linear(weights: np.ndarray):
    """Σ weight·state; one matrix a target."""
    of_targets = torch.from_numpy(weights)

    def objective(states, which):
        return (of_targets[which] * states).sum((1, 2))

    return objective


def quadratic(seed: int, cells: int):
    """Random pairwise couplings: many local optima."""
    couplings = torch.from_numpy(np.random.default_rng(seed).normal(size=(cells, cells)))

    def objective(states, which):
        spins = 1 - 2 * states.flatten(1)
        return torch.einsum("ti,ij,tj->t", spins, couplings, spins) * (1 + which)

    return objective


def valued(objective, found: Found, targets: Sequence[int]) -> np.ndarray:
    states = torch.from_numpy(found.states.astype(np.float64))
    return objective(states, torch.tensor(list(targets))).numpy()


@pytest.mark.parametrize("shape", [(3, 5), (20, 21)])
def test_every_target_of_a_sum_gets_its_own_best_pattern(shape):
    weights = np.random.default_rng(1).normal(size=(3, *shape))
    starts = np.random.default_rng(2).integers(0, 2, (6, *shape)).astype(np.uint8)
    targets = [0, 1, 2, 0, 1, 2]
    found = search(linear(weights), starts, targets)
    assert (found.states == (weights[targets] > 0)).all()
    best = np.where(weights > 0, weights, 0).sum(axis=(1, 2))
    assert found.values == pytest.approx(best[targets])
    assert found.best == int(np.argmax(best[targets]))


@pytest.mark.parametrize("shape", [(4, 6), (12, 10)])
def test_cells_that_are_swapped_keep_their_number_and_take_the_best_places(shape):
    chance = np.random.default_rng(3)
    weights = chance.normal(size=(1, *shape))
    starts = chance.integers(0, 2, (5, *shape)).astype(np.uint8)
    held = np.zeros(starts.shape, dtype=bool)
    held[:, :, 1] = True
    held[2, 0, :] = True
    found = search(linear(weights), starts, [0] * 5, held)
    for k, (start, states, own) in enumerate(zip(starts, found.states, held, strict=True)):
        assert (states[own] == 0).sum() == (start[own] == 0).sum(), k
        ones = int(start[own].sum())
        assert weights[0][own][states[own] == 1].sum() == pytest.approx(
            np.sort(weights[0][own])[::-1][:ones].sum()
        )
        assert (states[~own] == (weights[0][~own] > 0)).all()


@pytest.mark.parametrize("shape", [(3, 4), (9, 10)])
@pytest.mark.parametrize("seed", range(4))
def test_a_search_never_returns_less_than_its_starts(shape, seed):
    cells = shape[0] * shape[1]
    objective = quadratic(seed, cells)
    chance = np.random.default_rng([seed, 5])
    starts = chance.integers(0, 2, (6, *shape)).astype(np.uint8)
    targets = [0, 0, 1, 1, 2, 2]
    held = chance.random(starts.shape) < 0.3
    before = starts.copy()
    found = search(objective, starts, targets, held)
    assert (starts == before).all()
    at_start = valued(objective, Found(starts, np.zeros(6), 0), targets)
    assert (found.values >= at_start).all()
    assert (found.values > at_start).any()
    assert found.values == pytest.approx(valued(objective, found, targets), rel=1e-12)
    kept = [(found.states[k][held[k]] == 0).sum() for k in range(6)]
    assert kept == [(starts[k][held[k]] == 0).sum() for k in range(6)]


def test_no_single_flip_betters_what_is_found_in_a_small_array():
    cells = 24
    assert cells <= ALL_EXACT
    objective = quadratic(11, cells)
    starts = np.random.default_rng(12).integers(0, 2, (3, 4, 6)).astype(np.uint8)
    found = search(objective, starts, [0, 0, 0])
    for states, value in zip(found.states, found.values, strict=True):
        flips = np.eye(cells, dtype=np.uint8).reshape(cells, 4, 6) ^ states
        tried = valued(objective, Found(flips, np.zeros(cells), 0), [0] * cells)
        assert (tried <= value + 1e-9 * abs(value)).all()


def test_a_pattern_that_is_the_best_already_is_returned():
    weights = np.random.default_rng(4).normal(size=(1, 5, 5))
    best = (weights > 0).astype(np.uint8)
    found = search(linear(weights), best, [0])
    assert (found.states == best).all()
    assert found.solved > 1


def test_the_best_start_is_told_by_its_own_target():
    weights = np.stack([np.ones((2, 2)), -np.ones((2, 2))])
    starts = np.stack([np.zeros((2, 2)), np.eye(2), np.ones((2, 2))]).astype(np.uint8)
    states, targets = best_start(linear(weights), starts, [0, 0, 1])
    assert targets == [0]
    assert (states == np.eye(2)).all()
    states, targets = best_start(linear(weights), starts, [1, 1, 0])
    assert targets == [0]
    assert (states == 1).all()


# Names


def test_a_pattern_found_that_has_a_name_already_is_that_one():
    named = named_patterns((3, 3))
    other = cross((3, 3), 1, None)
    found = {
        "ir_drop": named["all P"].copy(),
        "current_error": other,
        "tuned_error": other.copy(),
        "nonlinearity": named["checkerboard"].copy(),
    }
    together = read._together(named, found)
    words = {
        "all P; worst IR drop": named["all P"],
        "all AP": named["all AP"],
        "checkerboard; worst nonlinearity": named["checkerboard"],
        "worst error; worst error after gain": other,
    }
    assert list(together) == list(words)
    assert all((together[name] == states).all() for name, states in words.items())


def test_patterns_that_are_equal_in_a_tiny_array_keep_all_their_names():
    # In a single cell the checkerboard is P.
    together = read._together(named_patterns((1, 1)), {})
    assert sorted("; ".join(together).split("; ")) == ["all AP", "all P", "checkerboard"]
    assert len(together) == 2


def test_named_patterns_are_what_their_names_say():
    named = named_patterns((3, 2))
    assert (named["all P"] == 0).all()
    assert (named["all AP"] == 1).all()
    assert named["checkerboard"].tolist() == [[0, 1], [1, 0], [0, 1]]
    assert cross((3, 3), 0, 2).tolist() == [[0, 0, 0], [1, 1, 0], [1, 1, 0]]
    assert cross((2, 2), None, None).tolist() == [[1, 1], [1, 1]]


# What is measured


def test_the_voltage_map_holds_the_smallest_share_over_the_blocks_that_drive_a_row(case):
    some = np.random.default_rng(6).choice(len(EVERY), 5, replace=False)
    measured = read.measure(case.layout, case.fitted, EVERY[some])
    expected = np.full((5, *SHAPE), np.inf)
    for driven, share in zip(blocks(case.layout), case.share, strict=True):
        rows = list(driven)
        expected[:, rows] = np.minimum(expected[:, rows], share[some])
    assert measured.delivered == pytest.approx(expected, rel=1e-6)
    assert measured.values["ir_drop"] == pytest.approx(1 - expected.min(axis=(1, 2)), rel=1e-6)


def test_rows_that_no_block_drives_have_no_voltage_on_the_map():
    one = layout(rows_read=1)  # far, middle and near: row 2 is none of them
    driven = {row for block in blocks(one) for row in block}
    assert driven == {0, 1, 3}
    measured = read.measure(one, Fitted(None, 1e-5), EVERY[:2])
    assert np.isnan(measured.delivered[:, 2]).all()
    assert not np.isnan(measured.delivered[:, [0, 1, 3]]).any()


def test_the_place_of_a_finding_is_where_its_value_is(case):
    patterns = {"one": EVERY[0x1234], "two": EVERY[0xF00F]}
    nominal = nominal_condition(case.layout)
    findings = read.read_findings(case.layout, nominal, case.fitted, patterns)
    drop = next(f for f in findings if f.quantity == "ir_drop")
    states = drop.experiment.tile.states
    driven = drop.experiment.driven_rows
    k = int((states == EVERY).all(axis=(1, 2)).argmax())
    share = case.share[blocks(case.layout).index(driven)][k]
    row, column = np.unravel_index(share.argmin(), share.shape)
    assert drop.value == pytest.approx(1 - share.min(), rel=1e-6)
    assert f"row {driven[row]}, column {column}," in drop.where
    assert ("one" if k == 0x1234 else "two") in drop.where
