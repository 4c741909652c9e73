import importlib
import operator
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import CancelledError, ThreadPoolExecutor, as_completed
from pathlib import Path

import pytest
from unit.processes import gone_within, lives

from mtjspice.collect import WorkerPool
from mtjspice.collect.machine import default_jobs
from mtjspice.errors import InputError, LimitError, SimulationError, WorkerError
from mtjspice.spec import Resources

WORKS = """\
import os, signal, time
from pathlib import Path

from mtjspice.errors import InputError, SimulationError

def count_and_die(path, how):
    with open(path, "a") as file:
        file.write("started\\n")
    print("last words", flush=True)
    how()

def die_once(path):
    first = not Path(path).exists()
    count_and_die(path, os.abort if first else dict)
    return os.getpid()

def fail(kind, keywords):
    raise kind(**keywords)

def return_what_cannot_be_sent():
    return lambda: None

def raise_what_cannot_be_sent():
    error = RuntimeError("own words")
    error.held = lambda: None
    raise error

def meet(mine, other):
    Path(mine).touch()
    for _ in range(3000):
        if Path(other).exists():
            return os.getpid()
        time.sleep(0.01)
    raise TimeoutError(other)

def stop(path, times):
    with open(path, "a") as file:
        file.write("started\\n")
    if len(Path(path).read_text().splitlines()) <= times:
        os.kill(os.getpid(), signal.SIGSTOP)
    return os.getpid()

def kill(path):
    count_and_die(path, lambda: os.kill(os.getpid(), signal.SIGKILL))

def fill_a_file(size):
    with open("large", "wb") as file:
        for _ in range(size // 2**20):
            file.write(bytes(2**20))

def fill_memory(size):
    kept = [b"x" * 2**20 for _ in range(size // 2**20)]
    time.sleep(0.5)
    return len(kept)

def refuse(what):
    raise what("out of memory")

def where():
    here = Path.cwd()
    mode = here.stat().st_mode & 0o777
    return str(here), mode, sorted(path.name for path in here.iterdir()), dict(os.environ)

def shout():
    os.write(1, b"x" * 300_000)
    return "done"
"""


@pytest.fixture(scope="module")
def works(tmp_path_factory):
    """A module that workers can import."""
    folder = tmp_path_factory.mktemp("importable")
    (folder / "works_for_pool.py").write_text(WORKS)
    sys.path.insert(0, str(folder))
    yield __import__("works_for_pool")
    sys.path.remove(str(folder))


@pytest.fixture
def pool():
    with WorkerPool(1, limits=Resources(time=30.0)) as one:
        yield one


def test_a_call_gives_its_result(pool):
    assert pool.submit(operator.add, 2, 3).result() == 5


def test_calls_run_in_another_process(pool):
    first, second = (pool.submit(os.getpid).result() for _ in range(2))
    assert first == second != os.getpid()


def test_as_many_processes_work_as_asked_for(works, tmp_path):
    names = [str(tmp_path / name) for name in "ab"]
    with WorkerPool(2) as pool:
        meetings = [pool.submit(works.meet, *pair) for pair in (names, names[::-1])]
        assert len({meeting.result() for meeting in meetings}) == 2


def test_a_pool_maps_like_every_executor(pool):
    assert list(pool.map(operator.neg, range(5))) == [0, -1, -2, -3, -4]


@pytest.mark.parametrize(
    ("function", "args", "error"),
    [
        (operator.truediv, (1, 0), ZeroDivisionError),
        (int, ("x",), ValueError),
        (os.mkdir, ("/proc/none/such",), FileNotFoundError),
        (subprocess.check_call, (["false"],), subprocess.CalledProcessError),
    ],
)
def test_an_error_of_the_function_comes_back_as_itself(pool, function, args, error):
    before = pool.submit(os.getpid).result()
    with pytest.raises(error):
        pool.submit(function, *args).result()
    assert pool.submit(os.getpid).result() == before


@pytest.mark.parametrize(
    ("kind", "keywords"),
    [
        (SimulationError, {"reason": "singular", "log": "line"}),
        (InputError, {"source": "a.toml", "key": "rows", "value": 0, "allowed": "at least 1"}),
    ],
)
def test_an_error_of_this_package_comes_back_whole(pool, works, kind, keywords):
    with pytest.raises(kind) as caught:
        pool.submit(works.fail, kind, keywords).result()
    assert str(caught.value) == str(kind(**keywords))


def test_after_a_simulator_error_the_next_call_has_a_fresh_process(pool, works):
    before = pool.submit(os.getpid).result()
    with pytest.raises(SimulationError):
        pool.submit(works.fail, SimulationError, {"reason": "singular"}).result()
    assert pool.submit(os.getpid).result() != before


@pytest.mark.parametrize(("how", "says"), [(os.abort, "SIGABRT"), (sys.exit, "exit")])
def test_a_call_that_kills_its_worker_is_started_twice_and_then_reported(
    pool, works, tmp_path, how, says
):
    with pytest.raises(WorkerError, match="died 2 times") as caught:
        pool.submit(works.count_and_die, str(tmp_path / "starts"), how).result()
    assert (tmp_path / "starts").read_text() == "started\n" * 2
    assert says in str(caught.value)
    assert "last words" in str(caught.value)
    assert pool.submit(operator.add, 2, 3).result() == 5


def test_a_status_of_a_worker_that_exits_is_reported(pool):
    with pytest.raises(WorkerError, match="exit 7"):
        pool.submit(os._exit, 7).result()


def test_a_call_that_kills_its_worker_only_once_gives_its_result(pool, works, tmp_path):
    before = pool.submit(os.getpid).result()
    after = pool.submit(works.die_once, str(tmp_path / "starts")).result()
    assert after != before
    assert (tmp_path / "starts").read_text() == "started\n" * 2


def test_a_call_that_takes_too_long_is_ended_and_names_the_limit_and_is_not_repeated(
    works, tmp_path
):
    with WorkerPool(1, limits=Resources(time=3.0)) as pool:
        start = time.monotonic()
        future = pool.submit(works.count_and_die, str(tmp_path / "starts"), signal.pause)
        with pytest.raises(LimitError, match=r"limit simulator\.time = 3 s.*\[simulator\]"):
            future.result()
        assert 2.9 <= time.monotonic() - start < 10.0
        assert (tmp_path / "starts").read_text() == "started\n"
        assert pool.submit(operator.add, 2, 3).result() == 5


def test_other_calls_go_on_while_one_worker_dies():
    with WorkerPool(2) as pool:
        dead = pool.submit(os.abort)
        alive = [pool.submit(operator.neg, i) for i in range(20)]
        assert [f.result() for f in alive] == [-i for i in range(20)]
        with pytest.raises(WorkerError):
            dead.result()


def test_arguments_that_cannot_be_sent_are_the_callers_error(pool):
    with pytest.raises(Exception, match=r"pickle|local object") as caught:
        pool.submit(operator.not_, lambda: None).result()
    assert not isinstance(caught.value, WorkerError)
    assert pool.submit(operator.add, 2, 3).result() == 5


def test_a_result_that_cannot_be_sent_back_is_said_to_be_one(pool, works):
    with pytest.raises(RuntimeError, match="cannot be sent back"):
        pool.submit(works.return_what_cannot_be_sent).result()


def test_an_error_that_cannot_be_sent_back_keeps_its_words(pool, works):
    with pytest.raises(RuntimeError, match="own words"):
        pool.submit(works.raise_what_cannot_be_sent).result()


def test_a_worker_that_prints_much_does_not_hang(pool, works):
    assert pool.submit(works.shout).result() == "done"


def test_a_large_argument_comes_back_whole(pool):
    data = os.urandom(5_000_000)
    assert pool.submit(bytes, data).result() == data


def test_keyword_arguments_are_refused(pool):
    with pytest.raises(TypeError, match="positional"):
        pool.submit(int, "5", base=8)


def test_a_pool_that_is_shut_down_takes_no_calls():
    pool = WorkerPool(1)
    pool.shutdown()
    with pytest.raises(RuntimeError, match="shut down"):
        pool.submit(operator.add, 2, 3)


def test_leaving_the_pool_finishes_what_is_queued():
    with WorkerPool(1) as pool:
        futures = [pool.submit(operator.neg, i) for i in range(5)]
    assert [f.result(timeout=0) for f in futures] == [0, -1, -2, -3, -4]


@pytest.mark.parametrize("after_s", [0.0, 0.0005, 0.01, 1.0])
def test_shutting_down_and_cancelling_returns_at_once_while_a_worker_sleeps(after_s):
    pool = WorkerPool(1)
    asleep, queued = pool.submit(time.sleep, 12.0), pool.submit(operator.add, 2, 3)
    time.sleep(after_s)
    start = time.monotonic()
    pool.shutdown(cancel_futures=True)
    assert time.monotonic() - start < 6.0
    assert queued.cancelled()
    with pytest.raises((WorkerError, CancelledError)):
        asleep.result(timeout=0)


def test_whoever_waits_in_another_thread_is_told_that_the_pool_was_shut_down():
    """A thread that waits for its calls would otherwise hang, and the program with it."""
    pool = WorkerPool(1)
    calls = [pool.submit(time.sleep, 30.0) for _ in range(3)]
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(lambda: list(as_completed(calls, timeout=20)))
        time.sleep(0.5)
        pool.shutdown(wait=False, cancel_futures=True)
        done = waiting.result(timeout=10)
    for call in done:
        with pytest.raises(CancelledError):  # ended, not failed
            call.result(timeout=0)
    assert len(done) == 3


def test_a_call_that_kills_its_workers_after_a_pool_was_left_has_failed():
    with WorkerPool(1) as pool:
        call = pool.submit(os.abort)
    with pytest.raises(WorkerError):
        call.result(timeout=0)


def leave_with_an_error():
    with WorkerPool(1) as pool:
        pool.submit(time.sleep, 30.0)
        time.sleep(0.5)
        raise KeyError("passes through")


def test_an_error_that_passes_through_ends_the_pool_at_once():
    start = time.monotonic()
    with pytest.raises(KeyError):
        leave_with_an_error()
    assert time.monotonic() - start < 5.0


def test_no_process_is_left_after_the_pool():
    with WorkerPool(1) as pool:
        process = pool.submit(os.getpid).result()
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


def test_a_pool_without_a_number_has_as_many_workers_as_the_machine_takes():
    with WorkerPool() as pool:
        assert pool.jobs == default_jobs()


def test_a_call_may_have_a_time_of_its_own(pool):
    late = pool.submit_within(Resources(time=0.3), time.sleep, 20.0)
    with pytest.raises(LimitError, match=r"simulator\.time = 0\.3 s"):
        late.result()
    assert pool.submit(operator.add, 2, 3).result() == 5


PARENT = """\
import os, sys, time
from mtjspice.collect import WorkerPool

pool = WorkerPool(1, patience_s=1.0)
print(pool.submit(os.getpid).result(), pool.submit(os.getcwd).result(), flush=True)
pool.submit(time.sleep, float(sys.argv[1])).result()
print(pool.submit(os.getpid).result(), flush=True)
"""


def parent_of_a_call(seconds: float) -> subprocess.Popen:
    """A program whose worker has a call that takes so long, in a process group of its own."""
    command = [sys.executable, "-c", PARENT, str(seconds)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)


@pytest.mark.parametrize("everybody", [None, signal.SIGTERM, signal.SIGHUP])
def test_a_worker_ends_with_its_parent_in_the_middle_of_a_call_and_its_folder_goes(everybody):
    """The parent is killed, or a batch system or a terminal ends all processes of the job."""
    with parent_of_a_call(60.0) as parent:
        worker, folder = parent.stdout.readline().split()
        time.sleep(0.3)  # the call has begun
        assert lives(int(worker))
        assert Path(folder).is_dir()
        if everybody is None:
            parent.kill()
        else:
            os.killpg(parent.pid, everybody)
    assert gone_within(int(worker), 2.0)
    assert not Path(folder).exists()


def test_a_program_that_is_stopped_with_its_workers_goes_on_with_the_same_ones():
    """Ctrl-Z and ``fg``; the pause is longer than a worker alone may be stopped."""
    with parent_of_a_call(1.5) as parent:
        worker, _ = parent.stdout.readline().split()
        time.sleep(0.3)
        os.killpg(parent.pid, signal.SIGSTOP)
        time.sleep(3.0)
        os.killpg(parent.pid, signal.SIGCONT)
        assert parent.stdout.readline() == f"{worker}\n"
    assert parent.returncode == 0


def test_a_worker_that_is_stopped_is_replaced_and_its_call_repeated(works, tmp_path):
    with WorkerPool(1, patience_s=1.0) as pool:
        before = pool.submit(os.getpid).result()
        start = time.monotonic()
        after = pool.submit(works.stop, str(tmp_path / "starts"), 1).result()
        assert 0.9 <= time.monotonic() - start < 15.0
    assert after != before
    assert gone_within(before, 1.0)
    assert (tmp_path / "starts").read_text() == "started\n" * 2


def test_a_call_whose_workers_are_stopped_twice_is_reported(works, tmp_path):
    with WorkerPool(1, patience_s=0.5) as pool:
        call = pool.submit(works.stop, str(tmp_path / "starts"), 2)
        with pytest.raises(WorkerError, match=r"died 2 times.*stopped \(SIGSTOP\).*0\.5 s"):
            call.result()


def test_a_worker_that_was_stopped_while_idle_is_replaced_when_it_gets_work():
    with WorkerPool(1, patience_s=0.5) as pool:
        before = pool.submit(os.getpid).result()
        os.kill(before, signal.SIGSTOP)
        data = os.urandom(5_000_000)  # more than the connection holds while nobody reads it
        assert pool.submit(bytes, data).result() == data
        assert pool.submit(os.getpid).result() != before


def test_a_worker_that_is_killed_from_outside_is_told_from_one_that_crashes(pool, works, tmp_path):
    with pytest.raises(WorkerError, match=r"died 2 times.*SIGKILL.*no memory left.*--jobs"):
        pool.submit(works.kill, str(tmp_path / "starts")).result()
    assert (tmp_path / "starts").read_text() == "started\n" * 2


LEAST = Resources(memory="256 MiB", file_size="2 MiB")


@pytest.mark.parametrize(
    ("work", "size", "says"),
    [
        ("fill_a_file", 2**23, r"simulator\.file_size = 2 MiB"),
        ("fill_memory", 2**29, r"simulator\.memory = 256 MiB"),
        ("fill_memory", 2**43, r"simulator\.memory = 256 MiB"),
        ("refuse", RuntimeError, r"simulator\.memory = 256 MiB.*out of memory"),  # as torch says it
        ("refuse", MemoryError, r"simulator\.memory = 256 MiB"),
    ],
)
def test_a_call_that_exceeds_a_limit_names_it_its_value_and_its_key(works, work, size, says):
    with WorkerPool(1, limits=LEAST) as pool:
        with pytest.raises(LimitError, match=rf"{says}.*\[simulator\]") as caught:
            pool.submit(getattr(works, work), size).result()
        assert caught.value.exit_code == 3
        assert pool.submit(operator.add, 2, 3).result() == 5


def test_a_limit_that_is_raised_is_raised(works):
    with WorkerPool(1, limits=LEAST) as pool:
        raised = Resources(memory="2 GiB", file_size="20 MiB")
        assert pool.submit_within(raised, works.fill_memory, 2**29).result() == 512
        pool.submit_within(raised, works.fill_a_file, 2**23).result()


def test_a_worker_has_a_private_folder_that_goes_with_it(works, monkeypatch, tmp_path):
    # A process that has loaded the library itself passes on which one it is.
    monkeypatch.delenv("NGSPICE_LIBRARY_PATH", raising=False)
    for name in ("SPICE_SCRIPTS", "SPICE_LIB_DIR", "SPICE_ASCIIRAWFILE", "NGSPICE_OSDI_DIR"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    with WorkerPool(1) as pool:
        folder, mode, files, environment = pool.submit(works.where).result()
        assert Path(folder).is_dir()
        with pytest.raises(WorkerError):
            pool.submit(os.abort).result()
        assert not Path(folder).exists()
        other, *_ = pool.submit(works.where).result()
    assert (mode, files) == (0o700, [".spiceinit"])
    assert other != folder
    assert not Path(other).exists()
    assert environment["HOME"] == folder
    assert str(tmp_path) not in environment.values()
    assert [name for name in environment if name.startswith(("SPICE", "NGSPICE"))] == [
        "SPICE_SCRIPTS"
    ]


def test_modules_in_the_working_folder_are_not_those_of_a_worker(monkeypatch, tmp_path):
    for name in ("numpy", "mtjspice", "signal", "operator"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])  # as ``python -m`` does
    with WorkerPool(1) as pool:
        assert pool.submit(operator.add, 2, 3).result() == 5
    assert not (tmp_path / "ran").exists()


NAMED = """\
import os
from mtjspice.collect import WorkerPool
import beside

with WorkerPool(1) as pool:
    print(pool.submit(beside.told).result())
"""


@pytest.mark.parametrize("how", ["relative", "current", "script"])
def test_modules_where_the_user_names_them_are_found(repository, tmp_path, how):
    place = tmp_path / "tools" if how == "relative" else tmp_path
    place.mkdir(exist_ok=True)
    (place / "beside.py").write_text("def told():\n    return 'here'\n")
    (tmp_path / "script.py").write_text(NAMED)
    named = {"relative": "tools", "current": ".", "script": ""}[how]
    path = os.pathsep.join(filter(None, [named, str(repository)]))
    start = ["script.py"] if how == "script" else ["-c", NAMED]
    done = subprocess.run(
        [sys.executable, *start], cwd=tmp_path, env=os.environ | {"PYTHONPATH": path},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.stdout, done.returncode) == ("here\n", 0), done.stderr


SLOW_TO_LOAD = """\
import sys, time

if sys.argv[0].endswith("worker.py"):
    time.sleep(1.5)

def answer():
    return 42
"""


def test_loading_the_libraries_of_a_call_is_no_part_of_its_time(tmp_path, monkeypatch):
    (tmp_path / "slow_to_load.py").write_text(SLOW_TO_LOAD)
    monkeypatch.syspath_prepend(str(tmp_path))
    answer = importlib.import_module("slow_to_load").answer
    with WorkerPool(1, limits=Resources(time=1.0)) as pool:
        assert pool.submit(answer).result() == 42


def test_a_worker_loads_no_library_that_its_calls_do_not_need():
    """Names of the package come when they are asked for, and only those that there are."""
    heavy = "sum(name in sys.modules for name in ('xarray', 'torch', 'PySpice'))"
    lines = (
        "import sys, mtjspice.collect, mtjspice.collect.worker",
        f"assert {heavy} == 0",
        "assert all(hasattr(mtjspice.collect, name) for name in mtjspice.collect.__all__)",
        "assert not hasattr(mtjspice.collect, 'no_such_name')",
    )
    subprocess.run([sys.executable, "-c", "\n".join(lines)], check=True)
