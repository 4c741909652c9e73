"""What cells are worth in training, against the conductances of junctions by themselves.

The cells of `passive15` have nothing in series, so that plain arithmetic says what each conducts.
"""

import pytest
import torch

from mtjspice.spec import Die, Mtj
from mtjspice.spec.die import Diameters
from mtjspice.spec.rates import DefectRates
from mtjspice.spec.training import Hardware
from mtjspice.surrogate.card import load_card
from mtjspice.surrogate.model import Surrogate
from mtjspice.train.tiles import place_layers
from mtjspice.train.units import cell_units, nominal

NONE = DefectRates(short=0, stuck_p=0, stuck_ap=0, dead_lines=0)
EVERY = DefectRates(short=0.001, open=0.001, stuck_p=0.001, stuck_ap=0.001, weak=0.001)


def units(rates: DefectRates, **spread):
    """Of a layer of six inputs and three outputs."""
    surrogate = Surrogate(load_card("passive15"), "linear")
    hardware = Hardware(card="passive15", tiles=4, spread=Die(**spread), rates=rates)
    placed = place_layers([6, 3], surrogate.card.circuit, hardware.tiles)
    layers, _ = nominal(placed, surrogate, hardware, [torch.ones(placed[0].shape)])
    return cell_units(layers[0], surrogate, hardware)


def mtj() -> Mtj:
    return load_card("passive15").circuit.crossbar.cell.mtj


def test_defective_cells_conduct_what_their_defect_leaves_in_either_state():
    found = units(EVERY, short_resistance=150.0)
    weight = 1 / mtj().r_p - 1 / mtj().r_ap
    assert list(found.broken) == ["short", "open", "stuck_p", "stuck_ap", "weak"]
    for kind, siemens in (
        ("short", 1 / 150.0), ("open", 0.0), ("stuck_p", 1 / mtj().r_p),
        ("stuck_ap", 1 / mtj().r_ap),
    ):  # fmt: skip
        written_p, written_ap = found.broken[kind]
        assert written_p == written_ap == pytest.approx(siemens / weight, rel=1e-6)
    assert found.p - found.ap == pytest.approx(1)
    assert found.broken["weak"] == pytest.approx((2 * found.p, 2 * found.ap), rel=1e-6)


def test_stuck_cells_are_sound_ones_to_the_last_digit():
    found = units(EVERY)
    assert found.broken["stuck_p"] == (found.p, found.p)
    assert found.broken["stuck_ap"] == (found.ap, found.ap)


def test_only_kinds_that_are_drawn_are_read():
    assert units(NONE).broken == {}
    assert list(units(NONE.replace(open=0.01)).broken) == ["open"]


@pytest.mark.parametrize("along", ["rows", "columns"])
def test_a_defective_cell_is_the_mean_over_the_sizes_of_a_tile(along):
    diameter = mtj().diameter
    sizes = Diameters(low=0.9 * diameter, high=diameter, along=along)
    found = units(EVERY, diameters=sizes, short_resistance=150.0)
    assert found.broken["stuck_p"] == pytest.approx((found.p, found.p), rel=1e-6)
    assert found.broken["stuck_ap"] == pytest.approx((found.ap, found.ap), rel=1e-6)
    assert found.broken["weak"] == pytest.approx((2 * found.p, 2 * found.ap), rel=1e-6)
