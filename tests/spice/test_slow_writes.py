"""The window of pulses that docs/layout.md states for examples/passive15/slow_writes.toml."""

from pathlib import Path

import pytest

from mtjspice.layout.circuit import under
from mtjspice.layout.disturb import write_findings, write_plan
from mtjspice.layout.quantities import Condition
from mtjspice.spec import Layout, read_spec

SPEC = Path(__file__).parents[2] / "examples" / "passive15" / "slow_writes.toml"


@pytest.mark.ngspice
@pytest.mark.parametrize(
    ("to_p", "to_ap", "degrees", "quantity", "value"),
    [
        (0.76, 0.63, 0.0, "write_error", 0.066),
        (0.78, 0.65, 85.0, "half_select", 5.9e-4),
        (0.80, 0.65, 85.0, "half_select", 5.9e-4),
        (0.80, 0.66, 85.0, "half_select", 1.9e-3),
    ],
)
def test_the_window_of_slow_writes(simulator, to_p, to_ap, degrees, quantity, value):
    given = read_spec(SPEC, Layout)
    changed = given.replace(writing=given.writing.replace(to_p=to_p, to_ap=to_ap))
    condition = Condition("tt", 0.9, degrees)
    layout = under(changed, condition)
    plan = write_plan(layout)
    results = simulator.run([write.experiment for write in plan])
    found = {f.quantity: f for f in write_findings(layout, condition, plan, results)}[quantity]
    assert found.value == pytest.approx(value, rel=0.02)
    assert ("to P" in found.where) == (quantity == "write_error")
    assert ("a write to AP" in found.where) == (quantity == "half_select")
