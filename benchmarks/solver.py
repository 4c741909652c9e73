"""Our solver beside badcrossbar and sparse LU: time, error, gradients; and which method when.

    python benchmarks/solver.py [--json] [--quick] [--plot FILE.svg] [--tables FILE.md]

Arrays of resistors, 10 kΩ or 25 kΩ at random, with line ends equal to the wires, which is the only
circuit that badcrossbar has. All solvers have one thread and run in turn, each from resistances and
volts to the currents of the columns. Times are of the processor, not of the clock on the wall, so
that other programs disturb them less; medians are shown.
"""

import argparse
import logging
import os
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from unittest.mock import patch

import numpy as np
import numpy.typing as npt
import torch
from promises import main
from reference import peer
from scipy.sparse import coo_matrix
from scipy.sparse.linalg import splu
from torch import Tensor

from mtjspice.device.conductance import coefficients
from mtjspice.report.canvas import as_svg, picture
from mtjspice.solver import linear, nodal
from mtjspice.solver.array import Array, resistor_array
from mtjspice.solver.cells import Cells
from mtjspice.solver.iterative import ConvergenceError
from mtjspice.spec import Mtj
from mtjspice.verdicts.figures import Figure, at_least, at_most

Floats = npt.NDArray[np.float64]

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
SIZES = (25, 64, 128, 256, 512)
WIRES = (0.1, 1.0, 5.0)
"""Per cell, Ω, of rows and columns."""
TOLERANCE = 5e-7
"""What our solver is asked for; the promise is an error of 1e-6."""
TRIED = ("elimination", "conjugate_gradients", "matrix")


@dataclass(frozen=True)
class Row:
    """One case of the table: times in ms, None where not measured; error by the largest current."""

    size: int
    wire: float
    vectors: int
    method: str
    ours: float
    peer: float | None
    lu: float
    error: float


@dataclass(frozen=True)
class Choice:
    """One case of the comparison of our methods: ms of each, and of the automatic choice."""

    kind: str
    tiles: int
    size: int
    vectors: int
    times: dict[str, float]
    method: str


# Cases -----------------------------------------------------------------------------------------


def plan(size: int, wire: float, quick: bool) -> list[int]:
    """Numbers of vectors: all of 1, 10, 100 and 1000 but where they would take minutes."""
    if quick:
        return [1, 100]
    if size == 512:
        return [1, 10, 100] if wire == 1.0 else [1, 10]
    return [1, 10, 100, 1000] if size < 256 or wire == 1.0 else [1, 10, 100]


def with_peer(size: int, wire: float, vectors: int) -> bool:
    """Whether badcrossbar is measured; a solve of 512 x 512 takes it half a minute."""
    return peer.installed() and (size < 512 or (wire == 1.0 and vectors in (1, 100)))


LEFT_OUT = (
    "not measured, for their time: 1000 vectors at 256 x 256 with 0.1 and 5 Ω and at 512 x 512; "
    "100 at 512 x 512 with 0.1 and 5 Ω; badcrossbar at 512 x 512 but for 1 and 100 vectors at 1 Ω"
)


def resistances(kind: str, shape: tuple[int, ...]) -> Floats:
    """Cells of an array, Ω: junctions, or junctions of which 5 % are shorted by 100 Ω."""
    chance = np.random.default_rng([*shape, len(kind)])
    ohms = chance.choice([10e3, 25e3], shape)
    return np.where(chance.random(shape) < 0.05, 100.0, ohms) if kind == "shorts" else ohms


def inputs(vectors: int, rows: int) -> Floats:
    """Volts [vector, row]; fewer vectors are the first of many."""
    return np.random.default_rng(rows).uniform(-0.1, 0.1, (vectors, rows))


def seconds(work: Callable[[], object]) -> float:
    """Of the processor, user's and system's."""
    start = time.process_time()
    work()
    return time.process_time() - start


def in_turn(
    works: dict[str, Callable[[], object]], most: int = 5, enough: float = 0.6
) -> dict[str, float]:
    """Median ms of each, run in turn up to `most` times or until it has had `enough` seconds."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(most):
        for name, work in works.items():
            if not times[name] or sum(times[name]) < enough:
                times[name].append(seconds(work))
    return {name: 1e3 * statistics.median(each) for name, each in times.items()}


@contextmanager
def seen() -> Iterator[Callable[[], str]]:
    """A function that says by which method arrays were read since."""
    with (
        patch.object(linear, "conjugate_gradients", wraps=linear.conjugate_gradients) as iterated,
        patch.object(nodal, "effective_matrix", wraps=nodal.effective_matrix) as matrix,
    ):
        yield (
            lambda: (
                ("conjugate gradients" if iterated.called else "elimination")
                + (", matrix" if matrix.called else "")
            )
        )


# The three solvers -----------------------------------------------------------------------------


def ours(ohms: Floats, volts: Floats, wire: float, method: linear.Method = "auto") -> Floats:
    """Currents [vector, column], A, by `nodal.read`."""
    array = of_resistors(torch.from_numpy(1 / ohms)[None], wire)
    read = nodal.read(array, torch.from_numpy(volts), method=method, tolerance=TOLERANCE)
    return read[0].numpy()


def of_resistors(conductance: Tensor, wire: float) -> Array:
    """Arrays [tile, row, column], S, with wires and line ends alike, Ω."""
    return resistor_array(conductance, wire=(wire, wire), end=(wire, wire))


def badcrossbar(ohms: Floats, volts: Floats, wire: float) -> Floats:
    """The same by badcrossbar, which is asked for nothing else."""
    import badcrossbar as package  # noqa: PLC0415, a peer that need not be installed

    logging.disable(logging.INFO)
    wires = {"r_i_word_line": wire, "r_i_bit_line": wire}
    solved = package.compute(volts.T, ohms, **wires, node_voltages=False, all_currents=False)
    return np.asarray(solved.currents.output)


class SparseLU:
    """The nodal equations of an array, factored by SuperLU in its order for symmetric matrices."""

    def __init__(self, ohms: Floats, wire: float):
        rows, columns = self.shape = ohms.shape
        row_node = np.arange(ohms.size).reshape(ohms.shape)
        column_node = row_node + ohms.size
        branches = [
            (row_node, column_node, 1 / ohms),
            (row_node[:, :-1], row_node[:, 1:], np.full((rows, columns - 1), 1 / wire)),
            (column_node[:-1], column_node[1:], np.full((rows - 1, columns), 1 / wire)),
        ]
        a, b, g = (
            np.concatenate([x.ravel() for x in part]) for part in zip(*branches, strict=True)
        )
        total = np.bincount(a, g, 2 * ohms.size) + np.bincount(b, g, 2 * ohms.size)
        total[row_node[:, 0]] += 1 / wire
        total[column_node[-1]] += 1 / wire
        node = np.arange(2 * ohms.size)
        i, j = np.concatenate([a, b, node]), np.concatenate([b, a, node])
        matrix = coo_matrix((np.concatenate([-g, -g, total]), (i, j))).tocsc()
        options = {"SymmetricMode": True}
        self.factors = splu(matrix, "MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options=options)
        self.wire = wire

    def currents(self, volts: Floats) -> Floats:
        """[vector, column], A; some hundred vectors at a time, for memory."""
        rows, columns = self.shape
        first, last = np.arange(rows) * columns, (2 * rows - 1) * columns + np.arange(columns)
        found = []
        for some in np.array_split(volts, -(-len(volts) // 100)):
            given = np.zeros((2 * rows * columns, len(some)))
            given[first] = some.T / self.wire
            found.append(self.factors.solve(given)[last].T / self.wire)
        return np.concatenate(found)


def off(found: Floats, expected: Floats) -> float:
    """Largest difference by the largest current."""
    return float(np.abs(found - expected).max() / np.abs(expected).max())


# The table -------------------------------------------------------------------------------------


def table(quick: bool) -> list[Row]:
    """Every case."""
    ours(resistances("junctions", (8, 8)), inputs(2, 8), 1.0)  # loads what is loaded once
    return [
        row
        for size in (SIZES[:3] if quick else SIZES)
        for wire in WIRES
        for row in cases(size, wire, plan(size, wire, quick))
    ]


def cases(size: int, wire: float, counts: list[int]) -> list[Row]:
    """One array with several numbers of vectors; sparse LU is factored once for all of them."""
    ohms, volts = resistances("junctions", (size, size)), inputs(max(counts), size)
    made: list[SparseLU] = []
    factored = in_turn({"lu": lambda: made.append(SparseLU(ohms, wire))}, 3)["lu"]
    reference, rows = made[-1], []
    for vectors in counts:
        kept: dict[str, Floats] = {}
        some = volts[:vectors]

        def run(name: str, solve: Callable[..., Floats], *arguments, kept=kept) -> Callable:
            return lambda: kept.__setitem__(name, solve(*arguments))

        works = {"ours": run("ours", ours, ohms, some, wire)}
        if with_peer(size, wire, vectors):
            works["peer"] = run("peer", badcrossbar, ohms, some, wire)
        works["lu"] = run("lu", reference.currents, some)
        with seen() as by:
            took = in_turn(works)
        rows.append(
            Row(size, wire, vectors, by(), took["ours"], took.get("peer"), factored + took["lu"],
                off(kept["ours"], kept["lu"]))
        )  # fmt: skip
        print(rows[-1], file=sys.stderr, flush=True)
    return rows


def label(row: Row) -> str:
    """The case in words."""
    vectors = "1 vector" if row.vectors == 1 else f"{row.vectors} vectors"
    return f"{row.size} x {row.size}, {row.wire:g} Ω, {vectors}"


def of_table(rows: list[Row]) -> list[Figure]:
    """Each row, and what was promised of all of them."""
    figures = []
    for row in rows:
        how = f"{row.method}; error {row.error:.1e}; sparse LU {row.lu:.4g} ms"
        how += "" if row.peer is None else f", badcrossbar {row.peer:.4g} ms"
        figures.append(Figure(f"{label(row)}: ours", row.ours, "ms", "", None, how))
    for title, limit, chosen in (
        ("64 to 256, 1 vector", 10, [r for r in rows if 64 <= r.size <= 256 and r.vectors == 1]),
        (
            "64 to 256, 100 vectors",
            4,
            [r for r in rows if 64 <= r.size <= 256 and r.vectors == 100],
        ),
        ("all", 1, rows),
    ):
        for solver, of in (("badcrossbar", lambda r: r.peer), ("sparse LU", lambda r: r.lu)):
            ratios = [(of(r) / r.ours, r) for r in chosen if of(r) is not None]
            if not ratios:
                continue
            least, r = min(ratios, key=lambda pair: pair[0])
            how = f"at {label(r)}" + (f"; {LEFT_OUT}" if title == "all" else "")
            bound = limit if solver == "badcrossbar" else None
            name = f"{solver} / ours, {title}, smallest"
            figures.append(at_least(name, least, bound, "times", how))
    worst = max(rows, key=lambda r: r.error)
    how = f"of currents against sparse LU, by the largest; asked for {TOLERANCE:g}; {label(worst)}"
    return [*figures, at_most("largest error", worst.error, 1e-6, "", how), exponent(rows)]


def exponent(rows: list[Row]) -> Figure:
    """How our time for one vector grows with the number of cells."""
    found = {}
    for wire in WIRES:
        some = [r for r in rows if r.wire == wire and r.vectors == 1 and r.size >= 64]
        cells, took = [r.size**2 for r in some], [r.ours for r in some]
        found[wire] = float(np.polyfit(np.log(cells), np.log(took), 1)[0])
    each = ", ".join(f"{wire:g} Ω {power:.2f}" for wire, power in found.items())
    how = f"one vector, sizes from 64 to {max(r.size for r in rows)}, least squares: {each}"
    return at_most("exponent of time by number of cells, worst", max(found.values()), 1.3, "", how)


# Shorts, gradients -----------------------------------------------------------------------------


def shorts(quick: bool) -> list[Figure]:
    """Arrays of which 5 % of the cells are shorted, by either method."""
    figures = []
    for size in (64, 128) if quick else (64, 128, 256):
        ohms, volts = resistances("shorts", (size, size)), inputs(10, size)
        worst, notes = 0.0, []
        for wire in WIRES:
            expected = SparseLU(ohms, wire).currents(volts)
            for method in ("auto", "conjugate_gradients"):
                start = time.process_time()
                try:
                    error = off(ours(ohms, volts, wire, method), expected)
                except ConvergenceError:
                    error = np.inf
                took = 1e3 * (time.process_time() - start)
                worst = max(worst, error)
                notes.append(f"{wire:g} Ω {method} {took:.0f} ms")
        name = f"5 % shorts of 100 Ω, {size} x {size}: largest error"
        figures.append(at_most(name, worst, 1e-6, "", f"10 vectors; {'; '.join(notes)}"))
    return figures


def leaves(kind: str, tiles: int, size: int, vectors: int) -> dict[str, Tensor]:
    """What currents depend on: volts, conductance, V and S; wire and line end, Ω."""
    ohms = resistances("junctions", (tiles, size, size))
    return {
        "volts": torch.from_numpy(inputs(vectors, size)),
        "conductance": torch.from_numpy(1 / ohms),
        "wire": torch.tensor(2.0, dtype=torch.float64),
        "end": torch.tensor(50.0, dtype=torch.float64),
        "kind": torch.tensor(float(kind == "bias-dependent")),
    }


def circuit(t: dict[str, Tensor]) -> Array:
    """The array of these leaves, ohmic or with junctions that have these conductances at rest."""
    g, wire, end = t["conductance"], t["wire"], t["end"]
    array = resistor_array(g, wire=(wire, wire), end=(end, end))
    if not t["kind"]:
        return array
    mtj, state = Mtj(), (g.detach() < 7e-5).numpy()
    law = coefficients(state, mtj.r_p, mtj.tmr0, mtj)
    rest = torch.from_numpy(law.linear - law.drop / law.at)
    parts = (torch.from_numpy(part.copy()) * (g / rest) for part in law[:3])
    return replace(array, cells=Cells(*parts, torch.from_numpy(law.at.copy())))


def gradients() -> list[Figure]:
    """Against central differences along random directions."""
    figures = []
    for kind in ("ohmic", "bias-dependent"):
        for method in ("elimination", "conjugate_gradients"):
            errors = gradient_errors(kind, method)
            worst = max(errors, key=lambda name: errors[name])
            name = f"gradients, {kind} cells, {method.replace('_', ' ')}: largest relative error"
            how = "25 x 25, 3 vectors; " + ", ".join(f"{n} {e:.1e}" for n, e in errors.items())
            figures.append(at_most(name, errors[worst], 1e-6, "", how))
    return figures


def gradient_errors(kind: str, method: linear.Method) -> dict[str, float]:
    """Of the derivative along one direction in each leaf."""
    base = leaves(kind, 1, 25, 3)
    chance = np.random.default_rng(7)
    weight = torch.from_numpy(chance.standard_normal((1, 3, 25)))

    def loss(t: dict[str, Tensor]) -> Tensor:
        out = nodal.read(circuit(t), t["volts"], method=method, tolerance=1e-12)
        return (out * weight).sum()

    names = ("volts", "conductance", "wire", "end")
    asked = base | {name: base[name].clone().requires_grad_() for name in names}
    loss(asked).backward()
    errors = {}
    for name in names:
        value = base[name]
        way = value * torch.from_numpy(np.asarray(chance.uniform(0.5, 1.5, value.shape)))
        step = 1e-3  # of fourth order: five points
        at = {k: float(loss(base | {name: value + k * step * way})) for k in (-2, -1, 1, 2)}
        expected = (8 * (at[1] - at[-1]) - (at[2] - at[-2])) / (12 * step)
        got = float((asked[name].grad * way).sum())
        errors[name] = abs(got - expected) / abs(expected)
    return errors


def backward(quick: bool) -> list[Figure]:
    """Time of value and gradients by that of the value."""
    figures = []
    for kind, tiles, size, vectors in (
        ("ohmic", 32, 25, 100),
        ("bias-dependent", 32, 25, 100),
        ("ohmic", 1, 64, 25),
        ("bias-dependent", 1, 64, 25),
        ("ohmic", 1, 256, 10),
    ):
        if quick and size == 256:
            continue
        base = leaves(kind, tiles, size, vectors)
        asked = {
            k: v.clone().requires_grad_() if k != "kind" else v.clone() for k, v in base.items()
        }

        def forward(base=base) -> None:
            nodal.read(circuit(base), base["volts"], tolerance=TOLERANCE)

        def both(asked=asked) -> None:
            nodal.read(circuit(asked), asked["volts"], tolerance=TOLERANCE).sum().backward()

        with seen() as by:
            took = in_turn({"forward": forward, "both": both}, 9, 2.0)
        shape = f"{size} x {size}" if tiles == 1 else f"{tiles} tiles of {size} x {size}"
        name = f"forward and backward / forward, {shape}, {kind} cells"
        how = f"{vectors} vectors, {by()}; {took['both']:.4g} by {took['forward']:.4g} ms"
        figures.append(at_most(name, took["both"] / took["forward"], 3, "times", how))
    return figures


# Our methods side by side ----------------------------------------------------------------------


def choices(quick: bool) -> list[Choice]:
    """Either method, the effective matrix, and the automatic choice."""
    shapes = [(1, n) for n in ((8, 25, 64) if quick else (8, 16, 25, 32, 48, 64, 96, 128))]
    found = []
    for kind in ("ohmic", "bias-dependent", "shorts"):
        for tiles, size in [*shapes, (32, 25)]:
            for vectors in (1, 25, 100):
                found.append(choice(kind, tiles, size, vectors))
                print(found[-1], file=sys.stderr, flush=True)
    return found


def choice(kind: str, tiles: int, size: int, vectors: int) -> Choice:
    """One case."""
    t = leaves(kind, tiles, size, vectors)
    t["conductance"] = torch.from_numpy(1 / resistances(kind, (tiles, size, size)))
    array, volts = circuit(t), t["volts"]

    def read(method: linear.Method) -> Callable[[], object]:
        return lambda: nodal.read(array, volts, method=method, tolerance=TOLERANCE)

    works = {name: read(name) for name in ("elimination", "conjugate_gradients")}
    if kind != "bias-dependent":
        options = {"method": "elimination", "tolerance": TOLERANCE}
        works["matrix"] = lambda: volts @ nodal.effective_matrix(array, **options)
    works["auto"] = lambda: nodal.read(array, volts, tolerance=TOLERANCE)
    took = in_turn(works, 5, 0.15)
    with seen() as by:
        works["auto"]()
    return Choice(kind, tiles, size, vectors, took, by())


def of_choices(found: list[Choice]) -> list[Figure]:
    """How far the automatic choice is from the fastest."""
    figures = []
    for c in found:
        best = min((n for n in c.times if n != "auto"), key=lambda n: c.times[n])
        times = ", ".join(f"{n.replace('_', ' ')} {took:.3g}" for n, took in c.times.items())
        shape = (
            f"{c.size} x {c.size}" if c.tiles == 1 else f"{c.tiles} tiles of {c.size} x {c.size}"
        )
        name = f"{shape}, {c.kind} cells, vectors: {c.vectors}: auto / best"
        ratio = c.times["auto"] / c.times[best]
        figures.append(Figure(name, ratio, "times", "", None, f"chosen: {c.method}; {times} ms"))
    return figures


# Picture, tables, all --------------------------------------------------------------------------


SERIES = (
    ("sparse LU", "lu", "#7f7f7f", "^", ":"),
    ("badcrossbar", "peer", "#e0a100", "s", "--"),
    ("mtjspice", "ours", "#35608d", "o", "-"),
)


def plot(rows: list[Row]) -> str:
    """Time against cells at 1 Ω per cell, as SVG text."""
    with picture(9.5, 4.2, 2) as (canvas, axes):
        for axis, vectors in zip(axes, (1, 100), strict=True):
            for label, field, colour, mark, style in SERIES:
                some = [r for r in rows if (r.wire, r.vectors) == (1.0, vectors)]
                some = [r for r in some if getattr(r, field) is not None]
                cells, took = [r.size**2 for r in some], [getattr(r, field) for r in some]
                axis.loglog(cells, took, style, color=colour, marker=mark, label=label)
            sizes = sorted({r.size for r in rows})
            axis.set_xticks([n**2 for n in sizes], [f"{n}²" for n in sizes])
            axis.minorticks_off()
            axis.set(xlabel="cells", ylabel="processor time, ms, one thread")
            axis.set_title(f"{vectors} vector{'s' * (vectors > 1)}, 1 Ω per cell")
            axis.grid(alpha=0.3)
        low = min(axis.get_ylim()[0] for axis in axes)
        high = max(axis.get_ylim()[1] for axis in axes)
        for axis in axes:
            axis.set_ylim(low, high)
        axes[0].legend(frameon=False)
        return as_svg(canvas)


def tables(rows: list[Row], found: list[Choice]) -> str:
    """Both tables in Markdown, times in ms."""
    lines = [
        "| cells | wire, Ω | vectors | ours | method | badcrossbar | by ours | sparse LU | by ours "
        "| error |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for r in rows:
        beside = "– | –" if r.peer is None else f"{r.peer:.3g} | {r.peer / r.ours:.1f}"
        lines.append(
            f"| {r.size}² | {r.wire:g} | {r.vectors} | {r.ours:.3g} | {r.method} | {beside} | "
            f"{r.lu:.3g} | {r.lu / r.ours:.1f} | {r.error:.0e} |"
        )
    lines += [
        "",
        "| cells | tiles | size | vectors | elimination | conjugate gradients | matrix | auto "
        "| chosen |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for c in found:
        took = [f"{c.times[n]:.3g}" if n in c.times else "–" for n in (*TRIED, "auto")]
        what = f"| {c.kind} | {c.tiles} | {c.size}² | {c.vectors} | "
        lines.append(what + " | ".join(took) + f" | {c.method} |")
    return "\n".join(lines) + "\n"


def measure(quick: bool, picture_file: Path | None, tables_file: Path | None) -> list[Figure]:
    """Every figure."""
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore", category=ImportWarning)  # badcrossbar's plots need cairo
    rows, found = table(quick), choices(quick)
    if picture_file:
        picture_file.write_text(plot(rows), encoding="utf-8")
    if tables_file:
        tables_file.write_text(tables(rows, found), encoding="utf-8")
    return [
        *of_table(rows),
        *shorts(quick),
        *gradients(),
        *backward(quick),
        *of_choices(found),
        Figure("load of the machine", os.getloadavg()[0], f"on {os.cpu_count()} processors", "",
               None, "at the end; disturbs even processor times, through caches and memory"),
    ]  # fmt: skip


def run() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="Our solver beside others")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--quick", action="store_true", help="up to 128 x 128, one minute or two")
    parser.add_argument("--plot", type=Path, help="write the picture, SVG, of time against cells")
    parser.add_argument("--tables", type=Path, help="write the tables, Markdown")
    options = parser.parse_args()
    if any(os.environ.get(name) != value for name, value in ONE_THREAD.items()):
        # They are read when numpy is loaded, so once more from the start.
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | ONE_THREAD)
    sys.argv[1:] = ["--json"] if options.json else []
    main("The solver", lambda: measure(options.quick, options.plot, options.tables))


if __name__ == "__main__":
    run()
