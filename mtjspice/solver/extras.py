"""What breaks the regularity of an array: lines that nothing holds, and bridges between lines.

A regular array has every line held at its terminal. Each exception adds one unknown y or two: the
potential of a line that nothing holds, or the current of a bridge. Then the voltages over the cells
are ``emf − K i − B y``, and each unknown has an equation of its own, ``Bᵀ i + E y = h``: no current
leaves a line that nothing holds; the ends of a bridge differ by its resistance times its current.
The whole matrix stays symmetric.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from mtjspice.solver.lines import Lines

Place = tuple[Literal["row", "column"], int]
"""A line: its direction and number."""
Ends = Literal["floating", "cut"]
"""A line that nothing holds: its terminal is free, or it is cut from its terminal."""


@dataclass(frozen=True)
class Irregular:
    """What one tile has besides a regular array.

    Attributes:
        loose: the lines that nothing holds.
        bridges: from line to line of the same direction, with the position on each.
    """

    loose: Mapping[Place, Ends] = field(default_factory=dict)
    bridges: tuple[tuple[Place, Place, int], ...] = ()


@dataclass(frozen=True)
class Extras:
    """The further unknowns of a batch of tiles, padded to the same number.

    Attributes:
        lowers_rows: [tile, unknown, row, column], by how much a unit lowers the input line there.
        raises_columns: the same shape, by how much it raises the output line.
        coupling: [tile, unknown, unknown], E.
        of_rows: [tile, unknown, row], h for one volt at the row's terminal.
        of_columns: [tile, unknown, column], h for one volt at the column's terminal; minus the
            current that a unit adds to the output.
        loose_rows: bool [tile, row], which rows nothing holds.
        loose_columns: bool [tile, column].
    """

    lowers_rows: Tensor
    raises_columns: Tensor
    coupling: Tensor
    of_rows: Tensor
    of_columns: Tensor
    loose_rows: Tensor
    loose_columns: Tensor

    @property
    def incidence(self) -> Tensor:
        """B, [tile, unknown, row, column]."""
        return self.lowers_rows + self.raises_columns


def make_extras(
    tiles: Sequence[Irregular], rows: Lines, columns: Lines, bridge: Tensor, shape: tuple[int, int]
) -> Extras | None:
    """The further unknowns of tiles; None where all of them are regular.

    Args:
        tiles: what is irregular in each.
        rows: input lines.
        columns: output lines.
        bridge: 0-d, resistance of a bridge, Ω.
        shape: (rows, columns).
    """
    lines = {"row": rows, "column": columns}
    found = [_unknowns(tile, lines, bridge, shape) for tile in tiles]
    count = max(map(len, found))
    if count == 0:
        return None
    parts = [
        _of_tile(unknowns, tile, lines, shape, count)
        for tile, unknowns in zip(tiles, found, strict=True)
    ]
    return Extras(*(torch.stack(part) for part in zip(*parts, strict=True)))


@dataclass(frozen=True)
class _Unknown:
    """One unknown: what a unit of it does.

    Attributes:
        raises: [position], by how much it raises each line that it acts on.
        injects: current that it puts into lines, with the position.
        own: what stands in its own equation, by the unknown that it multiplies (0: itself, 1: the
            next, −1: the one before).
    """

    raises: dict[Place, Tensor]
    injects: dict[Place, tuple[int, float]]
    own: dict[int, Tensor]


def _unknowns(
    tile: Irregular, lines: dict[str, Lines], bridge: Tensor, shape: tuple[int, int]
) -> list[_Unknown]:
    found = []
    for place, ends in tile.loose.items():
        line, cells = lines[place[0]], _cells(place, shape)
        whole = line.resistance(cells)
        if ends == "floating" or not line.both or float(whole.detach()) == 0:
            found.append(_Unknown({place: torch.ones(cells).to(bridge)}, {}, {0: 0 * bridge}))
            continue
        # Cut at both ends: in the circuit of a line with both terminals each has its own potential,
        # and what flows from the one to the other through the line is of no account.
        far = line.share(cells, bridge)
        found.append(_Unknown({place: 1 - far}, {}, {0: -1 / whole, 1: 1 / whole}))
        found.append(_Unknown({place: far}, {}, {0: -1 / whole, -1: 1 / whole}))
    for *ends_of, position in tile.bridges:
        raises, injects = {}, {}
        for place, amount in zip(ends_of, (-1.0, 1.0), strict=True):
            line = lines[place[0]]
            series = line.series.expand(shape[place[0] == "column"])[place[1]]
            raises[place] = amount * (line.impedance(_cells(place, shape))[position] + series)
            injects[place] = position, amount
        found.append(_Unknown(raises, injects, {0: bridge}))
    return found


def _of_tile(
    unknowns: list[_Unknown],
    tile: Irregular,
    lines: dict[str, Lines],
    shape: tuple[int, int],
    count: int,
) -> tuple[Tensor, ...]:
    """The tensors of `Extras` for one tile."""
    like = lines["row"].wire
    grids: dict[str, list[Tensor]] = {"row": [], "column": []}
    of = {"row": like.new_zeros(count, shape[0]), "column": like.new_zeros(count, shape[1])}
    loose = {
        "row": torch.zeros(shape[0]).to(like) > 0,
        "column": torch.zeros(shape[1]).to(like) > 0,
    }
    for direction, number in tile.loose:
        loose[direction][number] = True
    coupling: list[list[Tensor]] = [
        [like.new_zeros(()) for _ in range(count)] for _ in range(count)
    ]
    for f in range(count):
        if f >= len(unknowns):
            coupling[f][f] = like.new_ones(())  # padding: y = 0
        one = unknowns[f] if f < len(unknowns) else _Unknown({}, {}, {})
        for direction in ("row", "column"):
            grids[direction].append(_on_grid(one, direction, shape, like))
        for step, value in one.own.items():
            coupling[f][f + step] = coupling[f][f + step] + value
        for place, (position, amount) in one.injects.items():
            of[place[0]][f, place[1]] = -amount
            for g, other in enumerate(unknowns):
                if place in other.raises:
                    value = amount * other.raises[place][position]
                    coupling[f][g] = coupling[f][g] + value
                    if not other.injects:
                        coupling[g][f] = coupling[g][f] + value
    return (
        -torch.stack(grids["row"]),
        torch.stack(grids["column"]),
        torch.stack([torch.stack(line) for line in coupling]),
        of["row"],
        of["column"],
        loose["row"],
        loose["column"],
    )


def _on_grid(one: _Unknown, direction: str, shape: tuple[int, int], like: Tensor) -> Tensor:
    """[row, column]: by how much a unit raises the lines of one direction at each cell."""
    grid = like.new_zeros(shape)
    for (of, number), profile in one.raises.items():
        if of != direction:
            continue
        where = like.new_zeros(shape[direction == "column"])
        where[number] = 1.0
        # Position 0 of a row is column 0; position 0 of a column is the last row.
        grid = grid + (
            where[:, None] * profile if direction == "row" else profile.flip(0)[:, None] * where
        )
    return grid


def _cells(place: Place, shape: tuple[int, int]) -> int:
    """Number of cells on a line."""
    return shape[place[0] == "row"]
