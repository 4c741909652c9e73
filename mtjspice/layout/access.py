"""The transistors of cells under each condition, on and off, fitted to sweeps in SPICE."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import xarray as xr

from mtjspice.calibrate.access import access_experiments, fit_access
from mtjspice.collect.simulator import Progress, Simulator
from mtjspice.errors import InputError, SimulatorError
from mtjspice.layout.circuit import full_scale, under
from mtjspice.layout.leakage import NEGLIGIBLE, fit_leakage, leakage_experiments, may_leak
from mtjspice.layout.quantities import Condition
from mtjspice.solver.access import AccessModel
from mtjspice.solver.leakage import Leakage
from mtjspice.spec.calibration import Calibration
from mtjspice.spec.layout import Layout
from mtjspice.spec.periphery import Converter, VirtualGround

K = TypeVar("K", bound=Hashable)

NUMERICAL = 1e-5
"""Error of the nodal solver beside SPICE where nothing is fitted, of full scale."""
BEYOND = 1.5
"""Voltage over the access device up to which it is measured, in units of the read voltage."""
CLOSED = 0.05
"""A device that takes so much of the read voltage with a P junction is no path."""


@dataclass(frozen=True)
class Fitted:
    """What the nodal solver knows of a condition.

    Attributes:
        access: of gated cells; None for passive ones.
        bound: largest error of an output current that the fit allows, of full scale: every cell
            off by the largest deviation of the fit in the same direction.
        leakage: of cells whose gates are off; None where there are none, or where they leak so
            little that it does not count.
    """

    access: AccessModel | None
    bound: float
    leakage: Leakage | None = None


def fit_conditions(
    layout: Layout,
    conditions: Sequence[Condition],
    simulator: Simulator,
    progress: Progress | None = None,
) -> dict[Condition, Fitted]:
    """The access devices of all conditions.

    Raises:
        InputError: if the access device does not conduct: the design has no path.
        SimulatorError: if sweeps fail.
    """
    return fit_layouts({c: under(layout, c) for c in conditions}, simulator, progress)


def fit_layouts(
    layouts: Mapping[K, Layout], simulator: Simulator, progress: Progress | None = None
) -> dict[K, Fitted]:
    """The same for layouts that are under their conditions already; by their keys."""
    first = next(iter(layouts.values()))
    if first.crossbar.cell.series != "measured":
        return dict.fromkeys(layouts, Fitted(None, NUMERICAL))
    specs = {key: _calibration(layout) for key, layout in layouts.items()}
    sweeps = {key: access_experiments(spec) for key, spec in specs.items()}
    leaks = {key: leakage_experiments(one) if may_leak(one) else [] for key, one in layouts.items()}
    every = [e for key in layouts for e in (*sweeps[key], *leaks[key])]
    results = iter(simulator.run(every, progress))
    found = {}
    for key, spec in specs.items():
        swept = [next(results) for _ in sweeps[key]]
        leaked = [next(results) for _ in leaks[key]]
        try:
            model, off = fit_access(spec, swept)
        except SimulatorError as error:
            raise _no_path(layouts[key], str(error)) from None
        _check_path(layouts[key], model)
        bound = max(off.values()) / spec.read_voltage + NUMERICAL
        leakage, lost = _leakage(layouts[key], leaked) if leaked else (None, 0.0)
        found[key] = Fitted(model, bound + lost, leakage)
    return found


def _leakage(layout: Layout, results: Sequence[xr.Dataset]) -> tuple[Leakage | None, float]:
    """What counts of it, and by how much a column's current is off without the rest, at most.

    The second is of full scale.
    """
    law, off = fit_leakage(layout, results)
    cells = (layout.crossbar.rows - layout.rows_read) / full_scale(layout)
    if cells * law.largest < NEGLIGIBLE:
        return None, cells * law.largest
    return law, cells * off


def _calibration(layout: Layout) -> Calibration:
    """Its sweeps go as far as a read can."""
    volts, reference = layout.read.voltage, layout.periphery.reference
    wide = Converter(bits=24, low=reference - 10 * volts, high=reference + 10 * volts)
    return Calibration(
        name="layout",
        crossbar=layout.crossbar,
        die=layout.die.replace(defects=(), diameters=None),
        periphery=VirtualGround(reference=reference),
        technology=layout.technology,
        dac=wide,
        read_voltage=volts,
        access_volts=BEYOND * volts,
        potential=volts,
    )


def _check_path(layout: Layout, model: AccessModel) -> None:
    """See that the access device conducts.

    Raises:
        InputError: if a P junction gets next to nothing of the read voltage.
    """
    ohms, r_p = float(model.device_law().resistance[0, 0, 0]), layout.crossbar.cell.mtj.r_p
    if not r_p / (r_p + abs(ohms)) > CLOSED:
        raise _no_path(layout, f"the access device has {ohms:.3g} Ohm, a P junction {r_p:.3g} Ohm")


def _no_path(layout: Layout, why: str) -> InputError:
    gate = layout.crossbar.cell.gate
    assert gate is not None
    technology = layout.technology
    return InputError(
        source="crossbar.cell",
        key="gate_volts",
        value=gate.volts,
        allowed="the design has no path from input to output lines in the corner "
        f"{technology.corner} at {technology.temperature:g} °C: {why}",
    )
