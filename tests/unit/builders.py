"""Small descriptions that the unit tests share."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from mtjspice.data.network import Layer, Network, key_of, pair_states
from mtjspice.spec import Crossbar, Die, Experiment, Mtj, PassiveCell, ProgrammedTile, Stimulus

OHMIC = PassiveCell(mtj=Mtj(v_half=float("inf")))

STUDY = """\
name = "small"
seed = 1

[network]
kind = "trained"
epochs = 2
restarts = 1

[crossbar]
rows = 15
columns = 15

[readout]
g_norm = [1.0]
"""
"""A study that is valid; tests add to it or spoil it."""

EXPERIMENT = """\
[crossbar]
rows = 2
columns = 2

[crossbar.row]
resistance = "5 Ohm"

[tile]
states = ["PA", "AP"]

[stimulus]
volts = [[0.1, 0.2]]
"""
"""An experiment that is valid."""

DESIGN = """\
name = "small die"
tiles = 2
vectors = 3

[crossbar]
rows = 3
columns = 3

[periphery]
kind = "transimpedance"
reference = "1.65V"
zero = "1.65V"
clip_low = 0.0
clip_high = "3.3V"
"""
"""A die that is valid."""


def experiment(
    states: Sequence[str] = ("PA", "AP"),
    volts: Sequence[Sequence[float]] = ((0.1, 0.2),),
    *,
    crossbar: dict[str, Any] | None = None,
    stimulus: dict[str, Any] | None = None,
    **parts: Any,
) -> Experiment:
    """An experiment on an array as large as its states."""
    return Experiment(
        crossbar=Crossbar(rows=len(states), columns=len(states[0]), **(crossbar or {})),
        tile=ProgrammedTile(states=list(states)),
        stimulus=Stimulus(volts=volts, **(stimulus or {})),
        **parts,
    )


def drawn_at(seed: int, index: int = 0, shape: tuple[int, int] = (3, 4), **spread: float):
    """(nominal junction, tile of P, die) of a draw."""
    tile = ProgrammedTile(states=np.zeros(shape, dtype=np.uint8), index=index)
    return Mtj(), tile, Die(seed=seed, **spread)


def network(*layers: tuple[Sequence[Sequence[int]], Sequence[float]], name: str = "n") -> Network:
    """A network of (ternary weights, biases)."""
    made = tuple(
        Layer.on_paper(pair_states(np.array(weights, dtype=np.int8)), np.array(bias, float), k)
        for k, (weights, bias) in enumerate(layers)
    )
    return Network(
        name=name,
        layers=made,
        features=tuple(range(made[0].inputs)),
        classes=tuple(f"class {k}" for k in range(made[-1].outputs)),
        data="none",
        key=key_of(made),
    )
