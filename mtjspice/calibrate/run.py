"""The whole way of a calibration: plan, ngspice, fit, judge, card, report. `mtjspice calibrate`."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr

from mtjspice.calibrate.errors import Reads
from mtjspice.calibrate.fit import failures_of, fit_card, judged_reads, with_errors
from mtjspice.calibrate.plan import DEFECTIVE, HELD_INPUTS, NEW_TILES, SHORTED, Run, make_plan
from mtjspice.collect.simulator import Simulator
from mtjspice.data.figures import Figure, at_least, at_most
from mtjspice.data.files import make_folder, write_text
from mtjspice.netlist.deck import build_deck
from mtjspice.report.calibration import CalibrationStory, WorstCase, write_calibration
from mtjspice.spec.calibration import Calibration
from mtjspice.spec.experiment import Experiment
from mtjspice.surrogate.card import SUFFIX, Card, save_card

Progress = Callable[[str, int, int], None]
"""Called with (what is being done, steps done, steps in all)."""
WORST = 6
"""Cases whose netlists are kept."""
JUDGED = (NEW_TILES, HELD_INPUTS, DEFECTIVE, SHORTED)


@dataclass(frozen=True)
class Calibrated:
    """What a calibration came to.

    Attributes:
        passed: whether every limit holds.
        card: the card.
        path: of its file.
        figures: the stated numbers, with limits.
        failures: a line for each simulation that failed.
        report: the page.
    """

    passed: bool
    card: Card
    path: Path
    figures: list[Figure]
    failures: list[str]
    report: Path


def run_calibration(
    spec: Calibration, out: Path, *, jobs: int | None = None, progress: Progress | None = None
) -> Calibrated:
    """Run the plan in ngspice, fit the card, hold it against what it was not fitted to.

    Simulations that are in `out` already are not run again, so that a run that was cut off goes on
    where it was.

    Raises:
        InputError: if a circuit cannot be built; nothing is written then.
        SimulatorError: if ngspice is missing, or if too many simulations fail.
    """
    tell = progress or (lambda what, done, total: None)
    plan = make_plan(spec)
    make_folder(out)
    start = time.perf_counter()
    with Simulator(jobs=jobs, store=out / "simulations") as simulator:
        found = simulator.attempt(
            [run.experiment for run in plan], lambda done, total: tell("ngspice", done, total)
        )
        times = {"ngspice": time.perf_counter() - start}
        info, counts = str(simulator.info), {"run": simulator.ran, "found": simulator.found}
        keys = list(simulator.keys)
    results = {
        run.name: one for run, one in zip(plan, found, strict=True) if isinstance(one, xr.Dataset)
    }
    failures = failures_of(plan, found)
    _keep_failures(out, failures)
    start = time.perf_counter()
    fitted, followed = fit_card(spec, plan, results, info)
    card = with_errors(fitted, plan, results)
    reads = judged_reads(card, "full", plan, results)
    figures = judge(card, followed)
    times["fit"] = time.perf_counter() - start
    path = out / f"{spec.name}{SUFFIX}"
    save_card(card, path)
    report = write_calibration(
        CalibrationStory(
            card=card,
            figures=figures,
            failures=failures,
            reads={group: _pooled(of_group) for group, of_group in reads.items()},
            worst=_worst_cases(out, [one for group in reads.values() for one in group]),
            times=times,
            simulations=counts,
            keys=keys,
        ),
        out,
    )
    passed = all(figure.holds is not False for figure in figures)
    return Calibrated(passed, card, path, figures, failures, report)


def judge(card: Card, followed: dict[str, float]) -> list[Figure]:
    """The held-out errors against the limits of the spec."""
    limits, figures = card.circuit.limits, []
    bounds = {
        (NEW_TILES, "rms"): limits.new_tiles_rms,
        (NEW_TILES, "p999"): limits.new_tiles_p999,
        (NEW_TILES, "maximum"): limits.new_tiles_max,
        (HELD_INPUTS, "rms"): limits.new_inputs_rms,
        (HELD_INPUTS, "maximum"): limits.new_inputs_max,
        (SHORTED, "rms"): limits.shorts_rms,
    }
    words = {
        "rms": "RMS error",
        "p999": "99.9th percentile of the error",
        "maximum": "largest error",
    }
    for line in card.errors:
        how = (
            f"{line.tiles} tiles, {line.reads} output currents, surrogate ({line.level}) − ngspice"
        )
        full = line.level == "full"
        name = f"{line.group}, {line.level}"
        for measure, word in words.items():
            bound = bounds.get((line.group, measure)) if full else None
            value = getattr(line, measure)
            figures.append(at_most(f"{name}: {word}", value, bound, "of full scale", how))
        least = limits.equal_signs if full and line.group in (NEW_TILES, HELD_INPUTS) else None
        text = "equal signs of differences"
        figures.append(at_least(f"{name}: {text}", line.equal_signs, least, "share", how))
        if line.equal_codes is not None:
            how += f", {card.circuit.adc.bits} bits"
            figures.append(
                at_least(f"{name}: equal ADC codes", line.equal_codes, None, "share", how)
            )
    for kind, volts in followed.items():
        how = "fit of the access device against its sweeps in ngspice"
        figures.append(at_most(f"access device, {kind} thresholds", volts, None, "V", how))
    share = 1 - len(card.failed) / card.planned
    how = f"{card.planned} planned, {len(card.failed)} failed"
    figures.append(at_least("simulations completed", share, limits.completed, "share", how))
    return figures


def _keep_failures(out: Path, failures: list[str]) -> None:
    """A list of what failed, also when too much did for a card; none where nothing did."""
    path = out / "failures.txt"
    if failures:
        write_text(path, "\n".join(failures) + "\n")
    else:
        path.unlink(missing_ok=True)


def _pooled(reads: Sequence[Reads]) -> dict[str, np.ndarray]:
    """Reads of a group as flat arrays: error, current (shares of full scale), column, row count."""
    return {
        "error": np.concatenate([one.errors.ravel() for one in reads]),
        "current": np.concatenate([(one.ngspice / one.full_scale).ravel() for one in reads]),
        "column": np.concatenate(
            [np.broadcast_to(np.arange(one.errors.shape[1]), one.errors.shape).ravel()
             for one in reads]
        ),
        "cells": np.concatenate(
            [np.full(one.errors.size, one.volts.shape[1] * one.errors.shape[1]) for one in reads]
        ),
    }  # fmt: skip


def _worst_cases(out: Path, reads: Sequence[Reads]) -> list[WorstCase]:
    """The worst read of the worst runs, each with a netlist of that one vector."""
    folder = make_folder(out / "worst")
    for old in folder.glob("*.cir"):
        old.unlink()
    ranked = sorted(reads, key=lambda one: -float(np.abs(one.errors).max()))[:WORST]
    cases = []
    for rank, one in enumerate(ranked, start=1):
        vector, column = np.unravel_index(int(np.abs(one.errors).argmax()), one.errors.shape)
        file = folder / f"{rank}.cir"
        write_text(file, build_deck(_one_vector(one.run, one.volts[int(vector)])).text)
        cases.append(
            WorstCase(
                name=one.run.name,
                vector=one.run.fitted + int(vector),
                column=int(column),
                ngspice=float(one.ngspice[vector, column]),
                surrogate=float(one.surrogate[vector, column]),
                error=float(one.errors[vector, column]),
                netlist=f"worst/{file.name}",
            )
        )
    return cases


def _one_vector(run: Run, volts: np.ndarray) -> Experiment:
    stimulus = run.experiment.stimulus.replace(volts=volts[None])
    return run.experiment.replace(stimulus=stimulus)
