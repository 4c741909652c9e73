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
RUNS: Mapping[str, tuple[Sequence[str], Sequence[str]]] = {
    "wine": (("run", "examples/wine/experiment.toml"), ("report.json",)),
    "goodwill2022": (
        ("reproduce", "goodwill2022", "--quick", "--signoff"),
        ("report.json", "signoff/report.json"),
    ),
    "borders2024": (
        ("reproduce", "borders2024", "--quick", "--digits", "--signoff"),
        ("report.json", "signoff/report.json"),
    ),
    "gated25": (("layout", "examples/gated25/layout.toml", "--quick"), ("report.json",)),
}
"""By name: the command without its output folder, and the reports that it leaves there."""
CHANGES = ("wall time", "minutes")
"""In names of figures that differ from run to run."""
NETLISTS = "netlists"


def figures_of(tree: Path, name: str, out: Path) -> Values:
    """Values of a run's figures, by report and name, as the tree computes them."""
    command, reports = RUNS[name]
    ran = subprocess.run(
        [sys.executable, "-m", "mtjspice", *command, "--out", str(out)],
        cwd=tree, env=os.environ | {"PYTHONPATH": str(tree)}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    found: dict[str, object] = {}
    for report in reports:
        if not (out / report).is_file():
            raise SystemExit(
                f"{tree}: mtjspice {' '.join(command)}: {ran.returncode}\n{ran.stderr}"
            )
        for figure in json.loads((out / report).read_text())["figures"]:
            # What SPICE says was said to be ngspice's before there was a seam for simulators.
            key = figure["name"].replace("ngspice", "SPICE")
            if not any(word in f"{key} {figure.get('unit')}" for word in CHANGES):
                found[f"{report}: {key}"] = figure["value"]
    return found


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
