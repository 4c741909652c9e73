"""The circuit equations, as the surrogate solves them, against SPICE on the same circuits."""

from pathlib import Path

import numpy as np
import pytest
import torch

from mtjspice.calibrate.access import access_experiments, fit_access
from mtjspice.solver import nodal
from mtjspice.solver.access import AccessModel
from mtjspice.solver.array import array_of
from mtjspice.spec import (
    Calibration,
    Crossbar,
    Defect,
    Die,
    DieDesign,
    Experiment,
    GatedCell,
    Line,
    Mtj,
    PassiveCell,
    ProgrammedTile,
    Stimulus,
    Technology,
    TransimpedanceAmplifier,
    VirtualGround,
    read_spec,
)
from mtjspice.spec.base import LEAST_OHMS

pytestmark = pytest.mark.ngspice

OHMIC, BIASED, GATED = 1e-6, 1e-5, 1e-4
"""Largest errors, as shares of full scale."""
SIZES = [15, 25, pytest.param(64, marks=pytest.mark.slow)]
EACH_SIZE = pytest.mark.parametrize("size", SIZES)
DEFECTIVE = pytest.mark.parametrize("defective", [False, True], ids=["sound", "defective"])
SLOW = pytest.mark.slow
EACH_PASSIVE = pytest.mark.parametrize(
    ("size", "ends", "defective"),
    [
        (15, "one", False),
        (15, "one", True),
        (15, "both", True),
        pytest.param(25, "one", True, marks=SLOW),
        pytest.param(25, "both", False, marks=SLOW),
        pytest.param(64, "one", False, marks=SLOW),
        pytest.param(64, "one", True, marks=SLOW),
        pytest.param(64, "both", True, marks=SLOW),
    ],
)
CELLS = ["gated", "transmission gate"]

WIRES = {"row": Line(resistance=2, end=50), "column": Line(resistance=2, end=50)}
AMPLIFIER = TransimpedanceAmplifier(
    reference=0.5, input_resistance=1.0, zero=0.5, clip_low=-1.0, clip_high=2.0
)


def defects(size: int) -> tuple[Defect, ...]:
    """Every kind, some of them beside each other."""
    rng = np.random.default_rng(size)
    kinds = ["short"] * 4 + ["open"] * 3 + ["stuck_p", "stuck_ap"]
    places = rng.choice(size * size, len(kinds), replace=False)
    return (
        *(
            Defect(kind=k, row=int(p // size), column=int(p % size))
            for k, p in zip(kinds, places, strict=True)
        ),
        Defect(kind="dead_row", row=3),
        Defect(kind="dead_column", column=5),
        Defect(kind="bridged_rows", row=7, column=9),
        Defect(kind="bridged_rows", row=3, column=0),
        Defect(kind="bridged_columns", row=8, column=11),
        Defect(kind="bridged_columns", row=size - 1, column=4),
    )


def tile(crossbar: Crossbar, size: int, *, defective: bool, seed: int = 1, **parts) -> Experiment:
    rng = np.random.default_rng([seed, size, defective])
    return Experiment(
        crossbar=crossbar.replace(rows=size, columns=size),
        tile=ProgrammedTile(states=rng.integers(0, 2, (size, size))),
        stimulus=Stimulus(volts=rng.uniform(-0.1, 0.1, (3, size))),
        die=Die(
            sigma_ln_rp=0.05,
            sigma_ln_tmr=0.05,
            mismatch=1.0,
            seed=seed,
            defects=defects(size) if defective else (),
        ),
        **parts,
    )


def error(simulator, e: Experiment, access: AccessModel | None = None) -> float:
    """Largest difference of any current, as a share of full scale."""
    (result,) = simulator.run([e])
    ours = nodal.read(array_of([e], access), torch.tensor(e.stimulus.volts.copy()))[0].numpy()
    full_scale = e.crossbar.rows * 0.1 / e.crossbar.cell.mtj.r_p
    return np.abs(ours - result["current"].to_numpy()).max() / full_scale


def passive(mtj: Mtj, ends: str = "one") -> Crossbar:
    lines = {k: v.replace(ends=ends, via=3.0) for k, v in WIRES.items()}
    return Crossbar(rows=1, columns=1, cell=PassiveCell(mtj=mtj), **lines)


def fitted(simulator, spec: Calibration) -> AccessModel:
    model, _ = fit_access(spec, simulator.run(access_experiments(spec)))
    return model


@pytest.fixture(scope="module")
def calibrations(repository: Path) -> dict[str, Calibration]:
    """One for each kind of gated cell."""
    design = read_spec(repository / "examples" / "die20k" / "die.toml", DieDesign)
    gated = Crossbar(rows=25, columns=25, cell=GatedCell(), **WIRES)
    return {
        "gated": Calibration(
            name="gated", crossbar=gated, periphery=AMPLIFIER, die=Die(mismatch=1.0)
        ),
        "transmission gate": Calibration(
            name="transmission-gate",
            crossbar=design.crossbar,
            periphery=design.periphery,
            technology=design.technology,
            die=Die(mismatch=1.0),
        ),
    }


@pytest.fixture(scope="module")
def models(simulator, calibrations) -> dict[str, AccessModel]:
    """The access device of each, fitted to ngspice."""
    return {name: fitted(simulator, spec) for name, spec in calibrations.items()}


@EACH_PASSIVE
def test_ohmic_arrays(simulator, size, defective, ends):
    crossbar = passive(Mtj(v_half=float("inf")), ends)
    assert error(simulator, tile(crossbar, size, defective=defective)) < OHMIC


@EACH_PASSIVE
def test_arrays_that_depend_on_bias(simulator, size, defective, ends):
    crossbar = passive(Mtj(v_half=0.4, tmr0=1.2, c_parallel=0.5), ends)
    assert error(simulator, tile(crossbar, size, defective=defective)) < BIASED


@pytest.mark.parametrize("unselected", ["grounded", "floating", "half"])
def test_arrays_that_depend_on_bias_with_lines_that_are_not_in_use(simulator, unselected):
    crossbar = passive(Mtj(v_half=0.4, tmr0=1.2)).replace(unselected=unselected)
    e = tile(crossbar, 15, defective=True)
    rows = (7, 3, 0, 12, 5, 8)
    used = Stimulus(
        volts=e.stimulus.volts[:, : len(rows)], driven_rows=rows, sensed_columns=(9, 4, 0, 5, 14)
    )
    assert error(simulator, e.replace(stimulus=used)) < BIASED


@EACH_SIZE
@DEFECTIVE
@pytest.mark.parametrize("cell", CELLS)
def test_gated_arrays(simulator, calibrations, models, cell, size, defective):
    spec = calibrations[cell]
    e = tile(
        spec.crossbar,
        size,
        defective=defective,
        periphery=spec.periphery,
        technology=spec.technology,
    )
    assert error(simulator, e, models[cell]) < GATED


@pytest.mark.parametrize("unselected", ["grounded", "half"])
@pytest.mark.parametrize("cell", CELLS)
def test_gated_arrays_with_lines_that_are_not_in_use(
    simulator, calibrations, models, cell, unselected
):
    spec = calibrations[cell]
    e = tile(
        spec.crossbar.replace(unselected=unselected),
        15,
        defective=False,
        periphery=spec.periphery,
        technology=spec.technology,
    )
    rows = (7, 3, 0, 12, 5, 8)
    used = Stimulus(
        volts=e.stimulus.volts[:, : len(rows)], driven_rows=rows, sensed_columns=(9, 4, 0, 5, 14)
    )
    assert error(simulator, e.replace(stimulus=used), models[cell]) < GATED


@pytest.mark.parametrize("cell", CELLS)
def test_gated_arrays_with_vias(simulator, calibrations, models, cell):
    spec = calibrations[cell]
    lines = {name: line.replace(via=50.0) for name, line in WIRES.items()}
    e = tile(
        spec.crossbar.replace(**lines),
        15,
        defective=False,
        periphery=spec.periphery,
        technology=spec.technology,
    )
    assert error(simulator, e, models[cell]) < GATED


@pytest.mark.parametrize("cell", CELLS)
def test_gated_arrays_at_another_corner_and_temperature(simulator, calibrations, cell):
    technology = Technology(card="cmos33_bsim4", corner="ss", temperature=85.0)
    spec = calibrations[cell].replace(technology=technology)
    e = tile(
        spec.crossbar, 15, defective=True, periphery=spec.periphery, technology=spec.technology
    )
    assert error(simulator, e, fitted(simulator, spec)) < GATED


def cut_off(made: Experiment) -> Experiment:
    """The tile with a row and a column that are cut off from all but each other."""
    n = made.crossbar.rows
    places = [(3, c) for c in range(n) if c != 5] + [(r, 5) for r in range(n) if r != 3]
    dead = (Defect(kind="dead_row", row=3), Defect(kind="dead_column", column=5))
    gone = tuple(Defect(kind="open", row=r, column=c) for r, c in places)
    return made.replace(die=made.die.replace(defects=(*dead, *gone)))


def test_passive_arrays_with_lines_that_are_cut_off(simulator):
    e = cut_off(tile(passive(Mtj(v_half=0.4, tmr0=1.2)), 15, defective=False))
    assert error(simulator, e) < BIASED


@pytest.mark.parametrize("cell", CELLS)
def test_gated_arrays_with_lines_that_are_cut_off(simulator, calibrations, models, cell):
    spec = calibrations[cell]
    parts = {"periphery": spec.periphery, "technology": spec.technology}
    e = cut_off(tile(spec.crossbar, 15, defective=False, **parts))
    assert error(simulator, e, models[cell]) < GATED


# Least resistances


LEAST = {"resistance": LEAST_OHMS, "via": LEAST_OHMS, "end": LEAST_OHMS}
TINY = 1e-7
"""Largest difference at the least resistances, as a share of full scale."""


@pytest.mark.parametrize("reference", [0.0, 1.65])
@pytest.mark.parametrize("v_half", [float("inf"), 0.4], ids=["ohmic", "biased"])
@pytest.mark.parametrize("mtj", [{}, {"ra": "1 Ohm.um2", "diameter": "200nm"}], ids=["5k", "32"])
def test_wires_shorts_and_bridges_of_the_least_resistance(simulator, mtj, v_half, reference):
    junction = Mtj(v_half=v_half, **mtj)
    ground = VirtualGround(reference=reference)
    lines = {"row": Line(**LEAST), "column": Line(**LEAST)}
    whole = Crossbar(rows=1, columns=1, cell=PassiveCell(mtj=junction), **lines)
    broken = {"short_resistance": LEAST_OHMS, "bridge_resistance": LEAST_OHMS}
    sound = tile(whole, 15, defective=False, periphery=ground)
    for found in ((), defects(15)):
        die = sound.die.replace(defects=found, **broken)
        assert error(simulator, sound.replace(die=die)) < TINY


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("defective", [False, True], ids=["sound", "defective"])
def test_least_wires_of_gated_arrays_are_next_to_none(simulator, calibrations, cell, defective):
    """Currents are those of nodes that are joined, but for the wires' own drop."""
    spec = calibrations[cell]
    found = []
    for ohms in (0.0, LEAST_OHMS):
        line = Line(resistance=ohms, end=ohms, via=ohms)
        crossbar = spec.crossbar.replace(row=line, column=line)
        e = tile(crossbar, 15, defective=False, technology=spec.technology,
                 periphery=VirtualGround(reference=spec.periphery.reference))  # fmt: skip
        if defective:
            short = (Defect(kind="short", row=3, column=4), Defect(kind="open", row=5, column=4))
            e = e.replace(die=e.die.replace(defects=short, short_resistance=LEAST_OHMS))
        found.append(simulator.run([e])[0]["current"].to_numpy())
    full_scale = 15 * 0.1 / spec.crossbar.cell.mtj.r_p
    dropped = 15 * 15 * LEAST_OHMS / spec.crossbar.cell.mtj.r_p
    assert 0 < np.abs(found[1] - found[0]).max() / full_scale < dropped
