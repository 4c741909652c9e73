"""Cells of another resistance: what is said of their writes against SPICE's own currents."""

import numpy as np
import pytest

from mtjspice.layout.circuit import under
from mtjspice.layout.disturb import write_plan, written_cell
from mtjspice.layout.population import Factors
from mtjspice.layout.quantities import Condition
from mtjspice.layout.switching import reached
from mtjspice.spec import Layout, read_spec

pytestmark = pytest.mark.ngspice


@pytest.mark.parametrize("condition", [("tt", 1.0, 27.0), ("ss", 0.9, -40.0)])
def test_a_gated_cell_of_another_resistance_is_written_with_ngspices_current(
    condition, simulator, repository
):
    whole = read_spec(repository / "examples" / "gated25" / "layout.toml", Layout)
    # Few rows and columns; all cells that are not written have the gate or both lines alike.
    small = whole.replace(crossbar=whole.crossbar.replace(rows=4, columns=4))
    layout = under(small, Condition(*condition))

    def cells(factor: float):
        cell = layout.crossbar.cell
        mtj = cell.mtj.replace(ra=cell.mtj.ra * factor)
        changed = layout.replace(crossbar=layout.crossbar.replace(cell=cell.replace(mtj=mtj)))
        plan = write_plan(changed)
        results = simulator.run([write.experiment for write in plan])
        return [written_cell(changed, w, r) for w, r in zip(plan, results, strict=True)]

    nominal = cells(1.0)
    one = np.ones(1)
    for factor in (0.8, 1.2):
        for own, expected in zip(nominal, cells(factor), strict=True):
            volts, amperes = reached(layout, own, Factors(factor * one, one, one, one))
            assert amperes[0] == pytest.approx(expected.amperes, rel=3e-3, abs=0)
            assert volts[0] == pytest.approx(expected.volts, rel=3e-3)
            assert abs(expected.amperes / own.amperes - 1) > 0.1
