"""Networks on their dies in SPICE, only where it may matter: margins say where, an audit says so.

Every image is read by the surrogate, which says how safe its class is (`margins`). SPICE reads the
images that are not safe, and a random sample of the others. A flip that the bound calls impossible
widens the bound: the set is made anew, and a new sample is drawn from what is left.
"""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed

import numpy as np
import torch
from torch import Tensor

from mtjspice.collect.machine import processors
from mtjspice.collect.simulator import Progress, Simulator
from mtjspice.signoff.chosen import Audit, Chosen, Read
from mtjspice.signoff.dies import FoundFlip, OnOneDie, Specimen
from mtjspice.signoff.findings import ALL, AUDIT, NOT, UNSAFE, DieRead, Ints, Statement
from mtjspice.signoff.margins import Foreseen
from mtjspice.signoff.statement import audit_size, draw, most_flips, of_round
from mtjspice.spec.signoff import SignOff
from mtjspice.surrogate.model import Surrogate
from mtjspice.train.hardware import in_software
from mtjspice.train.threads import one_thread

Told = Callable[[str, int, int], None]
"""Called with (what is being done, how much of it is done, how much there is): dies by the
surrogate, input vectors of tiles by SPICE."""
USUAL_BOUND = 0.001
"""What flips may do to the mean accuracy, where nobody says anything of it."""
WIDER = 1.1
"""A bound that was broken is widened to so many times what broke it."""
MOST_ROUNDS = 5
MOST_AT_ONCE = 10.0
"""A class that flips without any doubt in it says that the errors are too small, not by how much:
they are widened so many times at most for it, in one round."""


def read_guided(
    specimens: Sequence[Specimen],
    surrogate: Surrogate,
    inputs: Tensor,
    spec: SignOff,
    simulator: Simulator,
    *,
    full: bool = False,
    number: int = 0,
    told: Told | None = None,
    names: Sequence[int] | None = None,
    audit: Audit | None = None,
    chosen: Callable[[Chosen], None] | None = None,
) -> Read:
    """Read networks on their dies, in SPICE where their margins or chance ask for it.

    Args:
        specimens: networks on dies.
        surrogate: of this condition's card, at the level ``full``.
        inputs: float64 [image, feature].
        spec: confidence, bound and guard.
        simulator: SPICE; its store is what a run that was cut off goes on from.
        full: simulate every image.
        number: of the condition, so that conditions have samples of their own.
        told: of progress.
        names: numbers by which words about images call them; from 0 on if left out.
        audit: what it is to find out; if left out, as the spec says without knowing any labels.
        chosen: told what is about to be simulated, before it is.

    Raises:
        InputError: if a die is outside of the card's range, or the card says nothing of such tiles.
        SimulatorError: if a simulation fails; what was finished stays in the store.
    """
    with one_thread():
        dies = [OnOneDie(one, surrogate) for one in specimens]
        asked = audit or _usual(spec, len(dies) * len(inputs))
        guided = _Guided(dies, inputs, spec, simulator, full, number, told, names, asked, chosen)
        return guided.read()


def _usual(spec: SignOff, images: int) -> Audit:
    """An audit that keeps to the spec's bound."""
    bound = USUAL_BOUND if spec.accuracy_bound is None else spec.accuracy_bound
    return Audit(lambda *_: int(bound * images + 1e-9), spec.confidence)


class _Guided:
    """One condition; see `read_guided`."""

    def __init__(
        self,
        dies: Sequence[OnOneDie],
        inputs: Tensor,
        spec: SignOff,
        simulator: Simulator,
        full: bool,
        number: int,
        told: Told | None,
        names: Sequence[int] | None,
        audit: Audit,
        chosen: Callable[[Chosen], None] | None,
    ):
        self.dies, self.inputs, self.spec = dies, inputs, spec
        self.simulator, self.full, self.number = simulator, full, number
        self.told, self.counter = told, _Counter(told)
        self.names = names or range(len(inputs))
        self.scale = 1.0
        self.notes: list[str] = []
        self.why = np.full((len(dies), len(inputs)), NOT, dtype=np.int64)
        self.seen: list[Foreseen] = []
        self.audit, self.chosen = audit, chosen
        self.allowed: int | None = None
        self.software = np.stack([_software(one.specimen, inputs) for one in dies])

    def read(self) -> Read:
        """Rounds until no flip is impossible."""
        for rounds in range(1, MOST_ROUNDS + 1):
            self._foresee()
            population, sample = self._choose(rounds)
            if rounds == 1 and self.chosen:
                self.chosen(self._first())
            self._simulate()
            broken, words = self._broken()
            if self.full or broken <= 1:
                break
            if rounds < MOST_ROUNDS:
                self.scale *= WIDER * broken
                words += f"; the card's errors are taken {self.scale:.3g} times as large from here"
            self.notes.append(f"round {rounds}: {words}")
        logs = [one.log for one in self.dies]
        return Read(
            dies=tuple(self._die(n) for n in range(len(self.dies))),
            statement=self._statement(population, sample, rounds),
            found=tuple(
                tuple((flip, self._ratio(n, flip) <= 1) for flip in log.found)
                for n, log in enumerate(logs)
            ),
            vectors=sum(len(one.log.outputs) * one.specimen.tiles for one in self.dies),
            seconds=sum(log.seconds for log in logs),
        )

    def _foresee(self) -> None:
        """Margins of all images on all dies."""
        tell = self.told or (lambda what, done, total: None)
        with ThreadPoolExecutor(min(self.simulator.jobs, processors())) as pool:
            self.seen = []
            for seen in pool.map(lambda one: one.foresee(self.inputs, self.scale), self.dies):
                self.seen.append(seen)
                tell("surrogate", len(self.seen), len(self.dies))

    def _choose(self, rounds: int) -> tuple[int, Ints]:
        """Mark what is to be simulated; (safe images that are left, those drawn of them)."""
        if self.full:
            self.why[:] = ALL
            return 0, np.zeros(0, dtype=np.int64)
        safety = np.stack([seen.safety(self.spec.guard).numpy() for seen in self.seen])
        self.why[~(safety > 1) & (self.why == NOT)] = UNSAFE  # also what is not a number
        left = np.flatnonzero(self.why.ravel() == NOT)
        if self.allowed is None:
            surrogate = np.stack([seen.outputs.argmax(-1).numpy() for seen in self.seen])
            self.allowed = self.audit.allowed(surrogate, self.software, self.why != NOT)
        confidence = of_round(self.audit.confidence, rounds, MOST_ROUNDS)
        size = audit_size(left.size, self.allowed, confidence)
        sample = draw(left, size, self.spec.seed, self.number, rounds)
        self.why.ravel()[sample] = AUDIT
        return left.size, sample

    def _first(self) -> Chosen:
        """What the first round simulates."""
        tiles = np.array([one.specimen.tiles for one in self.dies])
        images = (self.why != NOT).sum(axis=1)
        return Chosen(
            images=self.why.size,
            unsafe=int((self.why == UNSAFE).sum()),
            audited=int((self.why == AUDIT).sum()),
            vectors=int(images @ tiles),
            simulations=int(-(-images // self.spec.vectors) @ tiles),
        )

    def _simulate(self) -> None:
        """Read what is marked and was not read yet, several dies at once."""
        todo = [
            [int(i) for i in np.flatnonzero(why != NOT) if int(i) not in one.log.outputs]
            for why, one in zip(self.why, self.dies, strict=True)
        ]
        self.counter.add(
            sum(len(images) * one.specimen.tiles
                for images, one in zip(todo, self.dies, strict=True))
        )  # fmt: skip
        # So many dies that no worker waits while a die is between two layers.
        least = min(len(x.states) for one in self.dies for x in one.specimen.weights.layers)
        with ThreadPoolExecutor(1 + -(-2 * self.simulator.jobs // least)) as pool:
            futures = [pool.submit(self._read_die, n, some) for n, some in enumerate(todo) if some]
            try:
                for future in as_completed(futures):
                    future.result()
            except BaseException:
                # Dies that wait are not begun; those that are being read end as their calls do.
                pool.shutdown(wait=False, cancel_futures=True)
                self.simulator.pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _read_die(self, n: int, images: list[int]) -> None:
        classes = self.seen[n].outputs.argmax(-1).numpy()
        for start in range(0, len(images), self.spec.vectors):
            some = images[start : start + self.spec.vectors]
            told = self.counter.of_layer(len(some))
            self.dies[n].read(self.inputs, some, classes, self.simulator, told)

    def _ratio(self, n: int, flip: FoundFlip) -> float:
        """What a flip takes at least, over what the bound allows; of a class, all of its lead."""
        differing = flip.differing
        if differing.kind != "class":
            return differing.ratio / self.scale
        seen, other = self.seen[n], differing.spice
        ours = seen.outputs[flip.image]
        lead = float(ours[differing.surrogate] - ours[other])
        bound = self.spec.guard * float(seen.deviation[flip.image, other])
        return lead / max(bound, 1e-300)

    def _broken(self) -> tuple[float, str]:
        """(factor by which the card's errors are too small, what shows it); 1 if none does."""
        worst, words = 1.0, ""
        for n, one in enumerate(self.dies):
            for flip in one.log.found:
                ratio, differing = self._ratio(n, flip), flip.differing
                # The variance of a lead goes with the errors of the reads, a read with itself.
                is_class = differing.kind == "class"
                factor = min(ratio, MOST_AT_ONCE**0.5) ** 2 if is_class else ratio
                if factor > worst:
                    worst = factor
                    what = f"a {differing.kind} of layer {differing.layer + 1}"
                    image = f"image {self.names[flip.image]}"
                    words = (
                        f"on {one.specimen.name}, {image}, {what} differs that the bound calls "
                        f"impossible, by {ratio:.3g} times the bound"
                    )
        return worst, words

    def _statement(self, population: int, sample: Ints, rounds: int) -> Statement:
        images, simulated = self.why.size, int((self.why != NOT).sum())
        flips = 0
        for place in sample:
            n, image = divmod(int(place), len(self.inputs))
            flips += int(self.dies[n].log.outputs[image].argmax()) != int(
                self.seen[n].outputs[image].argmax()
            )
        left = 0
        if images > simulated:
            confidence = of_round(self.audit.confidence, rounds, MOST_ROUNDS)
            most = most_flips(population, len(sample), flips, confidence)
            left = most - flips
        return Statement(
            images=images,
            simulated=simulated,
            unsafe=int((self.why == UNSAFE).sum()),
            audited=int((self.why == AUDIT).sum()),
            audit_flips=flips,
            confidence=self.audit.confidence,
            flip_rate=left / max(images - simulated, 1),
            accuracy=left / images,
            widened=self.scale,
            rounds=rounds,
            notes=tuple(self.notes),
        )

    def _die(self, n: int) -> DieRead:
        one, seen, why = self.dies[n], self.seen[n], self.why[n]
        log, specimen = one.log, one.specimen
        ours = seen.outputs.argmax(-1)
        spice = np.full(len(self.inputs), -1, dtype=np.int64)
        leads = np.full(len(self.inputs), np.nan)
        lead = lead_of(seen.outputs, ours).numpy()
        read = sorted(log.outputs)
        if read:
            theirs = torch.from_numpy(np.stack([log.outputs[i] for i in read]))
            spice[read] = theirs.argmax(-1).numpy()
            leads[read] = lead_of(theirs, ours[read]).numpy()
        spread = float(lead.std()) or 1.0
        shape = sum(len(x.states) for x in specimen.weights.layers), _columns(specimen)
        reads = len(read)
        mean_square = np.broadcast_to(log.square, shape) / max(reads, 1)
        return DieRead(
            name=specimen.name,
            software=self.software[n],
            surrogate=ours.numpy(),
            lead=lead / spread,
            safety=seen.safety(self.spec.guard).numpy(),
            why=why,
            spice=spice,
            spice_lead=leads / spread,
            level_flips=np.broadcast_to(np.asarray(log.flips, dtype=np.int64), shape),
            reads=reads,
            error=np.sqrt(mean_square),
            largest_error=np.broadcast_to(np.asarray(log.largest, dtype=np.float64), shape),
            bound=np.concatenate([e.bound.numpy() for e in one.errors(self.scale)]),
            clipped=seen.clipped,
            spice_clipped=log.clipped / max(reads, 1),
            defects=sum(len(die.defects) for die in specimen.dies),
            by_nodal=one.by_nodal,
        )


def _software(specimen: Specimen, inputs: Tensor) -> Ints:
    """Classes of the weights as numbers."""
    outputs = in_software(specimen.intended or specimen.weights, inputs)
    return np.asarray(outputs.argmax(-1).numpy(), dtype=np.int64)


def lead_of(outputs: Tensor, classes: Tensor) -> Tensor:
    """By how much the output of a class leads the largest other, [image]."""
    own = outputs.gather(1, classes[:, None])
    return (own - outputs.scatter(1, classes[:, None], -torch.inf)).amin(1)


def _columns(specimen: Specimen) -> int:
    """Output lines of a tile."""
    return int(specimen.weights.layers[0].states.shape[2])


class _Counter:
    """Input vectors of tiles that are done, whichever thread does them."""

    def __init__(self, told: Told | None):
        self._told, self._lock = told, threading.Lock()
        self._done = self._total = 0

    def add(self, vectors: int) -> None:
        """So many more are to be done."""
        self._tell(0, vectors)

    def of_layer(self, vectors: int) -> Progress:
        """Progress over tiles, each with so many vectors; over one layer after the other."""
        before = 0

        def progress(done: int, total: int) -> None:
            nonlocal before
            self._tell((done - before) * vectors, 0)
            before = 0 if done == total else done

        return progress

    def _tell(self, done: int, total: int) -> None:
        with self._lock:
            self._done += done
            self._total += total
            if self._told:
                self._told("spice", self._done, self._total)
