"""The whole way of a sign-off: conditions, surrogate, SPICE, verdict. `mtjspice signoff`."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from mtjspice.calibrate.run import Progress, run_calibration
from mtjspice.collect.cluster import open_pool
from mtjspice.collect.simulator import Simulator
from mtjspice.data import versions
from mtjspice.data.files import make_folder
from mtjspice.data.outputs import Outputs
from mtjspice.errors import InputError, naming
from mtjspice.netlist.cards import read_card
from mtjspice.signoff.audit import allowed_flips
from mtjspice.signoff.chosen import Audit, Read
from mtjspice.signoff.dies import Specimen, check_specimen
from mtjspice.signoff.expected import FOUND, RAN, SUMMED, VECTORS, Expected
from mtjspice.signoff.findings import Ints, Judged, SignOffStory
from mtjspice.signoff.flips import flips_of
from mtjspice.signoff.guided import read_guided
from mtjspice.signoff.judged import Asked, judge
from mtjspice.signoff.page import write_signoff
from mtjspice.signoff.population import doubt_of, of_surrogate
from mtjspice.signoff.subject import Subject
from mtjspice.spec.calibration import Calibration
from mtjspice.spec.signoff import SignOff
from mtjspice.spec.technology import Technology
from mtjspice.spec.toml import changed
from mtjspice.spec.unusual import unusual
from mtjspice.spice.backends import probe
from mtjspice.surrogate.card import Card
from mtjspice.surrogate.model import Surrogate


def run_signoff(
    subject: Subject,
    spec: SignOff,
    out: Path | None = None,
    *,
    full: bool = False,
    strict: bool = False,
    jobs: int | None = None,
    scheduler: str | None = None,
    progress: Progress | None = None,
    say: Callable[[str], None] | None = None,
) -> SignOffStory:
    """Read networks on their dies in SPICE, under every condition; judge; write the report, if any.

    What has been computed in `out` before is found again by its key and not computed anew.

    Args:
        subject: networks, dies, images.
        spec: what is asked.
        out: folder of the report and of all simulations; made if it is missing. Nothing is written
            if it is left out.
        full: simulate every image.
        strict: refuse what is otherwise only warned of: another simulator than the card's, a card
            whose own limits are broken.
        jobs: local worker processes; all processors if left out.
        scheduler: address of a Dask cluster, in the place of local workers.
        progress: told of each step.
        say: told in words what is about to be simulated, and about how long that takes.

    Raises:
        InputError: if anything given is wrong; nothing is written then.
        SimulatorError: if the simulator is missing or fails.
        StorageError: if the disk is full.
    """
    tell = progress or (lambda what, done, total: None)
    start = time.perf_counter()
    card = subject.card
    check_subject(subject.specimens, card)
    circuits = _conditions(spec, card.circuit)
    warned = [*subject.notes, *_odd(subject, spec), *_doubts(card, str(probe()), strict=strict)]
    judged, times, netlists = [], dict[str, float](), dict[str, str]()
    with open_pool(jobs, scheduler, limits=spec.simulator) as pool:
        outputs = None if out is None else Outputs(out)
        store = None if out is None else make_folder(out / "simulations")
        simulator = Simulator(store=store, pool=pool)
        coming = Expected(out, card.circuit.crossbar, simulator, spec, full=full)
        for number, circuit in enumerate(circuits):
            of_condition = card
            if circuit != card.circuit:
                folder = None if out is None else make_folder(out / "cards") / circuit.name
                of_condition = run_calibration(circuit, folder, pool=pool, progress=tell).card
                warned += _doubts(of_condition, str(simulator.info), strict=strict)
            begun = time.perf_counter()
            read = read_guided(
                [_recarded(one, of_condition) for one in subject.specimens],
                Surrogate(of_condition, "full"),
                torch.from_numpy(subject.images.inputs),
                spec,
                simulator,
                full=full,
                number=number,
                told=_named(tell, _label(circuit) if len(circuits) > 1 else ""),
                names=subject.images.numbers.tolist(),
                audit=_audit(subject, spec, len(circuits)),
                chosen=say and (lambda chosen, say=say: say(coming.said(chosen))),
            )
            coming.learn(read)
            times |= _times(_label(circuit), read, time.perf_counter() - begun)
            judged.append(_judged(subject, spec, of_condition, read, netlists))
        times |= {
            "workers": float(simulator.jobs),
            RAN: float(simulator.ran),
            FOUND: float(simulator.found),
            "all": time.perf_counter() - start,
        }
        story = _story(subject, spec, card, full, judged, warned, simulator, times)
    story = replace(story, netlists=netlists)
    return story if outputs is None else write_signoff(story, outputs)


def _audit(subject: Subject, spec: SignOff, conditions: int) -> Audit:
    """As large as verdicts under each of so many conditions need it."""
    labels, chance = subject.images.labels, subject.images.guessed

    def allowed(surrogate: Ints, software: Ints, unsafe: npt.NDArray[np.bool_]) -> int:
        seen = of_surrogate(surrogate, software, labels, subject.reference, unsafe)
        return allowed_flips(seen, spec, chance, conditions)

    return Audit(allowed, doubt_of(spec, conditions).confidence)


def _times(label: str, read: Read, wall: float) -> dict[str, float]:
    """What one condition cost, and how much it was."""
    return {
        f"{label}: wall": wall,
        f"{label}: {SUMMED}": read.seconds,
        f"{label}: {VECTORS}": float(read.vectors),
    }


def _judged(
    subject: Subject, spec: SignOff, card: Card, read: Read, netlists: dict[str, str]
) -> Judged:
    """One condition; netlists of its flips are added to those by file."""
    label = _label(card.circuit)
    flips = flips_of(subject, spec, card, label, read, netlists)
    return Judged(label, card.name, read.dies, read.statement, flips)


def check_subject(specimens: Sequence[Specimen], card: Card) -> None:
    """See that a card knows all networks and dies.

    Raises:
        InputError: naming the die, and what is not known of it.
    """
    for one in specimens:
        with naming(one.name):
            check_specimen(one, card)


def _named(tell: Progress, label: str) -> Progress:
    """Progress under a condition."""
    return tell if not label else lambda what, done, total: tell(f"{what}, {label}", done, total)


def _story(
    subject: Subject,
    spec: SignOff,
    card: Card,
    full: bool,
    judged: Sequence[Judged],
    warned: Sequence[str],
    simulator: Simulator,
    times: dict[str, float],
) -> SignOffStory:
    first, images = subject.specimens[0].weights, subject.images
    asked = Asked(
        spec=spec,
        labels=images.labels,
        chance=images.guessed,
        clipping=float(getattr(card.circuit.periphery, "clipped", 0.0)),
        reference=subject.reference,
        numbers=images.numbers,
    )
    known, figures = judge(asked, judged)
    edges = [layer.first for layer in first.layers]
    return SignOffStory(
        title=subject.title,
        spec=spec,
        weights=subject.weights,
        data=images.source,
        inputs=images.inputs,
        shape=images.shape,
        drawn=images.drawn,
        labels=images.labels,
        classes=images.classes,
        tile=card.circuit.crossbar.shape,
        layers=(*edges, edges[-1] + len(first.layers[-1].states)),
        full=full,
        one_network=subject.one_network,
        judged=tuple(judged),
        known=known,
        figures=figures,
        warnings=[*warned, *simulator.notes],
        versions=versions.of_everything(str(simulator.info)),
        keys=sorted(simulator.keys),
        times=times,
        chance=images.guessed,
        reference=subject.reference,
    )


def _odd(subject: Subject, spec: SignOff) -> list[str]:
    """What is unusual in what is asked, and in what the weights were trained for."""
    study = subject.specimens[0].weights.study
    odd = [] if study is None else unusual(study.hardware)
    return [*unusual(spec), *(f"the weights' hardware.{one}" for one in odd)]


def _conditions(spec: SignOff, circuit: Calibration) -> list[Calibration]:
    """The circuit under every condition; the card's own is the card's circuit itself.

    Raises:
        InputError: if the transistors' card cannot be read, or lacks a corner or a size.
    """
    own, cell, found = circuit.technology, circuit.crossbar.cell, []
    for corner in spec.corners or (own.corner,):
        for celsius in spec.temperatures or (own.temperature,):
            technology: Technology = own.replace(corner=corner, temperature=celsius)
            for transistor in cell.transistors:
                read_card(technology).check(transistor)
            if technology == own:
                found.append(circuit)
                continue
            read_card(technology)
            name = f"{circuit.name}-{corner}-{celsius:g}C"
            found.append(changed(circuit, "conditions", name=name, technology=technology))
    return found


def _label(circuit: Calibration) -> str:
    technology = circuit.technology
    return f"{technology.corner}, {technology.temperature:g} °C"


def _recarded(one: Specimen, card: Card) -> Specimen:
    """The same network, as if it had been trained with the card of another condition.

    It was not: weights, units and G_norm stay those of the condition that it was trained for, as on
    a die that is warmer than it was then.
    """
    return replace(one, weights=replace(one.weights, card=card.key()))


def _doubts(card: Card, simulator: str, *, strict: bool) -> list[str]:
    """What speaks against the card's errors.

    Raises:
        InputError: of the first of them, where `strict`.
    """
    theirs = card.versions.get("simulator", "unknown")
    doubts: list[tuple[str, object, str]] = []
    if theirs != simulator:
        doubts.append(("versions.simulator", theirs, f"was calibrated on {theirs}; this is "
                       f"{simulator}: its errors may be larger than it says"))  # fmt: skip
    if card.broken:
        broken = "; ".join(card.broken)
        doubts.append(("broken", list(card.broken), f"breaks limits of its own: {broken}"))
    if strict and doubts:
        key, value, allowed = doubts[0]
        raise InputError(source=f"card {card.name}", key=key, value=value, allowed=allowed)
    return [f"card {card.name} {words}" for _, _, words in doubts]
