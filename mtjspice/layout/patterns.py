"""The worst pattern of states, found by search.

What an array does to a cell or a line depends on all of its states, 2^(rows·columns) patterns. The
search climbs: one adjoint solve gives by how much each flip would change the objective to first
order; the flips that promise a gain are tried together, then the better half of them, and so on
down to the single best one, and the best trial is taken. Where no trial gains, the most promising
single flips are solved exactly, so that the pattern that is returned is better than its neighbours.
Several starts, among them the patterns that people guess, guard against local optima; against all
patterns of a 4 x 4 array it finds the best one (tests hold it to that).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mtjspice.layout.findings import Floats, States

Objective = Callable[[Tensor, Tensor], Tensor]
"""Values [tile] of states [tile, row, column] for the targets [tile]; differentiable."""
Moves = npt.NDArray[np.int64]
"""[move, 2] flat cells that a move flips; the second is `NOTHING` where it flips only one."""
STEPS = 60
"""Most steps of a climb; a dozen is usual."""
EXACT = 24
"""Single moves that are solved exactly where trials by the slopes no longer gain."""
ALL_EXACT = 64
"""Cells up to which all of them are."""
LEAST = 1e-12
"""A gain below this share of the value is rounding."""
FEW = 5
"""Held cells of either state, the most promising, of which every pair is tried alone."""
NOTHING = -1
"""In the place of the second cell of a move that has only one."""


@dataclass(frozen=True)
class Found:
    """The best pattern of each start.

    Attributes:
        states: uint8 [start, row, column].
        values: float64 [start].
        solved: patterns that were solved on the way.
    """

    states: States
    values: Floats
    solved: int

    @property
    def best(self) -> int:
        """Number of the best start."""
        return int(np.argmax(self.values))


def search(
    objective: Objective,
    starts: States,
    targets: Sequence[int],
    swapped: npt.NDArray[np.bool_] | None = None,
) -> Found:
    """Climb from each start to a pattern with a larger value.

    In a large array only the best start of each target goes on to moves one by one.

    Args:
        objective: what is to become large.
        starts: uint8 [start, row, column].
        targets: [start], handed to the objective.
        swapped: bool [start, row, column]: among these cells of a start P and AP only change
            places, so that their number stays; none if left out.
    """
    which = np.array(list(targets))
    held = np.zeros(starts.shape, dtype=np.bool_) if swapped is None else swapped
    first = _climb(objective, starts.astype(np.uint8), which, held, one_by_one=False)
    if starts[0].size <= ALL_EXACT:
        chosen = np.arange(len(starts))
    else:
        of_target = (np.flatnonzero(which == target) for target in np.unique(which))
        chosen = np.array([of_one[first.values[of_one].argmax()] for of_one in of_target])
    second = _climb(objective, first.states[chosen], which[chosen], held[chosen], one_by_one=True)
    states, values = first.states.copy(), first.values.copy()
    states[chosen], values[chosen] = second.states, second.values
    return Found(states, values, first.solved + second.solved)


def _climb(
    objective: Objective,
    starts: States,
    targets: npt.NDArray[np.int64],
    held: npt.NDArray[np.bool_],
    *,
    one_by_one: bool,
) -> Found:
    """Climb by moves together; and, where these gain nothing, by single moves."""
    states, which = starts.copy(), torch.from_numpy(targets)
    values, slopes = _valued(objective, states, which)
    alone = np.zeros(len(states), dtype=np.bool_)
    climbing, solved = np.arange(len(states)), len(states)
    for _ in range(STEPS):
        trials = [
            (_alone if alone[k] else _together)(states[k], slopes[k], held[k]) for k in climbing
        ]
        owner = np.repeat(climbing, [len(of_one) for of_one in trials])
        found = np.full(0, -np.inf)
        if owner.size:
            with torch.no_grad():
                tried = _tensor(np.concatenate(trials))
                found = objective(tried, which[torch.from_numpy(owner)]).numpy()
        solved += owner.size
        moved, at_end = [], []
        for k, of_one in zip(climbing, trials, strict=True):
            of_k = found[owner == k]
            if of_k.size and of_k.max() > values[k] + LEAST * abs(values[k]):
                states[k] = of_one[of_k.argmax()]
                moved.append(k)
            elif alone[k] or not one_by_one:
                at_end.append(k)
            alone[k] = k not in moved
        if moved:
            again = torch.tensor(moved)
            values[moved], slopes[moved] = _valued(objective, states[moved], which[again])
        climbing = np.setdiff1d(climbing, at_end)
        if not climbing.size:
            break
    return Found(states, values, solved)


def _valued(objective: Objective, states: States, which: Tensor) -> tuple[Floats, Floats]:
    """Values [start] and their slopes [start, row, column]."""
    given = _tensor(states).requires_grad_()
    values = objective(given, which)
    (slopes,) = torch.autograd.grad(values.sum(), given)
    return values.detach().numpy().copy(), slopes.numpy()


def _together(states: States, slopes: Floats, held: npt.NDArray[np.bool_]) -> States:
    """Patterns to try: all moves that promise a gain, the better half of them, and so on."""
    gain = (slopes * (1.0 - 2.0 * states)).ravel()
    rise, fall = _sides(states, held, gain)
    paired = min(rise.size, fall.size)
    pairs = np.stack([rise[:paired], fall[:paired]], axis=1)
    moves = _ranked(np.concatenate([_flips(held), pairs]), gain)
    promising = int((_promised(moves, gain) > 0).sum())
    sizes = [promising >> k for k in range(promising.bit_length())]
    tried = [_flipped(states, moves[:n]) for n in sizes]
    return np.array(tried, dtype=np.uint8).reshape(-1, *states.shape)


def _alone(states: States, slopes: Floats, held: npt.NDArray[np.bool_]) -> States:
    """Patterns to try: the most promising single moves, in a small array all of them."""
    gain = (slopes * (1.0 - 2.0 * states)).ravel()
    small = states.size <= ALL_EXACT
    rise, fall = (side[: states.size if small else FEW] for side in _sides(states, held, gain))
    pairs = np.stack(np.meshgrid(rise, fall), axis=-1).reshape(-1, 2)
    moves = _ranked(np.concatenate([_flips(held), pairs]), gain)
    if not small:  # what changes nothing at all, as a cell whose gate is off, is not tried
        moves = moves[_promised(moves, gain) != 0][:EXACT]
    tried = [_flipped(states, move) for move in moves]
    return np.array(tried, dtype=np.uint8).reshape(-1, *states.shape)


def _flips(held: npt.NDArray[np.bool_]) -> Moves:
    """A move for each free cell."""
    free = np.flatnonzero(~held.ravel())
    return np.stack([free, np.full_like(free, NOTHING)], axis=1)


def _sides(states: States, held: npt.NDArray[np.bool_], gain: Floats) -> tuple[Moves, Moves]:
    """The held cells that are P and those that are AP, flat, the most promising first."""
    cells = [np.flatnonzero(held.ravel() & (states.ravel() == state)) for state in (0, 1)]
    rise, fall = (of[np.argsort(-gain[of], kind="stable")] for of in cells)
    return rise, fall


def _promised(moves: Moves, gain: Floats) -> Floats:
    """What moves promise to first order."""
    each: Floats = np.where(moves == NOTHING, 0.0, gain[moves])
    return np.asarray(each.sum(axis=1))


def _ranked(moves: Moves, gain: Floats) -> Moves:
    """The most promising first."""
    return moves[np.argsort(-_promised(moves, gain), kind="stable")]


def _flipped(states: States, moves: Moves) -> States:
    flat = states.ravel().copy()
    cells = moves[moves != NOTHING]
    flat[cells] ^= 1
    return flat.reshape(states.shape)


def _tensor(states: States) -> Tensor:
    return torch.from_numpy(states.astype(np.float64))


def best_start(
    objective: Objective, starts: States, targets: Sequence[int]
) -> tuple[States, list[int]]:
    """The start with the largest value, alone, and its target."""
    with torch.no_grad():
        best = int(objective(_tensor(starts), torch.tensor(list(targets))).argmax())
    return starts[best : best + 1], [targets[best]]


def named_patterns(shape: tuple[int, int]) -> dict[str, States]:
    """The patterns that people look at first."""
    return {
        "all P": np.zeros(shape, dtype=np.uint8),
        "all AP": np.ones(shape, dtype=np.uint8),
        "checkerboard": np.asarray(np.indices(shape).sum(axis=0) % 2, dtype=np.uint8),
    }
