"""Borders et al. (2024): one set of weights for dies with defects. The entry of the command."""

import time
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

from mtjspice.collect.machine import checked_jobs
from mtjspice.data import versions
from mtjspice.data.mnist import find_mnist
from mtjspice.data.outputs import Outputs
from mtjspice.reproduce.borders2024.figures import figures_of
from mtjspice.reproduce.borders2024.findings import TIME, BordersStory
from mtjspice.reproduce.borders2024.page import write_borders
from mtjspice.reproduce.borders2024.runs import Progress, explore
from mtjspice.reproduce.borders2024.spec import Borders
from mtjspice.spec.toml import build_spec, changed
from mtjspice.spice.backends import probe
from mtjspice.surrogate.card import load_card
from mtjspice.train.orders import read_digits
from mtjspice.verdicts.figures import at_most

SPEC = "borders2024.toml"


def shipped_spec(*, quick: bool = False, digits: bool = False) -> Borders:
    """The spec that ships beside this module.

    Args:
        quick: with what its table ``quick`` changes.
        digits: with what its table ``digits`` changes, for the small bundled digits.
    """
    data = tomllib.loads(files(__package__).joinpath(SPEC).read_text(encoding="utf-8"))
    tables = {"quick": data.pop("quick"), "digits": data.pop("digits")}
    for name, wanted in (("quick", quick), ("digits", digits)):
        if wanted:
            data = _merged(data, tables[name])
    return build_spec(data, Borders, source=SPEC)


def reproduce_borders(
    out: Path,
    *,
    quick: bool = False,
    mnist: Path | None = None,
    digits: bool = False,
    seed: int | None = None,
    jobs: int | None = None,
    progress: Progress | None = None,
) -> BordersStory:
    """Train the networks, judge them on the dies, write the report.

    What has been computed in `out` before is found again by its key and not computed anew.

    Args:
        out: folder of the report, weights, dies and judgements; made if it is missing.
        quick: fewer and shorter trainings, fewer dies.
        mnist: folder of MNIST; what it lacks is downloaded. Without it, MNIST is downloaded beside
            `out`.
        digits: use the small bundled digits.
        seed: replaces the spec's.
        jobs: worker processes; all processors if left out.
        progress: told of each step.

    Raises:
        InputError: if anything given is wrong; nothing is written then but downloads.
        SimulatorError: if the simulator is missing or fails.
    """
    start = time.perf_counter()
    data = find_mnist(mnist, out.parent / "mnist", digits=digits)
    warnings: list[str] = []
    spec = shipped_spec(quick=quick, digits=digits)
    if seed is not None:
        spec = changed(spec, "--seed", seed=seed)
    if quick:
        warnings.append(
            "this is the quick run: its trainings are short and its dies few, and the limits are "
            "those of the whole run"
        )
    simulator = str(probe())
    workers = checked_jobs(jobs)
    found = explore(spec, out, data, workers, progress or (lambda what, done, total: None))
    found.times["all"] = time.perf_counter() - start
    minutes = found.times["all"] / 60
    how = (
        f"this run, {workers} workers; what was found from before costs nothing; not in the verdict"
    )
    wall = at_most(TIME, minutes, spec.limits.most_minutes, "minutes", how)
    story = BordersStory(
        spec=spec,
        data=read_digits(data).source,
        tile=load_card(spec.hardware.card).circuit.crossbar.shape,
        found=found,
        figures=[*figures_of(spec, found), wall],
        warnings=warnings + found.notes,
        versions=versions.of_everything(simulator),
    )
    write_borders(story, Outputs(out))
    return story


def _merged(data: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Tables in tables are merged, everything else replaced."""
    both = {k: _merged(data[k], v) if isinstance(v, dict) and k in data else v
            for k, v in changes.items()}  # fmt: skip
    return data | both
