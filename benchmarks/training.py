"""What training costs: an epoch for the distribution of dies, for one die, and as if ideal.

Epochs of the three methods take turns, so that what else the machine does falls on all of them.
A statistics-aware epoch has everything in it that it needs: solving the circuits of all tiles for
the present weights, drawing a pool of dies, and a die for every few samples.
"""

import statistics
import time
from collections.abc import Sequence

import numpy as np
import torch
from promises import main

from mtjspice.data.samples import Samples
from mtjspice.device.dies import draw_dies
from mtjspice.reproduce.borders2024.run import shipped_spec
from mtjspice.reproduce.borders2024.spec import Recipe
from mtjspice.spec.training import TrainingStudy
from mtjspice.surrogate.card import load_card
from mtjspice.surrogate.model import Surrogate
from mtjspice.train.fit import Session
from mtjspice.verdicts.figures import Figure, at_most

SAMPLES, ROUNDS = 60_000, 7
METHODS = ("ideal", "statistics-aware", "hardware-aware")


def measure() -> Sequence[Figure]:
    """Both shapes of networks of borders2024, at the sizes of MNIST."""
    torch.set_num_threads(1)
    spec = shipped_spec()
    figures = []
    for shape, network in (("plain", spec.baseline.network), ("redundant", spec.robust.network)):
        recipe = Recipe(network=network, training=spec.robust.training)
        times = _epochs(recipe)
        ideal = statistics.median(times["ideal"])
        for method in METHODS[1:]:
            ratios = [t / i for t, i in zip(times[method], times["ideal"], strict=True)]
            how = (
                f"{shape} shape, {SAMPLES} samples, batch {recipe.training.batch}, "
                f"{recipe.training.dies} dies a batch, one thread: "
                f"{statistics.median(times[method]):.2f} s against {ideal:.2f} s; median of "
                f"{ROUNDS} paired epochs, {min(ratios):.2f} to {max(ratios):.2f}"
            )
            limit = 1.5 if method == "statistics-aware" else None
            name = f"epoch, {method} / ideal, {shape} shape"
            figures.append(at_most(name, statistics.median(ratios), limit, "times", how))
    return figures


def _epochs(recipe: Recipe) -> dict[str, list[float]]:
    """Seconds of epochs by method, taking turns; the first of each is not counted."""
    chance = np.random.default_rng(1)
    samples = Samples(
        inputs=chance.random((SAMPLES + 10, 100)),
        labels=chance.integers(0, 10, SAMPLES + 10),
        train=np.arange(SAMPLES + 10) < SAMPLES,
        classes=tuple(map(str, range(10))),
        source="random numbers",
    )
    card = load_card("die20k")
    surrogate = Surrogate(card, "linear")
    sessions = {}
    for method in METHODS:
        training = recipe.training.replace(method=method, epochs=ROUNDS + 1)
        study = TrainingStudy(name="benchmark", network=recipe.network, training=training)
        hardware = study.hardware
        shape = card.circuit.crossbar.shape
        dies = draw_dies(hardware.spread, hardware.rates, shape, hardware.tiles, 1, 1)
        given = dies if method == "hardware-aware" else ()
        sessions[method] = Session(study, samples, surrogate, given)
    times: dict[str, list[float]] = {method: [] for method in METHODS}
    for epoch in range(ROUNDS + 1):
        for method, session in sessions.items():
            start = time.perf_counter()
            session.epoch(epoch, session.prepared())
            if epoch:
                times[method].append(time.perf_counter() - start)
    return times


if __name__ == "__main__":
    main("cost of training", measure)
