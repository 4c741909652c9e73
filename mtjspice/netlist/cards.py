"""Transistor cards: a section is read from its file and written into the netlist whole.

A netlist with its models inside is the same on every machine, and its key holds all that determines
a result. A card is a file with corners as ``.lib <name>`` … ``.endl`` sections. Comment lines say
what a program has to know of it::

    * range lmin=0.35u lmax=20u wmin=0.4u wmax=1000u
    * pelgrom avt_n=7.5m avt_p=9m

(lengths in m, Pelgrom coefficients in V·µm). A card without them, such as a foundry's, is taken
without size check and without mismatch.
"""

import math
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from mtjspice.data.assets import folder
from mtjspice.errors import InputError
from mtjspice.spec.cell import Transistor
from mtjspice.spec.technology import Technology
from mtjspice.units import parse_quantity

CARD = re.MULTILINE | re.DOTALL | re.IGNORECASE
COMMENTS = frozenset({"lmin", "lmax", "wmin", "wmax", "avt_n", "avt_p"})
"""What comment lines of a card can say to a program."""


@dataclass(frozen=True)
class Card:
    """One corner of a card.

    Attributes:
        source: the file, for errors.
        text: the section, as ngspice reads it.
        channels: ``nmos`` or ``pmos`` by the name of each model.
        limits: what the ``range`` comment says, m; empty without one.
        pelgrom: what the ``pelgrom`` comment says, V·m; empty without one.
        shifts: whether its models take a threshold shift; ngspice's levels 1 to 3 do not.
    """

    source: Path
    text: str
    channels: dict[str, str]
    limits: dict[str, float]
    pelgrom: dict[str, float]
    shifts: bool

    def check(self, transistor: Transistor) -> None:
        """Refuse a model that the card lacks and a size outside its range.

        Raises:
            InputError: naming the transistor's key, value and what is allowed.
        """
        self.check_models(transistor.model)
        for name, value in (("l", transistor.length), ("w", transistor.width)):
            low = self.limits.get(f"{name}min", 0.0)
            high = self.limits.get(f"{name}max", math.inf)
            if not low * (1 - 1e-9) <= value <= high * (1 + 1e-9):
                raise InputError(
                    source=self.source,
                    key={"l": "length", "w": "width"}[name],
                    value=value,
                    allowed=f"the card is for {low:g} to {high:g} m",
                )

    def check_models(self, *names: str) -> None:
        """Refuse models that the card lacks.

        Raises:
            InputError: naming the first of them, and those that the card has.
        """
        for name in names:
            if name.lower() not in self.channels:
                raise InputError(
                    source=self.source,
                    key="model",
                    value=name,
                    allowed=f"the card has {', '.join(self.channels) or 'no transistors'}",
                )

    def check_shifts(self) -> None:
        """Refuse mismatch with models that take no threshold shift.

        Raises:
            InputError: naming the card.
        """
        if not self.shifts:
            raise InputError(
                source=self.source,
                key="mismatch",
                allowed="ngspice's levels 1 to 3 take no threshold shift; use a BSIM4 card",
            )

    def threshold_sigma(self, transistor: Transistor) -> float:
        """Standard deviation of one transistor's threshold, V: A_VT/√(2WL).

        Pelgrom's law gives the difference of a pair, A_VT/√(WL); one of the two has 1/√2 of it
        (M. Pelgrom et al., IEEE J. Solid-State Circuits 24, 1433 (1989)).
        """
        self.check(transistor)
        channel = "avt_n" if self.channels[transistor.model.lower()] == "nmos" else "avt_p"
        area = transistor.width * transistor.length
        return self.pelgrom.get(channel, 0.0) / math.sqrt(2 * area)


def read_card(technology: Technology) -> Card:
    """Read a corner of a card that ships with the package, or of a file.

    Raises:
        InputError: if the file cannot be read or lacks the corner; the message lists those it has.
    """
    shipped = folder("models") / f"{technology.card}.lib"
    path = shipped if shipped.is_file() else Path(technology.card)
    try:
        return _parse(path, path.stat().st_mtime_ns, technology.corner)
    except (OSError, ValueError) as error:
        ours = sorted(p.stem for p in folder("models").glob("cmos*.lib"))
        raise InputError(
            source="technology",
            key="card",
            value=technology.card,
            allowed=f"cannot be read ({error}); give a file or one of {', '.join(ours)}",
        ) from None


@lru_cache
def read_subcircuit(name: str) -> str:
    """The text of a subcircuit of ``models/periphery.lib``."""
    text = (folder("models") / "periphery.lib").read_text(encoding="utf-8")
    match = re.search(rf"^\.subckt {name} .*?^\.ends {name}$", text, re.MULTILINE | re.DOTALL)
    assert match is not None, name
    return match[0]


@lru_cache(maxsize=32)
def _parse(path: Path, _changed: int, corner: str) -> Card:
    text = path.read_text(encoding="utf-8")
    sections = {
        match[1].lower(): match[2].strip("\n")
        for match in re.finditer(r"^\.lib[ \t]+['\"]?(\w+)['\"]?[ \t]*\n(.*?)^\.endl\b", text, CARD)
    }
    if corner.lower() not in sections:
        raise InputError(
            source=path,
            key="corner",
            value=corner,
            allowed=f"the card has {', '.join(sections) or 'no corners'}",
        )
    section = sections[corner.lower()]
    models = re.findall(r"^\.model\s+(\S+)\s+(nmos|pmos)\b(.*?)(?=^\.|\Z)", section, CARD)
    levels = [re.search(r"\blevel\s*=\s*(\d+)", body, re.IGNORECASE) for _, _, body in models]
    return Card(
        source=path,
        text=section,
        channels={name.lower(): channel.lower() for name, channel, _ in models},
        limits=_comment(path, text, "range", "m", 1.0),
        pelgrom=_comment(path, text, "pelgrom", "1", 1e-6),
        shifts=all(level and int(level[1]) > 3 for level in levels),
    )


def _comment(path: Path, text: str, word: str, unit: str, factor: float) -> dict[str, float]:
    """The ``name=value`` pairs behind ``* word``, of those names that mean something."""
    line = re.search(rf"^\*\s*{word}\s+(.*)$", text, re.MULTILINE | re.IGNORECASE)
    pairs = re.findall(r"(\w+)=(\S+)", line[1]) if line else []
    try:
        return {k: factor * parse_quantity(value, unit) for k, value in pairs if k in COMMENTS}
    except ValueError as error:
        raise InputError(
            source=path, key=f"* {word}", value=line and line[0], allowed=str(error)
        ) from None
