"""The stated figures of borders2024."""

import numpy as np
from scipy import stats

from mtjspice.reproduce.borders2024.findings import AWARE, DEEP, OWN, UNAWARE, Findings, Floats
from mtjspice.reproduce.borders2024.spec import Borders
from mtjspice.verdicts.figures import Figure, at_least, at_most


def figures_of(spec: Borders, found: Findings) -> list[Figure]:
    """What the issue of the experiment is, with limits; errors are shares of the test images."""
    limits = spec.limits
    software = found.software[UNAWARE]
    base = float(software.mean())
    tests = f"{found.test_samples} test images"
    made = [
        at_most(
            "software baseline, error", base, limits.baseline, "",
            f"{_seeds(software)}; {tests}, no circuit",
        ),
    ]  # fmt: skip
    for kind, judged in found.dies.items():
        made += _over_dies(kind, judged.errors, tests, "surrogate (full)")
        if judged.corrected is not None:
            how = f"{spec.correction} training images, no labels; {tests}; surrogate (full)"
            name = f"{kind}, mean error after the digital correction of each die"
            made.append(at_most(name, float(judged.corrected.mean()), None, "", how))
    for kind, limit in ((AWARE, limits.statistics_aware), (OWN, limits.own_die)):
        if kind in found.dies:
            made.append(_above(kind, found.dies[kind].errors, software, limit))
    if found.high is not None:
        kind = f"{AWARE}, 0.3 % shorts"
        made += _over_dies(kind, found.high.errors, tests, "surrogate (full)")
        made.append(_above(kind, found.high.errors, software, limits.three_in_thousand))
    for kind, errors in found.deep.items():
        name = f"{len(spec.deep.network.hidden) + 1} layers over {spec.deep_dies} dies, {kind}"
        made += _over_dies(name, errors[None], tests, "surrogate (full)")
    ideal, robust = found.software[DEEP]
    how = f"trained ideal; trained statistics-aware has {robust:.4f}; {tests}"
    name = f"{len(spec.deep.network.hidden) + 1} layers, error in software"
    made.append(at_most(name, float(ideal), None, "", how))
    if found.audit is not None:
        how = (
            f"{found.audit.images} images, {AWARE}, first die; {found.audit.simulations} arrays; "
            f"at least {found.audit.bound:.3f} at 95 % confidence (Clopper–Pearson)"
        )
        name = "equal classes, SPICE and surrogate (full)"
        made.append(at_least(name, found.audit.equal, None, "", how))
    return made


def _over_dies(kind: str, errors: Floats, tests: str, level: str) -> list[Figure]:
    """Mean, worst and standard deviation of errors [seed or die, die]."""
    seeds, dies = errors.shape
    spread = errors.std(axis=1, ddof=1).mean() if dies > 1 else errors.std(ddof=seeds > 1)
    what = f"{seeds} x {dies} networks and dies; {tests}; {level}"
    if kind.startswith((AWARE, UNAWARE)):
        what = f"{_seeds(errors.mean(axis=1))}; {what}"
    return [
        at_most(f"{kind}, mean error", float(errors.mean()), None, "", what),
        at_most(f"{kind}, worst error", float(errors.max()), None, "", what),
        at_most(f"{kind}, standard deviation over dies", float(spread), None, "", what),
    ]


def _above(kind: str, errors: Floats, software: Floats, limit: float | None) -> Figure:
    """By how much the mean error lies above that of the baseline."""
    mean, base = float(errors.mean()), float(software.mean())
    how = f"{mean:.4f} less {base:.4f} of the baseline in software"
    if kind.startswith(AWARE) and min(len(errors), len(software)) > 1:
        # The seeds of both are draws of their own.
        width = _welch(errors.mean(axis=1), software)
        low, high = mean - base - width, mean - base + width
        how += f"; 95 % interval over the seeds of both {low:.4f} to {high:.4f}"
    return at_most(f"{kind}, mean error above the baseline", mean - base, limit, "", how)


def _seeds(means: Floats) -> str:
    """Mean over seeds with its 95 % interval (Student's t), in words."""
    if len(means) < 2:
        return "one seed"
    width = stats.t.ppf(0.975, len(means) - 1) * stats.sem(means)
    low, high = means.mean() - width, means.mean() + width
    return f"{len(means)} seeds, 95 % interval of the mean {low:.4f} to {high:.4f}"


def _welch(one: Floats, other: Floats) -> float:
    """Half the 95 % interval of a difference of means (Welch); 0 where nothing varies."""
    parts = np.array([x.var(ddof=1) / len(x) for x in (one, other)])
    if not parts.any():
        return 0.0
    freedom = parts.sum() ** 2 / (parts**2 / [len(one) - 1, len(other) - 1]).sum()
    return float(stats.t.ppf(0.975, freedom) * parts.sum() ** 0.5)
