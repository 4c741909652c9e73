"""Nodal solver and surrogate against SPICE: how close, how fast.

    python benchmarks/surrogate.py [--json] [--plot FILE.svg]

The calibration of die20k is run as `mtjspice calibrate` does it, in ``out/``; its simulations are
found again when the benchmark is repeated. Times are medians of interleaved rounds on one thread.
"""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from promises import REPOSITORY, Measured, main
from reference import closed_form

from mtjspice.calibrate.findings import CalibrationStory
from mtjspice.calibrate.plan import NEW_TILES, make_plan
from mtjspice.calibrate.run import run_calibration
from mtjspice.collect import Simulator
from mtjspice.report.canvas import IDEAL, SPICE, as_svg, picture
from mtjspice.solver import nodal
from mtjspice.solver.access import AccessModel
from mtjspice.solver.array import array_of, at_rest
from mtjspice.spec import (
    Calibration,
    Crossbar,
    Defect,
    Die,
    Experiment,
    Line,
    Mtj,
    PassiveCell,
    ProgrammedTile,
    Stimulus,
    read_spec,
)
from mtjspice.surrogate.card import nominal_full_scale
from mtjspice.surrogate.expansion import expand
from mtjspice.verdicts.figures import Figure, at_least, at_most

DIE20K = REPOSITORY / "examples" / "die20k" / "calibration.toml"
GATED = Path(__file__).parent / "gated.toml"
LARGE = 1000
"""Vectors at a time for the fast levels."""


def measure() -> Measured:
    """Every figure."""
    torch.set_num_threads(1)
    die20k = calibrated(DIE20K)
    gated = calibrated(GATED)
    figures = [
        *(f for f in die20k.figures if f.limit),
        *stated(die20k),
        *closed_forms(die20k, DIE20K),
        *nodal_against_ngspice(die20k, gated),
    ]
    times = speeds(die20k)
    return Measured([*figures, *ratios(times)], plot(times))


def calibrated(path: Path) -> CalibrationStory:
    """A calibration, with the simulations that are there already."""
    spec = read_spec(path, Calibration)
    return run_calibration(spec, folder_of(spec))


def folder_of(spec: Calibration) -> Path:
    """Where `make cards` leaves a calibration, with its simulations."""
    return REPOSITORY / "out" / f"{spec.name}-card"


def stated(outcome: CalibrationStory) -> list[Figure]:
    """Shares that are stated without a limit: equal codes, tiles with shorts and other defects."""
    wanted = ("equal ADC codes", "shorts, full", "defects, full")
    return [f for f in outcome.figures if not f.limit and any(word in f.name for word in wanted)]


# Against ngspice --------------------------------------------------------------------------------


def nodal_against_ngspice(die20k: CalibrationStory, gated: CalibrationStory) -> list[Figure]:
    """Largest current error of the nodal solver with defects of every kind."""
    line = Line(resistance=2.0, end=50.0)
    ohmic, biased = Mtj(v_half=float("inf")), Mtj()
    circuits: list[tuple[str, float, Experiment, AccessModel | None]] = []
    for size in (15, 25, 64):
        for name, cell, limit in (
            ("ohmic passive", PassiveCell(mtj=ohmic), 1e-6),
            ("bias-dependent passive", PassiveCell(mtj=biased), 1e-5),
        ):
            array = Crossbar(rows=size, columns=size, cell=cell, row=line, column=line)
            circuits.append((f"{name}, {size} x {size}", limit, broken(array), None))
        for card in (gated.card, die20k.card):
            crossbar = card.circuit.crossbar.replace(rows=size, columns=size)
            experiment = broken(crossbar).replace(
                periphery=card.circuit.periphery, technology=card.circuit.technology
            )
            name = f"{crossbar.cell.kind.replace('_', ' ')} BSIM4, {size} x {size}"
            circuits.append((name, 1e-4, experiment, card.access))
    with Simulator(store=REPOSITORY / "out" / "nodal") as simulator:
        results = simulator.run([experiment for _, _, experiment, _ in circuits])
    figures = []
    for (name, limit, experiment, access), result in zip(circuits, results, strict=True):
        volts = torch.from_numpy(experiment.stimulus.volts.copy())
        ours = nodal.read(array_of([experiment], access), volts)[0].numpy()
        off = np.abs(ours - result["current"].to_numpy()).max() / full_scale(experiment)
        how = f"{len(volts)} vectors, every kind of defect, spread, mismatch"
        figures.append(at_most(f"nodal − SPICE: {name}", float(off), limit, "of full scale", how))
    return figures


def broken(crossbar: Crossbar) -> Experiment:
    """A random tile with wires, spread, mismatch, and defects of every kind."""
    size = crossbar.rows
    chance = np.random.default_rng(size)
    cells = chance.permutation(size * size)[:12]
    kinds = ["short", "open", "stuck_p", "stuck_ap"] * 3
    defects = [
        Defect(kind=kind, row=int(cell) // size, column=int(cell) % size)
        for kind, cell in zip(kinds, cells, strict=True)
    ]
    defects += [
        Defect(kind="dead_row", row=3),
        Defect(kind="dead_column", column=5),
        Defect(kind="bridged_rows", row=7, column=9),
        Defect(kind="bridged_columns", row=8, column=11),
    ]
    gated = not isinstance(crossbar.cell, PassiveCell)
    return Experiment(
        crossbar=crossbar,
        tile=ProgrammedTile(states=chance.integers(0, 2, (size, size))),
        stimulus=Stimulus(volts=chance.uniform(-0.1, 0.1, (20 if size < 64 else 5, size))),
        die=Die(
            sigma_ln_rp=0.05, sigma_ln_tmr=0.05, mismatch=float(gated), seed=size,
            defects=tuple(defects),
        ),
    )  # fmt: skip


def full_scale(experiment: Experiment) -> float:
    """Of an array, A."""
    crossbar = experiment.crossbar
    return nominal_full_scale(crossbar.cell.mtj, crossbar.rows, experiment.stimulus.read_voltage)


def closed_forms(outcome: CalibrationStory, path: Path) -> list[Figure]:
    """RMS error of the literature's models on the tiles that the surrogate is judged on."""
    card = outcome.card
    spec = read_spec(path, Calibration)
    models: dict[str, Callable[..., np.ndarray]] = {
        "Jeong": closed_form.jeong,
        "Jeong, cell by cell": closed_form.jeong_cells,
        "DMR": closed_form.dmr,
        "αβ": closed_form.alpha_beta,
    }
    errors: dict[str, list[np.ndarray]] = {name: [] for name in models}
    runs = [run for run in make_plan(spec) if run.group == NEW_TILES]
    with Simulator(store=folder_of(spec) / "simulations") as simulator:
        results = simulator.run([run.experiment for run in runs])
    for run, result in zip(runs, results, strict=True):
        experiment, x = run.experiment, run.experiment.crossbar
        array = array_of([experiment], card.access)
        cells = at_rest(array).cells.linear[0].numpy()  # with the access devices, at no extra cost
        end = x.column.end + (card.amplifier.input_resistance if card.amplifier else 0.0)
        for name, model in models.items():
            matrix = model(cells, x.row.r, x.column.r, x.row.end, end)
            off = experiment.stimulus.volts @ matrix - result["current"].to_numpy()
            errors[name].append(off / full_scale(experiment))
    rms = {name: float(np.sqrt(np.mean(np.square(off)))) for name, off in errors.items()}
    best = min(rms, key=lambda name: rms[name])
    figures = [
        at_most(f"closed form, {name}: RMS error", value, None, "of full scale",
                f"{len(runs)} new tiles of die20k against SPICE, cells with their access devices")
        for name, value in rms.items()
    ]  # fmt: skip
    for line in card.errors:
        if line.group == NEW_TILES and line.level != "nodal":
            cost = "one product, as theirs" if line.level == "linear" else "nine products"
            how = f"best closed form: {best}, RMS {rms[best]:.2e}; the surrogate costs {cost}"
            bound = 10.0 if line.level == "linear" else None
            name = f"RMS of the best closed form / surrogate ({line.level})"
            figures.append(at_least(name, rms[best] / line.rms, bound, "times", how))
    return figures


# Time -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Speed:
    """Seconds per vector of each level at one size."""

    size: int
    seconds: dict[str, float]


def speeds(outcome: CalibrationStory) -> list[Speed]:
    """Every level on the same tiles, in turn."""
    card = outcome.card
    return [speed(card.circuit, card.access, size) for size in (8, 16, 25, 32, 64)]


def speed(circuit: Calibration, access: AccessModel | None, size: int) -> Speed:
    """Median seconds per vector over rounds in which all levels take their turn."""
    tiles = 32 if size <= 32 else 8
    crossbar = circuit.crossbar.replace(rows=size, columns=size)
    chance = np.random.default_rng(size)
    few = 60 if size <= 32 else 6
    volts = chance.uniform(-0.1, 0.1, (LARGE, size))
    experiments = [
        Experiment(
            crossbar=crossbar,
            tile=ProgrammedTile(states=chance.integers(0, 2, (size, size)), index=k),
            stimulus=Stimulus(volts=volts[:few]),
            die=circuit.die.replace(seed=k),
            periphery=circuit.periphery,
            technology=circuit.technology,
        )
        for k in range(tiles)
    ]
    with torch.no_grad():
        array = array_of(experiments, access)
        single = array_of(experiments[:1], access)
        exact = expand(array)
        made = exact.to(torch.float32)
        ideal = array.cells.at_rest().float()
        many = torch.from_numpy(volts).float().expand(tiles, -1, -1).contiguous()
        some = torch.from_numpy(volts[:100])
        routes: dict[str, tuple[Callable[[], object], int]] = {
            "ideal": (lambda: many @ ideal, tiles * LARGE),
            "surrogate, linear": (lambda: many @ made.linear, tiles * LARGE),
            "surrogate, full": (lambda: made.currents(many, many @ made.linear), tiles * LARGE),
            "nodal": (lambda: nodal.read(single, some), len(some)),
        }
        times: dict[str, list[float]] = {name: [] for name in (*routes, "ngspice")}
        with Simulator(jobs=1) as simulator:
            for k in range(4):
                for name, (route, vectors) in routes.items():
                    start = time.perf_counter()
                    route()
                    times[name].append((time.perf_counter() - start) / vectors)
                simulator.run([experiments[k]])
                times["ngspice"].append(simulator.seconds / few)
                simulator.seconds = 0.0
    return Speed(size, {name: statistics.median(each[1:]) for name, each in times.items()})


def ratios(times: list[Speed]) -> list[Figure]:
    """How much faster than the ngspice sweep each level is."""
    figures = []
    for one in times:
        seconds = one.seconds
        for name in ("surrogate, full", "surrogate, linear", "nodal"):
            bound = 1e4 if (one.size, name) == (25, "surrogate, full") else None
            title = f"ngspice sweep / {name}, {one.size} x {one.size}"
            how = f"per vector, die20k's cells; fast levels float32, {LARGE} vectors a tile: "
            how += ", ".join(f"{n} {1e6 * t:.3g} µs" for n, t in seconds.items())
            figures.append(at_least(title, seconds["ngspice"] / seconds[name], bound, "times", how))
    return figures


def plot(times: list[Speed]) -> str:
    """Time per vector against the number of cells, both logarithmic."""
    styles = {
        "ngspice": (SPICE, "-", "o"),
        "nodal": ("#5fa38f", "-.", "^"),
        "surrogate, full": (IDEAL, "-", "s"),
        "surrogate, linear": (IDEAL, "--", "D"),
        "ideal": ("#1b2a49", ":", "v"),
    }
    cells = [one.size**2 for one in times]
    with picture(9.5, 5.0) as (canvas, (axis,)):
        for name, (colour, style, mark) in styles.items():
            seconds = [one.seconds[name] for one in times]
            axis.loglog(cells, seconds, style, marker=mark, color=colour, label=name)
        axis.set_xticks(cells, [f"{one.size}²" for one in times])
        axis.minorticks_off()
        axis.set_xlabel("cells of a tile (2T-1MTJ, BSIM4, wires, amplifier)")
        axis.set_ylabel("time per input vector, s")
        axis.set_title("From 25² on ngspice takes over 10⁴ times as long as the full surrogate")
        axis.grid(alpha=0.3)
        axis.legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
        return as_svg(canvas)


if __name__ == "__main__":
    main("nodal solver and surrogate", measure)
