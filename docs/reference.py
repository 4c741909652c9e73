"""Write what is made from the code itself: docs/api.md and the schemas of specs in docs/schemas.

    python docs/reference.py --write | --check

``--check`` is part of `make lint`: a difference means that a docstring or a spec was changed.
"""

import difflib
import inspect
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import mtjspice
import mtjspice.nn
from mtjspice.spec.described import KINDS, schema_of

HERE = Path(__file__).parent
HEAD = """# Python

Made from the docstrings by `python docs/reference.py --write`.

Each name is imported when it is first used: `import mtjspice` loads neither torch nor a simulator.
Quantities are numbers in SI units (temperatures in °C); files and folders are named by text or by
`pathlib.Path`; results of simulations are `xarray.Dataset`s. Other parts of specs are in
`mtjspice.spec`; [specs.md](specs.md) and `mtjspice spec KIND` say what their keys are. Examples run
in the folder of the repository; those that say "with ngspice" need it, those that say "slow" take a
minute or more.
"""
SECTIONS = {
    "Read, simulate, judge": ("mtjspice.front", "mtjspice.collect", "mtjspice.layout"),
    "Networks, cards and dies": ("mtjspice.data", "mtjspice.device", "mtjspice.surrogate"),
    "Circuits": ("mtjspice.netlist",),
    "Specs": ("mtjspice.spec",),
    "Figures, verdicts and errors": ("mtjspice.verdicts", "mtjspice.errors"),
}
"""Headings of names, by the packages that they come from."""


def api() -> str:
    """The text of api.md."""
    names = [name for name in mtjspice.__all__ if not name.startswith("_")]
    parts = [HEAD]
    for title, homes in SECTIONS.items():
        chosen = [n for n in names if getattr(mtjspice, n).__module__.startswith(homes)]
        names = [name for name in names if name not in chosen]
        parts += [f"## {title}\n", *(entry(mtjspice, name) for name in chosen)]
    if names:
        raise SystemExit(f"no section of docs/api.md has {', '.join(names)}")
    about = inspect.cleandoc(mtjspice.nn.__doc__ or "")
    parts += [
        "## mtjspice.nn\n",
        text(about),
        *(entry(mtjspice.nn, n) for n in mtjspice.nn.__all__),
    ]
    return "\n".join(parts)


def entry(module: ModuleType, name: str) -> str:
    """What there is to say of one name."""
    thing = getattr(module, name)
    heading = f"{module.__name__}.{name}"
    if inspect.isfunction(thing):
        heading += signature(thing)
    return f"### {name}\n\n```python\n{heading}\n```\n\n{text(inspect.getdoc(thing) or '')}"


def signature(function: object) -> str:
    """The arguments of a function, without their types: the docstring says what they are."""
    parameters = inspect.signature(function).parameters.values()  # type: ignore[arg-type]
    plain = [p.replace(annotation=p.empty) for p in parameters]
    return str(inspect.Signature(plain))


def text(doc: str) -> str:
    """A docstring as Markdown: lists of arguments as lists, examples as code."""
    lines, section = [], ""
    for line in doc.split("\n"):
        if re.fullmatch("(Args|Attributes|Raises|Returns|Example):", line):
            section = line[:-1]
            lines += [f"**{section}**", ""]
            if section == "Example":
                lines.append("```python")
        elif section in {"Args", "Attributes", "Raises"} and (
            found := re.fullmatch(r"    ([\w, ]+): (.*)", line)
        ):
            lines.append(f"- `{found[1]}`: {found[2]}")
        else:
            lines.append(line.strip() if section in {"Args", "Attributes", "Raises"} else
                         line.removeprefix("    ") if section else line)  # fmt: skip
    if section == "Example":
        lines.append("```")
    return "\n".join(lines).rstrip() + "\n"


def texts() -> dict[Path, str]:
    """The text of every file."""
    schemas = {
        HERE / "schemas" / f"{name}.json": json.dumps(
            schema_of(kind), indent=1, ensure_ascii=False, allow_nan=False
        )
        + "\n"
        for name, kind in KINDS.items()
    }
    return {HERE / "api.md": api()} | schemas


def main(arguments: Sequence[str]) -> int:
    """Write or check; the exit code."""
    if arguments == ["--write"]:
        for path, content in texts().items():
            path.parent.mkdir(exist_ok=True)
            path.write_text(content, encoding="utf-8")
        return 0
    if arguments == ["--check"]:
        found = []
        for path, content in texts().items():
            kept = path.read_text(encoding="utf-8") if path.exists() else ""
            found += difflib.unified_diff(
                kept.splitlines(), content.splitlines(), f"{path} (kept)", f"{path} (now)",
                lineterm="", n=1,
            )  # fmt: skip
        sys.stdout.writelines(f"{line}\n" for line in found)
        if found:
            sys.stdout.write("the reference differs from the code; write it with: make reference\n")
        return 1 if found else 0
    sys.stderr.write("usage: python docs/reference.py --write | --check\n")
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
