"""How much work a spec asks for, before any of it is started. Rough: good to a factor of three.

Measured with SPICE and KLU on two busy cores, N x N arrays with wires. Time of a vector at
rest: passive 4.8 ms (N = 25), 134 ms (64), 1.4 s (128), 18 s (256); with transistors 10 ms, 250 ms
and 4 s (128). Of a transient of 200 time points: passive 1.1 s (25) and 32 s (64), with transistors
3.8 s and 53 s. Hence `SECONDS` · cells^1.7 a vector, one and a half times that a time point, and
0.35 ms a cell to write and load the netlist. Memory of a worker: 130 MB, 9 kB a passive cell and 17
kB one with a transistor, 200 bytes an input voltage; of the process that asks: 3 kB a cell of the
netlist that is written, 150 bytes an input voltage in it, and for every simulation 16 bytes an
input voltage and 24 a current.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import assert_never

from mtjspice.spec.analysis import TransientRead
from mtjspice.spec.calibration import CONFIRMED, KINDS_SEARCHED, Calibration
from mtjspice.spec.crossbar import Crossbar
from mtjspice.spec.design import DieDesign
from mtjspice.spec.experiment import Experiment
from mtjspice.spec.layout import Layout
from mtjspice.spec.study import PopulationNetwork, SolutionsNetwork, Study, TrainedNetwork
from mtjspice.spec.training import TrainingStudy

SECONDS = {"passive": 0.08e-6, "with transistors": 0.17e-6}
"""Of SPICE for a vector at rest, over cells^1.7."""
WORKER_CELL = {"passive": 9e3, "with transistors": 17e3}
"""Bytes of a worker, a cell."""
GROWTH, POINT, LOAD, LEAST = 1.7, 1.5, 3.5e-4, 2e-4
"""Exponent of the cells; vectors at rest that a time point costs; seconds a cell to write and load,
and of a vector however small the array is."""
WORKER, WORKER_INPUT = 130e6, 200.0
"""Bytes of a worker by itself, and for each input voltage."""
NETLIST_CELL, INPUT, HELD_INPUT, CURRENT = 3e3, 150.0, 16.0, 24.0
"""Bytes of the process that asks: a cell and an input voltage of the netlist that is written, an
input voltage and a current of every simulation."""
WINE_SAMPLES, WINE_FEATURES, WINE_CLASSES = 178, 13, 3
MOST_FEATURES = 784
"""Of the data sets that networks on tiles are trained for."""
WEIGHT = 32.0
"""Bytes of a weight that is trained, with what the optimiser keeps of it; as float32, eight."""
TRAINED_CELL = 2000.0
"""Bytes of a cell of a die that is trained through: matrices, and the circuit's solution."""


@dataclass(frozen=True)
class Sweep:
    """Equal simulations.

    Attributes:
        what: what they are for.
        rows: of the array.
        columns: of the array.
        kind: ``passive`` or ``with transistors``.
        vectors: of each simulation.
        points: time points of a vector; 0 for reads at rest.
        count: of simulations.
        held: so many of them at most are described in the asking process at a time.
    """

    what: str
    rows: int
    columns: int
    kind: str
    vectors: int
    points: float = 0.0
    count: float = 1.0
    held: float = float("inf")

    @property
    def vector_seconds(self) -> float:
        """Of a core, for a vector at rest."""
        return float(LEAST + SECONDS[self.kind] * float(self.cells) ** GROWTH)

    @property
    def cells(self) -> int:
        """Of the array."""
        return self.rows * self.columns

    @property
    def seconds(self) -> float:
        """Of a core, for all of them."""
        reads = self.vectors * (1 + POINT * self.points)
        each = LOAD * self.cells + reads * self.vector_seconds
        return float(self.count * each)

    @property
    def worker_bytes(self) -> float:
        """Of the process that simulates one of them."""
        kept = self.vectors * max(self.points, 1.0) * self.columns * CURRENT
        inputs = self.vectors * self.rows * WORKER_INPUT
        return WORKER + self.cells * WORKER_CELL[self.kind] + inputs + kept

    @property
    def own_bytes(self) -> float:
        """Of the process that asks: one netlist at a time, all inputs and currents."""
        volts = float(self.vectors * self.rows)
        currents = self.vectors * max(self.points, 1.0) * self.columns * CURRENT
        one = self.cells * NETLIST_CELL + volts * INPUT
        return one + min(self.count, self.held) * (volts * HELD_INPUT + currents)

    def __str__(self) -> str:
        points = f" of {self.points:,.0f} time points" if self.points else ""
        return (
            f"{self.what}: {self.count:,.0f} x {self.vectors:,} vectors{points} on arrays of "
            f"{self.rows:,} x {self.columns:,} cells {self.kind}"
        )


@dataclass(frozen=True)
class Size:
    """What a spec asks for.

    Attributes:
        sweeps: all simulations.
        others: bytes of the command's own process beside those for the sweeps, by what they hold.
    """

    sweeps: tuple[Sweep, ...] = ()
    others: Mapping[str, float] = field(default_factory=dict)

    @property
    def core_seconds(self) -> float:
        """Of SPICE, over all simulations."""
        return sum(sweep.seconds for sweep in self.sweeps)

    def memory(self, jobs: int) -> float:
        """Bytes of the command and of so many workers at once."""
        own = sum(self.others.values()) + sum(sweep.own_bytes for sweep in self.sweeps)
        return own + min(jobs, self.simulations) * max(
            (sweep.worker_bytes for sweep in self.sweeps), default=0.0
        )

    @property
    def simulations(self) -> float:
        """How many there are."""
        return sum(sweep.count for sweep in self.sweeps)

    @property
    def most_memory(self) -> str:
        """What takes most of it, in words."""
        held = {str(s): s.worker_bytes + s.own_bytes for s in self.sweeps} | dict(self.others)
        return max(held, key=lambda what: held[what])

    @property
    def most_time(self) -> str:
        """What takes most of it, in words."""
        return str(max(self.sweeps, key=lambda sweep: sweep.seconds))


def size_of(
    spec: Experiment | DieDesign | Study | Calibration | Layout | TrainingStudy,
) -> Size:
    """What a spec asks for."""
    match spec:
        case Experiment():
            return Size((_sweep("the array", spec.crossbar, len(spec.stimulus.volts),
                                points=_points(spec)),))  # fmt: skip
        case DieDesign():
            return Size((_sweep("tiles", spec.crossbar, spec.vectors, count=spec.tiles),))
        case Study():
            return _of_study(spec)
        case Calibration():
            return _of_calibration(spec)
        case Layout():
            return _of_layout(spec)
        case TrainingStudy():
            return _of_training(spec)
        case _:
            assert_never(spec)


def netlist_size(spec: Experiment | DieDesign) -> Size:
    """What writing the netlist of an array, or of one tile, asks for."""
    (sweep,) = size_of(spec).sweeps
    return Size(others={str(sweep): replace(sweep, count=1.0).own_bytes})


def signoff_size(
    crossbar: Crossbar, *, tiles: int, dies: int, images: int, vectors: int, conditions: int,
    full: bool,
) -> Size:  # fmt: skip
    """What a sign-off asks for.

    Where margins guide it, 3 % of the images of each die are not safe and an audit takes some
    10,800 where limits of a die are near (docs/signoff.md, "Measured"). The process itself holds
    500 bytes an image and die.

    Args:
        crossbar: of a tile.
        tiles: of the network.
        dies: groups of dies that the network is read on.
        images: that it is shown on each.
        vectors: of a simulation, at most.
        conditions: corners and temperatures.
        full: whether every image is simulated.
    """
    seen = dies * images if full else min(dies * images, 0.03 * dies * images + 10_800)
    each = max(1, min(vectors, round(seen / dies)))
    count = conditions * tiles * seen / each
    sweep = replace(_sweep("tiles on all dies", crossbar, each, count=count), held=tiles)
    return Size((sweep,), {f"{images:,} images on {dies:,} dies": 500.0 * images * dies})


def sweeps_seconds(crossbar: Crossbar, simulations: float, vectors: float) -> float:
    """Of a core, to load an array so many times and to read so many vectors at rest in all."""
    one = _sweep("a vector", crossbar, 1)
    return simulations * LOAD * one.cells + vectors * one.vector_seconds


def _sweep(
    what: str, crossbar: Crossbar, vectors: int, *, points: float = 0.0, count: float = 1.0
) -> Sweep:
    kind = "with transistors" if crossbar.cell.transistors else "passive"
    return Sweep(what, crossbar.rows, crossbar.columns, kind, vectors, points, count)


def _points(spec: Experiment) -> float:
    if isinstance(spec.analysis, TransientRead):
        return spec.analysis.period / spec.analysis.step
    return 0.0


def _of_study(spec: Study) -> Size:
    """Every sample through every layer; from the second on for each G_norm anew."""
    network, others = spec.network, dict[str, float]()
    if isinstance(network, SolutionsNetwork):
        layers, networks = 2, len(network.only or ()) or network.first or 300
    else:
        widths = (WINE_FEATURES, *network.hidden, WINE_CLASSES)
        side = network.restarts if isinstance(network, TrainedNetwork) else network.count
        weights = sum(a * b for a, b in pairwise(widths)) + WINE_SAMPLES * sum(widths)
        what = f"{side:,} networks side by side, {weights:,} numbers each"
        others = {what: WEIGHT * side * weights}
        layers, networks = len(network.hidden) + 1, 1
        if isinstance(network, PopulationNetwork):
            networks = network.first or network.count
    vectors = WINE_SAMPLES * len(spec.readout.g_norm)
    first = _sweep("first layers", spec.crossbar, WINE_SAMPLES, count=networks)
    rest = _sweep("further layers", spec.crossbar, vectors, count=networks * (layers - 1))
    return Size((first, rest) if layers > 1 else (first,), others)


def _of_calibration(spec: Calibration) -> Size:
    plan, patterns = spec.plan, 5
    judged = 2 * plan.tiles + plan.held_tiles + plan.defective_tiles + plan.short_tiles
    judged += plan.hard_tiles + plan.clustered_tiles + plan.line_tiles
    shaped = [
        _sweep("tiles that are fitted", spec.crossbar, plan.vectors + plan.held_vectors,
               count=plan.tiles + patterns),
        _sweep("tiles that are judged", spec.crossbar, plan.held_vectors, count=judged),
        _sweep("tiles with searched inputs", spec.crossbar, CONFIRMED,
               count=KINDS_SEARCHED * plan.searched_tiles),
        *(
            _sweep(f"other size {n}", spec.crossbar.replace(rows=n, columns=n),
                   min(30, plan.held_vectors), count=2)
            for n in plan.sizes
        ),
    ]  # fmt: skip
    return Size(tuple(shaped))


def _of_layout(spec: Layout) -> Size:
    """Under each condition patterns at rest and two transients; arrays of the audit; all sizes."""
    corners, audited = spec.corners, max(1.0, spec.monte_carlo.audit * spec.monte_carlo.samples)
    processes = len(corners.process) if spec.crossbar.cell.transistors else 1
    conditions = 1 + processes * len(corners.supply) * len(corners.temperature)
    reads = 1
    if spec.read.rows is not None:
        reads = -(-spec.crossbar.rows // spec.read.rows)
    return Size(
        (
            _sweep("patterns under all conditions", spec.crossbar, 4 * reads, count=conditions),
            _sweep("transients", spec.crossbar, 1, points=spec.timing.period / spec.timing.step,
                   count=2 * conditions),
            _sweep("arrays of the audit", spec.crossbar, reads, count=2 * audited),
        )
    )  # fmt: skip


def _of_training(spec: TrainingStudy) -> Size:
    """Weights with what the optimiser keeps; the cells of all dies that a step goes through."""
    network = spec.network
    widths = (network.inputs or MOST_FEATURES, *network.hidden, 10)
    copies = network.copies or (1,) * (len(widths) - 1)
    weights = sum(a * b * c for (a, b), c in zip(pairwise(widths), copies, strict=True))
    draws = spec.training.dies if spec.training.method == "statistics-aware" else 1
    cells = 2 * weights * draws  # a weight is a pair of junctions
    activations = spec.training.batch * sum(widths) * max(copies)
    return Size(
        others={
            f"{weights:,} weights": WEIGHT * weights,
            f"{cells:,} cells of dies that a step goes through": TRAINED_CELL * cells,
            f"batches of {spec.training.batch:,} samples": WEIGHT * activations,
        }
    )
