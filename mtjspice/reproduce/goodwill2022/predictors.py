"""Numbers of a programmed array that may tell how well its network does, before it is simulated.

Each knows more than the one before: the junctions as they can be read back one by one; the wires;
the inputs that the network sees; the classes that it should find. None of them classifies a sample
through the array: what does so is a simulation and stands apart (`simulated`), however cheap.

Matrices are in units of the nominal G_P − G_AP, errors are against the weights that were trained,
after multiplication with the factor that makes them smallest: that is what tuning G_norm does.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from mtjspice.data.network import Network
from mtjspice.data.samples import Samples
from mtjspice.device.conductance import conductance
from mtjspice.device.variation import Junctions, diameters, draw_junctions
from mtjspice.device.writing import read_back
from mtjspice.networks.levels import Chip, ideal_outputs
from mtjspice.spec.base import Floats
from mtjspice.spec.study import Study

FIDELITY = "write fidelity"
SCALES = np.linspace(0.2, 1.6, 57)
"""Values of G_norm that the errors of outputs are minimised over, in units of G_P − G_AP."""


@dataclass(frozen=True)
class Predictor:
    """One number for each network.

    Attributes:
        name: what it is.
        knows: what has to be known to work it out.
        how: how it is worked out.
        values: float64 [network].
        labels: whether it uses the classes of the training samples.
        simulates: whether it classifies samples through the array, at whatever level.
    """

    name: str
    knows: str
    how: str
    values: Floats
    labels: bool = False
    simulates: bool = False


@dataclass(frozen=True)
class Programmed:
    """A network as it stands in its array.

    Attributes:
        network: as it was trained.
        fidelity: share of the junctions in use whose state reads back as the target.
        conductance_error: root mean square, junctions in use, in units of G_P − G_AP.
        devices: by layer, float64 [input, output]: weights as conductance pairs, no wires.
        effective: by layer, float64 [input, output]: weights as the array applies them at rest.
    """

    network: Network
    fidelity: float
    conductance_error: float
    devices: tuple[Floats, ...]
    effective: tuple[Floats, ...]


def read_devices(study: Study, chip: Chip, effective: Sequence[Floats]) -> Programmed:
    """What each junction of a chip reads on its own, beside what the whole array applies.

    Args:
        study: the array.
        chip: the network in its tiles.
        effective: by layer, float64 [input, column], S, as `effective_conductances`.
    """
    mtj, right, errors, devices = study.crossbar.cell.mtj, [], [], []
    for layer, tile in zip(chip.network.layers, chip.tiles, strict=True):
        rows, columns = layer.cells.shape
        drawn = draw_junctions(mtj, tile, chip.die, study.technology.temperature)
        used = slice(0, rows), slice(0, columns)
        siemens = junction_conductance(study, chip, drawn)[used]
        size = (diameters(mtj, chip.die, tile.states.shape)[used] / mtj.diameter) ** 2
        wanted = size * np.where(layer.cells == 0, 1 / mtj.r_p, 1 / mtj.r_ap)
        right.append((read_back(mtj, chip.die, drawn)[used] == layer.cells).ravel())
        errors.append(((siemens - wanted) / mtj.delta_g).ravel())
        devices.append(_pairs(siemens) / mtj.delta_g)
    return Programmed(
        network=chip.network,
        fidelity=float(np.concatenate(right).mean()),
        conductance_error=float(np.sqrt((np.concatenate(errors) ** 2).mean())),
        devices=tuple(devices),
        effective=tuple(_pairs(matrix) / mtj.delta_g for matrix in effective),
    )


def junction_conductance(study: Study, chip: Chip, drawn: Junctions) -> Floats:
    """Conductance of each junction of a tile at rest, S, shorts and opens included."""
    own = conductance(drawn.state, drawn.r_p, drawn.tmr0)
    return np.where(drawn.open, 0.0, np.where(drawn.short, 1 / chip.die.short_resistance, own))


def predictors(chips: Sequence[Programmed], samples: Samples) -> list[Predictor]:
    """Every predictor of these networks; only the training samples are used."""
    inputs, labels = samples.inputs[samples.train], samples.labels[samples.train]
    outputs = [_outputs(chip, inputs) for chip in chips]
    return [*_of_matrices(chips, inputs), *_of_outputs(outputs, labels), *_linear(outputs, labels)]


def _of_matrices(chips: Sequence[Programmed], x: Floats) -> list[Predictor]:
    """What junctions and matrices tell, and the sums that the hidden neurons see."""

    def each(number: Callable[[Programmed], float]) -> Floats:
        return np.array([number(chip) for chip in chips])

    return [
        Predictor(
            FIDELITY, "devices", "share of junctions whose state reads back as the target",
            each(lambda c: c.fidelity),
        ),
        Predictor(
            "conductance error", "devices", "RMS over the junctions, against the nominal ones",
            each(lambda c: c.conductance_error),
        ),
        Predictor(
            "weight error", "devices", "RMS over the pairs, each layer at its best scale",
            each(lambda c: _weight_error(c, c.devices)),
        ),
        Predictor(
            "effective weight error", "devices, wires",
            "the same for the matrix that the array applies, wires included",
            each(lambda c: _weight_error(c, c.effective)),
        ),
        Predictor(
            "hidden sum error", "devices, wires, inputs",
            "RMS over hidden neurons and samples of the sum before the activation, best scale",
            each(lambda c: _scaled_error(x @ c.effective[0], x @ c.network.layers[0].weights)),
        ),
    ]  # fmt: skip


def _of_outputs(
    outputs: Sequence[tuple[Floats, Floats]], labels: npt.NDArray[np.int64]
) -> list[Predictor]:
    """What the errors of the outputs tell; outputs: (ideal, those of the array's matrix)."""
    inputs = "devices, wires, inputs"

    def of_outputs(number: Callable[[Floats, Floats], float]) -> Floats:
        return np.array([number(ideal, tuned) for ideal, tuned in outputs])

    return [
        Predictor(
            "output error", inputs,
            "RMS over outputs and samples, what all outputs share taken out, best G_norm",
            of_outputs(lambda ideal, tuned: _spread(tuned - ideal)),
        ),
        Predictor(
            "output error over margin", inputs,
            "the same, by the mean distance of an ideal output's winner from the next",
            of_outputs(lambda ideal, tuned: _spread(tuned - ideal) / float(_lead(ideal).mean())),
        ),
        Predictor(
            "expected flips", inputs,
            "mean over samples of the normal probability that the output error undoes the winner",
            of_outputs(lambda i, t: float(special.ndtr(-_lead(i) / _pair_error(i, t)).mean())),
        ),
        Predictor(
            "expected accuracy", "devices, wires, inputs, classes",
            "mean over samples of the normal probability that the right class stays ahead",
            of_outputs(
                lambda i, t: float(special.ndtr(_margin(i, labels) / _pair_error(i, t)).mean())
            ),
            labels=True,
        ),
        Predictor(
            "ideal accuracy", "classes", "of the trained network on an ideal array, no device",
            of_outputs(lambda ideal, _: float((ideal.argmax(-1) == labels).mean())),
            labels=True,
        ),
    ]  # fmt: skip


def _linear(
    outputs: Sequence[tuple[Floats, Floats]], labels: npt.NDArray[np.int64]
) -> list[Predictor]:
    """What classifies the training samples through the array's matrix, and so is a simulation."""
    changed = [float((i.argmax(-1) != t.argmax(-1)).mean()) for i, t in outputs]
    right = [float((t.argmax(-1) == labels).mean()) for _, t in outputs]
    inputs = "devices, wires, inputs"
    return [
        Predictor(
            "classes changed by the matrix", inputs,
            "share of samples whose class differs from the ideal one, G_norm of least output error",
            np.array(changed), simulates=True,
        ),
        Predictor(
            "accuracy of the matrix", f"{inputs}, classes",
            "share of samples that the array's matrix classifies rightly, same G_norm",
            np.array(right), labels=True, simulates=True,
        ),
    ]  # fmt: skip


def _outputs(chip: Programmed, inputs: Floats) -> tuple[Floats, Floats]:
    """(ideal outputs, those of the array's matrix at the G_norm where they differ least)."""
    ideal = ideal_outputs(chip.network, inputs, [1.0])[0]
    x = ideal_outputs(chip.network, inputs, SCALES.tolist(), chip.effective)
    best = int(np.argmin([_spread(one - ideal) for one in x]))
    return ideal, np.asarray(x[best])


def _pairs(lines: Floats) -> Floats:
    return np.asarray(lines[..., 0::2] - lines[..., 1::2])


def _weight_error(chip: Programmed, matrices: Sequence[Floats]) -> float:
    layers = zip(matrices, chip.network.layers, strict=True)
    squares = [_scaled_error(m, layer.weights) ** 2 * m.size for m, layer in layers]
    return float(np.sqrt(sum(squares) / sum(m.size for m in matrices)))


def _scaled_error(found: Floats, wanted: npt.ArrayLike) -> float:
    """RMS of ``factor · found − wanted`` with the factor that makes it smallest."""
    target = np.asarray(wanted, dtype=np.float64)
    power = float((found**2).sum())
    factor = float((found * target).sum()) / power if power > 0 else 0.0
    return float(np.sqrt(((factor * found - target) ** 2).mean()))


def _spread(error: Floats) -> float:
    """RMS of [sample, class] without what all outputs of a sample share: it changes no class."""
    return float(np.sqrt(((error - error.mean(axis=-1, keepdims=True)) ** 2).mean()))


def _lead(outputs: Floats) -> Floats:
    """Distance of the largest output from the next, [sample]."""
    ordered = np.sort(outputs, axis=-1)
    return np.asarray(ordered[:, -1] - ordered[:, -2])


def _margin(outputs: Floats, labels: npt.NDArray[np.int64]) -> Floats:
    """Distance of the right class's output from the largest other, [sample]; below 0 if wrong."""
    own = np.take_along_axis(outputs, labels[:, None], axis=1)[:, 0]
    others = outputs.copy()
    np.put_along_axis(others, labels[:, None], -np.inf, axis=1)
    return np.asarray(own - others.max(axis=1))


def _pair_error(ideal: Floats, tuned: Floats) -> float:
    """RMS error of the difference of two outputs; kept above zero."""
    classes = ideal.shape[-1]
    return max(_spread(tuned - ideal) * float(np.sqrt(2 * classes / max(classes - 1, 1))), 1e-12)
