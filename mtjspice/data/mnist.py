"""Handwritten digits: MNIST from its four files, or the small ones that scikit-learn ships.

The files are read packed (``.gz``) or unpacked, from the folder that is named or from where
torchvision puts them in it, ``MNIST/raw``.

MNIST (Y. LeCun, C. Cortes, C. J. C. Burges) is 60,000 training and 10,000 test images of 28 x 28
pixels. Images are reduced to 10 x 10 pixels, as in Borders et al. (2024), by area averages over the
middle 24 x 24: the digits lie within 20 x 20 around their centre of mass.
"""

import contextlib
import gzip
import hashlib
import http.client
import io
import os
import urllib.error
import urllib.request
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mtjspice.data.files import make_folder, written_whole
from mtjspice.data.samples import Samples
from mtjspice.errors import InputError
from mtjspice.reading import MIB, read_bytes

# fmt: off
FILES = {
    "train-images-idx3-ubyte.gz":
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte.gz":
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte.gz":
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte.gz":
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
# fmt: on
"""The files, and the SHA-256 of what they hold, unpacked: archives of it differ."""
PLACES = ("", "MNIST/raw", "raw")
"""Where in a folder the files may lie."""
MOST = 48 * MIB
"""Largest file, packed or unpacked, bytes: that of the training images has 47,040,016, unpacked."""
GZIP = b"\x1f\x8b"
"""What a packed file begins with."""
MIRROR = "https://ossci-datasets.s3.amazonaws.com/mnist/"
SIDE, CROP = 10, 2


def read_mnist(folder: str | Path) -> Samples:
    """Read MNIST from a folder that holds its four files, packed or unpacked.

    Raises:
        InputError: if a file is missing, or is not the one that was published.

    Example:
        >>> from mtjspice import InputError, read_mnist
        >>> try:
        ...     read_mnist("nowhere")
        ... except InputError as error:
        ...     print(error.source)
        nowhere/train-images-idx3-ubyte.gz
    """
    folder = Path(folder)
    images, labels, train = [], [], []
    for name, split in (("train", True), ("t10k", False)):
        pixels = _idx(folder, f"{name}-images-idx3-ubyte.gz", dimensions=3)
        images.append(reduced(pixels))
        labels.append(_idx(folder, f"{name}-labels-idx1-ubyte.gz", dimensions=1).astype(np.int64))
        train.append(np.full(len(pixels), split))
    return Samples(
        inputs=np.concatenate(images),
        labels=np.concatenate(labels),
        train=np.concatenate(train),
        classes=tuple(map(str, range(10))),
        source=f"MNIST, {SIDE} x {SIDE} pixels",
    )


def read_small_digits(seed: int = 0, test_samples: int = 500) -> Samples:
    """The 1,797 digits of 8 x 8 pixels that scikit-learn ships.

    Example:
        >>> from mtjspice import read_small_digits
        >>> read_small_digits().inputs.shape
        (1797, 64)
    """
    from sklearn import datasets  # noqa: PLC0415, takes a second and most commands never need it

    raw, labels = datasets.load_digits(return_X_y=True)
    train = np.ones(len(labels), dtype=np.bool_)
    train[np.random.default_rng(seed).permutation(len(labels))[:test_samples]] = False
    return Samples(
        inputs=raw / 16.0,
        labels=labels.astype(np.int64),
        train=train,
        classes=tuple(map(str, range(10))),
        source="digits of scikit-learn, 8 x 8 pixels",
    )


def download_mnist(folder: Path) -> Path:
    """Fetch the files that a folder lacks, each whole and with the right checksum.

    Raises:
        InputError: if the network or the server fails, or a file is not the published one.
    """
    make_folder(folder)
    for name in FILES:
        if located(folder, name) is not None:
            continue
        path = folder / name
        try:
            with urllib.request.urlopen(MIRROR + name, timeout=20) as answer:
                content = answer.read(MOST + 1)
        except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
            reason = getattr(error, "reason", error)
            allowed = (
                f"is not there, and cannot be fetched from {MIRROR} ({reason}); give a folder that "
                "holds MNIST's four files (--mnist DIR), or take the small digits that "
                "scikit-learn ships (--digits)"
            )
            raise InputError(source=path, allowed=allowed) from None
        _unpacked(path, name, content)
        with written_whole(path) as temporary:
            temporary.write_bytes(content)
    return folder


def find_mnist(given: Path | None, usual: Path, *, digits: bool = False) -> Path | None:
    """The folder of MNIST; None where the small digits are asked for.

    Args:
        given: what the user named; what it lacks is downloaded.
        usual: where it is looked for, and downloaded to, if nothing was named.
        digits: whether the small digits are asked for.

    Raises:
        InputError: if both are asked for, or what is missing can neither be downloaded nor written.
    """
    if digits and given is not None:
        allowed = "names other images than --digits does: give one of the two"
        raise InputError(source="--mnist", value=str(given), allowed=allowed)
    if digits:
        return None
    folder = usual if given is None else given
    new = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        return download_mnist(folder)
    except InputError:
        for path in new:  # made here, in vain
            with contextlib.suppress(OSError):
                path.rmdir()
        raise


def reduced(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """Area averages [image, SIDE²] in 0–1 of images [image, 28, 28]."""
    middle = pixels[:, CROP:-CROP, CROP:-CROP]
    side = middle.shape[1]
    edges = np.linspace(0, side, SIDE + 1)
    low, high = np.arange(side), np.arange(1, side + 1)
    overlap = np.clip(
        np.minimum(high, edges[1:, None]) - np.maximum(low, edges[:-1, None]), 0, None
    )
    share = (overlap / overlap.sum(axis=1, keepdims=True)).astype(np.float32)
    small = share @ (middle.astype(np.float32) / 255) @ share.T
    return np.asarray(np.clip(small.reshape(len(pixels), -1), 0, 1), dtype=np.float64)


def located(folder: Path, name: str) -> Path | None:
    """Where a folder has one of the files, packed or unpacked; None if it does not."""
    forms = (name, name.removesuffix(".gz"))
    paths = (folder / place / form for place in PLACES for form in forms)
    return next((path for path in paths if os.path.lexists(path)), None)


def _idx(folder: Path, name: str, dimensions: int) -> npt.NDArray[np.uint8]:
    """One file in the IDX format."""
    path = located(folder, name)
    if path is None:
        names = ", ".join(FILES)
        allowed = f"is missing; the folder must hold {names}, with or without .gz"
        raise InputError(source=folder / name, allowed=allowed)
    content = _unpacked(path, name, read_bytes(path, MOST))
    shape = np.frombuffer(content, ">i4", count=dimensions, offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * dimensions).reshape(shape)


def _unpacked(path: Path, name: str, content: bytes) -> bytes:
    """What a file holds, unpacked, if it is what was published under its name.

    Raises:
        InputError: if it is not.
    """
    if content.startswith(GZIP):
        try:
            with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
                content = file.read(MOST + 1)
        except (OSError, EOFError, zlib.error) as error:
            raise InputError(source=path, allowed=f"is damaged or truncated: {error}") from None
    if len(content) > MOST:
        raise InputError(source=path, allowed=f"unpacks to more than {MOST} bytes, as none does")
    found = hashlib.sha256(content).hexdigest()
    if found != FILES[name]:
        others = [other for other, known in FILES.items() if known == found]
        reason = f"it is {others[0]}" if others else "the file was changed or truncated"
        raise InputError(
            source=path,
            key="SHA-256 of the content",
            value=found,
            allowed=f"must be {FILES[name]}: {reason}",
        )
    return content
