"""A sign-off that was never run, but could have been: made of random numbers."""

import numpy as np
from sklearn.datasets import load_digits

from mtjspice.signoff.findings import (
    ALL,
    AUDIT,
    NOT,
    UNSAFE,
    DieRead,
    Flip,
    Judged,
    Reference,
    SignOffStory,
    Statement,
)
from mtjspice.signoff.judged import Asked, judge
from mtjspice.signoff.margins import SAFEST
from mtjspice.spec.signoff import SignOff, SignOffLimits

TITLE = 'sign-off <script>alert("x")</script> & µ'
CONFIDENCE = 0.99
CONDITIONS = ("tt, 27 °C", "ss, 85 °C", "ff, −40 °C", "fs, 27 °C", "sf, 27 °C")
BOUND = 1e-3
"""Of a tile's error, share of full scale."""


def make_images(images: int, shape: tuple[int, int] | None):
    """Digits of 8 × 8 pixels, over and over; without a shape, features that are no image."""
    chance = np.random.default_rng(7)
    if shape is None:
        return chance.normal(size=(images, 13)), chance.integers(0, 3, images)
    data = load_digits()
    which = np.arange(images) % len(data.target)
    pixels = data.images[which] / 16
    rows, columns = (np.arange(n) * 8 // n for n in shape)
    return pixels[:, rows][:, :, columns].reshape(images, -1), data.target[which].astype(np.int64)


def make_die(
    name: str,
    labels,
    classes: int,
    layers: tuple[int, ...],
    lines: int,
    *,
    full: bool,
    audit: float,
    noise: float,
    bound: float,
    accuracy: float,
    beyond: bool,
    software,
    seed: int,
) -> DieRead:
    """A die whose SPICE leads are the surrogate's with a little noise."""
    chance = np.random.default_rng(seed)
    images = labels.size
    surrogate = software.copy()
    wrong = chance.random(images) > accuracy
    surrogate[wrong] = (labels[wrong] + 1 + chance.integers(0, classes - 1, wrong.sum())) % classes
    right = surrogate == labels
    near = ~right | (chance.random(images) < 0.03)
    lead = np.where(near, chance.gamma(1.2, 0.2, images), chance.gamma(4, 0.4, images))
    sigma = bound * chance.lognormal(0, 0.35, images)
    safety = np.minimum(lead / sigma, SAFEST) if bound else np.full(images, SAFEST)
    in_spice = lead - 0.05 * sigma + noise * sigma * chance.normal(size=images)
    second = (surrogate + 1 + chance.integers(0, classes - 1, images)) % classes
    spice = np.where(in_spice < 0, second, surrogate)
    drawn = chance.random(images) < audit
    why = np.where(safety <= 1, UNSAFE, np.where(drawn, AUDIT, NOT))
    why = np.full(images, ALL) if full else why
    simulated = why != NOT
    tiles = layers[-1]
    own = chance.lognormal(0, 0.4, tiles)[:, None] * (0.6 + np.arange(lines) / lines)
    error = 3e-5 * (8 if beyond else 1) * own * chance.lognormal(0, 0.1, (tiles, lines))
    reads = int(simulated.sum())
    return DieRead(
        name=name,
        software=software,
        surrogate=surrogate,
        lead=lead,
        safety=safety,
        why=why,
        spice=np.where(simulated, spice, -1),
        spice_lead=np.where(simulated, in_spice, np.nan),
        level_flips=chance.poisson(reads * 30 * error),
        reads=reads,
        error=error,
        largest_error=error * (2.5 + 0.5 * chance.random((tiles, lines))),
        bound=np.full(tiles, BOUND),
        clipped=2e-5 * seed % 1e-4,
        spice_clipped=2e-5 * seed % 1e-4,
        defects=int(chance.poisson(20)),
    )


def make_flips(condition: str, die: DieRead, layers: tuple[int, ...], netlists: bool):
    """Every class that differs, and a level for each count of the die."""
    last = len(layers) - 1
    for image in np.flatnonzero(die.flipped):
        yield Flip(
            condition=condition,
            die=die.name,
            image=int(image),
            kind="class",
            layer=last,
            tile=layers[-2],
            line=int(die.spice[image]),
            surrogate=int(die.surrogate[image]),
            spice=int(die.spice[image]),
            possible=bool(die.safety[image] <= 1),
            key=f"{die.name}-{image:06d}",
            vector=int(image) % 2000,
            netlist=f"flips/{die.name} {image}.cir" if netlists else "",
        )
    known = np.flatnonzero(die.simulated)
    for tile, line in np.argwhere(die.level_flips):
        layer = int(np.searchsorted(layers, tile, side="right"))
        for k in range(die.level_flips[tile, line]):
            image = int(known[k % known.size])
            yield Flip(
                condition, die.name, image, "level", layer, int(tile), int(line), 17, 18, True,
                f"{die.name}-{tile}", image % 2000,
            )  # fmt: skip


def make_statement(dies: list[DieRead], guarded: bool) -> Statement:
    why = np.concatenate([die.why for die in dies])
    flipped = np.concatenate([die.flipped for die in dies])
    audited, skipped = int((why == AUDIT).sum()), int((why == NOT).sum())
    flips = int((flipped & (why == AUDIT)).sum())
    rate = -np.log(1 - CONFIDENCE) / max(audited, 1) * (1 + flips) if skipped else 0.0
    rate = min(float(rate), 1.0)
    return Statement(
        images=why.size,
        simulated=why.size - skipped,
        unsafe=int((why == UNSAFE).sum()),
        audited=audited,
        audit_flips=flips,
        confidence=CONFIDENCE,
        flip_rate=rate,
        accuracy=rate * skipped / why.size,
        widened=1.6 if guarded else 1.0,
        rounds=2 if guarded else 1,
        notes=("round 1: a class <flipped> that the bound calls impossible",) if guarded else (),
    )


def make_story(
    *,
    dies: int = 6,
    images: int = 400,
    shape: tuple[int, int] | None = (8, 8),
    full: bool = False,
    one_network: bool = True,
    conditions: int = 1,
    layers: tuple[int, ...] = (0, 3, 5),
    lines: int = 10,
    audit: float = 0.2,
    noise: float = 0.3,
    bound: float = 0.08,
    accuracy: float = 0.985,
    guarded: bool = False,
    netlists: bool = True,
    limits: SignOffLimits | None = None,
    sample: bool = False,
    reference: Reference | None = None,
    times: dict[str, float] | None = None,
) -> SignOffStory:
    """A story; `noise` 0 has no flips, `audit` 1 simulates everything, `bound` 0 is always safe."""
    inputs, labels = make_images(images, shape)
    classes = int(labels.max()) + 1
    limits = limits or SignOffLimits(drop_mean=0.05, drop_die=0.1, flips=0.02)
    spec = SignOff(
        name="made up", confidence=CONFIDENCE, accuracy_bound=0.05, limits=limits,
        dies="sample" if sample else "given",
    )  # fmt: skip
    chance = np.random.default_rng(3)

    def software() -> np.ndarray:
        wrong = chance.random(images) > 0.965
        return np.where(wrong, (labels + 1) % classes, labels)

    nets = [software()] * dies if one_network else [software() for _ in range(dies)]
    judged = []
    for c, condition in enumerate(CONDITIONS[:conditions]):
        read = [
            make_die(
                f"{'die' if one_network else 'network'} {d}", labels, classes, layers, lines,
                full=full, audit=audit, noise=noise, bound=bound, beyond=guarded and d == 1,
                accuracy=accuracy - 0.004 * c - 0.004 * (d % 5) - (0.05 if d == 4 else 0),
                software=nets[d], seed=100 * c + d,
            )
            for d in range(dies)
        ]  # fmt: skip
        flips = [f for die in read for f in make_flips(condition, die, layers, netlists)]
        judged.append(
            Judged(condition, "die20k", tuple(read), make_statement(read, guarded), tuple(flips))
        )
    known, figures = judge(Asked(spec, labels, 1 / classes, 1e-3, reference), judged)
    return SignOffStory(
        title=TITLE,
        spec=spec,
        weights="out/weights <1>, key 0123abcd",
        data="digits of scikit-learn",
        inputs=inputs,
        shape=shape,
        labels=labels,
        classes=tuple(str(k) for k in range(classes)),
        tile=(lines, lines),
        layers=layers,
        full=full,
        one_network=one_network,
        judged=tuple(judged),
        known=known,
        figures=figures,
        chance=1 / classes,
        reference=reference,
        warnings=("the card knows <no> bridges",) if guarded else (),
        versions={"mtjspice": "0.1", "simulator": "ngspice 46 (KLU)"},
        keys=("a" * 64, "b" * 64),
        times=times or {"surrogate": 12.3, "SPICE": 4567.8, "simulations run": 17.0},
        netlists={
            flip.netlist: f"* {flip.key}\n" for one in judged for flip in one.flips if flip.netlist
        },
    )
