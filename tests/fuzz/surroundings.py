"""Files that happen to lie in the working folder or at home, and variables: none may matter."""

from collections.abc import Iterator

from fuzz.attack import Attack, Outcome

NONE: tuple[Outcome, ...] = ("without effect",)
RUNS = "import os; os.system('touch @MARKER@')\n"
WORKED = {"array.toml": ("simulate", "array.toml", "--jobs", "1", "--json")}


def surroundings_attacks() -> Iterator[Attack]:
    """All of them; each in a new Python."""
    yield from _simulator()
    yield from _python()
    yield from _settings()


def _attack(name: str, files: dict[str, str], **environment: str) -> Attack:
    content = {path: text.encode() for path, text in files.items()}
    return Attack(name, "surroundings", content, environment=environment, must=NONE, fresh=True)


def _simulator() -> Iterator[Attack]:
    """What ngspice reads at its start."""
    shell, option = "*\nshell touch @MARKER@\n", "*\noption gmin=1e-3\nset ngbehavior=all\n"
    for file in (".spiceinit", "spice.rc", ".spicerc", "spinit", "scripts/spinit", ".ngspicerc",
                 "share/ngspice/scripts/spinit", "ngspice/scripts/spinit", "setplot",
                 "init.d/spinit"):  # fmt: skip
        yield _attack(f"{file} with a command", {file: shell})
        if file in (".spiceinit", "spice.rc", "spinit"):
            yield _attack(f"{file} with an option", {file: option})
    for variable in ("SPICE_SCRIPTS", "SPICE_LIB_DIR", "SPICE_EXEC_DIR", "SPICE_PATH",
                     "SPICE_ASCIIRAWFILE",
                     "NGSPICE_INPUT_DIR", "SPICE_USERINIT", "SPICE_NEWS", "SPICE_HOST",
                     "SPICE_BUGADDR",
                     "SPICE_EDITOR", "SPICE_HELP_DIR", "NGSPICE_MEAS_PRECISION",
                     "SPICE_NO_DATASEG_CHECK"):  # fmt: skip
        files = {"scripts/spinit": shell, "spinit": shell, "share/ngspice/scripts/spinit": shell}
        value = "scripts" if variable in ("SPICE_SCRIPTS", "SPICE_PATH") else "."
        yield _attack(f"{variable} = {value}", files, **{variable: value})
    options = {"scripts/spinit": option, "spinit": option}
    yield _attack("SPICE_SCRIPTS with an option", options, SPICE_SCRIPTS="scripts")


def _python() -> Iterator[Attack]:
    """What Python and its libraries read or import from where they run."""
    for module in ("numpy", "json", "mtjspice", "PySpice", "torch", "sitecustomize",
                   "usercustomize", "site",
                   "typing", "pickle", "cffi", "scipy", "xarray", "random", "signal",
                   "resource"):  # fmt: skip
        yield _attack(f"a module {module}", {f"{module}.py": RUNS})
    for package in ("numpy", "mtjspice", "PySpice"):
        yield _attack(f"a package {package}", {f"{package}/__init__.py": RUNS})
    yield _attack("a start-up file", {"startup.py": RUNS}, PYTHONSTARTUP="startup.py")
    yield _attack("a path file", {"evil.pth": RUNS})
    yield _attack("a configuration of environments", {"pyvenv.cfg": "home = .\n"})
    yield _attack("a project", {"pyproject.toml": "[", "setup.cfg": "[", "conftest.py": RUNS})


def _settings() -> Iterator[Attack]:
    """Settings of libraries."""
    yield _attack("matplotlibrc", {"matplotlibrc": "backend: module://evil\nsvg.hashsalt: x\n",
                                   "evil.py": RUNS,
                                   ".config/matplotlib/matplotlibrc": "nonsense\n"})  # fmt: skip
    yield _attack("Dask's settings", {".config/dask/x.yaml": "distributed: {preload: [evil.py]}\n",
                                      "evil.py": RUNS})  # fmt: skip
    yield _attack("logging", {"logging.conf": "[", "pytest.ini": "["})
    yield _attack("PySpice's logging", {"logging.yml": "nonsense: [", ".PySpice/logging.yml": "["})
    yield _attack(
        "a folder named like an output", {"simulations/x": "", "out/x": "", "result.nc": "x"}
    )
    yield _attack("a terminal that is odd", {}, COLUMNS="1", TERM="nonsense", NO_COLOR="1")
    yield _attack(
        "other numbers", {}, LC_ALL="de_DE.UTF-8", LANG="de_DE.UTF-8", LC_NUMERIC="de_DE.UTF-8"
    )
    yield _attack("no language", {}, LC_ALL="C", LANG="C", PYTHONUTF8="0", PYTHONIOENCODING="utf-8")
    yield _attack("threads", {}, OMP_NUM_THREADS="7", OPENBLAS_NUM_THREADS="3", MKL_NUM_THREADS="5")
    yield _attack(
        "debugging", {}, PYTHONDEVMODE="0", PYTHONHASHSEED="7", PYTHONDONTWRITEBYTECODE="1"
    )
