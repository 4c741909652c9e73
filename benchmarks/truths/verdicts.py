"""Verdicts of sign-offs whose truth is known, and of parts of one that SPICE has read in full.

Populations of images are made up, with the mean of everything in closed form: classes that flip are
rare or not, on all dies at once or on each by itself. Images are drawn from them, and judged by the
code that judges a sign-off: which images are simulated, how many the audit takes, round after
round, what it bounds, figures and verdict. Only the two levels are made up. Limits lie on either
side of the truth, mostly near it. Some eight minutes on two cores; ``--quick`` one.
"""

import os
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mtjspice.data.mnist import read_small_digits
from mtjspice.data.weights import save_weights
from mtjspice.device.dies import draw_dies
from mtjspice.signoff.audit import allowed_flips
from mtjspice.signoff.findings import (
    ALL,
    AUDIT,
    NOT,
    UNSAFE,
    DieRead,
    Judged,
    Known,
    SignOffStory,
    Statement,
)
from mtjspice.signoff.from_files import images_of, on_dies_of
from mtjspice.signoff.guided import MOST_ROUNDS
from mtjspice.signoff.judged import Asked, judge
from mtjspice.signoff.population import doubt_of, of_surrogate
from mtjspice.signoff.run import run_signoff
from mtjspice.signoff.statement import audit_size, draw, most_flips, of_round
from mtjspice.signoff.subject import Images, Subject
from mtjspice.spec import SignOff, SignOffLimits, TiledNetwork, TrainingStudy, read_spec
from mtjspice.surrogate.card import load_card
from mtjspice.surrogate.model import Surrogate
from mtjspice.train.fit import train
from mtjspice.verdicts.figures import Figure, Interval, Verdict, at_least, at_most, verdict_of
from mtjspice.verdicts.intervals import of_share

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
REPOSITORY = Path(__file__).parent.parent.parent
RUNS, RUNS_QUICK = 2000, 200
SIZES = (10, 30, 100, 1000, 10_000)
"""Numbers of images."""
CONFIDENCE = 0.99
FIRST = (10, 20, 30, 60, 100, 200, 500)
"""So many first images of the same weights and dies gave verdicts that contradict each other."""
WRONG, RIGHT = 1, 0
SEVERE = (0.2, 1.0)
"""Least and largest severity of a die."""


@dataclass(frozen=True)
class Truth:
    """A population of images, and what a network makes of them on some dies.

    An image has a class of its own, 0; 1 and 2 are wrong. The weights as numbers have it right with
    a probability of `software`. A share `touched` of the images is such that the circuit may change
    their class: that happens on a die with the probability `severity`, drawn evenly from `SEVERE`
    for each die of the population. A share `unsafe` is
    not safe; the surrogate's class differs from SPICE's with a probability that depends on it.

    Attributes:
        software: accuracy.
        touched: share of images.
        severity: float64 [die].
        gained: probability that a class which the circuit changes becomes right, if it was wrong.
        unsafe: share of images.
        flips: probabilities of safe and unsafe images that they flip.
        together: whether what happens to an image happens on all dies (or those more severe) alike.
    """

    software: float
    touched: float
    severity: Floats
    gained: float
    unsafe: float
    flips: tuple[float, float]
    together: bool

    @property
    def lost_at_most(self) -> float:
        """Accuracy that a die of severity 1 loses."""
        return self.touched * (self.software - (1 - self.software) * self.gained)

    @property
    def lost(self) -> Floats:
        """Accuracy that each die loses."""
        return self.lost_at_most * self.severity

    @property
    def accuracy(self) -> Floats:
        """Of each die, in SPICE."""
        return self.software - self.lost

    def mean_lost(self, *, all_dies: bool) -> float:
        """Over the dies given, or over all of the population."""
        return float(self.lost_at_most * np.mean(SEVERE) if all_dies else self.lost.mean())

    def failing_share(self, drop: float) -> float:
        """Share of all dies that lose more."""
        most = self.lost_at_most
        if most <= 0:
            return float(drop < most * SEVERE[0] if most == 0 else drop < most)
        low, high = SEVERE
        return float(np.clip((high - drop / most) / (high - low), 0, 1))

    @property
    def flip_share(self) -> float:
        """Share of classes that differ between surrogate and SPICE."""
        safe, unsafe = self.flips
        return (1 - self.unsafe) * safe + self.unsafe * unsafe


@dataclass(frozen=True)
class Shown:
    """Images that were drawn: classes int64 [image] and [die, image], and how safe they are."""

    software: Ints
    surrogate: Ints
    spice: Ints
    safety: Floats


def draw_truth(chance: np.random.Generator, dies: int) -> Truth:
    """A population, of many kinds."""
    rare = chance.random() < 0.5
    return Truth(
        software=float(chance.choice([0.1, 0.5, 0.8, 0.95, 0.99, 1.0])),
        touched=float(chance.choice([0.0, 0.002, 0.02, 0.1, 0.3])),
        severity=chance.uniform(*SEVERE, dies),
        gained=float(chance.choice([0.0, 0.5, 1.0])),
        unsafe=float(chance.choice([0.0, 0.03, 0.2])),
        flips=(
            float(chance.choice([0.0, 1e-5, 1e-4] if rare else [1e-3, 5e-3, 0.03])),
            float(chance.choice([0.0, 0.05, 0.5])),
        ),
        together=bool(chance.random() < 0.5),
    )


def show(truth: Truth, images: int, chance: np.random.Generator) -> Shown:
    """Draw images, and let the levels read them."""
    dies = truth.severity.size
    shape = (1 if truth.together else dies, images)
    software = np.where(chance.random(images) < truth.software, RIGHT, WRONG)
    changes = (chance.random(images) < truth.touched) & (
        chance.random(shape) < truth.severity[:, None]
    )
    becomes = np.where(chance.random(images) < truth.gained, RIGHT, 2)
    changed = np.where(software == RIGHT, WRONG, becomes)
    spice = np.where(changes, changed, np.broadcast_to(software, (dies, images)))
    unsafe = chance.random(images) < truth.unsafe
    chances = np.where(unsafe, truth.flips[1], truth.flips[0])
    flips = np.broadcast_to(chance.random(shape) < chances, (dies, images))
    other = np.where(spice == RIGHT, 1, np.where(chance.random(images) < 0.5, RIGHT, 2))
    other = np.where(other == spice, 1, other)
    surrogate = np.where(flips, other, spice)
    # What flips is more often near the edge of what is safe; a wider bound finds some of it.
    safety = np.where(unsafe, 0.5, 1 + chance.exponential(np.where(flips, 1.0, 4.0)))
    return Shown(software, surrogate, spice, safety)


def signed(shown: Shown, spec: SignOff, chance: float, *, full: bool, seed: int) -> Judged:
    """Rounds as `mtjspice.signoff.guided` makes them, with the levels that are given."""
    shape = shown.surrogate.shape
    labels = np.zeros(shape[1], dtype=np.int64)
    software = np.broadcast_to(shown.software, shape)
    why = np.full(shape, ALL if full else NOT)
    confidence = doubt_of(spec, 1).confidence
    allowed, scale, population, sample, flips, rounds = 0, 1.0, 0, why[:0, 0], 0, 1
    if not full:
        unsafe = np.broadcast_to(~(shown.safety > scale), shape)
        seen = of_surrogate(shown.surrogate, software, labels, None, unsafe)
        allowed = allowed_flips(seen, spec, chance, 1)
    for rounds in range(1, MOST_ROUNDS + 1):
        if full:
            break
        why[~(shown.safety > scale) & (why == NOT)] = UNSAFE
        left = np.flatnonzero(why.ravel() == NOT)
        size = audit_size(left.size, allowed, of_round(confidence, rounds, MOST_ROUNDS))
        population, sample = left.size, draw(left, size, seed, 0, rounds)
        why.ravel()[sample] = AUDIT
        flips = int((shown.spice != shown.surrogate).ravel()[sample].sum())
        if flips == 0:  # a safe class that flips widens the bound
            break
        scale *= 1.5
    simulated = int((why != NOT).sum())
    open_flips = 0
    if simulated < why.size:
        bound = most_flips(
            population, sample.size, flips, of_round(confidence, rounds, MOST_ROUNDS)
        )
        open_flips = bound - flips
    statement = Statement(
        images=why.size, simulated=simulated, unsafe=int((why == UNSAFE).sum()),
        audited=int((why == AUDIT).sum()), audit_flips=flips, confidence=confidence,
        flip_rate=open_flips / max(why.size - simulated, 1), accuracy=open_flips / why.size,
        widened=scale, rounds=rounds, notes=(),
    )  # fmt: skip
    dies = tuple(_die(k, shown, why[k]) for k in range(shape[0]))
    return Judged("made up", "none", dies, statement, ())


def _die(number: int, shown: Shown, why: Ints) -> DieRead:
    spice, images = shown.spice[number], why.size
    nothing = np.zeros((1, 1))
    return DieRead(
        name=f"die {number:02d}", software=shown.software, surrogate=shown.surrogate[number],
        lead=np.ones(images), safety=shown.safety[number], why=why,
        spice=np.where(why != NOT, spice, -1), spice_lead=np.ones(images),
        level_flips=np.zeros((1, 1), dtype=np.int64), reads=1, error=nothing,
        largest_error=nothing, bound=np.ones(1), clipped=0.0, spice_clipped=0.0, defects=0,
    )  # fmt: skip


def limits_for(
    truth: Truth, chance: np.random.Generator, *, sample: bool
) -> tuple[SignOffLimits, bool]:
    """Limits on either side of the truth, and whether the truth keeps them all.

    In two cases of three one limit decides, and the others are far from the truth; in the others
    all are near it, and one at most is broken.
    """

    def near() -> float:
        return float(chance.choice([1e-9, 0.01, 0.05, 0.2, 0.5]))

    dies, lost = truth.severity.size, truth.mean_lost(all_dies=sample)
    centre = {
        "accuracy": truth.software - lost,
        "drop_mean": lost,
        "drop_die": float(truth.lost.max()),
        "flips": truth.flip_share,
    }
    decides = str(chance.choice([*centre, "all", "all"]))
    wrong = str(chance.choice(list(centre))) if decides == "all" else decides
    wrong = wrong if chance.random() < 0.5 else "none"
    parts = {}
    for name, value in centre.items():
        sign = -1 if (name == "accuracy") != (name == wrong) else 1
        apart = near() if decides in {name, "all"} else 0.9
        parts[name] = float(np.clip(value + sign * apart, 0, 1))
    failing = int((truth.lost > parts["drop_die"]).sum())
    most = int(chance.integers(0, dies)) if dies > 1 and chance.random() < 0.5 else 0
    kept = (
        centre["accuracy"] >= parts["accuracy"]
        and centre["drop_mean"] <= parts["drop_mean"]
        and truth.flip_share <= parts["flips"]
        and failing <= most
    )
    if sample:
        share = truth.failing_share(parts["drop_die"])
        parts["failing_share"] = float(np.clip(share + chance.choice([-0.1, 0.1, 0.3]), 0, 1))
        kept = kept and share <= parts["failing_share"]
    return SignOffLimits(above_chance=None, failing_dies=most, **parts), bool(kept)


@dataclass(frozen=True)
class Ran:
    """One synthetic sign-off.

    Attributes:
        images: how many.
        verdict: of the code.
        true: what it should be, if it is one.
        covered: whether each interval holds the truth, by name.
        rounds: of the audit.
    """

    images: int
    verdict: Verdict
    true: Verdict
    covered: dict[str, bool]
    rounds: int


def run(seed: int) -> Ran:
    """Draw a population, images, limits; sign off."""
    chance = np.random.default_rng([seed, 15])
    images = SIZES[seed % len(SIZES)]
    dies = int(chance.choice([1, 2, 5] if images > 1000 else [1, 2, 5, 12]))
    truth = draw_truth(chance, dies)
    sample = bool(chance.random() < 0.25)
    limits, kept = limits_for(truth, chance, sample=sample)
    spec = SignOff(
        confidence=CONFIDENCE, limits=limits, dies="sample" if sample else "given"
    )  # fmt: skip
    full = bool(chance.random() < 0.25)
    judged = signed(show(truth, images, chance), spec, 0.1, full=full, seed=seed)
    asked = Asked(spec, np.zeros(images, dtype=np.int64), 0.1, 0.0)
    (known,), figures = judge(asked, [judged])
    limited = [figure for figure in figures if not figure.name.startswith("amplifier")]
    return Ran(
        images, verdict_of(limited), Verdict.PASS if kept else Verdict.FAIL,
        _covered(truth, known, limits, sample=sample), judged.statement.rounds,
    )  # fmt: skip


def _covered(truth: Truth, known: Known, limits: SignOffLimits, *, sample: bool) -> dict[str, bool]:
    def holds(interval: Interval, value: float) -> bool:
        return interval.low - 1e-9 <= value <= interval.high + 1e-9

    lost, drop = truth.mean_lost(all_dies=sample), limits.drop_die or 0.0
    share = known.failing_share
    return {
        "accuracy": holds(known.accuracy, truth.software - lost),
        "accuracy lost": holds(known.lost, lost),
        "flips": holds(known.flips, truth.flip_share),
        "dies": all(map(holds, known.of_dies, truth.accuracy))
        and all(map(holds, known.lost_on_dies, truth.lost)),
        "dies that fail": holds(known.failing, float((truth.lost > drop).sum())),
        "share of all dies that fail": share is None or holds(share, truth.failing_share(drop)),
    }


def synthetic(quick: bool) -> list[Figure]:
    """Wrong verdicts, coverage, share that is not decided."""
    count = RUNS_QUICK if quick else RUNS
    # Those with many images take longest, and begin first.
    seeds = sorted(range(count), key=lambda seed: -SIZES[seed % len(SIZES)])
    with ProcessPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        ran = list(pool.map(run, seeds, chunksize=4))
    return [*_of_runs(ran), *_usual(quick)]


def _of_runs(ran: Sequence[Ran]) -> list[Figure]:
    """What many sign-offs with known truth come to."""
    count = len(ran)
    false = Counter((one.verdict, one.true) for one in ran)
    failed = sum(one.true is Verdict.FAIL for one in ran)
    several = sum(one.rounds > 1 for one in ran)
    how = f"{count} made-up sign-offs of 10 to 10,000 images, {several} with several rounds"
    figures = [
        at_most("verdicts: wrong PASS, of sign-offs that should fail",
                false[Verdict.PASS, Verdict.FAIL] / failed, 0.01, "share", f"{how}; {failed} such"),
        at_most("verdicts: wrong FAIL, of sign-offs that should pass",
                false[Verdict.FAIL, Verdict.PASS] / (count - failed), 0.01, "share",
                f"{count - failed} such"),
    ]  # fmt: skip
    all_held = [all(one.covered.values()) for one in ran]
    share = sum(one.verdict is not Verdict.INCONCLUSIVE for one in ran) / count
    figures.append(at_least("verdicts: made-up sign-offs that are decided", share, None, "share",
                            "most limits are near the truth"))  # fmt: skip
    figures.append(_coverage("all intervals together", all_held, CONFIDENCE))
    for name in ran[0].covered:
        held = [one.covered[name] for one in ran]
        figures.append(_coverage(name, held, 1 - (1 - CONFIDENCE) / 5))
    for size in SIZES:
        of_size = [one for one in ran if one.images == size]
        share = sum(one.verdict is Verdict.INCONCLUSIVE for one in of_size) / len(of_size)
        figures.append(at_most(f"verdicts: not decided with {size} images", share, None, "share",
                               "limits mostly near the truth"))  # fmt: skip
    return figures


def _coverage(name: str, held: Sequence[bool], confidence: float) -> Figure:
    """A coverage may be below its confidence by what so many trials leave open, no more."""
    found = of_share(sum(held), len(held), 0.99)
    return at_least(
        f"coverage: {name}", found.high, confidence, "share",
        f"{sum(held)} of {len(held)} hold the truth; the upper end of that share at 99 %",
    )  # fmt: skip


def _usual(quick: bool) -> Iterator[Figure]:
    """How often the usual limits decide, for a network that keeps them well."""
    truth = Truth(0.96, 0.02, np.full(4, 0.2), 0.3, 0.03, (1e-5, 0.05), together=True)
    times = 5 if quick else 40
    for size in SIZES:
        with ProcessPoolExecutor(len(os.sched_getaffinity(0))) as pool:
            verdicts = list(pool.map(partial(_usual_one, truth, size), range(times)))
        found = Counter(verdict for verdict, _ in verdicts)
        simulated = np.mean([share for _, share in verdicts])
        yield at_most(
            f"usual limits, four dies, 96 % right, {size} images: not decided",
            found[Verdict.INCONCLUSIVE] / times, None, "share",
            f"{found[Verdict.PASS]} of {times} pass, {found[Verdict.FAIL]} fail; "
            f"{100 * simulated:.3g} % simulated",
        )  # fmt: skip


def _usual_one(truth: Truth, images: int, seed: int) -> tuple[Verdict, float]:
    chance = np.random.default_rng([seed, images])
    spec = SignOff()
    judged = signed(show(truth, images, chance), spec, 0.1, full=False, seed=seed)
    _, figures = judge(Asked(spec, np.zeros(images, dtype=np.int64), 0.1, 0.0), [judged])
    return verdict_of(figures), judged.statement.simulated / judged.statement.images


# Parts of one sign-off, all of whose images SPICE has read.


def parts_of_one(quick: bool) -> list[Figure]:
    """Verdicts of the first images, and of some at random, of the same weights and dies."""
    story = _read_in_full(100 if quick else 500)
    ((judged,), labels) = story.judged, story.labels
    rng = np.random.default_rng(15)
    accuracy = float(np.mean([np.mean(die.final == labels) for die in judged.dies]))
    pairs, tried, told = 0, 0, ""
    passed = drawn = 0
    for limits in _limits(accuracy):
        spec = story.spec.replace(limits=limits)
        sizes = [size for size in FIRST if size <= len(labels)]
        verdicts = [_of_part(judged, labels, spec, np.arange(size)) for size in sizes]
        pairs += {Verdict.PASS, Verdict.FAIL} <= set(verdicts)
        tried += 1
        told = told or " ".join(verdict.upper() for verdict in verdicts)
        if limits.accuracy is not None and limits.accuracy > accuracy:  # of weights that fail
            for _ in range(20 if quick else 100):
                some = np.sort(rng.permutation(len(labels))[:30])
                passed += _of_part(judged, labels, spec, some) is Verdict.PASS
                drawn += 1
    how = f"{len(labels)} images of the small digits on two dies, all in SPICE"
    return [
        at_most("first 10, 20, 30, 60, 100, 200, 500 images: limits with verdicts that contradict",
                pairs, 0, "", f"{how}; {tried} sets of limits, the usual ones: {told}"),
        at_most("random 30 images of weights that fail: share that passes", passed / drawn, 0.01,
                "share", f"{drawn} draws, {how}"),
    ]  # fmt: skip


def _limits(accuracy: float) -> Iterator[SignOffLimits]:
    """The usual ones, and others on either side of what was read."""
    yield SignOffLimits()
    for apart in (-0.3, -0.1, -0.05, -0.02, 0.0, 0.02, 0.05):
        limit = min(max(accuracy + apart, 0.0), 1.0)
        yield SignOffLimits(accuracy=limit, drop_mean=0.5, drop_die=0.5, flips=0.5)
    for drop in (0.0, 0.01, 0.05, 0.1, 0.2):
        yield SignOffLimits(drop_mean=drop, drop_die=min(2 * drop, 1.0), flips=0.5)


def _of_part(judged: Judged, labels: Ints, spec: SignOff, some: Ints) -> Verdict:
    """The verdict, had only some of the images been given."""
    dies = tuple(
        replace(
            die,
            **{name: getattr(die, name)[some]
               for name in ("software", "surrogate", "lead", "safety", "why", "spice",
                            "spice_lead")},
        )
        for die in judged.dies
    )  # fmt: skip
    images = some.size * len(dies)
    statement = replace(judged.statement, images=images, simulated=images)
    part = replace(judged, dies=dies, statement=statement)
    _, figures = judge(Asked(spec, labels[some], 0.11, 1.0), [part])
    return verdict_of(figures)


def _read_in_full(count: int) -> SignOffStory:
    """A small network for the digits on two dies, all images in SPICE."""
    folder = REPOSITORY / "examples" / "die20k"
    study = read_spec(folder / "training.toml", TrainingStudy)
    study = study.replace(
        network=TiledNetwork(hidden=(12,)),
        training=study.training.replace(epochs=40, steps=1, batch=64),
    )
    samples, card = read_small_digits(), load_card(study.hardware.card)
    network = train(study, samples, Surrogate(card))
    hardware, shape = study.hardware, card.circuit.crossbar.shape
    dies = draw_dies(hardware.spread, hardware.rates, shape, hardware.tiles, count=2, seed=7)
    images: Images = images_of(samples, count)
    subject = Subject(
        title="parts of a sign-off", weights="trained here",
        specimens=on_dies_of(network, [(die,) for die in dies]), images=images, card=card,
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as out:
        save_weights(Path(out) / "weights", network, {})
        return run_signoff(subject, SignOff(), Path(out) / "signoff", full=True)


def figures(quick: bool) -> Iterator[Figure]:
    """What verdicts are worth."""
    yield from synthetic(quick)
    yield from parts_of_one(quick)
