import gzip
import hashlib

import numpy as np
import pytest

from mtjspice.data import mnist
from mtjspice.errors import InputError


def idx(array: np.ndarray) -> bytes:
    """An array in the format of the files."""
    head = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">i4").tobytes()
    return head + array.astype(np.uint8).tobytes()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Five training and three test images whose checksums are taken for the published ones."""
    chance = np.random.default_rng(1)
    contents = {}
    for name, count in (("train", 5), ("t10k", 3)):
        images = chance.integers(0, 256, (count, 28, 28))
        contents[f"{name}-images-idx3-ubyte.gz"] = idx(images)
        contents[f"{name}-labels-idx1-ubyte.gz"] = idx(chance.integers(0, 10, count))
    for name, content in contents.items():
        (tmp_path / name).write_bytes(gzip.compress(content))
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    monkeypatch.setattr(mnist, "FILES", sums)
    return tmp_path


def test_a_folder_is_read_with_its_split(folder):
    samples = mnist.read_mnist(folder)
    assert samples.inputs.shape == (8, 100)
    assert samples.train.tolist() == [True] * 5 + [False] * 3
    assert samples.labels.min() >= 0
    assert samples.labels.max() <= 9
    assert samples.inputs.min() >= 0
    assert samples.inputs.max() <= 1


def test_pixels_are_area_averages_of_the_middle():
    image = np.zeros((1, 28, 28), dtype=np.uint8)
    image[0, :2] = 255  # beyond the middle: cut off
    assert not mnist.reduced(image).any()
    image[:] = 255
    assert mnist.reduced(image) == pytest.approx(1.0)
    image[:] = 0
    image[0, 2:14] = 255  # the upper half of the middle
    small = mnist.reduced(image).reshape(10, 10)
    assert small[:5] == pytest.approx(1.0)
    assert small[5:] == pytest.approx(0.0)
    image[:] = 0
    image[0, 2, 2] = 255  # one pixel of 2.4 x 2.4
    assert mnist.reduced(image)[0, 0] == pytest.approx(1 / 2.4**2, rel=1e-6)


def test_a_missing_file_is_named_with_all_that_should_be_there(folder):
    (folder / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(InputError, match=r"t10k-labels.*must hold.*train-images"):
        mnist.read_mnist(folder)


def test_a_truncated_file_is_refused(folder):
    path = folder / "train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InputError, match=r"train-images.*(truncated|changed)"):
        mnist.read_mnist(folder)


def test_a_tampered_file_is_refused(folder):
    path = folder / "train-labels-idx1-ubyte.gz"
    path.write_bytes(gzip.compress(idx(np.zeros(5))))
    with pytest.raises(InputError, match=r"train-labels.*SHA-256.*was changed"):
        mnist.read_mnist(folder)


def test_files_that_are_there_are_not_fetched_again(folder, monkeypatch):
    monkeypatch.setattr(mnist.urllib.request, "urlopen", lambda *a, **k: pytest.fail("fetched"))
    assert mnist.download_mnist(folder) == folder


def test_a_server_that_cannot_be_reached_is_an_error_that_says_what_to_do(folder, monkeypatch):
    (folder / "train-images-idx3-ubyte.gz").unlink()
    monkeypatch.setattr(mnist, "MIRROR", "http://127.0.0.1:9/")
    with pytest.raises(InputError, match="give a folder that holds the files"):
        mnist.download_mnist(folder)
    assert not (folder / "train-images-idx3-ubyte.gz").exists()


def test_the_small_digits_are_the_same_for_the_same_seed():
    one, other = mnist.read_small_digits(3), mnist.read_small_digits(3)
    assert one.inputs.shape == (1797, 64)
    assert (~one.train).sum() == 500
    assert (one.train == other.train).all()
    assert (one.train != mnist.read_small_digits(4).train).any()


def test_the_published_files_are_read(shared_data):
    samples = mnist.read_mnist(shared_data / "mnist")
    assert samples.inputs.shape == (70000, 100)
    assert samples.train.sum() == 60000
    assert samples.labels[:3].tolist() == [5, 0, 4]
