"""What commands do, for Python: each function takes a spec, or the name of its file.

They call what the command line calls; `mtjspice` has them by their names.
"""

from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import xarray as xr

from mtjspice.errors import InputError
from mtjspice.spec.base import Spec
from mtjspice.spec.calibration import Calibration
from mtjspice.spec.design import DieDesign
from mtjspice.spec.experiment import Experiment
from mtjspice.spec.layout import Layout
from mtjspice.spec.signoff import SignOff
from mtjspice.spec.study import Study
from mtjspice.spec.toml import read_spec
from mtjspice.spec.training import TrainingStudy

if TYPE_CHECKING:
    from mtjspice.calibrate.findings import CalibrationStory
    from mtjspice.layout.findings import LayoutStory
    from mtjspice.signoff.findings import SignOffStory
    from mtjspice.study.findings import Story
    from mtjspice.train.command import Outcome as Trained

S = TypeVar("S", bound=Spec)
File = str | Path
"""The name of a file or a folder."""

# Each function imports what it runs: a netlist needs no torch, and a training no simulator.


def _described(given: S | File, kind: type[S]) -> S:
    """A spec as it is, or read from its file."""
    return read_spec(_file(given, "spec"), kind) if isinstance(given, str | Path) else given


def netlist_text(described: Experiment | DieDesign | File, *, tile: int | None = None) -> str:
    """The netlist of an array, or of a tile of a die, as plain SPICE runs it.

    Args:
        described: the array, or the die; or the TOML file of either.
        tile: of a die: which one, from 0.

    Raises:
        InputError: if the circuit cannot be built, or the die has no such tile.

    Example:
        >>> from mtjspice import netlist_text
        >>> netlist_text("examples/array/array.toml").splitlines()[-1]
        '.end'
    """
    from mtjspice.device.trial import tile_experiment  # noqa: PLC0415
    from mtjspice.netlist.deck import build_deck  # noqa: PLC0415

    if tile is not None and not isinstance(described, Experiment):
        return build_deck(tile_experiment(_described(described, DieDesign), tile)).text
    if isinstance(described, DieDesign):
        raise InputError(source=described.name, key="tile", allowed="say which tile of the die")
    return build_deck(_described(described, Experiment)).text


def read_nodal(described: Experiment | File, *, card: File | None = None) -> xr.Dataset:
    """Solve the circuit of an array at rest exactly, without a simulator.

    The level ``nodal``: Kirchhoff's equations with wires, line ends, defects, spread and bias
    dependence. It needs no simulator, and is what `simulate` is held against.

    Args:
        described: the array, or its TOML file. Its analysis is taken to be at rest.
        card: calibration card that knows the transistors of gated cells, as ``"die20k"``; passive
            arrays need none.

    Returns:
        ``current`` (vector, output_line), A, as in the result of `simulate`.

    Raises:
        InputError: if gated cells come without a card, or the array is outside the card's range.

    Example:
        >>> from mtjspice import read_nodal
        >>> dict(read_nodal("examples/array/array.toml")["current"].sizes)
        {'vector': 2, 'output_line': 4}
    """
    import torch  # noqa: PLC0415

    from mtjspice.solver.array import array_of  # noqa: PLC0415
    from mtjspice.solver.nodal import read  # noqa: PLC0415
    from mtjspice.surrogate.card import load_card  # noqa: PLC0415
    from mtjspice.surrogate.model import Surrogate  # noqa: PLC0415

    experiment = _described(described, Experiment)
    if card is None:
        array = array_of([experiment])
    else:
        array = Surrogate(load_card(card)).array([experiment])
    volts = torch.from_numpy(np.array(experiment.stimulus.volts))
    with torch.no_grad():
        current = read(array, volts)[0].numpy()
    return xr.Dataset(
        {"current": (("vector", "output_line"), current, {"units": "A"})},
        coords={"output_line": list(experiment.sensed_columns)},
        attrs={"level": "nodal"},
    )


def run_layout(
    layout: Layout | File, out: File | None = None, *, quick: bool = False, jobs: int | None = None
) -> "LayoutStory":
    """Does an array layout read, settle, write and yield within its limits? `mtjspice layout`.

    Args:
        layout: what is judged, or its TOML file.
        out: folder of the report, the netlists of the worst cases, and the simulations, which are
            found again there; nothing is written if it is left out.
        quick: fewer conditions, samples and searches.
        jobs: worker processes; as many as processors and memory allow if left out.

    Returns:
        All findings, with the verdict; ``to_pandas()`` has the table of limits.

    Raises:
        InputError: if the circuit cannot be built or has no path; nothing is written then.
        SimulatorError: if the simulator is missing or fails.

    Example:
        >>> from mtjspice import Crossbar, Layout, run_layout  # slow, with SPICE
        >>> small = Layout(name="small", crossbar=Crossbar(rows=2, columns=2), largest=2)
        >>> run_layout(small, "out/small", quick=True).verdict.value
        'inconclusive'
    """
    from mtjspice.layout import run  # noqa: PLC0415

    return run.run_layout(_described(layout, Layout), _path(out, "out"), quick=quick, jobs=jobs)


def run_study(
    study: Study | File,
    out: File | None = None,
    *,
    solutions: File | None = None,
    jobs: int | None = None,
) -> "Story":
    """Train or read networks, simulate every sample in SPICE, judge. `mtjspice run`.

    Args:
        study: data, network, array and limits, or their TOML file.
        out: folder of the report, the networks and the simulations, which are found again there;
            nothing is written if it is left out.
        solutions: folder of networks in NIST's format, where the study asks for them.
        jobs: worker processes; as many as processors and memory allow if left out.

    Returns:
        Verdict, figures and warnings, and both levels compared.

    Raises:
        InputError: if anything given is wrong; nothing is written then.
        SimulatorError: if the simulator is missing or fails.

    Example:
        >>> from mtjspice import run_study  # slow, with SPICE
        >>> run_study("examples/wine/experiment.toml", "out/wine").verdict.value
        'pass'
    """
    from mtjspice.study import run  # noqa: PLC0415

    folder = _path(solutions, "solutions")
    return run.run_study(_described(study, Study), _path(out, "out"), solutions=folder, jobs=jobs)


def run_calibration(
    spec: Calibration | File, out: File | None = None, *, jobs: int | None = None
) -> "CalibrationStory":
    """Fit the surrogate to SPICE, judge it on runs that it never saw. `mtjspice calibrate`.

    Args:
        spec: circuit, plan and limits, or their TOML file.
        out: folder of the card, the report and the simulations, which are found again there;
            nothing is written if it is left out.
        jobs: worker processes; as many as processors and memory allow if left out.

    Returns:
        Verdict, figures, and the card, which `Surrogate` takes and `load_card` reads again.

    Raises:
        InputError: if a library of transistors does not fit, or a circuit cannot be built.
        SimulatorError: if the simulator is missing, or too many simulations fail.

    Example:
        >>> from mtjspice import run_calibration  # slow, with SPICE
        >>> made = run_calibration("examples/passive15/calibration.toml", "out/card")
        >>> made.verdict.value, made.card.name
        ('pass', 'passive15')
    """
    from mtjspice.calibrate import run  # noqa: PLC0415

    return run.run_calibration(_described(spec, Calibration), _path(out, "out"), jobs=jobs)


def run_training(
    study: TrainingStudy | File,
    out: File,
    *,
    dies: File | None = None,
    start: File | None = None,
    mnist: File | None = None,
    digits: bool = False,
) -> "Trained":
    """Train a network on tiles, for one die or for all, and judge it. `mtjspice train`.

    Args:
        study: network, hardware and method, or their TOML file.
        out: folder of the weights; what was cut off goes on from there.
        dies: for the method ``hardware-aware``: folder of dies, or a defect map.
        start: folder of weights to start from.
        mnist: folder of MNIST; what it lacks is downloaded.
        digits: use the small digits that scikit-learn ships, in the place of MNIST.

    Returns:
        The weights as programmed tiles, and figures that say how they do.

    Raises:
        InputError: if anything given is wrong, or the loss diverges.

    Example:
        >>> from mtjspice import run_training  # slow
        >>> run_training("examples/die20k/training.toml", "out/digits", digits=True).weights.data
        'digits of scikit-learn, 8 x 8 pixels'
    """
    from mtjspice.train.command import run_training as run  # noqa: PLC0415

    return run(
        _described(study, TrainingStudy), _file(out, "out"), dies=_path(dies, "dies"),
        start=_path(start, "start"), mnist=_path(mnist, "mnist"), digits=digits,
    )  # fmt: skip


def run_signoff(
    weights: File,
    dies: File,
    out: File | None = None,
    *,
    spec: SignOff | File | None = None,
    card: File | None = None,
    mnist: File | None = None,
    digits: bool = False,
    images: int | None = None,
    reference: str | None = None,
    full: bool = False,
    strict: bool = False,
    jobs: int | None = None,
    scheduler: str | None = None,
) -> "SignOffStory":
    """Do trained weights still classify in SPICE, on every die? `mtjspice signoff`.

    Args:
        weights: folder of weights, as `run_training` and `save_weights` write it.
        dies: folder of dies, as `save_dies` writes it, or one die's defect map (CSV).
        out: folder of the report and of all simulations, which are found again there; nothing is
            written if it is left out.
        spec: confidence, conditions and limits, or their TOML file; the defaults if left out.
        card: calibration card of the weights, which need not be named if it ships.
        mnist: folder of MNIST; what it lacks is downloaded.
        digits: use the small digits that scikit-learn ships.
        images: only so many test images, drawn at random.
        reference: what drops are counted from: an accuracy, as "97%", or a folder of weights; the
            same weights in software if left out.
        full: simulate every image.
        strict: refuse another simulator than that of the card.
        jobs: worker processes; as many as processors and memory allow if left out.
        scheduler: address of a Dask cluster, in the place of local workers.

    Returns:
        All findings, with the verdict; ``to_pandas()`` has the figures with their limits.

    Raises:
        InputError: if anything given is wrong; nothing is written then.
        SimulatorError: if the simulator is missing or fails.

    Example:
        >>> from mtjspice import run_signoff
        >>> run_signoff("out/digits", "no/dies", "out/signoff", digits=True)
        Traceback (most recent call last):
        mtjspice.errors.InputError: out/digits: does not hold weights: ...
    """
    from mtjspice.signoff import run  # noqa: PLC0415
    from mtjspice.signoff.from_files import subject_of  # noqa: PLC0415

    asked = SignOff() if spec is None else _described(spec, SignOff)
    subject = subject_of(
        _file(weights, "weights"), _file(dies, "dies"), named=_path(card, "card"),
        mnist=_path(mnist, "mnist"), digits=digits, images=images, seed=asked.seed,
        reference=reference,
    )  # fmt: skip
    return run.run_signoff(
        subject, asked, _path(out, "out"), full=full, strict=strict, jobs=jobs, scheduler=scheduler
    )


def _path(name: File | None, argument: str) -> Path | None:
    return None if name is None else _file(name, argument)


def _file(name: File, argument: str) -> Path:
    """The path of a name; an empty one would be the folder that one is in."""
    if name == "":
        allowed = "must be the name of a file or a folder; the folder that one is in is '.'"
        raise InputError(source=argument, value=name, allowed=allowed)
    return Path(name)
