"""Both levels compared, and held against the limits of the study."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from mtjspice.data.network import Network
from mtjspice.data.samples import Samples
from mtjspice.networks.levels import SpiceRun, full_scale_current, ideal_current, ideal_outputs
from mtjspice.report.words import level_words
from mtjspice.spec.base import Floats
from mtjspice.spec.study import Study
from mtjspice.spec.unusual import unusual
from mtjspice.study.metrics import accuracy, best_index, confusion
from mtjspice.verdicts.chance import chance_of, least_accuracy, way_from_chance
from mtjspice.verdicts.figures import (
    DIFFERENCE,
    Figure,
    Interval,
    Verdict,
    at_least,
    at_most,
    together,
    verdict_of,
)
from mtjspice.verdicts.intervals import (
    MOST,
    of_mean,
    of_median_of,
    of_share,
    samples_needed,
    values_of,
)

SPLITS = ("all", "train", "test")


@dataclass(frozen=True)
class LevelScore:
    """How the networks of a study do at one level.

    Attributes:
        level: ``ideal`` or ``spice``.
        curves: by split, float64 [network, g_norm]: accuracy.
        best: int64 [network]: where accuracy on the training samples is highest.
        predicted: int64 [network, sample]: class at the best G_norm.
        confusion: int64 [true class, predicted class], all networks and samples, best G_norm.
    """

    level: str
    curves: dict[str, Floats]
    best: npt.NDArray[np.int64]
    predicted: npt.NDArray[np.int64]
    confusion: npt.NDArray[np.int64]

    def tuned(self, split: str) -> Floats:
        """float64 [network]: accuracy at each network's best G_norm."""
        curves = self.curves[split]
        return np.asarray(curves[np.arange(len(curves)), self.best])


@dataclass(frozen=True)
class Flip:
    """A sample whose class in SPICE is not the ideal one, each at its best G_norm."""

    network: str
    sample: int
    label: int
    ideal: int
    spice: int


@dataclass(frozen=True)
class Comparison:
    """All that a verdict rests on.

    Attributes:
        ideal: the networks on ideal arrays.
        spice: the networks in SPICE.
        labels: int64 [sample], true class.
        train: bool [sample], which ones the networks were trained with.
        flips: where the two differ.
        current_errors: by layer, float64: SPICE current minus ideal current for the same input
            voltages, as a share of full scale; every network, sample and column at the network's
            best G_norm.
        clipped: by layer: share of clipped amplifier outputs, mean over the networks.
        delivered: by layer, float64 [row, column]: share of the driver's voltage that the cells of
            the first network get.
    """

    ideal: LevelScore
    spice: LevelScore
    labels: npt.NDArray[np.int64]
    train: npt.NDArray[np.bool_]
    flips: tuple[Flip, ...]
    current_errors: tuple[Floats, ...]
    clipped: tuple[float, ...]
    delivered: tuple[Floats, ...]


def compare(
    study: Study, networks: Sequence[Network], samples: Samples, runs: Sequence[SpiceRun]
) -> Comparison:
    """Score both levels and find where they differ."""
    g_norm = study.readout.g_norm
    ideal = score("ideal", [ideal_outputs(n, samples.inputs, g_norm) for n in networks], samples)
    spice = score("spice", [run.outputs for run in runs], samples)
    flips = [
        Flip(
            network=networks[n].name,
            sample=int(i),
            label=int(samples.labels[i]),
            ideal=int(ideal.predicted[n, i]),
            spice=int(spice.predicted[n, i]),
        )
        for n, i in np.argwhere(ideal.predicted != spice.predicted)
    ]
    depth = len(networks[0].layers)
    errors = [
        np.concatenate(
            [
                _current_error(study, network, run, k, int(best))
                for network, run, best in zip(networks, runs, spice.best, strict=True)
            ]
        )
        for k in range(depth)
    ]
    delivered = tuple(r.delivered for r in runs[0].reads if r.delivered is not None)
    clipped = tuple(float(np.mean([r.reads[k].clipped for r in runs])) for k in range(depth))
    return Comparison(
        ideal,
        spice,
        samples.labels,
        samples.train,
        tuple(flips),
        tuple(errors),
        clipped,
        delivered,
    )


def score(level: str, outputs: Sequence[Floats], samples: Samples) -> LevelScore:
    """Score one level from the outputs [g_norm, sample, class] of each network."""
    stacked = np.stack(outputs)
    masks = {"all": np.full(len(samples.labels), True), "train": samples.train}
    masks["test"] = ~samples.train
    curves = {
        split: accuracy(stacked[:, :, mask], samples.labels[mask]) for split, mask in masks.items()
    }
    best = np.array([best_index(curve) for curve in curves["train"]])
    predicted = stacked[np.arange(len(best)), best].argmax(axis=-1)
    counts = sum(confusion(p, samples.labels, len(samples.classes)) for p in predicted)
    return LevelScore(level, curves, best, predicted, np.asarray(counts))


PARTS = 3
"""Statements that a study's limits are held against, each with its part of the doubt."""


def judge(study: Study, comparison: Comparison) -> list[Figure]:
    """The stated figures, with the intervals that limits are held against."""
    median = "median over the networks, " if comparison.spice.best.size > 1 else ""
    how = f"{median}at the G_norm that is best on the training samples of this level"
    judged, limits = _Judged(study, comparison), study.limits
    least, why = least_of(study, comparison)
    so_much = f"{how}; the limit is {why}" if why else how
    ideal, spice = (
        (level.predicted == comparison.labels).astype(np.float64)
        for level in (comparison.ideal, comparison.spice)
    )
    flips = (comparison.ideal.predicted != comparison.spice.predicted).astype(np.float64)
    figures = []
    for level in (comparison.ideal, comparison.spice):
        best_g, words = np.asarray(study.readout.g_norm)[level.best], level_words(level.level)
        figures.append(
            at_least(
                f"best G_norm, {words}",
                float(np.median(best_g)),
                None,
                "G_P − G_AP",
                how,
            )
        )
        for split in SPLITS:
            name = f"accuracy, {split} samples, {words}"
            if level.level == "spice" and split == limits.samples:
                figures.append(judged.held(at_least, name, spice, least, (0.0, 1.0), so_much))
            else:
                value = float(np.median(level.tuned(split)))
                figures.append(at_least(name, value, None, "share", how))
    figures += [
        judged.held(
            at_most, "accuracy drop, ideal to SPICE", ideal - spice, limits.max_accuracy_drop,
            (-1.0, 1.0),
            f"{median}{limits.samples} samples, right ideally less right in SPICE, one by one",
            DIFFERENCE,
        ),
        judged.held(
            at_most, "share of flipped classes, ideal to SPICE", flips, limits.max_flips,
            (0.0, 1.0), f"{median}{limits.samples} samples, each level at its best G_norm",
        ),
    ]  # fmt: skip
    for k, error in enumerate(comparison.current_errors):
        figures.append(
            at_most(
                f"current error of layer {k + 1}, RMS, SPICE",
                float(np.sqrt((error**2).mean())), None, "of full scale",
                "SPICE minus ideal current for the same input voltages",
            )
        )  # fmt: skip
    return figures


def verdict_on(study: Study, figures: Sequence[Figure]) -> Verdict:
    """What the limits come to; without one that something can break, nothing passes."""
    found = verdict_of(figures)
    return found if study.limits.can_break else together((found, Verdict.INCONCLUSIVE))


def least_of(study: Study, comparison: Comparison) -> tuple[float | None, str]:
    """The limit of SPICE's accuracy, and where it comes from, where that is chance.

    Both limits on accuracy are held against the one interval, so that the doubt stays as it is. Of
    few samples one class may be all; chance is therefore that of the whole data set.
    """
    limits = study.limits
    chance = chance_of(comparison.labels, len(comparison.spice.confusion))
    why = way_from_chance(limits.min_accuracy, limits.above_chance, chance)
    return least_accuracy(limits.min_accuracy, limits.above_chance, chance), why


class _Judged:
    """Holds what samples and networks show against limits."""

    def __init__(self, study: Study, comparison: Comparison):
        limits, train = study.limits, comparison.train
        self.confidence = 1 - (1 - limits.confidence) / PARTS
        self.counted = ~train if limits.samples == "test" else np.full(train.size, True)
        self.networks = len(comparison.spice.predicted)
        together = f"{100 * limits.confidence:g} % for all intervals together"
        trained = int(train[self.counted].sum())
        had = f", {trained} of {self.counted.sum()} trained with" if trained else ""
        of = "for all samples like these"
        if self.networks > 1:
            of = f"of the median over all networks trained like these, {of}"
        self.population = f"interval {of}{had}, {together}"

    def held(
        self, make: Callable[..., Figure], name: str, shown: Floats, limit: float | None,
        span: tuple[float, float], how: str, unit: str = "share",
    ) -> Figure:  # fmt: skip
        """A figure of what is shown, [network, sample]; several networks by their median."""
        shown = shown[:, self.counted]
        value = float(np.median(shown.mean(axis=1)))
        told = f"{how}; {self.population}"

        def figure(samples: float, networks: float = 1.0) -> Figure:
            interval = self._interval(shown, span, samples, networks)
            return make(name, value, limit, unit, told, interval)

        found = figure(1.0)
        if found.verdict is not Verdict.INCONCLUSIVE:
            return found
        now = shown.shape[1]
        needed = _needed("samples", now, lambda n: figure(n / now).holds is not None)
        if needed is None and self.networks > 1:
            all_of = self.networks
            needed = _needed(
                "networks", all_of, lambda n: figure(1.0, n / all_of).holds is not None
            )
        return replace(found, needed=needed or f"more than {MOST:,} samples")

    def _interval(
        self, shown: Floats, span: tuple[float, float], samples: float, networks: float
    ) -> Interval:
        """With so many times as many samples and networks, which show what these do."""

        def of_one(row: Floats, confidence: float) -> Interval:
            if span == (0.0, 1.0):
                return of_share(samples * row.sum(), samples * row.size, confidence)
            return of_mean(values_of(row, span).times(samples), confidence)

        if self.networks == 1:
            return of_one(shown[0], self.confidence)
        # Networks that show the same sums have the same interval.
        rows, same = np.unique(np.sort(shown, axis=1), axis=0, return_inverse=True)
        order = np.argsort(shown.mean(axis=1), kind="stable")
        count = round(networks * self.networks)
        chosen = same.ravel()[order[np.arange(count) * self.networks // count]]

        def members(confidence: float) -> list[Interval]:
            known = [of_one(row, confidence) for row in rows]
            return [known[k] for k in chosen]

        return of_median_of(members, count, self.confidence, span)


def _needed(what: str, now: int, decides: Callable[[float], bool]) -> str | None:
    """How many of them would decide, in words; None if too many."""
    more = samples_needed(now, decides)
    return f"about {more:,} {what} (now {now:,})" if more else None


def warnings(study: Study, comparison: Comparison) -> list[str]:
    """What a reader should know before trusting the figures."""
    found = list(unusual(study))
    last = len(study.readout.g_norm) - 1
    for level in (comparison.ideal, comparison.spice):
        edge = int(np.isin(level.best, (0, last)).sum()) if last else 0
        if edge:
            found.append(
                f"{level_words(level.level)}: the best G_norm of {edge} of {level.best.size} "
                "networks lies at the edge of the values tried; widen readout.g_norm"
            )
    allowed = getattr(study.periphery, "clipped", 0.0)
    found += [
        f"SPICE: {100 * share:.2f} % of the reads of layer {k + 1} are clipped by the amplifier; "
        f"{100 * allowed:g} % are allowed (periphery.clipped)"
        for k, share in enumerate(comparison.clipped)
        if share > allowed
    ]
    return found


def _current_error(study: Study, network: Network, run: SpiceRun, k: int, best: int) -> Floats:
    layer, read = network.layers[k], run.reads[k]
    at = best if len(read.volts) > 1 else 0
    difference = read.current[at] - ideal_current(study, layer, read.volts[at])
    return np.asarray(difference.ravel() / full_scale_current(study, layer))
