"""Dies drawn from a distribution: each with its own spread and its own defects."""

import numpy as np

from mtjspice.spec.die import Defect, DefectKind, Die
from mtjspice.spec.rates import DefectRates

LINES: tuple[tuple[DefectKind, DefectKind], ...] = (
    ("dead_row", "bridged_rows"),
    ("dead_column", "bridged_columns"),
)


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
    """
    return tuple(draw_die(die, rates, shape, tiles, seed, index) for index in range(count))


def draw_die(
    die: Die, rates: DefectRates, shape: tuple[int, int], tiles: int, seed: int, index: int = 0
) -> Die:
    """One die, as `draw_dies`.

    One number decides on the fate of a junction, so that a die keeps the defects that it has when
    a rate grows. A junction on a dead line may be defective besides.

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
        *_lines(rates, shape, tiles, np.random.default_rng([seed, index, 2])),
    ]
    return die.replace(seed=own, defects=tuple(found))


def _junctions(
    rates: DefectRates, shape: tuple[int, int, int], chance: np.random.Generator
) -> list[Defect]:
    fate = chance.random(shape)
    # Shorts grow from one end and stuck junctions from the other: neither rate moves the other's.
    first, second = rates.short, rates.short + rates.open
    last = 1 - rates.stuck_p
    where: tuple[tuple[DefectKind, np.ndarray[tuple[int, ...], np.dtype[np.bool_]]], ...] = (
        ("short", fate < first),
        ("open", (fate >= first) & (fate < second)),
        ("stuck_p", fate >= last),
        ("stuck_ap", (fate < last) & (fate >= last - rates.stuck_ap)),
    )
    return [
        Defect(kind=kind, tile=int(tile), row=int(row), column=int(column))
        for kind, mask in where
        for tile, row, column in np.argwhere(mask)
    ]


def _lines(
    rates: DefectRates, shape: tuple[int, int], tiles: int, chance: np.random.Generator
) -> list[Defect]:
    """Dead and bridged lines; the rate of a tile is half for rows and half for columns."""
    found: dict[tuple[str, int, int], Defect] = {}
    shared = rates.tiles_per_row, rates.tiles_per_column
    for (dead, bridged), lines, group in zip(LINES, shape, shared, strict=True):
        key = "row" if dead == "dead_row" else "column"
        for first in range(0, tiles, group):
            for line in chance.integers(0, lines, chance.poisson(rates.dead_lines / 2)):
                for tile in range(first, min(first + group, tiles)):
                    defect = Defect(kind=dead, tile=tile, **{key: int(line)})
                    found[dead, tile, int(line)] = defect
        if not rates.bridged_lines or lines < 2:
            continue
        for tile in range(tiles):
            for line in chance.integers(0, lines - 1, chance.poisson(rates.bridged_lines / 2)):
                place = {"row": int(chance.integers(shape[0])),
                         "column": int(chance.integers(shape[1]))}  # fmt: skip
                place[key] = int(line)
                found[bridged, tile, int(line)] = Defect(kind=bridged, tile=tile, **place)
    return list(found.values())
