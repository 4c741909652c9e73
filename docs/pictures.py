"""Make the pictures of the README and of docs/borders2024.md from runs that lie in ``out/``.

    python docs/pictures.py [--mnist DIR]

What is not there yet is run: seconds for the Wine example, a quarter of an hour for borders2024,
which is left out without MNIST.
"""

import argparse
from pathlib import Path

from mtjspice.report import borders_plots
from mtjspice.report.borders import UNAWARE
from mtjspice.report.plots import accuracy_plot, delivered_plot
from mtjspice.reproduce.borders import shipped_spec
from mtjspice.reproduce.borders_runs import explore
from mtjspice.run import run_study
from mtjspice.spec import Study, read_spec

HERE = Path(__file__).parent
OUT = HERE.parent / "out"


def wine() -> dict[str, str]:
    """The example of `make run`."""
    study = read_spec(HERE.parent / "examples" / "wine" / "experiment.toml", Study)
    comparison = run_study(study, OUT / "wine").comparison
    return {
        "wine_accuracy": accuracy_plot(study.readout.g_norm, comparison),
        "wine_voltage": delivered_plot(comparison.delivered),
    }


def borders(mnist: Path) -> dict[str, str]:
    """The published experiment on dies with defects."""
    found = explore(shipped_spec(), OUT / "borders2024", mnist, 2, lambda *_: None)
    base = float(100 * found.software[UNAWARE].mean())
    return {
        "borders_dies": borders_plots.dies_plot(found, base),
        "borders_defects": borders_plots.defects_plot(found, base),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mnist", type=Path, help="folder of MNIST")
    given = parser.parse_args()
    for name, svg in (wine() | (borders(given.mnist) if given.mnist else {})).items():
        (HERE / f"{name}.svg").write_text(svg, encoding="utf-8")
