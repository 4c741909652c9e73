"""How a tile is written: the pulse, and the free layer that it switches."""

from typing import Annotated, Literal

from mtjspice.spec.base import Celsius, Spec, Spread, Time
from mtjspice.spec.die import Die
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
CurieTemperature = Annotated[
    float,
    Within(
        "degC",
        300,
        1250,
        "cobalt has the highest of all elements, 1115 °C, and fits to films end little above it; "
        "1420 K is '1420 K'",
        usual=(500, 1250),
    ),
]
"""°C, 300 to 1250; ``"1420 K"`` is 1146.85."""
MagnetisationExponent = Annotated[
    float,
    Within("1", 0, 1, "0 for none; near the Curie point theory and experiment have 0.3 to 0.5"),
]
"""β of M_s ∝ (1 − T/T_C)^β, 0 to 1."""
AnisotropyExponent = Annotated[
    float,
    Within(
        "1",
        0,
        10,
        "0 for none; 1 of interfaces, 2 of crystals, more where H_k is a small difference",
        usual=(0, 3),
    ),
]
"""p of H_k ∝ M_s^p, 0 to 10."""
PulseVoltage = Annotated[
    float,
    Within("V", 0.001, 10, "barriers break at 1 to 3 V, drivers take some of it", usual=(0.05, 3)),
]
"""V, 1 mV to 10 V."""


class FreeLayer(Spec):
    """The layer that switches: one macrospin with its easy axis along the current.

    Attributes:
        saturation: magnetisation M_s at 27 °C, A/m.
        anisotropy_field: effective H_k at 27 °C, A/m: what is left after demagnetisation.
        thickness: of the layer, m.
        damping: Gilbert's α.
        efficiency: η, share of the electrons' spin that becomes torque; the same both ways and at
            all temperatures.
        curie: T_C of M_s(T), °C.
        magnetisation_exponent: β: M_s ∝ (1 − T/T_C)^β with T in K; 0 keeps M_s.
        anisotropy_exponent: p: H_k ∝ M_s^p; 0 keeps H_k.
        sigma_ln_delta: standard deviation of ln Δ from device to device, Δ being the thermal
            stability.
        sigma_ln_ic0: standard deviation of ln I_c0 from device to device, I_c0 being the critical
            current. Δ, I_c0 and the resistances (`die`) are independent of each other.
        sigma_ln_diameter: standard deviation of the logarithm of the diameter from device to
            device, beside what `die.diameters` says of their places. Δ and I_c0 go with the area
            and R_P with one over it; `die.sigma_ln_rp` is the whole spread of R_P, and may not be
            less than twice this one, which is the diameter's part of it.

    The defaults are assumptions of this project: with a diameter of 50 nm they make a thermal
    stability of 77 at 27 °C, a critical current of 39 µA and a time constant of 2.3 ns. How they
    change with temperature is taken from J. Kim et al., IEEE CICC 2015, and the model that goes
    with it: 1420 K, 0.4, and an anisotropy of the interface that goes with M_s², so that H_k goes
    with M_s. `mtjspice.device.switching` says more.
    """

    saturation: Magnetisation = 1e6
    anisotropy_field: Field = 2e5
    thickness: Thickness = 1.3e-9
    damping: Damping = 0.01
    efficiency: Efficiency = 0.5
    curie: CurieTemperature = 1146.85
    magnetisation_exponent: MagnetisationExponent = 0.4
    anisotropy_exponent: AnisotropyExponent = 1.0
    sigma_ln_delta: Spread = 0.0
    sigma_ln_ic0: Spread = 0.0
    sigma_ln_diameter: Spread = 0.0

    def check_diameters(self, die: Die) -> None:
        """Refuse diameters that differ by more than the resistances of a die do.

        Raises:
            ValueError: naming both keys.
        """
        if 2 * self.sigma_ln_diameter > die.sigma_ln_rp:
            raise ValueError(
                f"writing.free_layer.sigma_ln_diameter ({self.sigma_ln_diameter:g}) must be at "
                f"most half of die.sigma_ln_rp ({die.sigma_ln_rp:g}): R_P goes with one over the "
                "area, and its whole spread is die.sigma_ln_rp"
            )


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
