"""Transistors' card, corner and temperature."""

from mtjspice.spec.base import Celsius, Spec


class Technology(Spec):
    """Where transistor models come from and under which conditions the circuit works.

    Attributes:
        card: the name of a card that ships in ``models/``, or the path of another.
        corner: a section of that card.
        temperature: of the whole circuit, °C.
    """

    card: str = "cmos33_bsim4"
    corner: str = "tt"
    temperature: Celsius = 27.0
