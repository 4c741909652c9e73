"""How a tile is written: the pulse, and the free layer that it switches."""

from typing import Annotated, Literal

from mtjspice.spec.base import Celsius, Spec, Time
from mtjspice.spec.ranges import Within

Magnetisation = Annotated[
    float,
    Within("A/m", 1e3, 1e7, "iron has 1.7e6 A/m, free layers 1e5 to 1.5e6", usual=(1e5, 2e6)),
]
"""A/m, 1e3 to 1e7; ``"1e6 A/m"`` is 1e6."""
Field = Annotated[
    float,
    Within("A/m", 10, 1e7, "anisotropy fields are below 10 T, 8e6 A/m", usual=(1e3, 2e6)),
]
"""A/m, 10 to 1e7."""
Thickness = Annotated[
    float, Within("m", 1e-10, 1e-6, "from one layer of atoms on", usual=(5e-10, 5e-9))
]
"""m, 0.1 nm to 1 µm."""
Damping = Annotated[
    float, Within("1", 1e-5, 1, "the least that was measured is 1e-4", usual=(1e-3, 0.1))
]
"""Gilbert's constant, 1e-5 to 1."""
Efficiency = Annotated[
    float, Within("1", 1e-3, 1, "a share of the electrons' spin", usual=(0.05, 1))
]
"""A share, 0.001 to 1."""
PulseVoltage = Annotated[
    float,
    Within("V", 0.001, 10, "barriers break at 1 to 3 V, drivers take some of it", usual=(0.05, 3)),
]
"""V, 1 mV to 10 V."""


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
    anisotropy_field: Field = 2e5
    thickness: Thickness = 1.3e-9
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

    to_p: PulseVoltage = 0.72
    to_ap: PulseVoltage = 0.58
    length: Time = 5e-9
    free_layer: FreeLayer = FreeLayer()
    temperature: Celsius | None = None
    previous: Literal["random", "p", "ap", "opposite"] = "random"
