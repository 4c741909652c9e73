"""The array as a linear network of resistors and capacitors: how its outputs follow its inputs.

The nodes that nothing holds obey C dv/dt + G v = b u(t), with the capacitances C, which is diagonal
because all of them are to ground, the conductances G, and the currents b that the inputs feed in at
full height. The poles are −λ, the eigenvalues of G v = λ C v. C and G are symmetric and G is
positive definite, so that all poles are real and negative, and a step makes of each output

    final − Σ_k part_k exp(−λ_k t)

(L. T. Pillage, R. A. Rohrer, IEEE Trans. CAD 9, 352 (1990), who call the parts residues). With
S = √C and μ = 1/λ this is the symmetric problem S G⁻¹ S w = μ w in nodes that have capacitance; the
others, such as terminals behind a load, are eliminated exactly by G⁻¹. A network of few nodes is
solved for all modes. A larger one has as many almost equal slow modes as it has lines, of which the
inputs excite one combination: it is projected on the Krylov space of that matrix from S G⁻¹ b, the
state at rest, whose modes match as many moments of the response as there are of them (Padé by
Lanczos: P. Feldmann, R. W. Freund, IEEE Trans. CAD 14, 639 (1995)).
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.linalg import eigh
from scipy.optimize import brentq
from scipy.sparse import coo_array, csc_array, csr_array, diags_array
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import splu

from mtjspice.spec.base import Floats
from mtjspice.spec.crossbar import Crossbar
from mtjspice.spec.line import Line

Nodes = npt.NDArray[np.intp]

DENSE = 600
"""Up to so many nodes all modes are found."""
ROUNDING = 1e-12
"""Modes that are faster than the slowest by this are rounding: they count as at once."""
SHOWS = 1e-3
"""Smallest part of a mode that shows, by the final value of its output."""
POINTS = 4000
"""On the ramp, and after it, among which the last crossing is looked for."""


@dataclass(frozen=True)
class Response:
    """Output lines after the inputs have risen from 0 in a linear ramp that starts at t = 0.

    What the parts do not add up to of ``final`` follows the ramp at once: what flows through no
    capacitance, and where only some modes were kept also the fastest of the rest. Late times are
    then as with all modes; in arrays of up to 128 x 128 cells, 32 modes were within 0.2 % of the
    final value at any time.

    Attributes:
        final: float64 [column], current into the read-out of each column at rest, A.
        rates: float64 [mode], λ, slowest first, 1/s; none where nothing takes time.
        parts: float64 [mode, column], of each mode in each output after a step of the inputs, A.
        rise: time of the ramp, s, above 0.
    """

    final: Floats
    rates: Floats
    parts: Floats
    rise: float

    def at(self, time: Floats) -> Floats:
        """Currents [time, column], A, at times [time], s."""
        return self.final - self._missing(time)

    def settling(self, share: float, within: Floats | None = None) -> float:
        """The latest time at which an output is further off than allowed, s.

        Args:
            share: of its final value that an output may be off.
            within: [column], A, that it may be off; in the place of `share` if given.

        Returns:
            From the start of the ramp; 0 if no output ever is off, infinity if one that is to be
            exact never gets there.
        """
        limit = share * np.abs(self.final) if within is None else within
        grid = np.linspace(0, self.rise, POINTS)
        if self.rates.size:
            # Never is more missing after the ramp than if all modes were as slow as the slowest.
            most = (self._modes(grid[-1:]) @ np.abs(self.parts))[0]
            if ((limit == 0) & (most > 0)).any():
                return math.inf
            ratio = np.divide(most, limit, out=np.zeros_like(most), where=limit > 0).max()
            span = np.log1p(ratio) / self.rates[0]
            grid = np.append(grid, self.rise + span * np.geomspace(1e-6, 1, POINTS))

        off = np.abs(self._missing(grid)) > limit
        if not off.any():
            return 0.0
        last = np.flatnonzero(off.any(axis=1))[-1]
        late = off[last]  # not a column where nothing is missing and nothing allowed: 0 is no sign

        def excess(time: float) -> float:
            missing = np.abs(self._missing(np.array([time]))[0])
            return float((missing - limit)[late].max())

        before, after = grid[last : last + 2]
        return float(brentq(excess, before, after, xtol=1e-9 * after))

    @property
    def dominant(self) -> float:
        """Time constant of the slowest mode that shows in an output, s; 0 if there is none."""
        shows = (np.abs(self.parts) > SHOWS * np.abs(self.final)).any(axis=1)
        return float(1 / self.rates[shows.argmax()]) if shows.any() else 0.0

    def _missing(self, time: Floats) -> Floats:
        """Final value less the current, [time, column], A; without cancellation at late times."""
        left = 1 - np.clip(time / self.rise, 0, 1)
        missing: Floats = left[:, None] * self.final + self._modes(time) @ self.parts
        return missing

    def _modes(self, time: Floats) -> Floats:
        """Mean of exp(−λ age) over the ramp so far, by the whole ramp, [time, mode]."""
        ramp = np.clip(time, 0, self.rise)[:, None]
        after = np.maximum(time - self.rise, 0)[:, None]
        rates = self.rates
        mean: Floats = -np.expm1(-rates * ramp) / (rates * self.rise) * np.exp(-rates * after)
        return mean


def respond(
    crossbar: Crossbar,
    conductance: Floats,
    volts: Floats,
    *,
    load: float,
    rise: float,
    driven: Sequence[int],
    cell_capacitance: tuple[float, float] = (0.0, 0.0),
    modes: int = 32,
) -> Response:
    """How the output currents of an array of linear cells follow its inputs; all are sensed.

    Args:
        crossbar: lines, vias, and what holds the rows that are not driven. Those held at half the
            read voltage do not move: what they add to the currents is constant and left out.
        conductance: [row, column], of each cell without its vias, S.
        volts: [row], of each driven row after the ramp, V above the reference; others are ignored.
        load: between the terminal of each column and its virtual ground, Ω.
        rise: time of the ramp, s, above 0.
        driven: the rows that are driven.
        cell_capacitance: of each cell to ground, besides the lines', F: at the input line and at
            the output line.
        modes: at most so many are kept of a network of more than `DENSE` nodes.
    """
    net = _network(crossbar, conductance, load, cell_capacitance)
    inputs = net.row_ends[list(driven)]
    held = np.zeros(net.farads.size, dtype=np.bool_)
    held[net.grounds] = held[inputs] = True
    if crossbar.unselected != "floating":
        held[net.row_ends] = True
    state = np.zeros(net.farads.size)
    state[inputs] = volts[list(driven)]
    free = np.flatnonzero(~held)
    fed = -(net.laplacian @ state)[free]
    # A node that no input reaches stays at rest, even if nothing else holds it.
    _, piece = connected_components(net.laplacian[free][:, free], directed=False)
    moves = np.isin(piece, piece[fed != 0])
    free, fed = free[moves], fed[moves]
    rates, shapes = np.zeros(0), np.zeros((free.size, 0))
    if free.size:
        matrix = net.laplacian[free][:, free].tocsc()
        state[free], rates, shapes = _solve(matrix, net.farads[free], fed, modes)
    # The current that the network feeds into a node that is held leaves through what holds it.
    final: Floats = -(net.laplacian @ state)[net.grounds] + 0.0  # no −0.0
    seen = -(net.laplacian[net.grounds][:, free] @ shapes)
    return Response(final, rates, (seen * (fed @ shapes)).T, rise)


@dataclass(frozen=True)
class _Network:
    """Nodes, those without resistance between them joined.

    Attributes:
        laplacian: [node, node], whose product with voltages is the current out of each node, S.
        farads: [node], to ground.
        row_ends: the node of each driver.
        grounds: the node of each virtual ground.
    """

    laplacian: csr_array
    farads: Floats
    row_ends: Nodes
    grounds: Nodes


def _network(
    crossbar: Crossbar, conductance: Floats, load: float, cell_capacitance: tuple[float, float]
) -> _Network:
    """Lines, cells and loads; arguments as of `respond`."""
    cells = crossbar.rows * crossbar.columns
    rows = np.arange(cells).reshape(crossbar.shape)
    columns = rows + cells
    row_ends = 2 * cells + np.arange(crossbar.rows)
    column_ends = row_ends[-1] + 1 + np.arange(crossbar.columns)
    grounds = column_ends + crossbar.columns
    wires = [
        *_wires(crossbar.row, rows, row_ends),
        *_wires(crossbar.column, columns.T[:, ::-1], column_ends),
        (np.stack([column_ends, grounds]), load),
    ]
    count = int(grounds[-1]) + 1
    joined = np.hstack([np.zeros((2, 0), int), *(ends for ends, ohms in wires if ohms == 0)])
    links = coo_array((np.ones(joined.shape[1]), joined), (count, count))
    count, name = connected_components(links, directed=False)

    resistors = [(ends, np.full(ends.shape[1], 1 / ohms)) for ends, ohms in wires if ohms > 0]
    through = conductance / (1 + conductance * (crossbar.row.via + crossbar.column.via))
    resistors.append((np.stack([rows.ravel(), columns.ravel()]), through.ravel()))
    ends = name[np.hstack([ends for ends, _ in resistors])]
    siemens = np.concatenate([siemens for _, siemens in resistors])
    branch = np.arange(siemens.size)
    plus, minus = (
        coo_array((np.ones(siemens.size), (branch, e)), (branch.size, count)) for e in ends
    )
    incidence = (plus - minus).tocsr()
    laplacian = (incidence.T @ diags_array(siemens) @ incidence).tocsr()
    laplacian.eliminate_zeros()  # an open cell connects nothing

    lines = (crossbar.row.c + cell_capacitance[0], crossbar.column.c + cell_capacitance[1])
    farads = np.zeros(count)
    np.add.at(farads, name[: 2 * cells], np.repeat(lines, cells))
    return _Network(laplacian, farads, name[row_ends], name[grounds])


def _wires(line: Line, nodes: Nodes, ends: Nodes) -> Iterator[tuple[Nodes, float]]:
    """Pairs of nodes [2, pair] and what is between them, Ω; nodes are [line, place]."""
    yield np.stack([ends, nodes[:, 0]]), line.end
    if line.ends == "both":
        yield np.stack([ends, nodes[:, -1]]), line.end
    yield np.stack([nodes[:, :-1].ravel(), nodes[:, 1:].ravel()]), line.r


def _solve(
    siemens: csc_array, farads: Floats, fed: Floats, modes: int
) -> tuple[Floats, Floats, Floats]:
    """Voltages at rest [node], rates λ [mode], modes v [node, mode] with vᵀ G v = 1, slowest first.

    Args:
        siemens: G.
        farads: [node], the diagonal of C.
        fed: b, [node], A.
        modes: at most so many of a large network.
    """
    solve = splu(
        siemens,
        permc_spec="MMD_AT_PLUS_A",
        diag_pivot_thresh=0.0,
        options={"SymmetricMode": True},
    ).solve
    rest, root = solve(fed), np.sqrt(farads)
    start = root * rest
    if not start.any():
        return rest, np.zeros(0), np.zeros((fed.size, 0))
    small = fed.size <= DENSE
    return rest, *(_all_modes(solve, root) if small else _slow_modes(solve, root, start, modes))


def _all_modes(solve: Callable[[Floats], Floats], root: Floats) -> tuple[Floats, Floats]:
    """Rates and modes as of `_solve`."""
    (charged,) = np.nonzero(root)
    images = solve(np.diag(root)[:, charged])
    return _modes_of(root[charged, None] * images[charged], images)


def _slow_modes(
    solve: Callable[[Floats], Floats], root: Floats, start: Floats, count: int
) -> tuple[Floats, Floats]:
    """Rates and modes as of `_solve`, in the Krylov space of S G⁻¹ S from `start`: Lanczos."""
    basis, images = np.zeros((count, root.size)), np.zeros((count, root.size))
    new, largest = start, 0.0
    for k in range(count):
        basis[k] = new / np.linalg.norm(new)
        images[k] = solve(root * basis[k])
        new = root * images[k]
        largest = max(largest, float(np.linalg.norm(new)))
        for _ in range(2):  # once leaves rounding that grows
            new -= (basis[: k + 1] @ new) @ basis[: k + 1]
        if np.linalg.norm(new) <= ROUNDING * largest:
            break
    basis, images = basis[: k + 1], images[: k + 1]
    return _modes_of(basis @ (root * images).T, images.T)


def _modes_of(matrix: Floats, images: Floats) -> tuple[Floats, Floats]:
    """Modes of S G⁻¹ S in a basis, and G⁻¹ S of the basis [node, vector]."""
    slowness, turn = eigh((matrix + matrix.T) / 2)
    kept = slowness > ROUNDING * slowness[-1]
    slowness, turn = slowness[kept][::-1], turn[:, kept][:, ::-1]
    return 1 / slowness, images @ turn / np.sqrt(slowness)
