"""What `mtjspice calibrate` takes: a circuit, the runs that its surrogate is judged on, limits."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from mtjspice.spec.base import (
    LATER,
    VOLTS,
    Confidence,
    Extended,
    Name,
    PositiveVoltage,
    ReadVoltage,
    Seed,
    Share,
    Spec,
)
from mtjspice.spec.crossbar import Crossbar
from mtjspice.spec.defects import DEFECTS, DefectKind
from mtjspice.spec.die import Die
from mtjspice.spec.periphery import Converter, Periphery, VirtualGround
from mtjspice.spec.ranges import Whole, Within
from mtjspice.spec.resources import Resources, SimulatorLimits
from mtjspice.spec.technology import Technology

Runs = Annotated[int, Whole(1, 1000, "runs of a calibration that end within a day")]
"""Tiles or vectors, 1 to 1000."""
Vectors = Annotated[int, Whole(12, 5000, "fewer fit no card, more add nothing to one")]
"""12 to 5000."""
Searches = Annotated[int, Whole(20, 100000, "fewer find nothing, more find nothing else")]
"""Evaluations of a search, 20 to 100000."""
Margin = Annotated[float, Within("1", 1, 100, "a bound below what was found is none")]
"""A factor on an error that was found, 1 to 100."""
Size = Annotated[int, Whole(1, 512, "square arrays that are simulated and solved whole")]
"""Rows and columns, 1 to 512."""


KINDS_SEARCHED, CONFIRMED = 5, 8
"""Kinds of tiles whose inputs are searched; inputs of each tile that SPICE then sees."""
MOST_SEED = 2**62
ROUNDING = 1e-9
COARSEST = 0.1
"""Largest step of the DAC, in units of the read voltage."""


class Plan(Extended):
    """How many runs in SPICE.

    Attributes:
        tiles: random tiles of the calibration, each on a die of its own; all-P, all-AP,
            checkerboard and single-line tiles are added. As many are judged with other states on
            the same dies, and as many with the same states on other dies.
        vectors: input vectors of each, for the calibration; a third of them adversarial (single
            rows, all rows at one end of the range, alternating signs).
        held_vectors: further random vectors on the same tiles, for judging.
        held_tiles: random tiles on dies that the calibration has not seen, for judging.
        defective_tiles: tiles with defects of every kind, for judging.
        also: kinds of defects that tiles with every kind have only if they are named here. A card
            refuses dies with kinds that it was not judged on.
        short_share: share of shorted junctions on tiles that are judged apart.
        short_tiles: number of those tiles.
        hard_tiles: random tiles on further dies that are judged with adversarial inputs.
        clustered_tiles: tiles three quarters of one of whose columns, or of one of whose rows, or
            so many cells in a block, are shorts, for judging.
        line_tiles: tiles with two dead rows, two dead columns and two bridges of either direction.
        searched_tiles: of each kind (sound, with shorts, with clustered shorts, with dead and
            bridged lines, with defects of every kind): tiles on which inputs with large errors are
            searched with the nodal solver; the worst of them are judged in SPICE.
        searches: evaluations of the search, for each kind of tile.
        sizes: other sizes (square) on which the surrogate is judged.
    """

    tiles: Runs = 4
    vectors: Vectors = 60
    held_vectors: Runs = 100
    held_tiles: Runs = 16
    defective_tiles: Runs = 8
    also: Annotated[tuple[DefectKind, ...], LATER] = ()
    short_share: Share = 0.01
    short_tiles: Runs = 8
    hard_tiles: Runs = 4
    clustered_tiles: Runs = 6
    line_tiles: Runs = 4
    searched_tiles: Runs = 2
    searches: Searches = 200
    sizes: Annotated[tuple[Size, ...], Field(max_length=20)] = (8, 16, 32)

    @model_validator(mode="after")
    def _check_sizes(self) -> Self:
        if len(set(self.sizes)) < len(self.sizes):
            raise ValueError(f"sizes must differ from each other: {list(self.sizes)}")
        return self

    @property
    def kinds(self) -> tuple[DefectKind, ...]:
        """Every kind of defect that the card is held against."""
        return tuple(k for k, about in DEFECTS.items() if not about.asked or k in self.also)


class ErrorBound(Spec):
    """How the error of a tile's reads is bounded, and when the expansion will not do.

    Attributes:
        margin: a tile's bound is so many times what a short search over inputs finds on it.
        expansion: share of full scale; tiles with a larger bound are read by the nodal solver.
    """

    margin: Margin = 2.0
    expansion: Share = 1e-3


class CardLimits(Spec):
    """Largest errors of the surrogate against SPICE, as shares of the array's full scale.

    A limit that is left out is not checked, and without any of them a card is neither good nor bad:
    the verdict is inconclusive. That a tile's error bound covers what searches find, and that the
    circuit conducts, is always checked.

    Attributes:
        new_tiles_rms: on tiles whose states, spread and defects it was never shown.
        new_tiles_p999: 99.9th percentile of the same.
        new_tiles_max: largest of the same.
        new_inputs_rms: for held-out inputs on tiles of the calibration.
        new_inputs_max: largest of the same.
        shorts_rms: on tiles with shorts.
        of_signal: RMS error on new tiles by the RMS of the currents that the circuit really gives;
            always checked.
        equal_signs: least share of equal signs of differences of neighbouring outputs.
        completed: least share of the planned simulations that must have succeeded for a fit.
        tiles: which ones the limits on errors are meant for. ``all`` like those of the plan (and
            all inputs like these, where tiles are chosen): what is not decided for others is not
            decided. ``simulated``: that is held on those of the plan, and the verdict says so.
        confidence: of what is said of all tiles like the plan's, for all limits together.
    """

    new_tiles_rms: Share | None = None
    new_tiles_p999: Share | None = None
    new_tiles_max: Share | None = None
    new_inputs_rms: Share | None = None
    new_inputs_max: Share | None = None
    shorts_rms: Share | None = None
    of_signal: Share = 0.01
    equal_signs: Share | None = None
    completed: Share = 0.9
    tiles: Literal["simulated", "all"] = "all"
    confidence: Confidence = 0.99

    @property
    def of_errors(self) -> bool:
        """Whether anything is asked of the errors; no equal signs at least are nothing."""
        always = {"of_signal", "completed", "tiles", "confidence", "equal_signs"}
        given = self.model_dump(exclude=always)
        return bool(self.equal_signs) or any(limit is not None for limit in given.values())


class Calibration(Spec):
    """Everything that determines a calibration card.

    Attributes:
        name: of the card.
        crossbar: the array.
        die: spread of its junctions and transistors, resistances of shorts and bridges; the plan
            draws dies of its own.
        periphery: the read-out of each column.
        technology: card, corner and temperature.
        dac: makes the input voltages, around the read-out's reference.
        adc: reads the amplifiers' outputs; for the share of equal codes.
        read_voltage: largest input, V; inputs are bipolar.
        access_volts: largest voltage over the access device of gated cells, V.
        potential: largest potential of an output line at a cell, above the reference, V.
        plan: the runs.
        bound: of the error of a tile's reads.
        limits: of the verdict.
        seed: of states, dies and inputs.
        simulator: limits on its processes; no part of the spec's key.

    Example:
        >>> from mtjspice import Calibration, read_spec
        >>> read_spec("examples/passive15/calibration.toml", Calibration).plan.vectors
        60
    """

    name: Name
    crossbar: Crossbar
    die: Die = Die()
    periphery: Periphery = VirtualGround()
    technology: Technology = Technology()
    dac: Converter = Converter()
    adc: Converter = Converter()
    read_voltage: ReadVoltage = 0.1
    access_volts: PositiveVoltage = 0.2
    potential: PositiveVoltage = 0.1
    plan: Plan = Plan()
    bound: ErrorBound = ErrorBound()
    limits: CardLimits = CardLimits()
    seed: Seed = 0
    simulator: SimulatorLimits = Resources()

    @model_validator(mode="after")
    def _check_range(self) -> Self:
        if self.crossbar.cell.series == "own":
            raise ValueError(
                f"crossbar.cell.kind ({self.crossbar.cell.kind}) has no calibration card: a card "
                "holds powers of small voltages, which do not follow the law of such a cell; "
                "allowed are cells with nothing or transistors in series with the junction"
            )
        if self.die.defects:
            raise ValueError("die.defects must be left out: the plan draws defects of its own")
        self.die.check_short(self.crossbar.cell.mtj, drawn=True)
        if self.seed > MOST_SEED:
            raise ValueError(f"seed must be at most {MOST_SEED}: dies count on from it")
        if self.potential < self.read_voltage:
            raise ValueError(
                f"potential ({self.potential:g} V) must be at least read_voltage "
                f"({self.read_voltage:g} V): an output line may follow its inputs"
            )
        furthest = abs(self.periphery.reference) + max(self.potential, self.access_volts)
        if furthest > VOLTS.high:
            raise ValueError(
                f"periphery.reference ({self.periphery.reference:g} V) with potential "
                f"({self.potential:g} V) or access_volts ({self.access_volts:g} V) must stay "
                f"within {VOLTS.high:g} V of ground"
            )
        self._check_converter()
        least = 1.5 * self.read_voltage
        if self.access_volts < least * (1 - ROUNDING):
            raise ValueError(
                f"access_volts ({self.access_volts:g} V) must be at least 1.5 read voltages "
                f"({least:g} V): a short leaves the whole input to the access device, and the "
                "output line may lie on the other side of the reference"
            )
        return self

    def _check_converter(self) -> None:
        """See that the DAC reaches the read voltage on both sides, finely enough."""
        dac, reference = self.dac, self.periphery.reference
        low, high = reference - self.read_voltage, reference + self.read_voltage
        slack = ROUNDING * dac.lsb
        if low < dac.low - slack or high > dac.high - dac.lsb + slack:
            raise ValueError(
                f"inputs reach from {low:g} to {high:g} V (periphery.reference and read_voltage); "
                f"the DAC gives {dac.low:g} to {dac.high - dac.lsb:g} V"
            )
        if dac.lsb > COARSEST * self.read_voltage * (1 + ROUNDING):
            raise ValueError(
                f"dac has steps of {dac.lsb:g} V; at most a tenth of read_voltage is of use"
            )
        if abs(dac.offset) > dac.lsb / 2 * (1 + ROUNDING):
            raise ValueError(
                f"dac.offset ({dac.offset:g} V) must be at most half a step: the inputs that are "
                "judged would leave the range of the card"
            )
