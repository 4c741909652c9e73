"""The bound of a tile's reads against SPICE, at the worst inputs that coordinate ascent finds."""

import numpy as np
import pytest
import torch

from mtjspice.collect import Simulator
from mtjspice.solver import nodal
from mtjspice.spec import Defect, Experiment, ProgrammedTile, Stimulus
from mtjspice.surrogate.card import load_card, nominal_full_scale
from mtjspice.surrogate.model import Surrogate
from mtjspice.surrogate.programmed import expanded

pytestmark = pytest.mark.ngspice
INDEX = 31_000
KINDS: dict[str, list[dict]] = {
    "sound": [],
    "18 shorts in a column": [{"kind": "short", "row": r, "column": 11} for r in range(3, 21)],
    "dead and bridged lines": [
        {"kind": "dead_row", "row": 5},
        {"kind": "dead_column", "column": 8},
        {"kind": "bridged_rows", "row": 13, "column": 20},
        {"kind": "bridged_columns", "row": 2, "column": 15},
    ],
}


def tile(card, kind: str) -> Experiment:
    circuit = card.circuit
    chance = np.random.default_rng(5)
    defects = tuple(Defect(tile=INDEX, **defect) for defect in KINDS[kind])
    return Experiment(
        crossbar=circuit.crossbar,
        tile=ProgrammedTile(states=chance.integers(0, 2, circuit.crossbar.shape), index=INDEX),
        stimulus=Stimulus(volts=np.zeros((1, 25)), read_voltage=circuit.read_voltage),
        die=circuit.die.replace(seed=INDEX, defects=defects),
        periphery=circuit.periphery,
        technology=circuit.technology,
    )


def ascended(error, rows: int, limit: float) -> torch.Tensor:
    """Inputs [1, start, row]: one after the other goes to the end where the error is larger."""
    chance = torch.Generator().manual_seed(3)
    volts = torch.randint(0, 2, (1, 4, rows), generator=chance).double() * 2 * limit - limit
    best = error(volts)
    for row in range(rows):
        other = volts.clone()
        other[..., row] *= -1
        size = error(other)
        volts, best = torch.where((size > best)[..., None], other, volts), best.maximum(size)
    return volts


@pytest.mark.parametrize("kind", KINDS)
def test_the_worst_inputs_that_are_found_stay_within_the_bound_in_ngspice(kind):
    card = load_card("die20k")
    surrogate, e = Surrogate(card), tile(card, kind)
    programmed, array = surrogate.program([e]), surrogate.array([e])
    unit = nominal_full_scale(e.crossbar.cell.mtj, 25, card.circuit.read_voltage)

    def error(volts: torch.Tensor) -> torch.Tensor:
        exact = nodal.read(array, volts, tolerance=1e-8)
        return (expanded(programmed.matrices, volts) - exact).abs().amax(-1)

    with torch.no_grad():
        volts = ascended(error, 25, card.validity.volts)
        ours = surrogate(volts, programmed)[0].numpy()
        alone = expanded(programmed.matrices, volts)[0].numpy()
    driven = e.replace(stimulus=e.stimulus.replace(volts=volts[0].numpy()))
    with Simulator(jobs=1) as simulator:
        (result,) = simulator.run([driven])
    theirs = result["current"].to_numpy()
    off, bound = np.abs(ours - theirs).max() / unit, float(programmed.errors.bound[0])
    assert off <= bound
    assert programmed.nodal == ((0,) if kind == "18 shorts in a column" else ())
    if programmed.nodal:  # what it would be without
        assert np.abs(alone - theirs).max() / unit > 10 * bound
    else:  # and the bound is not out of reach either
        assert off > 0.2 * bound
