"""What a calibration says of all tiles like those of its plan, against many more of them.

Many tiles of each kind that a plan draws are read by the shipped cards and by the nodal solver,
whose difference stands for the error (ngspice would take hours). They are the population: plans of
a few of them are drawn, and what each says of all is held against what is true of all. Tiles with
defects are the hard ones, as few of them have nearly all of the error. Some minutes; quick: half of
one, on the smaller card.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from mtjspice.calibrate.held import largest_bound, rms_interval, share_that_keeps
from mtjspice.calibrate.plan import CLUSTERED, DEFECTIVE, NEW_TILES, SHORTED, make_plan
from mtjspice.spec import Experiment
from mtjspice.surrogate.card import Card, load_card, nominal_full_scale
from mtjspice.surrogate.model import Surrogate
from mtjspice.surrogate.programmed import solved
from mtjspice.verdicts.figures import Figure, at_least

Floats = npt.NDArray[np.float64]
GROUPS = (NEW_TILES, DEFECTIVE, SHORTED, CLUSTERED)
PLANS = (4, 6, 8, 16, 40)
"""Tiles of a plan."""
SURE = 0.99
TILES, QUICK_TILES, DRAWN, QUICK_DRAWN = 100, 40, 1000, 200
VECTORS = 60
LIMITS = (0.5, 0.8, 0.95)
"""Shares of the tiles that keep a limit on their RMS error."""


def figures(quick: bool) -> Sequence[Figure]:
    """Coverage of the interval of RMS errors and of the share of tiles, a card and kind each."""
    torch.set_num_threads(1)
    tiles, times = (QUICK_TILES, QUICK_DRAWN) if quick else (TILES, DRAWN)
    found = []
    for name in ("passive15",) if quick else ("passive15", "die20k"):
        card = load_card(name)
        for group in GROUPS:
            squares = mean_squares(card, group, tiles)
            found += [_of_intervals(card, group, squares, times), _of_shares(card, group, squares)]
    return found


def mean_squares(card: Card, group: str, tiles: int) -> Floats:
    """Of surrogate less nodal solver, for so many tiles of a kind, shares of full scale."""
    plan = card.circuit.plan.replace(
        held_vectors=VECTORS,
        held_tiles=tiles,
        defective_tiles=tiles,
        short_tiles=tiles,
        clustered_tiles=tiles,
        sizes=(),
    )
    runs = [run for run in make_plan(card.circuit.replace(plan=plan)) if run.group == group]
    surrogate = Surrogate(card)
    return np.array([_mean_square(card, surrogate, run.experiment) for run in runs])


def _mean_square(card: Card, surrogate: Surrogate, experiment: Experiment) -> float:
    crossbar = experiment.crossbar
    unit = nominal_full_scale(crossbar.cell.mtj, crossbar.rows, card.circuit.read_voltage)
    volts = torch.from_numpy(experiment.stimulus.volts.copy())[None]
    with torch.no_grad():
        programmed = surrogate.program([experiment])
        error = surrogate(volts, programmed) - solved(surrogate.array([experiment]), volts)
    return float((error / unit).square().mean())


def _of_intervals(card: Card, group: str, squares: Floats, times: int) -> Figure:
    """How often the interval of the RMS error holds that of all, for the worst size of a plan."""
    most, chance = largest_bound(card), np.random.default_rng(1)
    assert most is not None
    truth = float(squares.mean()) ** 0.5
    shares, highs = [], []
    for tiles in PLANS:
        found = [rms_interval(chance.choice(squares, tiles), most**2, SURE) for _ in range(times)]
        shares.append(sum(one.low <= truth <= one.high for one in found) / times)
        highs.append(f"{float(np.median([one.high for one in found])):.1e}")
    how = (
        f"{times} plans each of {', '.join(map(str, PLANS))} tiles, of {squares.size} whose "
        f"RMS error is {truth:.1e} of full scale (median tile {np.median(squares) ** 0.5:.1e}, "
        f"largest {squares.max() ** 0.5:.1e}); usual upper ends {', '.join(highs)}"
    )
    return at_least(f"{card.name}, {group}: intervals that hold the RMS error of all tiles",
                    min(shares), SURE, "share", how)  # fmt: skip


def _of_shares(card: Card, group: str, squares: Floats) -> Figure:
    """How often as many tiles keep a limit as a plan says, for the worst limit and size."""
    chance, times, shares = np.random.default_rng(2), 20_000, []
    for part in LIMITS:
        kept = squares <= np.quantile(squares, part)
        for tiles in PLANS:
            counts = chance.binomial(tiles, kept.mean(), times)
            said = np.array([share_that_keeps(n, tiles, SURE) for n in range(tiles + 1)])
            shares.append(float((said[counts] <= kept.mean()).mean()))
    least = SURE - 3 * (SURE * (1 - SURE) / times) ** 0.5
    how = f"{times} plans each of {', '.join(map(str, PLANS))} tiles, limits that {LIMITS} keep"
    return at_least(f"{card.name}, {group}: statements on the share of tiles that are true",
                    min(shares), least, "share", how)  # fmt: skip
