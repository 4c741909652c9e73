"""The access device of gated cells, measured in SPICE: what to run, and what to fit to it.

An array of one cell whose junction is a short of known resistance leaves the access device alone
between two ideal sources. Sweeps at several potentials of the output line, with and without shifted
thresholds, give its voltage as a function of its current.
"""

from collections.abc import Sequence

import numpy as np
import torch
import xarray as xr

from mtjspice.device.variation import draw_normal
from mtjspice.errors import SimulatorError
from mtjspice.netlist.cards import read_card
from mtjspice.solver.access import AccessModel
from mtjspice.spec.base import Floats
from mtjspice.spec.calibration import Calibration
from mtjspice.spec.crossbar import Crossbar
from mtjspice.spec.defects import Shorted, kind_that
from mtjspice.spec.die import Defect, Die
from mtjspice.spec.experiment import Experiment
from mtjspice.spec.periphery import VirtualGround
from mtjspice.spec.stimulus import Stimulus
from mtjspice.spec.tile import ProgrammedTile

SHORT = 1.0
"""Resistance in the place of the junction, Ω; it is subtracted."""
POTENTIALS, VOLTS = 8, 40
"""Points of the sweeps, the second even: without current Kirchhoff's law has nothing to check."""
SHIFT_POTENTIALS = 3
POWERS = (5, 4)
"""Coefficients along current and potential: they leave less than 10⁻⁷ V in the cards that ship."""
SHIFT_POWERS = (3, 2)
LIKELY = 4.0
"""Threshold shifts up to so many standard deviations must leave the device monotone."""
MISMATCH = 3.0
"""Strength of the draws that show what threshold shifts do."""


def access_experiments(spec: Calibration) -> list[Experiment]:
    """The sweeps: first with nominal devices, then with shifted thresholds."""
    transistors = len(spec.crossbar.cell.transistors)
    nominal = [_sweep(spec, b, Die()) for b in _potentials(spec, POTENTIALS)]
    if spec.die.mismatch == 0:
        return nominal
    shifted = [
        _sweep(spec, b, Die(mismatch=MISMATCH, seed=seed))
        for seed in range(2 * transistors)
        for b in _potentials(spec, SHIFT_POTENTIALS)
    ]
    return nominal + shifted


def fit_access(
    spec: Calibration, results: Sequence[xr.Dataset | None]
) -> tuple[AccessModel, dict[str, float]]:
    """The coefficients, and how well they follow the sweeps; sweeps that failed are None.

    Raises:
        SimulatorError: if too few sweeps are there, or not those of a device that conducts.

    Returns:
        The model; and largest deviations in V: ``nominal`` of the nominal sweeps, ``shifted`` of
        the others.
    """
    experiments = access_experiments(spec)
    card = read_card(spec.technology)
    transistors = spec.crossbar.cell.transistors
    sigma = np.array([card.threshold_sigma(t) for t in transistors])
    shifting = spec.die.mismatch > 0 and bool(sigma.any())
    points = [
        _points(spec, e, sigma, r)
        for e, r in zip(experiments, results, strict=True)
        if r is not None
    ]
    drawn = [e.die.mismatch for e, r in zip(experiments, results, strict=True) if r is not None]
    enough = 2 * len(sigma) if shifting else 0
    if drawn.count(0.0) < POTENTIALS - 2 or len(drawn) - drawn.count(0.0) < enough:
        raise SimulatorError(
            "too many sweeps of the access device failed: it cannot be fitted "
            f"({len(drawn)} of {len(experiments)} are there)"
        )
    current, volts, potential, shifts = (np.concatenate(part) for part in zip(*points, strict=True))
    i_0, b_0 = float(np.abs(current).max()), spec.potential
    x, y = current / i_0, potential / b_0
    base, own = basis(x, y, POWERS), basis(x, y, SHIFT_POWERS)
    columns = [own * shift[:, None] for shift in shifts.T] if shifting else []
    whole = np.concatenate([base, *columns], axis=1)
    coefficients = np.linalg.lstsq(whole, volts / current, rcond=None)[0]
    off = np.abs((whole @ coefficients - volts / current) * current)
    coefficients = np.pad(coefficients, (0, own.shape[1] * (len(sigma) - len(columns))))
    of_base, *of_shifts = np.split(
        coefficients, base.shape[1] + own.shape[1] * np.arange(len(sigma))
    )
    as_lists = {"resistance": _sides(of_base, POWERS).tolist()}
    model = AccessModel(
        **as_lists,
        sensitivity=[_padded(_sides(part, SHIFT_POWERS)).tolist() for part in of_shifts],
        current_scale=i_0,
        potential_scale=b_0,
        threshold_sigma=sigma.tolist(),
    )
    _check_monotone(model)
    nominal = (shifts == 0).all(axis=1)
    followed = {"nominal": off[nominal], "shifted": off[~nominal]}
    return model, {kind: float(part.max()) for kind, part in followed.items() if part.size}


def _check_monotone(model: AccessModel) -> None:
    """See that the voltage rises with the current over the whole range, for any likely shift.

    Raises:
        SimulatorError: if it does not: the sweeps do not look like those of a transistor.
    """
    grid = torch.linspace(-1, 1, 101, dtype=torch.float64)
    current = (model.current_scale * grid)[:, None]
    potential = (model.potential_scale * grid)[None, :]
    sigma = torch.tensor(model.threshold_sigma, dtype=torch.float64)
    for strength in (-LIKELY, 0.0, LIKELY):
        device = model.device_law().with_shifts((strength * sigma)[None, None, None])
        slope, _ = device.slopes(current[None, None], potential[None, None])
        if not bool((slope > 0).all()):
            raise SimulatorError(
                "the access device's voltage does not rise with its current everywhere (least "
                f"slope {float(slope.min()):.3g} Ohm at {strength:g} sigma of threshold shift): "
                "is it switched on, and are access_volts and potential within its supply?"
            )


def basis(x: Floats, y: Floats, powers: tuple[int, int]) -> Floats:
    """[point, coefficient]: the powers common to both signs of x, then those of each."""
    common = [y**k for k in range(powers[1])]
    forward = [(x > 0) * x**j * y**k for j in range(1, powers[0]) for k in range(powers[1])]
    back = [(x < 0) * x**j * y**k for j in range(1, powers[0]) for k in range(powers[1])]
    return np.stack([*common, *forward, *back], axis=1)


def _sides(coefficients: Floats, powers: tuple[int, int]) -> Floats:
    """[sign, power of x, power of y] from the coefficients of `basis`."""
    common = coefficients[: powers[1]]
    forward, back = coefficients[powers[1] :].reshape(2, powers[0] - 1, powers[1])
    return np.stack([np.vstack([common, side]) for side in (forward, back)])


def _padded(sides: Floats) -> Floats:
    """With zeros for the powers that only the nominal device has."""
    wide = np.zeros((2, *POWERS))
    wide[:, : sides.shape[1], : sides.shape[2]] = sides
    return wide


def _potentials(spec: Calibration, count: int) -> Floats:
    return spec.potential * _chebyshev(count)


def _chebyshev(count: int) -> Floats:
    """Points between −1 and 1 at which interpolation is nearly best."""
    return -np.cos(np.pi * (np.arange(count) + 0.5) / count)


def _sweep(spec: Calibration, potential: float, die: Die) -> Experiment:
    return Experiment(
        crossbar=Crossbar(rows=1, columns=1, cell=spec.crossbar.cell),
        tile=ProgrammedTile(states=np.zeros((1, 1), dtype=np.uint8)),
        stimulus=Stimulus(volts=spec.access_volts * _chebyshev(VOLTS)[:, None]),
        die=die.replace(
            defects=(Defect(kind=kind_that(Shorted()), row=0, column=0),),
            short_resistance=min(SHORT, spec.die.short_resistance),
        ),
        periphery=VirtualGround(reference=spec.periphery.reference + float(potential)),
        technology=spec.technology,
    )


def _points(
    spec: Calibration, experiment: Experiment, sigma: Floats, result: xr.Dataset
) -> tuple[Floats, Floats, Floats, Floats]:
    """(current, voltage over the device, potential, shifts [point, transistor]) of a sweep."""
    current = result["current"].to_numpy()[:, 0]
    volts = experiment.stimulus.volts[:, 0] - experiment.die.short_resistance * current
    potential = experiment.periphery.reference - spec.periphery.reference
    die = experiment.die
    z = draw_normal(die.seed, 0, (1, 1, len(sigma)))[0, 0]
    shifts = np.round(die.mismatch * sigma * z, 9)
    ones = np.ones_like(current)
    return current, volts, potential * ones, shifts * ones[:, None]
