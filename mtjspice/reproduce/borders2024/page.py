"""Write the report of borders2024: what was found, as ``report.json`` and a page."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

from mtjspice.data.files import write_text
from mtjspice.report.page import inline, render
from mtjspice.reproduce.borders2024 import plots
from mtjspice.reproduce.borders2024.spec import Borders
from mtjspice.spec.die import Die
from mtjspice.spec.toml import format_spec
from mtjspice.verdicts.figures import Figure, Verdict, verdict_of

Floats = npt.NDArray[np.float64]

UNAWARE, AWARE = "unaware", "statistics-aware"
UNAWARE_SHAPED, AWARE_PLAIN = "unaware, redundant shape", "statistics-aware, plain shape"
OWN, OTHERS = "hardware-aware, own die", "hardware-aware, other dies"
RETRAINED = "statistics-aware, trained for the rate"
DEEP = "deep"
TIME = "wall time"
HIGH = 0.003
"""The short rate that the second promise is about."""


@dataclass(frozen=True)
class Judged:
    """Errors of one kind of weights.

    Attributes:
        errors: shares of wrong test samples.
        corrected: the same after the per-die digital correction; None where it was not made.
    """

    errors: Floats
    corrected: Floats | None = None


@dataclass(frozen=True)
class Audit:
    """The same images on the same die in ngspice and at the surrogate's level.

    Attributes:
        images: how many.
        equal: share of equal classes.
        largest: largest difference of an output, in standard deviations of the outputs.
        simulations: tiles simulated.
    """

    images: int
    equal: float
    largest: float
    simulations: int

    @property
    def bound(self) -> float:
        """Least share of equal classes at 95 % confidence, one-sided (Clopper–Pearson)."""
        same = round(self.equal * self.images)
        test = stats.binomtest(same, self.images, alternative="greater")
        return float(test.proportion_ci(0.95, method="exact").low)


@dataclass
class Findings:
    """All that the report rests on. Axes stand behind each line.

    Attributes:
        software: by kind of weights, error without any circuit, [seed].
        dies: by kind of weights, on dies of the reference statistics, [seed or die, die].
        high: the same at 0.3 % shorts, for weights trained for them, [seed, die].
        by_rate: by kind of weights, [short rate, die].
        by_factor: by kind of weights, [factor on all rates, die].
        defects: number of defects of a die, [factor, die].
        along: by kind of weights, mean loss, [draw, share of the draw].
        deep: by kind of weights, [die]; in `software` the unaware one is first.
        audit: in ngspice; None where none was asked for.
        first_die: the first of the dies.
        networks: number of weights trained or found.
        test_samples: that every error is a share of.
        times: wall seconds of each step.
        notes: what had to be made anew, since what was found could not be used.
    """

    software: dict[str, Floats] = field(default_factory=dict)
    dies: dict[str, Judged] = field(default_factory=dict)
    high: Judged | None = None
    by_rate: dict[str, Floats] = field(default_factory=dict)
    by_factor: dict[str, Floats] = field(default_factory=dict)
    defects: Floats = field(default_factory=lambda: np.zeros((0, 0)))
    along: dict[str, Floats] = field(default_factory=dict)
    deep: dict[str, Floats] = field(default_factory=dict)
    audit: Audit | None = None
    first_die: Die = Die()  # noqa: RUF009, frozen
    networks: int = 0
    test_samples: int = 0
    times: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class BordersStory:
    """Everything that the report tells.

    Attributes:
        spec: what was done.
        data: source of the samples.
        tile: rows and columns.
        found: what it rests on.
        figures: the stated numbers.
        warnings: what to know before trusting them.
        versions: of all that computed.
    """

    spec: Borders
    data: str
    tile: tuple[int, int]
    found: Findings
    figures: list[Figure]
    warnings: list[str]
    versions: dict[str, str]

    @property
    def verdict(self) -> Verdict:
        """What the limits come to, but for that of the time, which depends on the machine."""
        return verdict_of([figure for figure in self.figures if figure.name != TIME])

    @property
    def title(self) -> str:
        """Of page and table; it says what the data are."""
        return f"{self.spec.name}: {self.data}"


@dataclass(frozen=True)
class Row:
    """A line of the table over the dies, in per cent of error."""

    kind: str
    weights: str
    mean: float
    spread: float
    worst: float
    corrected: float | None
    corrected_worst: float | None


def rows_of(found: Findings) -> list[Row]:
    """The table over the dies: mean, standard deviation over dies, worst, with correction."""
    words = {
        UNAWARE: "plain shape, trained as if the array were ideal",
        UNAWARE_SHAPED: "shape and weighing of the statistics-aware weights, trained ideal",
        AWARE_PLAIN: "shape of the baseline, trained for the statistics",
        OWN: "trained on for each die, judged there",
        OTHERS: "the same weights on other dies",
        AWARE: "redundant shape, one set of weights for all dies",
    }
    rows = []
    for kind, judged in found.dies.items():
        errors, after = 100 * judged.errors, judged.corrected
        many = errors.shape[1] > 1
        spread = (
            errors.std(axis=1, ddof=1).mean() if many else errors.std(ddof=min(1, errors.size - 1))
        )
        rows.append(
            Row(
                kind=kind,
                weights=words[kind],
                mean=float(errors.mean()),
                spread=float(spread),
                worst=float(errors.max()),
                corrected=None if after is None else float(100 * after.mean()),
                corrected_worst=None if after is None else float(100 * after.max()),
            )
        )
    return rows


def write_borders(story: BordersStory, out: Path) -> Path:
    """Write the three files, each whole; the path of the page."""
    write_text(out / "report.json", json.dumps(_report(story), indent=1) + "\n")
    manifest = {
        "spec_key": story.spec.key(),
        "seed": story.spec.seed,
        "spec": format_spec(story.spec),
        "data": story.data,
        "versions": story.versions,
    }
    write_text(out / "manifest.json", json.dumps(manifest, indent=1) + "\n")
    write_text(out / "report.html", _page(story))
    return out / "report.html"


def _report(story: BordersStory) -> dict[str, Any]:
    """The machine-readable report. All that differs from run to run is under ``times``."""
    f, sweeps = story.found, story.spec.sweeps
    return {
        "study": story.title,
        "verdict": story.verdict,
        "warnings": story.warnings,
        "figures": [figure.as_dict() for figure in story.figures],
        "test_samples": f.test_samples,
        "networks": f.networks,
        "errors": {
            "software": _plain(f.software),
            "dies": {k: _plain(v.errors) for k, v in f.dies.items()},
            "dies, corrected": {k: _plain(v.corrected) for k, v in f.dies.items()},
            "dies at 0.3 % shorts": None if f.high is None else _plain(f.high.errors),
            "short rates": list(sweeps.shorts),
            "short rates trained for": list(sweeps.retrained),
            "by short rate": _plain(f.by_rate),
            "factors on all rates": list(sweeps.factors),
            "by factor": _plain(f.by_factor),
            "deep": _plain(f.deep),
        },
        "defects by factor": _plain(f.defects),
        "loss along draws": {"shares": list(sweeps.along)} | _plain(f.along),
        "audit": None if f.audit is None else asdict(f.audit),
        "versions": story.versions,
        "times": f.times,
    }


def _plain(value: Any) -> Any:
    """Arrays as lists."""
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    return value.tolist() if isinstance(value, np.ndarray) else value


def _page(story: BordersStory) -> str:
    f, spec = story.found, story.spec
    base = float(100 * f.software[UNAWARE].mean())
    pictures = {
        "dies": plots.dies_plot(f, base),
        "defects": plots.defects_plot(f, base),
        "along": plots.along_plot(f.along, spec.sweeps.along),
        "rates": plots.rates_plot(f, spec.sweeps, base),
        "deep": plots.deep_plot(f),
        "map": plots.map_plot(f.first_die, spec.hardware.tiles, story.tile),
    }
    along = {kind: _rise(loss, spec.sweeps.along) for kind, loss in f.along.items()}
    return render(
        "borders.html.j2",
        story=story,
        spec=spec,
        f=f,
        base=base,
        rows=rows_of(f),
        robust=float(100 * f.software[AWARE].mean()),
        along=along,
        counts=_counts(f),
        deep={kind: 100 * errors for kind, errors in f.deep.items()},
        deep_software=100 * f.software[DEEP],
        limits=[figure for figure in story.figures if figure.limit],
        others=[figure for figure in story.figures if not figure.limit],
        pictures={name: inline(svg) for name, svg in pictures.items()},
        text=format_spec(spec),
    )


def _rise(loss: Floats, shares: tuple[float, ...]) -> float:
    """By how much a whole draw raises the loss, median over the draws."""
    whole = int(np.argmin(np.abs(np.asarray(shares) - 1)))
    return float(np.median(loss[:, whole] - loss[:, 0]))


def _counts(found: Findings) -> dict[str, int]:
    """Defects of the first die, by kind."""
    kinds = [defect.about.words for defect in found.first_die.defects]
    return {kind: kinds.count(kind) for kind in dict.fromkeys(kinds)}
