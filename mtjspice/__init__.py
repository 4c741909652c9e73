"""Circuit-level SPICE co-simulation of neural networks in arrays of magnetic tunnel junctions.

The names that people need most; what else specs are made of is in `mtjspice.spec`, what works on
tensors in `mtjspice.nn`. Each is imported when it is first used, so that ``import mtjspice`` loads
neither torch nor a simulator:

    >>> import mtjspice
    >>> currents = mtjspice.simulate("examples/array/array.toml")["current"]  # by SPICE

Quantities are numbers in SI units, temperatures in °C; files and folders are named by text or by
`pathlib.Path`. What a user gives wrongly raises `InputError`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    __version__: str
    from mtjspice.collect.die import simulate as simulate
    from mtjspice.collect.simulator import Simulator as Simulator
    from mtjspice.data.defects import load_dies as load_dies
    from mtjspice.data.defects import save_dies as save_dies
    from mtjspice.data.mnist import read_mnist as read_mnist
    from mtjspice.data.mnist import read_small_digits as read_small_digits
    from mtjspice.data.weights import load_weights as load_weights
    from mtjspice.data.weights import save_weights as save_weights
    from mtjspice.device.dies import draw_dies as draw_dies
    from mtjspice.device.trial import tile_experiment as tile_experiment
    from mtjspice.errors import InputError as InputError
    from mtjspice.errors import MtjspiceError as MtjspiceError
    from mtjspice.errors import SimulationError as SimulationError
    from mtjspice.front import netlist_text as netlist_text
    from mtjspice.front import read_nodal as read_nodal
    from mtjspice.front import run_calibration as run_calibration
    from mtjspice.front import run_layout as run_layout
    from mtjspice.front import run_signoff as run_signoff
    from mtjspice.front import run_study as run_study
    from mtjspice.front import run_training as run_training
    from mtjspice.layout.nominal import NominalLayout as NominalLayout
    from mtjspice.netlist.pyspice import to_circuit as to_circuit
    from mtjspice.spec import Calibration as Calibration
    from mtjspice.spec import Crossbar as Crossbar
    from mtjspice.spec import DcRead as DcRead
    from mtjspice.spec import Defect as Defect
    from mtjspice.spec import DefectRates as DefectRates
    from mtjspice.spec import Die as Die
    from mtjspice.spec import DieDesign as DieDesign
    from mtjspice.spec import Experiment as Experiment
    from mtjspice.spec import GatedCell as GatedCell
    from mtjspice.spec import Layout as Layout
    from mtjspice.spec import Line as Line
    from mtjspice.spec import Mtj as Mtj
    from mtjspice.spec import PassiveCell as PassiveCell
    from mtjspice.spec import ProgrammedTile as ProgrammedTile
    from mtjspice.spec import SelectorCell as SelectorCell
    from mtjspice.spec import SenseAmplifier as SenseAmplifier
    from mtjspice.spec import SignOff as SignOff
    from mtjspice.spec import Stimulus as Stimulus
    from mtjspice.spec import Study as Study
    from mtjspice.spec import Technology as Technology
    from mtjspice.spec import TrainingStudy as TrainingStudy
    from mtjspice.spec import TransientRead as TransientRead
    from mtjspice.spec import TransimpedanceAmplifier as TransimpedanceAmplifier
    from mtjspice.spec import TransmissionGateCell as TransmissionGateCell
    from mtjspice.spec import VirtualGround as VirtualGround
    from mtjspice.spec import read_spec as read_spec
    from mtjspice.surrogate.card import load_card as load_card
    from mtjspice.surrogate.model import Surrogate as Surrogate
    from mtjspice.verdicts.figures import Figure as Figure
    from mtjspice.verdicts.figures import Verdict as Verdict
    from mtjspice.verdicts.tabular import to_pandas as to_pandas

_NAMES: Final = {
    "mtjspice.collect.die": ("simulate",),
    "mtjspice.collect.simulator": ("Simulator",),
    "mtjspice.data.defects": (
        "load_dies",
        "save_dies",
    ),
    "mtjspice.data.mnist": (
        "read_mnist",
        "read_small_digits",
    ),
    "mtjspice.data.weights": (
        "load_weights",
        "save_weights",
    ),
    "mtjspice.device.dies": ("draw_dies",),
    "mtjspice.device.trial": ("tile_experiment",),
    "mtjspice.errors": (
        "InputError",
        "MtjspiceError",
        "SimulationError",
    ),
    "mtjspice.front": (
        "netlist_text",
        "read_nodal",
        "run_calibration",
        "run_layout",
        "run_signoff",
        "run_study",
        "run_training",
    ),
    "mtjspice.layout.nominal": ("NominalLayout",),
    "mtjspice.netlist.pyspice": ("to_circuit",),
    "mtjspice.spec": (
        "Calibration",
        "Crossbar",
        "DcRead",
        "Defect",
        "DefectRates",
        "Die",
        "DieDesign",
        "Experiment",
        "GatedCell",
        "Layout",
        "Line",
        "Mtj",
        "PassiveCell",
        "ProgrammedTile",
        "SelectorCell",
        "SenseAmplifier",
        "SignOff",
        "Stimulus",
        "Study",
        "Technology",
        "TrainingStudy",
        "TransientRead",
        "TransimpedanceAmplifier",
        "TransmissionGateCell",
        "VirtualGround",
        "read_spec",
    ),
    "mtjspice.surrogate.card": ("load_card",),
    "mtjspice.surrogate.model": ("Surrogate",),
    "mtjspice.verdicts.tabular": ("to_pandas",),
    "mtjspice.verdicts.figures": (
        "Figure",
        "Verdict",
    ),
}
"""Where each name comes from; the imports above say the same to type checkers."""
_HOME: Final = {name: home for home, names in _NAMES.items() for name in names}

__all__ = [*sorted(_HOME), "__version__"]  # noqa: PLE0604, made from the table

# Type checkers must not see the function: they would take every name for one of ours.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """A name of the front door, imported when it is first asked for."""
        if name == "__version__":
            found = import_module("importlib.metadata").version("mtjspice")
        elif name in _HOME:
            found = getattr(import_module(_HOME[name]), name)
        else:
            raise AttributeError(f"module 'mtjspice' has no attribute {name!r}")
        globals()[name] = found
        return found

    def __dir__() -> list[str]:
        """What ``dir(mtjspice)`` lists: the front door, without what is behind it."""
        return sorted(__all__)
