"""Make the pictures of the README from a run of the Wine example.

python docs/pictures.py
"""

from pathlib import Path

from mtjspice.report.plots import accuracy_plot, delivered_plot
from mtjspice.run import run_study
from mtjspice.spec import Study, read_spec

here = Path(__file__).parent
study = read_spec(here.parent / "examples" / "wine" / "experiment.toml", Study)
comparison = run_study(study, here.parent / "out" / "wine").comparison
accuracy = accuracy_plot(study.readout.g_norm, comparison)
(here / "wine_accuracy.svg").write_text(accuracy, encoding="utf-8")
(here / "wine_voltage.svg").write_text(delivered_plot(comparison.delivered), encoding="utf-8")
