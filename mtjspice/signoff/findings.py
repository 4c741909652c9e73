"""What `mtjspice signoff` finds: classes on every die at every level, and where they differ.

Frozen data between `mtjspice.signoff.run`, which finds it, and `mtjspice.report`, which shows it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from mtjspice.spec.signoff import SignOff
from mtjspice.verdicts.figures import Figure, Interval, Verdict, together, verdict_of
from mtjspice.verdicts.tabular import to_pandas

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Kind = Literal["class", "sign", "level"]
SAFEST = 1e6
"""Of an image that nothing can flip."""
NOT, UNSAFE, AUDIT, ALL = 0, 1, 2, 3
"""Why an image was simulated on a die: it was not, it was unsafe, for the audit, all were."""


@dataclass(frozen=True)
class GivenAccuracy:
    """An accuracy that the circuit's is compared with, as if it were known without any doubt.

    Attributes:
        share: of rightly classified images.
    """

    share: float


@dataclass(frozen=True)
class OtherWeights:
    """Weights that are compared with, in software, on the same images.

    Attributes:
        source: where they come from, in words.
        classes: int64 [image].
    """

    source: str
    classes: Ints


Reference = GivenAccuracy | OtherWeights
"""What drops are counted from, in the place of the same weights in software."""


@dataclass(frozen=True, slots=True)
class Flip:
    """A decision that differs between surrogate and SPICE.

    Levels and signs are compared for the inputs that the tile had in SPICE, so that a line stands
    for its own error; classes as the two come out of the whole network.

    Attributes:
        condition: corner and temperature.
        die: name.
        image: number among all test images.
        kind: ``class``; ``sign`` of a hidden neuron; ``level`` of a converter.
        layer: counted from 1.
        tile: of the network; of a class, the tile with the first copy of the class in SPICE; −1 for
            a sign, which several tiles add up to.
        line: output line of the tile, or number of the neuron or class.
        surrogate: class, sign or code.
        spice: the same.
        possible: whether the error bound allows it.
        key: of the simulation of the tile.
        vector: its number in that simulation.
        netlist: file that reruns it, relative to the output folder; empty where none was written.
    """

    condition: str
    die: str
    image: int
    kind: Kind
    layer: int
    tile: int
    line: int
    surrogate: int
    spice: int
    possible: bool
    key: str
    vector: int
    netlist: str = ""


@dataclass(frozen=True)
class DieRead:
    """One network on its die (or dies), under one condition.

    Attributes:
        name: of the die.
        software: int64 [image], class of the weights as numbers.
        surrogate: int64 [image], class.
        lead: float64 [image], by how much the surrogate's class leads, over the spread of all.
        safety: float64 [image]: least of a class's lead over the bound of its error; the class is
            safe above 1. At most `SAFEST`, where nothing can flip it.
        why: int64 [image], one of `NOT`, `UNSAFE`, `AUDIT`, `ALL`.
        spice: int64 [image], class in SPICE; −1 where it was not simulated.
        spice_lead: float64 [image], lead in SPICE of the surrogate's class; nan where not
            simulated.
        level_flips: int64 [tile, line], levels that differ in SPICE for the same inputs.
        reads: number of reads of each line in SPICE.
        error: float64 [tile, line], root mean square of SPICE minus surrogate, share of full scale.
        largest_error: float64 [tile, line], largest magnitude of the same.
        bound: float64 [tile], what the surrogate bounds it by, times what it was widened by.
        clipped: share of the amplifiers' outputs at a limit, all images, surrogate.
        spice_clipped: the same of the simulated ones in SPICE.
        defects: number of defects of the die.
        by_nodal: tiles that the nodal solver reads: the expansion alone would be too far off.
    """

    name: str
    software: Ints
    surrogate: Ints
    lead: Floats
    safety: Floats
    why: Ints
    spice: Ints
    spice_lead: Floats
    level_flips: Ints
    reads: int
    error: Floats
    largest_error: Floats
    bound: Floats
    clipped: float
    spice_clipped: float
    defects: int
    by_nodal: int = 0

    @property
    def simulated(self) -> Flags:
        """Which images were."""
        return np.asarray(self.why != NOT)

    @property
    def flipped(self) -> Flags:
        """Which images have another class in SPICE."""
        return np.asarray(self.simulated & (self.spice != self.surrogate))

    @property
    def final(self) -> Ints:
        """Class in SPICE where simulated, elsewhere the surrogate's."""
        return np.where(self.simulated, self.spice, self.surrogate)

    def worst_margin(self, labels: Ints) -> tuple[float, int]:
        """(least lead, image) of the images that the surrogate finds rightly; (nan, −1) without.

        In SPICE where simulated; below zero for a class that flips.
        """
        right = np.flatnonzero(self.surrogate == labels)
        if not right.size:
            return float("nan"), -1
        leads = np.where(self.simulated, self.spice_lead, self.lead)[right]
        least = int(np.argmin(leads))
        return float(leads[least]), int(right[least])


@dataclass(frozen=True)
class Statement:
    """What is known of the images that were not simulated.

    Attributes:
        images: on all dies.
        simulated: of them.
        unsafe: of those, because they were not safe.
        audited: of those, drawn at random from the safe ones.
        audit_flips: flips among those that were drawn in the last round.
        confidence: of the bound by itself.
        flip_rate: upper bound of the share of flips among those not simulated.
        accuracy: by how much they can change the mean accuracy at most.
        widened: factor on the card's errors, 1 if none of them had to be widened.
        rounds: how often the set was made: 1, and one more for each widening.
        notes: what happened, in sentences.
    """

    images: int
    simulated: int
    unsafe: int
    audited: int
    audit_flips: int
    confidence: float
    flip_rate: float
    accuracy: float
    widened: float
    rounds: int
    notes: tuple[str, ...]

    @property
    def left(self) -> int:
        """So many flips at most are among the images that were not simulated."""
        return round(self.accuracy * self.images)


@dataclass(frozen=True)
class Judged:
    """All dies under one condition.

    Attributes:
        condition: corner and temperature.
        card: name of the card.
        dies: what was read.
        statement: about what was not simulated.
        flips: every decision that differs.
    """

    condition: str
    card: str
    dies: tuple[DieRead, ...]
    statement: Statement
    flips: tuple[Flip, ...]


@dataclass(frozen=True)
class Known:
    """Where everything lies that is stated of one condition, for all images like those given.

    All intervals of all conditions hold together at the confidence that each has.

    Attributes:
        accuracy: mean accuracy over the dies.
        lost: mean over the dies of the accuracy that is lost.
        flips: share of classes that differ between surrogate and SPICE.
        of_dies: accuracy of each die.
        lost_on_dies: accuracy that each die loses.
        compared: accuracy of each die that drops are counted from.
        held: of each limit of a die, whether each die keeps it; None where that is not decided.
        failing: how many of the dies fail.
        failing_share: share of all dies like these that fail; None where the dies are no sample.
        sampled: half the width of `accuracy` if every image had been simulated.
        unseen: by how much images that were not simulated can change the mean accuracy of those
            given, by the audit's own bound. Both are joined in the interval of `accuracy`, in which
            they overlap.
        spread: standard deviation over the dies of their accuracy on the same images.
        changed: share of classes, of the images given, that differ between the weights as numbers
            and SPICE.
    """

    accuracy: Interval
    lost: Interval
    flips: Interval
    of_dies: tuple[Interval, ...]
    lost_on_dies: tuple[Interval, ...]
    compared: tuple[float, ...]
    held: Mapping[str, tuple[bool | None, ...]]
    failing: Interval
    failing_share: Interval | None
    sampled: float
    unseen: float
    spread: float
    changed: float

    @property
    def half(self) -> float:
        """Half the width of the accuracy's interval, which joins both."""
        return (self.accuracy.high - self.accuracy.low) / 2


@dataclass(frozen=True)
class SignOffStory:
    """Everything that the report tells.

    Attributes:
        title: what was signed off.
        spec: what was asked.
        weights: where they come from, and their key, in words.
        data: source of the images.
        inputs: float64 [image, feature], as the network is given them.
        shape: of an image in pixels; None where the inputs are no image.
        labels: int64 [image].
        classes: names.
        tile: rows and columns of a tile.
        layers: first tile of each layer, and the number after the last.
        full: whether every image was asked for.
        one_network: whether the entries are dies with one network, or networks each on its own die.
        judged: under each condition.
        known: the same, for all images like those given.
        figures: with limits.
        warnings: what to know before trusting them.
        versions: of all that computed.
        keys: of all simulations.
        times: wall seconds of each step, and what else differs from run to run.
        chance: accuracy of who always says the most frequent class.
        reference: what drops are counted from; None for the same weights in software.
        drawn: int64 [image], rising: numbers of the images among all test images, where only some
            of them are shown; None for all.
        netlists: of flips, text by the file that each names.
    """

    title: str
    spec: SignOff
    weights: str
    data: str
    inputs: Floats
    shape: tuple[int, int] | None
    labels: Ints
    classes: tuple[str, ...]
    tile: tuple[int, int]
    layers: tuple[int, ...]
    full: bool
    one_network: bool
    judged: tuple[Judged, ...]
    known: tuple[Known, ...]
    figures: Sequence[Figure]
    warnings: Sequence[str]
    versions: Mapping[str, str]
    keys: Sequence[str]
    times: Mapping[str, float]
    chance: float
    reference: Reference | None = None
    drawn: Ints | None = None
    netlists: Mapping[str, str] = field(default_factory=dict)

    def to_pandas(self) -> "pd.DataFrame":
        """The figures with their intervals and limits, as `mtjspice.to_pandas`."""
        return to_pandas(self.figures)

    def place(self, image: int) -> int:
        """Where the image of a flip stands in `inputs`, `labels` and what was read of a die."""
        return image if self.drawn is None else int(np.searchsorted(self.drawn, image))

    @property
    def verdict(self) -> Verdict:
        """What the limits come to; without one that `asks`, nothing passes."""
        found = verdict_of(self.figures)
        return found if self.asks else together((found, Verdict.INCONCLUSIVE))

    @property
    def asks(self) -> bool:
        """Whether there is a limit on what becomes of the images that something can break."""
        given = self.reference.share if isinstance(self.reference, GivenAccuracy) else 1.0
        return self.spec.limits.on_classes(len(self.judged[0].dies), given)
