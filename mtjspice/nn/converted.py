"""A network of torch whose layers with weights are on tiles: where it stands, what that costs."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Self

import torch
from torch import Tensor, fx, nn

from mtjspice.errors import InputError
from mtjspice.nn.layers import Arrays, Tiled
from mtjspice.nn.placing import Part
from mtjspice.nn.statistics import DieStatistics
from mtjspice.nn.summary import Cost, LayerSummary, Summary, cost_of
from mtjspice.spec.die import Die
from mtjspice.spec.training import Hardware
from mtjspice.surrogate.model import Surrogate
from mtjspice.train.faults import CellUnits, Pool, draw_pool
from mtjspice.train.hardware import reader
from mtjspice.train.plan import check_dies
from mtjspice.train.tiles import TiledLayer, experiments_of
from mtjspice.train.units import cell_units, nominal

REFRESH = 200
"""Batches of training between two solutions of the circuits, which cost some fifty each."""
DRAWS, NUMBERS = 256, 2**25
"""Dies that are drawn at a time, and how many cells at most they have in a layer."""


class Converted(nn.Module):
    """A network on tiles, made by `convert`; an ordinary torch module.

    At first it computes what its written weights are worth as numbers (`ideal`).
    `on` puts it on given dies and `draw` on the distribution of dies. In training mode it then
    computes the linear circuit, wires and access devices included, with gradients; in evaluation
    mode what the surrogate reads at its level ``full``, through both converters, without.

    - ``network.on(dies)`` puts it on given dies: training is hardware-aware.
    - ``network.draw(statistics, seed)`` puts it on the distribution of dies: statistics-aware.
    - ``network.ideal()`` takes its weights as numbers again. All three give the network itself.
    - ``network.summary()`` lists layers, tiles, lines, levels; ``network.cost(samples)`` says
      what reading so many samples in SPICE comes to.

    Attributes:
        tiles: of a die.
        dies: that it spans.

    Example:
        >>> import torch
        >>> from mtjspice.nn import DieStatistics, convert
        >>> network = convert(torch.nn.Sequential(torch.nn.Linear(16, 3)), torch.rand(4, 16))
        >>> network.draw(DieStatistics(), seed=1).train()(torch.rand(8, 16)).sum().backward()
        >>> network.on(DieStatistics().sample(network.dies, seed=7)).eval()(torch.rand(2, 16)).shape
        torch.Size([2, 3])
    """

    def __init__(
        self,
        graph: fx.GraphModule,
        layers: Mapping[str, Tiled],
        surrogate: Surrogate,
        tiles: int,
        shapes: Mapping[str, tuple[int, ...]],
    ):
        super().__init__()
        # In a tuple, torch does not see them: no child of theirs is to have two names.
        self._held = graph, surrogate
        self._layers, self._shapes = dict(layers), dict(shapes)
        self.tiles = tiles
        self._given: list[Die] = []
        self._statistics: DieStatistics | None = None
        self._chance = torch.Generator()
        self._cells: list[list[CellUnits]] = []
        self._batches = 0
        self._set_units()
        for name, child in graph.named_children():
            if hasattr(self, name):
                allowed = "is a name of ours; call that layer otherwise"
                raise InputError(source="convert", key=name, allowed=allowed)
            self.add_module(name, child)
        self.register_load_state_dict_post_hook(self._loaded)  # type: ignore[no-untyped-call]
        self.train(graph.training)

    @property
    def surrogate(self) -> Surrogate:
        """Of its tiles."""
        return self._held[1]

    @property
    def dies(self) -> int:
        """That it spans."""
        used = sum(part.placement.tiles for layer in self._layers.values() for part in layer.parts)
        return -(-used // self.tiles)

    @property
    def card(self) -> str:
        """Name of the card of its tiles."""
        return self.surrogate.card.name

    def ideal(self) -> Self:
        """Weights as numbers, as if arrays were perfect."""
        self._statistics = None
        for layer in self._layers.values():
            layer.arrays = None
        return self

    def on(self, dies: Die | Sequence[Die]) -> Self:
        """Onto given dies: training for them is hardware-aware.

        Args:
            dies: that it spans, or the one.

        Raises:
            InputError: if they are too few or too many, or not such as the card knows.
        """
        given = [dies] if isinstance(dies, Die) else list(dies)
        if not all(isinstance(die, Die) for die in given):
            allowed = "must be a Die, or several"
            raise InputError(source="dies", value=type(dies).__name__, allowed=allowed)
        if len(given) != self.dies:
            raise InputError(
                source="dies", value=len(given), allowed=f"the network spans {self.dies} dies"
            )
        hardware = Hardware(tiles=self.tiles, dies=self.dies)
        placements = [part.placement for _, part in self._parts()]
        check_dies(self.surrogate.card, placements, hardware, given)
        self._statistics = None
        for layer in self._layers.values():
            layer.arrays = Arrays(self.surrogate.card.circuit, self._on(layer, given))
        self._given = given
        self._refresh()
        return self

    def draw(self, statistics: DieStatistics | None = None, seed: int = 0, dies: int = 4) -> Self:
        """Onto the distribution of dies: training for it is statistics-aware.

        In training mode every batch meets `dies` draws of spread and defects, new ones each time.
        In evaluation mode the network is on the nominal die: put it `on` drawn ones to see how
        it does there.

        Args:
            statistics: of the dies; the reference statistics of borders2024 if left out.
            seed: of the draws.
            dies: that a batch meets, each with its share of the samples.

        Raises:
            InputError: if the card knows no such dies, or there are none.
        """
        if isinstance(dies, bool) or not isinstance(dies, int) or not 1 <= dies <= DRAWS:
            allowed = f"a batch can meet 1 to {DRAWS} dies"
            raise InputError(source="draw", key="dies", value=dies, allowed=allowed)
        if not isinstance(statistics, DieStatistics | None):
            kind, allowed = type(statistics).__name__, "must be DieStatistics"
            raise InputError(source="draw", key="statistics", value=kind, allowed=allowed)
        shape = self.surrogate.card.circuit.crossbar.shape
        wanted = statistics or DieStatistics(shape=shape, tiles=self.tiles)
        if (wanted.shape, wanted.tiles) != (shape, self.tiles):
            raise InputError(
                source="statistics", key="shape, tiles", value=[*wanted.shape, wanted.tiles],
                allowed=f"the dies have {self.tiles} tiles of {shape[0]} x {shape[1]}",
            )  # fmt: skip
        hardware = wanted.hardware(self.dies)
        first = [part.placement for _, part in self._parts()][:1]
        for example in wanted.examples():
            check_dies(self.surrogate.card, first, hardware, [example] * self.dies)
        self._given = [hardware.nominal] * self.dies
        self._statistics = wanted
        self._chance = torch.Generator().manual_seed(seed)
        self._batches = 0  # the same seed draws the same dies again
        self._cells = []
        for layer in self._layers.values():
            tiles = self._on(layer, self._given)
            layer.arrays = Arrays(self.surrogate.card.circuit, tiles, dies=dies)
        self._refresh()
        for layer in self._layers.values():
            found = layer.arrays.tiles if layer.arrays is not None else ()
            self._cells.append([cell_units(one, self.surrogate, hardware) for one in found])
        self._draw_pools()
        return self

    def forward(self, inputs: Tensor) -> Tensor:
        """Outputs for samples, as the module that was converted gives them."""
        if self.training:
            self._next_batch()
        else:
            self._write()
        found: Tensor = self._held[0].forward(inputs)
        return found

    def summary(self) -> Summary:
        """Layer by layer: shape, tiles, lines in use, levels, error of the weights, vectors."""
        return Summary(
            tuple(
                LayerSummary.of(name, layer, self._shapes[name])
                for name, layer in self._layers.items()
            ),
            self.card, self.dies, self.tiles,
        )  # fmt: skip

    def cost(self, samples: int = 1, workers: int = 1) -> Cost:
        """What reading so many samples in SPICE comes to: known before any is simulated.

        Args:
            samples: that are read.
            workers: processes of SPICE side by side.

        Raises:
            InputError: if either is no number of things.
        """
        for key, value in (("samples", samples), ("workers", workers)):
            if type(value) is not int or value < 1:
                raise InputError(source="cost", key=key, value=value, allowed="at least one")
        return cost_of(self.summary(), self.surrogate.card.circuit.crossbar, samples, workers)

    def _parts(self) -> Iterator[tuple[Tiled, Part]]:
        for layer in self._layers.values():
            for part in layer.parts:
                yield layer, part

    def _on(self, layer: Tiled, dies: Sequence[Die]) -> list[TiledLayer]:
        dtype = layer.weight.dtype
        return [
            TiledLayer(part.placement, self.surrogate, dies, tiles=self.tiles, dtype=dtype)
            for part in layer.parts
        ]

    def _set_units(self) -> None:
        """What a digit is worth on the nominal die, with the present weights written."""
        hardware = Hardware(tiles=self.tiles, dies=self.dies)
        for layer in self._layers.values():
            placements = [part.placement for part in layer.parts]
            written = [digits.to("cpu", torch.float32) for digits in layer.matrices()]
            _, units = nominal(placements, self.surrogate, hardware, written)
            layer.unit.copy_(torch.tensor(units, dtype=torch.float64))

    def _next_batch(self) -> None:
        """Solve the circuits and draw dies anew from time to time; move on to the next dies."""
        if any(layer.arrays is None for layer in self._layers.values()):
            return
        self._batches += 1
        if self._batches % REFRESH == 0:
            self._refresh()
            self._draw_pools()
        for layer in self._layers.values():
            arrays = layer.arrays
            if arrays is not None and arrays.pools:
                last = len(arrays.pools[0].added) - arrays.dies + 1
                arrays.first = self._batches * arrays.dies % last

    def _loaded(self, _: nn.Module, _keys: object) -> None:
        """Other weights are in other circuits."""
        self._refresh()

    @torch.no_grad()
    def _refresh(self) -> None:
        for layer in self._layers.values():
            if layer.arrays is None:
                continue
            units = layer.unit.tolist()
            for tiles, digits, unit in zip(
                layer.arrays.tiles, layer.matrices(), units, strict=True
            ):
                tiles.unit = unit
                tiles.refresh(digits.cpu())

    def _draw_pools(self) -> None:
        if self._statistics is None:
            return
        for layer, cells in zip(self._layers.values(), self._cells, strict=True):
            arrays = layer.arrays
            assert arrays is not None
            arrays.pools = [
                self._pool(part, units, arrays.dies)
                for part, units in zip(layer.parts, cells, strict=True)
            ]

    def _pool(self, part: Part, units: CellUnits, dies: int) -> Pool:
        assert self._statistics is not None
        groups, rows, lines = part.placement.shape
        draws = max(dies, min(DRAWS, NUMBERS // (groups * rows * lines)))
        return draw_pool(part.placement, units, self._statistics.rates, draws, self._chance)

    @torch.no_grad()
    def _write(self) -> None:
        """Put the present weights into the tiles that are read, unless they are there."""
        for layer in self._layers.values():
            arrays = layer.arrays
            if arrays is None:
                continue
            levels = layer.levels().cpu()
            known = arrays.written
            if known is not None and known.dtype == levels.dtype and torch.equal(levels, known):
                continue
            made = []
            for part, digits in zip(layer.parts, layer.matrices(), strict=True):
                states = part.placement.states(digits.cpu())
                tiles = experiments_of(
                    part.placement, self.surrogate.card.circuit, self._given, self.tiles, states
                )
                made.append(self.surrogate.program(tiles).to(layer.weight.dtype))
            arrays.reader, arrays.written = reader(self.surrogate, made), levels
