"""How the house is built: where kinds are asked for, simulators named, lines repeated.

The package is read as text and as syntax trees, and the history as git tells it; what is run is one
import, two commands and two type checkers.

    python benchmarks/house.py [--json]
"""

import ast
import json
import re
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from statistics import median

from promises import REPOSITORY, main

from mtjspice.spec.defects import DEFECTS
from mtjspice.verdicts.figures import Figure, at_most

PACKAGE = REPOSITORY / "mtjspice"
KINDS = {
    "PassiveCell", "GatedCell", "TransmissionGateCell", "SelectorCell",
    "VirtualGround", "TransimpedanceAmplifier", "SenseAmplifier",
}  # fmt: skip
"""Classes of cells and read-outs."""
FEATURES = {
    "study": "study", "layout": "layout", "calibrate": "calibration", "signoff": "signoff",
    "goodwill2022": "goodwill", "borders2024": "borders",
}  # fmt: skip
"""Features, and the word in the names of files about each."""
STARTS = 7
"""Of a command whose time is taken."""
RUN = 6
"""Lines of a run that counts as repeated."""
LONG_MODULE, LONG_FUNCTION = 400, 60
TOUCHED = {
    "a kind of cell (selector)": ("6ad13d1", 4),
    "a simulator (Xyce)": ("1289c12", 5),
    "a kind of defect (weak junction)": ("c053225", 4),
}
"""What was added, in which commit, and how many files of the package that may touch."""
USERS = REPOSITORY / "tests" / "typed"
"""Scripts of users, one of them with faults that say so."""


@cache
def modules() -> Mapping[str, str]:
    """Text of every module, by its path in the package."""
    return {
        str(path.relative_to(PACKAGE)): path.read_text(encoding="utf-8")
        for path in sorted(PACKAGE.rglob("*.py"))
    }


@cache
def trees() -> Mapping[str, ast.Module]:
    """The same, parsed."""
    return {name: ast.parse(text) for name, text in modules().items()}


def found_in(names: Sequence[str]) -> str:
    """Places, each with how often, the most frequent first."""
    counts: dict[str, int] = defaultdict(int)
    for name in names:
        counts[name] += 1
    ranked = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    return ", ".join(f"{name} {count}" if count > 1 else name for name, count in ranked)


def kinds_asked_for() -> list[Figure]:
    """`isinstance` on kinds of cells and read-outs."""
    places = [
        name
        for name, tree in trees().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "isinstance"
        and any(isinstance(n, ast.Name) and n.id in KINDS for n in ast.walk(node.args[1]))
    ]
    elsewhere = [name for name in places if not name.startswith(("netlist/", "solver/"))]
    return [
        at_most("isinstance on kinds of cells and read-outs", len(places), 15, "",
                found_in(places)),
        at_most("of these outside of netlist/ and solver/", len(elsewhere), 0, "",
                found_in(elsewhere)),
    ]  # fmt: skip


def defects_named() -> list[Figure]:
    """Modules in which a kind of defect stands as text."""
    named = [
        name
        for name, tree in trees().items()
        if any(isinstance(n, ast.Constant) and n.value in DEFECTS for n in ast.walk(tree))
    ]
    return [at_most("modules that name a kind of defect", len(named), 2, "", found_in(named))]


def loops_over_layers() -> list[Figure]:
    """Loops over layers or their tiles that hand a value from one to the next."""
    places = [
        f"{name}:{node.lineno}"
        for name, tree in trees().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.For) and _over_layers(node.iter) and _hands_on(node)
    ]
    how = ", ".join(places)
    return [at_most("loops that send values through layers", len(places), 3, "", how)]


def _over_layers(iterated: ast.expr) -> bool:
    names = {n.attr for n in ast.walk(iterated) if isinstance(n, ast.Attribute)}
    names |= {n.id for n in ast.walk(iterated) if isinstance(n, ast.Name)}
    return bool(names & {"layers", "tiles", "depth"})


def _hands_on(loop: ast.For) -> bool:
    """Whether a plain name is given a value from what a call makes of its earlier one."""
    for node in ast.walk(loop):
        if not isinstance(node, ast.Assign):
            continue
        given = {
            n.id for t in node.targets for n in ast.walk(t)
            if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
        }  # fmt: skip
        read = {
            n.id for n in ast.walk(loop)
            if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)
            and n.lineno <= node.lineno and any(n is m for m in ast.walk(loop))
        }  # fmt: skip
        calls = any(isinstance(n, ast.Call) for n in ast.walk(node.value))
        if calls and given & read:
            return True
    return False


def simulator_named() -> list[Figure]:
    """Modules that say the name of a simulator."""
    named = [name for name, text in modules().items() if "ngspice" in text.lower()]
    return [at_most("modules that say ngspice", len(named), 12, "", found_in(named))]


def folders_of_features() -> list[Figure]:
    """Folders of the package, `spec` among them, with files of each feature."""
    figures = []
    for feature, word in FEATURES.items():
        folders = set()
        for name in modules():
            folder, _, file = name.rpartition("/")
            own = feature in folder.split("/")
            about = folder and folder != "reproduce" and re.search(rf"(^|_){word}", file)
            if own or about:
                folders.add(folder)
        figures.append(
            at_most(f"folders of {feature}", len(folders), 2, "", ", ".join(sorted(folders)))
        )
    return figures


def circles() -> list[Figure]:
    """Modules that import each other, by way of others or not."""
    names = {_dotted(name): name for name in modules()}
    needs = {name: _imported(tree, names) for name, tree in trees().items()}
    seen: set[frozenset[str]] = set()
    for name in needs:
        behind = _reached(name, needs)
        circle = frozenset(other for other in behind if name in _reached(other, needs))
        if name in behind:
            seen.add(circle)
    how = "; ".join(", ".join(sorted(one)) for one in seen) or "imports for type checkers count"
    return [at_most("circles of imports", len(seen), 0, "", how)]


def _dotted(name: str) -> str:
    return "mtjspice." + name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _imported(tree: ast.Module, names: Mapping[str, str]) -> set[str]:
    """Modules of the package that are imported at the top of a module."""
    found = set()
    for node in tree.body:
        for one in ast.walk(node) if isinstance(node, ast.If) else [node]:
            if isinstance(one, ast.ImportFrom) and one.module:
                for alias in one.names:
                    inner = f"{one.module}.{alias.name}"
                    found |= {names[n] for n in (inner, one.module) if n in names}
    return {name for name in found if not name.endswith("__init__.py")}


def _reached(name: str, needs: Mapping[str, set[str]]) -> set[str]:
    seen: set[str] = set()
    waiting = list(needs[name])
    while waiting:
        one = waiting.pop()
        if one not in seen:
            seen.add(one)
            waiting += needs[one]
    return seen


def lengths() -> list[Figure]:
    """Long modules and functions, and all lines."""
    long = [f"{n} {t.count(chr(10))}" for n, t in modules().items() if t.count("\n") > LONG_MODULE]
    functions = [
        f"{name}:{node.name} {1 + (node.end_lineno or node.lineno) - node.lineno}"
        for name, tree in trees().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and 1 + (node.end_lineno or node.lineno) - node.lineno > LONG_FUNCTION
    ]
    lines = sum(text.count("\n") for text in modules().values())
    return [
        at_most(f"modules over {LONG_MODULE} lines", len(long), 0, "", ", ".join(long)),
        at_most(f"functions over {LONG_FUNCTION} lines", len(functions), 3, "",
                ", ".join(functions)),
        at_most("lines of the package", lines, None, "", f"{len(modules())} modules"),
    ]  # fmt: skip


def repeated() -> list[Figure]:
    """Runs of six lines or more that stand in two places, but for blanks and imports."""
    places: dict[tuple[str, ...], list[tuple[str, int]]] = defaultdict(list)
    code = {name: list(_lines_of_code(name)) for name in modules()}
    for name, lines in code.items():
        for k in range(len(lines) - RUN + 1):
            places[tuple(text for _, text in lines[k : k + RUN])].append((name, k))
    twice = {where for found in places.values() if len(found) > 1 for where in found[1:]}
    starts = sorted(one for one in twice if (one[0], one[1] - 1) not in twice)
    how = ", ".join(f"{name}:{code[name][k][0]}" for name, k in starts)
    return [at_most(f"repeated runs of {RUN} lines", len(starts), 15, "", how)]


def _lines_of_code(name: str) -> Iterator[tuple[int, str]]:
    """Number and text of the lines that do something; docstrings, comments and imports do not."""
    skipped: set[int] = set()
    for node in ast.walk(trees()[name]):
        text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if text or isinstance(node, ast.Import | ast.ImportFrom):
            skipped |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    for number, line in enumerate(modules()[name].splitlines(), start=1):
        text = line.strip()
        if number not in skipped and text and not text.startswith("#"):
            yield number, text


def imports() -> list[Figure]:
    """What `import mtjspice` brings with it."""
    code = "import sys, mtjspice; print(*{m.split('.')[0] for m in sys.modules})"
    done = subprocess.run(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=True
    )
    heavy = sorted({"torch", "PySpice", "xarray", "scipy"} & set(done.stdout.split()))
    return [at_most("heavy libraries that import mtjspice loads", len(heavy), 0, "",
                    ", ".join(heavy) or "of torch, PySpice, xarray, scipy")]  # fmt: skip


def commands() -> list[Figure]:
    """How long a user waits for the first page of help, and for a small array in SPICE."""
    array = str(REPOSITORY / "examples" / "array" / "array.toml")
    figures = []
    with tempfile.TemporaryDirectory() as folder:
        for what, arguments, limit in (
            ("mtjspice --help", ["--help"], 0.4),
            ("mtjspice simulate of a small array", ["simulate", array, "--out", "result"], 2.0),
        ):
            seconds = []
            for _ in range(STARTS):
                start = time.perf_counter()
                subprocess.run(
                    [sys.executable, "-m", "mtjspice", *arguments],
                    cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                    check=True,
                )  # fmt: skip
                seconds.append(time.perf_counter() - start)
            how = f"median of {STARTS}, the slowest took {max(seconds):.2f} s"
            figures.append(at_most(what, round(median(seconds), 3), limit, "s", how))
    return figures


def touched() -> list[Figure]:
    """Files of the package that the commit of an addition changed or added."""
    figures = []
    for what, (commit, limit) in TOUCHED.items():
        names = _printed(
            "git", "-C", str(REPOSITORY), "show", "--format=", "--name-only", commit, "--",
            "mtjspice",
        ).split()  # fmt: skip
        figures.append(at_most(f"files that {what} touched", len(names), limit, "",
                               f"{commit}: {', '.join(names)}"))  # fmt: skip
    return figures


def faults_found() -> list[Figure]:
    """Faults in a script of a user that type checkers miss, and what they say of right lines."""
    faults = {
        (path.name, number)
        for path in USERS.glob("*.py")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if "# fault:" in line
    }
    scripts = [str(path) for path in sorted(USERS.glob("*.py"))]
    with tempfile.TemporaryDirectory() as folder:
        said = _printed(
            sys.executable, "-m", "mypy", "--strict", "--config-file=", "--cache-dir", folder,
            *scripts,
        )  # fmt: skip
    by_mypy = [(n, int(k)) for n, k in re.findall(r"(\w+\.py):(\d+): error:", said)]
    said = _printed(
        sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable, *scripts
    )
    by_pyright = [
        (one["file"].rpartition("/")[2], one["range"]["start"]["line"] + 1)
        for one in json.loads(said)["generalDiagnostics"]
    ]
    figures = []
    for name, found in (("mypy", by_mypy), ("pyright", by_pyright)):
        wrong = len(faults ^ set(found))
        figures.append(at_most(f"planted faults missed or invented by {name}", wrong, 0, "",
                               f"{len(faults & set(found))} of {len(faults)} found"))  # fmt: skip
    return figures


def _printed(*command: str) -> str:
    """What a program prints, whatever its exit status."""
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False).stdout


def measure() -> list[Figure]:
    """All figures."""
    parts = (
        kinds_asked_for, defects_named, loops_over_layers, simulator_named, folders_of_features,
        circles, lengths, repeated, imports, commands, touched,
        faults_found,
    )  # fmt: skip
    return [figure for part in parts for figure in part()]


if __name__ == "__main__":
    main("how the house is built", measure)
