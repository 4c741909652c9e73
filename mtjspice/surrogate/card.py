"""Calibration cards: what was fitted, to what, how well it holds, and where it is valid."""

import hashlib
import json
import os
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError

from mtjspice.data.assets import folder
from mtjspice.data.files import write_text
from mtjspice.errors import InputError
from mtjspice.spec.base import Spec, is_path
from mtjspice.spec.calibration import Calibration
from mtjspice.spec.die import DefectKind
from mtjspice.spec.mtj import Mtj
from mtjspice.surrogate.access import AccessModel

VERSION = 1
"""Of the form of cards; a card of another form is refused."""
SUFFIX = ".card.json"
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
    "circuit": "SI",
}
"""Stands in every card, for those who read it by eye."""


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

    input_resistance: float
    gain: float
    zero: float
    clip_low: float
    clip_high: float
    deviation: float


class Correction(Spec):
    """Factors on the groups of terms of the surrogate, fitted to the tiles of the calibration.

    All would be 1 if the expansion left nothing out: the distance from it says how much it does.

    Attributes:
        linear: on the effective matrix.
        own: on the terms in an input's own square and cube.
        mixed: on the terms in an input and the current of the output line.
    """

    linear: float = 1.0
    own: float = 1.0
    mixed: float = 1.0


class Validity(Spec):
    """Where the card holds. Outside of it the surrogate refuses.

    Attributes:
        volts: largest input, V; inputs are bipolar.
        sizes: numbers of rows and columns that were held against ngspice.
        defects: kinds of defects that were.
        sigma_ln_rp: largest spread of ln R_P, device and die together.
        sigma_ln_tmr: the same for ln TMR0.
        mismatch: largest transistor mismatch, in units of the card's Pelgrom coefficient.
        short_resistance: least resistance of a short, Ω.
        bridge_resistance: least resistance of a bridge between lines, Ω.
        shorts: largest share of shorted cells on a tile.
        cells: of the tile that was calibrated.
        access_current: largest current through an access device, A; None without access devices.
    """

    volts: float
    sizes: tuple[tuple[int, int], ...]
    defects: tuple[DefectKind, ...]
    sigma_ln_rp: float
    sigma_ln_tmr: float
    mismatch: float
    short_resistance: float
    bridge_resistance: float
    shorts: float
    cells: int
    access_current: float | None = None


class HeldOut(Spec):
    """Errors against ngspice on one group of runs, as shares of full scale.

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
            zero in ngspice; None without any.
        equal_codes: share of equal ADC codes among outputs that are not clipped; None without any.
    """

    group: str
    level: str
    tiles: int
    reads: int
    rms: float
    p999: float
    maximum: float
    equal_signs: float | None = None
    equal_codes: float | None = None


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
        errors: against ngspice on runs that were not fitted.
        planned: number of simulations that the plan asked for.
        failed: the simulations that failed, by name; the fit did without them.
        broken: the limits of the calibration that do not hold.
        data_key: SHA-256 over the keys of all simulations used.
        versions: of everything that matters.
        units: of the numbers above.
    """

    version: Annotated[int, Field(strict=True)] = VERSION
    name: str
    circuit: Calibration
    access: AccessModel | None = None
    amplifier: AmplifierModel | None = None
    correction: Correction = Correction()
    validity: Validity
    errors: tuple[HeldOut, ...] = ()
    planned: int
    failed: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()
    data_key: str
    versions: dict[str, str]
    units: dict[str, str] = UNITS


def nominal_full_scale(mtj: Mtj, rows: int, read_voltage: float) -> float:
    """Current of a column of nominal P junctions, every row at the read voltage, no wires, A.

    What the errors of a card are shares of.
    """
    return rows * read_voltage / mtj.r_p


def save_card(card: Card, path: Path) -> None:
    """Write a card whole, with its checksum; the same card gives the same bytes in a folder."""
    folder = path.parent.resolve()
    content = json.loads(card.canonical(lambda name: _relative(name, folder)))
    text = json.dumps({"checksum": _checksum(content), "card": content}, indent=1)
    write_text(path, text + "\n")


def load_card(name: str | Path) -> Card:
    """Read a card: of those that ship by its name, such as ``die20k``; any other by its path.

    A transistor library that it names by a relative path is taken from the card's folder on.

    Raises:
        InputError: if there is none, if it was changed after it was written, or if it is of another
            version.
    """
    path = Path(name)
    if not is_path(str(name)):
        path = folder("models") / f"{name}{SUFFIX}"
        if not path.is_file():
            shipped = sorted(p.name.removesuffix(SUFFIX) for p in path.parent.glob(f"*{SUFFIX}"))
            allowed = (
                f"is no card that ships ({', '.join(shipped)}); give others by their .json path"
            )
            raise InputError(source="card", value=str(name), allowed=allowed)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        checksum, card = content["checksum"], content["card"]
        version = card["version"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(source=path, allowed=f"is not a calibration card: {error!r}") from None
    if version != VERSION:
        allowed = f"must be {VERSION}; run `mtjspice calibrate` again for this version of mtjspice"
        raise InputError(source=path, key="card.version", value=version, allowed=allowed)
    if checksum != _checksum(card):
        allowed = f"does not match the content ({_checksum(card)}): the card was changed or damaged"
        raise InputError(source=path, key="checksum", value=checksum, allowed=allowed)
    try:
        return Card.model_validate(card, context={"folder": path.parent.resolve()})
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(["card", *map(str, first["loc"])])
        raise InputError(source=path, key=key, allowed=str(first["msg"])) from None


def _relative(name: str, folder: Path) -> str:
    """A file that a card names, from the card's folder on; names of what ships stay."""
    return os.path.relpath(name, folder) if is_path(name) else name


def _checksum(content: Any) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
