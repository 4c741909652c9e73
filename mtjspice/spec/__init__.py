"""What is described: frozen, validated, comparable, hashable data. Nothing here computes."""

from mtjspice.spec.analysis import DcRead, TransientRead
from mtjspice.spec.calibration import Calibration, CardLimits, Plan
from mtjspice.spec.cell import (
    Cell,
    GatedCell,
    PassiveCell,
    Transistor,
    TransmissionGateCell,
)
from mtjspice.spec.crossbar import Crossbar
from mtjspice.spec.design import DieDesign
from mtjspice.spec.die import Defect, Die
from mtjspice.spec.experiment import Experiment
from mtjspice.spec.line import Line, WireGeometry
from mtjspice.spec.mtj import Mtj
from mtjspice.spec.periphery import (
    Converter,
    Periphery,
    SenseAmplifier,
    TransimpedanceAmplifier,
    VirtualGround,
)
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
from mtjspice.spec.technology import Technology
from mtjspice.spec.tile import ProgrammedTile
from mtjspice.spec.toml import build_spec, changed, format_spec, parse_spec, read_spec

__all__ = [
    "Calibration",
    "CardLimits",
    "Cell",
    "Converter",
    "Crossbar",
    "DcRead",
    "Defect",
    "Die",
    "DieDesign",
    "Experiment",
    "GatedCell",
    "Limits",
    "Line",
    "Mtj",
    "PassiveCell",
    "Periphery",
    "Plan",
    "ProgrammedTile",
    "Readout",
    "SenseAmplifier",
    "SolutionsNetwork",
    "Stimulus",
    "Study",
    "Technology",
    "TrainedNetwork",
    "TransientRead",
    "TransimpedanceAmplifier",
    "Transistor",
    "TransmissionGateCell",
    "VirtualGround",
    "WineData",
    "WineNistData",
    "WireGeometry",
    "build_spec",
    "changed",
    "format_spec",
    "parse_spec",
    "read_spec",
]
