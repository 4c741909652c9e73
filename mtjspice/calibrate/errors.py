"""The surrogate against ngspice: reads side by side, and what they say in a line."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import xarray as xr

from mtjspice.calibrate.plan import Run, nominal_full_scale
from mtjspice.device.converter import to_codes
from mtjspice.spec.calibration import Calibration
from mtjspice.surrogate.card import HeldOut
from mtjspice.surrogate.model import Level, Surrogate

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Reads:
    """Output currents of one run at both levels.

    Attributes:
        run: of the plan.
        volts: [vector, row], V above the reference.
        ngspice: [vector, column], A.
        surrogate: the same.
        full_scale: A.
        codes: (ngspice, surrogate) ADC codes [vector, column]; None without amplifiers.
    """

    run: Run
    volts: Floats
    ngspice: Floats
    surrogate: Floats
    full_scale: float
    codes: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]] | None

    @property
    def errors(self) -> Floats:
        """Surrogate minus ngspice, shares of full scale, [vector, column]."""
        return (self.surrogate - self.ngspice) / self.full_scale

    def judged(self) -> "Reads":
        """Without the vectors that were fitted."""
        n = self.run.fitted
        codes = None if self.codes is None else (self.codes[0][n:], self.codes[1][n:])
        return Reads(
            self.run, self.volts[n:], self.ngspice[n:], self.surrogate[n:], self.full_scale, codes
        )


def read_run(surrogate: Surrogate, spec: Calibration, run: Run, result: xr.Dataset) -> Reads:
    """What the surrogate says to the inputs of a run."""
    experiment = run.experiment
    programmed = surrogate.program([experiment])
    volts = torch.from_numpy(experiment.stimulus.volts.copy())
    with torch.no_grad():
        current = surrogate(volts, programmed)
        codes = None
        if surrogate.card.amplifier is not None:
            ours = surrogate.amplified(current)[0].numpy()
            theirs = result["amplifier_voltage"].to_numpy()
            codes = to_codes(theirs, spec.adc), to_codes(ours, spec.adc)
    mtj, rows = experiment.crossbar.cell.mtj, experiment.crossbar.rows
    return Reads(
        run=run,
        volts=experiment.stimulus.volts,
        ngspice=result["current"].to_numpy(),
        surrogate=current[0].numpy(),
        full_scale=nominal_full_scale(mtj, rows, spec.read_voltage),
        codes=codes,
    )


def summary(group: str, level: Level, reads: Sequence[Reads]) -> HeldOut:
    """The errors of a group of runs in a line."""
    errors = np.concatenate([one.errors.ravel() for one in reads])
    signs = np.concatenate([_equal_signs(one).ravel() for one in reads])
    coded = [one.codes for one in reads if one.codes is not None]
    equal = [(ours == theirs).ravel() for theirs, ours in coded]
    return HeldOut(
        group=group,
        level=level,
        tiles=len(reads),
        reads=errors.size,
        rms=float(np.sqrt((errors**2).mean())),
        p999=float(np.quantile(np.abs(errors), 0.999)),
        maximum=float(np.abs(errors).max()),
        equal_signs=float(signs.mean()),
        equal_codes=float(np.concatenate(equal).mean()) if equal else None,
    )


def _equal_signs(reads: Reads) -> npt.NDArray[np.bool_]:
    """Whether differences of neighbouring outputs have the same sign, [vector, pair]."""
    even = reads.ngspice.shape[1] // 2 * 2
    signs = [np.sign(x[:, 0:even:2] - x[:, 1:even:2]) for x in (reads.ngspice, reads.surrogate)]
    return np.asarray(signs[0] == signs[1])
