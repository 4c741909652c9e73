"""Dies drawn from a distribution: each with its own spread and its own defects."""

import numpy as np

from mtjspice.spec.defects import DEFECTS, OF_JUNCTION, Bridged, Cut, kinds_that
from mtjspice.spec.die import Defect, Die
from mtjspice.spec.rates import DefectRates


def draw_dies(
    die: Die, rates: DefectRates, shape: tuple[int, int], tiles: int, count: int, seed: int
) -> tuple[Die, ...]:
    """`count` dies; the first of them do not depend on how many are drawn.

    Args:
        die: the widths of its spread, and the resistances of shorts and bridges, are those of all.
        rates: of defects.
        shape: rows and columns of a tile.
        tiles: of a die.
        count: of dies.
        seed: of the draw.

    Example:
        >>> from mtjspice import DefectRates, Die, draw_dies
        >>> drawn = draw_dies(Die(), DefectRates(), (25, 25), tiles=32, count=2, seed=7)
        >>> [len(die.shorts()) for die in drawn]
        [22, 23]
    """
    return tuple(draw_die(die, rates, shape, tiles, seed, index) for index in range(count))


def draw_die(
    die: Die, rates: DefectRates, shape: tuple[int, int], tiles: int, seed: int, index: int = 0
) -> Die:
    """One die, as `draw_dies`.

    A die keeps the shorts that it has when their rate grows, and the other defects of junctions
    when theirs do, unless they become one that goes first, as `DefectRates` orders them. A
    junction on a dead line may be defective besides.

    Args:
        die: as in `draw_dies`.
        rates: of defects.
        shape: rows and columns of a tile.
        tiles: of the die.
        seed: of the draw.
        index: which of the dies of that seed.
    """
    own = int(np.random.default_rng([seed, index, 0]).integers(2**62))
    found = [
        *_junctions(rates, (tiles, *shape), np.random.default_rng([seed, index, 1])),
        *_dead(rates, shape, tiles, np.random.default_rng([seed, index, 2])),
        *_bridged(rates, shape, tiles, np.random.default_rng([seed, index, 3])),
    ]
    return die.replace(seed=own, defects=tuple(found))


def _junctions(
    rates: DefectRates, shape: tuple[int, int, int], chance: np.random.Generator
) -> list[Defect]:
    free = np.ones(shape, dtype=np.bool_)
    found: list[Defect] = []
    for kind in OF_JUNCTION:
        hit = free & (chance.random(shape) < getattr(rates, DEFECTS[kind].rate))
        free &= ~hit
        found += [
            Defect(kind=kind, tile=int(tile), row=int(row), column=int(column))
            for tile, row, column in np.argwhere(hit)
        ]
    return found


def _dead(
    rates: DefectRates, shape: tuple[int, int], tiles: int, chance: np.random.Generator
) -> list[Defect]:
    """Dead lines; the rate of a tile is half for rows and half for columns."""
    found: dict[tuple[str, int, int], Defect] = {}
    shared = rates.tiles_per_row, rates.tiles_per_column
    for kind, lines, group in zip(kinds_that(Cut), shape, shared, strict=True):
        for first in range(0, tiles, group):
            for line in chance.integers(0, lines, chance.poisson(rates.dead_lines / 2)):
                for tile in range(first, min(first + group, tiles)):
                    (axis,) = DEFECTS[kind].place
                    defect = Defect.model_validate({"kind": kind, "tile": tile, axis: int(line)})
                    found[kind, tile, int(line)] = defect
    return list(found.values())


def _bridged(
    rates: DefectRates, shape: tuple[int, int], tiles: int, chance: np.random.Generator
) -> list[Defect]:
    """Neighbouring lines that are shorted, somewhere along them; rates as of dead lines."""
    found: dict[tuple[str, int, int], Defect] = {}
    for axis, kind in enumerate(kinds_that(Bridged)):
        if shape[axis] < 2:
            continue
        for tile in range(tiles):
            for _ in range(chance.poisson(rates.bridged_lines / 2)):
                place = [int(chance.integers(size)) for size in shape]
                place[axis] = int(chance.integers(shape[axis] - 1))
                row, column = place
                found[kind, tile, place[axis]] = Defect(
                    kind=kind, tile=tile, row=row, column=column
                )
    return list(found.values())
