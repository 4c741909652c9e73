"""What the margins say of a network's outputs, against errors that are drawn at random."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from unit.tiled import HEAVY, NO_DEFECTS, card, study, written

from mtjspice.device.dies import draw_die
from mtjspice.errors import InputError
from mtjspice.signoff.dies import OnOneDie, Specimen, check_specimen
from mtjspice.signoff.findings import SAFEST
from mtjspice.signoff.margins import Foreseen, full_scale, levels, step_of
from mtjspice.spec import Converter, Defect, Die
from mtjspice.surrogate.card import load_card
from mtjspice.surrogate.model import Surrogate
from mtjspice.train.hardware import converted, given_by, on_dies
from mtjspice.train.tiles import placement_of

DOUBLE = torch.float64
GATED = card()
PASSIVE = load_card("passive15")
TILES = 16
SPREAD = Die(sigma_ln_rp=0.05, sigma_ln_tmr=0.05)


@pytest.fixture(autouse=True)
def one_thread():
    """As a sign-off has it."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def network(known=GATED, classes: int = 4, seed: int = 1, **parts):
    hardware = {"card": known.name, "tiles": TILES, "rates": NO_DEFECTS, "spread": SPREAD}
    of = study(network={"hidden": (14,)} | parts, hardware=hardware)
    return written(of, features=25, classes=classes, seed=seed, on=known)


def on_a_die(weights=None, known=GATED, die: Die | None = None) -> OnOneDie:
    weights = weights or network(known)
    die = die or weights.study.hardware.nominal
    return OnOneDie(Specimen("a die", weights, (die,)), Surrogate(known, "full"))


def heavy(weights, seed: int = 3) -> Die:
    return draw_die(weights.study.hardware.spread, HEAVY, (25, 25), TILES, seed)


def inputs(count: int, features: int = 25, seed: int = 1) -> torch.Tensor:
    chance = torch.Generator().manual_seed(seed)
    return torch.rand(count, features, dtype=DOUBLE, generator=chance)


def drawn_leads(one: OnOneDie, x: torch.Tensor, scale: float, draws: int) -> torch.Tensor:
    """Leads of the class over each, [draw, image, class], every read with an error of its own.

    The surrogate reads what comes out of the converters of the layer before, errors and all.
    """
    chance = torch.Generator().manual_seed(7)
    errors, unit = one.errors(scale), full_scale(one.network.circuit)

    def read(k, volts):
        currents = one.network.read(k, volts)
        error = torch.randn(currents.shape, dtype=DOUBLE, generator=chance)
        return currents + error * (errors[k].rms * unit)[:, None, None]

    noisy = replace(one.network, read=read)
    own = one.network.outputs(x).argmax(-1)[:, None]
    at_once = max(2000 // len(x), 1)
    found = []
    for _ in range(draws // at_once):
        outputs = noisy.outputs(x.repeat(at_once, 1)).view(at_once, len(x), -1)
        found.append(outputs.gather(2, own.expand(at_once, -1, -1)) - outputs)
    return torch.cat(found)


def ratios(one: OnOneDie, x: torch.Tensor, scale: float, draws: int) -> tuple[float, float]:
    """Standard deviation of leads, drawn over foreseen: of all together, and RMS of each one's."""
    seen = one.foresee(x, scale)
    own = seen.outputs.argmax(-1, keepdim=True)
    lead = seen.outputs.gather(1, own) - seen.outputs
    others = torch.ones_like(lead, dtype=torch.bool).scatter(1, own, False)
    square = (drawn_leads(one, x, scale, draws) - lead).square().mean(0)[others]
    foreseen = seen.deviation.square()[others]
    assert not square[foreseen == 0].any()
    each = (square / foreseen)[foreseen > 0]
    return float((square.mean() / foreseen.mean()).sqrt()), float(each.mean().sqrt())


NETWORKS = {
    "tanh": {},
    "three layers": {"hidden": (14, 10)},
    "copies and outliers": {"copies": (2, 3), "outlier": (1.2, 0.8), "groups": (2, 2)},
}
SIGNS = {"sign": {"hidden": (14,)}, "three layers of signs": {"hidden": (14, 10)}}
CARDS = {"with converters": GATED, "without": PASSIVE}


@pytest.mark.parametrize("known", CARDS.values(), ids=CARDS)
@pytest.mark.parametrize("parts", NETWORKS.values(), ids=NETWORKS)
@pytest.mark.parametrize("scale", [10.0, 100.0])
def test_leads_vary_as_foreseen(known, parts, scale):
    together, each = ratios(on_a_die(network(known, **parts), known), inputs(40), scale, 200)
    assert 0.7 < together < 1.15
    assert 0.7 < each < 1.15
    if known is PASSIVE and scale == 100:  # nothing is rounded then that would count
        assert together == pytest.approx(1, abs=0.1)
        assert each == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("parts", NETWORKS.values(), ids=NETWORKS)
def test_leads_vary_as_foreseen_with_errors_far_below_a_step(parts):
    """Levels hardly ever differ then: an image may be luckier or unluckier than foreseen."""
    together, _ = ratios(on_a_die(network(**parts)), inputs(200), 1.0, 150)
    assert 0.5 < together < 1.3


@pytest.mark.parametrize("parts", SIGNS.values(), ids=SIGNS)
@pytest.mark.parametrize("scale", [10.0, 100.0])
def test_leads_of_signs_vary_less_than_foreseen_but_not_by_far(parts, scale):
    one = on_a_die(network(activation="sign", **parts))
    together, each = ratios(one, inputs(40), scale, 150)
    assert 0.3 < together < 1.2
    assert 0.3 < each < 1.3


@pytest.mark.parametrize("parts", SIGNS.values(), ids=SIGNS)
def test_a_sign_that_a_single_step_can_turn_is_foreseen(parts):
    """With errors far below a step the change of a sum is nothing like normal."""
    one = on_a_die(network(activation="sign", **parts))
    # A change is rare here, and one too many in a few draws makes an image's spread three times.
    together, each = ratios(one, inputs(200), 1.0, 1000)
    assert together < 1.3
    assert each < 1.3


@pytest.mark.parametrize("scale", [10.0, 100.0, 400.0])
def test_leads_on_a_die_with_defects_vary_as_foreseen(scale):
    """Also where errors are of several steps of the converter."""
    weights = network()
    one = on_a_die(weights, die=heavy(weights))
    kinds = {defect.kind for defect in one.specimen.dies[0].defects}
    assert {"short", "dead_row"} <= kinds
    together, each = ratios(one, inputs(40), scale, 200)
    assert 0.6 < together < 1.2
    assert 0.6 < each < 1.2


@pytest.mark.parametrize("known", CARDS.values(), ids=CARDS)
def test_what_two_classes_have_in_common_cancels(known):
    """Two classes with the same weights: what moves hidden neurons moves both alike."""
    weights = network(known)
    first, last = weights.layers
    states = last.states.copy()
    states[..., 2:4] = states[..., 0:2]
    bias = last.bias.copy()
    bias[:2] = 9.0, 8.0  # they are the class and the next one, always
    twins = replace(last, states=states, bias=bias)
    one = on_a_die(replace(weights, layers=(replace(first, g_norm=first.g_norm / 5), twins)), known)
    x = inputs(40)
    seen, leads = one.foresee(x, 10.0), drawn_leads(one, x, 10.0, 200)
    assert (seen.outputs.argmax(-1) == 0).all()
    drawn, foreseen = leads.std(0).square().mean(0).sqrt(), seen.deviation.square().mean(0).sqrt()
    assert 0.6 < float(drawn[1] / foreseen[1]) < 1.2
    assert float(foreseen[1]) < 0.9 * float(foreseen[2:].min())


@pytest.mark.parametrize("activation", ["tanh", "sign"])
def test_hardly_a_class_flips_that_is_called_safe(activation):
    one = on_a_die(network(activation=activation, seed=6))
    x, scale = inputs(1000), 3.0
    safe = one.foresee(x, scale).safety(5.0) > 1
    flips = (drawn_leads(one, x, scale, 60).amin(-1) < 0).double().mean(0)
    assert 0.5 < float(safe.double().mean()) < 0.95
    assert float(flips[~safe].sum()) > 3
    assert float(flips[safe].sum()) < 0.05 * float(flips[~safe].sum())


@pytest.mark.parametrize("known", CARDS.values(), ids=CARDS)
def test_outputs_are_those_of_the_network(known):
    weights = network(known, hidden=(14, 10), copies=(2, 1, 3), outlier=(4.0, 0.0, 3.0))
    one = on_a_die(weights, known)
    x = inputs(30)
    seen = one.foresee(x, 1.0)
    assert torch.allclose(seen.outputs, one.network.outputs(x), rtol=0, atol=1e-12)
    exact = on_dies(weights, Surrogate(known, "full"), one.specimen.dies, DOUBLE)
    assert torch.allclose(seen.outputs, exact.outputs(x), rtol=0, atol=1e-12)
    assert seen.outputs.shape == seen.deviation.shape == (30, 4)


def test_images_do_not_depend_on_each_other():
    one = on_a_die(network(hidden=(14, 10), copies=(2, 1, 3)))
    x = inputs(1020)
    whole, part = one.foresee(x, 1.0), one.foresee(x[990:], 1.0)
    assert torch.allclose(whole.outputs[990:], part.outputs, rtol=0, atol=1e-12)
    assert torch.allclose(whole.deviation[990:], part.deviation, rtol=1e-6, atol=1e-12)


def test_only_the_features_of_the_network_are_read():
    weights = network()
    picked = replace(weights, features=tuple(range(5, 30)))
    x = inputs(8, 40)
    assert torch.equal(
        on_a_die(picked).foresee(x, 1.0).deviation, on_a_die().foresee(x[:, 5:30], 1.0).deviation
    )


@pytest.mark.parametrize("activation", ["tanh", "sign"])
def test_only_the_own_class_has_no_deviation(activation):
    weights = network(activation=activation)
    seen = on_a_die(weights, die=heavy(weights)).foresee(inputs(60), 30.0)
    own = seen.outputs.argmax(-1)
    assert torch.equal(seen.deviation == 0, torch.nn.functional.one_hot(own, 4).bool())
    assert (seen.deviation >= 0).all()
    assert seen.deviation.isfinite().all()


@pytest.mark.parametrize("known", CARDS.values(), ids=CARDS)
@pytest.mark.parametrize("activation", ["tanh", "sign"])
def test_larger_errors_widen_the_deviation(known, activation):
    one = on_a_die(network(known, activation=activation), known)
    x = inputs(30)
    widths = [one.foresee(x, scale).deviation for scale in (1.0, 3.0, 30.0, 300.0)]
    for narrow, wide in pairwise(widths):
        assert (narrow <= wide * (1 + 1e-9)).all()
    assert float(widths[-1].mean()) > 3 * float(widths[0].mean())


def test_without_a_converter_the_deviation_of_one_layer_is_that_of_two_pairs():
    """One layer, one group: two lines for each of two classes, each with the error of a read."""
    weights = network(PASSIVE)
    # Hidden neurons that stand at a limit hand on nothing.
    flat = replace(weights.layers[0], bias=np.full(14, 30.0))
    weights = replace(weights, layers=(flat, weights.layers[1]))
    one = on_a_die(weights, PASSIVE)
    seen, last = one.foresee(inputs(5), 1.0), weights.layers[1]
    (rms,) = one.errors(1.0)[-1].rms.tolist()
    read = rms * full_scale(PASSIVE.circuit) / PASSIVE.circuit.read_voltage / last.g_norm
    assert last.groups == last.copies == 1
    others = seen.deviation[seen.deviation > 0]
    assert others.numel() == 15
    assert others.numpy() == pytest.approx(2 * read, rel=1e-9)


def test_safety_is_the_least_lead_over_the_guarded_deviation():
    outputs = torch.tensor([[1.0, 4.0, 2.0], [0.0, -2.0, -1.0], [5.0, 5.0, 1.0]], dtype=DOUBLE)
    deviation = torch.tensor([[0.2, 0.0, 0.5], [0.0, 0.1, 0.0], [0.0, 0.1, 0.1]], dtype=DOUBLE)
    safety = Foreseen(outputs, deviation, 0.0).safety(4.0)
    assert safety[:2].tolist() == pytest.approx([1.0, 5.0])
    assert safety[2] == 0
    nothing = Foreseen(outputs[:2], torch.zeros(2, 3, dtype=DOUBLE), 0.0).safety(4.0)
    assert nothing.tolist() == [SAFEST, SAFEST]


def die_with(*kinds: str, tile: int = 0) -> Die:
    places = {
        "short": {"row": 1, "column": 1}, "open": {"row": 2, "column": 1},
        "stuck_p": {"row": 3, "column": 1}, "stuck_ap": {"row": 4, "column": 1},
        "dead_row": {"row": 5}, "dead_column": {"column": 6},
        "bridged_rows": {"row": 7, "column": 9}, "bridged_columns": {"row": 8, "column": 9},
    }  # fmt: skip
    return Die(defects=tuple(Defect(kind=kind, tile=tile, **places[kind]) for kind in kinds))


@pytest.mark.parametrize("known", CARDS.values(), ids=CARDS)
def test_each_tile_has_errors_that_follow_from_its_own_defects(known):
    """Those of the surrogate's tiles; stuck junctions make none harder, shorts and bridges do."""
    weights = network(known)
    nominal = weights.study.hardware.nominal
    worse = nominal.replace(defects=die_with("short", "bridged_rows", tile=1).defects)
    one = on_a_die(weights, known, worse)
    tiles = sum(len(layer.states) for layer in weights.layers)
    errors = one.errors(1.0)
    bound = torch.cat([of_layer.bound for of_layer in errors])
    assert bound.shape == (tiles,)
    sound = torch.cat([e.bound for e in on_a_die(weights, known).errors(1.0)])
    assert float(bound[0]) == pytest.approx(float(sound[0]), rel=1e-3)  # solved side by side
    assert one.by_nodal + int(bound[1] > sound[1]) > 0
    wider = one.errors(3.0)
    for of_layer, three in zip(errors, wider, strict=True):
        assert torch.equal(three.rms, 3 * of_layer.rms)
        assert torch.equal(three.bound, 3 * of_layer.bound)


def test_tiles_that_the_nodal_solver_reads_have_its_bound_and_are_counted():
    weights = network()
    column = tuple(Defect(kind="short", row=r, column=4, tile=1) for r in range(0, 25, 2))
    column += tuple(Defect(kind="short", row=r, column=4, tile=1) for r in range(1, 14, 2))
    die = weights.study.hardware.nominal.replace(defects=column)
    one = on_a_die(weights, GATED, die)
    assert one.by_nodal == 1
    bound = torch.cat([of_layer.bound for of_layer in one.errors(1.0)])
    assert float(bound[1]) == GATED.bound.shorted.bound


def test_a_card_that_says_nothing_of_the_nodal_solver_is_refused():
    known = GATED.replace(errors=tuple(e for e in GATED.errors if e.level != "nodal"))
    weights = replace(network(), card=known.key())
    with pytest.raises(InputError, match="says nothing of the nodal solver") as caught:
        check_specimen(Specimen("x", weights, (weights.study.hardware.nominal,)), known)
    assert caught.value.key == "errors"
    assert "die20k" in caught.value.source


def test_a_specimen_is_checked_before_anything_is_done():
    weights = network()
    nominal = weights.study.hardware.nominal
    check_specimen(Specimen("x", weights, (nominal,)), GATED)
    few = GATED.validity.replace(defects=("short",))
    unknown = GATED.replace(validity=few)
    bad = {
        "outside of what the card": (nominal.replace(sigma_ln_rp=0.9), weights, GATED),
        "calibrated for: short": (
            die_with("dead_row", tile=1), replace(weights, card=unknown.key()), unknown,
        ),
        "another design": (nominal, replace(weights, card="0" * 64), GATED),
    }  # fmt: skip
    for words, (die, of, known) in bad.items():
        with pytest.raises(InputError, match=words):
            check_specimen(Specimen("x", of, (die,)), known)
    with pytest.raises(InputError, match="spans 1 dies"):
        check_specimen(Specimen("x", weights, (nominal, nominal)), GATED)
    # On a tile that is not in use nothing needs to be known.
    beyond = die_with("dead_row", tile=TILES - 1)
    check_specimen(Specimen("x", replace(weights, card=unknown.key()), (beyond,)), unknown)


def test_levels_are_what_the_converter_rounds():
    circuit = GATED.circuit.model_copy(
        update={"adc": Converter(bits=8, low=0.4, high=2.9, offset=3e-3)}
    )
    currents = torch.linspace(-5e-4, 5e-4, 500, dtype=DOUBLE)
    amplifier, adc = circuit.periphery, circuit.adc
    codes = levels(circuit, currents).round().clamp(0, 255)
    back = (amplifier.zero - (adc.low + codes * adc.lsb)) / amplifier.gain
    assert torch.allclose(back, converted(circuit, currents), rtol=0, atol=1e-18)
    step = step_of(circuit)
    moved = levels(circuit, currents) - levels(circuit, currents + step)
    assert torch.allclose(moved, torch.ones(500, dtype=DOUBLE))
    assert step_of(PASSIVE.circuit) is None


@pytest.mark.parametrize("rounded", [-1e-12, 0.0, 1e-12])
def test_outputs_at_a_limit_are_counted_as_clipped(rounded):
    """Also where the card's limits, which are fitted, are the circuit's but for rounding."""
    limits = {"clip_low": 1.4, "clip_high": 1.7}
    circuit = GATED.circuit.replace(periphery=GATED.circuit.periphery.replace(**limits))
    fitted = {name: volts + rounded for name, volts in limits.items()}
    known = GATED.replace(circuit=circuit, amplifier=GATED.amplifier.replace(**fitted))
    one = on_a_die(network(known), known)
    x, amplifier = inputs(50), circuit.periphery
    seen, shares = one.foresee(x, 1.0), []
    for k, layer in enumerate(one.specimen.weights.layers):
        currents = one.network.read(k, placement_of(layer).volts(given_by(circuit, x)))
        out = amplifier.zero - amplifier.gain * currents
        shares.append(float(((out < 1.4 + 1e-9) | (out > 1.7 - 1e-9)).double().mean()))
        z = one.network.sums(k, x) * (layer.unit / layer.g_norm) + torch.from_numpy(layer.bias)
        x = torch.tanh(z)
    assert 0.01 < shares[0] < 0.9
    assert seen.clipped == pytest.approx(np.mean(shares), rel=1e-9)


@pytest.mark.parametrize("known", CARDS.values(), ids=CARDS)
def test_nothing_is_clipped_where_nothing_reaches_a_limit(known):
    assert on_a_die(known=known).foresee(inputs(50), 1.0).clipped == 0
