"""What differs between surrogate and SPICE, each with a netlist where it matters."""

from dataclasses import replace

import torch

from mtjspice.netlist.deck import build_deck
from mtjspice.networks.tiles import driven_tiles
from mtjspice.signoff.chosen import Read
from mtjspice.signoff.dies import FoundFlip, Specimen
from mtjspice.signoff.findings import Flip
from mtjspice.signoff.subject import Subject
from mtjspice.spec.signoff import SignOff
from mtjspice.surrogate.card import Card


def flips_of(
    subject: Subject, spec: SignOff, card: Card, label: str, read: Read, netlists: dict[str, str]
) -> tuple[Flip, ...]:
    """All flips, those that matter with a netlist each."""
    found, flips = list[tuple[int, FoundFlip]](), list[Flip]()
    numbers = subject.images.numbers
    for n, (one, of_one) in enumerate(zip(subject.specimens, read.found, strict=True)):
        named = [(replace(flip, image=int(numbers[flip.image])), ok) for flip, ok in of_one]
        found += [(n, flip) for flip, _ in named]
        flips += [_flip(one, label, flip, possible=ok) for flip, ok in named]
    plain = [flip.kind == "level" and flip.possible for flip in flips]
    # Classes first, then what the bound does not allow; those in the order of the dies.
    first = sorted(
        (i for i, one in enumerate(plain) if not one), key=lambda i: flips[i].kind != "class"
    )
    levels = [i for i, one in enumerate(plain) if one]
    for i in (*first[: spec.netlists], *levels[: spec.level_netlists]):
        n, flip = found[i]
        name, text = _netlist(subject.specimens[n], card, flip, label)
        name = _free(name, text, netlists)
        netlists[name] = text
        flips[i] = replace(flips[i], netlist=name)
    return tuple(flips)


def _free(name: str, text: str, netlists: dict[str, str]) -> str:
    """The name, or the first one numbered from 2 that no other netlist has.

    Two flips of an image on a die may be of the same tile, each with another input.
    """
    free, number = name, 1
    while netlists.get(free, text) != text:
        number += 1
        free = f"{name.removesuffix('.cir')}-{number}.cir"
    return free


def _flip(one: Specimen, label: str, found: FoundFlip, *, possible: bool) -> Flip:
    differing = found.differing
    first = one.weights.layers[differing.layer].first
    return Flip(
        condition=label,
        die=one.name,
        image=found.image,
        kind=differing.kind,
        layer=differing.layer + 1,
        tile=first + differing.tile if differing.tile >= 0 else -1,
        line=differing.line,
        surrogate=differing.surrogate,
        spice=differing.spice,
        possible=possible,
        key=found.key,
        vector=found.vector,
    )


def _netlist(one: Specimen, card: Card, found: FoundFlip, label: str) -> tuple[str, str]:
    """The tile that shows a flip with this one input vector: a file name, and its text."""
    k, tile = found.differing.layer, max(found.differing.tile, 0)
    layer = one.weights.layers[k]
    place = f"{label}-{one.name}-image{found.image}-tile{layer.first + tile}"
    name = "netlists/" + "".join(c if c.isalnum() else "-" for c in place) + ".cir"
    volts = torch.from_numpy(found.volts)[None, None]
    (experiment,) = driven_tiles(one.weights, card.circuit, one.dies, k, volts, (tile,))
    return name, build_deck(experiment).text
