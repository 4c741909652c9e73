"""The whole way of a calibration: plan, SPICE, fit, judge, card, report. `mtjspice calibrate`."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from pathlib import Path

import numpy as np
import xarray as xr

from mtjspice.calibrate.errors import Reads
from mtjspice.calibrate.findings import CalibrationStory, WorstCase
from mtjspice.calibrate.fit import failures_of, fit_card, judged_card
from mtjspice.calibrate.held import reach, statement
from mtjspice.calibrate.judge import judge, verdict_of_card
from mtjspice.calibrate.page import write_calibration
from mtjspice.calibrate.plan import Run, make_plan
from mtjspice.calibrate.searched import searched_runs
from mtjspice.collect.simulator import Simulator
from mtjspice.data.outputs import Outputs
from mtjspice.netlist.deck import build_deck
from mtjspice.netlist.identity import inputs_digest
from mtjspice.spec.calibration import Calibration
from mtjspice.spec.experiment import Experiment
from mtjspice.surrogate.card import SUFFIX, save_card

Progress = Callable[[str, int, int], None]
"""Called with (what is being done, steps done, steps in all)."""
WORST = 6
"""Cases whose netlists are kept."""


def run_calibration(
    spec: Calibration,
    out: Path | None = None,
    *,
    jobs: int | None = None,
    pool: Executor | None = None,
    progress: Progress | None = None,
) -> CalibrationStory:
    """Run the plan in SPICE, fit the card, hold it against what it was not fitted to.

    The inputs of some runs are searched with the card as it was fitted, and follow the others.
    Simulations that are in `out` already are not run again, so that a run that was cut off goes on
    where it was.

    Args:
        spec: circuit, plan and limits.
        out: folder of the card, by `card_path`, the report and the simulations; made if it is
            missing. Nothing is written if it is left out.
        jobs: local worker processes; all processors if left out.
        pool: where simulations run, in the place of local workers.
        progress: told of each step.

    Raises:
        InputError: if a card of transistors does not fit, before anything is written, or if a
            circuit cannot be built.
        SimulatorError: if the simulator is missing, or if too many simulations fail.
    """
    plan = make_plan(spec)
    inputs_digest(plan[0].experiment)  # every run has the same transistors
    outputs = None if out is None else Outputs(out)
    store = None if out is None else out / "simulations"
    with Simulator(jobs=jobs, store=store, limits=spec.simulator, pool=pool) as simulator:
        done = _Simulated(simulator, outputs, progress or (lambda what, done, total: None))
        story = _calibrated(spec, plan, done)
    if outputs is None:
        return story
    save_card(story.card, card_path(spec, outputs.folder))
    return write_calibration(story, outputs)


class _Simulated:
    """Runs in SPICE.

    Args:
        simulator: that runs them.
        outputs: where failures are written, also where too much failed for a card.
        tell: of progress.

    Attributes:
        results: by the name of the run.
        failures: a line for each that failed.
        seconds: of all of them together, wall.
    """

    def __init__(self, simulator: Simulator, outputs: Outputs | None, tell: Progress):
        self.simulator, self._outputs, self._tell = simulator, outputs, tell
        self.results: dict[str, xr.Dataset] = {}
        self.failures: list[str] = []
        self.seconds = 0.0

    def add(self, runs: Sequence[Run], what: str) -> None:
        """Simulate further runs."""
        begun = time.perf_counter()
        found = self.simulator.attempt(
            [run.experiment for run in runs], lambda done, total: self._tell(what, done, total)
        )
        self.seconds += time.perf_counter() - begun
        self.results.update(
            (run.name, one)
            for run, one in zip(runs, found, strict=True)
            if isinstance(one, xr.Dataset)
        )
        failed = failures_of(runs, found)
        self.failures.extend(failed)
        if failed and self._outputs is not None:
            self._outputs.write("failures.txt", "\n".join(self.failures) + "\n")


def _calibrated(spec: Calibration, plan: Sequence[Run], done: _Simulated) -> CalibrationStory:
    """Simulate, fit, search, simulate again, judge."""
    simulator, times = done.simulator, dict[str, float]()
    done.add(plan, "spice")
    start = time.perf_counter()
    fitted, followed = fit_card(spec, plan, done.results, str(simulator.info))
    times["fit"] = time.perf_counter() - start
    start = time.perf_counter()
    searched = searched_runs(fitted, spec)
    times["search"] = time.perf_counter() - start
    done.add(searched, "SPICE, searched inputs")
    start = time.perf_counter()
    card, reads = judged_card(fitted, [*plan, *searched], done.results)
    figures = judge(card, reads, followed)
    card = card.replace(broken=tuple(f.name for f in figures if f.holds is False))
    worst, netlists = _worst_cases([one for group in reads.values() for one in group])
    times["judge"] = time.perf_counter() - start
    verdict = verdict_of_card(card, figures)
    return CalibrationStory(
        verdict=verdict,
        statement=statement(card, verdict, figures),
        reach=reach(card, figures),
        card=card,
        figures=figures,
        failures=done.failures,
        reads={group: _pooled(of_group) for group, of_group in reads.items()},
        worst=worst,
        times={"spice": done.seconds, **times},
        simulations={"run": simulator.ran, "found": simulator.found},
        keys=list(simulator.keys),
        netlists=netlists,
    )


def card_path(spec: Calibration, out: Path) -> Path:
    """Where the card of a calibration lies in its folder."""
    return out / f"{spec.name}{SUFFIX}"


def _pooled(reads: Sequence[Reads]) -> dict[str, np.ndarray]:
    """Reads of a group as flat arrays: error, current (shares of full scale), column, row count."""
    return {
        "error": np.concatenate([one.errors.ravel() for one in reads]),
        "current": np.concatenate([(one.spice / one.full_scale).ravel() for one in reads]),
        "column": np.concatenate(
            [np.broadcast_to(np.arange(one.errors.shape[1]), one.errors.shape).ravel()
             for one in reads]
        ),
        "cells": np.concatenate(
            [np.full(one.errors.size, one.volts.shape[1] * one.errors.shape[1]) for one in reads]
        ),
    }  # fmt: skip


def _worst_cases(reads: Sequence[Reads]) -> tuple[list[WorstCase], dict[str, str]]:
    """The worst read of the worst runs; the netlist of each, of that one vector, by its file."""
    ranked = sorted(reads, key=lambda one: -float(np.abs(one.errors).max()))[:WORST]
    cases, netlists = [], {}
    for rank, one in enumerate(ranked, start=1):
        vector, column = np.unravel_index(int(np.abs(one.errors).argmax()), one.errors.shape)
        name = f"worst/{rank}.cir"
        netlists[name] = build_deck(_one_vector(one.run, one.volts[int(vector)])).text
        cases.append(
            WorstCase(
                name=one.run.name,
                vector=one.run.fitted + int(vector),
                column=int(column),
                spice=float(one.spice[vector, column]),
                surrogate=float(one.surrogate[vector, column]),
                error=float(one.errors[vector, column]),
                netlist=name,
            )
        )
    return cases, netlists


def _one_vector(run: Run, volts: np.ndarray) -> Experiment:
    stimulus = run.experiment.stimulus.replace(volts=volts[None])
    return run.experiment.replace(stimulus=stimulus)
