"""How a tile is written: the pulse, and the free layer that it switches."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from mtjspice.spec.base import Celsius, Length, PositiveVoltage, Share, Spec, Time, quantity

Magnetisation = Annotated[
    float, BeforeValidator(quantity("A/m")), Field(gt=0, le=1e9, allow_inf_nan=False)
]
"""A/m, of a magnetisation or a field; ``"1e6 A/m"`` is 1e6."""
Damping = Annotated[float, BeforeValidator(quantity("1")), Field(gt=0, le=1)]
"""Gilbert's constant, above 0 to 1."""
Efficiency = Annotated[Share, Field(gt=0)]
"""A share above 0."""


class FreeLayer(Spec):
    """The layer that switches: one macrospin with its easy axis along the current.

    Attributes:
        saturation: magnetisation M_s, A/m.
        anisotropy_field: effective H_k, A/m: what is left after demagnetisation.
        thickness: m.
        damping: Gilbert's α.
        efficiency: η, share of the electrons' spin that becomes torque; the same both ways.

    The defaults are assumptions of this project: with a diameter of 50 nm they make a thermal
    stability of 77 at 27 °C, a critical current of 40 µA and a time constant of 2.3 ns.
    """

    saturation: Magnetisation = 1e6
    anisotropy_field: Magnetisation = 2e5
    thickness: Length = 1.3e-9
    damping: Damping = 0.01
    efficiency: Efficiency = 0.5


class Writing(Spec):
    """One pulse for each junction that is not in its state yet.

    The pulse is applied between the driver of the junction's row and the end of its column, and
    wires, line ends and junction share it. What the other junctions draw is left out.

    Attributes:
        to_p: pulse that writes P, V, before wires.
        to_ap: pulse that writes AP, V.
        length: of either, s.
        free_layer: of the junctions.
        temperature: °C; that of the circuit if left out.
        previous: states before writing: ``random`` (each with one half), all ``p``, all ``ap``, or
            ``opposite`` (every junction has to switch).

    The pulses are assumptions of this project: some of a hundred fail on the arrays of passive15.
    """

    to_p: PositiveVoltage = 0.72
    to_ap: PositiveVoltage = 0.58
    length: Time = 5e-9
    free_layer: FreeLayer = FreeLayer()
    temperature: Celsius | None = None
    previous: Literal["random", "p", "ap", "opposite"] = "random"
