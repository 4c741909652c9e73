"""Calibration cards: what was fitted, to what, how well it holds, and where it is valid."""

import json
import os
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from mtjspice.data.assets import folder
from mtjspice.data.checksums import checksum_of
from mtjspice.data.files import write_text
from mtjspice.errors import InputError
from mtjspice.reading import MIB, read_json
from mtjspice.solver.access import AccessModel
from mtjspice.spec.base import Name, Spec, is_path
from mtjspice.spec.calibration import Calibration
from mtjspice.spec.defects import DefectKind
from mtjspice.spec.mtj import Mtj
from mtjspice.spec.toml import build_spec

VERSION = 2
"""Of the form of cards; a card of another form is refused."""
SUFFIX = ".card.json"
MOST = 16 * MIB
"""Largest file of a card, bytes."""
ROUNDING = 1e-9
UNITS = {
    "access.resistance": "Ohm",
    "access.sensitivity": "Ohm/V",
    "access.current_scale": "A",
    "access.potential_scale": "V",
    "access.threshold_sigma": "V",
    "amplifier.input_resistance": "Ohm",
    "amplifier.gain": "Ohm",
    "amplifier.zero": "V",
    "amplifier.clip_low": "V",
    "amplifier.clip_high": "V",
    "amplifier.deviation": "V",
    "correction": "1",
    "validity.volts": "V",
    "validity.short_resistance": "Ohm",
    "validity.bridge_resistance": "Ohm",
    "validity.access_current": "A",
    "errors": "share of full scale",
    "bound": "share of full scale",
    "circuit": "SI",
}
"""Stands in every card, for those who read it by eye."""

Volts = Annotated[float, Field(ge=-1e3, le=1e3, strict=True)]
PositiveVolts = Annotated[float, Field(gt=0, le=1e3, strict=True)]
Ohms = Annotated[float, Field(ge=0, le=1e12, strict=True)]
PositiveOhms = Annotated[float, Field(gt=0, le=1e12, strict=True)]
Part = Annotated[float, Field(ge=0, le=1, strict=True)]
Size = Annotated[float, Field(ge=0, le=1e6, strict=True)]
"""A magnitude: of an error as a share of full scale, of a spread."""
Factor = Annotated[float, Field(ge=-1e6, le=1e6, strict=True)]
Several = Annotated[int, Field(ge=1, le=10**9, strict=True)]
Line = Annotated[str, Field(strict=True, max_length=300, pattern=r"^[^\x00-\x1f\x7f]*$")]
"""A line of text."""


class AmplifierModel(Spec):
    """What was fitted to the amplifier's sweep.

    Attributes:
        input_resistance: between the column's end and the virtual ground, Ω.
        gain: transimpedance, Ω.
        zero: output without current, V.
        clip_low: lowest output, V.
        clip_high: highest output, V.
        deviation: largest difference from the sweep, V.
    """

    input_resistance: Ohms
    gain: PositiveOhms
    zero: Volts
    clip_low: Volts
    clip_high: Volts
    deviation: Annotated[float, Field(ge=0, le=1e3, strict=True)]

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if not self.clip_low < self.clip_high:
            raise ValueError(
                f"clip_low ({self.clip_low:g} V) must be below clip_high ({self.clip_high:g} V)"
            )
        return self


class Correction(Spec):
    """Factors on the groups of terms of the surrogate, fitted to the tiles of the calibration.

    All would be 1 if the expansion left nothing out: the distance from it says how much it does.

    Attributes:
        linear: on the effective matrix.
        own: on the terms in an input's own square and cube.
        mixed: on the terms in an input and the current of the output line.
    """

    linear: Annotated[float, Field(gt=0, le=1e3, strict=True)] = 1.0
    own: Factor = 1.0
    mixed: Factor = 1.0


class Validity(Spec):
    """Where the card holds. Outside of it the surrogate refuses.

    Attributes:
        volts: largest input, V; inputs are bipolar.
        sizes: numbers of rows and columns that were held against SPICE.
        defects: kinds of defects that were.
        sigma_ln_rp: largest spread of ln R_P, device and die together.
        sigma_ln_tmr: the same for ln TMR0.
        mismatch: largest transistor mismatch, in units of the card's Pelgrom coefficient.
        short_resistance: least resistance of a short, Ω.
        bridge_resistance: least resistance of a bridge between lines, Ω.
        shorts: largest share of cells on a tile that are shorted, or conduct more than sound ones.
        cells: of the tile that was calibrated.
        access_current: largest current through an access device, A; None without access devices.
    """

    volts: PositiveVolts
    sizes: tuple[tuple[Several, Several], ...]
    defects: tuple[DefectKind, ...]
    sigma_ln_rp: Size
    sigma_ln_tmr: Size
    mismatch: Size
    short_resistance: PositiveOhms
    bridge_resistance: PositiveOhms
    shorts: Part
    cells: Several
    access_current: Annotated[float, Field(gt=0, le=1e3, strict=True)] | None = None


class NodalErrors(Spec):
    """What the nodal solver is off, as shares of full scale, on one kind of tiles.

    Attributes:
        rms: largest root mean square over a group of runs with inputs that were not searched.
        bound: `Bound.margin` times the largest error of all, or times the simulator's own tolerance
            (1e-8) where that is larger.
    """

    rms: Size
    bound: Size


class Bound(Spec):
    """What bounds the error of a tile's reads against SPICE, as shares of full scale.

    Each tile has a bound of its own: `margin` times the largest difference between expansion and
    nodal solver that a short search over inputs finds on it, plus what bounds the solver. That it
    covers what a longer search finds, in SPICE, is judged (`HeldOut.over_bound`).

    Attributes:
        margin: factor on the largest difference that was found.
        expansion: tiles whose part of the expansion is beyond this are read by the nodal solver.
        nodal: of the nodal solver on all other tiles.
        shorted: of the nodal solver on tiles with shorts or others that conduct more than a sound
            junction, whose access devices carry more.
    """

    margin: Annotated[float, Field(ge=1, le=100, strict=True)]
    expansion: Part
    nodal: NodalErrors
    shorted: NodalErrors


class HeldOut(Spec):
    """Errors against SPICE on one group of runs, as shares of full scale.

    Full scale is the current of a column of nominal P junctions with every row at the read voltage
    and no resistance besides theirs.

    Attributes:
        group: what was new to the surrogate: inputs, tiles, defects, size.
        level: of the surrogate.
        tiles: how many.
        reads: output currents compared.
        rms: root mean square.
        p999: 99.9th percentile of the magnitude.
        maximum: of the magnitude.
        equal_signs: share of equal signs among differences of neighbouring outputs that are not
            zero in SPICE; None without any.
        equal_codes: share of equal ADC codes among outputs that are not clipped; None without any.
        rms_low: of cards that were made before such ends were found to be too near where few tiles
            carry the error (Student's t over the tiles); nothing reads it.
        rms_high: the same.
        differences: number of the differences of `equal_signs`.
        signal: root mean square of the currents in SPICE.
        by_nodal: tiles that level ``full`` leaves to the nodal solver.
        over_bound: largest error over the bound of its tile; of level ``full`` only.
    """

    group: Name
    level: Literal["ideal", "linear", "full", "nodal"]
    tiles: Several
    reads: Several
    rms: Size
    p999: Size
    maximum: Size
    equal_signs: Part | None = None
    equal_codes: Part | None = None
    rms_low: Size | None = None
    rms_high: Size | None = None
    differences: Annotated[int, Field(ge=0, le=10**12, strict=True)] = 0
    signal: Size
    by_nodal: Annotated[int, Field(ge=0, le=10**9, strict=True)] = 0
    over_bound: Size | None = None

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        for name in ("rms", "p999"):
            value = getattr(self, name)
            if value > self.maximum * (1 + ROUNDING):
                raise ValueError(f"{name} ({value:g}) is above the maximum ({self.maximum:g})")
        return self


class Card(Spec):
    """A calibration card.

    Attributes:
        version: of the form.
        name: as of the calibration.
        circuit: what was calibrated.
        access: device in series with the junctions; None for passive cells.
        amplifier: of the columns; None without.
        correction: fitted factors.
        validity: where it holds.
        bound: of the error of a tile's reads.
        errors: against SPICE on runs that were not fitted.
        planned: number of simulations that the plan asked for.
        failed: the simulations that failed, by name; the fit did without them.
        broken: the limits of the calibration that do not hold.
        data_key: SHA-256 over the keys of all simulations used.
        versions: of everything that matters.
        units: of the numbers above.
    """

    version: Annotated[int, Field(strict=True)] = VERSION
    name: Name
    circuit: Calibration
    access: AccessModel | None = None
    amplifier: AmplifierModel | None = None
    correction: Correction = Correction()
    validity: Validity
    bound: Bound
    errors: tuple[HeldOut, ...] = ()
    planned: Several
    failed: tuple[Line, ...] = ()
    broken: tuple[Line, ...] = ()
    data_key: Annotated[str, Field(strict=True, pattern=r"^[0-9a-f]{64}$")]
    versions: dict[Line, Line]
    units: dict[str, str] = UNITS

    @model_validator(mode="after")
    def _check_whole(self) -> Self:
        """See that the parts are of one circuit."""
        circuit = self.circuit
        if self.units != UNITS:
            raise ValueError(f"units must be those of this version of cards: {UNITS}")
        for name, needed in (
            ("access", circuit.crossbar.cell.series == "measured"),
            ("amplifier", circuit.periphery.amplifier is not None),
        ):
            if needed != (getattr(self, name) is not None):
                there = "is missing" if needed else "must be left out"
                raise ValueError(
                    f"{name} {there}: the circuit has {circuit.crossbar.cell.kind} cells and "
                    f"{circuit.periphery.kind} columns"
                )
        if self.access is not None and not self.access.least_resistance > 0:
            raise ValueError(
                "access.resistance must be above zero over the whole range of currents and "
                f"potentials; it is {self.access.least_resistance:g} Ohm where it is least"
            )
        return self


def nominal_full_scale(mtj: Mtj, rows: int, read_voltage: float) -> float:
    """Current of a column of nominal P junctions, every row at the read voltage, no wires, A.

    What the errors of a card are shares of.
    """
    return rows * read_voltage / mtj.r_p


def save_card(card: Card, path: Path) -> None:
    """Write a card whole, with its checksum; the same card gives the same bytes in a folder."""
    folder = path.parent.resolve()
    content = json.loads(card.canonical(lambda name: _relative(name, folder)))
    text = json.dumps({"checksum": checksum_of(content), "card": content}, indent=1)
    write_text(path, text + "\n")


def load_card(name: str | Path) -> Card:
    """Read a card: of those that ship by its name, such as ``die20k``; any other by its path.

    A transistor library that it names by a relative path is taken from the card's folder on.

    Raises:
        InputError: if there is none, if it was changed after it was written, or if it is of another
            version.

    Example:
        >>> from mtjspice import load_card
        >>> load_card("die20k").circuit.crossbar.shape
        (25, 25)
    """
    path = Path(name)
    if not is_path(str(name)):
        path = folder("models") / f"{name}{SUFFIX}"
        if not os.path.isfile(path):  # noqa: PTH113, a name that is too long is no error there
            shipped = sorted(p.name.removesuffix(SUFFIX) for p in path.parent.glob(f"*{SUFFIX}"))
            allowed = (
                f"is no card that ships ({', '.join(shipped)}); give others by their .json path"
            )
            raise InputError(source="card", value=str(name), allowed=allowed)
    try:
        content = read_json(path, MOST)
    except InputError as error:
        allowed = f"is not a calibration card: it {error.allowed}"
        raise InputError(source=path, key=error.key, value=error.value, allowed=allowed) from None
    try:
        checksum, card = content["checksum"], content["card"]
        version = card["version"]
    except (KeyError, TypeError) as error:
        raise InputError(source=path, allowed=f"is not a calibration card: {error!r}") from None
    if more := sorted(content.keys() - {"checksum", "card"}):
        raise InputError(
            source=path, key=more[0], allowed="unknown key; allowed are checksum, card"
        )
    if version != VERSION or isinstance(version, bool):
        allowed = (
            f"must be {VERSION}: calibrate it anew with this version of mtjspice, by "
            "`mtjspice calibrate SPEC.toml`; those that ship, by `make cards`"
        )
        raise InputError(source=path, key="card.version", value=version, allowed=allowed)
    if checksum != (found := checksum_of(card)):
        allowed = f"does not match the content ({found}): the card was changed or damaged"
        raise InputError(source=path, key="checksum", value=checksum, allowed=allowed)
    return build_spec({"card": card}, _File, source=path, folder=path.parent.resolve()).card


def _relative(name: str, folder: Path) -> str:
    """A file that a card names, from the card's folder on; names of what ships stay."""
    return os.path.relpath(name, folder) if is_path(name) else name


class _File(Spec):
    """What was checked of a file, so that errors name places in it."""

    card: Card
