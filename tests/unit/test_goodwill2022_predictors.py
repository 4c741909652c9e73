import numpy as np
import pytest
from unit.builders import network

from mtjspice.data.samples import Samples
from mtjspice.networks.levels import write_chips
from mtjspice.reproduce.goodwill2022.predictors import FIDELITY, predictors, read_devices
from mtjspice.spec import Crossbar, Defect, Die, Study, Writing

STUDY = Study(name="s", crossbar=Crossbar(rows=4, columns=6))
NET = network(([[1, -1], [0, 1], [-1, 0]], [0.1, -0.2]), ([[1, -1], [-1, 1]], [0.0, 0.1]), name="n")
CHANCE = np.random.default_rng(3)
SAMPLES = Samples(
    inputs=CHANCE.uniform(size=(40, 3)),
    labels=CHANCE.integers(0, 2, 40),
    train=np.arange(40) < 30,
    classes=("a", "b"),
    source="made up",
)
DELTA_G = STUDY.crossbar.cell.mtj.delta_g


def programmed(study: Study = STUDY, scale: float = 1.0, noise: float = 0.0):
    """The network as it stands in its tiles; the array applies its conductances, scaled, noisy."""
    (chip,) = write_chips(study, [NET])
    mtj, chance, matrices = study.crossbar.cell.mtj, np.random.default_rng(5), []
    for layer, tile in zip(chip.network.layers, chip.tiles, strict=True):
        rows, columns = layer.cells.shape
        states = tile.states[:rows, :columns]
        siemens = scale * np.where(states == 0, 1 / mtj.r_p, 1 / mtj.r_ap)
        matrices.append(siemens + noise * DELTA_G * chance.normal(size=siemens.shape))
    return read_devices(study, chip, matrices)


def values(*arrays, samples: Samples = SAMPLES) -> dict[str, np.ndarray]:
    return {metric.name: metric.values for metric in predictors(arrays, samples)}


def test_a_perfect_array_has_no_error_even_where_wires_scale_it():
    for name, value in values(programmed(), programmed(scale=0.5)).items():
        if "error" in name or "changed" in name:
            # The second is at a G_norm of 0.5, which is among those that are tried.
            assert value == pytest.approx([0, 0], abs=2e-2), name
    perfect = values(programmed())
    assert perfect[FIDELITY] == [1.0]
    assert perfect["accuracy of the matrix"] == perfect["ideal accuracy"]


def test_a_wrong_junction_counts_in_fidelity_and_in_conductance():
    stuck = STUDY.replace(die=Die(defects=(Defect(kind="stuck_ap", row=0, column=0),)))
    array = programmed(stuck)
    assert array.fidelity == pytest.approx(1 - 1 / 20)  # of 3 x 4 and 2 x 4 junctions in use
    assert array.conductance_error == pytest.approx(np.sqrt(1 / 20))
    assert array.devices[0][0, 0] == pytest.approx(0)
    assert array.devices[0][0, 1] == pytest.approx(-1)


def test_a_junction_that_is_not_in_use_does_not_count():
    stuck = STUDY.replace(die=Die(defects=(Defect(kind="stuck_p", row=3, column=5),)))
    assert programmed(stuck).fidelity == 1


def test_shorts_and_opens_count_with_their_conductance():
    short = Die(defects=(Defect(kind="short", row=0, column=0),))
    unit = DELTA_G * 100.0
    assert programmed(STUDY.replace(die=short)).devices[0][0, 0] == pytest.approx(
        1 / unit - 1 / (STUDY.crossbar.cell.mtj.r_ap * DELTA_G)
    )


def test_every_metric_gets_worse_with_the_error_of_the_matrix():
    quiet, loud = (values(programmed(noise=noise)) for noise in (0.05, 0.5))
    for name in ("effective weight error", "hidden sum error", "output error", "expected flips",
                 "output error over margin"):  # fmt: skip
        assert 0 < quiet[name][0] < loud[name][0], name


def test_the_test_samples_are_not_used():
    inputs = np.where(SAMPLES.train[:, None], SAMPLES.inputs, 0.5)
    labels = np.where(SAMPLES.train, SAMPLES.labels, 0)
    other = Samples(inputs, labels, SAMPLES.train, SAMPLES.classes, SAMPLES.source)
    one, two = values(programmed(noise=0.2)), values(programmed(noise=0.2), samples=other)
    assert {n: v.tolist() for n, v in one.items()} == {n: v.tolist() for n, v in two.items()}


def test_only_what_says_so_uses_the_classes():
    flipped = Samples(
        SAMPLES.inputs, 1 - SAMPLES.labels, SAMPLES.train, SAMPLES.classes, SAMPLES.source
    )
    one, two = (predictors([programmed(noise=0.2)], s) for s in (SAMPLES, flipped))
    for a, b in zip(one, two, strict=True):
        assert a.labels == ("classes" in a.knows)
        if not a.labels:
            assert a.values.tolist() == b.values.tolist(), a.name


def test_networks_on_dies_of_their_own_are_written_differently():
    study = STUDY.replace(writing=Writing(previous="opposite", to_p=0.6, to_ap=0.45), dies="own")
    one, two = write_chips(study, [NET, NET])
    assert (one.die.seed, two.die.seed) == (0, 1)
    assert any((a.states != b.states).any() for a, b in zip(one.tiles, two.tiles, strict=True))
    shared = write_chips(study.replace(dies="shared"), [NET, NET])
    assert shared[0].tiles == shared[1].tiles
    assert shared[0].tiles == one.tiles
