"""Clusters that are not there, and what Dask's errors become; `tests/spice` has one that is."""

import concurrent.futures
import operator
import socket
import subprocess
import sys
from types import SimpleNamespace

import pytest
from distributed import KilledWorker

from mtjspice.collect import Cluster, WorkerPool, cluster, open_pool
from mtjspice.errors import ClusterError, InputError, WorkerError
from mtjspice.spec import Resources

CLOSED = "tcp://127.0.0.1:1"
"""A port that nothing listens to."""


def refused(address: str, reach_within_s: float = 1.0) -> InputError:
    """The error of an address that is no scheduler's."""
    with pytest.raises(InputError) as caught:
        Cluster(address, reach_within_s=reach_within_s)
    assert (caught.value.source, caught.value.value) == ("--scheduler", address)
    return caught.value


def test_without_a_scheduler_the_workers_are_on_this_machine():
    with open_pool(2, limits=Resources(time=60.0)) as pool:
        assert isinstance(pool, WorkerPool)
        assert (pool.jobs, pool.limits.time) == (2, 60.0)
        assert pool.submit(operator.add, 2, 3).result() == 5


def test_workers_here_and_those_of_a_cluster_are_not_asked_for_together():
    with pytest.raises(InputError, match="--jobs = 2: are workers on this machine"):
        open_pool(2, CLOSED)


def test_with_a_scheduler_the_workers_are_its():
    with pytest.raises(InputError, match="no Dask scheduler answers there"):
        open_pool(None, "an address without a port")


def test_a_scheduler_that_is_not_there_is_refused():
    told = str(refused(CLOSED))
    assert "no Dask scheduler answers there" in told
    assert "tcp://host:port" in told


@pytest.mark.parametrize("says", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n"])
def test_a_server_of_something_else_is_refused(says):
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        concurrent.futures.ThreadPoolExecutor(1) as threads,
    ):
        asked = threads.submit(refused, f"tcp://127.0.0.1:{server.getsockname()[1]}")
        server.settimeout(10.0)
        connection, _ = server.accept()
        with connection:
            connection.sendall(says)
            assert "no Dask scheduler" in str(asked.result(timeout=30))


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("tcp://localhost", "missing port"),
        ("localhost", "missing port"),
        ("", "missing port"),
        ("nonsense://host:1", "unknown address scheme"),
        ("tls://127.0.0.1:1", "TLS"),
    ],
)
def test_an_address_that_is_none_is_refused_with_what_is_wrong(address, says):
    assert says in str(refused(address, 20.0))


def test_without_dask_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert "pip install 'mtjspice[cluster]'" in str(refused(CLOSED))


def test_a_scheduler_that_is_not_there_leaves_nothing_behind():
    """No line on the terminal, and no thread that keeps the process."""
    program = (
        "import sys\n"
        "from mtjspice.collect import Cluster\n"
        f"try: Cluster({CLOSED!r}, reach_within_s=1.0)\n"
        "except Exception as error: sys.exit(type(error).__name__)\n"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.stdout, done.stderr, done.returncode) == ("", "InputError\n", 1)


class Client:
    """In the place of Dask's: its calls end as they are told."""

    def __init__(self, ends: BaseException | bytes):
        self.ends, self.released = ends, 0

    def submit(self, *_, **__):
        if isinstance(self.ends, RuntimeError):
            raise self.ends
        return self

    def add_done_callback(self, call):
        call(self)

    def result(self):
        if isinstance(self.ends, BaseException):
            raise self.ends
        return self.ends

    def release(self):
        self.released += 1

    def nthreads(self):
        raise TimeoutError("Timed out trying to connect")

    def close(self, timeout):
        raise TimeoutError("Timed out trying to connect")


def made(monkeypatch, ends: BaseException | bytes) -> tuple[Cluster, Client]:
    client = Client(ends)
    monkeypatch.setattr(cluster, "_connect", lambda *_: client)
    return Cluster("tcp://head:8786"), client


LAST = SimpleNamespace(address="tcp://node7:1234")


@pytest.mark.parametrize(
    ("ends", "kind", "says"),
    [
        (KilledWorker("k", LAST, 3), WorkerError, "died 4 times at the same work.*node7"),
        (concurrent.futures.CancelledError(), ClusterError, "connection to its scheduler was lost"),
        (OSError("Timed out"), ClusterError, "Timed out"),
        (ModuleNotFoundError("No module named 'x'"), ClusterError, "lacks what is installed here"),
        (RuntimeError("Client is closed"), ClusterError, "Client is closed"),
    ],
)
def test_what_dask_could_not_do_is_told(monkeypatch, ends, kind, says):
    pool, client = made(monkeypatch, ends)
    future = pool.submit(operator.add, 2, 3)
    with pytest.raises(WorkerError, match=says) as caught:
        future.result(timeout=10)
    assert type(caught.value) is kind
    assert client.released == (not isinstance(ends, RuntimeError))
    if kind is ClusterError:
        assert "tcp://head:8786" in str(caught.value)
        assert "goes on from there" in str(caught.value)


def test_a_cluster_that_is_gone_can_still_be_left(monkeypatch):
    pool, _ = made(monkeypatch, OSError("gone"))
    with pytest.raises(ClusterError, match="Timed out"):
        _ = pool.jobs
    pool.shutdown()
    with pytest.raises(RuntimeError, match="shut down"):
        pool.submit(operator.add, 2, 3)
