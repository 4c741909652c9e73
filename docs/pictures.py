"""Make the pictures of the README and of docs/*.md from runs that lie in ``out/``.

    python docs/pictures.py [--mnist DIR] [--layouts | --signoff]

What is not there yet is run: seconds for the Wine example, some minutes for the layouts, a quarter
of an hour for borders2024 and half an hour for its sign-off, which are left out without MNIST.
"""

import argparse
from pathlib import Path

from mtjspice.layout.page_front import front
from mtjspice.layout.run import run_layout
from mtjspice.reproduce.borders2024 import plots as borders_plots
from mtjspice.reproduce.borders2024.findings import UNAWARE
from mtjspice.reproduce.borders2024.run import shipped_spec
from mtjspice.reproduce.borders2024.runs import explore
from mtjspice.reproduce.subjects import borders_subject, shipped_signoff
from mtjspice.signoff.page_plots import margins_plot
from mtjspice.signoff.run import run_signoff
from mtjspice.spec import Layout, Study, read_spec
from mtjspice.study.plots import accuracy_plot, delivered_plot
from mtjspice.study.run import run_study

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


def signoff(mnist: Path) -> dict[str, str]:
    """The sign-off of borders2024 on its 36 dies."""
    folder = OUT / "borders2024"
    subject = borders_subject(folder, mnist=mnist)
    story = run_signoff(subject, shipped_signoff("borders2024"), folder / "signoff")
    return {"signoff_margins": margins_plot(story.judged[0].dies, "image")}


def layouts() -> dict[str, str]:
    """The front page of both worked examples of docs/layout.md, from quick runs."""
    pictures = {}
    for name in ("passive15", "gated64"):
        layout = read_spec(HERE.parent / "examples" / name / "layout.toml", Layout)
        story = run_layout(layout, OUT / name, quick=True)
        for what, one in zip(("cells", "margins", "sizes"), front(story), strict=True):
            pictures[f"layout_{name}_{what}"] = one.picture
    return pictures


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mnist", type=Path, help="folder of MNIST")
    parser.add_argument("--layouts", action="store_true", help="the layouts, and nothing else")
    parser.add_argument("--signoff", action="store_true", help="the sign-off, and nothing else")
    given = parser.parse_args()
    if given.layouts:
        made = layouts()
    elif given.signoff:
        made = signoff(given.mnist)
    else:
        made = wine() | (borders(given.mnist) | signoff(given.mnist) if given.mnist else {})
    for name, svg in made.items():
        (HERE / f"{name}.svg").write_text(svg, encoding="utf-8")
