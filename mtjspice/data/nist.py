"""NIST's Wine solutions: the networks and the split of Goodwill et al. (2022).

The folder, as published with usnistgov/daffodil-lib, holds two others:

- ``solutions/`` with four text files a solution: ``7_fc1_weight.txt`` (13 x 12) and
  ``7_fc2_weight.txt`` (6 x 6) of 0 and 1, where 1 is the high conductance, even columns are + and
  odd ones −; ``7_fc1_bias.txt`` and ``7_fc2_bias.txt``.
- ``dataset/`` with ``X_train.txt`` (a feature a row, a sample a column), ``Y_train.txt`` (one-hot),
  and the same for test.

Numbers stand between spaces or tabs, a row of a matrix a line; what follows a ``#`` is a comment.
"""

import re
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mtjspice.data.network import Layer, Network, check_layers, key_of
from mtjspice.data.samples import Samples
from mtjspice.errors import InputError
from mtjspice.reading import MIB, read_text

INPUTS = 13
CLASSES = ("cultivar 1", "cultivar 2", "cultivar 3")
OUTPUTS, SOURCE = len(CLASSES), "Wine data in NIST's split"
MOST = 4 * MIB
"""Largest file, bytes; that of the training samples has 48 kB."""
NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|[+-]?(?:inf|nan)", re.ASCII | re.I)


def read_samples(folder: Path) -> Samples:
    """Read the data and the split.

    Raises:
        InputError: if the folder or a file is missing, unreadable or of the wrong shape.
    """
    dataset = _subfolder(folder, "dataset")
    inputs, labels, train = [], [], []
    for split in ("train", "test"):
        x = _read_matrix(dataset / f"X_{split}.txt").T
        y = _read_matrix(dataset / f"Y_{split}.txt").T
        _check_samples(dataset, split, x, y)
        inputs.append(x)
        labels.append(y.argmax(axis=1).astype(np.int64))
        train.append(np.full(len(x), split == "train"))
    return Samples(
        inputs=np.concatenate(inputs),
        labels=np.concatenate(labels),
        train=np.concatenate(train),
        classes=CLASSES,
        source=SOURCE,
    )


def _check_samples(
    dataset: Path, split: str, x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]
) -> None:
    if x.shape[1] != INPUTS or x.min() < 0 or x.max() > 1:
        turned = "; it is transposed" if x.shape[1] != INPUTS == len(x) else ""
        raise InputError(
            source=dataset / f"X_{split}.txt",
            value={"features": x.shape[1], "from": float(x.min()), "to": float(x.max())},
            allowed=f"must hold {INPUTS} lines, a feature each, scaled to 0–1{turned}",
        )
    one_hot = np.isin(y, (0, 1)).all() and (y.sum(axis=1) == 1).all()
    if y.shape != (len(x), OUTPUTS) or not one_hot:
        hint = ""
        if y.shape == (OUTPUTS, len(x)):
            hint = "; it is transposed"
        elif 1 in y.shape and y.size == len(x):
            hint = "; these are the classes' numbers"
        raise InputError(
            source=dataset / f"Y_{split}.txt",
            value={"classes": y.shape[1], "samples": len(y)},
            allowed=f"must hold {OUTPUTS} lines, one-hot, for {len(x)} samples{hint}",
        )


def read_solutions(folder: Path, only: tuple[int, ...] | None = None) -> list[Network]:
    """Read solutions, in the order of their numbers.

    Raises:
        InputError: if the folder or a file is missing, unreadable or of the wrong shape.
    """
    solutions = _subfolder(folder, "solutions")
    names = [path.name.split("_")[0] for path in solutions.glob("*_fc1_weight.txt")]
    numbers = sorted(int(name) for name in names if re.fullmatch("[0-9]+", name))
    if not numbers:
        raise InputError(source=solutions, allowed="must hold files named <number>_fc1_weight.txt")
    missing = set(only or ()) - set(numbers)
    if missing:
        raise InputError(
            source=solutions,
            key="solution",
            value=min(missing),
            allowed=f"the folder holds solutions {numbers[0]} to {numbers[-1]}",
        )
    return [_read_solution(solutions, number) for number in (only or numbers)]


def _read_solution(folder: Path, number: int) -> Network:
    layers: list[Layer] = []
    width = INPUTS
    for part, outputs in (("fc1", None), ("fc2", OUTPUTS)):
        path = folder / f"{number}_{part}_weight.txt"
        on = _read_matrix(path)
        if not np.isin(on, (0, 1)).all():
            raise InputError(source=path, allowed="must hold only 0 and 1")
        bias = _read_matrix(folder / f"{number}_{part}_bias.txt").ravel()
        wanted = width, 2 * bias.size
        if on.shape == wanted[::-1] != wanted:
            allowed = f"must have {wanted[0]} rows of {wanted[1]} columns; it is transposed"
            raise InputError(source=path, value=list(on.shape), allowed=allowed)
        layers.append(Layer.on_paper((1 - on).astype(np.uint8), bias, len(layers)))
        check_layers(layers[-1:], width, outputs or bias.size, path)
        width = bias.size
    return Network(
        name=f"solution {number}",
        layers=tuple(layers),
        features=tuple(range(INPUTS)),
        classes=CLASSES,
        data=SOURCE,
        key=key_of(layers),
    )


def _read_matrix(path: Path) -> npt.NDArray[np.float64]:
    """The numbers of a file, a line a row."""
    rows: list[list[float]] = []
    for number, line in enumerate(read_text(path, MOST).split("\n"), 1):
        words = line.split("#")[0].split()
        for k, word in enumerate(words, 1):
            if not NUMBER.fullmatch(word):
                raise _no_matrix(path, f"line {number}, entry {k}", word)
            if not np.isfinite(float(word)):
                raise InputError(
                    source=path, key=f"line {number}, entry {k}", value=float(word),
                    allowed="must be a finite number",
                )  # fmt: skip
        if words and rows and len(words) != len(rows[0]):
            reason = f"; the lines before have {len(rows[0])} numbers"
            raise _no_matrix(path, f"line {number}", len(words), reason)
        if words:
            rows.append([float(word) for word in words])
    if not rows:
        raise _no_matrix(path, "", None, "; it holds none")
    return np.array(rows)


def _no_matrix(path: Path, key: str, value: object, reason: str = "") -> InputError:
    comma = isinstance(value, str) and ("," in value or ";" in value)
    if comma:
        reason = "; numbers are parted by spaces or tabs, and have a point before their decimals"
    allowed = f"cannot be read as a matrix of numbers{reason}"
    return InputError(source=path, key=key, value=value, allowed=allowed)


def _subfolder(folder: Path, name: str) -> Path:
    """The folder itself if it is the subfolder, or the subfolder of it or beside it."""
    for path in (folder / name, folder if folder.name == name else folder.parent / name):
        if folder.is_dir() and path.is_dir():
            return path
    raise InputError(
        source=folder,
        allowed=f"must be a folder that holds {name}/, as published with NIST's daffodil-lib",
    )
