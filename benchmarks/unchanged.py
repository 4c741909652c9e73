"""Figures of whole runs, now and at an earlier commit: what a rebuilding must not move.

The earlier commit is checked out beside this one, and both run the same commands with the same
seeds. Every figure that a limit can hold is compared, digit by digit; netlists that are kept are
compared byte by byte. Times are left out. What differs is listed, and is explained or is a bug.

    python benchmarks/unchanged.py COMMIT [--only RUN ...] [--json]

All runs take about half an hour, twice; ``--only wine goodwill2022`` takes some minutes.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from promises import REPOSITORY, main

from mtjspice.verdicts.figures import Figure, at_most

Values = Mapping[str, object]
RUNS: Mapping[str, tuple[Sequence[str], str]] = {
    "wine": (("run", "examples/wine/experiment.toml"), "report.json"),
    "goodwill2022": (("reproduce", "goodwill2022", "--quick"), "report.json"),
    "goodwill2022-signoff": (
        ("reproduce", "goodwill2022", "--quick", "--signoff"),
        "signoff/report.json",
    ),
    "borders2024": (("reproduce", "borders2024", "--quick", "--digits"), "report.json"),
    "borders2024-signoff": (
        ("reproduce", "borders2024", "--quick", "--digits", "--signoff"),
        "signoff/report.json",
    ),
    "gated25": (("layout", "examples/gated25/layout.toml", "--quick"), "report.json"),
}
"""By name: the command without its output folder, and the report that it leaves there."""
CHANGES = ("wall time", "minutes")
"""In names of figures that differ from run to run."""
NETLISTS = "netlists"


def figures_of(tree: Path, name: str, out: Path) -> Values:
    """Values of a run's figures, by name, as the tree computes them."""
    command, report = RUNS[name]
    ran = subprocess.run(
        [sys.executable, "-m", "mtjspice", *command, "--out", str(out)],
        cwd=tree, env=os.environ | {"PYTHONPATH": str(tree)}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    if not (out / report).is_file():
        raise SystemExit(f"{tree}: mtjspice {' '.join(command)}: {ran.returncode}\n{ran.stderr}")
    # What SPICE says was said to be ngspice's before there was a seam for simulators.
    found = {
        figure["name"].replace("ngspice", "SPICE"): figure
        for figure in json.loads((out / report).read_text())["figures"]
    }
    return {
        name: figure["value"]
        for name, figure in found.items()
        if not any(word in f"{name} {figure.get('unit')}" for word in CHANGES)
    }


def compared(name: str, before: Values, after: Values) -> Figure:
    """How many figures differ; each that does is listed on stderr."""
    names = sorted(before.keys() | after.keys())
    differ = [key for key in names if before.get(key) != after.get(key)]
    for key in differ:
        print(f"{name}: {key}: {before.get(key)} before, {after.get(key)} now", file=sys.stderr)
    return at_most(f"{name}: figures that differ", len(differ), 0, "", f"of {len(names)}")


def netlists(earlier: Path) -> Figure:
    """Golden netlists whose bytes differ."""
    sides = [
        {
            str(path.relative_to(tree)): path.read_bytes()
            for path in (tree / NETLISTS).rglob("*.cir")
        }
        for tree in (earlier, REPOSITORY)
    ]
    differ = [key for key in sides[0] if sides[0][key] != sides[1].get(key)]
    for key in differ:
        print(f"netlists: {key} differs", file=sys.stderr)
    how = f"of {len(sides[0])} there were; {len(sides[1])} now"
    return at_most("golden netlists that differ", len(differ), 0, "", how)


def measure(commit: str, runs: Sequence[str]) -> list[Figure]:
    """Every run at both commits."""
    with tempfile.TemporaryDirectory() as made:
        earlier, git = Path(made) / "earlier", ["git", "-C", str(REPOSITORY), "worktree"]
        subprocess.run([*git, "add", "--detach", earlier, commit], check=True, capture_output=True)
        try:
            figures = [netlists(earlier)]
            for name in runs:
                values = [
                    figures_of(tree, name, Path(made) / side / name)
                    for side, tree in (("before", earlier), ("now", REPOSITORY))
                ]
                figures.append(compared(name, *values))
        finally:
            subprocess.run([*git, "remove", "--force", earlier], check=True, capture_output=True)
    return figures


if __name__ == "__main__":
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("commit")
    parser.add_argument("--only", nargs="+", choices=list(RUNS), default=list(RUNS))
    given, sys.argv[1:] = parser.parse_known_args()
    main(f"figures since {given.commit}", lambda: measure(given.commit, given.only))
