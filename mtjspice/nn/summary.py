"""What a network on tiles is made of, and what reading it in SPICE costs."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Self

import torch

from mtjspice.nn.layers import Tiled
from mtjspice.nn.windows import vectors_of
from mtjspice.spec.crossbar import Crossbar
from mtjspice.spec.size import sweeps_seconds

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class LayerSummary:
    """One layer on its tiles.

    Attributes:
        name: as in the module.
        shape: of its weights.
        levels: that a weight can have.
        pairs: of junctions, for each weight.
        tiles: that it takes.
        rows: in use, of its fullest tile.
        columns: in use, of its fullest tile.
        vectors: that a sample sends through each tile.
        error: root mean square of what rounding did to the weights, as a share of theirs.
    """

    name: str
    shape: tuple[int, ...]
    levels: int
    pairs: int
    tiles: int
    rows: int
    columns: int
    vectors: int
    error: float

    @classmethod
    def of(cls, name: str, layer: Tiled, inputs: tuple[int, ...]) -> Self:
        """Of a layer whose inputs have a shape, without the axis of samples."""
        placements = [part.placement for part in layer.parts]
        blank = torch.zeros(1, *inputs)
        with torch.no_grad():
            weights = layer.weight.flatten(1)
            written = layer.levels() * layer.step.abs()[:, None]
            size = float(weights.square().mean().sqrt())
            error = float((written - weights).square().mean().sqrt())
        return cls(
            name=name,
            shape=tuple(layer.weight.shape),
            levels=len(layer.coding.levels),
            pairs=layer.coding.pairs,
            tiles=sum(placed.tiles for placed in placements),
            rows=max(placed.used for placed in placements),
            columns=max(2 * min(placed.lines, placed.pairs) for placed in placements),
            vectors=vectors_of(layer.window, blank).shape[1],
            error=error / size if size else 0.0,
        )


@dataclass(frozen=True)
class Summary:
    """A network on tiles, layer by layer; ``print`` shows it as a table.

    Attributes:
        layers: in the order in which samples meet them.
        card: name of that of the tiles.
        dies: that the network spans.
        tiles: of a die.
    """

    layers: Sequence[LayerSummary]
    card: str
    dies: int
    tiles: int

    def to_pandas(self) -> "pd.DataFrame":
        """A row for each layer."""
        import pandas as pd  # noqa: PLC0415, takes a third of a second

        return pd.DataFrame([asdict(layer) for layer in self.layers]).set_index("name")

    def __str__(self) -> str:
        head = ("layer", "weights", "levels", "tiles", "rows", "columns", "vectors", "error")
        lines = [
            (
                one.name, " x ".join(map(str, one.shape)), str(one.levels), f"{one.tiles:,}",
                str(one.rows), str(one.columns), f"{one.vectors:,}", f"{100 * one.error:.3g} %",
            )
            for one in self.layers
        ]  # fmt: skip
        widths = [max(map(len, column)) for column in zip(head, *lines, strict=True)]
        table = [
            "  ".join(
                text.ljust(width) if k < 2 else text.rjust(width)
                for k, (text, width) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in (head, *lines)
        ]
        used = sum(one.tiles for one in self.layers)
        dies = "one die" if self.dies == 1 else f"{self.dies:,} dies"
        end = f"tiles of {self.card} in use: {used:,}, on {dies} of {self.tiles}"
        return "\n".join([*table, end])


@dataclass(frozen=True)
class Cost:
    """What reading samples in SPICE comes to.

    Attributes:
        samples: that are read.
        reads: vectors that are sent through tiles, over all of them.
        seconds: estimated, with so many workers.
        workers: side by side.
    """

    samples: int
    reads: int
    seconds: float
    workers: int

    def __str__(self) -> str:
        beside = f" with {self.workers} workers" if self.workers > 1 else ""
        return (
            f"{self.samples:,} samples: {self.reads:,} reads of tiles, about {self.seconds:,.3g} s "
            f"in SPICE{beside}"
        )


def cost_of(summary: Summary, crossbar: Crossbar, samples: int, workers: int) -> Cost:
    """Cost of reading samples in SPICE, one sweep for each tile."""
    tiles = sum(layer.tiles for layer in summary.layers)
    reads = samples * sum(layer.tiles * layer.vectors for layer in summary.layers)
    seconds = sweeps_seconds(crossbar, tiles, reads) / workers
    return Cost(samples, reads, seconds, workers)
