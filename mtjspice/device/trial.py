"""What a die's design is tried with: states and input vectors for each tile."""

from typing import assert_never

import numpy as np

from mtjspice.device.converter import quantised
from mtjspice.errors import InputError
from mtjspice.spec.base import States
from mtjspice.spec.design import DieDesign, Pattern
from mtjspice.spec.experiment import Experiment
from mtjspice.spec.stimulus import Stimulus
from mtjspice.spec.tile import ProgrammedTile


def pattern_states(pattern: Pattern, shape: tuple[int, int], chance: np.random.Generator) -> States:
    """uint8 [row, column] states of a named pattern; 0 is P, 1 is AP."""
    match pattern:
        case "random":
            return chance.integers(0, 2, shape, dtype=np.uint8)
        case "checkerboard":
            return np.asarray(np.indices(shape).sum(axis=0) % 2, dtype=np.uint8)
        case "all_p":
            return np.zeros(shape, dtype=np.uint8)
        case "all_ap":
            return np.ones(shape, dtype=np.uint8)
        case _:
            assert_never(pattern)


def tile_experiment(design: DieDesign, tile: int) -> Experiment:
    """The trial of one tile: its states, and random bipolar inputs as the DAC gives them.

    Raises:
        InputError: if the die has no such tile.

    Example:
        >>> from mtjspice import DieDesign, read_spec, tile_experiment
        >>> tile_experiment(read_spec("examples/die20k/die.toml", DieDesign), 7).tile.index
        7
    """
    if not 0 <= tile < design.tiles:
        raise InputError(
            source=design.name,
            key="tile",
            value=tile,
            allowed=f"the die has tiles 0 to {design.tiles - 1}",
        )
    chance = np.random.default_rng([design.seed, tile])
    states = pattern_states(design.pattern, design.crossbar.shape, chance)
    reference = design.periphery.reference
    shape = (design.vectors, design.crossbar.rows)
    wanted = reference + chance.uniform(-design.read_voltage, design.read_voltage, shape)
    return Experiment(
        crossbar=design.crossbar,
        tile=ProgrammedTile(states=states, index=tile),
        stimulus=Stimulus(
            volts=quantised(wanted, design.dac) - reference, read_voltage=design.read_voltage
        ),
        die=design.die,
        periphery=design.periphery,
        technology=design.technology,
    )
