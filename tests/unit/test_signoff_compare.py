"""Reads of tiles against the surrogate's, with reads that are made by hand."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from unit.tiled import NO_DEFECTS, card, study, surrogate, written

from mtjspice.networks.tiles import LayerReads
from mtjspice.signoff.compare import Compared, compare_layer
from mtjspice.signoff.dies import Log, OnOneDie, Specimen
from mtjspice.signoff.margins import full_scale, levels, step_of
from mtjspice.spec import Converter, Defect
from mtjspice.surrogate.card import load_card
from mtjspice.surrogate.model import Surrogate
from mtjspice.surrogate.programmed import ReadErrors
from mtjspice.train.hardware import given_by
from mtjspice.train.tiles import placement_of

DOUBLE = torch.float64
CIRCUIT = card().circuit
STEP, SCALE = step_of(CIRCUIT), full_scale(CIRCUIT)
BOUND = 2e-4
IMAGES = 9


def network(activation: str = "tanh", known=None) -> OnOneDie:
    """Thirty inputs in two groups; fourteen neurons on two tiles of each."""
    hardware = {"card": known.name, "spread": {"sigma_ln_rp": 0.05}} if known else {}
    of = study(
        network={"hidden": (14,), "activation": activation},
        hardware={"tiles": 8, "rates": NO_DEFECTS} | hardware,
    )
    weights = written(of, features=25 if known else 30, on=known)
    dies = (of.hardware.nominal,)
    return OnOneDie(
        Specimen("one", weights, dies), Surrogate(known, "full") if known else surrogate("full")
    )


def reads(one: OnOneDie, k: int = 0, **moved: float) -> LayerReads:
    """What the surrogate reads of a layer, as if SPICE had read it.

    Some reads are moved by so many steps: their names are tile, image and line.
    """
    layer = one.specimen.weights.layers[k]
    chance = torch.Generator().manual_seed(1)
    x = torch.rand(IMAGES, layer.inputs, dtype=DOUBLE, generator=chance)
    volts = placement_of(layer).volts(given_by(one.network.circuit, x))
    currents = one.network.read(k, volts).clone()
    for name, steps in moved.items():
        currents[place(name)] -= steps * STEP  # a larger current is a lower level
    keys = tuple(f"key {tile}" for tile in range(len(volts)))
    return LayerReads(volts, currents, keys, clipped=0.25, seconds=2.0)


def place(name: str) -> tuple[int, ...]:
    return tuple(map(int, name.strip("_").split("_")))


def compare(one: OnOneDie, found: LayerReads, k: int = 0, bound: float = BOUND) -> Compared:
    tiles = torch.ones(len(found.currents), dtype=DOUBLE)
    return compare_layer(one.network, k, found, ReadErrors(tiles * bound / 5, tiles * bound))


def test_reads_that_are_the_same_differ_nowhere():
    found = compare(network(), reads(network()))
    assert found.differing == ()
    assert found.flips.shape == found.square.shape == found.largest.shape == (4, 25)
    assert not found.flips.any()
    assert not found.square.any()
    assert not found.largest.any()


def test_a_level_that_differs_is_counted_on_its_tile_and_line():
    moved = {"_0_3_7": 1.0, "_2_3_7": -2.0, "_2_8_7": 1.0, "_3_0_24": 5.0}
    one = network()
    found = compare(one, reads(one, **moved))
    assert {(d.tile, d.image, d.line): d.spice - d.surrogate for d in found.differing} == {
        place(name): steps for name, steps in moved.items()
    }
    assert all((d.kind, d.layer) == ("level", 0) for d in found.differing)
    counts = np.zeros((4, 25), dtype=int)
    counts[0, 7], counts[2, 7], counts[3, 24] = 1, 2, 1
    assert np.array_equal(found.flips, counts)
    exact = levels(CIRCUIT, one.network.read(0, reads(one).volts))
    for d in found.differing:
        assert d.surrogate == round(float(exact[d.tile, d.image, d.line]))


def test_errors_are_shares_of_full_scale_on_their_line():
    moved = {"_0_3_7": 0.1, "_2_3_7": -3.0, "_2_8_7": 1.0}
    one = network()
    found = compare(one, reads(one, **moved))
    share = STEP / SCALE
    square, largest = np.zeros((4, 25)), np.zeros((4, 25))
    square[0, 7], square[2, 7] = (0.1 * share) ** 2, (9 + 1) * share**2
    largest[0, 7], largest[2, 7] = 0.1 * share, 3 * share
    assert found.square == pytest.approx(square, rel=1e-6, abs=1e-20)
    assert found.largest == pytest.approx(largest, rel=1e-6, abs=1e-12)


@pytest.mark.parametrize("steps", [1.0, -1.0, 3.0, -4.0])
def test_the_ratio_is_the_least_that_the_read_has_moved_over_the_bound(steps):
    one = network()
    found = reads(one, _1_2_4=steps)
    (differing,) = compare(one, found).differing
    exact = float(levels(CIRCUIT, one.network.read(0, found.volts))[1, 2, 4])
    below = exact - round(exact)
    # From where the read is to the nearer edge of the step that it came out in.
    least = steps - 0.5 - below if steps > 0 else -steps - 0.5 + below
    assert differing.ratio == pytest.approx(least * STEP / (BOUND * SCALE), rel=1e-9)
    assert compare(one, found, bound=3 * BOUND).differing[0].ratio == pytest.approx(
        differing.ratio / 3
    )


def test_a_read_beside_an_edge_needs_next_to_nothing_and_one_in_the_middle_half_a_step():
    one = network()
    exact = levels(CIRCUIT, one.network.read(0, reads(one).volts))
    inside = exact - exact.round()
    for tile, image, line in ((0, 0, 0), (3, 5, 11)):
        to_edge = 0.5 - float(inside[tile, image, line])
        for push in (to_edge - 1e-6, to_edge + 1e-6):
            found = compare(one, reads(one, **{f"_{tile}_{image}_{line}": push})).differing
            if push < to_edge:
                assert found == ()
            else:
                assert found[0].ratio * BOUND * SCALE / STEP == pytest.approx(to_edge, abs=1e-9)


def test_each_tile_is_held_against_its_own_bound():
    one = network()
    found = reads(one, _0_2_4=1.0, _3_2_4=1.0)
    bounds = torch.tensor([1.0, 1.0, 1.0, 10.0], dtype=DOUBLE) * BOUND
    first, second = compare_layer(one.network, 0, found, ReadErrors(bounds, bounds)).differing
    exact = levels(CIRCUIT, one.network.read(0, found.volts))[[0, 3], 2, 4]
    needed = (0.5 - (exact - exact.round())).tolist()
    assert first.ratio / second.ratio == pytest.approx(10 * needed[0] / needed[1])


def test_beyond_the_range_of_the_converter_no_level_differs():
    one = network()
    low = float(levels(CIRCUIT, one.network.read(0, reads(one).volts)).min())
    # A converter whose range ends above all that is read.
    adc = Converter(bits=4, low=CIRCUIT.adc.low + (low - 40) * CIRCUIT.adc.lsb, high=5.0)
    circuit = CIRCUIT.model_copy(update={"adc": adc.replace(high=adc.low + 16 * CIRCUIT.adc.lsb)})
    narrow = replace(one.network, circuit=circuit)
    found = reads(one, _0_3_7=1.0, _2_3_7=-2.0)
    errors = ReadErrors(torch.ones(4, dtype=DOUBLE), torch.ones(4, dtype=DOUBLE))
    compared = compare_layer(narrow, 0, found, errors)
    assert compared.differing == ()
    assert not compared.flips.any()
    assert compared.largest.max() > 0


def test_a_sign_that_differs_is_that_of_its_neuron():
    one = network("sign")
    layer, found = one.specimen.weights.layers[0], reads(one)
    gain, bias = layer.unit / layer.g_norm, torch.from_numpy(layer.bias)
    z = one.network.added(0, found.currents) * gain + bias
    image, neuron = 4, 13  # on the second tile of each group, second pair
    line = 2 * (neuron - 12)
    # Half of what it takes on each of the two groups, and more than the converter rounds.
    needed = -float(z[image, neuron]) / gain * layer.unit * CIRCUIT.read_voltage
    amount = needed / 2 + np.copysign(STEP, needed)
    for tile in (1, 3):
        found.currents[tile, image, line] += amount
    signs = [d for d in compare(one, found).differing if d.kind == "sign"]
    before = 1 if z[image, neuron] >= 0 else -1
    assert [(d.layer, d.tile, d.line, d.image) for d in signs] == [(0, -1, neuron, image)]
    assert (signs[0].surrogate, signs[0].spice) == (before, -before)
    smooth = network("tanh")
    assert all(d.kind == "level" for d in compare(smooth, found).differing)


def test_the_outputs_of_the_last_layer_have_no_sign():
    one = network("sign")
    layer = one.specimen.weights.layers[-1]
    found = reads(one, 1)
    found.currents[:, :, 0] += 100 * layer.unit * CIRCUIT.read_voltage
    differing = compare(one, found, 1).differing
    assert differing
    assert {(d.kind, d.layer) for d in differing} == {("level", 1)}


def test_without_converters_there_are_errors_but_no_levels():
    known = load_card("passive15")
    one = network("sign", known)
    found = reads(one)
    found.currents[2, 3, 1] *= 1.001
    compared = compare(one, found)
    assert all(d.kind == "sign" for d in compared.differing)
    assert not compared.flips.any()
    assert (compared.largest > 0).sum() == 1
    assert compared.largest[2, 1] == pytest.approx(
        0.001 / 1.001 * abs(float(found.currents[2, 3, 1])) / full_scale(known.circuit), rel=1e-6
    )


def test_a_log_adds_up_what_was_read_in_parts():
    one, log = network(), Log()
    first, second = reads(one, _0_3_7=1.0, _2_3_7=-2.0), reads(one, _0_3_7=1.0, _1_8_2=1.0)
    parts = [[found, reads(one, 1)] for found in (first, second)]
    compared = [[compare(one, a), compare(one, b, 1)] for a, b in parts]
    outputs = np.arange(IMAGES * 3.0).reshape(IMAGES, 3)
    numbers = [list(range(10, 19)), list(range(40, 49))]
    for some, read, seen in zip(numbers, parts, compared, strict=True):
        log.add(some, outputs + some[0], read, seen)
    assert sorted(log.outputs) == sorted(numbers[0] + numbers[1])
    assert log.outputs[42].tolist() == (outputs[2] + 40).tolist()
    tiles = len(first.currents) + len(parts[0][1].currents)
    assert log.flips.shape == log.square.shape == log.largest.shape == (tiles, 25)
    assert log.flips[0, 7] == 2
    assert log.flips.sum() == 4
    assert log.square == pytest.approx(
        sum(np.concatenate([c.square for c in seen]) for seen in compared)
    )
    assert log.clipped == pytest.approx(0.25 * 2 * IMAGES)
    assert log.seconds == 8.0
    where = [(f.image, f.key, f.vector, f.differing.line) for f in log.found]
    assert where == [
        (13, "key 0", 3, 7), (13, "key 2", 3, 7), (43, "key 0", 3, 7), (48, "key 1", 8, 2),
    ]  # fmt: skip
    assert log.found[1].volts.tolist() == first.volts[2, 3].tolist()


def test_tiles_go_on_from_die_to_die_with_their_defects():
    of = study(network={"hidden": (14, 5)}, hardware={"tiles": 4, "dies": 2})
    nominal = of.hardware.nominal
    broken = nominal.replace(defects=(Defect(kind="dead_row", tile=1, row=3),))
    specimen = Specimen("two", written(of, features=30), (nominal, broken))
    assert specimen.tiles == 6
    one = OnOneDie(specimen, surrogate("full"))
    assert [len(errors.rms) for errors in one.errors(1.0)] == [4, 1, 1]
    whole = OnOneDie(Specimen("whole", specimen.weights, (nominal, nominal)), surrogate("full"))
    same = [a.rms.equal(b.rms) for a, b in zip(one.errors(1.0), whole.errors(1.0), strict=True)]
    assert same == [True, True, False]
