"""What is described: frozen, validated, comparable, hashable data. Nothing here computes."""

from mtjspice.spec.analysis import DcRead, TransientRead
from mtjspice.spec.calibration import Calibration, CardLimits, Plan
from mtjspice.spec.cell import (
    Cell,
    GatedCell,
    PassiveCell,
    SelectorCell,
    Transistor,
    TransmissionGateCell,
)
from mtjspice.spec.crossbar import Crossbar
from mtjspice.spec.design import DieDesign
from mtjspice.spec.die import Defect, Diameters, Die
from mtjspice.spec.experiment import Experiment
from mtjspice.spec.layout import Layout
from mtjspice.spec.line import Line, WireGeometry
from mtjspice.spec.mtj import Mtj
from mtjspice.spec.periphery import (
    Converter,
    Periphery,
    SenseAmplifier,
    TransimpedanceAmplifier,
    VirtualGround,
)
from mtjspice.spec.rates import DefectRates
from mtjspice.spec.resources import Resources
from mtjspice.spec.signoff import SignOff, SignOffLimits
from mtjspice.spec.stimulus import Stimulus
from mtjspice.spec.study import (
    Limits,
    PopulationNetwork,
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
from mtjspice.spec.training import Hardware, TiledNetwork, Training, TrainingStudy
from mtjspice.spec.unusual import unusual
from mtjspice.spec.writing import FreeLayer, Writing

__all__ = [
    "Calibration",
    "CardLimits",
    "Cell",
    "Converter",
    "Crossbar",
    "DcRead",
    "Defect",
    "DefectRates",
    "Diameters",
    "Die",
    "DieDesign",
    "Experiment",
    "FreeLayer",
    "GatedCell",
    "Hardware",
    "Layout",
    "Limits",
    "Line",
    "Mtj",
    "PassiveCell",
    "Periphery",
    "Plan",
    "PopulationNetwork",
    "ProgrammedTile",
    "Readout",
    "Resources",
    "SelectorCell",
    "SenseAmplifier",
    "SignOff",
    "SignOffLimits",
    "SolutionsNetwork",
    "Stimulus",
    "Study",
    "Technology",
    "TiledNetwork",
    "TrainedNetwork",
    "Training",
    "TrainingStudy",
    "TransientRead",
    "TransimpedanceAmplifier",
    "Transistor",
    "TransmissionGateCell",
    "VirtualGround",
    "WineData",
    "WineNistData",
    "WireGeometry",
    "Writing",
    "build_spec",
    "changed",
    "format_spec",
    "parse_spec",
    "read_spec",
    "unusual",
]
