"""How commands end when something goes wrong that nobody meant: real processes, one line each."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from unit.builders import DESIGN, EXPERIMENT, STUDY
from unit.commands import caller

from mtjspice import ending, spec, tables
from mtjspice.data.checksums import stamped
from mtjspice.data.weights import FORMAT
from mtjspice.errors import ExitCode, InputError

ONE_LINE = re.compile(r"mtjspice: [^\n]+\n\Z")


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "spec.toml").write_text(EXPERIMENT)
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return tmp_path


def process(*arguments: str, before: str = "", **options) -> subprocess.CompletedProcess:
    """The command line in a process of its own; `before` is done to it first."""
    program = (
        "import sys\n"
        f"sys.argv = ['mtjspice', *{list(arguments)!r}]\n"
        f"{before}\n"
        "from mtjspice.__main__ import main\n"
        "main()\n"
    )
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "timeout": 120}
    return subprocess.run([sys.executable, "-c", program], check=False, **(pipes | options))


def failing(error: str) -> str:
    """Has the command `netlist` raise this."""
    return (
        "from mtjspice import spec\n"
        "def fails(*_):\n"
        f"    raise {error}\n"
        "spec.read_spec = fails\n"
    )  # fmt: skip


def test_a_fault_of_ours_is_one_line_and_a_private_file(folder):
    for _ in range(2):
        ended = process("netlist", "spec.toml", before=failing("ZeroDivisionError('of\\nours')"))
        assert ended.returncode == ExitCode.FAULT == 70
        assert ended.stdout == ""
        assert ONE_LINE.match(ended.stderr)
        assert "a fault of mtjspice, not of your input: ZeroDivisionError: of ours" in ended.stderr
    details = sorted((folder / "temporary").glob("mtjspice-fault-*.txt"))
    assert len(details) == 2, "none is written over another"
    assert any(str(path) in ended.stderr for path in details)
    for path in details:
        assert path.stat().st_mode & 0o777 == 0o600
        text = path.read_text()
        for words in ("mtjspice netlist spec.toml", "Traceback", "in fails", "Python", "numpy "):
            assert words in text


@pytest.mark.parametrize("arguments", [("--debug", "netlist"), ("netlist", "--debug")])
def test_debug_prints_the_traceback(folder, arguments):
    ended = process(*arguments, "spec.toml", before=failing("ZeroDivisionError"))
    assert ended.returncode == 70
    assert "Traceback" in ended.stderr
    assert "in fails" in ended.stderr
    assert ended.stderr.splitlines()[-1].startswith("mtjspice: this is a fault")


def test_debug_prints_that_of_an_error_on_purpose_too(folder, monkeypatch, capsys):
    answer = caller(monkeypatch, capsys)("netlist", "missing.toml", "--debug")
    assert answer.code == 2
    assert "Traceback" in answer.err
    assert answer.err.splitlines()[-1].startswith("mtjspice: missing.toml: cannot be read")


def test_details_that_cannot_be_written_are_said_to_be_so(folder, monkeypatch, capsys):
    monkeypatch.setattr(ending.tempfile, "tempdir", str(folder / "nowhere"))
    monkeypatch.setattr(spec, "read_spec", lambda *_: 1 // 0)
    answer = caller(monkeypatch, capsys)("netlist", "spec.toml")
    assert answer.code == 70
    assert ONE_LINE.match(answer.err)
    assert "could not be written (No such file or directory); --debug prints them" in answer.err


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        ("RecursionError('too deep')", 70, "fault of mtjspice"),
        ("MemoryError()", 3, "too little memory"),
        ('RuntimeError("DefaultCPUAllocator: can\'t allocate memory")', 3, "too little memory"),
        ('RuntimeError("can\'t start new thread")', 3, "too little memory"),
        ("ImportError('_flapack.so: failed to map segment from shared object')", 3, "memory"),
        ("ImportError('no module')", 70, "ImportError: no module"),
        ("OSError(28, 'No space left on device', 'a/b')", 3, "a/b: No space left on device"),
        ("OSError(21, 'Is a directory', 'a/b')", 3, "a/b: Is a directory"),
        ("OSError(28, 'No space left on device')", 3, "the output: No space left on device"),
        ("BrokenPipeError(32, 'Broken pipe')", 70, "BrokenPipeError"),  # stdout is well
        ("KeyboardInterrupt", 130, "what was finished in the output folder is kept"),
        ("KeyError('x')", 70, "KeyError: 'x'"),
    ],
)
def test_every_way_out_has_its_code_and_one_line(folder, monkeypatch, capsys, error, code, words):
    def fails(*_):
        raise eval(error)

    monkeypatch.setattr(spec, "read_spec", fails)
    answer = caller(monkeypatch, capsys)("netlist", "spec.toml")
    assert answer.code == code
    assert answer.out == ""
    assert ONE_LINE.match(answer.err)
    assert words in answer.err


def test_notes_of_an_error_are_told(folder, monkeypatch, capsys):
    def fails(*_):
        error = InputError(source="a", allowed="b")
        error.add_note("2 of 3 failed")
        raise error

    monkeypatch.setattr(spec, "read_spec", fails)
    answer = caller(monkeypatch, capsys)("netlist", "spec.toml")
    assert answer.err == "mtjspice: spec.toml: a: b\n2 of 3 failed\n"


def test_a_library_that_does_not_load_is_one_line(folder):
    before = "sys.modules['pydantic'] = None"
    ended = process("netlist", "spec.toml", before=before)
    assert ended.returncode == 70
    assert ONE_LINE.match(ended.stderr)
    assert "pydantic" in ended.stderr


def test_a_fault_in_a_thread_ends_the_command(folder):
    before = (
        "import threading, time\n"
        "from mtjspice import spec\n"
        "def waits(*_):\n"
        "    threading.Thread(target=lambda: 1 // 0).start()\n"
        "    time.sleep(60)\n"
        "spec.read_spec = waits"
    )
    ended = process("netlist", "spec.toml", before=before)
    assert ended.returncode == 70
    assert ONE_LINE.match(ended.stderr)
    assert "ZeroDivisionError" in ended.stderr


def test_warnings_of_libraries_are_one_line_without_code(folder):
    before = (
        "import warnings\n"
        "from mtjspice import spec\n"
        "read = spec.read_spec\n"
        "def warns(*given):\n"
        "    warnings.warn('of a\\nlibrary')\n"
        "    return read(*given)\n"
        "spec.read_spec = warns"
    )
    ended = process("netlist", "spec.toml", before=before)
    assert ended.returncode == 0
    assert ended.stderr == "mtjspice: warning: of a library\n"


# The streams.


@pytest.mark.parametrize("command", ["netlist", "simulate"])
@pytest.mark.ngspice
def test_output_that_cannot_be_written_is_the_machines(folder, command):
    with Path("/dev/full").open("w") as full:
        ended = process(command, "spec.toml", stdout=full)
    assert ended.returncode == 3
    assert ended.stderr.splitlines()[-1].startswith("mtjspice: the output: No space left")
    assert "Traceback" not in ended.stderr


@pytest.mark.ngspice
def test_a_stderr_that_is_full_ends_no_work(folder):
    with Path("/dev/full").open("w") as full:
        ended = process("simulate", "spec.toml", stderr=full)
        assert ended.returncode == 0
        assert "Output current" in ended.stdout
        assert process("simulate", "missing.toml", stderr=full).returncode == 2


@pytest.mark.ngspice
@pytest.mark.parametrize(
    ("command", "closed"),
    [
        *(("netlist spec.toml", closed) for closed in (">&-", "2>&-", "<&- >&- 2>&-")),
        ("simulate spec.toml --out out", "<&- >&- 2>&-"),
    ],
)
def test_closed_streams_are_taken_for_nowhere(folder, closed, command):
    line = f"{sys.executable} -m mtjspice {command} {closed}"
    ended = subprocess.run(["bash", "-c", line], check=False, capture_output=True, timeout=120)
    assert ended.returncode == 0
    assert b"Traceback" not in ended.stderr
    if "out" in command:
        assert (folder / "out" / "result.nc").is_file()


@pytest.mark.ngspice
@pytest.mark.parametrize("command", ["netlist", "simulate", "--help"])
def test_a_reader_that_leaves_is_no_failed_verdict(folder, command):
    given = () if command == "--help" else ("spec.toml",)
    read, write = os.pipe()
    os.close(read)
    try:
        ended = process(command, *given, stdout=write)
    finally:
        os.close(write)
    assert ended.returncode == ExitCode.READER_GONE == 141
    assert "mtjspice:" not in ended.stderr
    assert "Error" not in ended.stderr


@pytest.mark.ngspice
def test_letters_that_a_terminal_lacks_are_spelled(folder, monkeypatch):
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    ended = process("simulate", "spec.toml")
    assert ended.returncode == 0, ended.stderr
    assert "Output current in uA" in ended.stdout
    (folder / "spec.toml").write_text(EXPERIMENT.replace('"5 Ohm"', '"5 V"'))
    ended = process("simulate", "spec.toml")
    assert ended.returncode == 2
    monkeypatch.setenv("PYTHONIOENCODING", "latin-1")
    assert process("simulate", "µ−.toml", encoding="latin-1").returncode == 2


ESCAPE = "\x1b[31m"
"""Has a terminal print in red from here on."""


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("spec.toml", EXPERIMENT + '"\\u001b[31mk" = 1\n'),
        ("spec.toml", EXPERIMENT + '["\\u001b[31mk"]\na = 1\n'),
        ("spec.toml", EXPERIMENT + 'observe = "\\u001b[31m"\n'),
        (f"{ESCAPE}.toml", EXPERIMENT.replace("5 Ohm", "5 V")),
        (f"{ESCAPE}.toml", None),
    ],
)
def test_no_refusal_orders_the_terminal(folder, monkeypatch, capsys, name, text):
    if text is not None:
        (folder / name).write_text(text)
    answer = caller(monkeypatch, capsys)("netlist", name)
    assert answer.code == 2
    assert r"\x1b[31m" in answer.err
    assert "\x1b" not in answer.err


def test_a_file_of_weights_does_not_order_the_terminal(folder, monkeypatch, capsys):
    (folder / "weights").mkdir()
    about = stamped({"format": FORMAT, f"{ESCAPE}k": 1})
    (folder / "weights" / "weights.json").write_text(json.dumps(about))
    (folder / "weights" / "tiles.safetensors").write_bytes(b"")
    answer = caller(monkeypatch, capsys)("signoff", "weights", "--dies", "dies")
    assert answer.code == 2
    assert r"\x1b[31mk" in answer.err
    assert "\x1b" not in answer.err


@pytest.mark.ngspice
def test_what_a_store_is_refused_for_does_not_order_the_terminal(folder):
    out = folder / f"out{ESCAPE}"
    assert process("simulate", "spec.toml", "--out", str(out)).returncode == 0
    (kept,) = (out / "simulations").glob("*.nc")
    kept.write_bytes(b"spoilt")
    ended = process("simulate", "spec.toml", "--out", str(out))
    assert ended.returncode == 0
    assert r"out\x1b[31m/simulations cannot be used" in ended.stderr
    assert "\x1b" not in ended.stderr + ended.stdout


@pytest.mark.parametrize("more", [["--jobs", ESCAPE], [f"--{ESCAPE}"], ["more", ESCAPE]])
def test_an_option_that_is_refused_does_not_order_the_terminal(folder, monkeypatch, capsys, more):
    answer = caller(monkeypatch, capsys)("simulate", "spec.toml", *more)
    assert answer.code == 2
    assert "\x1b" not in answer.err


def test_tables_and_lines_print_what_they_are_given(capsys):
    given = f"[red]a[/red] :smile: {ESCAPE}b\x07"
    console, table = tables.made_console(), tables._table(given, given)
    table.add_row(given)
    console.print(given)
    console.print(table)
    said = capsys.readouterr().out
    assert said.count(r"[red]a[/red] :smile: \x1b[31mb\x07") == 4
    assert "\x1b" not in said


ENDS = {"simulate": 0, "run": 4}
"""Without limits nothing can pass."""
UNASKED = f"{STUDY}\n[limits]\nabove_chance = 0\n"


@pytest.mark.ngspice
@pytest.mark.parametrize(
    ("command", "text", "report"),
    [("simulate", EXPERIMENT, "result.nc"), ("run", UNASKED, "report.html")],
)
def test_a_folder_whose_name_is_no_text_is_one_as_others(
    folder, monkeypatch, capsys, command, text, report
):
    odd = folder / os.fsdecode(b"nou\xff8")
    odd.mkdir()
    (odd / "spec.toml").write_text(text)
    answer = caller(monkeypatch, capsys)(command, odd / "spec.toml", "--out", odd, "--jobs", 1)
    assert answer.code == ENDS[command], answer.err
    assert (odd / report).is_file()
    if command == "run":
        assert r"nou\udcff8/report.html" in answer.out


GONE = "import os; os.mkdir('gone'); os.chdir('gone'); os.rmdir('../gone')"


@pytest.mark.ngspice
@pytest.mark.parametrize(
    ("command", "text", "report"),
    [
        ("simulate", EXPERIMENT, "result.nc"),
        pytest.param("run", UNASKED, "report.html", marks=pytest.mark.slow),
    ],
)
def test_a_working_folder_that_is_gone_is_not_needed(folder, command, text, report):
    (folder / "spec.toml").write_text(text)
    spec, out = str(folder / "spec.toml"), str(folder / "out")
    ended = process(command, spec, "--out", out, "--jobs", "1", before=GONE)
    assert ended.returncode == ENDS[command], ended.stderr
    assert (folder / "out" / report).is_file()


@pytest.mark.slow
@pytest.mark.ngspice
def test_relative_paths_lead_nowhere_from_a_folder_that_is_gone(folder):
    ended = process("simulate", str(folder / "spec.toml"), "--out", "out", before=GONE)
    assert ended.returncode == 2
    assert ended.stderr.endswith(
        ": is not a folder that can be written: No such file or directory\n"
    )
    ended = process("netlist", "spec.toml", before=GONE)
    assert ended.returncode == 2
    assert "mtjspice: spec.toml: cannot be read" in ended.stderr


def test_spelling_is_that_of_the_field():
    ending.codecs.register_error("mtjspice", ending._spelled)
    said = "1 µA, 2 Ω, −3, ≤ 4 °C, 3.2 × 10⁻⁸, 5\N{NO-BREAK SPACE}%, m², 你"
    spelled = "1 uA, 2 Ohm, -3, <= 4 degC, 3.2 x 10^-8, 5 %, m^2, \\u4f60"
    assert said.encode("ascii", "mtjspice").decode() == spelled


@pytest.fixture(scope="module")
def piped(tmp_path_factory) -> list[str]:
    """The numbers that a pipe gets, however narrow it is said to be."""
    spec = tmp_path_factory.mktemp("piped") / "spec.toml"
    spec.write_text(EXPERIMENT)
    printed = process("simulate", str(spec), env=os.environ | {"COLUMNS": "1"}).stdout
    return re.findall(r"\d+\.\d{4}", printed)


@pytest.mark.ngspice
@pytest.mark.parametrize(
    "columns", ["1", "7", *(pytest.param(n, marks=pytest.mark.slow) for n in ("0", "20"))]
)
def test_no_number_is_lost_however_narrow_the_terminal_is(folder, monkeypatch, piped, columns):
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("NO_COLOR", "1")
    master, terminal = pty.openpty()
    ended = process("simulate", "spec.toml", stdout=terminal)
    os.close(terminal)
    shown = os.read(master, 100_000).decode()
    os.close(master)
    assert ended.returncode == 0
    assert "…" not in shown
    assert "\x1b[3" not in shown
    # Narrow columns break a number into lines; none of its digits may be missing.
    assert len(piped) == 2
    digits = Counter(c for number in piped for c in number if c.isdigit())
    assert Counter(c for c in shown if c.isdigit()) >= digits


# Being interrupted, and limits of the machine.


@pytest.mark.ngspice
@pytest.mark.parametrize("after_s", [0.0, 1.0])
def test_an_interrupt_is_130_and_one_line(folder, after_s):
    """At once it comes while the spec is written as JSON, in compiled code."""
    large = DESIGN.replace("vectors = 3", "vectors = 20000")
    assert large != DESIGN
    (folder / "die.toml").write_text(large)
    command = [sys.executable, "-m", "mtjspice", "simulate", "die.toml", "--out", "out"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as started:
        until = time.monotonic() + 60
        while not (folder / "out" / "simulations").is_dir() and time.monotonic() < until:
            time.sleep(0.05)
        time.sleep(after_s)
        started.send_signal(signal.SIGINT)
        _, said = started.communicate(timeout=60)
    assert started.returncode == ExitCode.INTERRUPTED == 130
    assert "mtjspice: interrupted; what was finished in the output folder is kept" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("kilobytes", [100_000, 200_000, 500_000, 1_000_000])
def test_too_small_an_address_space_is_the_machines(folder, kilobytes):
    line = f"ulimit -v {kilobytes}; {sys.executable} -m mtjspice netlist spec.toml"
    ended = subprocess.run(
        ["bash", "-c", line], check=False, capture_output=True, text=True, timeout=60
    )
    assert ended.returncode == 3
    assert ONE_LINE.match(ended.stderr)
    assert "ulimit -v" in ended.stderr


def test_the_codes_are_those_that_help_and_readme_name(folder, monkeypatch, capsys, repository):
    monkeypatch.setenv("COLUMNS", "200")
    answer = caller(monkeypatch, capsys)("--help")
    assert answer.code == 0
    readme = (repository / "README.md").read_text()
    for code in ExitCode:
        assert re.search(rf"\b{int(code)}\b", answer.out)
        assert re.search(rf"^\| {int(code)} \|", readme, re.MULTILINE)


@pytest.mark.parametrize(
    "command",
    [
        "run no.toml",
        "layout no.toml",
        "layout spec.toml",  # of something else
        "calibrate no.toml",
        "train no.toml",
        "signoff no --dies no",
        "signoff weights --dies no --spec no.toml",
        "reproduce goodwill2022 --solutions no",
        "reproduce borders2024 --scheduler tcp://x:1",
    ],
)
def test_what_is_missing_is_said_before_torch_is_loaded(folder, command):
    told = "import atexit; atexit.register(lambda: print('torch' in sys.modules))"
    ended = process(*command.split(), before=told)
    assert ended.returncode == ExitCode.BAD_INPUT
    assert ended.stderr.startswith("mtjspice: ")
    assert ended.stdout == "False\n"
