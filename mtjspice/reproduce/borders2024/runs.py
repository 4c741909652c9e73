"""MNIST on dies with defects, after Borders et al. (2024). `mtjspice reproduce borders2024`."""

import functools
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, as_completed
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch

from mtjspice.collect.pool import WorkerPool
from mtjspice.collect.simulator import Simulator
from mtjspice.data.defects import save_dies
from mtjspice.data.files import make_folder
from mtjspice.data.weights import load_weights
from mtjspice.device.dies import draw_dies
from mtjspice.networks.tiles import in_spice
from mtjspice.reproduce.borders2024.findings import (
    AWARE,
    AWARE_PLAIN,
    DEEP,
    HIGH,
    OTHERS,
    OWN,
    RETRAINED,
    UNAWARE,
    UNAWARE_SHAPED,
    Audit,
    Findings,
    Floats,
    Judged,
)
from mtjspice.reproduce.borders2024.spec import Borders, Recipe
from mtjspice.spec.defects import RATES
from mtjspice.spec.rates import DefectRates
from mtjspice.spec.training import Hardware, TiledNetwork, Training, TrainingStudy
from mtjspice.surrogate.card import load_card
from mtjspice.surrogate.model import Surrogate
from mtjspice.train.hardware import in_software, on_dies, tensors
from mtjspice.train.orders import (
    Answer,
    Dies,
    Order,
    Question,
    answer,
    fill_folder,
    losses_along,
    read_digits,
)
from mtjspice.train.plan import placed

Progress = Callable[[str, int, int], None]
"""Called with (what is being done, steps done, steps in all)."""
T = TypeVar("T")
TRAINING_S = 4 * 3600.0
"""What a training may take at least, s."""


def explore(spec: Borders, out: Path, data: Path | None, jobs: int, progress: Progress) -> Findings:
    """Train and judge all networks. What `out` holds already is found again.

    Args:
        spec: what to do.
        out: folder of weights, judgements, dies and simulations.
        data: folder of MNIST; None for the small bundled digits.
        jobs: worker processes.
        progress: told of each step.

    Raises:
        InputError: if the spec, the data and the card do not fit each other.
        SimulatorError: if the simulator is missing or fails.
    """
    # Workers have folders of their own to start paths from.
    out, data = out.absolute(), data and data.absolute()
    if Path(spec.hardware.card).suffix == ".json":
        card = str(Path(spec.hardware.card).absolute())
        spec = spec.replace(hardware=spec.hardware.replace(card=card))
    samples = read_digits(data)
    surrogate = Surrogate(load_card(spec.hardware.card), "full")
    for study in (study_of(spec, spec.baseline), study_of(spec, spec.robust), _deep(spec, "ideal")):
        placed(study, samples, surrogate)  # before anything is trained
    make_folder(out)
    limits = spec.simulator.replace(time=max(spec.simulator.time, TRAINING_S))
    with WorkerPool(jobs, limits=limits) as pool:
        return _Exploration(spec, out, data, jobs, pool, progress).run()


def drawn(spec: Borders, count: int, factor: float = 1.0, short: float | None = None) -> list[Dies]:
    """The first dies of the spec's seed, each by itself."""
    return _dies(spec, spec.hardware, count, factor, short)


class _Exploration:
    """One run: orders and questions go to the workers, findings are gathered."""

    def __init__(
        self,
        spec: Borders,
        out: Path,
        data: Path | None,
        jobs: int,
        pool: WorkerPool,
        progress: Progress,
    ):
        self.spec, self.out, self.data, self.jobs, self.pool = spec, out, data, jobs, pool
        self.tell = progress
        self.found = Findings()
        self.store = make_folder(out / "judged")

    def run(self) -> Findings:
        """Everything, in an order in which each step has what it needs."""
        spec = self.spec
        reference = drawn(spec, spec.dies)
        self.found.first_die = reference[0][0]
        save_dies(self.out / "dies", [die for (die,) in reference])
        self._timed("training", self._train)
        self._timed("judging", functools.partial(self._judge, reference))
        self._timed("loss along draws", self._along)
        if spec.audit:
            self._timed("spice", functools.partial(self._audit, reference[0]))
        return self.found

    def _train(self) -> None:
        spec, sweeps = self.spec, self.spec.sweeps
        first = [
            *(self._baseline(k) for k in range(spec.seeds)),
            *(self._robust(k) for k in range(spec.seeds)),
            *(self._robust(k, rate) for rate in sweeps.retrained for k in self._seeds_at(rate)),
            self._crossed("shaped-0", spec.robust.network, spec.baseline.training),
            self._crossed("plain-0", spec.baseline.network, spec.robust.training),
            *(Order(_deep(spec, m), self._folder(f"deep-{m}")) for m in ("ideal", AWARE)),
        ]
        own = [self._own(k, dies) for k, dies in enumerate(drawn(spec, spec.own.dies))]
        for factor in sweeps.factors:
            some = drawn(spec, sweeps.own_dies, factor)
            own += [self._own(k, dies, factor) for k, dies in enumerate(some) if factor != 1]
        orders = [*first, *own]
        self.found.networks = len(orders)
        # The weights of dies start from the first baseline.
        for wanted, before in ((first, 0), (own, len(first))):
            given = [(order, self.data) for order in wanted]
            for notes in self._each("training", fill_folder, given, before, len(orders)):
                self.found.notes += notes

    def _judge(self, reference: Sequence[Dies]) -> None:
        spec, found = self.spec, self.found
        samples = read_digits(self.data)
        inputs, labels = tensors(samples, ~samples.train)
        found.test_samples = len(labels)
        for kind, name in ((UNAWARE, "baseline"), (AWARE, "robust"), (DEEP, "deep")):
            tags = range(spec.seeds) if kind != DEEP else ("ideal", AWARE)
            made = [load_weights(self._folder(f"{name}-{tag}")) for tag in tags]
            wrong = [in_software(w, inputs).argmax(-1) != labels for w in made]
            found.software[kind] = np.array([float(x.float().mean()) for x in wrong])
        questions = self._questions(reference)
        answers = dict(
            zip(questions, self._each("judging", answer, [
                (q, self.data, self.store) for q in questions.values()
            ]), strict=True)
        )  # fmt: skip
        self.found.notes += [one.note for one in answers.values() if one.note]
        self._gather(answers)

    def _questions(self, reference: Sequence[Dies]) -> dict[tuple[Any, ...], Question]:
        """All judgements that are needed, by (what, which, ...)."""
        spec, sweeps, whole = self.spec, self.spec.sweeps, tuple(reference)
        ask: dict[tuple[Any, ...], Question] = {}
        high = tuple(drawn(spec, spec.dies, short=HIGH))
        for k in range(spec.seeds):
            for kind, name in ((UNAWARE, "baseline"), (AWARE, "robust")):
                folder = self._folder(f"{name}-{k}")
                ask["dies", kind, k] = Question(folder, whole, "full", spec.correction)
        for kind, name in ((UNAWARE_SHAPED, "shaped-0"), (AWARE_PLAIN, "plain-0")):
            ask["dies", kind, 0] = Question(self._folder(name), whole, "full", spec.correction)
        for k in self._seeds_at(HIGH) if HIGH in sweeps.retrained else ():
            folder = self._folder(f"robust-{k}-short{HIGH:g}")
            ask["high", AWARE, k] = Question(folder, high, "full", spec.correction)
        for k in range(spec.own.dies):
            folder = self._folder(f"own-{k}")
            # Its digital part was trained with the die: there is nothing to correct there.
            ask["dies", OWN, k] = Question(folder, (whole[k],), "full")
            others = _others(whole, k, spec.own.others)
            if others:
                ask["dies", OTHERS, k] = Question(
                    folder, others, "full", spec.correction, reference=whole[k]
                )
        return ask | self._swept()

    def _swept(self) -> dict[tuple[Any, ...], Question]:
        """Those of the sweeps, and of the deep network."""
        spec, sweeps = self.spec, self.spec.sweeps
        ask: dict[tuple[Any, ...], Question] = {}
        for rate in sweeps.shorts:
            some = tuple(drawn(spec, sweeps.dies, short=rate))
            kinds = {UNAWARE: "baseline-0", AWARE: "robust-0"}
            if rate in sweeps.retrained:
                kinds[RETRAINED] = f"robust-0-short{rate:g}"
            for kind, name in kinds.items():
                ask["rate", kind, rate] = Question(self._folder(name), some, "linear")
        for factor in sweeps.factors:
            some = tuple(drawn(spec, sweeps.dies, factor))
            for kind, name in ((UNAWARE, "baseline-0"), (AWARE, "robust-0")):
                ask["factor", kind, factor] = Question(self._folder(name), some, "linear")
            for k in range(sweeps.own_dies):
                folder = self._folder(_own_name(k, factor))
                ask["factor", OWN, factor, k] = Question(folder, (some[k],), "linear")
                others = _others(some, k, spec.own.others)
                ask["factor", OTHERS, factor, k] = Question(folder, others, "linear")
        deep = tuple(_dies(spec, _deep(spec, AWARE).hardware, sweeps.dies))
        for method in ("ideal", AWARE):
            ask["deep", method] = Question(self._folder(f"deep-{method}"), deep, "full")
        return ask

    def _gather(self, answers: dict[tuple[Any, ...], Answer]) -> None:
        spec, sweeps, found = self.spec, self.spec.sweeps, self.found

        def judged(what: str, kind: str) -> Judged:
            own = [a for key, a in answers.items() if key[:2] == (what, kind)]
            after = [a.corrected for a in own]
            return Judged(
                np.array([a.errors for a in own]), np.array(after) if all(after) else None
            )

        def over(what: str, kind: str, values: Sequence[float]) -> Floats:
            rows = [
                [e for key, a in answers.items() if key[:3] == (what, kind, v) for e in a.errors]
                for v in values
            ]
            return np.array(rows)

        order = (UNAWARE, UNAWARE_SHAPED, OWN, OTHERS, AWARE_PLAIN, AWARE)
        kinds = [kind for kind in order if ("dies", kind, 0) in answers]
        found.dies = {kind: judged("dies", kind) for kind in kinds}
        if HIGH in sweeps.retrained:
            found.high = judged("high", AWARE)
        for kind in (UNAWARE, AWARE):
            found.by_rate[kind] = over("rate", kind, sweeps.shorts)
        found.by_rate[RETRAINED] = over("rate", RETRAINED, sweeps.retrained)
        for kind in (UNAWARE, OWN, OTHERS, AWARE):
            errors = over("factor", kind, sweeps.factors)
            if errors.size:  # of one die there are no others
                found.by_factor[kind] = errors
        found.defects = np.array(
            [[len(die.defects) for (die,) in drawn(spec, sweeps.dies, factor)]
             for factor in sweeps.factors]
        )  # fmt: skip
        for kind, method in ((UNAWARE, "ideal"), (AWARE, AWARE)):
            found.deep[kind] = np.array(answers["deep", method].errors)

    def _along(self) -> None:
        spec, sweeps = self.spec, self.spec.sweeps
        bare = spec.hardware.replace(spread=spec.hardware.nominal)
        draws = tuple(_dies(spec, bare, sweeps.directions))
        calls = [
            (self._folder(f"{name}-0"), draws, sweeps.along, sweeps.samples, self.data)
            for name in ("baseline", "robust")
        ]
        both = self._each("loss", losses_along, calls)
        self.found.along = {k: np.array(v) for k, v in zip((UNAWARE, AWARE), both, strict=True)}

    def _audit(self, dies: Dies) -> None:
        spec = self.spec
        samples = read_digits(self.data)
        weights = load_weights(self._folder("robust-0"))
        surrogate = Surrogate(load_card(spec.hardware.card), "full")
        images = tensors(samples, ~samples.train)[0][: spec.audit]
        store = self.out / "simulations"
        limits = spec.simulator
        with Simulator(jobs=self.jobs, store=store, limits=limits) as simulator, torch.no_grad():
            tell = functools.partial(self.tell, "spice")
            circuit = surrogate.card.circuit
            theirs = in_spice(weights, circuit, dies, simulator, tell).outputs(images)
            ours = on_dies(weights, surrogate, dies).outputs(images)
            ran = simulator.ran + simulator.found
        self.found.audit = Audit(
            images=len(images),
            equal=float((theirs.argmax(-1) == ours.argmax(-1)).double().mean()),
            largest=float((theirs - ours).abs().max() / ours.std()),
            simulations=ran,
        )

    def _baseline(self, k: int) -> Order:
        return Order(study_of(self.spec, self.spec.baseline, k), self._folder(f"baseline-{k}"))

    def _robust(self, k: int, short: float | None = None) -> Order:
        study = study_of(self.spec, self.spec.robust, k)
        name = f"robust-{k}"
        if short is not None:
            rates = study.hardware.rates.replace(short=short)
            study = study.replace(hardware=study.hardware.replace(rates=rates))
            name += f"-short{short:g}"
        return Order(study, self._folder(name))

    def _own(self, k: int, dies: Dies, factor: float = 1.0) -> Order:
        recipe = Recipe(network=self.spec.baseline.network, training=self.spec.own.training)
        folder = self._folder(_own_name(k, factor))
        return Order(study_of(self.spec, recipe), folder, dies, self._folder("baseline-0"))

    def _crossed(self, name: str, network: TiledNetwork, training: Training) -> Order:
        """The network of one kind of weights with the training of the other."""
        return Order(
            study_of(self.spec, Recipe(network=network, training=training)), self._folder(name)
        )

    def _seeds_at(self, rate: float) -> range:
        """Seeds of the weights that are trained for a short rate."""
        return range(min(self.spec.high_seeds, self.spec.seeds) if rate == HIGH else 1)

    def _folder(self, name: str) -> Path:
        return self.out / "weights" / name

    def _each(
        self,
        what: str,
        call: Callable[..., T],
        arguments: Sequence[tuple[Any, ...]],
        before: int = 0,
        total: int | None = None,
    ) -> list[T]:
        """Results of calls in the workers, in their order."""
        futures: list[Future[T]] = [self.pool.submit(call, *given) for given in arguments]
        try:
            for done, future in enumerate(as_completed(futures), 1):
                future.result()
                self.tell(what, before + done, total or len(futures))
        except BaseException:
            for future in futures:
                future.cancel()
            raise
        return [future.result() for future in futures]

    def _timed(self, what: str, step: Callable[[], None]) -> None:
        start = time.perf_counter()
        step()
        self.found.times[what] = time.perf_counter() - start


def study_of(spec: Borders, recipe: Recipe, k: int = 0) -> TrainingStudy:
    """What is trained by a recipe, with the k-th seed."""
    return TrainingStudy(
        name=spec.name,
        seed=spec.seed + k,
        network=recipe.network,
        hardware=spec.hardware,
        training=recipe.training,
    )


def _deep(spec: Borders, method: str) -> TrainingStudy:
    """The network of several layers, trained ideal or statistics-aware."""
    training: Training = spec.deep.training.replace(method=method)
    study = study_of(spec, spec.deep.replace(training=training))
    return study.replace(hardware=spec.hardware.replace(dies=spec.deep_dies))


def _dies(
    spec: Borders, hardware: Hardware, count: int, factor: float = 1.0, short: float | None = None
) -> list[Dies]:
    """Groups of dies, as many in each as a network spans."""
    shape = load_card(hardware.card).circuit.crossbar.shape
    rates = _scaled(hardware.rates, factor)
    if short is not None:
        rates = rates.replace(short=short)
    span = hardware.dies
    flat = draw_dies(hardware.spread, rates, shape, hardware.tiles, count * span, spec.die_seed)
    return [flat[k * span : (k + 1) * span] for k in range(count)]


def _scaled(rates: DefectRates, factor: float) -> DefectRates:
    return rates.replace(**{name: factor * getattr(rates, name) for name in RATES})


def _own_name(k: int, factor: float) -> str:
    return f"own-{k}" if factor == 1 else f"own-{k}-times{factor:g}"


def _others(dies: Sequence[Dies], k: int, count: int) -> tuple[Dies, ...]:
    """The dies that follow die k, around the end."""
    return tuple(dies[(k + 1 + j) % len(dies)] for j in range(min(count, len(dies) - 1)))
