"""What is wrong with a training is found before its first step, and nothing is written."""

from dataclasses import replace

import numpy as np
import pytest
from unit.tiled import HEAVY, card, digits, study, surrogate

from mtjspice.errors import CapacityError, InputError
from mtjspice.spec.die import Defect, Diameters
from mtjspice.spec.rates import DefectRates
from mtjspice.surrogate.model import Surrogate
from mtjspice.train.fit import train
from mtjspice.train.plan import check_dies, check_training, placed

DATA, SURROGATE = digits(), surrogate()
METHODS = ["ideal", "hardware-aware", "statistics-aware"]


def refused(of, tmp_path, *, data=DATA, tiles=SURROGATE, **given) -> InputError:
    """The error that a training ends in before it has taken a step or written anything."""
    out = tmp_path / "out"
    with pytest.raises(InputError) as caught:
        train(of, data, tiles, checkpoint=out / "checkpoint", **given,
              progress=lambda *_: pytest.fail("it has trained"))  # fmt: skip
    assert not out.exists()
    return caught.value


def with_spread(method="ideal", rates=HEAVY, **parts):
    of = study(method)
    spread = of.hardware.spread.replace(**parts)
    return of.replace(hardware=of.hardware.replace(spread=spread, rates=rates))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("parts", "key"),
    [
        ({"sigma_ln_rp": 0.2}, "die.sigma_ln_rp"),
        ({"sigma_ln_rp_die": 0.2}, "die.sigma_ln_rp"),
        ({"sigma_ln_tmr": 0.2}, "die.sigma_ln_tmr"),
        ({"mismatch": 3.0}, "die.mismatch"),
        ({"short_resistance": 1.0}, "die.short_resistance"),
        ({"bridge_resistance": 1.0}, "die.bridge_resistance"),
        ({"diameters": Diameters(low=20e-9, high=90e-9)}, "die.diameters"),
    ],
)
def test_a_spread_beyond_the_cards_range_is_refused(method, parts, key, tmp_path):
    of = with_spread(method, HEAVY.replace(bridged_lines=0.1), **parts)
    dies = [of.hardware.spread] if method == "hardware-aware" else ()
    error = refused(of, tmp_path, dies=dies)
    assert error.key == key
    assert "was calibrated for" in error.allowed


def test_resistances_of_what_is_never_drawn_do_not_matter():
    none = HEAVY.replace(short=0.0)
    check_training(with_spread(rates=none, short_resistance=1.0, bridge_resistance=1.0),
                   DATA, SURROGATE)  # fmt: skip


@pytest.mark.parametrize(
    ("rate", "kind"),
    [
        ("short", "short"), ("open", "open"), ("stuck_p", "stuck_p"), ("stuck_ap", "stuck_ap"),
        ("dead_lines", "dead_row"), ("dead_lines", "dead_column"),
        ("bridged_lines", "bridged_rows"), ("bridged_lines", "bridged_columns"),
    ],
)  # fmt: skip
def test_kinds_of_defects_that_the_card_does_not_know_are_refused(rate, kind, tmp_path):
    known = tuple(k for k in card().validity.defects if k != kind)
    assert len(known) == len(card().validity.defects) - 1
    other = card().replace(validity=card().validity.replace(defects=known))
    none = DefectRates(short=0, stuck_p=0, stuck_ap=0, dead_lines=0)
    of = with_spread(rates=none.replace(**{rate: 0.01}))
    error = refused(of, tmp_path, tiles=Surrogate(other, "linear"))
    assert (error.key, error.value) == ("defects", [kind])
    check_training(with_spread(rates=none), DATA, Surrogate(other, "linear"))


def test_weak_junctions_are_trained_for_with_a_card_that_was_judged_on_as_weak_ones(tmp_path):
    of = with_spread(rates=HEAVY.replace(weak=0.01))
    error = refused(of, tmp_path)
    assert (error.key, error.value) == ("defects", ["weak"])
    valid = card().validity
    known = card().replace(validity=valid.replace(defects=(*valid.defects, "weak")))
    check_training(of, DATA, Surrogate(known, "linear"))
    weaker = with_spread(rates=HEAVY.replace(weak=0.01), weak_factor=0.4)
    error = refused(weaker, tmp_path, tiles=Surrogate(known, "linear"))
    assert (error.key, error.value) == ("die.weak_factor", 0.4)


@pytest.mark.parametrize("method", METHODS)
def test_a_batch_larger_than_the_data_is_refused(method, tmp_path):
    of = study(method, training={"batch": 452, "dies": 4})
    error = refused(of, tmp_path, dies=[of.hardware.nominal])
    assert (error.key, error.value) == ("training.batch", 452)
    assert "the 449 training samples" in error.allowed


def test_a_network_that_does_not_fit_says_what_it_needs(tmp_path):
    of = study(network={"hidden": (84,), "inputs": 64}, hardware={"tiles": 8})
    error = refused(of, tmp_path)
    assert isinstance(error, CapacityError)
    assert "needs 25 tiles of 25 x 25; the dies have 8" in str(error)
    fits = study(network={"hidden": (84,), "inputs": 64}, hardware={"tiles": 8, "dies": 4})
    assert sum(p.tiles for p in placed(fits, DATA, SURROGATE)) == 25


@pytest.mark.parametrize("copies", [(1, 50), (50, 1)])
def test_copies_that_do_not_fit_are_refused(copies, tmp_path):
    assert "the dies have 8" in refused(study(network={"copies": copies}), tmp_path).allowed


@pytest.mark.parametrize("groups", [(1, 1), (26, 1), (14, 1), (2, 21)])
def test_groups_that_have_too_many_inputs_or_none_are_refused(groups, tmp_path):
    of = study(network={"inputs": 30 if groups == (1, 1) else 25, "groups": groups})
    error = refused(of, tmp_path)
    assert error.key.startswith("groups of layer ")
    assert "every group must have an input" in error.allowed


def test_more_inputs_than_features_are_refused(tmp_path):
    error = refused(study(network={"inputs": 65}), tmp_path)
    assert (error.key, error.value) == ("network.inputs", 65)
    assert "have 64 features" in error.allowed


@pytest.mark.parametrize("count", [0, 1, 3])
def test_hardware_aware_training_takes_the_dies_that_the_network_spans(count, tmp_path):
    of = study("hardware-aware", network={"hidden": (24, 24)}, hardware={"tiles": 4, "dies": 2})
    error = refused(of, tmp_path, dies=[of.hardware.nominal] * count)
    assert error.value == count
    assert "spans 2 dies" in error.allowed


def test_a_die_beyond_the_cards_range_is_refused(tmp_path):
    of = study("hardware-aware")
    shorts = tuple(  # 12 % of the tile
        Defect(kind="short", row=k, column=(k + aside) % 25, tile=2)
        for k in range(25)
        for aside in range(3)
    )
    for die, key in (
        (of.hardware.nominal.replace(defects=shorts), "share of shorts"),
        (of.hardware.nominal.replace(mismatch=2.0), "die.mismatch"),
    ):
        assert refused(of, tmp_path, dies=[die]).key == key
    first = placed(of, DATA, SURROGATE)[:1]  # tiles 0 and 1
    check_dies(card(), first, of.hardware, [of.hardware.nominal.replace(defects=shorts)])


@pytest.fixture(scope="module")
def start():
    """Trained weights."""
    return train(study(training={"epochs": 1}), DATA, SURROGATE)


@pytest.mark.parametrize(
    ("spoil", "key", "says"),
    [
        ({"card": "0" * 64}, "card", "of another design"),
        ({"classes": tuple("abcdefghij")}, "classes", "are for other data"),
        ({"features": tuple(range(25))}, "features", "are for other data"),
    ],
)
def test_a_start_that_is_for_something_else_is_refused(start, spoil, key, says, tmp_path):
    error = refused(study(), tmp_path, start=replace(start, **spoil))
    assert error.key == key
    assert says in error.allowed


def test_a_start_of_another_network_is_refused(start, tmp_path):
    error = refused(study(network={"hidden": (10,)}), tmp_path, start=start)
    assert "must have the layers" in error.allowed


def test_a_start_on_other_features_of_the_same_number_is_refused(start, tmp_path):
    turned = replace(DATA, inputs=np.ascontiguousarray(DATA.inputs[:, ::-1]))
    assert refused(study(), tmp_path, data=turned, start=start).key == "features"
