"""What a training comes to, found and checked before its first step: nothing is written in vain."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch

from mtjspice.data.network import Network
from mtjspice.data.samples import Samples
from mtjspice.errors import InputError
from mtjspice.spec.defects import DEFECTS, DefectKind
from mtjspice.spec.die import Defect, Die
from mtjspice.spec.training import Hardware, TrainingStudy
from mtjspice.surrogate.card import Card
from mtjspice.surrogate.model import Surrogate, check_range
from mtjspice.train.model import widths_of
from mtjspice.train.tiles import Placement, experiments_of, place_layers, placement_of


def check_training(
    study: TrainingStudy,
    samples: Samples,
    surrogate: Surrogate,
    dies: Sequence[Die] = (),
    start: Network | None = None,
) -> list[Placement]:
    """Tiles of a network that can be trained; arguments as of `train`.

    Raises:
        CapacityError: if it does not fit the dies.
        InputError: if data, network, dies, card and start do not fit each other.
    """
    placements = placed(study, samples, surrogate)
    card, hardware, recipe = surrogate.card, study.hardware, study.training
    count = int(samples.train.sum())
    if recipe.batch > count:
        raise InputError(
            source=study.name, key="training.batch", value=recipe.batch,
            allowed=f"at most the {count} training samples",
        )  # fmt: skip
    for kind in _drawn_kinds(hardware, card.circuit.crossbar.shape):
        check_dies(card, placements[:1], hardware, [_with_one(hardware, kind)] * hardware.dies)
    if recipe.method == "hardware-aware":
        if len(dies) != hardware.dies:
            raise InputError(
                source="dies", value=len(dies), allowed=f"the network spans {hardware.dies} dies"
            )
        check_dies(card, placements, hardware, dies)
    if start is not None:
        features = used_features(study, samples, placements[0].groups)
        _check_start(start, placements, features, samples.classes, card)
    return placements


def placed(study: TrainingStudy, samples: Samples, surrogate: Surrogate) -> list[Placement]:
    """Tiles of the network.

    Raises:
        CapacityError: if it does not fit the dies.
        InputError: if it wants more features than the samples have.
    """
    network, hardware = study.network, study.hardware
    features = samples.inputs.shape[1]
    if network.inputs is not None and network.inputs > features:
        raise InputError(
            source=study.name, key="network.inputs", value=network.inputs,
            allowed=f"the samples have {features} features",
        )  # fmt: skip
    widths = widths_of(network, features, len(samples.classes))
    tiles = hardware.tiles * hardware.dies
    return place_layers(widths, surrogate.card.circuit, tiles, network.groups, network.copies)


def used_features(study: TrainingStudy, samples: Samples, groups: int) -> tuple[int, ...]:
    """The features that vary most over the training samples, dealt to groups as cards are.

    Neighbouring pixels, which are much alike, so come to different groups, and no group gets more
    than its share of those that say little.
    """
    wanted = study.network.inputs or samples.inputs.shape[1]
    variance = samples.inputs[samples.train].var(axis=0)
    kept = np.sort(np.argsort(-variance, kind="stable")[:wanted])
    dealt = np.argsort(np.arange(wanted) % groups, kind="stable")
    return tuple(int(i) for i in kept[dealt])


def check_dies(
    card: Card, placements: Sequence[Placement], hardware: Hardware, dies: Sequence[Die]
) -> None:
    """Refuse dies of which the card does not know what they do to the network's tiles.

    Args:
        card: of the tiles.
        placements: of the layers.
        hardware: how many tiles a die has.
        dies: that the network spans.

    Raises:
        InputError: naming the quantity, its value and the card's range.
    """
    for placement in placements:
        states = torch.ones(placement.tiles, placement.rows, placement.columns, dtype=torch.uint8)
        for tile in experiments_of(placement, card.circuit, dies, hardware.tiles, states):
            check_range(card, tile)


def _drawn_kinds(hardware: Hardware, shape: tuple[int, int]) -> Iterator[DefectKind | None]:
    """None for the spread alone, then the kinds of defects that the rates draw."""
    yield None
    for kind, about in DEFECTS.items():
        if getattr(hardware.rates, about.rate) > 0 and min(about.last(shape)) >= 0:
            yield kind


def _with_one(hardware: Hardware, kind: DefectKind | None) -> Die:
    """A die of the spread with one defect, on its first tile."""
    if kind is None:
        return hardware.spread
    place = dict.fromkeys(DEFECTS[kind].place, 0)
    return hardware.spread.replace(defects=(Defect.model_validate({"kind": kind} | place),))


def _check_start(
    start: Network,
    placements: Sequence[Placement],
    features: tuple[int, ...],
    classes: tuple[str, ...],
    card: Card,
) -> None:
    """See that trained weights can be begun at.

    Raises:
        InputError: if they are of another design, another network, or for other data.
    """
    if start.card != card.key():
        raise InputError(
            source="start", key="card", value=start.card,
            allowed=f"the card {card.name} in use has the key {card.key()}: the weights are of "
            "another design",
        )  # fmt: skip
    theirs = [placement_of(layer) for layer in start.layers]
    if theirs != list(placements):
        raise InputError(
            source="start", value=[p.shape for p in theirs],
            allowed=f"must have the layers {[p.shape for p in placements]}",
        )  # fmt: skip
    for key, known, wanted in (
        ("classes", start.classes, classes),
        ("features", start.features, features),
    ):
        if known != wanted:
            allowed = f"the data have {wanted}: the weights are for other data ({start.data})"
            raise InputError(source="start", key=key, value=known, allowed=allowed)
