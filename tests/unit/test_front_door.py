"""The names of `mtjspice`: what they load, that types and examples hold, that examples use them."""

import ast
import doctest
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import mtjspice
import mtjspice.nn

HEAVY = {"torch", "PySpice", "numpy", "scipy", "xarray", "pandas", "pydantic", "matplotlib",
         "sklearn", "rich", "netCDF4"}  # fmt: skip
NAMES = [name for name in mtjspice.__all__ if not name.startswith("_")]


def loaded_by(statements: str) -> set[str]:
    """Which heavy libraries a fresh process has after some statements."""
    script = f"{statements}\nimport sys\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=300
    )
    return HEAVY & set(done.stdout.split())


def test_the_front_door_loads_nothing():
    assert loaded_by("import mtjspice, mtjspice.nn, mtjspice.errors") == set()


def test_help_loads_nothing_numerical():
    assert loaded_by("import mtjspice.cli") - {"rich"} == set()


def test_a_simulation_loads_no_more_than_it_needs():
    loaded = loaded_by("import mtjspice.tables\nfrom mtjspice import simulate, read_spec")
    assert loaded & {"torch", "scipy", "matplotlib", "PySpice", "sklearn"} == set()
    assert "xarray" in loaded


@pytest.mark.parametrize("module", [mtjspice, mtjspice.nn], ids=lambda module: module.__name__)
def test_type_checkers_see_the_names_that_there_are(module):
    tree = ast.parse(Path(module.__file__).read_text())
    (block,) = (node for node in tree.body if isinstance(node, ast.If)
                and ast.unparse(node.test) == "TYPE_CHECKING")  # fmt: skip
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    seen = {(alias.asname, node.module) for node in imports for alias in node.names}
    assert seen == set(module._HOME.items())
    assert all(alias.asname == alias.name for node in imports for alias in node.names)
    assert (
        set(dir(module))
        == set(module.__all__)
        == set(module._HOME) | ({"__version__"} if module is mtjspice else set())
    )
    for name in module.__all__:
        assert getattr(module, name) is not None


def test_there_are_some_fifty_names_and_no_others():
    assert 40 <= len(NAMES) <= 55
    for module in (mtjspice, mtjspice.nn):
        with pytest.raises(AttributeError, match="has no attribute 'simulat'"):
            module.simulat  # noqa: B018


def test_types_travel_in_the_package():
    assert (Path(mtjspice.__file__).parent / "py.typed").exists()


def example_of(name: str, module=mtjspice) -> doctest.DocTest:
    """The example in the docstring of a name."""
    doc = inspect.getdoc(getattr(module, name)) or ""
    return doctest.DocTestParser().get_doctest(doc, {}, name, None, 0)


def examples() -> list:
    """Every name, marked by what its example says that it takes."""
    found = []
    for name in NAMES:
        doc = inspect.getdoc(getattr(mtjspice, name)) or ""
        marks = [pytest.mark.ngspice] if re.search(r"# .*with SPICE", doc) else []
        marks += [pytest.mark.slow] if re.search(r"# slow", doc) else []
        found.append(pytest.param(name, id=name, marks=marks))
    return found


@pytest.fixture
def checkout(repository, tmp_path, monkeypatch) -> Path:
    """A folder that has the examples, and room for output."""
    (tmp_path / "examples").symlink_to(repository / "examples")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", examples())
def test_every_name_has_an_example_that_runs(checkout, name):
    example = example_of(name)
    code = [one.source for one in example.examples]
    assert any(re.search(rf"import.*\b{name}\b", line) for line in code)
    assert len(code) >= 2
    said: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    assert runner.run(example, out=said.append).failed == 0, "".join(said)


@pytest.mark.parametrize("name", ["Coding", "Converted", "DieStatistics", "Surrogate", "convert"])
def test_the_names_that_work_on_tensors_have_examples_that_run(checkout, name):
    said: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    ran = runner.run(example_of(name, mtjspice.nn), out=said.append)
    assert ran.attempted >= 2
    assert ran.failed == 0, "".join(said)


def test_examples_that_are_wrong_are_noticed():
    wrong = doctest.DocTestParser().get_doctest(">>> 1 + 1\n3\n", {}, "wrong", None, 0)
    assert doctest.DocTestRunner().run(wrong, out=lambda _: None).failed == 1


@pytest.mark.ngspice
def test_the_readme_begins_with_lines_that_run(repository, checkout, capsys):
    text = (repository / "README.md").read_text()
    code = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    assert code is not None
    assert text[: code.start()].count("\n") < 30
    assert len([line for line in code[1].split("\n") if line]) <= 10
    exec(compile(code[1], "README.md", "exec"), {})
    first, second = capsys.readouterr().out.splitlines()
    assert float(first.split()[2]) < 1e-6
    assert 0 < int(re.findall(r"(\d+) %", second)[0]) < 50


def imported(path: Path) -> set[str]:
    """The modules of ours that a file imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.ImportFrom(module=str(module)):
                found |= {f"{module}.{a.name}" if module == "mtjspice" else module
                          for a in node.names}  # fmt: skip
            case ast.Import(names=names):
                found |= {alias.name for alias in names}
    return {module for module in found if module.split(".")[0] == "mtjspice"}


def test_examples_use_the_front_door_only(repository):
    allowed = {f"mtjspice.{name}" for name in NAMES} | {"mtjspice", "mtjspice.spec", "mtjspice.nn"}
    scripts = sorted((repository / "examples").rglob("*.py"))
    assert len(scripts) >= 8
    assert {str(path): imported(path) - allowed for path in scripts} == {
        str(path): set() for path in scripts
    }


def test_the_back_door_would_be_seen(tmp_path):
    script = tmp_path / "script.py"
    script.write_text("def f():\n    from mtjspice.collect import die\n")
    assert imported(script) == {"mtjspice.collect"}
