"""What comes of files and command lines that mean harm, or are merely wrong.

The parts are those of tests/fuzz: attacks on every kind of input beside clean files of every kind,
damaged results in a store, random command lines; and the named faults of tests/mutants.py, which a
test has to see. What is not as it should be is listed on stderr.

    python benchmarks/guests.py [--quick] [--only attacks results commands mutants]
"""

import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from promises import in_parts

# isort: split
from fuzz.attack import Field
from fuzz.attacks import attacks, some_of_each
from fuzz.clean import refusals, shared_data
from fuzz.flips import flip_bits
from fuzz.folders import KINDS, SPECS
from fuzz.lines import run_lines

from mtjspice.spec import Experiment, parse_spec
from mtjspice.verdicts.figures import Figure, at_least, at_most

ATTACKS, FLIPS, LINES = 300, 2400, 1500
"""So many are promised to be tried; of the damages to results nine in ten are single bits."""
SEED = 20_000
"""Of the first command line; tests have others."""
JOBS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2


def hostile(quick: bool) -> Sequence[Figure]:
    """Attacks that are neither refused nor without effect; clean files that are refused."""
    some = some_of_each(8) if quick else attacks()
    with Field(KINDS, JOBS).opened() as field:
        tried = field.try_all(some)
    bad = [str(one) for one in tried if not one.withstood]
    clean, refused = refusals(whole=not quick)
    _tell("attack", bad)
    _tell("clean file", refused)
    kinds = ", ".join(sorted({one.kind for one in some}))
    how = f"each by the real command line in a folder of its own; {kinds}"
    count = {one: sum(t.outcome == one for t in tried) for one in ("refused", "without effect")}
    outcomes = f"{count['refused']} refused, {count['without effect']} without effect"
    data = "with" if shared_data() else "without"
    ours = (
        f"{clean} libraries, specs, cards, weights, maps of ours, also in other encodings, {data} "
    )
    ours += "FreePDK45"
    return (
        at_least("attack texts tried", len(tried), ATTACKS, "", how),
        at_most("attacks neither refused nor without effect", len(bad), 0, "", outcomes),
        at_most("clean files refused", len(refused), 0, "", ours),
    )


def results(_: bool) -> Sequence[Figure]:
    """Damaged results that are used as if they were right."""
    experiment = parse_spec('observe = "cells"\n' + SPECS["array.toml"], Experiment)
    with tempfile.TemporaryDirectory() as store:
        found = flip_bits(experiment, Path(store), FLIPS, 1)
    _tell("damaged result", found.wrong)
    how = (
        f"one stored result, damaged and asked for again: {found.simulated} simulated again, "
        f"{found.harmless} harmless; nine in ten are single bits"
    )
    return (
        at_least(
            "bit flips and other damages of stored results tried", found.tried, FLIPS, "", how
        ),
        at_most("damaged results used wrongly", found.used_wrongly, 0, "", how),
    )


def commands(quick: bool) -> Sequence[Figure]:
    """Random command lines that end in other ways than they should."""
    asked = run_lines(range(SEED, SEED + (200 if quick else LINES)), JOBS)
    late = [one for one in asked if one.fault == "past its limit"]
    raw = [one for one in asked if one.fault and one not in late]
    _tell("command line", [str(one) for one in (*late, *raw)])
    taken = sum(one.ran.code in (0, 1, 4) for one in asked)
    slowest = max(asked, key=lambda one: one.ran.seconds)
    how = f"{taken} did their work, {sum(one.ran.code == 2 for one in asked)} were refused"
    limits = (
        f"the longest took {slowest.ran.seconds:.0f} s; limits are 60 to 300 s, {JOBS} at a time"
    )
    return (
        at_least("command lines tried", len(asked), None if quick else LINES, "", how),
        at_most("command lines that end in a traceback or without a reason", len(raw), 0, "", how),
        at_most("command lines that run past their limit", len(late), 0, "", limits),
    )


def mutants(_: bool) -> Sequence[Figure]:
    """Faults put in on purpose that no test sees."""
    from mutants import run_all  # noqa: PLC0415, of the tests

    tried = run_all()
    alive = [one.name for one in tried if not one.killed]
    _tell("mutant", alive)
    how = f"{len(tried)} faults, each put in alone while its test runs (tests/mutants.py)"
    return (at_most("named mutants still alive", len(alive), 0, "", how),)


def _tell(what: str, bad: Sequence[str], most: int = 30) -> None:
    for one in bad[:most]:
        print(f"{what}: {one}", file=sys.stderr)
    if len(bad) > most:
        print(f"{what}: and {len(bad) - most} more", file=sys.stderr)


if __name__ == "__main__":
    in_parts(
        "guests: files of others, damaged results, random command lines",
        {"attacks": hostile, "results": results, "commands": commands, "mutants": mutants},
        quick=("attacks", "results", "commands"),
    )
