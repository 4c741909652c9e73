"""Trained weights on a defective die: what training and judging see, against SPICE."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from unit.tiled import card, digits, study, surrogate

from mtjspice.device.dies import draw_die
from mtjspice.spec import Stimulus
from mtjspice.spec.rates import DefectRates
from mtjspice.train.fit import train
from mtjspice.train.hardware import given_by, on_dies, tensors
from mtjspice.train.tiles import experiments_of, placement_of

pytestmark = pytest.mark.ngspice

RATES = DefectRates(
    short=0.002, open=0.003, stuck_p=0.01, stuck_ap=0.01, dead_lines=0.6, bridged_lines=0.4
)
STUDY = study("ideal", network={"hidden": (14,)}, hardware={"tiles": 8, "rates": RATES})
CIRCUIT = card().circuit
SAMPLES = 5


def in_spice(network, dies, simulator):
    """The same network, read by SPICE."""
    layers, tiles = network.weights.layers, network.weights.study.hardware.tiles

    def read(k, volts):
        states = torch.from_numpy(layers[k].states)
        blank = experiments_of(placement_of(layers[k]), CIRCUIT, dies, tiles, states)
        given = np.broadcast_to(volts.numpy(), (len(blank), *volts.shape[1:]))
        results = simulator.run(
            [
                e.replace(stimulus=Stimulus(volts=v, read_voltage=CIRCUIT.read_voltage))
                for e, v in zip(blank, given, strict=True)
            ]
        )
        out = np.stack([result["amplifier_voltage"].to_numpy() for result in results])
        amplifier = CIRCUIT.periphery
        return torch.from_numpy((amplifier.zero - out) / amplifier.gain)

    return replace(network, read=read)


@pytest.fixture(scope="module")
def networks(simulator):
    """The surrogate's and ngspice's, and samples."""
    weights = train(STUDY, digits(), surrogate())
    dies = [draw_die(STUDY.hardware.spread, RATES, (25, 25), 8, seed=5)]
    fast = on_dies(weights, surrogate("full"), dies, torch.float64)
    inputs, _ = tensors(digits(), ~digits().train)
    return fast, in_spice(fast, dies, simulator), inputs[:SAMPLES].double(), dies[0]


def test_partial_sums_of_a_trained_network_are_those_of_ngspice(networks):
    fast, exact, inputs, die = networks
    used = {d.kind for d in die.defects if d.tile < 5}
    assert {"short", "stuck_p", "stuck_ap", "open"} <= used, Counter(d.kind for d in die.defects)
    errors = [e for e in card().errors if e.level == "full"]
    full_scale = 25 * CIRCUIT.read_voltage / CIRCUIT.crossbar.cell.mtj.r_p
    x = inputs[:, list(fast.weights.features)]
    for k, layer in enumerate(fast.weights.layers):
        placement = placement_of(layer)
        volts = placement.volts(given_by(CIRCUIT, x))
        ours, theirs = fast.read(k, volts), exact.read(k, volts)
        off = (placement.partial_sums(ours) - placement.partial_sums(theirs)) / full_scale
        assert theirs.abs().max() > 0.05 * full_scale
        # A pair has two lines.
        assert float(off.abs().max()) < 2 * max(e.maximum for e in errors)
        assert float(off.square().mean().sqrt()) < 2 * max(e.rms for e in errors)
        x = torch.tanh(
            exact.sums(k, x) * (layer.unit / layer.g_norm) + torch.from_numpy(layer.bias)
        )


def test_classes_of_a_trained_network_are_those_of_ngspice(networks):
    fast, exact, inputs, _ = networks
    ours, theirs = fast.outputs(inputs), exact.outputs(inputs)
    assert torch.equal(ours.argmax(-1), theirs.argmax(-1))
    spread = float(theirs.std())
    assert float((ours - theirs).abs().max()) < 0.1 * spread  # codes of the ADC may differ by one
    nominal = on_dies(fast.weights, surrogate("full"), [STUDY.hardware.nominal], torch.float64)
    assert float((nominal.outputs(inputs) - theirs).abs().max()) > 0.2 * spread
