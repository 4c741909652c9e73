"""What `mtjspice train` does: one network from its study to programmed tiles, judged."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mtjspice.data.defects import dies_from
from mtjspice.data.files import write_text
from mtjspice.data.mnist import find_mnist
from mtjspice.data.network import Network
from mtjspice.data.outputs import REPORT
from mtjspice.data.weights import ABOUT, TENSORS
from mtjspice.errors import InputError
from mtjspice.spec.training import TrainingStudy
from mtjspice.spec.unusual import unusual
from mtjspice.surrogate.card import load_card
from mtjspice.train.loop import Progress
from mtjspice.train.orders import (
    CHECKPOINT,
    JUDGEMENTS,
    Dies,
    Order,
    check_judging,
    fill,
    judge_training,
)
from mtjspice.verdicts.figures import Figure


@dataclass(frozen=True)
class Outcome:
    """What a training came to.

    Attributes:
        title: of the table of figures.
        weights: as saved.
        figures: how they do.
        warnings: what to know of them.
    """

    title: str
    weights: Network
    figures: list[Figure]
    warnings: list[str]

    def report(self) -> dict[str, Any]:
        """The machine-readable report."""
        return {
            "study": self.title,
            "warnings": self.warnings,
            "figures": [figure.as_dict() for figure in self.figures],
            "loss": list(self.weights.loss),
            "key": self.weights.key,
        }


def run_training(
    study: TrainingStudy,
    folder: Path,
    *,
    dies: Path | None = None,
    start: Path | None = None,
    mnist: Path | None = None,
    digits: bool = False,
    progress: Progress | None = None,
) -> Outcome:
    """Train, unless `folder` holds these very weights; judge; write ``report.json`` beside them.

    Args:
        study: what is trained.
        folder: of the weights, made if it is missing; a checkpoint lies there meanwhile.
        dies: folder of dies or a defect map, for ``hardware-aware``.
        start: folder of weights to start from.
        mnist: folder of MNIST; what it lacks is downloaded.
        digits: use the small bundled digits.
        progress: told of each epoch.

    Raises:
        InputError: if anything given is wrong, or the loss diverges.
    """
    _check_folder(folder)
    own, said = _own_dies(study, dies)
    data = find_mnist(mnist, folder.parent / "mnist", digits=digits)
    warnings = [*unusual(study), *said]
    check_judging(study, data)
    weights = fill(Order(study, folder, own, start), data, progress, warnings)
    figures = judge_training(weights, folder, data, own, warnings)
    title = f"{study.name}, {study.training.method}: {weights.data}"
    outcome = Outcome(title, weights, figures, warnings)
    write_text(folder / REPORT, json.dumps(outcome.report(), indent=1) + "\n")
    return outcome


def _check_folder(folder: Path) -> None:
    """See that what a training writes has its place, before it is done.

    Raises:
        InputError: naming what stands in its way.
    """
    for name in (TENSORS, ABOUT, CHECKPOINT, REPORT):
        if (folder / name).is_dir():
            raise InputError(source=folder / name, allowed="is a folder, where a file is written")
    judged = folder / JUDGEMENTS
    if os.path.lexists(judged) and not judged.is_dir():
        raise InputError(source=judged, allowed="is no folder; judgements are kept there")


def _own_dies(study: TrainingStudy, path: Path | None) -> tuple[Dies, tuple[str, ...]]:
    """The dies that a network is trained for, and what to know of them.

    Raises:
        InputError: if there are too few, or some that nothing is to be done with.
    """
    hardware = study.hardware
    if study.training.method != "hardware-aware":
        if path is not None:
            raise InputError(
                source="--dies", value=str(path),
                allowed=f"only hardware-aware training is for given dies, not "
                f"{study.training.method}; add --method hardware-aware",
            )  # fmt: skip
        return (), ()
    if path is None:
        raise InputError(
            source="--dies",
            allowed="hardware-aware training needs a die: a folder of dies, or a defect map (CSV)",
        )
    shape = load_card(hardware.card).circuit.crossbar.shape
    found, said = dies_from(path, hardware.spread, shape, hardware.tiles)
    if len(found) < hardware.dies:
        raise InputError(
            source=path, value=len(found), allowed=f"the network spans {hardware.dies} dies"
        )
    return found[: hardware.dies], said
