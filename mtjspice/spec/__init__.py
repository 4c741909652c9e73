"""What is described: frozen, validated, comparable, hashable data. Nothing here computes."""

from mtjspice.spec.cell import Cell, PassiveCell
from mtjspice.spec.crossbar import Crossbar
from mtjspice.spec.die import Defect, Die
from mtjspice.spec.experiment import Experiment
from mtjspice.spec.mtj import Mtj
from mtjspice.spec.periphery import Periphery, TransimpedanceAmplifier, VirtualGround
from mtjspice.spec.stimulus import Stimulus
from mtjspice.spec.study import (
    Limits,
    Readout,
    SolutionsNetwork,
    Study,
    TrainedNetwork,
    WineData,
    WineNistData,
)
from mtjspice.spec.tile import ProgrammedTile
from mtjspice.spec.toml import build_spec, format_spec, parse_spec, read_spec

__all__ = [
    "Cell",
    "Crossbar",
    "Defect",
    "Die",
    "Experiment",
    "Limits",
    "Mtj",
    "PassiveCell",
    "Periphery",
    "ProgrammedTile",
    "Readout",
    "SolutionsNetwork",
    "Stimulus",
    "Study",
    "TrainedNetwork",
    "TransimpedanceAmplifier",
    "VirtualGround",
    "WineData",
    "WineNistData",
    "build_spec",
    "format_spec",
    "parse_spec",
    "read_spec",
]
