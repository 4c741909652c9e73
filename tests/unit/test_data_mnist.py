import gzip
import hashlib
import http.server
import os
import threading

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


NAMES = ("train-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


@pytest.mark.parametrize("place", ["", "MNIST/raw", "raw"])
@pytest.mark.parametrize("packed", [True, False, None], ids=["packed", "unpacked", "both"])
def test_files_are_read_as_torchvision_leaves_them(folder, tmp_path, place, packed):
    plain = mnist.read_mnist(folder)
    there = tmp_path / "data" / place
    there.mkdir(parents=True)
    for path in folder.glob("*.gz"):
        if packed is not False:
            (there / path.name).write_bytes(path.read_bytes())
        if packed is not True:
            (there / path.stem).write_bytes(gzip.decompress(path.read_bytes()))
    samples = mnist.read_mnist(tmp_path / "data")
    assert (samples.inputs == plain.inputs).all()
    assert (samples.labels == plain.labels).all()
    assert mnist.download_mnist(tmp_path / "data") == tmp_path / "data"


def test_an_unpacked_file_under_the_name_of_a_packed_one_is_read(folder):
    plain = mnist.read_mnist(folder)
    for name in NAMES:
        path = folder / f"{name}.gz"
        path.write_bytes(gzip.decompress(path.read_bytes()))
    assert (mnist.read_mnist(folder).inputs == plain.inputs).all()


def wrong_magic(path) -> None:
    content = gzip.decompress(path.read_bytes())
    path.write_bytes(gzip.compress(b"\0\0\x09" + content[3:]))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda path: path.write_bytes(gzip.compress(bytes(2**26))), "unpacks to more than"),
        (lambda path: path.write_bytes(bytes(2**26)), "is larger"),
        (lambda path: path.write_bytes(b""), "changed or truncated"),
        (lambda path: path.write_bytes(path.read_bytes()[:30]), "damaged or truncated"),
        (lambda path: path.write_bytes(path.read_bytes()[:12] + b"\xff" * 20), "damaged"),
        (lambda path: path.write_bytes(path.read_bytes()[:-6] + b"\0" * 6), "damaged"),
        (lambda path: path.write_text("<html>not found</html>"), "changed or truncated"),
        (wrong_magic, "changed or truncated"),
        (
            lambda path: path.write_bytes((path.parent / "t10k-images-idx3-ubyte.gz").read_bytes()),
            "it is t10k-images-idx3-ubyte.gz",
        ),
        (lambda path: (path.unlink(), os.mkfifo(path)), "it is a pipe"),
        (lambda path: (path.unlink(), path.mkdir()), "it is a folder"),
        (lambda path: (path.unlink(), path.symlink_to("/dev/zero")), "it is a device"),
        (lambda path: path.rename(path.with_suffix(".idx.gz")), "is missing; the folder must hold"),
    ],
)
def test_a_file_that_is_not_the_published_one_is_refused(folder, name, spoil, says):
    path = folder / f"{name}.gz"
    spoil(path)
    with pytest.raises(InputError) as caught:
        mnist.read_mnist(folder)
    assert caught.value.source == str(path)
    assert says in caught.value.allowed


@pytest.fixture
def server():
    """A server that answers every question with its list of pieces; its address."""
    answers: dict[str, bytes | None] = {}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            content = answers[self.path.lstrip("/")]
            self.send_response(200)
            self.send_header("Content-Length", str(2**40 if content is None else len(content)))
            self.end_headers()
            self.wfile.write(b"short" if content is None else content)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as serving:
        thread = threading.Thread(target=serving.serve_forever, daemon=True)
        thread.start()
        yield answers, f"http://127.0.0.1:{serving.server_port}/"
        serving.shutdown()
        thread.join()


def test_what_a_server_gives_is_held_against_its_checksum_and_size(folder, server, monkeypatch):
    answers, address = server
    monkeypatch.setattr(mnist, "MIRROR", address)
    name = "t10k-labels-idx1-ubyte.gz"
    path = folder / name
    right = path.read_bytes()
    for content, says in (
        (gzip.compress(idx(np.zeros(3))), "was changed"),
        (bytes(mnist.MOST + 2), "more than"),
        (None, "truncated"),
    ):
        path.unlink()
        answers[name] = content
        with pytest.raises(InputError, match=says):
            mnist.download_mnist(folder)
        assert not path.exists()
        path.write_bytes(right)
    path.unlink()
    answers[name] = right
    mnist.download_mnist(folder)
    assert path.read_bytes() == right


def test_files_that_are_there_are_not_fetched_again(folder, monkeypatch):
    monkeypatch.setattr(mnist.urllib.request, "urlopen", lambda *a, **k: pytest.fail("fetched"))
    assert mnist.download_mnist(folder) == folder


def test_a_server_that_cannot_be_reached_is_an_error_that_says_what_to_do(folder, monkeypatch):
    (folder / "train-images-idx3-ubyte.gz").unlink()
    monkeypatch.setattr(mnist, "MIRROR", "http://127.0.0.1:9/")
    with pytest.raises(InputError, match="give a folder that holds MNIST's four files"):
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
