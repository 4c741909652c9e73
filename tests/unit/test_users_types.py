"""Type checkers find the faults in a script of a user, and no others."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[1] / "typed"
FAULTS = {
    ("wrong.py", number)
    for number, line in enumerate((SCRIPTS / "wrong.py").read_text().splitlines(), start=1)
    if "# fault:" in line
}


def run(folder: Path, *command: str) -> str:
    """What a program prints, run where nothing of this project's settings counts."""
    done = subprocess.run(
        [sys.executable, "-m", *command, *map(str, sorted(SCRIPTS.glob("*.py")))],
        capture_output=True, text=True, timeout=600, check=False, cwd=folder,
    )  # fmt: skip
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stdout


def test_there_are_three_faults():
    assert len(FAULTS) == 3


@pytest.mark.slow
def test_mypy_finds_the_faults_of_a_user(tmp_path):
    said = run(tmp_path, "mypy", "--strict", "--cache-dir", str(tmp_path))
    errors = re.findall(r"(\w+\.py):(\d+): error:", said)
    assert {(name, int(line)) for name, line in errors} == FAULTS, said
    assert len(errors) == len(FAULTS)


def test_pyright_finds_the_faults_of_a_user(tmp_path):
    said = run(tmp_path, "pyright", "--outputjson", "--pythonpath", sys.executable)
    errors = [
        (Path(one["file"]).name, one["range"]["start"]["line"] + 1)
        for one in json.loads(said)["generalDiagnostics"]
    ]
    assert sorted(errors) == sorted(FAULTS), said
