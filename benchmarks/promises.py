"""What the benchmarks share: how they print their figures, and where the data lie."""

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from mtjspice.data.files import write_text
from mtjspice.verdicts.figures import Figure

REPOSITORY = Path(__file__).parent.parent
sys.path.insert(0, str(REPOSITORY / "tests"))  # the reference solver lives there


def shared_data() -> Path | None:
    """The folder of published data; None where this machine has none."""
    named = os.environ.get("MTJSPICE_SHARED_DATA")
    folder = Path(named) if named else REPOSITORY.parent / "shared" / "data"
    return folder if folder.is_dir() else None


@dataclass(frozen=True)
class Measured:
    """Figures, and a picture of them as SVG text."""

    figures: Sequence[Figure]
    picture: str


def in_parts(
    title: str, parts: Mapping[str, Callable[[bool], Iterable[Figure]]], quick: Sequence[str]
) -> None:
    """As `main`, for a benchmark of several parts; ``--only`` names those that are wanted.

    Args:
        title: of the table.
        parts: by name; each is told whether it is to be quick.
        quick: the parts that ``--quick`` runs.
    """
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", nargs="+", choices=list(parts))
    given, rest = parser.parse_known_args()
    sys.argv[1:] = rest

    def measure() -> list[Figure]:
        found: list[Figure] = []
        for name in given.only or (quick if given.quick else list(parts)):
            for f in parts[name](given.quick):  # at once: what comes later may take long, or fail
                print(f"{f.name}: {f.value} {f.unit} {f.limit} ({f.how})", file=sys.stderr)
                found.append(f)
        return found

    main(title, measure)


def main(title: str, measure: Callable[[], Sequence[Figure] | Measured]) -> None:
    """Measure and print: a table, or with ``--json`` one object with the key ``figures``.

    A benchmark that makes a picture writes it to the file named by ``--plot``.
    """
    parser = argparse.ArgumentParser(description=title)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--plot", type=Path, help="write the picture here, if there is one")
    given = parser.parse_args()
    measured = measure()
    figures = measured.figures if isinstance(measured, Measured) else measured
    if given.plot is not None and isinstance(measured, Measured):
        write_text(given.plot, measured.picture)
    if given.json:
        content = {"title": title, "figures": [figure.as_dict() for figure in figures]}
        print(json.dumps(content, indent=1))
        return
    table = Table(title=title)
    table.add_column("figure", ratio=3)
    table.add_column("value", justify="right", no_wrap=True)
    table.add_column("limit", no_wrap=True)
    table.add_column("holds", no_wrap=True)
    table.add_column("how", ratio=4)
    words = {True: "yes", False: "NO", None: ""}
    for f in figures:
        value = f"{f.value:.4g}" if isinstance(f.value, float) else str(f.value)
        table.add_row(f.name, f"{value} {f.unit}", f.limit, words[f.holds], f.how)
    Console(width=160 if not sys.stdout.isatty() else None).print(table)
