"""Clean folders, each with all that one command reads; and the kinds of attacks on them."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
from fuzz.attack import Kind
from fuzz.libraries import CLEAN, LIBRARY
from unit.tiled import NO_DEFECTS, study, written

from mtjspice.data.defects import save_dies
from mtjspice.data.mnist import read_small_digits
from mtjspice.data.network import Layer, Network
from mtjspice.data.weights import save_weights
from mtjspice.device.dies import draw_dies
from mtjspice.spec.rates import DefectRates
from mtjspice.surrogate.card import load_card

CARD = "passive15"
TOO_MANY = 10**6
"""Images that are asked for: more than there are, so that a sign-off ends there."""

CELL = """\
[crossbar.cell]
kind = "gated"

[crossbar.cell.access]
model = "nch"
width = "1um"
length = "0.1um"
"""
TECHNOLOGY = f'[technology]\ncard = "{LIBRARY}"\ncorner = "tt"\n'
ARRAY = f"""\
[crossbar]
rows = 2
columns = 2

{CELL}
[tile]
states = ["PA", "AP"]

[stimulus]
volts = [[0.1, "50mV"]]

{TECHNOLOGY}"""
PASSIVE = ARRAY.replace(CELL, "").replace(TECHNOLOGY, "")
DIE = """\
name = "small die"
tiles = 2
read_voltage = "0.1V"
vectors = 2

[crossbar]
rows = 2
columns = 2

[dac]
low = -2.5
high = 2.5
"""
LAYOUT = f"""\
name = "small layout"
largest = 2

[crossbar]
rows = 2
columns = 2

{CELL}
{TECHNOLOGY}
[corners]
process = ["tt"]
supply = [1.0]
temperature = [27]

[monte_carlo]
samples = 20
tail = 20
"""
CALIBRATION = f"""\
name = "small card"

[crossbar]
rows = 2
columns = 2

{CELL}
{TECHNOLOGY}
[dac]
low = -2.5
high = 2.5

[plan]
tiles = 1
vectors = 12
held_vectors = 1
held_tiles = 1
defective_tiles = 1
short_tiles = 1
hard_tiles = 1
clustered_tiles = 1
line_tiles = 1
searched_tiles = 1
searches = 20
sizes = [2]
"""
WIRES = """
[crossbar.row]
resistance = "20 Ohm"
end = "100 Ohm"

[crossbar.column]
resistance = "20 Ohm"
end = "100 Ohm"
"""
STUDY = f"""\
name = "small study"

[network]
kind = "trained"
hidden = [2]
epochs = 2
restarts = 1

[crossbar]
rows = 15
columns = 12

{CELL}
{TECHNOLOGY}
[readout]
g_norm = [1.0]

[limits]
above_chance = 0
"""
TRAINING = f"""\
name = "small training"

[network]
hidden = [6]
inputs = 16

[hardware]
card = "{CARD}"
tiles = 6

[hardware.spread]
sigma_ln_rp = 0.05
sigma_ln_tmr = 0.05

[training]
method = "ideal"
epochs = 1
batch = 64
"""
NIST = (
    STUDY.replace('kind = "trained"', 'kind = "solutions"').replace(
        "hidden = [2]\nepochs = 2\nrestarts = 1\n", ""
    )
    + '\n[data]\nkind = "wine_nist"\n'
)
SIGNOFF = 'name = "small sign-off"\naccuracy_bound = 0.5\n'
SPECS: Mapping[str, str] = {
    "spec.toml": ARRAY,
    "array.toml": PASSIVE,
    "die.toml": DIE,
    "layout.toml": LAYOUT,
    "calibration.toml": CALIBRATION,
    "wired.toml": CALIBRATION.replace("columns = 2\n", f"columns = 2\n{WIRES}", 1),
    "study.toml": STUDY,
    "nist.toml": NIST,
    "narrow.toml": NIST.replace("rows = 15", "rows = 2"),
    "training.toml": TRAINING,
    "own_card.toml": TRAINING.replace(f'"{CARD}"', '"own.card.json"'),
    "signoff.toml": SIGNOFF,
}


def write_specs(folder: Path) -> None:
    """A small spec of every kind, and the library that some of them name."""
    (folder / LIBRARY).parent.mkdir(parents=True, exist_ok=True)
    (folder / LIBRARY).write_text(CLEAN)
    for name, text in SPECS.items():
        (folder / name).write_text(text)


@cache
def network():
    """Sixteen pixels, six neurons and ten digits on passive tiles; its weights are random."""
    spread = {"sigma_ln_rp": 0.05, "sigma_ln_tmr": 0.05}
    hardware = {"card": CARD, "tiles": 6, "rates": NO_DEFECTS, "spread": spread}
    of = study(network={"hidden": (6,), "inputs": 16}, hardware=hardware)
    digits = read_small_digits()
    made = written(of, features=16, classes=10, on=load_card(CARD))
    named = {"data": digits.source, "classes": digits.classes, "key": "0" * 64}
    return replace(made, **named, features=tuple(range(20, 36)))


def write_weights(folder: Path, weights=None) -> None:
    """Weights and two dies for them."""
    write_specs(folder)
    made = weights or network()
    save_weights(folder / "weights", made, {"mtjspice": "none"})
    hardware = made.study.hardware
    rates = DefectRates(short=0.003, stuck_p=0.01, stuck_ap=0.01, dead_lines=0.2)
    shape = load_card(CARD).circuit.crossbar.shape
    save_dies(folder / "dies", draw_dies(hardware.spread, rates, shape, hardware.tiles, 2, 4))
    (folder / "map.csv").write_text("kind,tile,row,column\nshort,0,1,2\ndead_row,1,3,\n")


def write_card(folder: Path) -> None:
    """A card of one's own."""
    write_specs(folder)
    (folder / "own.card.json").write_bytes(shipped_card())


def shipped_card() -> bytes:
    """The text of a card that ships."""
    from mtjspice.data.assets import folder as assets  # noqa: PLC0415, only this needs it

    return (assets("models") / f"{CARD}.card.json").read_bytes()


def write_solutions(folder: Path) -> None:
    """One network and a small data set in NIST's format."""
    write_specs(folder)
    chance = np.random.default_rng(1)
    solutions, dataset = folder / "nist" / "solutions", folder / "nist" / "dataset"
    for one in (solutions, dataset):
        one.mkdir(parents=True)
    for part, inputs, outputs in (("fc1", 13, 6), ("fc2", 6, 3)):
        on = chance.integers(0, 2, (inputs, 2 * outputs))
        np.savetxt(solutions / f"0_{part}_weight.txt", on, fmt="%d")
        np.savetxt(solutions / f"0_{part}_bias.txt", chance.normal(size=(outputs, 1)))
    for split, count in (("train", 9), ("test", 6)):
        np.savetxt(dataset / f"X_{split}.txt", chance.random((13, count)))
        labels = np.arange(count) % 3
        np.savetxt(dataset / f"Y_{split}.txt", np.eye(3)[labels].T, fmt="%d")


def write_networks(folder: Path) -> None:
    """An output folder whose networks were trained before, as another run left it."""
    write_specs(folder)
    chance = np.random.default_rng(1)
    layers = tuple(
        Layer.on_paper(chance.integers(0, 2, (n, 2 * m)).astype(np.uint8), chance.normal(size=m), k)
        for k, (n, m) in enumerate(((13, 2), (2, 3)))
    )
    network = Network(
        "one", layers, features=tuple(range(13)), classes=("a", "b", "c"), data="none", key="0" * 64
    )
    save_weights(folder / "out" / "networks" / "trained", network)


def write_everything_clean(folder: Path) -> None:
    """Specs, weights, dies, a map, networks."""
    write_weights(folder)
    write_networks(folder)


OWN_DIES = ("--digits", "--method", "hardware-aware", "--dies")
KINDS: Mapping[str, Kind] = {
    "library": Kind(write_specs, ("netlist", "spec.toml")),
    "card": Kind(
        write_card,
        ("train", "own_card.toml", *OWN_DIES, "not-there.csv"),
        taken="not-there.csv",
    ),
    "weights": Kind(
        write_weights,
        ("signoff", "weights", "--dies", "dies", "--digits", "--images", str(TOO_MANY)),
        taken="--images",
    ),
    "dies": Kind(
        write_weights,
        ("train", "training.toml", "--digits", "--method", "hardware-aware", "--dies", "dies",
         "--start", "not-there"),
        taken="not-there",
    ),
    "map": Kind(
        write_weights,
        ("train", "training.toml", "--digits", "--method", "hardware-aware", "--dies", "map.csv",
         "--start", "not-there"),
        taken="not-there",
    ),
    "solutions": Kind(
        write_solutions, ("run", "narrow.toml", "--solutions", "nist", "--only", "0"),
        taken="the tile has 2 rows",
    ),
    "networks": Kind(write_networks, ("run", "study.toml", "--out", "out"), limit_s=40.0),
    "array": Kind(write_specs, ("netlist", "array.toml")),
    "die": Kind(write_specs, ("netlist", "die.toml", "--tile", "1")),
    "training": Kind(
        write_weights,
        ("train", "training.toml", *OWN_DIES, "not-there.csv"),
        taken="not-there.csv",
    ),
    "signoff": Kind(
        write_weights,
        ("signoff", "weights", "--dies", "dies", "--digits", "--images", str(TOO_MANY), "--spec",
         "signoff.toml"),
        taken="--images",
    ),
    "surroundings": Kind(write_specs, ("simulate", "spec.toml", "--jobs", "1", "--json"),
                         limit_s=40.0),
}  # fmt: skip
