"""Transistor cards: what of a transistor library a netlist takes in.

A library is a file with corners as ``.lib <name>`` … ``.endl`` sections. `mtjspice.netlist.library`
reads a section as data; its transistor models are written into the netlist anew, so that a netlist
is the same on every machine, and its key holds all that determines a result. A library without
sections, such as a file of one ``.model``, is taken whole, and only where the corner is left at the
spec's default.

Models named ``NAME.1``, ``NAME.2``, … with lmin, lmax, wmin and wmax are bins: where a transistor
asks for ``NAME``, the netlist names the bin of its size. Comment lines of the library's own file
say what a program has to know of it::

    * range lmin=0.35u lmax=20u wmin=0.4u wmax=1000u
    * pelgrom avt_n=7.5m avt_p=9m

(lengths in m, Pelgrom coefficients in V·µm). A library without them, such as a foundry's, is taken
with its models' own ranges; mismatch is then refused.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from mtjspice.data.assets import folder
from mtjspice.errors import InputError
from mtjspice.netlist.library import Library, TransistorModel
from mtjspice.netlist.nodes import is_node
from mtjspice.spec.base import is_path
from mtjspice.spec.cell import Transistor
from mtjspice.spec.technology import Technology
from mtjspice.units import parse_quantity

SIZES = {"length": ("lmin", "lmax"), "width": ("wmin", "wmax")}
LIMITS = frozenset(name for pair in SIZES.values() for name in pair)
COMMENTS = LIMITS | {"avt_n", "avt_p"}
"""What comment lines of a card can say to a program."""
FLAGS = frozenset({"off", "thermal", "tnodeout"})
"""Words behind which SPICE looks for no model's name; a point in a name divides words there."""
CORNER = Technology.model_fields["corner"].default
"""The corner that stands for a library without sections."""


@dataclass(frozen=True)
class Card:
    """One corner of a card.

    Attributes:
        source: the file, for errors.
        models: its transistor models by name.
        channels: ``nmos`` or ``pmos`` by the name of each model.
        ranges: lmin, lmax, wmin, wmax of each model that says them, m.
        limits: what the ``range`` comment says, m; empty without one.
        pelgrom: what the ``pelgrom`` comment says, V·m; empty without one.
        shifts: whether all of its models take a threshold shift: BSIM3 from 3.2 and BSIM4 do.
    """

    source: Path
    models: dict[str, TransistorModel]
    channels: dict[str, str]
    ranges: dict[str, dict[str, float]]
    limits: dict[str, float]
    pelgrom: dict[str, float]
    shifts: bool

    def named(self, transistor: Transistor) -> str:
        """The model that a netlist names for a transistor: its own, or the bin of its size.

        Bins reach from lmin up to below lmax, and the same in width; the last ones to lmax itself.

        Raises:
            InputError: if the card lacks the model, or has none of this size.
        """
        name = transistor.model.lower()
        bins = [name] if name in self.channels else self._bins(name)
        if not bins:
            self.check_models(name)
        for closed in (False, True):
            for one in bins:
                if _fits(transistor, self.ranges.get(one, {}), closed=closed):
                    return one
        shown = [f"{one} ({_shown(self.ranges[one])})" for one in bins[:12]]
        more = f", and {len(bins) - len(shown)} more" if len(bins) > len(shown) else ""
        raise InputError(
            source=self.source,
            key="length, width",
            value=(transistor.length, transistor.width),
            allowed=f"the card is for {', '.join(shown)}{more}",
        )

    def _bins(self, name: str) -> list[str]:
        """The bins of a model, which say all four limits."""
        return [
            one
            for one, sizes in self.ranges.items()
            if one.rpartition(".")[0] == name
            and one.rpartition(".")[2].isdecimal()
            and sizes.keys() == LIMITS
        ]

    def check(self, transistor: Transistor) -> None:
        """Refuse a model that the card lacks and a size outside its range.

        Raises:
            InputError: naming the transistor's key, value and what is allowed.
        """
        self.named(transistor)
        for name, (least, most) in SIZES.items():
            value = getattr(transistor, name)
            low, high = self.limits.get(least, 0.0), self.limits.get(most, math.inf)
            if not low * (1 - 1e-9) <= value <= high * (1 + 1e-9):
                raise InputError(
                    source=self.source,
                    key=name,
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

    def check_mismatch(self, strength: float, transistors: Sequence[Transistor]) -> None:
        """Refuse mismatch that the library says nothing of, or that its models cannot take.

        Args:
            strength: of the mismatch; without any nothing is asked of the library.
            transistors: that differ.

        Raises:
            InputError: naming the library and the strength.
        """
        if strength == 0 or not transistors:
            return
        missing = {self._coefficient(one) for one in transistors} - self.pelgrom.keys()
        why = None
        if not self.shifts:
            why = "SPICE's models of this level take no threshold shift; use a BSIM4 card"
        elif missing:
            why = (
                "the library does not say how much its transistors differ: add a comment line such "
                f"as '* pelgrom {' '.join(f'{name}=5m' for name in sorted(missing))}' (V um), or "
                "use one that has it"
            )
        if why is not None:
            raise InputError(
                source=self.source,
                key="die.mismatch",
                value=strength,
                allowed=f"must be 0: {why}",
            )

    def _coefficient(self, transistor: Transistor) -> str:
        """What Pelgrom's coefficient of a transistor is called."""
        return "avt_n" if self.channels[self.named(transistor)] == "nmos" else "avt_p"

    def threshold_sigma(self, transistor: Transistor) -> float:
        """Standard deviation of one transistor's threshold, V: A_VT/√(2WL).

        Pelgrom's law gives the difference of a pair, A_VT/√(WL); one of the two has 1/√2 of it
        (M. Pelgrom et al., IEEE J. Solid-State Circuits 24, 1433 (1989)).
        """
        self.check(transistor)
        area = transistor.width * transistor.length
        return self.pelgrom.get(self._coefficient(transistor), 0.0) / math.sqrt(2 * area)


def read_card(technology: Technology) -> Card:
    """Read a corner of a library that ships with the package, or of a file.

    Raises:
        InputError: if the file cannot be read, holds what is not allowed in a library, or lacks the
            corner; the message lists those it has.
    """
    name = technology.card
    path = Path(name) if is_path(name) else folder("models") / f"{name}.lib"
    corner = technology.corner.lower()
    known = _READ.get((path, corner))
    if known is None or any(_stamp(file) != stamp for file, stamp in known[1].items()):
        try:
            library = Library(path)
        except InputError as error:
            if error.key:
                raise
            ours = sorted(p.stem for p in folder("models").glob("cmos*.lib"))
            raise InputError(
                source="technology",
                key="card",
                value=name,
                allowed=f"{error.allowed}; give a file or one of {', '.join(ours)}",
            ) from None
        card = _card(library, technology.corner)
        known = card, {file: _stamp(file) for file in library.files}
        if len(_READ) >= 64:
            _READ.clear()
        _READ[path, corner] = known
    return known[0]


_READ: dict[tuple[Path, str], tuple[Card, Mapping[Path, object]]] = {}
"""Cards that were read, with what tells whether their files are still the same."""


def _stamp(file: Path) -> object:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


LATCH_TRANSISTORS = tuple(
    Transistor(model=model, width=width, length=45e-9)
    for model, width in (("pmos_12", 2e-6), ("pmos_12", 1e-6), ("nmos_12", 0.5e-6))
)
"""What the latch of ``models/periphery.lib`` is made of."""


def check_latch(card: Card) -> None:
    """Refuse a card that lacks the latch's transistors under their own names, or in their sizes.

    Raises:
        InputError: naming the model, and what the card has.
    """
    card.check_models(*(transistor.model for transistor in LATCH_TRANSISTORS))
    for transistor in LATCH_TRANSISTORS:
        card.check(transistor)


@lru_cache
def read_subcircuit(name: str) -> str:
    """The text of a subcircuit of ``models/periphery.lib``."""
    text = (folder("models") / "periphery.lib").read_text(encoding="utf-8")
    match = re.search(rf"^\.subckt {name} .*?^\.ends {name}$", text, re.MULTILINE | re.DOTALL)
    assert match is not None, name
    return match[0]


def check_together(cards: list[Card]) -> None:
    """Refuse cards of one netlist that call different models by the same name.

    Raises:
        InputError: naming the model and both files.
    """
    for k, card in enumerate(cards):
        for other in cards[:k]:
            twice = sorted(card.channels.keys() & other.channels.keys())
            if twice and card.models != other.models:
                raise InputError(
                    source=card.source,
                    key="model",
                    value=twice[0],
                    allowed=f"is another model in {other.source}, for the same netlist",
                )


def _card(library: Library, corner: str) -> Card:
    """One corner of a library.

    Raises:
        InputError: if it lacks the corner, or SPICE takes a model's name for something else.
    """
    sections = list(library.main.sections)
    if sections and corner.lower() not in sections:
        allowed = f"the card has {', '.join(sections)}"
        raise InputError(source=library.path, key="corner", value=corner, allowed=allowed)
    if not sections and corner != CORNER:
        allowed = f"the card has no corners; leave corner out, or at {CORNER!r}"
        raise InputError(source=library.path, key="corner", value=corner, allowed=allowed)
    models = library.models(corner.lower() if sections else None)
    for model in models:
        if is_node(model.name):
            allowed = "is the name of a node in netlists; SPICE would take the node for the model"
            raise InputError(source=library.path, key="model", value=model.name, allowed=allowed)
        if FLAGS & set(model.name.split(".")):
            allowed = "is a flag of transistors in SPICE, which would not find the model"
            raise InputError(source=library.path, key="model", value=model.name, allowed=allowed)
    return Card(
        source=library.path,
        models={model.name: model for model in models},
        channels={model.name: model.channel for model in models},
        ranges={model.name: sizes for model in models if (sizes := _sizes(model))},
        limits=_comment(library, "range", "m", 1.0),
        pelgrom=_comment(library, "pelgrom", "1", 1e-6),
        shifts=all(model.shifts for model in models),
    )


def _sizes(model: TransistorModel) -> dict[str, float]:
    return {name: value for name, value in model.numbers.items() if name in LIMITS}


def _fits(transistor: Transistor, sizes: Mapping[str, float], *, closed: bool) -> bool:
    """Whether a size is in a range; at its upper end only if `closed`."""
    for name, (least, most) in SIZES.items():
        value, low, high = getattr(transistor, name), sizes.get(least, 0.0), sizes.get(most)
        if value < low * (1 - 1e-9):
            return False
        if high is not None and value > high * (1 + (1e-9 if closed else -1e-9)):
            return False
    return True


def _shown(sizes: Mapping[str, float]) -> str:
    return ", ".join(f"{name}={value:g}" for name, value in sizes.items())


def _comment(library: Library, word: str, unit: str, factor: float) -> dict[str, float]:
    """The ``name=value`` pairs behind ``* word``, of those names that mean something."""
    for number, text in library.main.comments:
        words = text.split(None, 1)
        if len(words) < 2 or words[0].lower() != word:
            continue
        pairs = re.findall(r"(\w+)=(\S+)", words[1])
        try:
            found = {k: factor * parse_quantity(v, unit) for k, v in pairs if k in COMMENTS}
        except ValueError as error:
            raise InputError(
                source=library.path, key=f"line {number}", value=f"*{text}", allowed=str(error)
            ) from None
        if not all(0 <= value < math.inf for value in found.values()):
            allowed = "must be finite and not below zero"
            raise InputError(
                source=library.path, key=f"line {number}", value=f"*{text}", allowed=allowed
            )
        return found
    return {}
