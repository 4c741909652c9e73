"""The surrogate against SPICE: reads side by side, and what they say in a line."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
import xarray as xr

from mtjspice.calibrate.plan import Run
from mtjspice.device.converter import at_limit, to_codes
from mtjspice.spec.base import Floats
from mtjspice.surrogate.card import Card, HeldOut, nominal_full_scale
from mtjspice.surrogate.model import Surrogate
from mtjspice.surrogate.programmed import solved

Codes = npt.NDArray[np.int64]
Judged = Literal["full", "linear", "nodal"]
"""Levels that are held against SPICE: two of the surrogate, and the solver beneath it."""
NOTHING = 1e-8
"""Differences of currents below this share of full scale are the simulator's own tolerance."""


@dataclass(frozen=True)
class Reads:
    """Output currents of one run, in SPICE and at a level.

    Attributes:
        run: of the plan.
        volts: [vector, row], V above the reference.
        spice: [vector, column], A.
        surrogate: the same.
        full_scale: A.
        codes: ADC codes of SPICE and of the surrogate, and which outputs are not clipped,
            [vector, column]; None without amplifiers.
        bound: of the errors, share of full scale; None at levels without one.
        by_nodal: whether the surrogate leaves the tile to the nodal solver.
    """

    run: Run
    volts: Floats
    spice: Floats
    surrogate: Floats
    full_scale: float
    codes: tuple[Codes, Codes, npt.NDArray[np.bool_]] | None
    bound: float | None = None
    by_nodal: bool = False

    @property
    def errors(self) -> Floats:
        """Surrogate minus SPICE, shares of full scale, [vector, column]."""
        return (self.surrogate - self.spice) / self.full_scale

    def judged(self) -> "Reads":
        """Without the vectors that were fitted."""
        n = self.run.fitted
        codes = None
        if self.codes is not None:
            theirs, ours, within = self.codes
            codes = theirs[n:], ours[n:], within[n:]
        return replace(
            self,
            volts=self.volts[n:],
            spice=self.spice[n:],
            surrogate=self.surrogate[n:],
            codes=codes,
        )


def read_run(card: Card, level: Judged, run: Run, result: xr.Dataset) -> Reads:
    """What a level says to the inputs of a run."""
    experiment, spec = run.experiment, card.circuit
    surrogate = Surrogate(card, "full" if level == "nodal" else level)
    volts = torch.from_numpy(experiment.stimulus.volts.copy())
    bound, by_nodal = None, False
    with torch.no_grad():
        if level == "nodal":
            current = solved(surrogate.array([experiment]), volts)
        else:
            programmed = surrogate.program([experiment])
            current = surrogate(volts, programmed)
            by_nodal = bool(programmed.nodal)
            if programmed.errors is not None:
                bound = float(programmed.errors.bound[0])
        codes = None
        if surrogate.card.amplifier is not None:
            ours = surrogate.amplified(current)[0].numpy()
            theirs = result["amplifier_voltage"].to_numpy()
            amplifier = spec.periphery.amplifier
            assert amplifier is not None
            within = ~at_limit(theirs, amplifier)
            codes = to_codes(theirs, spec.adc), to_codes(ours, spec.adc), within
    mtj, rows = experiment.crossbar.cell.mtj, experiment.crossbar.rows
    return Reads(
        run=run,
        volts=experiment.stimulus.volts,
        spice=result["current"].to_numpy(),
        surrogate=current[0].numpy(),
        full_scale=nominal_full_scale(mtj, rows, spec.read_voltage),
        bound=bound,
        by_nodal=by_nodal,
        codes=codes,
    )


def summary(group: str, level: Judged, reads: Sequence[Reads]) -> HeldOut:
    """The errors of a group of runs in a line.

    Args:
        group: its name.
        level: that was read.
        reads: one a run.
    """
    signals = np.concatenate([(one.spice / one.full_scale).ravel() for one in reads])
    over = [float(np.abs(one.errors).max()) / one.bound for one in reads if one.bound]
    errors = np.concatenate([one.errors.ravel() for one in reads])
    signs = np.concatenate([_equal_signs(one) for one in reads])
    codes = np.concatenate([_equal_codes(one) for one in reads])
    return HeldOut(
        group=group,
        level=level,
        tiles=len(reads),
        reads=errors.size,
        rms=float(np.sqrt((errors**2).mean())),
        p999=float(np.quantile(np.abs(errors), 0.999)),
        maximum=float(np.abs(errors).max()),
        equal_signs=float(signs.mean()) if signs.size else None,
        equal_codes=float(codes.mean()) if codes.size else None,
        differences=int(signs.size),
        signal=float(np.sqrt((signals**2).mean())),
        by_nodal=sum(one.by_nodal for one in reads),
        over_bound=max(over) if over else None,
    )


def _equal_signs(reads: Reads) -> npt.NDArray[np.bool_]:
    """Whether differences of neighbouring outputs have the same sign, where they are not zero."""
    even = reads.spice.shape[1] // 2 * 2
    theirs, ours = (x[:, 0:even:2] - x[:, 1:even:2] for x in (reads.spice, reads.surrogate))
    counts = np.abs(theirs) > NOTHING * reads.full_scale
    return np.asarray(np.sign(theirs[counts]) == np.sign(ours[counts]))


def _equal_codes(reads: Reads) -> npt.NDArray[np.bool_]:
    """Whether ADC codes are equal, where the amplifier is within its range."""
    if reads.codes is None:
        return np.zeros(0, dtype=np.bool_)
    theirs, ours, within = reads.codes
    return np.asarray((theirs == ours)[within])
