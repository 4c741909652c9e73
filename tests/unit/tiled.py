"""Small networks on tiles that the unit tests share."""

import functools
import hashlib

import numpy as np
import torch

from mtjspice.data.mnist import read_small_digits
from mtjspice.data.network import Layer, Network
from mtjspice.data.samples import Samples
from mtjspice.spec.rates import DefectRates
from mtjspice.spec.training import Hardware, TiledNetwork, Training, TrainingStudy
from mtjspice.surrogate.card import Card, load_card
from mtjspice.surrogate.model import Surrogate
from mtjspice.train.tiles import place_layers

NO_DEFECTS = DefectRates(short=0, stuck_p=0, stuck_ap=0, dead_lines=0)
HEAVY = DefectRates(short=0.004, stuck_p=0.02, stuck_ap=0.02, dead_lines=1.0)
"""Enough to spoil a small network."""


@functools.cache
def card() -> Card:
    return load_card("die20k")


def surrogate(level: str = "linear") -> Surrogate:
    return Surrogate(card(), level)


@functools.cache
def digits(count: int = 600) -> Samples:
    """Some of the small digits."""
    whole = read_small_digits()
    some = slice(0, count)
    return Samples(
        inputs=whole.inputs[some],
        labels=whole.labels[some],
        train=whole.train[some],
        classes=whole.classes,
        source=whole.source,
    )


def study(method: str = "ideal", seed: int = 1, **parts) -> TrainingStudy:
    """A small network that reads digits. Parts: `network`, `hardware`, `training` as dicts."""
    network = {"hidden": (20,), "inputs": 25} | parts.get("network", {})
    hardware = {"tiles": 8, "rates": NO_DEFECTS} | parts.get("hardware", {})
    training = {
        "method": method, "epochs": 6, "batch": 16, "dies": 4, "learning_rate": 3e-2,
    } | parts.get("training", {})  # fmt: skip
    return TrainingStudy(
        name="small",
        seed=seed,
        network=TiledNetwork(**network),
        hardware=Hardware(**hardware),
        training=Training(**training),
    )


def ternary(*shape: int, seed: int = 1) -> torch.Tensor:
    chance = torch.Generator().manual_seed(seed)
    return torch.randint(-1, 2, shape, generator=chance).double()


def written(
    of: TrainingStudy, features: int = 8, classes: int = 3, seed: int = 1, on: Card | None = None
) -> Network:
    """A network of random weights as if it had been trained for a card, that of the shipped die."""
    on = on or card()
    chance = np.random.default_rng(seed)
    widths = (features, *of.network.hidden, classes)
    tiles = of.hardware.tiles * of.hardware.dies
    placements = place_layers(widths, on.circuit, tiles, of.network.groups, of.network.copies)
    layers = []
    for k, placement in enumerate(placements):
        weights = ternary(*placement.shape, seed=seed + k) * placement.real
        layers.append(
            Layer(
                inputs=placement.inputs,
                outputs=placement.outputs,
                groups=placement.groups,
                copies=placement.copies,
                first=placement.first,
                states=placement.states(weights).numpy(),
                unit=7e-5,
                g_norm=2e-4,
                outlier=(of.network.outlier or (0.0,) * len(placements))[k],
                bias=chance.normal(size=placement.outputs) / 3,
            )
        )
    return Network(
        name=of.name,
        study=of,
        features=tuple(range(features)),
        classes=tuple("abcdefghij"[:classes]),
        data="none",
        card=on.key(),
        key=hashlib.sha256(b"of a test").hexdigest(),
        loss=(1.5, 1.25),
        layers=tuple(layers),
    )
