"""Transistors' card, corner and temperature."""

from mtjspice.spec.base import Celsius, FileName, Spec


class Technology(Spec):
    """Where transistor models come from and under which conditions the circuit works.

    Attributes:
        card: the name of a transistor library that ships in ``models/``, or the path of another; in
            a spec's file, relative to its folder.
        corner: a section of that library; the default also for one without sections.
        temperature: of the whole circuit, °C.

    Example:
        >>> from mtjspice import Technology
        >>> Technology(corner="ss", temperature=125.0).card
        'cmos33_bsim4'
    """

    card: FileName = "cmos33_bsim4"
    corner: str = "tt"
    temperature: Celsius = 27.0
