"""From results of the plan to a card."""

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np
import torch
import xarray as xr

from mtjspice.calibrate.access import fit_access
from mtjspice.calibrate.amplifier import fit_amplifier
from mtjspice.calibrate.errors import NOTHING, Judged, Reads, read_run, summary
from mtjspice.calibrate.plan import HELD_INPUTS, SEARCHED, Run, of_die
from mtjspice.data import versions
from mtjspice.errors import SimulationError, SimulatorError
from mtjspice.solver.access import AccessModel
from mtjspice.spec.calibration import Calibration
from mtjspice.surrogate.card import (
    AmplifierModel,
    Bound,
    Card,
    Correction,
    HeldOut,
    NodalErrors,
    Validity,
)
from mtjspice.surrogate.model import Surrogate, share_conducting_more
from mtjspice.surrogate.programmed import conducts_more

Results = Mapping[str, xr.Dataset]
"""Of the runs that succeeded, by name."""
RESOLVED = 1e-8
"""Share of the largest terms that SPICE still sees: Kirchhoff's law closes to that."""


def fit_card(
    spec: Calibration, plan: Sequence[Run], results: Results, simulator: str
) -> tuple[Card, dict[str, float]]:
    """Fit everything that is fitted; the card's errors and bounds are still to be found.

    Returns:
        The card; and how well access devices follow their sweeps, V.

    Raises:
        SimulatorError: if fewer runs succeeded than the spec asks for, or none of a kind that the
            fit cannot do without.
    """
    failed = tuple(run.name for run in plan if run.name not in results)
    if len(plan) - len(failed) < spec.limits.completed * len(plan) - 1e-9:
        raise SimulatorError(
            f"{len(failed)} of {len(plan)} simulations failed ({', '.join(failed)}); "
            f"a fit needs {100 * spec.limits.completed:g} % of them (limits.completed)"
        )
    access, followed = _access(spec, plan, results)
    blank = Card(
        name=spec.name,
        circuit=spec,
        access=access,
        amplifier=_amplifier(spec, results),
        validity=_validity(spec, plan, results, access),
        bound=Bound(
            margin=spec.bound.margin,
            expansion=spec.bound.expansion,
            nodal=NodalErrors(rms=0.0, bound=0.0),
            shorted=NodalErrors(rms=0.0, bound=0.0),
        ),
        planned=len(plan),
        failed=failed,
        data_key=_data_key(plan, results),
        versions=versions.of_everything(simulator),
    )
    tiles = [run for run in plan if run.group == HELD_INPUTS and run.name in results]
    if not tiles:
        raise SimulatorError("no tile of the calibration succeeded: there is nothing to fit to")
    return blank.replace(correction=_correction(blank, tiles, results)), followed


def judged_reads(
    card: Card, level: Judged, plan: Sequence[Run], results: Results
) -> dict[str, list[Reads]]:
    """All reads that were not fitted, by group."""
    groups: dict[str, list[Reads]] = {}
    for run in plan:
        if run.group in ("access", "amplifier") or run.name not in results:
            continue
        reads = read_run(card, level, run, results[run.name])
        groups.setdefault(run.group, []).append(reads.judged())
    return groups


def judged_card(
    fitted: Card, plan: Sequence[Run], results: Results
) -> tuple[Card, dict[str, list[Reads]]]:
    """The card with its held-out errors and bounds; and the reads of the surrogate, by group.

    The nodal solver is held against SPICE first: what it is off is part of every tile's bound.

    Args:
        fitted: what `fit_card` has made.
        plan: all runs, those with searched inputs as well.
        results: of those that succeeded.
    """

    def summaries(level: Judged, groups: Mapping[str, list[Reads]]) -> list[HeldOut]:
        return [summary(group, level, reads) for group, reads in groups.items()]

    nodal = judged_reads(fitted, "nodal", plan, results)
    of_nodal = summaries("nodal", nodal)
    card = fitted.replace(
        bound=_bound(fitted.bound, [one for reads in nodal.values() for one in reads]),
        planned=len(plan),
        failed=tuple(run.name for run in plan if run.name not in results),
        data_key=_data_key(plan, results),
    )
    full, linear = (judged_reads(card, level, plan, results) for level in ("full", "linear"))
    errors = (*summaries("full", full), *summaries("linear", linear), *of_nodal)
    return card.replace(errors=errors), full


def _bound(blank: Bound, reads: Sequence[Reads]) -> Bound:
    """The bounds of the nodal solver from its reads; tiles with shorts have the larger."""

    def errors(some: Sequence[Reads]) -> NodalErrors:
        usual: dict[str, list[float]] = {}
        for one in some:
            if not one.run.group.startswith(SEARCHED):
                usual.setdefault(one.run.group, []).append(float((one.errors**2).mean()))
        largest = max((float(np.abs(one.errors).max()) for one in some), default=0.0)
        largest = max(largest, NOTHING)  # below it is what the simulator leaves open
        rms = max((float(np.mean(squares)) ** 0.5 for squares in usual.values()), default=0.0)
        return NodalErrors(rms=rms, bound=blank.margin * largest)

    sound = [one for one in reads if not conducts_more(one.run.experiment)]
    return blank.replace(nodal=errors(sound), shorted=errors(reads))


def _access(
    spec: Calibration, plan: Sequence[Run], results: Results
) -> tuple[AccessModel | None, dict[str, float]]:
    runs = [run for run in plan if run.group == "access"]
    if not runs:
        return None, {}
    return fit_access(spec, [results.get(run.name) for run in runs])


def _amplifier(spec: Calibration, results: Results) -> AmplifierModel | None:
    if spec.periphery.amplifier is None:
        return None
    if "amplifier" not in results:
        raise SimulatorError("the sweep of the amplifier failed: it cannot be fitted")
    return fit_amplifier(spec, results["amplifier"])


def _validity(
    spec: Calibration, plan: Sequence[Run], results: Results, access: AccessModel | None
) -> Validity:
    """What was held against SPICE, and nothing more."""
    judged = [run.experiment for run in plan if run.group not in ("access", "amplifier")
              and run.name in results]  # fmt: skip
    kinds = {defect.kind for e in judged for defect in e.die.of_tile(e.tile.index)}
    return Validity(
        volts=spec.read_voltage,
        sizes=tuple(sorted({e.crossbar.shape for e in judged})),
        defects=tuple(sorted(kinds)),
        short_resistance=spec.die.short_resistance,
        bridge_resistance=spec.die.bridge_resistance,
        shorts=max((share_conducting_more(e) for e in judged), default=0.0),
        cells=spec.crossbar.rows * spec.crossbar.columns,
        access_current=None if access is None else access.current_scale,
        **of_die(spec.die),
    )


def _correction(card: Card, tiles: Sequence[Run], results: Results) -> Correction:
    """Least squares over the fitted vectors of all tiles of the calibration."""
    surrogate = Surrogate(card, "full")
    parts, wanted = [], []
    for run in tiles:
        n = run.fitted
        volts = torch.from_numpy(run.experiment.stimulus.volts[:n].copy())[None]
        with torch.no_grad():
            made = surrogate.expand(surrogate.array([run.experiment]))
        linear = volts @ made.linear
        own = made.own_part(volts)
        whole = made.currents(volts, linear)
        parts.append(torch.stack([linear, own, whole - linear - own], -1).reshape(-1, 3).numpy())
        wanted.append(results[run.name]["current"].to_numpy()[:n].ravel())
    matrix, target = np.concatenate(parts), np.concatenate(wanted)
    scale = np.abs(matrix).max(axis=0)
    # Terms that are too small for SPICE to see them say nothing of their factor.
    used = scale > RESOLVED * scale.max()
    factors = np.ones(3)
    found = np.linalg.lstsq(matrix[:, used] / scale[used], target, rcond=None)[0] / scale[used]
    factors[used] = np.round(found, 9)
    return Correction(linear=factors[0], own=factors[1], mixed=factors[2])


def _data_key(plan: Sequence[Run], results: Results) -> str:
    keys = [results[run.name].attrs["key"] for run in plan if run.name in results]
    return hashlib.sha256("\n".join(keys).encode()).hexdigest()


def failures_of(plan: Sequence[Run], found: Sequence[xr.Dataset | SimulationError]) -> list[str]:
    """A line for each simulation that failed: its name, why, and where its netlist is."""
    return [
        f"{run.name}: {one.reason}" + (f" ({one.run_dir})" if one.run_dir else "")
        for run, one in zip(plan, found, strict=True)
        if isinstance(one, SimulationError)
    ]
