"""Trained weights on dies, through converters and the surrogate."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from unit.tiled import HEAVY, card, digits, study, surrogate, written

from mtjspice.device.converter import quantised as exactly_quantised
from mtjspice.device.converter import to_codes, to_volts
from mtjspice.device.dies import draw_dies
from mtjspice.errors import InputError
from mtjspice.spec import Converter, Defect, Die, VirtualGround
from mtjspice.train.hardware import (
    OnDies,
    converted,
    corrected,
    error_of,
    given_by,
    in_software,
    on_dies,
    quantised,
    tensors,
)
from mtjspice.train.tiles import experiments_of, placement_of

CIRCUIT = card().circuit
DOUBLE = torch.float64
NETWORK = written(study(network={"hidden": (14, 5), "copies": (1, 3, 2)}), features=30)
"""Layer 2 has 15 lines on two tiles, and layer 3 six."""
NOMINAL = NETWORK.study.hardware.nominal
FINE = Converter(bits=24, low=0.0, high=5.0)


def samples(count: int = 20, features: int = 30) -> torch.Tensor:
    chance = torch.Generator().manual_seed(1)
    return torch.rand(count, features, dtype=DOUBLE, generator=chance)


def on(dies=(NOMINAL,), level: str = "linear", weights=NETWORK) -> OnDies:
    return on_dies(weights, surrogate(level), dies, DOUBLE)


def without_rounding(network: OnDies) -> OnDies:
    fine = network.circuit.model_copy(update={"dac": FINE, "adc": FINE})
    return replace(network, circuit=fine)


@pytest.mark.parametrize("shape", [(20, 29), (30,), (2, 20, 30)])
def test_inputs_that_lack_a_feature_are_refused(shape):
    inputs = torch.zeros(shape, dtype=DOUBLE)
    for outputs in (on().outputs, lambda x: in_software(NETWORK, x)):
        with pytest.raises(InputError, match="with at least 30 features") as caught:
            outputs(inputs)
        assert caught.value.value == list(shape)


def test_without_rounding_outputs_are_the_plain_product():
    """At the level without wires a weight is worth the junctions' difference, or zero."""
    network = without_rounding(on(level="ideal"))
    x = samples()
    ideal = surrogate("ideal")
    for k, layer in enumerate(NETWORK.layers):
        placement = placement_of(layer)
        states = torch.from_numpy(layer.states)
        g = ideal.program(experiments_of(placement, CIRCUIT, [NOMINAL], 8, states)).linear
        worth = float(g[states == 0].mean() - g[states == 1].mean())
        partial = placement.dealt(x) @ placement.weights(states).double()
        expected = added(layer, partial)
        assert float((network.sums(k, x) - expected * worth / layer.unit).abs().max()) < 2e-3
        gain = layer.unit / layer.g_norm
        x = expected * worth / layer.unit * gain + torch.from_numpy(layer.bias)
        x = torch.tanh(x) if k < 2 else x
    assert torch.allclose(network.outputs(samples()), x, atol=5e-3)


def test_in_software_weights_are_numbers():
    found = in_software(NETWORK, samples())
    x = samples().numpy()
    for k, layer in enumerate(NETWORK.layers):
        plus, minus = (
            1
            - np.concatenate(
                [
                    layer.states[b :: layers_blocks(layer), :, sign:24:2]
                    for b in range(layers_blocks(layer))
                ],
                axis=2,
            ).astype(float)
            for sign in (0, 1)
        )
        used, lines = -(-layer.inputs // layer.groups), layer.outputs * layer.copies
        partial = np.stack([
            x[:, used * g : used * g + used]
            @ (plus - minus)[g, : min(used, layer.inputs - used * g), :lines]
            for g in range(layer.groups)
        ])  # fmt: skip
        total = added(layer, partial)
        x = total * layer.unit / layer.g_norm + layer.bias
        x = np.tanh(x) if k < 2 else x
    assert found.numpy() == pytest.approx(x, abs=1e-12)


def layers_blocks(layer) -> int:
    return -(-layer.outputs * layer.copies // 12)


def added(layer, partial):
    """Partial sums [group, sample, line] over all groups and copies, line after line."""
    total = 0 * partial[0, :, : layer.outputs]
    for group in partial:
        for line in range(layer.outputs * layer.copies):
            total[:, line % layer.outputs] += group[:, line]
    return total


@pytest.mark.parametrize("level", ["linear", "full"])
@pytest.mark.parametrize("k", [0, 1])
def test_currents_go_through_converters_and_amplifiers(level, k):
    """One layer, step by step, with the package's numpy converters."""
    network, layer = on(level=level), NETWORK.layers[k]
    placement = placement_of(layer)
    x = samples(features=layer.inputs)
    reference = CIRCUIT.periphery.reference
    volts = exactly_quantised(x.numpy() * CIRCUIT.read_voltage + reference, CIRCUIT.dac) - reference
    dealt = placement.volts(torch.from_numpy(volts))
    made = surrogate(level)
    states = torch.from_numpy(layer.states)
    programmed = made.program(experiments_of(placement, CIRCUIT, [NOMINAL], 8, states))
    out = made.amplified(made(dealt, programmed)).numpy()
    currents = (CIRCUIT.periphery.zero - to_volts(to_codes(out, CIRCUIT.adc), CIRCUIT.adc)) / (
        CIRCUIT.periphery.gain
    )
    pairs = currents[..., 0:24:2] - currents[..., 1:24:2]
    blocks = layers_blocks(layer)
    by_group = [
        np.concatenate(list(pairs[g * blocks : (g + 1) * blocks]), axis=-1)
        for g in range(layer.groups)
    ]
    expected = added(layer, np.stack(by_group)) / (layer.unit * CIRCUIT.read_voltage)
    assert network.sums(k, x).numpy() == pytest.approx(expected, abs=1e-9)


CONVERTERS = [
    Converter(bits=12, low=0.0, high=5.0),
    Converter(bits=3, low=-0.4, high=0.9),
    Converter(bits=12, low=0.0, high=5.0, offset=6e-4),
    Converter(bits=8, low=1.0, high=2.0, offset=-1e-3),
]
EACH_CONVERTER = pytest.mark.parametrize("converter", CONVERTERS)


@EACH_CONVERTER
def test_rounding_is_that_of_the_converters(converter):
    volts = np.random.default_rng(1).uniform(-1, 6, 5000)
    ideal = converter.replace(offset=0.0)
    expected = exactly_quantised(volts, ideal)
    assert quantised(torch.from_numpy(volts), converter).numpy() == pytest.approx(
        expected, abs=1e-12
    )


@EACH_CONVERTER
def test_inputs_are_what_the_dac_gives(converter):
    circuit = CIRCUIT.model_copy(update={"dac": converter})
    x = torch.linspace(-1, 1, 999, dtype=DOUBLE)
    reference = circuit.periphery.reference
    expected = (
        exactly_quantised(x.numpy() * circuit.read_voltage + reference, converter) - reference
    )
    assert given_by(circuit, x).numpy() == pytest.approx(expected, abs=1e-12)


@EACH_CONVERTER
def test_currents_are_what_the_adc_gives(converter):
    circuit = CIRCUIT.model_copy(update={"adc": converter})
    amplifier = circuit.periphery
    currents = torch.linspace(-8e-4, 8e-4, 999, dtype=DOUBLE)
    volts = amplifier.zero - amplifier.gain * currents.numpy()
    codes = to_codes(volts, converter)
    expected = (amplifier.zero - to_volts(codes, converter.replace(offset=0.0))) / amplifier.gain
    assert converted(circuit, currents).numpy() == pytest.approx(expected, abs=1e-15)


def test_without_amplifiers_currents_are_not_converted():
    circuit = CIRCUIT.model_copy(update={"periphery": VirtualGround()})
    currents = torch.randn(5)
    assert torch.equal(converted(circuit, currents), currents)


def test_weights_of_another_card_are_refused():
    with pytest.raises(InputError, match="another design") as caught:
        on(weights=replace(NETWORK, card="0" * 64))
    assert caught.value.key == "card"
    assert caught.value.value == "0" * 64
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("count", [0, 2])
def test_a_wrong_number_of_dies_is_refused(count):
    with pytest.raises(InputError, match="spans 1 dies") as caught:
        on((NOMINAL,) * count)
    assert caught.value.value == count


@pytest.mark.parametrize(
    "die",
    [
        NOMINAL.replace(sigma_ln_rp=0.9),
        NOMINAL.replace(mismatch=9.0),
        NOMINAL.replace(short_resistance=1.0, defects=(Defect(kind="short", row=0, column=0),)),
        NOMINAL.replace(
            defects=tuple(
                Defect(kind="short", row=r, column=c) for r in range(25) for c in range(9)
            )
        ),
    ],
)
def test_a_die_outside_of_the_range_of_the_card_is_refused(die):
    with pytest.raises(InputError, match="outside of what the card was calibrated for"):
        on((die,))


def test_several_dies_have_each_its_own_defects():
    two = written(study(network={"hidden": (14, 5)}, hardware={"tiles": 4, "dies": 2}), features=30)
    assert [layer.first for layer in two.layers] == [0, 4, 5]
    broken = NOMINAL.replace(defects=tuple(Defect(kind="dead_row", row=r) for r in range(25)))
    x = samples()
    nominal = on((NOMINAL, NOMINAL), weights=two)
    first, second = on((broken, NOMINAL), weights=two), on((NOMINAL, broken), weights=two)
    h = torch.rand(20, 14, dtype=DOUBLE)
    # The broken tile 0 is in layer 1 on the first die, and in layer 2 on the second.
    assert not torch.allclose(first.sums(0, x), nominal.sums(0, x))
    assert torch.equal(first.sums(1, h), nominal.sums(1, h))
    assert torch.equal(second.sums(0, x), nominal.sums(0, x))
    assert not second.sums(1, h).any()


def test_only_the_features_of_the_network_are_read():
    picked = replace(NETWORK, features=tuple(range(10, 40)))
    wide = torch.rand(9, 50, dtype=DOUBLE)
    assert torch.equal(on(weights=picked).outputs(wide), on().outputs(wide[:, 10:40]))


def test_samples_do_not_depend_on_each_other():
    network, x = on(), samples(2003)
    assert torch.equal(network.outputs(x)[1995:], network.outputs(x[1995:]))


def test_levels_agree_within_the_error_of_the_card():
    worst = {e.level: e for e in card().errors if e.group == "new tiles"}["linear"].maximum
    linear, full = (without_rounding(on(level=level)) for level in ("linear", "full"))
    x, layer = samples(), NETWORK.layers[0]
    scale = 25 / (CIRCUIT.crossbar.cell.mtj.r_p * layer.unit)  # full scale, units of a weight
    off = (linear.sums(0, x) - full.sums(0, x)).abs().max() / scale
    # A pair has two lines, and each output sums two groups.
    assert 0 < float(off) < 4 * worst


def test_single_precision_reads_like_double_precision():
    single = on_dies(NETWORK, surrogate(), (NOMINAL,)).outputs(samples().float())
    assert single.dtype == torch.float32
    off = (single - on().outputs(samples())).abs()
    assert float((off < 1e-4).float().mean()) > 0.9  # but where a rounding goes the other way
    assert float(off.max()) < 0.2


def test_the_error_is_the_share_of_wrong_classes():
    network, x = on(), samples()
    labels = network.outputs(x).argmax(-1)
    assert error_of(network, x, labels) == 0.0
    labels[:5] = (labels[:5] + 1) % 3
    assert error_of(network, x, labels) == pytest.approx(0.25)


def scaled(network: OnDies, factor: float, offset: float) -> OnDies:
    """A die whose currents are all off by a factor, and by an offset on the (+) lines."""

    def read(k, volts):
        currents = factor * network.read(k, volts)
        currents[..., 0::2] += offset
        return currents

    return replace(network, read=read)


def test_a_die_that_is_weak_and_offset_is_corrected():
    reference, x = without_rounding(on()), samples(60)
    die = scaled(reference, 0.9, 3e-6)
    before = (die.outputs(x) - reference.outputs(x)).abs().max()
    better = corrected(die, reference, x)
    after = (better.outputs(x) - reference.outputs(x)).abs().max()
    assert before > 0.05
    assert after < 1e-3 * before
    for layer, old in zip(better.weights.layers, NETWORK.layers, strict=True):
        assert layer.g_norm == pytest.approx(0.9 * old.g_norm, rel=1e-3)
        assert np.array_equal(layer.states, old.states)


def test_the_correction_of_the_nominal_die_changes_nothing():
    reference, x = on(), samples(60)
    same = corrected(reference, reference, x)
    assert torch.allclose(same.outputs(x), reference.outputs(x), atol=1e-9)


def test_corrected_weights_have_a_key_of_their_own():
    reference, x = without_rounding(on()), samples(60)
    weak, weaker = (corrected(scaled(reference, f, 0.0), reference, x) for f in (0.9, 0.8))
    again = corrected(scaled(reference, 0.9, 0.0), reference, x)
    assert len({n.weights.key for n in (reference, weak, weaker)}) == 3
    assert again.weights.key == weak.weights.key
    assert len(weak.weights.key) == 64
    assert reference.weights.key == NETWORK.key  # left alone


def test_the_correction_carries_over_to_other_samples_of_a_defective_die():
    rates = HEAVY
    x = samples(400)
    reference = on()
    gains = []
    for die in draw_dies(NETWORK.study.hardware.spread, rates, (25, 25), 8, 4, 3):
        network = on((die,))
        better = corrected(network, reference, x[:200])
        before, after = (
            float((n.outputs(x[200:]) - reference.outputs(x[200:])).square().mean())
            for n in (network, better)
        )
        gains.append(after / before)
    assert np.mean(gains) < 0.7


def test_a_layer_that_reads_nothing_is_left_with_its_biases():
    dead = tuple(Defect(kind="dead_row", row=r, tile=NETWORK.layers[-1].first) for r in range(25))
    network = on((NOMINAL.replace(defects=dead),))
    found = corrected(network, on(), samples(60)).outputs(samples())
    assert found.isfinite().all()


def test_samples_become_tensors():
    data = digits(100)
    inputs, labels = tensors(data, data.train)
    assert inputs.dtype == torch.float32
    assert inputs.shape == (int(data.train.sum()), 64)
    assert labels.tolist() == data.labels[data.train].tolist()


def test_dies_are_data_of_the_spec():
    assert isinstance(NOMINAL, Die)
    assert NOMINAL.sigma_ln_rp == 0 == NOMINAL.mismatch
    assert NOMINAL.short_resistance == NETWORK.study.hardware.spread.short_resistance
