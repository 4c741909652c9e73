import numpy as np
import pytest
from unit.builders import network

from mtjspice.networks.levels import (
    full_scale_current,
    ideal_current,
    ideal_outputs,
    layer_experiment,
    write_chips,
)
from mtjspice.spec import Crossbar, Readout, Study

NET = network(([[1, -1], [0, 1]], [0.1, -0.2]), ([[1, 0], [-1, 1]], [0.0, 0.3]))
INPUTS = np.array([[0.5, 1.0], [0.0, 0.25]])
STUDY = Study(
    name="s",
    crossbar=Crossbar(rows=3, columns=5),
    readout=Readout(read_voltage=0.2, g_norm=(0.5, 1)),
)


def test_ideal_outputs_are_those_of_pencil_and_paper():
    outputs = ideal_outputs(NET, INPUTS, [1.0, 0.5])
    assert outputs.shape == (2, 2, 2)
    for g, at_g in zip((1.0, 0.5), outputs, strict=True):
        for (a, b), (first, second) in zip(INPUTS, at_g, strict=True):
            h0, h1 = np.tanh(a / g + 0.1), np.tanh((b - a) / g - 0.2)
            assert first == pytest.approx((h0 - h1) / g, rel=1e-14)
            assert second == pytest.approx(h1 / g + 0.3, rel=1e-14)


def test_a_network_of_one_layer_has_no_activation():
    outputs = ideal_outputs(network(([[1], [-1]], [0.5])), INPUTS, [1.0])
    assert outputs[0, :, 0] == pytest.approx([0.0, 0.25])


def test_the_ideal_current_is_that_of_ohmic_junctions():
    mtj = STUDY.crossbar.cell.mtj
    current = ideal_current(STUDY, NET.layers[0], np.array([0.1, 0.2]))
    p, ap = 1 / mtj.r_p, 1 / mtj.r_ap
    expected = [0.1 * p + 0.2 * ap, 0.3 * ap, 0.1 * ap + 0.2 * p, 0.1 * p + 0.2 * ap]
    assert current == pytest.approx(expected, rel=1e-14)


def test_full_scale_is_a_column_of_p_junctions_with_every_input_at_1():
    assert full_scale_current(STUDY, NET.layers[0]) == pytest.approx(
        2 * 0.2 / STUDY.crossbar.cell.mtj.r_p
    )


def test_a_layer_becomes_an_experiment_on_its_own_lines():
    (chip,) = write_chips(STUDY, [NET])
    made = layer_experiment(STUDY, chip, 1, INPUTS, observe=True)
    assert made.tile.index == 1
    assert made.tile.states.shape == (3, 5)
    assert made.stimulus.volts == pytest.approx(0.2 * INPUTS)
    assert made.driven_rows == (0, 1)
    assert made.sensed_columns == (0, 1, 2, 3)
    assert made.stimulus.read_voltage == 0.2
    assert made.observe == "cells"
