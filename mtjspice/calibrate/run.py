"""The whole way of a calibration: plan, ngspice, fit, judge, card, report. `mtjspice calibrate`."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr

from mtjspice.calibrate.errors import Reads
from mtjspice.calibrate.fit import failures_of, fit_card, judged_reads, with_errors
from mtjspice.calibrate.plan import HELD_INPUTS, NEW_TILES, SHORTED, Run, make_plan
from mtjspice.collect.simulator import Simulator
from mtjspice.data.figures import Figure, Verdict, at_least, at_most, verdict_of
from mtjspice.data.outputs import Outputs
from mtjspice.netlist.deck import build_deck
from mtjspice.netlist.identity import inputs_digest
from mtjspice.report.calibration import CalibrationStory, WorstCase, write_calibration
from mtjspice.spec.calibration import Calibration
from mtjspice.spec.experiment import Experiment
from mtjspice.surrogate.card import SUFFIX, Card, save_card
from mtjspice.surrogate.expansion import Level

Progress = Callable[[str, int, int], None]
"""Called with (what is being done, steps done, steps in all)."""
MEASURES = {
    "rms": ("RMS error", "of full scale"),
    "p999": ("99.9th percentile of the error", "of full scale"),
    "maximum": ("largest error", "of full scale"),
    "equal_signs": ("equal signs of differences", "share"),
    "equal_codes": ("equal ADC codes", "share"),
}
"""Of a group of runs, in words, and their units."""
WORST = 6
"""Cases whose netlists are kept."""


@dataclass(frozen=True)
class Calibrated:
    """What a calibration came to.

    Attributes:
        verdict: what the limits come to.
        card: the card.
        path: of its file.
        figures: the stated numbers, with limits.
        failures: a line for each simulation that failed.
        report: the page.
    """

    verdict: Verdict
    card: Card
    path: Path
    figures: list[Figure]
    failures: list[str]
    report: Path


def run_calibration(
    spec: Calibration,
    out: Path,
    *,
    jobs: int | None = None,
    pool: Executor | None = None,
    progress: Progress | None = None,
) -> Calibrated:
    """Run the plan in ngspice, fit the card, hold it against what it was not fitted to.

    Simulations that are in `out` already are not run again, so that a run that was cut off goes on
    where it was.

    Args:
        spec: circuit, plan and limits.
        out: folder of the card, the report and the simulations; made if it is missing.
        jobs: local worker processes; all processors if left out.
        pool: where simulations run, in the place of local workers.
        progress: told of each step.

    Raises:
        InputError: if a card of transistors does not fit, before anything is written, or if a
            circuit cannot be built.
        SimulatorError: if ngspice is missing, or if too many simulations fail.
    """
    tell = progress or (lambda what, done, total: None)
    plan = make_plan(spec)
    inputs_digest(plan[0].experiment)  # every run has the same transistors
    outputs = Outputs(out)
    start = time.perf_counter()
    store = out / "simulations"
    with Simulator(jobs=jobs, store=store, limits=spec.ngspice, pool=pool) as simulator:
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
    if failures:  # also when too much did for a card
        outputs.write("failures.txt", "\n".join(failures) + "\n")
    start = time.perf_counter()
    fitted, followed = fit_card(spec, plan, results, info)
    levels: tuple[Level, ...] = ("full", "linear")
    read: dict[Level, dict[str, list[Reads]]] = {
        level: judged_reads(fitted, level, plan, results) for level in levels
    }
    card = with_errors(fitted, read)
    figures = judge(card, followed)
    broken = tuple(figure.name for figure in figures if figure.holds is False)
    card, reads = card.replace(broken=broken), read["full"]
    times["fit"] = time.perf_counter() - start
    path = out / f"{spec.name}{SUFFIX}"
    save_card(card, path)
    worst = _worst_cases(outputs, [one for group in reads.values() for one in group])
    report = write_calibration(
        CalibrationStory(
            card=card,
            figures=figures,
            failures=failures,
            reads={group: _pooled(of_group) for group, of_group in reads.items()},
            worst=worst,
            times=times,
            simulations=counts,
            keys=keys,
        ),
        out,
        outputs.close(),
    )
    return Calibrated(verdict_of(figures), card, path, figures, failures, report)


def judge(card: Card, followed: dict[str, float]) -> list[Figure]:
    """The held-out errors against the limits of the spec.

    A limit on runs that all failed does not hold.
    """
    limits, figures = card.circuit.limits, []
    asked: dict[tuple[str, str], float | None] = {
        (NEW_TILES, "rms"): limits.new_tiles_rms,
        (NEW_TILES, "p999"): limits.new_tiles_p999,
        (NEW_TILES, "maximum"): limits.new_tiles_max,
        (HELD_INPUTS, "rms"): limits.new_inputs_rms,
        (HELD_INPUTS, "maximum"): limits.new_inputs_max,
        (SHORTED, "rms"): limits.shorts_rms,
        (NEW_TILES, "equal_signs"): limits.equal_signs,
        (HELD_INPUTS, "equal_signs"): limits.equal_signs,
    }
    for line in card.errors:
        how = f"{line.tiles} tiles, {line.reads} output currents; surrogate − ngspice"
        for measure, (word, unit) in MEASURES.items():
            value = getattr(line, measure)
            if value is None:
                continue
            bound = asked.pop((line.group, measure), None) if line.level == "full" else None
            kind = at_least if measure.startswith("equal") else at_most
            figures.append(kind(f"{line.group}, {line.level}: {word}", value, bound, unit, how))
    for (group, measure), bound in asked.items():
        if bound is not None:
            name, why = (
                f"{group}, full: {MEASURES[measure][0]}",
                "no run of this group succeeded, or none has such a value",
            )
            figures.append(Figure(name, "not known", "", f"{bound:g}", False, why))
    for device, volts in followed.items():
        how = "fit of the access device against its sweeps in ngspice"
        figures.append(at_most(f"access device, {device} thresholds", volts, None, "V", how))
    share = 1 - len(card.failed) / card.planned
    how = f"{card.planned} planned, {len(card.failed)} failed"
    least = limits.completed - 1e-9
    figures.append(at_least("simulations completed", share, least, "share", how))
    return figures


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


def _worst_cases(outputs: Outputs, reads: Sequence[Reads]) -> list[WorstCase]:
    """The worst read of the worst runs, each with a netlist of that one vector."""
    ranked = sorted(reads, key=lambda one: -float(np.abs(one.errors).max()))[:WORST]
    cases = []
    for rank, one in enumerate(ranked, start=1):
        vector, column = np.unravel_index(int(np.abs(one.errors).argmax()), one.errors.shape)
        netlist = build_deck(_one_vector(one.run, one.volts[int(vector)])).text
        cases.append(
            WorstCase(
                name=one.run.name,
                vector=one.run.fitted + int(vector),
                column=int(column),
                ngspice=float(one.ngspice[vector, column]),
                surrogate=float(one.surrogate[vector, column]),
                error=float(one.errors[vector, column]),
                netlist=outputs.write(f"worst/{rank}.cir", netlist),
            )
        )
    return cases


def _one_vector(run: Run, volts: np.ndarray) -> Experiment:
    stimulus = run.experiment.stimulus.replace(volts=volts[None])
    return run.experiment.replace(stimulus=stimulus)
