"""What is held against a truth elsewhere still is: the benchmarks run, in their quick form.

They know the names of findings, and nothing else notices when one is renamed.
"""

import subprocess
import sys

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.ngspice]


@pytest.mark.parametrize("part", ["leakage", "studies", "switching", "verdicts"])
def test_a_part_of_the_truths_holds(part, repository, tmp_path):
    script = repository / "benchmarks" / "truth.py"
    command = [sys.executable, script, "--quick", "--only", part]
    done = subprocess.run(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:]
    assert "│ yes" in done.stdout
