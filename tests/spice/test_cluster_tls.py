"""ngspice on a Dask cluster whose connections are encrypted, with certificates of both sides."""

import shutil
import subprocess
from pathlib import Path

import dask
import pytest
from distributed import LocalCluster
from distributed.security import Security
from spice.test_simulation import GOLDEN

from mtjspice.collect import Cluster, Simulator
from mtjspice.errors import InputError

pytestmark = pytest.mark.ngspice


def certified(folder: Path) -> dict[str, str]:
    """Dask's configuration with a certificate that is its own authority."""
    folder.mkdir()
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("openssl, which makes certificates, is not installed")
    command = [program, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    command += ["-subj", "/CN=localhost", "-keyout", "key.pem", "-out", "cert.pem"]
    subprocess.run(command, cwd=folder, capture_output=True, check=True)
    settings = {"ca-file": "cert.pem"}
    for side in ("scheduler", "worker", "client"):
        settings |= {f"{side}.cert": "cert.pem", f"{side}.key": "key.pem"}
    return {f"distributed.comm.tls.{key}": str(folder / name) for key, name in settings.items()}


@pytest.fixture(scope="module")
def encrypted(tmp_path_factory):
    """The configuration, and the address of a scheduler with one worker."""
    configuration = certified(tmp_path_factory.mktemp("tls") / "ours")
    made = {"n_workers": 1, "threads_per_worker": 1, "dashboard_address": "127.0.0.1:0"}
    with (
        dask.config.set(configuration),
        LocalCluster(protocol="tls://", security=Security(), silence_logs=50, **made) as running,
    ):
        yield configuration, running.scheduler_address


def test_a_simulation_runs_over_tls(encrypted, simulator):
    configuration, address = encrypted
    assert address.startswith("tls://")
    experiment = GOLDEN["passive_wires"]
    with (
        dask.config.set(configuration),
        Cluster(address) as cluster,
        Simulator(pool=cluster) as remote,
    ):
        found = remote.run([experiment])[0]
    assert found["current"].equals(simulator.run([experiment])[0]["current"])


@pytest.mark.parametrize("case", ["no certificate", "another authority", "not encrypted"])
def test_who_has_no_certificate_of_the_cluster_is_refused(encrypted, tmp_path, case):
    configuration, address = encrypted
    if case == "no certificate":
        configuration = dict.fromkeys(configuration)
    if case == "another authority":
        configuration = certified(tmp_path / "theirs")
    if case == "not encrypted":
        address = address.replace("tls://", "tcp://")
    with (
        dask.config.set(configuration),
        pytest.raises(InputError, match="no Dask scheduler answers there") as caught,
    ):
        Cluster(address, reach_within_s=2.0)
    assert "tls://host:port" in str(caught.value)
