"""What a machine or a container has for workers, on made-up trees of control groups."""

import os
import threading
from pathlib import Path

import pytest

from mtjspice.collect import WorkerPool, machine
from mtjspice.collect.machine import MOST_JOBS, default_jobs, memory, memory_share, processors
from mtjspice.errors import InputError

GIB = 2**30


def tree(root: Path, group: str, mount: str = "", **limits: str) -> Path:
    """A root with the control group `group`; ``cpu_inner="..."`` limits the folder ``inner``."""
    (root / "proc" / "self").mkdir(parents=True)
    (root / "proc" / "self" / "cgroup").write_text(f"4:memory:/elsewhere\n0::{group}\n")
    top = root / "sys" / "fs" / "cgroup" / mount
    top.mkdir(parents=True)
    (top / "cgroup.controllers").write_text("cpu memory\n")
    for name, value in limits.items():
        kind, _, place = name.partition("_")
        folder = top / place.replace("_", "/")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{kind}.max").write_text(f"{value}\n")
    return root


@pytest.fixture
def sixteen(monkeypatch):
    """A machine of 16 processors and 64 GiB."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(16)), raising=False)
    pages = {"SC_PHYS_PAGES": 64 * GIB // 4096, "SC_PAGE_SIZE": 4096}
    monkeypatch.setattr(machine.os, "sysconf", pages.__getitem__)


@pytest.mark.usefixtures("sixteen")
@pytest.mark.parametrize(
    ("limits", "count"),
    [
        ({}, 16),
        ({"cpu_a": "max 100000"}, 16),
        ({"cpu_a_b": "200000 100000"}, 2),
        ({"cpu_a_b": "150000 100000"}, 2),  # half of one is better used than left
        ({"cpu_a_b": "10000 100000"}, 1),
        ({"cpu_a_b": "400000 100000", "cpu_a": "300000 100000"}, 3),
        ({"cpu_a_b": "300000 100000", "cpu_a": "max 100000", "cpu_": "500000 100000"}, 3),
        ({"cpu_": "500000 100000"}, 5),
        ({"cpu_a_b": "9900000 100000"}, 16),
        ({"cpu_a_b": "100000 0"}, 16),
        ({"cpu_a_b": "what 100000"}, 16),
    ],
)
def test_the_least_quota_on_the_way_out_decides(tmp_path, limits, count):
    assert processors(tree(tmp_path, "/a/b", **limits)) == count


@pytest.mark.usefixtures("sixteen")
@pytest.mark.parametrize(
    ("limits", "size"),
    [
        ({}, 64 * GIB),
        ({"memory_a": "max"}, 64 * GIB),
        ({"memory_a_b": str(3 * GIB), "memory_a": str(2 * GIB)}, 2 * GIB),
        ({"memory_a_b": str(900 * GIB)}, 64 * GIB),
    ],
)
def test_the_least_memory_on_the_way_out_decides(tmp_path, limits, size):
    assert memory(tree(tmp_path, "/a/b", **limits)) == size


@pytest.mark.usefixtures("sixteen")
@pytest.mark.parametrize("group", ["/", "/of/the/host", "/../.."])
def test_in_a_container_the_top_folder_has_the_limits(tmp_path, group):
    root = tree(tmp_path, group, cpu_="200000 100000", memory_=str(4 * GIB))
    assert (processors(root), memory(root)) == (2, 4 * GIB)


@pytest.mark.usefixtures("sixteen")
def test_beside_the_first_version_the_second_is_found_too(tmp_path):
    assert processors(tree(tmp_path, "/a", "unified", cpu_a="300000 100000")) == 3


@pytest.mark.usefixtures("sixteen")
def test_without_control_groups_the_machine_counts(tmp_path):
    assert (processors(tmp_path), memory(tmp_path)) == (16, 64 * GIB)


@pytest.mark.usefixtures("sixteen")
def test_without_affinity_all_processors_count(tmp_path, monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity")  # as on macOS
    monkeypatch.setattr(os, "cpu_count", lambda: 10)
    assert processors(tmp_path) == 10
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert processors(tmp_path) == 1


@pytest.mark.usefixtures("sixteen")
@pytest.mark.parametrize(
    ("limits", "jobs"),
    [
        ({}, 16),
        ({"cpu_a": "400000 100000"}, 4),
        ({"memory_a": str(GIB)}, 2),
        ({"memory_a": str(GIB // 8)}, 1),
        ({"cpu_a": "400000 100000", "memory_a": str(GIB)}, 2),
    ],
)
def test_processors_and_memory_decide_the_number_of_workers(tmp_path, limits, jobs):
    assert default_jobs(tree(tmp_path, "/a", **limits)) == jobs


def test_there_are_never_more_workers_than_a_pool_can_have(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "processors", lambda _: 10**6)
    monkeypatch.setattr(machine, "memory", lambda _: 2**60)
    assert default_jobs(tmp_path) == MOST_JOBS


@pytest.mark.usefixtures("sixteen")
@pytest.mark.parametrize(("jobs", "share"), [(4, 12 * GIB), (16, 3 * GIB), (256, 2 * GIB)])
def test_workers_share_three_quarters_of_the_memory_and_have_two_gib_at_least(
    tmp_path, jobs, share
):
    assert memory_share(jobs, tmp_path) == share


@pytest.mark.parametrize("jobs", [40_000, MOST_JOBS + 1, 0, -1])
def test_a_pool_of_too_many_processes_is_refused(jobs):
    with pytest.raises(InputError, match=f"--jobs = {jobs}: from 1 to {MOST_JOBS}"):
        WorkerPool(jobs)


def test_a_large_pool_starts_only_what_has_work():
    before = threading.active_count()
    with WorkerPool(MOST_JOBS) as pool:
        assert threading.active_count() == before
        first = pool.submit(os.getpid).result()
        assert pool.submit(os.getpid).result() == first
        assert threading.active_count() == before + 2  # the worker's, and the one that looks at it
    assert threading.active_count() == before
