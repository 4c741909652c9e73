"""The error bound that a sign-off uses against the worst inputs that another search finds.

For each kind of tile: inputs are sought at which expansion and nodal solver differ most, by
coordinate ascent from random starts (the package goes up by gradients), on tiles that no card has
seen; ngspice then says what the true error of the surrogate is there, which may not be above the
bound of the tile. About six minutes on two cores; ``--quick`` takes one tile of each kind and the
smaller card.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from promises import REPOSITORY
from torch import Tensor

from mtjspice.collect import Simulator
from mtjspice.solver import nodal
from mtjspice.spec import Defect, Experiment, ProgrammedTile, Stimulus
from mtjspice.surrogate.card import Card, load_card, nominal_full_scale
from mtjspice.surrogate.model import Surrogate
from mtjspice.surrogate.programmed import Programmed, expanded
from mtjspice.verdicts.figures import Figure, at_most

States = npt.NDArray[np.uint8]
SEED = 40_000
"""Of the first die, and number of its tile; those of cards are far below."""
TILES, STARTS, PASSES = 6, 6, 2
SEEN = 6
"""Worst inputs of each tile that SPICE sees, beside as many corners at random."""


@dataclass(frozen=True)
class Kind:
    """A kind of tile: its defects, and its size where that is not the card's."""

    name: str
    defects: Callable[[np.random.Generator, int, int], list[Defect]]
    large: bool = False


def figures(quick: bool) -> Sequence[Figure]:
    """The largest error over its bound, for each card and kind of tile."""
    torch.set_num_threads(1)
    cards = [load_card(name) for name in (("passive15",) if quick else ("passive15", "die20k"))]
    count, starts = (1, 2) if quick else (TILES, STARTS)
    with Simulator(store=REPOSITORY / "out" / "truth-surrogate") as simulator:
        return [largest(card, kind, count, starts, simulator) for card in cards for kind in KINDS]


def largest(card: Card, kind: Kind, count: int, starts: int, simulator: Simulator) -> Figure:
    """The largest error in SPICE over the bound of its tile, over some tiles of a kind."""
    tiles = [tile(card, kind, k) for k in range(count)]
    surrogate = Surrogate(card)
    programmed = surrogate.program(tiles)
    array = surrogate.array(tiles)
    crossbar, limit = tiles[0].crossbar, card.validity.volts
    unit = nominal_full_scale(crossbar.cell.mtj, crossbar.rows, card.circuit.read_voltage)

    def error(volts: Tensor) -> Tensor:
        theirs = nodal.read(array, volts, tolerance=1e-8)
        return ((expanded(programmed.matrices, volts) - theirs) / unit).abs().amax(-1)

    chance = torch.Generator().manual_seed(SEED)
    with torch.no_grad():
        volts, evaluations = ascended(error, count, crossbar.rows, starts, limit, chance)
    corners = random_corners((count, SEEN, crossbar.rows), chance) * limit
    given = torch.cat([volts[:, :SEEN], corners], 1)
    off = against_ngspice(surrogate, programmed, tiles, given, simulator) / unit
    assert programmed.errors is not None
    ratio = off.abs().amax((1, 2)) / programmed.errors.bound
    worst = int(ratio.argmax())
    how = (
        f"{count} tiles, {len(programmed.nodal)} of them read by the nodal solver; "
        f"{evaluations} evaluations a tile by coordinate ascent, {given.shape[1]} inputs a tile in "
        f"ngspice; there {float(off[worst].abs().max()):.1e} of full scale, bound "
        f"{float(programmed.errors.bound[worst]):.1e}"
    )
    name = f"{card.name}, {kind.name}: largest searched error over the bound of its tile"
    return at_most(name, float(ratio[worst]), 1.0, "", how)


def random_corners(shape: tuple[int, ...], chance: torch.Generator) -> Tensor:
    """Inputs of one or minus one."""
    return torch.randint(0, 2, shape, generator=chance, dtype=torch.float64) * 2 - 1


def ascended(
    error: Callable[[Tensor], Tensor],
    tiles: int,
    rows: int,
    starts: int,
    limit: float,
    chance: torch.Generator,
) -> tuple[Tensor, int]:
    """Inputs [tile, start, row], the worst first, and how many were looked at for a tile.

    One input after the other is set to each end of its range and to zero, and stays where the error
    is largest.
    """
    volts = random_corners((tiles, starts, rows), chance) * limit
    volts[:, starts // 2 :] *= torch.rand((tiles, starts - starts // 2, rows), generator=chance)
    best, looked = error(volts), starts
    for _ in range(PASSES):
        for row in torch.randperm(rows, generator=chance).tolist():
            for level in (-limit, 0.0, limit):
                other = volts.clone()
                other[..., row] = level
                size = error(other)
                better = size > best
                volts, best = torch.where(better[..., None], other, volts), best.maximum(size)
                looked += starts
    order = best.argsort(1, descending=True)
    return volts.gather(1, order[..., None].expand_as(volts)), looked


def against_ngspice(
    surrogate: Surrogate,
    programmed: Programmed,
    tiles: Sequence[Experiment],
    volts: Tensor,
    simulator: Simulator,
) -> Tensor:
    """Surrogate minus ngspice, A, [tile, vector, column]."""
    driven = [
        one.replace(
            stimulus=Stimulus(volts=given.numpy(), read_voltage=surrogate.card.circuit.read_voltage)
        )
        for one, given in zip(tiles, volts, strict=True)
    ]
    results = simulator.run(driven)
    theirs = torch.from_numpy(np.stack([result["current"].to_numpy() for result in results]))
    with torch.no_grad():
        ours: Tensor = surrogate(volts, programmed)
    return ours - theirs


def tile(card: Card, kind: Kind, k: int) -> Experiment:
    """A tile on a die of its own: random states, all P, all AP but for a fifth, by turns."""
    circuit, number = card.circuit, SEED + KINDS.index(kind) * 100 + k
    crossbar = circuit.crossbar
    if kind.large:
        rows, columns = max(card.validity.sizes)
        crossbar = crossbar.replace(rows=rows, columns=columns)
    chance = np.random.default_rng([SEED, number])
    share_ap = (0.5, 0.0, 0.8)[k % 3]
    states = (chance.random(crossbar.shape) < share_ap).astype(np.uint8)
    defects = kind.defects(chance, *crossbar.shape)
    return Experiment(
        crossbar=crossbar,
        tile=ProgrammedTile(states=states, index=number),
        stimulus=Stimulus(volts=np.zeros((1, crossbar.rows)), read_voltage=circuit.read_voltage),
        die=circuit.die.replace(
            seed=number, defects=tuple(d.replace(tile=number) for d in defects)
        ),
        periphery=circuit.periphery,
        technology=circuit.technology,
    )


# Kinds of tiles ---------------------------------------------------------------------------------


def none(chance: np.random.Generator, rows: int, columns: int) -> list[Defect]:
    """A sound tile."""
    return []


def shorts_at(cells: Sequence[tuple[int, int]]) -> list[Defect]:
    """Shorts."""
    return [Defect(kind="short", row=int(r), column=int(c)) for r, c in cells]


def scattered(share: float) -> Callable[[np.random.Generator, int, int], list[Defect]]:
    """Shorts anywhere."""

    def made(chance: np.random.Generator, rows: int, columns: int) -> list[Defect]:
        cells = chance.choice(rows * columns, max(1, round(share * rows * columns)), replace=False)
        return shorts_at([divmod(int(cell), columns) for cell in cells])

    return made


def in_columns(count: int, share: float) -> Callable[[np.random.Generator, int, int], list[Defect]]:
    """Shorts in a share of the cells of some columns; 72 % are 18 of 25."""

    def made(chance: np.random.Generator, rows: int, columns: int) -> list[Defect]:
        chosen = chance.choice(columns, count, replace=False)
        return shorts_at(
            [
                (r, c)
                for c in chosen
                for r in chance.choice(rows, round(share * rows), replace=False)
            ]
        )

    return made


def in_a_row(chance: np.random.Generator, rows: int, columns: int) -> list[Defect]:
    """Shorts in 72 % of the cells of a row."""
    row = int(chance.integers(rows))
    return shorts_at(
        [(row, c) for c in chance.choice(columns, round(0.72 * columns), replace=False)]
    )


def in_a_block(chance: np.random.Generator, rows: int, columns: int) -> list[Defect]:
    """Shorts in a square of four by four cells."""
    top, left = (int(chance.integers(count - 3)) for count in (rows, columns))
    return shorts_at([(top + r, left + c) for r in range(4) for c in range(4)])


def dead_lines(chance: np.random.Generator, rows: int, columns: int) -> list[Defect]:
    """Two rows and two columns are cut from their ends."""
    found = [Defect(kind="dead_row", row=int(r)) for r in chance.choice(rows, 2, replace=False)]
    return found + [
        Defect(kind="dead_column", column=int(c)) for c in chance.choice(columns, 2, replace=False)
    ]


def bridges(chance: np.random.Generator, rows: int, columns: int) -> list[Defect]:
    """Two bridges between rows, two between columns."""
    found = [
        Defect(kind="bridged_rows", row=int(r), column=int(chance.integers(columns)))
        for r in chance.choice(rows - 1, 2, replace=False)
    ]
    return found + [
        Defect(kind="bridged_columns", row=int(chance.integers(rows)), column=int(c))
        for c in chance.choice(columns - 1, 2, replace=False)
    ]


def all_lines(chance: np.random.Generator, rows: int, columns: int) -> list[Defect]:
    """Dead lines, bridges and some shorts."""
    return [
        *dead_lines(chance, rows, columns),
        *bridges(chance, rows, columns),
        *scattered(0.01)(chance, rows, columns),
    ]


KINDS = (
    Kind("sound", none),
    Kind("sound, the largest size", none, large=True),
    Kind("0.5 % shorts", scattered(0.005)),
    Kind("3 % shorts", scattered(0.03)),
    Kind("shorts in 72 % of a column", in_columns(1, 0.72)),
    Kind("shorts in 72 % of two columns", in_columns(2, 0.72)),
    Kind("shorts in 60 % of three columns", in_columns(3, 0.6)),
    Kind("shorts in 72 % of a row", in_a_row),
    Kind("a block of shorts", in_a_block),
    Kind("four dead lines", dead_lines),
    Kind("four bridges", bridges),
    Kind("dead lines, bridges and 1 % shorts", all_lines),
)
