"""Goodwill et al. (2022): many networks for Wine on passive arrays of 15 x 15 junctions."""

import time
from importlib.resources import files
from pathlib import Path

import numpy as np

from mtjspice.data.outputs import Outputs
from mtjspice.networks.levels import ideal_outputs
from mtjspice.networks.surrogate import Fast, effective_conductances, surrogate_outputs
from mtjspice.report.words import level_words
from mtjspice.reproduce.goodwill2022.correlation import Correlations, rank_correlations
from mtjspice.reproduce.goodwill2022.findings import GoodwillStory
from mtjspice.reproduce.goodwill2022.page import write_goodwill
from mtjspice.reproduce.goodwill2022.predictors import FIDELITY, Predictor, predictors, read_devices
from mtjspice.reproduce.goodwill2022.spec import Goodwill
from mtjspice.spec.experiment import Experiment
from mtjspice.spec.stimulus import Stimulus
from mtjspice.spec.study import PopulationNetwork, SolutionsNetwork, Study, WineNistData
from mtjspice.spec.tile import ProgrammedTile
from mtjspice.spec.toml import changed, parse_spec
from mtjspice.study.run import Progress, Simulated, simulate_study
from mtjspice.study.verdict import LevelScore, score
from mtjspice.surrogate.card import Card, load_card
from mtjspice.surrogate.model import check_range
from mtjspice.verdicts.figures import Figure, at_least, at_most, verdict_of

SPEC = "goodwill2022.toml"
TIME = "wall time"


def shipped_spec() -> Goodwill:
    """The spec that ships beside this module."""
    text = files(__package__).joinpath(SPEC).read_text(encoding="utf-8")
    return parse_spec(text, Goodwill, source=SPEC)


def reproduce_goodwill(
    spec: Goodwill,
    out: Path | None = None,
    *,
    quick: bool = False,
    solutions: Path | None = None,
    seed: int | None = None,
    jobs: int | None = None,
    progress: Progress | None = None,
) -> GoodwillStory:
    """Train or read the networks, write them, run all levels, compare metrics, write the report.

    What has been computed in `out` before is found again by its key and not computed anew.

    Args:
        spec: what to do; `shipped_spec` for the one of the paper.
        out: folder of the report, the networks and the results; made if it is missing. Nothing is
            written if it is left out.
        quick: only the first networks.
        solutions: folder of NIST's published networks and split, in the place of training.
        seed: replaces the study's.
        jobs: worker processes; all processors if left out.
        progress: told of each step.

    Raises:
        InputError: if anything given is wrong; nothing is written then.
        SimulatorError: if the simulator is missing or fails.
    """
    start = time.perf_counter()
    study = chosen_study(spec, quick=quick, solutions=solutions, seed=seed)
    card = load_card(spec.card)
    _check_card(card, study)
    done = simulate_study(study, out, solutions=solutions, jobs=jobs, progress=progress)
    begun = time.perf_counter()
    story = _told(spec, study, card, done, quick=quick)
    done.times["surrogate and metrics"] = time.perf_counter() - begun
    done.times["all"] = time.perf_counter() - start
    story.figures.append(_time_figure(spec, done, quick=quick))
    if out is not None:
        write_goodwill(story, Outputs(out))
    return story


def chosen_study(spec: Goodwill, *, quick: bool, solutions: Path | None, seed: int | None) -> Study:
    """The study of the spec with what the command line changes.

    Raises:
        InputError: if the seed is not allowed.
    """
    study = spec.study
    if solutions is not None:
        study = study.replace(data=WineNistData(), network=SolutionsNetwork())
    if quick and isinstance(study.network, PopulationNetwork | SolutionsNetwork):
        study = study.replace(network=changed(study.network, SPEC, first=spec.quick))
    return study if seed is None else changed(study, "--seed", seed=seed)


def _check_card(card: Card, study: Study) -> None:
    """Refuse a card that does not hold for the study, before anything is done."""
    check_range(
        card,
        Experiment(
            crossbar=study.crossbar,
            tile=ProgrammedTile(states=np.ones(study.crossbar.shape, dtype=np.uint8)),
            stimulus=Stimulus(
                volts=np.zeros((1, 1)),
                driven_rows=(0,),
                sensed_columns=(0,),
                read_voltage=study.readout.read_voltage,
            ),
            die=study.die,
            periphery=study.periphery,
            technology=study.technology,
        ),
    )


def _told(
    spec: Goodwill, study: Study, card: Card, done: Simulated, *, quick: bool
) -> GoodwillStory:
    """Scores at all levels, metrics, correlations and figures."""
    samples, chips, g_norm = done.samples, done.chips, study.readout.g_norm
    ideal = np.stack([ideal_outputs(n, samples.inputs, g_norm) for n in done.networks])
    read = surrogate_outputs(study, card, chips, samples.inputs)
    fast = read.outputs
    spice = np.stack([run.outputs for run in done.runs])
    levels = {
        name: score(name, list(outputs), samples)
        for name, outputs in (("ideal", ideal), ("surrogate", fast), ("spice", spice))
    }
    matrices = effective_conductances(study, card, chips)
    devices = [read_devices(study, c, [m[n] for m in matrices]) for n, c in enumerate(chips)]
    metrics = [*predictors(devices, samples), _tuned_surrogate(levels["surrogate"])]
    values = np.stack([metric.values for metric in metrics])
    tuned = levels["spice"].tuned("train")
    targets = {
        "training samples": tuned,
        "test samples": levels["spice"].tuned("test"),
        "loss on training samples": levels["ideal"].tuned("train") - tuned,
    }
    correlations = {
        name: rank_correlations(values, target, resamples=spec.resamples, seed=study.seed)
        for name, target in targets.items()
    }
    best = best_metric(metrics, correlations["training samples"])
    equal = fast.argmax(axis=-1) == spice.argmax(axis=-1)
    figures = [
        *_accuracy_figures(spec, levels),
        *_level_figures(spec, levels, equal),
        *_metric_figures(metrics, correlations, best),
        _different(done),
        _by_nodal(read),
    ]
    return GoodwillStory(
        spec=spec,
        study=study,
        quick=quick,
        samples=samples,
        chips=chips,
        devices=devices,
        levels=levels,
        metrics=metrics,
        correlations=correlations,
        best=best,
        figures=figures,
        verdict=verdict_of(figures),
        versions=done.versions,
        times=done.times,
        simulations=done.simulations,
        keys=done.keys,
        card_key=card.data_key,
    )


def best_metric(metrics: list[Predictor], with_tuned: Correlations, *, labels: bool = True) -> int:
    """The number of the metric that goes with tuned accuracy best; no simulation counts.

    Args:
        metrics: to choose from.
        with_tuned: their correlations.
        labels: whether metrics that use the classes of the samples count.
    """
    counts = [not (m.simulates or m.name == FIDELITY) and (labels or not m.labels) for m in metrics]
    return int(np.argmax(np.where(counts, np.abs(with_tuned.rho), -1.0)))


def _tuned_surrogate(level: LevelScore) -> Predictor:
    return Predictor(
        "tuned accuracy, surrogate",
        "devices, wires, bias, inputs, classes",
        "accuracy of the whole surrogate on the training samples at its best G_norm",
        level.tuned("train"),
        labels=True,
        simulates=True,
    )


def _accuracy_figures(spec: Goodwill, levels: dict[str, LevelScore]) -> list[Figure]:
    """Medians over the networks."""
    ideal, spice = levels["ideal"], levels["spice"]
    nominal = int(np.argmin(np.abs(np.asarray(spec.study.readout.g_norm) - 1)))
    how = "median over the networks, each at the G_norm that is best on its training samples"
    figures = [
        at_least("tuned accuracy, training samples, SPICE",
                 float(np.median(spice.tuned("train"))), spec.limits.min_tuned_accuracy, "", how),
        at_least("tuned accuracy, test samples, SPICE",
                 float(np.median(spice.tuned("test"))), None, "", how),
        at_least("highest median accuracy, test samples, SPICE",
                 float(np.median(spice.curves["test"], axis=0).max()), None, "",
                 "highest median over the networks at one G_norm for all"),
    ]  # fmt: skip
    for split, words in (("train", "training"), ("test", "test")):
        figures += [
            at_least(f"accuracy at G_norm = 1, {words} samples, ideal",
                     float(np.median(ideal.curves[split][:, nominal])), None, "",
                     "median over the networks, G_norm = G_P − G_AP"),
            at_least(f"tuned accuracy, {words} samples, ideal",
                     float(np.median(ideal.tuned(split))), None, "", how),
            at_least(f"tuned accuracy, {words} samples, surrogate",
                     float(np.median(levels["surrogate"].tuned(split))), None, "", how),
        ]  # fmt: skip
    return figures


def _level_figures(
    spec: Goodwill, levels: dict[str, LevelScore], equal: np.ndarray
) -> list[Figure]:
    """Best settings, and how far surrogate and SPICE agree; equal: [network, g_norm, sample]."""
    g = np.asarray(spec.study.readout.g_norm)
    at_best = equal[np.arange(len(equal)), levels["spice"].best]
    return [
        *(
            at_least(f"best G_norm, {level_words(name)}", float(np.median(g[level.best])), None,
                     "G_P − G_AP", "median over the networks")
            for name, level in levels.items()
        ),
        at_least("equal classes, surrogate and SPICE", float(at_best.mean()),
                 spec.limits.min_equal_classes, "",
                 "share over networks and all samples at the best G_norm of SPICE"),
        at_least("equal classes at all G_norm, surrogate and SPICE", float(equal.mean()), None,
                 "", "share over networks, all samples and all G_norm"),
    ]  # fmt: skip


def _metric_figures(
    metrics: list[Predictor], correlations: dict[str, Correlations], best: int
) -> list[Figure]:
    """Write fidelity, and the metric that beats it."""
    fidelity = [metric.name for metric in metrics].index(FIDELITY)
    figures = [
        at_least("write fidelity", float(np.median(metrics[fidelity].values)), None, "",
                 "median over the networks: share of junctions whose state reads back as wanted"),
        at_least("conductance error", float(np.median(metrics[fidelity + 1].values)), None,
                 "G_P − G_AP", "median over the networks of the RMS over junctions in use"),
    ]  # fmt: skip
    for target, found in correlations.items():
        if target == "training samples":
            limit = f"> {abs(found.rho[fidelity]):.4f}"
            holds = bool(abs(found.rho[best]) > abs(found.rho[fidelity]))
        else:
            limit, holds = "", None
        for k, (bound, kept) in ((fidelity, ("", None)), (best, (limit, holds))):
            figures.append(
                Figure(
                    name=f"|rank correlation| of {metrics[k].name} with tuned accuracy, {target}"
                    if not target.startswith("loss")
                    else f"|rank correlation| of {metrics[k].name} with the {target}",
                    value=float(abs(found.rho[k])),
                    unit="",
                    limit=bound,
                    holds=kept,
                    how=f"Spearman, {metrics[k].values.size} networks, 95 % interval of the "
                    f"signed value {found.low[k]:.2f} to {found.high[k]:.2f} (bootstrap)",
                )
            )
    blind = best_metric(metrics, correlations["training samples"], labels=False)
    name = f"|rank correlation| of the best metric without classes ({metrics[blind].name})"
    value = float(abs(correlations["training samples"].rho[blind]))
    figures.append(at_least(name, value, None, "", "with tuned accuracy, training samples"))
    low, high = correlations["training samples"].lead(best, fidelity)
    rho = np.abs(correlations["training samples"].rho)
    figures.append(
        at_least(f"lead of {metrics[best].name} over write fidelity, |rank correlation|",
                 float(rho[best] - rho[fidelity]), None, "",
                 f"training samples; 95 % interval {low:.2f} to {high:.2f} (paired bootstrap)")
    )  # fmt: skip
    return figures


def _by_nodal(read: Fast) -> Figure:
    how = "the others by the expansion; a tile's own error bound decides"
    name = f"tiles of {read.tiles:,} that the surrogate reads by the nodal solver"
    return at_most(name, read.by_nodal, None, "", how)


def _different(done: Simulated) -> Figure:
    """Number of networks with weights of their own."""
    weights = {b"".join(x.weights.tobytes() for x in n.layers) for n in done.networks}
    return Figure("networks with weights of their own", len(weights), "", "", None,
                  f"of {len(done.networks)}")  # fmt: skip


def _time_figure(spec: Goodwill, done: Simulated, *, quick: bool) -> Figure:
    limit = spec.limits.most_minutes_quick if quick else spec.limits.most_minutes
    found = done.simulations["found"]
    how = f"this run, {found} of {len(done.keys)} simulations found from before; not in the verdict"
    return at_most(TIME, done.times["all"] / 60, limit, "minutes", how)
